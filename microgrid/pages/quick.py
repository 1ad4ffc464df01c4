"""A layout for graphs that are too large for one with short edges: in time linear in the graph, from left to right."""

from __future__ import annotations

from collections.abc import Sequence

from microgrid.layout import Box, Edge, Label, Layout, Node
from microgrid.util.labels import shortened, width

__all__ = ["lay_out_quickly"]

_COLUMN, _ROW, _LEAF_ROW = 104.0, 66.0, 54.0
_HALF = 16.0


def lay_out_quickly(nodes: Sequence[Node]) -> Layout:
    """Each node left of what is made of it; the output's tree of first uses is drawn without crossings.

    Parameters
    ----------
    nodes : sequence of Node
        As for ``lay_out``.
    """
    rank = _ranks(nodes)
    last = max(rank)
    heights = _heights(nodes)
    layout = Layout("right", width=(last + 1) * _COLUMN + 24, height=max(heights) + 60)
    for index, node in enumerate(nodes):
        x, y = 12 + (last - rank[index] + 0.5) * _COLUMN, heights[index]
        wide = max(2 * _HALF, min(width(node.symbol, 13) + 12, _COLUMN - 20))
        layout.boxes.append(Box(index, node.shape, x, y, wide, 2 * _HALF if node.parents else 26.0))
        layout.labels += _texts(index, node, x, y)
        for edge, parent in enumerate(node.parents):
            start = (12 + (last - rank[parent] + 0.5) * _COLUMN + _HALF, heights[parent])
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
    """Leaves below each other in the order in which the output's tree meets them, and an operation at their middle."""
    heights = [-1.0] * len(nodes)
    used = {parent for node in nodes for parent in node.parents}
    ends = [index for index in range(len(nodes)) if index not in used]
    waiting = [(index, False) for index in reversed(ends)]
    seen = set(ends)
    low = 46.0
    while waiting:
        node, is_ready = waiting.pop()
        new = [parent for parent in dict.fromkeys(nodes[node].parents) if parent not in seen]
        if not is_ready:
            seen.update(new)
            waiting.append((node, True))
            waiting += [(parent, False) for parent in reversed(new)]
            continue
        own = [heights[parent] for parent in nodes[node].parents if heights[parent] >= 0.0]
        if nodes[node].parents and own:
            heights[node] = (min(own) + max(own)) / 2.0
        else:
            heights[node] = low
            low += _ROW if nodes[node].parents else _LEAF_ROW
    return _apart(nodes, heights)


def _apart(nodes: Sequence[Node], heights: list[float]) -> list[float]:
    """Those of one rank moved down until none covers another."""
    rank = _ranks(nodes)
    by_rank: dict[int, list[int]] = {}
    for index in range(len(nodes)):
        by_rank.setdefault(rank[index], []).append(index)
    for members in by_rank.values():
        free = 0.0
        for index in sorted(members, key=lambda index: heights[index]):
            heights[index] = max(heights[index], free)
            free = heights[index] + _ROW + (12.0 if nodes[index].name else 0.0)
    return heights


def _texts(index: int, node: Node, x: float, y: float) -> list[Label]:
    lines = [("name", shortened(node.name, 14), 11.0, y - 33.0), ("value", node.value, 12.0, y - 21.0)]
    lines += [("symbol", shortened(node.symbol, 12), 13.0, y), ("gradient", node.gradient, 12.0, y + 22.0)]
    lines += [("terms", text, 10.0, y + 35.0) for text in node.terms[:1]]
    return [Label(kind, index, text, x, at, width(text, size), size) for kind, text, size, at in lines if text]


def _edge(node: int, edge: int, start: tuple[float, float], end: tuple[float, float]) -> Edge:
    middle = max(end[0] - _COLUMN / 2, (start[0] + end[0]) / 2)
    return Edge(node, edge, start, (((middle, start[1]), (middle, end[1]), end),))


def _on_edge(node: int, edge: int, text: str, start: tuple[float, float], end: tuple[float, float]) -> Label:
    near = (end[0] - 20.0, end[1] + 0.28 * max(min(start[1] - end[1], 60.0), -60.0))
    return Label("partial", node, text, near[0] - 14.0, near[1], width(text, 10), 10.0, "middle", edge)
