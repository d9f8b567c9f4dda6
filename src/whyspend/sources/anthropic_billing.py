"""Fetches what Anthropic charged, by UTC day and description, with an admin key. Kept for `reconcile`.

`GET /v1/organizations/cost_report` (platform.claude.com, Admin API): buckets of one day, at most 31 a page, RFC 3339
bounds, amounts as decimal texts in cents. Grouped by description, so that rows name model and token type. Asked for
at most once a minute by its guide, which a daily pull keeps to. Costs of the Priority Tier are not in it, and there
is no report for individual accounts. Every pull reads its days again: charges of the last days still change.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from whyspend.model import Batch, Progress, Window
from whyspend.sources import _paging

DEFAULT_ENDPOINT = "https://api.anthropic.com"

DAYS_A_PAGE = 31

KEY_HELP = "Set ANTHROPIC_ADMIN_KEY, or api_key of this source, to an admin key (sk-ant-admin...)."


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
        SourceError: Anthropic cannot be reached, refuses the key, or does not answer usefully.
        InputError: the bill is not in US dollars.
    """
    yield from _paging.fetched(_REPORT, window, api_key, endpoint, on_progress)


def _headers(key: str) -> dict[str, str]:
    return {"x-api-key": key, "anthropic-version": "2023-06-01"}


def _params(first: date, end: date) -> dict[str, str | int]:
    return {
        "starting_at": f"{first:%Y-%m-%dT00:00:00Z}",
        "ending_at": f"{end:%Y-%m-%dT00:00:00Z}",
        "bucket_width": "1d",
        "limit": DAYS_A_PAGE,
        "group_by[]": "description",
    }


_REPORT = _paging.Report("Anthropic", "/v1/organizations/cost_report", KEY_HELP, _headers, _params)
