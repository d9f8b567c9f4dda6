"""The terms at which a call was served, as far as they decide its price: Call.price_context."""

from collections.abc import Mapping

USUAL_TERMS = (
    "default",
    "standard",
    "auto",
    "on_demand",
    "standard_only",
    "global",
    "not_available",
    "normal",
)
"""Tiers, speeds and places of the plain list price: they say nothing about the price (see price_context)."""


def price_context(said: Mapping[str, object]) -> str:
    """Write terms as sorted `key=value` joined by ';'; the usual ones say nothing, a tier named batch is a batch.

    {"service_tier": "Batch", "speed": "default"} is `processing=batch`.
    """
    terms = {key: text for key, value in said.items() if (text := _term(value))}
    if terms.get("service_tier") == "batch":
        del terms["service_tier"]
        terms["processing"] = "batch"
    return ";".join(f"{key}={terms[key]}" for key in sorted(terms))


def _term(value: object) -> str:
    """Give a price term in lower case; empty for the usual terms and for what cannot be one."""
    text = value.lower() if isinstance(value, str) else ""
    fits = len(text) <= 32 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
    return text if fits and text not in USUAL_TERMS else ""
