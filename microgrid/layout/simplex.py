"""The positions of least total stretch: network simplex, as in Graphviz's ``dot``. What is placed is not known here.

The problem: whole numbers y, one per variable, that minimise the sum of ``weight * (y[head] - y[tail] - length)`` over
all constraints, each of which demands ``y[head] - y[tail] >= length``. Gansner, Koutsofios, North and Vo, "A Technique
for Drawing Directed Graphs", IEEE Transactions on Software Engineering 19 (1993), section 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Constraint", "positions"]

_EXCHANGES = 5000  # many times what graphs of the sizes that are searched take: no search goes round and round


class Constraint(NamedTuple):
    """``y[head] - y[tail] >= length``; what is above the length costs ``weight`` per unit."""

    tail: int
    head: int
    length: int
    weight: int = 0


def positions(constraints: Sequence[Constraint], start: Sequence[int]) -> list[int]:
    """The least positions, from 0.

    The constraints must connect every variable, and ``start`` must meet them: the nearer it is to the least, the
    shorter is the search.

    >>> positions([Constraint(0, 1, 10), Constraint(0, 2, 0, 1), Constraint(2, 1, 0, 5)], [0, 10, 0])
    [0, 10, 10]
    """
    network = _Network(constraints, start)
    for _ in range(_EXCHANGES):
        if not network.exchange():
            break
    least = min(network.y)
    return [y - least for y in network.y]


class _Network:
    """A feasible solution and a spanning tree of constraints without slack."""

    def __init__(self, constraints: Sequence[Constraint], start: Sequence[int]) -> None:
        count = len(start)
        self.constraints, self.y = constraints, list(start)
        self.at: list[list[int]] = [[] for _ in range(count)]
        self.surplus = [0] * count  # weights of constraints that leave a variable, less those that enter it
        for index, (tail, head, _, weight) in enumerate(constraints):
            self.at[tail].append(index)
            self.at[head].append(index)
            self.surplus[tail] += weight
            self.surplus[head] -= weight
        self.tree = self._tight_tree()
        self._root_the_tree()

    def _slack(self, index: int) -> int:
        tail, head, length, _ = self.constraints[index]
        return self.y[head] - self.y[tail] - length

    def _tight_tree(self) -> set[int]:
        """A spanning tree of constraints without slack, made by moving what is connected until one more is tight."""
        inside, tree, fresh = {0}, set[int](), [0]
        while True:
            while fresh:
                variable = fresh.pop()
                for index in self.at[variable]:
                    tail, head, *_ = self.constraints[index]
                    other = head if tail == variable else tail
                    if other not in inside and not self._slack(index):
                        inside.add(other)
                        tree.add(index)
                        fresh.append(other)
            if len(inside) == len(self.at):
                return tree
            leaving = [index for index, (t, h, *_) in enumerate(self.constraints) if (t in inside) != (h in inside)]
            if not leaving:
                raise ValueError("the constraints don't connect every variable")
            index = min(leaving, key=self._slack)
            tail, head, *_ = self.constraints[index]
            move = self._slack(index) if tail in inside else -self._slack(index)
            for variable in inside:
                self.y[variable] += move
            fresh = [tail if tail in inside else head]

    def _root_the_tree(self) -> None:
        """Each variable's constraint towards the root of the tree, and the interval of numbers of what is below it."""
        count = len(self.at)
        self.order: list[int] = []  # parents before children
        self.up = [-1] * count
        self.first, self.last = [0] * count, [0] * count
        stack = [(0, -1)]
        while stack:
            variable, up = stack.pop()
            self.up[variable], self.first[variable] = up, len(self.order)
            self.order.append(variable)
            for index in self.at[variable]:
                if index != up and index in self.tree:
                    tail, head, *_ = self.constraints[index]
                    stack.append((head if tail == variable else tail, index))
        below, total = [1] * count, self.surplus.copy()
        for variable in reversed(self.order):
            self.last[variable] = self.first[variable] + below[variable]
            up = self.up[variable]
            if up >= 0:
                tail, head, *_ = self.constraints[up]
                parent = head if tail == variable else tail
                below[parent] += below[variable]
                total[parent] += total[variable]
        self.total = total

    def exchange(self) -> bool:
        """Swap the tree's worst constraint for a better one; False if there is none."""
        worst, leave = 0, -1
        for variable in self.order[1:]:
            # What would be gained by moving all that is below this constraint away from the rest of the tree.
            is_tail = self.constraints[self.up[variable]].tail == variable
            cut = self.total[variable] if is_tail else -self.total[variable]
            if cut < worst:
                worst, leave = cut, variable
        if leave < 0:
            return False
        upwards = self.constraints[self.up[leave]].tail == leave
        low, high = self.first[leave], self.last[leave]
        enter, least = -1, 0
        for index, (tail, head, *_) in enumerate(self.constraints):
            tail_below, head_below = low <= self.first[tail] < high, low <= self.first[head] < high
            if (head_below and not tail_below) if upwards else (tail_below and not head_below):
                slack = self._slack(index)
                if enter < 0 or slack < least:
                    enter, least = index, slack
        if enter < 0:
            return False
        move = -least if upwards else least
        for variable in self.order[low:high]:
            self.y[variable] += move
        self.tree.remove(self.up[leave])
        self.tree.add(enter)
        self._root_the_tree()
        return True
