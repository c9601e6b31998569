"""One party of a call: a channel with its status (protocol 5.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class Leg:
    """A member of a call.

    `kind` is `ext`, `inbound` or `outbound`. `number` is the extension of an ext
    leg and empty for others; `outside` is the number at the far end of a trunk.
    """

    kind: str
    channelid: str
    status: str
    number: str = ""
    from_number: str = ""
    to_number: str = ""
    trunk: str = ""
    path: str = ""
    # The status to go back to after HOLD.
    before_hold: str = ""
    # What reports say instead of `status`; "-" leaves the leg out of them.
    shown: str = ""
    # The caller's number is not known to the PBX yet.
    hides_number: bool = False

    @property
    def outside(self) -> str:
        """The number outside, "" for an extension."""
        match self.kind:
            case "inbound":
                return self.from_number
            case "outbound":
                return self.to_number
            case _:
                return ""

    @property
    def is_listed(self) -> bool:
        """Tell whether reports list it."""
        return self.shown != "-"

    @property
    def party(self) -> str:
        """The number of whoever is at this leg."""
        return self.number or self.outside

    @property
    def is_up(self) -> bool:
        """Tell whether the party has not hung up."""
        return self.status != "BYE"

    @property
    def talks(self) -> bool:
        """Tell whether the party is connected, perhaps on hold."""
        return self.status in {"ANSWER", "ANSWERED", "HOLD"}

    @property
    def phone_status(self) -> str:
        """What this leg makes of its extension: Ringing, Busy, Hold or ""."""
        match self.status:
            case "RING":
                return "Ringing"
            case "HOLD":
                return "Hold"
            case "BYE" | "":
                return ""
            case _:
                return "Busy"

    def member(
        self, *, with_status: bool = True, name: Callable[[str], str] = str
    ) -> dict[str, Any]:
        """Return the leg as an element of `members`.

        Args:
            with_status: whether it says what the party does.
            name: the form in which a number is written.
        """
        fields: dict[str, Any]
        if self.kind == "ext":
            fields = {"number": name(self.number), "channelid": self.channelid}
        else:
            shown = "" if self.hides_number else self.from_number
            fields = {
                "from": name(shown) if shown else "",
                "to": name(self.to_number),
                "trunkname": self.trunk,
                "channelid": self.channelid,
            }
        if with_status:
            fields["memberstatus"] = self.shown or self.status
        if self.path:
            fields["callpath"] = self.path
        return {self.kind: fields}
