"""A believable set of runs, the same for the same seed, with what is true of each written down beside it.

The truth is worked out here from what the application did, never by whyspend's own code: so it can judge it.
Prompts, answers and error texts all hold MARKER: wherever it turns up later, text has leaked.
"""

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.loopback.langsmith_runs import StoredProject, StoredRun

MARKER = "SECRET-PROMPT-MARKER"
DIMENSIONS = ("feature", "env", "user_tier")
FEATURES = ("rag-search", "agent-copilot", "summarizer", "email-drafts")


@dataclass(frozen=True)
class Truth:
    """What a ledger must say about one billable run."""

    call_id: str
    project: str
    started: datetime
    kind: str
    usage: dict[str, int] = field(default_factory=dict)
    """The disjoint quantities that are not 0, by the name of their column."""
    prompt_total: int = 0
    completion_total: int = 0
    price_context: str = ""
    dimensions: tuple[tuple[str | None, str | None], ...] = ((None, None),) * 3
    """(value, where from) of feature, env and user_tier."""
    root_name: str | None = None
    thread_id: str | None = None
    status: str = "success"
    model: str | None = None
    estimated: bool = False
    missing: bool = False
    """A model run without any counts."""
    reported: Decimal | None = None


@dataclass
class Traffic:
    """Projects, their runs, and the truth by run id."""

    projects: list[StoredProject]
    runs: list[StoredRun] = field(default_factory=list)
    truth: dict[str, Truth] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)
    """LLM runs that contain another LLM run with the same usage: never billable."""
    pending: set[str] = field(default_factory=set)


def traffic(start: datetime, days: int, traces_a_day: int, seed: int = 7) -> Traffic:
    """That many traces a day, of every kind in turn, spread over each UTC day, in three projects."""
    rng = random.Random(seed)
    made = Traffic([
        StoredProject(_uuid(rng), "prod-chat", "shortlived"),
        StoredProject(_uuid(rng), "prod-agents", "longlived", 180),
        StoredProject(_uuid(rng), "nightly-eval"),
    ])  # fmt: skip
    kinds = list(_KINDS)
    for day in range(days):
        for number in range(traces_a_day):
            seconds = 86_000 * (number + rng.random()) / traces_a_day
            trace = _Trace(
                made, rng, rng.choice(made.projects), start + timedelta(days=day, seconds=round(seconds, 6))
            )
            kinds[number % len(kinds)](trace)
    return made


@dataclass
class _Trace:
    """A trace being made: a root chain, and runs below it."""

    made: Traffic
    rng: random.Random
    project: StoredProject
    start: datetime
    thread: str | None = None
    root: StoredRun | None = None

    def add(
        self,
        name: str,
        run_type: str,
        parent: StoredRun | None,
        metadata: dict[str, Any] | None = None,
        *,
        seconds: float = 2.0,
        after: float = 0.1,
        **rest: Any,
    ) -> StoredRun:
        """One run, `after` seconds after its parent."""
        start = self.start if parent is None else parent.start + timedelta(seconds=after)
        run_id = _uuid(self.rng)
        run = StoredRun(
            id=run_id,
            name=name,
            run_type=run_type,
            project_id=self.project.id,
            trace_id=run_id if parent is None else parent.trace_id,
            start=start,
            end=start + timedelta(seconds=seconds),
            parents=() if parent is None else (*parent.parents, parent.id),
            metadata={"ls_run_depth": 0 if parent is None else len(parent.parents) + 1, **(metadata or {})},
            inputs={"messages": [f"{MARKER} what is in my mailbox?"]},
            outputs={"text": f"{MARKER} nothing."},
            **rest,
        )
        self.made.runs.append(run)
        if parent is None:
            self.root = run
        return run

    def true(self, run: StoredRun, **facts: Any) -> None:
        """Write down what is true of a billable run."""
        assert self.root is not None
        root_name = self.root.name if run is not self.root else None
        self.made.truth[run.id] = Truth(
            run.id, self.project.name, run.start, facts.pop("kind", "llm"),
            root_name=root_name, thread_id=facts.pop("thread_id", self.thread), **facts,
        )  # fmt: skip


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _tags(rng: random.Random) -> dict[str, str]:
    return {
        "feature": rng.choice(FEATURES),
        "env": rng.choice(("production", "staging")),
        "user_tier": rng.choice(("free", "pro")),
    }


def _found(tags: dict[str, str], where: str) -> tuple[tuple[str | None, str | None], ...]:
    return tuple((tags[key], where) if key in tags else (None, None) for key in DIMENSIONS)


def _model(name: str, provider: str = "openai") -> dict[str, Any]:
    return {"ls_provider": provider, "ls_model_name": name, "ls_model_type": "chat"}


def _counted(
    prompt: int, completion: int, given: dict[str, int], made: dict[str, int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Usage as LangChain writes it into the metadata, and as the server keeps it."""
    written = {
        "usage_metadata": {
            "input_tokens": prompt,
            "output_tokens": completion,
            "total_tokens": prompt + completion,
            "input_token_details": given,
            "output_token_details": made,
        }
    }
    kept = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_details": given,
        "completion_details": made,
    }
    return written, kept


def _llm(
    trace: _Trace,
    parent: StoredRun | None,
    metadata: dict[str, Any],
    *,
    prompt: int | None = None,
    completion: int | None = None,
    name: str = "ChatOpenAI",
    model: str = "gpt-4o-mini",
    **rest: Any,
) -> tuple[StoredRun, dict[str, Any]]:
    """A plain LLM run with a price of $1 and $4 per million, and the facts that are true of it."""
    prompt = trace.rng.randrange(200, 4_000) if prompt is None else prompt
    completion = trace.rng.randrange(20, 900) if completion is None else completion
    written, kept = _counted(prompt, completion, {"cache_read": 0}, {"reasoning": 0})
    cost = {
        "prompt_cost": Decimal(prompt) / 1_000_000,
        "completion_cost": Decimal(completion) * 4 / 1_000_000,
        "total_cost": Decimal(prompt + 4 * completion) / 1_000_000,
    }
    run = trace.add(name, "llm", parent, {**_model(model), **metadata, **written}, **(kept | cost | rest))
    facts = {
        "usage": {"input_tokens": prompt, "output_tokens": completion},
        "prompt_total": prompt,
        "completion_total": completion,
        "model": model,
        "reported": run.total_cost,
    }
    return run, facts


def _tagged_at_the_call(trace: _Trace) -> None:
    """RunnableConfig metadata: every run of the trace has the tags."""
    tags = _tags(trace.rng)
    trace.thread = _uuid(trace.rng)
    root = trace.add("SupportBot", "chain", None, tags, thread_id=trace.thread)
    chain = trace.add("RunnableSequence", "chain", root, tags)
    for after in (0.2, 0.9):
        run, facts = _llm(trace, chain, tags, after=after, thread_id=trace.thread)
        trace.true(run, dimensions=_found(tags, "call"), **facts)


def _tagged_at_a_node(trace: _Trace) -> None:
    """The root says `feature` and `env`; the node says another `feature`, and is nearer."""
    tags = _tags(trace.rng)
    root = trace.add("LangGraph", "chain", None, {"feature": "graph-default", "env": tags["env"]})
    node = trace.add("retrieve", "chain", root, {"feature": tags["feature"], "langgraph_node": "retrieve"})
    run, facts = _llm(trace, node, {})
    where = ((tags["feature"], "ancestor"), (tags["env"], "root"), (None, None))
    trace.true(run, dimensions=where, **facts)


def _tagged_at_the_root(trace: _Trace) -> None:
    tags = _tags(trace.rng)
    root = trace.add("SummarizeMail", "chain", None, tags)
    step = trace.add("RunnableLambda", "chain", root)
    run, facts = _llm(trace, step, {}, model="gpt-4o")
    trace.true(run, dimensions=_found(tags, "root"), **facts)


def _tagged_by_the_process(trace: _Trace) -> None:
    """Variables of the deployment: SDKs copy them into the metadata as they are."""
    root = trace.add("Worker", "chain", None, {"env": "staging"})
    parsed_by_us = '{"user_tier": "internal", "env": "never"}'
    process = {"LANGSMITH_FEATURE": "nightly", "LANGCHAIN_METADATA": parsed_by_us}
    run, facts = _llm(trace, root, process)
    where = (("nightly", "environment"), ("staging", "root"), ("internal", "environment"))
    trace.true(run, dimensions=where, **facts)


def _not_tagged(trace: _Trace) -> None:
    root = trace.add("Script", "chain", None)
    run, facts = _llm(trace, root, {})
    trace.true(run, **facts)
    alone = _Trace(trace.made, trace.rng, trace.project, trace.start + timedelta(seconds=5))
    run, facts = _llm(alone, None, {})
    alone.true(run, **facts)


def _cached(trace: _Trace) -> None:
    """OpenAI reads a cache, Anthropic writes two; reasoning; the flex tier, which renames the keys."""
    tags = _tags(trace.rng)
    root = trace.add("Agent", "chain", None, tags)
    seen = _found(tags, "call")
    for name, given, made, usage, context in (
        ("gpt-4o", {"cache_read": 1024}, {"reasoning": 128},
         {"input_tokens": 176, "cache_read_tokens": 1024, "output_tokens": 172, "reasoning_tokens": 128}, ""),
        ("claude-sonnet-4-5", {"cache_read": 300, "cache_creation": 0, "ephemeral_5m_input_tokens": 500,
                               "ephemeral_1h_input_tokens": 250}, {},
         {"input_tokens": 150, "cache_read_tokens": 300, "cache_write_tokens": 500,
          "cache_write_1h_tokens": 250, "output_tokens": 300}, ""),
        ("gpt-5", {"flex": 176, "flex_cache_read": 1024}, {"flex": 200, "flex_reasoning": 100},
         {"input_tokens": 176, "cache_read_tokens": 1024, "output_tokens": 200, "reasoning_tokens": 100},
         "service_tier=flex"),
    ):  # fmt: skip
        written, kept = _counted(1200, 300, given, made)
        provider = "anthropic" if name.startswith("claude") else "openai"
        run = trace.add("Chat", "llm", root, {**_model(name, provider), **tags, **written}, **kept)
        trace.true(
            run, usage=usage, prompt_total=1200, completion_total=300, model=name, price_context=context,
            dimensions=seen,
        )  # fmt: skip


def _embedding(trace: _Trace) -> None:
    tags = _tags(trace.rng)
    root = trace.add("Ingest", "chain", None, tags)
    written, kept = _counted(512, 0, {}, {})
    metadata = {**_model("text-embedding-3-small"), **tags, **written}
    run = trace.add("OpenAIEmbeddings", "embedding", root, metadata, **kept)
    trace.true(
        run, kind="embedding", usage={"input_tokens": 512}, prompt_total=512,
        model="text-embedding-3-small", dimensions=_found(tags, "call"),
    )  # fmt: skip
    trace.add("VectorStoreRetriever", "retriever", root, tags)  # costs nothing: not billable


def _paid_tool(trace: _Trace) -> None:
    """A search that costs half a cent, and a calculator that costs nothing."""
    tags = _tags(trace.rng)
    root = trace.add("Researcher", "chain", None, tags)
    cost = {"usage_metadata": {"total_cost": 0.005}}
    run = trace.add("web_search", "tool", root, {**tags, **cost}, total_cost=Decimal("0.005"))
    trace.true(run, kind="tool", reported=Decimal("0.005"), dimensions=_found(tags, "call"))
    trace.add("calculator", "tool", root, tags)
    llm, facts = _llm(trace, root, tags)
    trace.true(llm, dimensions=_found(tags, "call"), **facts)


def _nested(trace: _Trace, seconds: float = 3.0, after: float = 0.5) -> None:
    """@traceable(run_type="llm") around ChatOpenAI: both carry the usage, one was paid."""
    tags = _tags(trace.rng)
    root = trace.add("Wrapper", "chain", None, tags)
    outer, _ = _llm(trace, root, tags, prompt=700, completion=70, name="ask_model", seconds=seconds)
    trace.made.outer.add(outer.id)
    inner, facts = _llm(trace, outer, tags, prompt=700, completion=70, after=after)
    trace.true(inner, dimensions=_found(tags, "call"), **facts)


def _failed(trace: _Trace) -> None:
    """An error after the answer (paid), and one before it (no counts)."""
    tags = _tags(trace.rng)
    root = trace.add("Flaky", "chain", None, tags)
    error = f'openai.RateLimitError("{MARKER}")'
    run, facts = _llm(trace, root, tags, status="error", error=error)
    trace.true(run, status="error", dimensions=_found(tags, "call"), **facts)
    run = trace.add("ChatOpenAI", "llm", root, {**_model("gpt-4o"), **tags}, status="error", error=error)
    trace.true(run, status="error", missing=True, model="gpt-4o", dimensions=_found(tags, "call"))


def _pending(trace: _Trace) -> None:
    root = trace.add("Slow", "chain", None)
    run = trace.add("ChatOpenAI", "llm", root, _model("gpt-4o"), status="pending")
    run.end = None
    trace.made.pending.add(run.id)


def _streamed(trace: _Trace) -> None:
    """Behind a proxy nobody asks for usage: one stream without counts, one that LangSmith estimated."""
    tags = _tags(trace.rng)
    root = trace.add("Stream", "chain", None, tags)
    metadata = {**_model("gpt-4o"), **tags}
    run = trace.add("ChatOpenAI", "llm", root, metadata)
    trace.true(run, missing=True, model="gpt-4o", dimensions=_found(tags, "call"))
    run = trace.add("ChatOpenAI", "llm", root, metadata, prompt_tokens=90, completion_tokens=30)
    trace.true(
        run, usage={"input_tokens": 90, "output_tokens": 30}, prompt_total=90, completion_total=30,
        estimated=True, model="gpt-4o", dimensions=_found(tags, "call"),
    )  # fmt: skip


def _long_prompt(trace: _Trace) -> None:
    tags = _tags(trace.rng)
    root = trace.add("ReadBook", "chain", None, tags)
    run, facts = _llm(trace, root, tags, prompt=250_000, completion=900, model="gemini-2.5-pro")
    trace.true(run, dimensions=_found(tags, "call"), **facts)


_KINDS = (
    _tagged_at_the_call, _tagged_at_a_node, _tagged_at_the_root, _tagged_by_the_process, _not_tagged, _cached,
    _embedding, _paid_tool, _nested, _failed, _pending, _streamed, _long_prompt,
)  # fmt: skip


def nested_across_midnight(made: Traffic, midnight: datetime) -> None:
    """Add an LLM run that began 10 s before midnight and whose inner run began 5 s after it."""
    rng = random.Random(midnight.timestamp())
    _nested(_Trace(made, rng, made.projects[0], midnight - timedelta(seconds=10)), seconds=30.0, after=15.0)
