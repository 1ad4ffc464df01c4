"""A large program as machine code in functions of bounded size: what crosses from one to another goes through memory.

LLVM's time for one function grows faster than the function, so that a whole program in one would take minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.llvm import libm as functions
from microgrid.compiler.llvm.instructions import vector_type
from microgrid.compiler.llvm.small import ATTRIBUTES
from microgrid.compiler.llvm.straight_line import Group, Straight, is_made_anew, symbol_of, write
from microgrid.compiler.llvm.trampoline import Calls, bound_calls
from microgrid.program.program import Program

__all__ = ["BlockCode"]

_SIZE = 300  # instructions: larger blocks keep more in registers, and cost more than they save
_CODEGEN = 1  # how hard LLVM tries: 2 takes longer, and the code is no faster
_COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"


class BlockCode:
    """A program as machine code for one point at a time, however many nodes it has.

    It owns the memory that its numbers lie in: an object is for one thread at a time.

    Parameters
    ----------
    program : Program
        Of rules that run in every arithmetic.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    precise : bool
        Whether the eager engine's bits are wanted. Otherwise a product and a sum may be rounded once, and calls of one
        function are computed several at once where the machine has a vector library.

    Raises
    ------
    OperationError
        If a rule is written for floats alone.
    DataError
        If a place in ``wrt`` is no input.

    Examples
    --------
    >>> import ctypes
    >>> from microgrid import Program, Value
    >>> x = Value(3.0, name="x")
    >>> code = BlockCode(Program.record([x * x], [x]), [0], precise=True)
    >>> numbers = [(ctypes.c_double * 1)(number) for number in (5.0, 1.0, 0.0, 0.0)]
    >>> forward, reverse = code.bind(*map(ctypes.addressof, numbers))
    >>> reverse(), numbers[3][0]
    (25.0, 10.0)
    """

    backend = "full"

    def __init__(self, program: Program, wrt: Sequence[int], *, precise: bool) -> None:
        started = time.perf_counter()
        lanes = 1 if precise else machine.vector_width()
        straight = write(program, wrt, precise=precise, lanes=lanes)
        text = _Module(straight, len(program.inputs), len(program.outputs), lanes).text()
        self._library = machine.build(text, _CODEGEN)
        self.compile_seconds = time.perf_counter() - started

    def bind(self, inputs: int, seeds: int, outputs: int, gradient: int, keep: Any = None) -> Calls:
        """The calls that compute, as functions without arguments.

        Parameters
        ----------
        inputs, seeds, outputs, gradient : int
            The addresses of as many doubles as there are inputs, outputs, outputs, and inputs to differentiate by.
        keep : object
            What has to live as long as the calls: whatever these point into.

        Returns
        -------
        tuple of callable
            One computes the outputs; the other one also the gradient of their sum, weighted by the seeds. Both give
            the first output.
        """
        return bound_calls(self._library, (inputs, seeds, outputs, gradient), outputs, keep)

    def ir(self) -> str:
        """The text in LLVM's language."""
        return self._library.ir

    def assembly(self) -> str:
        """The machine code in words."""
        return self._library.assembly()


class _Module:
    """The text of a module: ``forward`` and ``reverse`` call the blocks one after the other."""

    def __init__(self, straight: Straight, inputs: int, outputs: int, lanes: int) -> None:
        self.straight, self.inputs, self.outputs, self.lanes = straight, inputs, outputs, lanes
        self.forward, self.reverse = _cut(straight.forward), _cut(straight.reverse)
        self.places: dict[int, int] = {}  # in memory, of the numbers that cross
        self.declarations = {_COPY}

    def text(self) -> str:
        """The whole."""
        blocks = [*self.forward, *self.reverse]
        for block in blocks:
            own = {number for group in block for number in group}
            for number in own:
                self._give_places(self.straight.instructions[number][1], own)
        self._give_places(self.straight.outputs, set())
        self._give_places(self.straight.gradient, set())
        written = [self._function(f"block{number}", block) for number, block in enumerate(blocks)]
        outputs = self._hand_out("outputs", self.straight.outputs)
        gradient = self._hand_out("gradient", self.straight.gradient)
        written += [*outputs, *gradient]
        written.append(self._entry("forward", len(self.forward), {"outputs": len(outputs)}))
        written.append(self._entry("reverse", len(blocks), {"outputs": len(outputs), "gradient": len(gradient)}))
        counts = {"inputs": self.inputs, "seeds": self.outputs, "memory": len(self.places)}
        arrays = [
            f"@{name} = internal global [{count} x double] zeroinitializer, align 64" for name, count in counts.items()
        ]
        return "\n".join([*arrays, *sorted(self.declarations), *written, ATTRIBUTES, ""])

    def _give_places(self, numbers: Iterable[int], own: set[int]) -> None:
        """A place in memory for every result that is not the block's own and not made anew."""
        for number in numbers:
            text, operands = self.straight.instructions[number]
            if number in own or number in self.places or text.startswith("0x"):
                continue
            if is_made_anew(text):
                self._give_places(operands, own)
            else:
                self.places[number] = len(self.places)

    # ---- blocks -----------------------------------------------------------------------------------------------

    def _function(self, name: str, block: list[Group]) -> str:
        lines: list[str] = []
        present: set[int] = set()
        for group in block:
            for number in group:
                self._fetch(self.straight.instructions[number][1], present, lines)
            if len(group) > 1:
                self._write_together(group, lines)
            elif group[0] not in present:  # or it was made anew for an earlier one
                self._write_one(group[0], lines)
            for number in group:
                present.add(number)
                if number in self.places:
                    lines.append(f"  store double %t{number}, {self._place(number)}")
        return "\n".join([f"define internal void @{name}() noinline {{", *lines, "  ret void", "}"])

    def _place(self, number: int) -> str:
        return f"ptr getelementptr (double, ptr @memory, i64 {self.places[number]})"

    def _fetch(self, numbers: Iterable[int], present: set[int], lines: list[str]) -> None:
        """Load the results that are not there yet, or make them anew."""
        for number in numbers:
            text, operands = self.straight.instructions[number]
            if number in present or text.startswith("0x"):
                continue
            present.add(number)
            if is_made_anew(text):
                self._fetch(operands, present, lines)
                lines.append(f"  %t{number} = {self.straight.text(number)}")
            else:
                lines.append(f"  %t{number} = load double, {self._place(number)}")

    def _write_one(self, number: int, lines: list[str]) -> None:
        text, operands = self.straight.instructions[number]
        lines.append(f"  %t{number} = {self.straight.text(number)}")
        if text.startswith("call"):
            self._declare("double", symbol_of(text), len(operands))

    def _write_together(self, group: Group, lines: list[str]) -> None:
        """Gather the lanes, call once, and take the lanes apart."""
        kind, first = vector_type("double", self.lanes), f"%t{group[0]}"
        called = [self.straight.instructions[number] for number in group]
        symbol = functions.vector_functions(self.lanes)[symbol_of(called[0][0]).removeprefix("libm.")]
        gathered = []
        for place, column in enumerate(zip(*[operands for _, operands in called], strict=True)):
            vector = "poison"
            for lane, number in enumerate(column):
                name = f"{first}.{place}.{lane}"
                lines.append(
                    f"  {name} = insertelement {kind} {vector}, double {self.straight.name(number)}, i32 {lane}"
                )
                vector = name
            gathered.append(f"{kind} {vector}")
        lines.append(f"  {first}.all = call {kind} @{symbol}({', '.join(gathered)})")
        for lane, number in enumerate(group):
            lines.append(f"  %t{number} = extractelement {kind} {first}.all, i32 {lane}")
        self._declare(kind, symbol, len(gathered))

    def _declare(self, kind: str, symbol: str, count: int) -> None:
        self.declarations.add(f"declare {kind} @{symbol}({', '.join([kind] * count)}) #0")

    # ---- entries ----------------------------------------------------------------------------------------------

    def _entry(self, name: str, blocks: int, results: dict[str, int]) -> str:
        """A function on a pointer to four addresses: copy in, call so many blocks, copy out."""
        lines: list[str] = []
        for place, pointer in enumerate(("inputs", "seeds", "outputs", "gradient")):
            lines.append(f"  %at.{pointer} = getelementptr ptr, ptr %all, i64 {place}")
            lines.append(f"  %{pointer} = load ptr, ptr %at.{pointer}")
        copied = {"inputs": self.inputs} if name == "forward" else {"inputs": self.inputs, "seeds": self.outputs}
        for array, count in copied.items():
            lines.append(f"  call void @llvm.memcpy.p0.p0.i64(ptr @{array}, ptr %{array}, i64 {8 * count}, i1 false)")
        lines += [f"  call void @block{number}()" for number in range(blocks)]
        for array, count in results.items():
            lines += [f"  call void @{array}{number}(ptr %{array})" for number in range(count)]
        return "\n".join([f"define void @{name}(ptr %all) {{", *lines, "  ret void", "}"])

    def _hand_out(self, array: str, results: list[int]) -> list[str]:
        """Functions that copy the results to where they lie side by side."""
        copies: list[str] = []
        for start in range(0, len(results), _SIZE):
            lines: list[str] = []
            present: set[int] = set()
            for place, result in enumerate(results[start : start + _SIZE], start):
                self._fetch([result], present, lines)
                lines.append(f"  %to.{place} = getelementptr double, ptr %to, i64 {place}")
                lines.append(f"  store double {self.straight.name(result)}, ptr %to.{place}")
            head = f"define internal void @{array}{len(copies)}(ptr %to) noinline {{"
            copies.append("\n".join([head, *lines, "  ret void", "}"]))
        return copies


def _cut(groups: list[Group]) -> list[list[Group]]:
    """Blocks of bounded size."""
    blocks: list[list[Group]] = []
    room = 0
    for group in groups:
        if room <= 0:
            blocks.append([])
            room = _SIZE
        blocks[-1].append(group)
        room -= len(group)
    return blocks
