"""Which sources there are to pull: none, where nobody configured any and a collector takes the calls in."""

from whyspend.workspace import Workspace


def to_pull(place: Workspace) -> tuple[str, ...]:
    """The names of the sources that a pull of everything reads."""
    if not place.config.is_source_configured and collected(place):
        return ()
    return tuple(place.config.sources)


def collected(place: Workspace) -> int:
    """The calls in the ledger that its collector took in."""
    files = place.ledger.snapshot().manifest.files
    return sum(file.rows for file in files if file.source == place.config.collector.source)
