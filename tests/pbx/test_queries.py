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
from custom_components.yeastar.pbx.client import YeastarClient
from custom_components.yeastar.pbx.errors import (
    CannotConnectError,
    NotYeastarError,
    PbxError,
    RefusedError,
    TlsFailedError,
    TokenRejectedError,
    error_for,
)
from custom_components.yeastar.pbx.reports import MalformedReportError

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
        await queries.running_calls(client)
    with pytest.raises(TokenRejectedError):
        await queries.members_of_call(client, CALL_ID, ["1001"])
    with pytest.raises(TokenRejectedError):
        await calls_of_extension(client, talking(), "1001")


async def test_a_pbx_that_lists_nothing_does_not_say_that_nothing_goes_on() -> None:
    assert (
        await queries.running_calls(asked(extension_query_call=10003, call_query={}))
        is None
    )
    nothing = asked(extension_query_call=10005, call_query=10005)
    assert await queries.running_calls(nothing) == {}


async def test_a_call_that_makes_no_sense_does_not_cost_the_others() -> None:
    odd = listed(*MANY, call_id="1.1")
    odd["calllist"] += listed(*TALKING)["calllist"] + [{"numbercalls": [{}]}]
    found = await queries.calls_of_extensions(answering(odd))
    assert [(call.call_id, call.members is None) for call in found] == [
        ("1.1", True),
        (CALL_ID, False),
    ]


async def test_members_are_looked_for_in_both_lists() -> None:
    client = asked(call_query=10005, extension_query_call=listed(*TALKING))
    found = await queries.members_of_call(client, CALL_ID, ["1001"])
    assert found is not None
    assert len(found) == 2
    assert await queries.members_of_call(client, "other", ["1001"]) is None
    assert await queries.members_of_call(client, CALL_ID, []) is None
    older = asked(call_query=10005, extension_query_call=10003)
    assert await queries.members_of_call(older, CALL_ID, ["1001"]) is None
    with pytest.raises(RefusedError):
        await queries.members_of_call(asked(call_query=10004), CALL_ID, [])
    with pytest.raises(MalformedReportError):
        await queries.members_of_call(
            asked(call_query={"calls": [{"callid": CALL_ID, "members": MANY}]}),
            CALL_ID,
            [],
        )


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
