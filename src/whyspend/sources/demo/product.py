"""The product whose history `demo.py` tells: its calendar, features, customers and models. Data, no calls."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(year: int, month: int, day: int, hour: int = 0) -> int:
    """Microseconds since the epoch of a full hour, UTC."""
    return (datetime(year, month, day, hour, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


FIRST_DAY = date(2026, 9, 23)
LAST_DAY = date(2026, 11, 21)
BEGIN = instant(2026, 9, 23)
END = instant(2026, 11, 22)
"""The history is [BEGIN, END): 60 whole days, UTC."""

# What was planted; the table in demo.py says what each of them is. The price change is the price book's own.
BATCH_SINCE = instant(2026, 10, 14)
SWITCH_SINCE = instant(2026, 10, 20, 11)
PROMPT_SINCE = instant(2026, 11, 3, 9)
LOOP_SINCE = instant(2026, 11, 10, 14)
UNKNOWN_SINCE = instant(2026, 11, 12)

GROWTH = 0.03
"""More requests in 30 days."""

_RELEASES = (
    (BEGIN, "2.10.3"),
    (instant(2026, 9, 30, 10), "2.11.0"),
    (instant(2026, 10, 8, 13), "2.11.1"),
    (SWITCH_SINCE, "2.12.0"),
    (PROMPT_SINCE, "2.13.0"),
    (LOOP_SINCE, "2.14.0"),
    (instant(2026, 11, 17, 10), "2.14.1"),
)


def release_at(at: int) -> str:
    """The release that was running."""
    return _RELEASES[bisect_right(_RELEASES, (at, "~")) - 1][1]


class Rates(NamedTuple):
    """What the source believes a token costs, in pico-dollars: 2_500_000 is $2.50 per million."""

    given: int
    read: int
    write: int
    made: int


class Model(NamedTuple):
    """A model as its runs name it."""

    provider: str
    asked: str
    answered: str | None
    kind: str
    ingest: tuple[tuple[int, Rates], ...]
    """Since when the source's own price table says what; empty: it does not know the model.

    It is wrong where such tables are wrong: it knows no 1 h cache writes and no batches, and hears of a new
    list price days later.
    """
    unreliable: bool = False
    """Now and then a call fails before any token was counted, and is made again."""


def _always(given: int, read: int, write: int, made: int) -> tuple[tuple[int, Rates], ...]:
    return ((0, Rates(given, read, write, made)),)


EMBEDDING = Model("openai", "text-embedding-3-small", None, "embedding", _always(20_000, 0, 0, 0))
GPT_4O_MINI = Model(
    "openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "llm", _always(150_000, 75_000, 0, 600_000)
)
GPT_4_1 = Model(
    "openai", "gpt-4.1", "gpt-4.1-2025-04-14", "llm", _always(2_000_000, 500_000, 0, 8_000_000), True
)
GPT_4O = Model("openai", "gpt-4o", "gpt-4o-2024-08-06", "llm", _always(2_500_000, 1_250_000, 0, 10_000_000))
GPT_5_4_MINI = Model(
    "openai", "gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", "llm", _always(750_000, 75_000, 0, 4_500_000)
)
CLAUDE_SONNET = Model(
    "anthropic", "claude-sonnet-4-6", "claude-sonnet-4-6", "llm",
    _always(3_000_000, 300_000, 3_750_000, 15_000_000), True,
)  # fmt: skip
GEMINI_FLASH = Model(
    "google_genai", "gemini-3.5-flash", "gemini-3.5-flash", "llm", _always(1_500_000, 150_000, 0, 9_000_000)
)
GEMINI_SMALL = Model(
    "google_genai", "gemini-2.5-flash", "gemini-2.5-flash", "llm", _always(300_000, 30_000, 0, 2_500_000)
)
MISTRAL_LARGE = Model(
    "mistralai", "mistral-large-4", "mistral-large-4", "llm",
    (
        (0, Rates(680_000, 70_000, 0, 2_090_000)),
        (instant(2026, 10, 23), Rates(1_360_000, 140_000, 0, 4_180_000)),
        (instant(2026, 11, 2), Rates(700_000, 70_000, 0, 2_100_000)),
    ),
)  # fmt: skip
UNKNOWN = Model("kestrel", "kestrel-1-preview", "kestrel-1-preview", "llm", ())


class Feature(NamedTuple):
    """A part of the product, or a job beside it, and how much it is used."""

    root: str
    """The name of the traces' root run; tells which calls a request makes."""
    name: str | None
    """The tag; none: code that nobody tagged."""
    project: str
    team: str
    requests: float
    """On a weekday at BEGIN, all environments together."""
    weekend: float
    """Share of that on a Saturday or Sunday."""
    customers: int
    """How many of the customers use it, biggest first; 0: it works for none."""
    origin: str
    """Where its tags are found."""
    hours: tuple[int, ...]
    """How busy each hour of the UTC day is."""
    threads: bool = False
    tested: bool = True
    """Runs in staging and CI, too."""
    env: bool = True
    """Its runs say in which environment they ran."""
    tags: tuple[str, ...] | None = None


OFFICE = (2, 1, 1, 1, 2, 3, 5, 8, 11, 13, 14, 13, 12, 13, 14, 15, 14, 12, 9, 7, 6, 5, 4, 3)
NIGHT = (0, 0, 3, 1, *(0,) * 20)

FEATURES = (
    Feature("search", "rag-search", "prod-chat", "search", 60, 0.35, 40, "root", OFFICE),
    Feature("copilot", "agent-copilot", "prod-agents", "agents", 39, 0.25, 20, "ancestor", OFFICE, threads=True,
            tags=("langgraph",)),
    Feature("summarize_document", "summarizer", "prod-chat", "docs", 28, 0.2, 30, "call", OFFICE),
    Feature("draft_email", "email-drafts", "prod-chat", "mail", 52, 0.15, 40, "call", OFFICE, tags=("beta",)),
    Feature("support_turn", "support-bot", "prod-chat", "support", 48, 0.55, 40, "root", OFFICE, threads=True),
    Feature("nightly_digest", "summarizer", "nightly", "docs", 14, 1.0, 20, "environment", NIGHT, tested=False),
    Feature("enrich_leads", None, "prod-agents", "growth", 19, 0.1, 0, "call", OFFICE, tested=False, env=False),
    Feature("refresh_knowledge_base", None, "nightly", "search", 3, 1.0, 0, "environment", NIGHT, tested=False),
)  # fmt: skip

_TREES = ("oak", "larch", "juniper", "maple", "cedar", "rowan", "alder", "birch", "elm", "hazel")
_TRADES = ("health", "legal", "retail", "labs")
CUSTOMERS = tuple(f"{_TREES[at % 10]}-{_TRADES[at * 7 // 10 % 4]}" for at in range(40))
"""Biggest first: the n-th makes 1/n as many requests as the first."""

_REACH = tuple(accumulate(1 / rank for rank in range(1, len(CUSTOMERS) + 1)))


def customer_at(position: float, among: int) -> int:
    """The customer (0 is the biggest) at a position in [0, 1) of the requests of the biggest `among`."""
    return bisect_right(_REACH, position * _REACH[among - 1], hi=among - 1)


def tier_of(customer: int) -> str:
    """What the customer pays for."""
    return "enterprise" if customer < 6 else "pro" if customer < 18 else "free"


def second_of_day(position: float, hours: tuple[int, ...]) -> float:
    """When a request at a position in [0, 1) of a day's requests begins.

    The last half hour of the day stays free, so that every trace ends on the day it began.
    """
    reach = list(accumulate(hours))
    target = position * reach[-1]
    hour = bisect_right(reach, target)
    done = reach[hour] - hours[hour]
    return (hour + (target - done) / hours[hour]) * 3_600 * 0.979
