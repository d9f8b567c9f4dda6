"""The projects of the ledger: which there are is read once of each file, for files never change."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from whyspend.collector.reading import ids
from whyspend.collector.reading.fields import started
from whyspend.ledger import Snapshot
from whyspend.model import Engine

FILES_AT_ONCE = 50

OF_FILE = "SELECT {number} AS file, project, min({started}), max({started}) FROM {file} GROUP BY project"


@dataclass(frozen=True)
class Project:
    """One of them."""

    name: str
    first: int | None = None
    """When its first call began, microseconds since the epoch; None: it has none."""
    last: int | None = None
    id: str = ""
    """By which it was asked for, where an application made it by an id of its own."""

    @property
    def shown_id(self) -> str:
        """Its id."""
        return self.id or ids.of_project(self.name)


@dataclass
class Projects:
    """What is known of them. Several threads may ask."""

    made: Callable[[str], str | None]
    """The name of a project that an application made by id."""
    _held: dict[str, list[Project]] = field(default_factory=dict)
    """By file."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self, snapshot: Snapshot, engine: Engine) -> dict[str, Project]:
        """Those that have calls, by name."""
        live = [file.path for file in snapshot.manifest.files]
        with self._lock:
            held = {path: self._held[path] for path in live if path in self._held}
        new = [path for path in live if path not in held]
        for at in range(0, len(new), FILES_AT_ONCE):
            held |= _read(snapshot, new[at : at + FILES_AT_ONCE], engine)
        with self._lock:
            self._held = held
        found: dict[str, Project] = {}
        for project in (each for of_file in held.values() for each in of_file):
            before = found.get(project.name, project)
            first, last = _earliest(before, project), _latest(before, project)
            found[project.name] = Project(project.name, first, last)
        return found

    def named(self, asked: Iterable[str], snapshot: Snapshot, engine: Engine) -> list[str]:
        """The names of those that are asked for by id; of an id that nobody knows there is none, and no run."""
        by_id = {project.shown_id: name for name, project in self.all(snapshot, engine).items()}
        found = (by_id.get(each.lower()) or self.made(each) for each in asked)
        return [name for name in found if name is not None]


def _earliest(one: Project, other: Project) -> int | None:
    return min((each.first for each in (one, other) if each.first is not None), default=None)


def _latest(one: Project, other: Project) -> int | None:
    return max((each.last for each in (one, other) if each.last is not None), default=None)


def _read(snapshot: Snapshot, paths: list[str], engine: Engine) -> dict[str, list[Project]]:
    found: dict[str, list[Project]] = {path: [] for path in paths}
    parts = [
        OF_FILE.format(number=at, started=started(engine), file=engine.scan([str(snapshot.root / path)]))
        for at, path in enumerate(paths)
    ]
    for at, name, first, last in engine.rows(" UNION ALL ".join(parts)):
        found[paths[at]].append(Project(name, first, last))
    return found
