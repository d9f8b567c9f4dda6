"""Who signed in with the key: browsers cannot send `x-api-key` with a link, so they get a cookie for it.

The cookie is a random number that this process alone knows, `HttpOnly` and `SameSite=Strict`: no script reads it, and
no other site's page makes a browser send it. It ends with the process, or after twelve hours.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

COOKIE = "whyspend_session"

SECONDS = 12 * 3_600
"""How long a browser stays signed in."""

MOST = 1_000
"""Browsers that are signed in at once; beyond it, the one that signed in first must do so again."""


@dataclass
class Sessions:
    """The browsers that are signed in, by the hash of their cookie; and a token for each cookie.

    The token stands in the forms that change something. A page of another site can neither read it nor make it up, not
    even one that managed to set a cookie.
    """

    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _ends: dict[bytes, float] = field(default_factory=dict, repr=False)

    def begin(self) -> str:
        """Sign a browser in: the value of its cookie."""
        cookie = fresh()
        self._ends[_hash(cookie)] = time.monotonic() + SECONDS
        while len(self._ends) > MOST:
            del self._ends[next(iter(self._ends))]
        return cookie

    def holds(self, cookie: str) -> bool:
        """Whether a cookie is one of a browser that is signed in."""
        return bool(cookie) and self._ends.get(_hash(cookie), 0) > time.monotonic()

    def end(self, cookie: str) -> None:
        """Sign a browser out."""
        self._ends.pop(_hash(cookie), None)

    def token(self, cookie: str) -> str:
        """What the forms of whoever has this cookie must bring back."""
        return hmac.digest(self._secret, cookie.encode(), "sha256").hex()

    def is_token(self, cookie: str, given: str) -> bool:
        """Whether a form brought back what it should."""
        return bool(cookie) and hmac.compare_digest(self.token(cookie).encode(), given.encode())


def fresh() -> str:
    """The value of a new cookie."""
    return secrets.token_urlsafe(32)


def cookie_of(headers: Mapping[str, str]) -> str:
    """The session's cookie of a request, "" where there is none. Header names in lower case."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def set_cookie(value: str, seconds: int | None = SECONDS) -> str:
    """The `Set-Cookie` of a session; None: until the browser ends."""
    ends = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{ends}"


def _hash(cookie: str) -> bytes:
    """So that looking it up takes the same time for every wrong one."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()
