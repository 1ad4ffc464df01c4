"""The part of a graph to draw: all of it, or the neighbourhood of the output if the graph is large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from microgrid.core.graph import topological_order

__all__ = ["Excerpt", "Gap", "excerpt"]

Node = Any

_EDGES_PER_NODE = 4  # a graph of few nodes can have too many edges: a sum of one leaf a thousand times
_FIRST = 3  # operands shown at the beginning of a collapsed list; at its end, one


@dataclass(frozen=True, slots=True)
class Gap:
    """The part of the graph that is left out at one drawn node."""

    operands: int  # how many of its operands have no edge in the drawing
    nodes: int  # how many nodes are hidden behind them, without those counted at earlier gaps


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of a graph that is drawn."""

    order: list[Node]  # every node of the whole graph, parents before children
    edges: int  # of the whole graph
    # the drawn nodes, in that order, each with the indices of the operands whose edges are drawn
    nodes: dict[Node, list[int]]
    gaps: dict[Node, Gap]  # at drawn nodes with operands left out

    @property
    def total(self) -> int:
        """The number of nodes of the whole graph."""
        return len(self.order)

    @property
    def complete(self) -> bool:
        """Whether everything is drawn."""
        return not self.gaps


def excerpt(root: Node, max_nodes: int) -> Excerpt:
    """Choose the nodes to draw, in time linear in the graph.

    A graph of up to ``max_nodes`` nodes is drawn in full. In a larger one, long lists of operands show their first
    three and their last, and the graph is followed backwards from the output, level by level, as long as whole levels
    fit. A chain is followed for at most an eighth of ``max_nodes``, since a longer one would be unreadable too.
    """
    order = topological_order(root)
    edges = sum([len(node.parents) for node in order])
    if len(order) <= max_nodes and edges <= _EDGES_PER_NODE * max_nodes:
        return Excerpt(order, edges, {node: list(range(len(node.parents))) for node in order}, {})
    near = _levels(root, max_nodes)
    nodes = {node: [index for index in _kept(node) if node.parents[index] in near] for node in order if node in near}
    return Excerpt(order, edges, nodes, dict(_gaps(nodes)))


def _levels(root: Node, max_nodes: int) -> set[Node]:
    """The root and as many whole levels of its ancestors as fit."""
    near = {root}
    level = [root]
    for _ in range(max(4, max_nodes // 8)):
        behind = {node.parents[index]: None for node in level for index in _kept(node)}
        level = [node for node in behind if node not in near]
        if not level or len(near) + len(level) > max_nodes:
            break
        near.update(level)
    return near


def _kept(node: Node) -> list[int]:
    """The indices of the operands shown in a collapsed drawing: all of a few, the first and last of a long list."""
    count = len(node.parents)
    if node.op is None or node.op.arity is not None:
        return list(range(count))
    length = count // len(node.op.regions)
    shown = [index for index in range(length) if index < _FIRST or index >= length - 1]
    return [start + index for start in range(0, count, max(length, 1)) for index in shown]


def _gaps(nodes: dict[Node, list[int]]) -> Iterator[tuple[Node, Gap]]:
    """The gaps. Each hidden node is counted once, at the gap nearest the output, so that the counts add up."""
    seen = set(nodes)
    for node in reversed(nodes):
        drawn = set(nodes[node])
        hidden = [parent for index, parent in enumerate(node.parents) if index not in drawn]
        if not hidden:
            continue
        count = 0
        stack = hidden.copy()
        while stack:
            behind = stack.pop()
            if behind not in seen:
                seen.add(behind)
                count += 1
                stack += behind.parents
        yield node, Gap(len(hidden), count)
