"""What a PBX has and what it is told, as plain values."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
import re
from typing import Any

from .errors import NoListError

# Wire form of every time: PBX local, no zone (event-NewCdr.html).
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
# Offsets in use are multiples of this; a PBX's clock may be off by some minutes.
_OFFSET_STEP = timedelta(minutes=15)
_OFFSET = re.compile(r"UTC\s*([+-]\d{1,2})(?::?(\d\d))?")
_LARGEST_OFFSET = timedelta(hours=14)

_UNFIT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class EventTarget:
    """Where the PBX sends its reports, in the words of `login` and `heartbeat`.

    `url` is a path below the caller's address when `absolute` is false, else
    `host:port/path` (s2:login, s1000:heartbeat). `address` is what a heartbeat
    says as `ipaddr`; None as long as it is not known, that is before a login.
    """

    port: int
    # Whoever knows the path can invent reports.
    url: str = field(repr=False)
    absolute: bool
    address: str | None = None

    def as_parameters(self) -> dict[str, str]:
        """Return the parameters that `login` and `heartbeat` share, all strings.

        The version is always there: without it the PBX falls back to reports of
        version 1.0.0, which are not well-formed JSON (s2:login, s2:heartbeat).
        """
        return {
            "port": str(self.port),
            "url": self.url,
            "urltag": "1" if self.absolute else "0",
            "version": "2.0.0",
        }


@dataclass(frozen=True, slots=True)
class Device:
    """The PBX itself (deviceinfo-query.html)."""

    serial: str
    name: str
    firmware: str | None
    hardware: str | None
    system_time: str | None

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Device:
        """Read an answer to `deviceinfo/query`."""
        info = answer.get("deviceinfo")
        return cls.from_wire(info if isinstance(info, dict) else {})

    @classmethod
    def from_wire(cls, info: dict[str, Any]) -> Device:
        """Read the `deviceinfo` object; `serial` is "" if the PBX gave none."""
        return cls(
            serial=text(info.get("sn")),
            name=text(info.get("devicename")),
            firmware=text(info.get("firmwarever")) or None,
            hardware=text(info.get("hardwarever")) or None,
            system_time=text(info.get("systemtime")) or None,
        )


def clean(value: Any) -> Any:
    r"""Replace in a decoded value what databases and JSON writers stumble over.

    NUL and half characters come through JSON only where it is written with `\u`.
    """
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def text(value: object) -> str:
    """Return a scalar of the wire as trimmed text, "" for anything else.

    Everything should be a string, but samples and clients show numbers too.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def records(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list of the wire; a missing list is an empty one."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def listed(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a list that an answer must have.

    Raises:
        NoListError: it is not there. The PBX leaves empty lists out (protocol 8.2), but
            other answers have none, too.
    """
    if not isinstance(answer.get(key), list):
        raise NoListError(f"no {key} in the answer")
    return records(answer[key])


def parse_time(value: str, zone: tzinfo) -> datetime | None:
    """Return a PBX local time as aware time in `zone`, None if it is not one."""
    try:
        if len(value) == 19 and value[10] == " " and value[16] == ":":
            # What the PBX writes, ten times as fast; it would also take a time zone,
            # for which there is no room here.
            return datetime.fromisoformat(value).replace(tzinfo=zone)
        return datetime.strptime(value, TIME_FORMAT).replace(tzinfo=zone)
    except ValueError:
        return None


def local_time_of(system_time: str | None) -> datetime | None:
    """Return the naive local time that `systemtime` begins with, None if none."""
    local = parse_time((system_time or "").strip()[:19], UTC)
    return local.replace(tzinfo=None) if local is not None else None


def pbx_zone(system_time: str | None, now: datetime, home: tzinfo) -> tzinfo:
    """Work out the zone of the PBX's clock.

    `system_time` is `2019-10-17 23:07:43 UTC-8`. What its sign means is not
    documented and whether it knows daylight saving neither, so the clock is
    compared with ours: the difference to `now` (aware), rounded to a quarter of
    an hour, is the offset. If that is what `home` has at `now`, the answer is
    `home`, which also knows when daylight saving changes. A clock that is set
    wrong (no offset of the world fits) leaves only the text of the offset.
    """
    if (local := local_time_of(system_time)) is None:
        return home
    offset = _OFFSET_STEP * round((local.replace(tzinfo=UTC) - now) / _OFFSET_STEP)
    if abs(offset) > _LARGEST_OFFSET:
        match = _OFFSET.search(system_time or "")
        if match is None or abs(int(match[1])) > 14:
            return home
        hours = int(match[1])
        minutes = int(match[2] or 0)
        offset = timedelta(hours=hours, minutes=minutes if hours >= 0 else -minutes)
    if now.astimezone(home).utcoffset() == offset:
        return home
    return timezone(offset)
