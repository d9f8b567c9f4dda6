"""An answer in any format, as bytes."""

import io
from collections.abc import Mapping
from inspect import signature
from typing import BinaryIO

from whyspend import registry
from whyspend.errors import UsageError
from whyspend.model import Table
from whyspend.model.digest import Digest
from whyspend.model.sheet import Sheet

Written = Table | Digest | Sheet

_WRITERS: Mapping[type[Written], str] = {Digest: "write_digest", Sheet: "write_sheet"}


def forms_of(what: type[Written]) -> list[str]:
    """The formats that can write such a thing; a plug-in that cannot be loaded can not. Imports all of them."""
    return [name for name in registry.names("formats") if _can_write(name, what)]


def _can_write(form: str, what: type[Written]) -> bool:
    try:
        return hasattr(registry.load("formats", form), _WRITERS.get(what, "write"))
    except UsageError:
        return False


def refuse_unless_able(form: str, what: type[Written]) -> None:
    """Look whether a format can write such a thing, before it is worked out.

    Raises:
        UsageError: it cannot, or there is no such format.
    """
    if not hasattr(registry.load("formats", form), _WRITERS.get(what, "write")):
        raise UsageError(
            f"The format '{form}' writes answers of reports only. Give one of {', '.join(forms_of(what))}."
        )


def needs_engine(form: str, what: type[Written]) -> bool:
    """Whether a format asks the engine to write such a thing; opening one takes a while."""
    writer = getattr(registry.load("formats", form), _WRITERS.get(what, "write"))
    return "engine" in signature(writer).parameters


def render(answer: Written, form: str, out: BinaryIO, **offered: object) -> None:
    """Write what it is in a format, which takes of what is offered what it names."""
    write = getattr(registry.load("formats", form), _WRITERS.get(type(answer), "write"))
    if isinstance(answer, Table):
        offered["question"] = registry.question("reports", answer.report)
    known = signature(write).parameters
    write(answer, out, **{key: value for key, value in offered.items() if key in known})


def has_pictures(form: str) -> bool:
    """Whether a format shows the charts of an answer."""
    return bool(getattr(registry.load("formats", form), "PICTURES", False))


def written(answer: Written, form: str, engine: object, command: str) -> bytes:
    """What a command line writes to a file."""
    out = io.BytesIO()
    render(answer, form, out, width=None, color=False, header=True, engine=engine, command=command)
    return out.getvalue()
