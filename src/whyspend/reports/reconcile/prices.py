"""From the cost that LangSmith recorded to ours, for calls that are alike: a price difference in named parts.

The figure walks from theirs to ours in steps; each part is the difference between two neighbours, so they add up
to the whole exactly, whatever the figures are. Money is whole 1e-24 dollars. Example, 1,000 calls of one model with
1,000,000 uncached and 3,000,000 cached input tokens and no output; LangSmith's table has $2.50 per million input
tokens and no price for cached ones, ours $2.00 and $0.50, and 10 % off by contract:

    LangSmith recorded, when its table still said $3.00       4 x 3.00              = $12.00
    its table of today:    frozen price                       4 x 2.50              = $10.00    -2.00
    cached tokens at ours: cached tokens at full rate         1 x 2.50 + 3 x 0.50   =  $4.00    -6.00
    the rest at ours:      price table                        1 x 2.00 + 3 x 0.50   =  $3.50    -0.50
    less 10 %:             discounts                          3.50 x 0.9            =  $3.15    -0.35

Between "price table" and "discounts" stands "tier or batch": from our standard price to that of the tier that
was served, where LangSmith's table has no price of its own for that tier.
"""

from collections.abc import Iterator, Mapping

from whyspend.reports.reconcile.sides import PICO, Group, MapRow

CACHED: Mapping[str, str] = {
    "cache_read_tokens": "input_tokens",
    "cache_write_tokens": "input_tokens",
    "cache_write_1h_tokens": "input_tokens",
    "cache_read_audio_tokens": "input_audio_tokens",
    "cache_read_image_tokens": "input_image_tokens",
}
"""Quantities that went through a cache, and what they are charged as where a cache is not known of."""

PROMPT_KEYS: Mapping[str, tuple[str, ...]] = {
    "input_tokens": (),
    "cache_read_tokens": ("cache_read",),
    "cache_write_tokens": ("ephemeral_5m_input_tokens", "cache_creation"),
    "cache_write_1h_tokens": ("ephemeral_1h_input_tokens", "cache_creation"),
    "input_audio_tokens": ("audio",),
    "cache_read_audio_tokens": ("cache_read_audio", "cache_read"),
    "input_image_tokens": ("image",),
    "cache_read_image_tokens": ("cache_read_image", "cache_read"),
    "input_video_tokens": ("video",),
}
COMPLETION_KEYS: Mapping[str, tuple[str, ...]] = {
    "output_tokens": (),
    "reasoning_tokens": ("reasoning",),
    "output_audio_tokens": ("audio",),
    "output_image_tokens": ("image",),
    "output_video_tokens": ("video",),
    "citation_tokens": (),
}
"""The details of LangSmith's price table that price each of our quantities. Without one, the base price does: "each
detail times its own price, the remainder times the base price" (its documentation of cost tracking)."""

NEAR = 200
"""Without LangSmith's table, a way to price is taken for theirs if it comes within one part in 200 of their figure."""

FROZEN, ROUNDING = "frozen price", "rounding"
CACHE, TABLE, TIER, DISCOUNT = "cached tokens at full rate", "price table", "tier or batch", "discounts"

Part = tuple[str, str, int]
"""Name, what exactly, and amount."""


def priced_apart(group: Group, row: MapRow | None) -> Iterator[Part]:
    """Yield what leads from the reported cost to ours; both must be known. Sums to `ours - reported` exactly."""
    assert group.ours is not None
    assert group.listed is not None
    assert group.reported is not None
    yield from _by_table(group, row) if row else _by_guess(group)
    yield DISCOUNT, "", group.ours - group.listed


def is_rounding(units: int, calls: int) -> bool:
    """Whether a difference is no more than what is lost when each call is kept in whole pico-dollars."""
    return abs(units) <= calls * PICO


def theirs(row: MapRow, tier: str) -> dict[str, tuple[int, bool]]:
    """What LangSmith charges for each quantity, and whether its table has a price of its own for it."""
    served = tier.partition("service_tier=")[2].partition(";")[0]
    found = {}
    for keys, base, details in (
        (PROMPT_KEYS, row.prompt, row.prompt_details),
        (COMPLETION_KEYS, row.completion, row.completion_details),
    ):
        for bucket, names in keys.items():
            own = [details[name] for name in _tiered(names, served) if name in details]
            found[bucket] = (own[0], True) if own else (base, not names)
    return found


def knows_tier(row: MapRow, tier: str) -> bool:
    """Whether LangSmith's table has prices for the tier: details such as `flex` or `flex_cache_read`."""
    served = tier.partition("service_tier=")[2].partition(";")[0]
    details = (*row.prompt_details, *row.completion_details)
    return bool(served) and any(name == served or name.startswith(f"{served}_") for name in details)


def _tiered(names: tuple[str, ...], served: str) -> Iterator[str]:
    """With a tier, `flex_cache_read` before `cache_read`, and `flex` for what has no name of its own."""
    if served:
        yield from (f"{served}_{name}" for name in names) if names else (served,)
    yield from names


def _by_table(group: Group, row: MapRow) -> Iterator[Part]:
    charged = theirs(row, group.tier)
    ours = group.rates or {}
    # A tier that both sides know is compared as such; else the standard price is the common ground.
    common = group.standard if group.standard is not None and not knows_tier(row, group.tier) else ours
    counts = {bucket: count for bucket, count in group.quantities.items() if count}
    table = sum(count * charged.get(bucket, (0, False))[0] for bucket, count in counts.items())
    yield _step(group, table - (group.reported or 0), row)
    priced = table
    for bucket, count in counts.items():
        if bucket in CACHED and not charged[bucket][1]:
            change = count * (common.get(bucket, 0) - charged[bucket][0])
            priced += change
            yield CACHE, f"{group.name}: {bucket}", change
    for bucket, count in counts.items():
        if bucket not in CACHED or charged[bucket][1]:
            here, there = common.get(bucket, 0), charged.get(bucket, (0, False))[0]
            priced += count * (here - there)
            yield TABLE, _said(row, bucket, here, there), count * (here - there)
    rest = (group.listed or 0) - priced
    if common is ours:
        yield TABLE, f"{row.name}: paid by the call or by time here", rest
    else:
        yield TIER, f"{group.name}: {group.tier}", rest


def _step(group: Group, change: int, row: MapRow) -> Part:
    if is_rounding(change, group.calls):
        return ROUNDING, "", change
    return FROZEN, f"{row.name}: its price today is another than when the runs came in", change


def _by_guess(group: Group) -> Iterator[Part]:
    """Without LangSmith's table: is its figure one of those that our own prices give in a simpler way?"""
    listed, reported = group.listed or 0, group.reported or 0
    tried = list(_guesses(group, listed))
    price, cached, tier = min(tried, key=lambda guess: abs(guess[0] - reported))
    if abs(price - reported) * NEAR > abs(reported):
        price, cached, tier = tried[0]
    if is_rounding(price - reported, group.calls):
        yield ROUNDING, "", price - reported
    else:
        yield TABLE, f"{group.name}: table and frozen price, not told apart here", price - reported
    yield CACHE, group.name, cached
    yield TIER, f"{group.name}: {group.tier}", tier


def _guesses(group: Group, listed: int) -> Iterator[tuple[int, int, int]]:
    """A price, and what leads from it to ours: for cached tokens, for the tier."""
    yield listed, 0, 0
    cached = -_surcharge(group, group.rates or {})
    yield listed - cached, cached, 0
    if group.standard is not None:
        standard = sum(count * group.standard.get(name, 0) for name, count in group.quantities.items())
        yield standard, 0, listed - standard
        cached = -_surcharge(group, group.standard)
        yield standard - cached, cached, listed - standard


def _surcharge(group: Group, rates: Mapping[str, int]) -> int:
    """What cached tokens cost more at the full rate."""
    return sum(
        group.quantities.get(bucket, 0) * (rates.get(full, 0) - rates.get(bucket, 0))
        for bucket, full in CACHED.items()
    )


def _said(row: MapRow, bucket: str, here: int, there: int) -> str:
    return f"{row.name}: {bucket}, USD per million: {_million(here)} here, {_million(there)} there"


def _million(units: int) -> str:
    """1e-24 dollars a token as dollars per million, without idle zeros: 2,500,000 x 1e12 is `2.5`."""
    whole, rest = divmod(units, 10**18)
    return f"{whole}.{rest:018}".rstrip("0").rstrip(".")
