"""Long work in short steps: Home Assistant's loop serves others in between."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice


async def in_slices[Item](
    items: Iterable[Item], size: int, *, first: int | None = None
) -> AsyncIterator[list[Item]]:
    """Yield so many items at a time, and let others run before the next ones.

    What fits into one slice is over without any waiting.

    Args:
        items: to be yielded.
        size: of each slice.
        first: size of the first one, if it is another.
    """
    source = iter(items)
    some = list(islice(source, first or size))
    while some:
        yield some
        if some := list(islice(source, size)):
            await asyncio.sleep(0)
