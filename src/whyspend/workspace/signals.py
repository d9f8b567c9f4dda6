"""What is worth telling without a budget: spikes, what is new, what lacks an owner or a price, a ledger that is old."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from whyspend.config import Config, Spikes
from whyspend.money import usd
from whyspend.reports.budgets.periods import clock, of_days, span
from whyspend.spelling import money
from whyspend.trends.anomalies import (
    FEWEST_DAYS,
    HISTORY_DAYS,
    HOUR_DAYS,
    QUIET_DAYS,
    WEEKDAY_DAYS,
    anomalies,
    dear_hour,
    gate,
)
from whyspend.workspace.data import Data
from whyspend.workspace.due import Case
from whyspend.workspace.missing import read_upto
from whyspend.workspace.windows import instant, micros

DAILY = """
SELECT {owner}, {time}, coalesce(provider, ''), coalesce(model, ''), coalesce(reason, ''),
  CAST(CAST(coalesce(sum(cost), 0) AS DECIMAL(38, 0)) AS VARCHAR), CAST(sum(calls) AS BIGINT),
  CAST(sum(calls - priced_calls) AS BIGINT)
FROM answer GROUP BY ALL
"""

HOURLY = """
SELECT {owner}, {time}, CAST(CAST(coalesce(sum(cost), 0) AS DECIMAL(38, 0)) AS VARCHAR) FROM answer GROUP BY ALL
"""

RISE = 0.10
"""The share of dollars without an owner has to rise by so much."""

LEAST = Decimal("1e-9")
"""Dollars: a floor of 0 is no reason to tell of what costs nothing."""

NO_USAGE = ("no token counts", "the run carries no cost")
"""Reasons of a single call, not of its model."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Signal:
    """A case, with what an alert about it says."""

    case: Case
    facts: tuple[tuple[str, str], ...] = ()
    days: tuple[date, date] | None = None
    """Of which to name drivers."""
    where: tuple[str, str] | None = None
    """Whose: a key and its value."""
    usual_since: date | None = None
    """The first day that counts as usual, where the days are dearer than usual."""


@dataclass
class _Seen:
    """Money (1e-24 dollars) and calls by day."""

    units: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    calls: dict[date, int] = field(default_factory=lambda: defaultdict(int))

    def usd(self, days: Iterable[date]) -> Decimal:
        """The dollars of some days, exactly: what is told of them."""
        return usd(sum(self.units[day] for day in days))

    def series(self, days: Iterable[date]) -> list[float]:
        """The dollars of each day, for estimates of what is usual."""
        return [float(usd(self.units[day])) for day in days]


@dataclass(frozen=True)
class _Days:
    """What the ledger holds of the last days, for the rules below."""

    owners: Mapping[str | None, _Seen]
    models: Mapping[str, _Seen]
    unpriced: Mapping[str, _Seen]
    """Both by provider and model."""
    plain: Mapping[str, str]
    """The same: the model alone."""
    first: date
    """The first whole day that is held."""
    today: date
    whole: _Seen

    @property
    def recent(self) -> tuple[date, date]:
        """Yesterday and today: a run in the morning must see the evening before."""
        return self.today - _DAY, self.today

    @property
    def history(self) -> int:
        """Whole days before yesterday."""
        return (self.today - _DAY - self.first).days


def signals(data: Data, config: Config, at: datetime) -> Iterator[Signal]:
    """All that is so, of the kinds that are switched on."""
    wanted = config.spikes
    if wanted.stale:
        yield from _stale(data, config, at)
    if not (wanted.spike or wanted.new_feature or wanted.new_model or wanted.untagged or wanted.unpriced):
        return
    days = _days(data, at)
    if days is None:
        return
    rules: list[tuple[bool, Callable[[_Days, str, Spikes], Iterator[Signal]]]] = [
        (wanted.new_feature, _new_features),
        (wanted.new_model, _new_models),
        (wanted.untagged, _untagged),
        (wanted.unpriced, _unpriced),
    ]
    for is_on, rule in rules:
        if is_on:
            yield from rule(days, data.dimensions[0], wanted)
    if wanted.spike:
        found = list(_spikes(data, days, wanted))
        yield from found
        known = {signal.case.key for signal in found}
        for signal in _hour_spikes(data, days, wanted, at):
            if signal.case.key not in known:
                yield signal


def _days(data: Data, at: datetime) -> _Days | None:
    zone = ZoneInfo(data.window.timezone)
    today, held = at.astimezone(zone).date(), data.held_since
    if held is None:
        return None
    first = max(
        today - HISTORY_DAYS * _DAY, (held - timedelta(microseconds=1)).astimezone(zone).date() + _DAY
    )
    wide = replace(data, window=of_days(min(first, today), today, data.window.timezone), where=())
    owner, time = wide.key(data.dimensions[0]), wide.key("day")
    wide.added_up([owner, time])
    owners: dict[str | None, _Seen] = defaultdict(_Seen)
    models: dict[str, _Seen] = defaultdict(_Seen)
    unpriced: dict[str, _Seen] = defaultdict(_Seen)
    plain: dict[str, str] = {}
    whole = _Seen()
    for name, number, provider, model, reason, units, calls, lacking in wide.rows(
        DAILY.format(owner=owner.column, time=time.column)
    ):
        day = date(1970, 1, 1) + number * _DAY
        full = "/".join(part for part in (provider, model) if part) or "no model name"
        plain[full] = model or "unknown"
        for seen in (owners[name], models[full], whole):
            seen.units[day] += int(units)
            seen.calls[day] += calls
        if lacking and reason not in NO_USAGE:
            unpriced[full].calls[day] += lacking
    return _Days(owners, models, unpriced, plain, first, today, whole)


def _spikes(data: Data, days: _Days, wanted: Spikes) -> Iterator[Signal]:
    """What costs too much yesterday or today, as `whyspend anomalies` says it; that something stopped is not told."""
    usual = days.whole.series(_between(days.first, days.today - _DAY, days.first))
    floor = gate(float(wanted.floor_usd), usual)
    for name, seen in days.owners.items():
        begun = min((day for day, calls in seen.calls.items() if calls), default=days.today)
        own = _between(max(begun, days.first), days.today, days.first)
        series = seen.series(own)
        for found in anomalies(series, floor, since=max(len(series) - 2, 0), whole=len(series) - 1):
            if found.kind == "drop":
                continue
            about = own[found.first], own[found.last]
            when = f"on {about[0]}" if about[0] == about[1] else f"from {about[0]} to {about[1]}"
            when += " so far" if about[1] == days.today else ""
            spent = seen.usd(own[found.first : found.last + 1])
            yield from _spike(data, name, when, spent, sum(found.expected), about, own[0])


def _spike(
    data: Data,
    name: str | None,
    when: str,
    spent: Decimal,
    usual: float,
    about: tuple[date, date],
    begun: date,
) -> Iterator[Signal]:
    key = data.key(data.dimensions[0])
    if data.watch.muted_by(data, (key, name), about, float(spent) - usual):
        return
    owner = name or "untagged"
    times = f", {float(spent) / usual:,.1f} times" if usual * 10_000 > spent else ""
    said = money(spent), money(Decimal(usual))
    title = f"{owner} costs more than usual: {said[0]} {when}, usual are {said[1]}{times}."
    until = micros(of_days(about[0] + QUIET_DAYS * _DAY, about[0] + QUIET_DAYS * _DAY, "UTC").start)
    case = Case(f"whyspend:spike:{key.name}={owner}", "spike", title, until=until)
    facts = ((key.name, owner), ("Spent", f"{said[0]} {when}"), ("Usual", said[1]))
    yield Signal(case, facts, about, (key.name, owner), begun)


def _hour_spikes(data: Data, days: _Days, wanted: Spikes, at: datetime) -> Iterator[Signal]:
    """The last whole hour against the same hour of the days before, where half of these had any spend."""
    now = span("hour", data.window.timezone, at)
    last = now.start - timedelta(hours=1)
    local = last.astimezone(ZoneInfo(data.window.timezone))
    hours = [
        (local - number * _DAY).astimezone(UTC) for number in range(min(HOUR_DAYS, days.history), -1, -1)
    ]
    if len(hours) <= WEEKDAY_DAYS:
        return
    first = hours[0].astimezone(local.tzinfo).date()
    wide = replace(data, window=of_days(first, days.today, data.window.timezone), where=())
    owner, time = wide.key(data.dimensions[0]), wide.key("hour")
    wanted_hours = [micros(hour) for hour in hours]
    wide.narrowed(f"{time.expression} IN ({', '.join(map(str, wanted_hours))})").added_up([owner, time])
    hourly: dict[str | None, dict[int, Decimal]] = defaultdict(dict)
    for name, hour, units in wide.rows(HOURLY.format(owner=owner.column, time=time.column)):
        hourly[name][hour] = usd(int(units))
    for name, seen in hourly.items():
        *history, spent = (seen.get(hour, Decimal(0)) for hour in wanted_hours)
        if found := dear_hour(list(map(float, history)), float(spent), float(wanted.floor_usd)):
            when = f"from {clock(last, data.window.timezone)} on, in an hour"
            yield from _spike(data, name, when, spent, found.usual, (local.date(), local.date()), first)


def _new_features(days: _Days, dimension: str, wanted: Spikes) -> Iterator[Signal]:
    for name, spent in _appeared(days, days.owners, wanted):
        if name is not None:
            title = f"New {dimension}: {name}, {_since(days)} {money(spent)}."
            yield _new(days, "new_feature", dimension, name, title, money(spent))


def _new_models(days: _Days, dimension: str, wanted: Spikes) -> Iterator[Signal]:
    for name, spent in _appeared(days, days.models, wanted):
        title = f"New model: {name}, {_since(days)} {money(spent)}."
        yield _new(days, "new_model", "model", str(name), title, money(spent))


def _unpriced(days: _Days, dimension: str, wanted: Spikes) -> Iterator[Signal]:
    if days.history < FEWEST_DAYS:
        return
    for name, seen in days.unpriced.items():
        calls = sum(seen.calls[day] for day in days.recent)
        if calls and not any(count for day, count in seen.calls.items() if day not in days.recent):
            title = f"Model without a price: {name}, {calls:,} calls {_since(days)[:-1]} that no total holds."
            yield _new(days, "unpriced", "model", name, title, f"{calls:,} calls")


def _appeared(
    days: _Days, kinds: Mapping[str, _Seen] | Mapping[str | None, _Seen], wanted: Spikes
) -> list[tuple[str | None, Decimal]]:
    """Names that were never there before yesterday, and cost enough since; none with little history."""
    if days.history < WEEKDAY_DAYS:
        return []
    found: list[tuple[str | None, Decimal]] = []
    for name, seen in kinds.items():
        spent = seen.usd(days.recent)
        if (
            spent >= max(wanted.floor_usd, LEAST)
            and min(day for day, n in seen.calls.items() if n) in days.recent
        ):
            found.append((name, spent))
    return found


def _since(days: _Days) -> str:
    return f"since {days.recent[0]}:"


def _new(days: _Days, kind: str, key: str, name: str, title: str, amount: str) -> Signal:
    until = micros(of_days(days.today + HISTORY_DAYS * _DAY, days.today + HISTORY_DAYS * _DAY, "UTC").start)
    case = Case(f"whyspend:{kind}:{key}={name}", kind, title, until=until)
    where = (key, days.plain[name] if key == "model" else name)
    return Signal(case, ((key, name), ("Since", f"{days.recent[0]}"), ("So far", amount)), days.recent, where)


def _untagged(days: _Days, dimension: str, wanted: Spikes) -> Iterator[Signal]:
    if days.history < WEEKDAY_DAYS or None not in days.owners:
        return
    seen = days.owners[None]
    before = list(_between(days.today - 29 * _DAY, days.today - 2 * _DAY, days.first))
    usual = _part(seen, days.whole, before)
    now, bare = _part(seen, days.whole, days.recent), seen.usd(days.recent)
    if now - usual >= RISE and bare >= wanted.floor_usd:
        title = f"The share of dollars without a {dimension} has risen to {now:.0%}, usual are {usual:.0%}."
        until = micros(of_days(days.today + QUIET_DAYS * _DAY, days.today + QUIET_DAYS * _DAY, "UTC").start)
        facts = (("Without an owner", money(bare)), ("Since", f"{days.recent[0]}"))
        case = Case(f"whyspend:untagged:{dimension}", "untagged", title, until=until)
        yield Signal(case, facts, days.recent, (dimension, "untagged"))


def _stale(data: Data, config: Config, at: datetime) -> Iterator[Signal]:
    """Each source that is read by how far it was pulled; one that never was is no news of today."""
    for name in config.sources.keys() - data.reached.left:
        upto = max(read_upto(data.snapshot.manifest.watermarks.get(name, {})).values(), default=None)
        if upto is None or at - instant(upto) < timedelta(hours=config.spikes.stale_hours):
            continue
        hours = (at - instant(upto)) // timedelta(hours=1)
        reached = f"{instant(upto):%Y-%m-%d %H:%M} UTC"
        title = f"The ledger is not up to date: {name} was last pulled up to {reached}, {hours:,} hours ago."
        yield Signal(
            Case(f"whyspend:stale:{name}", "stale", title), (("Source", name), ("Pulled up to", reached))
        )


def _between(first: date, last: date, held: date) -> list[date]:
    first = max(first, held)
    return [first + number * _DAY for number in range((last - first).days + 1)]


def _part(seen: _Seen, whole: _Seen, days: Sequence[date]) -> float:
    total = whole.usd(days)
    return float(seen.usd(days) / total) if total else 0.0
