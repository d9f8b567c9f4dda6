"""Write the generated parts of README.md and docs/*.md, or check that they are what the program prints today.

    python -m docs.build            write
    python -m docs.build --check    fail where a part is out of date

A generated part is a fenced block behind a marker line:

    <!-- screen: whyspend report --ledger .whyspend-demo -->    the command, as a terminal of 100 columns shows it
    <!-- help -->                                               the --help of every command
    <!-- columns -->                                            the columns of the ledger
"""

import ast
import inspect
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from whyspend import model
from whyspend.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PART = re.compile(r"(<!-- (screen: .+?|help|columns) -->\n```\w*\n)(.*?)(```\n)", re.DOTALL)
COLUMNS = 100


def main() -> int:
    """Write or check every page; returns the exit code."""
    check = "--check" in sys.argv[1:]
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        for page in PAGES:
            held = page.read_text(encoding="utf-8")
            made = PART.sub(lambda part: part[1] + _made(part[2], Path(folder)) + part[4], held)
            if made != held:
                stale.append(page.name)
                if not check:
                    page.write_text(made, encoding="utf-8", newline="\n")
    if check and stale:
        print(f"Out of date: {', '.join(stale)}. Run: make docs", file=sys.stderr)
        return 1
    return 0


def _made(what: str, folder: Path) -> str:
    generators: dict[str, Callable[[], str]] = {"help": _help, "columns": _columns}
    if what in generators:
        return generators[what]()
    return _screen(what.removeprefix("screen: "), folder)


def _screen(command: str, folder: Path) -> str:
    """What a terminal shows of a command, run in a folder of its own that all screens share."""
    if command != "whyspend demo" and not (folder / ".whyspend-demo").exists():
        _screen("whyspend demo", folder)
    _, *arguments = shlex.split(command)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LANG")}
    environment |= {"NO_COLOR": "1", "TERM": "xterm", "PYTHONUTF8": "1"}
    shown = on_terminal([sys.executable, "-m", "whyspend", *arguments], folder, environment)
    lines = [line.rstrip() for line in shown.splitlines()]
    return f"$ {command}\n" + "\n".join(lines).strip("\n") + "\n"


def on_terminal(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a program prints on a terminal of COLUMNS columns.

    Raises:
        SystemExit: it fails.
    """
    ours, theirs = pty.openpty()
    variables = {**environment, "COLUMNS": str(COLUMNS), "LINES": "60"}
    with subprocess.Popen(
        command, cwd=folder, stdout=theirs, stderr=subprocess.PIPE, env=variables
    ) as process:
        os.close(theirs)
        shown = _drained(ours)
        narration = process.stderr.read().decode() if process.stderr else ""
    if process.returncode != 0:
        raise SystemExit(f"{shlex.join(command)} failed: {narration}")
    return shown.replace("\r\n", "\n")


def _drained(descriptor: int) -> str:
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([descriptor], [], [], 120)
        try:
            part = os.read(descriptor, 65536) if ready else b""
        except OSError:  # Linux says so when the other end is closed
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts).decode()
        parts.append(part)


def _help() -> str:
    """The help of every command, at 100 columns."""
    pages = []
    for name in [None, *cli.list_commands(_context())]:
        context = _context()
        command = cli if name is None else cli.get_command(context, name)
        assert command is not None
        with command.make_context(name or "whyspend", ["--help"], resilient_parsing=True) as inner:
            inner.info_name = f"whyspend {name}" if name else "whyspend"
            pages.append(command.get_help(inner))
    return "\n\n".join(pages) + "\n"


def _context() -> click.Context:
    return click.Context(cli, info_name="whyspend", terminal_width=COLUMNS, max_content_width=COLUMNS)


def _columns() -> str:
    """Name, type and meaning of each column, from the fields of Call and the strings below them."""
    tree = ast.parse(inspect.getsource(model))
    (call,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Call"]
    meanings: dict[str, str] = {}
    for node, following in zip(call.body, call.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            said = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
            meanings[node.target.id] = " ".join(said.split())
    return "".join(
        f"{c.name:<26}{c.sql:<13}{meanings.get(c.name, '')}".rstrip() + "\n" for c in model.COLUMNS
    )


if __name__ == "__main__":
    raise SystemExit(main())
