"""One `[[planned]]` entry: a change of spend that is meant, and no news to `whyspend anomalies` and to alerts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from whyspend.reports.budgets.entries import Wanted, listed, where_faults


class Planned(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is going to be different, whose, and from when until when."""

    name: Annotated[str, Meta(description="What you call it; shown where something is muted by it.")]
    start: Annotated[
        date, Meta(description="The first day of it, in the configured time zone. For example 2026-11-10.")
    ] = msgspec.field(name="from")
    end: Annotated[
        date | None,
        Meta(description="The day from which on nothing is muted; for ever, where it is left out."),
    ] = msgspec.field(default=None, name="to")
    where: Annotated[
        Mapping[str, Wanted],
        Meta(
            description="Of which calls, as with `--where`: values by dimension, metadata key, `model`, `provider` or "
            "`project`, all of which must hold. A key that ends in `!` must not have the value. Each is a text, a "
            "glob (`*`, `?`), or a list of these of which any may match. Default: of all calls."
        ),
    ] = msgspec.field(default_factory=dict)
    note: Annotated[str, Meta(description="Why, for whoever reads this later.")] = ""

    def conditions(self) -> list[tuple[str, ...]]:
        """As texts of `--where`: all of the groups must hold; of each group any, or all where it reads `key!=value`."""
        return [
            tuple(f"{key}={value}" for value in listed(wanted)) for key, wanted in sorted(self.where.items())
        ]

    def holds_on(self, day: date) -> bool:
        """Whether it mutes what is unusual on a local day."""
        return self.start <= day and (self.end is None or day < self.end)

    def label(self, number: int) -> str:
        """How messages call it."""
        return f"[[planned]] entry {number} ({self.name or 'no name'})"


def list_faults(entries: Sequence[Planned]) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Yield what is wrong with a list of entries: the number of the entry from 1, the place in it, a message."""
    first: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        if not entry.name.strip():
            yield number, ("name",), "name is empty. Name it, so that answers can say what is muted by it."
        if entry.end is not None and entry.end <= entry.start:
            yield (
                number,
                ("to",),
                f"'to' ({entry.end}) must be a later day than 'from' ({entry.start}): it is the first day after.",
            )
        for place, message in where_faults(entry.where):
            yield number, place, message
        if entry.name in first:
            yield number, ("name",), f"entry {first[entry.name]} has the same name. Give it another."
        first.setdefault(entry.name, number)
