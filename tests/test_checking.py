"""The gradient checker: what it finds, what it lets pass, whom it blames, and what a reader is told."""

# ruff: noqa: ARG005  # functions to be checked, and their partials, take what they are called with, needed or not

from __future__ import annotations

import math
import pickle
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy
import pytest
from helpers import SLOW_IN_MPMATH, every_rule_in_time, few_or_all

import microgrid
from benchmarks import planted_faults
from benchmarks.planted_faults import FAULTS, SCALES, Tally
from microgrid import DataError, GradientError, Interval, InvalidValueError, Value, assert_gradients, check_gradients
from microgrid.checking import Blame, Judgement, Report, Verdict, nodes, recordings, references
from microgrid.checking.differences import differentiate, slopes_beside, taylor_order
from microgrid.checking.nodes import inspect_nodes
from microgrid.checking.points import derivatives, sample_points
from microgrid.checking.recordings import record
from microgrid.core.arithmetic import FLOAT
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

every_rule = pytest.mark.parametrize("name", RULES)


def worst_of(report: Report) -> Judgement:
    assert report.worst is not None
    return report.worst


def blame_of(report: Report) -> Blame:
    assert report.blame is not None
    return report.blame


@pytest.fixture
def no_mpmath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)


# ---- planted faults: all found, the right node blamed, and no false alarm -------------------------------------


@few_or_all
@every_rule_in_time
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.unmeasured
def test_every_fault_planted_in_a_rule_is_found_and_its_node_blamed(name: str, order: int, everything: bool) -> None:
    tally, first = Tally(), list(RULES).index(name) + order
    every = list(FAULTS)[:: 2 if name in SLOW_IN_MPMATH else 1]
    for fault in every if everything else [list(FAULTS)[(first + k) % len(FAULTS)] for k in (0, 3)]:
        planted_faults.trials(RULES[name], fault, order, 1, order, tally)
    assert tally.found == tally.planted, tally.missed
    assert tally.blamed == tally.planted
    assert tally.planted > (10 if everything else 2) or _has_no_slope(RULES[name])


def _has_no_slope(rule: Rule) -> bool:
    """Whether a rule's derivatives are 0 everywhere, so that no factor spoils them."""
    source = random.Random(0)
    value, partials = FLOAT.bind(rule)
    tried = [operands for scale in SCALES for operands in planted_faults.points(rule, scale, 5, source)]
    return not any([any(partials(value(*operands), *operands)) for operands in tried])


@few_or_all
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.unmeasured
def test_right_rules_raise_no_false_alarm_at_any_scale(order: int, everything: bool) -> None:
    tally = planted_faults.right_checks((8000 if everything else 800) // order**2, order, seed=order)
    print(f"\n{tally.planted:,} right derivatives of order {order}: {dict(tally.verdicts)}")
    assert tally.verdicts[Verdict.WRONG] == 0, tally.missed
    # Of two small numbers, beta's second derivatives have no digit: docs/accuracy.md.
    missed = [one for one in tally.missed if not one.startswith("beta ")]
    assert len(missed) < 0.001 * tally.planted, missed


def test_the_trial_reaches_every_scale_and_rule() -> None:
    source = random.Random(1)
    for rule in RULES.values():
        assert any([list(planted_faults.points(rule, scale, 8, source)) for scale in SCALES])


def test_the_trial_prints_its_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["planted_faults", "--checks", "200", "--count", "1"])
    monkeypatch.setattr(planted_faults, "RULES", {name: RULES[name] for name in ("mul", "exp", "sum")})
    planted_faults.main()
    printed = capsys.readouterr().out
    assert "Faults planted in every rule, order 2" in printed
    assert "right node blamed" in printed
    assert printed.count("false alarms: 0") == 2


# ---- gradients by hand: functions of plain numbers --------------------------------------------------------------


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else math.nan


PAIRS: dict[str, tuple[Callable[[float], float], Callable[[float], float], Sequence[float]]] = {
    "square": (lambda x: x * x, lambda x: 2.0 * x, (1e-8, -1e-3, 1.0, 1e8)),
    "line": (lambda x: 3.0 * x + 1.0, lambda x: 3.0 + 0.0 * x, (1e-3, 1.0, 1e8)),
    "exp": (math.exp, math.exp, (1e-8, -30.0, 1.0, 300.0)),
    "log": (_log, lambda x: 1.0 / x, (1e-8, 1.0, 1e8)),
    "sin": (math.sin, math.cos, (1e-8, 1.0, 1e3, 1e6)),
    "cube at 0": (lambda x: (x - 1.0) ** 3, lambda x: 3.0 * (x - 1.0) ** 2, (0.0, 1.5)),
    "tiny": (lambda x: 1e-12 * x**3, lambda x: 3e-12 * x**2, (0.5, 2.0)),
    "huge": (lambda x: 1e12 * math.tanh(x), lambda x: 1e12 / math.cosh(x) ** 2, (0.5, -2.0)),
    "offset": (lambda x: 1e4 + math.sin(x), math.cos, (0.5, 2.0)),
}
"""From a name to a function, its derivative, and where it is checked."""


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_gradient_by_hand_is_right_at_every_scale(name: str) -> None:
    f, slope, points = PAIRS[name]
    report = check_gradients(_plain(f), list(points), closed_form=slope)
    assert report, report
    assert report.checked == len(points)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("factor", [1.001, 1.03, -1.0, 2.0, 0.0])
def test_a_wrong_gradient_by_hand_is_wrong_at_every_scale(name: str, factor: float) -> None:
    f, slope, points = PAIRS[name]
    report = check_gradients(_plain(f), list(points), closed_form=lambda x: factor * slope(x))
    assert Counter([one.verdict for one in report.judgements]) == {Verdict.WRONG: len(points)}, report
    orders = [one.taylor_order for one in report.judgements if one.taylor_order is not None]
    assert len(orders) == len(points)
    assert all(order < 1.5 for order in orders)


def _plain(f: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: f(float(x))  # a Value doesn't turn into a float: so f takes plain numbers only


def test_one_wrong_coordinate_of_many_is_the_worst() -> None:
    report = check_gradients(
        lambda x: float(sum([float(one) ** 3 for one in x])),
        (numpy.arange(1.0, 9.0),),
        closed_form=lambda x: [3.0 * one**2 + (0.1 if place == 5 else 0.0) for place, one in enumerate(x)],
    )
    assert report.verdict is Verdict.WRONG
    assert [one.verdict for one in report.judgements].count(Verdict.WRONG) == 1
    assert worst_of(report).name.endswith("/dx[5]")


def test_a_kink_of_a_plain_function_is_told_with_its_two_slopes() -> None:
    report = check_gradients(lambda x: abs(float(x)), 0.0, closed_form=lambda x: 0.5)
    assert report.verdict is Verdict.KINK
    assert worst_of(report).note == "its slope is -1 on the left and 1 on the right"
    assert check_gradients(lambda x: abs(float(x)), 1e-13, closed_form=lambda x: 0.5).verdict is Verdict.WRONG


def test_beside_a_kink_the_derivative_is_right_as_soon_as_floats_tell_the_sides_apart() -> None:
    for distance in (1e-3, 1e-5):
        assert check_gradients(lambda x: abs(float(x) - 1.0), 1.0 + distance, closed_form=lambda x: 1.0)


def test_a_jump_is_a_kink_too() -> None:
    report = check_gradients(lambda x: float(float(x) > 1.0), 1.0, closed_form=lambda x: 0.0)
    assert report.verdict is Verdict.KINK


def test_a_noisy_function_is_noisy_and_says_how_noisy() -> None:
    def rough(x: Any) -> float:
        return float(numpy.float32(math.sin(float(x))))

    report = check_gradients(rough, 1.1, closed_form=math.cos)
    assert report.verdict is Verdict.NOISY
    assert "its relative error is up to" in worst_of(report).note
    assert worst_of(report).bound > 1e-6 * abs(math.cos(1.1))
    assert check_gradients(rough, 1.1, closed_form=math.cos, tol=1e-3)
    assert check_gradients(rough, 1.1, closed_form=lambda x: 1.05 * math.cos(x), tol=1e-3).verdict is Verdict.WRONG


def test_a_function_that_is_nan_or_infinite_is_not_finite() -> None:
    for value in (math.nan, math.inf):
        report = check_gradients(lambda x, value=value: value + 0.0 * float(x), 1.0, closed_form=lambda x: 0.0)
        assert report.verdict is Verdict.NON_FINITE
        assert worst_of(report).note == f"f is {value!r} there"


def test_a_gradient_that_is_nan_is_not_finite() -> None:
    report = check_gradients(_plain(math.sin), 1.0, closed_form=lambda x: math.nan)
    assert report.verdict is Verdict.NON_FINITE


def test_there_is_no_derivative_at_an_infinite_point() -> None:
    for x in (math.inf, -math.inf):
        for report in (
            check_gradients(microgrid.sigmoid, x),
            check_gradients(microgrid.atan, x, reference="differences"),
            check_gradients(math.atan, x, closed_form=lambda x: 1 / (1 + x * x)),
        ):
            assert report.verdict is Verdict.NON_FINITE
            assert f"its coordinate is {x!r}" in str(report)
            assert report.worst is not None
            assert report.worst.taylor_order is None
    report = check_gradients(lambda x, y: microgrid.atan(x) * y, (math.inf, 2.0))  # y has a derivative
    assert [(one.name, one.verdict) for one in report.judgements] == [
        ("df/dx", Verdict.NON_FINITE),
        ("df/dy", Verdict.RIGHT),
    ]
    assert differentiate(math.atan, math.inf).bound == math.inf


def test_a_complex_step_that_is_lost_below_the_smallest_float_says_nothing() -> None:
    recording = record(lambda leaves: microgrid.exp(leaves[0]), ["x"], [5e-324])
    assert references.complex_step(recording, 0) is None
    report = check_gradients(lambda x: microgrid.exp(x) + 1.0, 5e-324)
    assert report
    assert report.worst is not None
    assert report.worst.how.startswith("mpmath")
    assert not check_gradients(lambda y: microgrid.sqrt(microgrid.log(y**-0.5)), 5e-324)


def test_a_reference_that_is_nan_or_infinite_is_never_a_pass() -> None:
    for wrong in (math.nan, math.inf):
        report = check_gradients(lambda x: x * x, 1.0, reference=lambda x, wrong=wrong: wrong)
        assert report.verdict is Verdict.NON_FINITE


def test_a_function_that_ends_beside_the_point_has_too_few_values() -> None:
    report = check_gradients(lambda x: math.sqrt(float(x)), 0.0, closed_form=lambda x: 0.0)
    assert not report
    assert report.verdict in (Verdict.NOISY, Verdict.WRONG)


def test_errors_of_the_function_at_the_point_itself_are_the_users_to_see() -> None:
    with pytest.raises(ZeroDivisionError):
        check_gradients(lambda x: 1.0 / float(x), 0.0, closed_form=lambda x: 1.0)
    with pytest.raises(ZeroDivisionError):
        check_gradients(lambda x: 1 // 0, 1.0)


def test_references_that_need_a_graph_are_not_to_be_had_for_a_plain_function() -> None:
    for reference in ("complex step", "mpmath"):
        report = check_gradients(_plain(math.sin), 1.0, closed_form=math.cos, reference=reference)
        assert report.verdict is Verdict.NOISY
        assert f"there is no reference by {reference}, for which there is no graph" in str(report)


# ---- recorded functions -----------------------------------------------------------------------------------------


def test_a_right_graph_is_right_and_says_how_much_was_checked() -> None:
    report = check_gradients(lambda w, x: microgrid.exp(-w * x) / (1 + x**2), (0.5, 2.0))
    assert report
    assert (report.verdict, report.checked, report.local, report.unverified) == (Verdict.RIGHT, 2, 9, 0)
    assert worst_of(report).taylor_order == pytest.approx(2.0, abs=0.05)


def test_a_closed_form_is_checked_beside_autodiff() -> None:
    report = check_gradients(lambda x: x**3, 2.0, closed_form=lambda x: 3.0 * x**2)
    assert report
    assert {one.subject for one in report.judgements} == {"autodiff", "closed form"}
    report = check_gradients(lambda x: x**3, 2.0, closed_form=lambda x: 3.1 * x**2)
    verdicts = {one.subject: one.verdict for one in report.judgements}
    assert verdicts == {"autodiff": Verdict.RIGHT, "closed form": Verdict.WRONG}
    assert report.blame is None


def test_a_closed_form_may_be_the_reference() -> None:
    assert check_gradients(lambda x: x**3, 2.0, closed_form=lambda x: 3.0 * x**2, reference="closed form")
    report = check_gradients(lambda x: x**3, 2.0, closed_form=lambda x: 3.1 * x**2, reference="closed form")
    assert report.verdict is Verdict.WRONG
    assert "complex step gives 12.0, so that closed form is what is wrong" in worst_of(report).note


def test_another_librarys_gradient_may_be_the_reference() -> None:
    def cubic(x: float) -> float:
        return 3.0 * x**2

    report = check_gradients(lambda x: x**3, 2.0, reference=cubic)
    assert report
    assert worst_of(report).how == "cubic"
    planted = _scaled("exp", 1.01)
    report = check_gradients(lambda x: planted(x), 1.0, reference=math.exp)
    assert report.verdict is Verdict.WRONG
    assert blame_of(report).node.op is planted.rule


def _scaled(name: str, factor: float) -> Any:
    """The operation of a rule of one operand with a wrong derivative, as a user would make it."""
    value, partials = FLOAT.bind(RULES[name])
    return microgrid.custom(
        lambda x: value(x), lambda out, x: factor * partials(out, x)[0], name=f"{name}_by_{factor}".replace(".", "_")
    )


def test_each_reference_can_be_insisted_on() -> None:
    how = {
        "complex step": "complex step",
        "mpmath": "mpmath at 800 and 1200 digits",
        "differences": "central differences",
    }
    for reference, words in how.items():
        report = check_gradients(lambda x: microgrid.sin(x) * x, 1.5, reference=reference)  # type: ignore[arg-type]
        assert report, report
        assert worst_of(report).how == words


def test_where_complex_numbers_overflow_mpmath_takes_over() -> None:
    report = check_gradients(lambda x: microgrid.softplus(x) - 0.5 * x, [800.0, -800.0])
    assert report, report
    report = check_gradients(lambda x: 1 / microgrid.cosh(x), 1000.0, reference="complex step")
    assert "finds no finite number there" in str(report)


def test_without_mpmath_differences_take_over(no_mpmath: None) -> None:
    report = check_gradients(lambda x: microgrid.cosh(x) / microgrid.cosh(x - 1.0), 400.0)
    assert report.verdict in (Verdict.RIGHT, Verdict.NOISY)
    assert references.high_precision(record(lambda v: v[0] * 2.0, ["x"], [1.0]), 0) is None


def test_functions_of_lists_dicts_and_arrays_are_checked_by_element() -> None:
    def loss(w: Any, options: dict[str, Any], mode: str) -> Any:
        assert mode == "squares"
        return microgrid.sum([one * one for one in w]) * options["scale"] + options["b"][1]

    report = check_gradients(loss, {"w": [0.5, -1.0], "options": {"scale": 2.0, "b": (0.25, 1.5)}, "mode": "squares"})
    assert report
    assert {one.name for one in report.judgements} == {
        *("dloss/dw[0]", "dloss/dw[1]", "dloss/doptions[scale]", "dloss/doptions[b][0]", "dloss/doptions[b][1]")
    }
    X = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    report = check_gradients(lambda X: (X * X).sum(), X, closed_form=lambda X: 2.0 * X)
    assert report, report
    assert worst_of(report).name == "df/dX[0, 0]"


def test_second_derivatives_are_checked_as_gradients_of_gradients() -> None:
    def f(x: Value, y: Value) -> Any:
        return x**2 * microgrid.sin(y)

    def hessian(x: float, y: float) -> list[list[float]]:
        mixed = 2.0 * x * math.cos(y)
        return [[2.0 * math.sin(y), mixed], [mixed, -(x**2) * math.sin(y)]]

    report = check_gradients(f, (0.7, 1.2), order=2)
    assert report, report
    assert {"df/dx", "d²f/dxdy", "d²f/dydy"} <= {one.name for one in report.judgements}
    assert report.checked == 2 + 4
    report = check_gradients(f, (0.7, 1.2), order=2, closed_form=hessian)
    assert report, report
    assert report.checked == 2 + 4 + 4
    report = check_gradients(f, (0.7, 1.2), order=2, closed_form=lambda x, y: numpy.array(hessian(x, y)) * 1.01)
    assert {one.subject for one in report.judgements if one.verdict is Verdict.WRONG} == {"closed form"}


def test_a_second_derivative_whose_path_was_cut_is_found() -> None:
    cut = microgrid.custom(
        lambda x: x * x, lambda out, x: 2.0 * (x.data if isinstance(x, Value) else x), name="square_cut"
    )
    assert check_gradients(lambda x: cut(x), 1.5)
    report = check_gradients(lambda x: cut(x), 1.5, order=2)
    assert report.verdict is Verdict.WRONG
    assert worst_of(report).name == "d²f/dxdx"
    assert blame_of(report).kind == "missing path"


def test_second_derivatives_of_a_constant_slope_are_0() -> None:
    assert check_gradients(lambda x: 2.0 * x, 1.5, order=2)
    assert check_gradients(lambda x: 3.0, 1.5, order=2)


# ---- kinks ------------------------------------------------------------------------------------------------------

KINKS: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "relu": (lambda x: microgrid.relu(x), (0.0,)),
    "relu of a sum": (lambda w, x: microgrid.relu(w * x - 0.5), (0.25, 2.0)),
    "abs": (lambda x: abs(x) * 2.0, (0.0,)),
    "max": (lambda x, y: microgrid.maximum(x, y), (1.5, 1.5)),
    "min": (lambda x, y: microgrid.minimum(x * y, y), (1.0, 1.5)),
    "where": (lambda x: microgrid.where(x < 1.0, x, 2.0 - x), (1.0,)),
    "jump": (lambda x: microgrid.where(x < 1.0, 0.0, 1.0) + x, (1.0,)),
    "step": (lambda x: microgrid.less(x, 1.0) + 0.0 * x, (1.0,)),
}


@pytest.mark.parametrize("name", KINKS)
def test_on_a_kink_the_verdict_is_a_kink_and_names_the_node(name: str) -> None:
    f, at = KINKS[name]
    report = check_gradients(f, at)
    assert report.verdict is Verdict.KINK, report
    assert worst_of(report).note.startswith("at node ")
    assert not report.blames


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("distance", [1e-3, 1e-9, 1e-12])
def test_beside_a_kink_the_derivative_is_right(name: str, distance: float) -> None:
    f, at = KINKS[name]
    assert check_gradients(f, (at[0] + distance, *at[1:]))
    assert check_gradients(f, (at[0] - distance, *at[1:]))


def test_a_coordinate_that_the_kink_does_not_touch_is_right() -> None:
    report = check_gradients(lambda x, y: abs(x) + y * y, (0.0, 1.5))
    assert {one.name: one.verdict for one in report.judgements} == {"df/dx": Verdict.KINK, "df/dy": Verdict.RIGHT}


def test_a_branch_that_joins_smoothly_is_no_kink() -> None:
    def stable(x: Value) -> Any:
        return microgrid.where(x < 0, microgrid.exp(x) / (1 + microgrid.exp(x)), 1 / (1 + microgrid.exp(-x)))

    assert check_gradients(stable, 0.0)
    assert check_gradients(lambda x: microgrid.where(x < 0, x, microgrid.sin(x)), 0.0)
    assert check_gradients(lambda x: x * microgrid.relu(x), 0.0)


def test_pythons_own_branches_are_kinks_too() -> None:
    report = check_gradients(lambda x: x if x > 1 else 3 - 2 * x, 1.0)
    assert report.verdict is Verdict.KINK
    assert "where a condition in Python code changes: its slope is -2 on one side and 1 on the other" in str(report)
    assert check_gradients(lambda x: x if x > 1 else 3 - 2 * x, [0.9, 1.1, 1.0 + 1e-7])


def test_where_the_graph_differs_on_the_two_sides_without_a_kink_differences_decide() -> None:
    report = check_gradients(lambda x: x * x if x > 1 else x**2, 1.0)
    assert report, report
    assert worst_of(report).how == "central differences"


def test_a_kink_inside_of_a_users_own_operation_is_named() -> None:
    ramp = microgrid.custom(lambda x: max(x, 0.0), lambda out, x: float(x > 0.0), name="ramp")
    report = check_gradients(lambda w, x: ramp(w * x), (0.0, 1.0))
    assert report.verdict is Verdict.KINK
    assert "at node 4 of 4, ramp(0.0): its slope is 0 on the left and 1 on the right" in worst_of(report).note
    assert check_gradients(lambda w, x: ramp(w * x), (0.5, 1.0))


# ---- non-finite and lost digits ---------------------------------------------------------------------------------


def test_the_first_node_that_is_not_finite_is_named() -> None:
    report = check_gradients(lambda x: microgrid.log(x * 0.0) + x, 2.0)
    assert report.verdict is Verdict.NON_FINITE
    assert blame_of(report).node.op is RULES["log"]
    assert "its value is -inf" in str(report)


def test_a_derivative_that_is_not_finite_is_named_where_values_are_finite() -> None:
    report = check_gradients(lambda x: microgrid.sqrt(x) + 1.0, 0.0)
    assert report.verdict is Verdict.NON_FINITE
    assert "its derivative with respect to x = 0.0 is inf" in str(report)


def test_an_adjoint_that_overflows_is_named_where_every_node_is_finite() -> None:
    report = check_gradients(lambda x: 1e200 * (1e200 * x), 1e-190)
    assert report.verdict is Verdict.NON_FINITE
    assert "the derivative of the output with respect to it is inf" in str(report)


def test_digits_lost_on_the_way_are_no_fault() -> None:
    def loss(z: Value) -> Any:
        return -microgrid.log(1 - 1 / (1 + microgrid.exp(-z)))

    report = check_gradients(loss, 30.0)
    assert report.verdict is Verdict.ROUNDED
    assert not report.blames
    assert "every node is right, and rounding may change autodiff's result by" in worst_of(report).note


def test_digits_lost_by_the_reference_as_well_are_noise(no_mpmath: None) -> None:
    def loss(z: Value) -> Any:
        return -microgrid.log(1 - 1 / (1 + microgrid.exp(-z)))

    assert check_gradients(loss, 33.0).verdict is Verdict.NOISY
    report = check_gradients(loss, 33.0, closed_form=lambda z: 1.0)
    assert {one.verdict for one in report.judgements} == {Verdict.NOISY}


def test_a_function_that_does_not_repeat_itself_is_noisy() -> None:
    numbers = iter(range(1000))
    report = check_gradients(lambda x: x * float(next(numbers)), 1.0)
    assert report.verdict is Verdict.NOISY
    assert "when it is called again at the same point" in str(report)
    turns = iter([True, False] * 500)
    assert check_gradients(lambda x: x * x if next(turns) else x**2, 1.0).verdict is Verdict.NOISY


# ---- blame ------------------------------------------------------------------------------------------------------


def test_a_users_own_operation_is_blamed_with_its_line() -> None:
    hump = microgrid.custom(lambda x: math.exp(-x * x), lambda out, x: -2.0 * x * out * 1.001, name="hump")
    report = check_gradients(lambda w, x: microgrid.exp(hump(w * x)), (0.5, 1.2))
    blame = blame_of(report)
    assert report.verdict is Verdict.WRONG
    assert (blame.kind, blame.node.op) == ("local derivative", hump.rule)
    assert blame.recorded == pytest.approx(1.001 * blame.expected, rel=1e-9)
    assert blame.source == hump.rule.source
    assert f"written at {hump.rule.source}" in str(report)


def test_the_first_of_several_wrong_nodes_is_blamed() -> None:
    first, second = _scaled("exp", 1.01), _scaled("sin", 0.5)
    report = check_gradients(lambda x: second(first(x * 0.5)), 0.7)
    assert blame_of(report).node.op is first.rule


def test_a_wrong_node_is_found_though_the_output_does_not_feel_it() -> None:
    wrong = _scaled("exp", 2.0)
    report = check_gradients(lambda x: x + 0.0 * wrong(x), 0.7)
    assert report.verdict is Verdict.WRONG
    assert worst_of(report).verdict is Verdict.RIGHT
    assert "a node is wrong, though no derivative of the output shows it" in str(report)


def test_a_number_that_left_the_graph_is_blamed() -> None:
    for f in (lambda x: x.data * x, lambda x: x.data**2, lambda x: x * Value(x.data, "copy")):
        report = check_gradients(f, 2.0)
        assert report.verdict is Verdict.WRONG
        assert blame_of(report).kind == "missing path"
        assert worst_of(report).taylor_order == pytest.approx(1.0, abs=0.1)


def test_of_numbers_that_left_the_graph_the_weightiest_is_blamed() -> None:
    report = check_gradients(lambda x: x * Value(x.data, "small") * 1e-3 + x * Value(x.data, "large"), 2.0)
    assert blame_of(report).node.name == "large"


def test_a_number_that_left_the_graph_without_harm_is_right() -> None:
    def logsumexp(x: Value, y: Value) -> Any:
        peak = max(x.data, y.data)
        return microgrid.log(microgrid.exp(x - peak) + microgrid.exp(y - peak)) + peak

    report = check_gradients(logsumexp, (1.0, 2.0))
    assert report, report
    report = check_gradients(logsumexp, (1.0, 2.0), reference="complex step")
    assert "which needs one graph, and the graph changes with the point" in str(report)


def test_a_value_recorded_before_its_operands_changed_is_stale() -> None:
    w = Value(2.0, "w")
    before = w * 3.0
    w.data = 5.0
    report = check_gradients(lambda x: x * before, 2.0)
    assert report.verdict is Verdict.WRONG
    assert blame_of(report).kind == "stale value"
    assert (blame_of(report).recorded, blame_of(report).expected) == (6.0, 15.0)


def test_an_adjoint_that_is_not_the_sum_over_its_paths_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = recordings._backward

    def forgetful(output: Value, order: Sequence[Value]) -> list[float]:
        adjoints = honest(output, order)
        return [0.5 * adjoint if node.name == "x" else adjoint for node, adjoint in zip(order, adjoints, strict=True)]

    monkeypatch.setattr(recordings, "_backward", forgetful)
    report = check_gradients(lambda x: x * x, 3.0)
    assert report.verdict is Verdict.WRONG
    assert (blame_of(report).kind, blame_of(report).recorded, blame_of(report).expected) == ("sum over paths", 3.0, 6.0)


def test_the_functions_own_values_keep_their_gradients() -> None:
    w = Value(2.0)
    inside = w * 3.0
    inside.backward()
    check_gradients(lambda x: x * inside * w, 1.5, order=2)
    assert (w.grad, inside.grad) == (3.0, 1.0)


def test_many_operands_are_checked_along_directions() -> None:
    def f(x: list[Value]) -> Any:
        return microgrid.dot(x, x[::-1])

    at = ([0.1 * place for place in range(1, 81)],)
    report = check_gradients(f, at)
    assert report, report
    assert report.local == 160
    honest = RULES["sum"]

    def make(m: Any) -> Any:
        return m.total, lambda out, xs: [[1.0 if place != 40 else 1.1 for place, _ in enumerate(xs)]]

    planted = Rule("sum", make, honest.symbol, honest.latex, honest.regions)
    report = check_gradients(lambda x: microgrid.core.engine.recorder(planted)(*x), at)
    assert report.verdict is Verdict.WRONG
    assert blame_of(report).what == "dsum/d(x[40])"


def test_what_no_reference_can_tell_is_counted() -> None:
    rough = microgrid.custom(lambda x: float(numpy.float32(math.sin(x))), lambda out, x: math.cos(x), name="rough")
    found = inspect_nodes(record(lambda v: rough(v[0]) * 2.0, ["x"], [1.1]), 1e-6)
    assert (found.blame, found.checked, found.unverified) == (None, 2, 1)
    report = check_gradients(lambda x: rough(x) * 2.0, 1.1)
    assert "2 local derivatives of nodes, and 1 that no reference could decide" in str(report)
    assert report.verdict is Verdict.NOISY


def test_operations_written_for_every_arithmetic_keep_the_exact_references() -> None:
    hump = microgrid.custom(lambda x, *, m: m.exp(-x * x), lambda out, x, *, m: -2.0 * x * out, name="portable_hump")
    report = check_gradients(lambda x: hump(x) * x, 0.5, order=2)
    assert report, report
    assert {one.how for one in report.judgements} == {"complex step"}
    floats = microgrid.custom(lambda x: math.exp(-x * x), lambda out, x: -2.0 * x * out, name="hump_of_floats")
    report = check_gradients(lambda x: floats(x) * x, 0.5, reference="mpmath")
    assert "mpmath, which a custom operation does not support" in str(report)


# ---- the report -------------------------------------------------------------------------------------------------


def test_the_report_of_a_wrong_gradient_reads_as_it_should() -> None:
    def area(r: float) -> float:
        return math.pi * float(r) ** 2

    def circumference(r: float) -> float:
        return 3.0 * r

    assert str(check_gradients(area, 2.0, closed_form=circumference, reference="differences")) == (
        "wrong gradient: 1 of 1 derivative\n"
        "  checked     1 derivative at 1 point against central differences, relative tolerance 1e-06\n"
        "  worst       darea/dr at point 0: closed form gives 6.0\n"
        "              central differences give 12.566370614033023 ± 2e-08: a relative error of 0.52\n"
        "  evidence    the remainder f(x + h) - f(x) - h·(derivative) shrinks as h^1.00: h^2 if it is right, "
        "h^1 if wrong\n"
        "  remark      f takes plain numbers only (InvalidValueError on Values), so that the closed form alone was "
        "checked\n"
        "  repeat      check_gradients(area, float.fromhex('0x1.0000000000000p+1'), closed_form=circumference, "
        "reference='differences', seed=0)\n"
        "  derivative  point  subject      got           reference      ±  rel. error  verdict\n"
        "  ----------  -----  -----------  ---  ------------------  -----  ----------  --------------\n"
        "  darea/dr        0  closed form  6.0  12.566370614033023  2e-08        0.52  wrong gradient"
    )


def test_the_report_of_right_gradients_is_short() -> None:
    text = str(check_gradients(lambda x, y: x * y, (2.0, 3.0)))
    assert text == (
        "right: 2 derivatives agree with their reference\n"
        "  checked     2 derivatives at 1 point against complex step, relative tolerance 1e-06\n"
        "              2 local derivatives of nodes\n"
        "  worst       df/dx at point 0: autodiff gives 3.0\n"
        "              complex step gives 3.0 ± 2e-14: a relative error of 0"
    )


def test_only_the_ten_worst_are_listed_and_the_rest_are_counted() -> None:
    points = [(1.0 + 0.1 * place,) for place in range(13)]
    report = check_gradients(lambda x: float(x) ** 2, points, closed_form=lambda x: 2.1 * x)
    lines = str(report).splitlines()
    assert lines[-1] == "  and 3 derivatives that are no worse"
    assert len([line for line in lines if "closed form" in line and "wrong gradient" in line]) == 10
    report = check_gradients(lambda x: float(x) ** 2, points[:11], closed_form=lambda x: 2.1 * x)
    assert str(report).endswith("and 1 derivative that is no worse")


def test_the_verdict_agrees_with_the_numbers_that_are_printed() -> None:
    report = check_gradients(lambda x: float(x) ** 2, [1.0, 2.0], closed_form=lambda x: 2.0 * x if x < 1.5 else 4.1)
    assert [(one.verdict, one.relative_error > 1e-6) for one in report.judgements] == [
        (Verdict.WRONG, True),
        (Verdict.RIGHT, False),
    ]
    assert "wrong gradient: 1 of 2 derivatives (1 right)" in str(report)


def test_nothing_checked_is_a_failure() -> None:
    report = check_gradients(lambda x: x, [])
    assert report.verdict is Verdict.NOTHING
    assert not report
    assert report.worst is None
    assert report.blame is None
    assert str(report).startswith("nothing checked: no derivative was compared, which is no success")
    assert report.reproduce == "check_gradients(f, [], seed=0)"
    with pytest.raises(GradientError, match="nothing checked"):
        assert_gradients(lambda x: x, [])


def test_assert_gradients_raises_with_the_report_and_returns_it() -> None:
    assert assert_gradients(lambda x: x * x, 2.0).checked == 1
    with pytest.raises(GradientError, match="wrong gradient: 1 of 1") as caught:
        assert_gradients(lambda x: x.data * x, 2.0)
    assert isinstance(caught.value, AssertionError)
    assert caught.value.report.verdict is Verdict.WRONG
    assert str(caught.value) == str(caught.value.report)


def test_a_report_and_its_error_can_be_pickled() -> None:
    report = check_gradients(lambda x: abs(x), 0.0)
    twin = pickle.loads(pickle.dumps(report))
    assert (str(twin), twin.verdict) == (str(report), report.verdict)
    error = pickle.loads(pickle.dumps(GradientError(report)))
    assert str(error.report) == str(report)


@pytest.mark.parametrize(
    "at",
    [
        0.1,
        (0.1, 1e-300),
        {"x": [0.1, -0.0], "y": 1e308},
        (numpy.array([0.1, 0.2]), "word", None, True),
        ([(0.1,), {"k": 0.3}],),
    ],
)
def test_the_point_is_written_with_every_bit(at: Any) -> None:
    def anything(*arguments: Any, **named: Any) -> float:
        return 0.0

    (point,) = sample_points(anything, at, 1, 0)
    again = eval(point.written(), {"numpy": numpy})
    (twin,) = sample_points(anything, again, 1, 0)
    assert [x.hex() for x in twin.numbers] == [x.hex() for x in point.numbers]
    assert twin.names == point.names


def test_the_line_that_repeats_a_check_repeats_it() -> None:
    def f(x: Value, y: Value) -> Any:
        return x.data * y

    report = check_gradients(f, (Interval(1, 2), Interval(1, 2)), count=5, seed=3, tol=1e-4, order=2)
    again = eval(report.reproduce, {"check_gradients": check_gradients, "f": f})
    assert "tol=0.0001" in report.reproduce
    assert worst_of(again).got == worst_of(report).got
    assert again.verdict is report.verdict


def test_a_lambdas_repeat_line_names_what_was_given() -> None:
    report = check_gradients(lambda x: x, 1.0, closed_form=lambda x: 2.0, reference=lambda x: 1.0)
    assert ", closed_form=closed_form, reference=reference, seed=0)" in report.reproduce


# ---- points and regions -----------------------------------------------------------------------------------------


def test_points_of_a_region_vary_and_are_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[tuple[float, ...]]:
        return [point.numbers for point in sample_points(lambda x, y: x, (Interval(-3, 3), 7.0), 50, seed)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert len({x for x, _ in drawn(1)}) == 50
    assert all(-3 <= x <= 3 and y == 7.0 for x, y in drawn(1))


def test_a_region_in_orders_of_magnitude_reaches_all_of_them() -> None:
    for ends in ((1e-8, 1e8), (-1e8, -1e-8)):
        interval = Interval(*ends, spacing="log")
        drawn = [interval.draw(random.Random(seed)) for seed in range(200)]
        assert all(ends[0] <= x <= ends[1] for x in drawn)
        assert {round(math.log10(abs(x))) for x in drawn} >= set(range(-7, 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 1), "two finite ends, the lower one first"),
        ((0, math.inf), "two finite ends"),
        ((0, 1, "cubic"), "'uniform' or 'log', not 'cubic'"),
        ((0, 1, "log"), "give both ends one sign"),
    ],
)
def test_an_interval_that_is_none_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Interval(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "magic"}, "reference is one of 'auto', .* or a function, not 'magic'"),
        ({"reference": "closed form"}, "needs closed_form="),
        ({"order": 3}, "order is 1 or 2"),
        ({"tol": 0.0}, "tol is a relative error between 0 and 1"),
        ({"count": 0}, "count is a whole number from 1"),
        ({"count": True}, "count is a whole number from 1"),
        ({"at": "word"}, "holds no number"),
        ({"at": (1.0, 2.0)}, "f can't be called with the point .*: too many"),
        ({"closed_form": lambda x: [1.0, 2.0]}, "gave 2 derivatives, and the point has 1 coordinates: x"),
        ({"closed_form": lambda x: "steep"}, "gave 'steep', which is not made of numbers"),
        ({"closed_form": lambda x: [[1.0], [2.0]], "order": 2}, "gave 2 rows, and the point has 1 coordinates"),
    ],
)
def test_options_without_a_meaning_are_refused(options: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"at": 1.0, **options}
    with pytest.raises(DataError, match=message):
        check_gradients(lambda x: x * x, **arguments)


def test_one_point_that_was_written_as_a_list_is_told_so() -> None:
    with pytest.raises(DataError, match="a list is many points"):
        check_gradients(lambda x, y: x * y, [0.5, 2.0])


def test_functions_that_do_not_tell_their_parameters_get_names() -> None:
    report = check_gradients(max, (1.0, 2.0), closed_form=lambda x, y: (0.0, 1.0))
    assert {one.name for one in report.judgements} == {"dmax/dx1", "dmax/dx2"}


def test_gradients_may_be_arranged_in_any_of_the_usual_ways() -> None:
    (point,) = sample_points(lambda w, b, name: w, {"w": [1.0, 2.0], "b": 3.0, "name": "n"}, 1, 0)
    for gradient in (
        {"b": 6.0, "w": [4.0, 5.0]},
        {"b": numpy.float64(6.0), "w": numpy.array([4.0, 5.0]), "name": None},
        ([4.0, 5.0], 6.0),
        [4.0, 5.0, Value(6.0)],
    ):
        assert derivatives(gradient, point, "closed form") == [4.0, 5.0, 6.0]


def test_second_derivatives_of_a_plain_function_are_refused_with_the_way_to_check_them() -> None:
    with pytest.raises(DataError, match="check each component of the gradient"):
        check_gradients(_plain(math.sin), 1.0, closed_form=lambda x: [[math.cos(x)]], order=2)


def test_a_function_with_more_than_one_result_is_told_to_give_one() -> None:
    with pytest.raises(InvalidValueError, match=r"f gave \[Value.*check one output at a time"):
        check_gradients(lambda x: [x, x, x], 1.0)


def test_values_as_points_bring_their_names_and_single_arrays_are_numbers() -> None:
    report = check_gradients(lambda a, b: numpy.array([a * b]), (Value(2.0, "w"), Value(3.0)))
    assert {one.name for one in report.judgements} == {"df/dw", "df/db"}
    assert check_gradients(lambda x: x < 2.0, 1.0)


def test_a_plain_result_for_values_leaves_the_closed_form_to_be_checked() -> None:
    report = check_gradients(lambda x: (x.data if isinstance(x, Value) else x) ** 2, 3.0, closed_form=lambda x: 2.0 * x)
    assert report
    assert "f gives a plain number for Values, so that the closed form alone was checked" in str(report)


# ---- differences ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_differences_stay_within_their_own_bound(name: str) -> None:
    f, slope, points = PAIRS[name]
    for x in points:
        estimate = differentiate(f, x)
        assert abs(estimate.value - slope(x)) <= estimate.bound + 1e-15 * abs(slope(x))
        assert estimate.bound <= 1e-6 * max(abs(slope(x)), estimate.scale)


def test_a_function_that_does_not_move_has_the_slope_0_as_far_as_rounding_lets_tell() -> None:
    estimate = differentiate(lambda x: 3.0, 1.0)
    assert estimate.is_still
    assert estimate.value == 0.0
    assert 0.0 < estimate.bound < 1e-14
    assert not differentiate(lambda x: 3.0 + 1e-6 * x, 1.0).is_still


def test_steps_that_are_lost_in_the_functions_rounding_are_left_out() -> None:
    estimate = differentiate(lambda x: float(numpy.float32(x)), 1.1)
    assert abs(estimate.value - 1.0) <= estimate.bound


def test_where_no_step_fits_the_bound_is_infinite() -> None:
    assert math.isinf(differentiate(lambda x: math.nan, 1.0).bound)
    assert differentiate(abs, 0.0).bound > 0.1
    assert math.isinf(differentiate(lambda x: x * x, 1.7e308).bound)


def test_the_taylor_remainder_tells_right_from_wrong() -> None:
    for name, (f, slope, points) in PAIRS.items():
        for x in points:
            right, wrong = taylor_order(f, x, slope(x)), taylor_order(f, x, 1.001 * slope(x) + 1e-300)
            assert right is None or right > 1.8 or name == "sin"
            assert wrong is None or wrong < 1.3


def test_a_kink_within_reach_of_the_smallest_steps_is_seen_and_one_beyond_is_not() -> None:
    assert slopes_beside(lambda x: abs(x - 1e-45), 0.0) is not None
    assert slopes_beside(lambda x: abs(x - 1e-16), 0.0) is None
    assert slopes_beside(lambda x: abs(x - 0.1), 0.0) is None
    assert slopes_beside(lambda x: max(x, 0.0) ** 2, 0.0) is None


# ---- details of references --------------------------------------------------------------------------------------


def test_a_derivative_below_the_smallest_float_is_not_taken_for_0() -> None:
    recording = record(lambda v: microgrid.exp(v[0] * 1e-3) * 1e-300, ["x"], [-1e4])
    assert references.complex_step(recording, 0) is None
    exact = references.high_precision(recording, 0)
    assert exact is not None
    assert exact.value == pytest.approx(recording.gradient[0], rel=1e-6)


def test_references_give_nothing_where_there_is_no_number() -> None:
    recording = record(lambda v: microgrid.log(v[0]), ["x"], [0.0])
    assert references.high_precision(recording, 0) is None
    huge = record(lambda v: microgrid.exp(v[0] * v[0]), ["x"], [30.0])
    assert references.high_precision(huge, 0) is None
    assert references.high_precision_of(RULES["log"], [-1.0], 0) is None


def test_rounding_is_measured_where_it_matters() -> None:
    cancels = record(lambda v: (1.0 + v[0]) - 1.0 - v[0] * 0.5, ["x"], [1e-9])
    (spread,) = references.rounding(cancels)
    assert spread < 1e-14
    lost = record(lambda v: microgrid.log((1.0 + v[0]) - 1.0), ["x"], [1e-9])
    (spread,) = references.rounding(lost)
    assert spread > 1e-8 * abs(lost.gradient[0])


def test_a_function_of_a_users_own_that_misuses_complex_numbers_is_saved_by_mpmath() -> None:
    modulus = microgrid.custom(lambda x, *, m: abs(x) * x, lambda out, x, *, m: 2.0 * m.abs(x), name="modulus")
    assert check_gradients(lambda x: modulus(x) + x, -1.5), "abs of a complex number is no analytic function"


def test_node_descriptions_name_leaves_constants_and_results() -> None:
    z = None

    def f(values: Sequence[Value]) -> Any:
        nonlocal z
        z = microgrid.named(values[0] * 2.0, "z")
        return z + Value(1.0)

    recording = record(f, ["x"], [3.0])
    told = [nodes.describe(recording, node) for node in recording.order]
    assert told == [
        "node 1 of 5, the leaf x = 3.0",
        "node 2 of 5, the constant 2.0",
        "node 3 of 5, z = mul(x = 3.0, 2.0)",
        "node 4 of 5, the leaf 1.0",
        "node 5 of 5, add(z = 6.0, 1.0)",
    ]


def test_a_judgement_tells_its_distance_in_every_way() -> None:
    one = Judgement("autodiff", "df/dx", 0, 1.0 + 4 * math.ulp(1.0), 1.0, 0.0, "closed form", Verdict.RIGHT)
    assert (one.ulp, one.error) == (4.0, 4 * math.ulp(1.0))
    for got, expected in ((math.nan, 1.0), (1.0, math.inf)):
        apart = Judgement("autodiff", "df/dx", 0, got, expected, 0.0, "closed form", Verdict.NON_FINITE)
        assert apart.ulp == math.inf
        assert math.isnan(apart.relative_error)


def test_a_report_shows_itself_in_one_line() -> None:
    assert repr(check_gradients(lambda x: x * x, 1.0)) == "<right: 1 derivative agrees with its reference>"


def test_a_closed_form_of_a_recorded_function_is_judged_by_differences_where_the_graph_does_not_stand() -> None:
    report = check_gradients(
        lambda x: x * x.data if isinstance(x, Value) else x * x, 2.0, closed_form=lambda x: 3.0 * x
    )
    assert {(one.subject, one.verdict) for one in report.judgements} == {
        ("autodiff", Verdict.WRONG),
        ("closed form", Verdict.WRONG),
    }


def test_a_kink_seen_only_from_afar_is_none() -> None:
    near = recordings.Crossing(None, [0.0], [1.0], [True], 0.0)
    assert near.stays(near)
    assert not near.stays(None)
    assert not recordings.Crossing(None, [0.0], [1e-15], [True], 0.0).stays(
        recordings.Crossing(None, [0.0], [16e-15], [True], 0.0)
    )


def test_high_precision_gives_nothing_where_mpmath_divides_by_0() -> None:
    pole = record(lambda v: 1.0 / (v[0] - v[0]), ["x"], [1.0])
    assert references.high_precision(pole, 0) is None


def test_gradients_by_name_may_come_as_a_plain_dict() -> None:
    (point,) = sample_points(lambda w: w, ({"a": 1.0, "b": 2.0},), 1, 0)
    assert derivatives({"a": 3.0, "b": 4.0}, point, "closed form") == [3.0, 4.0]


def test_where_the_ladder_of_steps_leaves_the_floats_it_ends() -> None:
    assert math.isinf(differentiate(lambda x: 1.0 / x if x else math.inf, 5e-324).bound)


def test_a_staircase_with_a_step_to_infinity_is_not_measured() -> None:
    assert differentiate(lambda x: 1.0 if x < 1.0 + 1e-9 else math.inf, 1.0).value == 0.0


def test_of_two_wrong_derivatives_of_a_node_the_first_is_told() -> None:
    planted = microgrid.custom(lambda x, y: x * y, lambda out, x, y: (2.0 * y, 3.0 * x), name="doubly_wrong")
    report = check_gradients(lambda x, y: planted(x, y), (2.0, 3.0))
    assert blame_of(report).what == "ddoubly_wrong/d(x)"


def test_a_function_that_sets_the_data_of_its_own_leaves_has_no_path_to_them() -> None:
    w = Value(1.0, "w")

    def loss(given: Value) -> Any:
        w.data = given.data
        return w * w * 3.0

    report = check_gradients(loss, 0.5)
    assert report.verdict is Verdict.WRONG
    assert (blame_of(report).kind, blame_of(report).node) == ("missing path", w)


def test_inside_strict_the_functions_own_values_keep_their_gradients_too() -> None:
    w = Value(0.0, "w")
    (w * 2.0).backward()
    with microgrid.strict(), pytest.raises(microgrid.NonFiniteError):
        check_gradients(lambda x: w * x * 1e300 * 1e300, 1.0)
    assert w.grad == 2.0
