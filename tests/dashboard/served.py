"""`whyspend serve` as a process of its own on a ledger, and what a page says."""

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
from tests.collector.running import environment
from tests.demo.conftest import whyspend_in

from whyspend.cli import run

WEEK = "since=2026-11-15&until=2026-11-21"

SETTINGS = """\
# Who owns what. This comment stays.
ledger = ".whyspend-demo"
dimensions = ["feature", "env", "user_tier", "customer_id"]

[[budgets]]
name = "agent-copilot"
where = { feature = "agent-copilot" }
limit_usd = 500

[[budgets]]
name = "any customer"
each = "customer_id"
limit_usd = 40
"""


def demo_in(folder: Path) -> Path:
    """The folder, with the demo's ledger and a configuration."""
    made = whyspend_in(folder, "demo")
    assert made.code == 0, made.stderr
    (folder / "whyspend.toml").write_text(SETTINGS)
    return folder


@dataclass
class Served:
    """A running dashboard."""

    address: str
    folder: Path
    options: tuple[str, ...] = ()
    """With which commands speak of the same ledger."""
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=60))

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(self.address + path, headers=headers)

    def page(self, path: str) -> "Page":
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return Page.of(answer.text)

    def command(self, *arguments: str) -> bytes:
        """What a command writes to a pipe, as a shell in the folder would have it."""
        out = io.BytesIO()
        with contextlib.chdir(self.folder), redirected(out):
            assert run([*arguments, *self.options]) in (0, 1)
        return out.getvalue()

    def line(self, text: str) -> bytes:
        """What a command line writes that a page shows, with `--format json`."""
        program, *arguments = shlex.split(text)
        assert program == "whyspend"
        return self.command(*(part for part in arguments if part not in self.options), "--format", "json")


@contextmanager
def redirected(out: io.BytesIO) -> Iterator[None]:
    """Take what a command writes to stdout, bytes and all."""
    held, wrapper = sys.stdout, io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    sys.stdout = wrapper
    try:
        yield
    finally:
        sys.stdout = held
        wrapper.flush()
        wrapper.detach()


@contextmanager
def serving(folder: Path, *options: str, **variables: str) -> Iterator[Served]:
    """Serve what is configured in a folder, for a while."""
    process = subprocess.Popen(
        [sys.executable, "-m", "whyspend", "serve", "--port", "0", *options],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment(**variables),
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"The dashboard: (http://\S+)/", line):
                break
        else:
            raise AssertionError("".join(said))
        typed = tuple(part for part in options if not part.startswith(("--port", "--bind", "--api-key")))
        served = Served(found[1], folder, typed)
        os.set_blocking(process.stderr.fileno(), False)
        yield served
        served.client.close()
    finally:
        process.terminate()
        process.wait(60)
        if process.stderr:
            process.stderr.close()


@dataclass
class Page(HTMLParser):
    """What a page holds: its text, exact numbers, links and forms."""

    numbers: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._in_code = False

    @classmethod
    def of(cls, text: str) -> "Page":
        page = cls()
        page.feed(text)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "data" and found.get("value"):
            self.numbers.append(found["value"] or "")
        if tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")
        if tag == "input" and found.get("name"):
            self.fields[found["name"] or ""] = found.get("value") or ""
        if tag == "code":
            self._in_code = True
            self.commands.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self._in_code = False

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.commands[-1] += data
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def numbers_of(answer: bytes) -> set[Decimal]:
    """Every number that a JSON answer holds, wherever it stands."""
    found: set[Decimal] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)
        elif isinstance(value, Decimal):
            found.add(value)

    look(json.loads(answer, parse_float=Decimal, parse_int=Decimal))
    return found
