"""NumPy's arrays as the numbers: the rules run on whole columns at once, IEEE arithmetic without warnings."""

from __future__ import annotations

import math
from typing import Any

import numpy

from microgrid.core.arithmetic import Arithmetic

__all__ = ["NUMPY", "as_column"]

_SAME = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot")
_INVERSE = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power", "abs": "abs"}
_error_function = numpy.vectorize(math.erf, otypes=[float])  # NumPy has none

NUMPY = Arithmetic(
    "NumPy",
    pi=math.pi,
    inf=math.inf,
    less=numpy.less,
    less_equal=numpy.less_equal,
    equal=numpy.equal,
    where=numpy.where,
    erf=_error_function,
    **{name: getattr(numpy, name) for name in _SAME},
    **{name: getattr(numpy, function) for name, function in _INVERSE.items()},
)
"""Arrays of float64, of one shape or numbers. Where it is used, ``numpy.errstate(all="ignore")`` has to hold: NumPy
warns of infinities, which IEEE 754 and this package take for numbers."""


def as_column(number: Any, rows: int) -> Any:
    """A number of the arithmetic as one for each row.

    Parameters
    ----------
    number : float or array of shape (rows,)
        What a rule gave: where nothing depends on rows, that is a single number.
    rows : int
        How many.

    Returns
    -------
    array of shape (rows,)
        Read-only if it is one number, repeated.
    """
    return numpy.broadcast_to(numpy.asarray(number, dtype=float), (rows,))
