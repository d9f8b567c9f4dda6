"""What commands write: the CSV contract, files that are whole or untouched, hostile names, every format."""

import csv
import html
import io
import json
import os
import re
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.cli.conftest import HOSTILE, Run
from tests.cli.shell import Result

Ask = Callable[[Sequence[str]], Result]

HEADER = (
    b"since,until,feature,calls,requests,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,"
    b"reasoning_tokens,cost_usd,unpriced_calls\n"
)
FORMATS = ("csv", "html", "json", "markdown", "parquet", "png", "svg", "text")


def test_csv_has_the_columns_of_the_contract(ask: Ask) -> None:
    out = ask(["report", "--format", "csv"]).out
    assert out.startswith(HEADER)
    assert (
        ask(["report", "--format", "csv", "--by", "env,model"]).out.split(b",calls,")[0]
        == b"since,until,env,model"
    )
    assert b"\r" not in out
    first = next(csv.DictReader(io.StringIO(out.decode())))
    assert (first["since"], first["until"]) == ("2026-11-15", "2026-11-21")


def test_an_empty_answer_keeps_its_header_and_says_what_to_do(whyspend: Run) -> None:
    assert whyspend("report", "--format", "csv").out == HEADER
    text = whyspend("report")
    assert text.code == 0
    assert (
        "The ledger is empty. Bring calls in: whyspend pull, or whyspend serve. Or see an example: whyspend demo."
        in text.text
    )


def test_json_has_the_members_of_the_contract(ask: Ask) -> None:
    answer = json.loads(ask(["report", "--format", "json"]).out)
    assert list(answer) == ["report", "window", "columns", "rows", "total", "trust", "notes"]
    assert answer["window"] == {"since": "2026-11-15", "until": "2026-11-21", "timezone": "UTC"}
    assert answer["trust"]["complete_until"] == "2026-11-21T23:00:00Z"
    assert set(answer["rows"][0]) == {column["name"] for column in answer["columns"]}


def test_the_trust_line_says_at_which_prices(ask: Ask) -> None:
    def book(*args: str) -> str:
        found = re.search("prices (.*)", ask(["report", *args]).text)
        assert found
        return found[1].strip()

    assert re.fullmatch(r"genai-prices@[\d.]+/[0-9a-f]{8}", book())
    assert book("--prices", "2026-11-01") == f"{book()} as of 2026-11-01"
    assert re.fullmatch(rf"{re.escape(book())} as of \d{{4}}-\d\d-\d\d", book("--prices", "now"))
    assert book("--prices", "recorded") == "as recorded by the source"


def test_figures_agree_between_formats(ask: Ask) -> None:
    rows = json.loads(ask(["report", "--by", "name,model", "--format", "json"]).out)["rows"]
    lines = list(csv.DictReader(io.StringIO(ask(["report", "--by", "name,model", "--format", "csv"]).text)))
    assert [(row["calls"], row["input_tokens"]) for row in rows] == [
        (int(line["calls"]), int(line["input_tokens"])) for line in lines
    ]


@pytest.mark.parametrize(
    ("key", "format_"),
    [
        *(("name", format_) for format_ in FORMATS),
        *((key, "json") for key in ("feature", "project", "root_name", "release", "thread_id")),
        *(("model", format_) for format_ in ("csv", "text")),
    ],
)
def test_hostile_names_pass_through_every_column_and_format(ask: Ask, key: str, format_: str) -> None:
    result = ask(["report", "--by", key, "--format", format_])
    assert (result.code, result.err) == (0, "")
    if format_ == "csv":
        table = list(csv.reader(io.StringIO(result.text, newline="")))
        assert {len(line) for line in table} == {12}
        assert not [cell for line in table for cell in line if re.match(r"\s*[=+@\t\r]", cell)]
    if format_ == "json" and key != "model":
        held = {row[key] for row in json.loads(result.out)["rows"]}
        assert held >= set(HOSTILE) - {"untagged"}
    if format_ in ("text", "markdown"):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", result.text)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_can_be_filtered_by(ask: Ask, name: str) -> None:
    found = json.loads(ask(["report", "--by", "name", "--where", f"name={name}", "--format", "json"]).out)
    assert {row["name"] for row in found["rows"]} == {name}


@pytest.mark.parametrize("by", ["trace", "thread", "feature", "model", "customer_id", "day"])
def test_requests_has_every_format_and_key(ask: Ask, by: str) -> None:
    for format_ in FORMATS if by == "trace" else ("json",):
        result = ask(["requests", "--by", by, "--format", format_])
        assert (result.code, result.err) == (0, "")
        assert result.out


def test_requests_links_to_the_dearest_trace_and_says_what_one_costs(ask: Ask) -> None:
    answer = ask(["requests", "--where", "feature=chat", "--prices", "recorded"]).text
    assert (
        "Cost per request over all 7 requests: p50 $0.0010, p95 $0.0010, p99 $0.0010, highest $0.0010."
        in answer
    )
    link = "https://smith.example/o/1/projects/p/2/r/trace-15-2?trace_id=trace-15-2"
    assert f"The dearest: {link}" in answer


def test_unpriced_calls_are_named_with_their_size_and_reason(ask: Ask) -> None:
    answer = ask(["report", "--where", "feature=chat"]).text
    assert "unknown" in answer
    assert (
        "Unpriced: 7 calls with 14,007,000 tokens, openai/made-up chat: no model of this name is listed by openai."
    ) in answer


def test_an_answer_says_what_it_was_filtered_by(ask: Ask) -> None:
    for command in ("report", "requests"):
        answer = json.loads(
            ask([command, "--where", "env=prod*", "--where", "name!=x", "--format", "json"]).out
        )
        assert answer["notes"][0] == "Only calls with env=prod* and name!=x."


def test_requests_says_how_many_rows_are_not_shown(ask: Ask) -> None:
    assert (
        "The dearest 2 of 13 rows are shown; the total is of all."
        in ask(["requests", "--by", "name", "--top", "2"]).text
    )
    assert "rows are shown" not in ask(["requests", "--by", "name", "--top", "13"]).text


def test_a_misspelled_key_is_told(ask: Ask) -> None:
    answer = ask(["report", "--by", "featrue"]).text
    assert "No call of these days carries the metadata key 'featrue'. Did you mean 'feature'?" in answer
    answer = ask(["report", "--where", "featrue=chat"]).text
    assert "No call of these days matches featrue=chat. Did you mean 'feature'?" in answer
    answer = ask(["requests", "--by", "featrue"]).text
    assert "No call of these days carries the metadata key 'featrue'. Did you mean 'feature'?" in answer


def test_the_top_rows_and_the_others_add_up_to_the_total(ask: Ask) -> None:
    answer = json.loads(ask(["report", "--top", "2", "--format", "json"]).out)
    assert [row["feature"] for row in answer["rows"]][-1] == "(others)"
    for name in ("calls", "requests", "input_tokens", "unpriced_calls"):
        assert sum(row[name] for row in answer["rows"]) == answer["total"][name]
    assert any(note.endswith("rows are shown; (others) adds up the rest.") for note in answer["notes"])


# Files


def test_a_file_is_written_whole_with_usual_rights_and_nothing_on_stdout(ask: Ask, home: Path) -> None:
    result = ask(["report", "--format", "csv", "-o", "new/deep/usage.csv"])
    assert (result.code, result.out, result.err) == (0, b"", "")
    file = home / "new/deep/usage.csv"
    assert file.read_bytes().startswith(HEADER)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask
    assert [path.name for path in file.parent.iterdir()] == ["usage.csv"]


def test_a_file_that_cannot_be_written_stays_as_it_was(ask: Ask, home: Path) -> None:
    (home / "usage.csv").write_text("mine\n")
    result = ask(["report", "--format", "csv", "--append", "-o", "usage.csv"])
    assert result.code == 2
    assert "usage.csv has other columns (mine). Append with the same --by as before" in result.err
    assert (home / "usage.csv").read_text() == "mine\n"
    (home / "loop").symlink_to("loop")
    assert "Cannot write loop" in ask(["report", "-o", "loop"]).err


def test_a_link_stays_a_link_and_its_file_is_replaced(ask: Ask, home: Path) -> None:
    (home / "shared.csv").write_text("old")
    (home / "usage.csv").symlink_to("shared.csv")
    assert ask(["report", "--format", "csv", "-o", "usage.csv"]).code == 0
    assert (home / "usage.csv").is_symlink()
    assert (home / "shared.csv").read_bytes().startswith(HEADER)


def test_dash_and_devices_are_written_to_and_not_replaced(ask: Ask, home: Path) -> None:
    assert ask(["report", "--format", "csv", "-o", "-"]).out.startswith(HEADER)
    assert ask(["report", "--format", "csv", "-o", "/dev/null"]).code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_appending_twice_keeps_one_header(ask: Ask, home: Path) -> None:
    for _ in range(2):
        assert ask(["report", "--format", "csv", "--append", "-o", "usage.csv"]).code == 0
    lines = (home / "usage.csv").read_bytes().splitlines(keepends=True)
    assert lines.count(HEADER) == 1
    assert lines[1 : len(lines) // 2 + 1] == lines[len(lines) // 2 + 1 :]
    assert ask(["report", "--format", "csv", "--append", "--by", "env", "-o", "usage.csv"]).code == 2


@pytest.mark.parametrize(
    "start", [HEADER.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + HEADER.replace(b"\n", b"\r\n")]
)
def test_a_file_with_windows_line_ends_keeps_them(ask: Ask, home: Path, start: bytes) -> None:
    file = home / "usage.csv"
    file.write_bytes(start + b"2026-11-01,2026-11-07,chat,1,1,1,0,0,1,0,0.5,0")  # and no line end at the end
    assert ask(["report", "--format", "csv", "--append", "-o", "usage.csv"]).code == 0
    body = file.read_bytes()
    assert body.startswith(start)
    assert body.count(b"\n") == body.count(b"\r\n") > 3
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert {row["cost_usd"] for row in rows} >= {"0.5"}


def test_parquet_goes_into_a_file_or_a_pipe(ask: Ask, home: Path) -> None:
    assert ask(["report", "--format", "parquet"]).out.startswith(b"PAR1")
    assert ask(["report", "--format", "parquet", "-o", "x.parquet"]).code == 0
    assert (home / "x.parquet").read_bytes().endswith(b"PAR1")


# Other commands


def test_no_command_shows_the_help(whyspend: Run) -> None:
    assert whyspend() == whyspend("--help")
    assert whyspend("ledger") == whyspend("ledger", "--help")
    assert whyspend().code == 0


def test_ledger_tells_what_it_holds(whyspend: Run, sample: Path) -> None:
    info = whyspend("ledger", "info", "--ledger", sample).text
    assert "days 2026-11-08 to 2026-11-21 (UTC)" in info
    assert re.search(r"(?m)^input_tokens +[\d,]+ +[\d.]+$", info)
    assert "all whole" in whyspend("ledger", "verify", "--ledger", sample).text
    assert "empty. Bring calls in: whyspend pull." in whyspend("ledger", "info").text


def test_init_writes_a_configuration_that_loads_and_never_overwrites_one(whyspend: Run, home: Path) -> None:
    assert whyspend("init").code == 0
    body = (home / "whyspend.toml").read_bytes()
    assert whyspend("report", "--format", "csv").out == HEADER
    whyspend("init")
    assert (home / "whyspend.toml").read_bytes() == body


def test_doctor_goes_through_all_parts_and_fails_when_something_must_be_done(
    whyspend: Run, sample: Path
) -> None:
    result = whyspend("doctor", "--ledger", sample)
    assert result.code == 1
    sections = re.findall(r"(?m)^(\w.*)$", result.text)
    assert sections == ["configuration", "source langsmith", "ledger", "prices", "dimensions"]
    assert "PROBLEM  LangSmith needs a key" in result.text
    assert re.search(r"ok +feature: on \d\d\.\d % of the calls of 30 days", result.text)
    assert "empty    user_tier: on none of the last" in result.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["report", "--by", "feature,env", "--top", "3"], "whyspend report --by feature,env --top 3"),
        (["report", "--where", "env=production", "--where", "feature!=a b"],
         "whyspend report --where env=production --where 'feature!=a b'"),
        (["report", "--prices", "now"], "whyspend report --prices now"),
        (["whatif", "--batch", "--cache-hit", "80%"], "whyspend whatif --cache-hit 80% --batch"),
        (["reconcile", "--recorded"], "whyspend reconcile --recorded"),
    ],
)  # fmt: skip
def test_a_page_says_the_command_that_made_it(
    ask: Ask, whyspend: Run, sample: Path, given: list[str], said: str
) -> None:
    page = ask([*given, "--format", "html"]).text
    line = html.unescape(re.search('class="command">The same answer: <code>(.*?)</code>', page)[1])  # type: ignore[index]
    ledger = f"--ledger {sample}"
    assert line.startswith("whyspend ")
    assert line.endswith(" --since 2026-11-15 --until 2026-11-21")
    assert set(shlex.split(line)) == set(
        shlex.split(f"{said} {ledger} --since 2026-11-15 --until 2026-11-21")
    )
    again = whyspend(*shlex.split(line)[1:], "--format", "html")
    assert again.text == page


def test_a_page_is_asked_for_with_its_pictures_and_other_formats_without(ask: Ask) -> None:
    assert ask(["report", "--format", "html"]).text.count("<figure") == 2
    assert "svg" not in ask(["report", "--format", "markdown"]).text
