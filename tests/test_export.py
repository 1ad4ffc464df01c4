"""Graphs as C, Python and NumPy text: what it says is what the graph computes."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import graphs
import numpy
import pytest
from helpers import bits

import microgrid
from microgrid import InvalidValueError, Value, to_c, to_numpy, to_python
from microgrid.core.graph import topological_order

Compiled = Callable[[Sequence[float]], tuple[float, list[float]]]
SEEDS = [seed for seed in range(400) if math.isfinite(graphs.random_graph(seed)[1].data)][:150]


def compiled(text: str, count: int, folder: Path) -> Compiled:
    """The C function as a Python one: by the machine's compiler, or read as Python where there is none."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    return _by_compiler(compiler, text, count, folder) if compiler else _by_reading(text, count)


def _by_compiler(compiler: str, text: str, count: int, folder: Path) -> Compiled:
    source, library = folder / "f.c", folder / f"f{len(list(folder.iterdir()))}.so"
    source.write_text(text, encoding="utf-8")
    flags = ["-std=c99", "-Wall", "-Werror", "-Wno-unused-variable", "-O2", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library), "-lm"], check=True)
    function = ctypes.CDLL(str(library)).f
    function.restype = ctypes.c_double

    def call(x: Sequence[float]) -> tuple[float, list[float]]:
        gradient = (ctypes.c_double * count)()
        value = function((ctypes.c_double * count)(*x), gradient)
        return float(value), list(gradient)

    return call


def _by_reading(text: str, count: int) -> Compiled:
    """Statements of the form that C and Python share, and choices turned round."""
    lines = [line.strip().rstrip(";") for line in text.splitlines() if line.startswith("    ")]
    python = [
        re.sub(r"^double |^return ", lambda found: "out = " if "r" in found[0][:1] else "", line) for line in lines
    ]
    python = [re.sub(r"= (\(.*?\)) \? (.*) : (.*)", r"= \2 if \1 else \3", line) for line in python]
    rules = microgrid.core.arithmetic.FLOAT
    names = {name: getattr(rules, name) for name in microgrid.core.source.C.calls} | {"fabs": abs}

    def call(x: Sequence[float]) -> tuple[float, list[float]]:
        scope: dict[str, Any] = {**names, "x": x, "gradient": [0.0] * count, "INFINITY": math.inf, "NAN": math.nan}
        exec("\n".join(python), scope)
        return scope["out"], scope["gradient"]

    return call


def test_c_of_random_graphs_has_the_graphs_own_bits(tmp_path: Path) -> None:
    for seed in SEEDS[:20]:
        _, output = graphs.random_graph(seed)
        output.backward()
        call = compiled(to_c(output, leaves_of(output)), len(leaves_of(output)), tmp_path)
        value, gradient = call([leaf.data for leaf in leaves_of(output)])
        assert bits([value]) == bits([output.data]), seed
        assert bits([slope + 0.0 for slope in gradient]) == bits([leaf.grad for leaf in leaves_of(output)]), seed


@pytest.mark.parametrize(
    "choose",
    [
        lambda x, y, z: microgrid.maximum(x, y) * z,
        lambda x, y, z: microgrid.minimum(y, x) * z,
        lambda x, y, z: microgrid.clip(x, y, z),
    ],
)
def test_c_of_choices_has_the_graphs_own_bits_at_nan_and_gcc_may_not_thread_jumps(
    choose: Callable[..., Value], tmp_path: Path
) -> None:
    text = to_c(choose(*map(Value, (0.5, 0.25, 2.0))))
    assert '__attribute__((noinline, optimize("no-thread-jumps")))' in text
    call = compiled(text, 3, tmp_path)
    for numbers in ((math.nan, 0.5, 2.0), (0.5, math.nan, 2.0), (0.5, 0.5, math.nan), (0.5, 0.5, 2.0)):
        leaves = [Value(number) for number in numbers]
        output = choose(*leaves)
        output.backward()
        by_leaf = dict(zip(leaves_of(choose(*leaves)), numbers, strict=True))
        value, gradient = call(list(by_leaf.values()))
        assert bits([value]) == bits([output.data])
        assert bits(gradient) == bits([leaf.grad for leaf in by_leaf])
    assert "__attribute__" not in to_c(Value(0.5) * Value(0.25))


def leaves_of(output: Value) -> list[Value]:
    return [node for node in topological_order(output) if node.op is None and not node.is_constant]


@pytest.mark.parametrize("seed", SEEDS)
def test_python_text_of_random_graphs_has_the_graphs_own_bits_or_raises_at_poles(seed: int) -> None:
    _, output = graphs.random_graph(seed)
    output.backward()
    scope: dict[str, Any] = {}
    exec(to_python(output), scope)
    try:
        value, gradient = scope["f"]([leaf.data for leaf in leaves_of(output)])
    except (ArithmeticError, ValueError):
        numbers = [number for node in topological_order(output) for number in (node.data, *node.partials)]
        assert not all(map(math.isfinite, numbers))
        return
    assert bits([value]) == bits([output.data])
    assert bits([slope + 0.0 for slope in gradient]) == bits([leaf.grad for leaf in leaves_of(output)])


@pytest.mark.parametrize("seed", SEEDS[:60])
def test_numpy_text_of_random_graphs_computes_whole_arrays(seed: int) -> None:
    _, output = graphs.random_graph(seed)
    output.backward()
    scope: dict[str, Any] = {}
    exec(to_numpy(output), scope)
    leaves = leaves_of(output)
    values, gradients = scope["f"]([numpy.full((2, 3), leaf.data) for leaf in leaves])
    assert values.shape == (2, 3)
    numpy.testing.assert_allclose(values, output.data, rtol=1e-9, atol=1e-12)
    for gradient, leaf in zip(gradients, leaves, strict=True):
        assert gradient.shape == (2, 3)
        if math.isfinite(leaf.grad):
            numpy.testing.assert_allclose(gradient, leaf.grad, rtol=1e-7, atol=1e-9)


def test_inputs_are_in_the_order_given_and_other_leaves_stay_numbers(tmp_path: Path) -> None:
    w, x, b = Value(2.0, "w"), Value(3.0, "x"), Value(1.0, "b")
    text = to_c(w * x + b, [b, w])
    assert "inputs: x[0] b, x[1] w" in text
    assert compiled(text, 2, tmp_path)([10.0, 5.0]) == (25.0, [1.0, 3.0])


def test_a_leaf_alone_and_a_constant_gradient_are_written(tmp_path: Path) -> None:
    x = Value(4.0)
    assert compiled(to_c(x), 1, tmp_path)([7.0]) == (7.0, [1.0])
    assert compiled(to_c((x - 5.0).relu()), 1, tmp_path)([-7.0]) == (0.0, [0.0])


def test_hostile_names_stay_inside_their_comment(tmp_path: Path) -> None:
    x = Value(1.0, name='*/ int main; /* \\ """ \n#error')
    assert compiled(to_c(x * 2.0), 1, tmp_path)([3.0]) == (6.0, [2.0])
    for write in (to_python, to_numpy):
        scope: dict[str, Any] = {}
        exec(write(x * 2.0), scope)
        assert float(scope["f"]([3.0])[0]) == 6.0


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((2.0,), {}, "only the graph of a Value"),
        ((Value(1.0), [Value(1.0)]), {}, "is not a leaf of the graph"),
        ((Value(1.0),), {"name": "2f"}, "can't be the name"),
        ((Value(1.0),), {"name": "lambda"}, "can't be the name"),
        ((Value(1.0),), {"name": "é"}, "can't be the name"),
        ((Value(1.0),), {"name": "exp"}, "can't be the name"),
        ((Value(1.0),), {"name": "double"}, "can't be the name"),
    ],
)
def test_what_cannot_be_written_is_refused(arguments: Any, options: Any, message: str) -> None:
    for write in (to_c, to_python, to_numpy):
        with pytest.raises(InvalidValueError, match=message):
            write(*arguments, **options)


def test_an_input_given_twice_or_inside_the_graph_is_refused() -> None:
    x = Value(1.0)
    y = x * 2.0
    with pytest.raises(InvalidValueError, match="given twice"):
        to_c(y, [x, x])
    with pytest.raises(InvalidValueError, match="not a leaf"):
        to_c(y + 1.0, [y])
