"""One POST to a service, as often as it takes within reason; the address is a secret and never shown."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import SplitResult, unquote, urlsplit

import httpx2

from whyspend.alerts._tries import Trouble, held_back, persist
from whyspend.errors import ConfigError
from whyspend.net import Refused, plainly, redact, retry_after

_TIMEOUT = httpx2.Timeout(20.0, connect=10.0)
_LONGEST_ANSWER = 100_000
"""Characters that are read of an answer."""
_LONGEST_REASON = 2_000
_SHORTEST_SECRET = 5
"""Shorter parts of an address (`v1`, `hook`) are no secrets, and would make holes in what a service says."""


def post(
    channel: str,
    url: str,
    body: bytes,
    *,
    advice: str,
    headers: Callable[[], Mapping[str, str]] = dict,
    secrets: Iterable[str] = (),
) -> str:
    """Send JSON and return what was said once a status of 2xx came back. Redirects are not followed.

    Retried, a few times: 408, 425, 429 (after the pause it asks for), 5xx and a broken connection.

    Args:
        channel: The name that errors give the service: `Slack`.
        url: Where to; user and password in it are sent as such.
        body: JSON, or what the Content-Type of the headers says.
        advice: What to do when the service says no.
        headers: Asked before each attempt, so that a signature is never old. Another Content-Type is sent instead.
        secrets: What must not show, beside every part of the address.

    Raises:
        ConfigError: the address is none.
        Refused: any other status.
        SourceError: no usable answer after all attempts.
    """
    url = url.strip()
    parts = _address(channel, url)
    host = parts.netloc.rpartition("@")[2]
    hidden = (*_secrets(url, parts), *filter(None, secrets))
    said = ""

    def attempt() -> Trouble | None:
        nonlocal said
        sent = {"Content-Type": "application/json", "User-Agent": "whyspend", **headers()}
        try:
            with client.stream("POST", url, content=body, headers=sent) as response:
                said = _beginning(response)
        except httpx2.InvalidURL:
            raise _no_address(channel) from None
        except httpx2.RequestError as error:
            return Trouble(f"{host}: {plainly(error)}")
        status = response.status_code
        if response.is_success:
            return None
        if status in (408, 425, 429) or status >= 500:
            return Trouble(f"{host} answered {status}", retry_after(response.headers.get("retry-after")))
        reason = redact(said[:_LONGEST_REASON], hidden).rstrip(".") or "no reason given"
        if response.is_redirect:
            reason = "it redirects, which is not followed"
        raise Refused(
            f"{channel} did not take the message: {host} answered {status}: {reason}. {advice}",
            status,
        )

    # Plain HTTP needs no certificates; to load them takes 50 ms.
    with held_back(), httpx2.Client(timeout=_TIMEOUT, verify=parts.scheme == "https") as client:
        persist(channel, attempt)
    return said


def _beginning(response: httpx2.Response) -> str:
    parts: list[str] = []
    for part in response.iter_text(_LONGEST_REASON):
        parts.append(part)
        if len(parts) * _LONGEST_REASON >= _LONGEST_ANSWER:
            break
    return "".join(parts)


def _address(channel: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no_address(channel) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise _no_address(channel)
    return parts


def _no_address(channel: str) -> ConfigError:
    return ConfigError(f"{channel} needs a web address that starts with https://. Copy it again.")


def _secrets(url: str, parts: SplitResult) -> list[str]:
    """Every part of an address that may open a door, longest first."""
    pieces = [*parts.path.split("/"), *parts.query.replace("=", "&").split("&")]
    whole = [url, parts.path, parts.query, parts.username or "", parts.password or ""]
    named = {spelling for piece in (*whole, *pieces) for spelling in (piece, unquote(piece))}
    return sorted((piece for piece in named if len(piece) >= _SHORTEST_SECRET), key=len, reverse=True)
