"""Fitting: the estimator beside scikit-learn and statsmodels, inference, trouble that is diagnosed, bad input."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy
import pandas
import pytest
import scipy.optimize
import scipy.sparse
import sklearn.datasets
import sklearn.linear_model
import statsmodels.api
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import microgrid
from microgrid.compiler.llvm import jit
from microgrid.core.graph import topological_order
from microgrid.errors import DataError
from microgrid.learn import (
    CollinearityWarning,
    LogisticRegression,
    SeparationWarning,
    fit_graph,
    losses,
    minimize,
    objectives,
)
from microgrid.learn.inference import CovarianceType
from microgrid.learn.minimize import Solver

DATA = Path(__file__).parent / "data"


def drawn(rows: int, columns: int, classes: int = 2, seed: int = 0) -> tuple[Any, Any]:
    """Random features, and labels from 0 that depend on them."""
    random = numpy.random.default_rng(seed)
    X = random.normal(size=(rows, columns))
    z = X @ random.normal(size=(columns, classes)) + random.gumbel(size=(rows, classes)) + numpy.arange(classes) * 0.3
    return X, z.argmax(axis=1)


def peer(**options: Any) -> Any:
    return sklearn.linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000, **options)


def close(model: Any, other: Any, tolerance: float = 1e-6) -> None:
    assert numpy.isfinite(model.coef_).all()
    numpy.testing.assert_allclose(model.coef_, other.coef_, rtol=tolerance, atol=tolerance)
    numpy.testing.assert_allclose(model.intercept_, other.intercept_, rtol=tolerance, atol=tolerance)


@pytest.fixture
def compiled_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled loss on few rows too."""
    monkeypatch.setattr(objectives, "_COMPILED", 0)


# ---- the estimator --------------------------------------------------------------------------------------------

CHECKS = """
import json, sys, warnings
from sklearn.utils.estimator_checks import check_estimator
from microgrid.learn import LogisticRegression
warnings.simplefilter("ignore")
results = check_estimator(LogisticRegression(**json.loads(sys.argv[1])), on_fail=None, on_skip=None)
others = [(one["check_name"], str(one["exception"])) for one in results if one["status"] != "passed"]
print(json.dumps([len(results), others]))
"""


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "options",
    [
        {},
        *[pytest.param(one, marks=pytest.mark.trials) for one in ({"alpha": 0.01}, {"solver": "lbfgs", "alpha": 0.1})],
    ],
)
def test_every_estimator_check_of_scikit_learn_runs_and_passes(options: dict[str, Any]) -> None:
    run = subprocess.run(  # in a process of its own: SciPy asks for the variable when it is imported
        [sys.executable, "-c", CHECKS, json.dumps(options)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )
    count, failed = json.loads(run.stdout.splitlines()[-1])
    assert failed == []
    assert count >= 65


PARAMETERS = list(
    itertools.product([2, 3], [0.0, 0.03, 2.0], [True, False], [None, "balanced", {0: 2.0, 1: 0.5}], [False, True])
)


@pytest.mark.parametrize(("classes", "alpha", "fit_intercept", "class_weight", "is_weighted"), PARAMETERS)
def test_the_fit_is_that_of_scikit_learn(
    classes: int, alpha: float, fit_intercept: bool, class_weight: Any, is_weighted: bool
) -> None:
    X, y = drawn(120, 4, classes)
    weight = numpy.random.default_rng(1).integers(0, 4, 120) * 1.0 if is_weighted else None
    options = {"fit_intercept": fit_intercept, "class_weight": class_weight}
    model = LogisticRegression(alpha=alpha, **options).fit(X, y, weight)
    C = 1.0 / (alpha * model._total) if alpha else numpy.inf
    other = peer(C=C, **options).fit(X, y, weight)
    close(model, other)
    close(LogisticRegression(C=C, **options).fit(X, y, weight), other)
    numpy.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X), rtol=1e-6)
    numpy.testing.assert_allclose(model.predict_log_proba(X), other.predict_log_proba(X), rtol=1e-6)
    assert (model.predict(X) == other.predict(X)).all()


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_solver_ends_in_the_same_place(solver: Any, classes: int) -> None:
    X, y = drawn(300, 5, classes)
    for alpha in (0.0, 0.1):
        model = LogisticRegression(alpha=alpha).fit(X, y)
        close(LogisticRegression(alpha=alpha, solver=solver).fit(X, y), model, 1e-6)


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "digits", "wine"])
def test_real_data_are_fitted_as_by_scikit_learn(name: str) -> None:
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    if name == "digits":
        X, y = X[y < 3][:200], y[y < 3][:200]
    X = (X - X.mean(axis=0)) / numpy.maximum(X.std(axis=0), 1e-12)
    model = LogisticRegression(alpha=0.01).fit(X, y)
    close(model, peer(C=100.0 / len(y)).fit(X, y))
    assert model.convergence_.converged
    assert model.convergence_.rows == len(y)


def test_the_compiled_loss_gives_what_columns_give(compiled_early: None) -> None:
    for classes in (2, 3):
        X, y = drawn(400, 3, classes)
        weight = numpy.random.default_rng(1).uniform(0.5, 2.0, 400)
        for w in (None, weight):
            for intercept in (True, False):
                model = LogisticRegression(alpha=0.01, fit_intercept=intercept).fit(X, y, w)
                close(model, peer(C=100.0 / model._total, fit_intercept=intercept).fit(X, y, w))


def test_growing_samples_lead_to_the_same_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimize, "_SMALL", 0)
    X, y = drawn(60_000, 3)
    model = LogisticRegression().fit(X, y)
    close(model, peer(C=numpy.inf).fit(X, y))
    assert model.convergence_.passes < 8.0
    assert model.convergence_.hessians < 1.0


def test_kinds_of_data_give_one_fit() -> None:
    X, y = drawn(200, 4)
    X[X < 0.5] = 0.0
    model = LogisticRegression().fit(X, y)
    frame = pandas.DataFrame(X, columns=["age", "height", "weight", "dose"])
    for data in (scipy.sparse.csr_matrix(X), scipy.sparse.csr_array(X), numpy.asfortranarray(X), X.tolist(), frame):
        close(LogisticRegression().fit(data, y), model, 1e-9)
    other = LogisticRegression().fit(frame, pandas.Series(y))
    assert other.feature_names_in_.tolist() == ["age", "height", "weight", "dose"]
    assert "w_height" in {node.name for node in topological_order(other.graph_)}
    single = LogisticRegression().fit(X.astype(numpy.float32), y)
    assert single.coef_.dtype == single.predict_proba(X.astype(numpy.float32)).dtype == numpy.float32
    close(single, model, 1e-5)


def test_labels_may_be_anything() -> None:
    X, y = drawn(150, 3)
    model = LogisticRegression().fit(X, y)
    for low, high in ((-1, 1), ("no", "yes"), (False, True), (2.0, 7.0)):
        other = LogisticRegression().fit(X, numpy.where(y == 1, high, low))
        close(other, model, 1e-12)
        assert other.classes_.tolist() == [low, high]
        assert set(other.predict(X).tolist()) == {low, high}


@pytest.mark.parametrize("classes", [2, 3])
def test_weights_are_repetitions(classes: int) -> None:
    X, y = drawn(90, 3, classes)
    times = numpy.random.default_rng(2).integers(0, 4, 90)
    model = LogisticRegression().fit(X, y, times)
    repeated = LogisticRegression().fit(X.repeat(times, axis=0), y.repeat(times))
    close(model, repeated, 1e-9)
    for cov_type in get_args(CovarianceType):
        mine, other = (one.inference(cov_type=cov_type) for one in (model, repeated))
        numpy.testing.assert_allclose(mine.standard_errors, other.standard_errors, rtol=1e-9)
        assert mine.bic == pytest.approx(other.bic, rel=1e-12)


def test_the_units_of_features_change_nothing() -> None:
    X, y = drawn(500, 4)
    model = LogisticRegression().fit(X, y)
    units = numpy.array([1e-6, 1e-2, 1e3, 1e9])
    for solver in ("auto", "newton", "lbfgs"):
        other = LogisticRegression(solver=solver).fit(X * units, y)
        numpy.testing.assert_allclose(other.coef_ * units, model.coef_, rtol=1e-6)
        assert other.convergence_.converged
    assert LogisticRegression().fit(X * units, y).n_iter_ == model.n_iter_


def test_offsets_change_the_intercept_alone() -> None:
    X, y = drawn(500, 3)
    model = LogisticRegression().fit(X, y)
    other = LogisticRegression().fit(X + 1e4, y)
    numpy.testing.assert_allclose(other.coef_, model.coef_, rtol=1e-6)


def test_rare_columns_that_few_rows_know_nothing_of_are_fitted() -> None:
    draw = numpy.random.default_rng(0)
    X = draw.normal(size=(9000, 110))
    X[:, 20:][draw.random((9000, 90)) < 0.999] = 0.0
    y = X.sum(axis=1) + draw.logistic(size=9000) > 0.0
    report = LogisticRegression(alpha=1e-6).fit(X, y).convergence_
    assert report.converged
    assert report.passes < 60.0


def test_a_few_of_one_class_are_enough() -> None:
    X = drawn(2000, 2)[0]
    rare = (numpy.arange(2000) % 400 == 0).astype(int)
    model = LogisticRegression().fit(X, rare)
    close(model, peer(C=numpy.inf).fit(X, rare))
    one_each = LogisticRegression(alpha=0.1).fit([[0.0], [1.0], [3.0]], ["a", "b", "c"])
    close(one_each, peer(C=10.0 / 3.0).fit([[0.0], [1.0], [3.0]], ["a", "b", "c"]))


def test_a_million_repeated_rows_are_fitted() -> None:
    X, y = drawn(20, 2, seed=3)
    model = LogisticRegression().fit(X, y, numpy.full(20, 50_000.0))
    repeated = LogisticRegression().fit(numpy.tile(X, (50_000, 1)), numpy.tile(y, 50_000))
    close(repeated, model, 1e-6)
    assert repeated.convergence_.rows == 1_000_000


def test_a_warm_start_goes_on() -> None:
    X, y = drawn(300, 4)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        model = LogisticRegression(warm_start=True, max_iter=2).fit(X, y)
    first = model.coef_
    model.set_params(max_iter=100).fit(X, y)
    assert not (model.coef_ == first).all()
    steps = int(model.n_iter_[0])
    assert steps < LogisticRegression().fit(X, y).n_iter_
    assert model.fit(X, y).n_iter_ == 0
    close(model, LogisticRegression().fit(X, y), 1e-8)
    with pytest.raises(DataError, match="same features and classes"):
        model.fit(X[:, :2], y)


def test_it_works_in_pipelines_and_searches_and_survives_pickling() -> None:
    X, y = drawn(200, 3)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__alpha": [0.01, 1.0]}
    )
    search.fit(X, y)
    assert search.best_score_ > 0.7
    model = LogisticRegression().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert (copy.predict_proba(X) == model.predict_proba(X)).all()
    assert str(copy.summary()) == str(model.summary())
    assert copy.graph_.data == model.graph_.data
    assert "LogisticRegression" in model._repr_html_()


def test_the_report_tells_why_the_fit_stopped() -> None:
    X, y = drawn(300, 4)
    report = LogisticRegression().fit(X, y).convergence_
    assert report.converged
    assert report.gradient_norm <= report.goal == 1e-8
    assert "reached the goal" in str(report)
    assert "300 rows" in str(report)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 steps done"):
        report = LogisticRegression(max_iter=1).fit(X, y).convergence_
    assert not report.converged
    assert report.gradient_norm > 1e-8


def test_a_progress_bar_is_shown_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    LogisticRegression(verbose=1).fit(*drawn(100, 2))
    assert "gradient" in capsys.readouterr().err
    LogisticRegression().fit(*drawn(100, 2))
    assert capsys.readouterr().err == ""


# ---- the graph ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
def test_the_graph_is_the_loss_of_the_first_row(classes: int) -> None:
    X, y = drawn(60, 2, classes)
    model = LogisticRegression().fit(X, y)
    assert model.graph_.data == pytest.approx(-model.predict_log_proba(X)[0, y[0]], rel=1e-12)
    assert "w1" in microgrid.draw(model.graph_).dot
    weight = next(node for node in topological_order(model.graph_) if (node.name or "").startswith("w1"))
    assert microgrid.explain(model.graph_, wrt=weight).text().startswith("dL/dw1")
    numbers = {node.name: node.data for node in topological_order(model.graph_) if node.op is None}
    assert microgrid.compile(model.graph_)(**numbers) == pytest.approx(model.graph_.data, rel=1e-15)


@pytest.mark.parametrize("classes", [2, 3])
def test_autodiff_is_checked_against_the_closed_form(classes: int) -> None:
    X, y = drawn(40, 2, classes)
    labels = numpy.array(["a", "b", "c"])[y]
    model = LogisticRegression().fit(X, labels)
    report = model.check_gradient(X, labels)
    assert report
    assert report.checked >= 9
    with pytest.raises(DataError, match="'d' is none of the classes"):
        model.check_gradient(X[:1], ["d"])
    with pytest.raises(DataError, match="needs 2 labels"):
        model.check_gradient(X[:2], ["a"])


@pytest.mark.parametrize("logits", [1, 3])
def test_curvatures_by_columns_are_second_derivatives_of_the_graph(logits: int) -> None:
    X, y = drawn(50, 2, max(logits, 2))
    targets = (y[:, None] == numpy.arange(logits == 1, max(logits, 2))) * 1.0
    model, block = objectives.Linear(2, logits, True), objectives.Block(X, targets, numpy.linspace(0.5, 2.0, 50))
    theta = numpy.random.default_rng(0).normal(size=model.size)
    shaped = theta if logits == 1 else theta.reshape(logits, 3)
    exact = losses.compiled_loss(logits, 2, True).hessian(
        shaped, X, targets[:, 0] if logits == 1 else targets, block.weight
    )
    hessian = model.hessian(theta, block)
    numpy.testing.assert_allclose(hessian, numpy.reshape(exact, hessian.shape), rtol=1e-12, atol=1e-12)
    numpy.testing.assert_allclose(model.diagonal(theta, block), numpy.diag(hessian), rtol=1e-12)
    seconds = losses.link_of(logits).derivatives(model.predictors(theta, X), targets, 2)
    assert seconds[0, 0][7] * block.weight[7] * X[7, 0] ** 2 == pytest.approx(
        model.hessian(theta, block.pick(slice(7, 8)))[0, 0], rel=1e-12
    )


# ---- inference ------------------------------------------------------------------------------------------------


def hard_cases() -> Iterator[tuple[str, Any, Any]]:
    X, y = sklearn.datasets.load_breast_cancer(return_X_y=True)
    yield "breast cancer", X[:, :4], y
    yield "badly scaled", X[:, :2] * [1e5, 1e-5], y
    X, y = sklearn.datasets.load_wine(return_X_y=True)
    yield "wine", X[y > 0][:, :3], y[y > 0] - 1
    X, y = drawn(100, 3)
    yield "correlated", numpy.c_[X, X[:, 0] + 0.01 * X[:, 1] ** 2], y
    X, y = drawn(400, 2)
    yield "nearly separated", X, ((X @ [8.0, -6.0] + numpy.random.default_rng(5).logistic(size=400)) > 0) * 1


CASES = {name: (X, y) for name, X, y in hard_cases()}


def fitted_by_statsmodels(X: Any, y: Any) -> Any:
    """Newton's steps to the end, with what rounds first scaled away."""
    units = numpy.abs(X).max(axis=0)
    scaled = statsmodels.api.add_constant(X / units, prepend=False)
    start = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            result = statsmodels.api.Logit(y, scaled).fit(start_params=start, disp=0, tol=1e-15, maxiter=200)
            start = result.params
    return result, numpy.append(1.0 / units, 1.0)


@pytest.mark.parametrize("case", CASES)
def test_inference_is_that_of_statsmodels(case: str) -> None:
    X, y = CASES[case]
    other, units = fitted_by_statsmodels(X, y)
    model = LogisticRegression().fit(X, y)
    mine = model.inference()
    numpy.testing.assert_allclose(mine.estimates, other.params * units, rtol=1e-8)
    numpy.testing.assert_allclose(mine.standard_errors, other.bse * units, rtol=1e-8)
    numpy.testing.assert_allclose(mine.z, other.tvalues, rtol=1e-8)
    numpy.testing.assert_allclose(mine.p_values, other.pvalues, rtol=1e-7)
    numpy.testing.assert_allclose(mine.interval(0.9), other.conf_int(0.1) * units[:, None], rtol=1e-7)
    for name, theirs in {
        "log_likelihood": other.llf,
        "null_log_likelihood": other.llnull,
        "likelihood_ratio": other.llr,
        "likelihood_ratio_p_value": other.llr_pvalue,
        "pseudo_r_squared": other.prsquared,
        "aic": other.aic,
        "bic": other.bic,
    }.items():
        assert getattr(mine, name) == pytest.approx(theirs, rel=1e-8), name
    white = statsmodels.stats.sandwich_covariance.cov_white_simple
    corrected: list[tuple[CovarianceType, bool]] = [("HC0", False), ("HC1", True)]
    for cov_type, is_corrected in corrected:
        errors = numpy.sqrt(numpy.diag(white(other, use_correction=is_corrected))) * units
        numpy.testing.assert_allclose(model.inference(cov_type=cov_type).standard_errors, errors, rtol=1e-8)


def test_inference_of_several_classes_is_that_of_statsmodels() -> None:
    X, y = drawn(300, 3, 4)
    other = statsmodels.api.MNLogit(y, statsmodels.api.add_constant(X, prepend=False)).fit(
        disp=0, tol=1e-14, maxiter=100
    )
    mine = LogisticRegression().fit(X, y).inference()
    numpy.testing.assert_allclose(mine.estimates, numpy.ravel(other.params, order="F"), rtol=1e-8, atol=1e-10)
    numpy.testing.assert_allclose(mine.standard_errors, numpy.ravel(other.bse, order="F"), rtol=1e-8)
    assert mine.aic == pytest.approx(other.aic, rel=1e-10)
    assert mine.bic == pytest.approx(other.bic, rel=1e-10)
    assert mine.likelihood_ratio_p_value == pytest.approx(other.llr_pvalue, rel=1e-8)
    assert mine.names[0] == "1: x1"


def test_weighted_inference_is_that_of_frequencies() -> None:
    X, y = drawn(80, 2)
    weight = numpy.random.default_rng(1).integers(1, 5, 80)
    constant = statsmodels.api.add_constant(X, prepend=False)
    family = statsmodels.api.families.Binomial()
    other = statsmodels.api.GLM(y, constant, family, freq_weights=weight).fit(tol=1e-15)
    mine = LogisticRegression().fit(X, y, weight).inference()
    numpy.testing.assert_allclose(mine.estimates, other.params, rtol=1e-8)
    numpy.testing.assert_allclose(mine.standard_errors, other.bse, rtol=1e-8)
    assert mine.log_likelihood == pytest.approx(other.llf, rel=1e-10)


def test_the_rows_are_asked_for_again_after_a_large_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = drawn(200, 3)
    expected = LogisticRegression().fit(X, y).inference(cov_type="HC1").standard_errors
    monkeypatch.setattr("microgrid.learn.estimator._EXAMINED", 0)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(DataError, match=r"pass the rows of the fit, inference\(X, y\)"):
        model.summary()
    with pytest.raises(DataError, match="labels beside"):
        model.inference(X)
    numpy.testing.assert_allclose(model.inference(X, y, cov_type="HC1").standard_errors, expected, rtol=1e-12)
    with pytest.raises(DataError, match="not the rows of the fit"):
        model.inference(X[:100], y[:100])


def test_the_summary_is_text_html_and_latex() -> None:
    X, y = drawn(100, 2)
    model = LogisticRegression().fit(pandas.DataFrame(X, columns=["a<b_1", "50%"]), y)
    summary = model.summary(level=0.9)
    assert "rows" in str(summary)
    assert "5%" in str(summary)
    assert "a&lt;b_1" in summary.html()
    assert summary.html() == summary._repr_html_()
    assert r"a<b\_1" in summary.latex()
    assert r"50\%" in summary.latex()
    for row, estimate in zip(summary.rows, model.inference().estimates, strict=True):
        assert float(row[1]) == pytest.approx(estimate, rel=1e-5)
    with pytest.raises(DataError, match=r"between 0 and 1, such as 0\.95, not 95"):
        model.summary(level=95)
    with pytest.raises(DataError, match="'HC0' or 'HC1', not 'HC3'"):
        model.summary(cov_type="HC3")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="penalised"):
        LogisticRegression(alpha=1.0).fit(X, y).summary()


# ---- separation, collinearity, bias reduction -----------------------------------------------------------------


def test_complete_separation_is_told() -> None:
    X, y = sklearn.datasets.load_breast_cancer(return_X_y=True)
    with pytest.warns(SeparationWarning, match="complete separation: along .*'firth'"):
        model = LogisticRegression().fit(X, y)
    assert numpy.isfinite(model.coef_).all()
    assert model.score(X, y) == 1.0
    assert len(model.diagnosis_[0].samples) == 569
    assert not model.convergence_.converged
    with pytest.raises(DataError, match="don't exist"):
        model.summary()


@pytest.mark.parametrize("solver", ["auto", "newton", "lbfgs"])
def test_quasi_complete_separation_is_told_with_its_feature_and_rows(solver: Any) -> None:
    X, y = drawn(300, 3)
    X[:, 1] = 0.0
    marked = numpy.flatnonzero(y == 1)[:5]
    X[marked, 1] = 1.0
    with pytest.warns(SeparationWarning, match="quasi-complete separation: along 'x2' the classes of 5 rows"):
        model = LogisticRegression(solver=solver).fit(X, y)
    assert numpy.isfinite(model.coef_).all()
    assert model.diagnosis_[0].features == ("x2",)
    assert model.diagnosis_[0].samples.tolist() == marked.tolist()
    direction = model.diagnosis_[0].direction
    gains = (2 * y - 1) * (numpy.c_[X, numpy.ones(300)] @ direction)
    assert gains.min() >= -1e-7 * gains.max()


def test_separated_classes_of_several_are_told() -> None:
    X, y = sklearn.datasets.load_iris(return_X_y=True)
    with pytest.warns(SeparationWarning, match="quasi-complete"):
        model = LogisticRegression().fit(X, y)
    assert numpy.isfinite(model.coef_).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LogisticRegression().fit(X[50:], y[50:]).diagnosis_ == ()
        assert LogisticRegression(alpha=1e-3).fit(X, y).diagnosis_ == ()
    with pytest.warns(SeparationWarning, match="^complete"):
        LogisticRegression().fit(*sklearn.datasets.load_wine(return_X_y=True))


def is_separable(X: Any, y: Any) -> bool:
    """By a linear program over all rows and all pairs of classes."""
    rows, classes = numpy.c_[X, numpy.ones(len(X))], numpy.unique(y)
    constraints = []
    for x, label in zip(rows, y, strict=True):
        for other in classes:
            if other != label:
                line = numpy.zeros((len(classes), rows.shape[1]))
                line[label], line[other] = x, -x
                constraints.append(line.ravel())
    A = numpy.array(constraints)
    result = scipy.optimize.linprog(-A.sum(axis=0), A_ub=-A, b_ub=numpy.zeros(len(A)), bounds=(-1, 1), method="highs")
    return bool(-result.fun > 1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_verdict_is_that_of_a_linear_program_over_all_rows(classes: int) -> None:
    random = numpy.random.default_rng(classes)
    seen = set()
    for _ in range(40):
        X = random.integers(-1, 2, size=(int(random.integers(8, 30)), 2)) * 1.0
        y = random.integers(0, classes, len(X))
        y[:classes] = numpy.arange(classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = LogisticRegression().fit(X, y).diagnosis_
        expected = is_separable(X, y)
        seen.add(expected)
        assert any("separation" in one.kind for one in found) == expected
    assert seen == {True, False}


def test_collinear_columns_are_told_apart_from_separation() -> None:
    X, y = drawn(200, 3)
    collinear = numpy.c_[X, X[:, 0] - 2.0 * X[:, 1]]
    with pytest.warns(CollinearityWarning, match="a combination of .* is zero in every row") as told:
        model = LogisticRegression().fit(collinear, y)
    assert len(told) == 1
    assert set(model.diagnosis_[0].features) == {"x1", "x2", "x4"}
    numpy.testing.assert_allclose(collinear @ model.diagnosis_[0].direction[:4], 0.0, atol=1e-9)
    expected = LogisticRegression().fit(X, y).predict_proba(X)
    numpy.testing.assert_allclose(model.predict_proba(collinear), expected, rtol=1e-7)
    with pytest.warns(CollinearityWarning, match="'x2'"):
        LogisticRegression().fit(numpy.c_[X[:, 0], numpy.full(200, 3.0)], y)
    with pytest.warns(CollinearityWarning, match="'x2'"):
        LogisticRegression().fit(numpy.c_[X[:, 0], numpy.zeros(200)], y)
    with pytest.raises(DataError, match="not unique"):
        model.summary()


def test_a_few_far_rows_are_no_separation() -> None:
    X, y = CASES["nearly separated"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LogisticRegression().fit(X, y).diagnosis_ == ()


# Weights or distances of rows that nearly separate the classes, and the estimates to 50 digits by Newton's method.
NEAR = {
    "a row against 1e6 repeated ones": ([0, 1, 2, 3, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1e-6], 26.937870935379102),
    "a row against 1e9 repeated ones": ([0, 1, 2, 3, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1e-9], 40.75338449033288),
    "classes that overlap by 1e-5": ([0, 1, 2, 3, 1 + 1e-5, 1], [0, 0, 1, 1, 0, 1], None, 13.527791486154415),
    "classes that overlap by 1e-9": ([0, 1, 2, 3, 1 + 1e-9, 1], [0, 0, 1, 1, 0, 1], None, 22.738168768796754),
    "a row far away, told right": ([-1, 0, 1, 0.5, -0.5, 1e12], [0, 1, 1, 0, 1, 1], None, 0.8789983453125483),
}


@pytest.mark.parametrize("solver", ["auto", "newton", "lbfgs"])
@pytest.mark.parametrize("case", NEAR)
def test_nearly_separated_classes_have_estimates(case: str, solver: Any) -> None:
    x, y, weight, expected = NEAR[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegression(solver=solver).fit(numpy.array(x)[:, None] * 1.0, y, weight)
    assert model.convergence_.converged
    assert model.diagnosis_ == ()
    assert model.coef_[0, 0] == pytest.approx(expected, rel=1e-6)


def test_estimates_that_rounding_leaves_vague_are_told() -> None:
    X = numpy.array([[0.0], [1.0], [2.0], [3.0], [0.0]])
    with pytest.warns(ConvergenceWarning, match="parameters still change by"):
        model = LogisticRegression().fit(X, [0, 0, 1, 1, 1], [1.0, 1.0, 1.0, 1.0, 1e-20])
    assert not model.convergence_.converged
    assert model.diagnosis_ == ()


def test_many_rows_that_are_nearly_separated_have_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgrid.learn.minimize._SMALL", 0)  # as if they were too many for Newton's method
    monkeypatch.setattr("microgrid.learn.estimator._EXAMINED", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for overlap, expected in ((1e-5, 13.527791486154415), (1e-7, 18.13299818833268)):
            X = numpy.repeat([[0.0], [1.0], [2.0], [3.0], [1.0 + overlap], [1.0]], 100, axis=0)
            y = numpy.repeat([0, 0, 1, 1, 0, 1], 100)
            model = LogisticRegression().fit(X, y)
            assert model.diagnosis_ == ()
            assert model.coef_[0, 0] == pytest.approx(expected, rel=1e-6)
        close(LogisticRegression(alpha=1e-12).fit(X, y), LogisticRegression(alpha=1e-12, solver="newton").fit(X, y))
    X[100:200] = X[400:500] = 1.0
    with pytest.warns(SeparationWarning, match="quasi-complete"):
        LogisticRegression().fit(X, y)


def test_firth_gives_the_published_estimates_for_endometrial_cancer() -> None:
    """G. Heinze and M. Schemper (2002), Table II; the digits that R's logistf and brglm2 have right."""
    data = pandas.read_csv(DATA / "endometrial.csv")
    X, y = data[["NV", "PI", "EH"]], data["HG"]
    with pytest.warns(SeparationWarning, match="quasi-complete separation: along 'NV' the classes of 13 rows"):
        LogisticRegression().fit(X, y)
    model = LogisticRegression(bias_reduction="firth").fit(X, y)
    numpy.testing.assert_allclose(model.coef_, [[2.92927330, -0.03475175, -2.60416387]], rtol=0, atol=1e-7)
    numpy.testing.assert_allclose(model.intercept_, [3.774560], rtol=0, atol=5e-7)
    numpy.testing.assert_allclose(model.inference().standard_errors, [1.55076, 0.03958, 0.77602, 1.48869], atol=5e-6)


def test_firth_gives_the_published_estimates_for_urinary_tract_infections() -> None:
    """G. Heinze and M. Schemper (2002), as R's logistf prints them; rows are counted."""
    data = pandas.read_csv(DATA / "urinary_tract_infection.csv")
    X = data[["age", "oc", "vic", "vicl", "vis", "dia"]]
    model = LogisticRegression(bias_reduction="firth").fit(X, data["case"], data["count"])
    expected = [-1.10598130, -0.06881673, 2.26887464, -2.11140816, -0.78831694, 3.096012]
    numpy.testing.assert_allclose(model.coef_[0], expected, rtol=0, atol=5e-7)
    assert model.intercept_[0] == pytest.approx(0.12025404, abs=5e-8)
    inference = model.inference()
    assert inference.likelihood_ratio == pytest.approx(49.09, abs=5e-3)
    assert inference.likelihood_ratio_p_value == pytest.approx(7.15e-9, rel=1e-3)
    whole = data.loc[data.index.repeat(data["count"])]
    close(LogisticRegression(bias_reduction="firth").fit(whole[X.columns], whole["case"]), model, 1e-8)


@pytest.mark.parametrize("classes", [2, 3])
def test_firth_maximises_the_penalised_likelihood(classes: int) -> None:
    """Beside an optimiser that takes the determinant of the information by differences of the gradient."""
    X, y = drawn(25, 2, classes, seed=4)
    rows = numpy.c_[X, numpy.ones(25)]

    def penalised(theta: Any) -> float:
        z = rows @ numpy.concatenate([numpy.zeros((1, 3)), theta.reshape(classes - 1, 3)]).T
        a = numpy.exp(z - numpy.logaddexp.reduce(z, axis=1)[:, None])
        weights = [numpy.diag(p[1:]) - numpy.outer(p[1:], p[1:]) for p in a]
        information = sum(numpy.kron(w, numpy.outer(x, x)) for w, x in zip(weights, rows, strict=True))
        return float(-numpy.log(a[numpy.arange(25), y]).sum() - 0.5 * numpy.linalg.slogdet(information)[1])

    model = LogisticRegression(bias_reduction="firth").fit(X, y)
    theta = model.inference().estimates
    found = scipy.optimize.minimize(penalised, theta * 0.9, method="BFGS", options={"gtol": 1e-7})
    numpy.testing.assert_allclose(theta, found.x, rtol=1e-4)
    assert model.convergence_.loss * 25 == pytest.approx(penalised(theta), rel=1e-12)


def test_firth_is_finite_on_separated_classes() -> None:
    X, y = sklearn.datasets.load_iris(return_X_y=True)
    model = LogisticRegression(bias_reduction="firth").fit(X[:, :2], y)
    assert model.convergence_.converged
    assert numpy.isfinite(model.inference().standard_errors).all()
    assert model.diagnosis_ == ()


# ---- bad input ------------------------------------------------------------------------------------------------

GOOD = drawn(20, 2)
NAN, INFINITE = GOOD[0].copy(), GOOD[0].copy()
NAN[3, 1], INFINITE[3, 1] = numpy.nan, numpy.inf

BAD: dict[str, tuple[dict[str, Any], Any, Any, Any, str]] = {
    "one class": ({}, GOOD[0], numpy.ones(20), None, "one class only, 1.0"),
    "labels that are nan": ({}, GOOD[0], numpy.where(GOOD[1], 1.0, numpy.nan), None, "NaN"),
    "X with nan": ({}, NAN, GOOD[1], None, "NaN"),
    "X with infinity": ({}, INFINITE, GOOD[1], None, "infinity"),
    "lengths that differ": ({}, GOOD[0], GOOD[1][:-1], None, "inconsistent numbers of samples"),
    "weights of another length": ({}, *GOOD, numpy.ones(3), "sample_weight"),
    "negative weights": ({}, *GOOD, numpy.linspace(-1, 1, 20), "[Nn]egative"),
    "weights that are nan": ({}, *GOOD, numpy.full(20, numpy.nan), "NaN"),
    "no weight": ({}, *GOOD, numpy.zeros(20), "at least one non-zero number"),
    "weights of one class": ({}, *GOOD, (GOOD[1] == 1) * 1.0, "only one class has rows with a positive weight"),
    "continuous labels": ({}, GOOD[0], GOOD[0][:, 0], None, "continuous"),
    "an unknown solver": ({"solver": "sgd"}, *GOOD, None, "solver is 'auto', 'newton' or 'lbfgs', not 'sgd'"),
    "a negative penalty": ({"alpha": -1.0}, *GOOD, None, "alpha is a number from 0, not -1.0"),
    "a penalty that is nan": ({"alpha": numpy.nan}, *GOOD, None, "alpha"),
    "two penalties": ({"alpha": 1.0, "C": 1.0}, *GOOD, None, "give one of them"),
    "C of 0": ({"C": 0.0}, *GOOD, None, "C is a positive number"),
    "half a step": ({"max_iter": 0.5}, *GOOD, None, "max_iter is a whole number from 0, not 0.5"),
    "an unknown reduction": ({"bias_reduction": "jeffreys"}, *GOOD, None, "None or 'firth'"),
    "a penalised reduction": ({"bias_reduction": "firth", "alpha": 1.0}, *GOOD, None, "leave alpha at 0"),
    "a class that isn't there": ({"class_weight": {7: 1.0}}, *GOOD, None, "class"),
    "a text for a number": ({"verbose": "yes"}, *GOOD, None, "verbose is a whole number from 0, not 'yes'"),
    "a text for a switch": ({"fit_intercept": "no"}, *GOOD, None, "fit_intercept is True or False, not 'no'"),
    "a number for a file": ({"checkpoint": 3}, *GOOD, None, "checkpoint is the path of a file"),
    "labels that are None": ({}, GOOD[0], numpy.array(["a", None] * 10), None, "every row needs a label"),
    "labels of two types": ({}, GOOD[0], numpy.array(["a", 1] * 10, object), None, "several types: int, str"),
    "numbers without squares": (
        {},
        GOOD[0] * [1.0, 1e200],
        GOOD[1],
        None,
        "x2 are about .*: give them in another unit",
    ),
    "numbers of no size": ({}, GOOD[0] * [1.0, 1e-200], GOOD[1], None, "x2 are about .*: give them in another unit"),
    "squares that overflow": (
        {},
        numpy.array([[1e200], [1e200], [-1e200], [-1e200]]),
        numpy.array([0, 1, 0, 1]),
        None,
        "x1 are too large.*: give them in another unit",
    ),
    "labels of bytes": ({}, GOOD[0], numpy.array([b"a", b"b"] * 10), None, "bytes is not supported"),
    "masked entries": ({}, numpy.ma.masked_greater(GOOD[0], 1.0), GOOD[1], None, "masked entries"),
    "a column of text": (
        {},
        pandas.DataFrame({"age": GOOD[0][:, 0], "sex": ["f", "m"] * 10}),
        GOOD[1],
        None,
        "column 'sex' holds .*, and numbers are needed: encode it",
    ),
    "a column of dates": (
        {},
        pandas.DataFrame({"age": GOOD[0][:, 0], "born": pandas.Timestamp("2000-01-01")}),
        GOOD[1],
        None,
        "column 'born' holds datetime",
    ),
    "a list of blocks and labels": ({}, [GOOD], GOOD[1], None, "labels and weights of blocks are in them"),
    "labels of blocks apart": ({}, lambda: iter([GOOD]), GOOD[1], None, "labels and weights of blocks are in them"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_in_a_sentence(case: str) -> None:
    options, X, y, weight, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**options).fit(X, y, weight)


def test_without_scikit_learn_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import microgrid, microgrid.cli.main\n"
        "try:\n    import microgrid.learn\n"
        "except microgrid.MissingPackageError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'microgrid-autodiff[learn]'" in run.stdout


# ---- graphs of the user's own ---------------------------------------------------------------------------------


def counts(rows: int = 400) -> tuple[Any, Any]:
    X = drawn(rows, 2)[0]
    return X, numpy.random.default_rng(1).poisson(numpy.exp(X @ [0.4, -0.3] + 0.2)) * 1.0


def poisson(p: Any, x: Any, y: Any) -> Any:
    z = microgrid.dot(p["w"], x) + p["b"]
    return microgrid.exp(z) - y * z + microgrid.lgamma(y + 1.0)


def test_poisson_regression_is_that_of_statsmodels() -> None:
    X, y = counts()
    constant = statsmodels.api.add_constant(X, prepend=False)
    other = statsmodels.api.Poisson(y, constant).fit(disp=0, tol=1e-14, maxiter=100)
    fit = fit_graph(poisson, (X, y), {"w": [0.0, 0.0], "b": 0.0})
    assert fit.names == ("w[0]", "w[1]", "b")
    mine = fit.inference()
    numpy.testing.assert_allclose(mine.estimates, other.params, rtol=1e-8)
    numpy.testing.assert_allclose(mine.standard_errors, other.bse, rtol=1e-8)
    assert mine.log_likelihood == pytest.approx(other.llf, rel=1e-10)
    assert mine.aic == pytest.approx(other.aic, rel=1e-10)
    white = statsmodels.stats.sandwich_covariance.cov_white_simple(other, use_correction=False)
    numpy.testing.assert_allclose(
        fit.inference(cov_type="HC0").standard_errors, numpy.sqrt(numpy.diag(white)), rtol=1e-8
    )
    assert "w[0]" in str(fit.summary())
    assert fit.graph.data == pytest.approx(-other.model.loglikeobs(other.params)[0], rel=1e-8)
    assert fit.parameters["b"] == mine.estimates[2]


def test_a_graph_is_fitted_to_few_rows_without_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def squares(p: Any, x: Any, y: Any) -> Any:
        return (y - p[0] * x - p[1]) ** 2

    x = numpy.arange(10.0)
    monkeypatch.setattr(jit, "build", None)
    fit = fit_graph(squares, (x, 2.0 * x + 1.0), [0.0, 0.0])
    assert fit.parameters == pytest.approx([2.0, 1.0], rel=1e-9)


def test_weights_of_a_graph_are_repetitions() -> None:
    X, y = counts(60)
    times = numpy.random.default_rng(2).integers(0, 3, 60)
    fit = fit_graph(poisson, (X, y), {"w": [0.0, 0.0], "b": 0.0}, sample_weight=times)
    other = fit_graph(poisson, (X.repeat(times, axis=0), y.repeat(times)), {"w": [0.0, 0.0], "b": 0.0})
    for cov_type in get_args(CovarianceType):
        mine, theirs = fit.inference(cov_type=cov_type), other.inference(cov_type=cov_type)
        numpy.testing.assert_allclose(mine.estimates, theirs.estimates, rtol=1e-9)
        numpy.testing.assert_allclose(mine.standard_errors, theirs.standard_errors, rtol=1e-9)


def test_negative_binomial_regression_is_that_of_statsmodels() -> None:
    X, _ = counts()
    y = numpy.random.default_rng(3).negative_binomial(2, 2 / (2 + numpy.exp(X @ [0.4, -0.3] + 0.5))) * 1.0

    def loss(p: Any, x: Any, y: Any) -> Any:
        size, z = microgrid.exp(-p["log_alpha"]), microgrid.dot(p["w"], x) + p["b"]
        total = microgrid.logsumexp([z, microgrid.log(size)])
        constant = microgrid.lgamma(y + size) - microgrid.lgamma(size) - microgrid.lgamma(y + 1.0)
        return -(constant + size * (microgrid.log(size) - total) + y * (z - total))

    other = statsmodels.api.NegativeBinomial(y, statsmodels.api.add_constant(X, prepend=False)).fit(disp=0, maxiter=200)
    fit = fit_graph(loss, (X, y), {"w": [0.0, 0.0], "b": 0.0, "log_alpha": 0.0})
    assert fit.convergence.converged
    found = [*fit.parameters["w"], fit.parameters["b"], numpy.exp(fit.parameters["log_alpha"])]
    numpy.testing.assert_allclose(found, other.params, rtol=1e-3)
    assert -fit.convergence.loss * 400 >= other.llf - 1e-9


def test_robust_and_ordinal_and_focal_losses_are_fitted() -> None:
    X, _ = counts()
    random = numpy.random.default_rng(4)
    y = X @ [1.0, -2.0] + 0.5 + random.standard_t(2, 400)

    def huber(p: Any, x: Any, y: Any) -> Any:
        r = y - microgrid.dot(p[:2], x) - p[2]
        return microgrid.where(abs(r) < 1.345, r * r / 2, 1.345 * (abs(r) - 1.345 / 2))

    fit = fit_graph(huber, (X, y), [0.0, 0.0, 0.0])
    constant = numpy.c_[X, numpy.ones(400)]
    r = y - constant @ fit.parameters
    numpy.testing.assert_allclose(constant.T @ numpy.clip(r, -1.345, 1.345) / 400, 0.0, atol=1e-7)
    grades = numpy.digitize(y, [-1.0, 1.0]) * 1.0

    def ordinal(p: Any, x: Any, grade: Any) -> Any:
        z, low = microgrid.dot(p["w"], x), p["cut"]
        high = low + microgrid.exp(p["log_gap"])
        middle = microgrid.log(microgrid.sigmoid(high - z) - microgrid.sigmoid(low - z))
        ends = microgrid.where(grade < 0.5, microgrid.softplus(z - low), microgrid.softplus(high - z))
        return microgrid.where(abs(grade - 1.0) < 0.5, -middle, ends)

    from statsmodels.miscmodels.ordinal_model import OrderedModel

    fit = fit_graph(ordinal, (X, grades), {"w": [0.0, 0.0], "cut": -1.0, "log_gap": 0.0})
    other = OrderedModel(grades, X, distr="logit").fit(method="newton", disp=0)
    numpy.testing.assert_allclose(
        [*fit.parameters["w"], fit.parameters["cut"], fit.parameters["log_gap"]], other.params, rtol=1e-6
    )

    def focal(p: Any, x: Any, y: Any) -> Any:
        margin = (2.0 * y - 1.0) * (microgrid.dot(p[:2], x) + p[2])
        return microgrid.sigmoid(-margin) ** 2 * microgrid.softplus(-margin)

    labels = (y > 0.5) * 1.0
    fit = fit_graph(focal, (X, labels), [0.0, 0.0, 0.0])
    assert fit.convergence.converged
    assert ((constant @ fit.parameters > 0) == (labels > 0)).mean() > 0.8


def test_the_solvers_of_a_graph_agree() -> None:
    X, y = counts()
    start = {"w": [0.0, 0.0], "b": 0.0}
    first, *others = (fit_graph(poisson, (X, y), start, solver=solver) for solver in get_args(Solver))
    for other in others:
        numpy.testing.assert_allclose(other.estimates, first.estimates, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (([1.0, 2.0], [1.0]), {}, "rows: as many in each"),
        (([1.0, numpy.nan], [1.0, 1.0]), {}, "array 0 of the data contains NaN"),
        ((["a", "b"], [1.0, 1.0]), {}, "numbers are needed"),
        (([1.0, 2.0], [1.0, 1.0]), {"solver": "adam"}, "not 'adam'"),
        (([1.0, 2.0], [1.0, 1.0]), {"sample_weight": [1.0]}, "2 rows"),
        (([1.0, 2.0], [1.0, 1.0]), {"sample_weight": [1.0, -1.0]}, "from 0"),
        (([0.0, 2.0], [1.0, 1.0]), {}, "the mean loss at the start is"),
        (([1.0, 2.0], [1.0, 1.0]), {"names": ["a", "b", "c"]}, "there are 3 names, and .* parameters"),
        (([1.0, 2.0], [1.0, 1.0]), {"tol": numpy.nan}, "tol and max_iter are numbers from 0, not nan"),
        (([1.0, 2.0], [1.0, 1.0]), {"max_iter": -1}, "tol and max_iter are numbers from 0, not .* and -1"),
        ((numpy.ma.masked_greater([1.0, 2.0], 1.5), [1.0, 1.0]), {}, "masked entries"),
    ],
)
def test_bad_data_of_a_graph_are_told(data: Any, options: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_graph(lambda p, x, y: y * microgrid.log(p * x), data, 1.0, **options)


@pytest.mark.parametrize("solver", get_args(Solver))
def test_a_maximum_is_none_of_the_ends_of_a_fit(solver: Any) -> None:
    with pytest.warns(ConvergenceWarning, match="at no minimum: the loss curves down"):
        fit = fit_graph(lambda p, x: x * (p * p - 1.0) ** 2, ([1.0, 2.0],), 0.0, solver=solver)
    assert not fit.convergence.converged
    with pytest.raises(DataError, match="has not converged"):
        fit.inference()


def test_a_fit_of_a_graph_that_did_not_converge_says_so() -> None:
    X, y = counts()
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        fit = fit_graph(poisson, (X, y), {"w": [0.0, 0.0], "b": 0.0}, max_iter=1)
    with pytest.raises(DataError, match="has not converged"):
        fit.summary()


# ---- gradient boosting ----------------------------------------------------------------------------------------


def logistic_loss(score: Any, y: Any) -> Any:
    return microgrid.softplus(score) - y * score


def softmax_loss(scores: Any, y: Any) -> Any:
    chosen = [microgrid.where(abs(y - k) < 0.5, score, 0.0) for k, score in enumerate(scores)]
    return microgrid.logsumexp(scores) - sum(chosen[1:], chosen[0])


def test_an_objective_gives_gradient_and_hessian() -> None:
    objective = microgrid.objective(logistic_loss)
    y, score = numpy.array([0.0, 1.0, 1.0]), numpy.array([-1.0, 0.5, 30.0])
    a = 1.0 / (1.0 + numpy.exp(-score))
    gradient, hessian = objective(y, score)
    numpy.testing.assert_allclose(gradient, a - y, rtol=1e-12)
    numpy.testing.assert_allclose(hessian, numpy.exp(-score) / (1.0 + numpy.exp(-score)) ** 2, rtol=1e-12)
    weighted, _ = objective(y, score, sample_weight=numpy.array([1.0, 2.0, 3.0]))
    numpy.testing.assert_allclose(weighted, gradient * [1.0, 2.0, 3.0])
    assert objective.check(y[:2], score[:2])
    several = microgrid.objective(softmax_loss, outputs=3)
    scores = numpy.random.default_rng(0).normal(size=(4, 3))
    a = numpy.exp(scores) / numpy.exp(scores).sum(axis=1, keepdims=True)
    gradient, hessian = several(numpy.array([0, 1, 2, 1]), scores)
    numpy.testing.assert_allclose(gradient, a - numpy.eye(3)[[0, 1, 2, 1]], rtol=1e-12)
    numpy.testing.assert_allclose(hessian, a * (1.0 - a), rtol=1e-12)
    with pytest.raises(DataError, match="outputs="):
        objective(y, scores)
    with pytest.raises(DataError, match="not 0"):
        microgrid.objective(logistic_loss, outputs=0)
    with pytest.raises(DataError, match="not finite in row 1, of score"):
        microgrid.objective(lambda score, y: microgrid.log(score) * y)(y, numpy.array([1.0, -1.0, 1.0]))


def test_xgboost_trains_with_an_objective_as_with_its_own() -> None:
    xgboost = pytest.importorskip("xgboost")
    X, y = drawn(300, 3)
    weight = numpy.linspace(0.5, 2.0, 300)
    data = xgboost.DMatrix(X, y, weight=weight)
    options = {"max_depth": 3, "base_score": 0.5, "eta": 0.3, "nthread": 1}
    own = xgboost.train({**options, "objective": "binary:logistic"}, data, 5)
    mine = xgboost.train({**options, "base_score": 0.0}, data, 5, obj=microgrid.objective(logistic_loss))
    numpy.testing.assert_allclose(
        mine.predict(data, output_margin=True), own.predict(data, output_margin=True), atol=1e-4
    )
    model = xgboost.XGBClassifier(n_estimators=5, objective=microgrid.objective(logistic_loss), nthread=1)
    assert model.fit(X, y, sample_weight=weight).score(X, y) > 0.7
    X, y = drawn(300, 3, 3)
    data = xgboost.DMatrix(X, y)
    options = {"max_depth": 3, "num_class": 3, "nthread": 1, "base_score": 0.0}
    scores = xgboost.train(options, data, 5, obj=microgrid.objective(softmax_loss, outputs=3))
    scores = scores.predict(data, output_margin=True)
    assert (numpy.asarray(scores).reshape(300, 3).argmax(axis=1) == y).mean() > 0.6


def test_lightgbm_trains_with_an_objective_as_with_its_own() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    X, y = drawn(300, 3)
    weight = numpy.linspace(0.5, 2.0, 300)
    options = {"verbose": -1, "num_threads": 1, "deterministic": True, "boost_from_average": False}
    own = lightgbm.train({**options, "objective": "binary"}, lightgbm.Dataset(X, y, weight=weight), 5)
    mine = lightgbm.train(
        {**options, "objective": microgrid.objective(logistic_loss)}, lightgbm.Dataset(X, y, weight=weight), 5
    )
    numpy.testing.assert_allclose(mine.predict(X), own.predict(X, raw_score=True), atol=1e-4)
    model = lightgbm.LGBMClassifier(
        n_estimators=5, objective=microgrid.objective(logistic_loss), verbose=-1, n_jobs=1, boost_from_average=False
    ).fit(X, y, sample_weight=weight)
    assert ((model.predict(X, raw_score=True) > 0) == (y > 0)).mean() > 0.7
    X, y = drawn(300, 3, 3)
    several = {**options, "num_class": 3, "objective": microgrid.objective(softmax_loss, outputs=3)}
    scores = lightgbm.train(several, lightgbm.Dataset(X, y), 5).predict(X)
    assert (scores.argmax(axis=1) == y).mean() > 0.6
