"""Asks the PBX about calls of which nothing is heard, without asking too much."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
import logging
import time
from typing import Final

from homeassistant.util import dt as dt_util

from ..pbx.calls.running import (
    CallAnswer,
    Fate,
    RunningCalls,
    ask_about_call,
    running_calls,
)
from ..pbx.client import YeastarClient
from ..pbx.errors import PbxError
from .board import Switchboard

_LOGGER = logging.getLogger(__name__)

# What the budget of 200 requests an hour (contract 3) leaves beside the polls, and how
# many of them may be made at once.
_REQUESTS_AN_HOUR: Final = 40
_AT_ONCE: Final = 12
# The lists of all calls, and one call at its extensions and on the trunks.
_ALL_CALLS_COST: Final = 3
_ONE_CALL_COST: Final = 2


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a call goes on.

    Attributes:
        call_id: of the call.
        numbers: of the extensions that have had part in it.
        on_trunk: whether somebody outside has part in it, as far as is known.
    """

    call_id: str
    numbers: Iterable[str]
    on_trunk: bool


class Questions:
    """What is asked about calls, one by one or, if there are several, all together."""

    def __init__(self, client: YeastarClient, board: Switchboard) -> None:
        """Start; nothing is asked yet.

        Args:
            client: to ask with.
            board: has the calls, and takes the answers.
        """
        self._client = client
        self._board = board
        self._allowance = float(_AT_ONCE)
        self._allowed_at = time.monotonic()
        # Calls about which the lists could not tell, and when they were asked about
        # one by one since then, which goes by turns. For them the lists are not read.
        self._unlisted: dict[str, float] = {}

    async def ask(self) -> list[str]:
        """Ask about the calls that are silent; return those that are over.

        What the PBX cannot tell about now is asked later, and nothing else suffers.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        calls = self._board.calls
        silent = calls.silent(dt_util.utcnow())
        over: list[str] = []
        try:
            async for call_id, answer in self.answers([*map(self.about, silent)]):
                self._take(call_id, answer, over)
        finally:
            self._forget_old()
        return over

    def about(self, call_id: str) -> Question:
        """Return the question about an open call."""
        calls = self._board.calls
        return Question(call_id, calls.extensions_in(call_id), calls.on_trunk(call_id))

    async def answers(
        self, questions: Sequence[Question], running: RunningCalls | None = None
    ) -> AsyncIterator[tuple[str, CallAnswer]]:
        """Ask about some calls as far as the budget has room for it.

        Args:
            questions: the most urgent one first.
            running: the lists of all calls, if they were read just now.

        Yields:
            The answers, at once or, for what the lists cannot tell, one by one.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        left = list(questions)
        fresh = sum(one.call_id not in self._unlisted for one in left)
        if running is None and fresh > 1 and self._may_ask(_ALL_CALLS_COST):
            running = await self.running()
        if running is not None:
            left = []
            for one in questions:
                answer = running.answer(one.call_id, on_trunk=one.on_trunk)
                if answer.fate is Fate.UNKNOWN:
                    self._unlisted.setdefault(one.call_id, 0.0)
                    left.append(one)
                else:
                    self._unlisted.pop(one.call_id, None)
                    yield one.call_id, answer
            # The others need not be asked about as soon.
            now = dt_util.utcnow()
            for call_id, call in running.calls.items():
                if self._board.calls.is_silent(call_id, now):
                    yield call_id, CallAnswer(Fate.RUNS, call.members)
        left.sort(key=lambda one: self._unlisted.get(one.call_id, 0.0))
        for one in left:
            if not self._may_ask(_ONE_CALL_COST):
                return
            if one.call_id in self._unlisted:
                self._unlisted[one.call_id] = time.monotonic()
            yield one.call_id, await self._ask(one)

    async def running(self) -> RunningCalls:
        """Return all calls that the PBX lists as going on.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        before = self._sent
        try:
            return await running_calls(self._client)
        finally:
            self._allowance -= self._sent - before

    async def _ask(self, question: Question) -> CallAnswer:
        """Ask about one call, and note what it costs."""
        before = self._sent
        call_id = question.call_id
        try:
            return await ask_about_call(
                self._client, call_id, question.numbers, on_trunk=question.on_trunk
            )
        except PbxError:
            # It must not stay the first to be asked about, before all others.
            self._take(call_id, CallAnswer(Fate.UNKNOWN), [])
            raise
        finally:
            self._allowance -= self._sent - before

    def _forget_old(self) -> None:
        """Forget about which calls the lists could not tell if those are over."""
        for call_id in [*self._unlisted]:
            if call_id not in self._board.calls:
                del self._unlisted[call_id]

    def _take(self, call_id: str, answer: CallAnswer, over: list[str]) -> None:
        """Take in what the PBX says about a call that was silent when it was asked."""
        board, now = self._board, dt_util.utcnow()
        if answer.fate is Fate.RUNS:
            board.handle(board.calls.confirm(call_id, answer.members or [], now), now)
        elif answer.fate is Fate.OVER and call_id in board.calls.silent(now):
            # Otherwise it was heard of while the PBX was being asked.
            if board.calls.is_silent(call_id, now) and not board.calls.is_dormant(
                call_id
            ):
                # No report told that anybody hung up.
                board.delivery.missed(now)
            over.append(call_id)
        elif answer.fate is Fate.UNKNOWN:
            board.handle(board.calls.cannot_tell(call_id, now), now)

    @property
    def _sent(self) -> int:
        """Return how many requests were made."""
        return self._client.counts["requests"]

    def _may_ask(self, cost: int) -> bool:
        """Return True if the budget has room for so many requests."""
        now = time.monotonic()
        gained = (now - self._allowed_at) * _REQUESTS_AN_HOUR / 3600
        self._allowance = min(_AT_ONCE, self._allowance + gained)
        self._allowed_at = now
        if self._allowance < cost:
            _LOGGER.debug("Questions about silent calls have to wait")
            return False
        return True
