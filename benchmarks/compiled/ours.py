"""What microgrid makes of every work, in the words of its own users; the peers' ways stand with the works."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgrid
from benchmarks.compiled import logistic, moons, peers
from benchmarks.compiled.arrays import floats
from benchmarks.compiled.graphs import CHAIN, POINTS, RANDOM, Graph, Recorded, trace
from benchmarks.compiled.hessian import HESSIAN
from benchmarks.compiled.logistic import C_ORDER, FORTRAN_ORDER
from benchmarks.compiled.moons import MOONS
from benchmarks.compiled.registry import Task, adapter
from benchmarks.compiled.sample import SAMPLE

__all__: list[str] = []


def _loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    """The loss of one sample."""
    z = microgrid.dot(w, x) + b
    return microgrid.softplus(z) - y * z


def _compile(target: Any, *arguments: Any, **options: Any) -> Any:
    """``microgrid.compile``, which an older installation does not have: such a peer is listed as missing."""
    return microgrid.compile(target, *arguments, **options)  # type: ignore[attr-defined, unused-ignore]


def _called(compiled: Any, arguments: tuple[Any, ...]) -> Task:
    """A plain call."""

    def call() -> Any:
        return compiled.value_and_grad(*arguments)

    def answer() -> list[float]:
        value, gradient = call()
        return floats(value, *gradient)

    return Task(call, answer)


def _bound(compiled: Any, arguments: tuple[Any, ...]) -> Task:
    """A call with bound buffers."""
    bound = compiled.bind(*arguments)
    return Task(bound, lambda: floats(bound(), *bound.gradient))


# ---- logistic regression --------------------------------------------------------------------------------------


def _over_rows(threads: int | None) -> Any:
    return _compile(_loss, rows=("x", "y"), wrt=("w", "b"), threads=threads)


@adapter(peers.OURS, C_ORDER, FORTRAN_ORDER)
def _on_all(given: logistic.Problem) -> Task:
    return _called(_over_rows(threads=None), (given.w, given.b, given.X, given.y))


@adapter(peers.OURS_ALONE, C_ORDER, FORTRAN_ORDER)
def _alone(given: logistic.Problem) -> Task:
    return _called(_over_rows(threads=1), (given.w, given.b, given.X, given.y))


@adapter(peers.OURS_BOUND, C_ORDER, FORTRAN_ORDER)
def _on_all_bound(given: logistic.Problem) -> Task:
    return _bound(_over_rows(threads=None), (given.w, np.array(given.b), given.X, given.y))


@adapter(peers.OURS, SAMPLE)
def _one(given: logistic.Problem) -> Task:
    return _called(_compile(_loss, wrt=("w", "b"), optimize="full"), (given.w, given.b, given.X, given.y))


@adapter(peers.OURS_BOUND, SAMPLE)
def _one_bound(given: logistic.Problem) -> Task:
    arguments = (given.w, np.array(given.b), given.X, np.array(given.y))
    return _bound(_compile(_loss, wrt=("w", "b"), optimize="full"), arguments)


@adapter(peers.OURS, HESSIAN)
def _hessian(given: logistic.Problem) -> Task:
    compiled = _compile(_loss, rows=("x", "y"), wrt="w")

    def call() -> Any:
        return compiled.hessian(given.w, given.b, given.X, given.y)

    return Task(call, lambda: floats(call()))


# ---- graphs ---------------------------------------------------------------------------------------------------


def _record(graph: Graph) -> Recorded:
    leaves = [microgrid.Value(number) for number in graph.point.tolist()]
    return Recorded(graph, leaves, trace(graph, leaves, microgrid.exp, microgrid.log))


def _compiled(recorded: Recorded, optimize: str) -> Task:
    compiled = _compile(recorded.value, recorded.inputs, optimize=optimize)
    return _bound(compiled, tuple(map(np.array, recorded.graph.point.tolist())))


@adapter(peers.INTERPRETER, RANDOM, CHAIN, record=_record)
def _interpreter(recorded: Recorded) -> Task:
    return _compiled(recorded, "interpreter")


@adapter(peers.FULL, RANDOM, record=_record)
def _full(recorded: Recorded) -> Task:
    return _compiled(recorded, "full")


@adapter(peers.OURS_ALONE, POINTS)
def _at_points(graph: Graph) -> Task:
    """A row for each point, column by column in memory as ddx-ad has it; every row's own value and gradient."""

    def value(x: Any) -> Any:
        return trace(graph, x, microgrid.exp, microgrid.log)

    compiled = _compile(value, rows="x", reduce=None, threads=1, optimize="full")

    def call() -> Any:
        return compiled.value_and_grad(graph.point.T)

    def answer() -> list[float]:
        values, gradient = call()
        return floats(values, gradient.T)

    return Task(call, answer)


# ---- a perceptron ---------------------------------------------------------------------------------------------


def _moons_loss(parameters: Any, x: Any, y: Any) -> Any:
    """The loss of one sample, penalty included: the mean of them is the loss of all."""
    place = 0
    for fan_in, neurons in moons.SHAPES:
        x = [
            microgrid.dot(parameters[start : start + fan_in], x) + parameters[start + fan_in]
            for start in range(place, place + neurons * (fan_in + 1), fan_in + 1)
        ]
        place += neurons * (fan_in + 1)
        if neurons > 1:
            x = [microgrid.relu(xi) for xi in x]
    return microgrid.relu(1.0 - y * x[0]) + moons.STRENGTH * microgrid.dot(parameters, parameters)


@adapter(peers.OURS, MOONS)
def _moons_step(given: moons.Problem) -> Task:
    bound = _compile(_moons_loss, rows=("x", "y"), reduce="mean").bind(given.parameters, given.X, given.y)
    parameters = bound.arguments["parameters"]
    found: list[Any] = []

    def call() -> None:
        found[:] = bound(), bound.gradient
        np.subtract(parameters, moons.RATE * found[1], out=parameters)

    return Task(call, lambda: floats(*found))
