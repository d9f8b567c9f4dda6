"""Your own prices, from `[[prices]]` of whyspend.toml: they win over every price list.

A call is priced by the entry that names it, on the days of the entry. Where several do, the one that names the
model exactly goes before one with a glob, then the one that names the provider, then the first in the file. On
days that no entry is for, the price list holds.

    [[prices]] provider = "azure", model = "our-gpt4o", same_as = "openai/gpt-4o", from = 2026-01-01
    [[prices]] model = "our-*", input = 1.10, output = 4.40

    our-gpt4o at azure costs what the list says of openai/gpt-4o since January, and $1.10 / $4.40 per million before.

What an entry does not name has no price, and a call that uses it is listed as unpriced, never counted as $0. Two
things are sure enough to be filled in: reasoning is part of the output everywhere and costs what output does; and on
a provider that is your own machine (ollama, vllm, ...) a cached or spoken token costs what a token costs.
An entry with nothing but `per_request` or `per_second` is a price for the call or the machine: tokens are free.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from whyspend.errors import ConfigError
from whyspend.model import USAGE_COLUMNS
from whyspend.pricing.book import ALL_DAYS, FAR_FUTURE, FAR_PAST, NO_TIER, PART_OF, TOP_TIER, Book, Rate
from whyspend.pricing.discounts import Discount, concerns
from whyspend.pricing.entries import (
    NAMES,
    PER_CALL,
    Rates,
    given,
    label,
    list_faults,
)
from whyspend.pricing.entries import UserPrice as UserPrice
from whyspend.pricing.globs import glob, is_glob, provider_names
from whyspend.pricing.names import GATEWAYS, UNPRICED_PROVIDERS, Match, standard_context

SOURCE = "whyspend.toml"
"""`Rate.source` of these prices."""

USER = "user:"
"""What the ids of these prices begin with: `user:azure/our-gpt4o`."""

Asked = tuple[str | None, str | None, str]
"""Provider, model and context of a call."""


@dataclass(frozen=True)
class _Layer:
    """An entry that is for a call, and its place in the file."""

    number: int
    entry: UserPrice


class Overridden:
    """A price book with the user's own prices before it."""

    def __init__(self, book: Book, entries: Sequence[UserPrice]) -> None:
        self._book = book
        self._layers = sorted((_Layer(n, entry) for n, entry in enumerate(entries, 1)), key=_rank)
        said = hashlib.sha256(msgspec.json.encode(list(entries)))
        self.id = f"{book.id}+{said.hexdigest()[:8]}"
        self._cells: dict[str, tuple[Rate, ...]] = {}
        self._matches: dict[Asked, Match] = {}

    def match(self, provider: str | None, model: str | None, context: str) -> Match:
        """Say which price a call means: the user's where an entry is for it."""
        asked = (provider, model, context)
        if asked not in self._matches:
            self._matches[asked] = self._found(asked, ())[0]
        return self._matches[asked]

    def rates(self, price: str) -> Sequence[Rate]:
        """The cells of a price, by time; of the user's prices, those that a match has named."""
        return self._cells.get(price) or self._book.rates(price)

    def prices(self) -> Iterable[str]:
        """The user's prices that are for one name, then all of the list."""
        for layer in self._layers:
            entry = layer.entry
            if not is_glob(entry.model) and not is_glob(entry.provider):
                context = "" if entry.context == "*" else entry.context
                found = self.match(entry.provider or None, entry.model, context)
                if found.price:
                    yield found.price
        yield from self._book.prices()

    def _found(self, asked: Asked, within: tuple[_Layer, ...]) -> tuple[Match, Sequence[Rate]]:
        """The price of a call and its cells. `within`: the entries whose `same_as` led here."""
        layers = [layer for layer in self._layers if _is_for(layer.entry, *asked)]
        if not layers:
            match = self._book.match(*asked)
            return match, self._book.rates(match.price) if match.price else ()
        price = _price_id(*asked)
        cells, reason, free = [], "", [(FAR_PAST, FAR_FUTURE)]
        for layer in layers:
            own, why = self._own(layer, asked, within)
            reason = reason or why
            cells += [
                part for cell in own for part in _clipped(cell, price, _common(free, layer.entry.interval))
            ]
            free = _without(free, layer.entry.interval)
        if free:
            match = self._book.match(*asked)
            cells += [
                part
                for cell in (self._book.rates(match.price) if match.price else ())
                for part in _clipped(cell, price, free)
            ]
            reason = reason or match.reason
        if not cells:
            return Match(None, "none", reason), ()
        self._cells[price] = tuple(sorted(cells, key=lambda cell: (cell.valid_from, cell.tier_over)))
        return Match(price, "user"), self._cells[price]

    def _own(self, layer: _Layer, asked: Asked, within: tuple[_Layer, ...]) -> tuple[Sequence[Rate], str]:
        """The cells of an entry for a call, and why there are none."""
        if not layer.entry.same_as:
            return rates_of(layer.entry), ""
        if layer in within:
            raise ConfigError(
                f"{label(layer.number, layer.entry)}: its same_as ({layer.entry.same_as}) leads back to itself. "
                "Name a model that no such entry is for."
            )
        match, cells = self._found((*split_name(layer.entry.same_as), asked[2]), (*within, layer))
        return cells, match.reason


def overridden(book: Book, entries: Sequence[UserPrice]) -> Book:
    """Put the user's own prices before a price book.

    Raises:
        ConfigError: an entry that cannot be used, by its number and name, such as a `same_as` of a name that has no
            price, or that leads back to itself.
    """
    for number, _, message in list_faults(entries):
        raise ConfigError(f"{label(number, entries[number - 1])}: {message}")
    if not entries:
        return book
    made = Overridden(book, entries)
    for number, entry in enumerate(entries, 1):
        if entry.same_as:
            context = "" if entry.context == "*" else entry.context
            made.match(entry.provider or None, entry.model, context)  # finds a loop
            found = made.match(*split_name(entry.same_as), context)
            if found.price is None:
                raise ConfigError(
                    f"{label(number, entry)}: same_as names {entry.same_as}, which has no price: {found.reason}."
                )
    return made


def rates_of(entry: UserPrice) -> list[Rate]:
    """The cells of an entry that names its rates: one for each context tier.

    `input = 3, tiers = [{ over = 200_000, input = 6 }]`: a call of 200,000 tokens pays $3 per million for all of
    them, one of 200,001 pays $6 for all.
    """
    tiers = sorted(entry.tiers, key=lambda tier: tier.over)
    overs = [NO_TIER, *(tier.over for tier in tiers)]
    uptos = [*(tier.over for tier in tiers), TOP_TIER]
    start, end = entry.interval
    calls = {NAMES[name].bucket: NAMES[name].units(value) for name, value in given(entry) if name in PER_CALL}
    return [
        Rate(
            price="",
            valid_from=start,
            valid_to=end,
            minute_from=0,
            minute_to=1440,
            weekdays=ALL_DAYS,
            tier_over=over,
            tier_upto=upto,
            rates=_filled(entry, own) | calls,
            source=SOURCE,
            basis="given",
            reference=entry.source,
        )
        for own, over, upto in zip((entry, *tiers), overs, uptos, strict=True)
    ]


def _filled(entry: UserPrice, own: Rates) -> dict[str, int]:
    """The token rates of an entry, or of a tier of it, with what is sure filled in (see the module)."""
    rates = {
        NAMES[name].bucket: NAMES[name].units(value) for name, value in given(own) if name not in PER_CALL
    }
    paid = [name for name, _ in given(entry)]
    if paid and all(name in ("per_request", "per_second") for name in paid):
        return {bucket: 0 for bucket in USAGE_COLUMNS if bucket.endswith("_tokens")}
    yours = UNPRICED_PROVIDERS.get(entry.provider.strip().lower().replace("-", "_")) == "self-hosted"
    for bucket in USAGE_COLUMNS:
        part_of = PART_OF.get(bucket, "")
        if bucket not in rates and part_of in rates and (yours or bucket == "reasoning_tokens"):
            rates[bucket] = rates[part_of]
    return rates


def split_name(name: str) -> tuple[str | None, str]:
    """`openai/gpt-4o` as provider and model; a name without a provider is a model's."""
    provider, sign, model = name.strip().partition("/")
    return (provider, model) if sign else (None, provider)


def _rank(layer: _Layer) -> tuple[bool, bool, bool, int]:
    entry = layer.entry
    vague = not entry.provider or is_glob(entry.provider)
    every = entry.context == "*" or bool(entry.same_as and not entry.context)
    return is_glob(entry.model), vague, every, layer.number


def _is_for(entry: UserPrice, provider: str | None, model: str | None, context: str) -> bool:
    # A copy has its model's prices in every context; rates are for the context that the entry names.
    every = entry.context == "*" or bool(entry.same_as and not entry.context)
    if not every and standard_context(entry.context) != standard_context(context):
        return False
    return any(
        (not entry.provider or any(glob(entry.provider).fullmatch(name) for name in provider_names(sold_by)))
        and glob(entry.model).fullmatch(name) is not None
        for sold_by, name in _spellings(provider, model)
    )


def _spellings(provider: str | None, model: str | None) -> Iterator[tuple[str | None, str]]:
    """A call's names; through a gateway also as the one behind it would say them: `ollama/llama3`."""
    name = (model or "").strip().lower()
    if name:
        yield provider, name
        if (provider or "").strip().lower() in GATEWAYS and "/" in name:
            yield split_name(name)


def _price_id(provider: str | None, model: str | None, context: str) -> str:
    sold_by = f"{provider.strip().lower()}/" if provider else ""
    wanted = standard_context(context)
    return f"{USER}{sold_by}{(model or '').strip().lower()}{f';{wanted}' if wanted else ''}"


_Interval = tuple[int, int]


def _common(free: Iterable[_Interval], interval: _Interval) -> list[_Interval]:
    found = [(max(start, interval[0]), min(end, interval[1])) for start, end in free]
    return [(start, end) for start, end in found if start < end]


def _without(free: Iterable[_Interval], interval: _Interval) -> list[_Interval]:
    rest = [
        part
        for each in free
        for part in ((each[0], min(each[1], interval[0])), (max(each[0], interval[1]), each[1]))
    ]
    return [(start, end) for start, end in rest if start < end]


def _clipped(cell: Rate, price: str, intervals: Iterable[_Interval]) -> Iterator[Rate]:
    for start, end in _common(intervals, (cell.valid_from, cell.valid_to)):
        yield msgspec.structs.replace(cell, price=price, valid_from=start, valid_to=end)


def unmatched(
    entries: Sequence[UserPrice | Discount], names: Iterable[tuple[str | None, str | None]]
) -> list[str]:
    """A line for each entry that is for none of the names: those of the price book and of the ledger's calls.

    Args:
        entries: of `[[prices]]` or of `[[discounts]]`.
        names: (provider, model), as `priced_names` gives them and as `plan.split` gives them of a price key.
    """
    known = list(dict.fromkeys(names))
    return [
        f"{_labelled(number, entry)} matches no model of the price book and no call of the ledger: "
        "check how its provider and model are spelled."
        for number, entry in enumerate(entries, 1)
        if not any(_names(entry, provider, model) for provider, model in known)
    ]


def priced_names(book: Book) -> Iterator[tuple[str | None, str | None]]:
    """(provider, model) of every price of a book."""
    for price in book.prices():
        if not price.startswith(USER):
            yield split_name(price.partition(";")[0])


def _labelled(number: int, entry: UserPrice | Discount) -> str:
    return entry.label(number) if isinstance(entry, Discount) else label(number, entry)


def _names(entry: UserPrice | Discount, provider: str | None, model: str | None) -> bool:
    if isinstance(entry, Discount):
        return concerns(entry, provider, model)
    return _is_for(msgspec.structs.replace(entry, context="*"), provider, model, "")
