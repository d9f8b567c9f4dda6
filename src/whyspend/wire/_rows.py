"""Plain runs as columns of the ledger, without an object for any call.

A Call costs about 14 µs to make from a run and to take apart again, a cell of a column 0.03 µs. So what `to_call` says
of one run is said here once more, of a column of plain ones; tests/wire/test_wire_rows.py holds the two together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, cast

import msgspec
from arro3.core import Array, DataType
from msgspec import UNSET, Struct

from whyspend.model import Call
from whyspend.wire._amounts import millis, picos
from whyspend.wire._plain import Counts, PlainRun, Shape, Sorted
from whyspend.wire._tags import NODE_KEY, SAMPLING_KEY, is_kept, sample_rate, site, tag_text
from whyspend.wire._usage import PLAIN_INPUT_COLUMNS, PLAIN_OUTPUT_COLUMNS

Column = list[Any]

_UTC = DataType.timestamp("us", tz="UTC")
_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_FORMS = frozenset(
    f"0000-00-00T00:00:00{fraction}{zone}".encode()
    for fraction in ("", *(f".{'0' * digits}" for digits in range(1, 7)))
    for zone in ("", "Z", "+00:00", "-00:00")
)
"""Times that Arrow reads as msgspec does; it also takes a date for a time, and cuts where msgspec rounds."""


_LINES = msgspec.json.Encoder()
_INHERITED = ("call_site", "thread_id", "release", "root_name")


class Heir(Struct, gc=False):
    """Of a call what it may inherit, and what that hangs on."""

    name: str | None
    call_site: str | None
    thread_id: str | None
    release: str | None
    root_name: str | None
    dimensions: tuple[str | None, ...]
    attributed: tuple[str | None, ...]

    @classmethod
    def of(cls, own: tuple[str | None, ...]) -> "Heir":
        """Make one of the cells that `Rows.heirs` gives."""
        name, call_site, thread_id, release, root_name, *values = own
        origins = tuple(["call" if text else None for text in values])
        return cls(name, call_site, thread_id, release, root_name, tuple(values), origins)


class Rows(Struct):
    """Plain runs, column by column; all lists are of one length."""

    columns: dict[str, Column]
    """By the ledger's names, `<dimension>` and `<dimension>_from` among them. Those that are missing have the value
    that Call has by default; `source` and `project` are for the caller to add."""
    parents: list[tuple[str, ...]]
    """Root first."""
    projects: list[str]
    """Their ids."""
    ended_at: list[int]

    def __len__(self) -> int:
        return len(self.parents)

    def ids(self) -> list[str]:
        """Give the ids of the runs."""
        return self.columns.get("call_id", [])

    def started_at(self) -> list[int]:
        """Give the start of each, microseconds since the epoch."""
        return self.columns.get("started_at", [])

    def parents_of_llm(self) -> list[tuple[str, ...]]:
        """Give the parents of each LLM run."""
        kinds = self.columns.get("kind", [])
        return [parents for parents, kind in zip(self.parents, kinds, strict=True) if kind == "llm"]

    def only(self, places: Sequence[int]) -> "Rows":
        """Give the rows at these places, which are in order."""
        if places and places[-1] - places[0] + 1 == len(places):
            return self._cut(lambda column: column[places[0] : places[-1] + 1])
        return self._cut(lambda column: [column[at] for at in places])

    def _cut(self, cut: Callable[[Column], Column]) -> "Rows":
        columns = {name: cut(column) for name, column in self.columns.items()}
        return Rows(columns, cut(self.parents), cut(self.projects), cut(self.ended_at))

    def call(self, at: int, dimensions: tuple[str, ...]) -> Call:
        """Give one row as a call; `source` and `project` must have been added."""
        cells = {name: column[at] for name, column in self.columns.items()}
        values = tuple([cells.pop(name) for name in dimensions])
        origins = tuple([cells.pop(f"{name}_from") for name in dimensions])
        return Call(**cells, dimensions=values, attributed=origins)

    def lacking(self, dimensions: tuple[str, ...]) -> list[int]:
        """Give the places of rows that have parents and lack one of the dimensions."""
        if not self.columns:
            return []
        owners = zip(*[self.columns[name] for name in dimensions], strict=True)
        return [at for at, owner in enumerate(owners) if None in owner and self.parents[at]]

    def heirs(self, places: Sequence[int], dimensions: tuple[str, ...]) -> list[tuple[str | None, ...]]:
        """Give of some rows what they may inherit and what that hangs on: the name, the inherited, the dimensions."""
        names = ("name", *_INHERITED, *dimensions)
        cells = [list(map(self.columns[name].__getitem__, places)) for name in names]
        return list(zip(*cells, strict=True))

    def bequeath(self, places: Sequence[int], heirs: Sequence[Heir], dimensions: tuple[str, ...]) -> None:
        """Put into some rows what each inherited."""
        for name in _INHERITED:
            _put(self.columns[name], places, map(attrgetter(name), heirs))
        for number, name in enumerate(dimensions):
            _put(self.columns[name], places, [heir.dimensions[number] for heir in heirs])
            _put(self.columns[f"{name}_from"], places, [heir.attributed[number] for heir in heirs])


def _put(column: Column, places: Iterable[int], values: Iterable[object]) -> None:
    for at, value in zip(places, values, strict=True):
        column[at] = value


NO_ROWS = Rows({}, [], [], [])


def joined(parts: Sequence[Rows]) -> Rows:
    """Give the rows of several pages as one."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return NO_ROWS
    names = parts[0].columns
    return Rows(
        {name: _end_to_end([part.columns[name] for part in parts]) for name in names},
        _end_to_end([part.parents for part in parts]),
        _end_to_end([part.projects for part in parts]),
        _end_to_end([part.ended_at for part in parts]),
    )


def _end_to_end(lists: Sequence[list[Any]]) -> list[Any]:
    whole: list[Any] = []
    for each in lists:
        whole += each
    return whole


def rows_of(found: Sorted) -> Rows | None:
    """Turn plain runs into columns; None where a time is written in an unusual way."""
    runs, shape = found.runs, found.shape
    each = _reader(runs)
    started, ended, first = map(_instants, (each("start_time"), each("end_time"), each("first_token_time")))
    if started is None or ended is None or first is None or None in started or None in ended:
        return None
    parents = [ids or () for ids in each("parent_run_ids")]
    columns: dict[str, Column] = {
        "call_id": each("id"),
        "trace_id": each("trace_id"),
        "parent_id": [ids[-1] if ids else None for ids in parents],
        "started_at": started,
        "latency_ms": list(map(millis, started, ended)),
        "first_token_ms": [millis(start, token) for start, token in zip(started, first, strict=True)],
        "kind": [kind.lower() for kind in each("run_type")],
        "name": each("name"),
        "reported_input_cost": picos(each("prompt_cost")),
        "reported_output_cost": picos(each("completion_cost")),
        "reported_cost": picos(each("total_cost")),
        "price_model_id": each("price_model_id"),
        "tags": [tags or None for tags in each("tags")],
        "usage_source": ["server"] * len(runs),
    }
    columns |= _usage_columns(runs, found.counts())
    columns |= _metadata_columns(each("metadata"), shape, columns["name"], each("thread_id"))
    return Rows(columns, parents, each("project_id"), ended)


def _reader(items: Sequence[Any]) -> Callable[[str], Column]:
    return lambda name: list(map(attrgetter(name), items))


def _instants(texts: Sequence[str | None]) -> Column | None:
    """Turn times into microseconds since the epoch, as `micros` does; None where one is not written as usual.

    Arrow reads a column of them in half the time that Python takes to make a datetime of each and count from it.
    """
    known = [text for text in texts if text is not None]
    if not known:
        return [None] * len(texts)
    together = "\n".join(known).encode()
    if b":60" in together or not _are_usual_times(together, len(known)):
        return None
    # Where numpy is installed, arro3 says that a list is an array.
    return cast("Column", Array(texts, DataType.utf8()).cast(_UTC).cast(DataType.int64()).to_pylist())


def _are_usual_times(lines: bytes, count: int) -> bool:
    """Tell whether each line is a time in one of `_FORMS`; most often all are in the same."""
    zeros = lines.translate(_TO_ZEROS)
    first, _, _ = zeros.partition(b"\n")
    if first in _FORMS and zeros == b"\n".join([first] * count):
        return True
    return _FORMS.issuperset(zeros.split(b"\n"))


def _usage_columns(runs: Sequence[PlainRun], counts: Counts) -> dict[str, Column]:
    """Split the totals: what `put_usage` does where nothing is unusual, with its worked numbers."""
    columns: dict[str, Column] = {"prompt_total": counts.prompt, "completion_total": counts.completion}
    columns["input_tokens"] = _split(columns, counts.prompt, counts.given, PLAIN_INPUT_COLUMNS)
    columns["output_tokens"] = _split(columns, counts.completion, counts.made, PLAIN_OUTPUT_COLUMNS)
    columns["usage_estimated"] = [0] * len(runs)
    if None in counts.written:
        for at, usage in enumerate(counts.written):
            # As `_is_estimated` says: no usage object, and no details.
            said = usage is not None or counts.given[at] or counts.made[at]
            if not said and runs[at].run_type in ("LLM", "llm"):
                columns["usage_estimated"][at] = 1
    return columns


def _split(
    columns: dict[str, Column],
    totals: list[int],
    details: Sequence[Mapping[str, int] | None],
    names: Mapping[str, str],
) -> list[int]:
    """Add the columns of the details; give what is left of the totals."""
    present = set(chain.from_iterable([parts for parts in details if parts]))
    rest = totals
    for name in dict.fromkeys(names.values()):
        columns |= {name: [0] * len(totals)} if name else {}
    for kind in present:
        if name := names[kind]:
            counts = [parts.get(kind, 0) if parts else 0 for parts in details]
            rest = [left - count for left, count in zip(rest, counts, strict=True)]
            before = columns[name]
            columns[name] = [a + b for a, b in zip(before, counts, strict=True)] if any(before) else counts
    return rest


def _metadata_columns(
    metadata: Sequence[Struct], shape: Shape, names: Sequence[str], threads: Sequence[str | None]
) -> dict[str, Column]:
    each = _reader(metadata)
    columns: dict[str, Column] = {
        "provider": [text or None for text in each(shape.field["ls_provider"])],
        "model_requested": each(shape.field["ls_model_name"]),
        "thread_id": _first_texts(threads, map(each, shape.thread)),
        "release": _first_texts([None] * len(names), map(each, shape.release)),
        "call_site": list(names),
        "root_name": [None] * len(names),
        "sample_rate": [None] * len(names),
        "metadata": _others(each, shape),
    }
    if node := shape.field.get(NODE_KEY):
        nodes = each(node)
        site_of = {pair: site((pair[0] or None, pair[1])) for pair in set(zip(nodes, names, strict=True))}
        columns["call_site"] = [site_of[pair] for pair in zip(nodes, names, strict=True)]
    if rate := shape.field.get(SAMPLING_KEY):
        columns["sample_rate"] = list(map(sample_rate, each(rate)))
    for dimension in shape.dimensions:
        columns[dimension] = texts = _texts(each(shape.field[dimension]))
        columns[f"{dimension}_from"] = ["call" if text else None for text in texts]
    return columns


def _texts(values: Column) -> Column:
    """Give the text of each value of a tag (text, int or none: of these, equal ones are the same)."""
    texts_of = {value: tag_text(value) for value in set(values)}
    return list(map(texts_of.__getitem__, values))


def _first_texts(column: Column | Sequence[str | None], others: Iterable[Column]) -> Column:
    found = list(column)
    for other in others:
        found = [text or tag for text, tag in zip(found, _texts(other), strict=True)]
    return found


def _others(each: Callable[[str], Column], shape: Shape) -> Column:
    """Write the column metadata, as `other_metadata` does: an object a run, its keys sorted."""
    cells = [
        [value if is_kept(value) else UNSET for value in each(shape.field[key])]
        if shape.keys[key]
        else each(shape.field[key])
        for key in shape.kept
    ]
    if not cells:
        return [None] * len(each(shape.usage))
    lines = _LINES.encode_lines(list(map(shape.others, *cells))).decode().split("\n")[:-1]
    return [None if text == "{}" else text for text in lines] if "{}" in lines else lines
