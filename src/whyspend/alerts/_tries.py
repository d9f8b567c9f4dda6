"""Few tries, and silence in the logs of libraries that would print an address with its secret."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from whyspend.errors import SourceError
from whyspend.net import jittered

ATTEMPTS = 4
"""How often one alert is sent to one channel; 0.5, 1 and 2 s at most between them."""

LONGEST_WAIT = 60.0
"""Seconds. A service that asks for a longer pause is reported instead of waited for."""

_TALKATIVE = ("httpx2", "urllib3.connectionpool", "requests_oauthlib.oauth1_auth", "apprise")
"""Loggers that name the address of a request."""

_held: ContextVar[list[str] | None] = ContextVar("held", default=None)


@dataclass(frozen=True)
class Trouble:
    """Why an attempt failed, where another may not."""

    what: str
    pause: float = 0.0
    """Seconds that the service asked for."""


def persist(channel: str, attempt: Callable[[], Trouble | None]) -> None:
    """Attempt until there is no trouble.

    Raises:
        SourceError: there was trouble every time.
    """
    number = 0
    while (trouble := attempt()) is not None:
        number += 1
        if trouble.pause > LONGEST_WAIT:
            raise SourceError(
                f"{channel} did not take the message: {trouble.what} and asks for a pause of {trouble.pause:.0f} s. "
                "Run the command again after that."
            )
        if number == ATTEMPTS:
            raise SourceError(
                f"{channel} did not take the message in {ATTEMPTS} attempts: {trouble.what}. "
                "Check its address and the network, then run the command again."
            )
        time.sleep(max(trouble.pause, jittered(number)))


@contextmanager
def held_back() -> Iterator[list[str]]:
    """Keep what talkative libraries log in this thread out of every log; yields it instead."""
    lines: list[str] = []
    token = _held.set(lines)
    try:
        yield lines
    finally:
        _held.reset(token)


def _unless_held(record: logging.LogRecord) -> bool:
    lines = _held.get()
    if lines is None:
        return True
    lines.append(record.getMessage())
    return False


for _name in _TALKATIVE:
    logging.getLogger(_name).addFilter(_unless_held)
