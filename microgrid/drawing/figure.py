"""A drawing's contents as nodes to lay out, with constants inside the circles. A figure has texts and no Values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from microgrid.drawing.contents import Contents
from microgrid.drawing.dot import sum_lines
from microgrid.drawing.excerpt import Gap
from microgrid.drawing.look import BACK
from microgrid.layout import Group, Node
from microgrid.util.labels import number, one_line
from microgrid.util.wording import counted

__all__ = ["Drawn", "Figure", "drawn", "figure", "with_constants"]

Value = Any

_LONGEST_WITH_CONSTANT = 14  # letters in a circle
_ROOM_FOR_TERMS = 72
_LONGEST_ROOT = 12  # letters of the output's name in the legend
_LIST_FROM = 3  # leaves of one operation that stand in a list


class Drawn(NamedTuple):
    """One drawn thing: a Value and what stands in its shape; or a gap, with the Value whose operands are left out."""

    node: Value
    symbol: str
    # for each edge the index of the parent among the drawn things, and which operand it leads from; None from a gap
    edges: tuple[tuple[int, int | None], ...] = ()
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What a picture shows, as texts, by the indices of ``nodes``."""

    nodes: tuple[Node, ...]
    roles: tuple[str, ...]
    is_named: tuple[bool, ...]  # whether the name is the user's, not a formula
    tooltips: tuple[str, ...]
    edge_tooltips: tuple[tuple[str, ...], ...]
    groups: tuple[Group, ...]
    title: str
    description: str
    legend: tuple[tuple[str, str], ...]  # (values, gradients, partials, role or note; the text)


def drawn(contents: Contents) -> list[Drawn]:
    """The things that get a shape of their own, parents before children, the output last.

    A constant stands in the circle of the operation that uses it: ``1+`` and ``1÷``.
    """
    nodes, gaps = contents.excerpt.nodes, contents.excerpt.gaps
    symbols = {node: with_constants(node) if node.op is not None and node not in gaps else None for node in nodes}
    operands = {
        node: [index for index in indices if symbols[node] is None or not node.parents[index].is_constant]
        for node, indices in nodes.items()
    }
    used = {contents.root}
    for node in reversed(operands):
        if node in used:
            used.update([node.parents[index] for index in operands[node]])
    at: dict[Value, int] = {}
    things: list[Drawn] = []
    for node in operands:
        if node not in used:
            continue
        edges: list[tuple[int, int | None]] = [(at[node.parents[index]], index) for index in operands[node]]
        if node in gaps:
            edges.insert(max(len(edges) - 1, 0), (len(things), None))
            things.append(Drawn(node, "…", gap=gaps[node]))
        at[node] = len(things)
        things.append(Drawn(node, symbols[node] or contents.symbol(node), tuple(edges)))
    return things


def with_constants(node: Value) -> str | None:
    """The symbol of an operation of one operand and constants, or None if it takes no such form or is too long."""
    if node.op.arity in (None, 1) or sum([not parent.is_constant for parent in node.parents]) != 1:
        return None
    symbol = one_line(node.op.symbol or node.op.name)
    numbers = [number(parent.data) if parent.is_constant else "·" for parent in node.parents]
    if len(numbers) == 2 and not symbol[0].isalpha():
        text = symbol.join([part.replace("·", "") for part in numbers])
    else:
        text = f"{symbol}({', '.join(numbers)})"
    return text if len(text) <= _LONGEST_WITH_CONSTANT else None


def figure(contents: Contents, things: Sequence[Drawn], groups: tuple[Group, ...] = ()) -> Figure:
    """The figure of what ``drawn(contents)`` gave; ``groups`` are frames around nodes, by their indices in it."""

    def tip(thing: Drawn, parent: int, operand: int | None) -> str:
        return _left_out(things[parent].gap) if operand is None else contents.edge_tooltip(thing.node, operand)

    lists = _in_lists(contents)
    nodes = [_gap(thing.gap) if thing.gap else _node(contents, thing, thing.node in lists) for thing in things]
    roles = ["gap" if thing.gap else contents.role(thing.node) for thing in things]
    return Figure(
        nodes=tuple(nodes),
        roles=tuple(roles),
        is_named=tuple([bool(thing.node.name and thing.node.op) and not thing.gap for thing in things]),
        tooltips=tuple([_left_out(thing.gap) if thing.gap else contents.node_tooltip(thing.node) for thing in things]),
        edge_tooltips=tuple([tuple([tip(thing, *edge) for edge in thing.edges]) for thing in things]),
        groups=groups,
        title=contents.title(),
        description=contents.description(),
        legend=tuple(_legend(contents, roles)),
    )


def _gap(gap: Gap) -> Node:
    words = [counted(gap.operands, "operand")] + [counted(gap.nodes, "more node")] * bool(gap.nodes)
    return Node("…", shape="gap", terms=tuple(words))


def _left_out(gap: Gap | None) -> str:
    return f"left out here: {counted(gap.operands, 'operand')}, {counted(gap.nodes, 'more node')}" if gap else ""


def _in_lists(contents: Contents) -> set[Value]:
    """The leaves of operations with many operands, such as the weights in a dot product."""
    nodes = contents.excerpt.nodes
    many = [node for node in nodes if node.op and node.op.arity is None and len(node.parents) > _LIST_FROM]
    leaves = [node.parents[index] for node in many for index in nodes[node]]
    return {leaf for leaf in leaves if leaf.op is None and not leaf.is_constant}


def _node(contents: Contents, thing: Drawn, listed: bool) -> Node:
    node, symbol = thing.node, thing.symbol
    partials = ["" if operand is None else contents.partial(node, operand) for _, operand in thing.edges]
    if node.op is not None:
        shape = "circle" if len(symbol) < 5 else "pill"
    else:
        shape = "cylinder" if contents.role(node) == "data" else "box"
    gradient = contents.gradient(node)
    return Node(
        symbol,
        tuple([parent for parent, _ in thing.edges]),
        shape,
        name=contents.above(node),
        value=contents.value(node),
        gradient=f"∂ {gradient}" if gradient else "",
        terms=tuple(sum_lines(contents.terms(node), _ROOM_FOR_TERMS)),
        partials=tuple([f"{BACK} {partial}" if partial else "" for partial in partials]),
        listed=listed,
    )


def _legend(contents: Contents, roles: list[str]) -> list[tuple[str, str]]:
    layers, lines = contents.layers, list[tuple[str, str]]()
    if layers.legend:
        root = contents.name(contents.root)
        if layers.values:
            lines.append(("values", "blue: value"))
        if layers.gradients:
            of = root if len(root) <= _LONGEST_ROOT else "the output"
            lines.append(("gradients", "∂: its grad" if layers.own else f"∂: derivative of {of}"))
        if layers.partials:
            lines.append(("partials", f"{BACK}: local derivative"))
        lines += [(role, "") for role in ("parameter", "data", "input", "constant") if role in roles]
        lines.append(("output", ""))
    if not contents.excerpt.complete:
        shown = contents.excerpt
        edges = sum([len(indices) for indices in shown.nodes.values()])
        nodes = f"{len(shown.nodes):,} of {shown.total:,} nodes"
        text = f"{nodes} and {edges:,} of {shown.edges:,} edges are drawn; … stands for the others"
        lines.append(("note", text))
    return lines
