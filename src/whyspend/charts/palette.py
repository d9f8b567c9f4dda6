"""Which colour what has: told apart by people who see no red, no green or no blue, on white and on black alike.

A name has the colour of its number in the chart, which follows from the whole ledger; a name without a number one that
follows from the name alone. So the same feature has the same colour in every picture, whatever else is in it.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from whyspend.spelling import OTHERS

Theme = Literal["light", "dark", "auto"]
"""`auto`: as the system of whoever looks has it."""

FOLDED, NONE = "others", "none"
"""Classes of what is no name: what was folded together, and what has no owner."""

GREYS: Mapping[str, str] = {
    OTHERS: FOLDED,
    "(adjustment)": FOLDED,
    "untagged": NONE,
    "unknown": NONE,
}


@dataclass(frozen=True)
class Colors:
    """The colours of one theme."""

    names: tuple[str, ...]
    others: str
    none: str
    up: str
    """Dearer, over a limit."""
    down: str
    """Cheaper."""
    total: str
    ink: str
    faint: str
    """Words of less weight."""
    grid: str
    paper: str


LIGHT = Colors(
    names=("#185c94", "#e6a90e", "#5a9b6c", "#ca76b8", "#49b3fd", "#e26002", "#661513", "#2d3174"),
    others="#b9bec5",
    none="#6b727c",
    up="#c4501b",
    down="#2477b3",
    total="#5b626c",
    ink="#1b1f24",
    faint="#59616b",
    grid="#e3e6ea",
    paper="#ffffff",
)

DARK = Colors(
    names=("#4267b2", "#fcbe27", "#40bb85", "#e274d4", "#6ad9fc", "#d25a29", "#fde993", "#b0faea"),
    others="#4d535c",
    none="#7d848e",
    up="#ee8150",
    down="#5cabe0",
    total="#9aa2ad",
    ink="#e8eaed",
    faint="#a3abb5",
    grid="#2d333b",
    paper="#14171c",
)

COUNT = len(LIGHT.names)


def class_of(name: str, numbers: Mapping[str, int]) -> str:
    """The class of a name: `n0` to `n7`; `n0 pale` to `n7 pale` where other names may share it; or a grey."""
    if name in GREYS and name not in numbers:
        return GREYS[name]
    if name in numbers:
        return f"n{numbers[name] % COUNT}"
    return f"n{zlib.crc32(name.encode('utf-8', 'surrogatepass')) % COUNT} pale"


def stylesheet(theme: Theme = "auto", root: str = ".chart") -> str:
    """The CSS of charts below `root`: for a page once, or within a picture that stands alone."""
    if theme != "auto":
        return "\n".join(_rules(LIGHT if theme == "light" else DARK, root))
    dark = "\n".join(_rules(DARK, root))
    return "\n".join(_rules(LIGHT, root)) + f"\n@media screen and (prefers-color-scheme:dark){{\n{dark}\n}}"


def _rules(colors: Colors, root: str) -> Iterator[str]:
    fills = {f".n{number}": color for number, color in enumerate(colors.names)}
    fills |= {f".{FOLDED}": colors.others, f".{NONE}": colors.none, ".up": colors.up, ".down": colors.down}
    fills |= {".total": colors.total, "text": colors.ink, "text.faint": colors.faint}
    yield f"{root} text{{font:12px system-ui,-apple-system,'Segoe UI',sans-serif}}"
    for name, color in fills.items():
        yield f"{root} {name}{{fill:{color}}}"
    yield f"{root} .pale{{fill-opacity:.55}}"
    yield f"{root} .edge{{stroke:{colors.paper};stroke-width:1}}"
    yield f"{root} .grid{{stroke:{colors.grid};stroke-width:1}}"
    yield f"{root} .axis{{stroke:{colors.faint};stroke-width:1}}"
    yield f"{root} .mark{{stroke:{colors.ink};stroke-width:1.5}}"
    yield f"{root} .limit{{stroke:{colors.up};stroke-width:2;stroke-dasharray:6 4}}"
    yield f"{root} .line{{fill:none;stroke-width:2.5;stroke-linejoin:round}}"
    yield f"{root} .likely{{stroke-dasharray:2 4;stroke-linecap:round}}"
    yield f"{root} .band{{fill-opacity:.3}}"
    for number, color in enumerate(colors.names):
        yield f"{root} .s{number}{{stroke:{color}}}"
    yield f"{root} .hit{{fill-opacity:0}}"
    yield f"{root} .paper{{fill:{colors.paper}}}"
