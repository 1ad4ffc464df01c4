"""Number systems that the rules run in: what one must offer, and the two of floats.

Nothing here knows a graph. Further number systems live in ``microgrid.arithmetics``, one file each.
"""

from __future__ import annotations

import math
import operator as infix
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from microgrid.core.ieee import ELEMENTARY, IEEE_ELEMENTARY, Ieee
from microgrid.core.rule import Pair, Rule
from microgrid.core.rules import EVERY_RULE

__all__ = ["COMPARISONS", "FLOAT", "PLAIN", "Arithmetic", "choose"]


class Arithmetic:
    """A number system: the functions that the rules are written in.

    A rule that the system doesn't offer itself is taken from the table and run in the system: sigmoid needs no word
    here, since its rule says how to make it from ``exp``.

    It offers the elementary functions by their names in the rule table; ``pi`` and ``inf``; the comparisons ``less``,
    ``less_equal`` and ``equal``, which give a truth, and ``where(truth, then, otherwise)``, which takes one. If it is
    ``exact``, its numbers neither overflow nor cancel, so that a rule's definition serves better than its stable form.

    Examples
    --------
    >>> from microgrid.core.arithmetic import FLOAT
    >>> FLOAT.sigmoid(0.0)
    0.5
    """

    floats: bool = False  # whether its numbers are Python's floats, so that functions written for those alone serve too
    arrays: bool = False  # likewise NumPy's arrays

    def __init__(self, name: str, *, exact: bool = False, **offers: Any) -> None:
        self.name = name
        self.exact = exact
        self._bound: dict[Rule, Pair] = {}
        self._bound_while_used: WeakKeyDictionary[Rule, Pair] = WeakKeyDictionary()  # of rules that aren't the table's
        self.__dict__.update(offers)

    def __repr__(self) -> str:
        return f"<arithmetic {self.name}>"

    def bind(self, rule: Rule) -> Pair:
        """The rule's ``value(*operands)`` and ``partials(out, *operands)`` in this arithmetic; the rule may be any."""
        pair = self._bound.get(rule) or self._bound_while_used.get(rule)
        if pair is None:
            pair = rule.make(self)
            pair = _on_flat_operands(pair, len(rule.regions)) if rule.arity is None else pair
            (self._bound if rule.source is None else self._bound_while_used)[rule] = pair
        return pair

    def total(self, terms: Iterable[Any]) -> Any:
        """The sum of a list in pairs: the error grows with log n, not n, and every number system adds in this order."""
        terms = list(terms)
        while len(terms) > 1:
            odd = terms[len(terms) & ~1 :]
            terms = [*map(infix.add, terms[::2], terms[1::2]), *odd]
        return terms[0] if terms else 0.0

    def each(self, numbers: Iterable[Any]) -> Iterable[Any]:
        """A list that a rule goes through more than once."""
        return list(numbers)

    def largest(self, terms: Iterable[Any]) -> Any:
        """The largest of a list; nan if the list has one, -inf if it is empty."""
        peak = -self.inf
        for term in terms:
            peak = self.where(self.less(term, peak), peak, self.where(self.less_equal(peak, term), term, term + peak))
        return peak

    def smallest(self, terms: Iterable[Any]) -> Any:
        """The smallest of a list, likewise."""
        return -self.largest(-term for term in terms)

    def __getattr__(self, name: str) -> Any:
        """A rule of the table that this system doesn't offer itself."""
        if name.startswith("_") or name not in EVERY_RULE:
            raise AttributeError(f"the {self.__dict__.get('name')} arithmetic has no {name!r}, nor has the rule table")
        return self.bind(EVERY_RULE[name])[0]


def _on_flat_operands(pair: Pair, lists: int) -> Pair:
    """A rule on lists as a rule on their elements, one list after the other: the form in which nodes keep them."""
    value, partials = pair

    def split(operands: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        length = len(operands) // lists
        return [operands[place * length : (place + 1) * length] for place in range(lists)]

    def flat_value(*operands: Any) -> Any:
        return value(*split(operands))

    def flat_partials(out: Any, *operands: Any) -> tuple[Any, ...]:
        return tuple([slope for slopes in partials(out, *split(operands)) for slope in slopes])

    return flat_value, flat_partials


def choose(truth: Any, then: Any, otherwise: Any) -> Any:
    """One of two numbers, by a truth that Python knows."""
    return then if truth else otherwise


COMPARISONS: dict[str, Any] = {"less": infix.lt, "less_equal": infix.le, "equal": infix.eq, "where": choose}

PLAIN = Arithmetic("plain float", floats=True, abs=abs, pi=math.pi, inf=math.inf, **COMPARISONS, **ELEMENTARY)
"""Python's own floats, at the interpreter's full speed. Where IEEE 754 answers inf or nan, Python often raises
``ArithmeticError`` or ``ValueError``; every other result has FLOAT's bits. So an engine tries PLAIN and asks FLOAT
when it raises."""

_IEEE = Arithmetic("IEEE", floats=True, abs=abs, pi=Ieee(math.pi), inf=Ieee(math.inf), **COMPARISONS, **IEEE_ELEMENTARY)


class _FloatArithmetic(Arithmetic):
    """Floats in, floats out, never an exception: operands are made ``Ieee`` numbers and results plain again."""

    def bind(self, rule: Rule) -> Pair:
        value, partials = _IEEE.bind(rule)

        def ieee_value(*operands: float) -> float:
            return float(value(*map(Ieee, operands)))

        def ieee_partials(out: float, *operands: float) -> tuple[float, ...]:
            return tuple(map(float, partials(Ieee(out), *map(Ieee, operands))))

        return ieee_value, ieee_partials


FLOAT = _FloatArithmetic("float", floats=True, **COMPARISONS)
"""IEEE 754 doubles: log 0 is -inf, exp 710 is inf, 1/0 is inf, and nothing ever raises."""
