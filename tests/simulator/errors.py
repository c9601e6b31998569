"""What goes wrong by design."""


class ApiError(Exception):
    """A request that fails with an errno of protocol 3."""

    def __init__(self, errno: str) -> None:
        """Keep `errno`, a string of digits as on the wire."""
        super().__init__(errno)
        self.errno = errno


class StoryError(Exception):
    """A step of a call that cannot happen now; the text says why."""
