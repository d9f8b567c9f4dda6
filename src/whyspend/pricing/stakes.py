"""What is at stake where a price is not known, estimated from neighbours, and the entry that would set the price.

The neighbour of a model is, in this order: itself, where only this way of serving it, this day or one of its
quantities has no price; the model with the most similar name of the same provider, else of the makers of models; the
middle one of the provider's models by what these very tokens would cost; the middle one of all makers' models.

    claude-sonnet-4-9 used 1,000,000 input and 100,000 output tokens. The most similar name is claude-sonnet-4-6,
    at $3 and $15 per million: ~$4.50. That is a guess from a name, so it is marked and never part of a total.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from whyspend.pricing.book import Book, Rate
from whyspend.pricing.entries import NAMES, PER_CALL
from whyspend.pricing.globs import provider_names
from whyspend.pricing.names import FIRST_PARTY, standard_context
from whyspend.pricing.overrides import USER
from whyspend.pricing.quote import cell_at, dollars, instant

ALIKE, VERY_ALIKE = 0.6, 0.8
"""How similar a name must be (difflib's ratio) to be a neighbour: of the same provider, of another."""


@dataclass(frozen=True)
class Unpriced:
    """Calls without a price: of one name, for one reason."""

    provider: str | None
    model: str | None
    context: str
    reason: str
    calls: int
    used: Mapping[str, int]
    """Bucket -> quantity; empty where nothing was counted."""

    @property
    def tokens(self) -> int:
        """All tokens."""
        return sum(amount for bucket, amount in self.used.items() if bucket.endswith("_tokens"))


@dataclass(frozen=True)
class Stake:
    """An estimate, and how to make a price of it."""

    usd: Decimal | None
    """None: there is nothing to estimate from."""
    basis: str
    """`as openai/gpt-4o`, `median of 12 models of openai`."""
    toml: str
    """A `[[prices]]` entry; empty where no entry would help."""


@dataclass(frozen=True)
class _Neighbour:
    price: str
    cell: Rate
    basis: str
    kind: Literal["itself", "name", "median"]


def stake(book: Book, calls: Unpriced, start: int, end: int) -> Stake:
    """Estimate what unpriced calls cost, at the prices of the end of their days.

    Args:
        book: the prices in use.
        calls: what has no price.
        start: of the days that are asked about, microseconds UTC.
        end: of the days, exclusive.
    """
    if not calls.used or not calls.model:
        return Stake(None, "", "")
    found = _neighbour(book, calls, end - 1)
    if found is None:
        return Stake(None, "", "")
    usd = dollars(_cost(found.cell, calls.used))
    return Stake(usd, found.basis, "\n".join(_entry(book, calls, found, start, end)) + "\n")


def _neighbour(book: Book, calls: Unpriced, at: int) -> _Neighbour | None:
    own = book.match(calls.provider, calls.model, "")
    if own.price and (cells := [cell for cell in book.rates(own.price) if cell.rates]):
        cell = cell_at(cells, at, 0) or cells[-1]
        return _Neighbour(own.price, cell, f"as {_plain(own.price)}", "itself")
    sellers = provider_names(calls.provider)
    mine = dict(_models(book, sellers, calls.used, at))
    makers = dict(_models(book, FIRST_PARTY, calls.used, at))
    name = (calls.model or "").lower().rpartition("/")[2]
    for models, alike in ((mine, ALIKE), (makers, VERY_ALIKE)):
        by_name = {price.partition("/")[2].rpartition("/")[2]: price for price in models}
        if near := difflib.get_close_matches(name, by_name, n=1, cutoff=alike):
            price = by_name[near[0]]
            return _Neighbour(price, models[price], f"as {price}", "name")
    whose = f"{calls.provider}" if mine else "all makers"
    return _middle(mine or makers, calls.used, whose)


def _middle(models: Mapping[str, Rate], used: Mapping[str, int], whose: str) -> _Neighbour | None:
    if not models:
        return None
    ranked = sorted(models, key=lambda price: (_cost(models[price], used), price))
    price = ranked[(len(ranked) - 1) // 2]
    return _Neighbour(price, models[price], f"median of {len(ranked)} models of {whose}", "median")


def _models(
    book: Book, sellers: Iterable[str], used: Mapping[str, int], at: int
) -> Iterator[tuple[str, Rate]]:
    """The standard prices of some sellers that know all that was used."""
    wanted = tuple(f"{seller}/" for seller in sellers)
    for price in book.prices():
        if price.startswith(wanted) and ";" not in price:
            cell = cell_at((cell for cell in book.rates(price) if cell.rates), at, 0)
            if cell and cell.rates.get("input_tokens") and used.keys() <= cell.rates.keys():
                yield price, cell


def _cost(cell: Rate, used: Mapping[str, int]) -> int:
    """Pico-dollars; a quantity that has no rate is left out."""
    return sum(amount * cell.rates.get(bucket, 0) for bucket, amount in used.items())


# The entry


def _entry(book: Book, calls: Unpriced, found: _Neighbour, start: int, end: int) -> Iterator[str]:
    """The lines of a `[[prices]]` entry that gives these calls the neighbour's price."""
    yield "[[prices]]"
    if calls.provider:
        yield f"provider = {toml(calls.provider)}"
    yield f"model = {toml(calls.model or '')}"
    context = standard_context(calls.context)
    if found.kind == "name" and not context and _covers(book, found.price, start, end):
        yield f"same_as = {toml(found.price)}  # a guess from the name: is it the same?"
        return
    if context:
        yield f"context = {toml(context)}"
    yield from _days(book, found, start, end)
    like = f" ({found.basis})" if found.kind == "median" else ""
    yield f"# USD per million tokens, as {_plain(found.price)}{like}: put in what you pay."
    needed = {"input_tokens", "output_tokens", *calls.used}
    for name, what in NAMES.items():
        if what.bucket in needed and (name not in PER_CALL or what.bucket in calls.used):
            pico = found.cell.rates.get(what.bucket, 0)
            mark = "" if pico or what.bucket in found.cell.rates else "  # not known: put in what you pay"
            yield f"{name} = {Decimal(pico).scaleb(-what.digits).normalize():f}{mark}"


def _covers(book: Book, price: str, start: int, end: int) -> bool:
    cells = [cell for cell in book.rates(price) if cell.rates]
    return all(cell_at(cells, at, 0) for at in (start, end - 1))


def _days(book: Book, found: _Neighbour, start: int, end: int) -> Iterator[str]:
    """From when until when a model has no price of its own, so that the days that have one keep it."""
    if found.kind != "itself":
        return
    cells = [cell for cell in book.rates(found.price) if cell.rates]
    gap = next((at for at in (end - 1, start) if cell_at(cells, at, 0) is None), None)
    if gap is None:
        return
    ends = [cell.valid_to for cell in cells if cell.valid_to <= gap]
    starts = [cell.valid_from for cell in cells if cell.valid_from > gap]
    for key, moment in (("from", max(ends, default=None)), ("to", min(starts, default=None))):
        if moment is not None and (day := instant(moment)):
            yield f"{key} = {day:%Y-%m-%d}"


def toml(name: str) -> str:
    r"""A name as a basic string of TOML: `"say \"hi\""`, with everything that acts on a terminal escaped.

    What TOML cannot hold (half of a surrogate pair, NUL) becomes `?`, which in an entry stands for any character.
    """
    return '"' + "".join(map(_sign, name)) + '"'


def _sign(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    if sign == "\0" or "\ud800" <= sign <= "\udfff":
        return "?"
    return sign if sign.isprintable() else f"\\U{ord(sign):08X}"


def _plain(price: str) -> str:
    return price.removeprefix(USER)
