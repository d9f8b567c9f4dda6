"""The nouns of a sheet: what is known of a thing, row by row, where no report was asked, such as prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from whyspend.model import Cell, Chart, TableColumn, Window

Fact = Cell | tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """Rows below their columns."""

    name: str
    """What they are, in one word: JSON has them under it."""
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    """The same in words for people; empty: the sheet says it."""
    is_long: bool = False
    """For machines, and for who looks closer: text and Markdown leave them out."""


@dataclass(frozen=True)
class Sheet:
    """What every format writes, beside the answers of reports. Names in it are as hostile as they came."""

    name: str
    """As the command that gives it: `prices list`."""
    question: str
    """What it answers, for the top of a page."""
    main: Rows
    """CSV and Parquet have these."""
    about: str = ""
    """Of what it is, where the name does not say it: a model, a ledger."""
    window: Window | None = None
    """Of which days it is; None: of none in particular."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """What holds for all rows, for JSON: by a name that no rows have."""
    headline: tuple[str, ...] = ()
    """What matters most, in a few sentences above the rows."""
    people: Rows | None = None
    """The rows as people read them, where that is another table; None: it is the same."""
    words: tuple[str, ...] = ()
    """The rows as lines, which text has instead of a table."""
    more: tuple[Rows, ...] = ()
    """More rows, of other columns, each with a title; pages fold them away."""
    charts: tuple[Chart, ...] = ()
    """Pictures of figures that stand in the rows."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read the rows right, and what to do next; where there are no rows, why."""
    block: str = ""
    """Text to copy, such as lines for whyspend.toml."""
