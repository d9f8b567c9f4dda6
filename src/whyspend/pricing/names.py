"""Which price do a provider, a model name and a context mean?

A name is looked up as the source lists it. What is changed about a name is only spelling: a prefix that says
where it is served, an address it is part of, a snapshot's date. Nothing matches by accident: a name that is
merely the beginning of another means nothing here.
"""

import re
from collections.abc import Collection, Iterator
from datetime import date

from msgspec import Struct


class Match(Struct, frozen=True):
    """The price that a call's names mean."""

    price: str | None
    """As in `Rate.price`; none: the call has no price."""
    kind: str
    """How the name was found: `exact`; `alias`, another spelling; `dated`, a snapshot priced as its model;
    `fallback`, sold by one provider at the price list of another; `free`; `none`."""
    reason: str = ""
    """Why there is no price, in one short phrase."""


class Listed(Struct, frozen=True):
    """The names that the price book knows."""

    names: dict[str, dict[str, tuple[str, str]]]
    """provider -> name in lower case -> (model, kind)."""
    fallbacks: dict[str, tuple[str, ...]]
    """provider -> whose price lists hold for the models it resells."""
    unpriced: dict[tuple[str, str], str]
    """(provider, model) -> why it has no price."""
    prices: Collection[str]
    ids: dict[str, str]
    """provider with '_' for '-' -> provider."""


# What LangChain (ls_provider, init_chat_model), LiteLLM and OpenTelemetry (gen_ai.provider.name) call a
# provider, where it is not the price book's own id. '-' and ' ' are read as '_'.
PROVIDERS = {
    "amazon": "aws",
    "amazon_bedrock": "aws",
    "anthropic_bedrock": "aws",
    "anthropic_mantle": "aws",
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "cohere_chat": "cohere",
    "copilot": "github-copilot",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google_anthropic_vertex": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "vertexai": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "ovh": "ovhcloud",
    "together_ai": "together",
    "togetherai": "together",
    "voyage": "voyageai",
    "voyage_ai": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z_ai": "zai",
    "zhipu": "zhipuai",
}

UNPRICED_PROVIDERS = {
    **dict.fromkeys(
        (
            "azureml_chat", "azureml_endpoint", "gpt4all", "hosted_vllm", "huggingface_pipeline", "llama_cpp",
            "llamacpp", "lm_studio", "lmstudio", "local", "mlx", "ollama", "ollama_chat", "sagemaker",
            "sagemaker_endpoint", "text_completion_vllm", "vllm", "xinference",
        ),
        "self-hosted",
    ),
    "huggingface": "the price depends on the host behind Hugging Face",
}  # fmt: skip

GATEWAYS = ("", "litellm", "_other", "unknown", "none")
"""Names that say nothing about who served the call: the model's own prefix is asked, as with no provider."""

FIRST_PARTY = (
    "anthropic", "cohere", "deepseek", "google", "meta", "minimax", "mistral", "moonshotai", "openai",
    "perplexity", "voyageai", "x-ai", "zai", "zhipuai",
)  # fmt: skip
"""Who sells models of their own: a bare model name may mean one of theirs, if only one of them lists it."""

STANDARD = {
    "service_tier": ("auto", "default", "standard", "standard_only", "on_demand"),
    "processing": ("realtime", "standard"),
    "speed": ("standard",),
    "inference_geo": ("global", "not_available"),
}
"""Context values that mean the standard price. `auto` is a wish, not a tier: a served tier beats it."""

SYNONYMS = {"service_tier=batch": "processing=batch"}
"""Anthropic reports a batch as a service tier."""

_BEDROCK_NAME = re.compile(
    r"(?:[a-z-]+\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|writer)\.[a-z]"
)
_SNAPSHOT = re.compile(r"(?P<base>.+?)[-@](?P<year>20\d\d)(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)")
_PLAIN = re.compile(r"[A-Za-z0-9_.:;=@/~-]{1,80}")


def resolve(listed: Listed, provider: str | None, model: str | None, context: str) -> Match:
    """Find the price of `model` as sold by `provider`, in a context such as `service_tier=flex`."""
    name = (model or "").strip().lower()
    if not name:
        return _no("the run names no model")
    known = _provider(listed, provider)
    if known in UNPRICED_PROVIDERS:
        return _no(UNPRICED_PROVIDERS[known])
    if known is None:
        known, name = _by_prefix(listed, name)
        if known in UNPRICED_PROVIDERS:
            return _no(UNPRICED_PROVIDERS[known])
    if known is None:
        return _without_provider(listed, name, context)
    if known not in listed.names:
        return _no("no price list for this provider")
    return _sold_by(listed, known, name, context)


def _provider(listed: Listed, raw: str | None) -> str | None:
    """The price book's id, a name without prices as it came, or none if the provider is not said."""
    key = re.sub(r"[- ]", "_", (raw or "").strip().lower())
    if key in GATEWAYS:
        return None
    return PROVIDERS.get(key) or listed.ids.get(key) or key


def _by_prefix(listed: Listed, name: str) -> tuple[str | None, str]:
    """Split `openai/gpt-4o` (LiteLLM, OpenRouter) and `openai:gpt-4o` (init_chat_model)."""
    prefix, sign, rest = name.partition("/")
    if not sign:
        prefix, sign, rest = name.partition(":")
    provider = _provider(listed, prefix) if sign and rest else None
    if provider in listed.names or provider in UNPRICED_PROVIDERS:
        return provider, rest
    if _BEDROCK_NAME.match(name) or name.startswith("arn:aws"):
        return "aws", name
    return None, name


def _without_provider(listed: Listed, name: str, context: str) -> Match:
    owners = [
        provider
        for provider in FIRST_PARTY
        if provider in listed.names
        and _find(listed, provider, name)
        and not (provider == "google" and "claude" in name)  # sold there, made elsewhere
    ]
    if len(owners) == 1:
        return _sold_by(listed, owners[0], name, context)
    if owners:
        return _no(f"no provider given, and {' and '.join(owners)} all sell a model of this name")
    return _no("no provider given, and no model of this name is known")


def _sold_by(listed: Listed, provider: str, name: str, context: str) -> Match:
    found = _find(listed, provider, name)
    seller = provider
    if not found:
        for seller in listed.fallbacks[provider]:
            if found := _find(listed, seller, name):
                break
        else:
            return _no(_unknown_model(provider, name))
    model, kind = found
    if reason := listed.unpriced.get((seller, model)):
        return _no(reason)
    wanted = _context(context)
    if seller != provider:
        # The price list of another says nothing about a discount here: Azure's batches are not OpenAI's.
        return (
            Match(f"{seller}/{model}", "fallback") if not wanted else _no(_no_variant(wanted, provider, name))
        )
    price = f"{provider}/{model};{wanted}" if wanted else f"{provider}/{model}"
    if price in listed.prices:
        return Match(price, kind)
    return _no(
        _no_variant(wanted, provider, model) if wanted else f"no price is listed for {provider}/{model}"
    )


def _find(listed: Listed, provider: str, name: str) -> tuple[str, str] | None:
    """(model, kind) of the first spelling of the name that the provider's list holds."""
    names = listed.names[provider]
    for spelling, kind in _spellings(listed, provider, name):
        if hit := names.get(spelling):
            return hit[0], (hit[1] if kind == "exact" else kind)
    return None


def _spellings(listed: Listed, provider: str, name: str) -> Iterator[tuple[str, str]]:
    """The name as it is; without what surrounds it; without a snapshot's date. Most specific first."""
    plain = [name, *_stripped(listed, provider, name)]
    for number, spelling in enumerate(dict.fromkeys(plain)):
        yield spelling, "alias" if number else "exact"
    for spelling in dict.fromkeys(plain):
        yield from _undated(provider, spelling)


def _stripped(listed: Listed, provider: str, name: str) -> Iterator[str]:
    name = name.removesuffix("[1m]")  # Claude with a million tokens of context: one model, tiered by size
    if name.startswith("arn:aws") or "models/" in name:
        # arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0, publishers/google/models/X
        name = name if _private(name) or name.startswith("accounts/") else name.rpartition("/")[2]
    prefix, rest = _by_prefix(listed, name)
    name = rest if prefix == provider else name
    name = name.removesuffix("@default")  # Vertex AI's word for a model's only version
    yield name
    if tuned := re.fullmatch(r"(ft:[^:]+):.+", name):  # OpenAI: ft:BASE:organisation:name:id
        yield tuned[1]
    if tuned := re.fullmatch(r"(.+\.ft-).+", name):  # Azure: BASE.ft-id
        yield tuned[1]


def _undated(provider: str, name: str) -> Iterator[tuple[str, str]]:
    if provider == "aws":
        # After a date, `-v1:0` counts packages of one snapshot. Without a date it may tell models apart.
        name = re.sub(r"(-20\d{6})-v\d+(:\d+)?$", r"\1", name)
        yield name, "alias"
    if not (found := _SNAPSHOT.fullmatch(name)) or not _is_date(found):
        return
    yield f"{found['base']}-{found['year']}-{found['month']}-{found['day']}", "alias"
    yield found["base"], "dated"


def _is_date(found: re.Match[str]) -> bool:
    try:
        date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return False
    return True


def _private(name: str) -> bool:
    """An address that hides its model: a custom profile, an import, a deployed endpoint."""
    return any(
        part in name
        for part in (
            "application-inference-profile/",
            "custom-model",
            "imported-model/",
            "provisioned-model/",
        )
    )


def _unknown_model(provider: str, name: str) -> str:
    if _private(name):
        return "a private inference profile does not say which model it runs"
    if name.startswith("ft:") or ".ft-" in name:
        return f"no price for fine-tunes of this model is listed by {provider}"
    return f"no model of this name is listed by {provider}"


def _context(context: str) -> str:
    """What is not standard about a context: `service_tier=Default;processing=Batch` is `processing=batch`."""
    parts = set()
    for part in filter(None, (part.strip() for part in context.lower().split(";"))):
        key, _, value = part.partition("=")
        if value not in STANDARD.get(key, ()):
            parts.add(SYNONYMS.get(part, part))
    return ";".join(sorted(parts))


def _no_variant(context: str, provider: str, model: str) -> str:
    key, _, value = context.partition("=")
    shown = value if key in ("processing", "service_tier", "speed") and ";" not in value else context
    shown = shown if _PLAIN.fullmatch(shown) else "such"  # names come from outside; a terminal shows this
    return (
        f"no {shown} price is known for {provider}/{model}"
        if _PLAIN.fullmatch(model)
        else f"no {shown} price"
    )


def _no(reason: str) -> Match:
    return Match(None, "none", reason)
