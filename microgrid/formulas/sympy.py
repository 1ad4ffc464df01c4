"""Recorded graphs as SymPy expressions and back, and as LaTeX, which needs no SymPy; SymPy is imported on first use."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from microgrid._public import public
from microgrid.arithmetics.latex import LATEX, Text, symbol
from microgrid.core.engine import Value, as_value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import evaluate, topological_order
from microgrid.core.rules import RULES
from microgrid.errors import DataError
from microgrid.formulas.names import check_is_value, check_size, shown, symbol_names, written_size
from microgrid.util.budget import BudgetSpentError, CallBudget

__all__ = [
    "expands_far",
    "from_sympy",
    "latex",
    "parts_first",
    "sympy_formulas",
    "sympy_package",
    "sympy_symbols",
    "to_sympy",
]

_MOST_CALLS = 3_000_000  # of Python functions in SymPy, to build one expression: some 5 s


def sympy_package() -> Any:
    """SymPy, or an error that says what to install."""
    import microgrid.arithmetics.sympy

    return microgrid.arithmetics.sympy.sympy


# ---- LaTeX ----------------------------------------------------------------------------------------------------


@public()
def latex(value: Value, *, stop: Iterable[Value] = ()) -> str:
    r"""The formula of a recorded graph in LaTeX, down to the leaves.

    Parameters
    ----------
    value : Value
        The output.
    stop : iterable of Value, default ()
        Interior nodes that are written as symbols.

    Returns
    -------
    str
        LaTeX for math mode. A leaf without a name is written as its number.

    Raises
    ------
    InvalidValueError
        If ``value`` is not a Value.
    DataError
        If the formula would be too long.

    Examples
    --------
    >>> from microgrid import Value, latex, sigmoid
    >>> w1, x1 = Value(0.5, name="w1"), Value(2.0, name="x1")
    >>> print(latex(1 - sigmoid(w1 * x1) ** 2))
    1 - \sigma\left(w_{1} \cdot x_{1}\right)^{2}
    """
    check_is_value(value, "written")
    stops = set(stop)
    check_size(value, stops)
    names = symbol_names(topological_order(value), stops)
    named = {node: Text(symbol(name)) for node, name in names.items() if node.name}
    named |= {node: Text(symbol(node.name)) for node in topological_order(value) if node.is_constant and node.name}
    written = evaluate([value], LATEX, named, constant=Text.of, order=shown([value], stops))
    return Text.of(written[value]).text


# ---- SymPy ----------------------------------------------------------------------------------------------------


@public()
def to_sympy(value: Value, *, stop: Iterable[Value] = (), positive: Iterable[Value] = ()) -> Any:
    """The formula of a recorded graph as a SymPy expression.

    Leaves become real symbols with their names; constants become exact numbers, in which 0.1 is one tenth.

    Parameters
    ----------
    value : Value
        The output.
    stop : iterable of Value, default ()
        Interior nodes that become symbols too.
    positive : iterable of Value, default ()
        The nodes whose symbols are positive; all others are real.

    Returns
    -------
    sympy.Expr
        The expression.

    Raises
    ------
    InvalidValueError
        If ``value`` is not a Value.
    DataError
        If the expression would be too long, or SymPy needs too many calls to build it, too deeply nested ones, or too
        many digits.
    MissingPackageError
        If SymPy is not installed.

    Examples
    --------
    >>> from microgrid import Value, gradients, to_sympy
    >>> x = Value(2.0, name="x")
    >>> to_sympy(gradients((x * x).exp(), x))
    2*x*exp(x**2)
    """
    check_is_value(value, "made a SymPy expression")
    stops = set(stop)
    check_size(value, stops)
    sympy_package()
    names = symbol_names(topological_order(value), stops)
    try:
        return CallBudget(_MOST_CALLS).run(sympy_formulas, [value], names, positive)[value]
    except BudgetSpentError:
        raise DataError(
            f"SymPy takes too long to build this formula of {written_size(value, stops):,} symbols and operations, "
            "writes a number of too many digits, or can't nest as deeply: name interior nodes to stop at (stop=[...])"
        ) from None


def sympy_formulas(
    roots: Sequence[Value],
    names: Mapping[Value, str],
    positive: Iterable[Value] = (),
    *,
    everywhere: bool = False,
    constants: Mapping[Value, Any] | None = None,
) -> dict[Value, Any]:
    """The SymPy expressions of a graph's nodes, in which nodes with ``names`` are symbols, ``positive`` or real.

    ``everywhere`` includes nodes that the roots reach through named nodes alone. ``constants`` leads from constants to
    the exact numbers that they stand for; all others are taken as written.
    """
    from microgrid.arithmetics.sympy import SYMPY, Formula, exact

    order = topological_order(*roots) if everywhere else shown(roots, names)
    visible = {node: names[node] for node in order if node in names}
    known = {**sympy_symbols(visible, positive), **(constants or {})}
    symbols = {node: Formula(one) for node, one in known.items()}
    values = evaluate(roots, SYMPY, symbols, constant=Formula, order=order)
    return {node: exact(formula) for node, formula in values.items()}


def sympy_symbols(names: Mapping[Value, str], positive: Iterable[Value] = ()) -> dict[Value, Any]:
    """The symbols of named nodes: positive or, unless listed as such, real."""
    sympy = sympy_package()
    signs = set(positive)
    return {
        node: sympy.Symbol(name, positive=True) if node in signs else sympy.Symbol(name, real=True)
        for node, name in names.items()
    }


def parts_first(formula: Any, parts: Callable[[Any], Sequence[Any]] = attrgetter("args")) -> Iterator[Any]:
    """Each subexpression of an expression once, after its parts, by default its arguments; without recursion."""
    done = set()
    stack = [formula]
    while stack:
        one = stack[-1]
        waiting = [part for part in parts(one) if part not in done]
        stack += waiting
        if not waiting:
            stack.pop()
            if one not in done:
                done.add(one)
                yield one


def expands_far(formula: Any, most: int = 1_000) -> bool:
    """Whether a power or a sum in a formula has more than so many terms, or as large a degree, when multiplied out.

    SymPy's expansions of powers are loops that no count of calls ends, and lists that may take all memory.
    """
    extents: dict[Any, tuple[int, int]] = {}  # of each part, its terms and its degree
    for one in parts_first(formula):
        parts = [extents[part] for part in one.args]
        terms, degree = 1, int(not one.is_number)
        if one.is_Pow and one.exp.is_Rational:
            among, times = parts[0][0] - 1, abs(one.exp.p)
            terms, degree = math.comb(min(times, most) + among, among), parts[0][1] * times
        elif one.is_Add:
            terms, degree = sum([terms for terms, _ in parts]), max([degree for _, degree in parts])
        elif one.is_Mul:  # which takes calls to be multiplied out
            terms, degree = max([terms for terms, _ in parts]), sum([degree for _, degree in parts])
        if terms > 1 and max(terms, degree) > most:
            return True
        extents[one] = terms, degree
    return False


@public()
def from_sympy(expression: Any, numbers: Mapping[str, Any] | None = None) -> Value:
    """A SymPy expression as a recorded graph.

    Parameters
    ----------
    expression : sympy.Expr
        The expression, whose functions have to be operations of the rule table.
    numbers : dict, optional
        From the name of each free symbol to a float or a Value. A float becomes a leaf of that name.

    Returns
    -------
    Value
        The output. Equal subexpressions become one node.

    Raises
    ------
    DataError
        If a symbol has no number, or a function in the expression is not in the rule table.
    MissingPackageError
        If SymPy is not installed.

    Examples
    --------
    >>> import sympy
    >>> from microgrid import from_sympy
    >>> x, y = sympy.symbols("x y")
    >>> from_sympy(sympy.exp(x) / y + x**2, {"x": 0.0, "y": 4.0}).data
    0.25
    """
    sympy = sympy_package()
    expression = sympy.sympify(expression)
    leaves = {name: one if isinstance(one, Value) else Value(one, name) for name, one in (numbers or {}).items()}
    missing = sorted({str(one) for one in expression.free_symbols} - leaves.keys())
    if missing:
        raise DataError(f"the symbol {missing[0]} has no number: give one, as in {{{missing[0]!r}: 0.5}}")
    made: dict[Any, Any] = {}
    for one in parts_first(expression, _parts):
        made[one] = _node(one, made, leaves)
    return as_value(made[expression])


def _parts(one: Any) -> tuple[Any, ...]:
    """The subexpressions that need a node first: its arguments, or everything in the branches of a Piecewise."""
    sympy = sympy_package()
    if isinstance(one, sympy.Piecewise):
        return tuple([part for branch in one.args for part in branch.args if part is not sympy.true])
    return () if one.is_number and one.is_Rational else tuple(one.args)


def _node(one: Any, made: Mapping[Any, Any], leaves: Mapping[str, Value]) -> Any:
    """The node of an expression whose arguments have theirs: a Value, or a float if it has no symbols."""
    sympy = sympy_package()
    if one.is_Symbol:
        return leaves[str(one)]
    if not one.free_symbols and one.is_number:
        return _number(one)
    operands = [made[argument] for argument in one.args if argument in made]
    if one.is_Add:
        return _total(one.args, made)
    if one.is_Mul:
        return _product(one.args, made)
    if one.is_Pow and one.exp == sympy.Rational(1, 2):
        return FUNCTIONS["sqrt"](operands[0])
    if isinstance(one, sympy.exp):
        return FUNCTIONS["exp"](operands[0])
    if one.is_Pow:
        return _power(one, made)
    if isinstance(one, sympy.Piecewise):
        return _choice(one, made)
    if isinstance(one, sympy.Ge | sympy.Gt):
        one, operands = one.reversed, operands[::-1]
    name = _heads().get(type(one))
    if name is None:
        raise DataError(f"the rule table has no operation for SymPy's {one.func.__name__}: rewrite {one} first")
    return functools.reduce(FUNCTIONS[name], operands) if name in ("maximum", "minimum") else FUNCTIONS[name](*operands)


def _number(one: Any) -> float:
    try:
        return float(one)
    except TypeError:
        raise DataError(f"{one} is no real number") from None


def _total(terms: Iterable[Any], made: Mapping[Any, Any]) -> Any:
    """A sum, in which terms with a leading minus are subtracted."""
    total = None
    for term in sorted(terms, key=lambda term: term.could_extract_minus_sign()):
        if total is None:
            total = made[term]
        elif term.is_Mul and term.args[0] == -1:
            total = FUNCTIONS["sub"](total, _product(term.args[1:], made))
        else:
            total = FUNCTIONS["add"](total, made[term])
    return total


def _product(factors: Iterable[Any], made: Mapping[Any, Any]) -> Any:
    """A product, in which powers with a negative exponent become divisions."""
    above = [factor for factor in factors if not _is_denominator(factor)]
    below = [1 / factor for factor in factors if _is_denominator(factor)]
    sign = bool(above) and above[0] == -1 and len(above) + len(below) > 1
    result: Any = None
    for factor in above[1:] if sign else above:
        result = made[factor] if result is None else FUNCTIONS["mul"](result, made[factor])
    for factor in below:
        result = FUNCTIONS["div"](1.0 if result is None else result, _denominator(factor, made))
    return FUNCTIONS["neg"](result) if sign else result


def _is_denominator(factor: Any) -> bool:
    return bool(factor.is_Pow and factor.exp.is_number and factor.exp.is_negative)


def _denominator(factor: Any, made: Mapping[Any, Any]) -> Any:
    """The node of the denominator of a negative power, from the denominator's expression."""
    base, exponent = factor.as_base_exp()
    node = made[base]
    if exponent == 1:
        return node
    return FUNCTIONS["sqrt"](node) if 2 * exponent == 1 else FUNCTIONS["pow"](node, _number(exponent))


def _power(one: Any, made: Mapping[Any, Any]) -> Any:
    if _is_denominator(one):
        return FUNCTIONS["div"](1.0, _denominator(1 / one, made))
    return FUNCTIONS["pow"](made[one.base], made[one.exp])


def _choice(one: Any, made: Mapping[Any, Any]) -> Any:
    result: Any = math.nan
    for branch, condition in reversed(one.args):
        result = made[branch] if condition == True else FUNCTIONS["where"](made[condition], made[branch], result)  # noqa: E712
    return result


@functools.cache
def _heads() -> dict[Any, str]:
    """From SymPy's functions to the rules that they stand for, found by running each rule in SymPy."""
    from microgrid.arithmetics.sympy import SYMPY, Formula, exact

    sympy = sympy_package()
    letters = sympy.symbols("x y z", real=True)
    found: dict[Any, str] = {}
    for name in FUNCTIONS:
        rule = RULES[name]
        if rule.arity is not None:
            operands = letters[: rule.arity]
            written = exact(SYMPY.bind(rule)[0](*map(Formula, operands)))
            if written.args == operands:
                found.setdefault(type(written), name)
    found |= {sympy.Max: "maximum", sympy.Min: "minimum", sympy.polygamma: "polygamma"}
    relations = {sympy.StrictLessThan: "less", sympy.LessThan: "less_equal", sympy.Equality: "equal"}
    return found | relations
