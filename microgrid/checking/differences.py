"""Derivatives from a function's values alone: differences, the order of the Taylor remainder, slopes at a kink.

Everything here takes a function of one float, and knows neither graphs nor rules.

A difference quotient has two errors: truncation, which shrinks with the step, and the noise of the function's values,
which grows as the step shrinks. So no step suits all functions and all scales, and steps that agree with one another
may all be longer than the structure that matters. Hence the steps begin at the finest that floats allow and grow, in a
ratio that no period of a function is likely to share, until neighbouring steps, extrapolated to step 0 (Richardson,
Phil. Trans. A 210, 1911), are exact enough. An estimate counts only if it agrees with every finer step to within the
noise that those steps show. The noise is what the values at finer steps have beyond a parabola and the estimate's
straight line, and at least the rounding of the values and of the point, ε·|x·f'|.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

__all__ = [
    "DIFFERENCES",
    "ONE_SIDED",
    "Estimate",
    "Plateau",
    "differentiate",
    "is_constant",
    "missing_side",
    "plateaus",
    "slopes_beside",
    "slopes_by_step",
    "taylor_order",
]

Function = Callable[[float], float]

_TWO_SIDED, ONE_SIDED = "central differences", "one-sided differences"
DIFFERENCES = (_TWO_SIDED, ONE_SIDED)
"""The names of the references that this module makes."""

_EPSILON = sys.float_info.epsilon
_RATIO = 0.732
_STRIDE, _CLOSE = _RATIO**-8, _RATIO**-2  # from a step to the next longer one: at first, and between those if need be
_FINEST = 64.0 * _EPSILON  # the shortest step, relative to the point
_FINEST_AT_0 = 2.0**-133  # the shortest step at 0: shorter than any length or charge in SI units
_LONGEST = 0.5  # the longest step, relative to the point or to 1
_ENOUGH = 1e-8  # a relative bound at which no longer step is tried
_ABOVE_NOISE = 20.0  # multiple of the noise that a difference has to exceed to be evidence
_DISAGREE = 8.0  # multiple of the noise by which a finer step contradicts an estimate
_WINDOW = 3  # neighbouring steps that are judged together
_JUMP = 2.0**-10  # a stair that is no rounding, relative to the function's values
_ROUNDED = 2.0**-18  # a step of a staircase that may be rounding, relative to the value: 64 ulp in single precision


@dataclass(frozen=True, slots=True)
class Estimate:
    """A reference's value for a derivative.

    Without differences, ``scale`` and ``step`` are 0.
    """

    value: float
    bound: float  # the reference's own error bound
    how: str  # the reference's name
    # the largest one-sided slope at the steps used, and at longer ones as long as it grows no faster than their square
    scale: float = 0.0
    step: float = 0.0  # the shortest step that was used

    @property
    def is_still(self) -> bool:
        """Whether the function had the same value at every step, so that it may be constant."""
        return self.how in DIFFERENCES and self.value == self.scale == 0.0


@dataclass(frozen=True)
class _Level:
    """The function on both sides of a point, at one step; ``sides`` is 1 at the border of its domain."""

    x: float
    step: float
    left: float
    middle: float
    right: float

    @cached_property
    def sides(self) -> int:
        return math.isfinite(self.left) + math.isfinite(self.right)

    @cached_property
    def slope(self) -> float:
        before, after = self.slopes
        if self.sides == 2:
            return (self.right - self.left) / (2.0 * self.step)
        return after if math.isfinite(after) else before

    @property
    def is_flat(self) -> bool:
        return all([value == self.middle for value in (self.left, self.right) if math.isfinite(value)])

    @property
    def slopes(self) -> tuple[float, float]:
        """On the left and on the right."""
        return (self.middle - self.left) / self.step, (self.right - self.middle) / self.step

    @cached_property
    def steepest(self) -> float:
        return max([abs(slope) for slope in self.slopes if math.isfinite(slope)], default=0.0)

    @cached_property
    def bend(self) -> float:
        """The second difference: 0 for a straight line."""
        return (self.right - self.middle) - (self.middle - self.left)

    @cached_property
    def ulp(self) -> float:
        """The rounding of the values."""
        return math.ulp(max([abs(value) for value in (self.left, self.middle, self.right) if math.isfinite(value)]))

    @cached_property
    def rounding(self) -> float:
        """The rounding of the values, and of the point."""
        return max(self.ulp, _EPSILON * abs(self.x * self.slope))


# ---- the steps ------------------------------------------------------------------------------------------------------


def _level(function: Function, x: float, step: float) -> _Level:
    after, before = x + step, x - step
    return _Level(x, 0.5 * (after - before), function(before), function(x), function(after))


def _steps(x: float) -> list[float]:
    """Every step, from the shortest on."""
    shortest = max(_FINEST * abs(x), 5e-324) if x else _FINEST_AT_0
    longest = _LONGEST * max(abs(x), 1.0)
    count = int((math.log(longest) - math.log(shortest)) / math.log(_STRIDE))
    return [longest * math.exp(-place * math.log(_STRIDE)) for place in range(count, -1, -1)]


def _levels(function: Function, x: float) -> Iterator[_Level]:
    """The levels from the finest on that is not flat; if all are flat, the last one.

    Flat ones are leapt over in strides that double, and the first that is not flat is then found by bisection, so that
    a tiny point costs no more than others.
    """
    if not math.isfinite(x) or not math.isfinite(function(x)):
        return
    steps = _steps(x)

    def is_flat(place: int) -> bool:
        level = _level(function, x, steps[place])
        return level.sides > 0 and level.is_flat

    flat, moving = -1, 0
    while is_flat(moving):
        flat, moving = moving, 2 * moving + 1
        if flat == len(steps) - 1:
            yield _level(function, x, steps[-1])
            return
        moving = min(moving, len(steps) - 1)
    while moving - flat > 1:
        middle = (flat + moving) // 2
        flat, moving = (middle, moving) if is_flat(middle) else (flat, middle)
    yield from [_level(function, x, steps[place]) for place in range(flat, moving) if place >= 0]
    for step in steps[moving:]:
        level = _level(function, x, step)
        if level.sides:
            yield level


def missing_side(function: Function, x: float) -> str | None:
    """The side of a point on which a function has no value: "<" or ">"; None if it has one on both sides, or on none.

    >>> import math
    >>> missing_side(lambda x: x**1.5 if x >= 0 else math.nan, 0.0), missing_side(abs, 0.0)
    ('<', None)
    """
    level = next(_levels(function, x), None)
    if level is None or level.sides != 1:
        return None
    return ">" if math.isfinite(level.left) else "<"


def is_constant(function: Function, x: float) -> bool:
    """Whether no step changes a function's value by more than rounding.

    >>> is_constant(lambda x: (x + 1.0) - x, 0.3), is_constant(lambda x: 1.0 + 1e-9 * x, 0.3)
    (True, False)
    """
    return all([level.steepest * level.step <= 16.0 * level.ulp for level in _levels(function, x)])


def slopes_by_step(function: Function, x: float) -> list[tuple[float, float]]:
    """Every step, the shortest first, with its difference quotient: two-sided, or one-sided at a border."""
    return [(level.step, level.slope) for level in _levels(function, x)]


# ---- extrapolation to step 0 ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ladder:
    """Levels from the finest on, and how their errors shrink: as h² with two sides, as h with one."""

    levels: list[_Level]
    size: int  # of the window that is extrapolated
    floor: float = 0.0  # the least noise

    @cached_property
    def power(self) -> int:
        return 2 if self.levels[0].sides == 2 else 1

    @cached_property
    def excess(self) -> list[float]:
        """For each level, the half of its second difference that no parabola through the next longer step explains."""
        found = []
        for fine, coarse in pairwise(self.levels):
            expected = coarse.bend * (fine.step / coarse.step) ** 2
            found.append(0.5 * abs(fine.bend - expected) if math.isfinite(fine.bend - expected) else 0.0)
        return found

    def extrapolated(self, place: int) -> tuple[float, float]:
        """The slope at step 0 from the window that begins at a level, and by how much it multiplies noise."""
        window = self.levels[place : place + self.size]
        value = gain = 0.0
        for one in window:
            weight = math.prod(
                [1.0 / (1.0 - (one.step / other.step) ** self.power) for other in window if other is not one]
            )
            value, gain = value + weight * one.slope, gain + abs(weight) / one.step
        return value, gain

    def estimate(self, place: int) -> Estimate:
        """The estimate by the window that begins at a level; its bound is infinite if a finer step contradicts it."""
        how = _TWO_SIDED if self.power == 2 else ONE_SIDED
        window = self.levels[place : place + self.size + 1]
        if any([one.sides != self.levels[0].sides for one in window]):
            return Estimate(math.nan, math.inf, how)
        value, gain = self.extrapolated(place)
        doubt = abs(value - self.extrapolated(place + 1)[0])
        bound = 2.0 * doubt + self._noise(place, value, doubt) * gain
        if not bound < math.inf or (self.power == 1 and bound > 0.1 * max(abs(value), self.scale(place))):
            return Estimate(math.nan, math.inf, how)
        return Estimate(value, bound, how, self.scale(place), window[0].step)

    def _noise(self, place: int, value: float, doubt: float) -> float:
        """The error that an estimate's values may have; infinite if a finer step disagrees by more than that."""
        window = self.levels[place : place + self.size]
        noise = max([self.floor, *[one.ulp for one in window]])
        if self.power == 1:
            reach = 2.0 * abs(window[0].slope - value)
            gaps = [abs(one.slope - value) - _DISAGREE * one.rounding / one.step for one in self.levels[:place]]
            settles = max(gaps, default=0.0) <= reach
            return 8.0 * max([noise, *[one.rounding for one in window]]) if settles else math.inf
        for index, level in enumerate(self.levels[:place]):
            apart = abs(level.slope - value) * level.step
            shown = max([self.floor, level.rounding, *self.excess[: max(index, _WINDOW - 1) + 1]])
            if not apart <= _DISAGREE * shown + doubt * level.step:
                return math.inf
            noise = max(noise, apart, self.excess[index])
        if place < _WINDOW:  # too few finer steps show the noise
            return 8.0 * max([noise, *[one.rounding for one in window]])
        return 4.0 * noise

    def scale(self, place: int) -> float:
        """The largest one-sided slope from a level on, as long as it grows no faster than the square of the step."""
        here = max([one.steepest for one in self.levels[place : place + self.size + 1]])
        for one, longer in pairwise(self.levels[place + self.size :]):
            if longer.steepest > 2.0 * max(one.steepest, here) * (longer.step / one.step) ** 2:
                break
            here = max(here, longer.steepest)
        return here


def differentiate(function: Function, x: float, enough: float = _ENOUGH) -> Estimate:
    """The derivative by extrapolated differences, with a step that suits the function.

    The function is nan or infinite where it is undefined; where it ends at the point, its derivative from one side is
    found. No longer step is tried once the relative error bound is at most ``enough``. The bound is infinite if no
    estimate agrees with all finer steps.

    >>> import math
    >>> estimate = differentiate(math.exp, 1.0)
    >>> abs(estimate.value - math.e) < estimate.bound < 1e-7
    True
    """
    levels: list[_Level] = []
    seen: list[_Level] = []
    flat, stair, floor, best = None, None, 0.0, 0
    for level in _levels(function, x):
        if flat is not None and not levels and not level.is_flat:
            stair = _stair(function, flat, level)
            if not stair.is_rounding:
                break
            floor = stair.height
        seen.append(level)
        if level.is_flat and not levels:
            flat = level
            continue
        levels.append(level)
        if len(levels) < _WINDOW:
            continue
        ladder = _Ladder(levels, 2, floor)
        best = min((best, len(levels) - _WINDOW), key=lambda place: ladder.estimate(place).bound)
        found = ladder.estimate(best)
        if found.bound <= enough * max(abs(found.value), found.scale) and _kink(seen) is None:
            return found
    if flat is not None and not levels:
        return _still(flat, stair)
    if len(levels) < _WINDOW or _kink(seen) is not None:
        return Estimate(math.nan, math.inf, _TWO_SIDED)
    ladder = _Ladder(levels, 2, floor)
    coarser = _Ladder(levels, 2, max(floor, _artefact(function, ladder, best)))
    if coarser.floor > floor:
        best = min(range(len(levels) - 2), key=lambda place: coarser.estimate(place).bound)
    return _refined(function, x, coarser, best)


def _artefact(function: Function, ladder: _Ladder, best: int) -> float:
    """The noise beyond a plateau that only rounding makes, as if the function had fewer digits; 0 if there is none.

    Where a sum cancels, its rounding may stay the same over many of the shortest steps, and what is left of the
    function is smooth there. Such a plateau ends at a jump that is as low as the rounding of single precision.
    """
    near, levels = ladder.estimate(best).value, ladder.levels
    for place in range(best + 1, len(levels) - 1):
        if _leaps(function, near, levels[place], levels[place + 1]):
            noise = max(ladder.excess[place : place + 4])
            return noise if noise <= _ROUNDED * abs(levels[0].middle) else 0.0
    return 0.0


def _leaps(function: Function, near: float, fine: _Level, coarse: _Level) -> bool:
    """Whether the slope leaves its plateau between two levels at once, and not steadily as a smooth function's."""

    def apart(level: _Level) -> float:
        return max(abs(level.slope - near), _DISAGREE * level.rounding / level.step)

    if not apart(coarse) > 4.0 * _STRIDE**2 * apart(fine):
        return False
    middle = math.sqrt(apart(fine) * apart(coarse))
    for _ in range(6):
        between = _level(function, fine.x, math.sqrt(fine.step * coarse.step))
        fine, coarse = (between, coarse) if apart(between) < middle else (fine, between)
    return apart(coarse) > 4.0 * apart(fine)


def _refined(function: Function, x: float, ladder: _Ladder, best: int) -> Estimate:
    """The best estimate, with steps between those that are too far from one another for a noisy function."""
    finer, first = ladder.levels[:best], ladder.levels[best].step
    last = min(first * _STRIDE**3, _LONGEST * max(abs(x), 1.0))
    count = int(math.log(last / first) / math.log(_CLOSE))
    close = [_level(function, x, first * _CLOSE**place) for place in range(count + 1)]
    levels = [*finer, *[level for level in close if level.sides]]
    estimates = [ladder.estimate(best)]
    for size in (2, 3, 4):
        closer = _Ladder(levels, size, ladder.floor)
        estimates += [closer.estimate(place) for place in range(best, len(levels) - size)]
    return min(estimates, key=lambda one: one.bound)


def _still(level: _Level, stair: _Stair | None) -> Estimate:
    """The derivative 0 of a function that is constant around the point, up to a stair."""
    bound = 4.0 * level.ulp / level.step
    return Estimate(0.0, max(bound, stair.steepest if stair else 0.0), _TWO_SIDED if level.sides == 2 else ONE_SIDED)


@dataclass(frozen=True, slots=True)
class _Stair:
    """Where a function that is constant around the point leaves its value.

    ``steepest`` is the largest slope that a constant may hide: 0 beside a jump that is too high to be rounding.
    """

    height: float
    steepest: float
    is_rounding: bool


def _stair(function: Function, flat: _Level, moving: _Level) -> _Stair:
    """The stair between a level that is flat and one that isn't.

    It is rounding if it is as low as in single precision, beside the function's values at longer steps if that at the
    point cancels, as in ``log(1 + x)`` at 0; or, as in saturation, if values part by an ulp or so at first. It is not
    if they part steadily, as beyond a clip, or by a high jump, as those of a floor do: then the function is constant at
    the point.
    """
    far = moving
    for _ in range(8):
        flat, moving = _halved(function, flat, moving)
    height, beyond = moving.steepest * moving.step, far.steepest * far.step
    if height <= 8.0 * moving.ulp:
        return _Stair(max(height, moving.ulp), 0.0, is_rounding=True)
    size = _size(function, flat.x)
    if height <= _ROUNDED * size and beyond <= 20.0 * height:
        return _Stair(height, 0.0, is_rounding=True)
    if height >= _JUMP * size and beyond <= 20.0 * height:
        return _Stair(height, 0.0, is_rounding=False)  # a floor's: where exactly it stands makes no difference
    for _ in range(48):
        flat, moving = _halved(function, flat, moving)
    height = moving.steepest * moving.step
    return _Stair(height, 2.0 * height / moving.step if height < _JUMP * size else 0.0, is_rounding=False)


def _halved(function: Function, flat: _Level, moving: _Level) -> tuple[_Level, _Level]:
    between = _level(function, flat.x, math.sqrt(flat.step * moving.step))
    return (between, moving) if between.is_flat else (flat, between)


def _size(function: Function, x: float) -> float:
    """The function's largest value at the point and at a few long steps."""
    longest = _LONGEST * max(abs(x), 1.0)
    moves = [sign * longest * 8.0**-power for power in range(4) for sign in (1.0, -1.0)]
    return max([abs(value) for value in (function(x), *[function(x + move) for move in moves]) if math.isfinite(value)])


# ---- functions that are rough ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plateau:
    """The slope over long steps of a function that is rough, such as a solver's result."""

    value: float  # the slope of the polynomial that fits best
    noise: float  # the height of the roughness: the values' distance from the polynomial
    reach: float  # the distance from the point up to which it was fitted

    @property
    def bound(self) -> float:
        """What the roughness may change in the slope."""
        return 10.0 * self.noise / self.reach


def plateaus(function: Function, x: float, near: Estimate) -> list[Plateau]:
    """The slopes over several long steps of a function that is smooth up to a jump or a kink, and rough beyond.

    Solvers with an adaptive step give such functions: their values are smooth as long as the same steps are taken.
    ``near`` is the derivative as short steps have it. The longest step comes first; a function that is smooth as far as
    the steps reach has none.

    >>> import math
    >>> def rough(x):
    ...     return math.sin(x) + 1e-6 * round(100.0 * x)
    >>> found = plateaus(rough, 0.501, differentiate(rough, 0.501))
    >>> [round(one.value - math.cos(0.501), 4) for one in found]
    [0.0001, 0.0001, 0.0001]
    >>> plateaus(math.sin, 0.501, differentiate(math.sin, 0.501))
    []
    """
    if not _is_rough(function, x, near):
        return []
    fitted = [_fitted(function, x, share * (abs(x) or 1.0)) for share in (0.3, 0.15, 0.075)]
    return [one for one in fitted if math.isfinite(one.bound)]


def _is_rough(function: Function, x: float, near: Estimate) -> bool:
    """Whether the slope leaves the polynomial through shorter steps at once, not steadily as if it were smooth."""
    levels = [level for level in _levels(function, x) if level.sides == 2 and not level.is_flat]
    ladder, scale = _Ladder(levels, 2), max(abs(near.value), near.scale)
    places = range(len(levels) - 1)
    settled = [place for place in places if abs(ladder.extrapolated(place)[0] - near.value) <= 1e-7 * scale]
    if not settled:
        return False
    longest, step = _LONGEST * (abs(x) or 1.0), levels[settled[-1]].step * _RATIO**7
    close: list[_Level] = []
    before = gap = 0.0
    while step < longest and len(close) < 32 and gap < 1e-3 * scale:
        close.append(_level(function, x, step))
        step /= _RATIO
        if len(close) <= 4:
            continue
        *window, last = close[-5:]
        gap = abs(last.slope - _continued(window, last.step))
        floor = 1000.0 * max([one.rounding for one in window]) / window[0].step
        if len(close) > 7 and gap > 300.0 * before:
            return True
        before = max(before, gap, floor)
    return False


def _continued(window: Sequence[_Level], step: float) -> float:
    """The slope at a step by the polynomial in h² through those of a window."""
    return sum(
        [
            one.slope
            * math.prod(
                [
                    ((step / one.step) ** 2 - (other.step / one.step) ** 2) / (1.0 - (other.step / one.step) ** 2)
                    for other in window
                    if other is not one
                ]
            )
            for one in window
        ]
    )


def _fitted(function: Function, x: float, reach: float) -> Plateau:
    """The slope of the polynomial of degree 8 that fits the values at 21 Chebyshev points best."""
    count, degree = 21, 8
    angles = [math.pi * (index + 0.5) / count for index in range(count)]
    values = [function(x + reach * math.cos(angle)) for angle in angles]
    series = [
        2.0 / count * sum([value * math.cos(order * angle) for value, angle in zip(values, angles, strict=True)])
        for order in range(count)
    ]
    slope = sum([order * math.sin(0.5 * math.pi * order) * series[order] for order in range(1, degree + 1)])
    noise = math.sqrt(0.5 * sum([one * one for one in series[degree + 1 :]]))
    return Plateau(slope / reach, noise, reach)


# ---- the Taylor remainder -------------------------------------------------------------------------------------------


def taylor_order(function: Function, x: float, slope: float, tolerated: float = 0.0) -> float | None:
    """The order in h of the remainder f(x + h) - f(x) - h·slope: 2 if the slope is right, 1 if it is wrong.

    It is fitted to the smallest steps at which the remainder exceeds rounding, and None if there are too few of them,
    as for a straight line. Remainders that an error of ``tolerated`` in the slope explains are left out.

    >>> import math
    >>> round(taylor_order(math.exp, 0.0, 1.0), 2), round(taylor_order(math.exp, 0.0, 1.001), 2)
    (2.0, 1.0)
    """
    points: list[tuple[float, float]] = []
    levels: list[_Level] = []
    noise = 0.0
    for level in _levels(function, x):
        levels.append(level)
        noise = max([noise, *_Ladder(levels[-3:], 2).excess[:1]])
        height = level.steepest * level.step
        if len(levels) == 2 and levels[0].is_flat and height <= _ROUNDED * _size(function, x):
            noise = max(noise, height)  # of a staircase
        after, before = level.right - level.middle - level.step * slope, level.middle - level.left - level.step * slope
        remainder = abs(after if math.isfinite(after) else before)
        noise = max(noise, level.rounding)
        if not _ABOVE_NOISE * noise + 4.0 * tolerated * level.step < remainder < math.inf:
            points.clear()
            continue
        if len(levels) == 2 and levels[0].is_flat and slope == 0.0:
            return None  # a step or a kink beyond a constant: no evidence of what is at the point
        points.append((math.log(level.step), math.log(remainder)))
        if len(points) == _WINDOW:
            return _fitted_slope(points)
    return None


def _fitted_slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the straight line through points by least squares."""
    across = math.fsum([x for x, _ in points]) / len(points)
    up = math.fsum([y for _, y in points]) / len(points)
    return math.fsum([(x - across) * (y - up) for x, y in points]) / math.fsum([(x - across) ** 2 for x, _ in points])


# ---- kinks ----------------------------------------------------------------------------------------------------------


def slopes_beside(function: Function, x: float) -> tuple[float, float] | None:
    """The slopes on the left and on the right of a kink or a jump; None if the function is smooth.

    They are those at the smallest step at which their difference exceeds rounding. As the step shrinks, that difference
    shrinks for a smooth function, stays the same at a kink and grows at a jump.

    >>> slopes_beside(abs, 0.0), slopes_beside(lambda x: x * x, 0.0)
    ((-1.0, 1.0), None)
    """
    levels: list[_Level] = []
    for level in _levels(function, x):
        levels.append(level)
        if (kink := _kink(levels)) is not None:
            return kink.slopes
    return None


def _kink(levels: Sequence[_Level]) -> _Level | None:
    """The finest level at which a kink or a jump at the point is clear, if the next longer steps show the same.

    Between two steps, the second difference grows as h at a kink, as a power of h between 0 and 1 at a cusp, and not at
    all at a jump, where the function keeps to its value on one side. For a smooth function it grows as h².
    """
    clear = next((at for at, one in enumerate(levels) if abs(one.bend) > _ABOVE_NOISE * one.rounding), len(levels))
    window = levels[clear : clear + _WINDOW]
    finer = levels[clear - 1] if clear else None
    if len(window) < _WINDOW or any([one.sides != 2 for one in window]):
        return None
    bends = [one.bend / window[0].bend for one in window]
    steps = [one.step / window[0].step for one in window]
    is_kink = all([abs(bend / step - 1.0) < 0.3 for bend, step in zip(bends, steps, strict=True)])
    if finer is not None and abs(window[0].bend) * finer.step / window[0].step > 2.0 * _ABOVE_NOISE * finer.rounding:
        return None  # it would be clear there too
    powers = [
        math.log(bend) / math.log(step) if bend > 0.0 else 0.0 for bend, step in zip(bends[1:], steps[1:], strict=True)
    ]
    is_cusp = not clear and all([0.1 < power < 0.9 and abs(power - powers[0]) < 0.02 for power in powers])
    is_jump = not clear and all([abs(bend - 1.0) < 0.3 for bend in bends]) and all(map(_leaves_one_side, window))
    return window[0] if is_kink or is_cusp or is_jump else None


def _leaves_one_side(level: _Level) -> bool:
    before, after = sorted([abs(slope) for slope in level.slopes])
    return before < 0.3 * after
