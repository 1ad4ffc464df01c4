"""The process that one peer runs in, one work at a time: ``python -m benchmarks.compiled.worker``. ``rounds`` asks it.

The first line on standard input says what to do, as JSON; answers are lines of JSON on standard output.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import tempfile
import time
from timeit import Timer
from typing import Any

from benchmarks.compiled import works as _works  # noqa: F401  # every work is entered there
from benchmarks.compiled.peers import missing, version_of
from benchmarks.compiled.registry import ADAPTERS, PEERS, WORKS, Adapter, Task, Work
from benchmarks.measure import differing
from benchmarks.worker import channel, say

__all__ = ["difference", "main", "prepared", "samples"]

TURN = 0.1
"""Seconds of calls, about, each time that it is a peer's turn."""

SAMPLES = 3
"""What a turn is cut into; a call that takes longer than its share is a sample of its own."""


def main() -> None:
    """Introduce a peer, or make a work ready and time it each time that a line asks for it."""
    answers = channel()
    order = json.loads(sys.stdin.readline())
    if order["do"] == "introduce":
        peer = PEERS[order["peer"]]
        reason = missing(peer)
        say(answers, {"missing": reason} if reason else {"version": version_of(peer)})
        return
    with tempfile.TemporaryDirectory() as cache:  # what an earlier run compiled would make a first answer look quick
        os.environ["MICROGRID_CACHE"] = cache
        adapter = ADAPTERS[order["work"], order["peer"]]
        task, facts = prepared(WORKS[order["work"]], adapter, order["size"], order["peer"])
        say(answers, facts)
        for _ in sys.stdin:
            say(answers, samples(task))


def prepared(work: Work, adapter: Adapter, size: int, name: str) -> tuple[Task, dict[str, Any]]:
    """Take a work to its first answer.

    Parameters
    ----------
    work : Work
        What is done.
    adapter : Adapter
        By whom.
    size : int
        How much.
    name : str
        What a wrong answer calls the peer.

    Returns
    -------
    Task
        The work, ready.
    dict
        How many operations a call is for; the seconds of recording and of the way to the first answer; the most memory
        that the process held by then; and what is wrong with the answer, if anything.
    """
    if work.rehearsal is not None:
        adapter.prepare(adapter.record(work.problem(work.rehearsal))).call()
    problem = work.problem(size)
    start = time.perf_counter()
    recorded = adapter.record(problem)
    halfway = time.perf_counter()
    task = adapter.prepare(recorded)
    task.call()
    end = time.perf_counter()
    return task, {
        "recording": halfway - start,
        "first": end - halfway,
        "operations": work.operations(problem),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "difference": difference(name, task.answer(), work.reference(problem)),
    }


def difference(name: str, answer: list[float], reference: list[float]) -> str | None:
    """Compare an answer with the closed form; values and derivatives each by their own scale.

    Parameters
    ----------
    name : str
        Who answers.
    answer, reference : list of float
        The value first, and then its derivatives.

    Returns
    -------
    str or None
        The first difference in words.
    """
    if len(answer) != len(reference):
        return f"{name} gives {len(answer)} numbers, and the closed form {len(reference)}"
    for part in (slice(1), slice(1, None)):
        found = differing({"the closed form": reference[part], name: answer[part]}) if reference[part] else {}
        if found:
            return next(iter(found.values()))
    return None


def samples(task: Task) -> list[float]:
    """The seconds of a call, several times; short calls are made many times over, and each sample is their mean.

    While others had their turn, caches went cold and threads fell asleep: calls that are not timed come first.
    """
    timer = Timer(task.call)
    once = timer.timeit(1)
    share = TURN / (SAMPLES + 1)
    number = max(1, math.ceil(share / once))
    if number > 1:
        once = timer.timeit(number) / number
        number = max(1, math.ceil(share / once))
    times = SAMPLES if number * once < TURN else 1
    return [timer.timeit(number) / number for _ in range(times)]


if __name__ == "__main__":
    main()
