"""One step of training micrograd's perceptron on 100 moons: the data, the closed form, and every peer's step.

The model is 2, 16, 16, 1 with relu; the loss the mean of relu(1 - y·score) and 1e-4 times the sum of the parameters'
squares; the step 0.1 against the gradient.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.registry import Call, Work, adapter, enter
from benchmarks.works.arrays import floats, torch_tensor
from benchmarks.works.scalar import LAYERS, prepare
from benchmarks.works.scalar import MOONS as STEP

__all__ = ["MOONS", "RATE", "SHAPES", "STRENGTH", "Problem", "layers", "problem_of", "reference"]

STRENGTH, RATE = 1e-4, 0.1
SHAPES = tuple(zip([2, *LAYERS], LAYERS, strict=False))
"""How many numbers go into each layer and out of it."""


@dataclass(frozen=True)
class Problem:
    """The moons and the parameters at the start."""

    samples: Any  # as the eager engines get them: pairs of the coordinates and ±1
    X: Any  # the same as arrays, as y
    y: Any
    parameters: Any  # neuron by neuron: the weights, then the bias


def problem_of(samples: Any) -> Problem:
    """The problem of some samples."""
    random.seed(1337)  # as the eager engines' model is made
    parameters: list[float] = []
    for fan_in, neurons in SHAPES:
        for _ in range(neurons):
            parameters += [*[random.uniform(-1, 1) for _ in range(fan_in)], 0.0]
    X, y = np.array([row for row, _ in samples]), np.array([sign for _, sign in samples])
    return Problem(samples, X, y, np.array(parameters))


def layers(parameters: Any) -> list[tuple[Any, Any]]:
    """Each layer's weights, a row for each neuron, and its biases, as views of the parameters."""
    found, start = [], 0
    for fan_in, neurons in SHAPES:
        stop = start + neurons * (fan_in + 1)
        block = parameters[start:stop].reshape(neurons, fan_in + 1)
        found.append((block[:, :-1], block[:, -1]))
        start = stop
    return found


def reference(given: Problem) -> list[float]:
    """The loss and its gradient, layer by layer in NumPy."""
    model, reached = layers(given.parameters), [given.X]
    for weights, biases in model:
        scores = reached[-1] @ weights.T + biases
        reached.append(scores if weights is model[-1][0] else np.maximum(scores, 0.0))
    margins = 1.0 - given.y * scores[:, 0]
    loss = np.maximum(margins, 0.0).mean() + STRENGTH * (given.parameters**2).sum()
    adjoint = (np.where(margins > 0.0, -given.y, 0.0) / len(given.y))[:, None]
    gradient: list[Any] = []
    for (weights, _), before in zip(reversed(model), reversed(reached[:-1]), strict=True):
        gradient.insert(0, np.column_stack([adjoint.T @ before, adjoint.sum(axis=0)]).ravel())
        adjoint = (adjoint @ weights) * (before > 0.0)
    return floats(loss, np.concatenate(gradient) + 2.0 * STRENGTH * given.parameters)


MOONS = enter(
    Work(
        "compiled moons step",
        problem=lambda size: problem_of(STEP.problem(size)),
        reference=reference,
        operations=lambda given: len(given.y),
        sizes=(100,),
        unit="sample",
    )
)


@adapter(peers.TORCH, MOONS)
def _torch(given: Problem) -> Call:
    """All samples at once, with its own layers' function; one thread, which is faster here than two."""
    import torch

    torch.set_num_threads(1)
    X, y = torch_tensor(given.X), torch_tensor(given.y)
    model = [
        (torch_tensor(weights.copy(), gradient=True), torch_tensor(biases.copy(), gradient=True))
        for weights, biases in layers(given.parameters)
    ]
    parameters = [tensor for layer in model for tensor in layer]
    found: list[Any] = []

    def call() -> None:
        x = X
        for weights, biases in model[:-1]:
            x = torch.relu(torch.nn.functional.linear(x, weights, biases))
        scores = torch.nn.functional.linear(x, *model[-1])[:, 0]
        loss = torch.relu(1.0 - y * scores).mean() + STRENGTH * sum((p * p).sum() for p in parameters)
        gradient = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            torch._foreach_add_(parameters, gradient, alpha=-RATE)
        found[:] = loss.detach(), gradient

    def answer() -> list[float]:
        loss, gradient = found
        blocks = [
            np.column_stack([by_weights.numpy(), by_biases.numpy()]).ravel()
            for by_weights, by_biases in zip(gradient[::2], gradient[1::2], strict=True)
        ]
        return floats(loss, *blocks)

    return Call(call, answer)


def _eager(name: str, given: Problem) -> Call:
    return prepare(STEP, name, given.samples).as_call()


for _name in (peers.SLOTTED, peers.MICROGRAD, peers.XAD):
    adapter(_name, MOONS)(partial(_eager, _name))
