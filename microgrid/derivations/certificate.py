"""``certify``: the value and the derivatives of a recorded graph with proven digits, or of a function over a region."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from microgrid._public import public
from microgrid.core.changes import check_unchanged
from microgrid.core.engine import Value
from microgrid.core.graph import dependents, pullback, topological_order
from microgrid.derivations.enclosures import (
    Enclosed,
    Enclosure,
    GraphInBalls,
    ball_module,
    enclosure_of,
    node_described,
)
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
    """

    value: Enclosure
    gradient: Mapping[str, Enclosure]
    hessian: Mapping[tuple[str, str], Enclosure] | None
    digits: int
    bits: int
    lost: str = ""
    kinks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.lost

    @property
    def enclosures(self) -> dict[str, Enclosure]:
        """Every enclosure by what it is of: ``f``, ``df/dx``, ``d²f/dx dy``."""
        first = {f"df/d{name}": one for name, one in self.gradient.items()}
        second = {f"d²f/d{one} d{other}": found for (one, other), found in (self.hessian or {}).items()}
        return {"f": self.value, **first, **second}

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
    return "" if one.recorded is None else f"{one.ulp:.3g} ulp" if one.ulp < 1e6 else f"{one.ulp:.1e} ulp"


def certify_value(value: Value, digits: int, wrt: Iterable[Value] | None, hessian: bool) -> Certificate:
    """The certificate of a recorded value."""
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 1:
        raise DataError(f"digits is a whole number from 1, not {digits!r}")
    order = topological_order(value)
    names = symbol_names(order)
    leaves = list(names) if wrt is None else list(wrt)
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not None:
            raise InvalidValueError(f"wrt has leaves of the graph, not {leaf!r}")
    balls = ball_module()
    check_unchanged(order)
    graph = GraphInBalls(value, leaves)
    for leaf in leaves:
        if not abs(leaf.data) < float("inf"):
            raise DataError(f"the leaf {leaf.name or ''} = {leaf.data!r} is not finite: an enclosure needs finite numbers")
    eager = pullback(value, wanted=order)
    recorded = [eager.get(leaf, 0.0) for leaf in leaves]
    numbers = [balls.ball(leaf.data) for leaf in leaves]
    bits, most = int(digits * _BITS_PER_DIGIT) + _SPARE, int(digits * _BITS_PER_DIGIT) + _MOST_BITS
    while True:
        with balls.working_precision(bits):
            enclosed = graph.differentiate(numbers)
            slopes = graph.gradient(enclosed)
            if not enclosed.values[graph.places[value]].is_finite():
                raise DataError(_nowhere(graph, enclosed))
            rows = graph.hessian(numbers) if hessian else []
            found = [enclosed.values[graph.places[value]], *slopes, *[one for row in rows for one in row]]
            short = any([one.is_finite() and one.rel_accuracy_bits() < digits * _BITS_PER_DIGIT for one in found])
            floats = [value.data, *recorded, *[None] * (len(found) - 1 - len(slopes))]
            enclosures = [enclosure_of(one, own, digits) for one, own in zip(found, floats, strict=True)]
            short = short or any([one.agreed_digits() < digits for one in enclosures if one.is_bounded])
            if not short or bits >= most:
                lost = _lost(graph, enclosed, digits) if short or not all([one.is_bounded for one in enclosures]) else ""
                break
        bits = min(2 * bits, most)
    labels = [names.get(leaf) or leaf.name or f"x{place}" for place, leaf in enumerate(leaves)]
    gradient = dict(zip(labels, enclosures[1 : 1 + len(labels)], strict=True))
    pairs = [(one, other) for one in labels for other in labels]
    seconds = dict(zip(pairs, enclosures[1 + len(labels) :], strict=True)) if hessian else None
    kinks = tuple([node_described(graph.order[place]) for place in sorted(enclosed.met)])
    return Certificate(enclosures[0], gradient, seconds, digits, bits, lost, kinks)


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


def certify(value, *, digits=17, wrt=None, hessian=False):
    return certify_value(value, digits, wrt, hessian)
