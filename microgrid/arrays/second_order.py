"""Second derivatives of a call whose arrays were computed as a whole: the gradient is recorded, and swept again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from microgrid.arrays.operations import Join, Select, run
from microgrid.arrays.traced import TRACED, Gather, Traced, ancestors, pulled_back, recorded_derivatives
from microgrid.arrays.whole import Recording
from microgrid.core.engine import Value
from microgrid.core.graph import topological_order

__all__ = ["second_derivatives"]

_MOST_SINGLE = 200  # nodes outside of arrays, each of which costs as much as one on an array


class _Lift:
    """A call's result as a traced number, computed from one array of all variables."""

    def __init__(self, recording: Recording) -> None:
        objects = numpy.empty(len(recording.variables), dtype=object)
        objects[:] = recording.variables
        self.start = Traced(Gather(objects), (), numpy.array([one.data for one in recording.variables]))
        self._recording, self._single = recording, 0
        self._places = {variable: place for place, variable in enumerate(recording.variables)}
        self._values: dict[Value, Any] = {}
        self._arrays: dict[int, Any] = {}

    def value(self, root: Value) -> Any:
        """A Value as a traced number, or a float if it depends on no variable."""
        for node in topological_order(root):
            if node in self._values:
                continue
            if node in self._places:
                made = run(Select(numpy.array(self._places[node])), self.start)
            elif node in self._recording.arrays:
                made = self._array(self._recording.arrays[node])
            elif node.op is None:
                made = node.data
            else:
                made = TRACED.bind(node.op)[0](*[self._values[parent] for parent in node.parents])
                self._single += isinstance(made, Traced)
                if self._single > _MOST_SINGLE or not node.op.portable:
                    raise _TooManySingleError
            self._values[node] = made
        return self._values[root]

    def _array(self, root: Traced) -> Any:
        for node in ancestors(root):
            if node.serial not in self._arrays:
                if isinstance(node.operation, Gather):
                    made = self._gathered(node.operation.objects)
                else:
                    operands = [self._arrays[one.serial] if isinstance(one, Traced) else one for one in node.operands]
                    made = run(node.operation, *operands)
                self._arrays[node.serial] = made
        return self._arrays[root.serial]

    def _gathered(self, objects: Any) -> Any:
        flat = objects.ravel().tolist()
        if all([isinstance(one, Value) and one in self._places for one in flat]):
            places = numpy.array([self._places[one] for one in flat], dtype=int).reshape(objects.shape)
            return run(Select(places), self.start)
        elements = [self.value(one) if isinstance(one, Value) else float(one) for one in flat]
        return run(Join(numpy.arange(len(flat)).reshape(objects.shape)), *elements)


class _TooManySingleError(Exception):
    """Most of a graph is single numbers."""


def second_derivatives(recording: Recording, output: Value, directions: Sequence[Sequence[float]] | None) -> Any:
    """The products of the Hessian of a call's result with directions, a row for each.

    The directions have one number for each variable; None stands for the unit vectors, which give the whole matrix.
    None comes back if most of the graph is single numbers, or a rule is written for them alone.
    """
    count = len(recording.variables)
    lift = _Lift(recording)
    try:
        root = lift.value(output)
        slopes = recorded_derivatives(root, lift.start) if isinstance(root, Traced) else None
    except _TooManySingleError:
        return None
    rows = numpy.eye(count) if directions is None else numpy.array(directions, dtype=float)
    if not isinstance(slopes, Traced):
        return numpy.zeros((len(rows), count))
    found = pulled_back(slopes, lift.start, rows)
    if directions is None:
        upper = numpy.triu(found)
        found = upper + numpy.triu(found, 1).T  # mixed derivatives don't depend on their order
    return found
