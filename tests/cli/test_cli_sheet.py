"""Tables of prices on terminals of any width, and sheets as files."""

import csv
import html
import io
import json
import re
import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.cli.shell import environment, on_a_terminal, piped

from whyspend.cli.sheet import as_text
from whyspend.model import TableColumn
from whyspend.spelling import visible
from whyspend.workspace.sheet_questions import asked

LIST = ("prices", "list", "--all", "--provider", "google")
SHOW = ("prices", "show", "google/gemini-2.5-pro")


def table_of(text: str) -> list[str]:
    """The lines of the table, from its rule to the blank line below it."""
    lines = text.splitlines()
    rule = next(index for index, line in enumerate(lines) if line.startswith("──"))
    return lines[rule : lines.index("", rule)]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("args", [LIST, SHOW])
def test_a_table_of_prices_fits_the_terminal_and_names_what_it_leaves_out(
    home: Path, args: tuple[str, ...], width: int
) -> None:
    text = on_a_terminal(args, home, width=width).text
    assert max(map(len, table_of(text))) <= width
    whole = piped(args, home).text.splitlines()
    names = [name for name in next(line for line in whole if "input" in line.split()).split("  ") if name]
    said = " ".join(line.strip() for line in text.splitlines())
    hidden = re.search(r"The terminal is too narrow for: (.+?)\. JSON", said)
    left_out = hidden[1].split(", ") if hidden else []
    shown = text[: text.index("──")].split()
    assert {"input", "output"} <= {*shown, *left_out}
    assert all(
        name in left_out or all(part in shown for part in re.split("[_ ]", name)) or name in shown
        for name in map(str.strip, names)
    )


def test_no_rate_and_no_name_is_cut(home: Path) -> None:
    narrow = "\n".join(table_of(on_a_terminal(SHOW, home, width=80).text))
    assert "…" not in narrow
    rates = re.findall(r"\$[\d.]+", "\n".join(table_of(piped(SHOW, home).text)))
    assert {*re.findall(r"\$[\d.]+", narrow)} <= {*rates}
    assert "200,000 tokens" in narrow


def test_in_a_pipe_a_table_of_prices_is_as_wide_as_it_is(home: Path) -> None:
    header = piped(LIST, home).text.splitlines()[0]
    columns = "provider model context match input output cache_read cache_write tiers since source"
    assert " ".join(header.split()) == columns
    assert as_text(
        [TableColumn("a", "word"), TableColumn("b_c", "rate")], [("x" * 200, Decimal("0.5"))]
    ).splitlines()[2] == ("x" * 200 + "  $0.50")


@pytest.mark.parametrize(
    "args",
    [
        ("prices", "list"),
        ("prices", "show", "openai/gpt-4o"),
        ("prices", "unpriced", "--since", "2026-11-15", "--until", "2026-11-21"),
        ("prices", "closed"),
        ("ledger", "info"),
        ("doctor", "--offline"),
    ],
)
def test_a_sheet_is_written_to_a_file_whole_or_not_at_all(
    whyspend: Run, home: Path, sample: Path, args: tuple[str, ...]
) -> None:
    target, place = home / "out" / "sheet.html", ("--ledger", sample)
    shown = whyspend(*args, *place, "--format", "html", "-o", target)
    assert shown.out == b""
    assert target.read_bytes() == whyspend(*args, *place, "--format", "html").out
    assert [each.name for each in target.parent.iterdir()] == ["sheet.html"]
    refused = whyspend(*args, *place, "-o", home / "out")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "it is a folder" in refused.err


def test_a_page_of_a_sheet_says_the_command_that_made_it(whyspend: Run, home: Path, sample: Path) -> None:
    place = ("--timezone", "Europe/Berlin", "--where", "model=made-up*", "--ledger", sample)
    page = whyspend(
        "prices", "unpriced", "--since", "2026-11-15", "--until", "2026-11-21", *place, "--format", "html"
    )
    line = html.unescape(re.search('class="command">The same answer: <code>(.*?)</code>', page.text)[1])  # type: ignore[index]
    assert line == (
        f"whyspend prices unpriced --timezone Europe/Berlin --where 'model=made-up*' --ledger {sample} "
        "--since 2026-11-15 --until 2026-11-21"
    )
    assert whyspend(*shlex.split(line)[1:], "--format", "html").out == page.out


def test_a_format_that_writes_reports_only_is_refused_with_those_that_do_more(
    home: Path, sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plugin = tmp_path_factory.mktemp("plugin")
    (plugin / "rows_only.py").write_text('"""Rows."""\ndef write(table, out):\n    out.write(b"rows")\n')
    (plugin / "rows-1.dist-info").mkdir()
    entry_points = "[whyspend.formats]\nrows = rows_only\nbad = none_such\n"
    (plugin / "rows-1.dist-info" / "entry_points.txt").write_text(entry_points)
    path = f"{environment()['PYTHONPATH']}:{plugin}"
    env = environment(PYTHONPATH=path)
    refused = piped(["prices", "list", "--ledger", sample, "--format", "rows"], home, env)
    assert (refused.code, refused.out) == (2, b"")
    assert refused.err == (
        "whyspend: The format 'rows' writes answers of reports only. Give one of csv, html, json, markdown, parquet, "
        "png, svg, text.\n"
    )
    assert piped(["report", "--ledger", sample, "--format", "rows"], home, env).out == b"rows"
    assert piped(["prices", "list", "--ledger", sample], home, env).code == 0


def test_what_has_no_price_is_of_the_days_and_of_the_calls_that_are_asked_for(
    whyspend: Run, sample: Path
) -> None:
    def models(*more: str) -> Any:
        shown = whyspend("prices", "unpriced", "--ledger", sample, "--format", "json", *more)
        assert shown.code == 0, shown.err
        return json.loads(shown.text)

    week = ("--since", "2026-11-15", "--until", "2026-11-21")
    assert sum(row["calls"] for row in models(*week)["models"]) == 7
    assert (
        sum(row["calls"] for row in models("--since", "2026-11-21", "--until", "2026-11-21")["models"]) == 1
    )
    found = models(*week, "--where", "feature=chat", "--where", "env=prod*")
    assert found["where"] == ["feature=chat", "env=prod*"]
    assert sum(row["calls"] for row in found["models"]) == 7
    assert models(*week, "--where", "feature!=chat")["models"] == []
    assert "where" not in models(*week)
    said = whyspend("prices", "unpriced", "--ledger", sample, *week, "--where", "featur=chat").text
    assert "No call of these days matches featur=chat. Did you mean 'feature'?" in said


def test_doctor_has_a_row_for_each_finding_and_exits_as_ever(whyspend: Run, sample: Path) -> None:
    text = whyspend("doctor", "--offline", "--ledger", sample)
    shown = whyspend("doctor", "--offline", "--ledger", sample, "--format", "json")
    assert text.code == shown.code == 1
    found = json.loads(shown.text)
    assert list(found) == ["problems", "empty", "ok", "findings"]
    for row in found["findings"]:
        assert list(row) == ["part", "level", "what", "next_step"]
        assert visible(row["what"]) in text.text
    assert found["problems"] == sum(row["level"] == "problem" for row in found["findings"]) > 0
    rows = list(
        csv.reader(io.StringIO(whyspend("doctor", "--offline", "--ledger", sample, "--format", "csv").text))
    )
    assert rows[0] == ["part", "level", "what", "next_step"]
    assert len(rows) - 1 == len(found["findings"])


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_no_secret_is_in_what_doctor_writes(
    whyspend: Run, home: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("PROD_KEY", "lsv2_pt_0123456789abcdef")
    (home / "whyspend.toml").write_text(
        '[sources.prod]\ntype = "langsmith"\napi_key = "env:PROD_KEY"\nendpoint = "http://127.0.0.1:9"\n'
    )
    for more in ((), ("--offline",)):
        shown = whyspend("doctor", *more, "--format", form)
        assert "source prod" in shown.text.replace("\\", "")
        assert "0123456789abcdef" not in shown.text + shown.err


def test_the_ledger_says_what_it_holds_for_machines_too(whyspend: Run, sample: Path) -> None:
    found = json.loads(whyspend("ledger", "info", "--ledger", sample, "--format", "json").text)
    assert (found["first_day"], found["last_day"], found["revision"]) == ("2026-11-08", "2026-11-21", 1)
    prod = next(row for row in found["sources"] if row["source"] == "prod")
    assert prod["calls"] == found["calls"] == sum(row["calls"] for row in found["days"])
    assert prod["bytes"] == found["bytes"] == sum(row["bytes"] for row in found["days"])
    assert prod["complete_until"] == "2026-11-21T23:00:00Z"
    assert {"column", "bytes", "bytes_per_call"} == {*found["columns"][0]}
    picture = whyspend("ledger", "info", "--ledger", sample, "--format", "svg").text
    assert "2026-11-20, prod: 13" in picture


def test_doctor_says_whom_it_asks_to_who_waits_at_a_terminal(home: Path) -> None:
    (home / "whyspend.toml").write_text(
        '[sources.prod]\ntype = "langsmith"\napi_key = "env:PROD_KEY"\nendpoint = "http://127.0.0.1:9"\n'
    )
    env = environment(PROD_KEY="x")
    assert on_a_terminal(["doctor"], home, env=env).text.startswith("Asking prod ...")
    assert "Asking" not in on_a_terminal(["doctor", "--offline"], home, env=env).text
    assert piped(["doctor"], home, env).err == ""


def test_a_name_that_looks_like_an_option_is_asked_for_by_the_line_that_says_so(
    home: Path, whyspend: Run
) -> None:
    own = '[[prices]]\nprovider = "-self"\nmodel = "odd"\ninput = 1\noutput = 2\n'
    (home / "whyspend.toml").write_text(own, encoding="utf-8")
    line = asked("prices show", model="-self/odd", all_=True).arguments(["--config", "whyspend.toml"])
    at = line.index("--")
    assert line[at:] == ["--", "-self/odd"]
    found = whyspend(*line[:at], "--format", "json", *line[at:])
    assert (found.code, found.err) == (0, "")
    assert json.loads(found.text)["price"].endswith("-self/odd")
