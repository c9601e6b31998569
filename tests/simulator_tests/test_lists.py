"""Requests that tell and change what the PBX has."""

import asyncio
import io
from typing import Any
import wave

import aiohttp
import pytest

from tests.simulator import (
    ExtensionSpec,
    Fault,
    ManualClock,
    QueueSpec,
    Readings,
    TrunkSpec,
    VoicemailSpec,
)
from tests.simulator.readings import BadDownload, FreeStatus, IdleCalls
from tests.simulator.sound import Sound

from .conftest import Client, MakeClient


async def statuses(client: Client) -> dict[str, str]:
    answer = await client.ask("extension/list")
    return {row["number"]: row["status"] for row in answer["extlist"]}


async def test_device_information(make_client: MakeClient) -> None:
    client = await make_client(utc_offset=-3.5, uptime=3 * 86400 + 14262)
    info = (await client.ask("deviceinfo/query"))["deviceinfo"]
    assert info == {
        "devicename": "Yeastar S100",
        "sn": client.sim.serial,
        "hardwarever": "V1.10 0000-0000",
        "firmwarever": "30.13.0.30",
        "systemtime": "2019-10-24 02:48:50 UTC-3:30",
        "uptime": "3days 03:57:42",
        "extensionstatus": "6/500",
    }
    client = await make_client(readings=Readings(utc_sign_reversed=True))
    info = (await client.ask("deviceinfo/query"))["deviceinfo"]
    assert info["systemtime"].endswith(" UTC-8")


async def test_the_lists_words_for_a_status(make_client: MakeClient) -> None:
    client = await make_client()
    found = await statuses(client)
    assert (found["1000"], found["1004"], found["1005"]) == (
        "Registered",
        "Unavailable",
        "Idle",
    )
    readings = Readings(free_status=FreeStatus.IDLE, lower_case_unavailable=True)
    found = await statuses(await make_client(readings=readings))
    assert (found["1000"], found["1004"]) == ("Idle", "unavailable")


async def test_a_status_set_by_hand_is_listed_and_told(client: Client) -> None:
    sim = client.sim
    sim.set_extension_status("1001", "Unregistered")
    sim.set_extension_status("1002", "Malfunction")
    found = await statuses(client)
    assert (found["1001"], found["1002"]) == ("Unavailable", "Malfunction")
    [report] = await client.reports()
    assert report == {
        "event": "ExtensionStatus",
        "extension": "1001",
        "status": "Unregistered",
        "registeredIP": "192.168.5.101",
        "sn": sim.serial,
    }
    sim.register("1001", "192.168.5.77")
    [report] = await client.reports()
    assert (report["status"], report["registeredIP"]) == ("Registered", "192.168.5.77")
    sim.set_trunk_status("siptrunk", "Failure")
    [row, *_] = (await client.ask("trunk/list"))["trunklist"]
    assert row["status"] == "Failure"
    assert await client.reports() == []


async def test_changed_configuration_is_told_of_extensions_and_trunks(
    client: Client,
) -> None:
    sim = client.sim
    sim.add_extension(ExtensionSpec(number="1010", name="New"))
    sim.rename_extension("1010", "Newer")
    sim.remove_extension("1000")
    sim.add_trunk(TrunkSpec(name="new"))
    sim.rename_trunk("new", "newer")
    sim.remove_trunk("gsm1")
    sim.add_queue(QueueSpec(number="6702", name="New"))
    sim.rename_queue("6702", "Newer")
    sim.remove_queue("6700")
    told = [
        (one["type"], one.get("extid") or one["trunkname"], one["operation"])
        for one in await client.reports()
    ]
    assert told == [
        ("extension", "1010", "add"),
        ("extension", "1010", "update"),
        ("extension", "1000", "del"),
        ("trunk", "new", "add"),
        ("trunk", "newer", "update"),
        ("trunk", "gsm1", "del"),
    ]
    extensions = (await client.ask("extension/list"))["extlist"]
    assert extensions[-1]["username"] == "Newer"
    assert "1000" not in await statuses(client)
    queues = (await client.ask("queue/query", number="all"))["queues"]
    assert [(row["number"], row["queuename"]) for row in queues] == [
        ("6701", "Sales"),
        ("6702", "Newer"),
    ]


async def test_an_extension_with_its_secrets(client: Client) -> None:
    answer = await client.ask("extension/query", number="1000,1001")
    assert [row["number"] for row in answer["extinfos"]] == ["1000", "1001"]
    assert {"registerpassword", "vmsecret", "loginpassword"} <= set(
        answer["extinfos"][0]
    )
    assert await client.errno("extension/query", number="1000,1999") == "10006"


@pytest.mark.parametrize("form", IdleCalls)
async def test_calls_of_an_idle_extension(
    make_client: MakeClient, form: IdleCalls
) -> None:
    client = await make_client(readings=Readings(idle_calls=form))
    answer = await client.ask("extension/query_call", number="1000")
    wanted: dict[IdleCalls, dict[str, Any]] = {
        IdleCalls.MISSING: {"calllist": []},
        IdleCalls.EMPTY: {"calllist": [{"number": "1000", "numbercalls": []}]},
        IdleCalls.NO_LIST: {},
    }
    assert answer == {"status": "Success", **wanted[form]}
    call = await client.sim.calls.internal("1000", "1001")
    await call.ring()
    answer = await client.ask("extension/query_call", number="1000")
    [entry] = answer["calllist"][0]["numbercalls"]
    assert entry["callid"] == call.callid
    assert [next(iter(member)) for member in entry["members"]] == ["ext", "ext"]


async def test_an_endpoint_that_the_firmware_lacks(make_client: MakeClient) -> None:
    client = await make_client(missing_endpoints=frozenset({"extension/query_call"}))
    assert await client.errno("extension/query_call", number="all") == "10003"


async def test_extension_settings_change(client: Client, clock: ManualClock) -> None:
    assert await client.errno("extension/update", number="1000", dnd="on") is None
    [report] = await client.reports()
    assert (report["event"], report["extid"]) == ("ConfigChange", "1000")
    assert await client.errno("extension/update", number="1000", dnd="off") == "10025"
    await clock.advance(1)
    changes = {
        "alwaysforward": "on",
        "atransferto": "Extension",
        "atransferext": "1001",
        "noanswerforward": "off",
    }
    assert await client.errno("extension/update", number="1000", **changes) is None
    [info] = (await client.ask("extension/query", number="1000"))["extinfos"]
    assert (info["dnd"], info["atransferext"]) == ("on", "1001")
    assert "ntransferto" not in info
    for body, errno in (
        ({"number": "1999"}, "10006"),
        ({"number": "1000", "dnd": "maybe"}, "10017"),
        ({"number": "1000", "nonsense": "x"}, "10017"),
        ({"dnd": "on"}, "10004"),
    ):
        assert await client.errno("extension/update", **body) == errno


async def test_queue_status_and_agents(client: Client, clock: ManualClock) -> None:
    sim = client.sim
    sim.add_queue_caller("6700", "2203303")
    await clock.advance(12)
    sim.set_agent_status("6700", "1002", "10")
    [row] = (await client.ask("queue/query_status", number="6700"))["queues"]
    [status] = row["queuestatus"]
    assert status["callercount"] == "1"
    assert status["callers"][0]["waittime"] == "12"
    assert status["members"] == [
        {"agent": "1001", "agentstatus": "1"},
        {"agent": "1002", "agentstatus": "10"},
    ]
    sim.remove_queue_caller("6700", "2203303")
    agent = {"queuenumber": "6701", "extnumber": "1000"}
    assert await client.errno("queue/add_dynamicagent", **agent) == "10032"
    agent["password"] = "1234"
    assert await client.errno("queue/add_dynamicagent", **agent) is None
    assert await client.errno("queue/pause_agent", **agent) is None
    assert sim.pbx.queues["6701"].paused == {"1000"}
    assert await client.errno("queue/unpause_agent", **agent) is None
    [row] = (await client.ask("queue/query", number="6701"))["queues"]
    assert row["dynamicagents"] == "1000,"
    assert await client.errno("queue/delete_dynamicagent", **agent) is None
    agent["queuenumber"] = "1"
    assert await client.errno("queue/pause_agent", **agent) == "10013"


async def test_a_queue_whose_empty_count_is_empty(make_client: MakeClient) -> None:
    client = await make_client(readings=Readings(empty_caller_count=True))
    [row, _] = (await client.ask("queue/query_status", number="all"))["queues"]
    assert row["queuestatus"][0]["callercount"] == ""
    assert "callers" not in row["queuestatus"][0]


async def test_no_voicemail_means_only_a_status(client: Client) -> None:
    [box] = (await client.ask("voicemail/query", number="all"))["voicemails"]
    assert box["voicemail"][0]["voicemailstatus"] == "unread"
    answer = await client.ask("voicemail/query", number="1000")
    assert answer == {"status": "Success"}
    call = await client.sim.calls.internal("1001", "1000")
    await call.ring()
    await call.voicemail()
    await call.hang_up()
    [box] = (await client.ask("voicemail/query", number="1000"))["voicemails"]
    assert box["voicemail"][0]["messagefrom"] == "1001"
    client.sim.read_voicemails("1000")
    client.sim.add_voicemail(VoicemailSpec(number="1000", file="msg0001.wav"))
    [box] = (await client.ask("voicemail/query", number="1000"))["voicemails"]
    assert [one["voicemailstatus"] for one in box["voicemail"]] == ["read", "unread"]


async def test_read_messages_may_be_renumbered(make_client: MakeClient) -> None:
    boxes = tuple(
        VoicemailSpec(number="1000", file=f"msg000{number}.wav") for number in (3, 5)
    )
    readings = Readings(voicemail_renumbered=True)
    client = await make_client(readings=readings, voicemails=boxes)
    client.sim.read_voicemails("1000")
    [box] = (await client.ask("voicemail/query", number="1000"))["voicemails"]
    files = [one["voicemailfile"] for one in box["voicemail"]]
    assert files == ["msg0000.wav", "msg0001.wav"]


async def test_contacts_groups_and_rooms(client: Client) -> None:
    contacts = (await client.ask("companycontacts/query", id="all"))["companycontacts"]
    assert contacts[0]["firstname"] == "Ada"
    groups = (await client.ask("paginggroup/list"))["paginggrouplist"]
    assert groups == [{"number": "6300", "name": "House"}]
    answer = await client.ask("conference/query_in_session", number="all")
    assert answer == {"status": "Success"}
    call = await client.sim.calls.internal("1000", "6400")
    await call.ring()
    answer = await client.ask("conference/query_in_session", number="6400")
    assert answer["conference"][0]["conferencenumber"] == "6400"
    assert await client.errno("conference/query", number="1") == "10110"
    ivrs = (await client.ask("ivr/query", number="all"))["ivr"]
    assert ivrs[0]["ivrname"] == "Welcome"


DAY = {"starttime": "2019-10-24 00:00:00", "endtime": "2019-10-24 23:59:59"}


@pytest.mark.usefixtures("clock")
async def test_call_records_are_downloaded_once(client: Client) -> None:
    call = await client.sim.calls.inbound("siptrunk", "030", "555", to="1001")
    await call.ring()
    await call.answer()
    await call.hang_up()
    answer = await client.ask("cdr/get_random", number="all", **DAY)
    query = {key: answer[key] for key in ("number", "starttime", "endtime", "random")}
    status, body = await client.raw(
        "cdr/download", method="GET", token=client.token, **query
    )
    lines = body.decode().splitlines()
    assert status == 200
    assert lines[0].split(",")[:3] == ["callid", "timestart", "callfrom"]
    assert lines[1].split(",")[0] == call.callid
    _, body = await client.raw(
        "cdr/download", method="GET", token=client.token, **query
    )
    assert b"20020" in body


@pytest.mark.parametrize("form", BadDownload)
async def test_a_download_too_late(
    make_client: MakeClient, clock: ManualClock, form: BadDownload
) -> None:
    client = await make_client(readings=Readings(bad_download=form))
    answer = await client.ask("cdr/get_random", number="all", **DAY)
    answer.pop("status")
    await clock.advance(31)
    status, body = await client.raw(
        "cdr/download", method="GET", token=client.token, **answer
    )
    assert status == (404 if form is BadDownload.HTTP_404 else 200)
    assert (b"errno" in body) is (form is BadDownload.JSON)


async def test_download_errors(client: Client) -> None:
    day = {**DAY, "starttime": "yesterday"}
    assert await client.errno("cdr/get_random", number="all", **day) == "20019"
    answer = await client.ask("cdr/get_random", number="all", **DAY)
    answer.pop("status")
    _, body = await client.raw(
        "cdr/download", method="GET", token=client.token, **answer
    )
    assert b"20021" in body
    body_of = {"number": "all", **DAY, "allowedip": "x"}
    assert await client.errno("cdr/get_random", **body_of) == "20015"
    assert await client.errno("recording/get_random", recording="x") == "20014"


async def test_recordings_and_messages_are_sound_files(client: Client) -> None:
    call = await client.sim.calls.internal("1000", "1001")
    await call.ring()
    await call.answer()
    await call.hang_up()
    recording = call.truth.recording
    answer = await client.ask("recording/get_random", recording=recording)
    message = {
        "number": "1001",
        "voicemailfile": "msg0000.wav",
        "voicemailstatus": "unread",
    }
    second = await client.ask("voicemail/get_random", **message)
    for name, query in (
        ("recording", {"recording": recording, "random": answer["random"]}),
        ("voicemail", {**message, "random": second["random"]}),
    ):
        _, body = await client.raw(
            f"{name}/download", method="GET", token=client.token, **query
        )
        with wave.open(io.BytesIO(body)) as file:
            assert file.getnframes() > 0
    message["voicemailstatus"] = "read"
    assert await client.errno("voicemail/get_random", **message) == "20018"
    message["voicemailstatus"] = "unread"
    assert await client.errno("voicemail/delete", **message) is None
    assert await client.ask("voicemail/query", number="1001") == {"status": "Success"}


async def recording_of(client: Client, size: int) -> tuple[str, dict[str, str]]:
    """Return the name of a recording of so many bytes, and what opens it."""
    call = await client.sim.calls.internal("1000", "1001")
    await call.ring()
    await call.answer()
    await call.hang_up()
    name = call.truth.recording
    client.sim.sounds[name] = size
    answer = await client.ask("recording/get_random", recording=name)
    return name, {"recording": name, "random": answer["random"]}


async def fetch(client: Client, query: dict[str, str]) -> bytes:
    _, body = await client.raw(
        "recording/download", method="GET", token=client.token, **query
    )
    return body


@pytest.mark.parametrize("content_length", [False, True])
async def test_a_recording_has_the_size_that_was_set(
    make_client: MakeClient, content_length: bool
) -> None:
    client = await make_client(content_length=content_length)
    _, query = await recording_of(client, 300_000)
    body = await fetch(client, query)
    assert len(body) == 300_000
    assert body == Sound(300_000).content()
    with wave.open(io.BytesIO(body)) as file:
        assert file.getnframes() == (300_000 - 44) // 2


async def test_a_recording_can_be_cut_or_end_in_the_middle(
    make_client: MakeClient,
) -> None:
    client = await make_client(content_length=True)
    for fault in (Fault.CUT, Fault.HALF):
        _, query = await recording_of(client, 300_000)
        client.sim.faults.add(fault, endpoint="recording/download")
        with pytest.raises(aiohttp.ClientError):
            await fetch(client, query)
    client = await make_client()
    for fault in (Fault.CUT, Fault.HALF):
        # Without a length nothing but the sound itself tells that half is missing.
        _, query = await recording_of(client, 300_000)
        client.sim.faults.add(fault, endpoint="recording/download")
        assert len(await fetch(client, query)) <= 150_000


async def test_a_recording_can_come_slowly(client: Client, clock: ManualClock) -> None:
    _, query = await recording_of(client, 100_000)
    client.sim.faults.add(Fault.DRIP, endpoint="recording/download", seconds=5)
    download = asyncio.create_task(fetch(client, query))
    began = clock.now()
    while not download.done():
        await clock.advance(1)
        await asyncio.sleep(0)
    assert len(await download) == 100_000
    # A header and two parts of 64 KiB at most.
    assert clock.now() - began >= 15
