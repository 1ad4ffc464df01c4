"""Recording: one call of a function on Values as a program, and the guards that say at which numbers it holds.

A guard is a comparison whose truth the function branched on. A trace serves for all numbers at which its guards come
out as they did when it was recorded.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.arrays.calls import recorded_call
from microgrid.compiler.arguments import Layout, Place
from microgrid.compiler.tiers import PointFrame, PointRunner
from microgrid.core.comparison import decisions
from microgrid.core.engine import Value, as_value
from microgrid.core.graph import dependents, topological_order
from microgrid.errors import InvalidValueError, OperationError
from microgrid.program.program import Program
from microgrid.util.locks import Lock
from microgrid.util.pytree import Rebuild, flatten

__all__ = ["Guards", "Trace", "guards_of", "trace"]


class Guards:
    """The comparisons that a function branched on, as a program of their own: nothing of it is differentiated.

    The program's outputs are the comparisons, 1 or 0, and ``truths`` what they were at the numbers that were recorded;
    its inputs are those that all rows share. ``lines`` says where each was decided: a file and a line.
    """

    def __init__(self, program: Program, truths: list[float], lines: list[str]) -> None:
        self.program, self.truths, self.lines = program, truths, lines
        self._lock = Lock()
        self._runner: PointRunner | None = None

    def frame(self, inputs: Any) -> PointFrame:
        """The guards' own memory in a call, whose inputs they read: there may be more than theirs."""
        with self._lock:
            if self._runner is None:
                self._runner = PointRunner(self.program, [], precise=True, optimize="auto")
        return self._runner.frame(derivatives=False, inputs=inputs)

    def fails(self, frame: PointFrame) -> int | None:
        """The place of the first comparison that comes out otherwise: there the function takes another branch."""
        frame.run()
        outputs: list[float] = frame.outputs.tolist()
        if outputs == self.truths:
            return None
        return next(place for place, output in enumerate(outputs) if output != self.truths[place])


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded call."""

    program: Program  # its outputs are the function's results
    results: Rebuild  # from as many things to the structure that the function returned
    guards: Guards | None = None  # None if the function has no branches

    @property
    def count(self) -> int:
        """How many results there are."""
        return len(self.program.outputs)

    @property
    def lines(self) -> list[str]:
        """Where each of its branches was decided: a file and a line."""
        return self.guards.lines if self.guards else []

    def fails_at(self, numbers: Sequence[float]) -> int | None:
        """The place of the first guard that doesn't hold at the inputs that rows share; None if all do."""
        return None if self.guards is None else self.guards.fails(self.guards.frame(array("d", numbers)))


def trace(
    function: Callable[[Mapping[Place, Any]], Any], layout: Layout, numbers: Sequence[float], *, share: bool
) -> Trace:
    """Record one call of a function on Values, and the guards of its branches.

    The function takes the arguments by their places. The numbers, one for each input, decide the branches; ``share``
    makes one of common subexpressions. Raises an InvalidValueError if the function returns anything else than numbers,
    or calculates with a Value that it was not given, and an OperationError if a branch depends on numbers that differ
    from row to row.
    """
    first = len(layout.outside)
    inputs = [*layout.outside, *[Value(number) for number in numbers[first:]]]

    def call() -> Any:
        return function({part.place: part.rebuild(inputs[part.start : part.stop]) for part in layout.parts})

    with decisions() as decided:
        returned = recorded_call(call)
    results, rebuild = flatten(returned)
    outputs = [_output(result, layout) for result in results]
    guards = [comparison.record() for comparison in decided]
    _check_leaves([*outputs, *guards], inputs)
    _check_branches(guards, inputs, layout)
    if not outputs:
        raise InvalidValueError("a function that is compiled returns at least one number")
    program = Program.record(outputs, inputs, names=layout.names, share=share)
    shared, names = [inputs[slot] for slot in layout.shared], [layout.names[slot] for slot in layout.shared]
    return Trace(program, rebuild, guards_of(guards, shared, names, [comparison.line for comparison in decided]))


def guards_of(
    guards: Sequence[Value], inputs: Sequence[Value], names: Sequence[str], lines: list[str]
) -> Guards | None:
    """Recorded comparisons of named leaves that all rows share, as guards; None if there are no comparisons."""
    if not guards:
        return None
    return Guards(Program.record(guards, inputs, names=names), [guard.data for guard in guards], lines)


def _output(result: Any, layout: Layout) -> Value:
    try:
        return as_value(result)
    except InvalidValueError as error:
        fixed = [f"{part.label} is {part.rebuild([])!r}" for part in layout.parts if part.start == part.stop]
        told = f", and an argument holds none: {', '.join(fixed)}" if fixed else ""
        raise InvalidValueError(f"a function that is compiled returns numbers: {error}{told}") from None


def _check_leaves(outputs: Sequence[Value], inputs: Sequence[Value]) -> None:
    known = set(inputs)
    for node in topological_order(*outputs):
        if node.op is None and not node.is_constant and node not in known:
            raise InvalidValueError(
                f"the function that is compiled uses {node!r}, which it was not given: its number would be frozen. "
                "Pass it as an argument, or name such Values in inputs=, or use its .data if it never changes"
            )


def _check_branches(guards: Sequence[Value], inputs: Sequence[Value], layout: Layout) -> None:
    by_rows = [slot for part in layout.row_parts for slot in range(part.start, part.stop)]
    moving = dependents(guards, [inputs[slot] for slot in by_rows]) if by_rows and guards else set()
    for guard in guards:
        if guard in moving:
            raise OperationError(
                f"a branch is decided by {guard.op.symbol if guard.op else 'a number'} of numbers that differ from row "
                "to row, so that one recorded sample can't stand for all: use microgrid.where instead of if"
            )
