"""What the checker is given: points and gradients in structures, what f returns, and f with Values and with floats."""

# ruff: noqa: ARG005  # functions to be checked take what they are called with, needed or not

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import microgrid
from microgrid import DataError, Interval, Value, check_gradients
from microgrid.checking import Report, Verdict
from microgrid.checking.points import Point, derivatives, jacobian, sample_points, second_derivatives

Pair = namedtuple("Pair", ["u", "v"])  # noqa: PYI024  # a point may be one


def point_of(at: Any, f: Callable[..., Any] = lambda p: p, **options: Any) -> Point:
    (point,) = sample_points(f, at, 1, 0, **options)
    return point


def plain(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: f(float(x))  # a Value does not turn into a float


def wrong(report: Report) -> set[str]:
    return {one.name for one in report.judgements if one.verdict is Verdict.WRONG}


# ---- gradients by key and in order ------------------------------------------------------------------------------

NESTED = {"a": {"c": 1.0, "d": 2.0}, "b": [3.0, 4.0], "name": "n"}
FITTING: list[tuple[Any, Any, list[float]]] = [
    ((NESTED,), {"b": [3, 4], "a": {"d": 2, "c": 1}}, [1, 2, 3, 4]),
    ((NESTED,), {"p": {"b": [3, 4], "a": {"d": 2, "c": 1}, "name": None}}, [1, 2, 3, 4]),
    ((NESTED,), [1, 2, 3, 4], [1, 2, 3, 4]),
    ((NESTED,), numpy.array([[1.0], [2.0], [3.0], [4.0]]), [1, 2, 3, 4]),
    (numpy.ones((2, 2)), [[1, 2], [3, 4]], [1, 2, 3, 4]),
    (numpy.ones((2, 2)), numpy.array([1, 2, 3, 4]), [1, 2, 3, 4]),
    (numpy.ones((1, 3)), numpy.ones((3, 1)), [1, 1, 1]),
    (numpy.array(2.0), 5, [5]),
    (2.0, [[numpy.array([5.0])]], [5]),
    (2.0, Value(5.0), [5]),
    ((Pair(1.0, 2.0),), {"v": 2, "u": 1}, [1, 2]),
    ((Pair(1.0, 2.0),), Pair(1, 2), [1, 2]),
]


@pytest.mark.parametrize(("at", "gradient", "expected"), FITTING)
def test_a_gradient_fits_by_key_or_in_order(at: Any, gradient: Any, expected: list[float]) -> None:
    assert derivatives(gradient, point_of(at), "closed form") == expected


@pytest.mark.parametrize("order", [("w", "b"), ("b", "w")])
def test_arguments_are_told_apart_by_name(order: tuple[str, str]) -> None:
    def f(w: Any, b: Any) -> Any:
        return (w * w).sum() * b

    def closed_form(w: Any, b: Any) -> dict[str, Any]:
        slopes = {"w": 2 * w * b, "b": (w * w).sum()}
        return {name: slopes[name] for name in order}

    assert check_gradients(f, (numpy.array([1.0, 2.0]), 3.0), closed_form=closed_form)
    swapped = check_gradients(lambda p: p["a"] ** 2 * p["b"], ({"a": 2.0, "b": 3.0},), closed_form=_swapped)
    assert wrong(swapped) == {"df/dp[a]", "df/dp[b]"}


def _swapped(p: dict[str, float]) -> dict[str, float]:
    return {"a": p["a"] ** 2, "b": 2 * p["a"] * p["b"]}


@pytest.mark.parametrize(
    ("at", "gradient", "message"),
    [
        ((NESTED,), {"b": [3, 4], "a": {"d": 2}}, r"no derivative for 'c' of p\[a\]: there are 'd'"),
        (
            (NESTED,),
            {"b": [3, 4], "a": {"c": 1, "d": 2, "z": 3}},
            r"for 'z' of p\[a\], and there is no such coordinate",
        ),
        ((NESTED,), {"b": [3], "a": {"d": 2, "c": 1}}, r"gave 1 entries for p\[b\], which has 2 elements"),
        ((NESTED,), {"b": [3, None], "a": {"d": 2, "c": 1}}, r"gave None for p\[b\]\[1\], which is a coordinate"),
        ((NESTED,), {"b": 3, "a": {"d": 2, "c": 1}}, r"gave 3 for p\[b\], which has 2 elements"),
        ((NESTED,), None, "gave 0 derivatives, and the point has 4 coordinates"),
        (
            numpy.ones((2, 3)),
            numpy.ones((3, 2)),
            r"an array of shape \(3, 2\) for p, which is an array of shape \(2, 3\)",
        ),
        (numpy.ones(2), {"a": 1.0, "b": 2.0}, r"gave a dict for p, which is an array of shape \(2,\)"),
        (numpy.ones(2), [[1.0], [2.0, 3.0]], "gave 3 derivatives"),
        (numpy.ones(2), numpy.ma.masked_array([1.0, 2.0], [False, True]), "a masked array"),
    ],
)
def test_a_gradient_that_does_not_fit_is_told_where(at: Any, gradient: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        derivatives(gradient, point_of(at), "closed form")


def test_keys_of_arguments_are_told_too() -> None:
    point = point_of((1.0, 2.0), lambda w, b: w)
    with pytest.raises(DataError, match="derivatives for 'W', and there is no such coordinate: the keys are 'w', 'b'"):
        derivatives({"W": 1.0, "b": 2.0}, point, "closed form")
    with pytest.raises(DataError, match="no derivative for 'w': there are 'b'"):
        derivatives({"b": 2.0}, point, "closed form")


def test_second_derivatives_come_as_a_matrix_or_by_keys_or_as_a_number() -> None:
    two = point_of((2.0, 3.0), lambda x, y: x)
    for matrix in ([[1, 2], (2, 4)], numpy.array([[1, 2], [2, 4]]), {"y": [2, 4], "x": {"y": 2, "x": 1}}):
        assert second_derivatives(matrix, two, "closed form") == [[1, 2], [2, 4]]
    for number in (3.0, [3.0], numpy.array([[3.0]]), {"p": {"p": 3.0}}):
        assert second_derivatives(number, point_of(2.0), "closed form") == [[3.0]]
    assert check_gradients(lambda x: microgrid.sin(x), 1.0, order=2, closed_form=lambda x: -math.sin(x))
    assert not check_gradients(lambda x: microgrid.sin(x), 1.0, order=2, closed_form=lambda x: math.sin(x))


# ---- which arguments are parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize("wrt", ["x", 0, ("x",), [0]])
def test_arguments_that_are_no_parameters_are_passed_as_they_are(wrt: Any) -> None:
    def power(x: Any, n: int) -> Any:
        assert type(n) is int
        return x**n

    for gradient in (lambda x, n: n * x ** (n - 1), lambda x, n: (n * x ** (n - 1), None)):
        report = check_gradients(power, (2.0, 3), wrt=wrt, closed_form=gradient)
        assert report, report
        assert {one.name for one in report.judgements} == {"dpower/dx"}
    assert f"wrt={wrt!r}" in check_gradients(power, (2.0, 3), wrt=wrt).reproduce


@pytest.mark.parametrize("wrt", ["y", 2, -1, True, ["x", "q"]])
def test_an_argument_that_there_is_not_is_refused(wrt: Any) -> None:
    with pytest.raises(DataError, match="is no argument of f at this point: x, n"):
        check_gradients(lambda x, n: x, (2.0, 3), wrt=wrt)


def test_an_argument_that_is_no_parameter_may_be_drawn() -> None:
    region = {"x": Interval(0, 1), "n": Interval(1, 2)}
    drawn = sample_points(lambda x, n: x, region, 5, 0, wrt="x")
    assert all(point.names == ("x",) and 1 <= point.template["n"] <= 2 for point in drawn)
    assert len({point.template["n"] for point in drawn}) == 5


# ---- points of other libraries ----------------------------------------------------------------------------------


class Tensor:
    """As much of torch's tensors as a check meets."""

    def __init__(self, numbers: Any, *, requires_grad: bool = True) -> None:
        self._numbers, self._requires_grad = numpy.array(numbers, dtype=float), requires_grad
        self.ndim, self.shape = self._numbers.ndim, self._numbers.shape

    def detach(self) -> Tensor:
        return Tensor(self._numbers, requires_grad=False)

    def cpu(self) -> Tensor:
        return self

    def numel(self) -> int:
        return self._numbers.size

    def size(self) -> tuple[int, ...]:
        return self.shape

    def item(self) -> float:
        return float(self._numbers.item())

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: Any) -> Tensor:
        return Tensor(self._numbers[place])

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        assert not self._requires_grad, "can't convert a tensor that requires a gradient: use detach()"
        return self._numbers


def _tensor_of_squares(x: Any) -> Tensor:
    return Tensor((numpy.asarray(x, dtype=float) ** 2).sum())


def test_arrays_of_other_libraries_are_converted() -> None:
    for factor in (2.0, 3.0):
        report = check_gradients(
            _tensor_of_squares, Tensor([1.0, 2.0]), closed_form=lambda x, factor=factor: Tensor(factor * x)
        )
        assert bool(report) is (factor == 2.0)
        assert {one.name for one in report.judgements} == {"d_tensor_of_squares/dx[0]", "d_tensor_of_squares/dx[1]"}


def test_arrays_of_jax_are_converted() -> None:
    jax = pytest.importorskip("jax")
    at = jax.numpy.array([1.0, 2.0])
    assert check_gradients(lambda x: (x * x).sum(), at, reference=jax.grad(lambda x: (x * x).sum()))


def test_series_and_frames_are_compared_by_label() -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([2.0, 3.0], index=["a", "b"])

    def f(p: Any) -> Any:
        return p["a"] ** 2 * p["b"]

    def right(p: Any) -> Any:
        return pandas.Series({"b": p["a"] ** 2, "a": 2 * p["a"] * p["b"]})

    assert check_gradients(f, series, closed_form=right)
    assert not check_gradients(f, series, closed_form=lambda p: right(p).set_axis(["a", "b"]))
    frame = pandas.DataFrame({"u": [1.0, 2.0], "label": ["x", "y"], "v": [3, 4]})
    products = check_gradients(
        lambda d: (d["u"] * d["v"]).sum(), frame, closed_form=lambda d: pandas.DataFrame({"v": d["u"], "u": d["v"]})
    )
    assert products, products
    assert "df/dd[u][1]" in {one.name for one in products.judgements}


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (numpy.ma.masked_array([1.0, 2.0], [False, True]), "p is a masked array"),
        (numpy.array([1j]), "p holds complex numbers"),
        (1j, "p is the complex number 1j"),
        (numpy.array([True, False]), "holds no number"),
        (numpy.array(["word"]), "holds no number"),
    ],
)
def test_points_without_real_numbers_are_refused(at: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        point_of(at)


def test_a_function_may_change_its_arguments() -> None:
    def greedy(x: Any, y: list[float]) -> float:
        x *= 2.0
        y[0] *= 2.0
        return float(x.sum()) * float(y.pop())

    assert check_gradients(greedy, (numpy.ones(2), [3.0]), closed_form=lambda x, y: (numpy.full(2, 12.0), [8.0]))


# ---- what f returns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_number_may_come_in_an_array(shape: tuple[int, ...]) -> None:
    def f(x: Any) -> Any:
        return numpy.full(shape, float(x) ** 2)

    assert check_gradients(f, 0.7, closed_form=lambda x: numpy.full(shape, 2 * x))
    assert not check_gradients(f, 0.7, closed_form=lambda x: numpy.full(shape, 3 * x))
    boxed = check_gradients(lambda x: [x * x], 0.7, order=2)
    assert boxed, boxed
    assert boxed.checked == 2


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_a_gradient_that_comes_with_the_value_is_checked(factor: float) -> None:
    for f in (lambda x: (x * x, factor * x), plain(lambda x: (x * x, factor * x))):
        report = check_gradients(f, 0.7)
        assert bool(report) is (factor == 2.0)
        assert {one.subject for one in report.judgements} >= {"closed form"}
    report = check_gradients(lambda x: ((x * x).sum(), factor * x), numpy.array([1.0, 2.0]))
    assert wrong(report) == (set() if factor == 2.0 else {"df/dx[0]", "df/dx[1]"})


def test_what_comes_beside_the_value_is_ignored_if_there_is_a_closed_form() -> None:
    for beside in (None, 7.0, {"steps": 3}):
        assert check_gradients(lambda x, b=beside: (x * x, b), {"x": 0.7}, closed_form=lambda x: 2 * x)
    with pytest.raises(DataError, match="the gradient that f returns gave 2 derivatives"):
        check_gradients(lambda x: (x * x, [1.0, 2.0]), 0.7)


def test_several_numbers_are_checked_against_their_jacobian() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y, x + y, x * x

    report = check_gradients(f, (2.0, 3.0), closed_form=lambda x, y: [[y, x], [1.0, 1.0], [2 * x, 0.0]])
    assert report, report
    assert report.checked == 12
    report = check_gradients(f, (2.0, 3.0), closed_form=lambda x, y: [[y, x], [1.0, 1.1], [2 * x, 0.0]])
    assert wrong(report) == {"df[1]/dy"}
    sines = check_gradients(
        lambda x: numpy.sin(numpy.asarray(x, dtype=float)),
        numpy.ones(2),
        closed_form=lambda x: numpy.diag(numpy.cos(x)),
    )
    assert sines, sines
    assert check_gradients(lambda x: (x * x, 3 * x), 0.7, closed_form=lambda x: [2 * x, 3.0])


def test_a_jacobian_has_a_row_for_each_output() -> None:
    two = point_of((2.0, 3.0), lambda x, y: x)
    assert jacobian((numpy.ones(3), numpy.zeros(3)), two, 3, "closed form") == [[1.0, 0.0]] * 3
    with pytest.raises(DataError, match="gave 2 rows, and f has 3 outputs"):
        jacobian([[1.0, 2.0], [3.0, 4.0]], two, 3, "closed form")
    with pytest.raises(DataError, match="may be a row for each output or an array for each argument"):
        jacobian((numpy.ones(2), numpy.zeros(2)), two, 2, "closed form")


# ---- f with Values is another function --------------------------------------------------------------------------


def _truncated_exp(x: Any) -> float:
    try:
        return math.exp(x)
    except Exception:  # noqa: BLE001  # as it is found in the field
        return 1.7976931348623157e308


def _is_scalar(x: Any) -> bool:
    return numpy.isscalar(x)


OTHERS: dict[str, tuple[Callable[[Any], Any], Callable[[float], float]]] = {
    "an exception": (lambda x: 3 * x + _truncated_exp(x), lambda x: 3 + math.exp(x)),
    "a type": (lambda x: x**3 if isinstance(x, float) else x * x, lambda x: 3 * x * x),
    "a scalar": (lambda x: x * x * x if _is_scalar(x) else x * x, lambda x: 3 * x * x),
    "a dtype": (lambda x: x**3 if numpy.asarray(x).dtype == float else x * x, lambda x: 3 * x * x),
}


@pytest.mark.parametrize("name", OTHERS)
def test_where_values_take_another_way_the_floats_decide(name: str) -> None:
    f, slope = OTHERS[name]
    report = check_gradients(f, 0.5, closed_form=slope)
    assert report, report
    assert "f is another function with Values: it gives" in str(report)
    assert wrong(check_gradients(f, 0.5, closed_form=lambda x: 1.1 * slope(x))) == {"df/dx"}
    alone = check_gradients(f, 0.5)
    assert alone.verdict is Verdict.WRONG
    assert "autodiff was checked against the floats" in str(alone)


def test_rounding_makes_no_other_function() -> None:
    def softplus(x: Any) -> Any:
        return microgrid.softplus(x) if isinstance(x, Value) else math.log(1.0 + math.exp(x))

    for x in (1.0, -30.0, -40.0, 30.0):
        report = check_gradients(softplus, x)
        assert report, report
        assert not report.remarks
