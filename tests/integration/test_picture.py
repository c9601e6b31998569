"""The picture of the PBX: which of two sources is the newer one, and what changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.yeastar.pbx.inventory import Extension, ExtensionStatus
from custom_components.yeastar.switchboard.listeners import extension_key
from custom_components.yeastar.switchboard.picture import (
    MOST_CALLS,
    MOST_INVITATIONS,
    Picture,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def listed(**states: ExtensionStatus | None) -> dict[str, Extension]:
    """Return a list of extensions: `_1001=…`."""
    return {
        number.removeprefix("_"): Extension(number.removeprefix("_"), "Anna", status)
        for number, status in states.items()
    }


def shown(picture: Picture, number: str = "1001") -> ExtensionStatus | None:
    return picture.directory.extensions[number].status


def test_a_report_is_newer_than_a_list_that_was_asked_for_before_it() -> None:
    picture = Picture(monitored={"1001"})
    picture.set_extensions(listed(_1001=ExtensionStatus.IDLE), NOW, continuous=True)
    assert picture.take_status(
        picture.directory.extensions["1001"], "Ringing", NOW + timedelta(seconds=1)
    )
    # Asked for before the report, answered after it: the list shows the past.
    changes = picture.set_extensions(
        listed(_1001=ExtensionStatus.IDLE), NOW, continuous=True
    )
    assert shown(picture) is ExtensionStatus.RINGING
    assert (changes.keys, changes.unreported) == ([], 0)
    # Asked for after it: the list is right, and a report is missing.
    changes = picture.set_extensions(
        listed(_1001=ExtensionStatus.IDLE), NOW + timedelta(seconds=2), continuous=True
    )
    assert shown(picture) is ExtensionStatus.IDLE
    assert (changes.keys, changes.unreported) == ([extension_key("1001")], 1)


@pytest.mark.parametrize(
    ("monitored", "unheard", "old", "new", "unreported"),
    [
        ({"1001"}, False, ExtensionStatus.IDLE, ExtensionStatus.BUSY, 1),
        ({"1001"}, False, ExtensionStatus.BUSY, ExtensionStatus.UNREGISTERED, 1),
        # Reports of others arrive: the monitor of this one is probably off.
        ({"1002"}, False, ExtensionStatus.IDLE, ExtensionStatus.BUSY, 0),
        ({"1002"}, False, ExtensionStatus.IDLE, ExtensionStatus.UNREGISTERED, 0),
        # Nothing was ever heard of anything.
        (set(), True, ExtensionStatus.IDLE, ExtensionStatus.BUSY, 1),
        # Only lists know of this.
        ({"1001"}, False, ExtensionStatus.IDLE, ExtensionStatus.FAULTY, 0),
        ({"1001"}, True, ExtensionStatus.FAULTY, ExtensionStatus.IDLE, 0),
    ],
)
def test_only_an_extension_with_reports_of_its_own_may_miss_one(
    monitored: set[str],
    unheard: bool,
    old: ExtensionStatus,
    new: ExtensionStatus,
    unreported: int,
) -> None:
    picture = Picture(monitored)
    picture.set_extensions(listed(_1001=old), NOW, continuous=True)
    changes = picture.set_extensions(
        listed(_1001=new), NOW, continuous=True, unheard=unheard
    )
    assert changes.unreported == unreported
    assert shown(picture) is new


HELD = {"kind": "ext", "number": "1001", "member_status": "HOLD"}
TALKS = {"kind": "ext", "number": "1001", "member_status": "ANSWER"}
RINGS = {"kind": "ext", "number": "1001", "member_status": "RING"}
LEAVES = {"kind": "ext", "number": "1001", "member_status": "BYE"}
OTHER = {"kind": "inbound", "from": "0301", "member_status": "ANSWERED"}


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        ([("a", [HELD])], "on_hold"),
        ([("a", [HELD]), ("a", [TALKS])], "busy"),
        # A second call rings while the first one is held.
        ([("a", [HELD]), ("b", [RINGS])], "on_hold"),
        # In both orders: the second call is answered, and something happens in the
        # first.
        ([("a", [HELD]), ("b", [TALKS])], "busy"),
        ([("b", [TALKS]), ("a", [HELD])], "busy"),
        ([("a", [HELD]), ("b", [TALKS]), ("a", [HELD, OTHER])], "busy"),
        ([("a", [HELD]), ("b", [TALKS]), ("b", [LEAVES])], "on_hold"),
        ([("a", [HELD]), ("b", [TALKS]), ("b", [OTHER])], "on_hold"),
        ([("a", [HELD]), ("b", [HELD])], "on_hold"),
        ([("a", [HELD]), ("b", [TALKS]), ("a", [LEAVES])], "busy"),
        # The end of the second call was lost, and the phone was free since.
        ([("b", [TALKS]), None, ("a", [HELD])], "on_hold"),
    ],
)
def test_who_talks_in_one_call_is_not_on_hold_in_another(
    reports: list[tuple[str, list[dict[str, Any]]] | None], status: str
) -> None:
    picture = Picture()
    picture.set_extensions(listed(_1001=ExtensionStatus.BUSY), NOW, continuous=True)
    for report in reports:
        if report is None:
            for word in ("Registered", "Busy"):
                known = picture.directory.extensions["1001"]
                picture.take_status(known, word, NOW)
        else:
            picture.take_hold(*report)
    assert shown(picture) is ExtensionStatus(status)


def test_calls_whose_end_was_lost_do_not_fill_the_memory() -> None:
    picture = Picture()
    picture.set_extensions(listed(_1001=ExtensionStatus.BUSY), NOW, continuous=True)
    for count in range(MOST_CALLS + 10):
        picture.take_hold(f"{count}.1", [TALKS])
    picture.take_hold("last", [HELD])
    for count in range(10, MOST_CALLS + 10):
        picture.take_hold(f"{count}.1", [LEAVES])
    assert shown(picture) is ExtensionStatus.ON_HOLD
    picture.take_hold(None, [TALKS])
    assert shown(picture) is ExtensionStatus.ON_HOLD


def test_a_change_that_no_report_tells_of_is_not_a_missing_report() -> None:
    picture = Picture(monitored={"1001"})
    states = (
        None,
        ExtensionStatus.BUSY,
        ExtensionStatus.ON_HOLD,
        ExtensionStatus.BUSY,
        None,
    )
    for state in states:
        changes = picture.set_extensions(listed(_1001=state), NOW, continuous=True)
        assert changes.unreported == 0
        assert shown(picture) is state
    # Of an extension that is new, or gone, nothing was to be reported; one that comes
    # back is a new one.
    picture.take_status(
        picture.directory.extensions["1001"], "Ringing", NOW + timedelta(seconds=1)
    )
    changes = picture.set_extensions(
        listed(_1002=ExtensionStatus.BUSY), NOW, continuous=True
    )
    assert (changes.keys, changes.unreported) == ([extension_key("1002")], 0)
    changes = picture.set_extensions(
        listed(_1001=ExtensionStatus.IDLE), NOW, continuous=True
    )
    assert (changes.keys, changes.unreported) == ([extension_key("1001")], 0)
    picture.set_extensions(listed(_1001=ExtensionStatus.BUSY), NOW, continuous=True)
    assert shown(picture) is ExtensionStatus.BUSY


def test_after_a_gap_no_report_is_missed() -> None:
    picture = Picture()
    picture.set_extensions(listed(_1001=ExtensionStatus.IDLE), NOW, continuous=True)
    changes = picture.set_extensions(
        listed(_1001=ExtensionStatus.BUSY), NOW, continuous=False
    )
    assert (changes.keys, changes.unreported) == ([extension_key("1001")], 0)


def test_of_very_many_invitations_the_latest_are_kept() -> None:
    picture = Picture()
    for count in range(MOST_INVITATIONS + 10):
        picture.note_invitation(f"{count}.1", [{"channel_id": f"trunk-{count}"}])
    assert len(picture.invitations) == MOST_INVITATIONS
    assert "9.1" not in picture.invitations
    latest = MOST_INVITATIONS + 9
    assert picture.invitations[f"{latest}.1"] == f"trunk-{latest}"
    # Without a channel there is nothing to accept it by.
    picture.note_invitation("new.1", [{"kind": "inbound"}])
    assert "new.1" not in picture.invitations
