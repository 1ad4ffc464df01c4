"""Where values alone have to tell: operations that raise, coordinates that don't move, rounding in steps, kinks."""

# ruff: noqa: ARG005  # partials take the output and every operand, needed or not
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import pytest

import microgrid
from microgrid import check_gradients, custom
from microgrid.checking import Report, Verdict
from microgrid.checking.differences import slopes_beside


def checked(value: Any, partials: Any, at: tuple[float, ...]) -> Report:
    operation = custom(value, partials)
    return check_gradients(lambda *xs: 2.0 * operation(*xs), at)


def test_an_operation_may_raise_beside_the_point() -> None:
    assert checked(lambda x: math.sqrt(x), lambda out, x: 0.5 / out, (1e-8,))
    assert checked(lambda x: math.exp(x), lambda out, x: out, (709.0,))
    many = [1e-8 * (place + 1) for place in range(70)]
    roots = custom(lambda *xs: sum(map(math.sqrt, xs)), lambda out, *xs: [0.5 / math.sqrt(x) for x in xs])
    assert check_gradients(lambda *xs: roots(*xs), tuple(many))


def paraboloid(x: float, y: float) -> float:
    return x * x + y * y


@pytest.mark.parametrize("slope", [2e-8, 1e-8])
def test_what_rounding_hides_is_neither_right_nor_wrong(slope: float) -> None:
    at = (1e8, 1e-8)
    assert checked(paraboloid, lambda out, x, y: (2.0 * x, slope), at).verdict is Verdict.NOISY
    plain = check_gradients(
        lambda x, y: float(paraboloid(float(x), float(y))), at, closed_form=lambda x, y: (2.0 * x, slope)
    )
    assert plain.verdict is Verdict.NOISY
    assert plain.worst is not None
    assert (plain.worst.name, plain.worst.expected) == ("df/dy", 0.0)
    assert plain.worst.bound > 1e-8


def test_what_does_not_move_has_the_derivative_0_and_no_other() -> None:
    def first(x: float, y: float) -> float:
        return x * 1e8

    assert checked(first, lambda out, x, y: (1e8, 0.0), (1.0, 2.0))
    wrong = checked(first, lambda out, x, y: (1e8, 1e-3), (1.0, 2.0))
    assert wrong.verdict is Verdict.WRONG
    assert wrong.blame is not None
    assert wrong.blame.what == "dfirst/d(x2)"
    assert "central differences give 0.0" in str(wrong)


@pytest.mark.parametrize(("sign", "verdict"), [(1.0, Verdict.NOISY), (-1.0, Verdict.WRONG)])
def test_rounding_that_comes_in_steps_is_no_kink(sign: float, verdict: Verdict) -> None:
    def bump(x: float) -> float:
        return (1.0 - math.cos(x)) / (x * x)

    report = check_gradients(lambda x: bump(float(x)), 1e-4, closed_form=lambda x: -sign * x / 12.0)
    assert report.verdict is verdict
    assert slopes_beside(bump, 1e-4) is None


def test_kinks_and_cusps_keep_their_sides_apart() -> None:
    assert slopes_beside(abs, 0.0) == (-1.0, 1.0)
    assert slopes_beside(lambda x: max(x, 3.0 - x), 1.5) == (-1.0, 1.0)
    for function in (lambda x: math.sqrt(abs(x)), lambda x: abs(x) ** 0.3):
        assert slopes_beside(function, 0.0) is not None
    for function in (math.sin, math.exp, lambda x: math.sin(1e4 * x), lambda x: abs(x) ** 1.9):
        assert slopes_beside(function, 0.0) is None
    assert slopes_beside(math.sin, 1e8) is None


def test_a_kink_in_an_operation_of_ones_own_is_no_wrong_derivative() -> None:
    def ramp(x: Any, *, m: Any) -> Any:
        return m.maximum(2.0 * x - 1.0, 0.0)

    report = checked(ramp, lambda out, x, *, m: 0.0, (0.5,))
    assert report.verdict is Verdict.KINK
    assert report.worst is not None
    assert "ramp" in report.worst.note
    assert checked(ramp, lambda out, x, *, m: 2.1, (0.7,)).verdict is Verdict.WRONG


@pytest.mark.parametrize("power", [0.15, 0.3, 0.5, 0.85])
def test_a_symmetric_cusp_has_no_derivative_0(power: float) -> None:
    for center in (0.0, 3.0):
        report = check_gradients(lambda x, at=center: abs(float(x) - at) ** power, center, closed_form=lambda x: 0.0)
        assert report.verdict is Verdict.KINK


_NEAR_0: dict[str, tuple[Callable[[float], float], float]] = {
    "log(1 + x)": (lambda x: math.log(1.0 + x), 1.0),
    "exp(x) - 1": (lambda x: math.exp(x) - 1.0, 1.0),
    "square": (lambda x: (1.0 + x) ** 2 - 1.0, 2.0),
    "tanh": (lambda x: math.tanh(1.0 + 0.5 * x) - math.tanh(1.0), 0.5 / math.cosh(1.0) ** 2),
    "steep": (lambda x: (1e6 + 1000.0 * x) - 1e6, 1000.0),
}


@pytest.mark.parametrize("name", _NEAR_0)
def test_a_value_that_cancels_to_0_at_the_point_hides_no_slope(name: str) -> None:
    function, slope = _NEAR_0[name]
    verdicts = [
        check_gradients(lambda x: function(float(x)), 0.0, closed_form=lambda x, got=got: got).verdict
        for got in (slope, 0.0, -slope, 2.0 * slope)
    ]
    assert verdicts == [Verdict.RIGHT, *[Verdict.WRONG] * 3]


def test_a_derivative_that_a_plateau_of_rounding_hides_is_neither_right_nor_wrong() -> None:
    report = check_gradients(lambda x: 1.0 / (1.0 + (float(x) - 1.0)), 1e-12, closed_form=lambda x: -1e24)
    assert report.verdict is Verdict.NOISY


@pytest.mark.parametrize(
    ("function", "order"),
    [
        (lambda x: microgrid.relu(x) - microgrid.relu(-x), 1),
        (lambda x: microgrid.abs(x) ** 2, 2),
        (lambda x: microgrid.hypot(x, 0.0) ** 2, 2),
    ],
)
def test_where_kinks_cancel_the_node_is_named(function: Any, order: Literal[1, 2]) -> None:
    report = check_gradients(function, 0.0, order=order)
    assert report.verdict is Verdict.KINK
    assert report.worst is not None
    assert "on a kink or a jump of its rule" in report.worst.note
    assert check_gradients(function, 0.5, order=order)


def test_a_sawtooth_finer_than_any_step_is_not_called_wrong() -> None:
    assert check_gradients(lambda x, y: x % y, (1e200, -2.3e-308)).verdict is not Verdict.WRONG


def test_a_function_that_turns_complex_beside_the_point_is_no_crash() -> None:
    report = check_gradients(lambda x: float(x) ** 1.5, 0.0, closed_form=lambda x: 1.5 * x**0.5)
    assert report.verdict is Verdict.RIGHT
    assert "f has no value at x < 0" in str(report)
    report = checked(lambda x: x**1.5, lambda out, x: 1.5 * x**0.5, (0.0,))
    assert report.verdict is Verdict.RIGHT


def test_a_graph_that_can_not_be_recorded_beside_the_point_is_no_crash() -> None:
    cubed = custom(lambda x: math.sqrt(x) ** 3, lambda out, x: 1.5 * math.sqrt(x), name="cubed_root")
    report = check_gradients(lambda x: cubed(x) + 1.0, 0.0)
    assert report.verdict is Verdict.NOISY
    assert check_gradients(lambda x: cubed(x) * 2.0, 1e-9)
