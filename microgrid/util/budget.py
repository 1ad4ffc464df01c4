"""A budget for computations whose length nobody can foresee, counted in calls of Python functions.

SymPy may take minutes for a formula that looks harmless, wherever one touches it. A clock would make results depend on
the machine and on what else it does; the number of calls does not, and stands for about the same time everywhere.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

__all__ = ["BudgetSpentError", "CallBudget"]

_Result = TypeVar("_Result")


class BudgetSpentError(BaseException):
    """The calls are used up. No ``Exception``, so that nothing on the way catches it and goes on."""


class CallBudget:
    """A number of calls of Python functions, some 500,000 a second, for several computations, one at a time.

    Under a profiler they are not counted.

    >>> from microgrid.util.budget import BudgetSpentError, CallBudget
    >>> def countdown(n):
    ...     return countdown(n - 1) if n else "done"
    >>> budget = CallBudget(100)
    >>> budget.run(countdown, 50)
    'done'
    >>> try:
    ...     budget.run(countdown, 80)
    ... except BudgetSpentError:
    ...     print("spent")
    spent
    """

    def __init__(self, calls: int) -> None:
        self.left = calls

    def run(self, function: Callable[..., _Result], *operands: Any, most: int | None = None) -> _Result:
        """A function's result, with at most so many calls if that is less than what is left.

        Raises a BudgetSpentError if it needs more, or nests them more deeply than Python allows.
        """
        try:
            return self._counted(function, operands, most) if sys.getprofile() is None else function(*operands)
        except RecursionError:
            raise BudgetSpentError from None

    def _counted(self, function: Callable[..., _Result], operands: tuple[Any, ...], most: int | None) -> _Result:
        allowed = self.left if most is None else min(self.left, most)
        left = allowed

        def count(frame: FrameType, event: str, argument: Any) -> None:  # noqa: ARG001  # as sys.setprofile wants it
            nonlocal left
            if event == "call":
                left -= 1
                if left < 0 and not frame.f_code.co_flags & inspect.CO_GENERATOR and frame.f_code.co_name != "__del__":
                    raise BudgetSpentError  # what is raised in a finalizer, or as a generator is closed, gets lost

        sys.setprofile(count)
        try:
            return function(*operands)
        finally:
            sys.setprofile(None)
            self.left -= allowed - max(left, 0)
