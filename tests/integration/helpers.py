"""Reports heard, states, devices, automations as the editor stores them: for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.yeastar.pbx.calls.record import record_of
from custom_components.yeastar.pbx.reports import understand
from homeassistant.const import SERVICE_RELOAD
from homeassistant.core import Event, HomeAssistant, State, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from tests.simulator import Simulator

RAN = "automation_ran"

# What a trigger may tell, as text that the template engine turns back into values.
TOLD = """{{ {
    'id': trigger.id,
    'platform': trigger.platform,
    'description': trigger.description,
    'entity_id': trigger.entity_id | default(none),
    'from': (trigger.from_state | default({})).state | default(none),
    'to': (trigger.to_state | default({})).state | default(none),
    'since': trigger.since.isoformat() if trigger.since is defined else none,
    'call': trigger.call | default(none),
    'key': trigger.key | default(none),
    'sequence': trigger.sequence | default(none),
    'number': trigger.number | default(none),
    'call_id': trigger.call_id | default(none),
} }}"""

type Config = dict[str, Any]


async def heard(hass: HomeAssistant, pbx: Simulator) -> None:
    """Let every report arrive and everything that it leads to happen."""
    await pbx.idle()
    await hass.async_block_till_done()


def state(hass: HomeAssistant, entity_id: str) -> State:
    """Return the state of an entity that has one."""
    found = hass.states.get(entity_id)
    assert found is not None
    return found


class Runs(list[dict[str, Any]]):
    """The `trigger` variable of each run of an automation, oldest first."""

    @property
    def steps(self) -> list[str]:
        """Return what happened to calls."""
        return [run["call"]["type"] for run in self]


async def automate(
    hass: HomeAssistant, *triggers: Config, conditions: list[Config] | None = None
) -> Runs:
    """Set up an automation and return its runs as they come."""
    runs = Runs()

    @callback
    def ran(event: Event) -> None:
        runs.append(event.data["trigger"])

    hass.bus.async_listen(RAN, ran)
    await set_up(
        hass,
        {
            "id": "1700000000000",
            "alias": "Under test",
            "description": "",
            "triggers": list(triggers),
            "conditions": conditions or [],
            "actions": [
                {"event": RAN, "event_data": {"trigger": TOLD}},
            ],
            "mode": "parallel",
            "max": 100,
        },
    )
    return runs


async def set_up(hass: HomeAssistant, *automations: Config) -> None:
    """Set up automations, as Home Assistant does from automations.yaml."""
    assert await async_setup_component(
        hass, "automation", {"automation": list(automations)}
    )
    await hass.async_block_till_done()
    states = hass.states.async_all("automation")
    assert len(states) == len(automations)
    assert {state.state for state in states} <= {"on"}


async def turn_off(hass: HomeAssistant) -> None:
    """Turn all automations off."""
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


async def set_up_anew(hass: HomeAssistant) -> None:
    """Do what the editor does after saving."""
    await hass.services.async_call("automation", SERVICE_RELOAD, blocking=True)


def device(hass: HomeAssistant, pbx: Simulator, name: str = "") -> str:
    """Return the id of a device: `extension_1001`, `queue_6700`, "" for the PBX."""
    entry = hass.config_entries.async_entries("yeastar")[0]
    identifier = f"{pbx.serial}_{name}" if name else pbx.serial
    found = dr.async_get(hass).async_get_device_by_identifier(
        ("yeastar", identifier), entry.entry_id
    )
    assert found is not None
    return found.id


def entity(hass: HomeAssistant, pbx: Simulator, platform: str, name: str) -> str:
    """Return an entity's id by the part of its unique id after the serial number."""
    found = er.async_get(hass).async_get_entity_id(
        platform, "yeastar", f"{pbx.serial}_{name}"
    )
    assert found is not None
    return found


async def tell_late(
    hass: HomeAssistant, entry: MockConfigEntry, began: datetime, caller: str
) -> None:
    """Have a call found in the PBX's call log that 1001 missed."""
    report = understand(
        {
            "event": "NewCdr",
            "callid": "1571897930.5",
            "timestart": f"{began.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "callfrom": caller,
            "callto": "1001",
            "callduraction": "20",
            "talkduraction": "0",
            "srctrunkname": "siptrunk",
            "status": "NO ANSWER",
            "type": "Inbound",
            "didnumber": "5551000",
        },
        UTC,
    )
    record = record_of(report.payload, began + timedelta(seconds=20))
    entry.runtime_data.switchboard.tell_found("1571897930.5", [record])
    await hass.async_block_till_done()
