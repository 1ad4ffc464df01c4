"""An operation on whole arrays as a node, and the sweeps over such nodes; what NumPy sees of them is in ``whole``."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy

from microgrid.arithmetics.numpy import NUMPY
from microgrid.arrays.operations import Apply, Operation, Where, numbers_of, run
from microgrid.core.arithmetic import Arithmetic
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.rule import Pair, Rule
from microgrid.core.rules import EVERY_RULE, RULES
from microgrid.core.source import Infix

__all__ = ["TRACED", "Gather", "Traced", "ancestors", "apply", "derivatives", "pulled_back", "recorded_derivatives"]

_serial = itertools.count()
_OPERATORS = {"+": RULES["add"], "-": RULES["sub"], "*": RULES["mul"], "/": RULES["div"]}
_GENERAL = {rule.constant_form: name for name, rule in RULES.items() if rule.constant_form}


class Gather(Operation):
    """An array of Values and plain numbers, from which whole arrays are computed."""

    __slots__ = ("objects",)

    def __init__(self, objects: Any) -> None:
        self.objects = objects


class Traced(Infix):
    """A node whose number is an array."""

    __array_ufunc__: Any = None  # an array leaves operators with a node to the node

    def __init__(self, operation: Operation, operands: tuple[Any, ...], numbers: Any) -> None:
        self.operation, self.operands, self.numbers = operation, operands, numpy.asarray(numbers)
        self.serial = next(_serial)  # operands have smaller ones
        self.recorded: Any = operation.objects if isinstance(operation, Gather) else None

    @property
    def arithmetic(self) -> Arithmetic:
        """The number system that these nodes are."""
        return TRACED

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        shape: tuple[int, ...] = self.numbers.shape
        return shape

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    def record_operation(self, operation: Operation, *operands: Any) -> Any:
        """An operation on this node and others."""
        with numpy.errstate(all="ignore"):
            return Traced(operation, operands, operation.value(*map(numbers_of, operands)))

    @property
    def objects(self) -> Any:
        """A plain array of the elements as Values, recorded one by one when they are first asked for."""
        if self.recorded is None:
            for node in ancestors(self):
                node.record_elements()
        return self.recorded

    def record_elements(self) -> None:
        """Record each element from those of the operands, which are recorded."""
        if self.recorded is not None:
            return
        operands = [one.recorded if isinstance(one, Traced) else one for one in self.operands]
        if isinstance(self.operation, Apply):
            name = self.operation.rule.name
            function = FUNCTIONS[_GENERAL.get(name, name)]
            found = numpy.frompyfunc(lambda *elements: function(*elements), len(operands), 1)(*operands)
        else:
            found = self.operation.of_objects(*[numpy.asarray(one, dtype=object) for one in operands])
        self.recorded = numpy.empty(self.shape, dtype=object)
        self.recorded[...] = found

    # ---- as a number of an arithmetic ---------------------------------------------------------------------------

    def infix(self, operator: str, left: Any, right: Any) -> Any:
        """One of the four operators, by its rule."""
        return apply(_OPERATORS[operator], left, right)

    def __neg__(self) -> Any:
        return apply(RULES["neg"], self)


def apply(rule: Rule, *operands: Any) -> Any:
    """A rule on nodes and plain arrays: a node, or a plain array if there is no node."""
    if rule.constant_form and not isinstance(operands[-1], Traced):
        rule = RULES[rule.constant_form]
    return run(Apply(rule), *operands)


class _TracedArithmetic(Arithmetic):
    """Whole arrays as numbers: what the rules compute is recorded, so that a derivative has derivatives."""

    def __init__(self) -> None:
        super().__init__("whole arrays", pi=NUMPY.pi, inf=NUMPY.inf)
        for name in ("less", "less_equal", "equal"):
            setattr(self, name, lambda *sides, _name=name: getattr(NUMPY, _name)(*map(numbers_of, sides)))

    def where(self, truth: Any, then: Any, otherwise: Any) -> Any:
        """One of two, by truths that are known."""
        return run(Where(truth), then, otherwise)

    def bind(self, rule: Rule) -> Pair:
        if rule.arity is None:
            return super().bind(rule)
        return functools.partial(apply, rule), super().bind(rule)[1]

    def __getattr__(self, name: str) -> Any:
        if name in EVERY_RULE:
            rule = EVERY_RULE[name]
            return self.bind(rule)[0] if rule.arity is None else functools.partial(apply, rule)
        raise AttributeError(name)


TRACED = _TracedArithmetic()


# ---- sweeps ---------------------------------------------------------------------------------------------------


def ancestors(*roots: Traced) -> list[Traced]:
    """Every node that the roots depend on, operands first."""
    found: dict[int, Traced] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.serial not in found:
            found[node.serial] = node
            stack += [one for one in node.operands if isinstance(one, Traced)]
    return [found[serial] for serial in sorted(found)]


def _sweep(root: Traced, seed: Any) -> dict[Traced, Any]:
    """The gathers that a node depends on, with their cotangents: plain arrays, or nodes if the seed is one."""
    order, is_recorded = ancestors(root), isinstance(seed, Traced)
    cotangents: dict[int, Any] = {root.serial: seed}
    live: dict[int, Any] = {root.serial: None}
    for node in reversed(order):
        if node.serial not in cotangents or isinstance(node.operation, Gather):
            continue
        cotangent, reached = cotangents[node.serial], live[node.serial]
        numbers = tuple([numbers_of(one) for one in node.operands])
        operands, out = (node.operands, node) if is_recorded else (numbers, node.numbers)
        places = [place for place, one in enumerate(node.operands) if isinstance(one, Traced)]
        shares = node.operation.pulls(cotangent, out, operands, places)
        for place, share in zip(places, shares, strict=True):
            if share is None:
                continue
            there = node.operation.reached(reached, node.numbers, numbers, place)
            if there is not None:
                if not there.any():
                    continue
                share = run(Where(there), share, 0.0)  # 0·inf of a branch that wasn't taken
            serial = node.operands[place].serial
            if serial in cotangents:
                cotangents[serial] = cotangents[serial] + share
                live[serial] = None if there is None or live[serial] is None else live[serial] | there
            else:
                cotangents[serial], live[serial] = share, there
    gathers = [node for node in order if node.serial in cotangents and isinstance(node.operation, Gather)]
    return {node: cotangents[node.serial] for node in gathers}


def derivatives(root: Traced) -> dict[Value, float]:
    """The derivatives of a single number with respect to the Values that went into its arrays."""
    found: dict[Value, float] = {}
    with numpy.errstate(all="ignore"):
        for node, cotangent in _sweep(root, numpy.ones(root.shape)).items():
            slopes = numpy.broadcast_to(cotangent, node.shape).ravel().tolist()
            for one, slope in zip(node.objects.ravel().tolist(), slopes, strict=True):
                if isinstance(one, Value) and not one.is_constant:
                    found[one] = found[one] + slope if one in found else slope
    return found


def recorded_derivatives(root: Traced, start: Traced) -> Any:
    """The derivatives of a single number with respect to the array that everything begins from, as a node."""
    with numpy.errstate(all="ignore"):
        return _sweep(root, Traced(Gather(numpy.array(1.0, dtype=object)), (), 1.0)).get(start)


def pulled_back(root: Traced, start: Traced, seeds: Any) -> Any:
    """Vectors times the Jacobian of an array."""
    with numpy.errstate(all="ignore"):
        rows = [_sweep(root, seed).get(start, numpy.zeros(start.shape)) for seed in seeds]
    return numpy.array(rows).reshape(len(seeds), *start.shape)
