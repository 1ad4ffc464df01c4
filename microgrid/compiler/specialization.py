"""A specialization: the code for one request at one trace, and a call of it: pack, check guards, run, unpack.

The arguments are packed into the memory of a call, the guards are asked, the kernel runs, and results are put together.
Calls that overlap, in other threads or one inside another, have memory of their own.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from microgrid.compiler.arguments import FastLayout, Layout, Place, Variables, rows_first
from microgrid.compiler.request import GRADIENT, Request
from microgrid.compiler.tiers import Code
from microgrid.compiler.trace import Guards, Trace
from microgrid.core.operands import as_float
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

    The ``runner`` makes frames, with these options: a ``PointRunner``, a ``RolledRunner``, ``Rows`` or ``NumpyRows``.
    Positional arguments are written by ``fast``, if there is a quick way; ``reduce`` is as for ``compile``.
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
        self.lines = trace.lines
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

    def answer(self, args: Sequence[Any]) -> Any:
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
            if self._has_rows and not frame.fits(fast.rows(args)):
                return self._miss(call)
        except _REFUSED:
            return self._miss(call)
        if self.layout.outside:
            self.layout.write_outside(frame.inputs)
        if self._guards is not None and self._guards.fails(guard) is not None:
            return self._miss(call)
        return self.compute(call)

    def _miss(self, call: Call) -> Any:
        if self._has_rows:
            call.frame.release()
        self._free.append(call)
        return MISSED

    def tried(self, numbers: Mapping[Place, Any], vector: Any, *, is_bound: bool = False) -> tuple[Call, int | None]:
        """A call with the numbers in place that all rows share, and the first guard that doesn't hold there, if any.

        The numbers are given by the places of arguments; the vector is the direction, or the weights of the results, if
        the request has one. The memory of a call that ``is_bound`` stays with the caller.
        """
        call = self._new_call() if is_bound else self._free_call()
        self.layout.write(numbers, call.frame.inputs)
        if self.request.derive is not None and self.request.vector:
            self._write_direction(vector, call.frame.inputs)
        failing = None if self._guards is None else self._guards.fails(call.guard)
        if failing is not None and not is_bound:
            self._free.append(call)
        return call, failing

    def take(self, call: Call, arrays: Mapping[Place, Any], vector: Any) -> None:
        """Give a call whose guards hold its arrays, by the places of arguments, and the weights of its results."""
        if self.request.pulls_back and self.request.vector:
            seeds = flatten_like(vector, self._results, self.trace.count, "result")
            call.frame.seeds[:] = array("d", map(as_float, seeds))
        call.frame.take([arrays[part.place] for part in self.layout.row_parts])

    def _write_direction(self, direction: Any, inputs: Any) -> None:
        first = len(self.layout.shared)
        numbers = flatten_like(direction, self.variables.rebuild, len(inputs) - first, "argument")
        inputs[first:] = array("d", map(as_float, numbers))

    def zeros(self, call: Call) -> frozenset[int]:
        """The places at which the vector of a packed call is 0."""
        frame = call.frame
        vector = frame.seeds if self.request.pulls_back else frame.inputs[len(self.layout.shared) :]
        return frozenset([place for place, entry in enumerate(vector.tolist()) if entry == 0.0])

    def compute(self, call: Call) -> Any:
        """Run a packed call, which is used up, and give what was asked for."""
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
        """A packed call, from ``tried`` with ``is_bound``, as a callable without arguments, which owns its memory."""
        frame, _, guard = call
        run = frame.bound()
        if self._guards is not None:
            run = functools.partial(_watched, self._guards, guard, run)
        bound = Bound(run if frame.is_atomic else functools.partial(_one_at_a_time, [True], run))
        bound.gradient = frame.gradient
        bound.copied = functools.partial(self._copy, call)
        inputs = frame.inputs if hasattr(frame.inputs, "shape") else call.view
        bound.arguments = {name: inputs[place : place + 1] for place, name in enumerate(self.layout.outside_names)}
        bound.arguments |= {part.label: inputs[part.room] for part in self.layout.parts if not part.is_rows}
        if self._has_rows:
            labels = [part.label for part in self.layout.row_parts]
            bound.arguments |= dict(zip(labels, frame.given_arrays(), strict=True))
        return bound

    def _copy(self, call: Call, *, is_deep: bool) -> Bound:
        """Another bound call with the numbers of this one, and its arrays or copies of them."""
        copy = self._new_call()
        copy.frame.inputs[:] = call.frame.inputs
        arrays = call.frame.given_arrays() if self._has_rows else []
        copy.frame.take([array.copy() for array in arrays] if is_deep else arrays)
        return self.bound(copy)


def _watched(guards: Guards, guard: Any, run: Any) -> Any:
    """Run a bound call if its guards hold."""
    if guards.fails(guard) is not None:
        raise InvalidValueError(
            "the function takes another branch at these numbers than at those it was bound at: bind it again"
        )
    return run()


def _one_at_a_time(free: list[bool], run: Any) -> Any:
    """Run a bound call if it is not under way already."""
    try:
        token = free.pop()
    except IndexError:
        raise InvalidValueError(
            "the bound call is under way already: in another thread, in what a signal interrupted, or in the process "
            "that this one was forked from. It has one memory, so bind another one there, or copy it"
        ) from None
    try:
        return run()
    finally:
        free.append(token)


class Bound(functools.partial[float]):
    """A compiled call without arguments, which reads its numbers from arrays of its own.

    It is called as ``functools.partial`` is: where nothing has to be watched, no Python frame stands between the caller
    and the machine code. A copy, by ``copy.copy`` or ``copy.deepcopy``, has numbers and results of its own; rows are
    copied by the latter alone.

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
    copied: Callable[..., Bound]

    def __copy__(self) -> Bound:
        return self.copied(is_deep=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Bound:
        return self.copied(is_deep=True)

    def __reduce__(self) -> NoReturn:
        raise InvalidValueError(
            "a bound call reads the memory of this process: pickle the compiled function instead, and bind it there"
        )

    def beside(self, penalty: Bound) -> Bound:
        """A call whose value and gradient have those of another one added, which reads this one's arguments."""

        def both() -> float:
            for name, numbers in penalty.arguments.items():
                numbers[:] = self.arguments[name]
            value = self() + penalty()
            self.gradient[:] += penalty.gradient
            return value

        def copied(*, is_deep: bool) -> Bound:
            return self.copied(is_deep=is_deep).beside(penalty.copied(is_deep=is_deep))

        bound = Bound(functools.partial(_one_at_a_time, [True], both))
        bound.gradient, bound.arguments, bound.copied = self.gradient, self.arguments, copied
        return bound

    def __repr__(self) -> str:
        return f"<bound call of {', '.join(self.arguments)}>"
