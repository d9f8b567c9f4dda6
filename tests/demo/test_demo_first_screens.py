"""What a person reads first, of five histories; `WHYSPEND_UPDATE_GOLDEN=1 pytest tests/demo` rewrites the files."""

import io
import os
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.demo.conftest import Opened

from whyspend import registry
from whyspend.workspace import Workspace

GOLDEN = Path(__file__).parent.parent / "golden" / "explain"


class Asked(NamedTuple):
    """A history of the demo, and what is asked of it."""

    history: str
    held_since: str
    since: str
    until: str
    against: str = "previous"
    where: tuple[str, ...] = ()


SCREENS = {
    "week-of-the-loop": Asked("juniper", "2026-11-02", "2026-11-09", "2026-11-15"),
    "fortnight-of-the-switch": Asked("larch", "2026-10-06", "2026-10-20", "2026-11-02"),
    "month-to-date": Asked("rowan", "2026-10-01", "2026-11-01", "2026-11-21", "same-days-last-month"),
    "quiet-week": Asked("maple", "2026-10-02", "2026-10-09", "2026-10-13", "last-week"),
    "one-feature": Asked("cedar", "2026-10-15", "2026-10-29", "2026-11-11", where=("feature=email-drafts",)),
}


@pytest.fixture(scope="module", params=SCREENS)
def screen(
    request: pytest.FixtureRequest, opened: Opened, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Workspace]:
    name = str(request.param)
    asked = SCREENS[name]
    place = opened(tmp_path_factory.mktemp(name), history=asked.history)
    list(place.pull("demo", place.window(asked.held_since, asked.until)))
    return name, place


@pytest.mark.parametrize("width", [80, 140])
def test_the_first_screen_has_the_same_bytes_as_ever(screen: tuple[str, Workspace], width: int) -> None:
    name, place = screen
    asked = SCREENS[name]
    answer = place.ask(
        "explain", place.window(asked.since, asked.until), where=asked.where, against=asked.against
    )
    out = io.BytesIO()
    registry.load("formats", "text").write(answer, out, width=width)
    golden = GOLDEN / f"{name}.{width}.txt"
    if os.environ.get("WHYSPEND_UPDATE_GOLDEN") == "1":
        golden.write_bytes(out.getvalue())
    assert out.getvalue() == golden.read_bytes()
