"""An answer in any format, as bytes."""

import io
from inspect import signature
from typing import BinaryIO

from whyspend import registry
from whyspend.model import Table
from whyspend.model.digest import Digest


def render(answer: Table | Digest, form: str, out: BinaryIO, **offered: object) -> None:
    """Write an answer or a digest in a format, which takes of what is offered what it names."""
    formatter = registry.load("formats", form)
    write = formatter.write_digest if isinstance(answer, Digest) else formatter.write
    if isinstance(answer, Table):
        offered["question"] = registry.question("reports", answer.report)
    known = signature(write).parameters
    write(answer, out, **{key: value for key, value in offered.items() if key in known})


def has_pictures(form: str) -> bool:
    """Whether a format shows the charts of an answer."""
    return bool(getattr(registry.load("formats", form), "PICTURES", False))


def written(answer: Table, form: str, engine: object, command: str) -> bytes:
    """What a command line writes to a file."""
    out = io.BytesIO()
    render(answer, form, out, width=None, color=False, header=True, engine=engine, command=command)
    return out.getvalue()
