"""The 60 models of the synthetic ledger: names as LangSmith runs carry them, priced ones for the greatest part."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A model as a run names it."""

    provider: str
    """As in the run's metadata (ls_provider)."""
    name: str
    share_cached: float
    """Share of its calls that read from a prompt cache."""
    writes_cache: bool
    """Whether writing to the cache is counted apart."""
    reasons: bool
    kind: str = "llm"
    flex: bool = False
    """Whether some of its calls are served at the flex tier."""


_OPENAI = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini")
_OPENAI_REASONING = (
    "o3", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5.4", "gpt-5.5", "gpt-5.6-luna", "gpt-5.6-sol",
    "gpt-5.6-terra", "gpt-6-sol", "gpt-6-luna", "gpt-6-astra",
)  # fmt: skip
_ANTHROPIC = (
    "claude-haiku-4-5", "claude-haiku-5-5", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-sonnet-5",
    "claude-sonnet-5-5", "claude-opus-4-5", "claude-opus-4-8", "claude-opus-5", "claude-opus-5-5",
    "claude-3-5-haiku-latest", "claude-fable-5",
)  # fmt: skip
_GOOGLE = (
    "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro", "gemini-3-flash-preview", "gemini-3.5-flash",
    "gemini-3.1-pro-preview", "gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-4-argon",
)  # fmt: skip
_OTHERS = (
    ("google_vertexai", "gemini-2.5-pro"),
    ("google_vertexai", "gemini-3.8-flash"),
    ("mistralai", "mistral-small-latest"),
    ("mistralai", "ministral-8b-latest"),
    ("amazon_bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("amazon_bedrock", "amazon.nova-lite-v1:0"),
    ("amazon_bedrock", "amazon.nova-pro-v1:0"),
    ("amazon_bedrock", "meta.llama3-3-70b-instruct-v1:0"),
    ("azure", "gpt-4o"),
    ("azure", "gpt-4.1-mini"),
    ("azure", "o4-mini"),
    ("deepseek", "deepseek-chat"),
    ("deepseek", "deepseek-reasoner"),
    ("deepseek", "deepseek-flash"),  # dearer at some hours of some weekdays
    ("cohere", "command-r-plus"),
    ("groq", "llama-3.3-70b-versatile"),
    ("groq", "llama-3.1-8b-instant"),
    ("groq", "openai/gpt-oss-120b"),
    ("xai", "grok-4.20"),
    ("fireworks", "kimi-k3"),
)

MODELS: tuple[Model, ...] = (
    *(Model("openai", name, 0.4, False, False) for name in _OPENAI),
    *(Model("openai", name, 0.4, False, True, flex=True) for name in _OPENAI_REASONING),
    *(
        Model("openai", name, 0, False, False, "embedding")
        for name in ("text-embedding-3-small", "text-embedding-3-large")
    ),
    *(Model("anthropic", name, 0.5, True, False) for name in _ANTHROPIC),
    *(Model("google_genai", name, 0.2, False, True) for name in _GOOGLE),
    *(
        Model(provider, name, 0.1, False, "reasoner" in name or "gpt-oss" in name)
        for provider, name in _OTHERS
    ),
)
