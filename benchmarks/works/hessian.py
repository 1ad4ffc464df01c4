"""The Hessian of the logistic loss by its 30 weights over many rows: the closed form and every peer's way to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.registry import Call, Work, adapter, enter
from benchmarks.works import logistic
from benchmarks.works.arrays import floats, jax_in_double, torch_tensor
from benchmarks.works.logistic import Problem

__all__ = ["HESSIAN", "closed_form"]


def closed_form(X: Any, w: Any, b: float) -> Any:
    """XᵀSX with S = a(1 - a) on its diagonal, as it is derived by hand and written in NumPy."""
    a = 1.0 / (1.0 + np.exp(-(X @ w + b)))
    return X.T @ (X * (a * (1.0 - a))[:, None])


def _reference(given: Problem) -> list[float]:
    """The same in a form of its own."""
    spread = 1.0 / (2.0 * np.cosh((given.X @ given.w + given.b) / 2.0)) ** 2
    scaled = given.X * np.sqrt(spread)[:, None]
    return floats(scaled.T @ scaled)


HESSIAN = enter(
    Work(
        "Hessian, rows",
        problem=logistic.problem,
        reference=_reference,
        operations=lambda given: len(given.y),
        sizes=(100_000,),
        unit="row",
        weight=lambda rows: 4 * logistic.WEIGHT * rows,
    )
)


@adapter(peers.NUMPY, HESSIAN)
def _numpy(given: Problem) -> Call:
    def call() -> Any:
        return closed_form(given.X, given.w, given.b)

    return Call(call, lambda: floats(call()))


@adapter(peers.JAX, HESSIAN)
def _jax(given: Problem) -> Call:
    jax = jax_in_double()

    def loss(w: Any, b: Any, X: Any, y: Any) -> Any:
        z = X @ w + b
        return (jax.numpy.logaddexp(0.0, z) - y * z).sum()

    derived = jax.jit(jax.hessian(loss))
    arguments = [jax.numpy.asarray(part) for part in (given.w, given.b, given.X, given.y)]

    def call() -> Any:
        return derived(*arguments).block_until_ready()

    return Call(call, lambda: floats(call()))


@adapter(peers.TORCH, HESSIAN)
def _torch(given: Problem) -> Call:
    import torch

    X, y, w = map(torch_tensor, (given.X, given.y, given.w))

    def loss(w: Any) -> Any:
        return torch.nn.functional.binary_cross_entropy_with_logits(X @ w + given.b, y, reduction="sum")

    derived = torch.func.hessian(loss)
    return Call(lambda: derived(w), lambda: floats(derived(w)))
