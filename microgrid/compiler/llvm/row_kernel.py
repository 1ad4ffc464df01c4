"""One sample's program mapped over the rows of arrays: in vector registers, on all processors, without copies.

A register holds one number of several rows. The code is put together in ``row_module``: the loop over registers in
``row_loop``, in ``row_linear`` for wide rows, or in ``row_strips`` for a large program, with ``row_gather`` reading
arrays where they lie and ``row_reduction`` around it. ``row_call`` runs it on its ``row_frame``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from microgrid.compiler.llvm import jit
from microgrid.compiler.llvm.row_call import Call
from microgrid.compiler.llvm.row_frame import as_matrix
from microgrid.compiler.llvm.row_module import Kernel
from microgrid.compiler.llvm.row_plan import Access, KernelSpec, Plan, access_of
from microgrid.program.program import Program

__all__ = ["RowFrame", "Rows"]


class Rows:
    """A program on rows, as native code.

    The program is one sample's; each array's columns stand for inputs, ``row_inputs``. Without ``reduce``, the rows'
    results are kept. With ``precise``, each row's results have the eager bits; sums over rows are in pairs as ever.

    Examples
    --------
    >>> import numpy
    >>> from microgrid import Program, Value
    >>> w, x = Value(0.0, name="w"), Value(0.0, name="x")
    >>> rows = Rows(Program.record([w * x], [w, x]), [[1]], [0], reduce="sum")
    >>> frame = rows.frame(derivatives=True, threads=1)
    >>> frame.inputs[:] = 2.0
    >>> frame.take([numpy.arange(10.0)])
    >>> frame.run(), frame.gradient.tolist()
    (90.0, [45.0])
    """

    backend = "rows"

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
        self.compile_seconds = 0.0
        self._kernels: dict[tuple[tuple[Access, ...], bool], Kernel] = {}
        self._last: Kernel | None = None

    def frame(self, *, derivatives: bool, threads: int) -> RowFrame:
        """The memory of a call, whose rows so many threads may share; calls that may overlap need one each."""
        return RowFrame(self, derivatives=derivatives, threads=threads)

    @property
    def codes(self) -> list[Rows]:
        """The code that was made."""
        return [self]

    def kernel(self, arrays: Sequence[Any], *, derivatives: bool) -> Kernel:
        """The code for arrays that lie in memory as these do."""
        width = jit.vector_width()
        inputs = self.plan.row_inputs
        accesses = tuple([access_of(a, len(slots), width) for a, slots in zip(arrays, inputs, strict=True)])
        key = accesses, derivatives
        if key not in self._kernels:
            self._kernels[key] = Kernel(KernelSpec(self.plan, accesses, width, derivatives))
            self.compile_seconds += self._kernels[key].library.compile_seconds
        self._last = self._kernels[key]
        return self._last

    @property
    def _library(self) -> jit.Library:
        if self._last is None:
            self.kernel([numpy.zeros((1, len(slots)), order="F") for slots in self.plan.row_inputs], derivatives=True)
        assert self._last is not None  # made above
        return self._last.library

    def ir(self) -> str:
        """The module of the kernel that was used last, in LLVM's syntax."""
        return self._library.ir

    def assembly(self) -> str:
        """Its assembly code."""
        return self._library.assembly()


class RowFrame:
    """The memory of one call on rows: what it reads and what it writes."""

    run: Callable[[], float]  # once arrays were taken; of results that are reduced, it gives the first output
    outputs: Any  # of shape (outputs,) if they are reduced, otherwise (rows, outputs)
    gradient: Any  # with respect to shared inputs, like the outputs
    is_atomic = False  # whether nothing else of Python runs while ``bound`` does

    def __init__(self, rows: Rows, *, derivatives: bool, threads: int) -> None:
        plan = rows.plan
        self._rows, self._derivatives, self._threads = rows, derivatives, threads
        self.inputs, self.seeds = numpy.zeros(len(plan.shared)), numpy.ones(len(plan.program.outputs))
        self._call: Call | None = None
        self._given: Sequence[Any] = ()

    def fits(self, arrays: Sequence[Any]) -> bool:
        """Read these arrays at the next run if they have the shapes, types and strides of the last."""
        return self._call is not None and self._call.moves_to(arrays)

    def take(self, arrays: Sequence[Any]) -> None:
        """Read these arrays at the next run: float64 or float32, of shape (rows, ...), with any strides."""
        self._given = arrays
        read = [as_matrix(array) for array in arrays]
        read = [array if array.flags.aligned else array.copy() for array in read]
        if self.fits(read):
            return
        kernel = self._rows.kernel(read, derivatives=self._derivatives)
        self._call = call = Call(kernel, self.inputs, read, self.seeds if self._derivatives else None, self._threads)
        self.run, self.outputs, self.gradient = call.run, call.outputs, call.slopes

    def given_arrays(self) -> Sequence[Any]:
        """The arrays that were taken, as they were given."""
        return self._given

    @property
    def by_rows(self) -> Any:
        """The derivatives with respect to the inputs from rows, of shape (rows, inputs)."""
        assert self._call is not None  # arrays were taken
        return self._call.by_rows / self._call.divisor

    def release(self) -> None:
        """Let go of the arrays: they are the caller's."""
        self._given = ()
        if self._call is not None:
            self._call.arrays = ()

    def bound(self) -> Callable[[], Any]:
        """``run`` on the arrays that were taken, which are read anew at each call; the code keeps them.

        It gives the output. Outputs that are not reduced are given in an array, and the next call gives the same one.
        """
        call = self._call
        assert call is not None  # arrays were taken
        call.keep.append(call.arrays)
        pairs = zip(call.arrays, self._given, strict=True)
        copies = [(own, array) for own, array in pairs if not numpy.may_share_memory(own, array) and own.size]
        is_reduced = bool(self._rows.plan.reduce)
        self.is_atomic = is_reduced and not copies and call.is_atomic
        if is_reduced and not copies:
            return call.run

        def run() -> Any:
            for own, array in copies:
                own[:] = as_matrix(array)
            first = call.run()
            return first if is_reduced else call.outputs[:, 0]

        return run
