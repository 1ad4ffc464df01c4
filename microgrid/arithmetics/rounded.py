"""What floats can give, bounded: an exact real number as a ball, and how far a float computed by the same steps may be.

A rule runs in the form that floats take. Each sum, product and quotient is rounded to nearest, as IEEE 754 has it;
``exp``, ``log``, ``log1p`` and ``expm1`` of the C library are taken to be right within 1 ulp, which is not proven here.
"""

from __future__ import annotations

import math
from typing import Any

from microgrid.arithmetics.ball import BALL, UNDECIDED, arb, bounds, hull
from microgrid.core.arithmetic import Arithmetic
from microgrid.core.source import Infix

__all__ = ["ROUNDED", "Rounded"]


class Rounded(Infix):
    """A number: the ball of its exact value, and a bound, not negative, on the error that a float in its place has."""

    __slots__ = ("error", "exact")

    def __init__(self, exact: Any, error: Any = 0) -> None:
        self.exact, self.error = arb(exact), arb(error)

    def rounded(self, ulps: float = 0.5) -> Rounded:
        """The same after a step that is right within so many ulp of its result."""
        largest = bounds(abs(self.exact) + self.error)[1]
        return Rounded(self.exact, (self.error + ulps * arb(math.ulp(largest))).upper())

    def infix(self, operator: str, left: Any, right: Any) -> Rounded:
        """One of the four operators, rounded."""
        x, y = _as_rounded(left), _as_rounded(right)
        if operator == "*":
            error = abs(x.exact) * y.error + (abs(y.exact) + y.error) * x.error
            return Rounded(x.exact * y.exact, error.upper()).rounded()
        if operator == "/":
            quotient, least = x.exact / y.exact, abs(y.exact).lower() - y.error
            error = (x.error + abs(quotient) * y.error) / least if least > 0 else arb.nan()
            return Rounded(quotient, error.upper()).rounded()
        return Rounded(x.exact + y.exact if operator == "+" else x.exact - y.exact, x.error + y.error).rounded()

    def __neg__(self) -> Rounded:
        return Rounded(-self.exact, self.error)


def _as_rounded(number: Any) -> Rounded:
    return number if isinstance(number, Rounded) else Rounded(number)


def _exp(x: Any) -> Rounded:
    x = _as_rounded(x)
    exact = BALL.exp(x.exact)
    return Rounded(exact, (abs(exact) * x.error.expm1()).upper()).rounded(1.0)


def _expm1(x: Any) -> Rounded:
    x = _as_rounded(x)
    return Rounded(BALL.expm1(x.exact), (BALL.exp(x.exact) * x.error.expm1()).upper()).rounded(1.0)


def _logarithm(x: Rounded, exact: Any, argument: Any) -> Rounded:
    """A logarithm, whose slope is the reciprocal of what is in it."""
    least = argument.lower() - x.error
    return Rounded(exact, (x.error / least if least > 0 else arb.nan()).upper()).rounded(1.0)


def _log(x: Any) -> Rounded:
    x = _as_rounded(x)
    return _logarithm(x, BALL.log(x.exact), x.exact)


def _log1p(x: Any) -> Rounded:
    x = _as_rounded(x)
    return _logarithm(x, BALL.log1p(x.exact), 1 + x.exact)


def _abs(x: Any) -> Rounded:
    x = _as_rounded(x)
    return Rounded(BALL.abs(x.exact), x.error)


def _reach(x: Any) -> Any:
    """Everything that the exact number or the float may be."""
    x = _as_rounded(x)
    return x.exact + arb(0, 1) * x.error if x.error.is_finite() else arb.nan()


_ALIKE = object()  # the truth that is undecided over the balls, but the same for a float as for its exact number


def _compared(name: str) -> Any:
    compare = getattr(BALL, name)

    def of_rounded(x: Any, y: Any) -> Any:
        x, y = _as_rounded(x), _as_rounded(y)
        truth = compare(_reach(x), _reach(y))
        return _ALIKE if truth is UNDECIDED and x.error == 0 and y.error == 0 else truth

    return of_rounded


def _where(truth: Any, then: Any, otherwise: Any) -> Any:
    """A choice. Where it is undecided, the float may take the other branch than the exact number does."""
    if truth is not UNDECIDED and truth is not _ALIKE:
        return then if truth else otherwise
    one, other = _as_rounded(then), _as_rounded(otherwise)
    both, error = hull(one.exact, other.exact), one.error.max(other.error)
    return Rounded(both, error if truth is _ALIKE else error + 2 * both.rad())


ROUNDED = Arithmetic(
    "rounded",
    exp=_exp,
    expm1=_expm1,
    log=_log,
    log1p=_log1p,
    abs=_abs,
    inf=float("inf"),
    where=_where,
    **{name: _compared(name) for name in ("less", "less_equal", "equal")},
)
"""Balls with a bound on the rounding of floats, for rules made of sums, products, quotients, exp and logarithms."""
