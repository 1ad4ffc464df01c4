"""Fixtures that several files share, and the table of errors at the end of a run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import COMPILED, REPORTS


@pytest.fixture(autouse=True, scope="session")
def _own_code_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Machine code that tests make is kept in a folder of their own, and found again by the processes they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGRID_CACHE", str(tmp_path_factory.mktemp("code", numbered=True)))
        yield


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The garbage collector switched off: what is freed is freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the worst error that each rule was seen to make, in ulp."""
    write = terminalreporter.write_line
    if COMPILED:
        terminalreporter.section("worst difference of compiled code from the eager engine, in mixed ulp")
        for name, backends in COMPILED.items():
            told = [f"{kind} {w['value']:5.2f} {w['partials']:5.2f}" for kind, w in backends.items()]
            write(f"{name:12} value, partials: {'   '.join(told)}")
    if not REPORTS:
        return
    terminalreporter.section("worst error of each rule, in ulp (mixed: less what the operands' own rounding explains)")
    write(f"{'':12} {'value':>10} {'mixed':>6} {'checks':>7} {'partials':>10} {'mixed':>6} {'checks':>7}")
    for name, report in REPORTS.items():
        columns = [f"{w.strict:10.3g} {w.mixed:6.2f} {w.checks:7}" for w in (report.value, report.partials)]
        write(f"{name:12} {' '.join(columns)}")
