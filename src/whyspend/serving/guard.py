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

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_OWN_SITES = frozenset({"same-origin", "none"})


@dataclass(frozen=True)
class Guard:
    """The rules of one port."""

    key: str = field(repr=False)
    """What callers must send as `x-api-key`, or as a bearer token; "" demands none."""
    is_local: bool
    """It is bound to this machine alone, so whoever means it calls it by a name of this machine."""
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
        return cls(key, is_loopback(bind))

    def refusal(self, headers: Mapping[str, str], door: Door = "key") -> tuple[int, str] | None:
        """Say why a request is refused: a status and a sentence; None lets it in.

        Args:
            headers: by their names in lower case.
            door: who may ask what is asked for. A browser that signed in is let in where the door says so, and nowhere
                else: what takes calls in wants the key itself.
        """
        host = headers.get("host", "")
        if self.is_local and _name(host) not in _LOCAL_NAMES:
            return 403, "This address is for this machine: call it 127.0.0.1 or localhost."
        if is_of_another_site(headers, host):
            return 403, "Requests from web pages are refused."
        if door == "open" or not self.key or self.is_key(_given(headers)):
            return None
        if door == "session" and self.sessions.holds(cookie_of(headers)):
            return None
        return 401, WITHOUT_KEY

    def is_key(self, given: str) -> bool:
        """Whether this is the key, in the same time for every one that is not."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.key.encode())


def _given(headers: Mapping[str, str]) -> str:
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


def _name(host: str) -> str:
    """A Host header without its port, in lower case."""
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() else host.lower()
