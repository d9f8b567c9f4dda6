"""E-mail, through any SMTP server."""

import base64
import contextlib
import hashlib
import html
import io
import re
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial
from pathlib import Path
from typing import Any, Literal

from whyspend.alerts._letter import letter
from whyspend.alerts._tries import Trouble, persist
from whyspend.alerts._words import digest_title, drivers, facts, fitted, heading, lines, more, web_link
from whyspend.errors import ConfigError
from whyspend.formats.text import write_digest
from whyspend.model import Alert
from whyspend.model.digest import Digest
from whyspend.net import Refused, redact

Security = Literal["starttls", "ssl", "plain"]

_PORTS = {"starttls": 587, "ssl": 465, "plain": 25}
_HIGHEST_PORT = 65_535
_TIMEOUT = 20.0
_SUBJECT = 150
"""Characters. A header may have 998 bytes in one line (RFC 5322); mail programs show about 70."""
_VALUE = 500
_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]\\]+@[^\s<>@,;:\"()\[\]\\]+")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")


@dataclass(frozen=True)
class _Server:
    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    ca_file: Path | None

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def send(
    alert: Alert,
    *,
    host: str,
    sender: str,
    to: str | Sequence[str],
    port: int = 0,
    security: Security = "starttls",
    username: str = "",
    password: str = "",
    ca_file: Path | None = None,
) -> None:
    """Send one message, as text and as simple HTML. Trigger, reminders and resolve make one conversation.

    Args:
        alert: What to say.
        host: The SMTP server.
        sender: `alerts@example.com` or `whyspend <alerts@example.com>`.
        to: One address, several with commas, or a list.
        port: 0 is the usual one: 587 with starttls, 465 with ssl, 25 with plain.
        security: `starttls` and `ssl` insist on a certificate for the host; `plain` sends in the clear.
        username: Empty: no login.
        password: Write `env:SMTP_PASSWORD`.
        ca_file: The certificates (PEM) to trust instead of the system's, for a server with one of your own.

    Raises:
        ConfigError: an address, the host, the port, the login or the ca_file cannot be used.
        SourceError: the server refused the message or a recipient, or could not be reached.
    """
    options = (host, sender, to, port, security, username, password, ca_file)
    _send(partial(message, alert), *options)


def send_digest(digest: Digest, *, host: str, sender: str, to: str | Sequence[str], **server: Any) -> None:
    """Send a digest as text and as a page of HTML with its pictures in it; the options are those of `send`."""
    _send(partial(digest_message, digest), host, sender, to, **server)


def _send(
    written: Callable[[Address, tuple[Address, ...]], EmailMessage],
    host: str,
    sender: str,
    to: str | Sequence[str],
    port: int = 0,
    security: Security = "starttls",
    username: str = "",
    password: str = "",
    ca_file: Path | None = None,
) -> None:
    if not (username + password).isascii():
        raise ConfigError("The username or password of the e-mail channel is not plain ASCII. Copy it again.")
    if not host.strip() or not 0 <= port <= _HIGHEST_PORT:
        raise ConfigError(
            f"The e-mail channel needs host, the name of a server, and a port from 1 to {_HIGHEST_PORT:,}, or none."
        )
    server = _Server(host, port or _PORTS[security], security, username, password, ca_file)
    context = None if security == "plain" else _trust(ca_file)
    recipients = _recipients(to)
    mail = written(_parsed(sender, "sender"), recipients)
    left = [recipient.addr_spec for recipient in recipients]
    turned_away: dict[str, str] = {}
    # A recipient that was accepted gets no second copy because another was put off.
    persist(f"The mail server {server.place}", lambda: _attempt(server, context, mail, left, turned_away))
    if turned_away:
        raise _refusal(server, _listed(turned_away))


def message(alert: Alert, sender: Address, recipients: tuple[Address, ...]) -> EmailMessage:
    """The message. Its headers hold no line end: `fitted` leaves none."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender
    mail["To"] = recipients
    mail["Subject"] = fitted(f"[whyspend] {heading(alert)}: {alert.title}", _SUBJECT)
    mail["Date"] = format_datetime(alert.at)
    mail["Message-ID"] = make_msgid(domain=sender.domain)
    mail["References"] = (
        f"<{hashlib.sha256(alert.key.encode('utf-8', 'replace')).hexdigest()}@{sender.domain}>"
    )
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join([heading(alert), "", *lines(alert), *more(alert)]) + "\n", cte="base64")
    mail.add_alternative(page(alert), subtype="html", cte="base64")
    return mail


def digest_message(digest: Digest, sender: Address, recipients: tuple[Address, ...]) -> EmailMessage:
    """The message of a digest: text, or HTML with the pictures that it shows beside it."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender
    mail["To"] = recipients
    mail["Subject"] = fitted(f"[whyspend] {digest_title(digest)}: {digest.headline[0]}", _SUBJECT)
    mail["Date"] = format_datetime(digest.at)
    mail["Message-ID"] = make_msgid(domain=sender.domain)
    mail["Auto-Submitted"] = "auto-generated"
    text = io.BytesIO()
    write_digest(digest, text)
    mail.set_content(text.getvalue().decode(), cte="base64")
    names = {
        number: make_msgid(domain=sender.domain)
        for number, part in enumerate(digest.sections)
        if part.picture
    }
    mail.add_alternative(letter(digest, names), subtype="html", cte="base64")
    related = mail.get_payload(1)
    assert isinstance(related, EmailMessage), "what add_alternative has just added"
    for number, name in names.items():
        related.add_related(
            digest.sections[number].picture,
            "image",
            "png",
            cid=name,
            filename=f"picture-{number + 1}.png",
            disposition="inline",
        )
    return mail


def page(alert: Alert) -> str:
    """The HTML part: no script, no style sheet, nothing to fetch."""
    rows = "".join(
        f"<tr><td style='padding:2px 16px 2px 0;color:#555'>{_html(label)}</td><td>{_html(value)}</td></tr>"
        for label, value in facts(alert)
    )
    causes = "".join(f"<li>{_html(driver)}</li>" for driver in drivers(alert))
    link = html.escape(web_link(alert))
    parts = [
        f"<h2 style='margin:0 0 8px'>{_html(heading(alert))}</h2>",
        f"<p>{_html(alert.title)}</p>",
        f"<table style='border-collapse:collapse'>{rows}</table>" if rows else "",
        f"<ul>{causes}</ul>" if causes else "",
        f"<pre style='background:#f4f4f4;padding:8px'>{_html(alert.command)}</pre>" if alert.command else "",
        f'<p><a href="{link}">Open</a></p>' if link else "",
    ]
    return f"<div style='font-family:sans-serif'>{''.join(parts)}</div>\n"


def _html(text: str) -> str:
    return html.escape(fitted(text, _VALUE))


def _recipients(to: str | Sequence[str]) -> tuple[Address, ...]:
    written = to.split(",") if isinstance(to, str) else to
    if not written:
        raise ConfigError("The e-mail channel has no recipient. Set to = an address or a list of them.")
    return tuple(_parsed(address, "to") for address in written)


def _parsed(written: str, option: str) -> Address:
    named = _NAMED.fullmatch(written.strip())
    address = (named["address"] if named else written).strip()
    name = named["name"].strip().strip('"') if named else ""
    if not (_ADDRESS.fullmatch(address) and address.isascii() and (name + address).isprintable()):
        shown = redact(written, ())
        raise ConfigError(
            f"{option} of the e-mail channel: {shown!r} is no address such as alerts@example.com."
        )
    user, _, domain = address.rpartition("@")
    return Address(name, user, domain)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:  # an SSLError is one
        raise ConfigError(
            f"ca_file of the e-mail channel cannot be read as certificates: {ca_file}. It must be a file in PEM form."
        ) from None


def _attempt(
    server: _Server,
    context: ssl.SSLContext | None,
    mail: EmailMessage,
    left: list[str],
    turned_away: dict[str, str],
) -> Trouble | None:
    """Send to those that are `left`; whoever needs no other attempt is taken out of it."""
    try:
        refused = _deliver(server, context, mail, left)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPResponseException as error:
        told = _said(server, error.smtp_code, error.smtp_error)
        if _later(error.smtp_code):
            return Trouble(f"it answered {told}")
        raise _refusal(server, f"it answered {told}", error.smtp_code) from None
    except (smtplib.SMTPServerDisconnected, ssl.SSLEOFError):
        return Trouble("the connection was cut off")
    except ssl.SSLError as error:
        raise _refusal(server, f"TLS failed ({error.reason or 'no reason given'})") from None
    except smtplib.SMTPException:
        raise _refusal(server, "it does not offer the STARTTLS or login that was asked for") from None
    except OSError:
        return Trouble("no connection (is the host name right, and is the server up?)")
    said = {address: _said(server, *refused[address]) for address in refused}
    left[:] = [address for address in refused if _later(refused[address][0])]
    turned_away |= {address: said[address] for address in refused if address not in left}
    return Trouble(_listed({address: said[address] for address in left})) if left else None


def _deliver(
    server: _Server, context: ssl.SSLContext | None, mail: EmailMessage, to: list[str]
) -> dict[str, tuple[int, bytes]]:
    connection: smtplib.SMTP
    if server.security == "ssl":
        connection = smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT)
    try:
        if server.security == "starttls":
            connection.starttls(context=context)
        if server.username:
            connection.login(server.username, server.password)
        refused = connection.send_message(mail, to_addrs=to)
        # The message is accepted: whatever goes wrong with the goodbye must not send it again.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.quit()
        return refused
    finally:
        connection.close()


def _later(code: int) -> bool:
    """4xx means later, 5xx means never (RFC 5321, 4.2.1)."""
    return 400 <= code < 500


def _said(server: _Server, code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {redact(words, _secrets(server))}".rstrip(" .")


def _listed(said: Mapping[str, str]) -> str:
    return ", ".join(f"{address}: {words}" for address, words in said.items())


def _refusal(server: _Server, what: str, code: int = 0) -> Refused:
    return Refused(
        f"The mail server {server.place} did not take the message: {what}. "
        "Check host, port, security, login and addresses of the channel.",
        code,
    )


def _secrets(server: _Server) -> list[str]:
    """The password, and how it stands on the wire."""
    if not server.password:
        return []
    spelled = (server.password, f"\0{server.username}\0{server.password}")
    return [server.password, *(base64.b64encode(text.encode()).decode() for text in spelled)]
