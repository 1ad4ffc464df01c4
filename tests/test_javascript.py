"""The rules as JavaScript: in Node and in Chromium they give what Python gives."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import chromium, in_node, needs_chromium, needs_node
from helpers import Operands, everyday, tails

from microgrid.arithmetics.javascript import JAVASCRIPT, javascript_words, rules_in_javascript
from microgrid.core.arithmetic import FLOAT, Arithmetic
from microgrid.core.ieee import IEEE_ELEMENTARY, Ieee
from microgrid.core.rule import Rule
from microgrid.core.rules import EVERY_RULE
from microgrid.core.source import PYTHON, Source

RULES = list(EVERY_RULE.values())
POINTS = {rule.name: [*everyday(rule, 10), *tails(rule, 40)] for rule in RULES}
ULPS_OF_A_FUNCTION, ULPS_OF_A_RULE = 2.0, 4.0

ENGINES = [
    pytest.param("Node", marks=needs_node),
    pytest.param("Chromium", marks=needs_chromium),
]


@pytest.fixture(scope="module", params=ENGINES)
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Any]]:
    """What gives a script's last expression."""
    if request.param == "Node":
        yield in_node
        return
    with chromium() as browser:
        page = browser.new_page()
        yield lambda script: page.evaluate("script => (0, eval)(script)", script)


def spelled(number: float) -> str:
    """As JavaScript's String, but for the sign of 0."""
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(number), repr(number))


def read(text: str) -> float:
    return float(text.replace("Infinity", "inf"))


TEXT = "const text = x => Object.is(x, -0) ? '-0' : String(x); "


def largest_term(rule: Rule, operands: Operands, *, of_partials: bool) -> float:
    """The largest finite number on the way to a rule's value or to its partials: the rule's own statements are run."""
    source = Source(PYTHON)
    terms = [source.term(f"x{place}") for place in range(len(operands))]
    value, partials = Arithmetic.bind(source, rule)
    out = FLOAT.bind(rule)[0](*operands)
    results = list(partials(source.term("out"), *terms)) if of_partials else [value(*terms)]
    names: dict[str, Any] = {f"m_{name}": function for name, function in IEEE_ELEMENTARY.items()}
    names |= {"m_abs": abs, "inf": Ieee(math.inf), "nan": Ieee(math.nan), "out": Ieee(out)}
    names |= {f"x{place}": Ieee(operand) for place, operand in enumerate(operands)}
    exec("\n".join(source.lines_for(results)), names)
    numbers = [abs(number) for name, number in names.items() if name[1:].isdigit()]
    return float(max([abs(out), *[number for number in numbers if math.isfinite(number)]]))


def fault(rule: Rule, operands: Operands, got: list[str]) -> str | None:
    value, partials = FLOAT.bind(rule)
    out = value(*operands)
    for place, (text, wanted) in enumerate(zip(got, [out, *partials(out, *operands)], strict=True)):
        found = read(text)
        if repr(found) == repr(wanted):
            continue
        size = abs(wanted)
        if math.isfinite(found) and math.isfinite(wanted) and found != wanted:
            if abs(found - wanted) <= ULPS_OF_A_RULE * math.ulp(size):
                continue
            if abs(found - wanted) <= ULPS_OF_A_RULE * math.ulp(largest_term(rule, operands, of_partials=place > 0)):
                continue
        return f"{rule.name}{operands}, {'partial ' + str(place) if place else 'value'}: {found!r}, not {wanted!r}"
    return None


def test_every_rule_gives_what_python_gives(run: Callable[[str], Any]) -> None:
    points = {name: [list(map(spelled, operands)) for operands in points] for name, points in POINTS.items()}
    answers = run(
        f"{javascript_words()}\nconst R = {rules_in_javascript(RULES)}, P = {json.dumps(points)}, A = {{}}; {TEXT}"
        "for (const k in P) A[k] = P[k].map(p => { p = p.map(Number); const v = R[k].value(p);"
        "return [v, ...R[k].partials(v, p)].map(text) }); A",
    )
    pairs = [(rule, *pair) for rule in RULES for pair in zip(POINTS[rule.name], answers[rule.name], strict=True)]
    assert len(pairs) > 20 * len(RULES)
    assert [found for rule, operands, got in pairs if (found := fault(rule, operands, got))] == []


def _points_of_function(name: str, count: int) -> list[Operands]:
    draw = random.Random(name)
    arity = {"pow": 2, "atan2": 2, "hypot": 2, "fmod": 2, "copysign": 2, "fma": 3}.get(name, 1)
    wide = [draw.choice((-1, 1)) * 10.0 ** draw.uniform(-12, 3) for _ in range(count * arity)]
    odd = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7e308]
    return [tuple(wide[place * arity : (place + 1) * arity]) for place in range(count)] + [
        tuple(draw.choice(odd) for _ in range(arity)) for _ in range(60)
    ]


def test_every_elementary_function_is_within_2_ulp(run: Callable[[str], Any]) -> None:
    points = {name: _points_of_function(name, 400) for name in IEEE_ELEMENTARY}
    sent = {name: [list(map(spelled, operands)) for operands in some] for name, some in points.items()}
    functions = [
        f"{name}: p => {JAVASCRIPT.calls[name].format(', '.join([f'p[{k}]' for k in range(len(points[name][0]))]))}"
        for name in points
    ]
    answers = run(
        f"{javascript_words()}\nconst F = {{{', '.join(functions)}}}, P = {json.dumps(sent)}, A = {{}}; {TEXT}"
        "for (const k in P) A[k] = P[k].map(p => text(F[k](p.map(Number)))); A",
    )
    for name, text, operands in [(k, *pair) for k in points for pair in zip(answers[k], points[k], strict=True)]:
        found, wanted = read(text), IEEE_ELEMENTARY[name](*operands)
        same = repr(found) == repr(float(wanted))
        near = math.isfinite(wanted) and abs(found - wanted) <= ULPS_OF_A_FUNCTION * math.ulp(wanted)
        if name == "cbrt" and not near:  # C's own is off by up to 4 ulp
            near = abs(found**3 / operands[0] - 1.0) < 4.0 * ULPS_OF_A_FUNCTION * 2.0**-53
        assert same or (near and found != 0.0), f"{name}{operands} is {found!r}, not {float(wanted)!r}"
