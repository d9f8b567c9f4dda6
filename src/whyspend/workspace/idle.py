"""Entries of whyspend.toml that are for nothing: most often a slip of the pen in a name."""

from whyspend.pricing.overrides import priced_names, unmatched
from whyspend.pricing.plan import split
from whyspend.workspace import Workspace


def idle_entries(place: Workspace) -> list[str]:
    """Entries of `[[prices]]` and `[[discounts]]` that fit no name of any price or call, a line each.

    None while the ledger is empty: an entry may be for calls that are still to come.
    """
    keys = {key for file in place.ledger.snapshot().manifest.files for key in file.price_keys}
    written = (place.config.prices, place.config.discounts)
    if not keys or not any(written):
        return []
    names = [*priced_names(place.prices.current.book), *(split(key)[:2] for key in sorted(keys))]
    return [line for entries in written for line in unmatched(entries, names)]
