"""The ceiling: ``ceiling.c`` compiled for this processor, and its call from NumPy's arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.c_compiler import FAST, shared_library

__all__ = ["loss_and_gradient"]

SOURCE = Path(__file__).with_suffix(".c")


def loss_and_gradient(X: Any, y: Any, parameters: Any, threads: int) -> tuple[Callable[[], None], Any]:
    """Bind the loss and the gradient of a logistic regression to arrays: the call, and the array that it fills.

    ``X`` has rows × 30, in C or in Fortran order. The intercept is the last of the parameters. 0 threads are as many as
    there are processors. The array has the loss, its derivatives by the weights, and that by the intercept.
    """
    library = ctypes.CDLL(str(shared_library(SOURCE, (*FAST, "-fopenmp"), ("-fopenmp", "-lmvec", "-lm"))))
    kernel = library.in_rows if X.flags.c_contiguous else library.in_columns
    kernel.restype = None
    found = np.empty(len(parameters) + 1)
    addresses = [ctypes.c_void_p(array.ctypes.data) for array in (X, y, parameters, found)]
    rows, workers = ctypes.c_long(len(y)), ctypes.c_int(threads)

    def call(_kept: tuple[Any, ...] = (X, y, parameters)) -> None:
        kernel(*addresses, rows, workers)

    return call, found
