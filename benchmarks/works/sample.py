"""One sample's logistic loss and gradient, called from Python: the data, the closed form, and every peer's call."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.c_compiler import FAST
from benchmarks.registry import Call, Work, adapter, as_it_is, enter
from benchmarks.works import logistic
from benchmarks.works.arrays import bound_casadi, floats, generated_casadi, jax_in_double, torch_tensor
from benchmarks.works.logistic import FEATURES, Problem, casadi_sample, ddx_sample, heyoka_sample
from benchmarks.works.scalar import LOGISTIC, prepare

__all__ = ["SAMPLE"]


def _problem(_size: int) -> Problem:
    """One row: x in the place of X, and y a float."""
    given = logistic.problem(1)
    return Problem(given.X[0], float(given.y[0]), given.w, given.b)


def _closed_form(x: Any, y: float, w: Any, b: float) -> tuple[float, Any, float]:
    """The loss and its gradient as they are derived by hand."""
    z = float(w @ x) + b
    missed = 1.0 / (1.0 + math.exp(-z)) - y
    return math.log1p(math.exp(-z)) + (1.0 - y) * z, missed * x, missed


def _reference(given: Problem) -> list[float]:
    z = math.fsum([*(given.w * given.X).tolist(), given.b])
    sign = 2.0 * given.y - 1.0
    missed = -sign / (1.0 + math.exp(sign * z))
    return floats(math.log1p(math.exp(-sign * z)), missed * given.X, missed)


SAMPLE = enter(
    Work(
        "one sample, features",
        problem=_problem,
        reference=_reference,
        operations=lambda _given: 2 * FEATURES + 5,
        sizes=(FEATURES,),
    )
)


@adapter(peers.NUMPY, SAMPLE)
def _numpy(given: Problem) -> Call:
    def call() -> Any:
        return _closed_form(given.X, given.y, given.w, given.b)

    return Call(call, lambda: floats(*call()))


@adapter(peers.NUMBA, SAMPLE)
def _numba(given: Problem) -> Call:
    """The closed form as loops that fill an array."""
    import numba

    @numba.njit(fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
    def kernel(w: Any, b: Any, x: Any, y: Any, gradient: Any) -> Any:
        z = b
        for k in range(FEATURES):
            z += w[k] * x[k]
        decay = math.exp(-z)
        missed = 1.0 / (1.0 + decay) - y
        for k in range(FEATURES):
            gradient[k] = missed * x[k]
        gradient[FEATURES] = missed
        return math.log(1.0 + decay) + (1.0 - y) * z

    gradient = np.empty(FEATURES + 1)

    def call() -> Any:
        return kernel(given.w, given.b, given.X, given.y, gradient)

    return Call(call, lambda: floats(call(), gradient))


@adapter(peers.JAX, SAMPLE)
def _jax(given: Problem) -> Call:
    jax = jax_in_double()

    def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
        z = w @ x + b
        return jax.numpy.logaddexp(0.0, z) - y * z

    derived = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    arguments = [jax.numpy.asarray(part) for part in (given.w, given.b, given.X, given.y)]

    def call() -> Any:
        return jax.block_until_ready(derived(*arguments))

    def answer() -> list[float]:
        value, gradient = call()
        return floats(value, *gradient)

    return Call(call, answer)


@adapter(peers.TORCH, SAMPLE)
def _torch(given: Problem) -> Call:
    import torch

    torch.set_num_threads(1)
    x, y = torch_tensor(given.X), torch_tensor(given.y)
    w, b = torch_tensor(given.w, gradient=True), torch_tensor(given.b, gradient=True)

    def call() -> Any:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(w @ x + b, y)
        return loss.detach(), *torch.autograd.grad(loss, (w, b))

    return Call(call, lambda: floats(*call()))


@adapter(peers.DDX, SAMPLE)
def _ddx(given: Problem) -> Call:
    bound = ddx_sample().compile().buffer(np.concatenate([given.w, [given.b], given.X, [given.y]]))
    return Call(bound, lambda: floats(bound.value, bound.jacobian))


@adapter(peers.HEYOKA, SAMPLE)
def _heyoka(given: Problem) -> Call:
    function, results = heyoka_sample(), np.empty(FEATURES + 2)
    point = np.concatenate([given.w, [given.b], given.X, [given.y]])
    return Call(lambda: function(point, outputs=results), lambda: floats(results))


def _casadi(finish: Callable[[Any], Any], given: Problem) -> Call:
    results = [np.empty(1), np.empty(FEATURES), np.empty(1)]
    arguments = [given.w, np.array([given.b]), given.X, np.array([given.y])]
    return Call(bound_casadi(finish(casadi_sample()), arguments, results), lambda: floats(*results))


adapter(peers.CASADI, SAMPLE)(partial(_casadi, partial(generated_casadi, flags=FAST)))
adapter(peers.CASADI_VM, SAMPLE)(partial(_casadi, as_it_is))


def _eager(name: str, given: Problem) -> Call:
    """The loss from the logit, one operation at a time, recorded anew at each call."""
    return prepare(LOGISTIC, name, [(given.X.tolist(), 2.0 * given.y - 1.0)]).as_call()


for _name in (peers.SLOTTED, peers.MICROGRAD, peers.XAD):
    adapter(_name, SAMPLE)(partial(_eager, _name))
