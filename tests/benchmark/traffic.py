"""What the PBX sends: endless reports of one kind, none of them a repetition."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

from .house import House

type Report = dict[str, Any]

OTHER_PBX = "123456789012"


@dataclass(frozen=True, slots=True)
class Turn:
    """A report to be measured, and those that have to come before and after it."""

    measured: bytes
    before: list[bytes] = field(default_factory=list)
    after: list[bytes] = field(default_factory=list)


def _status(number: str, word: str) -> Report:
    return {"event": "ExtensionStatus", "extension": number, "status": word}


def _members(caller: str, phones: list[str], at_line: str, at_phones: str) -> Any:
    line = {"from": caller, "to": "5551000", "trunkname": "siptrunk"}
    line |= {"channelid": f"SIP/siptrunk-{caller}", "memberstatus": at_line}
    return [{"inbound": {**line, "callpath": "6200"}}] + [
        {
            "ext": {
                "number": phone,
                "channelid": f"SIP/{phone}-{caller}",
                "memberstatus": at_phones,
                "callpath": "6200",
            }
        }
        for phone in phones
    ]


def _call_status(
    number: int, phones: list[str], at_line: str, at_phones: str
) -> Report:
    members = _members(f"030{number:07}", phones, at_line, at_phones)
    return {
        "event": "CallStatus",
        "callid": f"1772442000.{number}",
        "members": members,
    }


def _cdr(number: int, phone: str) -> Report:
    return {
        "event": "NewCdr",
        "callid": f"1772442000.{number}",
        "timestart": "2026-03-02 17:00:00",
        "callfrom": f"030{number:07}",
        "callto": f"6200({phone})",
        "callduraction": "12",
        "talkduraction": "9",
        "srctrunkname": "siptrunk",
        "dsttrcunkname": "",
        "pincode": "",
        "status": "ANSWERED",
        "type": "Inbound",
        "recording": "",
        "didnumber": "5551000",
        "agentringtime": "0",
    }


def extension_status(house: House) -> Iterator[Turn]:
    """One extension after the other rings, talks and is free again."""
    for number in cycle(house.numbers):
        for word in ("Ringing", "Busy", "Registered"):
            yield Turn(house.body(_status(number, word)))


def _calls(house: House, members: int, first: int) -> Iterator[tuple[int, list[str]]]:
    """Yield calls and the phones that each one rings."""
    phones = members - 1
    for number in count(first):
        at = number * phones % max(1, len(house.numbers) - phones)
        yield number, (house.numbers * phones)[at : at + phones]


def _call(house: House, members: int, first: int) -> Iterator[Turn]:
    for number, phones in _calls(house, members, first):
        ring, answer, bye = (
            house.body(_call_status(number, phones, *words))
            for words in (("ALERT", "RING"), ("ANSWERED", "ANSWER"), ("BYE", "BYE"))
        )
        yield Turn(ring)
        yield Turn(answer)
        yield Turn(bye, after=[house.body(_cdr(number, phones[0]))])


def call_status_2(house: House) -> Iterator[Turn]:
    """A call from outside to one phone: rings, is answered, is over."""
    return _call(house, 2, 0)


def call_status_12(house: House) -> Iterator[Turn]:
    """The same with eleven phones, each of them in all reports."""
    return _call(house, 12, 1_000_000)


def new_cdr(house: House) -> Iterator[Turn]:
    """The record that ends such a call."""
    for number, phones in _calls(house, 2, 2_000_000):
        before = [
            house.body(_call_status(number, phones, *words))
            for words in (("ALERT", "RING"), ("ANSWERED", "ANSWER"), ("BYE", "BYE"))
        ]
        yield Turn(house.body(_cdr(number, phones[0])), before=before)


def refused(house: House) -> Iterator[Turn]:
    """What another PBX says of its extensions."""
    for turn in extension_status(house):
        yield Turn(turn.measured.replace(house.pbx.serial.encode(), OTHER_PBX.encode()))


def whole_call(house: House, number: int) -> list[bytes]:
    """Return all seven reports of a call from outside that is answered."""
    phone = house.numbers[number % len(house.numbers)]
    reports = [
        _status(phone, "Ringing"),
        _call_status(number, [phone], "ALERT", "RING"),
        _status(phone, "Busy"),
        _call_status(number, [phone], "ANSWERED", "ANSWER"),
        _call_status(number, [phone], "BYE", "BYE"),
        _cdr(number, phone),
        _status(phone, "Registered"),
    ]
    return [house.body(report) for report in reports]


REFUSED = "refused (another PBX)"
KINDS = {
    "ExtensionStatus": extension_status,
    "CallStatus, 2 members": call_status_2,
    "CallStatus, 12 members": call_status_12,
    "NewCdr": new_cdr,
    REFUSED: refused,
}
