"""An application with the real clients: `application.py HOW ROUNDS TEXT`, traced as HOW says.

For the LangSmith SDK: `batches`, `singly`, or `batch` (as a server without multipart wants it). For OpenTelemetry the
name of an instrumentation in INSTRUMENTATIONS. Each prompt begins with the feature that it is asked for.
"""

import importlib
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from whyspend import feature

EXAMPLES = Path(__file__).parents[2] / "examples"

INSTRUMENTATIONS = {
    "opentelemetry": (
        "opentelemetry.instrumentation.genai.openai.OpenAIInstrumentor",
        "opentelemetry.instrumentation.genai.anthropic.AnthropicInstrumentor",
    ),
    "traceloop": (
        "opentelemetry.instrumentation.openai.OpenAIInstrumentor",
        "opentelemetry.instrumentation.anthropic.AnthropicInstrumentor",
    ),
    "openinference": (
        "openinference.instrumentation.openai.OpenAIInstrumentor",
        "openinference.instrumentation.anthropic.AnthropicInstrumentor",
        "openinference.instrumentation.langchain.LangChainInstrumentor",
    ),
    "traceloop and openinference": (
        "opentelemetry.instrumentation.openai.OpenAIInstrumentor",
        "openinference.instrumentation.openai.OpenAIInstrumentor",
        "openinference.instrumentation.langchain.LangChainInstrumentor",
    ),
}
"""The last one tells each call two or three times."""


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def openai_calls(client: Any, text: str) -> None:
    """A plain call, a stream, one that thinks over a long prompt that was cached, and one that nobody owns."""
    with feature("chat", env="production"):
        client.chat.completions.create(model="gpt-4o-mini", messages=asked(f"chat: {text}"))
    with feature("streams"):
        stream = client.chat.completions.create(
            model="gpt-4o",
            messages=asked(f"streams: {text}"),
            stream=True,
            stream_options={"include_usage": True},
        )
        assert list(stream)[-1].usage
    with feature("thinking"):
        long = [{"role": "system", "content": text * 300}, *asked(f"thinking: {text}")]
        client.chat.completions.create(model="gpt-5-mini", messages=long)
    client.chat.completions.create(model="gpt-4o-mini", messages=asked(f"nobody: {text}"))


def langchain_calls(text: str) -> None:
    """A call, a stream, and the agent of the examples with its tools."""
    from langchain_openai import ChatOpenAI

    agent = importlib.import_module("agent").support_agent()
    chat = ChatOpenAI(model="gpt-4o-mini", max_retries=0)
    with feature("chain"):
        chat.invoke(f"chain: {text}")
        assert list(chat.stream(f"chain: {text}, streamed", stream_usage=True))
    with feature("support-bot", customer_id="acme"):
        agent.invoke({"messages": [("user", f"Where is {text}?")]})


def letter(client: Any, text: str) -> None:
    """A call of Claude that reads from the cache and writes to it."""
    with feature("letters"):
        client.messages.create(model="claude-sonnet-4-6", max_tokens=99, messages=asked(f"letters: {text}"))


def poem(client: Any, text: str) -> None:
    """The same, streamed."""
    with feature("poems"):
        said = asked(f"poems: {text}")
        made = client.messages.create(model="claude-sonnet-4-6", max_tokens=99, messages=said, stream=True)
        assert list(made)


def by_langsmith(how: str, rounds: int, text: str) -> None:
    import openai
    from langsmith import Client, traceable, tracing_context
    from langsmith.wrappers import wrap_openai

    client = Client(auto_batch_tracing=how != "singly", info=_old_info() if how == "batch" else None)
    extra: Any = {"client": client}
    wrapped = wrap_openai(openai.OpenAI(max_retries=0), tracing_extra=extra)

    @traceable(client=client)
    def request(said: str) -> None:
        openai_calls(wrapped, said)
        langchain_calls(said)
        if find_spec("anthropic"):  # not beside the oldest clients
            import anthropic
            from langsmith.wrappers import wrap_anthropic

            # No stream: wrap_anthropic of langsmith 0.15 fails at the end of one, with anthropic 2.
            letter(wrap_anthropic(anthropic.Anthropic(max_retries=0), tracing_extra=extra), said)

    with tracing_context(enabled=True, client=client):
        for number in range(rounds):
            request(f"{text} {'*' * 4 * number}")
    if client.tracing_queue is not None:
        client.tracing_queue.join()  # all that the oldest one has
    if hasattr(client, "flush"):
        client.flush()


def _old_info() -> dict[str, Any]:
    limits = {"scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16, "scale_down_nempty_trigger": 4}
    limits |= {"size_limit": 100, "size_limit_bytes": 20_971_520}
    return {"version": "0.5.0", "batch_ingest_config": {"use_multipart_endpoint": False, **limits}}


def by_opentelemetry(how: str, rounds: int, text: str) -> None:
    import anthropic
    import openai
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(importlib.import_module("with_opentelemetry").TagEverySpan())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    for name in INSTRUMENTATIONS[how]:
        _named(name)().instrument(tracer_provider=provider)
    claude = anthropic.Anthropic(max_retries=0)
    for number in range(rounds):
        said = f"{text} {'*' * 4 * number}"
        openai_calls(openai.OpenAI(max_retries=0), said)
        with provider.get_tracer("application").start_as_current_span("request"):
            langchain_calls(said)
        if any("anthropic" in name for name in INSTRUMENTATIONS[how]):
            letter(claude, said)
            poem(claude, said)
    provider.shutdown()


def _named(name: str) -> Callable[[], Any]:
    module, _, attribute = name.rpartition(".")
    found: Callable[[], Any] = getattr(importlib.import_module(module), attribute)
    return found


def main(how: str, rounds: int, text: str) -> None:
    (by_opentelemetry if how in INSTRUMENTATIONS else by_langsmith)(how, rounds, text)


if __name__ == "__main__":
    sys.path.insert(0, str(EXAMPLES))
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
