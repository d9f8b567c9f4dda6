"""What a ledger is priced with: its own copy of the price book, the closed months, and their corrections.

    LEDGER/prices/3f9ac21b5e0c77aa/*.csv    a compiled price book, named by its content and never changed
    LEDGER/prices/prices.json               the book in use, the closed months, the adjustments
    LEDGER/prices/prices.json.before        what that was before the last change

Replacing prices.json is the commit. Where it is gone and the one before is not, it was lost: without it the closed
months would be open again, so no total is given.

So a newer package prices nothing anew by itself, readers need no lock, and a crash leaves the old basis or the new.
Nothing here knows what a price is: books are files, the user's own entries are JSON objects.
"""

import hashlib
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from whyspend.errors import LedgerError
from whyspend.ledger import disk
from whyspend.ledger import manifest as manifests

FOLDER = "prices"
FILE = "prices.json"
BEFORE = "prices.json.before"
SCHEMA = 1

LATEST = 253_370_764_800_000_000
"""9999-01-01 UTC in microseconds: no month ends later."""

MOST_USD = 10**14
"""What a sum of money in 1e-24 dollars can hold."""

_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.tmp")


class Copy(Struct, frozen=True, kw_only=True):
    """A price book that the ledger keeps."""

    id: str
    """As the book calls itself: `genai-prices@0.2.3/3f9ac21b`."""
    folder: Annotated[str, Meta(pattern="^[0-9a-f]{8,64}$")]
    """Its folder below `prices`."""
    sha256: str
    """Of its files' names and contents."""


class Closed(Struct, frozen=True, kw_only=True):
    """A month whose prices do not move any more."""

    month: Annotated[str, Meta(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$")]
    timezone: str
    """In which it began and ended."""
    start: Annotated[int, Meta(ge=0)]
    end: Annotated[int, Meta(le=LATEST)]
    """Microseconds UTC, half open."""
    book: Copy
    prices: tuple[dict[str, Any], ...]
    """The user's `[[prices]]` of that day."""
    discounts: tuple[dict[str, Any], ...]
    """The user's `[[discounts]]` of that day."""
    free_quotas: tuple[dict[str, Any], ...] = ()
    """The user's `[[free_quotas]]` of that day."""
    on: date
    """The day on which it was closed."""
    calls: int
    unpriced: int
    usd: Decimal | None
    """What it held and cost when it was closed; None: no call had a price."""


class Adjustment(Struct, frozen=True, kw_only=True):
    """What a later price changes for a closed month, booked on another day."""

    on: date
    month: str
    """The closed month whose calls it is about."""
    provider: str | None
    model: str | None
    usd: Decimal
    reason: str


class Basis(Struct, frozen=True, kw_only=True):
    """All that a ledger's prices rest on, at one moment."""

    version: int = SCHEMA
    revision: int = 0
    book: Copy
    """For every month that is open."""
    closed: tuple[Closed, ...] = ()
    """In the order of time; no two overlap."""
    adjustments: tuple[Adjustment, ...] = ()

    def month(self, name: str) -> Closed | None:
        """A closed month by its name."""
        return next((held for held in self.closed if held.month == name), None)


def read(root: Path) -> Basis | None:
    """What a ledger is priced with; None where it has no price book of its own yet.

    Raises:
        LedgerError: it cannot be read, it was lost, or a later version wrote it.
    """
    path = root / FOLDER / FILE
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        if not (root / FOLDER / BEFORE).exists():
            return None
        raise LedgerError(
            f"{path} is gone. It holds the price book in use and the closed months: no total is given without it. "
            f"Restore it from a backup, or take {BEFORE} for it: what it was before the last change."
        ) from None
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}. Check who may read it.") from None
    try:
        basis = disk.decoded(body, Basis, SCHEMA, f"{path}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from None
    if fault := next(_contradictions(basis), ""):
        raise _damaged(path, fault)
    return basis


def is_new(root: Path) -> bool:
    """Whether a ledger has no price book of its own yet."""
    return not any((root / FOLDER / name).exists() for name in (FILE, BEFORE))


def _contradictions(basis: Basis) -> Iterator[str]:
    """What no whyspend writes, and what no figure may rest on."""
    for held, after in zip(basis.closed, basis.closed[1:], strict=False):
        if held.end > after.start:
            yield f"{held.month} and {after.month} overlap"
    for held in basis.closed:
        if held.start >= held.end:
            yield "a month ends before it begins"
        if held.usd is not None and not _is_money(held.usd):
            yield f"what {held.month} cost is no amount of money"
    months = [held.month for held in basis.closed]
    if len({*months}) < len(months):
        yield "a month is closed twice"
    for each in basis.adjustments:
        if each.month not in months:
            yield f"an adjustment is for {each.month[:20]!r}, which is not closed"
        if not _is_money(each.usd):
            yield f"an adjustment for {each.month} is no amount of money"


def _is_money(usd: Decimal) -> bool:
    return usd.is_finite() and abs(usd) < MOST_USD


def _damaged(path: Path, why: str) -> LedgerError:
    return LedgerError(
        f"{path} is not what whyspend wrote ({why}). It holds the price book in use and the closed months: "
        "no total is given without it. Restore it from a backup."
    )


def place(root: Path, copy: Copy) -> Path:
    """The folder of a kept price book.

    Raises:
        LedgerError: it is missing, or not as it was written.
    """
    folder = root / FOLDER / copy.folder
    try:
        files = sorted(path.name for path in folder.glob("*.csv"))
        whole = digest(folder, files) == copy.sha256
    except OSError:
        whole = False
    if not whole:
        raise LedgerError(
            f"The price book {folder} is missing or changed, and the ledger's calls are priced with it: no total is "
            "given without it. Restore it from a backup."
        )
    return folder


def keep_first(root: Path, source: Path, files: Sequence[str], identity: str) -> bool:
    """Copy a price book into a ledger that has none; whether it had none.

    Args:
        root: the ledger.
        source: the folder of the book.
        files: the names of its files.
        identity: what the book calls itself, ending in its digest.

    Raises:
        LedgerError: another writer does not finish, or the folder cannot be written.
    """
    with manifests.exclusive(root):
        if not is_new(root):
            return False
        _swap(root, Basis(book=_copied(root, source, files, identity)))
    return True


@contextmanager
def changing(root: Path, expected: Basis | None) -> Iterator["Change"]:
    """Be the one that changes what a ledger is priced with.

    Args:
        root: the ledger.
        expected: what the change was decided on; anything else is refused.

    Raises:
        LedgerError: it is no longer what was expected, another writer does not finish, or the folder cannot be written.
    """
    with manifests.exclusive(root):
        if read(root) != expected:
            raise LedgerError(
                f"The prices of {root} were changed by another whyspend in the meantime. Nothing was changed here; "
                "run the command again."
            )
        yield Change(root)


class Change:
    """The means to change what a ledger is priced with, under its lock."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def copy(self, source: Path, files: Sequence[str], identity: str) -> Copy:
        """Keep a price book; nobody uses it before `commit`."""
        return _copied(self._root, source, files, identity)

    def commit(self, basis: Basis) -> None:
        """Make a basis the current one, in one step that survives a crash at any instant."""
        _swap(self._root, msgspec.structs.replace(basis, revision=basis.revision + 1))


def _copied(root: Path, source: Path, files: Sequence[str], identity: str) -> Copy:
    """Copy a book's files whole, under a name that follows from them."""
    home = root / FOLDER
    disk.make_folder(home)
    for left in home.iterdir():
        if _UNFINISHED.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)
    temporary = home / f".{uuid.uuid4().hex}.tmp"
    temporary.mkdir()
    try:
        for name in files:
            disk.write(temporary / name, (source / name).read_bytes())
        disk.sync_folder(temporary)
        content = digest(temporary, sorted(files))
        copy = Copy(id=identity, folder=content[:16], sha256=content)
        target = home / copy.folder
        if target.exists() and digest(target, sorted(path.name for path in target.glob("*.csv"))) != content:
            shutil.rmtree(target)  # damaged since: nobody can be reading it
        if not target.exists():
            temporary.rename(target)
            disk.sync_folder(home)
        return copy
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def digest(folder: Path, files: Sequence[str]) -> str:
    """The hash of a book's files, by name and content; they are given in the order of their names."""
    whole = hashlib.sha256()
    for name in files:
        body = (folder / name).read_bytes()
        whole.update(f"{name} {len(body)}\n".encode())
        whole.update(body)
    return whole.hexdigest()


def faults(root: Path) -> Iterator[tuple[str, str]]:
    """What is not as it was written: (path below the ledger, what is wrong with it)."""
    try:
        basis = read(root)
    except LedgerError as error:
        yield f"{FOLDER}/{FILE}", str(error)
        return
    copies = {basis.book, *(held.book for held in basis.closed)} if basis else set()
    for copy in sorted(copies, key=lambda copy: copy.folder):
        try:
            place(root, copy)
        except LedgerError as error:
            yield f"{FOLDER}/{copy.folder}", str(error)


def _swap(root: Path, basis: Basis) -> None:
    home = root / FOLDER
    if (home / FILE).exists():
        disk.put(home / BEFORE, (home / FILE).read_bytes())
    disk.put(home / FILE, disk.encoded(basis))
