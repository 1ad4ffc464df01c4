"""How far a rule's partials can be from the derivative of its value, as a theorem along a whole interval.

The reference is the Taylor series of the value alone (``arithmetics.ball_series``). On a piece of the interval around
c, the difference D of a partial and that derivative is bounded by its Taylor polynomial at c, whose coefficients are 0
but for rounding if the partial is right, and Lagrange's remainder, whose coefficient is enclosed over the whole piece.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.core.rule import Rule
from microgrid.derivations.enclosures import ball_module

__all__ = ["PartialBound", "bound_of_partial", "is_refuted_at"]

_LENGTH = 24  # coefficients of a Taylor polynomial
_BITS = 160
_DEPTH = 14  # halvings after which a piece is given up
_ENOUGH, _TOO_MUCH = 0.01, 1.0  # ulp: a bound that needs no smaller pieces, and one that proves nothing


@dataclass(frozen=True, slots=True)
class PartialBound:
    """What is proven of one partial along an interval.

    Parameters
    ----------
    ulp : float
        The most that the partial, as a formula, is off, in units in the last place of the largest partial on a piece.
    proven : float
        The part of the interval on which that is 1 ulp or less; 1.0 is all of it.
    pieces : int
        How many pieces it was cut into.
    """

    ulp: float
    proven: float
    pieces: int


def bound_of_partial(rule: Rule, operands: Sequence[float], place: int, low: float, high: float) -> PartialBound:
    """The bound on one partial of a rule, as one operand goes through an interval and the others stay.

    Parameters
    ----------
    rule : Rule
        The rule.
    operands : sequence of float
        All operands; the one at ``place`` is not used.
    place : int
        Which operand moves, and which partial is judged.
    low, high : float
        The interval.

    Returns
    -------
    PartialBound
        The largest error on any piece.
    """
    balls = ball_module()
    open_pieces, worst, lost, pieces = [(low, high, 0)], 0.0, 0.0, 0
    with balls.working_precision(_BITS):
        while open_pieces:
            start, end, depth = open_pieces.pop()
            bound = _on_piece(rule, operands, place, start, end)
            if bound <= _ENOUGH or depth == _DEPTH:
                pieces += 1
                if bound <= _TOO_MUCH:
                    worst = max(worst, bound)
                else:
                    lost += (end - start) / (high - low)
            else:
                middle = 0.5 * (start + end)
                open_pieces += [(start, middle, depth + 1), (middle, end, depth + 1)]
    return PartialBound(worst, 1.0 - lost, pieces)


def _on_piece(rule: Rule, operands: Sequence[float], place: int, low: float, high: float) -> float:
    balls = ball_module()
    middle = 0.5 * low + 0.5 * high
    side = balls.between(low, high)
    try:
        slope, wide = _difference(rule, operands, place, side)
    except ValueError:  # a quotient by what may be 0
        return math.inf
    _, near = _difference(rule, operands, place, balls.ball(middle))
    reach = (side - balls.ball(middle)).abs_upper()
    last = _LENGTH - 2
    error = abs(wide[last]) * reach**last
    for order in range(last):
        error = error + abs(near[order]) * reach**order
    size = slope.abs_upper()
    exponent = math.frexp(balls.bounds(size)[0])[1] if size > 0 else 0
    bound: float = balls.bounds(error / balls.arb(2) ** (exponent - 53))[1]
    return bound


def _difference(rule: Rule, operands: Sequence[float], place: int, x: Any) -> tuple[Any, Any]:
    """A partial at x, and the series of its difference from the derivative of the value."""
    from microgrid.arithmetics.ball_series import BALL_SERIES, as_series, variable, working_length

    balls = ball_module()
    value, partials = BALL_SERIES.bind(rule)
    with working_length(_LENGTH):
        moved = [variable(x, _LENGTH) if index == place else balls.ball(one) for index, one in enumerate(operands)]
        out = as_series(value(*moved), _LENGTH)
        partial = as_series(partials(out, *moved)[place], _LENGTH)
        gap = partial - out.derivative()
    assert gap.prec == _LENGTH - 1  # nothing was cut
    return partial[0], gap if out[0].is_finite() else as_series(balls.arb.nan(), _LENGTH)


def is_refuted_at(rule: Rule, operands: Sequence[float], place: int) -> bool:
    """Whether a partial is proven to be another number than the derivative at a point."""
    balls = ball_module()
    with balls.working_precision(_BITS):
        _, gap = _difference(rule, operands, place, balls.ball(operands[place]))
        return bool(gap[0].is_finite() and not gap[0].contains(0))
