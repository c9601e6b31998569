"""Calls that happen: the stories' reports sent out, by people or by the API."""

import asyncio
from collections.abc import Coroutine
import contextlib
from dataclasses import dataclass, field
from typing import Any

from .clock import Clock
from .courier import Courier
from .encoding import Report
from .errors import ApiError
from .state import PbxState
from .stories import CallStory
from .truth import Truth

# How long `Invite` and `Incoming` wait for an API client (protocol 5.4).
WINDOW = 10.0


@dataclass(slots=True, eq=False)
class Call:
    """A live call. Each step changes it and queues the reports that tell of it."""

    engine: Calls
    story: CallStory
    # Set while an API client may still accept, refuse or direct the call.
    _window: asyncio.Future[None] | None = None
    _asked: str = ""

    @property
    def callid(self) -> str:
        """The id that reports and requests use."""
        return self.story.callid

    @property
    def truth(self) -> Truth:
        """What really happened so far."""
        return self.story.truth

    @property
    def over(self) -> bool:
        """Tell whether it has ended."""
        return self.story.over

    def channel(self, party: str) -> str:
        """Return the channel of an extension or an outside number."""
        return self.story.leg_of(party).channelid

    def tell(self, reports: list[Report]) -> None:
        """Queue the reports of a step."""
        self.engine.send(reports)
        if self.story.over:
            self.engine.note_end(self)

    # --- beginning ---

    async def ring(self) -> None:
        """Let the first phone ring; on a controlled trunk wait for the decision."""
        while self._window is not None:
            await asyncio.shield(self._window)
        if not self.over:
            self.tell(self.story.ring())

    async def ring_mobile(
        self, number: str = "", trunk: str = "siptrunk", of: str = ""
    ) -> None:
        """Let the mobile of extension `of` ring too."""
        of = of or self.story.called
        number = number or self.story.pbx.extensions[of].options["mobile"]
        self.tell(self.story.ring_mobile(number, trunk, of))

    # --- answering ---

    async def answer(self, by: str = "") -> None:
        """Let `by` pick up: an extension, an outside number, "" for the first."""
        self.tell(self.story.answer(by))

    async def decline(self, by: str) -> None:
        """Let one of several ringing phones turn the call away."""
        self.tell(self.story.decline(by))

    async def agent_timeout(self, agent: str, *, pause: bool = False) -> None:
        """Let a queue stop ringing an agent, and perhaps pause him."""
        self.tell(self.story.agent_timeout(agent, pause=pause))

    async def voicemail(self, box: str = "") -> None:
        """Let the voicemail answer."""
        self.tell(self.story.voicemail(box))

    # --- during the call ---

    async def hold(self, by: str = "") -> None:
        """Let `by` (by default the extension that talks) put the others on hold."""
        self.tell(self.story.hold(by))

    async def resume(self) -> None:
        """Let everybody talk again."""
        self.tell(self.story.resume())

    async def transfer(
        self, to: str, *, by: str = "", by_user: bool = True, trunk: str = ""
    ) -> None:
        """Hand the call over to `to`, which rings; `answer` then connects it."""
        self.tell(self.story.transfer(to, by=by, by_user=by_user, trunk=trunk))

    async def forward(self, to: str, *, trunk: str = "") -> None:
        """Let the called extension's forwarding send the call to `to`."""
        self.tell(self.story.forward(to, trunk=trunk))

    async def park(self, by: str = "") -> None:
        """Let `by` park the other side."""
        self.tell(self.story.park(by))

    async def fetch(self, by: str) -> None:
        """Let the extension `by` fetch the parked party back."""
        self.tell(self.story.fetch(by))

    async def dtmf(self, keys: str, by: str = "") -> None:
        """Press keys."""
        self.tell(self.story.dtmf(keys, by))

    async def choose(self, key: str) -> None:
        """Press a key in an IVR and go where it leads."""
        self.tell(self.story.choose(key))

    async def prompt_end(self) -> None:
        """Let the IVR's greeting or the played prompt end."""
        self.tell(self.story.prompt_end())

    async def survey(self, result: str) -> None:
        """Answer a queue's survey."""
        self.tell(self.story.survey(result))

    # --- the end ---

    async def busy(self) -> None:
        """End the call because the called party is busy."""
        self.tell(self.story.busy())

    async def fail(self, reason: str = "404 NOT found") -> None:
        """End the call with a reason of protocol 5.7."""
        self.tell(self.story.fail(reason))

    async def time_out(self) -> None:
        """Let the PBX give up ringing."""
        self.tell(self.story.time_out())

    async def hang_up(self, by: str = "") -> None:
        """Let `by` leave; by default the caller."""
        self.tell(self.story.hang_up(by))

    # --- the decision of an API client ---

    def open_window(self, asked: str) -> None:
        """Let API clients decide for ten seconds: `Invite` or `Incoming`."""
        self._asked = asked
        self._window = asyncio.get_running_loop().create_future()
        self.engine.spawn(self._close_later(self._window, asked))
        story = self.story
        self.tell(story.invite() if asked == "Invite" else story.incoming())

    async def _close_later(self, window: asyncio.Future[None], asked: str) -> None:
        await self.engine.clock.sleep(WINDOW)
        # Without a decision the PBX accepts, or follows the inbound route.
        if self._window is window and asked == "Invite":
            self.accept()
        elif self._window is window:
            self._close()

    def _close(self) -> None:
        window, self._window = self._window, None
        if window is not None and not window.done():
            window.set_result(None)

    def accept(self) -> None:
        """Accept an offered call.

        Raises:
            ApiError: 10016, the time is over.
        """
        if self._window is None or self._asked != "Invite":
            raise ApiError("10016")
        self._close()
        trunk = self.story.pbx.trunks[self.story.trunk]
        if trunk.spec.control_destination:
            self.open_window("Incoming")
        else:
            self.tell(self.story.incoming())

    def refuse(self) -> None:
        """Turn an offered call away.

        Raises:
            ApiError: 10016, the time is over.
        """
        if self._window is None or self._asked != "Invite":
            raise ApiError("10016")
        self.tell(self.story.refuse())
        self._close()

    def direct(self, to: str) -> bool:
        """Send a call that waits for its destination to `to`, if it is one."""
        if self._window is None or self._asked != "Incoming":
            return False
        self.story.called = to
        self._close()
        return True


@dataclass(slots=True)
class Calls:
    """The call engine of a running PBX."""

    pbx: PbxState
    courier: Courier
    clock: Clock
    live: dict[str, Call] = field(default_factory=dict)
    finished: list[Truth] = field(default_factory=list)
    # Seconds after which phones rung by an API call pick up by themselves; None:
    # somebody has to call `answer`.
    answer_after: float | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    # --- calls ---

    async def inbound(
        self, trunk: str, from_number: str, did: str = "", to: str = "1001"
    ) -> Call:
        """Let somebody outside call; `to` is where the inbound route leads."""
        story = CallStory(self.pbx, "inbound", from_number, to, trunk=trunk, did=did)
        call = self.begin(story)
        spec = self.pbx.trunks[trunk].spec
        if spec.control_answering:
            call.open_window("Invite")
        elif spec.control_destination:
            call.open_window("Incoming")
        return call

    async def outbound(
        self, extension: str, number: str, trunk: str = "siptrunk"
    ) -> Call:
        """Let an extension call somebody outside."""
        return self.begin(
            CallStory(self.pbx, "outbound", extension, number, trunk=trunk)
        )

    async def internal(self, caller: str, called: str) -> Call:
        """Let an extension call an extension, a group, an IVR, a conference."""
        return self.begin(CallStory(self.pbx, "internal", caller, called))

    async def api_dial(self, caller: str, callee: str, trunk: str = "siptrunk") -> Call:
        """Begin what `call/dial` begins; `ring` rings the caller first."""
        return self.dialled(caller, callee, trunk)

    def dialled(self, caller: str, callee: str, trunk: str) -> Call:
        """Begin a call by the API: the caller's own phone rings first."""
        own = self.is_own(callee)
        return self.begin(
            CallStory(
                self.pbx,
                "internal" if own else "outbound",
                caller,
                callee,
                trunk="" if own else trunk,
                by_api=True,
            )
        )

    def prompted(self, number: str, prompts: str, trunk: str) -> Call:
        """Begin a call of the PBX itself that plays prompts."""
        own = self.is_own(number)
        return self.begin(
            CallStory(
                self.pbx,
                "internal" if own else "outbound",
                "",
                number,
                trunk="" if own else trunk,
                prompts=prompts,
            )
        )

    def is_own(self, number: str) -> bool:
        """Tell whether a number is one of this PBX."""
        pbx = self.pbx
        return any(
            number in group
            for group in (
                pbx.extensions,
                pbx.queues,
                pbx.ring_groups,
                pbx.ivrs,
                pbx.conferences,
                pbx.paging_groups,
                pbx.parked,
            )
        )

    def begin(self, story: CallStory) -> Call:
        """Take a story into the live calls."""
        call = Call(self, story)
        self.live[story.callid] = call
        return call

    def of(self, extension: str) -> list[Call]:
        """Return the live calls of an extension."""
        return [self.live[story.callid] for story in self.pbx.calls_of(extension)]

    # --- work behind the calls ---

    def send(self, reports: list[Report]) -> None:
        """Queue reports for delivery."""
        for report in reports:
            self.courier.post(report)

    def note_end(self, call: Call) -> None:
        """Move a call to the finished ones."""
        if self.live.pop(call.callid, None) is not None:
            self.finished.append(call.truth)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside; `stop` ends it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answer_by_itself(self, call: Call) -> None:
        """Let the phones of a call pick up after `answer_after`, if that is set."""
        if self.answer_after is not None:
            self.spawn(self._answer_all(call, self.answer_after))

    async def _answer_all(self, call: Call, seconds: float) -> None:
        while not call.over:
            await self.clock.sleep(seconds)
            if not any(leg.status == "RING" for leg in call.story.legs):
                return
            await call.answer()

    def cut(self) -> None:
        """Forget all calls without a word, as a reboot does."""
        for call in self.live.values():
            call.story.over = True
        self.live.clear()
        self.pbx.calls.clear()
        self.pbx.rooms.clear()
        for extension in self.pbx.extensions.values():
            extension.told = ""
        for queue in self.pbx.queues.values():
            queue.callers.clear()

    async def stop(self) -> None:
        """End every task."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
