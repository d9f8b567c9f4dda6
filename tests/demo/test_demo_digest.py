"""The demo's week on one page: every figure is that of the report itself, to the last digit, in every format."""

import io
import json
import shlex
from decimal import Decimal

import pytest
from tests.demo.conftest import Ran, whyspend_in

from whyspend import registry
from whyspend.alerts._letter import letter
from whyspend.formats import display, for_people
from whyspend.model.digest import Digest
from whyspend.workspace import Workspace
from whyspend.workspace.digest import digest

DAYS = ("2026-11-15", "2026-11-21")


@pytest.fixture(scope="module")
def made_digest(place: Workspace) -> Digest:
    return digest(place, place.window(*DAYS), pictures=True, words=("--ledger", ".whyspend-demo"))


def written(made: Digest, form: str) -> str:
    out = io.BytesIO()
    registry.load("formats", form).write_digest(made, out)
    return out.getvalue().decode()


def test_the_headline_is_what_a_lead_would_want_in_a_chat(made_digest: Digest) -> None:
    days = "--since 2026-11-15 --until 2026-11-21 --ledger .whyspend-demo"
    spent, cause, ending, do = made_digest.headline
    assert spent == "$249.39 in these 7 days, $33.70 more than in the 7 before (+15.6 %)."
    assert cause.startswith(
        "Largest cause: +$26.79 agent-copilot, at act / ChatAnthropic: more calls for each request"
    )
    assert ending.startswith(
        "2026-11 will probably end at $914.61, in 8 of 10 cases between $822.89 and $1,006.32"
    )
    assert do == f"Next: see the requests behind the largest cause: whyspend explain --driver 1 {days}"


@pytest.mark.slow
def test_every_figure_equals_the_report_s_own_json_to_the_last_digit(made_digest: Digest, made: Ran) -> None:
    """The command at the end of each section is run as it stands."""
    told = json.loads(written(made_digest, "json"), parse_float=Decimal)
    for section in told["sections"]:
        _, *arguments = shlex.split(section["command"])
        ran = whyspend_in(made.folder, *arguments, "--format", "json")
        own = json.loads(ran.stdout, parse_float=Decimal)
        assert section["window"] == own["window"], section["title"]
        names = [column["name"] for column in section["columns"]]
        rows = [{name: row[name] for name in names} for row in own["rows"]]
        assert all(row in rows for row in section["rows"]), section["title"]
        assert section["total"].items() <= own["total"].items(), section["title"]
    first = told["sections"][0]
    assert sum(row["cost_usd"] for row in first["rows"]) == first["total"]["cost_usd"]


@pytest.mark.parametrize("form", ["text", "markdown", "html", "a mail"])
def test_every_format_shows_the_same_cells(form: str, made_digest: Digest) -> None:
    page = letter(made_digest, {}) if form == "a mail" else written(made_digest, form)
    flat = " ".join(page.replace("\\", "").replace("&lt;", "<").replace("&gt;", ">").split())
    for section in made_digest.sections:
        table = for_people(section.table)
        for row in table.rows:
            for column, value in zip(table.columns, row, strict=True):
                shown = display(column, value)
                assert column.unit in ("sentence", "text") or shown in flat, (section.title, column.name)
        assert section.command in flat


def test_each_section_has_the_picture_of_its_report(made_digest: Digest) -> None:
    pictures = {
        section.title: [chart.picture for chart in section.table.charts] for section in made_digest.sections
    }
    assert pictures["What was spent"][0] == "stacked_time"
    assert pictures["Why it changed"][0] == "waterfall"
