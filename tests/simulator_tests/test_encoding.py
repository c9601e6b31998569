"""The three versions of reports."""

import json
from typing import Any

import pytest

from tests.simulator import Readings, story_reports
from tests.simulator.encoding import Encoder, v1_party
from tests.simulator.scenarios import Kind

EXT = {"ext": {"number": "1023", "channelid": "PJSIP/1023-0000000a"}}
INBOUND = {
    "inbound": {
        "from": "2000",
        "to": "1023",
        "trunkname": "siptrunk",
        "channelid": "PJSIP/trunk-siptrunk-endpoint-00000002",
    }
}


def encoded(version: str, report: dict[str, Any]) -> list[Any]:
    """Return the bodies as pairs, so that repeated keys are seen."""
    encoder = Encoder(version, Readings())
    return [
        json.loads(body, object_pairs_hook=lambda pairs: pairs)
        for body in encoder.encode(report)
    ]


# The samples of protocol 5, one for each event.
SAMPLES: list[dict[str, Any]] = [
    {"event": "BootUp"},
    {
        "event": "ConfigChange",
        "type": "extension",
        "extid": "1000",
        "operation": "add",
    },
    {"event": "ExtensionStatus", "extension": "1023", "status": "Ringing"},
    {
        "event": "CallStatus",
        "callid": "1.1",
        "members": [{"ext": {**EXT["ext"], "memberstatus": "RING"}}],
    },
    {"event": "NewCdr", "callid": "1.1", "dsttrcunkname": "t", "pincode": ""},
    {"event": "Tranfer", "callid": "1.1", "members": [EXT]},
    {"event": "Forward", "callid": "1.1", "members": [INBOUND]},
    {"event": "CallFailed", "callid": "1.1", "reason": "DND", "members": [EXT]},
    {"event": "Invite", "callid": "1.1", "members": [INBOUND]},
    {"event": "Incoming", "callid": "1.1", "members": [INBOUND]},
    {"event": "DTMF", "callid": "1.1", "members": [EXT], "info": "2", "flag": "0"},
    {"event": "PlayPromptEnd", "callid": "1.1", "members": [EXT], "prompt": "a"},
    {"event": "satisfaction", "callid": "1.1", "surveyresult": "1"},
    {"event": "uacstacall", "operation": "callanswer", "extnumber": "1000"},
    {
        "event": "ConferenceStatus",
        "callid": "1.1",
        "conferencenumber": "6400",
        "members": [EXT],
    },
    {"event": "sms-send", "status": "Success", "smsid": "1-2"},
    {"event": "QueueAgentRingNoAnswerTimeout", "queue": "queue-6700"},
    {"event": "QueueAutoPause", "queue": "6700"},
]


def test_there_is_a_sample_of_every_event() -> None:
    assert len({sample["event"] for sample in SAMPLES}) == 18


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["event"])
def test_version_2_sends_the_report_itself(sample: dict[str, Any]) -> None:
    report = {**sample, "sn": "369451090405"}
    bodies = Encoder("2.0.0", Readings()).encode(report)
    assert [json.loads(body) for body in bodies] == [report]


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2"])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["event"])
def test_version_1_has_an_action(sample: dict[str, Any], version: str) -> None:
    [body] = encoded(version, {**sample, "sn": "369451090405"})
    keys = [key for key, _ in body]
    action = {"CallStatus": "RING", "Forward": "Tranfer"}.get(
        sample["event"], sample["event"]
    )
    assert body[0] == ("action", action)
    assert body[-1] == ("sn", "369451090405")
    assert not {"event", "members"} & set(keys)


def test_version_1_0_0_repeats_keys_and_1_0_2_has_an_array() -> None:
    members = [
        {"ext": {"number": "1002", "channelid": "a", "memberstatus": "RING"}},
        {"ext": {"number": "1001", "channelid": "b", "memberstatus": "ALERT"}},
    ]
    report = {"event": "CallStatus", "callid": "1550710849.199", "members": members}
    ring, alert = sorted(
        Encoder("1.0.0", Readings()).encode(report), key=lambda body: b"ALERT" in body
    )
    assert ring == (
        b'{"action": "RING", "callid": "1550710849.199", '
        b'"ext": {"extid": "1002"}, "ext": {"extid": "1001"}}'
    )
    assert b'"action": "ALERT"' in alert
    bodies = Encoder("1.0.2", Readings()).encode(report)
    assert {json.loads(body)["action"] for body in bodies} == {"RING", "ALERT"}
    assert json.loads(bodies[1])["call"] == [
        {"ext": {"extid": "1002"}},
        {"ext": {"extid": "1001"}},
    ]


def test_an_outside_party_in_version_1() -> None:
    party = v1_party("1495771030.365", "inbound", INBOUND["inbound"])
    assert party == {
        "from": "2000",
        "to": "1023",
        "trunk": "siptrunk",
        "inboundid": "1495771030.2",
    }


def test_version_1_omits_what_is_empty_in_a_cdr() -> None:
    report = {
        "event": "NewCdr",
        "dsttrcunkname": "t",
        "srctrunkname": "",
        "recording": "",
    }
    [body] = encoded("1.0.2", report)
    assert body == [("action", "NewCdr"), ("desttrunkname", "t")]
    misspelled = Encoder("1.0.2", Readings(v1_cdr_misspelled=True))
    assert b"dsttrcunkname" in misspelled.encode(report)[0]


def test_version_1_tells_idle_where_version_2_tells_registered() -> None:
    encoder = Encoder("1.0.2", Readings())
    statuses = []
    for status in ("Registered", "Ringing", "Busy", "Registered"):
        report = {"event": "ExtensionStatus", "extension": "1", "status": status}
        statuses.append(json.loads(encoder.encode(report)[0])["status"])
    assert statuses == ["Registered", "Ringing", "Busy", "Idle"]


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2"])
def test_a_call_in_version_1(version: str) -> None:
    encoder = Encoder(version, Readings())
    actions = []
    for _, report in story_reports(1, Kind.INTERNAL_ANSWERED).reports:
        for body in encoder.encode(report):
            action = json.loads(body)["action"]
            if action != "ExtensionStatus":
                actions.append(action)
    assert sorted(actions[:2]) == ["ALERT", "RING"]
    assert sorted(actions[2:4]) == ["ANSWER", "ANSWERED"]
    # Every hang-up gives two BYE.
    assert actions[4:] == ["BYE", "BYE", "NewCdr"]


def test_letters_beyond_ascii() -> None:
    report = {"event": "x", "name": "Zoë"}
    assert "Zoë".encode() in Encoder("2.0.0", Readings()).encode(report)[0]
    escaping = Encoder("2.0.0", Readings(escape_unicode=True))
    assert rb"Zo\u00eb" in escaping.encode(report)[0]
