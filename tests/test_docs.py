"""What the pages say is run, and what they link to exists."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from whyspend.cli import cli
from whyspend.config import load

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
RUN_ELSEWHERE = {"extending.md", "tutorial.md"}
"""The examples of the one are files of a package, the steps of the other follow each other: tests of their own."""


def blocks(language: str) -> list[tuple[str, int, str]]:
    """(page, line, code) of every fenced block of a language."""
    fenced = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    texts = {page.name: page.read_text(encoding="utf-8") for page in PAGES if page.name not in RUN_ELSEWHERE}
    return [
        (name, text[: match.start()].count("\n") + 1, match[1])
        for name, text in texts.items()
        for match in fenced.finditer(text)
    ]


@pytest.mark.parametrize(("page", "line", "code"), blocks("python"), ids=lambda part: str(part)[:20])
def test_every_python_block_runs(page: str, line: int, code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{page} line {line}: {done.stderr}"


@pytest.mark.parametrize(("page", "line", "code"), blocks("toml"), ids=lambda part: str(part)[:20])
def test_every_toml_block_is_a_configuration(page: str, line: int, code: str, tmp_path: Path) -> None:
    tomllib.loads(code)
    path = tmp_path / "whyspend.toml"
    path.write_text(code, encoding="utf-8")
    load(path, {})


def test_every_command_is_on_the_command_page() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    import click

    for name in cli.list_commands(click.Context(cli)):
        assert f"Usage: whyspend {name} " in page, f"docs/cli.md lacks {name}: run make docs"


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_opens_with_the_two_commands() -> None:
    opening = (ROOT / "README.md").read_text(encoding="utf-8")[:800]
    assert "make demo" in opening
    assert "make test" in opening
