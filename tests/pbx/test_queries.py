"""What is asked about calls, when the PBX declines, does not know, or answers oddly."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from custom_components.yeastar.pbx import certificate, queries
from custom_components.yeastar.pbx.calls import CallTracker
from custom_components.yeastar.pbx.calls.parties import (
    calls_of_extension,
    parties_of_call,
    party_to_transfer,
)
from custom_components.yeastar.pbx.calls.running import (
    Fate,
    ask_about_call,
    calls_of_extensions,
    running_calls,
)
from custom_components.yeastar.pbx.client import YeastarClient
from custom_components.yeastar.pbx.errors import (
    CannotConnectError,
    NotYeastarError,
    PbxError,
    TlsFailedError,
    TokenRejectedError,
    error_for,
)

from .answering import answering
from .line import CALL_ID, Numbers, at, caller, phone, report

CALLER = caller("ANSWERED")
CALLER["inbound"]["channelid"] = "PJSIP/trunk-line-endpoint-00000001"
TALKING = [CALLER, phone("1001", "ANSWER")]
MANY = [{"ext": {"number": str(number)}} for number in range(10_000)]


class Pbx:
    """Answers each endpoint as it is told to, by an errno or by fields."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    async def request(
        self, endpoint: str, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        answer = self.answers[endpoint.replace("/", "_")]
        if isinstance(answer, int):
            raise error_for(answer)
        return cast(dict[str, Any], answer)


def asked(**answers: Any) -> YeastarClient:
    return cast(YeastarClient, Pbx(**answers))


def listed(*members: Any, call_id: str = CALL_ID) -> dict[str, Any]:
    call = {"callid": call_id, "members": list(members)}
    return {"calllist": [{"number": "1001", "numbercalls": [call]}]}


def talking() -> CallTracker:
    calls = CallTracker(Numbers())
    calls.take(report("CallStatus", members=TALKING), at(0))
    return calls


async def test_a_pbx_without_serial_number_is_none() -> None:
    with pytest.raises(NotYeastarError):
        await queries.device(answering({"status": "Success"}))


@pytest.mark.parametrize("errno", [20004, 20006])
async def test_a_rejected_token_is_no_answer_about_calls(errno: int) -> None:
    client = asked(extension_query_call=errno, call_query=10005)
    with pytest.raises(TokenRejectedError):
        await running_calls(client)
    with pytest.raises(TokenRejectedError):
        await ask_about_call(client, CALL_ID, ["1001"], on_trunk=False)
    with pytest.raises(TokenRejectedError):
        await calls_of_extension(client, talking(), "1001")


@pytest.mark.parametrize(
    ("inside", "on_trunks", "internal", "external"),
    [
        (10003, 10005, Fate.UNKNOWN, Fate.OVER),
        (10005, 10005, Fate.OVER, Fate.OVER),
        ({"calllist": []}, {"calls": []}, Fate.OVER, Fate.OVER),
        ({"CallList": []}, {"Calls": []}, Fate.OVER, Fate.OVER),
        # `Success` without a list.
        ({}, {}, Fate.UNKNOWN, Fate.UNKNOWN),
        ({"calllist": ""}, {"calls": None}, Fate.UNKNOWN, Fate.UNKNOWN),
        ({"calllist": []}, 10002, Fate.OVER, Fate.UNKNOWN),
    ],
)
async def test_a_list_that_is_not_there_says_of_no_call_that_it_is_over(
    inside: Any, on_trunks: Any, internal: Fate, external: Fate
) -> None:
    client = asked(extension_query_call=inside, call_query=on_trunks)
    running = await running_calls(client)
    assert running.answer("1.1", on_trunk=False).fate is internal
    assert running.answer("1.1", on_trunk=True).fate is external


@pytest.mark.parametrize("key", ["calls", "Calls", "CALLS"])
async def test_a_list_is_found_whatever_the_case_of_its_key(key: str) -> None:
    answer = {key: [{"callid": CALL_ID, "members": TALKING}]}
    running = await running_calls(asked(extension_query_call={}, call_query=answer))
    found = running.answer(CALL_ID, on_trunk=True)
    assert found.fate is Fate.RUNS
    assert found.members is not None
    assert len(found.members) == 2
    assert running.answer(CALL_ID, on_trunk=False).fate is Fate.RUNS


async def test_a_call_that_makes_no_sense_does_not_cost_the_others() -> None:
    odd = listed(*MANY, call_id="1.1")
    odd["calllist"] += listed(*TALKING)["calllist"] + [{"numbercalls": [{}]}]
    found = await calls_of_extensions(answering(odd))
    assert found is not None
    assert [(call.call_id, call.members is None) for call in found] == [
        ("1.1", True),
        (CALL_ID, False),
    ]


IDLE = {"extlist": [{"number": "1001", "status": "Registered"}]}
BUSY = {"extlist": [{"number": "1001", "status": "Busy"}]}
NOBODY = {"calllist": [{"number": "1001"}]}


@pytest.mark.parametrize(
    ("on_trunk", "answers", "fate"),
    [
        (False, {"extension_query_call": listed(*TALKING)}, Fate.RUNS),
        (True, {"extension_query_call": listed(*TALKING)}, Fate.RUNS),
        (False, {"extension_query_call": listed(*TALKING, call_id="1.1")}, Fate.OVER),
        (False, {"extension_query_call": NOBODY}, Fate.OVER),
        (True, {"extension_query_call": NOBODY}, Fate.OVER),
        (True, {"extension_query_call": NOBODY, "call_query": 10002}, Fate.UNKNOWN),
        (False, {"extension_query_call": NOBODY, "call_query": 10002}, Fate.OVER),
        # Firmware before 2020-11, and a list that is not there: the trunks tell of
        # calls with somebody outside, of others what the extension does.
        (True, {"extension_query_call": 10003}, Fate.OVER),
        (True, {"extension_query_call": {}}, Fate.OVER),
        (True, {"extension_query_call": 10003, "call_query": {}}, Fate.UNKNOWN),
        (False, {"extension_query_call": 10003, "extension_list": BUSY}, Fate.UNKNOWN),
        (False, {"extension_query_call": {}, "extension_list": BUSY}, Fate.UNKNOWN),
        (False, {"extension_query_call": {}, "extension_list": IDLE}, Fate.OVER),
        (False, {"extension_query_call": 10003, "extension_list": IDLE}, Fate.OVER),
        (False, {"extension_query_call": 10003, "extension_list": {}}, Fate.UNKNOWN),
        (False, {"extension_query_call": 10003, "extension_list": 10002}, Fate.UNKNOWN),
    ],
)
async def test_a_call_is_over_only_if_the_pbx_knows_that_it_is(
    on_trunk: bool, answers: dict[str, Any], fate: Fate
) -> None:
    client = asked(**{"call_query": 10005, **answers})
    answer = await ask_about_call(client, CALL_ID, ["1001"], on_trunk=on_trunk)
    assert answer.fate is fate
    assert bool(answer.members) is (fate is Fate.RUNS)


async def test_a_call_in_which_no_extension_has_part_is_known_by_its_trunk() -> None:
    over = await ask_about_call(asked(call_query=10005), CALL_ID, [], on_trunk=True)
    assert over.fate is Fate.OVER
    declined = asked(call_query=10004, extension_query_call=10004)
    for on_trunk in (True, False):
        answer = await ask_about_call(declined, CALL_ID, [], on_trunk=on_trunk)
        assert answer.fate is Fate.UNKNOWN
    # Nobody at all is known: then all extensions are asked about.
    calls = {"number": "1001", "numbercalls": [{"callid": CALL_ID}]}
    for answer, fate in (
        ({"calllist": []}, Fate.OVER),
        ({"calllist": [calls]}, Fate.RUNS),
    ):
        pbx = asked(call_query=10005, extension_query_call=answer)
        found = await ask_about_call(pbx, CALL_ID, [], on_trunk=False)
        assert found.fate is fate
    odd = asked(call_query={"calls": [{"callid": CALL_ID, "members": MANY}]})
    runs = await ask_about_call(odd, CALL_ID, [], on_trunk=True)
    assert (runs.fate, runs.members) == (Fate.RUNS, None)


class Deleting(Pbx):
    """Refuses every question that names an extension which was deleted."""

    async def request(
        self, endpoint: str, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        numbers = (parameters or {}).get("number", "").split(",")
        if endpoint == "extension/query_call" and "1002" in numbers:
            raise error_for(10006)
        return await super().request(endpoint, parameters)


@pytest.mark.parametrize(
    ("of_the_other", "statuses", "fate"),
    [
        (listed(*TALKING), IDLE, Fate.RUNS),
        (NOBODY, IDLE, Fate.OVER),
        (NOBODY, BUSY, Fate.UNKNOWN),
    ],
)
async def test_an_extension_that_was_deleted_does_not_end_its_call(
    of_the_other: dict[str, Any], statuses: dict[str, Any], fate: Fate
) -> None:
    pbx = Deleting(
        call_query=10005, extension_query_call=of_the_other, extension_list=statuses
    )
    client = cast(YeastarClient, pbx)
    answer = await ask_about_call(client, CALL_ID, ["1001", "1002"], on_trunk=False)
    assert answer.fate is fate


@pytest.mark.parametrize(
    "answer", [10003, listed(*MANY)], ids=["older firmware", "makes no sense"]
)
async def test_what_was_reported_does_for_what_cannot_be_asked(answer: Any) -> None:
    client = asked(extension_query_call=answer, call_query=10005)
    [parties] = await calls_of_extension(client, talking(), "1001")
    assert [party.kind for party in parties] == ["inbound", "ext"]
    assert await calls_of_extension(client, talking(), "1002") == []


async def test_the_parties_of_a_call_that_makes_no_sense_are_those_reported() -> None:
    odd = {"calls": [{"callid": CALL_ID, "members": MANY}]}
    parties = await parties_of_call(asked(call_query=odd), talking(), CALL_ID)
    assert [party.calls for party in parties] == [True, False]
    assert party_to_transfer(parties, "1001") is parties[0]
    assert party_to_transfer(parties[1:], "1001") is parties[1]
    assert party_to_transfer(parties[1:], None) is parties[1]
    assert party_to_transfer([], "1001") is None


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionRefusedError(), CannotConnectError),
        (ConnectionResetError(), TlsFailedError),
        (TimeoutError(), CannotConnectError),
        (OSError(), CannotConnectError),
    ],
)
@pytest.mark.usefixtures("socket_enabled")
async def test_a_connection_that_never_was_tls_has_its_cause(
    error: OSError, cause: type[PbxError], unused_tcp_port: int
) -> None:
    found = await certificate.explain("127.0.0.1", unused_tcp_port, error)
    assert type(found) is cause
