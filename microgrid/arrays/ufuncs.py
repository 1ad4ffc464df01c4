"""NumPy's and SciPy's ufuncs on Values: which function of the package, or which formula, each one is."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy

from microgrid.arrays.advice import refused
from microgrid.arrays.plain import decided, is_below
from microgrid.core.comparison import Comparison
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

__all__ = ["PREDICATES", "formula_of", "is_known_ufunc", "on_objects", "rule_of"]

_SAME = {alias: rule.name for rule in RULES.values() for alias in rule.aliases} | {
    "absolute": "abs", "expit": "sigmoid", "log_expit": "log_sigmoid", "gammaln": "lgamma", "psi": "digamma",
    "remainder": "mod", "rint": "round", "radians": "deg2rad", "degrees": "rad2deg",
}  # fmt: skip
"""Ufuncs that are functions of the package under another name."""


def _call(name: str, *operands: Any) -> Any:
    return FUNCTIONS[name](*operands)


def _sign_of_gamma(x: Any) -> float:
    """Γ's sign, which is constant between its poles."""
    number = x.data if isinstance(x, Value) else x
    return -1.0 if is_below(x, 0.0) and math.floor(number) % 2 else 1.0


def _of_numbers(name: str, x: Any, y: Any) -> Any:
    """The maximum or the minimum, where nan is no number: the other one."""
    if decided(x) == "nan":
        return y
    return x if decided(y) == "nan" else _call(name, x, y)


def _huber(delta: Any, r: Any) -> Any:
    size = abs(r)
    return _call("where", size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))


_LOG_2 = math.log(2.0)
_FORMULAS: dict[str, Callable[..., Any]] = {
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "float_power": lambda x, y: _call("pow", x, y),
    "power": lambda x, y: _call("pow", x, y),
    "logaddexp2": lambda x, y: _call("logaddexp", x * _LOG_2, y * _LOG_2) / _LOG_2,
    "heaviside": lambda x, at_0: _call("where", x < 0.0, 0.0, _call("where", x > 0.0, 1.0, at_0 + 0.0 * x)),
    "fmax": functools.partial(_of_numbers, "maximum"),
    "fmin": functools.partial(_of_numbers, "minimum"),
    "floor_divide": lambda x, y: _call("floor", x / y),
    "fmod": lambda x, y: x - y * _call("trunc", x / y),
    "divmod": lambda x, y: (_call("floor", x / y), _call("mod", x, y)),
    "exp10": lambda x: _call("pow", 10.0, x),
    "cosm1": lambda x: -2.0 * _call("sin", 0.5 * x) * _call("sin", 0.5 * x),
    "powm1": lambda x, y: _call("expm1", y * _call("log", x)),
    "exprel": lambda x: _call("expm1", x) / x,
    "boxcox": lambda x, power: _call("expm1", power * _call("log", x)) / power,
    "boxcox1p": lambda x, power: _call("expm1", power * _call("log1p", x)) / power,
    "inv_boxcox": lambda x, power: _call("exp", _call("log1p", power * x) / power),
    "gamma": lambda x: _sign_of_gamma(x) * _call("exp", _call("lgamma", x)),
    "rgamma": lambda x: _sign_of_gamma(x) * _call("exp", -_call("lgamma", x)),
    "beta": lambda x, y: _call("exp", _call("lgamma", x) + _call("lgamma", y) - _call("lgamma", x + y)),
    "entr": lambda x: -_call("xlogy", x, x),
    "rel_entr": lambda x, y: _call("xlogy", x, x / y),
    "kl_div": lambda x, y: _call("xlogy", x, x / y) - x + y,
    "huber": _huber,
    "pseudo_huber": lambda delta, r: delta * delta * (_call("hypot", 1.0, r / delta) - 1.0),
    "softplus": lambda x: _call("softplus", x),
}


def _truth(x: Any) -> bool:
    return bool(x) if isinstance(x, Comparison) else bool(x < 0.0) or not bool(x <= 0.0)


def _are_equal(x: Any, y: Any) -> bool:
    """Equal numbers; NumPy's == on an array is about numbers, and not about which node it is."""
    return bool(x <= y) and bool(x >= y)


PREDICATES: dict[str, Callable[..., bool]] = {
    "isnan": lambda x: decided(x) == "nan",
    "isfinite": lambda x: decided(x) == "finite",
    "isinf": lambda x: decided(x) in ("inf", "-inf"),
    "signbit": lambda x: math.copysign(1.0, x.data if isinstance(x, Value) else x) < 0.0,
    "equal": _are_equal,
    "not_equal": lambda x, y: not _are_equal(x, y),
    "logical_and": lambda x, y: _truth(x) and _truth(y),
    "logical_or": lambda x, y: _truth(x) or _truth(y),
    "logical_xor": lambda x, y: _truth(x) != _truth(y),
    "logical_not": lambda x: not _truth(x),
}
"""Ufuncs whose results are truths."""


def on_objects(ufunc: Any) -> Any:
    """A ufunc that runs on arrays of Values.

    Parameters
    ----------
    ufunc : numpy.ufunc
        NumPy's, SciPy's, or one of ``numpy.frompyfunc``.

    Returns
    -------
    numpy.ufunc
        On arrays of objects.

    Raises
    ------
    OperationError
        If neither the package nor NumPy knows it for objects.
    """
    name = ufunc.__name__
    if name in _INFIX or all([set(types) <= set("O->?") for types in ufunc.types]):
        return ufunc
    if not is_known_ufunc(name):
        raise refused(("numpy." if hasattr(numpy, name) else "scipy.special.") + name)
    return _vectorized(name, ufunc.nin, ufunc.nout)


_OPERATORS = {"subtract": "sub", "multiply": "mul", "divide": "div", "negative": "neg", "power": "pow"}


def rule_of(name: str) -> Rule | None:
    """The rule that a ufunc is, by its name; None if there is none."""
    name = name.removesuffix(" (vectorized)")  # as NumPy calls the package's own functions on arrays
    rule = RULES.get(_OPERATORS.get(name) or _SAME.get(name, name))
    return None if rule is None or rule.arity is None or name in PREDICATES else rule


def formula_of(name: str) -> Callable[..., Any] | None:
    """The formula of a ufunc that works on whole arrays too; None if there is none."""
    return _FORMULAS[name] if name in _OF_ARRAYS else None


_OF_ARRAYS = ("square", "reciprocal", "positive", "conjugate", "logaddexp2", "exp10", "cosm1", "powm1", "boxcox", "entr")


def is_known_ufunc(name: str) -> bool:
    """Whether a ufunc of this name runs on arrays of Values.

    Parameters
    ----------
    name : str
        NumPy's or SciPy's.

    Returns
    -------
    bool
        False if it is refused.
    """
    return name in _INFIX or name in PREDICATES or name in _FORMULAS or _SAME.get(name, name) in FUNCTIONS


# What NumPy runs on objects by the operators that Values have.
_INFIX = (
    *("add", "subtract", "multiply", "divide", "negative", "matmul", "vecdot", "matvec", "vecmat"),
    *("less", "less_equal", "greater", "greater_equal", "bitwise_and", "bitwise_or", "bitwise_xor", "invert"),
)


@functools.cache
def _vectorized(name: str, operands: int, results: int) -> Any:
    """The package's function or formula as a ufunc of objects; integers and NumPy's numbers become floats."""
    function = PREDICATES.get(name) or _FORMULAS.get(name) or FUNCTIONS[_SAME.get(name, name)]

    def applied(*elements: Any) -> Any:
        return function(*[one if isinstance(one, Value | Comparison) else float(one) for one in elements])

    return numpy.frompyfunc(applied, operands, results)
