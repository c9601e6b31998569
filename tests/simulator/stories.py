"""The life of one call, step by step; knows neither sockets nor tasks.

Each step changes the state of the PBX and returns the reports that tell of it. The
live engine (`calls`) sends them, the generator (`scenarios`) collects them.
"""

from .encoding import Report
from .endings import failure_report, finish, write_loser, write_records
from .errors import StoryError
from .legs import Leg
from .readings import DtmfInfo, FirstLeg, HoldMarks, InboundTo, Losers
from .routing import leave_queue, no_answer_reports, route, set_path
from .state import ParkedCall, PbxState
from .truth import Outcome, Truth


class CallStory:
    """A call and what happens to it."""

    def __init__(
        self,
        pbx: PbxState,
        direction: str,
        caller: str,
        called: str,
        *,
        trunk: str = "",
        did: str = "",
        by_api: bool = False,
        prompts: str = "",
    ) -> None:
        """Begin a call; nobody hears of it before the first step.

        Args:
            pbx: the PBX in which it takes place.
            direction: `inbound`, `outbound` or `internal`.
            caller: extension, or number outside; "" if the PBX itself calls.
            called: number of an extension, a group or somebody outside.
            trunk: name of the trunk of a call with somebody outside.
            did: number that an outside caller dialled.
            by_api: whether the caller's own phone has to be rung first.
            prompts: what `call/playprompt` plays.
        """
        if trunk and trunk not in pbx.trunks:
            raise StoryError(f"no trunk {trunk!r}")
        self.pbx = pbx
        self.direction = direction
        self.called = called
        self.trunk = trunk
        self.by_api = by_api
        self.came_from_api = by_api
        self.prompts = prompts
        self.callid = pbx.next_unique()
        self.legs: list[Leg] = []
        self.origin: Leg | None = None
        self.path = ""
        self.queue_since: float | None = None
        self.machine_since: float | None = None
        self.mailbox = ""
        self.keys = ""
        self.over = False
        self.lost_legs: list[Leg] = []
        self.truth = Truth(
            callid=self.callid,
            direction=direction,
            caller=caller,
            called=called,
            did=did,
            trunk=trunk,
            started_at=pbx.now(),
        )
        pbx.calls[self.callid] = self
        if caller:
            self.origin = self._make_origin(caller)
            self.legs.append(self.origin)

    # --- legs ---

    def _make_origin(self, caller: str) -> Leg:
        if self.direction == "inbound":
            by_did = self.pbx.readings.inbound_to is InboundTo.DID
            return Leg(
                kind="inbound",
                channelid=self.pbx.trunk_channel(self.trunk),
                status="ALERT",
                from_number=caller,
                to_number=(by_did and self.truth.did) or self.called,
                trunk=self.trunk,
                path=self.trunk if self.pbx.readings.trunk_call_path else "",
                hides_number=self.pbx.readings.number_comes_late,
            )
        if self.by_api and caller not in self.pbx.extensions:
            # 6.6: the API may also connect two numbers outside.
            return self.outbound_leg(caller, self.trunk, "")
        return self.extension_leg(caller, "ALERT")

    def extension_leg(self, number: str, status: str, path: str = "") -> Leg:
        if number not in self.pbx.extensions:
            raise StoryError(f"no extension {number!r}")
        if number not in self.truth.extensions:
            self.truth.extensions.append(number)
        return Leg(
            kind="ext",
            channelid=self.pbx.extension_channel(number),
            status=status,
            number=number,
            path=path,
        )

    def outbound_leg(self, number: str, trunk: str, caller: str) -> Leg:
        if trunk not in self.pbx.trunks:
            raise StoryError(f"no trunk {trunk!r}")
        return Leg(
            kind="outbound",
            channelid=self.pbx.trunk_channel(trunk),
            status="RING",
            from_number=caller,
            to_number=number,
            trunk=trunk,
        )

    def _ringing(self, by: str = "") -> Leg:
        # Of somebody's two phones it is the second that is picked up.
        for leg in reversed(self.legs) if by else self.legs:
            if leg.status == "RING" and by in ("", leg.party, leg.channelid):
                return leg
        raise StoryError(f"{by or 'nobody'} is not ringing in {self.callid}")

    def leg_of(self, party: str) -> Leg:
        """Return the leg of an extension, an outside number or a channel.

        Raises:
            StoryError: it takes no part in the call.
        """
        for leg in self.legs:
            if leg.is_up and party in (leg.party, leg.channelid):
                return leg
        raise StoryError(f"{party!r} takes no part in {self.callid}")

    def up(self) -> list[Leg]:
        """Return the legs that have not hung up."""
        return [leg for leg in self.legs if leg.is_up]

    def talking(self) -> list[Leg]:
        """Return the legs that are connected."""
        return [leg for leg in self.legs if leg.talks]

    def ring_leg(self, leg: Leg) -> None:
        self.legs.append(leg)
        if self.pbx.readings.two_phones and leg.status == "RING" and leg.number:
            self.legs.append(self.extension_leg(leg.number, "RING", leg.path))
        origin = self.origin
        if (
            self.pbx.readings.alert_again
            and origin is not None
            and origin.status == "ANSWERED"
            and self.truth.answered_at is None
            and self.machine_since is not None
        ):
            origin.status = "ALERT"
        if leg.party not in self.truth.rang:
            self.truth.rang.append(leg.party)
        if self.truth.rang_at is None:
            self.truth.rang_at = self.pbx.now()

    def _drop_ringing(self, winner: str = "") -> list[Report]:
        """Let every ringing leg go as losing legs do; return their records."""
        reports: list[Report] = []
        for leg in self.legs:
            if leg.status == "RING":
                if leg.party != winner:
                    reports += self._lose(leg)
                leg.status = "BYE"
        if self.pbx.readings.losers is Losers.VANISH:
            self.legs = self.up()
        return reports

    def _lose(self, leg: Leg) -> list[Report]:
        """Note that a phone did not get the call; return its record if it has one."""
        if any(one.party == leg.party for one in self.lost_legs):
            return []
        self.lost_legs.append(leg)
        if not self.pbx.readings.loser_cdr_at_once or not (self.path and leg.number):
            return []
        return write_loser(self, leg)

    # --- reports ---

    def members(self, *, with_status: bool = True) -> list[dict[str, object]]:
        """Return the members as `CallStatus` lists them."""
        listed = [leg for leg in self.legs if leg.is_listed]
        if self.pbx.readings.extensions_first:
            listed.sort(key=lambda leg: leg.kind != "ext")
        return [self.member(leg, with_status=with_status) for leg in listed]

    def member(self, leg: Leg, *, with_status: bool = True) -> dict[str, object]:
        """Return one of the members, as reports have it."""
        return leg.member(with_status=with_status, name=self.pbx.member_name)

    def call_status(self) -> list[Report]:
        """Return a `CallStatus`, none if nobody monitors the call (5)."""
        trunks = {leg.trunk for leg in self.legs if leg.trunk}
        members = self.members()
        if not members or any(
            not self.pbx.trunks[trunk].spec.monitored
            for trunk in trunks
            if trunk in self.pbx.trunks
        ):
            return []
        if self.origin is not None:
            # Only the first report can come too early to have it.
            self.origin.hides_number = False
        return [self.pbx.report("CallStatus", self.callid, members=members)]

    def tell(self) -> list[Report]:
        """Return the reports about the change just made; forget who left."""
        talking = [leg.party for leg in self.talking()]
        if len(set(talking)) > 1:
            self.truth.talked += [
                one for one in dict.fromkeys(talking) if one not in self.truth.talked
            ]
        calls = self.call_status()
        self.legs = self.up()
        phones = self.pbx.extension_reports(self.truth.extensions)
        if self.pbx.readings.extension_status_first:
            return [*phones, *calls]
        return [*calls, *phones]

    def check_goes_on(self) -> None:
        if self.over:
            raise StoryError(f"{self.callid} is over")

    # --- steps: beginning ---

    def invite(self) -> list[Report]:
        """Offer the call to the API client (protocol 5.4)."""
        return [
            self.pbx.report(
                "Invite", self.callid, members=self.members(with_status=False)
            )
        ]

    def incoming(self) -> list[Report]:
        """Tell that a call on a controlled trunk was accepted (protocol 5.4)."""
        return [
            self.pbx.report(
                "Incoming", self.callid, members=self.members(with_status=False)
            )
        ]

    def refuse(self) -> list[Report]:
        """Turn the offered call away: no CDR (protocol 6.6)."""
        self.truth.outcome = Outcome.REFUSED
        return finish(self, None)

    def ring(self) -> list[Report]:
        """Let the first phone ring."""
        self.check_goes_on()
        if self.by_api and self.origin is not None:
            self.origin.status = "RING"
            match self.pbx.readings.first_leg:
                case FirstLeg.ALERT:
                    self.origin.shown = "ALERT"
                case FirstLeg.ABSENT:
                    self.origin.shown = "-"
            if self.origin.number:
                self.truth.rang.append(self.origin.number)
                if self.pbx.readings.two_phones:
                    twin = self.extension_leg(self.origin.number, "RING")
                    twin.shown = self.origin.shown
                    self.legs.append(twin)
            return self.tell()
        return route(self, self.called, self.trunk)

    def ring_mobile(self, number: str, trunk: str, of: str = "") -> list[Report]:
        """Let a mobile ring at the same time as the extension `of` (protocol 5.2)."""
        self.check_goes_on()
        caller = of or (self.origin.party if self.origin else "")
        self.ring_leg(self.outbound_leg(number, trunk, caller))
        return self.tell()

    def hunt(self) -> list[Report]:
        """Let the next phone of a ring group ring, and none before it any more."""
        self.check_goes_on()
        group = self.pbx.ring_groups[self.called]
        left = [
            number
            for number in group.members
            if number not in self.truth.rang and self.pbx.can_ring(number)
        ]
        if not left:
            raise StoryError(f"nobody is left in {self.called}")
        records = self._drop_ringing()
        set_path(self, self.called)
        self.ring_leg(self.extension_leg(left[0], "RING", self.called))
        return [*self.tell(), *records]

    def pick_up(self, by: str) -> list[Report]:
        """Let an extension that does not ring take the call with a feature code."""
        self.check_goes_on()
        if not any(leg.status == "RING" for leg in self.legs):
            raise StoryError(f"nothing to pick up in {self.callid}")
        leg = self.extension_leg(by, "ANSWER", self.path)
        records = self._drop_ringing(by)
        self.legs.append(leg)
        self._connect_callers()
        self.note_answer(by)
        return [*self.tell(), *records]

    def try_trunk(self, trunk: str) -> list[Report]:
        """Let the outbound route try another trunk: the first one failed."""
        self.check_goes_on()
        failed = self._ringing(self.called)
        failed.status = "BYE"
        self.trunk = self.truth.trunk = trunk
        self.legs.append(self.outbound_leg(self.called, trunk, self.truth.caller))
        return self.tell()

    # --- steps: answering ---

    def note_answer(self, by: str) -> None:
        if self.truth.answered_at is None:
            self.truth.answered_at = self.pbx.now()
            self.truth.answered_by = by

    def answer(self, by: str = "") -> list[Report]:
        """Let `by` (extension, number outside; "" for the first) pick up."""
        self.check_goes_on()
        leg = self._ringing(by)
        if self.by_api and self.origin and leg.party == self.origin.party:
            self.by_api = False
            self.origin = leg
            leg.status, leg.shown = "ALERT", ""
            for other in self.legs:
                if other is not leg:
                    other.status = "BYE"
            return route(self, self.called, self.trunk)
        held = self._hold_other_calls(leg)
        leg.status = "ANSWER"
        records: list[Report] = []
        if self._is_paging():
            # Everybody hears it; nobody on two phones.
            for other in self.legs:
                if other.status == "RING" and other.party == leg.party:
                    other.status = "BYE"
        else:
            records = self._drop_ringing(leg.party)
        self._connect_callers()
        self.note_answer(leg.party)
        return [*held, *self.tell(), *records]

    def _connect_callers(self) -> None:
        """Let who heard the ringback talk."""
        for other in self.legs:
            if other.status == "ALERT":
                other.status = "ANSWERED"
        leave_queue(self)

    def _hold_other_calls(self, leg: Leg) -> list[Report]:
        """Put on hold whom the extension that picks up talks with."""
        reports: list[Report] = []
        for other in self.pbx.calls_of(leg.number) if leg.number else ():
            own = [one for one in other.talking() if one.number == leg.number]
            if other is not self and own and len(other.talking()) > 1:
                reports += other.hold(own[0].channelid)
        return reports

    def _is_paging(self) -> bool:
        return self.path in self.pbx.paging_groups

    def decline(self, by: str) -> list[Report]:
        """Let one of several ringing phones turn the call away."""
        self.check_goes_on()
        return self._stop_ringing(by)

    def _stop_ringing(self, by: str) -> list[Report]:
        """Let one who is rung not be rung any more, on all his phones."""
        leg = self._ringing(by)
        records = self._lose(leg)
        for one in self.legs:
            if one.status == "RING" and one.party == leg.party:
                one.status = "BYE"
        return [*self.tell(), *records]

    def agent_timeout(self, agent: str, *, pause: bool = False) -> list[Report]:
        """Let a queue give up ringing an agent, and perhaps pause him (protocol 5.13, 5.14)."""
        self.check_goes_on()
        reports = self._stop_ringing(agent)
        return [*reports, *no_answer_reports(self, agent, pause=pause)]

    def voicemail(self, box: str = "") -> list[Report]:
        """Let the voicemail of `box` (by default of who was called) answer."""
        self.check_goes_on()
        records = self._drop_ringing()
        leave_queue(self)
        self.mailbox = box or self.called
        if self.machine_since is None:
            self.machine_since = self.pbx.now()
        if self.origin is not None:
            self.origin.status = "ANSWERED"
        return [*self.tell(), *records]

    # --- steps: during the call ---

    def hold(self, by: str = "") -> list[Report]:
        """Let `by` put the others on hold."""
        self.check_goes_on()
        holder = self.leg_of(by) if by else self._extension_side()
        others = [leg for leg in self.talking() if leg is not holder]
        if not others or not holder.talks:
            raise StoryError(f"nobody to hold in {self.callid}")
        held = self.pbx.readings.hold_marks is HoldMarks.HELD
        for leg in others if held else [holder]:
            if leg.status != "HOLD":
                leg.before_hold, leg.status = leg.status, "HOLD"
        return self.tell()

    def resume(self) -> list[Report]:
        """Let everybody talk again."""
        self.check_goes_on()
        for leg in self.legs:
            if leg.status == "HOLD":
                leg.status = leg.before_hold
        return self.tell()

    def _extension_side(self) -> Leg:
        """Return the extension that would hold or transfer: the one that answered."""
        talking = [leg for leg in self.talking() if leg.number]
        if not talking:
            raise StoryError(f"no extension talks in {self.callid}")
        return talking[-1]

    def transfer(
        self, to: str, *, by: str = "", by_user: bool = True, trunk: str = ""
    ) -> list[Report]:
        """Hand the call over to `to`, which begins to ring.

        Args:
            to: extension, group, queue, IVR or number outside.
            by: who leaves the call; by default the extension that talks.
            by_user: with feature codes, which gives a `Tranfer`; through the API it
                does not (protocol 5.5).
            trunk: for a number outside.
        """
        self.check_goes_on()
        reports: list[Report] = []
        if self.talking() and any(leg.status == "RING" for leg in self.legs):
            reports += self._drop_ringing()
        if len(self.talking()) >= 2:
            leaver = self.leg_of(by) if by else self._extension_side()
            if self.pbx.readings.several_cdrs:
                reports += write_records(self, part=True)
            leaver.status = "BYE"
            self.resume_silently()
            if leaver is self.origin:
                self.origin = self.talking()[0]
        else:
            reports += self._drop_ringing()
            leave_queue(self)
        self.truth.transferred_to.append(to)
        left = [leg for leg in self.legs if leg.is_up]
        told = route(self, to, trunk or self.trunk)
        if by_user:
            parties = left + [leg for leg in self.legs if leg.status == "RING"]
            members = [self.member(leg, with_status=False) for leg in parties]
            told.insert(0, self.pbx.report("Tranfer", self.callid, members=members))
        return told + reports

    def resume_silently(self) -> None:
        """End the hold of everybody without a report of its own."""
        for leg in self.legs:
            if leg.status == "HOLD":
                leg.status = leg.before_hold

    def forward(self, to: str, *, trunk: str = "") -> list[Report]:
        """Let the called extension's forwarding send the call to `to` (protocol 5.6)."""
        self.check_goes_on()
        records = self._drop_ringing()
        origin = self.origin
        members = [self.member(origin, with_status=False)] if origin else []
        report = self.pbx.report("Forward", self.callid, members=members)
        self.truth.forwarded_to.append(to)
        reports = [report, *records]
        if self.pbx.readings.several_cdrs:
            reports += write_records(self, part=True)
        return reports + route(self, to, trunk or self.trunk)

    def park(self, by: str = "") -> list[Report]:
        """Let `by` put the other side into the first free parking slot."""
        self.check_goes_on()
        leaver = self.leg_of(by) if by else self._extension_side()
        parked = next((leg for leg in self.talking() if leg is not leaver), None)
        free = [
            slot
            for slot in self.pbx.settings.parking_slots
            if slot not in self.pbx.parked
        ]
        if parked is None or not free:
            raise StoryError(f"nobody to park in {self.callid}, or no slot")
        self.pbx.parked[free[0]] = ParkedCall(
            self.callid, leaver.party, parked.channelid, parked.party, self.pbx.now()
        )
        leaver.status = "BYE"
        if leaver is self.origin:
            self.origin = parked
        return self.tell()

    def fetch(self, by: str) -> list[Report]:
        """Let the extension `by` fetch the parked party back."""
        self.check_goes_on()
        if not self.slot():
            raise StoryError(f"{self.callid} is not parked")
        del self.pbx.parked[self.slot()]
        self.ring_leg(self.extension_leg(by, "ANSWER"))
        return self.tell()

    def slot(self) -> str:
        """Return the slot in which this call is parked, "" for none."""
        for slot, parked in self.pbx.parked.items():
            if parked.callid == self.callid:
                return slot
        return ""

    def dtmf(self, keys: str, by: str = "") -> list[Report]:
        """Let a party press keys (protocol 5.8)."""
        self.check_goes_on()
        leg = self.leg_of(by) if by else (self.origin or self.legs[0])
        form = self.pbx.readings.dtmf_info
        reports = []
        for key in keys:
            fields = {"info": key, "flag": str(len(self.keys))}
            self.keys += key
            if form is DtmfInfo.TOGETHER:
                fields["infos"] = self.keys
            reports.append(self._dtmf_report(leg, fields))
        if form is DtmfInfo.SEPARATE:
            reports.append(self._dtmf_report(leg, {"infos": self.keys}))
        return reports

    def _dtmf_report(self, leg: Leg, fields: dict[str, str]) -> Report:
        return self.pbx.report(
            "DTMF", self.callid, members=[self.member(leg)], **fields
        )

    def choose(self, key: str) -> list[Report]:
        """Press a key in an IVR and go where it leads."""
        ivr = self.pbx.ivrs[self.path]
        reports = self.dtmf(key)
        to = dict(ivr.keys)[key]
        return reports + route(self, to, self.trunk)

    def prompt_end(self) -> list[Report]:
        """Tell that an IVR's greeting or a played prompt is over (protocol 5.9)."""
        members = self.members(with_status=False)
        if self.prompts:
            return [
                self.pbx.report(
                    "PlayPromptEnd", self.callid, members=members, prompt=self.prompts
                )
            ]
        return [
            self.pbx.report(
                "PlayPromptEnd",
                self.callid,
                members=members,
                ivr={"number": self.path},
            )
        ]

    def survey(self, result: str) -> list[Report]:
        """Tell the key that a caller pressed in a queue's survey (protocol 5.10)."""
        return [self.pbx.report("satisfaction", self.callid, surveyresult=result)]

    # --- steps: the end ---

    def busy(self) -> list[Report]:
        """End the call because the called party is busy."""
        outside = any(leg.kind == "outbound" for leg in self.legs)
        return self._fail("486 Busy here" if outside else "User Busy", Outcome.BUSY)

    def fail(self, reason: str) -> list[Report]:
        """End the call with one of the reasons of protocol 5.7."""
        return self._fail(reason, Outcome.FAILED)

    def _fail(self, reason: str, outcome: Outcome) -> list[Report]:
        self.check_goes_on()
        reports = failure_report(self, reason)
        self.truth.outcome = outcome
        return reports + finish(self, None)

    def hang_up(self, by: str = "") -> list[Report]:
        """Let `by` (extension, number outside or channel; "" for the caller) leave.

        A phone that only rings among others, and one of three or more that talk,
        leaves alone; otherwise the call is over.
        """
        self.check_goes_on()
        if not self.legs:
            # The PBX called nobody who could be rung.
            return finish(self, None)
        leg = self.leg_of(by) if by else (self.origin or self.legs[0])
        ringing = [one for one in self.legs if one.status == "RING"]
        if leg in ringing and len({one.party for one in ringing}) > 1:
            return self.decline(leg.channelid)
        if leg.talks and len(self.talking()) > 2:
            leg.status = "BYE"
            return self.tell()
        if leg in ringing and leg is not self.origin and not self.talking():
            # The only phone that rang turned the call away.
            self.truth.outcome = Outcome.BUSY
        return finish(self, leg)

    def time_out(self) -> list[Report]:
        """Let the PBX give up ringing."""
        self.check_goes_on()
        return finish(self, None)
