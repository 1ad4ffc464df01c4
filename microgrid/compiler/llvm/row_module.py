"""Assemble a row kernel's LLVM module: ``row_loop`` or ``row_strips``, with ``row_reduction``, compiled."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from microgrid.compiler.llvm import jit, special
from microgrid.compiler.llvm.instructions import ATTRIBUTES
from microgrid.compiler.llvm.row_frame import CallFrame, address
from microgrid.compiler.llvm.row_linear import linear_loops, products_of
from microgrid.compiler.llvm.row_loop import vector_loops
from microgrid.compiler.llvm.row_plan import KernelSpec
from microgrid.compiler.llvm.row_reduction import driver
from microgrid.compiler.llvm.row_strips import strip_loops
from microgrid.compiler.llvm.trampoline import builtin

__all__ = ["Kernel"]

# Beyond, LLVM takes too long, and more of the C stack than a thread may have: nodes with derivatives, or three times as
# many without; operands, inputs or results, however few nodes there are.
_IN_ONE_PIECE = 250
_MANY_OPERANDS = 1_000


class Kernel:
    """Native code for arrays that are read in one way, with the functions ``run_chunks`` and ``finish`` of the driver.

    A thread needs memory of ``memory_doubles``; ``chunk`` is how many registers of rows have sums of their own.
    """

    def __init__(self, spec: KernelSpec) -> None:
        self.spec = spec
        program = spec.plan.program
        is_large = len(program.ops) > (_IN_ONE_PIECE if spec.derivatives else 3 * _IN_ONE_PIECE)
        is_large |= max(len(program.operands), len(program.inputs), spec.sums, spec.kept) > _MANY_OPERANDS
        products = products_of(spec)
        loops = linear_loops(spec, products) if products else (strip_loops if is_large else vector_loops)(spec)
        self.chunk = loops.chunk
        self.memory_doubles = loops.memory_doubles + spec.sum_doubles
        around = driver(spec, loops)
        declarations = loops.declarations.union(*[routine.declarations() for routine in around])
        declarations, functions = special.defined(declarations, spec.width)
        functions += [*loops.functions, *[routine.text() for routine in around]]
        texts = [*sorted(declarations), *functions, ATTRIBUTES, ""]
        self.library = jit.build("\n".join(texts), codegen=2 if loops.unroll > 1 else 1)
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        of_chunks = ctypes.CFUNCTYPE(None, pointer, integer, integer, pointer)
        self.run_chunks = of_chunks(self.library.address("run_chunks"))
        self.finish = ctypes.CFUNCTYPE(None, pointer)(self.library.address("finish"))

    def builtin(self, frame: CallFrame, left: Any, keep: list[Any], *, is_long: bool) -> Callable[[], float]:
        """A call on one thread, as a function of Python's."""
        code, kept = self.library.address("run"), (self.library.loaded, keep)
        return builtin("gradient", code, ctypes.addressof(frame), address(left), kept, is_long=is_long)

    def results(self, sums: Any, columns: Any) -> tuple[Any, Any, Any]:
        """Where what is computed lies, as ``Rows`` gives it."""
        plan = self.spec.plan
        first = len(plan.program.outputs)
        second = first + (len(plan.shared_wrt) if self.spec.derivatives else 0)
        if plan.reduce:
            return sums[:first], sums[first:], columns.T
        return columns[:first].T, columns[first:second].T, columns[second:].T
