"""The same calls in several ways at once: another model, in a batch, at the prices of another day.

A slot (slots.py) tells apart what is priced differently in one way; here it tells apart what is priced differently in
any of them. So calls are added up once, and each way multiplies the same sums:

    gpt-4o has one price; gemini-2.5-pro costs more for prompts above 200,000 tokens. Calls of gpt-4o are added up
    apart for prompts up to 200,000 and above, and each part is multiplied by the price that its prompts would have.

A way may count tokens differently: with 1.3 tokens for each of the ledger's, a prompt of 153,847 has 200,001.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import msgspec

from whyspend.model import USAGE_COLUMNS, Engine
from whyspend.pricing.book import Book
from whyspend.pricing.names import standard_context
from whyspend.pricing.plan import (
    CALLS,
    DAY,
    REPORTED,
    WHOLE,
    Basis,
    Plan,
    Priced,
    Prices,
    Span,
    Use,
    assembled,
    phase_of,
    phases_of,
    row_of,
    split,
)
from whyspend.pricing.slots import LATENCY, Own, Phase, Shared, Slot, own, slots

BATCH = "processing=batch"

_INSTEAD_OF_BATCH = ("processing=", "service_tier=")
"""What a call cannot be and be in a batch."""

_TIERS = (*_INSTEAD_OF_BATCH, "speed=")
"""How soon calls are answered: what another model may not be sold at."""


class Way(msgspec.Struct, frozen=True):
    """Whose prices some calls are given, and of when."""

    price_key: str
    basis: Basis
    scale: Fraction = Fraction(1)
    """Tokens for each of the ledger's."""


@dataclass(frozen=True)
class Ways:
    """The prices of all calls of a question, in every way that it asks for."""

    plan: Plan
    """Those in the first way, with the slots of all."""
    timed: bool
    """Whether some way pays for time."""
    _slots: Mapping[str, Mapping[int, Slot]]
    _phases: Mapping[tuple[str, Way], Sequence[Phase]]
    _found: dict[tuple[str, int, Way], Priced]

    def priced(self, price_key: str, slot: int, way: Way) -> Priced:
        """What a unit of the calls of a price key and slot costs in a way that it has."""
        asked = (price_key, slot, way)
        if asked not in self._found:
            self._found[asked] = _priced(
                self._slots[price_key][slot], slot, way, self._phases[price_key, way]
            )
        return self._found[asked]


def ways(
    prices: Prices,
    span: Span,
    found: Mapping[str, Sequence[Way]],
    basis: Basis,
    engine: Engine,
    dimensions: Mapping[str, str],
) -> Ways:
    """Find the prices of a span of calls in several ways.

    Args:
        prices: the eras.
        span: the calls.
        found: the ways of each price key of the span but REPORTED; the first is as it was.
        basis: that of the first ways.
        engine: whose words to use.
        dimensions: SQL of the value of each dimension over a ledger row, for discounts with a condition.

    Raises:
        ConfigError: discounts that cannot be told apart or multiplied exactly.
    """
    phases = {
        (key, way): phases_of(way.price_key, prices, _as(span, key, way), way.basis)
        for key, own_ways in found.items()
        for way in own_ways
    }
    common = _common(phases, span)
    owned = {key: _own(span, key, [phases[key, way] for way in each]) for key, each in found.items()}
    numbered = {key: dict(slots(each, common, span.start)) for key, each in owned.items()}
    rows = [
        row
        for key, each in numbered.items()
        for row in _rows(each, found[key][0], phases[key, found[key][0]])
    ]
    rates = [cell.rates for each in phases.values() for phase in each for cell in phase.cells]
    made = assembled(rows, owned, common, span, basis, engine, dimensions)
    return Ways(made, any(LATENCY in each for each in rates), numbered, phases, {})


def units(priced: Priced, used: Mapping[str, int], calls: int, scale: Fraction = Fraction(1)) -> int:
    """What calls cost, in whole 1e-24 dollars.

    Args:
        priced: a price; it must have rates.
        used: what they used, by bucket; time under LATENCY.
        calls: how many there are.
        scale: tokens for each of these; where it is not 1, this is an estimate, rounded to 1e-12 dollars.
    """
    rates = priced.rates or {}
    plain, tokens = calls * rates.get(CALLS, 0), 0
    for bucket, amount in used.items():
        if bucket in TOKENS:
            tokens += amount * rates.get(bucket, 0)
        else:
            plain += amount * rates.get(bucket, 0)
    if scale == 1:
        return (plain + tokens) * priced.factor
    # As round((plain + tokens * scale) * factor / WHOLE) * WHOLE, without a Fraction for each group of calls.
    parts, whole = (
        (plain * scale.denominator + tokens * scale.numerator) * priced.factor,
        scale.denominator * WHOLE,
    )
    return (2 * parts + whole) // (2 * whole) * WHOLE


TOKENS = frozenset(name for name in USAGE_COLUMNS if name.endswith("_tokens"))


def moved_to(price_key: str, provider: str | None, model: str, book: Book) -> str:
    """The price key of the same calls with another model, in the same context.

    Without a provider: by the one that serves them now, if it sells the model, else by the model's maker. What the new
    model is not sold at (a batch, `service_tier=priority`, a fast mode) becomes the standard, where it has one: with
    that model, the calls could only be made so.
    """
    served_by, _, context = split(price_key)
    if provider is None and book.match(served_by, model, "").price is None:
        maker = book.match(None, model, "").price
        provider = maker.partition("/")[0] if maker and not maker.startswith("user:") else None
    elif provider is None:
        provider = served_by
    if book.match(provider, model, context).price is None:
        parts = [part for part in standard_context(context).split(";") if not part.startswith(_TIERS)]
        if book.match(provider, model, ";".join(parts)).price is not None:
            context = ";".join(parts)
    return f"{provider or ''}|{model}|{context}"


def in_batch(price_key: str, book: Book) -> str | None:
    """The price key of the same calls in a batch; None where they are in one already, or nothing is known of it.

    What a call cannot be in a batch is left out of its context: `service_tier=flex` becomes `processing=batch`.
    OpenRouter sells batches as models of their own, `...:batch`.
    """
    if price_key == REPORTED:
        return None
    provider, model, context = split(price_key)
    parts = [part for part in standard_context(context).split(";") if part]
    if BATCH in parts or model is None or model.endswith(":batch"):
        return None
    rest = [part for part in parts if not part.startswith(_INSTEAD_OF_BATCH)]
    wanted = ";".join(sorted((*rest, BATCH)))
    if book.match(provider, model, wanted).price is None:
        listed = f"{model}:batch"
        if book.match(provider, listed, ";".join(rest)).price is not None:
            return f"{provider or ''}|{listed}|{';'.join(rest)}"
    return f"{provider or ''}|{model}|{wanted}"


def _as(span: Span, price_key: str, way: Way) -> Span:
    """The span with the calls of a price key under the name that a way gives them."""
    use = span.uses[price_key]
    longest = ceil(use.prompt_max * max(way.scale, Fraction(1)))
    return replace(span, uses={way.price_key: Use(use.quantities, longest)})


def _common(phases: Mapping[tuple[str, Way], Sequence[Phase]], span: Span) -> Shared:
    """As slots.shared, over all ways. A bound of 200,000 is one of 153,846 where a way makes 1.3 tokens of one."""
    days = {phase.start for each in phases.values() for phase in each[1:] if phase.start % DAY == 0}
    tiers = {
        bound
        for (key, way), each in phases.items()
        for phase in each
        for cell in phase.cells
        for limit in (cell.tier_over, cell.tier_upto)
        if limit >= 0 and (bound := int(limit / way.scale)) < span.uses[key].prompt_max
    }
    return Shared(tuple(sorted(days)), tuple(sorted(tiers)))


def _own(span: Span, price_key: str, each: Sequence[Sequence[Phase]]) -> Own:
    """As slots.own, over all ways: when each begins is no change."""
    first = [replace(phases[0], start=0) for phases in each if phases]
    return own([*first, *(phase for phases in each for phase in phases[1:])], span.uses[price_key].quantities)


def _rows(numbered: Mapping[int, Slot], way: Way, phases: Sequence[Phase]) -> Iterator[Priced]:
    made: dict[object, Priced] = {}
    for number, slot in numbered.items():
        # Many slots are of one phase: the days of other price keys part them.
        same = (
            phase_of(slot, phases).start, slot.minute, slot.weekday, slot.prompt, slot.lacking, slot.conditions
        )  # fmt: skip
        if same not in made:
            made[same] = _priced(slot, number, way, phases)
        row = made[same]
        yield Priced(row.price_key, number, row.rates, row.reason, row.factor, row.by_count)


def _priced(slot: Slot, number: int, way: Way, phases: Sequence[Phase]) -> Priced:
    if way.scale != 1:
        slot = msgspec.structs.replace(slot, prompt=ceil(slot.prompt * way.scale))
    return row_of(way.price_key, number, slot, phase_of(slot, phases))
