"""Numbers of people outside are hidden in whatever field and however written."""

from typing import Any

import pytest

from custom_components.yeastar.switchboard.mask import Mask

INSIDE = frozenset({"1001", "6700", "100123", "1002345"})


@pytest.fixture
def mask() -> Mask:
    return Mask(INSIDE.__contains__)


def digits(text: str) -> int:
    return sum(map(str.isdigit, text))


@pytest.mark.parametrize(
    "number",
    [
        "0301234567",
        "+49 30 1234567",
        "555-0100",
        "+1 (212) 555-0100",
        "0171/555-12-34",
        "1.212.555.0100",
        "0171 555",
        "tel:+49-30-1234567",
        "sip:0301234567@192.168.1.5",
        "Doe, J <+44 20 7946 0018>",
        "+49\u00a030\u00a01234567",
        "030\u20111234567",
        "030\u20131234567",
        "030\u200b1234567",
        "030_1234567",
        "+49[30]1234567",
        "030'1234567",
    ],
)
@pytest.mark.parametrize(
    "key", ["from", "caller_number", "callernum", "call_to", "infos", "anything"]
)
def test_three_digits_of_a_number_stay(mask: Mask, number: str, key: str) -> None:
    shown = mask.payload({"members": [{key: number}]})["members"][0][key]
    assert digits(shown.partition("@")[0]) <= 3
    # To hide it again changes nothing: what was stored may have been hidden before.
    assert mask.payload(shown, key) == shown


@pytest.mark.parametrize("key", ["from", "caller_number", "number", "channel_id"])
@pytest.mark.parametrize(
    "inside",
    ["1001", "6700", "100123", "1002345", "*72", "112", "anonymous", ""],
)
def test_what_is_inside_is_shown(mask: Mask, inside: str, key: str) -> None:
    assert mask.payload(inside, key) == inside


@pytest.mark.parametrize(
    ("channel", "shown"),
    [
        ("PJSIP/1001-00000025", "PJSIP/1001-00000025"),
        ("PJSIP/1002345-0000002a", "PJSIP/1002345-0000002a"),
        (
            "PJSIP/trunk-Line 1-endpoint-00000001",
            "PJSIP/trunk-Line 1-endpoint-00000001",
        ),
        ("DAHDI/i1/01715551234-2", "DAHDI/i1/********234-2"),
        ("DAHDI/i1/0171 555-1234-2", "DAHDI/i1/**** ***-*234-2"),
        ("Local/0301234567@DLPN-000001f3;2", "Local/*******567@DLPN-000001f3;2"),
        ("DAHDI/3-1", "DAHDI/3-1"),
    ],
)
def test_a_channel_is_still_one(mask: Mask, channel: str, shown: str) -> None:
    assert mask.payload(channel, "channel_id") == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "20260302090000-1772442000.5-0301234567-1001-Inbound.wav",
            "20260302090000-1772442000.5-*******567-1001-Inbound.wav",
        ),
        (
            "20260302090000-1772442000.5-1001-555-0100-Outbound.wav",
            "20260302090000-1772442000.5-1001-***-****-Outbound.wav",
        ),
        (
            "20260302090000-1772442000.5-1001-100123-Internal.wav",
            "20260302090000-1772442000.5-1001-100123-Internal.wav",
        ),
        (
            "20260302090000-1772442000.5-1001-6200(1001)-Internal.wav",
            "20260302090000-1772442000.5-1001-6200(1001)-Internal.wav",
        ),
        (
            "20260302090000-1772442000.5-+49171-5551234-1001-Inbound.wav",
            "20260302090000-1772442000.5-+*****-****234-1001-Inbound.wav",
        ),
        ("0301234567.wav", "*******567.wav"),
        ("greeting.wav", "greeting.wav"),
    ],
)
def test_a_recording_does_not_name_who_called(
    mask: Mask, name: str, shown: str
) -> None:
    assert mask.payload(name, "recording") == shown


def test_times_and_ids_stay(mask: Mask) -> None:
    told: dict[str, Any] = {
        "call_id": "1772442000.5",
        "started_at": "2026-03-02T09:00:00+00:00",
        "time_start": "2026-03-02T09:00:00+00:00",
        "extensions": ["1001", "20001"],
        "talk_seconds": 123456,
        "late": False,
    }
    assert mask.fields(told) == told


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("6200(1001)", "6200(1001)"),
        ("6200(0301234567)", "6200(*******567)"),
        ("0301234567(1001)", "*******567(1001)"),
    ],
)
def test_a_group_and_who_of_it_are_two_numbers(
    mask: Mask, number: str, shown: str
) -> None:
    assert mask.number(number) == shown
    assert mask.payload({"call_to": number}) == {"call_to": shown}
