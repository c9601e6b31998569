"""Calls of a live PBX, seen through its requests and reports."""

import asyncio
from typing import Any

import pytest

from tests.simulator import (
    ManualClock,
    Outcome,
    Readings,
    Settings,
    StoryError,
    TrunkSpec,
)
from tests.simulator.player import play, play_for_ever
from tests.simulator.readings import TransferChannel
from tests.simulator.scenarios import Kind, Planner

from .conftest import Client, MakeClient


def events(reports: list[dict[str, Any]]) -> list[str]:
    return [report["event"] for report in reports]


async def test_an_inbound_call_from_ringing_to_its_record(
    client: Client, clock: ManualClock
) -> None:
    sim = client.sim
    call = await sim.calls.inbound("Line 1", "0301234567", "5551000", to="1001")
    await call.ring()
    assert events(await client.reports()) == ["CallStatus", "ExtensionStatus"]
    listed = {
        row["number"]: row for row in (await client.ask("extension/list"))["extlist"]
    }
    assert listed["1001"]["status"] == "Ringing"
    trunks = {
        row["trunkname"]: row for row in (await client.ask("trunk/list"))["trunklist"]
    }
    assert trunks["Line 1"]["status"] == "Busy"
    await clock.advance(5)
    await call.answer(by="1001")
    answer = await client.ask("call/query", type="inbound")
    assert [row["callid"] for row in answer["calls"]] == [call.callid]
    assert (await client.ask("call/query", type="outbound"))["calls"] == []
    await clock.advance(14)
    await call.hang_up(by="1001")
    cdr = (await client.reports())[-1]
    assert (cdr["callduraction"], cdr["talkduraction"]) == ("19", "14")
    assert cdr["didnumber"] == "5551000"
    assert await client.errno("call/query", callid=call.callid) == "10005"
    assert sim.calls.finished == [call.truth]
    assert call.truth.outcome is Outcome.ANSWERED
    assert sim.calls.live == {}
    with pytest.raises(StoryError):
        await call.answer()


async def test_hang_up_by_outside_numbers(client: Client) -> None:
    call = await client.sim.calls.outbound("1000", "0309876543", "Line 1")
    await call.ring()
    await call.answer(by="0309876543")
    await call.hang_up(by="0309876543")
    assert call.truth.ended_by == "0309876543"


async def test_an_api_dial(client: Client) -> None:
    answer = await client.ask("call/dial", caller="1000", callee="1001")
    call = client.sim.calls.live[answer["callid"]]
    assert client.sim.calls.of("1000") == [call]
    await call.answer("1000")
    await call.answer("1001")
    channel = call.channel("1000")
    answer = await client.ask("call/hangup", channelid=channel)
    assert answer == {"status": "Success", "callid": call.callid}
    assert call.truth.outcome is Outcome.ANSWERED
    assert await client.errno("call/hangup", channelid=channel) == "10007"


async def test_an_api_dial_between_two_numbers_outside(client: Client) -> None:
    numbers = {"caller": "0301234567", "callee": "0309876543"}
    assert await client.errno("call/dial", **numbers) == "10004"
    answer = await client.ask("call/dial", **numbers, dialpermission="1000")
    call = client.sim.calls.live[answer["callid"]]
    await call.answer("0301234567")
    await call.answer("0309876543")
    await call.hang_up("0309876543")
    assert call.truth.outcome is Outcome.ANSWERED


async def test_an_api_dial_with_automatic_answer(
    client: Client, clock: ManualClock
) -> None:
    client.sim.calls.answer_after = 2.0
    answer = await client.ask(
        "call/dial", caller="1000", callee="0301234567", autoanswer="yes"
    )
    call = client.sim.calls.live[answer["callid"]]
    assert [leg.status for leg in call.story.legs] == ["ALERT", "RING"]
    await clock.advance(2)
    assert [leg.status for leg in call.story.legs] == ["ANSWERED", "ANSWER"]


@pytest.mark.parametrize(
    ("caller", "callee", "errno"),
    [
        ("1999", "1001", "10006"),
        ("1004", "1001", "10008"),
        ("1000", "1999", "10011"),
        ("1000", "Jayson", "10031"),
        ("1000", "", "10004"),
        ("1002", "0301234567", None),
    ],
)
async def test_what_cannot_be_dialled(
    client: Client, caller: str, callee: str, errno: str | None
) -> None:
    assert await client.errno("call/dial", caller=caller, callee=callee) == errno


async def test_dialling_outside_without_permission(make_client: MakeClient) -> None:
    extensions = tuple(
        type(spec)(number=spec.number, name=spec.name, outbound_allowed=False)
        for spec in Settings().extensions
    )
    client = await make_client(extensions=extensions)
    assert await client.errno("call/dial", caller="1000", callee="030123456") == "10024"


@pytest.mark.parametrize(
    ("reading", "channel_of", "stays"),
    [
        (TransferChannel.ROLE, "1000", "030"),
        (TransferChannel.ROLE, "030", "030"),
        (TransferChannel.MOVED, "030", "030"),
        (TransferChannel.MOVED, "1000", "1000"),
    ],
)
async def test_a_transfer_by_the_api(
    make_client: MakeClient, reading: TransferChannel, channel_of: str, stays: str
) -> None:
    client = await make_client(readings=Readings(transfer_channel=reading))
    call = await client.sim.calls.inbound("siptrunk", "030", to="1000")
    await call.ring()
    await call.answer()
    await client.reports()
    channel = call.channel(channel_of)
    assert await client.errno("call/transfer", channelid=channel, number="1001") is None
    assert "Tranfer" not in events(await client.reports())
    assert [leg.party for leg in call.story.up()] == [stays, "1001"]


def controlled(
    *, control_answering: bool = False, control_destination: bool = False
) -> tuple[TrunkSpec, ...]:
    return (
        TrunkSpec(
            name="siptrunk",
            control_answering=control_answering,
            control_destination=control_destination,
        ),
    )


@pytest.mark.usefixtures("clock")
async def test_an_invited_call_is_accepted_in_time(make_client: MakeClient) -> None:
    client = await make_client(trunks=controlled(control_answering=True))
    call = await client.sim.calls.inbound("siptrunk", "2000", to="1001")
    ringing = asyncio.create_task(call.ring())
    [invite] = await client.reports()
    assert invite["event"] == "Invite"
    assert "memberstatus" not in invite["members"][0]["inbound"]
    channel = invite["members"][0]["inbound"]["channelid"]
    assert await client.errno("call/accept_inbound", channelid=channel) is None
    await ringing
    assert events(await client.reports())[:2] == ["Incoming", "CallStatus"]
    assert await client.errno("call/refuse_inbound", channelid=channel) == "10016"


async def test_an_invited_call_is_refused(make_client: MakeClient) -> None:
    client = await make_client(trunks=controlled(control_answering=True))
    call = await client.sim.calls.inbound("siptrunk", "2000", to="1001")
    channel = call.channel("2000")
    assert await client.errno("call/refuse_inbound", channelid=channel) is None
    await call.ring()
    assert events(await client.reports()) == ["Invite"]
    assert call.truth.outcome is Outcome.REFUSED
    assert await client.errno("call/accept_inbound", channelid=channel) == "10007"


async def test_an_invitation_lasts_ten_seconds(
    make_client: MakeClient, clock: ManualClock
) -> None:
    client = await make_client(trunks=controlled(control_answering=True))
    call = await client.sim.calls.inbound("siptrunk", "2000", to="1001")
    ringing = asyncio.create_task(call.ring())
    await clock.advance(9)
    assert not ringing.done()
    await clock.advance(1)
    await ringing
    channel = call.channel("2000")
    assert await client.errno("call/accept_inbound", channelid=channel) == "10016"


async def test_the_destination_of_an_incoming_call_can_be_chosen(
    make_client: MakeClient,
) -> None:
    client = await make_client(trunks=controlled(control_destination=True))
    call = await client.sim.calls.inbound("siptrunk", "2000", to="1001")
    ringing = asyncio.create_task(call.ring())
    [incoming] = await client.reports()
    assert incoming["event"] == "Incoming"
    channel = call.channel("2000")
    assert await client.errno("call/transfer", channelid=channel, number="1000") is None
    await ringing
    assert [leg.party for leg in call.story.up()] == ["2000", "1000"]


async def test_a_prompt_is_played(client: Client) -> None:
    answer = await client.ask(
        "call/playprompt", number="1000", prompt="music1+gong", autoanswer="yes"
    )
    call = client.sim.calls.live[answer["callid"]]
    await call.prompt_end()
    await call.hang_up("1000")
    reports = await client.reports()
    [end] = [one for one in reports if one["event"] == "PlayPromptEnd"]
    assert end["prompt"] == "music1+gong"
    assert "memberstatus" not in end["members"][0]["ext"]
    assert await client.errno("call/playprompt", number="1000", prompt="x") == "10023"


async def test_a_prompt_to_a_paging_group_has_several_members(client: Client) -> None:
    answer = await client.ask("call/playprompt", number="6300", prompt="gong")
    call = client.sim.calls.live[answer["callid"]]
    for number in ("1001", "1002", "1003"):
        await call.answer(number)
    await client.reports()
    await call.prompt_end()
    [end] = await client.reports()
    assert len(end["members"]) == 3


async def test_hold_and_parking_by_the_api(client: Client) -> None:
    call = await client.sim.calls.internal("1000", "1001")
    await call.ring()
    await call.answer()
    channel = call.channel("1001")
    assert await client.errno("call/hold", channelid=channel) is None
    assert await client.errno("call/unhold", channelid=channel) is None
    answer = await client.ask("call/callpark", channelid=channel)
    assert answer["parkingslot"] == "6900"
    [parked] = (await client.ask("call/callpark_status"))["parkinfos"]
    assert (parked["parker"], parked["parkedparty"]) == ("1001", "1000")
    answer = await client.ask("call/dial", caller="1002", callee="6900")
    assert answer["callid"] == call.callid
    assert await client.ask("call/callpark_status") == {"status": "Success"}


async def test_a_text_is_decoded_and_reported(client: Client) -> None:
    answer = await client.ask(
        "sms/send", phonenumber="0171", message="Gr%C3%BC%C3%9Fe%20%26", trunk="gsm1"
    )
    assert answer["smsid"].startswith("0171-")
    assert client.sim.texts == [(answer["smsid"], "0171", "Grüße &", "gsm1")]
    [report] = await client.reports()
    assert (report["event"], report["smsid"]) == ("sms-send", answer["smsid"])
    for changes, errno in (
        ({"phonenumber": ""}, "10028"),
        ({"message": ""}, "10030"),
        ({"trunk": "siptrunk"}, "10026"),
    ):
        body = {"phonenumber": "0171", "message": "x", "trunk": "gsm1", **changes}
        assert await client.errno("sms/send", **body) == errno
    client.sim.set_trunk_status("gsm1", "No SIM")
    body = {"phonenumber": "0171", "message": "x", "trunk": "gsm1"}
    assert await client.errno("sms/send", **body) == "10027"


async def test_a_reboot_ends_calls_without_a_word(
    client: Client, clock: ManualClock
) -> None:
    call = await client.sim.calls.internal("1000", "1001")
    await call.ring()
    await client.reports()
    rebooting = asyncio.create_task(client.sim.reboot(down_for=1))
    await clock.advance(1)
    await rebooting
    await client.login()
    assert await client.reports() == []
    assert await client.errno("call/query", callid=call.callid) == "10005"


@pytest.mark.parametrize("kind", [Kind.INBOUND_HELD, Kind.QUEUE_ANSWERED])
async def test_a_planned_call_is_played_live(
    client: Client, clock: ManualClock, kind: Kind
) -> None:
    planner = Planner(client.sim.pbx, client.sim.source)
    scenario = planner.plan(kind)
    assert scenario is not None
    playing = asyncio.create_task(play(client.sim, scenario))
    await clock.advance(500)
    call = await playing
    assert call.truth.outcome is Outcome.ANSWERED
    assert events(await client.reports())[-1] == "NewCdr"


async def test_calls_are_played_for_ever(client: Client, clock: ManualClock) -> None:
    playing = asyncio.create_task(play_for_ever(client.sim, seed=1, pause=60))
    await clock.advance(3600)
    assert len(client.sim.calls.finished) > 10
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert not client.sim.lost
