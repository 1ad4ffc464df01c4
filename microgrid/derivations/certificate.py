"""``certify``: the value and the derivatives of a recorded graph with proven digits, or of a function over a region."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from microgrid._public import public
from microgrid.core.changes import check_unchanged
from microgrid.core.engine import Value
from microgrid.core.graph import pullback, topological_order
from microgrid.core.strictness import described
from microgrid.derivations.enclosures import (
    Enclosed,
    Enclosure,
    GraphInBalls,
    ball_module,
    enclosure_of,
    node_described,
    outward,
)
from microgrid.derivations.regions import RegionCertificate, certify_region
from microgrid.errors import DataError, InvalidValueError
from microgrid.formulas.names import symbol_names
from microgrid.util.tables import table

__all__ = ["Certificate", "certify"]

_BITS_PER_DIGIT = 3.33
_SPARE = 24  # bits that the first attempt has beyond the digits
_MOST_BITS = 4096  # of precision, beyond what the digits need, that cancellation may cost


@public()
@dataclass(frozen=True, slots=True)
class Certificate:
    """The value and the derivatives of a recorded graph, as proven enclosures at the exact numbers in its leaves.

    Parameters
    ----------
    value : Enclosure
        The value.
    gradient : dict
        The derivative with respect to each leaf, by name.
    hessian : dict or None
        The second derivatives by pairs of names, if they were asked for.
    digits : int
        How many digits were asked for.
    bits : int
        The working precision that was enough, or the last that was tried.
    lost : str
        Which node loses the digits that can't be had; empty if all are there.
    kinks : tuple of str
        The nodes that lie on a kink: derivatives there are what the rule table's convention says, no limits.
    name : str
        What the value is called.
    """

    value: Enclosure
    gradient: Mapping[str, Enclosure]
    hessian: Mapping[tuple[str, str], Enclosure] | None
    digits: int
    bits: int
    lost: str = ""
    kinks: tuple[str, ...] = ()
    name: str = "f"

    def __bool__(self) -> bool:
        return not self.lost

    @property
    def enclosures(self) -> dict[str, Enclosure]:
        """Every enclosure by what it is of: ``f``, ``df/dx``, ``d²f/dx dy``."""
        first = {f"d{self.name}/d{name}": one for name, one in self.gradient.items()}
        second = {f"d²{self.name}/d{one} d{other}": found for (one, other), found in (self.hessian or {}).items()}
        return {self.name: self.value, **first, **second}

    @property
    def ulp(self) -> float:
        """The largest proven error of a recorded float, in ulp: of the value and of the gradient."""
        return max([one.ulp for one in (self.value, *self.gradient.values())])

    def __str__(self) -> str:
        rows = [(name, str(one), _told_error(one)) for name, one in self.enclosures.items()]
        lines = [table(("", "proven digits", "floats are off by at most"), rows, "<<>")]
        lines += [f"not all of {self.digits} digits: {self.lost}"] if self.lost else []
        lines += [f"on a kink: {kink}" for kink in self.kinks]
        return "\n".join(lines)


def _told_error(one: Enclosure) -> str:
    return "" if one.recorded is None else f"{outward(one.ulp, 1, 3)} ulp"


def _certify_value(value: Value, digits: int, wrt: Iterable[Value] | None, hessian: bool) -> Certificate:
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 1:
        raise DataError(f"digits is a whole number from 1, not {digits!r}")
    balls = ball_module()
    order = topological_order(value)
    names = symbol_names(order)
    leaves = _leaves(order, names if wrt is None else wrt)
    check_unchanged(order)
    graph = GraphInBalls(value, leaves, order=order)
    needed = int(digits * _BITS_PER_DIGIT)
    bits = needed + _SPARE
    found = _enclosed(graph, digits, bits, hessian)
    while found.is_short and bits < needed + _MOST_BITS:
        bits = min(2 * bits, needed + _MOST_BITS)
        found = _enclosed(graph, digits, bits, hessian)
    if not found.enclosures[0].is_bounded:
        with balls.working_precision(bits):
            raise DataError(_nowhere(graph, found.run))
    eager = pullback(value, wanted=leaves, order=order)
    recorded = [value.data, *[eager.get(leaf, 0.0) for leaf in leaves]]
    first = [replace(one, recorded=own) for one, own in zip(found.enclosures, recorded, strict=False)]
    labels = [names.get(leaf) or leaf.name or f"x{place}" for place, leaf in enumerate(leaves)]
    pairs = [(one, other) for one in labels for other in labels]
    return Certificate(
        first[0],
        dict(zip(labels, first[1:], strict=True)),
        dict(zip(pairs, found.enclosures[len(first) :], strict=True)) if hessian else None,
        digits,
        bits,
        _lost(graph, found.run, digits) if found.is_short else "",
        tuple([node_described(graph.order[place]) for place in sorted(found.run.met)]),
        value.name or "f",
    )


def _leaves(order: Sequence[Value], chosen: Iterable[Value]) -> list[Value]:
    leaves, known = list(chosen), set(order)
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not None:
            raise InvalidValueError(f"wrt has leaves of the graph, not {leaf!r}")
        if not math.isfinite(leaf.data):
            raise DataError(f"the leaf {described(leaf)} is not finite, and an enclosure starts from finite numbers")
        if leaf not in known:
            raise DataError(f"wrt has {described(leaf)}, which is no leaf of the graph")
    return leaves


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The enclosures at one precision: of the value, the gradient and the Hessian, row by row."""

    run: Enclosed
    enclosures: list[Enclosure]
    is_short: bool  # of digits, or of a bound: more precision may help


def _enclosed(graph: GraphInBalls, digits: int, bits: int, hessian: bool) -> _Attempt:
    balls = ball_module()
    with balls.working_precision(bits):
        numbers = [balls.ball(leaf.data) for leaf in graph.inputs]
        run = graph.differentiate(numbers)
        found = [run.values[graph.places[graph.output]], *graph.gradient(run)]
        found += [one for row in (graph.hessian(numbers) if hessian else []) for one in row]
        enclosures = [enclosure_of(one, digits=digits) for one in found]
    return _Attempt(run, enclosures, any([one.agreed_digits() < digits for one in enclosures]))


def _nowhere(graph: GraphInBalls, enclosed: Enclosed) -> str:
    node = graph.first_not_finite(enclosed.values)
    assert node is not None  # the output itself is not finite
    domain = f", which is defined for {node.op.domain}" if node.op is not None and node.op.domain else ""
    return f"no finite value can be proven: {node_described(node)}{domain}"


def _lost(graph: GraphInBalls, enclosed: Enclosed, digits: int) -> str:
    """Which node has too few digits though its operands have them: in the values first, and then in the adjoints."""
    needed = digits * _BITS_PER_DIGIT
    for place, node in enumerate(graph.order):
        if enclosed.values[place].rel_accuracy_bits() < needed:
            jump = ", on a jump" if enclosed.met.get(place) == ball_module().JUMP else ""
            return f"they are lost in {node_described(node)}{jump}, {enclosure_of(enclosed.values[place])}"
    for place in range(len(graph.order) - 1, -1, -1):
        adjoint = enclosed.adjoints[place]
        if adjoint is not None and adjoint.rel_accuracy_bits() < needed:
            told = "is not bounded" if not adjoint.is_finite() else f"is {enclosure_of(adjoint)}"
            return f"the derivative with respect to {node_described(graph.order[place])} {told}"
    return "the derivatives of second order cancel"


@overload
def certify(
    f: Value, *, digits: int = 17, wrt: Iterable[Value] | None = None, hessian: bool = False
) -> Certificate: ...
@overload
def certify(
    f: Callable[..., Any], region: Any, *, budget: int = 2_000_000, progress: bool | None = None
) -> RegionCertificate: ...
@public()
def certify(
    f: Any,
    region: Any = None,
    *,
    digits: int = 17,
    wrt: Iterable[Value] | None = None,
    hessian: bool = False,
    budget: int = 2_000_000,
    progress: bool | None = None,
) -> Certificate | RegionCertificate:
    """Prove digits of a recorded value and of its derivatives, or bounds on a function over a whole region.

    Everything is computed in balls that enclose the exact result (Arb: F. Johansson, IEEE Transactions on Computers 66,
    2017), by the rule table. Leaves and constants count as the exact numbers that their floats are.

    Parameters
    ----------
    f : Value or callable
        A recorded value; or, with a region, a function of Values that returns one number.
    region : object, optional
        The arguments of ``f``: one argument, a tuple of them in order, or a dict by name. An ``Interval`` in the place
        of a number is a coordinate; other numbers stay as they are.
    digits : int, default 17
        How many significant digits of each number are wanted. The precision is doubled until they are there.
    wrt : iterable of Value, optional
        The leaves to differentiate with respect to; by default all that are no constants.
    hessian : bool, default False
        Whether second derivatives are wanted too.
    budget : int, default 2,000,000
        Over a region: how many operations on balls may be spent, some hundred thousand a second.
    progress : bool, optional
        Over a region: whether a line of progress is shown; by default in terminals and notebooks, after a second.

    Returns
    -------
    Certificate or RegionCertificate
        True if everything that was asked is proven: all digits; a bound and the sign of each derivative. Otherwise it
        says what is proven, and what resists where.

    Raises
    ------
    DataError
        If the value has no finite enclosure, a leaf is not finite or was changed since, the region has no Interval, or
        f computes with numbers outside of its graph.
    OperationError
        If an operation of the user's own is written for floats alone.
    MissingPackageError
        Without python-flint.

    Examples
    --------
    >>> from microgrid import Interval, Value, certify, exp
    >>> x = Value(1e-9, name="x")
    >>> print(certify((1 + x) - 1, digits=20))
             proven digits             floats are off by at most
      -----  ------------------------  -------------------------
      f      1.0000000000000000623e-9                4.01e8 ulp
      df/dx  1                                             0 ulp
    >>> certificate = certify(lambda x: exp(x) * x, Interval(0.1, 2.0))
    >>> certificate.signs["x"], certificate.is_smooth
    ('positive', True)
    """
    if region is None:
        if not isinstance(f, Value):
            raise InvalidValueError(f"without a region, only a Value can be certified, not {f!r}")
        return _certify_value(f, digits, wrt, hessian)
    return certify_region(f, region, budget, progress)
