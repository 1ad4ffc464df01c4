"""Row kernels without LLVM: blocks of rows by NumPy, or row by row in Python's floats.

It has the interface of ``llvm.row_kernel``, for machines without llvmlite and for operations written for floats alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy

from microgrid.arithmetics.numpy import NUMPY, as_column
from microgrid.compiler.llvm.row_plan import Plan
from microgrid.core.arithmetic import FLOAT
from microgrid.errors import DataError
from microgrid.program.program import Program

__all__ = ["NumpyFrame", "NumpyRows", "PythonRows", "pairwise"]

_ROWS_AT_ONCE = 2048  # rows: a column of 16 KB, so that those in use at a time stay in a cache


def pairwise(parts: Any) -> Any:
    """The sum over the first axis in pairs: the error grows with the logarithm of its length. Zeros if that is 0.

    >>> import numpy
    >>> float(pairwise(numpy.array([1.0, 2.0, 3.0])))
    6.0
    """
    if len(parts) == 0:
        return numpy.zeros(parts.shape[1:])
    while len(parts) > 1:
        even = len(parts) & ~1
        parts = numpy.concatenate([parts[0:even:2] + parts[1:even:2], parts[even:]])
    return parts[0]


class NumpyRows:
    """A program on rows, in blocks through NumPy; its parameters are those of ``llvm.row_kernel.Rows``.

    Where the eager bits are asked for (``precise``), each row is computed in Python's floats.
    """

    backend = "numpy"
    compile_seconds = 0.0

    def __init__(
        self,
        program: Program,
        row_inputs: Sequence[Sequence[int]],
        wrt: Sequence[int],
        *,
        reduce: str | None,
        precise: bool = False,
    ) -> None:
        self.plan = Plan(program, [list(slots) for slots in row_inputs], wrt, reduce=reduce, precise=precise)
        if precise:
            self.backend = "python"

    def frame(self, *, derivatives: bool, threads: int) -> NumpyFrame:
        """The memory of a call, on one thread whatever ``threads`` is; calls that may overlap need one each."""
        return NumpyFrame(self, derivatives=derivatives)

    @property
    def codes(self) -> list[NumpyRows]:
        """What runs it: itself."""
        return [self]

    def results(self, shared: Any, arrays: Sequence[Any], seeds: list[float] | None) -> tuple[Any, Any, Any]:
        """The outputs, and the derivatives with respect to shared inputs and to those from rows, if there are seeds."""
        count, plan = len(arrays[0]), self.plan
        wanted = (len(plan.program.outputs), len(plan.shared_wrt), len(plan.row_wrt))
        whole = [numpy.empty((count, columns)) for columns in wanted]
        with numpy.errstate(all="ignore"):
            for rows in _blocks(count, 1 if plan.precise else _ROWS_AT_ONCE):
                found = self._block(shared, [array[rows] for array in arrays], seeds, rows.stop - rows.start)
                for kept, columns in zip(whole, found, strict=True):
                    for place, column in enumerate(columns):
                        kept[rows, place] = column
            outputs, slopes, by_rows = whole
            if not plan.reduce:
                return outputs, slopes, by_rows
            divisor = count if plan.reduce == "mean" else 1
            return pairwise(outputs) / divisor, pairwise(slopes) / divisor, by_rows / divisor

    def _block(self, shared: Any, arrays: Sequence[Any], seeds: list[float] | None, rows: int) -> list[list[Any]]:
        """The columns of one block: outputs, and derivatives if there are seeds."""
        plan, program = self.plan, self.plan.program
        numbers: list[Any] = [0.0] * len(program.inputs)
        for slot, number in zip(plan.shared, shared.tolist(), strict=True):
            numbers[slot] = number
        for slots, array in zip(plan.row_inputs, arrays, strict=True):
            columns = array.astype(numpy.float64).reshape(rows, -1).T
            for slot, column in zip(slots, columns, strict=True):
                numbers[slot] = float(column[0]) if plan.precise else column
        m = FLOAT if plan.precise else NUMPY
        values = program.evaluate(m, numbers)
        found = [[as_column(values[slot], rows) for slot in program.outputs], [], []]
        if seeds is not None:
            adjoints = program.pullback(m, values, seeds, zero=0.0 if plan.precise else None)
            for place, slots in ((1, plan.shared_wrt), (2, plan.row_wrt)):
                found[place] = [as_column(0.0 if adjoints[slot] is None else adjoints[slot], rows) for slot in slots]
        return found

    def ir(self) -> str:
        """There is none."""
        raise DataError("there is no LLVM text of what runs in NumPy: install llvmlite, the extra 'compile'")

    def assembly(self) -> str:
        """There is none."""
        raise DataError("there is no machine code of what runs in NumPy: install llvmlite, the extra 'compile'")


class NumpyFrame:
    """The memory of one call, as ``llvm.row_kernel.RowFrame``: what is read, and what ``run`` leaves."""

    outputs: Any
    gradient: Any
    by_rows: Any
    is_atomic = False

    def __init__(self, rows: NumpyRows, *, derivatives: bool) -> None:
        self._rows, self._derivatives = rows, derivatives
        self._is_reduced = bool(rows.plan.reduce)
        self.inputs, self.seeds = numpy.zeros(len(rows.plan.shared)), numpy.ones(len(rows.plan.program.outputs))
        self._arrays: Sequence[Any] = ()

    def fits(self, arrays: Sequence[Any]) -> bool:
        """Arrays have to be taken anew for each run."""
        return False

    def take(self, arrays: Sequence[Any]) -> None:
        """Read these arrays at the next run."""
        self._arrays = arrays

    def given_arrays(self) -> Sequence[Any]:
        """The arrays that were taken."""
        return self._arrays

    def run(self) -> float:
        """Compute; of results that are reduced, give the first output."""
        seeds = self.seeds.tolist() if self._derivatives else None
        self.outputs, self.gradient, self.by_rows = self._rows.results(self.inputs, self._arrays, seeds)
        return float(self.outputs[0]) if self._is_reduced else 0.0

    def release(self) -> None:
        """Let go of the arrays: they are the caller's."""
        self._arrays = ()

    def bound(self) -> Callable[[], Any]:
        """``run`` on the arrays that were taken, which are read anew at each call; the gradient stays in one place."""
        self.run()
        gradient = self.gradient

        def run() -> Any:
            first = self.run()
            gradient[:] = self.gradient
            self.gradient = gradient
            return first if self._is_reduced else self.outputs[:, 0]

        return run


class PythonRows(NumpyRows):
    """A program on rows, row by row through Python's floats: for operations that are written for floats alone."""

    def __init__(self, *args: Any, precise: bool = True, **more: Any) -> None:
        super().__init__(*args, precise=True, **more)


def _blocks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(count, start + size))
