"""A layout for graphs that are too large for one with short edges: in time linear in the graph, from left to right."""

from __future__ import annotations

from collections.abc import Sequence

from microgrid.layout import Box, Edge, Label, Layout, Node
from microgrid.util.labels import shortened, width

__all__ = ["COLUMN", "LEFT", "lay_out_quickly"]

COLUMN, LEFT = 104.0, 12.0
"""The width of a rank, and where the first one begins: no shape and no text crosses from one into the next."""

_ROW, _NAMED, _LEAF = 66.0, 78.0, 54.0  # the heights of an operation, of one with a name above, and of a leaf
_HALF = 16.0
_TURN = 40.0  # how far from its ends an edge that goes far up or down is bent


def lay_out_quickly(nodes: Sequence[Node]) -> Layout:
    """Each node left of what is made of it; the tree of first uses is drawn without crossings."""
    rank = _ranks(nodes)
    last = max(rank)
    heights = _heights(nodes)
    layout = Layout("right", width=(last + 1) * COLUMN + 2 * LEFT, height=max(heights) + 60)
    for index, node in enumerate(nodes):
        x, y = LEFT + (last - rank[index] + 0.5) * COLUMN, heights[index]
        wide = max(2 * _HALF, min(width(node.symbol, 13) + 12, COLUMN - 20))
        layout.boxes.append(Box(index, node.shape, x, y, wide, 2 * _HALF if node.parents else 26.0))
        layout.labels += _texts(index, node, x, y)
        for edge, parent in enumerate(node.parents):
            start = (LEFT + (last - rank[parent] + 0.5) * COLUMN + _HALF, heights[parent])
            layout.edges.append(_edge(index, edge, start, (x - wide / 2, y)))
            if node.partials and node.partials[edge] and edge < 24:
                layout.labels.append(_on_edge(index, edge, node.partials[edge], start, (x - wide / 2, y)))
    return layout


def _ranks(nodes: Sequence[Node]) -> list[int]:
    """The longest way from each node to the output."""
    rank = [0] * len(nodes)
    for index in range(len(nodes) - 1, -1, -1):
        for parent in nodes[index].parents:
            rank[parent] = max(rank[parent], rank[index] + 1)
    return rank


def _heights(nodes: Sequence[Node]) -> list[float]:
    """The middle of each node's band; what is first used by a node is inside its own, one below the other."""
    used = {parent for node in nodes for parent in node.parents}
    waiting = [index for index in range(len(nodes)) if index not in used]
    seen, order, first = set(waiting), list[int](), [list[int]() for _ in nodes]
    ends = waiting.copy()
    while waiting:
        node = waiting.pop()
        order.append(node)
        first[node] = [parent for parent in dict.fromkeys(nodes[node].parents) if parent not in seen]
        seen.update(first[node])
        waiting += first[node]
    tall = [0.0] * len(nodes)
    for index in reversed(order):
        own = _LEAF if not nodes[index].parents else _NAMED if nodes[index].name else _ROW
        tall[index] = max(own, sum([tall[parent] for parent in first[index]]))
    tops, low = [0.0] * len(nodes), 16.0
    for index in ends:
        tops[index] = low
        low += tall[index]
    for index in order:
        low = tops[index] + (tall[index] - sum([tall[parent] for parent in first[index]])) / 2.0
        for parent in first[index]:
            tops[parent] = low
            low += tall[parent]
    return [top + band / 2.0 for top, band in zip(tops, tall, strict=True)]


def _texts(index: int, node: Node, x: float, y: float) -> list[Label]:
    lines = [("name", shortened(node.name, 14), 11.0, y - 33.0), ("value", node.value, 12.0, y - 21.0)]
    lines += [("symbol", shortened(node.symbol, 12), 13.0, y), ("gradient", node.gradient, 12.0, y + 22.0)]
    lines += [("terms", text, 10.0, y + 35.0) for text in node.terms[:1]]
    return [Label(kind, index, text, x, at, width(text, size), size) for kind, text, size, at in lines if text]


def _edge(node: int, edge: int, start: tuple[float, float], end: tuple[float, float]) -> Edge:
    middle, aside = max(end[0] - COLUMN / 2, (start[0] + end[0]) / 2), end[1] - start[1]
    if abs(aside) < 4 * _TURN:
        return Edge(node, edge, start, (((middle, start[1]), (middle, end[1]), end),))
    turn = _TURN if aside > 0 else -_TURN
    leave, arrive = (middle, start[1] + turn), (middle, end[1] - turn)
    curves = ((middle, start[1]), leave, leave), (leave, arrive, arrive), (arrive, (middle, end[1]), end)
    return Edge(node, edge, start, curves)


def _on_edge(node: int, edge: int, text: str, start: tuple[float, float], end: tuple[float, float]) -> Label:
    near = (end[0] - 20.0, end[1] + 0.28 * max(min(start[1] - end[1], 60.0), -60.0))
    return Label("partial", node, text, near[0] - 14.0, near[1], width(text, 10), 10.0, "middle", edge)
