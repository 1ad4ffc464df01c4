"""Functions over the whole range, against Python's own, mpmath and SciPy: steps, special functions, lists."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import scipy.special
from helpers import bits, ulps

import microgrid
from microgrid import InvalidValueError, Value, gradients
from microgrid.core import coefficients


def wide(draw: random.Random, low: float = -320.0, high: float = 308.0) -> float:
    return draw.choice((-1.0, 1.0)) * math.pow(10.0, draw.uniform(low, high))


# ---- steps and remainders -------------------------------------------------------------------------------------


def test_remainders_and_whole_quotients_have_the_bits_of_pythons() -> None:
    draw = random.Random(1)
    special = [0.0, -0.0, 1.0, -1.0, 2.5, -7.5, 1e300, -1e300, 5e-324, math.inf, -math.inf, math.nan]
    for _ in range(2000):
        x, y = [draw.choice(special) if draw.random() < 0.3 else wide(draw, -10, 20) for _ in "xy"]
        if y != 0.0:
            assert bits([(Value(x) % y).data, (x % Value(y)).data]) == bits([x % y] * 2), (x, y)
            assert bits([(Value(x) // y).data]) == bits([x // y]), (x, y)


def test_whole_numbers_are_those_of_python_and_keep_the_sign_of_0() -> None:
    draw = random.Random(2)
    for _ in range(2000):
        x = draw.choice((wide(draw, -3, 18), draw.randrange(-9, 9) / 2.0))
        assert microgrid.floor(x) == math.floor(x) == math.floor(Value(x)).data
        assert microgrid.ceil(x) == math.ceil(x) == math.ceil(Value(x)).data
        assert microgrid.trunc(x) == math.trunc(x) == math.trunc(Value(x)).data
        assert microgrid.rint(x) == round(x) == round(Value(x)).data
    assert bits([microgrid.rint(-0.25), microgrid.ceil(-0.5), microgrid.floor(-0.0)]) == bits([-0.0] * 3)


def test_fma_is_rounded_once() -> None:
    assert microgrid.fma(1.0 + 2.0**-52, 1.0 - 2.0**-52, -1.0) == -(2.0**-104)
    assert microgrid.fma(1e200, 1e200, -math.inf) == -math.inf
    assert bits([microgrid.fma(-1.0, 1.0, 1.0), microgrid.fma(-0.0, 1.0, -0.0)]) == bits([0.0, -0.0])


def test_what_fails_when_it_is_composed_by_hand_is_right() -> None:
    assert microgrid.asinh(-1e8) == pytest.approx(-19.11382792451231, rel=1e-15)
    assert microgrid.erfc(10.0) == pytest.approx(2.088487583762545e-45, rel=1e-14)
    assert microgrid.atanh(1e-20) == 1e-20
    assert microgrid.cbrt(-8.0) == -2.0
    assert microgrid.logit(0.5 + 1e-10) == pytest.approx(
        float(mpmath.log(mpmath.mpf(0.5 + 1e-10) / (1 - mpmath.mpf(0.5 + 1e-10)))), rel=1e-15
    )
    assert (microgrid.log2(8.0), microgrid.log10(1000.0), microgrid.exp2(10.0)) == (3.0, 3.0, 1024.0)


# ---- special functions ----------------------------------------------------------------------------------------

SPECIAL: list[tuple[str, Callable[..., Any], float, float]] = [
    ("lgamma", mpmath.loggamma, 1e-300, 1e300),
    ("digamma", mpmath.digamma, 1e-300, 1e300),
    ("trigamma", lambda x: mpmath.psi(1, x), 1e-150, 1e300),
    ("gamma", mpmath.gamma, 1e-300, 170.0),
    ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), 1e-300, 1e6),
    ("erfinv", mpmath.erfinv, 1e-300, 0.99),
]


@pytest.mark.parametrize(("name", "reference", "low", "high"), SPECIAL)
@pytest.mark.unmeasured
def test_special_functions_are_right_over_the_whole_range(
    name: str, reference: Callable[..., Any], low: float, high: float
) -> None:
    draw = random.Random(name)
    with mpmath.workdps(50):
        for _ in range(200):
            wide_one = 10.0 ** draw.uniform(math.log10(low), math.log10(high))
            x = draw.choice((wide_one, draw.uniform(0.01, min(8.0, high))))
            exact = reference(mpmath.mpf(x))
            error = ulps(getattr(microgrid, name)(x), float(exact))
            moved = abs(mpmath.diff(reference, mpmath.mpf(x), h=x * mpmath.mpf(10) ** -20)) * math.ulp(x)
            assert error <= 5.0 or error <= 4.0 * (1.0 + float(moved / math.ulp(float(exact)))), (x, error)


@pytest.mark.parametrize("order", range(6))
def test_polygamma_has_the_derivatives_of_digamma_on_both_sides_of_0(order: int) -> None:
    draw = random.Random(order)
    for _ in range(50):
        x = draw.choice((draw.uniform(0.05, 30.0), draw.uniform(-4.0, 0.0)))
        exact = float(mpmath.psi(order, x))
        assert microgrid.polygamma(order, x) == pytest.approx(exact, rel=1e-12, abs=1e-12)


def test_lgamma_differentiates_to_any_order() -> None:
    found = microgrid.taylor(microgrid.lgamma, 2.5, 6)
    with mpmath.workdps(30):
        wanted = [float(one) for one in mpmath.taylor(mpmath.loggamma, 2.5, 6)]
    assert found == pytest.approx(wanted, rel=1e-14)


def test_gamma_of_a_whole_number_is_exact_and_poles_are_infinite_or_nan() -> None:
    assert [microgrid.gamma(float(n)) for n in range(1, 19)] == [math.factorial(n - 1) for n in range(1, 19)]
    assert microgrid.lgamma(-3.0) == microgrid.lgamma(0.0) == math.inf
    assert math.isnan(microgrid.digamma(-2.0))
    assert microgrid.lgamma(-0.5) == pytest.approx(math.lgamma(-0.5), rel=1e-15)


def test_the_normal_distribution_keeps_its_digits_in_both_tails() -> None:
    with mpmath.workdps(500):
        for x in (-37.5, -20.3, -5.1, -1.0, -0.3, 0.0, 0.7, 3.3, 9.9, 37.0):
            exact = mpmath.ncdf(x)
            assert ulps(microgrid.ndtr(x), float(exact)) <= 4.0
            assert ulps(microgrid.log_ndtr(x), float(mpmath.log(exact))) <= 4.0
    slopes = microgrid.taylor(microgrid.log_ndtr, -1e6, 3)
    assert slopes[1] == pytest.approx(1e6 + 1e-6, rel=1e-15)
    assert 2.0 * slopes[2] == pytest.approx(-1.0, rel=1e-11)
    assert 6.0 * slopes[3] == pytest.approx(2e-18, rel=1e-11)  # 2/t³, where terms of size t would have to cancel


def test_the_beta_function_and_its_derivatives_keep_their_digits_where_operands_differ_in_size() -> None:
    draw = random.Random(3)
    with mpmath.workdps(60):
        for _ in range(100):
            x, y = Value(10.0 ** draw.uniform(-6, 10)), Value(10.0 ** draw.uniform(-6, 10))
            node = microgrid.betaln(x, y)
            exact_x, exact_y = mpmath.mpf(x.data), mpmath.mpf(y.data)
            slope = mpmath.psi(0, exact_x) - mpmath.psi(0, exact_x + exact_y)
            assert ulps(node.partials[0], float(slope)) <= 4.0, (x, y)
            second = gradients(gradients(node, x), x).data
            assert ulps(second, float(mpmath.psi(1, exact_x) - mpmath.psi(1, exact_x + exact_y))) <= 8.0, (x, y)
    assert microgrid.beta(2.0, 3.0) == 1.0 / 12.0


def test_rows_agree_with_scipy() -> None:
    import numpy

    rows = numpy.random.default_rng(0).uniform(0.05, 40.0, 500)
    for name, function in (("lgamma", scipy.special.gammaln), ("digamma", scipy.special.digamma)):
        rule = getattr(microgrid, name)
        compiled = microgrid.compile(lambda x, rule=rule: rule(x), rows=0, reduce=None)
        assert compiled(rows) == pytest.approx(function(rows), rel=1e-13, abs=1e-15)


def _mills(t: Any) -> Any:
    return (2 + t) * (mpmath.npdf(t) / mpmath.ncdf(-t) - t)


@pytest.mark.parametrize(
    ("table", "reference", "low", "high"),
    [
        ("LGAMMA_NEAR_2", lambda s: mpmath.loggamma(2 + s) / s, -0.75, 0.5),
        ("GAMMA_NEAR_2", lambda s: (mpmath.gamma(2 + s) - 1) / s, -0.5, 0.5),
        (
            "DIGAMMA_NEAR",
            lambda s: mpmath.psi(0, 1.5 + s) / (1.5 + s - mpmath.findroot(mpmath.digamma, 1.46)),
            -0.5,
            0.5,
        ),
        ("MILLS", lambda u: _mills(6 * (1 + u) / (1 - u)), -0.999, 0.9),
    ],
)
def test_coefficients_are_those_of_the_functions_they_stand_for(
    table: str, reference: Callable[[Any], Any], low: float, high: float
) -> None:
    polynomial = list(getattr(coefficients, table))[::-1]
    with mpmath.workdps(40):
        for step in range(23):
            s = mpmath.mpf(low) + (mpmath.mpf(high) - low) * (step + mpmath.mpf("0.43")) / 23
            assert abs(mpmath.polyval(polynomial, s) / reference(s) - 1) < 3e-16


# ---- lists ----------------------------------------------------------------------------------------------------


def test_the_derivatives_of_a_product_are_right_where_factors_are_0() -> None:
    xs = [Value(0.0), Value(3.0), Value(0.0), Value(2.0), Value(5.0)]
    microgrid.prod(xs).backward()
    assert [x.grad for x in xs] == [0.0] * 5
    xs = [Value(0.0), Value(3.0), Value(2.0)]
    microgrid.prod(xs).backward()
    assert [x.grad for x in xs] == [6.0, 0.0, 0.0]
    assert microgrid.prod([]) == 1.0


def test_softmax_and_its_derivatives_keep_their_digits_where_it_rounds_to_0_or_1() -> None:
    logits = [1.0, -700.0, 40.0]
    xs = [Value(x) for x in logits]
    parts = microgrid.softmax(xs)
    with mpmath.workdps(700):
        total = mpmath.fsum(mpmath.exp(x) for x in logits)
        exact = [mpmath.exp(x) / total for x in logits]
        assert [part.data for part in parts] == pytest.approx([float(one) for one in exact], rel=1e-12)
        parts[2].backward()
        wanted = [float(exact[2] * ((place == 2) - one)) for place, one in enumerate(exact)]
        assert [x.grad for x in xs] == pytest.approx(wanted, rel=1e-12)
        logs = microgrid.log_softmax(logits)
        assert logs == pytest.approx([float(mpmath.log(one)) for one in exact], rel=1e-12)
    assert microgrid.softmax([Value(3.0)])[0].data == 1.0
    assert microgrid.log_softmax([5.0]) == [0.0]


def test_mean_variance_and_norm_are_those_of_numpy_and_say_what_they_need() -> None:
    import numpy

    numbers = [1.0, 2.0, 6.5, -3.0, 0.25]
    assert microgrid.mean(numbers) == pytest.approx(numpy.mean(numbers), rel=1e-15)
    assert microgrid.var(numbers) == pytest.approx(numpy.var(numbers), rel=1e-15)
    assert microgrid.var(numbers, ddof=1) == pytest.approx(numpy.var(numbers, ddof=1), rel=1e-15)
    assert microgrid.norm(numbers) == pytest.approx(numpy.linalg.norm(numbers), rel=1e-15)
    zeros = [Value(0.0), Value(0.0), Value(0.0)]
    microgrid.norm(zeros).backward()
    assert [x.grad for x in zeros] == [0.0] * 3
    assert microgrid.norm([3e300, 4e300]) == pytest.approx(5e300, rel=1e-15)
    with pytest.raises(InvalidValueError, match="the mean of an empty list"):
        microgrid.mean([])
    with pytest.raises(InvalidValueError, match="needs more than 1 numbers, not 1"):
        microgrid.var([1.0], ddof=1)


def test_gamma_is_infinite_where_it_overflows_and_nan_at_a_pole() -> None:
    large = Value(1e3)
    assert (microgrid.gamma(large).data, *microgrid.gamma(large).partials) == (math.inf, math.inf)
    assert [microgrid.gamma(x) for x in (172.0, 746.0, 1e308, math.inf)] == [math.inf] * 4
    assert math.isnan(microgrid.gamma(-3.0))
    assert math.isnan(microgrid.gamma(-1e3))
    assert microgrid.gamma(-1000.5) == 0.0
    assert microgrid.gamma(171.5) == pytest.approx(math.gamma(171.5), rel=1e-15)


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        *[("atanh", (2.0,)), ("logit", (-1.0,)), ("logit", (1.5,)), ("log1mexp", (-1.0,)), ("logsubexp", (0.0, 1.0))],
        *[("betaln", (-0.5, 2.0)), ("beta", (-0.5, 2.0)), ("acosh", (0.5,)), ("asin", (2.0,)), ("erfinv", (2.0,))],
    ],
)
def test_outside_of_its_domain_a_function_has_nan_slopes_beside_its_nan_value(
    name: str, operands: tuple[float, ...]
) -> None:
    node = getattr(microgrid, name)(*map(Value, operands))
    assert all(map(math.isnan, (node.data, *node.partials)))
