"""The dashboard in a real browser: looks, keyboard, colours for those who see little, hostile names, live figures."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.browser.chromium import DESKTOP, PHONE, Watched, opened
from tests.cli.conftest import HOSTILE
from tests.collector.running import llm_run, send
from tests.dashboard.served import WEEK, Served, demo_in, serving
from tests.reports.ledgers import place

from whyspend import registry
from whyspend.engines.duckdb import connect
from whyspend.model import Call

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"

PAGES = {
    "overview": f"/?{WEEK}",
    "explore": f"/reports/report?{WEEK}&by=feature,model",
    "explain": f"/reports/explain?{WEEK}",
    "requests": f"/reports/requests?{WEEK}",
    "coverage": f"/reports/coverage?{WEEK}",
    "budgets": "/reports/budgets?until=2026-11-21",
    "prices": f"/prices?{WEEK}",
    "data": "/data",
}

LOOKS = [(size, scheme) for size in (DESKTOP, PHONE) for scheme in ("light", "dark")]

FIRST_PAGE = 300_000
"""Bytes that the first page may take on the wire, with all that it loads."""

SEVERE = ("serious", "critical")

# Longer, and with what acts in HTML, in an attribute, in a script and in a style.
NAMES = (
    *HOSTILE,
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)",
    "javascript:alert(5)",
    "{{ 7 * 7 }}{% raw %}",
    "<svg/onload=alert(6)>",
    "x" * 300,
    "</title></textarea></style><iframe src=//evil.example>",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # The pictures of the docs show a folder that could be anybody's: WHYSPEND_UPDATE_IMAGES=/srv/costs
    folder = Path(os.environ.get("WHYSPEND_UPDATE_IMAGES") or tmp_path_factory.mktemp("demo"))
    with serving(demo_in(folder)) as found:
        yield found


def quiet(watched: Watched, address: str) -> None:
    """Nothing was refused, ran that should not, or was asked of another host."""
    assert watched.said == []
    assert watched.dialogs == []
    hosts = {urlsplit(each).netloc for each in watched.asked}
    assert hosts == {urlsplit(address).netloc}


def fits(watched: Watched) -> bool:
    """Whether the page is no wider than the window."""
    return bool(watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=lambda each: str(each))
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_asks_nobody_else_and_is_in_reach_of_everybody(
    name: str, size: tuple[int, int], scheme: Any, served: Served, browser: "Browser"
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    with opened(browser, served.address + PAGES[name], size=size, scheme=scheme, offline=False) as watched:
        quiet(watched, served.address)
        assert fits(watched)
        if name == "overview" and size == DESKTOP:
            assert watched.page.evaluate("document.documentElement.scrollHeight") <= DESKTOP[1]
        if os.environ.get("WHYSPEND_UPDATE_IMAGES"):
            kind = "phone" if size == PHONE else "screen"
            watched.page.screenshot(path=IMAGES / f"dashboard-{name}-{kind}-{scheme}.png")
        # Its script is put into the page from outside, past the policy of the page.
        found = Axe().run(watched.page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SEVERE] == []


@pytest.mark.parametrize(
    "path",
    [
        *(PAGES[name] for name in ("explore", "requests", "coverage", "budgets")),
        f"/reports/coverage?{WEEK}&suggest=yes",
        f"/reports/reconcile?{WEEK}&recorded=yes",
        f"/reports/whatif?{WEEK}&batch=yes",
        "/reports/forecast?until=2026-11-21",
    ],
)
def test_a_phone_shows_the_main_columns_without_scrolling_and_the_others_on_request(
    path: str, served: Served, browser: "Browser"
) -> None:
    with opened(browser, served.address + path, size=PHONE, offline=False, scripts=False) as watched:
        table = watched.page.locator("main > .scroll")
        assert table.evaluate("each => each.scrollWidth <= each.clientWidth")
        shown = table.locator("th:visible").count()
        watched.page.get_by_label(" more column").check()
        assert table.locator("th:visible").count() == table.locator("th").count() > shown
        assert fits(watched)


def test_the_first_page_is_light(served: Served, browser: "Browser") -> None:
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(served.address + PAGES["overview"], wait_until="networkidle")
    context.close()
    assert 10_000 < sum(sizes) < FIRST_PAGE


def test_from_the_overview_to_a_cause_to_a_request_and_back(served: Served, browser: "Browser") -> None:
    with opened(browser, served.address + PAGES["overview"], offline=False) as watched:
        page = watched.page
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Overview").wait_for()
        page.get_by_role("link", name="Why", exact=True).click()
        page.wait_for_url("**/reports/explain?**")
        page.locator('figure [data-at="1"]:visible').first.click()
        page.wait_for_url("**driver=1")
        page.locator("td.id a").first.click()
        page.wait_for_url("**trace_id**")
        assert page.get_by_text("whyspend report --by call_site,model").is_visible()
        shared = page.url
        page.go_back()
        assert "driver=1" in page.url
        page.go_back()
        page.go_forward()
        page.go_forward()
        assert page.url == shared
        text = page.inner_text("main")
        quiet(watched, served.address)
    with opened(browser, shared, offline=False) as another:
        assert another.page.inner_text("main") == text


def test_bars_lead_to_their_value_and_then_to_their_day(served: Served, browser: "Browser") -> None:
    with opened(browser, f"{served.address}/reports/report?{WEEK}", offline=False) as watched:
        page = watched.page
        bar = 'figure [data-name="rag-search"][data-at="2026-11-17"]:visible'
        page.locator(bar).first.click()
        page.wait_for_url("**where=feature%3Drag-search**")
        page.locator(bar).first.click()
        page.wait_for_url("**since=2026-11-17&until=2026-11-17**")
        assert "where=feature%3Drag-search" in page.url


def test_the_form_asks_with_the_keyboard_alone_and_leaves_out_what_is_empty(
    served: Served, browser: "Browser"
) -> None:
    with opened(browser, f"{served.address}/reports/report?{WEEK}", offline=False) as watched:
        page = watched.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.get_by_label("by", exact=True).focus()
        page.keyboard.type("model")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/reports/report?by=model&{WEEK}")


@pytest.mark.parametrize("path", [PAGES["prices"], "/prices/show?model=openai%2Fgpt-4.1", PAGES["data"]])
def test_every_download_of_a_page_is_saved_as_the_file_of_its_command(
    path: str, served: Served, browser: "Browser"
) -> None:
    with opened(browser, served.address + path, offline=False) as watched:
        page = watched.page
        links = page.locator(".downloads a").all()
        formats = len(registry.names("formats"))
        assert len(links) % formats == 0
        assert links
        for at, link in enumerate(links):
            if at % formats == 0:
                page.reload()  # Chromium lets a page begin ten downloads, and drops one of the next
            address = link.get_attribute("href")
            assert address
            with page.expect_download() as waiting:
                link.click()
            answer = served.get(address)
            assert waiting.value.path().read_bytes() == answer.content
            attached = answer.headers.get("content-disposition", "")
            if attached:  # JSON has the name of its address
                assert f'filename="{waiting.value.suggested_filename}"' in attached
        assert page.url == served.address + path
        quiet(watched, served.address)


def test_a_page_says_everything_without_scripts(served: Served, browser: "Browser") -> None:
    for path in (PAGES["overview"], PAGES["explain"]):
        with opened(browser, served.address + path, offline=False, scripts=False) as without:
            text = without.page.inner_text("main")
        with opened(browser, served.address + path, offline=False) as watched:
            assert re.sub(r"Copy\s*", "", watched.page.inner_text("main")).split() == text.split()


HOSTILE_BUDGET = """
dimensions = ["feature", "env", "user_tier", "customer_id"]
[[budgets]]
name = "<b onclick=alert(7)>x</b>"
each = "customer_id"
limit_usd = 0.5
"""

ANY_HANDLER = """
[...document.querySelectorAll('*')].some((each) => [...each.attributes].some((one) => one.name.startsWith('on')))
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger in which every name is an attack."""
    folder = tmp_path_factory.mktemp("hostile")
    engine = connect(threads=1)
    calls = [
        Call(
            source="prod", project=name, call_id=f"{day}-{number}", trace_id=f"{name}-{day}", thread_id=name,
            root_name=name, name=name, call_site=name, release=name, provider="openai",
            started_at=1_794_700_000_000_000 + day * 86_400_000_000 + number * 60_000_000,
            model_requested="gpt-4o" if number % 2 else name, input_tokens=1_000_000 * (number + 1), output_tokens=10,
            prompt_total=1_000_000 * (number + 1), completion_total=10, usage_source="server",
            dimensions=(name, name, name, name), attributed=("call",) * 4,
        )
        for day in range(14)
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    place(folder, engine, calls, HOSTILE_BUDGET)
    engine.close()
    with serving(folder) as found:
        yield found


def hostile_paths() -> list[str]:
    days = "since=2026-11-15&until=2026-11-27"
    more = {"whatif": "&batch=yes", "report": "&by=feature,model,name,customer_id"}
    found = [f"/reports/{name}?{days}{more.get(name, '')}" for name in registry.names("reports")]
    attack = "%3C%2Fscript%3E%3Cscript%3Ealert(9)%3C%2Fscript%3E%22%27%3E"
    return [
        *found,
        f"/?{days}",
        f"/prices?{days}",
        f"/prices?{days}&where=feature%3D{attack}",
        "/data",
        f"/reports/requests?{days}&by=thread",
        f"/reports/report?{days}&where=feature%3D{attack}",
        f"/reports/report?since={attack}",
        f"/reports/{attack}",
        f"/prices/show?model={attack}",
        f"/reports/coverage?try={attack}",
        f"/sign-in?next={attack}",
    ]


@pytest.mark.parametrize("path", hostile_paths())
def test_hostile_names_run_nothing_and_break_no_page(path: str, hostile: Served, browser: "Browser") -> None:
    with opened(browser, hostile.address + path, offline=False) as watched:
        page = watched.page
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.setAttribute('open', ''))")
        said = [each for each in watched.said if "the server responded with a status of 4" not in each]
        assert said == []
        assert watched.dialogs == []
        assert {urlsplit(each).netloc for each in watched.asked} == {urlsplit(hostile.address).netloc}
        assert page.locator("iframe, img, script:not([src])").count() == 0
        assert page.locator("main").count() == 1
        assert fits(watched)
        assert page.evaluate(ANY_HANDLER) is False


def test_the_overview_shows_by_itself_what_is_collected(browser: "Browser", tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--ledger", "led") as live,
        opened(browser, live.address, offline=False) as watched,
    ):
        page = watched.page
        assert "chat" not in page.inner_text("main")
        assert send(live.address, [llm_run(number, tokens=(1_000_000, 10)) for number in range(3)]) == 202
        page.locator("main", has_text="chat").wait_for(timeout=30_000)
        assert page.url == f"{live.address}/"
        quiet(watched, live.address)


def test_a_person_signs_in_saves_a_rule_closes_a_month_and_signs_out(
    served: Served, browser: "Browser", tmp_path: Path
) -> None:
    """In a real browser, for what it says of itself with a form (Origin, cookies) is what lets the form in."""
    folder = tmp_path / "own"
    shutil.copytree(served.folder, folder, ignore=shutil.ignore_patterns("spool"))
    rule = "when project=nightly set feature=nightly-jobs"
    with (
        serving(folder, "--api-key", "env:SECRET", SECRET="correct-horse") as own,
        opened(browser, own.address + PAGES["coverage"], offline=False) as watched,
    ):
        page = watched.page
        page.get_by_label("Key").fill("correct-horse")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{PAGES['coverage']}")
        page.locator(".trial input[name=try]").fill(rule)
        page.get_by_role("button", name="Try").click()
        page.get_by_role("button", name="Save it").click()
        page.get_by_text("The rule is written to whyspend.toml.").wait_for()
        assert 'feature = "nightly-jobs"' in (folder / "whyspend.toml").read_text()
        page.goto(own.address + PAGES["prices"])
        page.locator("input[name=month]").fill("2026-10")
        page.get_by_role("button", name="Close it").click()
        page.get_by_text("The month is closed").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Key").wait_for()
        quiet(watched, own.address)
