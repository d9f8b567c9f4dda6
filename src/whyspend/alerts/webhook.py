"""Any address that takes JSON, signed when a secret is given."""

import base64
import binascii
import hashlib
import hmac
import io
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from whyspend.alerts._post import post
from whyspend.alerts._words import drivers, facts, fitted, moment, web_link
from whyspend.errors import ConfigError
from whyspend.formats.json import write_digest
from whyspend.model import Alert
from whyspend.model.digest import Digest

INCIDENTS = True
"""Whoever receives it may keep what was opened open until it is resolved."""

_LONGEST = 2_000
"""Characters of one text: an alert stays below 256 KB, which every receiver takes."""


def send(alert: Alert, *, url: str, secret: str = "", authorization: str = "") -> None:
    """Post the alert as JSON, with the headers of Standard Webhooks (https://www.standardwebhooks.com).

    `webhook-id` is the same for every attempt of one alert, so that a receiver can drop repeats.

    Args:
        alert: What to say.
        url: Where to. Write `env:NAME` where whoever knows the address can post.
        secret: Signs the body: any text, or `whsec_` and Base64 as Standard Webhooks has it.
        authorization: The whole header of that name, such as `Bearer ...`.

    Raises:
        ConfigError: the url, the secret or the authorization cannot be used.
        SourceError: the receiver refused the alert, or could not be reached.
    """
    _post(msgspec.json.encode(message(alert)), url, secret, authorization)


def send_digest(digest: Digest, *, url: str, secret: str = "", authorization: str = "") -> None:
    """Post a digest as JSON: `{"version": 1, "kind": "digest", "digest": {...}}`, money with all its digits."""
    out = io.BytesIO()
    write_digest(digest, out)
    _post(
        b'{"version": 1, "kind": "digest", "digest": ' + out.getvalue().strip() + b"}",
        url,
        secret,
        authorization,
    )


def message(alert: Alert) -> dict[str, Any]:
    """The JSON of an alert. `version` changes when a field changes its meaning; new fields may come any time."""
    return {
        "version": 1,
        "kind": alert.kind,
        "state": alert.state,
        "severity": alert.severity,
        "key": fitted(alert.key, _LONGEST),
        "title": fitted(alert.title, _LONGEST),
        "at": moment(alert),
        "facts": [
            {"label": fitted(label, _LONGEST), "value": fitted(value, _LONGEST)}
            for label, value in facts(alert)
        ],
        "drivers": [fitted(driver, _LONGEST) for driver in drivers(alert)],
        "command": fitted(alert.command, _LONGEST) if alert.command else None,
        "link": web_link(alert) or None,
    }


def _post(body: bytes, url: str, secret: str, authorization: str) -> None:
    if not (authorization.isascii() and authorization.isprintable()):
        raise ConfigError(
            "The authorization of the webhook holds characters that HTTP cannot send. Copy it again."
        )
    key = _key(secret)
    identity = "msg_" + hashlib.sha256(body).hexdigest()[:32]

    def headers() -> Mapping[str, str]:
        now = int(time.time())
        sent = {"webhook-id": identity, "webhook-timestamp": str(now)}
        if key:
            sent["webhook-signature"] = signature(key, identity, now, body)
        if authorization:
            sent["Authorization"] = authorization
        return sent

    post(
        "The webhook",
        url,
        body,
        advice="Check the url, and the secret or authorization that the receiver expects.",
        headers=headers,
        secrets=(secret, secret.removeprefix("whsec_"), authorization, authorization.rpartition(" ")[2]),
    )


def signature(key: bytes, identity: str, seconds: int, body: bytes) -> str:
    """`v1,` and the Base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`."""
    signed = f"{identity}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode("utf-8", "surrogateescape")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ConfigError("The secret of the webhook starts with whsec_ but is no Base64. Copy it again.")
    return key
