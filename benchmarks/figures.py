"""What a goal is, how it is judged, and the figures that goals are set for; the goals themselves are in ``goals``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Row
from benchmarks.registry import OFF, ON

__all__ = [
    "Figure",
    "Goal",
    "Quantity",
    "Reached",
    "Result",
    "amount",
    "fastest_of_others",
    "find",
    "growth_between",
    "growth_over",
    "judge",
    "per_operation",
    "the_better_of",
    "times_as_fast",
    "times_as_long",
]


@dataclass(frozen=True)
class Reached:
    """A figure, and what to call it."""

    number: float
    text: str


Figure = Callable[["list[Row]", str, str], "Reached | None"]
"""From the rows, an engine and a setting of the collector to a figure; None where it was not measured."""


@dataclass(frozen=True)
class Goal:
    """One demand of one engine."""

    work: str
    engine: str
    demand: str  # in words
    figure: Figure
    least: float | None = None  # the figure's bounds
    most: float | None = None
    collectors: tuple[str, ...] = (ON, OFF)  # with which settings of the collector it is measured
    judged: str | None = None  # the one with which it is to be reached; with each of them unless said

    def is_met(self, reached: Reached) -> bool:
        """Whether the figure keeps the bound."""
        above = self.least is None or reached.number >= self.least
        return above and (self.most is None or reached.number <= self.most)


@dataclass(frozen=True)
class Result:
    """A goal and what was found."""

    goal: Goal
    reached: dict[str, Reached | None]

    @property
    def verdict(self) -> str:
        """Whether it is met: only if every figure that counts was measured and keeps the bound."""
        counting = [figure for collector, figure in self.reached.items() if self.goal.judged in (collector, None)]
        found = [figure for figure in counting if figure is not None]
        if len(found) < len(counting):
            return "not measured"
        return "met" if all(map(self.goal.is_met, found)) else "NOT MET"


def judge(rows: list[Row], goals: list[Goal]) -> list[Result]:
    """Hold every goal to what a run found."""
    return [
        Result(goal, {collector: goal.figure(rows, goal.engine, collector) for collector in goal.collectors})
        for goal in goals
    ]


def find(rows: list[Row], work: str, peer: str, collector: str) -> Row | None:
    """Look up the figures of one peer at one work."""
    wanted = (work, peer, collector)
    return next((row for row in rows if (row.work, row.peer, row.collector) == wanted), None)


# ---- quantities of a row ---------------------------------------------------------------------------------------

Quantity = Callable[[Row], "float | None"]
"""What is read off a row; None where it was not measured."""


def duration(row: Row) -> float | None:
    """The seconds of a run."""
    return median(row.total) if row.total else None


def first_answer(row: Row) -> float | None:
    """The seconds from what was recorded to the first answer."""
    return median(row.first) if row.first else None


def recording_and_first_answer(row: Row) -> float | None:
    """The seconds from the data to the first answer."""
    return median(row.recording) + median(row.first) if row.first else None


def freeing(row: Row) -> float | None:
    """The seconds of freeing the graph."""
    return median(row.free) if row.free else None


def peak(row: Row) -> float | None:
    """The most memory, in bytes, that the process held at the first answer."""
    return row.peak


def bytes_per_node(row: Row) -> float | None:
    """The memory of a node."""
    return row.bytes_per_node


def per_operation(quantity: Quantity) -> Quantity:
    """The quantity divided by the number of operations."""

    def each(row: Row) -> float | None:
        whole = quantity(row)
        return None if whole is None else whole / row.operations

    return each


# ---- figures --------------------------------------------------------------------------------------------------

UNITS = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9, "bytes": 1.0, "GiB": 2.0**-30}


def _quantity_of(rows: list[Row], work: str, peer: str, collector: str, quantity: Quantity) -> float | None:
    row = find(rows, work, peer, collector)
    return None if row is None else quantity(row)


def amount(work: str, quantity: Quantity, unit: str) -> Figure:
    """A quantity in a unit."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        found = _quantity_of(rows, work, engine, collector, quantity)
        return None if found is None else Reached(found * UNITS[unit], f"{found * UNITS[unit]:.3g} {unit}")

    return figure


def times_as_fast(work: str, peer: str, quantity: Quantity = duration) -> Figure:
    """How many times as long the peer takes."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        ours, theirs = [_quantity_of(rows, work, name, collector, quantity) for name in (engine, peer)]
        if ours is None or theirs is None:
            return None
        return Reached(theirs / ours, f"{theirs / ours:.3g} times as fast")

    return figure


def times_as_long(work: str, peer: str) -> Figure:
    """How many times as long as the peer the engine takes."""
    as_fast = times_as_fast(work, peer)

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        found = as_fast(rows, engine, collector)
        return found and Reached(1.0 / found.number, f"{1.0 / found.number:.3g} times as long")

    return figure


def fastest_of_others(work: str, but: Collection[str]) -> Figure:
    """How many times as long the fastest peer takes, of all but some."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        ours = find(rows, work, engine, collector)
        others = [row for row in rows if (row.work, row.collector) == (work, collector) and row.peer not in but]
        if ours is None or not others:
            return None
        fastest = min(others, key=lambda row: median(row.total))
        ratio = median(fastest.total) / median(ours.total)
        return Reached(ratio, f"{ratio:.3g} times as fast as {fastest.peer}")

    return figure


def growth_between(smaller: str, larger: str, quantity: Quantity = duration) -> Figure:
    """How many times as long an operation of the larger work takes as one of the smaller."""
    each = per_operation(quantity)
    before, after = amount(smaller, each, "ns"), amount(larger, each, "ns")

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        small, large = before(rows, engine, collector), after(rows, engine, collector)
        if small is None or large is None:
            return None
        ratio = large.number / small.number
        return Reached(ratio, f"{small.text} to {large.text}")

    return figure


def growth_over(work: str, per_node: Quantity) -> Figure:
    """How many times as much a node takes at the size where it takes most as at the one where it takes least."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        of_engine = [row for row in rows if (row.peer, row.collector) == (engine, collector)]
        rows = [row for row in of_engine if row.work.startswith(f"{work} ")]
        found = {row.operations: each for row in rows if (each := per_node(row)) is not None}
        if len(found) < 2:
            return None
        ratio = max(found.values()) / min(found.values())
        return Reached(ratio, f"{ratio:.2f} times from {min(found):,} to {max(found):,}")

    return figure


def the_better_of(*figures_and_bounds: tuple[Figure, float]) -> Figure:
    """The figure that is the most times its own bound, as this multiple."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        found = [(figure(rows, engine, collector), bound) for figure, bound in figures_and_bounds]
        reached = [(one.number / bound, one.text) for one, bound in found if one is not None]
        if len(reached) < len(found):
            return None
        return Reached(max(reached)[0], ", ".join([text for _, text in reached]))

    return figure
