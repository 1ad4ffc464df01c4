"""NumPy's arrays as number systems: a rule runs on a whole column at once, in IEEE 754 or complex numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy

from microgrid.arithmetics.complex import COMPLEX
from microgrid.core.arithmetic import Arithmetic
from microgrid.core.ieee import IEEE_ELEMENTARY

__all__ = ["COMPLEX_COLUMNS", "NUMPY", "as_column"]

_SAME = (
    *("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot"),
    *("log2", "log10", "exp2", "cbrt", "floor", "fmod", "copysign", "abs", "less", "less_equal", "equal", "where"),
)
_INVERSE = {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}
# Element by element: NumPy has none of them.
_LACKING: dict[str, Any] = {
    name: numpy.vectorize(IEEE_ELEMENTARY[name], otypes=[float]) for name in ("erf", "erfc", "fma")
}

NUMPY = Arithmetic(
    "NumPy",
    arrays=True,
    pi=math.pi,
    inf=math.inf,
    pow=numpy.power,
    **{name: getattr(numpy, name) for name in _SAME},
    **{name: getattr(numpy, function) for name, function in _INVERSE.items()},
    **_LACKING,
)
"""Arrays of float64 of one shape, or single numbers. Use it inside ``numpy.errstate(all="ignore")``: NumPy warns of
infinities, which are numbers in IEEE 754 and in this package."""


def _by_element(name: str) -> Any:
    """A function of the complex numbers, element by element; nan where it raises."""

    def element(*operands: complex) -> complex:
        try:
            return complex(getattr(COMPLEX, name)(*operands))
        except (ArithmeticError, ValueError):  # cmath raises at poles and overflows
            return complex(math.nan, math.nan)

    return numpy.vectorize(element, otypes=[complex])


def _abs(z: Any) -> Any:
    return numpy.where(numpy.real(z) < 0.0, -z, z)


def _by_real_parts(compare: Any) -> Any:
    return lambda x, y: compare(numpy.real(x), numpy.real(y))


_ANALYTIC = ("exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tanh", "expm1")
_SLOWLY = (
    *("asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh", "tan", "hypot", "log1p", "log2", "log10", "exp2"),
    *("pow", "erf", "erfc", "cbrt", "floor", "fmod", "copysign", "fma"),
)

COMPLEX_COLUMNS = Arithmetic(
    "complex columns",
    pi=math.pi,
    inf=math.inf,
    abs=_abs,
    where=numpy.where,
    **{name: _by_real_parts(getattr(numpy, name)) for name in ("less", "less_equal", "equal")},
    **{name: getattr(numpy, name) for name in _ANALYTIC},
    **{name: _by_element(name) for name in _SLOWLY},
)
"""Arrays of complex numbers, for derivatives by the complex step of many nodes at once; some operands may be real. Use
it inside ``numpy.errstate(all="ignore")``."""


def as_column(number: Any, rows: int) -> Any:
    """A number of the arithmetic as a column of so many rows.

    The result of a rule is a single number if it doesn't depend on rows; a column that repeats it is read-only.
    """
    return numpy.broadcast_to(numpy.asarray(number, dtype=float), (rows,))
