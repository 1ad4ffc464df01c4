"""Fixtures that several files share, and the table of errors at the end of a run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import REPORTS


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The garbage collector switched off: what is freed is freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the worst error that each rule was seen to make, in ulp."""
    if not REPORTS:
        return
    write = terminalreporter.write_line
    terminalreporter.section("worst error of each rule, in ulp (mixed: less what the operands' own rounding explains)")
    write(f"{'':12} {'value':>10} {'mixed':>6} {'checks':>7} {'partials':>10} {'mixed':>6} {'checks':>7}")
    for name, report in REPORTS.items():
        columns = [f"{w.strict:10.3g} {w.mixed:6.2f} {w.checks:7}" for w in (report.value, report.partials)]
        write(f"{name:12} {' '.join(columns)}")
