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
    """A work that one peer has made ready, as one call.

    Parameters
    ----------
    call : callable
        What is timed.
    answer : callable
        What the last call found, as floats: the value first, where there is one, and then its derivatives.
    """

    call: Callable[[], object]
    answer: Callable[[], list[float]]


@dataclass(frozen=True)
class Step:
    """A work that one peer has made ready, as a step whose graph is recorded anew each time.

    Parameters
    ----------
    forward : callable
        Records the graph and gives its root.
    backward : callable
        Takes the root to the gradients, and whatever else belongs to the step.
    gradients : callable
        The gradients as floats.
    output : callable
        The root's number.
    """

    forward: Callable[[], Any]
    backward: Callable[[Any], None]
    gradients: Callable[[], list[float]]
    output: Callable[[Any], float]

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
    """Somebody who is measured, in one of their ways to work.

    Parameters
    ----------
    name : str
        What the tables call it.
    module : str
        What its processes import.
    distribution : str
        What is installed, to tell its version; the empty string where nothing is.
    needs : mapping
        Names that the module must have, with the values that they must have; None for any.
    compiler : bool
        Whether it takes a C compiler.
    environment : mapping
        What its processes find in their environment.
    """

    name: str
    module: str
    distribution: str = ""
    needs: Mapping[str, str | None] = field(default_factory=dict)
    compiler: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether it is microgrid itself, in one of its ways."""
        return self.module == "microgrid"


@dataclass(frozen=True)
class Work:
    """One thing to do, at the sizes that it is done at.

    Parameters
    ----------
    name : str
        What the tables call it.
    problem : callable
        From a size to the data, the same for every peer.
    reference : callable
        From the data to the right answer, found in another way: in closed form, or by loops written by hand.
    operations : callable
        From the data to how many operations, or rows, the seconds are for.
    sizes : tuple of int
        Those that it is done at, unless the command line says otherwise.
    kind : str
        "eager" or "compiled": which of the tables it is in.
    unit : str
        What ``operations`` counts.
    setting : str
        Which argument of the command line sets the sizes; the empty string if none does.
    most : int
        The largest size that there is; larger ones are cut to it.
    weight : callable
        From a size to the bytes that a process needs for it.
    rehearsal : int or None
        Where the time to the first answer counts: the size that a process is warmed with first, so that what a library
        does once in a process is in nobody's time. Each first answer then comes from a process of its own.
    collectors : tuple of str
        How the cyclic collector is set: it is timed with each of them.
    sent : bool
        Whether the data are made once and sent to the peers' processes as JSON. Otherwise each process makes them anew.
    weighed : bool
        Whether the memory of a recorded node is measured.
    """

    name: str
    problem: Callable[[int], Any]
    reference: Callable[[Any], list[float]]
    operations: Callable[[Any], int]
    sizes: tuple[int, ...]
    kind: str = "compiled"
    unit: str = "operation"
    setting: str = ""
    most: int = sys.maxsize
    weight: Callable[[int], int] = lambda _size: 0
    rehearsal: int | None = None
    collectors: tuple[str, ...] = (NO_COLLECTOR,)
    sent: bool = False
    weighed: bool = False

    def title(self, size: int) -> str:
        """What the tables call it at a size."""
        return f"{self.name} {size:,}"


def as_it_is(problem: Any) -> Any:
    """The problem, for a peer that does nothing beforehand."""
    return problem


@dataclass(frozen=True)
class Adapter:
    """What a peer makes of a work.

    Parameters
    ----------
    prepare : callable
        From what was recorded to a call or a step; this and the first call are the time to the first answer.
    record : callable
        From the data to what the peer works on, its own arrays or its own graph: not in the time to the first answer.
    module : str
        The module to import in a peer's process: the one that enters this adapter.
    slow : bool
        Whether it is left out of a quick run.
    most : int
        The largest size that it is asked for.
    """

    prepare: Callable[[Any], Call | Step]
    record: Callable[[Any], Any] = as_it_is
    module: str = ""
    slow: bool = False
    most: int = sys.maxsize


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
    """Enter the decorated function as what a peer makes of some works.

    Parameters
    ----------
    peer : str
        A name in the registry.
    *works : Work
        At what.
    **more
        Further fields of the adapter.

    Returns
    -------
    callable
        The decorator, which gives the function back.
    """
    name = PEERS[peer].name

    def register(prepare: Prepare) -> Prepare:
        module = prepare.func.__module__ if isinstance(prepare, partial) else prepare.__module__
        for work in works:
            ADAPTERS[work.name, name] = Adapter(prepare, **{"module": module} | more)
        return prepare

    return register
