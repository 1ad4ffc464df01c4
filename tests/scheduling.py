"""The interpreter's scheduling in plain Python, which a debugger can step through; its native routines must agree."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from microgrid.compiler.llvm.interpreter.schedule import CHAINED, MASKS, WIDE

__all__ = ["classify", "lay_out", "put_in_order"]


def classify(
    forms: Sequence[int], starts: Sequence[int], operands: Sequence[int], lists: Sequence[int], active: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Each node's kind, and for each slot whether its adjoint is wanted."""
    wanted, kinds = list(active[: len(active) - len(forms)]), []
    for node, form in enumerate(forms):
        own = [wanted[operand] for operand in operands[starts[node] : starts[node + 1]]]
        halves = [own[: len(own) // 2], own[len(own) // 2 :]] if lists[form] == 2 else [own, own]
        first, second = [int(any(half)) for half in halves]
        wanted.append(first | second)
        kinds.append(form * MASKS + (1 - first) + 2 * (1 - second))
    return kinds, wanted


class _Block:
    """Nodes that are put in order together: who waits for what, and who waits no more.

    A node waits for its operands in the block. Where the order of an adjoint's contributions matters, it waits for
    those that use the operand before it, and only the first of them waits for the operand itself.
    """

    def __init__(self, nodes: range, first: int, kinds: Any, starts: Any, operands: Any, in_turn: Any) -> None:
        self.first, self.kinds, self.starts, self.operands, self.in_turn = first, kinds, starts, operands, in_turn
        self.users: dict[int, list[int]] = {}  # for each operand the places where it stands
        self.owner: dict[int, int] = {}  # of each place, the node
        for node in nodes:
            for place in range(starts[node], starts[node + 1]):
                self.users.setdefault(operands[place], []).append(place)
                self.owner[place] = node
        self.next = {place: after for places in self.users.values() for place, after in itertools.pairwise(places)}
        self.missing = dict.fromkeys(nodes, 0)
        for operand, places in self.users.items():
            for told in self._told_by_operand(operand, places) if operand >= first + nodes.start else []:
                self.missing[told] += 1
            for place in places:
                for told in self._told_by_user(place):
                    self.missing[told] += 1
        self.queues: dict[int, deque[int]] = {}
        for node in nodes:
            if not self.missing[node]:
                self._stand(node)

    def _stand(self, node: int) -> None:
        self.queues.setdefault(self.kinds[node], deque()).append(node)

    def _told_by_operand(self, operand: int, places: list[int]) -> list[int]:
        return [self.owner[place] for place in (places[:1] if self.in_turn[operand] else places)]

    def _told_by_user(self, place: int) -> Iterator[int]:
        after = self.next.get(place)
        if after is not None and self.in_turn[self.operands[place]] and self.owner[after] != self.owner[place]:
            yield self.owner[after]

    def release(self, node: int) -> None:
        """Tell those that wait for a node that it is done, and who is next with its operands."""
        slot = self.first + node
        told = self._told_by_operand(slot, self.users.get(slot, []))
        for place in range(self.starts[node], self.starts[node + 1]):
            told += self._told_by_user(place)
        for other in told:
            self.missing[other] -= 1
            if not self.missing[other]:
                self._stand(other)

    def batch(self, shapes: Sequence[int]) -> Iterator[int]:
        """The nodes of the kind of which most are ready, of those the least kind."""
        kind = max(sorted(self.queues), key=lambda kind: len(self.queues[kind]))
        queue = self.queues[kind]
        left = len(queue) if shapes[kind] & 1 << WIDE else None  # one at a time may follow on the one just before
        while queue and left != 0:
            node = queue.popleft()
            yield node
            self.release(node)
            left = left and left - 1


def put_in_order(
    kinds: Any, starts: Any, operands: Any, shapes: Any, in_turn: Any, block: int
) -> tuple[list[int], list[int]]:
    """The nodes in the order of their batches, and where each batch ends."""
    order: list[int] = []
    ends: list[int] = []
    nodes = len(kinds)
    for begin in range(0, nodes, block):
        own = range(begin, min(begin + block, nodes))
        waiting = _Block(own, len(in_turn) - nodes, kinds, starts, operands, in_turn)
        while len(order) < own.stop:
            order += waiting.batch(shapes)
            ends.append(len(order))
    return order, ends


class _Layout:
    """The runs, the places of operands and of slots, as they are laid out."""

    def __init__(self, table: Any, starts: Any, operands: Any, first: int, nodes: int) -> None:
        self.table, self.starts, self.operands, self.first = table, starts, operands, first
        self.runs, self.laid = [[0, 0]], list[int]()
        self.places = [*range(first), *[-1] * nodes]
        self.here = first + 1
        self.before = -1  # the place of the last node, if it was done one at a time

    def own_operands(self, node: int) -> list[int]:
        """The slots of a node's operands."""
        return list(self.operands[self.starts[node] : self.starts[node + 1]])

    def put(self, node: int) -> None:
        """A node's operands, and its place."""
        self.laid += [self.places[operand] for operand in self.own_operands(node)]
        self.places[self.first + node] = self.here
        self.here += 1

    def put_wide(self, kind: int, nodes: list[int], width: int) -> int:
        """The nodes that fill registers, the last one at least by half; how many these are."""
        rest = len(nodes) % width
        filling = width - rest if 2 * rest >= width else 0
        done = len(nodes) if filling else len(nodes) - rest
        if not done:
            return 0
        self.runs.append([self.table.handlers[kind] + WIDE * MASKS, done + filling])
        for node in nodes[:done]:
            self.put(node)
        self.laid += [self.first] * (filling * len(self.own_operands(nodes[0])))
        self.here += filling
        self.before = -1
        return done

    def shape_of(self, kind: int, node: int) -> int:
        """Whether the node before is one of two operands, and which."""
        chained = [
            shape
            for shape, operand in zip(CHAINED, self.own_operands(node), strict=False)
            if self.table.shapes[kind] & 1 << shape and self.places[operand] == self.before
        ]
        return chained[0] if len(chained) == 1 else 0

    def put_single(self, kind: int, node: int, *, follows: bool) -> None:
        """A node that is done by itself, in the run of the one before if that has the same case."""
        case = self.table.handlers[kind] + self.shape_of(kind, node) * MASKS
        if follows and self.runs[-1][0] == case:
            self.runs[-1][1] += 1
        else:
            self.runs.append([case, 1])
        self.before = self.here
        self.put(node)

    def put_list(self, kind: int, node: int) -> None:
        """A node of a rule on lists, which is a run of its own."""
        self.runs.append([self.table.handlers[kind], len(self.own_operands(node)) // self.table.lists[kind]])
        self.before = self.here
        self.put(node)


def lay_out(
    order: list[int], ends: list[int], kinds: Any, starts: Any, operands: Any, table: Any, first: int, width: int
) -> tuple[list[list[int]], list[int], list[int], int]:
    """The runs, the operands' places, the slots' places, and the length of the tape."""
    layout = _Layout(table, starts, operands, first, len(kinds))
    for begin, end in itertools.pairwise([0, *ends]):
        nodes = order[begin:end]
        kind = kinds[nodes[0]]
        done = layout.put_wide(kind, nodes, width) if table.shapes[kind] & 1 << WIDE else 0
        for place, node in enumerate(nodes[done:]):
            if table.lists[kind]:
                layout.put_list(kind, node)
            else:
                layout.put_single(kind, node, follows=place > 0)
    layout.runs.append([0, 0])
    return layout.runs, layout.laid, layout.places, layout.here
