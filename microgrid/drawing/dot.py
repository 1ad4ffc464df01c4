"""A graph as DOT text: what each node and edge says, and how it looks. Pure, and the same bytes in every process.

The conventions: from left to right; an operation in a circle; its name and value above, in blue; its gradient below,
in vermilion and marked by ∂; on each edge the local derivative, in vermilion and marked by an arrow against the
edge's direction. A shape and a fill for each role. Nothing is told by colour alone.

A local derivative stands *on* its edge, just before the operation whose derivative it is: it is a node of DOT, which
the edge enters and leaves. Layout engines keep nodes apart and lead edges around them, which for the labels of edges
they do not, and a leaf with many edges has a label on each of them where they have parted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from microgrid.core.graph import pullback
from microgrid.drawing.excerpt import Excerpt, Gap, excerpt
from microgrid.util.labels import html, number, one_line, quoted, shortened, width

__all__ = ["LOCAL", "Layers", "dot_text"]

LOCAL = "mg-local"
"""The class of the nodes of DOT that are local derivatives, parts of edges."""

Node = Any

_INK, _SOFT, _LINE = "#1f2933", "#6b7785", "#8793a1"
_FORWARD, _BACKWARD = "#0067a8", "#b8440b"  # blue and vermilion, told apart with any colour vision; 5:1 on white
_BACK = "◄"
_MIDDLE = "middle"

_ROW = 16  # points that one line of text takes
_OP_SIZE, _LEAF_SIZE = 38, 30
_PARTIAL_SIZE, _PARTIAL_HEIGHT, _PARTIAL_GAP = 11, 15, 2
_RANKSEP, _RANKSEP_HALVES = 0.5, 0.17
_LONGEST_NAME, _LONGEST_SYMBOL, _LONGEST_TOLD = 18, 10, 200
_ROOM_FOR_ROOT, _ROOM_BELOW = 36, 62  # points: of the root's name in a ratio, and of any line below a node
_TERMS_SEEN, _TERMS_TOLD = 3, 8  # of a sum over paths: in the drawing, and in a tooltip


@dataclass(frozen=True, slots=True)
class _Role:
    """The look of a kind of node.

    Parameters
    ----------
    word : str
        What the legend calls it.
    shape, style, fill, line : str
        Attributes of DOT.
    pen : float
        The width of the outline.
    chip : str
        Attributes of the legend's cell that imitate the shape.
    """

    word: str
    shape: str
    style: str
    fill: str
    line: str
    pen: float = 1.2
    chip: str = 'BORDER="1"'


_ROLES = {
    "operation": _Role("operation", "circle", "filled", "#f4f6f8", "#6b7785"),
    "input": _Role("input", "polygon", "rounded,filled", "#ffffff", "#6b7785", chip='BORDER="1" STYLE="ROUNDED"'),
    "parameter": _Role("parameter", "polygon", "filled", "#fdf0cd", "#a87b12", 2.0, 'BORDER="2"'),
    "data": _Role("data: cylinder", "cylinder", "filled", "#dff1ea", "#3b8267"),
    "constant": _Role(
        "constant", "polygon", "rounded,dashed,filled", "#ffffff", "#a3adb8", 1.0, 'BORDER="1" STYLE="ROUNDED,DASHED"'
    ),
    "output": _Role("output: double outline", "circle", "filled", "#efe4f5", "#7c4a93"),
}


@dataclass(frozen=True, slots=True)
class Layers:
    """What is written into the drawing.

    Parameters
    ----------
    values : bool
        The value of each node.
    gradients : bool
        The derivative of the output with respect to each node.
    partials : bool
        The local derivative on each edge.
    legend : bool
        What the marks mean.
    """

    values: bool = True
    gradients: bool = True
    partials: bool = True
    legend: bool = True


@dataclass(slots=True)
class _Paths:
    """What a node's children hand back to it: how many terms, and the first few as (child, incoming, local)."""

    count: int = 0
    terms: list[tuple[Node, float, float]] = field(default_factory=list)


def dot_text(
    root: Node,
    *,
    layers: Layers,
    parameters: Collection[Node] = (),
    data: Collection[Node] = (),
    max_nodes: int = 200,
    rankdir: str = "LR",
) -> tuple[str, str]:
    """The drawing of a graph, in DOT.

    Parameters
    ----------
    root : node
        The output.
    layers : Layers
        What is written.
    parameters, data : collection of node
        Leaves with these roles.
    max_nodes : int
        The most nodes that are drawn.
    rankdir : {"LR", "TB"}
        From left to right or from top to bottom.

    Returns
    -------
    tuple of str
        The text, ending in a newline, and a title of few words.
    """
    writer = _Writer(root, layers, set(parameters), set(data), max_nodes, rankdir)
    return "\n".join(writer.lines()) + "\n", writer.title()


class _Writer:
    """One drawing in the making: what is shown, what it is called, and the adjoints of the root."""

    def __init__(
        self, root: Node, layers: Layers, parameters: set[Node], data: set[Node], max_nodes: int, rankdir: str
    ) -> None:
        self.root, self.layers, self.parameters, self.data, self.rankdir = root, layers, parameters, data, rankdir
        self.excerpt = excerpt(root, max_nodes)
        self.ids = {node: f"n{index}" for index, node in enumerate(self.excerpt.nodes)}
        self.names = _names(root, self.excerpt)
        self.uses = Counter([node.parents[place] for node, places in self.excerpt.nodes.items() for place in places])
        self.trees = _trees(self.excerpt, self.uses)
        self.adjoints = pullback(root, order=self.excerpt.order) if layers.gradients else {}
        self.paths = _paths(self.excerpt, self.adjoints) if layers.gradients else {}

    def title(self) -> str:
        total = self.excerpt.total
        return f"the graph of {shortened(self.names[self.root], _LONGEST_TOLD)}, {total:,} node{'s' * (total != 1)}"

    def lines(self) -> Iterator[str]:
        yield "digraph {"
        yield f"  graph [{self._graph_attributes()}]"
        yield f'  node [fontname="Helvetica", fontsize=12, fontcolor="{_INK}", fixedsize=shape, margin=0]'
        yield (
            f'  edge [fontname="Helvetica", fontsize=11, fontcolor="{_BACKWARD}", color="{_LINE}", penwidth=1.2, '
            f"arrowsize=0.7]"
        )
        for node in self.excerpt.nodes:
            yield f"  {self.ids[node]} [{self._node_attributes(node)}]"
            if node in self.excerpt.gaps:
                yield f"  {self.ids[node]}_more [{_gap_attributes(self.excerpt.gaps[node])}]"
        yield (
            f'  node [shape=none, style="", fixedsize=true, height={_PARTIAL_HEIGHT / 72:.3f}, '
            f'fontsize={_PARTIAL_SIZE}, fontcolor="{_BACKWARD}", class="{LOCAL}"]'
        )
        for node, places in self.excerpt.nodes.items():
            yield from self._edges(node, places)
        yield "}"

    # ---- nodes ------------------------------------------------------------------------------------------------

    def _role(self, node: Node) -> _Role:
        if node is self.root:
            return _ROLES["output"]
        if node.op is not None:
            return _ROLES["operation"]
        if node in self.parameters:
            return _ROLES["parameter"]
        if node in self.data:
            return _ROLES["data"]
        return _ROLES["constant" if node.is_constant else "input"]

    def _node_attributes(self, node: Node) -> str:
        role = self._role(node)
        symbol = self._symbol(node)
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
            tooltip=quoted(self._node_tooltip(node)),
            **{"class": quoted("mg-" + role.word.partition(":")[0])},
        )

    def _is_broad(self, node: Node) -> bool:
        """Whether it is a leaf with edges that part at once, and from a narrower shape would run through the text."""
        return node.op is None and self.uses[node] > 1 and self.rankdir == "LR"

    def _in_order(self, node: Node) -> bool:
        """Whether the operands are to stand in their order.

        Behind a node with two children an order makes edges cross. A gap has its place in the order all the same.
        """
        parents = [node.parents[place] for place in self.excerpt.nodes[node]]
        kept = node in self.trees or (node in self.excerpt.gaps and all([self.uses[parent] == 1 for parent in parents]))
        return kept and len(parents) > 1

    def _symbol(self, node: Node) -> str:
        if node.op is not None:
            return shortened(one_line(node.op.symbol or node.op.name), _LONGEST_SYMBOL)
        return shortened(self.names[node], _LONGEST_NAME)

    def _label(self, node: Node, symbol: str, size: int, wide: float, tall: float) -> str:
        """The symbol amid lines of text: above and below, or to the left and the right where edges run downwards."""
        before, after = self._forward_lines(node), self._backward_lines(node)
        room = 14 if node is self.root else 6  # a double outline needs more
        if self.rankdir == "TB":
            return _three_columns(before, _font(symbol, _INK, size), after, wide + room)
        return _rows(before, _font(symbol, _INK, size), after, wide, tall + room)

    def _forward_lines(self, node: Node) -> list[_Line]:
        lines = []
        if node.op is not None:
            name = shortened(self.names[node], _LONGEST_NAME)
            lines.append(_Line(name, _INK, 12, bold=True) if node.name else _Line(name, _SOFT, 11))
        if self.layers.values and not node.is_constant:
            lines.append(_Line(number(node.data), _FORWARD, 12))
        return lines

    def _backward_lines(self, node: Node) -> list[_Line]:
        if not self.layers.gradients or node.is_constant:
            return []
        lines = [_Line(self._short_ratio(node), _BACKWARD, 10), _Line(number(self.adjoints[node]), _BACKWARD, 12)]
        paths = self.paths[node]
        if paths.count > _TERMS_SEEN:
            lines.append(_Line(f"sum of {paths.count:,} paths", _BACKWARD, 10))
        elif paths.count > 1:
            lines += [_Line(row, _BACKWARD, 10) for row in _sum(paths.terms)]
        return lines

    def _short_ratio(self, node: Node) -> str:
        """The derivative of the root with respect to the node, with dots for names that take much room.

        Both names stand elsewhere: that of the node in it or above it, and that of the root in the legend.
        """
        root = self._name(self.root)
        of = "∂" + (_in_parentheses(root) if width(root, 10) <= _ROOM_FOR_ROOT else "")
        ratio = f"{of}/∂{_in_parentheses(self._name(node))}"
        return ratio if width(ratio, 10) <= _ROOM_BELOW else f"{of}/∂(…)"

    def _name(self, node: Node) -> str:
        return self.names[node] if node in self.names else one_line(node.name or "…")

    def _ratio(self, of: Node, by: Node) -> str:
        """The derivative of one node with respect to another, in signs."""
        return "/".join(["∂" + _in_parentheses(shortened(self._name(node), _LONGEST_TOLD)) for node in (of, by)])

    def _node_tooltip(self, node: Node) -> str:
        lines = [self.names[node] + (f": {one_line(node.op.name)} of {len(node.parents):,}" if node.op else "")]
        if self.layers.values:
            lines.append(f"value {node.data!r}")
        if self.layers.gradients and not node.is_constant:
            lines.append(f"{self._ratio(self.root, node)} = {self.adjoints[node]!r}")
            paths = self.paths[node]
            if paths.count > 1:
                lines += self._sum_over_paths(paths)
        return "\n".join(lines)

    def _sum_over_paths(self, paths: _Paths) -> Iterator[str]:
        yield f"the sum over {paths.count:,} paths:"
        for child, incoming, local in paths.terms:
            yield f"{number(incoming)} × {number(local)} = {number(incoming * local)} from {self._name(child)}"
        if paths.count > len(paths.terms):
            yield f"… and {paths.count - len(paths.terms):,} more"

    # ---- edges ------------------------------------------------------------------------------------------------

    def _edges(self, node: Node, places: list[int]) -> Iterator[str]:
        edges = [list(self._edge(node, place)) for place in places]
        if node in self.excerpt.gaps:  # drawn where the missing operands belong: before the last
            look = f'{self._whole()}, style=dashed, arrowhead=none, class="mg-gap"'
            edges.insert(max(len(edges) - 1, 0), [f"  {self.ids[node]}_more -> {self.ids[node]} [{look}]"])
        for lines in edges:
            yield from lines

    def _edge(self, node: Node, place: int) -> Iterator[str]:
        """The edge, or its two halves with the local derivative between them."""
        tail, head = self.ids[node.parents[place]], self.ids[node]
        tooltip = quoted(self._edge_tooltip(node, place))
        if not self.layers.partials or _is_fixed(node, place):
            yield f"  {tail} -> {head} [{self._whole(node.parents[place])}, tooltip={tooltip}]"
            return
        local, text = f"{head}_{place}", f"{_BACK} {number(node.partials[place])}"
        wide = f"{(width(text, _PARTIAL_SIZE) + 2 * _PARTIAL_GAP) / 72:.3f}"
        yield f"  {local} [{_attributes(label=quoted(text), width=wide, tooltip=tooltip)}]"
        first, second = self._ports(node.parents[place])
        yield f"  {tail} -> {local} [{first}, arrowhead=none]"
        yield f"  {local} -> {head} [{second}, weight=2]"  # the shorter half

    def _whole(self, parent: Node = None) -> str:
        """What an edge in one piece needs: to be as long as one in two."""
        return ", ".join([*self._ports(parent), f"minlen={2 if self.layers.partials else 1}"])

    def _ports(self, parent: Node) -> tuple[str, str]:
        """Edges leave and enter on the sides that no text is on."""
        if self.rankdir == "TB":
            return "tailport=s", "headport=n"
        # Engines take the height of a shape for its width here. A broad leaf has a cell that is as wide as it is.
        is_broad = parent is not None and self._is_broad(parent)
        return f'tailport="{_MIDDLE}:e"' if is_broad else "tailport=e", "headport=w"

    def _edge_tooltip(self, node: Node, place: int) -> str:
        parent, local = node.parents[place], node.partials[place]
        lines = [f"{self._name(parent)} → {self._name(node)}: operand {place + 1:,} of {len(node.parents):,}"]
        if _is_fixed(node, place):
            return lines[0] + "\na constant that is never differentiated"
        if self.layers.gradients:
            incoming = self.adjoints[node]
            lines += [
                "incoming × local = contribution",
                f"{self._ratio(self.root, node)} × {self._ratio(node, parent)}",
                f"{number(incoming)} × {number(local)} = {number(incoming * local)}",
            ]
        elif self.layers.partials:
            lines.append(f"{self._ratio(node, parent)} = {local!r}")
        return "\n".join(lines)

    # ---- the legend -------------------------------------------------------------------------------------------

    def _graph_attributes(self) -> str:
        attributes = {
            "rankdir": self.rankdir,
            "bgcolor": '"#ffffff"',
            "pad": "0.2",
            "nodesep": "0.15",
            "ranksep": f"{_RANKSEP_HALVES if self.layers.partials else _RANKSEP:g}",
            "outputorder": "edgesfirst",  # a filled shape covers the end of an edge that reaches into it
            "fontname": '"Helvetica"',
            "fontsize": "10",
            "fontcolor": quoted(_SOFT),
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
            yield _font(f"{here} a node: its value", _FORWARD, 10)
        if self.layers.gradients:
            yield _font(f"∂ {there}: the gradient of {shortened(self._name(self.root), 12)}", _BACKWARD, 10)
        if self.layers.partials:
            yield _font(f"{_BACK} on an edge: the local derivative", _BACKWARD, 10)
        roles = dict.fromkeys([self._role(node).word for node in self.excerpt.nodes])
        chips = "".join([_chip(role) for role in _ROLES.values() if role.word in roles])
        yield f'<TABLE BORDER="0" CELLSPACING="4" CELLPADDING="3"><TR>{chips}</TR></TABLE>'

    def _note(self) -> Iterator[str]:
        if not self.excerpt.complete:
            edges = sum([len(places) for places in self.excerpt.nodes.values()])
            nodes = f"{len(self.excerpt.nodes):,} of {self.excerpt.total:,} nodes and"
            yield f"<B>{_font(nodes, _INK, 11)}</B>"
            yield f"<B>{_font(f'{edges:,} of {self.excerpt.edges:,} edges are drawn;', _INK, 11)}</B>"
            yield _font("… stands for the others", _INK, 11)


# ---- what is called how, and what flows where -----------------------------------------------------------------


def _names(root: Node, shown: Excerpt) -> dict[Node, str]:
    """What each drawn node is called: by its name, a constant by its number, any other v1, v2, … and the root out."""
    names = {node: one_line(node.name) for node in shown.nodes if node.name}
    taken = set(names.values())
    free = (name for index in range(1, 2 * len(shown.nodes) + 2) if (name := f"v{index}") not in taken)
    for node in shown.nodes:
        if node not in names:
            names[node] = number(node.data) if node.is_constant else "out" if node is root else next(free)
    return names


def _trees(shown: Excerpt, uses: Mapping[Node, int]) -> set[Node]:
    """The drawn nodes behind which no node has two children."""
    trees: set[Node] = set()
    for node, places in shown.nodes.items():
        if all([uses[node.parents[place]] == 1 and node.parents[place] in trees for place in places]):
            trees.add(node)
    return trees


def _paths(shown: Excerpt, adjoints: dict[Node, float]) -> dict[Node, _Paths]:
    """The terms of each drawn node's adjoint, in the order in which they are added."""
    paths = {node: _Paths() for node in shown.nodes}
    for child in reversed(shown.order):
        for parent, local in zip(child.parents, child.partials, strict=True):
            if parent in paths:
                found = paths[parent]
                found.count += 1
                if found.count <= _TERMS_TOLD:
                    found.terms.append((child, adjoints[child], local))
    return paths


def _sum(terms: list[tuple[Node, float, float]]) -> list[str]:
    """The terms with their signs: = 3 - 0.5 + 1, in rows that are as wide as other lines."""
    rows: list[str] = []
    for _, incoming, local in terms:
        text = number(incoming * local)
        if not rows:
            rows.append(f"= {text}")
            continue
        term = f"- {text[1:]}" if text[0] == "-" else f"+ {text}"
        if width(f"{rows[-1]} {term}", 10) <= _ROOM_BELOW:
            rows[-1] += f" {term}"
        else:
            rows.append(term)
    return rows


def _in_parentheses(name: str) -> str:
    """The name as it can stand behind a ∂: in parentheses unless it is one, such as w1, h.w1 or w[1]."""
    return name if re.fullmatch(r"\w+(\.\w+|\[\w+\])*…?", name) else f"({name})"


def _is_fixed(node: Node, place: int) -> bool:
    """Whether this operand is a plain number by the rule's own account: the exponent of x**2."""
    regions = node.op.regions
    return node.op.arity is not None and bool(regions[place].constant)


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
    """As many rows on either side of the middle, blank ones outermost, so that the middle is the centre."""
    blank = [f'<TD HEIGHT="{_ROW}"></TD>']
    top = blank * (len(below) - len(above)) + [line.cell() for line in above]
    bottom = [line.cell() for line in below] + blank * (len(above) - len(below))
    return _table([*top, f'<TD PORT="{_MIDDLE}" WIDTH="{wide:.0f}" HEIGHT="{tall:.0f}">{middle}</TD>', *bottom])


def _three_columns(left: list[_Line], middle: str, right: list[_Line], wide: float) -> str:
    """Columns on either side of the middle, equally wide, so that the middle is the centre."""
    room = max([line.width + 8 for line in [*left, *right]], default=0.0)

    def column(lines: list[_Line], align: str) -> str:
        content = _table([line.cell(align) for line in lines]) if lines else ""
        return f'<TD WIDTH="{room:.0f}" ALIGN="{align}">{content}</TD>'

    return _table([column(left, "RIGHT") + f'<TD WIDTH="{wide:.0f}">{middle}</TD>' + column(right, "LEFT")])


def _chip(role: _Role) -> str:
    return f'<TD {role.chip} COLOR="{role.line}" BGCOLOR="{role.fill}">{_font(role.word, _INK, 10)}</TD>'


def _symbol_size(symbol: str) -> int:
    return 18 if len(symbol) < 2 else 13 if len(symbol) < 5 else 11


def _gap_attributes(gap: Gap) -> str:
    nodes = f"{gap.nodes:,} more node{'s' * (gap.nodes != 1)}" if gap.nodes else "drawn or counted elsewhere"
    operands = f"{gap.operands:,} operand{'s' * (gap.operands != 1)}"
    label = _table([_Line("…", _INK, 18).cell(), _Line(operands, _SOFT, 10).cell(), _Line(nodes, _SOFT, 10).cell()])
    return _attributes(
        shape="plain",
        fixedsize="false",
        label=f"<{label}>",
        tooltip=quoted(f"left out here: {operands}, {nodes}"),
        **{"class": '"mg-gap"'},
    )
