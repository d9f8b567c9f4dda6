"""Rules that would settle what nobody owns, from what sets it apart: projects, root names, call sites, run names."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from whyspend.model import Cell
from whyspend.reports.coverage.amounts import Amount, counted
from whyspend.reports.coverage.names import value_of
from whyspend.reports.coverage.places import PLACE, Place, Spot

OWNED = """
SELECT {place}, {value} AS value, CAST(count(*) AS BIGINT)
FROM {calls} calls WHERE {value} IS NOT NULL GROUP BY {place}, value
"""
"""Where the calls are that have an owner."""

PURE = Decimal("0.9")
"""The share of a place's tagged calls that must agree on a value before it is proposed for the others."""

NO_PROJECT = ("", "default")
"""Where LangSmith puts what names no project: it says nothing about who made the call."""

COLUMNS = tuple(PLACE.split(", "))


@dataclass(frozen=True)
class Proposal:
    """A rule, what speaks for it, and what it would settle by itself."""

    when: Mapping[str, str]
    value: str
    tagged: int
    """Calls that look alike and have an owner already."""
    agree: int
    """Those of them whose owner is the value."""
    amount: Amount
    line: str
    """As `--try` takes it."""
    toml: str

    @property
    def purity(self) -> Decimal | None:
        """The share of calls that look alike and have this owner; None where none has any."""
        return (
            (Decimal(self.agree) / Decimal(self.tagged)).quantize(Decimal("1e-12")) if self.tagged else None
        )

    @property
    def why(self) -> str:
        """Where the value comes from."""
        if not self.tagged:
            return "from its name: no such call is tagged"
        return f"{self.agree:,} of {counted(self.tagged, 'such call')} already tagged carry it"


Where = tuple[str, ...]
"""Columns that a rule looks at."""


class Evidence:
    """What is known of calls by where they were made: the owners of those that have one, the amount of the others."""

    def __init__(self, owned: Iterable[tuple[Any, ...]], untagged: Sequence[Place]) -> None:
        self._owned = list(owned)
        self._untagged = untagged
        self._owners: dict[Where, dict[tuple[Any, ...], Counter[str]]] = {}
        self._amounts: dict[Where, dict[tuple[Any, ...], Amount]] = {}

    def owners(self, when: Mapping[str, str]) -> Counter[str]:
        """The owners of the calls that look so, and how many calls each has."""
        columns = tuple(when)
        if columns not in self._owners:
            found = self._owners[columns] = {}
            for row in self._owned:
                found.setdefault(_cut(row, columns), Counter())[row[5]] += int(row[6])
        return self._owners[columns].get(tuple(when.values()), Counter())

    def amount(self, when: Mapping[str, str]) -> Amount:
        """The calls without an owner that look so."""
        columns = tuple(when)
        if columns not in self._amounts:
            found = self._amounts[columns] = {}
            for place in self._untagged:
                own = _cut(place.spot, columns)
                found[own] = found.get(own, Amount()) + place.amount
        return self._amounts[columns][tuple(when.values())]


def suggest(data: Any, untagged: Sequence[Place], dimension: str, known: Mapping[str, str]) -> list[Proposal]:
    """Rules for the places without an owner, those that settle most first. One call may be settled by several."""
    sql = OWNED.format(place=PLACE, value=data.key(dimension).expression, calls=data.calls())
    evidence = Evidence(data.rows(sql), untagged)
    made: dict[tuple[tuple[str, str], ...], Proposal] = {}
    for place in untagged:
        found = _proposed(place.spot, evidence, known, named=dimension == data.dimensions[0])
        if found is None or (key := tuple(found[0].items())) in made:
            continue
        when, value = found
        if said := data.rules.proposed(when, {dimension: value}):
            owners = evidence.owners(when)
            made[key] = Proposal(when, value, owners.total(), owners[value], evidence.amount(when), *said)
    return sorted(made.values(), key=lambda each: (each.amount.dearness, each.line))


def cells(number: int, proposal: Proposal, whole: Amount) -> dict[str, Cell]:
    """One row of the answer."""
    return {
        "number": str(number),
        "rule": proposal.line,
        "value": proposal.value,
        "why": proposal.why,
        "purity": proposal.purity,
        **proposal.amount.cells(whole),
    }


def _proposed(
    spot: Spot, evidence: Evidence, known: Mapping[str, str], *, named: bool
) -> tuple[dict[str, str], str] | None:
    """The widest rule around a place that speaks for one value; None where its neighbours disagree.

    Where it has none, the name of the place is the value if `named`: so for an owner, not for an environment.
    """
    for when, name in _around(spot, evidence):
        owners = evidence.owners(when)
        if not owners:
            if named and (value := value_of(name, known)):
                return when, value
            continue
        value, calls = owners.most_common(1)[0]
        if calls >= PURE * owners.total():
            return when, value
    return None


def _around(spot: Spot, evidence: Evidence) -> Iterator[tuple[dict[str, str], str]]:
    """What a rule could look at, widest first, with the name that a value can come from.

    A project only where nothing in it has an owner: else the rule would also catch what is new there.
    """
    _, project, root, site, name = spot
    if project not in NO_PROJECT and not evidence.owners({"project": project}):
        yield {"project": project}, project
    if root:
        yield {"root_name": root}, root
        yield {"project": project, "root_name": root}, root
    if site:
        yield {"project": project, "call_site": site}, site
    elif name:
        yield {"project": project, "name": name}, name


def _cut(spot: Sequence[Any], columns: Where) -> tuple[Any, ...]:
    return tuple(spot[COLUMNS.index(name)] for name in columns)
