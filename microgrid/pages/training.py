"""What a page needs to train: the samples, what of them is label and feature, and what the model predicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microgrid.core.engine import Value, as_value
from microgrid.errors import DataError
from microgrid.pages.graph import Recorded
from microgrid.pages.page import sent
from microgrid.util.wording import counted

__all__ = ["plate", "run_of", "training_data"]

_LABELS = ("y", "t", "label", "target")


def training_data(
    graph: Recorded,
    data: Sequence[Value],
    samples: Iterable[Any],
    rate: float,
    run: Sequence[Sequence[float]] | None = None,
) -> dict[str, Any]:
    """The part of the page's JSON that training reads; a DataError tells of samples that don't fit the data leaves."""
    if not graph.runs:
        raise DataError("a page can't train through an operation of one's own, which is in Python alone")
    if "parameter" not in graph.kinds:
        raise DataError("there is nothing to train: give the leaves that training moves as parameters=[...]")
    wanted = f", and data has {len(data)}: give one for each of {', '.join([leaf.name or 'a leaf' for leaf in data])}"
    rows = [_row(sample, data, f"sample {at}", f"{wanted}, in this order") for at, sample in enumerate(samples)]
    if not rows:
        raise DataError("samples is empty: give one row for each sample, with a number for each of data")
    if not (isinstance(rate, int | float) and math.isfinite(rate) and rate > 0.0):
        raise DataError(f"rate is a positive number, not {rate!r}")
    place = {node: index for index, node in enumerate(graph.order)}
    leaves = [place[leaf] for leaf in data]
    label = _label(graph, leaves)
    features = [index for index in range(len(leaves)) if index != label]
    prediction = _prediction(graph, [leaves[index] for index in features], leaves[label] if label is not None else None)
    targets = {row[label] for row in rows} if label is not None else set()
    is_a_probability = prediction is not None and targets <= {0.0, 1.0} and _is_a_probability(graph, prediction)
    return {
        "samples": [[sent(number) for number in row] for row in rows],
        "data": leaves,
        "label": label,
        "features": features,
        "prediction": graph.root if prediction is None else prediction,
        "threshold": 0.5 if is_a_probability else 0.0,
        "binary": len(targets) == 2,
        "rate": rate,
        "run": run,
    }


def _row(given: Any, leaves: Sequence[Value], what: str, wanted: str) -> list[float]:
    """A sample's or a step's numbers, one for each leaf: in their order, or by their names."""
    names = [leaf.name for leaf in leaves]
    numbers = [given[name] for name in names if name in given] if isinstance(given, Mapping) else list(given)
    if len(numbers) != len(leaves):
        raise DataError(f"{what} has {counted(len(numbers), 'number')}{wanted}")
    row = [as_value(number).data for number in numbers]
    if not all([math.isfinite(number) for number in row]):
        raise DataError(f"{what} has a number that is not finite: {row}")
    return row


def _label(graph: Recorded, leaves: Sequence[int]) -> int | None:
    """Which of the data is the label: the one with a label's name, else the last of several."""
    for index, leaf in enumerate(leaves):
        if graph.names[leaf] in _LABELS:
            return index
    return len(leaves) - 1 if len(leaves) > 1 else None


def _descendants(graph: Recorded, leaves: Iterable[int]) -> set[int]:
    found = set(leaves)
    for index, parents in enumerate(graph.parents):
        if not found.isdisjoint(parents):
            found.add(index)
    return found


def _prediction(graph: Recorded, features: Sequence[int], label: int | None) -> int | None:
    """The last node that every way from the features to the output passes and that doesn't depend on the label.

    One that the user named goes before others.
    """
    below = _descendants(graph, features)
    by_label = _descendants(graph, [] if label is None else [label])
    # In a sweep an edge is open from its parent to its child: a node that closes all open ones is passed by every way.
    last_use = [max([child for child, _ in children], default=graph.root) for children in graph.children]
    reach, found, named = -1, None, None
    for index in range(len(graph.order)):
        if index in below:
            if index >= reach and graph.parents[index] and index not in by_label and index > max(features):
                found = index
                named = index if graph.order[index].name else named
            reach = max(reach, last_use[index])
    return found if named is None else named


def _is_a_probability(graph: Recorded, node: int) -> bool:
    """Whether a prediction is one from 0 to 1: made by the logistic function, or between 0 and 1 as recorded."""
    value = graph.order[node]
    made = value.op.name if value.op else ""
    return made in ("sigmoid", "ndtr") or (made == "div" and 0.0 < value.data < 1.0)


def run_of(graph: Recorded, parameters: Sequence[Value], run: Iterable[Any]) -> list[list[float]]:
    """A recorded run as the parameters' numbers at each step, in the order of the graph; a DataError if some lack."""
    place = {node: index for index, node in enumerate(parameters)}
    order = [place[node] for node, kind in zip(graph.order, graph.kinds, strict=True) if kind == "parameter"]
    wanted = f" for {counted(len(parameters), 'parameter')}"
    rows = [_row(step, parameters, f"step {at} of the run", wanted) for at, step in enumerate(run)]
    steps = [[row[index] for index in order] for row in rows]
    if not steps:
        raise DataError("the run is empty: give the parameters' numbers at each step")
    return steps


def plate(graph: Recorded, count: int) -> tuple[str, set[int]]:
    """The frame around what belongs to one sample: the data, and all that depends on them."""
    data = [index for index, kind in enumerate(graph.kinds) if kind == "data"]
    return f"one sample, × {count:,}", _descendants(graph, data)
