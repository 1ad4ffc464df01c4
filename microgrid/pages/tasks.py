"""Tasks of an exercise: "g5", the gradient of node 5, "d7.0", a local derivative, "v5", a value; how they are judged
is in ``exercises``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microgrid.pages.graph import Recorded

__all__ = ["covers", "described", "hidden_by", "parts_of", "proposed"]

_MOST_PROPOSED = 8


def proposed(graph: Recorded) -> list[str]:
    """The gradients that are worth asking for: of the parameters, and of the nodes at which paths meet."""
    parameters = [index for index, kind in enumerate(graph.kinds) if kind == "parameter"]
    leaves = parameters or [index for index, kind in enumerate(graph.kinds) if kind == "input"]
    meeting = [index for index in range(graph.root) if graph.parents[index] and len(graph.children[index]) > 1]
    return [f"g{index}" for index in [*leaves[:5], *meeting[-3:]] if index != graph.root][:_MOST_PROPOSED]


def described(graph: Recorded, tasks: Sequence[str]) -> dict[str, Any]:
    """The part of the page's JSON that exercises read."""
    return {"asked": list(tasks), "covers": {task: sorted(covers(graph, task)) for task in tasks}}


def covers(graph: Recorded, task: str) -> set[str]:
    """The gradients that differ from a hidden one by a sign at most, from edge to edge: they would give it away."""
    if task[0] != "g":
        return set()
    start, _ = parts_of(task)
    found, stack = {start}, [start]
    while stack:
        node = stack.pop()
        uses = graph.children[node]
        near = [child for child, edge in uses if len(uses) == 1 and abs(graph.partials[child][edge]) == 1.0]
        for edge, parent in enumerate(graph.parents[node]):
            if len(graph.children[parent]) == 1 and abs(graph.partials[node][edge]) == 1.0:
                near.append(parent)
        for other in near:
            if other not in found and other != graph.root and graph.kinds[other] != "constant":
                found.add(other)
                stack.append(other)
    return {f"g{node}" for node in found - {start}}


def parts_of(task: str) -> tuple[int, int]:
    """The node of a task, and the operand of a local derivative."""
    node, _, edge = task[1:].partition(".")
    return int(node), int(edge or 0)


def hidden_by(graph: Recorded, tasks: Sequence[str]) -> set[str]:
    """All that is shown as ? while these tasks are open."""
    return {*tasks, *[key for task in tasks for key in covers(graph, task)]}
