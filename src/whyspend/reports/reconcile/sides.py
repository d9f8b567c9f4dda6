"""What is compared: the figures of LangSmith and the calls of the ledger, as plain records. No arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DIGITS = 24
"""Money here is whole 1e-24 dollars, as in the view of spend: a price times a discount is never rounded."""

PICO = 10**12
"""1e-24 dollars in a pico-dollar."""

Place = tuple[str | int | None, ...]
"""Which row of the comparison: a day (since 1970-01-01), a feature, a model; empty where there is one for all."""


@dataclass(frozen=True)
class Amount:
    """Calls, tokens and money, added up or taken off."""

    calls: int = 0
    tokens: int = 0
    units: int = 0
    """Whole 1e-24 dollars."""

    def __add__(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.units + other.units)

    def __sub__(self, other: "Amount") -> "Amount":
        """What is left."""
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.units - other.units)

    def __neg__(self) -> "Amount":
        """The same, taken off."""
        return Amount() - self

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.calls or self.tokens or self.units)


@dataclass(frozen=True)
class Shown:
    """What LangSmith's statistics say of the LLM runs of one day, or of those of them with one value."""

    day: int
    """Days since 1970-01-01, in the time zone of the question."""
    value: str | None
    """Of the metadata key that was grouped by; None: of the runs without it, or nothing was grouped by."""
    amount: Amount


@dataclass(frozen=True)
class Seen:
    """One LLM run as LangSmith lists it today."""

    run_id: str
    day: int
    value: str | None
    pending: bool
    outer: bool
    """Another LLM run of the list lies within it: both carry the same tokens."""
    edge: bool
    """It began at the very instant at which the day ends, or within a millisecond of it: outside of the day."""
    amount: Amount


@dataclass(frozen=True)
class MapRow:
    """A row of LangSmith's own price table. Whole 1e-24 dollars a token."""

    id: str
    name: str
    prompt: int
    completion: int
    prompt_details: Mapping[str, int] = field(default_factory=dict)
    """`cache_read`, `cache_creation`, `audio`, ... where the row has a price of its own for them."""
    completion_details: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Theirs:
    """All that LangSmith said."""

    shown: Sequence[Shown]
    listed: Mapping[int, Sequence[Seen]]
    """By day, the single runs of those days that were looked at closely."""
    prices: Mapping[str, MapRow]
    """By id."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Calls of the ledger that are alike: one day or week, owner, price, and kind of report. Never empty."""

    day: int
    """Since 1970-01-01; of a week its Monday, where the day does not matter."""
    here: Place
    """Their row, as whyspend attributes them."""
    there: Place
    """Their row, as LangSmith groups them: by what the run itself carries."""
    kind: str
    """llm, embedding or tool."""
    estimated: bool
    """LangSmith estimated their token counts."""
    provider: str | None
    model: str | None
    price_model: str | None
    """The row of LangSmith's price table that was used; None: unknown, or the cost was sent with the run."""
    calls: int
    tokens: int
    quantities: Mapping[str, int]
    """By usage column, those that are not 0."""
    ours: int | None
    """What they cost here; None: no price. Whole 1e-24 dollars, as all that follows."""
    listed: int | None
    """The same before discounts."""
    reported: int | None
    """What LangSmith said when they were pulled; None: nothing."""
    rates: Mapping[str, int] | None
    """A unit of each quantity here, at the price they have."""
    standard: Mapping[str, int] | None
    """The same in the standard tier; None: that is the price they have."""
    factor: int = PICO
    """What discounts leave, in parts of 1e12."""
    sample_rate: float | None = None
    """The share of traces that the application sends; None: all, or it does not say."""
    tier: str = ""
    """`service_tier=flex`, `processing=batch`: what parts their price from the standard one."""

    @property
    def name(self) -> str:
        """The model, for people."""
        return self.model or "no model name"

    @property
    def amount(self) -> Amount:
        """As LangSmith reported it."""
        return Amount(self.calls, self.tokens, self.reported or 0)


@dataclass(frozen=True)
class Held:
    """One LLM call of the ledger, for days that are compared run by run."""

    call_id: str
    day: int
    there: Place
    amount: Amount
    """With the cost that LangSmith reported."""
