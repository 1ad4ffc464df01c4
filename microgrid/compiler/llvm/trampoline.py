"""Trampolines: a compiled kernel as a zero-argument builtin of Python that runs it and returns its result.

Calling through ``ctypes`` takes longer than most kernels run. A builtin is what Python calls fastest, and the
trampoline between the two, which LLVM compiles as well, is a few instructions.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from microgrid.compiler.llvm import jit

__all__ = ["Calls", "bound_calls", "builtin", "mover", "placed"]

Calls = tuple[Callable[[], float], Callable[[], float]]
"""What computes a program's outputs, and what computes its derivatives as well. Each gives the first output."""

_NO_ARGUMENTS = 0x0004  # METH_NOARGS of Python's C interface
_ONE_ARGUMENT = 0x0008  # METH_O

# The bound object is a tuple, whose first entry holds three addresses: a function, what it is called with, and where it
# leaves a number.
_ENTRY = """\
define ptr @{name}(ptr %bound, ptr %none) {{
  %words = call ptr @PyTuple_GetItem(ptr %bound, i64 0)
  %at = call ptr @PyBytes_AsString(ptr %words)
  %function = load ptr, ptr %at
  %given_at = getelementptr ptr, ptr %at, i64 1
  %given = load ptr, ptr %given_at
  %left_at = getelementptr ptr, ptr %at, i64 2
  %left = load ptr, ptr %left_at
{run}
  %number = load double, ptr %left
  %object = call ptr @PyFloat_FromDouble(double %number)
  ret ptr %object
}}
"""
_RUN = "  call void %function(ptr %given)"
# Handing Python's lock over takes longer than short code runs; during long code, other threads go on.
_RUN_UNLOCKED = f"""\
  %thread = call ptr @PyEval_SaveThread()
{_RUN}
  call void @PyEval_RestoreThread(ptr %thread)"""
# The buffer protocol gives what an array is like in a fraction of the time that its attributes take. The given words
# are those of ``placed``. 24 is PyBUF_STRIDES; a Py_buffer has 80 bytes, with the address at 0, the dimensions at 36,
# shape at 48 and strides at 56.
_MOVE = """\
define ptr @move(ptr %bound, ptr %pair) {
  %words = call ptr @PyTuple_GetItem(ptr %pair, i64 0)
  %array = call ptr @PyTuple_GetItem(ptr %pair, i64 1)
  %at = call ptr @PyBytes_AsString(ptr %words)
  %buffer = alloca [80 x i8], align 8
  %status = call i32 @PyObject_GetBuffer(ptr %array, ptr %buffer, i32 24)
  %is_given = icmp eq i32 %status, 0
  br i1 %is_given, label %given, label %refused
given:
  %dimensions_at = getelementptr i8, ptr %buffer, i64 36
  %dimensions = load i32, ptr %dimensions_at
  %wanted_at = getelementptr i64, ptr %at, i64 2
  %wanted = load i32, ptr %wanted_at
  %as_deep = icmp eq i32 %dimensions, %wanted
  br i1 %as_deep, label %measured, label %released
measured:
  %size_of_one = sext i32 %dimensions to i64
  %size = shl i64 %size_of_one, 3
  %shape_at = getelementptr i8, ptr %buffer, i64 48
  %shape = load ptr, ptr %shape_at
  %wanted_shape = getelementptr i64, ptr %at, i64 3
  %shapes = call i32 @libm.memcmp(ptr %shape, ptr %wanted_shape, i64 %size)
  %strides_at = getelementptr i8, ptr %buffer, i64 56
  %strides = load ptr, ptr %strides_at
  %wanted_strides = getelementptr i8, ptr %wanted_shape, i64 %size
  %strided = call i32 @libm.memcmp(ptr %strides, ptr %wanted_strides, i64 %size)
  %address = load i64, ptr %buffer
  %mask_at = getelementptr i64, ptr %at, i64 1
  %mask = load i64, ptr %mask_at
  %beyond = and i64 %address, %mask
  %is_aligned = icmp eq i64 %beyond, 0
  %differs = or i32 %shapes, %strided
  %is_like = icmp eq i32 %differs, 0
  %fits = and i1 %is_like, %is_aligned
  br i1 %fits, label %moved, label %released
moved:
  %into = load ptr, ptr %at
  store i64 %address, ptr %into
  br label %released
released:
  %answer = phi i64 [ 0, %given ], [ 0, %measured ], [ 1, %moved ]
  call void @PyBuffer_Release(ptr %buffer)
  %object = call ptr @PyBool_FromLong(i64 %answer)
  ret ptr %object
refused:
  ret ptr null
}
"""
_TEXT = "\n".join(
    [
        "declare ptr @PyTuple_GetItem(ptr, i64)",
        "declare ptr @PyBytes_AsString(ptr)",
        "declare ptr @PyFloat_FromDouble(double)",
        "declare ptr @PyEval_SaveThread()",
        "declare void @PyEval_RestoreThread(ptr)",
        "declare i32 @PyObject_GetBuffer(ptr, ptr, i32)",
        "declare void @PyBuffer_Release(ptr)",
        "declare ptr @PyBool_FromLong(i64)",
        "declare i32 @libm.memcmp(ptr, ptr, i64)",
        _MOVE,
        _ENTRY.format(name="short", run=_RUN),
        _ENTRY.format(name="long", run=_RUN_UNLOCKED),
    ]
)


class _Definition(ctypes.Structure):
    """Python's ``PyMethodDef``: what makes a C function callable."""

    _fields_ = (("name", ctypes.c_char_p), ("code", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


def _builtin(name: str, function: str, flags: int, bound: tuple[Any, ...]) -> Any:
    """A function of the trampolines' library as a builtin that is given what is bound.

    Whatever it points at is held by its tuple alone, in objects of which the garbage collector takes nothing before the
    builtin itself is freed.
    """
    text, memory = name.encode(), numpy.zeros(ctypes.sizeof(_Definition), numpy.uint8)
    definition = _Definition.from_buffer(memory.data)
    definition.name, definition.code, definition.flags = text, _library().address(function), flags
    return _new_builtin()(memory.ctypes.data, (*bound, memory, text, _library().loaded), "microgrid")


@functools.cache
def _library() -> jit.Library:
    return jit.build(_TEXT)


@functools.cache
def _new_builtin() -> Any:
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    return new


def placed(array: Any, into: int) -> bytes:
    """For ``mover``: an address, the mask of the array's alignment, its dimensions, shape and strides."""
    like = memoryview(array)  # the buffer protocol has strides of its own for dimensions of one element
    words = (into, array.itemsize - 1, like.ndim, *array.shape, *(like.strides or ()))
    return struct.pack(f"{len(words)}q", *words)


@functools.cache
def mover() -> Callable[[tuple[bytes, Any]], bool]:
    """A builtin that writes where an array begins if it lies in memory as the one of ``placed``: says whether.

    The type of the elements is not looked at. It raises what the buffer protocol raises for anything that has none.

    >>> into, move = ctypes.c_int64(), mover()
    >>> words = placed(numpy.zeros((3, 2)), ctypes.addressof(into))
    >>> moved, skewed = numpy.ones((3, 2)), numpy.zeros(49, numpy.uint8)[1:].view(float).reshape(3, 2)
    >>> move((words, moved)), into.value == moved.ctypes.data
    (True, True)
    >>> move((words, moved[:2])), move((words, moved.T)), move((words, skewed))
    (False, False, False)
    """
    made: Callable[[tuple[bytes, Any]], bool] = _builtin("move", "move", _ONE_ARGUMENT, ())
    return made


def builtin(name: str, code: int, given: int, left: int, keep: Any, *, is_long: bool = False) -> Callable[[], float]:
    """A builtin function without arguments that calls native code, and lets other threads of Python run if ``is_long``.

    At the addresses ``code``, ``given`` and ``left`` are a function that takes one address and returns nothing, what it
    is called with, and where it leaves a double, which is the result. What they point into, ``keep``, lives as long as
    the builtin. The name is for tracebacks and profiles.

    Examples
    --------
    >>> from microgrid.compiler.llvm.jit import build
    >>> text = "define void @halve(ptr %x) { %a = load double, ptr %x %b = fmul double %a, 0.5 store double %b, ptr %x "
    >>> library, number = build(text + "ret void }"), ctypes.c_double(3.0)
    >>> at = ctypes.addressof(number)
    >>> halve = builtin("halve", library.address("halve"), at, at, (library, number))
    >>> halve(), halve(), halve.__name__
    (1.5, 0.75, 'halve')
    """
    bound = struct.pack("3P", code, given, left), keep
    made: Callable[[], float] = _builtin(name, "long" if is_long else "short", _NO_ARGUMENTS, bound)
    return made


def bound_calls(
    library: jit.Library, words: Sequence[int], outputs: int, keep: Any = None, *, is_long: bool = False
) -> Calls:
    """The functions ``forward`` and ``reverse`` of loaded native code, as Python functions without arguments.

    Both take a pointer to the ``words``, one after the other, and give the first of the numbers at the address
    ``outputs``. ``keep`` lives as long as they do, and the code is loaded; while they run, other threads of Python may
    if ``is_long``.
    """
    given = numpy.array(words, numpy.uint64)
    kept, at = (library.loaded, given, keep), given.ctypes.data
    forward, reverse = [
        builtin(name, library.address(name), at, outputs, kept, is_long=is_long) for name in ("forward", "reverse")
    ]
    return forward, reverse
