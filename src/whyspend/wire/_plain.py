"""Which runs are plain, decided while they are decoded: the type is the check.

Most model calls are alike: a run that succeeded and ended, LangSmith's own counts, details of the usual
kinds, tags that are text. For these a type is made that nothing else fits, so that a run which decodes needs no
rule beyond those of `_rows`. Whatever does not fit goes the long way, `read_page` and `to_call`, which knows
every rule. Neither way may give another call than the other: tests/wire/test_wire_rows.py holds them together.

Metadata is nearly all of a run. Its keys become the fields of the type, so keys that nobody needs cost no Python
object, and an unknown key is noticed: it is learnt, and the type made anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import add, attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from whyspend.wire._tags import (
    CONTEXT_KEYS,
    LONGEST_TEXT,
    NODE_KEY,
    PROCESS_JSON,
    RELEASE_KEYS,
    SAMPLING_KEY,
    THREAD_KEYS,
    WRITTEN_BY_LANGCHAIN,
    is_kept,
    plan,
    tag_text,
)
from whyspend.wire._usage import LARGEST_COUNT, PLAIN_INPUT_COLUMNS, PLAIN_OUTPUT_COLUMNS

MOST_KEYS = 300
"""Metadata keys that are learnt; runs with others go the long way."""

_Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
_Tag = Annotated[str, Meta(max_length=LONGEST_TEXT)] | int | None
_Text = Annotated[str, Meta(max_length=LONGEST_TEXT)] | None
_Kept = _Name | Annotated[int, Meta(ge=1 - 2**63, le=2**63 - 1)] | float | bool | UnsetType
_Count = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
_Dollars = Annotated[float, Meta(ge=0, le=8)] | None
"""More goes the long way: see `pico`."""

_NOTHING = Raw(b"")
_LIFETIMES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_EMPTY = (b"", b"{}", b"null")
_NOT_AS_WANTED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_WITH_A_MEANING = {
    *("usage_metadata", "model", "model_name", NODE_KEY, PROCESS_JSON),
    *(*THREAD_KEYS, *RELEASE_KEYS, *CONTEXT_KEYS, *WRITTEN_BY_LANGCHAIN),
}


class _Given(Struct, gc=False):
    raw: dict[Literal[tuple(PLAIN_INPUT_COLUMNS)], _Count] | None = None  # type: ignore[valid-type]


class _Made(Struct, gc=False):
    raw: dict[Literal[tuple(PLAIN_OUTPUT_COLUMNS)], _Count] | None = None  # type: ignore[valid-type]


class Written(Struct, gc=False, forbid_unknown_fields=True):
    """The usage object that the application wrote. One with a cost or anything else goes the long way."""

    input_tokens: _Count
    output_tokens: _Count
    total_tokens: _Count | None = None
    input_token_details: Raw = _NOTHING
    output_token_details: Raw = _NOTHING


class PlainRun(Struct, gc=False, kw_only=True):
    """A run of API v2 that needs no rule but the usual ones. Times are RFC 3339 text."""

    id: str
    name: _Name
    run_type: Literal["LLM", "EMBEDDING", "llm", "embedding"]
    status: Literal["SUCCESS", "success"]
    start_time: str
    end_time: str
    first_token_time: str | None = None
    trace_id: _Name
    parent_run_ids: tuple[str, ...] | None = None
    project_id: str
    thread_id: str | None = None
    metadata: Any
    """The fields of `Shape`; the types are made there."""
    tags: tuple[_Name, ...] | None = None
    prompt_tokens: Annotated[int, Meta(ge=1, le=LARGEST_COUNT)]
    completion_tokens: _Count
    total_tokens: _Count | None = None
    prompt_token_details: _Given | None = None
    completion_token_details: _Made | None = None
    prompt_cost: _Dollars = None
    completion_cost: _Dollars = None
    total_cost: _Dollars = None
    price_model_id: str | None = None


class _Parts(Struct, gc=False):
    items: list[Raw]
    next_cursor: str | None = None


class _Metadata(Struct, gc=False):
    metadata: dict[str, Any] | None = None


_PARTS = msgspec.json.Decoder(_Parts)
_METADATA = msgspec.json.Decoder(_Metadata)


def _fits_in(given: Mapping[str, int], prompt: int) -> bool:
    """Tell whether the details are plain parts of the prompt. Writes by lifetime beside their sum are not."""
    if given.get("cache_creation") and any(key in given for key in _LIFETIMES):
        return False
    return sum(given.values()) - given.get("text", 0) <= prompt


class Shape:
    """The types for metadata with certain keys. Never changes, so threads may share it."""

    def __init__(self, dimensions: tuple[str, ...], keys: Mapping[str, bool]) -> None:
        """Make the types.

        Args:
            dimensions: those that are configured.
            keys: the keys that metadata may have, in the order in which they usually come; True for a wild one:
                it is worth keeping, but was seen with a value that is not, such as a list.
        """
        self.dimensions = dimensions
        needed = (*dimensions, "ls_provider", "ls_model_name", "usage_metadata")
        self.keys = {**keys, **{key: False for key in needed if key not in keys}}
        self.field = {key: f"k{number}" for number, key in enumerate(self.keys)}
        """By key the name of its field: a key may be any text, a field's name may not."""
        self.usage = self.field["usage_metadata"]
        present = plan(tuple(self.keys), dimensions)
        self.kept = present.kept
        self.thread = self._fields(present.thread)
        self.release = self._fields(present.release)
        self.context = self._fields(CONTEXT_KEYS)
        self.langchain = self._fields(WRITTEN_BY_LANGCHAIN)
        self.process = self._fields(filter(None, {PROCESS_JSON, *present.process}))

    def _fields(self, keys: Iterable[str | None]) -> tuple[str, ...]:
        return tuple(self.field[key] for key in keys if key in self.field)

    def _type(self, key: str) -> tuple[Any, Any]:
        """Give the type of a key's values, and what stands for its absence."""
        if key in self.dimensions:
            return _Tag, None
        if key == "usage_metadata":
            return Written | None, None
        if key == "ls_model_name":
            return _Name, msgspec.NODEFAULT
        if key == NODE_KEY:  # has a column, and is kept besides
            return _Name | UnsetType, UNSET
        if key == "ls_provider":
            return _Text, None
        if key in THREAD_KEYS or key in RELEASE_KEYS:
            return _Tag, None
        if key == SAMPLING_KEY:
            return float | str | None, None
        if key in self.kept:
            return (Any if self.keys[key] else _Kept), UNSET
        if self.field[key] in (*self.process, *self.context, *self.langchain):
            return Any, UNSET
        return Raw, _NOTHING

    def with_keys_of(self, part: Raw) -> "Shape":
        """Give the shape that a run's metadata fits too; this one where there is nothing to learn from it."""
        try:
            metadata = _METADATA.decode(part).metadata or {}
        except _NOT_AS_WANTED:
            return self
        new = metadata.keys() - self.keys.keys()
        if len(new) + len(self.keys) > MOST_KEYS or not all(map(_is_learnable, new)):
            return self
        wild = {
            key for key, value in metadata.items() if not self.keys.get(key) and self._is_wild(key, value)
        }
        if not new and not wild:
            return self
        keys = {key: self.keys.get(key, False) or key in wild for key in (*metadata, *self.keys)}
        return Shape(self.dimensions, keys)

    def _is_wild(self, key: str, value: object) -> bool:
        return bool(plan((key,), self.dimensions).kept) and not is_kept(value)

    def odd(self, runs: Sequence[Any], counts: "Counts") -> list[int]:
        """Give the places of runs that are not plain. Nearly every page has none, so it is asked as a whole first."""
        usual = (
            counts.are_usual()
            and not (self.process and any(self._is_tagged_by_process(run.metadata) for run in runs))
            and not (self.context and any(self._says_terms(run.metadata) for run in runs))
            and all(sum(map(len, tags)) <= LONGEST_TEXT for tags in {run.tags for run in runs} if tags)
        )
        return [] if usual else [at for at, run in enumerate(runs) if not self.is_plain(run)]

    def is_plain(self, run: PlainRun) -> bool:
        """Tell whether what the types cannot say holds too: the counts add up, and nothing else has a say."""
        given = run.prompt_token_details.raw if run.prompt_token_details else None
        made = run.completion_token_details.raw if run.completion_token_details else None
        prompt, completion, total = run.prompt_tokens, run.completion_tokens, run.total_tokens
        metadata = run.metadata
        written: Written | None = getattr(metadata, self.usage)
        if written is not None and (written.input_tokens, written.output_tokens) == (prompt, completion):
            total = total if written.total_tokens is None else written.total_tokens
            if not given and bytes(written.input_token_details) not in _EMPTY:
                return False
            if not made and bytes(written.output_token_details) not in _EMPTY:
                return False
        return (
            (not total or total == prompt + completion)
            and (not given or _fits_in(given, prompt))
            and (not made or sum(made.values()) - made.get("text", 0) <= completion)
            and not (self.process and self._is_tagged_by_process(metadata))
            and not (self.context and self._says_terms(metadata))
            and (not run.tags or sum(map(len, run.tags)) <= LONGEST_TEXT)
        )

    def _is_tagged_by_process(self, metadata: Struct) -> bool:
        return any(getattr(metadata, name) is not UNSET for name in self.process) and not all(
            tag_text(getattr(metadata, self.field[name])) for name in self.dimensions
        )

    def _says_terms(self, metadata: Struct) -> bool:
        return any(getattr(metadata, name) is not UNSET for name in self.context) and all(
            getattr(metadata, name) is UNSET for name in self.langchain
        )

    @cached_property
    def _metadata(self) -> type[Struct]:
        return msgspec.defstruct(
            "Metadata",
            [(name, *self._type(key)) for key, name in self.field.items()],
            rename={field: key for key, field in self.field.items()},
            gc=False,
            kw_only=True,
            forbid_unknown_fields=True,
        )

    @cached_property
    def run(self) -> Any:
        """Decode one plain run; ValidationError for any other."""
        return msgspec.json.Decoder(self._run)

    @cached_property
    def page(self) -> Any:
        """Decode a page of nothing but plain runs."""
        runs: Any = list[self._run]  # type: ignore[name-defined]
        page = msgspec.defstruct("PlainPage", [("items", runs), ("next_cursor", str | None, None)], gc=False)
        return msgspec.json.Decoder(page)

    @cached_property
    def _run(self) -> type[Struct]:
        return msgspec.defstruct(
            "Run", [("metadata", self._metadata)], bases=(PlainRun,), gc=False, kw_only=True
        )

    @cached_property
    def others(self) -> type[Struct]:
        """The object that is written into the column metadata; its fields are `kept`, in this order."""
        names = [f"k{number}" for number in range(len(self.kept))]
        return msgspec.defstruct(
            "Others",
            [(name, Any, UNSET) for name in names],
            rename=dict(zip(names, self.kept, strict=True)),
            gc=False,
        )


class Counts(Struct, gc=False):
    """What runs say of their tokens, column by column."""

    prompt: list[int]
    completion: list[int]
    total: list[int | None]
    given: list[dict[str, int] | None]
    """Details of the prompt."""
    made: list[dict[str, int] | None]
    written: list[Written | None]

    def are_usual(self) -> bool:
        """Tell whether nothing about them is unusual; where it says no, `Shape.is_plain` decides run by run."""
        sums = list(map(add, self.prompt, self.completion))
        if self.total != sums:
            return False
        for written, given, made, both in zip(self.written, self.given, self.made, sums, strict=True):
            if written is not None and not (given and made and written.total_tokens == both):
                return False
        return (
            _fit(self.given, self.prompt)
            and _fit(self.made, self.completion)
            and not any("cache_creation" in parts for parts in self.given if parts)
        )


def _fit(details: Sequence[Mapping[str, int] | None], totals: Sequence[int]) -> bool:
    """Tell whether the details of each run add up to no more than its total, `text` counted in."""
    return all(sum(parts.values()) <= total for parts, total in zip(details, totals, strict=True) if parts)


def counts_of(runs: Sequence[Any], shape: Shape) -> Counts:
    """Take the counts out of runs with the metadata of that shape."""
    written = attrgetter(shape.usage)
    return Counts(
        [run.prompt_tokens for run in runs],
        [run.completion_tokens for run in runs],
        [run.total_tokens for run in runs],
        [details.raw if (details := run.prompt_token_details) is not None else None for run in runs],
        [details.raw if (details := run.completion_token_details) is not None else None for run in runs],
        [written(run.metadata) for run in runs],
    )


class Sieve:
    """Tells plain runs from others, and learns the keys of the metadata as it goes.

    For threads to share: where two learn at once, one lesson may be lost, and is learnt again.
    """

    def __init__(self, dimensions: tuple[str, ...]) -> None:
        self.dimensions = dimensions
        self._shape = Shape(dimensions, {})

    def sort(self, body: bytes) -> "Sorted | None":
        """Sort a page's runs; None where it cannot be taken apart."""
        if any(map(_means_something_else, self.dimensions)):
            return None
        shape = self._shape
        try:
            page = shape.page.decode(body)
        except _NOT_AS_WANTED:
            return self._one_by_one(body)
        counts = counts_of(page.items, shape)
        odd = shape.odd(page.items, counts)
        if not odd:
            return Sorted(shape, page.items, [], page.next_cursor, counts)
        parts = _PARTS.decode(body).items
        left = set(odd)
        plain = [run for at, run in enumerate(page.items) if at not in left]
        return Sorted(shape, plain, [parts[at] for at in odd], page.next_cursor)

    def _one_by_one(self, body: bytes) -> "Sorted | None":
        try:
            page = _PARTS.decode(body)
        except _NOT_AS_WANTED:
            return None
        shape = learnt = self._shape
        found, lessons = _sorted(shape, page)
        for part in lessons:
            learnt = learnt.with_keys_of(part)
        if learnt is not shape:
            self._shape = learnt
            found, _ = _sorted(learnt, page)
        return found


class Sorted(Struct, gc=False):
    """A page's runs: what of them is plain, and what is not."""

    shape: Shape
    runs: list[Any]
    """PlainRun, with the metadata of `shape`."""
    rest: list[Raw]
    next_cursor: str | None
    known_counts: Counts | None = None
    """Those of `runs`, where they were taken out already."""

    def counts(self) -> Counts:
        """Give the counts of the plain runs."""
        return self.known_counts or counts_of(self.runs, self.shape)


def _sorted(shape: Shape, page: _Parts) -> tuple[Sorted, list[Raw]]:
    """Sort run by run; give also those whose metadata did not fit the shape."""
    found = Sorted(shape, [], [], page.next_cursor)
    lessons = []
    for part in page.items:
        try:
            run = shape.run.decode(part)
        except _NOT_AS_WANTED as error:
            found.rest.append(part)
            if "metadata" in str(error):  # msgspec names the place: `$.metadata`
                lessons.append(part)
        else:
            if shape.is_plain(run):
                found.runs.append(run)
            else:
                found.rest.append(part)
    return found, lessons


def _means_something_else(dimension: str) -> bool:
    """Tell whether a dimension is a key that has a meaning of its own: then every run goes the long way."""
    return dimension in _WITH_A_MEANING or dimension.startswith(("ls_", "LANGSMITH_", "LANGCHAIN_"))


def _is_learnable(key: str) -> bool:
    """Tell whether a key can be a field: JSON that has to escape it, it cannot."""
    return len(key) <= LONGEST_TEXT and key.isprintable() and not set(key) & {'"', "\\"}
