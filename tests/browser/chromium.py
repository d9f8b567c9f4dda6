"""A real Chromium, and what a page did in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")

DESKTOP, PHONE = (1280, 800), (390, 844)


@contextmanager
def launched() -> Iterator["Browser"]:
    """Chromium without a window; the test is skipped where there is none, but never in CI."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium. scripts/chromium installs it.")
        pytest.skip("There is no Chromium here. Install it with scripts/chromium.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path)
        yield opened
        opened.close()


@dataclass
class Watched:
    """A page, and what it said, asked for and was refused."""

    page: "Page"
    said: list[str] = field(default_factory=list)
    """Errors, warnings and whatever else is in the console, refusals of the Content-Security-Policy among it."""
    asked: list[str] = field(default_factory=list)
    """Every address that was asked for, that of the page itself first."""
    dialogs: list[str] = field(default_factory=list)

    def dismiss(self, dialog: "Dialog") -> None:
        """Close a dialog, and keep what it said."""
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@contextmanager
def opened(
    browser: "Browser",
    address: str,
    *,
    size: tuple[int, int] = DESKTOP,
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
    offline: bool = True,
) -> Iterator[Watched]:
    """An address in a window of its own, watched from the first byte."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        java_script_enabled=scripts,
        offline=offline,
    )
    watched = Watched(context.new_page())
    watched.page.on("console", lambda message: watched.said.append(message.text))
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.on("dialog", watched.dismiss)
    try:
        watched.page.goto(address)
        yield watched
    finally:
        context.close()
