"""Chromium, headless, for tests of what ttrl writes as HTML."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REQUIRED = "TTRL_BROWSER"
"""Set to "required" where a browser must be there: .ci/run installs one."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 300_000
"""Milliseconds after which a test gives up: much more than a busy machine needs."""


def executable() -> str:
    """Return the path of Chromium; skip the test where there is none, unless one is required."""
    for name in NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    if os.environ.get(REQUIRED) == "required":
        pytest.fail("no chromium here, and TTRL_BROWSER says that one is required")
    pytest.skip("needs chromium: apt-get install chromium")


class Opened:
    """A page that was opened, and what it did.

    Attributes:
        page: Playwright's page.
        requests: Addresses that the page asked for, its own left out.
        errors: Messages of the console, errors and dialogs.
    """

    def __init__(self, page: Any, file: Path) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        own = file.resolve().as_uri()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda one: None if one.url == own else self.requests.append(one.url))
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", self._dialog)
        page.goto(own)
        page.wait_for_selector("#report *")

    def _dialog(self, dialog: Any) -> None:
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def text(self) -> str:
        """Return the text that a reader sees."""
        text: str = self.page.inner_text("#report")
        return text

    def selected(self, tab: str) -> str:
        """Open a tab of the solution or question that is shown; return its text."""
        self.page.get_by_role("tab", name=tab, exact=True).click()
        text: str = self.page.inner_text(".solution .tab")
        return text


@contextmanager
def opened(file: Path, **options: Any) -> Iterator[Opened]:
    """Open a file in a fresh browser.

    Args:
        file: An HTML file.
        **options: Of playwright's context, such as `viewport` and `color_scheme`.
    """
    path = executable()
    playwright = pytest.importorskip("playwright.sync_api", reason="make tools gets playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, timeout=PATIENCE)
        try:
            yield Opened(browser.new_context(**options).new_page(), file)
        finally:
            browser.close()
