"""The pages of prices and of the data: every table has its command, and downloads that are the command's bytes."""

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.cli.test_cli_prices import strangers
from tests.dashboard.served import WEEK, Page, Served, serving

from whyspend import registry
from whyspend.model.sheet import Sheet
from whyspend.workspace import sheets
from whyspend.workspace.writing import forms_of

__all__ = ["strangers"]

FORMS = registry.names("formats")

PAGES = (
    f"/prices?{WEEK}",
    f"/prices?{WEEK}&where=model%3Dgpt-4.1*&timezone=Europe%2FBerlin",
    "/prices?all=yes",
    "/prices/show?model=mistral%2Fmistral-large-4",
    "/data",
)


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def commands(page: Page) -> list[str]:
    return [line for line in page.commands if line.startswith("whyspend ")]


def downloads(page: Page) -> list[str]:
    return [link for link in page.links if link.startswith("/api/")]


@pytest.mark.parametrize("path", PAGES)
def test_each_command_of_a_page_has_a_download_in_every_format(path: str, served: Served) -> None:
    page = served.page(path)
    assert len(downloads(page)) == len(commands(page)) * len(FORMS)
    for at, line in enumerate(commands(page)):
        own = downloads(page)[at * len(FORMS) : (at + 1) * len(FORMS)]
        assert {dict(parse_qsl(urlsplit(link).query)).get("format", "json") for link in own} == {*FORMS}
        (answer,) = (served.get(link) for link in own if "format=" not in link)
        assert answer.content == served.line(line), line


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "path",
    [
        "/api/prices/list",
        "/api/prices/list?provider=google&all=yes",
        "/api/prices/show?model=openai%2Fgpt-4.1",
        "/api/prices/show?model=mistral%2Fmistral-large-4&all=yes",
        "/api/prices/check?provider=anthropic",
        f"/api/prices/unpriced?{WEEK}",
        f"/api/prices/unpriced?{WEEK}&where=model%3Dgpt-4.1&timezone=Asia%2FTokyo",
        "/api/prices/closed",
        "/api/ledger/info",
        "/api/doctor?offline=yes",
    ],
)
def test_a_download_is_what_the_command_writes_byte_for_byte(path: str, form: str, served: Served) -> None:
    answer = served.get(f"{path}{'&' if '?' in path else '?'}format={form}")
    assert answer.status_code == 200, answer.text
    name = urlsplit(path).path.removeprefix("/api/").replace("/", " ")
    line = sheet_line(name, path)
    assert answer.content == served.command(*line, "--format", form)
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["cache-control"] == "no-store"
    ending = {"markdown": "md", "text": "txt"}.get(form, form)
    attached = answer.headers.get("content-disposition", "")
    assert attached == ("" if form == "json" else f'attachment; filename="{name.replace(" ", "-")}.{ending}"')


def sheet_line(name: str, path: str) -> list[str]:
    """The command, written by hand from the address."""
    words = name.split()
    for word, value in parse_qsl(urlsplit(path).query):
        if word == "model":
            words.append(value)
        else:
            words += [f"--{word}"] if value == "yes" else [f"--{word}", value]
    return words


def test_the_page_of_prices_filters_what_has_no_price(served: Served) -> None:
    every = served.page(f"/prices?{WEEK}").text
    some = served.page(f"/prices?{WEEK}&where=model%3Dgpt-4.1").text
    assert "kestrel/kestrel-1-preview" in every
    assert "Only calls with model=gpt-4.1." in some
    assert "[[prices]]" not in some
    none = served.page(f"/prices?{WEEK}&where=feature%3Dnope").text
    assert "No call of these days matches feature=nope." in none


def test_the_api_describes_every_sheet_with_its_options(served: Served) -> None:
    paths = served.get("/openapi.json").json()["paths"]
    for name in sheets.NAMES:
        get = paths[f"/api/{name.replace(' ', '/')}"]["get"]
        assert get["summary"] == sheets.question(name)
        (form,) = (each for each in get["parameters"] if each["name"] == "format")
        assert form["schema"]["enum"] == forms_of(Sheet)
    show = paths["/api/prices/show"]["get"]["parameters"]
    assert [(each["name"], each["required"]) for each in show if each["name"] == "model"] == [("model", True)]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/prices/list?format=jsno", "There is no format 'jsno'. Did you mean 'json'?"),
        ("/api/prices/list?providr=x", "prices list cannot be told 'providr'. Did you mean 'provider'?"),
        ("/api/prices/list?all=perhaps", "--all cannot be 'perhaps'. Give yes or no."),
        ("/api/prices/show", "There is no model."),
        ("/api/prices/show?model=gpt-99", "gpt-99: "),
        ("/api/prices/closed?x=1", "prices closed cannot be told 'x'. It takes nothing."),
        ("/api/prices/unpriced?where=nonsense", "--where 'nonsense' is not key=value."),
        ("/api/prices/unpriced?since=soon", "--since cannot be 'soon'."),
    ],
)
def test_what_a_sheet_cannot_be_asked_is_said(path: str, said: str, served: Served) -> None:
    answer = served.get(path)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(said)


@pytest.fixture(scope="module")
def hostile(strangers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger in which every model is called as badly as can be."""
    with serving(tmp_path_factory.mktemp("strangers-served"), "--ledger", str(strangers)) as found:
        yield found


@pytest.mark.parametrize("form", FORMS)
def test_downloads_of_hostile_names_are_the_command_s_too(form: str, hostile: Served) -> None:
    for path in (f"/api/prices/unpriced?{WEEK}", "/api/prices/list", "/api/ledger/info"):
        answer = hostile.get(f"{path}{'&' if '?' in path else '?'}format={form}")
        name = urlsplit(path).path.removeprefix("/api/").replace("/", " ")
        assert answer.content == hostile.command(*sheet_line(name, path), "--format", form)
    html = hostile.get(f"/api/prices/unpriced?{WEEK}&format=html").text
    assert html.count("<script>") == 1


def test_a_closed_month_is_in_its_table_and_in_its_downloads(demo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(demo_folder, folder, ignore=shutil.ignore_patterns("spool"))
    with serving(folder) as own:
        assert json.loads(own.get("/api/prices/closed").content) == {"months": []}
        own.command("close", "2026-10")
        (month,) = json.loads(own.get("/api/prices/closed").content)["months"]
        assert (month["month"], month["closed_on"][:4]) == ("2026-10", "2026")
        line = next(line for line in commands(own.page("/prices")) if "closed" in line)
        assert shlex.split(line) == ["whyspend", "prices", "closed"]
        assert own.get("/api/prices/closed?format=csv").content == own.command(
            "prices", "closed", "--format", "csv"
        )
