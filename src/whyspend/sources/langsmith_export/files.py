"""The files of a bulk export: which there are, which day and project each belongs to, and what columns it has.

LangSmith writes `<prefix>/export_id=…/tenant_id=…/session_id=…/runs/year=…/month=…/day=…/*.parquet`. Any part of
that may be missing: a folder of files that somebody copied together works too.
"""

import hashlib
import importlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from whyspend.errors import InputError, MissingExtraError, SourceError

DOWNLOADS_AT_ONCE = 4


@dataclass(frozen=True)
class ExportFile:
    """One Parquet file of an export."""

    name: str
    """Its path below the folder or prefix, with `/`."""
    modified: int
    """When it was written, in nanoseconds since the epoch."""
    size: int
    """In bytes."""
    day: date | None
    """What its `year= month= day=` folders say; None: nobody says it."""
    session: str
    """What its `session_id=` folder says: the project's UUID; empty: nobody says it."""
    export: str
    """What its `export_id=` folder says."""


class Place(Protocol):
    """Where an export lies."""

    def files(self) -> list[ExportFile]:
        """All of its Parquet files, by name."""
        ...

    def paths(self, wanted: Sequence[ExportFile]) -> dict[str, Path]:
        """Local paths of these files, by name; those of the call before may be gone."""
        ...

    def close(self) -> None:
        """Remove what was fetched."""
        ...


def place(path: str) -> Place:
    """The folder, file or address of an export.

    Raises:
        InputError: there is no such folder.
        MissingExtraError: an address needs obstore.
        SourceError: an address that no object store can have.
    """
    if "://" in path:
        return _Bucket(path, _opened(path))
    folder = Path(path).expanduser()
    if not path.strip() or not folder.exists():
        raise InputError(
            f"There is no folder '{path}'. Set path of this source to where the export was written."
        )
    return _Folder(folder)


@dataclass(frozen=True)
class _Folder:
    root: Path

    def files(self) -> list[ExportFile]:
        if self.root.is_file():
            return [self._file(self.root, self.root.name)]
        found = [path for path in self.root.rglob("*.parquet") if path.is_file()]
        named = [(path.relative_to(self.root).as_posix(), path) for path in found]
        return [self._file(path, name) for name, path in sorted(named) if _is_data(name)]

    def paths(self, wanted: Sequence[ExportFile]) -> dict[str, Path]:
        if self.root.is_file():
            return {file.name: self.root for file in wanted}
        return {file.name: self.root / file.name for file in wanted}

    def close(self) -> None:
        return None

    def _file(self, path: Path, name: str) -> ExportFile:
        known = path.stat()
        # A folder that is named itself, such as one day's, still says what it is.
        whole = f"{path.absolute().parent.as_posix()}/{path.name}"
        return _described(name, whole, known.st_mtime_ns, known.st_size)


@dataclass
class _Bucket:
    """An address in an object store. Files are fetched for a step and removed after it."""

    address: str
    store: Any
    cache: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="whyspend-export-")))

    def files(self) -> list[ExportFile]:
        try:
            listed = [meta for page in self.store.list() for meta in page]
        except _obstore_errors() as error:
            raise self._unreachable(error) from None
        found = [
            _described(
                meta["path"],
                f"{self.address}/{meta['path']}",
                int(meta["last_modified"].timestamp() * 1e9),
                meta["size"],
            )
            for meta in listed
            if meta["path"].endswith(".parquet") and _is_data(meta["path"])
        ]
        return sorted(found, key=lambda file: file.name)

    def paths(self, wanted: Sequence[ExportFile]) -> dict[str, Path]:
        # An object's key may be anything, so it never becomes a path here.
        local = {
            file.name: self.cache / f"{hashlib.sha256(file.name.encode()).hexdigest()}.parquet"
            for file in wanted
        }
        for old in set(self.cache.iterdir()) - set(local.values()):
            old.unlink()
        missing = [name for name, path in local.items() if not path.exists()]
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as threads:
            for _ in threads.map(lambda name: self._fetch(name, local[name]), missing):
                pass
        return local

    def close(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)

    def _fetch(self, name: str, to: Path) -> None:
        part = to.with_suffix(".part")
        try:
            with part.open("wb") as file:
                for chunk in self.store.get(name).stream():
                    file.write(chunk)
        except _obstore_errors() as error:
            raise self._unreachable(error) from None
        part.replace(to)

    def _unreachable(self, error: BaseException) -> SourceError:
        # Only the kind of error: what the store itself says may repeat headers or keys.
        return SourceError(
            f"{self.address} cannot be read ({type(error).__name__}). Check the address, and that the environment "
            "has credentials for it (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)."
        )


def _opened(address: str) -> Any:
    try:
        stores = importlib.import_module("obstore.store")
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"Reading {address} needs the package obstore. Install it: pip install 'whyspend[s3]'"
        ) from None
    try:
        return stores.from_url(address)
    except _obstore_errors() as error:
        raise SourceError(
            f"{address} is no address of an object store ({type(error).__name__}). Give one such as "
            "s3://bucket/prefix, or a folder."
        ) from None


def _obstore_errors() -> tuple[type[BaseException], ...]:
    # obstore reports some failures, such as a missing object, as Python's own OSErrors.
    return (importlib.import_module("obstore.exceptions").BaseError, OSError, ValueError)


def _is_data(name: str) -> bool:
    """Spark and others leave `_temporary` and hidden files beside the data."""
    return not any(part.startswith((".", "_")) for part in name.split("/"))


def _described(name: str, whole: str, modified: int, size: int) -> ExportFile:
    keys = dict(part.split("=", 1) for part in whole.split("/") if "=" in part)
    try:
        day = date(int(keys["year"]), int(keys["month"]), int(keys["day"]))
    except (KeyError, ValueError):
        day = None
    return ExportFile(
        name, modified, size, day, unquote(keys.get("session_id", "")), keys.get("export_id", "")
    )


def fingerprint(files: Iterable[ExportFile], settings: object) -> int:
    """A number that changes when one of the files does, one comes or goes, or the settings differ."""
    text = repr((sorted((file.name, file.modified, file.size) for file in files), settings))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


@dataclass(frozen=True)
class Schema:
    """The columns of a Parquet file."""

    columns: Mapping[str, bool]
    """name -> whether it is nested (a list, struct or map)."""
    signature: bytes
    """Equal for files that can be read as one."""


def schema(path: Path, name: str) -> Schema:
    """Read the schema from the footer of a file.

    https://parquet.apache.org/docs/file-format: the file ends with the footer (Thrift, compact protocol), its length
    in 4 bytes, and `PAR1`. The schema is field 2 of the footer: a tree, depth first.

    Raises:
        InputError: it is no Parquet file, or it is cut off.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                raise _damaged(name)
            file.seek(-8, 2)
            end = file.read(8)
            length = int.from_bytes(end[:4], "little")
            if end[4:] != b"PAR1" or length + 12 > file.tell():
                raise _damaged(name)
            file.seek(-8 - length, 2)
            return _schema_of(_Thrift(file.read(length)))
    except (OSError, IndexError, KeyError, UnicodeDecodeError, RecursionError):
        raise _damaged(name) from None


def _damaged(name: str) -> InputError:
    return InputError(f"The export file {name} is no whole Parquet file. Export it again, or remove it.")


def _schema_of(footer: "_Thrift") -> Schema:
    for number, kind in footer.fields():
        if number == 2 and kind == _LIST:
            start = footer.at
            elements = [footer.element() for _ in range(footer.list_size())]
            return Schema(_top_level(elements), footer.data[start : footer.at])
        footer.skip(kind)
    raise IndexError


def _top_level(elements: Sequence[tuple[str, int, bool]]) -> dict[str, bool]:
    """The children of the root, which comes first; each is followed by all below it."""
    columns: dict[str, bool] = {}
    at = 1
    for _ in range(elements[0][1]):
        name, children, repeated = elements[at]
        columns[name] = children > 0 or repeated
        open_children = 1
        while open_children:
            open_children += elements[at][1] - 1
            at += 1
    return columns


_BOOLEANS, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (1, 2), 3, 7, 8, 9, 10, 11, 12
_REPEATED = 2


@dataclass
class _Thrift:
    """As much of Thrift's compact protocol as leads to a Parquet schema."""

    data: bytes
    at: int = 0

    def fields(self) -> Iterable[tuple[int, int]]:
        """(number, type) of each field of the struct that begins here; the caller reads or skips its value."""
        number = 0
        while header := self.byte():
            delta = header >> 4
            number = number + delta if delta else self.integer()
            yield number, header & 15

    def element(self) -> tuple[str, int, bool]:
        """A SchemaElement: name, number of children, whether it is repeated."""
        name, children, repeated = "", 0, False
        for number, kind in self.fields():
            if number == 4 and kind == _BINARY:
                name = self.binary().decode()
            elif number == 5:
                children = self.integer()
            elif number == 3:
                repeated = self.integer() == _REPEATED
            else:
                self.skip(kind)
        return name, children, repeated

    def skip(self, kind: int) -> None:
        """Pass over a value."""
        if kind in _BOOLEANS:
            return
        if kind == _BYTE:
            self.byte()
        elif kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            self.binary()
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner)
        elif kind in (_LIST, _SET):
            inner = self.data[self.at] & 15
            for _ in range(self.list_size()):
                self.byte() if inner in _BOOLEANS else self.skip(inner)
        elif kind == _MAP:
            raise IndexError  # there is none before the schema, nor in it
        else:
            self.integer()

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while (part := self.byte()) & 128:
            value |= (part & 127) << shift
            shift += 7
        return value | part << shift

    def integer(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def list_size(self) -> int:
        header = self.byte()
        return self.varint() if header >> 4 == 15 else header >> 4

    def binary(self) -> bytes:
        length = self.varint()
        if self.at + length > len(self.data):
            raise IndexError
        self.at += length
        return self.data[self.at - length : self.at]
