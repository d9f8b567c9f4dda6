"""What a rule would move, before it is written."""

from collections.abc import Iterator, Mapping
from typing import Any

from whyspend.model import Cell, Table, TableColumn
from whyspend.reports.coverage.amounts import COLUMNS, Amount, counted, dollars, percent, sums, total
from whyspend.reports.coverage.pictures import with_rule
from whyspend.reports.coverage.places import Sample, by_day, newest_sql, sample_of
from whyspend.reports.coverage.split import split

SAMPLES = "SELECT {newest} FROM {calls} calls ORDER BY started_at DESC, call_id LIMIT {most}"

OWNERS = "SELECT {old} AS old, {new} AS new, day, {newest} AS sample FROM {calls} calls"

NEWEST_DAY = "SELECT old, new, max(day) FROM ({owners}) owners GROUP BY old, new"

NEWEST = "SELECT old, new, max(sample) FROM ({owners}) owners GROUP BY old, new"

MOST_SAMPLES = 3

Owner = tuple[str, str | None, str | None]
"""Dimension, its value now, and its value with the rule."""


def trial(data: Any, line: str) -> Table:
    """Dollars by old and new owner of all calls that look as the rule wants them; nothing is written."""
    rule = data.rules.tried(line)
    whole = total(sums(data, []).values())
    (owned,) = data.rows(
        "SELECT CAST(coalesce(sum(cost) FILTER (WHERE tagged = 1), 0) AS VARCHAR) FROM answer"
    )
    trust, price_notes = data.trust(), (*data.price_notes(), *data.unpriced_notes())
    matched = data.narrowed(rule.matches)
    amounts = _amounts(data, matched, rule)
    samples = _samples(data, matched, rule)
    order = sorted(amounts, key=lambda own: (own[0], own[1] == own[2], amounts[own].dearness, str(own)))
    columns = (
        *(TableColumn(name, "text") for name in ("dimension", "owner", "new_owner")),
        *COLUMNS,
        # A terminal has no room for them; the notes name the newest runs.
        *(() if data.for_terminal else (TableColumn("sample_run", "text"),)),
        *(() if data.for_terminal else (TableColumn("url", "url", derived=True),)),
    )
    rows = [_row(data, own, amounts[own], whole, samples.get(own)) for own in order]
    everything = total(amount for own, amount in amounts.items() if own[0] == _first(rule))
    return Table(
        report="coverage",
        window=data.window,
        columns=columns,
        rows=tuple(tuple(row[column.name] for column in columns) for row in rows),
        total={name: value for name, value in everything.cells(whole).items() if name != "share"},
        trust=trust,
        headline="\n".join(_moves(data, rule, amounts, whole, int(owned[0]))),
        notes=(
            "Totals do not change. To write it to whyspend.toml, run the same with --write:",
            *rule.toml.splitlines(),
            *_runs(data, matched, rule),
            *price_notes,
            *data.empty_notes(trust.calls),
        ),
        charts=tuple(with_rule(split(data), _moved(rule, amounts))) if data.pictures else (),
    )


def _moved(rule: Any, amounts: Mapping[Owner, Amount]) -> dict[str, Amount]:
    """By dimension that the rule sets, the calls that it gives an owner."""
    return {
        name: total(amount for own, amount in amounts.items() if own[0] == name and own[1] != own[2])
        for name in rule.new
    }


def _first(rule: Any) -> str:
    """The first dimension that a rule sets: every matched call is in it once."""
    first: str = next(iter(rule.new))
    return first


def _amounts(data: Any, matched: Any, rule: Any) -> dict[Owner, Amount]:
    keys = [key for name, new in rule.new.items() for key in (data.key(name), new)]
    amounts: dict[Owner, Amount] = {}
    for own, amount in sums(matched, keys).items():
        for at, name in enumerate(rule.new):
            key = (name, own[at * 2], own[at * 2 + 1])
            amounts[key] = amounts.get(key, Amount()) + amount
    return amounts


def _samples(data: Any, matched: Any, rule: Any) -> dict[Owner, Sample]:
    """The newest run of each row, looked for on the newest of its days only."""
    found: dict[Owner, Sample] = {}
    days = by_day(matched)
    for name, key in rule.new.items():
        old, newest = data.key(name).expression, newest_sql(data.engine)

        def of(
            part: Any, question: str, old: str = old, new: str = key.expression, newest: str = newest
        ) -> Any:
            owners = OWNERS.format(old=old, new=new, newest=newest, calls=part.calls())
            return data.rows(question.format(owners=owners))

        last = {(before, after): day.isoformat() for before, after, day in of(matched, NEWEST_DAY)}
        for day in sorted(set(last.values())):
            for before, after, sample in of(days[day], NEWEST):
                if last[before, after] == day:
                    found[name, before, after] = sample_of(sample)
    return found


def _row(data: Any, own: Owner, amount: Amount, whole: Amount, sample: Sample | None) -> Mapping[str, Cell]:
    name, old, new = own
    key = data.key(name)
    return {
        "dimension": name,
        "owner": data.label(key, old),
        "new_owner": data.label(key, new),
        **amount.cells(whole),
        "sample_run": sample.call_id if sample else None,
        "url": data.link(sample.source, sample.project, sample.trace_id) if sample else None,
    }


def _moves(data: Any, rule: Any, amounts: Mapping[Owner, Amount], whole: Amount, owned: int) -> Iterator[str]:
    """What would get an owner, and which share would be owned then."""
    for name, moved in _moved(rule, amounts).items():
        kept = total(amount for own, amount in amounts.items() if own[0] == name and own[1] == own[2])
        if not moved.calls:
            yield f"{name}: the rule moves nothing in these days{_why(kept)}."
            continue
        keeps = (
            f"; {counted(kept.calls, 'call')} that it matches have an owner and keep it" if kept.calls else ""
        )
        yield f"{name}: {dollars(moved.cost)} and {counted(moved.calls, 'call')} would get an owner{keeps}."
        if name == data.dimensions[0] and whole.cost:
            after = percent(owned + (moved.cost or 0), whole.cost)
            yield f"Owned dollars of {name}: {percent(owned, whole.cost)} now, {after} with the rule."


def _why(kept: Amount) -> str:
    return (
        f": all {counted(kept.calls, 'call')} that it matches have an owner"
        if kept.calls
        else ": it matches no call"
    )


def _runs(data: Any, matched: Any, rule: Any) -> Iterator[str]:
    """The newest runs that would move."""
    moves = [
        f"({data.key(name).expression}) IS DISTINCT FROM ({new.expression})" for name, new in rule.new.items()
    ]
    days = by_day(matched.narrowed(" OR ".join(moves)))
    left = MOST_SAMPLES
    for day in sorted(days, reverse=True):
        sql = SAMPLES.format(newest=newest_sql(data.engine), calls=days[day].calls(), most=left)
        for (text,) in data.rows(sql):
            sample = sample_of(text)
            link = data.link(sample.source, sample.project, sample.trace_id)
            yield f"Sample run {sample.call_id} of {sample.day} in {sample.project}{': ' + link if link else ''}."
            left -= 1
        if not left:
            return
