"""Pages show what the command line answers: the same numbers, and the command that gives them."""

import json
from decimal import Decimal
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.dashboard.served import WEEK, Page, Served, numbers_of

from whyspend import registry
from whyspend.workspace.questions import of_pairs

REPORTS = registry.names("reports")
NEEDED = {"whatif": "&batch=yes", "reconcile": "&recorded=yes"}
"""What a report must be told to have an answer."""


def path_of(name: str, more: str = "") -> str:
    return f"/reports/{name}?{WEEK}{NEEDED.get(name, '')}{more}"


@pytest.mark.parametrize("name", REPORTS)
def test_every_number_of_a_report_s_page_is_one_of_the_command_s_json(name: str, served: Served) -> None:
    page = served.page(path_of(name))
    answer = served.line(page.commands[0])
    assert page.numbers
    charted = numbers_of(answer) | _derived(answer)
    assert {Decimal(number) for number in page.numbers} - charted <= _drawn(page)
    assert json.loads(answer)["report"] == name


def _derived(answer: bytes) -> set[Decimal]:
    """Differences and sums that a picture draws of the numbers of an answer."""
    rows = json.loads(answer, parse_float=Decimal, parse_int=Decimal)["rows"]
    return {
        row["cost_usd"] - row["change_usd"]
        for row in rows
        if isinstance(row.get("cost_usd"), Decimal) and isinstance(row.get("change_usd"), Decimal)
    }


def _drawn(page: Page) -> set[Decimal]:
    """Numbers of the tables of pictures; tests/contracts hold them against the answer."""
    found, depth = set(), 0
    for tag, attributes in page.tags:
        if tag == "figure":
            depth = 1
        if tag in ("section", "p", "ul"):
            depth = 0
        if depth and tag == "data":
            found.add(Decimal(attributes["value"] or ""))
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_the_api_and_the_downloads_are_what_the_command_writes_byte_for_byte(
    name: str, served: Served
) -> None:
    page = served.page(path_of(name))
    line = page.commands[0]
    asked = urlsplit(next(link for link in page.links if _is_json(link, name)))
    assert served.get(f"{asked.path}?{asked.query}").content == served.line(line)
    question = of_pairs(name, [pair for pair in parse_qsl(asked.query) if pair[0] != "format"])
    for form in ("csv", "html"):
        answer = served.get(f"{asked.path}?{asked.query}&format={form}")
        assert answer.content == served.command(*question.arguments(), "--format", form)
        assert f'filename="{name}.{form}"' in answer.headers["content-disposition"]


def _is_json(link: str, name: str) -> bool:
    return link.startswith(f"/api/reports/{name}") and "format=" not in link


def test_the_overview_has_downloads_of_the_four_answers_that_it_shows(served: Served) -> None:
    page = served.page(f"/?{WEEK}")
    formats = registry.names("formats")
    files = [link for link in page.links if link.startswith("/api/")]
    assert len(files) == len(formats) * len(page.commands)
    for at, line in enumerate(page.commands):
        own = files[at * len(formats) : (at + 1) * len(formats)]
        (answer,) = (served.get(link) for link in own if "format=" not in link)
        assert answer.content == served.line(line), line


def test_the_overview_says_what_four_commands_say(served: Served) -> None:
    page = served.page(f"/?{WEEK}")
    answers = [served.line(line) for line in page.commands]
    assert [json.loads(answer)["report"] for answer in answers] == [
        "report",
        "explain",
        "forecast",
        "budgets",
    ]
    known = set().union(*map(numbers_of, answers))
    shown = {Decimal(number) for number in page.numbers}
    assert shown - known <= _drawn(page)
    spent = json.loads(answers[0], parse_float=Decimal)["total"]["cost_usd"]
    assert spent in shown
    for answer in answers[:1]:
        assert json.loads(answer)["rows"][0]["feature"] in page.text
    assert json.loads(answers[1])["rows"][0]["sentence"] in page.text


def test_the_overview_says_which_budgets_will_be_over_before_they_are(served: Served) -> None:
    text = served.page(f"/?{WEEK}").text
    assert "3 over" in text
    assert "18 ok; 2 budgets will probably be over" in text


def test_the_address_holds_the_question_and_the_form_is_filled_in_with_it(served: Served) -> None:
    page = served.page(f"/reports/report?{WEEK}&by=model,env&where=feature%3Drag-*&prices=now&top=3")
    assert {name: page.fields[name] for name in ("by", "since", "until", "prices", "top")} == {
        "by": "model,env",
        "since": "2026-11-15",
        "until": "2026-11-21",
        "prices": "now",
        "top": "3",
    }
    assert "whyspend report --by model,env --top 3" in page.commands[0]
    assert "--where 'feature=rag-*' --prices now" in page.commands[0]


def test_cells_lead_to_the_same_question_of_one_value_one_day_and_one_cause(served: Served) -> None:
    by_day = served.page(f"/reports/report?{WEEK}&by=day,feature")
    assert "/reports/report?since=2026-11-16&until=2026-11-16&by=hour%2Cfeature" in by_day.links
    assert f"/reports/report?{WEEK}&where=feature%3Drag-search&by=day%2Cfeature" in by_day.links
    assert f"/reports/explain?{WEEK}&driver=1" in served.page(f"/reports/explain?{WEEK}").links


def test_the_numbers_of_a_picture_lead_where_its_bars_lead(served: Served) -> None:
    """For the keyboard, and without scripts."""
    links = served.page(f"/reports/report?{WEEK}").links
    assert "/reports/report?since=2026-11-17&until=2026-11-17" in links
    days_to_come = served.page(f"/reports/forecast?{WEEK}").links
    assert not [link for link in days_to_come if "since=2026-11-17" in link]


def test_each_filter_can_be_taken_away_on_its_own(served: Served) -> None:
    page = served.page(f"/reports/report?{WEEK}&where=feature%3Drag-search&where=env%3Dproduction")
    assert f"/reports/report?{WEEK}&where=env%3Dproduction" in page.links
    assert f"/reports/report?{WEEK}&where=feature%3Drag-search" in page.links


def test_what_few_ask_for_stands_aside_unless_it_is_told(served: Served) -> None:
    def aside(more: str) -> dict[str, str | None]:
        page = served.page(f"/reports/report?{WEEK}{more}")
        return next(
            found for tag, found in page.tags if tag == "details" and found.get("class") == "more-fields"
        )

    assert "open" not in aside("")
    assert "open" in aside("&top=3")


def test_reports_without_a_page_of_their_own_are_those_of_explore(served: Served) -> None:
    for path, name in (("/reports/anomalies", "/reports/report"), ("/reports/explain", "/reports/explain")):
        page = served.page(f"{path}?{WEEK}")
        (current,) = [found["href"] for tag, found in page.tags if found.get("aria-current") == "page"]
        assert current == f"{name}?{WEEK}"


def test_the_days_that_hold_by_default_are_the_marked_ones(served: Served) -> None:
    marked = [found["href"] for _, found in served.page("/").tags if found.get("aria-current") == "true"]
    assert marked == ["/?since=7d"]


def test_from_the_overview_to_a_single_request(served: Served) -> None:
    explain = served.page(_first(served.page(f"/?{WEEK}"), "/reports/explain?"))
    cause = served.page(_first(explain, "driver=1"))
    request = served.page(_first(cause, "where=trace_id"))
    answer = json.loads(served.line(request.commands[0]))
    assert answer["rows"]
    assert answer["total"]["requests"] == 1
    assert answer["columns"][0]["name"] == "call_site"


def test_requests_of_what_became_cheaper_lead_to_their_calls_before_the_window(served: Served) -> None:
    explain = json.loads(served.get(f"/api/reports/explain?{WEEK}").content)
    fell = next(row["line"] for row in explain["rows"] if row["line"] and row["change_usd"] < 0)
    request = served.page(_first(served.page(f"/reports/explain?{WEEK}&driver={fell}"), "where=trace_id"))
    assert json.loads(served.line(request.commands[0]))["total"]["requests"] == 1
    assert "No calls in these days." not in request.text


def test_from_a_cause_a_link_leads_back_to_all_of_them(served: Served) -> None:
    assert f"/reports/explain?{WEEK}" in served.page(f"/reports/explain?{WEEK}&driver=1").links
    missing = Page.of(served.get(f"/reports/explain?{WEEK}&driver=99").text)
    assert f"/reports/explain?{WEEK}" in missing.links
    assert not any("driver" in link and "since=30d" in link for link in missing.links)


def _first(page: Page, part: str) -> str:
    return next(unescape(link) for link in page.links if part in link)


def test_a_question_that_was_told_nothing_yet_asks_for_it_without_alarm(served: Served) -> None:
    asked = Page.of(served.get(f"/reports/whatif?{WEEK}").text)
    assert [found.get("role") for tag, found in asked.tags if found.get("class") == "said"] == ["status"]
    for wrong in ("/reports/whatif?since=soon", "/reports/whatif?cache-hit=often"):
        page = Page.of(served.get(wrong).text)
        assert [found.get("role") for tag, found in page.tags if found.get("class") == "problem"] == ["alert"]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/reports/nope", 404, "There is no report 'nope'."),
        ("/reports/report?tpo=3", 400, "report cannot be told 'tpo'. Did you mean 'top'?"),
        ("/reports/report?since=soon", 400, "--since cannot be 'soon'."),
        ("/reports/report?top=-1", 400, "--top -1 is less than 0."),
        ("/reports/whatif", 400, "Say what is to be different: --swap OLD=NEW"),
        ("/?until=never", 400, "--until cannot be 'never'."),
    ],
)
def test_what_cannot_be_asked_is_said_on_a_page(path: str, status: int, said: str, served: Served) -> None:
    answer = served.get(path)
    assert answer.status_code == status
    assert said in Page.of(answer.text).text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/reports/report?since=soon", "--since cannot be 'soon'."),
        ("/api/reports/report?format=jsno", "There is no format 'jsno'. Did you mean 'json'?"),
    ],
)
def test_what_cannot_be_asked_is_said_by_the_api(path: str, said: str, served: Served) -> None:
    answer = served.get(path)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(said)


def test_the_openapi_description_has_every_report_with_its_options(served: Served) -> None:
    paths = served.get("/openapi.json").json()["paths"]
    for name in REPORTS:
        get = paths[f"/api/reports/{name}"]["get"]
        assert get["summary"] == registry.question("reports", name)
        assert {"since", "until", "where", "prices", "format"} <= {each["name"] for each in get["parameters"]}
    listed = served.get("/api/reports").json()["reports"]
    assert [each["name"] for each in listed] == REPORTS
