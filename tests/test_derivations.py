"""Derivations: what they hold, what they print, and that they are right for graphs of any kind."""

from __future__ import annotations

import html.parser
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath
import pytest
import sympy
from graphs import regular_graphs
from helpers import few_or_all

import microgrid
from microgrid import DataError, Derivation, InvalidValueError, Value, explain, gradients, logistic, named, prove
from microgrid.core.graph import pullback, topological_order
from microgrid.derivations import derivation as module
from microgrid.formulas.sympy import sympy_symbols
from microgrid.nn import MLP

a, x1, y, z = sympy.symbols("a x1 y z", real=True)

forms = pytest.mark.parametrize("form", ["textbook", "logit"])


def _sample(n: int = 2, form: Any = "textbook") -> logistic.SampleLoss:
    return logistic.sample_loss([1.0, 2.0, 0.5][:n], 1, [0.5, -0.25, 1.5][:n], 0.1, form=form)


# ---- logistic regression, line by line ------------------------------------------------------------------------


def test_the_logistic_derivation_is_the_five_components_and_the_product() -> None:
    graph = _sample()
    derivation = explain(graph.loss, wrt=graph.w[0])
    lines = {one.name: one for one in derivation.components}
    assert list(lines) == ["dL/da", "da/dz", "dL/dz", "dz/dw1", "dL/dw1"]
    assert lines["dL/da"].formula == (1 - y) / (1 - a) - y / a
    assert sympy.simplify(lines["dL/da"].closed_form - lines["dL/da"].formula) == 0
    assert str(lines["dL/da"].closed_form) == "(a - y)/(a*(1 - a))"
    assert str(lines["da/dz"].closed_form) == "a*(1 - a)"
    assert lines["dL/dz"].closed_form == a - y
    assert lines["dz/dw1"].closed_form == x1
    assert lines["dL/dw1"].closed_form == derivation.closed_form == (a - y) * x1
    assert [one.factors for one in derivation.components] == [
        (),
        (),
        ("dL/da", "da/dz"),
        (),
        ("dL/dz", "dz/dw1"),
    ]
    by_intercept = {one.name: one.closed_form for one in explain(graph.loss, wrt=graph.b).components}
    assert by_intercept["dz/db"] == 1
    assert by_intercept["dL/db"] == a - y


def test_every_number_of_the_logistic_derivation_is_that_of_the_graph() -> None:
    graph = _sample()
    derivation = explain(graph.loss, wrt=graph.w[1])
    by_name = {row.name: row.autodiff for row in logistic.components(graph)}
    for component in derivation.components:
        assert component.value == by_name[component.name]
    assert derivation.value == pullback(graph.loss)[graph.w[1]]
    assert dict(derivation.numbers)["a"] == graph.a.data


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.unmeasured
def test_a_loss_from_the_logit_uses_the_probability_that_it_is_given(n: int) -> None:
    graph = _sample(n, "logit")
    for place, weight in enumerate(graph.w, start=1):
        derivation = explain(graph.loss, wrt=weight, using=[graph.a])
        assert derivation.closed_form == (a - y) * sympy.Symbol(f"x{place}", real=True)
        without = explain(graph.loss, wrt=weight)
        assert "a" not in {str(symbol) for symbol in without.closed_form.free_symbols}


def test_nothing_about_any_graph_is_written_in_the_module() -> None:
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    assert "microgrid.logistic" not in text
    assert "logistic" not in text.lower()


# ---- other graphs ---------------------------------------------------------------------------------------------


def _softmax() -> tuple[list[Value], list[Value]]:
    logits = [Value(0.1 * k, f"z{k}") for k in (1, 2, 3)]
    exponentials = [logit.exp() for logit in logits]
    total = microgrid.sum(exponentials)
    return logits, [named(one / total, f"p{k}") for k, one in enumerate(exponentials, start=1)]


@pytest.mark.unmeasured
def test_softmax_cross_entropy_comes_out_as_p_minus_y() -> None:
    logits, p = _softmax()
    y1, y2 = Value(0.0, "y1"), Value(1.0, "y2")
    shares = [y1, y2, 1 - y1 - y2]
    loss = named(-microgrid.sum([share * one.log() for share, one in zip(shares, p, strict=True)]), "L")
    p1, p2, p3, s1, s2 = sympy.symbols("p1 p2 p3 y1 y2", real=True)
    expected = [p1 - s1, p2 - s2, p3 - (1 - s1 - s2)]
    for logit, form in [*zip(logits, expected, strict=True)][1:]:  # the first is as the second
        assert sympy.expand(explain(loss, wrt=logit).closed_form - form) == 0


@pytest.mark.parametrize("place", [0, 1])  # of another class, and of this one
@pytest.mark.unmeasured
def test_softmax_with_a_known_class_comes_out_as_p_minus_one_or_nothing(place: int) -> None:
    logits, p = _softmax()
    expected = sympy.Symbol(f"p{place + 1}", real=True) - (1 if place == 1 else 0)
    assert explain(named(-p[1].log(), "L"), wrt=logits[place], using=p).closed_form == expected
    from_logits = named(microgrid.logsumexp(logits) - logits[1], "L")
    assert explain(from_logits, wrt=logits[place], using=p).closed_form == expected


@pytest.mark.unmeasured
def test_a_two_layer_network_is_derived_in_its_own_names() -> None:
    x = [Value(0.5, "x1"), Value(-1.0, "x2")]
    w = [[Value(0.1 * (i + j + 1), f"w{i + 1}{j + 1}") for j in range(2)] for i in range(2)]
    v, t = [Value(0.3, "v1"), Value(-0.7, "v2")], Value(1.0, "t")
    h = [named(microgrid.tanh(microgrid.dot(w[i], x)), f"h{i + 1}") for i in range(2)]
    loss = named((named(microgrid.dot(v, h), "o") - t) ** 2, "L")
    derivation = explain(loss, wrt=w[0][1])
    h1, o, v1, x2, target = sympy.symbols("h1 o v1 x2 t", real=True)
    assert sympy.simplify(derivation.closed_form - 2 * (o - target) * v1 * (1 - h1**2) * x2) == 0
    assert not derivation.closed_form.atoms(sympy.Function)
    assert derivation.through == ("o", "h1")
    assert explain(loss, wrt=x[0]).path_count == 2


def test_a_least_squares_loss_is_derived() -> None:
    xs = [Value(float(k), f"x{k}") for k in (1, 2, 3)]
    ys = [Value(2.0 * k + 1.0, f"y{k}") for k in (1, 2, 3)]
    w, b = Value(0.5, "w"), Value(0.1, "b")
    loss = named(microgrid.sum([(w * one + b - other) ** 2 for one, other in zip(xs, ys, strict=True)]) / 3, "L")
    derivation = explain(loss, wrt=w)
    assert derivation.path_count == 3
    assert prove(gradients(loss, w), microgrid.sum([2 * p * (w * p + b - q) for p, q in zip(xs, ys, strict=True)]) / 3)
    numbers = {sympy.Symbol(name, real=True): x for name, x in derivation.numbers}
    assert float(derivation.closed_form.subs(numbers)) == pytest.approx(derivation.value, rel=1e-14)


@few_or_all
@pytest.mark.unmeasured
def test_closed_forms_of_random_graphs_have_the_gradients_value(everything: bool) -> None:
    """Also that the sum over the paths and the product along each are those of the graph."""
    compared = 0
    for leaves, output in regular_graphs(12, operations=5 if everything else 4):
        for leaf in leaves:
            derivation = explain(output, wrt=leaf)
            expected = pullback(output).get(leaf, 0.0)
            assert derivation.value == expected
            numbers = {sympy.Symbol(name, real=True): sympy.Rational(x) for name, x in derivation.numbers}
            form = derivation.closed_form.subs(numbers)
            assert float(sympy.N(form, 30)) == pytest.approx(expected, rel=1e-9, abs=1e-12)
            for component in derivation.components:
                assert len(component.paths) in (0, component.path_count)
                if component.paths:
                    total = math.fsum(path.value for path in component.paths)
                    assert total == pytest.approx(component.value, rel=1e-9, abs=1e-12)
            compared += 1
    assert compared > 25


def test_paths_are_counted_and_factored() -> None:
    x = Value(1.0, "x")
    ladder = x
    for k in range(20):
        ladder = named(ladder * 0.5 + ladder * 0.5, f"s{k}")
    derivation = explain(ladder, wrt=x)
    assert derivation.path_count == 2**20
    assert derivation.closed_form == 1
    assert all(component.path_count == 2 for component in derivation.components if not component.factors)
    assert "1,048,576 paths lead from s19 back to x" in derivation.text()
    many = microgrid.sum([x * float(k) for k in range(9)])
    unnamed = explain(many.exp() * 2.0, wrt=x)
    assert unnamed.path_count == 9
    assert unnamed.components[-1].by == "x"


def test_an_operand_that_is_there_twice_makes_two_paths() -> None:
    x = Value(3.0, "x")
    derivation = explain(named(x * x, "s"), wrt=x)
    assert [path.numbers for path in derivation.components[0].paths] == [(3.0,), (3.0,)]
    assert derivation.closed_form == 2 * sympy.Symbol("x", real=True)


# ---- what is small, and what is large -------------------------------------------------------------------------


def test_a_derivative_with_respect_to_itself_is_1() -> None:
    x = Value(3.0, "x")
    derivation = explain(x, wrt=x)
    assert (derivation.value, derivation.path_count, derivation.closed_form) == (1.0, 1, 1)
    assert "dx/dx = 1" in derivation.text()


def test_what_the_output_does_not_depend_on_is_said() -> None:
    x, other = Value(3.0, "x"), Value(1.0, "q")
    derivation = explain(named(x.exp(), "L"), wrt=other)
    assert (derivation.value, derivation.path_count, derivation.closed_form) == (0.0, 0, 0)
    for text in (derivation.text(), derivation.html()):
        assert "L does not depend on q: no path leads there, so the derivative is 0." in text
    assert r"\frac{\partial L}{\partial q} &= 0" in derivation.latex()
    assert explain(x.exp(), wrt=Value(1.0)).value == 0.0


@pytest.mark.parametrize("kind", ["chain", "named chain", "samples", "ladder"])
@pytest.mark.unmeasured
def test_a_large_graph_is_summarised_in_seconds(kind: str) -> None:
    x = Value(1.0, "x")
    node = x
    if kind == "samples":
        graph = logistic.dataset_loss([[0.1, 0.2]] * 1_000, [0, 1] * 500, [0.1, 0.2], 0.3)
        node, x = graph.loss, graph.w[0]
    for k in range(0 if kind == "samples" else 3_400):
        node = node + node * 1e-4 if kind == "ladder" else microgrid.sin(node) * 1.0001
        if kind == "named chain":
            node = named(node, f"h{k}")
    start = time.perf_counter()
    derivation = explain(node, wrt=x)
    texts = (derivation.text(), derivation.latex(), derivation.html())
    assert time.perf_counter() - start < 10.0
    assert derivation.is_summary
    assert derivation.closed_form is None
    assert derivation.value == pullback(node)[x]
    told = f"The graph has {len(topological_order(node)):,} nodes, and its formulas would be too long to be read"
    assert told in texts[0]
    assert all(len(text) < 20_000 for text in texts)
    assert ("more than 10^300 paths" in texts[0]) == (kind == "ladder")


def _network(kind: str, width: int = 3) -> tuple[Value, Value]:
    """The loss of a small network, and one of its parameters."""
    x = [Value(0.3 * k - 0.2, f"x{k}") for k in range(2)]
    w, u, b = Value(0.3, "w"), Value(0.2, "u"), Value(0.1, "b")
    state = x[0]
    if kind in ("tanh", "sigmoid", "relu"):
        model = MLP(2, [width, width, width, 1])
        for neuron in (neuron for layer in model.layers for neuron in layer.neurons):
            neuron.nonlin = False
        hidden = x
        for layer in model.layers:
            hidden = [getattr(one, kind)() for one in [neuron(hidden) for neuron in layer.neurons]]
        return (hidden[0] - 1.0) ** 2, model.parameters()[0]
    if kind == "attention":
        scores = [w * x[0] * one for one in (*x, u)]
        weights = [microgrid.exp(score - microgrid.logsumexp(scores)) for score in scores]
        return microgrid.sum([weight * one for weight, one in zip(weights, (*x, u), strict=True)]) ** 2, w
    for _ in range(20):
        state = microgrid.tanh(w * state + u) if kind == "recurrent" else microgrid.sigmoid(state) + b * w
    return (state - 1.0) ** 2, w


@pytest.mark.parametrize("kind", ["tanh", "sigmoid", "relu", "attention", "recurrent", "chain of sigmoids"])
@pytest.mark.unmeasured
def test_ordinary_networks_are_explained(kind: str) -> None:
    loss, parameter = _network(kind)
    derivation = explain(loss, wrt=parameter)
    assert derivation.value == pytest.approx(pullback(loss)[parameter], rel=1e-12)
    assert all(len(text) < 60_000 for text in (derivation.text(), derivation.latex(), derivation.html()))


@pytest.mark.parametrize("count", [8, 9, 40])
def test_many_paths_between_two_cuts_are_summed(count: int) -> None:
    x = Value(0.5, "x")
    z = named(microgrid.exp(x), "z")
    derivation = explain(microgrid.sum([z * float(k) for k in range(1, count + 1)]), wrt=x)
    assert derivation.value == pytest.approx(z.data * count * (count + 1) / 2, rel=1e-14)
    assert str(derivation.closed_form) == f"{count * (count + 1) // 2}*z"


def test_what_sympy_takes_too_long_for_is_told_and_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgrid.derivations.derivation._MOST_CALLS", 60_000)
    x = Value(0.3, "x")
    node = x
    for _ in range(8):
        node = node.tanh()
    derivation = explain(node, wrt=x)
    assert "SymPy was stopped here, since it takes too long" in derivation.text()
    assert "SymPy was stopped here, since it takes too long" in derivation.html()
    assert derivation.value == pytest.approx(pullback(node)[x], rel=1e-14)


@pytest.mark.parametrize(
    ("step", "depth"), [(microgrid.tanh, 190), (microgrid.exp, 190), (lambda y: microgrid.sin(y) * 1.5, 45)]
)
@pytest.mark.unmeasured
def test_deep_chains_are_explained_without_recursion(step: Callable[[Value], Value], depth: int) -> None:
    x = Value(0.3, "x")
    node = x
    for _ in range(depth):
        node = step(node * 0.1)
    derivation = explain(node, wrt=x)
    assert derivation.value == pytest.approx(pullback(node)[x], rel=1e-12)
    assert all(len(text) < 60_000 for text in (derivation.text(), derivation.latex(), derivation.html()))


def test_a_kink_is_derived_as_it_is_recorded() -> None:
    x = Value(2.0, "x")
    derivation = explain(named((x * 3.0).relu(), "r"), wrt=x)
    assert derivation.value == 3.0
    assert "Piecewise" in str(derivation.closed_form)


# ---- how it looks ---------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_the_text_of_a_derivation() -> None:
    w, x = Value(0.5, "w"), Value(2.0, "x")
    middle = named(w * x, "z")
    text = str(explain(named(middle.sigmoid() + middle, "L"), wrt=w))
    assert (
        text
        == """\
dL/dw, by the chain rule along the graph

  L = z + 1/(1 + exp(-z))
  z = w·x
  at w = 0.5, x = 2, z = 1, L = 1.731

2 paths lead from L back to w, all of them through z:
  dL/dw = dL/dz · dz/dw

1. dL/dz: 2 paths
     L ← 1/(1 + exp(-z)) ← z
       1 · (1/((1 + exp(-z))·(exp(z) + 1))) = 1/((1 + exp(-z))·(exp(z) + 1)) = 0.1966
     L ← z
       1 = 1
   dL/dz = 1 + 1/((1 + exp(-z))·(exp(z) + 1))
         = 1 + 1/(exp(z) + 2 + exp(-z))
         = 1.1966119332414817

2. dz/dw: 1 path
   dz/dw = x
         = 2.0

3. dL/dw = dL/dz · dz/dw
   dL/dw = x·(1 + 1/(exp(z) + 2 + exp(-z)))
         = x + x/(exp(z) + 2 + exp(-z))
         = 2.3932238664829635"""
    )


class _Checker(html.parser.HTMLParser):
    """Whether every element that is opened is closed, in order; and which elements there are."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert {name for name, _ in attrs} <= {"align", "valign"}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@forms
def test_the_html_is_well_formed_and_has_no_styles_or_scripts(form: Any) -> None:
    graph = _sample(2, form)
    derivation = explain(graph.loss, wrt=graph.w[0], using=[graph.a])
    checker = _Checker()
    checker.feed(derivation.html())
    assert checker.open == []
    assert checker.seen <= {"div", "p", "b", "br", "table", "tr", "td", "sub", "sup"}
    assert "∂L/∂w<sub>1</sub>" in derivation.html()
    assert "(a - y)" in derivation.html()


def test_hostile_names_do_no_harm() -> None:
    evil = Value(1.0, "<script>alert(1)</script>&\n}\\end{aligned}")
    x = Value(2.0, "x")
    derivation = explain(named(evil * x * x, "</td>"), wrt=x)
    checker = _Checker()
    checker.feed(derivation.html())
    assert "script" not in checker.seen
    assert "<script" not in derivation.html()
    assert derivation.latex().count(r"\end{aligned}") == 1
    assert "\n}" not in derivation.text()


@forms
def test_the_latex_is_balanced(form: Any) -> None:
    graph = _sample(2, form)
    text = explain(graph.loss, wrt=graph.w[0], using=[graph.a]).latex()
    assert text.startswith(r"\begin{aligned}")
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    lines = text.splitlines()[1:-1]
    assert all(line.count("&") == 1 for line in lines)
    assert r"x_{1} \left(a - y\right)" in text
    assert re.search(r"\\frac\{\\partial L\}\{\\partial w_\{1\}\} = .*\\cdot", text)


def test_a_derivation_says_what_it_is() -> None:
    graph = _sample()
    derivation = explain(graph.loss, wrt=graph.b)
    assert isinstance(derivation, Derivation)
    assert repr(derivation) == f"<Derivation of dL/db: 2 paths, {derivation.value!r}>"
    assert explain(graph.loss, wrt=graph.b) == derivation


# ---- what is given --------------------------------------------------------------------------------------------


def test_wrong_input_is_told() -> None:
    x = Value(1.0, "x")
    for output, wrt in ((3.0, x), (x, "x")):
        with pytest.raises(InvalidValueError, match="a derivation is of the graph of a Value"):
            explain(output, wrt=wrt)  # type: ignore[arg-type]
    for extra in (Value(1.0), Value(1.0, "two words"), Value(1.0, "w·x")):
        with pytest.raises(DataError, match="can't be used in formulas: give it a name of letters and digits"):
            explain(x, wrt=x, using=[extra])


def test_numbers_keep_high_precision_references() -> None:
    graph = _sample()
    derivation = explain(graph.loss, wrt=graph.w[0])
    with mpmath.workdps(40):
        logit = mpmath.mpf(0.5) - mpmath.mpf(0.5) + mpmath.mpf(0.1)
        reference = 1 / (1 + mpmath.exp(-logit)) - 1
    assert derivation.value == pytest.approx(float(reference), rel=1e-15)


def test_a_derivation_in_a_large_graph_makes_symbols_only_for_what_its_formulas_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = 0

    def counted(names: Any, positive: Any = ()) -> Any:
        nonlocal made
        made += len(names)
        return sympy_symbols(names, positive)

    monkeypatch.setattr("microgrid.formulas.sympy.sympy_symbols", counted)
    graph = logistic.dataset_loss([[float(row), 1.0] for row in range(20)], [0, 1] * 10, [0.1, 0.2], 0.3)
    explain(graph.loss, wrt=graph.samples[3].z)
    assert made < 3 * len(topological_order(graph.loss))


def test_two_dollar_signs_in_names_are_no_formula_of_a_notebook() -> None:
    x = Value(0.5, "$a$")
    page = explain(named(x * x, "L$$"), wrt=x).html()
    assert "<span>$</span>" in page
    assert "$" not in page.replace("<span>$</span>", "")


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: (x + y + x * y + 1.0) ** 100.0 * x,
        lambda x, y: (((x + 1.0) ** 100.0 + 1.0) ** 100.0 + y) ** 100.0,
        lambda x, y: x * (x + 1.0) ** 1e9 + y,
        lambda x, y: x * microgrid.lgamma(y * 0.0 + 1e9),
        lambda x, y: x * microgrid.exp2(y * 0.0 + 3e8),
        lambda x, y: x * (y * 1e-9) ** 1e8,
        lambda x, y: x * (x * 0.0 + 2.0) ** microgrid.named(y * 0.0 + 1e9, "n"),
    ],
)
def test_what_sympy_would_write_out_endlessly_is_explained_without(build: Callable[[Value, Value], Value]) -> None:
    x, y = Value(0.5, "x"), Value(0.25, "y")
    output = build(x, y)
    derivation = explain(output, wrt=x)
    assert len(derivation.text()) < 3_000
    output.backward()
    assert derivation.value == x.grad or math.isnan(derivation.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: (0.1234567 * x).exp() + (0.7654321 * x).exp() * (0.1234567 * x).exp(),
        lambda x: microgrid.erf(1.66158871833239 * x),
        lambda x: microgrid.sinh(named(0.123456789012345 * x, "z")) * 2.0 ** (12345.0 * x * 1e-5),
        lambda x: named(microgrid.tanh(1.66158871833239 * x), "a"),
    ],
)
def test_numbers_of_many_digits_in_exponents_are_explained(build: Callable[[Value], Value]) -> None:
    x = Value(0.5, "x")
    derivation = explain(build(x), wrt=x)
    numbers = {sympy.Symbol(name, real=True): sympy.Rational(number) for name, number in derivation.numbers}
    assert float(sympy.N(derivation.closed_form.subs(numbers), 30)) == pytest.approx(derivation.value, rel=1e-13)


def test_a_number_of_many_digits_in_an_exponent_does_not_hide_the_shortest_form() -> None:
    x = Value(0.5, "x")
    a, rate = named(microgrid.sigmoid(0.123456789012345 * x), "a"), sympy.Rational("0.123456789012345")
    symbol = sympy.Symbol("a", real=True)
    assert sympy.simplify(explain(a, wrt=x).closed_form - rate * symbol * (1 - symbol)) == 0
