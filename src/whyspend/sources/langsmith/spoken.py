"""How the API writes: bodies as values of a shape, and instants."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from whyspend.errors import InputError


def reader(shape: Any) -> Callable[[bytes], Any]:
    """A function from a body to a value of that shape (a struct, `list[Struct]`, a dict).

    It raises InputError for a body that does not fit, which is then asked for again.
    """

    def read(body: bytes) -> Any:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(str(error)) from None

    return read


def iso(moment: datetime) -> str:
    """An instant as the API takes it: UTC, microseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
