"""Runs a script with its OpenAI calls traced by OpenTelemetry: the SDK, an instrumentation of OpenAI, an exporter.

    python examples/with_opentelemetry.py examples/script.py

OTEL_EXPORTER_OTLP_ENDPOINT says where the spans go (README.md).
"""

import runpy
import sys

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from whyspend.tagging import current_tags


class TagEverySpan(SpanProcessor):
    """Writes the tags of `feature` on each span, so that none depends on a span around it."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Tag a span that begins."""
        span.set_attributes({f"langsmith.metadata.{key}": value for key, value in current_tags().items()})


def main(path: str) -> None:
    """Trace a script, and send what it left."""
    provider = TracerProvider()
    provider.add_span_processor(TagEverySpan())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    try:
        runpy.run_path(path, run_name="__main__")
    finally:
        provider.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
