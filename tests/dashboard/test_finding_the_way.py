"""From page to page, and what is said where there is nothing to see yet."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.dashboard.served import WEEK, Page, Served, serving

MORE = f"{WEEK}&timezone=Europe%2FBerlin&where=feature%3Drag-search&prices=now"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("empty")
    (folder / "whyspend.toml").write_text('[sources.langsmith]\ntype = "langsmith"\n')
    with serving(folder, LANGSMITH_API_KEY="") as found:
        yield found


@pytest.mark.parametrize("path", ["/", "/reports/report", "/reports/explain", "/prices"])
def test_every_page_leads_to_the_others_of_the_same_days_filters_and_prices(
    path: str, served: Served
) -> None:
    links = served.page(f"{path}?{MORE}").links
    for other in (
        "/",
        "/reports/report",
        "/reports/explain",
        "/reports/requests",
        "/reports/coverage",
        "/prices",
    ):
        assert f"{other}?{MORE}" in links
    assert f"/reports/budgets?{WEEK}&timezone=Europe%2FBerlin" in links
    assert served.get(f"/reports/budgets?{WEEK}&timezone=Europe%2FBerlin").status_code == 200


def test_other_questions_are_of_the_same_days_and_not_the_one_that_is_asked(served: Served) -> None:
    text = served.get(f"/reports/explain?{WEEK}").text
    others = Page.of(text[text.index('aria-label="Other questions"') :]).links
    assert f"/reports/whatif?{WEEK}" in others
    assert not [link for link in others if link.startswith("/reports/explain")]


def test_the_overview_takes_other_days_and_keeps_what_else_was_asked(served: Served) -> None:
    page = served.page(f"/?{MORE}")
    assert page.fields == {
        "timezone": "Europe/Berlin",
        "where": "feature=rag-search",
        "prices": "now",
        "since": "2026-11-15",
        "until": "2026-11-21",
    }


def test_an_empty_ledger_says_so_and_how_to_send_traces(empty: Served) -> None:
    page = empty.page("/")
    assert "The ledger is empty. Bring calls in: whyspend pull, or whyspend serve." in page.text
    assert f"export LANGSMITH_ENDPOINT={empty.address}" in page.text
    assert f"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={empty.address}/v1/traces" in page.text
    assert page.commands[:2] == ["whyspend pull", "whyspend demo"]
    assert "table" not in [tag for tag, _ in page.tags]


@pytest.mark.parametrize("path", ["/", "/reports/report", "/reports/explain", "/reports/coverage"])
def test_days_without_calls_say_which_days_have_some_and_lead_there(path: str, served: Served) -> None:
    page = served.page(f"{path}?since=2020-01-01&until=2020-01-02&prices=now")
    assert "No calls in these days: the ledger holds 2026-09-23 to 2026-11-21." in page.text
    assert f"{path}?{WEEK}&prices=now" in page.links


def test_days_without_calls_are_no_fall_on_the_overview(served: Served) -> None:
    text = served.page("/?since=2026-11-23&until=2026-11-29").text
    assert "no calls in these days" in text
    assert "against the days before" not in text
    assert "export LANGSMITH" not in text


def test_a_filter_that_leaves_nothing_is_said_and_not_taken_for_an_empty_ledger(served: Served) -> None:
    page = served.page(f"/?{WEEK}&where=feature%3Dnobody")
    assert "No call of these days matches feature=nobody" in page.text
    assert "the ledger holds" not in page.text
    assert "whyspend demo" not in page.commands
    assert "export LANGSMITH" not in page.text


def test_prices_of_no_calls_are_not_all_known(empty: Served) -> None:
    text = empty.page("/prices").text
    assert "The ledger is empty. Bring calls in: whyspend pull" in text
    assert "Every call of these days has a price" not in text


def test_the_page_of_the_data_finds_a_missing_key_without_asking_anybody(empty: Served) -> None:
    text = empty.page("/data").text
    assert "problem LangSmith needs a key: set the variable LANGSMITH_API_KEY" in text
    assert "langsmith: configured" not in text


def test_where_no_budget_is_configured_the_overview_says_how_to_configure_one(
    demo_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(demo_folder / ".whyspend-demo", tmp_path / "led", ignore=shutil.ignore_patterns("spool"))
    with serving(tmp_path, "--ledger", "led") as found:
        text = found.page(f"/?{WEEK}").text
    assert "No budget is configured. Try one; then keep it in whyspend.toml" in text


def test_the_coverage_page_begins_with_what_to_fix(served: Served) -> None:
    page = served.page(f"/reports/coverage?{WEEK}")
    heads = [found["title"] for tag, found in page.tags if tag == "th" and found.get("title")]
    at = heads.index("owner") - 1
    assert heads[at : at + 7] == ["dimension", "owner", "project", "call_site", "cost_usd", "share", "fix"]
    text = page.text
    assert text.index("Only the process is tagged.") < text.index("inherited", text.index("fixroot name"))


def test_lines_for_whyspend_toml_are_one_text_to_copy(served: Served) -> None:
    rule = "when root_name=enrich_leads set feature=enrich-leads"
    for asked in ("suggest=yes", f"try={quote(rule)}"):
        page = served.page(f"/reports/coverage?{WEEK}&{asked}")
        copied = [found["data-copy"] for tag, found in page.tags if tag == "button" and "data-copy" in found]
        assert (
            '[[attribution]]\nwhen = { root_name = "enrich_leads" }\nset = { feature = "enrich-leads" }'
            in copied
        )
