"""What a work, a peer and an adapter are, and where they are entered; ``peers`` and ``works`` do that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

__all__ = ["ADAPTERS", "COLLECTORS", "PEERS", "WORKS", "Adapter", "Call", "Peer", "Step", "Work", "adapter", "enter"]

ON, OFF, NO_COLLECTOR = COLLECTORS = "on", "off", "–"
"""How the cyclic collector is set while a work is timed; the last where it plays no part."""


@dataclass(frozen=True)
class Call:
    """A work that one peer has made ready, as one call, which is timed.

    ``answer`` gives what the last call found, as floats: the value first, where there is one, and then its derivatives.
    """

    call: Callable[[], object]
    answer: Callable[[], list[float]]


@dataclass(frozen=True)
class Step:
    """A work that one peer has made ready, as a step whose graph is recorded anew each time."""

    forward: Callable[[], Any]  # records the graph and gives its root
    backward: Callable[[Any], None]  # takes the root to the gradients, and whatever else belongs to the step
    gradients: Callable[[], list[float]]  # as floats
    output: Callable[[Any], float]  # the root's number

    def as_call(self) -> Call:
        """Forward and backward in one call; gradients may add up, so ask for the answer after the first one."""
        values = [0.0]

        def call() -> None:
            root = self.forward()
            self.backward(root)
            values[0] = self.output(root)

        return Call(call, lambda: [*values, *self.gradients()])


@dataclass(frozen=True)
class Peer:
    """Somebody who is measured, in one of their ways to work."""

    name: str  # what the tables call it
    module: str  # what its processes import
    distribution: str = ""  # what is installed, to tell its version
    # names that the module must have, and their values; None for any
    needs: Mapping[str, str | None] = field(default_factory=dict)
    compiler: bool = False  # whether it takes a C compiler
    environment: Mapping[str, str] = field(default_factory=dict)  # what its processes find there

    @property
    def is_ours(self) -> bool:
        """Whether it is microgrid itself, in one of its ways."""
        return self.module == "microgrid"


@dataclass(frozen=True)
class Work:
    """One thing to do, at the sizes that it is done at.

    The reference finds the right answer in another way: in closed form, or by loops written by hand. ``operations`` is
    how many operations, or other units, the seconds are for. Where the time to the first answer counts, each comes from
    a process of its own, which was warmed with the size of the ``rehearsal`` first, so that what a library does once in
    a process is in nobody's time. Data that are ``sent`` are made once and go to the peers' processes as JSON; others
    are made anew in each.
    """

    name: str  # what the tables call it
    problem: Callable[[int], Any]  # from a size to the data, the same for every peer
    reference: Callable[[Any], list[float]]  # from the data
    operations: Callable[[Any], int]  # from the data
    sizes: tuple[int, ...]  # unless the command line says otherwise
    kind: str = "compiled"  # "eager" or "compiled": which of the tables it is in
    unit: str = "operation"
    setting: str = ""  # the argument of the command line that sets the sizes, if one does
    most: int = sys.maxsize  # the largest size that there is; larger ones are cut to it
    weight: Callable[[int], int] = lambda _size: 0  # from a size to the bytes that a process needs for it
    rehearsal: int | None = None
    collectors: tuple[str, ...] = (NO_COLLECTOR,)  # how the cyclic collector is set: it is timed with each of them
    sent: bool = False
    weighed: bool = False  # whether the memory of a recorded node is measured

    def title(self, size: int) -> str:
        """What the tables call it at a size."""
        return f"{self.name} {size:,}"


def as_it_is(problem: Any) -> Any:
    """The problem, for a peer that does nothing beforehand."""
    return problem


@dataclass(frozen=True)
class Adapter:
    """What a peer makes of a work: its own arrays or graph of the data, and a call or a step of that.

    The time to the first answer is that of ``prepare`` and of the first call, and not that of ``record``.
    """

    prepare: Callable[[Any], Call | Step]
    record: Callable[[Any], Any] = as_it_is
    module: str = ""  # what is imported in a peer's process: the one that enters this adapter
    slow: bool = False  # whether it is left out of a quick run
    most: int = sys.maxsize  # the largest size that it is asked for


WORKS: dict[str, Work] = {}
"""Every work by its name."""

PEERS: dict[str, Peer] = {}
"""Every peer by its name, in the order of the tables. The first at a work is what the others are compared with."""

ADAPTERS: dict[tuple[str, str], Adapter] = {}
"""What is done, by the names of the work and the peer."""


def enter(work: Work) -> Work:
    """Put a work into the registry, and give it back."""
    WORKS[work.name] = work
    return work


Prepare = Callable[[Any], "Call | Step"]


def adapter(peer: str, *works: Work, **more: Any) -> Callable[[Prepare], Prepare]:
    """Enter the decorated function as what a peer makes of some works; ``more`` are further fields of the adapter."""
    name = PEERS[peer].name

    def register(prepare: Prepare) -> Prepare:
        module = prepare.func.__module__ if isinstance(prepare, partial) else prepare.__module__
        for work in works:
            ADAPTERS[work.name, name] = Adapter(prepare, **{"module": module} | more)
        return prepare

    return register
