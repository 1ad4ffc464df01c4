"""The loop of a row kernel for a large sample's program: strip-mining over blocks of bounded size.

A strip is a few registers of rows; it goes through each block before the next strip does. What crosses from one block
to another lies in memory, place by place with the strip's registers side by side. Going through several registers
shares the cost of fetching code; going through few keeps the numbers in the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microgrid.compiler.llvm.blocks import Block, BlockEmitter, cut, places
from microgrid.compiler.llvm.builder import Array, Integer, Routine
from microgrid.compiler.llvm.row_frame import Frame
from microgrid.compiler.llvm.row_gather import spread
from microgrid.compiler.llvm.row_loop import PARAMETERS, Body, Loops, Prologue
from microgrid.compiler.llvm.row_plan import KernelSpec, runs
from microgrid.compiler.llvm.straight_line import emit

__all__ = ["strip_loops"]

_LONGEST_STRIP = 4  # registers
_MEMORY = 1 << 19  # bytes for what a strip keeps: half of a common second-level cache
_PIECE = 128  # inputs or results in a function, likewise
_SIZE = 150  # instructions in a block: LLVM's time grows faster than the block


def strip_loops(spec: KernelSpec) -> Loops:
    """The loop of a large program: ``@rows`` alone; its memory holds inputs, seeds and what crosses."""
    strips = _Strips(spec)
    blocks = [strips.block(number, block) for number, block in enumerate(strips.blocks)]
    routines = [*strips.readers, *strips.writers]
    declarations = strips.declarations | {line for routine in routines for line in routine.declarations()}
    texts = [*blocks, *[routine.text() for routine in routines], strips.rows()]
    return Loops(texts, declarations, unroll=1, memory_doubles=strips.places * strips.strip * spec.width)


class _Strips:
    """The functions on a strip, and where its numbers lie: inputs first, then seeds, then what crosses."""

    def __init__(self, spec: KernelSpec) -> None:
        self.spec = spec
        plan, program = spec.plan, spec.plan.program
        derivatives = spec.derivatives
        self.straight = emit(program, spec.wrt, spec.arithmetic, precise=plan.precise, derivatives=derivatives)
        self.blocks = cut([[number] for number in (*self.straight.forward, *self.straight.reverse)], _SIZE)
        self.results = [*self.straight.outputs, *self.straight.gradient]
        first = len(program.inputs) + (len(program.outputs) if derivatives else 0)
        self.crossing = places(self.straight, self.blocks, self.results, first)
        self.places = max([first - 1, *self.crossing.values()]) + 1
        self.strip = _LONGEST_STRIP
        while self.strip > 1 and self.places * self.strip * spec.width * 8 > _MEMORY:
            self.strip //= 2
        self.readers, self.writers = self._read(), self._put_away()
        self.declarations: set[str] = set()

    def _place(self, number: int) -> int:
        """Where the result of an instruction lies."""
        op = self.straight.instructions[number][0]
        if op.name == "input":
            return op.indices[0]
        if op.name == "seed":
            return len(self.spec.plan.program.inputs) + op.indices[0]
        return self.crossing[number]

    def block(self, number: int, block: Block) -> str:
        """The function of a block on the memory and the number of a strip's registers."""
        parameters = {"memory": "ptr noalias", "count": "i64"}
        routine = Routine(f"block{number}", parameters, convention="internal")
        with routine.loop_over(0, Integer(routine, "%count")) as k:
            memory = Array(routine, self.spec.register, "%memory").at(k)
            emitter = _StripEmitter(self, memory)
            emitter.emit(block)
            routine.lines += emitter.lines
        routine.returns()
        self.declarations |= emitter.declarations
        return routine.text()

    def address(self, number: int) -> int:
        """The place in registers, of the strip's first one."""
        return self._place(number) * self.strip

    def _over_strip(self, name: str, build: Callable[[Body, Array], Any]) -> Routine:
        """A function that does something for each register of a strip."""
        routine = self.spec.routine(name, PARAMETERS)
        prologue = Prologue(self.spec, routine, inputs=False)
        with routine.loop_over(0, Integer(routine, "%count")) as k:
            row = Integer(routine, "%start") + k * self.spec.width
            body = Body(self.spec, routine, prologue, row)
            first = len(routine.lines)
            build(body, Array(routine, self.spec.register, "%memory").at(k))
            routine.lines[first:] = spread(body.gather.requests, routine.lines[first:])
        routine.returns()
        return routine

    def _read(self) -> list[Routine]:
        """Functions that put a strip's inputs and seeds into memory: one for what rows share, others for columns."""
        plan = self.spec.plan
        seeds = len(plan.program.outputs) if self.spec.derivatives else 0

        def read_shared(body: Body, memory: Array) -> None:
            for first, place, count in runs(plan.shared):
                self._broadcast(body, memory, ("shared", place), first, count)
            self._broadcast(body, memory, ("seeds", 0), len(plan.program.inputs), seeds)

        routines = [self._over_strip("read_shared", read_shared)]
        for place, slots in enumerate(plan.row_inputs):
            for first, last in _pieces(len(slots)):

                def read(body: Body, memory: Array, place: int = place, first: int = first, last: int = last) -> None:
                    columns = body.columns(place, first, last - first)
                    for slot, number in zip(plan.row_inputs[place][first:last], columns, strict=True):
                        memory[slot * self.strip] = number

                routines.append(self._over_strip(f"read{place}.{first}", read))
        return routines

    def _broadcast(self, body: Body, memory: Array, source: tuple[str, int], first: int, count: int) -> None:
        """Numbers of the frame from a place on, into every lane of as many places from the first on."""
        routine, (name, start) = body.routine, source
        numbers = Frame(routine).array(name).at(start)
        with routine.loop_over(0, count) as place:
            memory[(place + first) * self.strip] = routine.broadcast(numbers[place])

    def _put_away(self) -> list[Routine]:
        """Functions that add a strip's results to the sums, or store them row by row."""
        sums = self.spec.sums
        routines = []
        for start, stop, is_summed in [
            *[(first, last, True) for first, last in _pieces(sums)],
            *[(sums + first, sums + last, False) for first, last in _pieces(len(self.results) - sums)],
        ]:

            def put_away(
                body: Body, memory: Array, start: int = start, stop: int = stop, is_summed: bool = is_summed
            ) -> None:
                found = [self._result(body.routine, memory, number) for number in self.results[start:stop]]
                if is_summed:
                    body.accumulate(found, start)
                else:
                    body.keep(found, start - sums)

            routines.append(self._over_strip(f"put_away{start}", put_away))
        return routines

    def _result(self, routine: Routine, memory: Array, number: int) -> Any:
        op = self.straight.instructions[number][0]
        if op.name != "literal":
            return memory[self.address(number)]
        return 0.0 if op.symbol == routine.write(0.0) else routine.term(op.symbol)

    def rows(self) -> str:
        """Strip after strip: inputs into memory, every block, results out of it."""
        routine = Routine("rows", PARAMETERS, convention="internal")
        start, count = Integer(routine, "%start"), Integer(routine, "%count")
        frame, sums, memory = [Array(routine, "double", f"%{name}") for name in ("frame", "sums", "memory")]
        with routine.loop_over(0, (count + (self.strip - 1)) >> (self.strip.bit_length() - 1)) as strip:
            done = strip * self.strip
            row, vectors = start + done * self.spec.width, routine.smaller(count - done, self.strip)
            for reader in self.readers:
                routine.call(reader.routine_name, frame, row, vectors, sums, memory)
            for number in range(len(self.blocks)):
                routine.call(f"block{number}", memory, vectors)
            for writer in self.writers:
                routine.call(writer.routine_name, frame, row, vectors, sums, memory)
        routine.returns()
        return routine.text()


def _pieces(count: int) -> list[tuple[int, int]]:
    """Ranges of bounded size; the last one is long enough for a square of any register's width."""
    starts = range(0, max(count - _PIECE // 2, 1), _PIECE)
    return list(zip(starts, [*starts[1:], count], strict=True)) if count else []


class _StripEmitter(BlockEmitter):
    """A block on registers of rows: everything that it reads and writes is in the strip's memory."""

    def __init__(self, strips: _Strips, memory: Array) -> None:
        super().__init__(strips.straight, strips.crossing)
        self.strips, self.memory, self.kind = strips, memory, memory.kind

    def home(self, number: int) -> tuple[str, int]:
        """In the strip's memory."""
        return self.memory.pointer, self.strips.address(number)
