"""A large program as machine code within a fraction of a second: ready-made pieces, laid out one behind the other.

This is the method "copy and patch" (Xu and Kjolstad, 2021): for each kind of instruction there is a piece of machine
code with gaps where the addresses of its operands and of its result go; NumPy copies the pieces and fills the gaps.
Every number lies in memory, so that no compiler is needed. The pieces are for Linux on x86-64 processors with AVX2;
elsewhere LLVM makes code without optimising it.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import mmap
import platform
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.llvm import libm as functions
from microgrid.compiler.llvm.chunked import BlockCode
from microgrid.compiler.llvm.straight_line import Group, Straight, is_made_anew, symbol_of, write
from microgrid.compiler.llvm.trampoline import Calls, bound_calls
from microgrid.errors import OperationError
from microgrid.program.program import Program

__all__ = ["QuickCode"]

_LANES = 4  # of AVX2
_REACH = 2**31  # bytes: how far a gap of four bytes reaches


# ---- pieces ---------------------------------------------------------------------------------------------------

# A processor's instruction in words and in bytes, where "{}" is a gap of four bytes: the distance of a number from the
# beginning of the memory, whose address the register rbx holds, or that of a function's stub from the gap's end.
_ENCODINGS = {
    "vmovsd xmm0, [rbx + {}]": "C5FB1083 {}",
    "vmovsd xmm1, [rbx + {}]": "C5FB108B {}",
    "vmovsd xmm2, [rbx + {}]": "C5FB1093 {}",
    "vmovsd [rbx + {}], xmm0": "C5FB1183 {}",
    "vmovhpd xmm0, xmm0, [rbx + {}]": "C5F91683 {}",
    "vmovhpd xmm1, xmm1, [rbx + {}]": "C5F1168B {}",
    "vmovhpd xmm2, xmm2, [rbx + {}]": "C5E91693 {}",
    "vinsertf128 ymm0, ymm0, xmm1, 1": "C4E37D18C101",
    "vinsertf128 ymm1, ymm1, xmm2, 1": "C4E37518CA01",
    "vmovupd [rbx + {}], ymm0": "C5FD1183 {}",
    "vaddsd xmm0, xmm0, [rbx + {}]": "C5FB5883 {}",
    "vmulsd xmm0, xmm0, [rbx + {}]": "C5FB5983 {}",
    "vsubsd xmm0, xmm0, [rbx + {}]": "C5FB5C83 {}",
    "vdivsd xmm0, xmm0, [rbx + {}]": "C5FB5E83 {}",
    "vsqrtsd xmm0, xmm0, xmm0": "C5FB51C0",
    "vandpd xmm0, xmm0, [rbx + {}]": "C5F95483 {}",
    "vxorpd xmm0, xmm0, [rbx + {}]": "C5F95783 {}",
    "vcmpeq_oqsd xmm0, xmm0, [rbx + {}]": "C5FBC283 {} 00",
    "vcmplt_oqsd xmm0, xmm0, [rbx + {}]": "C5FBC283 {} 11",
    "vcmple_oqsd xmm0, xmm0, [rbx + {}]": "C5FBC283 {} 12",
    "vblendvpd xmm0, xmm1, xmm2, xmm0": "C4E3714BC200",
    "vzeroupper": "C5F877",
    "call {}": "E8 {}",
}

_LOAD, _SECOND, _THIRD, _STORE = list(_ENCODINGS)[:4]
_GATHER = (
    (_LOAD, "vmovhpd xmm0, xmm0, [rbx + {}]", _SECOND, "vmovhpd xmm1, xmm1, [rbx + {}]"),
    (_SECOND, "vmovhpd xmm1, xmm1, [rbx + {}]", _THIRD, "vmovhpd xmm2, xmm2, [rbx + {}]"),
)
_JOIN = ("vinsertf128 ymm0, ymm0, xmm1, 1", "vinsertf128 ymm1, ymm1, xmm2, 1")
_CALL = "call {}"
# Code of the C library that knows no AVX is slow while the upper halves of the registers are in use.
_STORE_ALL = ("vmovupd [rbx + {}], ymm0", "vzeroupper")


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each, and it is compared as that
class _Piece:
    """Machine code with gaps.

    Parameters
    ----------
    words : tuple of str
        Its instructions, as ``_ENCODINGS`` has them.
    code : bytes
        The same in bytes, with zeros in the gaps.
    gaps : tuple of int
        Where they are.
    call : int or None
        Which of them is a call's.
    """

    words: tuple[str, ...]
    code: bytes
    gaps: tuple[int, ...]
    call: int | None


def _choice(comparison: str) -> tuple[str, ...]:
    """Its gaps: the two that are compared, the one that is taken if not, the one that is taken if so, the result."""
    compare = f"vcmp{comparison}_oqsd xmm0, xmm0, [rbx + {{}}]"
    return _LOAD, compare, _SECOND, _THIRD, "vblendvpd xmm0, xmm1, xmm2, xmm0", _STORE


# Each by LLVM's name of the instruction. The gaps are its operands', a called function's, and at last its result's.
_PIECES: dict[str, tuple[str, ...]] = {
    "move": (_LOAD, _STORE),
    "fadd": (_LOAD, "vaddsd xmm0, xmm0, [rbx + {}]", _STORE),
    "fmul": (_LOAD, "vmulsd xmm0, xmm0, [rbx + {}]", _STORE),
    "fsub": (_LOAD, "vsubsd xmm0, xmm0, [rbx + {}]", _STORE),
    "fdiv": (_LOAD, "vdivsd xmm0, xmm0, [rbx + {}]", _STORE),
    "fneg": (_LOAD, "vxorpd xmm0, xmm0, [rbx + {}]", _STORE),
    "llvm.fabs.f64": (_LOAD, "vandpd xmm0, xmm0, [rbx + {}]", _STORE),
    "llvm.sqrt.f64": (_LOAD, "vsqrtsd xmm0, xmm0, xmm0", _STORE),
    "olt": _choice("lt"),
    "ole": _choice("le"),
    "oeq": _choice("eq"),
    "call 1": (_LOAD, _CALL, _STORE),
    "call 2": (_LOAD, _SECOND, _CALL, _STORE),
    "calls 1": (*_GATHER[0], _JOIN[0], _CALL, *_STORE_ALL),
    "calls 2": (*_GATHER[0], _JOIN[0], *_GATHER[1], _JOIN[1], _CALL, *_STORE_ALL),
}
_COMMUTATIVE = ("fadd", "fmul")
_SIGNS, _MAGNITUDES = -1, -2
_MASKS = {"fneg": _SIGNS, "llvm.fabs.f64": _MAGNITUDES}


@functools.cache
def _kind(text: str) -> tuple[str, str | None]:
    """The name of an instruction's piece, and the function that it calls."""
    kind = text.partition(" ")[0]
    if kind != "call":
        return kind, None
    symbol = symbol_of(text)
    return (symbol, None) if symbol in _PIECES else (f"call {text.count('{}')}", symbol)


@functools.cache
def _piece(name: str, takes: bool, keeps: bool) -> _Piece:
    """A piece, without its load if the first operand is in xmm0 already, and its store if the result stays there."""
    words = _PIECES[name][takes : len(_PIECES[name]) - keeps]
    code = b""
    gaps: list[int] = []
    call: int | None = None
    for word in words:
        before, gap, after = _ENCODINGS[word].partition("{}")
        code += bytes.fromhex(before)
        if gap:
            call = len(gaps) if word == _CALL else call
            gaps.append(len(code))
            code += bytes(4)
        code += bytes.fromhex(after)
    return _Piece(words, code, tuple(gaps), call)


_ENTER = bytes.fromhex("50")  # push rax: a called function wants the stack on a multiple of 16 bytes
_LEAVE = bytes.fromhex("58 C3")  # pop rax; ret


# ---- layout ---------------------------------------------------------------------------------------------------


class _Memory:
    """Where each number lies, in doubles from the beginning."""

    def __init__(self) -> None:
        self.numbers: list[int] = []  # what is there at first, as 64 bits

    def reserve(self, numbers: Sequence[int]) -> int:
        """The place of the first of new numbers."""
        place = len(self.numbers)
        self.numbers += numbers
        return place

    def bytes(self) -> bytes:
        """All of it."""
        return struct.pack(f"<{len(self.numbers)}Q", *self.numbers)


@dataclass(slots=True)
class _Step:
    """One piece in its place.

    Parameters
    ----------
    name : str
        Of the piece.
    operands, results : list of int
        Instructions by their numbers; what is none of them has a negative number.
    function : str or None
        The symbol that it calls.
    takes : bool
        Whether the first operand is in xmm0 already.
    keeps : bool
        Whether the result stays there alone.
    """

    name: str
    operands: list[int]
    results: list[int]
    function: str | None = None
    takes: bool = False
    keeps: bool = False


class _Layout:
    """The pieces of a program, in order, and the memory that they work on."""

    def __init__(self, straight: Straight, inputs: int, outputs: int) -> None:
        self.instructions = straight.instructions
        self.memory = _Memory()
        self.argument = self.memory.reserve([0])
        self.counts = (inputs, outputs, outputs, len(straight.gradient))
        self.arrays = [self.memory.reserve([0] * count) for count in self.counts]
        # Of instructions by their numbers; the masks and what is handed out have negative ones.
        self.places = {
            _SIGNS: self.memory.reserve([1 << 63] * 2),
            _MAGNITUDES: self.memory.reserve([(1 << 63) - 1] * 2),
        }
        self.stubs: dict[str, tuple[int, int]] = {}  # of each function its number, and the place of its address
        self.forward = [*self._steps(straight.forward), *self._hand_out(straight.outputs, 2)]
        self.reverse = [*self._steps(straight.reverse), *self._hand_out(straight.gradient, 3)]
        uses = Counter([number for step in (*self.forward, *self.reverse) for number in step.operands])
        _chain(self.forward, uses)
        _chain(self.reverse, uses)

    def _steps(self, groups: list[Group]) -> Iterator[_Step]:
        for group in groups:
            text = self.instructions[group[0]][0]
            if len(group) > 1:
                yield self._several(group)
            elif text.startswith("load"):
                array, _, place = text.partition("@")[2].rstrip(")").partition(", i64 ")
                self.places[group[0]] = self.arrays[("inputs", "seeds").index(array)] + int(place)
            elif not is_made_anew(text):  # a comparison is a part of the choices that it decides
                yield self._one(group[0])

    def _one(self, number: int) -> _Step:
        text, operands = self.instructions[number]
        kind, function = _kind(text)
        if kind == "select":
            comparison, compared = self.instructions[operands[0]]
            kind = comparison.split(" ")[1]
            operands = (*compared, operands[2], operands[1])
        if kind in _MASKS:
            operands = (*operands, _MASKS[kind])
        return _Step(kind, list(operands), [number], function)

    def _several(self, group: Group) -> _Step:
        """Calls at once: the results lie side by side."""
        called = [self.instructions[number] for number in group]
        symbol = functions.vector_functions(_LANES)[symbol_of(called[0][0]).removeprefix("libm.")]
        columns = list(zip(*[operands for _, operands in called], strict=True))
        first = self.memory.reserve([0] * _LANES)
        self.places |= {number: first + lane for lane, number in enumerate(group)}
        return _Step(f"calls {len(columns)}", [number for column in columns for number in column], group, symbol)

    def _hand_out(self, results: list[int], array: int) -> Iterator[_Step]:
        """Copy results to where they lie side by side."""
        for place, result in enumerate(results):
            number = _MAGNITUDES - 1 - len(self.places)
            self.places[number] = self.arrays[array] + place
            yield _Step("move", [result], [number])

    def _place(self, number: int) -> int:
        """The distance from rbx of an instruction's result."""
        place = self.places.get(number)
        if place is None:
            text = self.instructions[number][0]
            place = self.places[number] = self.memory.reserve([int(text, 16) if text.startswith("0x") else 0])
        return 8 * place

    # ---- the code ---------------------------------------------------------------------------------------------

    def code(self) -> tuple[bytes, list[int]]:
        """The machine code of all pieces, and where those of each direction begin."""
        filled = [self._fill(steps) for steps in (self.forward, self.reverse)]
        code, starts = b"", []
        for _, place in self.stubs.values():
            code += bytes.fromhex("FFA3") + struct.pack("<i", 8 * place)  # jmp [rbx + ...]
        for pieces in filled:
            starts.append(len(code))
            code += _ENTER
            code += _assemble(pieces, len(code)) + _LEAVE
        return code, starts

    def _fill(self, steps: list[_Step]) -> list[tuple[_Piece, list[int]]]:
        """What goes into the gaps: distances from rbx, and for a call where its stub begins in the code."""
        pieces = []
        for step in steps:
            gaps = [self._place(number) for number in step.operands[step.takes :]]
            if step.function is not None:
                gaps.append(6 * self._stub(step.function))
            if not step.keeps:
                gaps.append(self._place(step.results[0]))
            pieces.append((_piece(step.name, step.takes, step.keeps), gaps))
        return pieces

    def _stub(self, symbol: str) -> int:
        """The number of the function's stub, a jump to it, which may lie too far away for a call."""
        if symbol not in self.stubs:
            self.stubs[symbol] = len(self.stubs), self.memory.reserve([functions.address_of(symbol)])
        return self.stubs[symbol][0]

    def entry(self, memory: int, at: int, calls: list[int], arrays: tuple[int, ...]) -> bytes:
        """A function on a pointer to four addresses: copy in, call the pieces, copy out."""
        code = bytes.fromhex("53 48BB") + struct.pack("<Q", memory)  # push rbx; mov rbx, memory
        code += bytes.fromhex("4889BB") + struct.pack("<i", 8 * self.argument)  # mov [rbx + ...], rdi
        for array in [array for array in arrays if array < 2]:
            code += bytes.fromhex("488BBB") + struct.pack("<i", 8 * self.argument)  # mov rdi, [rbx + ...]
            code += bytes.fromhex("488B77") + bytes([8 * array])  # mov rsi, [rdi + ...]
            code += bytes.fromhex("488DBB") + struct.pack("<i", 8 * self.arrays[array])  # lea rdi, [rbx + ...]
            code += self._copy(array)
        for start in calls:
            code += bytes.fromhex("E8") + struct.pack("<i", start - (at + len(code) + 5))  # call
        for array in [array for array in arrays if array >= 2]:
            code += bytes.fromhex("488BBB") + struct.pack("<i", 8 * self.argument)  # mov rdi, [rbx + ...]
            code += bytes.fromhex("488B7F") + bytes([8 * array])  # mov rdi, [rdi + ...]
            code += bytes.fromhex("488DB3") + struct.pack("<i", 8 * self.arrays[array])  # lea rsi, [rbx + ...]
            code += self._copy(array)
        return code + bytes.fromhex("5B C3")  # pop rbx; ret

    def _copy(self, array: int) -> bytes:
        return bytes.fromhex("B9") + struct.pack("<i", self.counts[array]) + bytes.fromhex("F348A5")  # rep movsq

    def words(self) -> str:
        """The pieces in words, with the distances in their gaps."""
        lines = []
        for name, steps in (("forward", self.forward), ("reverse", self.reverse)):
            lines.append(f"{name}:")
            for step, (piece, filled) in zip(steps, self._fill(steps), strict=True):
                gaps = iter([step.function if gap == piece.call else place for gap, place in enumerate(filled)])
                lines += ["  " + (word.format(next(gaps)) if "{}" in word else word) for word in piece.words]
        return "\n".join(lines)


def _chain(steps: list[_Step], uses: Counter[int]) -> None:
    """Leave out loads of what is in xmm0 already, and stores of what is used from there alone."""
    for before, step in itertools.pairwise(steps):
        if len(before.results) > 1 or len(step.results) > 1:
            continue
        (number,) = before.results
        if step.name in _COMMUTATIVE and step.operands[0] != number:
            step.operands.reverse()
            if step.operands[0] != number:
                step.operands.reverse()
        step.takes = step.operands[0] == number
        before.keeps = step.takes and uses[number] == 1


def _assemble(pieces: list[tuple[_Piece, list[int]]], at: int) -> bytes:
    """Copy each piece to its place and fill its gaps, all of one kind at once."""
    import numpy

    sizes = numpy.array([len(piece.code) for piece, _ in pieces], dtype=numpy.int64)
    starts = numpy.concatenate([[0], numpy.cumsum(sizes)]).astype(numpy.int64)
    code = numpy.zeros(starts[-1], dtype=numpy.uint8)
    of_kind: dict[_Piece, list[int]] = {}
    for number, (piece, _) in enumerate(pieces):
        of_kind.setdefault(piece, []).append(number)
    for piece, numbers in of_kind.items():
        copies = numpy.tile(numpy.frombuffer(piece.code, dtype=numpy.uint8), (len(numbers), 1))
        places = starts[numbers]
        gaps = numpy.array([pieces[number][1] for number in numbers], dtype=numpy.int64)
        for column, gap in enumerate(piece.gaps):
            filled = gaps[:, column] - (at + places + gap + 4 if column == piece.call else 0)
            copies[:, gap : gap + 4] = filled.astype("<i4").view(numpy.uint8).reshape(-1, 4)
        code[places[:, None] + numpy.arange(len(piece.code))] = copies
    return code.tobytes()


class _Loaded:
    """Machine code and its memory, for as long as this object lives.

    The code is written before it can be executed, and can't be written any more once it can.
    """

    def __init__(self, layout: _Layout) -> None:
        code, inner = layout.code()
        content = layout.memory.bytes()
        if max(len(content), len(code)) >= _REACH:
            raise OperationError(
                "the program is too large for the quick level, whose machine code reaches 2 GiB: compile with "
                "optimize='interpreter'"
            )
        self._memory = ctypes.create_string_buffer(content, len(content) + 16)  # masks are read 16 bytes at a time
        memory = ctypes.addressof(self._memory)
        self._starts = {}
        for name, calls, arrays in (("forward", inner[:1], (0, 2)), ("reverse", inner, (0, 1, 2, 3))):
            self._starts[name] = len(code)
            code += layout.entry(memory, len(code), calls, arrays)
        kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._pages = mmap.mmap(-1, len(code), flags=kind, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        self._pages.write(code)
        view = ctypes.c_char.from_buffer(self._pages)
        self._address = ctypes.addressof(view)
        del view  # or the pages could not be given back
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(self._address), ctypes.c_size_t(len(code)), 1 | 4):
            raise OperationError(
                "this system lets no process make machine code of its own (mprotect refused): compile with "
                "optimize='interpreter'"
            )

    def address(self, name: str) -> int:
        """Where a function starts."""
        return self._address + self._starts[name]


def _pieces_run_here() -> bool:
    system = platform.machine() in ("x86_64", "AMD64") and sys.platform == "linux"
    return system and machine.vector_width() >= _LANES


class QuickCode:
    """A program as machine code for one point at a time, made as fast as it can be.

    It owns the memory that its numbers lie in: an object is for one thread at a time.

    Parameters
    ----------
    program : Program
        Of rules that run in every arithmetic.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    precise : bool
        Whether the eager engine's bits are wanted. Otherwise calls of one function are computed several at once where
        the machine has a vector library.

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
    >>> code = QuickCode(Program.record([x * x], [x]), [0], precise=True)
    >>> numbers = [(ctypes.c_double * 1)(number) for number in (5.0, 1.0, 0.0, 0.0)]
    >>> forward, reverse = code.bind(*map(ctypes.addressof, numbers))
    >>> reverse(), numbers[3][0]
    (25.0, 10.0)
    """

    backend = "quick"

    def __init__(self, program: Program, wrt: Sequence[int], *, precise: bool) -> None:
        started = time.perf_counter()
        if not _pieces_run_here():
            blocks = BlockCode(program, wrt, precise=precise, codegen=0)
            self.bind, self.ir, self.assembly = blocks.bind, blocks.ir, blocks.assembly  # type: ignore[method-assign]
            self.compile_seconds = blocks.compile_seconds
            return
        straight = write(program, wrt, precise=precise, lanes=_LANES)
        self._straight = straight
        self._layout = _Layout(straight, len(program.inputs), len(program.outputs))
        self._loaded = _Loaded(self._layout)
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
        return bound_calls(self._loaded, (inputs, seeds, outputs, gradient), outputs, keep)

    def ir(self) -> str:
        """The instructions in LLVM's language that the pieces stand for."""
        straight = self._straight
        numbers = [number for group in (*straight.forward, *straight.reverse) for number in group]
        return "\n".join([f"%t{number} = {straight.text(number)}" for number in numbers])

    def assembly(self) -> str:
        """The machine code in words."""
        return self._layout.words()
