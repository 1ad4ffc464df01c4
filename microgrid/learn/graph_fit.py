"""``fit_graph``: any per-sample loss of Values, minimised by the machinery that fits logistic regression."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from microgrid._public import public
from microgrid.compiler.api import Compiled, compile  # noqa: A004  # microgrid's own is meant
from microgrid.core.engine import Value
from microgrid.errors import DataError
from microgrid.learn.inference import CovarianceType, Evidence, Inference, Summary
from microgrid.learn.minimize import SOLVERS, Convergence, Solver, minimize
from microgrid.learn.objectives import InMemory, Objective
from microgrid.learn.sources import check_unmasked
from microgrid.util.pytree import ravel

__all__ = ["GraphFit", "fit_graph"]

_WORTH_COMPILING = 500_000  # rows times parameters: below, NumPy is done before machine code is made


@dataclass(frozen=True)
class _Columns:
    """Rows of several arrays, and how often each counts."""

    arrays: tuple[Any, ...]
    weight: Any = None
    is_telling = is_rich = True  # a sample of any rows will do

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.arrays[0])

    def pick(self, rows: Any) -> _Columns:
        """Some of the rows."""
        return _Columns(tuple([one[rows] for one in self.arrays]), None if self.weight is None else self.weight[rows])


class _GraphModel:
    """Sums over rows of a loss of Values and of its derivatives, compiled."""

    def __init__(self, loss: Callable[..., Any], unravel: Callable[[Any], Any], size: int, block: _Columns) -> None:
        self.size, self._loss, self._unravel, self._arrays = size, loss, unravel, len(block.arrays)
        self._optimize = "auto" if block.rows * size > _WORTH_COMPILING else "interpreter"

    @functools.cache  # noqa: B019  # one or two for each model, which live as long
    def _compiled(self, is_weighted: bool, reduce: str | None) -> Compiled:
        loss, unravel = self._loss, self._unravel

        def plain(theta: Any, *row: Any) -> Any:
            return loss(unravel(theta), *row)

        def weighted(theta: Any, weight: Any, *row: Any) -> Any:
            return weight * loss(unravel(theta), *row)

        chosen, rows = weighted if is_weighted else plain, [*range(1, self._arrays + 1 + is_weighted)]
        return compile(chosen, rows=rows, wrt=0, reduce=reduce, optimize=self._optimize)

    def _arguments(self, theta: Any, block: _Columns) -> tuple[Any, ...]:
        return (theta, *block.arrays) if block.weight is None else (theta, block.weight, *block.arrays)

    def value_and_grad(self, theta: Any, block: _Columns) -> tuple[float, Any]:
        """The sum of losses and its gradient."""
        value, slopes = self._compiled(block.weight is not None, "sum").value_and_grad(*self._arguments(theta, block))
        return float(value), numpy.asarray(slopes)

    def hessian(self, theta: Any, block: _Columns) -> Any:
        """Its second derivatives."""
        return numpy.asarray(self._compiled(block.weight is not None, "sum").hessian(*self._arguments(theta, block)))

    def diagonal(self, theta: Any, block: _Columns) -> Any:
        """Those with respect to one parameter twice."""
        return numpy.diag(self.hessian(theta, block))

    def outer(self, theta: Any, block: _Columns) -> Any:
        """The sum of outer products of the rows' gradients."""
        slopes = numpy.asarray(self._compiled(False, None).grad(theta, *block.arrays))
        return slopes.T @ (slopes if block.weight is None else slopes * block.weight[:, None])


@public("microgrid.learn")
@dataclass(frozen=True)
class GraphFit:
    """What ``fit_graph`` found.

    Parameters
    ----------
    parameters : structure
        In the structure of the start.
    convergence : Convergence
        Why the fit stopped, and the gradient norm that was reached.
    graph : Value
        The loss of the first row at the parameters.
    names : tuple of str
        Of the parameters, in order.
    """

    parameters: Any
    convergence: Convergence
    graph: Value
    names: tuple[str, ...]
    estimates: Any
    evidence: Callable[[], Evidence]

    def inference(self, *, cov_type: CovarianceType = "nonrobust") -> Inference:
        """Standard errors, tests and intervals, if the loss is a negative log-likelihood.

        Parameters
        ----------
        cov_type : {"nonrobust", "HC0", "HC1"}, default "nonrobust"
            The covariance.

        Raises
        ------
        DataError
            If the fit did not converge, or the Hessian is not positive there.
        """
        if not self.convergence.converged:
            raise DataError(f"there are no standard errors where a fit has not converged: {self.convergence}")
        return self.evidence().infer(self.names, self.estimates, cov_type, "Fit of a graph")

    def summary(self, *, cov_type: CovarianceType = "nonrobust", level: float = 0.95) -> Summary:
        """The summary of ``inference``.

        Parameters
        ----------
        cov_type
            As for ``inference``.
        level : float, default 0.95
            The confidence of the intervals.
        """
        return self.inference(cov_type=cov_type).summary(level)


@public("microgrid.learn")
def fit_graph(
    sample_loss: Callable[..., Any],
    data: Any,
    start: Any,
    *,
    sample_weight: Any = None,
    names: Sequence[str] | None = None,
    tol: float = 1e-8,
    max_iter: int = 200,
    solver: Solver = "auto",
    verbose: int = 0,
) -> GraphFit:
    """Minimise the mean of any loss of Values over rows of data.

    Parameters
    ----------
    sample_loss : callable
        ``sample_loss(parameters, *row)``: the loss of one row, of the parameters in the structure of ``start`` and the
        row of each array: a number, or a sequence of them for an array of two dimensions. Branches by ``where``.
    data : array or tuple of arrays
        Arrays with one row for each sample: finite numbers.
    start : number or structure of numbers
        The parameters to begin with: lists, dicts, arrays, nested as one likes.
    sample_weight : array of shape (rows,), optional
        How often each row counts.
    names : sequence of str, optional
        Of the parameters, in order; from the structure unless given.
    tol, max_iter, solver, verbose
        As for ``LogisticRegression``; the gradient norm is relative to that at the start.

    Returns
    -------
    GraphFit
        The parameters, the report, and inference. A fit that has not converged says so in its report and warns.

    Raises
    ------
    DataError
        If the data or an option have no meaning, or the loss is not finite at the start.

    Examples
    --------
    Poisson regression:

    >>> import microgrid
    >>> from microgrid.learn import fit_graph
    >>> def loss(p, x, y):
    ...     z = p["w"] * x + p["b"]
    ...     return microgrid.exp(z) - y * z
    >>> fit = fit_graph(loss, ([0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 2.0, 5.0]), {"w": 0.0, "b": 0.0})
    >>> round(fit.parameters["w"], 4), fit.convergence.converged
    (0.5152, True)
    """
    if solver not in SOLVERS:
        raise DataError(f"solver is 'auto', 'newton' or 'lbfgs', not {solver!r}")
    if not 0.0 <= tol < numpy.inf or max_iter < 0:
        raise DataError(f"tol and max_iter are numbers from 0, not {tol!r} and {max_iter!r}")
    block = _columns(data, sample_weight)
    theta, unravel = ravel(start)
    theta = numpy.asarray(theta, dtype=float)
    model = _GraphModel(sample_loss, unravel, len(theta), block)
    weight = float(block.rows if block.weight is None else block.weight.sum())
    paths = _paths(start)
    if names is not None and len(names) != len(paths):
        raise DataError(f"there are {len(names)} names, and {len(paths)} parameters: {', '.join(paths)}")
    objective = Objective(model, InMemory(block), weight, numpy.zeros(len(theta)), block.rows, names=paths)
    value, slopes = objective.value_and_grad(theta)
    if not numpy.isfinite(value) or not numpy.isfinite(slopes).all():
        raise DataError(f"the mean loss at the start is {value}, or its gradient is not finite: start elsewhere")
    found, _, report = minimize(objective, theta, theta, tol=tol, max_iter=max_iter, solver=solver, verbose=verbose)
    report.warn(stacklevel=3)

    def evidence() -> Evidence:
        matrices = objective.information(found), objective.outer(found)
        return Evidence(*matrices, weight, -report.loss * weight, numpy.nan, 0)

    leaves = [Value(float(one), name) for one, name in zip(found, paths, strict=True)]
    graph = sample_loss(unravel(leaves), *[one[0].tolist() for one in block.arrays])
    return GraphFit(unravel(found), report, graph, tuple(names or paths), found, evidence)


def _columns(data: Any, sample_weight: Any) -> _Columns:
    given = data if isinstance(data, tuple) else (data,)
    check_unmasked(*given, sample_weight)
    arrays = []
    for place, one in enumerate(given):
        array = numpy.asarray(one)
        if array.dtype.kind not in "biuf" or not array.ndim:
            raise DataError(f"array {place} of the data holds {array.dtype}, and numbers are needed")
        if not numpy.isfinite(array).all():
            raise DataError(f"array {place} of the data contains NaN or infinity")
        arrays.append(array if array.dtype == numpy.float32 else array.astype(float, copy=False))
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or not lengths.pop():
        raise DataError(f"the arrays have {[len(array) for array in arrays]} rows: as many in each are needed, and one")
    weight = None if sample_weight is None else numpy.asarray(sample_weight, dtype=float)
    if weight is not None:
        if weight.shape != (len(arrays[0]),):
            raise DataError(f"sample_weight has the shape {weight.shape}, and there are {len(arrays[0])} rows")
        if not (weight >= 0.0).all() or not 0.0 < weight.sum() < numpy.inf:
            raise DataError("sample weights are finite numbers from 0, and not all of them 0")
    return _Columns(tuple(arrays), weight)


def _paths(tree: Any) -> list[str]:
    """Of each number of a structure, where it is in it: w, w[0], w[0][1]."""

    def walk(tree: Any, path: str) -> Iterator[str]:
        if isinstance(tree, Mapping):
            for key, one in tree.items():
                yield from walk(one, f"{path}[{key}]" if path else str(key))
        elif isinstance(tree, list | tuple) or getattr(tree, "ndim", False):
            for place, one in enumerate(tree):
                yield from walk(one, f"{path}[{place}]" if path else f"[{place}]")
        else:
            yield path or "theta"

    return list(walk(tree, ""))
