"""Floats as IEEE 754 has them: 1/0, log 0 and exp 710 have a result, where Python's own raise an exception."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from microgrid.core.c_library import floor, fma, hypot

__all__ = ["ELEMENTARY", "IEEE_ELEMENTARY", "Ieee"]

_LOGARITHMIC = (math.exp, math.expm1, math.log, math.log1p, math.sqrt, math.pow)
_CIRCULAR = (math.sin, math.cos, math.tan, math.asin, math.acos, math.atan, math.atan2)
_HYPERBOLIC = (math.sinh, math.cosh, math.tanh, math.asinh, math.acosh, math.atanh, math.erf, math.erfc)
_OTHERS = (math.log2, math.log10, math.exp2, math.cbrt, math.fmod, math.copysign)
_ALL = (*_LOGARITHMIC, *_CIRCULAR, *_HYPERBOLIC, *_OTHERS, hypot, floor, fma)
ELEMENTARY: dict[str, Any] = {function.__name__: function for function in _ALL}
"""Python's elementary functions by their names in the rule table."""


class Ieee(float):
    """A float whose division never raises, as IEEE 754 has it: 1/0 is inf, 0/0 is nan. Nor does its power."""

    __slots__ = ()

    def __truediv__(self, other: float) -> Ieee:
        return _ieee_quotient(self, other)

    def __rtruediv__(self, other: float) -> Ieee:
        return _ieee_quotient(other, self)

    def __pow__(self, other: float) -> Ieee:  # type: ignore[override]  # no modulus, and never complex
        return _ieee_power(self, other)

    def __rpow__(self, other: float) -> Ieee:  # type: ignore[override]  # likewise
        return _ieee_power(other, self)


def _closed(operation: str) -> Callable[..., Ieee]:
    """One of float's own methods, with a result that is again an ``Ieee``."""
    of_float = getattr(float, operation)

    def method(*operands: float) -> Ieee:
        result = of_float(*operands)
        return result if result is NotImplemented else Ieee(result)

    return method


for _operation in ("add", "radd", "sub", "rsub", "mul", "rmul", "neg", "abs"):
    setattr(Ieee, f"__{_operation}__", _closed(f"__{_operation}__"))


def _ieee_power(x: float, y: float) -> Ieee:
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return NotImplemented
    result: Ieee = IEEE_ELEMENTARY["pow"](x, y)
    return result


def _ieee_quotient(x: float, y: float) -> Ieee:
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return NotImplemented
    if y != 0.0:
        return Ieee(float.__truediv__(float(x), float(y)))
    if x == 0.0 or math.isnan(x):
        return Ieee(math.nan)
    return Ieee(math.copysign(math.inf, x) * math.copysign(1.0, y))


def _pow_overflow(x: float, y: float) -> float:
    """Infinite, and negative for an odd power of a negative number, -0.0 included."""
    return -math.inf if math.copysign(1.0, x) < 0.0 and math.fmod(y, 2.0) in (1.0, -1.0) else math.inf


_OVERFLOWS: dict[str, Callable[..., float]] = {
    "sinh": lambda x: math.copysign(math.inf, x),
    "pow": _pow_overflow,
    "fma": lambda x, y, _z: math.copysign(math.inf, x) * math.copysign(1.0, y),  # no finite z turns the product's sign
}
_POLES: dict[str, Callable[..., float]] = {
    **dict.fromkeys(("log", "log2", "log10"), lambda x: -math.inf if x == 0.0 else math.nan),
    "log1p": lambda x: -math.inf if x == -1.0 else math.nan,
    "atanh": lambda x: math.copysign(math.inf, x) if abs(x) == 1.0 else math.nan,
    "pow": lambda x, y: _pow_overflow(x, y) if x == 0.0 else math.nan,
}


def _total(function: Callable[..., float]) -> Callable[..., Ieee]:
    """One of math's functions as IEEE 754 has it: a result wherever Python's raises."""
    overflow: Callable[..., float] = _OVERFLOWS.get(function.__name__, lambda *_: math.inf)
    pole: Callable[..., float] = _POLES.get(function.__name__, lambda *_: math.nan)

    def total(*operands: float) -> Ieee:
        try:
            return Ieee(function(*operands))
        except OverflowError:
            return Ieee(overflow(*operands))
        except ValueError:
            return Ieee(pole(*operands))

    return total


IEEE_ELEMENTARY: dict[str, Any] = {name: _total(function) for name, function in ELEMENTARY.items()}
"""The same functions of floats, which never raise."""
