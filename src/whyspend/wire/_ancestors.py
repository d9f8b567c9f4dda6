"""What calls inherit from the runs above them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from whyspend.model import Call
from whyspend.wire._rows import Heir, Rows
from whyspend.wire._run import Run, Version, read_page
from whyspend.wire._tags import (
    NODE_KEY,
    RELEASE_KEYS,
    SEPARATOR,
    THREAD_KEYS,
    first_text,
    own_tags,
    short,
    site,
)

V2_ANCESTOR_SELECTS: tuple[str, ...] = ("ID", "NAME", "PARENT_RUN_IDS", "THREAD_ID", "METADATA")


class Ancestor(Struct, gc=False):
    """What calls inherit from a run above them."""

    id: str
    name: str | None
    parent_ids: tuple[str, ...]
    is_root: bool
    dimensions: tuple[str | None, ...]
    """From its own metadata."""
    thread_id: str | None
    release: str | None
    node: str | None
    """The LangGraph node it is."""

    @property
    def lore(self) -> tuple[object, ...]:
        """All that those below can inherit; alike for runs that are."""
        return self.name, self.is_root, self.dimensions, self.thread_id, self.release, self.node


@dataclass(frozen=True)
class AncestorPage:
    """One answer of a query for runs by id."""

    ancestors: list[Ancestor]
    next_cursor: str | None

    def ids(self) -> list[str]:
        """Give the ids of its runs."""
        return [run.id for run in self.ancestors]


def read_ancestors(body: bytes, version: Version, dimensions: tuple[str, ...]) -> AncestorPage:
    """Read the answer of a query for runs by id; see `read_page`. Of v2, only what is inherited is decoded.

    Raises:
        InputError: as `read_page` does.
    """
    if version == "v2":
        decoder, keys, values = _decoder(dimensions)
        try:
            page = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # read_page mends it, or says what is wrong
        else:
            return AncestorPage(
                [_lean(run, keys, values, dimensions) for run in page.items], page.next_cursor or None
            )
    whole = read_page(body, version)
    return AncestorPage([to_ancestor(run, dimensions) for run in whole.runs], whole.next_cursor)


@lru_cache(maxsize=16)
def _decoder(
    dimensions: tuple[str, ...],
) -> tuple[msgspec.json.Decoder[Any], tuple[str, ...], Callable[[Struct], tuple[Any, ...]]]:
    """Make a decoder of pages; give the keys of the metadata that matter, and what takes their values out."""
    keys = {key: f"k{at}" for at, key in enumerate((*dimensions, *THREAD_KEYS, *RELEASE_KEYS, NODE_KEY))}
    metadata = msgspec.defstruct(
        "Metadata",
        [(field, Any, UNSET) for field in keys.values()],
        rename={f: key for key, f in keys.items()},
        gc=False,
    )
    run = msgspec.defstruct(
        "Run",
        [
            ("id", str),
            ("name", str | None, None),
            ("parent_run_ids", tuple[str, ...] | None, None),
            ("thread_id", str | None, None),
            ("metadata", metadata | None, None),
        ],
        gc=False,
    )
    page = msgspec.defstruct("Page", [("items", list[run]), ("next_cursor", str | None, None)])  # type: ignore[valid-type]
    return msgspec.json.Decoder(page), tuple(keys), attrgetter(*keys.values())


def _lean(
    run: Any, keys: tuple[str, ...], values: Callable[[Struct], tuple[Any, ...]], dimensions: tuple[str, ...]
) -> Ancestor:
    parents = run.parent_run_ids or ()
    said: tuple[Any, ...] = ()
    try:
        said = values(run.metadata) if run.metadata is not None else ()
        told = _told(dimensions, keys[: len(said)], *said)
    except TypeError:  # a list or an object among them cannot be remembered
        told = _told.__wrapped__(dimensions, keys, *said)
    owners, thread_id, release, node = told
    return Ancestor(
        run.id, short(run.name), parents, not parents, owners, run.thread_id or thread_id, release, node
    )


def to_ancestor(run: Run, dimensions: tuple[str, ...]) -> Ancestor:
    """Keep of a run what the calls below it inherit."""
    return _ancestor(run.id, run.name, run.parent_ids, run.thread_id, run.metadata, dimensions)


def _ancestor(
    run_id: str,
    name: str | None,
    parent_ids: tuple[str, ...],
    thread_id: str | None,
    metadata: Mapping[str, Any],
    dimensions: tuple[str, ...],
) -> Ancestor:
    owners, thread, release, node = _told_by(metadata, dimensions)
    return Ancestor(
        run_id, short(name), parent_ids, not parent_ids, owners, thread_id or thread, release, node
    )


_Told = tuple[tuple[str | None, ...], str | None, str | None, str | None]
"""What metadata tells those below: dimensions, thread, release, graph node."""


@lru_cache(maxsize=2048, typed=True)
def _told(dimensions: tuple[str, ...], keys: tuple[str, ...], *values: Any) -> _Told:
    """Remembered, for the runs of an application are much alike."""
    said = zip(keys, values, strict=True)
    return _told_by({key: value for key, value in said if value is not UNSET}, dimensions)


def _told_by(metadata: Mapping[str, Any], dimensions: tuple[str, ...]) -> _Told:
    node = metadata.get(NODE_KEY)
    return (
        own_tags(metadata, dimensions)[0],
        first_text(metadata, THREAD_KEYS),
        first_text(metadata, RELEASE_KEYS),
        short(node) if type(node) is str else None,
    )


def inherit_rows(
    rows: Rows, places: Sequence[int], ancestors: Mapping[str, Ancestor], dimensions: tuple[str, ...]
) -> None:
    """Complete some rows, each as `inherit` does; once for those that are alike, below runs that are alike."""
    if not places:
        return
    worked_out: dict[tuple[Any, ...], Heir] = {}
    heirs = []
    for at, own in zip(places, rows.heirs(places, dimensions), strict=True):
        parents = rows.parents[at]
        above = tuple([ancestors[key].lore for key in parents if key in ancestors])
        heir = worked_out.get((own, above))
        if heir is None:
            heir = worked_out[own, above] = Heir.of(own)
            inherit(heir, parents, ancestors)
        heirs.append(heir)
    rows.bequeath(places, heirs, dimensions)


def inherit(call: Call | Heir, parent_ids: tuple[str, ...], ancestors: Mapping[str, Ancestor]) -> None:
    """Complete a call from the runs above it: dimensions, thread, release, root name, call site.

    The nearest that knows wins. A tag of an ancestor beats the process's; the call's own beats both.
    `parent_ids` is root first; ancestors that were not fetched are passed over.
    """
    above = [ancestors[key] for key in reversed(parent_ids) if key in ancestors]
    if not above:
        return
    values, origins = list(call.dimensions), list(call.attributed)
    for at, origin in enumerate(origins):
        if origin is None or origin == "environment":
            tagged = next((run for run in above if run.dimensions[at]), None)
            if tagged is not None:
                values[at], origins[at] = tagged.dimensions[at], "root" if tagged.is_root else "ancestor"
    call.dimensions, call.attributed = tuple(values), tuple(origins)
    call.thread_id = call.thread_id or next((run.thread_id for run in above if run.thread_id), None)
    call.release = call.release or next((run.release for run in above if run.release), None)
    root = above[-1] if above[-1].is_root else None
    if root is not None:
        call.root_name = root.name
    call.call_site = site((root.name if root else None, _place(call, above), call.name))


def _place(call: Call | Heir, above: list[Ancestor]) -> str | None:
    """Name what lies between root and call: the graph node, else the nearest run that is no LangChain
    plumbing (RunnableSequence, RunnableLambda, ...)."""
    place, name = call.call_site or "", call.name or ""
    if place.endswith(SEPARATOR + name):
        return place.removesuffix(SEPARATOR + name).rpartition(SEPARATOR)[2]
    between = [run for run in above if not run.is_root]
    node = next((run.node for run in between if run.node), None)
    return node or next(
        (run.name for run in between if run.name and not run.name.startswith("Runnable")), None
    )
