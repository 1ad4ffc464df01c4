"""A row kernel's call frame: what is passed to the code, as Python writes it and as the code reads it."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

from microgrid.compiler.llvm.builder import Array, Integer, Routine

__all__ = ["ArrayView", "CallFrame", "Frame", "View", "address", "as_matrix", "views_of"]


class ArrayView(ctypes.Structure):
    """Where an array begins, and the bytes to its next row and column."""

    _fields_ = (("start", ctypes.c_void_p), ("row_stride", ctypes.c_int64), ("column_stride", ctypes.c_int64))


class CallFrame(ctypes.Structure):
    """What a kernel is called with. The epilogue, the last rows that fill no register, has a frame of its own.

    ``shared`` and ``seeds`` are read. ``sums`` has a set of sums for each chunk and one for the epilogue; ``out`` is
    what they become, divided by ``divisor``. ``columns`` has the results that are kept, ``column_stride`` bytes apart.
    ``vectors`` are the registers that rows fill, in ``chunks``; ``tail`` rows are left. ``memory`` is one thread's.
    ``lanes`` of every register have a row: all but in the epilogue.
    """

    _fields_ = (
        ("shared", ctypes.c_void_p),
        ("seeds", ctypes.c_void_p),
        ("sums", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("divisor", ctypes.c_double),
        ("vectors", ctypes.c_int64),
        ("tail", ctypes.c_int64),
        ("chunks", ctypes.c_int64),
        ("columns", ctypes.c_void_p),
        ("column_stride", ctypes.c_int64),
        ("memory", ctypes.c_void_p),
        ("epilogue", ctypes.c_void_p),
        ("lanes", ctypes.c_int64),
        ("arrays", ctypes.c_void_p),
    )


def address(array: Any) -> int:
    """Where an array begins."""
    start: int = array.ctypes.data
    return start


def as_matrix(rows: Any) -> Any:
    """Rows of any shape as rows of columns: the same memory, or a copy where no strides reach it."""
    return rows if rows.ndim <= 2 else rows.reshape(len(rows), math.prod(rows.shape[1:]))


def views_of(arrays: Sequence[Any]) -> Any:
    """The views of arrays of one or two dimensions, one behind the other, which do not keep them alive."""
    views = [ArrayView(address(a), a.strides[0], a.strides[1] if a.ndim == 2 else 0) for a in arrays]
    return (ArrayView * len(views))(*views)


class Frame:
    """A call frame as a routine reads it, from the register that holds its address."""

    def __init__(self, routine: Routine, pointer: str = "%frame") -> None:
        self.routine = routine
        self.memory = Array(routine, "i64", pointer)

    def _field(self, name: str, kind: str) -> Any:
        return self.memory.of(kind)[getattr(CallFrame, name).offset // 8]

    def integer(self, name: str) -> Integer:
        """A field that is a count or a number of bytes."""
        number: Integer = self._field(name, "i64")
        return number

    def double(self, name: str) -> Any:
        """A field that is a double."""
        return self._field(name, "double")

    def array(self, name: str, kind: str = "double") -> Array:
        """A field that is an address."""
        return Array(self.routine, kind, self._field(name, "ptr").text)

    def view(self, place: int) -> View:
        """One of the arrays of rows."""
        words = self.array("arrays", "i64").at(place * ctypes.sizeof(ArrayView) // 8)
        return View(self.routine, words[0], words[1], words[2])


class View:
    """An array of rows as a routine reads it; start and strides are as in ``ArrayView``."""

    def __init__(self, routine: Routine, start: Integer, row_stride: Integer, column_stride: Integer) -> None:
        self.routine, self.start, self.row_stride, self.column_stride = routine, start, row_stride, column_stride

    def element(self, kind: str, row: Integer, column: Integer | int) -> Array:
        """Memory from an element on."""
        return self.routine.pointer(kind, self.start + self.column_stride * column + row * self.row_stride)
