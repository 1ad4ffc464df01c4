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
from microgrid.compiler.llvm.row_gather import spread
from microgrid.compiler.llvm.row_loop import PARAMETERS, Body, Loops, Prologue
from microgrid.compiler.llvm.row_plan import KernelSpec
from microgrid.compiler.llvm.straight_line import emit

__all__ = ["strip_loops"]

_LONGEST_STRIP = 4  # registers
_MEMORY = 1 << 19  # bytes for what a strip keeps: half of a common second-level cache
_SIZE = 150  # instructions in a block: LLVM's time grows faster than the block


def strip_loops(spec: KernelSpec) -> Loops:
    """The loop of a large program: ``@rows`` alone; its memory holds inputs, seeds and what crosses."""
    strips = _Strips(spec)
    blocks = [strips.block(number, block) for number, block in enumerate(strips.blocks)]
    routines = [strips.read(), strips.put_away()]
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

    def _over_strip(self, name: str, build: Callable[[Body, Array], Any], *, inputs: bool) -> Routine:
        """A function that does something for each register of a strip."""
        routine = self.spec.routine(name, PARAMETERS)
        prologue = Prologue(self.spec, routine, inputs=inputs)
        with routine.loop_over(0, Integer(routine, "%count")) as k:
            row = Integer(routine, "%start") + k * self.spec.width
            body = Body(self.spec, routine, prologue, row)
            first = len(routine.lines)
            build(body, Array(routine, self.spec.register, "%memory").at(k))
            routine.lines[first:] = spread(body.gather.requests, routine.lines[first:])
        routine.returns()
        return routine

    def read(self) -> Routine:
        """A function that puts a strip's inputs and seeds into memory."""

        def build(body: Body, memory: Array) -> None:
            prologue, inputs = body.prologue, len(self.spec.plan.program.inputs)
            numbers = dict(prologue.shared) | body.gathered()
            numbers |= {inputs + place: seed for place, seed in enumerate(prologue.seeds)}
            for place, number in sorted(numbers.items()):
                memory[place * self.strip] = number

        return self._over_strip("read", build, inputs=True)

    def put_away(self) -> Routine:
        """A function that adds a strip's results to the sums, or stores them row by row."""

        def build(body: Body, memory: Array) -> None:
            found = [self._result(body.routine, memory, number) for number in self.results]
            body.accumulate(found[: self.spec.sums])
            body.keep(found[self.spec.sums :])

        return self._over_strip("put_away", build, inputs=False)

    def _result(self, routine: Routine, memory: Array, number: int) -> Any:
        op = self.straight.instructions[number][0]
        return routine.term(op.symbol) if op.name == "literal" else memory[self.address(number)]

    def rows(self) -> str:
        """Strip after strip: inputs into memory, every block, results out of it."""
        routine = Routine("rows", PARAMETERS, convention="internal")
        start, count = Integer(routine, "%start"), Integer(routine, "%count")
        frame, sums, memory = [Array(routine, "double", f"%{name}") for name in ("frame", "sums", "memory")]
        with routine.loop_over(0, (count + (self.strip - 1)) >> (self.strip.bit_length() - 1)) as strip:
            done = strip * self.strip
            row, vectors = start + done * self.spec.width, routine.smaller(count - done, self.strip)
            routine.call("read", frame, row, vectors, sums, memory)
            for number in range(len(self.blocks)):
                routine.call(f"block{number}", memory, vectors)
            routine.call("put_away", frame, row, vectors, sums, memory)
        routine.returns()
        return routine.text()


class _StripEmitter(BlockEmitter):
    """A block on registers of rows: everything that it reads and writes is in the strip's memory."""

    def __init__(self, strips: _Strips, memory: Array) -> None:
        super().__init__(strips.straight, strips.crossing)
        self.strips, self.memory = strips, memory

    def load(self, number: int) -> None:
        """Load a number from its place."""
        kind = self.memory.kind
        self.lines.append(self._address(number))
        self.lines.append(f"  %v{number} = load {kind}, ptr %v{number}.at, align 8")

    def store(self, number: int) -> None:
        """Store a number in its place."""
        self.lines.append(self._address(number))
        self.lines.append(f"  store {self.memory.kind} %v{number}, ptr %v{number}.at, align 8")

    def source(self, number: int) -> None:
        """Load an input or a seed."""
        self.load(number)

    def _address(self, number: int) -> str:
        place, memory = self.strips.address(number), self.memory
        return f"  %v{number}.at = getelementptr {memory.kind}, ptr {memory.pointer}, i64 {place}"
