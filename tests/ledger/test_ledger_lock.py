"""The lock of a file: one at a time, whoever comes and goes, and nothing is left beside the file."""

import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from whyspend.errors import InputError
from whyspend.ledger import lock

ADD_UP = """
import sys
from pathlib import Path
from whyspend.ledger.lock import alone_with

counter = Path(sys.argv[1])
for _ in range(200):
    with alone_with(counter):
        held = int(counter.read_text())
        counter.write_text(str(held + 1))
"""


def test_processes_that_come_and_go_are_never_two_at_once_and_leave_nothing(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    running = [subprocess.Popen([sys.executable, "-c", ADD_UP, str(counter)]) for _ in range(3)]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    assert counter.read_text() == "600"
    assert list(tmp_path.iterdir()) == [counter]


def test_who_waits_too_long_is_told_and_the_holder_keeps_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, is_held, is_enough = tmp_path / "best.json", Event(), Event()

    def hold() -> None:
        with lock.alone_with(path):
            is_held.set()
            is_enough.wait(30)

    holder = Thread(target=hold)
    holder.start()
    is_held.wait(30)
    monkeypatch.setattr(lock, "SECONDS", 0.1)
    for _ in range(2):
        with pytest.raises(InputError, match="Another whyspend has been writing to"), lock.alone_with(path):
            pass
    is_enough.set()
    holder.join()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_lock_is_never_a_link_to_something_else(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".best.json.lock").symlink_to(victim)
    with pytest.raises(OSError), lock.alone_with(tmp_path / "best.json"):
        pass
    assert victim.read_text() == "mine"
