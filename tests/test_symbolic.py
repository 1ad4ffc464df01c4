"""Recorded graphs as formulas and in high precision, rule by rule and on random graphs."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import pytest
import sympy
from graphs import as_function, every_operation, regular_graphs
from helpers import everyday, few_or_all, record

import microgrid
from microgrid import (
    DataError,
    InvalidValueError,
    Value,
    derivative,
    from_sympy,
    grad,
    gradients,
    hessian,
    hvp,
    latex,
    named,
    precise,
    to_sympy,
)
from microgrid.arithmetics.latex import LATEX, Text, number, symbol
from microgrid.arithmetics.sympy import Formula, exact
from microgrid.core.graph import topological_order
from microgrid.core.rules import RULES
from microgrid.formulas.names import symbol_names, written_size

every_rule = pytest.mark.parametrize("name", RULES)


def _graph(name: str) -> tuple[list[Value], Value]:
    """A node of the rule on leaves with names; what is constant in the rule is a plain number."""
    rule = RULES[name]
    operands = list(everyday(rule, 1))[1 if rule.arity is None else 0]
    leaves = [Value(x, f"x{place}") for place, x in enumerate(operands, start=1)]
    if rule.arity is not None and rule.regions[-1].constant:
        return leaves[:-1], microgrid.pow(leaves[0], 3.0)
    return leaves, record(rule, leaves)


def _evaluated(expression: Any, leaves: Sequence[Value]) -> float:
    """An expression in floats, by SymPy, at the leaves' exact numbers."""
    numbers = {sympy.Symbol(str(leaf.name), real=True): sympy.Rational(leaf.data) for leaf in leaves}
    return float(sympy.N(expression.subs(numbers), 30))


# ---- SymPy ----------------------------------------------------------------------------------------------------


@every_rule
@pytest.mark.unmeasured
def test_a_rules_formula_has_its_value_and_its_derivatives(name: str) -> None:
    leaves, node = _graph(name)
    expression = to_sympy(node)
    assert not expression.atoms(sympy.Float)
    assert _evaluated(expression, leaves) == pytest.approx(node.data, rel=1e-14)
    for leaf, slope in zip(leaves, gradients(node, leaves), strict=True):
        own = sympy.diff(_with_known_derivatives(expression), sympy.Symbol(str(leaf.name), real=True))
        assert _evaluated(own, leaves) == pytest.approx(slope.data, rel=1e-12, abs=1e-14)
        assert _evaluated(to_sympy(slope), leaves) == pytest.approx(slope.data, rel=1e-12, abs=1e-14)


def _with_known_derivatives(expression: Any) -> Any:
    """SymPy leaves open the derivatives of steps, and of an absolute value whose operand may not be real."""
    expression = expression.replace(sympy.Abs, lambda x: sympy.Piecewise((-x, x < 0), (x, True)))
    return expression.replace(sympy.floor, _Floor).replace(sympy.ceiling, lambda x: -_Floor(-x))


class _Floor(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    @classmethod
    def eval(cls, x: Any) -> Any:
        return sympy.floor(x) if x.is_number else None

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002  # SymPy's signature
        return sympy.Integer(0)


@every_rule
def test_a_formula_becomes_a_graph_again(name: str) -> None:
    leaves, node = _graph(name)
    again = from_sympy(to_sympy(node), {str(leaf.name): leaf for leaf in leaves})
    assert again.data == pytest.approx(node.data, rel=1e-14)
    for old, new in zip(gradients(node, leaves), gradients(again, leaves), strict=True):
        assert new.data == pytest.approx(old.data, rel=1e-12, abs=1e-14)


@few_or_all
@pytest.mark.unmeasured
def test_random_graphs_agree_with_sympy_to_third_order(everything: bool) -> None:
    """SymPy differentiates the value's formula by itself; none of the package's partials takes part."""
    worst = dict.fromkeys(("gradient", "Hessian", "hvp", "third derivative"), 0.0)
    compared = 0
    cases = list(regular_graphs(200))
    cases = cases if everything else every_operation(cases)[:10]
    for leaves, output in cases:
        numbers, direction = [leaf.data for leaf in leaves], [1.0, -0.5, 0.25, 2.0][: len(leaves)]
        function = as_function(leaves, output)
        try:
            references = _sympys_own(leaves, output, direction)
        except (TypeError, ValueError, NotImplementedError):
            continue  # SymPy can't decide the conditions of some choices in choices
        compared += 1
        found = {
            "gradient": grad(function)(numbers),
            "Hessian": [entry for row in hessian(function)(numbers) for entry in row],
            "hvp": hvp(function)(numbers, direction),
            "third derivative": [_third(function, numbers, direction)],
        }
        for what, entries in found.items():
            scale = max(map(abs, references[what]))
            for entry, reference in zip(entries, references[what], strict=True):
                error = abs(entry - reference) / max(abs(reference), 1e-3 * scale, 1e-3)
                worst[what] = max(worst[what], error)
    print(f"\n{compared} random graphs against SymPy, worst relative errors: {worst}")
    assert compared >= 0.9 * len(cases)
    assert max(worst.values()) < 1e-9


def _third(function: Callable[..., Any], numbers: Sequence[float], direction: Sequence[float]) -> float:
    third: float = derivative(lambda t: function([x + t * v for x, v in zip(numbers, direction, strict=True)]), 3)(0.0)
    return third


def _sympys_own(leaves: Sequence[Value], output: Value, direction: Sequence[float]) -> dict[str, list[float]]:
    symbols = [sympy.Symbol(str(leaf.name), real=True) for leaf in leaves]
    expression = _with_known_derivatives(to_sympy(output))
    slopes = [sympy.diff(expression, one) for one in symbols]
    square = [sympy.diff(slope, one) for slope in slopes for one in symbols]
    v = [sympy.Rational(entry) for entry in direction]
    third = expression
    for _ in range(3):
        third = sum(entry * sympy.diff(third, one) for entry, one in zip(v, symbols, strict=True))
    steps = {"DiracDelta": lambda *_: 0, "Heaviside": lambda x, *_: mpmath.mpf(x > 0), "_Floor": mpmath.floor}
    modules = [steps, "mpmath"]
    with mpmath.workdps(40):
        function = sympy.lambdify(symbols, [slopes, square, third], modules)
        first, second, last = function(*[mpmath.mpf(leaf.data) for leaf in leaves])
        size = len(leaves)
        along = [mpmath.fsum(second[i * size + j] * direction[j] for j in range(size)) for i in range(size)]
        return {
            "gradient": list(map(float, first)),
            "Hessian": list(map(float, second)),
            "hvp": list(map(float, along)),
            "third derivative": [float(last)],
        }


def test_constants_are_exact_numbers() -> None:
    assert to_sympy(0.1 * Value(1.0, "x")) == sympy.Symbol("x", real=True) / 10
    assert to_sympy(Value(1.0, "x") * 0.0 + math.inf) == sympy.oo
    assert [exact(x) for x in (-math.inf, 1e-3)] == [-sympy.oo, sympy.Rational(1, 1000)]
    assert exact(math.nan) is sympy.nan


def test_a_formula_stops_where_it_is_told_and_knows_what_is_positive() -> None:
    x = Value(2.0, "x")
    a = named(x.exp(), "a")
    assert str(to_sympy(a * a + 1.0, stop=[a])) == "a**2 + 1"
    assert to_sympy((x * x).sqrt(), positive=[x]) == sympy.Symbol("x", positive=True)
    assert repr(Formula(sympy.Symbol("q")) / 2.0) == "q/2"


def test_every_symbol_has_a_name_of_its_own() -> None:
    leaves = [Value(1.0, "x"), Value(2.0, "x"), Value(3.0, "x_2"), Value(4.0), Value(5.0, "v1"), Value(6.0)]
    names = symbol_names(topological_order(microgrid.sum(leaves)))
    assert list(names.values()) == ["x", "x_3", "x_2", "v2", "v1", "v3"]
    assert len(to_sympy(microgrid.sum(leaves)).free_symbols) == 6


def test_what_occurs_twice_in_an_expression_is_one_node() -> None:
    x = sympy.Symbol("x")
    node = from_sympy(sympy.exp(x) + sympy.sin(sympy.exp(x)), {"x": 1.0})
    exponentials = [one for one in topological_order(node) if one.op is RULES["exp"]]
    assert len(exponentials) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x - y", 1.5),
        ("-x", -2.0),
        ("-x - y", -2.5),
        ("x/y**2", 8.0),
        ("1/sqrt(x*2)", 0.5),
        ("x**(-y)", 2.0**-0.5),
        ("1/x**3", 0.125),
        ("sqrt(2)*pi + x*0", math.sqrt(2.0) * math.pi),
        ("3", 3.0),
        ("Max(x, y, 3)", 3.0),
        ("Min(x, y, 3)", 0.5),
        ("Piecewise((x, x < y), (y, x > 5), (7*x, True))", 14.0),
        ("Rational(1, 3)*x", 2.0 / 3.0),
    ],
)
def test_expressions_become_graphs(text: str, expected: float) -> None:
    assert from_sympy(sympy.sympify(text), {"x": 2.0, "y": 0.5}).data == pytest.approx(expected, rel=1e-15)


def test_what_can_not_become_a_graph_is_told() -> None:
    x = sympy.Symbol("x")
    with pytest.raises(DataError, match=r"the symbol x has no number: give one, as in \{'x': 0.5\}"):
        from_sympy(x + 1)
    with pytest.raises(DataError, match="the rule table has no operation for SymPy's LambertW"):
        from_sympy(sympy.LambertW(x), {"x": 1.0})
    with pytest.raises(DataError, match="I is no real number"):
        from_sympy(sympy.I * x, {"x": 1.0})


def test_a_formula_that_nobody_could_read_is_refused_at_once() -> None:
    x = Value(1.0, "x")
    ladder = x
    for _ in range(200):
        ladder = ladder + ladder
    assert written_size(ladder) == 2**201 - 1
    for write in (latex, to_sympy):
        with pytest.raises(DataError, match=r"about 10\^60 symbols and operations, and 20,000 is the most"):
            write(ladder)
    assert written_size(ladder, [ladder]) == 1
    wide = microgrid.sum([x * 2.0 for _ in range(10_000)])
    with pytest.raises(DataError, match="would have 30,001 symbols"):
        latex(wide)


def _calls(function: Callable[..., Any], *operands: Any) -> int:
    """How many calls a function makes, of Python and of C: its work, whatever the machine does beside it."""
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        function(*operands)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("step", [lambda y: -y, lambda y: microgrid.tanh(y) * 2.0, lambda y: Value(2.0, "x") / y])
def test_latex_of_a_deep_graph_is_joined_once(step: Callable[[Value], Value], monkeypatch: pytest.MonkeyPatch) -> None:
    joined, join, work = 0, Text.text.fget, []  # type: ignore[attr-defined]

    def counted(one: Text) -> Any:
        nonlocal joined
        joined += 1
        return join(one)

    monkeypatch.setattr(Text, "text", property(counted))
    for depth in (500, 1_000):
        node = Value(0.5, "x")
        for _ in range(depth):
            node = step(node)
        work.append(_calls(latex, node))
    assert joined == 2
    assert work[1] < 2.1 * work[0]


def test_a_formula_that_sympy_takes_too_long_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgrid.formulas.sympy._MOST_CALLS", 100_000)
    total = Value(0.5, "x0")
    for k in range(1, 1_500):
        total = total + Value(0.5, f"x{k}")
    with pytest.raises(DataError, match=r"SymPy takes too long to build this formula of 2,999 symbols .* \(stop="):
        to_sympy(total)
    assert sys.getprofile() is None


def test_a_formula_that_is_too_deep_for_sympy_is_refused() -> None:
    deep = Value(0.5, "x")
    for _ in range(1_500):
        deep = microgrid.sin(deep)
    with pytest.raises(DataError, match=r"or can't nest as deeply: name interior nodes to stop at"):
        to_sympy(deep)


def test_what_lies_behind_a_stop_costs_nothing() -> None:
    deep = Value(0.5, "x") * 0.01
    for _ in range(200):
        deep = deep + deep * deep
    named(deep, "d")
    assert str(to_sympy(deep * 2.0, stop=[deep])) == "2*d"
    assert latex(deep * 2.0, stop=[deep]) == r"d \cdot 2"


@pytest.mark.parametrize("function", [latex, to_sympy, precise])
def test_only_values_have_formulas(function: Callable[[Any], Any]) -> None:
    with pytest.raises(InvalidValueError, match=r"only a Value can be .*, not 3\.0"):
        function(3.0)


# ---- LaTeX ----------------------------------------------------------------------------------------------------

A, B, C = Text("a"), Text("b"), Text("c")


@every_rule
def test_latex_of_every_rule_is_balanced_and_keeps_its_operands_together(name: str) -> None:
    """Sums as operands: wherever one is not fenced by the rule's own text, it has to be put in parentheses."""
    value, partials = LATEX.bind(RULES[name])
    operands = [A + B, B - C, -A][: RULES[name].arity] if RULES[name].arity else [A + B, -A] * len(RULES[name].regions)
    texts = [value(*operands), *partials(Text("f"), *operands)]
    for text in texts:
        written = str(text)
        assert written.count("{") == written.count("}")
        assert written.count(r"\left") == written.count(r"\right")
        assert not re.search(r"(\+|-|\\cdot|\\le|<) -", written)
    assert str(value(*operands)).count("a + b") >= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A - (B - C), r"a - \left(b - c\right)"),
        ((A - B) - C, r"a - b - c"),
        (A + (B + C), r"a + b + c"),
        ((A + B) * C, r"\left(a + b\right) \cdot c"),
        (A * B * C, r"a \cdot b \cdot c"),
        (A * -B, r"a \cdot \left(-b\right)"),
        (-(A * B), r"-a \cdot b"),
        (-(A + B), r"-\left(a + b\right)"),
        ((A + B) / (A - B), r"\frac{a + b}{a - b}"),
        (LATEX.pow(A / B, 2.0), r"\left(\frac{a}{b}\right)^{2}"),
        (LATEX.pow(-A, B + C), r"\left(-a\right)^{b + c}"),
        (LATEX.pow(LATEX.exp(A), 2.0), r"\left(e^{a}\right)^{2}"),
        (LATEX.pow(LATEX.pow(A, B), C), r"\left(a^{b}\right)^{c}"),
        (1.0 * A + -1.0 * B, r"a + \left(-b\right)"),
        (A * 1.0, "a"),
        (2.0 / A, r"\frac{2}{a}"),
        (A - 2.0, "a - 2"),
        (LATEX.where(LATEX.less(A, 0.0), A, 1.0), r"\begin{cases} a & a < 0 \\ 1 & \text{otherwise} \end{cases}"),
        (LATEX.where(LATEX.less(1.0, 2.0), A, B), "a"),
        (LATEX.bind(RULES["sum"])[0](), r"\left(0\right)"),
    ],
)
def test_parentheses_stand_where_they_are_needed(text: Text, expected: str) -> None:
    assert str(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("w", "w"),
        ("w1", "w_{1}"),
        ("x_12", "x_{12}"),
        ("θ2", r"\theta_{2}"),
        ("loss", r"\mathrm{loss}"),
        ("größe", r"\text{größe}"),
        ("a b", r"\text{a b}"),
        ("}\\evil{$&%#_^~", r"\text{\}\textbackslash{}evil\{\$\&\%\#\_\textasciicircum{}\textasciitilde{}}"),
        ("<script>", r"\text{\textless{}script\textgreater{}}"),
        ("x\n\x00", r"\text{x �}"),
        ("a_b_c", r"\text{a\_b\_c}"),
    ],
)
def test_names_are_written_as_mathematics_and_can_do_no_harm(name: str, expected: str) -> None:
    assert symbol(name) == expected


def test_numbers_keep_their_digits() -> None:
    given = [0.1 + 0.2, 2.0, -1e-12, 2.5e300, math.inf, -math.inf, math.nan]
    expected = ["0.30000000000000004", "2", "-10^{-12}", r"2.5 \cdot 10^{300}", r"\infty", r"-\infty", r"\mathrm{nan}"]
    assert [number(x) for x in given] == expected


def test_leaves_without_a_name_are_written_as_numbers() -> None:
    assert latex(Value(0.5) * Value(2.0, "x") + 1e-20) == r"0.5 \cdot x + 10^{-20}"
    assert latex(Value(3.0)) == "3"


def test_a_division_of_constants_stays_one() -> None:
    x = Value(2.0, "x")
    slope = gradients(x**2 / 3, x)
    assert to_sympy(slope) == 2 * sympy.Symbol("x", real=True) / 3
    assert r"\frac{1}{3}" in latex(slope)


# ---- high precision -------------------------------------------------------------------------------------------


def test_precise_gives_the_true_rounding_error() -> None:
    x = Value(1e-9)
    result = precise((1.0 + x) - 1.0)
    assert abs(result.value - mpmath.mpf(1e-9)) < 1e-59
    assert result.error == pytest.approx(8.274037093680878e-17, rel=1e-12)
    assert result.ulp == pytest.approx(result.error / math.ulp(1e-9), rel=1e-12)
    assert precise(Value(0.1) + 0.2).ulp < 1.0
    assert str(precise(Value(0.1), digits=30)) == "0.100000000000000005551115123126"


def test_precise_sees_through_cancellation() -> None:
    assert float(precise(microgrid.softplus(Value(-700.0))).value) == pytest.approx(math.exp(-700.0), rel=1e-15)
    assert precise(Value(3.0) - 3.0).value == 0


def test_precise_says_where_there_is_nothing_to_compute() -> None:
    for value in (Value(1.0) / 0.0, microgrid.log(Value(-1.0))):
        with pytest.raises(DataError, match="the graph has no finite value at the numbers in its leaves"):
            precise(value)
    for digits in (0, 1.5, True):
        with pytest.raises(DataError, match="digits is a whole number from 1"):
            precise(Value(1.0), digits)  # type: ignore[arg-type]


# ---- without SymPy --------------------------------------------------------------------------------------------


def test_without_sympy_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['sympy'] = sys.modules['mpmath'] = None\n"
        "import microgrid, microgrid.cli.main\n"
        "x = microgrid.Value(1.0, 'x')\n"
        "print(microgrid.latex(x * x))\n"
        "for function in (microgrid.to_sympy, microgrid.precise, lambda x: microgrid.from_sympy('x')):\n"
        "    try:\n"
        "        function(x)\n"
        "    except microgrid.MissingPackageError as error:\n"
        "        print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, *told = run.stdout.splitlines()
    assert first == r"x \cdot x"
    assert len(told) == 3
    assert all("pip install 'microgrid-autodiff[symbolic]'" in line for line in told)
