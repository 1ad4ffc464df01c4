"""A function recorded at a point, and what recordings beside the point tell: kinks, branches, numbers that moved.

A recorded graph stands for its function only as long as recording the function elsewhere gives the same graph with
other leaves. Here the function is recorded anew on both sides of the point. If it took other branches there, the point
lies on a kink. If a number that the graph holds for a constant has changed, it was computed from the inputs where the
graph could not see it (with ``.data``, for instance), and a path is missing from the graph.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgrid.core.arithmetic import IEEE_ELEMENTARY, Arithmetic
from microgrid.core.graph import topological_order
from microgrid.core.rules import Rule
from microgrid.core.value import Comparison, Value
from microgrid.errors import InvalidValueError

__all__ = ["Crossing", "Recording", "Stray", "Surroundings", "look_around", "record", "value_of"]

Call = Callable[[Sequence[Any]], Any]

# How far the two recordings lie from the point, in relation to each coordinate: as near as rounding lets tell sides
# apart, and near enough for everything smooth to look straight.
_BESIDE, _NEAR = 2.0**-48, 2.0**-20
_FARTHER = 16.0  # how much farther two sides are taken to see whether a kink stays
_LEAST_NORMAL = sys.float_info.min  # below it, floats lose their digits
_SAME_SLOPE = 1e-6  # a relative difference of two gradients that smoothness explains, at that distance


@dataclass(slots=True, eq=False)
class Recording:
    """A function's graph at one point.

    Parameters
    ----------
    inputs : list of Value
        The leaves that the function was called with.
    output : Value
        What it gave.
    order : list of Value
        Every node, parents before children.
    adjoints : list of float
        For each of them the derivative of the output, as ``backward`` left it in ``grad``.
    data : list of float
        For each of them its data when it was recorded: leaves that the function brings along are the same in every
        recording, and the function may set them.
    places : dict
        Where each node stands in the order.
    """

    inputs: list[Value]
    output: Value
    order: list[Value] = field(init=False)
    data: list[float] = field(init=False)
    adjoints: list[float] = field(init=False)
    places: dict[Value, int] = field(init=False)

    def __post_init__(self) -> None:
        self.order = topological_order(self.output)
        self.data = [node.data for node in self.order]
        self.adjoints = _backward(self.output, self.order)
        self.places = {node: place for place, node in enumerate(self.order)}

    @property
    def gradient(self) -> list[float]:
        """The derivative with respect to each input; 0 where the graph doesn't reach it."""
        return [self.adjoints[self.places[leaf]] if leaf in self.places else 0.0 for leaf in self.inputs]

    def shape(self) -> list[tuple[str, list[int]]]:
        """How the graph is built: for each node the operation and where its operands stand, or which input it is."""
        inputs = {leaf: place for place, leaf in enumerate(self.inputs)}
        return [
            (node.op.name, [self.places[parent] for parent in node.parents])
            if node.op
            else ("", [inputs[node]] if node in inputs else [])
            for node in self.order
        ]


def _backward(output: Value, order: Sequence[Value]) -> list[float]:
    """What ``backward`` leaves in each ``grad``; nodes that the function brought along get their own back."""
    kept = [node.grad for node in order]
    try:
        output.zero_grad()
        output.backward()
        return [node.grad for node in order]
    finally:  # inside strict(), backward raises
        for node, grad in zip(order, kept, strict=True):
            node.grad = grad


def record(call: Call, names: Sequence[str], numbers: Sequence[float]) -> Recording:
    """Call a function with Values and keep the graph.

    Parameters
    ----------
    call : callable
        From a row of Values to the function's result.
    names : sequence of str
        The leaves' names.
    numbers : sequence of float
        Their data.

    Returns
    -------
    Recording
        With its derivatives. A function that gives a plain number has a graph of one node.

    Raises
    ------
    InvalidValueError
        If the result is no single number.
    """
    inputs = [Value(number, name) for name, number in zip(names, numbers, strict=True)]
    return Recording(inputs, _single(call(inputs)))


def value_of(call: Call, names: Sequence[str], numbers: Sequence[float]) -> float:
    """The function's value at a point, called as ``record`` calls it.

    Parameters
    ----------
    call, names, numbers
        As for ``record``.

    Returns
    -------
    float
        The data of its result.
    """
    return _single(call([Value(number, name) for name, number in zip(names, numbers, strict=True)])).data


def _single(result: Any) -> Value:
    if getattr(result, "size", None) == 1 and hasattr(result, "item"):
        result = result.item()
    if isinstance(result, Comparison):
        result = result.record()
    if isinstance(result, Value):
        return result
    try:
        return Value(result)
    except InvalidValueError as error:
        raise InvalidValueError(
            f"f gave {_short(result)}, and only a single number has a gradient: check one output at a time, "
            "such as lambda x: f(x)[0]"
        ) from error


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 60 else f"{text[:59]}…"


# ---- decisions: what a rule with kinks compared, and how it came out ---------------------------------------------


class _DecisionLog(Arithmetic):
    """Floats whose comparisons are logged."""

    def __init__(self) -> None:
        super().__init__("decisions", floats=True, abs=abs, pi=math.pi, inf=math.inf, **IEEE_ELEMENTARY)
        self._taken: list[bool] = []

    def decisions(self, node: Value) -> list[bool]:
        """The outcomes of the comparisons of a node's rule at its operands; none for a rule without kinks."""
        rule: Rule | None = node.op
        if rule is None or not rule.kinks:
            return []
        self._taken = []
        value, partials = self.bind(rule)
        operands = [parent.data for parent in node.parents]
        partials(value(*operands), *operands)
        return self._taken

    def _note(self, truth: bool) -> bool:
        self._taken.append(truth)
        return truth

    def less(self, x: float, y: float) -> bool:
        return self._note(x < y)

    def less_equal(self, x: float, y: float) -> bool:
        return self._note(x <= y)

    def equal(self, x: float, y: float) -> bool:
        return self._note(x == y)

    def where(self, truth: bool, then: Any, otherwise: Any) -> Any:
        return then if truth else otherwise


# ---- beside the point -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crossing:
    """A kink at the point, or nearer than rounding lets tell.

    Parameters
    ----------
    node : Value or None
        The first node that decides otherwise on the other side; None if only Python's own branches differ.
    left, right : list of float
        The gradients on the two sides.
    kinked : list of bool
        For each coordinate, whether they differ.
    jump : float
        How much more the function differs on the two sides than its slopes explain.
    """

    node: Value | None
    left: list[float]
    right: list[float]
    kinked: list[bool]
    jump: float

    def stays(self, farther: Crossing | None) -> bool:
        """Whether the kink is one: where a function joins smoothly, sides that lie farther apart differ more."""
        if farther is None:
            return False
        gaps = [
            [abs(after - before) for before, after in zip(one.left, one.right, strict=True)] for one in (self, farther)
        ]
        slopes_stay = any([near and not far > 0.5 * _FARTHER * near for near, far in zip(*gaps, strict=True)])
        return slopes_stay or (self.jump > 0.0 and not farther.jump > 0.5 * _FARTHER * self.jump)


@dataclass(frozen=True, slots=True)
class Stray:
    """A number that the graph holds for a constant, though it moves with the inputs.

    Parameters
    ----------
    node : Value
        The leaf in the graph at the point.
    child : Value or None
        The first node that uses it.
    share : float
        Its part in the movement of the output: its adjoint times its change.
    """

    node: Value
    child: Value | None
    share: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the recordings beside a point say.

    Parameters
    ----------
    crossing : Crossing or None
        The kink that the point lies on.
    strays : list of Stray
        Numbers that moved, the one with the largest share first.
    repeatable : bool
        Whether the function gives the same graph when it is called again at the same point.
    alike : bool
        Whether it gives a graph that is built alike on the two sides.
    """

    crossing: Crossing | None
    strays: list[Stray]
    repeatable: bool
    alike: bool


def look_around(call: Call, names: Sequence[str], base: Recording, seed: int) -> Surroundings:
    """Record the function again at the point and on both sides of it, and compare.

    Parameters
    ----------
    call : callable
        From a row of Values to the function's result.
    names : sequence of str
        The leaves' names.
    base : Recording
        The function at the point.
    seed : int
        Of the direction in which the sides lie.

    Returns
    -------
    Surroundings
        Kinks, numbers that moved, and whether the function repeats itself.
    """
    numbers = [leaf.data for leaf in base.inputs]
    again = record(call, names, numbers)
    if base.shape() != again.shape() or _moved(base, again):
        return Surroundings(None, [], repeatable=False, alike=False)

    def beside(distance: float) -> tuple[Recording, Recording] | None:
        left, right = _sides(numbers, distance, random.Random(seed))
        try:
            return record(call, names, left), record(call, names, right)
        except Exception:  # noqa: BLE001  # f gave a number at the point: whatever this is, f has none here
            return None

    sides = beside(_BESIDE)
    crossing = _crossing(base, *sides) if sides else None
    if sides and crossing:
        farther = beside(_FARTHER * _BESIDE)
        if crossing.stays(_crossing(base, *farther) if farther else None):
            alike = all([side.shape() == base.shape() for side in sides])
            return Surroundings(crossing, [], repeatable=True, alike=alike)
    for pair in (beside(_NEAR), sides):  # a branch of Python's may lie between the point and the farther two
        if pair and base.shape() == pair[0].shape() == pair[1].shape():
            return Surroundings(None, _strays(base, *pair), repeatable=True, alike=True)
    return Surroundings(None, [], repeatable=True, alike=False)


def _sides(numbers: Sequence[float], distance: float, source: random.Random) -> tuple[list[float], list[float]]:
    """Two points, one on either side, in a direction of chance that touches every coordinate."""
    unit = min(max(map(abs, numbers)), 1.0) or 1.0
    steps = [source.choice((-1.0, 1.0)) * source.uniform(1.0, 2.0) * distance * (abs(x) or unit) for x in numbers]
    return (
        [x - step for x, step in zip(numbers, steps, strict=True)],
        [x + step for x, step in zip(numbers, steps, strict=True)],
    )


def _moved(one: Recording, other: Recording) -> list[int]:
    """Places of leaves that are no inputs, and yet hold another number, in graphs that are built alike."""
    inputs = set(one.inputs)
    return [
        place
        for place, (node, before, after) in enumerate(zip(one.order, one.data, other.data, strict=True))
        if node.op is None and node not in inputs and before != after and before == before
    ]


def _crossing(base: Recording, left: Recording, right: Recording) -> Crossing | None:
    """The kink between two sides: decided otherwise, and with another slope or value."""
    alike = left.shape() == right.shape() == base.shape()
    decider = _decider(base, left, right) if alike else None
    if alike and decider is None:
        return None
    largest = max([abs(slope) for side in (left, right) for slope in side.gradient])
    kinked = [
        not abs(after - before) <= _SAME_SLOPE * max(abs(before), abs(after), _SAME_SLOPE * largest) + _LEAST_NORMAL
        for before, after in zip(left.gradient, right.gradient, strict=True)
    ]
    jump = _jump(left, right)
    return Crossing(decider, left.gradient, right.gradient, kinked, jump) if jump or any(kinked) else None


def _decider(base: Recording, left: Recording, right: Recording) -> Value | None:
    """The first node that decides differently on the two sides."""
    log = _DecisionLog()
    for node, before, after in zip(base.order, left.order, right.order, strict=True):
        if log.decisions(before) != log.decisions(after):
            return node
    return None


def _jump(left: Recording, right: Recording) -> float:
    """How much more the output moves than its slopes on the two sides explain."""
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


def _strays(base: Recording, left: Recording, right: Recording) -> list[Stray]:
    children = {parent: node for node in reversed(base.order) for parent in node.parents}
    found = []
    for place in _moved(left, right):
        share = base.adjoints[place] * (right.data[place] - left.data[place])
        found.append(Stray(base.order[place], children.get(base.order[place]), share))
    return sorted(found, key=lambda stray: -abs(stray.share))
