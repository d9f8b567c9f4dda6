"""The program as a process: pipes, terminals, signals, locales, shells."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.cli.shell import command, environment, on_a_terminal, piped

from whyspend import registry
from whyspend.cli import BUILT_IN
from whyspend.cli.prices import SUBCOMMANDS

DAYS = ("--since", "2026-11-15", "--until", "2026-11-21")
GOLDEN = Path(__file__).parent.parent / "golden" / "cli"
COMMANDS = [[], *([name] for name in sorted([*BUILT_IN, *registry.names("reports")]))]
COMMANDS += [["ledger", "info"], ["ledger", "verify"], ["ledger", "compact"]]
COMMANDS += [["prices", name] for name in SUBCOMMANDS]


@pytest.fixture
def week(sample: Path) -> list[str | Path]:
    return ["report", *DAYS, "--ledger", sample]


def test_python_m_whyspend_is_the_command(home: Path) -> None:
    version = piped(["--version"], home)
    assert re.fullmatch(rb"whyspend, version \d+\.\d+\.\d+\n", version.out)
    assert piped(["nope"], home).code == 2


def test_a_reader_that_goes_away_is_no_failure(home: Path, week: Sequence[str | Path]) -> None:
    """Exit code 1 would say that a gate failed."""
    script = f"set -o pipefail; {' '.join(map(str, command(*week, '--by', 'name,day')))} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", script], cwd=home, env=environment(), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"report")


@pytest.mark.parametrize("args", [["--help"], ["report", *DAYS], ["completion", "bash"]])
def test_a_pipe_that_was_closed_before_is_no_failure(home: Path, sample: Path, args: Sequence[str]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    more = ["--ledger", str(sample)] if args[0] == "report" else []
    with os.fdopen(theirs, "wb") as closed:
        done = subprocess.run(
            command(*args, *more),
            cwd=home,
            env=environment(),
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(home: Path, week: Sequence[str | Path]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(*week), cwd=home, env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 2
    assert done.stderr == b"whyspend: No space left on device. Make room, and run the command again.\n"


def test_ctrl_c_is_exit_code_130_and_one_line(home: Path) -> None:
    """While a source does not answer: its listener is bound, and never accepts."""
    waiting = (
        "import socket, subprocess, sys\n"
        "with socket.socket() as busy:\n"
        "    busy.bind(('127.0.0.1', 0)); busy.listen(1)\n"
        "    print(busy.getsockname()[1], flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        port = server.stdout.readline().strip()
        account = {"LANGSMITH_API_KEY": "x", "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{port}"}
        with subprocess.Popen(
            command("pull"),
            cwd=home,
            env=environment() | account,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as pull:
            time.sleep(1.5)
            pull.send_signal(signal.SIGINT)
            out, err = pull.communicate(timeout=20)
        server.communicate("")
    assert (pull.returncode, out) == (130, b"")
    assert err.strip() == b"whyspend: interrupted. What was published before stays, and is whole."


def test_ctrl_c_during_a_query_is_exit_code_130_too(home: Path) -> None:
    info = home / "site" / "slow-1.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[whyspend.reports]\nslow = whyspend_slow\n")
    (home / "site" / "whyspend_slow.py").write_text(
        '"""How long does it take?"""\n\ndef run(data):\n    """Never ends."""\n'
        "    print('running', flush=True)\n"
        "    while True:\n        data.rows('SELECT sum(range % 7) FROM range(20000000)')\n"
    )
    path = os.pathsep.join((environment()["PYTHONPATH"], str(home / "site")))
    with subprocess.Popen(
        command("slow"),
        cwd=home,
        env=environment(PYTHONPATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as slow:
        assert slow.stdout
        assert slow.stdout.readline() == b"running\n"
        time.sleep(0.3)
        slow.send_signal(signal.SIGINT)
        _, err = slow.communicate(timeout=30)
    assert (slow.returncode, err.count(b"\n")) == (130, 1)
    assert err.startswith(b"whyspend: interrupted.")


# Terminals


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_terminal_of_any_width_gets_no_longer_lines(
    home: Path, week: Sequence[str | Path], width: int
) -> None:
    out = on_a_terminal([*week, "--by", "name"], home, width=width, env=None).out.decode()
    plain = re.sub(r"\x1b\[[\d;]*m", "", out)
    assert not [line for line in plain.splitlines() if len(line) > width and " " in line.strip()]
    assert "cost" in plain
    assert not re.search(r"\x1b[^\[]|\x1b\[[^m\d]", out)


def test_a_terminal_gets_colour_and_a_sparkline_and_a_pipe_neither(
    home: Path, week: Sequence[str | Path]
) -> None:
    shown = on_a_terminal(week, home, width=160).out
    assert b"\x1b[1m" in shown
    assert re.search("[▁▂▃▄▅▆▇█]{7}", shown.decode())
    out = piped(week, home).out
    assert b"\x1b" not in out
    assert not re.search("[▁▂▃▄▅▆▇█]", out.decode())


@pytest.mark.parametrize("off", [{"NO_COLOR": "1", "TERM": "xterm"}, {"NO_COLOR": None, "TERM": "dumb"}])
def test_colour_can_be_off(home: Path, week: Sequence[str | Path], off: dict[str, str | None]) -> None:
    assert b"\x1b" not in on_a_terminal(week, home, env=environment(**off)).out


def test_parquet_is_not_written_to_a_terminal(home: Path, week: Sequence[str | Path]) -> None:
    result = on_a_terminal([*week, "--format", "parquet"], home)
    assert result.code == 2
    assert b"Parquet is not for a terminal. Give -o FILE" in result.out


# Locales


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": None},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["C", "latin-1"],
)
def test_any_locale_gets_every_command(home: Path, sample: Path, locale: dict[str, str | None]) -> None:
    """Answers are UTF-8 bytes; narration in another encoding shows what that does not have as escapes."""
    env = environment(**locale)
    answer = piped(["report", *DAYS, "--by", "name", "--ledger", sample], home, env)
    assert (answer.code, answer.err) == (0, "")
    assert "日本語" in answer.text
    doctor = piped(["doctor", "--ledger", sample], home, env)
    assert doctor.code == 1
    assert "Traceback" not in doctor.err
    bad = piped(["report", "--where", "日本"], home, env)
    assert bad.code == 2
    assert "Traceback" not in bad.err


# Shells


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(home: Path, shell: str) -> None:
    script = piped(["completion", shell], home)
    assert script.code == 0
    assert b"_WHYSPEND_COMPLETE" in script.out
    assert b"whyspend" in script.out


def test_completion_knows_commands_options_and_choices(home: Path) -> None:
    def completed(*words: str) -> list[str]:
        line = " ".join(("whyspend", *words))
        env = environment(_WHYSPEND_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words)))
        out = piped([], home, env).text
        return [line.partition(",")[2] for line in out.splitlines()]

    assert set(completed("re")) >= {"report", "requests"}
    assert "--where" in completed("report", "--w")
    assert completed("report", "--format", "js") == ["json"]


# Help


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: "-".join(args) or "whyspend")
def test_help_reads_as_ever(args: Sequence[str], whyspend: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """WHYSPEND_UPDATE_GOLDEN=1 writes it anew; every option has a line of help."""
    monkeypatch.setenv("COLUMNS", "100")
    assert callable(whyspend)
    result = whyspend(*args, "--help")
    assert (result.code, result.err) == (0, "")
    golden = GOLDEN / f"{'-'.join(['help', *args])}.txt"
    if os.environ.get("WHYSPEND_UPDATE_GOLDEN") == "1":
        golden.write_bytes(result.out)
    assert result.out == golden.read_bytes()
    bare = re.findall(r"(?m)^  (?:-\w, )?(--[\w-]+)(?: [\w|\[\]]+)?$(?!\n {10})", result.text)
    assert not bare, f"options without a line of help: {bare}"
