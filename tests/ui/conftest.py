"""The browser for tests of the screen, through pytest-playwright."""

import os
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PATIENCE
from tests.ui.tab import watched

PATIENCE_MS = 1000 * PATIENCE
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Take the browser that `MOTRAIN_CHROMIUM` names; `tests/run` finds or installs one."""
    path = os.environ.get("MOTRAIN_CHROMIUM")
    if not path:
        pytest.skip("MOTRAIN_CHROMIUM names no browser; tests/run does")
    # Chromium refuses to keep root in its sandbox; the pages are our own.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": path, "args": sandbox}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Replace pytest-playwright's own, a method, which pytest 9 warns about."""


@pytest.fixture
def page(page: Page) -> Page:
    """A tab that waits as long for a page or an element as a busy machine needs."""
    page.set_default_timeout(PATIENCE_MS)
    return page


@pytest.fixture
def tab(page: Page) -> Page:
    """A tab of 1366 × 768 that counts in ``wrong`` what goes wrong."""
    return watched(page)
