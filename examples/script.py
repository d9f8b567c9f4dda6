"""A plain script with OpenAI's own SDK: a summary, a streamed draft, an embedding, and a call that nobody owns.

    python examples/script.py

Nothing in here says where traces go: the environment does (README.md). `feature` says whose money is spent.
"""

from langsmith.wrappers import wrap_openai
from openai import OpenAI

from whyspend import feature

REPORT = "Sales grew in the north, fell in the south, and nobody knows why. " * 80


@feature("summarizer", env="production")
def summary(client: OpenAI, text: str) -> str:
    """Summarise a text with a model that thinks first."""
    done = client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "system", "content": "Summarise."}, {"role": "user", "content": text}],
    )
    return done.choices[0].message.content or ""


@feature("email-drafts", env="production")
def draft(client: OpenAI, text: str) -> str:
    """Draft a mail, word by word. Usage comes with a stream only where it is asked for."""
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"Write a mail about: {text}"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


@feature("rag-search", env="production")
def embedding(client: OpenAI, text: str) -> list[float]:
    """Embed a text. OpenTelemetry records that; the LangSmith SDK traces no embeddings."""
    return client.embeddings.create(model="text-embedding-3-small", input=text).data[0].embedding


def main() -> None:
    """Make the four calls."""
    # LangSmith traces a client that is wrapped, where LANGSMITH_TRACING says so. OpenTelemetry traces any client.
    client = wrap_openai(OpenAI())
    print(draft(client, summary(client, REPORT)))
    embedding(client, REPORT)
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Are you there?"}])


if __name__ == "__main__":
    main()
