"""Pictures of bars: parts over time, ranks with their change, a waterfall, a histogram, shares."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from whyspend.charts import ink
from whyspend.charts.frame import (
    LINE,
    Drawn,
    amounts_at_left,
    amounts_below,
    legend,
    margin,
    moments_below,
)
from whyspend.charts.palette import class_of
from whyspend.charts.scales import Scale, counts, dollars, rounded_out, spelled
from whyspend.model import Cell, Chart
from whyspend.spelling import money

_PLOT = 230.0
_ROW = 30.0
_BELOW = 24.0


def stacked_time(chart: Chart, width: float) -> Drawn:
    """Bars of parts, one for each moment; what is below nothing hangs down."""
    names = [column.name for column in chart.columns[1:]]
    classes = [class_of(name, chart.colors) for name in names]
    head = legend(list(zip(names, classes, strict=True)) if len(names) > 1 else [], width)
    stacks = [[_float(cell) for cell in row[1:]] for row in chart.rows]
    ticks, low, high = rounded_out(
        min((sum(min(part, 0) for part in stack) for stack in stacks), default=0.0),
        max((sum(max(part, 0) for part in stack) for stack in stacks), default=0.0),
    )
    said = dollars(ticks)
    left = margin(said)
    scale = Scale(low, high, head.height + _PLOT, head.height + 6)
    step = (width - left) / max(len(chart.rows), 1)
    thick = min(step * 0.8, 72)
    parts = [head.body, amounts_at_left(ticks, said, scale, left, width)]
    for number, row in enumerate(chart.rows):
        x = left + step * number + (step - thick) / 2
        up = down = 0.0
        for name, class_, cell in zip(names, classes, row[1:], strict=True):
            amount = _float(cell)
            if not amount:
                continue
            base = up if amount > 0 else down
            y, end = sorted((scale.at(base), scale.at(base + amount)))
            edge = f"{class_} edge" if thick > 5 else class_
            when = str(row[0])
            parts.append(
                ink.bar(x, y, thick, end - y, edge, f"{when}, {name}: {_said(cell)}", name=name, at=when)
            )
            up, down = (up + amount, down) if amount > 0 else (up, down + amount)
    places = [left + step * (number + 0.5) for number in range(len(chart.rows))]
    parts.append(moments_below(_moments(chart), places, head.height + _PLOT, width - left))
    return Drawn(head.height + _PLOT + _BELOW, "".join(parts))


def _moments(chart: Chart) -> list[date | str]:
    return [row[0] if isinstance(row[0], date) else str(row[0]) for row in chart.rows]


def ranked_change(chart: Chart, width: float) -> Drawn:
    """A bar for each name, how much it is and how much more than before; a stroke stands where it was."""
    compared = len(chart.columns) > 2
    room = min(190.0, width * 0.32)
    words = [_beside(row, compared) for row in chart.rows]
    right = max((ink.wide(word) for word in words), default=0.0) + 10
    amounts = [_float(cell) for row in chart.rows for cell in row[1:3]]
    low, high = min([*amounts, 0.0]), max([*amounts, 0.0])
    scale = Scale(low, high if high > low else low + 1, room, width - right)
    head = (
        Drawn(LINE + 2, ink.words(room, 12, f"| {_before(chart)}", class_="faint"))
        if compared
        else Drawn(0, "")
    )
    parts = [
        head.body,
        ink.line(scale.at(0), head.height, scale.at(0), head.height + _ROW * len(words), "axis"),
    ]
    for number, (row, word) in enumerate(zip(chart.rows, words, strict=True)):
        y = head.height + _ROW * number
        name = str(row[0])
        parts.append(_label(name, y, room))
        x, end = sorted((scale.at(0), scale.at(_float(row[1]))))
        tip = f"{name}: {word}"
        if row[1] is not None:
            parts.append(ink.bar(x, y + 5, end - x, _ROW - 10, class_of(name, chart.colors), tip, name=name))
        reach = end
        if compared and row[2] is not None:
            was = scale.at(_float(row[2]))
            parts.append(ink.line(was, y + 2, was, y + _ROW - 2, "mark"))
            reach = max(reach, was)
        parts.append(ink.words(reach + 6, y + 19, word))
    return Drawn(head.height + _ROW * len(words) + 4, "".join(parts))


def _before(chart: Chart) -> str:
    return chart.columns[2].name.removesuffix("_usd").replace("_", " ")


def _beside(row: Sequence[Cell], compared: bool) -> str:
    now = _said(row[1])
    if not compared or not isinstance(row[1], Decimal) or not isinstance(row[2], Decimal):
        return now
    change = row[1] - row[2]
    return f"{now} ({money(change, signed=True)})" if change else f"{now} (no change)"


def waterfall(chart: Chart, width: float) -> Drawn:
    """From the first amount to the last, a bar for what each of the others adds or takes."""
    first, *steps, last = chart.rows
    room = min(260.0, width * 0.42)
    ends = [_float(first[1])]
    for row in steps:
        ends.append(ends[-1] + _float(row[1]))
    words = [_said(first[1]), *(_said(row[1], signed=True) for row in steps), _said(last[1])]
    right = max(map(ink.wide, words)) + 10
    low, high = min([*ends, _float(last[1]), 0.0]), max([*ends, _float(last[1]), 0.0])
    if steps and low == 0 and min(ends) > 0.6 * high:
        low = _cut_off(ends, high)
    scale = Scale(low, high if high > low else low + 1, room, width - right)
    parts = []
    spans = [
        (low if low > 0 else 0.0, ends[0]),
        *pairwise(ends),
        (low if low > 0 else 0.0, _float(last[1])),
    ]
    for number, (row, word, (start, end)) in enumerate(zip(chart.rows, words, spans, strict=True)):
        y = _ROW * number
        whole = number in (0, len(chart.rows) - 1)
        class_ = "total" if whole else "up" if end >= start else "down"
        x, until = sorted((scale.at(start), scale.at(end)))
        name = str(row[0])
        parts.append(_label(name, y, room))
        parts.append(
            ink.bar(x, y + 5, until - x, _ROW - 10, class_, f"{name}: {word}", name=name, at=str(number))
        )
        parts.append(ink.words(until + 6, y + 19, word))
        if number + 1 < len(chart.rows):
            parts.append(ink.line(scale.at(end), y + _ROW - 5, scale.at(end), y + _ROW + 5, "axis"))
    height = _ROW * len(chart.rows) + 4
    if low > 0:
        parts.append(ink.words(room, height + 12, f"bars begin at {money(_tidy(low))}", class_="faint"))
        height += LINE
    return Drawn(height, "".join(parts))


def _cut_off(ends: Sequence[float], high: float) -> float:
    """Where bars begin that are long against what changes: half of the lowest change away from the lowest."""
    ticks, low, _ = rounded_out(max(min(ends) - (high - min(ends)) * 1.5, 0.0), high, 8)
    return low if len(ticks) > 1 else 0.0


def _tidy(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 6)))


def histogram(chart: Chart, width: float) -> Drawn:
    """How many there are of each size; the bars are as wide as one another, whatever their span."""
    most = max((_float(row[2]) for row in chart.rows), default=0.0)
    ticks, low, high = rounded_out(0.0, most)
    said = counts(ticks)
    left, top = margin(said), LINE * (1 + len(chart.marks)) if chart.marks else 8.0
    scale = Scale(low, high, top + _PLOT - 40, top)
    step = (width - left - 24) / max(len(chart.rows), 1)
    parts = [amounts_at_left(ticks, said, scale, left, width)]
    for number, row in enumerate(chart.rows):
        x, y = left + step * number, scale.at(_float(row[2]))
        tip = f"{_said(row[0])} to {_said(row[1])}: {_float(row[2]):,.0f} {chart.columns[2].name}"
        parts.append(ink.bar(x, y, step, scale.start - y, "n4 edge", tip, at=str(number)))
    shown = max(1, int((width - left) // 64))
    every = max(1, -(-len(chart.rows) // shown))
    edges = [*(row[0] for row in chart.rows), chart.rows[-1][1]]
    for number in range(0, len(edges), every):
        x = left + step * number
        parts.append(ink.words(x, scale.start + 16, _said(edges[number]), at="middle", class_="faint"))
    for number, (name, amount) in enumerate(chart.marks):
        x = left + step * _within(chart, float(amount))
        y = LINE * number + 12
        parts.append(ink.line(x, y + 4, x, scale.start, "mark"))
        right_half = x > left + (width - left) / 2
        word = f"{name} {money(amount)}"
        parts.append(
            ink.words(x + (-4 if right_half else 4), y + 2, word, at="end" if right_half else "start")
        )
    return Drawn(scale.start + _BELOW, "".join(parts))


def _within(chart: Chart, amount: float) -> float:
    """The place of an amount, in bars."""
    for number, row in enumerate(chart.rows):
        start, end = _float(row[0]), _float(row[1])
        if amount <= end:
            return number + (max(amount - start, 0.0) / (end - start) if end > start else 0.5)
    return float(len(chart.rows))


def shares(chart: Chart, width: float) -> Drawn:
    """A whole bar for each name, of its parts."""
    names = [column.name for column in chart.columns[1:]]
    classes = [class_of(name, chart.colors) for name in names]
    head = legend(list(zip(names, classes, strict=True)), width)
    room = min(140.0, width * 0.3)
    bounds = [
        (sum(min(_float(c), 0) for c in row[1:]), sum(max(_float(c), 0) for c in row[1:]))
        for row in chart.rows
    ]
    ticks, low, high = rounded_out(min(low for low, _ in bounds), max(high for _, high in bounds))
    scale = Scale(low, high, room, width - 20)
    bottom = head.height + (_ROW + 4) * len(chart.rows)
    parts = [head.body, amounts_below(ticks, dollars(ticks), scale, head.height, bottom)]
    for number, row in enumerate(chart.rows):
        y = head.height + (_ROW + 4) * number
        parts.append(_label(str(row[0]), y + 2, room))
        up = down = 0.0
        whole = sum(max(_float(cell), 0) for cell in row[1:])
        for name, class_, cell in zip(names, classes, row[1:], strict=True):
            amount = _float(cell)
            if not amount:
                continue
            base = up if amount > 0 else down
            x, end = sorted((scale.at(base), scale.at(base + amount)))
            tip = f"{row[0]}, {name}: {_said(cell)}" + (
                f" ({amount / whole:.1%})" if whole and amount > 0 else ""
            )
            parts.append(
                ink.bar(x, y + 4, end - x, _ROW - 6, f"{class_} edge", tip, name=name, at=str(row[0]))
            )
            up, down = (up + amount, down) if amount > 0 else (up, down + amount)
    return Drawn(bottom + _BELOW, "".join(parts))


def _label(name: str, y: float, room: float) -> str:
    """A name at the left, whole in its tip."""
    return ink.element(
        "text", ink.element("title", ink.said(name)), ink.said(ink.cut(name, room - 10)), x=0, y=y + 19
    )


def _float(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | Decimal) else 0.0


def _said(cell: Cell, *, signed: bool = False) -> str:
    if isinstance(cell, Decimal):
        return money(cell, signed=signed)
    return spelled(None, "usd") if cell is None else str(cell)
