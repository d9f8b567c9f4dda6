"""What a span is: a call of a model, an embedding, or anything else."""

from whyspend.wire.otlp import names
from whyspend.wire.otlp.spans import Span
from whyspend.wire.otlp.usage import first

_VERCEL_CALLS = {".doGenerate": "llm", ".doStream": "llm", ".doEmbed": "embedding"}
_COUNTS = (*names.INPUT, *names.OUTPUT, names.USAGE_DETAILS)
_MODELS = (*names.MODEL_ANSWERED, *names.MODEL_REQUESTED)


def kind_of(span: Span) -> str:
    """Give `llm`, `embedding` or `other`.

    What a convention says about the span comes first; a span of which none says anything is a call where it has
    token counts or a model, unless it is pydantic-ai's agent, which carries the sum of its calls.
    """
    for key in names.KIND_KEYS:
        value = span.attributes.get(key)
        if isinstance(value, str) and (kind := _kind(key, value)):
            return kind
    if names.AGENT_MARK in span.attributes:
        return "other"
    return "llm" if first(span.attributes, (*_COUNTS, *_MODELS)) is not None else "other"


def _kind(key: str, value: str) -> str | None:
    """What the value under one of KIND_KEYS says; None: nothing.

    Vercel's `ai.streamText` is around `ai.streamText.doStream`, and repeats its counts: only the inner one is a call.
    """
    if key in ("ai.operationId", "operation.name"):
        if not value.startswith("ai."):
            return None
        operation = value.partition(" ")[0]
        return next((kind for end, kind in _VERCEL_CALLS.items() if operation.endswith(end)), "other")
    return names.KINDS.get(value.lower())
