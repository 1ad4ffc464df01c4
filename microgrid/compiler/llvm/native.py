"""Native code for one point at a time, in blocks of bounded size; a small program is a single block."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy

from microgrid.compiler.llvm import jit, libm
from microgrid.compiler.llvm.blocks import Block, BlockEmitter, cut, places
from microgrid.compiler.llvm.instructions import ATTRIBUTES, Instructions, Op
from microgrid.compiler.llvm.straight_line import Group, Straight, emit, side_by_side
from microgrid.compiler.llvm.trampoline import Calls, bound_calls
from microgrid.program.program import Program

__all__ = ["NativeCode"]

_SIZE = 300  # instructions: larger blocks keep more in registers, and cost more than they save
_LONG = 10_000  # instructions: below, a call takes no longer than to give Python's lock away and get it back
_ARRAYS = ("inputs", "seeds", "outputs", "gradient", "memory")
_READ = {"input": "inputs", "seed": "seeds"}


class NativeCode:
    """A program as native code for one point at a time, however many nodes it has; ``wrt`` are inputs.

    Unless ``precise``, a product and a sum may be rounded once, and calls of one function are computed several at once
    where the machine has a vector library. Raises what ``straight_line.emit`` does.

    Examples
    --------
    >>> import ctypes
    >>> from microgrid import Program, Value
    >>> x = Value(3.0, name="x")
    >>> code = NativeCode(Program.record([x * x], [x]), [0], precise=True)
    >>> numbers = [(ctypes.c_double * 1)(number) for number in (5.0, 1.0, 0.0, 0.0)]
    >>> forward, reverse = code.bind(*map(ctypes.addressof, numbers))
    >>> reverse(), numbers[3][0]
    (25.0, 10.0)
    """

    backend = "native"

    def __init__(self, program: Program, wrt: Sequence[int], *, precise: bool) -> None:
        started = time.perf_counter()
        straight = emit(program, wrt, lambda: Instructions(contract=not precise), precise=precise)
        module = _Module(straight, 1 if precise else jit.vector_width())
        self._library = jit.build(module.text(), module.codegen)
        self._memory = module.memory
        self.is_long = len(straight.forward) + len(straight.reverse) > _LONG
        self.compile_seconds = time.perf_counter() - started

    def bind(self, inputs: int, seeds: int, outputs: int, gradient: int, keep: Any = None) -> Calls:
        """The calls that compute, as functions without arguments, on memory at these addresses.

        There lie as many doubles as there are inputs, outputs, outputs, and inputs to differentiate by; ``keep`` lives
        as long as the calls. One computes the outputs; the other one also the gradient of their sum, weighted by the
        seeds. Both give the first output.
        """
        memory = numpy.empty(self._memory)  # calls of two bindings may overlap
        words = (inputs, seeds, outputs, gradient, memory.ctypes.data)
        return bound_calls(self._library, words, outputs, (memory, keep), is_long=self.is_long)

    def ir(self) -> str:
        """The module in LLVM's syntax."""
        return self._library.ir

    def assembly(self) -> str:
        """The assembly code."""
        return self._library.assembly()


class _Module:
    """A module, whose functions ``forward`` and ``reverse`` take a pointer to the arrays' addresses.

    Once its text is written, ``memory`` is how many doubles a call needs for what crosses from block to block. LLVM
    tries less hard, ``codegen``, for many blocks than for one.
    """

    def __init__(self, straight: Straight, lanes: int) -> None:
        self.straight = straight
        vectorised = libm.vector_functions(lanes) if lanes > 1 else {}
        forward = side_by_side(straight.instructions, straight.forward, vectorised, lanes)
        reverse = side_by_side(straight.instructions, straight.reverse, vectorised, lanes)
        self._forward = self._with_results(forward, "outputs", straight.outputs)
        self._reverse = self._with_results(reverse, "gradient", straight.gradient)
        self._is_small = len(cut([*self._forward, *self._reverse], _SIZE)) <= 1
        self.codegen = 2 if self._is_small else 1
        self._declarations: set[str] = set()
        self.memory = 0

    def text(self) -> str:
        """The whole of it."""
        lines = self._in_one_block() if self._is_small else self._in_blocks()
        return "\n".join([*sorted(self._declarations), *lines, ATTRIBUTES, ""])

    def _in_one_block(self) -> list[str]:
        """Both functions by themselves: nothing crosses, and what forward computes is computed in reverse too."""
        forward, reverse = self._body(self._forward, {}), self._body([*self._forward, *self._reverse], {})
        return [_entry("forward", forward), _entry("reverse", reverse)]

    def _in_blocks(self) -> list[str]:
        """Both functions call blocks, those of forward first."""
        first, second = cut(self._forward, _SIZE), cut(self._reverse, _SIZE)
        crossing = places(self.straight, [*first, *second], [])
        self.memory = max(crossing.values(), default=-1) + 1
        lines: list[str] = []
        for number, block in enumerate([*first, *second]):
            head = f"define internal void @block{number}({_pointers('ptr noalias')}) noinline {{"
            lines += [head, *self._body(block, crossing), "  ret void", "}"]
        calls = [f"  call void @block{number}({_pointers('ptr')})" for number in range(len(first) + len(second))]
        return [*lines, _entry("forward", calls[: len(first)]), _entry("reverse", calls)]

    def _body(self, block: Block, crossing: dict[int, int]) -> list[str]:
        emitter = _PointEmitter(self.straight, crossing)
        emitter.emit(block)
        self._declarations |= emitter.declarations
        return emitter.lines

    def _with_results(self, groups: list[Group], array: str, results: list[int]) -> list[Group]:
        """The groups with each result stored as soon as it is there."""
        instructions = self.straight.instructions
        made: dict[int, Group] = {}
        for place, number in enumerate(results):
            made.setdefault(number, []).append(len(instructions))
            instructions.append((Op("store", "", "double", array, indices=(place,)), (number,)))
        found: list[Group] = []
        for group in groups:
            found.append(group)
            found += [[store] for number in group for store in made.pop(number, [])]
        return found + [[store] for stores in made.values() for store in stores]


def _entry(name: str, body: list[str]) -> str:
    lines: list[str] = []
    for place, array in enumerate(_ARRAYS):
        lines.append(f"  %{array}.at = getelementptr ptr, ptr %all, i64 {place}")
        lines.append(f"  %{array} = load ptr, ptr %{array}.at, align 8")
    return "\n".join([f"define void @{name}(ptr noalias %all) {{", *lines, *body, "  ret void", "}"])


def _pointers(kind: str) -> str:
    return ", ".join([f"{kind} %{array}" for array in _ARRAYS])


class _PointEmitter(BlockEmitter):
    """A block on single doubles: all that it reads and writes is in the call's arrays."""

    def home(self, number: int) -> tuple[str, int]:
        """In the call's memory, or in the caller's array of inputs or seeds."""
        op = self.straight.instructions[number][0]
        return (f"%{_READ[op.name]}", op.indices[0]) if op.name in _READ else ("%memory", self.places[number])

    def result(self, number: int) -> None:
        """Store a result in the caller's array."""
        op, (stored,) = self.straight.instructions[number]
        self.write(number, self.straight.name(stored), f"%{op.symbol}", op.indices[0])
