"""The rounds: workers take turns at each work, and their samples become rows; the clock itself is in ``worker``.

Every peer works in a process of its own, made anew for each work. One works at a time, and they take turns, in one
order and then in the other, so that a machine that slows down slows all of them. Each is timed warm, as in a loop of
steps, with the cyclic collector as Python starts it, and again with it off. Memory and imports are measured in further
processes.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.peers import ENVIRONMENT, PEERS, SLOTTED
from benchmarks.works import FLOATS, WORKS, Work

__all__ = ["Findings", "Row", "Settings", "WrongAnswerError", "differing", "measure_all"]

ROOT = Path(__file__).resolve().parent.parent
ENOUGH_OPERATIONS = 200_000
MOST_ROUNDS = 5
ENOUGH_SAMPLES = 3


class WrongAnswerError(ArithmeticError):
    """An engine of microgrid computes something else than the reference."""


class WorkerDiedError(RuntimeError):
    """A peer's process ended in the middle of a work."""


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    chain : tuple of int
        The lengths of the chains.
    samples : tuple of int
        How many samples the models see, as far as the data go.
    words : tuple of int
        How many words the language model reads in a step.
    repeats : int
        Runs per figure; small works are run more often.
    patience : float
        After so many seconds of a peer at a work, three runs are enough.
    works, peers : tuple of str
        Which of them, by name.
    """

    chain: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    samples: tuple[int, ...] = (569,)
    words: tuple[int, ...] = (1,)
    repeats: int = 7
    patience: float = 10.0
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


@dataclass
class Findings:
    """What a run found.

    Parameters
    ----------
    rows : list of Row
        The figures, in the order of the table.
    versions : dict
        Who was measured, in which version.
    missing : dict
        Who was not, and why.
    failures : list of str
        Which peer failed at which work, and how.
    """

    rows: list[Row] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def measure_all(settings: Settings, say: Callable[[str], None]) -> Findings:
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
        The figures, and what could not be measured.

    Raises
    ------
    WrongAnswerError
        If microgrid's own answer differs from the reference: a wrong answer is not timed.
    """
    findings = Findings()
    modules = _introduce(settings.peers, findings)
    chosen = [(WORKS[name], size) for name in settings.works if name in WORKS for size in _sizes(WORKS[name], settings)]
    for work, size in chosen:
        say(f"{work.name} {size:,}")
        findings.rows += _measure(work, size, settings, findings)
    if "import" in settings.works:
        say("import")
        findings.rows += _time_imports(modules, settings.repeats)
    return findings


def _introduce(names: tuple[str, ...], findings: Findings) -> dict[str, str]:
    """Find out who is there; give the module of each that has one to import."""
    modules = {}
    for name in names:
        with Worker(name, do="introduce") as worker:
            try:
                introduction = worker.answer()
            except WorkerDiedError as error:
                introduction = {"missing": f"import failed: {error}"}
        if "missing" in introduction:
            findings.missing[name] = introduction["missing"]
        else:
            findings.versions[name] = introduction["version"]
            if introduction["module"]:
                modules[name] = introduction["module"]
    return modules


def _sizes(work: Work, settings: Settings) -> list[int]:
    sizes: tuple[int, ...] = getattr(settings, work.size)
    return sorted({min(size, work.most) for size in sizes})


# ---- one work -------------------------------------------------------------------------------------------------


class Worker:
    """A peer's process.

    Parameters
    ----------
    peer : str
        Whose.
    module : str
        What the process runs.
    environment : mapping, optional
        What it finds in its environment; that of the peer's engine unless said.
    **order
        What it is to do.
    """

    def __init__(
        self,
        peer: str,
        *,
        module: str = "benchmarks.worker",
        environment: Mapping[str, str] | None = None,
        **order: Any,
    ) -> None:
        self.complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed where the process is ended
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            cwd=ROOT,
            env=os.environ | (ENVIRONMENT.get(peer, {}) if environment is None else dict(environment)),
        )
        self.tell(json.dumps({"peer": peer} | order))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.complaints.close()

    def tell(self, line: str) -> None:
        """Send a line."""
        assert self.process.stdin is not None
        try:
            print(line, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise WorkerDiedError(self._last_words()) from None

    def answer(self) -> Any:
        """What it answers."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise WorkerDiedError(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        """The signal that ended it, or the last line of its traceback."""
        code = self.process.wait()
        self.complaints.seek(0)
        complaint = self.complaints.read().strip()
        if code < 0:
            return signal.Signals(-code).name
        return complaint.splitlines()[-1] if complaint else f"exit code {code}"


def _measure(work: Work, size: int, settings: Settings, findings: Findings) -> list[Row]:
    """The rows of all peers at one work and size."""
    title, data = f"{work.name} {size:,}", work.data(size)
    order = {"work": work.name, "size": size, "data": data}
    with ExitStack() as stack:
        workers = _start(title, order, findings, stack)
        rows = _time_all(title, workers, settings, findings)
    if work.weighed:
        _weigh(title, rows, order, findings)
    return rows


Ready = dict[str, tuple[Worker, int]]


def _start(title: str, order: dict[str, Any], findings: Findings, stack: ExitStack) -> Ready:
    """A worker for each peer that can do this work and does it right, with the number of its operations."""
    workers: Ready = {}
    answers: dict[str, list[float]] = {}
    for name in [*findings.versions, FLOATS]:
        worker = stack.enter_context(Worker(name, do="time", **order))
        try:
            prepared = worker.answer()
        except WorkerDiedError as error:
            findings.failures.append(f"{name} at {title}: {error}")
            continue
        if prepared is not None:
            workers[name] = worker, prepared["operations"]
            answers[name] = prepared["answer"]
    for name, difference in differing(answers).items():
        if name in ENVIRONMENT:
            raise WrongAnswerError(f"{title}: {difference}")
        findings.failures.append(f"{name} at {title}, not timed: {difference}")
        del workers[name]
    return workers


def differing(answers: dict[str, list[float]]) -> dict[str, str]:
    """Find who computes something else than the reference.

    Parameters
    ----------
    answers : dict
        A loss and its gradients by name. The reference is the loop by hand, else the class by hand, else the first.

    Returns
    -------
    dict
        For each that differs, one difference in words.
    """
    if not answers:
        return {}
    reference = next((name for name in (FLOATS, SLOTTED) if name in answers), next(iter(answers)))
    expected = answers[reference]
    largest = max(map(abs, expected))
    differences = {}
    for name, computed in answers.items():
        for ours, theirs in zip(expected, computed, strict=True):
            if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * largest):
                differences[name] = f"{name} computes {theirs!r}, and {reference} {ours!r}"
                break
    return differences


def _time_all(title: str, workers: Ready, settings: Settings, findings: Findings) -> list[Row]:
    """Time the workers in turns, with the collector on and off."""
    rows = [
        Row(title, name, collector, operations)
        for name, (_, operations) in workers.items()
        for collector in ("on", "off")
    ]
    lost: set[str] = set()
    for turn in range(settings.repeats * _rounds(rows)):
        for row in rows if turn % 2 == 0 else reversed(rows):
            if row.peer in lost or _is_enough(row, settings):
                continue
            try:
                _time_once(row, workers[row.peer][0])
            except WorkerDiedError as error:
                findings.failures.append(f"{row.peer} at {title}: {error}")
                lost.add(row.peer)
    return [row for row in rows if row.forward]


def _rounds(rows: list[Row]) -> int:
    largest = max([row.operations for row in rows], default=1)
    return max(1, min(MOST_ROUNDS, ENOUGH_OPERATIONS // largest))


def _is_enough(row: Row, settings: Settings) -> bool:
    return len(row.forward) >= ENOUGH_SAMPLES and sum(row.total) > settings.patience


def _time_once(row: Row, worker: Worker) -> None:
    worker.tell(row.collector)
    forward, backward, free = worker.answer()
    row.forward.append(forward)
    row.backward.append(backward)
    row.free.append(free)


# ---- in processes of their own --------------------------------------------------------------------------------


def _weigh(title: str, rows: list[Row], order: dict[str, Any], findings: Findings) -> None:
    """Add the memory of a node to the rows of a work."""
    for name in dict.fromkeys([row.peer for row in rows if row.peer != FLOATS]):
        with Worker(name, do="weigh", **order) as worker:
            try:
                weight = worker.answer()
            except WorkerDiedError as error:
                findings.failures.append(f"{name} at {title}, not weighed: {error}")
                continue
        for row in rows:
            if row.peer == name:
                row.bytes_per_node = weight


def _time_imports(modules: dict[str, str], repeats: int) -> list[Row]:
    rows = {name: Row("import", name, "–", 1) for name in modules}
    for name in rows:
        _import_once(name, modules[name])  # so that the byte code is there
    for _ in range(2 * repeats):
        for name, row in rows.items():
            row.forward.append(_import_once(name, modules[name]))
    return list(rows.values())


def _import_once(name: str, module: str) -> float:
    code = f"from time import perf_counter as t; s = t(); import {module}; print(t() - s)"
    environment = os.environ | ENVIRONMENT.get(name, {})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)
