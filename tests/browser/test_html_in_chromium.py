"""The page of every report in a real browser, from disk: without network, without scripts, on a phone, on paper."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.chromium import DESKTOP, PHONE, opened
from tests.charts.samples import HOSTILE, SAMPLES
from tests.contracts.test_registry_contracts import ASKED, REPORTS
from tests.formats.answers import SHEET, UGLY, written, written_sheet

from whyspend.config import SourceConfig, load
from whyspend.engines.duckdb import connect
from whyspend.formats._cells import for_people
from whyspend.formats._page.places import in_sight
from whyspend.model import Table
from whyspend.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

BUDGETS = """
[[budgets]]
name = "rag-search"
where = { feature = "rag-search" }
limit_usd = 60
[[budgets]]
name = "all tokens"
limit_tokens = 1_000_000_000
period = "rolling 30d"
"""

LARGEST = 1_000_000
"""Bytes of a usual page."""


@dataclass(frozen=True)
class Sent:
    """The page of a report, as a file, and the answer that it is of."""

    file: Path
    answer: Table

    @property
    def address(self) -> str:
        return self.file.as_uri()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sent]:
    """Every report of the demo's product, after 32 days of it."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "whyspend.toml").write_text(BUDGETS)
    source = SourceConfig("demo", "demo", MappingProxyType({}))
    settings = replace(
        load(folder / "whyspend.toml", {}),
        ledger=str(folder / "ledger"),
        sources=MappingProxyType({"demo": source}),
    )
    place = Workspace(settings)
    place.engine = connect(threads=1)
    list(place.pull("demo", place.window("2026-10-21", "2026-11-21")))
    week = place.window("2026-11-15", "2026-11-21")
    made = {}
    for name in REPORTS:
        answer = place.ask(name, week, pictures=True, **ASKED.get(name, {}))
        file = folder / f"{name}.html"
        file.write_bytes(written("html", answer, command=f"whyspend {name}", question="What?"))
        made[name] = Sent(file, answer)
    place.engine.close()
    return made


def numbers(answer: Table) -> list[str]:
    """Every number of the rows and the total that people see, in their order, as JSON has it."""
    answer = in_sight(answer)
    shown = {column.name for column in for_people(answer).columns}
    body = json.loads(written("json", for_people(answer)), parse_float=str, parse_int=str)
    units = {column["name"]: column["unit"] for column in body["columns"]}
    rows = [*body["rows"], {name: body["total"].get(name) for name in units}]
    counted = ("calls", "requests", "tokens", "usd", "share", "ms", "number", "place")
    return [
        str(value)
        for row in rows
        for name, value in row.items()
        if name in shown and units.get(name) in counted and value is not None
    ]


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_from_disk_shows_every_number_without_network_and_without_scripts(
    name: str, pages: dict[str, Sent], browser: "Browser"
) -> None:
    sent = pages[name]
    assert sent.file.stat().st_size < LARGEST
    with opened(browser, sent.address, scripts=False) as watched:
        table = watched.page.locator("main > .scroll table")
        cells = table.locator("td[data-value]:not([data-value=''])").all()
        assert [cell.get_attribute("data-value") for cell in cells] == numbers(sent.answer)
        assert all(cell.inner_text().strip() for cell in cells)
        assert watched.page.locator("h1").inner_text() == "What?"
        assert watched.page.locator(".trust").inner_text().startswith("trust: ")
        assert watched.page.locator("figure svg:visible").count() == len(sent.answer.charts)
        assert watched.asked == [sent.address]
        assert watched.said == []


@pytest.mark.parametrize("name", REPORTS)
def test_every_picture_has_its_exact_numbers_beside_it(
    name: str, pages: dict[str, Sent], browser: "Browser"
) -> None:
    sent = pages[name]
    with opened(browser, sent.address, scripts=False) as watched:
        for chart, figure in zip(sent.answer.charts, watched.page.locator("figure").all(), strict=True):
            figure.locator("summary").click()
            told = [
                Decimal(value)
                for cell in figure.locator("td[data-value]").all()
                if (value := cell.get_attribute("data-value"))
            ]
            assert told == [cell for row in chart.rows for cell in row if isinstance(cell, int | Decimal)]
            assert figure.locator("table").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_page_fits_its_window_and_says_nothing_in_the_console(
    name: str, size: tuple[int, int], scheme: Any, pages: dict[str, Sent], browser: "Browser"
) -> None:
    with opened(browser, pages[name].address, size=size, scheme=scheme) as watched:
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        paper = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 28)")
        for svg in watched.page.locator("figure svg:visible").all():
            box = svg.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
        assert watched.said == []
        assert watched.asked == [pages[name].address]


def test_words_of_pictures_stay_within_them(pages: dict[str, Sent], browser: "Browser") -> None:
    """With the fonts of this machine, none is cut off at the side."""
    script = """() => [...document.querySelectorAll('svg.chart text')].filter((text) => {
        const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
        return own.width && (own.right > all.right + 1 || own.left < all.left - 1);
    }).map((text) => text.textContent)"""
    for sent in pages.values():
        for size in (DESKTOP, PHONE):
            with opened(browser, sent.address, size=size) as watched:
                assert watched.page.evaluate(script) == []


def test_rows_sort_by_exact_numbers_and_filter_by_what_is_typed(
    pages: dict[str, Sent], browser: "Browser"
) -> None:
    with opened(browser, pages["requests"].address) as watched:
        page = watched.page
        column = page.locator("main > .scroll th[data-column=input_tokens] button")
        cells = page.locator("main > .scroll tbody td:nth-child(6)")

        def shown() -> list[int]:
            return [int(cell.get_attribute("data-value") or 0) for cell in cells.all() if cell.is_visible()]

        before = shown()
        column.click()
        assert shown() == sorted(before, reverse=True)
        column.press("Enter")
        assert shown() == sorted(before)
        heading = page.locator("main > .scroll th[data-column=input_tokens]")
        assert heading.get_attribute("aria-sort") == "ascending"
        first = page.locator("main > .scroll tbody tr td:first-child").first.inner_text()
        page.get_by_label("Filter: All rows of requests").fill(first)
        assert len(shown()) == 1


def test_a_bar_tells_its_number_where_the_mouse_is(pages: dict[str, Sent], browser: "Browser") -> None:
    with opened(browser, pages["report"].address) as watched:
        bar = watched.page.locator("figure .wide rect[data-at='2026-11-18']").first
        bar.hover()
        tip = watched.page.locator(".tip")
        assert tip.is_visible()
        chart = pages["report"].answer.charts[0]
        amount = chart.rows[3][1]
        assert tip.inner_text() == f"2026-11-18, {chart.columns[1].name}: ${amount:,.2f}"
        assert watched.page.locator("rect.dimmed").count()
        watched.page.mouse.move(5, 5)
        assert not tip.is_visible()


def test_a_page_is_printed_in_light_with_its_tables_whole(pages: dict[str, Sent], browser: "Browser") -> None:
    with opened(browser, pages["report"].address, scheme="dark") as watched:
        watched.page.emulate_media(media="print", color_scheme="dark")
        assert (
            watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert (
            watched.page.locator("main > .scroll").evaluate("(e) => getComputedStyle(e).overflowX")
            == "visible"
        )
        assert not watched.page.locator("figure details").first.is_visible()
        assert watched.page.pdf(format="A4").startswith(b"%PDF")
        # A foot would stand on every page, below rows whose total it is not.
        assert (
            watched.page.locator("main > .scroll tfoot").evaluate("(e) => getComputedStyle(e).display")
            == "table-row-group"
        )


@pytest.mark.parametrize("scripts", [True, False])
def test_hostile_names_run_no_script_and_break_no_layout(
    scripts: bool, tmp_path: Path, browser: "Browser"
) -> None:
    table = replace(
        UGLY,
        rows=(*UGLY.rows, *((name, name, name, *UGLY.rows[0][3:]) for name in HOSTILE)),
        notes=HOSTILE,
        headline=HOSTILE[0],
        charts=tuple(SAMPLES.values()),
    )
    file = tmp_path / "hostile.html"
    file.write_bytes(written("html", table, command=HOSTILE[0], question=HOSTILE[1]))
    with opened(browser, file.as_uri(), scripts=scripts) as watched:
        assert watched.page.title().startswith("whyspend report")
        assert watched.page.locator("h1").inner_text() == HOSTILE[1]
        assert watched.page.locator("main img, main script, main iframe, main b").count() == 0
        assert watched.page.locator("figure svg:visible").count() == len(SAMPLES)
        assert watched.dialogs == []
        assert watched.said == []
        assert watched.asked == [file.as_uri()]
        if scripts:
            assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_a_page_of_no_report_fits_and_runs_nothing_whatever_its_names(
    size: tuple[int, int], scheme: Any, tmp_path: Path, browser: "Browser"
) -> None:
    columns = SHEET.main.columns[:1]
    rows = replace(SHEET.main, columns=columns, rows=tuple((name,) for name in HOSTILE))
    sheet = replace(
        SHEET,
        question=HOSTILE[1],
        main=rows,
        headline=HOSTILE,
        more=(replace(rows, name="more", title=HOSTILE[0]),),
        notes=HOSTILE,
        block="\n".join(HOSTILE),
        charts=tuple(SAMPLES.values()),
    )
    file = tmp_path / "sheet.html"
    file.write_bytes(written_sheet("html", sheet, command=HOSTILE[0]))
    with opened(browser, file.as_uri(), size=size, scheme=scheme) as watched:
        watched.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        assert watched.page.locator("h1").inner_text() == HOSTILE[1]
        assert watched.page.locator("main img, main script, main iframe, main b").count() == 0
        assert watched.page.locator("figure svg:visible").count() == len(SAMPLES)
        assert (watched.dialogs, watched.said, watched.asked) == ([], [], [file.as_uri()])
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_script_that_was_smuggled_in_would_not_run(tmp_path: Path, browser: "Browser") -> None:
    """The policy of the page, not only the escaping, keeps it from running."""
    body = written("html", UGLY).decode()
    evil = "<script>document.title='run'</script><img src='data:,x' onerror=\"document.title='run'\">"
    file = tmp_path / "smuggled.html"
    file.write_text(body.replace("<main>", f"<main>{evil}"))
    with opened(browser, file.as_uri()) as watched:
        watched.page.wait_for_timeout(100)
        assert watched.page.title().startswith("whyspend report")
        assert any("Content Security Policy" in line for line in watched.said)
