"""What exists in each stage: its files and installed plug-ins, by name, without importing them."""

import importlib
import os
import sys
from functools import cache
from types import ModuleType

from whyspend.errors import UsageError, nearest

STAGES = ("sources", "reports", "formats", "engines", "alerts")


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
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  see _files
        return file.readline().strip().strip('"').strip()


def _files(stage: str) -> dict[str, str]:
    """Name -> file. With os, not pathlib: `--help` would take a tenth longer for the import alone."""
    folder = os.path.join(os.path.dirname(__file__), stage)  # noqa: PTH118, PTH120
    found: dict[str, str] = {}
    for entry in os.scandir(folder):
        if not "a" <= entry.name[0] <= "z":
            continue
        if entry.name.endswith(".py"):
            found[entry.name.removesuffix(".py")] = entry.path
        elif os.path.exists(init := f"{entry.path}/__init__.py"):  # noqa: PTH110
            found[entry.name] = init
    return found


def _plugins(stage: str) -> dict[str, str]:
    """Entry points of other distributions, name -> module.

    Read from the `entry_points.txt` files themselves: importlib.metadata alone would double the time of `--help`.
    """
    found: dict[str, str] = {}
    for text in _entry_points(tuple(sys.path)):
        if f"[whyspend.{stage}]" in text:
            found |= _section(text, f"whyspend.{stage}")
    return found


@cache
def _entry_points(folders: tuple[str, ...]) -> list[str]:
    """The `entry_points.txt` files in these folders that speak of whyspend."""
    texts = []
    for folder in dict.fromkeys(folders):
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                try:
                    with open(f"{folder or '.'}/{name}/entry_points.txt", "rb") as file:  # noqa: PTH123
                        text = file.read().decode("utf-8", "replace")
                except OSError:
                    continue
                if "whyspend." in text:
                    texts.append(text)
    return texts


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
