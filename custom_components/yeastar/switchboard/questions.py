"""Asks the PBX about calls of which nothing is heard, without asking too much."""

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

    async def ask(self) -> list[str]:
        """Ask about the calls that are silent; return those that are over.

        What the PBX cannot tell about now is asked later, and nothing else suffers.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        calls = self._board.calls
        silent = calls.silent(dt_util.utcnow())
        over: list[str] = []
        if len(silent) > 1 and self._may_ask(_ALL_CALLS_COST):
            running = await self.running()
            for call_id in silent:
                answer = running.answer(call_id, on_trunk=calls.on_trunk(call_id))
                if answer.fate is not Fate.UNKNOWN:
                    self._take(call_id, answer, over)
            # The others need not be asked about as soon.
            for call_id, call in running.calls.items():
                if calls.is_silent(call_id, dt_util.utcnow()):
                    self._take(call_id, CallAnswer(Fate.RUNS, call.members), over)
            silent = [one for one in silent if one not in over]
        for call_id in silent:
            if call_id not in calls.silent(dt_util.utcnow()):
                continue
            if not self._may_ask(_ONE_CALL_COST):
                break
            self._take(call_id, await self._ask_about(call_id), over)
        return over

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

    async def _ask_about(self, call_id: str) -> CallAnswer:
        """Ask about one call."""
        calls = self._board.calls
        before = self._sent
        try:
            return await ask_about_call(
                self._client,
                call_id,
                calls.extensions_in(call_id),
                on_trunk=calls.on_trunk(call_id),
            )
        except PbxError:
            # It must not stay the first to be asked about, before all others.
            self._take(call_id, CallAnswer(Fate.UNKNOWN), [])
            raise
        finally:
            self._allowance -= self._sent - before

    def _take(self, call_id: str, answer: CallAnswer, over: list[str]) -> None:
        """Take in what the PBX says about a call that was silent when it was asked."""
        board, now = self._board, dt_util.utcnow()
        if answer.fate is Fate.RUNS:
            board.handle(board.calls.confirm(call_id, answer.members or [], now), now)
        elif answer.fate is Fate.OVER and call_id in board.calls.silent(now):
            # Otherwise it was heard of while the PBX was being asked.
            if board.calls.is_silent(call_id, now):
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
