"""Derivatives from a function's values alone: differences, the order of the Taylor remainder, slopes at a kink.

Everything here takes a function of one float, and knows neither graphs nor rules.

A difference quotient has two errors: truncation, which shrinks with the step, and the rounding of the function's
values, which grows as the step shrinks. So no step suits all functions and all scales. Here the step is halved from
level to level, every four neighbouring levels are extrapolated to step 0 (Richardson's extrapolation, by Neville's
table as in C. Ridders, Advances in Engineering Software 4, 1982), and the estimate with the smallest error bound is
taken. The bound is the disagreement of neighbouring estimates plus the noise.
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
_WIDER = 5  # spacings beyond the first at which noise is measured, each 16 times the last
_COARSEST = 28  # doublings of 2⁻⁴⁰ up to which a step of a staircase may be rounding: half precision has 2⁻¹¹
_ABOVE_NOISE = 20.0  # multiple of the noise that a difference has to exceed to be evidence


@dataclass(frozen=True, slots=True)
class Estimate:
    """A reference's value for a derivative.

    Parameters
    ----------
    value : float
        The derivative.
    bound : float
        The reference's own error bound.
    how : str
        The reference's name.
    scale : float, default 0.0
        For differences, the largest one-sided slope at the steps that were used. 0 for any other reference.
    """

    value: float
    bound: float
    how: str
    scale: float = 0.0

    @property
    def is_still(self) -> bool:
        """Whether the function had the same value at every step, so that it may be constant."""
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
        """The second difference: 0 for a straight line."""
        return (self.right - self.middle) - (self.middle - self.left)

    @property
    def jump(self) -> float:
        """The difference of the two slopes; 0 if it may be rounding."""
        return abs(self.bend) / self.step if abs(self.bend) > _ABOVE_NOISE * self.noise else 0.0


def _levels(function: Function, x: float) -> Iterator[_Level]:
    """The levels from the largest step down, where the function is finite; none at an infinite point."""
    if not math.isfinite(x):
        return
    middle, scatter = function(x), _scatter(function, x)
    top = 0.25 * max(abs(x), 1.0)
    lowest = max((abs(x) or 1.0) * _EPSILON * 64.0, 5e-324)
    for rung in range(math.ceil(math.log2(top) - math.log2(lowest)) + 1):
        # A power of 2, so that x + step rounds as little as possible.
        step = math.ldexp(1.0, math.frexp(top)[1] - 1 - rung)
        step = (x + step) - x
        left, right = function(x - step), function(x + step)
        if math.isfinite(left) and math.isfinite(right):
            noise = max(scatter, math.ulp(max(abs(left), abs(middle), abs(right))))
            yield _Level(step, left, middle, right, noise)


def _scatter(function: Function, x: float) -> float:
    """The size of the noise in the function's values, from the rounding of its operations.

    So close to the point, third differences of a smooth function vanish, and those of noise are √20 times its size
    (R. Hamming, Introduction to Applied Numerical Analysis, 1971). The lower median excludes those across a kink.

    Wider spacings are tried too, since rounding may come in steps between which the function looks smooth, as in
    (1 - cos x)/x² near 0. Differences of the same size at two spacings are noise; if they grow with the cube of the
    spacing, they are the function's own.
    """
    spacing = math.ldexp(1.0, math.frexp(x or 1.0)[1] - 40)  # a power of 2: x and its neighbours are exact
    row = [function(x + index * spacing) for index in range(-4, 5)]
    if len(set(row)) == 1:
        return _height_of_steps(function, x, spacing)
    noise = before = _irregular(row)
    for _ in range(_WIDER):
        spacing *= 16.0
        size = _irregular([function(x + index * spacing) for index in range(-4, 5)])
        if size > 64.0 * before > 512.0 * math.ulp(row[4]):
            break
        if before <= 4.0 * size <= 16.0 * before:
            noise = max(noise, before)
        before = size
    return noise


def _irregular(row: Sequence[float]) -> float:
    """The size of the noise that explains the third differences."""
    for _ in range(3):
        row = [after - before for before, after in pairwise(row)]
    middle = sorted(map(abs, row))[len(row) // 2 - 1]
    return middle / math.sqrt(20.0) if math.isfinite(middle) else 0.0


def _height_of_steps(function: Function, x: float, spacing: float) -> float:
    """The noise of a staircase, such as a function computed in fewer digits than a float has: the height of a step.

    0 if no step is close enough to be rounding.
    """
    here = function(x)
    for _ in range(_COARSEST):
        spacing *= 2.0
        height = max(abs(function(x + spacing) - here), abs(function(x - spacing) - here))
        if height:
            return height if math.isfinite(height) else 0.0
    return 0.0


def differentiate(function: Function, x: float) -> Estimate:
    """The derivative by extrapolated central differences, with a step that suits the function.

    Parameters
    ----------
    function : callable
        From a float to a float; nan or infinite where it is undefined.
    x : float
        The point.

    Returns
    -------
    Estimate
        Its bound is infinite if no two neighbouring steps agree.

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
        if level.is_flat:  # the function is constant here, or the step is lost to rounding
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
    """The error of the slope that the noise in the function's values may cause."""
    return 4.0 * level.noise / level.step


def _extrapolated(window: Sequence[_Level], before: float | None) -> tuple[Estimate, float]:
    """The slope extrapolated to step 0, bounded by its disagreement with the extrapolations before it."""
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
    """The order in h of the remainder f(x + h) - f(x) - h·slope: 2 if the slope is right, 1 if it is wrong.

    Parameters
    ----------
    function : callable
        From a float to a float.
    x : float
        The point.
    slope : float
        The derivative to be checked.

    Returns
    -------
    float or None
        The order, fitted to the smallest steps at which the remainder exceeds rounding: near 2 or more for the right
        slope, near 1 for a wrong one. None if there are too few such steps, as for a straight line.

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
    """The slope of the straight line through points by least squares."""
    across = math.fsum([x for x, _ in points]) / len(points)
    up = math.fsum([y for _, y in points]) / len(points)
    return math.fsum([(x - across) * (y - up) for x, y in points]) / math.fsum([(x - across) ** 2 for x, _ in points])


def slopes_beside(function: Function, x: float) -> tuple[float, float] | None:
    """The slopes on the left and on the right of a kink or a jump; None if the function is smooth.

    Parameters
    ----------
    function : callable
        From a float to a float.
    x : float
        The point.

    Returns
    -------
    tuple of float, or None
        The two slopes at the smallest step at which their difference exceeds rounding. As the step shrinks, that
        difference shrinks for a smooth function, stays the same at a kink and grows at a jump.

    Examples
    --------
    >>> from microgrid.checking.differences import slopes_beside
    >>> slopes_beside(abs, 0.0), slopes_beside(lambda x: x * x, 0.0)
    ((-1.0, 1.0), None)
    """
    seen = [level for level in _levels(function, x) if level.jump]
    return seen[-1].slopes if len(seen) >= _WINDOW and _has_kink(seen[-_WINDOW:]) else None


def _has_kink(window: Sequence[_Level]) -> bool:
    """Whether the second difference shrinks steadily as the step does: as h at a kink, not at all at a jump.

    For a smooth function it shrinks as h², and for noise it does so irregularly.
    """
    if not all([level.jump for level in window]):
        return False
    ratios = [fine.bend / coarse.bend for coarse, fine in pairwise(window)]
    return min(ratios) > 0.4 and max(ratios) < min(1.5 * min(ratios), 1.25)
