"""The nouns of whyspend and the protocols of its stages. Nouns only: no arithmetic, no input, no output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct
from msgspec.structs import fields

from whyspend.model.engine import Engine as Engine

# How a field of Call is stored. Every type here is one that DuckDB, Spark, Polars and ClickHouse read alike:
# no UUID, no unsigned, no nanoseconds, no HUGEINT.
Text = Annotated[str, Meta(extra={"sql": "VARCHAR"})]
MaybeText = Annotated[str | None, Meta(extra={"sql": "VARCHAR"})]
Micros = Annotated[int, Meta(extra={"sql": "TIMESTAMPTZ"})]
Millis = Annotated[int | None, Meta(extra={"sql": "INTEGER"})]
Flag = Annotated[int, Meta(extra={"sql": "TINYINT"})]
Units = Annotated[int, Meta(extra={"sql": "BIGINT", "usage": True})]
Total = Annotated[int, Meta(extra={"sql": "BIGINT"})]
Pico = Annotated[int | None, Meta(extra={"sql": "BIGINT"})]
Rate = Annotated[float | None, Meta(extra={"sql": "DOUBLE"})]
Texts = Annotated[tuple[str, ...] | None, Meta(extra={"sql": "VARCHAR[]"})]


class Call(Struct, kw_only=True, gc=False, omit_defaults=True):
    """One billable model call: the only fact row. Never holds the text of a prompt or an answer.

    The columns of the ledger are exactly these fields, in this order, with `dimensions` and `attributed`
    spread into two columns for each configured dimension (`feature`, `feature_from`).
    Times are microseconds since the epoch, UTC. Money is integer pico-dollars (1e-12 USD).
    """

    source: Text
    """The configured name of the source it was pulled from; (source, call_id) is the key."""
    project: Text
    """The LangSmith project's name, or what the source has in its place."""
    call_id: Text
    """The run's id."""
    trace_id: Text
    """The request it belongs to: the id of the trace's root run."""
    parent_id: MaybeText = None
    """The run it was called from; none for a run that is its own root."""
    thread_id: MaybeText = None
    """The conversation that the request belongs to."""
    started_at: Micros
    """When the call began."""
    latency_ms: Millis = None
    """From start to end."""
    first_token_ms: Millis = None
    """From start to the first streamed token."""
    ingested_at: Micros = 0
    """When the ledger first held this version of the call."""

    kind: Text = "llm"
    """llm, embedding, or tool (a run of any other type that carries its own cost)."""
    name: MaybeText = None
    """The run's own name, such as ChatOpenAI."""
    call_site: MaybeText = None
    """Where in the code: root / graph node / name, as far as known; the finest place a report points at."""
    root_name: MaybeText = None
    """The name of the trace's root run, where it was fetched."""
    request_root: Flag = 0
    """1 on the first call of a trace, else 0: requests are its sum. Set by the ledger."""
    model_root: Flag = 0
    """1 on the first call of a trace with this model: requests by model are its sum. Set by the ledger."""
    request_mixed: Flag = 0
    """1 where the calls of the trace disagree on a dimension or the project: there, requests by model are
    counted as distinct traces instead. Set by the ledger."""
    release: MaybeText = None
    """The revision id of the code that made the call (LANGSMITH_REVISION_ID, git describe)."""
    status: Text = "success"
    """success or error."""
    error_kind: MaybeText = None
    """The class of the error, never its message."""
    provider: MaybeText = None
    """As the run says it (ls_provider): openai, anthropic, google_vertexai, ..."""
    model_requested: MaybeText = None
    """The model the code asked for."""
    model_answered: MaybeText = None
    """The model that answered, where the source knows it; beats the requested one."""
    price_context: Text = ""
    """What else decides the price, as sorted `key=value` joined by ';': `service_tier=flex`,
    `processing=batch`. The tier that was served, not the one asked for."""
    price_key: Text = ""
    """`provider|model|price_context`: all that decides which price applies, in one column. Set by the ledger."""
    price_model_id: MaybeText = None
    """The row of LangSmith's own price table that LangSmith used."""

    # Usage in disjoint quantities: no token is in two of them, so cost is the sum of quantity times rate.
    input_tokens: Units = 0
    """Uncached text input: all input less every other input quantity below."""
    cache_read_tokens: Units = 0
    cache_write_tokens: Units = 0
    """Written to a cache of the default lifetime (Anthropic 5 minutes, OpenAI 30 minutes)."""
    cache_write_1h_tokens: Units = 0
    input_audio_tokens: Units = 0
    cache_read_audio_tokens: Units = 0
    input_image_tokens: Units = 0
    cache_read_image_tokens: Units = 0
    input_video_tokens: Units = 0
    output_tokens: Units = 0
    """Text output, without reasoning."""
    reasoning_tokens: Units = 0
    output_audio_tokens: Units = 0
    output_image_tokens: Units = 0
    output_video_tokens: Units = 0
    citation_tokens: Units = 0
    web_searches: Units = 0
    file_searches: Units = 0
    prompt_total: Total = 0
    """All input tokens of the call; decides the context tier of its price."""
    completion_total: Total = 0
    """All output tokens of the call."""
    usage_source: MaybeText = None
    """Where the counts were found: `server`, `metadata`, `outputs`, `generations`, `llm_output`; none: no counts."""
    usage_estimated: Flag = 0
    """1 where the counts were estimated by the source (tiktoken), not reported by the provider."""
    usage_flag: MaybeText = None
    """What is odd about the counts, comma-separated: `additive` (details came on top of the total and were
    added), `contradiction` (counts that cannot all be true; kept as they came), `missing`."""
    sample_rate: Rate = None
    """The share of traces that the application sends, where it says so."""
    reported_input_cost: Pico = None
    reported_output_cost: Pico = None
    reported_cost: Pico = None
    """What the source says the call cost; kept beside our own price, never overwritten."""
    usage_raw: MaybeText = None
    """The source's usage object as JSON, only where the columns above cannot reproduce it."""
    metadata: MaybeText = None
    """The run's other metadata as one JSON object of scalars."""
    tags: Texts = None
    dimensions: tuple[str | None, ...] = ()
    """The value of each configured dimension, in their order; none: untagged."""
    attributed: tuple[str | None, ...] = ()
    """Where each value was found: call, ancestor, root or environment."""


@dataclass(frozen=True)
class Column:
    """A column of the ledger."""

    name: str
    sql: str
    """Its type in SQL and, through DuckDB, in Parquet."""
    usage: bool = False
    """A disjoint, billable quantity: cost is the sum over these columns of quantity times rate."""


def _column(name: str, annotation: Any) -> Column:
    extra: dict[str, Any] = annotation.__metadata__[0].extra
    return Column(name, extra["sql"], bool(extra.get("usage")))


COLUMNS: tuple[Column, ...] = tuple(
    _column(field.name, field.type)
    for field in fields(Call)
    if field.name not in ("dimensions", "attributed")
)
"""The columns of every ledger; each configured dimension adds `<key>` and `<key>_from`."""

USAGE_COLUMNS: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.usage)
"""The disjoint billable quantities, in the order of Call."""

DEFAULT_DIMENSIONS = ("feature", "env", "user_tier")

Attribution = Literal["call", "ancestor", "root", "environment", "rule", "none"]
"""Where a call got its value of a dimension from; `none` is shown as *untagged*."""


@dataclass(frozen=True)
class Window:
    """Whole days `[since, until]`, both inclusive, as they begin and end in a time zone."""

    since: date
    until: date
    timezone: str
    """An IANA name."""
    start: datetime
    """The first instant, UTC, inclusive."""
    end: datetime
    """The last instant, UTC, exclusive."""


@dataclass(frozen=True)
class Batch:
    """Calls on their way from a source into the ledger."""

    calls: Sequence[Call] = ()
    columns: Mapping[str, Sequence[object]] | None = None
    """More calls, as columns of one length by the ledger's names, `<dimension>` and `<dimension>_from` among them;
    a column that is missing has the value that Call has by default. For sources that have many at once."""
    relation: str | None = None
    """Instead of calls: a SELECT over the source's own files that yields the ledger's columns by name.
    For sources that are columnar all the way."""
    dropped: Sequence[tuple[int, str]] = ()
    """(started_at, call_id) of runs that turned out not to be billable, such as an outer run whose inner run
    carries the same usage: removed where an earlier pull had published them."""
    watermarks: Mapping[str, int] | None = None
    """The step is complete: what the ledger now holds per project, up to which instant (microseconds UTC).
    None: more of the same step follows."""
    links: Mapping[str, str] | None = None
    """project -> the address under which its traces can be seen: `<address>/r/<trace id>`."""
    pending: int = 0
    """Runs that were seen but had not ended; the next pull picks them up."""
    billed: "Bill | None" = None
    """What a provider charged, for sources that bring bills instead of calls."""
    notes: Sequence[str] = ()
    """What could not be read, and what to do about it: told when the pull is through."""


Cell = str | int | bool | Decimal | date | datetime | tuple[Decimal | None, ...] | Mapping[str, str] | None
"""A value in a table. Money is a Decimal in USD; unknown is None, never 0."""


@dataclass(frozen=True)
class Billed:
    """One line of a provider's bill, for one UTC day."""

    day: date
    provider: str
    model: str | None
    """As the provider names it; None: the line does not say."""
    token_class: str | None
    """input, cached input, cache write, output, web search or other; None: the line does not say."""
    usd: Decimal | None
    """With all digits that the bill has; None: it counts tokens only."""
    tokens: int | None
    """None: it does not count tokens."""


@dataclass(frozen=True)
class Bill:
    """What a provider charged for some UTC days."""

    lines: tuple[Billed, ...]
    since: date | None
    until: date | None
    """The days that it covers, both inclusive, with and without charges; None: none."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableColumn:
    """A column of an answer."""

    name: str
    unit: str
    """text (the value of a key), word (any other), id (never cut), date, time, calls, requests, tokens, count (of
    anything else), usd, rate (USD that are never rounded), about (USD, an estimate), share (a fraction of 1), ms, url,
    series (one value a day), place (the line's number), sentence, segment (values by dimension) or number (of what,
    the row says)."""
    derived: bool = False
    """Follows from other figures or another window: shown to people and in JSON, left out of the CSV contract."""
    told: bool = False
    """A sentence in another column says it: for machines, left out where people read."""
    adds_up: bool = False
    """Rounded for people together, so that what they read adds up to the total that they read."""


@dataclass(frozen=True)
class Trust:
    """How far the figures of an answer can be trusted. Shares are fractions of 1; None where there are no calls."""

    calls: int
    priced: Decimal | None
    """Share of calls that have a price."""
    tagged_usd: Decimal | None
    """Share of dollars whose owner (the first configured dimension) is known."""
    tagged_calls: Decimal | None
    estimated: Decimal | None
    """Share of calls whose token counts were estimated by the source."""
    sampled: Decimal | None
    """Share of calls from applications that send only a sample of their traces."""
    complete_until: datetime | None
    """The oldest watermark of any source and project: later data may still come."""
    price_book: str
    """The identity of the prices used."""


Picture = Literal[
    "stacked_time", "ranked_change", "waterfall", "burn_down", "histogram", "price_steps", "shares"
]
"""How a chart is drawn. What its columns are, in their order:

- stacked_time: when (date, or text for an hour), then the amount of each part.
- ranked_change: a name, its amount and, where there is one, its amount before; perhaps the change, as told.
- waterfall: a name and an amount. The first row is where it starts, the last where it ends, those between lead there.
- burn_down: a day, what is used up to its end, what is expected, and the low and high end of the interval.
- histogram: from, to, and how many.
- price_steps: since when (None in the first row: always), then the price of each part.
- shares: a name, then the amount of each part.
"""


@dataclass(frozen=True)
class Chart:
    """A picture of an answer, as data: a small table of the exact numbers that it draws, and how to draw them.

    The amounts are those of the answer, to the last digit, with what is left out folded into a part of its own: where
    the answer has a total, a picture of parts adds up to it. Unknown is None, and is not drawn.
    """

    picture: Picture
    title: str
    """What is to be seen, in a few words."""
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    marks: tuple[tuple[str, Decimal], ...] = ()
    """Amounts to draw a line at: the limit of a budget, the median of a histogram."""
    by: tuple[str, ...] = ()
    """The keys whose values the names or parts are, so that who looks can ask for one; empty: they are no values."""
    colors: Mapping[str, int] = field(default_factory=dict)
    """The number of the colour of a name or part: the same in every picture of a ledger (Data.colors)."""


@dataclass(frozen=True)
class Table:
    """An answer: what every format writes."""

    report: str
    window: Window
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: Mapping[str, Cell]
    """By column name; columns that cannot be added up are absent. Figures of no column: for JSON only."""
    trust: Trust
    notes: tuple[str, ...] = ()
    """What a reader must know to read the figures right, and what to do next."""
    headline: str = ""
    """The answer in one or two sentences, a line each; empty: the rows are the answer."""
    details: Mapping[str, Sequence[Mapping[str, Cell]]] = field(default_factory=dict)
    """More rows by name, for JSON only, where the name stands beside `rows` and `total` and must be another."""
    charts: tuple[Chart, ...] = ()
    """Pictures, the most telling first; made only where they are wanted (Data.pictures)."""


class Source(Protocol):
    """A file in sources/: `read(window, **options)` yields batches. Options are its keyword-only parameters."""

    def read(self, window: Window, **options: Any) -> Iterator[Batch]:
        """Yield the calls that started within the window, in steps."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far a pull has come, for whoever waits for it."""

    done_steps: int
    steps: int
    calls: int
    """Calls handed over so far."""
    requests_sent: int
    waiting_for: str = ""
    """Why nothing moves at the moment, such as a rate limit; empty: it moves."""


@dataclass(frozen=True)
class Finding:
    """One thing that `doctor` looked at."""

    level: Literal["ok", "empty", "problem"]
    what: str
    next_step: str = ""
    """What to do about it; empty where there is nothing to do."""


@dataclass(frozen=True)
class Alert:
    """One message to people. Names within its texts are as hostile as they came: each channel escapes for itself."""

    kind: Literal[
        "over_budget",
        "near_budget",
        "spike",
        "new_feature",
        "new_model",
        "untagged",
        "unpriced",
        "stale",
        "test",
    ]
    state: Literal["trigger", "remind", "resolve"]
    """It begins, it goes on, it is over."""
    severity: Literal["info", "warning", "critical"]
    key: str
    """What it is about; the same text from trigger to resolve, and on no other alert."""
    title: str
    """One sentence: what, and how much over."""
    at: datetime
    """When it was found, UTC."""
    facts: tuple[tuple[str, str], ...] = ()
    """(label, value), formatted for people, in their order: since when, spent, limit, projected. Channels show
    the first 20."""
    drivers: tuple[str, ...] = ()
    """The largest causes, a sentence each, largest first. Channels show the first 3."""
    command: str = ""
    """The shell command that shows more."""
    link: str = ""
    """Where to look, such as a trace; empty: nowhere. Channels leave out what is no web address."""


class Channel(Protocol):
    """A file in alerts/: `send(alert, **options)` tells people. Options are its keyword-only parameters.

    One that can show a page has `send_digest(digest, **options)`, too, with the same options (model.digest).
    """

    def send(self, alert: Alert, **options: Any) -> None:
        """Return once the alert was accepted, or raise SourceError after a few tries."""
        ...
