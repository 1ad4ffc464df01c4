"""High precision with mpmath's numbers, the reference for all other number systems; no graph and no rule is here.

>>> import mpmath
>>> from microgrid.arithmetics.mpmath import MPMATH
>>> with mpmath.workdps(30):
...     print(MPMATH.sigmoid(mpmath.mpf(40)))
0.999999999999999995751645744708
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microgrid.core.arithmetic import COMPARISONS, Arithmetic
from microgrid.core.ieee import ELEMENTARY
from microgrid.errors import MissingPackageError

try:
    import mpmath
except ModuleNotFoundError as error:
    raise MissingPackageError(
        "high precision needs the package mpmath: pip install 'microgrid-autodiff[symbolic]'"
    ) from error

__all__ = ["MPMATH", "mpmath"]


def _far_erfc(x: Any) -> Any:
    """The error function's complement where mpmath's own overflows: the asymptotic series has one term."""
    return mpmath.mpf(2) if x < 0 else mpmath.exp(-x * x) / (x * mpmath.sqrt(mpmath.pi))


def _polygamma(order: int, x: Any) -> Any:
    """The derivatives of digamma; left of 0 by reflection, where mpmath's own takes as many steps as x is large.

    (-1)^n ψₙ(1 - x) - ψₙ(x) is the n-th derivative of π cot πx, a polynomial in cot πx (DLMF 5.15.6).
    """
    if not x < 0 or x == mpmath.floor(x):
        return mpmath.psi(order, x)
    cotangent = mpmath.cospi(x) / mpmath.sinpi(x)
    powers = [mpmath.mpf(0), +mpmath.pi]  # the coefficients of the powers of cot πx
    for _ in range(order):
        inner = [place * one for place, one in enumerate(powers)][1:]
        powers = [-mpmath.pi * (one + two) for one, two in zip([*inner, 0, 0], [0, 0, *inner], strict=True)]
    return (-1) ** order * mpmath.psi(order, 1 - x) - mpmath.polyval(powers[::-1], cotangent)


# Functions that have another name in mpmath, or none.
_OTHERS: dict[str, Callable[..., Any]] = {
    "pow": mpmath.power,
    "log2": lambda x: mpmath.log(x, 2),
    "exp2": lambda x: mpmath.power(2, x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "erfc": lambda x: mpmath.erfc(x) if abs(x) < 1e100 else _far_erfc(x),
    "trunc": lambda x: mpmath.sign(x) * mpmath.floor(abs(x)),
    "rint": mpmath.nint,
    "fmod": lambda x, y: x - y * _OTHERS["trunc"](x / y),
    "copysign": lambda x, y: abs(x) * (1 if y >= 0 else -1),  # there is no -0
    "fma": lambda x, y, z: x * y + z,
    "lgamma": lambda x: mpmath.re(mpmath.loggamma(x)),
    "trigamma": lambda x: _polygamma(1, x),
    "polygamma": lambda n, x: _polygamma(int(mpmath.nint(n)), x) if n >= -0.5 else mpmath.nan,
}
# Which float systems make of others.
_CLOSED = ("sign", "ceil", "trunc", "rint", "erfinv", "gamma", "lgamma", "digamma", "trigamma", "polygamma")


def _real(name: str) -> Callable[..., Any]:
    """One of mpmath's functions with nan instead of a complex result or an error, as in every real number system."""
    function = _OTHERS.get(name) or getattr(mpmath, name)

    def real(*operands: Any) -> Any:
        try:
            result = function(*operands)
        except ValueError:  # a pole of the gamma functions, or outside the domain
            return mpmath.nan
        return mpmath.nan if isinstance(result, mpmath.mpc) else result

    return real


MPMATH = Arithmetic(
    "mpmath",
    exact=True,
    abs=mpmath.fabs,
    pi=mpmath.pi,
    inf=mpmath.inf,
    **COMPARISONS,
    **{name: _real(name) for name in (*ELEMENTARY, *_CLOSED)},
)
"""Real numbers at the working precision of ``mpmath.mp``, for reference values and derivatives.

Rules run by their definitions, not their stable forms, so the precision must allow for cancellation: ln(1 + e⁻⁷⁴⁵)
needs 324 digits before its first significant one. Division by zero raises ``ZeroDivisionError``, as in mpmath.
"""
