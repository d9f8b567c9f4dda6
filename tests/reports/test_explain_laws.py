"""Whatever the ledger holds, `explain` adds up: lines to the change, children to their parent, there and back."""

import io
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Context, Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports.ledgers import ANCHORS, CONDITIONS, ZONES, ledger, place

from whyspend import registry
from whyspend.engines.duckdb import DuckDB
from whyspend.model import Table, Window
from whyspend.workspace import Workspace
from whyspend.workspace.windows import of_days

EXACT = Context(prec=100)
CENT = Decimal("0.01")
NANO = Decimal("0.000000001")
DRIVERS = {
    "new_feature", "retired_feature", "calendar", "requests", "calls_per_request", "retries", "prompt_size",
    "output_length", "reasoning", "cache_share", "model_switch", "long_context", "service_tier", "list_price",
    "discount", "retagged", "other",
}  # fmt: skip
UNSPENT = {"newly_priced", "sampling"}
"""What cells tell apart beside the drivers of lines: no change of spend."""
SWAPPED = {"new_feature": "retired_feature", "retired_feature": "new_feature"}
KEYS = ("feature", "env", "model", "provider", "project", "call_site", "team")

randoms = st.randoms(use_true_random=False)
anchors = st.sampled_from(tuple(ANCHORS))


@contextmanager
def opened(draw: Random, anchor: date, engine: DuckDB) -> Iterator[Workspace]:
    world, config = ledger(draw, anchor, size=draw.choice((0, 1, 3, 12)), ruled=draw.random() < 0.5)
    with tempfile.TemporaryDirectory() as folder:
        yield place(Path(folder) / "ledger", engine, world.calls, config)


def windows(draw: Random, anchor: date, *, same: bool = False) -> tuple[Window, Window]:
    """A window and one before it, with or without days between; of the same length or not."""
    zone = draw.choice(ZONES)
    length = draw.choice((1, 2, 3))
    since = anchor + timedelta(draw.choice((-2, -1, 0, 1)))
    before = length if same else draw.choice((length, 1, 4))
    until = since - timedelta(draw.choice((1, 1, 2)))
    return (
        of_days(since, since + timedelta(length - 1), zone),
        of_days(until - timedelta(before - 1), until, zone),
    )


def day_of(window: Window, at: int) -> Window:
    return of_days(window.since + timedelta(at), window.since + timedelta(at), window.timezone)


def against(window: Window) -> str:
    return f"{window.since}..{window.until}"


def explained(asked_of: Workspace, window: Window, other: Window, **asked: Any) -> Table:
    return asked_of.ask("explain", window, against=against(other), **asked)


def rows(answer: Table) -> list[dict[str, Any]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def totals(answer: Table) -> dict[str, Decimal]:
    return {name: amount for name, amount in answer.total.items() if isinstance(amount, Decimal)}


def exact_sum(amounts: Any) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def spent(
    asked_of: Workspace, window: Window, by: tuple[str, ...], **asked: Any
) -> dict[tuple[Any, ...], Decimal]:
    """Dollars by the values of keys, as `report` has them."""
    answer = asked_of.ask("report", window, by=by, **asked)
    names = [column.name for column in answer.columns]
    found: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in answer.rows:
        cost = row[names.index("cost_usd")]
        if isinstance(cost, Decimal):
            own = row[: len(by)]
            found[own] = EXACT.add(found[own], cost)
    return found


@settings(max_examples=25)
@given(draw=randoms, anchor=anchors)
def test_lines_cells_and_report_tell_the_same_change(draw: Random, anchor: date, engine: DuckDB) -> None:
    with opened(draw, anchor, engine) as where:
        after, before = windows(draw, anchor)
        by = tuple(draw.sample(KEYS, draw.choice((1, 1, 2))))
        asked = {"where": tuple(draw.sample(CONDITIONS, draw.choice((0, 0, 1))))}
        answer = explained(where, after, before, by=by, **asked)
        total = totals(answer)
        now, then = spent(where, after, by, **asked), spent(where, before, by, **asked)
        assert total["after"] == exact_sum(now.values())
        assert total["before"] == exact_sum(then.values())
        assert total["change"] == EXACT.subtract(exact_sum(now.values()), exact_sum(then.values()))
        assert abs(exact_sum(row["change_usd"] for row in rows(answer)) - total["change"]) <= NANO / 2
        sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for cell in answer.details["cells"]:
            own = tuple(cell[name] for name in by)
            sums[own] = EXACT.add(sums[own], cell["change_usd"])  # type: ignore[arg-type]
        expected = {own: EXACT.subtract(now[own], then[own]) for own in now.keys() | then.keys()}
        assert {own: amount for own, amount in sums.items() if amount} == {
            own: amount for own, amount in expected.items() if amount
        }
        assert {cell["driver"] for cell in answer.details["cells"]} <= DRIVERS | UNSPENT
        assert {row["driver"] for row in rows(answer)} <= DRIVERS


SHOWN = re.compile(r"^ *\d* +([+-]?\$[\d,.]+)(?: +[█-▏▐▕│]|  +\S)")
TOTAL = re.compile(r"^ *([+-]?\$[\d,.]+)  +Total$")


def money(text: str) -> Decimal:
    return Decimal(text.replace("$", "").replace(",", ""))


@settings(max_examples=25)
@given(draw=randoms, anchor=anchors)
def test_printed_lines_add_up_to_the_printed_change(draw: Random, anchor: date, engine: DuckDB) -> None:
    with opened(draw, anchor, engine) as where:
        after, before = windows(draw, anchor)
        answer = explained(where, after, before)
        out = io.BytesIO()
        registry.load("formats", "text").write(answer, out, width=80)
        lines = out.getvalue().decode().split("\n")
        assert all(len(line) <= 80 for line in lines)
        sums = [money(match[1]) for line in lines if (match := TOTAL.match(line))]
        shown = [money(match[1]) for line in lines if (match := SHOWN.match(line)) and not TOTAL.match(line)]
        assert len(shown) == len(answer.rows)
        assert len(sums) == bool(answer.rows)
        change = totals(answer)["change"]
        for total in sums:
            assert abs(sum(shown) - total) < CENT
            assert abs(total - change) <= CENT / 2


@settings(max_examples=25)
@given(draw=randoms, anchor=anchors)
def test_swapping_the_windows_flips_every_sign(draw: Random, anchor: date, engine: DuckDB) -> None:
    with opened(draw, anchor, engine) as where:
        after, before = windows(draw, anchor)
        by = (draw.choice(KEYS),)
        there, back = explained(where, after, before, by=by), explained(where, before, after, by=by)
        assert totals(back)["change"] == totals(there)["change"].copy_negate()

        def cells(answer: Table) -> dict[tuple[Any, Any], Decimal]:
            return {(cell[by[0]], cell["driver"]): cell["change_usd"] for cell in answer.details["cells"]}  # type: ignore[misc]

        flipped = {
            (own, SWAPPED.get(driver, driver)): amount.copy_negate()
            for (own, driver), amount in cells(back).items()
        }
        found = cells(there)
        # What a driver moved is reckoned in floats and made whole afterwards: 1e-15 of it may go to another.
        sizes: list[Decimal] = [abs(amount) / 10**12 for amount in found.values()]
        least, none = max([NANO, *sizes]), Decimal(0)
        for own in found.keys() | flipped.keys():
            assert abs(found.get(own, none) - flipped.get(own, none)) < least


@settings(max_examples=10)
@given(draw=randoms, anchor=anchors)
def test_the_days_one_by_one_are_the_whole(draw: Random, anchor: date, engine: DuckDB) -> None:
    with opened(draw, anchor, engine) as where:
        after, before = windows(draw, anchor, same=True)
        whole = totals(explained(where, after, before))
        days = [
            totals(explained(where, day_of(after, at), day_of(before, at)))
            for at in range((after.until - after.since).days + 1)
        ]
        for name in ("before", "after", "change"):
            assert exact_sum(day[name] for day in days) == whole[name]


@pytest.mark.parametrize("by", [(), ("feature",), ("call_site",)])
def test_cells_are_there_for_the_first_dimension_or_for_what_is_asked(
    engine: DuckDB, tmp_path: Path, by: tuple[str, ...]
) -> None:
    draw = Random("cells")
    world, config = ledger(draw, date(2026, 10, 14), size=12, ruled=False)
    where = place(tmp_path, engine, world.calls, config)
    answer = where.ask("explain", of_days(date(2026, 10, 13), date(2026, 10, 16), "UTC"), by=by)
    assert {tuple(cell) for cell in answer.details["cells"]} == {
        (*(by or ("feature",)), "driver", "change_usd")
    }
