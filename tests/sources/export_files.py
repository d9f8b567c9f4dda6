"""Bulk exports of LangSmith as files, in the physical shapes that they may have, and what `wire/` makes of the runs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec
from tests.loopback.langsmith_runs import v1_run
from tests.loopback.traffic import Traffic

from whyspend.config import load
from whyspend.engines.duckdb import DuckDB
from whyspend.model import COLUMNS, Call
from whyspend.wire import langsmith as wire
from whyspend.wire._outputs import Answer
from whyspend.workspace import Workspace

Json = dict[str, Any]
_OPEN: list[Workspace] = []
Shape = Literal["text", "typed", "floats", "narrow"]

DIMENSIONS = ("feature", "env", "user_tier")

_NESTED = ("extra", "inputs", "outputs", "events", "tags", "parent_run_ids")
_COLUMNS = (
    "id", "tenant_id", "session_id", "trace_id", "parent_run_id", "parent_run_ids", "reference_example_id", "name",
    "run_type", "start_time", "end_time", "status", "is_root", "dotted_order", "trace_tier", "inputs", "outputs",
    "error", "extra", "events", "tags", "feedback_stats", "total_tokens", "prompt_tokens", "completion_tokens",
    "total_cost", "prompt_cost", "completion_cost", "first_token_time",
)  # fmt: skip
_NARROW = (
    "id", "trace_id", "run_type", "start_time", "end_time", "status", "dotted_order", "name", "extra",
    "session_id", "total_tokens", "prompt_tokens", "completion_tokens", "total_cost", "prompt_cost", "completion_cost",
)  # fmt: skip
_TYPES: Mapping[Shape, Mapping[str, str]] = {
    "text": {},
    "narrow": {},
    "typed": {
        "id": "UUID", "trace_id": "UUID", "session_id": "UUID", "start_time": "TIMESTAMP", "end_time": "TIMESTAMP",
        "first_token_time": "TIMESTAMPTZ", "total_tokens": "BIGINT", "prompt_tokens": "INTEGER",
        "completion_tokens": "BIGINT", "total_cost": "DECIMAL(18, 12)", "prompt_cost": "DECIMAL(18, 12)",
        "completion_cost": "DECIMAL(18, 12)", "is_root": "BOOLEAN",
    },
    "floats": {
        "start_time": "TIMESTAMP_NS", "end_time": "TIMESTAMP_MS", "total_tokens": "DOUBLE", "prompt_tokens": "DOUBLE",
        "completion_tokens": "DOUBLE", "total_cost": "DOUBLE", "prompt_cost": "DOUBLE", "completion_cost": "DOUBLE",
    },
}  # fmt: skip


def runs_of(made: Traffic) -> list[Json]:
    """The traffic as v1 of the API shows it: what an export holds, with parents that include their children."""
    below: dict[str, list[Any]] = {}
    for run in made.runs:
        for parent in run.parents:
            below.setdefault(parent, []).append(run)
    return [_exported(v1_run(run, below.get(run.id, []), None)) for run in made.runs]


def _exported(run: Json) -> Json:
    """Without the columns that an export does not have; the thread, which LangSmith takes from there, in the metadata;
    and with the whole way from the root in `dotted_order`."""
    metadata = {**run["extra"]["metadata"], **({"thread_id": run["thread_id"]} if run["thread_id"] else {})}
    kept = {key: value for key, value in run.items() if key in _COLUMNS}
    way = ".".join(f"20261110T000000000000Z{step}" for step in (*run["parent_run_ids"], run["id"]))
    return {**kept, "extra": {**run["extra"], "metadata": metadata}, "dotted_order": way}


def write(path: Path, runs: Sequence[Json], shape: Shape = "text", compression: str = "zstd") -> None:
    """One file with these runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.with_suffix(".jsonl")
    lines.write_text("\n".join(json.dumps(_row(run), ensure_ascii=False) for run in runs), "utf-8", "replace")
    columns = _NARROW if shape == "narrow" else _COLUMNS
    cells = [_cell(column, shape) for column in columns]
    types = "{" + ", ".join(f"'{column}': 'VARCHAR'" for column in _COLUMNS) + "}"
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT {', '.join(cells)} FROM read_json('{lines}', columns = {types}, format = 'nd', "
            f"maximum_object_size = 67108864)) TO '{path}' (FORMAT parquet, COMPRESSION {compression})"
        )
    finally:
        connection.close()
    lines.unlink()


def _row(run: Json) -> Json:
    texts = {
        key: json.dumps(value)
        if key in _NESTED and not isinstance(value, str) and value is not None
        else value
        for key, value in run.items()
        if key in _COLUMNS
    }
    return {key: None if value is None else str(value) for key, value in texts.items()}


def _cell(column: str, shape: Shape) -> str:
    if shape == "typed" and column in ("tags", "parent_run_ids"):
        return f"CAST(CAST({column} AS JSON) AS VARCHAR[]) AS {column}"
    if shape == "typed" and column == "run_type":
        return "upper(run_type) AS run_type"
    kind = _TYPES[shape].get(column)
    return f"CAST({column} AS {kind}) AS {column}" if kind else column


def write_hive(root: Path, runs: Iterable[Json], shape: Shape = "text", export: str = "e1") -> None:
    """The folders that LangSmith writes, a file for each project and day; the project's id only in the folder."""
    files: dict[Path, list[Json]] = {}
    for run in runs:
        day = date.fromisoformat(str(run["start_time"])[:10])
        folder = root / f"export_id={export}" / "tenant_id=t1" / f"session_id={run['session_id']}" / "runs"
        files.setdefault(folder / f"year={day:%Y}" / f"month={day:%m}" / f"day={day:%d}", []).append(
            {**run, "session_id": None}
        )
    for folder, some in files.items():
        write(folder / "part-0.parquet", some, shape)


def workspace(
    folder: Path,
    export: Path | str,
    names: Mapping[str, str] | None = None,
    dimensions: tuple[str, ...] = DIMENSIONS,
) -> Workspace:
    """A workspace with that export as its one source, called `export`; `close_all` ends its engine."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"dimensions = {json.dumps(dimensions)}",
        'ledger = "ledger"',
        "[sources.export]",
        'type = "langsmith_export"',
        f'path = "{export}"',
    ]
    if names:
        lines += ["[sources.export.project_names]", *(f'"{uuid}" = "{name}"' for uuid, name in names.items())]
    path = folder / "whyspend.toml"
    path.write_text("\n".join(lines))
    place = Workspace(load(path, {}))
    _OPEN.append(place)
    return place


def close_all() -> None:
    """End the engines of all workspaces that a test opened."""
    while _OPEN:
        engine = _OPEN.pop().engine
        assert isinstance(engine, DuckDB)
        engine.close()


def pulled(place: Workspace, since: str, until: str, *, full: bool = False) -> dict[str, Json]:
    """The ledger's rows by run id, after a pull of these days."""
    for _ in place.pull("export", place.window(since, until), full=full):
        pass
    return held(place)


def held(place: Workspace) -> dict[str, Json]:
    """The ledger's rows by run id."""
    snapshot = place.ledger.snapshot()
    paths = [str(snapshot.root / file.path) for file in snapshot.manifest.files]
    if not paths:
        return {}
    names = [name for name in _compared() if name != "started_at"]
    names += [name for key in place.config.dimensions for name in (key, f"{key}_from")]
    rows = place.engine.rows(
        f"SELECT epoch_us(started_at), {', '.join(names)} FROM {place.engine.scan(paths)}"
    )
    found = [dict(zip(["started_at", *names], row, strict=True)) for row in rows]
    assert len({row["call_id"] for row in found}) == len(found)
    return {row["call_id"]: _comparable(row) for row in found}


def expected(runs: Sequence[Json], names: Mapping[str, str] | None = None) -> dict[str, Json]:
    """What `wire/` makes of the same runs, read as an answer of the API's v1; of outputs only the usage counts."""
    parents = {parent for run in runs for parent in run["parent_run_ids"] or ()}
    page = [
        {**run, "child_run_ids": []}
        if run["run_type"].lower() in ("tool", "retriever") and run["id"] not in parents
        else run
        for run in runs
    ]
    read = wire.read_page(json.dumps({"runs": page}).encode(), "v1").runs
    for run in read:
        if run.answer is not None:
            run.answer = Answer(run.answer.usage, run.answer.usage_source)
    outer = wire.outer_runs(read)
    ancestors = {run.id: wire.to_ancestor(run, DIMENSIONS) for run in read}
    found: dict[str, Json] = {}
    for run in read:
        project = run.project_id or ""
        project = (names or {}).get(project, project)
        call = wire.to_call(run, source="export", project=project, dimensions=DIMENSIONS)
        if call is not None and run.id not in outer:
            wire.inherit(call, run.parent_ids, ancestors)
            found[run.id] = _of_call(call)
    return found


def _of_call(call: Call) -> Json:
    row = {key: value for key, value in msgspec.structs.asdict(call).items() if key in _compared()}
    for at, key in enumerate(DIMENSIONS):
        row |= {key: call.dimensions[at], f"{key}_from": call.attributed[at]}
    row["tags"] = list(call.tags) if call.tags else None
    return _comparable(row)


def _compared() -> list[str]:
    set_by_the_ledger = ("price_key", "request_root", "model_root", "request_mixed", "ingested_at")
    return [column.name for column in COLUMNS if column.name not in set_by_the_ledger]


def _comparable(row: Json) -> Json:
    parsed = {key: json.loads(row[key]) if row[key] else None for key in ("metadata", "usage_raw")}
    return {**row, **parsed}


def differences(rows: Mapping[str, Json], wanted: Mapping[str, Json]) -> dict[str, Json]:
    """By run id and column, what is and what should be; of a run that only one side has, which one."""
    found: dict[str, Json] = {key: {"only in": "the ledger"} for key in rows.keys() - wanted.keys()}
    found |= {key: {"only in": "wire"} for key in wanted.keys() - rows.keys()}
    for key in rows.keys() & wanted.keys():
        row, other = rows[key], wanted[key]
        if row != other:
            found[key] = {name: (row[name], other[name]) for name in row if row[name] != other[name]}
    return found
