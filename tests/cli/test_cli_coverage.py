"""`whyspend coverage` from the shell: from untagged dollars to a rule that settles them, gates, hostile names."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markdown_it import MarkdownIt
from tests.cli.conftest import HOSTILE, Run
from tests.cli.shell import Result

from whyspend.config import load
from whyspend.engines.duckdb import connect
from whyspend.ledger import Ledger
from whyspend.model import DEFAULT_DIMENSIONS, Batch, Call
from whyspend.sources import demo
from whyspend.workspace.windows import of_days

Ask = Callable[[Sequence[str]], Result]

PAST_WEEK = ("--since", "2026-11-08", "--until", "2026-11-14")
CONFIG = 'ledger = "ledger"\n\n# Ours: keep this comment.\ntimezone = "UTC"   # and this one'
FORMATS = ("csv", "json", "markdown", "parquet", "text")


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's ledger of two weeks, as if nobody had tagged rag-search in production."""
    folder = tmp_path_factory.mktemp("stripped") / "ledger"
    engine = connect(threads=1)
    writer = Ledger(folder).writer(engine, "demo", DEFAULT_DIMENSIONS)
    window = of_days(demo.LAST_DAY.replace(day=8), demo.LAST_DAY, "UTC")
    for batch in demo.read(window, source="demo", dimensions=DEFAULT_DIMENSIONS, watermarks={}):
        calls = [_without_owner(each) for each in batch.calls]
        writer.add(Batch(calls=calls, watermarks=batch.watermarks))
    writer.commit()
    engine.close()
    return folder


def _without_owner(call: Call) -> Call:
    feature, *others = call.dimensions
    if feature != "rag-search" or call.project == "staging":
        return call
    found = (None, *call.attributed[1:])
    return msgspec.structs.replace(call, dimensions=(None, *others), attributed=found)


def rows(result: Result) -> list[dict[str, Any]]:
    assert (result.code, result.err) == (0, ""), result.err
    found: list[dict[str, Any]] = json.loads(result.out, parse_float=Decimal)["rows"]
    return found


def test_untagged_dollars_are_found_proposed_tried_and_settled_without_a_pull(
    whyspend: Run, stripped: Path, home: Path
) -> None:
    config = home / "whyspend.toml"
    config.write_text(CONFIG.replace('"ledger"', json.dumps(str(stripped))), encoding="utf-8")
    held = config.read_bytes()
    manifest = (stripped / "manifest.json").read_bytes()
    as_json = ("--format", "json", *PAST_WEEK)

    def by_feature() -> dict[str, Decimal]:
        return {row["feature"]: row["cost_usd"] for row in rows(whyspend("report", *as_json))}

    before, total = by_feature(), json.loads(whyspend("report", *as_json).out)["total"]
    dearest = next(row for row in rows(whyspend("coverage", *as_json)) if row["owner"] == "untagged")
    assert (dearest["project"], dearest["root_name"]) == ("prod-chat", "search")

    first, *_ = rows(whyspend("coverage", "--suggest", *as_json))
    assert (first["number"], first["rule"]) == ("1", "when root_name=search set feature=rag-search")
    assert (first["purity"], "already tagged carry it" in first["why"]) == (1, True)

    (tried,) = rows(whyspend("coverage", "--try", first["rule"], "--where", "feature=", *as_json))
    assert (tried["owner"], tried["new_owner"]) == ("untagged", "rag-search")
    assert tried["cost_usd"] == first["cost_usd"]
    assert config.read_bytes() == held

    written = whyspend("coverage", "--suggest", "1", "--write", *as_json)
    assert (written.code, written.err.startswith(f"Written to {config}")) == (0, True)
    assert config.read_bytes() == held + (
        b'\n\n[[attribution]]\nwhen = { root_name = "search" }\nset = { feature = "rag-search" }\n'
    )
    after = by_feature()
    assert after["rag-search"] == before["rag-search"] + tried["cost_usd"]
    assert after["untagged"] == before["untagged"] - tried["cost_usd"]
    assert {name for name in after if after[name] != before[name]} == {"rag-search", "untagged"}
    assert json.loads(whyspend("report", *as_json).out)["total"] == total
    assert (stripped / "manifest.json").read_bytes() == manifest


def test_where_no_call_of_a_place_is_tagged_its_name_is_proposed(whyspend: Run, stripped: Path) -> None:
    args = ("coverage", "--suggest", "--where", "project!=staging", "--format", "json", *PAST_WEEK)
    found = {row["rule"]: row["why"] for row in rows(whyspend(*args, "--ledger", stripped))}
    assert found["when root_name=search set feature=search"] == "from its name: no such call is tagged"
    assert "when root_name=enrich_leads set feature=enrich-leads" in found


@pytest.mark.parametrize(
    ("held", "added"),
    [
        (b"", b"# here since May\n[[attribution]]\n"),
        (b"dimensions = ['feature']\n", b"\n# here since May\n[[attribution]]\n"),
        (b"\xef\xbb\xbftimezone = 'UTC'\r\n# end\r\n", b"\r\n# here since May\r\n[[attribution]]\r\n"),
        (
            b"[[attribution]]\nwhen = { project = 'a' }\nset = { feature = 'b' }  # old",
            b"\n\n# here since May\n",
        ),
    ],
)
def test_a_written_rule_keeps_every_byte_before_it_and_its_own_comment(
    whyspend: Run, home: Path, held: bytes, added: bytes
) -> None:
    config = home / "whyspend.toml"
    config.write_bytes(held)
    config.chmod(0o640)
    rule = "when project='a b|c' and metadata.team=x set feature=f  # here since May"
    assert whyspend("coverage", "--try", rule, "--write").code == 0
    assert config.read_bytes().startswith(held + added)
    assert config.stat().st_mode & 0o777 == 0o640
    last = load(config, {}).attribution[-1]
    assert (dict(last.when), dict(last.set)) == (
        {"project": ["a b", "c"], "metadata.team": "x"},
        {"feature": "f"},
    )
    assert [path.name for path in home.iterdir()] == ["whyspend.toml"]


@pytest.mark.parametrize(
    ("body", "args", "said"),
    [
        (None, ["--try", "when project=a set feature=b", "--write"], "Write one first: whyspend init."),
        ("attribution = []\n", ["--try", "when project=a set feature=b", "--write"], "Add the rule by hand."),
        ("", ["--write"], "--write needs to know what"),
        ("", ["--suggest", "--write"], "--write needs to know what"),
        ("", ["--suggest", "3", "--write"], "There is no proposal 3: there are 0."),
        ("", ["--suggest", "--try", "when project=a set feature=b"], "questions of their own"),
        ("", ["--try", "when project=a set feature=b", "--fail-under", "9"], "measure what is"),
        ("", ["--fail-under", "ninety"], "no percentage"),
        ("", ["--fail-under", "nan"], "no percentage"),
        ("", ["--fail-under", "95"], "there is no coverage to measure"),
        ("", ["--dimension", "team"], "'team' is not a dimension. Configured: feature, env, user_tier."),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_what_to_do(
    whyspend: Run, home: Path, body: str | None, args: list[str], said: str
) -> None:
    config = home / "whyspend.toml"
    if body is not None:
        config.write_text(body)
    result = whyspend("coverage", *args)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err
    assert (config.read_text() if config.exists() else None) == body


# Gates


def test_the_gate_compares_dollars_exactly(ask: Ask) -> None:
    answer = json.loads(ask(["report", "--by", "feature", "--format", "json"]).out, parse_float=Decimal)
    owned = answer["trust"]["tagged_usd"] * 100
    assert ask(["coverage", "--fail-under", str(owned - Decimal("0.001"))]).code == 0
    failed = ask(["coverage", "--fail-under", f"{owned + Decimal('0.001')}%"])
    assert failed.code == 1
    assert re.search(r"whyspend: [\d.]+ % of the dollars have a feature, less than", failed.err)
    assert b"coverage" in failed.out
    assert ask(["coverage", "--by", "env", "--fail-under", "100"]).code == 0
    assert ask(["coverage", "--dimension", "user_tier", "--fail-under", "0"]).code == 0


def test_a_ratchet_only_goes_up(ask: Ask, home: Path) -> None:
    best = home / "ci" / "best.json"
    best.parent.mkdir()
    tagged, everything = ("--where", "feature!=untagged"), ("--ratchet", str(best))
    assert ask(["coverage", *everything]).code == 0
    first = json.loads(best.read_text())
    assert ask(["coverage", *everything]).code == 0
    assert json.loads(best.read_text()) == first
    assert ask(["coverage", *tagged, *everything]).code == 0
    assert json.loads(best.read_text()) == {"feature": "100.0"}
    failed = ask(["coverage", *everything])
    assert (failed.code, "less than the best so far, 100.0 %" in failed.err) == (1, True)
    assert json.loads(best.read_text()) == {"feature": "100.0"}
    assert ask(["coverage", "--by", "env", *everything]).code == 0
    assert json.loads(best.read_text()) == {"feature": "100.0", "env": "100.0"}
    assert list(best.parent.iterdir()) == [best], "its lock is gone"


@pytest.mark.parametrize(
    "held", ["", "{", "[]", '{"feature": "lots"}', '{"feature": 101}', '{"feature": "NaN"}']
)
def test_a_ratchet_that_is_something_else_is_not_overwritten(ask: Ask, home: Path, held: str) -> None:
    (home / "best").write_text(held)
    result = ask(["coverage", "--ratchet", "best"])
    assert (result.code, "holds no ratchet" in result.err) == (2, True)
    assert (home / "best").read_text() == held


# Formats


@pytest.mark.parametrize(
    "view", [[], ["--suggest"], ["--variants"], ["--try", "when project=* set user_tier=x"]]
)
def test_every_format_shows_the_same_cells(ask: Ask, view: list[str]) -> None:
    args = ["coverage", *view, "--by", "user_tier", "--top", "0"]
    answer = json.loads(ask([*args, "--format", "json"]).out)
    lines = list(csv.DictReader(io.StringIO(ask([*args, "--format", "csv"]).text)))
    assert len(lines) == len(answer["rows"])
    for line, row in zip(lines, answer["rows"], strict=True):
        assert [line[name] for name in line if name in ("calls", "tokens", "unpriced_calls")] == [
            str(row[name]) for name in row if name in ("calls", "tokens", "unpriced_calls")
        ]
    for format_ in FORMATS:
        assert ask([*args, "--format", format_]).code == 0


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("view", [[], ["--suggest"], ["--try", "when project=* set user_tier=x"]])
def test_hostile_names_of_places_and_owners_are_harmless_text(
    ask: Ask, view: list[str], format_: str
) -> None:
    result = ask(["coverage", *view, "--by", "user_tier", "--top", "0", "--format", format_])
    assert (result.code, result.err) == (0, "")
    if format_ == "csv":
        table = list(csv.reader(io.StringIO(result.text, newline="")))
        assert len({len(line) for line in table}) == 1
        assert not [cell for line in table for cell in line if re.match(r"\s*[=+@\t\r]", cell)]
    if format_ == "json" and not view:
        assert {row["project"] for row in json.loads(result.out)["rows"]} >= set(HOSTILE)
    if format_ in ("text", "markdown"):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", result.text)
    if format_ == "markdown":
        shown = MarkdownIt("commonmark").enable("table").render(result.text)
        assert "<table>" in shown
        assert not re.search("<(script|img)|<a href=.(?!https://smith)", shown)


def test_the_link_of_a_sample_is_that_of_its_trace(ask: Ask) -> None:
    found = json.loads(ask(["coverage", "--by", "user_tier", "--top", "0", "--format", "json"]).out)["rows"]
    urls = {row["url"] for row in found if row["project"] == "chat"}
    assert urls == {"https://smith.example/o/1/projects/p/2/r/trace-21-2?trace_id=trace-21-2"}
