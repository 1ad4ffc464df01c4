"""Truncated power series as a number system: forward mode to any order from the same rules; no graph is here.

A number that depends on t is x(t) = x0 + x1·t + x2·t² + … . By the chain rule, a rule's output satisfies

    out'(t) = Σ partial_i(out, x)(t) · x_i'(t).

Comparing coefficients gives each coefficient of the output from those before it, with the partials run on series too,
so that no operation needs a recurrence of its own. The first coefficient is the rule's value in the base arithmetic, in
its stable form.

Coefficients are computed on demand and kept. With sparse vectors as first-order coefficients, one entry per direction,
the same numbers are forward mode in all directions at once.
"""

from __future__ import annotations

import functools
import operator as infix
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from microgrid.core.arithmetic import FLOAT, PLAIN, Arithmetic
from microgrid.core.rule import Pair, Rule
from microgrid.core.rules import EVERY_RULE, RULES
from microgrid.core.source import Infix

__all__ = ["REAL", "Series", "SeriesArithmetic", "SparseVector"]

Apply = Callable[..., Any]


class _Real(Arithmetic):
    """Floats with the results of FLOAT, at the speed of PLAIN where Python's floats don't raise."""

    def bind(self, rule: Rule) -> Pair:
        pair = self._bound.get(rule)
        if pair is None:
            pair = _with_fallback(rule, 0), _with_fallback(rule, 1)
            if rule.source is None:  # these functions would keep a user's own rule for ever
                self._bound[rule] = pair
        return pair


def _with_fallback(rule: Rule, part: int) -> Callable[..., Any]:
    """The rule's value (0) or its partials (1) in PLAIN, or in FLOAT where Python's floats raise."""
    quick = PLAIN.bind(rule)[part]

    def function(*operands: float) -> Any:
        try:
            return quick(*operands)
        except (ArithmeticError, ValueError):
            return FLOAT.bind(rule)[part](*operands)

    return function


_CHOICES = ("less", "less_equal", "equal", "where", "pi", "inf")

REAL = _Real("real", **{name: getattr(PLAIN, name) for name in _CHOICES})
"""Floats as the base of series."""


class SparseVector:
    """A vector that holds only the entries that are not structurally 0, by their indices.

    >>> (2.0 * SparseVector({7: 1.0}) + SparseVector({7: 1.0, 8: 5.0})).entries
    {7: 3.0, 8: 5.0}
    """

    __slots__ = ("entries",)

    def __init__(self, entries: dict[Any, Any]) -> None:
        self.entries = entries

    def __add__(self, other: SparseVector) -> SparseVector:
        return SparseVector(_gather([self, other]))

    def __neg__(self) -> SparseVector:
        return self.map(lambda entry: -entry)

    def __rmul__(self, factor: Any) -> SparseVector:
        return self.map(lambda entry: factor * entry)

    def map(self, function: Callable[[Any], Any]) -> SparseVector:
        """The vector of a function of each entry."""
        return SparseVector({index: function(entry) for index, entry in self.entries.items()})


def _gather(vectors: Iterable[SparseVector]) -> dict[Any, Any]:
    """The entries of a sum, added in one dict, so that the cost is proportional to the number of entries."""
    entries: dict[Any, Any] = {}
    for vector in vectors:
        for index, entry in vector.entries.items():
            entries[index] = entries[index] + entry if index in entries else entry
    return entries


class Series(Infix):
    """A power series: the coefficients computed so far, from that of order 0 on, and how to compute the next one.

    ``varies`` says whether it depends on t, so that there are further coefficients. A coefficient that is structurally
    0 is None. It contributes to no product, so that there is no 0·inf.
    """

    __slots__ = ("arithmetic", "coefficients", "varies")

    def __init__(self, arithmetic: SeriesArithmetic, first: Any, *, varies: bool = True) -> None:
        self.arithmetic = arithmetic
        self.coefficients: list[Any] = [first]
        self.varies = varies

    def needs(self, order: int) -> Iterable[tuple[Series, int]]:  # noqa: ARG002  # subclasses use it
        """The series, and their orders, that the coefficient of this order is computed from."""
        return ()

    def make(self, order: int) -> Any:  # noqa: ARG002  # subclasses use it
        """The coefficient of this order, once ``needs`` are computed."""
        return None

    def coefficient(self, order: int) -> Any:
        """The coefficient of an order, computed with what it depends on without recursion; None if structurally 0."""
        if order and not self.varies:
            return None
        stack: list[tuple[Series, int]] = [(self, order)]
        while stack:
            series, wanted = stack[-1]
            known = len(series.coefficients)
            if known > wanted:
                stack.pop()
                continue
            missing = [(one, at) for one, at in series.needs(known) if len(one.coefficients) <= at]
            if missing:
                stack += reversed(missing)  # the first one is computed first, since later ones in a chain depend on it
            else:
                series.coefficients.append(series.make(known))
        return self.coefficients[order]

    def __repr__(self) -> str:
        return f"<series {self.coefficients}…>" if self.varies else f"<series {self.coefficients[0]}>"

    def infix(self, operator: str, left: Any, right: Any) -> Series:
        """One of the four operators; of the two numbers at least one is a series."""
        m, (kind, first) = self.arithmetic, _OPERATORS[operator]
        x, y = m.lift(left), m.lift(right)
        return m.once((operator, id(x), id(y)), lambda: kind(first(m, x.coefficients[0], y.coefficients[0]), x, y))

    def __neg__(self) -> Series:
        if isinstance(self, _Negative):  # so that the derivatives of sin repeat after four
            return self.operands[0]
        return self.arithmetic.once(("neg", id(self)), lambda: _Negative(-self.coefficients[0], self))


class _Variable(Series):
    """A series given by its coefficients; None is a structural 0."""

    __slots__ = ("given",)

    def __init__(self, arithmetic: SeriesArithmetic, given: Sequence[Any]) -> None:
        super().__init__(arithmetic, given[0])
        self.given = given

    def make(self, order: int) -> Any:
        return self.given[order] if order < len(self.given) else None


class _Of(Series):
    """A series computed from operands, each coefficient from theirs up to the same order."""

    __slots__ = ("operands",)

    def __init__(self, first: Any, *operands: Series) -> None:
        super().__init__(operands[0].arithmetic, first, varies=any([operand.varies for operand in operands]))
        self.operands = operands

    def needs(self, order: int) -> Iterable[tuple[Series, int]]:
        return [(operand, order) for operand in self.operands if operand.varies]

    def of(self, index: int, order: int) -> Any:
        """An operand's coefficient."""
        operand = self.operands[index]
        return operand.coefficients[order] if order == 0 or operand.varies else None


class _Sum(_Of):
    """A sum. The last one of a chain of sums adds all terms at once, from the nearest sum with a known coefficient."""

    __slots__ = ()

    def _parts(self, order: int) -> list[Series]:
        parts, left = [self.operands[1]], self.operands[0]
        while isinstance(left, _Sum) and left.varies and len(left.coefficients) <= order:
            parts.append(left.operands[1])
            left = left.operands[0]
        return [part for part in (left, *reversed(parts)) if part.varies]

    def needs(self, order: int) -> Iterable[tuple[Series, int]]:
        return [(part, order) for part in self._parts(order)]

    def make(self, order: int) -> Any:
        return _total([part.coefficients[order] for part in self._parts(order)])


class _Difference(_Of):
    __slots__ = ()

    def make(self, order: int) -> Any:
        left, right = self.of(0, order), self.of(1, order)
        return left if right is None else _total([left, -right])


class _Negative(_Of):
    __slots__ = ()

    def make(self, order: int) -> Any:
        coefficient = self.of(0, order)
        return None if coefficient is None else -coefficient


class _Product(_Of):
    __slots__ = ()

    def make(self, order: int) -> Any:
        return _total([_times(self.of(0, j), self.of(1, order - j)) for j in range(order + 1)])


class _Quotient(_Of):
    __slots__ = ()

    def make(self, order: int) -> Any:
        known = [_times(self.coefficients[order - j], self.of(1, j)) for j in range(1, order + 1)]
        numerator = _total([self.of(0, order), *[-term for term in known if term is not None]])
        return self.arithmetic.over(numerator, self.of(1, 0))


class _Choice(_Of):
    """One of two series, chosen by a condition that is a number of the base arithmetic."""

    __slots__ = ("truth",)

    def __init__(self, truth: Any, first: Any, then: Series, otherwise: Series) -> None:
        super().__init__(first, then, otherwise)
        self.truth = truth

    def make(self, order: int) -> Any:
        return self.arithmetic.choice_of(self.truth, self.of(0, order), self.of(1, order))


class _Function(_Of):
    """A rule's output, by the differential equation that its partials give."""

    __slots__ = ("rule", "slopes")

    def __init__(self, rule: Rule, first: Any, *operands: Series) -> None:
        super().__init__(first, *operands)
        self.rule = rule
        self.slopes: list[Series | None] | None = None

    def needs(self, order: int) -> Iterator[tuple[Series, int]]:
        if self.slopes is None:
            self.slopes = self.arithmetic.slopes_of(self.rule, self)
        for operand, slope in zip(self.operands, self.slopes, strict=True):
            if operand.varies and slope is not None:
                yield operand, order
                if slope.varies and not self.rule.choice:
                    yield slope, order - 1

    def make(self, order: int) -> Any:
        assert self.slopes is not None  # set by needs
        terms = []
        for index, (operand, slope) in enumerate(zip(self.operands, self.slopes, strict=True)):
            if slope is None or not operand.varies:
                continue
            if self.rule.choice:  # its slopes are constant but for jumps, and 0 where an operand wasn't taken
                taken = self.arithmetic.product_if_not_0(slope.coefficients[0], self.of(index, order))
                terms.append(taken if order == 1 or taken is None else float(order) * taken)
                continue
            for j in range(1, order + 1):
                rate = slope.coefficients[order - j] if j == order or slope.varies else None
                term = _times(rate, self.of(index, j))
                terms.append(term if j == 1 or term is None else float(j) * term)
        total = _total(terms)
        return total if order == 1 else self.arithmetic.over(total, float(order))


def _total(terms: Iterable[Any]) -> Any:
    """The sum of coefficients in order; None if all are structurally 0."""
    there = [term for term in terms if term is not None]
    if there and isinstance(there[0], SparseVector):
        return SparseVector(_gather(there)) if len(there) > 1 else there[0]
    total = None
    for term in there:
        total = term if total is None else total + term
    return total


def _times(left: Any, right: Any) -> Any:
    """A product of coefficients. Only None is structurally 0: 0·inf stays nan. A factor of 1 changes no bit."""
    if left is None or right is None:
        return None
    if type(left) is float and left == 1.0:
        return right
    if isinstance(left, SparseVector) or (type(right) is float and right == 1.0):
        left, right = right, left
        if type(left) is float and left == 1.0:
            return right
    return left * right


class SeriesArithmetic(Arithmetic):
    """Power series over the numbers of another arithmetic: ``REAL``, high precision, or Values, which are recorded.

    ``apply(rule, *operands)`` returns a rule's value in the base; by default the base runs the rule.

    The series of exp(sin t):

    >>> from microgrid.arithmetics.series import REAL, SeriesArithmetic
    >>> m = SeriesArithmetic(REAL)
    >>> result = m.exp(m.sin(m.variable(0.0, 1.0)))
    >>> [result.coefficient(order) for order in range(5)]
    [1.0, 1.0, 0.5, 0.0, -0.125]
    """

    def __init__(self, base: Arithmetic, apply: Apply | None = None) -> None:
        super().__init__(f"series of {base.name}", exact=base.exact, pi=base.pi, inf=base.inf)
        self.base = base
        self.apply = apply or (lambda rule, *operands: base.bind(rule)[0](*operands))
        self._made: dict[tuple[Any, ...], Series] = {}  # common subexpressions
        for name in EVERY_RULE.keys() - set(_CHOICES):
            setattr(self, name, functools.partial(self._function, EVERY_RULE[name]))

    def variable(self, *coefficients: Any) -> Series:
        """A series by its coefficients, from order 0 on."""
        return _Variable(self, coefficients)

    def lift(self, number: Any) -> Series:
        """A constant series of a number; a series is returned unchanged."""
        if isinstance(number, Series):
            return number
        key = repr(number) if isinstance(number, float) else id(number)  # 0.0 and -0.0 are equal but different numbers
        return self.once(("lift", key), lambda: Series(self, number, varies=False))

    def once(self, key: tuple[Any, ...], make: Callable[[], Series]) -> Series:
        """A series, made unless its key has one."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    # ---- rules ------------------------------------------------------------------------------------------------

    def bind(self, rule: Rule) -> Pair:
        """The rule's value and partials on series."""
        value, partials = super().bind(rule)
        if value in _INFIX:
            return value, partials
        return functools.partial(self._function, rule), partials

    def _function(self, rule: Rule, *numbers: Any) -> Series:
        operands = [self.lift(number) for number in numbers]
        firsts = [operand.coefficients[0] for operand in operands]
        general = rule
        if rule.constant_form and not operands[-1].varies:
            rule = RULES[rule.constant_form]
        value_rule = rule if isinstance(firsts[-1], float) else general
        key = (rule, *map(id, operands))
        return self.once(key, lambda: _Function(rule, self.apply(value_rule, *firsts), *operands))

    def slopes_of(self, rule: Rule, out: _Function) -> list[Series | None]:
        """The partials of a rule at a series; None where the rule has a plain 0."""
        slopes = super().bind(rule)[1](out, *out.operands)
        return [None if type(slope) is float and slope == 0.0 else self.lift(slope) for slope in slopes]

    # ---- coefficients -----------------------------------------------------------------------------------------

    def over(self, numerator: Any, denominator: Any) -> Any:
        """A quotient of coefficients in the base."""
        if numerator is None:
            return None
        if isinstance(numerator, SparseVector):
            return numerator.map(lambda entry: self.apply(_DIV, entry, denominator))
        return self.apply(_DIV, numerator, denominator)

    # ---- comparisons and choices, by the constant coefficients --------------------------------------------------

    def less(self, x: Any, y: Any) -> Any:
        """Whether x < y."""
        return self.base.less(_first(x), _first(y))

    def less_equal(self, x: Any, y: Any) -> Any:
        """Whether x <= y."""
        return self.base.less_equal(_first(x), _first(y))

    def equal(self, x: Any, y: Any) -> Any:
        """Whether x == y."""
        return self.base.equal(_first(x), _first(y))

    def where(self, truth: Any, then: Any, otherwise: Any) -> Any:
        """One of two series, by a comparison."""
        if isinstance(truth, bool):
            return then if truth else otherwise
        x, y = self.lift(then), self.lift(otherwise)
        return _Choice(truth, self.choice_of(truth, x.coefficients[0], y.coefficients[0]), x, y)

    def product_if_not_0(self, factor: Any, coefficient: Any) -> Any:
        """A product of coefficients in the base, structurally 0 where the first one is 0."""
        is_zero = self.base.equal(factor, 0.0)
        if isinstance(is_zero, bool):
            return None if is_zero else _times(factor, coefficient)
        return self.choice_of(is_zero, None, _times(factor, coefficient))

    def choice_of(self, truth: Any, then: Any, otherwise: Any) -> Any:
        """A choice of coefficients in the base."""
        if then is None and otherwise is None:
            return None
        if isinstance(then, SparseVector) or isinstance(otherwise, SparseVector):
            x, y = [side.entries if side is not None else {} for side in (then, otherwise)]
            return SparseVector({i: self.base.where(truth, x.get(i, 0.0), y.get(i, 0.0)) for i in x | y})
        return self.base.where(truth, 0.0 if then is None else then, 0.0 if otherwise is None else otherwise)


_DIV = RULES["div"]
_OPERATORS: dict[str, tuple[type[_Of], Callable[[SeriesArithmetic, Any, Any], Any]]] = {
    "+": (_Sum, lambda _, x, y: x + y),
    "-": (_Difference, lambda _, x, y: x - y),
    "*": (_Product, lambda _, x, y: _times(x, y)),
    "/": (_Quotient, SeriesArithmetic.over),
}
_INFIX = (infix.add, infix.sub, infix.mul, infix.truediv, infix.neg)


def _first(number: Any) -> Any:
    return number.coefficients[0] if isinstance(number, Series) else number
