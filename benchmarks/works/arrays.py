"""The peers' own objects from NumPy's, and their adapters' common parts; no work's formula stands here."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.c_compiler import shared_library, workshop

__all__ = ["bound_casadi", "floats", "generated_casadi", "jax_in_double", "torch_tensor"]

_KEPT: list[Any] = []
"""What a bound call reads and fills, as long as this process lives: casadi itself keeps addresses only."""


def floats(*parts: Any) -> list[float]:
    """The numbers of scalars and arrays, one after the other."""
    return np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in parts]).tolist()  # type: ignore[no-any-return]


def jax_in_double() -> Any:
    """JAX, in float64 as everybody else."""
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def torch_tensor(array: Any, *, gradient: bool = False) -> Any:
    """A tensor on the array's own memory."""
    import torch

    return torch.from_numpy(np.asarray(array)).requires_grad_(gradient)


def generated_casadi(function: Any, flags: tuple[str, ...]) -> Any:
    """A casadi function as the C that casadi writes for it, compiled."""
    import casadi

    generator = casadi.CodeGenerator(f"{function.name()}.c")
    generator.add(function)
    source = Path(generator.generate(f"{workshop()}/"))
    return casadi.external(function.name(), str(shared_library(source, flags)))


def bound_casadi(function: Any, arguments: list[Any], results: list[Any]) -> Any:
    """A call of a casadi function that reads and fills NumPy arrays without a copy."""
    buffer, call = function.buffer()
    _KEPT.append((buffer, arguments, results))
    for place, array in enumerate(arguments):
        buffer.set_arg(place, memoryview(array))
    for place, array in enumerate(results):
        buffer.set_res(place, memoryview(array))
    return call
