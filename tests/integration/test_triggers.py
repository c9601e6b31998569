"""Triggers as the automation editor stores them, with calls of a PBX."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
import yaml

from custom_components.yeastar.condition import CONDITIONS
from custom_components.yeastar.trigger import TRIGGERS
from custom_components.yeastar.triggers.call_filter import NumberPatterns
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    icon,
    label_registry as lr,
    trigger as trigger_helper,
)
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.conftest import Wait
from tests.simulator import Fault, Simulator
from tests.simulator.calls import Call as PlayedCall
from tests.simulator.readings import DtmfInfo, InboundTo

from .helpers import Runs, automate, device, entity, heard, set_up, tell_late, turn_off

MINUTE = 60.0
ADA = "0301234567"
INTEGRATION = Path(__file__).parents[2] / "custom_components/yeastar"


async def from_ada(pbx: Simulator, to: str = "1001") -> PlayedCall:
    """Let somebody outside ring a phone or a group."""
    call = await pbx.calls.inbound("siptrunk", ADA, "5551000", to=to)
    await call.ring()
    return call


async def missed(
    pbx: Simulator, wait: Wait, seconds: float = 5, to: str = "1001"
) -> None:
    """Let somebody outside call in vain."""
    call = await from_ada(pbx, to)
    await wait(seconds, step=1)
    await call.hang_up()
    await wait(4, step=1)


async def answered(pbx: Simulator, wait: Wait, by: str = "1001", to: str = "") -> None:
    """Let somebody outside talk to somebody."""
    call = await from_ada(pbx, to or by)
    await wait(4, step=1)
    await call.answer(by=by)
    await wait(30)
    await call.hang_up(by=by)
    await wait(4, step=1)


def on(
    key: str, *device_ids: str, options: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a trigger for devices, as the editor stores it."""
    return {
        "trigger": f"yeastar.{key}",
        "target": {"device_id": list(device_ids)},
        "options": options or {},
    }


# --- Calls ---


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("by", ["device", "area", "floorless label", "entity"])
async def test_a_call_fires_once_for_whatever_names_its_phones(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, by: str
) -> None:
    phones = [device(hass, pbx, f"extension_{number}") for number in ("1000", "1001")]
    devices = dr.async_get(hass)
    target: dict[str, Any] = {"device_id": phones}
    if by == "area":
        area = ar.async_get(hass).async_create("Office")
        for phone in phones:
            devices.async_update_device(phone, area_id=area.id)
        target = {"area_id": area.id}
    elif by == "floorless label":
        label = lr.async_get(hass).async_create("Phones")
        for phone in phones:
            devices.async_update_device(phone, labels={label.label_id})
        target = {"label_id": [label.label_id]}
    elif by == "entity":
        target = {
            "entity_id": [
                entity(hass, pbx, "event", f"extension_{number}_call")
                for number in ("1000", "1001")
            ]
        }
    told = async_capture_events(hass, "yeastar_call")
    runs = await automate(
        hass,
        *(
            {"trigger": f"yeastar.{key}", "target": target, "options": {}, "id": key}
            for key in ("call_started_ringing", "call_answered", "call_ended")
        ),
    )
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await wait(10)
    await call.hang_up(by="1000")
    await wait(4, step=1)
    other = await pbx.calls.internal("1002", "1003")
    await other.ring()
    await wait(4, step=1)
    await other.hang_up()
    await wait(4, step=1)
    assert [run["id"] for run in runs] == [
        "call_started_ringing",
        "call_answered",
        "call_ended",
    ]
    # The whole call is there, as the event has it.
    assert [run["call"] for run in runs] == [dict(event.data) for event in told[:3]]
    assert runs[0]["platform"] == "yeastar.call_started_ringing"
    assert runs[0]["description"] == "a call that started ringing"
    assert (runs[0]["call"]["caller_number"], runs[0]["call"]["caller_name"]) == (
        "1000",
        "Jayson",
    )


@pytest.mark.usefixtures("loaded")
async def test_each_trigger_tells_of_its_own_step_only(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    phone = device(hass, pbx, "extension_1001")
    runs = await automate(
        hass,
        *(
            {**on(key, phone), "id": key}
            for key in (
                "call_started_ringing",
                "call_answered",
                "call_ended",
                "call_missed",
            )
        ),
    )
    await answered(pbx, wait)
    assert [run["id"] for run in runs] == [
        "call_started_ringing",
        "call_answered",
        "call_ended",
    ]
    runs.clear()
    await missed(pbx, wait)
    # Over is over: a muted television has to come back after this, too.
    assert [run["id"] for run in runs] == [
        "call_started_ringing",
        "call_ended",
        "call_missed",
    ]
    runs.clear()
    call = await pbx.calls.outbound("1001", "0309999999")
    await call.ring()
    await call.hang_up()
    await wait(4, step=1)
    assert [run["id"] for run in runs] == ["call_started_ringing", "call_ended"]
    assert runs[-1]["call"]["type"] == "failed"


@pytest.mark.usefixtures("loaded")
async def test_the_pbx_as_target_means_everybody_and_a_queue_its_callers(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    everybody = {**on("call_missed", device(hass, pbx)), "id": "everybody"}
    queue = {**on("call_missed", device(hass, pbx, "queue_6700")), "id": "queue"}
    runs = await automate(hass, everybody, queue)
    await missed(pbx, wait, to="6700")
    assert sorted(run["id"] for run in runs) == ["everybody", "queue"]
    assert runs[0]["call"]["path"] == "6700"
    runs.clear()
    await missed(pbx, wait, to="1003")
    assert [run["id"] for run in runs] == ["everybody"]


async def play_internal(pbx: Simulator, wait: Wait) -> None:
    """Let an extension call another one in vain."""
    call = await pbx.calls.internal("1001", "1003")
    await call.ring()
    await wait(5)
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("key", "role", "target", "fires"),
    [
        ("call_missed", None, "1003", True),
        # Who called did not miss anything.
        ("call_missed", None, "1001", False),
        ("call_missed", "caller", "1001", True),
        ("call_missed", "any", "1001", True),
        ("call_started_ringing", None, "1001", True),
        ("call_started_ringing", "called", "1001", False),
        ("call_started_ringing", "called", "1003", True),
        ("call_ended", "caller", "1003", False),
        ("call_ended", "answered", "1003", False),
    ],
)
async def test_what_an_extension_does_in_the_call_can_be_chosen(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    key: str,
    role: str | None,
    target: str,
    fires: bool,
) -> None:
    options = {"role": role} if role else {}
    phone = device(hass, pbx, f"extension_{target}")
    runs = await automate(hass, on(key, phone, options=options))
    await play_internal(pbx, wait)
    assert len(runs) == fires


@pytest.mark.usefixtures("loaded")
async def test_only_who_answered_in_a_group(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(
        hass,
        *(
            {
                **on(
                    "call_answered",
                    device(hass, pbx, f"extension_{number}"),
                    options={"role": "answered"},
                ),
                "id": number,
            }
            for number in ("1000", "1001", "1002")
        ),
    )
    await answered(pbx, wait, by="1002", to="6200")
    assert [run["id"] for run in runs] == ["1002"]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("options", "fires"),
    [
        ({}, True),
        ({"direction": ["inbound"]}, True),
        ({"direction": ["internal", "outbound"]}, False),
        ({"direction": []}, True),
        ({"number": ["030*"]}, True),
        ({"number": ["+49 (30) 123-4567"]}, True),
        ({"number": ["0309999999"]}, False),
        ({"number": ["0309999999", "?301234567"]}, True),
        # Its own lines and phones are not whom a call is from.
        ({"number": ["5551000", "1001"]}, False),
        ({"did_number": ["555*"]}, True),
        ({"did_number": ["5551001"]}, False),
        ({"path": ["6200"]}, False),
        ({"outcome": ["missed", "voicemail"]}, True),
        ({"outcome": ["busy"]}, False),
        ({"min_ring_time": {"seconds": 5}}, True),
        ({"min_ring_time": {"minutes": 0, "seconds": 6}}, False),
        ({"include_late": True}, True),
    ],
)
async def test_calls_can_be_chosen_without_a_template(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    options: dict[str, Any],
    fires: bool,
) -> None:
    runs = await automate(hass, on("call_missed", device(hass, pbx), options=options))
    await missed(pbx, wait, seconds=5)
    assert len(runs) == fires


@pytest.mark.usefixtures("loaded")
async def test_outgoing_calls_are_chosen_by_the_number_dialed(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    phone = device(hass, pbx, "extension_1001")
    runs = await automate(
        hass,
        {
            **on("call_started_ringing", phone, options={"number": ["0309999999"]}),
            "id": "dialed",
        },
        {
            **on("call_started_ringing", phone, options={"number": ["1001"]}),
            "id": "own",
        },
    )
    call = await pbx.calls.outbound("1001", "0309999999")
    await call.ring()
    await wait(1)
    assert [run["id"] for run in runs] == ["dialed"]
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.usefixtures("loaded")
async def test_a_call_through_a_group_is_chosen_while_it_rings(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    phone = device(hass, pbx, "extension_1001")
    runs = await automate(
        hass, on("call_started_ringing", phone, options={"path": ["6200"]})
    )
    await missed(pbx, wait, to="6200")
    await missed(pbx, wait, to="1001")
    assert [run["call"]["path"] for run in runs] == ["6200"]


@pytest.mark.usefixtures("loaded")
async def test_a_dialed_number_is_chosen_while_it_rings_if_the_pbx_tells_it(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.pbx.readings = replace(pbx.pbx.readings, inbound_to=InboundTo.DID)
    runs = await automate(
        hass,
        on(
            "call_started_ringing",
            device(hass, pbx),
            options={"did_number": ["5551000"]},
        ),
    )
    call = await from_ada(pbx)
    await wait(1)
    assert len(runs) == 1
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.parametrize(
    ("pattern", "number", "same"),
    [
        ("0301234567", "0301234567", True),
        ("0301234567", "+49301234567", True),
        ("+49 30 123 45 67", "0049301234567", True),
        ("0301234567", "0301234568", False),
        ("22 33 44 55", "+4722334455", True),
        ("+47 22 33 44 55", "22334455", True),
        ("32 12 34 56", "004532123456", True),
        ("6123 4567", "+6561234567", True),
        ("06 20 123 4567", "+36201234567", True),
        ("0301234567", "Ada <tel:+49-30-1234567>", True),
        ("0221 4712345", "06221 4712345", False),
        ("+4722334455", "+4522334455", False),
        ("1001", "11001", False),
        ("1001", "1001", True),
        ("10??", "1001", True),
        ("10??", "100", False),
        # As it is written, whatever decorates it.
        ("+49 30 *", "+49301234567", True),
        ("+49 (0)30 *", "0049-30-1234567", True),
        ("0049*", "tel:+49-30-1234567", True),
        ("+*", "00493012345", True),
        ("0*", "00493012345", True),
        ("030*", "(030) 123-45-67", True),
        ("10??", "sip:1001@192.168.1.9", True),
        # With too few digits to tell a number, in no other way.
        ("030*", "+49301234567", False),
        ("+49 30 *", "0301234567", False),
        ("0*", "+49301234567", False),
        ("22??????", "+4722334455", False),
        # With enough of them, with and without country code.
        ("22 33 44 ??", "+4722334455", True),
        ("+47 22 33 44 ??", "22334455", True),
        ("+49 171 555 *", "01715551234", True),
        ("0171 555*", "491715551234", True),
        ("+49 171 555 *", "491715551234", True),
        ("+49 171 555 *", "+431715551234", False),
        ("+49 171 555 *", "0171555", True),
        ("+49 171 555 *", "0171556", False),
        ("22 33 44 ??", "+472233445", False),
        ("anon*", "Anonymous", True),
        ("*567", "*******567", True),
        ("*", "anonymous", True),
        ("Anonymous", "anonymous", True),
        ("*", None, False),
        ("030.123(4)", "0301234", True),
        ("[0-9]*", "0301234", False),
        ("", None, True),
        (" - ", None, True),
    ],
)
def test_numbers_are_matched_as_people_write_them(
    pattern: str, number: str | None, same: bool
) -> None:
    assert NumberPatterns([pattern]).match(number) is same


@pytest.mark.usefixtures("http")
@pytest.mark.parametrize(("pattern", "fires"), [("*567", True), (ADA, False)])
async def test_masked_numbers_match_by_their_last_three_digits_only(
    hass: HomeAssistant,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    pattern: str,
    fires: bool,
) -> None:
    hass.config_entries.async_update_entry(
        entry, options={"mask_numbers": True, "catch_up": True}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    runs = await automate(
        hass, on("call_missed", device(hass, pbx), options={"number": [pattern]})
    )
    await missed(pbx, wait)
    assert len(runs) == fires
    assert ADA not in str(runs)
    await hass.config_entries.async_unload(entry.entry_id)


async def staggered(pbx: Simulator) -> PlayedCall:
    """Let the phones of a group begin to ring one after the other."""
    call = await pbx.calls.inbound("siptrunk", ADA, "5551000", to="6200")
    call.tell(call.story.hunt())
    return call


@pytest.mark.usefixtures("loaded")
async def test_a_phone_that_rings_after_others_of_its_group_starts_its_automation(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    told = async_capture_events(hass, "yeastar_call")
    runs = await automate(
        hass,
        *(
            {
                **on("call_started_ringing", device(hass, pbx, f"extension_{number}")),
                "id": number,
            }
            for number in ("1000", "1001", "1003")
        ),
        {**on("call_started_ringing", device(hass, pbx)), "id": "everybody"},
    )
    call = await staggered(pbx)
    await wait(10)
    assert {run["id"] for run in runs} == {"1000", "everybody"}
    call.tell(call.story.hunt())
    await wait(10)
    assert [run["id"] for run in runs][2:] == ["1001"]
    assert runs[-1]["call"]["caller_number"] == ADA
    await call.hang_up()
    await wait(5)
    assert [event.data["type"] for event in told] == ["ringing", "missed"]


@pytest.mark.usefixtures("loaded")
async def test_two_phones_that_ring_one_after_the_other_start_one_automation_once(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    both = [device(hass, pbx, f"extension_{number}") for number in ("1000", "1001")]
    runs = await automate(
        hass, on("call_started_ringing", *both), on("call_missed", *both)
    )
    for count in (1, 2):
        call = await staggered(pbx)
        await wait(10)
        call.tell(call.story.hunt())
        await wait(10)
        await call.hang_up()
        await wait(5)
        assert len(runs) == 2 * count


@pytest.mark.usefixtures("loaded")
async def test_for_a_phone_that_rang_in_vain_a_call_is_over_when_another_answers(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    loser, winner = (
        device(hass, pbx, f"extension_{number}") for number in ("1000", "1001")
    )
    runs = await automate(
        hass,
        *(
            {**on(key, *phones), "id": f"{key} {name}"}
            for key in ("call_answered", "call_ended")
            for name, phones in (
                ("loser", [loser]),
                ("winner", [winner]),
                ("both", [loser, winner]),
            )
        ),
    )
    call = await from_ada(pbx, to="6200")
    await wait(5)
    await call.answer(by="1001")
    await wait(30)
    assert sorted(run["id"] for run in runs) == [
        "call_answered both",
        "call_answered winner",
        "call_ended loser",
    ]
    runs.clear()
    await call.hang_up()
    await wait(5)
    assert sorted(run["id"] for run in runs) == ["call_ended both", "call_ended winner"]


async def test_calls_found_afterwards_count_only_if_wanted(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    phone = device(hass, pbx, "extension_1001")
    runs = await automate(
        hass,
        *(
            {**on(key, phone, options=options), "id": f"{key} {options}"}
            for key in ("call_missed", "call_ended")
            for options in ({}, {"include_late": True})
        ),
    )
    await tell_late(hass, loaded, dt_util.utcnow() - timedelta(hours=3), ADA)
    assert [run["id"] for run in runs] == [
        "call_missed {'include_late': True}",
        "call_ended {'include_late': True}",
    ]
    assert runs[0]["call"]["late"] is True


async def test_nothing_fires_again_after_a_reload_and_later_calls_do(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    runs = await automate(hass, on("call_missed", device(hass, pbx, "extension_1001")))
    await missed(pbx, wait)
    assert len(runs) == 1
    await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await pbx.go_down()
    await wait(2 * MINUTE)
    await pbx.come_up()
    await wait(2 * MINUTE)
    assert len(runs) == 1
    await missed(pbx, wait)
    assert len(runs) == 2


@pytest.mark.usefixtures("loaded")
async def test_a_call_fires_although_the_pbx_does_not_answer_us(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(
        hass, on("call_started_ringing", device(hass, pbx, "extension_1001"))
    )
    # Too busy to answer requests, as a PBX is when everybody calls.
    pbx.faults.add(Fault.RESET, count=None)
    await wait(2 * MINUTE)
    state = hass.states.get(entity(hass, pbx, "event", "extension_1001_call"))
    assert state is not None and state.state == "unavailable"
    call = await from_ada(pbx)
    await heard(hass, pbx)
    assert len(runs) == 1
    pbx.faults.clear()
    await call.hang_up()
    await wait(2 * MINUTE)
    assert len(runs) == 1


@pytest.mark.usefixtures("loaded")
async def test_a_phone_that_comes_into_the_area_later_counts(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    area = ar.async_get(hass).async_create("Office")
    runs = await automate(
        hass,
        {"trigger": "yeastar.call_missed", "target": {"area_id": area.id}},
    )
    await missed(pbx, wait)
    assert runs == []
    phone = device(hass, pbx, "extension_1001")
    dr.async_get(hass).async_update_device(phone, area_id=area.id)
    await hass.async_block_till_done()
    await missed(pbx, wait)
    assert len(runs) == 1
    # What the user hides in an area is left out of its automations.
    er.async_get(hass).async_update_entity(
        entity(hass, pbx, "event", "extension_1001_call"),
        hidden_by=er.RegistryEntryHider.USER,
    )
    await hass.async_block_till_done()
    await missed(pbx, wait)
    assert len(runs) == 1


@pytest.mark.usefixtures("loaded")
async def test_an_automation_that_is_off_hears_nothing(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    phone = device(hass, pbx, "extension_1001")
    before = hass.bus.async_listeners()
    runs = await automate(
        hass,
        on("call_missed", phone),
        on("dtmf_received", phone),
        on("extension_status_changed", phone),
        on("trunk_went_down", device(hass, pbx, "trunk_siptrunk")),
    )
    await turn_off(hass)
    await missed(pbx, wait)
    assert runs == []
    after = hass.bus.async_listeners()
    assert after.get("yeastar_call") == before.get("yeastar_call")
    assert after.get("yeastar_event") == before.get("yeastar_event")


async def test_an_event_that_somebody_made_up_does_no_harm(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = await automate(
        hass,
        on("call_missed", device(hass, pbx), options={"number": ["030*"]}),
        on("dtmf_received", device(hass, pbx)),
    )
    for data in ({}, {"type": "missed"}, {"type": "dtmf"}):
        hass.bus.async_fire("yeastar_call", data)
        hass.bus.async_fire("yeastar_event", data)
        known = {**data, "config_entry_id": loaded.entry_id}
        hass.bus.async_fire("yeastar_call", known)
        hass.bus.async_fire("yeastar_event", known)
    await hass.async_block_till_done()
    assert runs == []
    assert "Traceback" not in caplog.text


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    "trigger",
    [
        {"trigger": "yeastar.call_missed"},
        {
            "trigger": "yeastar.call_missed",
            "target": {"area_id": "x"},
            "options": {"x": 1},
        },
        {
            "trigger": "yeastar.call_missed",
            "target": {"area_id": "x"},
            "options": {"direction": ["sideways"]},
        },
        {
            "trigger": "yeastar.call_missed",
            "target": {"area_id": "x"},
            "options": {"role": "answered"},
        },
        {
            "trigger": "yeastar.dtmf_received",
            "target": {"area_id": "x"},
            "options": {"key": ["E"]},
        },
        {"trigger": "yeastar.call_forgotten", "target": {"area_id": "x"}},
    ],
)
async def test_a_wrong_trigger_is_refused(
    hass: HomeAssistant, trigger: dict[str, Any]
) -> None:
    assert await async_setup_component(
        hass,
        "automation",
        {
            "automation": [
                {"id": "1", "alias": "x", "triggers": [trigger], "actions": []}
            ]
        },
    )
    await hass.async_block_till_done()
    assert [state.state for state in hass.states.async_all("automation")] == [
        "unavailable"
    ]


@pytest.mark.usefixtures("loaded")
async def test_an_empty_target_is_said_in_words(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    await set_up(
        hass,
        {
            "id": "1",
            "alias": "x",
            "triggers": [{"trigger": "yeastar.call_missed", "target": {}}],
            "actions": [],
        },
    )
    assert "Choose at least one PBX, extension or queue as target" in caplog.text


@pytest.mark.usefixtures("loaded")
async def test_the_trace_says_which_option_kept_an_automation_from_running(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    reasons: list[str] = []
    config = await trigger_helper.async_validate_trigger_config(
        hass,
        [
            {
                "platform": "yeastar.call_missed",
                "target": {"device_id": [device(hass, pbx)]},
                "options": {"direction": ["internal"]},
            }
        ],
    )

    async def run(variables: Any, context: Any = None) -> None:
        raise AssertionError

    remove = await trigger_helper.async_initialize_triggers(
        hass,
        config,
        run,
        "test",
        "test",
        lambda *args, **kwargs: None,
        did_not_trigger=lambda variables, info, context=None: reasons.append(
            info.reason
        ),
    )
    await missed(pbx, wait)
    assert reasons == ["direction"]
    assert remove is not None
    remove()


# --- Extensions ---


@pytest.mark.usefixtures("loaded")
async def test_a_status_that_changes_fires(hass: HomeAssistant, pbx: Simulator) -> None:
    phone = device(hass, pbx, "extension_1001")
    runs = await automate(
        hass,
        {**on("extension_status_changed", phone), "id": "any"},
        {
            **on(
                "extension_status_changed",
                phone,
                options={"to": ["busy", "on_hold"], "behavior": "each"},
            ),
            "id": "in call",
        },
        {
            **on(
                "extension_status_changed",
                phone,
                options={"from": ["busy"], "to": ["idle"], "behavior": "each"},
            ),
            "id": "hung up",
        },
    )

    async def becomes(status: str) -> list[str]:
        runs.clear()
        pbx.set_extension_status("1001", status)
        await heard(hass, pbx)
        return [run["id"] for run in runs]

    assert await becomes("Ringing") == ["any"]
    assert runs[0]["entity_id"] == "sensor.1001_erwin_co_status"
    assert runs[0]["from"] == "idle"
    assert runs[0]["to"] == "ringing"
    assert await becomes("Busy") == ["any", "in call"]
    assert await becomes("Registered") == ["any", "hung up"]
    # Only this extension is meant.
    runs.clear()
    pbx.set_extension_status("1000", "Busy")
    await heard(hass, pbx)
    assert runs == []


@pytest.mark.usefixtures("loaded")
async def test_being_put_on_hold_is_not_a_second_call(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(
        hass,
        on(
            "extension_status_changed",
            device(hass, pbx, "extension_1001"),
            options={"to": ["busy", "on_hold"]},
        ),
    )
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await wait(4, step=1)
    await call.hold(by="1000")
    await heard(hass, pbx)
    state = hass.states.get("sensor.1001_erwin_co_status")
    assert state is not None
    assert state.state == "on_hold"
    await call.resume()
    await heard(hass, pbx)
    assert len(runs) == 1
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.usefixtures("loaded")
async def test_all_phones_free_for_a_while(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    phones = [device(hass, pbx, f"extension_{number}") for number in ("1000", "1001")]
    options = {"to": ["idle"], "behavior": "all", "for": {"seconds": 30}}
    runs = await automate(
        hass, on("extension_status_changed", *phones, options=options)
    )
    for number in ("1000", "1001"):
        pbx.set_extension_status(number, "Busy")
    await heard(hass, pbx)
    pbx.set_extension_status("1000", "Registered")
    await heard(hass, pbx)
    await wait(40)
    assert runs == []
    pbx.set_extension_status("1001", "Registered")
    await heard(hass, pbx)
    await wait(20)
    assert runs == []
    await wait(20)
    assert len(runs) == 1


async def test_a_status_that_is_only_known_again_is_no_change(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    runs = await automate(
        hass, on("extension_status_changed", device(hass, pbx, "extension_1001"))
    )
    await pbx.go_down()
    await wait(2 * MINUTE)
    pbx.pbx.extensions["1001"].registered = False
    await pbx.come_up()
    await wait(2 * MINUTE)
    state = hass.states.get("sensor.1001_erwin_co_status")
    assert state is not None and state.state == "unregistered"
    await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert runs == []


@pytest.mark.usefixtures("loaded")
async def test_an_area_with_phones_and_trunks_means_the_phones(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    area = ar.async_get(hass).async_create("Cellar")
    for name in ("extension_1001", "trunk_siptrunk"):
        dr.async_get(hass).async_update_device(device(hass, pbx, name), area_id=area.id)
    runs = await automate(
        hass,
        {"trigger": "yeastar.extension_status_changed", "target": {"area_id": area.id}},
    )
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(61)
    assert runs == []
    pbx.set_extension_status("1001", "Busy")
    await heard(hass, pbx)
    assert len(runs) == 1


# --- Trunks ---


def both_ways(
    hass: HomeAssistant, pbx: Simulator, **options: Any
) -> list[dict[str, Any]]:
    """Return the triggers for a trunk that goes and comes."""
    trunk = device(hass, pbx, "trunk_siptrunk")
    return [
        {**on("trunk_went_down", trunk, options=options), "id": "down"},
        {**on("trunk_came_back", trunk, options=options), "id": "back"},
    ]


def ids(runs: Runs) -> list[str]:
    """Return which triggers fired, and forget them."""
    fired = [run["id"] for run in runs]
    runs.clear()
    return fired


@pytest.mark.usefixtures("loaded")
async def test_a_trunk_goes_down_and_comes_back(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(hass, *both_ways(hass, pbx))
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(61)
    went_down = dt_util.utcnow()
    assert ids(runs) == ["down"]
    # Another word for the same.
    pbx.set_trunk_status("siptrunk", "Registering")
    await wait(61)
    pbx.set_trunk_status("gsm1", "No SIM")
    await wait(61)
    assert ids(runs) == []
    pbx.set_trunk_status("siptrunk", "Registered")
    await wait(61)
    assert len(runs) == 1
    since = dt_util.parse_datetime(runs[0]["since"], raise_on_error=True)
    assert abs(since - went_down) < timedelta(seconds=70)
    assert ids(runs) == ["back"]


@pytest.mark.usefixtures("loaded")
async def test_a_trunk_that_does_not_come_back_with_the_pbx_went_down(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(hass, *both_ways(hass, pbx))
    await pbx.go_down()
    await wait(2 * MINUTE)
    pbx.set_trunk_status("siptrunk", "failure")
    await pbx.come_up()
    await wait(2 * MINUTE)
    assert ids(runs) == ["down"]
    # Told once, however often the PBX goes away.
    for _ in range(2):
        await pbx.go_down()
        await wait(2 * MINUTE)
        await pbx.come_up()
        await wait(2 * MINUTE)
    assert ids(runs) == []
    await pbx.go_down()
    pbx.set_trunk_status("siptrunk", "Registered")
    await wait(2 * MINUTE)
    await pbx.come_up()
    await wait(2 * MINUTE)
    assert ids(runs) == ["back"]


@pytest.mark.usefixtures("loaded")
async def test_an_outage_does_not_swallow_the_wait_for_a_trunk(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(hass, *both_ways(hass, pbx, **{"for": {"minutes": 5}}))
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(3 * MINUTE)
    await pbx.go_down()
    await wait(2 * MINUTE)
    await pbx.come_up()
    await wait(3 * MINUTE)
    assert ids(runs) == []
    await wait(5 * MINUTE)
    assert ids(runs) == ["down"]
    # A short recovery is none.
    pbx.set_trunk_status("siptrunk", "Registered")
    await wait(2 * MINUTE)
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(4 * MINUTE)
    assert ids(runs) == []


async def test_a_trunk_that_was_down_before_the_start_did_not_go_down(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
) -> None:
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(61)
    runs = await automate(hass, *both_ways(hass, pbx))
    await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await wait(2 * MINUTE)
    assert ids(runs) == []
    pbx.set_trunk_status("siptrunk", "Registered")
    await wait(61)
    assert ids(runs) == ["back"]


@pytest.mark.usefixtures("loaded")
async def test_the_last_of_several_trunks(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    trunks = [device(hass, pbx, f"trunk_{name}") for name in ("siptrunk", "gsm1")]
    runs = await automate(
        hass, on("trunk_went_down", *trunks, options={"behavior": "all"})
    )
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(61)
    assert len(runs) == 0
    pbx.set_trunk_status("gsm1", "No SIM")
    await wait(61)
    assert len(runs) == 1
    await pbx.go_down()
    await wait(2 * MINUTE)
    await pbx.come_up()
    await wait(2 * MINUTE)
    assert len(runs) == 1


# --- Keys ---


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("form", list(DtmfInfo))
async def test_each_key_fires_once_however_the_pbx_reports_it(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, form: DtmfInfo
) -> None:
    pbx.pbx.readings = replace(pbx.pbx.readings, dtmf_info=form)
    runs = await automate(
        hass,
        {**on("dtmf_received", device(hass, pbx)), "id": "every"},
        {
            **on("dtmf_received", device(hass, pbx), options={"key": ["#"]}),
            "id": "hash",
        },
        {
            **on("dtmf_received", device(hass, pbx), options={"sequence": "4711#"}),
            "id": "code",
        },
    )
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await call.dtmf("3", by="1000")
    await call.dtmf("4711#", by="1000")
    await heard(hass, pbx)
    every = [run for run in runs if run["id"] == "every"]
    assert [run["key"] for run in every] == list("34711#")
    assert [run["sequence"] for run in every] == [
        "3",
        "34",
        "347",
        "3471",
        "34711",
        "34711#",
    ]
    assert {run["number"] for run in every} == {"1000"}
    assert {run["call_id"] for run in every} == {call.callid}
    assert [run["id"] for run in runs if run["id"] != "every"] == ["hash", "code"]
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.usefixtures("loaded")
async def test_keys_are_told_to_who_pressed_them(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(
        hass,
        *(
            {**on("dtmf_received", device(hass, pbx, name)), "id": name}
            for name in ("extension_1000", "extension_1001", "queue_6700")
        ),
    )
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await call.dtmf("1", by="1001")
    await heard(hass, pbx)
    assert ids(runs) == ["extension_1001"]
    await call.hang_up()
    await wait(4, step=1)
    call = await from_ada(pbx, "6700")
    await call.answer(by="1002")
    await call.dtmf("5")
    await heard(hass, pbx)
    assert [(run["id"], run["key"], run["number"]) for run in runs] == [
        ("queue_6700", "5", ADA)
    ]
    await call.hang_up()
    await wait(4, step=1)


async def press(hass: HomeAssistant, pbx: Simulator, **fields: str) -> None:
    """Send a report of a key."""
    await pbx.emit(
        {
            "event": "DTMF",
            "callid": "1571905397.97",
            "members": [
                {"ext": {"number": "1000", "channelid": "PJSIP/1000-00000039"}}
            ],
            **fields,
            "sn": pbx.serial,
        }
    )
    await heard(hass, pbx)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("reports", "keys"),
    [
        # Only the string comes.
        ([{"infos": "12"}, {"infos": "123"}], "123"),
        # The string overtakes the keys.
        (
            [
                {"infos": "11"},
                {"info": "1", "flag": "0"},
                {"info": "1", "flag": "1"},
                {"info": "1", "flag": "2"},
            ],
            "111",
        ),
        # A key got lost, and the string has it.
        ([{"info": "1", "flag": "0"}, {"infos": "12"}], "12"),
        # No place is told; the place starts over; it is nonsense.
        ([{"info": "1"}, {"info": "2"}], "12"),
        ([{"info": "1", "flag": "0"}, {"info": "2", "flag": "0"}], "12"),
        ([{"info": "1", "flag": "9" * 5000}], "1"),
        ([{"info": ""}, {"flag": "0"}, {}], ""),
        # A string that starts anew.
        (
            [{"info": "1", "flag": "0"}, {"info": "2", "flag": "0"}, {"infos": "2"}],
            "12",
        ),
    ],
)
async def test_no_key_is_lost_or_told_twice(
    hass: HomeAssistant, pbx: Simulator, reports: list[dict[str, str]], keys: str
) -> None:
    runs = await automate(hass, on("dtmf_received", device(hass, pbx)))
    for report in reports:
        await press(hass, pbx, **report)
    assert "".join(run["key"] for run in runs) == keys


@pytest.mark.usefixtures("http")
async def test_what_somebody_dials_is_masked_but_still_recognized(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    hass.config_entries.async_update_entry(
        entry, options={"mask_numbers": True, "catch_up": True}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    pbx.pbx.readings = replace(pbx.pbx.readings, dtmf_info=DtmfInfo.SEPARATE)
    runs = await automate(
        hass, on("dtmf_received", device(hass, pbx), options={"sequence": "301234"})
    )
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await call.dtmf("0301234", by="1000")
    await call.dtmf("5", by="1000")
    await heard(hass, pbx)
    assert [(run["key"], run["sequence"]) for run in runs] == [("4", "****234")]
    await call.hang_up()
    await wait(4, step=1)
    await hass.config_entries.async_unload(entry.entry_id)


# --- What the editor shows ---


@pytest.fixture
async def websocket(hass: HomeAssistant) -> None:
    """Set the WebSocket API up, before the web server runs."""
    assert await async_setup_component(hass, "websocket_api", {})


def described(name: str) -> dict[str, Any]:
    """Return the descriptions in a file of the integration."""
    content = yaml.safe_load((INTEGRATION / name).read_text())
    return {key: value for key, value in content.items() if not key.startswith(".")}


def selects(fields: dict[str, Any]) -> dict[str, list[str]]:
    """Return the options of the selects with texts, by the texts' key."""
    return {
        select["translation_key"]: select["options"]
        for field in fields.values()
        if (select := (field["selector"].get("select") or {})).get("translation_key")
    }


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("kind", ["triggers", "conditions"])
async def test_the_editor_has_texts_and_icons_for_everything(
    hass: HomeAssistant, kind: str
) -> None:
    keys = set(TRIGGERS if kind == "triggers" else CONDITIONS)
    descriptions = described(f"{kind}.yaml")
    assert set(descriptions) == keys
    texts = await async_get_translations(hass, "en", kind, {"yeastar"})
    selector = await async_get_translations(hass, "en", "selector", {"yeastar"})
    icons = (await icon.async_get_icons(hass, kind, {"yeastar"}))["yeastar"]
    assert {key for key, value in icons.items() if value} == keys
    wanted = set()
    for key, description in descriptions.items():
        base = f"component.yeastar.{kind}.{key}"
        wanted |= {f"{base}.name", f"{base}.description"}
        for field in description["fields"]:
            wanted.add(f"{base}.fields.{field}.name")
            if field not in ("behavior", "for"):
                wanted.add(f"{base}.fields.{field}.description")
        for name, options in selects(description["fields"]).items():
            for option in options:
                text = f"component.yeastar.selector.{name}.options.{option}"
                assert selector[text]
    missing = wanted - texts.keys()
    assert not missing
    extra = {
        key
        for key in texts.keys() - wanted
        if not key.endswith(("fields.behavior.description", "fields.for.description"))
    }
    assert not extra


async def test_every_field_is_an_option_and_every_option_a_field() -> None:
    for key, description in described("triggers.yaml").items():
        schema = TRIGGERS[key]._schema.schema
        options = next(
            value for marker, value in schema.items() if marker.schema == "options"
        )
        assert set(description["fields"]) == {marker.schema for marker in options}
        for marker in options:
            default = description["fields"][marker.schema].get("default")
            if callable(marker.default):
                assert marker.default() == default


@pytest.mark.usefixtures("pbx", "websocket", "loaded")
async def test_the_editors_picker_gets_the_triggers(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "trigger_platforms/subscribe"})
    assert (await client.receive_json())["success"]
    event = (await client.receive_json())["event"]
    ours = {key for key in event if key.startswith("yeastar.")}
    assert ours == {f"yeastar.{key}" for key in TRIGGERS}
    assert event["yeastar.call_missed"]["target"] == {
        "entity": [{"integration": "yeastar", "domain": ["event"]}]
    }
    assert "min_ring_time" in event["yeastar.call_missed"]["fields"]


@pytest.mark.usefixtures("websocket", "loaded")
@pytest.mark.parametrize(
    ("name", "some", "others"),
    [
        ("extension_1001", {"call_missed", "extension_status_changed"}, set()),
        ("queue_6700", {"call_missed", "dtmf_received"}, {"trunk_went_down"}),
        ("trunk_siptrunk", {"trunk_went_down", "trunk_came_back"}, {"call_missed"}),
        ("", {"call_missed", "dtmf_received"}, {"extension_status_changed"}),
    ],
)
async def test_the_picker_offers_for_a_device_what_fits_it(
    hass: HomeAssistant,
    pbx: Simulator,
    hass_ws_client: WebSocketGenerator,
    name: str,
    some: set[str],
    others: set[str],
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {
            "type": "get_triggers_for_target",
            "target": {"device_id": [device(hass, pbx, name)]},
        }
    )
    offered = set((await client.receive_json())["result"])
    assert {f"yeastar.{key}" for key in some} <= offered
    assert not {f"yeastar.{key}" for key in others} & offered
