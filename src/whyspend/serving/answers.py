"""How many requests were answered, by class of status."""

from collections import Counter
from dataclasses import dataclass, field

from starlette.types import Message, Send

CLASSES = ("2xx", "3xx", "4xx", "5xx")


@dataclass
class Answers:
    """Counts."""

    by_class: Counter[str] = field(default_factory=Counter)

    def counting(self, send: Send) -> Send:
        """A `send` that counts."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.by_class[f"{message['status'] // 100}xx"] += 1
            await send(message)

        return counted
