"""A run of GitHub Actions: an annotation, and a section of the job summary."""

import html
import io
import re
import sys
from pathlib import Path

from whyspend.alerts._words import (
    digest_title,
    drivers,
    facts,
    fitted,
    heading,
    lines,
    moment,
    more,
    web_link,
)
from whyspend.errors import SourceError
from whyspend.formats.markdown import write_digest
from whyspend.model import Alert
from whyspend.model.digest import Digest

_COMMANDS = {"critical": "error", "warning": "warning", "info": "notice"}
_TITLE = 255
_VALUE = 500
_SUMMARY_BYTES = 1024 * 1024
"""A step whose summary is larger loses all of it."""
# GitHub makes links and notifies people from these by itself, even within HTML; a comment stops it.
_REFERENCE = re.compile(r"([@#]|GH-)(?=[\w/])", re.IGNORECASE)


def send(alert: Alert, *, summary: Path | None = None) -> None:
    """Annotate the run, and append to the job summary.

    The annotation goes to standard error, which GitHub reads like standard output: that one stays data.

    Args:
        alert: What to say.
        summary: The file of the job summary: write `env:GITHUB_STEP_SUMMARY`. Without it there is only the
            annotation, as also where the summary would become larger than the 1 MiB that GitHub takes.

    Raises:
        SourceError: the job summary cannot be written.
    """
    print(annotation(alert), file=sys.stderr, flush=True)
    if summary is not None:
        _append(summary, section(alert).encode("utf-8"))


def send_digest(digest: Digest, *, summary: Path | None = None) -> None:
    """Annotate the run with the headline, and append the whole digest, as Markdown, to the job summary."""
    told = _data("\n".join(fitted(line, _VALUE) for line in digest.headline))
    print(f"::notice title={_property(digest_title(digest))}::{told}", file=sys.stderr, flush=True)
    if summary is not None:
        out = io.BytesIO()
        write_digest(digest, out)
        _append(summary, b"\n" + out.getvalue() + b"\n")


def annotation(alert: Alert) -> str:
    """One workflow command: `::warning title=Near the budget::...`."""
    command = "notice" if alert.state == "resolve" else _COMMANDS[alert.severity]
    title = _property(fitted(heading(alert), _TITLE))
    told = "\n".join(lines(alert) + more(alert))
    return f"::{command} title={title}::{_data(told)}"


def section(alert: Alert) -> str:
    """One block of HTML, which Markdown leaves alone as long as it holds no empty line."""
    rows = "".join(
        f"<tr><th align='left'>{_html(label)}</th><td>{_html(value)}</td></tr>"
        for label, value in facts(alert)
    )
    causes = "".join(f"<li>{_html(driver)}</li>" for driver in drivers(alert))
    link = web_link(alert)
    parts = [
        f"<h3>{_html(heading(alert))}</h3>",
        f"<p>{_html(alert.title)}</p>",
        f"<table>{rows}</table>" if rows else "",
        f"<ul>{causes}</ul>" if causes else "",
        f"<p><code>{_html(alert.command)}</code></p>" if alert.command else "",
        f'<p><a href="{html.escape(link)}">Open</a></p>' if link else "",
        f"<p><sub>whyspend, {moment(alert)}</sub></p>",
    ]
    return "\n" + "\n".join(filter(None, parts)) + "\n\n"


def _append(path: Path, text: bytes) -> None:
    try:
        with path.open("ab") as file:
            if file.tell() + len(text) <= _SUMMARY_BYTES:
                file.write(text)
    except OSError as error:
        raise SourceError(
            f"GitHub's job summary cannot be written: {error.strerror}. Set summary of the channel to the file that "
            "GITHUB_STEP_SUMMARY names."
        ) from None


def _data(text: str) -> str:
    """The escapes of a workflow command: https://github.com/actions/toolkit, packages/core/src/command.ts."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _html(text: str) -> str:
    escaped = html.escape(fitted(text, _VALUE), quote=False)
    return _REFERENCE.sub(r"\1<!-- -->", escaped).replace("$", "&#36;")
