"""An arithmetic whose numbers are formulas in plain text: a rule that runs on them writes its formula and derivatives.

>>> from microgrid.core.rules import RULES
>>> formula(RULES["sigmoid"]), derivatives(RULES["atan"])
('1/(1 + exp(-x))', ['1/(1 + x**2)'])

The text is exact mathematics: a comparison has one of two answers, for no operand is nan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from microgrid.core.arithmetic import FLOAT, PLAIN, Arithmetic
from microgrid.core.rule import Rule
from microgrid.core.rules import AUXILIARY, RULES
from microgrid.core.source import Infix

__all__ = ["Text", "derivatives", "formula"]

# How tightly the parts of a formula hold together, from loose to tight.
_CHOICE, _SUM, _PRODUCT, _POWER, _ATOM = range(5)

# What can hold between the left side and the right side of a comparison that is true.
_RELATIONS = {"<": {"<"}, "<=": {"<", "="}, "==": {"="}}
_TURNED = {"<": ">", "=": "=", ">": "<"}


class _Truth(NamedTuple):
    """A comparison."""

    left: str
    operator: str
    right: str

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"

    def relations(self, left: str, right: str) -> set[str]:
        """What can hold between two sides if this comparison is true."""
        found = _RELATIONS[self.operator]
        if (self.left, self.right) == (left, right):
            return found
        if (self.left, self.right) == (right, left):
            return {_TURNED[relation] for relation in found}
        return {"<", "=", ">"}


@dataclass(frozen=True, slots=True)
class Text(Infix):
    """A formula, how tightly it holds together, and the forms that it can be simplified by."""

    text: str
    binding: int = _ATOM
    negated: Text | None = None  # what this is the negative of
    quotient: tuple[Text, Text] | None = None  # the numerator and the denominator that this is the quotient of
    squared: Text | None = None  # the square of this, where that is simpler than a power
    choice: tuple[_Truth, Text, Text] | None = None  # what is chosen if the comparison is true, and if not

    def within(self, binding: int) -> str:
        """The text, in parentheses where its surroundings hold together more tightly."""
        return self.text if self.binding >= binding else f"({self.text})"

    def infix(self, operator: str, left: Any, right: Any) -> Text:
        """One of the four operators between two formulas or plain numbers."""
        write = {"+": _sum, "-": _difference, "*": _product, "/": _quotient}[operator]
        return write(_of(left), _of(right))

    def __neg__(self) -> Text:
        if self.negated is not None:
            return self.negated
        return Text(f"-{self.within(_PRODUCT)}", _SUM, negated=self)


def _of(thing: Any) -> Text:
    """A formula for a plain number, or the formula itself."""
    if isinstance(thing, Text):
        return thing
    if math.copysign(1.0, thing) < 0.0:
        return -_of(-thing)
    return Text(repr(float(thing)).removesuffix(".0"))


# ---- arithmetic -----------------------------------------------------------------------------------------------


def _sum(left: Text, right: Text) -> Text:
    if right.negated is not None:
        return _difference(left, right.negated)
    return Text(f"{left.within(_SUM)} + {right.within(_SUM)}", _SUM)


def _difference(left: Text, right: Text) -> Text:
    if left.text == right.text:
        return _of(0.0)
    return Text(f"{left.within(_SUM)} - {right.within(_PRODUCT)}", _SUM)


def _product(left: Text, right: Text) -> Text:
    if left.negated is not None:
        return -_product(left.negated, right)
    if right.negated is not None:
        return -_product(left, right.negated)
    if left.text == right.text:
        return _square(left)
    if "1" in (left.text, right.text):
        return right if left.text == "1" else left
    for one, other in ((left, right), (right, left)):
        if one.quotient is not None and one.quotient[0].text == "1":
            return _quotient(other, one.quotient[1])
    return Text(f"{left.within(_PRODUCT)}*{right.within(_PRODUCT)}", _PRODUCT)


def _square(base: Text) -> Text:
    if base.text == "1":
        return base
    if base.quotient is not None:
        return _quotient(_square(base.quotient[0]), _square(base.quotient[1]))
    return base.squared or Text(f"{base.within(_ATOM)}**2", _POWER)


def _quotient(left: Text, right: Text) -> Text:
    if left.negated is not None:
        return -_quotient(left.negated, right)
    if right.negated is not None:
        return -_quotient(left, right.negated)
    if left.quotient is not None and left.quotient[1].text == right.text:
        return _quotient(left.quotient[0], _square(right))
    return Text(f"{left.within(_PRODUCT)}/{right.within(_POWER)}", _PRODUCT, quotient=(left, right))


# ---- choices --------------------------------------------------------------------------------------------------


def _choose(truth: _Truth | bool, then: Any, otherwise: Any) -> Any:
    if isinstance(truth, bool):
        return then if truth else otherwise
    return _choice(truth, _of(then), _supposing([truth], _of(otherwise)))


def _choice(truth: _Truth, then: Text, otherwise: Text) -> Text:
    text = f"{then.within(_SUM)} if {truth} else {otherwise.text}"
    return Text(text, _CHOICE, choice=(truth, then, otherwise))


def _supposing(false: list[_Truth], text: Text) -> Text:
    """The text where some comparisons are false, without the choices that are decided by that."""
    if text.choice is None:
        return text
    truth, then, otherwise = text.choice
    possible = {"<", "=", ">"}
    for comparison in false:
        if {comparison.left, comparison.right} == {truth.left, truth.right}:
            possible -= comparison.relations(truth.left, truth.right)
    wanted = truth.relations(truth.left, truth.right)
    if possible <= wanted:
        return then
    if not possible & wanted:
        return _supposing(false, otherwise)
    return _choice(truth, then, _supposing([*false, truth], otherwise))


# ---- the arithmetic -------------------------------------------------------------------------------------------


def _compared(name: str, operator: str, x: Any, y: Any) -> _Truth | bool:
    if isinstance(x, Text) or isinstance(y, Text):
        return _Truth(_of(x).text, operator, _of(y).text)
    return bool(getattr(PLAIN, name)(x, y))


def _function(name: str, *operands: Any) -> Any:
    """A call of a rule's function, by its own name; of plain numbers, its value."""
    if not any([isinstance(operand, Text) for operand in operands]):
        return getattr(FLOAT, name)(*operands)
    texts = [_of(operand) for operand in operands]
    squared = None
    if name in ("sqrt", "hypot"):
        squared = texts[0] if name == "sqrt" else _sum(_square(texts[0]), _square(texts[1]))
    return Text(f"{name}({', '.join([text.text for text in texts])})", squared=squared)


def _power(base: Any, exponent: Any) -> Text:
    return Text(f"{_of(base).within(_ATOM)}**{_of(exponent).within(_ATOM)}", _POWER)


class _PlainText(Arithmetic):
    """Formulas as the numbers. A rule that another rule uses is written as a call."""

    def __init__(self, loop: str) -> None:
        super().__init__("plain text", exact=True, pi=Text("pi"), inf=Text("inf"), pow=_power, where=_choose)
        self._loop = loop
        for name, operator in (("less", "<"), ("less_equal", "<="), ("equal", "==")):
            setattr(self, name, partial(_compared, name, operator))

    def total(self, terms: Iterable[Any]) -> Text:
        (term,) = terms
        return Text(f"sum({_of(term).text} for {self._loop})")

    def largest(self, terms: Iterable[Any]) -> Text:
        (term,) = terms
        return Text(f"max({_of(term).text} for {self._loop})")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in AUXILIARY:  # no function that a reader could call: its definition is written
            value: Callable[..., Any] = AUXILIARY[name].make(self)[0]
            return value
        if name not in RULES:
            raise AttributeError(f"the rule table has no {name!r}")
        return partial(_function, name)


def _run(rule: Rule) -> tuple[Text, list[Text]]:
    """The rule's value and its partials. A list of operands is its general element, which has the list's letter."""
    letters = [letter[0] if rule.arity is None else letter for letter in rule.letters]
    zipped = f"zip({', '.join(rule.letters)})" if len(letters) > 1 else rule.letters[0]
    loop = f"{', '.join(letters)} in {zipped}"
    value, partials = rule.make(_PlainText(loop))
    operands: list[Any] = [Text(letter) for letter in letters]
    if rule.arity is None:
        operands = [[operand] for operand in operands]
    result = _of(value(*operands))
    out = Text(rule.call) if rule.operator is None else result
    slopes = partials(out, *operands)
    if rule.arity is None:
        slopes = [element for (element,) in slopes]
    return result, [_of(slope) for slope in slopes]


def formula(rule: Rule) -> str:
    """The definition of a rule of the table; a call where it is an elementary function of every arithmetic.

    >>> formula(RULES["logsumexp"]), formula(RULES["relu"])
    ('log(sum(exp(x) for x in xs))', '0 if x <= 0 else x')
    """
    return _run(rule)[0].text


def derivatives(rule: Rule) -> list[str]:
    """The partial derivatives of a rule of the table, one for each operand, or for the general element of each list.

    >>> derivatives(RULES["maximum"])[0]
    '1 if y < x else 0 if x < y else 0.5'
    """
    return [slope.text for slope in _run(rule)[1]]
