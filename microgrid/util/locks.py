"""``Lock``: a lock that its own thread may take again, and that a forked process finds free."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Any

__all__ = ["Lock"]


class Lock:
    """A re-entrant lock for ``with``.

    A signal handler, or a ``__del__`` that the collector calls, may want a lock that its own thread holds already. In a
    forked process, a thread that held the lock doesn't live on: the lock is made anew.

    Examples
    --------
    >>> lock = Lock()
    >>> with lock, lock:
    ...     print("held twice")
    held twice
    """

    __slots__ = ("__weakref__", "_held", "_lock")

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()
        self._held: list[Any] = []
        _locks.add(self)

    def __enter__(self) -> None:
        lock = self._lock
        lock.acquire()
        self._held.append(lock)

    def acquire(self, seconds: float) -> bool:
        """Wait for it, but no longer; whether it is held now. ``with`` waits as long as it takes."""
        lock = self._lock
        if not lock.acquire(timeout=seconds):
            return False
        self._held.append(lock)
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._held.pop().release()

    def renew(self) -> None:
        """Be free, whoever holds it; who is inside still leaves what was entered."""
        self._lock = threading.RLock()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _renew_all() -> None:
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
