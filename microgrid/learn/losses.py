"""The logistic losses of one sample as graphs of Values: compiled over rows, or run on NumPy's columns; no fitting."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from microgrid.arithmetics.numpy import NUMPY
from microgrid.calculus.reverse import gradients
from microgrid.compiler.api import Compiled, compile  # noqa: A004  # microgrid's own is meant
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import evaluate, local_partials, pullback, topological_order
from microgrid.core.value import named

__all__ = ["Link", "compiled_loss", "link_of", "logit_loss", "sample_loss"]

_dot, _logsumexp, _softplus = FUNCTIONS["dot"], FUNCTIONS["logsumexp"], FUNCTIONS["softplus"]


def logit_loss(z: Sequence[Any], y: Sequence[Any]) -> Any:
    """The loss from the logits: softplus(z) - y·z of one logit, logsumexp(z) - y·z of one for each class."""
    if len(z) == 1:
        return named(_softplus(z[0]) - y[0] * z[0], "L")
    return named(_logsumexp(z) - _dot(y, z), "L")


def sample_loss(theta: Sequence[Sequence[Any]], x: Sequence[Any], y: Sequence[Any]) -> Any:
    """The loss of one sample with features x.

    ``theta`` has for each logit its weights and, if there is one more than features, its intercept; ``y`` is the label
    0 or 1 of one logit, or of several 1 at the sample's class and 0 at the others.
    """
    logits = []
    for number, row in enumerate(theta, start=1):
        z = _dot(row[: len(x)], x)
        z = z + row[-1] if len(row) > len(x) else z
        logits.append(named(z, "z" if len(theta) == 1 else f"z{number}"))
    return logit_loss(logits, y)


@functools.lru_cache(maxsize=64)
def compiled_loss(logits: int, columns: int, is_weighted: bool) -> Compiled:  # noqa: ARG001  # one for each number
    """The sum of ``sample_loss`` over rows as compiled code; it is kept, one for each number of columns and logits."""

    def loss(theta: Any, x: Any, y: Any) -> Any:
        return sample_loss([theta] if logits == 1 else theta, x, [y] if logits == 1 else y)

    def weighted_loss(theta: Any, x: Any, y: Any, weight: Any) -> Any:
        return weight * loss(theta, x, y)

    chosen: Callable[..., Any] = weighted_loss if is_weighted else loss
    return compile(chosen, rows=("x", "y", "weight") if is_weighted else ("x", "y"), wrt="theta", reduce="sum")


class Link:
    """The loss as a function of the logits alone, on columns: its rules run on NumPy's arrays."""

    def __init__(self, logits: int) -> None:
        self.logits = logits
        self._z = [Value(0.0, f"z{number}") for number in range(logits)]
        self._y = [Value(0.0, f"y{number}") for number in range(logits)]
        self._loss = logit_loss(self._z, self._y)
        self._order = topological_order(self._loss)

    def _terms(self, z: Any, y: Any) -> dict[Any, Any]:
        return dict(zip((*self._z, *self._y), (*z.T, *y.T), strict=True))

    def value_and_slopes(self, z: Any, y: Any) -> tuple[Any, Any]:
        """The loss of each row, and its derivatives with respect to the logits; of rows of logits and of labels 0 or 1.

        Those of rows that are told right are small, and have all their digits: one logit is turned so that the label is
        0, and of several the slope at the label is what the others add up to.
        """
        one, sign = self.logits == 1, 1.0 - 2.0 * y
        terms = self._terms(z * sign, numpy.zeros_like(y)) if one else self._terms(z, y)
        with numpy.errstate(all="ignore"):
            values = evaluate([self._loss], NUMPY, terms, order=self._order)
            adjoints = pullback(self._loss, local_partials(NUMPY, values), m=NUMPY, wanted=self._z, order=self._order)
            slopes = numpy.stack([adjoints[node] for node in self._z], axis=1)
        if one:
            return values[self._loss], slopes * sign
        return values[self._loss], numpy.where(y == 1.0, -(slopes * (1.0 - y)).sum(axis=1, keepdims=True), slopes)

    @functools.cached_property
    def _higher(self) -> dict[tuple[int, ...], Value]:
        """The second and third derivatives as graphs, by the sorted places of the logits."""
        found: dict[tuple[int, ...], Value] = {(k,): gradients(self._loss, node) for k, node in enumerate(self._z)}
        for order in (2, 3):
            for places in itertools.combinations_with_replacement(range(self.logits), order):
                found[places] = gradients(found[places[:-1]], self._z[places[-1]])
        return found

    def derivatives(self, z: Any, y: Any, order: int) -> dict[tuple[int, ...], Any]:
        """All second or third derivatives of each row, by the sorted places of the logits; exact ones, of the graph."""
        nodes = {places: node for places, node in self._higher.items() if len(places) == order}
        with numpy.errstate(all="ignore"):
            values = evaluate(nodes.values(), NUMPY, self._terms(z, y))
        return {places: numpy.broadcast_to(values[node], len(z)) for places, node in nodes.items()}


@functools.lru_cache(maxsize=16)
def link_of(logits: int) -> Link:
    """The link of so many logits, recorded once."""
    return Link(logits)
