"""More than a hundred other services, through Apprise: Teams, Discord, Telegram, ntfy, Opsgenie, ..."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whyspend.alerts._tries import Trouble, held_back, persist
from whyspend.alerts._words import digest_title, fitted, guarded, heading, lines, more, web_link
from whyspend.errors import ConfigError, MissingExtraError, SourceError
from whyspend.model import Alert
from whyspend.model.digest import Digest

_BODY = 1_600
"""Characters, of at most two bytes here: the strictest large service (Discord) takes 2,000 with the title."""
_STATUS = re.compile(r"\berror=(\d{3})\b")
_TYPES = {"critical": "failure", "warning": "warning", "info": "info"}


@dataclass(frozen=True)
class _Note:
    """What Apprise is given to send."""

    title: str
    body: str
    kind: str
    """success, info, warning or failure."""


def send(alert: Alert, *, url: str | Sequence[str]) -> None:
    """Send to one or several services; where one fails, the others are told all the same.

    Args:
        alert: What to say.
        url: Apprise addresses (https://appriseit.com): `ntfy://...`, `discord://...`. They hold secrets: write
            `env:NAME`.

    Raises:
        MissingExtraError: Apprise is not installed.
        ConfigError: no address, or one that Apprise does not know.
        SourceError: a service refused the alert, or could not be reached.
    """
    kind = "success" if alert.state == "resolve" else _TYPES[alert.severity]
    _send(_Note(heading(alert), body(alert), kind), url)


def send_digest(digest: Digest, *, url: str | Sequence[str]) -> None:
    """Send the headline of a digest, and the command that shows all of it: what every such service can take."""
    _send(_Note(digest_title(digest), digest_body(digest), "info"), url)


def _send(note: _Note, url: str | Sequence[str]) -> None:
    addresses = [url] if isinstance(url, str) else list(url)
    if not addresses:
        raise ConfigError("The Apprise channel has no address. Set url = an address or a list of them.")
    services = [_service(address, number) for number, address in enumerate(addresses, 1)]
    failed = [said for number, service in enumerate(services, 1) if (said := _failure(note, service, number))]
    if failed:
        raise SourceError(" ".join(failed))


def _service(address: str, number: int) -> Any:
    try:
        import apprise
    except ImportError:
        raise MissingExtraError(
            "Alerts of type apprise need Apprise. Install it: pip install 'whyspend[alerts]'."
        ) from None
    asset = apprise.AppriseAsset(app_id="whyspend", app_desc="whyspend", app_url="")
    with held_back():
        service = apprise.Apprise.instantiate(address, asset=asset)
        sender = apprise.Apprise(asset=asset)
        if service is None or not sender.add(service):
            raise ConfigError(
                f"Apprise does not know address {number} of the channel. Look up its form on https://appriseit.com."
            )
    return sender


def _failure(note: _Note, sender: Any, number: int) -> str:
    """What to tell when a service failed; empty when it did not."""
    scheme = sender[0].service_name or "service"
    try:
        persist(f"Apprise address {number} ({scheme})", lambda: _attempt(note, sender, number, str(scheme)))
    except SourceError as error:
        return str(error)
    return ""


def _attempt(note: _Note, sender: Any, number: int, scheme: str) -> Trouble | None:
    with held_back() as said:
        done = sender.notify(
            title=note.title,
            body=note.body,
            notify_type=note.kind,
            body_format="text",
        )
    if done:
        return None
    statuses = [int(status) for line in said for status in _STATUS.findall(line)]
    what = f"it answered {statuses[0]}" if statuses else "it could not be reached or gave no status"
    # Apprise tells only its log why. An address with several targets is not repeated: some may have it already.
    passing = all(status == 429 or status >= 500 for status in statuses) and len(sender[0]) <= 1
    if passing and (statuses or any("onnection error" in line for line in said)):
        return Trouble(what)
    raise SourceError(
        f"Apprise address {number} ({scheme}) did not take the message: {what}. Check the address: apprise -vv ADDRESS."
    )


def body(alert: Alert) -> str:
    """The lines of the alert that fit, whole ones only."""
    return _fitting(lines(alert, longest=_BODY // 4), more(alert), web_link(alert))


def digest_body(digest: Digest) -> str:
    """The sentences of the headline that fit, whole ones only, and the command where there is room."""
    return _fitting([fitted(line, _BODY // 4) for line in digest.headline], [fitted(digest.command, _BODY)])


def _fitting(told: Sequence[str], more: Sequence[str], link: str = "") -> str:
    """Lines that fit, whole ones only: what is told, then what cannot be changed."""
    kept: list[str] = []
    room = _BODY
    # A link of ours is plain ASCII; a command that cannot be copied would be worse than none.
    known = [line for line in more if line == guarded(line) or line == link]
    for line in [*map(guarded, told), *known]:
        room -= len(line.encode("utf-16-le")) // 2 + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept)
