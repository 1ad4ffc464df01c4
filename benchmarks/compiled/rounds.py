"""The rounds: workers take turns at each work, and their samples become rows; the clock itself is in ``worker``.

Every peer works in a process of its own, made anew for each work and size. They take turns, in one order and then in
the other, so that a machine that slows down slows all of them. Where memory does not hold the data of all at once,
they take turns in groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.compiled import works as _works  # noqa: F401  # every work is entered there
from benchmarks.compiled.peers import ours
from benchmarks.compiled.registry import ADAPTERS, PEERS, WORKS, Work
from benchmarks.measure import ENOUGH_SAMPLES, Findings, Row, Worker, WorkerDiedError, WrongAnswerError
from benchmarks.targets import NO_COLLECTOR

__all__ = ["FIRST", "RECORDING", "Settings", "measure", "title_of"]

FIRST, RECORDING = ", first answer", ", recording"
"""What is appended to a work's title for the time from a recorded graph to the first answer, and for recording it."""

SHARE_OF_MEMORY = 0.6


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    sizes : dict
        By the name of a work's setting: its sizes, where they are not the usual ones.
    repeats : int
        Turns of each peer at each work.
    patience : float
        After so many seconds of a peer at a work, it has had its turns.
    slow : bool
        Whether those are measured too who compile for many seconds.
    works, peers : tuple of str
        Which of them, by name.
    """

    sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    repeats: int = 7
    patience: float = 20.0
    slow: bool = True
    works: tuple[str, ...] = tuple(WORKS)
    peers: tuple[str, ...] = tuple(PEERS)


def title_of(work: Work, size: int) -> str:
    """What the tables call a work at a size."""
    return f"{work.name} {size:,}"


def measure(settings: Settings, say: Callable[[str], None]) -> Findings:
    """Every work of the settings with every peer.

    Parameters
    ----------
    settings : Settings
        How much is measured.
    say : callable
        Told what is being measured.

    Returns
    -------
    Findings
        The figures, and what could not be measured. An answer that differs from the closed form is not timed.

    Raises
    ------
    WrongAnswerError
        If it is microgrid's.
    """
    findings = Findings()
    _introduce(settings.peers, findings)
    for name in settings.works:
        work = WORKS[name]
        for size in settings.sizes.get(work.setting, work.sizes):
            say(title_of(work, size))
            for group in _groups(work, size, settings, findings):
                findings.rows += _take_turns(work, size, group, settings, findings)
    return findings


def _worker(peer: str, **order: Any) -> Worker:
    return Worker(peer, module="benchmarks.compiled.worker", environment=PEERS[peer].environment, **order)


def _introduce(names: tuple[str, ...], findings: Findings) -> None:
    """Find out who is there."""
    for name in names:
        with _worker(name, do="introduce") as worker:
            try:
                introduction = worker.answer()
            except WorkerDiedError as error:
                introduction = {"missing": f"import failed: {error}"}
        if "missing" in introduction:
            findings.missing[name] = introduction["missing"]
        else:
            findings.versions[name] = introduction["version"]


def _groups(work: Work, size: int, settings: Settings, findings: Findings) -> Iterator[list[str]]:
    """The peers who can do this work, in groups that memory holds."""
    able = [
        name
        for name in findings.versions
        if (adapter := ADAPTERS.get((work.name, name))) and size <= adapter.most and (settings.slow or not adapter.slow)
    ]
    at_once = max(1, int(SHARE_OF_MEMORY * _memory() / max(1, work.weight(size))))
    for start in range(0, len(able), at_once):
        yield able[start : start + at_once]


def _memory() -> int:
    """The bytes that are free; where the system does not say, what the smallest machine has."""
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 4 << 30


def _take_turns(work: Work, size: int, names: list[str], settings: Settings, findings: Findings) -> list[Row]:
    """The rows of some peers at one work and size."""
    title = title_of(work, size)
    rows: list[Row] = []
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name in names:
            worker = _prepare(work, size, name, settings, findings, rows)
            if worker is not None:
                workers[name] = stack.enter_context(worker)
        timed = [row for row in rows if row.work == title]
        for turn in range(settings.repeats):
            for row in timed if turn % 2 == 0 else reversed(timed):
                if row.peer in workers and not _is_enough(row, settings):
                    _take_a_turn(row, workers, findings)
    return [row for row in rows if row.forward]


def _prepare(
    work: Work, size: int, name: str, settings: Settings, findings: Findings, rows: list[Row]
) -> Worker | None:
    """A worker that can be timed, if this peer gives the right answer; and the rows for its figures.

    Where the time to the first answer counts, each of them takes a process, and the last one stays.
    """
    title = title_of(work, size)
    recording, first = [Row(title + part, name, NO_COLLECTOR, 1) for part in (RECORDING, FIRST)]
    while True:
        worker = _worker(name, do="time", work=work.name, size=size)
        try:
            facts = worker.answer()
        except WorkerDiedError as error:
            findings.failures.append(f"{name} at {title}: {error}")
            break
        if facts["difference"]:
            if ours(name):
                worker.close()
                raise WrongAnswerError(f"{title}: {facts['difference']}")
            findings.failures.append(f"{name} at {title}, not timed: {facts['difference']}")
            break
        recording.operations = first.operations = facts["operations"]
        recording.forward.append(facts["recording"])
        first.forward.append(facts["first"])
        first.bytes_per_node = facts["peak"] / facts["operations"]
        wanted = 1 if work.rehearsal is None else settings.repeats
        if len(first.forward) == wanted or sum(first.forward) > settings.patience / 4:
            rows += [recording, first, Row(title, name, NO_COLLECTOR, facts["operations"])]
            return worker
        worker.close()
    worker.close()
    return None


def _is_enough(row: Row, settings: Settings) -> bool:
    return len(row.forward) >= ENOUGH_SAMPLES and sum(row.forward) > settings.patience


def _take_a_turn(row: Row, workers: dict[str, Worker], findings: Findings) -> None:
    worker = workers[row.peer]
    try:
        worker.tell("")
        row.forward += worker.answer()
    except WorkerDiedError as error:
        findings.failures.append(f"{row.peer} at {row.work}: {error}")
        del workers[row.peer]
