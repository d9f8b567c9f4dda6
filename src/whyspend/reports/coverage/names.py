"""Names that people and programs give to one thing."""

import re
from collections.abc import Iterable, Mapping

_GAPS = re.compile(r"[\s_\-\u2010-\u2015]+")

LONGEST_NAME = 64


def folded(value: str) -> str:
    """What spellings of one value share: no case, dash, underscore or blank. `RAG_search` is `ragsearch`."""
    return _GAPS.sub("", value.casefold())


def by_spelling(values: Iterable[str]) -> dict[str, str]:
    """Values by what their spellings share; of several, the first."""
    found: dict[str, str] = {}
    for value in values:
        found.setdefault(folded(value), value)
    return found


def value_of(name: str | None, known: Mapping[str, str]) -> str | None:
    """A value for what has a name: one that exists in another spelling, else the name itself, tidied up.

    `Enrich Leads v2` is `enrich-leads-v2`; None where the name has no letter or digit. `known` is from `by_spelling`.
    """
    tidy = re.sub(r"[\W_]+", "-", (name or "").casefold()).strip("-")[:LONGEST_NAME].strip("-")
    return known.get(folded(tidy), tidy) or None


def key_pattern(dimension: str) -> str:
    """A regular expression for other spellings of a metadata key: `Feature`, `feature_name`, `app.feature`."""
    letters = "[-_ ]?".join(re.escape(sign) for sign in folded(dimension))
    return rf"(?i)^(?:[a-z]+[-_. ])?{letters}(?:[-_. ]?(?:name|id|tag|key|value))?$"
