"""The manifest: the list of live files. Replacing it *is* the commit."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec

from whyspend.errors import LedgerError
from whyspend.ledger import disk

SCHEMA = 1

LOCK_SECONDS = 300


class Priced(msgspec.Struct, frozen=True, array_like=True):
    """What a file holds of one price key."""

    quantities: tuple[str, ...]
    """The usage columns with a quantity other than 0."""
    prompt_max: int
    """The longest prompt: decides which context tiers can matter."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable Parquet file: calls of one source that started on one UTC day. Most often all of them; else those
    of its traces, each whole (see Writer)."""

    path: str
    """Relative to the ledger, with forward slashes."""
    day: date
    source: str
    rows: int
    bytes: int
    sha256: str
    modified: int
    """When the file system says it was written, nanoseconds since the epoch. Where that is still so (a copy may have
    whole seconds), and the size too, the content is taken as unchanged; else it is hashed before it is read."""
    dimensions: tuple[str, ...]
    """The dimensions that have columns of their own in this file."""
    first: int
    """The earliest start, microseconds UTC."""
    last: int
    used: frozenset[str]
    """Columns that are not empty: usage columns with a quantity other than 0, and the marks of files.py.
    A report need not read the others."""
    priced: dict[str, Priced]
    """By price key."""

    @property
    def prompt_max(self) -> int:
        """The longest prompt."""
        return max((use.prompt_max for use in self.priced.values()), default=0)

    @property
    def price_keys(self) -> tuple[str, ...]:
        """Every price key that occurs."""
        return tuple(sorted(self.priced))


class Retired(msgspec.Struct, frozen=True):
    """A file that a later commit replaced; removed after a time of grace, for readers that still hold it."""

    path: str
    at: int
    """Seconds since the epoch."""


class Lost(msgspec.Struct, frozen=True):
    """What a damaged file held that somebody chose to do without."""

    day: date
    source: str
    calls: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger holds, at one moment."""

    version: int = SCHEMA
    revision: int = 0
    files: tuple[File, ...] = ()
    watermarks: dict[str, dict[str, int]] = {}
    """source -> what it has brought so far, in the source's own keys -> microseconds UTC."""
    links: dict[str, dict[str, str]] = {}
    """source -> project -> the address under which its traces can be seen."""
    retired: tuple[Retired, ...] = ()
    lost: tuple[Lost, ...] = ()
    """Kept for good, for no total of such a day is whole: watermarks say nothing of it."""


def by_dimensions(files: Iterable[File]) -> dict[tuple[str, ...], list[File]]:
    """Files that have the same columns, together."""
    found: dict[tuple[str, ...], list[File]] = {}
    for file in files:
        found.setdefault(file.dimensions, []).append(file)
    return found


def read(root: Path) -> Manifest:
    """Read the manifest of a ledger; an empty one where there is no ledger yet.

    Raises:
        LedgerError: the manifest cannot be read, or is of a later version.
    """
    path = root / "manifest.json"
    body = _body(root, path)
    if body is None:
        return Manifest()
    try:
        return disk.decoded(body, Manifest, SCHEMA, f"The ledger {root}")
    except msgspec.DecodeError as error:
        raise LedgerError(
            f"{path} is not a whyspend manifest ({error}). Its data files are untouched; "
            "restore the manifest from a backup, or pull into a new ledger folder."
        ) from None


def _body(root: Path, path: Path) -> bytes | None:
    """The bytes of the manifest; None where there is no ledger yet."""
    for _ in range(2):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            # A first commit writes the manifest before it makes this folder, so the second look finds it.
            if not (root / "calls").exists():
                return None
        except OSError as error:
            raise LedgerError(
                f"The ledger {root} cannot be read: {error.strerror}. Check the path given as `ledger`."
            ) from None
    raise LedgerError(
        f"{path} is missing, but there are calls beside it: without it nobody knows which of them count. "
        "Restore it from a backup, or pull into a new ledger folder."
    )


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Be the one that writes to a ledger. The lock is the operating system's: it ends with the process.

    Raises:
        LedgerError: another writer does not finish, or the folder cannot be written.
    """
    try:
        with disk.locked(root / ".lock", LOCK_SECONDS) as is_ours:
            if not is_ours:
                raise LedgerError(
                    f"Another whyspend has been writing to {root} for {LOCK_SECONDS} s. "
                    f"Wait for it, or end it; if none is running, delete {root / '.lock'}."
                )
            yield
    except OSError as error:
        raise LedgerError(
            f"The ledger {root} cannot be written: {error.strerror or error}. Nothing was published. "
            "Check the path given as `ledger`, its disk space, and who may write there."
        ) from None


def swap(root: Path, manifest: Manifest) -> None:
    """Make a manifest the current one, in one step that survives a crash at any instant."""
    disk.put(root / "manifest.json", disk.encoded(manifest))


def damage(root: Path, file: File, *, thorough: bool = False) -> str:
    """What is wrong with a live file: "" where it is as it was written.

    Args:
        root: the ledger.
        file: what the manifest says about it.
        thorough: hash the content even if nothing speaks for a change.
    """
    path = root / file.path
    try:
        state = path.stat()
        if state.st_size != file.bytes:
            return f"cut or grown ({state.st_size:,} bytes, written with {file.bytes:,})"
        same_time = state.st_mtime_ns in (file.modified, file.modified // 10**9 * 10**9)
        if (thorough or not same_time) and sha256(path) != file.sha256:
            return "changed (its content is not what was written)"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return ""


def damaged(file: File, what: str) -> LedgerError:
    """The error of a live file that is damaged: a wrong total is worse than none."""
    # The file holds a UTC day, and --full only begins days anew that it reads whole.
    return LedgerError(
        f"The ledger's file {file.path} is {what}: no total is given without it, and nothing was changed. "
        f"Restore it from a backup, or pull that day anew: whyspend pull {file.source} --since {file.day} "
        f"--until {file.day} --timezone UTC --full. Of calls that nobody can pull: whyspend ledger drop {file.path}."
    )


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
