"""Which dollars have no owner, and which code must be fixed?"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whyspend.errors import UsageError, nearest
from whyspend.model import Cell, Table, TableColumn
from whyspend.reports.coverage import variants as spelled
from whyspend.reports.coverage.advice import advice, carried
from whyspend.reports.coverage.amounts import COLUMNS, Amount, counted, dollars, percent, total
from whyspend.reports.coverage.names import by_spelling
from whyspend.reports.coverage.pictures import of_rules, of_variants, pictures
from whyspend.reports.coverage.places import Place, Seen, Spot, places, seen
from whyspend.reports.coverage.split import ADJUSTMENT, ORDER, UNTAGGED, Split, split
from whyspend.reports.coverage.suggest import Proposal
from whyspend.reports.coverage.suggest import cells as proposal_cells
from whyspend.reports.coverage.suggest import suggest as suggested
from whyspend.reports.coverage.trial import trial
from whyspend.spelling import OTHERS

WHERE = ("project", "root_name", "call_site", "model")


def run(
    data: Any,
    *,
    dimension: str = "",
    top: int = 10,
    try_: str = "",
    suggest: bool = False,
    variants: bool = False,
) -> Table:
    """Dollars, calls and tokens with an owner (tagged, inherited, by rule) and without, and the places to fix.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        dimension: Whose untagged calls to look at; default: the first configured one.
        top: Show only the dearest N places and add up the rest; 0 shows all.
        try_: Show what a rule would move, by old and new owner: 'when project=nightly-eval set feature=evals'.
        suggest: Propose rules for the untagged, with what each would settle and how sure it is.
        variants: List the values that differ only by case, dash, underscore or blank.
    """
    name = _chosen(data, dimension)
    if top < 0:
        raise UsageError(f"--top {top} is less than 0. Give how many places to show; 0 shows all.")
    if sum((bool(try_), suggest, variants)) > 1:
        raise UsageError("--try, --suggest and --variants are questions of their own. Give one of them.")
    if try_:
        return trial(data, try_)
    if variants:
        return _variants(data)
    return _suggestions(data, name, top) if suggest else _coverage(data, name, top)


def _chosen(data: Any, dimension: str) -> str:
    name = dimension or data.dimensions[0]
    if name not in data.dimensions:
        known = ", ".join(data.dimensions)
        raise UsageError(
            f"{name[:60]!r} is not a dimension.{nearest(name, data.dimensions)} Configured: {known}."
        )
    return str(name)


# What has an owner, and the places that have none


def _coverage(data: Any, dimension: str, top: int) -> Table:
    parts = split(data)
    trust, price_notes = data.trust(), (*data.price_notes(), *data.unpriced_notes())
    whole = total(parts[dimension].values())
    known = spelled.known_values(data, dimension) if trust.calls else {}
    untagged = data.narrowed(f"({data.key(dimension).expression}) IS NULL")
    found = places(untagged) if UNTAGGED in parts[dimension] else []
    shown = found[:top] if top else found
    looks = seen(data, untagged, dimension, [place.spot for place in shown])
    owner, spellings = dimension == data.dimensions[0], by_spelling(known)
    fixes = [advice(dimension, place.spot, looks[place.spot], spellings, named=owner) for place in shown]
    rows = [
        *_owned_rows(dimension, parts[dimension], whole),
        *(_place_row(data, dimension, *each, whole, looks) for each in zip(shown, fixes, strict=True)),
        *_rest_row(dimension, found[len(shown) :], whole),
        *(row for name in data.dimensions if name != dimension for row in _rows(name, parts[name], whole)),
    ]
    columns = _columns(data.for_terminal)
    return Table(
        report="coverage",
        window=data.window,
        columns=columns,
        rows=tuple(tuple(row.get(column.name) for column in columns) for row in rows),
        total={name: value for name, value in whole.cells(whole).items() if name != "share"},
        trust=trust,
        headline=_headline(dimension, parts[dimension], len(found), len(shown)),
        notes=(
            *((_ADDS_UP,) if found else ()),
            *(_fix_notes(data, shown, fixes, looks) if data.for_terminal else ()),
            *_variant_notes(data, {dimension: known} if trust.calls else {}),
            *price_notes,
            *data.empty_notes(trust.calls),
        ),
        charts=tuple(pictures(dimension, parts, [(_place(each), each.amount) for each in found]))
        if data.pictures
        else (),
    )


def _columns(for_terminal: bool) -> tuple[TableColumn, ...]:
    """A terminal has room for one column of where, and shows the fixes below the table."""
    where = (TableColumn("place", "text"),) if for_terminal else tuple(TableColumn(n, "text") for n in WHERE)
    more = (
        TableColumn("fix", "text"),
        TableColumn("carries", "text"),
        TableColumn("sample_run", "text"),
        TableColumn("url", "url", derived=True),
    )
    return (
        TableColumn("dimension", "text"),
        TableColumn("owner", "text"),
        *where,
        *COLUMNS,
        *(() if for_terminal else more),
    )


_NOWHERE: Mapping[str, Cell] = {
    "place": "",
    **dict.fromkeys(WHERE, ""),
    "fix": "",
    "carries": "",
    "sample_run": "",
}


def _rows(dimension: str, parts: Mapping[str, Amount], whole: Amount) -> Iterator[dict[str, Cell]]:
    for owner in (*ORDER, ADJUSTMENT):
        if owner in parts:
            yield {**_NOWHERE, "dimension": dimension, "owner": owner, **parts[owner].cells(whole)}


def _owned_rows(dimension: str, parts: Mapping[str, Amount], whole: Amount) -> Iterator[dict[str, Cell]]:
    owned = {owner: amount for owner, amount in parts.items() if owner != UNTAGGED}
    return _rows(dimension, owned, whole)


def _place_row(
    data: Any, dimension: str, place: Place, fix: str, whole: Amount, looks: Mapping[Spot, Seen]
) -> dict[str, Cell]:
    source, project, root, site, name = place.spot
    one = looks[place.spot]
    model = place.model or "unknown"
    return {
        "dimension": dimension,
        "owner": UNTAGGED,
        "place": _place(place),
        "project": project,
        "root_name": root or "unknown",
        "call_site": site or name or "unknown",
        "model": model,
        **place.amount.cells(whole),
        "fix": fix,
        "carries": carried(one),
        "sample_run": one.newest.call_id,
        "url": data.link(source, project, one.newest.trace_id),
    }


def _place(place: Place) -> str:
    _, project, root, site, name = place.spot
    where = site or " / ".join(part for part in (root, name) if part) or "unknown"
    return f"{project} / {where} · {place.model or 'unknown'}"


def _rest_row(dimension: str, rest: Sequence[Place], whole: Amount) -> Iterator[dict[str, Cell]]:
    if rest:
        amount = total(place.amount for place in rest)
        where = {"place": OTHERS, "project": OTHERS}
        yield {**_NOWHERE, **where, "dimension": dimension, "owner": UNTAGGED, **amount.cells(whole)}


_ADDS_UP = (
    "Each dimension adds up to the total. For rules that settle the untagged: whyspend coverage --suggest."
)


def _headline(dimension: str, parts: Mapping[str, Amount], found: int, shown: int) -> str:
    """What has no owner, in how many places; nothing of no calls."""
    calls = total(amount for owner, amount in parts.items() if owner != ADJUSTMENT)
    missing = parts.get(UNTAGGED)
    if not calls.calls:
        return ""
    if not missing:
        return f"Every call has an owner: {dimension} is known for all."
    share = (
        f" ({percent(missing.cost, calls.cost)} of dollars)"
        if calls.cost and missing.cost is not None
        else ""
    )
    unpriced = f", {missing.unpriced:,} of them without a price," if missing.unpriced else ""
    return (
        f"{dimension}: {dollars(missing.cost)}{share} and {counted(missing.calls, 'call')}{unpriced} have no owner, "
        f"in {counted(found, 'place')}{f'; the dearest {shown} are shown' if shown < found else ''}."
    )


def _fix_notes(
    data: Any, shown: Sequence[Place], fixes: Sequence[str], looks: Mapping[Spot, Seen]
) -> Iterator[str]:
    for place, fix in zip(shown, fixes, strict=True):
        one = looks[place.spot]
        link = data.link(place.spot[0], place.spot[1], one.newest.trace_id)
        sample = link or f"run {one.newest.call_id}"
        says = f" Runs say {carried(one)}." if carried(one) else ""
        yield f"{_place(place)}: {fix}{says} Sample: {sample}"


# Spelling


def _variant_notes(data: Any, known: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    return spelled.notes(data, list(_found_variants(data, known)) if known else [])


def _found_variants(data: Any, known: Mapping[str, Mapping[str, int]]) -> Iterator[spelled.Variants]:
    for name in data.dimensions:
        values = known.get(name) or spelled.known_values(data, name)
        yield from spelled.variants(data, name, values)


def _variants(data: Any) -> Table:
    parts: Split = split(data)
    trust = data.trust()
    whole = total(parts[data.dimensions[0]].values())
    found = list(_found_variants(data, {}))
    columns = (*(TableColumn(name, "text") for name in ("dimension", "value", "folds_into")), *COLUMNS)
    rows = [
        {"dimension": each.dimension, "value": value, "folds_into": each.kept, **amount.cells(whole)}
        for each in found
        for value, amount in each.spellings.items()
    ]
    said = spelled.toml_notes(data, found) if found else iter(("No values differ only in their spelling.",))
    return Table(
        report="coverage",
        window=data.window,
        columns=columns,
        rows=tuple(tuple(row[column.name] for column in columns) for row in rows),
        total={},
        trust=trust,
        notes=(*said, *data.empty_notes(trust.calls)),
        charts=tuple(of_variants(found)) if data.pictures else (),
    )


# Rules that would settle them


def _said(number: int, proposal: Proposal) -> tuple[str, ...]:
    command = f"whyspend coverage --try {shlex.quote(proposal.line)}"
    return f"{number}. {proposal.value}, {proposal.why}: {command}", *proposal.toml.splitlines()


def _suggestions(data: Any, dimension: str, top: int) -> Table:
    parts = split(data)
    trust, price_notes = data.trust(), (*data.price_notes(), *data.unpriced_notes())
    whole = total(parts[dimension].values())
    known = spelled.known_values(data, dimension)
    found = places(data.narrowed(f"({data.key(dimension).expression}) IS NULL"))
    proposals = suggested(data, found, dimension, by_spelling(known))
    shown = proposals[:top] if top else proposals
    columns = (
        TableColumn("number", "text"),
        TableColumn("rule", "text"),
        *(() if data.for_terminal else (TableColumn("value", "text"),)),
        *COLUMNS,
        TableColumn("purity", "share"),
        *(() if data.for_terminal else (TableColumn("why", "text"),)),
    )
    rows = [proposal_cells(at, each, whole) for at, each in enumerate(shown, start=1)]
    notes = [line for at, each in enumerate(shown, start=1) for line in _said(at, each)]
    if shown:
        notes.append(
            "To write one of them to whyspend.toml, run the same with its number: --suggest NUMBER --write."
        )
    elif found:
        notes.append(
            "No rule tells these calls from others: calls like them disagree, or have no value. Tag them in code."
        )
    elif trust.calls:
        notes.append(f"Every call has an owner: {dimension} is known for all.")
    return Table(
        report="coverage",
        window=data.window,
        columns=columns,
        rows=tuple(tuple(row[column.name] for column in columns) for row in rows),
        total={},
        trust=trust,
        notes=(*notes, *price_notes, *data.empty_notes(trust.calls)),
        charts=tuple(of_rules(shown)) if data.pictures else (),
    )
