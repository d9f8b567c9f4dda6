"""Be the only one that changes a file, and leave nothing beside it."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whyspend.errors import InputError

SECONDS = 60
"""How long to wait for another whyspend."""

_PAUSE = 0.02


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Keep out every other whyspend that would change a file. A process that dies lets go of it.

    The lock is a file beside it, `.NAME.lock`, which its holder takes away: so it works for all machines that
    share the folder, and for all users who may write to what the others make there.

    Raises:
        InputError: another one holds it for too long.
        OSError: the folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = _acquired(lock, time.monotonic() + SECONDS)
    if held is None:
        raise InputError(
            f"Another whyspend has been writing to {path} for {SECONDS} s. Wait for it, or end it."
        )
    try:
        yield
    finally:
        _let_go(lock, held)


if sys.platform == "win32":
    from filelock import FileLock, Timeout

    def _acquired(lock: Path, until: float) -> FileLock | None:
        made = FileLock(lock, timeout=max(until - time.monotonic(), 0))
        try:
            made.acquire()
        except Timeout:
            return None
        return made

    def _let_go(lock: Path, held: FileLock) -> None:
        held.release()  # which takes the file away: Windows keeps it as long as anybody has it open
else:
    import fcntl

    def _acquired(lock: Path, until: float) -> int | None:
        """The descriptor of the locked file; None where it is too late."""
        while True:
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_there(lock, held):
                    return held
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(held)
                    return None
                time.sleep(_PAUSE)
            except OSError:
                os.close(held)
                raise
            os.close(held)

    def _is_there(lock: Path, held: int) -> bool:
        """Whether the file that was locked is still the one with that name.

        Its last holder may have taken it away between our open and our lock; then the next one to come makes
        another, and both would believe to be alone.
        """
        try:
            return os.path.samestat(os.fstat(held), lock.stat(follow_symlinks=False))
        except FileNotFoundError:
            return False

    def _let_go(lock: Path, held: int) -> None:
        try:
            lock.unlink(
                missing_ok=True
            )  # while it is still locked: whoever waits for it sees that it is gone
        finally:
            os.close(held)
