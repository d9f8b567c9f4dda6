"""How any endpoint takes something in: the body whole, read in one thread, on the disk before it is answered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request

from whyspend.collector.spool import FullError
from whyspend.serving.bodies import BODY_BYTES, Room, too_long, unpacked, whole
from whyspend.serving.refusing import RefusedError
from whyspend.wire.ingest import BodyError

BODY_SECONDS = 60
"""How long a body may take to arrive."""

Found = TypeVar("Found")


@dataclass
class Intake:
    """The room for bodies, and the thread that reads them; all endpoints of a port share one."""

    room: Room = field(default_factory=Room)
    reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "reader"))
    """One thread unpacks and reads bodies: so what is unpacked is in memory once."""

    async def read(self, request: Request, meaning: Callable[[Request, bytes], Found]) -> Found:
        """Take the body in, and say what it means; `meaning` is called in the thread that reads.

        Raises:
            RefusedError: it is too long, too slow, broken, or there is no room.
        """
        async with _in_time():
            body = await whole(request.stream(), request.headers.get("content-length", ""), self.room)
        try:
            return await asyncio.get_running_loop().run_in_executor(self.reader, meaning, request, body)
        except BodyError as error:
            raise RefusedError(error.status, str(error)) from None
        finally:
            self.room.give_back(len(body))


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            yield
    except TimeoutError:
        raise RefusedError(408, f"The body took longer than {BODY_SECONDS} s.") from None


async def read_past(request: Request) -> None:
    """Take a body, and keep nothing of it.

    Raises:
        RefusedError: it is too long, or too slow.
    """
    length = 0
    async with _in_time():
        async for piece in request.stream():
            length += len(piece)
            if length > BODY_BYTES:
                raise too_long()


async def durable(put: "Callable[[], Future[None]]") -> None:
    """Wait until what is put is on the disk.

    Raises:
        RefusedError: 503, too much is held already, or the disk cannot be written.
    """
    try:
        await asyncio.wrap_future(put())
    except FullError:
        raise RefusedError(503, "The collector holds as much as it may. Send it again in a second.") from None
    except OSError:
        raise RefusedError(503, "The disk of the collector cannot be written. Send it again later.") from None


def encoding(request: Request) -> str:
    """How the body is packed: "" where it is not."""
    return request.headers.get("content-encoding", "").strip().lower()


def in_one(request: Request, body: bytes, limit: int, refusal: str) -> bytes:
    """A body that is read whole, unpacked.

    Raises:
        RefusedError: 413 with the refusal, it is longer than the limit; as `unpacked`.
    """
    pieces: list[bytes] = []
    length = 0
    for piece in unpacked(body, encoding(request)):
        length += len(piece)
        if length > limit:
            raise RefusedError(413, refusal)
        pieces.append(piece)
    return b"".join(pieces)
