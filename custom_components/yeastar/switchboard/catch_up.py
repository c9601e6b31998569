"""Calls whose reports were lost: told once, in order, from the PBX's own records."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
import logging
import time
from typing import Final

from homeassistant.util import dt as dt_util

from ..delivery.watch import Delivery
from ..pbx.calls import Call
from ..pbx.calls.log import by_call, call_of, read_call_log
from ..pbx.calls.record import CallRecord
from ..pbx.calls.running import CallAnswer, Fate, RunningCall, RunningCalls
from ..pbx.client import YeastarClient
from ..pbx.clock import PbxClock, began_by_id
from ..pbx.errors import InvalidAuthError, PbxError
from ..pbx.reports import MalformedReportError
from .board import Switchboard
from .history import FURTHEST
from .poll_plan import MINUTE, Poll, PollPlan
from .questions import Questions
from .readers import adopt

_LOGGER = logging.getLogger(__name__)

# How soon the call log is read again: when it could not be read, or is all there is
# because no reports arrive; when a call had ended only just.
_TRY_AGAIN_IN: Final = 5 * MINUTE
LOOK_AGAIN_IN: Final = 30.0
# A call that ended just now is told by its reports, which may be on their way.
_JUST_NOW: Final = timedelta(seconds=20)
# The PBX's clock may be changed, and its zone be another than it seems.
_UNCERTAIN: Final = timedelta(hours=1)
# Ids begin with a time if that of the last call seen to begin did, about.
_PROVEN: Final = timedelta(minutes=2)
# How many calls are told in one go, before Home Assistant may do something else.
_AT_ONCE: Final = 20


class CatchUp:
    """Finds the calls that nobody reported, or whose end nobody did.

    Attributes:
        log_reads: how often the call log was read.
        log_problem: why it could not be read the last time, None if it could.
        log_unreadable: how many of its records made no sense the last time.
    """

    def __init__(
        self,
        client: YeastarClient,
        board: Switchboard,
        questions: Questions,
        clock: Callable[[], PbxClock],
        plan: PollPlan,
        *,
        enabled: bool,
    ) -> None:
        """Start; nothing is read yet.

        Args:
            client: to read with; two requests for each day of a gap.
            board: tells the calls, and knows which ones are told.
            questions: asks which of them go on.
            clock: returns the PBX's clock.
            plan: is told when the log was read, and when to read it again.
            enabled: whether calls of a gap are to be told; the owner may not want it.
        """
        self._client = client
        self._board = board
        self._questions = questions
        self._clock = clock
        self._plan = plan
        self._enabled = enabled
        self.log_reads = 0
        self.log_problem: str | None = None
        self.log_unreadable = 0

    async def read_log(self, over: Collection[str] = ()) -> set[str]:
        """Tell what the log has and nobody told; a log that fails costs nothing else.

        Args:
            over: calls that the PBX just said do not go on.

        Returns:
            The ids of calls that ended only just: their reports, or more records of
            them, may be on their way, so they will be looked for again soon.

        Raises:
            InvalidAuthError: the PBX refuses the password; do not ask again.
        """
        now = dt_util.utcnow()
        just_ended: set[str] = set()
        again: float | None = None
        if not self._enabled:
            self._board.history.skip_to(now)
        else:
            try:
                just_ended = await self._tell_log(now, over)
                if just_ended:
                    again = LOOK_AGAIN_IN
                self.log_reads += 1
                self.log_problem = None
            except InvalidAuthError:
                raise
            except (PbxError, MalformedReportError) as error:
                _LOGGER.debug("The call log could not be read: %s", error)
                self.log_problem = f"{type(error).__name__}: {error}"
                again = _TRY_AGAIN_IN
        if self._board.delivery.state is Delivery.FAILING:
            again = _TRY_AGAIN_IN
        self._plan.done(Poll.CALL_LOG, time.monotonic())
        if again is not None:
            self._plan.hasten(Poll.CALL_LOG, time.monotonic(), again)
        return just_ended

    async def ask(self) -> None:
        """Ask about calls that were silent for long, and end those that are over.

        How one ended is in the log, if it is there.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        gone = await self._questions.ask()
        if not gone:
            return
        just_ended = await self.read_log(over=gone) if self._enabled else set()
        now = dt_util.utcnow()
        board = self._board
        for call_id in gone:
            # In half a minute the reports of the others will have told how they
            # ended, or the log.
            if call_id not in just_ended:
                board.handle(board.calls.gone(call_id, now), now)

    def _look_back_to(self, now: datetime) -> datetime:
        """Return from when on the log is read: it is asked for calls by their start.

        A call of many hours may have ended while nobody listened.
        """
        board = self._board
        starts = [board.history.told.look_back_to(now)]
        for call_id, (call, _) in board.history.begun.items():
            if board.calls.is_silent(call_id, now) and call.started_at is not None:
                starts.append(call.started_at)
        return max(min(starts), now - FURTHEST)

    async def _tell_log(self, now: datetime, over: Collection[str]) -> set[str]:
        """Tell what the log has and nobody told, a day at a time.

        Raises:
            PbxError: it cannot be read; what was told until then stays told.
        """
        history = self._board.history
        self._note_what_ids_are()
        clock = replace(self._clock(), ids_are_times=history.ids_are_times)
        start = self._look_back_to(now)
        just_ended: set[str] = set()
        unreadable = 0
        async for day in read_call_log(
            self._client, clock, start, now, margin=_UNCERTAIN
        ):
            just_ended |= await self._tell(day.records, now, over)
            unreadable += day.unreadable
            history.checked(day.until)
            # There is time for it here, and a power cut now would tell them all again.
            await history.async_save()
        self._note_unreadable(unreadable)
        return just_ended

    def _note_unreadable(self, count: int) -> None:
        """Note how many records made no sense; they are looked at again for hours."""
        if count and not self.log_unreadable:
            _LOGGER.warning(
                "%s records in the PBX's call log cannot be read; their calls are "
                "missing if no report told of them",
                count,
            )
        self.log_unreadable = count

    def _note_what_ids_are(self) -> None:
        """Note whether the ids of calls begin with the true time of the PBX's clock."""
        if (opened := self._board.calls.last_opened) is not None:
            call_id, opened_at = opened
            began = began_by_id(call_id)
            self._board.history.ids_are_times = (
                began is not None
                and abs(began - self._clock().drift - opened_at) < _PROVEN
            )

    async def _tell(
        self, records: list[CallRecord], now: datetime, over: Collection[str]
    ) -> set[str]:
        """Tell the calls that are over and not told; return those that just ended."""
        board = self._board
        told = board.history.told
        news = by_call(one for one in records if one.call_id not in told)
        earliest = told.earliest(now)
        just_ended: set[str] = set()
        ended: dict[str, tuple[Call, list[CallRecord]]] = {}
        for count, its_records in enumerate(news):
            if count % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            call = call_of(its_records, board.directory)
            if call is None or call.started_at is None:
                continue
            if call.started_at < earliest and call.call_id not in board.history.begun:
                continue
            if call.ended_at is None or call.ended_at > now - _JUST_NOW:
                just_ended.add(call.call_id)
                continue
            ended[call.call_id] = call, its_records
        answers = await self._ask_about(ended.keys() - over, now)
        for count, (call_id, (_, its_records)) in enumerate(ended.items()):
            if count % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            if call_id not in over:
                known = call_id in board.calls
                if known and not board.calls.is_silent(call_id, now):
                    continue
                answer = answers.get(call_id, CallAnswer(Fate.UNKNOWN))
                if answer.fate is Fate.RUNS:
                    adopt(board, [RunningCall(call_id, answer.members)])
                    continue
                if (
                    answer.fate is Fate.UNKNOWN
                    and known
                    and not board.calls.covered(call_id, its_records)
                ):
                    continue
            if call_id not in told:
                board.tell_found(call_id, its_records)
        return just_ended

    async def _ask_about(
        self, call_ids: Collection[str], now: datetime
    ) -> dict[str, CallAnswer]:
        """Ask whether calls with a record go on: a part has one, too (protocol 5.3)."""
        calls, questions = self._board.calls, self._questions
        silent = [one for one in call_ids if calls.is_silent(one, now)]
        answers: dict[str, CallAnswer] = {}
        running: RunningCalls | None = None
        if unheard := [one for one in call_ids if one not in calls]:
            running = await questions.running()
            for call_id in unheard:
                # They have a record; that nothing is said of them is no news.
                answers[call_id] = running.answer(call_id, on_trunk=False)
        known = [questions.about(one) for one in silent]
        return answers | {
            call_id: answer
            async for call_id, answer in questions.answers(known, running)
        }
