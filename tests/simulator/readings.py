"""Every fact that protocol.md marks UNSURE, as a switch with a name.

A client has to work under each value of each switch. The default is what the
document thinks most likely.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import Enum
import random
from typing import Any


class SecondLogin(Enum):
    """What a second login does to the first token."""

    BOTH_LIVE = "both tokens live and both targets get the reports"
    LAST_GETS_REPORTS = "both tokens live, the newest target alone gets the reports"
    FIRST_DIES = "the first token is erased"


class FailedCountReset(Enum):
    """What makes the PBX forget failed logins."""

    SUCCESS = "a successful login"
    NEVER = "only the end of a lock"


class LockScope(Enum):
    """What is refused from a locked address."""

    LOGIN = "login only"
    EVERYTHING = "every request, with 20002"


class Omitted(Enum):
    """What a heartbeat without `url`, `urltag` or `port` does to them."""

    KEEPS = "keeps what the login said"
    CLEARS = "sets them to their defaults"


class NoAddress(Enum):
    """What a heartbeat without `ipaddr` gives."""

    KEEPS = "success, the target stays"
    ERROR_20011 = "20011"
    ERROR_10004 = "10004"


class AbsoluteUrl(Enum):
    """Which absolute URLs (`urltag` 1) the PBX can use."""

    EITHER = "with or without scheme"
    WITHOUT_SCHEME = "without scheme only"
    WITH_SCHEME = "with scheme only"


class OldFirmware(Enum):
    """What firmware without API 2.0.0 answers."""

    ERROR_10003 = "10003"
    HTTP_404 = "404"


class HostHeader(Enum):
    """Form and content of the `Host` header of a report."""

    TARGET_BLANK = "target's address and port with a blank between"
    TARGET = "target's address and port"
    PBX_BLANK = "the PBX's address and the target's port with a blank between"


class Repeat(Enum):
    """Whether a report that got no 200 is sent again."""

    OFF = "never"
    ON = "again and again"


class Losers(Enum):
    """What the losing legs of a ring group or queue report."""

    BYE = "BYE in the report of the answer"
    VANISH = "nothing, they are no longer listed"


class Byes(Enum):
    """How the end of a call is reported."""

    TOGETHER = "one report, all members BYE"
    ONE_BY_ONE = "two reports, the first with BYE of who hung up first"
    FIRST_ONLY = "one report, only who hung up is BYE; the CDR says the rest"


class FirstLeg(Enum):
    """Status of the caller's own ringing phone at an API dial."""

    RING = "RING"
    ALERT = "ALERT"
    ABSENT = "no report until it is picked up"


class IdleCalls(Enum):
    """What `extension/query_call` says of an extension without calls."""

    MISSING = "no entry, `calllist` stays, even empty"
    EMPTY = "`numbercalls: []`"
    NO_LIST = "no entry, and no `calllist` if nothing is left"


class FreeStatus(Enum):
    """Status of a free SIP extension in the lists."""

    REGISTERED = "Registered"
    IDLE = "Idle"


class GroupCallTo(Enum):
    """The `callto` of a call to a group number."""

    BOTH = "6200(4002)"
    GROUP = "6200"


class HoldMarks(Enum):
    """Which member shows `HOLD`."""

    HELD = "the party put on hold"
    HOLDER = "the party that holds"


class Waiting(Enum):
    """Status of an outside caller in an IVR or a queue before a person answers."""

    ANSWERED = "ANSWERED"
    ALERT = "ALERT"


class FailedCdr(Enum):
    """Status of the CDR of a failed call."""

    NO_ANSWER = "NO ANSWER"
    FAILED = "FAILED"
    NONE = "no CDR"


class DtmfInfo(Enum):
    """How single key and whole string of a `DTMF` report come."""

    TOGETHER = "in one report"
    SEPARATE = "first the key, then the whole string in a report of its own"
    KEY_ONLY = "the key alone"


class InboundTo(Enum):
    """The `to` of an inbound member."""

    DESTINATION = "number that the inbound route leads to"
    DID = "number that the caller dialled"


class TransferChannel(Enum):
    """Whose channel `call/transfer` takes."""

    ROLE = "an extension's hands over its peer; a trunk's is handed over itself"
    MOVED = "always the member that is to be moved"


class TokenErrno(Enum):
    """Errno for a token that is not live."""

    ERROR_20004 = "20004"
    ERROR_20005 = "20005"
    ERROR_20006 = "20006"


class BadDownload(Enum):
    """How a bad download link answers."""

    JSON = "200 with errno"
    HTTP_404 = "404"
    EMPTY = "200 with nothing"


class NoRecords(Enum):
    """How the PBX says that there are no call records."""

    AT_DOWNLOAD = "20021 instead of the file"
    AT_RANDOM = "20021 to the wish for a link"
    HEADER_ONLY = "a file with nothing but its header"


class NoCalls(Enum):
    """What `call/query` says if no call of the kind runs that was asked for."""

    EMPTY_LIST = "`calls: []`"
    NO_LIST = "success without `calls`"
    ERROR_10005 = "10005"


class GroupStart(Enum):
    """How the phones of a ring group or queue begin to ring."""

    TOGETHER = "in one report"
    ONE_BY_ONE = "one report each"


class LogRows(Enum):
    """What is odd about some rows of the call log's file."""

    PLAIN = "nothing"
    COMMA = "a comma in a name, without quotes"
    LONE_QUOTE = "a quote that nothing closes"
    OTHER_TIME = "the time in another form"


class MissingBody(Enum):
    """Errno for an empty body where a parameter is needed."""

    ERROR_10004 = "10004"
    ERROR_20007 = "20007"
    ERROR_20009 = "20009"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """One reading of everything that protocol.md leaves open."""

    # --- the session ---
    # 2.3 "Which of 20004 and 20006 is returned after expiry is UNSURE".
    expired_token: TokenErrno = TokenErrno.ERROR_20006
    # 2.3, 3: "no such token"; a reboot and a logout leave such tokens.
    unknown_token: TokenErrno = TokenErrno.ERROR_20004
    # 2.3 "Second login with the same account: not documented".
    second_login: SecondLogin = SecondLogin.BOTH_LIVE
    # 2.3 "Interaction = an API request, and per the v1 text also an event report".
    reports_extend_token: bool = False
    # 2.2 "'Consecutively' is in the v1 wording only".
    failed_count_reset: FailedCountReset = FailedCountReset.SUCCESS
    # 2.2 "Whether an attempt during the lock extends it is not documented".
    attempt_extends_lock: bool = False
    # 2.2 does not say whether the fifth failure itself gives 20003 or 20002.
    lock_told_at_once: bool = False
    # 2.2 "the application server's IP is blocked": for what is not said.
    lock_scope: LockScope = LockScope.LOGIN
    # 2.1 "32 hex digits, lower case"; 8.4 point 2 "upper case must fail — UNSURE".
    upper_case_md5: bool = False
    # 8.4 point 1 "(else 10004)"; 3 also has 20007 and 20009.
    missing_body: MissingBody = MissingBody.ERROR_10004
    # Protocol 9: PHP's empty array, sent by clients in production.
    array_body: bool = True
    # 7.1 "unknown-request error (10003) or a web-server 404 — UNSURE".
    old_firmware_answer: OldFirmware = OldFirmware.ERROR_10003
    # 2.4 "UNSURE whether omitted url/port keep or clear the login values".
    heartbeat_omits: Omitted = Omitted.KEEPS
    # 2.4 "a missing ipaddr is at least not fatal".
    heartbeat_without_address: NoAddress = NoAddress.KEEPS

    # --- report delivery ---
    # 2.1 "documented absolute form has no scheme"; one client sends one.
    absolute_url: AbsoluteUrl = AbsoluteUrl.EITHER
    # 2.1 "Whether HTTPS targets or host names work is not documented".
    https_targets: bool = False
    host_name_targets: bool = True
    # 4.2 "whether the real header carries ours is UNSURE".
    host_header: HostHeader = HostHeader.TARGET_BLANK
    # 4.2 repeat-until-200 "may be weaker in v2: UNSURE"; 8.4 point 4: off.
    repeat: Repeat = Repeat.OFF
    # 4.2 "Number and spacing of repeats undocumented".
    repeat_count: int = 3
    repeat_spacing: float = 5.0
    # 4.2: whether later reports wait for a repeated one is not said either.
    repeats_hold_up: bool = False
    # Protocol 9: a receiver in production answers 201.
    any_2xx_will_do: bool = False
    # Protocol 9: how long the PBX waits for a receiver that answers nothing. These are
    # real seconds: a receiver that hangs must not need a clock's help.
    patience: float = 5.0
    # 2.3, 8.4 point 11 "HTTP never unless configured". Sent to the targets that
    # lived before the reboot.
    boot_up_after_reboot: bool = False
    # 5.11 BootUp wants somebody authenticated: with this the PBX keeps its tokens.
    tokens_survive_reboot: bool = False
    # 1.3 shows ASCII only; whether other letters are escaped is not said.
    escape_unicode: bool = False
    # 5.1 `registeredIP` "may be absent".
    registered_ip: bool = True
    # 8.3 "ExtensionStatus interleaves": before or after its CallStatus.
    extension_status_first: bool = False
    # 4.4: in its v1 sample RING lists the callee first; protocol 9: it "may".
    v1_callee_first: bool = True
    # Protocol 9: in v1 `ANSWERED` lists both parties.
    v1_answered_lists_both: bool = False
    # Protocol 9: in v1 `inboundid` and `outboundid` equal `callid` in every sample.
    v1_id_is_call_id: bool = False
    # 4.4 v1 name `desttrunkname`; a receiver got `dsttrcunkname`.
    v1_cdr_misspelled: bool = False

    # --- calls ---
    # 5.2 "BYE, or simply vanish: UNSURE".
    losers: Losers = Losers.BYE
    # 5.2 "UNSURE: one vs. two BYE reports per call".
    byes: Byes = Byes.ONE_BY_ONE
    # 5.2 "The order of inbound/outbound/ext inside members is not fixed".
    extensions_first: bool = False
    # 5.2 says nothing of extensions with two phones; each has a channel of its own.
    two_phones: bool = False
    # 5.2 does not say whether the phones of a group begin to ring in one report.
    group_start: GroupStart = GroupStart.TOGETHER
    # 5.2 does not say whether a caller in an IVR or a queue, whom the PBX has
    # answered, hears phones ring as `ALERT` again.
    alert_again: bool = False
    # Protocol 9: "Display Name<number>", seen for both families.
    member_names: bool = False
    # 5.2: a caller's number may follow after the first report, as from analog lines.
    number_comes_late: bool = False
    # 6.3 does not say whether a busy phone rings for a second call.
    call_waiting: bool = False
    # 5.17 "The first leg's status while the caller's own phone rings is UNSURE".
    first_leg: FirstLeg = FirstLeg.RING
    # 5.2 "CallStatus can arrive after the NewCdr of the same callid".
    call_status_after_cdr: bool = False
    # 5.3 "transfers/forwards/queues may give several CDRs (UNSURE)".
    several_cdrs: bool = False
    # The same: an agent's own, at once when he loses the call.
    loser_cdr_at_once: bool = False
    # 5.3 "v1 also `Callback`, `Transfer`".
    more_cdr_types: bool = False
    # 5.3 "Phantom CDRs exist: callduraction 1 without any answer".
    phantom_cdr: bool = False
    # 5.3 "A parallel mobile leg can yield a CDR of type Outbound".
    mobile_cdr: bool = False
    # 5.3 `callto` "6200(4002)" or plain "6200": UNSURE.
    group_call_to: GroupCallTo = GroupCallTo.BOTH
    # 5.3 "Display names not seen: UNSURE".
    cdr_names: bool = False
    # 5.3 `NO ANSWER` (wire), "NO ANSWERED" (documentation).
    cdr_no_answer: str = "NO ANSWER"
    # 5.3 the table has no FAILED in v2, v1 has.
    failed_cdr: FailedCdr = FailedCdr.NO_ANSWER
    # 5.3 does not say what an IVR or queue gives that nobody answered.
    machine_counts_as_answer: bool = True
    # 5.2 `HOLD` "either": held party or holder.
    hold_marks: HoldMarks = HoldMarks.HELD
    # 5.2 the composed sample has ALERT, the field rule suggests ANSWERED.
    waiting_caller: Waiting = Waiting.ANSWERED
    # 5.2 samples: `to` 6500 (an IVR) and `to` 1023 (an extension).
    inbound_to: InboundTo = InboundTo.DESTINATION
    # 5.2 "For inbound the zh text adds 'trunk'" to `callpath`.
    trunk_call_path: bool = False
    # 5.8 "Which of them appear together in v2 is UNSURE".
    dtmf_info: DtmfInfo = DtmfInfo.TOGETHER

    # --- requests ---
    # 6.3 "A Cloud sample shows Idle for a SIP extension".
    free_status: FreeStatus = FreeStatus.REGISTERED
    # 6.3 "one v1 sample has lower-case unavailable".
    lower_case_unavailable: bool = False
    # 6.4 "Samples show lower case registered, failure".
    lower_case_trunk_status: bool = False
    # 6.3 "what an idle extension yields is not documented".
    idle_calls: IdleCalls = IdleCalls.MISSING
    # Protocol 9: `call/query` read under `Calls`.
    calls_key_upper: bool = False
    # 6.6: what is said if nothing runs is not documented.
    no_calls: NoCalls = NoCalls.EMPTY_LIST
    # Protocol 9: an S300 says a bare `UTC`.
    bare_utc: bool = False
    # 6.1 `systemtime`'s "UTC±h": sign convention UNSURE. True: east is minus (as
    # POSIX TZ has it).
    utc_sign_reversed: bool = False
    # 6.1 `extensionstatus`: v2 text added/maximum, v1 text registered/total.
    registered_in_extension_status: bool = False
    # 6.5 `callercount` may be "" (= 0).
    empty_caller_count: bool = False
    # 6.5 "agents lists end with a comma in a v1 sample".
    trailing_comma: bool = True
    # 6.3 timeouts "must be sent in a separate call from the forward fields".
    mixed_update_fails: bool = False
    # 6.6 "blind", and no word on whose channel it takes.
    transfer_channel: TransferChannel = TransferChannel.ROLE
    # 6.11 "How a bad download link answers is UNSURE".
    bad_download: BadDownload = BadDownload.JSON
    # 6.11 "by the error table 'no CDR' is a failure (20021), not an empty file".
    no_records: NoRecords = NoRecords.AT_DOWNLOAD
    # 6.11 does not say how the file quotes.
    log_rows: LogRows = LogRows.PLAIN
    # 6.10 "renumbered when a message changes from unread to read: UNSURE".
    voicemail_renumbered: bool = False

    @classmethod
    def matrix(cls) -> dict[str, tuple[Any, ...]]:
        """Return all possible values of every switch, the default first."""
        return {
            name: (default, *(value for value in values if value != default))
            for name, default, values in cls._switches()
        }

    @classmethod
    def _switches(cls) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
        numbers: dict[str, tuple[Any, ...]] = {
            "repeat_count": (1, 3, 10),
            "repeat_spacing": (1.0, 5.0, 30.0),
            "patience": (5.0, 10.0),
            "cdr_no_answer": ("NO ANSWER", "NO ANSWERED"),
        }
        default = cls()
        for one in fields(cls):
            value = getattr(default, one.name)
            if one.name in numbers:
                yield one.name, value, numbers[one.name]
            elif isinstance(value, bool):
                yield one.name, value, (False, True)
            elif isinstance(value, Enum):
                yield one.name, value, tuple(type(value))

    @classmethod
    def variants(cls) -> Iterator[tuple[str, Readings]]:
        """Yield the default, then each other value of each switch alone."""
        yield "default", cls()
        for name, (_, *others) in cls.matrix().items():
            for value in others:
                label = value.name if isinstance(value, Enum) else str(value)
                yield f"{name}={label}", replace(cls(), **{name: value})

    @classmethod
    def at_random(cls, source: random.Random) -> Readings:
        """Return one reading with every switch drawn from `source`."""
        return cls(
            **{name: source.choice(values) for name, values in cls.matrix().items()}
        )
