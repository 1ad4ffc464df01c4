"""Recorded graphs as formulas and in high precision: SymPy's expressions there and back, LaTeX, exact values.

SymPy and mpmath are imported where they are needed; LaTeX needs neither.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.arithmetics.latex import LATEX, Text, symbol
from microgrid.core.graph import evaluate, topological_order
from microgrid.core.rules import RULES
from microgrid.core.value import FUNCTIONS, Value, as_value
from microgrid.errors import DataError, InvalidValueError

__all__ = [
    "Precise",
    "from_sympy",
    "latex",
    "mpmath_package",
    "precise",
    "symbol_names",
    "sympy_formulas",
    "sympy_package",
    "sympy_symbols",
    "to_sympy",
    "written_size",
]

_LARGEST = 20_000  # symbols in one formula
_MOST_DIGITS = 4_000  # of the working precision, before what is left of a difference counts as 0


def _check(value: Any, what: str) -> None:
    if not isinstance(value, Value):
        raise InvalidValueError(f"only a Value can be {what}, not {value!r}")


def sympy_package() -> Any:
    """SymPy, or an error that says what to install."""
    import microgrid.arithmetics.sympy

    return microgrid.arithmetics.sympy.sympy


def mpmath_package() -> Any:
    """mpmath, or an error that says what to install."""
    import microgrid.arithmetics.mpmath

    return microgrid.arithmetics.mpmath.mpmath


# ---- names and sizes ------------------------------------------------------------------------------------------


def symbol_names(roots: Iterable[Value], stop: Iterable[Value] = ()) -> dict[Value, str]:
    """A name for every node that stands as a symbol in the roots' formulas, no two of them the same.

    Parameters
    ----------
    roots : iterable of Value
        The outputs.
    stop : iterable of Value
        Interior nodes that stand as symbols as well.

    Returns
    -------
    dict
        A node's own name where it has one that no other symbol has before it; ``x1_2`` for a second x1; ``v1``, ``v2``
        and so on for those without a name. Constants are numbers, and not among them.

    Examples
    --------
    >>> from microgrid import Value
    >>> from microgrid.formulas.sympy import symbol_names
    >>> list(symbol_names([Value(1.0, "x") * Value(2.0, "x") + Value(3.0)]).values())
    ['x', 'x_2', 'v1']
    """
    stops = set(stop)
    order = topological_order(*roots)
    nodes = [node for node in order if node in stops or (node.op is None and not node.is_constant)]
    taken = {node.name for node in nodes if node.name}
    given: dict[Value, str] = {}
    used: set[str] = set()
    counts: dict[str, int] = {}
    for node in nodes:
        name = node.name
        if name is None or name in used:
            stem, count = ("v", 0) if name is None else (f"{name}_", 1)
            name = _next_name(stem, counts, count, taken)
        used.add(name)
        given[node] = name
    return given


def _next_name(stem: str, counts: dict[str, int], start: int, taken: set[str]) -> str:
    """The stem with the next number that makes a name which no node has."""
    while True:
        counts[stem] = counts.get(stem, start) + 1
        if f"{stem}{counts[stem]}" not in taken:
            return f"{stem}{counts[stem]}"


def _reached(roots: Iterable[Value], stops: set[Value]) -> list[Value]:
    """The roots' graph without what lies behind the stops, in topological order."""
    roots = list(roots)
    wanted, stack = set(roots), list(roots)
    while stack:
        node = stack.pop()
        for parent in () if node in stops else node.parents:
            if parent not in wanted:
                wanted.add(parent)
                stack.append(parent)
    return [node for node in topological_order(*roots) if node in wanted]


def written_size(value: Value, stop: Iterable[Value] = ()) -> int:
    """How many symbols, numbers and operations the formula of a value has, what is shared written out each time.

    Parameters
    ----------
    value : Value
        The output.
    stop : iterable of Value
        Interior nodes that stand as symbols.

    Returns
    -------
    int
        The count, which may be far larger than the graph.
    """
    stops = set(stop)
    sizes: dict[Value, int] = {}
    for node in _reached([value], stops):
        sizes[node] = 1 + (0 if node in stops else sum([sizes[parent] for parent in node.parents]))
    return sizes[value]


def _check_size(value: Value, stop: Iterable[Value]) -> None:
    size = written_size(value, stop)
    if size > _LARGEST:
        told = f"{size:,}" if size < 1e15 else f"about 10^{len(str(size)) - 1}"
        raise DataError(
            f"the formula would have {told} symbols and operations, and {_LARGEST:,} is the most that is written: "
            "name interior nodes to stop at (stop=[...])"
        )


# ---- LaTeX ----------------------------------------------------------------------------------------------------


@public()
def latex(value: Value, *, stop: Iterable[Value] = ()) -> str:
    r"""The formula of a recorded graph in LaTeX, down to the leaves, as the rules write themselves.

    Parameters
    ----------
    value : Value
        The output.
    stop : iterable of Value
        Interior nodes that are written by their names.

    Returns
    -------
    str
        LaTeX for math mode. A leaf without a name is written as its number.

    Raises
    ------
    InvalidValueError
        If it is no Value.
    DataError
        If the formula would be too large to be read.

    Examples
    --------
    >>> from microgrid import Value, latex, sigmoid
    >>> w1, x1 = Value(0.5, name="w1"), Value(2.0, name="x1")
    >>> print(latex(1 - sigmoid(w1 * x1) ** 2))
    1 - \sigma\left(w_{1} \cdot x_{1}\right)^{2}
    """
    _check(value, "written")
    stops = list(stop)
    _check_size(value, stops)
    named = {node: Text(symbol(name)) for node, name in symbol_names([value], stops).items() if node.name}
    return Text.of(evaluate([value], LATEX, _behind([value], stops) | named, constant=Text.of)[value]).text


# ---- SymPy ----------------------------------------------------------------------------------------------------


@public()
def to_sympy(value: Value, *, stop: Iterable[Value] = (), positive: Iterable[Value] = ()) -> Any:
    """The formula of a recorded graph as a SymPy expression.

    Leaves become real symbols with their names; constants become exact numbers, in which 0.1 is one tenth.

    Parameters
    ----------
    value : Value
        The output.
    stop : iterable of Value
        Interior nodes that become symbols as well, instead of their formulas.
    positive : iterable of Value
        Which of the symbols are positive.

    Returns
    -------
    sympy.Expr
        The expression.

    Raises
    ------
    InvalidValueError
        If it is no Value.
    DataError
        If the expression would be too large.
    MissingPackageError
        If SymPy is not installed.

    Examples
    --------
    >>> from microgrid import Value, gradients, to_sympy
    >>> x = Value(2.0, name="x")
    >>> to_sympy(gradients((x * x).exp(), x))
    2*x*exp(x**2)
    """
    _check(value, "made a SymPy expression")
    stops = list(stop)
    _check_size(value, stops)
    return sympy_formulas([value], symbol_names([value], stops), positive)[value]


def _behind(roots: Sequence[Value], stops: Iterable[Value]) -> dict[Value, None]:
    """What the roots depend on through the stops alone: nothing is to be computed there."""
    reached = set(_reached(roots, set(stops)))
    return {node: None for node in topological_order(*roots) if node not in reached}


def sympy_formulas(
    roots: Sequence[Value], names: Mapping[Value, str], positive: Iterable[Value] = (), *, everywhere: bool = False
) -> Any:
    """The SymPy expressions of the nodes, where those that have names are symbols; behind these only if asked for."""
    from microgrid.arithmetics.sympy import SYMPY, Formula, exact

    symbols = {node: Formula(one) for node, one in sympy_symbols(names, positive).items()}
    hidden = {} if everywhere else _behind(roots, names)
    values = evaluate(roots, SYMPY, hidden | symbols, constant=Formula)
    return {node: exact(formula) for node, formula in values.items() if formula is not None}


def sympy_symbols(names: Mapping[Value, str], positive: Iterable[Value] = ()) -> dict[Value, Any]:
    """The symbols of named nodes: real, and positive where that is said."""
    sympy = sympy_package()
    signs = set(positive)
    return {
        node: sympy.Symbol(name, positive=True) if node in signs else sympy.Symbol(name, real=True)
        for node, name in names.items()
    }


@public()
def from_sympy(expression: Any, numbers: Mapping[str, Any] | None = None) -> Value:
    """A SymPy expression as a recorded graph.

    Parameters
    ----------
    expression : sympy.Expr
        The expression, made of what the rule table has.
    numbers : dict
        A float or a Value for the name of each free symbol. A float becomes a leaf of that name.

    Returns
    -------
    Value
        The output. What occurs twice in the expression is one node.

    Raises
    ------
    DataError
        If a symbol has no number, or something in the expression has no operation in the rule table.
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
    leaves = {name: _leaf(given, name) for name, given in (numbers or {}).items()}
    missing = sorted({str(one) for one in expression.free_symbols} - leaves.keys())
    if missing:
        raise DataError(f"the symbol {missing[0]} has no number: give one, as in {{{missing[0]!r}: 0.5}}")
    made: dict[Any, Any] = {}
    stack = [expression]
    while stack:  # children first, without recursion
        one = stack[-1]
        waiting = [child for child in _parts(one) if child not in made]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        if one not in made:
            made[one] = _node(one, made, leaves)
    return as_value(made[expression])


def _leaf(given: Any, name: str) -> Value:
    return given if isinstance(given, Value) else Value(given, name)


def _parts(one: Any) -> tuple[Any, ...]:
    """What has to be made before: its arguments, or of a choice everything in its branches."""
    sympy = sympy_package()
    if isinstance(one, sympy.Piecewise):
        return tuple([part for branch in one.args for part in branch.args if part is not sympy.true])
    return () if one.is_number and one.is_Rational else tuple(one.args)


def _node(one: Any, made: Mapping[Any, Any], leaves: Mapping[str, Value]) -> Any:
    """The node of an expression whose arguments are made: a Value, or a float where no symbol is in it."""
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
    node = operands[0] if name in ("maximum", "minimum") else FUNCTIONS[name](*operands)
    for operand in operands[1:] if name in ("maximum", "minimum") else ():
        node = FUNCTIONS[name](node, operand)
    return node


def _number(one: Any) -> float:
    try:
        return float(one)
    except TypeError:
        raise DataError(f"{one} is no real number") from None


def _total(terms: Iterable[Any], made: Mapping[Any, Any]) -> Any:
    """A sum, in which what begins with a minus is subtracted."""
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
    """A product, in which powers with a negative number as their exponent are divided by."""
    above = [factor for factor in factors if not _is_below(factor)]
    below = [1 / factor for factor in factors if _is_below(factor)]
    sign = bool(above) and above[0] == -1 and len(above) + len(below) > 1
    result: Any = None
    for factor in above[1:] if sign else above:
        result = made[factor] if result is None else FUNCTIONS["mul"](result, made[factor])
    for factor in below:
        result = FUNCTIONS["div"](1.0 if result is None else result, _inverse_of(factor, made))
    return FUNCTIONS["neg"](result) if sign else result


def _is_below(factor: Any) -> bool:
    return bool(factor.is_Pow and factor.exp.is_number and factor.exp.is_negative)


def _inverse_of(factor: Any, made: Mapping[Any, Any]) -> Any:
    """What a negative power is one over."""
    base, exponent = factor.as_base_exp()
    node = made[base]
    if exponent == 1:
        return node
    return FUNCTIONS["sqrt"](node) if 2 * exponent == 1 else FUNCTIONS["pow"](node, _number(exponent))


def _power(one: Any, made: Mapping[Any, Any]) -> Any:
    if _is_below(one):
        return FUNCTIONS["div"](1.0, _inverse_of(1 / one, made))
    return FUNCTIONS["pow"](made[one.base], made[one.exp])


def _choice(one: Any, made: Mapping[Any, Any]) -> Any:
    result: Any = math.nan
    for branch, condition in reversed(one.args):
        result = made[branch] if condition == True else FUNCTIONS["where"](made[condition], made[branch], result)  # noqa: E712
    return result


@functools.cache
def _heads() -> dict[Any, str]:
    """From SymPy's own functions to the rules that are written with them, read off by running the rules in SymPy."""
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
    found |= {sympy.Max: "maximum", sympy.Min: "minimum"}
    relations = {sympy.StrictLessThan: "less", sympy.LessThan: "less_equal", sympy.Equality: "equal"}
    return found | relations


# ---- high precision -------------------------------------------------------------------------------------------


@public()
@dataclass(frozen=True, slots=True)
class Precise:
    """A value in high precision beside the recorded one.

    Parameters
    ----------
    value : mpmath.mpf
        What the graph's formula gives at exactly the numbers in its leaves.
    digits : int
        How many digits of it are right.
    recorded : float
        What floats gave.
    """

    value: Any
    digits: int
    recorded: float

    @property
    def error(self) -> float:
        """The true rounding error of the recorded value: recorded minus exact."""
        import mpmath

        with mpmath.workdps(self.digits + 20):
            return float(mpmath.mpf(self.recorded) - self.value)

    @property
    def ulp(self) -> float:
        """Its size in units in the last place of the exact value."""
        return abs(self.error) / math.ulp(float(self.value))

    def __str__(self) -> str:
        import mpmath

        return str(mpmath.nstr(self.value, self.digits))


@public()
def precise(value: Value, digits: int = 50) -> Precise:
    """A recorded value anew in high precision, and how far off the floats were.

    The graph is replayed at the exact numbers in its leaves, with more and more digits until those that are asked for
    no longer change.

    Parameters
    ----------
    value : Value
        The output.
    digits : int
        How many digits have to be right.

    Returns
    -------
    Precise
        The number, and the rounding error of the recorded one.

    Raises
    ------
    InvalidValueError
        If it is no Value.
    DataError
        If there is no finite value, or ``digits`` is not a whole number from 1.
    MissingPackageError
        If mpmath is not installed.

    Examples
    --------
    >>> from microgrid import Value, precise
    >>> x = Value(1e-9, name="x")
    >>> result = precise((1 + x) - 1, digits=20)
    >>> print(result)
    1.0000000000000000623e-9
    >>> result.error, round(result.ulp)
    (8.274037093680878e-17, 400107883)
    """
    _check(value, "computed anew")
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 1:
        raise DataError(f"digits is a whole number from 1, not {digits!r}")
    mpmath = mpmath_package()
    before, working = None, digits + 15
    while True:
        with mpmath.workdps(working):
            now = _exactly(value)
            agreed = before is not None and abs(now - before) <= abs(now) * mpmath.mpf(10) ** -(digits + 2)
        if agreed and (now or working > _MOST_DIGITS):
            return Precise(now, digits, value.data)
        before, working = now, 2 * working


def _exactly(value: Value) -> Any:
    from microgrid.arithmetics.mpmath import MPMATH

    mpmath = mpmath_package()
    try:
        result = evaluate([value], MPMATH, {}, constant=mpmath.mpf)[value]
    except ZeroDivisionError:
        result = mpmath.nan
    if not mpmath.isfinite(result):
        raise DataError(f"the graph has no finite value at the numbers in its leaves: floats gave {value.data!r}")
    return result
