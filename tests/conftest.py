"""How property tests draw their examples, in which order files are run, and the browser that pages are opened in."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time in CI, new ones on a developer's machine.
settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: two processes share the files, and the longest must not be the last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium (playwright.sync_api.Browser), for the tests of a file; mark them `browser`."""
    from tests.browser.chromium import launched

    # Not for the whole session: while it is open, no other test of this process can run an event loop.
    with launched() as opened:
        yield opened
