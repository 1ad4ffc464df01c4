"""The exceptions of the package; each message says what was wrong, where, and the fix."""

from __future__ import annotations

from typing import Any

from microgrid._public import public

__all__ = [
    "DataError",
    "FormulaError",
    "GradientError",
    "InvalidValueError",
    "MicrogridError",
    "MissingPackageError",
    "NonFiniteError",
    "OperationError",
    "OutputError",
    "PerformanceWarning",
]


@public()
class MicrogridError(Exception):
    """Any error of microgrid."""


@public()
class InvalidValueError(MicrogridError, TypeError):
    """Something that is not a real number was given where a Value or a number is needed."""


@public()
class NonFiniteError(MicrogridError, ArithmeticError):
    """Inside ``strict()``, a value or a derivative became infinite or nan."""


@public()
class OperationError(MicrogridError, TypeError):
    """A user's own operation that can't be made of what was given, or can't do what is asked as it is written."""


@public()
class DataError(MicrogridError, ValueError):
    """Data, an option or a size that has no meaning: labels outside {0, 1}, lengths that differ, -1 steps."""


@public()
class FormulaError(MicrogridError, ValueError):
    """A typed formula that can't be read."""


@public()
class GradientError(MicrogridError, AssertionError):
    """A gradient is wrong, or could not be told to be right; ``report`` says what was found, and so does the text."""

    def __init__(self, report: Any) -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[type[GradientError], tuple[Any]]:
        return type(self), (self.report,)


@public()
class MissingPackageError(MicrogridError, ImportError):
    """An optional package is needed; the message names the extra that installs it."""


@public()
class PerformanceWarning(UserWarning):
    """Compiled code runs in Python, for an operation that is written for floats alone."""


@public()
class OutputError(MicrogridError, OSError):
    """A file or a folder can't be written, or a picture can't be rendered."""
