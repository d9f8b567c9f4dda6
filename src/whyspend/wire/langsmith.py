"""What a LangSmith run means, of any SDK's and either API's vintage: a Call, or nothing to pay for."""

from collections.abc import Iterable, Mapping
from itertools import chain

from whyspend.errors import InputError
from whyspend.model import Call
from whyspend.wire._amounts import millis, pico
from whyspend.wire._ancestors import (
    V2_ANCESTOR_SELECTS,
    Ancestor,
    AncestorPage,
    inherit,
    inherit_rows,
    read_ancestors,
    to_ancestor,
)
from whyspend.wire._plain import Sieve
from whyspend.wire._rows import NO_ROWS, Heir, Rows, joined
from whyspend.wire._run import V1_SELECT, V2_SELECTS, Page, Run, read_page
from whyspend.wire._tags import (
    CONTEXT_KEYS,
    LONGEST_TEXT,
    NODE_KEY,
    SAMPLING_KEY,
    Plan,
    first_text,
    other_metadata,
    own_tags,
    plan,
    process_tags,
    sample_rate,
    short,
    site,
)
from whyspend.wire._terms import USUAL_TERMS, price_context
from whyspend.wire._usage import Usage, put_reported, put_searches, put_usage

__all__ = [
    "CONTEXT_KEYS",
    "NO_ROWS",
    "SAMPLING_KEY",
    "USUAL_TERMS",
    "V1_SELECT",
    "V2_ANCESTOR_SELECTS",
    "V2_SELECTS",
    "Ancestor",
    "AncestorPage",
    "Heir",
    "Page",
    "Rows",
    "Run",
    "Sieve",
    "inherit",
    "inherit_rows",
    "is_pending",
    "joined",
    "outer_runs",
    "read_ancestors",
    "read_page",
    "to_ancestor",
    "to_call",
]

_MODEL_KINDS = ("llm", "embedding")


def is_pending(run: Run) -> bool:
    """Tell whether the run goes on: its usage comes with its end, so the next pull picks it up."""
    return run.status == "pending" or (run.ended_at is None and run.status != "error")


def to_call(run: Run, *, source: str, project: str, dimensions: tuple[str, ...]) -> Call | None:
    """Turn a run into a call; None for a run that is not billable by itself, or is still pending.

    Raises:
        InputError: the run has no start time, so it belongs to no day.
    """
    kind = run.run_type
    if kind not in _MODEL_KINDS:
        if not _own_cost(run):
            return None
        kind = "tool"
    if run.status == "pending" or (run.ended_at is None and run.status != "error"):
        return None
    if run.started_at is None:
        raise InputError(
            f"Run {run.id} from LangSmith has no start_time. Ask for it in the select of the query."
        )
    found = plan(tuple(run.metadata), dimensions)
    call = Call(
        source=source, project=project, call_id=run.id, trace_id=run.trace_id, started_at=run.started_at
    )
    call.kind = kind
    _put_story(call, run, found)
    _put_usage(call, run, found)
    _put_tags(call, run, dimensions, found)
    return call


def _put_story(call: Call, run: Run, found: Plan) -> None:
    """Set names, times, status, thread, release and place. (Attributes cost a third of keywords of Call.)"""
    metadata, started = run.metadata, call.started_at
    call.name = call.call_site = short(run.name)
    call.parent_id = run.parent_ids[-1] if run.parent_ids else None
    call.thread_id = run.thread_id
    call.provider = _text(metadata.get("ls_provider"))
    call.model_requested = _text(metadata.get("ls_model_name")) or _fallback_model(run)
    call.latency_ms = millis(started, run.ended_at)
    if run.first_token_at is not None:
        call.first_token_ms = millis(started, run.first_token_at)
    if run.status == "error":
        call.status = "error"
        call.error_kind = run.error_kind
    if found.thread and not call.thread_id:
        call.thread_id = first_text(metadata, found.thread)
    if found.release:
        call.release = first_text(metadata, found.release)
    if found.node:
        call.call_site = site((_text(metadata[NODE_KEY]), call.name))
    if found.sampled:
        call.sample_rate = sample_rate(metadata[SAMPLING_KEY])


def _put_tags(call: Call, run: Run, dimensions: tuple[str, ...], found: Plan) -> None:
    metadata = run.metadata
    call.dimensions, call.attributed = own_tags(metadata, dimensions)
    if found.any_process and None in call.dimensions:
        _put_process_tags(call, process_tags(metadata, dimensions, found))
    if found.kept:
        call.metadata = other_metadata(metadata, found.kept)
    if run.tags:
        call.tags = tuple(run.tags)
        if len("".join(run.tags)) > LONGEST_TEXT:
            call.tags = tuple([tag for tag in run.tags if len(tag) <= LONGEST_TEXT]) or None


def _put_process_tags(call: Call, process: tuple[str | None, ...]) -> None:
    values, origins = list(call.dimensions), list(call.attributed)
    for at, value in enumerate(process):
        if value and not values[at]:
            values[at], origins[at] = value, "environment"
    call.dimensions, call.attributed = tuple(values), tuple(origins)


def _text(value: object) -> str | None:
    return short(value) if type(value) is str else None


def _fallback_model(run: Run) -> str | None:
    metadata = run.metadata
    return _text(metadata.get("model")) or _text(metadata.get("model_name")) or short(run.invocation_model)


def _put_usage(call: Call, run: Run, found: Plan) -> None:
    """Find the counts that count, and set usage, costs and price context from them.

    LangSmith's own counts come first. Where they agree with the run's own usage object, that one's details
    and total complete them: the v1 default select and the bulk export lack the details.
    """
    reported, source = _own_usage(run)
    prompt, completion, total = run.prompt_tokens or 0, run.completion_tokens or 0, run.total_tokens
    given, made = run.prompt_details, run.completion_details
    tier = ""
    if (prompt or completion) and not (run.rolled_up and call.kind == "tool"):
        call.usage_source = "server"
        if reported is None:
            call.usage_estimated = int(call.kind == "llm" and _is_estimated(given, made))
        elif reported.input_tokens == prompt and reported.output_tokens == completion:
            total = total if reported.total_tokens is None else reported.total_tokens
            given = given or reported.input_token_details
            made = made or reported.output_token_details
        tier = put_usage(call, prompt, completion, total, given, made, run.exclusive_cache)
    elif reported is not None:
        call.usage_source = source
        tier = put_reported(call, reported, run.exclusive_cache)
    elif call.kind != "tool":
        call.usage_flag = "missing"
    if run.answer is not None:
        call.model_answered = run.answer.model
        call.web_searches = run.answer.web_searches
    if reported is not None and reported.server_tool_use:
        put_searches(call, reported)
    if tier or run.answer is not None or found.context:
        call.price_context = _price_context(tier, run, found)
    _put_reported_cost(call, run)


def _own_usage(run: Run) -> tuple[Usage | None, str | None]:
    """Find the usage object that the application sent, and where.

    metadata.usage_metadata first (LangChain since 1.2.4 and 0.3.82, newer wrappers, by hand), then the
    outputs (older SDKs), where they were there to read.
    """
    written = run.metadata.get("usage_metadata")
    if type(written) is Usage and written.has_counts():
        return written, "metadata"
    return (run.answer.usage, run.answer.usage_source) if run.answer is not None else (None, None)


def _is_estimated(given: Mapping[str, object] | None, made: Mapping[str, object] | None) -> bool:
    """Tell whether LangSmith estimated the counts of an LLM run that sent no usage object.

    It counts with tiktoken where a run says nothing, and marks that in no field. So: yes, unless there are
    details. tiktoken knows no kinds of tokens, while the OpenAI, Anthropic and Google integrations of every
    vintage write some (`cache_read: 0`). Outputs are not asked for, so a run of LangChain before 1.2.4 with a
    provider that has no details counts as estimated too: rather too little trust than too much.
    """
    return not given and not made


def _put_reported_cost(call: Call, run: Run) -> None:
    """Take the cost that LangSmith reports; where it reports none, the one that the application wrote.

    On a v1 run of another kind LangSmith's figure includes the children's: only the written one is its own.
    """
    call.price_model_id = run.price_model_id
    if not (run.rolled_up and call.kind == "tool"):
        call.reported_input_cost = run.prompt_cost
        call.reported_output_cost = run.completion_cost
        call.reported_cost = run.total_cost
    if call.reported_cost is None and type(written := run.metadata.get("usage_metadata")) is Usage:
        if call.reported_input_cost is None:
            call.reported_input_cost = pico(written.input_cost)
        if call.reported_output_cost is None:
            call.reported_output_cost = pico(written.output_cost)
        call.reported_cost = pico(written.total_cost)


def _own_cost(run: Run) -> bool:
    """Tell whether a run that is no model call carries a cost of its own, such as a paid search.

    v2 counts nothing of the children in. v1 adds them up in the parent, so there a cost is its own only if
    the application wrote it on the run, or the run is known to have no children.
    """
    written = run.metadata.get("usage_metadata")
    if isinstance(written, Usage) and (pico(written.total_cost) or 0) > 0:
        return True
    return (run.total_cost or 0) > 0 and not run.rolled_up


def _price_context(tier: str, run: Run, found: Plan) -> str:
    """Write the terms at which the call was served. Only what a response says counts: the tier in the keys of
    the details, then the response itself; metadata only where a person wrote it."""
    said: dict[str, object] = {}
    if run.answer is not None:
        answer = run.answer
        said = {
            "service_tier": answer.service_tier,
            "speed": answer.speed,
            "inference_geo": answer.inference_geo,
        }
    for key in found.context:
        said[key] = said.get(key) or run.metadata[key]
    if tier:
        said["service_tier"] = tier
    return price_context(said)


def outer_runs(runs: Iterable[Run], rows: Rows = NO_ROWS) -> set[str]:
    """Give the ids of the runs that must not count, because an LLM run within them carries the same usage.

    An LLM run around another one (a function traced as `llm` around wrap_openai), and a run of any other
    kind that was given the token counts of the LLM runs below it. A tool that carries a cost but no tokens,
    such as a paid search, pays for itself and counts beside the LLM runs it calls.
    """
    carriers = {run.id: run for run in runs if _carries_tokens(run)}
    outer: set[str] = set(chain.from_iterable(rows.parents_of_llm()))
    for run in carriers.values():
        if run.run_type == "llm" and not is_pending(run):
            outer.update(run.parent_ids)
    return outer.intersection(chain(carriers, rows.ids()))


def _carries_tokens(run: Run) -> bool:
    if (run.prompt_tokens or run.completion_tokens) and (run.run_type in _MODEL_KINDS or not run.rolled_up):
        return True
    written = run.metadata.get("usage_metadata")
    if not isinstance(written, Usage) or not written.has_counts():
        written = run.answer.usage if run.answer else None
    return written is not None and bool(written.input_tokens or written.output_tokens)
