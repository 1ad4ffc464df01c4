"""The lines of edges, which pass no text, their labels, which lie on them and on nothing else, and the frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from microgrid.layout.ranks import Link, Ranked
from microgrid.layout.shapes import Edge, Frame, Label, Layout
from microgrid.layout.stretch import Bounds
from microgrid.layout.vertices import LABEL, LINE, Vertex
from microgrid.util.labels import width

__all__ = ["route"]

Point = tuple[float, float]

_SIDE = 6.0  # from the members of a frame to its sides
_APART = 9.0  # between the ends of edges at one shape
_ARROW = 8.0
_FARTHEST = 220.0  # of a label from the arrow, along its edge


class _Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: _Rectangle) -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        tall = min(self.bottom, other.bottom) - max(self.top, other.top)
        return wide * tall if wide > 0 and tall > 0 else 0.0

    def has(self, point: Point) -> bool:
        return self.left < point[0] < self.right and self.top < point[1] < self.bottom


def route(graph: Ranked, bounds: Bounds, direction: str) -> Layout:
    """Everything at its place; the coordinates of all vertices are set."""
    layout = Layout(direction)
    for vertex in graph.vertices:
        layout.boxes += [replace(box, x=vertex.x + box.x, y=vertex.y + box.y) for box in vertex.boxes]
        layout.labels += [replace(label, x=vertex.x + label.x, y=vertex.y + label.y) for label in vertex.labels]
    lines = _lines(graph, direction)
    layout.edges = [line for _, line in lines]
    layout.labels += _partials(lines, layout, direction)
    layout.frames = list(_frames(graph, bounds, direction))
    _shrink_wrap(layout)
    return layout


# ---- lines ----------------------------------------------------------------------------------------------------


def _lines(graph: Ranked, direction: str) -> list[tuple[Link, Edge]]:
    ports = _ports(graph, direction)
    walls = _Walls(graph, direction)
    found = []
    for link in graph.links:
        # Along the ranks and across them, whichever of x and y that is.
        pieces: list[tuple[Point, Point, Point]] = []
        start = here = _leave(graph, link.chain[0], direction)
        for tail, head in pairwise(link.chain):
            end = _arrive(graph, head, ports.get((id(link)), 0.0), direction)
            first, last = walls.channel(tail, head, here, end)
            if first > here[0]:
                pieces.append(_straight(here, (first, here[1])))
            half = (first + last) / 2
            pieces.append(((half, here[1]), (half, end[1]), (last, end[1])))
            if last < end[0]:
                pieces.append(_straight((last, end[1]), end))
            here = end
            if graph.vertices[head].is_bend:
                beyond = walls.beyond(head)
                if beyond > here[0]:
                    pieces.append(_straight(here, (beyond, here[1])))
                    here = (beyond, here[1])
        if direction == "down":
            start = (start[1], start[0])
            pieces = [((a[1], a[0]), (b[1], b[0]), (c[1], c[0])) for a, b, c in pieces]
        found.append((link, Edge(link.node, link.edge, start, tuple(pieces), link.listed)))
    return found


def _straight(start: Point, end: Point) -> tuple[Point, Point, Point]:
    third = (end[0] - start[0]) / 3
    return (start[0] + third, start[1]), (end[0] - third, end[1]), end


def _place(vertex: Vertex, direction: str) -> Point:
    return (vertex.x, vertex.y) if direction == "right" else (vertex.y, vertex.x)


def _half(vertex: Vertex, direction: str) -> Point:
    wide, tall = vertex.half_width, vertex.half_height
    return (wide, tall) if direction == "right" else (tall, wide)


def _leave(graph: Ranked, vertex: int, direction: str) -> Point:
    along, across = _place(graph.vertices[vertex], direction)
    return along + _half(graph.vertices[vertex], direction)[0], across


def _arrive(graph: Ranked, vertex: int, port: float, direction: str) -> Point:
    thing = graph.vertices[vertex]
    along, across = _place(thing, direction)
    if thing.is_bend:
        return along, across
    half, reach = _half(thing, direction)
    inset = 0.0
    if thing.boxes[0].shape == "circle" and reach:
        inset = half * (1 - (1 - min(abs(port) / reach, 1.0) ** 2) ** 0.5)
    return along - half + inset, across + port


def _ports(graph: Ranked, direction: str) -> dict[int, float]:
    """Where each edge ends, off the middle of its shape: a straight one at the middle, the others on their sides."""
    arriving: dict[int, list[Link]] = defaultdict(list)
    for link in graph.links:
        arriving[link.head].append(link)
    ports = {}
    for head, links in arriving.items():
        thing = graph.vertices[head]
        middle, reach = _place(thing, direction)[1], _half(thing, direction)[1]
        source = {id(link): _place(graph.vertices[link.chain[-2]], direction)[1] - middle for link in links}
        links.sort(key=lambda link: source[id(link)])
        straight = [at for at, link in enumerate(links) if abs(source[id(link)]) < 0.5]
        # The straight one keeps the middle; if none or several are straight, the middle one does.
        anchor = float(straight[0]) if len(straight) == 1 else (len(links) - 1) / 2
        if len(links) == 1:
            anchor = 0.0
        most = max(anchor, len(links) - 1 - anchor)
        apart = min(_APART, 0.8 * reach / most) if most else 0.0
        for at, link in enumerate(links):
            ports[id(link)] = (at - anchor) * apart
    return ports


class _Walls:
    """The extents of texts, which the sloping part of an edge must not pass."""

    def __init__(self, graph: Ranked, direction: str) -> None:
        self.graph, self.direction = graph, direction

    def _room(self, vertex: Vertex) -> tuple[float, float, float, float]:
        """Before and after the centre along the ranks, then across them."""
        if self.direction == "right":
            return vertex.left, vertex.right, vertex.up, vertex.down
        return vertex.up, vertex.down, vertex.left, vertex.right

    def _extent(self, rank: int, end: int, low: float, high: float, side: int) -> float:
        """How far the vertices of a rank between two heights reach to a side; at an end its own texts count too."""
        reach = 0.0
        for vertex in self.graph.ranks[rank]:
            thing = self.graph.vertices[vertex]
            room = self._room(thing)
            across = _place(thing, self.direction)[1]
            if vertex == end:
                half = _half(thing, self.direction)[1]
                touched = low < across - half - 1 or high > across + half + 1
            else:
                touched = across + room[3] > low and across - room[2] < high
            if touched:
                reach = max(reach, room[side])
        return reach

    def channel(self, tail: int, head: int, here: Point, end: Point) -> tuple[float, float]:
        """Between which two places an edge may change its height."""
        one, two = self.graph.vertices[tail], self.graph.vertices[head]
        low, high = min(here[1], end[1]), max(here[1], end[1])
        before = _place(one, self.direction)[0] + self._extent(self.graph.rank[tail], tail, low, high, 1)
        after = _place(two, self.direction)[0] - self._extent(self.graph.rank[head], head, low, high, 0)
        before, after = max(before, here[0]), min(after, end[0])
        return (before, after) if before < after else (here[0], end[0])

    def beyond(self, vertex: int) -> float:
        """Where the texts beside a bend end."""
        return _place(self.graph.vertices[vertex], self.direction)[0]


# ---- labels ---------------------------------------------------------------------------------------------------


def _partials(lines: list[tuple[Link, Edge]], layout: Layout, direction: str) -> Iterator[Label]:
    """The label of each edge, at the place on its last piece where it covers least of anything else."""
    taken = [
        _Rectangle(b.x - b.width / 2, b.y - b.height / 2, b.x + b.width / 2, b.y + b.height / 2) for b in layout.boxes
    ]
    taken += [_around(label) for label in layout.labels]
    points = [(line, _dense(line.points())) for _, line in lines]
    for (link, line), (_, along) in zip(lines, points, strict=True):
        if not link.text:
            continue
        room = width(link.text, LABEL) + 2
        places = list(_candidates(link, along, room, direction))
        near = _hull([_around(label) for _, label in places])
        boxes = [box for box in taken if near.overlap(box)]
        others = [point for other, path in points if other is not line for point in path if near.has(point)]
        _, label = min(places, key=lambda place: place[0] + _cost(place[1], boxes, others))
        taken.append(_around(label))
        yield label


def _hull(boxes: list[_Rectangle]) -> _Rectangle:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return _Rectangle(min(lefts) - 2, min(tops) - 2, max(rights) + 2, max(bottoms) + 2)


def _dense(points: list[Point]) -> list[Point]:
    """Points at most a few pixels apart."""
    found = points[:1]
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, int(max(abs(x1 - x0), abs(y1 - y0)) / 3))
        found += [(x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps) for k in range(1, steps + 1)]
    return found


def _candidates(link: Link, points: list[Point], room: float, direction: str) -> Iterator[tuple[float, Label]]:
    """Places for a label, with what is against each: the farther from the arrow, the more."""
    end = points[-1]
    wanted = _ARROW + 3 + (room / 2 if direction == "right" else LABEL * 0.6)
    far = 0.0
    for (x0, y0), (x1, y1) in zip(reversed(points[1:]), reversed(points[:-1]), strict=True):
        far += ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        if far > _FARTHEST:
            break
        beside = abs(x1 - end[0]) if direction == "right" else abs(y1 - end[1])
        label = Label("partial", link.node, link.text, x1, y1, room, LABEL, edge=link.edge)
        yield (0.6 if beside > wanted else 3.0) * abs(beside - wanted) + 0.05 * far, label


def _cost(label: Label, taken: Iterable[_Rectangle], others: Iterable[Point]) -> float:
    box = _around(label)
    grown = _Rectangle(box.left - 1, box.top, box.right + 1, box.bottom)
    return 2.0 * sum([grown.overlap(other) for other in taken]) + 4.0 * sum([box.has(point) for point in others])


def _around(label: Label) -> _Rectangle:
    tall = label.height / 2
    return _Rectangle(label.left, label.y - tall, label.left + label.width, label.y + tall)


# ---- frames and the picture's size ----------------------------------------------------------------------------


def _frames(graph: Ranked, bounds: Bounds, direction: str) -> Iterator[Frame]:
    reach: dict[int, list[float]] = {}
    depth: dict[int, int] = {}
    for vertex in graph.vertices:
        if vertex.is_bend:
            continue
        low, high = (
            (vertex.x - vertex.left, vertex.x + vertex.right)
            if direction == "right"
            else (vertex.y - vertex.up, vertex.y + vertex.down)
        )
        for at, group in enumerate(vertex.group):
            span = reach.setdefault(group, [low, high])
            span[0], span[1] = min(span[0], low), max(span[1], high)
            depth[group] = max(depth.get(group, 0), len(vertex.group) - at)
    for group in sorted(reach, key=lambda group: (-depth[group], group)):
        side = _SIDE * depth[group]
        low, high = reach[group][0] - side, reach[group][1] + side
        begin, end = bounds[group]
        if direction == "right":
            yield Frame(group, "", low, begin, high - low, end - begin)
        else:
            yield Frame(group, "", begin, low - LINE * depth[group], end - begin, high - low + LINE * depth[group])


def _shrink_wrap(layout: Layout) -> None:
    """Move everything so that the picture begins at 0, and set its size."""
    spans = [_around(label) for label in layout.labels]
    spans += [
        _Rectangle(b.x - b.width / 2, b.y - b.height / 2, b.x + b.width / 2, b.y + b.height / 2) for b in layout.boxes
    ]
    spans += [_Rectangle(f.x, f.y, f.x + f.width, f.y + f.height) for f in layout.frames]
    spans += [_Rectangle(x, y, x, y) for edge in layout.edges for x, y in edge.points(4)]
    left, top = min([s.left for s in spans]), min([s.top for s in spans])
    layout.width, layout.height = max([s.right for s in spans]) - left, max([s.bottom for s in spans]) - top
    layout.boxes = [replace(box, x=box.x - left, y=box.y - top) for box in layout.boxes]
    layout.labels = [replace(label, x=label.x - left, y=label.y - top) for label in layout.labels]
    layout.frames = [replace(frame, x=frame.x - left, y=frame.y - top) for frame in layout.frames]

    def moved(point: Point) -> Point:
        return point[0] - left, point[1] - top

    layout.edges = [
        replace(
            edge, start=moved(edge.start), curves=tuple([(moved(a), moved(b), moved(c)) for a, b, c in edge.curves])
        )
        for edge in layout.edges
    ]
