"""A recorded graph as SVG, for a page: with presentation attributes, so that it is complete wherever it stands.

Where things are is decided in ``layout``. The page finds what it changes by ``data-`` attributes: ``data-n`` a node's
group, ``data-v`` its value, ``data-g`` its gradient, ``data-e`` an edge and ``data-d`` the local derivative on it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from html import escape
from typing import NamedTuple

from microgrid.drawing.look import BACKWARD, DARK, FORWARD, INK, LINE, ROLES, SOFT
from microgrid.layout import Box, Edge, Group, Label, Layout, Node, lay_out
from microgrid.pages.graph import Recorded
from microgrid.pages.layers import Layer, contracted, surroundings
from microgrid.pages.quick import lay_out_quickly
from microgrid.pages.tiles import Tiles
from microgrid.util.labels import number

__all__ = ["Placed", "in_the_dark", "laid_out", "shown_number", "size_of", "svg", "svg_in_tiles"]

_BACKGROUND = "#ffffff"
_HALO = f' paint-order="stroke" stroke="{_BACKGROUND}" stroke-width="5"'  # an edge ends before its number
_ROOM_ON_NODE, _ROOM_ON_EDGE = "−0.0000", "−0.000"  # what is kept free for numbers that change
_DIGITS_ON_EDGE = 3
_MOST_WITH_SHORT_EDGES = 300  # the layout that keeps edges short takes seconds beyond
_ARROW = {"right": "◂", "down": "▴"}


def shown_number(x: float, digits: int = 4) -> str:
    """A number as the page shows it: a minus sign that is one, and the sign of a zero."""
    if x == 0.0:
        return "−0" if math.copysign(1.0, x) < 0.0 else "0"
    text = number(x) if digits == 4 else number(float(f"{x:.{digits}g}"))
    return {"inf": "∞", "-inf": "−∞"}.get(repr(x), text.replace("-", "−"))


class Placed(NamedTuple):
    """A layout, and what its nodes stand for."""

    layout: Layout
    is_large: bool  # the layout is the quick one
    items: list[int | Layer]  # a node of the graph, or a layer as a closed box
    edges: list[list[int | None]]  # of each item, the operands that its edges lead from; None for edges of a layer


def laid_out(
    graph: Recorded,
    width: float,
    groups: Sequence[tuple[str, Collection[int]]] = (),
    *,
    closed: Sequence[Layer] = (),
    inside: Layer | None = None,
) -> Placed:
    """The graph's layout for a column of so many pixels: with some layers as closed boxes, or the inside of one."""
    things = contracted(graph, closed) if inside is None else surroundings(graph, inside)
    place = {item: index for index, (item, _) in enumerate(things)}
    nodes = []
    for item, into in things:
        parents = tuple([place[source] for source, _ in into])
        if isinstance(item, Layer):
            nodes.append(Node(item.name, parents, "pill"))
        else:
            nodes.append(_node(graph, item, parents, short=inside is not None))
    items, edges = list(place), [[edge for _, edge in into] for _, into in things]
    if len([node for node in nodes if not node.listed]) > _MOST_WITH_SHORT_EDGES:
        return Placed(lay_out_quickly(nodes), True, items, edges)
    framed = [Group(name, frozenset([place[node] for node in members if node in place])) for name, members in groups]
    return Placed(lay_out(nodes, width=width, groups=framed), False, items, edges)


def _node(graph: Recorded, node: int, parents: tuple[int, ...], *, short: bool) -> Node:
    value, is_operation = graph.order[node], graph.order[node].op is not None
    symbol, constant = graph.symbols[node], graph.kinds[node] == "constant"
    if short and not is_operation and not constant:
        symbol = graph.names[node].partition(", ")[2] or symbol
    shape = ("pill" if len(symbol) > 4 else "circle") if is_operation else "box"
    return Node(
        symbol,
        parents,
        "cylinder" if graph.kinds[node] == "data" else shape,
        graph.names[node] if is_operation else "",
        "" if constant else max(shown_number(value.data), _ROOM_ON_NODE, key=len),
        "" if constant else max(shown_number(graph.adjoints[node]), _ROOM_ON_NODE, key=len),
        (graph.left_out[node],) if node in graph.left_out else (),
        tuple(["◂" + _ROOM_ON_EDGE for _ in parents]),
        not is_operation and _goes_into_lists(graph, node),
    )


def _goes_into_lists(graph: Recorded, node: int) -> bool:
    """Whether a leaf is an element of sums and the like alone, where it may stand in a list with the others."""
    rules = [graph.order[child].op for child, _ in graph.children[node]]
    return all([rule is not None and rule.arity is None for rule in rules])


def svg(graph: Recorded, placed: Placed, title: str, hidden: Collection[str] = ()) -> str:
    """The graph with all values, gradients and local derivatives.

    ``hidden`` are those that are shown as ?: "v5", the value of node 5, "g5", its gradient, "d7.0", the derivative of
    node 7 by its first operand.
    """
    layout = placed.layout
    size = f'viewBox="0 0 {layout.width:g} {layout.height:g}" width="{layout.width:g}" height="{layout.height:g}"'
    told = f'role="group" aria-label="{escape(title)}" font-family="system-ui, DejaVu Sans, sans-serif"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="g" {size} {told}>'
    background = f'<rect class="bg" width="100%" height="100%" fill="{_BACKGROUND}"/>'
    return "\n".join([head, background, *_Picture(graph, placed, hidden).parts(), "</svg>"])


def svg_in_tiles(graph: Recorded, placed: Placed, hidden: Collection[str] = ()) -> str:
    """The same picture, of a large graph, as HTML with an SVG for each part."""
    return _Picture(graph, placed, hidden).tiles()


def size_of(picture: str) -> tuple[float, float]:
    """The width and the height of a picture, in pixels."""
    found = re.search(r'width="([\d.e+]+)" height="([\d.e+]+)"', picture)
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def in_the_dark(picture: str) -> str:
    """The picture in the colours of the page's dark theme."""
    return re.sub(r'(?<=(?:fill|roke)=")#[0-9a-f]{6}(?=")', lambda colour: DARK[colour[0]], picture)


class _Picture:
    def __init__(self, graph: Recorded, placed: Placed, hidden: Collection[str]) -> None:
        self.graph, self.hidden = graph, hidden
        self.layout, _, self.drawn, self.edges = placed

    def parts(self) -> Iterator[str]:
        for frame in self.layout.frames:
            yield (
                f'<g class="plate"><rect x="{frame.x:g}" y="{frame.y:g}" width="{frame.width:g}" '
                f'height="{frame.height:g}" rx="10" fill="none" stroke="{LINE}" stroke-dasharray="5 4"/></g>'
            )
        for edge in self.layout.edges:
            yield self._edge(edge)
        for box, labels in self.layout.nodes():
            yield self._node(box, labels)
        for label in self.layout.labels:
            if label.kind == "partial":
                yield self._partial(label)
        for frame in self.layout.frames:  # an edge that crosses it is interrupted
            yield _text("frame on", frame.x + 10, frame.y + 14, 11, "start", SOFT, frame.name, _HALO)

    def tiles(self) -> str:
        """The picture in tiles, of which only those in view are drawn."""
        tiles = Tiles(self.layout.width, self.layout.height)
        for edge in self.layout.edges:
            tiles.add_edge(self._keys(edge), edge, _head(edge))
        for label in self.layout.labels:
            if label.kind == "partial":
                tiles.add(label.x, label.y, self._partial(label))
        for box, labels in self.layout.nodes():
            tiles.add(box.x, box.y, self._node(box, labels))
        return tiles.html()

    def _keys(self, edge: Edge) -> str:
        operands = [self.edges[edge.node][index] for index in edge.listed or (edge.edge,)]
        return " ".join([f"{self.drawn[edge.node]}.{operand}" for operand in operands if operand is not None])

    def _edge(self, edge: Edge) -> str:
        keys = self._keys(edge)
        data = f' data-e="{keys}"' if keys else ""
        return (
            f'<g class="e"{data}><path d="{edge.path}" fill="none" stroke="{LINE}" stroke-width="1.3"/>'
            f'<path class="head" d="{_head(edge)}" fill="{LINE}"/></g>'
        )

    def _partial(self, label: Label) -> str:
        node, edge = self.drawn[label.node], self.edges[label.node][label.edge or 0]
        if isinstance(node, Layer) or edge is None:
            return ""
        number = shown_number(self.graph.partials[node][edge], _DIGITS_ON_EDGE)
        text = _ARROW[self.layout.direction] + self._unless_hidden(f"d{node}.{edge}", number)
        on_edge = label.anchor == "middle"  # else in a list, where there is no line to interrupt
        data, style = f'data-d="{node}.{edge}"{_HALO if on_edge else ""}', "pt on" if on_edge else "pt"
        return _text(style, label.x, label.y, label.size, label.anchor, BACKWARD, text, data)

    def _node(self, box: Box, labels: Sequence[Label]) -> str:
        graph, node = self.graph, self.drawn[box.node]
        if isinstance(node, Layer):
            return self._closed(box, labels, node)
        kind = "output" if node == graph.root and graph.parents[node] else graph.kinds[node]
        look = ROLES[kind]
        again = ' stroke-dasharray="3 3"' if box.again or kind == "constant" else ""
        paint = f'fill="{look.fill}" stroke="{look.line}" stroke-width="{look.pen:g}"{again}'
        inside = _SHAPES[box.shape](box, paint)
        if kind == "output" and not box.again:
            bigger = Box(box.node, box.shape, box.x, box.y, box.width + 6, box.height + 6)
            inside = _SHAPES[box.shape](bigger, f'fill="none" stroke="{look.line}"') + inside
        texts = "".join([self._label(label, node) for label in labels])
        told = "" if kind == "constant" else f" = {self._value(node)}, gradient {self._gradient(node)}"
        name = escape(graph.names[node])
        return (
            f'<g class="n {kind}{" again" if box.again else ""}" data-n="{node}" role="button" tabindex="-1" '
            f'aria-label="{name}{told}">{inside}{texts}</g>'
        )

    def _closed(self, box: Box, labels: Sequence[Label], layer: Layer) -> str:
        paint = f'fill="{ROLES["operation"].fill}" stroke="{SOFT}" stroke-width="1.6"'
        texts = "".join([_text("sy", x.x, x.y, x.size, x.anchor, INK, x.text) for x in labels])
        members = " ".join(map(str, sorted(layer.members)))
        return (
            f'<g class="n layer" data-m="{members}" data-layer="{escape(layer.name)}" role="button" tabindex="-1" '
            f'aria-expanded="false" aria-label="{escape(layer.name)} neurons: open">'
            f"{_SHAPES['pill'](box, paint)}{texts}</g>"
        )

    def _label(self, label: Label, node: int) -> str:
        if label.kind == "value":
            style, colour, text, data = "v", FORWARD, self._value(node), f'data-v="{node}"'
        elif label.kind == "gradient":
            style, colour, text, data = "gr", BACKWARD, self._gradient(node), f'data-g="{node}"'
        else:
            style, colour, text, data = {"name": "nm", "terms": "more"}.get(label.kind, "sy"), INK, label.text, ""
        return _text(style, label.x, label.y, label.size, label.anchor, colour, text, data)

    def _value(self, node: int) -> str:
        return self._unless_hidden(f"v{node}", shown_number(self.graph.order[node].data))

    def _gradient(self, node: int) -> str:
        return self._unless_hidden(f"g{node}", shown_number(self.graph.adjoints[node]))

    def _unless_hidden(self, key: str, text: str) -> str:
        return "?" if key in self.hidden else text


def _head(edge: Edge) -> str:
    (_, (x1, y1), (x, y)) = edge.curves[-1]
    far = math.hypot(x - x1, y - y1) or 1.0
    dx, dy = (x - x1) / far, (y - y1) / far
    head = f"M{x:.1f},{y:.1f}L{x - 7 * dx - 3.4 * dy:.1f},{y - 7 * dy + 3.4 * dx:.1f}"
    return f"{head}L{x - 7 * dx + 3.4 * dy:.1f},{y - 7 * dy - 3.4 * dx:.1f}z"


def _text(style: str, x: float, y: float, size: float, anchor: str, colour: str, text: str, data: str = "") -> str:
    bold = ' font-weight="600"' if style == "nm" else ""
    return (
        f'<text class="{style}" {data} x="{x:g}" y="{y + size * 0.35:.1f}" font-size="{size:g}" '
        f'text-anchor="{anchor}" fill="{colour}"{bold}>{escape(text)}</text>'
    )


def _ellipse(box: Box, look: str) -> str:
    return f'<ellipse cx="{box.x:g}" cy="{box.y:g}" rx="{box.width / 2:g}" ry="{box.height / 2:g}" {look}/>'


def _rounded(radius: float) -> Callable[[Box, str], str]:
    def shape(box: Box, look: str) -> str:
        x, y = box.x - box.width / 2, box.y - box.height / 2
        return f'<rect x="{x:g}" y="{y:g}" width="{box.width:g}" height="{box.height:g}" rx="{radius:g}" {look}/>'

    return shape


def _cylinder(box: Box, look: str) -> str:
    left, right, top, bottom = box.x - box.width / 2, box.x + box.width / 2, box.y - 9, box.y + 11
    half = box.width / 2
    return (
        f'<path d="M{left:g},{top:g}A{half:g},5 0 0 1 {right:g},{top:g}V{bottom:g}A{half:g},5 0 0 1 {left:g},'
        f'{bottom:g}ZM{left:g},{top:g}A{half:g},5 0 0 0 {right:g},{top:g}" {look}/>'
    )


_SHAPES: dict[str, Callable[[Box, str], str]] = {
    "circle": _ellipse,
    "pill": _rounded(14),
    "box": _rounded(3),
    "row": _rounded(0),
    "cylinder": _cylinder,
}
