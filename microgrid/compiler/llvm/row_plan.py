"""What a row kernel computes and how its arrays lie in memory: all that its code depends on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from microgrid.compiler.llvm import libm, special
from microgrid.compiler.llvm.builder import Routine
from microgrid.compiler.llvm.instructions import Instructions, vector_type
from microgrid.program.program import Program

__all__ = ["Access", "KernelSpec", "Plan", "access_of", "runs"]


@dataclass(frozen=True, slots=True)
class Access:
    """How the elements of an array are reached, as far as code depends on it.

    "contiguous" where a column's rows are neighbours in memory; "tiled" where a row's columns are, so that square tiles
    are read and transposed; "strided" otherwise.
    """

    kind: str
    element: str  # double or float

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return 4 if self.element == "float" else 8


def access_of(array: Any, columns: int, width: int) -> Access:
    """How an array of float64 or float32, of shape (rows,) or (rows, columns), is read.

    A tile needs as many columns as a register has lanes, ``width``.
    """
    element = "float" if array.dtype == numpy.float32 else "double"
    if array.strides[0] == array.itemsize:
        return Access("contiguous", element)
    if array.ndim == 2 and array.strides[1] == array.itemsize and columns >= width:
        return Access("tiled", element)
    return Access("strided", element)


def runs(places: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Entries that follow each other in numbers and in order: of each run the first, where it is, and how many."""
    for _, group in itertools.groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
        run = list(group)
        yield run[0][1], run[0][0], len(run)


class Plan:
    """What is computed, before it is known how arrays lie in memory; its parameters are those of ``row_kernel.Rows``.

    All rows share the inputs in ``shared``; of those in ``wrt``, ``shared_wrt`` are among them, ``row_wrt`` are not.
    """

    def __init__(
        self, program: Program, row_inputs: list[list[int]], wrt: Sequence[int], *, reduce: str | None, precise: bool
    ) -> None:
        self.program, self.row_inputs, self.reduce, self.precise = program, row_inputs, reduce, precise
        from_rows = {slot for slots in row_inputs for slot in slots}
        self.shared = [slot for slot in range(len(program.inputs)) if slot not in from_rows]
        self.shared_wrt = [slot for slot in wrt if slot not in from_rows]
        self.row_wrt = [slot for slot in wrt if slot in from_rows]

    def counts(self, *, derivatives: bool) -> tuple[int, int]:
        """How many results are summed over rows, and how many are kept for each row."""
        results = len(self.program.outputs) + (len(self.shared_wrt) if derivatives else 0)
        by_rows = len(self.row_wrt) if derivatives else 0
        return (results, by_rows) if self.reduce else (0, results + by_rows)


@dataclass(frozen=True)
class KernelSpec:
    """What decides the code of a kernel."""

    plan: Plan  # what is computed
    accesses: tuple[Access, ...]  # how each array is read
    width: int  # how many doubles a register of the processor holds
    derivatives: bool  # whether they are computed beside the outputs

    @property
    def sums(self) -> int:
        """How many results are summed over rows."""
        return self.plan.counts(derivatives=self.derivatives)[0]

    @property
    def kept(self) -> int:
        """How many results are kept for each row."""
        return self.plan.counts(derivatives=self.derivatives)[1]

    @property
    def sum_doubles(self) -> int:
        """How many doubles one set of sums takes: a register each, and at least one."""
        return max(self.sums, 1) * self.width

    @property
    def register(self) -> str:
        """The type of a register of doubles."""
        return vector_type("double", self.width)

    @property
    def wrt(self) -> list[int]:
        """The inputs that are differentiated with respect to: shared ones first."""
        return [*self.plan.shared_wrt, *self.plan.row_wrt]

    def _options(self, pieces: int) -> dict[str, Any]:
        if self.plan.precise:
            return {"width": self.width}
        functions = libm.vector_functions(self.width) | special.symbols()
        return {
            "width": self.width * pieces, "vector_functions": functions, "contract": True, "pieces": pieces,
        }  # fmt: skip

    def arithmetic(self) -> Instructions:
        """The arithmetic on a register of rows."""
        return Instructions(**self._options(1))

    def routine(self, name: str, parameters: dict[str, str], pieces: int = 1) -> Routine:
        """A function of the module in this arithmetic, on so many registers side by side."""
        return Routine(name, parameters, convention="internal", **self._options(pieces))
