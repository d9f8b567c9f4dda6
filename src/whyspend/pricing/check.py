"""Compare the rates of the price book with two other lists: `data/others.csv`, from `wheels.py`.

The rates of the day on which the others were read: what changes later is no contradiction.

Three lists that were made apart rarely share a mistake. Where one differs, either the book was wrong and
`corrected_rates.csv` says what is right, or the other was, and `differences.csv` says why, with the page.
"""

import csv
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

from whyspend.errors import InputError
from whyspend.pricing.book import DATA, Book
from whyspend.pricing.quote import cell_at

OTHERS = ("provider", "model", "context", "tier_over", "bucket", "rate", "source", "reference", "read")
"""The columns of `others.csv`; rates in pico-dollars per token, read on a day (UTC)."""
DIFFERENCES = ("provider", "model", "context", "bucket", "source", "reason", "url")
"""The columns of `differences.csv`: model, context and bucket may be globs; the source has no version."""

NOON = time(12)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Status = Literal["agree", "explained", "unexplained"]


class Comparison(NamedTuple):
    """One rate of ours beside one of another list, in pico-dollars per token."""

    provider: str
    model: str
    context: str
    tier_over: int | None
    """The rate of prompts longer than this; none: of short ones."""
    bucket: str
    ours: int | None
    """None: we have the price, but not for this bucket."""
    source: str
    """`litellm@1.109.1`."""
    theirs: int
    status: Status
    reason: str
    """Why the two differ, where it is known."""
    reference: str
    """The page that explains the difference, else where the other rate was found."""
    read: date
    """The day on which the other list was read; the rates are those of its noon, UTC."""


def check(book: Book, at: datetime | None = None, folder: Path = DATA) -> list[Comparison]:
    """Compare every price that the book and another list both have.

    Args:
        book: ours.
        at: at which time; unless told otherwise, at noon (UTC) of the day on which the other list was read.
        folder: where the other lists and the reasons are.

    Raises:
        InputError: a file of comparisons cannot be read.
    """
    explained = _table(folder / "differences.csv", DIFFERENCES)
    found = (_compared(book, at, line, explained) for line in _table(folder / "others.csv", OTHERS))
    return [comparison for comparison in found if comparison]


def _compared(
    book: Book, at: datetime | None, line: Mapping[str, str], explained: list[dict[str, str]]
) -> Comparison | None:
    match = book.match(line["provider"], line["model"], line["context"])
    over = int(line["tier_over"] or 0)
    read = date.fromisoformat(line["read"])
    moment = at or datetime.combine(read, NOON, UTC)
    cells = [cell for cell in book.rates(match.price) if cell.rates] if match.price else []
    rate = cell_at(cells, (moment - _EPOCH) // timedelta(microseconds=1), over + 1)
    if rate is None:
        return None
    ours, theirs = rate.rates.get(line["bucket"]), int(line["rate"])
    status: Status = "agree"
    reason, reference = "", line["reference"]
    if ours != theirs:
        known = next((row for row in explained if _explains(row, line)), None)
        status = "explained" if known else "unexplained"
        reason, reference = (known["reason"], known["url"]) if known else ("", reference)
    # fmt: off
    return Comparison(line["provider"], line["model"], line["context"], over or None, line["bucket"], ours,
                      line["source"], theirs, status, reason, reference, read)
    # fmt: on


def _explains(row: Mapping[str, str], line: Mapping[str, str]) -> bool:
    globs = all(fnmatchcase(line[name], row[name]) for name in ("provider", "model", "context", "bucket"))
    return globs and line["source"].partition("@")[0] == row["source"]


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}); install whyspend again."
        ) from error
    if tuple(reader.fieldnames or ()) != columns:
        raise InputError(f"{path.name} must have the columns {', '.join(columns)}; install whyspend again.")
    return rows
