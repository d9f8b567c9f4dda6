"""Values of a dimension that differ only in how they are spelled."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whyspend.reports.coverage.amounts import Amount, dollars, sums
from whyspend.reports.coverage.names import folded

VALUES = "SELECT {value} AS value, count(*) FROM {calls} calls GROUP BY 1"

SHOWN = 3

LONGEST_VALUE = 256
"""Characters; sources cut longer ones."""


@dataclass(frozen=True)
class Variants:
    """Spellings of one value, dearest first: the others are to be folded into it."""

    dimension: str
    spellings: Mapping[str, Amount]

    @property
    def kept(self) -> str:
        """The dearest."""
        return next(iter(self.spellings))

    @property
    def folds(self) -> dict[str, str]:
        """Each other spelling, and what it is folded into."""
        return dict.fromkeys(list(self.spellings)[1:], self.kept)


def known_values(data: Any, dimension: str) -> dict[str, int]:
    """All values of a dimension and their calls, most calls first."""
    value = data.key(dimension).expression
    found = {
        own: int(calls) for own, calls in data.rows(VALUES.format(value=value, calls=data.calls())) if own
    }
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def variants(data: Any, dimension: str, known: Mapping[str, int]) -> list[Variants]:
    """Values that differ only by case, dash, underscore or blank, dearest first."""
    groups: dict[str, list[str]] = {}
    for value in known:
        # Neither could stand in the file that folds them.
        if "\0" not in value and len(value) <= LONGEST_VALUE and (same := folded(value)):
            groups.setdefault(same, []).append(value)
    several = {same: values for same, values in groups.items() if len(values) > 1}
    if not several:
        return []
    key = data.key(dimension)
    listed = ", ".join(data.engine.literal(value) for values in several.values() for value in values)
    costs = {
        own: amount
        for (own,), amount in sums(data.narrowed(f"{key.expression} IN ({listed})"), [key]).items()
    }
    found = [_ordered(dimension, {value: costs[value] for value in values}) for values in several.values()]
    return sorted(found, key=lambda each: (each.spellings[each.kept].dearness, each.kept))


def notes(data: Any, found: Sequence[Variants]) -> Iterator[str]:
    """What is spelled in several ways, and the TOML that folds it."""
    for each in found[:SHOWN]:
        said = ", ".join(f"{value} {dollars(amount.cost)}" for value, amount in each.spellings.items())
        yield f"Spelling variants of {each.dimension}: {said}."
    if len(found) > SHOWN:
        yield f"Spelling variants: {len(found) - SHOWN} more; see --variants."
    yield from toml_notes(data, found[:SHOWN])


def toml_notes(data: Any, found: Sequence[Variants]) -> Iterator[str]:
    """The TOML that folds them, line by line."""
    by_dimension: dict[str, dict[str, str]] = {}
    for each in found:
        by_dimension.setdefault(each.dimension, {}).update(each.folds)
    if by_dimension:
        yield "To count them as one, in whyspend.toml:"
    for dimension, folds in by_dimension.items():
        yield from data.rules.folded(dimension, folds).splitlines()


def _ordered(dimension: str, amounts: Mapping[str, Amount]) -> Variants:
    return Variants(dimension, dict(sorted(amounts.items(), key=lambda each: (each[1].dearness, each[0]))))
