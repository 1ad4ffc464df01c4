"""What an operand may be: a Value, a plain number, or what is recorded as one when it is used. No node is made here."""

from __future__ import annotations

from numbers import Complex, Number, Real
from typing import Any

from microgrid.core.value import ValueBase
from microgrid.errors import InvalidValueError

__all__ = ["Deferred", "as_float", "as_operand", "is_number"]


def as_float(number: Any) -> float:
    """The number as a Python float, or an error that says what else it is."""
    if type(number) is float:
        return number
    if type(number) is not int:  # asked first, because asking abstract classes is slow
        _check_real(number)
    try:
        return float(number)
    except OverflowError:
        raise InvalidValueError("this integer is too large for a float (about 1.8e308): scale it first") from None
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidValueError):  # a Value inside an array of no dimensions
            raise
        raise _not_real(number) from error


def _check_real(number: Any) -> None:
    if isinstance(number, ValueBase):
        raise InvalidValueError("got a Value where a plain number is needed: use its .data, or the Value itself")
    if isinstance(number, Complex) and not isinstance(number, Real):
        raise InvalidValueError(f"a Value holds a real number, not the complex {number!r}: take .real or .imag")
    if getattr(number, "ndim", 0):
        raise InvalidValueError(
            f"a Value holds one number, not an array of shape {number.shape}: make one Value per element"
        )
    if isinstance(number, str | bytes) or not hasattr(number, "__float__"):
        raise _not_real(number)


def _not_real(number: Any) -> InvalidValueError:
    return InvalidValueError(f"a Value holds a real number, not {number!r} of type {type(number).__name__}")


def is_number(operand: Any) -> bool:
    """Whether the operand is a plain number; a complex one too, so that the error can say what to do."""
    return isinstance(operand, Number)


class Deferred:
    """Something that is no node yet and is recorded as one where it is used as an operand: a comparison."""

    __slots__ = ()

    def record(self) -> ValueBase:
        """The node that it stands for."""
        raise NotImplementedError


def as_operand(operand: Any) -> Any:
    """The other side of an operator as a Value or a float; NotImplemented leaves the question to its own type."""
    # These two are asked for by name, and first, because asking an abstract class is slow.
    if type(operand) is int or type(operand) is float:
        return as_float(operand)
    if isinstance(operand, ValueBase):
        return operand
    if isinstance(operand, Deferred):
        return operand.record()
    return as_float(operand) if is_number(operand) else NotImplemented
