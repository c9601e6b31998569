"""The blueprints, each run in Home Assistant with a PBX, as the editor stores them."""

from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)
import yaml

from homeassistant.components import blueprint, persistent_notification
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from tests.conftest import Wait
from tests.simulator import Simulator

from .helpers import device, heard, set_up, tell_late

MINUTE = 60.0
BLUEPRINTS = Path(__file__).parents[2] / "blueprints"
NAMES = sorted(path.stem for path in BLUEPRINTS.glob("automation/yeastar/*.yaml"))

# What Home Assistant lacks here: it gets stand-ins in its registries.
SPEAKER = "media_player.kitchen"


class _Loader(yaml.SafeLoader):
    """Reads blueprints; an input is its name in braces."""


_Loader.add_constructor("!input", lambda loader, node: f"<{node.value}>")


@pytest.fixture(autouse=True)
async def folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Put the blueprints where a user puts them."""
    # Home Assistant itself always has these.
    assert await async_setup_component(hass, "persistent_notification", {})
    hass.config.config_dir = str(tmp_path)
    shutil.copytree(BLUEPRINTS, tmp_path / "blueprints")
    return tmp_path


@pytest.fixture
def app(hass: HomeAssistant) -> str:
    """Return a device with the app, which its owner gave another name."""
    entry = MockConfigEntry(domain="mobile_app")
    entry.add_to_hass(hass)
    registry = dr.async_get(hass)
    phone = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("mobile_app", "1")},
        name="Ada's Phone",
    )
    registry.async_update_device(phone.id, name_by_user="Mobile")
    return phone.id


@pytest.fixture
def notes(hass: HomeAssistant) -> list[ServiceCall]:
    """Return the notifications that come to the device with the app."""
    return async_mock_service(hass, "notify", "mobile_app_ada_s_phone")


async def use(hass: HomeAssistant, name: str, **inputs: Any) -> None:
    """Set up an automation from a blueprint."""
    await set_up(
        hass,
        {
            "id": "1700000000002",
            "alias": name,
            "description": "",
            "use_blueprint": {"path": f"yeastar/{name}.yaml", "input": inputs},
        },
    )


def phone(hass: HomeAssistant, pbx: Simulator, number: str = "1001") -> dict[str, Any]:
    """Return a target with one extension."""
    return {"device_id": [device(hass, pbx, f"extension_{number}")]}


# --- All of them ---


def test_there_are_five() -> None:
    assert NAMES == [
        "announce_caller",
        "doorbell",
        "missed_call",
        "pause_media",
        "trunk_alarm",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_input_is_explained_and_used(name: str) -> None:
    path = BLUEPRINTS / f"automation/yeastar/{name}.yaml"
    content = yaml.load(path.read_text(), _Loader)
    metadata = content.pop("blueprint")
    assert metadata["homeassistant"]["min_version"] == "2026.10.0"
    assert metadata["source_url"].endswith(
        f"/blueprints/automation/yeastar/{name}.yaml"
    )
    assert len(metadata["description"]) > 40
    inputs = {}
    for key, value in metadata["input"].items():
        if "input" in value:
            inputs |= value["input"]
        else:
            # What is not tucked away is explained.
            assert key == "message" or value["description"], key
            inputs[key] = value
    for key, value in inputs.items():
        assert value["name"], key
        assert value["selector"], key
        assert f"<{key}>" in str(content), f"{key} is not used"


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", NAMES)
async def test_home_assistant_takes_it(hass: HomeAssistant, name: str) -> None:
    await set_up(hass)
    blueprints = hass.data[blueprint.DOMAIN]["automation"]
    loaded_blueprint = await blueprints.async_get_blueprint(f"yeastar/{name}.yaml")
    assert loaded_blueprint.validate() is None


# --- Announce the caller ---


async def announcer(hass: HomeAssistant, pbx: Simulator, **inputs: Any) -> list[Any]:
    """Set the announcements up, return what is said."""
    said = async_mock_service(hass, "tts", "speak")
    await use(
        hass,
        "announce_caller",
        **{
            "phones": phone(hass, pbx),
            "speakers": [SPEAKER],
            "voice": "tts.home",
            **inputs,
        },
    )
    return said


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0301234567", "Call from Ada Lovelace"),
        ("0309876543", "Call from 0 3 0 9 8 7 6 5 4 3"),
        ("+49309876543", "Call from 4 9 3 0 9 8 7 6 5 4 3"),
        ("anonymous", "Call from an unknown number"),
    ],
)
async def test_the_caller_is_announced(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, number: str, words: str
) -> None:
    # Names are read a little after the start.
    await wait(60)
    said = await announcer(hass, pbx)
    call = await pbx.calls.inbound("siptrunk", number, "5551000", to="1001")
    await call.ring()
    await heard(hass, pbx)
    assert [one.data for one in said] == [
        {
            "entity_id": ["tts.home"],
            "media_player_entity_id": [SPEAKER],
            "message": words,
        }
    ]
    await call.answer(by="1001")
    await wait(5)
    await call.hang_up()
    await wait(4, step=1)
    assert len(said) == 1


@pytest.mark.usefixtures("loaded")
async def test_only_the_calls_that_are_wanted_are_announced(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    hass.states.async_set("input_boolean.quiet", "off")
    said = await announcer(
        hass,
        pbx,
        directions=["inbound", "internal"],
        announcement="{caller} is calling",
        only_if=[
            {
                "condition": "state",
                "entity_id": "input_boolean.quiet",
                "state": "off",
            }
        ],
    )
    for caller, called, quiet in (
        ("1000", "1001", "off"),
        # Its own calls, another phone's, and one in a quiet hour.
        ("1001", "1000", "off"),
        ("1000", "1002", "off"),
        ("1000", "1001", "on"),
    ):
        hass.states.async_set("input_boolean.quiet", quiet)
        call = await pbx.calls.internal(caller, called)
        await call.ring()
        await heard(hass, pbx)
        await call.hang_up()
        await wait(4, step=1)
    assert [one.data["message"] for one in said] == ["Jayson is calling"]


# --- Pause media ---


class Players:
    """Players that do as they are told."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start one that plays, one that is paused, and one that is off."""
        self._hass = hass
        hass.states.async_set(SPEAKER, "playing")
        hass.states.async_set("media_player.bath", "paused")
        hass.states.async_set("media_player.hall", "off")
        self.names = [SPEAKER, "media_player.bath", "media_player.hall"]
        for action, state in (("media_pause", "paused"), ("media_play", "playing")):
            hass.services.async_register(
                "media_player", action, self._action(state), schema=None
            )

    def _action(self, state: str) -> Any:
        async def act(call: ServiceCall) -> None:
            for entity_id in call.data["entity_id"]:
                self._hass.states.async_set(entity_id, state)

        return act

    @property
    def states(self) -> list[str]:
        """Return what they do."""
        return [
            state.state if (state := self._hass.states.get(name)) else ""
            for name in self.names
        ]


async def noticed(pbx: Simulator, pass_by: Wait) -> None:
    """Let every report arrive; the automation itself goes on while somebody talks."""
    await pbx.idle()
    await pass_by(1)


QUIET = ["paused", "paused", "off"]
MUSIC = ["playing", "paused", "off"]


@pytest.mark.usefixtures("loaded")
async def test_media_are_paused_while_somebody_talks(
    hass: HomeAssistant, pbx: Simulator, pass_by: Wait
) -> None:
    players = Players(hass)
    both = [device(hass, pbx, f"extension_{number}") for number in ("1001", "1002")]
    await use(hass, "pause_media", phones={"device_id": both}, players=players.names)
    first = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await first.ring()
    await pass_by(5)
    assert players.states == MUSIC
    await first.answer(by="1001")
    await noticed(pbx, pass_by)
    assert players.states == QUIET
    # A second call begins before the first is over.
    second = await pbx.calls.internal("1002", "1003")
    await second.ring()
    await second.answer(by="1003")
    await pass_by(3 * MINUTE)
    await first.hang_up(by="1001")
    await pass_by(10)
    assert players.states == QUIET
    await second.hang_up(by="1002")
    await noticed(pbx, pass_by)
    assert players.states == QUIET
    await pass_by(5, step=1)
    assert players.states == MUSIC
    # And again.
    third = await pbx.calls.internal("1002", "1003")
    await third.ring()
    await noticed(pbx, pass_by)
    assert players.states == QUIET
    await third.hang_up()
    await pass_by(5, step=1)
    assert players.states == MUSIC


@pytest.mark.usefixtures("loaded")
async def test_media_are_paused_when_it_rings_if_wanted(
    hass: HomeAssistant, pbx: Simulator, pass_by: Wait
) -> None:
    players = Players(hass)
    await use(
        hass,
        "pause_media",
        phones=phone(hass, pbx),
        players=players.names,
        while_ringing=True,
        resume_after=0,
    )
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await noticed(pbx, pass_by)
    assert players.states == QUIET
    await pass_by(20)
    assert players.states == QUIET
    await call.answer(by="1001")
    await pass_by(20)
    assert players.states == QUIET
    # Somebody switched it off meanwhile, and it stays so.
    hass.states.async_set(SPEAKER, "off")
    await call.hang_up()
    await pass_by(5, step=1)
    assert players.states == ["off", "paused", "off"]


@pytest.mark.usefixtures("loaded")
async def test_media_go_on_when_the_pbx_goes_away(
    hass: HomeAssistant, pbx: Simulator, pass_by: Wait
) -> None:
    players = Players(hass)
    await use(hass, "pause_media", phones=phone(hass, pbx), players=players.names)
    pbx.set_extension_status("1001", "Busy")
    await noticed(pbx, pass_by)
    assert players.states == QUIET
    await pbx.go_down()
    await pass_by(4 * MINUTE)
    assert players.states == MUSIC
    await pbx.come_up()
    await pass_by(2 * MINUTE)


# --- Missed calls ---


async def watcher(hass: HomeAssistant, pbx: Simulator, app: str, **inputs: Any) -> None:
    """Set the notifications of missed calls up."""
    await use(
        hass,
        "missed_call",
        **{
            "phones": phone(hass, pbx),
            "notify_devices": [app],
            "call_back_extension": "1001",
            **inputs,
        },
    )


async def miss(pbx: Simulator, wait: Wait, number: str = "0301234567") -> None:
    """Let somebody call in vain."""
    call = await pbx.calls.inbound("siptrunk", number, "5551000", to="1001")
    await call.ring()
    await wait(10, step=5)
    await call.hang_up()
    await wait(4, step=1)


@pytest.mark.parametrize(
    ("number", "prefix", "message", "dialed"),
    [
        ("0301234567", "", "Ada Lovelace, 0301234567, 01:00", "0301234567"),
        ("0309876543", "0", "0309876543, 01:00", "00309876543"),
        ("+49309876543", "", "+49309876543, 01:00", "+49309876543"),
        ("9876543", "", "9876543, 01:00", "9876543"),
    ],
)
async def test_a_missed_call_is_told_and_can_be_called_back(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    app: str,
    notes: list[ServiceCall],
    number: str,
    prefix: str,
    message: str,
    dialed: str,
) -> None:
    calls_made = async_mock_service(hass, "yeastar", "dial")
    await watcher(hass, pbx, app, outside_prefix=prefix)
    await miss(pbx, wait, number)
    assert len(notes) == 1
    data = notes[0].data
    assert data["title"] == "Missed call"
    # 09:00 UTC, in the time zone of this Home Assistant.
    assert data["message"] == message
    (button,) = data["data"]["actions"]
    assert button["title"] == "Call back"
    # Buttons of other automations do nothing here.
    for action in ("SOMETHING", "YEASTAR_CALL_BACK|automation.other|x|1"):
        hass.bus.async_fire("mobile_app_notification_action", {"action": action})
    await hass.async_block_till_done()
    assert calls_made == []
    hass.bus.async_fire(
        "mobile_app_notification_action", {"action": button["action"], "tag": "x"}
    )
    await hass.async_block_till_done()
    assert [dict(call.data) for call in calls_made] == [
        {"extension": "1001", "number": dialed, "config_entry_id": loaded.entry_id}
    ]
    assert len(notes) == 1


@pytest.mark.usefixtures("loaded")
async def test_a_missed_call_from_inside_is_called_back_without_the_prefix(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, app: str, notes: list[ServiceCall]
) -> None:
    await watcher(hass, pbx, app, outside_prefix="0", message="{caller}")
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await wait(5, step=5)
    await call.hang_up()
    await wait(4, step=1)
    assert notes[0].data["message"] == "Jayson, 1000"
    assert notes[0].data["data"]["actions"][0]["action"].endswith("|1000")


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("inputs", "number", "told", "buttons"),
    [
        ({"call_back_extension": ""}, "0301234567", 1, 0),
        ({}, "anonymous", 1, 0),
        ({"min_ring_time": {"seconds": 10}}, "0301234567", 1, 1),
        ({"min_ring_time": {"seconds": 11}}, "0301234567", 0, 0),
        ({"message": "{caller}"}, "+49309876543", 1, 1),
    ],
)
async def test_which_missed_calls_are_told_and_which_have_a_button(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    app: str,
    notes: list[ServiceCall],
    inputs: dict[str, Any],
    number: str,
    told: int,
    buttons: int,
) -> None:
    await watcher(hass, pbx, app, **inputs)
    await miss(pbx, wait, number)
    assert len(notes) == told
    for note in notes:
        assert len(note.data["data"]["actions"]) == buttons
        if inputs.get("message"):
            assert note.data["message"] == number


@pytest.mark.parametrize("wanted", [True, False])
async def test_calls_that_are_found_afterwards_are_told_with_their_day(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    app: str,
    notes: list[ServiceCall],
    wanted: bool,
) -> None:
    await watcher(hass, pbx, app, include_late=wanted)
    await miss(pbx, wait)
    notes.clear()
    last_call = loaded.runtime_data.switchboard.last_call
    assert last_call is not None
    began = last_call.started_at - timedelta(days=2)
    await tell_late(hass, loaded, began, "0301234567")
    assert [note.data["message"] for note in notes] == (
        ["Ada Lovelace, 0301234567, 2026-02-28 01:00"] if wanted else []
    )


# --- Trunks ---


@pytest.fixture
async def trunk_notes(hass: HomeAssistant) -> list[ServiceCall]:
    """Return what else is done about trunks."""
    return async_mock_service(hass, "script", "gateway")


async def alarm(hass: HomeAssistant, pbx: Simulator, app: str) -> None:
    """Set the alarm up."""
    await use(
        hass,
        "trunk_alarm",
        trunks={"device_id": [device(hass, pbx, "trunk_siptrunk")]},
        minutes=3,
        notify_devices=[app],
        when_down=[{"action": "script.gateway", "data": {"on": True}}],
        when_back=[{"action": "script.gateway", "data": {"on": False}}],
    )


def shown(hass: HomeAssistant) -> list[tuple[str, str]]:
    """Return the notes in Home Assistant."""
    return [
        (str(note["title"]), str(note["message"]))
        for note in persistent_notification._async_get_or_create_notifications(
            hass
        ).values()
        if str(note["title"]).startswith("Trunk")
    ]


@pytest.mark.usefixtures("loaded")
async def test_a_trunk_that_is_down_raises_an_alarm_and_comes_back(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    app: str,
    notes: list[ServiceCall],
    trunk_notes: list[ServiceCall],
) -> None:
    await alarm(hass, pbx, app)
    # Registering anew for two minutes is nothing to tell, nor is its end.
    pbx.set_trunk_status("siptrunk", "Registering")
    await wait(2 * MINUTE)
    pbx.set_trunk_status("siptrunk", "Registered")
    await wait(5 * MINUTE)
    assert notes == []
    assert shown(hass) == []
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(5 * MINUTE)
    assert [note.data["title"] for note in notes] == ["Trunk siptrunk is down"]
    ((title, message),) = shown(hass)
    assert title == "Trunk siptrunk is down"
    assert "no calls can go through siptrunk" in message
    assert [call.data for call in trunk_notes] == [{"on": True}]
    await wait(15 * MINUTE)
    assert len(notes) == 1
    pbx.set_trunk_status("siptrunk", "Registered")
    await wait(61)
    assert [note.data["title"] for note in notes] == [
        "Trunk siptrunk is down",
        "Trunk siptrunk is back",
    ]
    # One note takes the place of the other.
    assert notes[0].data["data"] == notes[1].data["data"]
    ((title, message),) = shown(hass)
    assert title == "Trunk siptrunk is back"
    assert message.endswith(
        ("down for 20 minutes.", "down for 21 minutes.", "down for 19 minutes.")
    )
    assert [call.data for call in trunk_notes] == [{"on": True}, {"on": False}]


# --- Doorbell ---


@pytest.mark.usefixtures("http")
async def test_a_ring_at_the_door_sends_a_picture(
    hass: HomeAssistant,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    app: str,
    notes: list[ServiceCall],
) -> None:
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "door_stations": ["1005"]}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    pictures = async_mock_service(hass, "camera", "snapshot")
    await use(
        hass,
        "doorbell",
        doorbells={"entity_id": "event.1005_fax_doorbell"},
        camera="camera.door",
        notify_devices=[app],
        message="Somebody is at {door}",
    )
    call = await pbx.calls.internal("1005", "6200")
    await call.ring()
    await wait(5, step=1)
    await call.answer(by="1001")
    await wait(5, step=1)
    await call.hang_up()
    await wait(4, step=1)
    assert [dict(one.data) for one in pictures] == [
        {
            "entity_id": ["camera.door"],
            "filename": "/media/doorbell_1005_fax_doorbell.jpg",
        }
    ]
    assert len(notes) == 1
    data = notes[0].data
    assert data["title"] == "The doorbell rings"
    assert data["message"] == "Somebody is at 1005 Fax"
    assert data["data"]["image"] == "/media/local/doorbell_1005_fax_doorbell.jpg"
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("http")
async def test_a_broken_camera_does_not_silence_the_door(
    hass: HomeAssistant,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    app: str,
    notes: list[ServiceCall],
) -> None:
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "door_stations": ["1005"]}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    async def broken(_call: ServiceCall) -> None:
        raise HomeAssistantError("no picture")

    hass.services.async_register("camera", "snapshot", broken)
    await use(
        hass,
        "doorbell",
        doorbells={"device_id": device(hass, pbx, "extension_1005")},
        camera="camera.door",
        notify_devices=[app],
    )
    call = await pbx.calls.internal("1005", "1001")
    await call.ring()
    await heard(hass, pbx)
    assert len(notes) == 1
    await call.hang_up()
    await wait(4, step=1)
    await hass.config_entries.async_unload(entry.entry_id)
