"""Verdicts on one derivative from numbers alone: from its reference, or from the function's values around the point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from microgrid.checking.differences import WRONG_ORDER, Estimate, slopes_beside, taylor_order
from microgrid.checking.report import Judgement, Verdict

__all__ = ["agreement", "by_values"]

_SMALLEST = 4 * 5e-324
_CANCELLED = 2.0**-46  # most rounding error of slopes that cancel at a stationary point, relative to their size


def agreement(got: float, estimate: Estimate, tol: float) -> Verdict | None:
    """The verdict on a derivative if the numbers alone decide.

    Parameters
    ----------
    got : float
        The derivative.
    estimate : Estimate
        Its reference.
    tol : float
        The relative error that counts as agreement.

    Returns
    -------
    Verdict or None
        Non-finite; or right, if the two agree and the reference is exact enough, or if the derivative is 0 and the
        function was constant at every step; otherwise None.
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


def by_values(judgement: Judgement, along: Callable[[float], float], x: float) -> Judgement:
    """The verdict by values: kink, by the slopes on the two sides; or wrong or noisy, by the Taylor remainder."""
    sides = slopes_beside(along, x)
    if sides is not None:
        note = f"its slope is {sides[0]:.6g} on the left and {sides[1]:.6g} on the right"
        return replace(judgement, verdict=Verdict.KINK, note=note)
    order = taylor_order(along, x, judgement.got)
    if order is not None and order < WRONG_ORDER:
        return replace(judgement, verdict=Verdict.WRONG, taylor_order=order)
    size = max(abs(judgement.got), abs(judgement.expected))
    how_noisy = f": its relative error is up to {judgement.bound / size:.1g}" if judgement.bound < size else ""
    note = f"the values of the function are too coarse to determine the derivative{how_noisy}"
    return replace(judgement, verdict=Verdict.NOISY, taylor_order=order, note=note)
