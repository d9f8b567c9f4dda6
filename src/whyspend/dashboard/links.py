"""Where the cells of an answer lead: to the same question of one value, to one day, to a cause, to a request."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from whyspend.dashboard.grid import Link, Row
from whyspend.model import Cell, Table, TableColumn, Window
from whyspend.spelling import OTHERS
from whyspend.workspace.keys import BUILT_IN
from whyspend.workspace.questions import THEN, Question
from whyspend.workspace.sheet_questions import SheetQuestion

OF_A_REQUEST = ("call_site", "model")
"""What a single request is shown by."""

_NO_FILTER = frozenset({"budgets", "forecast", "anomalies"})
"""Reports that one value says little of, or that cannot be asked about one."""

_OVERVIEW, _PRICES = "/", "/prices"


def address(question: Question) -> str:
    """The page of a question."""
    return _with(f"/reports/{quote(question.report, safe='')}", question)


def data_address(question: Question, form: str = "json") -> str:
    """The answer of a question as a file."""
    path = f"/api/reports/{quote(question.report, safe='')}"
    return _with(path, question, [("format", form)] if form != "json" else [])


def sheet_address(question: SheetQuestion, form: str = "json") -> str:
    """The answer of a question that no report answers, as a file."""
    return _with(f"/api/{sheet_path(question.sheet)}", question, [("format", form)] if form != "json" else [])


def sheet_path(sheet: str) -> str:
    """`prices list` as a part of an address: `prices/list`."""
    return sheet.replace(" ", "/")


def overview_address(question: Question) -> str:
    """The overview of the days, filters and prices of a question."""
    return _with(_OVERVIEW, question.of("report"))


def prices_address(question: Question) -> str:
    """The page of prices, for the days and filters of a question."""
    return _with(_PRICES, question.of("report"))


def elsewhere(question: Question, report: str) -> str:
    """The page of another report, of the same days, filters and prices: those that it can be told."""
    if report == "budgets":  # each says itself which calls it is of, and at which prices
        return address(question.of(report, where=(), prices=THEN))
    return address(question.of(report))


def _with(path: str, question: Question | SheetQuestion, more: Collection[tuple[str, str]] = ()) -> str:
    pairs = [*question.pairs(), *more]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def links(question: Question, table: Table, dimensions: Collection[str]) -> Link:
    """Where the cells of an answer lead."""
    by = question.told("by") or ()
    keys = {*dimensions, *((by,) if isinstance(by, str) else by)}
    if question.report not in _NO_FILTER:
        keys |= {*BUILT_IN}

    def link(column: TableColumn, value: Cell, row: Row) -> str:
        if value is None or value == "":
            return ""
        if column.name == "rule" and question.report == "coverage":
            return address(question.with_options(suggest=None, try_=str(value)))
        if column.name == "trace_id":
            return address(request_of(question, str(value), row.get("started_at"), table.window))
        if column.unit in ("place", "sentence") and question.report == "explain" and row.get("line"):
            is_line = "sentence" in row and not question.told("driver")
            return address(question.with_options(driver=row["line"], show_requests=None)) if is_line else ""
        if isinstance(value, date) and column.name in ("day", "week", "month"):
            return address(zoomed(question, column.name, value, table))
        if column.name in keys and isinstance(value, str) and not _is_rest(value):
            return address(filtered(question, column.name, value))
        return ""

    return link


def filtered(question: Question, key: str, value: str) -> Question:
    """The same question of one value only; of reports that are not for it, what that value cost."""
    asked = question.of("report") if question.report in _NO_FILTER else question
    condition = f"{key}={value}"
    return asked if condition in asked.where else replace(asked, where=(*asked.where, condition))


def every_line(question: Question) -> Question:
    """The same question without the choice of one line of its answer: other days have other lines."""
    is_chosen = question.report == "explain" and question.told("driver")
    return question.with_options(driver=None) if is_chosen else question


def zoomed(question: Question, unit: str, first: date, table: Table) -> Question:
    """The same question of one day, week or month, as far as it was asked about; of a single day by the hour."""
    last = {"day": first, "week": first + timedelta(days=6), "month": _month_end(first)}[unit]
    since, until = max(first, table.window.since), min(last, table.window.until)
    asked = replace(every_line(question), since=str(since), until=str(until))
    by = question.told("by")
    if isinstance(by, tuple) and unit in by:
        finer = {"day": "hour", "week": "day", "month": "day"}[unit]
        asked = asked.with_options(by=tuple(finer if key == unit else key for key in by))
    return asked


def request_of(question: Question, trace: str, started: Cell, window: Window) -> Question:
    """What a single request did and cost; of a cause that became cheaper it began before the days of the question."""
    asked = question.of("report", where=(f"trace_id={trace}",))
    if isinstance(started, datetime):
        first = started.astimezone(ZoneInfo(window.timezone)).date()
        if first < window.since:
            asked = replace(asked, since=str(first), until=str(window.until))
    return asked.with_options(by=OF_A_REQUEST)


def _month_end(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _is_rest(value: str) -> bool:
    return value in (OTHERS, "(adjustment)")
