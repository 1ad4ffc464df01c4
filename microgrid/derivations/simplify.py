"""Short formulas: SymPy's forms of an expression, the shortest of them, and named nodes put in for their formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from microgrid.derivations.exponents import Exponents
from microgrid.formulas.sympy import expands_far, parts_first, sympy_package
from microgrid.util.budget import BudgetSpentError, CallBudget

__all__ = ["closed_form", "is_readable"]

_MOST_SIMPLIFIED = 60  # operations of a formula that is simplified in every way; up to three times as many, in one way
_MOST_TRIED = 16  # operations of a formula that goes through sympy.simplify, which takes long
_DEEPEST = 40  # operations inside one another in a formula that is written
_MOST_CALLS = 1_200_000  # of Python functions, for one way to simplify one formula

Definitions = Callable[[], Iterable[tuple[Any, Any]]]


def is_readable(formula: Any, most: int = 400) -> bool:
    """Whether a formula has at most so many operations, symbols and numbers, and is not nested too deeply.

    Shared parts, which cost SymPy no memory, count each time. SymPy's printers call themselves at each level.
    """
    extents: dict[Any, tuple[int, int]] = {}
    for one in parts_first(formula):
        parts = [extents[part] for part in one.args]
        extents[one] = 1 + sum([size for size, _ in parts]), 1 + max([depth for _, depth in parts], default=0)
    size, depth = extents[formula]
    return size <= most and depth <= _DEEPEST


def closed_form(formula: Any, definitions: Definitions, budget: CallBudget) -> tuple[Any, bool]:
    """The shortest equal formula found: simplified, and with symbols of named nodes in place of their formulas.

    ``definitions`` gives each named node's symbol and formula; it is called only if there may be something to put in.
    The second result says whether the budget, which is what SymPy may spend, sufficed for everything that was tried.
    """
    if formula.has(sympy_package().Piecewise):  # SymPy would go through its conditions, which helps nobody
        return formula, True
    if expands_far(formula):
        return formula, False
    exponents = Exponents()

    def with_symbols() -> Iterable[tuple[Any, Any]]:
        return [(symbol, exponents.named_in(definition)) for symbol, definition in definitions()]

    best, finished = _shortest(exponents.named_in(formula), with_symbols, budget)
    return exponents.terms_in(best), finished


def _shortest(formula: Any, definitions: Definitions, budget: CallBudget) -> tuple[Any, bool]:
    """What ``closed_form`` gives, of a formula that SymPy may take apart."""
    best, finished = _simplest(formula, budget)
    improved = True
    while improved and best.free_symbols:
        improved = False
        candidates = iter(_rewritten(best, definitions))
        while True:
            try:
                candidate = budget.run(next, candidates, None, most=_MOST_CALLS)
                if candidate is None:
                    break
                candidate, complete = _simplest(candidate, budget)
            except BudgetSpentError:
                return best, False
            finished &= complete
            if _length(candidate)[0] < 0.8 * _length(best)[0]:  # a name has to make the formula clearly shorter
                best, improved = candidate, True
    return best, finished


def _rewritten(formula: Any, definitions: Definitions) -> Iterable[Any]:
    """The formula with a function in it expressed by a named node whose own formula has that function."""
    sympy = sympy_package()
    for symbol, definition in definitions() if formula.atoms(sympy.Function) else ():
        for rewritten, defined in () if expands_far(definition) else _in_exponentials(formula, definition):
            for function in sorted(defined.atoms(sympy.Function), key=sympy.default_sort_key):
                mark = sympy.Dummy("t", positive=True)
                marked = _marked(rewritten, function, mark)
                if mark not in marked.free_symbols:
                    continue
                solution = _solved(_marked(defined, function, mark) - symbol, mark)
                if solution is not None:
                    yield sympy.cancel(marked).subs(mark, solution)


def _length(formula: Any) -> tuple[int, int]:
    """The length of a formula for a reader: its operations, functions and leading signs weighted; then its text."""
    sympy = sympy_package()
    text = str(formula)
    signs = text.startswith("-") + text.count("(-")
    return int(formula.count_ops()) + 3 * len(formula.atoms(sympy.Function)) + signs + text.count("**"), len(text)


def _simplest(formula: Any, budget: CallBudget) -> tuple[Any, bool]:
    """The shortest of SymPy's forms of a formula, and whether the budget sufficed for all of them."""
    sympy = sympy_package()
    operations = formula.count_ops()
    if operations > 3 * _MOST_SIMPLIFIED:
        return formula, True
    forms, finished = [formula], True
    ways = [sympy.cancel, sympy.factor, sympy.expand, _collected, *[sympy.simplify] * (operations <= _MOST_TRIED)]
    for way in ways if operations <= _MOST_SIMPLIFIED else [sympy.factor_terms]:
        for start in forms[:2]:
            try:
                forms.append(budget.run(way, start, most=_MOST_CALLS))
            except (NotImplementedError, TypeError, ValueError, AttributeError, sympy.PolynomialError):
                continue  # the formula has no such form
            except BudgetSpentError:
                finished = False
    known = _kinds(formula)
    fitting = [form for form in [*forms, *map(_sign_moved, forms)] if _kinds(form) <= known]
    return min(fitting, key=_length), finished


def _kinds(formula: Any) -> set[Any]:
    """The functions in a formula. A form must not bring in others, such as cosh for exponentials."""
    return {type(one) for one in formula.atoms(sympy_package().Function)}


def _sign_moved(formula: Any) -> Any:
    """A product whose sums don't begin with a minus, if a sign can be moved: a·(1 - a) for -a·(a - 1)."""
    sympy = sympy_package()
    negative, factors = False, []
    for factor in sympy.Mul.make_args(formula):
        base, exponent = factor.as_base_exp()
        turned = factor == -1 or (base.is_Add and exponent in (1, -1) and str(base).startswith("-"))
        negative ^= turned
        factors.append((-base) ** exponent if turned else factor)
    for place, factor in enumerate(factors if negative else ()):
        base, exponent = factor.as_base_exp()
        if base.is_Add and exponent in (1, -1) and not str(-base).startswith("-"):
            factors[place] = (-base) ** exponent
            return sympy.Mul(*factors)
    return -sympy.Mul(*factors) if negative else sympy.Mul(*factors)


def _collected(formula: Any) -> Any:
    """The expanded formula, collected by the symbol that makes it shortest."""
    sympy = sympy_package()
    expanded = sympy.expand(formula)
    forms = [sympy.collect(expanded, one) for one in sorted(expanded.free_symbols, key=str)]
    return min(forms, key=_length) if forms else expanded


def _marked(formula: Any, function: Any, mark: Any) -> Any:
    """The formula with a symbol in place of a function; for exp(x), also 1/symbol in place of exp(-x)."""
    sympy = sympy_package()
    marks = {function: mark}
    if isinstance(function, sympy.exp):
        marks[sympy.exp(-function.args[0])] = 1 / mark
    return formula.xreplace(marks)


def _in_exponentials(formula: Any, definition: Any) -> Iterable[tuple[Any, Any]]:
    """Both as they are and, if both have hyperbolic functions, both rewritten with exp."""
    sympy = sympy_package()
    yield formula, definition
    if formula.has(sympy.cosh, sympy.sinh, sympy.tanh) and definition.has(sympy.cosh, sympy.sinh, sympy.tanh):
        yield formula.rewrite(sympy.exp), definition.rewrite(sympy.exp)


def _solved(equation: Any, mark: Any) -> Any:
    """The positive symbol that makes an expression 0, if the equation is linear in it or in its square; else None."""
    sympy = sympy_package()
    numerator = sympy.numer(sympy.together(equation))
    if not numerator.is_polynomial(mark):
        return None
    match sympy.Poly(numerator, mark).all_coeffs():
        case [slope, rest]:
            return -rest / slope
        case [slope, middle, rest] if middle == 0:
            return sympy.sqrt(-rest / slope)
    return None
