"""What a drawing says, whatever draws it: names, roles, derivatives, sums over paths and tooltips. No shapes here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgrid.core.graph import pullback
from microgrid.drawing.excerpt import Excerpt, excerpt
from microgrid.util.labels import number, one_line, shortened
from microgrid.util.wording import counted

__all__ = ["LONGEST_NAME", "Adjoint", "Contents", "Layers", "in_parentheses", "is_fixed", "short_formula"]

Node = Any

LONGEST_NAME = 18
_LONGEST_SYMBOL, _LONGEST_FORMULA, _LONGEST_IN_TOOLTIP = 10, 12, 200
_TERMS_IN_TOOLTIP = 8  # most terms of a sum over paths
_LEAVES_DESCRIBED = 12


@dataclass(frozen=True, slots=True)
class Layers:
    """The parts of a drawing."""

    values: bool = True  # the value of each node
    gradients: bool = True  # the derivative of the output with respect to each node
    partials: bool = True  # the local derivative on each edge
    legend: bool = True  # the explanation of the marks
    own: bool = False  # the gradients are the nodes' own ``grad``, as ``backward`` left them
    blanks: frozenset[str] = frozenset()  # of values, gradients, partials: those shown as "?"


@dataclass(slots=True)
class Adjoint:
    """The terms of a node's adjoint, one per edge: how many, and the first few as (child, incoming, local, product)."""

    count: int = 0
    terms: list[tuple[Node, float, float, float]] = field(default_factory=list)


class Contents:
    """The drawn part of a graph with its names, its derivatives, and the texts about them."""

    def __init__(
        self,
        root: Node,
        layers: Layers,
        parameters: Collection[Node] = (),
        data: Collection[Node] = (),
        max_nodes: int = 200,
    ) -> None:
        self.root, self.layers, self.parameters, self.data = root, layers, set(parameters), set(data)
        self.excerpt = excerpt(root, max_nodes)
        self.names = _names(root, self.excerpt)
        self.uses = Counter([node.parents[index] for node, indices in self.excerpt.nodes.items() for index in indices])
        self.adjoints: Mapping[Node, float] = {}
        self.sums: dict[Node, Adjoint] = {}
        if layers.gradients:
            order = self.excerpt.order
            self.adjoints = {node: node.grad for node in order} if layers.own else pullback(root, order=order)
            self.reached = _reached(root, order)
            self.sums = _sums(self.excerpt, self.adjoints, self.contribution)

    def title(self) -> str:
        """What the drawing shows, in a few words."""
        name = shortened(self.names[self.root], _LONGEST_IN_TOOLTIP)
        return f"the graph of {name}, {counted(self.excerpt.total, 'node')}"

    def description(self) -> str:
        """The drawing for somebody who can't see it: the output, and its inputs with their gradients."""
        leaves = [node for node in self.excerpt.nodes if node.op is None and not node.is_constant]
        told = [f"{self.name(self.root)} = {self.value(self.root) or '?'}"] if self.layers.values else []
        for node in leaves[:_LEAVES_DESCRIBED]:
            value, gradient = self.value(node), self.gradient(node)
            if value or gradient:
                slope = f"{self.ratio(self.root, node)} = {gradient}" if gradient else ""
                told.append(", ".join([*[f"{self.name(node)} = {value}"] * bool(value), *[slope] * bool(slope)]))
        more = len(leaves) - _LEAVES_DESCRIBED
        return "; ".join([self.title(), *told, *([f"and {counted(more, 'more input')}"] if more > 0 else [])])

    def role(self, node: Node) -> str:
        """``output``, ``operation``, ``parameter``, ``data``, ``constant`` or ``input``."""
        if node is self.root:
            return "output"
        if node.op is not None:
            return "operation"
        if node in self.parameters:
            return "parameter"
        if node in self.data:
            return "data"
        return "constant" if node.is_constant else "input"

    def symbol(self, node: Node) -> str:
        """What stands in the node's shape: an operation's symbol, a leaf's name."""
        if node.op is not None:
            return shortened(one_line(node.op.symbol or node.op.name), _LONGEST_SYMBOL)
        return shortened(self.names[node].rpartition(", ")[2], LONGEST_NAME)

    def above(self, node: Node) -> str:
        """The name above the shape: an operation's name; for a leaf "layer 1, neuron 3, w2" all but the last part."""
        return self.names[node] if node.op is not None else self.names[node].rpartition(", ")[0]

    def name(self, node: Node) -> str:
        """The node's name, also of one that isn't drawn."""
        return self.names[node] if node in self.names else one_line(node.name or "…")

    def value(self, node: Node) -> str:
        """The number shown as the node's value; "?" for a blank, "" for none."""
        if not self.layers.values or node.is_constant:
            return ""
        # What a reader computes from is given.
        return "?" if "values" in self.layers.blanks and node.op is not None else number(node.data)

    def gradient(self, node: Node) -> str:
        """The number shown as the node's gradient; "?" for a blank, "" for none."""
        if not self.layers.gradients or node.is_constant:
            return ""
        return "?" if "gradients" in self.layers.blanks else number(self.adjoints[node])

    def partial(self, node: Node, index: int) -> str:
        """The number shown on an edge; "?" for a blank, "" for none."""
        if not self.layers.partials or is_fixed(node, index):
            return ""
        return "?" if "partials" in self.layers.blanks else number(node.partials[index])

    def terms(self, node: Node) -> Adjoint | None:
        """The sum over paths, if the node has one that may be told and that adds up to what it shows."""
        adjoint = self.sums.get(node)
        if adjoint is None or adjoint.count < 2 or self.layers.blanks & {"gradients", "partials"} or node.is_constant:
            return None
        return adjoint

    def contribution(self, node: Node, local: float) -> float:
        """What a node hands back along an edge: nothing if it wasn't reached, and nothing to what wasn't taken."""
        is_there = node in self.reached and (local or not node.op.choice)
        return self.adjoints[node] * local if is_there else 0.0

    def ratio(self, of: Node, by: Node) -> str:
        """The derivative of one node with respect to another, in signs."""
        return "/".join(["∂" + in_parentheses(shortened(self.name(node), _LONGEST_IN_TOOLTIP)) for node in (of, by)])

    # ---- tooltips ---------------------------------------------------------------------------------------------

    def node_tooltip(self, node: Node) -> str:
        """The node in words: what it is, its numbers in full, and the sum over paths."""
        lines = [self.names[node] + (f": {one_line(node.op.name)} of {len(node.parents):,}" if node.op else "")]
        blanks = self.layers.blanks
        if self.layers.values and not (blanks & {"values"} and node.op):
            lines.append(f"value {node.data!r}")
        if self.layers.gradients and not node.is_constant and "gradients" not in blanks:
            lines.append(f"{self.ratio(self.root, node)} = {self.adjoints[node]!r}")
            adjoint = self.terms(node)
            if adjoint:
                lines += self._sum_over_paths(adjoint)
        return "\n".join(lines)

    def _sum_over_paths(self, adjoint: Adjoint) -> Iterator[str]:
        yield f"the sum over {adjoint.count:,} paths:"
        for child, incoming, local, product in adjoint.terms:
            yield f"{number(incoming)} × {number(local)} = {number(product)} from {self.name(child)}"
        if adjoint.count > len(adjoint.terms):
            yield f"… and {adjoint.count - len(adjoint.terms):,} more"

    def edge_tooltip(self, node: Node, index: int) -> str:
        """The edge in words: incoming × local = contribution."""
        parent, local = node.parents[index], node.partials[index]
        lines = [f"{self.name(parent)} → {self.name(node)}: operand {index + 1:,} of {len(node.parents):,}"]
        if is_fixed(node, index):
            return lines[0] + "\na constant that is never differentiated"
        blanks = self.layers.blanks
        if self.layers.gradients:
            lines += ["incoming × local = contribution", f"{self.ratio(self.root, node)} × {self.ratio(node, parent)}"]
            if not blanks & {"gradients", "partials"}:
                incoming = self.adjoints[node]
                product = number(self.contribution(node, local))
                lines.append(f"{number(incoming)} × {number(local)} = {product}")
        elif self.layers.partials and "partials" not in blanks:
            lines.append(f"{self.ratio(node, parent)} = {local!r}")
        return "\n".join(lines)


# ---- names and sums -------------------------------------------------------------------------------------------


def _names(root: Node, shown: Excerpt) -> dict[Node, str]:
    """The label of each drawn node: its name; a constant's number; "out" for the root; a short formula for the others.

    Leaves without a name are v1, v2, …; a formula that would be long has … for its longer operands.
    """
    names = {node: one_line(node.name) for node in shown.nodes if node.name}
    taken = set(names.values())
    free = (name for index in range(1, 2 * len(shown.nodes) + 2) if (name := f"v{index}") not in taken)
    for node in shown.nodes:  # parents first
        if node not in names:
            if node.is_constant:
                names[node] = number(node.data)
            elif node is root:
                names[node] = "out"
            else:
                names[node] = short_formula(node, names) if node.op else next(free)
    return names


def short_formula(node: Node, names: Mapping[Node, str]) -> str:
    """One operation in the names of its operands, the longest of which give way to … until it is short."""
    operands = [names.get(parent, "…") for parent in node.parents[:4]]
    for longest in (_LONGEST_FORMULA, 6, 3):
        shown = [operand if len(operand) <= longest else "…" for operand in operands]
        text = _written(node, shown, more=len(node.parents) > len(operands))
        if len(text) <= _LONGEST_FORMULA:
            return text
    return f"{one_line(node.op.symbol or node.op.name)}(…)"


def _written(node: Node, operands: list[str], *, more: bool) -> str:
    symbol = one_line(node.op.symbol or node.op.name)
    if not symbol[0].isalpha() and not more and len(operands) in (1, 2) and node.op.arity is not None:
        inner = [operand if re.fullmatch(r"[\w.…\[\]]+|\w+\(.*\)", operand) else f"({operand})" for operand in operands]
        if len(inner) == 1:
            return f"{symbol}{inner[0]}"
        return f"{symbol if symbol in ('**', '^', '·') else f' {symbol} '}".join(inner)
    return f"{symbol}({', '.join([*operands, *['…'] * more])})"


def _reached(root: Node, order: Sequence[Node]) -> set[Node]:
    """The nodes from which a way leads to the root that passes no branch which wasn't taken."""
    reached = {root}
    for node in reversed(order):
        if node in reached:
            edges = zip(node.parents, node.partials, strict=True)
            reached.update([parent for parent, local in edges if local or not node.op.choice])
    return reached


def _sums(
    shown: Excerpt, adjoints: Mapping[Node, float], contribution: Callable[[Node, float], float]
) -> dict[Node, Adjoint]:
    """The terms of each drawn node's adjoint in the order of their addition."""
    sums = {node: Adjoint() for node in shown.nodes}
    for child in reversed(shown.order):
        for parent, local in zip(child.parents, child.partials, strict=True):
            if parent in sums:
                found = sums[parent]
                found.count += 1
                if found.count <= _TERMS_IN_TOOLTIP:
                    found.terms.append((child, adjoints[child], local, contribution(child, local)))
    return sums


def in_parentheses(name: str) -> str:
    """The name as written after a ∂: in parentheses unless it is one term, such as w1, h.w1 or w[1]."""
    return name if re.fullmatch(r"\w+(\.\w+|\[\w+\])*…?", name) else f"({name})"


def is_fixed(node: Node, index: int) -> bool:
    """Whether the rule never differentiates this operand, such as the exponent of x**2."""
    regions = node.op.regions
    return node.op.arity is not None and bool(regions[index].constant)
