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


# Functions that have another name in mpmath, or none.
_OTHERS: dict[str, Callable[..., Any]] = {
    "pow": mpmath.power,
    "log2": lambda x: mpmath.log(x, 2),
    "exp2": lambda x: mpmath.power(2, x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "erfc": lambda x: mpmath.erfc(x) if abs(x) < 1e6 else 1 - mpmath.sign(x),  # mpmath's own overflows
    "trunc": lambda x: mpmath.sign(x) * mpmath.floor(abs(x)),
    "round": mpmath.nint,
    "fmod": lambda x, y: x - y * _OTHERS["trunc"](x / y),
    "copysign": lambda x, y: abs(x) * (1 if y >= 0 else -1),  # there is no -0
    "fma": lambda x, y, z: x * y + z,
}
_OTHERS |= {
    "lgamma": lambda x: mpmath.re(mpmath.loggamma(x)),
    "trigamma": lambda x: mpmath.psi(1, x),
    "polygamma": lambda n, x: mpmath.psi(int(mpmath.nint(n)), x) if n >= -0.5 else mpmath.nan,
}
_CLOSED = (
    "sign",
    "ceil",
    "trunc",
    "round",
    "gamma",
    "lgamma",
    "digamma",
    "trigamma",
    "polygamma",
)  # which float systems make of others


def _real(name: str) -> Callable[..., Any]:
    """One of mpmath's functions with nan instead of a complex result or an error, as in every real number system."""
    function = _OTHERS.get(name) or getattr(mpmath, name)

    def real(*operands: Any) -> Any:
        try:
            result = function(*operands)
        except ValueError:  # a pole of the gamma functions
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
