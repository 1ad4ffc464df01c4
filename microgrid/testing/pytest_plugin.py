"""The pytest plugin: a fixture that checks gradients, and a marker that draws points for a test.

pytest loads it wherever microgrid is installed; ``-p no:microgrid`` disables it. It imports the rest of microgrid only
when a test uses it, so that a run without gradient checks costs nothing.

The fixture ``gradcheck`` has the parameters of ``check_gradients`` and fails the test, with the report as the message,
unless every gradient is right. A test that requests the fixture and never calls it fails too. ``gradcheck_points``
makes one test for each point of a region::

    @pytest.mark.gradcheck_points(w=Interval(-2, 2), x=Interval(0.1, 4), count=10)
    def test_decay(gradcheck, point):
        gradcheck(decay, point)

``--gradcheck-seed`` draws other points, and ``--gradcheck-report`` prints a summary of all checks at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from microgrid.checking import Report

__all__ = [
    "GradCheck",
    "gradcheck",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_report_header",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
]

_FIXTURE, _MARKER, _ARGUMENT = "gradcheck", "gradcheck_points", "point"
_COUNT = 20
_PACKAGE = Path(__file__).parents[1]
_MOST_NAMED = 4  # coordinates named in a test's id
_MOST_ROWS = 10  # tests in the summary
_USAGE = f"@pytest.mark.{_MARKER}(x=Interval(-3, 3), count={_COUNT}, seed=0)"

_CHECKS = pytest.StashKey["GradCheck"]()


# ---- the fixture ------------------------------------------------------------------------------------------------


class GradCheck:
    """The fixture ``gradcheck``: called as ``check_gradients`` is, it fails the test unless every gradient is right.

    Parameters
    ----------
    seed : int
        The seed of the drawn points for calls without one.

    Attributes
    ----------
    reports : list of Report
        The report of each call of the current test.
    """

    def __init__(self, seed: int) -> None:
        self.reports: list[Report] = []
        self._seed = seed

    def __repr__(self) -> str:
        return "<gradcheck>"

    def __call__(
        self,
        f: Callable[..., Any],
        at: Any,
        *,
        closed_form: Callable[..., Any] | None = None,
        reference: Any = "auto",
        order: Literal[1, 2] = 1,
        tol: float = 1e-6,
        count: int = _COUNT,
        seed: int | None = None,
        wrt: str | int | Sequence[str | int] | None = None,
        directions: int | None = None,
        max_calls: int | None = None,
        max_seconds: float | None = None,
        progress: bool | None = None,
    ) -> Report:
        """Check gradients, and raise unless all of them are right.

        Parameters
        ----------
        f, at, closed_form, reference, order, tol, count, wrt, directions, max_calls, max_seconds, progress
            As for ``check_gradients``.
        seed : int, optional
            As for ``check_gradients``; by default that of ``--gradcheck-seed``.

        Returns
        -------
        Report
            The report, in which every derivative is right.

        Raises
        ------
        GradientError
            With the report as its text.
        """
        __tracebackhide__ = True
        from microgrid.checking import check_gradients
        from microgrid.errors import GradientError

        seed = self._seed if seed is None else seed
        try:
            report = check_gradients(
                f,
                at,
                closed_form=closed_form,
                reference=reference,
                order=order,
                tol=tol,
                count=count,
                seed=seed,
                wrt=wrt,
                directions=directions,
                max_calls=max_calls,
                max_seconds=max_seconds,
                progress=progress,
            )
        except Exception as error:  # noqa: BLE001  # of any kind: it is raised again
            raise error.with_traceback(_outside(error.__traceback__)) from error.__cause__
        self.reports.append(report)
        if not report:
            raise GradientError(report)
        return report


def _outside(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the calls inside of microgrid, to show where the user's function raised."""
    calls = []
    while traceback is not None:
        if not Path(traceback.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE):
            calls.append(traceback)
        traceback = traceback.tb_next
    outside = None
    for call in reversed(calls):
        outside = TracebackType(outside, call.tb_frame, call.tb_lasti, call.tb_lineno)
    return outside


# One object for the whole run: Hypothesis warns of function-scoped fixtures, which are not reset for each example.
@pytest.fixture(scope="session")
def gradcheck(request: pytest.FixtureRequest) -> GradCheck:
    """Assert that gradients are right: called as ``microgrid.check_gradients`` is. The test has to call it."""
    return request.config.stash[_CHECKS]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Clear the reports of the previous test."""
    item.config.stash[_CHECKS].reports.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that requested the fixture and checked nothing; record its reports."""
    checks = item.config.stash[_CHECKS]
    try:
        result = yield
    finally:
        if item.config.getoption("--gradcheck-report"):
            item.user_properties += [("gradcheck", _line(report)) for report in checks.reports]
    if _FIXTURE in getattr(item, "fixturenames", ()) and not checks.reports:
        pytest.fail(
            "nothing checked: the test requests the fixture gradcheck and never called it, which is no success. "
            "Call gradcheck(f, at), or remove the fixture",
            pytrace=False,
        )
    return result


# ---- reports in failure messages ----------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001  # pytest passes it by name
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """If ``assert check_gradients(...)`` failed, add the report to the assertion's message."""
    if call.excinfo is not None and call.excinfo.errisinstance(AssertionError):
        for text in _asserted(call.excinfo):
            call.excinfo.value.add_note(text)
    return (yield)


def _asserted(excinfo: pytest.ExceptionInfo[BaseException]) -> Iterable[str]:
    """The text of every report that the failed assertion refers to, unless the message has it already.

    These are reports that the statement names, and intermediate results, which pytest's assertion rewriting keeps in
    variables whose names begin with @.
    """
    from microgrid.checking import Report

    entry = excinfo.traceback[-1]
    source = entry.frame.code.fullsource
    names = re.findall(r"\w+", str(source.getstatement(entry.lineno))) if source is not None else []
    local = entry.frame.f_locals.items()
    found = [it for name, it in local if isinstance(it, Report) and (name in names or name.startswith("@"))]
    shown = str(excinfo.value)
    texts = dict.fromkeys(map(str, found))
    return [text for text in texts if not all([line.strip() in shown for line in text.splitlines()])]


# ---- drawn points -----------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each point of ``gradcheck_points``."""
    marker = metafunc.definition.get_closest_marker(_MARKER)
    if marker is None:
        return
    from microgrid.errors import DataError

    try:
        points = _points(metafunc, marker)
    except DataError as error:
        pytest.fail(f"{metafunc.definition.name}: {error}. Use it as {_USAGE}", pytrace=False)
    metafunc.parametrize(_ARGUMENT, points, ids=list(map(_id, points)))


def _points(metafunc: pytest.Metafunc, marker: pytest.Mark) -> list[dict[str, float]]:
    from microgrid.checking.points import Interval, sample_points
    from microgrid.errors import DataError

    marks = [mark for mark in metafunc.definition.own_markers if mark.name == _MARKER]
    if len(marks) > 1:
        raise DataError(f"a test has one {_MARKER}, not {len(marks)}")
    if marker.args:
        raise DataError(f"{_MARKER} takes each coordinate by its name, not {marker.args[0]!r} alone")
    region = {name: given for name, given in marker.kwargs.items() if name not in ("count", "seed")}
    for name, given in region.items():
        if isinstance(given, bool) or not isinstance(given, Interval | int | float):
            raise DataError(f"{_MARKER} draws {name} from an Interval, not from {given!r}")
    if not any([isinstance(given, Interval) for given in region.values()]):
        raise DataError(f"{_MARKER} has no Interval to draw a point from")
    if _ARGUMENT not in metafunc.fixturenames:
        raise DataError(f"{_MARKER} passes each point as the argument {_ARGUMENT!r}, which the test doesn't have")
    seed = marker.kwargs.get("seed", _seed(metafunc.config))
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise DataError(f"the seed of {_MARKER} is a whole number, not {seed!r}")
    drawn = sample_points(dict, region, marker.kwargs.get("count", _COUNT), seed)
    return [dict(zip(region, point.numbers, strict=True)) for point in drawn]


def _id(point: dict[str, float]) -> str:
    """A point in a test's id; pytest numbers equal ids."""
    shown = [f"{name}={number:.4g}" for name, number in list(point.items())[:_MOST_NAMED]]
    return ",".join([*shown, "..."] if len(point) > _MOST_NAMED else shown)


# ---- options, header, summary -----------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    group = parser.getgroup("microgrid", "gradient checks (microgrid)")
    group.addoption(
        "--gradcheck-seed",
        type=int,
        metavar="N",
        help="seed of the points drawn by gradcheck and gradcheck_points, unless they have their own (default: 0)",
    )
    group.addoption("--gradcheck-report", action="store_true", help="print a summary of the gradient checks at the end")


def _seed(config: pytest.Config) -> int:
    seed: int | None = config.getoption("--gradcheck-seed")
    return seed or 0


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.stash[_CHECKS] = GradCheck(_seed(config))
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(*, count={_COUNT}, seed=None, **intervals): make one test for each point drawn from "
        f"microgrid.Interval objects, given as the argument {_ARGUMENT}, a dict of numbers by name",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Show the seed if one was given."""
    seed = config.getoption("--gradcheck-seed")
    return None if seed is None else f"gradcheck: seed {seed}"


def _line(report: Report) -> tuple[str, int, str, float]:
    """A report's line in the summary, in types that can be sent between processes and written to JUnit files."""
    worst = report.worst
    error = worst.relative_error if worst is not None else 0.0
    return str(report.verdict), report.checked, worst.how if worst is not None else "", error


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the summary, the worst check first, if the option is set."""
    if not terminalreporter.config.getoption("--gradcheck-report"):
        return
    found = [
        (tuple(fact), report.nodeid)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, fact in report.user_properties
        if name == "gradcheck"
    ]
    terminalreporter.section("gradient checks")
    terminalreporter.write_line(_summary(found))


def _summary(found: list[tuple[tuple[Any, ...], str]]) -> str:
    from microgrid.checking import Verdict
    from microgrid.util.tables import table

    if not found:
        return "no gradient was checked"
    order = list(map(str, Verdict))
    found = sorted(found, key=lambda one: (order.index(one[0][0]), one[0][3]), reverse=True)
    tests, checked = len({nodeid for _, nodeid in found}), sum([fact[1] for fact, _ in found])
    rows = [
        (nodeid, str(verdict), str(number), f"{error:.1e}", how)
        for (verdict, number, how, error), nodeid in found[:_MOST_ROWS]
    ]
    more = len(found) - len(rows)
    return "\n".join(
        [
            f"{len(found):,} checks of {checked:,} derivatives in {tests:,} tests, the worst first:",
            table(("test", "verdict", "derivatives", "rel. error", "reference"), rows, "<<>><"),
            *([f"  and {more:,} more"] if more else []),
        ]
    )
