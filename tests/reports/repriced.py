"""The figures of `whatif` once more, each call alone, in plain Python: slow and simple on purpose."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import combinations, permutations
from math import ceil

import msgspec

from whyspend.model import USAGE_COLUMNS, Call
from whyspend.pricing.book import Book
from whyspend.pricing.tokenizers import between

UNITS = 10**12
"""1e-24 dollars for each pico-dollar."""

TEXT = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
FLEX = re.compile(r"(processing|service_tier)=")
TIER = re.compile(r"(processing|service_tier|speed)=")


@dataclass(frozen=True)
class Different:
    swap: tuple[str, str, str] | None = None
    """Pattern of the old model, provider and model of the new one."""
    cache: Fraction | None = None
    batch: bool = False
    retries: bool = False
    at: date | None = None

    @property
    def options(self) -> tuple[str, ...]:
        given = {
            "swap": self.swap,
            "batch": self.batch,
            "prices_at": self.at,
            "cache_hit": self.cache,
            "drop_retries": self.retries,
        }
        return tuple(name for name, value in given.items() if value)


def model_of(call: Call) -> str | None:
    return call.model_requested if call.model_answered is None else call.model_answered


def costs(call: Call, book: Book, asked: Different, options: Sequence[str], off: Fraction) -> Fraction | None:
    """1e-24 dollars of a call with some of the options; None: no price. `off`: what discounts leave of OpenAI's."""
    return bounded(call, book, asked, options, off)[0]


def bounded(
    call: Call, book: Book, asked: Different, options: Sequence[str], off: Fraction
) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
    """The same, and with the fewest and the most tokens."""
    if call.kind == "tool":
        own = None if call.reported_cost is None else Fraction(call.reported_cost * UNITS)
        gone = own is not None and "drop_retries" in options and call.status == "error"
        return (Fraction(0),) * 3 if gone else (own, own, own)
    if call.usage_source is None or _rates(call, book, None, Fraction(1)) is None:
        return None, None, None
    if "drop_retries" in options and call.status == "error":
        return (Fraction(0),) * 3
    pricing = [
        name
        for name in ("swap", "batch", "prices_at")
        if name in options and _is_for(name, call, asked, book)
    ]
    chosen, other, rates = next(_tried(call, book, asked, pricing))
    plain = _sum(_amounts(call, rates, asked, options, written=False), rates, Fraction(1)) * _left(other, off)
    if "swap" in chosen:
        tokens = between(_listed(call, book), _listed(other, book))
        scales = (tokens.low, tokens.high)
    else:
        scales = (Fraction(1), Fraction(1))
    low, high = (
        _sum(_amounts(call, own, asked, options, written=written), own, scale) * _left(other, off)
        for scale, written in zip(scales, (False, True), strict=True)
        for own in [_rates(other, book, asked.at if "prices_at" in chosen else None, scale) or rates]
    )
    return plain, low, high


def shapley(values: dict[frozenset[str], Fraction], players: Sequence[str]) -> dict[str, Fraction]:
    """By the definition: what each adds, over all orders in which they can come."""
    found = dict.fromkeys(players, Fraction(0))
    orders = list(permutations(players))
    for order in orders:
        for at, player in enumerate(order):
            found[player] += values[frozenset(order[: at + 1])] - values[frozenset(order[:at])]
    return {player: total / len(orders) for player, total in found.items()}


def _is_for(option: str, call: Call, asked: Different, book: Book) -> bool:
    if option != "swap":
        return True
    assert asked.swap
    pattern = asked.swap[0].replace("*", ".*")
    names = (model_of(call) or "unknown", _listed(call, book).rpartition("/")[2])
    return any(re.fullmatch(pattern, name) for name in names)


def _tried(
    call: Call, book: Book, asked: Different, pricing: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], Call, dict[str, int]]]:
    for size in range(len(pricing), -1, -1):
        for chosen in combinations(pricing, size):
            other = call
            if "swap" in chosen:
                assert asked.swap
                _, provider, model = asked.swap
                other = msgspec.structs.replace(
                    other, provider=provider, model_requested=model, model_answered=None
                )
                if book.match(provider, model, other.price_context).price is None:
                    rest = ";".join(part for part in other.price_context.split(";") if not TIER.match(part))
                    if book.match(provider, model, rest).price is not None:
                        other = msgspec.structs.replace(other, price_context=rest)
            if "batch" in chosen:
                parts = [part for part in other.price_context.split(";") if part and not FLEX.match(part)]
                other = msgspec.structs.replace(
                    other, price_context=";".join(sorted((*parts, "processing=batch")))
                )
            rates = _rates(other, book, asked.at if "prices_at" in chosen else None, Fraction(1))
            if rates is not None:
                yield chosen, other, rates


def _rates(call: Call, book: Book, at: date | None, scale: Fraction) -> dict[str, int] | None:
    match = book.match(call.provider, model_of(call), call.price_context)
    began = datetime.fromtimestamp(call.started_at // 1_000_000, UTC)
    moment = (
        call.started_at
        if at is None
        else int(datetime(at.year, at.month, at.day, tzinfo=UTC).timestamp()) * 10**6
    )
    prompt = ceil(call.prompt_total * scale)
    for cell in book.rates(match.price) if match.price else ():
        if (
            cell.valid_from <= moment < cell.valid_to
            and cell.minute_from <= began.hour * 60 + began.minute < cell.minute_to
            and cell.weekdays >> began.weekday() & 1
            and (cell.tier_over < 0 or cell.tier_over < prompt)
            and prompt <= cell.tier_upto
        ):
            used = [name for name in USAGE_COLUMNS if getattr(call, name)]
            return cell.rates if cell.rates and all(name in cell.rates for name in used) else None
    return None


def _amounts(
    call: Call, rates: dict[str, int], asked: Different, options: Sequence[str], *, written: bool
) -> dict[str, int]:
    amounts = {name: getattr(call, name) for name in USAGE_COLUMNS if getattr(call, name)}
    plain = rates.get("input_tokens", 0)
    if "cache_hit" not in options or rates.get("cache_read_tokens", plain) >= plain:
        return amounts
    assert asked.cache is not None
    wanted = int(sum(amounts.get(name, 0) for name in TEXT) * asked.cache)
    moved = max(0, min(call.input_tokens, wanted - call.cache_read_tokens))
    if moved:
        amounts["cache_read_tokens"] = call.cache_read_tokens + moved
        amounts["input_tokens"] = call.input_tokens - moved
        if written and rates.get("cache_write_tokens", 0) > plain:
            amounts["cache_write_tokens"] = call.cache_write_tokens + amounts.pop("input_tokens")
    return amounts


def _sum(amounts: dict[str, int], rates: dict[str, int], scale: Fraction) -> Fraction:
    total = Fraction(rates.get("calls", 0))
    for name, amount in amounts.items():
        total += amount * rates.get(name, 0) * (scale if name.endswith("_tokens") else 1)
    return total * UNITS


def _left(call: Call, off: Fraction) -> Fraction:
    return off if call.provider == "openai" else Fraction(1)


def _listed(call: Call, book: Book) -> str:
    price = book.match(call.provider, model_of(call), "").price
    return price.partition(";")[0] if price else model_of(call) or ""
