"""An application with the real clients: `application.py MODE ROUNDS TEXT`. Each call has 10 tokens in and 2 out.

Every round is a ChatOpenAI and a wrap_openai call of the feature `chat` within a traced request, a model call with
usage of its own of the feature `batch`, and one without a feature.
"""

import sys
from typing import Any

import openai
from langchain_openai import ChatOpenAI
from langsmith import Client, traceable, tracing_context
from langsmith.wrappers import wrap_openai

from whyspend import feature


def rounds(count: int, text: str, client: Client) -> None:
    chat = ChatOpenAI(model="gpt-4o-mini", max_retries=0)
    wrapped: Any = wrap_openai(openai.OpenAI(max_retries=0), tracing_extra={"client": client})

    @traceable(client=client)
    def request(said: str) -> str:
        with feature("chat", env="production"):
            chat.invoke(said)
            wrapped.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": said}])
        return said

    @traceable(
        run_type="llm", client=client, metadata={"ls_provider": "openai", "ls_model_name": "gpt-4o-mini"}
    )
    def model(said: str) -> dict[str, Any]:
        return {"text": said, "usage_metadata": {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}}

    for _ in range(count):
        request(text)
        with feature("batch"):
            model(text)
        model(text)


def main(mode: str, count: int, text: str) -> None:
    client = Client(auto_batch_tracing=mode != "singly")
    with tracing_context(enabled=True, client=client):
        rounds(count, text, client)
    if client.tracing_queue is not None:
        client.tracing_queue.join()  # all that the oldest one has
    if hasattr(client, "flush"):
        client.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
