"""GitHub: one workflow command that no name can end, and a summary that stays a summary."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from tests.alerts.hostile import alert, alerts, assert_inert

from whyspend.alerts import github
from whyspend.errors import SourceError
from whyspend.model import Alert

COMMAND = re.compile(
    r"::(error|warning|notice) title=((?:[^%\r\n:,]|%(?:25|0D|0A|3A|2C))+)::((?:[^%\r\n]|%(?:25|0D|0A))+)"
)


class Tags(HTMLParser):
    """The tags of a page, and the addresses it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


@settings(max_examples=60)
@given(alerts())
def test_any_alert_is_one_workflow_command(alert: Alert) -> None:
    line = github.annotation(alert)
    assert_inert(line)
    assert COMMAND.fullmatch(line), line


@settings(max_examples=60)
@given(alerts())
def test_any_alert_is_one_block_of_our_own_tags(alert: Alert) -> None:
    text = github.section(alert)
    tokens = MarkdownIt("commonmark").parse("before\n" + text + "after\n")
    assert [token.type for token in tokens if token.level == 0 and token.nesting >= 0] == [
        "paragraph_open",
        "html_block",
        "paragraph_open",
    ]
    page = Tags()
    page.feed(text)
    assert page.tags <= {"h3", "p", "table", "tr", "th", "td", "ul", "li", "code", "a", "sub"}
    assert all(link.startswith(("http://", "https://")) for link in page.links)
    assert not re.search(r"[@#]\w", text.replace("&#36;", "").split("<p><a href=")[0])


def test_the_annotation_is_on_stderr_and_the_summary_is_appended(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# before\n")
    github.send(alert(), summary=summary)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert unquote(printed.err) == (
        "::error title=Over budget::rag-search is over its budget for today: $2.31 of $2.00 (115 %).\n"
        "Since: 2026-11-22 13:40 UTC\nSpent: $2.31\nProjected: $4.10\n"
        "- gpt-4o makes up 80 % of it.\n- Longer prompts add $0.40.\n"
        "More: whyspend explain --where feature=rag-search --since 1d\n"
        "https://smith.example.com/o/1/projects/p/2?a=1&b=2\n"
    )
    assert printed.err.count("\n") == 1
    assert summary.read_text().startswith(
        "# before\n\n<h3>Over budget</h3>\n<p>rag-search is over its budget"
    )


@pytest.mark.parametrize(
    ("state", "severity", "command"),
    [("trigger", "warning", "warning"), ("remind", "info", "notice"), ("resolve", "critical", "notice")],
)
def test_the_command_follows_severity_and_state(state: str, severity: str, command: str) -> None:
    assert github.annotation(alert(state=state, severity=severity)).startswith(f"::{command} ")


def test_without_a_summary_there_is_only_the_annotation(capsys: pytest.CaptureFixture[str]) -> None:
    github.send(alert())
    assert capsys.readouterr().err.startswith("::error ")


def test_a_full_summary_is_left_alone_because_github_would_drop_all_of_it(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_bytes(b"x" * (1024 * 1024 - 10))
    github.send(alert(), summary=summary)
    assert summary.stat().st_size == 1024 * 1024 - 10


def test_a_summary_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="job summary cannot be written: No such file"):
        github.send(alert(), summary=tmp_path / "none" / "summary.md")
