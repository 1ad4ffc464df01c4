"""How many ulp each rule's derivatives of orders 1 to 3 are off, in every way that they are computed; run as a script.

Everything follows from the rule table: the points from a rule's regions and kinks, the reference from mpmath's own
function of the rule's name (or the definition of its value), differentiated by central differences in high precision.
Nothing here reads the partials that it judges. As a script it measures and writes ``docs/accuracy.md``.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from helpers import Operands, beside_kinks, definition, distance, is_finite, record, tails, ulp

import microgrid
from microgrid import Program, Value, gradients
from microgrid.compiler.llvm.row_kernel import Rows
from microgrid.core.engine import as_value
from microgrid.core.rule import EVERY_RULE, RULES, Region, Rule

ORDERS = (1, 2, 3)
BOUNDS = {1: 4.0, 2: 8.0, 3: 32.0}
"""The goal, in ulp, by order."""

_OVERFLOW = "a product or quotient on the way overflows, or is subnormal, where the derivative is neither"
_SUBNORMAL = f"of subnormal operands: {_OVERFLOW}"

TAILS_APART = {
    "pow": "x**y that is 0 by underflow counts as 0 for the slope by y; from y = 1e100 on y·(y - 1)·(y - 2) overflows",
    "atan2": f"near (0, 0): {_OVERFLOW}",
    "xlogy": _SUBNORMAL,
    "hypot": _SUBNORMAL,
    "logsumexp": "order 3 is a difference of shares where all operands are tiny",
    "gauss": "among subnormal results, whose rounding is multiplied by 2·x",
    "unit_x": _SUBNORMAL,
    "unit_y": _SUBNORMAL,
    "digamma_gap": "orders 2 and 3 are differences of nearly equal polygammas where y is small beside x",
    "trigamma_gap": "orders 2 and 3 are differences of nearly equal polygammas where y is small beside x",
    "beta": "where both operands are small, mixed derivatives are differences of nearly equal terms",
}
"""Rules whose tails are over the goal, and why."""

EVERYDAY_APART = {
    "beta": "by 25 % at order 1; mixed derivatives where both operands are small are differences of nearly equal terms",
}
"""Rules that are over the goal where they are regular, and by how much."""

LENGTHS = (2, 5)
"""How many operands an n-ary rule is tried with, for each of its lists."""

Index = tuple[int, ...]
"""The operands that are differentiated with respect to, one after the other."""


# ---- points ---------------------------------------------------------------------------------------------------


def layouts(rule: Rule) -> list[list[Region]]:
    """The region of every operand; for an n-ary rule, for several numbers of operands."""
    if rule.arity is not None:
        return [list(rule.regions)]
    return [[region for region in rule.regions for _ in range(length)] for length in LENGTHS]


def everyday_points(regions: Sequence[Region], draw: random.Random, count: int) -> Iterator[Operands]:
    """Random points of the open intervals in which a rule is regular."""
    for _ in range(count):
        yield tuple([draw.choice(r.tails) if r.constant else draw.uniform(r.low, r.high) for r in regions])


def wide_points(regions: Sequence[Region], draw: random.Random, count: int) -> Iterator[Operands]:
    """Points of every size: each operand between two neighbours among its tails, uniform on a logarithmic scale.

    Half of them have operands of one size, which is where differences and quotients of operands are delicate.
    """
    for place in range(count):
        first = _between_tails(regions[0], draw)
        close = [first * draw.choice((-1.0, 1.0)) * (1.0 + draw.uniform(-0.5, 0.5)) for _ in regions]
        fits = [not r.constant and min(r.tails) <= x <= max(r.tails) for x, r in zip(close, regions, strict=True)]
        others = zip(regions, close, fits, strict=True)
        yield tuple([x if fit and place % 2 else _between_tails(region, draw) for region, x, fit in others])


def _between_tails(region: Region, draw: random.Random) -> float:
    if region.constant:
        return draw.choice(region.tails)
    anchors = sorted({*region.tails, region.low or 1e-3, region.high})
    low, high = draw.choice([(a, b) for a, b in itertools.pairwise(anchors) if a * b > 0.0])
    if draw.random() < 0.2:
        return draw.choice((low, high))
    sign, sizes = math.copysign(1.0, low), sorted(map(math.log, (abs(low), abs(high))))
    return min(max(sign * math.exp(draw.uniform(*sizes)), low), high)


@dataclass(frozen=True)
class Points:
    """Where a rule is measured, with operands of one number: where it is regular, and in the tails."""

    regions: list[Region]
    everyday: list[Operands]
    extreme: list[Operands]


def points_of(rule: Rule, everyday: int, extreme: int, seed: str = "") -> list[Points]:
    """The points of a rule, for each number of operands."""
    draw = random.Random(rule.name + seed)
    found = []
    for regions in layouts(rule):
        if not extreme:
            found.append(Points(regions, list(everyday_points(regions, draw, everyday)), []))
            continue
        listed = list(tails(rule, extreme)) if rule.arity else []
        wide = [*wide_points(regions, draw, extreme), *draw.sample(listed, min(len(listed), extreme // 2))]
        wide += beside_kinks(rule) if rule.arity else []
        found.append(Points(regions, list(everyday_points(regions, draw, everyday)), wide))
    return found


def indices_of(regions: Sequence[Region], order: int) -> list[Index]:
    """What is differentiated with respect to: all of it for a few operands, the first and the last of many."""
    moving = [place for place, region in enumerate(regions) if not region.constant]
    if len(moving) > 3:
        moving = [moving[0], moving[-1]]
    return list(itertools.product(moving, repeat=order))


# ---- the reference --------------------------------------------------------------------------------------------


class Reference:
    """The derivatives of a rule's function at one point, by central differences of the function in high precision."""

    def __init__(self, rule: Rule, operands: Operands, shrunk: int = 0) -> None:
        self.function, self.operands = definition(rule), operands
        size = max([1.0, *[abs(x) for x in operands if math.isfinite(x)]])
        smallest = min([abs(x) for x in operands if x], default=1.0)
        logarithms = [25 + shrunk + math.log10(size) - math.log10(abs(x) or smallest) for x in operands]
        # Differences of three orders lose three times the digits of a step, and their result may be as small as the
        # step; a saturated function loses the digits of e^-1000.
        self.digits = 120 + 4 * math.ceil(max(logarithms)) + (900 if size > 5.0 else 0)
        with mpmath.workdps(self.digits):
            self.xs = [mpmath.mpf(x) for x in operands]
            self.steps = [mpmath.mpf(10) ** -(25 + shrunk) / mpmath.mpf(size) * abs(x or smallest) for x in self.xs]
        self._values: dict[Index, Any] = {}

    def value(self, moves: Index) -> Any:
        """The function where each operand is so many steps away."""
        if moves not in self._values:
            moved = [x + move * step for x, move, step in zip(self.xs, moves, self.steps, strict=True)]
            self._values[moves] = self.function(*moved)
        return self._values[moves]

    def derivative(self, index: Index) -> Any:
        """The derivative with respect to these operands."""
        with mpmath.workdps(self.digits):
            total, size = mpmath.mpf(0), max(map(abs, self.xs))
            for signs in itertools.product((1, -1), repeat=len(index)):
                moves = [0] * len(self.xs)
                for sign, place in zip(signs, index, strict=True):
                    moves[place] += sign
                term = self.value(tuple(moves))
                total, size = total + math.prod(signs) * term, size + abs(term)
            if abs(total) < size * mpmath.mpf(10) ** (20 - self.digits):
                return mpmath.mpf(0)  # what is left of a difference of equal numbers is their rounding
            return total / mpmath.fprod([2 * self.steps[place] for place in index])


def true_derivative(rule: Rule, reference: Reference, index: Index) -> Any:
    """The derivative in high precision; None where there is none, or none that a float can hold."""
    found = reference.derivative(index)
    if rule.kinks:  # across a jump the quotient grows as the step shrinks
        finer = Reference(rule, reference.operands, shrunk=5).derivative(index)
        if not abs(found - finer) <= abs(found) / 10**15:
            return None
    return found if is_finite(found) else None


def is_beside_root(rule: Rule, operands: Operands, index: Index, sign: Any) -> bool:
    """Whether the derivative changes its sign within a quarter of an operand: there its relative error grows."""
    for place, factor in itertools.product(range(len(operands)), (0.75, 0.9, 1.1, 1.25)):
        moved = (*operands[:place], operands[place] * factor, *operands[place + 1 :])
        there = Reference(rule, moved).derivative(index)
        if mpmath.isfinite(there) and there * sign < 0:
            return True
    return False


def error(rule: Rule, operands: Operands, index: Index, got: float, exact: Any, bound: float) -> float:
    """How far off a derivative is, in ulp; beside its root, in what an ulp of each operand makes of it besides."""
    off = distance(got, exact)
    found = float(off / ulp(exact))
    if found <= bound or not math.isfinite(found) or not is_beside_root(rule, operands, index, exact):
        return found
    longer = Reference(rule, operands)
    longer.digits += 100
    moves = [abs(longer.derivative((*index, place))) * math.ulp(x) for place, x in enumerate(operands)]
    return float(off / (ulp(exact) + mpmath.fsum([move for move in moves if mpmath.isfinite(move)])))


# ---- the ways -------------------------------------------------------------------------------------------------

Derivatives = dict[Index, float]


def recorded(rule: Rule, operands: Sequence[Value], indices: Sequence[Index]) -> dict[Index, Value]:
    """The derivatives as graphs: gradients, their gradients, and theirs."""
    known: dict[Index, Any] = {(): record(rule, operands)}
    leaves = [operand for operand in operands if not operand.is_constant]
    for begun in sorted({index[:cut] for index in indices for cut in range(len(index))}, key=len):
        slopes = iter(gradients(known[begun], leaves))
        for place, operand in enumerate(operands):
            if not operand.is_constant:
                known[(*begun, place)] = next(slopes)
    return {index: known[index] for index in indices}


def eager(rule: Rule, points: Points, operands: Operands, indices: Sequence[Index]) -> Derivatives:
    """Gradients of gradients, recorded at the point by the engine in use."""
    leaves = [as_value(x) if r.constant else Value(x) for x, r in zip(operands, points.regions, strict=True)]
    return {index: slope.data for index, slope in recorded(rule, leaves, indices).items()}


def forward(rule: Rule, points: Points, operands: Operands, indices: Sequence[Index]) -> Derivatives:
    """Series: the Hessian by forward over reverse, and the third derivatives along each operand."""
    moving = [place for place, region in enumerate(points.regions) if not region.constant]

    def function(numbers: Sequence[Any]) -> Any:
        given = dict(zip(moving, numbers, strict=True))
        return record(rule, [as_value(given.get(place, x)) for place, x in enumerate(operands)])

    rows = microgrid.hessian(function)([operands[place] for place in moving])
    found: Derivatives = {}
    for index in indices:
        first, places = index[0], [moving.index(place) for place in index]
        if len(index) == 2:
            row, column = places
            found[index] = rows[row][column]
        elif set(index) == {first}:
            rest = [operands[place] for place in moving]

            def along(x: Any, at: int = places[0], rest: Sequence[Any] = rest) -> Any:
                return function([*rest[:at], x, *rest[at + 1 :]])

            found[index] = microgrid.derivative(along, len(index))(operands[first])
    return found


Constants = tuple[float | None, ...]
"""The operands that are never differentiated, which a program holds as constants; None for the others."""


def _constants(regions: Sequence[Region], operands: Operands) -> Constants:
    return tuple([x if region.constant else None for region, x in zip(regions, operands, strict=True)])


@functools.cache
def _program(rule: Rule, indices: tuple[Index, ...], constants: Constants) -> Program:
    regions = next(regions for regions in layouts(rule) if len(regions) == len(constants))
    places = [0.75 * region.low + 0.25 * region.high for region in regions]
    leaves = [Value(x) if fixed is None else as_value(fixed) for x, fixed in zip(places, constants, strict=True)]
    slopes = recorded(rule, leaves, indices).values()
    return Program.record(list(slopes), [leaf for leaf in leaves if not leaf.is_constant])


@functools.cache
def _at_a_point(rule: Rule, indices: tuple[Index, ...], constants: Constants) -> Any:
    return microgrid.compile(_program(rule, indices, constants))


def compiled(rule: Rule, points: Points, operands: Operands, indices: Sequence[Index]) -> Derivatives:
    """The same graphs, recorded once at another point and compiled."""
    constants = _constants(points.regions, operands)
    moving = [x for x, fixed in zip(operands, constants, strict=True) if fixed is None]
    results = _at_a_point(rule, tuple(indices), constants)(*moving)
    return dict(zip(indices, results if isinstance(results, list | tuple) else [results], strict=True))


POINTWISE: dict[str, Callable[..., Derivatives]] = {"eager": eager, "series": forward, "compiled": compiled}


def on_rows(
    rule: Rule, regions: list[Region], rows: Sequence[Operands], indices: Sequence[Index]
) -> dict[Operands, Derivatives]:
    """The same on rows, with the processor's vector functions."""
    found = {}
    for constants, group in itertools.groupby(
        sorted(rows, key=lambda at: str(_constants(regions, at))), lambda at: _constants(regions, at)
    ):
        operands = list(group)
        moving = [place for place, fixed in enumerate(constants) if fixed is None]
        kernel = Rows(_program(rule, tuple(indices), constants), [list(range(len(moving)))], [], reduce=None)
        frame = kernel.frame(derivatives=False, threads=1)
        frame.take([np.array(operands)[:, moving]])
        frame.run()
        for at, row in zip(operands, frame.outputs, strict=True):
            found[at] = dict(zip(indices, map(float, row), strict=True))
    return found


# ---- measuring ------------------------------------------------------------------------------------------------


@dataclass
class Worst:
    """The largest error seen, where, and how many were looked at."""

    ulps: float = 0.0
    at: str = ""
    checks: int = 0

    def see(self, found: float, at: str) -> None:
        """Take one derivative into account."""
        self.checks += 1
        if not found <= self.ulps:
            self.ulps, self.at = found, at


@dataclass
class Measured:
    """The worst errors of one rule, by region ("everyday" or "tails"), kind of way ("point" or "rows") and order."""

    worst: dict[tuple[str, str, int], Worst] = field(default_factory=dict)

    def see(self, region: str, way: str, index: Index, found: float, operands: Operands) -> None:
        """Take one derivative into account."""
        kind = "rows" if way == "rows" else "point"
        worst = self.worst.setdefault((region, kind, len(index)), Worst())
        worst.see(found, f"{way}, derivative by {index} at {operands}")


def measure(rule: Rule, everyday: int, extreme: int, seed: str = "", *, rows: bool = True) -> Measured:
    """Every derivative of a rule, at a point in every way and on rows, at so many points of each kind."""
    measured = Measured()
    for points in points_of(rule, everyday, extreme, seed):
        indices = [index for order in ORDERS for index in indices_of(points.regions, order)]
        where = [("everyday", at) for at in points.everyday] + [("tails", at) for at in points.extreme]
        found_on_rows = on_rows(rule, points.regions, [at for _, at in where], indices) if rows else {}
        for region, operands in where:
            ways = {name: way(rule, points, operands, indices) for name, way in POINTWISE.items()}
            if rows:
                ways["rows"] = found_on_rows[operands]
            _compare(rule, region, operands, indices, ways, measured)
    return measured


def _compare(
    rule: Rule, region: str, operands: Operands, indices: list[Index], ways: dict[str, Derivatives], into: Measured
) -> None:
    reference = Reference(rule, operands)
    if rule.arity is None and not is_finite(reference.function(*map(abs, map(mpmath.mpf, operands)))):
        return  # a partial sum overflows, as in any summation
    exact = {index: true_derivative(rule, reference, index) for index in {tuple(sorted(index)) for index in indices}}
    for way, found in ways.items():
        for index, got in found.items():
            truth = exact[tuple(sorted(index))]
            if truth is not None:
                off = error(rule, operands, index, got, truth, BOUNDS[len(index)])
                into.see(region, way, index, off, operands)


def faults(name: str, measured: Measured) -> list[str]:
    """What is over the goal and not told to be."""
    told = {"tails"} if name in TAILS_APART else set()
    told |= {"everyday"} if name in EVERYDAY_APART else set()
    return [
        f"{name}, order {order}, {region}: {worst.ulps:.3g} ulp by {worst.at}"
        for (region, _, order), worst in measured.worst.items()
        if not worst.ulps <= BOUNDS[order] and region not in told
    ]


# ---- the page -------------------------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"

_HEAD = """# Accuracy

How far the derivatives of every rule are off, in ulp (units in the last place of the right value), by their order.
The largest errors are of {everyday} random points where a rule is regular, and of {extreme} or more in its tails: near
0, where it saturates, near overflow, among subnormal numbers, beside its kinks. The right value is that of mpmath's own
function, differentiated in high precision. *Point* is the worst of gradients of gradients, series (`hessian`,
`derivative`) and code compiled at a point; *rows* is compiled code with the processor's vector functions.

The goal is 4, 8 and 32 ulp for orders 1, 2 and 3. Beside a root of the derivative, where no formula keeps relative
digits, what an ulp of each operand makes is counted too. `make accuracy` measures anew and writes this page. Rules that
are no functions are nodes of derivatives alone.

"""


def page(results: dict[str, Measured], everyday: int, extreme: int) -> str:
    """The page of the documentation, from what was measured."""
    columns = list(itertools.product(("everyday", "tails"), ("point", "rows"), ORDERS))
    titles = [f"{region}, {kind}: {order}" if order == 1 else str(order) for region, kind, order in columns]
    lines = [f"| rule | {' | '.join(titles)} |", "|---|" + "---:|" * len(columns)]
    for name, measured in results.items():
        cells = [_figure(measured.worst.get(column, Worst())) for column in columns]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    apart = [f"- `{name}`: {reason}" for name, reason in TAILS_APART.items() if name in results]
    head = _HEAD.format(everyday=everyday, extreme=extreme)
    told = [f"- `{name}`: {how}" for name, how in EVERYDAY_APART.items() if name in results]
    everyday_apart = ["Where everyday operands are over the goal:", "", *told, ""]
    tails_apart = ["Where the tails are over the goal, and why:", "", *apart, ""]
    return "\n".join([head + lines[0], *lines[1:], "", *everyday_apart, *tails_apart])


def _figure(worst: Worst) -> str:
    if not worst.checks:
        return "–"
    if not math.isfinite(worst.ulps):
        return "not finite"
    return f"{worst.ulps:.1f}" if worst.ulps < 1000 else f"{worst.ulps:.0e}"


MEASURED = [name for name, one in EVERY_RULE.items() if not any(r.constant for r in one.regions) or name in RULES]
"""The rules that are measured: all that are differentiated with respect to what they depend on."""


def main() -> None:
    """Measure the rules that are named, or all and write the page."""
    everyday, extreme = map(int, sys.argv[1:3])
    results: dict[str, Measured] = {}
    for name in sys.argv[3:] or MEASURED:
        results[name] = measure(EVERY_RULE[name], everyday, extreme)
        worst = [_figure(cell) for cell in results[name].worst.values()]
        print(name, *worst, *[f"\n    {fault}" for fault in faults(name, results[name])], flush=True)
    if not sys.argv[3:]:
        PAGE.write_text(page(results, everyday, extreme), encoding="utf-8")


if __name__ == "__main__":
    main()
