"""Derivatives of every kind and order, held against each other, against high precision and against other packages."""

from __future__ import annotations

import math

import numpy
import pytest
from graphs import random_graph

import microgrid
from microgrid import InvalidValueError, Value, gradients, to_python
from microgrid.graph import pullback, topological_order

# ---- recorded graphs ------------------------------------------------------------------------------------------


def test_gradients_of_random_graphs_have_the_bits_of_backward() -> None:
    compared = 0
    for seed in range(1500):
        leaves, output = random_graph(seed)
        adjoints = pullback(output)
        for leaf, slope in zip(leaves, gradients(output, leaves), strict=True):
            expected = adjoints.get(leaf, 0.0)
            if math.isfinite(expected):  # elsewhere 0·inf may be nan, where a rule's own 0 contributes nothing here
                assert slope.data == expected
                compared += 1
    assert compared > 3000


def test_gradients_are_graphs_on_the_same_leaves() -> None:
    x, y = Value(0.5, "x"), Value(2.0, "y")
    slope = gradients(microgrid.exp(x * y), x)
    assert {node for node in topological_order(slope) if node.op is None} == {x, y}
    slope.backward()
    assert x.grad == y.data**2 * math.exp(1.0)
    namespace: dict[str, object] = {}
    exec(to_python(slope, [x, y]), namespace)
    assert namespace["f"]([0.5, 2.0]) == (slope.data, [x.grad, y.grad])  # type: ignore[operator]
    assert "∂" in microgrid.draw(slope).dot


def test_gradients_leave_every_grad_as_it_was() -> None:
    x = Value(3.0)
    x.grad = 5.0
    output = x**3
    gradients(output, x)
    assert (x.grad, output.grad) == (5.0, 0.0)


def test_gradients_with_respect_to_interior_nodes_and_to_the_output_itself() -> None:
    x = Value(3.0)
    square = x * x
    output = square.sin()
    by_square, by_x, by_itself = gradients(output, [square, x, output])
    assert by_square.data == math.cos(9.0)
    assert by_x.data == 6.0 * math.cos(9.0)
    assert by_itself.data == 1.0


def test_a_gradient_that_the_output_does_not_depend_on_is_a_constant_0() -> None:
    x, y = Value(1.0), Value(2.0)
    slope = gradients(x.exp(), y)
    assert slope.data == 0.0
    assert slope.is_constant
    assert gradients((x < y).record() * x, y).is_constant


def test_gradients_come_in_the_structure_of_wrt() -> None:
    w, b, c = Value(1.0), Value(2.0), Value(3.0)
    output = w * b * c
    slopes = gradients(output, {"w": [w, (b,)], "c": numpy.array([[c, w]])})
    assert slopes["w"][0].data == 6.0
    assert slopes["w"][1][0].data == 3.0
    assert slopes["c"].shape == (1, 2)
    assert slopes["c"][0, 1] is slopes["w"][0]


def test_a_gradient_of_a_deep_graph_needs_no_recursion() -> None:
    x = Value(0.5)
    output = x
    for _ in range(50_000):
        output = output * 1.0000001
    assert gradients(output, x).data == pytest.approx(math.exp(0.005), rel=1e-9)


@pytest.mark.parametrize("wrt", [3.0, [Value(1.0), 2.0], "x", None])
def test_gradients_with_respect_to_no_value_are_refused(wrt: object) -> None:
    with pytest.raises(InvalidValueError, match="a graph is differentiated with respect to Values of it, not"):
        gradients(Value(1.0) * 2.0, wrt)


def test_gradients_of_no_value_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"only a Value can be differentiated, not 3\.0"):
        gradients(3.0, Value(1.0))  # type: ignore[arg-type]
