"""Reports on the wire in the three versions of protocol 4.4.

Inside the simulator every report is a dict in the shape of version 2.0.0.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
import json
from typing import Any

from .readings import Readings

type Report = dict[str, Any]
# Ordered, and a key may come twice: that is what 1.0.0 is like.
type Pairs = list[tuple[str, Any]]

# Which v1 event a change of `memberstatus` becomes, and whether it lists only the
# member itself or, first, the member and then the others (samples of 4.4).
_PROGRESS = {
    "ALERT": ("ALERT", False),
    "RING": ("RING", True),
    "ANSWERED": ("ANSWERED", False),
    "ANSWER": ("ANSWER", True),
    "BYE": ("BYE", True),
}
# v1 spells some reasons differently, 5.7.
_V1_REASONS = {
    "Line Unreachable": "Line unreachable",
    "486 Busy here": "486 Busy Here",
}


def to_json(value: Any, readings: Readings) -> str:
    """Return JSON as the PBX writes it."""
    return json.dumps(value, ensure_ascii=readings.escape_unicode)


def pairs_to_json(pairs: Pairs, readings: Readings) -> str:
    """Return a JSON object with its keys as given, repeated ones included."""
    inner = ", ".join(
        f"{to_json(key, readings)}: {to_json(value, readings)}" for key, value in pairs
    )
    return "{" + inner + "}"


@dataclass(slots=True)
class Encoder:
    """Turns reports into bodies of one version.

    Version 1 tells changes where version 2 tells states, so it has to remember
    what it told last.
    """

    version: str
    readings: Readings
    _told: dict[str, dict[str, str]] = field(default_factory=dict)
    _phones: dict[str, str] = field(default_factory=dict)

    def encode(self, report: Report) -> list[bytes]:
        """Return the bodies that tell a report: one in v2, none to several in v1."""
        if self.version == "2.0.0":
            return [to_json(report, self.readings).encode()]
        return [
            pairs_to_json(pairs, self.readings).encode() for pairs in self._v1(report)
        ]

    def _v1(self, report: Report) -> list[Pairs]:
        event = str(report.get("event", ""))
        match event:
            case "CallStatus":
                return self._progress(report)
            case "NewCdr":
                self._told.pop(str(report.get("callid", "")), None)
                return [self._cdr(report)]
            case "ExtensionStatus":
                return [self._extension(report)]
            case "CallFailed":
                return [self._failed(report)]
            case "PlayPromptEnd":
                return [self._prompt_end(report)]
            case "DTMF":
                return self._dtmf(report)
            case "Forward":
                return [self._plain("Tranfer", report)]
            case _:
                return [self._plain(event, report)]

    def _plain(self, action: str, report: Report, skip: Iterable[str] = ()) -> Pairs:
        """Return a report with `event` renamed and its members in v1 shape."""
        pairs: Pairs = [("action", action)]
        for key, value in report.items():
            if key == "event" or key in skip:
                continue
            if key == "members" and isinstance(value, list):
                callid = str(report.get("callid", ""))
                pairs += self._parties(callid, value)
            else:
                pairs.append((key, value))
        return pairs

    def _parties(self, callid: str, members: list[dict[str, Any]]) -> Pairs:
        shaped = [
            (kind, self._party(callid, kind, fields))
            for member in members
            for kind, fields in member.items()
        ]
        if self.version == "1.0.0":
            return list(shaped)
        return [("call", [{kind: party} for kind, party in shaped])]

    def _party(self, callid: str, kind: str, fields: dict[str, Any]) -> dict[str, str]:
        party = v1_party(callid, kind, fields)
        if kind != "ext" and self.readings.v1_id_is_call_id:
            party[f"{kind}id"] = callid
        return party

    def _progress(self, report: Report) -> list[Pairs]:
        callid = str(report.get("callid", ""))
        told = self._told.setdefault(callid, {})
        members: list[dict[str, Any]] = report.get("members") or []
        changed: dict[str, list[dict[str, Any]]] = {}
        for member in members:
            for fields in member.values():
                status = str(fields.get("memberstatus", ""))
                if told.get(fields["channelid"]) != status:
                    changed.setdefault(status, []).append(member)
                told[fields["channelid"]] = status
        bodies = []
        for status, (action, lists_others) in _PROGRESS.items():
            if status not in changed:
                continue
            # A hang-up gives one BYE for each party, who hung up comes first.
            groups = [[one] for one in changed[status]]
            if status == "ANSWERED":
                lists_others = self.readings.v1_answered_lists_both
            for own in groups if status == "BYE" else [changed[status]]:
                others = [member for member in members if member not in own]
                parties = own + others if lists_others else own
                if status == "RING" and not self.readings.v1_callee_first:
                    parties = others + own
                bodies.append(self._plain(action, {**report, "members": parties}))
        return bodies

    def _extension(self, report: Report) -> Pairs:
        # 5.1: in v1 everybody on-hook is Idle, also a SIP extension.
        number, status = str(report["extension"]), str(report["status"])
        if status == "Registered" and self._phones.get(number) in {"Ringing", "Busy"}:
            report = {**report, "status": "Idle"}
        self._phones[number] = status
        return self._plain("ExtensionStatus", report)

    def _cdr(self, report: Report) -> Pairs:
        # 5.3: in v1 empty fields are omitted.
        pairs = self._plain("NewCdr", report)
        right = "dsttrcunkname" if self.readings.v1_cdr_misspelled else "desttrunkname"
        return [
            (right if key == "dsttrcunkname" else key, value)
            for key, value in pairs
            if value != ""
        ]

    def _failed(self, report: Report) -> Pairs:
        # 5.7: `outbound` and `ext` at top level in every v1.
        reason = str(report.get("reason", ""))
        pairs: Pairs = [
            ("action", "CallFailed"),
            ("callid", report.get("callid", "")),
            ("reason", _V1_REASONS.get(reason, reason)),
        ]
        callid = str(report.get("callid", ""))
        for member in report.get("members") or []:
            for kind, fields in member.items():
                pairs.append((kind, self._party(callid, kind, fields)))
        return [*pairs, ("sn", report.get("sn", ""))]

    def _prompt_end(self, report: Report) -> Pairs:
        # 5.9: external parties have `trunkname`, where all other v1 say `trunk`.
        members: list[dict[str, Any]] = report.get("members") or []
        callid = str(report.get("callid", ""))
        pairs: Pairs = [("action", "PlayPromptEnd"), ("callid", callid)]
        if "ivr" in report:
            parties = self._parties(callid, members)
            number = report["ivr"]["number"]
            pairs += [
                *parties,
                ("ivr", {"ivrid": number}),
                ("playtonum", _number(members)),
            ]
        else:
            for member in members:
                for kind, fields in member.items():
                    party = self._party(callid, kind, fields)
                    if "trunk" in party:
                        party["trunkname"] = party.pop("trunk")
                    pairs.append((kind, party))
            pairs.append(("prompt", report.get("prompt", "")))
        return [*pairs, ("sn", report.get("sn", ""))]

    def _dtmf(self, report: Report) -> list[Pairs]:
        # 5.8: in v1 the collected string comes in a report of its own.
        bodies = []
        if "info" in report:
            bodies.append(self._plain("DTMF", report, skip={"infos"}))
        if "infos" in report:
            bodies.append(self._plain("DTMF", report, skip={"info", "flag"}))
        return bodies


def _number(members: list[dict[str, Any]]) -> str:
    for member in members:
        for fields in member.values():
            return str(fields.get("number") or fields.get("from") or "")
    return ""


def v1_party(callid: str, kind: str, fields: dict[str, Any]) -> dict[str, str]:
    """Return a member in v1 shape.

    An outside leg's id is the unique id of its channel: the epoch of the call and
    a running number (samples of 4.4).
    """
    if kind == "ext":
        return {"extid": str(fields.get("number", ""))}
    channel = str(fields.get("channelid", ""))
    try:
        running = int(channel.rpartition("-")[2], 16)
    except ValueError:
        running = 0
    return {
        "from": str(fields.get("from", "")),
        "to": str(fields.get("to", "")),
        "trunk": str(fields.get("trunkname", "")),
        f"{kind}id": f"{callid.partition('.')[0]}.{running}",
    }
