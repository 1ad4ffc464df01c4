"""Proven enclosures: ball arithmetic over the rule table, certificates at points and over regions."""

from __future__ import annotations

import dataclasses
import math
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from graphs import random_graph, regular_graphs
from helpers import Operands, beside_kinks, definition, difference, everyday, few_or_all, random_of, tails

import microgrid
from benchmarks import certified
from benchmarks.rule_bounds import bound_of_partial, is_refuted_at
from microgrid import DataError, Enclosure, Interval, InvalidValueError, OperationError, Value, certify, logistic
from microgrid.arithmetics.ball import (
    BALL,
    JUMP,
    KINK,
    SMOOTH,
    UNDECIDED,
    arb,
    ball,
    between,
    bounds,
    working_precision,
)
from microgrid.arithmetics.mpmath import MPMATH
from microgrid.core.arithmetic import FLOAT
from microgrid.core.graph import evaluate, local_partials, pullback, topological_order
from microgrid.core.rule import Rule
from microgrid.core.rules import EVERY_RULE, RULES
from microgrid.derivations.enclosures import GraphInBalls
from microgrid.logistic.certified import bounds_over_z

every_rule = pytest.mark.parametrize("name", EVERY_RULE)
GAMMAS = [name for name in EVERY_RULE if "gamma" in name or "beta" in name]  # slow in mpmath, and far out for ever


def holds(enclosure: Any, reference: Any, digits: int = 1400) -> bool:
    """Whether a ball holds mpmath's number, which is off by less than 1e-60 of its size, or by 10**-digits."""
    if not enclosure.is_finite() or not mpmath.isfinite(reference):
        return True
    sign, mantissa, exponent, _ = mpmath.mpf(reference)._mpf_
    with working_precision(3000):
        exact = arb(-int(mantissa) if sign else int(mantissa)) * arb(2) ** arb(int(exponent))
        slack = abs(exact) * arb(10) ** -60 + arb(10) ** -digits
        return not (exact - slack > enclosure.upper() or exact + slack < enclosure.lower())


# ---- every rule ------------------------------------------------------------------------------------------------


def balls_around(operands: Operands, draw: random.Random) -> list[Any]:
    """Balls of many sizes that hold the operands, anywhere inside."""
    found = []
    for x in operands:
        size = draw.choice((0.0, 0.0, 2.0**-60, 1e-9, 0.01, 0.5)) * draw.choice((1.0, abs(x)))
        ends = [min(x, x + size * draw.uniform(-2.0, 0.0)), max(x, x + size * draw.uniform(0.0, 2.0))]
        found.append(between(*ends) if all(map(math.isfinite, ends)) else ball(x))
    return found


def points_of(rule: Rule, count: int) -> Iterator[Operands]:
    yield from everyday(rule, count)
    yield from beside_kinks(rule)
    if rule.arity is not None and rule.name not in GAMMAS:
        yield from tails(rule, 3 * count)


@few_or_all
@every_rule
@pytest.mark.unmeasured
def test_a_ball_of_every_rule_holds_what_mpmath_gives_inside_it(name: str, everything: bool) -> None:
    rule, draw = EVERY_RULE[name], random_of(EVERY_RULE[name])
    function, (value, partials) = definition(rule), BALL.bind(rule)
    finite = 0
    for operands in points_of(rule, 12 if everything else 1):
        if len(operands) > 7:
            continue
        with working_precision(draw.choice((53, 100, 200))):
            balls = balls_around(operands, draw)
            out = value(*balls)
            slopes = partials(out, *balls)
        finite += out.is_finite()
        is_far = any(not 1e-10 < abs(x) < 15.0 for x in operands)
        with mpmath.workdps(1500 if is_far else 200):
            xs = [mpmath.mpf(x) for x in operands]
            assert name == "sinc" or holds(out, function(*xs)), (operands, balls, out)
            if name in ("digamma_gap", "trigamma_gap"):
                continue
            for place in draw.sample(range(len(xs)), min(2, len(xs))):
                slope, finer = [difference(function, xs, place, exponent) for exponent in (-40, -44)]
                if abs(slope - finer) < abs(slope) * mpmath.mpf(10) ** -70 and rule.arity is not None:
                    assert rule.regions[place].constant or holds(arb(slopes[place]), slope), (operands, balls, slopes)
    assert finite or not everything


def test_a_ball_at_a_point_is_as_narrow_as_its_precision() -> None:
    for rule in RULES.values():
        for operands in everyday(rule, 3):
            with working_precision(200):
                xs = [
                    ball(float(round(x) if region.constant else x))
                    for x, region in zip(operands, rule.regions * 30, strict=False)
                ]
                out = BALL.bind(rule)[0](*xs)
                assert out.is_finite(), (rule.name, operands)
                assert out == 0 or out.rel_accuracy_bits() > 180, (rule.name, operands)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "tanh", "erf", "log_ndtr", "ndtr", "log", "exp", "erfcx"])
def test_a_wide_ball_of_a_monotone_function_is_hardly_wider_than_its_range(name: str) -> None:
    low, high = (0.5, 4.0)
    with working_precision(100):
        ends = sorted([float(BALL.bind(RULES[name])[0](ball(x))) for x in (low, high)])
        found = bounds(BALL.bind(RULES[name])[0](between(low, high)))
    slack = 5e-8 * (ends[1] - ends[0])
    assert ends[0] - slack <= found[0] <= ends[0] <= ends[1] <= found[1] <= ends[1] + slack


@pytest.mark.parametrize(
    ("name", "low", "high", "value", "slopes"),
    [
        ("abs", -1.0, 2.0, (0.0, 2.0), (-1.0, 1.0)),
        ("relu", -1.0, 2.0, (0.0, 2.0), (0.0, 1.0)),
        ("sign", -1.0, 2.0, (-1.0, 1.0), (0.0, 0.0)),
        ("floor", 0.25, 2.5, (0.0, 2.0), (0.0, 0.0)),
        ("rint", 0.25, 2.25, (0.0, 2.0), (0.0, 0.0)),
        ("trunc", -1.5, 1.5, (-1.0, 1.0), (0.0, 0.0)),
    ],
)
def test_across_a_kink_a_ball_has_both_sides(
    name: str, low: float, high: float, value: tuple[float, float], slopes: tuple[float, float]
) -> None:
    BALL.met = SMOOTH
    x = between(low, high)
    out = BALL.bind(RULES[name])[0](x)
    (slope,) = BALL.bind(RULES[name])[1](out, x)
    assert BALL.met == (KINK if name in ("abs", "relu") else JUMP)
    for found, wanted in ((bounds(out), value), (bounds(arb(slope)), slopes)):
        assert found[0] <= wanted[0] <= wanted[1] <= found[1]
        assert found == pytest.approx(wanted, abs=1e-7)


def test_kinks_count_as_met_at_the_point_itself_and_not_beside_it() -> None:
    for name, at, beside in (("relu", 0.0, 1e-300), ("floor", 3.0, 2.999), ("rint", 0.5, 0.4999), ("abs", 0.0, -1e-9)):
        for x, wanted in ((at, True), (beside, False)):
            BALL.met = SMOOTH
            BALL.bind(RULES[name])[0](ball(x))
            assert (BALL.met > SMOOTH) is wanted


def test_outside_of_the_domain_nothing_is_known() -> None:
    for name, low, high in (("log", -1.0, 2.0), ("sqrt", -1.0, 2.0), ("asin", 0.5, 1.5), ("gamma", -0.5, 0.5)):
        assert not BALL.bind(RULES[name])[0](between(low, high)).is_finite()
    assert not BALL.bind(RULES["div"])[0](ball(1.0), between(-1.0, 1.0)).is_finite()
    assert not BALL.bind(RULES["pow"])[0](between(-1.0, 1.0), ball(0.5)).is_finite()
    assert bounds(arb("nan")) == (-math.inf, math.inf)


def test_a_minus_zero_is_no_number_of_its_own_and_both_signs_count() -> None:
    assert bounds(BALL.copysign(2.0, 0.0)) == pytest.approx((-2.0, 2.0), abs=1e-7)
    assert bounds(BALL.atan2(0.0, -1.0)) == pytest.approx((-math.pi, math.pi), abs=1e-7)


def test_python_code_cannot_branch_on_what_is_undecided() -> None:
    assert BALL.less(between(0.0, 1.0), 0.5) is UNDECIDED
    with pytest.raises(DataError, match=r"write m\.where"):
        bool(UNDECIDED)


@pytest.mark.parametrize("x", [0.1, 5e-324, -1e308, math.pi, 1.0 + 2.0**-52, 0.0])
def test_bounds_are_the_nearest_floats_outside(x: float) -> None:
    assert bounds(ball(x)) == (x, x)
    with working_precision(4000):
        assert bounds(ball(x) + arb(2) ** -2000) == (x, math.nextafter(x, math.inf))
        assert bounds(ball(x) - arb(2) ** -2000) == (math.nextafter(x, -math.inf), x)


# ---- enclosures ------------------------------------------------------------------------------------------------


def test_an_enclosure_prints_only_digits_that_all_of_its_numbers_share() -> None:
    assert str(Enclosure(Fraction(1, 3), Fraction(1, 3), digits=5)) == "0.33333"
    assert str(Enclosure(Fraction(12344, 10**4), Fraction(12346, 10**4))) == "1.23"
    assert str(Enclosure(Fraction(-1), Fraction(2, 3))) == "between -1 and 0.666667"
    assert str(Enclosure(-math.inf, Fraction(1, 3))) == "between -inf and 0.333334"
    assert Enclosure(Fraction(-1), Fraction(2)).sign is None
    assert [Enclosure(Fraction(low), Fraction(high)).sign for low, high in ((1, 2), (-2, -1), (0, 0))] == [1, -1, 0]


def test_the_error_in_ulp_is_never_told_too_small() -> None:
    third = Fraction(1, 3)
    off = abs(Fraction(1 / 3) - third) / Fraction(math.ulp(1 / 3))
    assert Fraction(Enclosure(third, third, recorded=1 / 3).ulp) >= off
    assert Enclosure(third, third, recorded=1 / 3).ulp == pytest.approx(float(off))
    assert Enclosure(third, third, recorded=math.nan).ulp == math.inf
    assert Enclosure(Fraction(1), Fraction(1), recorded=1.0).ulp == 0.0


# ---- at a point ------------------------------------------------------------------------------------------------


def exact_derivatives(output: Value, leaves: Sequence[Value]) -> tuple[Any, list[Any]]:
    """The value and the gradient by mpmath, through the rules' definitions."""
    values = evaluate([output], MPMATH, {}, constant=mpmath.mpf)
    adjoints = pullback(output, local_partials(MPMATH, values), mpmath.mpf(1), m=MPMATH)
    return values[output], [adjoints.get(leaf, 0) for leaf in leaves]


@few_or_all
def test_mpmath_at_100_digits_confirms_certificates_of_random_graphs(everything: bool) -> None:
    certified = 0
    for leaves, output in regular_graphs(200 if everything else 12):
        certificate = certify(output, wrt=[leaf for leaf in leaves if leaf in topological_order(output)])
        with mpmath.workdps(100):
            value, slopes = exact_derivatives(output, leaves)
            known = dict(zip([leaf.name for leaf in leaves], slopes, strict=True))
            for one, exact in [(certificate.value, value)] + [
                (certificate.gradient[name], known[name]) for name in certificate.gradient
            ]:
                slack = mpmath.mpf(10) ** -70 * (1 + abs(exact))
                low, high = [
                    mpmath.mpf(bound.numerator) / bound.denominator for bound in (Fraction(one.low), Fraction(one.high))
                ]
                assert low - slack <= exact <= high + slack
                certified += 1
    assert certified > 20


@pytest.mark.parametrize(("numbers", "on_kink"), [((2, 1, -1), ""), ((2, 1, 1), "amin"), ((2, 2, -1), "amax")])
def test_the_ends_of_a_list_lie_on_a_kink_only_where_they_are_tied(numbers: tuple[float, ...], on_kink: str) -> None:
    leaves = [Value(float(number), name) for number, name in zip(numbers, "xyz", strict=True)]
    for end in (microgrid.amax, microgrid.amin):
        certificate = certify(end(leaves) * leaves[0], hessian=True)
        assert bool(certificate.kinks) == (end.__name__ == on_kink)
        assert {str(found.ulp) for found in certificate.gradient.values()} == {"0.0"}


def test_digits_are_the_right_ones_however_many_cancel() -> None:
    x = Value(1e-9, "x")
    certificate = certify(microgrid.exp(x) - 1.0, digits=40)
    with mpmath.workdps(80):
        assert str(certificate.value) == mpmath.nstr(mpmath.expm1(mpmath.mpf(1e-9)), 40, min_fixed=0)
    assert certificate.value.ulp > 1e6
    assert bool(certificate)


def test_second_derivatives_are_enclosed_on_request() -> None:
    x, y = Value(0.5, "x"), Value(2.0, "y")
    certificate = certify(microgrid.exp(x * y) * y, hessian=True, digits=20)
    assert certificate.hessian is not None
    with mpmath.workdps(40):
        found = mpmath.diff(lambda s, t: mpmath.exp(s * t) * t, (mpmath.mpf("0.5"), mpmath.mpf(2)), (1, 1))
        assert abs(mpmath.mpf(str(certificate.hessian["x", "y"])) - found) < mpmath.mpf(10) ** -15
    assert certificate.hessian["x", "y"].low <= certificate.hessian["y", "x"].high


def test_a_certificate_says_which_node_loses_the_digits() -> None:
    x = Value(0.5, "x")
    certificate = certify(microgrid.named(microgrid.sin(x) - microgrid.sin(x), "gap") * 3.0)
    assert not certificate
    assert "lost in gap = sub of" in certificate.lost
    certificate = certify(microgrid.floor(3.0 * (1.0 / Value(3.0, "u"))))
    assert "lost in floor" in certificate.lost
    assert "jump" in certificate.lost
    assert "not bounded" in certify(microgrid.sqrt(Value(0.0, "t"))).lost


def test_a_certificate_names_the_kinks_it_lies_on() -> None:
    x = Value(0.0, "x")
    assert certify(microgrid.relu(x) + x).kinks == ("relu of x = 0.0",)
    assert certify(microgrid.relu(Value(1e-300, "x"))).kinks == ()


def test_what_cannot_be_certified_is_told_in_a_sentence() -> None:
    x = Value(-1.0, "x")
    with pytest.raises(DataError, match=r"log of x = -1\.0, which is defined for x > 0"):
        certify(microgrid.log(x))
    with pytest.raises(DataError, match="the leaf x = inf is not finite"):
        certify(microgrid.exp(-Value(math.inf, "x")))
    square = microgrid.custom(lambda x: x * x, lambda out, x: out / x * 2.0, name="square")
    with pytest.raises(OperationError, match="square is written for floats alone"):
        certify(square(x))
    with pytest.raises(DataError, match="digits is a whole number from 1"):
        certify(x * x, digits=0)
    with pytest.raises(InvalidValueError, match="only a Value can be certified"):
        certify(math.sin)  # type: ignore[call-overload]
    with pytest.raises(InvalidValueError, match="wrt has leaves"):
        certify(x * x, wrt=[x * x])
    with pytest.raises(DataError, match="no leaf of the graph"):
        certify(x * x, wrt=[Value(1.0, "y")])
    y = x * x
    x.data = 3.0
    with pytest.raises(DataError, match="was changed since"):
        certify(y)


def test_an_operation_written_with_m_is_certified() -> None:
    hump = microgrid.custom(
        lambda x, *, m: m.where(m.less(x, 0.0), m.exp(x), 1.0 + x),
        lambda out, x, *, m: m.where(m.less(x, 0.0), out, 1.0),
        name="hump",
    )
    assert certify(hump(Value(0.5, "x"))).gradient["x"].is_exact
    assert "hump" in certify(hump, Interval(-1.0, 1.0)).kinks[0]


def test_without_python_flint_the_extra_is_named() -> None:
    program = "import sys; sys.modules['flint'] = None\nimport microgrid\nmicrogrid.certify(microgrid.Value(1.0) * 2.0)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "microgrid-autodiff[certify]" in result.stderr


# ---- over a region ---------------------------------------------------------------------------------------------


def inside(point: Sequence[float], regions: Sequence[Interval]) -> bool:
    return all(one.low <= x <= one.high for x, one in zip(point, regions, strict=True))


@few_or_all
def test_random_points_of_random_graphs_lie_in_the_enclosures_of_their_boxes(everything: bool) -> None:
    """For 100,000 points in all: mpmath's value and slopes at 100 digits, in boxes of many sizes."""
    draw, points, wanted = random.Random(17), 0, 100_000 if everything else 300
    seed = 50_000
    while points < wanted:
        seed += 1
        leaves, output = random_graph(seed, 6)
        if not all(math.isfinite(node.data) and abs(node.data) < 1e6 for node in topological_order(output)):
            continue
        graph = GraphInBalls(output, leaves)
        for _ in range(4):
            size = draw.choice((1e-9, 1e-3, 0.1, 0.5))
            lows = [leaf.data - draw.random() * size for leaf in leaves]
            highs = [leaf.data + draw.random() * size for leaf in leaves]
            with working_precision(80):
                run = graph.differentiate([between(*ends) for ends in zip(lows, highs, strict=True)])
                slopes = graph.gradient(run)
            if not run.values[graph.places[output]].is_finite():
                continue
            for _ in range(25):
                xs = [draw.uniform(*ends) for ends in zip(lows, highs, strict=True)]
                points += 1
                with mpmath.workdps(100):
                    given = {leaf: mpmath.mpf(x) for leaf, x in zip(leaves, xs, strict=True)}
                    try:
                        values = evaluate([output], MPMATH, given, constant=mpmath.mpf)
                        adjoints = pullback(output, local_partials(MPMATH, values), mpmath.mpf(1), m=MPMATH)
                    except (ArithmeticError, ValueError):
                        continue
                    assert holds(run.values[graph.places[output]], values[output], 60), (seed, xs)
                    for leaf, slope in zip(leaves, slopes, strict=True):
                        assert holds(slope, adjoints.get(leaf, mpmath.mpf(0)), 60), (seed, xs, leaf)


def checked(f: Any, region: Any, **options: Any) -> Any:
    return certify(f, region, progress=False, **options)


def test_signs_bounds_and_lipschitz_constants_are_proven_over_a_region() -> None:
    certificate = checked(lambda x, y: microgrid.exp(x * y) + 3.0 * y, (Interval(0.5, 1.0), Interval(-1.0, 1.0)))
    assert certificate.signs == {"x": "changes", "y": "positive"}
    assert (certificate.monotone("x"), certificate.monotone("y")) == ("neither", "increasing")
    assert certificate.is_smooth
    assert certificate.share == 1.0
    assert certificate.value.low <= math.exp(-1.0) - 3.0
    assert certificate.value.high >= math.e + 3.0
    assert float(certificate.value.high) == pytest.approx(math.e + 3.0, rel=0.02)
    assert math.hypot(math.e, math.e + 3.0) <= certificate.lipschitz < 1.1 * math.hypot(math.e, math.e + 3.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.unmeasured
def test_no_point_of_a_region_lies_outside_of_its_certificate(seed: int) -> None:
    draw = random.Random(seed)
    names = ("exp", "sin", "tanh", "softplus", "relu", "erf", "atan", "abs", "floor")
    first, second, third = draw.sample(names, 3)

    def f(x: Any, y: Any) -> Any:
        inner = getattr(microgrid, first)(x * y) + getattr(microgrid, second)(x - 0.3)
        return inner * y + getattr(microgrid, third)(inner)

    regions = (Interval(-1.0, 0.7), Interval(0.2, 1.5))
    certificate = checked(f, regions, budget=100_000)
    for _ in range(200):
        xs = [one.draw(draw) for one in regions]
        x, y = Value(xs[0], "x"), Value(xs[1], "y")
        output = f(x, y)
        output.backward()
        assert float(certificate.value.low) - 1e-12 <= output.data <= float(certificate.value.high) + 1e-12
        for leaf in (x, y):
            bounds_of = certificate.gradient[leaf.name or ""]
            assert float(bounds_of.low) - 1e-12 <= leaf.grad <= float(bounds_of.high) + 1e-12


def test_kinks_and_jumps_of_a_region_are_named() -> None:
    certificate = checked(lambda x: microgrid.relu(x) + 2.0 * x, Interval(-1.0, 1.0))
    assert certificate.kinks == ("relu, where x = 0",)
    assert certificate.monotone("x") == "increasing"
    assert 3.0 <= certificate.lipschitz < 3.001
    certificate = checked(lambda x: microgrid.floor(x) - 2.0 * x, Interval(0.5, 1.5))
    assert "floor" in certificate.kinks[0]
    assert certificate.lipschitz == math.inf
    assert certificate.monotone("x") == "undecided"


def test_a_pole_is_told_with_the_box_that_resists_and_what_is_proven_besides() -> None:
    certificate = checked(lambda x: 1.0 / x, Interval(-1.0, 1.0), budget=100_000)
    assert not certificate
    assert 0.99 < certificate.share < 1.0
    assert "div" in certificate.undecided[0]
    assert "y != 0" in certificate.undecided[0]
    assert certificate.signs["x"] == "undecided"
    assert certificate.lipschitz == math.inf


def test_branches_in_python_are_recorded_on_each_side() -> None:
    def f(x: Any) -> Any:
        return x * x if x < 0.5 else 3.0 * x

    certificate = checked(f, Interval(1.0, 2.0))
    assert certificate.value.low <= 3.0
    assert certificate
    certificate = checked(f, Interval(0.1, 0.4))
    assert float(certificate.value.high) == pytest.approx(0.16, rel=0.02)
    assert "branches at" in checked(f, Interval(0.0, 1.0)).undecided[0]


def test_a_region_that_makes_no_sense_is_told_in_a_sentence() -> None:
    with pytest.raises(DataError, match="computed from the inputs outside of the graph"):
        checked(lambda x: x * math.sin(x.data), Interval(0.0, 1.0))
    with pytest.raises(DataError, match="no Interval"):
        checked(lambda x: x * x, 1.0)
    with pytest.raises(DataError, match="is made of finite numbers"):
        checked(lambda x, y: x * y, (Interval(0.0, 1.0), math.nan))
    with pytest.raises(DataError, match="the lower one first"):
        checked(lambda x: x * x, Interval(1.0, 0.0))
    with pytest.raises(DataError, match="budget is a whole number"):
        checked(lambda x: x * x, Interval(0.0, 1.0), budget=0)
    with pytest.raises(DataError, match="a larger budget"):
        checked(lambda x: microgrid.sum([x * k for k in range(100)]), Interval(0.0, 1.0), budget=10)
    with pytest.raises(InvalidValueError, match="takes a function"):
        certify(Value(1.0), Interval(0.0, 1.0))  # type: ignore[call-overload]
    with pytest.raises(InvalidValueError, match="a single number"):
        checked(lambda x: [x, x], Interval(0.0, 1.0))
    with pytest.raises(OperationError, match="written for floats alone"):
        checked(microgrid.custom(lambda x: x * x, lambda out, x: out / x * 2.0, name="square"), Interval(0.0, 1.0))


def test_a_spent_budget_says_what_was_proven_until_then() -> None:
    certificate = checked(lambda x: microgrid.sin(50.0 * x) ** 2 + x, Interval(0.0, 1.0), budget=300)
    assert not certificate or "changes" in certificate.signs.values()
    certificate = checked(lambda x: microgrid.exp(x * x - x), Interval(0.4999, 5.0), budget=60)
    assert "budget of 60 operations is spent" in certificate.undecided[-1]
    assert certificate.value.high >= math.exp(20.0)


def test_structures_of_intervals_and_names_are_arguments() -> None:
    certificate = checked(lambda w, b: w[0] * w[1] + b, {"w": [Interval(1.0, 2.0), Interval(3.0, 4.0)], "b": 2})
    assert certificate.signs == {"w[0]": "positive", "w[1]": "positive"}


# ---- equality --------------------------------------------------------------------------------------------------


def slope_of_a_sigmoid() -> tuple[Value, Value]:
    w, x = Value(0.5, "w"), Value(2.0, "x")
    a = microgrid.named(microgrid.sigmoid(w * x), "a")
    return microgrid.gradients(a, w), w


WX = {"w": Interval(-3.0, 3.0), "x": Interval(-2.0, 2.0)}


@pytest.mark.parametrize("wrong", ["a*(1 + a)*x", "-a*(1 - a)*x", "a*(1 - a)*w", "a*(1 - a)*x*(1 + 1e-12)"])
@pytest.mark.parametrize("over", [None, WX])
def test_a_wrong_closed_form_is_refuted_with_proof(wrong: str, over: Any) -> None:
    gradient, _ = slope_of_a_sigmoid()
    proof = microgrid.prove(gradient, wrong, over=over)
    assert proof.verdict == "refuted"
    assert "proven in ball arithmetic" in proof.reason
    assert proof.point is not None
    if over is not None:
        assert inside([proof.point["w"], proof.point["x"]], [WX["w"], WX["x"]])


def test_a_right_closed_form_is_proved_over_a_region_too() -> None:
    gradient, _ = slope_of_a_sigmoid()
    assert microgrid.prove(gradient, "a*(1 - a)*x", over=WX)


def test_what_sympy_cannot_simplify_is_bounded_over_the_region() -> None:
    z = Value(0.3, "z")
    left = microgrid.lgamma(z + 1.0) - microgrid.lgamma(z)
    proof = microgrid.prove(left, "log(z)", over={z: Interval(1.0, 2.0)}, budget=20_000)
    assert proof.verdict == "bounded"
    assert not proof
    assert proof.bound is not None
    assert proof.bound < 1e-4
    assert "not proven: that they are equal" in proof.reason


def test_a_region_that_does_not_fit_a_claim_is_told() -> None:
    z = Value(0.3, "z")
    for over, match in (
        ({"q": Interval(0.0, 1.0)}, "'q', which is no leaf"),
        ({}, "no Interval for z"),
        ({"z": 1.0}, "an Interval is needed"),
        (Interval(0.0, 1.0), "a dict of Intervals"),
    ):
        with pytest.raises(DataError, match=match):
            microgrid.prove(microgrid.exp(z), "1", over=over)  # type: ignore[arg-type]


# ---- the rules' partials ---------------------------------------------------------------------------------------


def lines_of(rule: Rule, count: int) -> Iterator[tuple[list[float], int, float, float]]:
    """Lines through a rule's everyday region: the operands, which of them moves, and between what."""
    for operands in everyday(rule, count):
        if len(operands) > 4 or (rule.arity is None and len(operands) < 2):
            continue
        regions = [region for region in rule.regions for _ in range(len(operands) // len(rule.regions))]
        moving = [not region.constant for region in regions]
        if rule.name == "polygamma":
            moving[0] = False  # its order
        point = [x if moves else float(round(x)) for x, moves in zip(operands, moving, strict=True)]
        for place, region in enumerate(regions):
            if moving[place] and region.low < region.high:
                yield point, place, region.low, region.high


ERRORS: dict[str, float] = {}


@few_or_all
@every_rule
@pytest.mark.unmeasured
def test_every_partial_is_proven_along_its_whole_everyday_interval(name: str, everything: bool) -> None:
    """By the Taylor series of the value alone. Where others stay, each operand goes through its interval."""
    rule = EVERY_RULE[name]
    for point, place, low, high in lines_of(rule, 6 if everything else 1):
        found = bound_of_partial(rule, point, place, low, high)
        ERRORS[name] = max(found.ulp, ERRORS.get(name, 0.0))
        assert found.ulp <= 0.01
        # A piece around a kink remains, and one around 0 where sinc's slope is 0/0.
        assert found.proven == 1.0 or (found.proven > 0.999 and (rule.kinks or name == "sinc"))
    print(f"{name}: the partials are proven to within {ERRORS.get(name, 0.0):.1e} ulp")


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.kinks])
def test_a_fault_of_one_ulp_in_a_partial_is_refuted(name: str) -> None:
    def make(m: Any) -> Any:
        value, partials = RULES[name].make(m)
        if RULES[name].arity is None:
            return value, lambda out, *xs: [[(1.0 + 2.0**-52) * one for one in some] for some in partials(out, *xs)]
        return value, lambda out, *xs: [(1.0 + 2.0**-52) * one for one in partials(out, *xs)]

    faulty = dataclasses.replace(RULES[name], make=make)
    refuted = 0
    for point, place, _, _ in lines_of(faulty, 2):
        assert not is_refuted_at(RULES[name], point, place)
        refuted += is_refuted_at(faulty, point, place)
    assert refuted


def test_the_checkers_reference_by_balls_is_proven_and_catches_a_fault() -> None:
    def f(w: Any, x: Any) -> Any:
        return microgrid.exp(-w * x) / (1.0 + x**2) + microgrid.erfinv(w / 2.0)

    report = microgrid.check_gradients(f, (0.5, 2.0), reference="ball", tol=1e-15)
    assert report
    assert report.worst is not None
    assert report.worst.how == "ball arithmetic"
    assert 0.0 < report.worst.bound < 1e-15
    wrong = microgrid.check_gradients(math.sin, 0.5, closed_form=lambda x: math.cos(x) * 1.001, reference="ball")
    assert not wrong
    nearly = {"closed_form": lambda x: math.cos(x) * (1.0 + 1e-9), "reference": "ball", "tol": 1e-12}
    form = microgrid.check_gradients(microgrid.sin, 0.5, **nearly)  # type: ignore[arg-type]
    assert form.verdict == "wrong gradient"


# ---- logistic regression ---------------------------------------------------------------------------------------


def test_the_logistic_gradient_is_within_4_ulp_for_every_logit_at_once() -> None:
    certificate = logistic.certify([[1.0, 2.0], [30.0, -2.0], [-800.0, 1.0]], [0, 1, 0], w=[1.0, 0.5], b=-1.0)
    assert certificate.everywhere <= 4.0
    assert certificate.worst <= 4.0
    assert len(certificate.samples) == 3
    assert "every float |z| <= 745" in str(certificate)
    assert max(bound for _, bound in bounds_over_z("textbook", 0.0, 30.0)) > 1e3
    assert logistic.certify([[800.0]], [1], w=[1.0], b=0.0, form="textbook").worst == math.inf


def test_the_bound_over_the_logits_holds_for_the_floats() -> None:
    draw = random.Random(5)
    for label in (0.0, 1.0):
        for form, farthest in (("logit", 745.0), ("textbook", 12.0)):
            pieces = bounds_over_z(form, label, farthest)
            for middle, bound in draw.sample(list(pieces), 30):
                z = Value(middle + draw.uniform(-0.0625, 0.0625), "z")
                graph = logistic.sample_loss([1.0], label, [1.0], 0.0, form=form)  # type: ignore[arg-type]
                moved = evaluate([graph.loss], FLOAT, {graph.z: z.data})
                slope = pullback(graph.loss, local_partials(FLOAT, moved), order=topological_order(graph.loss))[graph.z]
                with mpmath.workdps(400):
                    a = 1 / (1 + mpmath.exp(-mpmath.mpf(z.data)))
                    unit = max(max(a, label) * mpmath.mpf(2) ** -52, mpmath.mpf(2) ** -1074)
                    assert abs(mpmath.mpf(slope) - (a - label)) <= bound * unit


def test_the_bounds_are_drawn() -> None:
    axes = logistic.plot_bounds()
    assert len(axes.lines) == 4
    assert "ulp" in axes.get_ylabel()


# ---- the benchmarks' works -------------------------------------------------------------------------------------


def test_the_benchmarks_works_have_the_same_answers() -> None:
    output = certified.chain(400)
    certificate = certify(output, digits=30)
    mpmath.iv.dps = 50
    slope = certified.interval_gradient(output)
    with mpmath.workdps(50):
        assert mpmath.mpf(slope.a) <= mpmath.mpf(str(certificate.gradient["x"])) + mpmath.mpf(10) ** -28
        assert mpmath.mpf(slope.b) >= mpmath.mpf(str(certificate.gradient["x"])) - mpmath.mpf(10) ** -28
    region = tuple([Interval(-0.25, 0.25)] * 5)
    assert certify(certified.small_net, region, budget=200_000, progress=False).signs["x0"] == "positive"


@pytest.mark.parametrize(("choice", "low", "high"), [(microgrid.maximum, 1.0, 3.0), (microgrid.minimum, 0.0, 2.0)])
def test_the_larger_and_the_smaller_of_two_lie_within_their_ends_and_have_no_jump(
    choice: Any, low: float, high: float
) -> None:
    found = certify(choice, (Interval(0.0, 2.0), Interval(1.0, 3.0)), budget=2_000)
    assert low - 1e-4 < found.value.low <= low
    assert high <= found.value.high < high + 1e-4
    assert found.lipschitz < 1.001 * math.sqrt(2.0)
