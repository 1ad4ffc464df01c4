"""The calls of f: counted, kept within a budget, and shown as a progress bar where a check takes long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from microgrid.util.progress import Progress

__all__ = ["BudgetSpent", "Effort"]

_WIDTH = 30


class BudgetSpent(BaseException):
    """The calls or the time are used up. It is no Exception: those are caught around calls of f, as f's own."""


class Effort:
    """The calls of one check, within a budget of calls and seconds; None is no limit.

    ``progress`` says whether a bar is shown on the standard error stream; None: in terminals and notebooks, after a
    second.
    """

    def __init__(self, max_calls: int | None, max_seconds: float | None, progress: bool | None) -> None:
        self.calls = 0
        self.max_calls, self._max_seconds = max_calls, max_seconds
        self._started = monotonic()
        self._line = Progress(progress, monotonic)
        self._done = self._total = 0

    def counted(self, call: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
        """A function that raises BudgetSpent instead of a call beyond the budget."""

        def counted(numbers: Sequence[Any]) -> Any:
            now = monotonic()
            is_late = self._max_seconds is not None and now - self._started >= self._max_seconds
            if is_late or (self.max_calls is not None and self.calls >= self.max_calls):
                raise BudgetSpent
            self.calls += 1
            if self._line.is_due:
                self._draw(now)
            return call(numbers)

        return counted

    @property
    def budget(self) -> str:
        """The budget in words."""
        parts = [f"{self.max_calls:,} calls of f"] if self.max_calls is not None else []
        parts += [f"{self._max_seconds:g} s"] if self._max_seconds is not None else []
        return " and ".join(parts)

    # ---- the bar ----------------------------------------------------------------------------------------------

    def expect(self, total: int) -> None:
        """Announce how many derivatives there are."""
        self._total = total

    def done(self) -> None:
        """Count a derivative that was judged."""
        self._done += 1

    def _draw(self, now: float) -> None:
        filled = _WIDTH * self._done // max(self._total, 1)
        seconds = now - self._started
        text = f"checked {self._done:,} of {self._total:,} [{'#' * filled}{'.' * (_WIDTH - filled)}] "
        self._line.tell(f"{text}{self.calls:,} calls, {seconds:.0f} s")

    def close(self) -> None:
        """Remove the bar."""
        self._line.close()
