"""Extensions at doors: their option, their bell, and what rings it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.yeastar.pbx.calls import Step, Transition
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from tests.conftest import Wait
from tests.simulator import Simulator
from tests.simulator.readings import FirstLeg
from tests.simulator.settings import ExtensionSpec

from .helpers import automate, heard

MINUTE = 60.0
DOOR = "1003"
BELL = "event.1003_zoe_stastna_doorbell"


@pytest.fixture
def entry(entry: MockConfigEntry, hass: HomeAssistant) -> MockConfigEntry:
    """Return an entry with one door station."""
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "door_stations": [DOOR]}
    )
    return entry


def rang_at(hass: HomeAssistant) -> str | None:
    """Return when the bell last rang."""
    state = hass.states.get(BELL)
    assert state is not None
    return None if state.state == "unknown" else state.state


@pytest.mark.usefixtures("loaded")
async def test_the_bell_is_as_doorbells_are(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    entry = er.async_get(hass).async_get(BELL)
    assert entry is not None
    assert entry.unique_id == f"{pbx.serial}_extension_{DOOR}_doorbell"
    assert entry.original_name == "Doorbell"
    state = hass.states.get(BELL)
    assert state is not None
    assert state.attributes["device_class"] == "doorbell"
    assert state.attributes["event_types"] == ["ring"]
    call = er.async_get(hass).async_get("event.1003_zoe_stastna_call")
    assert call is not None
    assert call.device_id == entry.device_id
    texts = await async_get_translations(hass, "en", "entity", {"yeastar"})
    event = "component.yeastar.entity.event.doorbell"
    assert texts[f"{event}.state_attributes.event_type.state.ring"] == "Ring"


@pytest.mark.usefixtures("loaded")
async def test_home_assistants_own_doorbell_trigger_understands_it(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    runs = await automate(
        hass,
        {"trigger": "doorbell.rang", "target": {"entity_id": BELL}, "options": {}},
    )
    for times in (1, 2):
        call = await pbx.calls.internal(DOOR, "1001")
        await call.ring()
        await heard(hass, pbx)
        assert len(runs) == times
        await call.answer(by="1001")
        await wait(10)
        await call.hang_up(by="1001")
        await wait(4, step=1)
        assert len(runs) == times
    state = hass.states.get(BELL)
    assert state is not None
    assert state.attributes["called_number"] == "1001"
    assert state.attributes["call_id"] == call.callid


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("to", ["1001", "6200", "6700", "outside"])
async def test_it_rings_once_whomever_the_door_station_calls(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, to: str
) -> None:
    rings = async_capture_events(hass, "state_changed")
    if to == "outside":
        call = await pbx.calls.outbound(DOOR, "01719876543")
    else:
        call = await pbx.calls.internal(DOOR, to)
    await call.ring()
    await wait(5, step=1)
    await call.answer()
    await wait(5, step=1)
    await call.hang_up()
    await wait(5, step=1)
    changes = [event for event in rings if event.data["entity_id"] == BELL]
    assert len(changes) == 1
    assert changes[0].data["new_state"].attributes["event_type"] == "ring"


@pytest.mark.usefixtures("loaded")
async def test_it_does_not_ring_when_somebody_calls_the_door(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    for call in (
        await pbx.calls.internal("1001", DOOR),
        await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to=DOOR),
        await pbx.calls.internal("1001", "1000"),
    ):
        await call.ring()
        await wait(2, step=1)
        await call.hang_up()
        await wait(4, step=1)
    assert rang_at(hass) is None


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("first_leg", list(FirstLeg))
async def test_it_does_not_ring_for_a_call_dialed_for_it(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, first_leg: FirstLeg
) -> None:
    pbx.pbx.readings = replace(pbx.pbx.readings, first_leg=first_leg)
    call = await pbx.calls.api_dial(DOOR, "1001")
    await call.ring()
    await wait(3, step=1)
    await call.answer()
    await wait(3, step=1)
    await call.answer()
    await wait(10, step=1)
    await call.hang_up()
    await wait(4, step=1)
    assert rang_at(hass) is None
    # And then somebody comes.
    call = await pbx.calls.internal(DOOR, "1001")
    await call.ring()
    await heard(hass, pbx)
    assert rang_at(hass) is not None
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.usefixtures("loaded")
async def test_it_rings_although_the_report_that_it_is_free_got_lost(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.set_extension_status(DOOR, "Ringing")
    await heard(hass, pbx)
    await wait(90)
    call = await pbx.calls.internal(DOOR, "1001")
    await call.ring()
    await heard(hass, pbx)
    assert rang_at(hass) is not None
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.usefixtures("http")
async def test_it_never_rings_for_a_call_of_before(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    call = await pbx.calls.internal(DOOR, "1001")
    await call.ring()
    await pbx.idle()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await call.answer(by="1001")
    await wait(5, step=1)
    await call.hang_up()
    await wait(4, step=1)
    assert rang_at(hass) is None
    # Nor for one that is found afterwards.
    board = entry.runtime_data.switchboard
    now = dt_util.utcnow()
    late = replace(
        board.last_call,
        call_id="1571897930.5",
        caller_number=DOOR,
        late=True,
        started_at=now - timedelta(hours=1),
    )
    board.handle([Transition(Step.RINGING, late)], now)
    await hass.async_block_till_done()
    assert rang_at(hass) is None
    # A reload does not repeat what was.
    call = await pbx.calls.internal(DOOR, "1001")
    await call.ring()
    await heard(hass, pbx)
    before = rang_at(hass)
    assert before is not None
    runs = await automate(
        hass, {"trigger": "doorbell.rang", "target": {"entity_id": BELL}}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert rang_at(hass) == before
    assert runs == []
    await call.hang_up()
    await wait(4, step=1)
    await hass.config_entries.async_unload(entry.entry_id)


async def options_form(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    """Open the options."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "init"
    return result


def field(result: Any) -> tuple[Any, Any]:
    """Return the field for door stations: its key and its selector."""
    return next(
        (key, selector)
        for key, selector in result["data_schema"].schema.items()
        if key == "door_stations"
    )


async def submit(hass: HomeAssistant, result: Any, **data: Any) -> None:
    """Submit the options."""
    result = await hass.config_entries.options.async_configure(
        result["flow_id"], {"mask_numbers": False, "catch_up": True, **data}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.mark.usefixtures("pbx")
async def test_door_stations_are_chosen_in_the_options(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    result = await options_form(hass, loaded)
    key, selector = field(result)
    assert key.description == {"suggested_value": [DOOR]}
    config = selector.config
    assert config["multiple"] is True
    assert config["custom_value"] is True
    assert {"value": "1001", "label": "1001 Erwin Co"} in config["options"]
    texts = await async_get_translations(hass, "en", "options", {"yeastar"})
    init = "component.yeastar.options.step.init"
    assert texts[f"{init}.data.door_stations"] == "Door stations"
    assert "doorbell" in texts[f"{init}.data_description.door_stations"]

    await submit(hass, result, door_stations=["1001", " 1002 ", "1001", ""])
    assert loaded.state is ConfigEntryState.LOADED
    assert loaded.options["door_stations"] == ["1001", "1002"]
    # The bell of one that is no longer a door station is gone for good.
    assert hass.states.get(BELL) is None
    assert er.async_get(hass).async_get(BELL) is None
    assert hass.states.get("event.1001_erwin_co_doorbell") is not None
    assert hass.states.get("event.1002_phillip_huff_doorbell") is not None

    # A form without the field is one in which all were removed.
    await submit(hass, await options_form(hass, loaded))
    assert loaded.options == {"mask_numbers": False, "catch_up": True}
    assert not [
        state
        for state in hass.states.async_all("event")
        if "doorbell" in state.entity_id
    ]
    # Everything else is still there.
    assert hass.states.get("event.1001_erwin_co_call") is not None


@pytest.mark.usefixtures("http")
async def test_options_keep_door_stations_while_the_pbx_is_away(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry
) -> None:
    await pbx.go_down()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    result = await options_form(hass, entry)
    key, selector = field(result)
    assert key.description == {"suggested_value": [DOOR]}
    assert selector.config["options"] == []
    await submit(hass, result, door_stations=[DOOR])
    assert entry.options["door_stations"] == [DOOR]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_door_station_may_be_added_to_the_pbx_later(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    await submit(hass, await options_form(hass, loaded), door_stations=["1010"])
    assert hass.states.get("event.1010_gate_doorbell") is None
    pbx.add_extension(ExtensionSpec(number="1010", name="Gate"))
    await wait(20)
    assert hass.states.get("event.1010_gate_doorbell") is not None
    pbx.remove_extension("1010")
    await wait(20)
    assert hass.states.get("event.1010_gate_doorbell") is None
