"""Files that are cut, changed, missing or foreign: named, never deleted, and never a wrong total."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.ledger.calls import DAY, all_files, at, call, everything, publish

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import LedgerError
from whyspend.ledger import Ledger
from whyspend.model import DEFAULT_DIMENSIONS, Batch, Window

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}/src"}

Harm = Callable[[Ledger], None]

NO_TAGS: dict[str, Any] = {"dimensions": (None,) * 3, "attributed": (None,) * 3}


@pytest.fixture
def filled(ledger: Ledger, engine: DuckDB) -> Ledger:
    """Three days of two calls; two traces cross midnight."""
    fill(ledger, engine, (0, 1, 4))
    return ledger


def fill(ledger: Ledger, engine: DuckDB, days: tuple[int, ...] = (0, 1), **options: Any) -> None:
    made = [
        call(f"{day}-{n}", at("23:00", day) + n, trace_id=f"t{n}", **NO_TAGS) for day in days for n in (0, 1)
    ]
    publish(ledger, engine, made, dimensions=DEFAULT_DIMENSIONS, **options)


def whyspend(ledger: Ledger, *arguments: str) -> tuple[int, str, str]:
    """Run the command; (exit code, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, "-m", "whyspend", *arguments, "--ledger", str(ledger.root)],
        cwd=ledger.root.parent, capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def report(ledger: Ledger, since: int = 0, until: int = 1) -> tuple[int, str, str]:
    days = [(DAY + timedelta(days=number)).isoformat() for number in (since, until)]
    return whyspend(ledger, "report", "--since", days[0], "--until", days[1], "--format", "csv")


def first_file(ledger: Ledger) -> Path:
    return ledger.root / ledger.snapshot().manifest.files[0].path


def cut(ledger: Ledger) -> None:
    os.truncate(first_file(ledger), first_file(ledger).stat().st_size // 2)


def cut_to_nothing(ledger: Ledger) -> None:
    os.truncate(first_file(ledger), 0)


def take_away(ledger: Ledger) -> None:
    first_file(ledger).unlink()


def change_a_byte(ledger: Ledger) -> None:
    """Of ten flipped bits one gives another total and no error: the engine cannot be relied on."""
    body = bytearray(first_file(ledger).read_bytes())
    body[len(body) // 2] ^= 1
    first_file(ledger).write_bytes(body)


def put_a_folder_there(ledger: Ledger) -> None:
    path = first_file(ledger)
    path.unlink()
    path.mkdir()


def another_days_file(ledger: Ledger) -> None:
    other = ledger.root / ledger.snapshot().manifest.files[1].path
    shutil.copy(other, first_file(ledger))


@pytest.mark.parametrize(
    "harm", [cut, cut_to_nothing, take_away, change_a_byte, put_a_folder_there, another_days_file]
)
def test_a_damaged_file_is_named_and_no_total_is_given(harm: Harm, filled: Ledger, engine: DuckDB) -> None:
    name = filled.snapshot().manifest.files[0].path
    harm(filled)
    before = all_files(filled)
    code, out, err = whyspend(filled, "ledger", "verify")
    assert (code, out, f"DAMAGED: {name}: " in err) == (2, "", True)
    code, out, err = report(filled)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert name in err
    assert f"whyspend pull prod --since {DAY} --until {DAY} --timezone UTC --full" in err
    code, out, err = report(filled, since=4, until=4)
    assert (code, ",2,2," in out) == (0, True)  # neither these days nor those before need the damaged file
    with pytest.raises(LedgerError, match="no total is given without it"):
        publish(filled, engine, [call("new", at(), **NO_TAGS)], dimensions=DEFAULT_DIMENSIONS)
    assert all_files(filled) == before


def test_calls_that_were_sent_and_not_pulled_can_only_be_restored_or_done_without(
    filled: Ledger, engine: DuckDB
) -> None:
    (filled.root.parent / "whyspend.toml").write_text('[sources.prod]\ntype = "otlp_file"\npath = "x"\n')
    sent = [call(f"s{n}", at("10:00", 1) + n, **NO_TAGS) for n in range(3)]
    publish(filled, engine, sent, source="collector", dimensions=DEFAULT_DIMENSIONS)
    pulled, lost = first_file(filled), next(filled.root.glob("calls/*/collector-*"))
    name = lost.relative_to(filled.root).as_posix()
    os.truncate(lost, 10)
    code, _, err = whyspend(filled, "ledger", "verify")
    assert (code, "whyspend pull" in err) == (2, False)
    assert "No source can be asked for them again; to do without: whyspend ledger drop FILE." in err
    assert f"Of calls that nobody can pull: whyspend ledger drop {name}." in report(filled)[2]
    pulled.rename(pulled.with_suffix(".away"))
    err = whyspend(filled, "ledger", "verify")[2]
    assert "Or pull their days anew: whyspend pull SOURCE" in err
    assert "No source can be asked for those of collector again" in err
    pulled.with_suffix(".away").rename(pulled)

    before = all_files(filled)
    own = pulled.relative_to(filled.root).as_posix()
    for other, said in ((own, "can be asked again: whyspend pull prod"), ("x", "is no file of the ledger")):
        code, _, err = whyspend(filled, "ledger", "drop", other)
        assert (code, err.count("\n"), said in err) == (2, 1, True)
    assert all_files(filled) == before
    code, _, err = whyspend(filled, "ledger", "drop", name)
    day = DAY + timedelta(days=1)
    assert (code, f"its 3 calls of collector on {day} (UTC) count nowhere now" in err) == (0, True)
    assert lost.stat().st_size == 10
    code, out, _ = report(filled)
    assert (code, ",4,2," in out) == (0, True)
    noted = f"No total has 3 calls of collector on {day} (UTC), lost with a damaged file."
    assert noted in whyspend(filled, "report", "--since", str(day), "--until", str(day))[1]
    assert noted in whyspend(filled, "doctor", "--offline")[1]
    assert whyspend(filled, "ledger", "verify")[0] == 0
    publish(filled, engine, sent, source="collector", dimensions=DEFAULT_DIMENSIONS)
    new = next(file.path for file in filled.snapshot().manifest.files if file.source == "collector")
    code, _, err = whyspend(filled, "ledger", "drop", new)
    assert (code, "is whole, so it stays" in err) == (2, True)


@pytest.mark.parametrize(
    "command", [("ledger", "verify"), ("ledger", "info"), ("ledger", "compact"), ("report",)]
)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not a whyspend manifest"),
        (b'{"version": 1, "files": [', "is not a whyspend manifest"),
        (b"PAR1", "is not a whyspend manifest"),
        (b'{"version": 1, "files": [{"path": 5}]}', "is not a whyspend manifest"),
        (b"\xff\xfe", "is not a whyspend manifest"),
        (b'{"version": 2, "files": {}}', "later whyspend"),
        (None, "is missing"),
    ],
)
def test_without_a_manifest_that_can_be_read_there_is_one_clear_error(
    command: tuple[str, ...], body: bytes | None, said: str, filled: Ledger
) -> None:
    manifest = filled.root / "manifest.json"
    manifest.unlink()
    if body is not None:
        manifest.write_bytes(body)
    before = all_files(filled)
    code, out, err = in_process(filled, *command)
    assert (code, out, err.count("\n"), said in err) == (2, "", 1, True)
    assert all_files(filled) == before


def in_process(ledger: Ledger, *arguments: str) -> tuple[int, str, str]:
    """Run the command without a new process, which takes a tenth of the time."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from whyspend.cli import run

    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([*arguments, "--ledger", str(ledger.root)])
    return code, out.getvalue(), err.getvalue()


def test_a_ledger_that_is_a_file_is_one_clear_error(ledger: Ledger, engine: DuckDB) -> None:
    ledger.root.write_text("not a folder")
    for command in (("ledger", "verify"), ("report",)):
        code, out, err = in_process(ledger, *command)
        assert (code, out, "cannot be read" in err) == (2, "", True)
    with pytest.raises(LedgerError, match=r"cannot be written: .*Nothing was published"):
        publish(ledger, engine, [call("x")])
    assert ledger.root.read_text() == "not a folder"


def strangers(ledger: Ledger) -> dict[str, str]:
    """Files beside the ledger's own: name -> what verify says of it."""
    day = ledger.root / "calls" / f"day={DAY}"
    own = first_file(ledger)
    shutil.copy(own, day / "prod-0123456789abcdef.parquet")
    shutil.copy(own, day / "backup of my calls.parquet")
    shutil.copy(own, ledger.root / "calls" / own.name)
    (day / "notes.txt").write_text("mine")
    (day / f".{'a' * 32}.tmp").write_bytes(b"PAR1")
    return {
        f"calls/{own.name}": "foreign; not read",
        f"calls/day={DAY}/.{'a' * 32}.tmp": "left by a write that did not finish",
        f"calls/day={DAY}/backup of my calls.parquet": "foreign; not read",
        f"calls/day={DAY}/notes.txt": "foreign; not read",
        f"calls/day={DAY}/prod-0123456789abcdef.parquet": "foreign; not read",
    }


def test_foreign_files_and_leftovers_are_named_and_never_counted(filled: Ledger) -> None:
    _, expected, _ = report(filled)
    said = strangers(filled)
    before = all_files(filled)
    code, out, err = whyspend(filled, "ledger", "verify")
    assert (code, out) == (0, f"{filled.root}: 3 files, 6 calls, all whole\n")
    assert dict(line.removeprefix("note: ").rsplit(": ", 1) for line in err.splitlines()) == said
    assert report(filled) == (0, expected, "")
    assert all_files(filled) == before


def test_compacting_removes_old_leftovers_of_ours_and_nothing_else(filled: Ledger, engine: DuckDB) -> None:
    said = strangers(filled)
    day_file = first_file(filled)
    uncommitted = day_file.with_name("x.parquet")
    uncommitted.write_bytes(day_file.read_bytes()[:-1])
    ours = day_file.with_name("prod-97a4a5ec6ef6d2a3.parquet")
    uncommitted.rename(ours)
    assert filled.compact(engine, DEFAULT_DIMENSIONS) == (0, 0)  # too young
    assert filled.compact(engine, DEFAULT_DIMENSIONS, grace=0) == (0, 1)
    left = [fault.path for fault in filled.faults(engine)]
    foreign = [name for name, what in said.items() if what.startswith("foreign")]
    assert left == sorted(
        [*foreign, ours.relative_to(filled.root).as_posix()]
    )  # its name is not its content's


def test_a_file_that_was_written_but_not_committed_is_removed(filled: Ledger, engine: DuckDB) -> None:
    held = (filled.root / "manifest.json").read_bytes()
    publish(filled, engine, [call("new", **NO_TAGS)], dimensions=DEFAULT_DIMENSIONS)
    (filled.root / "manifest.json").write_bytes(held)  # as if it had crashed just before the swap
    assert [fault.what for fault in filled.faults(engine)] == ["left by a write that did not finish"]
    assert filled.compact(engine, DEFAULT_DIMENSIONS, grace=0) == (0, 1)
    assert list(filled.faults(engine)) == []


def test_a_copy_of_a_ledger_is_as_good(filled: Ledger, engine: DuckDB, tmp_path: Path) -> None:
    """A copy has other times, perhaps whole seconds: then contents are hashed, and nothing is wrong with them."""
    for number, times in enumerate([None, (1, 1)]):
        copy = Ledger(tmp_path / f"copy{number}")
        shutil.copytree(filled.root, copy.root, copy_function=shutil.copyfile if number else shutil.copy2)
        for file in copy.snapshot().manifest.files:
            if times:
                os.utime(copy.root / file.path, times)
        assert everything(copy, engine, DEFAULT_DIMENSIONS) == everything(filled, engine, DEFAULT_DIMENSIONS)


# A full pull begins damaged days anew


def utc_days(first: int, last: int, hours: int = 0) -> Window:
    """Whole days from DAY + first to DAY + last; `hours` ahead of UTC."""
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=first, hours=-hours)
    since, until = DAY + timedelta(days=first), DAY + timedelta(days=last)
    return Window(since, until, "UTC", start, start + timedelta(days=last - first + 1))


@pytest.mark.parametrize("harm", [cut, take_away, change_a_byte])
def test_a_full_pull_of_the_day_makes_it_whole(harm: Harm, filled: Ledger, engine: DuckDB) -> None:
    expected = everything(filled, engine, DEFAULT_DIMENSIONS)
    harm(filled)
    fill(filled, engine, days=(0,), replace_damaged=True, asked=utc_days(0, 0))
    rows = everything(filled, engine, DEFAULT_DIMENSIONS)
    assert [row | {"ingested_at": 0} for row in rows] == [row | {"ingested_at": 0} for row in expected]
    assert not [fault for fault in filled.faults(engine) if not fault.harmless]


def test_days_side_by_side_can_be_made_whole_one_by_one(filled: Ledger, engine: DuckDB) -> None:
    for file in filled.snapshot().manifest.files[:2]:
        os.truncate(filled.root / file.path, 10)
    for day in (1, 0):
        fill(filled, engine, days=(day,), replace_damaged=True, asked=utc_days(day, day))
    rows = {row["call_id"]: row["request_root"] for row in everything(filled, engine, DEFAULT_DIMENSIONS)}
    assert rows == {"0-0": 1, "0-1": 1, "1-0": 0, "1-1": 0, "4-0": 1, "4-1": 1}


@pytest.mark.parametrize("hours", [2, -2])
def test_a_damaged_day_that_is_not_read_whole_is_not_begun_anew(
    hours: int, filled: Ledger, engine: DuckDB
) -> None:
    """A day of Berlin is not a UTC day: what lies outside of it would be lost without a word."""
    cut(filled)
    before = all_files(filled)
    with pytest.raises(LedgerError, match="--timezone UTC --full"):
        fill(filled, engine, days=(0,), replace_damaged=True, asked=utc_days(0, 0, hours))
    assert all_files(filled) == before


def test_a_full_pull_that_brings_nothing_of_a_damaged_day_does_not_forget_it(
    filled: Ledger, engine: DuckDB
) -> None:
    cut(filled)
    options: dict[str, Any] = {"replace_damaged": True, "dimensions": DEFAULT_DIMENSIONS}
    publish(
        filled, engine, [call("far", at("12:00", 9), **NO_TAGS)], dropped=[(at("23:00"), "0-0")], **options
    )
    assert filled.snapshot().manifest.files[0].day == DAY
    with pytest.raises(LedgerError, match="cut or grown"):
        everything(filled, engine, DEFAULT_DIMENSIONS)


# A folder that cannot be written


def test_a_failed_commit_can_be_made_again_with_the_same_writer(ledger: Ledger, engine: DuckDB) -> None:
    (ledger.root / "calls").mkdir(parents=True)
    (ledger.root / "manifest.json").write_text('{"version": 1}')
    (ledger.root / "calls" / f"day={DAY}").write_text("in the way")
    writer = ledger.writer(engine, "prod", ("feature", "env"))
    writer.add(Batch(calls=[call("x")]))
    with pytest.raises(LedgerError, match=r"cannot be written: .*Nothing was published"):
        writer.commit({"upto:chat": 1})
    assert (writer.waiting, ledger.snapshot().manifest.revision) == (1, 0)
    (ledger.root / "calls" / f"day={DAY}").unlink()
    assert writer.commit({"upto:chat": 1}).calls == 1
    assert ledger.snapshot().manifest.watermarks == {"prod": {"upto:chat": 1}}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_one_clear_error(filled: Ledger, engine: DuckDB) -> None:
    before = all_files(filled)
    folders = [filled.root, *(path for path in filled.root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        with pytest.raises(LedgerError, match="cannot be written"):
            fill(filled, engine, days=(0, 5))
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert all_files(filled) == before


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.ledger.calls import at, call, publish
from whyspend.engines.duckdb import connect
from whyspend.errors import LedgerError
from whyspend.ledger import Ledger
ledger, engine = Ledger(Path(sys.argv[1])), connect(threads=1)
publish(ledger, engine, [call("held")], watermarks={"upto:x": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    publish(ledger, engine, [call(f"{n}{n * n}", at("10:00", 1)) for n in range(20_000)], watermarks={"upto:x": 2})
except LedgerError as error:
    print(error)
"""


@pytest.mark.parametrize("most", [100, 1_000, 30_000])
def test_a_disk_that_is_full_leaves_the_old_total_and_one_clear_error(
    most: int, ledger: Ledger, engine: DuckDB
) -> None:
    """A limit on the size of files stands for the disk: 100 bytes are too few for the manifest, too."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(ledger.root), str(most)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
    )  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert "cannot be written" in done.stdout
    assert "Nothing was published" in done.stdout
    assert [row["call_id"] for row in everything(ledger, engine)] == ["held"]
    assert ledger.snapshot().manifest.watermarks == {"prod": {"upto:x": 1}}
    assert not [name for name in all_files(ledger) if name.startswith("calls") and name.endswith(".tmp")]


def test_the_day_before_the_first_is_no_error() -> None:
    """Clocks that were never set say 0001-01-01: such a day has no day before."""
    from whyspend.ledger.staging import neighbours

    assert neighbours(date.min) == {date.min, date(1, 1, 2)}
    assert neighbours(date.max) == {date.max, date(9999, 12, 30)}
