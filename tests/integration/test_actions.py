"""What Home Assistant has the PBX do, seen at the PBX."""

import asyncio
from collections.abc import Awaitable, Callable
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.yeastar import orders, services
from custom_components.yeastar.const import DOMAIN
from custom_components.yeastar.pbx.errors import REFUSALS
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from tests.conftest import Wait, entry_data
from tests.simulator import Fault, FunctionClock, Settings, Simulator
from tests.simulator.readings import TransferChannel
from tests.simulator.settings import TRUNKS

MINUTE = 60.0
TEXTS = json.loads(
    (Path(services.__file__).parent / "translations/en.json").read_text()
)["exceptions"]


def words(key: str) -> str:
    """Return a text as an exception tells it: without the full stop."""
    message: str = TEXTS[key]["message"]
    return message.rstrip(".")


type Act = Callable[..., Awaitable[Any]]


@pytest.fixture
def act(hass: HomeAssistant, loaded: MockConfigEntry) -> Act:
    """Return a way to call an action of the PBX."""

    async def call(action: str, *, response: bool = False, **data: Any) -> Any:
        return await hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=response
        )

    return call


def sent(pbx: Simulator, endpoint: str) -> dict[str, Any]:
    """Return what the PBX got last at an endpoint."""
    body = pbx.requests_of(endpoint)[-1].body
    assert isinstance(body, dict)
    return body


def device_of(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> str:
    """Return the id of an extension's, queue's or trunk's device."""
    for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id):
        if any(identifier[1].endswith(name) for identifier in device.identifiers):
            return device.id
    raise AssertionError(name)


# --- dial ---


async def test_dial_rings_the_caller_first_and_returns_the_call(
    pbx: Simulator, act: Act
) -> None:
    pbx.calls.answer_after = None
    answer = await act("dial", response=True, extension="1001", number="1000")
    (call,) = pbx.calls.live.values()
    assert answer == {"call_id": call.callid}
    assert (call.truth.caller, call.truth.called) == ("1001", "1000")
    assert sent(pbx, "call/dial") == {
        "caller": "1001",
        "callee": "1000",
        "autoanswer": "no",
    }


async def test_dial_takes_a_device_and_a_formatted_number(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, act: Act
) -> None:
    await act(
        "dial",
        extension=device_of(hass, loaded, "_extension_1001"),
        number="+49 (30) 123-4567",
        auto_answer=True,
        dial_permission="1002",
    )
    assert sent(pbx, "call/dial") == {
        "caller": "1001",
        "callee": "+49301234567",
        "autoanswer": "yes",
        "dialpermission": "1002",
    }


async def test_a_dial_whose_answer_is_lost_is_not_sent_again(
    pbx: Simulator, act: Act
) -> None:
    pbx.faults.add(Fault.HALF, endpoint="call/dial")
    with pytest.raises(HomeAssistantError) as error:
        await act("dial", extension="1001", number="1000")
    assert str(error.value) == words("action_not_yeastar")
    assert len(pbx.requests_of("call/dial")) == 1


async def test_a_forgotten_session_is_not_noticed(pbx: Simulator, act: Act) -> None:
    pbx.forget_tokens()
    await act("dial", extension="1001", number="1000")
    assert len(pbx.calls.live) == 1


# --- hang up, transfer ---


@pytest.mark.parametrize("answered", [False, True])
async def test_hanging_up_a_call_ends_it_for_all(
    pbx: Simulator, act: Act, wait: Wait, answered: bool
) -> None:
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="6200")
    await call.ring()
    if answered:
        await call.answer(by="1001")
    await wait(1)
    await act("hangup", call_id=call.callid)
    assert call.over


async def test_hanging_up_an_internal_call_ends_it(
    pbx: Simulator, act: Act, wait: Wait
) -> None:
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer()
    await wait(1)
    await act("hangup", call_id=call.callid)
    assert call.over


@pytest.mark.parametrize("knows_query", [False, True])
async def test_hanging_up_an_extension_ends_its_call_and_no_other(
    pbx: Simulator, act: Act, wait: Wait, knows_query: bool
) -> None:
    call = await pbx.calls.internal("1000", "1001")
    other = await pbx.calls.internal("1002", "1003")
    for one in (call, other):
        await one.ring()
        await one.answer()
    await wait(1)
    if not knows_query:
        pbx.change_settings(missing_endpoints=frozenset({"extension/query_call"}))
    await act("hangup", extension="1001")
    assert call.over
    assert not other.over


@pytest.mark.parametrize("reading", TransferChannel)
async def test_a_call_from_outside_is_transferred_in_both_readings(
    pbx: Simulator, act: Act, wait: Wait, reading: TransferChannel
) -> None:
    pbx.pbx.readings = pbx.readings = dataclasses.replace(
        pbx.readings, transfer_channel=reading
    )
    for target in ({"extension": "1001"}, {}):
        call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
        await call.ring()
        await call.answer(by="1001")
        await wait(1)
        await act("transfer", number="1003", **(target or {"call_id": call.callid}))
        await pbx.idle()
        assert call.truth.transferred_to == ["1003"]
        await call.hang_up()
        await wait(5)


async def test_an_internal_call_is_transferred_by_who_hands_over(
    pbx: Simulator, act: Act, wait: Wait
) -> None:
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer()
    await wait(1)
    await act("transfer", extension="1001", number="1003")
    assert call.truth.transferred_to == ["1003"]
    assert call.truth.ended_at is None


async def test_an_extension_with_two_calls_has_to_say_which(
    pbx: Simulator, act: Act, wait: Wait
) -> None:
    pbx.change_settings(missing_endpoints=frozenset({"extension/query_call"}))
    for number in (1, 2):
        parties = [("1001", "ANSWERED"), (f"100{number + 1}", "ANSWER")]
        await pbx.emit(
            {
                "event": "CallStatus",
                "callid": f"1772442000.{number}",
                "members": [
                    {
                        "ext": {
                            "number": party,
                            "channelid": f"PJSIP/{party}-0000000{number}",
                            "memberstatus": status,
                        }
                    }
                    for party, status in parties
                ],
                "sn": pbx.serial,
            }
        )
    await wait(1)
    with pytest.raises(ServiceValidationError) as error:
        await act("transfer", extension="1001", number="1003")
    assert str(error.value) == words("invalid_several_calls")


# --- offered calls ---


@pytest.mark.usefixtures("http")
@pytest.mark.parametrize(
    ("action", "outcome"), [("accept_inbound", None), ("refuse_inbound", "refused")]
)
async def test_an_offered_call_is_accepted_or_refused(
    hass: HomeAssistant,
    clock: FunctionClock,
    wait: Wait,
    action: str,
    outcome: str | None,
) -> None:
    trunk = dataclasses.replace(TRUNKS[0], control_answering=True)
    settings = Settings(trunks=(trunk, *TRUNKS[1:]))
    async with Simulator(settings=settings, clock=clock) as pbx:
        entry = MockConfigEntry(
            domain=DOMAIN, unique_id=pbx.serial, data=entry_data(pbx)
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await wait(1)
        call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
        ringing = asyncio.get_running_loop().create_task(call.ring())
        await wait(1, step=1)
        await hass.services.async_call(
            DOMAIN, action, {"call_id": call.callid}, blocking=True
        )
        await ringing
        assert (call.truth.outcome == "refused") is (outcome == "refused")
        await wait(15, step=1)
        with pytest.raises(HomeAssistantError) as error:
            await hass.services.async_call(
                DOMAIN, action, {"call_id": call.callid}, blocking=True
            )
        late = {words(f"refused_{key}") for key in ("too_late", "call_unknown")}
        assert str(error.value) in late
        await hass.config_entries.async_unload(entry.entry_id)


# --- announcements, texts, agents ---


async def test_an_announcement_names_its_prompts_in_order(
    pbx: Simulator, act: Act
) -> None:
    answer = await act(
        "play_prompt",
        response=True,
        number="6300",
        prompts=["gong", "music1"],
        count=2,
        volume=15,
        auto_answer=True,
    )
    assert answer["call_id"]
    assert sent(pbx, "call/playprompt") == {
        "number": "6300",
        "prompt": "gong+music1",
        "count": "2",
        "volume": "15",
        "autoanswer": "yes",
    }


async def test_a_text_arrives_letter_by_letter(pbx: Simulator, act: Act) -> None:
    message = "Grüße & 100 %\nbis 5+5=10? „Ja“"
    answer = await act(
        "send_sms", response=True, trunk="gsm1", number="0171 1234567", message=message
    )
    (text,) = pbx.texts
    assert answer["sms_id"] in text
    assert {"01711234567", message} <= set(text)


async def test_an_agent_logs_in_pauses_resumes_and_logs_out(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, act: Act, wait: Wait
) -> None:
    queue = device_of(hass, loaded, "_queue_6701")
    for operation, endpoint in (
        ("log_in", "queue/add_dynamicagent"),
        ("pause", "queue/pause_agent"),
        ("resume", "queue/unpause_agent"),
        ("log_out", "queue/delete_dynamicagent"),
    ):
        password = {"password": "1234"} if operation == "log_in" else {}
        await act(
            "set_queue_agent",
            queue=queue,
            extension="1000",
            operation=operation,
            **password,
        )
        assert sent(pbx, endpoint) == {
            "queuenumber": "6701",
            "extnumber": "1000",
            **password,
        }
        await wait(15)


async def test_a_change_that_comes_too_soon_is_tried_again_for_a_while(
    pbx: Simulator, act: Act, wait: Wait
) -> None:
    order = {"queue": "6700", "extension": "1000", "operation": "log_in"}

    async def until_over(task: Any) -> None:
        while not task.done():
            await wait(1, step=1)

    pbx.faults.add(Fault.ERRNO, count=2, endpoint="queue/add_dynamicagent", errno=10025)
    task = asyncio.ensure_future(act("set_queue_agent", **order))
    await until_over(task)
    assert task.exception() is None
    pbx.faults.add(
        Fault.ERRNO, count=None, endpoint="queue/add_dynamicagent", errno=10025
    )
    before = len(pbx.requests_of("queue/add_dynamicagent"))
    task = asyncio.ensure_future(act("set_queue_agent", **order))
    await until_over(task)
    assert str(task.exception()) == words("refused_too_frequent")
    assert len(pbx.requests_of("queue/add_dynamicagent")) - before == 4


# --- calls of the past ---


@pytest.fixture
async def past(pbx: Simulator, loaded: MockConfigEntry, wait: Wait) -> list[str]:
    """Return the ids of calls that were, the oldest first."""
    ids = []
    for caller, answered in (("0301234567", True), ("0309876543", False)):
        call = await pbx.calls.inbound("siptrunk", caller, "5551000", to="1001")
        await call.ring()
        await wait(5)
        if answered:
            await call.answer()
            await wait(20)
        await call.hang_up()
        await wait(60)
        ids.append(call.callid)
    call = await pbx.calls.internal("1000", "1002")
    await call.ring()
    await wait(5)
    await call.hang_up()
    await wait(60)
    return [*ids, call.callid]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({}, [2, 1, 0]),
        ({"number": "+49 30 1234567"}, [0]),
        ({"number": "tel:+49-30-1234567;phone-context=x"}, [0]),
        ({"number": "Ada <0049301234567>"}, [0]),
        ({"number": "234567"}, []),
        ({"number": "1002"}, [2]),
        ({"number": "5551000"}, [1, 0]),
        ({"extension": "1001"}, [1, 0]),
        ({"extension": "1002"}, [2]),
        ({"direction": "internal"}, [2]),
        ({"direction": "outbound"}, []),
        ({"outcome": "missed"}, [2, 1]),
        ({"outcome": "answered"}, [0]),
        ({"start": "2026-03-02 09:01:00+00:00"}, [2, 1]),
        ({"end": "2026-03-02 09:01:00+00:00"}, [0]),
        ({"start": "2026-02-10 00:00:00", "end": "2026-02-20 00:00:00"}, []),
    ],
)
async def test_calls_are_looked_up(
    act: Act, past: list[str], search: dict[str, Any], found: list[int]
) -> None:
    answer = await act("get_calls", response=True, **search)
    assert [call["call_id"] for call in answer["calls"]] == [past[i] for i in found]
    assert answer["total"] == len(found)


async def test_calls_come_in_pages_and_as_events_have_them(
    hass: HomeAssistant, act: Act, past: list[str]
) -> None:
    page = await act("get_calls", response=True, limit=1, offset=1)
    assert page["total"] == 3
    (call,) = page["calls"]
    assert call["call_id"] == past[1]
    assert call["outcome"] == "missed"
    assert call["caller_number"] == "0309876543"
    event = hass.states.get("event.yeastar_s100_call")
    assert event is not None
    extra = {"event_types", "event_type", "friendly_name", "icon"}
    assert set(call) == set(event.attributes) - extra


@pytest.mark.usefixtures("past")
async def test_numbers_are_hidden_here_too(
    hass: HomeAssistant, loaded: MockConfigEntry, act: Act, wait: Wait
) -> None:
    hass.config_entries.async_update_entry(
        loaded, options={**loaded.options, "mask_numbers": True}
    )
    await hass.config_entries.async_reload(loaded.entry_id)
    await wait(5)
    answer = await act("get_calls", response=True)
    assert "1234567" not in repr(answer)
    assert answer["calls"][2]["caller_number"].endswith("567")


# --- wrong input ---

LONG = "x" * 2001


@pytest.mark.parametrize(
    ("action", "data", "key"),
    [
        ("dial", {"extension": "9999", "number": "1000"}, "extension_unknown"),
        ("dial", {"extension": "1000", "number": "call me"}, "number_invalid"),
        ("dial", {"extension": "1000", "number": ""}, "number_invalid"),
        ("dial", {"extension": "1000", "number": "1" * 40}, "number_invalid"),
        (
            "dial",
            {"extension": "1000", "number": "0301", "dial_permission": "7"},
            "extension_unknown",
        ),
        ("hangup", {}, "call_or_extension"),
        ("hangup", {"call_id": "1.1", "extension": "1000"}, "call_or_extension"),
        ("hangup", {"call_id": "1.1"}, "call_unknown"),
        ("hangup", {"extension": "1000"}, "extension_not_in_call"),
        ("transfer", {"number": "1003"}, "call_or_extension"),
        ("transfer", {"number": "1003", "extension": "1000"}, "extension_not_in_call"),
        ("accept_inbound", {"call_id": "1.1"}, "call_unknown"),
        ("refuse_inbound", {"call_id": "1.1"}, "call_unknown"),
        ("play_prompt", {"number": "6300", "prompts": []}, "prompts_missing"),
        ("play_prompt", {"number": "6300", "prompts": ["a+b"]}, "prompt_name"),
        ("play_prompt", {"number": "6300", "prompts": ["123"]}, "prompt_name"),
        ("play_prompt", {"number": "6300", "prompts": ["../x"]}, "prompt_name"),
        (
            "send_sms",
            {"trunk": "gsm1", "number": "0171", "message": " "},
            "message_empty",
        ),
        (
            "send_sms",
            {"trunk": "gsm1", "number": "0171", "message": LONG},
            "message_too_long",
        ),
        (
            "send_sms",
            {"trunk": "nowhere", "number": "0171", "message": "x"},
            "trunk_unknown",
        ),
        (
            "set_queue_agent",
            {"queue": "1", "extension": "1000", "operation": "pause"},
            "queue_unknown",
        ),
        (
            "get_calls",
            {"start": "2026-03-02 10:00:00", "end": "2026-03-02 09:00:00"},
            "start_after_end",
        ),
        ("get_calls", {"number": "anybody"}, "number_invalid"),
        (
            "get_calls",
            {"start": "2026-01-01 00:00:00", "end": "2026-03-01 00:00:00"},
            "span_too_long",
        ),
    ],
)
async def test_wrong_input_is_told_in_words(
    pbx: Simulator, act: Act, action: str, data: dict[str, Any], key: str
) -> None:
    orders = len(pbx.requests_of("call/dial")) + len(pbx.texts)
    with pytest.raises(ServiceValidationError) as error:
        await act(action, response=action == "get_calls", **data)
    expected = words(f"invalid_{key}").format(longest=2000, days=31)
    assert str(error.value) == expected
    assert len(pbx.requests_of("call/dial")) + len(pbx.texts) == orders


async def test_a_device_of_another_kind_is_refused(
    hass: HomeAssistant, loaded: MockConfigEntry, act: Act
) -> None:
    queue = device_of(hass, loaded, "_queue_6700")
    with pytest.raises(ServiceValidationError) as error:
        await act("dial", extension=queue, number="1000")
    assert str(error.value) == words("invalid_not_of_this_pbx_extension")


# --- refusals of the PBX ---

ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "call/dial": ("dial", {"extension": "1000", "number": "1001"}),
    "call/playprompt": ("play_prompt", {"number": "1000", "prompts": ["gong"]}),
    "sms/send": ("send_sms", {"trunk": "gsm1", "number": "0171", "message": "x"}),
    "queue/pause_agent": (
        "set_queue_agent",
        {"queue": "6700", "extension": "1001", "operation": "pause"},
    ),
    "cdr/get_random": ("get_calls", {}),
}
ERRNOS = {
    "call/dial": (10006, 10008, 10011, 10012, 10013, 10014, 10024, 10031, 10004, 10003),
    "call/playprompt": (10023, 10006, 10008, 10024, 10004),
    "sms/send": (10026, 10027, 10028, 10029, 10030),
    "queue/pause_agent": (10013, 10019, 10032, 10006),
    "cdr/get_random": (20019,),
}


@pytest.mark.parametrize(
    ("endpoint", "errno"),
    [(endpoint, errno) for endpoint, errnos in ERRNOS.items() for errno in errnos],
)
async def test_each_refusal_has_its_words(
    pbx: Simulator, act: Act, endpoint: str, errno: int
) -> None:
    action, data = ORDERS[endpoint]
    pbx.faults.add(Fault.ERRNO, count=None, endpoint=endpoint, errno=errno)
    with pytest.raises(HomeAssistantError) as error:
        await act(action, response=action == "get_calls", **data)
    assert not isinstance(error.value, ServiceValidationError)
    assert str(error.value) == words(f"refused_{REFUSALS[errno]}")
    assert str(errno) not in str(error.value)


async def test_an_unknown_refusal_names_its_number(pbx: Simulator, act: Act) -> None:
    pbx.faults.add(Fault.ERRNO, endpoint="call/dial", errno=10099)
    with pytest.raises(HomeAssistantError) as error:
        await act("dial", extension="1000", number="1001")
    assert str(error.value) == words("refused_refused").format(reason=10099)


@pytest.mark.parametrize(
    ("fault", "errno", "key"),
    [
        (Fault.RESET, "", "action_cannot_connect"),
        (Fault.HTML, "", "action_not_yeastar"),
        (Fault.ERRNO, "30003", "action_not_ready"),
        (Fault.HTTP_500, "", "action_not_ready"),
    ],
)
async def test_a_pbx_in_trouble_is_told_in_words(
    pbx: Simulator, act: Act, fault: Fault, errno: str, key: str
) -> None:
    pbx.faults.add(fault, endpoint="call/dial", errno=errno or "30003")
    with pytest.raises(HomeAssistantError) as error:
        await act("dial", extension="1000", number="1001")
    assert str(error.value) == words(key)


async def test_a_refused_password_asks_for_a_new_one(
    hass: HomeAssistant, pbx: Simulator, act: Act, wait: Wait
) -> None:
    pbx.forget_tokens()
    pbx.faults.add(Fault.ERRNO, count=None, endpoint="login", errno=20003)
    with pytest.raises(HomeAssistantError) as error:
        await act("dial", extension="1000", number="1001")
    assert str(error.value) == words("invalid_auth")
    await wait(15)
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == ["reauth"]
    # The refused login counts once, however many ask.
    assert len(pbx.requests_of("login")) == 2


# --- which PBX ---


async def test_with_two_pbxs_it_has_to_be_said_which(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, act: Act
) -> None:
    settings = dataclasses.replace(pbx.settings, serial="999999999999", port=0)
    async with Simulator(settings=settings, clock=pbx.clock) as other:
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=other.serial,
            data=entry_data(other, webhook_id="b" * 64),
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        with pytest.raises(ServiceValidationError):
            await act("dial", extension="1000", number="1001")
        await act(
            "dial", extension="1000", number="1001", config_entry_id=entry.entry_id
        )
        assert len(other.calls.live) == 1
        assert not pbx.calls.live
        foreign = device_of(hass, loaded, "_extension_1000")
        with pytest.raises(ServiceValidationError) as error:
            await act(
                "dial",
                extension=foreign,
                number="1001",
                config_entry_id=entry.entry_id,
            )
        assert "of this PBX" in str(error.value)
        await hass.config_entries.async_unload(entry.entry_id)


async def test_actions_are_there_without_a_pbx_and_say_so(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert set(hass.services.async_services()[DOMAIN]) == set(services._ACTIONS)
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            DOMAIN, "dial", {"extension": "1", "number": "2"}, blocking=True
        )


@pytest.mark.usefixtures("loaded")
async def test_wrong_input_reaches_the_page_as_a_sentence(hass_ws_client: Any) -> None:
    client = await hass_ws_client()
    await client.send_json_auto_id(
        {
            "type": "call_service",
            "domain": DOMAIN,
            "service": "dial",
            "service_data": {"extension": "9999", "number": "1000"},
        }
    )
    answer = await client.receive_json()
    assert answer["error"]["code"] == "service_validation_error"
    assert answer["error"]["translation_key"] == "invalid_extension_unknown"


async def test_no_number_gets_into_the_log_or_an_error(
    pbx: Simulator, act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for errno in (10031, 10099, 30003):
        pbx.faults.add(Fault.ERRNO, endpoint="call/dial", errno=errno)
        with pytest.raises(HomeAssistantError) as error:
            await act("dial", extension="1000", number="0301234567")
        assert "0301234567" not in str(error.value)
    ours = [r.getMessage() for r in caplog.records if "yeastar" in r.name]
    assert "0301234567" not in "\n".join(ours)


def test_every_text_of_a_refusal_has_its_reason() -> None:
    assert {key for key in TEXTS if key.startswith("refused_")} == {
        *(f"refused_{reason}" for reason in orders.REFUSED_WITH_TEXT),
        "refused_refused",
    }
    assert set(REFUSALS.values()) >= orders.REFUSED_WITH_TEXT
