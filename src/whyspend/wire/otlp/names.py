"""What the conventions call the same thing: the attributes of a span by meaning, the first that is there counts.

Three generations of the GenAI conventions of OpenTelemetry are in use at once, beside those of OpenInference,
Traceloop (OpenLLMetry), OpenLIT, the Vercel AI SDK, pydantic-ai and Logfire, Langfuse, LangSmith and LiteLLM. The
table is our own: OpenTelemetry's package marks every `gen_ai.*` name as deprecated, because they moved.
"""

from functools import lru_cache

# Counts

INPUT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "ai.usage.tokens",  # of an embedding
)
OUTPUT = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
TOTAL = (
    "gen_ai.usage.total_tokens",
    "llm.usage.total_tokens",
    "llm.token_count.total",
    "ai.usage.totalTokens",
)
CACHE_READ = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cache_read_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.input_tokens.cached",  # Sentry
    "gen_ai.usage.input_cached_tokens",
    "llm.token_count.prompt_details.cache_read",
    "ai.usage.inputTokenDetails.cacheReadTokens",
    "ai.usage.cachedInputTokens",
    "gen_ai.usage.details.cache_read_input_tokens",
)
CACHE_WRITE = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.input_tokens.cache_write",
    "llm.token_count.prompt_details.cache_write",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
)
REASONING = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "gen_ai.usage.thoughts_tokens",
    "llm.token_count.completion_details.reasoning",
    "llm.token_count.reasoning_tokens",
    "ai.usage.reasoningTokens",
    "ai.usage.outputTokenDetails.reasoningTokens",
)
INPUT_AUDIO = (
    "gen_ai.usage.audio.input_tokens",
    "gen_ai.usage.details.input_audio_tokens",
    "llm.token_count.prompt_details.audio",
)
CACHED_AUDIO = (
    "gen_ai.usage.audio.cache_read.input_tokens",
    "gen_ai.usage.details.cache_audio_read_tokens",
)
OUTPUT_AUDIO = (
    "gen_ai.usage.audio.output_tokens",
    "gen_ai.usage.details.output_audio_tokens",
    "llm.token_count.completion_details.audio",
)
INPUT_IMAGE = ("gen_ai.usage.image.input_tokens",)
CACHED_IMAGE = ("gen_ai.usage.image.cache_read.input_tokens",)
OUTPUT_IMAGE = ("gen_ai.usage.image.output_tokens",)

INPUT_DETAILS = "gen_ai.usage.input_token_details"
OUTPUT_DETAILS = "gen_ai.usage.output_token_details"
"""LangSmith's exporter writes both as Python prints a dict."""
OUTPUTS = "gen_ai.completion"
"""In JSON, with the answer: read in spans of LANGSMITH alone, and reduced to numbers and names there. Of LangChain's
models, the attributes have the totals only."""
USAGE_DETAILS = "langfuse.observation.usage_details"
COST_DETAILS = "langfuse.observation.cost_details"
PROVIDER_METADATA = "ai.response.providerMetadata"
"""JSON. The last one is the only place where any convention tells cache writes for an hour from others."""

# Who and what

LANGSMITH = "langsmith"
"""The scope of the spans that LangSmith's SDK writes of runs."""

MODEL_ANSWERED = ("gen_ai.response.model", "llm.response.model_name", "ai.response.model")
MODEL_REQUESTED = (
    "gen_ai.request.model",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "ai.model.id",
    "langfuse.observation.model.name",
    "langsmith.metadata.ls_model_name",
)
PROVIDER = (
    "langsmith.metadata.ls_provider",  # LangSmith's exporter guesses gen_ai.system from the model's name
    "gen_ai.provider.name",
    "gen_ai.system",
    "llm.provider",
    "llm.system",
    "ai.model.provider",
)
RESPONSE_ID = ("gen_ai.response.id", "ai.response.id")
TIER = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
)
COST = (
    "gen_ai.usage.cost",
    "gen_ai.usage.total_cost",
    "llm.cost.total",
    "operation.cost",
    "opencode.llm.cost.total",
    "gen_ai.cost.total_cost",  # LiteLLM, and its newer callback
    "litellm.cost.total",
)
INPUT_COST = ("llm.cost.prompt", "gen_ai.cost.input_cost")
OUTPUT_COST = ("llm.cost.completion", "gen_ai.cost.output_cost")
COSTS = frozenset((*COST, *INPUT_COST, *OUTPUT_COST, COST_DETAILS))
ERROR = ("error.type",)
LEVEL = "langfuse.observation.level"
FIRST_TOKEN_SECONDS = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
FIRST_TOKEN_MILLIS = ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk")
FIRST_TOKEN_AT = "langfuse.observation.completion_start_time"  # noqa: S105 - a token of a model, not a secret
EXCEPTION_EVENT, EXCEPTION_TYPE = "exception", "exception.type"
FIRST_TOKEN_EVENTS = ("First Token Stream Event", "ai.stream.firstChunk")

# What kind of span it is

KIND_KEYS = (
    "ai.operationId",
    "operation.name",
    "langfuse.observation.type",
    "openinference.span.kind",
    "langsmith.span.kind",
    "gen_ai.operation.name",
    "traceloop.span.kind",
    "llm.request.type",
)
"""The most specific first: Langfuse and OpenInference name a span of any SDK, gen_ai what it did."""
KINDS = {
    **dict.fromkeys(
        ("llm", "generation", "chat", "completion", "text_completion", "generate_content", "responses"), "llm"
    ),
    **dict.fromkeys(("embedding", "embeddings"), "embedding"),
    **dict.fromkeys(
        (
            *("span", "event", "agent", "tool", "chain", "retriever", "evaluator", "guardrail", "reranker"),
            *("workflow", "task", "prompt", "parser", "rerank", "fetch_response", "unknown"),
            *("invoke_agent", "invoke_workflow", "agent_step", "create_agent", "execute_tool", "retrieval"),
            "plan",
        ),
        "other",
    ),
}
"""An agent, a chain or a workflow may carry the sum of the calls below it, so its counts are never a call's."""
TOOLS = frozenset(
    (
        *("tool", "execute_tool", "ai.toolcall", "retriever", "retrieval", "reranker", "rerank"),
        *("guardrail", "evaluator"),
    )
)
"""In lower case. A span of these kinds that reports a cost pays for itself."""
AGENT_MARK = "agent_name"
"""Older pydantic-ai names no operation on the span of an agent, which carries the sum of its calls."""
PENDING_MARK = "logfire.span_type"
"""`pending_span`: Logfire sends it when a span begins, and the span itself when it ends."""

# Around the call

THREAD = ("gen_ai.conversation.id", "session.id", "langfuse.session.id")
THREAD_METADATA = ("sessionId", "threadId")
"""Keys of metadata, as JavaScript spells them."""
RELEASE = ("langfuse.release", "service.version")
TRACE_NAME = ("langsmith.trace.name", "langfuse.trace.name", "traceloop.workflow.name")
PROJECT = ("langsmith.trace.session_name", "openinference.project.name", "service.name")
"""On the span or on its resource."""
TAGS = ("langsmith.span.tags", "langfuse.trace.tags", "tag.tags")
METADATA_JSON = ("metadata", "langfuse.observation.metadata", "langfuse.trace.metadata")
METADATA_PREFIXES = (
    "langsmith.metadata.",
    "langfuse.observation.metadata.",
    "langfuse.trace.metadata.",
    "traceloop.association.properties.",
    "ai.telemetry.metadata.",
    "litellm.metadata.",
)
"""What an application says about a call. Before the JSON objects, which are the same in other words."""
KEPT = (
    "gen_ai.agent.name",
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "litellm.team.id",
    "user.id",
    "service.name",
    "service.namespace",
    "deployment.environment.name",
    "deployment.environment",
)
"""Written to the metadata column under their own name, so that a rule or a new dimension can use them."""
BY_DIMENSION = {
    "feature": ("ai.telemetry.functionId",),
    "env": ("langfuse.environment", "deployment.environment.name", "deployment.environment"),
    "environment": ("langfuse.environment", "deployment.environment.name", "deployment.environment"),
}
"""What else tells a dimension of this name."""

_READ = frozenset(
    (
        *(*INPUT, *OUTPUT, *TOTAL, *CACHE_READ, *CACHE_WRITE, *REASONING, *INPUT_AUDIO, *CACHED_AUDIO),
        *(*OUTPUT_AUDIO, *INPUT_IMAGE, *CACHED_IMAGE, *OUTPUT_IMAGE, INPUT_DETAILS, OUTPUT_DETAILS),
        *(USAGE_DETAILS, COST_DETAILS, PROVIDER_METADATA, *MODEL_ANSWERED, *MODEL_REQUESTED, *PROVIDER),
        *(*RESPONSE_ID, *TIER, *COST, *INPUT_COST, *OUTPUT_COST, *ERROR, LEVEL, *FIRST_TOKEN_SECONDS),
        *(*FIRST_TOKEN_MILLIS, FIRST_TOKEN_AT, *KIND_KEYS, AGENT_MARK, PENDING_MARK, *THREAD, *RELEASE),
        *(*TRACE_NAME, *PROJECT, *TAGS, *METADATA_JSON, *KEPT),
        *(name for names in BY_DIMENSION.values() for name in names),
    )
)


@lru_cache(maxsize=64)
def plain_names(dimension: str) -> tuple[str, ...]:
    """The attributes that name a dimension by themselves: `user_id` is also `user.id`.

    An application sets them on its spans, or W3C baggage that a span processor copies onto every span.
    """
    return tuple(dict.fromkeys((dimension, dimension.replace("_", "."), *BY_DIMENSION.get(dimension, ()))))


@lru_cache(maxsize=4096)
def is_read(name: str, dimensions: tuple[str, ...]) -> bool:
    """Tell whether an attribute is looked at. Every other one, with all messages, is passed over undecoded."""
    if name in _READ or name.startswith(METADATA_PREFIXES):
        return True
    return any(name in plain_names(dimension) for dimension in dimensions)
