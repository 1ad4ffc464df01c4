"""How a Value is pickled: its graph as flat columns, without recursion.

A pickle names the functions that restore it by the package alone, ``microgrid._restore_root``, so that this file may
move.
"""

from __future__ import annotations

import copyreg
from array import array
from collections.abc import Callable
from typing import Any

from microgrid._public import public
from microgrid.core.engine import Value, engine
from microgrid.core.graph import topological_order
from microgrid.core.rule import Rule

__all__ = ["flatten_graph", "restore_graph"]


@public()
def _restore_leaf(data: float, grad: float, name: str | None) -> Value:
    leaf = Value(data, name)
    leaf.grad = grad
    return leaf


def flatten_graph(*roots: Value) -> tuple[Any, ...]:
    """A graph as flat columns: leaves as they are, so that they stay shared, and everything else as arrays."""
    order = topological_order(*roots)
    leaves = [node for node in order if node.op is None and not node.is_constant]
    rest = [node for node in order if node.op is not None or node.is_constant]
    place = {node: index for index, node in enumerate(leaves + rest)}
    rules = list(dict.fromkeys([node.op for node in rest]))
    number = {rule: index for index, rule in enumerate(rules)}
    return (
        leaves,
        rules,
        array("q", [number[node.op] for node in rest]),
        array("d", [node.data for node in rest]),
        array("d", [node.grad for node in rest]),
        array("q", [len(node.parents) for node in rest]),
        array("q", [place[parent] for node in rest for parent in node.parents]),
        array("d", [partial for node in rest for partial in node.partials]),
        {index: node.name for index, node in enumerate(rest) if node.name},
        array("q", [place[root] for root in roots]),
    )


def restore_graph(
    leaves: list[Value],
    rules: list[Rule | None],
    ops: array[int],
    data: array[float],
    grads: array[float],
    counts: array[int],
    parents: array[int],
    partials: array[float],
    names: dict[int, str],
    roots: array[int],
) -> list[Value]:
    """The roots of a graph that was flattened, with everything that they share."""
    nodes = list(leaves)
    start = 0
    for index, (op, number, grad, count) in enumerate(zip(ops, data, grads, counts, strict=True)):
        stop = start + count
        operands = tuple([nodes[place] for place in parents[start:stop]])
        rule = rules[op]
        slopes = tuple(partials[start:stop])
        nodes.append(engine.make(rule, number, grad, names.get(index), operands, slopes, rule is None))
        start = stop
    return [nodes[place] for place in roots]


@public()
def _restore_root(*columns: Any) -> Value:
    (root,) = restore_graph(*columns)
    return root


def _reduce(value: Value) -> tuple[Callable[..., Value], tuple[Any, ...]]:
    if value.op is None and not value.is_constant:
        return _restore_leaf, (value.data, value.grad, value.name)
    return _restore_root, flatten_graph(value)


copyreg.pickle(Value, _reduce)
