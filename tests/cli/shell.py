"""The program as a shell meets it: a process with a terminal or pipes, signals, an environment."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment without an account, and with some variables set or (None) unset."""
    keep = {
        name: value for name, value in os.environ.items() if not name.startswith(("LANGSMITH_", "LANGCHAIN_"))
    }
    keep |= {"PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "error"}
    keep |= {name: value for name, value in changes.items() if value is not None}
    return {name: value for name, value in keep.items() if changes.get(name, "") is not None}


def command(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "whyspend", *map(str, args)]


def piped(args: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None) -> Result:
    done = subprocess.run(command(*args), cwd=cwd, env=env or environment(), capture_output=True, timeout=60)
    return Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def on_a_terminal(
    args: Sequence[str | Path],
    cwd: Path,
    *,
    width: int = 100,
    env: Mapping[str, str] | None = None,
    answer: bytes = b"",
) -> Result:
    """Run with stdout and stderr on a terminal of this width; `out` has what both wrote. `answer` is typed ahead."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    with subprocess.Popen(
        command(*args),
        cwd=cwd,
        env=env or environment(TERM="xterm-256color", NO_COLOR=None, COLUMNS=None),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, answer)
        out = _read_to_end(ours)
        return Result(process.wait(60), out.replace(b"\r\n", b"\n"), "")


def _read_to_end(descriptor: int) -> bytes:
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([descriptor], [], [], 60)
        try:
            part = os.read(descriptor, 65536) if ready else b""
        except OSError:  # Linux says so when the other end is closed
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts)
        parts.append(part)
