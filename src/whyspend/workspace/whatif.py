"""The calls of a question in another way: with another model, cache, in a batch, without retries, at other prices.

One scan adds the calls up by all that decides a price in any of the ways (pricing/whatif.py). What every subset of
the options would have cost follows from the same sums, in integers.

Calls that an option cannot price stay as they are: of the options that change the price (another model, batch,
another day) a call gets all for which there is a price, or else as many as there are prices for, the model first.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

from whyspend.errors import UsageError
from whyspend.model import USAGE_COLUMNS
from whyspend.pricing import view
from whyspend.pricing.plan import REPORTED, Basis, Priced, span_of, split
from whyspend.pricing.slots import LATENCY
from whyspend.pricing.tokenizers import Tokens
from whyspend.pricing.whatif import Way, Ways, in_batch, units, ways
from whyspend.workspace.caching import (
    CACHE,
    TEXT_INPUT,
    Group,
    Used,
    cached,
    holds,
    measures_of,
    reads_cost_less,
)
from whyspend.workspace.keys import UNKNOWN, Key
from whyspend.workspace.prices import as_closed
from whyspend.workspace.spending import owners
from whyspend.workspace.swapping import Swap, Swapped, swapped
from whyspend.workspace.windows import micros

if TYPE_CHECKING:
    from whyspend.workspace.data import Data

SWAP, BATCH, RETRIES, PRICES = "swap", "batch", "drop_retries", "prices_at"

PRICING = (SWAP, BATCH, PRICES)
"""The options that change a price, the one that is kept longest first."""

GROUPS = """
SELECT {keys} asked, price_slot, is_counted, is_failed, calls, CAST(cost AS VARCHAR) {figures}
FROM answer
"""

REPEATED = """
SELECT coalesce(sum(failed), 0), coalesce(sum(CASE WHEN succeeded > 0 THEN failed ELSE 0 END), 0)
FROM (
  SELECT trace_id, coalesce(call_site, name, '') AS site,
    sum(CASE WHEN status = 'error' THEN 1 ELSE 0 END) AS failed,
    sum(CASE WHEN status = 'success' THEN 1 ELSE 0 END) AS succeeded
  FROM {traces} called WHERE trace_id IN (SELECT trace_id FROM {calls} failing WHERE status = 'error')
  GROUP BY 1, 2
) sites
"""

Option = tuple[str, int]
"""An option, and which of several swaps it is."""


@dataclass
class Repriced:
    """Some calls, as they were and as they would be. Money is whole 1e-24 dollars; None: no call has a price."""

    calls: int = 0
    cost: int | None = None
    whatif: int | None = None
    low: int | None = None
    high: int | None = None
    """The same with the fewest and the most tokens that the new model may make of the text."""

    def add(self, calls: int, costs: tuple[int, int, int, int] | None) -> None:
        """Count more calls in."""
        self.calls += calls
        if costs is not None:
            held = (self.cost or 0, self.whatif or 0, self.low or 0, self.high or 0)
            self.cost, self.whatif, self.low, self.high = (a + b for a, b in zip(held, costs, strict=True))


@dataclass(frozen=True)
class Asked:
    """What is to be different."""

    swaps: tuple[Swap, ...] = ()
    cache_hit: Decimal | None = None
    """Percent."""
    batch: bool = False
    drop_retries: bool = False
    at: date | None = None


def asked(
    data: "Data",
    by: Sequence[Key],
    *,
    swaps: Iterable[tuple[str, str]] = (),
    cache_hit: Decimal | None = None,
    batch: bool = False,
    drop_retries: bool = False,
    at: date | None = None,
) -> "WhatIf":
    """The calls of a question in another way, by keys. `cache_hit` is in percent, 0 to 100, with at most 2 decimals.

    Raises:
        UsageError: a model that has no price, or calls at the cost that their source recorded.
    """
    if data.basis.kind == "recorded":
        raise UsageError(
            "What the source recorded cannot be priced in another way. Leave out --prices recorded."
        )
    found = tuple(Swap(old, new) for old, new in swaps)
    return WhatIf(copy(data), tuple(by), Asked(found, cache_hit, batch, drop_retries, at))


@dataclass
class WhatIf:
    """The answer: the calls of a question as they were and as they would be."""

    data: "Data"
    """The question, of which the kept answer is: for trust and notes."""
    by: tuple[Key, ...]
    asked: Asked
    rows: dict[tuple[Any, ...], Repriced] = field(default_factory=lambda: defaultdict(Repriced))
    """By the values of the keys."""
    worths: dict[tuple[Option, ...], dict[frozenset[Option], int]] = field(default_factory=dict)
    """What calls cost with each subset of the options that can change anything of them, by these options. Calls of one
    entry are no calls of another; those that no option is for are left out."""
    changed: dict[Option, int] = field(default_factory=lambda: defaultdict(int))
    """Calls that an option could be applied to."""
    stay: dict[tuple[Option, str, str], int] = field(default_factory=lambda: defaultdict(int))
    """Calls that it could not, by their provider/model and the reason."""
    standard: dict[tuple[Option, str, str], int] = field(default_factory=lambda: defaultdict(int))
    """Calls at the standard price of a new model, by its provider/model and what it is not sold at."""
    reads: tuple[int, int, int] = (0, 0, 0)
    """Of calls whose price has a lower rate for reads: their text input, what was read of it, and what would be."""
    swapped: Mapping[str, Swapped] = field(default_factory=dict)
    """What gets another model, by price key."""

    def __post_init__(self) -> None:
        """Add the calls up, and price them."""
        self._settled: dict[tuple[Group, frozenset[str]], tuple[frozenset[str], Priced | None]] = {}
        self._known: dict[tuple[str, frozenset[str], Fraction], Way] = {}
        self._can: dict[str, tuple[str, ...]] = {REPORTED: ()}
        self._finals: dict[Group, _Final | None] = {}
        self._ways = self._planned()
        self.data._plan = self._ways.plan
        view.offer(self._ways.plan, self.data.engine)
        together: dict[Group, Used] = defaultdict(Used)
        for keys, group, used in self._groups():
            self.rows[keys].add(used.calls, self._costs(group, used))
            together[group].add(used)
        for group, used in together.items():
            self._weigh(group, used)

    def repeated(self) -> tuple[int, int]:
        """Failed calls, and those of them that a successful call of the same call site and trace repeated."""
        sql = REPEATED.format(traces=self.data.traces(), calls=self.data.calls())
        ((failed, repeated),) = self.data.rows(sql)
        return int(failed), int(repeated)

    @property
    def models(self) -> list[str]:
        """The models of the days that are asked about."""
        return sorted({split(key)[1] or UNKNOWN for key in self._can if key != REPORTED})

    def tokens(self) -> list[tuple[str, Tokens]]:
        """How many tokens the new models make of the same text, by `old -> new`, for calls that there are."""
        held = {group.price_key for group, _ in self._settled}
        pairs = {
            f"{split(key)[1]} -> {split(new.price_key)[1]}": new.tokens
            for key, new in sorted(self.swapped.items())
            if key in held
        }
        return list(pairs.items())

    # What there is

    def _planned(self) -> Ways:
        data = self.data
        extent = data.snapshot.between(data.window.start, data.window.end)
        start, end = micros(data.window.start), micros(data.window.end)
        prices = as_closed(data.prices, data.closed, start, end)
        self.swapped = swapped(data, self.asked.swaps, prices, extent.price_keys)
        self._book = prices.current.book
        span = span_of(extent)
        found = {key: list(dict.fromkeys(self._ways_of(key))) for key in span.uses if key != REPORTED}
        dimensions = owners(prices, data.attribution, data.engine)
        return ways(prices, span, found, data.basis, data.engine, dimensions)

    def _ways_of(self, price_key: str) -> Iterator[Way]:
        """All ways in which the calls of a price key may be priced; the first is as it was."""
        for options in _subsets(self._pricing(price_key)):
            yield self._way(price_key, options)
            if SWAP in options:
                tokens = self.swapped[price_key].tokens
                yield self._way(price_key, options, tokens.low)
                yield self._way(price_key, options, tokens.high)

    def _pricing(self, price_key: str) -> tuple[str, ...]:
        """The options that can change the price of these calls."""
        if price_key not in self._can:
            self._can[price_key] = self._possible(price_key)
        return self._can[price_key]

    def _possible(self, price_key: str) -> tuple[str, ...]:
        new = self.swapped.get(price_key)
        names = [price_key, *([new.price_key] if new else [])]
        can = {
            SWAP: new is not None,
            BATCH: self.asked.batch and any(in_batch(name, self._book) for name in names),
            PRICES: self.asked.at is not None,
        }
        return tuple(option for option in PRICING if can[option])

    def _way(self, price_key: str, options: Iterable[str], scale: Fraction = Fraction(1)) -> Way:
        known = (price_key, frozenset(options), scale)
        if known not in self._known:
            self._known[known] = self._made(*known)
        return self._known[known]

    def _made(self, price_key: str, options: frozenset[str], scale: Fraction) -> Way:
        key, basis = price_key, self.data.basis
        if SWAP in options:
            key = self.swapped[price_key].price_key
        if BATCH in options:
            key = in_batch(key, self._book) or key
        if PRICES in options and self.asked.at is not None:
            at = datetime(self.asked.at.year, self.asked.at.month, self.asked.at.day, tzinfo=UTC)
            basis = Basis("at", micros(at))
        return Way(key, basis, scale)

    def _groups(self) -> Iterator[tuple[tuple[Any, ...], Group, Used]]:
        """The calls of the question, added up."""
        keys = {key.column: key.expression for key in self.by if key.expression}
        keys |= {
            "asked": "price_key",
            "is_counted": "CASE WHEN usage_source IS NULL THEN 0 ELSE 1 END",
            "is_failed": "CASE WHEN status = 'error' THEN 1 ELSE 0 END" if self.asked.drop_retries else "0",
        }
        measures = measures_of(self.asked.cache_hit, self._ways.plan.buckets, timed=self._ways.timed)
        plan = self.data.added_up_apart(keys, measures)
        used = [name for name in USAGE_COLUMNS if name in plan.buckets]
        figures = [*measures, *(f"u_{name}" for name in used)]
        sql = GROUPS.format(
            keys="".join(f"{key.column}, " for key in self.by),
            figures="".join(f", CAST({name} AS VARCHAR)" for name in figures),
        )
        width = len(self.by)
        for row in self.data.rows(sql):
            key, slot, counted, failed, calls, cost, moved, raised, left, time, *amounts = row[width:]
            held = {name: int(amount) for name, amount in zip(used, amounts, strict=True) if amount != "0"}
            if time != "0":
                held[LATENCY] = int(time)
            known = None if cost is None else int(cost)
            group = Group(key, slot, bool(counted), bool(failed))
            yield row[:width], group, Used(int(calls), known, held, int(moved), int(raised), int(left))

    # What it would cost

    def _costs(self, group: Group, used: Used) -> tuple[int, int, int, int] | None:
        """As it was, as it would be, and that with the fewest and the most tokens; None: it has no price."""
        final = self._final(group)
        if used.cost is None or final is None:
            return None
        if RETRIES in final.options or final.priced is None:
            whatif = self._cost(group, used, final.options)
            return used.cost, whatif, whatif, whatif
        whatif = units(final.priced, cached(used, final.priced, final.options), used.calls)
        low = high = whatif
        if final.low is not None and final.high is not None:
            low = units(final.low[0], cached(used, final.low[0], final.options), used.calls, final.low[1])
            most, scale = final.high
            high = units(most, cached(used, most, final.options, written=True), used.calls, scale)
        elif used.moved:
            high = units(final.priced, cached(used, final.priced, final.options, written=True), used.calls)
        return used.cost, whatif, low, high

    def _final(self, group: Group) -> "_Final | None":
        """How these calls are priced with all options; None: they have no price."""
        if group not in self._finals:
            self._finals[group] = self._found(group)
        return self._finals[group]

    def _found(self, group: Group) -> "_Final | None":
        options = self._all(group)
        if group.price_key == REPORTED:
            return _Final(options, None)
        if self._priced(group, frozenset())[1] is None:
            return None
        chosen, priced = self._priced(group, options)
        if SWAP not in chosen or priced is None:
            return _Final(options, priced)
        low, high = (
            (self._scaled(group, chosen, scale) or priced, scale)
            for tokens in [self.swapped[group.price_key].tokens]
            for scale in (tokens.low, tokens.high)
        )
        return _Final(options, priced, low, high)

    def _cost(self, group: Group, used: Used, options: frozenset[str]) -> int:
        """What calls that have a price cost with some of the options."""
        if RETRIES in options and group.failed:
            return 0
        if group.price_key == REPORTED:
            return used.cost or 0
        _, priced = self._priced(group, options)
        assert priced is not None
        return units(priced, cached(used, priced, options), used.calls)

    def _priced(self, group: Group, options: frozenset[str]) -> tuple[frozenset[str], Priced | None]:
        """The most of the options for which these calls have a price, and that price; None: they have none at all."""
        if (group, options) not in self._settled:
            self._settled[group, options] = self._tried(group, options)
        return self._settled[group, options]

    def _tried(self, group: Group, options: frozenset[str]) -> tuple[frozenset[str], Priced | None]:
        wanted = [option for option in self._pricing(group.price_key) if option in options]
        for chosen in _largest_first(wanted):
            priced = self._at(group, chosen)
            if holds(priced, group):
                return frozenset(chosen), priced
        return frozenset(), None

    def _at(self, group: Group, options: Iterable[str], scale: Fraction = Fraction(1)) -> Priced:
        return self._ways.priced(group.price_key, group.slot, self._way(group.price_key, options, scale))

    def _scaled(self, group: Group, options: frozenset[str], scale: Fraction) -> Priced | None:
        """The price of the same calls with more or fewer tokens; None: none is known for prompts of that length."""
        priced = self._at(group, options, scale)
        return priced if holds(priced, group) else None

    def _all(self, group: Group) -> frozenset[str]:
        """The options that can change anything of these calls."""
        more = [CACHE] if self.asked.cache_hit is not None else []
        if self.asked.drop_retries and group.failed:
            more.append(RETRIES)
        return frozenset((*self._pricing(group.price_key), *more))

    def _weigh(self, group: Group, used: Used) -> None:
        """Add what each subset of the options makes of some calls, and count what each could be applied to."""
        if used.cost is None or self._final(group) is None:
            return
        self._count(group, used)
        options = [option for option in self._all(group) if option != CACHE or used.moved]
        named = {option: self._option(group, option) for option in options}
        players = tuple(sorted(named.values()))
        if not players:
            return
        held = self.worths.setdefault(players, defaultdict(int))
        for subset in _subsets(options):
            held[frozenset(named[option] for option in subset)] += self._cost(group, used, frozenset(subset))

    def _option(self, group: Group, option: str) -> Option:
        return option, self.swapped[group.price_key].number if option == SWAP else 0

    def _count(self, group: Group, used: Used) -> None:
        options = self._all(group)
        if RETRIES in options:
            self.changed[RETRIES, 0] += used.calls
            return
        if group.price_key == REPORTED:
            return
        chosen, priced = self._priced(group, options)
        assert priced is not None
        for option in self._pricing(group.price_key):
            named = self._option(group, option)
            if option in chosen:
                self.changed[named] += used.calls
                if option == SWAP and (new := self.swapped[group.price_key]).lost:
                    self.standard[named, _named(new.price_key), new.lost] += used.calls
            else:
                reason = self._at(group, {*chosen, option}).reason or "no token counts"
                self.stay[named, _named(group.price_key), reason] += used.calls
        if CACHE not in options:
            return
        if reads_cost_less(priced):
            text = sum(used.amounts.get(name, 0) for name in TEXT_INPUT)
            read = used.amounts.get("cache_read_tokens", 0)
            self.reads = (self.reads[0] + text, self.reads[1] + read, self.reads[2] + read + used.moved)
            self.changed[CACHE, 0] += used.raised
        elif used.raised:
            reason = "the price has no lower rate for what is read from a cache"
            self.stay[(CACHE, 0), _named(group.price_key), reason] += used.raised


@dataclass(frozen=True)
class _Final:
    """How some calls are priced with all options."""

    options: frozenset[str]
    """Those that can change anything of them."""
    priced: Priced | None
    """None: by the cost that they carry."""
    low: tuple[Priced, Fraction] | None = None
    high: tuple[Priced, Fraction] | None = None
    """With the fewest and the most tokens of the new model for one of theirs."""


def _named(price_key: str) -> str:
    provider, model, _ = split(price_key)
    return "/".join(part for part in (provider, model) if part) or "no model name"


def _subsets(options: Sequence[str]) -> list[tuple[str, ...]]:
    """All of them, the empty one first."""
    return list(chain.from_iterable(combinations(options, size) for size in range(len(options) + 1)))


def _largest_first(options: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for size in range(len(options), -1, -1):
        yield from combinations(options, size)
