"""What an application does, with the real clients. Runs in the interpreter of one set of package versions.

Usage: ``scenarios.py MODE``, with LangSmith and OpenAI pointed at a local receiver by the environment. Each
run has a name of its own; `test_real_clients.py` says which tags it must arrive with.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any, TypedDict

from whyspend.tagging import carry, current_tags, feature

Call = Callable[[str], object]


class State(TypedDict):
    text: str


def chat_model() -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-4o-mini", max_retries=0)


def openai_client() -> Any:
    import openai
    from langsmith.wrappers import wrap_openai

    return wrap_openai(openai.OpenAI(max_retries=0))


class Application:
    """The calls an application makes: LangChain, wrap_openai and @traceable, each under a name."""

    def __init__(self) -> None:
        self.model = chat_model()
        self.client = openai_client()

    def chat(self, name: str) -> object:
        return self.model.invoke("hello", config={"run_name": name})

    async def achat(self, name: str) -> object:
        return await self.model.ainvoke("hello", config={"run_name": name})

    def openai(self, name: str) -> object:
        return self.client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "hello"}],
            langsmith_extra={"name": name},
        )

    def traced(self, name: str) -> object:
        from langsmith import traceable

        return traceable(name=name)(lambda: self.openai(f"{name}.openai"))()

    def all(self, name: str) -> None:
        self.chat(f"{name}.chat")
        self.openai(f"{name}.openai")
        self.traced(f"{name}.traced")


def plain(app: Application) -> None:
    app.all("outside")
    with feature("rag-search", env="production", user_tier="pro", seats=3, trial=False):
        app.all("plain")
    app.all("outside.again")


def trap_of_a_replaced_context(app: Application) -> None:
    from langsmith.run_helpers import tracing_context

    with tracing_context(project_name="prod-chat", tags=["blue"], metadata={"env": "production"}):
        app.all("replaced.before")
        with feature("outer", user_tier="pro"):
            with feature("inner"):
                app.all("replaced.inner")
            app.all("replaced.outer")
        app.all("replaced.after")
    app.all("replaced.end")


def trap_of_an_inherited_config(app: Application) -> None:
    from langchain_core.runnables import RunnableLambda

    def step(case: str) -> str:
        with feature("inner"):
            app.all(f"{case}.inner")
        app.chat(f"{case}.outer.chat")
        return case

    tagged = {"feature": "outer", "env": "production"}
    RunnableLambda(step).invoke("config", config={"run_name": "config.chain", "metadata": tagged})
    with feature("outer", env="production"):
        RunnableLambda(step).invoke("nested", config={"run_name": "nested.chain"})
        RunnableLambda(feature("inner")(step)).invoke("decorated", config={"run_name": "decorated.chain"})


def forwarded_config(app: Application) -> None:
    from langchain_core.runnables import RunnableConfig, RunnableLambda

    def step(text: str, config: RunnableConfig) -> str:
        with feature("inner") as tags:
            app.model.invoke(text, config={**config, "run_name": "forwarded.chat"})
            metadata = {**config.get("metadata", {}), **tags}
            app.model.invoke(text, config={**config, "run_name": "merged.chat", "metadata": metadata})
        return text

    with feature("outer", env="production"):
        RunnableLambda(step).invoke("hello", config={"run_name": "forwarded.chain"})


def lcel(app: Application) -> None:
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    def chain(name: str) -> Any:
        prompt = ChatPromptTemplate.from_messages([("user", "{q}")])
        whole = prompt | app.model.with_config(run_name=f"{name}.chat") | StrOutputParser()
        return whole.with_config(run_name=f"{name}.chain")

    async def ask() -> None:
        await chain("lcel.async").ainvoke({"q": "hello"})

    with feature("lcel", env="production"):
        chain("lcel").invoke({"q": "hello"})
        chain("lcel.batch").batch([{"q": "one"}, {"q": "two"}])
        asyncio.run(ask())


def graph(app: Application) -> None:
    from langgraph.graph import END, START, StateGraph

    def search(state: State) -> State:
        app.all("graph.search")
        return state

    @feature("rerank")
    def rerank(state: State) -> State:
        app.all("graph.rerank")
        return state

    def answer(state: State) -> State:
        with feature("answer", env="staging"):
            app.all("graph.answer")
        return state

    builder = StateGraph(State)
    for name, node in (("search", search), ("rerank", rerank), ("answer", answer)):
        builder.add_node(name, node)
    builder.add_edge(START, "search")
    builder.add_edge("search", "rerank")
    builder.add_edge("rerank", "answer")
    builder.add_edge("answer", END)
    with feature("agent", env="production"):
        builder.compile().invoke({"text": "hello"}, config={"run_name": "graph.root"})


def async_graph(app: Application) -> None:
    from langgraph.graph import END, START, StateGraph

    async def search(state: State) -> State:
        async with feature("search"):
            await app.achat("agraph.search.chat")
        await app.achat("agraph.outer.chat")
        return state

    @feature("rerank")
    async def rerank(state: State) -> State:
        await asyncio.gather(app.achat("agraph.rerank.one"), app.achat("agraph.rerank.two"))
        return state

    builder = StateGraph(State)
    builder.add_node("asearch", search)
    builder.add_node("arerank", rerank)
    # Both start together: two features at once in one graph.
    builder.add_edge(START, "asearch")
    builder.add_edge("asearch", "arerank")
    builder.add_edge("arerank", END)

    async def ask() -> None:
        await builder.compile().ainvoke({"text": "hello"}, config={"run_name": "agraph.root"})

    with feature("agent", env="production"):
        asyncio.run(ask())


def graph_in_a_node(app: Application) -> None:
    from langgraph.graph import END, START, StateGraph

    def only(name: str, node: Any) -> Any:
        builder = StateGraph(State)
        builder.add_node(name, node)
        builder.add_edge(START, name)
        builder.add_edge(name, END)
        return builder.compile()

    def deep(state: State) -> State:
        app.all("subgraph.deep")
        return state

    subgraph = only("deepnode", deep)

    def call_subgraph(state: State) -> State:
        with feature("inner"):
            subgraph.invoke(state, config={"run_name": "subgraph.root"})
        return state

    with feature("agent", env="production"):
        only("subnode", call_subgraph).invoke({"text": "hello"}, config={"run_name": "supergraph.root"})


def threads(app: Application) -> None:
    with feature("threads", env="production"), ThreadPoolExecutor(3) as pool:
        pool.submit(app.all, "thread.lost").result()
        pool.submit(carry(app.all), "thread.kept").result()
        list(pool.map(carry(app.chat), ["thread.map.one", "thread.map.two", "thread.map.three"]))
        thread = Thread(target=carry(app.all), args=("thread.plain",))
        thread.start()
        thread.join()
        asyncio.run(asyncio.to_thread(app.all, "thread.to_thread"))


def gathered(app: Application) -> None:
    both_started = asyncio.Event()
    started: list[str] = []

    async def ask(name: str) -> None:
        started.append(name)
        if len(started) == 2:
            both_started.set()
        await both_started.wait()
        await app.achat(f"gather.{name}.chat")
        app.openai(f"gather.{name}.openai")

    @feature("two")
    async def two() -> None:
        await ask("two")

    async def one() -> None:
        async with feature("one"):
            await ask("one")

    async def both() -> None:
        await asyncio.gather(one(), two())

    with feature("outer", env="production"):
        asyncio.run(both())


def generators(app: Application) -> None:
    @feature("generator")
    def parts() -> Iterator[str]:
        app.all("generator.first")
        with feature("deeper"):
            yield "one"
            app.all("generator.deeper")
        yield "two"

    @feature("async-generator")
    async def async_parts() -> AsyncIterator[str]:
        await app.achat("agenerator.first.chat")
        with feature("deeper"):
            yield "one"
            await app.achat("agenerator.deeper.chat")
        yield "two"

    async def consume() -> None:
        async for part in async_parts():
            await app.achat(f"agenerator.consumer.{part}")

    with feature("consumer", env="production"):
        for part in parts():
            app.all(f"generator.consumer.{part}")
        asyncio.run(consume())


def decorated(app: Application) -> None:
    from langsmith import traceable

    @feature("recursive")
    def down(depth: int) -> None:
        app.chat(f"decorated.recursive.{depth}")
        if depth:
            down(depth - 1)

    down(1)
    feature("traced")(traceable(name="decorated.over")(app.openai))("decorated.over.openai")
    # Here the run begins before the feature does, so the run itself has no tag and the call inside has.
    traceable(name="decorated.under")(feature("traced")(app.openai))("decorated.under.openai")
    app.chat("decorated.after")


def process_wide(app: Application) -> None:
    import langsmith

    if not hasattr(langsmith, "configure"):  # the oldest SDK has no process-wide metadata
        return
    langsmith.configure(metadata={"team": "search"})
    # A server's worker thread: its context is empty, LangSmith falls back to what the process configured.
    thread = Thread(target=feature("configured")(app.openai), args=("configured.openai",))
    thread.start()
    thread.join()
    langsmith.configure(metadata=None)


def spans(_: Application) -> None:
    from opentelemetry import baggage, trace
    from opentelemetry.sdk.trace import TracerProvider

    seen: dict[str, Any] = {}
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("request") as request:
        with feature("outer", env="production", seats=3):
            seen["baggage"] = dict(baggage.get_all())
            with tracer.start_as_current_span("retrieval") as retrieval, feature("inner"):
                seen["inner baggage"] = dict(baggage.get_all())
            with feature("later"):
                pass
            seen["outer baggage"] = dict(baggage.get_all())
        seen["baggage after"] = dict(baggage.get_all())
        seen["span kept"] = trace.get_current_span() is request

    @feature("generator")
    def body() -> Iterator[object]:
        with tracer.start_as_current_span("body") as span:
            yield trace.get_current_span() is span
            yield trace.get_current_span() is span

    seen["generator"] = [
        [current, dict(baggage.get_all()), trace.get_current_span().is_recording()] for current in body()
    ]
    seen["request"] = dict(request.attributes)  # type: ignore[attr-defined]
    seen["retrieval"] = dict(retrieval.attributes)  # type: ignore[attr-defined]
    print(json.dumps(seen))


def everything() -> None:
    app = Application()
    for scenario in (
        plain,
        trap_of_a_replaced_context,
        trap_of_an_inherited_config,
        forwarded_config,
        lcel,
        graph,
        async_graph,
        graph_in_a_node,
        threads,
        gathered,
        generators,
        decorated,
        process_wide,
        spans,
    ):
        scenario(app)


def imported_inside() -> None:
    """The clients are imported for the first time after the block was entered."""
    assert "langsmith" not in sys.modules
    with feature("late", env="production"):
        Application().all("late")


def imported_inside_without_the_switch() -> None:
    """Tracing is switched on by code, inside the block: only what is entered afterwards is seen."""
    with feature("outer", env="production"):
        from langsmith.run_helpers import tracing_context

        app = Application()
        with tracing_context(enabled=True):
            app.all("unseen")
            with feature("inner"):
                app.all("seen")
            thread = Thread(target=carry(app.all), args=("carried",))
            thread.start()
            thread.join()


def renamed_inside_langsmith() -> None:
    """A future SDK without the private variable: the public tracing_context still carries the tags."""
    from langsmith import run_helpers

    del run_helpers._METADATA
    app = Application()
    with (
        run_helpers.tracing_context(project_name="prod-chat", tags=["blue"], metadata={"env": "production"}),
        feature("outer", user_tier="pro"),
    ):
        with feature("inner"):
            app.all("renamed.inner")
        app.all("renamed.outer")
    app.all("renamed.end")


MODES = {
    mode.__name__: mode
    for mode in (everything, imported_inside, imported_inside_without_the_switch, renamed_inside_langsmith)
}

if __name__ == "__main__":
    MODES[sys.argv[1]]()
    assert current_tags() == {}
