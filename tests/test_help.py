"""Help: what is said about each function and method comes from the rule table, is true, and is said on both engines."""

from __future__ import annotations

import doctest
import inspect
import itertools
import math
import pydoc
import re
from collections.abc import Iterator
from typing import Any

import pytest

import microgrid
from microgrid import Value
from microgrid.core.arithmetic import FLOAT
from microgrid.core.functions import FUNCTIONS
from microgrid.core.help import describe, summary
from microgrid.core.plain_text import derivatives, formula
from microgrid.core.rule import Region, Rule
from microgrid.core.rules import REAL, RULES

every_function = pytest.mark.parametrize("name", FUNCTIONS)
METHODS = [(name, method) for name in FUNCTIONS if RULES[name].arity for method in (name, *RULES[name].aliases)]

# The names in a formula: math's functions, and those of the package that it doesn't have.
NAMES: dict[str, Any] = {"sigmoid": FLOAT.sigmoid, "logsumexp": lambda xs: FLOAT.logsumexp(*xs)}
NAMES |= {name: getattr(math, name) for name in dir(math) if not name.startswith("_")}
NAMES |= {name: getattr(FLOAT, name) for name in RULES if name not in NAMES and RULES[name].arity}
NAMES |= {"abs": abs, "sum": sum, "zip": zip, "round": round, "max": max, "amax": max, "amin": min}


def points(rule: Rule) -> Iterator[tuple[float, ...]]:
    """Points of the regions; on a list, one pair of elements for each."""
    for place in range(8):
        operands = []
        for index, region in enumerate(rule.regions):
            for element in range(2 if region.repeated else 1):
                share = (0.618 * (place + 1) + 0.27 * index + 0.41 * element) % 1.0
                operands.append(region.low + (region.high - region.low) * share)
        yield tuple(operands)


def by_letters(rule: Rule, point: tuple[float, ...]) -> dict[str, Any]:
    if rule.arity is not None:
        return dict(zip(rule.letters, point, strict=True))
    return {letters: point[2 * place : 2 * place + 2] for place, letters in enumerate(rule.letters)}


# ---- what the texts say is what the rules compute ------------------------------------------------------------


@every_function
def test_the_written_formula_is_the_rules_value(name: str) -> None:
    rule = RULES[name]
    for point in points(rule):
        value, _ = FLOAT.bind(rule)
        assert eval(formula(rule), NAMES, by_letters(rule, point)) == pytest.approx(value(*point), rel=1e-12)


@every_function
def test_the_written_derivatives_are_the_rules_partials(name: str) -> None:
    rule = RULES[name]
    for point in points(rule):
        value, partials = FLOAT.bind(rule)
        expected = list(partials(value(*point), *point))
        letters = by_letters(rule, point)
        if rule.arity is not None:
            found = [eval(text, NAMES, letters) for text in derivatives(rule)]
        else:  # the text is of the general element of each list
            elements = [dict(zip("xy", pair, strict=False)) for pair in zip(*letters.values(), strict=True)]
            found = [eval(text, NAMES | letters | element) for text in derivatives(rule) for element in elements]
        assert found == pytest.approx(expected, rel=1e-12)


@every_function
def test_the_domain_is_where_the_value_is_a_number(name: str) -> None:
    rule = RULES[name]
    condition = (rule.domain or "True").replace(", or", " or")
    condition = re.sub(
        r"(\w) is (not )?a whole number", lambda m: f"({m[1]} == round({m[1]})) is {not m[2]}", condition
    )
    inside = 0
    for point in itertools.product((-2.5, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0), repeat=rule.arity or 2):
        value, partials = FLOAT.bind(rule)
        out = value(*point)
        if rule.arity is None or eval(condition, NAMES, by_letters(rule, point)):
            assert math.isfinite(out), point
            inside += 1
        else:
            slopes = partials(out, *point)
            assert not all(map(math.isfinite, (out, *slopes))), point
    assert inside


@every_function
def test_the_example_runs_and_shows_what_it_says(name: str) -> None:
    (test,) = doctest.DocTestFinder(recurse=False).find(FUNCTIONS[name], name, module=False, globs={})
    assert f"microgrid.{name}(" in (test.docstring or "")
    assert len(test.examples) >= 5
    output: list[str] = []
    doctest.DocTestRunner().run(test, out=output.append)
    assert output == []


# ---- what the texts have -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_summed_up_in_a_sentence(name: str) -> None:
    sentence = RULES[name].summary
    assert sentence == summary(RULES[name])
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) <= 100
    assert "\\" not in sentence


@every_function
def test_the_help_of_a_function_has_every_part(name: str) -> None:
    rule = RULES[name]
    text = FUNCTIONS[name].__doc__ or ""
    assert text == describe(rule)
    assert text.splitlines()[0] == rule.summary
    for heading in ("Parameters", "Returns", "Raises", "Notes", "Examples"):
        assert f"\n\n{heading}\n{'-' * len(heading)}\n" in text
    for letters, slope in zip(rule.letters, derivatives(rule), strict=True):
        letter = letters[0] if rule.arity is None else letters
        assert f"    d/d{letter} {name}({', '.join(rule.letters)}) = {slope}" in text
    assert (f"Domain: {rule.domain}." if rule.domain else "Defined for all real numbers.") in text
    for kink in rule.kinks:
        assert f"At {kink.where}: {kink.convention}." in text
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_the_help_of_a_method_says_which_function_it_is_and_what_its_derivative_is(name: str, method: str) -> None:
    text = getattr(Value, method).__doc__ or ""
    assert text.splitlines()[0] == RULES[name].summary
    assert f"``x.{method}(" in text
    assert f"`` is ``microgrid.{name}(x" in text
    assert f"d/dx {name}(x" in text
    assert "Examples" not in text


def test_a_rule_that_was_added_without_words_still_has_help() -> None:
    def hump(m: Any) -> Any:
        return lambda x: m.exp(-x * x), lambda out, x: (x * out * -2.0,)

    text = describe(Rule("hump", hump, "hump", "", (REAL,)))
    assert text.startswith("The operation hump.\n")
    assert "    hump(x) = exp(-x**2)\n    d/dx hump(x) = -x*hump(x)*2\n" in text
    assert ">>> round(out.data, 6), round(x.grad, 6)\n(0.018316, -0.073263)\n" in text


def test_what_a_rule_computes_of_plain_numbers_is_written_as_a_number() -> None:
    def twice(m: Any) -> Any:
        return lambda x: m.where(m.less(1.0, 2.0), m.sqrt(4.0), m.inf) * x, lambda out, x: (
            -m.pow(x, -2.0) + out - out,
        )

    rule = Rule("twice", twice, "2x", "", (REAL,))
    assert (formula(rule), derivatives(rule)) == ("2*x", ["-x**(-2) + twice(x) - twice(x)"])


def test_an_example_is_at_a_point_of_the_region() -> None:
    far = Region(7.0, 9.0)
    log = RULES["log"]
    assert ">>> x = Value(8.0)\n" in describe(Rule("log", log.make, log.symbol, log.latex, (far,)))


# ---- signatures and attributes, on both engines --------------------------------------------------------------


@every_function
def test_every_function_has_a_signature(name: str) -> None:
    function = getattr(microgrid, name)
    assert str(inspect.signature(function)) == f"({', '.join(RULES[name].letters)}, /)"
    assert function.__name__ == function.__qualname__ == name
    assert function.__module__ == "microgrid"


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_every_method_has_a_signature(name: str, method: str) -> None:
    operands = RULES[name].letters[1:]
    assert str(inspect.signature(getattr(Value, method))) == f"({', '.join(['self', *operands])}, /)"
    bound = inspect.signature(getattr(Value(1.0), method))
    assert list(bound.parameters) == list(operands)


def test_a_value_and_its_other_methods_have_signatures() -> None:
    parameters = inspect.signature(Value).parameters
    assert list(parameters) == ["data", "name", "label"]
    assert parameters["data"].default is inspect.Parameter.empty
    assert parameters["name"].default is parameters["label"].default is None
    assert parameters["label"].kind is inspect.Parameter.KEYWORD_ONLY
    for method in (Value.backward, Value.zero_grad):
        assert list(inspect.signature(method).parameters) == ["self"]


ATTRIBUTES = {
    "data": "The number itself",
    "grad": "The derivative",
    "is_constant": "Whether this leaf was a plain number",
    "label": "The name",
    "name": "The name",
    "op": "The rule that made this node",
    "parents": "The operands, in order and with repeats",
    "partials": "The local derivatives",
}


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_every_attribute_of_a_value_has_help(attribute: str) -> None:
    assert (getattr(Value, attribute).__doc__ or "").startswith(ATTRIBUTES[attribute])
    assert (getattr(type(2.0 * Value(1.0)), attribute).__doc__ or "").startswith(ATTRIBUTES[attribute])


def test_both_engines_describe_the_attributes_in_the_same_words() -> None:
    from microgrid.core import python_engine

    for attribute in ATTRIBUTES.keys() - {"label"}:
        assert getattr(Value, attribute).__doc__ == getattr(python_engine.Value, attribute).__doc__


def test_help_shows_the_signature_and_the_text() -> None:
    shown = pydoc.plain(pydoc.render_doc(microgrid.where))
    assert "where(x, y, z, /)" in shown
    assert "A choice: y where x is not 0, otherwise z" in shown
    shown = pydoc.plain(pydoc.render_doc(Value.tanh))
    assert "tanh(self, /)" in shown
    assert "d/dx tanh(x) = 1 - tanh(x)**2" in shown
