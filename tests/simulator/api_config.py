"""Endpoints that change the configuration, and queue agents (protocol 6.3, 6.5)."""

from typing import TYPE_CHECKING

from .api import Answer, ApiCall, endpoint
from .errors import ApiError
from .state import EXTENSION_OPTIONS, Queue

if TYPE_CHECKING:
    from .simulator import Simulator

_TIMEOUTS = {"ringtimeout", "maxduration"}
_FORWARDS = ("alwaysforward", "noanswerforward", "busyforward")
# Sub-keys of a forward by its first letter; missing while it is off (protocol 6.3).
_SUBKEYS = ("transferto", "transferext", "transferprefix", "transfernum")
_SECRETS = {"callerid", "registername", "registerpassword", "loginpassword", "vmsecret"}
_KNOWN = (
    set(EXTENSION_OPTIONS)
    | {forward[0] + key for forward in _FORWARDS for key in _SUBKEYS}
    | _SECRETS
    | {"username", "selectoutroute"}
)
_ON_OFF = {
    *_FORWARDS,
    "dnd",
    "callrestriction",
    "hasvoicemail",
    "ringsimultaneous",
    "enablemobile",
    "allowbeingmonitored",
}


@endpoint("extension/update", needs_body=True)
def extension_update(sim: Simulator, call: ApiCall) -> Answer:
    """Change settings of one extension."""
    call.need("number")
    number = call.text("number")
    extension = sim.pbx.extensions.get(number)
    if extension is None:
        raise ApiError("10006")
    changes = {key: call.text(key) for key in call.body if key != "number"}
    if not changes.keys() <= _KNOWN or any(
        changes[key] not in {"on", "off"} for key in _ON_OFF & changes.keys()
    ):
        raise ApiError("10017")
    forwards = any(key[1:].startswith("transfer") for key in changes) or (
        changes.keys() & set(_FORWARDS)
    )
    mixed = forwards and changes.keys() & _TIMEOUTS
    if mixed and sim.readings.mixed_update_fails:
        raise ApiError("10017")
    sim.check_config_pause()
    extension.name = changes.pop("username", extension.name)
    extension.options |= changes
    for forward in _FORWARDS:
        if extension.options[forward] == "off":
            for key in _SUBKEYS:
                extension.options.pop(forward[0] + key, None)
    sim.tell_config_change("extension", number, "update")
    return {}


def _agent(sim: Simulator, call: ApiCall) -> tuple[Queue, str]:
    call.need("queuenumber", "extnumber")
    queue = sim.pbx.queues.get(call.text("queuenumber"))
    if queue is None:
        raise ApiError("10013")
    agent = call.text("extnumber")
    if agent not in sim.pbx.extensions:
        raise ApiError("10006")
    return queue, agent


@endpoint("queue/add_dynamicagent", needs_body=True)
def add_agent(sim: Simulator, call: ApiCall) -> Answer:
    """Log an agent in."""
    queue, agent = _agent(sim, call)
    if call.text("password") != queue.spec.password and (
        queue.spec.password or call.text("password")
    ):
        raise ApiError("10032")
    if agent not in queue.dynamic_agents:
        queue.dynamic_agents.append(agent)
    return {}


@endpoint("queue/delete_dynamicagent", needs_body=True)
def delete_agent(sim: Simulator, call: ApiCall) -> Answer:
    """Log an agent out."""
    queue, agent = _agent(sim, call)
    if agent in queue.dynamic_agents:
        queue.dynamic_agents.remove(agent)
    return {}


@endpoint("queue/pause_agent", needs_body=True)
def pause_agent(sim: Simulator, call: ApiCall) -> Answer:
    """Pause an agent."""
    queue, agent = _agent(sim, call)
    queue.paused.add(agent)
    return {}


@endpoint("queue/unpause_agent", needs_body=True)
def unpause_agent(sim: Simulator, call: ApiCall) -> Answer:
    """Let an agent work again."""
    queue, agent = _agent(sim, call)
    queue.paused.discard(agent)
    return {}
