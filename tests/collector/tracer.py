"""An application with OpenTelemetry's own SDK: `tracer.py EXPORTER ROUNDS TEXT`; where to is in the environment.

Every round is a request whose owner is in its baggage: an agent with the sum of its calls, in it a call told by two
instrumentations, one around the other, and an embedding. And one call that nobody owns.
"""

import sys

from opentelemetry import baggage, context, trace
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Tracer

Said = dict[str, str | int]

TINY = 3
"""Spans of a request, so that a trace comes in several."""


def exporter(name: str) -> SpanExporter:
    if name == "json":
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter

        return JsonExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def call(tracer: Tracer, text: str) -> None:
    attributes: Said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
    attributes |= {"gen_ai.provider.name": "openai", "gen_ai.prompt": text, "gen_ai.completion": text}
    with tracer.start_as_current_span("chat gpt-4o-mini", attributes=attributes) as span:
        span.set_attribute("gen_ai.usage.input_tokens", 10)
        span.set_attribute("gen_ai.usage.output_tokens", 2)
        span.add_event("gen_ai.choice", {"message": text})


def one_round(tracer: Tracer, text: str) -> None:
    owned = context.attach(baggage.set_baggage("feature", "chat"))
    with tracer.start_as_current_span("request"):
        agent: Said = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 10}
        with tracer.start_as_current_span("agent", attributes={**agent, "input.value": text}):
            around: Said = {
                "openinference.span.kind": "LLM",
                "llm.token_count.prompt": 10,
                "input.value": text,
            }
            with tracer.start_as_current_span("ChatOpenAI", attributes=around):
                call(tracer, text)
            embedding: Said = {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 5}
            model: Said = {"gen_ai.request.model": "text-embedding-3-small", "gen_ai.system": "openai"}
            with tracer.start_as_current_span("embeddings", attributes={**embedding, **model}):
                pass
    context.detach(owned)
    call(tracer, text)


def main(name: str, rounds: int, text: str) -> None:
    provider = TracerProvider()
    provider.add_span_processor(BaggageSpanProcessor(lambda key: key == "feature"))
    provider.add_span_processor(BatchSpanProcessor(exporter(name), max_export_batch_size=TINY))
    trace.set_tracer_provider(provider)
    for _ in range(rounds):
        one_round(trace.get_tracer("app"), text)
    provider.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
