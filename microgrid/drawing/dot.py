"""A graph as DOT text: the labels, colours and shapes of nodes and edges. The text is the same bytes in every process.

The conventions: from left to right; an operation in a circle; its name and value above, in blue; its gradient below,
in vermilion and marked by ∂; on each edge the local derivative, in vermilion and marked by an arrow against the
edge's direction. Each role has a shape and a fill. Nothing is shown by colour alone.

A local derivative is a DOT node *on* its edge, just before the operation whose derivative it is, so that the edge has
two halves. Graphviz keeps nodes apart and routes edges around them, but lets edge labels overlap. And where a leaf has
many edges, each label is on its own edge, after the edges have separated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgrid.core.graph import pullback
from microgrid.drawing.excerpt import Excerpt, Gap, excerpt
from microgrid.util.labels import html, number, one_line, quoted, shortened, width
from microgrid.util.wording import counted

__all__ = ["LOCAL", "Layers", "dot_text"]

LOCAL = "mg-local"
"""The class of the DOT nodes that are local derivatives."""

Node = Any

_INK, _SOFT, _LINE = "#1f2933", "#6b7785", "#8793a1"
_FORWARD, _BACKWARD = "#0067a8", "#b8440b"  # blue and vermilion, distinguishable with any colour vision; 5:1 on white
_BACK = "◄"
_MIDDLE = "middle"

_ROW = 16  # height of a line of text in points
_OP_SIZE, _LEAF_SIZE = 38, 30
_PARTIAL_SIZE, _PARTIAL_HEIGHT, _PARTIAL_GAP = 11, 15, 2
_RANKSEP, _RANKSEP_HALVES = 0.5, 0.17
_LONGEST_NAME, _LONGEST_SYMBOL, _LONGEST_IN_TOOLTIP = 18, 10, 200
_ROOM_FOR_ROOT, _ROOM_BELOW = 36, 62  # widths in points: of the root's name in a ratio, and of a line below a node
_TERMS_DRAWN, _TERMS_IN_TOOLTIP = 3, 8  # most terms of a sum over paths


@dataclass(frozen=True, slots=True)
class _Role:
    """The look of a kind of node."""

    word: str  # its name in the legend
    shape: str  # an attribute of DOT, as the next three
    style: str
    fill: str
    line: str
    pen: float = 1.2  # the width of the outline
    chip: str = 'BORDER="1"'  # attributes of the legend's cell that imitate the shape


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
    """The parts of a drawing."""

    values: bool = True  # the value of each node
    gradients: bool = True  # the derivative of the output with respect to each node
    partials: bool = True  # the local derivative on each edge
    legend: bool = True  # the explanation of the marks


@dataclass(slots=True)
class _Adjoint:
    """The terms of a node's adjoint, one per edge: how many, and the first few as (child, incoming, local, product)."""

    count: int = 0
    terms: list[tuple[Node, float, float, float]] = field(default_factory=list)


def dot_text(
    root: Node,
    *,
    layers: Layers,
    parameters: Collection[Node] = (),
    data: Collection[Node] = (),
    max_nodes: int = 200,
    rankdir: str = "LR",
) -> tuple[str, str]:
    """The drawing of a graph in DOT, ending in a newline, and a short title; the parameters are those of ``draw``."""
    text = _DotText(root, layers, set(parameters), set(data), max_nodes, rankdir)
    return "\n".join(text.lines()) + "\n", text.title()


class _DotText:
    """The text of one drawing, from the drawn nodes, their names and their adjoints."""

    def __init__(
        self, root: Node, layers: Layers, parameters: set[Node], data: set[Node], max_nodes: int, rankdir: str
    ) -> None:
        self.root, self.layers, self.parameters, self.data, self.rankdir = root, layers, parameters, data, rankdir
        self.excerpt = excerpt(root, max_nodes)
        self.ids = {node: f"n{index}" for index, node in enumerate(self.excerpt.nodes)}
        self.names = _names(root, self.excerpt)
        self.uses = Counter([node.parents[index] for node, indices in self.excerpt.nodes.items() for index in indices])
        self.trees = _trees(self.excerpt, self.uses)
        self.adjoints = pullback(root, order=self.excerpt.order) if layers.gradients else {}
        self.reached = _reached(root, self.excerpt.order) if layers.gradients else set()
        self.sums = _sums(self.excerpt, self.adjoints, self._contribution) if layers.gradients else {}

    def title(self) -> str:
        name = shortened(self.names[self.root], _LONGEST_IN_TOOLTIP)
        return f"the graph of {name}, {counted(self.excerpt.total, 'node')}"

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
        for node, indices in self.excerpt.nodes.items():
            yield from self._edges(node, indices)
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
        """Whether a leaf needs a broad shape: from a narrow one, its several edges would cross its text."""
        return node.op is None and self.uses[node] > 1 and self.rankdir == "LR"

    def _in_order(self, node: Node) -> bool:
        """Whether the operands have to be drawn in their order.

        Behind a node with two children an order makes edges cross. A gap keeps its position in the order.
        """
        parents = [node.parents[index] for index in self.excerpt.nodes[node]]
        kept = node in self.trees or (node in self.excerpt.gaps and all([self.uses[parent] == 1 for parent in parents]))
        return kept and len(parents) > 1

    def _symbol(self, node: Node) -> str:
        if node.op is not None:
            return shortened(one_line(node.op.symbol or node.op.name), _LONGEST_SYMBOL)
        return shortened(self.names[node], _LONGEST_NAME)

    def _label(self, node: Node, symbol: str, size: int, wide: float, tall: float) -> str:
        """The symbol between lines of text: above and below it, or left and right of it if edges run downwards."""
        before, after = self._forward_lines(node), self._backward_lines(node)
        room = 14 if node is self.root else 6  # a double outline needs more space
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
        adjoint = self.sums[node]
        if adjoint.count > _TERMS_DRAWN:
            lines.append(_Line(f"sum of {adjoint.count:,} paths", _BACKWARD, 10))
        elif adjoint.count > 1:
            lines += [_Line(row, _BACKWARD, 10) for row in _sum(adjoint.terms)]
        return lines

    def _short_ratio(self, node: Node) -> str:
        """The derivative of the root with respect to the node, with dots in place of long names.

        Both names are shown elsewhere: the node's in it or above it, and the root's in the legend.
        """
        root = self._name(self.root)
        of = "∂" + (_in_parentheses(root) if width(root, 10) <= _ROOM_FOR_ROOT else "")
        ratio = f"{of}/∂{_in_parentheses(self._name(node))}"
        return ratio if width(ratio, 10) <= _ROOM_BELOW else f"{of}/∂(…)"

    def _name(self, node: Node) -> str:
        return self.names[node] if node in self.names else one_line(node.name or "…")

    def _ratio(self, of: Node, by: Node) -> str:
        """The derivative of one node with respect to another, in signs."""
        return "/".join(["∂" + _in_parentheses(shortened(self._name(node), _LONGEST_IN_TOOLTIP)) for node in (of, by)])

    def _node_tooltip(self, node: Node) -> str:
        lines = [self.names[node] + (f": {one_line(node.op.name)} of {len(node.parents):,}" if node.op else "")]
        if self.layers.values:
            lines.append(f"value {node.data!r}")
        if self.layers.gradients and not node.is_constant:
            lines.append(f"{self._ratio(self.root, node)} = {self.adjoints[node]!r}")
            adjoint = self.sums[node]
            if adjoint.count > 1:
                lines += self._sum_over_paths(adjoint)
        return "\n".join(lines)

    def _sum_over_paths(self, adjoint: _Adjoint) -> Iterator[str]:
        yield f"the sum over {adjoint.count:,} paths:"
        for child, incoming, local, product in adjoint.terms:
            yield f"{number(incoming)} × {number(local)} = {number(product)} from {self._name(child)}"
        if adjoint.count > len(adjoint.terms):
            yield f"… and {adjoint.count - len(adjoint.terms):,} more"

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
        tooltip = quoted(self._edge_tooltip(node, index))
        if not self.layers.partials or _is_fixed(node, index):
            yield f"  {tail} -> {head} [{self._whole(node.parents[index])}, tooltip={tooltip}]"
            return
        local, text = f"{head}_{index}", f"{_BACK} {number(node.partials[index])}"
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

    def _contribution(self, node: Node, local: float) -> float:
        """What a node hands back along an edge: nothing if it wasn't reached, and nothing to what wasn't taken."""
        is_there = node in self.reached and (local or not node.op.choice)
        return self.adjoints[node] * local if is_there else 0.0

    def _edge_tooltip(self, node: Node, index: int) -> str:
        parent, local = node.parents[index], node.partials[index]
        lines = [f"{self._name(parent)} → {self._name(node)}: operand {index + 1:,} of {len(node.parents):,}"]
        if _is_fixed(node, index):
            return lines[0] + "\na constant that is never differentiated"
        if self.layers.gradients:
            incoming = self.adjoints[node]
            lines += [
                "incoming × local = contribution",
                f"{self._ratio(self.root, node)} × {self._ratio(node, parent)}",
                f"{number(incoming)} × {number(local)} = {number(self._contribution(node, local))}",
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
            "outputorder": "edgesfirst",  # a filled shape covers the ends of edges inside of it
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
            edges = sum([len(indices) for indices in self.excerpt.nodes.values()])
            nodes = f"{len(self.excerpt.nodes):,} of {self.excerpt.total:,} nodes and"
            yield f"<B>{_font(nodes, _INK, 11)}</B>"
            yield f"<B>{_font(f'{edges:,} of {self.excerpt.edges:,} edges are drawn;', _INK, 11)}</B>"
            yield _font("… stands for the others", _INK, 11)


# ---- names and sums -------------------------------------------------------------------------------------------


def _names(root: Node, shown: Excerpt) -> dict[Node, str]:
    """The label of each drawn node: its name; or a constant's number; "out" for the root; v1, v2, … for the others."""
    names = {node: one_line(node.name) for node in shown.nodes if node.name}
    taken = set(names.values())
    free = (name for index in range(1, 2 * len(shown.nodes) + 2) if (name := f"v{index}") not in taken)
    for node in shown.nodes:
        if node not in names:
            names[node] = number(node.data) if node.is_constant else "out" if node is root else next(free)
    return names


def _trees(shown: Excerpt, uses: Mapping[Node, int]) -> set[Node]:
    """The drawn nodes whose ancestors have one child each."""
    trees: set[Node] = set()
    for node, indices in shown.nodes.items():
        if all([uses[node.parents[index]] == 1 and node.parents[index] in trees for index in indices]):
            trees.add(node)
    return trees


def _reached(root: Node, order: Sequence[Node]) -> set[Node]:
    """The nodes from which a way leads to the root that passes no branch which wasn't taken."""
    reached = {root}
    for node in reversed(order):
        if node in reached:
            edges = zip(node.parents, node.partials, strict=True)
            reached.update([parent for parent, local in edges if local or not node.op.choice])
    return reached


def _sums(
    shown: Excerpt, adjoints: dict[Node, float], contribution: Callable[[Node, float], float]
) -> dict[Node, _Adjoint]:
    """The terms of each drawn node's adjoint in the order of their addition."""
    sums = {node: _Adjoint() for node in shown.nodes}
    for child in reversed(shown.order):
        for parent, local in zip(child.parents, child.partials, strict=True):
            if parent in sums:
                found = sums[parent]
                found.count += 1
                if found.count <= _TERMS_IN_TOOLTIP:
                    found.terms.append((child, adjoints[child], local, contribution(child, local)))
    return sums


def _sum(terms: list[tuple[Node, float, float, float]]) -> list[str]:
    """The terms with their signs, = 3 - 0.5 + 1, broken into rows as wide as other lines."""
    rows: list[str] = []
    for *_, product in terms:
        text = number(product)
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
    """The name as written after a ∂: in parentheses unless it is one term, such as w1, h.w1 or w[1]."""
    return name if re.fullmatch(r"\w+(\.\w+|\[\w+\])*…?", name) else f"({name})"


def _is_fixed(node: Node, index: int) -> bool:
    """Whether the rule never differentiates this operand, such as the exponent of x**2."""
    regions = node.op.regions
    return node.op.arity is not None and bool(regions[index].constant)


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


def _chip(role: _Role) -> str:
    return f'<TD {role.chip} COLOR="{role.line}" BGCOLOR="{role.fill}">{_font(role.word, _INK, 10)}</TD>'


def _symbol_size(symbol: str) -> int:
    return 18 if len(symbol) < 2 else 13 if len(symbol) < 5 else 11


def _gap_attributes(gap: Gap) -> str:
    nodes = counted(gap.nodes, "more node") if gap.nodes else "drawn or counted elsewhere"
    operands = counted(gap.operands, "operand")
    label = _table([_Line("…", _INK, 18).cell(), _Line(operands, _SOFT, 10).cell(), _Line(nodes, _SOFT, 10).cell()])
    return _attributes(
        shape="plain",
        fixedsize="false",
        label=f"<{label}>",
        tooltip=quoted(f"left out here: {operands}, {nodes}"),
        **{"class": '"mg-gap"'},
    )
