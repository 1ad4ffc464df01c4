"""The rules as JavaScript, for pages: the table written by an arithmetic of source text; no rule is written again here.

``words.js`` has the few functions that JavaScript lacks. What a page does with the rules is decided in ``pages``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from typing import Any

from microgrid.core.coefficients import ERFCX
from microgrid.core.rule import Rule
from microgrid.core.source import C, Language, List, Source

__all__ = ["JAVASCRIPT", "javascript_words", "rules_in_javascript"]

_OWN = ("hypot", "cbrt", "copysign", "fma", "erf", "erfc")  # functions of the words

JAVASCRIPT = Language(
    name="JavaScript",
    calls={name: f"Math.{name}({{}})" for name in (*C.calls, "abs")}
    | {name: f"{name}({{}})" for name in _OWN}
    | {"pow": "power({})", "exp2": "power(2, {})", "fmod": "remainder({})"},
    choice="{truth} ? {then} : {otherwise}",
    assignment="const {name} = {text};",
    infinity="Infinity",
    nan="NaN",
)
"""ECMAScript 2020. Its elementary functions are the engine's, within 2 ulp of C's in those that were measured."""


class _JavaScript(Source):
    """JavaScript text, also of lists whose length is known only when it runs."""

    def __init__(self) -> None:
        super().__init__(JAVASCRIPT)

    @contextmanager
    def for_each(self) -> Iterator[None]:
        self.lines.append("for (let i = 0; i < n; i++) {")
        yield
        self.lines.append("}")


def rules_in_javascript(rules: Iterable[Rule]) -> str:
    """An object literal with the rules, which run in every arithmetic (``rule.portable``), by their names.

    It is ``{name: {value, partials, choice}, ...}``. ``value(p)`` takes the operands as an array; ``partials(out, p)``
    gives an array, one for each operand. ``choice`` is the rule's. It needs ``javascript_words()``.

    >>> from microgrid.core.rules import RULES
    >>> print(rules_in_javascript([RULES["mul"]]))
    {
    mul: {choice: false,
    value(p) { const x = p[0], y = p[1]; const t0 = x * y; return t0; },
    partials(out, p) { const x = p[0], y = p[1]; return [y, x]; }},
    }
    """
    return "\n".join(["{", *[_rule(rule) for rule in rules], "}"])


def _rule(rule: Rule) -> str:
    value, partials = _list_rule(rule) if rule.arity is None else _fixed_rule(rule)
    choice = "true" if rule.choice else "false"
    return f"{rule.name}: {{choice: {choice},\nvalue(p) {{ {value} }},\npartials(out, p) {{ {partials} }}}},"


def _fixed_rule(rule: Rule) -> tuple[str, str]:
    """The bodies of the two functions of a rule of so many operands."""
    letters = rule.letters
    head = f"const {', '.join([f'{letter} = p[{place}]' for place, letter in enumerate(letters)])};"
    bodies = []
    for which in range(2):
        source = _JavaScript()
        operands = [source.term(letter) for letter in letters]
        pair = rule.make(source)
        results = list(pair[1](source.term("out"), *operands)) if which else [pair[0](*operands)]
        texts = [source.write(result) for result in results]
        written = f"[{', '.join(texts)}]" if which else texts[0]
        bodies.append(" ".join([head, *source.lines_for(results), f"return {written};"]))
    return bodies[0], bodies[1]


def _list_rule(rule: Rule) -> tuple[str, str]:
    """The same of a rule on lists, which are one array, one list after the other."""
    letters = rule.letters
    count = len(letters)
    head = [f"const n = p.length / {count}, scratch = new Float64Array(n);"]
    head += [f"const {letter} = p.slice({place} * n, {place + 1} * n);" for place, letter in enumerate(letters)]
    head += [
        f"const d{letter} = new Array(n);" for letter in letters
    ]  # the value of logsumexp keeps its weights in one
    bodies = []
    for which in range(2):
        source = _JavaScript()
        source.of_lists = True
        lists = [List(source, letter) for letter in letters]
        pair = rule.make(source)
        if which:
            for letter, slopes in zip(letters, pair[1](source.term("out"), *lists), strict=True):
                source.loop(slopes, partial(source.set_element, f"d{letter}"))
            result = f"[{', '.join([f'...d{letter}' for letter in letters])}]"
        else:
            result = source.write(pair[0](*lists))
        bodies.append(" ".join([*head, *source.lines, f"return {result};"]))
    return bodies[0], bodies[1]


def javascript_words() -> str:
    """The functions that the rules use besides ``Math``, as declarations."""
    hand_written = files("microgrid.arithmetics").joinpath("words.js").read_text(encoding="utf-8")
    own = [_function("erf", ["x"], _erf), _function("erfc", ["x"], _erfc)]
    return "\n".join([hand_written, "function remainder(x, y) { return x % y; }", *own])


def _function(name: str, letters: list[str], made: Any) -> str:
    source = _JavaScript()
    result = made(source, *[source.term(letter) for letter in letters])
    body = " ".join([*source.lines_for([result]), f"return {source.write(result)};"])
    return f"function {name}({', '.join(letters)}) {{ {body} }}"


# The terms of the power series of erf(x)/x in x².
_ERF_NEAR_0 = [2.0 / math.sqrt(math.pi) * (-1.0) ** k / math.factorial(k) / (2 * k + 1) for k in range(14)]


def _near_0(m: Source, x: Any) -> Any:
    return x * m.define(_horner(m, _ERF_NEAR_0, x * x))


def _horner(m: Source, coefficients: Iterable[float], x: Any) -> str:
    """A polynomial as one expression."""
    first, *others = [m.write(coefficient) for coefficient in coefficients][::-1]
    return "(" * len(others) + first + "".join([f" * {x.text} + {other})" for other in others])


def _beyond(m: Source, size: Any) -> Any:
    """The complementary error function for a size from 1/4 on: the polynomial of the rule erfcx, times exp(-x²).

    Both are a number and a small rest, so that little more is lost than in the last product and the last sum.
    """
    near = m.where(m.less(28.0, size), 28.0, size)  # erfc(28) is 0
    high = (near + 1.5 * 2.0**31) - 1.5 * 2.0**31  # of so few bits that its square is exact
    rest = (high - near) * (near + high)
    change = rest * (1.0 + rest * (0.5 + rest / 6.0))
    place = 1.0 - 8.0 / (near + 4.0)
    added = place * m.define(_horner(m, ERFCX[1:], place))
    above = ERFCX[0] + added
    below = 1.0 + 2.0 * near
    quotient = above / below
    left = -_rounded_off(quotient, below, above) + ((ERFCX[0] - above) + added)
    tail = (left - quotient * _lost(1.0, 2.0 * near, below)) / below
    power, large, small = _exponential(m, -high * high)
    half = m.floor(0.5 * power)  # in two steps, of which one rounds: the result may be below the normal numbers
    product = large * quotient + ((large + small) * (tail + quotient * change) + small * quotient)
    return product * m.exp2(half) * m.exp2(power - half)


def _exponential(m: Source, x: Any) -> tuple[Any, Any, Any]:
    """The exponential of x <= 0 as 2**power * (large + small): Math.exp may be an ulp off, which a product doubles."""
    power = m.floor(x * (1.0 / math.log(2.0)) + 0.5)
    first = x - power * _LN_2  # exact: _LN_2 has 32 bits
    rest = first - power * _LN_2_REST
    lost = (first - rest) - power * _LN_2_REST
    series = rest * rest * m.define(_horner(m, [1.0 / math.factorial(k + 2) for k in range(13)], rest))
    large = 1.0 + rest
    return power, large, ((1.0 - large) + rest) + (lost + series)


_LN_2 = math.floor(math.log(2.0) * 2.0**32) / 2.0**32
_LN_2_REST = 1.9082149292705877e-10


def _lost(x: Any, y: Any, total: Any) -> Any:
    """What a rounded sum lost (D. Knuth, The Art of Computer Programming 2, 4.2.2)."""
    back = total - x
    return (x - (total - back)) + (y - back)


def _rounded_off(x: Any, y: Any, near: Any) -> Any:
    """The exact product less a number near it (T. Dekker, A floating-point technique, 1971)."""
    halves = []
    for factor in (x, y):
        scaled = 134217729.0 * factor
        high = scaled - (scaled - factor)
        halves.append((high, factor - high))
    (a, b), (c, d) = halves
    return ((a * c - near) + a * d + b * c) + b * d


def _erf(m: Source, x: Any) -> Any:
    size = m.abs(x)
    return m.where(m.less(size, 0.5), _near_0(m, x), m.copysign(1.0 - _beyond(m, size), x))


def _erfc(m: Source, x: Any) -> Any:
    size = m.abs(x)
    beyond = _beyond(m, size)
    return m.where(m.less(size, 0.46), 1.0 - _near_0(m, x), m.where(m.less(x, 0.0), 2.0 - beyond, beyond))
