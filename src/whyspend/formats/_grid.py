"""Columns side by side within the width of a terminal: what is cut, folded or left out, and what is painted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from unicodedata import category, east_asian_width

BOLD, RED, GREEN, YELLOW = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"
_PLAIN = "\x1b[0m"
_GAP = "  "
READABLE_TEXT = 28
NARROWEST_TEXT = len("(untagged)")
_COMFORTABLE_SENTENCE = 50
"""Columns that a sentence has before a picture takes any."""
_SEAMS = "-_/=;.,"
"""Where a word is broken that is too long for its column."""


@dataclass(frozen=True)
class Lane:
    """A column as it will be shown; widths in columns of the terminal."""

    name: str
    """What it is called where it is left out."""
    heading: Sequence[str]
    """Its lines, the last one next to the rows; none where no lane has a heading."""
    cells: list[str]
    """One a row, then the total where there is one."""
    natural: int
    """The width that shows everything in one line."""
    width: int
    readable: int
    """The width below which it is not narrowed while other lanes can be left out."""
    narrowest: int
    """The width below which it is never narrowed."""
    colors: Sequence[str] = ()
    """One a row: the escape that begins its colour, or nothing."""
    folds: bool = False
    """Whether what is too wide goes on in the next line; else it is cut."""
    right: bool = False
    rank: int = 0
    """0: never left out; of the others, the highest is left out first."""
    beside: bool = False
    """Whether it belongs to the lane before it: nearer to that, and under the same rule."""

    @property
    def gap(self) -> str:
        """What stands before it, where it is not the first."""
        return " " if self.beside else _GAP


def natural_width(heading: Sequence[str], cells: Sequence[str]) -> int:
    """The width that shows every cell in one line."""
    return max(map(display_width, [*heading, *cells]), default=0)


def words_width(texts: Sequence[str]) -> int:
    """The width at which no word is broken, or that of readable text if it is less."""
    return min(natural_width((), [word for text in texts for word in text.split(" ")]), READABLE_TEXT)


def two_lines_width(texts: Sequence[str]) -> int:
    """The width at which each text folds into two lines of whole words, or that of readable text if it is less."""
    width = words_width(texts)
    wide = {text for text in texts if display_width(text) > width}
    while width < READABLE_TEXT and any(len(folded(text, width)) > 2 for text in wide):
        width += 1
    return width


def within(lanes: Sequence[Lane], width: int) -> list[Lane] | None:
    """All lanes, what folds as narrow as is readable at the least, or None where they are wider than that."""
    folded_ = [replace(lane, width=lane.readable if lane.folds else lane.natural) for lane in lanes]
    return _grown(folded_, width) if _span(folded_) <= width else None


def squeezed(lanes: Sequence[Lane], width: int) -> list[Lane]:
    """What fits: the lanes of rank 0 always, narrower than readable only if they must; then the others by rank."""
    narrowed = [replace(lane, width=lane.readable) for lane in lanes]
    kept = [index for index, lane in enumerate(lanes) if lane.rank == 0]
    if _span([narrowed[index] for index in kept]) > width:
        narrowed = [replace(lane, width=lane.narrowest) for lane in lanes]
    for index in sorted(range(len(lanes)), key=lambda index: lanes[index].rank):
        if index not in kept and _span([narrowed[other] for other in (*kept, index)]) <= width:
            kept.append(index)
    return _grown([narrowed[index] for index in sorted(kept)], width)


def room_beside(lanes: Sequence[Lane], width: int) -> int:
    """The width that no lane wants: none is cut for it, and what folds stays comfortable."""
    return width - _span(_comfortable(lanes)) - 1


def with_beside(lanes: Sequence[Lane], at: int, lane: Lane, width: int) -> list[Lane]:
    """The lanes with another beside the one at that place; what folds makes room for it (`room_beside`)."""
    made = _comfortable(lanes)
    return _grown([*made[: at + 1], replace(lane, beside=True), *made[at + 1 :]], width)


def _comfortable(lanes: Sequence[Lane]) -> list[Lane]:
    return [
        replace(lane, width=min(lane.width, _COMFORTABLE_SENTENCE)) if lane.folds else lane for lane in lanes
    ]


def left_out(lanes: Sequence[Lane], names: Sequence[str]) -> str:
    """A line that names the lanes that do not fit, or nothing."""
    shown = {lane.name for lane in lanes}
    hidden = [name for name in names if name not in shown]
    return f"The terminal is too narrow for: {', '.join(hidden)}. JSON has every column." if hidden else ""


def block(lanes: Sequence[Lane], rows: int, *, color: bool = False) -> list[str]:
    """The lines of all lanes: headings over a rule, rows, and below another the total; without headings, that rule
    is drawn only above what was added up."""
    depth = max((len(lane.heading) for lane in lanes), default=0)
    headings = [[""] * (depth - len(lane.heading)) + list(lane.heading) for lane in lanes]
    rule = _GAP.join("─" * width for width in _ruled(lanes))
    sums = _joined(
        lanes, [("─" if lane.right and lane.cells[-1:] != [""] else " ") * lane.width for lane in lanes]
    )
    lines = [_line(lanes, level) for level in zip(*headings, strict=True)]
    lines += [rule] if depth else []
    for index in range(rows):
        lines += _row(lanes, index, [lane.colors[index] if color else "" for lane in lanes])
    if any(len(lane.cells) > rows for lane in lanes):
        lines.append(rule if depth else sums.rstrip())
        lines += [painted(line, BOLD if color else "") for line in _row(lanes, rows, [""] * len(lanes))]
    return lines


def _grown(lanes: Sequence[Lane], width: int) -> list[Lane]:
    """Give text the room that is left, from left to right; then what folds, first what lacks least."""
    spare = max(0, width - _span(lanes))
    grown = list(lanes)
    lacking = [lane.natural - lane.width for lane in lanes]
    for index in sorted(range(len(lanes)), key=lambda index: lacking[index] if lanes[index].folds else -1):
        growth = min(spare, lacking[index])
        spare -= growth
        grown[index] = replace(lanes[index], width=lanes[index].width + growth)
    return grown


def _span(lanes: Sequence[Lane]) -> int:
    return sum(lane.width for lane in lanes) + sum(len(lane.gap) for lane in lanes[1:])


def _ruled(lanes: Sequence[Lane]) -> list[int]:
    """The width of each rule: a lane and what stands beside it have one."""
    widths: list[int] = []
    for lane in lanes:
        if lane.beside and widths:
            widths[-1] += len(lane.gap) + lane.width
        else:
            widths.append(lane.width)
    return widths


def _joined(lanes: Sequence[Lane], parts: Sequence[str]) -> str:
    return "".join(
        (lane.gap if at else "") + part for at, (lane, part) in enumerate(zip(lanes, parts, strict=True))
    )


def _row(lanes: Sequence[Lane], index: int, colors: Sequence[str]) -> list[str]:
    """The lines of a row; below its first, only what was folded goes on."""
    columns = [folded(lane.cells[index], lane.width) if lane.folds else [lane.cells[index]] for lane in lanes]
    depth = max(map(len, columns), default=1)
    levels = zip(*(column + [""] * (depth - len(column)) for column in columns), strict=True)
    return [_line(lanes, level, colors) for level in levels]


def _line(lanes: Sequence[Lane], cells: Sequence[str], colors: Sequence[str] = ()) -> str:
    fitted = [
        _aligned(lane, cell, begin)
        for lane, cell, begin in zip(lanes, cells, colors or [""] * len(lanes), strict=True)
    ]
    return _joined(lanes, fitted).rstrip()


def _aligned(lane: Lane, cell: str, color: str) -> str:
    shown = _cut(cell, lane.width)
    padding = " " * (lane.width - display_width(shown))
    return padding + painted(shown, color) if lane.right else painted(shown, color) + padding


def painted(text: str, color: str) -> str:
    """Text in a colour, or as it is where there is no text or no colour."""
    return f"{color}{text}{_PLAIN}" if color and text else text


def _cut(text: str, width: int) -> str:
    """The text, or as much of its beginning as fits before a `…`."""
    return text if display_width(text) <= width else text[: _fitting(text, width - 1)] + "…"


def wrapped(text: str, width: int | None) -> list[str]:
    """Lines of whole words, all but the first indented; a word wider than the terminal stays whole."""
    if width is None or display_width(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        candidate = f"{lines[-1]} {word}" if lines[-1].strip() else f"{lines[-1]}{word}"
        if display_width(candidate) <= width or not lines[-1].strip():
            lines[-1] = candidate
        else:
            lines.append(f"  {word}")
    return lines


def folded(text: str, width: int | None) -> list[str]:
    """Lines of whole words, none wider than the room; a word that is wider is broken, where it can at a seam."""
    if width is None or display_width(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        first, *rest = _pieces(word, width)
        joined = f"{lines[-1]} {first}" if lines[-1] else first
        if display_width(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(first)
        lines += rest
    return lines


def _pieces(word: str, width: int) -> Iterator[str]:
    while (end := max(1, _fitting(word, width))) < len(word):
        seam = max(word.rfind(mark, 0, end) for mark in _SEAMS) + 1
        end = seam if seam > end // 3 else end
        yield word[:end]
        word = word[end:]
    yield word


def _fitting(text: str, width: int) -> int:
    """How many letters of the beginning fit."""
    for count, char in enumerate(text):
        width -= display_width(char)
        if width < 0:
            return count
    return len(text)


def display_width(text: str) -> int:
    """Columns on a terminal: two for East Asian wide letters and emoji, none for marks on a letter."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1
