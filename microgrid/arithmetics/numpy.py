"""NumPy's arrays as a number system: a rule runs on a whole column at once, in IEEE 754 arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy

from microgrid.core.arithmetic import Arithmetic
from microgrid.core.ieee import IEEE_ELEMENTARY

__all__ = ["NUMPY", "as_column"]

_SAME = (
    *("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot"),
    *("log2", "log10", "exp2", "cbrt", "floor", "fmod", "copysign"),
)
_INVERSE = {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}
# Element by element: NumPy has none of them.
_LACKING: dict[str, Any] = {
    name: numpy.vectorize(IEEE_ELEMENTARY[name], otypes=[float]) for name in ("erf", "erfc", "fma")
}

NUMPY = Arithmetic(
    "NumPy",
    pi=math.pi,
    inf=math.inf,
    less=numpy.less,
    less_equal=numpy.less_equal,
    equal=numpy.equal,
    where=numpy.where,
    pow=numpy.power,
    abs=numpy.abs,
    **{name: getattr(numpy, name) for name in _SAME},
    **{name: getattr(numpy, function) for name, function in _INVERSE.items()},
    **_LACKING,
)
"""Arrays of float64 of one shape, or single numbers. Use it inside ``numpy.errstate(all="ignore")``: NumPy warns of
infinities, which are numbers in IEEE 754 and in this package."""


def as_column(number: Any, rows: int) -> Any:
    """A number of the arithmetic as a column.

    Parameters
    ----------
    number : float or array of shape (rows,)
        The result of a rule: a single number if it doesn't depend on rows.
    rows : int
        The number of rows.

    Returns
    -------
    array of shape (rows,)
        Read-only if it repeats a single number.
    """
    return numpy.broadcast_to(numpy.asarray(number, dtype=float), (rows,))
