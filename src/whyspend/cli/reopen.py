"""`whyspend reopen`."""

from pathlib import Path

import click

from whyspend.cli.close import amount
from whyspend.cli.common import confirmed, place_options, workspace
from whyspend.money import usd
from whyspend.workspace.closing import reopen, reopening


@click.command("reopen")
@click.argument("month", metavar="MONTH")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def command(month: str, yes: bool, config: Path | None, ledger: str | None) -> None:
    """Take the frozen prices of a closed MONTH (2026-10) away, and the adjustments that were booked for it.

    It is priced as an open month then: with today's price book, [[prices]] and [[discounts]].
    """
    place = workspace(config, ledger)
    found = reopening(place, month)
    unpriced = found.today.calls - found.today.priced
    frozen = found.month.usd if found.frozen is None else usd(found.frozen.units)
    unread = " Its frozen prices cannot be read any more." if found.frozen is None else ""
    click.echo(
        f"{found.month.month} is closed at {amount(frozen)}, with adjustments of "
        f"{amount(usd(found.adjusted), signed=True)} since. At today's prices it costs "
        f"{amount(usd(found.today.units))} ({unpriced:,} of {found.today.calls:,} calls without a price).{unread}",
        err=True,
    )
    confirmed(yes, f"Reopen {found.month.month}?", f"whyspend reopen {found.month.month} --yes")
    reopen(place, found)
    click.echo(f"{found.month.month} is open and costs {amount(usd(found.today.units))}.")
