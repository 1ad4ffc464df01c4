"""What microgrid must reach, row by row; how a goal is judged stands in ``figures``."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.figures import (
    Figure,
    Goal,
    Quantity,
    amount,
    bytes_per_node,
    duration,
    fastest_of_others,
    first_answer,
    freeing,
    growth_between,
    growth_over,
    peak,
    per_operation,
    recording_and_first_answer,
    the_better_of,
    times_as_fast,
    times_as_long,
)
from benchmarks.measure import IMPORT
from benchmarks.peers import NATIVE, PYTHON, SLOTTED
from benchmarks.registry import NO_COLLECTOR, ON, PEERS
from benchmarks.works import gpt, graphs, hessian, logistic, moons, sample, scalar

__all__ = ["GOALS"]

BY_HAND = {peers.CEILING, peers.CEILING_ALONE, peers.FLOATS}
NOT_RIVALS = {*BY_HAND, *[name for name, peer in PEERS.items() if peer.is_ours]}


def _faster(work: str, engine: str, peer: str, least: float, quantity: Quantity = duration) -> Goal:
    """A compiled work, or a figure that the collector has no part in."""
    return _once(work, engine, _times(least, peer), times_as_fast(work, peer, quantity), least=least)


def _times(least: float, peer: str) -> str:
    return f"at least {least:g} times as fast as {peer}" if least != 1.0 else f"no slower than {peer}"


def _once(
    work: str, engine: str, demand: str, figure: Figure, *, least: float | None = None, most: float | None = None
) -> Goal:
    return Goal(work, engine, demand, figure, least, most, collectors=(NO_COLLECTOR,))


# ---- the engines ----------------------------------------------------------------------------------------------

LOGISTIC = scalar.LOGISTIC.title(569)
CHAIN, LARGE = scalar.CHAIN.title(100_000), scalar.CHAIN.title(1_000_000)
MOONS = (scalar.MOONS.title(100), scalar.MOONS_UNFUSED.title(100))
STEPS = (gpt.FUSED.title(1), gpt.UNFUSED.title(1))


def _against_micrograd(work: str, engine: str, least: float) -> Goal:
    """A demand that was set with the collector as Python starts it, which makes micrograd several times slower."""
    demand = f"{_times(least, peers.MICROGRAD)}, collector on"
    return Goal(work, engine, demand, times_as_fast(work, peers.MICROGRAD), least=least, judged=ON)


def _against_the_fastest(work: str) -> Goal:
    figure = fastest_of_others(work, NOT_RIVALS)
    return Goal(work, NATIVE, _times(1.8, "the fastest peer"), figure, least=1.8)


def _against_slotted(work: str, engine: str, least: float) -> Goal:
    return Goal(work, engine, _times(least, f"the {SLOTTED}"), times_as_fast(work, SLOTTED), least=least)


def _memory(engine: str, most: float) -> Goal:
    figure = amount(CHAIN, bytes_per_node, "bytes")
    return Goal("memory", engine, f"at most {most:g} bytes per node", figure, most=most, collectors=(ON,))


def _import(engine: str) -> Goal:
    return _once(IMPORT, engine, "under 50 ms", amount(IMPORT, duration, "ms"), most=50.0)


def _growth(engine: str, what: str, per_node: Quantity) -> Goal:
    figure = growth_over(scalar.CHAIN.name, per_node)
    return Goal("growth", engine, f"{what} per node within 1.5 times", figure, most=1.5, collectors=(ON,))


EAGER: list[Goal] = [
    _against_the_fastest(LOGISTIC),
    _against_micrograd(LOGISTIC, NATIVE, 120.0),
    _against_micrograd(LOGISTIC, PYTHON, 10.0),
    _against_slotted(LOGISTIC, PYTHON, 1.0),
    *[_against_the_fastest(work) for work in MOONS],
    *[_against_micrograd(work, NATIVE, 50.0) for work in MOONS],
    *[_against_micrograd(work, PYTHON, 3.0) for work in MOONS],
    Goal(CHAIN, NATIVE, "at most 4 times as long as a plain float loop", times_as_long(CHAIN, peers.FLOATS), most=4.0),
    _memory(NATIVE, 88.0),
    _memory(PYTHON, 200.0),
    Goal(LARGE, NATIVE, "freed in under 50 ns per node", amount(LARGE, per_operation(freeing), "ns"), most=50.0),
    Goal(LARGE, PYTHON, "freed without recursion", amount(LARGE, per_operation(freeing), "ns")),
    _import(NATIVE),
    _import(PYTHON),
    *[_against_slotted(work, NATIVE, 10.0) for work in STEPS],
    *[_against_slotted(work, PYTHON, 1.5) for work in STEPS],
    *[_growth(engine, "time", per_operation(duration)) for engine in peers.OUR_ENGINES],
    *[_growth(engine, "memory", bytes_per_node) for engine in peers.OUR_ENGINES],
]
"""Of the engines. "Without recursion" is met by getting through it."""


# ---- compiled -------------------------------------------------------------------------------------------------

ROWS, FORTRAN_ROWS = logistic.C_ORDER.title(1_000_000), logistic.FORTRAN_ORDER.title(1_000_000)
FEW, MANY = logistic.C_ORDER.title(100), logistic.C_ORDER.title(10_000_000)
ONE, DRAWN, AT_POINTS = [work.title(work.sizes[-1]) for work in (sample.SAMPLE, graphs.RANDOM, graphs.POINTS)]
SHORT, LONG = graphs.CHAIN.title(1_000), graphs.CHAIN.title(1_000_000)
STEP, CURVATURE = moons.MOONS.title(100), hessian.HESSIAN.title(100_000)


def _within(work: str, engine: str, most: float, unit: str, quantity: Quantity = duration, what: str = "") -> Goal:
    return _once(work, engine, f"{what}at most {most:g} {unit}", amount(work, quantity, unit), most=most)


def _each(work: str, engine: str, most: float, quantity: Quantity = duration, what: str = "") -> Goal:
    """Nanoseconds for an operation, at each point."""
    return _within(work, engine, most, "ns", per_operation(quantity), f"{what}an operation: ")


def _over_rows(work: str) -> list[Goal]:
    """On all cores, except where it says otherwise."""
    of_ceiling = "at most 1.3 times as long as the ceiling"
    return [
        _faster(work, peers.OURS, peers.NUMPY, 5.0),
        _faster(work, peers.OURS, peers.TORCH, 3.0),
        _once(work, peers.OURS, "no slower than the fastest peer", fastest_of_others(work, NOT_RIVALS), least=1.0),
        _faster(work, peers.OURS, peers.NUMBA, 1.0),
        _faster(work, peers.OURS_ALONE, peers.NUMBA_ALONE, 1.0),
        _once(work, peers.OURS, of_ceiling, times_as_long(work, peers.CEILING), most=1.3),
        _once(work, peers.OURS_ALONE, of_ceiling, times_as_long(work, peers.CEILING_ALONE), most=1.3),
    ]


def _tier(tier: str, ready: tuple[float, str], each: float, rivals: tuple[str, ...]) -> list[Goal]:
    """How soon and how fast one way of compiling is, by itself and beside those of others that take as long."""
    goals = [_within(DRAWN, tier, *ready, first_answer, "first answer: "), _each(DRAWN, tier, each)]
    for rival in rivals:
        soon = times_as_fast(DRAWN, rival, recording_and_first_answer)
        demand = f"first answer, recording included: no later than {rival}"
        goals += [_once(DRAWN, tier, demand, soon, least=1.0), _faster(DRAWN, tier, rival, 1.0)]
    return goals


COMPILED: list[Goal] = [
    *_over_rows(ROWS),
    *_over_rows(FORTRAN_ROWS),
    _once(MANY, peers.OURS, "a row: at most 1.2 times as long as of 1,000,000", growth_between(ROWS, MANY), most=1.2),
    _within(FEW, peers.OURS, 5.0, "µs"),
    _within(FEW, peers.OURS_BOUND, 5.0, "µs"),
    _within(ONE, peers.OURS_BOUND, 0.5, "µs"),
    _faster(ONE, peers.OURS_BOUND, peers.CASADI, 1.0),
    _faster(ONE, peers.OURS_BOUND, peers.DDX, 1.6),
    _faster(ONE, peers.OURS_BOUND, peers.JAX, 15.0),
    *_tier(peers.INTERPRETER, (10.0, "ms"), 6.0, (peers.DDX_INTERPRETER, peers.CASADI_VM)),
    *_tier(peers.FULL, (4.0, "s"), 1.6, (peers.DDX_O1, peers.CASADI, peers.HEYOKA)),
    _each(AT_POINTS, peers.OURS_ALONE, 0.6),
    _within(AT_POINTS, peers.OURS_ALONE, 4.0, "s", first_answer, "first answer: "),
    _faster(AT_POINTS, peers.OURS_ALONE, peers.HEYOKA, 1.3),
    _faster(AT_POINTS, peers.OURS_ALONE, peers.HEYOKA_COMPACT, 1.3),
    _each(LONG, peers.INTERPRETER, 250.0, first_answer, "first answer, "),
    _each(LONG, peers.INTERPRETER, 6.0),
    _once(
        LONG,
        peers.INTERPRETER,
        "first answer, an operation: at most 1.5 times as long as of 1,000",
        growth_between(SHORT, LONG, first_answer),
        most=1.5,
    ),
    _within(LONG, peers.INTERPRETER, 24.0, "GiB", peak, "the process's memory: "),
    _faster(STEP, peers.OURS, peers.MICROGRAD, 500.0),
    _faster(STEP, peers.OURS, peers.TORCH, 1.0),
    _once(
        CURVATURE,
        peers.OURS,
        f"{_times(5.0, peers.JAX)}, or {_times(1.0, peers.NUMPY)}",
        the_better_of((times_as_fast(CURVATURE, peers.JAX), 5.0), (times_as_fast(CURVATURE, peers.NUMPY), 1.0)),
        least=1.0,
    ),
]

GOALS: list[Goal] = [*EAGER, *COMPILED]
"""The table of what must be reached."""
