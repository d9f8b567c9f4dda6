"""Who may speak to the port: whoever has the key; without one, programs of this machine, but no web page.

A page in a browser can send requests to 127.0.0.1 too. It cannot hide where it comes from: browsers send `Origin`
with every POST, and `Sec-Fetch-Site` with every request (https://www.w3.org/TR/fetch-metadata/). And a name of the
page's own that suddenly resolves to 127.0.0.1 (DNS rebinding) still stands in `Host`.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from whyspend.errors import UsageError
from whyspend.serving.endpoints import Door
from whyspend.serving.sessions import Sessions, cookie_of

WITHOUT_KEY = (
    "The API key is missing or wrong. Send it as x-api-key: LangSmith's SDK does with LANGSMITH_API_KEY, "
    "OpenTelemetry's exporters do with OTEL_EXPORTER_OTLP_TRACES_HEADERS."
)

_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_OWN_SITES = frozenset({"same-origin", "none"})


@dataclass(frozen=True)
class Guard:
    """The rules of one port."""

    key: str = field(repr=False)
    """What callers must send as `x-api-key`, or as a bearer token; "" demands none."""
    is_local: bool
    """It is bound to this machine alone, so whoever means it calls it by a name of this machine."""
    bound: str = ""
    """The address that it is bound to, such as 127.0.0.2: where it is local, one of these names."""
    sessions: Sessions = field(default_factory=Sessions, compare=False)
    """The browsers that signed in with the key."""

    @classmethod
    def of(cls, bind: str, key: str) -> "Guard":
        """The rules of what is bound to an address.

        Raises:
            UsageError: others can reach it, and there is no key.
        """
        if not (key or is_loopback(bind)):
            raise UsageError(
                f"Others can reach {bind}, so it needs a key: put one into an environment variable, and give "
                "--api-key env:NAME. Or leave --bind out: then only this machine can send."
            )
        return cls(key, is_loopback(bind), bind)

    def refusal(self, headers: Mapping[str, str], door: Door = "key") -> tuple[int, str] | None:
        """Say why a request is refused: a status and a sentence; None lets it in.

        Args:
            headers: by their names in lower case.
            door: who may ask what is asked for. A browser that signed in is let in where the door says so, and nowhere
                else: what takes calls in wants the key itself.
        """
        host = headers.get("host", "")
        if self.is_local and _name(host) not in (names := self._names()):
            called = "127.0.0.1 or localhost" if names[0] in _LOCAL_NAMES else names[0]
            return 403, f"This address is for this machine: call it {called}."
        if is_of_another_site(headers, host):
            return 403, "Requests from web pages are refused."
        if door == "open" or not self.key or self.is_key(key_of(headers)):
            return None
        if door == "session" and self.sessions.holds(cookie_of(headers)):
            return None
        return 401, WITHOUT_KEY

    def is_key(self, given: str) -> bool:
        """Whether this is the key, in the same time for every one that is not."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.key.encode())

    def _names(self) -> list[str]:
        """What this machine may be called in a Host header, the name to be told first."""
        own = f"[{self.bound}]" if ":" in self.bound else self.bound
        return [*_LOCAL_NAMES] if own in ("", *_LOCAL_NAMES) else [own, *_LOCAL_NAMES]


def key_of(headers: Mapping[str, str]) -> str:
    """The key that a request sends; "" where it sends none."""
    given, bearer = headers.get("x-api-key", ""), headers.get("authorization", "")
    return bearer[7:].strip() if not given and bearer[:7].lower() == "bearer " else given


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what is bound to an address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_of_another_site(headers: Mapping[str, str], host: str) -> bool:
    """Whether a page of another site sends a request, or another site's link leads here."""
    if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        return True
    origin = headers.get("origin")
    return origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}")


def wants_page(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a person in a browser asks for a page, and no program.

    Browsers send `Sec-Fetch-Dest` only to https and to this machine; to any other address, `Accept` has to do.
    """
    if method != "GET" or "x-api-key" in headers or "authorization" in headers:
        return False
    return headers.get("sec-fetch-dest", "document") == "document" and (
        "sec-fetch-dest" in headers or "text/html" in headers.get("accept", "")
    )


def _name(host: str) -> str:
    """A Host header without its port, in lower case."""
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() else host.lower()
