"""The paths of a branching function, found by how the guards come out; the least used are forgotten."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

__all__ = ["Paths"]


class _Path(Protocol):
    """What was made for one path."""

    @property
    def lines(self) -> list[str]:
        """Where each of its branches was decided: a file and a line."""


P = TypeVar("P", bound=_Path)


class _Node(Generic[P]):
    """A path, and those that leave it: by the first guard that comes out otherwise."""

    __slots__ = ("others", "path", "used")

    def __init__(self, path: P) -> None:
        self.path = path
        self.others: dict[int, _Node[P]] = {}
        self.used = 0


class Paths(Generic[P]):
    """Paths of one function as a tree: one that leaves another at a guard decides all before it alike.

    A function decides in the same order until a decision comes out otherwise. So the first guard of a path that fails
    leads to the paths that are left, and no other one is tried. At most ``most`` are kept.

    Examples
    --------
    >>> class Signs(list):
    ...     lines = ["f.py:1", "f.py:2"]
    >>> def leaves(numbers):
    ...     return lambda path: next((k for k, (a, b) in enumerate(zip(path, numbers)) if a != b), None)
    >>> paths = Paths(2)
    >>> for signs in ([1, 1], [1, 0], [0, 1]):
    ...     forgotten = paths.add(Signs(signs), leaves(signs))
    >>> forgotten, paths.find(leaves([1, 1])), paths.find(leaves([0, 1]))
    ([1, 1], None, [0, 1])
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._root: _Node[P] | None = None
        self._count = 0
        self._clock = itertools.count(1)

    def _nodes(self) -> Iterator[tuple[_Node[P] | None, int, _Node[P]]]:
        """Each node behind the one that it leaves, and the guard at which it does."""
        waiting: list[tuple[_Node[P] | None, int, _Node[P]]] = [(None, 0, self._root)] if self._root else []
        while waiting:
            _, _, node = waiting[-1]
            yield waiting.pop()
            waiting += [(node, at, other) for at, other in node.others.items()]

    def __iter__(self) -> Iterator[P]:
        return iter([node.path for _, _, node in self._nodes()])

    def find(self, leaves: Callable[[P], int | None]) -> P | None:
        """The path whose guards all hold; None if there is none.

        ``leaves`` gives the place of a path's first guard that doesn't hold, or None.
        """
        node = self._root
        while node is not None:
            at = leaves(node.path)
            if at is None:
                node.used = next(self._clock)
                return node.path
            node = node.others.get(at)
        return None

    def add(self, path: P, leaves: Callable[[P], int | None]) -> P | None:
        """Add a path where ``find`` gave None, and give the one that was forgotten for it, if any."""
        new = _Node(path)
        new.used = next(self._clock)
        forgotten = self._forget() if self._count >= self._most else None
        self._count += 1
        before, place, node = None, 0, self._root
        while node is not None:
            at = leaves(node.path)
            if at is None:  # another thread's, or a function that depends on more than its arguments
                break
            before, place, node = node, at, node.others.get(at)
        self._put(before, place, new)
        return forgotten

    def _put(self, before: _Node[P] | None, place: int, node: _Node[P] | None) -> None:
        if before is None:
            self._root = node
        elif node is None:
            del before.others[place]
        else:
            before.others[place] = node

    def _forget(self) -> P:
        """Take out the path that was used longest ago. The one that leaves it last decides all before alike."""
        before, place, node = min(self._nodes(), key=lambda found: found[2].used)
        heir = None
        if node.others:
            last = max(node.others)
            heir = node.others[last]
            heir.others = {at: other for at, other in node.others.items() if at != last} | heir.others
        self._put(before, place, heir)
        self._count -= 1
        return node.path

    def branching_line(self) -> str:
        """The line at which most paths leave another: a file and a number."""
        lines = [before.path.lines[at] for before, at, _ in self._nodes() if before is not None]
        return Counter(lines).most_common(1)[0][0] if lines else "an unknown line"
