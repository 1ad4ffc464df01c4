"""Formulas with choices in them, piece by piece; what simplifies the pieces' formulas isn't here.

``relu(x)``, ``abs(x)`` and the stable forms of some partials compare their operands. Where the sign of everything that
is compared is known, a choice is one of its branches and an absolute value is ±x: what is left is one analytic formula.
The pieces are found by trying: a graph is evaluated with SymPy's expressions, and wherever a sign isn't known, both are
tried in turn. A sign of 0 has no piece of its own: such borders have to be looked at by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from microgrid.arithmetics.sympy import Formula, decided, exact, sympy
from microgrid.core.engine import Value
from microgrid.core.graph import evaluate

__all__ = ["Piece", "border_told", "pieces"]

_MOST = 32  # pieces; each is simplified by itself


@dataclass(frozen=True, slots=True)
class Piece:
    """A formula where the signs of some expressions are known."""

    formula: Any  # in it, a symbol of known sign is a positive one or its negative
    signs: Mapping[Any, int] = field(default_factory=dict)  # from expressions to 1 or -1
    # expressions of the leaves' real symbols; the formula needn't hold where one of them is 0
    borders: tuple[Any, ...] = ()


class _UnknownSignError(Exception):
    """The sign of an expression has to be tried."""

    def __init__(self, expression: Any) -> None:
        self.expression = expression


class _NotRealError(Exception):
    """Something that is compared has no sign."""


def pieces(value: Value, order: Sequence[Value], symbols: Mapping[Value, Any], most: int = _MOST) -> list[Piece] | None:
    """The formula of a graph, whose order is given, on each piece.

    ``symbols`` has SymPy's symbols for leaves, and for constants the exact numbers that they stand for. None if there
    would be more than so many pieces, or if what is compared is not real.

    >>> import sympy
    >>> from microgrid import Value, relu
    >>> from microgrid.core.graph import topological_order
    >>> x = Value(2.0, "x")
    >>> root = relu(x) + 1.0
    >>> found = pieces(root, topological_order(root), {x: sympy.Symbol("x", real=True)})
    >>> [piece.formula for piece in found]
    [x + 1, 1]
    """
    found: list[Piece] = []
    waiting = [_Signs()]
    while waiting:
        if len(found) + len(waiting) > most:
            return None
        signs = waiting.pop()
        try:
            arithmetic, given = decided(signs.of, signs.is_zero), signs.substituted(symbols)
            written = evaluate([value], arithmetic, given, constant=Formula, order=order)
        except _UnknownSignError as error:
            waiting += [signs.with_sign(error.expression, -1), signs.with_sign(error.expression, 1)]
        except _NotRealError:
            return None
        else:
            borders = tuple(dict.fromkeys([signs.border(one) for one in (*signs.borders, *signs.known)]))
            found.append(Piece(exact(written[value]), signs.known, borders))
    return found


def border_told(border: Any) -> str:
    """The border as an equation: ``x = 0`` or ``x - y = 0``."""
    short = {number: sympy.Float(number, 6) for number in border.atoms(sympy.Rational) if number.q > 1_000}
    if len(border.free_symbols) == 1:
        (symbol,) = border.free_symbols
        if border.is_polynomial(symbol) and sympy.degree(border, symbol) == 1:
            return f"{symbol} = {float(-border.coeff(symbol, 0) / border.coeff(symbol, 1)):g}"
    return f"{border.xreplace(short)} = 0"


@dataclass(frozen=True)
class _Signs:
    """The signs that are tried in one evaluation of the graph, and the borders that it meets."""

    known: Mapping[Any, int] = field(default_factory=dict)
    borders: list[Any] = field(default_factory=list)

    def with_sign(self, expression: Any, sign: int) -> _Signs:
        return replace(self, known={**self.known, expression: sign}, borders=[])

    def _symbols(self) -> dict[Any, Any]:
        """From the real symbols whose sign is known to what stands for them."""
        signed = {one: sign for one, sign in self.known.items() if one.is_Symbol}
        return {one: sign * sympy.Symbol(one.name, positive=True) for one, sign in signed.items()}

    def substituted(self, symbols: Mapping[Value, Any]) -> dict[Value, Formula]:
        known = self._symbols()
        return {node: Formula(known.get(one, one)) for node, one in symbols.items()}

    def border(self, expression: Any) -> Any:
        """What is 0 on a border, in the real symbols again, and with one of its two signs."""
        back = {sympy.Symbol(one.name, positive=True): self.known[one] * one for one in self._symbols()}
        restored = expression.xreplace(back)
        return -restored if restored.could_extract_minus_sign() else restored

    def of(self, expression: Any) -> int:
        """The sign of an expression: 0 only if it is 0 everywhere."""
        if expression.is_extended_real is False or expression is sympy.nan:
            raise _NotRealError
        for sign, known in ((0, "zero"), (1, "extended_positive"), (-1, "extended_negative")):
            if getattr(expression, f"is_{known}"):
                return sign
        if sympy.expand(expression) == 0:
            return 0
        if expression.is_number:
            return int(sympy.sign(sympy.N(expression, 50)))
        for sign, known in ((1, "extended_nonnegative"), (-1, "extended_nonpositive")):
            if getattr(expression, f"is_{known}"):
                self.borders.append(expression)
                return sign
        if expression.is_Mul:
            total = 1
            for factor in expression.args:
                total *= self.of(factor)
            return total
        if expression.could_extract_minus_sign():
            return -self.of(-expression)
        if expression not in self.known:
            raise _UnknownSignError(expression)
        return self.known[expression]

    def is_zero(self, expression: Any) -> bool:
        """Whether an expression is 0 everywhere; where it is 0 only here and there, that is a border."""
        if expression.is_zero or sympy.expand(expression) == 0:
            return True
        if not expression.is_nonzero:
            self.borders.append(expression)
        return False
