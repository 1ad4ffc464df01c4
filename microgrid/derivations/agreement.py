"""Whether two graphs agree as numbers, in two high precisions: at random points, and on the borders of their pieces."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from microgrid.core.engine import Value
from microgrid.derivations.claim import Claim
from microgrid.derivations.claim_in_balls import ClaimInBalls
from microgrid.formulas.high_precision import mpmath_package
from microgrid.formulas.sympy import sympy_package
from microgrid.util.interval import Interval

__all__ = ["DIGITS", "Difference", "at_random_points", "on_borders"]

DIGITS = (50, 100)  # the two precisions
_POINTS = 12  # points at which both sides are compared
_POINTS_OF_BORDER = 4  # of all signs: on a part of it, neither side may have a value
_TRIES = 200  # random points, some of which may lie outside of the functions' domain
_AGREED = 30  # digits that have to be equal


@dataclass(frozen=True, slots=True)
class Difference:
    """A point at which two sides differ: the number of each leaf, and the two sides."""

    point: Mapping[Value, float]
    values: tuple[float, float]


def at_random_points(
    claim: Claim, balls: ClaimInBalls | None, region: Mapping[Value, Interval] | None = None
) -> tuple[int, Difference | None]:
    """The number of random points at which the two sides agree, and the first point at which they don't.

    The points are drawn from the region, if there is one. In ball arithmetic, a difference is a proof.
    """
    draw = random.Random("microgrid")
    agreed = 0
    for attempt in range(_TRIES if claim.names else 1):
        width = (2.0, 0.9, 0.5)[attempt % 3]  # narrow ones for domains such as that of asin
        if region is None:
            point = {node: _coordinate(draw, width, node in claim.positive) for node in claim.names}
        else:
            point = {node: side.draw(draw) for node, side in region.items()}
        verdict = _agree_at(claim, balls, point)
        if isinstance(verdict, Difference):
            return agreed, verdict
        agreed += verdict is True
        if agreed == _POINTS:
            break
    return agreed, None


def on_borders(
    claim: Claim, balls: ClaimInBalls | None, symbols: Mapping[Value, Any], borders: Sequence[Any]
) -> tuple[list[Any], Difference | None]:
    """The borders on which one side alone has a value, or nothing could be compared; and where they differ on one.

    ``symbols`` stand for the leaves in the borders, which are expressions that are 0 there. A point is found on those
    in which a leaf occurs linearly.
    """
    draw = random.Random("microgrid")
    unseen: list[Any] = []
    for border in borders:
        points = list(_points_on(claim, symbols, border, draw))
        verdicts = [_agree_at(claim, balls, point) for point in points]
        different = [one for one in verdicts if isinstance(one, Difference)]
        if different:
            return unseen, different[0]
        undefined = [claim.values_at(point, DIGITS[0]) == (None, None) for point in points if True not in verdicts]
        if True not in verdicts and not (undefined and all(undefined)):
            unseen.append(border)
    return unseen, None


def _points_on(
    claim: Claim, symbols: Mapping[Value, Any], border: Any, draw: random.Random
) -> Iterator[dict[Value, Any]]:
    """Points at which a border's expression is 0: random but for one leaf."""
    sympy = sympy_package()
    for leaf in claim.names:
        symbol = symbols[leaf]
        if symbol not in border.free_symbols or not border.is_polynomial(symbol) or sympy.degree(border, symbol) != 1:
            continue
        for _ in range(_POINTS_OF_BORDER):
            point: dict[Value, Any] = {node: _coordinate(draw, 0.9, node in claim.positive) for node in claim.names}
            rest = border.xreplace({symbols[node]: sympy.Rational(x) for node, x in point.items() if node is not leaf})
            slope, height = rest.coeff(symbol, 1), rest.coeff(symbol, 0)
            solution = -height / slope if slope != 0 else sympy.nan
            if solution.is_Rational and not (leaf in claim.positive and solution <= 0):
                yield point | {leaf: Fraction(int(solution.p), int(solution.q))}


def _coordinate(draw: random.Random, width: float, positive: bool) -> float:
    """A number that is not 0 and has few digits."""
    size = draw.randint(1, 64) * width / 64.0
    return size if positive or draw.random() < 0.5 else -size


def _agree_at(claim: Claim, balls: ClaimInBalls | None, point: Mapping[Value, Any]) -> bool | Difference | None:
    """True if both sides are equal at a point, where they differ if not; None if that can't be decided."""
    if balls is not None:
        found = balls.agree_at(point)
        return Difference({node: float(x) for node, x in point.items()}, found) if isinstance(found, tuple) else found
    (low, low_other), (high, high_other) = [claim.values_at(point, digits) for digits in DIGITS]
    if low is None or low_other is None or high is None or high_other is None:
        return None
    mpmath = mpmath_package()
    with mpmath.workdps(DIGITS[1]):
        if _is_rounding(low, high) and _is_rounding(low_other, high_other):
            return True
        bound = max(abs(high), abs(high_other)) * mpmath.mpf(10) ** -_AGREED
        if max(abs(low - high), abs(low_other - high_other)) > bound:
            return None  # too many digits are lost to cancellation
        if abs(high - high_other) <= bound:
            return True
    return Difference({node: float(x) for node, x in point.items()}, (float(high), float(high_other)))


def _is_rounding(low: Any, high: Any) -> bool:
    """Whether a number is 0, such as sin(π): what there is of it shrinks as digits are added."""
    ten = mpmath_package().mpf(10)
    return bool(abs(low) <= ten ** (10 - DIGITS[0]) and abs(high) <= ten ** (10 - DIGITS[1]))
