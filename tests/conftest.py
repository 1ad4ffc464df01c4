"""Fixtures that several files share, and the table of errors at the end of a run."""

from __future__ import annotations

import gc
import os
import pkgutil
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from helpers import COMPILED, REPORTS
from hypothesis import HealthCheck, settings

import microgrid

ROOT = Path(__file__).parent.parent

ANY_ENGINE = {
    "test_accuracy.py",
    "test_benchmark_works.py",
    "test_benchmarks.py",
    "test_certify.py",
    "test_checkers.py",
    "test_checking.py",
    "test_checking_cost.py",
    "test_checking_points.py",
    "test_checking_values.py",
    "test_cli.py",
    "test_cli_fit.py",
    "test_compiling.py",
    "test_demo.py",
    "test_derivations.py",
    "test_differential.py",
    "test_docs.py",
    "test_docstrings.py",
    "test_doubts.py",
    "test_drawing.py",
    "test_export.py",
    "test_formula.py",
    "test_graph_json.py",
    "test_house.py",
    "test_interpreter.py",
    "test_javascript.py",
    "test_layout.py",
    "test_learn.py",
    "test_learn_blocks.py",
    "test_learn_dask.py",
    "test_notebooks.py",
    "test_pages.py",
    "test_pictures.py",
    "test_pictures_in_browser.py",
    "test_proofs.py",
    "test_pytest_plugin.py",
    "test_robustness.py",
    "test_rolling.py",
    "test_scalar_code.py",
    "test_symbolic.py",
    "test_testing.py",
    "test_types.py",
}
"""Modules whose tests ask the engine for recorded numbers and for nothing else, as examples outside of the core do.

That both engines record the same bits, raise the same errors and make the same drawings is what ``test_engines`` holds,
so ``make test`` runs these on the native engine alone, and ``make engines`` on the other.
"""

IS_NATIVE = microgrid.engine == "native"

OF_ITS_ENGINE = {"test_engines.py", "test_graph.py", "test_scale.py", "test_value.py"}
"""What is measured on the Python engine. What its other tests run besides is the same code on the native one."""

# However slow the machine is, also in the examples of the documentation.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Importing it enters wrong and dying peers into the registries: only the tests of the harness do, and take them out.
collect_ignore = ["benchmark_peers.py"]


MARKERS = (
    "trials: long by nature, or a larger size of a test that is in every run; make trials runs it",
    "unmeasured: does at many points what other tests cover, and runs without coverage's tracer, which makes it slow",
    "any_engine: of a module on which the engine makes no difference, or a test of that kind",
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks. A worker is measured; processes that its tests start are not, which would make them slow."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A module whose tests would all be left out is not imported either: many of them import large packages."""
    left_out = "not any_engine" in config.option.markexpr and is_any_engine(collection_path)
    return True if left_out else None  # None leaves the decision to pytest


def is_any_engine(path: Path) -> bool:
    """Whether the engine makes no difference to any test or example of a file."""
    parts = path.relative_to(ROOT).parts
    is_example = path.suffix == ".md" or (parts[:1] == ("microgrid",) and path.suffix == ".py" and "core" not in parts)
    return path.name in ANY_ENGINE or is_example


LARGE_PACKAGES = ("nbformat", "pandas", "sklearn.linear_model", "statsmodels.api", "sympy")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Coverage's tracer follows how the package is imported, and no import of the tests and of other packages."""
    tracer = sys.gettrace()
    if tracer is None:
        return (yield)
    measured = microgrid if IS_NATIVE else microgrid.core
    sys.settrace(None)
    for name in LARGE_PACKAGES if IS_NATIVE else ():
        import_module(name)
    sys.settrace(tracer)
    for module in pkgutil.walk_packages(measured.__path__, f"{measured.__name__}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is of a module that any engine suits, and what is among the trials, before marks choose."""
    items[:] = [item for item in items if not _is_part_of_a_larger_trial(item)]
    for item in items:
        _cases[_test_of(item)] += 1
        if is_any_engine(item.path):
            item.add_marker("any_engine")
        if item.path.parent.name == "trials":
            item.add_marker("trials")


def _is_part_of_a_larger_trial(item: pytest.Item) -> bool:
    """Whether it is the small size of what is a trial already for its rule."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return parameters.get("everything") is False and item.get_closest_marker("trials") is not None


def pytest_collection_finish() -> None:
    """Keep what all the imported modules are made of out of every later collection, which takes much longer with it."""
    gc.collect()
    gc.freeze()


MANY, FOLLOWED = 40, 8
"""Of a test with more cases than that, as of every rule, coverage's tracer follows so many: they run the same lines."""

_cases, _begun = Counter[str](), Counter[str]()


def _test_of(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Only what is worth measuring runs with a tracer. What is covered is then at least what is reported."""
    name = _test_of(item)
    _begun[name] += 1
    is_measured = (
        (IS_NATIVE or item.path.name in OF_ITS_ENGINE)
        and (_cases[name] <= MANY or _begun[name] <= FOLLOWED)
        and item.get_closest_marker("unmeasured") is None
    )
    tracer = sys.gettrace()
    if not is_measured:
        sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


@pytest.fixture(autouse=True, scope="session")
def _own_code_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Machine code that tests make is kept in a folder of their own, and found again by the processes they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGRID_CACHE", str(tmp_path_factory.mktemp("code", numbered=True)))
        yield


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The garbage collector switched off: what is freed is freed by reference counts alone."""
    while gc.collect():  # what finalizers leave, and what one pass of 3.14's collector does
        pass
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
