"""Positions of little stretch in linear time, for graphs on which the least stretch would be searched for too long.

What is to stand straight is one block; then every block moves, in a few passes to and fro, to the weighted median of
what pulls at it, as far as its neighbours let it. After Brandes and Köpf, "Fast and Simple Horizontal Coordinate
Assignment" (2001), whose blocks are the same, with positions by medians instead of their four sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from microgrid.layout.simplex import Constraint

__all__ = ["Pull", "settled"]

_PASSES = 4  # to and fro


class Pull(NamedTuple):
    """Two variables whose distance costs ``weight`` per unit."""

    one: int
    other: int
    weight: int


def settled(
    count: int, constraints: Sequence[Constraint], pulls: Sequence[Pull], straight: Sequence[Pull]
) -> list[int]:
    """Positions that meet the constraints; those of the pairs in ``straight`` are equal, unless that can't be.

    >>> settled(3, [Constraint(0, 1, 10)], [Pull(1, 2, 1)], [Pull(1, 2, 1)])
    [0, 10, 10]
    """
    block = _joined(count, straight)
    order = _order(count, constraints, block)
    if order is None:
        block = list(range(count))
        order = _order(count, constraints, block)
    if order is None:
        raise ValueError("the constraints have a cycle")
    before: list[dict[int, int]] = [{} for _ in range(count)]
    after: list[dict[int, int]] = [{} for _ in range(count)]
    for tail, head, length, _ in constraints:
        one, two = block[tail], block[head]
        before[two][one] = after[one][two] = max(length, before[two].get(one, length))
    pulled: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for a, b, weight in pulls:
        if block[a] != block[b]:
            pulled[block[a]].append((block[b], weight))
            pulled[block[b]].append((block[a], weight))
    y = [0] * count
    for variable in reversed(order):
        y[variable] = min([y[other] - length for other, length in after[variable].items()], default=0)
    for _ in range(_PASSES):
        for variable in order:
            wanted = _median(y, pulled[variable], y[variable])
            if wanted < y[variable]:
                y[variable] = max([wanted] + [y[other] + length for other, length in before[variable].items()])
        for variable in reversed(order):
            wanted = _median(y, pulled[variable], y[variable])
            if wanted > y[variable]:
                y[variable] = min([wanted] + [y[other] - length for other, length in after[variable].items()])
    first = min([y[variable] for variable in order], default=0)
    return [y[block[variable]] - first for variable in range(count)]


def _joined(count: int, straight: Sequence[Pull]) -> list[int]:
    block = list(range(count))

    def root(variable: int) -> int:
        while block[variable] != variable:
            block[variable] = block[block[variable]]
            variable = block[variable]
        return variable

    for one, other, _ in straight:
        block[root(one)] = root(other)
    return [root(variable) for variable in range(count)]


def _order(count: int, constraints: Sequence[Constraint], block: Sequence[int]) -> list[int] | None:
    """The blocks in an order in which each comes after those that must be before it; None if there is none."""
    waiting = [0] * count
    after: list[list[int]] = [[] for _ in range(count)]
    for tail, head, length, _ in constraints:
        if block[tail] == block[head]:
            if length > 0:
                return None
            continue
        waiting[block[head]] += 1
        after[block[tail]].append(block[head])
    ready = [variable for variable in range(count) if block[variable] == variable and not waiting[variable]]
    for variable in ready:  # grows while it is read
        for head in after[variable]:
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    return ready if len(ready) == sum([block[variable] == variable for variable in range(count)]) else None


def _median(y: Sequence[int], pulled: Sequence[tuple[int, int]], here: int) -> int:
    """The place of least stretch that is nearest to where the variable is."""
    if not pulled:
        return here
    places = sorted([(y[other], weight) for other, weight in pulled])
    half = sum([weight for _, weight in places]) / 2
    total = 0
    for at, (place, weight) in enumerate(places):
        total += weight
        if total > half:
            break
        if total == half:  # anywhere up to the next one
            return min(max(here, place), places[at + 1][0])
    return place
