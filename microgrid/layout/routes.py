"""The lines of edges, which pass no text, their labels, which lie on them and on nothing else, and the frames."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import hypot, inf
from typing import NamedTuple

from microgrid.layout.ranks import Link, Ranked
from microgrid.layout.shapes import Box, Edge, Frame, Label, Layout
from microgrid.layout.stretch import Bounds
from microgrid.layout.vertices import LABEL, LINE, Vertex
from microgrid.util.labels import width

__all__ = ["route"]

Point = tuple[float, float]

_SIDE = 6.0  # from the members of a frame to its sides
_APART = 13.0  # between the ends of edges at one shape
_ARROW = 8.0
_FARTHEST = 220.0  # of a label from the arrow, along its edge
_STEP = 4.0  # between places that are tried for a label
_HALF = LABEL * 0.6  # of a label's height
_COLUMN, _ROW, _CHORDS, _CROWD = 40.0, 14.0, 8, 60


class _Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: _Rectangle) -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        tall = min(self.bottom, other.bottom) - max(self.top, other.top)
        return wide * tall if wide > 0 and tall > 0 else 0.0

    def length_of(self, chord: _Rectangle) -> float:
        """How much of a line, of which this is the extent, is inside."""
        if chord[0] > self[2] or chord[2] < self[0] or chord[1] > self[3] or chord[3] < self[1]:
            return 0.0
        wide = min(self.right, chord.right) - max(self.left, chord.left)
        return max(wide, min(self.bottom, chord.bottom) - max(self.top, chord.top))


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
        self.places = [_place(vertex, direction) for vertex in graph.vertices]
        self.starts = [[self._span(vertex)[0] for vertex in row] for row in graph.ranks]

    def _span(self, vertex: int) -> tuple[float, float]:
        """From where to where a vertex reaches across the ranks: in the order of its rank."""
        thing, across = self.graph.vertices[vertex], self.places[vertex][1]
        if self.direction == "right":
            return across - thing.up, across + thing.down
        return across - thing.left, across + thing.right

    def _extent(self, end: int, low: float, high: float, *, ahead: bool) -> float:
        """How far the vertices of an end's rank between two heights reach to a side; its own texts count too."""
        rank = self.graph.rank[end]
        row, reach = self.graph.ranks[rank], 0.0
        for at in range(bisect_left(self.starts[rank], high) - 1, -1, -1):
            thing = self.graph.vertices[row[at]]
            if row[at] == end:
                half, across = _half(thing, self.direction)[1], self.places[end][1]
                if low >= across - half - 1 and high <= across + half + 1:
                    continue
            elif self._span(row[at])[1] <= low:
                break
            if self.direction == "right":
                reach = max(reach, thing.right if ahead else thing.left)
            else:
                reach = max(reach, thing.down if ahead else thing.up)
        return reach

    def channel(self, tail: int, head: int, here: Point, end: Point) -> tuple[float, float]:
        """Between which two places an edge may change its height."""
        low, high = min(here[1], end[1]), max(here[1], end[1])
        before = self.places[tail][0] + self._extent(tail, low, high, ahead=True)
        after = self.places[head][0] - self._extent(head, low, high, ahead=False)
        before, after = max(before, here[0]), min(after, end[0])
        return (before, after) if before < after else (here[0], end[0])


# ---- labels ---------------------------------------------------------------------------------------------------


class _Cells:
    """Rectangles by the cells of the plane that they touch, so that those near a place are found at once."""

    def __init__(self) -> None:
        self.at: dict[tuple[int, int], list[tuple[_Rectangle, int]]] = defaultdict(list)

    def add(self, box: _Rectangle, owner: int = -1) -> None:
        """Keep a rectangle, and whose it is."""
        for cell in _cells(box):
            self.at[cell].append((box, owner))

    def count(self, box: _Rectangle) -> int:
        """How many there are in the cells that a rectangle touches."""
        return sum([len(self.at[cell]) for cell in _cells(box) if cell in self.at])

    def near(self, box: _Rectangle) -> set[tuple[_Rectangle, int]]:
        """Those that may overlap a rectangle."""
        return {found for cell in _cells(box) if cell in self.at for found in self.at[cell]}


def _cells(box: _Rectangle) -> Iterator[tuple[int, int]]:
    rows = range(int(box.top // _ROW), int(box.bottom // _ROW) + 1)
    for column in range(int(box.left // _COLUMN), int(box.right // _COLUMN) + 1):
        for row in rows:
            yield column, row


def _partials(lines: list[tuple[Link, Edge]], layout: Layout, direction: str) -> Iterator[Label]:
    """The label of each edge, at the place on its last piece where it covers least of anything else."""
    taken, passed = _Cells(), _Cells()
    for box in [_extent_of(box) for box in layout.boxes] + [_around(label) for label in layout.labels]:
        taken.add(box)
    for number, (_, line) in enumerate(lines):
        for (x0, y0), (x1, y1) in pairwise(_chords(line)):
            passed.add(_Rectangle(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), number)
    for number, (link, line) in enumerate(lines):
        if not link.text:
            continue
        room = width(link.text, LABEL) + 2
        place, least = line.curves[-1][2], inf
        for against, (x, y) in sorted(_candidates(line, room, direction)):
            if against >= least:
                break
            box = _Rectangle(x - room / 2 - 1, y - _HALF, x + room / 2 + 1, y + _HALF)
            cost = against + 3.0 * sum([box.overlap(other) for other, _ in taken.near(box)])
            if cost < least and (many := passed.count(box)) > _CROWD:
                cost += 4.0 * many  # where exactly they cross makes no difference
            elif cost < least:
                cost += 1.3 * sum([box.length_of(chord) for chord, owner in passed.near(box) if owner != number])
            if cost < least:
                place, least = (x, y), cost
        label = Label("partial", link.node, link.text, *place, room, LABEL, edge=link.edge)
        taken.add(_around(label))
        yield label


def _chords(line: Edge) -> Iterator[Point]:
    """Points between which the line is as good as straight."""
    here = line.start
    yield here
    for curve in line.curves:
        is_straight = here[0] == curve[2][0] or here[1] == curve[2][1]
        yield from [curve[2]] if is_straight else Edge(0, 0, here, (curve,)).points(_CHORDS)[1:]
        here = curve[2]


def _candidates(line: Edge, room: float, direction: str) -> Iterator[tuple[float, Point]]:
    """Places for a label, with what is against each: the farther from the arrow, the more."""
    last = line.curves[-4:]
    start = line.curves[-5][2] if len(line.curves) > 4 else line.start
    points = list(_chords(replace(line, start=start, curves=last)))
    end = points[-1]
    wanted = _ARROW + 3 + (room / 2 if direction == "right" else LABEL * 0.6)
    far = 0.0
    for (x0, y0), (x1, y1) in pairwise(reversed(points)):
        length = hypot(x1 - x0, y1 - y0)
        steps = int(length / _STEP) + 1
        for step in range(1, steps + 1):
            x, y = x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps
            beside = abs(x - end[0]) if direction == "right" else abs(y - end[1])
            along = far + length * step / steps
            if along > _FARTHEST:
                return
            yield (0.6 if beside > wanted else 3.0) * abs(beside - wanted) + 0.05 * along, (x, y)
        far += length


def _around(label: Label) -> _Rectangle:
    tall = label.height / 2
    return _Rectangle(label.left, label.y - tall, label.left + label.width, label.y + tall)


def _extent_of(box: Box) -> _Rectangle:
    wide, tall = box.width / 2, box.height / 2
    return _Rectangle(box.x - wide, box.y - tall, box.x + wide, box.y + tall)


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
    spans += [_extent_of(box) for box in layout.boxes]
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
