"""What a published price list cannot say, or says wrongly: two files kept by hand, read by the compiler.

`data/corrections.csv`: each row names a model, what is corrected, the page that says so, and why.
    peak_since DATE        the daily windows of a higher price did not exist before
    peak_price_since DATE  the listed price of the windows holds from then on; between the two it is unknown
    weekdays_since DATE    from then on, the windows hold from Monday to Friday only
    ends TIME              the listed price is old: from then on the price is unknown
    prompt_limit TOKENS    a higher tier exists above, at a price that is not listed: a cell without rates
    moved DATE DATE OLD NEW
                           the name meant one model until the first date, and means another since the second;
                           between the two nobody says which
    refused REASON         the name says too little to have a price
    context_factor CONTEXT FACTOR FROM [TO]
                           within [FROM, TO), tokens in this context cost FACTOR times the standard price,
                           where no price of the context is listed: `processing=batch 0.5 2024-04-15`.
                           The model may be a glob. Buckets may have a factor of their own:
                           `processing=batch 0.5,cache_read_tokens=1 2025-07-07`

`data/corrected_rates.csv`: cells, with the columns of `rates.csv` and a reason. They take the place of
whatever the sources say of the same price within the same dates, minutes, weekdays and prompt sizes.
Dates and times are UTC.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from whyspend.errors import InputError, nearest
from whyspend.pricing.book import BUCKETS, FAR_FUTURE, FAR_PAST, PART_OF, TOP_TIER
from whyspend.pricing.cells import Cell, Rates, by_price, instant, minus

Correction = Mapping[str, str]
"""A row of the file: provider, model, kind, value, source, reason, and `place`, where it stands."""

COLUMNS = ("provider", "model", "kind", "value", "source", "reason")
LAYER = "corrections"

ALTERNATIVES = ("processing", "service_tier", "speed")
"""Contexts that are ways of being served: a call is a batch, or flex, or fast, never two of them. A factor
for one of them is not applied on top of another; a factor for anything else, such as where the call is
served, is applied on top of all."""


class Fixes(NamedTuple):
    """The corrections of one model; times in microseconds UTC."""

    peak_since: int = FAR_PAST
    peak_price_since: int = FAR_PAST
    weekdays_since: int = FAR_FUTURE
    ends: int = FAR_FUTURE
    prompt_limit: int = TOP_TIER
    reference: str = ""
    """The page behind the last of them."""


_FIXES = Fixes._fields[:-1]


class Factor(NamedTuple):
    """A context that costs a multiple of the standard price."""

    provider: str
    model: str
    """A glob."""
    context: Mapping[str, str]
    factors: Mapping[str, Decimal]
    """By bucket, of the tokens only: a search costs the same in a batch."""
    start: int
    end: int
    source: str


def read_corrections(path: Path) -> list[Correction]:
    """All rows of the file.

    Raises:
        InputError: a row that cannot be used; the message names the file and the line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(
                f"{path.name} must have the columns {', '.join(COLUMNS)}; correct its first line."
            )
        return [{**line, "place": f"{path.name} line {reader.line_num}"} for line in reader if _checked(
            line, f"{path.name} line {reader.line_num}")]  # fmt: skip


def _checked(line: Correction, place: str) -> bool:
    kind = line["kind"]
    known = (*_FIXES, "moved", "refused", "context_factor")
    if kind not in known:
        raise InputError(f"{place}: no kind of correction is called {kind!r}.{nearest(kind, known)}")
    if not (line["provider"] and line["model"] and line["value"] and line["source"]):
        raise InputError(f"{place}: provider, model, value and source must not be empty.")
    try:
        if kind == "moved":
            _moved_parts(line)
        elif kind == "context_factor":
            factor_of(line)
        elif kind != "refused":
            _number(line["value"])
    except (ValueError, InvalidOperation) as error:
        raise InputError(f"{place}: {line['value']!r} is no value for {kind} ({error}).") from error
    return True


def fixes_of(rows: Iterable[Correction], provider: str, model: str) -> Fixes:
    """What the rows say of one model's prices."""
    named = [row for row in rows if (row["provider"], row["model"]) == (provider, model)]
    mine = {row["kind"]: row for row in named if row["kind"] in _FIXES}
    reference = next((row["source"] for row in reversed(mine.values())), "")
    return Fixes(**{kind: _number(row["value"]) for kind, row in mine.items()}, reference=reference)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else instant(text)


def moved(rows: Iterable[Correction], cells: Iterable[Cell]) -> Iterator[Cell]:
    """A name that changed its meaning has a price of its own: first the old model's, then the new one's."""
    known = list(cells)
    for row in rows:
        if row["kind"] == "moved":
            until, since, old, new = _moved_parts(row)
            yield from _renamed(known, row, old, FAR_PAST, until)
            yield from _renamed(known, row, new, since, FAR_FUTURE)


def _moved_parts(row: Correction) -> tuple[int, int, str, str]:
    until, since, old, new = row["value"].split()
    return instant(until), instant(since), old, new


def _renamed(cells: Iterable[Cell], row: Correction, model: str, since: int, until: int) -> Iterator[Cell]:
    for cell in cells:
        base, sign, context = cell.price.partition(";")
        start, end = max(cell.start, since), min(cell.end, until)
        if base == f"{row['provider']}/{model}" and start < end:
            price = f"{row['provider']}/{row['model']}{sign}{context}"
            yield cell._replace(
                price=price, start=start, end=end, source=LAYER, basis="corrected", reference=row["source"]
            )


def factor_of(row: Correction) -> Factor:
    """Read the value of a `context_factor`; ValueError says what is wrong with it."""
    context, factors, start, *rest = row["value"].split()
    if len(rest) > 1:
        raise ValueError("it must be CONTEXT FACTOR FROM [TO]")
    parts = dict(part.split("=") for part in context.lower().split(";"))
    end = instant(rest[0]) if rest else FAR_FUTURE
    if not all(parts.values()) or instant(start) >= end:
        raise ValueError("a context without a value, or no time between FROM and TO")
    return Factor(
        row["provider"], row["model"], parts, _by_bucket(factors), instant(start), end, row["source"]
    )


def _by_bucket(text: str) -> dict[str, Decimal]:
    """`0.5,cache_read_tokens=1`: half price for all tokens, but cache reads, of text or audio, at full price."""
    standard, *own = text.split(",")
    given = {bucket: Decimal(factor) for bucket, factor in (part.split("=") for part in own)}
    if unknown := given.keys() - set(BUCKETS):
        raise ValueError(f"no bucket is called {sorted(unknown)[0]}")
    factors: dict[str, Decimal] = {}
    for bucket in BUCKETS:
        if bucket.endswith("_tokens"):
            inherited = factors.get(PART_OF.get(bucket, ""), Decimal(standard))
            factors[bucket] = given.get(bucket, inherited)
    if any(not 0 < factor < 100 for factor in factors.values()):
        raise ValueError("a factor must be above 0 and below 100")
    return factors


def in_contexts(rows: Iterable[Correction], cells: Iterable[Cell]) -> list[Cell]:
    """All cells, with those that the context factors add, in the order of the rows: what is listed wins.

    With `inference_geo=us 1.1` and `processing=batch 0.5`, $3.00 per million tokens are $3.30 in the United
    States, $1.50 in a batch, and $1.65 in a batch there: `processing=batch;inference_geo=us`, in order of key.
    """
    known = by_price(cells)
    for row in rows:
        if row["kind"] == "context_factor":
            factor = factor_of(row)
            for price in [price for price in known if price.startswith(f"{factor.provider}/")]:
                wanted = _in_context(price, factor)
                if wanted:
                    there = known.setdefault(wanted, [])
                    new = (cell._replace(price=wanted) for cell in _multiplied(known[price], factor))
                    there += [piece for cell in new for piece in minus(cell, tuple(there))]
    return [cell for found in known.values() for cell in found]


def _in_context(price: str, factor: Factor) -> str:
    """The price's name in one more context, or '' where the factor says nothing of it."""
    base, _, context = price.partition(";")
    if not fnmatchcase(base.partition("/")[2], factor.model):
        return ""
    now = dict(part.split("=") for part in context.split(";")) if context else {}
    served = [key for key in (*now, *factor.context) if key in ALTERNATIVES]
    if now.keys() & factor.context.keys() or len(served) > 1:
        return ""
    both = sorted({**now, **factor.context}.items())
    return ";".join([base, *(f"{key}={value}" for key, value in both)])


def _multiplied(cells: Iterable[Cell], factor: Factor) -> Iterator[Cell]:
    for cell in cells:
        start, end = max(cell.start, factor.start), min(cell.end, factor.end)
        if start < end:
            yield cell._replace(
                start=start, end=end, rates=_times(cell.rates, factor.factors),
                source=LAYER, basis="corrected", reference=factor.source,
            )  # fmt: skip


def _times(rates: Rates, factors: Mapping[str, Decimal]) -> Rates:
    """Each price times its factor. A bucket that costs what the one around it costs has no price of its own,
    and follows that: without a price for cached input, a batch at half price halves cached input too, whatever
    the factor for cache reads."""
    standard, found = dict(rates), dict[str, Decimal]()
    for bucket, rate in rates:
        around = PART_OF.get(bucket, "")
        own = standard.get(around) != rate
        found[bucket] = rate * factors.get(bucket, 1) if own else found[around]
    return tuple(found.items())
