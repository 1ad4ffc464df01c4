"""Which part of a graph is drawn: all of it, or the neighbourhood of the output where it is too large to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from microgrid.core.graph import topological_order

__all__ = ["Excerpt", "Gap", "excerpt"]

Node = Any

_EDGES_PER_NODE = 4  # a graph of few nodes can still have too many edges: the sum of one leaf a thousand times
_FIRST = 3  # what a collapsed list of operands still shows of its beginning; of its end, one


@dataclass(frozen=True, slots=True)
class Gap:
    """What is left out in front of one drawn node.

    Parameters
    ----------
    operands : int
        How many of its operands have no edge in the drawing.
    nodes : int
        How many nodes are hidden behind them that no earlier gap has counted.
    """

    operands: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of a graph that is drawn.

    Parameters
    ----------
    order : list of node
        Every node of the whole graph, parents before children.
    edges : int
        The number of edges of the whole graph.
    nodes : dict
        The drawn nodes, in that order, each with the positions of the operands whose edges are drawn.
    gaps : dict
        For a drawn node with operands left out, how much is missing.
    """

    order: list[Node]
    edges: int
    nodes: dict[Node, list[int]]
    gaps: dict[Node, Gap]

    @property
    def total(self) -> int:
        """The number of nodes of the whole graph."""
        return len(self.order)

    @property
    def complete(self) -> bool:
        """Whether everything is drawn."""
        return not self.gaps


def excerpt(root: Node, max_nodes: int) -> Excerpt:
    """Choose what to draw, in time linear in the graph.

    Up to ``max_nodes`` nodes are drawn in full. Beyond that, long lists of operands show their first three and their
    last, and the graph is followed backwards from the output, level by level, while whole levels fit. A chain is
    followed for an eighth of ``max_nodes``, for a longer one could not be read either.

    Parameters
    ----------
    root : node
        The output.
    max_nodes : int
        The most nodes that are drawn.

    Returns
    -------
    Excerpt
        The drawn nodes and the gaps between them.
    """
    order = topological_order(root)
    edges = sum([len(node.parents) for node in order])
    if len(order) <= max_nodes and edges <= _EDGES_PER_NODE * max_nodes:
        return Excerpt(order, edges, {node: list(range(len(node.parents))) for node in order}, {})
    near = _levels(root, max_nodes)
    nodes = {node: [place for place in _kept(node) if node.parents[place] in near] for node in order if node in near}
    return Excerpt(order, edges, nodes, dict(_gaps(nodes)))


def _levels(root: Node, max_nodes: int) -> set[Node]:
    """The root and as many whole levels behind it as fit."""
    near = {root}
    level = [root]
    for _ in range(max(4, max_nodes // 8)):
        behind = {node.parents[place]: None for node in level for place in _kept(node)}
        level = [node for node in behind if node not in near]
        if not level or len(near) + len(level) > max_nodes:
            break
        near.update(level)
    return near


def _kept(node: Node) -> list[int]:
    """The operands shown in a collapsed drawing: all of a few; the first and the last of each long list."""
    count = len(node.parents)
    if node.op is None or node.op.arity is not None:
        return list(range(count))
    length = count // len(node.op.regions)
    shown = [place for place in range(length) if place < _FIRST or place >= length - 1]
    return [start + place for start in range(0, count, max(length, 1)) for place in shown]


def _gaps(nodes: dict[Node, list[int]]) -> Iterator[tuple[Node, Gap]]:
    """Each hidden node is counted once, at the gap nearest the output, so that the counts add up."""
    seen = set(nodes)
    for node in reversed(nodes):
        drawn = set(nodes[node])
        hidden = [parent for place, parent in enumerate(node.parents) if place not in drawn]
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
