"""A graph as DOT text: the labels, colours and shapes of nodes and edges. The text is the same bytes in every process.

The conventions: from left to right; an operation in a circle; its name and value above, in blue; its gradient below,
in vermilion and marked by ∂; on each edge the local derivative, in vermilion and marked by an arrow against the
edge's direction. Each role has a shape and a fill. Nothing is shown by colour alone.

A local derivative is a DOT node *on* its edge, just before the operation whose derivative it is, so that the edge has
two halves. Graphviz keeps nodes apart and routes edges around them, but lets edge labels overlap. And where a leaf has
many edges, each label is on its own edge, after the edges have separated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from microgrid.drawing.contents import LONGEST_NAME, Adjoint, Contents, in_parentheses
from microgrid.drawing.excerpt import Excerpt, Gap
from microgrid.drawing.look import BACK, BACKWARD, FORWARD, INK, LINE, ROLES, SOFT, Role
from microgrid.util.labels import html, number, quoted, shortened, width
from microgrid.util.wording import counted

__all__ = ["LOCAL", "dot_text", "sum_lines"]

LOCAL = "mg-local"
"""The class of the DOT nodes that are local derivatives."""

Node = Any

_MIDDLE = "middle"

_ROW = 16  # height of a line of text in points
_OP_SIZE, _LEAF_SIZE = 38, 30
_PARTIAL_SIZE, _PARTIAL_HEIGHT, _PARTIAL_GAP = 11, 15, 2
_RANKSEP, _RANKSEP_HALVES = 0.5, 0.17
_ROOM_FOR_ROOT, _ROOM_BELOW = 36, 62  # widths in points: of the root's name in a ratio, and of a line below a node
_TERMS_DRAWN = 3  # most terms of a sum over paths


def dot_text(contents: Contents, rankdir: str) -> str:
    """The drawing in DOT, ending in a newline."""
    return "\n".join(_DotText(contents, rankdir).lines()) + "\n"


class _DotText:
    """The text of one drawing."""

    def __init__(self, contents: Contents, rankdir: str) -> None:
        self.contents, self.rankdir = contents, rankdir
        self.root, self.layers = contents.root, contents.layers
        self.excerpt, self.uses = contents.excerpt, contents.uses
        self.ids = {node: f"n{index}" for index, node in enumerate(self.excerpt.nodes)}
        self.trees = _trees(self.excerpt, self.uses)

    def lines(self) -> Iterator[str]:
        yield "digraph {"
        yield f"  graph [{self._graph_attributes()}]"
        yield f'  node [fontname="Helvetica", fontsize=12, fontcolor="{INK}", fixedsize=shape, margin=0]'
        yield (
            f'  edge [fontname="Helvetica", fontsize=11, fontcolor="{BACKWARD}", color="{LINE}", penwidth=1.2, '
            f"arrowsize=0.7]"
        )
        for node in self.excerpt.nodes:
            yield f"  {self.ids[node]} [{self._node_attributes(node)}]"
            if node in self.excerpt.gaps:
                yield f"  {self.ids[node]}_more [{_gap_attributes(self.excerpt.gaps[node])}]"
        yield (
            f'  node [shape=none, style="", fixedsize=true, height={_PARTIAL_HEIGHT / 72:.3f}, '
            f'fontsize={_PARTIAL_SIZE}, fontcolor="{BACKWARD}", class="{LOCAL}"]'
        )
        for node, indices in self.excerpt.nodes.items():
            yield from self._edges(node, indices)
        yield "}"

    # ---- nodes ------------------------------------------------------------------------------------------------

    def _role(self, node: Node) -> Role:
        return ROLES[self.contents.role(node)]

    def _node_attributes(self, node: Node) -> str:
        role = self._role(node)
        symbol = self.contents.symbol(node)
        size = _symbol_size(symbol) if node.op else 13
        wide, tall = max(width(symbol, size) + 18, _OP_SIZE), float(_LEAF_SIZE)
        if node.op is not None:
            tall = wide
        elif self._is_broad(node):
            wide = max([wide, *[line.width + 6 for line in self._forward_lines(node) + self._backward_lines(node)]])
        return _attributes(
            shape=role.shape if node.op or role.shape != "circle" else "polygon",
            style=quoted(role.style),
            peripheries="2" if node is self.root else "1",
            fillcolor=quoted(role.fill),
            color=quoted(role.line),
            penwidth=f"{role.pen:g}",
            width=f"{wide / 72:.3f}",
            height=f"{tall / 72:.3f}",
            label=f"<{self._label(node, symbol, size, wide, tall)}>",
            **({"ordering": "in"} if self._in_order(node) else {}),
            tooltip=quoted(self.contents.node_tooltip(node)),
            **{"class": quoted("mg-" + role.word.partition(":")[0])},
        )

    def _is_broad(self, node: Node) -> bool:
        """Whether a leaf needs a broad shape: from a narrow one, its several edges or its name would cross others."""
        has_text = self.uses[node] > 1 or bool(self.contents.above(node))
        return node.op is None and has_text and self.rankdir == "LR"

    def _in_order(self, node: Node) -> bool:
        """Whether the operands have to be drawn in their order.

        Behind a node with two children an order makes edges cross. A gap keeps its position in the order.
        """
        parents = [node.parents[index] for index in self.excerpt.nodes[node]]
        kept = node in self.trees or (node in self.excerpt.gaps and all([self.uses[parent] == 1 for parent in parents]))
        return kept and len(parents) > 1

    def _label(self, node: Node, symbol: str, size: int, wide: float, tall: float) -> str:
        """The symbol between lines of text: above and below it, or left and right of it if edges run downwards."""
        before, after = self._forward_lines(node), self._backward_lines(node)
        room = 14 if node is self.root else 6  # a double outline needs more space
        if self.rankdir == "TB":
            return _three_columns(before, _font(symbol, INK, size), after, wide + room)
        return _rows(before, _font(symbol, INK, size), after, wide, tall + room)

    def _forward_lines(self, node: Node) -> list[_Line]:
        lines = []
        name = shortened(self.contents.above(node), LONGEST_NAME)
        if name:
            is_named = node.name and node.op is not None
            lines.append(_Line(name, INK, 12, bold=True) if is_named else _Line(name, SOFT, 11))
        value = self.contents.value(node)
        return [*lines, _Line(value, FORWARD, 12)] if value else lines

    def _backward_lines(self, node: Node) -> list[_Line]:
        gradient = self.contents.gradient(node)
        if not gradient:
            return []
        lines = [_Line(self._short_ratio(node), BACKWARD, 10), _Line(gradient, BACKWARD, 12)]
        return lines + [_Line(row, BACKWARD, 10) for row in sum_lines(self.contents.terms(node), _ROOM_BELOW)]

    def _short_ratio(self, node: Node) -> str:
        """The derivative of the root with respect to the node, with dots in place of long names.

        Both names are shown elsewhere: the node's in it or above it, and the root's in the legend.
        """
        root = self.contents.name(self.root)
        of = "∂" + (in_parentheses(root) if width(root, 10) <= _ROOM_FOR_ROOT else "")
        ratio = f"{of}/∂{in_parentheses(self.contents.name(node))}"
        return ratio if width(ratio, 10) <= _ROOM_BELOW else f"{of}/∂(…)"

    # ---- edges ------------------------------------------------------------------------------------------------

    def _edges(self, node: Node, indices: list[int]) -> Iterator[str]:
        edges = [list(self._edge(node, index)) for index in indices]
        if node in self.excerpt.gaps:  # drawn in the position of the missing operands, before the last
            look = f'{self._whole()}, style=dashed, arrowhead=none, class="mg-gap"'
            edges.insert(max(len(edges) - 1, 0), [f"  {self.ids[node]}_more -> {self.ids[node]} [{look}]"])
        for lines in edges:
            yield from lines

    def _edge(self, node: Node, index: int) -> Iterator[str]:
        """The edge, or its two halves and the local derivative between them."""
        tail, head = self.ids[node.parents[index]], self.ids[node]
        tooltip = quoted(self.contents.edge_tooltip(node, index))
        partial = self.contents.partial(node, index)
        if not partial:
            yield f"  {tail} -> {head} [{self._whole(node.parents[index])}, tooltip={tooltip}]"
            return
        local, text = f"{head}_{index}", f"{BACK} {partial}"
        wide = f"{(width(text, _PARTIAL_SIZE) + 2 * _PARTIAL_GAP) / 72:.3f}"
        yield f"  {local} [{_attributes(label=quoted(text), width=wide, tooltip=tooltip)}]"
        first, second = self._ports(node.parents[index])
        yield f"  {tail} -> {local} [{first}, arrowhead=none]"
        yield f"  {local} -> {head} [{second}, weight=2]"  # the shorter half

    def _whole(self, parent: Node = None) -> str:
        """The attributes of an undivided edge, which is as long as one in two halves."""
        return ", ".join([*self._ports(parent), f"minlen={2 if self.layers.partials else 1}"])

    def _ports(self, parent: Node) -> tuple[str, str]:
        """The ports of an edge, on the sides of the nodes without text."""
        if self.rankdir == "TB":
            return "tailport=s", "headport=n"
        # Graphviz takes the height of a shape for its width here. A broad leaf has a cell that is as wide as it is.
        is_broad = parent is not None and self._is_broad(parent)
        return f'tailport="{_MIDDLE}:e"' if is_broad else "tailport=e", "headport=w"

    # ---- the legend -------------------------------------------------------------------------------------------

    def _graph_attributes(self) -> str:
        attributes = {
            "rankdir": self.rankdir,
            "bgcolor": '"#ffffff"',
            "pad": "0.2",
            "nodesep": "0.15",
            "ranksep": f"{_RANKSEP_HALVES if self.layers.partials else _RANKSEP:g}",
            "outputorder": "edgesfirst",  # a filled shape covers the ends of edges inside of it
            "fontname": '"Helvetica"',
            "fontsize": "10",
            "fontcolor": quoted(SOFT),
        }
        rows = [*self._legend(), *self._note()]
        if rows:
            body = "".join([f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows])
            attributes["label"] = f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{body}</TABLE>>'
            attributes |= {"labelloc": "b", "labeljust": "l"}
        return _attributes(**attributes)

    def _legend(self) -> Iterator[str]:
        if not self.layers.legend:
            return
        here, there = ("on the left of", "on the right") if self.rankdir == "TB" else ("above", "below")
        if self.layers.values:
            yield _font(f"{here} a node: its value", FORWARD, 10)
        if self.layers.gradients:
            yield _font(f"∂ {there}: the gradient of {shortened(self.contents.name(self.root), 12)}", BACKWARD, 10)
        if self.layers.partials:
            yield _font(f"{BACK} on an edge: the local derivative", BACKWARD, 10)
        roles = dict.fromkeys([self._role(node).word for node in self.excerpt.nodes])
        chips = "".join([_chip(role) for role in ROLES.values() if role.word in roles])
        yield f'<TABLE BORDER="0" CELLSPACING="4" CELLPADDING="3"><TR>{chips}</TR></TABLE>'

    def _note(self) -> Iterator[str]:
        if not self.excerpt.complete:
            edges = sum([len(indices) for indices in self.excerpt.nodes.values()])
            nodes = f"{len(self.excerpt.nodes):,} of {self.excerpt.total:,} nodes and"
            yield f"<B>{_font(nodes, INK, 11)}</B>"
            yield f"<B>{_font(f'{edges:,} of {self.excerpt.edges:,} edges are drawn;', INK, 11)}</B>"
            yield _font("… stands for the others", INK, 11)


# ---- sums and orders ------------------------------------------------------------------------------------------


def _trees(shown: Excerpt, uses: Mapping[Node, int]) -> set[Node]:
    """The drawn nodes whose ancestors have one child each."""
    trees: set[Node] = set()
    for node, indices in shown.nodes.items():
        if all([uses[node.parents[index]] == 1 and node.parents[index] in trees for index in indices]):
            trees.add(node)
    return trees


def sum_lines(adjoint: Adjoint | None, room: float) -> list[str]:
    """A sum over paths with its signs, = 3 - 0.5 + 1, broken into rows of a width; of many paths the number."""
    if adjoint is None:
        return []
    if adjoint.count > _TERMS_DRAWN:
        return [f"sum of {adjoint.count:,} paths"]
    rows: list[str] = []
    for *_, product in adjoint.terms:
        text = number(product)
        if not rows:
            rows.append(f"= {text}")
            continue
        term = f"- {text[1:]}" if text[0] == "-" else f"+ {text}"
        if width(f"{rows[-1]} {term}", 10) <= room:
            rows[-1] += f" {term}"
        else:
            rows.append(term)
    return rows


# ---- pieces of DOT --------------------------------------------------------------------------------------------


def _attributes(**attributes: str) -> str:
    return ", ".join([f"{name}={text}" for name, text in attributes.items()])


def _font(text: str, colour: str, size: int) -> str:
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{html(text)}</FONT>'


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of text beside a node."""

    text: str
    colour: str
    size: int
    bold: bool = False

    @property
    def width(self) -> float:
        return width(self.text, self.size) * (1.1 if self.bold else 1.0)

    def cell(self, align: str = "CENTER") -> str:
        text = _font(self.text, self.colour, self.size)
        return f'<TD HEIGHT="{_ROW}" ALIGN="{align}">{f"<B>{text}</B>" if self.bold else text}</TD>'


def _table(cells: list[str]) -> str:
    rows = "".join([f"<TR>{cell}</TR>" for cell in cells])
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>'


def _rows(above: list[_Line], middle: str, below: list[_Line], wide: float, tall: float) -> str:
    """Rows above and below the middle, padded to equal numbers, so that the middle is the centre."""
    blank = [f'<TD HEIGHT="{_ROW}"></TD>']
    top = blank * (len(below) - len(above)) + [line.cell() for line in above]
    bottom = [line.cell() for line in below] + blank * (len(above) - len(below))
    return _table([*top, f'<TD PORT="{_MIDDLE}" WIDTH="{wide:.0f}" HEIGHT="{tall:.0f}">{middle}</TD>', *bottom])


def _three_columns(left: list[_Line], middle: str, right: list[_Line], wide: float) -> str:
    """Columns left and right of the middle, of equal width, so that the middle is the centre."""
    room = max([line.width + 8 for line in [*left, *right]], default=0.0)

    def column(lines: list[_Line], align: str) -> str:
        content = _table([line.cell(align) for line in lines]) if lines else ""
        return f'<TD WIDTH="{room:.0f}" ALIGN="{align}">{content}</TD>'

    return _table([column(left, "RIGHT") + f'<TD WIDTH="{wide:.0f}">{middle}</TD>' + column(right, "LEFT")])


def _chip(role: Role) -> str:
    return f'<TD {role.chip} COLOR="{role.line}" BGCOLOR="{role.fill}">{_font(role.word, INK, 10)}</TD>'


def _symbol_size(symbol: str) -> int:
    return 18 if len(symbol) < 2 else 13 if len(symbol) < 5 else 11


def _gap_attributes(gap: Gap) -> str:
    nodes = counted(gap.nodes, "more node") if gap.nodes else "drawn or counted elsewhere"
    operands = counted(gap.operands, "operand")
    label = _table([_Line("…", INK, 18).cell(), _Line(operands, SOFT, 10).cell(), _Line(nodes, SOFT, 10).cell()])
    return _attributes(
        shape="plain",
        fixedsize="false",
        label=f"<{label}>",
        tooltip=quoted(f"left out here: {operands}, {nodes}"),
        **{"class": '"mg-gap"'},
    )
