"""Files of an OpenTelemetry collector become calls: as they grow, rotate, break off, and are read again."""

import gzip
import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard
from tests.cli.shell import piped
from tests.wire.otlp_payloads import DATA, MARKER, START, Json, llm, request, span

from whyspend.config import load
from whyspend.engines.duckdb import connect
from whyspend.errors import InputError
from whyspend.sources import otlp_file
from whyspend.sources.otlp_file import pool
from whyspend.sources.otlp_file.files import parts, trace_files
from whyspend.sources.otlp_file.pool import SLACK, Pool
from whyspend.sources.otlp_file.reading import Reading
from whyspend.wire.otlp import read_json, to_record
from whyspend.workspace import Pulled, Workspace
from whyspend.workspace.windows import of_days

DAYS = ("2025-11-16", "2025-11-16")
WHOSE = "Is it a file of the collector's file exporter?"
WINDOW = of_days(date(2025, 11, 16), date(2025, 11, 16), "UTC")
Rows = dict[str, dict[str, Any]]
OPEN: list["Place"] = []


class Place:
    """A folder with a configured source and a ledger."""

    def __init__(self, folder: Path, path: str) -> None:
        config = folder / "whyspend.toml"
        config.write_text(f'[sources.otel]\ntype = "otlp_file"\npath = "{path}"\n', encoding="utf-8")
        self.folder = folder
        self.engine = connect(threads=1)
        self.workspace = Workspace(load(config, {}))
        OPEN.append(self)

    def pull(self, *, full: bool = False) -> Pulled:
        *_, done = self.workspace.pull("otel", self.workspace.window(*DAYS), full=full)
        return done

    def rows(self) -> Rows:
        snapshot = self.workspace.ledger.snapshot()
        files = [str(self.workspace.ledger.root / file.path) for file in snapshot.manifest.files]
        if not files:
            return {}
        kept = "* EXCLUDE (ingested_at) REPLACE (epoch_us(started_at) AS started_at)"
        select = f"SELECT {kept} FROM {self.engine.scan(files)}"
        names = [name for name, _ in self.engine.columns(select)]
        found = self.engine.rows(select)
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return {row["call_id"]: row for row in rows}

    def numbers(self) -> list[int]:
        return sorted(int(key.rpartition("-")[2], 16) for key in self.rows())

    @property
    def marks(self) -> dict[str, int]:
        return self.workspace.ledger.snapshot().manifest.watermarks["otel"]


@pytest.fixture(autouse=True)
def _engines() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().engine.close()


def framed(*messages: bytes) -> bytes:
    """Messages as the file exporter writes them, but for JSON without a compression."""
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


def line(*spans: Json, **said: Any) -> bytes:
    return request(*spans, **said) + b"\n"


def recorded_lines() -> bytes:
    """The payloads of every convention, each in a trace of its own, a line each."""
    lines = []
    for number, path in enumerate(sorted(DATA.glob("*.json"))):
        text = json.dumps(json.loads(path.read_text()))
        lines.append(text.replace("5b8efff798038103d269b633813fc60c", f"{number + 1:032x}") + "\n")
    return "".join(lines).encode()


def test_every_convention_arrives_in_the_ledger_once(tmp_path: Path) -> None:
    place = Place(tmp_path, "traces")
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "traces.jsonl").write_bytes(recorded_lines())
    done = place.pull()
    assert (done.calls, done.seen, done.notes) == (13, 13, ())
    rows = place.rows()
    assert (
        sum(row["input_tokens"] for row in rows.values())
        == 76 + 100 + 5000 + 12 + 500 + 12 + 12 + 8 + 87 + 80 + 176
    )
    assert {row["project"] for row in rows.values()} == {"shop", "prod-chat", "prod-agents"}
    assert place.pull().seen == 0
    again = place.pull(full=True)
    assert (again.calls, again.seen) == (0, 13)
    assert place.rows() == rows


def test_no_text_of_a_prompt_or_an_answer_is_on_disk(tmp_path: Path) -> None:
    place = Place(tmp_path, "traces.jsonl")
    (tmp_path / "traces.jsonl").write_bytes(recorded_lines())
    place.pull()
    assert len(place.rows()) == 13
    assert MARKER not in repr(place.rows())
    for path in place.workspace.ledger.root.rglob("*"):
        assert not path.is_file() or MARKER.encode() not in path.read_bytes()


@pytest.mark.parametrize("shape", ["folder", "file", "pattern", "gzip", "document", "no newline", "list"])
def test_the_same_calls_come_of_every_shape_of_file(tmp_path: Path, shape: str) -> None:
    folder = tmp_path / "a [1]" / "deep"
    folder.mkdir(parents=True)
    first, second = llm(1), llm(2, start_ms=5)
    body = line(first) + line(second)
    path = {"pattern": "a [[]1]/**/*.jsonl", "file": "a [1]/deep/t.jsonl"}.get(shape, "a [1]")
    if shape == "gzip":
        (folder / "t.jsonl.gz").write_bytes(gzip.compress(body))
    elif shape == "document":
        (folder / "t.json").write_text(json.dumps(json.loads(request(first, second)), indent=2))
    elif shape == "list":
        (folder / "t.json").write_text(
            json.dumps([json.loads(request(first)), json.loads(request(second))], indent=1)
        )
    else:
        (folder / "t.jsonl").write_bytes(body.rstrip(b"\n") if shape == "no newline" else body)
    place = Place(tmp_path, path)
    assert place.pull().calls == 2
    assert place.numbers() == [1, 2]
    assert place.pull().seen == 0


def test_what_is_appended_is_read_and_a_half_written_line_is_left(tmp_path: Path) -> None:
    place, file = Place(tmp_path, "t.jsonl"), tmp_path / "t.jsonl"
    whole = line(llm(2, start_ms=1)) + line(llm(3, start_ms=2))
    file.write_bytes(line(llm(1)) + whole[:200])
    assert place.pull().notes == ()
    assert place.numbers() == [1]
    assert [mark for key, mark in place.marks.items() if key.startswith("at:")] == [len(line(llm(1)))]
    assert place.pull().seen == 0
    file.write_bytes(line(llm(1)) + whole)
    assert place.pull().notes == ()
    assert place.numbers() == [1, 2, 3]


def test_bad_lines_are_counted_named_once_and_cost_no_good_one(tmp_path: Path) -> None:
    place, file = Place(tmp_path, "t.jsonl"), tmp_path / "t.jsonl"
    bad = llm(9) | {"traceId": "no id"}
    file.write_bytes(
        line(llm(1)) + b"oops\n" + b'{"resourceSpans": [\n' + b"\n" + line(llm(2), bad) + b"\xff\xfe\n"
    )
    done = place.pull()
    assert place.numbers() == [1, 2]
    at = len(line(llm(1)))
    assert done.notes == (
        f"left out what is no request of OTLP: 3 of the lines or messages, the first in t.jsonl at byte {at}. {WHOSE}",
        "left out what has no valid id or start time: 1 of the spans, the first in t.jsonl.",
    )
    file.write_bytes(file.read_bytes() + line(llm(3)))
    assert place.pull().notes == ()
    assert place.numbers() == [1, 2, 3]


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    place, file = Place(tmp_path, "t.jsonl"), tmp_path / "t.jsonl"
    file.write_bytes(line(llm(1)) + b'{"x": "' + b"x" * (65 * 2**20) + b'"}\n' + line(llm(2)))
    assert len(place.pull().notes) == 1
    assert place.numbers() == [1, 2]


def test_a_rotated_file_and_its_successor_bring_each_call_once(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    place, file = Place(tmp_path, "traces"), tmp_path / "traces" / "t.jsonl"
    file.write_bytes(line(llm(1)) + line(llm(2, 8, start_ms=1)))
    place.pull()
    file.rename(tmp_path / "traces" / "t-2025-11-16T10-00-00.000.jsonl")
    file.write_bytes(line(span(8, start_ms=1, attributes={"feature": "late"})) + line(llm(3)))
    done = place.pull()
    assert place.numbers() == [1, 2, 3]
    assert done.calls == 2  # the new one, and the one whose owner is now known
    assert {row["feature"] for row in place.rows().values()} == {None, "late"}


def test_a_file_that_is_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    place, file = Place(tmp_path, "t.jsonl"), tmp_path / "t.jsonl"
    file.write_bytes(line(llm(1)) + line(llm(2)))
    place.pull()
    file.write_bytes(line(llm(3, start_ms=1)))
    place.pull()
    file.write_bytes(b"".join(line(llm(number, start_ms=2)) for number in range(4, 9)))
    place.pull()
    assert place.numbers() == list(range(1, 9))


def test_a_call_gets_its_owner_from_a_root_that_comes_with_a_later_pull(tmp_path: Path) -> None:
    place, file = Place(tmp_path, "t.jsonl"), tmp_path / "t.jsonl"
    file.write_bytes(line(llm(2, 1)))
    place.pull()
    assert [row["feature"] for row in place.rows().values()] == [None]
    file.write_bytes(file.read_bytes() + line(span(1, name="POST /chat", attributes={"feature": "chat"})))
    place.pull()
    ((row),) = place.rows().values()
    assert (row["feature"], row["feature_from"], row["root_name"]) == ("chat", "root", "POST /chat")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_an_outer_and_an_inner_call_of_two_pulls_are_one(tmp_path: Path, order: tuple[int, int]) -> None:
    place, file = Place(tmp_path, "t.jsonl"), tmp_path / "t.jsonl"
    spans = {1: line(llm(1)), 2: line(llm(2, 1))}
    file.write_bytes(spans[order[0]])
    place.pull()
    file.write_bytes(file.read_bytes() + spans[order[1]])
    place.pull()
    assert place.numbers() == [2]


def test_a_trace_whose_spans_are_in_several_files_is_one(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    for name, body in {
        "b.jsonl": llm(2, 1),
        "a.jsonl": llm(3, 2),
        "c.jsonl": span(1, attributes={"env": "x"}),
    }.items():
        (tmp_path / "traces" / name).write_bytes(line(body))
    place = Place(tmp_path, "traces")
    place.pull()
    assert place.numbers() == [3]
    assert [row["env"] for row in place.rows().values()] == ["x"]


def test_a_file_read_in_any_pieces_gives_the_same_ledger(tmp_path: Path) -> None:
    random = Random(5)
    lines = []
    for trace in range(6):
        own = {"traceId": f"{trace + 1:032x}"}
        inner = [llm(number, 9, start_ms=number * 10) | own for number in range(1, 5)]
        lines += [inner, [llm(9, 8, ms=900) | own], [span(8, attributes={"feature": f"f{trace}"}) | own]]
    random.shuffle(lines)
    whole = b"".join(line(*spans) for spans in lines)
    once = tmp_path / "once"
    once.mkdir()
    (once / "t.jsonl").write_bytes(whole)
    at_once = Place(once, "t.jsonl")
    at_once.pull()
    assert len(at_once.rows()) == 24
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        place = Place(folder, "t.jsonl")
        for end in [*sorted(random.sample(range(1, len(whole)), 5)), len(whole)]:
            (folder / "t.jsonl").write_bytes(whole[:end])
            place.pull()
        assert place.rows() == at_once.rows()


def test_only_what_is_new_is_read_and_what_was_written_just_before(tmp_path: Path) -> None:
    sizes = {"a.jsonl": 100, "b.jsonl": 100, "c.jsonl": 100, "d.jsonl": 30}
    for number, (name, size) in enumerate(sizes.items(), start=1):
        (tmp_path / name).write_bytes(name.encode() + b"\n" + b"x" * (size - len(name) - 2) + b"\n")
        os.utime(tmp_path / name, ns=(number, number))
    files = trace_files(tmp_path)

    def read(marks: dict[str, int], settings: str = "s") -> list[tuple[str, int, int]]:
        found = parts(files, marks, settings, before=50, since=2)
        return [(part.file.name, part.begin, part.new) for part in found]

    everything = [(name, 0, 0) for name in sizes]
    assert read({}) == everything
    held: dict[str, int] = {}
    for part in parts(files, {}, "s", before=50, since=2):
        held |= {f"at:{part.identity}": part.file.size, f"of:{part.identity}": part.file.size}
    assert read(held) == []
    assert read(held, "other settings") == everything
    last = parts(files, {}, "s", before=50, since=2)[-1].identity
    grown = held | {f"at:{last}": 20, f"of:{last}": 20}
    assert read(grown) == [("b.jsonl", 50, 100), ("c.jsonl", 50, 100), ("d.jsonl", 0, 20)]


def test_files_of_several_collectors_are_read_side_by_side(tmp_path: Path) -> None:
    """A client's call around a proxy's, in files of their own, over two pulls; in each the other comes first."""
    place = Place(tmp_path, "*.jsonl")
    other = {"traceId": "1" * 32}
    (tmp_path / "a.jsonl").write_bytes(line(llm(1, 9)))
    (tmp_path / "b.jsonl").write_bytes(line(llm(3, 2) | other))
    place.pull()
    assert place.numbers() == [1, 3]
    with (tmp_path / "a.jsonl").open("ab") as a, (tmp_path / "b.jsonl").open("ab") as b:
        a.write(line(llm(2) | other))
        b.write(line(llm(4, 1)))
    assert place.pull().removed == 1
    assert place.numbers() == [3, 4]


def test_a_file_that_was_compressed_or_copied_is_not_read_again(tmp_path: Path) -> None:
    place = Place(tmp_path, "*.jsonl*")
    body = line(llm(1)) + line(llm(2))
    (tmp_path / "t.jsonl").write_bytes(body)
    place.pull()
    (tmp_path / "t.jsonl").unlink()
    (tmp_path / "t.jsonl.2.gz").write_bytes(gzip.compress(body))
    assert place.pull().seen == 0
    (tmp_path / "copy.jsonl").write_bytes(body)
    (tmp_path / "older copy.jsonl").write_bytes(line(llm(1)))
    assert place.pull().seen == 0
    (tmp_path / "t.jsonl.2.gz").write_bytes(gzip.compress(body + line(llm(3))))
    assert place.pull().calls == 1


@pytest.mark.parametrize("seed", range(4))
def test_many_pulls_of_a_long_file_count_each_call_once_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Each pull sees only a part of what came before; here 100 KB instead of 32 MiB, in two files side by side."""
    monkeypatch.setattr(otlp_file, "APART", 100_000)
    monkeypatch.setattr(pool, "APART", 100_000)
    monkeypatch.setattr(pool, "SLACK", 3_000_000)
    monkeypatch.setattr(otlp_file, "SLACK", 3_000_000)
    random = Random(seed)
    spans = []
    for trace in range(400):
        at, own = trace * 250 + random.randrange(200), {"traceId": f"{trace + 1:032x}"}
        spans.append(llm(3, 2, start_ms=at + 100, ms=random.randrange(100, 2000)) | own)
        spans.append(llm(2, 1, start_ms=at + 50, ms=random.randrange(2100, 2500)) | own)
        spans.append(span(1, start_ms=at, ms=2900, attributes={"feature": f"f{trace}"}) | own)
    spans.sort(key=lambda one: int(one["endTimeUnixNano"]))
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    ledger: dict[str, str | None] = {}
    marks: dict[str, int] = {}
    for begin in range(0, len(spans), 71):
        for one in spans[begin : begin + 71]:
            with random.choice(paths).open("ab") as file:
                file.write(line(one))
        for batch in otlp_file.read(
            WINDOW, source="o", dimensions=("feature",), watermarks=marks, path=tmp_path / "*.jsonl"
        ):
            ledger |= {call.call_id: call.dimensions[0] for call in batch.calls}
            for _, call_id in batch.dropped:
                ledger.pop(call_id, None)
            marks |= batch.watermarks or {}
    assert ledger == {f"{trace + 1:032x}-{3:016x}": f"f{trace}" for trace in range(400)}


def test_a_call_that_began_before_what_is_read_again_is_not_judged_again() -> None:
    """Its inner call may lie further back: it would come in beside it."""
    batch = read_json(request(llm(1), llm(2, start_ms=500_000), llm(3, start_ms=600_000)), ())
    assert batch is not None
    held = Pool(horizon=START + SLACK)
    for one in batch.spans:
        record = to_record(one, source="otel", dimensions=())
        assert record is not None
        held.add(record, place=0, is_new=one.span_id.endswith("3"), is_held=True)
    (settled,) = held.all_settled()
    assert [call.call_id[-1] for call in settled.calls] == ["2", "3"]


def test_a_file_that_is_rotated_while_it_is_read_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_bytes(line(llm(1)) + line(llm(2)))
    (planned,) = parts(trace_files(file), {}, "", before=0, since=0)
    file.rename(tmp_path / "t-1.jsonl")
    gone = Reading(planned, ())
    assert (list(gone.batches()), gone.read_to) == ([], 0)
    file.write_bytes(line(llm(3)))
    another = Reading(planned, ())
    assert (list(another.batches()), another.read_to) == ([], 0)


def test_a_damaged_compressed_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    random = Random(1)
    lines = [line(llm(number, name=str(random.random()))) for number in range(1, 200)]
    packed = gzip.compress(b"".join(lines))
    (tmp_path / "t.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    place = Place(tmp_path, "t.jsonl.gz")
    done = place.pull()
    assert done.notes == ("read up to where they are damaged: 1 of the compressed files, first t.jsonl.gz.",)
    assert 10 < done.calls < 190
    assert place.pull().seen == 0
    (tmp_path / "t.jsonl.gz").write_bytes(packed)
    place.pull()
    assert len(place.numbers()) == 199


def test_without_the_package_for_it_zstd_is_named_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_file, "has_zstd", lambda: False)
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "a.jsonl").write_bytes(line(llm(1)))
    (tmp_path / "traces" / "b.jsonl.zst").write_bytes(zstd(line(llm(2))))
    (tmp_path / "traces" / "c.json").write_bytes(framed(zstd(request(llm(3)))))
    done = Place(tmp_path, "traces").pull()
    assert done.calls == 1
    (note,) = done.notes
    assert note.startswith("not read, for they are zstd: 2 of the files, first b.jsonl.zst. ")
    assert note.endswith("pip install 'whyspend[serve]'.")


@pytest.mark.parametrize("path", ["missing", "missing/*.jsonl", "empty"])
def test_a_path_without_files_is_one_clear_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"There is no file of traces at .*Set path of this source"):
        Place(tmp_path, path).pull()


def test_pull_and_doctor_speak_of_the_source(tmp_path: Path) -> None:
    Place(tmp_path, "traces")
    said = piped(["pull", "otel", "--since", DAYS[0]], tmp_path)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert said.err.startswith("whyspend: There is no file of traces at ")
    doctor = piped(["doctor"], tmp_path)
    assert doctor.code == 1
    assert "PROBLEM  There is no file of traces at " in doctor.text
    (tmp_path / "traces").mkdir()
    file = tmp_path / "traces" / "t.jsonl"
    file.write_bytes(line(span(1)))
    assert "1 spans, none of them a call of a model" in piped(["doctor"], tmp_path).text
    file.write_bytes(b"\x0a\x12\n")
    assert "holds no span that can be read" in piped(["doctor"], tmp_path).text
    file.write_bytes(line(llm(1)) + b"bad\n")
    assert "holds 1 calls in 1 spans" in piped(["doctor"], tmp_path).text
    said = piped(["pull", "otel", "--since", DAYS[0]], tmp_path)
    assert said.code == 0
    assert "otel: left out what is no request of OTLP: 1 of the lines" in said.err
    assert "otel: read 1 calls, 1 new or changed" in said.err


def test_a_name_of_a_file_is_hostile_text(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "a\x1b[31m\n.jsonl").write_bytes(b"bad\n" + line(llm(1)))
    (tmp_path / "traces" / os.fsdecode(b"\xff.jsonl")).write_bytes(b"bad\n{\n")
    Place(tmp_path, "traces")
    said = piped(["pull", "otel", "--since", DAYS[0]], tmp_path)
    assert said.code == 0 and "\x1b" not in said.err
    assert "read 1 calls" in said.err
    assert "3 of the lines" in said.err
