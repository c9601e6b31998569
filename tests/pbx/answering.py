"""A PBX that gives one answer to whatever it is asked."""

from collections.abc import Mapping
from typing import Any, cast

from custom_components.yeastar.pbx.client import YeastarClient


class _Answering:
    """Stands in for a session, so that a query can be tried on any answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    async def request(
        self, endpoint: str, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return self._answer


def answering(answer: dict[str, Any]) -> YeastarClient:
    """Return a client whose PBX gives this answer."""
    return cast(YeastarClient, _Answering(answer))
