"""A branch that wasn't taken contributes nothing, and a zero that is a number is multiplied: in every mode and backend.

Right values are those of the branch that is taken, worked out by hand, or the derivatives of a program that records
that branch alone.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import microgrid
from microgrid import (
    Program,
    Value,
    amax,
    amin,
    clip,
    derivative,
    exp,
    floor,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    logsumexp,
    maximum,
    minimum,
    relu,
    sign,
    sqrt,
    taylor,
    to_numpy,
    vjp,
    where,
)
from microgrid.calculus.forward import pushforward
from microgrid.core.arithmetic import FLOAT
from microgrid.core.graph import pullback

nan, inf = math.nan, math.inf
Function = Callable[[Any], Any]


def shared(x: Any) -> Any:
    """A root that is reached through a branch that is taken and one that isn't."""
    root = sqrt(x)
    return where(x > 1, root, 0.0) + where(x > 0, root * root, 0.0)


# By name: a function of one number, and points with the first derivative there.
FIRST: dict[str, tuple[Function, dict[float, float]]] = {
    "the left side": (lambda x: where(x < 1, x, sqrt(x)), {0.0: 1.0, 4.0: 0.25, nan: nan}),
    "the right side": (lambda x: where(x > 0, sqrt(x), 0.0), {-3.0: 0.0, 0.0: 0.0, 4.0: 0.25, nan: 0.0}),
    "a floor below a norm": (lambda x: maximum(sqrt(x * x), 1e-10), {0.0: 0.0, 3.0: 1.0, nan: nan}),
    "a tie, which takes both": (lambda x: maximum(sqrt(x * x), 0.0), {0.0: nan}),
    "an adjoint of -inf": (lambda x: log(1 / maximum(1e-200, x)), {0.0: 0.0, 2.0: -0.5}),
    "a root squared": (lambda x: sqrt(x) ** 2, {0.0: nan, 4.0: 1.0}),
    "its negative": (lambda x: -(sqrt(x) ** 2), {0.0: nan}),
    "a negative zero that was taken": (lambda x: where(x < 0, x, -(sqrt(x) ** 2)), {0.0: nan, -1.0: 1.0}),
    "a comparison as a factor": (lambda x: (sqrt(x) < 1) * x, {0.0: 1.0}),
    "relu": (lambda x: relu(sqrt(x) - 1), {0.0: 0.0, 4.0: 0.25}),
    "relu at its kink": (lambda x: relu(sqrt(x)), {0.0: 0.0, 4.0: 0.25}),
    "minimum": (lambda x: minimum(log(x), 5.0 - sqrt(x)), {0.0: inf, 1.0: 1.0}),
    "clip": (lambda x: clip(sqrt(x), 1.0, 3.0), {0.0: 0.0, 4.0: 0.25, 16.0: 0.0}),
    "a tie of three": (lambda x: amax([x, x * x, x * x * x, 0.5]), {1.0: 2.0, 0.25: 0.0, 2.0: 12.0, nan: nan}),
    "the smallest of a list": (lambda x: amin([sqrt(x), 1.0, 1.0 + log(x)]), {0.0: inf, 1.0: 0.5, 4.0: 0.0}),
    "jumps": (lambda x: x * sign(sqrt(x)) + floor(sqrt(x)), {0.0: 0.0, 2.25: 1.0}),
    "both ways": (shared, {0.0: 0.0, 0.25: 1.0, 4.0: 1.25, inf: nan}),
    "an overflow by products": (lambda x: where(x < 1e100, x * x * x, x), {1e200: 1.0, 2.0: 12.0}),
    "a choice of choices": (
        lambda x: where(x < 1, relu(x) * 3.0, where(x > 5, log(x - 5), maximum(x, 1 / (x - 1)))),
        {0.5: 3.0, 1.0: -inf, 3.0: 1.0, 6.0: 1.0},
    ),
    "a number 0": (lambda x: 0 * sqrt(x), {0.0: nan, 4.0: 0.0}),
    "a convention at a kink": (lambda x: microgrid.abs(sqrt(x)), {0.0: nan, 4.0: 0.25}),
    "a weight that underflows": (lambda x: logsumexp([log(x), 0.0]), {0.0: nan}),
}
# Likewise with second derivatives.
SECOND: dict[str, tuple[Function, dict[float, float]]] = {
    "the left side": (lambda x: where(x < 1, x * x, sqrt(x) * x), {0.0: 2.0, 4.0: 0.375}),
    "the right side": (lambda x: where(x > 0, sqrt(x) * x, x * x * x), {0.0: 0.0, -2.0: -12.0, 4.0: 0.375}),
    "a tie of three": (lambda x: amax([x, x * x, x * x * x]), {1.0: 8.0 / 3.0, 2.0: 12.0}),
    "a floor": (lambda x: exp(maximum(x, 0.5) - 0.5) + relu(sqrt(x) - 3.0), {0.0: 0.0, 1.5: math.e}),
}


def same(got: Any, right: float) -> bool:
    number = float(got.data) if isinstance(got, Value) else float(got)
    return math.isnan(number) if math.isnan(right) else number == right or math.isclose(number, right, rel_tol=1e-14)


def by_backward(f: Function, x: float) -> float:
    leaf = Value(x)
    f(leaf).backward()
    return leaf.grad


def by_forward(f: Function, x: float) -> float:
    leaf = Value(x)
    output = f(leaf)
    tangent: float = pushforward(output, {leaf: 1.0})[output]
    return tangent


def by_source(f: Function, x: float) -> Any:
    namespace: dict[str, Any] = {}
    exec(to_numpy(f(Value(0.7)), name="written"), namespace)
    return namespace["written"]([np.array(x)])[1][0]


def at(output: Any, leaf: Value, x: float) -> float:
    """A graph recorded elsewhere, evaluated at this number."""
    program = Program.record([output], [leaf])
    return float(program.evaluate(FLOAT, [x])[program.outputs[0]])


def replayed(f: Function, x: float) -> float:
    leaf = Value(0.7)
    return at(gradients(f(leaf), leaf), leaf, x)


def replayed_twice(f: Function, x: float) -> float:
    leaf = Value(0.7)
    return at(gradients(gradients(f(leaf), leaf), leaf), leaf, x)


def gradients_of(f: Function, x: float) -> Any:
    leaf = Value(x)
    return gradients(f(leaf), leaf)


def gradients_twice(f: Function, x: float) -> Any:
    leaf = Value(x)
    return gradients(gradients(f(leaf), leaf), leaf)


FIRST_MODES: dict[str, Callable[[Function, float], Any]] = {
    "backward": by_backward,
    "pushforward": by_forward,
    "pullback": lambda f, x: pullback(f(leaf := Value(x)))[leaf],
    "grad": lambda f, x: grad(f)(x),
    "jacobian": lambda f, x: jacobian(f)(x),
    "jacobian, forward": lambda f, x: jacobian(lambda z: [f(z), f(z)])(x)[1],
    "vjp": lambda f, x: vjp(f)(x, 1.0),
    "derivative": lambda f, x: derivative(f)(x),
    "taylor": lambda f, x: taylor(f, x, 1)[1],
    "jvp": lambda f, x: jvp(f)(x, 1.0),
    "gradients": gradients_of,
    "gradients, replayed": replayed,
    "grad of a Value": lambda f, x: grad(f)(Value(x)),
    "derivative of a Value": lambda f, x: derivative(f)(Value(x)),
    "jvp of Values": lambda f, x: jvp(f)(Value(x), Value(1.0)),
    "source text": by_source,
}
SECOND_MODES: dict[str, Callable[[Function, float], Any]] = {
    "hessian": lambda f, x: hessian(f)(x),
    "hvp": lambda f, x: hvp(f)(x, 1.0),
    "derivative": lambda f, x: derivative(f, 2)(x),
    "grad of grad": lambda f, x: grad(grad(f))(x),
    "jvp of jvp": lambda f, x: jvp(lambda z: jvp(f)(z, 1.0))(x, 1.0),
    "jvp of grad": lambda f, x: jvp(grad(f))(x, 1.0),
    "gradients twice": gradients_twice,
    "gradients twice, replayed": replayed_twice,
    "hessian of a Value": lambda f, x: hessian(f)(Value(x)),
    "derivative of a Value": lambda f, x: derivative(f, 2)(Value(x)),
}
COMPILED: dict[str, dict[str, Any]] = {
    "native": {"optimize": "full"},
    "interpreter": {"optimize": "interpreter"},
    "native, precise": {"optimize": "full", "precise": True},
    "interpreter, precise": {"optimize": "interpreter", "precise": True},
}


@pytest.mark.parametrize("mode", FIRST_MODES)
def test_first_derivatives_are_those_of_what_was_taken(mode: str) -> None:
    for name, (f, points) in FIRST.items():
        for x, right in points.items():
            assert same(FIRST_MODES[mode](f, x), right), (name, x)


@pytest.mark.parametrize("mode", SECOND_MODES)
def test_second_derivatives_are_those_of_what_was_taken(mode: str) -> None:
    for name, (f, points) in SECOND.items():
        for x, right in points.items():
            assert same(SECOND_MODES[mode](f, x), right), (name, x)


@pytest.mark.parametrize("options", COMPILED)
@pytest.mark.unmeasured
def test_compiled_derivatives_are_those_of_what_was_taken(options: str) -> None:
    for name, (f, points) in FIRST.items():
        compiled = microgrid.compile(f, **COMPILED[options])
        for x, right in points.items():
            assert same(compiled.grad(x), right), (name, x)
            assert same(compiled.vjp(x, 1.0), right), (name, x)
            assert same(compiled.jvp(x, 1.0), right), (name, x)
    for name, (f, points) in SECOND.items():
        compiled = microgrid.compile(f, **COMPILED[options])
        for x, right in points.items():
            assert same(compiled.hessian(x), right), (name, x)
            assert same(compiled.hvp(x, 1.0), right), (name, x)


@pytest.mark.parametrize("precise", [False, True])
@pytest.mark.parametrize("without_llvm", [False, True])
def test_each_row_takes_its_own_branch(monkeypatch: pytest.MonkeyPatch, precise: bool, without_llvm: bool) -> None:
    if without_llvm:
        monkeypatch.setattr("microgrid.compiler.llvm.jit.is_available", lambda: False)
    for name, (f, points) in FIRST.items():
        column = np.array([*points] * 5)  # more than a register
        found = microgrid.compile(f, rows=0, reduce=None, precise=precise).grad(column)
        for x, got, right in zip(column, found, [*points.values()] * 5, strict=True):
            assert same(got, right), (name, x)


def test_a_whole_array_takes_a_branch_for_each_element() -> None:
    column = np.array([-3.0, -0.0, 0.0, 0.25, 4.0, nan, inf, -inf])
    right = [0.0, 0.0, 0.0, 1.0, 0.25, 0.0, 0.0, 0.0]
    found = grad(lambda xs: microgrid.sum(list(where(xs > 0, np.sqrt(xs), 0.0))))(column)
    assert [*map(same, found, right)] == [True] * 8


# ---- zeros that the user gives ----


def parts(v: Any) -> Any:
    return [sqrt(v[0]), 2.0 * v[1], sqrt(v[0]) + v[1]]


def test_where_a_direction_or_a_vector_is_0_nothing_moves_and_nothing_is_asked_for() -> None:
    def loss(v: Any) -> Any:
        return sqrt(v[0]) + v[1] ** 2

    point = [0.0, 3.0]
    ways: list[Any] = [microgrid, *[microgrid.compile(parts, **options) for options in COMPILED.values()]]
    for way in ways:
        along, back = (jvp(parts), vjp(parts)) if way is microgrid else (way.jvp, way.vjp)
        assert along(point, [0.0, 1.0]) == [0.0, 2.0, 1.0]
        assert along(point, [0.0, 0.0]) == [0.0, 0.0, 0.0]
        assert back(point, [0.0, 1.0, 0.0]) == [0.0, 2.0]
        assert back(point, [0.0, 0.0, 0.0]) == [0.0, 0.0]
        assert along(point, [1.0, 0.0]) == [inf, 0.0, inf]
        assert along([4.0, 3.0], [0.0, 1.0]) == [0.0, 2.0, 1.0]
    assert hvp(loss)(point, [0.0, 1.0]) == [0.0, 2.0]
    assert microgrid.compile(loss).hvp(point, [0.0, 1.0]) == [0.0, 2.0]
    leaves = [Value(0.0), Value(3.0)]
    assert [tangent.data for tangent in jvp(parts)(leaves, [0.0, 1.0])] == [0.0, 2.0, 1.0]


@pytest.mark.parametrize("precise", [False, True])
def test_a_vector_with_a_0_on_rows(precise: bool) -> None:
    def pair(w: Any, x: Any) -> Any:
        return [sqrt(w[0]) * x, w[1] * x]

    compiled = microgrid.compile(pair, rows="x", precise=precise)
    assert compiled.vjp([0.0, 3.0], np.arange(4.0), [0.0, 1.0]) == [0.0, 6.0]
    assert compiled.jvp([0.0, 3.0], np.arange(4.0), [0.0, 1.0]) == [0.0, 6.0]


def test_a_direction_and_a_vector_that_are_variables_have_derivatives_at_0() -> None:
    assert grad(lambda v: jvp(lambda x: x * x)(3.0, v))(0.0) == 6.0
    assert grad(lambda w: vjp(lambda x: x * x)(3.0, w))(0.0) == 6.0


# ---- what a sweep leaves in the nodes ----


def test_a_node_that_was_not_reached_has_gradient_0_and_its_plain_numbers_too() -> None:
    x = Value(0.0)
    pole = 1.0 / x
    output = where(x < 1, x, pole)
    output.backward()
    assert (x.grad, pole.grad) == (1.0, 0.0)
    assert [parent.grad for parent in pole.parents] == [0.0, 1.0]
    pole.backward()  # reached now
    assert pole.grad == 1.0
    output.backward()
    assert pole.grad == 0.0
    assert pole.parents[0].grad == 0.0


# ---- random graphs ----

REFERENCE_GRAPHS = 150


def random_function(seed: int) -> Callable[[list[Any], bool], Any]:
    """A function of three numbers with choices in it; asked to, it records what is taken alone."""

    def function(xs: list[Any], taken_alone: bool) -> Any:
        draw = random.Random(seed)
        nodes = list(xs)
        for _ in range(14):
            operands = [draw.choice(nodes) for _ in range(3)]
            is_choice = draw.random() < 0.4
            made = draw.choice(CHOICES)(operands, taken_alone) if is_choice else draw.choice(SMOOTH)(operands)
            nodes.append(made)
        return microgrid.sum(nodes[-2:]) if any(isinstance(node, Value) for node in nodes[-2:]) else 0.0 * xs[0]

    return function


def _chosen(truth: Any, then: Any, otherwise: Any, taken_alone: bool) -> Any:
    return (then if truth else otherwise) if taken_alone else where(truth, then, otherwise)


def _larger(x: Any, y: Any, taken_alone: bool) -> Any:
    return _chosen(x > y, x, y, True) if taken_alone and _differ(x, y) else maximum(x, y)


def _smaller(x: Any, y: Any, taken_alone: bool) -> Any:
    return _chosen(x < y, x, y, True) if taken_alone and _differ(x, y) else minimum(x, y)


def _positive(x: Any, taken_alone: bool) -> Any:
    return _chosen(x > 0.0, x, 0.0, True) if taken_alone and _differ(x, 0.0) else relu(x)


SMOOTH: list[Callable[[list[Any]], Any]] = [
    lambda v: v[0] * v[1],
    lambda v: v[0] + v[1],
    lambda v: sqrt(v[0]),
    lambda v: log(v[0]),
    lambda v: 1.0 / v[0] if isinstance(v[0], Value) or v[0] else math.copysign(inf, v[0]),
    lambda v: exp(5.0 * v[0]),
]
CHOICES: list[Callable[[list[Any], bool], Any]] = [
    lambda v, alone: _chosen(v[2] < 0.5, v[0], v[1], alone),
    lambda v, alone: _chosen(v[2] > 0.0, v[0], v[1], alone),
    lambda v, alone: _larger(v[0], v[1], alone),
    lambda v, alone: _smaller(v[0], v[1], alone),
    lambda v, alone: _positive(v[0], alone),
]


def _differ(x: Any, y: Any) -> bool:
    """Whether one is larger than the other: a tie shares, and nan has no order."""
    one, other = [number.data if isinstance(number, Value) else number for number in (x, y)]
    return bool(one < other or other < one)


@cache
def cases() -> list[tuple[int, list[float], list[float]]]:
    """Seeds, points and right gradients; most of them would be nan if every branch were swept."""
    found = []
    for seed in range(3000):
        draw = random.Random(-seed)
        point = [draw.choice([0.0, 1.0, -1.0, 0.5, draw.uniform(-2, 2)]) for _ in range(3)]
        leaves = [Value(x) for x in point]
        random_function(seed)(leaves, True).backward()
        right = [leaf.grad for leaf in leaves]
        whole = [Value(x) for x in point]
        adjoints = _swept_everywhere(random_function(seed)(whole, False))
        if all(map(math.isfinite, right)) and not all(math.isfinite(adjoints.get(leaf, 0.0)) for leaf in whole):
            found.append((seed, point, right))
        if len(found) == REFERENCE_GRAPHS:
            break
    return found


def _swept_everywhere(output: Value) -> dict[Value, float]:
    """The adjoints with 0 times whatever lies behind a branch that wasn't taken."""
    adjoints = {output: 1.0}
    for node in reversed(microgrid.core.graph.topological_order(output)):
        for parent, slope in zip(node.parents, node.partials, strict=True):
            adjoints[parent] = adjoints.get(parent, 0.0) + slope * adjoints.get(node, 0.0)
    return adjoints


def _listed(seed: int) -> Function:
    return lambda xs: random_function(seed)(xs, False)


def _compiled(options: dict[str, Any], seed: int, point: list[float]) -> Any:
    return microgrid.compile(_listed(seed), **options).grad(point)


WAYS: dict[str, Callable[[int, list[float]], list[float]]] = {
    "grad": lambda seed, point: grad(_listed(seed))(point),
    "jacobian, forward": lambda seed, point: jacobian(lambda xs: [_listed(seed)(xs)] * 4)(point)[0],
    "grad of Values": lambda seed, point: [slope.data for slope in grad(_listed(seed))([*map(Value, point)])],
    **{name: partial(_compiled, options) for name, options in COMPILED.items()},
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.unmeasured
def test_random_graphs_have_the_gradient_of_what_was_taken(name: str) -> None:
    assert len(cases()) == REFERENCE_GRAPHS
    for seed, point, right in cases()[:: 1 if name == "grad" else 5]:
        for got, slope in zip(WAYS[name](seed, point), right, strict=True):
            assert math.isclose(got, slope, rel_tol=1e-9, abs_tol=1e-300), (seed, point)


def test_precise_code_has_the_bits_of_backward_where_nothing_arrives() -> None:
    for seed, point, _ in cases()[::5]:
        leaves = [Value(x) for x in point]
        random_function(seed)(leaves, False).backward()
        eager = [struct.pack("d", leaf.grad) for leaf in leaves]
        for options in ("native, precise", "interpreter, precise"):
            compiled = _compiled(COMPILED[options], seed, point)
            assert [struct.pack("d", slope) for slope in compiled] == eager, (seed, point)


def test_a_drawing_shows_nothing_where_nothing_arrives() -> None:
    x = Value(0.0, name="x")
    output = where(x < 1, x, 3.0 * (1.0 / x))
    assert "nan" not in microgrid.draw(output).dot
    assert "nan" in microgrid.draw(sqrt(x) ** 2).dot
