"""The logistic loss and its gradient over many rows: the data, the closed form, and what every peer makes of it.

The loss is the sum over the rows of softplus(z) - y·z with z = x·w + b, the gradient that by w and by b. Rows lie in
memory one after the other (C order) or column by column (Fortran order), and every peer is written for the order that
it gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.c_compiler import FAST
from benchmarks.registry import Call, Work, adapter, as_it_is, enter
from benchmarks.works.arrays import bound_casadi, floats, generated_casadi, jax_in_double, torch_tensor
from benchmarks.works.ceiling import loss_and_gradient

__all__ = ["C_ORDER", "FEATURES", "FORTRAN_ORDER", "Problem", "closed_form", "problem"]

FEATURES = 30
WEIGHT = FEATURES * 8
"""The bytes of a row."""


@dataclass(frozen=True)
class Problem:
    """The data of a logistic regression."""

    X: Any  # rows × features
    y: Any  # 0 or 1 for each row
    w: Any  # a weight for each feature
    b: float  # the intercept


def problem(rows: int, order: str = "C") -> Problem:
    """Random rows, in C or in Fortran order."""
    chance = np.random.default_rng(0)
    X = chance.standard_normal((rows, FEATURES))
    y = (chance.random(rows) < 0.5).astype(float)
    w = 0.1 * np.sin(np.arange(FEATURES))
    return Problem(np.asfortranarray(X) if order == "F" else X, y, w, 0.1)


def closed_form(X: Any, y: Any, w: Any, b: float) -> tuple[Any, Any, Any]:
    """The loss and its gradient as they are derived by hand and written in NumPy."""
    z = X @ w + b
    missed = 1.0 / (1.0 + np.exp(-z)) - y
    return np.logaddexp(0.0, z).sum() - y @ z, missed @ X, missed.sum()


def _reference(given: Problem) -> list[float]:
    """The loss and its gradient without overflow, in a form of its own."""
    z = given.X @ given.w + given.b
    decay = np.exp(-np.abs(z))
    missed = np.where(z >= 0.0, 1.0, decay) / (1.0 + decay) - given.y
    loss = np.maximum(z, 0.0).sum() + np.log1p(decay).sum() - given.y @ z
    return floats(loss, given.X.T @ missed, missed.sum())


def _rows(order: str) -> Work:
    return enter(
        Work(
            f"logistic, {order} order,",
            problem=lambda rows: problem(rows, order[0]),
            reference=_reference,
            operations=lambda given: len(given.y),
            sizes=(100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000),
            unit="row",
            weight=lambda rows: 3 * WEIGHT * rows,
            setting="rows",
        )
    )


C_ORDER, FORTRAN_ORDER = _rows("C"), _rows("Fortran")


def _task(call: Callable[[], Any]) -> Call:
    """A task whose call gives the loss and the gradient."""
    return Call(call, lambda: floats(*call()))


# ---- by hand --------------------------------------------------------------------------------------------------


@adapter(peers.NUMPY, C_ORDER, FORTRAN_ORDER)
def _numpy(given: Problem) -> Call:
    return _task(lambda: closed_form(given.X, given.y, given.w, given.b))


def _ceiling(threads: int, given: Problem) -> Call:
    call, found = loss_and_gradient(given.X, given.y, np.append(given.w, given.b), threads)
    return Call(call, lambda: floats(found))


adapter(peers.CEILING, C_ORDER, FORTRAN_ORDER)(partial(_ceiling, 0))  # on all cores
adapter(peers.CEILING_ALONE, C_ORDER, FORTRAN_ORDER)(partial(_ceiling, 1))


def _numba_kernel(order: str) -> Callable[..., Any]:
    """The loops that a careful programmer writes for an order of the memory: in blocks that stay in a cache."""
    import numba

    compiled = numba.njit(fastmath=True)
    part = compiled(_loops_over_rows(compiled) if order == "C" else _loops_over_columns(compiled))

    def kernel(X: Any, y: Any, w: Any, b: Any, parts: int) -> Any:
        sums = np.zeros((parts, 64))  # some cache lines apart
        for place in numba.prange(parts):
            start, stop = place * len(y) // parts, (place + 1) * len(y) // parts
            part(X, y, w, b, start, stop, sums[place])
        return sums.sum(axis=0)

    parallel: Callable[..., Any] = numba.njit(fastmath=True, parallel=True)(kernel)
    return parallel


def _miss(z: Any, y: Any, missed: Any, sums: Any) -> None:
    """From logits to a - y, and to the sums of the losses and of the derivatives by b."""
    for row in range(len(y)):
        decay = math.exp(-z[row])
        missed[row] = 1.0 / (1.0 + decay) - y[row]
        sums[0] += math.log(1.0 + decay) + (1.0 - y[row]) * z[row]
        sums[FEATURES + 1] += missed[row]


def _loops_over_rows(compiled: Callable[..., Any]) -> Callable[..., None]:
    """Four rows at a time, so that a weight is loaded once for them and a sum stored once."""
    block, miss = 64, compiled(_miss)

    def loops(X: Any, y: Any, w: Any, b: Any, start: int, stop: int, sums: Any) -> None:
        z, missed = np.zeros(block), np.zeros(block)
        for first in range(start, stop, block):
            rows = min(block, stop - first)
            whole = rows // 4 * 4
            for row in range(0, whole, 4):
                i = first + row
                z0 = z1 = z2 = z3 = b
                for k in range(FEATURES):
                    z0 += w[k] * X[i, k]
                    z1 += w[k] * X[i + 1, k]
                    z2 += w[k] * X[i + 2, k]
                    z3 += w[k] * X[i + 3, k]
                z[row], z[row + 1], z[row + 2], z[row + 3] = z0, z1, z2, z3
            for row in range(whole, rows):
                z[row] = b
                for k in range(FEATURES):
                    z[row] += w[k] * X[first + row, k]
            miss(z, y[first : first + rows], missed, sums)
            for row in range(0, whole, 4):
                i = first + row
                m0, m1, m2, m3 = missed[row], missed[row + 1], missed[row + 2], missed[row + 3]
                for k in range(FEATURES):
                    sums[1 + k] += m0 * X[i, k] + m1 * X[i + 1, k] + m2 * X[i + 2, k] + m3 * X[i + 3, k]
            for row in range(whole, rows):
                for k in range(FEATURES):
                    sums[1 + k] += missed[row] * X[first + row, k]

    return loops


def _loops_over_columns(compiled: Callable[..., Any]) -> Callable[..., None]:
    """Three columns at a time, so that a logit is loaded and stored once for them."""
    block, miss = 512, compiled(_miss)

    def loops(X: Any, y: Any, w: Any, b: Any, start: int, stop: int, sums: Any) -> None:
        z, missed = np.zeros(block), np.zeros(block)
        for first in range(start, stop, block):
            rows = min(block, stop - first)
            z[:rows] = b
            for k in range(0, FEATURES, 3):
                w0, w1, w2 = w[k], w[k + 1], w[k + 2]
                for row in range(rows):
                    i = first + row
                    z[row] += w0 * X[i, k] + w1 * X[i, k + 1] + w2 * X[i, k + 2]
            miss(z, y[first : first + rows], missed, sums)
            for k in range(0, FEATURES, 3):
                by_0 = by_1 = by_2 = 0.0
                for row in range(rows):
                    i = first + row
                    by_0 += missed[row] * X[i, k]
                    by_1 += missed[row] * X[i, k + 1]
                    by_2 += missed[row] * X[i, k + 2]
                sums[1 + k] += by_0
                sums[2 + k] += by_1
                sums[3 + k] += by_2

    return loops


def _numba(wanted: int | None, given: Problem) -> Call:
    import numba

    threads = wanted or numba.config.NUMBA_NUM_THREADS
    numba.set_num_threads(threads)
    kernel = _numba_kernel("C" if given.X.flags.c_contiguous else "Fortran")

    def call() -> Any:
        return kernel(given.X, given.y, given.w, given.b, threads)

    return Call(call, lambda: floats(call()[: FEATURES + 2]))


adapter(peers.NUMBA, C_ORDER, FORTRAN_ORDER)(partial(_numba, None))
adapter(peers.NUMBA_ALONE, C_ORDER, FORTRAN_ORDER)(partial(_numba, 1))


# ---- array libraries ------------------------------------------------------------------------------------------


def _jax(logits: Callable[[Any, Any], Any], given: Problem) -> Call:
    """JAX keeps matrices in C order: from Fortran order it gets the transposed, and the formula for that.

    The loss is written as it is for the engines with graphs, which is faster here than its ``logaddexp``.
    """
    jax = jax_in_double()
    by_rows = given.X if given.X.flags.c_contiguous else given.X.T
    matrix, labels, w = map(jax.numpy.asarray, (by_rows, given.y, given.w))

    def loss(w: Any, b: Any, matrix: Any, labels: Any) -> Any:
        z = logits(w, matrix) + b
        return (jax.numpy.log(1.0 + jax.numpy.exp(-z)) + (1.0 - labels) * z).sum()

    derived = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))

    def call() -> Any:
        value, (by_w, by_b) = jax.block_until_ready(derived(w, given.b, matrix, labels))
        return value, by_w, by_b

    return _task(call)


adapter(peers.JAX, C_ORDER)(partial(_jax, lambda w, matrix: matrix @ w))
adapter(peers.JAX, FORTRAN_ORDER)(partial(_jax, lambda w, matrix: w @ matrix))
adapter(peers.JAX_WRITTEN_OUT, C_ORDER)(partial(_jax, lambda w, matrix: (matrix * w).sum(axis=1)))


@adapter(peers.TORCH, C_ORDER, FORTRAN_ORDER)
def _torch(given: Problem) -> Call:
    import torch

    X, y = torch_tensor(given.X), torch_tensor(given.y)
    w, b = torch_tensor(given.w, gradient=True), torch_tensor(given.b, gradient=True)

    def call() -> Any:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(X @ w + b, y, reduction="sum")
        return loss.detach(), *torch.autograd.grad(loss, (w, b))

    return _task(call)


@adapter(peers.SCIKIT, C_ORDER, FORTRAN_ORDER)
def _scikit_learn(given: Problem) -> Call:
    """What its ``LogisticRegression`` minimises, on as many threads as its own solver uses; it takes the mean."""
    from sklearn._loss import HalfBinomialLoss
    from sklearn.linear_model._linear_loss import LinearModelLoss

    linear = LinearModelLoss(base_loss=HalfBinomialLoss(), fit_intercept=True)
    coefficients = np.append(given.w, given.b)

    def call() -> Any:
        return linear.loss_gradient(coefficients, given.X, given.y)

    return Call(call, lambda: [len(given.y) * number for number in floats(*call())])


@adapter(peers.AUTOGRAD, C_ORDER, FORTRAN_ORDER)
def _autograd(given: Problem) -> Call:
    import autograd

    numpy = autograd.numpy

    def loss(parameters: Any) -> Any:
        z = numpy.dot(given.X, parameters[0]) + parameters[1]
        return numpy.sum(numpy.logaddexp(0.0, z) - given.y * z)

    derived = autograd.value_and_grad(loss)

    def call() -> Any:
        value, gradient = derived((given.w, given.b))
        return value, *gradient

    return _task(call)


# ---- engines with graphs of their own -------------------------------------------------------------------------


def _row_by_row(given: Problem) -> Any:
    """The weights, the intercept, the features and the label of each row, in a column."""
    points = np.empty((2 * FEATURES + 2, len(given.y)))
    points[:FEATURES], points[FEATURES] = given.w[:, None], given.b
    points[FEATURES + 1 : -1], points[-1] = given.X.T, given.y
    return points


@adapter(peers.DDX, C_ORDER, FORTRAN_ORDER, most=1_000_000)
def _ddx(given: Problem) -> Call:
    """The graph of one row, compiled for all of them. Weights are given anew with each row, and summed afterwards."""
    equation = ddx_sample()
    bound = equation.compile(points=len(given.y), veclib=ddx_vectors()).buffer(_row_by_row(given))

    def call() -> Any:
        bound()
        return np.sum(bound.value), bound.jacobian.sum(axis=1)

    return _task(call)


def ddx_vectors() -> Any:
    """The option that has ddx-ad call a vector library where there is one."""
    import ddx

    return ddx.VecLib.AUTO


def ddx_sample() -> Any:
    """The loss of one row as an equation in w and b with the parameters x and y."""
    import ddx

    @ddx.equation  # type: ignore[untyped-decorator, unused-ignore]
    def loss() -> Any:
        w, b = [ddx.var(f"w{k}") for k in range(FEATURES)], ddx.var("b")
        x, y = [ddx.param(f"x{k}") for k in range(FEATURES)], ddx.param("y")
        z = b
        for k in range(FEATURES):
            z = z + w[k] * x[k]
        return ddx.log(1.0 + ddx.exp(-z)) + (1.0 - y) * z

    return loss


@adapter(peers.DDX_VECTORS, C_ORDER, FORTRAN_ORDER, most=1_000_000)
def _ddx_with_vectors(given: Problem) -> Call:
    """The rows as a constant matrix; b is the weight of a column of 1, as its products take no scalar beside them."""
    import ddx

    rows = np.column_stack([given.X, np.ones(len(given.y))])

    @ddx.equation  # type: ignore[untyped-decorator, unused-ignore]
    def loss() -> Any:
        w = ddx.vec("w", FEATURES + 1)
        if given.X.flags.c_contiguous:
            z = ddx.gemv(ddx.mat_constant(FEATURES + 1, len(rows), rows.ravel()), w, transposed=True)
        else:
            z = ddx.mat_constant(len(rows), FEATURES + 1, rows.ravel(order="F")) @ w
        return ddx.sum(ddx.log(1.0 + ddx.exp(-z))) + ddx.dot(ddx.vec_constant(1.0 - given.y), z)

    bound = loss.buffer(np.append(given.w, given.b))

    def call() -> Any:
        bound()
        return bound.value, bound.jacobian

    return _task(call)


def _casadi_rows(rows: int) -> Any:
    """The graph of one row, mapped over all of them and summed: for C order, in which it takes its rows."""
    return casadi_sample().map("rows", "serial", rows, [0, 1], [0, 1, 2])


def casadi_sample() -> Any:
    """The loss of one row and its gradient as a function of w, b, x and y."""
    import casadi

    w, b, x, y = casadi.SX.sym("w", FEATURES), casadi.SX.sym("b"), casadi.SX.sym("x", FEATURES), casadi.SX.sym("y")
    z = b + casadi.dot(w, x)
    loss = casadi.log(1.0 + casadi.exp(-z)) + (1.0 - y) * z
    return casadi.Function("row", [w, b, x, y], [loss, casadi.gradient(loss, w), casadi.gradient(loss, b)])


def _casadi_matrix(rows: int) -> Any:
    """The matrix form: for Fortran order, in which casadi has its matrices."""
    import casadi

    w, b, X, y = (
        casadi.MX.sym("w", FEATURES),
        casadi.MX.sym("b"),
        casadi.MX.sym("X", rows, FEATURES),
        casadi.MX.sym("y", rows),
    )
    z = X @ w + b
    loss = casadi.sum1(casadi.log(1.0 + casadi.exp(-z)) + (1.0 - y) * z)
    return casadi.Function("matrix", [w, b, X, y], [loss, casadi.gradient(loss, w), casadi.gradient(loss, b)])


def _casadi(finish: Callable[[Any], Any], given: Problem) -> Call:
    rows = len(given.y)
    function = finish(_casadi_rows(rows) if given.X.flags.c_contiguous else _casadi_matrix(rows))
    results = [np.empty(1), np.empty(FEATURES), np.empty(1)]
    arguments = [given.w, np.array([given.b]), given.X.ravel(order="K"), given.y]
    return Call(bound_casadi(function, arguments, results), lambda: floats(*results))


for _name, _finish in ((peers.CASADI, partial(generated_casadi, flags=FAST)), (peers.CASADI_VM, as_it_is)):
    adapter(_name, C_ORDER, FORTRAN_ORDER, most=1_000_000)(partial(_casadi, _finish))


def heyoka_sample() -> Any:
    """The loss of one row and its gradient by w and b, as a compiled function of w, b, x and y."""
    import heyoka

    variables = heyoka.make_vars(*[f"v{place:02}" for place in range(2 * FEATURES + 2)])
    by = variables[: FEATURES + 1]
    x, y = variables[FEATURES + 1 : -1], variables[-1]
    z = heyoka.sum([by[FEATURES], *[by[k] * x[k] for k in range(FEATURES)]])
    loss = heyoka.log(1.0 + heyoka.exp(-z)) + (1.0 - y) * z
    return heyoka.cfunc([loss, *heyoka.diff_tensors([loss], diff_args=by).gradient], vars=variables)


@adapter(peers.HEYOKA, C_ORDER, FORTRAN_ORDER, most=1_000_000)
def _heyoka(given: Problem) -> Call:
    """The graph of one row, compiled for all of them. Weights are given anew with each row, and summed afterwards."""
    function = heyoka_sample()
    points = _row_by_row(given)
    results = np.empty((FEATURES + 2, len(given.y)))

    def call() -> Any:
        function(points, outputs=results)
        return results.sum(axis=1)

    return Call(call, lambda: floats(call()))
