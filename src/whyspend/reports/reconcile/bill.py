"""A provider's bill against the calls of the ledger: what was billed and never seen, and the other way round.

Compared cell by cell: one UTC day, provider, model and token class, as fine as the bill is. In each cell

    untraced    = what was billed beyond what was traced     billed $10.00, traced $7.50: untraced $2.50
    overcounted = what was traced beyond what was billed     billed  $4.00, traced $4.10: overcounted $0.10

so that one does not hide the other when cells are added up: billed + overcounted = traced + untraced, to the digit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any

from whyspend.errors import InputError, UsageError, nearest
from whyspend.model import Bill, Billed, Cell, Table, TableColumn
from whyspend.reports.reconcile import ours, shares
from whyspend.reports.reconcile.sides import DIGITS, PICO, Group
from whyspend.spelling import money

_EXACT = Context(prec=100)
_NOTHING = Decimal(0)
_EPOCH = date(1970, 1, 1)

KEYS = ("day", "provider", "model", "token_class")
DEFAULT = ("provider", "model", "token_class")
UNNAMED = "(not named)"

CLASSES: Mapping[str, str] = {
    "input_tokens": "input",
    "input_audio_tokens": "input",
    "input_image_tokens": "input",
    "input_video_tokens": "input",
    "cache_read_tokens": "cached input",
    "cache_read_audio_tokens": "cached input",
    "cache_read_image_tokens": "cached input",
    "cache_write_tokens": "cache write",
    "cache_write_1h_tokens": "cache write",
    "output_tokens": "output",
    "reasoning_tokens": "output",
    "output_audio_tokens": "output",
    "output_image_tokens": "output",
    "output_video_tokens": "output",
    "citation_tokens": "output",
    "web_searches": "web search",
    "file_searches": "other",
}
"""The token class in which a bill has each quantity."""

COLUMNS = (
    TableColumn("billed_usd", "usd"),
    TableColumn("traced_usd", "usd"),
    TableColumn("untraced_usd", "usd"),
    TableColumn("overcounted_usd", "usd"),
    TableColumn("sampled_away_usd", "usd", derived=True),
    TableColumn("billed_tokens", "tokens"),
    TableColumn("traced_tokens", "tokens"),
)

Where = tuple[date, str, str | None, str | None]
"""Day, provider, model and token class; None where the bill does not say, and so nothing is told apart by it."""


@dataclass(frozen=True)
class Side:
    """What one side says of a cell. None: nothing is known of it."""

    usd: Decimal | None = None
    tokens: int | None = None
    beyond: Decimal = _NOTHING
    """What calls that sampling left out have cost, if they were like the others: `usd x (1 / rate - 1)`."""

    def __add__(self, other: "Side") -> "Side":
        """Both together; what only one knows is what is known."""
        usd = [each.usd for each in (self, other) if each.usd is not None]
        tokens = [each.tokens for each in (self, other) if each.tokens is not None]
        return Side(
            _sum(usd) if usd else None,
            sum(tokens) if tokens else None,
            _EXACT.add(self.beyond, other.beyond),
        )


UNTRACED = Side(_NOTHING, 0)
"""What was traced where there is no call."""


@dataclass(frozen=True)
class Sums:
    """A row of the answer."""

    bill: Side | None = None
    """None: no line of the bill is about it."""
    trace: Side | None = None
    """None: no call is about it."""
    unbilled: Side = Side()
    """What was billed where the bill has no line: nothing, of what it counts."""
    untraced: Decimal | None = None
    overcounted: Decimal | None = None

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            _both(self.bill, other.bill),
            _both(self.trace, other.trace),
            self.unbilled + other.unbilled,
            (Side(self.untraced) + Side(other.untraced)).usd,
            (Side(self.overcounted) + Side(other.overcounted)).usd,
        )

    @property
    def billed(self) -> Side:
        """What the bill says; nothing where it has no line, and unknown where its lines do not say."""
        return self.unbilled if self.bill is None else self.bill

    @property
    def traced(self) -> Side:
        """What the calls say; nothing where there is none, and unknown where they have no price."""
        return UNTRACED if self.trace is None else self.trace


def _both(one: Side | None, other: Side | None) -> Side | None:
    return other if one is None else one if other is None else one + other


def answer(
    data: Any, bill: Bill, by: Sequence[str], limit: Decimal, seller: Callable[[str | None], str]
) -> Table:
    """The table of a bill, largest untraced first; `seller` is one name for a provider, however it is spelled.

    Raises:
        UsageError: keys that a bill does not have, days that are not UTC, or none that the bill has.
        InputError: the bill has no day at all.
    """
    keys = _keys(by)
    if data.window.timezone != "UTC":
        raise UsageError("The days of a bill are UTC. Ask with --timezone UTC.")
    billed, left_out = _within(bill, data.window.since, data.window.until)
    groups = ours.groups(data, ours.Rows(data, (), grouped_there=False), "bill")
    names = _Names(data, seller)
    detail = _Detail(billed, names)
    first, last = _days(bill, data.window.since, data.window.until)
    if first > last:
        raise _nothing_to_compare(bill, data.window.since, data.window.until)
    traced = [group for group in groups if group.kind != "tool" and first <= _day(group) <= last]
    cells = compared(
        _billed(billed, names, detail),
        _traced(traced, names, detail),
    )
    rows: dict[tuple[Any, ...], Sums] = defaultdict(Sums)
    for where, sums in cells.items():
        rows[tuple(where[KEYS.index(key)] for key in keys)] += sums
    shown = sorted(rows.items(), key=lambda row: (-(row[1].untraced or 0), _sortable(row[0])))
    whole = _added(rows.values())
    trust = data.trust()
    figures = dict(zip((column.name for column in COLUMNS), _figures(whole), strict=True))
    return Table(
        report="reconcile",
        window=data.window,
        columns=(*(TableColumn(key, "date" if key == "day" else "text") for key in keys), *COLUMNS),
        rows=tuple((*_labels(where), *_figures(sums)) for where, sums in shown),
        total=figures if rows else {},
        trust=trust,
        notes=(
            *_verdict(whole, limit, first, last),
            *left_out,
            *_unpriced(traced),
            *bill.notes,
            *data.price_notes(),
            *data.empty_notes(trust.calls),
        ),
    )


def _nothing_to_compare(bill: Bill, since: date, until: date) -> Exception:
    """A gate that compared nothing must not be passed."""
    if bill.since is None or bill.until is None:
        return InputError("The bill holds no day, so there is nothing to compare. Export it again.")
    return UsageError(
        f"The bill holds {bill.since} to {bill.until}, and no day of {since} to {until}. Give others as --since and "
        "--until."
    )


def compared(billed: Mapping[Where, Side], traced: Mapping[Where, Side]) -> dict[Where, Sums]:
    """Both sides of every cell, and what each has beyond the other; only of providers that the bill is from.

    Of a provider whose bill only counts tokens, no dollars are claimed: not for a cell that it lacks, either.
    """
    whole: dict[str, Side] = defaultdict(Side)
    for (_, provider, _, _), side in billed.items():
        whole[provider] += side
    unbilled = {provider: _nothing_of(side) for provider, side in whole.items()}
    found = {}
    for where in {**billed, **traced}:
        if where[1] not in unbilled:
            continue
        sums = Sums(billed.get(where), traced.get(where), unbilled[where[1]])
        if sums.billed.usd is not None or sums.billed.tokens is None:
            gap = _EXACT.subtract(sums.billed.usd or _NOTHING, sums.traced.usd or _NOTHING)
            sums = replace(sums, untraced=max(gap, _NOTHING), overcounted=max(_EXACT.minus(gap), _NOTHING))
        found[where] = sums
    return found


def _nothing_of(side: Side) -> Side:
    """Nothing, of what is known: 0 dollars where there are dollars, 0 tokens where tokens are counted."""
    return Side(None if side.usd is None else _NOTHING, None if side.tokens is None else 0)


def is_outside(table: Table, tolerance: Decimal) -> bool:
    """Whether untraced and overcounted together are more than a share of the bill.

    Of a bill without dollars: whether its tokens are further from the traced ones than that share.
    """
    billed, untraced, overcounted, counted, traced = (
        Decimal(str(table.total.get(name) or 0))
        for name in ("billed_usd", "untraced_usd", "overcounted_usd", "billed_tokens", "traced_tokens")
    )
    if table.total.get("billed_usd") is None:
        return _EXACT.abs(_EXACT.subtract(counted, traced)) > _EXACT.multiply(counted, tolerance)
    return _EXACT.add(untraced, overcounted) > _EXACT.multiply(_EXACT.abs(billed), tolerance)


def _keys(by: Sequence[str]) -> tuple[str, ...]:
    for name in by:
        if name not in KEYS:
            raise UsageError(
                f"A bill cannot be grouped by '{name[:40]}'.{nearest(name, KEYS)} There is: {', '.join(KEYS)}."
            )
    return tuple(dict.fromkeys(by)) or DEFAULT


def _within(bill: Bill, since: date, until: date) -> tuple[list[Billed], tuple[str, ...]]:
    inside = [line for line in bill.lines if since <= line.day <= until]
    outside = [line for line in bill.lines if not since <= line.day <= until]
    if not outside:
        return inside, ()
    usd = _sum(line.usd for line in outside if line.usd is not None)
    said = (
        f"The bill has {len(outside):,} lines ({money(usd)}) of other days: {bill.since} to {bill.until}. "
        f"To see all: --since {bill.since} --until {bill.until}."
    )
    return inside, (said,)


def _days(bill: Bill, since: date, until: date) -> tuple[date, date]:
    """The days that both the bill and the question cover."""
    if bill.since is None or bill.until is None:
        return until + timedelta(1), until
    return max(since, bill.since), min(until, bill.until)


class _Names:
    """One name for a model, however each side spells it: that of its price, or its own."""

    def __init__(self, data: Any, seller: Callable[[str | None], str]) -> None:
        self._book = data.prices.current.book
        self._seller = seller
        self._found: dict[tuple[str | None, str | None], tuple[str, str | None]] = {}

    def of(self, provider: str | None, model: str | None) -> tuple[str, str | None]:
        """Provider and model: `gpt-4o-mini-2024-07-18` and `gpt-4o-mini` are one where their price is."""
        if (provider, model) not in self._found:
            self._found[provider, model] = self._look_up(provider, model)
        return self._found[provider, model]

    def _look_up(self, provider: str | None, model: str | None) -> tuple[str, str | None]:
        match = self._book.match(provider, model, "") if model else None
        if match is None or match.price is None:
            return self._seller(provider), model
        seller, _, name = match.price.partition(";")[0].partition("/")
        # Azure sells at the price list of OpenAI, and sends a bill of its own.
        return (self._seller(provider) if match.kind == "fallback" else seller), name


class _Detail:
    """How fine a bill is, provider by provider: what no line of it says is not told apart."""

    def __init__(self, billed: Iterable[Billed], names: _Names) -> None:
        named = [line for line in billed if line.model is not None]
        self._models = {names.of(line.provider, line.model)[0] for line in named}
        self._classes = {names.of(line.provider, line.model)[0] for line in named if line.token_class}

    def of(self, provider: str, model: str | None, token_class: str | None) -> tuple[str | None, str | None]:
        """Model and token class, as far as the bill tells them apart."""
        return model if provider in self._models else None, token_class if provider in self._classes else None


def _billed(lines: Iterable[Billed], names: _Names, detail: _Detail) -> dict[Where, Side]:
    found: dict[Where, Side] = defaultdict(Side)
    for line in lines:
        provider, model = names.of(line.provider, line.model)
        told = detail.of(line.provider, model, line.token_class)
        found[line.day, provider, *told] += Side(line.usd, line.tokens)
    return found


def _traced(groups: Iterable[Group], names: _Names, detail: _Detail) -> dict[Where, Side]:
    found: dict[Where, Side] = defaultdict(Side)
    for group in groups:
        provider, model = names.of(group.provider, group.model)
        for token_class, side in _by_class(group):
            told = detail.of(provider, model, token_class)
            found[_day(group), provider, *told] += side
    return found


def _by_class(group: Group) -> Iterator[tuple[str, Side]]:
    """The cost of a group by token class: quantity times rate, less discounts; what is paid by the call is `other`.

    1,000,000 input tokens at $2.50 and 200,000 output tokens at $10.00 per million: input $2.50, output $2.00.
    """
    rest = group.ours
    for bucket, count in group.quantities.items():
        units = None
        if rest is not None:
            units = count * (group.rates or {}).get(bucket, 0) * group.factor // PICO
            rest -= units
        tokens = count if bucket.endswith("_tokens") else None
        yield CLASSES[bucket], _side(units, tokens, group.sample_rate)
    if rest:
        yield "other", _side(rest, None, group.sample_rate)


def _side(units: int | None, tokens: int | None, rate: float | None) -> Side:
    if units is None:
        return Side(None, tokens)
    usd = Decimal(units).scaleb(-DIGITS, _EXACT)
    if rate is None or not 0 < rate < 1:
        return Side(usd, tokens)
    share = Decimal(repr(rate))
    return Side(usd, tokens, _EXACT.divide(_EXACT.multiply(usd, 1 - share), share))


def _day(group: Group) -> date:
    return _EPOCH + timedelta(days=group.day)


def _figures(sums: Sums) -> tuple[Cell, ...]:
    sampled = None
    if sums.untraced is not None:
        sampled = round(min(sums.traced.beyond, sums.untraced), 12)
    return (
        sums.billed.usd,
        sums.traced.usd,
        sums.untraced,
        sums.overcounted,
        sampled,
        sums.billed.tokens,
        sums.traced.tokens,
    )


def _added(rows: Iterable[Sums]) -> Sums:
    whole = Sums()
    for row in rows:
        whole += row
    return whole


def _labels(where: tuple[Any, ...]) -> tuple[Cell, ...]:
    return tuple(UNNAMED if part is None else part for part in where)


def _sortable(where: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple("" if part is None else str(part) for part in where)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _NOTHING
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def _verdict(whole: Sums, limit: Decimal, first: date, last: date) -> Iterator[str]:
    yield f"Compared: {first} to {last}, UTC days. Billed + overcounted = traced + untraced."
    if whole.untraced is not None and whole.overcounted is not None:
        off = _EXACT.add(whole.untraced, whole.overcounted)
        state = "outside" if off > (whole.billed.usd or _NOTHING).copy_abs() * limit else "within"
        yield (
            f"{money(whole.untraced)} were billed and never seen, {money(whole.overcounted)} seen and not billed: "
            f"{state} the tolerance of {shares.said(limit)}."
        )
    elif whole.bill is not None:
        counted, traced = whole.billed.tokens or 0, whole.traced.tokens or 0
        state = "outside" if abs(counted - traced) > counted * limit else "within"
        yield (
            "The bill counts tokens and has no dollars: none are called untraced or overcounted. "
            f"{counted:,} tokens billed, {traced:,} traced: {state} the tolerance of {shares.said(limit)}."
        )
    if whole.traced.beyond:
        yield "Some applications send a sample of their traces: sampled_away_usd is about what that leaves untraced."


def _unpriced(groups: Iterable[Group]) -> tuple[str, ...]:
    calls = sum(group.calls for group in groups if group.ours is None)
    return (f"{calls:,} traced calls have no price, and so are missing from traced_usd.",) if calls else ()
