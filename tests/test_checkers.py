"""The cases of the comparison are what they are said to be, and microgrid tells them apart; so much for the others."""

from __future__ import annotations

import sys
from typing import Any

import mpmath
import pytest

from benchmarks import checker_cost, checkers
from benchmarks.checkers import CHECKERS, SCIPY, Answer, Checker, Row, ask, side_by_side
from benchmarks.gradients import FLOATS, RIGHT, WRONG, Case, Functions

VALUES, PLAIN, OPERATION, OF_FLOATS = [name for name in CHECKERS if name.startswith("microgrid")]
EXACT = Functions(
    exp=mpmath.exp,
    log=mpmath.log,
    log1p=mpmath.log1p,
    sin=mpmath.sin,
    cos=mpmath.cos,
    tanh=mpmath.tanh,
    sqrt=mpmath.sqrt,
    abs=abs,
    sign=mpmath.sign,
    maximum=max,
    atan2=mpmath.atan2,
    hypot=mpmath.hypot,
)


def slopes_of(case: Case, place: int) -> tuple[Any, Any]:
    """On the left and on the right, in digits enough for any cancellation."""
    values = []
    for steps in (-1, 0, 1):
        numbers = [mpmath.mpf(x) for x in case.at]
        step = mpmath.mpf(10) ** -60 * (abs(numbers[place]) or 1)
        numbers[place] += steps * step
        values.append(case.f(EXACT, *numbers))
    return (values[1] - values[0]) / step, (values[2] - values[1]) / step


# ---- the cases --------------------------------------------------------------------------------------------------


def test_there_are_thirty_and_thirty() -> None:
    assert (len(RIGHT), len(WRONG)) == (30, 30)
    assert len({case.name for case in (*RIGHT, *WRONG)}) == 60
    assert not any(case.wrong for case in RIGHT)
    assert all(case.wrong and not case.has_kink for case in WRONG)
    assert min(abs(x) for case in RIGHT for x in case.at if x) <= 1e-8
    assert max(abs(x) for case in RIGHT for x in case.at) >= 1e8
    assert sum(case.has_kink for case in RIGHT) >= 3


@pytest.mark.parametrize("case", [*RIGHT, *WRONG], ids=lambda case: case.name)
def test_a_gradient_is_right_or_wrong_as_it_is_said(case: Case) -> None:
    gradient = [float(slope) for slope in case.gradient(FLOATS, *case.at)]
    assert len(gradient) == len(case.at)
    with mpmath.workdps(150):
        for place, got in enumerate(gradient):
            left, right = slopes_of(case, place)
            true = (left + right) / 2
            if case.has_kink:
                assert abs(right - left) > 0.5
                assert min(left, right) <= got <= max(left, right)
            elif place in case.wrong:
                assert abs(got - true) > 1e-4 * abs(true) > 0.0
            else:
                assert abs(got - true) <= 1e-9 * abs(true) + 1e-50  # the minimum's slope is 0


# ---- microgrid --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers() -> dict[str, Row]:
    return {name: ask(name) for name in (VALUES, PLAIN, OPERATION, OF_FLOATS)}


@pytest.mark.parametrize("name", [VALUES, OPERATION])
def test_everything_wrong_is_found_and_named_and_nothing_right_is_called_wrong(
    answers: dict[str, Row], name: str
) -> None:
    row = answers[name]
    assert (row.cases("wrong", "wrong"), row.named) == ([case.name for case in WRONG], 30)
    assert row.cases("right", "wrong") == []
    assert "relu(2x - 1) at 0.5" in row.cases("right", "kink")
    assert {*row.cases("right", "kink")} <= {case.name for case in RIGHT if case.has_kink}


@pytest.mark.parametrize("name", [PLAIN, OF_FLOATS])
def test_values_alone_tell_or_it_is_said_that_they_cannot(answers: dict[str, Row], name: str) -> None:
    row = answers[name]
    assert row.cases("wrong", "right", "kink") == row.cases("right", "wrong") == []
    assert len(row.cases("wrong", "wrong")) == row.named >= 26
    assert row.cases("right", "kink") == [case.name for case in RIGHT if case.has_kink]
    assert len(row.cases("right", "can't tell")) <= 3


def test_what_a_report_on_values_holds_against_a_right_gradient_is_its_own_rounding(answers: dict[str, Row]) -> None:
    unsure = {name: answers[VALUES].right[name].words for name in answers[VALUES].cases("right", "can't tell")}
    assert unsure == {"(1 - cos x)/x² at 1e-4": "lost to rounding: autodiff's df/dx1"}


# ---- the others, and the table ----------------------------------------------------------------------------------


def test_a_checker_that_is_not_installed_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("torch", "jax", "autograd"):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.setitem(sys.modules, f"{package}.numpy", None)
    others = ["torch gradcheck", "JAX check_grads", "autograd check_grads"]
    text = side_by_side([ask(name) for name in others])
    for name in others:
        (line,) = [line for line in text.splitlines() if line.startswith(f"  {name}  ")]
        assert line.split("  ")[-1] == "–"
        assert "not installed" in line
        assert f"  {name}: not installed (" in text
        assert "pip install" in text


def test_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def says(case: Case) -> Answer:
        if case.has_kink:
            return Answer("kink")
        if case is WRONG[0]:
            return Answer("can't tell", case.wrong[0], "too noisy")
        return Answer("wrong", 0) if case in WRONG or case is RIGHT[0] else Answer("right")

    monkeypatch.setitem(CHECKERS, "made up", (lambda: Checker("1.2", says), "make it up"))
    text = side_by_side([ask("made up")])
    named = sum(0 in case.wrong for case in WRONG[1:])
    assert text.splitlines()[3].split() == ["made", "up", "1.2", "29", "1", "1", "1", str(named)]
    assert f"made up, missed, for it can't tell:\n  {WRONG[0].name} (too noisy)" in text
    assert f"made up, false alarms:\n  {RIGHT[0].name}" in text
    assert "can't tell of a right one" not in text


def test_an_error_beside_a_limit_is_what_scipy_gives() -> None:
    row = ask(SCIPY)
    assert row.right["exp(-x) sin 3x"].said == "right"
    assert row.wrong["x²: without the 2"].said == "wrong"
    assert float(row.wrong["x²: without the 2"].words) == pytest.approx(1.3, rel=1e-6)
    assert row.named == 0
    assert "the limit that suits these cases best" in side_by_side([row])


def test_another_prints_what_a_check_costs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name: check for name, check in checker_cost.CHECKERS.items() if "microgrid" in name}
    monkeypatch.setattr(checker_cost, "CHECKERS", ours)
    monkeypatch.setattr(checker_cost, "SHAPES", ((5, 3),))
    checker_cost.main(["--most", "10"])
    printed = capsys.readouterr().out
    assert "microgrid, directions=0" in printed
    assert "5 × 3                         4" in printed
    assert checker_cost.cost(ours["microgrid"], 3).calls < 3 * 80


def test_one_command_prints_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(checkers, "RIGHT", RIGHT[:3])
    monkeypatch.setattr(checkers, "WRONG", WRONG[:3])
    checkers.main([])
    printed = capsys.readouterr().out
    for name in checkers.CHECKERS:
        assert f"\n  {name} " in printed
