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

__all__ = ["extent", "route"]

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


def route(graph: Ranked, bounds: Bounds) -> Layout:
    """Everything at its place; the coordinates of all vertices are set."""
    layout = Layout(graph.direction)
    for vertex in graph.vertices:
        here = vertex.along, vertex.across
        x, y = here if graph.direction == "right" else _turned(here)
        layout.boxes += [replace(box, x=x + box.x, y=y + box.y) for box in vertex.boxes]
        layout.labels += [replace(label, x=x + label.x, y=y + label.y) for label in vertex.labels]
    lines = _lines(graph)
    layout.edges = [line for _, line in lines]
    layout.labels += _partials(lines, layout)
    layout.frames = list(_frames(graph, bounds))
    return layout


def _turned(point: Point) -> Point:
    return point[1], point[0]


# ---- lines ----------------------------------------------------------------------------------------------------


def _lines(graph: Ranked) -> list[tuple[Link, Edge]]:
    ports = _ports(graph)
    walls = _Walls(graph)
    found = []
    for link in graph.links:
        pieces: list[tuple[Point, Point, Point]] = []  # along the ranks and across them
        leaving = graph.vertices[link.tail]
        start = here = leaving.along + leaving.half[0], leaving.across
        for tail, head in pairwise(link.chain):
            end = _arrive(graph.vertices[head], ports.get((id(link)), 0.0))
            first, last = walls.channel(tail, head, here, end)
            if first > here[0]:
                pieces.append(_straight(here, (first, here[1])))
            half = (first + last) / 2
            pieces.append(((half, here[1]), (half, end[1]), (last, end[1])))
            if last < end[0]:
                pieces.append(_straight((last, end[1]), end))
            here = end
        if graph.direction == "down":
            start, pieces = _turned(start), [(_turned(a), _turned(b), _turned(c)) for a, b, c in pieces]
        found.append((link, Edge(link.node, link.edge, start, tuple(pieces), link.listed)))
    return found


def _straight(start: Point, end: Point) -> tuple[Point, Point, Point]:
    third = (end[0] - start[0]) / 3
    return (start[0] + third, start[1]), (end[0] - third, end[1]), end


def _arrive(vertex: Vertex, port: float) -> Point:
    if vertex.is_bend:
        return vertex.along, vertex.across
    half, reach = vertex.half
    inset = 0.0
    if vertex.boxes[0].shape == "circle" and reach:
        inset = half * (1 - (1 - min(abs(port) / reach, 1.0) ** 2) ** 0.5)
    return vertex.along - half + inset, vertex.across + port


def _ports(graph: Ranked) -> dict[int, float]:
    """Where each edge ends, off the middle of its shape: a straight one at the middle, the others on their sides."""
    arriving: dict[int, list[Link]] = defaultdict(list)
    for link in graph.links:
        arriving[link.head].append(link)
    ports = {}
    for head, links in arriving.items():
        middle, reach = graph.vertices[head].across, graph.vertices[head].half[1]
        source = {id(link): graph.vertices[link.chain[-2]].across - middle for link in links}
        links.sort(key=lambda link: source[id(link)])
        straight = [at for at, link in enumerate(links) if abs(source[id(link)]) < 0.5]
        # The straight one keeps the middle; if none or several are straight, the middle one does.
        anchor = float(straight[0]) if len(straight) == 1 else (len(links) - 1) / 2
        most = max(anchor, len(links) - 1 - anchor)
        apart = min(_APART, 0.8 * reach / most) if most else 0.0
        for at, link in enumerate(links):
            ports[id(link)] = (at - anchor) * apart
    return ports


class _Walls:
    """The extents of texts, which the sloping part of an edge must not pass."""

    def __init__(self, graph: Ranked) -> None:
        self.graph, things = graph, graph.vertices
        # In the order of the rank.
        self.starts = [[things[vertex].across - things[vertex].before for vertex in row] for row in graph.ranks]

    def _extent(self, end: int, low: float, high: float, *, ahead: bool) -> float:
        """How far the vertices of an end's rank between two heights reach to a side; its own texts count too."""
        rank = self.graph.rank[end]
        row, reach = self.graph.ranks[rank], 0.0
        for at in range(bisect_left(self.starts[rank], high) - 1, -1, -1):
            thing = self.graph.vertices[row[at]]
            if row[at] == end:
                if low >= thing.across - thing.half[1] - 1 and high <= thing.across + thing.half[1] + 1:
                    continue
            elif thing.across + thing.after <= low:
                break
            reach = max(reach, thing.ahead if ahead else thing.back)
        return reach

    def channel(self, tail: int, head: int, here: Point, end: Point) -> tuple[float, float]:
        """Between which two places an edge may change its height."""
        low, high = min(here[1], end[1]), max(here[1], end[1])
        before = self.graph.vertices[tail].along + self._extent(tail, low, high, ahead=True)
        after = self.graph.vertices[head].along - self._extent(head, low, high, ahead=False)
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


def _partials(lines: list[tuple[Link, Edge]], layout: Layout) -> Iterator[Label]:
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
        for against, (x, y) in sorted(_candidates(line, room, layout.direction)):
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


# ---- frames and the picture's extent --------------------------------------------------------------------------


def _frames(graph: Ranked, bounds: Bounds) -> Iterator[Frame]:
    reach: dict[int, list[float]] = {}
    depth: dict[int, int] = {}
    for vertex in graph.vertices:
        if vertex.is_bend:
            continue
        low, high = vertex.along - vertex.back, vertex.along + vertex.ahead
        for at, group in enumerate(vertex.group):
            span = reach.setdefault(group, [low, high])
            span[0], span[1] = min(span[0], low), max(span[1], high)
            depth[group] = max(depth.get(group, 0), len(vertex.group) - at)
    for group in sorted(reach, key=lambda group: (-depth[group], group)):
        side = _SIDE * depth[group]
        low, high = reach[group][0] - side, reach[group][1] + side
        begin, end = bounds[group]
        if graph.direction == "right":
            yield Frame(group, "", low, begin, high - low, end - begin)
        else:
            yield Frame(group, "", begin, low - LINE * depth[group], end - begin, high - low + LINE * depth[group])


def extent(layout: Layout) -> tuple[float, float, float, float]:
    """Where a picture begins and ends: its left, upper, right and lower side."""
    spans = [_around(label) for label in layout.labels]
    spans += [_extent_of(box) for box in layout.boxes]
    spans += [_Rectangle(f.x, f.y, f.x + f.width, f.y + f.height) for f in layout.frames]
    spans += [_Rectangle(x, y, x, y) for edge in layout.edges for x, y in edge.points(4)]
    left, top, right, bottom = zip(*spans, strict=True)
    return min(left), min(top), max(right), max(bottom)
