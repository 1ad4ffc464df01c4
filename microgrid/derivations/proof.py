"""Whether two recorded graphs are the same function: proved, refuted at a point, or undecided.

A proof takes two independent ways, which have to agree: SymPy simplifies the difference of the two formulas to exactly
0, with every symbol real; and both graphs, evaluated in two high precisions, agree at random points. A refutation is a
point at which they differ by more than rounding can explain.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from microgrid._public import public
from microgrid.core.engine import Value, as_value
from microgrid.core.graph import evaluate, topological_order
from microgrid.errors import InvalidValueError
from microgrid.formulas.high_precision import mpmath_package
from microgrid.formulas.names import symbol_names, written_size
from microgrid.formulas.parse import recorded_on
from microgrid.formulas.sympy import sympy_formulas, sympy_package

__all__ = ["Proof", "prove"]

_POINTS = 12  # points at which both sides are compared
_TRIES = 200  # random points, some of which may lie outside of the functions' domain
_DIGITS = (50, 100)
_AGREED = 30  # digits that have to be equal
_LARGEST = 3_000  # most operations in a difference that SymPy is to simplify


@public()
@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict on the claim that two formulas are equal; true if it was proved.

    Parameters
    ----------
    verdict : {"proved", "refuted", "undecided"}
        The verdict.
    reason : str
        The evidence for it, in one sentence.
    assumptions : str
        The assumptions on the symbols.
    points : int
        The number of points at which both sides agreed.
    point : dict or None
        A point at which they differ, by the names of the leaves.
    values : tuple of float or None
        The two sides at that point.
    """

    verdict: Literal["proved", "refuted", "undecided"]
    reason: str
    assumptions: str
    points: int
    point: dict[str, float] | None = None
    values: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return self.verdict == "proved"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"


@public()
def prove(gradient: Any, closed_form: Any, *, positive: Iterable[Value] = ()) -> Proof:
    """Decide whether two formulas are equal for all values of their leaves.

    Parameters
    ----------
    gradient : Value
        One side, such as a derivative from ``gradients``.
    closed_form : Value, number or str
        The other side. A string is parsed as a formula in the named nodes of the first side's graph, interior ones
        included.
    positive : iterable of Value, default ()
        Leaves that are assumed to be positive. All others are real.

    Returns
    -------
    Proof
        The verdict, with a point if it was refuted.

    Raises
    ------
    InvalidValueError
        If a side has another type.
    FormulaError
        If the string can't be parsed, or a name in it is not the name of exactly one node.
    MissingPackageError
        If SymPy is not installed.

    Examples
    --------
    >>> from microgrid import Value, gradients, named, prove, sigmoid
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> a = named(sigmoid(w * x), "a")
    >>> print(prove(gradients(a, w), "a*(1 - a)*x").verdict)
    proved
    >>> print(prove(gradients(a, w), "a*(1 + a)*x").verdict)
    refuted
    """
    sympy_package()
    left = _side(gradient, {})
    right = _side(closed_form, _named_nodes(left))
    order = topological_order(left, right)
    names = symbol_names(order)
    signs = set(positive)
    assumptions = _assumptions(names, signs)
    agreed, point, values = _compare(left, right, names, signs, order)
    if point is not None:
        return Proof("refuted", _refutation(point, values), assumptions, agreed, point, values)
    if not agreed:
        reason = "at no random point do both sides have a finite real value, so that nothing could be compared"
        return Proof("undecided", reason, assumptions, 0)
    where = f"{agreed} random point{'s' * (agreed > 1)} in {_DIGITS[0]} and in {_DIGITS[1]} digits"
    if _is_zero(left, right, signs):
        reason = f"the difference simplifies to 0 ({assumptions}); both sides agree at {where}"
        return Proof("proved", reason, assumptions, agreed)
    reason = f"{_obstacle(order) or 'SymPy did not simplify the difference to 0'}; but both sides agree at {where}"
    return Proof("undecided", reason, assumptions, agreed)


def _side(given: Any, nodes: Mapping[str, Value]) -> Value:
    if isinstance(given, str):
        return recorded_on(given, nodes)
    try:
        return as_value(given)
    except InvalidValueError:
        raise InvalidValueError(f"a side of an equation is a Value, a number or a formula, not {given!r}") from None


def _named_nodes(root: Value) -> dict[str, Value]:
    """The graph's nodes by their names, without names that several nodes share."""
    found: dict[str, Value] = {}
    twice = set()
    for node in topological_order(root):
        if node.name:
            twice |= {node.name} & found.keys()
            found[node.name] = node
    return {name: node for name, node in found.items() if name not in twice}


def _assumptions(names: Mapping[Value, str], positive: set[Value]) -> str:
    real = [name for node, name in names.items() if node not in positive]
    signed = [name for node, name in names.items() if node in positive]
    parts = [f"{_enumerated(some)} {kind}" for some, kind in ((real, "real"), (signed, "positive")) if some]
    return ", ".join(parts) or "no symbols"


def _enumerated(names: Sequence[str], most: int = 12) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _refutation(point: Mapping[str, float], values: tuple[float, float] | None) -> str:
    assert values is not None
    where = ", ".join([f"{name} = {x!r}" for name, x in point.items()]) or "every point"
    return f"at {where} the two sides are {values[0]!r} and {values[1]!r}"


# ---- numbers --------------------------------------------------------------------------------------------------


def _compare(
    left: Value, right: Value, names: Mapping[Value, str], positive: set[Value], order: Sequence[Value]
) -> tuple[int, dict[str, float] | None, tuple[float, float] | None]:
    """The number of points at which the two sides agree, and the first point at which they don't, with both values."""
    draw = random.Random("microgrid")
    agreed = 0
    for attempt in range(_TRIES if names else 1):
        width = (2.0, 0.9, 0.5)[attempt % 3]  # narrow ones for domains such as that of asin
        point = {node: _coordinate(draw, width, node in positive) for node in names}
        verdict, values = _agree_at(left, right, point, order)
        if verdict is False:
            return agreed, {names[node]: x for node, x in point.items()}, values
        agreed += verdict is True
        if agreed == _POINTS:
            break
    return agreed, None, None


def _coordinate(draw: random.Random, width: float, positive: bool) -> float:
    """A number that is not 0 and has few digits."""
    size = draw.randint(1, 64) * width / 64.0
    return size if positive or draw.random() < 0.5 else -size


def _agree_at(
    left: Value, right: Value, point: Mapping[Value, float], order: Sequence[Value]
) -> tuple[bool | None, tuple[float, float] | None]:
    """Whether both sides are equal at a point, and their values; None if that can't be decided."""
    mpmath = mpmath_package()
    sides = []
    for digits in _DIGITS:
        with mpmath.workdps(digits):
            pair = _evaluated(left, right, point, order)
        if pair is None:
            return None, None
        sides.append(pair)
    (low, low_other), (high, high_other) = sides
    with mpmath.workdps(_DIGITS[1]):
        size = max(abs(high), abs(high_other))
        bound = size * mpmath.mpf(10) ** -_AGREED
        if max(abs(low - high), abs(low_other - high_other)) > bound:
            return None, None  # too many digits are lost to cancellation
        return bool(abs(high - high_other) <= bound), (float(high), float(high_other))


def _evaluated(
    left: Value, right: Value, point: Mapping[Value, float], order: Sequence[Value]
) -> tuple[Any, Any] | None:
    from microgrid.arithmetics.mpmath import MPMATH

    mpmath = mpmath_package()
    numbers = {node: mpmath.mpf(x) for node, x in point.items()}
    try:
        values = evaluate([left, right], MPMATH, numbers, constant=_decimal, order=order)
    except (ZeroDivisionError, OverflowError):
        return None
    pair = values[left], values[right]
    return pair if all([mpmath.isfinite(one) for one in pair]) else None


def _decimal(number: float) -> Any:
    """A constant as the decimal number that it was written as, as in the formulas: 0.1 is one tenth."""
    return mpmath_package().mpf(repr(number))


# ---- formulas -------------------------------------------------------------------------------------------------


def _obstacle(order: Sequence[Value]) -> str | None:
    """Why the difference was not simplified, if an operation in the graph explains it."""
    for node in order:
        if node.op is not None and not _is_analytic(node):
            return f"{node.op.name} is not analytic, and no simplification looks into it"
    return None


def _is_analytic(node: Value) -> bool:
    sympy = sympy_package()
    return not _formula_of(node).has(sympy.Piecewise, sympy.Abs)


def _formula_of(node: Value) -> Any:
    """The formula of one operation, in symbols for its operands; constants stay numbers."""
    from microgrid.arithmetics.sympy import SYMPY, Formula, exact

    assert node.op is not None
    symbols = {x: sympy_package().Dummy(real=True) for x in node.parents if not x.is_constant}
    return exact(SYMPY.bind(node.op)[0](*[Formula(symbols.get(x, x.data)) for x in node.parents]))


def _is_zero(left: Value, right: Value, positive: set[Value]) -> bool:
    """Whether the difference of the formulas simplifies to exactly 0.

    First with symbols in place of the arguments of functions that are not rational, and of nodes that are not analytic.
    An identity in these symbols holds for the nodes too, and z alone is much simpler than w1·x1 + … + w10·x10 + b.
    """
    difference = left - right
    order = topological_order(difference)
    opaque, arguments = _replaced_by_symbols(order)
    for stop in ([*opaque, *arguments], opaque) if arguments else (opaque,):
        if written_size(difference, set(stop)) <= _LARGEST:
            names = _one_name_for_equals(order, symbol_names(order, stop), stop)
            formulas = sympy_formulas([difference], names, positive)
            if _simplifies_to_zero(formulas[difference], {formulas[node] for node in stop if node in formulas}):
                return True
    return False


def _replaced_by_symbols(order: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """The nodes that are not analytic, and the rational interior nodes that are operands of a node that is not."""
    rational: dict[Value, bool] = {}
    opaque: list[Value] = []
    arguments: dict[Value, None] = {}
    for node in order:
        if node.op is None:
            rational[node] = True
            continue
        if not _is_analytic(node):
            opaque.append(node)
        own = bool(_formula_of(node).is_rational_function())
        rational[node] = own and all([rational[parent] for parent in node.parents])
        if not own:
            arguments |= dict.fromkeys([parent for parent in node.parents if parent.op and rational[parent]])
    return opaque, list(arguments)


def _one_name_for_equals(order: Sequence[Value], names: Mapping[Value, str], stop: Sequence[Value]) -> dict[Value, str]:
    """The same name for nodes that are computed by the same operations from the same leaves."""
    first: dict[tuple[Any, ...], Value] = {}
    same: dict[Value, Value] = {}
    for node in order:
        parents = tuple([same[parent] for parent in node.parents])
        key = (node.op, *parents) if node.op else ("number", node.data) if node.is_constant else (node,)
        same[node] = first.setdefault(key, node)
    stops = set(stop)
    return {node: names[same[node]] if node in stops and same[node] in names else name for node, name in names.items()}


def _simplifies_to_zero(difference: Any, symbols: set[Any]) -> bool:
    """Whether each group of terms that share symbols, such as those of one sample, vanishes, or else their sum.

    A common denominator of all terms would grow with their number.
    """
    sympy = sympy_package()
    if difference == 0:
        return True
    groups: dict[frozenset[Any], Any] = {}
    for term in sympy.Add.make_args(sympy.expand_mul(difference, deep=False)):
        group = frozenset(term.free_symbols & symbols)
        groups[group] = groups.get(group, 0) + term
    return all([_vanishes(part) for part in groups.values()]) or (len(groups) > 1 and _vanishes(difference))


def _vanishes(expression: Any) -> bool:
    sympy = sympy_package()
    ways = (
        lambda e: sympy.cancel(sympy.together(e)),
        lambda e: sympy.cancel(sympy.together(sympy.expand(e, power_exp=True))),
        lambda e: sympy.cancel(sympy.together(e.rewrite(sympy.exp))),
        lambda e: sympy.simplify(sympy.expand(e)),
        lambda e: sympy.simplify(sympy.expand_log(e)),
        sympy.trigsimp,
    )
    for way in ways:
        try:
            if way(expression) == 0:
                return True
        except (NotImplementedError, TypeError, ValueError, AttributeError, sympy.PolynomialError):
            continue
    return False
