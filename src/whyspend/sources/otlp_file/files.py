"""Which files there are, and which bytes of them must be read: what is new, and what lies right before it."""

import glob
import gzip
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from whyspend.errors import InputError

ENDINGS = (".json", ".jsonl", ".ndjson")
PACKED = (".zst", ".zstd")
_HEAD = 4096


@dataclass(frozen=True)
class TraceFile:
    """One file, as it was when the pull began."""

    path: Path
    name: str
    """Its path below the folder of the source, with `/`."""
    size: int
    modified: int
    """Nanoseconds since the epoch."""

    @property
    def is_gzip(self) -> bool:
        """Whether it is compressed, and so will not grow."""
        return self.path.suffix == ".gz"


@dataclass(frozen=True)
class Part:
    """The bytes of a file that are read: from `begin`, of which those from `new` on were never read."""

    file: TraceFile
    begin: int
    new: int
    head: bytes
    """The beginning of its first line."""
    identity: str
    """What tells the file from others, whatever its name; and the settings that it is read with."""


def trace_files(path: Path) -> list[TraceFile]:
    """All files that a folder, a file or a pattern means, the oldest first.

    Raises:
        InputError: there is none.
    """
    anchor, found = _found(path)
    files = []
    for each in sorted(set(found)):
        try:
            state = each.stat()
        except OSError:  # rotated away meanwhile: it comes under its new name with the next pull
            continue
        name = each.relative_to(anchor).as_posix()
        files.append(TraceFile(each, name, state.st_size, state.st_mtime_ns))
    if not files:
        raise InputError(
            f"There is no file of traces at {path}. Set path of this source to what the file exporter of the "
            'collector writes: a file, a folder, or a pattern such as "traces/*.jsonl".'
        )
    return sorted(files, key=lambda file: (file.modified, file.name))


def _found(path: Path) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files."""
    if path.is_dir():
        return path, [
            each for each in path.rglob("*") if _is_of_traces(each.relative_to(path)) and each.is_file()
        ]
    if path.is_file():
        return path.parent, [path]
    found = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    matches = [Path(match) for match in found]
    return _fixed(path), [match for match in matches if match.is_file()]


def _is_of_traces(path: Path) -> bool:
    """By its name; hidden files are left out."""
    name = path.name.lower().removesuffix(".gz")
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and (name.endswith(ENDINGS) or name.endswith(PACKED))


def _fixed(pattern: Path) -> Path:
    """The part of a pattern before its first sign."""
    fixed = Path(pattern.anchor)
    for part in pattern.parts[len(fixed.parts) :]:
        if glob.has_magic(part):
            return fixed
        fixed /= part
    return fixed.parent


def is_packed(file: TraceFile) -> bool:
    """Whether it is compressed in a way that cannot be read here."""
    return file.path.suffix.lower() in PACKED


def parts(
    files: Sequence[TraceFile], watermarks: Mapping[str, int], settings: str, *, before: int, since: int
) -> list[Part]:
    """What to read: all that is new, and where there is any, up to `before` bytes of what each file had before.

    Of a file that has nothing new, only if it was written since an instant (in nanoseconds since the epoch). Spans of
    one trace come one after another, the inner ones first, and may be parted by the end of a pull, of a file, or
    between the files of several collectors. A compressed file is whole, and is not opened again.
    """
    wanted = [_part(file, watermarks, settings, before) for file in files]
    if not any(part.new < part.file.size for part in wanted):
        return []
    return [
        part
        for part in wanted
        if part.new < part.file.size or (not part.file.is_gzip and part.file.modified >= since)
    ]


def end_of(file: TraceFile, size: int) -> Part:
    """The last bytes of a file; all of a compressed one."""
    return Part(file, 0 if file.is_gzip else max(file.size - size, 0), 0, _head(file), "")


def _part(file: TraceFile, watermarks: Mapping[str, int], settings: str, before: int) -> Part:
    head = _head(file)
    identity = _identity(file, head, settings)
    held, size = watermarks.get(f"at:{identity}", 0), watermarks.get(f"of:{identity}")
    if held and (size == file.size or _is_within(file, held)):
        return Part(file, max(file.size - before, 0), file.size, head, identity)
    new = 0 if file.is_gzip else held
    return Part(file, max(new - before, 0), new, head, identity)


def _is_within(file: TraceFile, held: int) -> bool:
    """Whether all of a file was read, maybe under another name: of a compressed one, its last 4 bytes say how long
    the content is, modulo 2**32. A shorter one is an older copy, for a file that is begun anew has another head."""
    return _unpacked(file) == held % 2**32 if file.is_gzip else file.size <= held


def _identity(file: TraceFile, head: bytes, settings: str) -> str:
    """Of the first line, which holds ids of spans; so a file is known after it was renamed or compressed.

    A document over many lines begins like any other: it is known by its name, size and time.
    """
    if head in (b"", b"{", b"["):
        head = f"{file.name} {file.size} {file.modified}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(settings.encode() + b"\0" + head).hexdigest()[:16]


def _head(file: TraceFile) -> bytes:
    try:
        with file.path.open("rb") as plain:
            return first_line(gzip.GzipFile(fileobj=plain) if file.is_gzip else plain)
    except (OSError, EOFError, zlib.error):
        return b""


def first_line(opened: BufferedIOBase) -> bytes:
    """The beginning of a file's first line; what is read next is the file's beginning again."""
    head = opened.readline(_HEAD).strip()
    opened.seek(0)
    return head


def _unpacked(file: TraceFile) -> int:
    """The size of a compressed file's content, modulo 2**32, as its end says."""
    with file.path.open("rb") as opened:
        opened.seek(max(file.size - 4, 0))
        return int.from_bytes(opened.read(4), "little")


def marks(part: Part, read_to: int) -> dict[str, int]:
    """The watermarks of a file that was read up to a byte of its content; none where nothing of it was."""
    return {f"at:{part.identity}": read_to, f"of:{part.identity}": part.file.size} if read_to else {}
