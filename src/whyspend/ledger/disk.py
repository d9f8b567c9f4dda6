"""Small files that are replaced whole: a reader sees the old one or the new, whatever crashes; and their locks."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from whyspend.errors import LedgerError

Held = TypeVar("Held", bound=Struct)


class _Version(Struct):
    version: int


def decoded(body: bytes, kind: type[Held], schema: int, name: str, purpose: str = "read it") -> Held:
    """Read a JSON file that says which version of its schema it has.

    Args:
        body: the file.
        kind: what it holds; one of its fields is `version`.
        schema: the latest version known here.
        name: what to call it in messages.
        purpose: what upgrading is good for.

    Raises:
        LedgerError: a later version wrote it.
        msgspec.DecodeError: it is something else.
        UnicodeDecodeError: it is no text.
    """
    version = msgspec.json.decode(body, type=_Version).version
    if version > schema:
        raise LedgerError(
            f"{name} was written by a later whyspend (schema {version}, known here: {schema}). "
            f"Upgrade whyspend to {purpose}."
        )
    return msgspec.json.decode(body, type=kind)


def encoded(content: Struct) -> bytes:
    """JSON in the order of its names, for people to read and for backups to compare."""
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=1)


def remembered(path: Path, kind: type[Held], schema: int, purpose: str, loss: str) -> Held | None:
    """What a file of LEDGER/state holds; None where there is none.

    Args:
        path: the file.
        kind: what it holds, as `decoded` takes it.
        schema: the latest version known here.
        purpose: what upgrading is good for.
        loss: what deleting it comes to, where it cannot be read.

    Raises:
        LedgerError: it cannot be read, or a later version wrote it.
    """
    try:
        return decoded(path.read_bytes(), kind, schema, f"{path}", purpose)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}. Check who may read it.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path} is not what whyspend wrote ({error}). {loss}") from None


def remember(path: Path, content: Struct, loss: str) -> None:
    """Make something the content of a file of LEDGER/state.

    Raises:
        LedgerError: it cannot be written, so that `loss`.
    """
    try:
        put(path, encoded(content))
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be written: {error.strerror or error}. {loss}; check the disk, and who may write there."
        ) from None


def put(path: Path, body: bytes) -> None:
    """Make a body the content of a file, in one step that survives a crash at any instant.

    Raises:
        OSError: it cannot be written; the file is what it was.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    write(temporary, body)
    _patiently_replace(temporary, path)
    sync_folder(path.parent)


def write(path: Path, body: bytes) -> None:
    """Write a file through to the disk."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def make_folder(path: Path) -> None:
    """Make a folder where there is none, durably."""
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the operating system has the means."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _patiently_replace(new: Path, old: Path) -> None:
    # Windows refuses while a reader has the old one open, which it has for less than a millisecond.
    for _ in range(100):
        try:
            new.replace(old)
        except PermissionError:
            time.sleep(0.01)
        else:
            return
    new.replace(old)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[bool]:
    """Hold a lock; yields False where another one holds it for so long. It ends with its process.

    Raises:
        OSError: its folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=seconds)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
