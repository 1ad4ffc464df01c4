"""One sample's program mapped over the rows of arrays: in vector registers, on all processors, without copies.

A register holds one number of several rows. The code is put together in ``row_module``: the loop over registers in
``row_loop``, or in ``row_strips`` for a large program, with ``row_gather`` reading arrays where they lie and
``row_reduction`` around it. ``row_call`` runs it on its ``row_frame``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from microgrid.compiler.llvm import jit
from microgrid.compiler.llvm.row_call import Call
from microgrid.compiler.llvm.row_module import Kernel
from microgrid.compiler.llvm.row_plan import Access, KernelSpec, Plan, access_of
from microgrid.program.program import Program

__all__ = ["Rows"]


class Rows:
    """A program on rows, as native code.

    Parameters
    ----------
    program : Program
        One sample's.
    row_inputs : sequence of sequence of int
        For each array, the inputs that its columns stand for.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    reduce : "sum", "mean" or None
        What becomes of the rows' results: None keeps them.
    precise : bool
        Whether each row's results have the eager bits. Sums over rows are in pairs all the same.

    Examples
    --------
    >>> import numpy
    >>> from microgrid import Program, Value
    >>> w, x = Value(0.0, name="w"), Value(0.0, name="x")
    >>> rows = Rows(Program.record([w * x], [w, x]), [[1]], [0], reduce="sum")
    >>> outputs, slopes, _ = rows.value_and_pullback(numpy.array([2.0]), [numpy.arange(10.0)], numpy.ones(1), 1)
    >>> outputs.tolist(), slopes.tolist()
    ([90.0], [45.0])
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
        self._call: Call | None = None

    def value(self, shared: Any, arrays: Sequence[Any], threads: int) -> Any:
        """The outputs.

        Parameters
        ----------
        shared : array of float64
            A number for each input that all rows share.
        arrays : sequence of array of float64 or float32
            Of shape (rows,) or (rows, columns), with any strides.
        threads : int
            How many may share the rows.

        Returns
        -------
        array of float64
            Of shape (outputs,) if they are reduced, otherwise (rows, outputs).
        """
        return self._again(shared, arrays, None, threads)[0]

    def value_and_pullback(self, shared: Any, arrays: Sequence[Any], seeds: Any, threads: int) -> tuple[Any, Any, Any]:
        """The outputs, and derivatives of their sum, weighted by the seeds.

        Parameters
        ----------
        shared, arrays, threads
            As for ``value``.
        seeds : array of float64
            The weight of each output.

        Returns
        -------
        tuple of array
            The outputs; the derivatives with respect to shared inputs, like the outputs; and those with respect to the
            inputs from rows, of shape (rows, inputs).
        """
        return self._again(shared, arrays, seeds, threads)

    def _again(self, shared: Any, arrays: Sequence[Any], seeds: Any, threads: int) -> tuple[Any, Any, Any]:
        """The results, in memory of their own. What the last call prepared serves again if the arrays are the same."""
        call = self._call
        if call is None or not call.is_of(arrays, seeds, threads):
            arrays = [array if array.flags.aligned else array.copy() for array in arrays]
            call = self._call = self._prepared(shared.copy(), arrays, None if seeds is None else seeds.copy(), threads)
        else:
            call.shared[:] = shared
            if seeds is not None:
                call.seeds[:] = seeds
        call.arrays = list(arrays)  # in use, even if an interruption leaves threads behind
        call.run()
        call.arrays = []
        return call.outputs.copy(), call.slopes.copy(), call.by_rows / call.divisor

    def prepare(self, shared: Any, arrays: Sequence[Any], seeds: Any, threads: int) -> tuple[Callable[[], Any], Any]:
        """``value_and_pullback`` of these arrays and of one output, as a call without arguments.

        Parameters
        ----------
        shared, arrays, seeds, threads
            As for ``value_and_pullback``. They are read anew at each call.

        Returns
        -------
        tuple
            The call, which gives the output, and the array that it leaves the derivatives with respect to shared inputs
            in. Outputs that are not reduced are given in an array, and the next call gives the same one.
        """
        read = [array if array.flags.aligned else array.copy() for array in arrays]
        call = self._prepared(shared, read, seeds, threads)
        call.keep.append(read)
        copies = [(own, array) for own, array in zip(read, arrays, strict=True) if own is not array]
        if self.plan.reduce and not copies:
            return call.run, call.slopes

        def run() -> Any:
            for own, array in copies:
                own[:] = array
            first = call.run()
            return first if self.plan.reduce else call.outputs[:, 0]

        return run, call.slopes

    def _prepared(self, shared: Any, arrays: Sequence[Any], seeds: Any, threads: int) -> Call:
        kernel = self._kernel(arrays, derivatives=seeds is not None)
        return Call(kernel, shared, arrays, seeds, threads)

    def _kernel(self, arrays: Sequence[Any], *, derivatives: bool) -> Kernel:
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
            self._kernel([numpy.zeros((1, len(slots)), order="F") for slots in self.plan.row_inputs], derivatives=True)
        assert self._last is not None  # made above
        return self._last.library

    def ir(self) -> str:
        """The module of the kernel that was used last, in LLVM's syntax."""
        return self._library.ir

    def assembly(self) -> str:
        """Its assembly code."""
        return self._library.assembly()
