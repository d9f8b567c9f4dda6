"""The nouns of a digest: a few answers about the same days on one page, for whoever gets it unasked."""

from dataclasses import dataclass
from datetime import datetime

from whyspend.model import Table, Trust, Window


@dataclass(frozen=True)
class Section:
    """One question of a digest and the beginning of its answer. Names in it are as hostile as they came."""

    title: str
    """What it is about, in a few words of ours."""
    table: Table
    """The answer as its report gives it, cut to what a page holds: rows and columns are left out, no figure is
    changed."""
    sentences: tuple[str, ...] = ()
    """The answer in words, above the table."""
    command: str = ""
    """The shell command that gives the whole answer."""
    is_told: bool = False
    """The sentences say what matters: where there is little room, as in a chat, the table is left out."""
    picture: bytes = b""
    """The first chart of the table as PNG, for channels that show no SVG; empty: none was made."""


@dataclass(frozen=True)
class Digest:
    """What was spent in some days, why that changed, and what to do about it."""

    window: Window
    at: datetime
    """When it was made, UTC."""
    headline: tuple[str, ...]
    """The answer in a few sentences, what matters most first."""
    sections: tuple[Section, ...]
    trust: Trust
    """Of the calls of the window."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read the figures right."""
    command: str = ""
    """The shell command that gives this digest."""
    is_whole: bool = True
    """The data does not end before the days do: it says nothing of calls to bring in first."""
