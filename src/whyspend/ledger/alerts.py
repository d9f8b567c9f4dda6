"""What people were told, so that nobody is told twice: LEDGER/state/alerts.json, under a lock of its own.

Who sends holds the lock from the look at the ledger to the last message, and writes down each message as soon as it
was accepted. So two processes send one; and one that dies between a message and its line here lets the next send that
message again: at least once. A lost alert would be worse than a second one.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from whyspend.errors import LedgerError
from whyspend.ledger import disk

FOLDER = "state"
FILE = "alerts.json"
LOCK = "alerts.lock"
SCHEMA = 1

LOCK_SECONDS = 120
"""How long a second process waits. One that waits for a service may take a minute for each of its tries."""


class Told(Struct, frozen=True, kw_only=True):
    """What a channel was told of one thing."""

    channel: str
    key: str
    """Of the alert."""
    kind: str
    title: str
    """What it was about, for whoever is told that it is over."""
    level: Decimal
    """The highest threshold that was told; 1 for what has none."""
    since: int
    """When it was told first."""
    at: int
    """When it was told last. Both microseconds UTC."""
    until: int | None = None
    """The end of its period, or until when it is not told again; None: until it is over."""
    late: bool = False
    """It was told only after its period had ended."""
    silent: bool = False
    """Neither repeated nor said to be over: its end was told, or it was only written down among too many."""
    closed: bool = False
    """It is over; kept so that it is not told again."""


class State(Struct, frozen=True, kw_only=True):
    """All that was told."""

    version: int = SCHEMA
    checked: int | None = None
    """As of when everything was looked at last, microseconds UTC."""
    told: tuple[Told, ...] = ()


def read(root: Path) -> State:
    """What was told so far.

    Raises:
        LedgerError: it cannot be read, or a later version wrote it.
    """
    loss = "It only says what was told: delete it, and what is still going on is told once more."
    return disk.remembered(root / FOLDER / FILE, State, SCHEMA, "send alerts", loss) or State()


@contextmanager
def exclusive(root: Path, name: str = LOCK, seconds: float = LOCK_SECONDS) -> Iterator[bool]:
    """Be the one that sends; yields False where another one still is. The lock ends with its process.

    Raises:
        LedgerError: the folder cannot be written.
    """
    folder = root / FOLDER
    with ExitStack() as held:
        try:
            is_ours = held.enter_context(disk.locked(folder / name, seconds))
        except OSError as error:
            raise LedgerError(
                f"{folder} cannot be written: {error.strerror or error}. Check who may write there; nothing was sent."
            ) from None
        yield is_ours


def write(root: Path, state: State) -> None:
    """Make a state the current one, in one step that survives a crash at any instant.

    Raises:
        LedgerError: it cannot be written.
    """
    disk.remember(root / FOLDER / FILE, state, "What was just sent will be sent again")
