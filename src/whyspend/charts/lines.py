"""Pictures of lines: a budget that is used up, and prices over time."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from whyspend.charts import ink
from whyspend.charts.frame import Drawn, amounts_at_left, legend, margin, moments_below
from whyspend.charts.palette import class_of
from whyspend.charts.scales import Scale, counts, dollars, rounded_out
from whyspend.model import Cell, Chart
from whyspend.spelling import money, rate

_PLOT = 230.0
_BELOW = 24.0

ROOM = 84.0
"""What a day takes below its step."""

Points = list[tuple[float, float]]


def burn_down(chart: Chart, width: float) -> Drawn:
    """What is used day by day, what is expected of the days to come with its interval, and the limit."""
    entries = [("used", "n4"), ("expected", "n4 pale"), ("80 % interval", "n4 band")]
    some = [any(row[at] is not None for row in chart.rows) for at in (1, 2, 3)]
    head = legend([entry for entry, there in zip(entries, some, strict=True) if there], width)
    is_usd = chart.columns[1].unit == "usd"
    amounts = [float(cell) for row in chart.rows for cell in row[1:5] if isinstance(cell, int | Decimal)]
    ticks, low, high = rounded_out(
        0.0, max([*amounts, *(float(amount) for _, amount in chart.marks)], default=0.0)
    )
    said = dollars(ticks) if is_usd else counts(ticks)
    left = margin(said)
    scale = Scale(low, high, head.height + _PLOT, head.height + 6)
    days = [row[0] for row in chart.rows if isinstance(row[0], date)]
    step = (width - left) / max(len(days), 1)
    places = [left + step * (number + 0.5) for number in range(len(days))]
    parts = [head.body, amounts_at_left(ticks, said, scale, left, width)]
    band = _points(chart, places, scale, 4), _points(chart, places, scale, 3)
    if band[0]:
        parts.append(ink.path([*band[0], *reversed(band[1])], "n4 band", closed=True))
    parts.append(_line(_points(chart, places, scale, 2), "line s4 likely"))
    parts.append(_line(_points(chart, places, scale, 1), "line s4"))
    for name, amount in chart.marks:
        y = scale.at(float(amount))
        parts.append(ink.line(left, y, width, y, "limit"))
        word = f"{name} {money(amount) if is_usd else f'{amount:,}'}"
        parts.append(ink.words(left + 4, y - 5 if y > scale.end + 16 else y + 14, word))
    for number, row in enumerate(chart.rows):
        parts.append(_column(row, places[number] - step / 2, scale, step, is_usd))
    parts.append(moments_below(days, places, scale.start, width - left))
    return Drawn(scale.start + _BELOW, "".join(parts))


def _line(points: Points, class_: str) -> str:
    return ink.path(points, class_) if points else ""


def _points(chart: Chart, places: Sequence[float], scale: Scale, at: int) -> Points:
    return [
        (places[number], scale.at(float(cell)))
        for number, row in enumerate(chart.rows)
        if isinstance(cell := row[at], int | Decimal)
    ]


def _column(row: Sequence[Cell], x: float, scale: Scale, width: float, is_usd: bool) -> str:
    """The whole day as a place to point at, which says its numbers."""
    names = ("used", "expected", "low", "high")
    told = [
        f"{name} {money(Decimal(cell)) if is_usd else f'{cell:,}'}"
        for name, cell in zip(names, row[1:5], strict=True)
        if isinstance(cell, int | Decimal)
    ]
    return ink.element(
        "rect",
        ink.element("title", ink.said(f"{row[0]}: {', '.join(told) or 'unknown'}")),
        x=x, y=scale.end, width=width, height=scale.start - scale.end, fill_opacity=0, data_at=str(row[0]),
    )  # fmt: skip


def price_steps(chart: Chart, width: float) -> Drawn:
    """The price of each part since when, as steps; the last goes on to the end."""
    names = [column.name for column in chart.columns[1:]]
    numbers = {name: number for number, name in enumerate(names)} | dict(chart.colors)
    head = legend([(name, class_of(name, numbers)) for name in names], width)
    amounts = [float(cell) for row in chart.rows for cell in row[1:] if isinstance(cell, Decimal)]
    ticks, low, high = rounded_out(0.0, max(amounts, default=0.0))
    said = dollars(ticks)
    left = margin(said)
    scale = Scale(low, high, head.height + _PLOT, head.height + 6)
    days = [row[0] for row in chart.rows if isinstance(row[0], date)]
    is_open = len(days) < len(chart.rows)
    span = max((days[-1] - days[0]).days, 1)
    along = Scale(-0.12 * span if is_open else 0.0, span * 1.12, left, width)
    known = [along.at((day - days[0]).days) for day in days]
    places = [left, *known] if is_open else known
    parts = [head.body, amounts_at_left(ticks, said, scale, left, width)]
    for at, name in enumerate(names, start=1):
        steps: Points = []
        for number, row in enumerate(chart.rows):
            cell, end = row[at], places[number + 1] if number + 1 < len(places) else width
            if not isinstance(cell, Decimal):
                parts.append(_line(steps, f"line s{numbers[name] % 8}"))  # nobody knows what it was then
                steps = []
                continue
            y = scale.at(float(cell))
            steps += [(places[number], y), (end, y)]
            when = "before" if row[0] is None else f"since {row[0]}"
            tip = f"{name} {when}: {rate(cell)}"
            parts.append(ink.bar(places[number], y - 5, end - places[number], 10, "hit", tip, name=name))
        parts.append(_line(steps, f"line s{numbers[name] % 8}"))
    parts.append(_days_below(days, known, scale.start + 16, width))
    return Drawn(scale.start + _BELOW, "".join(parts))


def _days_below(days: Sequence[date], places: Sequence[float], y: float, right: float) -> str:
    """The days of steps, each below its step, without those that would lie on the one after them."""
    parts, free = [], right + ROOM
    for day, place in reversed(list(zip(days, places, strict=True))):
        if place + ROOM / 2 > right:
            parts.append(ink.words(right, y, day.isoformat(), at="end", class_="faint"))
            free = right - ROOM
        elif place + ROOM / 2 <= free:
            parts.append(ink.words(place, y, day.isoformat(), at="middle", class_="faint"))
            free = place - ROOM / 2
    return "".join(parts)
