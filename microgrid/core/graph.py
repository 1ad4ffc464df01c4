"""Sweeps over a recorded graph: order, evaluation, and the chain rule by ``pullback`` and ``pushforward``.

Nothing here knows an operation by name, and nothing recurses: a chain of a million nodes is swept like any other.
A node is any object with ``op`` (its rule, None for a leaf), ``parents``, ``partials`` and ``data``.

Reverse mode, in one paragraph. The *adjoint* of a node is the derivative of the output with respect to it. The
output's own adjoint is 1. A node hands each of its parents its adjoint times the local derivative on the edge between
them, and a parent's adjoint is the sum over its edges. Visiting children before parents makes each adjoint complete
before it is handed on, so the whole gradient costs one pass: that is ``pullback``. What a choice didn't take is no
edge in it. Forward mode is a replay on power series, in ``calculus/forward``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from microgrid.core.adjoints import Adjoints
from microgrid.core.arithmetic import PLAIN

__all__ = ["dependents", "evaluate", "local_partials", "pullback", "recorded", "topological_order"]

Node = Any
Partials = Callable[[Node], Sequence[Any]]


def topological_order(*roots: Node) -> list[Node]:
    """Every node that the roots depend on, parents before children, each once; one root may be an ancestor of another.

    It is the same order for the same graph, in every process.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Node] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node is None:  # the mark below which a node waits whose parents are all in the order by now
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            stack += reversed(node.parents)
    return order


def dependents(roots: Iterable[Node], sources: Iterable[Node], order: Iterable[Node] | None = None) -> set[Node]:
    """Every node of the roots' graph that depends on a source: what a derivative with respect to the sources passes.

    A source depends on itself; what it is made from is not looked at. ``order`` is the roots' graph, parents before
    children, if it is sorted already.
    """
    found = set(sources)
    for node in topological_order(*roots) if order is None else order:
        if node not in found and not found.isdisjoint(node.parents):
            found.add(node)
    return found


def evaluate(
    roots: Iterable[Node],
    arithmetic: Any,
    values: Mapping[Node, Any],
    constant: Callable[[float], Any] = float,
    order: Iterable[Node] | None = None,
) -> dict[Node, Any]:
    """Replay a graph in another arithmetic: every node's value in it.

    A node found in ``values`` is not computed again; ``constant`` makes a number of the system from the data of any
    other leaf. ``order`` is the nodes to compute, parents before children; by default the roots' whole graph.
    """
    values = dict(values)
    for node in topological_order(*roots) if order is None else order:
        if node in values:
            continue
        if node.op is None:
            values[node] = constant(node.data)
        else:
            value, _ = arithmetic.bind(node.op)
            values[node] = value(*[values[parent] for parent in node.parents])
    return values


def recorded(node: Node) -> Sequence[float]:
    """The local derivatives that were frozen into the node when it was recorded."""
    partials: Sequence[float] = node.partials
    return partials


def local_partials(arithmetic: Any, values: Mapping[Node, Any]) -> Partials:
    """The local derivatives in another arithmetic, at the values that ``evaluate`` gave, as ``pullback`` wants them."""

    def partials_of(node: Node) -> Sequence[Any]:
        _, partials = arithmetic.bind(node.op)
        result: Sequence[Any] = partials(values[node], *[values[parent] for parent in node.parents])
        return result

    return partials_of


def pullback(
    root: Node,
    partials: Partials = recorded,
    seed: Any = 1.0,
    *,
    m: Any = PLAIN,
    through: Collection[Node] | None = None,
    wanted: Iterable[Node] | None = None,
    times: Callable[[Any, Any], Any] = operator.mul,
    order: Sequence[Node] | None = None,
) -> dict[Node, Any]:
    """Reverse mode: the adjoint of every node, or of those ``wanted``, without touching any node's ``grad``.

    The root's own adjoint is the seed. ``partials`` gives a node's local derivatives, one per parent, in the arithmetic
    ``m``; ``times`` multiplies one by an adjoint, and gives None where the edge contributes nothing. Only the nodes in
    ``through``, such as ``dependents`` gives, are visited, by default the whole graph. ``order`` is the root's graph,
    or its part that is wanted, parents before children, if it is sorted already.
    """
    order = topological_order(root) if order is None else order
    visited = order if through is None else [node for node in order if node in through]
    adjoints = Adjoints(m, times=times)
    adjoints.hand(root, seed)
    for node in reversed(visited):
        if node.op is not None and node in adjoints.sums:
            edges = zip(node.parents, partials(node), strict=True)
            adjoints.hand_back(node, node.op, edges if through is None else [(x, d) for x, d in edges if x in through])
    return {node: adjoints.of(node) for node in (visited if wanted is None else wanted)}
