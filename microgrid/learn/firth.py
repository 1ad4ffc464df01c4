"""Firth's bias reduction: the likelihood times the square root of the information's determinant, which is never flat.

D. Firth, "Bias reduction of maximum likelihood estimates", Biometrika 80 (1993) 27-38; G. Heinze and M. Schemper, "A
solution to the problem of separation in logistic regression", Statistics in Medicine 21 (2002) 2409-2419.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy

from microgrid.learn.losses import link_of
from microgrid.learn.minimize import minimize
from microgrid.learn.objectives import Block, Linear

__all__ = ["FirthObjective"]


@dataclass
class FirthObjective:
    """The mean loss less half of the logarithm of the information's determinant, divided by the sum of weights.

    Of several logits the first is 0 here: the others are differences from it. Derivatives of the information are those
    of the link's graph, to the third order.
    """

    model: Linear
    block: Block  # all rows
    weight: float  # the sum of the rows' weights
    free: Any = None  # for each parameter whether it is fitted; the others are 0
    names: Sequence[str] = ()  # of the parameters of every logit, for messages
    is_sampled: ClassVar[bool] = False
    is_newton: ClassVar[bool] = False  # the information is not the Hessian of the penalised loss
    passes: float = field(default=0.0, init=False)
    hessians: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._first = 0 if self.model.logits == 1 else 1  # the first logit with parameters
        count = (self.model.logits - self._first) * self.model.width
        self.free = numpy.ones(count, dtype=bool) if self.free is None else self.free

    @property
    def size(self) -> int:
        """The number of free parameters."""
        return int(self.free.sum())

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.block.rows

    def whole(self, theta: Any) -> Any:
        """The parameters of every logit, from the free ones."""
        found = numpy.zeros(self.model.size)
        found[self._first * self.model.width :][self.free] = theta
        return found

    def part(self, whole: Any) -> Any:
        """The free parameters, from those of every logit."""
        shaped = whole.reshape(self.model.logits, self.model.width)
        return (shaped - self._first * shaped[0])[self._first :].ravel()[self.free]

    def value_and_grad(self, theta: Any) -> tuple[float, Any]:
        """With the penalty; infinite where the information is singular."""
        self.passes += 1
        whole, block = self.whole(theta), self.block
        value, slopes = self.model.value_and_grad(whole, block)
        information = self._information(whole)
        sign, logarithm = numpy.linalg.slogdet(information)
        if sign <= 0.0 or not math.isfinite(logarithm):
            return math.inf, numpy.zeros(self.size)
        slopes = slopes[self._first * self.model.width :] - 0.5 * self._trace(whole, numpy.linalg.inv(information))
        return (float(value) - 0.5 * logarithm) / self.weight, slopes[self.free] / self.weight

    def _trace(self, whole: Any, inverse: Any) -> Any:
        """The derivatives of the determinant's logarithm."""
        model, block, first = self.model, self.block, self._first
        rows, logits = model.extended(block.X), range(first, model.logits)
        blocks = inverse.reshape(len(logits), model.width, len(logits), model.width)
        leverage = {
            (a, b): numpy.einsum("ij,jk,ik->i", rows, blocks[a - first, :, b - first, :], rows)
            for a in logits
            for b in logits
        }
        thirds = link_of(model.logits).derivatives(model.predictors(whole, block.X), block.y, 3)
        found = []
        for k in logits:
            terms = [quadratic * thirds[tuple(sorted((a, b, k)))] for (a, b), quadratic in leverage.items()]
            row = numpy.sum(terms, axis=0)
            found.append(rows.T @ (row if block.weight is None else row * block.weight))
        return numpy.concatenate(found)

    def _information(self, whole: Any) -> Any:
        first = self._first * self.model.width
        return self.model.hessian(whole, self.block)[first:, first:]

    def hessian(self, theta: Any, is_exact: bool = True) -> Any:  # noqa: ARG002  # it is
        """The information, which is the Hessian without the penalty's: the metric of Fisher's scoring."""
        self.hessians += 1
        return self._information(self.whole(theta))[numpy.ix_(self.free, self.free)] / self.weight

    def diagonal(self, theta: Any) -> Any:
        """That of the information."""
        return numpy.diag(self.hessian(theta))

    def null(self, intercept: bool, tol: float) -> float:
        """The logarithm of the penalised likelihood with the weights at 0 and the penalty of all parameters."""
        free = numpy.zeros((len(self.free) // self.model.width, self.model.width), dtype=bool)
        free[:, self.model.columns :] = intercept
        rest = FirthObjective(self.model, self.block, self.weight, free.ravel())
        start = numpy.zeros(rest.size)
        theta = minimize(rest, start, start, tol=tol, max_iter=100)[0] if rest.size else start
        return -rest.value_and_grad(theta)[0] * self.weight

    def sample(self, _fraction: float) -> None:
        """None: the penalty is of all rows."""
