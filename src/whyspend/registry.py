"""What exists in each stage: its files and installed plug-ins, by name, without importing them."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

from whyspend.errors import UsageError, nearest

STAGES = ("sources", "reports", "formats", "engines")


def names(stage: str) -> list[str]:
    """The names of a stage: one for each file of its folder and each entry point `whyspend.<stage>`.

    Imports nothing, so that help and completion stay instant.
    """
    return sorted({*_files(stage), *_plugins(stage)})


def load(stage: str, name: str) -> ModuleType:
    """Import the one file of that name.

    Raises:
        UsageError: nothing of that name exists, or it is a broken plug-in; the message lists what exists.
    """
    if name in _files(stage):
        return importlib.import_module(f"whyspend.{stage}.{name}")
    if target := _plugins(stage).get(name):
        try:
            return importlib.import_module(target)
        except ImportError as error:
            raise UsageError(
                f"The plug-in '{name}' cannot be loaded: {error}. Update the package that brings it, or remove it."
            ) from None
    known = names(stage)
    raise UsageError(
        f"There is no {stage.removesuffix('s')} named '{name}'.{nearest(name, known)} There is: {', '.join(known)}."
    )


def question(stage: str, name: str) -> str:
    """The first line of the file's docstring, read without importing it."""
    path = _files(stage).get(name)
    if path is None:
        try:
            return (load(stage, name).__doc__ or "").strip().split("\n")[0]
        except UsageError:
            return "(a plug-in that cannot be loaded)"
    with path.open(encoding="utf-8") as file:
        return file.readline().strip().strip('"').strip()


def _files(stage: str) -> dict[str, Path]:
    folder = Path(__file__).parent / stage
    packages = {path.parent.name: path for path in folder.glob("[a-z]*/__init__.py")}
    return packages | {path.stem: path for path in folder.glob("[a-z]*.py")}


def _plugins(stage: str) -> dict[str, str]:
    """Entry points of other distributions, name -> module.

    Read from the `entry_points.txt` files themselves: importlib.metadata alone would double the time of `--help`.
    """
    found: dict[str, str] = {}
    for folder in dict.fromkeys(sys.path):
        for path in Path(folder or ".").glob("*.dist-info/entry_points.txt"):
            text = path.read_text(encoding="utf-8", errors="replace")
            if f"[whyspend.{stage}]" in text:
                found |= _section(text, f"whyspend.{stage}")
    return found


def _section(text: str, header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    current = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            current = line.strip("[]")
        elif current == header and "=" in line:
            name, _, target = line.partition("=")
            found[name.strip()] = target.strip()
    return found
