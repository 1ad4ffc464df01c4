"""Functions of the C library that Python lacks, or has otherwise: every engine has the same bits by them."""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ["floor", "fma", "hypot"]


def hypot(x: float, y: float) -> float:
    """The C library's hypot, which every engine has; math.hypot is Python's own and differs in the last bit."""
    if math.isfinite(x) and math.isfinite(y):
        return abs(complex(x, y))
    return math.hypot(x, y)  # of nan, abs raises if an earlier function left its errno behind


def floor(x: float) -> float:
    """C's floor: a float, also of -0.0 and of what is not finite."""
    return math.copysign(math.floor(x), x) if abs(x) < 2.0**52 else x


def fma(x: float, y: float, z: float) -> float:
    """C's fma, which Python has from 3.13 on: x*y + z rounded once."""
    if not (math.isfinite(x) and math.isfinite(y)):
        return x * y + z
    if not math.isfinite(z):
        return z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    return float(exact) if exact else x * y + z  # which has the sign of 0 by IEEE 754
