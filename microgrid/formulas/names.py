"""Which nodes a formula shows, how they are named in it, and how long it is; the formulas are written elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from microgrid.core.engine import Value
from microgrid.errors import DataError, InvalidValueError

__all__ = ["check_is_value", "check_size", "shown", "symbol_names", "written_size"]

_LARGEST = 20_000  # symbols in one formula


def check_is_value(value: Any, what: str) -> None:
    """Raise unless a thing to be ``what`` (written, computed again, …) is a Value."""
    if not isinstance(value, Value):
        raise InvalidValueError(f"only a Value can be {what}, not {value!r}")


def symbol_names(order: Iterable[Value], stop: Iterable[Value] = ()) -> dict[Value, str]:
    """A distinct name for each node of a graph (parents before children) that is a symbol in formulas.

    Symbols are the leaves, without constants, and the interior nodes of ``stop``. A name is the node's own, unless an
    earlier symbol has it; ``x1_2`` for a second x1; ``v1``, ``v2`` and so on for nodes without a name.

    >>> list(symbol_names([Value(1.0, "x"), Value(2.0, "x"), Value(3.0)]).values())
    ['x', 'x_2', 'v1']
    """
    stops = set(stop)
    nodes = [node for node in order if node in stops or (node.op is None and not node.is_constant)]
    taken = {node.name for node in nodes if node.name}
    given: dict[Value, str] = {}
    used: set[str] = set()
    counts: dict[str, int] = {}
    for node in nodes:
        name = node.name
        if name is None or name in used:
            stem, count = ("v", 0) if name is None else (f"{name}_", 1)
            name = _next_name(stem, counts, count, taken)
        used.add(name)
        given[node] = name
    return given


def _next_name(stem: str, counts: dict[str, int], start: int, taken: set[str]) -> str:
    """The stem with the next number that gives a name not yet taken."""
    while True:
        counts[stem] = counts.get(stem, start) + 1
        if f"{stem}{counts[stem]}" not in taken:
            return f"{stem}{counts[stem]}"


def shown(roots: Sequence[Value], stops: Collection[Value]) -> list[Value]:
    """The nodes that the roots' formulas show, parents before children.

    That is all of the graph but what the roots reach through ``stops`` alone, the nodes that are symbols.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Value | None] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node is None:  # as in topological_order, a mark: the parents of the node below it are in the order
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            stack += () if node in stops else reversed(node.parents)
    return order


def written_size(value: Value, stops: Collection[Value] = ()) -> int:
    """The number of symbols, numbers and operations in a value's formula, shared parts counted each time.

    It may be far larger than the graph. ``stops`` are interior nodes that are symbols.
    """
    sizes: dict[Value, int] = {}
    for node in shown([value], stops):
        sizes[node] = 1 + (0 if node in stops else sum([sizes[parent] for parent in node.parents]))
    return sizes[value]


def check_size(value: Value, stops: Collection[Value]) -> None:
    """Raise if the formula of a value, with the stops as symbols, is too long to be written."""
    size = written_size(value, stops)
    if size > _LARGEST:
        rounded = f"{size:,}" if size < 1e15 else f"about 10^{len(str(size)) - 1}"
        raise DataError(
            f"the formula would have {rounded} symbols and operations, and {_LARGEST:,} is the most that is written: "
            "name interior nodes to stop at (stop=[...])"
        )
