"""Which calls get another model, whose price that is, and how many tokens it would make of the same text."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from whyspend.errors import UsageError
from whyspend.pricing.book import Book
from whyspend.pricing.names import standard_context
from whyspend.pricing.overrides import USER, priced_names
from whyspend.pricing.plan import REPORTED, Prices, split
from whyspend.pricing.quote import Quotes
from whyspend.pricing.tokenizers import SAME, Tokens, between
from whyspend.pricing.whatif import moved_to
from whyspend.workspace.keys import UNKNOWN, glob

if TYPE_CHECKING:
    from whyspend.workspace.data import Data

SITES = """
SELECT price_key, coalesce(call_site, name, ''), count(*), CAST(sum(prompt_total) AS VARCHAR)
FROM {calls} called WHERE price_key IN ({keys}) AND usage_source IS NOT NULL AND status = 'success'
GROUP BY 1, 2
"""

FEWEST = 30
"""Calls of each model at a call site for their tokens to be compared."""

PLAUSIBLE = (Fraction(1, 2), Fraction(2))
"""No two tokenizers differ by more on one text: where two models do, they were not given the same prompts."""

Names = tuple[str | None, str | None]
"""Provider and model, as calls carry them."""


@dataclass(frozen=True)
class Swap:
    """Another model in place of those whose names are like this."""

    old: str
    """A model, or provider/model, or a pattern of them; `gpt-4o` is for its snapshots too."""
    new: str

    @property
    def said(self) -> str:
        """As it is shown."""
        return f"{self.old} -> {self.new}"


@dataclass(frozen=True)
class Swapped:
    """What becomes of the calls of one price key."""

    number: int
    """Of the swap, the first that is for them."""
    price_key: str
    """Theirs with the new model."""
    tokens: Tokens
    lost: str = ""
    """What the new model is not sold at, so that they get its standard price: `service_tier=priority`."""


def swapped(
    data: "Data", swaps: Sequence[Swap], prices: Prices, price_keys: Iterable[str]
) -> dict[str, Swapped]:
    """The calls that get another model, by price key; a call goes by the first swap that is for it.

    Raises:
        UsageError: a new model that the price book does not know.
    """
    book = prices.current.book
    news = [Quotes(prices).named(swap.new) for swap in swaps]
    chosen: dict[str, tuple[int, str]] = {}
    for key in price_keys:
        number = next(
            (n for n, swap in enumerate(swaps) if key != REPORTED and _is_for(swap, key, book)), None
        )
        if number is not None:
            chosen[key] = number, moved_to(key, *news[number], book)
    for number, swap in enumerate(swaps):
        targets = [target for at, target in chosen.values() if at == number]
        _refuse_unknown(swap, news[number], targets, book)
    tokens = _tokens(data, {key: target for key, (_, target) in chosen.items()}, book, tuple(price_keys))
    return {
        key: Swapped(number, target, tokens[key], _lost(split(key)[2], split(target)[2]))
        for key, (number, target) in chosen.items()
    }


def _lost(old: str, new: str) -> str:
    """The parts of a context that another has not."""
    kept = new.split(";")
    return (
        "" if old == new else ", ".join(part for part in standard_context(old).split(";") if part not in kept)
    )


def _is_for(swap: Swap, price_key: str, book: Book) -> bool:
    """Whether a swap names a model: as calls carry it, or as the price book does, for which a snapshot is its model."""
    provider, model, _ = split(price_key)
    shown = model or UNKNOWN
    listed = _listed((provider, model), book)
    pattern = re.compile(glob(swap.old), re.DOTALL)
    return any(
        pattern.fullmatch(name)
        for name in (shown, f"{provider}/{shown}", listed, listed.partition("/")[2] or listed)
    )


def _refuse_unknown(swap: Swap, new: tuple[str | None, str], targets: Sequence[str], book: Book) -> None:
    found = [book.match(*split(target)[:2], "") for target in targets] or [book.match(*new, "")]
    if any(match.price for match in found):
        return
    names = list(priced_names(book))
    known = dict.fromkeys(
        [f"{provider}/{model}" for provider, model in names] if new[0] else [str(model) for _, model in names]
    )
    near = difflib.get_close_matches(swap.new.lower(), list(known), n=3, cutoff=0.6)
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise UsageError(
        f"--swap: the price book has no price for {swap.new[:60]!r}: {found[0].reason}.{meant} "
        "Give a model, or provider/model; see: whyspend prices list."
    )


def _tokens(
    data: "Data", targets: Mapping[str, str], book: Book, price_keys: Sequence[str]
) -> dict[str, Tokens]:
    """For each price key with a new model: what its own traffic shows, else what is known of the tokenizers."""
    listed = {key: _listed(split(key)[:2], book) for key in {*price_keys, *targets.values()} - {REPORTED}}
    pairs = {(listed[old], listed[new]) for old, new in targets.items()}
    known = {pair: between(*pair) for pair in pairs}
    unsure = [pair for pair in pairs if known[pair] != SAME]
    wanted = [key for key in price_keys if any(listed.get(key) in pair for pair in unsure)]
    if unsure and any(listed[key] == new for _, new in unsure for key in wanted):
        sites = _sites(data, wanted, listed)
        known |= {pair: seen for pair in unsure if (seen := _seen(sites, *pair))}
    return {old: known[listed[old], listed[new]] for old, new in targets.items()}


def _listed(names: Names, book: Book) -> str:
    """The model's own name where the price book knows it, so that two spellings are one."""
    price = book.match(*names, "").price
    return (names[1] or "") if price is None or price.startswith(USER) else price.partition(";")[0]


def _sites(
    data: "Data", price_keys: Sequence[str], listed: Mapping[str, str]
) -> dict[str, dict[str, tuple[int, int]]]:
    """By model and call site: how many calls, and their input tokens."""
    literals = ", ".join(map(data.engine.literal, price_keys))
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for key, site, calls, tokens in data.rows(SITES.format(calls=data.calls(), keys=literals)):
        held = found.setdefault(listed[key], {}).get(site, (0, 0))
        found[listed[key]][site] = (held[0] + int(calls), held[1] + int(tokens))
    return found


def _seen(sites: Mapping[str, Mapping[str, tuple[int, int]]], old: str, new: str) -> Tokens | None:
    """Input tokens a call of one model for one of the other, where both ran at the same call site often enough.

    1,000 tokens a call of the old model and 1,220 of the new one at one site, 1.05 times as many at another: from
    1.05 to 1.22.
    """
    ratios = []
    for site, (calls, tokens) in sites.get(old, {}).items():
        others, theirs = sites.get(new, {}).get(site, (0, 0))
        if min(calls, others) >= FEWEST and tokens:
            ratios.append(Fraction(theirs, others) / Fraction(tokens, calls))
    ratios = [ratio for ratio in ratios if PLAUSIBLE[0] <= ratio <= PLAUSIBLE[1]]
    if not ratios:
        return None
    where = "1 call site" if len(ratios) == 1 else f"{len(ratios)} call sites"
    return Tokens(min(ratios), max(ratios), f"measured in these days at {where} where both ran")
