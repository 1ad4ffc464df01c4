"""SymPy's expressions as a number system; no graph and no rule is here.

>>> import sympy
>>> from microgrid.arithmetics.sympy import SYMPY, Formula
>>> z = Formula(sympy.Symbol("z", real=True))
>>> SYMPY.sigmoid(z)
1/(1 + exp(-z))
"""

from __future__ import annotations

import operator as infix
from collections.abc import Callable
from typing import Any

from microgrid.core.arithmetic import Arithmetic
from microgrid.core.ieee import ELEMENTARY
from microgrid.core.source import Infix
from microgrid.errors import MissingPackageError
from microgrid.util.budget import BudgetSpentError

try:
    import sympy
except ModuleNotFoundError as error:
    raise MissingPackageError("formulas need the package sympy: pip install 'microgrid-autodiff[symbolic]'") from error

__all__ = ["SYMPY", "Formula", "decided", "exact", "sympy"]

_MOST_BITS = 100_000  # of a number that SymPy writes out


def exact(number: Any) -> Any:
    """A plain number as an exact number of SymPy: 0.1 is one tenth, as written, and a whole number is an integer.

    A Formula gives its expression; an expression is returned unchanged.

    >>> exact(0.1), exact(2.0), exact(float("-inf"))
    (1/10, 2, -oo)
    """
    if isinstance(number, Formula):
        return number.expression
    if isinstance(number, float):
        if number == number and abs(number) != float("inf"):
            return sympy.Rational(repr(number))
        return sympy.nan if number != number else sympy.oo if number > 0 else -sympy.oo
    return number


class Formula(Infix):
    """A SymPy expression that stays exact when combined with floats, which would turn SymPy's own into floats."""

    __slots__ = ("expression",)

    def __init__(self, expression: Any) -> None:
        self.expression = exact(expression)

    def __repr__(self) -> str:
        return str(self.expression)

    def infix(self, operator: str, left: Any, right: Any) -> Formula:
        """One of the four operators, on exact numbers."""
        return Formula(_OPERATORS[operator](exact(left), exact(right)))

    def __neg__(self) -> Formula:
        return Formula(-self.expression)


_OPERATORS = {"+": infix.add, "-": infix.sub, "*": infix.mul, "/": infix.truediv}


def _of(function: Callable[..., Any]) -> Callable[..., Formula]:
    """One of SymPy's functions, on Formulas and floats."""

    def formula(*operands: Any) -> Formula:
        return Formula(function(*map(exact, operands)))

    return formula


def _truth(function: Callable[..., Any]) -> Callable[..., Any]:
    def truth(x: Any, y: Any) -> Any:
        return function(exact(x), exact(y))

    return truth


def _choose(truth: Any, then: Any, otherwise: Any) -> Formula:
    first, second = exact(then), exact(otherwise)
    if truth in (True, False) or first == second:
        return Formula(first if truth == True else second)  # noqa: E712  # SymPy's truths are none of Python's
    # Unevaluated: SymPy would simplify the condition first, which takes seconds where its operands are long.
    return Formula(sympy.Piecewise((first, truth), (second, True), evaluate=False))


def _nearest(x: Any) -> Any:
    """The nearest whole number; of two, the even one."""
    rest = x - 2 * sympy.floor(x / 2)
    half = sympy.Rational(1, 2)
    return x - rest + sympy.Piecewise((0, rest <= half), (1, rest < 1 + half), (2, True))


def _power(x: Any, y: Any) -> Any:
    """A power, unless SymPy would write out a number of too many digits: a loop in C, which nothing ends."""
    base = x.as_coeff_Mul()[0]
    grows = y.is_Rational and base.is_Rational and base not in (0, 1, -1)
    if grows and abs(y) * max(base.p.bit_length(), base.q.bit_length()) > _MOST_BITS:
        raise BudgetSpentError
    return sympy.Pow(x, y)


def _evaluated(function: Callable[..., Any], most: int) -> Callable[..., Any]:
    """A function that SymPy evaluates at whole numbers, in as many steps as they say."""

    def evaluated(*operands: Any) -> Any:
        if any([x.is_Rational and abs(x) > most for x in operands]):
            raise BudgetSpentError
        return function(*operands)

    return evaluated


# Functions that have another name in SymPy, or none.
_OTHERS: dict[str, Callable[..., Any]] = {
    "abs": sympy.Abs,
    "pow": _power,
    "expm1": lambda x: sympy.exp(x) - 1,
    "log1p": lambda x: sympy.log(1 + x),
    "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    "log2": lambda x: sympy.log(x, 2),
    "log10": lambda x: sympy.log(x, 10),
    "exp2": lambda x: _power(sympy.Integer(2), x),
    "cbrt": lambda x: sympy.sign(x) * sympy.Abs(x) ** sympy.Rational(1, 3),
    "ceil": sympy.ceiling,
    "trunc": lambda x: sympy.Piecewise((sympy.ceiling(x), x < 0), (sympy.floor(x), True)),
    "rint": lambda x: _nearest(x),
    "fmod": lambda x, y: x - y * _OTHERS["trunc"](x / y),
    "copysign": lambda x, y: sympy.Abs(x) * sympy.Piecewise((-1, y < 0), (1, True)),
    "fma": lambda x, y, z: x * y + z,
}
_OTHERS |= {
    "gamma": _evaluated(sympy.gamma, 20_000),
    "lgamma": _evaluated(sympy.loggamma, 20_000),
    "digamma": _evaluated(lambda x: sympy.polygamma(0, x), 2_000),
    "trigamma": _evaluated(lambda x: sympy.polygamma(1, x), 1_000),
    "polygamma": _evaluated(lambda n, x: sympy.polygamma(_nearest(n), x), 100),
}
_GAMMAS = ("gamma", "lgamma", "digamma", "trigamma", "polygamma")
_CLOSED = ("abs", "sign", "ceil", "trunc", "rint", "erfinv", *_GAMMAS)  # which float systems make of others

_OFFERS: dict[str, Any] = {
    "pi": Formula(sympy.pi),
    "inf": Formula(sympy.oo),
    **{name: _of(_OTHERS.get(name) or getattr(sympy, name)) for name in (*ELEMENTARY, *_CLOSED)},
}

SYMPY = Arithmetic(
    "SymPy",
    exact=True,
    less=_truth(sympy.Lt),
    less_equal=_truth(sympy.Le),
    equal=_truth(sympy.Eq),
    where=_choose,
    **_OFFERS,
)
"""Formulas: the result of a rule is its exact expression, and nothing is rounded."""


def decided(sign: Callable[[Any], int], is_zero: Callable[[Any], bool]) -> Arithmetic:
    """Formulas in which every comparison is decided, so that no choice is left in them.

    ``sign`` leads from an expression to 1, -1 or 0, ``is_zero`` to whether it is 0. An absolute value is the expression
    itself or its negative.

    >>> import sympy
    >>> from microgrid.arithmetics.sympy import Formula, decided
    >>> decided(lambda expression: -1, lambda expression: False).relu(Formula(sympy.Symbol("x", real=True)))
    0
    """

    def gap(x: Any, y: Any) -> Any:
        return exact(x) - exact(y)

    return Arithmetic(
        "SymPy on a piece",
        exact=True,
        less=lambda x, y: sign(gap(x, y)) < 0,
        less_equal=lambda x, y: sign(gap(x, y)) <= 0,
        equal=lambda x, y: is_zero(gap(x, y)),
        where=lambda truth, then, otherwise: Formula(then if truth else otherwise),
        **(_OFFERS | {"abs": lambda x: Formula(sign(exact(x)) * exact(x))}),
    )
