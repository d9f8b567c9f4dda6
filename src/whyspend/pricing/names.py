"""Which price do a provider, a model name and a context mean?

A name is looked up as the source lists it. What is changed about a name is only spelling: a prefix that says
where it is served, an address it is part of, a snapshot's date. Nothing matches by accident: a name that is
merely the beginning of another means nothing here. Effort suffixes (`gpt-5-high`) stay: no provider answers
with such a name, and where one is sold it is listed, as OpenRouter's o3-mini-high.
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
    `fine-tune`, a tuned model priced as all those of its base; `fallback`, sold by one provider at the price
    list of another; `free`; `user`, a price of the user's own; `none`."""
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


# What LangChain (ls_provider, class names, init_chat_model), LiteLLM, the Vercel AI SDK, pydantic-ai and
# OpenTelemetry (gen_ai.provider.name, and gen_ai.system before it) call a provider, where it is not the price
# book's own id. '-' and ' ' are read as '_'.
_CALLED = {
    "aws": """
        amazon amazon_bedrock anthropic_bedrock anthropic_mantle aws.bedrock aws_bedrock bedrock
        bedrock_converse bedrock_mantle bedrockconverse chatbedrock
    """,
    "ai21": "ai21_chat",
    "alibaba": "alibaba_cloud alibabacloud chattongyi dashscope tongyi",
    "anthropic": "anthropic_text",
    "azure": """
        az.ai.inference az.ai.openai azure.ai.inference azure.ai.openai azure_ai azure_foundry azure_inference
        azure_openai azure_text azureaichatcompletionsmodel azureaiopenaiapichatmodel azurechatopenai azureopenai
    """,
    "cloudflare": "cloudflare_workers_ai cloudflareworkersai workers_ai workersai",
    "cohere": "cohere_chat coherechat",
    "databricks": "chatdatabricks",
    "deepinfra": "chatdeepinfra deep_infra",
    "fireworks": "fireworks_ai fireworksai",
    "github-copilot": "copilot githubcopilot",
    "google": """
        anthropic_vertex chatvertexai gcp.gemini gcp.gen_ai gcp.vertex_ai gemini google.generative_ai
        google.vertex google.vertex.anthropic google_ai google_ai_studio google_anthropic_vertex google_genai google_gla
        google_vertex google_vertexai googleai vertex vertex.anthropic vertex_ai vertex_ai_beta vertexai
    """,
    "inception": "inception_labs inceptionlabs",
    "minimax": "minimaxchat",
    "mistral": "mistral_ai mistralai",
    "moonshotai": "kimi moonshot moonshotchat",
    "novita": "novita_ai novitaai",
    "openai": "openai_chat openai_responses text_completion_openai",
    "ovhcloud": "ovh",
    "perplexity": "perplexityai",
    "sambanova": "chatsambanovacloud sambanova_cloud sambanovacloud",
    "together": "together_ai togetherai",
    "voyageai": "voyage voyage_ai",
    "x-ai": "x_ai xai",
    "zai": "z_ai",
    "zhipuai": "zhipu",
}
PROVIDERS = {name: provider for provider, names in _CALLED.items() for name in names.split()}
"""What others call a provider -> the price book's id."""

_API = re.compile(
    r"(.+)[._](?:chat|completion|completions|embedding|embeddings|image|messages|responses|text_embedding)"
)
"""The Vercel AI SDK names the interface too: `openai.responses`, `anthropic.messages`, `google.vertex.chat`."""

UNPRICED_PROVIDERS = {
    **dict.fromkeys(
        (
            "azureml_chat", "azureml_endpoint", "docker_model_runner", "gpt4all", "hosted_vllm",
            "huggingface_pipeline", "llama_cpp", "llamacpp", "llamafile", "lm_studio", "lmstudio", "local",
            "localai", "mlx", "ollama", "ollama_chat", "sagemaker", "sagemaker_endpoint", "sglang",
            "text_completion_vllm", "text_generation_inference", "tgi", "vllm", "xinference",
        ),
        "self-hosted",
    ),
    **dict.fromkeys(
        ("huggingface", "huggingface_endpoint", "huggingface_hub", "huggingfaceendpoint"),
        "the price depends on the host behind Hugging Face",
    ),
}  # fmt: skip

GATEWAYS = ("", "litellm", "litellm_proxy", "litellmrouter", "gateway", "_other", "unknown", "none")
"""Names that say nothing about who served the call: the model's own prefix is asked, as with no provider."""

FIRST_PARTY = (
    "anthropic", "cohere", "deepseek", "google", "meta", "minimax", "mistral", "moonshotai", "openai",
    "perplexity", "voyageai", "x-ai", "zai", "zhipuai",
)  # fmt: skip
"""Who sells models of their own: a bare model name may mean one of theirs, if only one of them lists it."""

FALLBACKS = {"azure": ("anthropic", "openai")}
"""Whose prices a seller promises to take. genai-prices lets Azure take DeepSeek's, xAI's and Moonshot's too, but
Azure asks 1.74 dollars for a million tokens of deepseek-v4-pro, and DeepSeek 0.66."""

SOLD_ON = {("azure", "openai"): ("processing=batch", "service_tier=flex")}
"""Discounts that a seller gives on the prices of another as its maker does: half, on Azure's batches
(learn.microsoft.com/azure/ai-foundry/openai/how-to/batch) and flex calls (.../how-to/flex-processing)."""

VARIANTS = {
    "online": "a search comes on top of the model's price",
    "nitro": "the fastest host is chosen, at its own price",
    "floor": "the cheapest host is chosen, at its own price",
    "exacto": "the host is chosen for its tool calls, at its own price",
}
"""OpenRouter's suffixes that change who serves a model or what comes with it."""

STANDARD = {
    "service_tier": ("auto", "default", "standard", "standard_only", "on_demand", "normal"),
    "processing": ("realtime", "standard"),
    "speed": ("standard",),
    "inference_geo": ("global", "not_available"),
    "cache_ttl": ("5m", "30m"),
}
"""Context values that mean the standard price. `auto` is a wish, not a tier: a served tier beats it."""

SYNONYMS = {"service_tier=batch": "processing=batch", "prompt_cache_retention=12h": "cache_ttl=12h"}
"""Anthropic reports a batch as a service tier. OpenAI's writes into a cache of 12 hours cost twice those of 30
minutes: of a call in the context `cache_ttl=12h`, all written tokens are of that kind."""

_BEDROCK_NAME = re.compile(
    r"(?:[a-z-]+\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|writer)\.[a-z]"
)
_SNAPSHOT = re.compile(r"(?P<base>.+?)[-@](?P<year>20\d\d)(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)")
_TUNED = re.compile(r"(ft:[^:]+):.+|(.+\.ft-).+")
"""OpenAI: ft:BASE:organisation:name:id. Azure: BASE.ft-id."""
_REGION = re.compile(r"/locations/(?!global/)[a-z0-9-]+/")
"""Part of the address of a Vertex AI model that is not served worldwide."""
_PLAIN = re.compile(r"[A-Za-z0-9_.:;=@/~-]{1,80}")


def resolve(listed: Listed, provider: str | None, model: str | None, context: str) -> Match:
    """Find the price of `model` as sold by `provider`, in a context such as `service_tier=flex`."""
    name = (model or "").strip().lower()
    if not name:
        return _no("the run names no model")
    known = _provider(listed, provider)
    if known is None:
        known, name = _by_prefix(listed, name)
    if known == "huggingface":
        known, name = _behind_hugging_face(listed, name)
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
    plain = _API.fullmatch(key)
    for spelling in (key, plain[1] if plain else key):
        if known := PROVIDERS.get(spelling) or listed.ids.get(spelling):
            return known
    return key


def _behind_hugging_face(listed: Listed, name: str) -> tuple[str, str]:
    """`meta-llama/Llama-3.3-70B-Instruct:groq` says which host serves it, and the host has a price list."""
    model, _, host = name.rpartition(":")
    return (f"huggingface_{host}", model) if f"huggingface_{host}" in listed.names else ("huggingface", name)


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
    wanted = standard_context(context)
    name, wanted = _in_zone(listed, provider, name, wanted)
    found = _find(listed, provider, name)
    seller = provider
    if not found:
        allowed = FALLBACKS.get(provider, listed.fallbacks[provider])
        for seller in (other for other in listed.fallbacks[provider] if other in allowed):
            if found := _find(listed, seller, name):
                break
        else:
            return _no(_unknown_model(provider, name))
    model, kind = found
    if reason := listed.unpriced.get((seller, model)):
        return _no(reason)
    if provider == "aws" and "us-gov" in name and "us-gov" not in model:
        return _no("AWS GovCloud has prices of its own, and none is listed for this model")
    if seller != provider:
        return _resold(listed, provider, seller, model, wanted)
    if provider == "google":
        wanted = _regional(listed, name, model, wanted)
    price = _price(provider, model, wanted)
    if price in listed.prices:
        return Match(price, kind)
    return _no(_no_variant(wanted, provider, model) if wanted else f"no price is listed for {price}")


def _price(seller: str, model: str, wanted: str) -> str:
    return f"{seller}/{model};{wanted}" if wanted else f"{seller}/{model}"


def _resold(listed: Listed, provider: str, seller: str, model: str, wanted: str) -> Match:
    """Azure sells OpenAI's models at OpenAI's prices. Of the discounts it has, only some are the same."""
    price = _price(seller, model, wanted)
    if price in listed.prices and (not wanted or wanted in SOLD_ON.get((provider, seller), ())):
        return Match(price, "fallback")
    return _no(_no_variant(wanted, provider, model) if wanted else f"no price is listed for {price}")


def _in_zone(listed: Listed, provider: str, name: str, wanted: str) -> tuple[str, str]:
    """Azure's data zones are listed as models: gpt-4o in `inference_geo=eu` is azure/eu/gpt-4o."""
    rest = [part for part in wanted.split(";") if not part.startswith("inference_geo=")]
    zone = wanted.partition("inference_geo=")[2].partition(";")[0]
    if provider == "azure" and zone and _find(listed, provider, f"{zone}/{name}"):
        return f"{zone}/{name}", ";".join(rest)
    return name, wanted


def _regional(listed: Listed, name: str, model: str, wanted: str) -> str:
    """Vertex AI's regional endpoints cost a tenth more for some models, and the same for the others.

    The region stands in the model's address, or in the context: `inference_geo=europe-west1`.
    """
    rest = [part for part in wanted.split(";") if part and not part.startswith("inference_geo=")]
    there = ";".join(sorted((*rest, "inference_geo=regional")))
    is_said = "inference_geo=" in wanted
    if is_said or (_REGION.search(name) and _price("google", model, there) in listed.prices):
        return there
    return wanted


def _find(listed: Listed, provider: str, name: str) -> tuple[str, str] | None:
    """(model, kind) of the first spelling of the name that the provider's list holds."""
    names = listed.names[provider]
    for spelling, kind in _spellings(listed, provider, name):
        if hit := names.get(spelling):
            return hit[0], _kind(name, spelling, kind, hit[1])
    return None


def _kind(name: str, spelling: str, kind: str, listed_as: str) -> str:
    if spelling.startswith("ft:") or ".ft-" in spelling:
        return "fine-tune"
    return "free" if listed_as == "free" else listed_as if kind == "exact" else kind


def _spellings(listed: Listed, provider: str, name: str) -> Iterator[tuple[str, str]]:
    """The name as it is; without what surrounds it; without a snapshot's date. Most specific first."""
    plain = [name, *_stripped(listed, provider, name)]
    for number, spelling in enumerate(dict.fromkeys(plain)):
        yield spelling, "alias" if number else "exact"
    for spelling in dict.fromkeys(plain):
        yield from _undated(provider, spelling)


def _stripped(listed: Listed, provider: str, name: str) -> Iterator[str]:
    name = name.removesuffix("[1m]")  # Claude with a million tokens of context: one model, tiered by size
    prefix, rest = _by_prefix(listed, name)
    name = rest if prefix == provider else name
    if provider == "aws":
        name = re.sub(r"^(converse|invoke)/", "", name)  # LiteLLM says which of Bedrock's interfaces
    if _private(name):
        return
    public = name.removeprefix("accounts/fireworks/models/")
    if name.startswith("arn:aws") or ("models/" in public and not public.startswith("accounts/")):
        # arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0, publishers/google/models/X
        public = public.rpartition("/")[2]
    public = public.removesuffix("@default")  # Vertex AI's word for a model's only version
    yield name
    yield public
    if public.startswith("gpt-35"):  # Azure's spelling
        yield public.replace("gpt-35", "gpt-3.5", 1)
    if tuned := _TUNED.fullmatch(public):
        yield tuned[1] or tuned[2]


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
    """An address that hides its model: a custom profile, an import, a deployment of one's own."""
    return any(part in name for part in _PRIVATE)


_PRIVATE = (
    "#", "/endpoints/", "application-inference-profile/", "custom-model", "imported-model/", "prompt-router/",
    "provisioned-model/", "tunedmodels/",
)  # fmt: skip


def _unknown_model(provider: str, name: str) -> str:
    if _private(name):
        return "the address is private: it does not say which model runs there, or it is billed by the hour"
    if _TUNED.fullmatch(name):
        return f"no price for fine-tunes of this model is listed by {provider}"
    variant = name.rpartition(":")[2]
    if provider == "openrouter" and variant in VARIANTS:
        return f"no price for :{variant} is listed: {VARIANTS[variant]}"
    return f"no model of this name is listed by {provider}"


def standard_context(context: str) -> str:
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
