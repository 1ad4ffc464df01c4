"""One sample's program mapped over the rows of arrays: in vector registers, on all processors, without copies.

A register holds one number of several rows, so that the sample's program is the loop's body as it stands. Arrays are
read where they lie: columns at once where rows are neighbours in memory, square tiles turned in registers where
columns are, and lane by lane otherwise. Rows are cut into chunks of a fixed size, each with sums of its own, and these
are added in pairs: neither the number of threads nor chance changes a bit.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy

from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.llvm import libm as functions
from microgrid.compiler.llvm.builder import Array, Routine, Whole
from microgrid.compiler.llvm.instructions import Instructions, constant, vector_type
from microgrid.compiler.llvm.row_strips import STRIP, RowBlocks
from microgrid.compiler.llvm.small import ATTRIBUTES, FusedInstructions
from microgrid.compiler.llvm.trampoline import builtin
from microgrid.program.program import Program

__all__ = ["Rows"]

_RUN = 32  # vectors whose numbers are added one after the other
_CHUNK = 32 * _RUN  # vectors whose runs' sums are added one after the other; beyond, in pairs
# By the operands of a program: how many vectors go through its instructions together. One's numbers are computed while
# another's are waited for, and what rows share is loaded once for all, until registers are full.
_SIDE_BY_SIDE = ((120, 4), (260, 2))
_LINE = 64  # bytes that memory gives at a time
_CALL = 25  # instructions that a vector function takes as long as
_AHEAD = 96  # rows that are asked of memory before they are needed
_IN_ONE_PIECE = 250  # nodes with derivatives, or three times as many without: beyond, LLVM takes too long
_WORTH_A_THREAD = 200_000  # row operations: some 0.1 ms
_WORTH_A_LOCK = 10_000  # row operations, some 5 µs: beyond, other threads of Python run in the meantime

# Words of a call's block. Behind them stand three for each array: where it begins, and the bytes to its next row and
# column. The last rows that fill no vector are a block of their own: copies, padded to a whole vector.
_SHARED, _SEEDS, _SUMS, _OUT, _DIVISOR, _VECTORS, _TAIL, _COLUMNS, _STRIDE, _CHUNKS, _MEMORY, _LAST = range(12)
_ARRAYS = 12


@dataclass(frozen=True, slots=True)
class _Layout:
    """How an array lies in memory, as far as code depends on it."""

    kind: str  # "columns", "tiles" or "lanes"
    element: str  # "double" or "float"


def _layout_of(array: Any, columns: int, width: int) -> _Layout:
    element = "float" if array.dtype == numpy.float32 else "double"
    if array.strides[0] == array.itemsize:
        return _Layout("columns", element)
    if array.ndim == 2 and array.strides[1] == array.itemsize and columns >= width:
        return _Layout("tiles", element)
    return _Layout("lanes", element)


class Rows:
    """A program on rows, as machine code.

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
        self.plan = _Plan(program, [list(slots) for slots in row_inputs], list(wrt), reduce=reduce, precise=precise)
        self.compile_seconds = 0.0
        self._kernels: dict[tuple[tuple[_Layout, ...], bool], _Kernel] = {}
        self._last: _Kernel | None = None
        self._call: _Call | None = None

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

    def _prepared(self, shared: Any, arrays: Sequence[Any], seeds: Any, threads: int) -> _Call:
        kernel = self._kernel(arrays, derivatives=seeds is not None)
        return _Call(kernel, shared, arrays, seeds, threads)

    def _kernel(self, arrays: Sequence[Any], *, derivatives: bool) -> _Kernel:
        width = machine.vector_width()
        inputs = self.plan.row_inputs
        layouts = tuple([_layout_of(a, len(slots), width) for a, slots in zip(arrays, inputs, strict=True)])
        key = layouts, derivatives
        if key not in self._kernels:
            self._kernels[key] = _Kernel(self.plan, layouts, width, derivatives=derivatives)
            self.compile_seconds += self._kernels[key].library.compile_seconds
        self._last = self._kernels[key]
        return self._last

    @property
    def _library(self) -> machine.Library:
        if self._last is None:
            self._kernel([numpy.zeros((1, len(slots)), order="F") for slots in self.plan.row_inputs], derivatives=True)
        assert self._last is not None  # made above
        return self._last.library

    def ir(self) -> str:
        """The text in LLVM's language of the kernel that was used last."""
        return self._library.ir

    def assembly(self) -> str:
        """Its machine code in words."""
        return self._library.assembly()


class _Plan:
    """What is computed, before it is known how arrays lie in memory."""

    def __init__(
        self, program: Program, row_inputs: list[list[int]], wrt: list[int], *, reduce: str | None, precise: bool
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


# ---- a call ---------------------------------------------------------------------------------------------------

_pool: list[ThreadPoolExecutor] = []
_pool_lock = threading.Lock()


def _threads() -> ThreadPoolExecutor:
    """The threads that all kernels share, made when they are first needed."""
    with _pool_lock:
        if not _pool:
            _pool.append(ThreadPoolExecutor(max(1, (os.cpu_count() or 1)), thread_name_prefix="microgrid"))
        return _pool[0]


def _forget_pool() -> None:
    """In a forked process threads don't live on, nor does whoever held the lock."""
    global _pool_lock
    _pool.clear()
    _pool_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


class _Call:
    """A kernel with the arrays that it reads and the memory that it writes.

    Attributes
    ----------
    outputs, slopes, by_rows : array of float64
        Where ``run`` leaves the results.
    arrays : list of array
        Those of a call that is under way; between calls nobody's data is held.
    divisor : int
        What ``by_rows`` have still to be divided by: of a mean, the number of rows.
    """

    def __init__(self, kernel: _Kernel, shared: Any, arrays: Sequence[Any], seeds: Any, threads: int) -> None:
        self.kernel, self.shared, self.seeds, self._threads = kernel, shared, seeds, threads
        rows, width = len(arrays[0]), kernel.width
        vectors, tail = divmod(rows, width)
        chunks = -(-vectors // _CHUNK)
        self.divisor = max(rows, 1) if kernel.plan.reduce == "mean" else 1
        sums = numpy.zeros((chunks + 1, max(kernel.sums, 1), width))  # code writes to it in any case
        out, columns = numpy.zeros(kernel.sums), numpy.empty((kernel.columns, rows))
        self.outputs, self.slopes, self.by_rows = kernel.results(out, columns)
        work = rows * max(len(kernel.plan.program.ops), 1)
        self._split = _ranges(chunks, min(threads, work // _WORTH_A_THREAD))
        self._memory = [_aligned(kernel.memory_size) for _ in self._split]
        padding = [_padded(array, width) for array in arrays] if tail else []
        last_columns = numpy.empty((kernel.columns, width))
        last = _words(shared, seeds, sums[chunks], out, 1, tail, last_columns, padding, divisor=1)
        self._block = _words(
            shared, seeds, sums, out, vectors, tail, columns, arrays,
            divisor=self.divisor,
            chunks=chunks, memory=_address(self._memory[0]), last=ctypes.addressof(last),
        )  # fmt: skip
        self.keep = [shared, seeds, sums, out, columns, self._memory, padding, last_columns, last, self._block]
        self._places = [_place_of(array) for array in arrays]
        self.arrays: list[Any] = []
        is_long = work > _WORTH_A_LOCK
        self._alone = kernel.builtin(self._block, out if kernel.sums else sums, self.keep, is_long=is_long)

    @property
    def run(self) -> Callable[[], float]:
        """Computes, without arguments. Of results that are reduced, it gives the first output."""
        return self._alone if len(self._split) == 1 else self._together

    def is_of(self, arrays: Sequence[Any], seeds: Any, threads: int) -> bool:
        """Whether it was prepared for arrays that lie where these do."""
        is_so = (seeds is None) == (self.seeds is None) and threads == self._threads
        return is_so and self._places == [_place_of(array) for array in arrays]

    def _together(self) -> float:
        """``run`` on several threads, this one among them."""
        try:
            waiting = [_threads().submit(self._part, place) for place in range(1, len(self._split))]
        except RuntimeError:  # the interpreter is about to end, and starts no threads any more
            return self._alone()
        try:
            self._part(0)
        finally:  # whatever interrupted this thread: the others still read the arrays
            wait(waiting)
        self.kernel.rest(self._block)
        return float(self.outputs[0]) if self.kernel.sums else 0.0

    def _part(self, place: int) -> None:
        """One thread's chunks."""
        self.kernel.part(self._block, *self._split[place], _address(self._memory[place]))


def _words(
    shared: Any, seeds: Any, sums: Any, out: Any, vectors: int, tail: int, columns: Any, arrays: Sequence[Any],
    *, divisor: int, chunks: int = 0, memory: int = 0, last: int = 0,
) -> Any:  # fmt: skip
    """A call's block: what the kernel reads first."""
    words = [0] * (_ARRAYS + 3 * len(arrays))
    words[_SHARED], words[_SEEDS] = _address(shared), 0 if seeds is None else _address(seeds)
    words[_SUMS], words[_OUT] = _address(sums), _address(out)
    words[_DIVISOR] = int(numpy.float64(divisor).view(numpy.int64))
    words[_VECTORS], words[_TAIL], words[_CHUNKS] = vectors, tail, chunks
    words[_COLUMNS], words[_STRIDE] = _address(columns), columns.strides[0]
    words[_MEMORY], words[_LAST] = memory, last
    for place, array in enumerate(arrays):
        across = array.strides[1] if array.ndim == 2 else 0
        words[_ARRAYS + 3 * place : _ARRAYS + 3 * place + 3] = _address(array), array.strides[0], across
    return (ctypes.c_int64 * len(words))(*words)


def _padded(array: Any, width: int) -> Any:
    """Room for the last rows, in the memory order that the code was made for."""
    order: Any = "F" if array.strides[0] == array.itemsize else "C"
    return numpy.empty((width, *array.shape[1:]), array.dtype, order=order)


def _ranges(chunks: int, parts: int) -> list[tuple[int, int]]:
    """The chunks of each thread: of one at least."""
    parts = max(1, min(parts, chunks))
    return list(itertools.pairwise([chunks * part // parts for part in range(parts + 1)]))


def _aligned(size: int) -> Any:
    """Bytes that begin at a multiple of 64: a vector's."""
    room = numpy.zeros(size + 64, numpy.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]


def _place_of(array: Any) -> tuple[Any, ...]:
    """Where and how an array lies in memory: both can be changed in place."""
    return array.ctypes.data, array.shape, array.strides, array.dtype


def _address(array: Any) -> int:
    address: int = array.ctypes.data
    return address


# ---- the kernel -----------------------------------------------------------------------------------------------


class _Kernel:
    """Machine code for arrays that lie in memory in one way.

    Parameters
    ----------
    plan, layouts, width
        What is computed, how the arrays lie, and how many doubles a register holds.
    derivatives : bool
        Whether derivatives are computed beside the outputs.
    """

    def __init__(self, plan: _Plan, layouts: tuple[_Layout, ...], width: int, *, derivatives: bool) -> None:
        self.plan, self.width, self._layouts = plan, width, layouts
        self.sums, self.columns = plan.counts(derivatives=derivatives)
        is_large = len(plan.program.ops) > (_IN_ONE_PIECE if derivatives else 3 * _IN_ONE_PIECE)
        text = (_LargeText if is_large else _Text)(plan, layouts, width, derivatives=derivatives)
        self.library = machine.build(text.module(), codegen=2 if text.unroll > 1 else 1)
        self.memory_size = text.memory_size
        address, pointer, word = self.library.address, ctypes.c_void_p, ctypes.c_int64
        self.part = ctypes.CFUNCTYPE(None, pointer, word, word, pointer)(address("part"))
        self.rest = ctypes.CFUNCTYPE(None, pointer)(address("rest"))
        self._outputs = len(plan.program.outputs)
        self._slopes = len(plan.shared_wrt) if derivatives else 0

    def builtin(self, block: Any, left: Any, keep: list[Any], *, is_long: bool) -> Callable[[], float]:
        """A call on one thread, as a function of Python's."""
        code, given = self.library.address("whole"), ctypes.addressof(block)
        return builtin("gradient", code, given, _address(left), (self.library, keep), is_long=is_long)

    def results(self, sums: Any, columns: Any) -> tuple[Any, Any, Any]:
        """Where what is computed lies, as ``Rows`` gives it."""
        first, second = self._outputs, self._outputs + self._slopes
        if self.plan.reduce:
            return sums[:first], sums[first:], columns.T
        return columns[:first].T, columns[first:second].T, columns[second:].T


class _Text:
    """The text of a kernel in LLVM's language."""

    def __init__(self, plan: _Plan, layouts: tuple[_Layout, ...], width: int, *, derivatives: bool) -> None:
        self.plan, self.layouts, self.width, self.derivatives = plan, layouts, width, derivatives
        self.sums, self.columns = plan.counts(derivatives=derivatives)
        operands = len(plan.program.operands)
        fitting = [pieces for most, pieces in _SIDE_BY_SIDE if operands <= most]
        self.unroll = fitting[0] if fitting and width > 1 and not plan.precise else 1
        self.declarations: set[str] = set()
        self._doubles = max(self.sums, 1) * width
        self.memory_size = 0

    def module(self) -> str:
        """The whole of it."""
        loops = self._loops()
        single = "rows1" if self.unroll > 1 else "rows"
        chunk = self._chunk(single)
        rest = _PART.format(chunk=_CHUNK, size=self._doubles * 8, sums=_SUMS, vectors=_VECTORS)
        ends = _TAIL_TEXT.format(single=single, sums=_SUMS, zero=self._zero_call())
        finish = _FINISH.format(
            doubles=self._doubles, sums=self.sums, width=self.width, place=_SUMS, out=_OUT, divisor=_DIVISOR
        )
        whole = [self._copied_in(), self._copied_out(), _whole_call(finishes=self.sums > 0)]
        return "\n".join([*sorted(self.declarations), *loops, chunk, rest, ends, finish, *whole, ATTRIBUTES, ""])

    # ---- the last rows ----------------------------------------------------------------------------------------

    def _copied_in(self) -> str:
        """A function that copies the last rows behind each other, and the last of them as often as lanes are left."""
        routine = Routine("copied_in", {"all": "ptr", "last": "ptr"})
        words, copies = routine.array("i64", "all"), routine.array("i64", "last")
        tail, first = words[_TAIL], words[_VECTORS] * self.width
        for place, (layout, slots) in enumerate(zip(self.layouts, self.plan.row_inputs, strict=True)):
            element = "i32" if layout.element == "float" else "i64"
            at = _ARRAYS + 3 * place
            with routine.each(0, self.width) as lane:
                row = first + routine.either(lane < tail, lane, tail - 1)
                with routine.each(0, len(slots)) as column:
                    source = _element(routine, element, words, at, row, column)
                    _element(routine, element, copies, at, lane, column)[0] = source[0]
        routine.returns()
        return routine.text()

    def _copied_out(self) -> str:
        """A function that copies what is kept of the last rows behind what is kept of the others."""
        routine = Routine("copied_out", {"all": "ptr", "last": "ptr"})
        words, copies = routine.array("i64", "all"), routine.array("i64", "last")
        first = words[_VECTORS] * self.width
        with routine.each(0, self.columns) as column, routine.each(0, words[_TAIL]) as row:
            kept = routine.pointer("double", copies[_COLUMNS] + copies[_STRIDE] * column)
            routine.pointer("double", words[_COLUMNS] + words[_STRIDE] * column)[first + row] = kept[row]
        routine.returns()
        return routine.text()

    def _loops(self) -> list[str]:
        return [self._loop("rows", self.unroll)] + ([self._loop("rows1", 1)] if self.unroll > 1 else [])

    def _zero_call(self) -> str:
        size = self._doubles * 8
        return f"  call void @llvm.memset.p0.i64(ptr align 8 %sums, i8 0, i64 {size}, i1 false)"

    def _chunk(self, single: str) -> str:
        """The sums of vectors ``first`` to ``last``: those of short runs, added up."""
        self.declarations.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        odd = _ODD.format(unroll=self.unroll, width=self.width, single=single) if self.unroll > 1 else ""
        return _CHUNK_TEXT.format(
            zero=self._zero_call(), unroll=self.unroll, width=self.width, odd=odd, doubles=self._doubles, run=_RUN
        )

    def _loop(self, name: str, unroll: int) -> str:
        """A function that goes through rows from a first one on, so many vectors at a time."""
        m = self._arithmetic(unroll)
        head = _Block(m, "head")
        shared = self._shared(head)
        seeds = self._seeds(head) if self.derivatives else []
        bases = [[head.word(_ARRAYS + 3 * place + k) for k in range(3)] for place in range(len(self.layouts))]
        columns, stride = head.word(_COLUMNS), head.word(_STRIDE)
        prefix = list(m.lines)
        m.lines.clear()
        body = _Body(m, self)
        sums, kept = body.results("%row", bases, shared, seeds)
        body.add_sums(sums)
        body.keep(kept, "%row", columns, stride)
        lines = _spread(body.requests, m.lines)
        self.declarations |= set(m.declarations())
        return "\n".join(
            [
                f"define internal void @{name}({_PARAMETERS}) {{",
                "entry:",
                *prefix,
                "  %any = icmp sgt i64 %count, 0",
                "  br i1 %any, label %loop, label %end",
                "loop:",
                "  %done = phi i64 [0, %entry], [%more, %loop]",
                "  %row = phi i64 [%start, %entry], [%following, %loop]",
                *lines,
                "  %more = add i64 %done, 1",
                f"  %following = add i64 %row, {unroll * self.width}",
                "  %again = icmp slt i64 %more, %count",
                "  br i1 %again, label %loop, label %end",
                "end:",
                "  ret void",
                "}",
            ]
        )

    def _arithmetic(self, pieces: int = 1) -> Instructions:
        if self.plan.precise:
            return Instructions(self.width)
        known = functions.vector_functions(self.width)
        return FusedInstructions(self.width * pieces, known, contract=True, pieces=pieces)

    def _shared(self, head: _Block) -> dict[int, Any]:
        pointer = head.pointer(_SHARED)
        return {slot: head.splat(pointer, place) for place, slot in enumerate(self.plan.shared)}

    def _seeds(self, head: _Block) -> list[Any]:
        pointer = head.pointer(_SEEDS)
        return [head.splat(pointer, place) for place in range(len(self.plan.program.outputs))]


def _element(routine: Routine, kind: str, words: Array, at: int, row: Whole, column: Whole) -> Array:
    """Where an element of an array lies whose three words are at a place."""
    return routine.pointer(kind, words[at] + words[at + 1] * row + words[at + 2] * column)


def _whole_call(*, finishes: bool) -> str:
    """Functions that do all on one thread, and what is left when the vectors are done."""
    rest = Routine("rest", {"all": "ptr"})
    words = rest.array("i64", "all")
    tail, last = words[_TAIL], rest.array("ptr", "all")[_LAST].text
    with rest.when(tail > 0):
        rest.lines.append(f"  call void @copied_in(ptr %all, ptr {last})")
        memory = rest.array("ptr", "all")[_MEMORY].text
        rest.lines.append(f"  call void @tail(ptr {last}, ptr {memory})")
        rest.lines.append(f"  call void @copied_out(ptr %all, ptr {last})")
    if finishes:
        chunks = words[_CHUNKS] + 1
        rest.lines.append(f"  call void @finish(ptr %all, i64 {chunks.text}, i64 {tail.text})")
    rest.returns()
    whole = Routine("whole", {"all": "ptr"})
    chunks, memory = whole.array("i64", "all")[_CHUNKS], whole.array("ptr", "all")[_MEMORY].text
    whole.lines.append(f"  call void @part(ptr %all, i64 0, i64 {chunks.text}, ptr {memory})")
    whole.lines.append("  call void @rest(ptr %all)")
    whole.returns()
    return rest.text() + whole.text()


def _spread(requests: list[list[str]], lines: list[str]) -> list[str]:
    """Lines with requests of memory among them, as evenly as they take time: memory answers few at once.

    Parameters
    ----------
    requests : list of list of str
        Each some lines that stay together.
    lines : list of str
        Instructions, among them calls of functions.

    Returns
    -------
    list of str
        All of them, either sort in its order.
    """
    ends = list(itertools.accumulate([_CALL if " call " in line and "@llvm." not in line else 1 for line in lines]))
    found, asked = [], 0
    for line, end in zip(lines, ends, strict=True):
        found.append(line)
        due = len(requests) * end // ends[-1]
        found += [part for request in requests[asked:due] for part in request]
        asked = due
    return found


class _LargeText(_Text):
    """The text of a kernel whose program is cut into blocks: inputs are read, blocks called, results put away."""

    def _loops(self) -> list[str]:
        self.unroll = 1
        program, m = self.plan.program, self._arithmetic()
        wrt = [*self.plan.shared_wrt, *self.plan.row_wrt]
        blocks = RowBlocks(m, program, wrt, derivatives=self.derivatives, precise=self.plan.precise)
        self.declarations |= set(m.declarations())
        self.memory_size = blocks.places * STRIP * self.width * 8
        calls = [f"  call void @block{number}(ptr %memory, i64 %vectors)" for number in range(len(blocks.functions))]
        rows = _STRIPS.format(parameters=_PARAMETERS, strip=STRIP, width=self.width, calls="\n".join(calls))
        return [*blocks.functions, self._read(), self._put_away(blocks), rows]

    def _read(self) -> str:
        """A function that puts a strip's inputs and seeds into memory."""
        m = self._arithmetic()
        head = _Block(m, "head")
        program = self.plan.program
        numbers: dict[int, Any] = dict(self._shared(head))
        for place, seed in enumerate(self._seeds(head) if self.derivatives else []):
            numbers[len(program.inputs) + place] = seed
        bases = [[head.word(_ARRAYS + 3 * place + k) for k in range(3)] for place in range(len(self.layouts))]
        prefix = list(m.lines)
        m.lines.clear()
        body = _Body(m, self)
        for slots, columns in zip(self.plan.row_inputs, body.columns("%row", bases), strict=True):
            numbers.update(zip(slots, columns, strict=True))
        for place, number in sorted(numbers.items()):
            address = m.define(f"getelementptr {m.type}, ptr %base, i64 {place * STRIP}")
            m.lines.append(f"  store {m.type} {number.text}, ptr {address.text}, align 32")
        return self._over_strip("read", prefix, _spread(body.requests, m.lines))

    def _put_away(self, blocks: RowBlocks) -> str:
        """A function that adds a strip's results to the sums, or stores them row by row."""
        m = self._arithmetic()
        head = _Block(m, "head")
        columns, stride = head.word(_COLUMNS), head.word(_STRIDE)
        prefix = list(m.lines)
        m.lines.clear()
        found = [self._result(m, place) for place in blocks.results]
        body, plan = _Body(m, self), self.plan
        summed = len(plan.program.outputs) + (len(plan.shared_wrt) if self.derivatives else 0)
        if plan.reduce:
            body.add_sums(found[:summed])
        body.keep(found[summed:] if plan.reduce else found, "%row", columns, stride)
        return self._over_strip("put_away", prefix, m.lines)

    def _result(self, m: Instructions, place: int | str) -> Any:
        if isinstance(place, str):
            return m.term(place)
        address = m.define(f"getelementptr {m.type}, ptr %base, i64 {place * STRIP}")
        return m.define(f"load {m.type}, ptr {address.text}, align 32")

    def _over_strip(self, name: str, prefix: list[str], lines: list[str]) -> str:
        return _OVER_STRIP.format(
            name=name, parameters=_PARAMETERS, prefix="\n".join(prefix), lines="\n".join(lines), width=self.width,
            type=vector_type("double", self.width),
        )  # fmt: skip


class _Block:
    """What is read once, before the loop."""

    def __init__(self, m: Instructions, name: str) -> None:
        self.m, self.name = m, name

    def word(self, place: int) -> str:
        """A word of the call's block."""
        address = self.m.define(f"getelementptr i64, ptr %all, i64 {place}")
        return self.m.define(f"load i64, ptr {address.text}, align 8").text

    def pointer(self, place: int) -> str:
        """A word that is an address."""
        return self.m.define(f"inttoptr i64 {self.word(place)} to ptr").text

    def splat(self, pointer: str, place: int) -> Any:
        """A number in every lane."""
        m = self.m
        address = m.define(f"getelementptr double, ptr {pointer}, i64 {place}")
        scalar = m.define(f"load double, ptr {address.text}, align 8")
        if m.width == 1:
            return scalar
        first = m.define(f"insertelement {m.type} poison, double {scalar.text}, i32 0")
        mask = f"<{m.width} x i32> zeroinitializer"
        return m.define(f"shufflevector {m.type} {first.text}, {m.type} poison, {mask}")


class _Body:
    """What is done for one vector of rows."""

    def __init__(self, m: Instructions, text: _Text) -> None:
        self.m, self.text, self.plan = m, text, text.plan
        self.requests: list[list[str]] = []  # each some lines that ask for memory that will be read later

    def results(self, row: str, bases: Any, shared: dict[int, Any], seeds: list[Any]) -> tuple[list[Any], list[Any]]:
        """What is added up over rows, and what is kept for each."""
        plan, program = self.plan, self.plan.program
        numbers: list[Any] = [shared.get(slot) for slot in range(len(program.inputs))]
        for slots, columns in zip(plan.row_inputs, self.columns(row, bases), strict=True):
            for slot, column in zip(slots, columns, strict=True):
                numbers[slot] = column
        values = program.evaluate(self.m, numbers, constant)
        found = [values[slot] for slot in program.outputs]
        by_rows: list[Any] = []
        if self.text.derivatives:
            adjoints = program.pullback(self.m, values, seeds, zero=0.0 if plan.precise else None)
            adjoints = [0.0 if adjoint is None else adjoint for adjoint in adjoints]
            found += [adjoints[slot] for slot in plan.shared_wrt]
            by_rows = [adjoints[slot] for slot in plan.row_wrt]
        return (found, by_rows) if plan.reduce else ([], found + by_rows)

    def columns(self, row: str, bases: Any) -> list[list[Any]]:
        """The columns of each array, in a vector of rows from ``row`` on."""
        arrays = zip(self.plan.row_inputs, self.text.layouts, bases, strict=True)
        return [self._columns(layout, base, row, len(slots)) for slots, layout, base in arrays]

    def add_sums(self, found: list[Any]) -> None:
        """Add what was found to the sums in memory, one piece after the other."""
        m, kind = self.m, vector_type("double", self.text.width)
        for place, number in enumerate(found):
            if isinstance(number, float) and number == 0.0:  # of what the results don't depend on
                continue
            address = m.define_anew(f"getelementptr {kind}, ptr %sums, i64 {place}").text
            total: Any = m.define_anew(f"load {kind}, ptr {address}, align 8")
            for piece in m.cut(m.write(number)):
                total = m.define_anew(f"fadd contract {kind} {total.text}, {piece.text}")
            m.lines.append(f"  store {kind} {total.text}, ptr {address}, align 8")

    def keep(self, kept: list[Any], row: str, columns: str, stride: str) -> None:
        """Store what is kept for each row, column by column."""
        m = self.m
        for place, number in enumerate(kept):
            offset = m.define(f"mul i64 {stride}, {place}")
            start = m.define(f"add i64 {columns}, {offset.text}")
            pointer = m.define(f"inttoptr i64 {start.text} to ptr")
            address = m.define(f"getelementptr double, ptr {pointer.text}, i64 {row}")
            m.lines.append(f"  store {m.type} {m.write(number)}, ptr {address.text}, align 8")

    # ---- reading rows -----------------------------------------------------------------------------------------

    def _columns(self, layout: _Layout, base: list[str], row: str, count: int) -> list[Any]:
        if layout.kind == "tiles":
            return self._tiles(layout, base, row, count)
        if layout.kind == "columns":
            self._ask_for_columns(base, row, count)
        read = self._neighbours if layout.kind == "columns" else self._lanes
        return [read(layout, base, row, column) for column in range(count)]

    def _address(self, base: list[str], row: str, column: int) -> str:
        """Where an element lies: base + row · stride + column · stride."""
        m, (start, row_stride, column_stride) = self.m, base
        across = m.define(f"mul i64 {column_stride}, {column}")
        from_start = m.define(f"add i64 {start}, {across.text}")
        down = m.define(f"mul i64 {row}, {row_stride}")
        place = m.define(f"add i64 {from_start.text}, {down.text}")
        return m.define(f"inttoptr i64 {place.text} to ptr").text

    def _vector(self, layout: _Layout, address: str, width: int) -> Any:
        """Neighbours in memory, as doubles."""
        m, size = self.m, 4 if layout.element == "float" else 8
        kind = vector_type(layout.element, width)
        loaded = m.define_anew(f"load {kind}, ptr {address}, align {size}")
        if layout.element == "double":
            return loaded
        return m.define(f"fpext {kind} {loaded.text} to {vector_type('double', width)}")

    def _neighbours(self, layout: _Layout, base: list[str], row: str, column: int) -> Any:
        return self._vector(layout, self._address(base, row, column), self.m.width)

    def _lanes(self, layout: _Layout, base: list[str], row: str, column: int) -> Any:
        m, size = self.m, 4 if layout.element == "float" else 8
        gathered = "poison"
        for lane in range(m.width):
            place = row if lane == 0 else m.define(f"add i64 {row}, {lane}").text
            address = self._address(base, place, column)
            scalar = m.define_anew(f"load {layout.element}, ptr {address}, align {size}")
            if layout.element == "float":
                scalar = m.define(f"fpext float {scalar.text} to double")
            if m.width == 1:
                return scalar
            gathered = m.define(f"insertelement {m.type} {gathered}, double {scalar.text}, i32 {lane}").text
        return m.term(gathered)

    def _tiles(self, layout: _Layout, base: list[str], row: str, count: int) -> list[Any]:
        """Columns of rows that lie one behind the other: squares are read and turned. The last one may overlap."""
        m, width = self.m, self.text.width
        found: list[list[Any]] = [[] for _ in range(count)]
        self._ask_for_rows(layout, base, row, count)
        for piece in range(m.pieces):
            rows = [m.define(f"add i64 {row}, {piece * width + lane}").text for lane in range(width)]
            for start in range(0, count, width):
                first = min(start, count - width)
                square = self._square(layout, base, rows, first)
                for column in range(start, min(start + width, count)):
                    found[column].append(square[column - first])
        return [m.joined(pieces) for pieces in found]

    def _square(self, layout: _Layout, base: list[str], rows: list[str], first: int) -> list[Any]:
        """As many columns as rows, from a first one on. A step of turning a square is saved by reading its halves."""
        width, half = len(rows), len(rows) // 2
        if half < 2:
            whole = [self._vector(layout, self._address(base, row, first), width) for row in rows]
            return self._turned(whole, width)
        kind, lanes, read = vector_type("double", half), list(range(width)), []
        for column in (first, first + half):
            halves = [self._vector(layout, self._address(base, row, column), half).text for row in rows]
            read += [self.m.shuffled(kind, halves[place], halves[place + half], lanes) for place in range(half)]
        return self._turned(read, half)

    # The processor foresees what runs on in memory, but not so many columns at once, and rows not so far.

    def _ask_for_columns(self, base: list[str], row: str, count: int) -> None:
        """Ask for the columns' parts that come later."""
        for later in range(_AHEAD, _AHEAD + self.m.width, _LINE // 8):
            for column in range(count):
                self._ask(base, f"{row}, {later}", column)

    def _ask_for_rows(self, layout: _Layout, base: list[str], row: str, count: int) -> None:
        """Ask for the rows that come later."""
        size = 4 if layout.element == "float" else 8
        for later in range(_AHEAD, _AHEAD + self.m.width):
            for column in range(0, count, _LINE // size):
                self._ask(base, f"{row}, {later}", column)

    def _ask(self, base: list[str], place: str, column: int) -> None:
        """Ask for an element into the second level of caches: the first has room for fewer requests."""
        self.m.functions.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        (start, row_stride, column_stride), name = base, f"%asked{len(self.requests)}"
        self.requests.append(
            [
                f"  {name}.row = add i64 {place}",
                f"  {name}.down = mul i64 {name}.row, {row_stride}",
                f"  {name}.across = mul i64 {column_stride}, {column}",
                f"  {name}.first = add i64 {start}, {name}.across",
                f"  {name}.place = add i64 {name}.first, {name}.down",
                f"  {name}.at = inttoptr i64 {name}.place to ptr",
                f"  call void @llvm.prefetch.p0(ptr {name}.at, i32 0, i32 2, i32 1)",
            ]
        )

    def _turned(self, rows: list[Any], size: int) -> list[Any]:
        """A square of registers with the squares of a size in it transposed, in as many steps as 2 is a factor."""
        width, step = len(rows), 1
        kind = vector_type("double", width)
        while step < size:
            low = [lane if not lane & step else width + lane - step for lane in range(width)]
            high = [lane + step if not lane & step else width + lane for lane in range(width)]
            for place in [place for place in range(width) if not place & step]:
                first, second = rows[place].text, rows[place + step].text
                rows[place] = self.m.shuffled(kind, first, second, low)
                rows[place + step] = self.m.shuffled(kind, first, second, high)
            step *= 2
        return rows


# Strip after strip of rows from ``start`` on: inputs into memory, every block, results out of it.
_STRIPS = """\
define internal void @rows({parameters}) {{
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %loop, label %end
loop:
  %done = phi i64 [0, %entry], [%more, %loop]
  %left = sub i64 %count, %done
  %short = icmp slt i64 %left, {strip}
  %vectors = select i1 %short, i64 %left, i64 {strip}
  %skipped = mul i64 %done, {width}
  %row = add i64 %start, %skipped
  call void @read(ptr %all, i64 %row, i64 %vectors, ptr %sums, ptr %memory)
{calls}
  call void @put_away(ptr %all, i64 %row, i64 %vectors, ptr %sums, ptr %memory)
  %more = add i64 %done, %vectors
  %again = icmp slt i64 %more, %count
  br i1 %again, label %loop, label %end
end:
  ret void
}}"""

_OVER_STRIP = """\
define internal void @{name}({parameters}) noinline {{
entry:
{prefix}
  br label %loop
loop:
  %k = phi i64 [0, %entry], [%more, %loop]
  %row = phi i64 [%start, %entry], [%following, %loop]
  %base = getelementptr {type}, ptr %memory, i64 %k
{lines}
  %more = add i64 %k, 1
  %following = add i64 %row, {width}
  %again = icmp slt i64 %more, %count
  br i1 %again, label %loop, label %end
end:
  ret void
}}"""

# Vectors first to last of one chunk: the sums of each run start from 0 in memory of their own.
_CHUNK_TEXT = """\
define internal void @chunk(ptr %all, i64 %first, i64 %last, ptr %total, ptr %memory) {{
entry:
  %sums = alloca [{doubles} x double], align 64
  br label %clear
clear:
  %c = phi i64 [0, %entry], [%c_more, %clear]
  %cleared = getelementptr double, ptr %total, i64 %c
  store double 0x0000000000000000, ptr %cleared, align 8
  %c_more = add i64 %c, 1
  %c_again = icmp slt i64 %c_more, {doubles}
  br i1 %c_again, label %clear, label %run
run:
  %from = phi i64 [%first, %clear], [%to, %run_end]
  %full = add i64 %from, {run}
  %short = icmp slt i64 %last, %full
  %to = select i1 %short, i64 %last, i64 %full
  %count = sub i64 %to, %from
  %pairs = udiv i64 %count, {unroll}
  %row = mul i64 %from, {width}
{zero}
  call void @rows(ptr %all, i64 %row, i64 %pairs, ptr %sums, ptr %memory)
{odd}  br label %add
add:
  %k = phi i64 [0, %run], [%k_more, %add]
  %total_at = getelementptr double, ptr %total, i64 %k
  %sum_at = getelementptr double, ptr %sums, i64 %k
  %before = load double, ptr %total_at, align 8
  %sum = load double, ptr %sum_at, align 8
  %after = fadd double %before, %sum
  store double %after, ptr %total_at, align 8
  %k_more = add i64 %k, 1
  %k_again = icmp slt i64 %k_more, {doubles}
  br i1 %k_again, label %add, label %run_end
run_end:
  %again = icmp slt i64 %to, %last
  br i1 %again, label %run, label %end
end:
  ret void
}}"""

_ODD = """\
  %done = mul i64 %pairs, {unroll}
  %odd = sub i64 %count, %done
  %skipped = mul i64 %done, {width}
  %next = add i64 %row, %skipped
  call void @{single}(ptr %all, i64 %next, i64 %odd, ptr %sums, ptr %memory)
"""

_PARAMETERS = "ptr noalias %all, i64 %start, i64 %count, ptr noalias %sums, ptr noalias %memory"

_PART = """\
define void @part(ptr %all, i64 %from, i64 %to, ptr %memory) {{
entry:
  %vectors_at = getelementptr i64, ptr %all, i64 {vectors}
  %vectors = load i64, ptr %vectors_at, align 8
  %sums_at = getelementptr i64, ptr %all, i64 {sums}
  %all_sums = load ptr, ptr %sums_at, align 8
  %any = icmp slt i64 %from, %to
  br i1 %any, label %loop, label %end
loop:
  %chunk = phi i64 [%from, %entry], [%more, %loop]
  %first = mul i64 %chunk, {chunk}
  %full = add i64 %first, {chunk}
  %short = icmp slt i64 %vectors, %full
  %last = select i1 %short, i64 %vectors, i64 %full
  %offset = mul i64 %chunk, {size}
  %sums = getelementptr i8, ptr %all_sums, i64 %offset
  call void @chunk(ptr %all, i64 %first, i64 %last, ptr %sums, ptr %memory)
  %more = add i64 %chunk, 1
  %again = icmp slt i64 %more, %to
  br i1 %again, label %loop, label %end
end:
  ret void
}}"""

_TAIL_TEXT = """\
define void @tail(ptr %all, ptr %memory) {{
  %sums_at = getelementptr i64, ptr %all, i64 {sums}
  %sums = load ptr, ptr %sums_at, align 8
{zero}
  call void @{single}(ptr %all, i64 0, i64 1, ptr %sums, ptr %memory)
  ret void
}}"""

# The sums of all chunks, the last one of which is that of the padded rows: its lanes without a row become 0, chunks are
# added in pairs where they lie, and then the lanes of what remains; of a mean, the sums are divided.
_FINISH = """\
define void @finish(ptr %all, i64 %chunks, i64 %tail) {{
entry:
  %sums_at = getelementptr i64, ptr %all, i64 {place}
  %sums = load ptr, ptr %sums_at, align 8
  %out_at = getelementptr i64, ptr %all, i64 {out}
  %out = load ptr, ptr %out_at, align 8
  %divisor_at = getelementptr double, ptr %all, i64 {divisor}
  %divisor = load double, ptr %divisor_at, align 8
  %before = sub i64 %chunks, 1
  %skipped = mul i64 %before, {doubles}
  %last = getelementptr double, ptr %sums, i64 %skipped
  br label %mask
mask:
  %masked = phi i64 [0, %entry], [%mask_more, %mask_next]
  %lane = urem i64 %masked, {width}
  %unused = icmp sge i64 %lane, %tail
  br i1 %unused, label %clear, label %mask_next
clear:
  %cleared = getelementptr double, ptr %last, i64 %masked
  store double 0x0000000000000000, ptr %cleared, align 8
  br label %mask_next
mask_next:
  %mask_more = add i64 %masked, 1
  %mask_again = icmp slt i64 %mask_more, {doubles}
  br i1 %mask_again, label %mask, label %level
level:
  %count = phi i64 [%chunks, %mask_next], [%rounded, %level_end]
  %several = icmp sgt i64 %count, 1
  br i1 %several, label %pair, label %lanes
pair:
  %place = phi i64 [0, %level], [%place_more, %pair_end]
  %twice = mul i64 %place, 2
  %beside = add i64 %twice, 1
  %alone = icmp sge i64 %beside, %count
  %from_offset = mul i64 %twice, {doubles}
  %from = getelementptr double, ptr %sums, i64 %from_offset
  %with_offset = mul i64 %beside, {doubles}
  %with = getelementptr double, ptr %sums, i64 %with_offset
  %to_offset = mul i64 %place, {doubles}
  %to = getelementptr double, ptr %sums, i64 %to_offset
  br label %element
element:
  %k = phi i64 [0, %pair], [%k_more, %element_end]
  %a_at = getelementptr double, ptr %from, i64 %k
  %a = load double, ptr %a_at, align 8
  br i1 %alone, label %element_end, label %add
add:
  %b_at = getelementptr double, ptr %with, i64 %k
  %b = load double, ptr %b_at, align 8
  %added = fadd double %a, %b
  br label %element_end
element_end:
  %sum = phi double [%a, %element], [%added, %add]
  %sum_at = getelementptr double, ptr %to, i64 %k
  store double %sum, ptr %sum_at, align 8
  %k_more = add i64 %k, 1
  %k_again = icmp slt i64 %k_more, {doubles}
  br i1 %k_again, label %element, label %pair_end
pair_end:
  %place_more = add i64 %place, 1
  %next = mul i64 %place_more, 2
  %pair_again = icmp slt i64 %next, %count
  br i1 %pair_again, label %pair, label %level_end
level_end:
  %up = add i64 %count, 1
  %rounded = udiv i64 %up, 2
  br label %level
lanes:
  %s = phi i64 [0, %level], [%s_more, %lanes_end]
  %lanes_offset = mul i64 %s, {width}
  %lanes_at = getelementptr double, ptr %sums, i64 %lanes_offset
  br label %fold
fold:
  %half = phi i64 [{width}, %lanes], [%halved, %fold_end]
  %folding = icmp sgt i64 %half, 1
  br i1 %folding, label %fold_step, label %lanes_end
fold_step:
  %halved = udiv i64 %half, 2
  br label %fold_lane
fold_lane:
  %l = phi i64 [0, %fold_step], [%l_more, %fold_lane]
  %l_at = getelementptr double, ptr %lanes_at, i64 %l
  %m = add i64 %l, %halved
  %m_at = getelementptr double, ptr %lanes_at, i64 %m
  %p = load double, ptr %l_at, align 8
  %q = load double, ptr %m_at, align 8
  %r = fadd double %p, %q
  store double %r, ptr %l_at, align 8
  %l_more = add i64 %l, 1
  %l_again = icmp slt i64 %l_more, %halved
  br i1 %l_again, label %fold_lane, label %fold_end
fold_end:
  br label %fold
lanes_end:
  %added_up = load double, ptr %lanes_at, align 8
  %result = fdiv double %added_up, %divisor
  %result_at = getelementptr double, ptr %out, i64 %s
  store double %result, ptr %result_at, align 8
  %s_more = add i64 %s, 1
  %s_again = icmp slt i64 %s_more, {sums}
  br i1 %s_again, label %lanes, label %end
end:
  ret void
}}"""
