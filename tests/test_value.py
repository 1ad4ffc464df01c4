"""Value: recording, backward, operators, comparisons, names, copies, strictness, and bad input."""

# ruff: noqa: SIM300  # a stand-in takes what the real one takes; operands are tried on either side

from __future__ import annotations

import contextvars
import copy
import gc
import math
import operator
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from helpers import record

import microgrid
from microgrid import Comparison, InvalidValueError, MicrogridError, NonFiniteError, Value, named, strict, where
from microgrid.core.graph import topological_order
from microgrid.core.rules import RULES


def _sign(number: float) -> float:
    return math.copysign(1.0, number)


# ---- backward -------------------------------------------------------------------------------------------------


def test_backward_twice_adds_up_at_leaves_and_not_inside() -> None:
    x, y = Value(2.0), Value(3.0)
    inner = x * y
    root = inner + x
    for times in (1, 2, 3):
        root.backward()
        assert (x.grad, y.grad) == (4.0 * times, 2.0 * times)
        assert (inner.grad, root.grad) == (1.0, 1.0)
    root.zero_grad()
    assert [node.grad for node in topological_order(root)] == [0.0] * 4
    root.backward()
    assert x.grad == 4.0


def test_a_leaf_of_micrograds_example_gets_1_2_3_not_1_3_6() -> None:
    x = Value(1.0)
    node = (x + 0.0) + 0.0
    grads = []
    for _ in range(3):
        node.backward()
        grads.append(x.grad)
    assert grads == [1.0, 2.0, 3.0]


def test_two_roots_that_share_nodes_add_up_at_the_leaves_only() -> None:
    x = Value(3.0)
    shared = x * x
    one, two = shared * 2.0, shared.exp()
    one.backward()
    two.backward()
    assert shared.grad == two.data
    assert x.grad == 2.0 * 6.0 + two.data * 6.0
    assert one.grad == 1.0


def test_backward_from_an_interior_node_then_from_its_child() -> None:
    x = Value(2.0)
    inner = x * x
    root = inner * inner
    inner.backward()
    root.backward()
    assert inner.grad == 8.0
    assert x.grad == 4.0 + 32.0


def test_backward_from_a_leaf_gives_1_and_adds_up() -> None:
    x = Value(2.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0
    x.zero_grad()
    assert x.grad == 0.0


def test_local_derivatives_are_frozen_when_leaf_data_changes() -> None:
    x: Any = Value(2.0)
    y: Any = Value(5.0)
    root = x * y + x**2
    x.data = 100.0
    y.data = 1
    assert type(y.data) is float
    root.backward()
    assert (x.grad, y.grad) == (5.0 + 4.0, 2.0)
    assert root.data == 14.0
    assert root.parents[0].partials == (5.0, 2.0)
    with pytest.raises(InvalidValueError):
        x.data = "a"
    assert x.data == 100.0


def test_a_training_step_in_micrograds_style() -> None:
    w = Value(0.0)
    for _ in range(200):
        loss = (w * 2.0 - 3.0) ** 2
        loss.zero_grad()
        loss.backward()
        w.data -= 0.05 * w.grad
    assert w.data == pytest.approx(1.5, rel=1e-12)


# ---- operators ------------------------------------------------------------------------------------------------

BINARY = (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow)
OTHERS = (3, 3.0, True, Fraction(3, 2), Decimal("1.5"), np.float64(3.0), np.float32(1.5), np.int64(3), np.bool_(True))


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: type(other).__name__)
@pytest.mark.parametrize("infix", BINARY)
def test_real_numbers_of_every_type_stand_on_either_side(infix: Callable[[Any, Any], Any], other: Any) -> None:
    v, number = Value(2.0), float(other)
    for node, data in ((infix(v, other), infix(2.0, number)), (infix(other, v), infix(number, 2.0))):
        assert type(node) is Value
        assert type(node.data) is float
        assert node.data == data
        assert all(type(partial) is float for partial in node.partials)
        constant = next(parent for parent in node.parents if parent is not v)
        assert constant.is_constant
        assert type(constant.data) is float
    assert not v.is_constant
    assert infix(v, other).op is (RULES["power"] if infix is operator.pow else infix(v, v).op)


def test_subtraction_division_and_negation_are_nodes_of_their_own() -> None:
    x, y = Value(1.0), Value(3.0)
    assert [(node.op, node.parents) for node in (x - y, x / y, -x, +x * y)] == [
        (RULES["sub"], (x, y)),
        (RULES["div"], (x, y)),
        (RULES["neg"], (x,)),
        (RULES["mul"], (x, y)),
    ]
    assert (x / y).data == 1.0 / 3.0
    assert +x is x
    assert math.copysign(1.0, (-Value(0.0)).data) == -1.0


@pytest.mark.parametrize("bad", ["a", None, [1.0], b"1", object()], ids=lambda bad: type(bad).__name__)
@pytest.mark.parametrize("infix", [*BINARY, operator.lt, operator.ge])
def test_operators_refuse_what_is_no_number(infix: Callable[[Any, Any], Any], bad: Any) -> None:
    v = Value(2.0)
    with pytest.raises(TypeError):
        infix(v, bad)
    with pytest.raises(TypeError):
        infix(bad, v)
    assert v.parents == ()


@pytest.mark.parametrize("infix", BINARY)
def test_a_complex_number_or_one_too_large_gets_the_fix_in_the_message(infix: Callable[[Any, Any], Any]) -> None:
    v = Value(2.0)
    maximum: Callable[..., Any] = v.maximum
    for function, operands in ((infix, (v, 1 + 2j)), (infix, (1 + 2j, v)), (maximum, (1 + 2j,))):
        with pytest.raises(InvalidValueError, match=r"take \.real or \.imag"):
            function(*operands)
    for huge in (10**400, Fraction(10**400)):
        for pair in ((v, huge), (huge, v)):
            with pytest.raises((InvalidValueError, OverflowError), match=r"scale it first|too large"):
                infix(*pair)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("a", "holds a real number, not 'a' of type str"),
        ("1.0", "holds a real number"),
        (b"1", "of type bytes"),
        (None, "not None of type NoneType"),
        (1 + 2j, r"not the complex \(1\+2j\): take \.real or \.imag"),
        (np.complex128(1), "complex"),
        (np.array([1, 2]), r"not an array of shape \(2,\): make one Value per element"),
        (np.array([1.0]), r"shape \(1,\)"),
        (np.array(1 + 2j), "holds a real number"),
        (np.array("a"), "holds a real number"),
        (np.datetime64("2020"), "holds a real number"),
        (10**400, "too large for a float"),
        (Decimal("sNaN"), "holds a real number"),
        ([1.0], "of type list"),
        (Value(1.0), "use its .data, or the Value itself"),
        (np.array(Value(1.0)), "does not turn into a float by itself"),
    ],
    ids=lambda bad: repr(bad)[:30],
)
def test_a_value_of_what_is_no_real_number_is_refused(bad: Any, message: str) -> None:
    for call in (Value, lambda bad: setattr(Value(0.0), "data", bad)):
        with pytest.raises(InvalidValueError, match=message) as caught:
            call(bad)
        assert isinstance(caught.value, MicrogridError)
        assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "number", [3, True, 0.1, Fraction(1, 3), Decimal("0.1"), np.float32(0.1), np.int8(3), np.True_]
)
def test_a_value_of_any_real_number_holds_a_float(number: Any) -> None:
    assert type(Value(number).data) is float
    assert Value(number).data == float(number)
    assert type(Value(np.array(number)).data) is float


@pytest.mark.parametrize("function", [math.exp, math.log, math.sin, float, complex, math.isfinite])
def test_functions_of_math_fail_and_name_the_ones_of_the_package(function: Callable[[Any], Any]) -> None:
    with pytest.raises(InvalidValueError, match=r"microgrid\.exp"):
        function(Value(1.0))


def test_functions_of_the_package_take_plain_numbers_and_refuse_the_rest() -> None:
    assert type(microgrid.exp(0)) is float
    assert microgrid.log(0.0) == -math.inf
    assert microgrid.maximum(1, Fraction(5, 2)) == 2.5
    nothing: list[float] = []
    assert microgrid.sum(nothing) == 0.0
    assert microgrid.dot(nothing, nothing) == 0.0
    assert microgrid.logsumexp(nothing) == -math.inf
    assert microgrid.sum(range(4)) == 6.0
    with pytest.raises(InvalidValueError, match="not 'a' of type str"):
        microgrid.exp("a")  # type: ignore[call-overload]
    with pytest.raises(InvalidValueError, match="not 'a' of type str"):
        microgrid.sum([Value(1.0), "a"])  # type: ignore[list-item]
    with pytest.raises(InvalidValueError, match="not 'a' of type str"):
        Value(1.0).maximum("a")  # type: ignore[arg-type]
    told = "exp takes 1 operands, not 2" if microgrid.engine == "plain" else r"exp.*argument"
    with pytest.raises(TypeError, match=told):
        microgrid.exp(1.0, 2.0)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="sum takes 1 lists of operands, not 2"):
        microgrid.sum([1.0], [2.0])  # type: ignore[call-overload]
    with pytest.raises(InvalidValueError, match="dot needs lists of one length, not of 1 and 2"):
        microgrid.dot([1.0], [Value(1.0), 2.0])
    with pytest.raises(TypeError):
        microgrid.sum(Value(1.0))  # type: ignore[call-overload]


def test_n_ary_rules_are_one_node_for_any_number_of_operands() -> None:
    leaves = [Value(float(i)) for i in range(7)]
    total = microgrid.sum(leaves)
    assert total.parents == tuple(leaves)
    assert total.partials == (1.0,) * 7
    product = microgrid.dot(leaves, [2.0] * 7)
    assert product.parents[:7] == tuple(leaves)
    assert product.data == 42.0
    product.backward()
    assert [leaf.grad for leaf in leaves] == [2.0] * 7
    assert microgrid.sum(iter(leaves)).data == 21.0
    assert microgrid.sum([leaves[3]]).parents == (leaves[3],)


# ---- pow ------------------------------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("x", "y", "data", "by_x", "by_y"),
    [
        (0.0, 0.0, 1.0, 0.0, 0.0),
        (-0.0, 0.0, 1.0, 0.0, 0.0),
        (5e-324, 0.0, 1.0, 0.0, math.log(5e-324)),
        (0.0, 0.5, 0.0, INF, 0.0),
        (0.0, 1.0, 0.0, 1.0, 0.0),
        (0.0, 2.0, 0.0, 0.0, 0.0),
        (0.0, -1.0, INF, -INF, -INF),
        (2.0, 0.0, 1.0, 0.0, math.log(2.0)),
        (-2.0, 3.0, -8.0, 12.0, NAN),
        (-2.0, 0.0, 1.0, 0.0, NAN),
        (-8.0, 0.5, NAN, NAN, NAN),
        (1.0, INF, 1.0, INF, 0.0),
        (INF, 2.0, INF, INF, INF),
        (INF, -1.0, 0.0, 0.0, 0.0),
        (INF, 0.0, 1.0, 0.0, INF),
        (10.0, 400.0, INF, INF, INF),
        (0.1, 400.0, 0.0, 0.0, 0.0),
    ],
)
def test_pow_at_its_corners(x: float, y: float, data: float, by_x: float, by_y: float) -> None:
    node = Value(x) ** Value(y)
    assert node.op is RULES["pow"]
    assert type(node.data) is float
    assert (node.data, *node.partials) == pytest.approx((data, by_x, by_y), nan_ok=True)
    constant = Value(x) ** y
    assert constant.op is RULES["power"]
    assert (constant.data, *constant.partials) == pytest.approx((data, by_x, 0.0), nan_ok=True)


def test_a_negative_base_is_regular_with_a_constant_integer_exponent() -> None:
    x = Value(-2.0)
    for exponent, slope in ((1, 1.0), (2, -4.0), (3, 12.0), (-1, -0.25), (-2, 0.25)):
        node = x**exponent
        assert node.data == (-2.0) ** exponent
        assert node.partials == (slope, 0.0)
    with pytest.raises(TypeError):
        pow(x, 2, 5)  # type: ignore[call-overload]


# ---- saturation, nan, zeros -----------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [37.0, 710.0, 745.0, 1e3, 1e308])
def test_saturation_has_its_limits_and_no_nan(x: float) -> None:
    decay = math.exp(-x)
    for sign in (1.0, -1.0):
        v = Value(sign * x)
        high = sign > 0
        assert v.sigmoid().data == pytest.approx(1.0 if high else decay, rel=1e-15)
        assert v.sigmoid().partials == pytest.approx((decay,), rel=1e-15, abs=0.0)
        assert v.tanh().data == sign
        assert v.tanh().partials == pytest.approx((4.0 * math.exp(-x) * math.exp(-x),), rel=1e-13, abs=5e-324)
        assert v.softplus().data == pytest.approx(x if high else decay, rel=1e-15, abs=0.0)
        assert v.softplus().partials == pytest.approx((1.0 if high else decay,), rel=1e-15)
        for node in (microgrid.logaddexp(v, 0.0), microgrid.logsumexp([v, 0.0])):
            assert node.data == pytest.approx(x if high else decay, rel=1e-15, abs=0.0)
            own, other = (1.0, decay) if high else (decay, 1.0)
            assert node.partials == pytest.approx((own, other), rel=1e-13, abs=0.0)


@pytest.mark.parametrize("x", [37.0, 1e3, 1e308, -1e308])
def test_the_shares_of_equal_operands_are_equal_however_large(x: float) -> None:
    assert microgrid.logaddexp(Value(x), Value(x)).partials == (0.5, 0.5)
    assert microgrid.logsumexp([Value(x)] * 4).partials == (0.25,) * 4
    assert microgrid.logsumexp([Value(x), Value(-INF)]).partials == (1.0, 0.0)
    assert microgrid.logaddexp(Value(-INF), Value(x)).partials == (0.0, 1.0)


def test_a_small_term_is_not_lost_beside_an_operand_of_0() -> None:
    assert microgrid.logsumexp([Value(0.0), Value(-40.0)]).data == math.exp(-40.0)
    assert microgrid.logsumexp([Value(-40.0), Value(-41.0), Value(0.0)]).data == math.exp(-40.0) + math.exp(-41.0)


def test_infinite_operands_of_logsumexp() -> None:
    assert microgrid.logsumexp([Value(-INF), Value(-INF)]).data == -INF
    assert microgrid.logsumexp([Value(INF), Value(1.0)]).data == INF
    assert microgrid.logaddexp(Value(-INF), Value(-INF)).data == -INF
    assert math.isnan(microgrid.logsumexp([Value(1.0), Value(NAN), Value(2.0)]).data)
    assert math.isnan(microgrid.logsumexp([Value(NAN), Value(1.0)]).data)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.arity in (1, 2)])
@pytest.mark.parametrize("place", [0, 1])
def test_nan_passes_through_value_and_partial(name: str, place: int) -> None:
    rule = RULES[name]
    operands = [Value(2.0), Value(3.0)][: rule.arity]
    place = place % len(operands)
    operands[place] = Value(NAN)
    node = record(rule, operands)
    if rule.operator in ("lt", "le") or name == "equal":
        assert node.data == 0.0  # a comparison with nan is false
        return
    assert math.isnan(node.data)
    if name in ("relu", "abs", "maximum", "minimum"):
        assert all(map(math.isnan, node.partials))


def test_zero_times_infinity_signed_zeros_and_subnormals() -> None:
    assert math.isnan((Value(0.0) * INF).data)
    node = Value(0.0) * Value(INF)
    node.backward()
    assert [parent.grad for parent in node.parents] == [INF, 0.0]
    assert _sign((Value(-0.0) * 3.0).data) == -1.0
    assert _sign((Value(-0.0) + 0.0).data) == 1.0
    assert _sign(Value(-0.0).sin().data) == -1.0
    assert _sign(microgrid.sum([Value(-0.0)]).data) == -1.0
    assert _sign(microgrid.relu(Value(-0.0)).data) == 1.0
    tiny = Value(5e-324)
    assert (tiny + tiny).data == 1e-323
    assert (tiny / 2.0).data == 0.0
    assert tiny.tanh().data == tiny.expm1().data == tiny.log1p().data == 5e-324
    assert (tiny / tiny).data == 1.0
    assert (1.0 / tiny).data == INF


def test_a_partial_of_zero_meets_no_infinity_at_a_kink() -> None:
    x = Value(0.0)
    (x.relu() + abs(x) + x.maximum(0.0) + x**0).backward()
    assert x.grad == 0.5


# ---- NumPy ----------------------------------------------------------------------------------------------------


def test_arrays_on_either_side_give_arrays_of_values() -> None:
    v, numbers = Value(2.0), np.array([1.0, 4.0])
    for infix in BINARY:
        for result, expected in (
            (infix(v, numbers), infix(2.0, numbers)),
            (infix(numbers, v), infix(numbers, 2.0)),
        ):
            assert result.dtype == object
            assert [node.data for node in result] == list(expected)
            assert all(type(node.data) is float for node in result)


def test_scalars_of_numpy_and_arrays_of_no_dimension_give_a_value() -> None:
    v = Value(2.0)
    for other in (np.float64(3.0), np.array(3.0), np.float32(3.0), np.int64(3), np.array(Value(3.0))):
        for node in (v * other, other * v, v**other, other**v, v - other, other - v):
            assert type(node) is Value
            assert type(node.data) is float
    assert microgrid.exp(np.array(v)).parents == (v,)
    assert type(microgrid.exp(np.array(0.0))) is float
    assert type(microgrid.exp(np.float64(0.0))) is float
    assert type(microgrid.maximum(v, np.array(1.0)).data) is float


UNARY_OF_NUMPY = ("exp", "log", "sqrt", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "expm1", "log1p", "abs")


@pytest.mark.parametrize("name", UNARY_OF_NUMPY)
def test_functions_of_numpy_work_on_arrays_of_values(name: str) -> None:
    numbers = np.array([0.25, 0.5])
    values = np.array([Value(x) for x in numbers])
    result = getattr(np, name)(values)
    assert [node.data for node in result] == pytest.approx(list(getattr(np, name)(numbers)), rel=1e-15)
    assert [node.parents[0] for node in result] == list(values)


def test_binary_functions_of_numpy_and_products_of_arrays_work() -> None:
    a, b = np.array([Value(3.0), Value(5.0)]), np.array([Value(4.0), Value(12.0)])
    assert [node.data for node in np.hypot(a, b)] == [5.0, 13.0]
    assert [node.op.name for node in np.arctan2(a, b)] == ["atan2", "atan2"]
    assert [node.data for node in np.arctan2(a, 2.0)] == [math.atan2(3.0, 2.0), math.atan2(5.0, 2.0)]
    assert (a @ b).data == 72.0
    assert (a @ np.array([1.0, 2.0])).data == 13.0
    assert (np.array([[1.0, 2.0], [0.0, 1.0]]) @ a)[0].data == 13.0
    assert np.sum(a).data == 8.0
    assert np.linalg.norm(b).data == pytest.approx(math.hypot(4.0, 12.0), rel=1e-15)
    (a @ b).backward()
    assert [node.grad for node in a] == [4.0, 12.0]


def test_functions_of_the_package_map_over_arrays() -> None:
    a = np.array([[Value(1.0), 2.0], [3, Value(4.0)]], dtype=object)
    assert microgrid.exp(a).shape == (2, 2)
    assert type(microgrid.exp(a)[0, 1]) is float
    assert [node.data for node in microgrid.maximum(a[[0, 1], [0, 1]], np.array([2.0, 2.0]))] == [2.0, 4.0]
    assert [node.op.name for node in microgrid.atan2(2.0, a[[0, 1], [0, 1]])] == ["atan2", "atan2"]
    two: Any = Value(2.0)
    pair = two.maximum(np.array([1.0, 3.0]))
    assert [node.data for node in pair] == [2.0, 3.0]
    assert microgrid.sum(a[0]).data == 3.0
    assert microgrid.exp(np.array([0.0, 1.0]))[0] == 1.0
    with pytest.raises(InvalidValueError, match="array of shape"):
        microgrid.sum(a)


def test_comparison_with_arrays_gives_truths() -> None:
    numbers = np.array([1.0, 2.0, 3.0])
    v: Any = Value(2.0)
    assert (v < numbers).tolist() == [False, False, True]
    assert (numbers <= v).tolist() == [True, True, False]
    assert (np.array([Value(1.0), Value(3.0)]) > v).tolist() == [False, True]
    assert [node.data for node in np.sort(np.array([Value(3.0), Value(1.0)]))] == [1.0, 3.0]
    assert np.max(np.array([Value(3.0), Value(1.0)])).data == 3.0


# ---- comparisons ----------------------------------------------------------------------------------------------


def test_comparisons_go_by_data_and_equality_by_identity() -> None:
    x, y = Value(1.0), Value(1.0)
    assert x != y
    assert x == x
    assert x != operator.attrgetter("data")(x)
    assert len({x, y}) == 2
    assert x <= y
    assert x >= y
    assert not x < y
    assert not x > y
    assert x < 2
    assert 0 < x
    assert 2 >= x
    assert x > Fraction(1, 2)
    assert x < Decimal("1.5")
    assert 0 < x < 2
    values = [Value(v) for v in (3.0, 1.0, 2.0)]
    assert [v.data for v in sorted(values)] == [1.0, 2.0, 3.0]
    assert max(values) is values[0]
    assert min(values) is values[1]


def test_a_comparison_is_a_truth_that_can_be_shown_compared_and_hashed() -> None:
    x, y = Value(1.0, "x"), Value(2.0)
    answer = x < y
    assert isinstance(answer, Comparison)
    assert answer == True  # noqa: E712
    assert answer == (y > x)
    assert answer != (x > y)
    assert hash(answer) == hash(True)
    assert repr(answer) == "<x < 2.0 is True>"
    assert repr(x >= np.float64(3.0)) == "<3.0 ≤ x is False>"
    assert {True: "yes"}[answer] == "yes"  # type: ignore[index]
    x.data = 5.0
    assert answer  # decided at the moment of comparing


def test_a_comparison_with_nan_is_false() -> None:
    x = Value(NAN)
    for answer in (x < 1, x <= 1, x > 1, x >= 1, x < x, x <= x):
        assert not answer


def test_where_keeps_the_choice_in_the_graph() -> None:
    x, y = Value(-2.0), Value(7.0)
    node = where(x < 0, x * x, y)
    assert node.data == 4.0
    assert node.parents[0].op is RULES["less"]
    assert node.parents[0].parents[0] is x
    assert x in topological_order(node)
    node.backward()
    assert (x.grad, y.grad) == (-4.0, 0.0)
    assert where(x > 0, x, y).data == 7.0
    assert where(True, 1.0, 2.0) == 1.0
    assert where(x < 0, 1.0, 2.0).data == 1.0
    assert where(False, x, y).data == 7.0
    assert x.where(1.0, y).data == 1.0


def test_where_hides_what_is_not_finite_on_the_other_side() -> None:
    x = Value(0.0)
    node = where(x > 0, 1.0 / x, x * 3.0)
    assert node.data == 0.0
    assert node.partials == (0.0, 0.0, 1.0)


def test_a_comparison_counts_as_1_or_0_in_arithmetic() -> None:
    x, y, z = Value(1.0), Value(2.0), Value(5.0)
    cases: list[tuple[Any, float]] = [
        ((x < y) * z, 5.0),
        (z * (x < y), 5.0),
        ((x > y) * z, 0.0),
        ((x < y) * 2.0, 2.0),
        (1 - (x < y), 0.0),
        ((x < y) + (y < z), 2.0),
        (-(x < y), -1.0),
        (abs(x < y), 1.0),
        (z ** (x < y), 5.0),
        ((x < y) / 2, 0.5),
        (np.float64(3.0) * (x < y), 3.0),
        (microgrid.exp(x > y), 1.0),
        (microgrid.sum([x < y, x > y, z]), 6.0),
    ]
    for node, data in cases:
        assert type(node) is Value
        assert node.data == data
    masked = (x < y) * z
    masked.backward()
    assert (x.grad, y.grad, z.grad) == (0.0, 0.0, 1.0)
    with pytest.raises(TypeError):
        (x < y) + "a"  # type: ignore[operator]


# ---- names, repr, format --------------------------------------------------------------------------------------


def test_names_and_labels_are_one() -> None:
    v: Any = Value(2.0, name="w1")
    assert v.name == v.label == "w1"
    v.label = "other"
    assert v.name == "other"
    v.label = ""
    assert v.name is None
    assert v.label == ""
    assert Value(1.0, label="q").name == "q"
    assert Value(1.0, "p").name == "p"
    assert named(v * 2.0, "z").name == "z"
    for call in (lambda: Value(1.0, 3), lambda: named(v, 3), lambda: setattr(v, "label", 3)):  # type: ignore[arg-type]
        with pytest.raises(InvalidValueError, match="a name is a string, not 3"):
            call()
    with pytest.raises(InvalidValueError, match="only a Value can be named"):
        named(3.0, "x")  # type: ignore[arg-type]


def test_repr_shows_data_grad_and_name() -> None:
    assert repr(Value(-0.0)) == "Value(data=-0.0, grad=0.0)"
    assert repr(Value(2, name="ω")) == "Value(data=2.0, grad=0.0, name='ω')"
    v = Value(0.1)
    v.backward()
    assert repr(v) == "Value(data=0.1, grad=1.0)"
    assert f"{v}" == repr(v)
    assert f"{v:.3f} {v:>6}" == "0.100    0.1"


def test_micrograds_names_work() -> None:
    x = Value(2.0)
    square = x * x
    assert square._prev == (x,)
    assert square._op == "×"
    assert x._op == ""
    assert x._prev == ()


def test_a_notebook_shows_a_value_as_its_text_above_its_picture_and_a_leaf_as_text() -> None:
    x = Value(3.0, "x")
    bundle = (x * x)._repr_mimebundle_()
    assert bundle["text/plain"] == "Value(data=9.0, grad=0.0)"
    assert bundle["text/html"].startswith("<pre>Value(data=9.0, grad=0.0)</pre>\n<img ")
    assert x._repr_mimebundle_() == {"text/plain": repr(x)}


# ---- copies and pickles ---------------------------------------------------------------------------------------


def _everything() -> tuple[list[Value], Value]:
    """A graph with a name inside, a constant, shared leaves, nodes of one, two, three and many operands."""
    x, y, z = Value(0.5, "x"), Value(-1.5, "y"), Value(2.0)
    inner = named(x * y + 2.0, "inner")
    parts = [inner.exp(), where(x < y, x, inner), microgrid.sum([x, inner, x]), microgrid.dot([x, y], [inner, z]), y**2]
    return [x, y, z], microgrid.logsumexp(parts)


def _same(one: Value, other: Value) -> None:
    for a, b in zip(topological_order(one), topological_order(other), strict=True):
        assert a is not b
        assert (a.data, a.grad, a.name, a.op, a.is_constant) == (b.data, b.grad, b.name, b.op, b.is_constant)
        assert len(a.parents) == len(b.parents)
        assert a.partials == b.partials
        assert all(type(partial) is float for partial in b.partials)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_graph_comes_back_whole(protocol: int) -> None:
    _, root = _everything()
    root.backward()
    twin = pickle.loads(pickle.dumps(root, protocol))
    _same(root, twin)
    twin.backward()
    root.backward()
    _same(root, twin)


def test_values_pickled_together_keep_the_leaves_they_share() -> None:
    (x, y, _), root = _everything()
    other = x * y
    x2, root2, other2 = pickle.loads(pickle.dumps((x, root, other)))
    assert x2 in topological_order(root2)
    assert x2 in other2.parents
    x2.grad = 0.0
    other2.backward()
    assert x2.grad == y.data


def test_a_pickled_leaf_constant_and_comparison_come_back() -> None:
    leaf = Value(0.1, "w")
    leaf.grad = 0.3
    _same(leaf, pickle.loads(pickle.dumps(leaf)))
    constant = (leaf * 3.0).parents[1]
    _same(constant, pickle.loads(pickle.dumps(constant)))
    assert pickle.loads(pickle.dumps(constant)).is_constant
    answer = pickle.loads(pickle.dumps(leaf < 1.0))
    assert answer == True  # noqa: E712
    assert (answer * 2.0).data == 2.0
    assert pickle.loads(pickle.dumps(RULES["exp"])) is RULES["exp"]


def test_deepcopy_keeps_sharing_and_separates_gradients() -> None:
    leaves, root = _everything()
    root.backward()
    twin_leaves, twin = copy.deepcopy((leaves, root))
    _same(root, twin)
    assert all(leaf in topological_order(twin) for leaf in twin_leaves)
    before = [leaf.grad for leaf in leaves]
    twin.backward()
    assert [leaf.grad for leaf in leaves] == before
    assert [leaf.grad for leaf in twin_leaves] == pytest.approx([2.0 * grad for grad in before], rel=1e-14)
    inner_first, root_second = copy.deepcopy([root.parents[0], root])
    assert root_second.parents[0] is inner_first


def test_copy_is_a_new_node_on_the_same_operands() -> None:
    x = Value(2.0, "x")
    root = named(x * x, "r")
    twin = copy.copy(root)
    assert twin is not root
    assert twin.parents == (x, x)
    assert (twin.data, twin.name, twin.partials) == (4.0, "r", (2.0, 2.0))
    twin.backward()
    assert x.grad == 4.0
    assert root.grad == 0.0
    assert copy.copy(x) is not x


# ---- strict ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Value(0.0, "p").log(), r"^log gave -inf, from p = 0\.0$"),
        (lambda: Value(1.0, "a") / Value(0.0, "b"), r"^div gave inf, from a = 1\.0, b = 0\.0$"),
        (lambda: Value(800.0).exp(), r"^exp gave inf, from 800\.0$"),
        (lambda: Value(0.0, "r").sqrt(), r"^the derivative of sqrt with respect to r = 0\.0 is inf, from r = 0\.0$"),
        (lambda: Value(-2.0, "n") ** Value(2.0, "k"), r"derivative of pow with respect to k = 2\.0 is nan"),
        (lambda: Value(NAN, "q"), r"^the leaf q = nan is not finite$"),
        (lambda: Value(1.0) * INF, r"^mul gave inf, from 1\.0, inf$"),
        (lambda: microgrid.sum([Value(1e308), Value(1e308, "big")]), r"^sum gave inf, from 1e\+308, big = 1e\+308$"),
    ],
)
def test_strict_names_the_operation_and_its_operands(make: Callable[[], Any], message: str) -> None:
    make()  # nothing raises outside
    with pytest.raises(NonFiniteError, match=message) as caught, strict():
        make()
    assert isinstance(caught.value, MicrogridError)
    assert isinstance(caught.value, ArithmeticError)
    make()  # nor after


def test_strict_lets_finite_numbers_pass() -> None:
    with strict():
        x = Value(3.0)
        node = (x * x).log() + x.sigmoid()
        node.backward()
    assert math.isfinite(x.grad)


def test_strict_checks_adjoints_before_any_gradient_is_touched() -> None:
    x = Value(1e200, "x")
    inner = named(x * 1e-200, "inner")
    root = (inner * 1e200) * 1e200
    x.grad, inner.grad = 0.5, 0.25
    for part in (root.parents[0], root):
        part.grad = 0.125
    with pytest.raises(NonFiniteError, match=r"with respect to the mul node inner = 1\.0 is inf"), strict():
        root.backward()
    assert (x.grad, inner.grad, root.grad, root.parents[0].grad) == (0.5, 0.25, 0.125, 0.125)
    root.backward()
    assert inner.grad == INF


def test_strict_names_a_leaf_whose_derivative_is_not_finite() -> None:
    w, x = Value(1e-300, "w"), Value(1e200, "x")
    root = (w * x) * 1e150 * 1.0
    with pytest.raises(NonFiniteError, match=r"with respect to the leaf w = 1e-300 is inf"), strict():
        root.backward()
    assert w.grad == 0.0
    with strict():
        x.backward()
    assert x.grad == 1.0


def test_strict_nests_and_ends_after_an_exception() -> None:
    with strict():
        with strict():
            pass
        with pytest.raises(NonFiniteError):
            Value(INF)
        with pytest.raises(KeyError), strict():
            raise KeyError
        with pytest.raises(NonFiniteError):
            Value(INF)
    assert Value(INF).data == INF
    assert microgrid.log(Value(0.0)).data == -INF


def test_strict_holds_in_its_own_thread_only() -> None:
    results: list[float] = []
    with strict():
        thread = threading.Thread(target=lambda: results.append(Value(0.0).log().data))
        thread.start()
        thread.join()
        with pytest.raises(NonFiniteError):
            Value(0.0).log()
        contextvars.Context().run(lambda: results.append((1.0 / Value(0.0)).data))
    assert results == [-INF, INF]


# ---- memory, threads, determinism -----------------------------------------------------------------------------


def test_an_error_halfway_through_building_leaves_nothing_behind(no_collector: None) -> None:
    x = Value(2.0)
    kept = [x]
    before = sys.getrefcount(kept[0])  # every node that would be left refers to x, if by others
    bads: list[Any] = ["a", None, 10**400, 1j]
    for bad in bads:
        try:
            (x * x + x.exp() * 3.0).maximum(x * 2.0) + microgrid.sum([x, x * x, bad])
        except MicrogridError:
            pass
        else:
            pytest.fail("no error")
    try:
        with strict():
            (x * x).exp() / (x - x)
    except NonFiniteError:
        pass
    after = sys.getrefcount(kept[0])
    assert after == before
    assert x.grad == 0.0
    (x * x).backward()
    assert x.grad == 4.0


def test_graphs_form_no_reference_cycles(no_collector: None) -> None:
    alone = Value(0.5)
    _, root = _everything()
    root.backward()
    root.zero_grad()
    twin = copy.deepcopy(root)
    again = pickle.loads(pickle.dumps(twin))
    assert (twin < root) in (True, False)
    leaves = [node for one in (root, twin, again) for node in topological_order(one) if not node.parents]
    assert len(leaves) == 3 * 5  # three leaves and two constants each
    del root, twin, again, _
    assert len({sys.getrefcount(leaf) for leaf in [alone, *leaves]}) == 1
    assert gc.collect() == 0


def test_threads_build_and_differentiate_their_own_graphs() -> None:
    results: dict[int, float] = {}

    def work(seed: int) -> None:
        x = Value(1.0 + seed / 10.0)
        node = x
        for _ in range(2000):
            node = (node * 1.0001).sin() + x
            with strict():
                node = node + 0.0
        node.backward()
        results[seed] = x.grad

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(results)
    for seed in range(4):
        work(seed)
    assert results == together
    assert microgrid.log(Value(0.0)).data == -INF


_DETERMINISM = """
import random
from microgrid import Value, sum as total
from microgrid.core.graph import topological_order
draw = random.Random(5)
leaves = [Value(draw.uniform(-1, 1), name=f"x{i}") for i in range(6)]
nodes = list(leaves)
for _ in range(300):
    a, b = draw.choice(nodes), draw.choice(nodes)
    nodes.append(draw.choice([lambda: a + b, lambda: a * b, lambda: a.tanh(), lambda: a.exp().sigmoid()])())
root = total(nodes)
root.backward()
place = {node: i for i, node in enumerate(nodes)}
print([place.get(node) for node in topological_order(root)])
print([node.grad.hex() for node in nodes], root.data.hex())
"""


def test_bits_and_order_are_the_same_in_every_process_and_for_every_hash_seed() -> None:
    outputs = set()
    for seed in ("0", "1", "4242", "random"):
        run = subprocess.run(
            [sys.executable, "-c", _DETERMINISM],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(run.stdout)
    assert len(outputs) == 1
    assert len(next(iter(outputs))) > 1000


# ---- constants ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("looked", [False, True])
def test_a_constants_gradient_is_that_of_the_last_pass_whether_or_not_it_was_looked_at(looked: bool) -> None:
    x = Value(3.0)
    y, z = x * 2.0, 5.0 - x
    if looked:
        assert (y.parents[1].grad, z.parents[0].grad) == (0.0, 0.0)
    for _ in range(2):
        y.backward()
        z.backward()
    assert (y.parents[1].grad, z.parents[0].grad) == (3.0, 1.0)
    assert y.parents[1] is y.parents[1]
    assert y.parents[1].is_constant
    assert x.grad == 2.0
    y.zero_grad()
    assert y.parents[1].grad == 0.0


def test_a_value_has_no_subclasses_and_its_rule_stays() -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (Value,), {})
    with pytest.raises(AttributeError):
        Value(1.0).op = RULES["exp"]  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Value(1.0).color = "red"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        del Value(1.0).data


# ---- conditions of several comparisons ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0.5, 1.0, 2.0, 4.0, 5.0, math.nan])
def test_comparisons_join_as_truths_do(number: float) -> None:
    x = Value(number)
    inside, outside = (x > 1) & (x < 4), (x <= 1) | (x >= 4)
    assert bool(inside) is (1 < number < 4)
    assert bool(outside) is (number <= 1 or number >= 4)
    assert bool(~inside) is not (1 < number < 4)
    assert where(inside, 3.0, 7.0).data == (3.0 if 1 < number < 4 else 7.0)
    assert where(~outside & True, 3.0, 7.0).data == (7.0 if number <= 1 or number >= 4 else 3.0)


def test_joined_comparisons_stay_in_the_graph_and_choose_its_branches() -> None:
    graph = microgrid.compile(lambda x: where((x > 1) & (x < 4), x * x, -x))
    branches = microgrid.compile(lambda x: x * x if (x > 1) & ~(x >= 4) else -x)
    for number in (0.5, 2.0, 5.0):
        assert graph(number) == branches(number) == (number * number if 1 < number < 4 else -number)
        assert graph.grad(number) == branches.grad(number) == (2 * number if 1 < number < 4 else -1.0)


def test_a_comparison_joins_nothing_but_truths() -> None:
    x = Value(2.0)
    others: list[Any] = [x, 1.0, "a"]
    for other in others:
        with pytest.raises(TypeError):
            (x > 1) & other
        with pytest.raises(TypeError):
            (x > 1) | other


def test_the_steps_of_backward_may_be_taken_by_hand_as_in_micrograds_lecture() -> None:
    a, b = Value(2.0), Value(-3.0)
    output = a * b + a.tanh() * a
    output.backward()
    expected = a.grad, b.grad
    output.zero_grad()
    output.grad = 1.0
    for node in reversed(topological_order(output)):
        node._backward()
    assert (a.grad, b.grad) == expected


def test_a_name_of_a_subclass_of_str_is_kept_as_a_plain_string() -> None:
    class Name(str):
        __slots__ = ("node",)

    name = Name("w")
    value = Value(1.0, name)
    name.node = value  # type: ignore[attr-defined]  # a slot; no cycle
    assert (value.name, type(value.name)) == ("w", str)
    value.name = Name("")
    assert value.name is None


def test_a_long_name_is_cut_in_messages() -> None:
    with strict(), pytest.raises(NonFiniteError) as caught:
        microgrid.log(Value(0.0, "n" * 5_000))
    assert len(str(caught.value)) < 200


def test_an_interpreter_within_the_process_leaves_the_main_ones_engine_working() -> None:
    script = """
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    import microgrid
    x = microgrid.Value(2.0)
    y = microgrid.exp(x)
    inner = interpreters.create()
    code = "import microgrid; x = microgrid.Value(1.0); microgrid.exp(x).backward(); print(microgrid.engine, x.grad)"
    getattr(interpreters, "run_string", None)(inner, code)
    interpreters.destroy(inner)
    y.backward()
    print(x.grad == y.data, microgrid.sum([microgrid.Value(1.0), 2.0]).data, microgrid.softplus(1.0) > 1.0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["python", "2.718281828459045", "True", "3.0", "True"]
