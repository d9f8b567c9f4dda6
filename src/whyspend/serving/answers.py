"""How many requests were answered, by class of status, and how many are being answered."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.types import Message, Send

CLASSES = ("2xx", "3xx", "4xx", "5xx")


@dataclass
class Answers:
    """Counts. One event loop changes them, so they need no lock."""

    by_class: Counter[str] = field(default_factory=Counter)
    open: int = 0
    """Requests that are being answered."""

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more, for a while."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    def counting(self, send: Send) -> Send:
        """A `send` that counts."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.by_class[f"{message['status'] // 100}xx"] += 1
            await send(message)

        return counted
