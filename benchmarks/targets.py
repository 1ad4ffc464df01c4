"""What the engines must reach, row by row, beside what a run found; the figures come from ``measure``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Row
from benchmarks.peers import ENVIRONMENT, NATIVE, PYTHON, SLOTTED
from benchmarks.works import FLOATS

__all__ = [
    "NO_COLLECTOR",
    "TARGETS",
    "Figure",
    "Reached",
    "Result",
    "Target",
    "find",
    "judge",
    "times_as_fast_as",
    "times_as_fast_as_the_fastest",
]

NOT_PEERS = {*ENVIRONMENT, FLOATS}
ON, OFF, NO_COLLECTOR = "on", "off", "–"


@dataclass(frozen=True)
class Reached:
    """A figure, and what to call it.

    Parameters
    ----------
    number : float
        The figure.
    text : str
        As the table shows it.
    """

    number: float
    text: str


Figure = Callable[["list[Row]", str, str], "Reached | None"]


@dataclass(frozen=True)
class Target:
    """One demand of one engine.

    Parameters
    ----------
    work, engine : str
        What is done, by which engine.
    demand : str
        In words.
    figure : callable
        Finds the figure in the rows, for an engine and a collector; None where it was not measured.
    least, most : float or None
        Its bound.
    collectors : tuple of str
        With which it is measured.
    judged : str or None
        The collector with which it is to be reached; with each of them unless said.
    """

    work: str
    engine: str
    demand: str
    figure: Figure
    least: float | None = None
    most: float | None = None
    collectors: tuple[str, ...] = (ON, OFF)
    judged: str | None = None

    def is_met(self, reached: Reached) -> bool:
        """Whether the figure keeps the bound."""
        above = self.least is None or reached.number >= self.least
        return above and (self.most is None or reached.number <= self.most)


@dataclass(frozen=True)
class Result:
    """A target and what was found.

    Parameters
    ----------
    target : Target
        The demand.
    reached : dict
        By collector.
    """

    target: Target
    reached: dict[str, Reached | None]

    @property
    def verdict(self) -> str:
        """Whether it is met: only if every figure that counts was measured and keeps the bound."""
        counting = [figure for collector, figure in self.reached.items() if self.target.judged in (collector, None)]
        found = [figure for figure in counting if figure is not None]
        if len(found) < len(counting):
            return "not measured"
        return "met" if all(map(self.target.is_met, found)) else "NOT MET"


def judge(rows: list[Row], targets: list[Target] | None = None) -> list[Result]:
    """Hold every target to what a run found.

    Parameters
    ----------
    rows : list of Row
        The figures.
    targets : list of Target, optional
        Those of the engines unless said.

    Returns
    -------
    list of Result
        In the order of the targets.
    """
    return [
        Result(target, {collector: target.figure(rows, target.engine, collector) for collector in target.collectors})
        for target in (TARGETS if targets is None else targets)
    ]


# ---- figures --------------------------------------------------------------------------------------------------


def find(rows: list[Row], work: str, peer: str, collector: str) -> Row | None:
    """Look up the figures of one peer at one work.

    Parameters
    ----------
    rows : list of Row
        The figures.
    work, peer, collector : str
        Whose, at what.

    Returns
    -------
    Row or None
        None if it was not measured.
    """
    wanted = (work, peer, collector)
    return next((row for row in rows if (row.work, row.peer, row.collector) == wanted), None)


def times_as_fast_as(work: str, peer: str) -> Figure:
    """How many times as long the peer takes."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        ours, theirs = find(rows, work, engine, collector), find(rows, work, peer, collector)
        if ours is None or theirs is None:
            return None
        ratio = median(theirs.total) / median(ours.total)
        return Reached(ratio, f"{ratio:.3g} ×")

    return figure


def times_as_fast_as_the_fastest(work: str, but: Collection[str] = NOT_PEERS) -> Figure:
    """How many times as long the fastest peer takes, of all but some."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        ours = find(rows, work, engine, collector)
        others = [row for row in rows if (row.work, row.collector) == (work, collector) and row.peer not in but]
        if ours is None or not others:
            return None
        fastest = min(others, key=lambda row: median(row.total))
        ratio = median(fastest.total) / median(ours.total)
        return Reached(ratio, f"{ratio:.3g} × {fastest.peer}")

    return figure


def times_the_loop(work: str) -> Figure:
    """How many times as long as the plain loop."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        ours, loop = find(rows, work, engine, collector), find(rows, work, FLOATS, collector)
        if ours is None or loop is None:
            return None
        ratio = median(ours.total) / median(loop.total)
        return Reached(ratio, f"{ratio:.3g} ×")

    return figure


def bytes_per_node(work: str) -> Figure:
    """The memory of a node."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        row = find(rows, work, engine, collector)
        if row is None or row.bytes_per_node is None:
            return None
        return Reached(row.bytes_per_node, f"{row.bytes_per_node:.0f} bytes")

    return figure


def nanoseconds_freeing(work: str) -> Figure:
    """The time that freeing a node takes."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        row = find(rows, work, engine, collector)
        if row is None:
            return None
        nanoseconds = median(row.free) / row.operations * 1e9
        return Reached(nanoseconds, f"{nanoseconds:.0f} ns")

    return figure


def milliseconds_importing(rows: list[Row], engine: str, collector: str) -> Reached | None:
    """The time of the import, in a fresh process."""
    row = find(rows, "import", engine, collector)
    if row is None:
        return None
    milliseconds = median(row.total) * 1e3
    return Reached(milliseconds, f"{milliseconds:.0f} ms")


def growth_of(quantity: Callable[[Row], float | None]) -> Figure:
    """How many times as much a node takes in the chain where it takes most as in the one where it takes least."""

    def figure(rows: list[Row], engine: str, collector: str) -> Reached | None:
        of_engine = [row for row in rows if (row.peer, row.collector) == (engine, collector)]
        chains = [row for row in of_engine if row.work.startswith("chain ")]
        per_node = [found for found in map(quantity, chains) if found is not None]
        if len(per_node) < 2:
            return None
        ratio = max(per_node) / min(per_node)
        lengths = [row.operations for row in chains]
        return Reached(ratio, f"{ratio:.2f} × from {min(lengths):,} to {max(lengths):,}")

    return figure


def _seconds_per_node(row: Row) -> float | None:
    return median(row.total) / row.operations


def _bytes_per_node(row: Row) -> float | None:
    return row.bytes_per_node


# ---- the table ------------------------------------------------------------------------------------------------

LOGISTIC, CHAIN, LARGE = "logistic loss 569", "chain 100,000", "chain 1,000,000"
MOONS = ("moons step 100", "moons step, unfused 100")
STEPS = ("GPT step 1", "GPT step, unfused 1")


def _against_micrograd(work: str, engine: str, least: float) -> Target:
    """A demand that was set with the collector as Python starts it, which makes micrograd several times slower."""
    demand = f"at least {least:g} × micrograd, collector on"
    return Target(work, engine, demand, times_as_fast_as(work, "micrograd"), least=least, judged=ON)


def _against_the_fastest(work: str) -> Target:
    figure = times_as_fast_as_the_fastest(work)
    return Target(work, NATIVE, "at least 1.8 × the fastest peer", figure, least=1.8)


def _against_slotted(work: str, engine: str, least: float, demand: str) -> Target:
    return Target(work, engine, demand, times_as_fast_as(work, SLOTTED), least=least)


def _memory(engine: str, most: float) -> Target:
    demand = f"at most {most:g} bytes per node"
    return Target("memory", engine, demand, bytes_per_node(CHAIN), most=most, collectors=(ON,))


def _import(engine: str) -> Target:
    return Target("import", engine, "under 50 ms", milliseconds_importing, most=50.0, collectors=(NO_COLLECTOR,))


def _growth(engine: str, what: str, per_node: Callable[[Row], float | None]) -> Target:
    demand = f"{what} per node within 1.5 ×"
    return Target("growth", engine, demand, growth_of(per_node), most=1.5, collectors=(ON,))


TARGETS: list[Target] = [
    _against_the_fastest(LOGISTIC),
    _against_micrograd(LOGISTIC, NATIVE, 120.0),
    _against_micrograd(LOGISTIC, PYTHON, 10.0),
    _against_slotted(LOGISTIC, PYTHON, 1.0, "no slower than the slotted class"),
    *[_against_the_fastest(work) for work in MOONS],
    *[_against_micrograd(work, NATIVE, 50.0) for work in MOONS],
    *[_against_micrograd(work, PYTHON, 3.0) for work in MOONS],
    Target(CHAIN, NATIVE, "at most 4 × a plain float loop", times_the_loop(CHAIN), most=4.0),
    _memory(NATIVE, 88.0),
    _memory(PYTHON, 200.0),
    Target("1,000,000 nodes freed", NATIVE, "under 50 ns per node", nanoseconds_freeing(LARGE), most=50.0),
    Target("1,000,000 nodes freed", PYTHON, "without recursion", nanoseconds_freeing(LARGE)),
    _import(NATIVE),
    _import(PYTHON),
    *[_against_slotted(work, NATIVE, 10.0, "at least 10 × the slotted class") for work in STEPS],
    *[_against_slotted(work, PYTHON, 1.5, "at least 1.5 × the slotted class") for work in STEPS],
    *[_growth(engine, "time", _seconds_per_node) for engine in ENVIRONMENT],
    *[_growth(engine, "memory", _bytes_per_node) for engine in ENVIRONMENT],
]
"""The table of what must be reached. "Without recursion" is met by getting through it."""
