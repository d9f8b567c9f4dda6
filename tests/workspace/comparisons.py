"""Comparisons of small ledgers."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.workspace.histories import publish, workspace

from whyspend.model import Call, Window
from whyspend.workspace import Workspace
from whyspend.workspace.comparing import Comparison
from whyspend.workspace.windows import of_days


def compared(
    place: Workspace, days: Window, text: str = "", by: Sequence[str] = (), **asked: Any
) -> Comparison:
    found = place.data(days, **asked).comparison(text, tuple(by))
    assert isinstance(found, Comparison)
    return found


def days(first: str, last: str, zone: str = "UTC") -> Window:
    return of_days(date.fromisoformat(first), date.fromisoformat(last), zone)


def on(root: Path, calls: Sequence[Call], config: str = "") -> Workspace:
    publish(root / "ledger", calls)
    return workspace(root, config, now=datetime(2025, 4, 3, 12, tzinfo=UTC))


WEEKS = days("2025-03-08", "2025-03-14")
