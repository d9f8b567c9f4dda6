"""A digest by mail, webhook, GitHub and Apprise: whole, with the same figures, and no name acts anywhere."""

import io
import json
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from tests.alerts.digests import PNG, digest, digests
from tests.alerts.hostile import assert_inert
from tests.alerts.servers import receiver
from tests.alerts.smtp import Mailbox, served

from whyspend.alerts import apprise, email, github, webhook
from whyspend.formats import html, markdown, text
from whyspend.formats import json as json_format
from whyspend.model.digest import Digest

US, THEM = Address("whyspend", "costs", "example.com"), (Address("", "leads", "example.com"),)
TAGS = {"html", "head", "meta", "body", "div", "h1", "h2", "p", "img", "table", "tr", "th", "td"}

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's own import


class Tags(HTMLParser):
    """The tags of a page, and the addresses that it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "background")]


def page_of(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    content: str = body.get_content()
    return content


@settings(max_examples=40)
@given(digests())
def test_any_digest_is_a_mail_of_our_own_tags_that_fetches_nothing(made: Digest) -> None:
    mail = email.digest_message(made, US, THEM)
    assert all("\n" not in str(value) and "\r" not in str(value) for value in mail.values())
    assert mail["To"] == "leads@example.com"
    page = Tags()
    page.feed(page_of(mail))
    assert page.tags <= TAGS
    assert page.attributes <= {"style", "charset", "name", "content", "src", "alt", "width"}
    names = [part["Content-ID"].strip("<>") for part in mail.walk() if part.get_content_type() == "image/png"]
    assert sorted(page.fetched) == sorted(f"cid:{name}" for name in names)
    assert len(names) == sum(bool(section.picture) for section in made.sections)


def test_a_mail_is_text_or_a_page_with_its_pictures() -> None:
    box = Mailbox()
    with served(box) as port:
        email.send_digest(
            digest(),
            host="127.0.0.1",
            port=port,
            security="plain",
            sender="costs@example.com",
            to="leads@example.com",
        )
    ((to, mail),) = box.mails
    assert to == ["leads@example.com"]
    assert (
        mail["Subject"].strip() == "[whyspend] LLM spend, 2026-11-15 to 2026-11-21: $260.06 in these 7 days."
    )
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"
    ]  # fmt: skip
    plain = mail.get_body(("plain",))
    assert plain is not None
    out = io.BytesIO()
    text.write_digest(digest(), out)
    assert plain.get_content().replace("\r\n", "\n") == out.getvalue().decode()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_payload(decode=True) == PNG
    assert picture.get_content_disposition() == "inline"
    page = page_of(mail)
    assert all(
        words in page for words in ("$173.37", "+$43.34", "$86.69", "whyspend report --top 6", "Unpriced")
    )


@settings(max_examples=40)
@given(digests())
def test_a_webhook_gets_json_with_all_digits_and_every_text(made: Digest) -> None:
    with receiver() as server:
        webhook.send_digest(made, url=server.base, secret="s")
    (received,) = server.received
    told = json.loads(received.body, parse_float=Decimal)
    assert (told["version"], told["kind"], len(told["digest"]["sections"])) == (
        1,
        "digest",
        len(made.sections),
    )
    for section, written in zip(made.sections, told["digest"]["sections"], strict=True):
        assert [list(row.values()) for row in written["rows"]] == [
            [
                cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell
                for cell in row
            ]
            for row in section.table.rows
        ]
    assert received.headers["webhook-signature"].startswith("v1,")


@settings(max_examples=40)
@given(digests())
def test_any_digest_is_one_workflow_command_and_markdown_of_our_own(made: Digest) -> None:
    out = io.BytesIO()
    markdown.write_digest(made, out)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(out.getvalue().decode())
    kinds = {token.type for token in tokens if token.nesting >= 0}
    assert kinds <= {
        "paragraph_open", "inline", "bullet_list_open", "list_item_open", "heading_open", "fence", "table_open",
        "thead_open", "tbody_open", "tr_open", "th_open", "td_open",
    }  # fmt: skip
    inner = {child.type for token in tokens for child in token.children or ()}
    assert inner <= {
        "text",
        "code_inline",
        "strong_open",
        "strong_close",
        "hardbreak",
        "softbreak",
        "html_inline",
    }
    comments = [c.content for t in tokens for c in t.children or () if c.type == "html_inline"]
    assert set(comments) <= {"<!-- -->"}


def test_github_gets_a_notice_and_the_whole_digest_in_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github.send_digest(digest(), summary=tmp_path / "summary.md")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(
        "::notice title=LLM spend%2C 2026-11-15 to 2026-11-21::$260.06 in these 7 days.%0A"
    )
    assert "| `agent-copilot` | 100 | $173.37 | +$43.34 |" in (tmp_path / "summary.md").read_text()


@settings(max_examples=40)
@given(digests())
def test_apprise_gets_what_its_services_take(made: Digest) -> None:
    body = apprise.digest_body(made)
    assert len(body.encode("utf-16-le")) // 2 <= 1_600
    for line in body.splitlines():
        assert_inert(line)


def test_apprise_sends_the_headline_and_the_command() -> None:
    with receiver() as server:
        apprise.send_digest(digest(), url=server.base.replace("http://", "json://"))
    (received,) = server.received
    assert received.json["title"] == "LLM spend, 2026-11-15 to 2026-11-21"
    assert received.json["message"].splitlines()[0].startswith("$260")
    assert received.json["message"].splitlines()[-1] == digest().command


@settings(max_examples=40)
@given(digests())
def test_the_page_and_the_text_of_any_digest_hold_nothing_that_acts(made: Digest) -> None:
    out = io.BytesIO()
    html.write_digest(made, out)
    page = Tags()
    page.feed(out.getvalue().decode())
    assert page.fetched == []
    assert not any(name.startswith("on") for name in page.attributes)
    assert "script" not in page.tags or out.getvalue().decode().count("<script") == 1
    plain = io.BytesIO()
    text.write_digest(made, plain, width=100)
    for line in plain.getvalue().decode().splitlines():
        assert_inert(line)
    exact = io.BytesIO()
    json_format.write_digest(made, exact)
    assert json.loads(exact.getvalue())["report"] == "digest"
