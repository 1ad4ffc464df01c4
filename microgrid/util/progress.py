"""A line of progress on the standard error stream, where that can be written over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic

__all__ = ["Progress"]

_PATIENCE, _BETWEEN = 1.0, 0.1  # seconds before the line is shown, and between two of its texts


class Progress:
    """A line that is rewritten as work goes on, and removed in the end.

    ``shown`` says whether there is one; None: in terminals and notebooks, after a second. ``clock`` gives seconds.
    """

    def __init__(self, shown: bool | None, clock: Callable[[], float] = monotonic) -> None:
        self._is_shown, self._clock = _can_be_rewritten() if shown is None else shown, clock
        self._next = clock() + (0.0 if shown else _PATIENCE) if self._is_shown else 0.0
        self._drawn = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time for another text, so that one need not be made before."""
        return self._is_shown and self._clock() >= self._next

    def tell(self, text: str) -> None:
        """Show a text instead of the last one, unless that is too recent."""
        if self.is_due:
            self._next = self._clock() + _BETWEEN
            self._write(text)

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{text.ljust(self._drawn)}")
        sys.stderr.flush()
        self._drawn = len(text)

    def close(self) -> None:
        """Remove the line."""
        if self._drawn:
            self._write("")
            self._write("")


def _can_be_rewritten() -> bool:
    """Whether a line on the standard error stream can be written over: in a terminal or a notebook."""
    return sys.stderr is not None and (sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel"))
