"""One thing that an SDK said about a run: only what a call needs, and never the text of a prompt or an answer."""

from typing import Literal

from msgspec import Struct

from whyspend.wire._usage import Usage

Op = Literal["post", "patch"]

Scalar = str | int | float | bool


class Reply(Struct, gc=False, omit_defaults=True):
    """What the outputs of a run said beside the answer; see `wire._outputs.Answer`."""

    usage: Usage | None = None
    """Numbers only; -1 stands for what was no count."""
    usage_source: str | None = None
    """outputs, generations or llm_output."""
    model: str | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    web_searches: int = 0


class Event(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One thing that an SDK said about a run. None or empty: it did not say.

    Times are microseconds since the epoch, UTC.
    """

    op: Op
    run_id: str
    """Lower case: 1 to 64 of a-z, 0-9, - and _."""
    trace_id: str | None = None
    """None: it does not say, as a PATCH of few fields; see `trace_of`."""
    parent_ids: tuple[str, ...] = ()
    """Root first, direct parent last, from `dotted_order`; the direct parent alone where only that was said."""
    session_name: str | None = None
    """The project's name."""
    session_id: str | None = None
    """The project's id, which some SDKs send instead of the name."""
    thread_id: str | None = None
    name: str | None = None
    run_type: str | None = None
    """Lower case: llm, embedding, chain, tool, ..."""
    status: Literal["success", "error"] | None = None
    """As it says; error where it has an error's text."""
    error_kind: str | None = None
    """The class of the error, never its message."""
    started_at: int | None = None
    """From `start_time`, else from `dotted_order`."""
    ended_at: int | None = None
    first_token_at: int | None = None
    """From `first_token_time`, else the first `new_token` of its events."""
    received_at: int | None = None
    """Set by whoever received it: the start of a run that names none. The earliest counts."""
    tags: tuple[str, ...] = ()
    metadata: dict[str, Scalar] = {}
    """The scalars that a call needs. No text is longer than 256 characters: names and the values of dimensions are
    cut, other text is left out (JSON in LANGCHAIN_METADATA may have 10,000)."""
    usage: Usage | None = None
    """`extra.metadata.usage_metadata`: counts, and costs in USD that the application reported. Numbers only."""
    reply: Reply | None = None
    invoked: bool = False
    """It has `extra.invocation_params`, as the runs of LangChain do."""
    invocation_model: str | None = None
    sdk_version: str | None = None
    """Of langsmith-py; None: written by another."""
    unread_outputs: bool = False
    """Its outputs were larger than LARGEST_PART: if they had usage, it is not known."""
