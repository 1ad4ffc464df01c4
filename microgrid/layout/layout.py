"""``lay_out``: a graph from left to right, cut into rows where it is too wide, or from top to bottom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from microgrid.layout.ranks import Link, ranked
from microgrid.layout.routes import extent, route
from microgrid.layout.shapes import Frame, Group, Layout, Node
from microgrid.layout.stretch import place_across, place_along
from microgrid.layout.vertices import Listed, Vertex, leaves_in_a_list, single

__all__ = ["NARROW", "lay_out"]

NARROW = 640.0
"""Narrower pages are read from top to bottom."""

_SHRINK = 1.12  # a graph may be this much wider than the page: it is shown at 89 % of its size
_MARGIN = 10.0
_BETWEEN_ROWS = 22.0
_LARGEST = 400  # nodes among which a place to cut is searched for


def lay_out(
    nodes: Sequence[Node], *, width: float = 900.0, direction: str | None = None, groups: Sequence[Group] = ()
) -> Layout:
    """Lay a graph out for a page; parents come before children, and the last node is the output.

    A graph that is too wide for the page, in pixels, is cut into rows where a single value crosses, which stands again
    at the beginning of the next row. The layout may still be wider: a picture is then scaled, or scrolled. It is read
    from left to right ("right"), or from top to bottom ("down"), as by default on a page below 640 pixels. What isn't a
    member of a group stays outside of its frame.

    Examples
    --------
    >>> graph = [Node("w"), Node("x"), Node("×", (0, 1), name="w·x", value="1", partials=("2", "0.5"))]
    >>> layout = lay_out(graph)
    >>> layout.direction, [box.node for box in layout.boxes], len(layout.edges)
    ('right', [0, 1, 2], 2)
    """
    if direction is None:
        direction = "down" if width < NARROW else "right"
    everything = range(len(nodes))
    around = _groups_of(nodes, groups)
    if direction == "down":
        rows = [_Row(nodes, everything, direction, around, None)]
    else:
        rows = _rows(nodes, everything, width, around, None)
    return _finished([route(row.graph, row.frames) for row in rows], direction, groups)


def _groups_of(nodes: Sequence[Node], groups: Sequence[Group]) -> list[tuple[int, ...]]:
    """The groups around each node, outermost first."""
    order = sorted(range(len(groups)), key=lambda index: (-len(groups[index].members), index))
    return [tuple([index for index in order if node in groups[index].members]) for node in range(len(nodes))]


# ---- rows -----------------------------------------------------------------------------------------------------


class _Row:
    """A part of the graph, placed, whose lines are not routed yet."""

    def __init__(
        self,
        nodes: Sequence[Node],
        part: Collection[int],
        direction: str,
        around: list[tuple[int, ...]],
        again: int | None,
    ) -> None:
        self.graph = ranked(*_vertices(nodes, sorted(part), direction, around, again), direction)
        self.frames = place_across(self.graph)
        place_along(self.graph)

    @property
    def length(self) -> float:
        vertices = self.graph.vertices
        return max([one.along + one.ahead for one in vertices]) - min([one.along - one.back for one in vertices])


def _rows(
    nodes: Sequence[Node], part: Collection[int], width: float, around: list[tuple[int, ...]], again: int | None
) -> list[_Row]:
    """The rows of a part of the graph, the first of which begins with the node ``again`` a second time, as a leaf."""
    row = _Row(nodes, part, "right", around, again)
    if row.length <= width * _SHRINK or len(part) > _LARGEST:
        return [row]
    cut = _cut(nodes, part, again)
    if cut is None:
        return [row]
    at, before = cut
    first = _rows(nodes, sorted(before), width, around, again)
    rest = [replace(node, parents=()) if index == at else node for index, node in enumerate(nodes)]
    second = _rows(rest, [at, *sorted(set(part) - before - {again})], width, around, at)
    if max([piece.length for piece in [*first, *second]]) > row.length * 0.85:
        return [row]  # two rows that are hardly narrower than one would only be higher
    return first + second


def _cut(nodes: Sequence[Node], part: Collection[int], again: int | None) -> tuple[int, set[int]] | None:
    """The node whose ancestors are used by nothing else in this part, and they; the one that halves the part best."""
    inside = sorted(part)
    uses: dict[int, set[int]] = defaultdict(set)
    depth: dict[int, int] = {}
    for node in inside:
        depth[node] = 1 + max([depth[parent] for parent in nodes[node].parents], default=0)
        for parent in nodes[node].parents:
            uses[parent].add(node)
    output = inside[-1]
    found, least = None, depth[output]
    for node in inside[:-1]:
        if not nodes[node].parents:
            continue
        before = _ancestors(nodes, node)
        if again is not None and again not in before:
            continue  # the value that crossed before is still needed after
        if all([uses[member] <= before for member in before if member != node]):
            longest = max(depth[node], depth[output] - depth[node] + 1)
            if longest <= least:
                found, least = (node, before), longest
    return found


def _ancestors(nodes: Sequence[Node], node: int) -> set[int]:
    found, stack = {node}, [node]
    while stack:
        for parent in nodes[stack.pop()].parents:
            if parent not in found:
                found.add(parent)
                stack.append(parent)
    return found


def _vertices(
    nodes: Sequence[Node], part: Sequence[int], direction: str, around: list[tuple[int, ...]], again: int | None
) -> tuple[list[Vertex], list[Link]]:
    listed = _lists(nodes, part)
    top = _leaves_at_the_top(nodes, part) if direction == "down" else set()
    at: dict[int, int] = {}
    vertices: list[Vertex] = []
    links: list[Link] = []
    in_a_list = {leaf.leaf for leaves in listed.values() for leaf in leaves}
    for index in part:
        if index in in_a_list:
            continue
        node, extra = nodes[index], []
        if index in listed:
            leaves = listed[index]
            extra.append((len(vertices), leaves))
            vertices.append(leaves_in_a_list(leaves, direction))
            vertices[-1].group = around[leaves[0].leaf]
        at[index] = len(vertices)
        vertices.append(single(index, node, direction, above=index in top, again=index == again))
        vertices[-1].group = () if index == again else around[index]
        for edge, parent in enumerate(node.parents):
            if parent in at:
                text = node.partials[edge] if edge < len(node.partials) else ""
                links.append(Link(at[parent], at[index], index, edge, text))
        for vertex, leaves in extra:
            edges_of_list = tuple([leaf.edge for leaf in leaves])
            links.append(Link(vertex, at[index], index, edges_of_list[0], "", edges_of_list))
    return vertices, links


def _lists(nodes: Sequence[Node], part: Sequence[int]) -> dict[int, list[Listed]]:
    """For each node with several leaves of its own, those that stand in a list."""
    uses: dict[int, int] = defaultdict(int)
    for index in part:
        for parent in nodes[index].parents:
            uses[parent] += 1
    found = {}
    for index in part:
        own = [
            Listed(parent, nodes[parent], index, nodes[index], edge)
            for edge, parent in enumerate(nodes[index].parents)
            if nodes[parent].listed and uses[parent] == 1
        ]
        if len(own) > 1:
            found[index] = own
    return found


def _leaves_at_the_top(nodes: Sequence[Node], part: Sequence[int]) -> set[int]:
    """The leaves of the first rank."""
    distance: dict[int, int] = defaultdict(int)
    for index in reversed(part):
        for parent in nodes[index].parents:
            distance[parent] = max(distance[parent], distance[index] + 1)
    last = max(distance.values(), default=0)
    return {index for index in part if distance[index] == last and not nodes[index].parents}


# ---- the whole ------------------------------------------------------------------------------------------------


def _finished(rows: list[Layout], direction: str, groups: Sequence[Group]) -> Layout:
    """The rows below each other, with a margin around."""
    whole = Layout(direction, rows=len(rows))
    y = _MARGIN
    for row in rows:
        left, top, right, bottom = extent(row)
        _append(whole, row, left, top, y, groups)
        whole.width = max(whole.width, right - left + 2 * _MARGIN)
        y += bottom - top + _BETWEEN_ROWS
    whole.height = y - _BETWEEN_ROWS + _MARGIN
    return whole


def _append(whole: Layout, row: Layout, left: float, top: float, y: float, groups: Sequence[Group]) -> None:
    def moved(point: tuple[float, float]) -> tuple[float, float]:
        return round(point[0] - left + _MARGIN, 1), round(point[1] - top + y, 1)

    for box in row.boxes:
        px, py = moved((box.x, box.y))
        whole.boxes.append(replace(box, x=px, y=py))
    for label in row.labels:
        px, py = moved((label.x, label.y))
        whole.labels.append(replace(label, x=px, y=py))
    for edge in row.edges:
        curves = tuple([(moved(a), moved(b), moved(c)) for a, b, c in edge.curves])
        whole.edges.append(replace(edge, start=moved(edge.start), curves=curves))
    for frame in row.frames:
        px, py = moved((frame.x, frame.y))
        whole.frames.append(Frame(frame.group, groups[frame.group].name, px, py, frame.width, frame.height))
