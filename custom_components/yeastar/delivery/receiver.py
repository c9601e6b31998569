"""From the bytes of a report to one typed report, or to a counted refusal.

Knows no HTTP and no socket: how the bytes got here is the business of a source, such
as `webhook`. All sources of a PBX share one receiver, so that what came in twice, by
whichever way, is told once.
"""

from collections import Counter
from collections.abc import Callable
from datetime import tzinfo
from enum import StrEnum
import logging
import time
from typing import Final

from homeassistant.core import callback

from ..pbx.reports import (
    MalformedReportError,
    Report,
    Retransmissions,
    decode,
    serial_of,
    understand,
)

_LOGGER = logging.getLogger(__name__)

_WARNING_INTERVAL: Final = 3600


class Fate(StrEnum):
    """What became of something that came in; the names are those of the counters."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    NO_SERIAL = "no_serial"
    OTHER_SERIAL = "other_serial"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    WRONG_METHOD = "wrong_method"
    # Not counted: nobody reads the counters of what was unloaded.
    CLOSED = "closed"


# Counted besides.
_LEGACY: Final = "legacy_version"
_UNKNOWN: Final = "unknown_event"
_FAILED: Final = "failed"

# Told once an hour and cause, in words that lead to what to do.
_WARNINGS: Final = {
    Fate.NO_SERIAL: "Ignored a report without serial number: it does not come from a "
    "PBX with API 2.0.0",
    Fate.OTHER_SERIAL: "Ignored a report of another PBX: two PBXs send to the address of "
    "one, or somebody else knows it",
    Fate.MALFORMED: "Refused a report that is not one: something else than the PBX posts "
    "to this address",
    Fate.TOO_LARGE: "Refused a report of more than 64 KiB",
    Fate.WRONG_METHOD: "Refused a request that is not a POST: something else than the PBX "
    "opens this address",
}


class ReportReceiver:
    """Takes the reports of one PBX.

    Attributes:
        counts: how often what came in ended in which way.
    """

    def __init__(
        self,
        *,
        serial: str,
        accept: Callable[[Report], None],
        zone: Callable[[], tzinfo],
    ) -> None:
        """Start; nothing has come in yet.

        Args:
            serial: of the PBX whose reports are taken.
            accept: gets each report once; must not wait for anything.
            zone: of the PBX's clock, now.
        """
        self._serial = serial
        self._accept = accept
        self._zone = zone
        self._retransmissions = Retransmissions(time.monotonic)
        self._warned: dict[Fate, float] = {}
        self._closed = False
        self.counts: Counter[str] = Counter()

    @callback
    def close(self) -> None:
        """Take nothing any more, also of what a source has half received."""
        self._closed = True

    @callback
    def take(self, body: bytes) -> Fate:
        """Take one report from its bytes to the entities, in one step."""
        if self._closed:
            return Fate.CLOSED
        try:
            wire = decode(body)
            if (serial := serial_of(wire)) != self._serial:
                return self.refuse(Fate.OTHER_SERIAL if serial else Fate.NO_SERIAL)
            report = understand(wire, self._zone())
        except MalformedReportError as error:
            _LOGGER.debug("Not a report: %s", error)
            return self.refuse(Fate.MALFORMED)
        if self._retransmissions.seen(report, body):
            self.counts[Fate.REPEATED] += 1
            return Fate.REPEATED
        self.counts[Fate.ACCEPTED] += 1
        if report.legacy:
            self.counts[_LEGACY] += 1
        if not report.known:
            self.counts[_UNKNOWN] += 1
        try:
            self._accept(report)
        except Exception:
            # Ours to mend, not the PBX's to repeat.
            self.counts[_FAILED] += 1
            _LOGGER.exception("Unexpected error in handling a %s report", report.type)
        return Fate.ACCEPTED

    @callback
    def refuse(self, fate: Fate) -> Fate:
        """Count a refusal and warn of it, at most once an hour and cause."""
        if self._closed:
            return Fate.CLOSED
        self.counts[fate] += 1
        now = time.monotonic()
        if now - self._warned.get(fate, -_WARNING_INTERVAL) >= _WARNING_INTERVAL:
            self._warned[fate] = now
            _LOGGER.warning("%s", _WARNINGS[fate])
        return fate
