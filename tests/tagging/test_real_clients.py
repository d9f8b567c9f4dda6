"""The tags of each run, as a LangSmith endpoint receives them from the real packages, newest and oldest."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.tagging.receiver import Run, receiving

pytestmark = pytest.mark.slow  # about ten processes that import LangChain

ROOT = Path(__file__).parents[2]
OLDEST = ROOT / ".venv-oldest" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
MODES = ("everything", "imported_inside", "imported_inside_without_the_switch")
DIMENSIONS = ("feature", "env", "user_tier", "seats", "trial", "team")

PRODUCTION: dict[str, object] = {"env": "production"}
PRO: dict[str, object] = {
    "feature": "rag-search",
    "env": "production",
    "user_tier": "pro",
    "seats": 3,
    "trial": False,
}

FOUR_CALLS: dict[str, dict[str, object]] = {
    # Each is ChatOpenAI, wrap_openai, @traceable, and wrap_openai inside @traceable.
    "outside": {},
    "plain": PRO,
    "outside.again": {},
    "replaced.before": PRODUCTION,
    "replaced.inner": {"feature": "inner", "env": "production", "user_tier": "pro"},
    "replaced.outer": {"feature": "outer", "env": "production", "user_tier": "pro"},
    "replaced.after": PRODUCTION,
    "replaced.end": {},
    "nested.inner": {"feature": "inner", **PRODUCTION},
    "decorated.inner": {"feature": "inner", **PRODUCTION},
    "graph.search": {"feature": "agent", **PRODUCTION},
    "graph.rerank": {"feature": "rerank", **PRODUCTION},
    "graph.answer": {"feature": "answer", "env": "staging"},
    "subgraph.deep": {"feature": "inner", **PRODUCTION},
    "thread.lost": {},
    "thread.kept": {"feature": "threads", **PRODUCTION},
    "thread.plain": {"feature": "threads", **PRODUCTION},
    "thread.to_thread": {"feature": "threads", **PRODUCTION},
    "generator.first": {"feature": "generator", **PRODUCTION},
    "generator.deeper": {"feature": "deeper", **PRODUCTION},
    "generator.consumer.one": {"feature": "consumer", **PRODUCTION},
    "generator.consumer.two": {"feature": "consumer", **PRODUCTION},
}
ONE_CALL: dict[str, dict[str, object]] = {
    "config.chain": {"feature": "outer", **PRODUCTION},
    "config.inner.chat": {"feature": "inner", **PRODUCTION},
    "config.outer.chat": {"feature": "outer", **PRODUCTION},
    "nested.chain": {"feature": "outer", **PRODUCTION},
    "nested.outer.chat": {"feature": "outer", **PRODUCTION},
    "decorated.chain": {"feature": "outer", **PRODUCTION},
    "decorated.outer.chat": {"feature": "inner", **PRODUCTION},
    "forwarded.chain": {"feature": "outer", **PRODUCTION},
    "merged.chat": {"feature": "inner", **PRODUCTION},
    "lcel.chain": {"feature": "lcel", **PRODUCTION},
    "lcel.chat": {"feature": "lcel", **PRODUCTION},
    "lcel.batch.chain": {"feature": "lcel", **PRODUCTION},
    "lcel.batch.chat": {"feature": "lcel", **PRODUCTION},
    "lcel.async.chain": {"feature": "lcel", **PRODUCTION},
    "lcel.async.chat": {"feature": "lcel", **PRODUCTION},
    "graph.root": {"feature": "agent", **PRODUCTION},
    "search": {"feature": "agent", **PRODUCTION},
    "rerank": {"feature": "agent", **PRODUCTION},
    "answer": {"feature": "agent", **PRODUCTION},
    "agraph.root": {"feature": "agent", **PRODUCTION},
    "asearch": {"feature": "agent", **PRODUCTION},
    "arerank": {"feature": "agent", **PRODUCTION},
    "agraph.search.chat": {"feature": "search", **PRODUCTION},
    "agraph.outer.chat": {"feature": "agent", **PRODUCTION},
    "agraph.rerank.one": {"feature": "rerank", **PRODUCTION},
    "agraph.rerank.two": {"feature": "rerank", **PRODUCTION},
    "supergraph.root": {"feature": "agent", **PRODUCTION},
    "subnode": {"feature": "agent", **PRODUCTION},
    "subgraph.root": {"feature": "inner", **PRODUCTION},
    "deepnode": {"feature": "inner", **PRODUCTION},
    "thread.map.one": {"feature": "threads", **PRODUCTION},
    "thread.map.two": {"feature": "threads", **PRODUCTION},
    "thread.map.three": {"feature": "threads", **PRODUCTION},
    "gather.one.chat": {"feature": "one", **PRODUCTION},
    "gather.one.openai": {"feature": "one", **PRODUCTION},
    "gather.two.chat": {"feature": "two", **PRODUCTION},
    "gather.two.openai": {"feature": "two", **PRODUCTION},
    "agenerator.first.chat": {"feature": "async-generator", **PRODUCTION},
    "agenerator.deeper.chat": {"feature": "deeper", **PRODUCTION},
    "agenerator.consumer.one": {"feature": "consumer", **PRODUCTION},
    "agenerator.consumer.two": {"feature": "consumer", **PRODUCTION},
    "decorated.recursive.0": {"feature": "recursive"},
    "decorated.recursive.1": {"feature": "recursive"},
    "decorated.over": {"feature": "traced"},
    "decorated.over.openai": {"feature": "traced"},
    "decorated.under": {},
    "decorated.under.openai": {"feature": "traced"},
    "decorated.after": {},
}
# Runs that the libraries add by themselves, all of them inside a tagged chain or graph.
INTERNAL = ("ChatPromptTemplate", "StrOutputParser", "__start__", "_write", "ChannelWrite")
# The newest LangSmith hands a parent run's metadata to wrap_openai as well, the oldest does not.
ONLY_THE_FEATURE = ("config.inner.openai", "config.inner.traced", "config.inner.traced.openai")
# A config passed on by hand is not decided by us (docs/tagging.md); `configure` is in the newest only.
OF_THE_LIBRARY = ("forwarded.chat", "configured.openai")


class Outcome(NamedTuple):
    runs: list[Run]
    printed: str

    def tags(self, name: str) -> list[dict[str, object]]:
        """The dimensions of every run of that name."""
        return [dimensions(run) for run in self.runs if run["name"] == name]


def dimensions(run: Run) -> dict[str, object]:
    metadata = run["extra"]["metadata"]
    return {key: metadata[key] for key in DIMENSIONS if key in metadata}


def four(name: str) -> list[str]:
    return [f"{name}.{kind}" for kind in ("chat", "openai", "traced", "traced.openai")]


def play(python: str, mode: str) -> Outcome:
    foreign = ("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "OTEL_", "PYTHON")
    clean = {key: value for key, value in os.environ.items() if not key.upper().startswith(foreign)}
    with receiving() as server:
        settings = {
            "PYTHONPATH": str(ROOT / "src"),
            "NO_PROXY": "127.0.0.1",
            "LANGSMITH_ENDPOINT": server.url,
            "LANGSMITH_API_KEY": "not-a-key",
            "LANGSMITH_PROJECT": "tests",
            "LANGSMITH_FEATURE": "from-the-environment",
            "LANGSMITH_TRACING": "false" if mode == "imported_inside_without_the_switch" else "true",
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "OPENAI_API_KEY": "not-a-key",
        }
        script = str(Path(__file__).with_name("scenarios.py"))
        done = subprocess.run(
            [python, script, mode], env=clean | settings, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert server.unexpected == []
        return Outcome(list(server.runs.values()), done.stdout)


@pytest.fixture(scope="module", params=["newest", "oldest"])
def outcomes(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    python = sys.executable
    if request.param == "oldest":
        if not OLDEST.exists():
            why = (
                "there is no .venv-oldest with the packages of tests/tagging/oldest.txt; `make test` makes it"
            )
            pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
        python = str(OLDEST)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MODES, pool.map(lambda mode: play(python, mode), MODES), strict=True))


@pytest.fixture
def everything(outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes["everything"]


@pytest.mark.parametrize("case", FOUR_CALLS)
def test_langchain_wrap_openai_and_traceable_agree_on_the_tags(everything: Outcome, case: str) -> None:
    assert {name: everything.tags(name) for name in four(case)} == {
        name: [FOUR_CALLS[case]] for name in four(case)
    }


@pytest.mark.parametrize("name", ONE_CALL)
def test_a_run_arrives_with_exactly_these_tags(everything: Outcome, name: str) -> None:
    arrived = everything.tags(name)
    assert arrived
    assert all(tags == ONE_CALL[name] for tags in arrived)


def test_in_a_chain_with_its_own_config_the_inner_feature_reaches_every_client(everything: Outcome) -> None:
    """With LangSmith's own context wrap_openai had the inner feature and ChatOpenAI the outer one."""
    assert [tags["feature"] for name in ONLY_THE_FEATURE for tags in everything.tags(name)] == ["inner"] * 3


def test_nesting_keeps_the_project_and_the_tags_of_the_surrounding_context(everything: Outcome) -> None:
    """A nested tracing_context(metadata=...) replaced them: the run went to the project "default"."""

    def destination(name: str) -> tuple[object, object]:
        (run,) = (run for run in everything.runs if run["name"] == name)
        return run["session_name"], run.get("tags")

    for kind in ("chat", "openai", "traced", "traced.openai"):
        surrounding = destination(f"replaced.before.{kind}")
        assert surrounding[1] == ["blue"]
        assert kind == "chat" or surrounding[0] == "prod-chat"
        assert destination(f"replaced.inner.{kind}") == surrounding
        assert destination(f"replaced.outer.{kind}") == surrounding
        assert destination(f"replaced.after.{kind}") == surrounding
        assert destination(f"replaced.end.{kind}") == ("tests", None)


def test_a_graph_inside_a_tagged_node_keeps_its_own_node_names_and_tags(everything: Outcome) -> None:
    """LangSmith's tracing_context copies the outer node's into it, and langchain-core 0.3.24 then raises."""
    (chat,) = (run for run in everything.runs if run["name"] == "subgraph.deep.chat")
    (openai,) = (run for run in everything.runs if run["name"] == "subgraph.deep.openai")
    assert chat["extra"]["metadata"]["langgraph_node"] == "deepnode"
    assert chat["tags"] == ["seq:step:1"]
    assert openai["extra"]["metadata"].get("langgraph_node") in (None, "deepnode")
    assert not openai.get("tags")


def test_no_run_arrives_that_is_not_accounted_for(everything: Outcome) -> None:
    known = {name for case in (*FOUR_CALLS, "config.inner") for name in four(case)}
    known |= {*ONE_CALL, *OF_THE_LIBRARY}
    others = [run for run in everything.runs if run["name"] not in known]
    assert {run["name"].partition("<")[0] for run in others} <= set(INTERNAL)
    assert {dimensions(run)["feature"] for run in others} <= {"lcel", "agent", "inner"}
    assert {run["name"] for run in everything.runs} >= known - {"configured.openai"}


def test_metadata_of_the_whole_process_stays(everything: Outcome) -> None:
    for tags in everything.tags("configured.openai"):
        assert tags == {"feature": "configured", "team": "search"}


def test_the_environment_variable_reaches_every_run(everything: Outcome) -> None:
    values = {run["extra"]["metadata"].get("LANGSMITH_FEATURE") for run in everything.runs}
    assert values == {"from-the-environment"}


def test_clients_imported_inside_the_block_are_tagged_when_tracing_is_switched_on(
    outcomes: dict[str, Outcome],
) -> None:
    late = outcomes["imported_inside"]
    assert [late.tags(name) for name in four("late")] == [[{"feature": "late", **PRODUCTION}]] * 4


def test_without_the_switch_what_is_entered_after_the_import_is_tagged(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["imported_inside_without_the_switch"]
    assert [outcome.tags(name) for name in four("unseen")] == [[{}]] * 4
    assert [outcome.tags(name) for name in four("seen")] == [[{"feature": "inner", **PRODUCTION}]] * 4
    assert [outcome.tags(name) for name in four("carried")] == [[{"feature": "outer", **PRODUCTION}]] * 4


def test_a_private_variable_that_langsmith_renames_loses_no_tag() -> None:
    outcome = play(sys.executable, "renamed_inside_langsmith")
    inner = {"feature": "inner", "env": "production", "user_tier": "pro"}
    assert [outcome.tags(name) for name in four("renamed.inner")] == [[inner]] * 4
    assert [outcome.tags(name) for name in four("renamed.outer")] == [[{**inner, "feature": "outer"}]] * 4
    assert [outcome.tags(name) for name in four("renamed.end")] == [[{}]] * 4
    projects = {run["session_name"] for run in outcome.runs if not run["name"].startswith("renamed.end")}
    assert projects == {"prod-chat"}


def test_opentelemetry_gets_baggage_and_span_attributes(everything: Outcome) -> None:
    seen: dict[str, Any] = json.loads(everything.printed)
    outer = {"feature": "outer", "env": "production", "seats": "3"}
    assert seen["baggage"] == outer
    assert seen["inner baggage"] == {**outer, "feature": "inner"}
    assert seen["outer baggage"] == outer
    assert seen["baggage after"] == {}
    assert seen["span kept"]
    marked = {f"langsmith.metadata.{key}": value for key, value in {**outer, "seats": 3}.items()}
    assert seen["request"] == marked
    assert seen["retrieval"] == {**marked, "langsmith.metadata.feature": "inner"}


def test_a_span_that_a_generator_opened_is_current_in_its_body_only(everything: Outcome) -> None:
    in_the_body, baggage_outside, recording_outside = True, dict[str, str](), False
    expected = [in_the_body, baggage_outside, recording_outside]
    assert json.loads(everything.printed)["generator"] == [expected, expected]
