"""Rules are saved one after the other, whoever saves them at once."""

import subprocess
import sys
from pathlib import Path
from threading import Thread

from whyspend.config import load
from whyspend.config.rules import append, parse

DIMENSIONS = ("feature", "env")

SAVE = """
import sys
from pathlib import Path
from whyspend.config.rules import append, parse

for number in range(10):
    append(Path(sys.argv[1]), parse(f"when project={sys.argv[2]}-{number} set feature=x", ("feature", "env")))
"""


def projects(path: Path) -> list[str]:
    return sorted(str(rule.when["project"]) for rule in load(path, {}).attribution)


def test_rules_that_processes_save_at_once_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "whyspend.toml"
    path.write_text('timezone = "UTC"\n')
    running = [subprocess.Popen([sys.executable, "-c", SAVE, str(path), name]) for name in "abc"]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    assert projects(path) == [f"{name}-{number}" for name in "abc" for number in range(10)]
    assert list(tmp_path.iterdir()) == [path]


def test_rules_that_threads_of_one_dashboard_save_at_once_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "whyspend.toml"
    path.write_text("")
    rules = [parse(f"when project=p-{number} set feature=x", DIMENSIONS) for number in range(8)]
    saving = [Thread(target=append, args=(path, rule)) for rule in rules]
    for thread in saving:
        thread.start()
    for thread in saving:
        thread.join()
    assert projects(path) == [f"p-{number}" for number in range(8)]
