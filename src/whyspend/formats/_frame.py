"""What stands around the cells for people: the title, how far to trust the figures, and what to know."""

from datetime import datetime
from decimal import Decimal

from whyspend.formats._cells import in_utc
from whyspend.model import Cell, Table, Trust, Window
from whyspend.model.digest import Digest
from whyspend.model.sheet import Sheet
from whyspend.spelling import money, percent, visible


def title(table: Table) -> str:
    """The report, its days and their time zone: `report · 2026-11-15 to 2026-11-21 · Europe/Berlin`."""
    return visible(f"{table.report} · {days_of(table.window)}")


def days_of(window: Window) -> str:
    """The days and their time zone: `2026-11-15 to 2026-11-21 · Europe/Berlin`."""
    days = f"{window.since} to {window.until}" if window.since != window.until else f"{window.since}"
    return f"{days} · {window.timezone}"


def spent(cost: Decimal, change: Cell, window: Window) -> str:
    """`$249.39 in these 7 days, $33.70 more than in the 7 before (+15.6 %).`; without a change only the cost."""
    count = (window.until - window.since).days + 1
    days = "this day" if count == 1 else f"these {count} days"
    if not isinstance(change, Decimal):
        return f"{money(cost)} in {days}."
    earlier = "on the day before" if count == 1 else f"in the {count} before"
    if not change:
        return f"{money(cost)} in {days}, as much as {earlier}."
    before = cost - change
    share = f" ({percent(change / before, signed=True)})" if before > 0 else ""
    more = "more" if change > 0 else "less"
    return f"{money(cost)} in {days}, {money(abs(change))} {more} than {earlier}{share}."


def shown_digest(digest: Digest) -> tuple[str, list[str], list[str]]:
    """Of a digest for people: its title, its headline, and the trust line and notes at its end."""
    end = [trust_line(digest.trust), *map(visible, digest.notes)]
    return visible(f"digest · {days_of(digest.window)}"), [*map(visible, digest.headline)], end


def sheet_title(sheet: Sheet) -> str:
    """The command and what it is of: `prices unpriced · 2026-11-15 to 2026-11-21 · UTC`."""
    return visible(" · ".join(filter(None, (sheet.name, subject(sheet)))))


def subject(sheet: Sheet) -> str:
    """Of what a sheet is: its model, its ledger, its days; empty where its name says it."""
    days = days_of(sheet.window) if sheet.window else ""
    return visible(" · ".join(filter(None, (sheet.about, days))))


def headline(table: Table) -> list[str]:
    """The answer in a few words, a line each; nothing where the rows are the answer."""
    return [visible(line.strip()) for line in table.headline.split("\n") if line.strip()]


def trust_line(trust: Trust) -> str:
    """One line for who must answer for the figures: what is missing first, then how fresh, then whose prices.

    `trust: 98.2 % of calls priced · owner known for 94.0 % of dollars, 91.2 % of calls · none estimated ·
    none sampled · complete until 2026-11-21 14:00 UTC · prices genai-prices@0.2.3/3f9a`
    """
    known = ["no calls in this window"] if trust.calls == 0 else _shares(trust)
    parts = [*known, _completeness(trust.complete_until), f"prices {trust.price_book or 'unknown'}"]
    return visible("trust: " + " · ".join(parts))


def remarks(table: Table) -> list[str]:
    """The notes, after a word about an answer that has neither rows nor a headline."""
    empty = () if table.rows or table.headline else ("No rows in this window.",)
    return [visible(note) for note in (*empty, *table.notes)]


def _shares(trust: Trust) -> list[str]:
    parts = ["priced calls unknown" if trust.priced is None else f"{percent(trust.priced)} of calls priced"]
    owners = [
        f"{percent(share)} of {what}"
        for share, what in ((trust.tagged_usd, "dollars"), (trust.tagged_calls, "calls"))
        if share is not None
    ]
    parts.append(f"owner known for {', '.join(owners)}" if owners else "owners unknown")
    return [*parts, _doubt(trust.estimated, "estimated"), _doubt(trust.sampled, "sampled")]


def _doubt(share: Decimal | None, what: str) -> str:
    if share is None:
        return f"{what} calls unknown"
    return f"none {what}" if share == 0 else f"{percent(share)} {what}"


def _completeness(until: datetime | None) -> str:
    return "completeness unknown" if until is None else f"complete until {in_utc(until):%Y-%m-%d %H:%M} UTC"
