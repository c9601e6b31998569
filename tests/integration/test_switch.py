"""Do not disturb: switched here, at the phone, and at a PBX that is busy."""

import asyncio
from itertools import pairwise
import json
import logging

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.yeastar.pbx.settings_writer import TRIES
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from tests.conftest import Wait
from tests.simulator import Fault, Settings, Simulator

MINUTE = 60.0
HOUR = 60 * MINUTE


def switch_of(hass: HomeAssistant, pbx: Simulator, number: str) -> str:
    unique_id = f"{pbx.serial}_extension_{number}_do_not_disturb"
    entity_id = er.async_get(hass).async_get_entity_id("switch", "yeastar", unique_id)
    assert entity_id is not None
    return entity_id


def shown(hass: HomeAssistant, pbx: Simulator, number: str) -> str:
    state = hass.states.get(switch_of(hass, pbx, number))
    assert state is not None
    return state.state


async def enable(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pbx: Simulator,
    wait: Wait,
    *numbers: str,
) -> None:
    """Enable switches; Home Assistant then reloads the entry by itself."""
    for number in numbers:
        er.async_get(hass).async_update_entity(
            switch_of(hass, pbx, number), disabled_by=None
        )
    assert pbx.requests_of("extension/query") == []
    await wait(31)
    await wait(2)


@pytest.fixture
async def enabled(
    hass: HomeAssistant, loaded: MockConfigEntry, pbx: Simulator, wait: Wait
) -> MockConfigEntry:
    """Enable the switches of 1000 and 1001."""
    await enable(hass, loaded, pbx, wait, "1000", "1001")
    return loaded


async def turn(hass: HomeAssistant, pbx: Simulator, number: str, on: bool) -> None:
    await hass.services.async_call(
        "switch",
        "turn_on" if on else "turn_off",
        {"entity_id": switch_of(hass, pbx, number)},
        blocking=True,
    )


def begin(
    hass: HomeAssistant, pbx: Simulator, number: str, on: bool
) -> asyncio.Task[None]:
    """Begin to switch; time has to pass until it is done."""
    return hass.async_create_background_task(turn(hass, pbx, number, on), "test")


async def done(task: asyncio.Task[None], pass_by: Wait) -> None:
    """Let time pass until a task is done; raise what it raised."""
    for _ in range(200):
        if task.done():
            return await task
        await pass_by(1)
    raise AssertionError("never done")


def dnd(pbx: Simulator, number: str) -> str:
    return pbx.pbx.extensions[number].options["dnd"]


@pytest.mark.usefixtures("loaded")
async def test_it_is_a_setting_that_nobody_pays_for_unless_enabled(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    registry = er.async_get(hass)
    for number in pbx.pbx.extensions:
        entity = registry.async_get(switch_of(hass, pbx, number))
        assert entity is not None
        assert entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION
        assert entity.entity_category == "config"
        assert entity.original_name == "Do not disturb"
    pbx.set_do_not_disturb("1000", True)
    await wait(20 * MINUTE, step=MINUTE)
    assert pbx.requests_of("extension/query") == []


@pytest.mark.usefixtures("enabled")
async def test_it_is_switched(hass: HomeAssistant, pbx: Simulator, wait: Wait) -> None:
    assert shown(hass, pbx, "1001") == "off"
    before = dict(pbx.pbx.extensions["1001"].options)
    await turn(hass, pbx, "1001", True)
    assert shown(hass, pbx, "1001") == "on"
    assert shown(hass, pbx, "1000") == "off"
    [request] = pbx.requests_of("extension/update")
    # Nothing else, so nothing else can change.
    assert request.body == {"number": "1001", "dnd": "on"}
    assert pbx.pbx.extensions["1001"].options == {**before, "dnd": "on"}
    await wait(15)
    assert shown(hass, pbx, "1001") == "on"
    await turn(hass, pbx, "1001", False)
    assert shown(hass, pbx, "1001") == "off"
    assert dnd(pbx, "1001") == "off"


@pytest.mark.usefixtures("enabled")
async def test_the_extensions_are_asked_for_together(
    pbx: Simulator, wait: Wait
) -> None:
    asked = pbx.requests_of("extension/query")
    assert [request.body for request in asked] == [{"number": "1000,1001"}]
    await wait(HOUR, step=MINUTE)
    # Every quarter of an hour.
    assert len(pbx.requests_of("extension/query")) == 1 + 4


async def test_the_budget_of_requests_is_kept(
    hass: HomeAssistant, loaded: MockConfigEntry, pbx: Simulator, wait: Wait
) -> None:
    await enable(hass, loaded, pbx, wait, *pbx.pbx.extensions)
    before = len(pbx.requests)
    await wait(2 * HOUR, step=MINUTE)
    assert len(pbx.requests) - before <= 400


@pytest.mark.usefixtures("enabled")
async def test_what_is_set_at_the_phone_is_seen(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await wait(15)
    asked = len(pbx.requests_of("extension/query"))
    pbx.set_do_not_disturb("1001", True)
    await pbx.idle()
    await wait(2, step=1)
    assert shown(hass, pbx, "1001") == "on"
    assert len(pbx.requests_of("extension/query")) == asked + 1
    # Of others nobody wants to know.
    await wait(90)
    pbx.set_do_not_disturb("1002", True)
    pbx.tell_config_change("trunk", "siptrunk", "update")
    await pbx.idle()
    await wait(15)
    assert len(pbx.requests_of("extension/query")) == asked + 2
    await pbx.emit({"event": "ConfigChange", "type": "extension", "sn": pbx.serial})
    await pbx.emit(
        {"event": "ConfigChange", "type": "extension", "extid": [], "sn": pbx.serial}
    )
    await pbx.idle()
    await wait(15)
    assert len(pbx.requests_of("extension/query")) == asked + 3


@pytest.mark.usefixtures("enabled")
async def test_the_second_of_two_quick_changes_is_seen_too(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    """Its report is the same, so that it is taken for a repetition."""
    await turn(hass, pbx, "1001", True)
    await pbx.idle()
    await wait(20)
    pbx.set_do_not_disturb("1001", False)
    await pbx.idle()
    await wait(60)
    assert shown(hass, pbx, "1001") == "off"
    asked = len(pbx.requests_of("extension/query"))
    await wait(10 * MINUTE)
    assert len(pbx.requests_of("extension/query")) == asked


@pytest.mark.usefixtures("enabled")
async def test_what_no_report_tells_is_seen_in_time(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.pbx.extensions["1000"].options["dnd"] = "on"
    await wait(16 * MINUTE, step=MINUTE)
    assert shown(hass, pbx, "1000") == "on"


REFUSED = [
    (10006, "The PBX has no extension 1001 any more"),
    (10017, "The PBX could not save the change of extension 1001"),
    (10033, "The PBX could not save the change of extension 1001"),
    (10003, "The PBX could not save the change of extension 1001"),
]
NOT_CONFIRMED = (
    "The PBX did not confirm the change of extension 1001. The switch shows what "
    "the PBX has as soon as it answers again"
)
TOO_FREQUENT = (
    "The PBX was busy with other changes for a whole minute, so extension 1001 is "
    "as it was. Try again later"
)


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(("errno", "told"), REFUSED)
async def test_a_refusal_is_told_and_the_state_stays_true(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, errno: int, told: str
) -> None:
    pbx.faults.add(Fault.ERRNO, endpoint="extension/update", errno=errno)
    with pytest.raises(HomeAssistantError) as caught:
        await turn(hass, pbx, "1001", True)
    assert str(caught.value) == told
    assert len(pbx.requests_of("extension/update")) == 1
    assert shown(hass, pbx, "1001") == "off"
    await wait(15)
    assert shown(hass, pbx, "1001") == "off"


@pytest.mark.usefixtures("enabled", "wait")
async def test_a_change_that_comes_too_soon_is_made_later(
    hass: HomeAssistant, pbx: Simulator, pass_by: Wait
) -> None:
    pbx.faults.add(Fault.ERRNO, count=2, endpoint="extension/update", errno=10025)
    task = begin(hass, pbx, "1001", True)
    await done(task, pass_by)
    assert shown(hass, pbx, "1001") == "on"
    assert dnd(pbx, "1001") == "on"
    times = [request.time for request in pbx.requests_of("extension/update")]
    assert len(times) == 3
    assert [round(b - a) for a, b in pairwise(times)] == [4, 8]


@pytest.mark.usefixtures("enabled", "wait")
async def test_a_pbx_that_is_busy_for_ever_is_not_asked_for_ever(
    hass: HomeAssistant, pbx: Simulator, pass_by: Wait
) -> None:
    pbx.faults.add(Fault.ERRNO, count=None, endpoint="extension/update", errno=10025)
    began = pbx.clock.now()
    task = begin(hass, pbx, "1001", True)
    with pytest.raises(HomeAssistantError) as caught:
        await done(task, pass_by)
    assert str(caught.value) == TOO_FREQUENT
    assert len(pbx.requests_of("extension/update")) == TRIES
    assert 55 <= pbx.clock.now() - began <= 65
    assert shown(hass, pbx, "1001") == "off"
    # The next one is patient from the start, and everything else went on.
    pbx.faults.clear()
    task = begin(hass, pbx, "1001", True)
    await done(task, pass_by)
    assert shown(hass, pbx, "1001") == "on"
    assert pbx.overlaps == 0


@pytest.mark.parametrize("pause", [0.5, 3.0, 10.0])
async def test_changes_wait_for_each_other_as_long_as_the_pbx_needs(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    pbx: Simulator,
    wait: Wait,
    pass_by: Wait,
    pause: float,
) -> None:
    pbx.settings = Settings(config_pause=pause)
    numbers = list(pbx.pbx.extensions)
    await enable(hass, loaded, pbx, wait, *numbers)
    tasks = [begin(hass, pbx, number, True) for number in numbers]
    for task in tasks:
        await done(task, pass_by)
    assert {dnd(pbx, number) for number in numbers} == {"on"}
    assert {shown(hass, pbx, number) for number in numbers} == {"on"}
    times = [request.time for request in pbx.requests_of("extension/update")]
    gaps = [b - a for a, b in pairwise(times)]
    assert min(gaps) >= 2
    taken = [r.time for r in pbx.requests_of("extension/update") if r.errno is None]
    assert min(b - a for a, b in pairwise(taken)) >= pause
    assert pbx.overlaps == 0


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.HTML, Fault.ERRNO])
async def test_a_pbx_that_is_away_is_told_and_its_word_counts(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, fault: Fault
) -> None:
    pbx.faults.add(fault, endpoint="extension/update")
    with pytest.raises(HomeAssistantError) as caught:
        await turn(hass, pbx, "1001", True)
    assert str(caught.value) == NOT_CONFIRMED
    assert shown(hass, pbx, "1001") == "off"
    # It did it, and only could not say so.
    pbx.pbx.extensions["1001"].options["dnd"] = "on"
    await wait(15)
    assert shown(hass, pbx, "1001") == "on"


@pytest.mark.usefixtures("enabled")
async def test_without_a_pbx_it_is_unavailable(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await pbx.go_down()
    with pytest.raises(HomeAssistantError, match="did not confirm"):
        await turn(hass, pbx, "1001", True)
    await wait(2 * MINUTE)
    assert shown(hass, pbx, "1001") == "unavailable"
    pbx.pbx.extensions["1001"].options["dnd"] = "on"
    await pbx.come_up()
    await wait(2 * MINUTE)
    assert shown(hass, pbx, "1001") == "on"


@pytest.mark.usefixtures("enabled")
async def test_a_session_forgotten_meanwhile_is_renewed(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    pbx.forget_tokens()
    await turn(hass, pbx, "1001", True)
    assert dnd(pbx, "1001") == "on"


@pytest.mark.usefixtures("wait")
async def test_unloading_ends_the_waiting_without_a_new_session(
    hass: HomeAssistant, enabled: MockConfigEntry, pbx: Simulator
) -> None:
    pbx.faults.add(Fault.ERRNO, count=None, endpoint="extension/update", errno=10025)
    task = begin(hass, pbx, "1001", True)
    while not pbx.requests_of("extension/update"):
        await asyncio.sleep(0)
    assert await hass.config_entries.async_unload(enabled.entry_id)
    with pytest.raises(HomeAssistantError, match="did not confirm"):
        await task
    assert len(pbx.requests_of("extension/update")) == 1
    assert pbx.tokens == {}


@pytest.mark.usefixtures("enabled")
async def test_an_extension_that_is_gone_does_not_cost_the_others(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.remove_extension("1000")
    await pbx.idle()
    await wait(30)
    pbx.set_do_not_disturb("1001", True)
    await pbx.idle()
    await wait(30)
    assert shown(hass, pbx, "1001") == "on"
    asked = pbx.requests_of("extension/query")
    assert asked[-1].body == {"number": "1001"}
    assert all(request.errno is None for request in asked)


@pytest.mark.usefixtures("enabled")
async def test_an_unknown_word_is_unknown(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    for word, state in (("ON", "on"), ("maybe", "unknown"), ("Off", "off")):
        pbx.pbx.extensions["1001"].options["dnd"] = word
        pbx.tell_config_change("extension", "1001", "update")
        await pbx.idle()
        await wait(61)
        assert shown(hass, pbx, "1001") == state
    await wait(61)
    pbx.faults.add(Fault.ERRNO, endpoint="extension/query", errno=10003)
    pbx.set_do_not_disturb("1001", True)
    await pbx.idle()
    await wait(15)
    assert shown(hass, pbx, "1001") == "off"


async def test_the_passwords_in_the_answer_go_nowhere(
    hass: HomeAssistant,
    enabled: MockConfigEntry,
    pbx: Simulator,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    events = async_capture_events(hass, "state_changed")
    pbx.set_do_not_disturb("1001", True)
    await pbx.idle()
    await wait(15)
    assert shown(hass, pbx, "1001") == "on"
    assert caplog.text
    coordinator = enabled.runtime_data
    places = [
        caplog.text,
        repr([event.data for event in events]),
        repr(vars(coordinator.switchboard)),
        repr(coordinator.switchboard.directory.extensions),
        json.dumps([state.as_dict() for state in hass.states.async_all()], default=str),
    ]
    options = pbx.pbx.extensions["1001"].options
    for key in ("registerpassword", "loginpassword"):
        for place in places:
            assert options[key] not in place
