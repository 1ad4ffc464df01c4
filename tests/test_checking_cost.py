"""What a check costs: graphs replayed in vectors, random directions, budgets; and how its report shows itself."""

# ruff: noqa: ARG005  # functions to be checked, and their partials, take what they are called with, needed or not

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

import microgrid
from benchmarks import planted_faults
from microgrid import DataError, Interval, Value, check_gradients
from microgrid.arithmetics.complex import COMPLEX
from microgrid.arithmetics.numpy import COMPLEX_COLUMNS
from microgrid.checking import Report, Verdict, check, directions
from microgrid.checking.batches import sweep
from microgrid.checking.html import link_to
from microgrid.checking.recordings import record
from microgrid.core.engine import recorder
from microgrid.core.rules import RULES

RNG = numpy.random.default_rng(0)


class Counted:
    """A function that counts its calls."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f, self.calls = f, 0
        self.__name__ = "f"

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self._f(x)


def names(report: Report, verdict: Verdict) -> set[str]:
    return {one.name for one in report.judgements if one.verdict is verdict}


# ---- graphs replayed in vectors ---------------------------------------------------------------------------------


def _samples(name: str, count: int = 40) -> tuple[Callable[[Sequence[Value]], Any], list[float]]:
    """A sum over nodes of one rule, each on operands of its own, and a point at which it is smooth."""
    rule = RULES[name]
    source = random.Random(name)
    points = [
        operands for scale in (1e-2, 1.0, 30.0) for operands in planted_faults.points(rule, scale, count, source)
    ][:count]
    size = len(points[0])

    def f(xs: Sequence[Value]) -> Any:
        rows = [xs[start : start + size] for start in range(0, len(xs), size)]
        return microgrid.sum([recorder(rule)(*row) * (1.0 + 0.1 * place) for place, row in enumerate(rows)])

    return f, [x for operands in points for x in operands]


@pytest.mark.parametrize("name", RULES)
def test_in_vectors_every_rule_has_its_derivatives(name: str) -> None:
    f, at = _samples(name)
    recording = record(f, [f"x{place}" for place in range(len(at))], at)
    found = sweep(recording, 1e-6)
    assert found.gradient is not None
    known = [
        (got, one) for got, one in zip(recording.gradient, found.gradient, strict=True) if math.isfinite(one.value)
    ]
    assert len(known) > 0.6 * len(at) or RULES[name].kinks  # of many rules the far ends are left to other references
    for got, one in known:
        assert abs(got - one.value) <= 1e-9 * abs(got) + one.bound
    inner = [place for place, node in enumerate(recording.order) if node.op is RULES[name]]
    assert not RULES[name].kinks or found.settled.isdisjoint(inner)


@pytest.mark.parametrize("name", ["mul", "exp", "div", "softplus", "dot"])
@pytest.mark.parametrize("fault", ["0.1 %", "sign", "missing path"])
def test_in_vectors_a_wrong_rule_settles_nothing(name: str, fault: str) -> None:
    spoilt = planted_faults.faulty(RULES[name], fault, 0)
    count = 200 if name == "dot" else RULES[name].arity or 1  # so many that they are looked at along directions
    xs = [0.3 + 0.01 * place for place in range(count)]
    recording = record(lambda leaves: recorder(spoilt)(*leaves) * 2.0, [f"x{place}" for place in range(count)], xs)
    found = sweep(recording, 1e-6)
    (inner,) = [place for place, node in enumerate(recording.order) if node.op is spoilt]
    assert inner not in found.settled
    assert not found.is_confirmed
    assert not check_gradients(lambda x: recorder(spoilt)(*x) * 2.0, (xs,))


def test_in_vectors_every_adjoint_is_a_sum() -> None:
    recording = record(lambda v: microgrid.exp(v[0] * v[1]) + v[0], ["x", "y"], [0.5, 2.0])
    assert sweep(recording, 1e-6).adds_up
    recording.adjoints[recording.positions[recording.inputs[0]]] *= 0.5
    assert not sweep(recording, 1e-6).adds_up


def test_complex_columns_are_the_complex_numbers() -> None:
    source = random.Random(1)
    functions = ("exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tanh", "expm1", "abs")
    for name in functions:
        numbers = [complex(source.uniform(0.1, 3.0), 1e-30) for _ in range(20)]
        column = getattr(COMPLEX_COLUMNS, name)(numpy.array(numbers))
        for found, number in zip(column, numbers, strict=True):
            exact = getattr(COMPLEX, name)(number)
            assert found.real == pytest.approx(exact.real, rel=1e-14)
            assert found.imag == pytest.approx(exact.imag, rel=1e-14)
    with numpy.errstate(all="ignore"):
        assert numpy.isnan(COMPLEX_COLUMNS.log1p(numpy.array([-1.0 + 0j]))).all()


def test_a_graph_of_many_parameters_is_recorded_a_few_times() -> None:
    X, y, w = RNG.normal(size=(30, 40)), RNG.random(30) > 0.5, RNG.normal(size=40)
    loss = Counted(lambda w: microgrid.sum([microgrid.softplus(z) - t * z for z, t in zip(X @ w, y, strict=True)]))

    def gradient(w: Any) -> Any:
        return X.T @ (1.0 / (1.0 + numpy.exp(-X @ w)) - y)

    report = check_gradients(loss, w, closed_form=gradient)
    assert report, report
    assert (report.checked, report.unverified) == (80, 0)
    assert loss.calls == report.calls <= 8
    spoilt = check_gradients(loss, w, closed_form=lambda w: gradient(w) * (1.0 + 0.01 * (numpy.arange(40) == 7)))
    assert names(spoilt, Verdict.WRONG) == {"df/dx[7]"}


def test_what_is_lost_in_vectors_is_left_to_other_references(monkeypatch: pytest.MonkeyPatch) -> None:
    cosh = record(lambda v: microgrid.softplus(v[0]) / microgrid.cosh(v[0]), ["x"], [800.0])
    assert sweep(cosh, 1e-6).gradient is None or not math.isfinite(sweep(cosh, 1e-6).gradient[0].value)  # type: ignore[index]
    single = microgrid.custom(lambda x, *, m: m.exp(x) if x else 1.0, lambda out, x, *, m: out)  # no truth of an array
    assert check_gradients(lambda x: single(x) * x, -0.5)
    w = Value(2.0)
    stale = w * 3.0
    w.data = 5.0
    recording = record(lambda v: v[0] * stale, ["x"], [1.0])
    found = sweep(recording, 1e-6)
    assert recording.positions[stale] not in found.settled
    assert not found.is_confirmed
    recording.inputs[0].data = 2.0
    assert not sweep(recording, 1e-6).settled
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setitem(sys.modules, "microgrid.checking.batches", None)  # which needs it
    assert check_gradients(lambda x, y: microgrid.sum([x**k * y for k in range(60)]), (0.9, 3.0))


# ---- along random directions ------------------------------------------------------------------------------------

MANY = 2000
FREQUENCIES = RNG.normal(size=MANY)
AT = RNG.normal(size=MANY)


def _waves(x: Any) -> float:
    return float(numpy.sin(numpy.asarray(x, dtype=float) * FREQUENCIES).sum())


def _slopes(x: Any) -> Any:
    return FREQUENCIES * numpy.cos(numpy.asarray(x) * FREQUENCIES)


@pytest.mark.parametrize("at", [AT, (AT.tolist(),)], ids=["an array", "a list"])
def test_many_parameters_are_checked_in_dozens_of_calls(at: Any) -> None:
    f = Counted(_waves)
    report = check_gradients(f, at, closed_form=_slopes)
    assert report, report
    assert f.calls == report.calls < 200
    assert names(report, Verdict.RIGHT) == {"df along direction 1", "df along direction 2"}
    assert "the 2,000 derivatives were checked along 2 random directions, not one by one" in str(report)


@pytest.mark.parametrize("fault", [-1.0, 0.0, 1.01])
def test_wrong_blocks_are_bisected_to_the_coordinates(fault: float) -> None:
    def spoilt(x: Any) -> Any:
        slopes = _slopes(x)
        slopes[[3, 777, 1999]] *= fault
        return slopes

    f = Counted(_waves)
    report = check_gradients(f, AT, closed_form=spoilt)
    assert names(report, Verdict.WRONG) >= {"df/dx[3]", "df/dx[777]", "df/dx[1999]"}
    assert all("/" not in one.name or one.name in names(report, Verdict.WRONG) for one in report.judgements)
    assert f.calls < 5 * MANY


def test_where_everything_is_wrong_the_search_ends() -> None:
    report = check_gradients(_waves, AT, closed_form=lambda x: 2.0 * _slopes(x))
    assert len(names(report, Verdict.WRONG)) == 21
    assert "the search ended at 20 coordinates: there may be more" in str(report)


def test_a_kink_in_one_of_many_coordinates_is_found() -> None:
    at = AT.copy()
    at[55] = 0.0
    report = check_gradients(
        lambda x: float(numpy.abs(numpy.asarray(x, dtype=float)).sum()), at, closed_form=lambda x: numpy.sign(x)
    )
    assert names(report, Verdict.KINK) >= {"df/dx[55]"} or report.verdict is not Verdict.RIGHT


def test_directions_are_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    report = check_gradients(lambda x: (x * x).sum(), AT[:10], directions=3)
    assert {one.name for one in report.judgements} == {f"df along direction {place}" for place in (1, 2, 3)}
    assert report, report
    assert "directions=3" in report.reproduce
    monkeypatch.setattr(check, "_MANY", 20)
    for directions_, checked in ((None, 2), (0, 25)):
        found = check_gradients(_cubes, AT[:25], closed_form=lambda x: 3.0 * x * x, directions=directions_)
        assert found.checked == checked


@pytest.mark.parametrize("option", [{"directions": -1}, {"directions": True}, {"max_calls": 0}, {"max_seconds": 0.0}])
def test_directions_and_budgets_without_a_meaning_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="number"):
        check_gradients(_waves, AT, closed_form=_slopes, **option)


def test_a_direction_does_not_cancel_and_says_what_it_can_miss() -> None:
    source = random.Random(0)
    for _ in range(20):
        gradient = [source.gauss(0.0, 1.0) for _ in range(100)]
        direction = directions.draw([1.0] * 100, gradient, source)
        assert abs(direction.derivative(gradient)) > 0.4 * 10.0
        blind = directions.blind_below(gradient, [direction], 1e-6)
        assert 1e-6 < blind < 1e-4
    still = directions.draw([0.0, 0.0], [0.0, 0.0], source)
    assert all(1.0 <= abs(step) <= 2.0 for step in still.steps)
    assert math.isinf(directions.blind_below([0.0, 0.0], [still], 1e-6))


# ---- budgets and the bar ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 7, 60, 400])
def test_a_budget_of_calls_is_kept(most: int) -> None:
    f = Counted(_cubes)
    report = check_gradients(f, AT[:50], closed_form=lambda x: 3.0 * x * x, max_calls=most, directions=0)
    assert f.calls == report.calls <= most
    assert report.verdict is Verdict.UNCHECKED
    assert report.checked == len(names(report, Verdict.RIGHT)) < 50
    assert len(report.judgements) == 50
    assert not report
    assert f"the budget of {most} calls of f was spent" in str(report)
    assert str(report).startswith(f"not checked: {50 - report.checked} of 50 derivatives")


def _cubes(x: Any) -> float:
    return float((numpy.asarray(x, dtype=float) ** 3).sum())


def test_with_a_small_budget_directions_are_taken() -> None:
    report = check_gradients(_cubes, AT[:50], closed_form=lambda x: 3.0 * x * x, max_calls=400)
    assert report, report
    assert report.checked == 2
    assert check_gradients(lambda x: (x * x * x).sum(), AT[:50], max_calls=20).checked == 50  # by its graph


def test_a_mistake_that_was_found_within_the_budget_counts() -> None:
    report = check_gradients(_cubes, AT[:50], closed_form=lambda x: 3.1 * x * x, max_calls=300, directions=0)
    assert report.verdict is Verdict.WRONG
    assert names(report, Verdict.UNCHECKED)


def test_a_budget_of_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr("microgrid.checking.effort.monotonic", lambda: float(next(ticks)))
    points = [0.5 + place for place in range(30)]
    report = check_gradients(lambda x: float(x) ** 3, points, closed_form=lambda x: 3 * x * x, max_seconds=300)
    assert report.verdict is Verdict.UNCHECKED
    assert 0 < report.checked < 30 == len(report.judgements)
    assert report.calls < 300
    assert "the budget of 300 s was spent" in str(report)


def test_long_checks_show_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr("microgrid.checking.effort.monotonic", lambda: float(next(ticks)))
    check_gradients(_cubes, AT[:3], closed_form=lambda x: 3.0 * x * x, progress=True)
    told = capsys.readouterr().err
    assert "checked 1 of 3 [##########....................]" in told
    assert told.rstrip(" ").endswith("\r")  # it is removed at the end
    check_gradients(_cubes, AT[:3], closed_form=lambda x: 3.0 * x * x)
    check_gradients(_cubes, AT[:3], closed_form=lambda x: 3.0 * x * x, progress=False)
    assert not capsys.readouterr().err


# ---- the report -------------------------------------------------------------------------------------------------


def test_the_line_that_repeats_a_check_is_short() -> None:
    def f(x: list[Any], y: Any) -> Any:
        return microgrid.sum([a.data * a if isinstance(a, Value) else a * a for a in x]) * y

    drawn = check_gradients(f, ([Interval(0, 1)] * 3, 2.0), count=4, seed=3)
    assert "Interval(0, 1), Interval(0, 1)" in drawn.reproduce
    at: Any = ([Interval(0, 1)] * 12, 2.0)
    for report, given in (
        (drawn, None),
        (check_gradients(f, at, count=4, seed=3), at),
        (check_gradients(f, [(AT[:12].tolist(), 1.0), (AT[12:24].tolist(), 2.0)]), None),
    ):
        assert len(report.reproduce) < 150
        given = given or [(AT[:12].tolist(), 1.0), (AT[12:24].tolist(), 2.0)]
        known = {"check_gradients": check_gradients, "f": f, "at": given, "Interval": Interval}
        again = eval(report.reproduce, known)
        assert report.worst is not None
        assert again.worst is not None
        assert (again.worst.got, again.worst.expected) == (report.worst.got, report.worst.expected)


def test_in_a_notebook_the_report_is_a_table() -> None:
    def steep(x: float) -> float:
        return 3.0 * x

    report = check_gradients(lambda x: float(x) ** 2, [1.0, 2.0], closed_form=steep)
    page = report._repr_html_()
    assert page.count("<tr") == 5 + 1 + 2  # checked, worst, evidence, remark, repeat; titles; two derivatives
    assert "wrong gradient: 2 of 2 derivatives" in page
    assert "shrinks as h^1.00" in page
    line = steep.__code__.co_firstlineno
    assert f'written at <a href="tests/test_checking_cost.py#L{line}">test_checking_cost.py:{line}</a>' in page
    assert "<script" not in page
    assert "<style" not in page
    right = check_gradients(lambda x, **more: x * x, {"x": 1.0, "<b>": 2.0})
    assert "&lt;b&gt;" in right._repr_html_()
    assert "<b>&" not in right._repr_html_()
    assert "written at" not in right._repr_html_()


def test_an_operation_that_is_to_blame_is_linked() -> None:
    hump = microgrid.custom(lambda x: math.exp(-x * x), lambda out, x: -x * out, name="hump")
    report = check_gradients(lambda x: hump(x) * 2.0, 0.5)
    page = report._repr_html_()
    assert "local derivative: node 2 of 4, hump(x = 0.5)" in page
    assert page.count("test_checking_cost.py#L") == 1


def test_a_terminal_of_ipython_shows_the_whole_report() -> None:
    told: list[str] = []
    report = check_gradients(lambda x: x * x, 1.0)
    report._repr_pretty_(SimpleNamespace(text=told.append), False)
    assert told == [str(report)]


def test_functions_of_cells_are_told_by_their_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    code = compile("def f(x):\n    return x\n", "/tmp/ipykernel_1/2.py", "exec")
    space: dict[str, Any] = {}
    exec(code, space)
    shell = SimpleNamespace(
        compile=SimpleNamespace(format_code_name=lambda name: ("Cell", "In[4]") if "ipykernel" in name else None),
        execution_count=4,
        parent_header={"metadata": {"cellId": "abc"}},
    )
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert link_to(space["f"]) == ("cell In[4], line 1", "#cell-id=abc")
    shell.execution_count = 5
    assert link_to(space["f"]) == ("cell In[4], line 1", "")
    link = link_to(check_gradients)
    assert link is not None
    assert link.words.startswith("check.py:")
    assert link_to(math.sin) is None
