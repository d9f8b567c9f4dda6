"""The metadata of a call as a run shows it: the run's own, the ledger's dimensions, and what SDKs write about models.

Here as SQL, so that a filter finds what a reader sees (`runs.metadata_of` makes the same of a row).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whyspend.ledger.flags import MODEL
from whyspend.model import Engine
from whyspend.wire.langsmith import CONTEXT_KEYS, SAMPLING_KEY, USUAL_TERMS

USAGE_KEY = "usage_metadata"

SHOWN_USAGE = (
    "(usage_estimated = 0 AND usage_source IS NOT NULL OR kind = 'tool' AND reported_cost IS NOT NULL)"
)
"""SQL: whether a run has `usage_metadata`. Counts that the source estimated never had any."""

COLUMNS: Mapping[str, str] = {
    "ls_provider": "nullif(provider, '')",
    "ls_model_name": f"nullif({MODEL}, '')",
    "ls_model_requested": f"CASE WHEN model_requested <> {MODEL} THEN model_requested END",
    "thread_id": "thread_id",
    "revision_id": "release",
    SAMPLING_KEY: "CAST(sample_rate AS VARCHAR)",
}
"""By key of the metadata: SQL over a ledger row."""


def is_usual(value: object) -> bool:
    """Whether what a run says of its terms of service changes no price, so that it says so for itself alone."""
    return isinstance(value, str) and value.lower() in USUAL_TERMS


@dataclass(frozen=True)
class Metadata:
    """The words of one engine for it."""

    engine: Engine
    dimensions: Mapping[str, str]
    """By dimension: SQL of its value over a ledger row, rules and aliases included."""

    def text(self, key: str) -> str:
        """SQL of the value under a key, as text; NULL where there is none, or no scalar."""
        if key in self.dimensions:
            return self.dimensions[key]
        if key in COLUMNS:
            return COLUMNS[key]
        if key == USAGE_KEY:
            return "NULL"
        if key in CONTEXT_KEYS:
            return self._term(key)
        return self.engine.json_text("metadata", key)

    def has(self, key: str) -> str:
        """SQL of whether there is such a key."""
        is_usage = key == USAGE_KEY and key not in self.dimensions
        return SHOWN_USAGE if is_usage else f"({self.text(key)}) IS NOT NULL"

    def _term(self, key: str) -> str:
        """Of the terms of service only what was served; what else a run says of them, where it changes no price."""
        served = f"split_part(split_part(';' || price_context || ';', ';{key}=', 2), ';', 1)"
        said = self.engine.json_text("metadata", key)
        usual = _listed(self.engine, USUAL_TERMS)
        return f"coalesce(nullif({served}, ''), CASE WHEN lower({said}) IN ({usual}) THEN {said} END)"


def _listed(engine: Engine, texts: Sequence[str]) -> str:
    return ", ".join(map(engine.literal, texts))
