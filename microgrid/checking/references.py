"""References for the gradient of a recorded graph that use no rule's derivatives, and an estimate of rounding errors.

The complex step replays the graph in complex numbers, high precision in mpmath's numbers, and the enclosure in power
series of balls, whose bound is a theorem: all use the rules' values alone. The rounding error is estimated as in Monte
Carlo arithmetic (D. Stott Parker, 1997; after CESTAC, J. Vignes, 1974): the graph is replayed a few times with every
operation's result perturbed by up to an ulp.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.arithmetics.complex import COMPLEX
from microgrid.checking.differences import Estimate
from microgrid.checking.recordings import Recording
from microgrid.core.arithmetic import FLOAT, Arithmetic
from microgrid.core.engine import Value
from microgrid.core.graph import evaluate, local_partials, pullback
from microgrid.core.rule import Pair, Rule

__all__ = [
    "FAINT",
    "LONG_STEP",
    "NOTHING",
    "SAFETY",
    "SMALLEST",
    "STEP",
    "Sweep",
    "complex_step",
    "complex_step_of",
    "enclosed",
    "high_precision",
    "high_precision_of",
    "is_portable",
    "replay_estimate",
    "rounding",
]

# The complex step relative to the operand. The square of the first is negligible for any function. If the result does
# not change, the longer one distinguishes a derivative of 0 from one that underflows.
STEP, LONG_STEP = 2.0**-100, 2.0**-30
FAINT = 2.0**-960  # an imaginary part below this has lost digits
# ln(1 + e⁻⁷⁴⁵) needs 324 digits before its first significant one, and the step takes a third of all digits.
_DIGITS = (800, 1200)
_FEW_DIGITS = (60, 90)  # enough for most operations, and some 50 times as fast for the gamma function's family
_BALL_BITS = (100, 400, 1600)
_REPLAYS = 4
SAFETY = 8.0  # multiple of the spread of so few replays that counts as rounding
_LAST_DIGITS = 2.0**-48  # relative error that any replay in floats may have
SMALLEST = 4 * 5e-324

Values = dict[Value, Any]


@dataclass(frozen=True, slots=True)
class Sweep:
    """The findings of a replay of the graph in vectors, as ``batches`` makes it."""

    settled: set[int]  # the positions of nodes whose value and local derivatives agree with the reference
    # the derivative with respect to each input; None if an operation runs in floats only, or if the graph is so deep
    # that a replay for each input costs less
    gradient: list[Estimate] | None
    spread: float  # how much rounding may change the output; infinite if that is unknown
    is_confirmed: bool  # whether all local derivatives agree, so that two independent sources say the same
    adds_up: bool  # whether every adjoint is the sum of its children's contributions


NOTHING = Sweep(set(), None, math.inf, is_confirmed=False, adds_up=False)
"""What is known without a replay."""


class _Jittered:
    """An arithmetic whose every result is perturbed by up to an ulp."""

    def __init__(self, arithmetic: Arithmetic, seed: int) -> None:
        self._arithmetic = arithmetic
        self._source = random.Random(seed)

    def _perturbed(self, number: Any) -> Any:
        if not number:
            return number  # an exact 0 may be structural
        ulps = self._source.uniform(-1.0, 1.0)
        return number * (1.0 + ulps * 2.0**-52) + ulps * SMALLEST  # the second term for subnormal numbers

    def bind(self, rule: Rule) -> Pair:
        """The rule's value and partials, perturbed."""
        value, partials = self._arithmetic.bind(rule)

        def perturbed_value(*operands: Any) -> Any:
            return self._perturbed(value(*operands))

        def perturbed_partials(out: Any, *operands: Any) -> list[Any]:
            return [self._perturbed(partial) for partial in partials(out, *operands)]

        return perturbed_value, perturbed_partials


def rounding(recording: Recording) -> list[float]:
    """The rounding error that each derivative by autodiff may have, one for each input."""
    worst = [0.0] * len(recording.inputs)
    for seed in range(_REPLAYS):
        arithmetic = _Jittered(FLOAT, seed)
        values = evaluate([recording.output], arithmetic, {}, order=recording.order)
        adjoints = pullback(recording.output, local_partials(arithmetic, values), order=recording.order)
        for index, (leaf, slope) in enumerate(zip(recording.inputs, recording.gradient, strict=True)):
            worst[index] = max(worst[index], abs(adjoints.get(leaf, 0.0) - slope))
    return [SAFETY * spread for spread in worst]


# ---- the complex step -----------------------------------------------------------------------------------------


def complex_step(recording: Recording, coordinate: int) -> Estimate | None:
    """The derivative with respect to one input, Im f(x + ih)/h (Squire and Trapp, SIAM Review 40, 1998).

    None if complex numbers overflow or meet a pole. Every operation of the graph has to be portable.
    """
    moving = recording.inputs[coordinate]
    given: Values = {leaf: leaf.data for leaf in recording.inputs}

    def replayed(arithmetic: Any, x: complex) -> Any:
        return evaluate([recording.output], arithmetic, given | {moving: x}, order=recording.order)[recording.output]

    slope = _imaginary(replayed, COMPLEX, moving.data)
    others = [_imaginary(replayed, _Jittered(COMPLEX, seed), moving.data) for seed in range(_REPLAYS // 2)]
    if slope is None or None in others:
        return None
    return replay_estimate(slope, *[other for other in others if other is not None])


def replay_estimate(slope: float, *others: float) -> Estimate:
    """A derivative by the complex step, with a bound from replays in which every result was perturbed."""
    spread = max([abs(other - slope) for other in others], default=0.0)
    return Estimate(slope, SAFETY * spread + _LAST_DIGITS * abs(slope) + SMALLEST, "complex step")


def complex_step_of(rule: Rule, operands: Sequence[float], index: int) -> Estimate | None:
    """The local derivative of one operation by the complex step, at the operands, with respect to one of them."""

    def replayed(arithmetic: Any, x: complex) -> Any:
        return arithmetic.bind(rule)[0](*operands[:index], x, *operands[index + 1 :])

    slope = _imaginary(replayed, COMPLEX, operands[index])
    return None if slope is None else replay_estimate(slope)


def _imaginary(replayed: Callable[[Any, complex], Any], arithmetic: Any, x: float) -> float | None:
    """The slope at x from the imaginary part of the result; None if that has too few digits."""
    for relative_step in (STEP, LONG_STEP):
        step = relative_step * (abs(x) or 1.0)
        if not step:  # x is so small that the step underflows
            return None
        try:
            imaginary = complex(replayed(arithmetic, complex(x, step))).imag
        except (ArithmeticError, ValueError):  # cmath raises at poles and overflows
            return None
        if imaginary:
            is_clear = FAINT < abs(imaginary) < math.inf and relative_step == STEP
            return imaginary / step if is_clear else None
    return 0.0


# ---- high precision -------------------------------------------------------------------------------------------


def high_precision(recording: Recording, coordinate: int) -> Estimate | None:
    """The derivative with respect to one input, by differences of the graph's value in hundreds of digits.

    Its bound is the difference between two precisions. None without mpmath, or if the result is not finite.
    """
    moving = recording.inputs[coordinate]

    def function(arithmetic: Any, number: Callable[[float], Any], x: Any) -> Any:
        given = {leaf: number(leaf.data) for leaf in recording.inputs} | {moving: x}
        return evaluate([recording.output], arithmetic, given, number, recording.order)[recording.output]

    return _two_precisions(function, moving.data)


def high_precision_of(rule: Rule, operands: Sequence[float], index: int) -> Estimate | None:
    """The local derivative of one operation in high precision, at the operands, with respect to one of them."""

    def function(arithmetic: Any, number: Callable[[float], Any], x: Any) -> Any:
        moved = [x if i == index else number(operand) for i, operand in enumerate(operands)]
        return arithmetic.bind(rule)[0](*moved)

    x, least = operands[index], min(filter(None, map(abs, operands)), default=1.0)
    few = _two_precisions(function, x, _FEW_DIGITS, least)
    # A slope of 0 may be one that so few digits can't show.
    is_clear = few is not None and few.value != 0.0 and few.bound <= 4.0 * math.ulp(few.value)
    return few if is_clear else _two_precisions(function, x, _DIGITS, least)


def _two_precisions(
    function: Callable[[Any, Callable[[float], Any], Any], Any],
    x: float,
    both: tuple[int, int] = _DIGITS,
    least: float = math.inf,
) -> Estimate | None:
    """The slope at two precisions that must agree. Steps are small beside the number and beside the least operand."""
    try:
        import mpmath

        from microgrid.arithmetics.mpmath import MPMATH
    except ImportError:
        return None
    slopes = []
    size = min(abs(x) or 1.0, least)
    more = round(math.log10(abs(x)) - math.log10(size)) if abs(x) > size else 0
    for digits in both:
        with mpmath.workdps(digits + more):
            step = mpmath.mpf(10) ** (-digits // 3) * size
            try:
                sides = [function(MPMATH, mpmath.mpf, mpmath.mpf(x) + move) for move in (-step, step)]
            except (ArithmeticError, ValueError):
                return None
            slopes.append((sides[1] - sides[0]) / (2 * step))
    if not all(map(mpmath.isfinite, slopes)):
        return None
    apart = abs(slopes[1] - slopes[0])
    slope = float(slopes[1])
    # An error shrinks with the step. A difference quotient that grows instead spans a sawtooth or a cusp.
    is_growing = abs(slopes[1]) > 2 * abs(slopes[0])
    if is_growing or not math.isfinite(slope):
        return None
    return Estimate(slope, float(apart) + math.ulp(slope), f"mpmath at {both[0]} and {both[1]} digits")


# ---- enclosures -----------------------------------------------------------------------------------------------


def enclosed(recording: Recording, coordinate: int) -> Estimate | None:
    """The derivative with respect to one input as a proven enclosure, by a power series of balls.

    None if no precision gives a finite one. MissingPackageError without python-flint.
    """
    from microgrid.arithmetics.ball import arb, ball, bounds, working_precision
    from microgrid.arithmetics.ball_series import BALL_SERIES, as_series, variable, working_length

    slope = arb.nan()
    for bits in _BALL_BITS:
        with working_precision(bits), working_length(2):
            given: Values = {leaf: ball(leaf.data) for leaf in recording.inputs}
            given[recording.inputs[coordinate]] = variable(ball(recording.inputs[coordinate].data), 2)
            values = evaluate([recording.output], BALL_SERIES, given, ball, recording.order)
            slope = as_series(values[recording.output], 2)[1]
            if slope.rel_accuracy_bits() > 60:
                break
    if not slope.is_finite():
        return None
    low, high = bounds(slope)
    middle = 0.5 * low + 0.5 * high
    return Estimate(middle, math.nextafter(max(high - middle, middle - low), math.inf), "ball arithmetic")


def is_portable(recording: Recording) -> bool:
    """Whether every operation runs in every arithmetic: a custom one may compute in floats alone."""
    return all([node.op is None or node.op.portable for node in recording.order])
