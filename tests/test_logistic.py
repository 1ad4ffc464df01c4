"""The logistic graph: its shape, its five components, its closed forms, and what bad data get."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import mpmath
import numpy
import pytest

import microgrid
from microgrid import DataError, Value, logistic
from microgrid.graph import pullback, topological_order

SATURATION = [sign * size for size in (37.0, 710.0, 1e3) for sign in (1.0, -1.0)]


def random_sample(generator: random.Random, features: int = 2) -> dict[str, Any]:
    return {
        "x": [generator.gauss(0.0, 2.0) for _ in range(features)],
        "y": generator.randint(0, 1),
        "w": [generator.gauss(0.0, 2.0) for _ in range(features)],
        "b": generator.gauss(0.0, 1.0),
    }


def strict_ulp(row: logistic.Agreement) -> float:
    """Distance in ulp of the closed form itself, with no allowance for the size of its terms."""
    return abs(row.autodiff - row.closed_form) / math.ulp(row.closed_form)


# ---- the graph ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["textbook", "logit"])
def test_every_node_is_named_except_constants(form: logistic.Form) -> None:
    graph = logistic.sample_loss([1.0, 2.0], 1, [0.5, -0.25], 0.1, form=form)
    nodes = topological_order(graph.loss, graph.a)
    assert [node for node in nodes if not node.name and not node.is_constant] == []
    assert {"x1", "w1", "x2", "w2", "b", "y", "z", "a", "L"} <= {node.name for node in nodes}


def test_textbook_form_is_made_of_the_primitive_operations() -> None:
    graph = logistic.sample_loss([1.0, 2.0], 1, [0.5, -0.25], 0.1)
    operations = {node.op.name for node in topological_order(graph.loss) if node.op}
    assert operations == {"mul", "sum", "neg", "exp", "add", "div", "log", "sub"}


@pytest.mark.parametrize("features", [1, 2, 3, 30])
@pytest.mark.parametrize("form", ["textbook", "logit"])
def test_loss_is_right_for_any_number_of_features(features: int, form: logistic.Form) -> None:
    generator = random.Random(features)
    sample = random_sample(generator, features)
    sample["w"] = [w / features for w in sample["w"]]
    graph = logistic.sample_loss(**sample, form=form)
    with mpmath.workdps(50):
        z = mpmath.fsum(mpmath.mpf(w) * x for w, x in zip(sample["w"], sample["x"], strict=True)) + sample["b"]
        expected = mpmath.log(1 + mpmath.exp(z)) - sample["y"] * z
    assert graph.loss.data == pytest.approx(float(expected), rel=1e-12)


def test_values_given_as_parameters_are_used_themselves() -> None:
    w, b = Value(0.5, "slope"), Value(0.1)
    graph = logistic.sample_loss([2.0], 1, [w], b)
    assert graph.w == (w,)
    assert graph.b is b
    assert (w.name, b.name) == ("slope", "b")


# ---- the closed forms -----------------------------------------------------------------------------------------


def test_five_components_and_the_products_come_in_order() -> None:
    rows = logistic.components(logistic.sample_loss([1.0, 2.0], 1, [0.5, -0.25], 0.1))
    assert [(row.name, row.formula) for row in rows] == [
        ("dL/da", "(1 - y)/(1 - a) - y/a"),
        ("da/dz", "a(1 - a)"),
        ("dL/dz", "a - y"),
        ("dz/dw1", "x1"),
        ("dz/dw2", "x2"),
        ("dz/db", "1"),
        ("dL/dw1", "(a - y)·x1"),
        ("dL/dw2", "(a - y)·x2"),
        ("dL/db", "a - y"),
    ]


def test_gradient_from_the_logit_is_the_closed_form_within_2_ulp_at_10000_random_points() -> None:
    generator = random.Random(0)
    worst = 0.0
    for _ in range(10_000):
        graph = logistic.sample_loss(**random_sample(generator), form="logit")
        rows = [row for row in logistic.components(graph) if row.name.startswith("dL")]
        assert len(rows) == 4
        worst = max(worst, *map(strict_ulp, rows))
    print(f"worst distance at 10,000 points: {worst:g} ulp")
    assert worst <= 2.0


@pytest.mark.parametrize("z", SATURATION)
@pytest.mark.parametrize("y", [0, 1])
def test_gradient_from_the_logit_is_the_closed_form_within_2_ulp_at_saturation(z: float, y: int) -> None:
    graph = logistic.sample_loss([0.5, 2.0], y, [z, z / 4.0], 0.0, form="logit")
    assert graph.z.data == z
    rows = [row for row in logistic.components(graph) if row.name.startswith("dL")]
    assert all(math.isfinite(row.autodiff) and strict_ulp(row) <= 2.0 for row in rows)
    with mpmath.workdps(800):
        a = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        for row, factor in zip(rows, (1.0, 0.5, 2.0, 1.0), strict=True):
            assert row.autodiff == pytest.approx(float((a - y) * factor), rel=1e-15, abs=factor * math.ulp(1.0))


@pytest.mark.parametrize(("z", "y"), [(37.0, 1), (710.0, 1), (-800.0, 0), (1e3, 1)])
def test_textbook_form_is_nan_where_a_saturates_on_the_right_side(z: float, y: int) -> None:
    # The true derivative is near 0; the graph computes 0·log(0) = nan or 0·inf on the branch that y switches off.
    graph = logistic.sample_loss([1.0], y, [z], 0.0, form="textbook")
    report = logistic.check([[1.0]], [y], [z], 0.0, form="textbook")
    assert graph.a.data in (0.0, 1.0) or abs(z) < 700.0
    assert not report
    assert "DISAGREE" in str(report)


def test_textbook_form_loses_its_digits_long_before_saturation() -> None:
    graph = logistic.sample_loss([1.0], 0, [25.0], 0.0, form="textbook")
    row = next(row for row in logistic.components(graph) if row.name == "dL/dz")
    assert 1e-8 < abs(row.autodiff - row.closed_form) < 1e-4


def test_textbook_and_logit_agree_where_neither_saturates() -> None:
    generator = random.Random(1)
    for _ in range(200):
        sample = random_sample(generator)
        sample["w"] = [w / 4.0 for w in sample["w"]]
        textbook = logistic.components(logistic.sample_loss(**sample, form="textbook"))[1:]
        logit = logistic.components(logistic.sample_loss(**sample, form="logit"))
        for one, other in zip(textbook, logit, strict=True):
            assert (one.name, one.formula) == (other.name, other.formula)
            assert one.autodiff == pytest.approx(other.autodiff, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(
    ("autodiff", "closed_form"),
    [(math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan), (math.inf, 1.0), (1.0, math.inf), (math.inf, -math.inf)],
)
def test_a_non_finite_side_never_counts_as_agreement(autodiff: float, closed_form: float) -> None:
    assert logistic.Agreement("d", "f", autodiff, closed_form, 1.0).ulp == math.inf


def test_planted_errors_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, w, b = [[1.0, 2.0], [-0.5, 0.25]], [1, 0], [0.5, -0.25], 0.1
    assert logistic.check(X, y, w, b)

    def wrong_by_a_thousandth(root: Any) -> dict[Any, float]:
        return {node: adjoint * 1.001 for node, adjoint in pullback(root).items()}

    monkeypatch.setattr(logistic, "pullback", wrong_by_a_thousandth)
    assert not logistic.check(X, y, w, b)


# ---- data sets ------------------------------------------------------------------------------------------------


def test_check_reports_the_worst_sample_and_how_much_was_checked() -> None:
    X, y = [[1.0], [2.0], [40.0]], [0, 1, 0]
    report = logistic.check(X, y, [1.0], 0.0, form="textbook")
    assert report.checked == 3 * 7
    assert report.sample == 2
    assert report.worst.ulp == max(
        row.ulp
        for index in range(3)
        for row in logistic.components(logistic.sample_loss(X[index], y[index], [1.0], 0.0))
    )


def test_mean_gradient_agrees_with_numpys_closed_form() -> None:
    generator = numpy.random.default_rng(3)
    X, y = generator.normal(size=(100, 5)), generator.integers(0, 2, 100)
    w, b = generator.normal(size=5), 0.3
    rows = logistic.mean_gradient(logistic.dataset_loss(X, y, w, b))
    a = 1.0 / (1.0 + numpy.exp(-(X @ w + b)))
    expected = [*((a - y) @ X / 100), (a - y).mean()]
    assert [row.autodiff for row in rows] == pytest.approx(expected, rel=1e-12)
    assert all(row.ulp <= 50 for row in rows)


def test_backward_on_the_mean_loss_gives_the_same_gradient() -> None:
    graph = logistic.dataset_loss([[1.0, 2.0], [-0.5, 0.25]], [1, 0], [0.5, -0.25], 0.1)
    rows = logistic.mean_gradient(graph)
    graph.loss.backward()
    assert [leaf.grad for leaf in (*graph.w, graph.b)] == [row.autodiff for row in rows]


def test_gradient_descent_reaches_the_minimum_that_scikit_learn_finds() -> None:
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression

    X, y = make_classification(60, 2, n_redundant=0, class_sep=0.5, random_state=5)
    *_, last = logistic.gradient_descent(X, y, steps=300, rate=2.0)
    model = LogisticRegression(C=math.inf, tol=1e-10).fit(X, y)
    assert last.w == pytest.approx(model.coef_[0], rel=1e-4)
    assert last.b == pytest.approx(model.intercept_[0], rel=1e-4, abs=1e-5)


def test_gradient_descent_yields_its_starting_point_and_every_step() -> None:
    steps = list(logistic.gradient_descent([[1.0], [-1.0], [0.5]], [1, 0, 0], steps=5, rate=0.5))
    assert len(steps) == 6
    assert (steps[0].w, steps[0].b) == ((0.0,), 0.0)
    assert steps[0].loss == pytest.approx(math.log(2.0))
    assert all(before.loss > after.loss for before, after in itertools.pairwise(steps))
    assert steps[3].worst in steps[3].gradient


# ---- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": 2}, "labels are 0 or 1"),
        ({"y": -1}, "labels are 0 or 1"),
        ({"y": math.nan}, "labels are 0 or 1"),
        ({"x": [math.nan, 1.0]}, "x1 is nan"),
        ({"x": [1.0, math.inf]}, "x2 is inf"),
        ({"w": [1.0, math.nan]}, "w2 is nan"),
        ({"b": math.nan}, "b is nan"),
        ({"x": [1.0]}, "1 features and 2 weights"),
        ({"x": [], "w": []}, "no features"),
        ({"form": "probit"}, "'textbook' or 'logit'"),
    ],
)
def test_bad_samples_are_refused_with_the_reason(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"x": [1.0, 2.0], "y": 1, "w": [0.5, -0.25], "b": 0.1}
    with pytest.raises(DataError, match=message):
        logistic.sample_loss(**good | arguments)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0], [2.0]], [1], "2 samples and y has 1 labels"),
        ([], [], "empty"),
        ([[1.0], [math.nan]], [1, 0], "sample 1: x1 is nan"),
        ([[1.0], [2.0, 3.0]], [1, 0], "sample 1: there are 2 features"),
        ([[1.0], [2.0]], [1, 3], "sample 1: the label is 3"),
    ],
)
def test_bad_data_sets_are_refused_and_name_the_sample(X: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        logistic.dataset_loss(X, y, [1.0], 0.0)


def test_descent_on_an_empty_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        next(logistic.gradient_descent([], []))


def test_a_feature_that_is_no_number_is_refused() -> None:
    with pytest.raises(microgrid.InvalidValueError, match="'a'"):
        logistic.sample_loss(["a"], 1, [1.0], 0.0)
