"""The PBX is asked about calls of which nothing is heard: seldom, and about each one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from homeassistant.core import Event, HomeAssistant
from tests.conftest import Wait
from tests.simulator import Fault, Readings, Settings, Simulator
from tests.simulator.readings import IdleCalls, NoCalls
from tests.simulator.settings import EXTENSIONS, ExtensionSpec

from .helpers import heard, state

MINUTE = 60.0
HOUR = 60 * MINUTE
ADA = "0301234567"
ACTIVE = "sensor.yeastar_s100_active_calls"
# What the PBX says of calls that do not run: with no list it says nothing.
SILENT_PBX = Readings(no_calls=NoCalls.NO_LIST, idle_calls=IdleCalls.NO_LIST)


@pytest.fixture
def told(hass: HomeAssistant) -> list[Event[dict[str, Any]]]:
    """Return all that is told of calls."""
    return async_capture_events(hass, "yeastar_call")


def steps(told: list[Event[dict[str, Any]]], call_id: str) -> list[str]:
    return [one.data["type"] for one in told if one.data["call_id"] == call_id]


class TestManyCalls:
    """Of 60 long calls, as many as the largest PBX carries."""

    @pytest.fixture
    def settings(self) -> Settings:
        numbers = range(2000, 2060)
        return Settings(
            extensions=(
                *EXTENSIONS,
                *(ExtensionSpec(number=str(one), name=f"N{one}") for one in numbers),
            ),
        )

    @pytest.mark.usefixtures("loaded")
    @pytest.mark.parametrize("readings", [Readings(), SILENT_PBX])
    async def test_they_cost_no_more_than_the_budget_of_200_requests_an_hour(
        self, hass: HomeAssistant, pbx: Simulator, wait: Wait
    ) -> None:
        for number in range(2000, 2060):
            call = await pbx.calls.inbound("siptrunk", ADA, to=str(number))
            await call.ring()
            await call.answer(str(number))
        await heard(hass, pbx)
        await wait(10 * MINUTE, step=MINUTE)
        before = len(pbx.requests)
        await wait(HOUR, step=MINUTE)
        assert len(pbx.requests) - before <= 200
        assert state(hass, ACTIVE).state == "60"

    @pytest.mark.usefixtures("loaded")
    async def test_the_end_of_each_is_found_although_many_questions_are_refused(
        self,
        hass: HomeAssistant,
        pbx: Simulator,
        wait: Wait,
        told: list[Event[dict[str, Any]]],
    ) -> None:
        calls = []
        for number in range(2000, 2006):
            call = await pbx.calls.inbound("siptrunk", ADA, to=str(number))
            await call.ring()
            await call.answer(str(number))
            calls.append(call)
        await heard(hass, pbx)
        # The lists are refused, and so is the question about most of them.
        pbx.faults.add(Fault.ERRNO, None, "extension/query_call", errno="10002")
        for kind in ("inbound", "outbound"):
            pbx.faults.add(
                Fault.ERRNO, None, "call/query", errno="10002", asked={"type": kind}
            )
        for call in calls[:4]:
            asked = {"callid": call.callid}
            pbx.faults.add(Fault.ERRNO, None, "call/query", errno="10002", asked=asked)
        pbx.delivery.drop()
        await calls[4].hang_up()
        await calls[5].hang_up()
        await wait(30 * MINUTE, step=MINUTE)
        for call in calls[4:]:
            assert steps(told, call.callid)[-1:] == ["ended"]
        for call in calls[:4]:
            assert steps(told, call.callid) == ["ringing", "answered"]


@pytest.mark.usefixtures("loaded")
async def test_a_record_that_need_not_be_the_last_leads_to_a_question_after_3_seconds(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, told: list[Event[dict[str, Any]]]
) -> None:
    await wait(MINUTE)
    call = await pbx.calls.inbound("siptrunk", ADA, to="1001")
    await call.ring()
    await call.answer("1001")
    await call.transfer("1002", by_user=False)
    await call.answer("1002")
    await wait(20)
    asked = len(pbx.requests_of("call/query"))
    # A part of it, which the first phone alone has to do with.
    await pbx.emit(
        {
            "event": "NewCdr",
            "callid": call.callid,
            "timestart": pbx.pbx.local_text(call.truth.started_at),
            "callfrom": ADA,
            "callto": "1001",
            "callduraction": "10",
            "talkduraction": "5",
            "srctrunkname": "siptrunk",
            "dsttrcunkname": "",
            "pincode": "",
            "status": "ANSWERED",
            "type": "Internal",
            "recording": "",
            "didnumber": "",
            "agentringtime": "0",
            "sn": pbx.serial,
        }
    )
    await heard(hass, pbx)
    await wait(2, step=1)
    assert len(pbx.requests_of("call/query")) == asked
    await wait(3, step=1)
    assert len(pbx.requests_of("call/query")) > asked
    assert steps(told, call.callid) == ["ringing", "answered"]
    await call.hang_up()
    await wait(5, step=1)
    assert steps(told, call.callid) == ["ringing", "answered", "ended"]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("readings", [SILENT_PBX])
async def test_an_internal_call_is_over_when_its_phones_are_free(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, told: list[Event[dict[str, Any]]]
) -> None:
    await wait(MINUTE)
    call = await pbx.calls.internal("1001", "1002")
    await call.ring()
    await call.answer()
    await heard(hass, pbx)
    await wait(5 * MINUTE, step=MINUTE)
    assert steps(told, call.callid) == ["ringing", "answered"]
    pbx.delivery.drop()
    await call.hang_up()
    await wait(10 * MINUTE, step=MINUTE)
    assert steps(told, call.callid) == ["ringing", "answered", "ended"]
    assert told[-1].data["talk_seconds"] == 300


@pytest.mark.parametrize("readings", [SILENT_PBX])
async def test_of_what_the_pbx_cannot_tell_nothing_is_told_for_a_day(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    call = await pbx.calls.internal("1001", "1002")
    await call.ring()
    await call.answer()
    await heard(hass, pbx)
    # It says nothing about this one, nor what its phones do, and has no record.
    for endpoint in ("call/query", "extension/query_call"):
        pbx.faults.add(Fault.ERRNO, None, endpoint, errno="10002")
    pbx.pbx.extensions["1001"].forced_status = "Malfunction"
    await hass.config_entries.async_reload(loaded.entry_id)
    pbx.delivery.drop()
    await wait(20 * HOUR, step=30 * MINUTE)
    assert steps(told, call.callid) == ["ringing", "answered"]
    assert state(hass, ACTIVE).state == "0"
    await wait(6 * HOUR, step=30 * MINUTE)
    assert steps(told, call.callid) == ["ringing", "answered", "ended"]
    end = told[-1].data
    # Nobody saw when it ended: it is known to have gone on until it was answered.
    assert end["ended_at"] == end["answered_at"]
    assert end["late"] is True


async def test_an_agent_who_lost_the_call_does_not_end_it_though_nothing_else_is_heard(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    pbx.delivery.drop("CallStatus")
    call = await pbx.calls.inbound("siptrunk", ADA, to="6700")
    await call.ring()
    first, second, *_ = call.truth.rang
    lost = {
        "event": "NewCdr",
        "callid": call.callid,
        "timestart": pbx.pbx.local_text(call.truth.started_at),
        "callfrom": ADA,
        "callto": f"6700({first})",
        "callduraction": "15",
        "talkduraction": "0",
        "srctrunkname": "siptrunk",
        "dsttrcunkname": "",
        "pincode": "",
        "status": "NO ANSWER",
        "type": "Inbound",
        "recording": "",
        "didnumber": "",
        "agentringtime": "0",
        "sn": pbx.serial,
    }
    await wait(15)
    await pbx.emit(lost)
    await heard(hass, pbx)
    await wait(MINUTE)
    # The PBX, when it was asked, said that another one rings.
    assert steps(told, call.callid) == ["ringing"]
    assert state(hass, ACTIVE).state == "1"
    await call.answer(second)
    await wait(MINUTE)
    await call.hang_up()
    await heard(hass, pbx)
    await wait(5, step=1)
    assert told[-1].data["answered_by"] == second
    assert told[-1].data["type"] == "ended"


# --- restarts ---


@pytest.mark.parametrize("hours", [3, 20])
async def test_a_call_of_many_hours_that_ends_during_a_restart_ends_as_it_did(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    told: list[Event[dict[str, Any]]],
    hours: int,
) -> None:
    call = await pbx.calls.inbound("siptrunk", ADA, to="1001")
    await call.ring()
    await wait(10)
    await call.answer("1001")
    await heard(hass, pbx)
    await wait(hours * HOUR, step=30 * MINUTE)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    await wait(20)
    await call.hang_up()
    await wait(5 * MINUTE, step=MINUTE)
    assert await hass.config_entries.async_setup(loaded.entry_id)
    await wait(2 * MINUTE)
    assert steps(told, call.callid) == ["ringing", "answered", "ended"]
    end = told[-1].data
    assert end["late"] is True
    assert abs(end["talk_seconds"] - (hours * HOUR + 20)) <= 1


async def test_a_pbx_that_is_switched_off_in_the_middle_of_a_call_ends_it(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    call = await pbx.calls.inbound("siptrunk", ADA, to="1001")
    await call.ring()
    await call.answer("1001")
    await heard(hass, pbx)
    await wait(2 * MINUTE, step=10)
    last_heard = told[-1].time_fired
    off = asyncio.get_running_loop().create_task(pbx.reboot(10 * MINUTE))
    await wait(11 * MINUTE, step=MINUTE)
    await off
    await wait(10 * MINUTE, step=MINUTE)
    assert steps(told, call.callid) == ["ringing", "answered", "ended"]
    end = told[-1].data
    ended = end["ended_at"]
    # It is not known to have gone on when the PBX was off.
    assert ended <= (last_heard + timedelta(minutes=3)).isoformat()
    assert state(hass, ACTIVE).state == "0"
