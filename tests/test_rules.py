"""Every rule of the table against high precision, in loops over the table: no rule is tested by name alone."""

# ruff: noqa: ARG005  # a rule's partials all take the same arguments, needed or not

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mpmath
import pytest
from helpers import (
    EVERYDAY_DIGITS,
    REPORTS,
    bits,
    check,
    definition,
    every_rule_in_time,
    everyday,
    few_or_all,
    full_check,
    record,
    regions_of,
    second_difference,
    tails,
)
from helpers import Report as RuleReport

import microgrid
from microgrid import Value
from microgrid.arithmetics.complex import COMPLEX
from microgrid.arithmetics.mpmath import MPMATH
from microgrid.calculus.forward import pushforward
from microgrid.core.comparison import Comparison
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import evaluate, local_partials, pullback
from microgrid.core.rule import Kink, Region, Rule, rule
from microgrid.core.rules import RULES
from microgrid.core.value_arithmetic import VALUE

every_rule = pytest.mark.parametrize("name", RULES)
every_function = pytest.mark.parametrize("name", FUNCTIONS)


# ---- against high precision -----------------------------------------------------------------------------------


@few_or_all
@every_rule_in_time
@pytest.mark.any_engine
@pytest.mark.unmeasured
def test_value_and_partials_agree_with_high_precision_everywhere(name: str, everything: bool) -> None:
    report = REPORTS[name] = full_check(RULES[name]) if everything else full_check(RULES[name], 8, 12, 2)
    assert report.verdict() is None


@every_rule
def test_definition_in_high_precision_agrees_with_mpmath_own_function(name: str) -> None:
    value, partials = MPMATH.bind(RULES[name])
    function = definition(RULES[name])
    with mpmath.workdps(EVERYDAY_DIGITS):
        for operands in everyday(RULES[name], 5):
            xs = [mpmath.mpf(x) for x in operands]
            out = value(*xs)
            assert abs(out - function(*xs)) <= abs(out) * mpmath.mpf(10) ** (10 - EVERYDAY_DIGITS)
            assert len(partials(out, *xs)) == len(xs)


@every_rule
def test_complex_step_agrees_with_the_partials(name: str) -> None:
    step = 1e-200
    for operands in everyday(RULES[name], 5):
        node = record(RULES[name], operands)
        for i, region in enumerate(_regions(RULES[name], operands)):
            if region.constant:
                continue
            values: dict[Any, complex] = {leaf: complex(leaf.data) for leaf in node.parents}
            values[node.parents[i]] += complex(0.0, step)
            out = evaluate([node], COMPLEX, values)[node]
            assert complex(out).real == pytest.approx(node.data, rel=1e-13, abs=1e-15)
            assert complex(out).imag / step == pytest.approx(node.partials[i], rel=1e-13, abs=1e-15)


@every_rule
def test_forward_mode_equals_reverse_mode(name: str) -> None:
    for operands in everyday(RULES[name], 5):
        node = record(RULES[name], operands)
        tangents = {leaf: 0.5 + index for index, leaf in enumerate(node.parents)}
        adjoints = pullback(node)
        expected = 0.0
        for leaf, tangent in tangents.items():
            expected += adjoints[leaf] * tangent
        assert pushforward(node, tangents)[node] == pytest.approx(expected, rel=1e-15, abs=1e-300)


@every_rule
def test_second_derivatives_by_values_agree_with_high_precision(name: str) -> None:
    checks = 0
    for operands in everyday(RULES[name], 2):
        if len(operands) > 14:
            continue
        checks += _check_second_derivatives(RULES[name], operands)
    assert checks > 0


def _check_second_derivatives(rule: Rule, operands: tuple[float, ...]) -> int:
    node = record(rule, operands)
    leaves = node.parents
    slopes = local_partials(VALUE, {n: n for n in (node, *leaves)})(node)
    regions = _regions(rule, operands)
    varying = [i for i in range(len(operands)) if not regions[i].constant]
    checks = 0
    for i in varying:
        slope = slopes[i]
        assert (slope.data if isinstance(slope, Value) else slope) == pytest.approx(node.partials[i], rel=1e-15)
        rows = pullback(slope) if isinstance(slope, Value) else {}
        for j in varying:
            with mpmath.workdps(EVERYDAY_DIGITS):
                xs = [mpmath.mpf(x) for x in operands]
                reference = float(second_difference(definition(rule), xs, j, i))
            assert rows.get(leaves[j], 0.0) == pytest.approx(reference, rel=1e-12, abs=1e-13)
            checks += 1
    return checks


def _regions(rule: Rule, operands: tuple[float, ...]) -> list[Region]:
    return [rule.regions[0]] * len(operands) if rule.arity is None else list(rule.regions)


# ---- kinks ----------------------------------------------------------------------------------------------------


@every_rule
def test_kinks_have_exactly_the_stated_partials(name: str) -> None:
    for kink in RULES[name].kinks:
        assert record(RULES[name], kink.at).partials == kink.partials
        assert kink.where
        assert kink.convention
        assert isinstance(kink, Kink)
        assert RULES[name].arity in (len(kink.at), None)


def test_a_zero_partial_at_a_kink_has_no_minus_sign() -> None:
    for zero in (0.0, -0.0):
        for node in (abs(Value(zero)), microgrid.relu(Value(zero))):
            assert math.copysign(1.0, node.partials[0]) == 1.0


def test_the_mixed_second_derivative_of_a_power_is_symmetric_at_exponent_0() -> None:
    x, y = Value(2.0), Value(0.0)
    node = x**y
    by_x, by_y = local_partials(VALUE, {n: n for n in (node, x, y)})(node)
    assert pullback(by_x)[y] == pullback(by_y)[x] == 0.5


# ---- how a rule is written and reached ------------------------------------------------------------------------


@every_rule
def test_latex_is_well_formed(name: str) -> None:
    letters = {"x": "a", "y": "b", "z": "c", "xs": "a, b", "ys": "c, d"}
    text = RULES[name].latex.format(**letters)
    assert text.count("{") == text.count("}")
    assert RULES[name].symbol
    assert RULES[name].symbol == RULES[name].symbol.strip()
    used = [text != RULES[name].latex.format(**letters | {key: "Q"}) for key in ("x", "xs")]
    assert any(used)


@every_function
def test_every_rule_is_a_function_of_the_package(name: str) -> None:
    function = getattr(microgrid, name)
    assert name in microgrid.__all__
    assert function.__name__ == name
    assert name in function.__doc__
    operands = next(tails(RULES[name], 8)) if RULES[name].arity else next(everyday(RULES[name], 1))
    leaves = [Value(x) for x in operands]
    if RULES[name].arity is None:
        size = len(leaves) // len(RULES[name].regions)
        groups = [leaves[start : start + size] for start in range(0, len(leaves), size)]
        node, plain = function(*groups), function(*[[v.data for v in group] for group in groups])
    else:
        node, plain = function(*leaves), function(*operands)
    assert node.op is RULES[name]
    assert type(plain) is float
    assert bits([node.data]) == bits([plain])


@every_rule
def test_a_rule_is_a_function_unless_it_is_the_constant_form_of_one(name: str) -> None:
    general = [rule for rule in RULES.values() if rule.constant_form == name]
    assert (name in FUNCTIONS) == (not general)
    if general:
        assert not hasattr(microgrid, name)
        assert not hasattr(Value, name)


@every_function
def test_every_rule_is_a_method_and_its_operator_and_aliases_agree(name: str) -> None:
    one = RULES[name]
    if one.arity is None:
        assert not hasattr(Value, name)
        return
    leaves = [Value(x) for x in next(everyday(one, 1))]
    expected = record(one, leaves)
    for method in (name, *one.aliases):
        node = getattr(leaves[0], method)(*leaves[1:])
        assert node.op is one
        assert node.parents == tuple(leaves)
        assert (node.data, node.partials) == (expected.data, expected.partials)
    if one.operator is not None:
        result = getattr(leaves[0], f"__{one.operator}__")(*leaves[1:])
        node = result.record() if isinstance(result, Comparison) else result
        assert node.op is one
        assert node.parents == tuple(leaves)
        if one.arity == 2 and not isinstance(result, Comparison):
            reflected = getattr(leaves[1], f"__r{one.operator}__")(leaves[0].data)
            assert reflected.op is one
            assert (reflected.data, reflected.partials) == (expected.data, expected.partials)


@every_function
def test_constant_form_is_recorded_for_a_plain_last_operand(name: str) -> None:
    one = RULES[name]
    if one.arity is None:
        node = getattr(microgrid, name)(*[[Value(1.0), 2.0]] * len(one.regions))
    else:
        node = getattr(microgrid, name)(*[Value(0.5)] * max(1, one.arity - 1), *[0.75] * (one.arity > 1))
    assert node.op.name == (one.constant_form or name)


@every_rule
def test_regions_are_open_intervals_without_a_kink_inside(name: str) -> None:
    assert repr(RULES[name]) == f"<rule {name}>"
    for region in RULES[name].regions:
        assert region.low < region.high
        assert region.tails
    for kink in RULES[name].kinks:
        inside = [r.low < at < r.high for at, r in zip(kink.at, regions_of(RULES[name], len(kink.at)), strict=True)]
        # A kink at one point of a wider region is met with probability 0: x = y, for instance.
        assert not all(inside) or "=" in kink.where


def test_a_second_rule_of_the_same_name_is_refused() -> None:
    table: dict[str, Rule] = {}
    rule("?", "{x}", Region(0.0, 1.0), table=table)(_twice)
    with pytest.raises(ValueError, match="already has a rule named '_twice'"):
        rule("?", "{x}", Region(0.0, 1.0), table=table)(_twice)
    assert list(table) == ["_twice"]
    assert "_twice" not in RULES


def _twice(m: Any) -> Any:
    return lambda x: 2.0 * x, lambda out, x: (2.0,)


def test_an_arithmetic_says_what_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="the mpmath arithmetic has no 'bessel', nor has the rule table"):
        MPMATH.bessel  # noqa: B018


# ---- the checks themselves: planted faults must be found ------------------------------------------------------


def _faulty(name: str, spoil: Any, *, of_value: bool = False) -> Rule:
    """A copy of a rule of the table with its partials, or its value, spoilt."""
    honest = RULES[name]

    def make(m: Any) -> Any:
        value, partials = honest.make(m)
        if m.exact:
            return value, partials
        if of_value:
            return lambda *xs: spoil(m, *xs), partials
        if honest.arity is None:
            return value, lambda out, *lists: _spoilt_lists(spoil, m, out, partials(out, *lists), lists)
        return value, lambda out, *xs: tuple(spoil(m, out, partials(out, *xs), *xs))

    return Rule(name, make, honest.symbol, honest.latex, honest.regions, honest.kinks)


def _spoilt_lists(spoil: Any, m: Any, out: Any, slopes: Any, lists: Any) -> list[Any]:
    """What is spoilt are the partials one after the other; a rule on lists gives a list of them for each."""
    flat = tuple([slope for group in slopes for slope in group])
    spoilt = spoil(m, out, flat, *[x for group in lists for x in group])
    length = len(lists[0])
    return [spoilt[start : start + length] for start in range(0, len(spoilt), length)]


@every_rule
@pytest.mark.parametrize("factor", [1.001, 1.0 + 1e-14, -1.0, 2.0], ids=["0.1 %", "1e-14", "sign", "twice"])
def test_a_planted_error_in_a_partial_is_found(name: str, factor: float) -> None:
    def spoil(m: Any, out: Any, partials: Any, *xs: Any) -> Any:
        return (partials[0] * factor if partials[0] != 0.0 else factor, *partials[1:])

    assert full_check(_faulty(name, spoil), 4, 8).verdict() is not None


@every_rule
def test_a_constant_added_to_the_last_partial_is_found(name: str) -> None:
    last = [i for i, region in enumerate(RULES[name].regions) if not region.constant][-1]

    def spoil(m: Any, out: Any, partials: Any, *xs: Any) -> Any:
        place = last if RULES[name].arity else len(xs) - 1
        return (*partials[:place], partials[place] + 0.25, *partials[place + 1 :])

    assert full_check(_faulty(name, spoil)).verdict() is not None


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("sigmoid", lambda m, out, partials, x: (out * (1.0 - out),)),
        ("tanh", lambda m, out, partials, x: (1.0 - out * out,)),
        ("expm1", lambda m, out, partials, x: (out + 1.0,)),
        ("atan", lambda m, out, partials, x: (1.0 / (1.0 + x * x) if abs(x) < 1e100 else 1e-200,)),
        ("softplus", lambda m, out, partials, x: (1.0 - m.exp(-out),)),
        ("logaddexp", lambda m, out, partials, x, y: (m.exp(x) / m.exp(out), m.exp(y) / m.exp(out))),
    ],
)
def test_a_form_that_cancels_or_overflows_is_found(name: str, spoil: Any) -> None:
    report = full_check(_faulty(name, spoil))
    assert report.value.mixed < 4.0
    assert (report.verdict() or "").startswith("partials")


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("softplus", lambda m, x: m.log(1.0 + m.exp(x))),
        ("expm1", lambda m, x: m.exp(x) - 1.0),
        ("logsumexp", lambda m, xs: m.log(math.fsum(m.exp(x) for x in xs))),
        ("hypot", lambda m, x, y: m.sqrt(x * x + y * y)),
    ],
)
def test_a_value_that_cancels_or_overflows_is_found(name: str, spoil: Any) -> None:
    assert (full_check(_faulty(name, spoil, of_value=True)).verdict() or "").startswith("value")


def test_a_check_without_checks_fails() -> None:
    assert RuleReport().verdict() == "no value checked"
    report = RuleReport()
    check(RULES["exp"], iter([(1e3,)]), EVERYDAY_DIGITS, report)  # infinite: nothing to hold it against
    assert report.verdict() == "no value checked"


def test_random_points_vary_and_are_the_same_in_every_run() -> None:
    points = list(everyday(RULES["add"], 50))
    assert len(set(points)) == 50
    assert points == list(everyday(RULES["add"], 50))
    assert points != list(everyday(RULES["sub"], 50))


# ---- an operation added tomorrow ------------------------------------------------------------------------------

_HUMP = """

@rule("hump", "e^{{-{x}^2}}", REAL)
def hump(m: Any) -> Pair:
    return lambda x: m.exp(-x * x), lambda out, x: (x * out * -2.0,)
"""


def test_an_operation_added_to_the_table_needs_nothing_else(tmp_path: Path) -> None:
    """The package is copied, its table gets one more rule, and the tests above run for that rule."""
    package = Path(microgrid.__file__).parent
    shutil.copytree(package, tmp_path / "microgrid", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "microgrid" / "core" / "rules.py").open("a", encoding="utf-8") as table:
        table.write(_HUMP)
    for file in ("conftest.py", "helpers.py", "test_rules.py"):
        shutil.copy(Path(__file__).parent / file, tmp_path / file)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["MICROGRID_ENGINE"] = "python"  # the native engine is built from the table, and has to be built anew
    script = "import microgrid; print(microgrid.__file__); print(microgrid.hump(microgrid.Value(0.5)).hump())"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith(str(tmp_path))
    assert "Value(data=0.5452" in run.stdout
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-m", "not trials", "-k", "hump", "test_rules.py"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    factors = 4  # of the planted errors
    tests = sum([line in ("@every_rule", "@every_rule_in_time", "@every_function") for line in lines])
    assert f"{tests + factors - 1} passed" in run.stdout, run.stdout
