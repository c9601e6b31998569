"""What there is to hear of a PBX: recordings of calls, messages in boxes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
import re
import time as clocks
from typing import Final

from homeassistant.util import dt as dt_util

from ..pbx import queries
from ..pbx.calls import Call
from ..pbx.calls.log import calls_of, read_call_log
from ..pbx.calls.record import CallRecord
from ..pbx.client import YeastarClient
from ..pbx.clock import PbxClock
from ..pbx.sounds import FileRequest, is_file_name, recording
from ..pbx.voicemail import Message
from ..switchboard.board import Switchboard

# Seconds. Somebody who looks around asks for the same day several times, and each
# time the PBX would have to write its records into a file.
LIST_FOR: Final = 30.0
# What was found once is asked for again at each jump within a recording.
KNOWN_FOR: Final = 3600.0
MOST_DAYS: Final = 4
# Part of addresses, so only what needs no quoting there.
_PLAIN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a call; a call that was handed on has several.

    Attributes:
        call: as it is shown, outside numbers hidden if they are to be.
        index: counts the recordings of the call, from 0.
        file: its name on the PBX; may have numbers in it and is shown to nobody.
    """

    call: Call
    index: int
    file: str

    @property
    def request(self) -> FileRequest:
        """Return how to ask for its file."""
        return recording(self.file)


def is_plain(text: str) -> bool:
    """Tell whether a call's id or an extension's number can be part of an address."""
    return _PLAIN.fullmatch(text) is not None


class SoundLibrary:
    """Lists what a PBX has to hear, and finds one thing of it again."""

    def __init__(
        self,
        client: YeastarClient,
        board: Switchboard,
        clock: Callable[[], PbxClock],
        secret: str,
    ) -> None:
        """Start with nothing read.

        Args:
            client: to ask with.
            board: knows extensions and names, and hides numbers.
            clock: returns the PBX's clock.
            secret: known to nobody, the same for as long as the entry lives.
        """
        self._client = client
        self._board = board
        self._clock = clock
        self._secret = secret.encode()
        # By day: when it was read, and what was found.
        self._days: dict[date, tuple[float, list[Recording]]] = {}

    async def recordings(self, day: date, max_age: float = LIST_FOR) -> list[Recording]:
        """Return the recordings of the calls that began on a day, oldest first.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        now = clocks.monotonic()
        read_at, found = self._days.get(day, (-max_age, []))
        if now - read_at < max_age:
            return found
        found = self._recordings_of(await self._records(day))
        self._days.pop(day, None)
        self._days[day] = (now, found)
        while len(self._days) > MOST_DAYS:
            del self._days[next(iter(self._days))]
        return found

    async def recording(self, day: date, call_id: str, index: int) -> Recording | None:
        """Return one recording, None if there is none such.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        for max_age in (KNOWN_FOR, 0.0):
            for found in await self.recordings(day, max_age):
                if found.call.call_id == call_id and found.index == index:
                    return found
        return None

    async def messages(self, number: str = queries.ALL) -> list[Message]:
        """Return the messages in the box of an extension, or of all.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        if number != queries.ALL and not self._board.directory.is_extension(number):
            return []
        found = await queries.messages(self._client, number)
        return [message for message in found if is_plain(message.number)]

    async def message(self, number: str, key: str) -> Message | None:
        """Return one message as it is now, None if it is gone.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        for message in await self.messages(number):
            if self.key(message) == key:
                return message
        return None

    def key(self, message: Message) -> str:
        """Return the name under which a message is found again."""
        return message.key(self._secret)

    def left_at(self, message: Message) -> datetime | None:
        """Return when a message was left, None if the PBX does not say so."""
        return self._clock().moment(message.date, "")

    async def _records(self, day: date) -> list[CallRecord]:
        """Read the records of a day here, which has 23 to 25 hours."""
        zone = dt_util.get_default_time_zone()
        start, end = (
            datetime.combine(day + timedelta(days=days), time.min, zone).astimezone(
                dt_util.UTC
            )
            for days in (0, 1)
        )
        found: list[CallRecord] = []
        async for part in read_call_log(self._client, self._clock(), start, end):
            found += part.records
        return found

    def _recordings_of(self, records: list[CallRecord]) -> list[Recording]:
        """Return the recordings that call records name."""
        files: dict[str, list[str]] = {}
        for record in records:
            if record.recording is not None and is_file_name(record.recording):
                names = files.setdefault(record.call_id, [])
                if record.recording not in names:
                    names.append(record.recording)
        wanted = [one for one in records if one.call_id in files]
        calls = [
            call
            for call in calls_of(wanted, self._board.directory)
            if is_plain(call.call_id)
        ]
        calls.sort(key=lambda call: (call.started_at or dt_util.utcnow(), call.call_id))
        return [
            Recording(self._board.shown(call), index, name)
            for call in calls
            for index, name in enumerate(files[call.call_id])
        ]
