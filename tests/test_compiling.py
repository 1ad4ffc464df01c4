"""``microgrid.compile``: one recorded call serves for all numbers, on every backend, with the eager results."""

# ruff: noqa: A004, ARG005

from __future__ import annotations

import copy
import gc
import math
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from graphs import as_function, random_graph, regular_graphs
from helpers import bits

import microgrid
from microgrid import (
    DataError,
    InvalidValueError,
    OperationError,
    Program,
    Value,
    compile,
    dot,
    exp,
    log,
    nn,
    sin,
    softplus,
    tanh,
    where,
)
from microgrid.compiler import tiers as runners
from microgrid.compiler.llvm import disk_cache as code_cache
from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.llvm import libm as functions
from microgrid.compiler.llvm.instructions import Instructions
from microgrid.compiler.llvm.row_gather import spread

BACKENDS = ("native", "python")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With machine code, and without llvmlite."""
    if request.param == "python":
        monkeypatch.setattr(machine, "is_available", lambda: False)
    name: str = request.param
    return name


def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    z = dot(w, x) + b
    return softplus(z) - y * z


MASKED = np.ma.masked_array([1.0, 2.0], [False, True])
PROGRAM = Program.record([exp(LEAF := Value(1.0, name="x"))], [LEAF])


def samples(rows: int, columns: int = 5) -> tuple[Any, float, Any, Any]:
    draw = np.random.default_rng(rows)
    x = draw.standard_normal((rows, columns))
    return draw.standard_normal(columns), 0.25, x, (draw.random(rows) < 0.5).astype(float)


def closed_form(w: Any, b: float, x: Any, y: Any) -> tuple[Any, Any, Any]:
    z = x @ w + b
    a = 1.0 / (1.0 + np.exp(-z))
    return np.logaddexp(0.0, z) - y * z, x.T @ (a - y), (a - y).sum()


# ---- one point ------------------------------------------------------------------------------------------------


def test_values_and_derivatives_have_the_structure_of_the_function(backend: str) -> None:
    compiled = compile(lambda p, x: {"sum": p["a"] * x[0] + p["b"][1], "all": [exp(p["b"][0]), x[1]]})
    assert compiled({"a": 2.0, "b": (0.0, 1)}, [3, 4.0]) == {"sum": 7.0, "all": [1.0, 4.0]}
    single = compile(lambda p, x: p["a"] * x + p["b"][1] ** 2)
    assert single.value_and_grad({"a": 2.0, "b": (0.0, 3.0)}, 5.0) == (19.0, {"a": 5.0, "b": (0.0, 6.0)})
    assert compile(lambda p, x: p * x, wrt=("x", "p")).grad(2.0, 3.0) == (2.0, 3.0)
    array = compile(lambda x: dot(x, x)).grad(np.array([1.0, 2.0]))
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "seed", [*range(20), *[pytest.param(seed, marks=pytest.mark.trials) for seed in range(20, 60)]]
)
def test_precise_code_has_the_eager_bits(seed: int, backend: str) -> None:
    leaves, output = random_graph(seed)
    output.backward()
    compiled = compile(output, leaves, precise=True)
    value, gradient = compiled.value_and_grad(*[leaf.data for leaf in leaves])
    assert compiled.backend == backend
    assert bits([value, *gradient]) == bits([output.data, *[leaf.grad for leaf in leaves]])
    assert bits([compiled(*[leaf.data for leaf in leaves])]) == bits([output.data])


def test_code_that_is_not_precise_is_near(backend: str) -> None:
    for leaves, output in regular_graphs(20):
        f = as_function(leaves, output)
        numbers = [leaf.data for leaf in leaves]
        value, gradient = compile(f).value_and_grad(numbers)
        wanted, slopes = microgrid.value_and_grad(f)(numbers)
        assert value == pytest.approx(wanted, rel=1e-12, abs=1e-12)
        assert gradient == pytest.approx(slopes, rel=1e-9, abs=1e-9)


def test_second_derivatives_are_those_of_calculus(backend: str) -> None:
    def f(x: Any) -> Any:
        return exp(x[0] * x[1]) * sin(x[2]) + tanh(x[0]) / (2.0 + x[2] * x[2])

    x, v = [0.3, -0.7, 1.1], [1.0, -2.0, 0.5]
    compiled = compile(f)
    assert np.allclose(compiled.hessian(x), microgrid.hessian(f)(x), rtol=1e-13, atol=1e-15)
    assert np.allclose(compiled.hvp(x, v), microgrid.hvp(f)(x, v), rtol=1e-13)
    assert compiled.jvp(x, v) == pytest.approx(microgrid.jvp(f)(x, v), rel=1e-14)
    many = compile(lambda x: [x[0] * x[1], sin(x[0])])
    assert many.jvp([3.0, 2.0], [1.0, 10.0]) == microgrid.jvp(lambda x: [x[0] * x[1], sin(x[0])])(
        [3.0, 2.0], [1.0, 10.0]
    )
    assert many.vjp([3.0, 2.0], [1.0, 10.0]) == microgrid.vjp(lambda x: [x[0] * x[1], sin(x[0])])(
        [3.0, 2.0], [1.0, 10.0]
    )


def test_a_branch_is_recorded_for_each_path(backend: str) -> None:
    taken = []

    def f(x: Any, y: Any) -> Any:
        taken.append(x)
        if x < 0:
            return exp(x) if y > 1 else -y
        return max(x, y) * 2.0

    compiled = compile(f, wrt=(0, 1))
    for x, y in [(1.0, 2.0), (2.0, 1.0), (-1.0, 2.0), (-1.0, 0.5), (3.0, 0.0), (-2.0, 7.0), (0.5, 9.0)]:
        assert compiled.value_and_grad(x, y) == microgrid.value_and_grad(f, (0, 1))(x, y)
        assert compiled(x, y) == f(Value(x), Value(y)).data
    taken.clear()
    assert compiled.grad(4.0, -1.0) == (2.0, 0.0)
    assert taken == [], "a path that is known was recorded again"


def test_branches_of_second_derivatives_are_watched_too(backend: str) -> None:
    compiled = compile(lambda x: x**3 if x > 0 else x * x)
    assert [compiled.hessian(x) for x in (2.0, -2.0, 3.0)] == pytest.approx([12.0, 2.0, 18.0], rel=1e-15)


def test_where_stays_in_the_graph(backend: str) -> None:
    compiled = compile(lambda x: where(x < 0, -x, x * x))
    assert [compiled.value_and_grad(x) for x in (-3.0, 4.0)] == [(3.0, -1.0), (16.0, 8.0)]


def test_what_is_no_number_is_part_of_the_structure(backend: str) -> None:
    compiled = compile(lambda x, kind, twice: (exp(x) if kind == "exp" else x) * (2.0 if twice else 1.0))
    assert [compiled(0.0, "exp", True), compiled(3.0, "id", False), compiled(0.0, "exp", False)] == [2.0, 3.0, 1.0]
    power = compile(lambda x, n: sum([x] * n), static=("n",))
    assert [power(2.0, 3), power(2.0, 5)] == [6.0, 10.0]


def test_a_recorded_graph_is_called_by_its_inputs_names(backend: str) -> None:
    w, x = Value(2.0, name="w"), Value(3.0, name="x")
    compiled = compile(w * x + w * Value(0.5))
    assert compiled(2.0, 3.0) == compiled(x=3.0, w=2.0) == compiled(2.0, x=3.0) == 7.0
    assert compiled.grad(w=2.0, x=3.0) == {"w": 3.5, "x": 2.0}
    assert compile({"y": w * x}, [x])(4.0) == {"y": 8.0}
    program = Program.record([w * x], [w, x])
    assert compile(pickle.loads(pickle.dumps(program))).value_and_grad(5.0, 2.0) == (10.0, {"w": 2.0, "x": 5.0})
    for wrong in [((1.0,), {}), ((1.0, 2.0, 3.0), {}), ((1.0,), {"w": 2.0}), ((), {"w": 1.0, "y": 2.0})]:
        with pytest.raises(DataError, match="inputs"):
            compiled(*wrong[0], **wrong[1])


def test_values_from_outside_are_inputs_where_they_are_named(backend: str) -> None:
    model = nn.MLP(2, [3, 1])
    step = compile(lambda x: model(x) ** 2, inputs=model.parameters())
    for _ in range(2):
        value, gradient = step.value_and_grad([0.5, -1.0])
        output = model([0.5, -1.0]) ** 2
        model.zero_grad()
        output.backward()
        assert value == pytest.approx(output.data, rel=1e-14)
        assert gradient == pytest.approx([p.grad for p in model.parameters()], rel=1e-12)
        for parameter, slope in zip(model.parameters(), gradient, strict=True):
            parameter.data -= 0.1 * slope
    with pytest.raises(InvalidValueError, match="inputs="):
        compile(lambda x: model(x))([0.5, -1.0])


def test_a_bound_call_reads_its_numbers_anew(backend: str) -> None:
    call = compile(loss, wrt=("w", "b")).bind(np.array([1.0, 2.0]), 0.5, np.array([0.25, -1.0]), 1.0)
    assert call() == pytest.approx(loss([1.0, 2.0], 0.5, [0.25, -1.0], 1.0), rel=1e-15)
    call.arguments["x"][:] = [3.0, 4.0]
    assert call() == pytest.approx(loss([1.0, 2.0], 0.5, [3.0, 4.0], 1.0), rel=1e-15)
    assert call.gradient.tolist() == pytest.approx(
        [
            *microgrid.grad(loss)([1.0, 2.0], 0.5, [3.0, 4.0], 1.0),
            microgrid.grad(loss, 1)([1.0, 2.0], 0.5, [3.0, 4.0], 1.0),
        ]
    )
    branching = compile(lambda x: exp(x) if x < 0 else x).bind(1.0)
    branching.arguments["x"][:] = -1.0
    with pytest.raises(InvalidValueError, match="another branch"):
        branching()


def test_a_bound_call_goes_on_to_better_code_as_calls_earn_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "_COST", 20e-9)
    x = Value(0.5, name="x")
    output = x
    for place in range(300):
        output = sin(output + place)
    compiled = compile(output, [x])
    call = compiled.bind(0.5)
    reached = [compiled.backend]
    for _ in range(60):
        assert call() == pytest.approx(output.data, rel=1e-12)
        reached.append(compiled.backend)
    assert list(dict.fromkeys(reached)) == ["interpreter", "native"]


def test_a_bound_call_needs_nothing_of_what_it_was_bound_from(backend: str) -> None:
    call = compile(loss, wrt=("w", "b")).bind(np.array([1.0, 2.0]), 0.5, np.array([0.25, -1.0]), 1.0)
    call()
    expected = call.gradient.tolist()
    gc.collect()
    others = [np.full(count, 7.0) for count in range(1, 9) for _ in range(100)]  # in whatever memory was given back
    call()
    assert call.gradient.tolist() == expected
    assert len(others) == 800


def test_it_says_what_it_did() -> None:
    compiled = compile(lambda x: log(x) * x)
    with pytest.raises(DataError, match="first called"):
        _ = compiled.nodes
    assert compiled(1.0) == 0.0
    assert (compiled.backend, compiled.nodes) == ("native", 2)
    assert compiled.compile_seconds > 0.0
    assert "log(x)" in compiled.listing()
    assert "libm.log" in compiled.ir()
    assert "ret" in compiled.assembly()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: compile(3.0), InvalidValueError, "function"),
        (lambda: compile(lambda x: x, reduce="max"), DataError, "reduce"),
        (lambda: compile(lambda x: x, optimize="best"), DataError, "optimize"),
        (lambda: compile(lambda x: x, threads=0), DataError, "threads"),
        (lambda: compile(lambda x: x, rows=[True]), DataError, "rows"),
        (lambda: compile(Value(1.0) * 2.0), DataError, "named leaf"),
        (lambda: compile(Value(1.0, "x") * 2.0, [Value(1.0) * 2.0]), InvalidValueError, "leaves"),
        (lambda: compile(lambda x: "text")(1.0), InvalidValueError, "returns numbers"),
        (lambda: compile(lambda x: [])(1.0), InvalidValueError, "at least one"),
        (lambda: compile(lambda x: x)(1j), InvalidValueError, "complex"),
        (lambda: compile(lambda x: x)(Value(1.0)), InvalidValueError, r"\.data"),
        (lambda: compile(lambda x: x[0])(np.array([1j])), InvalidValueError, "complex128"),
        (lambda: compile(lambda x: x[0])(np.array([None])), InvalidValueError, "object"),
        (lambda: compile(lambda x: [x, x]).grad(1.0), InvalidValueError, "one number"),
        (lambda: compile(lambda x: [x, x]).hessian(1.0), InvalidValueError, "one number"),
        (lambda: compile(lambda x: [x, x]).vjp(1.0, [1.0]), InvalidValueError, "vector"),
        (lambda: compile(lambda x: x * x).jvp(1.0, [1.0, 2.0]), InvalidValueError, "one entry for each number"),
        (lambda: compile(lambda x: x * x).jvp(), DataError, "last, the direction"),
        (lambda: compile(lambda x: x * x).vjp(1.0, None), DataError, "last, the vector"),
        (lambda: compile(lambda x: [x, x]).vjp(1.0, ["a", "b"]), InvalidValueError, "'a'"),
        (lambda: compile(lambda x: x, wrt=cast("Any", [0, 1])), DataError, r"wrt is .*\[0, 1\]"),
        (lambda: compile(lambda x: x, wrt=True), DataError, "wrt is .*True"),
        (lambda: compile(lambda x: x, rows="x", static="x"), DataError, "not both: 'x'"),
        (lambda: compile(lambda x, n: x * n[0], static=1)(1.0, [2.0]), DataError, "hashed"),
        (lambda: compile(lambda n, x: x**n, static=0).grad(2, 3.0), DataError, "n is static"),
        (lambda: compile(lambda x, y: x * y).grad(True, 3.0), DataError, "x holds no numbers: True"),
        (lambda: compile(Value(1.0, "x") * 2.0, static="x"), DataError, "static"),
        (lambda: compile(PROGRAM, [Value(1.0)]), DataError, "inputs="),
        (lambda: compile(lambda a: a * 2.0)(np.complex128(1 + 2j)), InvalidValueError, "complex"),
        (lambda: compile(lambda a: a[0] * 2.0)([np.complex128(1 + 2j), 1.0]), InvalidValueError, "complex"),
        (lambda: PROGRAM.replay([Value(1.0), Value(2.0)]), DataError, "inputs"),
        (lambda: Program.record([LEAF**2], [(LEAF**2).parents[1]]), DataError, "constant"),
        (lambda: compile(PROGRAM)([1.0]), InvalidValueError, "x of the recorded graph is one number"),
        (lambda: compile(PROGRAM)(np.ones(3)), InvalidValueError, "x of the recorded graph is one number"),
        (lambda: compile(PROGRAM)("a"), InvalidValueError, "x of the recorded graph is one number"),
        (lambda: compile(PROGRAM, rows="x").listing(), DataError, "first called"),
        (lambda: compile(lambda x: x, rows=0)([[1.0, 2.0], [3.0]]), DataError, "no array"),
        (lambda: compile(lambda x: x, rows=0)({"a": 1.0}), DataError, "one dict"),
        (lambda: compile(lambda x: x, rows=0, reduce="mean")(np.empty(0)), DataError, "a mean over no rows"),
        (lambda: compile(lambda x: x, rows=0)(MASKED), InvalidValueError, "masked"),
        (lambda: compile(lambda x: x[0])(MASKED), InvalidValueError, "masked"),
        (lambda: compile(lambda x: x, wrt="y").grad(1.0), DataError, "'y'"),
        (lambda: compile(loss, rows=("x", "y"))([1.0], 0.0, np.ones((3, 1)), np.ones(2)), DataError, "rows"),
        (lambda: compile(loss, rows=("x", "y"))([1.0], 0.0, np.ones((3, 1)), 1.0), DataError, "one row"),
        (lambda: compile(loss, rows=("x", "y"))([1.0], 0.0, np.ones((3, 1)), np.ones(3) * 1j), InvalidValueError, "y"),
        (lambda: compile(loss, rows=(2, 3))([1.0, 2.0], 0.0, np.ones((3, 1)), np.ones(3)), InvalidValueError, "length"),
        (lambda: compile(lambda x: x if x > 0 else -x, rows=0)(np.ones(3)), OperationError, "where"),
        (lambda: compile(lambda x: x * x, rows=0).hessian(np.ones(3)), DataError, "wrt"),
    ],
)  # fmt: skip
def test_bad_input_is_told(call: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_nan_and_infinity_travel_as_they_do_eagerly(backend: str) -> None:
    compiled = compile(lambda x, y: where(x < 1.0, x * y, log(x)), wrt=(0, 1), precise=True)
    for x, y in [(0.0, math.inf), (math.nan, 1.0), (math.inf, 2.0), (-0.0, -1.0), (1.0, math.nan)]:
        leaves = Value(x), Value(y)
        output = where(leaves[0] < 1.0, leaves[0] * leaves[1], log(leaves[0]))
        output.backward()
        value, gradient = compiled.value_and_grad(x, y)
        assert bits([value, *gradient]) == bits([output.data, *[leaf.grad for leaf in leaves]])


def test_a_compiled_function_may_be_called_from_many_threads() -> None:
    compiled = compile(lambda x: sin(x) * exp(x))
    wrong = []

    def work(offset: float) -> None:
        for k in range(300):
            x = offset + k * 1e-3
            if abs(compiled(x) - math.sin(x) * math.exp(x)) > 1e-12:
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(float(place),)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("has_rows", [False, True])
def test_a_function_is_recorded_once_and_a_second_bound_call_compiles_nothing(
    has_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Any] = []
    built: list[str] = []
    build = machine.build

    def counted_build(text: str, *more: Any, **options: Any) -> Any:
        built.append(text)
        return build(text, *more, **options)

    def f(w: Any, x: Any) -> Any:
        recorded.append(x)
        z = dot(w, x)
        return exp(z) if w[0] > 0 else z * z

    monkeypatch.setattr(machine, "build", counted_build)
    w, direction = np.array([0.5, -0.25, 0.125]), np.array([1.0, 2.0, 3.0])
    x = np.arange(12.0).reshape(4, 3) if has_rows else np.arange(3.0)
    compiled = compile(f, rows="x" if has_rows else ())
    calls: dict[str, Callable[[], Any]] = {
        "value": lambda: compiled(w, x),
        "value_and_grad": lambda: compiled.value_and_grad(w, x),
        "grad": lambda: compiled.grad(w, x),
        "vjp": lambda: compiled.vjp(w, x, 1.0),
        "bind": lambda: compiled.bind(w, x)(),
        "bind again": lambda: compiled.bind(2.0 * w, x)(),
        "jvp": lambda: compiled.jvp(w, x, direction),
        "hvp": lambda: compiled.hvp(w, x, direction),
        "hessian": lambda: compiled.hessian(w, x),
    }
    compiles = {}
    for what, call in calls.items():
        before = len(built)
        call()
        compiles[what] = len(built) - before
    assert len(recorded) == 1
    compiling = [what for what, count in compiles.items() if count]
    assert compiling == ["value", "value_and_grad", "jvp", "hvp", "hessian"]
    assert [what for what, count in compiles.items() if count > 1] == ["value"], "the guards are compiled once"
    built.clear()
    for call in calls.values():
        call()
    assert built == []
    compiled.hessian(-w, x)
    assert len(recorded) == 2, "another branch is another trace"
    compiled.value_and_grad(-w, x)
    assert len(recorded) == 2


@pytest.mark.parametrize("rows", [False, True])
def test_arguments_of_other_types_give_the_same_numbers_as_arrays_of_floats(rows: bool, backend: str) -> None:
    w, _, x, y = samples(4)
    w, x, y = np.round(w * 4.0), np.round(x * 4.0), np.round(y * 4.0)
    if not rows:
        x, y = x[0], float(y[0])

    def f(w: Any, x: Any, y: Any) -> Any:
        return softplus(0.1 * dot(w, x)) - y * w[0]

    compiled = compile(f, rows=("x", "y") if rows else ())
    wanted, slopes = compiled.value_and_grad(w, x, y)
    wide = np.zeros(3 * len(w))
    wide[::3] = w
    for other in (
        w.astype(np.float32),
        w.astype(int),
        w.astype(">f8"),
        wide[::3],
        w[::-1].copy()[::-1],
        np.frombuffer(b"\0" + w.tobytes(), np.uint8)[1:].view(np.float64),
    ):
        for _ in range(2):
            value, gradient = compiled.value_and_grad(other, x, y)
            assert (value, gradient.tolist()) == (wanted, slopes.tolist())
    for other in (w.tolist(), tuple(w.tolist()), [int(number) for number in w], list(w)):
        value, gradient = compiled.value_and_grad(other, x, y)
        assert (value, list(gradient), type(gradient)) == (wanted, slopes.tolist(), type(other))
    for wrong in (np.ma.masked_array(w, w > 0), w * 1j, w.astype(object), w.astype(str)):
        with pytest.raises(InvalidValueError):
            compiled.value_and_grad(wrong, x, y)
    if not rows:
        for number in (int(y), np.float64(y), np.float32(y), np.int64(y), np.array(y)):
            assert compiled(w, x, number) == wanted
        with pytest.raises(InvalidValueError, match="too large"):
            compiled(w, x, 10**400)
    assert compiled.value_and_grad(w, x, y)[0] == wanted
    assert math.isnan(compiled(w * math.nan, x, y))


def test_a_call_inside_a_call_has_memory_of_its_own() -> None:
    inner: list[float] = []

    def cube(x: float) -> float:
        if x < 3.0:
            inner.append(compiled.vjp(x + 1.0, 5.0))
        return x * x * x

    operation = microgrid.custom(cube, lambda out, x: 3.0 * math.pow(x, 2.0), name="cube")
    compiled = compile(lambda x: operation(x))
    with pytest.warns(microgrid.PerformanceWarning, match="the operation cube"):
        assert compiled.value_and_grad(4.0) == (64.0, 48.0)
    assert compiled.vjp(2.0, 1.0) == 12.0
    assert compiled.value_and_grad(2.0) == (8.0, 12.0)
    assert inner == [135.0, 135.0]


@pytest.mark.parametrize("size", [5, 3_000])
def test_calls_that_overlap_in_threads_dont_mix(size: int) -> None:
    def f(w: Any, x: Any) -> Any:
        for k in range(size):
            x = sin(w[k % 5] * x) + x
        return x

    wanted = {offset: compile(f).value_and_grad(np.full(5, offset), offset) for offset in (0.25, 0.5)}
    compiled = compile(f)
    wrong = []

    def work(offset: float) -> None:
        w = np.full(5, offset)
        for _ in range(100):
            value, gradient = compiled.value_and_grad(w, offset)
            if value != wanted[offset][0] or gradient.tolist() != wanted[offset][1].tolist():
                wrong.append(offset)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in (0.25, 0.5, 0.25, 0.5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ---- rows -----------------------------------------------------------------------------------------------------


# A mean over no rows is refused: see above.
_SUMS = [(rows, reduce) for rows in (*range(12), 37, 4099) for reduce in ("sum", "mean") if rows or reduce == "sum"]


@pytest.mark.parametrize(("rows", "reduce"), _SUMS)
def test_sums_over_rows_are_those_of_the_closed_form(rows: int, reduce: str, backend: str) -> None:
    w, b, x, y = samples(rows)
    value, (dw, db) = compile(loss, rows=("x", "y"), wrt=("w", "b"), reduce=reduce).value_and_grad(w, b, x, y)
    losses, slopes, slope = closed_form(w, b, x, y)
    scale = 1.0 / rows if reduce == "mean" else 1.0
    assert value == pytest.approx(losses.sum() * scale, rel=1e-13)
    assert dw.tolist() == pytest.approx((slopes * scale).tolist(), rel=1e-12, abs=1e-13)
    assert db == pytest.approx(slope * scale, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("columns", [3, 80, 140])
def test_as_many_vectors_as_fit_go_side_by_side(columns: int, order: Any) -> None:
    w, b, x, y = samples(700, columns)
    compiled = compile(loss, rows=("x", "y"), wrt=("w", "b"))
    value, (dw, db) = compiled.value_and_grad(w, b, np.array(x, order=order), y)
    losses, slopes, slope = closed_form(w, b, x, y)
    assert (value, db) == (pytest.approx(losses.sum(), rel=1e-13), pytest.approx(slope, rel=1e-12))
    assert np.allclose(dw, slopes, rtol=1e-12, atol=1e-12)
    assert ("@multiplied" in compiled.ir()) == (order == "C" and columns > 3)  # there, lanes are columns
    together = {3: 4, 80: 2 if order == "F" else 1, 140: 1}[columns] * machine.vector_width()
    assert (f"<{together} x double>" in compiled.ir()) == (machine.vector_width() > 1)
    assert f"<{2 * together} x double>" not in compiled.ir()


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(("rows", "columns", "outputs"), [(1, 83, 1), (1030, 96, 1), (37, 30, 3), (9, 17, 12)])
def test_rows_behind_products_are_read_as_they_lie(rows: int, columns: int, outputs: int, kind: Any) -> None:
    draw = np.random.default_rng(rows)
    table = draw.standard_normal((rows, columns + 3)).astype(kind)  # an offset, the features, and two labels
    theta = draw.standard_normal((outputs, columns + 1)) / 4.0

    def loss(theta: Any, row: Any) -> Any:
        z = [dot(row[1:-2], one[:-1]) + one[-1] * row[0] for one in theta]
        penalty = microgrid.sum([one[0] ** 2 for one in theta])  # of weights that are in products too
        return microgrid.logsumexp([*z, 0.0]) - z[0] * row[-1] + penalty

    compiled = compile(loss, rows="row", wrt="theta")
    value, slopes = compiled.value_and_grad(theta, table)
    assert "@multiplied" in compiled.ir()
    x, y = table[:, 1:-2].astype(float), table[:, -1].astype(float)
    z = np.concatenate([x @ theta[:, :-1].T + np.outer(table[:, 0], theta[:, -1]), np.zeros((rows, 1))], axis=1)
    total = np.log(np.exp(z).sum(axis=1))
    assert value == pytest.approx(float((total - z[:, 0] * y).sum() + rows * (theta[:, 0] ** 2).sum()), rel=1e-12)
    a = np.exp(z - total[:, None])[:, :-1]
    a[:, 0] -= y
    wanted = np.concatenate([a.T @ x, (a.T @ table[:, :1])], axis=1)
    wanted[:, 0] += rows * 2.0 * theta[:, 0]
    assert np.allclose(slopes, wanted, rtol=1e-11, atol=1e-11 * np.abs(wanted).max())
    assert compile(loss, rows="row", wrt="theta", threads=1).value_and_grad(theta, table)[0] == value


@pytest.mark.parametrize("width", [2, 4])
def test_rows_behind_products_are_read_by_narrower_registers_too(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "vector_width", lambda: width)
    w, b, x, y = samples(37, 85)
    value, (dw, db) = compile(loss, rows=("x", "y"), wrt=("w", "b")).value_and_grad(w, b, x, y)
    losses, slopes, slope = closed_form(w, b, x, y)
    assert (value, db) == (pytest.approx(losses.sum(), rel=1e-13), pytest.approx(slope, rel=1e-12))
    assert np.allclose(dw, slopes, rtol=1e-12, atol=1e-12)


def test_infinite_features_behind_products_stay_in_their_column() -> None:
    x = np.ones((11, 90))
    x[10, 89] = math.inf  # in the last column of the last row: what fills registers up is of neither
    compiled = compile(lambda w, x: microgrid.tanh(dot(w, x)), rows="x", wrt="w")
    value, slopes = compiled.value_and_grad(np.full(90, 0.01), x)
    assert value == pytest.approx(10 * math.tanh(0.9) + 1.0, rel=1e-13)
    assert np.allclose(slopes[:89], 10 / math.cosh(0.9) ** 2, rtol=1e-12)
    assert math.isnan(slopes[89])  # 0 times infinity
    assert compile(lambda w, x: dot(w, x), rows="x", wrt="w").grad(np.full(90, 0.01), x)[89] == math.inf


def test_rows_can_be_kept(backend: str) -> None:
    w, b, x, y = samples(11)
    compiled = compile(loss, rows=("x", "y"), wrt=("w", "b", "x"), reduce=None)
    value, (dw, db, dx) = compiled.value_and_grad(w, b, x, y)
    for row in range(11):
        wanted, (sw, sb, sx) = microgrid.value_and_grad(loss, ("w", "b", "x"))(w, b, x[row], y[row])
        assert value[row] == pytest.approx(wanted, rel=1e-14)
        assert np.allclose(dw[row], sw, rtol=1e-13)
        assert db[row] == pytest.approx(sb, rel=1e-13)
        assert np.allclose(dx[row], sx, rtol=1e-13)


def test_derivatives_by_rows_of_a_mean_are_those_of_the_mean(backend: str) -> None:
    w, b, x, y = samples(11)
    by_rows = compile(loss, rows=("x", "y"), wrt="x", reduce="mean").grad(w, b, x, y)
    one_by_one = [microgrid.grad(loss, "x")(w, b, x[row], y[row]) for row in range(11)]
    assert np.allclose(by_rows, np.array(one_by_one) / 11, rtol=1e-13, atol=0.0)


_KINDS = [
    (rows, reduce) for rows in (0, 1, 7, 8, 37, 4099) for reduce in ("sum", "mean", None) if rows or reduce != "mean"
]


@pytest.mark.parametrize(("rows", "reduce"), _KINDS)
@pytest.mark.unmeasured
def test_a_bound_call_on_rows_is_the_call_itself_and_reads_its_arrays_anew(
    rows: int, reduce: str | None, backend: str
) -> None:
    w, b, x, y = samples(rows)
    for given in layouts(x):
        compiled = compile(loss, rows=("x", "y"), wrt=("w", "b"), reduce=reduce)
        call = compiled.bind(w, b, given, y)
        for shift in (0.0, 0.25):
            call.arguments["w"][:] = w + shift
            if given.flags.writeable:
                given += shift
            value, (dw, db) = compiled.value_and_grad(w + shift, b, given, y)
            assert np.array_equal(call(), value)
            assert np.array_equal(call.gradient, np.column_stack([dw, db]) if reduce is None else [*dw, db])


def test_a_bound_call_on_rows_that_are_not_aligned_reads_them_anew(backend: str) -> None:
    room = np.zeros(8 * 20 + 1, np.uint8)[1:].view(np.float64)
    assert not room.flags.aligned
    call = compile(lambda w, x: w * x, rows="x").bind(2.0, room)
    assert call() == 0.0
    room[:] = 1.5
    assert (call(), call.gradient.tolist()) == (60.0, [30.0])


def test_a_bound_call_on_rows_shares_them_out_among_threads() -> None:
    w, b, x, y = samples(60_000)
    bound = [compile(loss, rows=("x", "y"), threads=threads).bind(w, b, x, y) for threads in (1, 2, 3)]
    assert len({call() for call in bound}) == 1
    assert len({tuple(call.gradient) for call in bound}) == 1


def test_requests_of_memory_are_spread_over_the_time_that_instructions_take() -> None:
    m = Instructions()
    x = m.term("%x")
    m.exp(m.log(x * 2.0)) + 1.0 - x
    lines = m.lines
    assert spread([], lines) == lines
    found = spread([[f"ask {k}", f"for {k}"] for k in range(6)], lines)
    assert [line for line in found if line in lines] == lines
    assert [line for line in found if line not in lines] == [f"{what} {k}" for k in range(6) for what in ("ask", "for")]
    between = [found[start:stop].count("ask 0") for start, stop in ((0, 1), (1, 4))]
    assert between == [0, 1]
    calls = [place for place, line in enumerate(found) if line in lines[1:3]]
    asked = [len([line for line in found[:place] if str(line).startswith("ask")]) for place in (*calls, len(found))]
    assert asked == [0, 2, 6]


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("width", [2, 8, *[pytest.param(width, marks=pytest.mark.trials) for width in (1, 4, 16)]])
def test_registers_of_every_width_read_rows_alike(width: int, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "vector_width", lambda: width)
    monkeypatch.setattr(functions, "vector_functions", lambda _: {})
    monkeypatch.setattr(
        machine, "_add_symbols", lambda _: None
    )  # not to be remembered: other tests want the others too
    rng = np.random.default_rng(width)
    given = rng.normal(size=(150, 19)).astype(kind)
    w = rng.normal(size=19)
    for x in layouts(given):
        value, (dw, dx) = compile(square_of_product, rows="x", wrt=("w", "x")).value_and_grad(w, x)
        z = given.astype(float) @ w
        assert value == pytest.approx((z**2).sum(), rel=1e-13)
        assert np.allclose(dw, 2.0 * z @ given.astype(float), rtol=1e-12, atol=1e-12)
        assert np.allclose(dx, 2.0 * z[:, None] * w, rtol=1e-12, atol=1e-12)


def test_large_programs_on_rows_are_those_on_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(w: Any, x: Any) -> Any:
        for k in range(600):
            x = x * w[k % 12] if k % 2 else x + w[(k * 7) % 12]
        return x

    numbers = ([0.5 + 0.01 * k for k in range(12)], np.linspace(0.1, 0.2, 9))
    wanted = compile(f, rows="x").value_and_grad(*numbers)
    monkeypatch.setattr(machine, "is_available", lambda: False)
    value, gradient = compile(f, rows="x").value_and_grad(*numbers)
    assert (value, gradient) == (pytest.approx(wanted[0], rel=1e-12), pytest.approx(wanted[1], rel=1e-12))


def test_directions_and_vectors_follow_the_structure_and_not_the_order() -> None:
    def area(p: Any) -> Any:
        return p["a"] * p["b"]

    def pair(x: Any) -> Any:
        return {"a": x, "b": x * x}

    for jvp, vjp in ((compile(area).jvp, compile(pair).vjp), (microgrid.jvp(area), microgrid.vjp(pair))):
        assert jvp({"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 0.0}) == 1.0
        assert vjp(3.0, {"b": 1.0, "a": 0.0}) == 6.0
        for wrong in ({"q": 1.0, "a": 0.0}, [1.0, 0.0], {"a": [1.0], "b": 0.0}):
            with pytest.raises(InvalidValueError, match="in the structure of the argument"):
                jvp({"a": 1.0, "b": 2.0}, wrong)
            with pytest.raises(InvalidValueError, match="in the structure of the result"):
                vjp(3.0, wrong)
    assert compile(lambda w: dot(w, w)).jvp(np.array([1.0, 2.0]), [1.0, 1.0]) == 6.0
    assert compile(lambda p: p["w"] * 2.0).jvp({"kind": "relu", "w": 1.0}, {"kind": "relu", "w": 3.0}) == 6.0


def test_fixed_arguments_that_are_equal_and_yet_differ_are_told_apart() -> None:
    over = compile(lambda x, n: x / n, static=1)
    assert [over(2.0, 0.0), over(2.0, -0.0)] == [math.inf, -math.inf]
    chosen = compile(lambda x, n: x * (10 if isinstance(n, bool) else n), static=1)
    assert [chosen(2.0, 1), chosen(2.0, True), chosen(2.0, 1.0)] == [2.0, 20.0, 2.0]
    nested = compile(lambda x, n: x / n[0], static=1)
    assert [nested(2.0, (0.0,)), nested(2.0, (-0.0,))] == [math.inf, -math.inf]
    for _ in range(3):
        over(1.0, math.nan)
    assert len(over._structures) == 3


def test_products_that_are_equal_differ_by_nothing(backend: str) -> None:
    for optimize in ("auto", "interpreter", "full"):
        root = compile(lambda a, b: microgrid.sqrt(a * a - b * b), optimize=optimize)
        assert [root(number, number) for number in (0.1, 0.3, 1.3)] == [0.0, 0.0, 0.0]
        assert compile(lambda a, b, c, d: a * b - c * d, optimize=optimize)(0.1, 0.3, 0.1, 0.3) == 0.0
    numbers = np.linspace(0.1, 1.3, 50)
    assert not compile(lambda a, b: microgrid.sqrt(a * a - b * b), rows=(0, 1), reduce=None)(numbers, numbers).any()


def test_an_argument_may_have_any_name() -> None:
    assert compile(Value(2.0, name="self") * 2.0).value_and_grad(self=3.0) == (6.0, {"self": 2.0})
    assert compile(lambda self, what: self * what).value_and_grad(what=3.0, self=2.0) == (6.0, 3.0)


def test_arguments_may_be_given_by_name_alone() -> None:
    product = compile(lambda x, y: x * y)
    assert product(x=3.0, y=4.0) == 12.0
    assert product.value_and_grad(y=4.0, x=3.0) == (12.0, 4.0)
    assert microgrid.value_and_grad(lambda x, y: x * y)(y=4.0, x=3.0) == (12.0, 4.0)
    assert compile(lambda w, x: w * x, rows="x").value_and_grad(x=[1, 2], w=3.0) == (9.0, 3.0)
    assert compile(lambda: 3.0)() == 3.0

    def f(x: Any, *, n: int = 2) -> Any:
        return x**n

    assert compile(f, static="n").value_and_grad(3.0) == (9.0, 6.0)
    assert compile(f, static="n").value_and_grad(3.0, n=3) == (27.0, 27.0)


def test_gradients_of_a_graph_and_of_outside_values_hold_rows_and_matrices(backend: str) -> None:
    w, x = Value(2.0, name="w"), Value(1.0, name="x")
    value, slopes = compile(w * x + w, rows="x", reduce="sum").value_and_grad(2.0, [1.0, 2.0])
    assert (value, slopes["w"], slopes["x"].tolist()) == (10.0, 5.0, [2.0, 2.0])
    value, (slope,) = compile(lambda x: w * x, inputs=[w], rows="x", reduce=None).value_and_grad([1.0, 2.0])
    assert (value.tolist(), slope.tolist()) == ([2.0, 4.0], [1.0, 2.0])
    assert compile(w * x + w, [w, x]).hessian(2.0, 1.0) == [[0.0, 1.0], [1.0, 0.0]]
    assert compile(lambda y: y * w * x, inputs={"w": w, "x": x}).hessian(2.0)["w"] == {"w": 0.0, "x": 2.0}


def test_a_bound_call_has_an_array_for_all_that_it_reads(backend: str) -> None:
    w = Value(1.0, name="w")
    for given, rows in ((3.0, ()), (np.arange(4), "x"), ([0, 1, 2, 3], "x"), (np.arange(4.0).astype(">f8"), "x")):
        call = compile(lambda x: w * x, inputs=[w], rows=rows).bind(given)
        first = call()
        call.arguments["w"][:] = 2.0
        assert call() == 2.0 * first
        call.arguments["x"][0] += 100.0
        assert call() == 2.0 * (first + 100.0)


def test_a_copy_begins_anew() -> None:
    compiled = compile(loss, wrt=("w", "b"))
    arguments = ([1.0, 2.0], 0.5, [0.25, -1.0], 1.0)
    found = compiled.value_and_grad(*arguments)
    for copied in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        assert copied.value_and_grad(*arguments) == found
        assert copied._structures is not compiled._structures


def test_rows_of_many_results_have_no_gradient(backend: str) -> None:
    compiled = compile(lambda a, x: (a * x, a), rows="x")
    assert compiled(2.0, np.arange(4.0)) == (12.0, 8.0)
    with pytest.raises(InvalidValueError, match="one number, not 2"):
        compiled.grad(2.0, np.arange(4.0))
    assert compiled.vjp(2.0, np.arange(4.0), (1.0, 0.5)) == 8.0


def test_a_bound_call_on_rows_watches_the_branches(backend: str) -> None:
    call = compile(lambda a, x: exp(x) if a < 0 else a * x, rows="x").bind(1.0, np.arange(4.0))
    assert call() == 6.0
    call.arguments["a"][:] = -1.0
    with pytest.raises(InvalidValueError, match="another branch"):
        call()


def square_of_product(w: Any, x: Any) -> Any:
    return sum(weight * number for weight, number in zip(w, x, strict=True)) ** 2


def layouts(x: Any) -> Iterator[Any]:
    yield np.ascontiguousarray(x)
    yield np.asfortranarray(x)
    yield np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3]
    yield np.ascontiguousarray(x[::-1])[::-1]
    yield np.asfortranarray(x[:, ::-1])[:, ::-1]
    frozen = x.copy()
    frozen.setflags(write=False)
    yield frozen
    bytes_of = np.zeros(x.nbytes + 1, np.uint8)
    unaligned = bytes_of[1:].view(x.dtype).reshape(x.shape)
    unaligned[:] = x
    yield unaligned


@pytest.mark.parametrize("columns", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32, np.bool_])
def test_arrays_are_read_as_they_lie(kind: Any, columns: int) -> None:
    draw = np.random.default_rng(columns)
    x = (draw.standard_normal((23, columns)) * 3.0).astype(kind)
    w = draw.standard_normal(columns)
    compiled = compile(lambda w, x: tanh(dot(w, x)), rows="x")
    wide = x.astype(float)
    slopes = (1.0 - np.tanh(wide @ w) ** 2) @ wide
    for array in layouts(x):
        before = array.copy()
        value, gradient = compiled.value_and_grad(w, array)
        assert value == pytest.approx(float(np.tanh(wide @ w).sum()), rel=1e-12, abs=1e-12)
        assert np.allclose(gradient, slopes, rtol=1e-10, atol=1e-11)
        assert (array == before).all()


def test_the_number_of_threads_changes_no_bit() -> None:
    w, b, x, y = samples(50_001, 30)
    answers = set()
    for threads in (1, 2, 3):
        compiled = compile(loss, rows=("x", "y"), wrt=("w", "b"), threads=threads)
        for _ in range(2):
            value, (dw, db) = compiled.value_and_grad(w, b, x, y)
            answers.add((value, *dw.tolist(), db))
    assert len(answers) == 1


@pytest.mark.parametrize(("text", "most"), [("1", 1), (" 2,4", 2), ("0", 1), ("many", 64), ("", 64)])
def test_threads_are_no_more_than_omp_num_threads(text: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert runners.processors() == most


def test_a_few_rows_need_no_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    w, b, x, y = samples(700)
    expected = compile(loss, rows=("x", "y"), wrt=("w", "b")).value_and_grad(w, b, x, y)
    monkeypatch.setattr(machine, "build", None)
    compiled = compile(loss, rows=("x", "y"), wrt=("w", "b"), optimize="interpreter")
    value, (dw, db) = compiled.value_and_grad(w, b, x, y)
    assert (value, db) == (pytest.approx(expected[0], rel=1e-13), pytest.approx(expected[1][1], rel=1e-12))
    assert np.allclose(dw, expected[1][0], rtol=1e-12, atol=1e-13)
    assert compiled.backend == "numpy"


def test_long_sums_lose_nothing(backend: str) -> None:
    x = np.full(1_000_003 if backend == "native" else 100_003, 0.1)
    value = compile(lambda x: x * 1.0, rows="x")(x)
    assert value == pytest.approx(math.fsum(x.tolist()), rel=2e-15)


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_each_row_has_the_eager_bits_if_it_is_to_be_precise(seed: int, backend: str) -> None:
    leaves, output = random_graph(seed)
    numbers = np.array([[leaf.data for leaf in leaves]] * 5)
    numbers[1:] += np.random.default_rng(seed).uniform(-0.5, 0.5, (4, len(leaves)))
    f = as_function(leaves, output)
    value, gradient = compile(f, rows=0, reduce=None, precise=True).value_and_grad(numbers)
    for row in range(5):
        variables = [Value(number) for number in numbers[row]]
        wanted = f(variables)
        wanted.backward()
        assert bits([value[row], *gradient[row]]) == bits([wanted.data, *[variable.grad for variable in variables]])


def test_hessians_are_summed_over_rows(backend: str) -> None:
    w, b, x, y = samples(301)
    found = compile(loss, rows=("x", "y")).hessian(w, b, x, y)
    a = 1.0 / (1.0 + np.exp(-(x @ w + b)))
    assert np.allclose(found, (x * (a * (1.0 - a))[:, None]).T @ x, rtol=1e-12)
    direction = np.arange(5.0)
    assert np.allclose(compile(loss, rows=("x", "y")).hvp(w, b, x, y, direction), found @ direction, rtol=1e-12)


def test_saturated_rows_are_finite_and_right(backend: str) -> None:
    z = np.array([-1e308, -1e3, -745.0, -710.0, -37.0, -1e-300, 0.0, 1e-300, 37.0, 710.0, 745.0, 1e3, 1e308])

    def f(z: Any, y: Any) -> Any:
        return softplus(z) - y * z

    for y in (0.0, 1.0):
        value, slope = compile(f, rows=("z", "y"), reduce=None).value_and_grad(z, np.full(len(z), y))
        wanted = [microgrid.value_and_grad(f)(float(number), y) for number in z]
        assert value.tolist() == pytest.approx([one for one, _ in wanted], rel=1e-14)
        assert slope.tolist() == pytest.approx([one for _, one in wanted], rel=1e-14, abs=5e-324)


def test_a_bound_call_on_rows_reads_the_arrays_in_place(backend: str) -> None:
    w, b, x, y = samples(21)
    call = compile(loss, rows=("x", "y"), wrt=("w", "b")).bind(w, b, x, y)
    x[:] = x[::-1].copy()
    call.arguments["w"][:] = w * 2.0
    losses, slopes, slope = closed_form(w * 2.0, b, x, y)
    assert call() == pytest.approx(losses.sum(), rel=1e-13)
    assert call.gradient.tolist() == pytest.approx([*slopes, slope], rel=1e-12)


def test_arrays_that_are_given_again_are_read_anew_and_not_kept() -> None:
    w, b, x, y = samples(23)
    compiled = compile(loss, rows=("x", "y"), wrt=("w", "b"))
    first, (dw, _) = compiled.value_and_grad(w, b, x, y)
    before = dw.copy()
    x *= 2.0
    for weights in (w, w * 0.25):
        value, (slopes, _) = compiled.value_and_grad(weights, b, x, y)
        losses, wanted, _ = closed_form(weights, b, x, y)
        assert value == pytest.approx(losses.sum(), rel=1e-13)
        assert abs(value - first) > 1.0
        assert np.allclose(slopes, wanted, rtol=1e-12)
    assert (dw == before).all(), "results are nobody else's memory"
    held = weakref.ref(x)
    x = x.T[:5].T  # the same array no more: a view of it
    value, _ = compiled.value_and_grad(w, b, x, y)
    assert value == pytest.approx(closed_form(w, b, x, y)[0].sum(), rel=1e-13)
    del x
    gc.collect()
    assert held() is None


def test_operations_for_floats_alone_run_in_python() -> None:
    cube = microgrid.custom(lambda x: math.pow(x, 3.0), lambda out, x: 3.0 * math.pow(x, 2.0), name="cube")
    told = r"the operation cube \(test_compiling.py:\d+\) .* in Python.*: .*for machine code, let its value"
    with pytest.warns(microgrid.PerformanceWarning, match=told) as warned:
        assert compile(lambda x: cube(x) + 1.0).value_and_grad(2.0) == (9.0, 12.0)
    assert warned[0].filename == __file__
    with pytest.warns(microgrid.PerformanceWarning, match=r"row by row: .*custom\(..., numpy=True\)"):
        value, slopes = compile(lambda x: cube(x), rows=0).value_and_grad(np.array([1.0, 2.0, 3.0]))
    assert (value, slopes.tolist()) == (36.0, [3.0, 12.0, 27.0])


def test_operations_of_ones_own_run_as_machine_code_if_they_are_written_for_it() -> None:
    hump = microgrid.custom(lambda x, *, m: m.exp(-x * x), lambda out, x, *, m: -2.0 * x * out, name="hump")
    compiled = compile(lambda x: hump(x), rows=0)
    value, slopes = compiled.value_and_grad(np.array([0.5, -1.0]))
    assert compiled.backend == "rows"
    assert value == pytest.approx(math.exp(-0.25) + math.exp(-1.0), rel=1e-15)
    assert slopes.tolist() == pytest.approx([-math.exp(-0.25), 2.0 * math.exp(-1.0)], rel=1e-15)


# ---- lifetimes ------------------------------------------------------------------------------------------------


def test_code_can_be_called_until_the_very_end_of_a_process() -> None:
    run_apart(
        """
        import atexit, numpy, microgrid
        atexit.register(lambda: print(f(3.0), g(2.0, numpy.ones(500_000))))  # before anything is compiled
        f, g = microgrid.compile(lambda x: x * x), microgrid.compile(lambda w, x: w * x, rows="x", threads=2)
        g(2.0, numpy.ones(500_000))
        """,
        "9.0 1000000.0\n",
    )


def test_a_forked_process_compiles_while_another_thread_did() -> None:
    run_apart(
        """
        import os, threading, warnings, microgrid
        from microgrid.compiler.llvm import jit as machine
        warnings.simplefilter("ignore")
        held, done = threading.Event(), threading.Event()
        def hold():
            with machine.LOCK:
                held.set()
                done.wait(0.5)
        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if child == 0:
            os._exit(int(microgrid.compile(lambda x: x * 7.0)(1.0)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        done.set()
        """,
        "7\n",
    )


def test_an_interrupted_call_waits_for_its_threads() -> None:
    run_apart(
        """
        import signal, numpy, microgrid
        def f(w, x):
            for _ in range(30):
                x = microgrid.sin(w * x) + x
            return x
        def interrupt(*_):
            raise TimeoutError
        signal.signal(signal.SIGALRM, interrupt)
        compiled, x = microgrid.compile(f, rows="x", threads=8), numpy.ones(400_000)
        right = compiled(0.5, x)
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            try:
                compiled(0.5, numpy.ones(400_000))
            except TimeoutError:
                pass
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        print(compiled(0.5, x) == right)
        """,
        "True\n",
    )


def run_apart(script: str, printed: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(script)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode, found.stdout) == (0, printed), found.stderr


def test_the_code_of_a_bound_call_keeps_what_it_writes_into() -> None:
    code = compile(lambda x: exp(x) * x).bind(3.0).func
    gc.collect()
    others = [np.full(count, 7.0) for count in range(1, 9) for _ in range(100)]
    assert code() == pytest.approx(3.0 * math.exp(3.0), rel=1e-15)
    assert {float(number) for other in others for number in other} == {7.0}


def test_results_on_several_threads_are_freed_without_the_collector() -> None:
    compiled = compile(lambda w, x: w * x, rows="x", reduce=None, threads=2)
    compiled(1.0, np.ones(200_000))
    gc.disable()
    try:
        before = resident()
        for count in range(20):
            compiled(1.0, np.ones(200_001 + count))
        assert resident() - before < 1.5e7
    finally:
        gc.enable()


def test_an_array_that_rows_were_read_from_can_be_resized() -> None:
    x = np.ones(10)
    compiled = compile(lambda w, x: w * x, rows="x")
    assert compiled(2.0, x) == 20.0
    x.resize(20, refcheck=False)
    assert compiled(2.0, x) == 20.0


# ---- memory and disk ------------------------------------------------------------------------------------------


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("what", ["calls", "programs"])
@pytest.mark.unmeasured
def test_memory_does_not_grow(what: str) -> None:
    compiled = compile(lambda x: exp(x) * x)

    def work(count: int) -> None:
        for k in range(count):
            if what == "calls":
                compiled.value_and_grad(k * 1e-6)
            else:
                compile(lambda x, k=k: x * float(k), static=("k",)).value_and_grad(1.0, k)

    counts = (30_000, 60_000) if what == "calls" else (40, 80)
    work(counts[0])
    before = resident()
    work(counts[1])
    assert resident() - before < 3e6


def test_only_old_code_is_deleted_and_nobody_elses_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRID_CACHE", str(tmp_path))
    monkeypatch.setenv("MICROGRID_CACHE_MB", "2.5")
    others = [tmp_path / name for name in ("data.csv", "0" * 63, ".hidden")]
    for path in others:
        path.write_text("somebody's")
    (tmp_path / "folder").mkdir()
    left = tmp_path / f"{code_cache._UNFINISHED}left"
    left.write_bytes(b"")
    for path in (*others, tmp_path / "folder", left):
        os.utime(path, (0.0, 0.0))
    keys = [f"{place:064x}" for place in range(6)]
    code = bytes(800_000)
    for place, key in enumerate(keys):
        code_cache.store(key, code)
        os.utime(tmp_path / key, (1e9 + place, 1e9 + place))
        if place:
            code_cache.load(keys[1])  # what is used stays
    assert [code_cache.load(key) for key in keys] == [None, code, None, None, code, code]
    assert all(path.exists() for path in (*others, tmp_path / "folder"))
    assert not left.exists()


def test_code_is_kept_on_disk_and_a_corrupt_file_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRID_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(machine, "_WORTH_KEEPING", 0.0)

    def answer() -> float:
        found: float = compile(lambda x: exp(sin(x)) * 3.25)(0.5)
        return found

    first = answer()
    (kept,) = (tmp_path / "kept").iterdir()
    whole = kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0
    assert code_cache.load(kept.name) == whole[-len(code_cache.load(kept.name) or b"") :]
    for damaged in (whole[:-1], whole[:-1] + b"x", b"", whole.replace(b"machine code 1", b"machine code 0")):
        kept.write_bytes(damaged)
        assert code_cache.load(kept.name) is None
        assert answer() == first
        assert kept.read_bytes()[:25] == whole[:25]
        assert code_cache.load(kept.name) is not None


def test_code_that_others_could_have_written_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRID_CACHE", str(tmp_path))
    code_cache.store("ab", b"code")
    assert code_cache.load("ab") == b"code"
    (tmp_path / "ab").chmod(0o666)
    assert code_cache.load("ab") is None
    (tmp_path / "ab").chmod(0o600)
    tmp_path.chmod(0o777)
    assert code_cache.load("ab") is None
    code_cache.store("cd", b"code")
    assert not (tmp_path / "cd").exists()
    tmp_path.chmod(0o700)
    (tmp_path / "ef").symlink_to(tmp_path / "ab")
    assert code_cache.load("ef") is None


def test_the_folder_of_code_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRID_CACHE", "")
    assert code_cache.folder() is None
    code_cache.store("ab", b"code")
    assert code_cache.load("ab") is None
    for nothing in ("0", "off"):
        monkeypatch.setenv("MICROGRID_CACHE", nothing)
        assert code_cache.folder() is None
    monkeypatch.setenv("MICROGRID_CACHE_MB", "many")
    with pytest.raises(DataError, match="MICROGRID_CACHE_MB is a number of megabytes, not 'many'"):
        code_cache.store("ab", b"code")
    monkeypatch.delenv("MICROGRID_CACHE_MB")
    monkeypatch.delenv("MICROGRID_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert code_cache.folder() == tmp_path / "microgrid"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert code_cache.folder() != Path("not/absolute/microgrid")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert code_cache.folder() == tmp_path / "home" / ".cache" / "microgrid"


def test_without_numpy_points_are_computed_and_rows_say_what_to_install() -> None:
    script = (
        "import sys; sys.modules['numpy'] = None; sys.modules['llvmlite'] = None\n"
        "import microgrid\n"
        "f = microgrid.compile(lambda x, y: x[0] * y + x[1], wrt=(0, 1))\n"
        "print(f.value_and_grad([2.0, 1.0], 3.0), f.backend)\n"
        "try: microgrid.compile(lambda x: x, rows=0)([1.0])\n"
        "except microgrid.MissingPackageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "(7.0, ([3.0, 1.0], 2.0)) python"
    assert "microgrid-autodiff[compile]" in done.stdout.splitlines()[1]
