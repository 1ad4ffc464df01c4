"""Whether two recorded graphs are the same function: proved, refuted at a point, or undecided.

A proof takes two independent ways, which have to agree: SymPy simplifies the difference of the two formulas to exactly
0, if need be on each piece between their kinks (``vanishing``); and both graphs, evaluated in two high precisions,
agree at random points and on the borders of the pieces (``agreement``). A refutation is a point at which they differ by
more than the rounding of their constants can explain (``claim``). Over a region, the size of a difference that SymPy
does not simplify is bounded in ball arithmetic (``claim_in_balls``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from microgrid._public import public
from microgrid.core.engine import Value, as_value
from microgrid.core.graph import topological_order
from microgrid.derivations.agreement import DIGITS, Difference, at_random_points, on_borders
from microgrid.derivations.claim import Claim
from microgrid.derivations.claim_in_balls import ClaimInBalls, region_of
from microgrid.derivations.enclosures import ball_module, outward
from microgrid.derivations.vanishing import Effort, obstacle, vanishes, vanishing_pieces
from microgrid.errors import InvalidValueError
from microgrid.formulas.parse import recorded_on
from microgrid.formulas.sympy import sympy_package
from microgrid.util.interval import Interval
from microgrid.util.restoring import restorable

__all__ = ["Proof", "prove"]

_Verdict = Literal["proved", "refuted", "bounded", "undecided"]


@public()
@restorable
@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict on the claim that two formulas are equal; true if it was proved.

    Parameters
    ----------
    verdict : {"proved", "refuted", "bounded", "undecided"}
        The verdict; "bounded" if the difference is proven to be small over a region, but not to be 0.
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
    bound : float or None
        The largest size that the difference can have over the region, as a theorem.
    """

    verdict: _Verdict
    reason: str
    assumptions: str
    points: int
    point: dict[str, float] | None = None
    values: tuple[float, float] | None = None
    bound: float | None = None

    def __bool__(self) -> bool:
        return self.verdict == "proved"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"


@public()
def prove(
    gradient: Any,
    closed_form: Any,
    *,
    positive: Iterable[Value] = (),
    over: Mapping[Any, Interval] | None = None,
    budget: int = 200_000,
    progress: bool | None = None,
) -> Proof:
    """Decide whether two formulas are equal for all values of their leaves, or over a region.

    Parameters
    ----------
    gradient : Value
        One side, such as a derivative from ``gradients``.
    closed_form : Value, number or str
        The other side. A string is parsed as a formula in the named nodes of the first side's graph, interior ones
        included; its numbers are exact, so that ``1/3`` and ``pi`` are not rounded.
    positive : iterable of Value, default ()
        Leaves that are assumed to be positive. All others are real.
    over : dict of Interval, optional
        The region, by leaves or their names: where points are drawn from, and where the size of the difference is
        bounded, as a theorem, if SymPy doesn't simplify it to 0.
    budget : int, default 200,000
        How many operations on balls that bound may take, some hundred thousand a second.
    progress : bool, optional
        Whether a line of progress is shown meanwhile; by default in terminals and notebooks, after a second.

    Returns
    -------
    Proof
        The verdict, with a point if it was refuted: that the two sides differ there is proven in ball arithmetic, if
        python-flint is installed, and otherwise told by two precisions of mpmath. The reason says where a proof doesn't
        hold, such as at a kink that the closed form has no value for, and which constants were read as what they are
        probably rounded from: 0.3333333333333333 as 1/3. SymPy is stopped after 5 million
        calls of functions, some 8 s, and the reason says where.

    Raises
    ------
    InvalidValueError
        If a side has another type.
    DataError
        If the region doesn't fit the leaves.
    FormulaError
        If the string can't be parsed, or a name in it is not the name of exactly one node.
    MissingPackageError
        If SymPy is not installed; for a region, python-flint.

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
    claim = Claim.of(left, _side(closed_form, _named_nodes(left)), positive)
    search = None
    if over is not None:
        ball_module()
        search = _Region(region_of(claim, over), budget, progress)
    proof = _judged(claim, search)
    if proof.verdict != "refuted":
        return proof
    recognised = claim.with_recognised_constants()
    if recognised is not None:
        read = _judged(recognised, search)
        if read.verdict != "refuted":
            return replace(read, reason=f"{read.reason}; equal up to the rounding of {recognised.readings_told()}")
    if claim.rounding_explains({node: proof.point[name] for node, name in claim.names.items()} if proof.point else {}):
        reason = f"{proof.reason}, which the rounding of the constants in them can explain"
        return replace(proof, verdict="undecided", reason=reason)
    return proof


@dataclass(frozen=True, slots=True)
class _Region:
    """Where a claim is to hold, and what may be spent on bounding the difference there."""

    sides: Mapping[Value, Interval]
    budget: int
    progress: bool | None


def _judged(claim: Claim, region: _Region | None) -> Proof:
    """The verdict on a claim whose constants are read in one way."""
    balls = ClaimInBalls.of(claim) if region is None else ClaimInBalls(claim)
    proof = _judged_by_formulas(claim, balls, None if region is None else region.sides)
    if balls is None or region is None or proof.verdict != "undecided" or proof.point is not None:
        return proof
    found = balls.bounded_over(region.sides, region.budget, region.progress)
    where = ", ".join([f"{claim.names[leaf]} in {side.low!r}..{side.high!r}" for leaf, side in region.sides.items()])
    if found.obstacle:
        return replace(proof, reason=f"{proof.reason}; no bound on the difference is proven: {found.obstacle}")
    told = f"proven: the two sides differ by at most {outward(found.bound, 1, 3)} for all {where}"
    return replace(
        proof, verdict="bounded", reason=f"{told}; not proven: that they are equal ({proof.reason})", bound=found.bound
    )


def _judged_by_formulas(claim: Claim, balls: ClaimInBalls | None, region: Mapping[Value, Interval] | None) -> Proof:
    assumptions = _assumptions(claim)
    agreed, difference = at_random_points(claim, balls, region)
    if difference is not None:
        proven = "" if balls is None else ", proven in ball arithmetic"
        return _differing("refuted", f"{_told(claim, difference)}{proven}", claim, agreed, difference)
    if not agreed:
        reason = "at no random point do both sides have a finite real value, so that nothing could be compared"
        return Proof("undecided", reason, assumptions, 0)
    digits = "30 proven digits" if balls is not None else f"{DIGITS[0]} and in {DIGITS[1]} digits"
    where = f"{agreed} random point{'s' * (agreed > 1)} in {digits}"
    effort = Effort()
    if vanishes(claim, effort):
        reason = f"the difference simplifies to 0 ({assumptions}); both sides agree at {where}"
        return Proof("proved", reason, assumptions, agreed)
    from microgrid.derivations.pieces import border_told  # which needs SymPy

    pieces = vanishing_pieces(claim, effort)
    if pieces is None:
        reason = effort.stopped or obstacle(claim) or "SymPy did not simplify the difference to 0"
        return Proof("undecided", f"{reason}; but both sides agree at {where}", assumptions, agreed)
    unseen, difference = on_borders(claim, balls, pieces.symbols, pieces.borders)
    simplified = f"the difference simplifies to 0 {pieces.told()} ({assumptions})"
    if difference is not None:
        return _differing("undecided", f"{simplified}, but {_told(claim, difference)}", claim, agreed, difference)
    outside = f", apart from where {_enumerated([border_told(border) for border in unseen])}" if unseen else ""
    return Proof("proved", f"{simplified}{outside}; both sides agree at {where}", assumptions, agreed)


def _differing(verdict: _Verdict, reason: str, claim: Claim, agreed: int, at: Difference) -> Proof:
    point = {claim.names[node]: x for node, x in at.point.items()}
    return Proof(verdict, reason, _assumptions(claim), agreed, point, at.values)


def _told(claim: Claim, difference: Difference) -> str:
    where = ", ".join([f"{claim.names[node]} = {x!r}" for node, x in difference.point.items()]) or "every point"
    return f"at {where} the two sides are {difference.values[0]!r} and {difference.values[1]!r}"


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


def _assumptions(claim: Claim) -> str:
    real = [name for node, name in claim.names.items() if node not in claim.positive]
    signed = [name for node, name in claim.names.items() if node in claim.positive]
    parts = [f"{_enumerated(some)} {kind}" for some, kind in ((real, "real"), (signed, "positive")) if some]
    return ", ".join(parts) or "no symbols"


def _enumerated(names: Sequence[str], most: int = 12) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
