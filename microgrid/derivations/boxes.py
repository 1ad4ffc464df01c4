"""Enclosures of a graph over boxes, and the search that splits a region until questions about all of it are decided.

Over one box, the plain ball evaluation is met with the mean-value form, f(c) + f'(X)(X - c), for the value where it
doesn't jump, and likewise for the gradient, by second derivatives, where there is no kink.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgrid.core.engine import Value
from microgrid.derivations.enclosures import Enclosed, GraphInBalls, ball_module, enclosure_of
from microgrid.errors import DataError
from microgrid.util.progress import Progress
from microgrid.util.wording import counted

__all__ = ["Box", "Found", "Recorded", "Search"]

Range = tuple[float, float]

_BITS = 80  # of precision: beyond doubles, so that their width is what limits an enclosure
_DEPTH, _KINK_DEPTH = 34, 10  # halvings in each direction after which a box is given up, or only holds a kink
_SECOND = 12  # inputs up to which second derivatives pay
_NOTHING = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a region: an interval for each coordinate."""

    lows: tuple[float, ...]
    highs: tuple[float, ...]
    depth: int = 0

    def center(self) -> list[float]:
        """The point in its middle."""
        return [0.5 * low + 0.5 * high for low, high in zip(self.lows, self.highs, strict=True)]

    def width(self, place: int) -> float:
        """How long it is in one direction."""
        return self.highs[place] - self.lows[place]

    def halves(self, place: int) -> Iterator[Box]:
        """The two boxes that it is cut into across one direction."""
        middle = self.center()[place]
        for low, high in ((self.lows[place], middle), (middle, self.highs[place])):
            lows, highs = list(self.lows), list(self.highs)
            lows[place], highs[place] = low, high
            yield Box(tuple(lows), tuple(highs), self.depth + 1)

    def told(self, names: Sequence[str]) -> str:
        """The box in a sentence."""
        sides = [
            f"{name} from {low!r} to {high!r}" for name, low, high in zip(names, self.lows, self.highs, strict=True)
        ]
        return ", ".join(sides[:6]) + (" and so on" if len(sides) > 6 else "")


@dataclass(slots=True)
class Recorded:
    """A function's graph, and the comparisons on which it branched in Python: it holds where they come out alike."""

    graph: GraphInBalls
    guards: Sequence[tuple[Value, str]] = ()  # each as a node, 1 or 0, and where it was decided


@dataclass(slots=True)
class Found:
    """What is known of a graph over one box."""

    box: Box
    recorded: Recorded
    value: Range = _NOTHING
    gradient: list[Range] = field(default_factory=list)
    at_center: tuple[Range, list[Range]] = (_NOTHING, [])
    met: dict[Value, int] = field(default_factory=dict)
    obstacle: str = ""  # why nothing is known
    is_branch: bool = False  # whether that is a branch in Python code

    @property
    def is_smooth(self) -> bool:
        """Whether no kink and no jump can be in the box."""
        return not self.met and not self.obstacle


Record = Callable[[Sequence[float]], Recorded]


class Search:
    """A region that is cut into boxes until all questions are decided or the budget, of operations on balls, is spent.

    ``record`` leads from a point to the graph there; ``wanted`` from what is found on a box, and the search, to how
    urgently it should be cut: None if it need not be, else a small number for what comes first.
    """

    def __init__(
        self,
        record: Record,
        names: Sequence[str],
        region: Box,
        wanted: Callable[[Found, Search], int | None],
        budget: int,
        progress: bool | None,
    ) -> None:
        self.names, self.region, self.budget = names, region, budget
        self.spent = self.count = 0
        self.done: list[Found] = []
        self.open: list[tuple[int, int, Found]] = []
        self.positive, self.negative = [False] * len(names), [False] * len(names)
        self.inner: list[Range] = [(math.inf, -math.inf)] * (len(names) + 1)
        self._record, self._wanted, self._progress = record, wanted, Progress(progress)
        self._widths = [region.width(place) or 1.0 for place in range(len(names))]

    def run(self) -> None:
        """Cut until nothing is left to be cut, or the budget is spent."""
        try:
            whole = self._record(self.region.center())
            least = 4 * len(whole.graph.order)
            if least > self.budget:
                raise DataError(
                    f"one enclosure of a graph of {len(whole.graph.order):,} nodes takes {least:,} operations, "
                    f"and the budget is {self.budget:,}: a larger budget is needed to prove anything"
                )
            self._push(self._look(self.region, whole))
            while self.open and self.spent < self.budget:
                _, _, found = heapq.heappop(self.open)
                if self._wanted(found, self) is None or not self._can_be_cut(found):
                    self.done.append(found)
                    continue
                for half in found.box.halves(self._direction(found)):
                    recorded = self._record(half.center()) if found.is_branch else found.recorded
                    self._push(self._look(half, recorded))
                told = f"{counted(self.count, 'enclosure')}, {counted(len(self.open), 'part')} open"
                self._progress.tell(f"{told}, {self.spent / self.budget:.0%} of the budget")
        finally:
            self._progress.close()

    @property
    def everything(self) -> list[Found]:
        """What was found on the boxes that make up the region."""
        return [*self.done, *[found for _, _, found in self.open]]

    def is_spent(self) -> bool:
        """Whether the budget ended the search."""
        return any([self._wanted(found, self) is not None and self._can_be_cut(found) for _, _, found in self.open])

    def _push(self, found: Found) -> None:
        self.count += 1
        urgency = self._wanted(found, self)
        if urgency is None:
            self.done.append(found)
        else:
            heapq.heappush(self.open, (urgency + found.box.depth, self.count, found))

    def _can_be_cut(self, found: Found) -> bool:
        box, place = found.box, self._direction(found)
        middle = box.center()[place]
        return box.depth < _DEPTH * len(self.names) and box.lows[place] < middle < box.highs[place]

    def kinks_may_be_cut(self, found: Found) -> bool:
        """Whether a box is so large that cutting may tell where its kink is."""
        return found.box.depth < _KINK_DEPTH * len(self.names)

    def _direction(self, found: Found) -> int:
        """Across which direction a box is cut: where the value changes most, or the longest."""
        places = range(len(self.names))
        longest = max(places, key=lambda place: found.box.width(place) / self._widths[place])
        sizes = [max(map(abs, slope)) for slope in found.gradient]
        if found.obstacle or found.met or not all(map(math.isfinite, sizes)) or found.box.depth % 3 == 0:
            return longest
        return max(places, key=lambda place: sizes[place] * found.box.width(place))

    # ---- one box ------------------------------------------------------------------------------------------------

    def _look(self, box: Box, recorded: Recorded) -> Found:
        balls, graph = ball_module(), recorded.graph
        self.spent += 4 * len(graph.order)
        with balls.working_precision(_BITS):
            sides = [balls.between(low, high) for low, high in zip(box.lows, box.highs, strict=True)]
            wide = graph.differentiate(sides)
            found = Found(box, recorded, met={graph.order[place]: what for place, what in wide.met.items()})
            branch = _branch(recorded, wide)
            found.obstacle, found.is_branch = branch or _obstacle(graph, wide), bool(branch)
            if found.obstacle:
                found.gradient = [_NOTHING] * len(sides)
                return found
            value, slopes = self._narrowed(found, sides, wide)
            found.value, found.gradient = balls.bounds(value), list(map(balls.bounds, slopes))
        return found

    def _narrowed(self, found: Found, sides: list[Any], wide: Enclosed) -> tuple[Any, list[Any]]:
        """The enclosures met with their mean-value forms."""
        balls, graph = ball_module(), found.recorded.graph
        value, slopes = wide.values[graph.places[graph.output]], graph.gradient(wide)
        center = [balls.ball(x) for x in found.box.center()]
        at = graph.differentiate(center)
        there, slopes_there = at.values[graph.places[graph.output]], graph.gradient(at)
        found.at_center = balls.bounds(there), list(map(balls.bounds, slopes_there))
        self._take_in(found)
        if graph.is_custom or balls.JUMP in found.met.values():
            return value, slopes
        steps = [side - one for side, one in zip(sides, center, strict=True)]
        if found.is_smooth and len(steps) <= _SECOND and any([one.contains(0) for one in slopes]):
            self.spent += 8 * len(graph.order) * len(steps)
            rows = zip(slopes, slopes_there, graph.hessian(sides), strict=True)
            slopes = [balls.meet(slope, _along(start, row, steps)) for slope, start, row in rows]
        return balls.meet(value, _along(there, slopes, steps)), slopes

    def _take_in(self, found: Found) -> None:
        """Remember what the value and the slopes are at a point: the bounds can't be narrower."""
        for place, (low, high) in enumerate([found.at_center[0], *found.at_center[1]]):
            inner = self.inner[place]
            if math.isfinite(low) and math.isfinite(high):
                self.inner[place] = (min(inner[0], high), max(inner[1], low))
            if place:
                self.positive[place - 1] |= low > 0.0
                self.negative[place - 1] |= high < 0.0


def _along(start: Any, slopes: Sequence[Any], steps: Sequence[Any]) -> Any:
    for slope, step in zip(slopes, steps, strict=True):
        start = start + slope * step
    return start


def _branch(recorded: Recorded, wide: Enclosed) -> str:
    """Where Python code may branch in two ways inside a box, or an empty text."""
    for guard, line in recorded.guards:
        is_same = wide.values[recorded.graph.places[guard]] == guard.data
        if not is_same:
            return f"Python code branches at {line or 'a comparison'}, and not the same way everywhere"
    return ""


def _obstacle(graph: GraphInBalls, wide: Enclosed) -> str:
    """Which operation has no finite bound over a box, or an empty text."""
    if wide.values[graph.places[graph.output]].is_finite():
        return ""
    node = graph.first_not_finite(wide.values)
    assert node is not None  # the output is not finite
    assert node.op is not None  # and a leaf is
    operands = [str(enclosure_of(wide.values[graph.places[parent]])) for parent in node.parents[:3]]
    domain = f"; it is defined for {node.op.domain}" if node.op.domain else ""
    name = f"{node.name} = " if node.name else ""
    return f"{name}{node.op.name} of what lies {' and '.join(operands)} has no finite bound{domain}"
