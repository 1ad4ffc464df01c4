"""One recorded path of a compiled function, ready to run: numbers in by its layout, results out by its structure.

``compiling`` decides which path a call takes; what runs it is ``backends``', for one point, or a row kernel.
"""

from __future__ import annotations

import functools
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from microgrid.compiler.tiers import ScalarRunner, buffer_of, processors, row_kernel, runner_of
from microgrid.compiler.trace import Layout, Part, Trace, check_kind
from microgrid.core.value import as_float
from microgrid.errors import DataError, InvalidValueError, MissingPackageError
from microgrid.util.pytree import Rebuild, flatten_like

__all__ = ["Bound", "Path", "PointPath", "RowPath", "row_arrays"]

Place = int | str


class Path(Protocol):
    """What ``compiling`` needs of a path."""

    trace: Trace

    def run(
        self,
        arguments: Mapping[Place, Any],
        arrays: Mapping[Place, Any],
        seeds: Any,
        direction: Any,
    ) -> bool:
        """Compute; False if the function takes another path at these numbers."""
        ...

    def forget_arrays(self) -> None:
        """Let go of the arrays of the last run."""

    def results(self) -> Any:
        """What the function returned in the last run."""

    def gradient(self) -> Any:
        """The derivatives of the last run."""

    def bound(self) -> Any:
        """A call without arguments."""

    @property
    def backend(self) -> str:
        """What it runs on."""
        ...

    @property
    def compile_seconds(self) -> float:
        """How long making its code took."""
        ...

    def ir(self) -> str:
        """LLVM's text."""
        ...

    def assembly(self) -> str:
        """The machine code in words."""
        ...


def _check_seeds(trace: Trace, seeds: Any) -> Sequence[float]:
    """One for each result; of one result, 1."""
    if seeds is None:
        if trace.count != 1:
            raise InvalidValueError(
                f"a gradient is of a function that returns one number, not {trace.count}; vjp and jvp take functions "
                "that return many"
            )
        return (1.0,)
    return [as_float(seed) for seed in flatten_like(seeds, trace.results, trace.count, "result")]


class _Guards:
    """The comparisons that a path's branches were decided by."""

    def __init__(self, trace: Trace) -> None:
        self.truths = trace.truths
        self._runner = ScalarRunner(trace.guards, [], precise=True, optimize="auto") if trace.guards else None

    def hold(self, inputs: Any) -> bool:
        """Whether they come out at these inputs as they did when the path was recorded."""
        if self._runner is None:
            return True
        self._runner.buffers.inputs[:] = inputs
        self._runner.run(derivatives=False)
        return tuple(self._runner.buffers.outputs) == self.truths

    def check(self, inputs: Any) -> None:
        """Raise if they don't."""
        if not self.hold(inputs):
            raise InvalidValueError(
                "the function takes another branch at these numbers than at those it was bound at: bind it again"
            )


def _pack_direction(direction: Any, rebuild: Rebuild, first: int, view: Any) -> None:
    """Write a direction into the inputs behind the first ones, if there are any: ``derived`` added them."""
    room = len(view) - first
    if room:
        view[first:] = array("d", map(as_float, flatten_like(direction, rebuild, room, "argument")))


# ---- one point ------------------------------------------------------------------------------------------------


class PointPath:
    """A path that is run at one point at a time.

    Parameters
    ----------
    layout, trace
        How the arguments lie in the inputs, and what was recorded.
    wrt : list of int
        The inputs that are differentiated with respect to.
    rebuild : callable
        From the derivatives to their structure.
    precise, optimize, threads
        As for ``compile``.
    """

    def __init__(
        self,
        layout: Layout,
        trace: Trace,
        wrt: list[int],
        rebuild: Rebuild,
        *,
        precise: bool,
        optimize: str,
        threads: int | None,
    ) -> None:
        self.layout, self.trace, self._rebuild = layout, trace, rebuild
        self.runner = runner_of(trace.program, wrt, precise=precise, optimize=optimize, threads=threads)
        self.guards = _Guards(trace)

    def run(
        self,
        arguments: Mapping[Place, Any],
        arrays: Mapping[Place, Any],
        seeds: Any,
        direction: Any,
    ) -> bool:
        """Compute; False if the function takes another path at these numbers."""
        buffers = self.runner.buffers
        self.layout.pack(arguments, buffers.inputs)
        _pack_direction(direction, self._rebuild, len(self.layout.names), buffers.inputs)
        if not self.guards.hold(buffers.inputs):
            return False
        if self.trace.differentiated:
            for place, seed in enumerate(_check_seeds(self.trace, seeds)):
                buffers.seeds[place] = seed
        self.runner.run(derivatives=self.trace.differentiated)
        return True

    def forget_arrays(self) -> None:
        """There are none."""

    def results(self) -> Any:
        """What the function returned in the last run."""
        return self.trace.results(self.runner.buffers.outputs.tolist())

    def gradient(self) -> Any:
        """The derivatives of the last run."""
        return self._rebuild(self.runner.buffers.gradient)

    def bound(self) -> Bound:
        """A call without arguments."""
        return _bound_point(self)

    @property
    def backend(self) -> str:
        """What it runs on."""
        return self.runner.backend

    @property
    def compile_seconds(self) -> float:
        """How long making its code took."""
        return self.runner.compile_seconds

    def ir(self) -> str:
        """LLVM's text."""
        return self.runner.ir()

    def assembly(self) -> str:
        """The machine code in words."""
        return self.runner.assembly()


class Bound(functools.partial[float]):
    """A compiled call without arguments, which reads its numbers from arrays of its own.

    It is called as ``functools.partial`` is, which the interpreter does without a detour: where no branches have to be
    watched, nothing of Python's stands between the caller and the machine code.

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

    def __repr__(self) -> str:
        return f"<bound call of {', '.join(self.arguments)}>"


def _bound_point(path: PointPath) -> Bound:
    runner, guards = path.runner, path.guards
    buffers, reverse = runner.buffers, runner.reverse

    def watched() -> float:
        guards.check(buffers.inputs)
        return reverse()

    bound = Bound(watched if guards.truths else reverse)
    bound.gradient = buffers.gradient
    inputs = memoryview(buffers.inputs) if not hasattr(buffers.inputs, "shape") else buffers.inputs
    bound.arguments = {name: inputs[place : place + 1] for place, name in enumerate(path.layout.outside_names)}
    bound.arguments |= {part.label: inputs[part.start : part.stop] for part in path.layout.parts}
    return bound


# ---- rows -----------------------------------------------------------------------------------------------------


def row_arrays(
    arguments: Mapping[Place, Any], places: Sequence[Place], label: Callable[[Place], str]
) -> dict[Place, Any]:
    """The arguments that have a row for each sample, as arrays of float64 or float32.

    Parameters
    ----------
    arguments : mapping
        All arguments by their places.
    places : sequence of int or str
        Which of them have rows.
    label : callable
        What the argument at a place is called.

    Returns
    -------
    dict
        The arrays by place. Those of float64 and float32 are the arguments themselves, whatever their strides.

    Raises
    ------
    DataError
        If one has no rows, or if they have different numbers of them.
    InvalidValueError
        If one holds anything else than real numbers.
    """
    if not places:
        return {}
    try:
        import numpy
    except ImportError:
        raise MissingPackageError(
            "rows are NumPy's arrays, and NumPy is not installed: pip install 'microgrid-autodiff[compile]'"
        ) from None
    found: dict[Place, Any] = {}
    for place in places:
        array = arguments[place]
        if type(array) is not numpy.ndarray:
            array = _as_array(array, label(place))
        if array.ndim == 0:
            raise DataError(
                f"the argument {label(place)} has one row for each sample, and one {type(arguments[place]).__name__} "
                "was given"
            )
        if array.dtype not in (numpy.float64, numpy.float32):
            check_kind(array, label(place))
            array = array.astype(numpy.float64)
        found[place] = array
    if len({len(array) for array in found.values()}) > 1:
        told = ", ".join([f"{label(place)} has {len(array):,}" for place, array in found.items()])
        raise DataError(f"arguments with rows need as many as each other: {told}")
    return found


def _as_array(rows: Any, label: str) -> Any:
    """Rows that came as something else than a plain array."""
    import numpy

    if hasattr(rows, "dtype"):
        check_kind(rows, label)  # a masked array would lose its mask
    try:
        return numpy.asarray(rows)
    except ValueError as error:
        raise DataError(f"the argument {label} has one row for each sample, and they are no array: {error}") from None


def _as_matrix(array: Any) -> Any:
    """Rows of any shape as rows of columns."""
    return array if array.ndim <= 2 else array.reshape(len(array), math.prod(array.shape[1:]))


def _rows_first(tree: Any) -> Any:
    """Arrays that were put together from one column for each element, with the rows in front."""
    if isinstance(tree, dict):
        return {name: _rows_first(child) for name, child in tree.items()}
    if isinstance(tree, list):
        return [_rows_first(child) for child in tree]
    if isinstance(tree, tuple):
        children = [_rows_first(child) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    return tree if getattr(tree, "ndim", 0) < 2 else tree.transpose(-1, *range(tree.ndim - 1))


class RowPath:
    """A path that is run on all rows of arrays at once.

    Parameters
    ----------
    layout, trace, wrt, rebuild
        As for ``PointPath``.
    reduce, precise, threads
        As for ``compile``.
    """

    def __init__(
        self,
        layout: Layout,
        trace: Trace,
        wrt: list[int],
        rebuild: Callable[..., Any],
        reduce: str | None,
        precise: bool,
        threads: int | None,
    ) -> None:
        import numpy

        self.layout, self.trace, self._rebuild, self._reduce = layout, trace, rebuild, reduce
        self._threads = threads or processors()
        self._parts = [part for part in layout.parts if part.is_rows]
        slots = [list(range(part.start, part.stop)) for part in self._parts]
        from_rows = {slot for part in slots for slot in part}
        self._all = buffer_of(len(trace.program.inputs))
        self._shared = numpy.array([slot for slot in range(len(self._all)) if slot not in from_rows], dtype=int)
        self._shared_wrt = [place for place, slot in enumerate(wrt) if slot not in from_rows]
        self._row_wrt = [place for place, slot in enumerate(wrt) if slot in from_rows]
        options: dict[str, Any] = {"reduce": reduce, "precise": precise}
        self.guards = _Guards(trace)
        self.kernel: Any = row_kernel(trace.program)(trace.program, slots, wrt, **options)
        self._found: tuple[Any, Any, Any] = (None, None, None)

    def run(
        self,
        arguments: Mapping[Place, Any],
        arrays: Mapping[Place, Any],
        seeds: Any,
        direction: Any,
    ) -> bool:
        """Compute; False if the function takes another path at these numbers."""
        prepared = self._prepare(arguments, arrays, direction)
        if not self.guards.hold(self._all):
            return False
        if self.trace.differentiated:
            weights = self._weights(seeds)
            self._found = self.kernel.value_and_pullback(*prepared, weights, self._threads)
        else:
            self._found = (self.kernel.value(*prepared, self._threads), None, None)
        return True

    def forget_arrays(self) -> None:
        """Let go of the arrays of the last run: they are the caller's."""
        self._given: list[Any] = []

    def _prepare(self, arguments: Mapping[Place, Any], arrays: Mapping[Place, Any], direction: Any) -> Any:
        self.layout.pack(arguments, self._all)
        _pack_direction(direction, self._rebuild, len(self.layout.names), self._all)
        self._given = [_as_matrix(arrays[part.place]) for part in self._parts]
        self._inputs = self._all[self._shared]
        return self._inputs, self._given

    def _weights(self, seeds: Any) -> Any:
        import numpy

        return numpy.array(_check_seeds(self.trace, seeds), dtype=float)

    def results(self) -> Any:
        """What the function returned in the last run."""
        outputs = self._found[0]
        if self._reduce:
            return self.trace.results(outputs.tolist())
        return _rows_first(self.trace.results([outputs[:, place] for place in range(self.trace.count)]))

    def gradient(self) -> Any:
        """The derivatives of the last run."""
        _, shared, by_rows = self._found
        if self._reduce and not self._row_wrt:
            return self._rebuild(shared, self._finished)
        numbers: list[Any] = [None] * (len(self._shared_wrt) + len(self._row_wrt))
        for place, number in zip(self._shared_wrt, shared.T.tolist() if self._reduce else shared.T, strict=True):
            numbers[place] = number
        for place, column in zip(self._row_wrt, by_rows.T, strict=True):
            numbers[place] = column
        return self._rebuild(numbers, self._finished)

    def _finished(self, part: Part, built: Any) -> Any:
        return _rows_first(built) if part.is_rows or not self._reduce else built

    def bound(self) -> Bound:
        """A call without arguments."""
        return _bound_rows(self)

    @property
    def backend(self) -> str:
        """What it runs on."""
        name: str = self.kernel.backend
        return name

    @property
    def compile_seconds(self) -> float:
        """How long making its code took."""
        seconds: float = self.kernel.compile_seconds
        return seconds

    def ir(self) -> str:
        """LLVM's text."""
        text: str = self.kernel.ir()
        return text

    def assembly(self) -> str:
        """The machine code in words."""
        text: str = self.kernel.assembly()
        return text


def _bound_rows(path: RowPath) -> Bound:
    shared, everything, guards = path._inputs, path._all, path.guards
    run, gradient = path.kernel.prepare(shared, path._given, path._weights(None), path._threads)

    def watched() -> Any:
        everything[path._shared] = shared
        guards.check(everything)
        return run()

    bound = Bound(watched if guards.truths else run)
    bound.gradient = gradient
    places = {slot: place for place, slot in enumerate(path._shared.tolist())}
    slices = {name: (place, place + 1) for place, name in enumerate(path.layout.outside_names)}
    slices |= {part.label: (part.start, part.stop) for part in path.layout.parts if not part.is_rows}
    bound.arguments = {name: shared[places.get(start, 0) :][: stop - start] for name, (start, stop) in slices.items()}
    bound.arguments |= {part.label: given for part, given in zip(path._parts, path._given, strict=True)}
    return bound
