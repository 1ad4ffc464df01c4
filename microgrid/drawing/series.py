"""What is stressed or not yet shown: a path through the graph, and the steps of a backward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from microgrid.core.graph import dependents
from microgrid.drawing.contents import Contents
from microgrid.drawing.figure import Drawn, Figure
from microgrid.drawing.svg import Moment
from microgrid.errors import DataError
from microgrid.util.labels import number, width

__all__ = ["backward_steps", "path_of", "with_room"]

Value = Any


def path_of(contents: Contents, things: Sequence[Drawn], path: Sequence[Value]) -> Moment:
    """A path stressed: these nodes and the edges between them; of one node, every path from it to the output."""
    everything = set(contents.excerpt.order)
    for node in path:
        if node not in everything:
            raise DataError(f"{node.name or 'a Value'!r} of highlight is not in the graph that is drawn")
    chosen = dependents([contents.root], path, contents.excerpt.order) if len(path) == 1 else set(path)
    inside = [index for index, thing in enumerate(things) if thing.node in chosen and not thing.gap]
    edges = [
        (index, edge)
        for index in inside
        for edge, (_, operand) in enumerate(things[index].edges)
        if operand is not None and things[index].node.parents[operand] in chosen
    ]
    return Moment(nodes=frozenset(inside), edges=frozenset(edges))


def backward_steps(contents: Contents, things: Sequence[Drawn]) -> Iterator[tuple[str, Moment]]:
    """The steps of a backward pass, each in words and as a moment: values, the output's 1, then operation by operation.

    A gradient that has not received all of its terms is followed by "+ …".
    """
    root = contents.name(contents.root)
    yield "the values, before the backward pass", Moment(gradients={}, partials=frozenset())
    shown = {len(things) - 1: f"∂ {number(1.0)}"}
    partials: set[tuple[int, int]] = set()
    yield f"the pass begins with ∂{root}/∂{root} = 1", _moment(shown, partials, len(things) - 1)
    left = Counter([parent for thing in things for parent, operand in thing.edges if operand is not None])
    sums: dict[int, float] = {}
    for index in range(len(things) - 1, -1, -1):
        thing = things[index]
        passed = []
        for edge, (parent, operand) in enumerate(thing.edges):
            if operand is None:
                continue
            left[parent] -= 1
            term = contents.contribution(thing.node, thing.node.partials[operand])
            sums[parent] = sums.get(parent, 0.0) + term
            passed.append((index, edge))
            # Edges that aren't drawn have added to it as well, so that the last one shows the node's own number.
            whole = contents.gradient(things[parent].node)
            if whole:
                shown[parent] = f"∂ {number(sums[parent])} + …" if left[parent] else f"∂ {whole}"
        partials.update(passed)
        if passed:
            step = f"{contents.name(thing.node)} hands incoming × local to its operands"
            yield step, _moment(shown, partials, index, passed)


def with_room(figure: Figure, moments: Sequence[Moment]) -> Figure:
    """The figure with the widest text of any moment as each node's gradient, so that the layout keeps room for it."""
    nodes = []
    for index, node in enumerate(figure.nodes):
        texts = [node.gradient, *[(moment.gradients or {}).get(index, "") for moment in moments]]
        nodes.append(replace(node, gradient=max(texts, key=lambda text: width(text, 12))))
    return replace(figure, nodes=tuple(nodes))


def _moment(
    shown: dict[int, str], partials: set[tuple[int, int]], current: int, edges: Sequence[tuple[int, int]] = ()
) -> Moment:
    return Moment(dict(shown), frozenset(partials), frozenset([current]), frozenset(edges))
