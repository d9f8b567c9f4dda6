"""Files in the ledger's folder that no commit lists: left by a crash, or foreign. Only the first are ever removed."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from whyspend.ledger import manifest as manifests
from whyspend.ledger.manifest import Manifest

_FOLDER = re.compile(r"day=\d{4}-\d\d-\d\d")
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.tmp")
_WRITTEN = re.compile(r"\w+-([0-9a-f]{16})\.parquet")


def unlisted(root: Path, manifest: Manifest) -> Iterator[Path]:
    """Files below `calls` that the manifest does not know, in order."""
    known = {file.path for file in manifest.files} | {old.path for old in manifest.retired}
    for path in sorted((root / "calls").rglob("*")):
        if path.is_file() and path.relative_to(root).as_posix() not in known:
            yield path


def is_ours(path: Path) -> bool:
    """Whether a file that no commit lists is an unfinished write, or one that was not committed.

    The latter is named by its content, so a foreign file that happens to be named alike is told apart.
    """
    if not _FOLDER.fullmatch(path.parent.name):
        return False
    if _UNFINISHED.fullmatch(path.name):
        return True
    written = _WRITTEN.fullmatch(path.name)
    return written is not None and manifests.sha256(path).startswith(written[1])


def remove(root: Path, grace: float) -> int:
    """Remove our own leftovers that are older than the time of grace; how many.

    Raises:
        LedgerError: another writer does not finish, or the folder cannot be written.
    """
    removed = 0
    if not (root / "calls").exists():
        return removed
    with manifests.exclusive(root):  # a writer's files are not listed until its commit
        for path in list(unlisted(root, manifests.read(root))):
            if is_ours(path) and path.stat().st_mtime + grace <= time.time():
                path.unlink()
                removed += 1
    return removed
