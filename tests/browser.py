"""What the tests of pages share: a real browser, and JavaScript run in it and in Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest

CHROMIUM, NODE = shutil.which("chromium"), shutil.which("node")
_IN_CI = bool(os.environ.get("CI"))  # where nothing is skipped: what is missing fails
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and find_spec("playwright")) and not _IN_CI,
    reason="PAGES ARE NOT TESTED: apt-get install chromium, pip install playwright",
)
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node: the same tests run in Chromium")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium, as playwright's Browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def in_node(script: str) -> Any:
    """What a script's last expression is, as JSON says it."""
    assert NODE
    program = f"console.log(JSON.stringify(eval({json.dumps(script)})))"
    return json.loads(subprocess.run([NODE, "-"], input=program, capture_output=True, text=True, check=True).stdout)
