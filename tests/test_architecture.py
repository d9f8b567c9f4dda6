"""The drawing of the architecture holds: what is imported when, and in which direction."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "whyspend"
HEAVY = {"duckdb", "arro3", "httpx2", "rich", "filelock", "anyio", "genai_prices", "pyarrow", "numpy", "pytz"}


def imported(code: str) -> set[str]:
    """The modules that are loaded after some code ran in a fresh interpreter."""
    script = f"import sys\n{code}\nimport json; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "code",
    [
        "from whyspend.cli import run\nassert run(['--help']) == 0",
        "from whyspend.cli import run\nassert run(['--version']) == 0",
        "from whyspend.cli import run\nassert run(['nope']) == 2",
    ],
    ids=["help", "version", "unknown command"],
)
def test_help_imports_nothing_heavy_and_no_report(code: str) -> None:
    modules = imported(code)
    assert not roots(modules) & (HEAVY | {"msgspec"})
    own = {name for name in modules if name.startswith("whyspend")}
    assert own <= {"whyspend", "whyspend.cli", "whyspend.registry", "whyspend.errors"}


def test_importing_whyspend_imports_nothing_else() -> None:
    assert {name for name in imported("import whyspend") if name.startswith("whyspend")} == {"whyspend"}


def test_tagging_imports_nothing_of_ours_and_nothing_installed() -> None:
    modules = imported("import whyspend.tagging\nfrom whyspend import feature")
    assert {name for name in modules if name.startswith("whyspend")} == {"whyspend", "whyspend.tagging"}
    assert not roots(modules) & (HEAVY | {"msgspec", "click"})


def test_loading_the_configuration_imports_no_engine_and_no_source() -> None:
    modules = imported("from whyspend.config import load\nload(None, {})")
    assert not roots(modules) & (HEAVY | {"click"})
    assert not [name for name in modules if name.startswith("whyspend.sources.")]


def test_a_report_imports_no_http_and_no_other_report() -> None:
    modules = imported("from whyspend import registry\nregistry.load('reports', 'requests')")
    assert not roots(modules) & (HEAVY | {"click"})
    assert "whyspend.reports.report" not in modules


def test_asking_imports_no_http_no_rich_and_nothing_of_genai_prices(tmp_path: Path) -> None:
    code = (
        f"from whyspend.cli import run\nassert run(['report', '--ledger', {str(tmp_path / 'none')!r}]) == 0"
    )
    assert not roots(imported(code)) & {
        "httpx2",
        "anyio",
        "rich",
        "genai_prices",
        "pyarrow",
        "pandas",
        "langsmith",
    }


@pytest.mark.parametrize("form", ["text", "csv", "json", "html"])
def test_showing_a_price_opens_no_engine(form: str, tmp_path: Path) -> None:
    args = ["prices", "show", "openai/gpt-4o", "--ledger", str(tmp_path / "none"), "--format", form]
    modules = imported(f"from whyspend.cli import run\nassert run({args!r}) == 0")
    assert not roots(modules) & {"duckdb", "httpx2", "anyio", "rich", "genai_prices"}


def test_imports_go_down_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def python_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_no_file_grows_beyond_450_lines() -> None:
    long = [path.name for path in python_files() if len(path.read_text(encoding="utf-8").splitlines()) > 450]
    assert not long


def test_every_file_says_what_it_is_for() -> None:
    mute = [
        path for path in python_files() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not mute


def test_no_error_is_swallowed_blindly() -> None:
    """`except BaseException` may only clean up and raise again, or hand the error on."""
    blind = []
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                last = node.body[-1]
                again = isinstance(last, ast.Raise) and last.exc is None
                handed_on = caught == "BaseException" and node.name is not None
                if caught in ("Exception", "BaseException", "everything") and not (again or handed_on):
                    blind.append(f"{path.relative_to(SOURCE)} line {node.lineno}")
    assert not blind
