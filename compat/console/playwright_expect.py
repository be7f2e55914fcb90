"""Playwright's `expect`, or skipping without it."""

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="needs the package playwright").expect
expect.set_options(timeout=20_000)
