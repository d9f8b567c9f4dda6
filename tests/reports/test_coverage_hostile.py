"""Names, values and metadata as hostile as applications may send them: every view, every format, harmless text."""

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.reports.ledgers import PLAIN, place
from tests.reports.test_coverage import WEEK, call

from whyspend import registry
from whyspend.engines.duckdb import DuckDB
from whyspend.workspace import Workspace

HOSTILE = (
    '=HYPERLINK("http://x","y")',
    "<script>alert(1)</script>",
    "*bold*<!channel> [link](javascript:alert(1))",
    "\x1b[31mred\x1b[0m\x07",
    "\u202egnp.exe\u2066",
    "nul\0nul",
    "x" * 10_000,
    "'; DROP TABLE answer; --",
    "line\nbreak\ttab | pipe ` tick",
    "a\x1fb\x1fc",
    "re:(((",
    "日本語 🎉",
)
VIEWS: Sequence[dict[str, Any]] = (
    {"top": 0},
    {"top": 0, "suggest": True},
    {"variants": True},
    {"try_": "when 'project=*' set 'feature=<b>=1+1</b>'"},
)


@pytest.fixture(scope="module")
def hostile(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    calls = []
    for at, name in enumerate(HOSTILE):
        facts = {"project": name, "root_name": name, "call_site": name, "name": name, "thread_id": name}
        metadata = json.dumps({name: name, "Feature": name})
        ids = {"trace_id": f"t {name}", "source": "prod"}
        calls += [
            call(at * 4, **facts, **ids, call_id=f"a{name}", metadata=metadata),
            call(at * 4 + 1, f"own {name}", **facts, **ids, call_id=f"b{name}"),
            call(at * 4 + 2, f"OWN-{name}", **facts, call_id=f"c{name}"),
            call(at * 4 + 3, call_id=f"d{name}", project=f"2{name}", metadata='{"k": [1], "broken": '),
        ]
    return place(tmp_path_factory.mktemp("hostile"), engine, calls, PLAIN)


@pytest.mark.parametrize("for_terminal", [False, True])
@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize("name", registry.names("formats"))
def test_every_format_of_every_view_is_harmless(
    hostile: Workspace, name: str, view: dict[str, Any], for_terminal: bool
) -> None:
    answer = hostile.ask("coverage", WEEK, for_terminal=for_terminal, **view)
    assert answer.rows
    out = io.BytesIO()
    options = {"engine": hostile.engine} if name == "parquet" else {}
    registry.load("formats", name).write(answer, out, **options)
    if name in ("parquet", "png"):
        return
    text = out.getvalue().decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\u2066]", text)
    if name == "csv":
        table = list(csv.reader(io.StringIO(text, newline="")))
        assert len(table) == len(answer.rows) + 1
        assert not [cell for line in table for cell in line if re.match(r"\s*[=+@\t\r]", cell)]
    if name == "json":
        assert len(json.loads(text)["rows"]) == len(answer.rows)
    if name == "markdown":
        assert not re.search("<(script|img|b)>|href=.javascript:", _outside_code(text))


def _outside_code(markdown: str) -> str:
    """What a page would make of it, but for what it only shows as text."""
    page = MarkdownIt("commonmark").enable("table").render(markdown)
    return re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)


def test_every_proposal_settles_what_it_says_whatever_the_names(hostile: Workspace) -> None:
    answer = hostile.ask("coverage", WEEK, suggest=True, top=0)
    names = [column.name for column in answer.columns]
    for row in answer.rows:
        cells = dict(zip(names, row, strict=True))
        tried = hostile.ask("coverage", WEEK, try_=str(cells["rule"]))
        moved = [each for each in tried.rows if each[1] != each[2]]
        assert sum(int(str(each[3])) for each in moved) == cells["calls"]
