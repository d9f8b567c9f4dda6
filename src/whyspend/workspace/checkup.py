"""What `doctor` looks at: the configuration, each source, the ledger, and the dimensions seen in it."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from whyspend import registry
from whyspend.errors import WhyspendError
from whyspend.ledger import twice
from whyspend.model import Finding
from whyspend.workspace import Workspace
from whyspend.workspace.idle import idle_entries
from whyspend.workspace.missing import reached
from whyspend.workspace.pulling import collected, to_pull

SEEN = """
SELECT {value} AS value, count(*) AS calls FROM {calls} GROUP BY 1 ORDER BY calls DESC, value LIMIT 2000
"""
"""The values of a dimension, most used first; a spelling variant is rarely below the first 2,000."""

TAGGED = "SELECT count(*), count({value}) FROM {calls}"

DAYS_LOOKED_AT = 30
VALUES_SHOWN = 5


def findings(place: Workspace, *, reach: bool = True) -> Iterator[tuple[str, Finding]]:
    """Yield (section, finding), in the order in which a person would go through them.

    Args:
        place: what is set up.
        reach: also ask whether each source can be reached; else nothing is sent anywhere.
    """
    config = place.config
    where = (
        str(config.path) if config.path else "none; every setting has its default (write one: whyspend init)"
    )
    yield "configuration", Finding("ok", f"file: {where}")
    for warning in config.warnings:
        yield "configuration", Finding("problem", warning)
    names = to_pull(place)
    if not names:
        brought = f"the collector brought {collected(place):,} calls"
        yield "sources", Finding("ok", f"no source to pull is configured; {brought}")
    for name in names:
        yield from ((f"source {name}", finding) for finding in _told(_source(place, name, reach=reach)))
    held = list(_told(_ledger(place)))
    yield from (("ledger", finding) for finding in held)
    yield from (("prices", finding) for finding in _told(_prices(place)))
    # A damaged file that both read is named once.
    yield from (("dimensions", finding) for finding in _told(_dimensions(place)) if finding not in held)


def _told(found: Iterator[Finding]) -> Iterator[Finding]:
    """What is found, and the error that ends it: of what comes after, there is something to say, too."""
    try:
        yield from found
    except WhyspendError as error:
        what, _, next_step = str(error).partition(". ")
        yield Finding("problem", what, next_step)


def _source(place: Workspace, name: str, *, reach: bool) -> Iterator[Finding]:
    source = place.config.source(name)
    check = getattr(registry.load("sources", source.type), "check" if reach else "configured", None)
    if check is None:
        yield Finding("ok", f"{source.type}: configured")
        return
    yield from check(**place.known_to(check), **source.options)


def _ledger(place: Workspace) -> Iterator[Finding]:
    snapshot = place.ledger.snapshot()
    if snapshot.span is None:
        yield Finding("empty", f"{place.config.ledger} holds no calls", "Bring calls in: whyspend pull.")
        return
    first, last = snapshot.span
    rows = sum(file.rows for file in snapshot.manifest.files)
    yield Finding(
        "ok", f"{place.config.ledger}: {rows:,} calls from {first.date()} to {last:%Y-%m-%d %H:%M} UTC"
    )
    known = reached(place.config, snapshot.manifest, place.now)
    for said in (*(each.said() for each in known.ended), *(each.said() for each in known.lost)):
        yield Finding("ok", said)
    for sources, calls in twice.held_twice(place.ledger.root, place.engine).items():
        yield Finding("problem", *twice.said(sources, calls))
    if place.now - last > timedelta(days=2):
        yield Finding(
            "problem",
            f"the newest call is {(place.now - last).days} days old",
            "Pull daily, before the source forgets: LangSmith keeps base traces for 14 days only."
            if to_pull(place)
            else "See whether whyspend serve runs, and whether the applications send to it.",
        )


def _prices(place: Workspace) -> Iterator[Finding]:
    """The book in use, and entries of whyspend.toml that are for nothing: most often a slip of the pen."""
    yield Finding("ok", f"price book: {place.prices.id}")
    for line in idle_entries(place):
        what, _, next_step = line.rpartition(": ")
        yield Finding("problem", what, f"{next_step[:1].upper()}{next_step[1:]}")


def _dimensions(place: Workspace) -> Iterator[Finding]:
    snapshot = place.ledger.snapshot()
    if snapshot.span is None:
        return
    end = snapshot.span[1] + timedelta(microseconds=1)
    extent = snapshot.between(
        max(end - timedelta(days=DAYS_LOOKED_AT), datetime(1970, 1, 1, tzinfo=UTC)), end
    )
    calls = extent.relation(place.engine, place.config.dimensions)
    for dimension in place.config.dimensions:
        value = place.attribution[dimension]
        seen = dict(place.engine.rows(SEEN.format(value=value, calls=calls)))
        ((every, tagged),) = place.engine.rows(TAGGED.format(value=value, calls=calls))
        yield _seen(dimension, seen, every, tagged)
        yield from _variants(dimension, [value for value in seen if value is not None])


def _seen(dimension: str, seen: dict[str | None, int], every: int, tagged: int) -> Finding:
    values = [value for value in seen if value is not None]
    if not tagged:
        return Finding(
            "empty",
            f"{dimension}: on none of the last {every:,} calls",
            f'Tag calls in the code: with feature("rag-search", {dimension}=...); or set a rule in whyspend.toml.'
            if dimension != "feature"
            else 'Tag calls in the code: with feature("rag-search"):; or set a rule in whyspend.toml.',
        )
    shown = ", ".join(values[:VALUES_SHOWN]) + (
        f" and {len(values) - VALUES_SHOWN} more" if len(values) > VALUES_SHOWN else ""
    )
    return Finding("ok", f"{dimension}: on {100 * tagged / every:.1f} % of the calls of 30 days: {shown}")


def _variants(dimension: str, values: list[str]) -> Iterator[Finding]:
    """Values that differ only by case, dash, underscore or blank, most used first."""
    alike: dict[str, list[str]] = defaultdict(list)
    for value in values:
        alike["".join(sign for sign in value.casefold() if sign not in "-_ ")].append(value)
    for spellings in alike.values():
        if len(spellings) > 1:
            main, *others = spellings
            # A basic string of TOML is written as one of JSON is.
            lines = "; ".join(f"{json.dumps(other)} = {json.dumps(main)}" for other in others)
            yield Finding(
                "problem",
                f"{dimension}: spelled {len(spellings)} ways: {', '.join(spellings)}",
                f"Fold them in whyspend.toml: [aliases.{dimension}] {lines}.",
            )
