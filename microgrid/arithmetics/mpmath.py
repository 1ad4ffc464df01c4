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


def _real(name: str) -> Callable[..., Any]:
    """One of mpmath's functions with nan instead of a complex result, as in every real number system."""
    function = getattr(mpmath, {"pow": "power"}.get(name, name))

    def real(*operands: Any) -> Any:
        result = function(*operands)
        return mpmath.nan if isinstance(result, mpmath.mpc) else result

    return real


MPMATH = Arithmetic(
    "mpmath",
    exact=True,
    abs=mpmath.fabs,
    pi=mpmath.pi,
    inf=mpmath.inf,
    **COMPARISONS,
    **{name: _real(name) for name in ELEMENTARY},
)
"""Real numbers at the working precision of ``mpmath.mp``, for reference values and derivatives.

Rules run by their definitions, not their stable forms, so the precision must allow for cancellation: ln(1 + e⁻⁷⁴⁵)
needs 324 digits before its first significant one. Division by zero raises ``ZeroDivisionError``, as in mpmath.
"""
