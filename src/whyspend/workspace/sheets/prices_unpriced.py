"""Which models have no price, what is at stake, and what to write into whyspend.toml?"""

from collections.abc import Sequence

from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Fact, Rows, Sheet
from whyspend.pricing.stakes import Stake, Unpriced
from whyspend.workspace import Workspace
from whyspend.workspace.sheets import question
from whyspend.workspace.sheets.pictures import named, ranked
from whyspend.workspace.unpriced import no_calls, unpriced

COLUMNS = (
    TableColumn("provider", "word"),
    TableColumn("model", "word"),
    TableColumn("context", "word"),
    TableColumn("calls", "count"),
    TableColumn("tokens", "count"),
    TableColumn("at_stake_usd", "about"),
    TableColumn("estimated", "word"),
    TableColumn("reason", "sentence"),
    TableColumn("toml", "word", derived=True, told=True),
)


def run(
    place: Workspace, *, since: str = "", until: str = "", timezone: str = "", where: tuple[str, ...] = ()
) -> Sheet:
    """List models without a price: calls, tokens, dollars at stake, and the TOML that gives them a price.

    What is at stake is estimated from a neighbour: the model with the most similar name, else the middle one of the
    provider's. It is marked with ~ and is part of no total. Paste what is printed below the table into
    whyspend.toml, put in what you pay, and every report has the price, for the past too.
    """
    asked = place.window(since, until, timezone)
    data = place.data(asked, where=where)
    found = unpriced(place, data)
    facts: dict[str, Fact] = {"since": asked.since, "until": asked.until}
    if where:
        facts["where"] = tuple(where)
    notes = [f"Only calls with {' and '.join(where)}."] if where else []
    if not found:
        notes = no_calls(data) or [*notes, "Every call of these days has a price."]
    entries = list(dict.fromkeys(stake.toml for _, stake in found if stake.toml))
    stakes = [(_name(calls), stake.usd) for calls, stake in found if stake.usd is not None]
    return Sheet(
        "prices unpriced",
        question("prices unpriced"),
        Rows("models", COLUMNS, tuple(_row(*each) for each in found)),
        window=asked,
        facts=facts,
        charts=(
            *ranked("At stake: estimates, part of no total", COLUMNS[5], stakes),
            *ranked("Calls without a price", COLUMNS[3], [(_name(calls), calls.calls) for calls, _ in found]),
        ),
        notes=tuple(notes),
        block=_block(entries),
    )


def _name(calls: Unpriced) -> str:
    return named(calls.provider, calls.model, calls.context)


def _block(entries: Sequence[str]) -> str:
    return "\n".join(["# For whyspend.toml:\n", *entries]) if entries else ""


def _row(calls: Unpriced, stake: Stake) -> tuple[Cell, ...]:
    return (
        calls.provider,
        calls.model,
        calls.context or None,
        calls.calls,
        calls.tokens if calls.used else None,
        stake.usd,
        stake.basis or None,
        calls.reason,
        stake.toml or None,
    )
