"""Verdicts on one derivative from numbers alone: from its reference, or from the function's values around the point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from microgrid.checking.differences import (
    DIFFERENCES,
    ONE_SIDED,
    Estimate,
    Plateau,
    differentiate,
    is_constant,
    missing_side,
    plateaus,
    slopes_beside,
    taylor_order,
)
from microgrid.checking.report import Judgement, Verdict

__all__ = ["agreement", "border", "by_values", "negligible"]

_SMALLEST = 4 * 5e-324
_HIDDEN = 2.0**-44  # noise beside the scale of a gradient that no step can lower
_WRONG_ORDER = 1.5  # a Taylor remainder of a smaller order is a wrong derivative's
_CANCELLED = 2.0**-46  # most rounding error of slopes that cancel at a stationary point, relative to their size


def agreement(got: float, estimate: Estimate, tol: float) -> Verdict | None:
    """The verdict on a derivative if the numbers alone decide, otherwise None.

    Non-finite; or right, if the two agree to the relative error ``tol`` and the reference is exact enough, or if the
    derivative is 0 and the function was constant at every step.
    """
    if not math.isfinite(got):
        return Verdict.NON_FINITE
    if not math.isfinite(estimate.value):
        return None if math.isinf(estimate.bound) else Verdict.NON_FINITE
    gap, size = abs(got - estimate.value), max(abs(got), abs(estimate.value))
    is_close = gap <= tol * size + estimate.bound + _CANCELLED * estimate.scale + _SMALLEST
    can_tell = _is_exact(estimate, size, tol) or (got == 0.0 and estimate.is_still)
    return Verdict.RIGHT if is_close and can_tell else None


def _is_exact(estimate: Estimate, size: float, tol: float) -> bool:
    return estimate.bound <= tol * max(size, estimate.scale) + _SMALLEST


def border(name: str, along: Callable[[float], float], x: float) -> str:
    """On which side of a coordinate a function has no value, as in "f has no value at x > 1" for the name ``df/dx``."""
    return f"f has no value at {name.rpartition('/d')[2]} {missing_side(along, x)} {x:.17g}"


def by_values(judgement: Judgement, along: Callable[[float], float], x: float, tol: float) -> Judgement:
    """The verdict, by the function's values, on a derivative that its reference does not confirm.

    A kink, by the slopes on the two sides; wrong if the error is larger than the reference's bound, unless the function
    is rough and that may be the reason; otherwise noisy.
    """
    sides = slopes_beside(along, x)
    if sides is not None:
        note = f"its slope is {sides[0]:.6g} on the left and {sides[1]:.6g} on the right"
        return replace(judgement, verdict=Verdict.KINK, note=note)
    if judgement.how == ONE_SIDED and math.isinf(judgement.bound):
        note = f"{border(judgement.name, along, x)}, and on the other side its slope settles on no number"
        return replace(judgement, verdict=Verdict.NOISY, note=note)
    order = taylor_order(along, x, judgement.got)
    size = max(abs(judgement.got), abs(judgement.expected))
    # Against a reference by the graph, only the values can tell that autodiff is wrong though every node is right.
    is_shown = judgement.how in DIFFERENCES or (order is not None and order < _WRONG_ORDER)
    if not (is_shown and judgement.error > tol * size + 2.0 * judgement.bound):
        how_noisy = f": its relative error is up to {judgement.bound / size:.1g}" if judgement.bound < size else ""
        note = f"the values of the function are too coarse to determine the derivative{how_noisy}"
        return replace(judgement, verdict=Verdict.NOISY, taylor_order=order, note=note)
    rough = _roughness(judgement, plateaus(along, x, differentiate(along, x)), size)
    if rough is not None:
        note = (
            f"f is rough, by {rough.noise:.1g} within {rough.reach:.1g} of the point, as solvers' results are: its "
            f"slope is {judgement.expected:.6g} close to it and {rough.value:.6g} ± {rough.bound:.1g} farther away"
        )
        return replace(judgement, verdict=Verdict.NOISY, note=note)
    return replace(judgement, verdict=Verdict.WRONG, taylor_order=order)


def negligible(
    judgement: Judgement, along: Callable[[float], float], x: float, scale: float, reach: float, tol: float
) -> Judgement:
    """The judgement on a derivative that noise hides: right if the noise itself is nothing beside the gradient.

    That is, if derivative and bound are negligible beside ``scale``, the gradient's largest derivative; or beside the
    function's value over ``reach``, the largest coordinate, if no step changes that value by more than rounding.
    """
    largest = max(abs(judgement.got), abs(judgement.expected))
    if is_constant(along, x):
        scale = max(scale, abs(along(x)) / max(reach, 1.0))
    if not (judgement.bound <= _HIDDEN * scale and largest <= tol * scale and judgement.error <= judgement.bound):
        return judgement
    note = f"it is negligible: 0 ± {judgement.bound:.1g} beside {scale:.3g}, the scale of the gradient"
    return replace(judgement, verdict=Verdict.RIGHT, note=note, taylor_order=None)


def _roughness(judgement: Judgement, found: Sequence[Plateau], size: float) -> Plateau | None:
    """The roughness that explains why a derivative is not the slope close to the point; None if it doesn't.

    It does if the slope farther away, well determined, confirms the derivative. And it does if it is slight, as a
    solver's: the error of a solver's result changes with the parameter by much more than the result is rough.
    """
    for one in found:
        gap, slight = abs(judgement.got - one.value), one.noise / (one.reach * size)
        if gap <= one.bound <= 0.1 * judgement.error:
            return one
        if slight <= 1e-3 and judgement.error <= 0.6 * math.sqrt(slight) * size:
            return one
    return None
