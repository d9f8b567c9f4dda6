"""Every error a user can meet. A message names the thing, the reason and the next step, in one line."""

import difflib
from collections.abc import Iterable


class WhyspendError(Exception):
    """The parent of all: one line for a person, never a traceback."""


class UsageError(WhyspendError):
    """An option, argument or value that cannot be used."""


class ConfigError(WhyspendError):
    """whyspend.toml or an environment variable that cannot be used."""


class InputError(WhyspendError):
    """A file or record that cannot be read as what it should be."""


class LedgerError(WhyspendError):
    """A ledger that is damaged, foreign, or of another version."""


class SourceError(WhyspendError):
    """A source that could not be reached, or refused to answer."""


class StoppedError(WhyspendError):
    """A question that was stopped before its answer was there."""


class MissingExtraError(WhyspendError):
    """An optional dependency that this feature needs."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: ``" Did you mean 'feature'?"``, or nothing."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{match[0]}'?" if match else ""
