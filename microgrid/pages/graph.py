"""What a page knows of a recorded graph: its nodes in order, their names, roles and symbols, and its adjoints.

How the graph is laid out and written is elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from microgrid.core.changes import check_unchanged
from microgrid.core.engine import Value
from microgrid.core.graph import pullback
from microgrid.core.rule import Rule
from microgrid.drawing.contents import short_formula
from microgrid.drawing.excerpt import excerpt
from microgrid.drawing.figure import with_constants
from microgrid.errors import InvalidValueError
from microgrid.util.labels import number, one_line, shortened
from microgrid.util.roles import listed
from microgrid.util.wording import counted

__all__ = ["Recorded", "nodes_of", "read"]

_MOST, _MOST_IN_PART = 5000, 150  # nodes that are shown whole, and of a larger graph
_LONGEST, _LONGEST_SYMBOL = 500, 18  # characters of a name, and in a shape


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded graph as a page shows it. Nodes are known by their places in ``order``."""

    order: list[Value]  # parents before children; the last is the output
    parents: list[tuple[int, ...]]
    names: list[str]
    kinds: list[str]  # operation, parameter, data, input or constant
    symbols: list[str]  # what stands in the shape
    shown: list[tuple[int, ...]]  # of each node, which of its operands have an edge: not the constants in its symbol
    adjoints: list[float]
    children: list[list[tuple[int, int]]]  # pairs of a child and the operand's place
    partials: list[list[float]]  # of each node, one for each of parents
    left_out: dict[int, str] = field(default_factory=dict)  # at nodes with operands that aren't shown, what is missing
    total: int = 0  # nodes of the whole graph

    @property
    def root(self) -> int:
        """The output's place."""
        return len(self.order) - 1

    @property
    def drawn(self) -> list[int]:
        """The nodes with a place in the picture: all but the constants that stand in symbols."""
        used = {self.parents[node][edge] for node, edges in enumerate(self.shown) for edge in edges}
        return [node for node in range(len(self.order)) if node in used or node == self.root]

    def rules(self) -> list[Rule]:
        """The distinct rules in order of first use."""
        return list(dict.fromkeys([node.op for node in self.order if node.op is not None]))

    @property
    def runs(self) -> bool:
        """Whether the page can compute the graph anew: a user's own operation may be in Python alone."""
        return not self.left_out and all([rule.portable and rule.source is None for rule in self.rules()])


def nodes_of(what: str, given: Any) -> list[Value]:
    """The leaves of a role: one, several, or a model's parameters."""
    nodes: list[Value] = listed(what, given, lambda one: isinstance(one, Value))
    for node in nodes:
        if not isinstance(node, Value):
            raise InvalidValueError(f"{what} has {node!r} of type {type(node).__name__} in it: give Values")
    return nodes


def read(value: Value, parameters: Iterable[Value] = (), data: Iterable[Value] = ()) -> Recorded:
    """Read a recorded graph; of one with more than 5,000 nodes, a neighbourhood of the output.

    A DataError tells of a leaf whose ``data`` was changed since.
    """
    if not isinstance(value, Value):
        raise InvalidValueError(f"only the graph of a Value can be stepped through, not {value!r}")
    found = excerpt(value, _MOST_IN_PART if _has_more_than(_MOST, value) else _MOST)
    order = list(found.nodes)
    check_unchanged(order)
    place = {node: index for index, node in enumerate(order)}
    parents = [tuple([place[node.parents[index]] for index in found.nodes[node]]) for node in order]
    children: list[list[tuple[int, int]]] = [[] for _ in order]
    for child, operands in enumerate(parents):
        for edge, parent in enumerate(operands):
            children[parent].append((child, edge))
    moved, own = set(parameters), set(data)
    kinds = [_kind(node, moved, own) for node in order]
    names = _names(order, kinds)
    first = found.order.index(order[0])  # what comes before has no share in the adjoints of what is shown
    adjoints = pullback(value, order=found.order[first:])
    symbols, shown = _symbols(order, parents, names, kinds)
    gaps = {place[node]: f"… and {counted(gap.operands, 'operand')}" for node, gap in found.gaps.items()}
    numbers = [float(adjoints[node]) for node in order]
    slopes = [[node.partials[index] for index in found.nodes[node]] for node in order]
    return Recorded(order, parents, names, kinds, symbols, shown, numbers, children, slopes, gaps, found.total)


def _has_more_than(count: int, value: Value) -> bool:
    seen, stack = {value}, [value]
    while stack and len(seen) <= count:
        for parent in stack.pop().parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return len(seen) > count


def _kind(node: Value, parameters: Collection[Value], data: Collection[Value]) -> str:
    if node.op is not None:
        return "operation"
    if node in data:
        return "data"
    return "constant" if node.is_constant else "parameter" if node in parameters else "input"


def _names(order: Sequence[Value], kinds: Sequence[str]) -> list[str]:
    """The nodes' own names; a constant's number; for others a short formula, and v1 or d1 for a leaf."""
    names = {node: shortened(one_line(node.name), _LONGEST) for node in order if node.name}
    taken = set(names.values())
    free, own = _free("v", taken), _free("d", taken)
    for node, kind in zip(order, kinds, strict=True):
        if node not in names and node.op is None:
            names[node] = number(node.data) if kind == "constant" else next(own if kind == "data" else free)
        elif node not in names:
            names[node] = short_formula(node, names)
    root = order[-1]
    if not root.name and "…" in names[root] and "out" not in taken:
        names[root] = "out"
    return [names[node] for node in order]


def _free(stem: str, taken: Collection[str]) -> Iterator[str]:
    return (name for index in count(1) if (name := f"{stem}{index}") not in taken)


def _symbols(
    order: Sequence[Value], parents: Sequence[tuple[int, ...]], names: Sequence[str], kinds: Sequence[str]
) -> tuple[list[str], list[tuple[int, ...]]]:
    """What stands in each shape, and the operands that have an edge: a constant stands in the circle, as in 1−."""
    symbols, shown = [], []
    for index, node in enumerate(order):
        edges = range(len(parents[index]))
        # A constant that is a sample's own number has a shape of its own.
        is_fixed = all([kinds[parent] == "constant" for parent in parents[index] if order[parent].is_constant])
        symbol = with_constants(node) if node.op is not None and is_fixed else None
        if symbol is None:
            symbol = _in_a_box(names[index]) if node.op is None else one_line(node.op.symbol or node.op.name)
            shown.append(tuple(edges))
        else:
            shown.append(tuple([edge for edge in edges if not order[parents[index][edge]].is_constant]))
        symbols.append(shortened(symbol, _LONGEST_SYMBOL))
    return symbols, shown


def _in_a_box(name: str) -> str:
    """The end of a long name such as "layer 1, neuron 3, w2", which tells it from its neighbours."""
    while len(name) > _LONGEST_SYMBOL and ", " in name:
        name = name.partition(", ")[2]
    return name
