"""The tutorial is run from its top to its bottom, and prints what it says.

A block of bash or python is run; a block of text right after it is what it prints on a terminal of 100 columns, but
for days, times, ids and ports. WHYSPEND_UPDATE_GOLDEN=1 writes the blocks of text anew.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from docs.build import on_terminal
from tests.collector.running import environment

pytestmark = pytest.mark.slow  # starts servers and clients

ROOT = Path(__file__).parent.parent
OLDEST = ROOT / ".venv-oldest" / "bin" / "python"
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^(<!-- stays -->\n)?```(bash|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

VARYING = {
    r"\d\d:\d\d:\d\d": "12:00:00",
    r"[0-9a-f]{8}(-[0-9a-f]{3,4}){3,4}[0-9a-f]*": "01a2299c-0d77-737c-b8a4-bdc",
}
TODAY = "2026-11-29"
"""On the page."""

SESSION = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO

names = {}
for line in sys.stdin:
    with redirect_stdout(StringIO()) as printed:
        exec(json.loads(line), names)
    print(json.dumps(printed.getvalue()), flush=True)
"""
"""A session of Python that is fed one block after the other."""


@dataclass
class Reader:
    """Somebody who follows the page, in a folder of their own."""

    folder: Path
    variables: dict[str, str]
    ports: dict[str, str]
    """Of the page, and those that are free."""
    servers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    session: "subprocess.Popen[str] | None" = None

    def start(self, code: str) -> None:
        """Run a server, until the end; it is told its port."""
        port = self.ports["8322" if "model_server" in code else "8321"]
        self.servers.append(
            subprocess.Popen(
                ["bash", "-c", f"exec {code.strip()} --port {port}"],
                cwd=self.folder,
                env=self.variables,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", int(port))) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{code} does not listen")

    def bash(self, code: str) -> str:
        """Run commands; what they export stays."""
        for shown, port in self.ports.items():
            code = code.replace(f"127.0.0.1:{shown}", f"127.0.0.1:{port}")
        kept = self.folder.parent / "variables"
        script = f"{code}\nenv -0 > {kept}\n"
        printed = on_terminal(["bash", "-ec", script], self.folder, self.variables)
        self.variables = dict(line.split("=", 1) for line in kept.read_text().split("\0") if line)
        return printed

    def python(self, code: str) -> str:
        """Run code in the session."""
        if self.session is None:
            self.session = subprocess.Popen(
                [sys.executable, "-c", SESSION],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self.session.stdin is not None
        assert self.session.stdout is not None
        self.session.stdin.write(json.dumps(code) + "\n")
        self.session.stdin.flush()
        line = self.session.stdout.readline()
        assert line, f"this fails:\n{code}"
        printed: str = json.loads(line)
        return printed

    def python_of(self, executable: Path, code: str) -> str:
        """Run code with other clients, as one script."""
        done = subprocess.run(
            [executable, "-c", code],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def leave(self) -> None:
        """End what was started."""
        if self.session is not None:
            self.session.communicate(timeout=30)
        for server in self.servers:
            server.send_signal(signal.SIGINT)
            assert server.wait(30) in (0, -signal.SIGINT)


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    place = folder / "copy"
    shutil.copytree(ROOT / "examples", place / "examples")
    tools = folder / "bin"
    tools.mkdir()
    for name, more in (("python", ""), ("whyspend", "-m whyspend")):
        (tools / name).write_text(f'#!/bin/sh\nexec {sys.executable} {more} "$@"\n')
        (tools / name).chmod(0o755)
    paths = f"{tools}{os.pathsep}{os.environ['PATH']}"
    variables = environment(PATH=paths, PYTHONPATH=str(ROOT / "src"), NO_COLOR="1", TERM="xterm")
    reader = Reader(place, variables, dict(zip(("8321", "8322"), map(str, free_ports()), strict=True)))
    try:
        yield reader
    finally:
        reader.leave()


def free_ports() -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        return [each.getsockname()[1] for each in found]


def plain(text: str) -> str:
    text = text.replace(f"{datetime.now(UTC):%Y-%m-%d}", TODAY)
    for pattern, instead in VARYING.items():
        text = re.sub(pattern, instead, text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines()).strip("\n") + "\n"


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    printed = ""
    scripts: list[tuple[str, str]] = []

    def followed(block: re.Match[str]) -> str:
        nonlocal printed
        stays, language, code = block.groups()
        if language == "text":
            return f"```text\n{plain(printed)}```"
        if stays:
            reader.start(code)
        elif language == "python":
            printed = reader.python(code)
            scripts.append((code, printed))
        elif not code.startswith("pip install"):
            printed = reader.bash(code)
        return block[0]

    with reading(tmp_path) as reader:
        made = BLOCK.sub(followed, page)
        codes, results = zip(*scripts, strict=True)
        if OLDEST.exists():  # tests/collector/test_real_sdk.py says where it does not
            assert reader.python_of(OLDEST, "".join(codes)) == "".join(results)
    if os.environ.get("WHYSPEND_UPDATE_GOLDEN"):
        PAGE.write_text(made, encoding="utf-8", newline="\n")
    assert made == page
