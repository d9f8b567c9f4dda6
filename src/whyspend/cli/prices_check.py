"""`whyspend prices check`: do our rates agree with two other sources?"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.cli.sheet import as_text, format_option
from whyspend.formats.json import literal, string
from whyspend.model import Cell
from whyspend.pricing.check import Comparison, check
from whyspend.pricing.globs import provider_names
from whyspend.pricing.quote import dollars
from whyspend.workspace.sheets import Column, as_csv, as_json

COLUMNS = (
    Column("provider"),
    Column("model"),
    Column("context"),
    Column("over", "count"),
    Column("bucket"),
    Column("ours", "rate"),
    Column("theirs", "rate"),
    Column("source"),
    Column("status"),
    Column("reason"),
    Column("reference"),
)


@click.command("check")
@click.option("--provider", default="", help="Only models of this provider.")
@click.option("--all", "every", is_flag=True, help="Show the rates that agree, too.")
@place_options
def command(provider: str, every: bool, form: str, config: Path | None, ledger: str | None) -> int:
    """Compare our rates with two other price lists, and say why where they differ.

    As of the day on which the others were read: what changes later is no contradiction. Rates are in USD
    per million tokens. Exits with 1 when a difference has no explanation.
    """
    place = workspace(config, ledger)
    found = [
        each
        for each in check(place.prices.current.book)
        if not provider or {*provider_names(provider)} & {*provider_names(each.provider)}
    ]
    shown = [each for each in found if every or each.status != "agree"]
    rows = [_row(each) for each in shown]
    if form == "csv":
        sys.stdout.write(as_csv(COLUMNS, rows))
    elif form == "json":
        sys.stdout.write(as_json(_counts(found), "rates", COLUMNS, rows))
    else:
        sys.stdout.write((f"{as_text(COLUMNS, rows)}\n" if rows else "") + f"{_summary(found)}\n")
    return 1 if any(each.status == "unexplained" for each in found) else 0


command.params.insert(2, format_option())


def _row(each: Comparison) -> tuple[Cell, ...]:
    return (
        each.provider,
        each.model,
        each.context or None,
        each.tier_over,
        each.bucket,
        None if each.ours is None else dollars(each.ours * 1_000_000),
        dollars(each.theirs * 1_000_000),
        each.source,
        each.status,
        each.reason or None,
        each.reference or None,
    )


def _counts(found: Sequence[Comparison]) -> dict[str, str]:
    statuses = [each.status for each in found]
    return {
        "sources": f"[{', '.join(string(source) for source in _sources(found))}]",
        "read": literal(max((each.read for each in found), default=None)),
        **{status: literal(statuses.count(status)) for status in ("agree", "explained", "unexplained")},
    }


def _summary(found: Sequence[Comparison]) -> str:
    agree = sum(1 for each in found if each.status == "agree")
    lost = sum(1 for each in found if each.status == "unexplained")
    differ = len(found) - agree
    if not found:
        return "No rate of ours is in another list."
    explained = "none differs" if not differ else f"{differ:,} differ, {_explained(differ, lost)}"
    read = max(each.read for each in found)
    return f"{agree:,} rates of {read} agree with {' and '.join(_sources(found))}; {explained}."


def _explained(differ: int, lost: int) -> str:
    return "all explained" if not lost else f"{lost:,} of them unexplained"


def _sources(found: Sequence[Comparison]) -> list[str]:
    return sorted({each.source for each in found})
