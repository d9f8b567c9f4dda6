"""`whyspend demo`: a report on stdout and nothing else, advice that works, and a ledger that is never in the way."""

import shlex
import shutil
from pathlib import Path

import httpx2
import pytest
from tests.collector.running import serving
from tests.demo.conftest import Opened, Ran, whyspend_in

from whyspend.cli.demo import DEFAULT_LEDGER, suggestions
from whyspend.model import Batch, Call

ADVICE = [arguments for _, arguments in suggestions(DEFAULT_LEDGER)]


def test_it_makes_the_ledger_and_shows_the_last_week_in_seconds(made: Ran) -> None:
    assert made.code == 0
    assert made.stdout.startswith("report · 2026-11-15 to 2026-11-21 · UTC\n")
    assert "Made 40," in made.stderr
    assert made.seconds < 60  # seconds on any machine; the rest is for a busy one


def test_stdout_is_what_whyspend_report_prints(made: Ran) -> None:
    days = ("--since", "2026-11-15", "--until", "2026-11-21")
    assert whyspend_in(made.folder, "report", *days, "--ledger", DEFAULT_LEDGER).stdout == made.stdout


@pytest.mark.parametrize("arguments", ADVICE, ids=lambda arguments: " ".join(arguments[:3]))
def test_what_it_says_to_try_next_works(made: Ran, arguments: list[str]) -> None:
    assert shlex.join(["whyspend", *arguments]) in made.stderr
    ran = whyspend_in(made.folder, *arguments)
    assert (ran.code, ran.stderr) == (0, "")
    assert len(ran.stdout.splitlines()) > 5


def test_it_leads_to_the_untagged_dollars_and_to_the_calls_without_a_price() -> None:
    assert {arguments[0] for arguments in ADVICE} >= {"report", "requests", "coverage", "prices"}


def test_it_leads_to_the_digest_and_to_the_pages(made: Ran) -> None:
    assert "digest" in {arguments[0] for arguments in ADVICE}
    assert f"\n    whyspend serve --ledger {DEFAULT_LEDGER}\n" in made.stderr
    with serving(made.folder, "--ledger", DEFAULT_LEDGER) as server:
        page = httpx2.get(f"{server.address}/reports/report?since=2026-11-15&until=2026-11-21")
        assert page.status_code == 200
        assert "$249.39" in page.text


def test_a_second_run_takes_the_ledger_that_is_there(made: Ran) -> None:
    again = whyspend_in(made.folder, "demo")
    assert again.stdout == made.stdout
    assert "holds the demo's 60 days already" in again.stderr


def test_a_configuration_around_it_changes_nothing(made: Ran, tmp_path: Path) -> None:
    (tmp_path / "whyspend.toml").write_text('timezone = "Asia/Tokyo"\ndimensions = ["customer_id"]\n')
    ledger = str(made.folder / DEFAULT_LEDGER)
    assert whyspend_in(tmp_path, "demo", "--ledger", ledger).stdout == made.stdout


def test_an_older_or_damaged_history_is_made_anew(made: Ran, tmp_path: Path) -> None:
    ledger = tmp_path / DEFAULT_LEDGER
    shutil.copytree(made.folder / DEFAULT_LEDGER, ledger)
    manifest = ledger / "manifest.json"
    manifest.write_text(manifest.read_text().replace("history:1", "history:0"))
    held = next((ledger / "calls").rglob("*.parquet"))
    held.write_bytes(held.read_bytes()[:100])
    (ledger / "notes.txt").write_text("mine")
    again = whyspend_in(tmp_path, "demo")
    assert again.code == 0
    assert again.stdout == made.stdout
    assert (ledger / "notes.txt").read_text() == "mine"


def test_a_ledger_of_real_calls_is_left_alone(opened: Opened, tmp_path: Path) -> None:
    place = opened(tmp_path / "real")
    call = Call(source="prod", project="p", call_id="c", trace_id="t", started_at=1_790_000_000_000_000)
    call.dimensions = call.attributed = (None, None, None)
    writer = place.ledger.writer(place.engine, "prod", place.config.dimensions)
    writer.add(Batch(calls=[call]))
    writer.commit({})
    before = (tmp_path / "real" / "manifest.json").read_bytes()
    ran = whyspend_in(tmp_path, "demo", "--ledger", "real")
    assert (ran.code, ran.stdout) == (2, "")
    assert "holds calls of 'prod', not only the demo's. Give another folder" in ran.stderr
    assert (tmp_path / "real" / "manifest.json").read_bytes() == before


def test_a_place_that_cannot_be_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = whyspend_in(tmp_path, "demo", "--ledger", "file/below")
    assert (ran.code, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 1
    assert "Give another folder as --ledger" in ran.stderr or "Check the path" in ran.stderr


def test_make_demo_says_where_whyspend_is() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    _, _, recipe = makefile.partition("\ndemo: ")
    assert "Here, whyspend is $(BIN)/whyspend." in recipe.partition("\n\n")[0]
