"""What would it have cost with another model, cache or batch?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from whyspend.errors import UsageError
from whyspend.model import Cell, Chart, Table, TableColumn
from whyspend.money import usd
from whyspend.reports._pictures import colors, name_of, ranked
from whyspend.reports.whatif import options, words
from whyspend.reports.whatif.effects import rounded, shares
from whyspend.reports.whatif.words import dollars, nearest, percent, plain, step_of

FIGURES = ("whatif_usd", "low_usd", "high_usd")
"""Columns of the answer that no other answer has."""

Option = tuple[str, int]
"""An option, and which of several swaps it is."""


def run(
    data: Any,
    *,
    by: tuple[str, ...] = ("feature",),
    swap: tuple[str, ...] = (),
    cache_hit: str = "",
    batch: bool = False,
    drop_retries: bool = False,
    prices_at: str = "",
) -> Table:
    """The same calls priced in another way, in total and by any dimensions, and what each option is worth.

    The token counts are those of the calls as they were; quality is not considered.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        by: Group by these: any dimension or metadata key, or model, provider, project, name, day, week, month, hour.
        swap: OLD=NEW: calls of the model OLD (a name, or a pattern with * and ?) at the prices of NEW.
        cache_hit: Calls that read less than this share of their input from the cache read it, such as 80%.
        batch: Calls at the price for batches, where there is one.
        drop_retries: Without the calls that failed.
        prices_at: All calls at the prices of this day (2026-11-01).
    """
    for name in by:
        if name in FIGURES:
            raise UsageError(
                f"Cannot group by '{name}': the answer has a column of that name. "
                f"If it is a metadata key, write metadata.{name}."
            )
    keys = [data.key(name) for name in dict.fromkeys(by)]
    swaps, share, day = options.swaps(swap), options.share(cache_hit), options.day(prices_at)
    names = _names(swaps, share, batch, drop_retries, day)
    if not names:
        raise UsageError(
            "Say what is to be different: --swap OLD=NEW, --cache-hit 80%, --batch, --drop-retries or --prices-at DAY."
        )
    answer = data.repricing(
        data, keys, swaps=swaps, cache_hit=share, batch=batch, drop_retries=drop_retries, at=day
    )
    booked = answer.data.adjusted(keys)
    rows = [
        (own, _Row(each.calls, each.cost, each.whatif, each.low, each.high))
        for own, each in answer.rows.items()
    ]
    rows += [(each.keys, _Row(0, *[each.units] * 4)) for each in booked]
    rows.sort(key=lambda row: _place(keys, *row))
    total = _together([row for _, row in rows])
    effects = _effects(answer, names, total)
    trust = answer.data.trust()
    notes = [
        *words.of_options(answer, names),
        *(("Adjustments are no calls: they stay as they are.",) if booked else ()),
    ]
    return Table(
        report="whatif",
        window=data.window,
        columns=(*(TableColumn(key.name, key.unit) for key in keys), *_COLUMNS),
        rows=tuple((*_labels(data, keys, own), *_figures(row).values()) for own, row in rows),
        total=_figures(total),
        trust=trust,
        notes=(
            *notes,
            *answer.data.price_notes(),
            *answer.data.unpriced_notes(),
            *answer.data.empty_notes(trust.calls),
        ),
        headline="\n".join(_headline(total, effects, names)) if trust.calls else "",
        details={
            "effects": [
                {"option": names[option], "calls": answer.changed[option], "change_usd": usd(effect)}
                for option, effect in effects.items()
            ]
        },
        charts=tuple(_pictures(data, keys, rows, total, effects, names)) if data.pictures else (),
    )


_COLUMNS = (
    TableColumn("calls", "calls"),
    TableColumn("cost_usd", "usd"),
    TableColumn("whatif_usd", "usd"),
    TableColumn("low_usd", "usd"),
    TableColumn("high_usd", "usd"),
    TableColumn("change_usd", "usd", derived=True),
    TableColumn("share", "share", derived=True),
)


@dataclass(frozen=True)
class _Row:
    """Calls as they were and as they would be. Money is whole 1e-24 dollars; None: no call has a price."""

    calls: int
    cost: int | None
    whatif: int | None
    low: int | None
    high: int | None

    @property
    def change(self) -> int:
        return (self.whatif or 0) - (self.cost or 0)


def _names(
    swaps: Sequence[tuple[str, str]], share: Decimal | None, batch: bool, drop_retries: bool, day: date | None
) -> dict[Option, str]:
    """The options that were given, in the order in which they are shown, as people write them."""
    names = {
        ("swap", number): f"swap {plain(old)} -> {plain(new)}" for number, (old, new) in enumerate(swaps)
    }
    if share is not None:
        names["cache_hit", 0] = f"cache-hit {share.normalize():f}%"
    if batch:
        names["batch", 0] = "batch"
    if drop_retries:
        names["drop_retries", 0] = "drop-retries"
    if day is not None:
        names["prices_at", 0] = f"prices-at {day}"
    return names


def _place(keys: Sequence[Any], own: tuple[Any, ...], row: _Row) -> tuple[Any, ...]:
    """In the order of time; then what changes most, then what costs most."""
    moments = tuple(
        (isinstance(value, str), value) for key, value in zip(keys, own, strict=True) if key.is_time
    )
    values = tuple((value is None, str(value)) for value in own)
    return moments, -abs(row.change), -(row.cost or 0), -row.calls, values


def _together(rows: Sequence[_Row]) -> _Row:
    def added(column: Sequence[int | None]) -> int | None:
        known = [value for value in column if value is not None]
        return sum(known) if known or not any(row.calls for row in rows) else None

    return _Row(
        sum(row.calls for row in rows),
        added([row.cost for row in rows]),
        added([row.whatif for row in rows]),
        added([row.low for row in rows]),
        added([row.high for row in rows]),
    )


def _labels(data: Any, keys: Sequence[Any], own: tuple[Any, ...]) -> Iterator[Cell]:
    return (data.label(key, value) for key, value in zip(keys, own, strict=True))


def _figures(row: _Row) -> dict[str, Cell]:
    known = row.cost is not None
    return {
        "calls": row.calls,
        "cost_usd": usd(row.cost),
        "whatif_usd": usd(row.whatif),
        "low_usd": usd(row.low),
        "high_usd": usd(row.high),
        "change_usd": usd(row.change) if known else None,
        "share": _ratio(row.change, row.cost) if row.cost else None,
    }


def _pictures(
    data: Any,
    keys: Sequence[Any],
    rows: Sequence[tuple[tuple[Any, ...], _Row]],
    total: _Row,
    effects: Mapping[Option, int],
    names: Mapping[Option, str],
) -> Iterator[Chart]:
    """From what it cost to what it would cost through the options; and each row beside what it cost."""
    if total.cost is None or total.whatif is None or not rows:
        return
    steps = [(names[option], usd(effect)) for option, effect in effects.items()]
    walk = (("as it was", usd(total.cost)), *steps, ("as it would be", usd(total.whatif)))
    columns = (TableColumn("step", "text"), TableColumn("amount_usd", "usd", adds_up=True))
    yield Chart("waterfall", "What each option is worth", columns, walk)
    if any(key.is_time for key in keys) or not keys:
        return
    own = [key.name for key in keys]
    named = (
        TableColumn(" and ".join(own), "text"),
        TableColumn("whatif_usd", "usd"),
        TableColumn("cost_usd", "usd"),
    )
    bars = [
        (name_of(data, keys, values), usd(row.whatif), usd(row.cost))
        for values, row in sorted(rows, key=lambda each: -(each[1].cost or 0))
    ]
    yield from ranked("What it would cost", named, bars, by=own, colors=colors(data, keys))


def _ratio(part: int, whole: int) -> Decimal:
    """A share of the whole, to 12 decimals."""
    return Decimal(round(Fraction(part * 10**12, whole))).scaleb(-12)


def _effects(answer: Any, names: Mapping[Option, str], total: _Row) -> dict[Option, int]:
    """What each option is worth, in whole 1e-24 dollars that add up to the change."""
    found = shares(answer.worths.items())
    parts = {option: found.get(option, Fraction(0)) for option in names}
    effects = rounded(parts, total.change)
    assert sum(effects.values()) == total.change
    return effects


def _headline(total: _Row, effects: Mapping[Option, int], names: Mapping[Option, str]) -> Iterator[str]:
    """From what to what, and a line for each option; the printed amounts add up to the printed change."""
    if total.cost is None or total.whatif is None or total.low is None or total.high is None:
        return
    step = step_of([total.change, *effects.values()])
    change = nearest(total.change, step)
    before, after = (dollars(nearest(cost, step), step) for cost in (total.cost, total.whatif))
    said = f"{before} -> {after} ({dollars(change, step, signed=True)}"
    said += f", {percent(total.change, total.cost)})" if total.cost else ")"
    if (total.low, total.high) != (total.whatif, total.whatif):
        low, high = (dollars(nearest(bound, step), step) for bound in (total.low, total.high))
        said += f"; at least {low}, at most {high}"
    yield f"{said}."
    parts = rounded({option: Fraction(effect) for option, effect in effects.items()}, change, step)
    yield from (f"{names[option]}: {dollars(part, step, signed=True)}" for option, part in parts.items())
