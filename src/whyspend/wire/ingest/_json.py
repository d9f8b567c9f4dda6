"""JSON of SDKs and applications, read as far as it makes sense."""

from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from whyspend.wire._run import mended
from whyspend.wire.ingest._refusing import LARGEST_PART, BodyError

_T = TypeVar("_T", bound=Struct)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class Reader(Generic[_T]):
    """Reads objects of one type. A field of another shape than it should have is taken as not there: an application
    may write what it likes, and one run must not keep those sent with it from being counted."""

    def __init__(self, kind: type[_T], *, required: bool) -> None:
        """Read objects of this type; what is no object is refused where one is required, else it says nothing."""
        self._kind = kind
        self._required = required
        self._decoder = msgspec.json.Decoder(kind)

    def read(self, body: bytes | bytearray | Raw) -> _T:
        """Read an object.

        Raises:
            BodyError: 400, it is not JSON; 422, it is nested too deeply, or no object where one is required, or it
                is longer than LARGEST_PART and has a field of another shape.
        """
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError:
            pass
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = repaired(body)
        except RecursionError:
            raise too_deep() from None
        return self._field_by_field(body)

    def _field_by_field(self, body: bytes | bytearray | Raw) -> _T:
        if memoryview(body).nbytes > LARGEST_PART:
            raise BodyError(
                422, f"A run of more than {LARGEST_PART >> 20} MiB has a field of the wrong shape."
            )
        try:
            raws = _OBJECT.decode(body)
        except msgspec.ValidationError:
            if not self._required:
                return self._kind()
            raise BodyError(422, "A run must be a JSON object.") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raws = _OBJECT.decode(repaired(body))
        except RecursionError:
            raise too_deep() from None
        found: dict[str, Any] = {}
        for name, decoder in _decoders(self._kind).items():
            if name in raws:
                _put_field(found, name, decoder, raws[name])
        return self._kind(**found)


def _put_field(found: dict[str, Any], name: str, decoder: msgspec.json.Decoder[Any], raw: Raw) -> None:
    """Put a field, as it came or repaired; none where it has another shape."""
    try:
        found[name] = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            found[name] = decoder.decode(repaired(raw))
        except (msgspec.DecodeError, BodyError):
            return
    except RecursionError:
        return


@lru_cache(maxsize=16)
def _decoders(kind: type[Struct]) -> dict[str, msgspec.json.Decoder[Any]]:
    return {field.name: msgspec.json.Decoder(field.type) for field in msgspec.structs.fields(kind)}


def repaired(body: bytes | bytearray | Raw) -> bytes:
    """Give a body without what strict JSON forbids but applications write; see `mended`.

    Raises:
        BodyError: 400, it is no JSON, or too large to be repaired; 422, it is nested too deeply.
    """
    if memoryview(body).nbytes > LARGEST_PART:
        raise BodyError(400, "The body is not JSON.")
    try:
        return mended(bytes(body))
    except ValueError:
        raise BodyError(400, "The body, or a part of it, is not JSON.") from None
    except RecursionError:
        raise too_deep() from None


def too_deep() -> BodyError:
    """The refusal of a body whose nesting nobody can read."""
    return BodyError(422, "The body is nested too deeply.")
