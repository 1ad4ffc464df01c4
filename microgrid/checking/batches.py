"""A recorded graph replayed in vectors: every node of one rule at once, and all derivatives in one pass.

The reference for a gradient of many coordinates costs one sweep here, and not one for each: the local derivatives of
all nodes come from the complex step of their values, one rule at a time, and the chain rule collects them. No rule's
own derivatives are used, except for nodes of many operands, whose derivatives are compared along random directions
first. What overflows, underflows or meets a pole is nan, and is left to the other references.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from microgrid.arithmetics.numpy import COMPLEX_COLUMNS, NUMPY
from microgrid.checking.differences import Estimate
from microgrid.checking.recordings import Recording
from microgrid.checking.references import FAINT, LONG_STEP, NOTHING, SAFETY, SMALLEST, STEP, Sweep, replay_estimate
from microgrid.core.rule import Rule

__all__ = ["sweep"]

_LANES = 4  # replays: the first one as recorded, in the others every result is perturbed by up to an ulp
_LARGE = 2000  # nodes of a graph that may be too deep: its levels too small for vectors to pay
_OVERHEAD = 20  # nodes in numbers of a coordinate's own replay that a level costs as much as
_MANY = 64  # operands beyond which a node is checked along directions
_SAME = 1e-13  # relative difference of a node's value between two libraries, and of sums along directions


@dataclass(frozen=True, slots=True)
class _Group:
    """Nodes of one rule: their positions, and those of their operands in rows, one for each node."""

    rule: Rule
    nodes: Any
    operands: Any


def sweep(recording: Recording, tol: float) -> Sweep:
    """A graph replayed in vectors; a local derivative agrees within the relative error ``tol``.

    Nothing is settled if the data of a node was changed since it was recorded, or if a user's operation takes single
    numbers only.
    """
    changes = [node.data != before == before for node, before in zip(recording.order, recording.data, strict=True)]
    if any(changes):
        return NOTHING
    with numpy.errstate(all="ignore"):
        try:
            return _Replay(recording, tol).sweep()
        except Exception:  # noqa: BLE001  # of any kind: a user's operation need not take arrays
            return NOTHING


class _Replay:
    """The arrays of a replay: values, local derivatives and adjoints, each in several lanes."""

    def __init__(self, recording: Recording, tol: float) -> None:
        self._recording, self._tol = recording, tol
        self._source = numpy.random.default_rng(len(recording.order))
        order, positions = recording.order, recording.positions
        counts = [len(node.parents) for node in order]
        self._starts = numpy.concatenate(([0], numpy.cumsum(counts, dtype=int)))
        self._operands = numpy.array([positions[parent] for node in order for parent in node.parents], dtype=int)
        self._partials = numpy.array([slope for node in order for slope in node.partials], dtype=float)
        self._data = numpy.array(recording.data)
        self._by_level = [self._group(*key[1:], nodes) for key, nodes in _sorted_groups(recording, counts)]
        is_deep = len(order) > _LARGE and len(self._by_level) * _OVERHEAD > len(order) * len(recording.inputs)
        self._has_gradient = not is_deep and all([group.rule.portable for group in self._by_level])

    def _group(self, rule: Rule, count: int, nodes: list[int]) -> _Group:
        places = numpy.array(nodes)
        edges = self._starts[places][:, None] + numpy.arange(count)
        return _Group(rule, places, self._operands[edges])

    def _edges(self, group: _Group) -> Any:
        return self._starts[group.nodes][:, None] + numpy.arange(group.operands.shape[1])

    def sweep(self) -> Sweep:
        """Values, local derivatives, adjoints."""
        values = self._values() if self._has_gradient else self._data[:, None]
        slopes = numpy.full((len(self._operands), values.shape[1]), math.nan)
        settled: set[int] = set()
        total = agreeing = 0
        for group in self._merged():
            total += len(group.nodes)
            if group.rule.portable:
                edges = self._edges(group)
                slopes[edges] = self._slopes(group, values)
                right = group.nodes[self._is_right(group, slopes[edges][..., 0])].tolist()
                agreeing += len(right)
                settled.update(right if not group.rule.kinks else ())
        if not self._has_gradient:
            return Sweep(settled, None, math.inf, is_confirmed=False, adds_up=self._adds_up())
        output = values[self._recording.positions[self._recording.output]]
        spread = SAFETY * float(numpy.max(numpy.abs(output[1:] - output[0])))
        return Sweep(settled, self._gradient(slopes), spread, agreeing == total, self._adds_up())

    def _merged(self) -> Iterator[_Group]:
        """The groups of all levels together."""
        found: dict[tuple[Rule, int], list[_Group]] = {}
        for group in self._by_level:
            found.setdefault((group.rule, group.operands.shape[1]), []).append(group)
        for (rule, _), groups in found.items():
            nodes = numpy.concatenate([group.nodes for group in groups])
            yield _Group(rule, nodes, numpy.concatenate([group.operands for group in groups]))

    def _values(self) -> Any:
        """Every node's value in each lane."""
        values = numpy.repeat(self._data[:, None], _LANES, axis=1)
        for group in self._by_level:
            operands = numpy.moveaxis(values[group.operands], 1, 0)
            values[group.nodes, 1:] = self._jittered(NUMPY.bind(group.rule)[0](*operands[..., 1:]))
        return values

    def _jittered(self, numbers: Any) -> Any:
        """Numbers perturbed by up to an ulp; an exact 0 may be structural."""
        ulps = self._source.uniform(-1.0, 1.0, numpy.shape(numbers))
        return numbers + (numbers != 0.0) * (numbers * ulps * 2.0**-52 + ulps * SMALLEST)

    # ---- local derivatives ------------------------------------------------------------------------------------

    def _slopes(self, group: _Group, values: Any) -> Any:
        """The local derivatives of a group, of the shape (nodes, operands, lanes); nan where there is no reference."""
        operands = numpy.moveaxis(values[group.operands], 1, 0)
        if len(operands) > _MANY:
            return self._slopes_of_many(group, operands)
        slopes = numpy.empty((*group.operands.shape, values.shape[1]))
        for index in range(len(operands)):
            is_constant = group.rule.arity is not None and group.rule.regions[index].constant
            slopes[:, index] = 0.0 if is_constant else _complex_step(group.rule, operands, index)
        slopes[..., 1:] = self._jittered(slopes[..., 1:])
        return slopes

    def _slopes_of_many(self, group: _Group, operands: Any) -> Any:
        """The rule's own derivatives, where they agree with complex steps along two directions; nan elsewhere."""
        value, partials = NUMPY.bind(group.rule)
        own = numpy.stack(
            [numpy.broadcast_to(one, operands.shape[1:]) for one in partials(value(*operands), *operands)]
        )
        recorded = self._partials[self._edges(group)].T
        agrees = numpy.ones(operands.shape[1], dtype=bool)
        for _ in range(2):
            steps = self._source.choice((-1.0, 1.0), recorded.shape) * self._source.uniform(1.0, 2.0, recorded.shape)
            steps = steps * STEP * numpy.where(operands[..., 0], abs(operands[..., 0]), 1.0)
            found = numpy.imag(COMPLEX_COLUMNS.bind(group.rule)[0](*(operands[..., 0] + 1j * steps)))
            products = recorded * steps
            agrees &= abs(products.sum(axis=0) - found) <= _SAME * len(recorded) * abs(products).max(axis=0)
        own[..., 0] = recorded
        own[:, ~agrees] = math.nan
        return numpy.moveaxis(own, 0, 1)

    def _is_right(self, group: _Group, slopes: Any) -> Any:
        """Which nodes of a group are right: their value is the rule's, and their derivatives agree."""
        data, recorded = self._data[group.nodes], self._partials[self._edges(group)]
        fresh = NUMPY.bind(group.rule)[0](*self._data[group.operands].T)
        is_fresh = abs(fresh - data) <= _SAME * abs(data)
        size = numpy.maximum(abs(recorded), abs(slopes))
        gap = abs(recorded - slopes)
        return is_fresh & numpy.isfinite(data) & (gap <= self._tol * size + SMALLEST).all(axis=1)

    # ---- the chain rule -----------------------------------------------------------------------------------------

    def _adds_up(self) -> bool:
        adjoints = numpy.array(self._recording.adjoints)
        shares = self._partials * numpy.repeat(adjoints, numpy.diff(self._starts))
        sums, sizes, counts = numpy.zeros((3, len(adjoints)))
        sums[self._recording.positions[self._recording.output]] = 1.0
        numpy.add.at(sums, self._operands, shares)
        numpy.add.at(sizes, self._operands, abs(shares))
        numpy.add.at(counts, self._operands, 1.0)
        return bool(((abs(adjoints - sums) <= 2.0**-51 * (counts + 1.0) * sizes) | (adjoints == sums)).all())

    def _gradient(self, slopes: Any) -> list[Estimate]:
        recording = self._recording
        adjoints = numpy.zeros((len(recording.order), _LANES))
        adjoints[recording.positions[recording.output]] = 1.0
        for group in reversed(self._by_level):
            local, incoming = slopes[self._edges(group)], adjoints[group.nodes][:, None, :]
            shares = local * incoming
            shares[(abs(shares) < FAINT) & (local != 0.0) & (incoming != 0.0)] = math.nan
            numpy.add.at(adjoints, group.operands, shares)
        still = numpy.zeros(_LANES)
        rows = [adjoints[recording.positions[x]] if x in recording.positions else still for x in recording.inputs]
        return [replay_estimate(*row.tolist()) for row in rows]


def _sorted_groups(recording: Recording, counts: list[int]) -> list[tuple[tuple[int, Rule, int], list[int]]]:
    """The positions of nodes by level, rule and number of operands; operands are on lower levels."""
    levels: dict[Any, int] = {}
    found: dict[tuple[int, Rule, int], list[int]] = {}
    for place, (node, count) in enumerate(zip(recording.order, counts, strict=True)):
        if node.op is None:
            levels[node] = 0
            continue
        level = levels[node] = 1 + max([levels[parent] for parent in node.parents], default=0)
        found.setdefault((level, node.op, count), []).append(place)
    return sorted(found.items(), key=lambda one: one[0][0])


def _complex_step(rule: Rule, operands: Any, index: int) -> Any:
    """The derivatives with respect to one operand, of the shape of one operand; nan where digits are lost."""
    value, _ = COMPLEX_COLUMNS.bind(rule)
    unit = numpy.where(operands[index], abs(operands[index]), 1.0)

    def imaginary(relative: float) -> Any:
        moved = [one + 1j * relative * unit if place == index else one for place, one in enumerate(operands)]
        return numpy.broadcast_to(numpy.imag(value(*moved)), unit.shape)

    found = imaginary(STEP)
    is_clear = (abs(found) > FAINT) & numpy.isfinite(found)
    slopes = numpy.where(is_clear, found / (STEP * unit), math.nan)
    if (found == 0.0).any():
        slopes[(found == 0.0) & (imaginary(LONG_STEP) == 0.0)] = 0.0
    return slopes
