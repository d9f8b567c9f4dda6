"""Compile the price book: `python -m whyspend.pricing.compile [FOLDER]`.

Four layers become one table. genai-prices comes first; where it has no price or no date, `history.csv` fills
in (see `history.py`); `corrected_rates.csv` takes the place of both; and the factors of `corrections.csv` add
the contexts that nobody lists, such as a batch before October 2026 (see `corrections.py`). Needs the
installed genai-prices; the other files come with the package.
"""

import csv
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from whyspend.errors import MissingExtraError
from whyspend.pricing.book import DATA, FAR_PAST, HEADER
from whyspend.pricing.cells import Cell, merged, read_cells, replaced, rounded, row
from whyspend.pricing.corrections import Correction, in_contexts, moved, read_corrections
from whyspend.pricing.history import filled_in


class Tables(NamedTuple):
    """The price book as it is written: rows of text, without headers."""

    rates: list[list[str]]
    names: list[list[str]]
    unpriced: list[list[str]]
    providers: list[list[str]]
    sources: list[list[str]]
    rounded: int
    """Prices in `rates` that are no whole number of pico-dollars."""


HEADERS = {
    "rates": HEADER,
    "names": ("provider", "name", "model", "kind"),
    "unpriced": ("provider", "model", "reason"),
    "providers": ("provider", "fallbacks"),
    "sources": ("source", "version"),
}


def tables(hand: Path = DATA) -> Tables:
    """Merge the installed genai-prices with the files that are kept by hand, from the folder `hand`.

    Raises:
        MissingExtraError: genai-prices is not installed.
        InputError: a file kept by hand has a row that cannot be used; names the file and the line.
    """
    try:
        from whyspend.pricing import genai
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "The prices cannot be compiled, because genai-prices is not installed; "
            "run pip install 'whyspend[prices]'."
        ) from error
    fixes = read_corrections(hand / "corrections.csv")
    listed = genai.lists(fixes)
    known = {(provider, name): model for provider, name, model, _ in listed.names}
    cells = [*listed.cells, *moved(fixes, listed.cells)]
    cells = filled_in(cells, read_cells(hand / "history.csv"), known)
    cells = replaced(cells, read_cells(hand / "corrected_rates.csv"))
    finished = [_dated(cell) for cell in merged(in_contexts(fixes, cells))]
    priced = {cell.price.partition(";")[0] for cell in finished}
    names = [*listed.names, *_new_names(priced, known)]
    return Tables(
        rates=[row(cell) for cell in finished],
        names=sorted(names),
        unpriced=sorted(line for line in listed.unpriced if _still_unpriced(line, priced, fixes)),
        providers=sorted(_providers(listed.providers, names)),
        sources=[[genai.SOURCE, genai.VERSION]],
        rounded=sum(rounded(cell) for cell in finished),
    )


def _dated(cell: Cell) -> Cell:
    """A price without a date that follows another is dated by the end of the other."""
    return cell._replace(basis="dated") if cell.basis == "undated" and cell.start != FAR_PAST else cell


def _new_names(priced: Iterable[str], known: Mapping[tuple[str, str], str]) -> Iterator[list[str]]:
    """The names of the models that genai-prices does not list: their ids."""
    for price in priced:
        provider, _, model = price.partition("/")
        if (provider, model.lower()) not in known:
            yield [provider, model.lower(), model, "exact"]


def _still_unpriced(line: Sequence[str], priced: Collection[str], fixes: Iterable[Correction]) -> bool:
    provider, model, _ = line
    refused = any(
        (fix["provider"], fix["model"], fix["kind"]) == (provider, model, "refused") for fix in fixes
    )
    return refused or f"{provider}/{model}" not in priced


def _providers(listed: Sequence[list[str]], names: Iterable[Sequence[str]]) -> list[list[str]]:
    known = {provider for provider, _ in listed}
    return [*listed, *([name, ""] for name in sorted({line[0] for line in names} - known))]


def write(book: Tables, folder: Path) -> None:
    """Write the tables as CSV, sorted, one row a line, so that a new source reads as a diff."""
    for name, header in HEADERS.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(getattr(book, name))


def compiled(folder: Path) -> None:
    """Write a complete price book from the installed genai-prices into a folder, for `book.load` to read.

    Raises:
        MissingExtraError: genai-prices is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write(tables(), folder)


def main(arguments: Sequence[str]) -> int:
    """Compile into a folder, by default the package's own, and say what was written."""
    folder = Path(arguments[0]) if arguments else DATA
    book = tables()
    write(book, folder)
    prices = {line[0] for line in book.rates}
    source, version = book.sources[0]
    print(
        f"{source}@{version}: {len(book.rates):,} rates of {len(prices):,} prices "
        f"({sum(';' in price for price in prices):,} with a context), {len(book.names):,} names of "
        f"{len(book.providers)} providers, {len(book.unpriced):,} models or names without a price, "
        f"{book.rounded:,} prices rounded to whole pico-dollars. Written to {folder}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
