"""Conditions as the automation editor stores them, with a PBX."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.yeastar.condition import CONDITIONS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, condition, device_registry as dr
from homeassistant.helpers.entity_registry import (
    RegistryEntryHider,
    async_get as entity_registry,
)
from homeassistant.setup import async_setup_component
from tests.conftest import Wait
from tests.simulator import Simulator

from .helpers import RAN, device, entity, heard, set_up

MINUTE = 60.0


class Asked:
    """An automation that runs on demand, if its condition holds."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare to count its runs."""
        self._hass = hass
        self._runs = 0
        hass.bus.async_listen(RAN, self._ran)

    async def _ran(self, _event: Any) -> None:
        self._runs += 1

    async def holds(self) -> bool:
        """Run it once, return whether the condition let it pass."""
        self._runs = 0
        self._hass.bus.async_fire("ask")
        await self._hass.async_block_till_done()
        return self._runs == 1


async def ask(
    hass: HomeAssistant,
    key: str,
    target: dict[str, Any],
    options: dict[str, Any] | None = None,
) -> Asked:
    """Set up an automation with one condition."""
    asked = Asked(hass)
    await set_up(
        hass,
        {
            "id": "1700000000001",
            "alias": "Under test",
            "triggers": [{"trigger": "event", "event_type": "ask"}],
            "conditions": [
                {
                    "condition": f"yeastar.{key}",
                    "target": target,
                    "options": options or {"behavior": "any"},
                }
            ],
            "actions": [{"event": RAN}],
        },
    )
    return asked


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("key", "statuses"),
    [
        ("extension_is_idle", {"Registered"}),
        ("extension_is_ringing", {"Ringing"}),
        ("extension_is_in_call", {"Busy"}),
    ],
)
async def test_what_an_extension_does(
    hass: HomeAssistant, pbx: Simulator, key: str, statuses: set[str]
) -> None:
    phone = device(hass, pbx, "extension_1001")
    asked = await ask(hass, key, {"device_id": [phone]})
    for status in ("Registered", "Ringing", "Busy", "Unregistered", "Dancing"):
        await pbx.emit(
            {
                "event": "ExtensionStatus",
                "extension": "1001",
                "status": status,
                "sn": pbx.serial,
            }
        )
        await heard(hass, pbx)
        assert await asked.holds() is (status in statuses), status


@pytest.mark.usefixtures("loaded")
async def test_on_hold_is_in_a_call(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    phone = device(hass, pbx, "extension_1001")
    asked = await ask(hass, "extension_is_in_call", {"device_id": [phone]})
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await call.hold(by="1000")
    await heard(hass, pbx)
    state = hass.states.get("sensor.1001_erwin_co_status")
    assert state is not None
    assert state.state == "on_hold"
    assert await asked.holds()
    await call.hang_up()
    await wait(4, step=1)
    assert not await asked.holds()


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(("behavior", "holds"), [("any", True), ("all", False)])
async def test_any_or_all_phones_of_an_area(
    hass: HomeAssistant, pbx: Simulator, behavior: str, holds: bool
) -> None:
    area = ar.async_get(hass).async_create("Office")
    for name in ("extension_1000", "extension_1001", "trunk_siptrunk"):
        dr.async_get(hass).async_update_device(device(hass, pbx, name), area_id=area.id)
    asked = await ask(
        hass, "extension_is_idle", {"area_id": area.id}, {"behavior": behavior}
    )
    assert await asked.holds()
    pbx.set_extension_status("1001", "Busy")
    await heard(hass, pbx)
    # The trunk has a status too, and it is not asked.
    assert await asked.holds() is holds
    entity_registry(hass).async_update_entity(
        entity(hass, pbx, "sensor", "extension_1001_status"),
        hidden_by=RegistryEntryHider.USER,
    )
    await hass.async_block_till_done()
    assert await asked.holds()


@pytest.mark.usefixtures("loaded")
async def test_an_extension_idle_for_a_while(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    phone = device(hass, pbx, "extension_1001")
    asked = await ask(
        hass,
        "extension_is_in_call",
        {"device_id": [phone]},
        {"behavior": "any", "for": {"minutes": 1}},
    )
    pbx.set_extension_status("1001", "Busy")
    await heard(hass, pbx)
    assert not await asked.holds()
    await wait(61)
    assert await asked.holds()


@pytest.mark.usefixtures("loaded")
async def test_a_call_is_active_from_its_first_ring_to_its_end(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    asked = await ask(hass, "call_is_active", {"device_id": [device(hass, pbx)]})
    assert not await asked.holds()
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await heard(hass, pbx)
    assert await asked.holds()
    await call.answer(by="1001")
    await heard(hass, pbx)
    assert await asked.holds()
    await call.hang_up()
    await wait(4, step=1)
    assert not await asked.holds()


@pytest.mark.usefixtures("loaded")
async def test_a_trunk_is_up(hass: HomeAssistant, pbx: Simulator, wait: Wait) -> None:
    trunk = device(hass, pbx, "trunk_siptrunk")
    asked = await ask(hass, "trunk_is_up", {"device_id": [trunk]})
    assert await asked.holds()
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(61)
    assert not await asked.holds()
    # The connection of the PBX itself is no trunk's.
    pbx_itself = await ask_again(hass, device(hass, pbx))
    assert not await pbx_itself.holds()


async def ask_again(hass: HomeAssistant, device_id: str) -> Asked:
    """Ask whether a trunk of a device is up, through the test of the editor."""
    config = await condition.async_validate_condition_config(
        hass,
        {
            "condition": "yeastar.trunk_is_up",
            "target": {"device_id": [device_id]},
            "options": {"behavior": "any"},
        },
    )
    checker = await condition.async_from_config(hass, config)

    class Direct(Asked):
        async def holds(self) -> bool:
            try:
                return bool(checker.async_check())
            finally:
                checker.async_unload()

    return Direct(hass)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("by", ["device", "area", "entity"])
async def test_reports_are_arriving(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, by: str
) -> None:
    target: dict[str, Any] = {"device_id": [device(hass, pbx)]}
    if by == "area":
        area = ar.async_get(hass).async_create("Rack")
        dr.async_get(hass).async_update_device(device(hass, pbx), area_id=area.id)
        target = {"area_id": area.id}
    elif by == "entity":
        target = {"entity_id": entity(hass, pbx, "sensor", "event_delivery")}
    asked = await ask(hass, "reports_are_arriving", target)
    assert not await asked.holds()
    pbx.set_extension_status("1001", "Busy")
    await heard(hass, pbx)
    assert await asked.holds()
    pbx.delivery.drop()
    pbx.set_extension_status("1001", "Registered")
    await heard(hass, pbx)
    await wait(20 * MINUTE)
    assert not await asked.holds()


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("key", sorted(CONDITIONS))
async def test_nothing_is_claimed_of_a_pbx_that_is_away(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, key: str
) -> None:
    names = ("", "extension_1001", "trunk_siptrunk")
    target = {"device_id": [device(hass, pbx, name) for name in names]}
    asked = await ask(hass, key, target)
    await pbx.go_down()
    await wait(2 * MINUTE)
    assert not await asked.holds()
    await pbx.come_up()
    await wait(2 * MINUTE)


@pytest.fixture
async def websocket(hass: HomeAssistant) -> None:
    """Set the WebSocket API up, before the web server runs."""
    assert await async_setup_component(hass, "websocket_api", {})


@pytest.mark.usefixtures("websocket", "loaded")
async def test_the_editors_picker_gets_the_conditions(
    hass: HomeAssistant, pbx: Simulator, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "condition_platforms/subscribe"})
    assert (await client.receive_json())["success"]
    event = (await client.receive_json())["event"]
    ours = {key for key in event if key.startswith("yeastar.")}
    assert ours == {f"yeastar.{key}" for key in CONDITIONS}
    assert event["yeastar.trunk_is_up"]["target"]["entity"] == [
        {
            "integration": "yeastar",
            "domain": ["binary_sensor"],
            "device_class": ["connectivity"],
        }
    ]
    for name, some in (
        ("", {"call_is_active", "reports_are_arriving"}),
        ("extension_1001", {"extension_is_idle", "extension_is_in_call"}),
        ("trunk_siptrunk", {"trunk_is_up"}),
    ):
        await client.send_json_auto_id(
            {
                "type": "get_conditions_for_target",
                "target": {"device_id": [device(hass, pbx, name)]},
            }
        )
        offered = set((await client.receive_json())["result"])
        assert {f"yeastar.{key}" for key in some} <= offered
