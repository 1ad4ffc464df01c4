"""Reverse mode on recorded graphs, whose derivatives are graphs again; functions are transformed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microgrid._public import public
from microgrid.core.changes import check_unchanged
from microgrid.core.engine import Value, as_value
from microgrid.core.graph import dependents, pullback, topological_order
from microgrid.core.value_arithmetic import VALUE
from microgrid.errors import InvalidValueError
from microgrid.util.pytree import flatten

__all__ = ["gradients", "recorded_gradient", "times"]


def _value_partials(node: Value) -> Sequence[Any]:
    """The node's local derivatives as graphs. An operand that its rule never differentiates stays a plain number."""
    rule = node.op
    assert rule is not None  # pullback skips leaves
    operands: Sequence[Any] = node.parents
    if rule.arity is not None:
        operands = [x.data if region.constant else x for x, region in zip(operands, rule.regions, strict=True)]
    slopes: Sequence[Any] = VALUE.bind(rule)[1](node, *operands)
    return slopes


def times(partial: Any, adjoint: Any) -> Any:
    """A product that records no needless node: a plain 1 or -1 is at most a sign, and a plain 0 contributes nothing."""
    if type(partial) is float:
        if partial == 0.0:
            return None
        if partial in (1.0, -1.0):
            return adjoint if partial == 1.0 else -adjoint
    if type(adjoint) is float and adjoint == 1.0:
        return partial
    return partial * adjoint


@public()
def gradients(output: Value, wrt: Any) -> Any:
    """Differentiate a recorded graph; the derivatives are graphs on the same leaves.

    They can be differentiated again, drawn and written as source text. No node's ``grad`` is read or changed. Their
    numbers are those that the graph was recorded at, and its leaves have to have them still.

    Parameters
    ----------
    output : Value
        The node to differentiate.
    wrt : Value, or list, tuple, dict or NumPy array of Values
        The nodes to differentiate with respect to: leaves or interior nodes.

    Returns
    -------
    Value or structure of Values
        The derivatives, in the structure of ``wrt``. Where the output does not depend on one, a constant 0.

    Raises
    ------
    InvalidValueError
        If ``output`` is not a Value, or ``wrt`` holds anything else than Values.
    DataError
        If the ``data`` of a leaf was changed since the graph was recorded. (``backward`` uses recorded numbers alone.)

    Examples
    --------
    >>> from microgrid import Value, gradients
    >>> x, y = Value(3.0, name="x"), Value(2.0, name="y")
    >>> slopes = gradients(x**3 * y, {"x": x, "y": y})
    >>> slopes["x"].data, slopes["y"].data
    (54.0, 27.0)
    >>> gradients(slopes["x"], x).data  # the second derivative, 6xy
    36.0
    """
    if not isinstance(output, Value):
        raise InvalidValueError(f"only a Value can be differentiated, not {output!r}")
    nodes, rebuild = flatten(wrt)
    for node in nodes:
        if not isinstance(node, Value):
            raise InvalidValueError(f"a graph is differentiated with respect to Values of it, not {node!r}")
    order = topological_order(output)
    check_unchanged(order)
    return rebuild(recorded_gradient(output, nodes, order))


def recorded_gradient(output: Value, nodes: Sequence[Value], order: Sequence[Value] | None = None) -> list[Value]:
    """The derivatives of a node with respect to others, as graphs; a constant 0 where it doesn't depend on one."""
    order = topological_order(output) if order is None else order
    between = dependents([output], nodes, order)
    if output not in between:
        return [as_value(0.0) for _ in nodes]
    adjoints = pullback(output, _value_partials, m=VALUE, through=between, wanted=nodes, times=times, order=order)
    return [as_value(adjoints[node]) for node in nodes]
