"""Messages in the voicemail boxes (voicemail-query.html, protocol 6.10)."""

from dataclasses import dataclass
import hashlib
import hmac

from .sounds import FileRequest, voicemail


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
