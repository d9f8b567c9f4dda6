from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.shell import Result

from whyspend.cli import run
from whyspend.engines.duckdb import connect
from whyspend.ledger import Ledger
from whyspend.model import DEFAULT_DIMENSIONS, Batch, Call

Run = Callable[..., Result]

HOSTILE = (
    '=HYPERLINK("http://x","y")',
    "semi;colon, comma \"quote\" 'single'",
    "new\nline\ttab\rreturn",
    "\x1b[31mred\x1b[0m \u202egnp.exe",
    "| pipe | `code` <script>alert(1)</script>",
    "日本語 🎉 é",
    "'; DROP TABLE calls; --",
    "\\",
    "untagged",
    "%s {0} {name} $HOME",
)
"""Names as applications may send them: in every column that a person can name."""


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def sample_calls() -> list[Call]:
    """Two weeks of November 2026, a few calls a day, some of them untagged, unpriced or with hostile names."""
    calls = []
    for day in range(8, 22):
        for index, name in enumerate((None, "rag-search", "chat", *HOSTILE[: 2 if day < 20 else None])):
            calls.append(
                Call(
                    source="prod",
                    project=name or "p",
                    call_id=f"{day}-{index}",
                    trace_id=f"trace-{day}-{index}",
                    thread_id=name,
                    root_name=name,
                    name=name,
                    release=name,
                    started_at=micros(f"2026-11-{day:02} 10:00:00") + index * 60_000_000,
                    provider="openai",
                    model_requested="gpt-4o" if index != 2 else f"made-up {name}",
                    input_tokens=100_000 * (index + day),
                    output_tokens=1_000,
                    prompt_total=100_000 * (index + day),
                    completion_total=1_000,
                    usage_source="server",
                    reported_cost=10**9,
                    dimensions=(name, "production", None),
                    attributed=("call" if name else None, "call", None),
                )
            )
    return calls


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of `sample_calls`."""
    folder = tmp_path_factory.mktemp("sample") / "ledger"
    engine = connect(threads=1)
    writer = Ledger(folder).writer(engine, "prod", DEFAULT_DIMENSIONS)
    writer.add(Batch(calls=sample_calls(), links={"chat": "https://smith.example/o/1/projects/p/2"}))
    writer.commit({"upto:chat": micros("2026-11-21 23:00:00"), "from:chat": micros("2026-11-01")})
    engine.close()
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and no account."""
    for name in ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY", "LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def whyspend(home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command line in this process: what it exits with, and what it wrote."""

    def in_process(*args: str | Path) -> Result:
        code = run([str(arg) for arg in args])
        out, err = capfdbinary.readouterr()
        return Result(code, out, err.decode())

    return in_process


@pytest.fixture
def ask(whyspend: Run, sample: Path) -> Callable[[Sequence[str]], Result]:
    """Run a report over the sample's last week."""

    def asked(args: Sequence[str]) -> Result:
        days = ("--since", "2026-11-15", "--until", "2026-11-21")
        return whyspend(*args, *days, "--ledger", sample)

    return asked
