"""The dashboard: every report as a page and as JSON, on the port of `whyspend serve`.

desk (answers, kept while nothing changes) -> answering, overview, ... (what a page shows) -> templates.
Nothing here works out a figure: a page shows what a report answers, and says the command that answers the same.
"""

from collections.abc import Callable

from whyspend.dashboard.api import Api
from whyspend.dashboard.desk import Desk
from whyspend.dashboard.exploring import Exploring
from whyspend.dashboard.holding import Holding
from whyspend.dashboard.live import Counts, Live
from whyspend.dashboard.overview import Overview
from whyspend.dashboard.pricing import Pricing
from whyspend.dashboard.ruling import Ruling
from whyspend.dashboard.showing import Showing
from whyspend.dashboard.signing import PATH, Signing
from whyspend.serving import Endpoint, Guard

__all__ = ["SIGN_IN", "Counts", "Desk", "endpoints"]

SIGN_IN = PATH


def endpoints(
    desk: Desk, guard: Guard, counts: Callable[[], Counts], sending: Callable[[str], str]
) -> list[Endpoint]:
    """All that a dashboard answers.

    Args:
        desk: where it asks.
        guard: who may speak; signed-in browsers are among them.
        counts: what the collector beside it has done.
        sending: says how traces are sent to it, at an address.
    """
    showing = Showing(guard, desk)
    parts = (
        Overview(desk, showing, sending),
        Exploring(desk, showing),
        Ruling(desk, showing, guard),
        Pricing(desk, showing, guard),
        Holding(desk, showing),
        Api(desk),
        Live(desk, counts),
        Signing(guard),
    )
    return [endpoint for part in parts for endpoint in part.endpoints()]
