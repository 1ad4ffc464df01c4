"""Lower a recorded graph to flat columns of numbers, in plain Python; ``core/engine.c`` has the same, faster.

What a program of such columns is good for is told in ``program``. Nothing here recurses or knows an operation by name.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import engine
from microgrid.core.graph import topological_order
from microgrid.core.rule import Rule

__all__ = ["Columns", "flatten", "lower"]

Node = Any


class Columns(NamedTuple):
    """The columns of a program, as ``Program`` has them."""

    # the distinct ones that are used, in order of first use; a nan is the one positive quiet nan
    constants: array[float]
    rules: tuple[Rule, ...]  # the distinct ones, in order of first use
    ops: array[int]  # for each node, the place of its rule
    starts: array[int]  # for each node, where its operands begin, and at the end where the last node's end
    operands: array[int]  # slots, as of outputs: inputs come first, then constants, then nodes
    outputs: array[int]


def lower(outputs: Sequence[Node], inputs: Sequence[Node], share: bool) -> Columns:
    """The columns that ``flatten`` makes, by the engine in use where it has a quicker way to them: the same on each."""
    found = engine.columns(list(outputs), list(inputs), share)
    return flatten(outputs, inputs, share) if found is None else Columns(*found)


def flatten(outputs: Sequence[Node], inputs: Sequence[Node], share: bool) -> Columns:
    """The graph of the outputs as columns, with constants folded; no node is changed.

    Outputs are nodes of any kind, also one twice; inputs are distinct leaves. Every other leaf is a constant, and a
    node that depends on no input is evaluated by FLOAT at its leaves' data. If ``share``, nodes of one rule on the same
    operands become one.

    >>> from microgrid import Value, exp
    >>> x, two = Value(0.5), Value(2.0)
    >>> columns = flatten([exp(two * 0.5) * x], [x], True)
    >>> columns.constants.tolist(), columns.rules, columns.operands.tolist(), columns.outputs.tolist()
    ([2.718281828459045], (<rule mul>,), [1, 0], [2])
    """
    building = _Building(len(inputs), share)
    places = {leaf: place for place, leaf in enumerate(inputs)}
    for node in topological_order(*outputs):
        if node in places:
            continue
        if node.op is None:
            places[node] = building.constant(node.data)
        else:
            places[node] = building.node(node.op, tuple([places[parent] for parent in node.parents]))
    return building.finished([places[output] for output in outputs])


class _Building:
    """Columns that grow node by node.

    Until all constants are known, a slot is a *place*: below ``inputs`` an input, from there on a constant where the
    distance is even and a node where it is odd.
    """

    def __init__(self, inputs: int, share: bool) -> None:
        self.inputs, self.share = inputs, share
        self.numbers: list[float] = []
        self.rules: dict[Rule, int] = {}
        self.ops, self.starts = array("H"), array("i", [0])
        self.places: list[int] = []
        self._by_bits: dict[bytes, int] = {}
        self._by_content: dict[tuple[Rule, tuple[int, ...]], int] = {}

    def constant(self, number: float) -> int:
        """The place of a constant; equal bits have one."""
        number = math.nan if math.isnan(number) else number
        place = self._by_bits.setdefault(struct.pack("d", number), self.inputs + 2 * len(self.numbers))
        if place == self.inputs + 2 * len(self.numbers):
            self.numbers.append(number)
        return place

    def node(self, rule: Rule, places: tuple[int, ...]) -> int:
        """The place of a rule on operands: a constant's if all of them are constants."""
        if all([self._is_constant(place) for place in places]):
            value, _ = FLOAT.bind(rule)
            return self.constant(value(*[self.numbers[(place - self.inputs) // 2] for place in places]))
        if not self.share:
            return self._append(rule, places)
        if (rule, places) not in self._by_content:
            self._by_content[rule, places] = self._append(rule, places)
        return self._by_content[rule, places]

    def finished(self, outputs: list[int]) -> Columns:
        """The columns, with the constants that are used and with slots for places."""
        used = dict.fromkeys([place for place in (*self.places, *outputs) if self._is_constant(place)])
        constants = array("d", [self.numbers[(place - self.inputs) // 2] for place in used])
        slots = {place: self.inputs + index for index, place in enumerate(used)}
        first_node = self.inputs + len(constants)

        def slot(place: int) -> int:
            if place < self.inputs:
                return place
            return slots[place] if place in slots else first_node + (place - self.inputs) // 2

        operands = array("i", map(slot, self.places))
        return Columns(constants, tuple(self.rules), self.ops, self.starts, operands, array("i", map(slot, outputs)))

    def _is_constant(self, place: int) -> bool:
        return place >= self.inputs and (place - self.inputs) % 2 == 0

    def _append(self, rule: Rule, places: tuple[int, ...]) -> int:
        self.ops.append(self.rules.setdefault(rule, len(self.rules)))
        self.places += places
        self.starts.append(len(self.places))
        return self.inputs + 2 * len(self.ops) - 1
