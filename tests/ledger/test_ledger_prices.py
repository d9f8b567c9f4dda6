"""What a ledger is priced with survives crashes, other processes, and bit rot."""

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from whyspend.errors import LedgerError
from whyspend.ledger import prices as kept
from whyspend.ledger.prices import Adjustment, Basis, Closed

ROOT = Path(__file__).parents[2]
FILES = ("names.csv", "rates.csv")

KILLED = """
import os, sys
from pathlib import Path
from msgspec.structs import replace
from whyspend.ledger import prices as kept

step, seen = int(sys.argv[3]), [0]

def count(event, arguments):
    if event in ("open", "os.rename", "os.mkdir", "shutil.rmtree") and "ledger" in str(arguments[0]):
        seen[0] += 1
        if seen[0] == step:
            os._exit(9)

root, book = Path(sys.argv[1]), Path(sys.argv[2])
held = kept.read(root)
sys.addaudithook(count)
with kept.changing(root, held) as change:
    copy = change.copy(book, ("names.csv", "rates.csv"), "new")
    change.commit(replace(held, book=copy))
os._exit(0)
"""
"""Takes another book and dies, as kill -9 would have it, before one step: an opened file, a rename, a folder."""

RACING = """
import sys, time
from pathlib import Path
from msgspec.structs import replace
from whyspend.errors import LedgerError
from whyspend.ledger import prices as kept

root, done = Path(sys.argv[1]), 0
while done < 25:
    held = kept.read(root)
    try:
        with kept.changing(root, held) as change:
            change.commit(held)
            done += 1
    except LedgerError as error:
        assert "in the meantime" in str(error), error
"""


def book(folder: Path, text: str) -> Path:
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(f"{name} {text}\n" * 1000, encoding="utf-8")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert kept.keep_first(tmp_path / "ledger", book(tmp_path / "first", "first"), FILES, "old")
    return tmp_path / "ledger"


def held(root: Path) -> Basis:
    found = kept.read(root)
    assert found is not None
    return found


def process(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT}/src"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_ledger_without_prices_of_its_own_says_so(tmp_path: Path) -> None:
    assert kept.read(tmp_path) is None
    assert kept.read(tmp_path / "no such folder") is None
    assert kept.is_new(tmp_path)


def test_the_first_book_is_copied_whole_and_only_once(root: Path, tmp_path: Path) -> None:
    folder = kept.place(root, held(root).book)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert (folder / "rates.csv").read_bytes() == (tmp_path / "first" / "rates.csv").read_bytes()
    assert not kept.keep_first(root, book(tmp_path / "second", "second"), FILES, "new")
    assert held(root).book.id == "old"


def test_what_is_kept_reads_back_the_same(root: Path) -> None:
    before = held(root)
    usd = Decimal("-12345678901234.123456789012345678901234")
    name = "=1+1 \x1b[31m \u202e 日本"
    booked = Adjustment(
        on=date(2026, 11, 5), month="2026-10", provider=None, model=name, usd=usd, reason=name
    )
    month = Closed(
        month="2026-10", timezone="UTC", start=10, end=20, book=before.book, prices=({"model": name},), discounts=(),
        on=date(2026, 11, 3), calls=1, unpriced=0, usd=Decimal("0.1"),
    )  # fmt: skip
    with kept.changing(root, before) as change:
        change.commit(msgspec.structs.replace(before, closed=(month,), adjustments=(booked,)))
    assert held(root).adjustments == (booked,)
    assert held(root).closed == (month,)
    assert held(root).revision == before.revision + 1


def test_a_crash_before_any_step_of_an_update_leaves_the_old_book_or_the_new(
    root: Path, tmp_path: Path
) -> None:
    new = book(tmp_path / "second", "second")
    codes = []
    for step in range(1, 40):
        taken = process(KILLED, root, new, step)
        assert taken.communicate(timeout=60) == ("", "")
        codes.append(taken.returncode)
        basis = held(root)
        assert basis.book.id in ("old", "new")
        kept.place(root, basis.book)
        if taken.returncode == 0:
            break
    assert codes[-1] == 0
    assert len(codes) > 8
    assert set(codes[:-1]) == {9}
    assert held(root).book.id == "new"
    left = [path.name for path in (root / "prices").iterdir() if path.name.endswith(".tmp")]
    assert left == []


def test_two_processes_never_overwrite_what_the_other_changed(root: Path) -> None:
    racing = [process(RACING, root) for _ in range(2)]
    for each in racing:
        assert each.communicate(timeout=120) == ("", "")
        assert each.returncode == 0
    assert held(root).revision == 50


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"version": 1}', b'{"version": "x"}',
        b'{"version": 1, "book": {"id": "a", "folder": "../../etc", "sha256": "x"}}',
    ],
)  # fmt: skip
def test_a_corrupted_file_is_one_line_that_says_what_it_holds(root: Path, body: bytes) -> None:
    (root / "prices" / "prices.json").write_bytes(body)
    with pytest.raises(LedgerError, match="no total is given without it") as caught:
        kept.read(root)
    assert "\n" not in str(caught.value)


def test_months_that_overlap_were_not_written_by_us(root: Path) -> None:
    path = root / "prices" / "prices.json"
    content = json.loads(path.read_bytes())
    month = {
        "month": "2026-10", "timezone": "UTC", "start": 10, "end": 20, "book": content["book"], "prices": [],
        "discounts": [], "on": "2026-11-03", "calls": 1, "unpriced": 0, "usd": "1.5",
    }  # fmt: skip
    for second in ({"start": 19, "end": 30}, {"start": 30, "end": 30}):
        content["closed"] = [month, {**month, "month": "2026-11", **second}]
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(LedgerError, match="is not what whyspend wrote"):
            kept.read(root)


@pytest.mark.parametrize(
    ("closed", "booked"),
    [
        ({"usd": "NaN"}, None), ({"start": -5}, None), ({"end": 10**30}, None), ({"month": "2026-13"}, None),
        ({}, {"usd": "NaN"}), ({}, {"usd": "Infinity"}), ({}, {"usd": "1e40"}), ({}, {"month": "2026-08"}),
    ],
)  # fmt: skip
def test_what_no_figure_may_rest_on_is_refused(
    root: Path, closed: dict[str, object], booked: dict[str, object] | None
) -> None:
    path = root / "prices" / "prices.json"
    content = json.loads(path.read_bytes())
    month = {
        "month": "2026-10", "timezone": "UTC", "start": 10, "end": 20, "book": content["book"], "prices": [],
        "discounts": [], "on": "2026-11-03", "calls": 1, "unpriced": 0, "usd": "1.5",
    }  # fmt: skip
    adjustment = {
        "on": "2026-11-05",
        "month": "2026-10",
        "provider": "a",
        "model": "b",
        "usd": "1",
        "reason": "r",
    }
    content["closed"] = [month | closed]
    content["adjustments"] = [adjustment | booked] if booked else []
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(LedgerError, match="is not what whyspend wrote") as caught:
        kept.read(root)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_lost_after_a_change_does_not_silently_open_closed_months(root: Path) -> None:
    before = held(root)
    with kept.changing(root, before) as change:
        change.commit(before)
    (root / "prices" / "prices.json").unlink()
    with pytest.raises(LedgerError, match=r"prices\.json is gone") as caught:
        kept.read(root)
    assert "\n" not in str(caught.value)
    assert not kept.is_new(root)
    (root / "prices" / "prices.json.before").rename(root / "prices" / "prices.json")
    assert kept.read(root) == before


def test_a_folder_that_is_a_file_is_no_ledger_without_prices(tmp_path: Path) -> None:
    (tmp_path / "prices").write_bytes(b"")
    with pytest.raises(LedgerError, match="cannot be read"):
        kept.read(tmp_path)


def test_verifying_finds_a_changed_book_and_a_corrupted_file(root: Path) -> None:
    assert list(kept.faults(root)) == []
    copy = held(root).book
    (root / "prices" / copy.folder / "rates.csv").write_bytes(b"other")
    assert [place for place, _ in kept.faults(root)] == [f"prices/{copy.folder}"]
    (root / "prices" / "prices.json").write_bytes(b"{")
    assert [place for place, _ in kept.faults(root)] == ["prices/prices.json"]


def test_a_later_version_is_refused(root: Path) -> None:
    (root / "prices" / "prices.json").write_bytes(b'{"version": 2, "what": "ever"}')
    with pytest.raises(LedgerError, match="Upgrade whyspend"):
        kept.read(root)


@pytest.mark.parametrize("harm", ["missing", "changed", "more", "gone"])
def test_a_book_that_is_not_as_it_was_written_is_refused(root: Path, harm: str) -> None:
    folder = root / "prices" / held(root).book.folder
    if harm == "changed":
        (folder / "rates.csv").write_bytes(b"other")
    elif harm == "more":
        (folder / "zz.csv").write_bytes(b"")
    else:
        for path in folder.iterdir() if harm == "gone" else [folder / "rates.csv"]:
            path.unlink()
    with pytest.raises(LedgerError, match="is missing or changed"):
        kept.place(root, held(root).book)


def test_a_damaged_book_is_whole_again_after_it_is_taken_once_more(root: Path, tmp_path: Path) -> None:
    before = held(root)
    (root / "prices" / before.book.folder / "rates.csv").write_bytes(b"other")
    with kept.changing(root, before) as change:
        copy = change.copy(tmp_path / "first", FILES, "old")
        assert copy == before.book
    assert kept.place(root, copy).is_dir()


def test_leftovers_of_a_crash_go_with_the_next_change(root: Path, tmp_path: Path) -> None:
    left = root / "prices" / f".{'0' * 32}.tmp"
    left.mkdir()
    (left / "rates.csv").write_bytes(b"half")
    foreign = root / "prices" / "notes.txt"
    foreign.write_bytes(b"mine")
    with kept.changing(root, held(root)) as change:
        change.copy(book(tmp_path / "second", "second"), FILES, "new")
    assert not left.exists()
    assert foreign.exists()
