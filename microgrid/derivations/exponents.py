"""Symbols in place of numbers of many digits in exponents. What SymPy then makes of a formula is not here."""

from __future__ import annotations

import itertools
from typing import Any

from microgrid.formulas.sympy import sympy_package

__all__ = ["Exponents"]

_LARGEST = 100  # of the numbers in an exponent that SymPy sees, which makes powers of them


class Exponents:
    """Symbols in place of terms of exponents whose numbers have many digits.

    SymPy makes a polynomial in exp(x/10000000) of exp(0.1234567*x), whose list of 1,234,568 coefficients takes minutes,
    and with some digits more all memory. What is equal for every exponent is equal for the one that is meant.

    >>> import sympy
    >>> x, exponents = sympy.Symbol("x"), Exponents()
    >>> named = exponents.named_in(sympy.exp(0.25 * x) + sympy.exp(sympy.Rational("0.1234567") * x))
    >>> len(named.free_symbols)
    2
    """

    def __init__(self) -> None:
        self._terms: dict[Any, tuple[Any, Any]] = {}  # of each symbol, a number and what it multiplies

    @property
    def symbols(self) -> set[Any]:
        """What stands for terms so far."""
        return set(self._terms)

    def named_in(self, formula: Any) -> Any:
        """The formula with a symbol for each such term, and multiples and sums of symbols for those of terms."""
        sympy = sympy_package()
        powers = (sympy.exp, sympy.Pow, sympy.functions.elementary.hyperbolic.HyperbolicFunction)

        def terms(power: Any) -> list[tuple[Any, Any]]:
            return [term.as_coeff_Mul(rational=True) for term in sympy.Add.make_args(power.args[-1])]

        def is_moving(one: Any) -> bool:
            return isinstance(one, powers) and not one.args[-1].is_number

        def named(power: Any) -> Any:
            return power.func(*power.args[:-1], sympy.Add(*[self._named(*term) for term in terms(power)]))

        found = [term for power in formula.atoms(*powers) if is_moving(power) for term in terms(power)]
        for number, rest in sorted(found, key=lambda term: (abs(term[0]), sympy.default_sort_key(term[1]))):
            self._named(number, rest)  # small numbers first, of which the others may be sums and multiples
        return formula.replace(is_moving, named)

    def terms_in(self, formula: Any) -> Any:
        """The formula with the terms again."""
        for symbol, (number, rest) in reversed(self._terms.items()):  # an exponent may have others inside
            formula = formula.xreplace({symbol: number * rest})
        return formula

    def _named(self, number: Any, rest: Any) -> Any:
        sympy = sympy_package()
        is_short = all(map(_is_short, rest.atoms(sympy.Rational)))
        if is_short and _is_short(number):
            return number * rest
        known = [(symbol, other) for symbol, (other, same) in self._terms.items() if same == rest]
        for symbol, other in known:
            if _is_short(number / other):
                return number / other * symbol
            if is_short and _is_short(number - other):
                return symbol + (number - other) * rest
        for (one, first), (two, second) in itertools.permutations(known, 2):
            for times in (1, 2):
                more = (number - times * first) / second
                if _is_short(more):
                    return times * one + more * two
        symbol = sympy.Dummy("t", real=True)
        self._terms[symbol] = number, rest
        return symbol


def _is_short(number: Any) -> bool:
    return bool(max(abs(number.p), number.q) <= _LARGEST)
