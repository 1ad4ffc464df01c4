"""A step of training a character-level GPT in the operations of any eager engine, scalar by scalar.

One layer, four heads, no biases, a root mean square in place of a norm with parameters: 4,192 parameters. A word is
read letter by letter; keys and values of the letters before are kept.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterable
from functools import partial, reduce
from itertools import pairwise
from typing import Any

from benchmarks import peers
from benchmarks.engines import ENGINES, Engine
from benchmarks.registry import Step, Work
from benchmarks.slotted import Slotted
from benchmarks.works.scalar import eager

__all__ = ["FUSED", "GPT", "UNFUSED", "Adam"]

BOUNDARY = 26
VOCABULARY = 27  # the letters, and the boundary before and after each word
WIDTH, HEADS, BLOCK = 16, 4, 16
HEAD = WIDTH // HEADS

Vector = list[Any]
Matrix = list[Vector]

SHAPES = {
    "letters": (VOCABULARY, WIDTH),
    "positions": (BLOCK, WIDTH),
    "query": (WIDTH, WIDTH),
    "key": (WIDTH, WIDTH),
    "value": (WIDTH, WIDTH),
    "mix": (WIDTH, WIDTH),
    "widen": (4 * WIDTH, WIDTH),
    "narrow": (WIDTH, 4 * WIDTH),
    "logits": (VOCABULARY, WIDTH),
}


def _total(terms: Iterable[Any]) -> Any:
    return reduce(operator.add, terms)


def _dot(xs: Iterable[Any], ys: Iterable[Any]) -> Any:
    return reduce(operator.add, map(operator.mul, xs, ys))


def _log_total_exp(engine: Engine, xs: Iterable[Any]) -> Any:
    return engine.log(_total(map(engine.exp, xs)))


class GPT:
    """The model."""

    def __init__(self, engine: Engine, *, fused: bool) -> None:
        generator = random.Random(42)
        self.engine = engine
        self.weights: dict[str, Matrix] = {
            name: [[engine.Value(generator.gauss(0.0, 0.08)) for _ in range(columns)] for _ in range(rows)]
            for name, (rows, columns) in SHAPES.items()
        }
        self.dot: Callable[..., Any] = (fused and engine.dot) or _dot
        self.total: Callable[..., Any] = (fused and engine.sum) or _total
        self.log_total_exp: Callable[..., Any] = (fused and engine.logsumexp) or partial(_log_total_exp, engine)

    def parameters(self) -> Vector:
        """Every weight, always in the same order."""
        return [weight for matrix in self.weights.values() for row in matrix for weight in row]

    def make_leaves_anew(self) -> None:
        """Leaves that hold the numbers that the last step moved these to."""
        value = self.engine.Value
        self.weights = {name: [[value(w.data) for w in row] for row in rows] for name, rows in self.weights.items()}

    def loss(self, word: str) -> Any:
        """The mean cross-entropy of each letter of a word, and of its end, given the letters before."""
        tokens = [BOUNDARY, *[ord(letter) - ord("a") for letter in word], BOUNDARY]
        keys: Matrix = []
        values: Matrix = []
        losses = []
        for position, (token, target) in enumerate(pairwise(tokens)):
            logits = self._read(token, position, keys, values)
            losses.append(self.log_total_exp(logits) - logits[target])
        (share,) = self.engine.numbers([1.0 / len(losses)])
        return self.total(losses) * share

    def _read(self, token: int, position: int, keys: Matrix, values: Matrix) -> Vector:
        """The logits of the letter after this one; its key and value join those of the letters before."""
        x = self._normed(_sums(self.weights["letters"][token], self.weights["positions"][position]))
        x = _sums(x, self._attend(self._normed(x), keys, values))
        x = _sums(x, self._think(self._normed(x)))
        return self._through("logits", x)

    def _through(self, name: str, x: Vector) -> Vector:
        return [self.dot(row, x) for row in self.weights[name]]

    def _normed(self, x: Vector) -> Vector:
        share, least = self.engine.numbers([1.0 / len(x), 1e-5])
        scale = self.engine.power(self.dot(x, x) * share + least, -0.5)
        return [xi * scale for xi in x]

    def _attend(self, x: Vector, keys: Matrix, values: Matrix) -> Vector:
        query = self._through("query", x)
        keys.append(self._through("key", x))
        values.append(self._through("value", x))
        heads = [slice(start, start + HEAD) for start in range(0, WIDTH, HEAD)]
        return self._through("mix", [mixed for head in heads for mixed in self._look(head, query, keys, values)])

    def _look(self, head: slice, query: Vector, keys: Matrix, values: Matrix) -> Vector:
        """One head's share: the values of the letters so far, weighted by how well their keys fit the query."""
        (share,) = self.engine.numbers([HEAD**-0.5])
        fits = [self.engine.exp(self.dot(query[head], key[head]) * share) for key in keys]
        scale = self.engine.power(self.total(fits), -1.0)
        weights = [fit * scale for fit in fits]
        return [self.dot(weights, column) for column in zip(*[value[head] for value in values], strict=True)]

    def _think(self, x: Vector) -> Vector:
        return self._through("narrow", [self.engine.relu(hidden) for hidden in self._through("widen", x)])


def _sums(xs: Vector, ys: Vector) -> Vector:
    return list(map(operator.add, xs, ys))


class Adam:
    """The optimiser, on floats."""

    RATE, MEAN_DECAY, SQUARE_DECAY, LEAST = 0.01, 0.85, 0.99, 1e-8

    def __init__(self, engine: Engine, parameters: Vector) -> None:
        self.grad = engine.grad
        self.parameters = parameters
        self.means = [0.0] * len(parameters)
        self.squares = [0.0] * len(parameters)
        self.steps = 0

    def step(self) -> None:
        """Move every parameter against its gradient."""
        self.steps += 1
        keep, keep_square, least = self.MEAN_DECAY, self.SQUARE_DECAY, self.LEAST
        new, new_square = 1.0 - keep, 1.0 - keep_square
        rate = self.RATE / (1.0 - keep**self.steps)
        unbias = 1.0 / (1.0 - keep_square**self.steps)
        gradients = [self.grad(p) for p in self.parameters]
        self.means = [keep * m + new * g for m, g in zip(self.means, gradients, strict=True)]
        self.squares = [keep_square * s + new_square * g * g for s, g in zip(self.squares, gradients, strict=True)]
        for p, m, s in zip(self.parameters, self.means, self.squares, strict=True):
            p.data -= rate * m / ((s * unbias) ** 0.5 + least)


# ---- the works ------------------------------------------------------------------------------------------------

LONG_WORDS = ("butterfly", "crocodile", "dandelion", "evergreen", "fireplace", "honeycomb", "jellyfish", "labyrinth")

Letters = tuple[list[str], int]


def _letters(size: int) -> Letters:
    """So many words of nine letters, and the operations that their loss takes, counted in a graph."""
    words = list(LONG_WORDS[:size])
    slotted = ENGINES[peers.SLOTTED]()
    root: Slotted = _mean_loss(GPT(slotted, fused=False), words)
    return words, len(root.interior())


def _mean_loss(model: GPT, words: list[str]) -> Any:
    (share,) = model.engine.numbers([1.0 / len(words)])
    return reduce(operator.add, [model.loss(word) for word in words]) * share


def _step(engine: Engine, letters: Letters, *, fused: bool) -> Step:
    """One training step: the loss; zero, backward, Adam."""
    words, _ = letters
    model = GPT(engine, fused=fused)
    parameters = model.parameters()
    adam = Adam(engine, parameters)

    def forward() -> Any:
        if engine.fixed_leaves:
            model.make_leaves_anew()
            parameters[:] = model.parameters()
        engine.start()
        return _mean_loss(model, words)

    def backward(root: Any) -> None:
        for p in parameters:
            engine.zero(p)
        engine.backward(root)
        adam.step()

    return Step(forward, backward, lambda: [engine.grad(p) for p in parameters], engine.data)


def _fused(engine: Engine, letters: Letters) -> Step:
    """A training step as a user of the engine would write it: with its fused operations, where it has them."""
    return _step(engine, letters, fused=True)


def _unfused(engine: Engine, letters: Letters) -> Step:
    """The same step with every product and sum a node of its own."""
    return _step(engine, letters, fused=False)


def _work(name: str, by: Callable[[Engine, Letters], Step]) -> Work:
    return eager(
        name,
        "words",
        (1,),
        by,
        problem=_letters,
        reference=_by_slotted,
        operations=lambda letters: letters[1],
        most=len(LONG_WORDS),
    )


def _by_slotted(letters: Letters) -> list[float]:
    """The answer of the class by hand."""
    step = _unfused(ENGINES[peers.SLOTTED](), letters).as_call()
    step.call()
    return step.answer()


FUSED = _work("GPT step", _fused)
UNFUSED = _work("GPT step, unfused", _unfused)
