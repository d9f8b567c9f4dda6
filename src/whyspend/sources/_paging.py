"""How the bills of providers are fetched: one batch, of a report that is read page after page, each once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from whyspend.errors import ConfigError, InputError, SourceError
from whyspend.model import Batch, Progress, Window
from whyspend.net import Pace, Refused, Web
from whyspend.wire import bills

REQUESTS_PER_10S = 10


@dataclass(frozen=True)
class Report:
    """A provider's report of what it charged."""

    provider: str
    path: str
    key_help: str
    """What to set, in a sentence."""
    headers: Callable[[str], Mapping[str, str]]
    """What carries the key."""
    params: Callable[[date, date], Mapping[str, str | int]]
    """What asks for the UTC days from the first on, and before the second."""


def unseen(_: Progress) -> None:
    """Nobody is watching."""


def fetched(
    report: Report, window: Window, api_key: str, endpoint: str, on_progress: Callable[[Progress], None]
) -> Iterator[Batch]:
    """Yield one batch: the bill of the UTC days of the window, until today.

    Raises:
        ConfigError: there is no key.
        SourceError: the provider cannot be reached, refuses the key, or does not answer usefully.
        InputError: the bill cannot be read.
    """
    key = api_key.strip()
    if not key:
        raise ConfigError(f"The bill of {report.provider} needs a key. {report.key_help}")
    web = Web(
        endpoint,
        headers={**report.headers(key), "User-Agent": "whyspend"},
        pace=Pace(REQUESTS_PER_10S),
        secrets=(key,),
        connections=1,
    )
    try:
        last = min(window.until, datetime.now(UTC).date())
        if window.since > last:
            return
        params = report.params(window.since, last + timedelta(days=1))
        found = []
        for page in _pages(web, report, params):
            found.append(page | {"has_more": False})
            on_progress(Progress(0, 1, 0, web.sent, web.waiting_for))
        yield Batch(billed=bills.of_pages(found, f"The bill from {web.address}"))
        on_progress(Progress(1, 1, 0, web.sent))
    finally:
        web.close()


def _pages(web: Web, report: Report, params: Mapping[str, str | int]) -> Iterator[dict[str, Any]]:
    """Yield the pages of a report: `{"data": [...], "has_more": true, "next_page": "..."}`.

    Raises:
        SourceError: the key is refused, the server does not answer usefully, or its paging leads back or nowhere.
    """
    followed: set[str] = set()
    more: dict[str, str] = {}
    while True:
        try:
            page = web.ask("GET", report.path, _read, params={**params, **more})
        except Refused as error:
            if error.status in (401, 403):
                raise SourceError(
                    f"{web.address} refused the key ({error.status}). {report.key_help}"
                ) from None
            raise SourceError(f"{error}. Update whyspend, or report it with this line.") from None
        yield page
        cursor = page.get("next_page")
        if not page.get("has_more"):
            return
        if not isinstance(cursor, str) or not cursor:
            raise SourceError(
                f"{web.address}{report.path} says that more pages follow, and not where. Pull again later."
            )
        if cursor in followed:
            raise SourceError(
                f"{web.address}{report.path} sends the same page again and again. Pull again later."
            )
        followed.add(cursor)
        more = {"page": cursor}


def _read(body: bytes) -> dict[str, Any]:
    try:
        page = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(str(error)) from None
    if not isinstance(page, dict) or not isinstance(page.get("data"), list):
        raise InputError("a page without data")
    return page
