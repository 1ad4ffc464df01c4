"""What the benchmarks ask for: graphs are what they are said to be, and our own answers and some peers' are right."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgrid
from benchmarks import peers
from benchmarks.engines import ENGINES, Engine
from benchmarks.measure import difference
from benchmarks.peers import OUR_ENGINES, SLOTTED, compiler, is_installed, missing
from benchmarks.registry import ADAPTERS, PEERS, WORKS, Adapter, Call
from benchmarks.worker import prepared, refer
from benchmarks.works import every
from benchmarks.works.ceiling import loss_and_gradient
from benchmarks.works.gpt import FUSED, GPT, UNFUSED, Adam
from benchmarks.works.graphs import (
    CHAIN,
    DRAWS,
    INPUTS,
    POINTS,
    RANDOM,
    REACH,
    Graph,
    chain,
    differentiate,
    random_graph,
)
from benchmarks.works.logistic import C_ORDER, FEATURES, FORTRAN_ORDER
from benchmarks.works.moons import MOONS

ROOT = Path(__file__).resolve().parent.parent
assert every.__all__  # every work is entered


# ---- the graphs -----------------------------------------------------------------------------------------------


def test_the_random_graph_has_as_many_operations_as_its_name_says() -> None:
    (size,) = RANDOM.sizes
    graph = RANDOM.problem(size)
    assert graph.operations == size == 12_700
    assert graph.steps == random_graph(DRAWS[size]).steps  # from run to run


def test_the_value_of_a_random_graph_depends_on_every_step() -> None:
    steps = random_graph(500).steps
    used = {operand for _, *operands in steps for operand in operands}
    assert used >= set(range(INPUTS, INPUTS + len(steps) - 1))
    for place, (_, *operands) in enumerate(steps, INPUTS):
        assert all(max(0, place - REACH) <= operand < place for operand in operands)


@pytest.mark.parametrize("length", [2, 100, 1_000])
def test_a_chain_is_as_deep_as_it_is_long(length: int) -> None:
    graph = chain(length)
    assert graph.operations == len(graph.steps) == length
    assert [a for _, a, _ in graph.steps] == [0, *range(3, length + 2)]
    x, slope, shift = graph.point
    expected = x
    for _ in range(length // 2):
        expected = expected * slope + shift
    assert differentiate(graph)[0] == pytest.approx(expected, rel=1e-13)
    assert differentiate(graph)[1] == pytest.approx(slope ** (length // 2), rel=1e-12)


def test_many_points_are_that_many_graphs() -> None:
    graph = random_graph(200)
    points = graph.point[:, None] * np.array([0.5, 1.0, 1.25])
    together = np.array(differentiate(Graph(graph.steps, points))).reshape(INPUTS + 1, 3)
    assert Graph(graph.steps, points).operations == 3 * graph.operations
    for column, one in zip(together.T, points.T, strict=True):
        assert column == pytest.approx(differentiate(Graph(graph.steps, one)), rel=1e-12)


# ---- answers --------------------------------------------------------------------------------------------------

SMALL = {
    C_ORDER.name: 5_003,
    FORTRAN_ORDER.name: 5_003,
    RANDOM.name: 300,
    POINTS.name: 300,
    CHAIN.name: 100,
    MOONS.name: 10,
    "Hessian, rows": 300,
    "chain": 50,
}
HERE = {name for name, engine in OUR_ENGINES.items() if engine == microgrid.engine}
"""The engine of this process; the other one is asked by the trials of all peers, each in a process of its own."""

OTHERS = {peers.NUMPY, peers.SLOTTED, peers.FLOATS, peers.CEILING, peers.CEILING_ALONE}
OURS = {name for name, peer in PEERS.items() if peer.is_ours} - {*OUR_ENGINES} | HERE
LONG = {FUSED.name, UNFUSED.name}
"""The model has tests of its own, of a shorter word."""

PAIRS = sorted(
    (work, peer) for work, peer in ADAPTERS if peer in OURS | OTHERS and work not in LONG and is_installed(PEERS[peer])
)


@pytest.mark.parametrize(("work", "peer"), PAIRS)
def test_every_answer_is_the_reference(work: str, peer: str) -> None:
    assert missing(PEERS[peer]) is None
    size = SMALL.get(work, 4 if WORKS[work].kind == "eager" else WORKS[work].sizes[0])
    told = refer(WORKS[work], min(size, WORKS[work].most))
    problem = told["problem"] if WORKS[work].sent else WORKS[work].problem(size)
    _, facts = prepared(WORKS[work], ADAPTERS[work, peer], problem)
    assert difference(peer, facts["answer"], told["reference"]) is None
    assert told["operations"] > 0
    assert facts["first"] > 0.0


def test_a_wrong_gradient_is_found_before_it_is_timed() -> None:
    right = ADAPTERS[CHAIN.name, peers.SLOTTED]

    def wrong(problem: Any) -> Call:
        task = right.prepare(problem)
        assert isinstance(task, Call)
        return Call(task.call, lambda: [number * 1.001 for number in task.answer()])

    _, facts = prepared(CHAIN, Adapter(wrong), chain(100))
    told = difference("wrong", facts["answer"], refer(CHAIN, 100)["reference"])
    assert told is not None
    assert told.startswith("wrong computes 0.5")


def test_a_peer_in_c_leaves_subnormal_numbers_as_they_are() -> None:
    # In a process of its own: what this test guards against can't be undone in the process that it happens in.
    program = (
        "import numpy as np\n"
        "from benchmarks.works.ceiling import loss_and_gradient\n"
        "loss_and_gradient(np.zeros((1, 30)), np.zeros(1), np.zeros(31), 1)[0]()\n"
        "print(2.2250738585072014e-308 * float('0.5'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.1125369292536007e-308"


# ---- the ceiling ----------------------------------------------------------------------------------------------


def exact(X: Any, y: Any, parameters: Any) -> list[float]:
    """The loss and its gradient, row by row, with sums that do not round."""
    losses, missed = [], []
    for row, label in zip(X, y, strict=True):
        z = math.fsum([*(parameters[:-1] * row).tolist(), parameters[-1]])
        decay = math.exp(-abs(z))
        losses.append(max(z, 0.0) + math.log1p(decay) - label * z)
        missed.append((1.0 if z >= 0.0 else decay) / (1.0 + decay) - label)
    gradient = [math.fsum(column * missed) for column in X.T]
    return [math.fsum(losses), *gradient, math.fsum(missed)]


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_ceiling_computes_the_loss_and_its_gradient(order: Any, threads: int) -> None:
    if compiler() is None:
        assert missing(PEERS[peers.CEILING]) == "needs gcc"
        return
    chance = np.random.default_rng(7)
    for rows in (1, 3, 15, 16, 17, 1_023, 1_025, 4_099):
        X = np.array(chance.standard_normal((rows, FEATURES)), order=order)
        X[::5] *= 300.0  # logits beyond ±745 too
        y = (chance.random(rows) < 0.5).astype(float)
        parameters = chance.standard_normal(FEATURES + 1)
        call, found = loss_and_gradient(X, y, parameters, threads)
        call()
        expected = np.array(exact(X, y, parameters))
        assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


# ---- the language model ---------------------------------------------------------------------------------------


def test_the_model_learns_a_word_and_fused_is_the_same_model() -> None:
    losses = {}
    for fused in (False, True):
        engine = our_engine()
        model = GPT(engine, fused=fused)
        adam = Adam(engine, model.parameters())
        before = model.loss("tea")
        before.backward()
        adam.step()
        losses[fused] = before.data, model.loss("tea").data
    assert len(model.parameters()) == 4_192
    assert losses[True] == pytest.approx(losses[False], rel=1e-12)
    assert losses[True][1] < losses[True][0]


def our_engine() -> Engine:
    """The engine that this process has."""
    (name,) = HERE
    return ENGINES[name]()


def test_the_slotted_class_has_the_gradient_of_the_model() -> None:
    ours, theirs = our_engine(), ENGINES[SLOTTED]()
    gradients = []
    for engine in (ours, theirs):
        model = GPT(engine, fused=False)
        engine.backward(model.loss("tea"))
        gradients.append([engine.grad(p) for p in model.parameters()])
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-9, abs=1e-15)
