"""Operations of a user's own: they do what the package's do, and say what is wrong with the functions they are made of.

The functions stand here, at the top of the module, where pickle finds them; so do their lines, which messages name.
"""

# ruff: noqa: ARG002, ARG005, E731  # partials take all that they are given, and a lambda's line is asked for

from __future__ import annotations

import copy
import functools
import gc
import inspect
import math
import os
import pickle
import subprocess
import sys
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy
import pytest
from helpers import bits
from test_export import compiled

import microgrid
from microgrid import InvalidValueError, NonFiniteError, OperationError, Value, custom
from microgrid.arithmetics.complex import COMPLEX
from microgrid.arithmetics.mpmath import MPMATH
from microgrid.core.arithmetic import FLOAT, PLAIN
from microgrid.core.engine import recorder
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import evaluate, local_partials, pullback, topological_order
from microgrid.core.rule import Region
from microgrid.core.rules import MANY, POSITIVE, REAL, RULES
from microgrid.core.source import C, Source
from microgrid.core.value_arithmetic import VALUE

HERE = "test_operations.py"


def hump(x: Any) -> Any:
    """A hump at 0."""
    return math.exp(-x * x)


def hump_partials(out: Any, x: Any) -> Any:
    return (-2.0 * x * out,)


def bump(x: Any, y: Any, *, m: Any) -> Any:
    return m.where(m.less(x, 0.0), 0.0, x**2) * m.exp(-m.abs(y))


def bump_partials(out: Any, x: Any, y: Any, *, m: Any) -> Any:
    slope = m.where(m.less(x, 0.0), 0.0, 2.0 * x) * m.exp(-m.abs(y))
    return slope, m.where(m.less(y, 0.0), out, -out)


def squares(*xs: Any, m: Any) -> Any:
    return m.total([x * x for x in xs])


def squares_partials(out: Any, *xs: Any, m: Any) -> Any:
    return [2.0 * x for x in xs]


def positive_part(x: Any) -> Any:
    return numpy.maximum(x, 0.0)


def positive_part_slope(out: Any, x: Any) -> Any:
    return numpy.heaviside(x, 0.0)


OF_ARRAYS = custom(positive_part, positive_part_slope, numpy=True)


def doubled(x: Any) -> Any:
    return 2.0 * x


doubled = custom(doubled, lambda out, x: 2.0)  # type: ignore[assignment]  # a name that the operation takes over
DOUBLED: Any = doubled

HUMP = custom(hump, hump_partials)
BUMP = custom(bump, bump_partials)
SQUARES = custom(squares, squares_partials, name="squares")
ALL = {"hump": (HUMP, [0.5]), "bump": (BUMP, [0.5, -0.25]), "squares": (SQUARES, [0.5, 2.0, -3.0, 1.0])}

every_operation = pytest.mark.parametrize("name", ALL)


def line_of(function: Any) -> str:
    return f"{HERE}:{function.__code__.co_firstlineno}"


def second_order(node: Value, x: Value) -> Value:
    """The derivative of a node with respect to x as a graph."""
    order = topological_order(node)
    return pullback(node, local_partials(VALUE, {one: one for one in order}))[x]  # type: ignore[no-any-return]


# ---- it is like the functions of the package ------------------------------------------------------------------


@every_operation
def test_a_node_is_recorded_with_the_partials_that_the_user_wrote(name: str) -> None:
    operation, numbers = ALL[name]
    operands = [Value(number) for number in numbers]
    node = operation(*operands)
    assert node.op is operation.rule
    assert node.parents == tuple(operands)
    assert node.data == operation(*numbers) == PLAIN.bind(operation.rule)[0](*numbers)
    assert list(node.partials) == list(PLAIN.bind(operation.rule)[1](node.data, *numbers))
    assert {type(slope) for slope in node.partials} == {float}
    node.backward()
    assert [operand.grad for operand in operands] == list(node.partials)
    again = recorder(operation.rule)(*operands)
    assert (again.data, again.partials) == (node.data, node.partials)


def test_plain_numbers_beside_values_become_constants() -> None:
    x = Value(0.5)
    node = BUMP(x, 2)
    assert [parent.is_constant for parent in node.parents] == [False, True]
    assert BUMP(1, Value(0.0)).data == 1.0
    assert SQUARES(1.0, x, 2.0).data == 5.25
    assert HUMP(x < 1.0).data == math.exp(-1.0)


def test_plain_numbers_give_a_float_and_any_number_of_operands_may_be_none() -> None:
    assert HUMP(0) == 1.0
    assert type(HUMP(numpy.float64(0.0))) is float
    assert SQUARES() == 0.0
    assert SQUARES(3.0) == 9.0


def test_arrays_are_gone_through_element_by_element() -> None:
    numbers = numpy.array([0.0, 1.0])
    assert [float(one) for one in HUMP(numbers)] == [1.0, math.exp(-1.0)]
    values = numpy.array([Value(1.0), Value(2.0)])
    nodes = BUMP(values, 0.0)
    assert [node.data for node in nodes] == [1.0, 4.0]
    assert all(node.op is BUMP.rule for node in nodes)
    assert [node.data for node in SQUARES(values, numbers)] == [1.0, 5.0]


def test_a_wrong_number_of_operands_is_refused_as_by_the_functions_of_the_package() -> None:
    with pytest.raises(TypeError, match="bump takes 2 operands, not 1"):
        BUMP(Value(1.0))
    with pytest.raises(TypeError, match="hump takes 1 operands, not 0"):
        HUMP()
    with pytest.raises(InvalidValueError, match="a Value holds a real number, not 'a'"):
        HUMP("a")


def test_an_operation_says_what_it_is() -> None:
    assert HUMP.__name__ == "hump"
    assert HUMP.__doc__ == "A hump at 0."
    assert (
        BUMP.__doc__ == f"``bump(x, y)``: the value of {line_of(bump)}, with the partials of {line_of(bump_partials)}."
    )
    assert repr(HUMP) == f"<operation hump(x) of {line_of(hump)}>"
    assert repr(SQUARES) == f"<operation squares(*xs) of {line_of(squares)}>"
    assert repr(HUMP.rule) == f"<rule hump of {line_of(hump)}>"
    assert list(inspect.signature(BUMP).parameters) == ["x", "y"]
    assert (HUMP.rule.value_source, HUMP.rule.source) == (line_of(hump), line_of(hump_partials))
    assert (HUMP.rule.portable, BUMP.rule.portable, SQUARES.rule.portable) == (False, True, True)
    assert (HUMP.rule.arity, BUMP.rule.arity, SQUARES.rule.arity) == (1, 2, None)


def test_a_rule_of_the_table_is_portable_and_has_no_source_of_a_users() -> None:
    rule = RULES["exp"]
    assert (rule.portable, rule.source, rule.value_source) == (True, None, None)


@every_operation
def test_a_graph_with_it_is_drawn_with_its_symbol(name: str) -> None:
    operation, numbers = ALL[name]
    node = operation(*[Value(number) for number in numbers])
    assert f">{name}</FONT>" in microgrid.draw(node).dot
    given = custom(hump, hump_partials, name='a<b"{', symbol="∩")
    assert ">∩</FONT>" in microgrid.draw(given(Value(1.0))).dot


def test_strict_names_the_operation_and_its_operands() -> None:
    inverse = custom(lambda x: 1.0 / x, lambda out, x: -out / x, name="inverse")
    root = custom(lambda x: x**0.5, lambda out, x: 0.5 / out, name="root")
    with microgrid.strict():
        assert inverse(Value(2.0)).partials == (-0.25,)
        with pytest.raises(NonFiniteError, match=r"^inverse gave inf, from p = 0\.0$"):
            inverse(Value(0.0, name="p"))
        with pytest.raises(NonFiniteError, match=r"^the derivative of root with respect to 0\.0 is inf, from 0\.0$"):
            root(Value(0.0))


def test_operators_follow_ieee_754_without_an_exception() -> None:
    inverse = custom(lambda x: 1.0 / x, lambda out, x: -out / x)
    assert inverse(-0.0) == -math.inf
    assert inverse(Value(0.0)).partials == (-math.inf,)
    power = custom(lambda x, y: x**y, lambda out, x, y: (0.0, 0.0))
    assert power(1e200, 2.0) == math.inf
    assert math.isnan(power(-8.0, 1.0 / 3.0))
    assert custom(lambda x: 2**x, lambda out, x: 0.0)(1e4) == math.inf


# ---- differentiated again -------------------------------------------------------------------------------------


def test_partials_run_on_values_so_that_derivatives_are_differentiated_again() -> None:
    x = Value(0.5)
    slope = second_order(HUMP(x), x)
    assert slope.data == HUMP(x).partials[0]
    slope.backward()
    assert x.grad == pytest.approx((4.0 * 0.25 - 2.0) * math.exp(-0.25), rel=1e-15)


def test_partials_of_a_portable_operation_of_any_number_of_operands_do_too() -> None:
    xs = [Value(1.0), Value(2.0), Value(3.0)]
    node = SQUARES(*xs)
    slope = second_order(node, xs[1])
    slope.backward()
    assert [x.grad for x in xs] == [0.0, 2.0, 0.0]
    x, y = Value(2.0), Value(1.0)
    second_order(BUMP(x, y), x).backward()
    assert (x.grad, y.grad) == pytest.approx((2.0 * math.exp(-1.0), -4.0 * math.exp(-1.0)), rel=1e-15)


def test_microgrids_functions_in_partials_serve_floats_and_values() -> None:
    erf = custom(math.erf, lambda out, x: 2.0 / math.sqrt(math.pi) * microgrid.exp(-x * x))
    x = Value(0.5)
    assert erf(x).partials == pytest.approx(microgrid.erf(x).partials, rel=1e-15)
    second_order(erf(x), x).backward()
    assert x.grad == pytest.approx(-x.data * 2.0 * erf(x).partials[0], rel=1e-15)


def test_a_function_of_math_in_partials_fails_the_second_time_and_names_microgrids() -> None:
    partials = lambda out, x: math.exp(x)
    node = custom(math.exp, partials, name="power of e")(Value(0.5, name="x"))
    with pytest.raises(InvalidValueError, match=r"use microgrid\.exp") as caught:
        second_order(node, node.parents[0])
    assert caught.value.__notes__ == [f"in the partials of the operation power of e ({line_of(partials)}) at x = 0.5"]


def test_a_comparison_in_partials_counts_as_1_or_0_and_stays_in_the_graph() -> None:
    ramp = custom(lambda x: max(x, 0.0), lambda out, x: x > 0.0)
    x = Value(2.0)
    assert ramp(x).partials == (1.0,)
    assert second_order(ramp(x), x).data == 1.0


def test_replayed_on_values_it_is_the_operation_again_with_the_users_own_derivative() -> None:
    straight = custom(lambda x, *, m: m.where(m.less(x, 0.0), -1.0, 1.0), lambda out, x, *, m: 1.0, name="straight")
    x, y = Value(0.5), Value(-2.0)
    for node, operation in ((straight(x), straight), (HUMP(x), HUMP), (SQUARES(x, x), SQUARES)):
        replayed = evaluate([node], VALUE, {x: y})[node]
        assert replayed.op is operation.rule
        assert replayed.parents[0] is y
    assert evaluate([HUMP(x)], VALUE, {x: 0.0}).popitem()[1] == 1.0


# ---- every arithmetic -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bump", "squares"])
def test_an_operation_written_with_m_runs_on_complex_and_on_high_precision_numbers(name: str) -> None:
    operation, numbers = ALL[name]
    node = operation(*[Value(number) for number in numbers])
    step = 1e-100
    value, _ = COMPLEX.bind(operation.rule)
    for place, slope in enumerate(node.partials):
        moved = [complex(number, step * (index == place)) for index, number in enumerate(numbers)]
        assert value(*moved).imag / step == pytest.approx(slope, rel=1e-15)
    with mpmath.workdps(40):
        exact, partials = MPMATH.bind(operation.rule)
        operands = [mpmath.mpf(number) for number in numbers]
        out = exact(*operands)
        assert isinstance(out, mpmath.mpf)
        assert float(out) == pytest.approx(node.data, rel=1e-15)
        assert [float(slope) for slope in partials(out, *operands)] == pytest.approx(list(node.partials), rel=1e-15)


@pytest.mark.parametrize("name", ["bump", "squares"])
def test_an_operation_written_with_m_is_exported_with_the_graphs_own_bits(name: str, tmp_path: Any) -> None:
    operation, numbers = ALL[name]
    leaves = [Value(number) for number in numbers]
    root = microgrid.sin(operation(*leaves)) * 3.0
    root.backward()
    expected = bits([root.data]), bits([leaf.grad + 0.0 for leaf in leaves])
    value, gradient = compiled(microgrid.to_c(root, leaves), len(leaves), tmp_path)(numbers)
    assert (bits([value]), bits([slope + 0.0 for slope in gradient])) == expected
    scope: dict[str, Any] = {}
    exec(microgrid.to_python(root, leaves), scope)
    value, gradient = scope["f"](numbers)
    assert (bits([value]), bits([slope + 0.0 for slope in gradient])) == expected
    exec(microgrid.to_numpy(root, leaves), scope)
    values, gradients = scope["f"]([numpy.array([number, number]) for number in numbers])
    assert values == pytest.approx([root.data] * 2, rel=1e-15)
    assert [slope[1] for slope in gradients] == pytest.approx([leaf.grad for leaf in leaves], rel=1e-15)


def test_a_base_that_is_a_number_is_exported_too() -> None:
    doubling = custom(lambda x, *, m: 2.0**x, lambda out, x, *, m: (out * m.log(2.0),), name="doubling")
    scope: dict[str, Any] = {}
    exec(microgrid.to_python(doubling(Value(3.0))), scope)
    assert scope["f"]([3.0]) == (8.0, [8.0 * math.log(2.0)])


@pytest.mark.parametrize("arithmetic", [COMPLEX, MPMATH, Source(C)], ids=["complex", "mpmath", "C"])
def test_an_operation_written_without_m_refuses_other_arithmetics_and_says_how_to_write_it(arithmetic: Any) -> None:
    half = custom(lambda x, *, m: x, lambda out, x: 1.0)  # its value alone would do
    for rule in (HUMP.rule, half.rule):
        assert not rule.portable
        with pytest.raises(OperationError) as caught:
            arithmetic.bind(rule)
        assert str(caught.value) == (
            f"the operation {rule.name} ({rule.value_source}) is written for floats and Values, not for the "
            f"{arithmetic.name} arithmetic: let its value and its partials take a keyword-only m, and take every "
            "function from it, as in def value(x, *, m): return m.exp(-x * x)"
        )
    with pytest.raises(OperationError, match="not for the C arithmetic"):
        microgrid.to_c(HUMP(Value(0.5)))


def test_a_result_of_nothing_is_refused_in_every_arithmetic() -> None:
    forgetful = custom(lambda x, *, m: None, lambda out, x, *, m: None, name="forgetful")
    value, partials = COMPLEX.bind(forgetful.rule)
    with pytest.raises(InvalidValueError, match=r"value of the operation forgetful \(.*\) at 1j gave a wrong result"):
        value(1j)
    with pytest.raises(InvalidValueError, match=r"partials of the operation forgetful .* not None"):
        partials(1j, 1j)
    with pytest.raises(InvalidValueError, match="not None of type NoneType"):
        VALUE.bind(forgetful.rule)[1](1.0, Value(1.0))


# ---- what is made of what is given ----------------------------------------------------------------------------


def test_a_parameter_with_a_default_is_no_operand() -> None:
    cubes = [custom(lambda x, n=n: x**n, lambda out, x, n=n: n * x ** (n - 1)) for n in (2, 3)]
    assert [cube(2.0) for cube in cubes] == [4.0, 8.0]
    assert [cube(Value(2.0)).partials for cube in cubes] == [(4.0,), (12.0,)]
    assert custom(lambda x, *, k=2.0: k * x, lambda out, x, *, k=2.0: k)(3.0) == 6.0


def test_names_symbols_formulas_and_regions_have_defaults() -> None:
    rule = BUMP.rule
    assert (rule.name, rule.symbol, rule.regions, rule.kinks) == ("bump", "bump", (REAL, REAL), ())
    assert rule.latex.format(x="a", y="b") == r"\operatorname{bump}\left(a, b\right)"
    assert SQUARES.rule.latex.format(xs="x_i") == r"\operatorname{squares}\left(x_i\right)"
    assert SQUARES.rule.regions == (MANY,)
    assert custom(lambda x: x, lambda out, x: 1.0).rule.name == "custom"
    assert custom(functools.partial(pow, exp=2), lambda out, base: 2.0 * base).rule.name == "custom"
    four = custom(lambda a, b, c, d: a, lambda out, *operands: (1.0, 0.0, 0.0, 0.0), name="first_of {4}")
    assert four.rule.letters == ("x1", "x2", "x3", "x4")
    formula = four.rule.latex.format(x1="a", x2="b", x3="c", x4="d")
    assert formula == r"\operatorname{first\_of\ \{4\}}\left(a, b, c, d\right)"
    assert custom(lambda x: x, lambda out, x: 1.0, name="a^b~c\\d&").rule.latex.format(x="x") == (
        r"\operatorname{a\wedge b\sim c\backslash d\&}\left(x\right)"
    )


def test_symbol_formula_and_regions_can_be_given() -> None:
    rule = custom(bump, bump_partials, symbol="^", latex=r"b_{{{x}}}^{y}", regions=[POSITIVE, REAL]).rule
    assert (rule.name, rule.symbol, rule.regions) == ("bump", "^", (POSITIVE, REAL))
    assert rule.latex.format(x="p", y="q") == "b_{p}^q"
    (region,) = custom(squares, squares_partials, regions=[Region(1.0, 2.0)]).rule.regions
    assert region == Region(1.0, 2.0, repeated=True)


def test_functions_of_any_kind_serve() -> None:
    class Scaled:
        def __init__(self, by: float) -> None:
            self.by = by

        def __call__(self, x: Any) -> Any:
            return self.by * x

        def value(self, x: Any) -> Any:
            return self.by * x

        def partials(self, out: Any, x: Any) -> Any:
            return self.by

    twice, thrice = Scaled(2.0), Scaled(3.0)
    operation = custom(twice.value, twice.partials)
    assert operation(Value(2.0)).partials == (2.0,)
    assert custom(twice.value, twice.partials) is operation
    assert custom(thrice.value, thrice.partials)(Value(2.0)).data == 6.0
    assert operation.rule.value_source == line_of(Scaled.value)
    assert custom(thrice, thrice.partials).rule.value_source == line_of(Scaled.__call__)
    assert custom(functools.partial(hump), hump_partials).rule.value_source == line_of(hump)
    assert custom(math.erf, lambda out, x: 0.0).rule.value_source == "erf"
    outer = custom(HUMP, hump_partials)
    assert (outer.rule.value_source, outer.rule.name) == (line_of(hump), "hump")
    assert outer(Value(0.5)).data == HUMP(0.5)


Function = Callable[..., Any]


@pytest.mark.parametrize(
    ("value", "partials", "message"),
    [
        (3, hump_partials, "the value of an operation is a function, not 3"),
        (hump, None, "the partials of an operation is a function, not None"),
        (math.log, hump_partials, r"what log takes can't be read: wrap it in .*, as in lambda x: f\(x\)"),
        (lambda: 1.0, lambda out: (), r"takes nothing: an operation has so many operands, as in value\(x, y\), or any"),
        (lambda x=1.0: x, lambda out: (), r"takes x=1.0: an operation has so many operands"),
        (lambda x, *xs: x, lambda out, *xs: xs, r"takes x, \*xs: an operation has so many operands"),
        (lambda x, *, k: x, hump_partials, f"value at {HERE}:.* needs 'k' as a keyword, and only m, .* a default"),
        (hump, lambda out, x, *, k: x, f"partials at {HERE}:.* needs 'k' as a keyword"),
        (hump, lambda x: x, rf"partials at {HERE}:.* take \(x\), but .* as in partials\(out, x\)"),
        (bump, hump_partials, r"take \(out: 'Any', x: 'Any'\).*as in partials\(out, x, y\)"),
        (squares, hump_partials, r"as in partials\(out, \*xs"),
        (squares, lambda out, x, y, *xs: xs, r"as in partials\(out, \*xs"),
    ],
)  # fmt: skip
def test_functions_of_which_no_operation_can_be_made_are_refused(value: Any, partials: Any, message: str) -> None:
    with pytest.raises(OperationError, match=message):
        custom(value, partials)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ""}, "the name of an operation is a text, not ''"),
        ({"symbol": 3}, "the symbol of an operation is a text, not 3"),
        ({"latex": r"\frac{1}{x}"}, r"latex of the operation hump can't be filled in .*: its operands are \{x\}, and"),
        ({"latex": "{y}"}, r"KeyError: 'y'.*: its operands are \{x\}, and every other brace is doubled"),
        ({"latex": "{"}, "ValueError"),
        ({"latex": "{x.real.nothing}"}, "AttributeError"),
        ({"regions": [REAL, REAL]}, "hump has 1 operands, but 2 regions: give one each"),
        ({"regions": [(0.0, 1.0)]}, r"is a Region of operands that are differentiated, not \(0\.0, 1\.0\)"),
        ({"regions": [Region(0.0, 1.0, constant=True)]}, "is a Region of operands that are differentiated"),
        ({"regions": Region(0.0, 1.0)}, r"are a list, one for each operand: \[Region"),
        ({"regions": [Region(1.0, 0.0)]}, "the lower one first, not between 1.0 and 0.0"),
        ({"regions": [Region(math.nan, 1.0)]}, "lies between two numbers"),
        ({"regions": [Region("a", "b")]}, "lies between two numbers"),  # type: ignore[arg-type]
    ],
)
def test_words_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OperationError, match=message):
        custom(hump, hump_partials, **given)


# ---- what goes wrong inside of the functions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda x: None, "not None of type NoneType"),
        (lambda x: "1", "not '1' of type str"),
        (lambda x: x * 1j, "not the complex .*: take .real or .imag"),
        (lambda x: (x,), "of type tuple"),
        (lambda x: x * Value(2.0), "got a Value where a plain number is needed"),
        (lambda x: Value(2.0) / x, "got a Value where a plain number is needed"),
        (lambda x: x / Value(2.0), "got a Value where a plain number is needed"),
        (lambda x: x ** Value(2.0), "got a Value where a plain number is needed"),
        (lambda x: 10**400, "too large for a float"),
    ],
)
def test_a_value_that_is_no_real_number_is_blamed_on_its_function(value: Function, message: str) -> None:
    wrong = custom(value, hump_partials, name="wrong")
    beginning = rf"the value of the operation wrong \({line_of(value)}\) at 0\.5 gave a wrong result: .*"
    with pytest.raises(InvalidValueError, match=beginning + message):
        wrong(Value(0.5))
    with pytest.raises(InvalidValueError, match=beginning + message):
        wrong(0.5)


@pytest.mark.parametrize(
    ("slopes", "message"),
    [
        (None, "gave None, not 2 derivatives: give a tuple or a list with one for each operand"),
        (1.0, "gave 1.0, not 2 derivatives"),
        ((1.0,), r"gave \(1.0,\), not 2 derivatives"),
        ([1.0, 2.0, 3.0], r"gave \[1.0, 2.0, 3.0\], not 2 derivatives"),
        ((1.0, None), "gave a wrong result: .* not None"),
        ((1.0, Value(2.0)), "gave a wrong result: got a Value where a plain number is needed"),
    ],
)
def test_partials_that_are_not_one_number_each_are_blamed_on_their_function(slopes: Any, message: str) -> None:
    partials = lambda out, x, y: slopes
    wrong = custom(lambda x, y: x, partials, name="wrong")
    with pytest.raises(
        InvalidValueError, match=rf"partials of the operation wrong \({line_of(partials)}\) at .*{message}"
    ):
        wrong(Value(0.5), 2.0)
    assert wrong(0.5, 2.0) == 0.5


def test_an_exception_in_a_function_goes_on_with_a_note_of_operation_and_operands() -> None:
    with pytest.raises(OverflowError) as caught:
        custom(lambda *xs: math.exp(sum(xs)), lambda out, *xs: xs, name="steep")(*[Value(100.0)] * 10)
    (note,) = caught.value.__notes__
    assert note.startswith(f"in the value of the operation steep ({HERE}:")
    assert note.endswith(f") at {', '.join(['100.0'] * 8)} and 2 more")
    assert note in "".join(traceback.format_exception(caught.value))
    with pytest.raises(KeyError) as caught_key:
        custom(lambda x, *, m: x, lambda out, x, *, m: {}[x])(Value(0.5))
    assert "in the partials of the operation custom" in caught_key.value.__notes__[0]


# ---- one operation for the same functions ---------------------------------------------------------------------


def test_the_same_functions_and_words_give_the_same_operation() -> None:
    assert custom(hump, hump_partials) is HUMP
    assert custom(hump, hump_partials, name="hump", regions=[REAL]) is HUMP
    for other in ({"name": "hill"}, {"symbol": "∩"}, {"latex": "{x}"}, {"regions": [POSITIVE]}):
        changed: Any = other
        assert custom(hump, hump_partials, **changed).rule is not HUMP.rule
        assert custom(hump, hump_partials, **changed) is custom(hump, hump_partials, **changed)


def test_a_loop_that_makes_its_functions_anew_uses_up_one_rule() -> None:
    rules = set()
    for _ in range(5000):
        operation = custom(lambda x: x * x, lambda out, x: 2.0 * x)
        rules.add(operation(Value(1.0)).op)
    assert len(rules) == 1


def test_functions_that_hold_different_things_are_different_operations() -> None:
    def scaled(by: float) -> Any:
        return custom(lambda x: by * x, lambda out, x: by)

    assert [scaled(by)(2.0) for by in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    by_default = [custom(lambda x, *, k=k: k * x, lambda out, x: 0.0) for k in (1.5, 2.5)]
    assert [operation(2.0) for operation in by_default] == [3.0, 5.0]


@pytest.mark.parametrize("portable", [False, True])
def test_an_operation_is_freed_with_its_last_node(portable: bool) -> None:
    def made(factor: float) -> tuple[weakref.ref[Any], Value]:
        if portable:
            operation = custom(lambda x, *, m: factor * m.exp(x), lambda out, x, *, m: out, name="scaled")
        else:
            operation = custom(lambda x: factor * x, lambda out, x: factor, name="scaled")
        x = Value(0.5, "x")
        node = operation(x)
        node.backward()
        assert x.grad == node.partials[0]
        assert operation(numpy.array([1.0, 2.0])).shape == (2,)
        return weakref.ref(operation.rule), node

    gc.collect()
    gc.disable()
    try:
        rules = []
        for factor in (2.0, 3.0):
            rule, node = made(factor)
            assert rule() is node.op
            rules.append(rule)
            del node
        assert [rule() for rule in rules] == [None, None]
    finally:
        gc.enable()


def test_an_operation_that_takes_arrays_is_called_with_whole_columns_of_rows() -> None:
    shapes = []

    def value(x: Any) -> Any:
        shapes.append(numpy.shape(x))
        return numpy.tanh(x)

    operation = custom(value, lambda out, x: 1.0 - out * out, name="tanh of arrays", numpy=True)
    compiled = microgrid.compile(lambda x: operation(x) * 2.0, rows=0)
    rows = numpy.linspace(-1.0, 1.0, 1000)
    total, slopes = compiled.value_and_grad(rows)
    assert total == pytest.approx(2.0 * numpy.tanh(rows).sum(), abs=1e-12)
    assert slopes == pytest.approx(2.0 - 2.0 * numpy.tanh(rows) ** 2, rel=1e-14)
    assert len([shape for shape in shapes if shape == (1000,)]) == len([shape for shape in shapes if shape]) == 1
    assert pickle.loads(pickle.dumps(OF_ARRAYS)) is OF_ARRAYS


def test_too_many_operations_for_the_native_engine_are_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from microgrid.core import native_engine as engine_native

    monkeypatch.setattr(engine_native, "_MOST_RULES", len(engine_native._rules))
    monkeypatch.setattr(engine_native, "_OF_TABLE", len(engine_native._rules))  # no place in between is free
    fresh = custom(lambda x: x, lambda out, x: 1.0, name="one too many")
    with pytest.raises(MemoryError, match="make one before a loop, not in it, and give it what varies as an operand"):
        engine_native._place(fresh.rule)


# ---- copies, pickles and names --------------------------------------------------------------------------------


def _graph() -> tuple[list[Value], Value]:
    x, y = Value(0.5, name="x"), Value(2.0, name="y")
    return [x, y], SQUARES(HUMP(x), BUMP(x, y), 3.0) * y


def _rules(root: Value) -> list[Any]:
    return [node.op for node in topological_order(root)]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_graph_with_it_is_pickled_with_its_rules(protocol: int) -> None:
    _, root = _graph()
    restored = pickle.loads(pickle.dumps(root, protocol))
    assert _rules(restored) == _rules(root)
    assert [node.partials for node in topological_order(restored)] == [n.partials for n in topological_order(root)]
    assert pickle.loads(pickle.dumps(HUMP, protocol)) is HUMP


def test_an_operation_that_takes_its_functions_name_is_pickled_by_that_name() -> None:
    node = DOUBLED(Value(1.0))
    assert pickle.loads(pickle.dumps(node)).op is node.op is DOUBLED.rule
    assert pickle.loads(pickle.dumps(DOUBLED)) is DOUBLED
    with pytest.raises(OperationError, match="can't be pickled"):  # that name is another rule's
        pickle.dumps(custom(DOUBLED.__wrapped__, hump_partials))


def test_a_pickled_graph_is_read_by_a_process_that_has_not_made_the_operation() -> None:
    _, root = _graph()
    script = "import pickle, sys; root = pickle.load(sys.stdin.buffer); root.backward(); print(root.data, root.op)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(SQUARES(root, DOUBLED(root))),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        check=True,
    )
    assert run.stdout.decode().split(maxsplit=1)[0] == repr(5.0 * root.data**2)
    assert run.stdout.decode().split(maxsplit=1)[1].strip() == repr(SQUARES.rule)


def test_a_graph_with_it_is_copied_and_its_rules_stay() -> None:
    leaves, root = _graph()
    twin = copy.deepcopy(root)
    twin.backward()
    assert [leaf.grad for leaf in leaves] == [0.0, 0.0]
    assert _rules(twin) == _rules(root)
    assert copy.copy(root).op is root.op
    unnamed = custom(lambda x: x, lambda out, x: 1.0)
    for thing in (unnamed, unnamed.rule):
        assert copy.copy(thing) is thing
        assert copy.deepcopy([thing])[0] is thing
    assert copy.deepcopy(unnamed(leaves[0])).op is unnamed.rule


def test_an_operation_of_lambdas_says_why_it_is_not_pickled() -> None:
    lone = lambda x: x
    for thing in (custom(lone, hump_partials), custom(lone, hump_partials)(Value(1.0))):
        with pytest.raises(OperationError) as caught:
            pickle.dumps(thing)
        assert str(caught.value) == (
            f"the operation custom can't be pickled, for its function at {line_of(lone)} can't be imported by another "
            "process: define it with def, at the top of a module, and keep its name"
        )
    with pytest.raises(OperationError, match="can't be pickled"):
        pickle.dumps(custom(hump, functools.partial(hump_partials)))


@pytest.mark.parametrize("name", ["exp", "log", "sum", "pow"])
def test_a_name_that_the_table_has_too_confuses_nothing(name: str) -> None:
    rule = RULES[name]
    like = custom(hump, hump_partials, name=name)
    x = Value(0.5)
    node = like(x)
    assert node.op is like.rule
    assert node.data == like(0.5) == HUMP(0.5)
    assert pickle.loads(pickle.dumps(node)).op is like.rule
    assert pickle.loads(pickle.dumps(like.rule)) is like.rule
    assert pickle.loads(pickle.dumps(rule)) is RULES[name] is rule
    assert recorder(like.rule)(x).data == node.data
    assert recorder(rule) is not recorder(like.rule)
    assert second_order(node, x).data == node.partials[0]
    expected = {"exp": math.exp(0.5), "log": math.log(0.5), "sum": 0.5, "pow": 0.25}[name]
    operands: dict[str, list[Any]] = {"sum": [[x]], "pow": [x, 2.0]}
    assert FUNCTIONS[name](*operands.get(name, [x])).data == expected
    assert FLOAT.bind(rule)[0](*([0.5, 2.0] if name == "pow" else [0.5])) == expected
