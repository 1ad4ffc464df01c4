"""Re-roll a loss that was recorded as a loop over samples into one row kernel.

A loss recorded as a loop over 569 samples is a graph in which one structure stands 569 times, with other constants:
compiled as it stands, 569 times as much code. Here the repeated structure is found. Samples may have numbers in common,
and so nodes in common in a program: a node that only some samples use is copied to each of them, and a repeated
sample becomes repeated rows.

The graph is cut in three. What several samples use, such as a transformed weight, is computed *before*. Each group of
terms of one structure is a program of its own, of the inputs, of what was computed before, and of the constants in
which the terms differ: its *rows*. The outputs are computed from their sums *after*.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from microgrid.core.rule import Rule
from microgrid.core.rules import RULES
from microgrid.program.lowering import Columns
from microgrid.program.program import Program

__all__ = ["Group", "Rolled", "roll"]

_FEWEST = 16  # terms of one structure that are worth a kernel
_COPIED = 64  # nodes that may be copied to each term that uses them
_ADDITIONS = (RULES["add"], RULES["sum"])


@dataclass(frozen=True, slots=True)
class Group:
    """Terms of one structure."""

    program: Program  # of one term; its inputs are those of Rolled.before, its outputs, and the constants that differ
    rows: list[list[float]]  # for each constant that differs, what it is in each term


@dataclass(frozen=True, slots=True)
class Rolled:
    """A program cut in three."""

    before: Program | None  # of the inputs: what several terms use; None if that is inputs alone
    groups: list[Group]  # the sums
    after: Program  # of the inputs, of what was computed before, and of the groups' sums: the outputs


def roll(program: Program) -> Rolled | None:
    """Find a sum over samples in a program, recorded with or without sharing; None if nothing is repeated often enough.

    >>> from microgrid import Value, exp, sum
    >>> w = Value(0.5, name="w")
    >>> graph = sum([exp(w * float(k)) for k in range(100)])
    >>> rolled = roll(Program.record([graph], [w]))
    >>> rolled.groups[0].program, [len(column) for column in rolled.groups[0].rows]
    (<program of 2 inputs, 0 constants, 2 nodes and 1 output>, [100])
    """
    found = _Search(program)
    groups = [group for group in found.groups() if len(group) >= _FEWEST and found.differ(group)]
    return _Cut(found, groups).rolled() if groups else None


class _Search:
    """The terms of a program's sums, and what each of them is made of."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.first = program.first_node
        self.uses = self._uses()
        self.times: dict[int, int] = {}
        self.terms = list(self._terms())
        self.given = self._given()

    def rule(self, slot: int) -> Rule:
        """A node's rule."""
        return self.program.rules[self.program.ops[slot - self.first]]

    def operands(self, slot: int) -> Sequence[int]:
        """The slots of a node's operands."""
        node, starts = slot - self.first, self.program.starts
        return self.program.operands[starts[node] : starts[node + 1]]

    def is_constant(self, slot: int) -> bool:
        """Whether a slot holds a constant."""
        return len(self.program.inputs) <= slot < self.first

    def _uses(self) -> list[int]:
        uses = [0] * (self.first + len(self.program.ops))
        for slot in (*self.program.operands, *self.program.outputs):
            uses[slot] += 1
        return uses

    def _is_addition(self, slot: int) -> bool:
        return slot >= self.first and self.rule(slot) in _ADDITIONS

    def _terms(self) -> Iterator[tuple[int, int]]:
        """Each term of a sum of many, beside the sum. Sums within the terms of another one are left alone."""
        covered: set[int] = set()
        for root in range(self.first + len(self.program.ops) - 1, self.first - 1, -1):
            if root in covered or not self._is_addition(root):
                continue
            additions, terms = self._added(root)
            covered |= additions
            if sum(terms.values()) >= _FEWEST:
                self.times |= terms
                self._cover(terms, covered)
                yield from [(root, term) for term in terms]

    def _added(self, root: int) -> tuple[set[int], dict[int, int]]:
        """The additions of one sum that nothing else uses, and what is added and not used otherwise: how many times."""
        additions, terms, waiting = set(), Counter[int](), list(self.operands(root))
        while waiting:
            slot = waiting.pop()
            if slot < self.first:
                continue
            if not self._is_addition(slot):
                terms[slot] += 1
            elif self.uses[slot] == 1:
                additions.add(slot)
                waiting += self.operands(slot)
        return additions, {term: times for term, times in terms.items() if times == self.uses[term]}

    def _cover(self, terms: Iterable[int], covered: set[int]) -> None:
        waiting = list(terms)
        while waiting:
            slot = waiting.pop()
            if slot >= self.first and slot not in covered:
                covered.add(slot)
                waiting += self.operands(slot)

    def _given(self) -> set[int]:
        """What terms find computed: what all terms of a sum use, what is an output, and what is too large to copy."""
        of_sum = Counter([root for root, _ in self.terms])
        owner: dict[int, tuple[int, int]] = {}
        users = Counter[int]()
        for root, term in self.terms:
            waiting, seen = [term], set[int]()
            while waiting:
                slot = waiting.pop()
                if slot < self.first or slot in seen:
                    continue
                seen.add(slot)
                users[slot] += 1
                if slot not in owner:  # what another term led to has been gone through
                    owner[slot] = root, term
                    waiting += self.operands(slot)
        common = {slot for slot, count in users.items() if count > 1}
        used_by_all = {slot for slot in common if users[slot] >= of_sum[owner[slot][0]]}
        outputs = {slot for slot in self.program.outputs if slot in owner}
        return used_by_all | outputs | {slot for slot in common if self._is_large(slot)}

    def _is_large(self, slot: int) -> bool:
        waiting, seen = [slot], set[int]()
        while waiting and len(seen) <= _COPIED:
            here = waiting.pop()
            if here >= self.first and here not in seen:
                seen.add(here)
                waiting += self.operands(here)
        return len(seen) > _COPIED

    def body(self, term: int) -> tuple[list[int], tuple[object, ...], list[int]]:
        """A term's own nodes in order, its structure, and the constants in it."""
        places: dict[int, int] = {}
        nodes: list[int] = []
        constants: list[int] = []
        structure: list[object] = []
        waiting = [(term, False)]
        while waiting:
            slot, is_ready = waiting.pop()
            if slot in places or slot < self.first or slot in self.given:
                continue
            if not is_ready:
                waiting.append((slot, True))
                waiting += [(operand, False) for operand in reversed(self.operands(slot))]
                continue
            structure.append(self.rule(slot))
            structure += [self._code(operand, places, constants) for operand in self.operands(slot)]
            places[slot] = len(nodes)
            nodes.append(slot)
        return nodes, tuple(structure), constants

    def _code(self, operand: int, places: dict[int, int], constants: list[int]) -> tuple[str, int]:
        if operand in places:
            return "node", places[operand]
        if self.is_constant(operand):
            constants.append(operand)
            return "constant", len(constants)
        return "given", operand

    def groups(self) -> list[list[tuple[int, list[int], list[int]]]]:
        """Terms of one sum and one structure together: each with its nodes and its constants."""
        found: dict[tuple[int, tuple[object, ...]], list[tuple[int, list[int], list[int]]]] = {}
        for root, term in self.terms:
            if term not in self.given:
                nodes, structure, constants = self.body(term)
                found.setdefault((root, structure), []).extend([(term, nodes, constants)] * self.times[term])
        return list(found.values())

    def differ(self, group: list[tuple[int, list[int], list[int]]]) -> bool:
        """Whether the terms differ in any constant: otherwise there are no rows."""
        numbers, first = self.program.constants, len(self.program.inputs)
        return any(
            [
                not _same(numbers[a - first], numbers[b - first])
                for one, two in pairwise(group)
                for a, b in zip(one[2], two[2], strict=True)
            ]
        )


def _same(one: float, other: float) -> bool:
    """Whether two constants are one number, the sign of zero included."""
    return one == other and math.copysign(1.0, one) == math.copysign(1.0, other)


class _Cut:
    """The three parts, written anew."""

    def __init__(self, found: _Search, groups: list[list[tuple[int, list[int], list[int]]]]) -> None:
        self.found, self.groups = found, groups
        self.rolled_terms = {term: place for place, group in enumerate(groups) for term, _, _ in group}
        nodes = {node for group in groups for _, own, _ in group for node in own}
        self.given = sorted({operand for node in nodes for operand in found.operands(node)} & found.given)

    def rolled(self) -> Rolled:
        """All of them."""
        program = self.found.program
        writing = _Writing(self.found, program.inputs, range(len(program.inputs)))
        before = writing.program(self.given) if self.given else None
        names = [*program.inputs, *[f"before[{place}]" for place in range(len(self.given))]]
        slots = [*range(len(program.inputs)), *self.given]
        groups = [self._group(group, names, slots) for group in self.groups]
        return Rolled(before, groups, self._after(names, slots))

    def _group(self, group: list[tuple[int, list[int], list[int]]], names: list[str], slots: list[int]) -> Group:
        """One term's program. Constants that are the same in every term stay constants."""
        numbers = self.found.program.constants
        first = len(self.found.program.inputs)
        term, _, constants = group[0]
        columns = [[numbers[of[place] - first] for _, _, of in group] for place in range(len(constants))]
        differing = [place for place, column in enumerate(columns) if not all(map(_same, column, column[1:]))]
        kept = [columns[place] for place in differing]
        labels = [*names, *[f"row[{place}]" for place in range(len(kept))]]
        writing = _Writing(self.found, labels, slots)
        return Group(writing.program([term], differing), kept)

    def _after(self, names: list[str], slots: list[int]) -> Program:
        labels = [*names, *[f"sum[{place}]" for place in range(len(self.groups))]]
        writing = _Writing(self.found, labels, slots)
        for place in range(len(self.groups)):
            writing.sums[place] = len(slots) + place
        writing.rolled_terms = self.rolled_terms
        return writing.program(self.found.program.outputs)


class _Writing:
    """A part of a program as a program: the nodes that its outputs need, from slots that are given."""

    def __init__(self, found: _Search, names: Sequence[str], known: Iterable[int]) -> None:
        self.found, self.names = found, tuple(names)
        self.places = {slot: place for place, slot in enumerate(known)}
        self.given = len(self.places)
        self.sums: dict[int, int] = {}
        self.rolled_terms: dict[int, int] = {}
        self.constants: list[float] = []
        self.rules: dict[Rule, int] = {}
        self.nodes: list[tuple[Rule, list[tuple[str, int]]]] = []
        self.written: dict[int, tuple[str, int]] = {slot: ("input", place) for slot, place in self.places.items()}

    def program(self, outputs: Sequence[int], differing: Sequence[int] = ()) -> Program:
        """The program; ``differing`` are the occurrences of constants that become inputs, in order."""
        self.differing = {occurrence: self.given + place for place, occurrence in enumerate(differing)}
        self.occurrence = 0
        results = [self._write(output) for output in outputs]
        ops, starts, operands = array("H"), array("i", [0]), array("i")
        for rule, own in self.nodes:
            ops.append(self.rules.setdefault(rule, len(self.rules)))
            operands.extend([self._slot(code) for code in own])
            starts.append(len(operands))
        columns = Columns(
            array("d", self.constants), tuple(self.rules), ops, starts, operands, array("i", map(self._slot, results))
        )
        return Program(self.names, *columns)

    def _slot(self, code: tuple[str, int]) -> int:
        kind, place = code
        offset = {"input": 0, "constant": len(self.names), "node": len(self.names) + len(self.constants)}
        return offset[kind] + place

    def _write(self, output: int) -> tuple[str, int]:
        written, waiting = self.written, [(output, False)]
        while waiting:
            slot, is_ready = waiting.pop()
            if slot in written or slot < self.found.first:
                continue
            if not is_ready:
                waiting.append((slot, True))
                waiting += [(operand, False) for operand in reversed(self._remaining(slot))]
                continue
            written[slot] = self._node(slot, written)
        return written[output] if output in written else self._leaf(output, written)

    def _remaining(self, slot: int) -> list[int]:
        """A node's operands, without the terms that were rolled up."""
        return [operand for operand in self.found.operands(slot) if operand not in self.rolled_terms]

    def _node(self, slot: int, written: dict[int, tuple[str, int]]) -> tuple[str, int]:
        rule = self.found.rule(slot)
        remaining = self._remaining(slot)
        own = [self._leaf(operand, written) for operand in remaining]
        rolled = {self.rolled_terms[o] for o in self.found.operands(slot) if o in self.rolled_terms}
        own += [("input", self.sums.pop(place)) for place in sorted(rolled) if place in self.sums]
        if rolled:
            if len(own) == 1:
                return own[0]
            rule = RULES["sum"]  # an addition that has lost terms, or won a group's sum
        if not own:
            return self._constant(0.0)
        self.nodes.append((rule, own))
        return "node", len(self.nodes) - 1

    def _leaf(self, slot: int, written: dict[int, tuple[str, int]]) -> tuple[str, int]:
        if slot in written:
            return written[slot]
        occurrence, self.occurrence = self.occurrence, self.occurrence + 1
        if occurrence in self.differing:
            return "input", self.differing[occurrence]
        return self._constant(self.found.program.constants[slot - len(self.found.program.inputs)])

    def _constant(self, number: float) -> tuple[str, int]:
        self.constants.append(number)
        return "constant", len(self.constants) - 1
