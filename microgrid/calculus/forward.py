"""Forward mode: tangents by local derivatives; traces run on power series, in one direction or all, to any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from microgrid.arithmetics.series import REAL, Series, SeriesArithmetic, SparseVector
from microgrid.calculus.reverse import times
from microgrid.calculus.trace import Trace
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import Value, as_value, recorder
from microgrid.core.graph import (
    Node,
    Partials,
    dependents,
    evaluate,
    local_partials,
    pullback,
    recorded,
    topological_order,
)
from microgrid.core.rule import Rule
from microgrid.core.value_arithmetic import VALUE

__all__ = ["Replay", "all_directions", "pushforward", "recorded_hessian", "recorded_hvp", "recorded_jvp"]


def pushforward(
    root: Node, tangents: Mapping[Node, Any], partials: Partials = recorded, zero: Any = 0.0
) -> dict[Node, Any]:
    """Forward mode: the tangent of every node that the root depends on, along one direction.

    The direction has a tangent for each node that moves; other leaves stand still, and those whose tangent is 0.
    ``partials`` gives a node's local derivatives, one per parent, which Python can compare with 0. The tangent of what
    stands still is ``zero``.
    """
    moving: dict[Node, Any] = {node: tangent for node, tangent in tangents.items() if tangent != 0.0}
    order = topological_order(root)
    for node in order:
        if node.op is not None and node not in tangents:
            edges = [edge for edge in zip(node.parents, partials(node), strict=True) if edge[0] in moving]
            terms = [d * moving[parent] for parent, d in edges if not (d == 0.0 and node.op.choice)]
            if terms:
                moving[node] = sum(terms[1:], terms[0])
    return {node: moving.get(node, zero) for node in (*tangents, *order)}


def _apply(rule: Rule, *operands: Any) -> Any:
    """A rule's value on Values and plain numbers."""
    if any([isinstance(operand, Value) for operand in operands]):
        return recorder(rule)(*[as_value(operand) for operand in operands])
    return FLOAT.bind(rule)[0](*operands)


class Replay:
    """A trace replayed on series in t: variables are x + tangent·t, and every node's series is computed from them."""

    def __init__(self, trace: Trace, tangents: Sequence[Any]) -> None:
        self.trace = trace
        self.arithmetic = SeriesArithmetic(REAL) if trace.plain else SeriesArithmetic(VALUE, _apply)
        self.between = dependents(trace.outputs, trace.variables, trace.order)
        values: dict[Value, Series] = {
            node: self.arithmetic.lift(node.data if trace.plain or node.is_constant else node)
            for node in trace.order
            if node not in self.between
        }
        for variable, tangent in zip(trace.variables, tangents, strict=True):
            stands = type(tangent) is float and tangent == 0.0
            values[variable] = self.arithmetic.variable(trace.as_result(variable), None if stands else tangent)
        self.values = evaluate(trace.outputs, self.arithmetic, values, order=trace.order)

    def adjoints(self) -> list[Series]:
        """The derivatives of the only output with respect to the variables, as series."""
        trace, m = self.trace, self.arithmetic
        if trace.output not in self.between:
            return [m.lift(0.0) for _ in trace.variables]
        found = pullback(
            trace.output,
            local_partials(m, self.values),
            m=m,
            through=self.between,
            wanted=trace.variables,
            times=times,
            order=trace.order,
        )
        return [m.lift(found[variable]) for variable in trace.variables]

    def coefficient(self, series: Series, order: int) -> Any:
        """A coefficient of a series as a result."""
        return self.as_result(series.coefficient(order))

    def row(self, series: Series) -> list[Any]:
        """The first coefficient in each direction; 0 in a direction that the series doesn't depend on."""
        vector = series.coefficient(1)
        entries = vector.entries if vector is not None else {}
        return [self.as_result(entries.get(place)) for place in range(len(self.trace.variables))]

    def as_result(self, coefficient: Any) -> Any:
        """A coefficient as a float, or a Value if the call returns Values; None is 0."""
        number = 0.0 if coefficient is None else coefficient
        return float(number) if self.trace.plain else as_value(number)


def all_directions(trace: Trace) -> list[SparseVector]:
    """One unit vector per variable: tangents for forward mode in all directions at once."""
    return [SparseVector({place: 1.0}) for place in range(len(trace.variables))]


def recorded_jvp(variables: list[Value], outputs: list[Value], tangents: Sequence[Any]) -> list[Value]:
    """The derivatives of a graph's outputs along a direction, as graphs; the direction has one number per variable."""
    replay = Replay(_recorded_trace(variables, outputs), tangents)
    return [replay.coefficient(replay.values[output], 1) for output in outputs]


def recorded_hvp(variables: list[Value], output: Value, tangents: Sequence[Any]) -> list[Value]:
    """The product of an output's Hessian and a direction, as graphs; parameters as for ``recorded_jvp``."""
    replay = Replay(_recorded_trace(variables, [output]), tangents)
    return [replay.coefficient(adjoint, 1) for adjoint in replay.adjoints()]


def recorded_hessian(variables: list[Value], output: Value) -> list[list[Value]]:
    """The rows of an output's Hessian, as graphs; parameters as for ``recorded_jvp``."""
    trace = _recorded_trace(variables, [output])
    replay = Replay(trace, all_directions(trace))
    return [replay.row(adjoint) for adjoint in replay.adjoints()]


def _recorded_trace(variables: list[Value], outputs: list[Value]) -> Trace:
    return Trace(variables, list, outputs, topological_order(*outputs), list, plain=False)
