"""Derivatives of every kind and order, held against each other, against high precision and against other packages."""

from __future__ import annotations

import importlib
import itertools
import math
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import mpmath
import numpy
import pytest
from graphs import as_function, every_operation, random_graph, regular_graphs
from helpers import (
    EVERYDAY_DIGITS,
    SLOW_IN_MPMATH,
    definition,
    every_rule_in_time,
    everyday,
    few_or_all,
    jax_arithmetic,
    record,
    second_difference,
)

import microgrid
from microgrid import (
    DataError,
    InvalidValueError,
    Value,
    derivative,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    taylor,
    to_python,
    value_and_grad,
    vjp,
)
from microgrid.arithmetics.mpmath import MPMATH
from microgrid.arithmetics.series import Series, SparseVector
from microgrid.core.engine import as_value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import evaluate, pullback, topological_order
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

every_rule = pytest.mark.parametrize("name", RULES)


# ---- recorded graphs ------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_gradients_of_random_graphs_have_the_bits_of_backward() -> None:
    compared = 0
    for seed in range(1700):
        leaves, output = random_graph(seed)
        adjoints = pullback(output)
        for leaf, slope in zip(leaves, gradients(output, leaves), strict=True):
            expected = adjoints.get(leaf, 0.0)
            if math.isfinite(expected):  # elsewhere 0·inf may be nan, where a rule's own 0 contributes nothing here
                assert slope.data == expected
                compared += 1
    assert compared > 3000


def test_gradients_are_graphs_on_the_same_leaves() -> None:
    x, y = Value(0.5, "x"), Value(2.0, "y")
    slope = gradients(microgrid.exp(x * y), x)
    assert {node for node in topological_order(slope) if node.op is None} == {x, y}
    slope.backward()
    assert x.grad == y.data**2 * math.exp(1.0)
    namespace: dict[str, object] = {}
    exec(to_python(slope, [x, y]), namespace)
    assert namespace["f"]([0.5, 2.0]) == (slope.data, [x.grad, y.grad])  # type: ignore[operator]
    assert "∂" in microgrid.draw(slope).dot


def test_gradients_leave_every_grad_as_it_was() -> None:
    x = Value(3.0)
    x.grad = 5.0
    output = x**3
    gradients(output, x)
    assert (x.grad, output.grad) == (5.0, 0.0)


def test_gradients_with_respect_to_interior_nodes_and_to_the_output_itself() -> None:
    x = Value(3.0)
    square = x * x
    output = square.sin()
    by_square, by_x, by_itself = gradients(output, [square, x, output])
    assert by_square.data == math.cos(9.0)
    assert by_x.data == 6.0 * math.cos(9.0)
    assert by_itself.data == 1.0


def test_a_gradient_that_the_output_does_not_depend_on_is_a_constant_0() -> None:
    x, y = Value(1.0), Value(2.0)
    slope = gradients(x.exp(), y)
    assert slope.data == 0.0
    assert slope.is_constant
    assert gradients((x < y).record() * x, y).is_constant


def test_gradients_come_in_the_structure_of_wrt() -> None:
    w, b, c = Value(1.0), Value(2.0), Value(3.0)
    output = w * b * c
    slopes = gradients(output, {"w": [w, (b,)], "c": numpy.array([[c, w]])})
    assert slopes["w"][0].data == 6.0
    assert slopes["w"][1][0].data == 3.0
    assert slopes["c"].shape == (1, 2)
    assert slopes["c"][0, 1] is slopes["w"][0]


def test_a_gradient_of_a_deep_graph_needs_no_recursion() -> None:
    x = Value(0.5)
    output = x
    for _ in range(50_000):
        output = output * 1.0000001
    assert gradients(output, x).data == pytest.approx(math.exp(0.005), rel=1e-9)


@pytest.mark.parametrize("wrt", [3.0, [Value(1.0), 2.0], "x", None])
def test_gradients_with_respect_to_no_value_are_refused(wrt: object) -> None:
    with pytest.raises(InvalidValueError, match="a graph is differentiated with respect to Values of it, not"):
        gradients(Value(1.0) * 2.0, wrt)


def test_gradients_of_no_value_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"only a Value can be differentiated, not 3\.0"):
        gradients(3.0, Value(1.0))  # type: ignore[arg-type]


# ---- functions: every rule ------------------------------------------------------------------------------------


def _function_of(name: str) -> Callable[[Sequence[Any]], Any]:
    """A rule as a function of a list of numbers."""
    return lambda numbers: record(RULES[name], [as_value(number) for number in numbers])


def _varying(rule: Rule, operands: Sequence[float]) -> list[int]:
    return [place for place in range(len(operands)) if rule.arity is None or not rule.regions[place].constant]


def _with_constants_kept(name: str, operands: Sequence[float]) -> Callable[[Sequence[Any]], Any]:
    """The rule as a function of those operands that are differentiated."""
    varying = _varying(RULES[name], operands)

    def function(numbers: Sequence[Any]) -> Any:
        given = dict(zip(varying, numbers, strict=True))
        return _function_of(name)([given.get(place, operand) for place, operand in enumerate(operands)])

    return function


def _points(name: str, count: int) -> Iterator[tuple[Callable[[Sequence[Any]], Any], list[float]]]:
    """The rule's function and everyday operands for it."""
    for operands in everyday(RULES[name], count):
        if len(operands) <= 14:
            yield _with_constants_kept(name, operands), [operands[place] for place in _varying(RULES[name], operands)]


@every_rule
def test_forward_mode_agrees_with_reverse_mode(name: str) -> None:
    for function, numbers in _points(name, 3):
        slopes = grad(function)(numbers)
        for place, slope in enumerate(slopes):
            direction = [float(index == place) for index in range(len(numbers))]
            assert jvp(function)(numbers, direction) == pytest.approx(slope, rel=1e-15, abs=0.0)
        assert vjp(function)(numbers, 2.0) == pytest.approx([2.0 * slope for slope in slopes], rel=1e-15, abs=0.0)


@every_rule
def test_hessians_agree_with_high_precision_and_with_gradients_of_gradients(name: str) -> None:
    for function, numbers in _points(name, 2):
        matrix = hessian(function)(numbers)
        leaves = [Value(number) for number in numbers]
        rows = gradients(as_value(function(leaves)), leaves)
        for i, row in enumerate(rows):
            twice = [slope.data for slope in gradients(row, leaves)]
            assert matrix[i] == pytest.approx(twice, rel=1e-13, abs=1e-13)
        _check_against_differences(name, numbers, matrix)


def _check_against_differences(name: str, numbers: Sequence[float], matrix: Sequence[Sequence[float]]) -> None:
    if RULES[name].constant_form is None and any(region.constant for region in RULES[name].regions):
        return  # the operands that are kept are not at hand here; gradients of gradients were compared above
    with mpmath.workdps(EVERYDAY_DIGITS):
        xs = [mpmath.mpf(number) for number in numbers]
        for i, j in itertools.product(range(len(xs)), repeat=2):
            reference = float(second_difference(definition(RULES[name]), xs, i, j))
            assert matrix[i][j] == pytest.approx(reference, rel=1e-12, abs=1e-13)


@every_rule
def test_derivatives_on_values_are_those_on_numbers(name: str) -> None:
    for function, numbers in itertools.islice(_points(name, 1), 3):
        matrix = hessian(function)([Value(number) for number in numbers])
        plain = hessian(function)(numbers)
        for row, plain_row in zip(matrix, plain, strict=True):
            assert [entry.data for entry in row] == pytest.approx(plain_row, rel=1e-13, abs=1e-14)

        def along(t: Any, f: Any = function, xs: Any = numbers) -> Any:
            return f([x * (1.0 + 0.1 * t) for x in xs])

        coefficients = taylor(along, Value(0.0), 3)
        assert [one.data for one in coefficients] == pytest.approx(taylor(along, 0.0, 3), rel=1e-13, abs=1e-14)


@every_rule_in_time
@pytest.mark.unmeasured
def test_taylor_coefficients_agree_with_high_precision(name: str) -> None:
    order = 4 if name in SLOW_IN_MPMATH else 7
    rule = RULES[name]
    value, _ = MPMATH.bind(rule)
    # Whole numbers besides: there, forms that are chosen by a sign or a size meet.
    whole = [(x,) for x in (0.0, 1.0, -1.0, 2.0) if rule.arity == 1 and rule.regions[0].low < x < rule.regions[0].high]
    for operands in (*everyday(rule, 1), *[one for one in whole if all([kink.at != one for kink in rule.kinks])]):
        if len(operands) > 6:
            continue
        varying = _varying(RULES[name], operands)
        rates = [0.3 + 0.2 * place if place in varying else 0.0 for place in range(len(operands))]

        def along(t: Any, operands: Any = operands, rates: Any = rates) -> Any:
            return [x + rate * t if rate else x for x, rate in zip(operands, rates, strict=True)]

        found = taylor(lambda t, along=along: _function_of(name)(along(t)), 0.0, order)
        with mpmath.workdps(EVERYDAY_DIGITS):
            start = [mpmath.mpf(x or 1e-100) for x in operands]  # sin(x)/x has no value at 0
            exact = [mpmath.mpf(rate) for rate in rates]
            reference = mpmath.taylor(
                lambda t, s=start, e=exact: value(*[x + rate * t for x, rate in zip(s, e, strict=True)]), 0, order
            )
        assert found == pytest.approx([float(c) for c in reference], rel=1e-11, abs=1e-12)


@every_rule
def test_taylor_series_grow_with_the_order_and_not_faster(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def size(order: int) -> int:
        made: list[Series] = []
        start = Series.__init__

        def counted(series: Series, *args: Any, **more: Any) -> None:
            made.append(series)
            start(series, *args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Series, "__init__", counted)
            for function, numbers in itertools.islice(_points(name, 1), 3):
                taylor(lambda t, f=function, xs=numbers: f([x * (1.0 + 0.1 * t) for x in xs]), 0.0, order)
        return len(made)

    small, large = size(16), size(32)
    assert 0 < large <= 2 * small + 8


# ---- functions: random graphs over the whole table ------------------------------------------------------------


@pytest.mark.unmeasured
def test_random_graphs_agree_with_high_precision_to_third_order() -> None:
    """Gradients, Hessians, Hessian-vector products and third derivatives, each against mpmath's differences."""
    worst = dict.fromkeys(("gradient", "Hessian", "hvp", "third derivative"), 0.0)
    graphs, rules = 0, set()
    for leaves, output in regular_graphs(200):
        graphs += 1
        rules |= {node.op.name for node in topological_order(output) if node.op}
        numbers, direction = [leaf.data for leaf in leaves], [1.0, -0.5, 0.25, 2.0][: len(leaves)]
        found = _derivatives(as_function(leaves, output), numbers, direction)
        _see_worst(worst, found, _references(leaves, output, direction))
    print(f"\n{graphs} random graphs over {len(rules)} rules, worst relative errors: {worst}")
    assert graphs == 200
    assert len(rules) >= len(FUNCTIONS)
    assert max(worst.values()) < 1e-9


def _derivatives(
    function: Callable[..., Any], numbers: Sequence[float], direction: Sequence[float]
) -> dict[str, list[float]]:
    return {
        "gradient": grad(function)(numbers),
        "Hessian": [entry for row in hessian(function)(numbers) for entry in row],
        "hvp": hvp(function)(numbers, direction),
        "third derivative": [_third(function, numbers, direction)],
    }


def _see_worst(
    worst: dict[str, float], found: Mapping[str, Sequence[float]], references: Mapping[str, Sequence[float]]
) -> None:
    """Take the errors into account: relative, where an entry is not nothing beside the others of its kind."""
    for what, entries in found.items():
        scale = max(map(abs, references[what]))
        for entry, reference in zip(entries, references[what], strict=True):
            error = abs(entry - reference) / max(abs(reference), 1e-3 * scale, 1e-3)
            assert math.isfinite(error)
            worst[what] = max(worst[what], error)


def _third(function: Callable[..., Any], numbers: Sequence[float], direction: Sequence[float]) -> float:
    def along(t: Any) -> Any:
        return function([x + t * v for x, v in zip(numbers, direction, strict=True)])

    third: float = derivative(along, 3)(0.0)
    return third


def _references(leaves: Sequence[Value], output: Value, direction: Sequence[float]) -> dict[str, list[float]]:
    """Differences in high precision of the graph's values alone; no partial takes part."""
    with mpmath.workdps(60):
        step = mpmath.mpf(10) ** -12

        def at(moves: Sequence[Any]) -> Any:
            moved = {leaf: mpmath.mpf(leaf.data) + move for leaf, move in zip(leaves, moves, strict=True)}
            return evaluate([output], MPMATH, moved, constant=mpmath.mpf)[output]

        def unit(place: int) -> list[Any]:
            return [step * (index == place) for index in range(len(leaves))]

        def slope(at: Callable[[Sequence[Any]], Any], v: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
            return lambda x: (
                (at([a + b for a, b in zip(x, v, strict=True)]) - at([a - b for a, b in zip(x, v, strict=True)]))
                / (2 * step)
            )

        units = [unit(place) for place in range(len(leaves))]
        v = [step * mpmath.mpf(entry) for entry in direction]
        origin = [mpmath.mpf(0)] * len(leaves)
        return {
            "gradient": [float(slope(at, u)(origin)) for u in units],
            "Hessian": [float(slope(slope(at, u), w)(origin)) for u in units for w in units],
            "hvp": [float(slope(slope(at, u), v)(origin)) for u in units],
            "third derivative": [float(slope(slope(slope(at, v), v), v)(origin))],
        }


_GAMMAS = {"beta", "betaln", "digamma", "erfcx", "gamma", "lgamma", "log_ndtr", "polygamma", "trigamma"}


def _operations(case: tuple[Any, Value]) -> list[Any]:
    return [node for node in topological_order(case[1]) if node.op is not None]


@few_or_all
@pytest.mark.any_engine
@pytest.mark.unmeasured
def test_random_graphs_agree_with_jax(everything: bool) -> None:
    worst = dict.fromkeys(("gradient", "Hessian", "hvp", "third derivative"), 0.0)
    cases = list(regular_graphs(200))
    # The gamma functions' third derivatives are code that takes JAX minutes, and gigabytes, to compile.
    cases = [case for case in cases if not _GAMMAS & {node.op.name for node in _operations(case)}]
    cases = cases[:32] if everything else every_operation(cases)[:8]
    for start in range(0, len(cases), 8):
        some = cases[start : start + 8]
        for (leaves, output), references in zip(some, _jaxs_own(some, third=everything), strict=True):
            numbers = [leaf.data for leaf in leaves]
            found = _derivatives(as_function(leaves, output), numbers, _direction(leaves))
            _see_worst(worst, {what: found[what] for what in references}, references)
    print(f"\nagainst JAX, worst relative errors: {worst}")
    assert max(worst.values()) < 1e-9


def _direction(leaves: Sequence[Value]) -> list[float]:
    return [1.0, -0.5, 0.25, 2.0][: len(leaves)]


def _jaxs_own(cases: Sequence[tuple[list[Value], Value]], *, third: bool) -> list[dict[str, list[float]]]:
    """JAX's derivatives of each graph. All graphs are compiled as one: compiling each of their steps takes longer.

    The third derivatives take most of that time.
    """
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    numpy_of_jax = jax.numpy
    arithmetic = jax_arithmetic(jax)

    def derivatives(leaves: Sequence[Value], output: Value, x: Any) -> list[Any]:
        def peer(xs: Any) -> Any:
            values = {leaf: xs[place] for place, leaf in enumerate(leaves)}
            return evaluate([output], arithmetic, values)[output] + 0.0 * xs[0]

        v = numpy_of_jax.array(_direction(leaves))
        square = jax.hessian(peer)(x)
        along = jax.grad(jax.grad(jax.grad(lambda t: peer(x + t * v))))
        return [jax.grad(peer)(x), square.ravel(), square @ v, *([along(0.0).reshape(1)] if third else [])]

    points = [numpy_of_jax.array([leaf.data for leaf in leaves]) for leaves, _ in cases]
    found = jax.jit(lambda points: [derivatives(*case, x) for case, x in zip(cases, points, strict=True)])(points)
    names = ("gradient", "Hessian", "hvp", "third derivative")
    return [dict(zip(names, [array.tolist() for array in arrays], strict=False)) for arrays in found]


# ---- nesting --------------------------------------------------------------------------------------------------


def test_a_nested_derivative_does_not_confuse_the_two_variables() -> None:
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0 - 6.0 + 6.0
    assert derivative(lambda x: x * derivative(lambda y: x + y)(2.0))(5.0) == 1.0
    assert jvp(lambda x: x * jvp(lambda y: x * y)(x, 1.0))(3.0, 1.0) == 6.0
    assert grad(lambda x: hessian(lambda y: x * y**3)(x))(2.0) == 24.0
    assert derivative(lambda x: taylor(lambda y: x * y**3, x, 3)[2])(2.0) == 12.0
    assert grad(lambda x: jvp(lambda y: y**3)(2.0, x))(1.0) == 12.0
    assert grad(lambda x: x * grad(lambda y: x * y * y)(5.0))(2.0) == 40.0
    assert grad(lambda x: vjp(lambda y: y**3)(2.0, x))(1.0) == 12.0


@pytest.mark.parametrize("inner", [grad, derivative, hessian], ids=lambda one: one.__name__)
def test_derivatives_of_derivatives_agree_with_taylor(inner: Any) -> None:
    def function(x: Any) -> Any:
        return microgrid.tanh(x) * microgrid.exp(x * 0.5)

    orders = {"grad": 1, "derivative": 1, "hessian": 2}
    coefficients = taylor(function, 0.3, 4)
    expected = coefficients[orders[inner.__name__] + 1] * math.factorial(orders[inner.__name__] + 1)
    assert grad(inner(function))(0.3) == pytest.approx(expected, rel=1e-13)
    assert derivative(inner(function))(0.3) == pytest.approx(expected, rel=1e-13)


def test_plain_numbers_come_back_unless_a_value_is_involved() -> None:
    w = Value(2.0, "w")
    assert type(grad(lambda x: x * x)(3)) is float
    slope = grad(lambda x: w * x * x)(3.0)
    assert slope.data == 12.0
    slope.backward()
    assert w.grad == 6.0
    x = Value(3.0)
    curvature = hessian(lambda x: x[0] ** 3)([x])[0][0]
    curvature.backward()
    assert (curvature.data, x.grad) == (18.0, 6.0)
    value, slope = value_and_grad(lambda x: x**2)(x)
    assert (value.data, slope.data) == (9.0, 6.0)


def test_a_choice_stays_in_the_graph_of_a_derivative() -> None:
    x = Value(2.0)
    third = derivative(lambda x: microgrid.where(x > 0, x**4, -x), 3)(x)
    third.backward()
    assert (third.data, x.grad) == (48.0, 24.0)
    matrix = hessian(lambda v: microgrid.where(v[0] > v[1], v[0] ** 3 * v[1], v[1]))([x, 1.0])
    assert [[entry.data for entry in row] for row in matrix] == [[12.0, 12.0], [12.0, 0.0]]


# ---- what is given and what comes back ------------------------------------------------------------------------


def _mixed(x: Any, y: Any = 2.0, *, scale: Any = 1.0) -> Any:
    return x**2 * y * scale


def test_wrt_chooses_by_place_and_by_name() -> None:
    assert grad(_mixed)(3.0, 5.0) == 30.0
    assert grad(_mixed, wrt=1)(3.0, 5.0) == 9.0
    assert grad(_mixed, wrt=-1)(3.0, 5.0) == 9.0
    assert grad(_mixed, wrt="y")(3.0, 5.0) == 9.0
    assert grad(_mixed, wrt="y")(3.0, y=5.0) == 9.0
    assert grad(_mixed, wrt="scale")(3.0, 5.0, scale=1.0) == 45.0
    assert grad(_mixed, wrt=(0, "scale"))(3.0, 5.0, scale=1.0) == (30.0, 45.0)
    assert derivative(_mixed, 2, wrt="x")(3.0, 5.0) == 10.0


@pytest.mark.parametrize("wrt", ["z", 7, 2.0, True, ("x", "z")])
def test_an_argument_that_is_not_there_is_told(wrt: Any) -> None:
    with pytest.raises(DataError, match="wrt is"):
        grad(_mixed, wrt=wrt)(3.0, 5.0)


def test_results_come_in_the_structure_of_the_argument() -> None:
    def loss(p: Any) -> Any:
        return p["w"][0] * p["w"][1] ** 2 + p["b"]

    at = {"w": (2.0, 3.0), "b": 1.0}
    assert grad(loss)(at) == {"w": (9.0, 12.0), "b": 1.0}
    assert hessian(loss)(at)["w"][1]["w"] == (6.0, 4.0)
    assert hvp(loss)(at, {"w": (1.0, 0.0), "b": 0.0}) == {"w": (0.0, 6.0), "b": 0.0}
    point = namedtuple("point", "x y")  # noqa: PYI024
    assert grad(lambda p: p.x * p.y)(point(2.0, 3.0)) == point(3.0, 2.0)


def test_arrays_come_back_as_arrays() -> None:
    x = numpy.array([1.0, 2.0, 3.0])
    numpy.testing.assert_array_equal(grad(lambda x: x @ x)(x), 2.0 * x)
    numpy.testing.assert_array_equal(hessian(lambda x: (x @ x) * x[0])(x), [[6, 4, 6], [4, 2, 0], [6, 0, 2]])
    matrix = numpy.arange(6.0).reshape(2, 3)
    numpy.testing.assert_array_equal(jacobian(lambda x: matrix @ x)(x), matrix)
    numpy.testing.assert_array_equal(jvp(lambda x: matrix @ x)(x, x), matrix @ x)
    numpy.testing.assert_array_equal(vjp(lambda x: matrix @ x)(x, numpy.array([1.0, 2.0])), [6.0, 9.0, 12.0])
    assert jacobian(lambda x: matrix @ x)(x).dtype == float
    assert grad(lambda x: x.sum())(numpy.array([[1, 2], [3, 4]])).shape == (2, 2)
    assert isinstance(jacobian(lambda x: numpy.array([x["a"], x["a"] ** 2]))({"a": 3.0})[1], dict)
    assert grad(lambda x: x.sum())(numpy.array([Value(1.0), Value(2.0)])).dtype == object


def test_a_jacobian_is_the_same_by_either_mode() -> None:
    def tall(x: Any) -> Any:
        return [x[0] * x[1], microgrid.sin(x[0]), x[1] / x[0], 1.0]

    def wide(x: Any) -> Any:
        return (tall(x)[0] + tall(x)[2],)

    assert jacobian(tall)([2.0, 3.0]) == [[3.0, 2.0], [math.cos(2.0), 0.0], [-0.75, 0.5], [0.0, 0.0]]
    assert jacobian(wide)([2.0, 3.0]) == ([2.25, 2.5],)
    assert [vjp(tall)([2.0, 3.0], [float(i == j) for j in range(4)]) for i in range(4)] == jacobian(tall)([2.0, 3.0])


def test_a_function_that_ignores_its_argument_has_derivatives_0() -> None:
    assert grad(lambda _: 5.0)(1.0) == 0.0
    assert hessian(lambda _: 5.0)([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda _: 5.0, sparse=True)([1.0, 2.0]) == {}
    assert hvp(lambda x: x[0] * 2.0)([1.0], [1.0]) == [0.0]
    assert taylor(lambda _: 5.0, 1.0, 2) == [5.0, 0.0, 0.0]
    assert jvp(lambda x: [5.0, x])(1.0, 3.0) == [0.0, 3.0]


def test_order_0_is_the_value() -> None:
    assert taylor(microgrid.exp, 0.0, 0) == [1.0]
    assert derivative(microgrid.exp, 0)(0.0) == 1.0


def test_a_truth_counts_as_a_number() -> None:
    assert grad(lambda x: x > 0)(1.0) == 0.0


def test_ieee_numbers_come_through() -> None:
    assert grad(lambda x: 1.0 / x)(0.0) == -math.inf
    assert hessian(lambda x: 1.0 / x[0])([0.0]) == [[math.inf]]
    assert math.isnan(derivative(lambda x: microgrid.sqrt(x * x))(0.0))  # as backward has it: 0·inf
    assert derivative(microgrid.exp, 200)(0.0) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("make", [grad, value_and_grad, hessian, hvp, jvp, vjp, jacobian, derivative])
def test_a_derived_function_is_named_and_wants_a_function(make: Any) -> None:
    assert make(_mixed).__name__ == "_mixed"
    with pytest.raises(InvalidValueError, match=f"{make.__name__} takes a function"):
        make(3.0)


@pytest.mark.parametrize("make", [grad, hessian, lambda f: lambda x: hvp(f)(x, 1.0), derivative])
def test_a_function_that_returns_many_numbers_is_told_apart(make: Any) -> None:
    with pytest.raises(InvalidValueError, match="needs a function that returns one number, not 2; jacobian"):
        make(lambda x: [x, x])(1.0)


def test_wrong_input_is_told() -> None:
    with pytest.raises(InvalidValueError, match=r"a function that is differentiated returns numbers: .*'text'"):
        grad(lambda _: "text")(1.0)
    with pytest.raises(InvalidValueError, match="a Value holds a real number, not 'text'"):
        grad(lambda x: x)(["text"])
    with pytest.raises(InvalidValueError, match="one entry for each number of the argument: 2, not 1"):
        jvp(lambda x: x)([1.0, 2.0], [1.0])
    with pytest.raises(InvalidValueError, match="one entry for each number of the result: 1, not 2"):
        vjp(lambda x: x[0])([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(InvalidValueError, match="in one variable, and the argument has 2"):
        derivative(lambda x: x[0])([1.0, 2.0])
    for order in (-1, 1.5, True):
        with pytest.raises(DataError, match="is a whole number from 0"):
            taylor(microgrid.exp, 1.0, order)  # type: ignore[arg-type]
        with pytest.raises(DataError, match="n is a whole number from 0"):
            derivative(microgrid.exp, order)


# ---- what it costs --------------------------------------------------------------------------------------------


def _chain(x: Any) -> Any:
    total = 0.0
    for here, after in itertools.pairwise(x):
        total = total + microgrid.exp(here * after) * after
    return total


def _hub(x: Any) -> Any:
    return microgrid.sum([microgrid.sin(x[0] * other) for other in x[1:]])


@pytest.mark.parametrize("function", [_chain, _hub])
def test_a_sparse_hessian_costs_work_in_proportion_to_its_entries(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(n: int) -> tuple[int, int]:
        handled: list[int] = []
        start = SparseVector.__init__

        def counted(vector: SparseVector, entries: dict[Any, Any]) -> None:
            handled.append(len(entries))
            start(vector, entries)

        with monkeypatch.context() as patch:
            patch.setattr(SparseVector, "__init__", counted)
            entries = hessian(function, sparse=True)([0.1 + 0.001 * place for place in range(n)])
        return sum(handled), len(entries)

    (small, entries), (large, more_entries) = work(200), work(400)
    assert entries == 3 * 200 - 2
    assert more_entries == 3 * 400 - 2
    assert large <= 2.05 * small


def test_a_sparse_hessian_is_the_full_one() -> None:
    numbers = [0.1, 0.4, -0.3, 0.2]
    for function in (_chain, _hub):
        full, entries = hessian(function)(numbers), hessian(function, sparse=True)(numbers)
        for i, j in itertools.product(range(4), repeat=2):
            assert full[i][j] == entries.get((i, j), 0.0)
            assert full[i][j] == pytest.approx(full[j][i], rel=1e-15)


@pytest.mark.unmeasured
def test_deep_graphs_need_no_recursion() -> None:
    def deep(x: Any) -> Any:
        for _ in range(4_000):
            x = x + x * x * 1e-9
        return x

    assert hvp(deep)(1.0, 1.0) == pytest.approx(8e-6, rel=1e-3)
    assert hessian(deep)(1.0) == pytest.approx(8e-6, rel=1e-3)
    assert taylor(deep, 1.0, 2)[2] == pytest.approx(4e-6, rel=1e-3)


def test_a_high_order_of_a_fractional_power_needs_no_recursion() -> None:
    coefficients = taylor(lambda x: x**0.5, 1.0, 150)
    assert coefficients[150] == pytest.approx(float(mpmath.binomial(mpmath.mpf("0.5"), 150)), rel=1e-10)


# ---- a leaf that was changed ----


@pytest.mark.parametrize(
    "output", [lambda x, w: microgrid.exp(x) * microgrid.sin(x) * w, lambda x, w: w * x, lambda x, w: abs(x) * w + x]
)
def test_a_recorded_graph_is_not_differentiated_with_old_and_new_numbers_at_once(output: Any) -> None:
    x, w = Value(3.0, name="x"), Value(2.0, name="w")
    y = output(x, w)
    right = gradients(y, x).data
    x.data = -3.0
    with pytest.raises(DataError, match=r"x = -3\.0.* was recorded .* now: the data of a leaf was changed"):
        gradients(y, x)
    with pytest.raises(DataError, match=r"x = -3\.0.* the data of a leaf was changed"):
        microgrid.explain(y, wrt=x)
    y.backward()  # of recorded numbers alone
    assert x.grad == right
    again = output(x, w)  # recorded anew
    assert gradients(again, x).data == grad(lambda z: output(z, 2.0))(-3.0)
    x.data = 3.0
    assert gradients(y, x).data == right


def test_what_replays_a_graph_takes_the_numbers_that_its_leaves_have_now() -> None:
    x, w = Value(3.0, name="x"), Value(2.0, name="w")
    y = microgrid.exp(x) * w
    x.data, w.data = 0.0, 5.0
    assert microgrid.compile(y, [x]).value_and_grad(0.5) == (math.exp(0.5) * 5.0, [math.exp(0.5) * 5.0])
    namespace: dict[str, Any] = {}
    exec(microgrid.to_python(y, [x]), namespace)
    assert namespace["f"]([0.5]) == (math.exp(0.5) * 5.0, [math.exp(0.5) * 5.0])
