"""E-mail over a real SMTP server: delivered once, encrypted where asked, and no name becomes a header."""

import logging
import re
import ssl
import time
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from tests.alerts.hostile import alert, alerts
from tests.alerts.smtp import Mailbox, served

from whyspend.alerts import email
from whyspend.alerts._words import fitted, heading
from whyspend.errors import ConfigError, SourceError
from whyspend.model import Alert
from whyspend.net import Refused

PASSWORD = "correct horse 22"
TAGS = {"div", "h2", "p", "table", "tr", "td", "ul", "li", "pre", "a"}


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate for localhost, and the file with the authority that issued it."""
    made = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.issue_cert("localhost").configure_cert(context)
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    return context, file


def secured(context: ssl.SSLContext, security: str) -> Mailbox:
    return Mailbox(starttls=context) if security == "starttls" else Mailbox(tls=context)


def send(port: int, alert: Alert, **options: Any) -> None:
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "sender": "whyspend <bot@example.com>",
        "to": "team@example.com",
    }
    email.send(alert, **(usual | {"port": port, "security": "plain"} | options))


def parts(mail: EmailMessage) -> tuple[str, str]:
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert isinstance(plain, EmailMessage) and isinstance(page, EmailMessage)
    return plain.get_content(), page.get_content()


def test_a_mail_says_what_since_when_why_and_how_to_see_more(mailbox: Mailbox) -> None:
    with served(mailbox) as port:
        send(port, alert(), to=["Team <team@example.com>", "cfo@example.com"])
    ((recipients, mail),) = mailbox.mails
    assert recipients == ["team@example.com", "cfo@example.com"]
    assert mail["Subject"] == (
        "[whyspend] Over budget: rag-search is over its budget for today: $2.31 of $2.00 (115 %)."
    )
    assert mail["From"] == "whyspend <bot@example.com>"
    assert mail["To"] == "Team <team@example.com>, cfo@example.com"
    assert mail["Date"].datetime == alert().at
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, page = parts(mail)
    assert plain.splitlines() == [
        "Over budget",
        "",
        "rag-search is over its budget for today: $2.31 of $2.00 (115 %).",
        "Since: 2026-11-22 13:40 UTC",
        "Spent: $2.31",
        "Projected: $4.10",
        "- gpt-4o makes up 80 % of it.",
        "- Longer prompts add $0.40.",
        "More: whyspend explain --where feature=rag-search --since 1d",
        "https://smith.example.com/o/1/projects/p/2?a=1&b=2",
    ]
    assert '<a href="https://smith.example.com/o/1/projects/p/2?a=1&amp;b=2">Open</a>' in page


def test_trigger_and_resolve_are_one_conversation_of_two_messages() -> None:
    sender = Address("", "bot", "example.com")
    opened, closed = (
        email.message(alert(state=state), sender, (sender,)) for state in ("trigger", "resolve")
    )
    assert opened["References"] == closed["References"]
    assert opened["Message-ID"] != closed["Message-ID"]


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_encrypted_with_a_login(authority: tuple[ssl.SSLContext, Path], security: str) -> None:
    context, ca_file = authority
    mailbox = secured(context, security)
    mailbox.login = ("bot", PASSWORD)
    options: dict[str, Any] = {
        "host": "localhost",
        "security": security,
        "username": "bot",
        "ca_file": ca_file,
    }
    with served(mailbox) as port:
        send(port, alert(), password=PASSWORD, **options)
        with pytest.raises(Refused, match=r"535 not with \*\*\*") as caught:
            send(port, alert(), password="wrong horse", **options)
    assert caught.value.status == 535
    assert "wrong horse" not in str(caught.value)
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: tuple[ssl.SSLContext, Path], security: str
) -> None:
    mailbox = secured(authority[0], security)
    with served(mailbox) as port, pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED"):
        send(port, alert(), host="localhost", security=security)
    assert mailbox.connections == 1
    assert not mailbox.mails


def test_a_server_that_hangs_up_after_it_took_the_mail_gets_the_mail_once(mailbox: Mailbox) -> None:
    mailbox.hangs_up = True
    with served(mailbox) as port:
        send(port, alert())
    assert (len(mailbox.mails), mailbox.connections) == (1, 1)


def test_a_server_without_starttls_gets_no_mail_in_the_clear(mailbox: Mailbox) -> None:
    with served(mailbox) as port, pytest.raises(Refused, match="does not offer the STARTTLS"):
        send(port, alert(), security="starttls")
    assert not mailbox.mails


def test_a_server_that_is_busy_is_asked_again(mailbox: Mailbox) -> None:
    mailbox.data = ["451 try later", "421 too many"]
    with served(mailbox) as port:
        send(port, alert())
    assert len(mailbox.mails) == 1


def test_a_refusal_for_good_is_not_repeated_and_holds_no_password(mailbox: Mailbox) -> None:
    mailbox.login = ("bot", PASSWORD)
    mailbox.data = [f"554 spam {PASSWORD}"]
    with served(mailbox) as port, pytest.raises(Refused, match=r"554 spam \*\*\*") as caught:
        send(port, alert(), username="bot", password=PASSWORD)
    assert caught.value.status == 554
    assert (mailbox.mails, mailbox.connections) == ([], 1)


def test_each_recipient_gets_one_copy_whatever_happens_to_the_others(mailbox: Mailbox) -> None:
    mailbox.recipients = {"grey@example.com": ["450 later"], "gone@example.com": ["550 no such user"]}
    with served(mailbox) as port, pytest.raises(Refused, match=r"gone@example\.com: 550 no such user"):
        send(port, alert(), to="team@example.com, grey@example.com,gone@example.com")
    assert [recipients for recipients, _ in mailbox.mails] == [["team@example.com"], ["grey@example.com"]]


def test_a_mail_that_all_recipients_refuse_is_reported_once(mailbox: Mailbox) -> None:
    mailbox.recipients = {"team@example.com": ["550 no such user"]}
    with served(mailbox) as port, pytest.raises(Refused, match=r"team@example\.com: 550"):
        send(port, alert())
    assert (mailbox.mails, mailbox.connections) == ([], 1)


def test_nobody_there_is_reported_after_a_few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(SourceError, match="in 4 attempts: no connection"):
        send(9, alert())


def test_nothing_of_the_login_is_logged(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mailbox.login = ("bot", PASSWORD)
    with served(mailbox) as port:
        send(port, alert(), username="bot", password=PASSWORD)
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"to": "a@example.com\r\nBcc: b@example.com"},
        {"sender": "x\ny <a@example.com>"},
        {"sender": "nobody"},
        {"to": []},
        {"to": ""},
        {"to": "a@b@c"},
        {"to": "ä@example.com"},
        {"username": "bot", "password": "schlüssel"},
        {"security": "ssl", "ca_file": Path(__file__)},
        {"host": " "},
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_line(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        send(9, alert(), **options)
    assert "\n" not in str(caught.value)
    assert "schl" not in str(caught.value)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_no_server_can_have_is_refused_before_any_attempt(port: int) -> None:
    with pytest.raises(ConfigError, match="a port from 1 to 65,535"):
        send(port, alert())


@settings(max_examples=60)
@given(alerts())
def test_no_name_becomes_a_header_or_a_tag(alert: Alert) -> None:
    sender = Address("", "bot", "example.com")
    sent = email.message(alert, sender, (sender,)).as_bytes()
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    mail = message_from_bytes(sent, policy=policy.default)
    assert not mail.defects
    assert set(mail.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "References"),
        *("Auto-Submitted", "MIME-Version", "Content-Type"),
    }
    assert mail["Subject"].isprintable()
    # Folding and encoding may add a blank (Python's own), and change nothing else.
    whole = fitted(f"[whyspend] {heading(alert)}: {alert.title}", 150)
    assert "".join(mail["Subject"].split()) == "".join(whole.split())
    plain, page = parts(mail)
    assert all(char.isprintable() or char in "\r\n" for char in plain + page)
    assert set(re.findall(r"<\s*(\w+)", page)) <= TAGS
    assert all(link.startswith("http") for link in re.findall(r'href="([^"]*)"', page))
