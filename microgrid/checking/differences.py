"""What the values of a function alone say of its derivative: differences, the Taylor remainder, slopes at a kink.

Everything here takes a function of one float, and knows neither graphs nor rules.

A difference quotient has two errors that pull its step in opposite directions: the truncated series, which a smaller
step shrinks, and the rounding of the function's values, which a smaller step magnifies. So no step suits all functions
and all scales. Here a whole ladder of steps is climbed down, each half of the one above. Every four neighbours are
extrapolated to step 0 (Richardson's extrapolation; as Neville's table in C. Ridders, Advances in Engineering Software
4, 1982), which says how well they agree, and the best of all wins, with its disagreement and its noise as the bound.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["WRONG_ORDER", "Estimate", "differentiate", "slopes_beside", "taylor_order"]

Function = Callable[[float], float]

WRONG_ORDER = 1.5
"""A Taylor remainder of a smaller order is a wrong derivative's."""

_BY_DIFFERENCES = "central differences"
_EPSILON = sys.float_info.epsilon
_WINDOW = 4  # neighbouring steps that are extrapolated together
_ENOUGH = 1e-10  # a relative bound at which no smaller step is tried
_WIDER = 5  # spacings beyond the first at which irregular values are sought, each 16 times the last
_COARSEST = 28  # doublings of 2⁻⁴⁰ at which a step of a staircase may still be rounding: half precision has 2⁻¹¹
_ABOVE_NOISE = 20.0  # how far a difference has to stand out from the rounding of its parts to be evidence


@dataclass(frozen=True, slots=True)
class Estimate:
    """A derivative from some reference.

    Parameters
    ----------
    value : float
        The derivative.
    bound : float
        How far off it may be, by the reference's own account.
    how : str
        The reference, in words.
    scale : float
        For differences: how fast the function changes over the steps that were used. 0 for any other reference.
    """

    value: float
    bound: float
    how: str
    scale: float = 0.0

    @property
    def is_still(self) -> bool:
        """Whether the function was not seen to move at any step: for all that its values tell, it is constant."""
        return self.how == _BY_DIFFERENCES and self.value == self.scale == 0.0


@dataclass(frozen=True, slots=True)
class _Level:
    """The function on both sides of a point, at one step."""

    step: float
    left: float
    middle: float
    right: float
    noise: float

    @property
    def slope(self) -> float:
        return (self.right - self.left) / (2.0 * self.step)

    @property
    def is_flat(self) -> bool:
        return self.left == self.middle == self.right

    @property
    def slopes(self) -> tuple[float, float]:
        """On the left and on the right."""
        return (self.middle - self.left) / self.step, (self.right - self.middle) / self.step

    @property
    def bend(self) -> float:
        """How far the two sides lie apart, beyond what one straight line explains."""
        return (self.right - self.middle) - (self.middle - self.left)

    @property
    def jump(self) -> float:
        """How far the two slopes lie apart; 0 where that may be rounding."""
        return abs(self.bend) / self.step if abs(self.bend) > _ABOVE_NOISE * self.noise else 0.0


def _levels(function: Function, x: float) -> Iterator[_Level]:
    """The ladder of steps, from the largest, as far as the function is finite there; none at an infinite point."""
    if not math.isfinite(x):
        return
    middle, scatter = function(x), _scatter(function, x)
    top = 0.25 * max(abs(x), 1.0)
    lowest = max((abs(x) or 1.0) * _EPSILON * 64.0, 5e-324)
    for rung in range(math.ceil(math.log2(top) - math.log2(lowest)) + 1):
        # A power of 2, so that x + step rounds as little as can be.
        step = math.ldexp(1.0, math.frexp(top)[1] - 1 - rung)
        step = (x + step) - x
        left, right = function(x - step), function(x + step)
        if math.isfinite(left) and math.isfinite(right):
            noise = max(scatter, math.ulp(max(abs(left), abs(middle), abs(right))))
            yield _Level(step, left, middle, right, noise)


def _scatter(function: Function, x: float) -> float:
    """How far the function's values are off because of rounding inside of it: what is irregular in them, close by.

    Third differences leave nothing of a smooth function so near the point, and of noise its size times √20 (R. Hamming,
    Introduction to Applied Numerical Analysis, 1971). The lower median leaves out those that reach across a kink.

    Wider spacings are tried as well, for rounding inside may come in steps between which the function looks smooth:
    (1 - cos x)/x² near 0 does. What has one size at two spacings is noise; what grows with their cube is the function.
    """
    spacing = math.ldexp(1.0, math.frexp(x or 1.0)[1] - 40)  # a power of 2: x and its neighbours are exact
    row = [function(x + place * spacing) for place in range(-4, 5)]
    if len(set(row)) == 1:
        return _height_of_steps(function, x, spacing)
    noise = before = _irregular(row)
    for _ in range(_WIDER):
        spacing *= 16.0
        size = _irregular([function(x + place * spacing) for place in range(-4, 5)])
        if size > 64.0 * before > 512.0 * math.ulp(row[4]):
            break
        if before <= 4.0 * size <= 16.0 * before:
            noise = max(noise, before)
        before = size
    return noise


def _irregular(row: Sequence[float]) -> float:
    """The size of the noise that would leave such third differences; 0 if there are none."""
    for _ in range(3):
        row = [after - before for before, after in pairwise(row)]
    middle = sorted(map(abs, row))[len(row) // 2 - 1]
    return middle / math.sqrt(20.0) if math.isfinite(middle) else 0.0


def _height_of_steps(function: Function, x: float, spacing: float) -> float:
    """How far the values of a staircase are off, such as a function that was computed in fewer digits than a float has.

    0 if none of its steps is so near that it may be rounding.
    """
    here = function(x)
    for _ in range(_COARSEST):
        spacing *= 2.0
        height = max(abs(function(x + spacing) - here), abs(function(x - spacing) - here))
        if height:
            return height if math.isfinite(height) else 0.0
    return 0.0


def differentiate(function: Function, x: float) -> Estimate:
    """The derivative by central differences, extrapolated, with the step that suits the function.

    Parameters
    ----------
    function : callable
        From a float to a float; nan or infinite where it is not defined.
    x : float
        The point.

    Returns
    -------
    Estimate
        Its bound is infinite where no two neighbouring steps say the same.

    Examples
    --------
    >>> import math
    >>> from microgrid.checking.differences import differentiate
    >>> estimate = differentiate(math.exp, 1.0)
    >>> abs(estimate.value - math.e) < estimate.bound < 1e-9
    True
    """
    best = Estimate(math.nan, math.inf, _BY_DIFFERENCES)
    seen: list[_Level] = []
    before: float | None = None
    flat: _Level | None = None
    for level in _levels(function, x):
        if level.is_flat:  # nothing moved: all is constant here, or the step is lost in the function's rounding
            flat = flat or level
            if seen:
                break
            continue
        seen.append(level)
        if len(seen) < _WINDOW:
            continue
        window = seen[-_WINDOW:]
        estimate, before = _extrapolated(window, before)
        if estimate.bound < best.bound and not _has_kink(window):
            best = estimate
        if best.bound <= _ENOUGH * abs(best.value):
            break
    if flat and not seen:
        return Estimate(0.0, _noise_of_slope(flat), best.how)
    return best


def _noise_of_slope(level: _Level) -> float:
    """How far the rounding of the function's values may move the slope."""
    return 4.0 * level.noise / level.step


def _extrapolated(window: Sequence[_Level], before: float | None) -> tuple[Estimate, float]:
    """The slope at step 0 from a few neighbours, and how well it agrees with what fewer or other neighbours say."""
    column = [level.slope for level in window]
    shorter = column[-1]
    factor = 1.0
    while len(column) > 1:
        factor *= 4.0
        shorter = column[-1]
        column = [fine + (fine - coarse) / (factor - 1.0) for coarse, fine in pairwise(column)]
    value = column[0]
    noise = _noise_of_slope(window[-1])
    doubt = max(abs(value - shorter), abs(value - before)) if before is not None else math.inf
    scale = max([max(abs(level.right - level.middle), abs(level.left - level.middle)) / level.step for level in window])
    bound = 2.0 * doubt + noise
    return Estimate(value, bound if math.isfinite(bound) else math.inf, _BY_DIFFERENCES, scale), value


def taylor_order(function: Function, x: float, slope: float) -> float | None:
    """How fast the remainder f(x + h) - f(x) - h·slope shrinks with h: as h² if the slope is right, as h if it is not.

    Parameters
    ----------
    function : callable
        From a float to a float.
    x : float
        The point.
    slope : float
        What is said to be the derivative there.

    Returns
    -------
    float or None
        The order, fitted to the smallest steps at which the remainder stands out from rounding: near 2 or more for the
        right slope, near 1 for a wrong one. None where there are too few such steps, as for a straight line.

    Examples
    --------
    >>> import math
    >>> from microgrid.checking.differences import taylor_order
    >>> round(taylor_order(math.exp, 0.0, 1.0), 2), round(taylor_order(math.exp, 0.0, 1.001), 2)
    (2.0, 1.0)
    """
    points = []
    for level in _levels(function, x):
        remainder = abs(level.right - level.middle - level.step * slope)
        if remainder <= _ABOVE_NOISE * max(level.noise, _EPSILON * abs(level.step * slope)):
            break
        points.append((math.log(level.step), math.log(remainder)))
    if len(points) < _WINDOW:
        return None
    return _fitted_slope(points[-_WINDOW:])


def _fitted_slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line through points, by least squares."""
    across = math.fsum([x for x, _ in points]) / len(points)
    up = math.fsum([y for _, y in points]) / len(points)
    return math.fsum([(x - across) * (y - up) for x, y in points]) / math.fsum([(x - across) ** 2 for x, _ in points])


def slopes_beside(function: Function, x: float) -> tuple[float, float] | None:
    """The slopes on the left and on the right of a kink or a jump; None where the function is smooth.

    Parameters
    ----------
    function : callable
        From a float to a float.
    x : float
        The point.

    Returns
    -------
    tuple of float, or None
        The two slopes at the smallest step at which their difference stands out from rounding. Between the sides of a
        smooth function that difference shrinks with the step; at a kink it stays, at a jump it grows.

    Examples
    --------
    >>> from microgrid.checking.differences import slopes_beside
    >>> slopes_beside(abs, 0.0), slopes_beside(lambda x: x * x, 0.0)
    ((-1.0, 1.0), None)
    """
    seen = [level for level in _levels(function, x) if level.jump]
    return seen[-1].slopes if len(seen) >= _WINDOW and _has_kink(seen[-_WINDOW:]) else None


def _has_kink(window: Sequence[_Level]) -> bool:
    """Whether the two sides stay apart in one way while the step shrinks: as h at a kink, as nothing at a jump.

    Noise keeps them apart as well, but now more and now less; what is smooth closes up as h².
    """
    if not all([level.jump for level in window]):
        return False
    ratios = [fine.bend / coarse.bend for coarse, fine in pairwise(window)]
    return min(ratios) > 0.4 and max(ratios) < min(1.5 * min(ratios), 1.25)
