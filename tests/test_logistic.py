"""The logistic graph: its shape, its five components, its closed forms, and what bad data get."""

from __future__ import annotations

import copy
import itertools
import math
import multiprocessing
import pickle
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import mpmath
import numpy
import pytest

from microgrid import DataError, Value, logistic
from microgrid.checking import Verdict
from microgrid.core.engine import recorder
from microgrid.core.graph import pullback, topological_order
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

SATURATION = [sign * size for size in (37.0, 710.0, 1e3) for sign in (1.0, -1.0)]


def random_sample(generator: random.Random, features: int = 2) -> dict[str, Any]:
    return {
        "x": [generator.gauss(0.0, 2.0) for _ in range(features)],
        "y": generator.randint(0, 1),
        "w": [generator.gauss(0.0, 2.0) for _ in range(features)],
        "b": generator.gauss(0.0, 1.0),
    }


def at_logit(z: float, y: int, form: logistic.Form) -> logistic.SampleLoss:
    graph = logistic.sample_loss([0.5, 2.0], y, [z, z / 4.0], 0.0, form=form)
    assert graph.z.data == z
    return graph


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


@pytest.mark.unmeasured
def test_gradient_from_the_logit_is_the_closed_form_within_2_ulp_at_10000_random_points() -> None:
    generator = random.Random(0)
    worst = 0.0
    for _ in range(10_000):
        graph = logistic.sample_loss(**random_sample(generator), form="logit")
        rows = [row for row in logistic.components(graph) if row.name.startswith("dL")]
        assert len(rows) == 4
        worst = max(worst, *[row.ulp for row in rows])
    print(f"worst distance at 10,000 points: {worst:g} ulp")
    assert worst <= 2.0


@pytest.mark.parametrize("z", SATURATION)
@pytest.mark.parametrize("y", [0, 1])
def test_gradient_from_the_logit_is_the_closed_form_within_2_ulp_at_saturation(z: float, y: int) -> None:
    rows = [row for row in logistic.components(at_logit(z, y, "logit")) if row.name.startswith("dL")]
    assert all(math.isfinite(row.autodiff) and row.ulp <= 2.0 for row in rows)
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
    assert report.verdict is Verdict.NON_FINITE


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


@pytest.mark.parametrize("form", ["textbook", "logit"])
@pytest.mark.parametrize("z", [-350.0, -37.0, -20.0, -1.0, 0.0, 1.0, 5.0, 20.0, 36.0, 37.0, 350.0, 700.0])
def test_da_dz_and_its_closed_form_keep_their_digits_at_saturation(z: float, form: logistic.Form) -> None:
    graph = at_logit(z, 1, form)
    row = next(row for row in logistic.components(graph) if row.name == "da/dz")
    with mpmath.workdps(800):
        a = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        exact = float(a * (1 - a))
    assert row.closed_form == pytest.approx(exact, rel=1e-15)
    assert row.ulp <= 8.0


def test_ulp_is_the_distance_in_units_in_the_last_place_of_the_closed_form() -> None:
    row = logistic.Agreement("d", "f", 1e-9 + 4.0 * math.ulp(1e-9), 1e-9)
    assert row.ulp == row.ulp_of_terms == 4.0
    assert logistic.Agreement("d", "f", 2.0 * math.ulp(1.0), math.ulp(1.0), size=1.0).ulp == 2.0**52
    assert logistic.Agreement("d", "f", 2.0 * math.ulp(1.0), math.ulp(1.0), size=1.0).ulp_of_terms == 1.0


@pytest.mark.parametrize(
    ("autodiff", "closed_form"),
    [(math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan), (math.inf, 1.0), (1.0, math.inf), (math.inf, -math.inf)],
)
@pytest.mark.parametrize("size", [0.0, 1.0, math.nan])
def test_a_non_finite_side_never_counts_as_agreement(autodiff: float, closed_form: float, size: float) -> None:
    row = logistic.Agreement("d", "f", autodiff, closed_form, size)
    assert row.ulp == row.ulp_of_terms == math.inf


PLANTED: dict[str, Callable[[float], float]] = {
    "a thousandth": lambda adjoint: adjoint * 1.001,
    "3 percent": lambda adjoint: adjoint * 0.97,
    "the sign": lambda adjoint: -adjoint,
    "a factor of 2": lambda adjoint: adjoint * 2.0,
    "lost": lambda adjoint: adjoint * 0.0,
}


@pytest.mark.parametrize("error", PLANTED)
@pytest.mark.parametrize("z", [-700.0, -37.0, -5.0, 0.0, 1.0, 5.0, 20.0, 30.0, 36.0, 37.0, 700.0])
@pytest.mark.parametrize("y", [0, 1])
def test_an_error_in_any_one_derivative_is_found_wherever_the_closed_form_is_not_0(
    error: str, z: float, y: int
) -> None:
    for row in logistic.components(at_logit(z, y, "logit")):
        assert row.ulp <= 2.0
        wrong = replace(row, autodiff=PLANTED[error](row.autodiff))
        assert wrong.ulp > 1e9 or row.closed_form == 0.0


@pytest.mark.parametrize("error", PLANTED)
def test_an_error_in_one_node_of_the_graph_fails_the_check(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, w, b = [[1.0, 2.0], [-0.5, 0.25]], [1, 0], [0.5, -0.25], 0.1
    assert logistic.check(X, y, w, b)
    for name in ("z", "w1", "w2", "b"):

        def wrong(root: Any, name: str = name) -> dict[Any, float]:
            adjoints = pullback(root)
            return {node: PLANTED[error](adjoints[node]) if node.name == name else adjoints[node] for node in adjoints}

        with monkeypatch.context() as patch:
            patch.setattr("microgrid.logistic.closed_forms.pullback", wrong)
            assert not logistic.check(X, y, w, b)


def test_the_verdict_is_what_the_printed_distance_says(monkeypatch: pytest.MonkeyPatch) -> None:
    row = logistic.Agreement("dL/dz", "a - y", 1.0 + 3.0 * math.ulp(1.0), 1.0)
    monkeypatch.setattr("microgrid.logistic.checks.components", lambda _: [row])
    for tolerance, verdict in ((3.0, Verdict.RIGHT), (2.0, Verdict.ROUNDED)):
        report = logistic.check([[1.0]], [1], [0.5], 0.0, tolerance=tolerance)
        assert report.verdict is verdict
        assert f"tolerance {tolerance:g} ulp" in str(report)
        assert "closed form gives 1.0: 3 ulp apart" in str(report)


def test_saturation_in_the_textbook_form_is_not_finite_and_names_the_logarithm() -> None:
    report = logistic.check([[1.0], [800.0]], [0, 1], [1.0], 0.0, form="textbook")
    assert report.verdict is Verdict.NON_FINITE
    assert report.worst is not None
    assert report.worst.point == 1
    assert report.blame is not None
    assert report.blame.node.name == "log(1 - a)"
    assert [one.verdict for one in report.judgements if one.point == 0] == [Verdict.RIGHT] * 7


def test_digits_lost_in_the_textbook_form_are_rounding_and_no_fault() -> None:
    for z in (15.0, 20.0, 30.0, 35.0):
        for y in (0, 1):
            report = logistic.check([[1.0]], [y], [z], 0.0, form="textbook")
            assert report.verdict is Verdict.ROUNDED, report
            assert not report.blames


def test_a_wrong_node_is_named() -> None:
    honest = RULES["softplus"]
    planted = Rule("softplus", lambda m: _scaled(honest.make(m)), honest.symbol, honest.latex, honest.regions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("microgrid.logistic.graph._softplus", recorder(planted))
        report = logistic.check([[2.0]], [1], [0.5], 0.0)
    assert report.verdict is Verdict.WRONG
    assert report.blame is not None
    assert report.blame.node.op is planted
    assert report.blame.kind == "local derivative"


def _scaled(pair: Any) -> Any:
    value, partials = pair
    return value, lambda out, x: (partials(out, x)[0] * 1.03,)


def test_a_failed_check_can_be_repeated_from_its_text() -> None:
    report = logistic.check([[0.1], [30.1]], [0, 0], [1.1], 0.3, form="textbook")
    assert report.worst is not None
    again = eval(report.reproduce, {"logistic": logistic})
    assert (again.verdict, again.worst.got) == (report.verdict, report.worst.got)


# ---- copies and pickles ---------------------------------------------------------------------------------------


def _grad_of_first_weight(graph: logistic.DatasetLoss) -> float:
    return logistic.mean_gradient(graph)[0].autodiff


def _pickled(protocol: int, graph: Any) -> Any:
    return pickle.loads(pickle.dumps(graph, protocol))


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": partial(_pickled, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("form", ["textbook", "logit"])
def test_a_copied_sample_keeps_what_its_nodes_share(how: str, form: logistic.Form) -> None:
    graph = logistic.sample_loss([1.0, 2.0, 3.0], 1, [0.5, -0.25, 0.0], 0.1, form=form)
    twin = COPIES[how](graph)
    assert logistic.components(twin) == logistic.components(graph)
    assert {twin.z, *twin.w, *twin.x, twin.b, twin.y} <= set(topological_order(twin.loss))
    assert (twin.z is graph.z) == (how == "copy")


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_data_set_keeps_its_shared_weights(how: str) -> None:
    graph = logistic.dataset_loss([[1.0, 2.0], [-0.5, 0.25], [3.0, 0.0]], [1, 0, 1], [0.5, -0.25], 0.1)
    twin = COPIES[how](graph)
    assert logistic.mean_gradient(twin) == logistic.mean_gradient(graph)
    assert [sample.x[1].data for sample in twin.samples] == [2.0, 0.25, 0.0]
    assert all(sample.w == twin.w and sample.b is twin.b for sample in twin.samples)
    assert all(
        logistic.components(one) == logistic.components(other)
        for one, other in zip(twin.samples, graph.samples, strict=True)
    )


def test_what_is_copied_beside_a_graph_stays_shared_with_it() -> None:
    graph = logistic.sample_loss([1.0], 1, [0.5], 0.1)
    z, twin, w = copy.deepcopy((graph.z, graph, graph.w[0]))
    assert (twin.z, twin.w[0]) == (z, w)
    twin, w = pickle.loads(pickle.dumps((graph, graph.w[0])))
    assert twin.w[0] is w


def test_a_data_set_goes_to_another_process() -> None:
    graph = logistic.dataset_loss([[1.0], [2.0]], [1, 0], [0.5], 0.1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_grad_of_first_weight, (graph,)) == _grad_of_first_weight(graph)


# ---- data sets ------------------------------------------------------------------------------------------------


def test_check_reports_the_worst_sample_and_how_much_was_checked() -> None:
    X, y = [[1.0], [2.0], [40.0]], [0, 1, 0]
    report = logistic.check(X, y, [1.0], 0.0, form="textbook")
    assert report.checked == 3 * 7
    assert report.worst is not None
    assert report.worst.point == 2
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
    assert all(row.ulp_of_terms <= len(y) + 7 for row in rows)


def test_the_mean_gradient_bears_the_features_names_and_is_as_exact_as_its_terms() -> None:
    names = ["age", "dose"]
    X = [[Value(number, name) for number, name in zip(row, names, strict=True)] for row in ([1.0, 2.0], [1.0, -2.0])]
    rows = logistic.mean_gradient(logistic.dataset_loss(X, [1, 0], [0.0, 0.0], 0.0))
    assert [row.formula for row in rows] == ["mean (a - y)·age", "mean (a - y)·dose", "mean (a - y)"]
    assert [(row.autodiff, row.closed_form) for row in rows] == [(0.0, 0.0), (-1.0, -1.0), (0.0, 0.0)]
    assert [row.size for row in rows] == [0.75, 1.5, 0.75]


def test_the_mean_gradient_of_huge_features_does_not_overflow() -> None:
    rows = logistic.mean_gradient(logistic.dataset_loss([[1.7e308]] * 3, [1, 1, 1], [0.0], 0.0))
    assert rows[0].autodiff == pytest.approx(-0.85e308)
    assert rows[0].ulp_of_terms <= 10.0


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


@pytest.mark.parametrize(
    ("X", "y", "w", "message"),
    [
        (None, [1], [1.0], "X is None: one row per sample"),
        (5, [1], [1.0], "X is 5: one row per sample"),
        (numpy.ones(2), [1, 0], [1.0], r"X has the shape \(2,\): one row .*X\.reshape\(-1, 1\)"),
        ([1.0, 2.0], [1, 0], [1.0], "sample 0: x is 1.0: a list with one number per feature"),
        ([[1.0], None], [1, 0], [1.0], "sample 1: x is None"),
        ([[1.0], [None]], [1, 0], [1.0], "sample 1: x1: a Value holds a real number, not None"),
        ([[1.0], [2.0]], ["B", "M"], [1.0], r"sample 0: the label is 'B': labels are 0 or 1 \(encode"),
        ([[1.0], [2.0]], numpy.ones((2, 1)), [1.0], r"y has the shape \(2, 1\): .*y\.ravel\(\)"),
        ([[1.0], [2.0]], None, [1.0], "y is None: a list with one label per sample"),
        ([[1.0], [2.0]], [[1], [0]], [1.0], r"sample 0: the label is \[1\]"),
        ([[1.0], [2.0]], [1, 0], 0.5, "w is 0.5: a list with one weight per feature"),
        ([[1.0], [2.0]], [1, 0], ["a"], "w1: a Value holds a real number, not 'a'"),
        ([[1.0], [2.0]], [1, 0], numpy.ones((1, 1)), r"w has the shape \(1, 1\)"),
    ],
)
def test_data_of_a_wrong_shape_or_kind_are_refused_with_what_is_wrong(X: Any, y: Any, w: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        logistic.check(X, y, w, 0.0)


class Frame:
    """As a data frame: iterating it gives the names of its columns."""

    def __init__(self, columns: dict[str, list[float]]) -> None:
        self.columns = columns

    def __iter__(self) -> Any:
        return iter(self.columns)

    def to_numpy(self) -> Any:
        return numpy.array(list(self.columns.values())).T


def test_a_data_frame_is_read_by_its_rows() -> None:
    graph = logistic.dataset_loss(Frame({"age": [1.0, 2.0], "dose": [3.0, 4.0]}), [1, 0], [0.5, 0.25], 0.0)
    assert [[x.data for x in sample.x] for sample in graph.samples] == [[1.0, 3.0], [2.0, 4.0]]


@pytest.mark.parametrize(
    "places", ["two weights", "a weight and the intercept", "a weight and a feature", "a weight and the label"]
)
def test_one_value_in_two_places_is_refused(places: str) -> None:
    one = Value(1.0, "one")
    w, b = ([one, one], 0.0) if places == "two weights" else ([one, 2.0], one if "intercept" in places else 0.0)
    x, y = [one if "feature" in places else 3.0, 4.0], one if "label" in places else 1
    with pytest.raises(DataError, match="one Value is used twice"):
        logistic.sample_loss(x, y, w, b)


def test_one_value_may_be_two_features() -> None:
    x = Value(1.5, "x")
    assert all(row.ulp <= 2.0 for row in logistic.components(logistic.sample_loss([x, x], 1, [0.5, 0.25], 0.0)))


def test_a_form_that_is_unknown_is_refused_before_anything_is_named() -> None:
    w = Value(0.5)
    with pytest.raises(DataError, match="'textbook' or 'logit', not 'probit'"):
        logistic.sample_loss([1.0], 1, [w], 0.0, form="probit")  # type: ignore[arg-type]
    assert w.name is None
    logistic.sample_loss([1.0], 1, [w], 0.0)
    assert w.name == "w1"


def test_descent_on_an_empty_data_set_is_refused_at_once() -> None:
    with pytest.raises(DataError, match="empty"):
        logistic.gradient_descent([], [])


@pytest.mark.parametrize("steps", [-1, 2.5, "3", None])
def test_descent_of_a_number_of_steps_that_is_none_is_refused_at_once(steps: Any) -> None:
    with pytest.raises(DataError, match="steps is a whole number from 0, not"):
        logistic.gradient_descent([[1.0]], [1], steps=steps)


@pytest.mark.parametrize(("rate", "told"), [(1e306, "mean L is (nan|inf)"), (math.inf, "w1 is (inf|nan)")])
def test_a_descent_that_diverges_says_so_and_where(rate: float, told: str) -> None:
    walk = logistic.gradient_descent([[100.0], [-3.0], [2.0]], [1, 0, 0], steps=10, rate=rate)
    with pytest.raises(DataError, match=f"the descent diverged: {told} after step [1-9]; the rate .* may be too large"):
        list(walk)


def test_a_feature_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="x1: a Value holds a real number, not 'a'"):
        logistic.sample_loss(["a"], 1, [1.0], 0.0)
