"""What to change in the code, so that the calls of a place get an owner: one line that fits what is seen of it."""

import json
import re
from collections.abc import Mapping

from whyspend.reports.coverage.names import folded, key_pattern, value_of
from whyspend.reports.coverage.places import Beside, Seen, Spot

LONGEST_SHOWN = 60

MOST_CARRIED = 3

WHO = ("ls_user_id", "owner", "team", "user_id", "user", "service", "app", "hostname")
"""Keys that tell who made a run, as far as applications write them; shown before others."""


def advice(dimension: str, spot: Spot, one: Seen, known: Mapping[str, str], *, named: bool = True) -> str:
    """The line for a place: what is wrong, then what to do.

    What explains most comes first: a key or value that is spelled otherwise, a context that was lost within a trace
    or a thread, a tag of the process only, tags above or on the call that lack this one, nothing at all.

    Args:
        dimension: what is missing.
        spot: where.
        one: what is seen of it.
        known: the dimension's values elsewhere, from `names.by_spelling`.
        named: the name of the place says what the value could be: so for an owner, not for an environment.
    """
    root = spot[2] or spot[4] or spot[1]
    value = (value_of(root, known) if named else None) or "VALUE"
    return (
        _other_key(dimension, one)
        or _other_place(dimension, one, known)
        or _lost(dimension, one)
        or _untold(dimension, value, one)
    )


def carried(one: Seen) -> str:
    """What a sample of the place's runs says of itself, for whoever must find out who made it: `team=growth`."""
    held = _scalars(one.metadata)
    first = [*(key for key in WHO if key in held), *(key for key in held if key not in WHO)][:MOST_CARRIED]
    return ", ".join(f"{_short(key)}={_short(held[key])}" for key in first)


def _other_key(dimension: str, one: Seen) -> str | None:
    pattern = re.compile(key_pattern(dimension))
    for key, value in _scalars(one.spelled).items():
        if pattern.match(key):
            return f"It is spelled otherwise: the runs carry {_short(key)}={_short(value)}. Name the key {dimension}."
    return None


def _other_place(dimension: str, one: Seen, known: Mapping[str, str]) -> str | None:
    for key, value in _scalars(one.metadata).items():
        if len(value) > 2 and folded(value) in known:
            return f"The runs carry {_short(key)}={_short(value)}, a value of {dimension}: name that key {dimension}."
    return None


def _lost(dimension: str, one: Seen) -> str | None:
    if one.trace and one.trace.at_root:
        return (
            f"The root of the trace says {_said(dimension, one.trace)}, but these calls did not inherit it: they "
            "lack the runs between. Pull the day again (whyspend pull --full), or tag the calls."
        )
    if one.trace:
        return (
            f"Lost in a thread: in {_traces(one.trace.count)} of {one.newest.day} other calls say "
            f"{_said(dimension, one.trace)}. Use langsmith.ContextThreadPoolExecutor, or tag the root run."
        )
    if one.thread:
        return (
            f"Tagged in part: other requests of the same thread say {_said(dimension, one.thread)}. "
            f"Tag each request: {_with(dimension, one.thread.value)}."
        )
    return None


def _untold(dimension: str, value: str, one: Seen) -> str:
    key = f'"{dimension}": "{value}"'
    if one.process and not one.own and not one.above:
        variable = "LANGSMITH_" + re.sub(r"\W", "_", dimension).upper()
        return f"Only the process is tagged. Set {variable} for it, or wrap its calls: {_with(dimension, value)}."
    if one.above and not one.own:
        return (
            f"Metadata is on the runs above only, without {dimension}. Add {key} to the metadata of the root: all "
            "calls below inherit it."
        )
    if one.bare < one.calls:
        return f"The runs carry metadata, without {dimension}. Add {key} to it."
    return f"No metadata at all. Wrap it: {_with(dimension, value)}."


def _with(dimension: str, value: str) -> str:
    """The line of code that tags what is inside; with quotes that no value can end."""
    text = json.dumps(_short(value), ensure_ascii=False)
    if dimension == "feature":
        return f"with whyspend.feature({text})"
    pair = f"{dimension}={text}" if dimension.isidentifier() else f'**{{"{dimension}": {text}}}'
    return f'with whyspend.feature("NAME", {pair})'


def _said(dimension: str, beside: Beside) -> str:
    return f"{dimension}={_short(beside.value)}"


def _traces(count: int) -> str:
    return "a trace" if count == 1 else f"{count:,} traces"


def _scalars(metadata: str | None) -> Mapping[str, str]:
    """The metadata of a run as texts; none where it is no object."""
    try:
        held = json.loads(metadata or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(held, dict):
        return {}
    return {key: str(value) for key, value in held.items() if isinstance(value, (str, int, float))}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
