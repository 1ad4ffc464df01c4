"""The clock and the scales: interleaved runs of tasks, the memory of nodes, the time of an import.

Peers take turns, so that a machine that slows down slows all of them. Each run starts after a full collection, with
the cyclic collector as Python starts it or off. Memory and imports are measured in processes of their own.
"""

from __future__ import annotations

import gc
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import PEERS, Peer
from benchmarks.works import BY_HAND, FLOATS, WORKS, Task, Work

__all__ = ["Row", "Settings", "measure_all"]

ENOUGH_OPERATIONS = 200_000
MOST_ROUNDS = 5
SMALLEST_WEIGHED = 100_000


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    chain : tuple of int
        The lengths of the chains.
    samples : tuple of int
        How many samples the models see, as far as the data go.
    repeats : int
        Runs per figure; small works are run more often.
    works, peers : tuple of str
        Which of them, by name.
    """

    chain: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    samples: tuple[int, ...] = (569,)
    repeats: int = 7
    works: tuple[str, ...] = (*WORKS, "import")
    peers: tuple[str, ...] = tuple(PEERS)


@dataclass
class Row:
    """The figures of one peer at one work: samples in seconds, one per run.

    Parameters
    ----------
    work, peer : str
        Who did what.
    collector : str
        "on" or "off"; "–" where it plays no part.
    operations : int
        How many operations the seconds are for.
    forward, backward, free : list of float
        The three parts of each run.
    bytes_per_node : float or None
        The memory of a node, where it was measured.
    """

    work: str
    peer: str
    collector: str
    operations: int
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    free: list[float] = field(default_factory=list)
    bytes_per_node: float | None = None

    @property
    def total(self) -> list[float]:
        """Forward and backward of each run; an import has only the first."""
        if not self.backward:
            return self.forward
        return [forward + backward for forward, backward in zip(self.forward, self.backward, strict=True)]


def measure_all(settings: Settings, peers: list[Peer], say: Callable[[str], None]) -> list[Row]:
    """Every work of the settings with every peer.

    Parameters
    ----------
    settings : Settings
        How much is measured.
    peers : list of Peer
        The engines, the one to compare with first.
    say : callable
        Told what is being measured.

    Returns
    -------
    list of Row
        In the order of the table.
    """
    rows: list[Row] = []
    chosen = [(WORKS[name], size) for name in settings.works if name in WORKS for size in _sizes(WORKS[name], settings)]
    prepared = [(work, size, _prepare(work, size, peers)) for work, size in chosen]  # data are loaded before any clock
    for work, size, tasks in prepared:
        if not tasks:
            continue
        title = f"{work.name} {size:,}"
        say(title)
        _check_agreement(title, tasks)
        rows += _time_all(title, tasks, settings.repeats)
        if work.weighed and size >= SMALLEST_WEIGHED:
            _weigh(rows, title, work, size)
    if "import" in settings.works:
        say("import")
        rows += _time_imports(peers, settings.repeats)
    return rows


def _sizes(work: Work, settings: Settings) -> list[int]:
    sizes: tuple[int, ...] = getattr(settings, work.size)
    return sorted({min(size, work.most) for size in sizes})


def _prepare(work: Work, size: int, peers: list[Peer]) -> dict[str, Task]:
    """A task for each peer that can do this work, and the loop by hand if there is one."""
    able = [peer for peer in peers if all(getattr(peer, need) is not None for need in work.needs)]
    if work.size == "chain":
        able = [peer for peer in able if size <= peer.longest]
    tasks = {peer.name: work.prepare(peer, size) for peer in able}
    if work.name in BY_HAND:
        tasks[FLOATS] = BY_HAND[work.name](size)
    return tasks


def _check_agreement(title: str, tasks: dict[str, Task]) -> None:
    """A wrong answer is not timed."""
    answers = {name: _answer(task) for name, task in tasks.items()}
    reference, *others = answers
    largest = max(map(abs, answers[reference]))
    for other in others:
        for ours, theirs in zip(answers[reference], answers[other], strict=True):
            if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * largest):
                raise ArithmeticError(f"{title}: {reference} computes {ours!r}, and {other} {theirs!r}")


def _answer(task: Task) -> list[float]:
    root = task.forward()
    task.backward(root)
    return [task.output(root), *task.gradients()]


def _time_all(title: str, tasks: dict[str, Task], repeats: int) -> list[Row]:
    """Time the tasks in turns, with the collector on and off."""
    rows = [Row(title, name, collector, task.operations) for name, task in tasks.items() for collector in ("on", "off")]
    for _ in range(repeats * _rounds(rows[0].operations)):
        for row in rows:
            _time_once(row, tasks[row.peer])
    return rows


def _rounds(operations: int) -> int:
    return max(1, min(MOST_ROUNDS, ENOUGH_OPERATIONS // operations))


def _time_once(row: Row, task: Task) -> None:
    with _collector(on=row.collector == "on"):
        start = time.perf_counter()
        root = task.forward()
        recorded = time.perf_counter()
        task.backward(root)
        derived = time.perf_counter()
        del root
        freed = time.perf_counter()
    row.forward.append(recorded - start)
    row.backward.append(derived - recorded)
    row.free.append(freed - derived)


@contextmanager
def _collector(*, on: bool) -> Iterator[None]:
    """The cyclic collector on or off inside the block, after a full collection; as it was afterwards."""
    before = gc.isenabled()
    gc.collect()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()


# ---- in processes of their own --------------------------------------------------------------------------------


def _ask(code: str) -> float:
    """What a fresh Python prints."""
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return float(done.stdout)


def _weigh(rows: list[Row], title: str, work: Work, size: int) -> None:
    """Add the memory of a node to the rows of a work."""
    weights: dict[str, float] = {}
    for row in rows:
        if row.work == title and row.peer in PEERS:
            if row.peer not in weights:
                growth = f"measure.resident_growth({work.name!r}, {row.peer!r}, {size})"
                weights[row.peer] = _ask(f"from benchmarks import measure; print({growth})")
            row.bytes_per_node = weights[row.peer]


def resident_growth(work: str, peer: str, size: int) -> float:
    """How many bytes of memory each operation's node takes, in this process."""
    task = WORKS[work].prepare(PEERS[peer](), size)
    before = _resident()
    root = task.forward()
    grown = _resident() - before
    del root
    return grown / task.operations


def _resident() -> int:
    """The bytes of memory that this process holds; where the system does not say, the most that it ever held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _time_imports(peers: list[Peer], repeats: int) -> list[Row]:
    rows = {peer.module: Row("import", peer.name, "–", 1) for peer in peers if peer.module}
    for module in rows:
        _import_once(module)  # so that the byte code is there
    for _ in range(2 * repeats):
        for module, row in rows.items():
            row.forward.append(_import_once(module))
    return list(rows.values())


def _import_once(module: str) -> float:
    return _ask(f"from time import perf_counter as t; s = t(); import {module}; print(t() - s)")
