"""Functions of a list that are made of several rules, and lose no digits by it; the rules themselves are in ``rules``.

Of Values they record the nodes of those rules, of plain numbers they give floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from microgrid._public import public
from microgrid.core.functions import FUNCTIONS
from microgrid.errors import InvalidValueError

__all__ = ["log_softmax", "mean", "norm", "prod", "softmax", "var"]

_HYPOT, _MUL, _SUB, _DIV = [FUNCTIONS[name] for name in ("hypot", "mul", "sub", "div")]


def _in_pairs(function: Callable[[Any, Any], Any], operands: list[Any]) -> Any:
    """The operands combined two by two: the error grows with log n, and so does the depth of the graph."""
    while len(operands) > 1:
        odd = operands[len(operands) & ~1 :]
        operands = [*map(function, operands[::2], operands[1::2]), *odd]
    return operands[0]


@public()
def prod(xs: Iterable[Any]) -> Any:
    """The product of a list, multiplied in pairs; its derivatives are right where factors are 0.

    Parameters
    ----------
    xs : iterable of Value or float
        The factors.

    Returns
    -------
    Value or float
        1 for an empty list.

    Examples
    --------
    >>> from microgrid import Value, prod
    >>> x = Value(0.0)
    >>> prod([x, 2.0, 3.0]).backward()
    >>> x.grad
    6.0
    """
    return _in_pairs(_MUL, list(xs) or [1.0])


@public()
def mean(xs: Iterable[Any]) -> Any:
    """The arithmetic mean of a list.

    Parameters
    ----------
    xs : iterable of Value or float
        One number or more.

    Returns
    -------
    Value or float
        The sum divided by the count.

    Raises
    ------
    InvalidValueError
        If the list is empty.

    Examples
    --------
    >>> from microgrid import mean
    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    operands = list(xs)
    if not operands:
        raise InvalidValueError("the mean of an empty list is not defined: give one number or more")
    return _DIV(FUNCTIONS["sum"](operands), float(len(operands)))


@public()
def var(xs: Iterable[Any], ddof: float = 0) -> Any:
    """The variance of a list: the mean of the squared deviations from the mean.

    Parameters
    ----------
    xs : iterable of Value or float
        More than ``ddof`` numbers.
    ddof : float, default 0
        What is subtracted from the count that is divided by, as in NumPy: 1 for the unbiased estimate.

    Returns
    -------
    Value or float
        The variance.

    Raises
    ------
    InvalidValueError
        If there are not more numbers than ``ddof``.

    Examples
    --------
    >>> from microgrid import var
    >>> var([1.0, 2.0, 6.0], ddof=1)
    7.0
    """
    operands = list(xs)
    if not len(operands) > ddof:
        raise InvalidValueError(f"a variance with ddof={ddof} needs more than {ddof} numbers, not {len(operands)}")
    center = mean(operands)
    deviations = [_SUB(x, center) for x in operands]
    return _DIV(FUNCTIONS["dot"](deviations, deviations), float(len(operands) - ddof))


@public()
def norm(xs: Iterable[Any]) -> Any:
    """The length of a vector: the square root of the sum of the squares of a list, without overflow.

    Parameters
    ----------
    xs : iterable of Value or float
        The components.

    Returns
    -------
    Value or float
        0 for an empty list. At 0, all derivatives are 0, as for ``abs`` and ``hypot``.

    Examples
    --------
    >>> from microgrid import norm
    >>> norm([2.0, 3.0, 6.0])
    7.0
    """
    operands = list(xs)
    return _in_pairs(_HYPOT, operands) if len(operands) > 1 else FUNCTIONS["abs"](*operands or [0.0])


def _above_the_others(operands: list[Any]) -> list[Any]:
    """For each of a list, how much it exceeds the logarithm of the sum of the exponentials of the others."""
    others = [operands[:place] + operands[place + 1 :] for place in range(len(operands))]
    return [_SUB(x, FUNCTIONS["logsumexp"](rest)) for x, rest in zip(operands, others, strict=True)]


@public()
def softmax(xs: Iterable[Any]) -> list[Any]:
    """The exponentials of a list divided by their sum, without overflow.

    Each is the sigmoid of what its operand exceeds the others by, so that it and its derivatives keep their digits
    where it rounds to 0 or to 1.

    Parameters
    ----------
    xs : iterable of Value or float
        The logits, n of them.

    Returns
    -------
    list of Value or float
        As many: positive numbers that add up to 1. The graph has about n² edges.

    Examples
    --------
    >>> from microgrid import softmax
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    operands = list(xs)
    if len(operands) == 1:
        return [FUNCTIONS["exp"](_SUB(operands[0], operands[0]))]
    return [FUNCTIONS["sigmoid"](gap) for gap in _above_the_others(operands)]


@public()
def log_softmax(xs: Iterable[Any]) -> list[Any]:
    """The logarithms of ``softmax``, accurate where that rounds to 0 or to 1.

    Parameters
    ----------
    xs : iterable of Value or float
        The logits, n of them.

    Returns
    -------
    list of Value or float
        As many. The graph has about n² edges.

    Examples
    --------
    >>> from microgrid import log_softmax
    >>> log_softmax([0.0, 1000.0])
    [-1000.0, -0.0]
    """
    operands = list(xs)
    if len(operands) == 1:
        return [_SUB(operands[0], operands[0])]
    return [FUNCTIONS["log_sigmoid"](gap) for gap in _above_the_others(operands)]
