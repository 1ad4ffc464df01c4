"""Which node is to blame: the value, local derivatives and adjoint of each node, compared with what they should be.

A gradient is right if three things hold at each node: its value is its rule's value at its operands, its local
derivatives are the derivatives of that value, and its adjoint is the sum of its children's contributions. Each can be
checked from recorded numbers alone, without errors from elsewhere in the graph. So a node found here is wrong however
ill-conditioned the graph is, and even if the output doesn't depend on it.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from microgrid._public import public
from microgrid.checking.differences import Estimate, differentiate, slopes_beside
from microgrid.checking.recordings import Detached, Recording, is_torn
from microgrid.checking.references import SMALLEST, complex_step_of, high_precision_of
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import Value
from microgrid.core.rule import AUXILIARY, Rule
from microgrid.core.strictness import described, operands_described

__all__ = ["Blame", "Inspection", "blame_for_detached", "blame_for_infinity", "describe", "inspect_nodes"]

Kind = Literal["local derivative", "stale value", "sum over paths", "missing path", "not finite"]

_EPSILON = sys.float_info.epsilon
_MANY = 64  # operands beyond which a node's derivatives are checked along random directions, not one by one
_DIRECTIONS = 8


@public("microgrid.checking")
@dataclass(frozen=True, slots=True)
class Blame:
    """One node at which something is wrong.

    Parameters
    ----------
    kind : str
        The kind of fault: "local derivative", "stale value", "sum over paths", "missing path" or "not finite".
    node : Value
        The node.
    what : str
        The number that is wrong, such as ``dhump/dz``.
    recorded, expected : float
        The number, and its right value; nan if that isn't known.
    how : str
        The source of the expected number.
    where : str
        The node in words: its index in the graph, its operation and its operands.
    source : str or None, default None
        File and line of the derivatives of a custom operation.
    """

    kind: Kind
    node: Value
    what: str
    recorded: float
    expected: float
    how: str
    where: str
    source: str | None = None

    def __str__(self) -> str:
        line = f"{self.kind}: {self.where}\n{self.what} is {self.recorded!r}"
        if not math.isnan(self.expected):
            line += f" and should be {self.expected!r}"
        line += f" ({self.how})" if self.how else ""
        return line + (f"\nwritten at {self.source}" if self.source else "")


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings of an inspection of all nodes of a graph."""

    blame: Blame | None  # the first wrong node, parents before children
    checked: int  # how many local derivatives were compared with a reference
    unverified: int  # how many no reference could decide: on a kink, or lost to rounding
    kinked: Value | None  # the first node whose operands lie on a kink of its rule


def inspect_nodes(
    recording: Recording, tol: float, settled: Container[int] = (), *, adds_up: bool = False
) -> Inspection:
    """Compare every node of a graph with its rule; a local derivative may have the relative error ``tol``.

    ``settled`` has the positions of nodes that were found right before; ``adds_up`` says that all adjoints were.
    """
    checked = unverified = 0
    blame: Blame | None = None
    kinked: Value | None = None
    for position, node in enumerate(recording.order):
        if node.op is None:
            continue
        if position in settled:
            checked += len(_varying(node.op, len(node.parents)))
            continue
        slopes = _check_slopes(recording, node, tol)
        checked += slopes.checked
        unverified += slopes.unverified
        blame = blame or _stale(recording, node) or slopes.blame
        kinked = kinked or slopes.kinked
    blame = blame or (None if adds_up else _wrong_sum(recording))
    return Inspection(blame, checked, unverified, kinked)


def describe(recording: Recording, node: Value) -> str:
    """A node in words, such as ``node 3 of 7, z = mul(w = 0.5, x = 2.0)``."""
    number = f"node {recording.positions[node] + 1} of {len(recording.order)}"
    if node.op is None:
        return f"{number}, the {'constant' if node.is_constant else 'leaf'} {described(node)}"
    name = f"{node.name} = " if node.name else ""
    return f"{number}, {name}{node.op.name}({operands_described(node)})"


# ---- the value ------------------------------------------------------------------------------------------------


def _stale(recording: Recording, node: Value) -> Blame | None:
    """A stale value: an operand was changed after the node was recorded."""
    assert node.op is not None
    fresh = FLOAT.bind(node.op)[0](*[parent.data for parent in node.parents])
    if fresh == node.data or (math.isnan(fresh) and math.isnan(node.data)):
        return None
    what, how = "its value", "its operands' data, which were changed after it was recorded"
    return Blame("stale value", node, what, node.data, fresh, how, describe(recording, node))


# ---- the local derivatives ------------------------------------------------------------------------------------


def _check_slopes(recording: Recording, node: Value, tol: float) -> Inspection:
    """The local derivatives of one node."""
    assert node.op is not None
    operands = [parent.data for parent in node.parents]
    indices = _varying(node.op, len(operands))
    if not all(map(math.isfinite, (*operands, node.data))):
        return Inspection(None, 0, len(indices), None)
    if len(indices) > _MANY and _right_along_directions(node, operands, tol):
        return Inspection(None, len(indices), 0, None)
    blame: Blame | None = None
    kinked: Value | None = None
    unverified = 0
    for index in indices:
        recorded = node.partials[index]
        outcome = _compared_with_references(node.op, operands, index, recorded, tol)
        if isinstance(outcome, Estimate) and node.op.kinks and is_torn(node):
            outcome = _Outcome.KINK
        if not isinstance(outcome, Estimate):
            unverified += outcome is not _Outcome.RIGHT
            kinked = node if outcome is _Outcome.KINK else kinked
        elif blame is None:
            parent = node.parents[index]
            operand = parent.name or (f"operand {index + 1}" if len(operands) > 1 else "its operand")
            what = f"d{node.op.name}/d({operand})"
            where, source = describe(recording, node), node.op.source
            blame = Blame("local derivative", node, what, recorded, outcome.value, outcome.how, where, source)
    return Inspection(blame, len(indices) - unverified, unverified, kinked)


def _varying(rule: Rule, count: int) -> list[int]:
    """The indices of the operands that a rule is differentiated with respect to."""
    if rule.arity is None:
        return list(range(count))
    return [index for index, region in enumerate(rule.regions) if not region.constant]


class _Outcome(Enum):
    """The outcome for a local derivative that no reference refutes."""

    RIGHT, KINK, UNKNOWN = range(3)


def _compared_with_references(
    rule: Rule, operands: Sequence[float], index: int, recorded: float, tol: float
) -> Estimate | _Outcome:
    """The outcome by the first reference that decides, or the estimate that refutes the local derivative.

    A disagreement with the complex step has to be confirmed by another reference.
    """
    if not math.isfinite(recorded):
        return _Outcome.UNKNOWN  # reported as not finite if the gradient depends on it
    if AUXILIARY.get(rule.name) is rule and any([region.constant for region in rule.regions]):
        return _Outcome.UNKNOWN  # its partial counts that the operand which is held moves with the other one
    if rule.portable:
        first = complex_step_of(rule, operands, index)
        if first is not None and _agrees(recorded, first, tol):
            return _Outcome.RIGHT
        second = high_precision_of(rule, operands, index)
        if second is not None and _agrees(recorded, second, tol):
            return _Outcome.RIGHT
    else:
        second = None

    def along(x: float) -> float:
        return _value_or_nan(rule, [*operands[:index], x, *operands[index + 1 :]])

    may_have_kinks = rule.kinks or rule.source is not None  # a custom operation declares no kinks
    if may_have_kinks and slopes_beside(along, operands[index]) is not None:
        return _Outcome.KINK
    estimate = second or differentiate(along, operands[index])
    size = max(abs(recorded), abs(estimate.value), estimate.scale)
    if recorded == 0.0 and estimate.is_still:
        return _Outcome.RIGHT
    if size < sys.float_info.min:
        return _Outcome.UNKNOWN  # subnormal numbers have too few digits
    if _agrees(recorded, estimate, tol):
        return _Outcome.RIGHT if estimate.bound <= tol * size + SMALLEST else _Outcome.UNKNOWN
    return estimate if abs(recorded - estimate.value) > tol * size + 2.0 * estimate.bound else _Outcome.UNKNOWN


def _value_or_nan(rule: Rule, operands: Sequence[float]) -> float:
    """An operation's value near the point; nan where a custom one raises, as with ``math.sqrt(-1e-9)``."""
    try:
        return FLOAT.bind(rule)[0](*operands)  # type: ignore[no-any-return]
    except Exception:  # noqa: BLE001  # defined at the point itself, so any exception means: undefined here
        return math.nan


def _agrees(recorded: float, estimate: Estimate, tol: float) -> bool:
    size = max(abs(recorded), abs(estimate.value))
    return abs(recorded - estimate.value) <= tol * size + estimate.bound + SMALLEST


def _right_along_directions(node: Value, operands: Sequence[float], tol: float) -> bool:
    """Whether a node of many operands has the right derivatives along a few random directions."""
    assert node.op is not None
    rule = node.op
    source = random.Random(len(operands))
    for _ in range(_DIRECTIONS):
        direction = [source.choice((-1.0, 1.0)) * source.uniform(1.0, 2.0) * (abs(x) or 1.0) for x in operands]

        def along(t: float, direction: Sequence[float] = direction) -> float:
            return _value_or_nan(rule, [x + (t - 1.0) * step for x, step in zip(operands, direction, strict=True)])

        slopes = [partial * step for partial, step in zip(node.partials, direction, strict=True)]
        estimate = differentiate(along, 1.0)  # where steps have a scale
        size = max(map(abs, slopes))
        if not abs(math.fsum(slopes) - estimate.value) <= tol * size or not estimate.bound <= tol * size:
            return False
    return True


# ---- the adjoints ---------------------------------------------------------------------------------------------


def _wrong_sum(recording: Recording) -> Blame | None:
    """Blame for an adjoint that is not the sum of the children's contributions."""
    sums = dict.fromkeys(recording.order, 0.0)
    sizes = dict.fromkeys(recording.order, 0.0)
    counts = dict.fromkeys(recording.order, 0)
    sums[recording.output] = sizes[recording.output] = 1.0
    for node, adjoint in zip(reversed(recording.order), reversed(recording.adjoints), strict=True):
        for parent, partial in zip(node.parents, node.partials, strict=True):
            sums[parent] += partial * adjoint
            sizes[parent] += abs(partial * adjoint)
            counts[parent] += 1
    for node, adjoint in zip(recording.order, recording.adjoints, strict=True):
        allowed = 2.0 * (counts[node] + 1) * _EPSILON * sizes[node]
        if math.isfinite(sizes[node]) and not abs(adjoint - sums[node]) <= allowed:
            what, how = "its adjoint", f"the sum over its {counts[node]} edges"
            return Blame("sum over paths", node, what, adjoint, sums[node], how, describe(recording, node))
    return None


# ---- faults that no single node shows --------------------------------------------------------------------------


def blame_for_detached(recording: Recording, constant: Detached) -> Blame:
    """Blame for a constant that was computed from the inputs outside of the graph."""
    use = f", used by {constant.child.op.name}" if constant.child is not None and constant.child.op is not None else ""
    what = "it was computed from the inputs, and no path leads to it: it"
    how = "was .data, or a Value from elsewhere, used on the way?"
    where = describe(recording, constant.node) + use
    return Blame("missing path", constant.node, what, constant.node.data, math.nan, how, where)


def blame_for_infinity(recording: Recording) -> Blame | None:
    """Blame for the first value, local derivative or adjoint that is infinite or nan."""
    for node in recording.order:
        where = describe(recording, node)
        if not math.isfinite(node.data):
            return Blame("not finite", node, "its value", node.data, math.nan, "", where)
        for index, partial in enumerate(node.partials):
            if not math.isfinite(partial):
                what = f"its derivative with respect to {described(node.parents[index])}"
                return Blame("not finite", node, what, partial, math.nan, "", where)
    for node, adjoint in zip(reversed(recording.order), reversed(recording.adjoints), strict=True):
        if not math.isfinite(adjoint):
            what = "the derivative of the output with respect to it"
            return Blame("not finite", node, what, adjoint, math.nan, "", describe(recording, node))
    return None
