"""Fetches what OpenAI charged, by UTC day and line item, with an admin key. Kept beside the calls, for `reconcile`.

`GET /v1/organization/costs` (typed client of openai 3.54.0): buckets of one day, at most 180 a page, `start_time`
inclusive and `end_time` exclusive in Unix seconds. A line item is null unless grouped by; the parameter is a plain
`group_by`, without brackets. Every pull reads its days again: charges of the last days still change.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time

from whyspend.model import Batch, Progress, Window
from whyspend.sources import _paging

DEFAULT_ENDPOINT = "https://api.openai.com"

DAYS_A_PAGE = 180

KEY_HELP = (
    "Set OPENAI_ADMIN_KEY, or api_key of this source, to an admin key (sk-admin-...) of the organization."
)


def read(
    window: Window,
    *,
    source: str,
    dimensions: tuple[str, ...],
    watermarks: Mapping[str, int],
    full: bool = False,
    api_key: str = "",
    endpoint: str = DEFAULT_ENDPOINT,
    on_progress: Callable[[Progress], None] = _paging.unseen,
) -> Iterator[Batch]:
    """Yield one batch: the bill of the UTC days of the window, until today.

    Raises:
        ConfigError: there is no key.
        SourceError: OpenAI cannot be reached, refuses the key, or does not answer usefully.
        InputError: the bill is not in US dollars, or has units that are not known.
    """
    yield from _paging.fetched(_REPORT, window, api_key, endpoint, on_progress)


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _params(first: date, end: date) -> dict[str, str | int]:
    return {
        "start_time": _unix(first),
        "end_time": _unix(end),
        "bucket_width": "1d",
        "limit": DAYS_A_PAGE,
        "group_by": "line_item",
    }


def _unix(day: date) -> int:
    """Where a UTC day begins, in seconds since 1970-01-01."""
    return int(datetime.combine(day, time(), UTC).timestamp())


_REPORT = _paging.Report("OpenAI", "/v1/organization/costs", KEY_HELP, _headers, _params)
