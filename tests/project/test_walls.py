"""`scripts/walls.py` refuses what crosses a wall of the house, tried on a copy."""

from pathlib import Path
import shutil
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = Path("custom_components/yeastar")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the house, to be broken."""
    for name in (HOUSE, Path("scripts")):
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    return tmp_path


def walls(project: Path, *options: str) -> tuple[int, str]:
    """Run the check; return how it ended and what it said."""
    done = subprocess.run(
        [sys.executable, project / "scripts/walls.py", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_house_keeps_its_walls(copy: Path) -> None:
    assert walls(copy) == (0, "")


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        (
            "pbx/queries.py",
            "from ..switchboard.board import Switchboard",
            "pbx.queries imports switchboard.board",
        ),
        (
            "pbx/client.py",
            "from .calls.tracker import CallTracker",
            "pbx.client imports pbx.calls.tracker",
        ),
        (
            "pbx/calls/search.py",
            "from ...const import DOMAIN",
            "pbx.calls.search imports const",
        ),
        (
            "pbx/clock.py",
            "from homeassistant.util import dt",
            "pbx.clock imports homeassistant.util: it needs no Home Assistant",
        ),
        (
            "pbx/calls/log.py",
            "import homeassistant",
            "pbx.calls.log imports homeassistant",
        ),
        (
            "delivery/receiver.py",
            "from ..pbx.calls import CallTracker",
            "delivery.receiver imports pbx.calls.__init__",
        ),
        (
            "delivery/target.py",
            "from ..switchboard import board",
            "delivery.target imports switchboard.board",
        ),
        (
            "switchboard/board.py",
            "from ..coordinator import YeastarCoordinator",
            "switchboard.board imports coordinator",
        ),
        (
            "switchboard/catch_up.py",
            "from ..delivery.receiver import ReportReceiver",
            "switchboard.catch_up imports delivery.receiver",
        ),
        (
            "media/library.py",
            "from ..coordinator import YeastarCoordinator",
            "media.library imports coordinator",
        ),
        (
            "triggers/call.py",
            "from ..coordinator import YeastarCoordinator",
            "triggers.call imports coordinator",
        ),
        (
            "triggers/keys.py",
            "from ..media.names import parse_item",
            "triggers.keys imports media.names",
        ),
        (
            "pbx/client.py",
            "from custom_components.yeastar.coordinator import YeastarCoordinator",
            "pbx.client imports coordinator",
        ),
        (
            "pbx/client.py",
            "import custom_components.yeastar.coordinator",
            "pbx.client imports coordinator",
        ),
        (
            "delivery/target.py",
            "from custom_components.yeastar import sensor",
            "delivery.target imports sensor",
        ),
        (
            "pbx/client.py",
            "from ...yeastar.coordinator import YeastarCoordinator",
            "pbx.client imports coordinator",
        ),
        (
            "triggers/call.py",
            "if TYPE_CHECKING:\n    from ..coordinator import YeastarCoordinator",
            "triggers.call imports coordinator",
        ),
        (
            "media/library.py",
            "if TYPE_CHECKING:\n    pass\nelse:\n    from ..services import async_register",
            "media.library imports services",
        ),
        (
            "pbx/models.py",
            "import voluptuous as vol",
            "pbx.models imports voluptuous: it needs aiohttp only",
        ),
        (
            "pbx/models.py",
            "import importlib",
            "pbx.models imports importlib",
        ),
        (
            "pbx/clock.py",
            "from .client import YeastarClient\nfrom .queries import trunks",
            None,
        ),
        (
            "pbx/models.py",
            "from .inventory import Trunk\nfrom .queries import trunks",
            "a circle: ",
        ),
        (
            "switchboard/readers.py",
            'TRUNKS = "trunk/list"',
            "switchboard.readers names the endpoint trunk/list",
        ),
        (
            "services.py",
            'HANG_UP = "call/hangup"',
            "services names the endpoint call/hangup",
        ),
        (
            "coordinator.py",
            'x = f"call/{1}"',
            "coordinator names the endpoint call/",
        ),
        (
            "coordinator.py",
            'x = "/deviceinfo/query?a=1"',
            "coordinator names the endpoint /deviceinfo/query?a=1",
        ),
        (
            "coordinator.py",
            'async def beat(self): await self.client.request("heart" + "beat")',
            "coordinator asks the PBX itself (request)",
        ),
    ],
)
def test_what_crosses_a_wall_is_named(
    copy: Path, file: str, line: str, complaint: str | None
) -> None:
    broken = copy / HOUSE / file
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    code, output = walls(copy)
    if complaint is None:
        assert (code, output) == (0, "")
    else:
        assert code == 1
        assert complaint in output


def test_a_new_wing_has_walls_and_says_what_it_is_for(copy: Path) -> None:
    wing = copy / HOUSE / "tower"
    wing.mkdir()
    (wing / "__init__.py").write_text('"""A tower."""\n')
    (wing / "bell.py").write_text("from ..coordinator import YeastarCoordinator\n")
    code, output = walls(copy)
    assert code == 1
    assert "tower is a wing without walls" in output
    assert "tower: the docstring of its __init__ lacks 'May import:'" in output
    assert "tower: the docstring of its __init__ lacks 'Hands out'" in output


def test_what_is_there_for_types_alone_may_point_up(copy: Path) -> None:
    path = copy / HOUSE / "media/library.py"
    only_typed = "if TYPE_CHECKING:\n    from ..coordinator import YeastarCoordinator\n"
    path.write_text(f"{path.read_text()}\n{only_typed}")
    assert walls(copy) == (0, "")


def test_imports_are_counted_from_room_to_room(copy: Path) -> None:
    code, output = walls(copy, "--count")
    assert code == 0
    assert "pbx.calls    -> pbx " in output
    assert "pbx          -> switchboard" not in output
