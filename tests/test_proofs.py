"""What is proved, what is refuted and what is left undecided: the closed forms of the logistic graph above all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
from helpers import everyday, record

import microgrid
from microgrid import FormulaError, InvalidValueError, Value, gradients, logistic, prove
from microgrid.arithmetics.mpmath import MPMATH
from microgrid.core.graph import evaluate
from microgrid.core.rule import Region, Rule
from microgrid.core.rules import RULES
from microgrid.formulas.parse import parse
from microgrid.logistic import SampleLoss

forms = pytest.mark.parametrize("form", ["textbook", "logit"])
features = pytest.mark.parametrize("n", [1, 2, 10])


def _sample(n: int, form: Any) -> SampleLoss:
    return logistic.sample_loss([0.5] * n, 1, [0.25] * n, 0.1, form=form)


# ---- the closed forms of logistic regression ------------------------------------------------------------------


@forms
@features
def test_the_five_components_of_the_logistic_gradient_are_proved(n: int, form: Any) -> None:
    graph = _sample(n, form)
    a, y, z = graph.a, graph.y, graph.z
    if form == "textbook":
        assert prove(gradients(graph.loss, a), (1 - y) / (1 - a) - y / a)
    assert prove(gradients(a, z), a * (1 - a))
    assert prove(gradients(graph.loss, z), a - y)
    for weight, x in zip(graph.w, graph.x, strict=True):
        assert prove(gradients(z, weight), x)
    assert prove(gradients(z, graph.b), 1.0)


@forms
@features
def test_the_products_of_the_logistic_gradient_are_proved(n: int, form: Any) -> None:
    graph = _sample(n, form)
    residual = graph.a - graph.y
    slopes = gradients(graph.loss, [*graph.w, graph.b])
    for slope, x in zip(slopes, graph.x, strict=False):
        assert prove(slope, residual * x).verdict == "proved"
    assert prove(slopes[-1], residual).verdict == "proved"


@forms
@features
def test_the_logistic_hessian_is_proved(n: int, form: Any) -> None:
    graph = _sample(n, form)
    curvature = graph.a * (1 - graph.a)
    first, last = graph.w[0], graph.w[-1]
    slope = gradients(graph.loss, first)
    assert prove(gradients(slope, last), curvature * graph.x[0] * graph.x[-1])
    assert prove(gradients(slope, graph.b), curvature * graph.x[0])


@forms
@pytest.mark.unmeasured
def test_the_gradient_of_the_mean_over_samples_is_proved(form: Any) -> None:
    graph = logistic.dataset_loss([[0.5, 0.2]] * 3, [0, 1, 1], [0.1, 0.2], 0.3, form=form)
    count = len(graph.samples)
    for place, weight in enumerate(graph.w):
        terms = [(sample.a - sample.y) * sample.x[place] for sample in graph.samples]
        assert prove(gradients(graph.loss, weight), microgrid.sum(terms) / count)
    residuals = [sample.a - sample.y for sample in graph.samples]
    assert prove(gradients(graph.loss, graph.b), microgrid.sum(residuals) / count)


WRONG: dict[str, Callable[[SampleLoss], Value]] = {
    "a + y": lambda graph: (graph.a + graph.y) * graph.x[0],
    "the sign": lambda graph: (graph.y - graph.a) * graph.x[0],
    "another feature": lambda graph: (graph.a - graph.y) * graph.x[1],
    "twice": lambda graph: 2.0 * (graph.a - graph.y) * graph.x[0],
    "a thousandth": lambda graph: 1.001 * (graph.a - graph.y) * graph.x[0],
}


@forms
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("n", [2, 10])
def test_a_wrong_closed_form_is_refuted_at_a_point_where_it_is_wrong(n: int, wrong: str, form: Any) -> None:
    graph = _sample(n, form)
    slope, claim = gradients(graph.loss, graph.w[0]), WRONG[wrong](graph)
    proof = prove(slope, claim)
    assert proof.verdict == "refuted"
    assert not proof
    assert proof.point is not None
    assert proof.values is not None
    leaves = {str(leaf.name): leaf for leaf in (*graph.x, graph.y, *graph.w, graph.b)}
    numbers = {leaves[name]: mpmath.mpf(x) for name, x in proof.point.items()}
    both = evaluate([slope, claim], MPMATH, numbers)
    assert float(both[slope]) == pytest.approx(proof.values[0], rel=1e-12)
    assert float(both[claim]) == pytest.approx(proof.values[1], rel=1e-12)
    assert abs(proof.values[0] - proof.values[1]) > 1e-6
    assert str(proof).startswith("refuted: at ")


# ---- other graphs ---------------------------------------------------------------------------------------------


def test_a_softmax_cross_entropy_is_proved() -> None:
    z = [Value(0.1 * k, f"z{k}") for k in (1, 2, 3)]
    y1, y2 = Value(0.0, "y1"), Value(1.0, "y2")
    y = [y1, y2, 1 - y1 - y2]
    normaliser = microgrid.logsumexp(z)
    p = [microgrid.exp(one - normaliser) for one in z]
    loss = -microgrid.sum([share * microgrid.log(probability) for share, probability in zip(y, p, strict=True)])
    for slope, probability, share in zip(gradients(loss, z), p, y, strict=True):
        assert prove(slope, probability - share)
    assert prove(gradients(loss, z[0]), p[0] - y[1]).verdict == "refuted"


@pytest.mark.parametrize(
    ("build", "claim"),
    [
        (lambda x: x.tanh(), lambda x: 1 - x.tanh() ** 2),
        (lambda x: x.sin() * x.cos(), lambda x: (2 * x).cos()),
        (lambda x: (x * x + 1).log(), lambda x: 2 * x / (x * x + 1)),
        (lambda x: x.atan(), lambda x: 1 / (1 + x * x)),
        (lambda x: x.softplus(), lambda x: 1 - (-x).sigmoid()),
        (lambda x: x**3 * 0.1, lambda x: 0.3 * x * x),
    ],
)
def test_identities_are_proved(build: Any, claim: Any) -> None:
    x = Value(0.5, "x")
    assert prove(gradients(build(x), x), claim(x)).verdict == "proved"
    assert prove(gradients(build(x), x), claim(x) * 1.0001).verdict == "refuted"


def test_assumptions_are_stated_and_used() -> None:
    x = Value(2.0, "x")
    root = (x * x).sqrt()
    assert prove(root, x).verdict == "refuted"
    proof = prove(root, x, positive=[x])
    assert proof.verdict == "proved"
    assert proof.assumptions == "x positive"
    assert prove(x + Value(1.0, "y"), x + 1.0).assumptions == "x, y real"
    many = microgrid.sum([Value(1.0, f"v{k}") for k in range(20)])
    assert prove(many, many).assumptions.endswith("and 8 more real")


@pytest.mark.parametrize("name", RULES)
def test_every_rule_equals_itself_and_not_its_neighbour(name: str) -> None:
    operands = list(everyday(RULES[name], 1))[0 if RULES[name].arity else 1]
    node = record(RULES[name], [Value(x, f"x{place}") for place, x in enumerate(operands)])
    assert prove(node, node).verdict in ("proved", "undecided")
    assert prove(node, node + 1e-9).verdict == "refuted"


@pytest.mark.parametrize(
    ("build", "claim"),
    [
        (lambda x: x.relu(), lambda x: x * (x > 0)),
        (lambda x: abs(x), lambda x: (x * x).sqrt()),
        (lambda x: x.maximum(-x), lambda x: (x * x).sqrt()),
        (lambda x: microgrid.where(x > 0, x, -x), lambda x: abs(x)),
        (lambda x: microgrid.where(x < 1, x * x, 2 * x - 1), lambda x: x * x - (x - 1).relu() ** 2),
    ],
)
def test_choices_are_proved_piece_by_piece(build: Any, claim: Any) -> None:
    x = Value(1.0, "x")
    proof = prove(build(x), claim(x))
    assert proof.verdict == "proved"
    assert "on each of 2 pieces" in proof.reason
    assert "apart from" not in proof.reason
    assert prove(build(x), claim(x) + 1e-9 * (x < -1)).verdict == "refuted"


@pytest.mark.parametrize(
    ("build", "claim", "apart"),
    [
        (lambda x, y: x**y, lambda x, y: y * x ** (y - 1), None),
        (lambda x, y: y**x, lambda x, y: y**x * y.log(), "y = 0"),
        (lambda x, _: x**x, lambda x, _: x**x * (x.log() + 1), "x = 0"),
        (lambda x, y: microgrid.hypot(x, y), lambda x, y: x / microgrid.hypot(x, y), "sqrt(x**2 + y**2) = 0"),
        (lambda x, _: abs(x), lambda x, _: x / abs(x), "x = 0"),
        (lambda x, _: abs(x) ** 3, lambda x, _: 3 * x * abs(x), None),
    ],
)
def test_textbook_derivatives_are_proved_apart_from_kinks_that_they_know_nothing_of(
    build: Any, claim: Any, apart: str | None
) -> None:
    x, y = Value(0.7, "x"), Value(0.5, "y")
    proof = prove(gradients(build(x, y), x), claim(x, y))
    assert proof.verdict == "proved"
    assert (f"apart from where {apart}" in proof.reason) if apart else ("apart from" not in proof.reason)


def test_what_differs_at_a_kink_alone_is_not_proved_and_the_kink_is_told() -> None:
    x, y = Value(0.7, "x"), Value(0.5, "y")
    proof = prove(microgrid.where(microgrid.equal(x, 2.0), 1.0, x), x)
    assert proof.verdict == "undecided"
    assert (proof.point, proof.values) == ({"x": 2.0}, (1.0, 2.0))
    tie = prove(gradients(microgrid.maximum(x, y), x), y < x)
    assert tie.verdict == "undecided"
    assert tie.point is not None
    assert tie.point["x"] == tie.point["y"]
    assert tie.values == (0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("1/3*x**3", "x**2"),
        ("x**(1/3)", "1/3*x**(-2/3)"),
        ("e**x", "exp(x)"),
        ("x/log(2)", "1/log(2)"),
        ("sin(pi)*x", "0"),
        ("x**(2*pi)/pi", "2*x**(2*pi - 1)"),
    ],
)
def test_typed_numbers_are_exact(text: str, claim: str) -> None:
    x = Value(0.7, "x")
    slope = gradients(parse(text).record_on({"x": x}, exact=True)["f"], x)
    assert prove(slope, claim).verdict == "proved"
    assert prove(slope, f"{claim} + 1e-20").verdict == "refuted"


@pytest.mark.parametrize(
    ("build", "claim", "read"),
    [
        (lambda x: x**3 * (1 / 3), "x**2", "0.3333333333333333, read as 1/3"),
        (lambda x: x ** (1 / 3), "1/3*x**(-2/3)", "0.3333333333333333, read as 1/3"),
        (lambda x: x / math.log(2), "1/log(2)", "0.6931471805599453, read as log(2)"),
        (lambda x: x * (0.1 + 0.2), "0.3", "0.30000000000000004, read as 3/10"),
        (lambda x: x * math.sqrt(2 * math.pi), "sqrt(2*pi)", "2.5066282746310002, read as sqrt(2)*sqrt(pi)"),
    ],
)
def test_a_programs_rounded_constants_are_read_as_what_they_stand_for(build: Any, claim: str, read: str) -> None:
    x = Value(0.7, "x")
    proof = prove(gradients(build(x), x), claim)
    assert proof.verdict == "proved"
    assert "equal up to the rounding of the constant" in proof.reason
    assert read in proof.reason
    assert prove(gradients(build(x), x), f"({claim})*(1 + 1e-14)").verdict == "refuted"


def test_a_difference_that_rounding_explains_is_not_refuted() -> None:
    x = Value(0.7, "x")
    rate = 0.7234567891234567 / 3
    assert prove(rate * x, "0.7234567891234567/3*x").verdict == "undecided"
    assert prove(rate * x, "0.7234567891234567/3*x + 1e-15").verdict == "refuted"


def test_what_has_no_value_anywhere_is_undecided() -> None:
    x = Value(0.5, "x")
    proof = prove(microgrid.log(-1.0 - x * x), x)
    assert proof.verdict == "undecided"
    assert "at no random point" in proof.reason
    assert prove(x / 0.0, x).verdict == "undecided"


def test_what_sympy_can_not_simplify_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(0.5, "x")
    monkeypatch.setattr("microgrid.derivations.vanishing._simplifies_to_zero", lambda *_: False)
    proof = prove((x + 1) ** 2, x * x + 2 * x + 1)
    assert proof.verdict == "undecided"
    assert "SymPy did not simplify the difference to 0; but both sides agree at 12 random points" in proof.reason


@pytest.mark.parametrize(("calls", "doing"), [(100_000, "simplified the difference"), (500, "wrote the formula")])
def test_sympy_is_stopped_where_it_takes_too_long(calls: int, doing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgrid.derivations.vanishing._MOST_CALLS", calls)
    x = y = Value(0.5, "x")
    for _ in range(5):
        y = microgrid.tanh(x + y)  # minutes, without a budget, also where SymPy remembers parts from other tests
    proof = prove(y, y * (microgrid.cosh(x) ** 2 - microgrid.sinh(x) ** 2))
    assert proof.verdict == "undecided"
    assert f"SymPy was stopped while it {doing}" in proof.reason
    assert "both sides agree at 12 random points" in proof.reason


def test_large_powers_are_not_multiplied_out() -> None:
    xs = [Value(0.1 * place, f"x{place}") for place in range(6)]
    total = microgrid.sum(xs)
    proof = prove((total * total + 2.0 * total + 1.0) ** 50.0, (total + 1.0) ** 100.0)
    assert proof.verdict == "undecided"
    assert "would multiply out large powers" in proof.reason
    assert prove((total**2.0 + 1.0) ** 9.0 * xs[0] ** 1e9, (1.0 + total * total) ** 9.0 * xs[0] ** 1e9)


def test_a_difference_that_is_too_large_is_undecided_at_once() -> None:
    x = Value(0.5, "x")
    ladder = x * 0.01
    for _ in range(40):
        ladder = ladder + ladder * ladder
    assert prove(ladder, ladder * 1.0 + 0.0).verdict == "undecided"
    chain = x
    for _ in range(1_000):
        chain = chain + chain.sin() * 1e-4
    assert prove(chain, chain + x).verdict == "refuted"
    assert prove(chain, chain * 1.0).verdict == "undecided"


def test_numbers_are_compared_too() -> None:
    assert prove(Value(0.1), 0.1).assumptions == "v1 real"
    assert prove(Value(0.1), 0.1).verdict == "refuted"
    x = Value(2.0, "x")
    assert prove(x - x + 3.0, "3")
    assert prove(gradients(x * 2.0, x), 2.0).assumptions == "no symbols"


# ---- what is given --------------------------------------------------------------------------------------------


def test_a_claim_may_be_a_text_on_the_graphs_own_names() -> None:
    graph = _sample(2, "textbook")
    slope = gradients(graph.loss, graph.w[0])
    assert prove(slope, "(a - y)*x1")
    assert prove(slope, "r*x1; r = a - y")
    assert prove(slope, "(a + y)*x1").verdict == "refuted"
    with pytest.raises(FormulaError, match=r"q in '\(q - y\)\*x1' is no name, or not the name of one node alone"):
        prove(slope, "(q - y)*x1")
    twice = Value(1.0, "x") * Value(2.0, "x")
    with pytest.raises(FormulaError, match=r"x in 'x' is no name, or not the name of one node alone, .*there are none"):
        prove(twice, "x")


def test_a_number_that_a_claim_defines_is_that_number_and_no_symbol() -> None:
    x = Value(3.0, name="x")
    assert prove(gradients(x * x, x), "c*x; c = 2").verdict == "proved"
    assert prove(gradients(x * x, x), "c*x; c = 2.5").verdict == "refuted"


@pytest.mark.parametrize("side", [None, [1.0], {"a": 1}])
def test_a_side_that_is_no_formula_is_refused(side: Any) -> None:
    with pytest.raises(InvalidValueError, match="a side of an equation is a Value, a number or a formula"):
        prove(Value(1.0), side)


def test_a_rule_that_lies_about_its_derivative_is_refuted() -> None:
    """A planted error of a thousandth in a rule's partial, seen by the proof of its closed form."""
    honest = RULES["sin"]

    def make(m: Any) -> Any:
        value, partials = honest.make(m)
        return value, lambda out, x: (1.001 * partials(out, x)[0],)

    faulty = Rule("sin", make, honest.symbol, honest.latex, (Region(-3.0, 3.0),))
    x = Value(0.5, "x")
    assert prove(gradients(record(honest, [x]), x), x.cos())
    assert prove(gradients(record(faulty, [x]), x), x.cos()).verdict == "refuted"


def test_numbers_of_many_digits_in_exponents_are_proved() -> None:
    x, y = Value(0.5, "x"), Value(-0.25, "y")
    rate = 0.123456789012345
    assert prove((x * rate).exp() * x.exp() * y, y * (x * (1.0 + rate)).exp())
    halves = microgrid.sinh(x * 0.8888888) - microgrid.sinh(x * 0.6419754)
    assert prove(2.0 * microgrid.sinh(x * 0.1234567) * microgrid.cosh(x * 0.7654321), halves)
