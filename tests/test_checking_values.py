"""Verdicts from a function's values alone: structure of every size, both sides of a point, noise, borders, cost."""

# ruff: noqa: ARG005  # functions to be checked take what they are called with, needed or not

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import mpmath
import numpy
import pytest
from helpers import few_or_all

from benchmarks import family_trials, released
from benchmarks.families import FAMILIES, draws
from microgrid import DataError, check_gradients, custom, equal, expm1, hypot, where
from microgrid import abs as absolute
from microgrid.checking import Verdict, plot_steps
from microgrid.checking.differences import differentiate, is_constant, taylor_order

TURN = 2.0 * math.pi
SLOW = ("single", "solvers")  # groups whose draws take long, or say too little at few draws


def plain(f: Callable[[float], Any]) -> Callable[[Any], float]:
    return lambda x: float(f(float(x)))


def verdict(f: Callable[..., Any], at: Any, slope: float, **options: Any) -> Verdict:
    return check_gradients(plain(f), at, closed_form=lambda x: slope, **options).verdict


# ---- families ---------------------------------------------------------------------------------------------------


def test_there_are_families_of_every_group() -> None:
    assert len(FAMILIES) >= 40
    groups = {"cycles", "lines", "decays", "barriers", "units", "clipped", "rounded", "piecewise", "noise", "solvers"}
    assert groups <= {one.group for one in FAMILIES.values()}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_derivative_of_a_family_is_what_it_is_said_to_be(name: str) -> None:
    for draw in draws(FAMILIES[name], 3, seed=7):
        assert draw.mistakes
        if not draw.portable:
            continue
        with mpmath.workdps(700):
            step = mpmath.mpf(10) ** -30 * (abs(draw.x) or 1)
            sides = [draw.f(mpmath.mp, mpmath.mpf(draw.x) + move) for move in (-step, step)]
            true = float((sides[1] - sides[0]) / (2 * step))
        assert draw.slope == pytest.approx(true, rel=1e-3 * draw.tol, abs=1e-3 * draw.tol * abs(draw.slope) + 1e-25)


@few_or_all
@pytest.mark.unmeasured
def test_no_wrong_gradient_is_called_right_and_no_right_one_wrong(everything: bool) -> None:
    quick = [name for name, one in FAMILIES.items() if everything or one.group not in SLOW]
    tally = family_trials.trials("microgrid", 20 if everything else 1, families=quick)
    assert tally.errors == []
    if everything:
        assert min(tally.decided("right"), tally.decided("wrong")) >= 0.98
        assert sorted(tally.calls)[len(tally.calls) // 2] <= 40


def test_the_trials_print_a_row_for_each_checker(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    few = {name: FAMILIES[name] for name in list(FAMILIES)[:2]}
    monkeypatch.setattr(family_trials, "FAMILIES", few)
    monkeypatch.setattr(family_trials.trials, "__defaults__", (0, tuple(few)))
    family_trials.main(["--draws", "1", "--checkers", "microgrid", "scipy check_grad > 1e-06"])
    printed = capsys.readouterr().out
    assert "2 families of functions of floats, 1 draws of each" in printed
    assert "\n  microgrid " in printed
    assert "\n  scipy check_grad" in printed


def test_a_mistake_planted_in_a_released_gradient_is_found_and_its_coordinate_named() -> None:
    pairs = [pair for pair in released.PACKAGES["scipy"]() if pair.at.size > 1]
    for pair in pairs:
        assert pair.check(pair.gradient)
        place, wrong = released.planted(pair, random.Random(0))
        names = [one.name for one in pair.check(wrong).judgements if one.verdict is Verdict.WRONG]
        assert names == [f"df/dx[{place}]"]
    assert pairs


# ---- structure finer than long steps ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at", "right", "forgotten"),
    [
        (
            lambda t: 300 + 2 * (t - 1960) + 3 * math.sin(TURN * t),
            2011.3,
            2 + 3 * TURN * math.cos(TURN * 2011.3),
            2.0,
        ),
        (lambda x: 2 * x + 0.1 * ((x - 1) / 1e-3) * math.exp(-(((x - 1) / 1e-3) ** 2)), 1.0, 102.0, 2.0),
        (lambda x: x + math.sin(TURN * 1024 * x), 3.125, 1 + TURN * 1024, 1.0),
        (lambda x: 5 * math.exp(-x / 1e-3), 1e-3, -5e3 * math.exp(-1), 5e3 * math.exp(-1)),
    ],
    ids=["a season", "a narrow line", "a cycle that powers of two are multiples of", "a huge left side"],
)
def test_what_is_finer_than_the_longest_steps_is_seen(
    f: Callable[[float], float], at: float, right: float, forgotten: float
) -> None:
    assert verdict(f, at, right) is Verdict.RIGHT
    assert verdict(f, at, forgotten) is Verdict.WRONG


def test_an_operation_of_floats_is_seen_as_finely() -> None:
    lazy = custom(lambda t: 0.5 * t + math.sin(TURN * t), lambda out, t: 0.5, name="lazy_season")
    report = check_gradients(lambda t: 300 + 3 * lazy(t), 2011.3)
    assert report.verdict is Verdict.WRONG
    assert report.blame is not None
    assert report.blame.node.op is lazy.rule


# ---- both sides -------------------------------------------------------------------------------------------------


def exprel(x: Any) -> Any:
    safe = where(equal(x, 0.0), 1.0, x)
    return where(equal(x, 0.0), 1.0, expm1(safe) / safe)


def test_a_guard_that_holds_at_the_point_alone_hides_nothing() -> None:
    report = check_gradients(exprel, 0.0)
    assert report.verdict is Verdict.WRONG  # 0 recorded, 1/2 true
    assert report.worst is not None
    assert report.worst.expected == pytest.approx(0.5, rel=1e-9)
    assert check_gradients(exprel, 1e-3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_cone_and_a_cut_are_kinks(sign: float) -> None:
    from microgrid import atan2

    assert check_gradients(lambda x, y: hypot(sign * x, y) + x, (0.0, 0.0)).verdict is Verdict.KINK
    assert check_gradients(lambda y: atan2(sign * y, -2.0), 0.0).verdict is Verdict.KINK
    assert check_gradients(lambda y: atan2(sign * y, 2.0), 0.0)


def test_a_second_derivative_at_a_kink_of_the_first_order_is_never_right() -> None:
    assert check_gradients(lambda x: absolute(x) ** 2, 0.0, order=2).verdict is not Verdict.RIGHT  # 0 recorded, 2 true
    assert check_gradients(lambda x: absolute(x) ** 2, 0.5, order=2)


def test_a_replay_that_does_not_see_both_sides_says_so() -> None:
    text = str(check_gradients(exprel, 0.0, reference="complex step"))
    assert "which does not see both sides of node" in text


# ---- verdict and evidence ---------------------------------------------------------------------------------------


def test_verdicts_agree_with_their_evidence() -> None:
    source = random.Random(3)
    for place in range(150):
        family = source.choice([one for one in FAMILIES.values() if one.group not in SLOW])
        (draw,) = draws(family, 1, seed=place)
        slope = source.choice([draw.slope, draw.slope * (1.0 + draw.tol * 0.9), *draw.mistakes.values()])
        (one,) = check_gradients(draw.plain, draw.x, closed_form=lambda x, slope=slope: slope, tol=draw.tol).judgements
        size = max(abs(one.got), abs(one.expected))
        if one.verdict is Verdict.RIGHT and not one.note:
            assert one.taylor_order is None or one.taylor_order > 1.15, (family.name, one)
            assert one.error <= draw.tol * size + 1.01 * one.bound + 1e-14 * abs(one.got) or not size
        if one.verdict is Verdict.WRONG:
            assert one.error > draw.tol * size + one.bound
        if one.verdict is Verdict.NOISY and not one.note.startswith("f is rough"):
            assert not one.bound <= 1e-3 * draw.tol * size, (family.name, one)


# ---- staircases, noise, scales ----------------------------------------------------------------------------------


def test_a_floor_has_the_slope_0_between_whole_numbers_and_jumps_at_them() -> None:
    for at in (2.3, 1e3 + 0.25):
        assert verdict(math.floor, at, 0.0) is Verdict.RIGHT
    assert verdict(math.floor, 2.3, 1.0) is Verdict.WRONG
    assert verdict(math.floor, 3.0, 0.0) is Verdict.KINK
    assert verdict(lambda x: round(x, 2), 1.2345, 0.0) is Verdict.RIGHT


def test_single_precision_and_saturation_are_no_constants() -> None:
    def rough(x: float) -> float:
        return float(numpy.float32(math.sin(x)))

    assert verdict(rough, 1.1, 0.0, tol=1e-3) is Verdict.WRONG
    assert verdict(rough, 1.1, math.cos(1.1), tol=1e-3) is Verdict.RIGHT
    assert verdict(lambda z: 1.0 / (1.0 + math.exp(-z)), 40.0, 0.0) is not Verdict.RIGHT  # exp(-40) true
    assert verdict(lambda x: math.exp(min(x, 1.0)), 1.5, 0.0) is Verdict.RIGHT


def test_a_solver_is_seen_to_be_rough() -> None:
    from scipy.integrate import solve_ivp  # type: ignore[import-untyped, unused-ignore]

    def f(k: float) -> float:
        return float(solve_ivp(lambda t, y: -k * y, (0.0, 3.0), [1.0]).y[0, -1])

    exact = -3.0 * math.exp(-3.0 * 1.3)
    report = check_gradients(plain(f), 1.3, closed_form=lambda k: exact)
    assert report.verdict is Verdict.NOISY
    assert report.worst is not None
    assert report.worst.note.startswith("f is rough, by ")
    assert verdict(f, 1.3, exact, tol=1e-2) is Verdict.RIGHT
    assert verdict(f, 1.3, -exact) is verdict(f, 1.3, 1.1 * exact) is Verdict.WRONG


def test_a_negligible_component_spoils_nothing() -> None:
    def spread(b: float) -> float:
        return float(numpy.std(numpy.array([1.0, 2.0, 4.0]) + b))

    report = check_gradients(plain(spread), 0.3, closed_form=lambda b: 1.1e-16)
    assert report
    assert "the scale of the gradient" in str(report)
    assert verdict(spread, 0.3, 1e-9) is Verdict.WRONG
    assert verdict(lambda v: v * abs(v), 0.0, 0.0) is Verdict.RIGHT
    assert is_constant(spread, 0.3)


# ---- the border of a domain -------------------------------------------------------------------------------------


def test_at_a_border_the_derivative_from_one_side_counts() -> None:
    f = plain(lambda x: math.sqrt(x) ** 3)
    report = check_gradients(f, 0.0, closed_form=lambda x: 0.0)
    assert report
    assert "f has no value at x < 0" in str(report)
    assert check_gradients(f, 0.0, closed_form=lambda x: 1.0).verdict is Verdict.WRONG
    report = check_gradients(plain(lambda x: math.sqrt(1.0 - x) ** 5), 1.0, closed_form=lambda x: 0.0)
    assert report
    assert "f has no value at x > 1" in str(report)


def test_a_slope_without_a_limit_at_a_border_is_told() -> None:
    report = check_gradients(plain(math.sqrt), 0.0, closed_form=lambda x: 1.0)
    assert report.verdict is Verdict.NOISY
    assert "f has no value at x < 0, and on the other side its slope settles on no number" in str(report)


# ---- cost, and the plot -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at"),
    [(math.sin, 1.0), (math.exp, -3.0), (lambda x: x * x, 1e8), (math.tanh, 2e-7), (lambda x: x**0.4, 1e-300)],
)
def test_an_ordinary_function_is_called_at_most_40_times(f: Callable[[float], float], at: float) -> None:
    seen: set[float] = set()

    def counted(x: float) -> Any:
        seen.add(x)
        return f(x) if x > 0.0 or at < 0.0 else math.nan

    estimate = differentiate(counted, at)
    assert estimate.bound <= 1e-7 * abs(estimate.value)
    assert len(seen) <= 40


def test_at_a_tiny_point_steps_without_effect_are_leapt_over() -> None:
    seen: set[float] = set()

    def counted(x: float) -> float:
        seen.add(x)
        return math.exp(x)

    assert differentiate(counted, 1e-300).value == pytest.approx(1.0, rel=1e-7)
    assert len(seen) <= 80


def test_what_is_tolerated_is_no_evidence() -> None:
    assert taylor_order(math.exp, 1.0, math.e * (1.0 + 1e-4)) == pytest.approx(1.0, abs=0.1)
    order = taylor_order(math.exp, 1.0, math.e * (1.0 + 1e-4), 2e-4 * math.e)
    assert order is not None
    assert order > 1.5


def test_error_against_step_is_drawn_with_the_chosen_step() -> None:
    axes = plot_steps(math.sin, 1.0, closed_form=math.cos)
    errors, chosen = axes.get_lines()
    assert len(errors.get_xdata()) > 8
    assert min(errors.get_ydata()) < 1e-9
    assert 1e-9 < chosen.get_xdata()[0] < 1e-2
    assert plot_steps(lambda w, x: hypot(w, x), (1.0, 2.0), "x", axes=axes).get_title() == "∂/∂x"
    with pytest.raises(DataError, match="coordinate is one of w, x or its place, not 'z'"):
        plot_steps(lambda w, x: w * x, (1.0, 2.0), "z")
    with pytest.raises(DataError, match="at one point, not at 2"):
        plot_steps(math.sin, [1.0, 2.0])
