"""``LogisticRegression``: scikit-learn's conventions around the loss, the minimiser, inference and diagnosis."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy
import scipy.special
from sklearn.base import BaseEstimator
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from microgrid._public import public
from microgrid._version import __version__
from microgrid.core.engine import Value
from microgrid.errors import DataError
from microgrid.learn.checkpoint import Checkpoint
from microgrid.learn.dask_source import DaskBlocks, is_dask
from microgrid.learn.firth import FirthObjective
from microgrid.learn.inference import CovarianceType, Evidence, Inference, Summary
from microgrid.learn.losses import sample_loss
from microgrid.learn.minimize import SOLVERS, Convergence, Solver, minimize
from microgrid.learn.objectives import Block, InMemory, Labels, Linear, Objective, Source
from microgrid.learn.separation import CollinearityWarning, Finding, SeparationWarning, diagnose
from microgrid.learn.sources import Stream, check_unmasked, encoded, is_blocks

if TYPE_CHECKING:
    from microgrid.checking import Report

__all__ = ["LogisticRegression"]

_EXAMINED = 100_000_000  # operations that second derivatives may cost at the end of every fit
_CLOSE = 1e-6  # tolerance from which on nobody is content with a rough fit
_MATRIX = 2_000  # parameters up to which there is a matrix of all pairs


@public("microgrid.learn")
class LogisticRegression(LinearClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Logistic regression whose loss is a recorded graph: fitted, checked, and honest about what it found.

    Parameters
    ----------
    alpha : float, default 0.0
        The penalty: what is minimised is the weighted mean of the losses plus alpha/2 times the sum of the squared
        weights, without the intercepts. 0, the default, is no penalty: maximum likelihood.
    C : float, optional
        scikit-learn's older way to say it: alpha = 1 / (C · sum of the weights). Give one of the two.
    fit_intercept : bool, default True
        Whether there is an intercept. It is never penalised.
    class_weight : dict or "balanced", optional
        Weights of the classes, by which the samples' are multiplied.
    tol : float, default 1e-8
        The goal of the gradient norm; see ``Convergence``. It doesn't depend on the features' units.
    max_iter : int, default 100
        The most steps over all rows.
    solver : {"auto", "newton", "lbfgs"}, default "auto"
        "auto" fits growing samples first and goes on with L-BFGS, whose first matrix is the last sample's Hessian;
        "newton" computes the Hessian at each step; "lbfgs" is SciPy's.
    warm_start : bool, default False
        Begin where the last fit ended.
    bias_reduction : {None, "firth"}, default None
        "firth" reduces the estimates' bias, so that they are finite when classes are separated. It stands for itself:
        without ``alpha``, and on data in memory.
    checkpoint : str or Path, optional
        A file in which the fit's state is kept after each step over all rows, and from which an interrupted fit goes on
        to the same bits. It is removed when the fit is done.
    verbose : int, default 0
        1 shows a line of progress.

    Attributes
    ----------
    coef_ : array of shape (1, features) or (classes, features)
        The weights. Those of several classes sum to 0.
    intercept_ : array of shape (1,) or (classes,)
        The intercepts.
    classes_ : array
        The labels.
    convergence_ : Convergence
        Why the fit stopped, and the gradient norm that was reached.
    diagnosis_ : tuple of Finding
        Separated classes and collinear columns, which are warned of too.
    graph_ : Value
        The loss of the first row at the fitted parameters: the graph that was compiled. ``microgrid.draw(graph_)``.
    n_iter_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> from microgrid.learn import LogisticRegression
    >>> model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0], [4.0]], ["no", "yes", "no", "yes", "yes"])
    >>> model.coef_.round(4).tolist(), model.predict([[5.0]]).tolist()
    ([[1.0904]], ['yes'])
    >>> model.convergence_.converged, model.convergence_.rows
    (True, 5)
    """

    def __init__(
        self,
        *,
        alpha: float = 0.0,
        C: float | None = None,  # scikit-learn's name
        fit_intercept: bool = True,
        class_weight: Any = None,
        tol: float = 1e-8,
        max_iter: int = 100,
        solver: Solver = "auto",
        warm_start: bool = False,
        bias_reduction: Literal["firth"] | None = None,
        checkpoint: Any = None,
        verbose: int = 0,
    ) -> None:
        self.alpha, self.C, self.fit_intercept, self.class_weight = alpha, C, fit_intercept, class_weight
        self.tol, self.max_iter, self.solver, self.warm_start = tol, max_iter, solver, warm_start
        self.bias_reduction, self.checkpoint, self.verbose = bias_reduction, checkpoint, verbose

    # ---- fitting ----------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array, data frame or CSR matrix of shape (rows, features), or blocks
            The features: finite numbers. float32 stays so, memory-mapped arrays are read where they lie, and a CSR
            matrix is never made dense as a whole. Blocks are data that are not in memory as a whole: a collection of
            pairs (X, y) or triples (X, y, weights), a function that returns an iterator over some, or a
            ``ParquetBlocks``. They are read once to look at them, and once for each evaluation of the loss. Arrays and
            frames of Dask, with labels and weights likewise, stay on the cluster's workers.
        y : array of shape (rows,)
            The labels, of at least two classes. None beside blocks.
        sample_weight : array of shape (rows,), optional
            How often each row counts: 2 is the same as the row twice, 0 as none.

        Returns
        -------
        LogisticRegression
            Itself.

        Raises
        ------
        DataError, ValueError
            If the data or an option have no meaning.

        Warns
        -----
        SeparationWarning, CollinearityWarning
            If maximum-likelihood estimates don't exist or are not unique: ``diagnosis_`` has more.
        sklearn.exceptions.ConvergenceWarning
            If the gradient norm didn't reach ``tol``.
        """
        self._check_options()
        if callable(X) or hasattr(X, "__next__") or is_blocks(X):
            if y is not None or sample_weight is not None:
                raise DataError(
                    "labels and weights of blocks are in them: give pairs (X, y) or triples (X, y, weights)"
                )
            return self._fit_surveyed(Stream(X))
        if is_dask(X):
            if not is_dask(y):
                raise DataError("labels of Dask's X are Dask's too: dask.array.from_array(y) makes some")
            return self._fit_surveyed(DaskBlocks(X, y, sample_weight))
        check_unmasked(X, y, sample_weight)
        try:
            X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[numpy.float64, numpy.float32])
        except (TypeError, ValueError):
            _check_columns(X)
            raise
        classes, codes = encoded(y)
        weight = None if sample_weight is None else _check_weights(sample_weight, X)
        labels, counts = self._labels(classes, numpy.bincount(codes, weight, len(classes)))
        block = labels.block(X, y, weight)
        smallest = 1.0 if block.weight is None else min(1.0, float(block.weight[block.weight > 0.0].min()))
        return self._fit(InMemory(block), labels, counts, smallest)

    def _fit_surveyed(self, source: Stream | DaskBlocks) -> Self:
        """Fit blocks that were looked at once."""
        survey = source.survey
        if not survey.rows:
            raise DataError("the blocks have no rows: 0 samples, while a minimum of 1 is required")
        classes = survey.classes
        source.labels, counts = self._labels(classes, numpy.array([survey.counts[one] for one in classes.tolist()]))
        self.n_features_in_ = survey.columns
        if source.features is not None:
            self.feature_names_in_ = numpy.array(source.features, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        of_classes = source.labels.of_classes
        smallest = survey.smallest * min([1.0, *([] if of_classes is None else of_classes[of_classes > 0.0])])
        is_one = isinstance(source, Stream) and hasattr(source.blocks, "__len__") and len(source.blocks) == 1
        return self._fit(InMemory(source.first) if is_one else source, source.labels, counts, smallest)

    def _labels(self, classes: Any, counts: Any) -> tuple[Labels, Any]:
        """How labels become targets, and the weight that each class has."""
        if len(classes) < 2:
            raise DataError(f"y has one class only, {classes.tolist()[0]!r}: at least two classes are needed")
        if numpy.count_nonzero(counts) < 2:
            raise DataError("only one class has rows with a positive weight: at least two classes are needed")
        given, names = self.class_weight, classes.tolist()
        if given is None:
            return Labels(classes), counts.astype(float)
        if isinstance(given, str) and given == "balanced":
            of_classes = counts.sum() / (numpy.count_nonzero(counts) * numpy.maximum(counts, 1e-300)) * (counts > 0.0)
        elif isinstance(given, Mapping):
            unknown = [label for label in given if label not in names]
            if unknown:
                raise DataError(f"class_weight has the class {unknown[0]!r}, which is none of {names}")
            of_classes = numpy.array([float(given.get(label, 1.0)) for label in names])
        else:
            raise DataError(f"class_weight is None, 'balanced' or a dict of the classes' weights, not {given!r}")
        if not ((of_classes >= 0.0) & numpy.isfinite(of_classes)).all():
            raise DataError(f"class weights are finite numbers from 0, not {given!r}")
        if numpy.count_nonzero(counts * of_classes) < 2:
            raise DataError("only one class has a positive weight: at least two classes are needed")
        return Labels(classes, of_classes), counts * of_classes

    def _check_options(self) -> None:
        for name, kind in (("alpha", Real), ("tol", Real), ("max_iter", Integral), ("verbose", Integral)):
            number: Any = getattr(self, name)
            is_number = isinstance(number, kind) and (name == "verbose" or not isinstance(number, bool))
            if not is_number or not 0.0 <= float(number) < math.inf:
                raise DataError(f"{name} is a {'whole ' * (kind is Integral)}number from 0, not {number!r}")
        for name in ("fit_intercept", "warm_start"):
            if not isinstance(getattr(self, name), bool | numpy.bool_):
                raise DataError(f"{name} is True or False, not {getattr(self, name)!r}")
        if not isinstance(self.checkpoint, str | Path | None):
            raise DataError(f"checkpoint is the path of a file or None, not {self.checkpoint!r}")
        C: Any = self.C
        if C is not None:
            if isinstance(C, bool) or not isinstance(C, Real) or not float(C) > 0.0:
                raise DataError(f"C is a positive number or infinite, not {C!r}")
            if self.alpha:
                raise DataError("alpha and C say the same thing: give one of them")
        if self.solver not in SOLVERS:
            raise DataError(f"solver is 'auto', 'newton' or 'lbfgs', not {self.solver!r}")
        if self.bias_reduction not in (None, "firth"):
            raise DataError(f"bias_reduction is None or 'firth', not {self.bias_reduction!r}")
        if self.bias_reduction and (self.alpha or self.C not in (None, math.inf)):
            raise DataError("bias_reduction='firth' is a penalty of its own: leave alpha at 0")
        if self.checkpoint is not None and self.solver == "lbfgs":
            raise DataError("solver='lbfgs' keeps no checkpoint: take 'auto' or 'newton'")

    def _fit(self, source: Source, labels: Labels, counts: Any, smallest: float) -> Self:
        """Fit a source of blocks, and say what was found."""
        first = source.first
        columns, kept = first.X.shape[1], first.X.dtype
        model = Linear(columns, labels.logits, bool(self.fit_intercept), source.rows)
        start = self._start(model, labels.classes)
        self.classes_, self._labelled, self._counts, self._total = labels.classes, labels, counts, float(counts.sum())
        self._alpha = self.alpha if self.C is None else 1.0 / (self.C * self._total)
        objective = self._objective(model, source, self._alpha)
        is_firth = isinstance(objective, FirthObjective)
        is_free = not self._alpha and not is_firth
        # A row whose class has no more than half of the probability has a loss of log 2 at least.
        floor = smallest * math.log(2.0) / self._total if is_free else -math.inf
        path = self.checkpoint
        checkpoint = None if path is None else Checkpoint(Path(path), self._digest(source, counts))
        origin = numpy.zeros(objective.size)
        options: Any = {"tol": self.tol, "floor": floor, "verbose": self.verbose}
        begin = origin if is_firth else start
        theta, is_settled, report = minimize(
            objective, begin, origin, max_iter=self.max_iter, solver=self.solver, checkpoint=checkpoint, **options
        )
        is_separated = report.loss < floor
        self.diagnosis_: tuple[Finding, ...] = ()
        if is_free and not is_settled and (is_separated or model.size <= _MATRIX):
            self.diagnosis_ = diagnose(model, source, theta, self._names(model), is_proved=is_separated)
        is_cheap = report.rows * model.size**2 <= _EXAMINED
        rest, before = self.max_iter - report.iterations, report.iterations
        is_near = report.converged and not (is_settled or is_firth or is_cheap or self.diagnosis_)
        if is_near and rest > 0 and self.tol <= _CLOSE and model.size <= _MATRIX:
            # Nearly separated: Newton's method goes on from where the gradient is small and steps are not.
            theta, _, report = minimize(objective, theta, origin, max_iter=rest, solver="newton", **options)
            report = dataclasses.replace(report, iterations=before + report.iterations)
        theta = objective.whole(theta) if is_firth else theta
        if checkpoint is not None:
            checkpoint.remove()
        self._set(model, theta, report, kept)
        self._record_graph(model, first)
        self._evidence = self._gathered(objective, model) if is_cheap and not self._alpha else None
        self._warn()
        return self

    def _objective(self, model: Linear, source: Source, alpha: float) -> Any:
        if self.bias_reduction == "firth":
            if not isinstance(source, InMemory):
                raise DataError("bias_reduction='firth' needs the data in memory: give arrays")
            return FirthObjective(model, source.block, self._total, names=self._parameters(model))
        penalty = numpy.full((model.logits, model.width), alpha)
        penalty[:, model.columns :] = 0.0
        names = self._parameters(model)
        return Objective(model, source, self._total, penalty.ravel(), source.rows, model.logits, names)

    def _digest(self, source: Source, counts: Any) -> str:
        """Of the data, as far as one look at them tells, and of the options that decide the fit."""
        options = {**self.get_params(deep=False), "checkpoint": None, "verbose": None, "max_iter": None}
        decisive = __version__, source.digest(), counts.tolist(), sorted(options.items())
        return hashlib.sha256(repr(decisive).encode()).hexdigest()

    def _start(self, model: Linear, classes: Any) -> Any:
        """Zero, or where the last fit ended."""
        if not self.warm_start or not hasattr(self, "_theta"):
            return numpy.zeros(model.size)
        if self._theta.shape != (model.size,) or not numpy.array_equal(self.classes_, classes):
            raise DataError(
                "warm_start goes on from a fit of the same features and classes, and this one was of others: "
                "fit a clone, or set warm_start=False"
            )
        return self._theta

    def _set(self, model: Linear, theta: Any, report: Convergence, kept: Any) -> None:
        shaped = theta.reshape(model.logits, model.width)
        if model.logits > 1:  # what all classes share changes nothing
            shaped = shaped - shaped.mean(axis=0)
        self._theta, self._model, self.convergence_ = shaped.ravel(), model, report
        self.coef_ = shaped[:, : model.columns].astype(kept)
        self.intercept_ = (shaped[:, -1] if model.intercept else numpy.zeros(model.logits)).astype(kept)
        self.n_iter_ = numpy.array([report.iterations], dtype=numpy.int32)

    def _record_graph(self, model: Linear, first: Block) -> None:
        """The loss of the first row, as the compiled code computes it."""
        names = self._names(model)
        row = model.extended(first.X[:1])[0, : model.columns]
        x = [Value(float(number), name) for number, name in zip(row, names, strict=True)]
        letters = [f"w{k}" for k in range(1, model.columns + 1)]
        if hasattr(self, "feature_names_in_"):
            letters = [f"w_{name}" for name in names]
        theta = []
        for number, weights in enumerate(self._theta.reshape(model.logits, model.width), start=1):
            end = "" if model.logits == 1 else f"_{number}"
            labels = [f"{letter}{end}" for letter in (*letters, "b")][: model.width]
            theta.append([Value(float(one), label) for one, label in zip(weights, labels, strict=True)])
        y = [Value(float(one), "y" if model.logits == 1 else f"y{k}") for k, one in enumerate(first.y[0], start=1)]
        self.graph_ = sample_loss(theta, x, y)

    def _names(self, model: Linear) -> list[str]:
        given = getattr(self, "feature_names_in_", None)
        return [f"x{k}" for k in range(1, model.columns + 1)] if given is None else list(map(str, given))

    def _parameters(self, model: Linear) -> list[str]:
        return [*self._names(model), "the intercept"][: model.width] * model.logits

    def _warn(self) -> None:
        for finding in self.diagnosis_:
            kind = CollinearityWarning if finding.kind == "collinear columns" else SeparationWarning
            warnings.warn(str(finding), kind, stacklevel=4)
        if not any(["separation" in finding.kind for finding in self.diagnosis_]):
            self.convergence_.warn(stacklevel=4)

    # ---- predicting -------------------------------------------------------------------------------------------

    def predict_proba(self, X: Any) -> Any:
        """The probabilities of the classes.

        Parameters
        ----------
        X : array, data frame or CSR matrix of shape (rows, features)
            The features.

        Returns
        -------
        array of shape (rows, classes)
        """
        z = self.decision_function(X)
        if z.ndim == 1:
            return numpy.stack([scipy.special.expit(-z), scipy.special.expit(z)], axis=1)
        return scipy.special.softmax(z, axis=1)

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of ``predict_proba``, with all their digits where a probability is 0 in floats."""
        z = self.decision_function(X)
        if z.ndim == 1:
            return numpy.stack([scipy.special.log_expit(-z), scipy.special.log_expit(z)], axis=1)
        return scipy.special.log_softmax(z, axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ---- what can be said of the fit --------------------------------------------------------------------------

    def check_gradient(self, X: Any, y: Any) -> Report:
        """Compare autodiff with the closed form at the fitted parameters.

        Parameters
        ----------
        X, y
            Rows and labels, such as those of the fit, or some of them.

        Returns
        -------
        Report
            Every component of every row's gradient: of ``microgrid.logistic.check`` for two classes, and of
            ``microgrid.check_gradients`` for several.
        """
        from microgrid import logistic  # takes longer to import than most fits
        from microgrid.checking import check_gradients

        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=[numpy.float64, numpy.float32])
        codes = self._codes(y, X.shape[0])
        model = self._model
        rows = model.extended(X)[:, : model.columns]
        if model.logits == 1:
            intercept = self._theta[-1] if model.intercept else 0.0
            return logistic.check(rows, codes, self._theta[: model.columns], intercept)
        targets = (codes[:, None] == numpy.arange(model.logits)).astype(float)

        def loss(theta: Any, x: Any, y: Any) -> Any:
            return sample_loss([theta[k : k + model.width] for k in range(0, model.size, model.width)], x, y)

        def closed_form(theta: Any, x: Any, y: Any) -> Any:
            a = scipy.special.softmax(model.predictors(numpy.array(theta), numpy.array(x)))
            return numpy.outer(a - y, model.extended(numpy.array([x]))).ravel()

        at = [(self._theta.tolist(), *row) for row in zip(rows.tolist(), targets.tolist(), strict=True)]
        return check_gradients(loss, at, closed_form=closed_form, reference="closed form", wrt=0)

    def _codes(self, y: Any, rows: int) -> Any:
        """The places of labels among the classes."""
        y = numpy.asarray(y).ravel()
        codes = numpy.searchsorted(self.classes_, y)
        wrong = (codes >= len(self.classes_)) | (self.classes_[numpy.minimum(codes, len(self.classes_) - 1)] != y)
        if len(y) != rows:
            raise DataError(f"y needs {rows} labels of the classes {self.classes_.tolist()}")
        if wrong.any():
            raise DataError(f"the label {y.tolist()[wrong.argmax()]!r} is none of the classes {self.classes_.tolist()}")
        return codes

    def inference(
        self, X: Any = None, y: Any = None, sample_weight: Any = None, *, cov_type: CovarianceType = "nonrobust"
    ) -> Inference:
        """Standard errors, tests, intervals and criteria of the estimates.

        Parameters
        ----------
        X, y, sample_weight : optional
            The rows of the fit. They are needed again only after a fit of many rows and parameters, for which
            computing it at each fit would cost more than the fit.
        cov_type : {"nonrobust", "HC0", "HC1"}, default "nonrobust"
            The covariance: the inverse information, or the sandwich that holds if the model is wrong; HC1 is multiplied
            by n / (n - parameters).

        Returns
        -------
        Inference
            Of several classes: of their differences from the first.

        Raises
        ------
        DataError
            If the fit was penalised, the estimates don't exist, or the rows are not those of the fit.
        """
        check_is_fitted(self)
        if self._alpha:
            raise DataError("penalised estimates have no standard errors of maximum likelihood: fit with alpha=0")
        for finding in self.diagnosis_:
            raise DataError(f"there are no standard errors of estimates that don't exist or are not unique: {finding}")
        evidence = self._evidence if X is None else self._evidence_of(X, y, sample_weight)
        if evidence is None:
            raise DataError("pass the rows of the fit, inference(X, y): a fit of so many keeps no second derivatives")
        model = self._model
        features = [*self._names(model), "intercept"][: model.width]
        theta = self._theta.reshape(model.logits, model.width)
        if model.logits == 1:
            names, title = features, f"Logistic regression of {self.classes_[1]} against {self.classes_[0]}"
        else:
            theta = theta - theta[0]
            names = [f"{label}: {name}" for label in self.classes_[1:] for name in features]
            title = f"Logistic regression of {len(self.classes_)} classes against {self.classes_[0]}"
        title += ", Firth's bias reduction" if self.bias_reduction else ""
        return evidence.infer(names, theta.ravel(), cov_type, title)

    def _gathered(self, objective: Any, model: Linear) -> Evidence:
        """The evidence of the fit's rows."""
        at, count, log_likelihood = self._theta, self._total, -self.convergence_.loss * self._total
        if isinstance(objective, FirthObjective):
            null, block = objective.null(model.intercept, self.tol), objective.block
            matrices = model.hessian(at, block), model.outer(at, block)
        else:
            present = self._counts[self._counts > 0.0]
            no_model = -count * math.log(len(self.classes_))
            null = float(present @ numpy.log(present / count)) if model.intercept else no_model
            matrices = objective.information(at), objective.outer(at)
        return Evidence(*matrices, count, log_likelihood, null, (len(self.classes_) - 1) * model.intercept)

    def _evidence_of(self, X: Any, y: Any, sample_weight: Any) -> Evidence:
        """The evidence of rows that are given again: those of the fit, at which the gradient is zero."""
        if y is None:
            raise DataError("pass the labels beside the rows: inference(X, y)")
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=[numpy.float64, numpy.float32])
        codes = self._codes(y, X.shape[0])
        weight = None if sample_weight is None else _check_weights(sample_weight, X)
        block = self._labelled.block(X, self.classes_[codes], weight)
        objective = self._objective(self._model, InMemory(block), 0.0)
        at = objective.part(self._theta) if isinstance(objective, FirthObjective) else self._theta
        value, slopes = objective.value_and_grad(at)
        size = numpy.sqrt(numpy.maximum(objective.diagonal(at), 1e-300))
        is_same = abs(value - self.convergence_.loss) <= 1e-9 * (1.0 + abs(value))
        if not is_same or numpy.abs(slopes / size).max() > 1e-6 + 10.0 * self.convergence_.gradient_norm:
            raise DataError(
                f"these are not the rows of the fit: their mean loss is {value:.10g}, and it was "
                f"{self.convergence_.loss:.10g} there"
            )
        return self._gathered(objective, self._model)

    def summary(
        self,
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        *,
        cov_type: CovarianceType = "nonrobust",
        level: float = 0.95,
    ) -> Summary:
        """The summary of ``inference``: text when printed, HTML in a notebook, LaTeX by ``.latex()``.

        Parameters
        ----------
        X, y, sample_weight, cov_type
            As for ``inference``.
        level : float, default 0.95
            The confidence of the intervals.
        """
        return self.inference(X, y, sample_weight, cov_type=cov_type).summary(level)


def _check_weights(given: Any, X: Any) -> Any:
    return _check_sample_weight(given, X, dtype=numpy.float64, ensure_non_negative=True)


def _check_columns(X: Any) -> None:
    """Name the column of a frame that holds what is no number."""
    for name in getattr(X, "columns", ()):
        try:
            numpy.result_type(numpy.asarray(X[name]), float)  # not of dates
            numpy.asarray(X[name], dtype=float)
        except (TypeError, ValueError):
            raise DataError(f"column {name!r} holds {X[name].dtype}, and numbers are needed: encode it") from None
