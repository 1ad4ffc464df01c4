"""What the engines are asked to do; how it is timed stands in ``measure``.

A work is entered by a function that prepares it for one peer and its data, and gives a ``Task``. Data are prepared
beforehand, once for all peers, and wrapped beforehand for a peer that needs that, which is to its advantage; leaves
that a person would make anew in each step are made anew. Every peer runs the same code on the same numbers, and its
answer is compared with the others' before anything is timed.
"""

from __future__ import annotations

import math
import operator
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from benchmarks.gpt import GPT, Adam
from benchmarks.peers import SLOTTED, Peer, load

__all__ = ["BY_HAND", "FLOATS", "WORKS", "Task", "Work"]

Samples = list[tuple[list[float], float]]


@dataclass(frozen=True)
class Task:
    """A work made ready for one peer.

    Parameters
    ----------
    operations : int
        The scalar operations in the work's formula, the same for every peer.
    forward : callable
        Records the graph and gives its root.
    backward : callable
        Takes the root to the gradients, and whatever else belongs to the step.
    gradients : callable
        The gradients as floats, to compare with other peers'.
    output : callable
        The root's number.
    """

    operations: int
    forward: Callable[[], Any]
    backward: Callable[[Any], None]
    gradients: Callable[[], list[float]]
    output: Callable[[Any], float]


Prepare = Callable[[Peer, Any], Task]


@dataclass(frozen=True)
class Work:
    """One thing to do, at the sizes that it is done at.

    Parameters
    ----------
    name : str
        What the table calls it.
    prepare : callable
        Makes a Task from a peer and data.
    data : callable
        Makes the data for a size, in what JSON can carry.
    size : str
        Which of the run's settings says how large it is: "chain", "samples" or "words".
    most : int
        The largest size that makes sense.
    needs : tuple of str
        Fields of ``Peer`` that may not be None; peers without them sit this work out.
    weighed : bool
        Whether the memory of its nodes is measured.
    """

    name: str
    prepare: Prepare
    data: Callable[[int], Any]
    size: str
    most: int = sys.maxsize
    needs: tuple[str, ...] = ()
    weighed: bool = False

    def suits(self, peer: Peer, size: int) -> bool:
        """Whether the peer can do this work at this size."""
        has_all = all(getattr(peer, need) is not None for need in self.needs)
        return has_all and (self.size != "chain" or size <= peer.longest)


WORKS: dict[str, Work] = {}
"""Every work by its name."""

BY_HAND: dict[str, Callable[[Any], Task]] = {}
"""For some works, the same in plain floats with the derivatives worked out by hand: what Python itself costs."""

FLOATS = "floats by hand"
"""What the table calls them."""


def work(name: str, data: Callable[[int], Any], size: str, **more: Any) -> Callable[[Prepare], Prepare]:
    """Enter the decorated function into the registry."""

    def register(prepare: Prepare) -> Prepare:
        WORKS[name] = Work(name, prepare, data, size, **more)
        return prepare

    return register


def by_hand(name: str) -> Callable[[Callable[[Any], Task]], Callable[[Any], Task]]:
    """Enter the decorated function as the plain loop for a work."""

    def register(prepare: Callable[[Any], Task]) -> Callable[[Any], Task]:
        BY_HAND[name] = prepare
        return prepare

    return register


def _task(peer: Peer, leaves: list[Any], operations: int, forward: Callable[[], Any]) -> Task:
    """A task that ends with the gradients."""
    return Task(operations, forward, peer.backward, lambda: [peer.grad(leaf) for leaf in leaves], peer.data)


# ---- a chain --------------------------------------------------------------------------------------------------

CHAIN_SLOPE, CHAIN_SHIFT = 0.999, 0.001


@work("chain", int, "chain", weighed=True)
def chain(peer: Peer, size: int) -> Task:
    """Products and sums in turn, each of the last one and a leaf: as deep as it is long, and no constants."""
    start, slope, shift = leaves = [peer.Value(number) for number in (0.5, CHAIN_SLOPE, CHAIN_SHIFT)]
    rounds = range(size // 2)

    def forward() -> Any:
        x = start
        for _ in rounds:
            x = x * slope + shift
        return x

    return _task(peer, leaves, 2 * len(rounds), forward)


@by_hand("chain")
def chain_by_hand(size: int) -> Task:
    """The chain and its derivatives as two loops over floats."""
    rounds = range(size // 2)
    gradients = [0.0, 0.0, 0.0]

    def forward() -> list[float]:
        x, slope, shift = 0.5, CHAIN_SLOPE, CHAIN_SHIFT
        passed = [x]
        for _ in rounds:
            x = x * slope + shift
            passed.append(x)
        return passed

    def backward(passed: list[float]) -> None:
        adjoint, slope = 1.0, CHAIN_SLOPE
        by_slope = by_shift = 0.0
        for x in reversed(passed[:-1]):
            by_shift += adjoint
            by_slope += x * adjoint
            adjoint *= slope
        gradients[:] = adjoint, by_slope, by_shift

    return Task(2 * len(rounds), forward, backward, lambda: gradients, lambda passed: passed[-1])


# ---- logistic regression on real data -------------------------------------------------------------------------


def _cancer(size: int) -> Samples:
    """The breast cancer data, standardised, with labels ±1."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    rows, classes = load_breast_cancer(return_X_y=True)
    rows = StandardScaler().fit_transform(rows)
    return list(zip(rows[:size].tolist(), (2.0 * classes[:size] - 1.0).tolist(), strict=True))


def _weights(count: int) -> list[float]:
    return [0.1 * math.sin(i) for i in range(count)]


def _logistic_operations(samples: Samples) -> int:
    return len(samples) * (2 * len(samples[0][0]) + 5) + 1


@work("logistic loss", _cancer, "samples", most=569)
def logistic(peer: Peer, samples: Samples) -> Task:
    """The mean loss from the logit, one operation at a time: 569 samples of 30 features make 36,986 of them."""
    weights = [peer.Value(number) for number in _weights(len(samples[0][0]))]
    bias = peer.Value(0.1)
    exp, log, numbers = peer.exp, peer.log, peer.numbers
    rows = [numbers(row) for row, _ in samples]
    signs = numbers([-sign for _, sign in samples])

    def forward() -> Any:
        total, one, share = numbers([0.0, 1.0, 1.0 / len(samples)])
        for row, sign in zip(rows, signs, strict=True):
            z = bias
            for w, x in zip(weights, row, strict=True):
                z = z + w * x
            total = total + log(exp(z * sign) + one)
        return total * share

    return _task(peer, [*weights, bias], _logistic_operations(samples), forward)


@work("logistic loss, fused", _cancer, "samples", most=569, needs=("dot", "softplus"))
def logistic_fused(peer: Peer, samples: Samples) -> Task:
    """The same loss as one would rather write it, with a ``dot`` and a ``softplus`` for each sample."""
    weights = [peer.Value(number) for number in _weights(len(samples[0][0]))]
    bias = peer.Value(0.1)
    dot, softplus, share = peer.dot, peer.softplus, 1.0 / len(samples)
    assert dot is not None
    assert softplus is not None

    def forward() -> Any:
        total: Any = 0.0
        for row, sign in samples:
            total = total + softplus((dot(weights, row) + bias) * -sign)
        return total * share

    return _task(peer, [*weights, bias], _logistic_operations(samples), forward)


@by_hand("logistic loss")
def logistic_by_hand(samples: Samples) -> Task:
    """The loss and its closed-form gradient as loops over floats."""
    features = len(samples[0][0])
    weights, bias, share = _weights(features), 0.1, 1.0 / len(samples)
    gradients = [0.0] * (features + 1)

    def forward() -> tuple[float, list[float]]:
        total, decays = 0.0, []
        for row, sign in samples:
            z = bias
            for w, x in zip(weights, row, strict=True):
                z += w * x
            decay = math.exp(z * -sign)
            decays.append(decay)
            total += math.log(decay + 1.0)
        return total * share, decays

    def backward(root: tuple[float, list[float]]) -> None:
        sums = [0.0] * (features + 1)
        for (row, sign), decay in zip(samples, root[1], strict=True):
            adjoint = share * -sign * decay / (decay + 1.0)
            for i, x in enumerate(row):
                sums[i] += adjoint * x
            sums[features] += adjoint
        gradients[:] = sums

    return Task(_logistic_operations(samples), forward, backward, lambda: gradients, lambda root: root[0])


# ---- micrograd's demo -----------------------------------------------------------------------------------------

LAYERS = [16, 16, 1]


def _moons(size: int) -> Samples:
    from sklearn.datasets import make_moons

    rows, classes = make_moons(n_samples=size, noise=0.1, random_state=1337)
    return list(zip(rows.tolist(), (2.0 * classes - 1.0).tolist(), strict=True))


class _Perceptron:
    """micrograd's model in any peer's operations, a chain of products and sums for each neuron."""

    def __init__(self, peer: Peer, nin: int, nouts: list[int]) -> None:
        self.relu = peer.relu
        self.layers = [
            [self._neuron(peer, fan_in) for _ in range(nout)]
            for fan_in, nout in zip([nin, *nouts], nouts, strict=False)
        ]

    @staticmethod
    def _neuron(peer: Peer, nin: int) -> tuple[list[Any], Any]:
        return [peer.Value(random.uniform(-1, 1)) for _ in range(nin)], peer.Value(0.0)

    def __call__(self, x: list[Any]) -> Any:
        for layer in self.layers:
            x = [sum((w * xi for w, xi in zip(weights, x, strict=True)), bias) for weights, bias in layer]
            if layer is not self.layers[-1]:
                x = [self.relu(xi) for xi in x]
        return x[0]

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for weights, bias in layer for p in [*weights, bias]]


def _moons_operations(samples: int, parameters: int) -> int:
    """A product and a sum per weight, a relu per hidden neuron, then margins, their sum and the penalty."""
    weights = parameters - sum(LAYERS)
    return samples * (2 * weights + sum(LAYERS[:-1]) + 4) + 2 * parameters + 1


def _moons_step(peer: Peer, model: Any, samples: Samples) -> Task:
    """One step of the demo: scores, max-margin loss, L2 penalty, accuracy; zero, backward, update."""
    parameters = model.parameters()
    signs = [sign for _, sign in samples]

    def forward() -> Any:
        one, share, strength = peer.numbers([1.0, 1.0 / len(samples), 1e-4])
        scores = [model(list(map(peer.Value, row))) for row, _ in samples]
        losses = [
            peer.relu(one + opposite * score)
            for opposite, score in zip(peer.numbers([-sign for sign in signs]), scores, strict=True)
        ]
        data_loss = reduce(operator.add, losses) * share
        penalty = strength * reduce(operator.add, [p * p for p in parameters])
        sum((sign > 0.0) == (peer.data(score) > 0.0) for sign, score in zip(signs, scores, strict=True))
        return data_loss + penalty

    def backward(root: Any) -> None:
        for p in parameters:
            peer.zero(p)
        peer.backward(root)
        for p in parameters:
            p.data -= 0.1 * p.grad

    operations = _moons_operations(len(samples), len(parameters))
    return Task(operations, forward, backward, lambda: [peer.grad(p) for p in parameters], peer.data)


@work("moons step", _moons, "samples", most=100)
def moons(peer: Peer, samples: Samples) -> Task:
    """The demo as a user of the peer runs it: with the peer's own model, where it has one."""
    random.seed(1337)
    model = peer.MLP(2, LAYERS) if peer.MLP else _Perceptron(peer, 2, LAYERS)
    return _moons_step(peer, model, samples)


@work("moons step, unfused", _moons, "samples", most=100)
def moons_unfused(peer: Peer, samples: Samples) -> Task:
    """The same demo with every product and sum a node of its own, whatever the peer offers."""
    random.seed(1337)
    return _moons_step(peer, _Perceptron(peer, 2, LAYERS), samples)


# ---- a small language model -----------------------------------------------------------------------------------

LONG_WORDS = ("butterfly", "crocodile", "dandelion", "evergreen", "fireplace", "honeycomb", "jellyfish", "labyrinth")

Letters = tuple[list[str], int]


def _letters(size: int) -> Letters:
    """So many words of nine letters, and the operations that their loss takes, counted in a graph."""
    words = list(LONG_WORDS[:size])
    slotted = load(SLOTTED)
    assert isinstance(slotted, Peer)
    return words, len(_mean_loss(GPT(slotted, fused=False), slotted, words).interior())


def _mean_loss(model: GPT, peer: Peer, words: list[str]) -> Any:
    (share,) = peer.numbers([1.0 / len(words)])
    return reduce(operator.add, [model.loss(word) for word in words]) * share


def _gpt_step(peer: Peer, letters: Letters, *, fused: bool) -> Task:
    """One training step: the loss; zero, backward, Adam."""
    words, operations = letters
    model = GPT(peer, fused=fused)
    parameters = model.parameters()
    adam = Adam(peer, parameters)

    def backward(root: Any) -> None:
        for p in parameters:
            peer.zero(p)
        peer.backward(root)
        adam.step()

    return Task(
        operations,
        lambda: _mean_loss(model, peer, words),
        backward,
        lambda: [peer.grad(p) for p in parameters],
        peer.data,
    )


@work("GPT step", _letters, "words", most=len(LONG_WORDS))
def gpt(peer: Peer, letters: Letters) -> Task:
    """A training step as a user of the peer would write it: with its fused operations, where it has them."""
    return _gpt_step(peer, letters, fused=True)


@work("GPT step, unfused", _letters, "words", most=len(LONG_WORDS))
def gpt_unfused(peer: Peer, letters: Letters) -> Task:
    """The same step with every product and sum a node of its own."""
    return _gpt_step(peer, letters, fused=False)
