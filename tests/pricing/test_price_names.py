"""Which price a name means, and which names mean nothing."""

import pytest

from whyspend.pricing.book import load


@pytest.mark.parametrize(
    ("provider", "model", "price", "kind"),
    [
        ("openai", "gpt-4o", "openai/gpt-4o", "exact"),
        ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o", "alias"),
        ("openai", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13", "exact"),  # twice the price of the others
        ("openai", "gpt-4-0613", "openai/gpt-4", "alias"),
        ("openai", "gpt-5.2-20251211", "openai/gpt-5.2", "alias"),
        ("openai", "gpt-6-sol-2026-09-09", "openai/gpt-6-sol", "dated"),
        ("openai", "openai/gpt-4o", "openai/gpt-4o", "alias"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:org::id", "openai/ft:gpt-4o-mini", "fine-tune"),
        ("openai", "ft:gpt-3.5-turbo-0125:org:name:id", "openai/ft:gpt-3.5-turbo-", "fine-tune"),
        ("azure", "gpt-4o", "openai/gpt-4o", "fallback"),
        ("dashscope", "qwen-max", "alibaba/qwen-max", "exact"),
        ("ChatTongyi", "qwen-max", "alibaba/qwen-max", "exact"),
        ("azure_openai", "gpt-4o-mini-2024-07-18.ft-abc", "openai/gpt-4o-mini-2024-07-18.ft-", "fallback"),
        ("azure.ai.openai", "gpt-35-turbo-0125", "openai/gpt-3.5-turbo", "fallback"),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5", "dated"),
        ("anthropic", "claude-sonnet-4-20250514", "anthropic/claude-sonnet-4-0", "dated"),
        ("anthropic", "claude-opus-4-1-20250805", "anthropic/claude-opus-4-1", "dated"),
        ("anthropic", "claude-3-5-haiku-20241022", "anthropic/claude-3-5-haiku-latest", "dated"),
        ("anthropic", "claude-sonnet-4-5[1m]", "anthropic/claude-sonnet-4-5", "alias"),
        ("Anthropic", " Claude-Opus-4-5 ", "anthropic/claude-opus-4-5", "exact"),
        ("google_genai", "models/gemini-2.5-pro", "google/gemini-2.5-pro", "alias"),
        (
            "google_vertexai",
            "publishers/google/models/gemini-2.0-flash-001",
            "google/gemini-2.0-flash",
            "alias",
        ),
        ("google_anthropic_vertex", "claude-opus-4-5@20251101", "google/claude-opus-4-5", "dated"),
        ("google_vertexai", "claude-sonnet-5", "anthropic/claude-sonnet-5", "fallback"),
        ("gcp.gemini", "gemini-flash-1.5-8b", "google/gemini-flash-1.5-8b", "exact"),
        (
            "amazon_bedrock",
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            "aws/regional.anthropic.claude-sonnet-4-20250514-v1:0",
            "alias",
        ),
        (
            "anthropic-bedrock",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "exact",
        ),
        (
            "bedrock_converse",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-5-20251101-v1:0",
            "aws/regional.anthropic.claude-opus-4-5-v1:0",
            "dated",
        ),
        ("aws.bedrock", "eu.amazon.nova-lite-v1:0", "aws/amazon.nova-lite-v1:0", "alias"),
        ("bedrock", "meta.llama3-1-8b-instruct-v1:0", "aws/meta.llama3-1-8b-instruct-v1:0", "exact"),
        ("mistralai", "mistral-large-2411", "mistral/mistral-large", "alias"),
        ("mistral_ai", "mistral-small-latest", "mistral/mistral-small-latest", "exact"),
        ("xai", "grok-4-latest", "x-ai/grok-4-0709", "alias"),
        ("x_ai", "grok-4.3-20260601", "x-ai/grok-4.3", "dated"),
        ("groq", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b", "exact"),
        ("deepseek", "deepseek-v4-pro", "deepseek/deepseek-v4-pro", "exact"),
        ("cohere", "command-a", "cohere/command-a", "exact"),
        (
            "fireworks",
            "accounts/fireworks/models/llama-v3p1-8b-instruct",
            "fireworks/llama-v3p1-8b-instruct",
            "alias",
        ),
        ("together", "MiniMaxAI/MiniMax-M3", "together/MiniMaxAI/MiniMax-M3", "exact"),
        ("openrouter", "openai/gpt-4o", "openrouter/openai/gpt-4o", "exact"),
        (
            "openrouter",
            "cognitivecomputations/dolphin3.0-mistral-24b:free",
            "openrouter/cognitivecomputations/dolphin3.0-mistral-24b:free",
            "free",
        ),
        (None, "gpt-4o", "openai/gpt-4o", "exact"),
        (None, "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5", "exact"),
        (None, "openai/gpt-4o", "openai/gpt-4o", "exact"),
        (None, "openai:gpt-4o", "openai/gpt-4o", "exact"),
        (None, "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4-5", "alias"),
        ("litellm", "vertex_ai/claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5", "dated"),
        (
            None,
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            "aws/regional.anthropic.claude-sonnet-4-20250514-v1:0",
            "alias",
        ),
    ],
)
def test_a_name_means_a_price(provider: str | None, model: str, price: str, kind: str) -> None:
    match = load().match(provider, model, "")
    assert (match.price, match.kind, match.reason) == (price, kind, "")
    assert load().rates(price)


@pytest.mark.parametrize(
    ("provider", "model", "reason"),
    [
        ("openai", None, "the run names no model"),
        ("openai", "  ", "the run names no model"),
        ("openai", "gpt-9", "no model of this name is listed by openai"),
        ("openai", "gpt-4o-turbo-deluxe", "no model of this name is listed by openai"),
        ("openai", "gpt-4o-2024-13-45", "no model of this name is listed by openai"),
        ("openai", "anthropic/claude-sonnet-4-5", "no model of this name is listed by openai"),
        (
            "openai",
            "ft:gpt-9-2027-04-14:org::id",
            "no price for fine-tunes of this model is listed by openai",
        ),
        (
            "openai",
            "whisper-1",
            "it is billed by audio seconds and input audio seconds, which a trace does not carry",
        ),
        ("openai", "gpt-oss-120b", "open weights: the price depends on the host"),
        ("google_genai", "gemma-3-27b-it", "no model of this name is listed by google"),
        ("google_genai", "gemma-4-31b-it", "genai-prices lists no price"),
        (
            "google_genai",
            "gemini-flash-latest",
            "the name means another model from time to time; use a dated one",
        ),
        ("mistral", "mistral-medium", "the name has meant several models; use a dated one"),
        ("cohere", "command-a-vision-07-2099", "no model of this name is listed by cohere"),
        ("azure", "our-gpt4o-deployment", "no model of this name is listed by azure"),
        ("azure", "mai-ds-r1:free", "genai-prices lists no price"),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123",
            "the address is private: it does not say which model runs there, or it is billed by the hour",
        ),
        ("bedrock", "amazon.titan-embed-text-v3:0", "no model of this name is listed by aws"),
        ("github_copilot", "gpt-4o", "genai-prices lists no price"),
        ("ollama", "llama3.1", "self-hosted"),
        (None, "ollama/llama3.1", "self-hosted"),
        ("huggingface", "meta-llama/Llama-3.3-70B", "the price depends on the host behind Hugging Face"),
        ("acme-cloud", "gpt-4o", "no price list for this provider"),
        (None, "our-model", "no provider given, and no model of this name is known"),
        (None, "glm-5", "no provider given, and zai and zhipuai all sell a model of this name"),
        (
            "elevenlabs",
            "eleven_realtime_v1_max",
            "it is billed by audio seconds, which a trace does not carry",
        ),
    ],
)
def test_a_name_without_a_price_says_why(provider: str | None, model: str | None, reason: str) -> None:
    match = load().match(provider, model, "")
    assert (match.price, match.kind, match.reason) == (None, "none", reason)


@pytest.mark.parametrize(
    ("provider", "model", "context", "price"),
    [
        ("openai", "gpt-5", "service_tier=flex", "openai/gpt-5;service_tier=flex"),
        ("openai", "gpt-5", "processing=Batch", "openai/gpt-5;processing=batch"),
        ("openai", "gpt-5", "processing=batch;service_tier=default", "openai/gpt-5;processing=batch"),
        ("openai", "gpt-5-2025-08-07", "service_tier=auto", "openai/gpt-5"),
        ("openai", "gpt-3.5-turbo", "service_tier=standard", "openai/gpt-3.5-turbo"),
        ("anthropic", "claude-opus-5", "speed=fast", "anthropic/claude-opus-5;speed=fast"),
        ("anthropic", "claude-opus-5", "service_tier=batch", "anthropic/claude-opus-5;processing=batch"),
        ("azure", "gpt-4o", "service_tier=default", "openai/gpt-4o"),
        ("azure", "gpt-4o", "processing=batch", "openai/gpt-4o;processing=batch"),
        ("azure", "gpt-4o", "inference_geo=eu", "azure/eu/gpt-4o"),
        ("anthropic", "claude-opus-5", "inference_geo=us", "anthropic/claude-opus-5;inference_geo=us"),
        (
            "openai",
            "gpt-5.6-sol",
            "prompt_cache_retention=12h",
            "openai/gpt-5.6-sol;cache_ttl=12h",
        ),
        ("openai", "gpt-5.6-sol", "cache_ttl=30m", "openai/gpt-5.6-sol"),
    ],
)
def test_a_context_means_a_price_of_its_own(provider: str, model: str, context: str, price: str) -> None:
    assert load().match(provider, model, context).price == price
    assert load().rates(price)


@pytest.mark.parametrize(
    ("provider", "model", "context", "reason"),
    [
        ("openai", "gpt-4o", "service_tier=flex", "no flex price is known for openai/gpt-4o"),
        ("openai", "gpt-4o-2024-08-06", "service_tier=scale", "no scale price is known for openai/gpt-4o"),
        ("azure", "gpt-4o", "service_tier=priority", "no priority price is known for azure/gpt-4o"),
        (
            "anthropic",
            "claude-haiku-4-5",
            "inference_geo=us",
            "no inference_geo=us price is known for anthropic/claude-haiku-4-5",
        ),
        (
            "anthropic",
            "claude-opus-5",
            "speed=fast;processing=batch",
            "no processing=batch;speed=fast price is known for anthropic/claude-opus-5",
        ),
        ("openai", "gpt-4o", "nonsense", "no nonsense price is known for openai/gpt-4o"),
        ("azure", "our deployment\x1b[31m", "", "no model of this name is listed by azure"),
        ("openai", "gpt-4o", "service_tier=\x1b[31m<b>", "no such price is known for openai/gpt-4o"),
    ],
)
def test_a_context_without_a_price_is_never_the_standard_price(
    provider: str, model: str, context: str, reason: str
) -> None:
    match = load().match(provider, model, context)
    assert (match.price, match.reason) == (None, reason)


PRIVATE = "the address is private: it does not say which model runs there, or it is billed by the hour"
HOST = "the price depends on the host behind Hugging Face"
NO_LIST = "no price list for this provider"
VERTEX = "projects/acme/locations/{}/publishers/anthropic/models/claude-sonnet-4-5@20250929"
BEDROCK = "arn:aws:bedrock:us-west-2:123456789012:"

ODD = [
    # origin, provider, model, the price that it means or why there is none
    ("Vercel AI SDK", "openai.chat", "gpt-4o", "openai/gpt-4o"),
    ("Vercel AI SDK", "openai.responses", "gpt-5.1", "openai/gpt-5.1"),
    ("Vercel AI SDK", "anthropic.messages", "claude-opus-4-5-20251101", "anthropic/claude-opus-4-5"),
    ("Vercel AI SDK", "google.generative-ai", "gemini-2.5-flash", "google/gemini-2.5-flash"),
    ("Vercel AI SDK", "google.vertex.chat", "gemini-2.5-pro", "google/gemini-2.5-pro"),
    ("Vercel AI SDK", "vertex.anthropic.messages", "claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
    ("Vercel AI SDK", "azure-openai.chat", "gpt-4o", "openai/gpt-4o"),
    ("Vercel AI Gateway", "gateway", "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
    ("pydantic-ai", "google-gla", "gemini-2.5-flash", "google/gemini-2.5-flash"),
    ("OpenTelemetry", "gcp.vertex_ai", "gemini-2.5-flash", "google/gemini-2.5-flash"),
    ("OpenTelemetry", "ibm.watsonx.ai", "ibm/granite-3-8b-instruct", NO_LIST),
    ("langchain-nvidia", "NVIDIA", "meta/llama-3.1-8b-instruct", NO_LIST),
    ("langchain-ollama", "ollama", "qwen3:8b", "self-hosted"),
    ("langchain-huggingface", "huggingface", "meta-llama/Llama-3.3-70B-Instruct", HOST),
    (
        "Hugging Face router",
        "huggingface",
        "meta-llama/Llama-3.3-70B-Instruct:groq",
        "huggingface_groq/meta-llama/Llama-3.3-70B-Instruct",
    ),
    ("Hugging Face router", "huggingface", "meta-llama/Llama-3.3-70B-Instruct:fastest", HOST),
    ("langchain-google-vertexai", "google_vertexai", VERTEX.format("global"), "google/claude-sonnet-4-5"),
    (
        "langchain-google-vertexai",
        "google_vertexai",
        VERTEX.format("us-east5"),
        "google/claude-sonnet-4-5;inference_geo=regional",
    ),
    ("Vertex AI", "google_vertexai", "projects/acme/locations/us-central1/endpoints/123", PRIVATE),
    ("Gemini API", "google_genai", "tunedModels/mine-abc123", PRIVATE),
    ("langchain-aws", "amazon_bedrock", BEDROCK + "application-inference-profile/abc123", PRIVATE),
    ("langchain-aws", "amazon_bedrock", BEDROCK + "provisioned-model/abc123", PRIVATE),
    (
        "langchain-aws",
        "amazon_bedrock",
        "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0",
        "aws/regional.anthropic.claude-3-5-sonnet-20241022-v2:0",
    ),
    (
        "Bedrock",
        "amazon_bedrock",
        "anthropic.claude-3-haiku-20240307-v1:0:48k",
        "no model of this name is listed by aws",
    ),
    (
        "LiteLLM",
        "litellm",
        "bedrock/converse/us.anthropic.claude-sonnet-4-20250514-v1:0",
        "aws/regional.anthropic.claude-sonnet-4-20250514-v1:0",
    ),
    ("LiteLLM", "litellm", "openrouter/openai/gpt-4o", "openrouter/openai/gpt-4o"),
    (
        "LiteLLM",
        "fireworks_ai",
        "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct",
        "fireworks/llama-v3p1-8b-instruct",
    ),
    (
        "Fireworks",
        "fireworks",
        "fireworks_ai/accounts/acme/models/llama-v3p1-8b-instruct",
        "no model of this name is listed by fireworks",
    ),
    (
        "Fireworks",
        "fireworks",
        "accounts/fireworks/models/llama-v3p1-8b-instruct#accounts/acme/deployments/d1",
        PRIVATE,
    ),
    ("OpenRouter", "openrouter", "z-ai/glm-5.1-20260406", "openrouter/z-ai/glm-5.1"),
    (
        "OpenRouter",
        "openrouter",
        "anthropic/claude-3.7-sonnet:thinking",
        "openrouter/anthropic/claude-3.7-sonnet",
    ),
    (
        "OpenRouter",
        "openrouter",
        "openai/gpt-4o:online",
        "no price for :online is listed: a search comes on top of the model's price",
    ),
    (
        "OpenRouter",
        "openrouter",
        "openai/gpt-4o:nitro",
        "no price for :nitro is listed: the fastest host is chosen, at its own price",
    ),
    ("Azure", "azure", "gpt-4.1-mini-2025-04-14", "openai/gpt-4.1-mini"),
    (
        "Azure (langchain issue 14912)",
        "azure",
        "gpt-4",
        "Azure answers with this name for several models; map the deployment in [[prices]]",
    ),
    (
        "Azure (langchain issue 24324)",
        "azure",
        "gpt-35-turbo",
        "Azure answers with this name for several snapshots; map the deployment in [[prices]]",
    ),
    ("Azure", "azure", "gpt-4-0613", "openai/gpt-4"),
    ("OpenAI", "openai", "gpt-4o-20240806", "openai/gpt-4o"),
    ("OpenAI", "openai", "gpt-3.5-turbo-0613", "openai/gpt-3.5-turbo-0613"),
    ("Codex", "openai", "gpt-5-high", "no model of this name is listed by openai"),
    ("Claude Code", "anthropic", "claude-opus-4-6[1m]", "anthropic/claude-opus-4-6"),
    ("Mistral", "mistralai", "mistral-large-latest", "mistral/mistral-large-latest"),
    # half and double the price of the model whose name they begin with
    ("Gemini API", "google_genai", "gemini-1.5-flash-8b", "google/gemini-1.5-flash-8b"),
    ("Gemini API", "google_genai", "gemini-3.8-flash-cyber", "google/gemini-3.8-flash-cyber"),
]


@pytest.mark.parametrize(("origin", "provider", "model", "wanted"), ODD)
def test_an_odd_name_means_the_right_price_or_none(
    origin: str, provider: str, model: str, wanted: str
) -> None:
    match = load().match(provider, model, "")
    assert (match.price or match.reason) == wanted, origin


def test_govcloud_is_not_priced_like_other_regions() -> None:
    match = load().match("amazon_bedrock", "us-gov.anthropic.claude-3-haiku-20240307-v1:0", "")
    assert match.price is None or "us-gov" in match.price


def test_azure_takes_the_prices_of_openai_and_anthropic_only() -> None:
    for model in ("deepseek-v4-pro", "grok-3-mini", "kimi-k2.6"):
        match = load().match("azure", model, "")
        assert match.price is None or match.price.startswith("azure/")
