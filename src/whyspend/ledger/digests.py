"""Which channels got the digest of which days, so that a run after a failure reaches only those that did not:
LEDGER/state/digests.json, under a lock of its own.

As of alerts (alerts.py), each is written down as soon as it was accepted: at least once, and hardly ever twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from whyspend.ledger import alerts, disk

FILE = "digests.json"
LOCK = "digests.lock"
SCHEMA = 1

REMEMBERED = 100 * 86_400 * 1_000_000
"""Microseconds: who asks for the digest of days so long ago means to send it again."""


class Got(Struct, frozen=True, kw_only=True):
    """A channel got a digest."""

    channel: str
    digest: str
    """Its days, time zone and conditions, and that calls were missing."""
    at: int
    """When, microseconds UTC."""


class State(Struct, frozen=True, kw_only=True):
    """All that got one."""

    version: int = SCHEMA
    got: tuple[Got, ...] = ()

    def when(self, channel: str, digest: str) -> int | None:
        """When a channel got it last; None: it did not."""
        return max(
            (each.at for each in self.got if (each.channel, each.digest) == (channel, digest)), default=None
        )

    def with_one(self, new: Got) -> "State":
        """The same with one more, and without what is long ago."""
        old = [
            each
            for each in self.got
            if each.at + REMEMBERED > new.at and (each.channel, each.digest) != (new.channel, new.digest)
        ]
        return State(got=(*old, new))


def read(root: Path) -> State:
    """Who got what so far.

    Raises:
        LedgerError: it cannot be read, or a later version wrote it.
    """
    loss = "It only says who got which digest: delete it, and they are sent once more."
    return disk.remembered(root / alerts.FOLDER / FILE, State, SCHEMA, "send digests", loss) or State()


@contextmanager
def exclusive(root: Path, seconds: float = alerts.LOCK_SECONDS) -> Iterator[bool]:
    """Be the one that sends digests; yields False where another one still is. The lock ends with its process.

    Raises:
        LedgerError: the folder cannot be written.
    """
    with alerts.exclusive(root, LOCK, seconds) as is_ours:
        yield is_ours


def write(root: Path, state: State) -> None:
    """Make a state the current one, in one step that survives a crash at any instant.

    Raises:
        LedgerError: it cannot be written.
    """
    disk.remember(root / alerts.FOLDER / FILE, state, "The digest that was just sent will be sent again")
