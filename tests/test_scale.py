"""A million nodes deep and a million operands wide: nothing recurses, nothing is quadratic, everything is freed."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from collections.abc import Iterator

import pytest

import microgrid
from microgrid import Value
from microgrid.calculus.forward import pushforward
from microgrid.core.graph import pullback, topological_order

MILLION = 1_000_000

# A million objects made at once have the garbage collector walk all of them again and again; without it these tests
# take a third of the time, and what they show is more: that everything is freed by reference counts alone.
pytestmark = [pytest.mark.usefixtures("no_collector"), pytest.mark.unmeasured]


class Watch:
    """Tells whether a node is still there, by the references to its name, a string of its own."""

    def __init__(self, node: Value) -> None:
        node.name = "".join(["watch", "ed"])
        self.name = node.name

    def __call__(self) -> str | None:
        return self.name if sys.getrefcount(self.name) > 2 else None  # this one's, and the call's


@pytest.fixture
def low_recursion_limit() -> Iterator[None]:
    """So low that anything recursive would fail long before the end of the chain."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(limit)


def _chain(leaf: Value, length: int) -> Value:
    node = leaf
    for _ in range(length):
        node = -node
    return node


@pytest.mark.usefixtures("low_recursion_limit")
def test_a_chain_of_a_million_nodes_builds_differentiates_and_is_freed() -> None:
    leaf = Value(0.5)
    watch = Watch(leaf)
    root = _chain(leaf, MILLION)
    assert root.data == 0.5
    root.backward()
    assert leaf.grad == 1.0
    root.zero_grad()
    assert leaf.grad == 0.0
    del leaf
    assert watch() is not None
    del root
    assert watch() is None


long = pytest.mark.parametrize("count", [MILLION // 5, pytest.param(MILLION, marks=pytest.mark.trials)])


@pytest.mark.usefixtures("low_recursion_limit")
@long
def test_a_long_chain_is_swept_both_ways(count: int) -> None:
    leaf = Value(0.5)
    root = _chain(leaf, count)
    assert len(topological_order(root)) == count + 1
    assert pullback(root)[leaf] == 1.0
    assert pushforward(root, {leaf: 1.0})[root] == 1.0


@pytest.mark.usefixtures("low_recursion_limit")
@long
def test_a_long_chain_is_copied(count: int) -> None:
    leaf = Value(0.5, name="leaf")
    root = _chain(leaf, count)
    twin = copy.deepcopy(root)
    twin.backward()
    assert leaf.grad == root.grad == 0.0
    order = topological_order(twin)
    assert len(order) == count + 1
    assert (order[0].name, order[0].grad) == ("leaf", 1.0)


@pytest.mark.usefixtures("low_recursion_limit")
@long
def test_a_long_chain_is_pickled(count: int) -> None:
    root = _chain(Value(0.5, name="leaf"), count)
    twin = pickle.loads(pickle.dumps(root))
    del root
    twin.backward()
    order = topological_order(twin)
    assert len(order) == count + 1
    assert (order[0].name, order[0].data, order[0].grad) == ("leaf", 0.5, 1.0)


@pytest.mark.usefixtures("low_recursion_limit")
def test_a_sum_of_a_million_operands_is_one_node() -> None:
    leaves = [Value(1.0) for _ in range(MILLION)]
    root = microgrid.sum(leaves)
    assert root.data == MILLION
    root.backward()
    assert all(leaf.grad == 1.0 for leaf in leaves)
    assert len(topological_order(root)) == MILLION + 1


@pytest.mark.usefixtures("low_recursion_limit")
def test_deep_chains_of_wide_nodes_are_freed_and_copied() -> None:
    leaf = Value(1.0)
    watch = Watch(leaf)
    node: Value = leaf
    for _ in range(100_000):
        node = microgrid.where(1.0, node, 0.0)
    twin = copy.deepcopy(node)
    node.backward()
    assert leaf.grad == 1.0
    twin.backward()
    del leaf, node
    assert watch() is not None  # the twin's leaf bears the same name
    del twin
    assert watch() is None
    assert gc.collect() == 0


def test_memory_per_node_stays_small() -> None:
    x = Value(1.0)
    assert sys.getsizeof(x * x) <= 112
    assert not hasattr(x, "__dict__")
