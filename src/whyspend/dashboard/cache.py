"""Answers that are worked out once: kept while nothing they rest on changes, and awaited together."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

BYTES = 64 << 20
"""What all that is kept may take, about."""

Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Flight:
    """What is being worked out, and for how many."""

    task: "asyncio.Task[Any]"
    waiting: int = 0


@dataclass
class Cache:
    """Answers by all that they rest on. One event loop uses it, so it needs no lock."""

    limit: int = BYTES
    taken: int = 0
    _kept: "OrderedDict[Hashable, tuple[Any, int]]" = field(default_factory=OrderedDict)
    """(answer, its size), those used last at the end."""
    _flights: dict[Hashable, _Flight] = field(default_factory=dict)

    async def get(
        self, key: Hashable, make: Callable[[], Awaitable[Answer]], size: Callable[[Answer], int]
    ) -> Answer:
        """The answer of a key: kept, or made; made once for all who ask meanwhile.

        Args:
            key: all that the answer rests on.
            make: works it out; it is stopped where nobody waits for it any more.
            size: bytes that it takes, about.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            found: Answer = self._kept[key][0]
            return found
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(self._made(key, make, size)))
        flight.waiting += 1
        try:
            answer: Answer = await asyncio.shield(flight.task)
            return answer
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._flights.pop(key, None)
                flight.task.cancel()

    async def _made(
        self, key: Hashable, make: Callable[[], Awaitable[Answer]], size: Callable[[Answer], int]
    ) -> Answer:
        try:
            answer = await make()
        finally:
            flight = self._flights.get(key)
            if flight is not None and flight.task is asyncio.current_task():
                del self._flights[key]
        self._keep(key, answer, size(answer))
        return answer

    def _keep(self, key: Hashable, answer: Any, size: int) -> None:
        if size > self.limit // 4:
            return  # one that is looked at once must not drive out all others
        self._kept[key] = answer, size
        self.taken += size
        while self.taken > self.limit:
            _, (_, gone) = self._kept.popitem(last=False)
            self.taken -= gone
