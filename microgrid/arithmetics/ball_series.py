"""Power series of balls as a number system: derivatives of the rules' values alone; no partial of the table is here.

A series x0 + x1·t + … in one parameter has balls for coefficients. Functions on it are Arb's own power series, or are
composed with the Taylor coefficients at x0, so that a coefficient of a rule's value is a reference for its partials,
and over a wide ball x0 it holds every Taylor coefficient at every point of the ball.

>>> from microgrid.arithmetics.ball import ball
>>> from microgrid.arithmetics.ball_series import BALL_SERIES, variable, working_length
>>> with working_length(3):
...     print(BALL_SERIES.sigmoid(variable(ball(0.0), 3))[1].str(5))
0.25000
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from microgrid.arithmetics.ball import BALL, SMOOTH, UNDECIDED, arb, ctx
from microgrid.core.arithmetic import Arithmetic

__all__ = ["BALL_SERIES", "as_series", "first_of", "length_of", "variable", "working_length"]

from flint import arb_series  # after the package's own check that it is installed

Series = Any
_TERMS = 100  # of sinc's power series, of which the rest is below 1e-220 up to 1


@contextlib.contextmanager
def working_length(length: int) -> Iterator[None]:
    """Inside the block, series keep so many coefficients; Arb cuts them at a length of the whole process."""
    before, ctx.cap = ctx.cap, length
    try:
        yield
    finally:
        ctx.cap = before


def variable(x: Any, length: int) -> Series:
    """The series x + t, with so many coefficients."""
    return arb_series([arb(x), 1], length)


def first_of(number: Any) -> Any:
    """The coefficient of order 0: a ball."""
    return number[0] if isinstance(number, arb_series) else arb(number)


def length_of(*numbers: Any) -> int:
    """How many coefficients what is computed from these has; 1 if none of them is a series."""
    return min([number.prec for number in numbers if isinstance(number, arb_series)], default=1)


def as_series(number: Any, length: int) -> Series:
    """A series; of a ball, a constant one, and one without any known coefficient if the ball is not finite."""
    if isinstance(number, arb_series):
        return number
    constant = arb(number)
    return arb_series([constant] if constant.is_finite() else [arb.nan()] * length, length)


def _lifted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is used if an operand is a series; balls alone stay balls."""

    def of_either(*numbers: Any) -> Any:
        is_series = any([isinstance(number, arb_series) for number in numbers])
        return function(*numbers) if is_series else getattr(BALL, name)(*numbers)

    return of_either


def _own(name: str) -> Callable[[Any], Any]:
    """A function that Arb has for series."""
    return _lifted(name, getattr(arb_series, name))


def _composed(coefficients: Sequence[Any], x: Any) -> Any:
    """A function of a series by its Taylor coefficients at the series' first one."""
    length = length_of(x)
    step = as_series(x, length) - first_of(x)
    total = as_series(coefficients[-1], length)
    for coefficient in coefficients[-2::-1]:
        total = total * step + coefficient
    return total


def _nowhere(*numbers: Any) -> Any:
    """What says that nothing is known: of a series, about no coefficient."""
    is_series = any([isinstance(number, arb_series) for number in numbers])
    return as_series(arb.nan(), length_of(*numbers)) if is_series else arb.nan()


_exp, _log, _sqrt, _atan = map(_own, ("exp", "log", "sqrt", "atan"))


def _cbrt(x: Any) -> Any:
    if first_of(x) > 0:
        return _exp(_log(x) / 3)
    return -_exp(_log(-x) / 3) if first_of(x) < 0 else _nowhere(x)


def _atan2(x: Any, y: Any) -> Any:
    if first_of(y) > 0:
        return _atan(x / y)
    if first_of(x) > 0 or first_of(x) < 0:
        return arb.pi() / (2 if first_of(x) > 0 else -2) - _atan(y / x)
    return _nowhere(x, y)


def _pow(x: Any, y: Any) -> Any:
    exponent = first_of(y)
    if length_of(y) == 1 and exponent.is_exact() and exponent.is_integer() and abs(exponent) < 1000:
        return as_series(x, length_of(x)) ** int(exponent.unique_fmpz())
    return _exp(_log(x) * y) if first_of(x) > 0 else _nowhere(x, y)


def _polygamma(order: Any, x: Any) -> Any:
    """A derivative of the logarithm of gamma, by the coefficients of its series."""
    whole, length = BALL.rint(first_of(order)).unique_fmpz(), length_of(x)
    if whole is None or not first_of(x) > 0:
        return _nowhere(x)
    with working_length(length + int(whole) + 1):
        series = variable(first_of(x), length + int(whole) + 1).lgamma()
        for _ in range(int(whole) + 1):
            series = series.derivative()
    return _composed([series[place] for place in range(length)], x)


def _erfinv(x: Any) -> Any:
    start, length = BALL.erfinv(first_of(x)), length_of(x)
    if not start.is_finite():
        return _nowhere(x)
    forward = variable(start, length).erf()
    back = (
        arb_series([0, *[forward[place] for place in range(1, length)]], length).reversion() if length > 1 else forward
    )
    return _composed([start, *[back[place] for place in range(1, length)]], x)


def _sinc(x: Any) -> Any:
    if not first_of(x).contains(0):
        return _own("sin")(x * arb.pi()) / (x * arb.pi())
    length, size = length_of(x), abs(first_of(x)).upper()
    if not size <= 1:
        return _nowhere(x)
    square, total = x * x * arb.pi() ** 2, as_series(0, length)
    for term in range(_TERMS, -1, -1):
        total = total * square + (-1) ** term / arb(math.factorial(2 * term + 1))
    # The coefficient k of the rest is at most the sum of C(2j, k)·π^2j/(2j + 1)! <= (2π)^2j/(2j + 1)! from j = 101 on.
    rest = 2 * (2 * arb.pi()) ** (2 * _TERMS + 2) / arb(math.factorial(2 * _TERMS + 3))
    tail = arb_series([arb(0, rest)] * length, length)
    return total + _composed([tail[place] for place in range(length)], x)


def _piecewise(name: str) -> Callable[..., Any]:
    """A function that is constant between its jumps."""

    def of_series(*numbers: Any) -> Any:
        BALL.met = SMOOTH
        found = getattr(BALL, name)(*map(first_of, numbers))
        return found if BALL.met == SMOOTH else _nowhere(*numbers)

    return of_series


_floor, _trunc, _sign = map(_piecewise, ("floor", "trunc", "sign"))


def _where(truth: Any, then: Any, otherwise: Any) -> Any:
    return _nowhere(then, otherwise) if truth is UNDECIDED else then if truth else otherwise


def _compared(name: str) -> Callable[[Any, Any], Any]:
    def of_first(x: Any, y: Any) -> Any:
        first = first_of(x)
        return getattr(BALL, name)(first, first if x is y else first_of(y))

    return of_first


class _BallSeries(Arithmetic):
    """Series with π at the precision of the moment."""

    @property
    def pi(self) -> Any:
        """π as a ball."""
        return arb.pi()

    def smallest(self, terms: Iterable[Any]) -> Any:
        """The smallest of a list: one of its terms, where that is decided."""
        least: Any = self.inf
        for term in terms:
            least = self.where(self.less(least, term), least, term)
        return least


_COMPOSED: dict[str, Callable[..., Any]] = {
    "abs": lambda x: x * _sign(x),
    "acosh": lambda x: _log(x + _sqrt(x - 1) * _sqrt(x + 1)),
    "asinh": lambda x: _log(x + _sqrt(x * x + 1)),
    "atan2": _atan2,
    "atanh": lambda x: (_log(1 + x) - _log(1 - x)) / 2,
    "cbrt": _cbrt,
    "copysign": lambda x, y: x * _sign(x) * _sign(y),
    "cosh": lambda x: (_exp(x) + _exp(-x)) / 2,
    "digamma": lambda x: _polygamma(0, x),
    "erfinv": _erfinv,
    "exp2": lambda x: _exp(x * arb.const_log2()),
    "expm1": lambda x: _exp(x) - 1,
    "fma": lambda x, y, z: x * y + z,
    "fmod": lambda x, y: x - y * _trunc(x / y),
    "hypot": lambda x, y: _sqrt(x * x + y * y),
    "log10": lambda x: _log(x) / arb.const_log10(),
    "log1p": lambda x: _log(1 + x),
    "log2": lambda x: _log(x) / arb.const_log2(),
    "polygamma": _polygamma,
    "pow": _pow,
    "sinc": _sinc,
    "sinh": lambda x: (_exp(x) - _exp(-x)) / 2,
    "tanh": lambda x: 1 - 2 / (_exp(2 * x) + 1),
    "trigamma": lambda x: _polygamma(1, x),
}

BALL_SERIES = _BallSeries(
    "series of balls",
    exact=True,
    inf=arb.pos_inf(),
    where=_where,
    **{name: _lifted(name, function) for name, function in _COMPOSED.items()},
    **{name: _own(name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan")},
    **{name: _own(name) for name in ("erf", "erfc", "gamma", "lgamma")},
    **{name: _piecewise(name) for name in ("floor", "ceil", "trunc", "rint", "sign")},
    **{name: _compared(name) for name in ("less", "less_equal", "equal")},
)
"""Series of balls. What is not smooth over the balls has coefficients that are not finite."""
