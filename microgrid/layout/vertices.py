"""The things that are placed: a node with the texts around it, a list of leaves, or the bend of a long edge.

Each has its texts at fixed places relative to its centre, and so the room that it needs on each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from microgrid.layout.shapes import Box, Label, Node
from microgrid.util.labels import shortened, width

__all__ = ["LABEL", "LINE", "Listed", "Vertex", "bend", "leaves_in_a_list", "single"]

NAME, NUMBER, LABEL, SYMBOL = 11.0, 12.0, 10.0, 13.0
"""The sizes of texts."""

LINE = 14.0
"""The height of a line of text."""

_ROW = 19.0
_CIRCLE, _LEAF = 32.0, (34.0, 26.0)
_WIDEST_NAME = 66.0
_BREAKS = "·-−+/_ "  # after which a name may be broken; after the first rather than after others


class Listed(NamedTuple):
    """A leaf in a list, and the edge to its only child."""

    leaf: int
    node: Node
    child: int
    child_node: Node
    edge: int


@dataclass(slots=True)
class Vertex:
    """One thing to place: its coordinates along the ranks and across them, whichever of x and y that is."""

    labels: list[Label] = field(default_factory=list)  # at their places relative to the centre, as the boxes
    boxes: list[Box] = field(default_factory=list)
    half: tuple[float, float] = (0.0, 0.0)  # of the shape alone, along and across
    back: float = 0.0  # the room it needs from its centre: along, towards the first rank
    ahead: float = 0.0  # and towards the last
    before: float = 0.0  # across, towards the first of its rank
    after: float = 0.0  # and towards the last
    is_bend: bool = False
    along: float = 0.0
    across: float = 0.0
    group: tuple[int, ...] = ()  # the frames around it, outermost first

    def measure(self, wide: float, tall: float, direction: str) -> Vertex:
        """Set the room that a shape of this size and the labels need."""
        left = max([wide / 2, *[-label.left for label in self.labels]])
        right = max([wide / 2, *[label.left + label.width for label in self.labels]])
        up = max([tall / 2, *[label.height / 2 - label.y for label in self.labels]])
        down = max([tall / 2, *[label.y + label.height / 2 for label in self.labels]])
        if direction == "right":
            self.half, self.back, self.ahead, self.before, self.after = (wide / 2, tall / 2), left, right, up, down
        else:
            self.half, self.back, self.ahead, self.before, self.after = (tall / 2, wide / 2), up, down, left, right
        return self


def bend(group: tuple[int, ...], direction: str) -> Vertex:
    """Where a long edge passes a rank."""
    along, across = (4, 5) if direction == "right" else (5, 4)
    return Vertex(back=along, ahead=along, before=across, after=across, is_bend=True, group=group)


def single(index: int, node: Node, direction: str, *, above: bool, again: bool = False) -> Vertex:
    """A node with its texts around it.

    From left to right, name and value stand above and the gradient below. From top to bottom all stand on the right,
    or above for the leaves at the top, which alone are ``above``.
    """
    symbol = shortened(node.symbol, 18)
    wide, tall = _size(node, symbol)
    vertex = Vertex()
    vertex.boxes.append(Box(index, node.shape, 0, 0, wide, tall, again))
    middle = 2.0 if node.shape == "cylinder" else 0.0
    vertex.labels.append(Label("symbol", index, symbol, 0, middle, width(symbol, SYMBOL), SYMBOL, again=again))
    names = _name_lines(node.name, one=direction == "down")
    before = [("name", text, NAME) for text in names] + [("value", node.value, NUMBER)] * bool(node.value)
    after = [("gradient", node.gradient, NUMBER)] * bool(node.gradient)
    after += [("terms", text, LABEL) for text in node.terms]
    if above:
        before, after = before + after, []

    def put(lines: list[tuple[str, str, float]], x: float, y: float, step: float, anchor: str = "middle") -> None:
        for at, (kind, text, size) in enumerate(lines):
            vertex.labels.append(_label(kind, index, text, x, y + at * step, size, anchor, again))

    if direction == "down" and not above:
        lines = before + after
        put(lines, wide / 2 + 5, -LINE * (len(lines) - 1) / 2, LINE, "start")
    else:
        put(before[::-1], 0, -tall / 2 - 3 - LINE / 2 - middle, -LINE)
        put(after, 0, tall / 2 + 3 + LINE / 2, LINE)
    return vertex.measure(wide, tall, direction)


def _label(kind: str, index: int, text: str, x: float, y: float, size: float, anchor: str, again: bool) -> Label:
    room = width(text, size) * (1.08 if kind == "name" else 1.0)
    return Label(kind, index, text, x, y, room, size, anchor, again=again)


def _size(node: Node, symbol: str) -> tuple[float, float]:
    room = width(symbol, SYMBOL) + 12
    if node.shape == "circle":
        # Tall enough for its edges to end apart.
        return max(_CIRCLE, room), max(_CIRCLE, 9.0 * min(len(node.parents), 24))
    if node.shape == "pill":
        return max(_CIRCLE, room), 28.0
    return max(_LEAF[0], room), _LEAF[1]


def _name_lines(name: str, *, one: bool) -> list[str]:
    """A name as one or two lines, broken where a reader would, and shortened to what they hold."""
    if not name:
        return []
    if one or width(name, NAME) <= _WIDEST_NAME:
        return [shortened(name, 18)]
    places = [at for at in range(1, len(name)) if name[at - 1] in _BREAKS and width(name[:at], NAME) <= _WIDEST_NAME]
    best = max([at for at in places if name[at - 1] == "·"], default=max(places, default=0))
    if not best:
        return [shortened(name, 12)]
    return [name[:best].rstrip(), shortened(name[best:].strip(), 12)]


def leaves_in_a_list(leaves: Sequence[Listed], direction: str) -> Vertex:
    """Leaves as the rows of one list: symbol, value, gradient, and the local derivative on the way to their child."""
    names = {leaf.node.name for leaf in leaves}
    heading = names.pop() if len(names) == 1 else ""
    table = []
    for leaf in leaves:
        node, partials = leaf.node, leaf.child_node.partials
        partial = partials[leaf.edge] if leaf.edge < len(partials) else ""
        symbol = node.symbol if heading or not node.name else f"{node.name}, {node.symbol}"
        table.append([shortened(symbol, 24), node.value, node.gradient, partial])
    kinds = (("symbol", SYMBOL), ("value", NUMBER), ("gradient", NUMBER), ("partial", LABEL))
    rooms = [max([width(row[k], size) for row in table]) for k, (_, size) in enumerate(kinds)]
    total = sum([room + 8 for room in rooms if room]) + 6
    vertex, tall = Vertex(), _ROW * len(table)
    for number, (leaf, row) in enumerate(zip(leaves, table, strict=True)):
        y = (number - (len(table) - 1) / 2) * _ROW
        vertex.boxes.append(Box(leaf.leaf, "row", 0, y, total, _ROW))
        x = 7 - total / 2
        for text, room, (kind, size) in zip(row, rooms, kinds, strict=True):
            if text:
                owner, edge = (leaf.child, leaf.edge) if kind == "partial" else (leaf.leaf, None)
                vertex.labels.append(Label(kind, owner, text, x, y, room, size, "start", edge))
            x += room + 8 if room else 0
    if heading:
        y = -tall / 2 - 3 - LINE / 2
        vertex.labels.append(_label("name", leaves[0].leaf, shortened(heading, 30), 0, y, NAME, "middle", False))
    return vertex.measure(total, tall, direction)
