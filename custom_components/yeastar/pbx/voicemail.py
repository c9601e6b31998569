"""Messages in the voicemail boxes (voicemail-query.html, protocol 6.10)."""

from dataclasses import dataclass
import hashlib
import hmac
from typing import Any

from .models import records, text
from .sounds import FileRequest, is_file_name, voicemail


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    Its file may get another name and its box another place for it when somebody
    hears it on a phone; who left it when stays.

    Attributes:
        number: the extension whose box it is in.
        file: its file's name now.
        status: `read` or `unread`, as the PBX writes it.
        sender: the number or name of who left it, "" if the PBX does not say.
        date: when it was left, by the PBX's clock.
        seconds: how long it is, None if unknown.
    """

    number: str
    file: str
    status: str
    sender: str
    date: str
    seconds: int | None

    @property
    def unread(self) -> bool:
        """Tell whether nobody has heard it yet."""
        return self.status.lower() == "unread"

    @property
    def request(self) -> FileRequest:
        """Return how to ask for its file."""
        return voicemail(self.number, self.file, self.status)

    def key(self, secret: bytes) -> str:
        """Return a name for it that stays and from which nobody learns the sender.

        Without the secret one could try all numbers until the name fits.
        """
        content = f"{self.number}\n{self.date}\n{self.sender}"
        return hmac.new(secret, content.encode(), hashlib.sha256).hexdigest()[:32]


def messages(answer: dict[str, Any]) -> list[Message]:
    """Read `voicemail/query`; what has no proper file name is left out."""
    return [
        Message(
            number=number,
            file=file,
            status=text(item.get("voicemailstatus")),
            sender=text(item.get("messagefrom")),
            date=text(item.get("voicemaildate")),
            seconds=int(length) if length.isdecimal() and len(length) < 7 else None,
        )
        for box in records(answer.get("voicemails"))
        if (number := text(box.get("number")))
        for item in records(box.get("voicemail"))
        if is_file_name(file := text(item.get("voicemailfile")))
        for length in (text(item.get("voicemaillength")),)
    ]
