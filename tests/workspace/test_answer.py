"""An answer in a notebook: its page in a frame, and data frames with exact numbers."""

import html
import re
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.conftest import sample_calls
from tests.reports.ledgers import place

from whyspend.engines.duckdb import connect
from whyspend.errors import MissingExtraError
from whyspend.formats.html import page_of
from whyspend.workspace import Workspace
from whyspend.workspace.answer import Answer

CONFIG = 'dimensions = ["feature", "env", "user_tier"]\n'


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    workspace: Workspace = place(
        tmp_path_factory.mktemp("notebook"), connect(threads=1), sample_calls(), CONFIG
    )
    week = workspace.window("2026-11-15", "2026-11-21")
    return workspace.ask("report", week, pictures=True)


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(answer: Answer) -> None:
    shown = answer._repr_html_()
    frame = re.fullmatch(r'<iframe sandbox="allow-scripts" [^<>]*srcdoc="([^"]*)"></iframe>', shown)
    assert frame
    assert html.unescape(frame[1]) == page_of(
        answer, question="What did each feature (customer, model, day) cost?"
    )


def test_an_arrow_table_has_the_rows_with_exact_money(answer: Answer) -> None:
    table = answer.to_arrow()
    names = ["since", "until", *(column.name for column in answer.columns)]
    assert table.schema.names == names
    at = names.index("cost_usd")
    costs = [row[at - 2] for row in answer.rows]
    assert [value.as_py() for value in table.column("cost_usd")] == costs


def test_polars_gets_decimals(answer: Answer) -> None:
    polars = pytest.importorskip("polars")
    frame = answer.to_polars()
    assert isinstance(frame["cost_usd"].dtype, polars.Decimal)
    known = [cost for cost in frame["cost_usd"].to_list() if cost is not None]
    assert sum(known, Decimal(0)) == answer.total["cost_usd"]


def test_pandas_gets_the_cells_as_they_are(answer: Answer) -> None:
    pytest.importorskip("pandas")
    frame = answer.to_pandas()
    at = [column.name for column in answer.columns].index("cost_usd")
    assert list(frame["cost_usd"]) == [row[at] for row in answer.rows]
    assert list(frame["since"]) == [answer.window.since] * len(answer.rows)


def test_without_the_package_it_says_what_to_install(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(MissingExtraError, match="pip install polars"):
        answer.to_polars()


def test_a_filtered_answer_is_still_one(tmp_path: Path) -> None:
    workspace = place(tmp_path, connect(threads=1), sample_calls(), CONFIG)
    week = workspace.window("2026-11-15", "2026-11-21")
    found = workspace.ask("report", week, where=("feature=chat",))
    assert isinstance(found, Answer)
    assert found.notes[0] == "Only calls with feature=chat."
