"""The process that one peer runs in, one work at a time: ``python -m benchmarks.worker``. It answers ``measure``.

A process of its own keeps a peer's heap, its settings of the interpreter and its crashes from the others. The first
line on standard input says what to do, as JSON; answers are lines of JSON on standard output.
"""

from __future__ import annotations

import gc
import importlib
import json
import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from timeit import Timer
from typing import Any, TextIO

from benchmarks.peers import missing, version_of
from benchmarks.registry import ADAPTERS, OFF, WORKS, Adapter, Call, Peer, Step, Work

__all__ = ["main", "prepared", "refer", "time_calls", "time_steps"]

TURN = 0.1
"""Seconds of calls, about, each time that it is a peer's turn."""

CALL_SAMPLES = 3
"""What a turn of calls is cut into; a call that takes longer than its share is a sample of its own."""

STEP_SAMPLES = 5
ENOUGH_OPERATIONS = 200_000
"""A turn of steps gives so many samples, or as many as make so many operations."""

SAMPLE_OPERATIONS = 20_000
"""A sample of small steps is the mean of as many as make so many operations."""

WARMING = 0.02  # seconds
WORTH_WARMING = 0.5  # seconds: in a longer run the first misses of the caches do not show
WEIGHED_NODES = 200_000


def main() -> None:
    """Do what the first line asks for, and then time the work each time that a further line asks for it."""
    answers = _channel()
    order = json.loads(sys.stdin.readline())
    if order["do"] == "introduce":
        peer = Peer(**order["peer"])
        reason = missing(peer)
        _say(answers, {"missing": reason} if reason else {"version": version_of(peer)})
        return
    importlib.import_module(order["module"])
    work, size = WORKS[order["work"]], order["size"]
    if order["do"] == "refer":
        _say(answers, refer(work, size))
        return
    adapter = ADAPTERS[work.name, order["peer"]]
    problem = order["problem"] if work.sent else work.problem(size)
    if order["do"] == "weigh":
        step = adapter.prepare(adapter.record(problem))
        assert isinstance(step, Step)
        _say(answers, _weigh(step, order["operations"]))
        return
    with tempfile.TemporaryDirectory() as cache:  # what an earlier run compiled would make a first answer look quick
        os.environ |= {"MICROGRID_CACHE": cache, "HEYOKA_CACHE_DIR": cache}
        task, facts = prepared(work, adapter, problem)
        _say(answers, facts)
        warm = facts["first"] < WORTH_WARMING
        for line in sys.stdin:
            with _collector(on=line.strip() != OFF):
                times = time_calls(task) if isinstance(task, Call) else time_steps(task, order["operations"], warm=warm)
            _say(answers, times)


def _channel() -> TextIO:
    """Standard output for answers alone; what a peer prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, answer: Any) -> None:
    """Send an answer, as a line of JSON."""
    print(json.dumps(answer), file=answers, flush=True)


def refer(work: Work, size: int) -> dict[str, Any]:
    """How many operations there are, the right answer, and the data if they are to be sent."""
    problem = work.problem(size)
    return {
        "operations": work.operations(problem),
        "reference": work.reference(problem),
        "problem": problem if work.sent else None,
    }


def prepared(work: Work, adapter: Adapter, problem: Any) -> tuple[Call | Step, dict[str, Any]]:
    """Take a work to its first answer.

    With the answer come the seconds of recording and of the way from there to the first answer, and the most memory, in
    bytes, that the process held by then.
    """
    if work.rehearsal is not None:
        _called(adapter.prepare(adapter.record(work.problem(work.rehearsal)))).call()
    start = time.perf_counter()
    recorded = adapter.record(problem)
    halfway = time.perf_counter()
    task = adapter.prepare(recorded)
    call = _called(task)
    call.call()
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return task, {"recording": halfway - start, "first": end - halfway, "peak": peak, "answer": call.answer()}


def _called(task: Call | Step) -> Call:
    return task.as_call() if isinstance(task, Step) else task


# ---- the clock ------------------------------------------------------------------------------------------------


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


def time_calls(task: Call) -> list[list[float]]:
    """Time a call for one turn.

    While others had their turn, caches went cold and threads fell asleep: calls that are not timed come first, so that
    a figure is that of one among many. Short calls are made many times over, and a sample is their mean.
    """
    timer = Timer(task.call)
    once = timer.timeit(1)
    share = TURN / (CALL_SAMPLES + 1)
    number = max(1, math.ceil(share / once))
    if number > 1:
        once = timer.timeit(number) / number
        number = max(1, math.ceil(share / once))
    times = CALL_SAMPLES if number * once < TURN else 1
    return [[timer.timeit(number) / number] for _ in range(times)]


def time_steps(task: Step, operations: int, *, warm: bool) -> list[list[float]]:
    """Time a step for one turn: the seconds of the forward pass, of the backward pass, and of freeing the graph.

    Small steps are made many times over, and a sample is their mean. If ``warm``, others that are not timed come first.
    """
    end = time.perf_counter() + WARMING
    while warm and time.perf_counter() < end:
        _time_step(task)
    runs = max(1, SAMPLE_OPERATIONS // operations)
    times = max(1, min(STEP_SAMPLES, ENOUGH_OPERATIONS // operations))
    return [_means([_time_step(task) for _ in range(runs)]) for _ in range(times)]


def _means(parts: list[tuple[float, float, float]]) -> list[float]:
    return [sum(part) / len(parts) for part in zip(*parts, strict=True)]


def _time_step(task: Step) -> tuple[float, float, float]:
    start = time.perf_counter()
    root = task.forward()
    recorded = time.perf_counter()
    task.backward(root)
    derived = time.perf_counter()
    del root
    freed = time.perf_counter()
    return recorded - start, derived - recorded, freed - derived


# ---- the scales -----------------------------------------------------------------------------------------------


def _weigh(step: Step, operations: int) -> float:
    """How many bytes of resident memory each operation's node takes; small graphs are weighed by the dozen."""
    roots: list[Any] = [None] * max(1, WEIGHED_NODES // operations)
    before = _resident()
    for place in range(len(roots)):
        roots[place] = step.forward()
    return (_resident() - before) / (len(roots) * operations)


def _resident() -> int:
    """The bytes of memory that this process holds; where the system does not say, the most that it ever held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
