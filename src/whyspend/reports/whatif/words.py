"""What a reader must know of calls that were priced in another way, one line each."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from whyspend.errors import nearest as nearest_name
from whyspend.money import usd

SHOWN = 5

CENT = 10**22
"""1e-24 dollars."""


def step_of(amounts: Iterable[int]) -> int:
    """To what amounts are rounded for people: cents, or two digits of the largest where that is less than a dime."""
    largest, step = max(map(abs, amounts), default=0), CENT
    while 0 < largest < 10 * step and step > 10**12:
        step //= 10
    return step


def nearest(units: int, step: int) -> int:
    """An amount in whole steps."""
    return round(Fraction(units, step)) * step


def dollars(units: int, step: int, *, signed: bool = False) -> str:
    """An amount that is rounded already: -$1,234.50."""
    places = 24 - (len(str(step)) - 1)
    sign = "-" if units < 0 else "+" if signed and units > 0 else ""
    return f"{sign}${usd(abs(units)):,.{places}f}"


def percent(part: int, whole: int) -> str:
    """A signed share: -43.8 %."""
    return f"{Decimal(part) / Decimal(whole):+.1%}".replace("%", " %") if whole else "no share"


def calls(number: int) -> str:
    """1 call, 1,234 calls."""
    return f"{number:,} call{'' if number == 1 else 's'}"


def plain(name: str) -> str:
    """A name as part of a line."""
    return " ".join(name.split())


def of_options(answer: Any, names: dict[Any, str]) -> Iterator[str]:
    """What the options rest on, and what they could not be applied to."""
    if answer.asked.swaps:
        yield (
            "Quality not considered: another model answers differently. The length of its answers and its number of "
            "steps are not simulated."
        )
        yield from _of_tokens(answer.tokens())
    if answer.asked.cache_hit is not None:
        yield from _of_cache(answer)
    if answer.asked.batch and answer.changed["batch", 0]:
        yield "In a batch, answers come within a day, not at once."
    if answer.asked.drop_retries and answer.changed["drop_retries", 0]:
        yield _of_retries(*answer.repeated())
    yield from _of_standard(answer, names)
    yield from _of_nothing(answer, names)
    stay = sorted(answer.stay.items(), key=lambda item: (-item[1], item[0]))
    for (option, model, reason), count in stay[:SHOWN]:
        yield f"Left as they are by {names[option]}: {calls(count)}, {plain(model)}: {plain(reason)}."
    if len(stay) > SHOWN:
        count = sum(number for _, number in stay[SHOWN:])
        yield f"Left as they are: {calls(count)} for {len(stay) - SHOWN} more reasons."


def _of_standard(answer: Any, names: dict[Any, str]) -> Iterator[str]:
    found = sorted(answer.standard.items(), key=lambda item: (-item[1], item[0]))
    for (option, model, lost), count in found[:SHOWN]:
        what = f"{plain(model)} is not sold at {plain(lost)}"
        yield f"At the standard price by {names[option]}: {calls(count)}, for {what}."


def _of_tokens(found: Sequence[tuple[str, Any]]) -> Iterator[str]:
    same = [name for name, tokens in found if tokens.low == tokens.high == 1]
    others = [each for each in found if each[0] not in same]
    for name, tokens in others[:SHOWN]:
        low, high = (f"{float(bound):.2f}" for bound in (tokens.low, tokens.high))
        yield (
            f"Tokens of the same text, {plain(name)}: {low if low == high else f'{low} to {high}'} times as many "
            f"({tokens.source}); low_usd and high_usd say so, whatif_usd has the same counts."
        )
    if len(others) > SHOWN:
        yield f"Tokens of the same text: {len(others) - SHOWN} more pairs of models differ."
    if same and not others:
        yield "The same tokenizer counts for the old and the new model."


def _of_cache(answer: Any) -> Iterator[str]:
    text, before, after = answer.reads
    if not text:
        return
    shares = [f"{Decimal(part) / Decimal(text):.1%}".replace("%", " %") for part in (before, after)]
    yield (
        f"Cache: each call reads at least {answer.asked.cache_hit.normalize():f} % of its text input, where reads cost "
        f"less; together {shares[0]} was read, and {shares[1]} would be. Writes stay as they were; in high_usd all "
        "the rest is written, where that costs more."
    )


def _of_retries(failed: int, repeated: int) -> str:
    said = f"Without {calls(failed)} that failed; {repeated:,} of them were repeated with success at the same call site"
    return f"{said} of the trace{'' if failed == repeated else ', the others may have to be made again'}."


def _of_nothing(answer: Any, names: dict[Any, str]) -> Iterator[str]:
    missed = {
        "swap": "no call of these days is of such a model",
        "cache_hit": "every call reads that much already, or has no input that could be read",
        "batch": "every call is in a batch already, or there are none",
        "drop_retries": "no call that costs anything failed",
        "prices_at": "no call of these days has a price",
    }
    left = {option for option, _, _ in answer.stay}
    for option, name in names.items():
        if not answer.changed[option] and option not in left:
            hint = (
                nearest_name(answer.asked.swaps[option[1]].old, answer.models) if option[0] == "swap" else ""
            )
            yield f"Nothing changes by {name}: {missed[option[0]]}.{plain(hint) and ' ' + plain(hint)}"
