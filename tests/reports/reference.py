"""The figures of `report` and `requests` once more, call by call in plain Python, for the SQL to be compared with.

Slow and simple on purpose: no figure is added up before it is priced, and no flag of the ledger is read.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from whyspend.model import USAGE_COLUMNS, Call, Cell
from whyspend.pricing.book import Book

TOKENS: Mapping[str, tuple[str, ...]] = {
    "input_tokens": (
        *("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
        *("input_audio_tokens", "cache_read_audio_tokens", "input_image_tokens"),
        *("cache_read_image_tokens", "input_video_tokens"),
    ),
    "cache_read_tokens": ("cache_read_tokens", "cache_read_audio_tokens", "cache_read_image_tokens"),
    "cache_write_tokens": ("cache_write_tokens", "cache_write_1h_tokens"),
    "output_tokens": (
        *("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens"),
        *("output_video_tokens", "citation_tokens"),
    ),
    "reasoning_tokens": ("reasoning_tokens",),
}

BUILT_IN = (
    *("model", "provider", "project", "name", "call_site", "root_name", "kind", "status", "release"),
    *("thread_id", "source", "hour", "day", "week", "month"),
)
TIMES = ("hour", "day", "week", "month")
WHOLE_TRACE = ("project", "root_name", "thread_id", "source", *TIMES)


@dataclass(frozen=True)
class Question:
    since: date
    until: date
    timezone: str = "UTC"
    by: tuple[str, ...] = ("feature",)
    where: tuple[str, ...] = ()
    prices: str = "then"
    """then, recorded, or a day as ISO."""
    top: int = 0

    @property
    def start(self) -> int:
        return _midnight(self.since, self.timezone)

    @property
    def end(self) -> int:
        return _midnight(self.until + timedelta(days=1), self.timezone)

    @property
    def start_before(self) -> int:
        days = (self.until - self.since).days + 1
        return _midnight(self.since - timedelta(days=days), self.timezone)


@dataclass(frozen=True)
class World:
    """What there is to ask about."""

    calls: Sequence[Call]
    book: Book
    dimensions: tuple[str, ...] = ("feature", "env")
    rules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """name of a call -> (dimension, value) where it has none."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Of the first dimension: spelling -> value."""

    @cached_property
    def traces(self) -> Mapping[str, list[Call]]:
        """The calls of each request, in their order."""
        return _by(sorted(self.calls, key=lambda c: (c.started_at, c.call_id)), lambda call: call.trace_id)


def _midnight(day: date, timezone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(timezone)).timestamp()) * 1_000_000


def value(world: World, call: Call, key: str, timezone: str) -> Any:
    """What a call has under a key; None where it has nothing."""
    if key in world.dimensions:
        return _owner(world, call, key)
    if key in ("model", "provider"):
        if call.kind == "tool":
            return "(tools)"
        if key == "provider":
            return call.provider
        return call.model_requested if call.model_answered is None else call.model_answered
    if key in TIMES:
        return _calendar(call, key, timezone)
    if key in BUILT_IN:
        return getattr(call, key)
    found = json.loads(call.metadata or "{}").get(key.removeprefix("metadata."))
    return (found or None) if found is None or isinstance(found, str) else json.dumps(found)


def _owner(world: World, call: Call, key: str) -> str | None:
    index = world.dimensions.index(key)
    found = call.dimensions[index]
    dimension, ruled = world.rules.get(call.name or "", ("", ""))
    if found is None and dimension == key:
        found = ruled
    return world.aliases.get(found, found) if index == 0 and found is not None else found


def _calendar(call: Call, key: str, timezone: str) -> Any:
    local = datetime.fromtimestamp(call.started_at // 1_000_000, UTC).astimezone(ZoneInfo(timezone))
    if key == "hour":
        # The instant the hour begins at, and so its offset: 02:00 happens twice on the day clocks go back.
        into = timedelta(minutes=local.minute, seconds=local.second)
        return local.astimezone(UTC) - into
    day = local.date()
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[key]


def label(key: str, found: Any, timezone: str) -> Cell:
    if key == "hour":
        return str(found.astimezone(ZoneInfo(timezone)).isoformat(sep=" ", timespec="minutes"))
    if found is not None:
        shown: Cell = found
        return shown
    return "unknown" if key in BUILT_IN else "untagged"


def cost(call: Call, book: Book, prices: str) -> int | None:
    """Pico-dollars; None where unknown."""
    if prices == "recorded" or call.kind == "tool":
        return call.reported_cost
    used = {name: getattr(call, name) for name in USAGE_COLUMNS if getattr(call, name)}
    model = call.model_requested if call.model_answered is None else call.model_answered
    match = book.match(call.provider, model, call.price_context)
    if match.price is None or call.usage_source is None:
        return None
    moment = call.started_at if prices == "then" else _midnight(date.fromisoformat(prices), "UTC")
    began = datetime.fromtimestamp(call.started_at // 1_000_000, UTC)
    in_force = [
        rate.rates
        for rate in book.rates(match.price)
        if rate.valid_from <= moment < rate.valid_to
        and rate.minute_from <= began.hour * 60 + began.minute < rate.minute_to
        and rate.weekdays >> began.weekday() & 1
        and (rate.tier_over < 0 or rate.tier_over < call.prompt_total)
        and call.prompt_total <= rate.tier_upto
    ]
    assert len(in_force) <= 1, f"{match.price} has two prices at once"
    if not in_force or any(name not in in_force[0] for name in used):
        return None
    parts: list[int] = [count * in_force[0][name] for name, count in used.items()]
    return sum(parts) + in_force[0].get("calls", 0)


def selected(world: World, question: Question) -> list[Call]:
    """The calls of the window and the one before that pass the filter."""
    tests = [_condition(world, text, question.timezone) for text in question.where]
    return [
        call
        for call in world.calls
        if question.start_before <= call.started_at < question.end and all(test(call) for test in tests)
    ]


def _condition(world: World, text: str, timezone: str) -> Callable[[Call], bool]:
    found = re.fullmatch(r"([^=!]+)(!?=)(.*)", text, re.DOTALL)
    assert found
    key, sign, wanted = found[1].strip(), found[2], found[3]
    none = "unknown" if key in BUILT_IN else "untagged"
    pattern = "".join({"*": "(?s:.*)", "?": "(?s:.)"}.get(char, re.escape(char)) for char in wanted)

    def passes(call: Call) -> bool:
        has = value(world, call, key, timezone)
        if has is None:
            return wanted in ("", none)
        return re.fullmatch(pattern, has) is not None if wanted else False

    return passes if sign == "=" else lambda call: not passes(call)


# Requests


def _cut(world: World, keys: Sequence[str]) -> set[str]:
    """What the keys do to requests: nothing, cut them by model, or in any other way."""
    cuts = set()
    for key in keys:
        if key in world.dimensions:
            ruled = key in {dimension for dimension, _ in world.rules.values()}
            cuts |= {"rule"} if ruled or (world.aliases and key == world.dimensions[0]) else set()
        elif key == "model":
            cuts.add("model")
        elif key not in WHOLE_TRACE:
            cuts.add("other")
    return cuts


def requests(world: World, question: Question, by: Sequence[str], calls: Sequence[Call]) -> int:
    """How many requests the calls of a row (all of them: of the window, filtered) are.

    A request is counted where its first call is. Where rows or the filter cut through requests, it is counted in
    each row that has a call of it; by model alone, where it first used the model.
    """
    conditions = [re.split("!?=", text)[0].strip() for text in question.where]
    cuts = _cut(world, [*by, *conditions])
    if "model" in _cut(world, conditions) or "other" in cuts or {"model", "rule"} <= cuts:
        return len({call.trace_id for call in calls})
    if "model" not in cuts:
        return sum(call is _first(world, call.trace_id) for call in calls)
    mixed = {call.trace_id for call in calls if _is_mixed(world, call.trace_id)}
    return len(mixed) + sum(
        call is _first(world, call.trace_id, _model(call)) for call in calls if call.trace_id not in mixed
    )


def _model(call: Call) -> str | None:
    return call.model_requested if call.model_answered is None else call.model_answered


def _first(world: World, trace: str, *model: str | None) -> Call:
    return next(call for call in world.traces[trace] if not model or _model(call) == model[0])


def _is_mixed(world: World, trace: str) -> bool:
    return len({(call.project, call.dimensions) for call in world.traces[trace]}) > 1


# The report


@dataclass(frozen=True)
class Row:
    keys: tuple[Any, ...]
    now: Sequence[Call]
    before: Sequence[Call]


def known(calls: Sequence[Call], book: Book, prices: str) -> int | None:
    """What calls cost: nothing where there are none, unknown where none has a price."""
    costs = [cost(call, book, prices) for call in calls]
    return sum(c for c in costs if c is not None) if not costs or any(c is not None for c in costs) else None


def grouped(world: World, question: Question, by: Sequence[str]) -> list[Row]:
    groups: dict[tuple[Any, ...], tuple[list[Call], list[Call]]] = {}
    for call in selected(world, question):
        if call.started_at < question.start and (set(by) & set(TIMES) or not reaches_back(world, question)):
            continue
        keys = tuple(value(world, call, key, question.timezone) for key in by)
        groups.setdefault(keys, ([], []))[call.started_at < question.start].append(call)
    return [Row(keys, now, before) for keys, (now, before) in groups.items()]


def ordered(world: World, question: Question) -> list[Row]:
    by = tuple(dict.fromkeys(question.by))
    return sorted(grouped(world, question, by), key=lambda row: _place(world, question, by, row))


def reaches_back(world: World, question: Question) -> bool:
    return bool(world.calls) and min(call.started_at for call in world.calls) < question.start


def report(world: World, question: Question) -> tuple[list[dict[str, Cell]], dict[str, Cell]]:
    """The rows and the total, by column, derived columns too."""
    by = tuple(dict.fromkeys(question.by))
    rows = ordered(world, question)
    everything = Row((), [c for row in rows for c in row.now], [c for row in rows for c in row.before])
    whole = _figures(world, question, (), everything, None)
    total = whole | _figures(world, question, (), everything, whole["cost_usd"])
    shown = [
        {key: label(key, found, question.timezone) for key, found in zip(by, row.keys, strict=True)}
        | _figures(world, question, by, row, whole["cost_usd"])
        for row in rows[: question.top or None]
    ]
    if question.top and len(rows) > question.top:
        rest = rows[question.top :]
        others = Row((), [c for row in rest for c in row.now], [c for row in rest for c in row.before])
        figures = _figures(world, question, by, others, whole["cost_usd"])
        figures["requests"] = sum(requests(world, question, by, row.now) for row in rest)
        shown.append({**dict.fromkeys(by, ""), by[0]: "(others)", **figures})
    return shown, total


def _place(world: World, question: Question, by: Sequence[str], row: Row) -> tuple[Any, ...]:
    """The order of rows: time, then dearest first, dearest before, most calls, name; unknown last."""
    now, before = (
        known(calls, world.book, question.prices) if calls else None for calls in (row.now, row.before)
    )
    pairs = list(zip(by, row.keys, strict=True))
    times = [found for key, found in pairs if key in TIMES] if not question.top else []
    names = [(found is None, "" if found is None else found) for _, found in pairs]
    return (*times, now is None, -(now or 0), before is None, -(before or 0), -len(row.now), *names)


def _figures(world: World, question: Question, by: Sequence[str], row: Row, whole: Cell) -> dict[str, Cell]:
    figures: dict[str, Cell] = {
        "calls": len(row.now),
        "requests": requests(world, question, by, row.now),
        **{
            name: sum(getattr(call, part) for call in row.now for part in parts)
            for name, parts in TOKENS.items()
        },
        "cost_usd": _usd(known(row.now, world.book, question.prices)),
        "before": _usd(known(row.before, world.book, question.prices)),
        "unpriced_calls": sum(cost(call, world.book, question.prices) is None for call in row.now),
    }
    return _derived(figures, whole)


def _derived(figures: dict[str, Cell], whole: Cell) -> dict[str, Cell]:
    now, before = figures["cost_usd"], figures["before"]
    change = now - before if isinstance(now, Decimal) and isinstance(before, Decimal) else None
    return figures | {"share": share(now, whole), "change_usd": change}


def share(part: Cell, whole: Cell) -> Decimal | None:
    if not isinstance(part, Decimal) or not isinstance(whole, Decimal) or not whole:
        return None
    return round(part / whole, 12)


def series(world: World, question: Question, calls: Sequence[Call]) -> tuple[Decimal | None, ...]:
    """What calls cost on each day of the window."""
    days = [question.since + timedelta(n) for n in range((question.until - question.since).days + 1)]
    own = {day: [c for c in calls if _calendar(c, "day", question.timezone) == day] for day in days}
    return tuple(_usd(known(own[day], world.book, question.prices)) for day in days)


def trust(world: World, question: Question) -> dict[str, Decimal | int | None]:
    now = [call for call in selected(world, question) if call.started_at >= question.start]
    costs = [cost(call, world.book, question.prices) for call in now]
    owned = [_owner(world, call, world.dimensions[0]) is not None for call in now]
    spent = sum(c or 0 for c in costs)
    parts: dict[str, tuple[int, int]] = {
        "priced": (sum(c is not None for c in costs), len(now)),
        "tagged_usd": (sum(c or 0 for c, has in zip(costs, owned, strict=True) if has), spent),
        "tagged_calls": (sum(owned), len(now)),
        "estimated": (sum(call.usage_estimated for call in now), len(now)),
        "sampled": (sum((call.sample_rate or 1) < 1 for call in now), len(now)),
    }
    shares = {name: round(Decimal(a) / Decimal(b), 12) if b else None for name, (a, b) in parts.items()}
    return {"calls": len(now), **shares}


def _usd(pico: int | None) -> Decimal | None:
    return None if pico is None else Decimal(pico).scaleb(-12)


# Requests, one by one


def single_requests(world: World, question: Question) -> tuple[list[dict[str, Cell]], dict[str, Cell]]:
    """The rows and the total of `requests`, by trace, thread or any key."""
    now = [call for call in selected(world, question) if call.started_at >= question.start]
    owner = world.dimensions[0] if question.by == ("trace",) else question.by[0]
    owner = {"thread": "thread_id"}.get(owner, owner)
    wholes = _costs(world, question, now, lambda call: call.trace_id)
    total: dict[str, Cell] = {
        "calls": len(now),
        "cost_usd": _usd(known(now, world.book, question.prices)),
        "unpriced_calls": sum(cost(call, world.book, question.prices) is None for call in now),
        "requests": len({call.trace_id for call in now}),
        **_spread(wholes),
    }
    if question.by == ("trace",):
        rows = [_trace(world, question, owner, calls) for calls in _by(now, lambda c: c.trace_id).values()]
        rows.sort(key=lambda row: (_dearest(row["cost_usd"]), row["started"], row["trace_id"]))
    else:
        groups = _by(now, lambda call: value(world, call, owner, question.timezone))
        rows = [_owner_row(world, question, owner, has, calls) for has, calls in groups.items()]
        rows.sort(key=lambda row: (_dearest(row["cost_usd"]), str(row["order"])))
    for row in rows:
        row["share"] = share(row["cost_usd"], total["cost_usd"])
    return rows[: question.top or None], total


def _dearest(dollars: Cell) -> tuple[bool, Decimal]:
    return (False, -dollars) if isinstance(dollars, Decimal) else (True, Decimal(0))


def _by(calls: Sequence[Call], key: Callable[[Call], Any]) -> dict[Any, list[Call]]:
    groups: dict[Any, list[Call]] = {}
    for call in calls:
        groups.setdefault(key(call), []).append(call)
    return groups


def _trace(world: World, question: Question, owner: str, calls: list[Call]) -> dict[str, Any]:
    first = _first(world, calls[0].trace_id)
    opening = [call for call in calls if call is first and value(world, call, owner, question.timezone)]
    of = opening or calls
    owners = [has for call in of if (has := value(world, call, owner, question.timezone)) is not None]
    began = min(call.started_at for call in calls)
    return {
        "trace_id": calls[0].trace_id,
        "started": began,
        "started_at": datetime.fromtimestamp(began // 1_000_000, UTC),
        owner: label(owner, min(owners, default=None), question.timezone),
        "project": min(call.project for call in calls),
        "calls": len(calls),
        **{
            name: sum(getattr(call, part) for call in calls for part in TOKENS[name])
            for name in ("input_tokens", "output_tokens")
        },
        "cost_usd": _usd(known(calls, world.book, question.prices)),
        "unpriced_calls": sum(cost(call, world.book, question.prices) is None for call in calls),
        "url": None,
    }


def _owner_row(world: World, question: Question, owner: str, has: Any, calls: list[Call]) -> dict[str, Any]:
    return {
        "order": "\U0010ffff" if has is None else has,
        owner: label(owner, has, question.timezone),
        "requests": len({call.trace_id for call in calls}),
        "calls": len(calls),
        "cost_usd": _usd(known(calls, world.book, question.prices)),
        **_spread(_costs(world, question, calls, lambda call: call.trace_id)),
        "unpriced_calls": sum(cost(call, world.book, question.prices) is None for call in calls),
    }


def _costs(world: World, question: Question, calls: Sequence[Call], key: Callable[[Call], Any]) -> list[int]:
    """The known cost of each request, in order."""
    costs = [known(own, world.book, question.prices) for own in _by(calls, key).values()]
    return sorted(c for c in costs if c is not None)


def _spread(costs: Sequence[int]) -> dict[str, Cell]:
    """The cost that a share of the requests do not exceed: one that really occurs."""
    shares = {"p50_usd": "0.5", "p95_usd": "0.95", "p99_usd": "0.99", "highest_usd": "1"}
    places = {name: max(math.ceil(Fraction(of) * len(costs)), 1) - 1 for name, of in shares.items()}
    return {name: _usd(costs[at]) if costs else None for name, at in places.items()}
