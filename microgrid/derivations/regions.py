"""What is proven of a function over a region: bounds, signs of derivatives, where it may have a kink."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from microgrid._public import public
from microgrid.core.comparison import decisions
from microgrid.core.engine import Value, as_value
from microgrid.derivations.boxes import Box, Found, Recorded, Search
from microgrid.derivations.enclosures import Enclosure, GraphInBalls, ball_module, outward
from microgrid.errors import DataError, InvalidValueError
from microgrid.util.interval import Interval
from microgrid.util.pytree import flatten
from microgrid.util.tables import table
from microgrid.util.wording import counted, listed

__all__ = ["RegionCertificate", "certify_region"]

Sign = Literal["positive", "negative", "zero", "not negative", "not positive", "changes", "undecided"]

_LOOSE = 0.01  # how much of its range a bound may lie beyond what is attained, before a box is cut for it
_MOST_TOLD = 3


@public()
@dataclass(frozen=True, slots=True)
class RegionCertificate:
    """What is proven of a function and its derivatives at every point of a region.

    Parameters
    ----------
    value : Enclosure
        Bounds on the value, on the part of the region where there are any.
    gradient : dict
        Bounds on each derivative, by name.
    signs : dict
        Of each derivative: "positive", "negative", "zero", "not negative" or "not positive" everywhere; "changes" if it
        is positive at one point and negative at another; "undecided".
    kinks : tuple of str
        The nodes that may lie on a kink or a jump somewhere; proven that there is none if this is empty.
    undecided : tuple of str
        What resists, and on which box.
    share : float
        The part of the region's volume on which the bounds are proven; 1.0 is all of it.
    lipschitz : float
        The function changes by at most so much per Euclidean distance; infinite if nothing is proven.
    boxes : int
        How many boxes were looked at.
    """

    value: Enclosure
    gradient: Mapping[str, Enclosure]
    signs: Mapping[str, Sign]
    kinks: tuple[str, ...]
    undecided: tuple[str, ...]
    share: float
    lipschitz: float
    boxes: int

    def __bool__(self) -> bool:
        return not self.undecided

    @property
    def is_smooth(self) -> bool:
        """Whether it is proven that there is no kink and no jump in the region."""
        return not self.kinks and self.share == 1.0

    def monotone(self, name: str) -> str:
        """Whether the function is proven to be "increasing", "decreasing", "constant" or "neither" in a coordinate."""
        words = {"positive": "increasing", "negative": "decreasing", "zero": "constant", "changes": "neither"}
        if self.share < 1.0 or (self.kinks and not math.isfinite(self.lipschitz)):
            return "undecided"
        return words.get(self.signs[name], "undecided")

    def __str__(self) -> str:
        rows = [("f", *self.value.ends(), "")]
        rows += [(f"df/d{name}", *one.ends(), self.signs[name]) for name, one in self.gradient.items()]
        lines = [table(("", "at least", "at most", "sign"), rows, "<>><")]
        where = "everywhere in the region"
        if self.share < 1.0:
            where = f"on all but {outward(1.0 - self.share, 1, 2)} of the region"
        lines += [f"proven {where}, with {counted(self.boxes, 'enclosure')}"]
        lines += ["no kink and no jump in the region"] if self.is_smooth else []
        lines += [f"there may be a kink or a jump: {kink}" for kink in self.kinks]
        return "\n".join([*lines, *[f"undecided: {one}" for one in self.undecided]])


def certify_region(f: Callable[..., Any], region: Any, budget: int, progress: bool | None) -> RegionCertificate:
    """The certificate of a function over a region."""
    ball_module()
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
        raise DataError(f"budget is a whole number of operations from 1, not {budget!r}")
    names, intervals, call = _coordinates(f, region)
    box = Box(tuple([float(one.low) for one in intervals]), tuple([float(one.high) for one in intervals]))

    def record(point: Sequence[float]) -> Recorded:
        return _recorded(call, names, point)

    _check_attached(record, box)
    search = Search(record, names, box, _wanted, budget, progress)
    search.run()
    return _certificate(search)


def _certificate(search: Search) -> RegionCertificate:
    found = search.everything
    proven = [one for one in found if not one.obstacle]
    ranges = [_union([(one.value, *one.gradient)[place] for one in proven]) for place in range(len(search.names) + 1)]
    share = sum([Fraction(1, 2**one.box.depth) for one in proven], Fraction(0))
    signs = {name: _sign(place, ranges[place + 1], search) for place, name in enumerate(search.names)}
    met = {node: what for one in proven for node, what in one.met.items()}
    is_jump = ball_module().JUMP in met.values() or any([one.recorded.graph.is_custom for one in proven])
    undecided = [*_obstacles(search), *_unsettled(search, signs)]
    if undecided and search.is_spent():
        undecided.append(f"the budget of {search.budget:,} operations is spent: a larger one goes on")
    return RegionCertificate(
        _enclosure(ranges[0]),
        dict(zip(search.names, map(_enclosure, ranges[1:]), strict=True)),
        signs,
        tuple(dict.fromkeys([_kink_told(node) for node in met])),
        tuple(undecided),
        float(share) if share == 1 or float(share) < 1.0 else math.nextafter(1.0, 0.0),
        math.inf if is_jump or share < 1 else max([_norm(one.gradient) for one in proven]),
        search.count,
    )


def _kink_told(node: Value) -> str:
    assert node.op is not None  # a leaf has no kink
    places = listed([kink.where for kink in node.op.kinks])
    name = f" (the node {node.name})" if node.name else ""
    return f"{node.op.name}{name}, where {places}" if node.op.kinks else f"{node.op.name}{name}"


def _enclosure(ends: tuple[float, float]) -> Enclosure:
    low, high = [Fraction(end) if math.isfinite(end) else end for end in ends]
    return Enclosure(low, high)


def _union(ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
    if not ranges:
        return -math.inf, math.inf
    return min([low for low, _ in ranges]), max([high for _, high in ranges])


def _norm(gradient: Sequence[tuple[float, float]]) -> float:
    """An upper bound on the length of a gradient."""
    length = math.hypot(*[max(map(abs, slope)) for slope in gradient])
    return math.nextafter(length * (1.0 + 2.0**-50), math.inf)


def _sign(place: int, bounds: tuple[float, float], search: Search) -> Sign:
    if search.positive[place] and search.negative[place]:
        return "changes"
    if any([found.obstacle for found in search.everything]):
        return "undecided"
    if bounds[0] > 0.0 or bounds[1] < 0.0:
        return "positive" if bounds[0] > 0.0 else "negative"
    if bounds[0] == 0.0 or bounds[1] == 0.0:
        return "zero" if bounds[0] == bounds[1] else "not negative" if bounds[0] == 0.0 else "not positive"
    return "undecided"


def _obstacles(search: Search) -> list[str]:
    """Where nothing is known: the boxes that resist, the most cut ones first."""
    stuck = sorted([found for found in search.everything if found.obstacle], key=lambda found: -found.box.depth)
    told = [f"{found.obstacle}, for {found.box.told(search.names)}" for found in stuck[:_MOST_TOLD]]
    return told + ([f"and {len(stuck) - _MOST_TOLD:,} smaller parts"] if len(stuck) > _MOST_TOLD else [])


def _unsettled(search: Search, signs: Mapping[str, Sign]) -> list[str]:
    """Derivatives without a sign, each with the smallest box on which it may be 0."""
    told = []
    for place, name in enumerate(search.names):
        known = [one for one in search.everything if not one.obstacle]
        doubtful = [one for one in known if one.gradient[place][0] <= 0.0 <= one.gradient[place][1] != 0.0]
        if signs[name] == "undecided" and doubtful:
            worst = max(doubtful, key=lambda one: one.box.depth)
            ends = _enclosure(worst.gradient[place]).ends()
            told.append(f"df/d{name} lies between {ends[0]} and {ends[1]} for {worst.box.told(search.names)}")
    return told


def _wanted(found: Found, search: Search) -> int | None:
    """How urgently a box is cut: for what has no bound, signs, kinks, and at last for narrower bounds."""
    if found.obstacle or not all([math.isfinite(end) for slope in found.gradient for end in slope]):
        return 0
    for (low, high), positive, negative in zip(found.gradient, search.positive, search.negative, strict=True):
        if low <= 0.0 <= high and (low or high) and not (positive and negative):
            return 0
    if found.met and search.kinks_may_be_cut(found):
        return 2
    for (low, high), (least, most) in zip((found.value, *found.gradient), search.inner, strict=True):
        slack = _LOOSE * (most - least) + 1e-9 * max(abs(least), abs(most))
        if low < least - slack or high > most + slack:
            return 6 if search.kinks_may_be_cut(found) else None
    return None


# ---- the function ----------------------------------------------------------------------------------------------


def _coordinates(
    f: Callable[..., Any], region: Any
) -> tuple[list[str], list[Interval], Callable[[Sequence[Any]], Any]]:
    """The Intervals of a region with their names, and the function of as many Values."""
    if not callable(f):
        raise InvalidValueError(f"over a region, certify takes a function, not {f!r}")
    in_order = region if isinstance(region, tuple) else (region,)
    keyed = list(region.items()) if isinstance(region, Mapping) else list(enumerate(in_order))
    labels = _labels(f)
    names: list[str] = []
    intervals: list[Interval] = []
    builds = []
    for key, argument in keyed:
        label = key if isinstance(key, str) else labels[key] if key < len(labels) else f"x{key}"
        leaves, rebuild = flatten(argument)
        moving = [isinstance(leaf, Interval) for leaf in leaves]
        names += [label if len(leaves) == 1 else f"{label}[{place}]" for place, is_one in enumerate(moving) if is_one]
        intervals += [leaf for leaf in leaves if isinstance(leaf, Interval)]
        builds.append((key, leaves, rebuild))
        for leaf in leaves:
            if isinstance(leaf, float) and not math.isfinite(leaf):
                raise DataError(f"{label} is {leaf!r}: a region is made of finite numbers and Intervals")
    if not intervals:
        raise DataError(f"the region {region!r} has no Interval in it: give one in the place of a number")

    def call(values: Sequence[Any]) -> Any:
        rest = iter(values)
        given: dict[Any, Any] = {
            key: rebuild([next(rest) if isinstance(leaf, Interval) else leaf for leaf in leaves])
            for key, leaves, rebuild in builds
        }
        return f(**given) if isinstance(region, Mapping) else f(*given.values())

    return names, intervals, call


def _labels(f: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return []


def _recorded(call: Callable[[Sequence[Any]], Any], names: Sequence[str], point: Sequence[float]) -> Recorded:
    """The graph at a point, with the comparisons that Python code branched on."""
    inputs = [Value(x, name) for x, name in zip(point, names, strict=True)]
    with decisions() as decided:
        result = call(inputs)
    try:
        output = as_value(result)
    except InvalidValueError:
        raise InvalidValueError(f"f gave {result!r}, and a certificate is of a single number") from None
    guards = [(one.record(), one.line) for one in decided]
    return Recorded(GraphInBalls(output, inputs, [guard for guard, _ in guards]), guards)


def _check_attached(record: Callable[[Sequence[float]], Recorded], region: Box) -> None:
    """Raise if a constant of the graph changes with the point: it was computed from the inputs outside of the graph."""
    draw = random.Random(0)
    first: dict[tuple[Any, ...], list[Value]] = {}
    for _ in range(3):
        point = [draw.uniform(low, high) for low, high in zip(region.lows, region.highs, strict=True)]
        recorded = record(point)
        constants = [node for node in recorded.graph.order[len(point) :] if node.op is None]
        way = tuple([guard.data for guard, _ in recorded.guards])
        known = first.setdefault(way, constants)
        if len(known) != len(constants):
            raise DataError("f gives another graph when it is called at another point, without a comparison of Values")
        for one, other in zip(known, constants, strict=True):
            if one.data != other.data:
                raise DataError(
                    f"a constant of f's graph is {one.data!r} at one point and {other.data!r} at another: it was "
                    "computed from the inputs outside of the graph (with .data or float), where nothing can be enclosed"
                )
