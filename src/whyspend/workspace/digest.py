"""The week on one page: what several reports say of the same days, each cut to what a page holds.

Every figure is the report's own; what is made here is only the words around them, and the share that a change is of
what was before.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from whyspend.formats import for_people
from whyspend.formats import spent as spent_words
from whyspend.model import Cell, Table, Window
from whyspend.model.digest import Digest, Section
from whyspend.spelling import money, percent
from whyspend.workspace import Workspace
from whyspend.workspace.missing import DataEnd
from whyspend.workspace.questions import Question, shell_line
from whyspend.workspace.windows import of_days, zone

OWNERS, BUDGETS, ENDINGS, ODD, PLACES = 6, 8, 6, 3, 3
"""Rows of each section; what lies below is added up, or named in the command."""

NAMES = 3
"""Budgets that the headline names."""

_DAY = timedelta(days=1)

Row = dict[str, Cell]


def whole_days(place: Workspace, since: str, until: str, timezone: str) -> Window:
    """The days of a digest: as every report reads them, but up to yesterday, for half a day would look like a fall.

    `--since 7d` are the last seven whole days. Only who asks for today gets it.

    Raises:
        UsageError: a form that is not known, or days in the wrong order.
    """
    asked = place.window(since, until, timezone)
    if until or asked.since == asked.until:
        return asked
    return of_days(asked.since, asked.until - _DAY, asked.timezone)


def digest(
    place: Workspace,
    asked: Window,
    *,
    where: Sequence[str] = (),
    pictures: bool = False,
    words: Sequence[str] = (),
) -> Digest:
    """The digest of some days.

    Args:
        place: configuration and ledger.
        asked: the days.
        where: only of these calls; budgets, which say themselves of which calls they are, are left out.
        pictures: with the charts of the answers.
        words: what every command that is named must have, too: `--ledger X`.
    """
    ask = _Asking(place, asked, tuple(where), pictures, tuple(words))
    if ask.data_end and ask.data_end.at <= asked.start and not ask.data_end.is_partial:
        return _of_nothing(ask, ask.data_end)
    spent, why, ending, odd, owners = _spent(ask), _why(ask), _ending(ask), _odd(ask), _owners(ask)
    budgets, broken = (None, []) if where else _budgets(ask)
    answer = spent.table
    return Digest(
        window=asked,
        at=place.now,
        headline=tuple(_headline(ask, spent, why, ending, broken, owners)),
        sections=tuple(part for part in (spent, why, budgets, ending, odd, owners) if part),
        trust=answer.trust,
        notes=answer.notes if answer.trust.calls else (),
        command=ask.itself,
        is_whole=ask.data_end is None,
    )


def _of_nothing(ask: "_Asking", end: DataEnd) -> Digest:
    """The digest of days after the end of the data: that none of them is known, and what to do."""
    spent = _spent(ask)
    idle = replace(spent.table, rows=(), total={}, charts=())
    return Digest(
        window=ask.days,
        at=ask.place.now,
        headline=(_ended(end), f"Next: {_bring_in(ask, end)}"),
        sections=(replace(spent, table=idle, sentences=(end.said(),)),),
        trust=spent.table.trust,
        command=ask.itself,
        is_whole=False,
    )


@dataclass(frozen=True)
class _Asking:
    """Asks reports about the same calls of the same days."""

    place: Workspace
    days: Window
    where: tuple[str, ...]
    pictures: bool
    words: tuple[str, ...]

    @cached_property
    def data_end(self) -> DataEnd | None:
        """Where the data ends, if that is too early for these days."""
        return self.place.data(self.days).data_end()

    @property
    def itself(self) -> str:
        """The command line of the digest."""
        return self.line("digest", *(word for text in self.where for word in ("--where", text)))

    @property
    def owner(self) -> str:
        return self.place.config.dimensions[0]

    def answer(self, report: str, **options: Any) -> tuple[Table, str]:
        """An answer, and the command line that gives it."""
        asked = self._question(report).with_options(**options)
        answer = asked.ask(self.place, pictures=self.pictures)
        return answer, shell_line(["whyspend", *asked.arguments(), *self.words])

    def command(self, report: str, **options: Any) -> str:
        """The command line of a question that is only named."""
        arguments = self._question(report).with_options(**options).arguments()
        return shell_line(["whyspend", *arguments, *self.words])

    def line(self, command: str, *arguments: str) -> str:
        """The command line of something that is no report: `digest`, `prices unpriced`."""
        days = ("--since", f"{self.days.since}", "--until", f"{self.days.until}", *self._timezone(flag=True))
        return shell_line(["whyspend", *command.split(), *days, *arguments, *self.words])

    def _question(self, report: str) -> Question:
        zone = self._timezone()[0] if self._timezone() else ""
        return Question(report, f"{self.days.since}", f"{self.days.until}", zone, self.where)

    def _timezone(self, *, flag: bool = False) -> tuple[str, ...]:
        """Only where it is not the configured one."""
        if self.days.timezone == self.place.config.timezone:
            return ()
        return ("--timezone", self.days.timezone) if flag else (self.days.timezone,)


# The sections


def _spent(ask: _Asking) -> Section:
    """Never left out: where there is nothing, it says why."""
    answer, command = ask.answer("report", by=(ask.owner,), top=OWNERS)
    total, calls = answer.total, answer.trust.calls
    if not calls and not answer.rows:
        return Section("What was spent", answer, answer.notes, command)
    said = f"{_count(calls, 'call')} in {_count(total['requests'], 'request')}"
    unpriced = total["unpriced_calls"]
    said += f", {unpriced:,} of them without a price: {UNPRICED}." if unpriced else "."
    columns = {
        ask.owner,
        "calls",
        "cost_usd",
        "share",
        "change_usd",
        *(["unpriced_calls"] if unpriced else []),
    }
    return Section("What was spent", replace(_cut(answer, columns), notes=answer.notes), (said,), command)


UNPRICED = "their cost is not in any figure here"


def _why(ask: _Asking) -> Section | None:
    answer, command = ask.answer("explain")
    if not answer.rows:
        return None
    return Section("Why it changed", replace(answer, details={}), _lines(answer), command)


def _budgets(ask: _Asking) -> tuple[Section | None, list[str]]:
    """The section, and what of it belongs into the headline."""
    answer, command = ask.answer("budgets")
    if not ask.place.config.budgets:
        advice = tuple(answer.headline.splitlines())
        idle = replace(answer, rows=(), charts=())
        return (Section("Budgets", idle, advice, command) if answer.rows else None), []
    rows = sorted(_rows(answer), key=lambda row: _URGENCY.index(str(row["status"])))
    columns = {f"{limit}{unit}" for unit in ("tokens", "calls") for limit in ("", "limit_")}
    columns |= {"budget", "value", "status", "spent_usd", "limit_usd", "share", "projected_usd", "projected"}
    cut = _cut(answer, columns, rows[:BUDGETS])
    return Section("Budgets", cut, tuple(_of_budgets(answer, rows)), command), list(_broken(rows))


_URGENCY = ("over", "warn", "unpriced", "ok")


def _of_budgets(answer: Table, rows: Sequence[Row]) -> Iterator[str]:
    counts = {status: sum(row["status"] == status for row in rows) for status in _URGENCY}
    words = {"over": "over", "warn": "near the limit", "unpriced": "without a price", "ok": "within"}
    said = ", ".join(f"{counts[status]:,} {words[status]}" for status in _URGENCY if counts[status])
    if said:
        yield f"{_count(len(rows), 'budget')}: {said}."
    if len(rows) > BUDGETS:
        yield f"The {BUDGETS} that matter most are shown."
    told = set()
    for row in answer.details.get("drivers", ()):
        name = _budget_name(row)
        if name not in told:
            told.add(name)
            yield f"{name}: {row['driver']}."


def _ending(ask: _Asking) -> Section | None:
    answer, command = ask.answer("forecast", top=ENDINGS)
    if not answer.rows:
        return None
    columns = {ask.owner, "spent_usd", "forecast_usd", "low_80_usd", "high_80_usd"}
    said = (*_lines(answer), *([ask.data_end.said()] if ask.data_end else []))
    return Section("Where the month will end", _cut(answer, columns), said, command, is_told=True)


def _odd(ask: _Asking) -> Section | None:
    answer, command = ask.answer("anomalies", top=ODD)
    if not answer.trust.calls:
        return None
    said = (*_lines(answer), *([PARTS] if any(row["why"] for row in _rows(answer)) else []))
    return Section("Out of the ordinary", replace(answer, details={}), said, command, is_told=True)


PARTS = "The parts named are the largest, against up to four weeks before: they need not add up."


def _owners(ask: _Asking) -> Section | None:
    """Dollars without an owner: the dearest places, and what would settle the first."""
    answer, command = ask.answer("coverage", top=PLACES)
    if not answer.trust.calls:
        return None
    rows = [row for row in _rows(answer) if row["owner"] == "untagged" and row["dimension"] == ask.owner]
    columns = {"project", "call_site", "calls", "cost_usd", "share", "fix"}
    cut = _cut(answer, columns, rows)
    cut = replace(cut, total={}, columns=tuple(_as_prose(column) for column in cut.columns))
    sentences = [
        *answer.headline.splitlines(),
        *(
            f"Best next fix, {_amount(row['cost_usd'])}: {row['call_site']}. {row['fix']}"
            for row in rows[:1]
            if row["fix"]
        ),
    ]
    return Section("Who owns it", cut, tuple(sentences), command, is_told=True)


def _as_prose(column: Any) -> Any:
    return replace(column, unit="sentence") if column.name == "fix" else column


# The headline


def _headline(
    ask: _Asking,
    spent: Section,
    why: Section | None,
    ending: Section | None,
    broken: Sequence[str],
    owners: Section | None,
) -> Iterator[str]:
    answer, end = spent.table, ask.data_end
    if end:
        yield _ended(end)
    if not answer.trust.calls and not answer.rows:
        yield "No calls in these days."
    else:
        yield _told(answer, is_whole=end is None)
    cause = _cause(why)
    if end:
        pass  # what fell, or did not, may only be missing
    elif cause:
        yield f"Largest cause: {cause}."
    elif why:
        yield from (line for line in why.sentences[1:] if line.startswith("Within normal variation"))
    if ending and not end:
        yield ending.sentences[0]
    yield from broken
    if advice := _next(ask, spent, why, owners):
        yield f"Next: {advice}"


def _ended(end: DataEnd) -> str:
    """That the data ends too early, before anything that is said of it."""
    what = "Calls are complete only until" if end.is_partial else "The data ends"
    do = "see first whether calls still come in (whyspend doctor)"
    if end.is_pulled:
        do = "bring in what is missing first (whyspend pull)"
    return f"{what} {end.at:%Y-%m-%d %H:%M} UTC: {do}."


def _bring_in(ask: _Asking, end: DataEnd) -> str:
    if not end.is_pulled:
        return f"see whether calls still come in: {shell_line(['whyspend', 'doctor', *ask.words])}"
    since = ("--since", f"{end.at.astimezone(zone(ask.days.timezone)).date()}", *ask.words)
    return f"bring in what is missing: {shell_line(['whyspend', 'pull', *since])}"


def _told(answer: Table, *, is_whole: bool) -> str:
    """What was spent, and how that changed where the ledger holds all of these days and of the days before."""
    cost, change = answer.total.get("cost_usd"), answer.total.get("change_usd")
    is_partly_held = any(note.startswith("The change is against") for note in answer.notes)
    if not isinstance(cost, Decimal):
        return f"{_count(answer.trust.calls, 'call')} in these days, none of known cost."
    return spent_words(cost, change if is_whole and not is_partly_held else None, answer.window)


def _cause(why: Section | None) -> str:
    """The first line of explain that is more than chance, with its dollars as the table shows them."""
    if why is None:
        return ""
    (first, *_), (shown, *_) = _rows(why.table), _rows(for_people(why.table))
    if first["line"] != 1 or first["normal"] == "yes":
        return ""
    return f"{_amount(shown['change_usd'], signed=True)} {first['sentence']}"


def _broken(rows: Sequence[Row]) -> Iterator[str]:
    for status, words in (("over", "Over budget"), ("warn", "Near the budget")):
        found = [row for row in rows if row["status"] == status]
        named = [f"{_budget_name(row)} ({_share(row['share'])} of its limit)" for row in found[:NAMES]]
        more = [f"{len(found) - NAMES:,} more"] if len(found) > NAMES else []
        if named:
            yield f"{words}: {', '.join([*named, *more])}."


def _next(ask: _Asking, spent: Section, why: Section | None, owners: Section | None) -> str:
    """One thing to do: bring in what is missing, look at what rose, own what nobody owns, price what has no price."""
    if ask.data_end:
        return _bring_in(ask, ask.data_end)
    if _cause(why) and why is not None and (_rows(why.table)[0]["change_usd"] or 0) > 0:  # type: ignore[operator]
        return f"see the requests behind the largest cause: {ask.command('explain', driver=1)}"
    if owners and owners.table.rows:
        return owners.sentences[-1]
    if spent.table.total.get("unpriced_calls"):
        return f"see which models have no price: {ask.line('prices unpriced')}"
    return ""


# Tables and words


def _cut(answer: Table, columns: Collection[str], rows: Sequence[Row] | None = None) -> Table:
    """Some columns, and some rows, of an answer."""
    kept = tuple(column for column in answer.columns if column.name in columns)
    shown = _rows(answer) if rows is None else rows
    return replace(
        answer,
        columns=kept,
        rows=tuple(tuple(row[column.name] for column in kept) for row in shown),
        total={name: value for name, value in answer.total.items() if name in columns},
        notes=(),
        details={},
    )


def _rows(answer: Table) -> list[Row]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def _lines(answer: Table) -> tuple[str, ...]:
    return tuple(answer.headline.split("\n")) if answer.headline else ()


def _budget_name(row: Any) -> str:
    return f"{row['budget']}, {row['value']}" if row.get("value") else str(row["budget"])


def _amount(cell: Cell, *, signed: bool = False) -> str:
    return money(cell, signed=signed) if isinstance(cell, Decimal) else "unknown cost"


def _share(cell: Cell) -> str:
    return percent(cell) if isinstance(cell, Decimal) else "an unknown share"


def _count(number: Any, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
