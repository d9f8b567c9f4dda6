"""Fetches what Anthropic charged, by UTC day and description, with an admin key. Kept for `reconcile`.

`GET /v1/organizations/cost_report` (platform.claude.com, Admin API): buckets of one day, at most 31 a page, RFC 3339
bounds, amounts as decimal texts in cents. Grouped by description, so that rows name model and token type. Asked for
at most once a minute by its guide, which a daily pull keeps to. Costs of the Priority Tier are not in it, and there
is no report for individual accounts. Every pull reads its days again: charges of the last days still change.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from whyspend.errors import ConfigError
from whyspend.model import Batch, Progress, Window
from whyspend.net import Pace, Web
from whyspend.sources import _paging
from whyspend.wire import bills

DEFAULT_ENDPOINT = "https://api.anthropic.com"

DAYS_A_PAGE = 31
REQUESTS_PER_10S = 10

KEY_HELP = "Set ANTHROPIC_ADMIN_KEY, or api_key of this source, to an admin key (sk-ant-admin...)."


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
        SourceError: Anthropic cannot be reached, refuses the key, or does not answer usefully.
        InputError: the bill is not in US dollars.
    """
    if not api_key.strip():
        raise ConfigError(f"The bill of Anthropic needs a key. {KEY_HELP}")
    web = Web(
        endpoint,
        headers={
            "x-api-key": api_key.strip(),
            "anthropic-version": "2023-06-01",
            "User-Agent": "whyspend",
        },
        pace=Pace(REQUESTS_PER_10S),
        secrets=(api_key.strip(),),
        connections=1,
    )
    try:
        last = min(window.until, datetime.now(UTC).date())
        if window.since > last:
            return
        params: dict[str, str | int] = {
            "starting_at": f"{window.since:%Y-%m-%dT00:00:00Z}",
            "ending_at": f"{last + timedelta(days=1):%Y-%m-%dT00:00:00Z}",
            "bucket_width": "1d",
            "limit": DAYS_A_PAGE,
            "group_by[]": "description",
        }
        found = []
        for page in _paging.pages(web, "/v1/organizations/cost_report", params, KEY_HELP):
            found.append(page | {"has_more": False})
            on_progress(Progress(0, 1, 0, web.sent, web.waiting_for))
        yield Batch(billed=bills.of_pages(found, f"The bill from {web.address}"))
        on_progress(Progress(1, 1, 0, web.sent))
    finally:
        web.close()
