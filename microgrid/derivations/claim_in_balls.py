"""A claim of equality in ball arithmetic: refuted at a point with proof, or bounded over a whole region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from microgrid.core.engine import Value
from microgrid.derivations.boxes import Box, Found, Recorded, Search
from microgrid.derivations.claim import Claim
from microgrid.derivations.enclosures import GraphInBalls, ball_module
from microgrid.errors import DataError, MissingPackageError, OperationError
from microgrid.util.interval import Interval
from microgrid.util.wording import listed

__all__ = ["Bounded", "ClaimInBalls", "region_of"]

_BITS = (200, 800)  # of precision, one after the other
_AGREED = 100  # bits to which two sides have to be known for them to agree
_FINE = 2.0**-60  # of the sides' size: a difference below is not worth cutting a box for


@dataclass(frozen=True, slots=True)
class Bounded:
    """How large a difference can be over a region: a proven bound, or what resists."""

    bound: float
    obstacle: str = ""


class ClaimInBalls:
    """Both sides of a claim, and their difference, as one graph on balls."""

    def __init__(self, claim: Claim) -> None:
        balls = ball_module()
        self.names = claim.names
        self._readings = {node: _ball_of(reading) for node, reading in claim.readings.items()}
        self._sides = (claim.left, claim.right)

        def constant(node: Value) -> Any:
            make = self._readings.get(node)
            return make() if make is not None else balls.decimal(repr(node.data))

        self._graph = GraphInBalls(claim.left - claim.right, list(claim.names), self._sides, constant)

    @classmethod
    def of(cls, claim: Claim) -> ClaimInBalls | None:
        """The claim, or None if its constants are not finite, or python-flint is missing."""
        try:
            return cls(claim)
        except (DataError, OperationError, MissingPackageError):
            return None

    def values_at(self, point: Mapping[Value, float | Fraction], bits: int) -> tuple[Any, Any]:
        """Both sides at a point."""
        balls = ball_module()
        with balls.working_precision(bits):
            values, _ = self._graph.evaluate([balls.of_fraction(Fraction(point[leaf])) for leaf in self.names])
            left, right = [values[self._graph.places[side]] for side in self._sides]
        return left, right

    def agree_at(self, point: Mapping[Value, float | Fraction]) -> bool | tuple[float, float] | None:
        """True if both sides are the same to many digits; both, if they differ, which is a proof; None if undecided."""
        for bits in _BITS:
            left, right = self.values_at(point, bits)
            if not (left.is_finite() and right.is_finite()):
                return None
            if not left.overlaps(right):
                return float(left), float(right)
        is_known = all([side.rel_accuracy_bits() > _AGREED or abs(side) < 2.0**-_AGREED for side in (left, right)])
        return True if is_known else None

    def bounded_over(self, region: Mapping[Value, Interval], budget: int, progress: bool | None) -> Bounded:
        """A bound on the difference's size over a region."""
        sides = [region[leaf] for leaf in self.names]
        names = list(self.names.values())
        box = Box(tuple([float(side.low) for side in sides]), tuple([float(side.high) for side in sides]))
        search = Search(lambda _point: Recorded(self._graph), names, box, _wanted, budget, progress)
        search.run()
        stuck = [found for found in search.everything if found.obstacle]
        if stuck:
            worst = max(stuck, key=lambda found: found.box.depth)
            return Bounded(math.inf, f"{worst.obstacle}, for {worst.box.told(names)}")
        return Bounded(max([max(map(abs, found.value)) for found in search.everything]))


def _wanted(found: Found, _search: Search) -> int | None:
    """The boxes with the widest difference are cut first."""
    size = max(map(abs, found.value))
    if found.obstacle or not math.isfinite(size):
        return -found.box.depth
    return None if size <= _FINE else 100_000 + math.frexp(size)[1] * -20 - found.box.depth


def region_of(claim: Claim, over: Any) -> dict[Value, Interval]:
    """The Interval of each leaf, from a dict by leaves or by names; DataError if it doesn't fit the leaves."""
    if not isinstance(over, Mapping):
        raise DataError(f"over is a dict of Intervals by the leaves or their names, not {over!r}")
    leaves = {name: leaf for leaf, name in claim.names.items()}
    region: dict[Value, Interval] = {}
    for key, side in over.items():
        leaf = key if isinstance(key, Value) else leaves.get(key)
        if leaf is None or leaf not in claim.names:
            raise DataError(f"over has {key!r}, which is no leaf of the two sides: there are {listed(leaves)}")
        if not isinstance(side, Interval):
            raise DataError(f"over has {side!r} for {key!r}, and an Interval is needed")
        region[leaf] = side
    missing = [name for name, leaf in leaves.items() if leaf not in region]
    if missing:
        raise DataError(f"over has no Interval for {listed(missing)}, and the statement is to hold over all leaves")
    return region


def _ball_of(number: Any) -> Any:
    """How an exact number of SymPy is enclosed, at the precision of the moment: π, e, their powers, fractions."""
    import sympy

    balls = ball_module()

    def enclosed(one: Any = number) -> Any:
        if one.is_Rational:
            return balls.of_fraction(Fraction(int(one.p), int(one.q)))
        if one in (sympy.pi, sympy.E):
            return balls.arb.pi() if one == sympy.pi else balls.arb.const_e()
        parts: Sequence[Any] = [enclosed(part) for part in one.args]
        if one.is_Pow:
            return balls.BALL.pow(*parts)
        if one.func is sympy.log:
            return parts[0].log()
        return sum(parts[1:], parts[0]) if one.is_Add else math.prod(parts[1:], start=parts[0])

    return enclosed
