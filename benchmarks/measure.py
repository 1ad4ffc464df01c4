"""The rounds: workers take turns at each work, and their samples become rows; the clock itself is in ``worker``.

Every peer works in a process of its own, made anew for each work and size. One works at a time, and they take turns, in
one order and then in the other, so that a machine that slows down slows all of them; where memory does not hold the
data of all at once, they take turns in groups. Memory and imports are measured in further processes.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.engines import ENGINES
from benchmarks.registry import ADAPTERS, NO_COLLECTOR, PEERS, WORKS, Work
from benchmarks.works import every

__all__ = [
    "IMPORT",
    "Findings",
    "Row",
    "Settings",
    "Worker",
    "WorkerDiedError",
    "WrongAnswerError",
    "difference",
    "measure",
]

assert every.__all__  # every work is entered there

ROOT = Path(__file__).resolve().parent.parent
IMPORT = "import"
"""What the tables call the time that importing an engine takes."""

ENOUGH_SAMPLES = 3
SHARE_OF_MEMORY = 0.6


class WrongAnswerError(ArithmeticError):
    """microgrid computes something else than the reference: a wrong answer is not timed."""


class WorkerDiedError(RuntimeError):
    """A process ended in the middle of a work."""


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    # by the name of a work's setting: its sizes, where they are not the usual ones
    sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    repeats: int = 7  # turns of each peer at each work
    patience: float = 10.0  # after so many seconds of a peer at a work, it has had its turns
    slow: bool = True  # whether those are measured too who compile for many seconds
    works: tuple[str, ...] = (*WORKS, IMPORT)
    peers: tuple[str, ...] = tuple(PEERS)


@dataclass
class Row:
    """The figures of one peer at one work (with its size): samples in seconds.

    Of forward, backward and freeing, the parts of each run, a call and an import have only the first.
    """

    work: str
    peer: str
    collector: str  # how the cyclic collector was set
    operations: int  # how many operations, rows or samples the seconds are for
    kind: str = "eager"  # "eager" or "compiled": which of the tables it is in
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    free: list[float] = field(default_factory=list)
    recording: list[float] = field(default_factory=list)  # the making of the peer's own arrays or graph
    first: list[float] = field(default_factory=list)  # from there to the first answer, compiling included
    peak: float | None = None  # the most bytes that the process held at the first answer, with its libraries
    bytes_per_node: float | None = None  # where it was measured

    @property
    def total(self) -> list[float]:
        """Forward and backward of each run."""
        if not self.backward:
            return self.forward
        return [forward + backward for forward, backward in zip(self.forward, self.backward, strict=True)]


@dataclass
class Findings:
    """What a run found."""

    rows: list[Row] = field(default_factory=list)  # in the order of the tables
    versions: dict[str, str] = field(default_factory=dict)  # who was measured, in which version
    missing: dict[str, str] = field(default_factory=dict)  # who was not, and why
    failures: list[str] = field(default_factory=list)  # which peer failed at which work, and how


def measure(settings: Settings, say: Callable[[str], None]) -> Findings:
    """Every work of the settings with every peer; ``say`` is told what is being measured.

    An answer that differs from the reference is not timed.

    Raises
    ------
    WrongAnswerError
        If it is microgrid's.
    WorkerDiedError
        If a reference can't be found.
    """
    findings = Findings()
    _introduce(settings.peers, findings)
    for work in [WORKS[name] for name in settings.works if name != IMPORT]:
        sizes = settings.sizes.get(work.setting, work.sizes)
        for size in sorted({min(size, work.most) for size in sizes}):
            say(work.title(size))
            findings.rows += _at(work, size, settings, findings)
    if IMPORT in settings.works:
        say(IMPORT)
        findings.rows += _time_imports([*findings.versions], settings.repeats)
    return findings


def _introduce(names: tuple[str, ...], findings: Findings) -> None:
    """Find out who is there."""
    for name in names:
        with Worker(name, do="introduce", peer=asdict(PEERS[name])) as worker:
            try:
                introduction = worker.answer()
            except WorkerDiedError as error:
                introduction = {"missing": f"import failed: {error}"}
        if "missing" in introduction:
            findings.missing[name] = introduction["missing"]
        else:
            findings.versions[name] = introduction["version"]


# ---- processes ------------------------------------------------------------------------------------------------


class Worker:
    """A peer's process, which does what the order says; without a name, the one that finds the reference."""

    def __init__(self, name: str | None, **order: Any) -> None:
        self.complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed where the process is ended
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            cwd=ROOT,
            env=_environment(name),
        )
        self.tell(json.dumps({"peer": name} | order))

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


def _environment(name: str | None) -> dict[str, str]:
    return os.environ | ({} if name is None else dict(PEERS[name].environment))


def _time_imports(names: list[str], repeats: int) -> list[Row]:
    """How long importing each engine takes, those apart that have nothing to install."""
    rows = [Row(IMPORT, name, NO_COLLECTOR, 1) for name in names if name in ENGINES and PEERS[name].distribution]
    for row in rows:
        _import_once(row.peer)  # so that the byte code is there
    for _ in range(2 * repeats):
        for row in rows:
            row.forward.append(_import_once(row.peer))
    return rows


def _import_once(name: str) -> float:
    code = f"from time import perf_counter as t; s = t(); import {PEERS[name].module}; print(t() - s)"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=_environment(name))
    return float(done.stdout)


# ---- one work -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """A work at a size, with what every peer's process is told of it."""

    work: Work
    title: str
    order: dict[str, Any]
    operations: int
    reference: list[float]

    def worker(self, name: str, do: str) -> Worker:
        """A process of a peer that does this."""
        return Worker(name, do=do, module=ADAPTERS[self.work.name, name].module, **self.order)


def _at(work: Work, size: int, settings: Settings, findings: Findings) -> list[Row]:
    """The rows of all peers at one work and size."""
    able = able_peers(work, size, settings, findings)
    if not able:
        return []
    order = {"work": work.name, "size": size}
    with Worker(None, do="refer", module=ADAPTERS[work.name, able[0]].module, **order) as worker:
        told = worker.answer()
    order |= {"problem": told["problem"], "operations": told["operations"]}
    job = Job(work, work.title(size), order, told["operations"], told["reference"])
    rows: list[Row] = []
    for group in groups(able, work.weight(size)):
        rows += _take_turns(job, group, settings, findings)
    if work.weighed:
        _weigh(job, rows, findings)
    return rows


def able_peers(work: Work, size: int, settings: Settings, findings: Findings) -> list[str]:
    """Who can do this."""
    return [
        name
        for name in findings.versions
        if (adapter := ADAPTERS.get((work.name, name))) and size <= adapter.most and (settings.slow or not adapter.slow)
    ]


def groups(names: list[str], weight: int) -> Iterator[list[str]]:
    """The peers in groups that memory holds, each with so many bytes."""
    at_once = max(1, int(SHARE_OF_MEMORY * free_memory() / max(1, weight)))
    for start in range(0, len(names), at_once):
        yield names[start : start + at_once]


def free_memory() -> int:
    """The bytes that are free; where the system does not say, what the smallest machine has."""
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 4 << 30


def _take_turns(job: Job, names: list[str], settings: Settings, findings: Findings) -> list[Row]:
    """The rows of some peers at one work."""
    rows: list[Row] = []
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name in names:
            facts: list[dict[str, Any]] = []
            worker = _prepare(job, name, settings, findings, facts)
            if worker is not None:
                workers[name] = stack.enter_context(worker)
                rows += _rows(job, name, facts)
        for turn in range(settings.repeats):
            for row in rows if turn % 2 == 0 else reversed(rows):
                if row.peer in workers and not _is_enough(row, settings):
                    _take_a_turn(row, workers, findings)
    return [row for row in rows if row.forward]


def _prepare(job: Job, name: str, settings: Settings, findings: Findings, facts: list[dict[str, Any]]) -> Worker | None:
    """A worker that can be timed, if this peer gives the right answer; what it tells is added to the facts.

    Where the time to the first answer counts, each of them takes a process, and the last one stays.
    """
    wanted = 1 if job.work.rehearsal is None else settings.repeats
    while True:
        worker = job.worker(name, "time")
        try:
            facts.append(worker.answer())
        except WorkerDiedError as error:
            findings.failures.append(f"{name} at {job.title}: {error}")
            break
        wrong = difference(name, facts[-1]["answer"], job.reference)
        if wrong is not None:
            if PEERS[name].is_ours:
                worker.close()
                raise WrongAnswerError(f"{job.title}: {wrong}")
            findings.failures.append(f"{name} at {job.title}, not timed: {wrong}")
            break
        if len(facts) == wanted or sum(one["first"] for one in facts) > settings.patience / 4:
            return worker
        worker.close()
    worker.close()
    return None


def difference(name: str, answer: list[float], reference: list[float]) -> str | None:
    """The first difference of an answer from the reference; its value and its derivatives each by their own scale."""
    if len(answer) != len(reference):
        return f"{name} gives {len(answer)} numbers, and the reference {len(reference)}"
    for part in (slice(1), slice(1, None)):
        largest = max(map(abs, reference[part]), default=0.0)
        for ours, theirs in zip(reference[part], answer[part], strict=True):
            if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * largest):
                return f"{name} computes {theirs!r}, and the reference is {ours!r}"
    return None


def _rows(job: Job, name: str, facts: list[dict[str, Any]]) -> list[Row]:
    """A row for each setting of the collector, without its samples."""
    recording, first = [one["recording"] for one in facts], [one["first"] for one in facts]
    return [
        Row(
            job.title,
            name,
            collector,
            job.operations,
            job.work.kind,
            recording=recording,
            first=first,
            peak=facts[-1]["peak"],
        )
        for collector in job.work.collectors
    ]


def _is_enough(row: Row, settings: Settings) -> bool:
    return len(row.forward) >= ENOUGH_SAMPLES and sum(row.total) > settings.patience


def _take_a_turn(row: Row, workers: dict[str, Worker], findings: Findings) -> None:
    worker = workers[row.peer]
    try:
        worker.tell(row.collector)
        samples = worker.answer()
    except WorkerDiedError as error:
        findings.failures.append(f"{row.peer} at {row.work}: {error}")
        del workers[row.peer]
        return
    for sample in samples:
        for part, seconds in zip((row.forward, row.backward, row.free), sample, strict=False):
            part.append(seconds)


def _weigh(job: Job, rows: list[Row], findings: Findings) -> None:
    """Add the memory of a node to the rows of a work."""
    for name in dict.fromkeys([row.peer for row in rows if row.peer in ENGINES]):
        with job.worker(name, "weigh") as worker:
            try:
                weight = worker.answer()
            except WorkerDiedError as error:
                findings.failures.append(f"{name} at {job.title}, not weighed: {error}")
                continue
        for row in rows:
            if row.peer == name:
                row.bytes_per_node = weight
