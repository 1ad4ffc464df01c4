"""Number systems: IEEE floats that never raise, complex numbers, and their agreement."""

from __future__ import annotations

import cmath
import importlib
import math
import sys
from typing import Any

import mpmath
import pytest
from helpers import LENGTHS, bits, record
from hypothesis import given, settings
from hypothesis import strategies as st

import microgrid
from microgrid import MissingPackageError, Value
from microgrid.arithmetics.complex import COMPLEX
from microgrid.arithmetics.mpmath import MPMATH
from microgrid.core.arithmetic import FLOAT, PLAIN, Arithmetic
from microgrid.core.rules import RULES

every_rule = pytest.mark.parametrize("name", RULES)

CORNERS = [0.0, 5e-324, 2.3e-308, 0.5, 1.0, 2.0, 3.0, 37.0, 710.0, 745.0, 1e3, 1e308, math.inf, math.nan]
CORNERS += [-x for x in CORNERS]
numbers = st.one_of(st.sampled_from(CORNERS), st.floats())
thorough = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def _operands(name: str) -> st.SearchStrategy[tuple[float, ...]]:
    rule = RULES[name]
    if rule.arity is not None:
        return st.tuples(*[numbers] * rule.arity)
    lists = len(rule.regions)
    return st.sampled_from((0, *LENGTHS[:4])).flatmap(lambda length: st.tuples(*[numbers] * (length * lists)))


# ---- IEEE floats ----------------------------------------------------------------------------------------------


@every_rule
@given(data=st.data())
@thorough
@pytest.mark.unmeasured
def test_float_never_raises_and_has_the_bits_of_plain_wherever_plain_does_not_raise(name: str, data: Any) -> None:
    operands = data.draw(_operands(name))
    value, partials = FLOAT.bind(RULES[name])
    out = value(*operands)
    slopes = partials(out, *operands) if operands else ()
    assert type(out) is float
    assert [type(slope) for slope in slopes] == [float] * len(operands)
    plain_value, plain_partials = PLAIN.bind(RULES[name])
    try:
        plain = plain_value(*operands)
    except (ArithmeticError, ValueError):
        return
    assert bits([plain]) == bits([out])
    if operands:
        try:
            plain_slopes = plain_partials(plain, *operands)
        except (ArithmeticError, ValueError):
            return
        assert bits(plain_slopes) == bits(slopes)


@every_rule
@given(data=st.data())
@thorough
@pytest.mark.unmeasured
def test_recording_never_raises_and_keeps_floats(name: str, data: Any) -> None:
    operands = data.draw(_operands(name).filter(len))
    value, partials = FLOAT.bind(RULES[name])
    node = record(RULES[name], operands)
    assert type(node.data) is float
    assert bits([node.data]) == bits([value(*operands)])
    assert bits(node.partials) == bits(partials(node.data, *operands))
    assert [type(slope) for slope in node.partials] == [float] * len(operands)
    node.backward()


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("log", (0.0,), -math.inf),
        ("log", (-0.0,), -math.inf),
        ("log", (-1.0,), math.nan),
        ("log1p", (-1.0,), -math.inf),
        ("log1p", (-2.0,), math.nan),
        ("exp", (710.0,), math.inf),
        ("exp", (-746.0,), 0.0),
        ("expm1", (710.0,), math.inf),
        ("sinh", (711.0,), math.inf),
        ("sinh", (-711.0,), -math.inf),
        ("cosh", (-711.0,), math.inf),
        ("sqrt", (-1.0,), math.nan),
        ("sqrt", (-0.0,), -0.0),
        ("asin", (2.0,), math.nan),
        ("acos", (-1.5,), math.nan),
        ("sin", (math.inf,), math.nan),
        ("tan", (-math.inf,), math.nan),
        ("div", (1.0, 0.0), math.inf),
        ("div", (1.0, -0.0), -math.inf),
        ("div", (-1.0, 0.0), -math.inf),
        ("div", (0.0, 0.0), math.nan),
        ("div", (math.nan, 0.0), math.nan),
        ("div", (math.inf, 0.0), math.inf),
        ("div", (1e308, 1e-308), math.inf),
        ("mul", (0.0, math.inf), math.nan),
        ("sub", (math.inf, math.inf), math.nan),
        ("pow", (-8.0, 0.5), math.nan),
        ("pow", (0.0, 0.0), 1.0),
        ("pow", (0.0, 0.5), 0.0),
        ("pow", (0.0, -1.0), math.inf),
        ("pow", (-0.0, -1.0), -math.inf),
        ("pow", (-0.0, -2.0), math.inf),
        ("pow", (-0.0, 3.0), -0.0),
        ("pow", (-1e308, 3.0), -math.inf),
        ("pow", (-1e308, 2.0), math.inf),
        ("pow", (10.0, 1e3), math.inf),
        ("pow", (math.nan, 0.0), 1.0),
        ("pow", (math.inf, -1.0), 0.0),
        ("pow", (-1.0, math.inf), 1.0),
        ("hypot", (math.inf, math.nan), math.inf),
        ("hypot", (1.7e308, 1.7e308), math.inf),
        ("neg", (0.0,), -0.0),
        ("abs", (-0.0,), 0.0),
    ],
)
def test_float_follows_ieee(name: str, operands: tuple[float, ...], expected: float) -> None:
    assert bits([FLOAT.bind(RULES[name])[0](*operands)]) == bits([expected])
    node = getattr(microgrid, name)(*[Value(x) for x in operands])
    assert bits([node.data]) == bits([expected])


def test_float_offers_every_rule_by_name() -> None:
    assert FLOAT.sigmoid(0.0) == 0.5
    assert FLOAT.div(1.0, 0.0) == math.inf
    assert type(FLOAT.exp(1e3)) is float


def test_an_arithmetic_has_a_name_and_refuses_what_neither_it_nor_the_table_has() -> None:
    assert repr(COMPLEX) == "<arithmetic complex>"
    empty = Arithmetic("empty")
    with pytest.raises(AttributeError, match="the empty arithmetic has no 'bessel', nor has the rule table"):
        empty.bessel  # noqa: B018
    with pytest.raises(AttributeError):
        empty._private  # noqa: B018


# ---- complex numbers ------------------------------------------------------------------------------------------

POINTS = [(0.7, 0.3), (-0.7, 0.3), (0.4, -1.1), (-0.2, -0.05), (1.5, 1e-200), (-1.5, -1e-12), (0.3, 0.0)]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", ["expm1", "log1p", "erf", "exp", "log", "sqrt", "sin", "asin", "atan", "tanh"])
def test_complex_functions_agree_with_mpmath(name: str, point: tuple[float, float]) -> None:
    z = complex(*point)
    if name in ("log1p", "asin") and abs(z.real) > 1.0:
        z = z / 2.0
    with mpmath.workdps(500):
        expected = complex(getattr(mpmath, name)(mpmath.mpc(z)))
    got = complex(getattr(COMPLEX, name)(z))
    if z.imag or expected.imag:
        assert got.imag == pytest.approx(expected.imag, rel=1e-13, abs=1e-300)
    assert got.real == pytest.approx(expected.real, rel=1e-13, abs=1e-15)


def test_complex_erf_on_the_imaginary_axis() -> None:
    with mpmath.workdps(50):
        expected = complex(mpmath.erf(mpmath.mpc(0, 0.5)))
    assert COMPLEX.erf(0.5j) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("x", [2.0, -2.0, 0.1, -0.1])
@pytest.mark.parametrize("y", [1.0, -1.0, 0.3, -0.3])
def test_complex_atan2_and_hypot_have_the_quadrant_of_the_real_parts(x: float, y: float) -> None:
    assert complex(COMPLEX.atan2(complex(y), complex(x))) == pytest.approx(math.atan2(y, x), rel=1e-15)
    assert complex(COMPLEX.hypot(complex(y), complex(x))) == pytest.approx(math.hypot(y, x), rel=1e-15)
    step = 1e-200
    slope = complex(COMPLEX.atan2(complex(y, step), complex(x))).imag / step
    assert slope == pytest.approx(x / (x * x + y * y), rel=1e-14)


def test_complex_choices_go_by_the_real_part() -> None:
    z = complex(-2.0, 5.0)
    assert COMPLEX.abs(z) == -z
    assert COMPLEX.relu(z) == 0.0
    assert COMPLEX.maximum(z, 1.0 + 0j) == 1.0
    assert COMPLEX.less_equal(z, z)
    assert COMPLEX.equal(z, complex(-2.0, 7.0))
    assert not COMPLEX.less(z, z)
    assert cmath.isclose(COMPLEX.pow(z, 2.0 + 0j), z * z)


# ---- high precision -------------------------------------------------------------------------------------------


def test_mpmath_works_at_the_precision_of_its_context() -> None:
    with mpmath.workdps(60):
        assert abs(MPMATH.sigmoid(mpmath.mpf(1)) + MPMATH.sigmoid(mpmath.mpf(-1)) - 1) < mpmath.mpf(10) ** -58
        assert mpmath.nstr(MPMATH.log(mpmath.mpf(2)), 50) == mpmath.nstr(mpmath.ln2, 50)
        assert mpmath.nstr(0.5 * MPMATH.sqrt(mpmath.mpf(2)), 50) == mpmath.nstr(mpmath.sqrt(0.5), 50)
    assert MPMATH.exact


@pytest.mark.parametrize(("name", "operands"), [("log", (-1,)), ("sqrt", (-1,)), ("pow", (-8, 0.5)), ("asin", (2,))])
def test_mpmath_gives_nan_and_no_complex_numbers(name: str, operands: tuple[float, ...]) -> None:
    assert mpmath.isnan(getattr(MPMATH, name)(*map(mpmath.mpf, operands)))


def test_without_mpmath_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)
    monkeypatch.delitem(sys.modules, "microgrid.arithmetics.mpmath")
    with pytest.raises(MissingPackageError, match=r"pip install 'microgrid-autodiff\[symbolic\]'") as caught:
        importlib.import_module("microgrid.arithmetics.mpmath")
    assert isinstance(caught.value, ImportError)


SMOOTH_OF_SEVERAL = [rule.name for rule in RULES.values() if not rule.kinks and rule.arity != 1]


@pytest.mark.parametrize("name", SMOOTH_OF_SEVERAL)
def test_a_complex_step_from_equal_operands_gives_the_derivative(name: str) -> None:
    rule = RULES[name]
    count = rule.arity or 2 * len(rule.regions)
    operands = [0.5] * count
    value, partials = FLOAT.bind(rule)
    slopes = partials(value(*operands), *operands)
    moving = [place for place in range(count) if rule.arity is None or not rule.regions[place].constant]
    for place in moving:
        step = [complex(0.5, 1e-100 * (place == other)) for other in range(count)]
        assert COMPLEX.bind(rule)[0](*step).imag / 1e-100 == pytest.approx(slopes[place], rel=1e-14), place
