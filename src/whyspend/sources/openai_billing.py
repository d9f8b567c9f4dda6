"""Fetches what OpenAI charged, by UTC day and line item, with an admin key. Kept beside the calls, for `reconcile`.

`GET /v1/organization/costs` (typed client of openai 3.54.0): buckets of one day, at most 180 a page, `start_time`
inclusive and `end_time` exclusive in Unix seconds. A line item is null unless grouped by; the parameter is a plain
`group_by`, without brackets. Every pull reads its days again: charges of the last days still change.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from whyspend.errors import ConfigError
from whyspend.model import Batch, Progress, Window
from whyspend.net import Pace, Web
from whyspend.sources import _paging
from whyspend.wire import bills

DEFAULT_ENDPOINT = "https://api.openai.com"

DAYS_A_PAGE = 180
REQUESTS_PER_10S = 10

KEY_HELP = (
    "Set OPENAI_ADMIN_KEY, or api_key of this source, to an admin key (sk-admin-...) of the organization."
)


def _unseen(_: Progress) -> None:
    """Nobody is watching."""


def read(
    window: Window,
    *,
    source: str,
    dimensions: tuple[str, ...],
    watermarks: Mapping[str, int],
    full: bool = False,
    api_key: str = "",
    endpoint: str = DEFAULT_ENDPOINT,
    on_progress: Callable[[Progress], None] = _unseen,
) -> Iterator[Batch]:
    """Yield one batch: the bill of the UTC days of the window, until today.

    Raises:
        ConfigError: there is no key.
        SourceError: OpenAI cannot be reached, refuses the key, or does not answer usefully.
        InputError: the bill is not in US dollars, or has units that are not known.
    """
    if not api_key.strip():
        raise ConfigError(f"The bill of OpenAI needs a key. {KEY_HELP}")
    web = Web(
        endpoint,
        headers={"Authorization": f"Bearer {api_key.strip()}", "User-Agent": "whyspend"},
        pace=Pace(REQUESTS_PER_10S),
        secrets=(api_key.strip(),),
        connections=1,
    )
    try:
        last = min(window.until, datetime.now(UTC).date())
        if window.since > last:
            return
        params: dict[str, str | int] = {
            "start_time": _unix(window.since),
            "end_time": _unix(last + timedelta(days=1)),
            "bucket_width": "1d",
            "limit": DAYS_A_PAGE,
            "group_by": "line_item",
        }
        found = []
        for page in _paging.pages(web, "/v1/organization/costs", params, KEY_HELP):
            found.append(page | {"has_more": False})
            on_progress(Progress(0, 1, 0, web.sent, web.waiting_for))
        yield Batch(billed=bills.of_pages(found, f"The bill from {web.address}"))
        on_progress(Progress(1, 1, 0, web.sent))
    finally:
        web.close()


def _unix(day: date) -> int:
    """Where a UTC day begins, in seconds since 1970-01-01."""
    return int(datetime.combine(day, time(), UTC).timestamp())
