"""The claim that two graphs are the same function, and what the numbers in them stand for.

A constant is read as it is written: 0.1 is one tenth, and a constant named pi or e, which a typed formula has, is that
number exactly. A constant of a Python program may be a rounded result, such as 0.3333333333333333 for 1/3: what it
probably stands for is recognised here, and how far its rounding moves a difference is bounded.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from microgrid.core.engine import Value
from microgrid.core.graph import evaluate, topological_order
from microgrid.formulas.high_precision import mpmath_package
from microgrid.formulas.names import symbol_names
from microgrid.formulas.sympy import sympy_package

__all__ = ["Claim"]

_DIGITS = 14  # a constant with no more is taken as written
_DENOMINATOR = 360  # the largest of a fraction that a constant is recognised as
_ULPS = 4  # how far a constant may be from what it is recognised as, since it may be a result of several roundings


@dataclass(frozen=True, slots=True)
class Claim:
    """Two graphs that are said to be the same function."""

    left: Value
    right: Value
    positive: frozenset[Value]  # the leaves that are positive; all others are real
    order: tuple[Value, ...]  # both graphs, parents before children
    names: Mapping[Value, str]  # of the leaves
    # the exact numbers that constants stand for in SymPy; all others are taken as written
    readings: Mapping[Value, Any]

    @classmethod
    def of(cls, left: Value, right: Value, positive: Iterable[Value]) -> Claim:
        """The claim, with every constant read as typed."""
        order = tuple(topological_order(left, right))
        known = {"pi": sympy_package().pi, "π": sympy_package().pi, "e": sympy_package().E}
        readings = {node: known[node.name] for node in order if node.is_constant and node.name in known}
        return cls(left, right, frozenset(positive), order, symbol_names(order), readings)

    def with_recognised_constants(self) -> Claim | None:
        """The claim with its long constants read as what they probably stand for; None if there is nothing to read."""
        found = {node: _recognised(node.data) for node in self._long_constants()}
        found = {node: number for node, number in found.items() if number is not None}
        return replace(self, readings={**self.readings, **found}) if found else None

    def readings_told(self) -> str:
        """The constants that aren't taken as written: ``the constant 0.3333333333333333, read as 1/3``."""
        told = {
            repr(node.data): f"{node.data!r}, read as {one}" for node, one in self.readings.items() if not node.name
        }
        return f"the constant{'s' * (len(told) > 1)} {' and '.join(told.values())}"

    def values_at(self, point: Mapping[Value, Any], digits: int) -> tuple[Any, Any]:
        """Both sides in high precision; None in place of one that is not finite or not real.

        The point has a number for each leaf, and for constants in whose place others are tried.
        """
        with mpmath_package().workdps(digits):
            numbers = {node: _number(reading) for node, reading in self.readings.items()}
            numbers |= {node: _number(x) for node, x in point.items()}
            return self._value(self.left, numbers), self._value(self.right, numbers)

    def _value(self, side: Value, numbers: dict[Value, Any]) -> Any:
        """A side's value. What is computed for it is added to the numbers, since the sides may share most nodes."""
        from microgrid.arithmetics.mpmath import MPMATH

        try:
            numbers |= evaluate([side], MPMATH, numbers, constant=lambda x: mpmath_package().mpf(repr(x)))
        except (ZeroDivisionError, OverflowError, ValueError):
            return None
        return numbers[side] if mpmath_package().isfinite(numbers[side]) else None

    def rounding_explains(self, point: Mapping[Value, Any], digits: int = 50) -> bool:
        """Whether constants that are off by an ulp or so can make the two sides as different as they are at a point."""
        left, right = self.values_at(point, digits)
        if left is None or right is None:
            return False
        gap, moved = left - right, mpmath_package().mpf(0)
        for node in self._long_constants():
            left, right = self.values_at({**point, node: Fraction(node.data) * (1 + Fraction(_ULPS, 2**53))}, digits)
            moved += 0 if left is None or right is None else abs(left - right - gap)
        return bool(abs(gap) <= moved)

    def _long_constants(self) -> list[Value]:
        """The constants that have too many digits to be typed so."""
        constants = [node for node in self.order if node.is_constant and node not in self.readings]
        return [
            node for node in constants if math.isfinite(node.data) and float(f"{node.data:.{_DIGITS}g}") != node.data
        ]


def _number(exact: Any) -> Any:
    """A float, Fraction or number of SymPy as one of mpmath, at its working precision."""
    mpmath = mpmath_package()
    if isinstance(exact, Fraction):
        return mpmath.mpf(exact.numerator) / exact.denominator
    return mpmath.mpf(exact) if isinstance(exact, float) else sympy_package().lambdify((), exact, "mpmath")()


@functools.cache
def _units() -> Sequence[tuple[Any, float]]:
    """What constants are often fractions of: 1, π, logarithms, roots, and their reciprocals."""
    sympy = sympy_package()
    some = [sympy.pi, sympy.E, sympy.log(2), sympy.log(10), sympy.sqrt(2), sympy.sqrt(3), sympy.sqrt(5)]
    some += [sympy.sqrt(sympy.pi), sympy.sqrt(2 * sympy.pi), sympy.log(2 * sympy.pi)]
    return [(one, float(one)) for one in (sympy.Integer(1), *some, *[1 / one for one in some])]


def _recognised(number: float) -> Any:
    """The exact number that a float is probably the rounding of, or None.

    Fractions of these units with such denominators lie so far apart that a random float is within the tolerance of one
    with a probability of less than 1e-8.
    """
    for unit, size in _units():
        ratio = Fraction(number / size).limit_denominator(_DENOMINATOR)
        if ratio and abs(float(ratio) * size - number) <= _ULPS * math.ulp(number):
            return sympy_package().Rational(ratio.numerator, ratio.denominator) * unit
    return None
