"""A figure and its layout as SVG: presentation attributes only, no ids, no scripts, every text escaped."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from microgrid.drawing.figure import Figure
from microgrid.drawing.look import BACK, BACKWARD, FORWARD, INK, LINE, ROLES, SOFT, UP
from microgrid.layout import Box, Edge, Label, Layout
from microgrid.util.labels import width

__all__ = ["FONTS", "Moment", "escaped", "legend_rows", "pieces", "svg_text", "text_of"]

FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_COLOURS = {"value": FORWARD, "gradient": BACKWARD, "terms": BACKWARD, "partial": BACKWARD}
_HIGHLIGHT = "#d6336c"
_LEGEND_SIZE, _LEGEND_ROW, _LEAST_WIDTH = 10.0, 18.0, 330.0
_DROP = 0.35  # of a text's size: from the middle of a line of text to its base line

_NO_LETTER = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML has no place for

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Moment:
    """What is shown of a figure, where it isn't everything: a step of a series, and what is stressed."""

    gradients: Mapping[int, str] | None = None  # by node; a node that is missing shows none
    partials: Collection[tuple[int, int]] | None = None  # the edges that show their local derivative
    nodes: Collection[int] = field(default_factory=frozenset)  # stressed
    edges: Collection[tuple[int, int]] = field(default_factory=frozenset)  # stressed


def escaped(text: str) -> str:
    """The text as content of an element."""
    return escape(_kept(text))


def _kept(text: str) -> str:
    """What XML has no place for, such as a lone surrogate, is �."""
    return _NO_LETTER.sub("�", text)


def svg_text(
    figure: Figure, layout: Layout, *, scale: float = 1.0, transparent: bool = False, moment: Moment | None = None
) -> str:
    """One ``<svg>`` element, ending in a newline. Tooltips are the titles of its groups."""
    return "\n".join(_Writer(figure, layout, moment or Moment()).lines(scale, transparent)) + "\n"


def text_of(label: Label, moment: Moment, direction: str) -> str:
    """What stands at a label's place at a moment."""
    if label.kind == "gradient" and moment.gradients is not None:
        return moment.gradients.get(label.node, "")
    if label.kind == "terms" and moment.gradients is not None:
        return ""
    if label.kind == "partial":
        shown = moment.partials is None or (label.node, label.edge) in moment.partials
        text = label.text if shown else ""
        return text.replace(BACK, UP) if direction == "down" else text
    return label.text


class _Writer:
    def __init__(self, figure: Figure, layout: Layout, moment: Moment) -> None:
        self.figure, self.layout, self.moment = figure, layout, moment
        self.legend, self.legend_height = legend_rows(figure, layout)
        self.wide = max(layout.width, _LEAST_WIDTH if self.legend else 0.0)

    def lines(self, scale: float, transparent: bool) -> Iterator[str]:
        wide, tall = self.wide, self.layout.height + self.legend_height
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide * scale:.0f}" height="{tall * scale:.0f}" '
            f'viewBox="0 0 {wide:g} {tall:g}" role="img" aria-label={quoteattr(_kept(self.figure.description))} '
            f'font-family="{FONTS}">'
        )
        if not transparent:
            yield f'<rect width="{wide:g}" height="{tall:g}" fill="#ffffff"/>'
        for frame in self.layout.frames:
            yield (
                f'<rect x="{frame.x:g}" y="{frame.y:g}" width="{frame.width:g}" height="{frame.height:g}" rx="8" '
                f'fill="{"none" if transparent else "#f8fafc"}" stroke="#aab6c3"/>'
            )
            yield _text(frame.x + 7, frame.y + 11, frame.name, 10, SOFT, "start")
        partials = {(label.node, label.edge): label for label in self.layout.labels if label.kind == "partial"}
        for edge in self.layout.edges:
            yield self._edge(edge, partials)
        for box, labels in self.layout.nodes():
            yield self._node(box, labels)
        drawn = {(edge.node, edge.edge) for edge in self.layout.edges if not edge.listed}
        for place, label in partials.items():
            if place not in drawn:  # in a list
                yield self._listed(label)
        yield from self.legend
        yield "</svg>"

    def _edge(self, edge: Edge, partials: Mapping[tuple[int, int | None], Label]) -> str:
        tips = self.figure.edge_tooltips[edge.node]
        stands_for = edge.listed or (edge.edge,)
        label = None if edge.listed else partials.get((edge.node, edge.edge))
        text = text_of(label, self.moment, self.layout.direction) if label else ""
        stressed = any([(edge.node, each) in self.moment.edges for each in stands_for])
        colour, pen = (_HIGHLIGHT, 2.6) if stressed else (LINE, 1.2)
        is_gap = not edge.listed and self.figure.roles[self.figure.nodes[edge.node].parents[edge.edge]] == "gap"
        dashes = ' stroke-dasharray="3 3"' if is_gap else ""
        path = pieces(edge, label if text else None)
        arrow = "" if is_gap else _arrow(edge, colour)
        shown = _text_at(label, text) if label and text else ""
        tip = "\n".join([tips[each] for each in stands_for])
        return (
            f'<g class="edge"><title>{escaped(tip)}</title><path d="{path}" fill="none" stroke="{colour}" '
            f'stroke-width="{pen}"{dashes}/><path d="{edge.path}" fill="none" stroke="{LINE}" stroke-width="14" '
            f'stroke-opacity="0"/>{arrow}{shown}</g>'
        )

    def _listed(self, label: Label) -> str:
        tip = self.figure.edge_tooltips[label.node][label.edge or 0]
        text = text_of(label, self.moment, self.layout.direction)
        return f'<g class="edge"><title>{escaped(tip)}</title>{_text_at(label, text)}</g>'

    def _node(self, box: Box, labels: list[Label]) -> str:
        role = self.figure.roles[box.node]
        shown = [(label, text_of(label, self.moment, self.layout.direction)) for label in labels]
        texts = "".join([self._text(label, text) for label, text in shown if text])
        return (
            f'<g class="node mg-{role}"><title>{escaped(self.figure.tooltips[box.node])}</title>'
            f"{_shape(box, role, stressed=box.node in self.moment.nodes)}{texts}</g>"
        )

    def _text(self, label: Label, text: str) -> str:
        is_name, is_named = label.kind == "name", self.figure.is_named[label.node]
        is_of_a_gap = self.figure.roles[label.node] == "gap" and label.kind == "terms"
        return _text_at(label, text, bold=is_name and is_named, soft=is_of_a_gap or (is_name and not is_named))


def _text_at(label: Label, text: str, *, bold: bool = False, soft: bool = False) -> str:
    colour = SOFT if soft else _COLOURS.get(label.kind, INK)
    return _text(label.x, label.y + label.size * _DROP, text, label.size, colour, label.anchor, bold=bold)


def _text(x: float, y: float, text: str, size: float, colour: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.4g}" y="{y:.4g}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escaped(text)}</text>"
    )


def _shape(box: Box, role: str, *, stressed: bool = False) -> str:
    if role == "gap":
        return ""
    look = ROLES[role]
    line, pen = (_HIGHLIGHT, 3.0) if stressed else (look.line, look.pen)
    dashes = ' stroke-dasharray="3 3"' if box.again or role == "constant" else ""
    paint = f'fill="{look.fill}" stroke="{line}" stroke-width="{pen:g}"{dashes}'
    left, top = box.x - box.width / 2, box.y - box.height / 2
    if box.shape == "circle" and box.width == box.height:
        ring = f'<circle cx="{box.x:g}" cy="{box.y:g}" r="{box.width / 2 + 3:g}" fill="none" stroke="{line}"/>'
        circle = f'<circle cx="{box.x:g}" cy="{box.y:g}" r="{box.width / 2:g}" {paint}/>'
        return circle + (ring if role == "output" else "")
    if box.shape == "cylinder":
        lid, right, low = 4.0, box.x + box.width / 2, top + box.height - 4.0
        return (
            f'<path d="M{left:g},{top + lid:g}A{box.width / 2:g},{lid:g} 0 0 1 {right:g},{top + lid:g}V{low:g}'
            f"A{box.width / 2:g},{lid:g} 0 0 1 {left:g},{low:g}ZM{left:g},{top + lid:g}"
            f'A{box.width / 2:g},{lid:g} 0 0 0 {right:g},{top + lid:g}" {paint}/>'
        )
    rounding = min(box.width, box.height) / 2 if box.shape in ("circle", "pill") else 0 if role == "parameter" else 6
    if box.shape == "row":
        rounding = 0
    ring = (
        f'<rect x="{left - 3:g}" y="{top - 3:g}" width="{box.width + 6:g}" height="{box.height + 6:g}" '
        f'rx="{rounding + 3:g}" fill="none" stroke="{line}"/>'
    )
    rectangle = (
        f'<rect x="{left:g}" y="{top:g}" width="{box.width:g}" height="{box.height:g}" rx="{rounding:g}" {paint}/>'
    )
    return rectangle + (ring if role == "output" else "")


# ---- lines ----------------------------------------------------------------------------------------------------


def _arrow(edge: Edge, colour: str) -> str:
    """A head at the end of a line, in the direction of its last piece."""
    (x0, y0), (x1, y1) = edge.points()[-2:]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    back = x1 - 7 * dx, y1 - 7 * dy
    corners = [(x1, y1), (back[0] - 3 * dy, back[1] + 3 * dx), (back[0] + 3 * dy, back[1] - 3 * dx)]
    return f'<polygon points="{" ".join([f"{x:.1f},{y:.1f}" for x, y in corners])}" fill="{colour}"/>'


def pieces(edge: Edge, label: Label | None) -> str:
    """The line as the ``d`` of a path, with a gap where its own label stands."""
    if label is None:
        return edge.path
    half = label.height / 2
    left, right = label.left - 1, label.left + label.width + 1
    path, pen = "", False  # whether the pen is down at the point that was reached
    here = edge.start
    for curve in edge.curves:
        steps = [k / 24 for k in range(25)]
        inside = [left < x < right and abs(y - label.y) < half for x, y in [_at(here, curve, t) for t in steps]]
        for (low, high), covered in _runs(steps, inside):
            if covered:
                pen = False
                continue
            start, first, second, end = _part(here, curve, low, high)
            if not pen:
                path += f"M{start[0]:.1f},{start[1]:.1f}"
                pen = True
            path += f"C{first[0]:.1f},{first[1]:.1f} {second[0]:.1f},{second[1]:.1f} {end[0]:.1f},{end[1]:.1f}"
        here = curve[2]
    return path


def _runs(steps: list[float], inside: list[bool]) -> Iterator[tuple[tuple[float, float], bool]]:
    """The stretches of a curve that are covered, or not."""
    start = 0
    for at in range(1, len(steps)):
        if at == len(steps) - 1 or inside[at] != inside[at - 1]:
            yield (steps[start], steps[at]), inside[at - 1]
            start = at


def _at(start: Point, curve: tuple[Point, Point, Point], t: float) -> Point:
    return _part(start, curve, 0.0, t)[3]


def _part(
    start: Point, curve: tuple[Point, Point, Point], low: float, high: float
) -> tuple[Point, Point, Point, Point]:
    """The part of a cubic curve between two parameters, by its blossom."""

    def blossom(a: float, b: float, c: float) -> Point:
        points = [start, *curve]
        for t in (a, b, c):
            points = [(p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t) for p, q in pairwise(points)]
        return points[0]

    return blossom(low, low, low), blossom(low, low, high), blossom(low, high, high), blossom(high, high, high)


# ---- the legend -----------------------------------------------------------------------------------------------


def legend_rows(figure: Figure, layout: Layout) -> tuple[list[str], float]:
    """The elements of the legend below the graph, and its height."""
    room = max(layout.width, _LEAST_WIDTH) - 20
    found: list[str] = []
    x, y = 12.0, layout.height + 8
    for kind, text in figure.legend:
        is_role = kind in ROLES
        words = ROLES[kind].word if is_role else text
        if layout.direction == "down":
            words = words.replace(BACK, UP)
        wide = width(words, _LEGEND_SIZE) + (24 if is_role else 0)
        for row, line in enumerate(_wrapped(words, room) if kind == "note" else [words]):
            if row or (x > 12 and x + wide > room) or kind == "note":
                x, y = 12.0, y + (_LEGEND_ROW if found else 0)
            if is_role:
                shape = {"data": "cylinder", "output": "circle"}.get(kind, "box")
                found.append(_shape(Box(0, shape, x + 8, y, 14, 14 if shape == "circle" else 12), kind))
            colour = {"values": FORWARD, "gradients": BACKWARD, "partials": BACKWARD}.get(kind, SOFT)
            start = x + (22 if is_role else 0)
            found.append(
                _text(start, y + _LEGEND_SIZE * _DROP, line, _LEGEND_SIZE, colour, "start", bold=kind == "note")
            )
            x += wide + 14
    return found, (y - layout.height + _LEGEND_ROW if found else 0.0)


def _wrapped(text: str, room: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(longer, _LEGEND_SIZE) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
