"""Layers of a perceptron as boxes that open: which nodes belong to which, by the names of their parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from microgrid.pages.graph import Recorded

__all__ = ["Layer", "contracted", "layers_of", "surroundings"]

_PARAMETER = re.compile(r"(layer \d+), (?:(neuron \d+), )?")  # as microgrid.nn names the parameters of an MLP


class Layer(NamedTuple):
    """A layer: its name, as the box shows it, and its nodes."""

    name: str
    members: frozenset[int]


def layers_of(graph: Recorded) -> list[Layer]:
    """The layers in the order of their names' first use; none if the parameters' names tell none."""
    names: dict[int, str] = {}
    neurons: dict[str, set[str]] = {}
    for index, name in enumerate(graph.names):
        found = _PARAMETER.match(name) if not graph.parents[index] else None
        if found:
            names[index] = found[1]
            neurons.setdefault(found[1], set()).add(found[2] or "the only one")
            continue
        own = {names[parent] for parent in graph.parents[index] if parent in names}
        parameters = {names[parent] for parent in graph.parents[index] if parent in names and not graph.parents[parent]}
        if parameters:
            names[index] = min(parameters)
        elif len(graph.parents[index]) == 1 and own and len(graph.children[graph.parents[index][0]]) == 1:
            names[index] = min(own)  # the neuron's relu
    members = {name: frozenset([index for index, other in names.items() if other == name]) for name in neurons}
    return [Layer(f"{name} × {len(found)}", members[name]) for name, found in neurons.items()]


Item = int | Layer
Into = list[tuple[Item, int | None]]
"""The edges into an item: where each comes from, with the operand if it is one node's."""


def contracted(graph: Recorded, layers: Sequence[Layer]) -> list[tuple[Item, Into]]:
    """The graph with each layer as one thing: what stands in it, and its edges; parents come before children."""
    if not layers:
        return [(node, _into(graph, node)) for node in graph.drawn]
    layer_of: dict[int, Item] = {index: layer for layer in layers for index in layer.members}
    edges: dict[Item, dict[tuple[Item, int | None], None]] = {}
    for index in graph.drawn:
        item = layer_of.get(index, index)
        into = edges.setdefault(item, {})
        for edge in graph.shown[index]:
            parent = graph.parents[index][edge]
            source = layer_of.get(parent, parent)
            if source != item:
                whole = item == index
                into[(source, edge if whole else None)] = None
    order = TopologicalSorter({item: [source for source, _ in into] for item, into in edges.items()}).static_order()
    return [(item, list(edges[item])) for item in order]


def surroundings(graph: Recorded, layer: Layer) -> list[tuple[Item, Into]]:
    """The layer's nodes with their edges, and what goes into them; parents come before children."""
    sources = {graph.parents[index][edge] for index in layer.members for edge in graph.shown[index]}
    return [(node, _into(graph, node) if node in layer.members else []) for node in sorted(layer.members | sources)]


def _into(graph: Recorded, node: int) -> Into:
    return [(graph.parents[node][edge], edge) for edge in graph.shown[node]]
