"""Which files there are, and which bytes of them must be read: what is new, and what lies right before it."""

import glob
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from whyspend.errors import InputError
from whyspend.sources.otlp_file.packing import ZSTD, unpacked

ENDINGS = (".json", ".jsonl", ".ndjson", ".binpb", ".pb")
PROTOBUF = (".binpb", ".pb")
PACKED = (".gz", ".zst", ".zstd")
LONGEST = 64 * 2**20
"""Bytes of a line, a message, or a file that is one document. A collector sends some 8,192 spans at a time."""
LENGTH = 4
"""Bytes of the length before a message, big endian; so a file of messages begins with at most 4, and one of JSON
does not."""
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

    packing: str
    """gzip or zstd, of the whole file, which so will not grow; or nothing."""
    needs_zstd: bool
    """It is in zstd, or its messages are."""

    @property
    def is_message(self) -> bool:
        """Whether it is named as one message of protobuf, with no length before it."""
        return _without_packing(self.name).endswith(PROTOBUF)


@dataclass(frozen=True)
class Part:
    """The bytes of a file that are read: from `begin`, of which those from `new` on were never read."""

    file: TraceFile
    begin: int
    new: int
    head: bytes
    """The beginning of its first line or message."""
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
        packing, needs_zstd = _packing(each)
        files.append(TraceFile(each, name, state.st_size, state.st_mtime_ns, packing, needs_zstd))
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
    hidden = any(part.startswith(".") for part in path.parts)
    name = path.name.lower()
    return not hidden and (_without_packing(name).endswith(ENDINGS) or name.endswith(PACKED[1:]))


def _without_packing(name: str) -> str:
    name = name.lower()
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)


def _packing(path: Path) -> tuple[str, bool]:
    """How a file is compressed, and whether zstd is needed to read it."""
    if path.suffix == ".gz":
        return "gzip", False
    try:
        with path.open("rb") as file:
            head = file.read(LENGTH + len(ZSTD))
    except OSError:
        return "", False  # what keeps it from being read is told when it is
    if head.startswith(ZSTD):
        return "zstd", True
    return "", is_length(head) and head[LENGTH:] == ZSTD


def _fixed(pattern: Path) -> Path:
    """The part of a pattern before its first sign."""
    fixed = Path(pattern.anchor)
    for part in pattern.parts[len(fixed.parts) :]:
        if glob.has_magic(part):
            return fixed
        fixed /= part
    return fixed.parent


def is_length(head: bytes) -> bool:
    """Whether a file of this beginning is one of messages, each with its length before it."""
    return len(head) >= LENGTH and int.from_bytes(head[:LENGTH], "big") <= LONGEST


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
        if part.new < part.file.size or (not part.file.packing and part.file.modified >= since)
    ]


def end_of(file: TraceFile, size: int) -> Part:
    """The last bytes of a file; all of a compressed one."""
    return Part(file, 0 if file.packing else max(file.size - size, 0), 0, _head(file), "")


def _part(file: TraceFile, watermarks: Mapping[str, int], settings: str, before: int) -> Part:
    head = _head(file)
    identity = _identity(file, head, settings)
    held, size = watermarks.get(f"at:{identity}", 0), watermarks.get(f"of:{identity}")
    if held and (size == file.size or _is_within(file, held)):
        return Part(file, max(file.size - before, 0), file.size, head, identity)
    new = 0 if file.packing else held
    return Part(file, max(new - before, 0), new, head, identity)


def _is_within(file: TraceFile, held: int) -> bool:
    """Whether all of a file was read, maybe under another name. Of a compressed one, by how long the content is. A
    shorter one is an older copy, for a file that is begun anew has another head."""
    if file.packing == "zstd":
        return _unpacked_zstd(file) == held
    return _unpacked_gzip(file) == held % 2**32 if file.packing else file.size <= held


def _identity(file: TraceFile, head: bytes, settings: str) -> str:
    """Of the first line or message, which holds ids of spans; so a file is known after it was renamed or compressed.

    A document over many lines begins like any other: it is known by its name, size and time.
    """
    if head in (b"", b"{", b"["):
        head = f"{file.name} {file.size} {file.modified}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(settings.encode() + b"\0" + head).hexdigest()[:16]


def _head(file: TraceFile) -> bytes:
    try:
        with file.path.open("rb") as plain:
            return beginning(unpacked(plain, file.packing))
    except (OSError, EOFError, zlib.error):
        return b""


def beginning(opened: BufferedIOBase) -> bytes:
    """The beginning of a file's first line, or of its first message and the length before it."""
    head = opened.read(LENGTH)
    if is_length(head):
        return head + opened.read(min(int.from_bytes(head, "big"), _HEAD))
    return (head if b"\n" in head else head + opened.readline(_HEAD - LENGTH)).partition(b"\n")[0].strip()


def _unpacked_gzip(file: TraceFile) -> int:
    """The size of a compressed file's content, modulo 2**32, as its end says."""
    with file.path.open("rb") as opened:
        opened.seek(max(file.size - 4, 0))
        return int.from_bytes(opened.read(4), "little")


def _unpacked_zstd(file: TraceFile) -> int:
    """The size of its content, as its beginning says where it is of one frame; -1: it does not."""
    from zstandard import ZstdError, frame_content_size

    with file.path.open("rb") as opened:
        try:
            return frame_content_size(opened.read(_HEAD))
        except ZstdError:
            return -1


def marks(part: Part, read_to: int) -> dict[str, int]:
    """The watermarks of a file that was read up to a byte of its content; none where nothing of it was."""
    return {f"at:{part.identity}": read_to, f"of:{part.identity}": part.file.size} if read_to else {}
