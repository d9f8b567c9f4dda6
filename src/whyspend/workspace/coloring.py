"""Which colour a value has: the same in every picture of a ledger, whatever part of it is asked for."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from whyspend.ledger import Snapshot
from whyspend.model import Engine

NUMBERS = 8
"""So many values have a colour that no other has."""

BUSIEST = """
SELECT {names}, min(came) FROM (SELECT {expressions}, {day} AS came FROM {calls}) every_call
WHERE coalesce({names}) IS NOT NULL GROUP BY {names} ORDER BY count(*) DESC, {names} LIMIT {numbers}
"""

MOST_KNOWN = 32
"""Ledgers and keys whose colours are remembered: a server draws the same ones for every page."""

_INSTANT = timedelta(microseconds=1)

_KNOWN: dict[tuple[Any, ...], dict[tuple[Any, ...], int]] = {}


def numbers(
    snapshot: Snapshot, engine: Engine, dimensions: Sequence[str], expressions: Sequence[str]
) -> dict[tuple[Any, ...], int]:
    """The number, from 0, of each of the busiest values of the whole ledger, in the order in which they came.

    In the order of coming, so that the next feature takes the next colour and leaves those of the others alone.

    Args:
        snapshot: the ledger.
        engine: who answers.
        dimensions: the configured ones.
        expressions: SQL over a ledger row, of what the values are.
    """
    if snapshot.span is None or not expressions:
        return {}
    # A file is named by what it holds and never changed, so the same files have the same colours.
    files = tuple(file.path for file in snapshot.manifest.files)
    key = snapshot.root, files, tuple(dimensions), tuple(expressions)
    known = _KNOWN.get(key)
    if known is None:
        known = _numbers(snapshot, engine, dimensions, expressions)
        if len(_KNOWN) >= MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = known
    return known


def _numbers(
    snapshot: Snapshot, engine: Engine, dimensions: Sequence[str], expressions: Sequence[str]
) -> dict[tuple[Any, ...], int]:
    assert snapshot.span is not None
    first, last = snapshot.span
    names = [f"value_{number}" for number in range(len(expressions))]
    found = engine.rows(
        BUSIEST.format(
            names=", ".join(names),
            expressions=", ".join(f"{e} AS {name}" for e, name in zip(expressions, names, strict=True)),
            day=engine.day_number("day"),
            calls=snapshot.between(first, last + _INSTANT).relation(engine, dimensions),
            numbers=NUMBERS,
        )
    )
    came = sorted((day, tuple(map(str, own)), tuple(own)) for *own, day in found)
    return {own: number for number, (_, _, own) in enumerate(came)}
