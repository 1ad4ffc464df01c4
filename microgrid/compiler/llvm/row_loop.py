"""The loop of a row kernel over registers of rows: broadcast, gather, compute, accumulate.

A small sample's program is the loop's body as it stands, on several registers side by side; a large one's is in
``row_strips``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.compiler.llvm.builder import Array, Integer, Routine
from microgrid.compiler.llvm.instructions import constant
from microgrid.compiler.llvm.row_frame import Frame, View
from microgrid.compiler.llvm.row_gather import Gather, spread
from microgrid.compiler.llvm.row_plan import Access, KernelSpec

__all__ = ["PARAMETERS", "Body", "Loops", "Prologue", "vector_loops"]

PARAMETERS = {"frame": "ptr noalias", "start": "i64", "count": "i64", "sums": "ptr noalias", "memory": "ptr noalias"}
"""Of a loop: the call frame, the first row, how many passes, the sums that are added to, and memory of its own."""

# By the operands of a program: how many registers go through its instructions together. One's numbers are computed
# while another's are waited for, and what rows share is loaded once for all, until registers are full.
_SIDE_BY_SIDE = ((120, 4), (260, 2))


@dataclass(frozen=True)
class Loops:
    """The functions that go through rows.

    ``@rows`` does ``unroll`` registers in a pass, and ``@rows_single`` one, unless ``unroll`` is 1.
    """

    functions: list[str]  # their text, and that of what they call
    declarations: set[str]  # of the library functions that they call
    unroll: int
    memory_doubles: int = 0  # the size of the memory that they need
    run: int = 32  # registers of rows that are accumulated one after the other
    chunk: int = 1024  # those whose runs are added one after the other; chunks are added in pairs

    @property
    def single(self) -> str:
        """The function that does one register in a pass."""
        return "rows_single" if self.unroll > 1 else "rows"


def vector_loops(spec: KernelSpec) -> Loops:
    """The loops of a small program, which need no memory."""
    operands = len(spec.plan.program.operands)
    fitting = [pieces for most, pieces in _SIDE_BY_SIDE if operands <= most]
    unroll = fitting[0] if fitting and spec.width > 1 and not spec.plan.precise else 1
    loops = [_vector_loop(spec, "rows", unroll)]
    if unroll > 1:
        loops.append(_vector_loop(spec, "rows_single", 1))
    return Loops([loop.text() for loop in loops], {line for loop in loops for line in loop.declarations()}, unroll)


def _vector_loop(spec: KernelSpec, name: str, unroll: int) -> Routine:
    routine = spec.routine(name, PARAMETERS, unroll)
    prologue = Prologue(spec, routine)
    start, count = Integer(routine, "%start"), Integer(routine, "%count")
    step = unroll * spec.width
    with routine.loop_over(start, start + count * step, step) as row:
        body = Body(spec, routine, prologue, row)
        first = len(routine.lines)
        numbers = dict(prologue.shared) | body.gathered()
        summed, kept = _results(spec, routine, [numbers[slot] for slot in range(len(numbers))], prologue.seeds)
        body.accumulate(summed)
        body.keep(kept)
        routine.lines[first:] = spread(body.gather.requests, routine.lines[first:])
    routine.returns()
    return routine


def _results(
    spec: KernelSpec, routine: Routine, numbers: list[Any], seeds: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """What is summed over rows, and what is kept for each."""
    plan, program = spec.plan, spec.plan.program
    values = program.evaluate(routine, numbers, constant)
    found = [values[slot] for slot in program.outputs]
    if spec.derivatives:
        adjoints = program.pullback(routine, values, seeds, zero=0.0 if plan.precise else None)
        found += [0.0 if adjoint is None else adjoint for adjoint in [adjoints[slot] for slot in spec.wrt]]
    return found[: spec.sums], found[spec.sums :]


class Prologue:
    """What is read once, before a loop: where results go and rows lie, and what rows share if ``inputs`` are needed.

    Of the inputs, only those that are ``used`` are read, all of them by default. Those that rows share, ``shared``, and
    the seeds are in registers that have the number in every lane.
    """

    def __init__(self, spec: KernelSpec, routine: Routine, *, inputs: bool = True, used: Any = None) -> None:
        frame, plan = Frame(routine), spec.plan
        self.shared: dict[int, Any] = {}
        self.seeds: list[Any] = []
        self.views = [frame.view(place) for place in range(len(spec.accesses))]
        if inputs:
            numbers = frame.array("shared")
            self.shared = {
                slot: routine.broadcast(numbers[place])
                for place, slot in enumerate(plan.shared)
                if used is None or slot in used
            }
        if inputs and spec.derivatives:
            weights = frame.array("seeds")
            self.seeds = [routine.broadcast(weights[place]) for place in range(len(plan.program.outputs))]
        self.columns, self.column_stride = frame.integer("columns"), frame.integer("column_stride")


class Body:
    """One pass of a loop, from its first row on, with what was read before it."""

    def __init__(self, spec: KernelSpec, routine: Routine, prologue: Prologue, row: Integer) -> None:
        self.spec, self.routine, self.prologue, self.row = spec, routine, prologue, row
        self.gather = Gather(routine)

    def gathered(self) -> dict[int, Any]:
        """From the inputs that come from rows to registers."""
        numbers: dict[int, Any] = {}
        for place, slots in enumerate(self.spec.plan.row_inputs):
            numbers.update(zip(slots, self.columns(place, 0, len(slots)), strict=True))
        return numbers

    def columns(self, place: int, first: int, count: int) -> list[Any]:
        """So many columns of an array from a first one on, as registers."""
        view = self.prologue.views[place]
        part = View(self.routine, view.start + view.column_stride * first, view.row_stride, view.column_stride)
        access = self.spec.accesses[place]
        if access.kind == "tiled" and count < self.spec.width:
            access = Access("strided", access.element)
        return self.gather.columns(access, part if first else view, self.row, count)

    def accumulate(self, found: list[Any], first: int = 0) -> None:
        """Add what was found to the sums in memory from a first one on, one piece after the other."""
        m, kind = self.routine, self.spec.register
        sums = Array(m, kind, "%sums")
        for place, number in enumerate(found, first):
            if isinstance(number, float) and number == 0.0:  # of what the results don't depend on
                continue
            total = sums[place].text
            for piece in m.cut(m.write(number)):
                total = m.define_anew(f"fadd contract {kind} {total}, {piece}").text
            sums[place] = m.term(total)

    def keep(self, kept: list[Any], first: int = 0) -> None:
        """Store what is kept for each row, column by column from a first one on."""
        m, prologue = self.routine, self.prologue
        for place, number in enumerate(kept, first):
            column = m.pointer("double", prologue.columns + prologue.column_stride * place)
            column.set_registers(self.row, number)
