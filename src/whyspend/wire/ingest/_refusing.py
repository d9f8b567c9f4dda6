"""The limits of a request, and how one is refused."""

from typing import Literal

from whyspend.errors import InputError

LARGEST_PART = 4 * 2**20
"""Bytes of one part that is read. Above it, a run and its `extra` are refused with 413; its outputs are read past.
What is read takes up to 30 times its length in memory for a moment: 120 MiB, if it is made of 440,000 tiny values."""
LARGEST_BATCH = 24 * 2**20
"""Bytes of a body of `/runs/batch` or `/runs`; SDKs send at most 20 MiB, as `/info` tells them. One of
the tiniest runs that can be takes 8 times its length in memory before it is refused."""
MOST_PARTS = 20_000
"""Parts of one multipart body, those read past included, and runs of one batch; SDKs send 100 runs of up to 8 parts."""


class BodyError(InputError):
    """A body that cannot be taken. The message shows nothing of the body."""

    def __init__(self, status: Literal[400, 413, 422], reason: str) -> None:
        super().__init__(reason)
        self.status: Literal[400, 413, 422] = status
        """400: not multipart, or cut off, or not JSON; 413: too large; 422: not runs."""
