"""Prices that genai-prices does not have, from `data/history.csv`: cells that `wheels.py` took from others.

Two kinds of gaps are filled. A model that genai-prices does not list gets a price of its own. And where
genai-prices gives a price without any date, so that it is taken to have always held, a dated record of another
price takes its place for the time of the record; genai-prices' own dates always win.

What a record does not say stays unknown. The rates of searches are taken over from genai-prices, because what
a record says is the price of tokens: gpt-5.6-sol cost $5.00 per million until 2026-08-21 and $4.00 after, and
a search $0.01 before and after.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from whyspend.pricing.cells import Cell, all_times, both, by_price, minus, replaced

TOOLS = ("web_searches", "file_searches")


def filled_in(
    cells: Sequence[Cell], records: Iterable[Cell], names: Mapping[tuple[str, str], str]
) -> list[Cell]:
    """Cells and records as one; `names` says which model a (provider, name) means to genai-prices."""
    listed = by_price(cells)
    new: list[Cell] = []
    better: list[Cell] = []
    for record in records:
        provider, _, model = record.price.partition("/")
        if record.price in listed:
            better += _instead(listed[record.price], record)
            new += minus(record, [all_times(listed[record.price])])
        elif names.get((provider, model.lower()), model) == model:
            new.append(record)
    return [*replaced(cells, better), *new]


def _instead(listed: Iterable[Cell], record: Cell) -> Iterator[Cell]:
    for cell in listed:
        if cell.basis == "undated" and (part := both(record, cell)):
            yield part._replace(rates=record.rates and (*record.rates, *_tools(cell)))


def _tools(cell: Cell) -> Iterator[tuple[str, Decimal]]:
    return ((bucket, rate) for bucket, rate in cell.rates if bucket in TOOLS)
