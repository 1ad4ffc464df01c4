"""Sweeps over graphs: order, replay, the chain rule both ways, and the shapes that trip engines up."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import pytest

import microgrid
from microgrid import Value
from microgrid.arithmetics.complex import COMPLEX
from microgrid.calculus.forward import pushforward
from microgrid.core.arithmetic import FLOAT
from microgrid.core.graph import (
    dependents,
    evaluate,
    local_partials,
    pullback,
    recorded,
    topological_order,
)
from microgrid.core.value_arithmetic import VALUE


def _random_graph(seed: int, size: int = 60) -> tuple[list[Value], Value]:
    """Leaves and a root that depends on all of them, with shared nodes, of smooth operations."""
    draw = random.Random(seed)
    leaves = [Value(draw.uniform(-1.0, 1.0), name=f"x{i}") for i in range(5)]
    nodes: list[Any] = list(leaves)
    for _ in range(size):
        x, y = draw.choice(nodes), draw.choice(nodes[-8:])
        makes = (lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - 0.5 * y, lambda x, y: x.tanh() * y)
        nodes.append(draw.choice(makes)(x, y).sin())
    return leaves, microgrid.sum(nodes)


# ---- order ----------------------------------------------------------------------------------------------------


def test_order_puts_every_parent_before_its_children_and_each_node_once() -> None:
    leaves, root = _random_graph(1)
    order = topological_order(root)
    place = {node: index for index, node in enumerate(order)}
    assert len(place) == len(order)
    assert set(leaves) <= set(order)
    assert order[-1] is root
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


def test_order_goes_from_left_to_right() -> None:
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    ab = a * b
    root = ab + c
    assert topological_order(root) == [a, b, ab, c, root]
    assert topological_order(c) == [c]
    assert topological_order() == []


def test_two_roots_share_their_nodes_in_one_order() -> None:
    x = Value(2.0)
    shared = x * x
    left, right = shared + 1.0, shared.exp()
    order = topological_order(left, right)
    assert order.count(shared) == order.count(x) == 1
    assert order[-1] is right
    assert topological_order(right, shared)[-1] is right  # a root may be an ancestor of another
    assert topological_order(shared, right, shared) == [x, shared, right]


# ---- the chain rule -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_backward_pullback_pushforward_and_complex_step_agree(seed: int) -> None:
    leaves, root = _random_graph(seed)
    adjoints = pullback(root)
    assert all(node.grad == 0.0 for node in topological_order(root))  # pullback touches no grad
    root.backward()
    for node in topological_order(root):
        assert node.grad == pytest.approx(adjoints[node], rel=1e-12, abs=1e-14)
    for leaf in leaves:
        forward = pushforward(root, {leaf: 1.0})
        assert forward[root] == pytest.approx(leaf.grad, rel=1e-12, abs=1e-14)
        values = evaluate([root], COMPLEX, {v: complex(v.data, 1e-200 * (v is leaf)) for v in leaves})
        assert values[root].imag / 1e-200 == pytest.approx(leaf.grad, rel=1e-12, abs=1e-14)


def test_replay_in_floats_gives_the_recorded_numbers_and_partials() -> None:
    _, root = _random_graph(7)
    values = evaluate([root], FLOAT, {})
    for node in topological_order(root):
        assert values[node] == node.data
        if node.parents:
            assert tuple(local_partials(FLOAT, values)(node)) == node.partials == recorded(node)


def test_replay_takes_given_values_and_makes_the_others_by_the_constant() -> None:
    x, y = Value(2.0), Value(3.0)
    product = x * y
    root = product + x
    assert evaluate([root], FLOAT, {x: 10.0})[root] == 40.0
    assert evaluate([root], FLOAT, {product: 1.0})[root] == 3.0
    assert evaluate([root], FLOAT, {}, constant=Fraction)[x] == Fraction(2)
    given = {x: 1.0}
    evaluate([root], FLOAT, given)
    assert given == {x: 1.0}


def test_pullback_takes_a_seed_and_pushforward_a_zero() -> None:
    x, y = Value(2.0), Value(3.0)
    root = x * y + x
    assert pullback(root, seed=10.0)[x] == 40.0
    assert pullback(x) == {x: 1.0}
    assert pushforward(root, {y: 1.0}, zero=0.0)[root] == 2.0
    assert pushforward(root, {root: 5.0})[root] == 5.0


def test_gradients_are_graphs_with_gradients() -> None:
    x = Value(0.5)
    root = x.exp() * x
    order = topological_order(root)
    first = pullback(root, local_partials(VALUE, {n: n for n in order}))[x]
    assert first.data == pytest.approx(1.5 * x.exp().data)
    second = pullback(first, local_partials(VALUE, {n: n for n in topological_order(first)}))[x]
    assert second.data == pytest.approx(2.5 * x.exp().data)
    assert pullback(second)[x] == pytest.approx(3.5 * x.exp().data)


@pytest.mark.parametrize("x0", [0.0, -2.0, 3.0])
def test_higher_derivatives_of_a_constant_power_hold_at_zero_and_below(x0: float) -> None:
    x = Value(x0)
    derivative: Any = x**3
    for expected in (3.0 * x0 * x0, 6.0 * x0, 6.0):
        order = topological_order(derivative)
        derivative = pullback(derivative, local_partials(VALUE, {n: n for n in order}))[x]
        assert derivative.data == expected


def test_constants_may_stay_plain_numbers_in_the_graph_of_a_derivative() -> None:
    """Then a power's exponent stays constant, and a negative base regular, even where all has to be finite."""
    x = Value(-2.0)
    root = x**3
    with microgrid.strict():
        (slope, _) = local_partials(VALUE, {root: root, x: x, root.parents[1]: 3.0})(root)
        assert pullback(slope)[x] == -12.0
    assert [node.op.name for node in topological_order(slope) if node.op] == ["power", "mul"]


# ---- shapes ---------------------------------------------------------------------------------------------------


def test_squares_and_doubles_count_both_edges() -> None:
    x = Value(3.0)
    square, double = x * x, x + x
    assert square.parents == double.parents == (x, x)
    square.backward()
    assert x.grad == 6.0
    x.grad = 0.0
    double.backward()
    assert x.grad == 2.0
    assert pushforward(square, {x: 1.0})[square] == 6.0
    assert pullback(microgrid.sum([x, x, x]))[x] == 3.0
    assert pullback(microgrid.dot([x, x], [x, x]))[x] == 12.0


def test_a_diamond_sums_over_its_paths() -> None:
    x = Value(2.0)
    shared = x * x
    root = shared.exp() * shared + shared
    root.backward()
    by_shared = shared.exp().data * (shared.data + 1.0) + 1.0
    assert shared.grad == pytest.approx(by_shared, rel=1e-15)
    assert x.grad == pytest.approx(4.0 * by_shared, rel=1e-15)


def test_a_shared_node_whose_paths_differ_in_length_is_complete_before_it_is_passed_on() -> None:
    x = Value(1.5)
    shared = x * 2.0
    long = shared
    for _ in range(10):
        long = long + 0.0
    for root in (shared + long, long + shared, shared * 1.0 + long * shared):
        x.grad = 0.0
        root.backward()
        expected = 4.0 if root.parents[0] in (shared, long) else 2.0 + 4.0 * shared.data
        assert x.grad == expected


def test_a_ladder_with_two_to_the_thousandth_paths_takes_linear_time() -> None:
    x = Value(1.0)
    node = x
    for _ in range(1000):
        node = node + node
    node.backward()
    assert x.grad == 2.0**1000
    assert len(topological_order(node)) == 1001
    assert pushforward(node, {x: 1.0})[node] == 2.0**1000
    crossed, other = Value(1.0), Value(1.0)
    left, right = crossed, other
    for _ in range(500):
        left, right = left + right, left - right
    (left + right).backward()
    assert crossed.grad == 2.0**250
    assert len(topological_order(left)) == 2 + 2 * 500 - 1


# ---- sweeps over a part of the graph --------------------------------------------------------------------------


def test_dependents_are_the_nodes_between_the_sources_and_the_roots() -> None:
    x, y = Value(1.0), Value(2.0)
    left, right = x * 2.0, y * 3.0
    root = left + right
    assert dependents([root], [x]) == {x, left, root}
    assert dependents([root], [left, y]) == {left, y, right, root}
    assert dependents([left], [y]) == {y}


def test_pullback_through_some_nodes_visits_no_other() -> None:
    x, y = Value(1.0), Value(2.0)
    root = x * 2.0 + y.exp() * x
    visited = []

    def partials(node: Value) -> tuple[float, ...]:
        visited.append(node)
        return node.partials

    adjoints = pullback(root, partials, through=dependents([root], [x]))
    assert adjoints[x] == 2.0 + math.exp(2.0)
    assert y not in adjoints
    assert len(visited) == 3


def test_an_adjoint_is_0_where_nothing_contributes_to_it() -> None:
    x = Value(1.0)
    double = x * 2.0
    root = double + x
    adjoints = pullback(root, times=lambda partial, adjoint: None if partial == 2.0 else partial * adjoint)
    assert adjoints[x] == 1.0
    assert pullback(root, times=_nothing, wanted=[root, x, double]) == {root: 1.0, x: 0.0, double: 0.0}


def _nothing(partial: float, adjoint: float) -> None:
    return None
