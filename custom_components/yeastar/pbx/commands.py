"""What the PBX can be told to do (protocol 6.5, 6.6, 6.12), in its own words.

All values are strings on the wire. Each function raises RefusedError with the PBX's
reason if it declines, and PbxError if whether it obeyed is not known: nothing here is
ever sent twice, because a call that rings already must not ring again.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from .client import YeastarClient
from .models import text

# sms/send: longer texts are refused; 1,000 if they are Chinese.
LONGEST_TEXT: Final = 2000
LOUDEST: Final = 20
MOST_REPEATS: Final = 99


class AgentOperation(StrEnum):
    """What can be done with an agent of a queue."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    PAUSE = "pause"
    RESUME = "resume"


_AGENT_ENDPOINTS = {
    AgentOperation.LOG_IN: "queue/add_dynamicagent",
    AgentOperation.LOG_OUT: "queue/delete_dynamicagent",
    AgentOperation.PAUSE: "queue/pause_agent",
    AgentOperation.RESUME: "queue/unpause_agent",
}


async def dial(
    client: YeastarClient,
    caller: str,
    callee: str,
    *,
    auto_answer: bool = False,
    dial_permission: str | None = None,
) -> str:
    """Have a phone rung, and the other one when it is picked up (call-dial.html).

    Args:
        client: to send with.
        caller: whose phone rings first.
        callee: who is called then.
        auto_answer: whether the caller's phone picks up by itself.
        dial_permission: the extension whose outbound permission counts.

    Returns:
        The id of the call, "" if the PBX did not tell.
    """
    parameters = {
        "caller": caller,
        "callee": callee,
        "autoanswer": _yes_or_no(auto_answer),
    }
    return await _call(client, "call/dial", parameters, dial_permission)


async def play_prompt(
    client: YeastarClient,
    number: str,
    prompts: Sequence[str],
    *,
    count: int | None = None,
    volume: int | None = None,
    auto_answer: bool = False,
    dial_permission: str | None = None,
) -> str:
    """Call a number and play recordings to it (call-playprompt.html).

    Args:
        client: to send with.
        number: an extension, a paging group or an outside number.
        prompts: names of *Custom Prompts* without extension, in this order.
        count: how often, 1 to `MOST_REPEATS`; None for what the PBX does by itself.
        volume: 0 to `LOUDEST`; None as `count`.
        auto_answer: whether the phone picks up by itself.
        dial_permission: the extension whose outbound permission counts.

    Returns:
        The id of the call, "" if the PBX did not tell.
    """
    parameters = {
        "number": number,
        "prompt": "+".join(prompts),
        "autoanswer": _yes_or_no(auto_answer),
    }
    if count is not None:
        parameters["count"] = str(count)
    if volume is not None:
        parameters["volume"] = str(volume)
    return await _call(client, "call/playprompt", parameters, dial_permission)


async def hang_up(client: YeastarClient, channel: str) -> None:
    """End one party's part of a call (call-hangup.html)."""
    await client.request("call/hangup", {"channelid": channel})


async def transfer(
    client: YeastarClient,
    channel: str,
    number: str,
    *,
    dial_permission: str | None = None,
) -> None:
    """Hand a call over without asking (call-transfer.html)."""
    parameters = {"channelid": channel, "number": number}
    await _call(client, "call/transfer", parameters, dial_permission)


async def accept_inbound(client: YeastarClient, channel: str) -> None:
    """Take a call that is offered with `Invite` (call-accept-inbound.html)."""
    await client.request("call/accept_inbound", {"channelid": channel})


async def refuse_inbound(client: YeastarClient, channel: str) -> None:
    """Turn a call away that is offered with `Invite` (call-refuse-inbound.html)."""
    await client.request("call/refuse_inbound", {"channelid": channel})


async def send_sms(client: YeastarClient, trunk: str, number: str, message: str) -> str:
    """Send a text (sms-send.html); return the id under which the result comes."""
    answer = await client.request(
        "sms/send",
        # The text alone is URL-encoded, within the JSON.
        {"phonenumber": number, "message": quote(message, safe=""), "trunk": trunk},
    )
    return text(answer.get("smsid"))


async def set_queue_agent(
    client: YeastarClient,
    queue: str,
    extension: str,
    operation: AgentOperation,
    *,
    password: str | None = None,
) -> None:
    """Log an agent of a queue in or out, or pause it (queue-pause-agent.html)."""
    parameters = {"queuenumber": queue, "extnumber": extension}
    if password and operation is AgentOperation.LOG_IN:
        parameters["password"] = password
    await client.request(_AGENT_ENDPOINTS[operation], parameters)


async def _call(
    client: YeastarClient,
    endpoint: str,
    parameters: dict[str, str],
    dial_permission: str | None,
) -> str:
    """Send a request about a call, return the id of the call."""
    if dial_permission is not None:
        parameters["dialpermission"] = dial_permission
    answer = await client.request(endpoint, parameters)
    return text(answer.get("callid"))


def _yes_or_no(value: bool) -> str:
    """Return a truth value as `call/dial` wants it."""
    return "yes" if value else "no"
