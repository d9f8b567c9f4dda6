"""Answers of many rows: machines get them, people are told to ask for less before anybody writes for a minute."""

import asyncio
from pathlib import Path

import pytest
from tests.workspace.histories import history, publish, workspace

from whyspend.dashboard import Desk
from whyspend.dashboard import desk as desk_of
from whyspend.errors import UsageError
from whyspend.serving import Asking
from whyspend.workspace.questions import of_pairs


@pytest.mark.parametrize("form", ["html", "text", "markdown"])
def test_what_is_too_long_to_read_is_had_as_a_file_for_machines(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_of, "MOST_READ", 110)
    publish(tmp_path / "ledger", history())
    question = of_pairs("report", [("by", "model"), ("since", "2025-03-01"), ("until", "2025-03-31")])
    short = of_pairs("report", [("by", "feature"), ("since", "2025-02-01"), ("until", "2025-02-28")])

    async def scene() -> None:
        with pytest.raises(UsageError, match=f"has 11 rows, which is too long for {form} here") as refused:
            await desk.written(question, form)
        assert "csv, json or parquet" in str(refused.value)
        assert await desk.written(short, form)
        for machine in desk_of.FOR_MACHINES:
            assert await desk.written(question, machine)

    with Asking(workspace(tmp_path).config, workers=1) as asking:
        desk = Desk(asking)
        asyncio.run(asyncio.wait_for(scene(), 60))
