"""Filters, drawn for property tests: any tree, and those that the ledger can answer."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from whyspend.collector.reading.filters import Function, Items, Literal, Name, Term

_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("true", "false", "null")
)
_NUMBERS = st.one_of(
    st.integers(-(10**17), 10**17),
    st.decimals(-(10**6), 10**6, places=6).filter(lambda number: number != number.to_integral_value()),
)
_LITERALS = st.one_of(st.text(max_size=12), _NUMBERS, st.booleans(), st.none()).map(Literal)


def trees() -> st.SearchStrategy[Function]:
    """Any that can be written down."""
    terms = st.recursive(
        st.one_of(_LITERALS, _NAMES.map(Name)),
        lambda inner: st.one_of(_function(inner), st.lists(inner, max_size=3).map(lambda i: Items(tuple(i)))),
        max_leaves=12,
    )
    return _function(terms)


def _function(terms: st.SearchStrategy[Term]) -> st.SearchStrategy[Function]:
    return st.builds(Function, _NAMES, st.lists(terms, max_size=3).map(tuple))


def answerable(runs: list[dict[str, Any]]) -> st.SearchStrategy[Function]:
    """Those about fields that runs have, with values that mostly occur in them."""
    leaves = st.one_of(
        _of_values("name", ("eq", "neq"), _values(runs, "name")),
        _of_values("thread_id", ("eq", "neq"), [*_values(runs, "thread_id"), None]),
        _of_values("error", ("eq", "neq"), [*_values(runs, "error"), None]),
        _of_values("run_type", ("eq", "neq"), ["llm", "LLM", "tool", "chain"]),
        _of_values("status", ("eq", "neq"), ["success", "error", "pending"]),
        _of_values("is_root", ("eq", "neq"), [True, False]),
        _of_values("parent_run_id", ("eq", "neq"), [*_values(runs, "parent_run_id")[:5], None]),
        _of_values("trace_id", ("eq", "neq"), _values(runs, "trace_id")[:5]),
        _lists("id", _values(runs, "id")),
        _lists("name", _values(runs, "name")),
        _of_values("name", ("like",), ["%AI", "o%", "_penai", "%", "100%"]),
        _of_values("error", ("like",), ["RateLimit%", "%not kept"]),
        _of_values("start_time", _ORDERED, [f"{each}Z" for each in _values(runs, "start_time")[::40]]),
        _of_values("end_time", _ORDERED, [f"{each}+00:00" for each in _values(runs, "end_time")[::40]]),
        _of_values("latency", _ORDERED, ["5s", "200ms", "0.5m", 12, Decimal("30.25"), "1h"]),
        _of_values(
            "total_tokens", _ORDERED, [0, 3000, Decimal("2000.5"), *_values(runs, "total_tokens")[:3]]
        ),
        _of_values("prompt_tokens", ("gt", "lte"), [1000, 10**17]),
        _of_values("completion_tokens", ("gt", "neq"), [100, *_values(runs, "completion_tokens")[:3]]),
        _lists("total_tokens", _values(runs, "total_tokens")[:4]),
        _of_values("total_cost", _ORDERED, _costs(runs, "total_cost")),
        _of_values("prompt_cost", _ORDERED, _costs(runs, "prompt_cost")),
        _of_values("completion_cost", ("gt", "eq"), _costs(runs, "completion_cost")),
        _of_values("tags", ("has",), ["beta", "gamma", runs_tag(runs)]),
        _of_values("metadata_key", ("eq", "neq"), _KEYS),
        _lists("metadata_key", list(_KEYS)),
        _of_values("metadata", ("has",), _OBJECTS),
        _pairs(),
    )
    return st.recursive(leaves, _joined, max_leaves=6)


_ORDERED = ("eq", "neq", "gt", "gte", "lt", "lte")
_KEYS = (
    "feature", "env", "region", "attempt", "ratio", "beta", "speed", "service_tier", "processing", "ls_provider",
    "ls_model_name", "ls_model_requested", "usage_metadata", "thread_id", "revision_id", "ls_tracing_sample_rate",
    "ünïcode 💸", "nowhere", "a'b\"c", "a/b~c",
)  # fmt: skip
_VALUES = (
    "chat", "rag-search", "rag_search", "evals", "prod", "eu", "1", "2.0", "0.5", "true", "Standard", "fast", "flex",
    "batch", "openai", "gpt-4o-mini-2024-07-18", "thread 1", "1.2.3", "0.25", "100%_of\\it", "<b>bold</b>", "",
)  # fmt: skip
_OBJECTS = (
    '{"feature": "chat"}', '{"feature": ""}', '{"feature": "rag-search", "env": "prod"}', '{"attempt": 1}',
    '{"attempt": "1"}', '{"ratio": 2.0}', '{"beta": true}', '{"speed": "Standard"}', '{"service_tier": "flex"}',
    '{"ls_provider": "openai"}', '{"nowhere": 1}', '{"feature": "evals"}', "{\"region\": \"'\\\"); DROP TABLE x; --\"}",
)  # fmt: skip


def runs_tag(runs: list[dict[str, Any]]) -> str:
    """The longest tag of any."""
    tags: list[str] = [tag for run in runs for tag in run["tags"]]
    return max(tags, key=len)


def _values(runs: list[dict[str, Any]], name: str) -> list[Any]:
    return sorted({run[name] for run in runs if run[name] is not None})


def _costs(runs: list[dict[str, Any]], name: str) -> list[Decimal]:
    return [Decimal(cost) for cost in _values(runs, name)[::20]] + [
        Decimal(0),
        Decimal("1E-24"),
        Decimal(10**6),
    ]


def _of_values(name: str, functions: Any, values: Any) -> st.SearchStrategy[Function]:
    return st.builds(
        lambda function, value: Function(function, (Name(name), Literal(value))),
        st.sampled_from(list(functions)),
        st.sampled_from(list(values)),
    )


def _lists(name: str, values: list[Any]) -> st.SearchStrategy[Function]:
    return st.builds(
        lambda function, some: Function(function, (Name(name), Items(tuple(map(Literal, some))))),
        st.sampled_from(["in", "nin"]),
        st.lists(st.sampled_from(values), max_size=4),
    )


def _pairs() -> st.SearchStrategy[Function]:
    keys = st.one_of(_of_values("metadata_key", ("eq",), _KEYS), _in_keys())
    values = st.one_of(
        _of_values("metadata_value", ("eq", "neq"), [*_VALUES, 1, True]),
        _of_values("metadata_value", ("like",), ["%a%", "r%", "_"]),
        _lists("metadata_value", list(_VALUES)),
    )
    return st.builds(
        lambda key, some: Function("and", (key, *some)), keys, st.lists(values, min_size=1, max_size=2)
    )


def _in_keys() -> st.SearchStrategy[Function]:
    return st.lists(st.sampled_from(_KEYS), max_size=3).map(
        lambda some: Function("in", (Name("metadata_key"), Items(tuple(map(Literal, some)))))
    )


def _joined(inner: st.SearchStrategy[Function]) -> st.SearchStrategy[Function]:
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Function, st.sampled_from(["and", "or"]), some),
        inner.map(lambda each: Function("not", (each,))),
    )
