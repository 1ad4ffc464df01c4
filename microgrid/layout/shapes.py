"""What is laid out, ``Node`` and ``Group``, and what comes out, ``Layout``: boxes, edges, labels and frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Box", "Edge", "Frame", "Group", "Label", "Layout", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node to lay out, with its texts. Space is kept for each text as it is given here.

    What changes its numbers later gives the widest text that may stand there, such as ``"-0.001234"``.
    """

    symbol: str  # in the shape
    parents: tuple[int, ...] = ()  # indices of earlier nodes, one per edge, with repeats
    shape: str = "circle"  # circle (an operation), box, cylinder; or pill: a circle that is as wide as its symbol
    name: str = ""  # above it; broken into two lines if it is long
    value: str = ""
    gradient: str = ""
    terms: tuple[str, ...] = ()  # lines below the gradient, such as the sum over paths
    partials: tuple[str, ...] = ()  # a label per edge; "" for none
    listed: bool = False  # a leaf that may stand in a list with the others of its only child


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes in one frame: a neuron, a layer, a sample. Groups are disjoint or inside each other."""

    name: str
    members: frozenset[int]


@dataclass(frozen=True, slots=True)
class Box:
    """The shape of a node. ``x`` and ``y`` are its centre."""

    node: int
    shape: str  # the node's; or row: a leaf's line in a list
    x: float
    y: float
    width: float
    height: float
    again: bool = False  # the node stands here a second time, at the beginning of a further row


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text. ``x`` is its left end, middle or right end, as ``anchor`` says, and ``y`` its middle."""

    kind: str  # symbol, name, value, gradient, terms, partial
    node: int
    text: str
    x: float
    y: float
    width: float  # what is kept free for it
    size: float
    anchor: str = "middle"  # start, middle, end
    edge: int | None = None  # of a partial: the index in the node's parents
    again: bool = False  # as in Box

    @property
    def left(self) -> float:
        """The left end of what is kept free."""
        return self.x - self.width * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]

    @property
    def height(self) -> float:
        """The height of what is kept free, half above and half below ``y``."""
        return self.size * 1.2


@dataclass(frozen=True, slots=True)
class Edge:
    """The line from a parent to a node."""

    node: int
    edge: int  # the index in the node's parents; of a list's only line, that of its first leaf
    start: tuple[float, float]
    # for each piece its two control points and its end, as in an SVG path's C
    curves: tuple[tuple[tuple[float, float], tuple[float, float], tuple[float, float]], ...]
    listed: tuple[int, ...] = ()  # of a list's line, the edges that it stands for

    @property
    def path(self) -> str:
        """The line as the ``d`` of an SVG path."""
        pieces = ["C" + " ".join([f"{x:g},{y:g}" for x, y in points]) for points in self.curves]
        return f"M{self.start[0]:g},{self.start[1]:g}" + "".join(pieces)

    def points(self, pieces: int = 12) -> list[tuple[float, float]]:
        """Points along the line, from its start to its end."""
        found, (x0, y0) = [self.start], self.start
        for (x1, y1), (x2, y2), (x3, y3) in self.curves:
            for step in range(1, pieces + 1):
                t = step / pieces
                a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
                found.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
            x0, y0 = x3, y3
        return found


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a group; its name stands at the upper left, inside."""

    group: int
    name: str
    x: float  # the upper left corner
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Layout:
    """Where everything is, in pixels from the upper left corner; y grows downwards."""

    direction: str  # right or down
    width: float = 0.0
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    rows: int = 1  # how many rows the graph was cut into

    def nodes(self) -> Iterator[tuple[Box, list[Label]]]:
        """Each shape with the texts in and around it; local derivatives belong to edges."""
        labels: dict[tuple[int, bool], list[Label]] = {}
        for label in self.labels:
            if label.kind != "partial":
                labels.setdefault((label.node, label.again), []).append(label)
        for box in self.boxes:
            yield box, labels.get((box.node, box.again), [])
