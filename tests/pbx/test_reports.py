"""What the PBX says by itself, in every version, as the contract shows it.

The bodies are the samples of the documentation (protocol 4.4, 5), byte for byte.
"""

from datetime import UTC
from typing import Any

import pytest

from custom_components.yeastar.pbx.reports import (
    TYPES,
    MalformedReportError,
    Report,
    Retransmissions,
    decode,
    snake_case,
    understand,
)

from .line import ZONE

SN = '"sn":"369451090405"'


def read(body: str) -> Report:
    return understand(decode(body.encode()), ZONE)


VERSION_2: dict[str, tuple[str, str, dict[str, Any]]] = {
    "extension status": (
        '{"event":"ExtensionStatus","extension":"1023","status":"Ringing",'
        '"registeredIP":"192.168.5.100",' + SN + "}",
        "extension_status",
        {"extension": "1023", "status": "Ringing", "registered_ip": "192.168.5.100"},
    ),
    "call status": (
        '{"event":"CallStatus","callid":"1571897930.5","members":['
        '{"inbound":{"from":"2203303","to":"6500","trunkname":"siptrunk",'
        '"channelid":"PJSIP/trunk-siptrunk-endpoint-00000002",'
        '"memberstatus":"ALERT"}},'
        '{"ext":{"number":"2000","channelid":"PJSIP/2000-00000025",'
        '"memberstatus":"RING","callpath":"6500"}}],' + SN + "}",
        "call_status",
        {
            "call_id": "1571897930.5",
            "members": [
                {
                    "kind": "inbound",
                    "from": "2203303",
                    "to": "6500",
                    "trunk_name": "siptrunk",
                    "channel_id": "PJSIP/trunk-siptrunk-endpoint-00000002",
                    "member_status": "ALERT",
                },
                {
                    "kind": "ext",
                    "number": "2000",
                    "channel_id": "PJSIP/2000-00000025",
                    "member_status": "RING",
                    "call_path": "6500",
                },
            ],
        },
    ),
    "empty members": (
        '{"event":"CallStatus","callid":"1571897930.5","members":[],' + SN + "}",
        "call_status",
        {"call_id": "1571897930.5", "members": []},
    ),
    "cdr": (
        '{"event":"NewCdr","callid":"1571897930.5","timestart":"2019-10-23 22:18:50",'
        '"callfrom":"1023","callto":"2023","callduraction":"19","talkduraction":"14",'
        '"srctrunkname":"","dsttrcunkname":"","pincode":"","status":"ANSWERED",'
        '"type":"Internal",'
        '"recording":"20191024201242-1571897930.5-203-201-Internal.wav",'
        '"didnumber":"","agentringtime":"0",' + SN + "}",
        "new_cdr",
        {
            "call_id": "1571897930.5",
            "time_start": "2019-10-23T22:18:50-08:00",
            "call_from": "1023",
            "call_to": "2023",
            "call_duration": 19,
            "talk_duration": 14,
            "src_trunk_name": None,
            "dst_trunk_name": None,
            "pin_code": None,
            "status": "ANSWERED",
            "type": "Internal",
            "recording": "20191024201242-1571897930.5-203-201-Internal.wav",
            "did_number": None,
            "agent_ring_time": 0,
        },
    ),
    "invite": (
        '{"event":"Invite","callid":"1571896991.2","members":[{"inbound":{'
        '"from":"2000","to":"1023","trunkname":"siptrunk",'
        '"channelid":"PJSIP/trunk-siptrunk-endpoint-00000001"}}],' + SN + "}",
        "invite",
        {
            "call_id": "1571896991.2",
            "members": [
                {
                    "kind": "inbound",
                    "from": "2000",
                    "to": "1023",
                    "trunk_name": "siptrunk",
                    "channel_id": "PJSIP/trunk-siptrunk-endpoint-00000001",
                }
            ],
        },
    ),
    "incoming": (
        '{"event":"Incoming","callid":"1571897079.3","members":[{"inbound":{'
        '"from":"2000","to":"1023","trunkname":"siptrunk",'
        '"channelid":"PJSIP/trunk-siptrunk-endpoint-00000002"}}],' + SN + "}",
        "incoming",
        {
            "call_id": "1571897079.3",
            "members": [
                {
                    "kind": "inbound",
                    "from": "2000",
                    "to": "1023",
                    "trunk_name": "siptrunk",
                    "channel_id": "PJSIP/trunk-siptrunk-endpoint-00000002",
                }
            ],
        },
    ),
    "transfer as spelt": (
        '{"event":"Tranfer","callid":"1571981311.105","members":['
        '{"ext":{"number":"2000","channelid":"PJSIP/2000-00000025"}},'
        '{"ext":{"number":"1020","channelid":"PJSIP/1020-00000026"}}],' + SN + "}",
        "transfer",
        {
            "call_id": "1571981311.105",
            "members": [
                {"kind": "ext", "number": "2000", "channel_id": "PJSIP/2000-00000025"},
                {"kind": "ext", "number": "1020", "channel_id": "PJSIP/1020-00000026"},
            ],
        },
    ),
    "transfer as written": (
        '{"event":"Transfer","callid":"1571981311.105","members":[],' + SN + "}",
        "transfer",
        {"call_id": "1571981311.105", "members": []},
    ),
    "forward": (
        '{"event":"Forward","callid":"1571901993.46","members":[{"inbound":{'
        '"from":"12345678","to":"1020","trunkname":"siptrunk",'
        '"channelid":"PJSIP/trunk-siptrunk-endpoint-0000001c"}}],' + SN + "}",
        "forward",
        {
            "call_id": "1571901993.46",
            "members": [
                {
                    "kind": "inbound",
                    "from": "12345678",
                    "to": "1020",
                    "trunk_name": "siptrunk",
                    "channel_id": "PJSIP/trunk-siptrunk-endpoint-0000001c",
                }
            ],
        },
    ),
    "call failed": (
        '{"callid":"1573097568.15","event":"CallFailed",'
        '"reason":"NO Outbound Restriction","members":[{"ext":{"number":"1023",'
        '"channelid":"PJSIP/1023-0000000a"}}],' + SN + "}",
        "call_failed",
        {
            "call_id": "1573097568.15",
            "reason": "NO Outbound Restriction",
            "members": [
                {"kind": "ext", "number": "1023", "channel_id": "PJSIP/1023-0000000a"}
            ],
        },
    ),
    "dtmf": (
        '{"event":"DTMF","callid":"1571905397.97","members":[{"ext":{"number":"1023",'
        '"channelid":"PJSIP/1023-00000039","memberstatus":"ANSWERED",'
        '"callpath":"6500"}}],"info":"2","flag":"0","infos":"2",' + SN + "}",
        "dtmf",
        {
            "call_id": "1571905397.97",
            "members": [
                {
                    "kind": "ext",
                    "number": "1023",
                    "channel_id": "PJSIP/1023-00000039",
                    "member_status": "ANSWERED",
                    "call_path": "6500",
                }
            ],
            "info": "2",
            "flag": "0",
            "infos": "2",
        },
    ),
    "prompt played": (
        '{"event":"PlayPromptEnd","callid":"1571965641.241","members":[{"ext":{'
        '"number":"2023","channelid":"PJSIP/2023-0000008f"}}],"prompt":"music1",'
        + SN
        + "}",
        "play_prompt_end",
        {
            "call_id": "1571965641.241",
            "members": [
                {"kind": "ext", "number": "2023", "channel_id": "PJSIP/2023-0000008f"}
            ],
            "prompt": "music1",
        },
    ),
    "ivr greeting played": (
        '{"event":"PlayPromptEnd","callid":"1571965641.241","members":[{"inbound":{'
        '"from":"2203303","to":"6500","trunkname":"siptrunk",'
        '"channelid":"PJSIP/trunk-siptrunk-endpoint-00000002"}}],'
        '"ivr":{"number":"6500"},' + SN + "}",
        "play_prompt_end",
        {
            "call_id": "1571965641.241",
            "members": [
                {
                    "kind": "inbound",
                    "from": "2203303",
                    "to": "6500",
                    "trunk_name": "siptrunk",
                    "channel_id": "PJSIP/trunk-siptrunk-endpoint-00000002",
                }
            ],
            "ivr": {"number": "6500"},
        },
    ),
    "satisfaction": (
        '{"event":"satisfaction","callid":"1571972541.133","surveyresult":"1",'
        + SN
        + "}",
        "satisfaction",
        {"call_id": "1571972541.133", "survey_result": "1"},
    ),
    "boot up": ('{"event": "BootUp", "sn": "369451090405"}', "boot_up", {}),
    "configuration change of an extension": (
        '{"event":"ConfigChange","type":"extension","extid":"1000",'
        '"operation":"update",' + SN + "}",
        "config_change",
        {"type": "extension", "extension": "1000", "operation": "update"},
    ),
    "configuration change of a trunk": (
        '{"event":"ConfigChange","type":"trunk","trunkname":"siptrunk",'
        '"operation":"del",' + SN + "}",
        "config_change",
        {"type": "trunk", "trunk_name": "siptrunk", "operation": "del"},
    ),
    "agent did not answer": (
        '{"event":"QueueAgentRingNoAnswerTimeout","queue":"queue-6700",'
        '"agent":"Phillip Huff","callid":"1711516130.30","caller":"2000",' + SN + "}",
        "queue_agent_ring_no_answer_timeout",
        {
            "queue": "queue-6700",
            "agent": "Phillip Huff",
            "call_id": "1711516130.30",
            "caller": "2000",
        },
    ),
    "agent paused": (
        '{"event":"QueueAutoPause","queue":"6700","agent":"1000","misscall":['
        '{"caller":"2000","callid":"1711360264.92"}],' + SN + "}",
        "queue_auto_pause",
        {
            "queue": "6700",
            "agent": "1000",
            "missed_calls": [{"caller": "2000", "call_id": "1711360264.92"}],
        },
    ),
    "uacsta": (
        '{"event":"uacstacall","operation":"callanswer","extnumber":"1000",'
        '"cstacallid":"32788","ipaddress":"192.168.5.70:5060",' + SN + "}",
        "uacsta_call",
        {
            "operation": "callanswer",
            "extension": "1000",
            "csta_call_id": "32788",
            "ip_address": "192.168.5.70:5060",
        },
    ),
    "conference": (
        '{"event":"ConferenceStatus","callid":"1572313740.138",'
        '"conferencenumber":"6409","conferencename":" 6409","members":[{"outbound":{'
        '"from":"6409","to":"2100","trunkname":"siptrunk",'
        '"channelid":"PJSIP/trunk-siptrunk-endpoint-0000001f",'
        '"memberstatus":"ANSWERED","callpath":"6409"}}],' + SN + "}",
        "conference_status",
        {
            "call_id": "1572313740.138",
            "conference_number": "6409",
            "conference_name": "6409",
            "members": [
                {
                    "kind": "outbound",
                    "from": "6409",
                    "to": "2100",
                    "trunk_name": "siptrunk",
                    "channel_id": "PJSIP/trunk-siptrunk-endpoint-0000001f",
                    "member_status": "ANSWERED",
                    "call_path": "6409",
                }
            ],
        },
    ),
    "sms": (
        '{"event":"sms-send","status":"Success","smsid":"15980751615-1571987010",'
        + SN
        + "}",
        "sms_send",
        {"status": "Success", "sms_id": "15980751615-1571987010"},
    ),
}


@pytest.mark.parametrize(
    ("body", "kind", "payload"), VERSION_2.values(), ids=VERSION_2.keys()
)
def test_every_sample_of_version_2_is_understood(
    body: str, kind: str, payload: dict[str, Any]
) -> None:
    report = read(body)
    assert (report.type, report.known, report.legacy) == (kind, True, False)
    assert report.serial == "369451090405"
    assert report.payload == payload


def test_the_samples_cover_all_18_events() -> None:
    assert {kind for _, kind, _ in VERSION_2.values()} == set(TYPES.values())
    assert len(set(TYPES.values())) == 18


VERSION_1: dict[str, tuple[str, str, dict[str, Any]]] = {
    "RING to two, 1.0.2": (
        '{"action":"RING","callid":"1550710849.199","call":[{"ext":{"extid":"1002"}},'
        '{"ext":{"extid":"1001"}}],"sn":"369351034049"}',
        "call_status",
        {
            "call_id": "1550710849.199",
            "members": [
                {"kind": "ext", "member_status": "RING", "number": "1002"},
                {"kind": "ext", "member_status": "RING", "number": "1001"},
            ],
        },
    ),
    "RING to two, 1.0.0, key twice": (
        '{"action":"RING","callid":"1550710849.199","ext":{"extid":"1002"},'
        '"ext":{"extid":"1001"},"sn":"369351034049"}',
        "call_status",
        {
            "call_id": "1550710849.199",
            "members": [
                {"kind": "ext", "member_status": "RING", "number": "1002"},
                {"kind": "ext", "member_status": "RING", "number": "1001"},
            ],
        },
    ),
    "RING to three, 1.0.0, key three times": (
        '{"action":"RING","callid":"1.2","ext":{"extid":"1002"},"ext":{"extid":"1001"}'
        ',"ext":{"extid":"1003"},"sn":"369351034049"}',
        "call_status",
        {
            "call_id": "1.2",
            "members": [
                {"kind": "ext", "member_status": "RING", "number": "1002"},
                {"kind": "ext", "member_status": "RING", "number": "1001"},
                {"kind": "ext", "member_status": "RING", "number": "1003"},
            ],
        },
    ),
    "ALERT, 1.0.2": (
        '{"action":"ALERT","callid":"1550710849.199","call":[{"ext":{"extid":"1001"}}],'
        '"sn":"369351034049"}',
        "call_status",
        {
            "call_id": "1550710849.199",
            "members": [{"kind": "ext", "member_status": "ALERT", "number": "1001"}],
        },
    ),
    "Invite, 1.0.2": (
        '{"action":"Invite","callid":"1547389566.275","call":[{"inbound":{'
        '"from":"1929383883","to":"1005","trunk":"SPS-6-36",'
        '"inboundid":"1547389566.275"}}],"sn":"369362089179"}',
        "invite",
        {
            "call_id": "1547389566.275",
            "members": [
                {
                    "kind": "inbound",
                    "from": "1929383883",
                    "to": "1005",
                    "trunk_name": "SPS-6-36",
                    "channel_id": "1547389566.275",
                }
            ],
        },
    ),
    "RING with outbound, 1.0.0": (
        '{"action":"RING","callid":"1495771030.365","outbound":{"from":"1002",'
        '"to":"42003","trunk":"sip-142","outboundid":"1495771030.366"},'
        '"ext":{"extid":"1002"}}',
        "call_status",
        {
            "call_id": "1495771030.365",
            "members": [
                {"kind": "ext", "member_status": "RING", "number": "1002"},
                {
                    "kind": "outbound",
                    "member_status": "RING",
                    "from": "1002",
                    "to": "42003",
                    "trunk_name": "sip-142",
                    "channel_id": "1495771030.366",
                },
            ],
        },
    ),
    "extension status": (
        '{"action":"ExtensionStatus","extension":"1000","status":"Idle",' + SN + "}",
        "extension_status",
        {"extension": "1000", "status": "Idle"},
    ),
    "configuration change": (
        '{"action":"ConfigChange","type":"extension","extid":"1000",'
        '"operation":"add",' + SN + "}",
        "config_change",
        {"type": "extension", "extension": "1000", "operation": "add"},
    ),
    "cdr with empty fields left out": (
        '{"action":"NewCdr","callid":"1","timestart":"2019-10-23 22:18:50",'
        '"callfrom":"1023","callto":"2023","callduraction":"19","talkduraction":"0",'
        '"desttrunkname":"sip1","status":"NO ANSWER","type":"Outbound",' + SN + "}",
        "new_cdr",
        {
            "call_id": "1",
            "time_start": "2019-10-23T22:18:50-08:00",
            "call_from": "1023",
            "call_to": "2023",
            "call_duration": 19,
            "talk_duration": 0,
            "dst_trunk_name": "sip1",
            "status": "NO ANSWER",
            "type": "Outbound",
        },
    ),
    "transfer": (
        '{"action":"Tranfer","callid":"1","call":[{"ext":{"extid":"2000"}}],'
        + SN
        + "}",
        "transfer",
        {"call_id": "1", "members": [{"kind": "ext", "number": "2000"}]},
    ),
    "call failed, parties at the top": (
        '{"action":"CallFailed","callid":"1","reason":"486 Busy Here","outbound":{'
        '"from":"1000","to":"123","trunk":"t","outboundid":"1.1"},"ext":{"extid":'
        '"1000"},' + SN + "}",
        "call_failed",
        {
            "call_id": "1",
            "reason": "486 Busy Here",
            "members": [
                {"kind": "ext", "number": "1000"},
                {
                    "kind": "outbound",
                    "from": "1000",
                    "to": "123",
                    "trunk_name": "t",
                    "channel_id": "1.1",
                },
            ],
        },
    ),
    "prompt played": (
        '{"action":"PlayPromptEnd","callid":"1","ext":{"extid":"1002"},'
        '"prompt":"appletest",' + SN + "}",
        "play_prompt_end",
        {
            "call_id": "1",
            "prompt": "appletest",
            "members": [{"kind": "ext", "number": "1002"}],
        },
    ),
    "prompt played outside, trunkname instead of trunk": (
        '{"action":"PlayPromptEnd","callid":"1","outbound":{"trunkname":"t"},'
        '"prompt":"appletest",' + SN + "}",
        "play_prompt_end",
        {
            "call_id": "1",
            "prompt": "appletest",
            "members": [{"kind": "outbound", "trunk_name": "t"}],
        },
    ),
    "ivr greeting played": (
        '{"action":"PlayPromptEnd","callid":"1","call":[{"ext":{"extid":"1002"}}],'
        '"ivr":{"ivrid":"6500"},"playtonum":"1005",' + SN + "}",
        "play_prompt_end",
        {
            "call_id": "1",
            "ivr": {"number": "6500"},
            "playtonum": "1005",
            "members": [{"kind": "ext", "number": "1002"}],
        },
    ),
    "sms": (
        '{"action":"sms-send","status":"Failed","smsid":"1-2",' + SN + "}",
        "sms_send",
        {"status": "Failed", "sms_id": "1-2"},
    ),
    "boot up": ('{"action":"BootUp",' + SN + "}", "boot_up", {}),
}


@pytest.mark.parametrize(
    ("body", "kind", "payload"), VERSION_1.values(), ids=VERSION_1.keys()
)
def test_versions_1_are_read_as_their_counterparts(
    body: str, kind: str, payload: dict[str, Any]
) -> None:
    report = read(body)
    assert (report.type, report.legacy) == (kind, True)
    assert report.payload == payload


@pytest.mark.parametrize("step", ["RING", "ALERT", "ANSWER", "ANSWERED", "BYE"])
def test_each_step_of_version_1_is_a_member_status(step: str) -> None:
    report = read(
        f'{{"action":"{step}","callid":"1","call":[{{"ext":{{"extid":"1"}}}}]}}'
    )
    assert report.type == "call_status"
    assert report.payload["members"] == [
        {"kind": "ext", "member_status": step, "number": "1"}
    ]


@pytest.mark.parametrize("name", ["dsttrcunkname", "desttrunkname", "dsttrunkname"])
def test_the_destination_trunk_is_found_under_all_its_names(name: str) -> None:
    report = read(f'{{"event":"NewCdr","callid":"1","{name}":"t",{SN}}}')
    assert report.payload == {"call_id": "1", "dst_trunk_name": "t"}


def test_numbers_on_the_wire_are_kept_as_text_without_rounding() -> None:
    report = read('{"event":"CallStatus","callid":1571897930.50,"sn":369451090405}')
    assert report.payload == {"call_id": "1571897930.50"}
    assert report.serial == "369451090405"


def test_what_does_not_fit_its_field_stays_as_it_came() -> None:
    report = read(
        '{"event":"NewCdr","callduraction":"long","timestart":"yesterday",'
        '"talkduraction":7,"agentringtime":"",' + SN + "}"
    )
    assert report.payload == {
        "call_duration": "long",
        "time_start": "yesterday",
        "talk_duration": 7,
        "agent_ring_time": None,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("TrunkStatus", "trunk_status"),
        ("trunk-status", "trunk_status"),
        ("HTTPThing2Go", "http_thing2_go"),
        ("ÄußereDinge", "u_ere_dinge"),
        ("X" * 500, "x" * 64),
        ("来电", "来电"),
        ("Вызов", "вызов"),
    ],
)
def test_an_unknown_event_keeps_its_name_in_snake_case(name: str, kind: str) -> None:
    report = read(f'{{"event":"{name}","newKey":"v","trunkname":"t",{SN}}}')
    assert (report.type, report.known) == (kind, False)
    assert report.payload == {"new_key": "v", "trunk_name": "t"}


def test_what_a_version_1_report_says_twice_is_said_once() -> None:
    report = read(
        '{"action":"RING","action":"RING","callid":"1.2","callid":"1.2",'
        f'"ext":{{"extid":"1002"}},"ext":{{"extid":"1001"}},{SN},{SN}}}'
    )
    assert report.type == "call_status"
    assert report.serial == "369451090405"
    assert report.payload["call_id"] == "1.2"
    assert [one["number"] for one in report.payload["members"]] == ["1002", "1001"]


@pytest.mark.parametrize("name", ["CALLSTATUS", "callstatus", " CallStatus "])
def test_the_case_of_an_event_name_does_not_matter(name: str) -> None:
    assert read(f'{{"event":"{name}","callid":"1"}}').type == "call_status"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"hello",
        b"[]",
        b'"event"',
        b"null",
        b"{",
        b'{"event":"BootUp"',
        b'{"event":"BootUp",}',
        b'{"event":NaN}',
        b'{"event":"Boot\xffUp"}',
        '{"event":"BootUp"}'.encode("utf-16"),
        b"[" * 60_000,
        b'{"n":' + b"9" * 5_000 + b"}",
    ],
    ids=range(14),
)
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedReportError):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"event":7}',
        '{"event":""}',
        '{"event":"!!!"}',
        '{"event":null}',
        '{"action":["RING"]}',
        '{"event":"X","a":' + '{"a":' * 20 + "1" + "}" * 21,
        '{"event":"X","a":' + "[" * 20 + "]" * 20 + "}",
        '{"event":"CallStatus","members":['
        + ",".join(['{"ext":{"number":"1"}}'] * 300)
        + "]}",
    ],
    ids=range(9),
)
def test_what_is_not_a_report_is_refused(body: str) -> None:
    with pytest.raises(MalformedReportError):
        read(body)


def test_members_of_unknown_kind_or_shape_are_left_out() -> None:
    report = read(
        '{"event":"CallStatus","callid":"1","members":["x",null,{"robot":{}},'
        '{"ext":"1000"},{"ext":{"number":1000,"memberstatus":"RING"}}]}'
    )
    assert report.payload["members"] == [
        {"kind": "ext", "number": "1000", "member_status": "RING"}
    ]


def test_text_that_databases_stumble_over_is_replaced() -> None:
    report = read('{"event":"X","name":"a\\u0000b\\ud800c","k\\ud800":"ä"}')
    assert report.payload == {"name": "a\ufffdb\ufffdc", "k": "ä"}


def test_decoding_does_not_change_what_it_was_given() -> None:
    wire = decode(b'{"action":"RING","callid":"1","call":[{"ext":{"extid":"1"}}]}')
    before = repr(wire)
    understand(wire, UTC)
    assert repr(wire) == before


def test_names_become_snake_case() -> None:
    assert snake_case("registeredIP") == "registered_ip"
    assert snake_case("sms-send") == "sms_send"
    assert snake_case("A  b.C") == "a_b_c"


class Repetitions:
    """Reports at times, and whether each was taken for a repetition."""

    def __init__(self) -> None:
        self.now = 0.0
        self.memory = Retransmissions(lambda: self.now)

    def __call__(self, body: str) -> bool:
        encoded = body.encode()
        return self.memory.seen(understand(decode(encoded), UTC), encoded)


@pytest.fixture
def repeated() -> Repetitions:
    return Repetitions()


def status(word: str, extension: str = "1000") -> str:
    return f'{{"event":"ExtensionStatus","extension":"{extension}","status":"{word}",{SN}}}'


def test_the_latest_report_of_a_subject_sent_again_is_a_repetition(
    repeated: Repetitions,
) -> None:
    assert not repeated(status("Ringing"))
    assert repeated(status("Ringing"))
    repeated.now = 59.9
    assert repeated(status("Ringing"))


def test_reports_about_others_in_between_do_not_matter(repeated: Repetitions) -> None:
    assert not repeated(status("Ringing"))
    assert not repeated(status("Ringing", "1001"))
    assert not repeated('{"event":"CallStatus","callid":"1","members":[]}')
    assert repeated(status("Ringing"))


def test_the_same_after_another_report_of_the_subject_is_news(
    repeated: Repetitions,
) -> None:
    assert not repeated(status("Ringing"))
    assert not repeated(status("Registered"))
    assert not repeated(status("Ringing"))
    assert repeated(status("Ringing"))


def test_after_a_minute_the_same_is_news(repeated: Repetitions) -> None:
    assert not repeated(status("Ringing"))
    repeated.now = 60.1
    assert not repeated(status("Ringing"))


def test_any_earlier_call_record_sent_again_is_a_repetition(
    repeated: Repetitions,
) -> None:
    first = '{"event":"NewCdr","callid":"1","callto":"a"}'
    second = '{"event":"NewCdr","callid":"1","callto":"b"}'
    call = '{"event":"CallStatus","callid":"1","members":[]}'
    assert not repeated(first)
    assert not repeated(second)
    assert not repeated(call)
    assert repeated(first)
    assert repeated(second)
    assert repeated(call)


def test_boot_up_sent_again_is_a_repetition_and_after_a_minute_is_not(
    repeated: Repetitions,
) -> None:
    assert not repeated('{"event":"BootUp"}')
    assert repeated('{"event":"BootUp"}')
    repeated.now = 61
    assert not repeated('{"event":"BootUp"}')


def test_nothing_older_than_a_minute_is_kept(repeated: Repetitions) -> None:
    for number in range(1000):
        repeated.now = number
        repeated(f'{{"event":"NewCdr","callid":"{number}"}}')
    assert len(repeated.memory._latest) <= 61
    assert len(repeated.memory._records) <= 61
