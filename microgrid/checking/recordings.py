"""A function recorded at a point, and recorded again on both sides of it, to find kinks, branches and missing paths.

A recorded graph represents its function only if recording the function at other points gives the same graph with
other leaves. If the function takes other branches on the two sides of a point, the point lies on a kink. If a constant
of the graph differs between the two sides, it was computed from the inputs outside of the graph (with ``.data``, for
instance), and a path is missing from the graph.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any

from microgrid.checking.structures import the_one
from microgrid.core.arithmetic import Arithmetic
from microgrid.core.comparison import Comparison
from microgrid.core.engine import Value
from microgrid.core.graph import topological_order
from microgrid.core.ieee import IEEE_ELEMENTARY, Ieee
from microgrid.core.rule import Rule
from microgrid.errors import InvalidValueError
from microgrid.util.labels import shortened

__all__ = [
    "Crossing",
    "Detached",
    "Neighbourhood",
    "Recording",
    "examine_neighbourhood",
    "is_torn",
    "node_on_kink",
    "record",
    "single",
]

Call = Callable[[Sequence[Any]], Any]

# The distance of the two recordings from the point, relative to each coordinate: the least at which rounding leaves two
# sides, and one at which every smooth function is nearly linear.
_BESIDE, _NEAR = 2.0**-48, 2.0**-20
_FARTHER = 16.0  # multiple of the distance at which a kink has to remain the same
_LEAST_NORMAL = sys.float_info.min  # smaller floats have fewer digits
_SAME_SLOPE = 1e-6  # relative difference of two gradients at that distance that a smooth function may have


@dataclass(eq=False)
class Recording:
    """A function's graph at one point, perhaps beside the function at another one, which it is ``like``."""

    inputs: list[Value]  # the leaves that the function was called with
    output: Value  # its result
    like: InitVar[Recording | None] = None
    # every node, parents before children; the same order as in the other graph, if that has the same structure
    order: list[Value] = field(init=False)
    # of each node when it was recorded: the function may use the same leaves in every recording, and change their data
    data: list[float] = field(init=False)
    # whether it has the other graph's structure: the same operations on the same operands and inputs
    is_alike: bool = field(init=False)

    def __post_init__(self, like: Recording | None) -> None:
        order = like and _order_like(like, self.inputs, self.output)
        self.is_alike = bool(order)
        self.order = order or topological_order(self.output)
        self.data = [node.data for node in self.order]

    @cached_property
    def positions(self) -> dict[Value, int]:
        """The index of each node in the order."""
        return {node: position for position, node in enumerate(self.order)}

    @cached_property
    def adjoints(self) -> list[float]:
        """The derivative of the output with respect to each node, as ``backward`` leaves it in ``grad``."""
        return _backward(self.output, self.order)

    @property
    def gradient(self) -> list[float]:
        """The derivative with respect to each input; 0 where the graph doesn't reach it."""
        return [self.adjoints[self.positions[leaf]] if leaf in self.positions else 0.0 for leaf in self.inputs]

    @cached_property
    def steps(self) -> list[tuple[Value, Any, Sequence[Value]]]:
        """Each node with its operation and operands, children before parents."""
        return [(node, node.op, node.parents) for node in reversed(self.order)]

    @cached_property
    def constants(self) -> list[int]:
        """The positions of leaves that are not inputs."""
        inputs = set(self.inputs)
        return [place for place, node in enumerate(self.order) if node.op is None and node not in inputs]


def _order_like(like: Recording, inputs: Sequence[Value], output: Value) -> list[Value] | None:
    """The nodes of a graph in the order of another one; None if they differ in structure."""
    partners = dict(zip(like.inputs, inputs, strict=True))
    if partners.setdefault(like.output, output) is not output:
        return None
    own, theirs, pair = set(inputs), set(like.inputs), partners.setdefault
    for node, op, parents in like.steps:
        partner = partners[node]
        other = partner.op
        if op is None or other is None:
            if op is not other or (node in theirs) != (partner in own):
                return None
        elif op is not other and op.name != other.name:
            return None
        others = partner.parents
        if len(parents) != len(others) or any([pair(one, two) is not two for one, two in zip(parents, others)]):  # noqa: B905  # of one length
            return None
    return [partners[node] for node in like.order]


def _backward(output: Value, order: Sequence[Value]) -> list[float]:
    """The adjoints by ``backward``. Every ``grad`` is restored, since the function's own leaves may have one."""
    kept = [node.grad for node in order]
    try:
        output.zero_grad()
        output.backward()
        return [node.grad for node in order]
    finally:  # inside strict(), backward raises
        for node, grad in zip(order, kept, strict=True):
            node.grad = grad


def record(call: Call, names: Sequence[str], numbers: Sequence[float], like: Recording | None = None) -> Recording:
    """Call a function with Values and keep the graph, in the order of that at another point if it is ``like`` it.

    A function that returns a plain number has a graph of one node. InvalidValueError if there is not a single number.
    """
    inputs = [Value(number, name) for name, number in zip(names, numbers, strict=True)]
    return Recording(inputs, single(call(inputs)), like)


def single(result: Any) -> Value:
    """What f returned, as a Value; InvalidValueError if it is not a single number."""
    result = the_one(result)
    if isinstance(result, Comparison):
        result = result.record()
    if isinstance(result, Value):
        return result
    try:
        return Value(result)
    except InvalidValueError as error:
        raise InvalidValueError(
            f"f gave {shortened(repr(result), 60)}, and only a single number has a gradient: check one output at a "
            "time, such as lambda x: f(x)[0]"
        ) from error


# ---- decisions: the comparisons of a rule with kinks -------------------------------------------------------------


class _DecisionLog(Arithmetic):
    """Floats whose comparisons are logged, and whether what is compared is equal."""

    def __init__(self) -> None:
        logged = {"abs": self._abs, "floor": self._floor, "fmod": self._fmod}
        super().__init__("decisions", floats=True, pi=math.pi, inf=math.inf, **IEEE_ELEMENTARY | logged)
        self._taken: list[float] = []
        self._is_tied = self.is_torn = False

    def decisions(self, node: Value) -> list[float]:
        """What a node's rule decides at its operands: comparisons, whole numbers; nothing for a rule without kinks."""
        rule: Rule | None = node.op
        self._taken, self._is_tied, self.is_torn = [], False, False
        if rule is None or not (rule.kinks or (rule.source is not None and rule.portable)):
            return []
        value, partials = self.bind(rule)
        operands = [Ieee(parent.data) for parent in node.parents]  # 1/0 is infinite, and raises nothing
        partials(value(*operands), *operands)
        return self._taken

    def is_tied(self, node: Value) -> bool:
        """Whether a node's rule compares equal numbers, or its operands are the point of a kink."""
        self.decisions(node)
        operands = tuple([parent.data for parent in node.parents])
        return self._is_tied or (node.op is not None and any([kink.at == operands for kink in node.op.kinks]))

    def _note(self, truth: bool, x: float, y: float) -> bool:
        self._taken.append(truth)
        self._is_tied = self._is_tied or x == y
        return truth

    def _abs(self, x: float) -> float:
        self._note(x > 0.0, x, 0.0)
        return abs(x)

    def less(self, x: float, y: float) -> bool:
        return self._note(x < y, x, y)

    def less_equal(self, x: float, y: float) -> bool:
        return self._note(x <= y, x, y)

    def equal(self, x: float, y: float) -> bool:
        return self._note(x == y, x, y)

    def _floor(self, x: float) -> Any:
        whole = IEEE_ELEMENTARY["floor"](x)
        self._taken.append(whole)
        self._is_tied = self._is_tied or whole == x
        return whole

    def _fmod(self, x: float, y: float) -> Any:
        rest = IEEE_ELEMENTARY["fmod"](x, y)
        whole = (x - rest) / y
        self._taken.append(whole)
        # Beyond, neighbouring floats have other quotients: they see nothing of the function between two jumps.
        self.is_torn = self.is_torn or rest == 0.0 or not abs(whole) < 2.0**53
        self._is_tied = self._is_tied or self.is_torn
        return rest

    def where(self, truth: bool, then: Any, otherwise: Any) -> Any:
        return then if truth else otherwise


_GUARDS = frozenset({"where", "less", "less_equal", "equal"})


def is_torn(node: Value) -> bool:
    """Whether a node's operands lie on a jump of a remainder, or on too many for floats to tell them apart."""
    log = _DecisionLog()
    log.decisions(node)
    return log.is_torn


def node_on_kink(recording: Recording, edge: Value | None) -> Value | None:
    """The first node whose derivatives at its operands are a convention, or the edge of the neighbourhood.

    Comparisons and choices are left out: a guard that was written into a function has to have the right derivatives.
    """
    log = _DecisionLog()
    for node in recording.order:
        if node.op is not None and node.op.name not in _GUARDS and (node is edge or log.is_tied(node)):
            return node
    return None


# ---- on both sides of the point -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crossing:
    """A kink at the point, or closer to it than rounding can resolve."""

    # the first that decides differently on the two sides; None if only branches in Python code differ
    node: Value | None
    left: list[float]  # the gradient on this side, and on the right
    right: list[float]
    kinked: list[bool]  # for each coordinate, whether they differ
    jump: float  # the difference of the function's values on the two sides, beyond what the slopes explain

    def stays(self, farther: Crossing | None) -> bool:
        """Whether this is a kink. At a smooth join of two branches, sides that are farther apart differ more."""
        if farther is None:
            return False
        gaps = [
            [abs(after - before) for before, after in zip(one.left, one.right, strict=True)] for one in (self, farther)
        ]
        slopes_stay = any([near and not far > 0.5 * _FARTHER * near for near, far in zip(*gaps, strict=True)])
        return slopes_stay or (self.jump > 0.0 and not farther.jump > 0.5 * _FARTHER * self.jump)


@dataclass(frozen=True, slots=True)
class Detached:
    """A constant of the graph that depends on the inputs."""

    node: Value  # the leaf in the graph at the point
    child: Value | None  # the first node that uses it
    contribution: float  # to the change of the output: its adjoint times its own change


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The findings of the recordings around a point."""

    crossing: Crossing | None  # the kink that the point lies on
    detached: list[Detached]  # constants that depend on the inputs, the one with the largest contribution first
    repeatable: bool  # whether the function gives the same graph when it is called again at the same point
    alike: bool  # whether the graph has the same structure on the two sides
    # the first node that compares equal numbers at the point and not beside it, or has a kink or a cut there: a replay
    # at the point alone does not see both sides
    edge: Value | None = None


def examine_neighbourhood(call: Call, names: Sequence[str], base: Recording, seed: int) -> Neighbourhood:
    """Record the function on both sides of the point, and again at the point if the graph differs there, and compare.

    The seed is that of the direction in which the sides lie.
    """
    numbers = [leaf.data for leaf in base.inputs]

    def beside(distance: float) -> tuple[Recording, Recording] | None:
        left, right = _sides(numbers, distance, random.Random(seed))
        try:
            return record(call, names, left, base), record(call, names, right, base)
        except Exception:  # noqa: BLE001  # defined at the point itself, so any exception means: undefined here
            return None

    sides = beside(_BESIDE)
    if not sides or not all([side.is_alike and not _moved(base, base, side) for side in sides]):
        again = record(call, names, numbers, base)
        if not again.is_alike or _moved(base, base, again):
            return Neighbourhood(None, [], repeatable=False, alike=False)
    crossing = _crossing(base, *sides) if sides else None
    if sides and crossing:
        farther = beside(_FARTHER * _BESIDE)
        if crossing.stays(_crossing(base, *farther) if farther else None):
            alike = all([side.is_alike for side in sides])
            return Neighbourhood(crossing, [], repeatable=True, alike=alike, edge=crossing.node)
    for pair in (beside(_NEAR), sides):  # a branch in Python code may lie between the point and the farther sides
        if pair and pair[0].is_alike and pair[1].is_alike:
            edge = _decider(base, *sides) if sides and sides[0].is_alike and sides[1].is_alike else None
            return Neighbourhood(None, _detached(base, *pair), repeatable=True, alike=True, edge=edge)
    return Neighbourhood(None, [], repeatable=True, alike=False)


def _sides(numbers: Sequence[float], distance: float, source: random.Random) -> tuple[list[float], list[float]]:
    """Two points on opposite sides, in a random direction that changes every coordinate."""
    unit = min(max(map(abs, numbers)), 1.0) or 1.0
    steps = [source.choice((-1.0, 1.0)) * source.uniform(1.0, 2.0) * distance * (abs(x) or unit) for x in numbers]
    return (
        [x - step for x, step in zip(numbers, steps, strict=True)],
        [x + step for x, step in zip(numbers, steps, strict=True)],
    )


def _moved(base: Recording, one: Recording, other: Recording) -> list[int]:
    """The positions of leaves that are not inputs and differ, in two graphs of the base's structure."""
    return [place for place in base.constants if one.data[place] != other.data[place] == other.data[place]]


def _crossing(base: Recording, left: Recording, right: Recording) -> Crossing | None:
    """The kink between two sides that decide differently, if slopes or values differ too."""
    alike = left.is_alike and right.is_alike
    decider = _decider(base, left, right) if alike else None
    if (alike and decider is None) or not all([math.isfinite(side.output.data) for side in (left, right)]):
        return None
    largest = max([abs(slope) for side in (left, right) for slope in side.gradient])
    kinked = [
        not abs(after - before) <= _SAME_SLOPE * max(abs(before), abs(after), _SAME_SLOPE * largest) + _LEAST_NORMAL
        for before, after in zip(left.gradient, right.gradient, strict=True)
    ]
    jump = _jump(left, right)
    return Crossing(decider, left.gradient, right.gradient, kinked, jump) if jump or any(kinked) else None


def _decider(base: Recording, left: Recording, right: Recording) -> Value | None:
    """The first node that decides or is cut between the two sides, or at the point alone."""
    log = _DecisionLog()
    for node, before, after in zip(base.order, left.order, right.order, strict=True):
        if node.op is None:
            continue
        if log.decisions(before) != log.decisions(after) or _is_cut(before, after):
            return node
        if log.is_tied(node) and not (log.is_tied(before) and log.is_tied(after)):
            return node
    return None


def _is_cut(before: Value, after: Value) -> bool:
    """Whether a node jumps between two sides: its value changes by far more than its slopes explain."""
    moves = zip(before.parents, after.parents, before.partials, after.partials, strict=True)
    explained = math.fsum([abs(there.data - here.data) * (abs(one) + abs(other)) for here, there, one, other in moves])
    return abs(after.data - before.data) > 1e3 * explained + _SAME_SLOPE * max(abs(before.data), abs(after.data))


def _jump(left: Recording, right: Recording) -> float:
    """The change of the output beyond what its slopes on the two sides explain; 0 if that may be rounding."""
    before, after = left.output.data, right.output.data
    steps = [there.data - here.data for here, there in zip(left.inputs, right.inputs, strict=True)]
    explained = math.fsum(
        [
            abs(step) * (abs(slope) + abs(other))
            for step, slope, other in zip(steps, left.gradient, right.gradient, strict=True)
        ]
    )
    unexplained = abs(after - before) - explained
    return unexplained if unexplained > _SAME_SLOPE * max(abs(before), abs(after)) + _LEAST_NORMAL else 0.0


def _detached(base: Recording, left: Recording, right: Recording) -> list[Detached]:
    children = {parent: node for node in reversed(base.order) for parent in node.parents}
    found = []
    for position in _moved(base, left, right):
        contribution = base.adjoints[position] * (right.data[position] - left.data[position])
        found.append(Detached(base.order[position], children.get(base.order[position]), contribution))
    return sorted(found, key=lambda constant: -abs(constant.contribution))
