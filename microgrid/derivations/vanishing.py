"""Whether the difference of two formulas simplifies to exactly 0: as a whole, or on each piece between its kinks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from microgrid.core.engine import Value
from microgrid.core.graph import topological_order
from microgrid.derivations.claim import Claim
from microgrid.derivations.exponents import Exponents
from microgrid.formulas.names import symbol_names, written_size
from microgrid.formulas.sympy import expands_far, sympy_formulas, sympy_package, sympy_symbols
from microgrid.util.budget import BudgetSpentError, CallBudget

__all__ = ["Effort", "VanishingPieces", "obstacle", "vanishes", "vanishing_pieces"]

_LARGEST = 3_000  # most operations in a difference that SymPy is to simplify
_MOST_CALLS = 5_000_000  # of Python functions in SymPy, for a whole proof: some 8 s
_MOST_OF_ONE = 2_000_000  # for one way to simplify one expression

_WRITING, _SIMPLIFYING = "wrote the formula of the difference", "simplified the difference"

_Result = TypeVar("_Result")


@dataclass(slots=True)
class Effort:
    """What SymPy may spend on one proof, and where it was stopped, if it was."""

    budget: CallBudget = field(default_factory=lambda: CallBudget(_MOST_CALLS))
    stopped: str = ""

    def run(self, doing: str, function: Callable[..., _Result], *operands: Any) -> _Result | None:
        """A function's result; None if it takes too long, of which ``stopped`` then tells."""
        try:
            return self.budget.run(function, *operands, most=_MOST_OF_ONE)
        except BudgetSpentError:
            self.stopped = self.stopped or f"SymPy was stopped while it {doing}, since that takes too long"
            return None


def obstacle(claim: Claim) -> str | None:
    """Why the difference was not simplified, if an operation in the graphs explains it."""
    for node in claim.order:
        if node.op is not None and not _is_analytic(node):
            return f"{node.op.name} is not analytic, and the difference did not simplify to 0 between its kinks"
    return None


def vanishes(claim: Claim, effort: Effort) -> bool:
    """Whether the difference of the formulas simplifies to exactly 0.

    First with symbols in place of the arguments of functions that are not rational, and of nodes that are not analytic.
    An identity in these symbols holds for the nodes too, and z alone is much simpler than w1·x1 + … + w10·x10 + b.
    """
    difference = claim.left - claim.right
    order = topological_order(difference)
    opaque, arguments = effort.run(_WRITING, _replaced_by_symbols, order) or ([], [])
    for stop in ([*opaque, *arguments], opaque) if arguments else (opaque,):
        if written_size(difference, set(stop)) <= _LARGEST:
            names = _one_name_for_equals(order, symbol_names(order, stop), stop)
            write = functools.partial(sympy_formulas, constants=claim.readings)
            formulas = effort.run(_WRITING, write, [difference], names, claim.positive)
            if formulas is not None and _simplifies_to_zero(
                formulas[difference], {formulas[node] for node in stop if node in formulas}, effort
            ):
                return True
    return False


@dataclass(frozen=True, slots=True)
class VanishingPieces:
    """The pieces on each of which a difference simplifies to 0."""

    count: int  # how many there are
    borders: tuple[Any, ...]  # what is 0 on the borders between them
    symbols: Mapping[Value, Any]  # from leaves to the symbols in the borders

    def told(self) -> str:
        """Where the difference simplifies to 0."""
        return f"on each of {self.count} pieces" if self.count > 1 else "away from kinks"


def vanishing_pieces(claim: Claim, effort: Effort) -> VanishingPieces | None:
    """The pieces of the difference; None if it does not simplify to 0 on one of them, or they are too many."""
    from microgrid.derivations.pieces import pieces

    difference = claim.left - claim.right
    if written_size(difference) > _LARGEST:
        return None
    symbols = sympy_symbols(claim.names, claim.positive)
    order, given = topological_order(difference), {**symbols, **claim.readings}
    found = effort.run("looked for the pieces between the kinks", pieces, difference, order, given)
    if found is None or not all([_simplifies_to_zero(one.formula, set(symbols.values()), effort) for one in found]):
        return None
    borders = tuple(dict.fromkeys([border for piece in found for border in piece.borders]))
    return VanishingPieces(len(found), borders, symbols)


def _is_analytic(node: Value) -> bool:
    sympy = sympy_package()
    return not _formula_of(node).has(sympy.Piecewise, sympy.Abs)


def _formula_of(node: Value) -> Any:
    """The formula of one operation, in symbols for its operands; constants stay numbers."""
    from microgrid.arithmetics.sympy import SYMPY, Formula, exact

    assert node.op is not None
    symbols = {x: sympy_package().Dummy(real=True) for x in node.parents if not x.is_constant}
    return exact(SYMPY.bind(node.op)[0](*[Formula(symbols.get(x, x.data)) for x in node.parents]))


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


def _simplifies_to_zero(difference: Any, symbols: set[Any], effort: Effort) -> bool:
    """Whether each group of terms that share symbols, such as those of one sample, vanishes, or else their sum.

    A common denominator of all terms would grow with their number.
    """
    if difference == 0:
        return True
    if expands_far(difference):
        effort.stopped = effort.stopped or "SymPy was not tried, since it would multiply out large powers"
        return False
    exponents = Exponents()
    difference = exponents.named_in(difference)
    groups = effort.run(_SIMPLIFYING, _grouped, difference, symbols | exponents.symbols) or [difference]
    if all([_vanishes(part, effort) for part in groups]):
        return True
    return len(groups) > 1 and _vanishes(difference, effort)


def _grouped(difference: Any, symbols: set[Any]) -> list[Any]:
    """The terms of a sum, those that share symbols added."""
    sympy = sympy_package()
    groups: dict[frozenset[Any], Any] = {}
    for term in sympy.Add.make_args(sympy.expand_mul(difference, deep=False)):
        group = frozenset(term.free_symbols & symbols)
        groups[group] = groups.get(group, 0) + term
    return list(groups.values())


def _vanishes(expression: Any, effort: Effort) -> bool:
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
            if effort.run(_SIMPLIFYING, way, expression) == 0:
                return True
        except (NotImplementedError, TypeError, ValueError, AttributeError, sympy.PolynomialError):
            continue
    return False
