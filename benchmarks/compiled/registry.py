"""What a work, a peer and an adapter are, and where they are entered; the works themselves have files of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["ADAPTERS", "PEERS", "WORKS", "Adapter", "Peer", "Task", "Work", "adapter", "as_it_is", "enter"]


@dataclass(frozen=True)
class Task:
    """A work that one peer has made ready.

    Parameters
    ----------
    call : callable
        What is timed.
    answer : callable
        What the last call found, as floats in the order of the closed form: the value first, where there is one.
    """

    call: Callable[[], object]
    answer: Callable[[], list[float]]


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
    needs : str
        A name that the module must have, for the peer to be there.
    compiler : bool
        Whether it takes a C compiler.
    environment : mapping
        What its processes find in their environment.
    """

    name: str
    module: str
    distribution: str = ""
    needs: str = ""
    compiler: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


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
        From the data to the answer in closed form.
    operations : callable
        From the data to how many operations, or rows, the seconds of a call are for.
    sizes : tuple of int
        Those that it is done at, unless the command line says otherwise.
    unit : str
        What ``operations`` counts.
    weight : callable
        From a size to the bytes that a process needs for it.
    rehearsal : int or None
        Where the time to the first answer counts: the size that a process is warmed with first, so that what a library
        does once in a process is in nobody's time. Each first answer then comes from a process of its own.
    setting : str
        Which argument of the command line sets the sizes; the empty string if none does.
    """

    name: str
    problem: Callable[[int], Any]
    reference: Callable[[Any], list[float]]
    operations: Callable[[Any], int]
    sizes: tuple[int, ...]
    unit: str = "operation"
    weight: Callable[[int], int] = lambda _size: 0
    rehearsal: int | None = None
    setting: str = ""


def as_it_is(problem: Any) -> Any:
    """The problem, for a peer that does nothing beforehand."""
    return problem


@dataclass(frozen=True)
class Adapter:
    """What a peer makes of a work.

    Parameters
    ----------
    prepare : callable
        From what was recorded to a task; its time and that of the first call are the time to the first answer.
    record : callable
        From the data to what the peer works on, its own arrays or its own graph: not in the time to the first answer.
    slow : bool
        Whether it is left out of a quick run.
    most : int
        The largest size that it is asked for.
    """

    prepare: Callable[[Any], Task]
    record: Callable[[Any], Any] = as_it_is
    slow: bool = False
    most: int = sys.maxsize


WORKS: dict[str, Work] = {}
"""Every work by its name."""

PEERS: dict[str, Peer] = {}
"""Every peer by its name, in the order of the tables. The first is what the others are compared with."""

ADAPTERS: dict[tuple[str, str], Adapter] = {}
"""What is done, by the names of the work and the peer."""


def enter(work: Work) -> Work:
    """Put a work into the registry, and give it back."""
    WORKS[work.name] = work
    return work


Prepare = Callable[[Any], Task]


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
    """
    name = PEERS[peer].name

    def register(prepare: Prepare) -> Prepare:
        for work in works:
            ADAPTERS[work.name, name] = Adapter(prepare, **more)
        return prepare

    return register
