"""Gradient descent on the mean logistic loss, each step compared with the closed form; fast fitting is not here."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.errors import DataError
from microgrid.logistic.closed_forms import Agreement, mean_gradient
from microgrid.logistic.graph import DatasetLoss, Form, dataset_loss, read_samples

__all__ = ["Step", "gradient_descent"]


@public("microgrid.logistic")
@dataclass(frozen=True, slots=True)
class Step:
    """One step of gradient descent, with its gradient by autodiff and by the closed form.

    Parameters
    ----------
    loss : float
        The mean loss before the step.
    w : tuple of float
        The weights before the step.
    b : float
        The intercept before the step.
    gradient : tuple of Agreement
        The gradient at that point, weights first, each entry by autodiff and by its closed form.
    """

    loss: float
    w: tuple[float, ...]
    b: float
    gradient: tuple[Agreement, ...]

    @property
    def worst(self) -> Agreement:
        """The entry of the gradient that differs most from its closed form, relative to the size of its terms."""
        return max(self.gradient, key=lambda row: row.ulp_of_terms)


@public("microgrid.logistic")
def gradient_descent(
    X: Iterable[Iterable[Any]], y: Iterable[Any], *, steps: int = 100, rate: float = 1.0, form: Form = "logit"
) -> Iterator[Step]:
    """Minimise the mean logistic loss from w = 0, b = 0, and yield every step.

    Each step records the graph of the whole data set and compares the gradient by autodiff with the closed form.

    Parameters
    ----------
    X, y, form
        The data set and the form of the loss, as for ``dataset_loss``.
    steps : int, default 100
        The number of steps, from 0. One more is yielded, which shows where the descent ended.
    rate : float, default 1.0
        The learning rate, by which the gradient is multiplied before it is subtracted.

    Returns
    -------
    iterator of Step
        The steps, each computed when the iterator reaches it.

    Raises
    ------
    DataError
        At the call: as for ``dataset_loss``, and if ``steps`` is not a whole number from 0. During the iteration: if
        the descent diverges, at the step that leads to a number which is not finite.

    Examples
    --------
    >>> from microgrid.logistic import gradient_descent
    >>> first, *_, last = gradient_descent([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1], steps=20)
    >>> round(first.loss, 3), round(last.loss, 3)
    (0.693, 0.037)
    """
    rows, labels = read_samples(X, y)
    w, b = tuple([Value(0.0, f"w{index}") for index in range(1, len(rows[0]) + 1)]), Value(0.0, "b")

    def record() -> DatasetLoss:
        return dataset_loss(rows, labels, w, b, form=form)

    return _descend(record(), record, _count(steps), rate)


def _count(steps: Any) -> int:
    try:
        count = operator.index(steps)
    except TypeError:
        count = -1
    if count < 0:
        raise DataError(f"steps is a whole number from 0, not {steps!r}")
    return count


def _descend(graph: DatasetLoss, record: Callable[[], DatasetLoss], steps: int, rate: float) -> Iterator[Step]:
    step = _step_from(graph)
    yield step
    for taken in range(1, steps + 1):
        for parameter, row in zip((*graph.w, graph.b), step.gradient, strict=True):
            parameter.data -= rate * row.autodiff
            _check_descent(parameter, taken, rate)
        graph = record()
        _check_descent(graph.loss, taken, rate)
        step = _step_from(graph)
        yield step


def _step_from(graph: DatasetLoss) -> Step:
    weights = tuple([weight.data for weight in graph.w])
    return Step(graph.loss.data, weights, graph.b.data, tuple(mean_gradient(graph)))


def _check_descent(node: Value, step: int, rate: float) -> None:
    if not math.isfinite(node.data):
        raise DataError(
            f"the descent diverged: {node.name} is {node.data} after step {step}; the rate {rate:g} may be too large"
        )
