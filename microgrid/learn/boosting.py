"""``objective``: a per-sample loss of Values in the form in which XGBoost and LightGBM call one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy

from microgrid._public import public
from microgrid.calculus.reverse import gradients
from microgrid.compiler.api import compile  # noqa: A004  # microgrid's own is meant
from microgrid.errors import DataError

if TYPE_CHECKING:
    from microgrid.checking import Report

__all__ = ["BoostingObjective", "objective"]


@public("microgrid.learn")
class BoostingObjective:
    """Gradient and Hessian of a loss for gradient boosting; made by ``microgrid.objective``, where it is explained."""

    def __init__(self, loss: Callable[[Any, Any], Any], outputs: int) -> None:
        self.loss, self.outputs = loss, outputs
        self.__name__ = getattr(loss, "__name__", "objective")

        def derivatives(score: Any, y: Any) -> list[Any]:
            scores = [score] if outputs == 1 else list(score)
            slopes = gradients(loss(score, y), scores)
            return [*slopes, *[gradients(slope, one) for slope, one in zip(slopes, scores, strict=True)]]

        self._derivatives = compile(derivatives, rows=("score", "y"), reduce=None)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        """The derivatives for every row.

        Parameters
        ----------
        y_true, y_pred : array
            Labels and scores, as scikit-learn's interfaces of both packages give them; or scores and a data set that
            has ``get_label``, as their ``train`` does.
        sample_weight : array, optional
            What every row's derivatives are multiplied by; that of the data set, if it has one.

        Returns
        -------
        tuple of arrays
            The gradient and the diagonal of the Hessian, in the shape of the scores.

        Raises
        ------
        DataError
            If the scores have another shape than the loss, or a derivative is not finite.
        """
        if hasattr(y_pred, "get_label"):
            scores, labels, weight = y_true, y_pred.get_label(), y_pred.get_weight()
        else:
            scores, labels, weight = y_pred, y_true, sample_weight
        scores, labels = numpy.asarray(scores, dtype=float), numpy.asarray(labels, dtype=float)
        shape = (len(labels),) if self.outputs == 1 else (len(labels), self.outputs)
        if scores.size != numpy.prod(shape):
            raise DataError(
                f"the loss has {self.outputs} scores a row, and there are {scores.size} for {len(labels)} rows: "
                "say microgrid.objective(loss, outputs=...)"
            )
        found = [numpy.asarray(one) for one in self._derivatives(scores.reshape(shape), labels)]
        columns = numpy.stack([numpy.broadcast_to(one, len(labels)) for one in found], axis=1)
        wrong = ~numpy.isfinite(columns).all(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"a derivative of the loss is not finite in row {row}, of score {scores.reshape(shape)[row]} and label "
                f"{labels[row]}"
            )
        if weight is not None and len(weight):
            columns = columns * numpy.asarray(weight, dtype=float)[:, None]
        return columns[:, : self.outputs].reshape(scores.shape), columns[:, self.outputs :].reshape(scores.shape)

    def check(self, y_true: Any, y_pred: Any) -> Report:
        """Check the loss's derivatives, of both orders, at some labels and scores, by ``microgrid.check_gradients``."""
        from microgrid.checking import check_gradients  # takes longer to import than most fits

        at = list(zip(numpy.asarray(y_pred, dtype=float).tolist(), numpy.asarray(y_true).tolist(), strict=True))
        return check_gradients(self.loss, at, order=2, wrt=0)


@public()
def objective(loss: Callable[[Any, Any], Any], outputs: int = 1) -> BoostingObjective:
    """A per-sample loss as a custom objective of XGBoost and LightGBM: its gradient and Hessian, compiled.

    Parameters
    ----------
    loss : callable
        ``loss(score, y)`` of Values: the raw score, or a list of several, and the label. Branches by ``where``.
    outputs : int, default 1
        The number of scores a row: that of the classes, in both packages' multiclass training.

    Returns
    -------
    BoostingObjective
        ``f(y_true, y_pred)`` or ``f(scores, data_set)`` gives the gradient and the diagonal of the Hessian. Where a
        loss is not convex, the Hessian may be negative, and is given as it is.

    Raises
    ------
    DataError
        If ``outputs`` is not a number from 1.

    Examples
    --------
    >>> import microgrid
    >>> logistic = microgrid.objective(lambda score, y: microgrid.softplus(score) - y * score)
    >>> gradient, hessian = logistic([0.0, 1.0], [0.0, 0.0])
    >>> gradient.tolist(), hessian.tolist()
    ([0.5, -0.5], [0.25, 0.25])
    """
    if isinstance(outputs, bool) or not isinstance(outputs, int) or outputs < 1:
        raise DataError(f"outputs is a number of scores from 1, not {outputs!r}")
    return BoostingObjective(loss, outputs)
