"""Bad input gets one line: what, why, what to do next. Never a traceback, and never an answer."""

import json
import re
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.cli.shell import Result


def refused(result: Result, code: int, said: str) -> None:
    assert result.out == b""
    assert result.code == code
    assert re.fullmatch(r"whyspend: [^\n]*\n", result.err), result.err
    assert "Traceback" not in result.err
    assert re.search(said, result.err), result.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["report", "--since", "yesteryear"], r"--since cannot be 'yesteryear'. Give a day \(2026-11-01\)"),
        (["report", "--since", "2026-02-30"], "--since cannot be '2026-02-30'"),
        (["report", "--until", "2026-11-01T10:00"], "--until cannot be"),
        (["report", "--since", "99999w"], "are not between 1990-01-01 and 2199-12-31"),
        (["report", "--since", "2026-11-02", "--until", "2026-11-01"], "is after --until 2026-11-01"),
        (["report", "--since", "2030-01-01"], "is after --until"),
        (["report", "--since", "99999m"], "before the year 1. Give a smaller number"),
        (["report", "--since", "0001-01-01"], "are not between 1990-01-01 and 2199-12-31"),
        (["report", "--until", "9999-12-31"], "are not between 1990-01-01 and 2199-12-31"),
        (["report", "--timezone", "Europe/Berln"], "There is no time zone .* Did you mean 'Europe/Berlin'"),
        (["report", "--timezone", "../../etc/passwd"], "There is no time zone"),
        (["report", "--timezone", "Europe"], "There is no time zone"),
        (["report", "--by", "a\x01b"], "Cannot group by"),
        (["report", "--by", "cost_usd"], "the answer has a column of that name.*metadata.cost_usd"),
        (["requests", "--by", "p50_usd"], "the answer has a column of that name"),
        (["report", "--by", "x" * 200], "Cannot group by"),
        (["report", "--by", "fe\udcffature"], "Cannot group by"),
        (["report", "--where", "feature"], "'feature' is not key=value. Example:"),
        (["report", "--where", "=x"], "is not key=value"),
        (["report", "--where", "day=2026-11-01"], "cannot filter by day. Use --since"),
        (["report", "--where", "feature=\udcff"], "not UTF-8"),
        (["report", "--prices", "yesterday"], "--prices cannot be 'yesterday'. Give then, now, recorded"),
        (["report", "--top", "-1"], "--top -1 is less than 0"),
        (["report", "--top", "many"], "'many' is not a valid integer. See: whyspend report --help"),
        (["requests", "--top", "-1"], "--top -1 is less than 0"),
        (["requests", "--by", "feature,model"], "takes one --by"),
        (["report", "--format", "xlsx"], "'xlsx' is not one of 'csv', 'html', 'json', "),
        (["report", "--append"], "--append goes with --format csv and -o FILE"),
        (["report", "--append", "--format", "json", "-o", "x"], "--append goes with --format csv"),
        (["report", "-o", "."], "it is a folder. Give a file as -o"),
        (["report", "-o", "/proc/nothing/here.txt"], "Cannot write /proc/nothing/here.txt"),
        (["report", "--bi", "model"], "No such option.*--by.*See: whyspend report --help"),
        (["report", "surplus"], "unexpected extra argument.*See: whyspend report --help"),
        (["repor"], "There is no command 'repor'. Did you mean 'report'"),
        (["--bad"], "No such option.*--bad"),
        (
            ["report", "--config", "missing.toml"],
            "There is no file missing.toml. Write one with: whyspend init",
        ),
        (["report", "--ledger", "s3://bucket/x"], "keeps ledgers in folders"),
        (["report", "--ledger", "bad\udcffname"], "is not UTF-8"),
        (["pull", "nowhere"], "There is no source named 'nowhere'. Configured: langsmith"),
        (["completion", "powershell"], "'powershell' is not one of"),
        (["ledger", "burn"], "No such command 'burn'.*See: whyspend ledger --help"),
    ],
    ids=lambda value: (
        " ".join(value)[:40].encode("ascii", "replace").decode() if isinstance(value, list) else ""
    ),
)
def test_bad_usage_is_one_line_and_exit_code_2(whyspend: Run, args: Sequence[str], said: str) -> None:
    refused(whyspend(*args), 2, said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("timezone = ", "whyspend.toml line 1"),
        ('\n\ntimezon = "UTC"', "whyspend.toml line 3: unknown key 'timezon'. Did you mean 'timezone'"),
        ('dimensions = "feature"', "whyspend.toml line 1: dimensions: expected a list"),
        (
            '[sources.a]\ntype = "langsmit"',
            "line 2: 'langsmit' is not a type of source. Did you mean 'langsmith'",
        ),
        (
            '[[attribution]]\nwhen = { name = "re:(" }\nset = { feature = "x" }',
            "line 2: the regular expression",
        ),
        ('ledger = "a\\u0000b"', "holds a NUL character"),
    ],
)
def test_a_broken_configuration_names_its_line(whyspend: Run, home: Path, body: str, said: str) -> None:
    (home / "whyspend.toml").write_text(body, encoding="utf-8")
    refused(whyspend("report"), 2, said)


def test_a_configuration_that_is_not_text_is_refused(whyspend: Run, home: Path) -> None:
    (home / "whyspend.toml").write_bytes(b"\xff\xfe\x00")
    refused(whyspend("report"), 2, "whyspend.toml is not UTF-8")


def week(ledger: Path) -> list[str]:
    return ["--since", "2026-11-15", "--until", "2026-11-21", "--ledger", str(ledger)]


@pytest.fixture
def copy(sample: Path, home: Path) -> Path:
    """The sample, to be damaged."""
    return Path(shutil.copytree(sample, home / "ledger"))


def test_a_ledger_of_a_later_version_is_refused(whyspend: Run, copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"version": 99}))
    refused(whyspend("report", *week(copy)), 2, "written by a later whyspend .* Upgrade whyspend")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\x00\xff", b'{"version": "x"}', b'{"version": 1, "files": 3}']
)
def test_a_manifest_that_is_none_is_refused(whyspend: Run, copy: Path, body: bytes) -> None:
    (copy / "manifest.json").write_bytes(body)
    refused(whyspend("report", *week(copy)), 2, "manifest")


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "emptied"])
def test_a_damaged_file_gives_no_total(whyspend: Run, copy: Path, damage: str) -> None:
    """A wrong total is worse than none. A file that was changed is named by `verify`."""
    (file,) = (copy / "calls" / "day=2026-11-18").glob("*.parquet")
    body = file.read_bytes()
    file.unlink()
    if damage != "missing":
        # Every page changed, the footer whole: such a file opens, and its columns do not read.
        spoiled = body[:4] + bytes(255 - byte for byte in body[4:400]) + body[400:]
        file.write_bytes({"cut": body[:-100], "changed": spoiled, "emptied": b""}[damage])
    for command in (["report", *week(copy)], ["requests", *week(copy)]):
        refused(whyspend(*command), 2, r"day=2026-11-18|ledger verify|pull")
    verified = whyspend("ledger", "verify", "--ledger", copy)
    assert verified.code == 2
    assert "DAMAGED: calls/day=2026-11-18/" in verified.err


def test_a_ledger_that_is_a_file_is_refused(whyspend: Run, home: Path) -> None:
    (home / "ledger").write_text("not a folder")
    refused(whyspend("report", "--ledger", "ledger"), 2, "ledger")


def test_a_source_that_cannot_be_reached_is_exit_code_3(
    whyspend: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_pt_secret")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", f"http://127.0.0.1:{port}")
    result = whyspend("pull")
    refused(result, 3, f"127.0.0.1:{port}")
    assert "lsv2_pt_secret" not in result.err


def test_a_pull_without_an_account_says_what_to_set(whyspend: Run) -> None:
    result = whyspend("pull")
    refused(result, result.code, "needs a key: set the variable LANGSMITH_API_KEY")
    assert result.code in (2, 3)


def test_a_plugin_that_cannot_be_loaded_is_one_line_and_breaks_no_help(
    whyspend: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = home / "site" / "broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[whyspend.reports]\nbroken = whyspend_no_such_module\n")
    monkeypatch.syspath_prepend(home / "site")
    assert "(a plug-in that cannot be loaded)" in whyspend("--help").text
    refused(whyspend("broken"), 2, "The plug-in 'broken' cannot be loaded: .*Update the package")
