"""Recorded values computed again in high precision, and the rounding error of the recorded ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.core.graph import evaluate
from microgrid.errors import DataError, MissingPackageError
from microgrid.formulas.names import check_is_value

__all__ = ["Precise", "mpmath_package", "precise"]

_MOST_DIGITS = 4_000  # of working precision, from which on a difference that is still 0 counts as 0


def mpmath_package() -> Any:
    """mpmath, or an error that says what to install."""
    import microgrid.arithmetics.mpmath

    return microgrid.arithmetics.mpmath.mpmath


@public()
@dataclass(frozen=True, slots=True)
class Precise:
    """A value in high precision, and the recorded one.

    Parameters
    ----------
    value : mpmath.mpf
        The value of the graph's formula at the exact numbers in its leaves.
    digits : int
        The number of its digits that are right.
    recorded : float
        The value as recorded in floats.
    """

    value: Any
    digits: int
    recorded: float

    @property
    def error(self) -> float:
        """The rounding error of the recorded value: recorded minus exact."""
        import mpmath

        with mpmath.workdps(self.digits + 20):
            return float(mpmath.mpf(self.recorded) - self.value)

    @property
    def ulp(self) -> float:
        """The size of the error in units in the last place of the exact value."""
        return abs(self.error) / math.ulp(float(self.value))

    def __str__(self) -> str:
        import mpmath

        return str(mpmath.nstr(self.value, self.digits))


@public()
def precise(value: Value, digits: int = 50) -> Precise:
    """A recorded value computed again in high precision, and its rounding error.

    The graph is replayed at the exact numbers in its leaves, in ball arithmetic until the first ``digits`` are proven.
    Without python-flint, or where no precision proves them (at a jump, or for a result of 0), mpmath replays it with
    more and more digits until they no longer change.

    Parameters
    ----------
    value : Value
        The output.
    digits : int, default 50
        The number of digits that have to be right.

    Returns
    -------
    Precise
        The number, and the rounding error of the recorded one.

    Raises
    ------
    InvalidValueError
        If ``value`` is not a Value.
    DataError
        If the value is not finite, or ``digits`` is not a whole number from 1.
    MissingPackageError
        If mpmath is not installed.

    Examples
    --------
    >>> from microgrid import Value, precise
    >>> x = Value(1e-9, name="x")
    >>> result = precise((1 + x) - 1, digits=20)
    >>> print(result)
    1.0000000000000000623e-9
    >>> result.error, round(result.ulp)
    (8.274037093680878e-17, 400107883)
    """
    check_is_value(value, "computed again")
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 1:
        raise DataError(f"digits is a whole number from 1, not {digits!r}")
    mpmath = mpmath_package()
    proven = _proven(value, digits)
    if proven is not None:
        return Precise(proven, digits, value.data)
    before, working = None, digits + 15
    while True:
        with mpmath.workdps(working):
            now = _replayed(value)
            agreed = before is not None and abs(now - before) <= abs(now) * mpmath.mpf(10) ** -(digits + 2)
        if agreed and (now or working > _MOST_DIGITS):
            return Precise(now, digits, value.data)
        before, working = now, 2 * working


def _proven(value: Value, digits: int) -> Any:
    """The value by ball arithmetic, as a number of mpmath; None where that doesn't prove the digits."""
    try:
        from microgrid.arithmetics.ball import BALL, ball, working_precision
    except MissingPackageError:
        return None
    bits = 4 * digits + 32
    while bits <= 4 * _MOST_DIGITS:
        with working_precision(bits):
            found = evaluate([value], BALL, {}, constant=ball)[value]
            if not found.is_finite():
                return None
            if found.rel_accuracy_bits() > 3.33 * digits + 6:
                mantissa, exponent = map(int, found.mid().man_exp())
                with mpmath_package().workprec(bits):
                    return mpmath_package().ldexp(mantissa, exponent)
        bits *= 2
    return None


def _replayed(value: Value) -> Any:
    from microgrid.arithmetics.mpmath import MPMATH

    mpmath = mpmath_package()
    try:
        result = evaluate([value], MPMATH, {}, constant=mpmath.mpf)[value]
    except ZeroDivisionError:
        result = mpmath.nan
    if not mpmath.isfinite(result):
        raise DataError(f"the graph has no finite value at the numbers in its leaves: floats gave {value.data!r}")
    return result
