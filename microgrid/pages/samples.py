"""Sums over samples: of many equal graphs on one another's parameters, one is shown and the others are its data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from microgrid.core.engine import Value
from microgrid.core.graph import topological_order

__all__ = ["Samples", "samples_of"]

_FEWEST = 8  # equal parts that are worth a plate


class Samples(NamedTuple):
    """A sum over samples: the graph of the first one, what all share, and each one's own leaves."""

    first: Value
    shared: list[Value]
    own: list[Value]  # the first sample's own leaves
    rows: list[list[float]]  # for each sample, the numbers of its own leaves
    total: Value  # the sum


def samples_of(value: Value) -> Samples | None:
    """The samples of a loss: operands of one sum that are the same graph on leaves of their own; None if it has none.

    The loss is the sum, or a function of the sum alone, such as the mean.
    """
    total = value
    while total.op is not None and total.op.name not in ("sum", "add"):
        operands = [parent for parent in total.parents if not parent.is_constant]
        if len(operands) != 1:
            return None
        (total,) = operands
    terms = list(_terms(total))
    if len(terms) < _FEWEST or terms[0].op is None:
        return None
    orders = [topological_order(term) for term in terms[:2]]
    shared = {leaf for leaf in orders[0] if leaf.op is None} & {leaf for leaf in orders[1] if leaf.op is None}
    shape, first = _shape(terms[0], shared)
    rows = [[leaf.data for leaf in first]]
    seen = set(first)
    for term in terms[1:]:
        other_shape, others = _shape(term, shared)
        if other_shape != shape or not seen.isdisjoint(others):
            return None
        seen.update([leaf for leaf in others if not leaf.is_constant])
        rows.append([leaf.data for leaf in others])
    # A constant that is the same number in every sample belongs to the loss; others are data, such as labels.
    moving = [at for at, leaf in enumerate(first) if not leaf.is_constant or len({row[at] for row in rows}) > 1]
    if not moving:
        return None
    parameters = [leaf for leaf in orders[0] if leaf in shared and not leaf.is_constant]
    own, numbers = [first[at] for at in moving], [[row[at] for at in moving] for row in rows]
    return Samples(terms[0], parameters, own, numbers, total)


def _terms(total: Value) -> Iterator[Value]:
    """The operands of a sum: of one node, or of a chain of additions such as Python's own sum makes."""
    if total.op is not None and total.op.name == "sum":
        yield from total.parents
        return
    found: list[Value] = []
    while total.op is not None and total.op.name == "add":
        first, second = total.parents
        found.append(second)
        total = first
    found.append(total)
    yield from [term for term in reversed(found) if not (term.is_constant and term.data == 0.0)]


def _shape(term: Value, shared: set[Value]) -> tuple[list[object], list[Value]]:
    """A graph as a list that is equal for equal graphs, and the leaves that are not shared, constants among them."""
    place: dict[Value, int] = {}
    shape: list[object] = []
    own: list[Value] = []
    for node in topological_order(term):
        place[node] = len(shape)
        if node.op is not None:
            shape.append((node.op.name, tuple([place[parent] for parent in node.parents])))
        elif node in shared:
            shape.append(node)
        else:
            shape.append(("constant" if node.is_constant else "own", len(own)))
            own.append(node)
    return shape, own
