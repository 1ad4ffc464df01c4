"""A specialization: the code for one request at one trace, and a call of it: pack, check guards, run, unpack.

The arguments are packed into the memory of a call, the guards are asked, the kernel runs, and results are put together.
Calls that overlap, in other threads or one inside another, have memory of their own.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from microgrid.compiler.arguments import FastLayout, Layout, Place, Variables, as_matrix, rows_first
from microgrid.compiler.request import GRADIENT, Request
from microgrid.compiler.tiers import Code
from microgrid.compiler.trace import Guards, Trace
from microgrid.core.value import as_float
from microgrid.errors import InvalidValueError
from microgrid.util.pytree import Rebuild, flatten_like, only

__all__ = ["MISSED", "Bound", "Call", "Specialization"]

MISSED: Final = object()
"""What a call gives whose arguments don't fit."""

_REFUSED = (ValueError, TypeError, OverflowError, BufferError)  # by memoryviews: the general way says what is wrong


class Call(NamedTuple):
    """The memory of one call: the runner's frame, its inputs as a memoryview, and the guards' frame."""

    frame: Any
    view: memoryview
    guard: Any


class Specialization:
    """The code that answers one request at one trace.

    Parameters
    ----------
    request : Request
        What is asked for.
    trace : Trace
        The program that answers it.
    layout, variables
        Where the arguments lie, and what is differentiated with respect to.
    fast : FastLayout or None
        How positional arguments are written quickly.
    runner : object
        Makes frames: ``PointRunner``, ``RolledRunner``, ``Rows`` or ``NumpyRows``.
    options : mapping
        For the runner's ``frame``.
    reduce : str or None
        As for ``compile``.
    """

    def __init__(
        self,
        request: Request,
        trace: Trace,
        layout: Layout,
        variables: Variables,
        fast: FastLayout | None,
        runner: Any,
        options: Mapping[str, Any],
        reduce: str | None,
    ) -> None:
        self.request, self.trace, self.layout, self.variables = request, trace, layout, variables
        self.runner, self._options, self._fast = runner, dict(options), fast
        self._guards: Guards | None = trace.guards
        self._results: Rebuild = trace.results
        self._has_rows, self._is_reduced = bool(layout.row_parts), not layout.row_parts or bool(reduce)
        from_rows = set(range(len(layout.names))).difference(layout.shared)
        self._from_rows = [slot in from_rows for slot in variables.slots] if request.pulls_back else []
        self._is_flat = self._is_reduced and not any(self._from_rows)
        self._is_number = self._is_flat and trace.results is only
        self._free: list[Call] = []

    @property
    def codes(self) -> Sequence[Code]:
        """The code that was made so far. The last one is what runs."""
        codes: Sequence[Code] = self.runner.codes
        return codes

    # ---- a call -----------------------------------------------------------------------------------------------

    def _free_call(self) -> Call:
        try:
            return self._free.pop()
        except IndexError:
            return self._new_call()

    def _new_call(self) -> Call:
        frame = self.runner.frame(**self._options)
        return Call(frame, memoryview(frame.inputs), self._guards.frame(frame.inputs) if self._guards else None)

    def __call__(self, args: Sequence[Any]) -> Any:
        """Answer a call with positional arguments of the types that are met most; ``MISSED`` for all others."""
        fast = self._fast
        if fast is None or len(args) != fast.count:
            return MISSED
        call = self._free_call()
        frame, view, guard = call
        try:
            for place, types, room in fast.shared:
                argument = args[place]
                if type(argument) not in types:
                    return self._miss(call)
                view[room] = argument
            if self._has_rows and not frame.fits([args[place] for place in fast.rows]):
                return self._miss(call)
        except _REFUSED:
            return self._miss(call)
        if self.layout.outside:
            self.layout.write_outside(frame.inputs)
        if self._guards is not None and not self._guards.hold(guard):
            return self._miss(call)
        return self.compute(call)

    def _miss(self, call: Call) -> Any:
        if self._has_rows:
            call.frame.release()
        self._free.append(call)
        return MISSED

    def packed(
        self,
        numbers: Mapping[Place, Any],
        arrays: Mapping[Place, Any],
        vector: Any,
        *,
        is_bound: bool = False,
    ) -> Call | None:
        """A call with its arguments in place.

        Parameters
        ----------
        numbers : mapping
            From the places of arguments that rows share to their numbers.
        arrays : mapping
            From the places of arguments with rows to them.
        vector : object
            The direction, or the weights of the results, if the request has one.
        is_bound : bool
            Whether the memory stays with the caller.

        Returns
        -------
        Call or None
            None if the function takes another branch at these numbers.
        """
        call = self._new_call() if is_bound else self._free_call()
        frame = call.frame
        self.layout.write(numbers, frame.inputs)
        if self.request.derive is not None and self.request.vector:
            self._write_direction(vector, frame.inputs)
        if self._guards is not None and not self._guards.hold(call.guard):
            self._free.append(call)
            return None
        if self.request.pulls_back and self.request.vector:
            seeds = flatten_like(vector, self._results, self.trace.count, "result")
            frame.seeds[:] = array("d", map(as_float, seeds))
        frame.take([as_matrix(arrays[part.place]) for part in self.layout.row_parts])
        return call

    def _write_direction(self, direction: Any, inputs: Any) -> None:
        first = len(self.layout.shared)
        numbers = flatten_like(direction, self.variables.rebuild, len(inputs) - first, "argument")
        inputs[first:] = array("d", map(as_float, numbers))

    def compute(self, call: Call) -> Any:
        """Run a packed call.

        Parameters
        ----------
        call : Call
            From ``packed``; it is used up.

        Returns
        -------
        object
            What was asked for.
        """
        frame = call.frame
        first = frame.run()
        if self._is_number:
            value = first
        elif self._is_reduced:
            value = self._results(frame.outputs.tolist())
        else:
            outputs = frame.outputs.copy()
            value = rows_first(self._results([outputs[:, place] for place in range(self.trace.count)]))
        if self.request.pulls_back:
            gradient = self.variables.gradient(frame.gradient if self._is_flat else self._columns(frame))
            value = (value, gradient) if self.request is GRADIENT else gradient
        if self._has_rows:
            frame.release()
        self._free.append(call)
        return value

    def _columns(self, frame: Any) -> list[Any]:
        """The derivatives, a column of rows for each, or a number where all rows have it in common."""
        by_rows = iter(frame.by_rows.T)
        shared = iter(frame.gradient.tolist() if self._is_reduced else frame.gradient.copy().T)
        return [next(by_rows if from_rows else shared) for from_rows in self._from_rows]

    # ---- bound ------------------------------------------------------------------------------------------------

    def bound(self, call: Call) -> Bound:
        """A packed call as a callable without arguments.

        Parameters
        ----------
        call : Call
            From ``packed`` with ``is_bound``.

        Returns
        -------
        Bound
            It owns the memory of the call.
        """
        frame, _, guard = call
        run = frame.bound()
        guards = self._guards
        bound = Bound(run if guards is None else functools.partial(_watched, guards, guard, run))
        bound.gradient = frame.gradient
        inputs = frame.inputs if hasattr(frame.inputs, "shape") else call.view
        bound.arguments = {name: inputs[place : place + 1] for place, name in enumerate(self.layout.outside_names)}
        bound.arguments |= {part.label: inputs[part.room] for part in self.layout.parts if not part.is_rows}
        if self._has_rows:
            labels = [part.label for part in self.layout.row_parts]
            bound.arguments |= dict(zip(labels, frame.given_arrays(), strict=True))
        return bound


def _watched(guards: Guards, guard: Any, run: Any) -> Any:
    """Run a bound call if its guards hold."""
    if not guards.hold(guard):
        raise InvalidValueError(
            "the function takes another branch at these numbers than at those it was bound at: bind it again"
        )
    return run()


class Bound(functools.partial[float]):
    """A compiled call without arguments, which reads its numbers from arrays of its own.

    It is called as ``functools.partial`` is: where there are no guards, no Python frame stands between the caller and
    the machine code.

    Attributes
    ----------
    arguments : dict
        From the arguments' names to the arrays that are read, to be written into; of Values outside, from theirs. Rows
        are read where they lie, and copies of them where they had to be converted.
    gradient : array of float64
        The derivatives of the last call, one for each number that is differentiated by and that all rows share.
    """

    arguments: dict[str, Any]
    gradient: Any

    def beside(self, penalty: Bound) -> Bound:
        """A call whose value and gradient have those of another one added, which reads this one's arguments."""

        def both() -> float:
            for name, numbers in penalty.arguments.items():
                numbers[:] = self.arguments[name]
            value = self() + penalty()
            self.gradient[:] += penalty.gradient
            return value

        bound = Bound(both)
        bound.gradient, bound.arguments = self.gradient, self.arguments
        return bound

    def __repr__(self) -> str:
        return f"<bound call of {', '.join(self.arguments)}>"
