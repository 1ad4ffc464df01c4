"""A recorded graph in ball arithmetic: enclosures of its value and derivatives, and how they are told in digits.

What is asked of them, at a point or over a region, stands in ``certificate`` and ``regions``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from microgrid._public import public
from microgrid.core.adjoints import Adjoints
from microgrid.core.engine import Value
from microgrid.core.graph import dependents, topological_order
from microgrid.core.strictness import described, operands_described
from microgrid.errors import DataError, OperationError

__all__ = [
    "Enclosed",
    "Enclosure",
    "GraphInBalls",
    "ball_module",
    "enclosure_of",
    "node_described",
    "outward",
    "ulps_off",
]

Ball = Any
Bound = Fraction | float

_FAR = 40_000  # bits of an exponent beyond which a bound isn't written out


def ball_module() -> Any:
    """The module of ball arithmetic, or an error that says what to install."""
    import microgrid.arithmetics.ball

    return microgrid.arithmetics.ball


@public()
@dataclass(frozen=True, slots=True)
class Enclosure:
    """Two exact numbers between which a real number lies, as a theorem.

    Parameters
    ----------
    low, high : Fraction or float
        The bounds, both included: exact fractions, or an infinite float where nothing is known.
    recorded : float or None, default None
        The number as eager floats have it.
    digits : int, default 17
        The most digits that its text has.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from microgrid import Enclosure
    >>> third = Enclosure(Fraction(333_332, 10**6), Fraction(333_334, 10**6), recorded=1 / 3)
    >>> print(third)
    0.33333
    >>> Fraction(1, 3) in third, Fraction(1, 2) in third
    (True, False)
    """

    low: Bound
    high: Bound
    recorded: float | None = None
    digits: int = 17

    @property
    def is_bounded(self) -> bool:
        """Whether both bounds are finite."""
        return not (isinstance(self.low, float) or isinstance(self.high, float))

    @property
    def is_exact(self) -> bool:
        """Whether the two bounds are equal."""
        return self.is_bounded and self.low == self.high

    @property
    def sign(self) -> int | None:
        """1, -1 or 0 if every number between the bounds has that sign; otherwise None."""
        if self.low > 0 or self.high < 0:
            return 1 if self.low > 0 else -1
        return 0 if self.low == self.high == 0 else None

    @property
    def ulp(self) -> float:
        """The most that the recorded float can be off, in units in the last place of the true number."""
        return math.nan if self.recorded is None else ulps_off(self.recorded, self)

    def __contains__(self, number: float | Fraction) -> bool:
        return self.low <= number <= self.high

    def __str__(self) -> str:
        digits = self.agreed_digits()
        return _decimal(self.low, digits) if digits else "between {} and {}".format(*self.ends())

    def ends(self, digits: int = 6) -> tuple[str, str]:
        """Both bounds as decimal numbers of a few digits, rounded outwards."""
        return outward(self.low, -1, digits), outward(self.high, 1, digits)

    def agreed_digits(self) -> int:
        """How many significant decimal digits, rounded, all numbers between the bounds share; at most ``digits``."""
        if not self.is_bounded:
            return 0
        for digits in range(self.digits, 0, -1):
            if _decimal(self.low, digits) == _decimal(self.high, digits):
                return digits
        return 0


def ulps_off(number: float, truth: Enclosure) -> float:
    """An upper bound on how far a float is from an enclosed number, in units in the last place of that."""
    if number in truth and truth.is_exact:
        return 0.0
    if not (math.isfinite(number) and truth.is_bounded):
        return math.inf
    low, high = Fraction(truth.low), Fraction(truth.high)
    distance = max(abs(Fraction(number) - bound) for bound in (low, high))
    smallest = Fraction(0) if low <= 0 <= high else min(abs(low), abs(high))
    unit = Fraction(2) ** max(_exponent(smallest) - 52, -1074)
    return _rounded(distance / unit, 1)


def _exponent(size: Fraction) -> int:
    """The power of two that a number is at least: 2**e <= size < 2**(e + 1); far below all floats for 0."""
    if not size:
        return -5000
    guess = size.numerator.bit_length() - size.denominator.bit_length()
    return guess if size >= Fraction(2) ** guess else guess - 1


def _rounded(number: Fraction, towards: int) -> float:
    """The nearest float that is not below a fraction (towards 1), or not above (-1)."""
    try:
        nearest = float(number)
    except OverflowError:
        nearest = math.inf if number > 0 else -math.inf
    if (nearest > number or nearest == number) if towards > 0 else nearest <= number:  # compared exactly
        return nearest
    return math.nextafter(nearest, towards * math.inf)


def _decimal(number: Bound, digits: int, rounding: str = "ROUND_HALF_EVEN") -> str:
    """The decimal number of so many digits that is nearest, or next in one direction."""
    fraction = Fraction(number)
    context = Context(prec=digits, rounding=rounding)
    return str(context.divide(Decimal(fraction.numerator), Decimal(fraction.denominator))).lower().replace("e+", "e")


def outward(number: Bound, towards: int, digits: int = 6) -> str:
    """A decimal number of a few digits that is not above a lower bound (towards -1), or not below an upper one."""
    if isinstance(number, float) and not math.isfinite(number):
        return repr(number)
    return _decimal(number, digits, "ROUND_CEILING" if towards > 0 else "ROUND_FLOOR")


def enclosure_of(number: Ball, recorded: float | None = None, digits: int = 17) -> Enclosure:
    """A ball as an enclosure, by exact fractions that are not narrower."""
    if not number.is_finite():
        return Enclosure(-math.inf, math.inf, recorded, digits)
    return Enclosure(-_top(-number), _top(number), recorded, digits)


def _top(number: Ball) -> Bound:
    """The upper end of a ball, or a number above it where that has an exponent of thousands of digits."""
    end = number.upper()
    if end == 0:
        return Fraction(0)
    if not abs(end) < 2**_FAR:
        return math.inf if end > 0 else Fraction(-(2**_FAR))
    if abs(end) * 2**_FAR < 1:
        return Fraction(1, 2**_FAR) if end > 0 else Fraction(0)
    return Fraction(ball_module().exact_fraction(end))


# ---- the graph -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Enclosed:
    """One evaluation of a graph: every slot's value and adjoint, and what rules with kinks met."""

    values: list[Ball]
    adjoints: list[Ball | None]
    met: dict[int, int]


class GraphInBalls:
    """A recorded graph, to be evaluated on balls again and again.

    Balls are put in the place of the leaves ``inputs``; the nodes of ``also`` are evaluated and not differentiated;
    ``constant`` gives the ball of any other leaf, by default the exact number in it. An ``order`` is the graph, parents
    before children, if it is sorted already. DataError if the number in a leaf is not finite; OperationError if an
    operation of the user's own is written for floats alone.
    """

    def __init__(
        self,
        output: Value,
        inputs: Sequence[Value],
        also: Sequence[Value] = (),
        constant: Callable[[Value], Ball] | None = None,
        order: Sequence[Value] | None = None,
    ) -> None:
        self.output, self.inputs = output, list(inputs)
        known = set(inputs)
        order = topological_order(output, *also) if order is None else order
        self.order = [*self.inputs, *[node for node in order if node not in known]]
        self._constant = constant or (lambda leaf: ball_module().ball(leaf.data))
        self.is_custom = any([node.op is not None and node.op.source is not None for node in self.order])
        self.places = {node: place for place, node in enumerate(self.order)}
        _check(self.order[len(self.inputs) :])
        moving = dependents([output, *also], self.inputs, self.order)
        self._fixed = [place for place, node in enumerate(self.order) if node not in moving]
        self._steps = [
            (place, node.op, [self.places[parent] for parent in node.parents])
            for place, node in enumerate(self.order)
            if node.op is not None and node in moving
        ]
        self._known: dict[int, list[Ball]] = {}

    def evaluate(self, numbers: Sequence[Ball]) -> tuple[list[Ball], dict[int, int]]:
        """Every slot's value, and what rules with kinks met by slot, at the working precision."""
        balls = ball_module()
        m, values, met = balls.BALL, self._start(numbers), {}
        for place, rule, operands in self._steps:
            m.met = balls.SMOOTH
            values[place] = m.bind(rule)[0](*[values[operand] for operand in operands])
            if m.met and (rule.kinks or rule.source is not None):
                met[place] = m.met
        return values, met

    def _start(self, numbers: Sequence[Ball]) -> list[Ball]:
        """The values of all that doesn't depend on the inputs, computed once for each precision."""
        balls = ball_module()
        bits = balls.ctx.prec
        if bits not in self._known:
            values: list[Ball] = [None] * len(self.order)
            for place in self._fixed:
                node = self.order[place]
                operands = [values[self.places[parent]] for parent in node.parents]
                values[place] = self._constant(node) if node.op is None else balls.BALL.bind(node.op)[0](*operands)
            self._known = {bits: values}
        values = self._known[bits].copy()
        values[: len(self.inputs)] = numbers
        return values

    def differentiate(self, numbers: Sequence[Ball]) -> Enclosed:
        """The value and, in reverse, the adjoint of every slot that depends on the inputs."""
        balls = ball_module()
        values, met = self.evaluate(numbers)
        m, adjoints = balls.BALL, Adjoints(balls.BALL)
        adjoints.hand(self.places[self.output], balls.ball(1.0))
        for place, rule, operands in reversed(self._steps):
            if place not in adjoints.sums:
                continue
            m.met = balls.SMOOTH
            partials = m.bind(rule)[1](values[place], *[values[operand] for operand in operands])
            if m.met and (rule.kinks or rule.source is not None):
                met[place] = max(m.met, met.get(place, 0))
            adjoints.hand_back(place, rule, zip(operands, partials, strict=True))
        found: list[Ball | None] = [None] * len(self.order)
        for place, total in adjoints.sums.items():
            found[place] = balls.arb(adjoints.of(place)) if place in adjoints.conditions else total  # type: ignore[call-overload]
        return Enclosed(values, found, met)

    def gradient(self, enclosed: Enclosed) -> list[Ball]:
        """The adjoints of the inputs; exactly 0 where nothing arrives."""
        zero = ball_module().ball(0.0)
        return [zero if one is None else one for one in enclosed.adjoints[: len(self.inputs)]]

    def hessian(self, numbers: Sequence[Ball]) -> list[list[Ball]]:
        """The second derivatives, by forward mode in all directions over reverse mode."""
        from microgrid.arithmetics.series import SeriesArithmetic, SparseVector

        balls = ball_module()
        m = SeriesArithmetic(balls.BALL)
        values = [number if number is None else m.lift(number) for number in self._start(numbers)]
        one = balls.ball(1.0)
        for place, number in enumerate(numbers):
            values[place] = m.variable(number, SparseVector({place: one}))
        for place, rule, operands in self._steps:
            values[place] = m.lift(m.bind(rule)[0](*[values[operand] for operand in operands]))
        adjoints = Adjoints(m)
        adjoints.hand(self.places[self.output], m.lift(one))
        for place, rule, operands in reversed(self._steps):
            if place in adjoints.sums:
                partials = m.bind(rule)[1](values[place], *[values[operand] for operand in operands])
                adjoints.hand_back(place, rule, zip(operands, partials, strict=True))
        rows = []
        for place in range(len(numbers)):
            slope = m.lift(adjoints.of(place)).coefficient(1)
            entries = {} if slope is None else slope.entries
            rows.append([balls.arb(entries.get(other, 0)) for other in range(len(numbers))])
        return rows

    def first_not_finite(self, values: Sequence[Ball]) -> Value | None:
        """The first node that has no finite enclosure, though its operands have one."""
        return next((node for node, one in zip(self.order, values, strict=True) if not one.is_finite()), None)


def _check(order: Sequence[Value]) -> None:
    for node in order:
        if node.op is None and not math.isfinite(node.data):
            raise DataError(f"the leaf {described(node)} is not finite, and an enclosure starts from finite numbers")
        if node.op is not None and not node.op.portable:
            raise OperationError(
                f"the operation {node.op.name} is written for floats alone, which proves nothing about real numbers: "
                "give both its functions a keyword-only parameter m, and take every function from it"
            )


def node_described(node: Value) -> str:
    """A node in a sentence: its name, its operation and what that was applied to."""
    name = f"{node.name} = " if node.name else ""
    return f"{name}{node.op.name} of {operands_described(node)}" if node.op is not None else described(node)
