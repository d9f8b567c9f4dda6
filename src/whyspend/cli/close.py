"""`whyspend close`."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.formats import exact, visible
from whyspend.ledger.prices import Adjustment
from whyspend.workspace.closing import close
from whyspend.workspace.corrections import Lost


@click.command("close")
@click.argument("month", metavar="MONTH")
@click.option("--force", is_flag=True, help="Also where the ledger does not hold all of the month.")
@place_options
def command(month: str, force: bool, config: Path | None, ledger: str | None) -> None:
    """Freeze the prices of MONTH (2026-10), in the configured time zone.

    Its report stays the same to the last digit from then on: whatever price book comes, and whatever is written into
    [[prices]], [[discounts]] and [[free_quotas]]. What all but the last change is booked as an adjustment, on the day
    of the next prices update. Undo it with: whyspend reopen MONTH.
    """
    place = workspace(config, ledger)
    done = close(place, month, force=force)
    held = done.month
    click.echo(
        f"{held.month} is closed ({held.timezone}): {held.calls:,} calls, {amount(held.usd)}, "
        f"{held.unpriced:,} calls without a price. Prices: {visible(held.book.id)}, "
        f"{len(held.prices)} of [[prices]], {len(held.discounts)} of [[discounts]]."
    )
    for line in booked_lines(done.booked, done.lost):
        click.echo(line)


def booked_lines(booked: Iterable[Adjustment], lost: Iterable[Lost]) -> list[str]:
    """What is booked, or is about to be, for months that were closed before, and what cannot be."""
    lines = [
        f"Adjustment on {each.on}: {_name(each.provider, each.model)} {amount(each.usd, signed=True)}. "
        f"{visible(each.reason)}."
        for each in booked
    ]
    return lines + [
        f"{each.month}: {_name(*each.model)} has calls without a price now; they stay as they were closed."
        for each in lost
    ]


def amount(usd: Decimal | None, *, signed: bool = False) -> str:
    """Money with all its digits, at least two decimals: $12.50, -$0.000037."""
    if usd is None:
        return "cost unknown"
    whole, _, decimals = exact(usd.copy_abs()).partition(".")
    sign = "-" if usd < 0 else "+" if signed and usd > 0 else ""
    return f"{sign}${int(whole):,}.{decimals:0<2}"


def _name(provider: str | None, model: str | None) -> str:
    return visible("/".join(part for part in (provider, model) if part) or "no model name")
