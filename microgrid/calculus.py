"""Derivatives of functions and of recorded graphs, of any order, from the rules alone.

``gradients`` differentiates a recorded graph and gives graphs again.
"""

from __future__ import annotations

from typing import Any

from microgrid.errors import InvalidValueError
from microgrid.graph import dependents, local_partials, pullback
from microgrid.trees import flatten
from microgrid.value import VALUE, Value, _lift

__all__ = ["gradients"]


# ---- recorded graphs ------------------------------------------------------------------------------------------


class _Itself(dict[Any, Any]):
    """Every node as its own value: the rules then record what they compute."""

    def __missing__(self, node: Any) -> Any:
        return node


def _times(partial: Any, adjoint: Any) -> Any:
    """The product without needless nodes: a plain 1 changes no bit, and what is 0 by the rule contributes nothing."""
    if type(partial) is float:
        if partial == 0.0:
            return None
        if partial == 1.0:
            return adjoint
    if type(adjoint) is float and adjoint == 1.0:
        return partial
    return partial * adjoint


def gradients(output: Value, wrt: Any) -> Any:
    """Differentiate a recorded graph; the derivatives are graphs on the same leaves.

    They can be differentiated again, drawn and written as source text. No node's ``grad`` is read or changed.

    Parameters
    ----------
    output : Value
        What is differentiated.
    wrt : Value, or list, tuple, dict or NumPy array of Values
        With respect to what: leaves or interior nodes.

    Returns
    -------
    Value or structure of Values
        The derivatives, in the structure of ``wrt``. Where the output does not depend on one, a constant 0.

    Raises
    ------
    InvalidValueError
        If ``output`` is no Value, or ``wrt`` holds anything else than Values.

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
    adjoints = _value_adjoints(output, nodes)
    return rebuild([_lift(adjoints.get(node, 0.0)) for node in nodes])


def _value_adjoints(output: Value, nodes: list[Value]) -> dict[Value, Any]:
    """The adjoints as graphs of all nodes between the given ones and the output."""
    between = dependents([output], nodes)
    partials = local_partials(VALUE, _Itself())
    return pullback(output, partials, through=between, times=_times) if output in between else {}
