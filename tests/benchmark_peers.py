"""Tiny works and peers that are right, wrong, dying or missing, for the tests of the benchmarks' harness.

The tests import this, and so do the processes that they start.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from benchmarks.registry import OFF, ON, PEERS, Call, Peer, Step, Work, adapter, enter

__all__ = ["NAMES", "OUR_WRONG", "SQUARE", "STEP"]

RIGHT, WRONG, DYING, RAISING, ABSENT, OUR_WRONG = "right", "wrong", "dying", "raising", "absent", "our wrong one"
NAMES = (RIGHT, WRONG, DYING, RAISING, ABSENT)

for _name in (RIGHT, WRONG, DYING, RAISING):
    PEERS[_name] = Peer(_name, "math")
PEERS[ABSENT] = Peer(ABSENT, "no_such_module")
PEERS[OUR_WRONG] = Peer(OUR_WRONG, "microgrid")

SQUARE = enter(
    Work(
        "square of",
        problem=int,
        reference=lambda size: [size**2, 2.0 * size],
        operations=lambda _size: 10,
        sizes=(3,),
        rehearsal=2,
    )
)
STEP = enter(
    Work(
        "step of",
        problem=lambda size: {"number": size},
        reference=lambda given: [given["number"] ** 2, 2.0 * given["number"]],
        operations=lambda _given: 10_000,
        sizes=(3,),
        kind="eager",
        collectors=(ON, OFF),
        sent=True,
    )
)


def _call(size: int, factor: float = 1.0) -> Call:
    return Call(lambda: None, lambda: [size**2, 2.0 * factor * size])


@adapter(RIGHT, SQUARE)
def _right(size: int) -> Call:
    return _call(size)


@adapter(WRONG, SQUARE)
@adapter(OUR_WRONG, SQUARE)
def _wrong(size: int) -> Call:
    return _call(size, factor=1.001)


@adapter(DYING, SQUARE)
def _dying(size: int) -> Call:
    """It gives its first answer, and dies when it is timed."""
    calls: list[int] = []

    def call() -> None:
        calls.append(size)
        if len(calls) > 1:
            os.kill(os.getpid(), signal.SIGKILL)

    return Call(call, _call(size).answer)


@adapter(RAISING, SQUARE)
def _raising(size: int) -> Call:
    raise ValueError(f"no square of {size}")


@adapter(RIGHT, STEP)
def _step(given: dict[str, Any]) -> Step:
    number = float(given["number"])
    return Step(lambda: number**2, lambda _root: None, lambda: [2.0 * number], lambda root: root)
