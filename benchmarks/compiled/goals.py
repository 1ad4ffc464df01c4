"""What compiled graphs must reach, row by row, beside what a run found; the figures come from ``rounds``."""

from __future__ import annotations

from statistics import median

from benchmarks.compiled import peers
from benchmarks.compiled.graphs import CHAIN, POINTS, RANDOM
from benchmarks.compiled.hessian import HESSIAN
from benchmarks.compiled.logistic import C_ORDER, FORTRAN_ORDER
from benchmarks.compiled.moons import MOONS
from benchmarks.compiled.registry import PEERS
from benchmarks.compiled.rounds import FIRST, RECORDING, title_of
from benchmarks.compiled.sample import SAMPLE
from benchmarks.measure import Row
from benchmarks.targets import (
    NO_COLLECTOR,
    Figure,
    Reached,
    Target,
    find,
    times_as_fast_as,
    times_as_fast_as_the_fastest,
)

__all__ = ["GOALS"]

CEILINGS = (peers.CEILING, peers.CEILING_ALONE)
NOT_RIVALS = {*CEILINGS, *[name for name in PEERS if peers.ours(name)]}

# ---- figures --------------------------------------------------------------------------------------------------


def times_as_long_as(work: str, peer: str) -> Figure:
    """How many times as long as the peer takes."""
    as_fast = times_as_fast_as(work, peer)

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        found = as_fast(rows, engine, collector)
        return found and Reached(1.0 / found.number, f"{1.0 / found.number:.3g} ×")

    return figure


def times_as_soon_as(work: str, peer: str) -> Figure:
    """How many times as long the peer takes from the list of steps to the first answer, recording and compiling."""

    def seconds(rows: list[Row], name: str, collector: str) -> float | None:
        found = [find(rows, work + part, name, collector) for part in (RECORDING, FIRST)]
        both = [median(row.total) for row in found if row is not None]
        return sum(both) if len(both) == len(found) else None

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        ours, theirs = seconds(rows, engine, collector), seconds(rows, peer, collector)
        if ours is None or theirs is None:
            return None
        return Reached(theirs / ours, f"{theirs / ours:.3g} ×")

    return figure


def time_of(work: str, unit: str, *, each: bool = False) -> Figure:
    """How long it takes, in a unit; or how long an operation of it."""
    scale = {"ms": 1e3, "s": 1.0, "µs": 1e6, "ns": 1e9}[unit]

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        row = find(rows, work, engine, collector)
        if row is None:
            return None
        time = median(row.total) * scale / (row.operations if each else 1)
        return Reached(time, f"{time:.3g} {unit}")

    return figure


def growth_between(smaller: str, larger: str) -> Figure:
    """How many times as long an operation of the larger work takes as one of the smaller."""
    of_smaller, of_larger = time_of(smaller, "ns", each=True), time_of(larger, "ns", each=True)

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        before, after = of_smaller(rows, engine, collector), of_larger(rows, engine, collector)
        if before is None or after is None:
            return None
        return Reached(after.number / before.number, f"{before.text} to {after.text}")

    return figure


def memory_of(work: str) -> Figure:
    """The most memory that the process held by the first answer."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        row = find(rows, work + FIRST, engine, collector)
        if row is None or row.bytes_per_node is None:
            return None
        gibibytes = row.bytes_per_node * row.operations / 2**30
        return Reached(gibibytes, f"{gibibytes:.3g} GiB")

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


# ---- the table ------------------------------------------------------------------------------------------------


def _goal(
    work: str, engine: str, demand: str, figure: Figure, *, least: float | None = None, most: float | None = None
) -> Target:
    return Target(work, engine, demand, figure, least, most, collectors=(NO_COLLECTOR,))


def _against(work: str, engine: str, peer: str, least: float) -> Target:
    demand = f"at least {least:g} × {peer}" if least != 1.0 else f"no slower than {peer}"
    return _goal(work, engine, demand, times_as_fast_as(work, peer), least=least)


def _within(work: str, engine: str, most: float, unit: str, *, each: str = "") -> Target:
    demand = f"at most {most:g} {unit}{f' {each}' if each else ''}"
    return _goal(work, engine, demand, time_of(work, unit, each=bool(each)), most=most)


def _over_rows(work: str) -> list[Target]:
    """On all cores, except where it says otherwise."""
    fastest = times_as_fast_as_the_fastest(work, NOT_RIVALS)
    of_ceiling = "at most 1.3 × the ceiling"
    return [
        _against(work, peers.OURS, peers.NUMPY, 5.0),
        _against(work, peers.OURS, peers.TORCH, 3.0),
        _goal(work, peers.OURS, "no slower than the fastest peer", fastest, least=1.0),
        _against(work, peers.OURS, peers.NUMBA, 1.0),
        _against(work, peers.OURS_ALONE, peers.NUMBA_ALONE, 1.0),
        _goal(work, peers.OURS, of_ceiling, times_as_long_as(work, peers.CEILING), most=1.3),
        _goal(work, peers.OURS_ALONE, of_ceiling, times_as_long_as(work, peers.CEILING_ALONE), most=1.3),
    ]


C_ROWS, FORTRAN_ROWS = title_of(C_ORDER, 1_000_000), title_of(FORTRAN_ORDER, 1_000_000)
FEW, MANY = title_of(C_ORDER, 100), title_of(C_ORDER, 10_000_000)
ONE, DRAWN, AT_POINTS, LONG = [title_of(work, work.sizes[-1]) for work in (SAMPLE, RANDOM, POINTS, CHAIN)]
SHORT = title_of(CHAIN, 1_000)
STEP, CURVATURE = title_of(MOONS, 100), title_of(HESSIAN, 100_000)


def _tier(tier: str, ready: tuple[float, str], each: float, rivals: tuple[str, ...]) -> list[Target]:
    """How soon and how fast one way of compiling is, by itself and beside those of others that take as long."""
    goals = [_within(DRAWN + FIRST, tier, *ready), _within(DRAWN, tier, each, "ns", each="an operation")]
    for rival in rivals:
        soon = times_as_soon_as(DRAWN, rival)
        goals += [
            _goal(DRAWN, tier, f"first answer, recording included: no later than {rival}", soon, least=1.0),
            _against(DRAWN, tier, rival, 1.0),
        ]
    return goals


GOALS: list[Target] = [
    *_over_rows(C_ROWS),
    *_over_rows(FORTRAN_ROWS),
    _goal(MANY, peers.OURS, "a row takes 1.2 × as long as of 1,000,000", growth_between(C_ROWS, MANY), most=1.2),
    _within(FEW, peers.OURS, 5.0, "µs"),
    _within(FEW, peers.OURS_BOUND, 5.0, "µs"),
    _within(ONE, peers.OURS_BOUND, 0.5, "µs"),
    _against(ONE, peers.OURS_BOUND, peers.CASADI, 1.0),
    _against(ONE, peers.OURS_BOUND, peers.DDX, 1.6),
    _against(ONE, peers.OURS_BOUND, peers.JAX, 15.0),
    *_tier(peers.INTERPRETER, (10.0, "ms"), 6.0, (peers.DDX_INTERPRETER, peers.CASADI_VM)),
    *_tier(peers.FULL, (4.0, "s"), 1.6, (peers.DDX_O1, peers.CASADI)),
    _within(AT_POINTS, peers.OURS_ALONE, 0.6, "ns", each="an operation and point"),
    _within(AT_POINTS + FIRST, peers.OURS_ALONE, 4.0, "s"),
    _within(LONG + FIRST, peers.INTERPRETER, 250.0, "ns", each="an operation"),
    _within(LONG, peers.INTERPRETER, 6.0, "ns", each="an operation"),
    _goal(
        LONG,
        peers.INTERPRETER,
        "first answer: an operation takes 1.5 × as long as of 1,000",
        growth_between(SHORT + FIRST, LONG + FIRST),
        most=1.5,
    ),
    _goal(LONG, peers.INTERPRETER, "within 24 GiB", memory_of(LONG), most=24.0),
    _against(STEP, peers.OURS, peers.MICROGRAD, 500.0),
    _against(STEP, peers.OURS, peers.TORCH, 1.0),
    _goal(
        CURVATURE,
        peers.OURS,
        f"at least 5 × {peers.JAX}, or no slower than {peers.NUMPY}",
        the_better_of((times_as_fast_as(CURVATURE, peers.JAX), 5.0), (times_as_fast_as(CURVATURE, peers.NUMPY), 1.0)),
        least=1.0,
    ),
]
"""The table of what must be reached."""
