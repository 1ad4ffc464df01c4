"""The elementary functions that native code calls: libm's scalar ones and libmvec's vector ones.

Scalar functions are the C library's own, which the eager engines call too, so that the bits are the same. On x86-64
with glibc, ``libmvec`` computes several at once; it is stated to be within 4 ulp. Where it is not there, or lacks a
function, each lane calls the scalar one.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import platform
import sys

from microgrid.core.source import C

__all__ = ["address_of", "symbols", "vector_functions"]

_NAMES = frozenset(C.calls)
_OF_PYTHON = (
    *("PyTuple_GetItem", "PyBytes_AsString", "PyFloat_FromDouble", "PyEval_SaveThread", "PyEval_RestoreThread"),
    *("PyObject_GetBuffer", "PyBuffer_Release", "PyBool_FromLong"),
)
_VECTOR_PREFIX = {2: "_ZGVbN2", 4: "_ZGVdN4", 8: "_ZGVeN8"}  # glibc's vector ABI: SSE4, AVX2, AVX-512


@functools.cache
def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


@functools.cache
def _libm() -> ctypes.CDLL:
    if sys.platform == "win32":
        return ctypes.CDLL("ucrtbase")
    found = _library(ctypes.util.find_library("m") or "libm.so.6")
    return found or ctypes.CDLL(None)


@functools.cache
def _libmvec() -> ctypes.CDLL | None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    return _library("libmvec.so.1")


def _address(library: ctypes.CDLL, symbol: str) -> int | None:
    try:
        return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value
    except AttributeError:
        return None


@functools.cache
def vector_functions(width: int) -> dict[str, str]:
    """The functions that are computed on registers of so many doubles here: from names to the symbols to call."""
    library, prefix = _libmvec(), _VECTOR_PREFIX.get(width)
    if library is None or prefix is None:
        return {}
    found = {}
    for name in sorted(_NAMES):
        symbol = f"{prefix}{'vv' if name in ('pow', 'atan2', 'hypot') else 'v'}_{name}"
        if _address(library, symbol) is not None:
            found[name] = symbol
    return found


def symbols(width: int) -> tuple[str, ...]:
    """All that a module may call: scalar functions, those on registers of so many doubles, Python's C interface."""
    scalar = _NAMES - {"abs"} | {"memcmp"}  # the former is an instruction, and another function in C
    return (*[f"libm.{name}" for name in sorted(scalar)], *vector_functions(width).values(), *_OF_PYTHON)


@functools.cache
def address_of(symbol: str) -> int:
    """Where a function lies in this process; a KeyError if there is none.

    The symbol is ``libm.exp`` and the like, a value of ``vector_functions``, or a function of Python's C interface.
    """
    library, name = _libmvec(), symbol
    if symbol.startswith("libm."):
        library, name = _libm(), symbol.removeprefix("libm.")
    elif symbol.startswith("Py"):
        library = ctypes.pythonapi
    found = None if library is None else _address(library, name)
    if found is None:
        raise KeyError(f"no function {symbol} is in this machine's mathematical libraries, or in Python")
    return found
