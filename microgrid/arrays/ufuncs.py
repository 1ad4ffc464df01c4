"""NumPy's and SciPy's ufuncs on Values: which function of the package, or which formula, each one is."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy

from microgrid.arrays.advice import refused
from microgrid.arrays.plain import as_numbers, decided
from microgrid.core.comparison import Comparison
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

__all__ = ["PREDICATES", "call", "formula_of", "is_known_ufunc", "is_true", "on_objects", "rule_of"]

_SAME = {alias: rule.name for rule in RULES.values() for alias in rule.aliases} | {
    "absolute": "abs", "expit": "sigmoid", "log_expit": "log_sigmoid", "gammaln": "lgamma", "psi": "digamma",
    "remainder": "mod",
    "floor_divide": "floordiv", "radians": "deg2rad", "degrees": "rad2deg",
}  # fmt: skip
"""Ufuncs that are functions of the package under another name."""


def call(name: str, *operands: Any) -> Any:
    """A function of the package; OperationError where there is none of that name."""
    if name not in FUNCTIONS:
        raise refused(f"microgrid.{name}")
    return FUNCTIONS[name](*operands)


def _of_numbers(name: str, x: Any, y: Any) -> Any:
    """The maximum or the minimum, where nan is no number: the other one."""
    if decided(x) == "nan":
        return y
    return x if decided(y) == "nan" else call(name, x, y)


def _step(x: Any, at_0: Any) -> Any:
    return call(
        "where", x < 0.0, 0.0, call("where", x > 0.0, 1.0, call("where", call("equal", x, 0.0), at_0, math.nan))
    )


def _box_cox(logarithm: str, x: Any, power: Any) -> Any:
    """Of a plain power alone: near 0, the slope along it cancels."""
    if isinstance(power, Value):
        raise refused("scipy.special.boxcox with a Value as its power")
    x = call(logarithm, x)
    return x if power == 0.0 else call("expm1", power * x) / power


def _huber(delta: Any, r: Any) -> Any:
    if bool(delta < 0.0):
        return math.inf
    return call("where", abs(r) <= delta, 0.5 * r * r, delta * (abs(r) - 0.5 * delta))


_LOG_2 = math.log(2.0)
_FORMULAS: dict[str, Callable[..., Any]] = {
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "float_power": lambda x, y: call("pow", x, y),
    "power": lambda x, y: call("pow", x, y),
    "logaddexp2": lambda x, y: call("logaddexp", x * _LOG_2, y * _LOG_2) / _LOG_2,
    "fmax": functools.partial(_of_numbers, "maximum"),
    "fmin": functools.partial(_of_numbers, "minimum"),
    "divmod": lambda x, y: (call("floordiv", x, y), call("mod", x, y)),
    "modf": lambda x: (x - call("trunc", x), call("trunc", x)),
    "exp10": lambda x: call("pow", 10.0, x),
    "cosm1": lambda x: -2.0 * call("sin", 0.5 * x) * call("sin", 0.5 * x),
    "heaviside": _step,
    "boxcox": functools.partial(_box_cox, "log"),
    "boxcox1p": functools.partial(_box_cox, "log1p"),
    "huber": _huber,
    "pseudo_huber": lambda delta, r: delta * delta * call("expm1", 0.5 * call("log1p", (r / delta) * (r / delta))),
    "entr": lambda x: call("where", x < 0.0, -math.inf, -call("xlogy", x, x)),
}


def is_true(x: Any) -> bool:
    """Whether a number is other than 0, decided by comparisons; nan is."""
    return bool(x) if isinstance(x, Comparison) else bool(x < 0.0) or not bool(x <= 0.0)


def _are_equal(x: Any, y: Any) -> bool:
    """Equal numbers; NumPy's == on an array is about numbers, and not about which node it is."""
    return bool(x <= y) and bool(x >= y)


PREDICATES: dict[str, Callable[..., bool]] = {
    "isnan": lambda x: decided(x) == "nan",
    "isfinite": lambda x: decided(x) == "finite",
    "isinf": lambda x: decided(x) in ("inf", "-inf"),
    "signbit": lambda x: bool(x < 0.0) or (not bool(x > 0.0) and math.copysign(1.0, as_numbers(x)) < 0.0),
    "equal": _are_equal,
    "not_equal": lambda x, y: not _are_equal(x, y),
    "logical_and": lambda x, y: is_true(x) and is_true(y),
    "logical_or": lambda x, y: is_true(x) or is_true(y),
    "logical_xor": lambda x, y: is_true(x) != is_true(y),
    "logical_not": lambda x: not is_true(x),
}
"""Ufuncs whose results are truths."""


def on_objects(ufunc: Any) -> Any:
    """A ufunc that runs on arrays of Values."""
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


_OF_ARRAYS = ("square", "reciprocal", "positive", "conjugate", "logaddexp2", "exp10", "cosm1", "boxcox", "boxcox1p")


def is_known_ufunc(name: str) -> bool:
    """Whether a ufunc of this name runs on arrays of Values."""
    return name in _INFIX or name in PREDICATES or name in _FORMULAS or _SAME.get(name, name) in FUNCTIONS


# What NumPy runs on objects by the operators that Values have.
_INFIX = (
    *("add", "subtract", "multiply", "divide", "negative", "matmul", "vecdot", "matvec", "vecmat"),
    *("less", "less_equal", "greater", "greater_equal"),
)


@functools.cache
def _vectorized(name: str, operands: int, results: int) -> Any:
    """The package's function or formula as a ufunc of objects; integers and NumPy's numbers become floats."""
    function = PREDICATES.get(name) or _FORMULAS.get(name) or FUNCTIONS[_SAME.get(name, name)]

    def applied(*elements: Any) -> Any:
        return function(*[one if isinstance(one, Value | Comparison) else float(one) for one in elements])

    return numpy.frompyfunc(applied, operands, results)
