"""NumPy, SciPy and pandas: arrays of Values, arrays that are recorded as a whole, tables, and what optimizers take."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from numpy_expressions import EXPRESSIONS, PAGE, outcome, page
from scipy.optimize import curve_fit, least_squares, minimize, root

import microgrid
from microgrid import (
    DataError,
    InvalidValueError,
    OperationError,
    Value,
    ValueArray,
    dot,
    grad,
    hessian,
    hessp,
    hvp,
    jacobian,
    jvp,
    logsumexp,
    ravel,
    softplus,
    value_and_grad,
    vjp,
)

RNG = np.random.default_rng(5)
X = RNG.normal(size=(50, 3))
Y = RNG.integers(0, 2, 50).astype(float)
W = np.array([0.3, -0.5, 0.8])
A = np.eye(4) + 0.1 * RNG.normal(size=(4, 4))
NUMPYS_WORDS = re.compile(r"ufunc|dtype|callable|not supported|unsupported|could not be")


# ---- NumPy's functions on arrays of Values ------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_has_right_derivatives_or_is_refused_with_advice(name: str) -> None:
    assert not NUMPYS_WORDS.search(outcome(name).partition(": ")[2])


def test_the_page_of_functions_tells_what_works_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python tests/numpy_expressions.py writes it anew"


def test_numpys_functions_take_a_value_as_they_take_a_number() -> None:
    x: Any = Value(0.7)
    made = (np.hypot(3.0, x), np.logaddexp(0, x), np.interp(x, [0.0, 1.0], [0.0, 5.0]), np.float64(2.0) * x, np.sin(x))
    right = (np.hypot(3.0, 0.7), np.logaddexp(0, 0.7), 3.5, 1.4, np.sin(0.7))
    assert [one.data for one in made] == pytest.approx(list(right), rel=1e-15)
    assert isinstance(np.array([1.0, 2.0]) * x, ValueArray)
    assert isinstance(np.stack([x, x * x]), ValueArray)
    assert not np.isnan(x)
    assert np.where(True, x, 0.0).item() is x


def test_an_array_of_values_works_outside_of_transforms() -> None:
    x = ValueArray([[Value(2.0), Value(1.0)], [Value(1.0), Value(3.0)]])
    y = np.linalg.slogdet(x)[1] + np.sum(np.logaddexp(x, 0.0))
    y.backward()
    right = np.linalg.inv([[2.0, 1.0], [1.0, 3.0]]).T + 1 / (1 + np.exp([[-2.0, -1.0], [-1.0, -3.0]]))
    np.testing.assert_allclose([[one.grad for one in row] for row in x], right, rtol=1e-13)


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a plain array": (lambda x: np.linalg.det(np.array([[x[0], x[1]], [x[1], x[2]]])), "numpy.linalg.det .*ValueArray"),
    "a ufunc of a plain array": (lambda x: np.logaddexp(0.0, np.array([x[0], x[1]])).sum(), "logaddexp .*ValueArray"),
    "fft": (lambda x: np.fft.fft(x).sum(), "numpy.fft.fft .*complex"),
    "scipy.special": (lambda x: scipy.special.logsumexp(x), "scipy.special.logsumexp .*microgrid.logsumexp"),
    "scipy.linalg": (lambda x: scipy.linalg.expm(np.outer(x, x)).sum(), "scipy.linalg.expm .*series"),
    "scipy.stats": (lambda x: scipy.stats.norm.logpdf(x).sum(), "scipy.stats.logpdf"),
    "an option": (lambda x: np.cov(x, fweights=[1, 2, 3]), "numpy.cov .*fewer options.*fweights"),
}


@pytest.mark.filterwarnings("ignore:Calling expm with arguments of dtype=object:DeprecationWarning")  # of SciPy 1.18
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_names_what_to_use(name: str) -> None:
    f, told = REFUSED[name]
    with pytest.raises((OperationError, DataError), match=told):
        grad(f)(W)
    with pytest.raises((OperationError, DataError), match=told):
        microgrid.compile(f)(W)


def test_an_error_that_numbers_give_too_keeps_numpys_words() -> None:
    with pytest.raises(ValueError, match=r"aligned|mismatch"):
        grad(lambda x: np.sum(np.dot(x, np.ones(4))))(W)


def test_equality_on_an_array_is_of_numbers() -> None:
    f = lambda x: np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x)).sum()  # noqa: E731
    assert np.isfinite(grad(f)(np.array([0.0, 1.0, 2.0]))).all()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[0] if np.isnan(x[1] - x[2]) else x[1] * 2,
        lambda x: x[0] if np.isclose(x[1], x[2]) else x[1] * 2,
        lambda x: np.where(np.signbit(x), x, 2 * x).sum(),
        lambda x: np.linalg.slogdet(np.array([[1.0, 2.0], [3.0, 4.0]]) * ValueArray(x[:2]))[0] * x[0],
        lambda x: np.count_nonzero(x) * x[0] + np.quantile(x, 0.4) + np.interp(x[0], [0.0, 1.0], [0.0, 5.0]),
    ],
)
def test_what_numpy_decides_on_is_guarded_in_compiled_code(f: Callable[[Any], Any]) -> None:
    compiled = microgrid.compile(f)
    for x in ([1.0, 2.0, 3.0], [1.0, -2.0, -2.0], [0.0, 1.0, 1.0], [-1.0, 0.5, 2.0], [3.0, np.inf, np.inf]):
        with np.errstate(all="ignore"):
            right = float(f(np.array(x)))
        assert compiled(np.array(x)) == pytest.approx(right, nan_ok=True), x


def test_eigenvalues_are_right_to_second_order_and_in_compiled_code() -> None:
    def f(x: Any) -> Any:
        return np.linalg.eigvalsh(np.diag([1.0, 2.0, 4.0]) + np.outer(x, x))[1]

    step = 1e-5
    for x in (W, np.array([1e-9, 0.0, 1e-9])):
        second = [(grad(f)(x + h) - grad(f)(x - h)) / (2 * step) for h in step * np.eye(3)]
        np.testing.assert_allclose(hessian(f)(x), second, rtol=1e-5, atol=1e-6)
    compiled = microgrid.compile(lambda m: np.linalg.eigvalsh(m)[0])
    for matrix in ([[2.0, 0.0], [0.0, 1.0]], [[2.0, 0.7], [0.7, 1.0]], [[1.0, -3.0], [-3.0, 2.0]]):
        assert compiled(np.array(matrix)) == pytest.approx(np.linalg.eigvalsh(matrix)[0], rel=1e-13)


# ---- arrays that are recorded as a whole ----------------------------------------------------------------------------


def _softmax_loss(w: Any) -> Any:
    z = np.stack([X @ w, X @ w[::-1], X[:, 0] * w[1]], axis=1)
    p = np.exp(z - np.max(z, axis=1, keepdims=True))
    return -np.log((p / p.sum(axis=1, keepdims=True))[np.arange(50), np.arange(50) % 3]).mean()


def _in_place(w: Any) -> Any:
    z = X @ w
    z += 1.0
    z[3], z[z > 1] = 0.0, w[0]
    return (z * z).sum()


def _in_a_view(w: Any) -> Any:
    z = X @ w
    part = z[:10]
    part += 1.0
    return (z * z).sum()


def _steps(w: Any) -> Any:
    h = np.zeros(20) + w[0]
    for _ in range(10):
        h = np.tanh(0.5 * h + X[:20, 0] * w[1])
    return h @ h + np.sum(h[::2] * w[2])


def _element_by_element(w: Any) -> Any:
    z = X @ w
    return microgrid.sum([one * one for one in z]) + sum(np.exp(z[k]) for k in range(3)) * np.std(z)


WHOLE: dict[str, Callable[[Any], Any]] = {
    "logistic loss": lambda w: np.mean(np.logaddexp(0.0, X @ w) - Y * (X @ w)) + 0.01 * np.dot(w, w),
    "softmax loss": _softmax_loss,
    "written in place": _in_place,
    "written into a view": _in_a_view,
    "a recurrence": _steps,
    "elements": _element_by_element,
    "a branch that isn't taken": lambda w: np.where(X @ w > 0, np.sqrt(X @ w), 0.0).sum(),
    "standardised": lambda w: np.sum(((X @ w - np.mean(X @ w)) / np.std(X @ w)) ** 3) + w[0] ** 2,
    "microgrid's functions": lambda w: logsumexp(X @ w) + microgrid.sum(softplus(X @ w)) + dot(X @ w, Y),
    "a branch in Python": lambda w: np.sum(np.exp(X @ w)) if np.sum(X @ w) > 0 else np.sum(X @ w),
    "an array of no dimensions": lambda w: np.array(np.sum(np.tanh(X @ w)) ** 2),
    "matrices": lambda w: np.linalg.norm(np.tanh(np.outer(X[:, 0], w) @ np.ones((3, 4))).T @ X),
    "linear algebra": lambda w: (
        np.linalg.slogdet(A + np.outer(w[0] * A[0], w[1] * A[1]))[1]
        + np.linalg.det(A * w[0]) * np.sum(A @ A * w[1])
        + A[0] @ np.linalg.solve(A * w[1], A[1] * w[2])
        + np.sum(np.linalg.inv(A + w[2]) @ np.linalg.solve(A, A * w[0]))
    ),
    "elements of linear algebra": lambda w: np.linalg.solve(A * w[1], A[1] * w[2])[2] * np.linalg.inv(A * w[0])[0, 0],
    "chosen rows": lambda w: np.sum(np.concatenate([X @ w, w])[5:40:3] * np.roll(X @ w, 2)[:12]),
}


@pytest.mark.parametrize("name", WHOLE)
def test_derivatives_of_whole_arrays_are_those_of_their_elements(name: str) -> None:
    f = WHOLE[name]
    value, slopes = value_and_grad(f)(W)
    right, right_slopes = value_and_grad(f, precise=True)(W)
    assert value == pytest.approx(right, rel=1e-12)
    np.testing.assert_allclose(slopes, right_slopes, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(jvp(f)(W, [1.0, 2.0, 3.0]), right_slopes @ [1, 2, 3], rtol=1e-11, atol=1e-12)
    curvature = hessian(f, precise=True)(W)
    np.testing.assert_allclose(hessian(f)(W), curvature, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(hvp(f)(W, [1.0, 2.0, 3.0]), curvature @ [1, 2, 3], rtol=1e-9, atol=1e-9)
    assert np.isfinite(slopes).all()


@pytest.mark.unmeasured
def test_random_programs_of_whole_arrays_have_the_derivatives_of_their_elements() -> None:
    unary = (np.sin, np.exp, np.tanh, np.square, np.negative, np.arctan, lambda z: z[::-1], lambda z: np.roll(z, 3))
    binary = (np.add, np.subtract, np.multiply, np.hypot, np.maximum, lambda x, y: np.where(x > y, x, y * y))
    for seed in range(8):
        plan = np.random.default_rng(seed).integers(0, 1000, size=(6, 3))

        def f(w: Any, plan: Any = plan) -> Any:
            made = [X @ w, X[:, 0] * w[0], np.tanh(X[:, 1] + w[1])]
            for kind, one, other in plan.tolist():
                x, y = made[one % len(made)], made[other % len(made)]
                z = unary[kind % len(unary)](x) if kind % 2 else binary[kind % len(binary)](x, y)
                made.append(z / (1.0 + np.mean(z * z)))
            return np.sum(made[-1] * made[-2]) + np.max(made[-3])

        np.testing.assert_allclose(grad(f)(W), grad(f, precise=True)(W), rtol=1e-8, atol=1e-9, err_msg=str(seed))
        np.testing.assert_allclose(hvp(f)(W, W), hvp(f, precise=True)(W, W), rtol=1e-7, atol=1e-7, err_msg=str(seed))


EXTREMES: dict[str, Callable[[Any], Any]] = {
    "max": np.max,
    "min": np.min,
    "nanmax": np.nanmax,
    "reduce": np.minimum.reduce,
    "axes": lambda x: np.max(x.reshape(2, 3, -1), axis=(0, 1)).sum() / (x.size // 6),
    "where": lambda x: np.max(np.append(x, x + 1.0), where=np.arange(2 * x.size) < x.size, initial=-5.0),
    "norm": lambda x: np.linalg.norm(x, np.inf),
    "norm of a matrix": lambda x: np.linalg.norm(x.reshape(-1, 1), -np.inf),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_equal_elements_share_the_slope_of_the_largest_alike(name: str) -> None:
    f = EXTREMES[name]
    for size in (6, 24):
        at, alike = np.full(size, 1.5), np.full(size, 1.0 / size)
        for found in (grad(f)(at), grad(f, precise=True)(at), microgrid.compile(f).grad(at)):
            np.testing.assert_allclose(found, alike, rtol=1e-15)
        np.testing.assert_allclose(grad(f)(at + 0.5 * (np.arange(size) == 4)).sum(), 1.0, rtol=1e-15)


def test_norms_of_other_orders_are_powers() -> None:
    x = np.array([1.5, -0.5, 2.0])
    for order in (3, 0.5, -1):
        np.testing.assert_allclose(
            grad(lambda v, order=order: np.linalg.norm(v, order))(x),
            np.sign(x) * np.abs(x) ** (order - 1) * np.linalg.norm(x, order) ** (1 - order),
        )


def test_precise_gives_the_bits_of_backward() -> None:
    w = ValueArray([Value(number) for number in W])
    WHOLE["logistic loss"](w).backward()
    assert grad(WHOLE["logistic loss"], precise=True)(W).tolist() == [one.grad for one in w]


def test_a_function_is_called_each_time_so_that_nothing_from_outside_is_frozen() -> None:
    data, settings, calls = X.copy(), {"scale": 1.0}, []

    def f(w: Any) -> Any:
        calls.append(w)
        return settings["scale"] * np.sum(np.tanh(data @ w))

    slopes = grad(f)
    first = slopes(W)
    settings["scale"], data[:] = 2.0, 0.5 * data
    assert len(calls) == 1
    assert slopes(W).tolist() == grad(f)(W).tolist()
    np.testing.assert_allclose(slopes(W), data.T @ (2.0 / np.cosh(data @ W) ** 2), rtol=1e-12)
    assert slopes(W).tolist() != first.tolist()


def test_values_from_outside_keep_their_derivatives() -> None:
    scale = Value(2.0)
    for f in (lambda w: np.sum(np.exp(X @ w)) * scale, lambda w: np.sum(scale * np.exp(X @ w))):
        scale.grad = 0.0
        slopes = grad(f)(W)
        slopes[0].backward()
        assert scale.grad == pytest.approx(float(X[:, 0] @ np.exp(X @ W)), rel=1e-12)


def test_transforms_of_whole_arrays_nest() -> None:
    inner = lambda v: np.sum(np.exp(X @ v))  # noqa: E731
    right = hessian(inner)(W)[0]
    np.testing.assert_allclose(grad(lambda w: grad(inner)(w)[0])(W), right, rtol=1e-11)
    np.testing.assert_allclose(grad(lambda w: w[1] * grad(inner)(W)[0])(W), [0, grad(inner)(W)[0], 0], rtol=1e-11)
    assert jacobian(lambda w: np.tanh(X @ w))(W) == pytest.approx(X / np.cosh(X @ W)[:, None] ** 2, rel=1e-12)
    assert vjp(lambda w: np.tanh(X @ w))(W, Y) == pytest.approx(Y @ (X / np.cosh(X @ W)[:, None] ** 2), rel=1e-12)


def test_strict_names_the_node_also_where_arrays_are_large() -> None:
    with microgrid.strict(), pytest.raises(microgrid.NonFiniteError, match="log gave"):
        grad(lambda w: np.sum(np.log(X @ w * 0.0)))(W)


def test_a_whole_array_gives_no_plain_float_away() -> None:
    with pytest.raises(InvalidValueError, match="float"):
        grad(lambda w: float(np.sum(X @ w)))(W)


# ---- tables, and numbers as NumPy wraps them ------------------------------------------------------------------------


def test_a_series_keeps_its_labels() -> None:
    series = pd.Series([1.0, 2.0], index=["a", "b"], name="w")
    f = lambda w: w["a"] ** 2 * w["b"]  # noqa: E731
    compiled = microgrid.compile(f)
    for slopes in (grad(f)(series), compiled.grad(series)):
        pd.testing.assert_series_equal(slopes, pd.Series([4.0, 1.0], index=["a", "b"], name="w"))
    right = pd.DataFrame([[4.0, 2.0], [2.0, 0.0]], index=["a", "b"], columns=["a", "b"])
    for matrix in (hessian(f)(series), compiled.hessian(series)):
        pd.testing.assert_frame_equal(matrix, right)
    pd.testing.assert_series_equal(hvp(f)(series, series), pd.Series([8.0, 2.0], index=["a", "b"], name="w"))


def test_compiled_code_knows_a_series_from_an_array() -> None:
    compiled = microgrid.compile(lambda w: (w * w).sum())
    for _ in range(2):
        assert compiled.grad(pd.Series([1.0, 2.0], index=["a", "b"])).to_dict() == {"a": 2.0, "b": 4.0}
        assert compiled.grad(pd.Series([1, 2], index=["c", "d"])).to_dict() == {"c": 2.0, "d": 4.0}
        assert type(compiled.grad(np.array([1.0, 2.0]))) is np.ndarray


def test_a_frame_and_a_series_that_compiled_code_reads_may_change() -> None:
    frame, series = pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([3.0, 4.0])
    compiled = microgrid.compile(lambda x: x * frame["a"].iloc[1] * series[1])
    assert compiled(2.0) == 16.0
    frame["a"] = [1.0, 5.0]
    assert compiled(2.0) == 40.0
    series[1] = 1.0
    assert compiled(2.0) == 10.0


def test_a_frame_is_an_argument_and_may_be_data() -> None:
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["u", "v"])
    f = lambda d: (d["u"] * d["v"]).sum()  # noqa: E731
    right = pd.DataFrame([[2.0, 1.0], [4.0, 3.0]], columns=["u", "v"])
    pd.testing.assert_frame_equal(grad(f)(frame), right)
    pd.testing.assert_frame_equal(microgrid.compile(f).grad(frame), right)
    assert hessian(f)(frame).shape == (2, 2, 2, 2)
    table = pd.DataFrame(X)
    np.testing.assert_allclose(grad(lambda w: np.exp(table @ w).sum())(W), X.T @ np.exp(X @ W), rtol=1e-12)
    rows = microgrid.compile(lambda w, x, y: softplus(dot(w, x)) - y * dot(w, x), rows=("x", "y"))
    np.testing.assert_allclose(rows.grad(W, table, pd.Series(Y)), rows.grad(W, X, Y), rtol=0)


@pytest.mark.parametrize("x", [np.array(3.0), np.float64(3.0), np.float32(3.0), np.int64(3), 3])
def test_an_array_of_no_dimensions_is_a_number(x: Any) -> None:
    f = lambda x: np.array(x * x * x)  # noqa: E731
    compiled = microgrid.compile(f)
    assert (value_and_grad(f)(x), hessian(f)(x)) == ((27.0, 27.0), 18.0)
    assert (compiled(x), compiled.value_and_grad(x), compiled.hessian(x)) == (27.0, (27.0, 27.0), 18.0)


def test_an_array_of_one_element_is_an_array() -> None:
    f, x = lambda x: x**3, np.array([3.0])
    assert (grad(f)(x).tolist(), hessian(f)(x).tolist()) == ([27.0], [[18.0]])
    assert (microgrid.compile(f).grad(x).tolist(), microgrid.compile(f).hessian(x).tolist()) == ([27.0], [[18.0]])
    assert value_and_grad(lambda x: np.array([x[0] * x[0]]))(x)[0] == 9.0


# ---- what SciPy's optimizers take -----------------------------------------------------------------------------------


def _sample_loss(w: Any, x: Any, y: Any) -> Any:
    return softplus(dot(w, x)) - y * dot(w, x)


def _ridge(w: Any) -> Any:
    return 0.05 * dot(w, w)


def test_hessp_takes_the_direction_second() -> None:
    f = lambda x, scale: scale * x[0] ** 2 * x[1]  # noqa: E731
    x, direction = np.array([3.0, 2.0]), np.array([1.0, 10.0])
    right = hvp(f)(x, 2.0, direction)
    assert hessp(f)(x, direction, 2.0).tolist() == right.tolist()
    np.testing.assert_allclose(microgrid.compile(f).hessp(x, direction, 2.0), right, rtol=1e-15)
    loss = microgrid.compile(_sample_loss, rows=("x", "y"), reduce="mean", penalty=_ridge)
    found = minimize(loss.value_and_grad, np.zeros(3), (X, Y), "Newton-CG", jac=True, hessp=loss.hessp)
    assert found.success
    assert np.abs(loss.grad(found.x, X, Y)).max() < 1e-6


def test_ravel_leads_to_a_vector_and_back() -> None:
    tree = {"w": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": (0.5, [1])}
    vector, unravel = ravel(tree)
    assert vector.tolist() == [1.0, 2.0, 3.0, 4.0, 0.5, 1.0]
    assert unravel(vector)["w"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    f = lambda v: np.sum(unravel(v)["w"] ** 2) * unravel(v)["b"][0]  # noqa: E731
    right = [1.0, 2.0, 3.0, 4.0, 30.0, 0.0]
    assert grad(f)(vector).tolist() == right
    assert microgrid.compile(f).grad(vector).tolist() == right
    with pytest.raises(InvalidValueError, match="6 numbers, and the vector 5"):
        unravel(vector[:5])


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_a_penalty_counts_once_in_every_derivative(reduce: str) -> None:
    f = lambda w, b, x, y: softplus(dot(w, x) + b) - y * (dot(w, x) + b)  # noqa: E731
    options: dict[str, Any] = {"rows": ("x", "y"), "wrt": ("w", "b"), "reduce": reduce}
    alone, both = microgrid.compile(f, **options), microgrid.compile(f, penalty=_ridge, **options)
    at = (W, 0.1, X, Y)
    assert both(*at) - alone(*at) == pytest.approx(0.05 * W @ W, rel=1e-10)
    np.testing.assert_allclose(both.grad(*at)[0] - alone.grad(*at)[0], 0.1 * W, rtol=1e-10)
    assert both.grad(*at)[1] == alone.grad(*at)[1]
    np.testing.assert_allclose(both.hvp(*at, (W, 1.0))[0] - alone.hvp(*at, (W, 1.0))[0], 0.1 * W, rtol=1e-10)
    bound = both.bind(*at)
    bound.arguments["w"][:] = 0.5
    assert bound() == pytest.approx(both(np.full(3, 0.5), 0.1, X, Y), rel=1e-14)
    np.testing.assert_allclose(bound.gradient, np.append(*both.grad(np.full(3, 0.5), 0.1, X, Y)), rtol=1e-13)


def test_a_penalty_that_has_no_place_says_so() -> None:
    for options in ({}, {"rows": "x", "reduce": None}, {"rows": "w"}):
        with pytest.raises(DataError, match="a penalty"):
            microgrid.compile(_sample_loss, penalty=_ridge, **options)


def test_a_label_is_an_index_in_rows() -> None:
    def cross_entropy(matrix: Any, x: Any, label: Any) -> Any:
        z = matrix @ x
        return logsumexp(z) - z[label]

    matrix, labels = RNG.normal(size=(3, 3)), RNG.integers(0, 3, 50)
    compiled = microgrid.compile(cross_entropy, rows=("x", "label"))
    z = X @ matrix.T
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert compiled(matrix, X, labels) == pytest.approx(-np.log(p[np.arange(50), labels]).sum(), rel=1e-13)
    p[np.arange(50), labels] -= 1
    np.testing.assert_allclose(compiled.grad(matrix, X, labels), p.T @ X, rtol=1e-11, atol=1e-13)
    assert np.isnan(compiled(matrix, X, np.full(50, 3)))
    with pytest.raises(InvalidValueError, match="ValueArray"):
        microgrid.compile(lambda x, label: [x[0], x[1]][label], rows=("x", "label"))(X, labels)


def test_jacobians_of_compiled_functions_serve_root_and_least_squares() -> None:
    equations = microgrid.compile(lambda x: np.stack([x[0] + x[1] ** 2 - 1, x[1] - x[0] ** 2]))
    found = root(equations, np.array([0.5, 0.5]), jac=equations.jacobian)
    np.testing.assert_allclose(equations(found.x), 0.0, atol=1e-10)
    assert equations.jacobian(np.array([1.0, 2.0])).tolist() == [[1.0, 4.0], [-2.0, 1.0]]
    assert microgrid.compile(lambda x: {"a": x[0] * x[1]}).jacobian([3.0, 2.0]) == {"a": [2.0, 3.0]}
    t = np.linspace(0.0, 4.0, 40)
    y = 2.5 * np.exp(-1.3 * t) + 0.5

    def model(t: Any, a: Any, b: Any, c: Any) -> Any:
        return a * microgrid.exp(-b * t) + c

    residual = microgrid.compile(lambda p, t, y: model(t, *p) - y, rows=("t", "y"), reduce=None)
    np.testing.assert_allclose(least_squares(residual, np.ones(3), jac=residual.grad, args=(t, y)).x, [2.5, 1.3, 0.5])
    curve = microgrid.compile(model, rows="t", wrt=("a", "b", "c"), reduce=None)
    slopes = lambda t, *p: np.column_stack(curve.grad(t, *p))  # noqa: E731
    np.testing.assert_allclose(curve_fit(curve, t, y, np.ones(3), jac=slopes)[0], [2.5, 1.3, 0.5])


@pytest.mark.parametrize("options", [{"rows": ("x", "z")}, {"wrt": "z"}, {"wrt": ("w", 7)}, {"static": "z"}])
def test_a_wrong_name_is_found_when_compiling(options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="_sample_loss takes no such argument; it takes w, x, y"):
        microgrid.compile(_sample_loss, **options)
    microgrid.compile(lambda *args, **more: args[0] * more["z"], wrt="z")  # these may be any


@pytest.mark.any_engine  # of the native one: the flags of the other engines are those of Python's own floats
@pytest.mark.parametrize("name", ["log", "sqrt", "exp", "reciprocal", "log1p", "arctanh", "square", "tanh"])
def test_numpy_reports_no_floating_point_fault_of_a_value(name: str) -> None:
    values = np.array([Value(number) for number in (0.0, 1e308, -1.0, -800.0, 5e-324, math.inf)], dtype=object)
    with np.errstate(all="raise"):
        getattr(np, name)(values)
        values * 10.0
        values**-0.5
        1.0 / values
