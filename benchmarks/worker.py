"""The process that one peer runs in, one work at a time: ``python -m benchmarks.worker``. It answers ``measure``.

A process of its own keeps a peer's heap, its settings of the interpreter and its crashes from the others. The first
line on standard input says what to do, as JSON; answers are lines of JSON on standard output.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from benchmarks.peers import PEERS, load, version_of
from benchmarks.works import BY_HAND, FLOATS, WORKS, Task

__all__ = ["channel", "main", "say"]

ENOUGH_OPERATIONS = 20_000
WARMING = 0.02  # seconds
WORTH_WARMING = 0.5  # seconds: in a longer run the first misses of the caches do not show
WEIGHED_NODES = 200_000


def main() -> None:
    """Introduce a peer, weigh its nodes, or time a work each time that a line asks for it."""
    answers = channel()
    order = json.loads(sys.stdin.readline())
    if order["do"] == "introduce":
        say(answers, _introduce(order["peer"]))
        return
    task = _task(order)
    if task is None:
        say(answers, None)
    elif order["do"] == "weigh":
        say(answers, _weigh(task))
    else:
        start = time.perf_counter()
        answer = _answer(task)
        is_quick = time.perf_counter() - start < WORTH_WARMING
        say(answers, {"operations": task.operations, "answer": answer})
        for line in sys.stdin:
            say(answers, _time(task, collector=line.strip(), warm=is_quick))


def channel() -> TextIO:
    """Standard output for answers alone; what a peer prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def say(answers: TextIO, answer: Any) -> None:
    """Send an answer, as a line of JSON."""
    print(json.dumps(answer), file=answers, flush=True)


def _introduce(name: str) -> dict[str, Any]:
    peer = load(name)
    if isinstance(peer, str):
        return {"missing": peer}
    return {"version": version_of(peer), "module": peer.module}


def _task(order: dict[str, Any]) -> Task | None:
    """What the order asks for; None if this peer can't do it."""
    work = WORKS[order["work"]]
    if order["peer"] == FLOATS:
        return BY_HAND[work.name](order["data"]) if work.name in BY_HAND else None
    peer = PEERS[order["peer"]]()
    return work.prepare(peer, order["data"]) if work.suits(peer, order["size"]) else None


def _answer(task: Task) -> list[float]:
    root = task.forward()
    task.backward(root)
    return [task.output(root), *task.gradients()]


def _time(task: Task, collector: str, *, warm: bool) -> tuple[float, ...]:
    """The seconds of forward, backward and freeing; a small work is done many times over, and this is the mean.

    While others had their turn and while everything was collected, caches went cold. Runs that are not timed warm them
    first, so that a figure is that of a step among many, as in training.
    """
    runs = max(1, ENOUGH_OPERATIONS // task.operations)
    with _collector(on=collector == "on"):
        if warm:
            _warm(task)
        parts = [_time_once(task) for _ in range(runs)]
    return tuple([sum(part) / runs for part in zip(*parts, strict=True)])


def _warm(task: Task) -> None:
    end = time.perf_counter() + WARMING
    while time.perf_counter() < end:
        _time_once(task)


def _time_once(task: Task) -> tuple[float, float, float]:
    start = time.perf_counter()
    root = task.forward()
    recorded = time.perf_counter()
    task.backward(root)
    derived = time.perf_counter()
    del root
    freed = time.perf_counter()
    return recorded - start, derived - recorded, freed - derived


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


def _weigh(task: Task) -> float:
    """How many bytes of resident memory each operation's node takes; small graphs are weighed by the dozen."""
    roots: list[Any] = [None] * max(1, WEIGHED_NODES // task.operations)
    before = _resident()
    for place in range(len(roots)):
        roots[place] = task.forward()
    return (_resident() - before) / (len(roots) * task.operations)


def _resident() -> int:
    """The bytes of memory that this process holds; where the system does not say, the most that it ever held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
