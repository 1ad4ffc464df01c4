"""A gradient checked along random directions: some dozens of calls of f for any number of coordinates.

Along a direction v, f is a function of one number t, f(x + t·v), with the derivative gradient · v at 0. It is checked
as any function of one coordinate is. Where it is not right, its coordinates are split into two blocks, each with its
own part of the direction, down to single coordinates. Errors that cancel along v, or are small beside its derivative,
are not seen: ``blind_below`` says how small.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from microgrid.checking.report import Judgement, Verdict

__all__ = ["Direction", "blind_below", "draw", "wrong_coordinates"]

_LEAST = 0.5  # of the derivative along a direction, in root sums of squares of its terms: beyond, terms cancel
_TRIES = 20
_MOST = 20  # wrong coordinates that are searched for


@dataclass(frozen=True, slots=True)
class Direction:
    """A part of a direction: the coordinates that move, and the step of every coordinate of the point."""

    coordinates: Sequence[int]
    steps: Sequence[float]

    def derivative(self, gradient: Sequence[float]) -> float:
        """The derivative along it, as the gradient has it."""
        return math.fsum([gradient[place] * self.steps[place] for place in self.coordinates])

    def halves(self) -> tuple[Direction, Direction]:
        """The first and the second half of its coordinates."""
        middle = (len(self.coordinates) + 1) // 2
        return Direction(self.coordinates[:middle], self.steps), Direction(self.coordinates[middle:], self.steps)


def draw(numbers: Sequence[float], gradient: Sequence[float], source: random.Random) -> Direction:
    """A direction along which a gradient does not cancel: every coordinate moves by 1 to 2 times its own size.

    One that is 0 has the median of the others' sizes.
    """
    sizes = [abs(x) for x in numbers if x and math.isfinite(x)]
    usual = median(sizes) if sizes else 1.0
    for _ in range(_TRIES):
        steps = [source.choice((-1.0, 1.0)) * source.uniform(1.0, 2.0) * (abs(x) or usual) for x in numbers]
        direction = Direction(range(len(numbers)), steps)
        size = math.hypot(*[slope * step for slope, step in zip(gradient, steps, strict=True)])
        if not abs(direction.derivative(gradient)) < _LEAST * size:
            break
    return direction


def blind_below(gradient: Sequence[float], directions: Sequence[Direction], tol: float) -> float:
    """The relative error of a typical derivative below which it may stay unseen."""
    sizes = [abs(slope * step) for one in directions for slope, step in zip(gradient, one.steps, strict=True)]
    typical = median(sizes) or max(sizes)
    largest = max([abs(one.derivative(gradient)) for one in directions])
    return tol * largest / typical if typical and math.isfinite(largest) else math.inf


def wrong_coordinates(
    direction: Direction, judge: Callable[[Direction], Judgement], judge_one: Callable[[int], Judgement]
) -> tuple[list[Judgement], bool]:
    """The judgements on single coordinates of a direction that is not right, and whether all blocks were searched."""
    found: list[Judgement] = []
    blocks = [direction]
    while blocks and len(found) < _MOST:
        block = blocks.pop()
        if len(block.coordinates) == 1:
            judgement = judge_one(block.coordinates[0])
            found += [judgement] if judgement.verdict is not Verdict.RIGHT else []
            continue
        first, second = block.halves()
        if judge(first).verdict is Verdict.RIGHT:
            blocks.append(second)  # the error is there
        else:
            blocks += [first] if judge(second).verdict is Verdict.RIGHT else [second, first]
    return found, not blocks
