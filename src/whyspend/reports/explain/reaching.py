"""What the ledger holds of both windows: what it does not hold cannot be said to have changed."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from whyspend.causes.decompose import Changes, Leaf
from whyspend.model import Window

FIRST_CALL_WITHIN = timedelta(hours=1)
"""A day whose first call came no later is held whole: what nobody called in its first minutes is not missing."""


@dataclass(frozen=True)
class Reach:
    """How far the ledger reaches, as far as a comparison is about it."""

    said: tuple[str, ...] = ()
    """What must be known of it before the numbers are read."""
    is_comparable: bool = True
    """Whether it holds something of both windows."""


def held_part(data: Any, window: Window) -> Window:
    """The days of a window that the ledger holds; all of them where it holds none.

    A ledger that begins on 2026-09-23 12:00 holds 09-23 to 09-25 of 09-19 to 09-25.
    """
    held = data.held_since
    if held is None or not window.start < held < window.end:
        return window
    zone = ZoneInfo(window.timezone)
    first = held.astimezone(zone).date()
    return replace(window, since=first, start=datetime.combine(first, time(), zone).astimezone(UTC))


def held_days(data: Any, window: Window) -> str:
    """The same as `FROM..TO`; empty: all of them."""
    part = held_part(data, window)
    return "" if part == window else f"{part.since}..{part.until}"


def reach(data: Any, before: Window, asked: Window) -> Reach:
    """How far the ledger reaches.

    Args:
        data: the ledger's view of the later window (workspace.data.Data).
        before: the other window, as it is compared.
        asked: the other window, as it was asked for.
    """
    held = data.held_since
    if held is None:
        return Reach()
    begins = f"The ledger begins {held:%Y-%m-%d %H:%M} UTC"
    if held >= min(before.end, data.window.end):
        return Reach((f"{begins}: one window is not in it, so nothing can be said of what changed.",), False)
    late = max((before, data.window), key=lambda window: window.end)
    end = data.data_end(late.end)
    start = min(before.start, data.window.start)
    missing = (*((end.said(),) if end else ()), *data.reached.said(start, late.end))
    if end and late.start >= end.at and not end.is_partial:
        return Reach((*missing, "Nothing can be said of what changed."), False)
    said = []
    if before != asked:
        said.append(f"{begins}: the window before is shortened to the days that it holds.")
    elif held_part(data, data.window) != data.window:
        said.append(
            f"{begins}: {data.window.since} to {data.window.until} is shortened to the days that it holds."
        )
    return Reach((*said, *missing))


def unexplained(changes: Changes) -> Changes:
    """The same change without causes, for a window that is not held: all of it is `other`."""
    return replace(changes, leaves=[_without_cause(leaf) for leaf in changes.leaves])


def _without_cause(leaf: Leaf) -> Leaf:
    change = leaf.after - leaf.before
    if "retagged" in leaf.amounts:
        return leaf  # what landed late says whose calls these are, whatever happened to them
    return replace(leaf, amounts={"other": change} if change else {})
