"""Whether the PBX's reports arrive: known, instead of hoped."""

from collections import deque
from datetime import datetime, timedelta
from enum import StrEnum

# How long a report may be late behind a list that shows the same change.
PATIENCE = timedelta(seconds=60)


# How many changes are kept for whoever looks into a report of trouble.
KEPT = 20


class Delivery(StrEnum):
    """What is known of the delivery of reports."""

    WORKING = "working"
    UNPROVEN = "unproven"
    FAILING = "failing"


class DeliveryWatch:
    """Compares what reports say with what lists show.

    HTTP reports just stop when something is wrong on their way (protocol 8.3), and
    a quiet PBX sends none either. The difference is a change that a list shows
    and no report told.

    Attributes:
        state: what is known now.
        last_report_at: when the last report came, None if never.
        failures: how often the delivery was found to fail.
        history: when it changed to what, the latest changes.
    """

    def __init__(self) -> None:
        """Start with nothing proven."""
        self.state = Delivery.UNPROVEN
        self.last_report_at: datetime | None = None
        self.failures = 0
        self.history: deque[tuple[datetime, Delivery]] = deque(maxlen=KEPT)
        self._missed_at: datetime | None = None

    def heard(self, now: datetime) -> bool:
        """Note that a report came; return whether that changes the state."""
        self.last_report_at = now
        self._missed_at = None
        changed = self.state is not Delivery.WORKING
        if changed:
            self.history.append((now, Delivery.WORKING))
        self.state = Delivery.WORKING
        return changed

    def missed(self, now: datetime) -> None:
        """Note that a list showed a change that no report has told."""
        if self._missed_at is None:
            self._missed_at = now

    def fails_now(self, now: datetime) -> bool:
        """Tell whether a missed report has not come for too long, once each time."""
        if self._missed_at is None or now - self._missed_at < PATIENCE:
            return False
        self._missed_at = None
        if self.state is Delivery.FAILING:
            return False
        self.state = Delivery.FAILING
        self.history.append((now, Delivery.FAILING))
        self.failures += 1
        return True
