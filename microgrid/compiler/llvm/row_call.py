"""A call of a row kernel: its frame, the memory that it writes, and the threads that share its chunks."""

from __future__ import annotations

import _thread
import ctypes
import functools
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import numpy

from microgrid.compiler.llvm.row_frame import CallFrame, address, views_of
from microgrid.compiler.llvm.row_module import Kernel
from microgrid.compiler.llvm.trampoline import mover, placed

__all__ = ["Call"]

_WORTH_A_THREAD = 200_000  # row operations: some 0.1 ms
_OPERANDS = 4  # of a list, that take as long as one operation
_WORTH_A_LOCK = 10_000  # row operations, some 5 µs: beyond, other threads of Python run in the meantime

# The threads that all kernels share, made when they are first needed. A signal handler may want them while the call
# that it interrupted hands out work: this queue may be entered again, and threads start without Python's locks.
_Queue = SimpleQueue[Callable[[], None]]
_queues: list[_Queue] = []


def _workers() -> _Queue:
    """Where work is put for threads to do."""
    if not _queues:
        queue = _Queue()
        _queues.append(queue)
        for _ in range(os.cpu_count() or 1):
            _thread.start_new_thread(_work, (queue,))
    return _queues[0]


def _work(queue: _Queue) -> None:
    while True:
        queue.get()()


if hasattr(os, "register_at_fork"):  # threads don't live on in a forked process
    os.register_at_fork(after_in_child=_queues.clear)


class Call:
    """A kernel with the arrays that it reads and the memory that it writes.

    ``shared`` are the numbers that rows share, and ``seeds`` the weights of the outputs, None if there are no
    derivatives. ``run`` leaves its results in ``outputs``, ``slopes`` and ``by_rows``; what the latter have still to be
    divided by is ``divisor``: of a mean, the number of rows. The ``arrays`` are those of a call that is under way, in
    use even if an interruption leaves threads behind.
    """

    def __init__(self, kernel: Kernel, shared: Any, arrays: Sequence[Any], seeds: Any, threads: int) -> None:
        self.kernel, self.shared, self.seeds, self._threads = kernel, shared, seeds, threads
        spec, rows, width = kernel.spec, len(arrays[0]), kernel.spec.width
        vectors, tail = divmod(rows, width)
        chunks = -(-vectors // kernel.chunk)
        self.divisor = rows if spec.plan.reduce == "mean" else 1
        sums = numpy.zeros((chunks + 1, spec.sum_doubles))
        out, columns = numpy.zeros(spec.sums), numpy.empty((spec.kept, rows))
        self.outputs, self.slopes, self.by_rows = kernel.results(out, columns)
        program = spec.plan.program
        work = rows * max(len(program.ops) + len(program.operands) // _OPERANDS, 1)
        self._split = _ranges(chunks, min(threads, work // _WORTH_A_THREAD))
        self._memory = [_aligned(8 * kernel.memory_doubles) for _ in self._split]
        self.arrays: Sequence[Any] = arrays
        self.keep: list[Any] = [shared, seeds, sums, out, columns, self._memory]
        views = views_of(arrays)
        pairs = zip(arrays, views, strict=True)
        self._like = [(array.dtype, placed(array, ctypes.addressof(view))) for array, view in pairs]
        self._move = mover()
        self._frame = self._framed(sums, columns, views, width)
        self._frame.vectors, self._frame.tail, self._frame.chunks = vectors, tail, chunks
        self._frame.out, self._frame.divisor = address(out), self.divisor
        padding = [_padded(array, width) for array in arrays] if tail else []
        epilogue = self._framed(sums[chunks:], numpy.empty((spec.kept, width)), views_of(padding), tail)
        self.keep.append(padding)
        self._frame.epilogue = ctypes.addressof(epilogue)
        is_long = work > _WORTH_A_LOCK
        self.is_atomic = not is_long
        self._alone = kernel.builtin(self._frame, out if spec.sums else sums, self.keep, is_long=is_long)

    def _framed(self, sums: Any, columns: Any, views: Any, lanes: int) -> CallFrame:
        """A frame with these arrays in it; this object keeps alive whatever the frame points at, but for the rows."""
        frame = CallFrame(
            shared=address(self.shared),
            seeds=0 if self.seeds is None else address(self.seeds),
            sums=address(sums),
            columns=address(columns),
            column_stride=columns.strides[0],
            memory=address(self._memory[0]),
            arrays=ctypes.addressof(views),
            lanes=lanes,
        )
        self.keep += [frame, views, columns, sums]
        return frame

    @property
    def run(self) -> Callable[[], float]:
        """Computes, without arguments. Of results that are reduced, it gives the first output."""
        return self._alone if len(self._split) == 1 else self._together

    def moves_to(self, arrays: Sequence[Any]) -> bool:
        """Read other arrays from now on, if the code and the memory of this call suit them."""
        move = self._move
        for array, (dtype, words) in zip(arrays, self._like, strict=True):
            if type(array) is not numpy.ndarray or array.dtype is not dtype or not move((words, array)):
                return False
        self.arrays = arrays
        return True

    def _together(self) -> float:
        """``run`` on several threads, this one among them."""
        if sys.is_finalizing():  # other threads don't run any more
            return self._alone()
        done: SimpleQueue[None] = SimpleQueue()
        for place in range(1, len(self._split)):
            _workers().put(functools.partial(self._do, place, done))
        try:
            self._part(0)
        finally:  # whatever interrupted this thread: the others still read the arrays
            for _ in self._split[1:]:
                done.get()
        self.kernel.finish(ctypes.byref(self._frame))
        return float(self.outputs[0]) if self.kernel.spec.sums else 0.0

    def _do(self, place: int, done: SimpleQueue[None]) -> None:
        """One thread's chunks, for a thread that waits for work."""
        try:
            self._part(place)
        finally:
            done.put(None)

    def _part(self, place: int) -> None:
        self.kernel.run_chunks(ctypes.byref(self._frame), *self._split[place], address(self._memory[place]))


def _padded(array: Any, width: int) -> Any:
    """Room for the last rows, in the memory order that the code was made for."""
    order: Any = "F" if array.strides[0] == array.itemsize else "C"
    return numpy.empty((width, *array.shape[1:]), array.dtype, order=order)


def _ranges(chunks: int, parts: int) -> list[tuple[int, int]]:
    """The chunks of each thread: of one at least."""
    parts = max(1, min(parts, chunks))
    return list(itertools.pairwise([chunks * part // parts for part in range(parts + 1)]))


def _aligned(size: int) -> Any:
    """Bytes that begin at a multiple of 64: a register's."""
    room = numpy.zeros(size + 64, numpy.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]
