"""The picture of the PBX: which of two sources is the newer one, and what changed."""

from datetime import UTC, datetime, timedelta

from custom_components.yeastar.pbx.inventory import Extension, ExtensionStatus
from custom_components.yeastar.switchboard.listeners import extension_key
from custom_components.yeastar.switchboard.picture import MOST_INVITATIONS, Picture

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
    picture = Picture()
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


def test_a_change_that_no_report_tells_of_is_not_a_missing_report() -> None:
    picture = Picture()
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
