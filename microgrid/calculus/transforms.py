"""Transforms of functions: ``grad``, ``jvp``, ``hessian`` and the others; recorded graphs are differentiated elsewhere.

A transform takes a function of numbers and returns a function of the same arguments. ``wrt`` chooses the argument to
differentiate with respect to, by its position, its name, or a tuple of those. An argument is a number or a pytree:
lists, tuples, dicts and NumPy arrays of numbers, nested in any way.

Reverse mode is the pullback of ``core.graph``, in ``reverse``. Forward mode replays the same graph on power series, in
``forward``. A Hessian is forward over reverse: the pullback on series whose first coefficients are sparse vectors, so
that variables which don't interact cost nothing.

The result is plain numbers if it depends on plain arguments alone. If an argument is a Value, or the function uses
Values from outside, the result is Values, so that no derivative is lost and transforms nest in any way.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from microgrid._public import public
from microgrid.arithmetics.series import Series
from microgrid.calculus.forward import Replay, all_directions, pushforward
from microgrid.calculus.reverse import recorded_gradient
from microgrid.calculus.trace import Trace, Wrt, record
from microgrid.core.engine import Value, as_value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.operands import as_float
from microgrid.errors import DataError, InvalidValueError
from microgrid.util.pytree import flatten_like

__all__ = ["derivative", "grad", "hessian", "hessp", "hvp", "jacobian", "jvp", "taylor", "value_and_grad", "vjp"]


def _check_scalar(trace: Trace, what: str) -> None:
    if len(trace.outputs) != 1:
        raise InvalidValueError(
            f"{what} needs a function that returns one number, not {len(trace.outputs)}; "
            "jacobian, jvp and vjp take functions that return many"
        )


def _derived(make: Callable[..., Any]) -> Callable[..., Any]:
    """A transform whose functions bear the name and docstring of the function that they differentiate."""

    def maker(f: Callable[..., Any], *args: Any, **more: Any) -> Callable[..., Any]:
        if not callable(f):
            raise InvalidValueError(f"{make.__name__} takes a function, not {f!r}; gradients takes a recorded Value")
        return functools.wraps(f, assigned=("__name__", "__doc__"), updated=())(make(f, *args, **more))

    return functools.wraps(make)(maker)


# ---- reverse mode ---------------------------------------------------------------------------------------------


@public()
@_derived
def grad(f: Callable[..., Any], wrt: Wrt = 0, *, precise: bool = False) -> Callable[..., Any]:
    """The gradient of a function that returns one number.

    Parameters
    ----------
    f : callable
        The function.
    wrt : int, str or tuple of those, default 0
        The position or the name of the argument to differentiate with respect to; a tuple for several.
    precise : bool, default False
        Record each element of an array as a node, and so give the bits of ``Value`` and ``backward``. Otherwise, while
        arguments are plain numbers, NumPy calculates with arrays of some size as a whole, which is faster by two
        orders of magnitude and rounds sums and functions in its own way.

    Returns
    -------
    callable
        A function of the same arguments that returns the derivatives, in the structure of the chosen argument; for a
        tuple of arguments, a tuple.

    Raises
    ------
    InvalidValueError
        When the gradient is called: if the function doesn't return one number, or the argument holds anything but
        numbers.
    DataError
        When the gradient is called: if there is no such argument.

    Examples
    --------
    >>> from microgrid import grad, sin
    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(lambda w, x: w["a"] * x + w["b"])({"a": 2.0, "b": 1.0}, 5.0)
    {'a': 5.0, 'b': 1.0}
    >>> grad(lambda x, y: x * y, wrt=("x", "y"))(2.0, 3.0)
    (3.0, 2.0)
    >>> grad(grad(sin))(0.0) == 0.0
    True
    """
    both = value_and_grad(f, wrt, precise=precise)
    return lambda *args, **more: both(*args, **more)[1]


@public()
@_derived
def value_and_grad(f: Callable[..., Any], wrt: Wrt = 0, *, precise: bool = False) -> Callable[..., Any]:
    """A function's value and its gradient, from one call of the function.

    Parameters
    ----------
    f, wrt, precise
        As for ``grad``.

    Returns
    -------
    callable
        A function of the same arguments that returns the pair.

    Raises
    ------
    InvalidValueError, DataError
        As for ``grad``.

    Examples
    --------
    >>> from microgrid import value_and_grad
    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """

    def derived(*args: Any, **more: Any) -> tuple[Any, Any]:
        trace = record(f, wrt, args, more, precise=precise)
        _check_scalar(trace, "grad")
        return trace.as_result(trace.output), trace.arguments(trace.gradient(trace.output))

    return derived


@public()
@_derived
def vjp(f: Callable[..., Any], wrt: Wrt = 0, *, precise: bool = False) -> Callable[..., Any]:
    """The product of a vector and the Jacobian, by one sweep of reverse mode.

    Parameters
    ----------
    f : callable
        The function; it may return a structure of numbers.
    wrt, precise
        As for ``grad``.

    Returns
    -------
    callable
        A function of the same arguments and, last, the vector, in the structure of what the function returns. It
        returns the product in the structure of the chosen argument. A number whose entry is a plain 0 contributes
        nothing, whatever its derivatives are.

    Raises
    ------
    InvalidValueError, DataError
        As for ``grad``; also if the vector has another number of entries than the function's result.

    Examples
    --------
    >>> from microgrid import vjp
    >>> vjp(lambda x: [x[0] * x[1], x[0] ** 2])([3.0, 2.0], [1.0, 10.0])
    [62.0, 3.0]
    """

    def derived(*args: Any, **more: Any) -> Any:
        *args_of_f, vector = args
        trace = record(f, wrt, tuple(args_of_f), more, precise=precise)
        weights = flatten_like(vector, trace.results, len(trace.outputs), "result")
        pairs = [
            pair for pair in zip(trace.outputs, weights, strict=True) if isinstance(pair[1], Value) or pair[1] != 0.0
        ]
        product = as_value(FUNCTIONS["dot"](*zip(*pairs, strict=True))) if pairs else as_value(0.0)
        if trace.plain and not any([isinstance(weight, Value) for weight in weights]):
            return trace.arguments(trace.gradient(product))
        return trace.arguments(recorded_gradient(product, trace.variables))

    return derived


@public()
@_derived
def jacobian(f: Callable[..., Any], wrt: Wrt = 0, *, precise: bool = False) -> Callable[..., Any]:
    """Every derivative of every number that a function returns.

    By reverse mode, one sweep per output; or, if there are more outputs than variables, by forward mode in all
    directions at once. Variables that an output does not depend on cost nothing in either.

    Parameters
    ----------
    f, wrt, precise
        As for ``grad``.

    Returns
    -------
    callable
        A function of the same arguments. It returns the structure of the function's result, in which each number is
        replaced by its derivatives in the structure of the chosen argument; for arrays, one array.

    Raises
    ------
    InvalidValueError, DataError
        As for ``grad``.

    Examples
    --------
    >>> from microgrid import jacobian
    >>> jacobian(lambda x: [x[0] * x[1], x[0] ** 2])([3.0, 2.0])
    [[2.0, 3.0], [6.0, 0.0]]
    """

    def derived(*args: Any, **more: Any) -> Any:
        trace = record(f, wrt, args, more, precise=precise)
        if len(trace.outputs) <= len(trace.variables) or trace.recording is not None:
            rows = [trace.gradient(output) for output in trace.outputs]
        else:
            replay = Replay(trace, all_directions(trace))
            rows = [replay.row(replay.values[output]) for output in trace.outputs]
        return trace.results([trace.arguments(row) for row in rows])

    return derived


def _along(
    f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], more: Mapping[str, Any], *, precise: bool
) -> tuple[Trace, list[Any]]:
    """The trace, and the direction, which is the last argument. If it holds Values, so does the result."""
    *args_of_f, direction = args
    trace = record(f, wrt, tuple(args_of_f), more, precise=precise)
    entries = flatten_like(direction, trace.arguments, len(trace.variables), "argument")
    plain = trace.plain and not any([isinstance(entry, Value) for entry in entries])
    if trace.recording is not None and not plain:
        return _along(f, wrt, args, more, precise=True)
    tangents = [entry if isinstance(entry, Value) else as_float(entry) for entry in entries]
    return replace(trace, plain=plain), tangents


@public()
@_derived
def jvp(f: Callable[..., Any], wrt: Wrt = 0, *, precise: bool = False) -> Callable[..., Any]:
    """The product of the Jacobian and a vector, the derivative along a direction, by forward mode.

    Parameters
    ----------
    f, wrt, precise
        As for ``grad``.

    Returns
    -------
    callable
        A function of the same arguments and, last, the direction, in the structure of the chosen argument. It returns
        the product in the structure of the function's result. Where the direction is a plain 0, nothing moves.

    Raises
    ------
    InvalidValueError, DataError
        As for ``grad``; also if the direction has another number of entries than the argument.

    Examples
    --------
    >>> from microgrid import jvp
    >>> jvp(lambda x: [x[0] * x[1], x[0] ** 2])([3.0, 2.0], [1.0, 10.0])
    [32.0, 6.0]
    """

    def derived(*args: Any, **more: Any) -> Any:
        trace, tangents = _along(f, wrt, args, more, precise=precise)
        if trace.recording is not None:
            direction = dict(zip(trace.variables, tangents, strict=True))
            return trace.results([pushforward(output, direction)[output] for output in trace.outputs])
        replay = Replay(trace, tangents)
        return trace.results([replay.coefficient(replay.values[output], 1) for output in trace.outputs])

    return derived


@public()
@_derived
def hvp(f: Callable[..., Any], wrt: Wrt = 0, *, precise: bool = False) -> Callable[..., Any]:
    """The product of the Hessian and a vector, forward over reverse: the cost is that of a few gradients.

    Parameters
    ----------
    f, wrt, precise
        As for ``grad``.

    Returns
    -------
    callable
        A function of the same arguments and, last, the direction, in the structure of the chosen argument. It returns
        the product in the same structure.

    Raises
    ------
    InvalidValueError, DataError
        As for ``grad``; also if the direction has another number of entries than the argument.

    Examples
    --------
    >>> from microgrid import hvp
    >>> hvp(lambda x: x[0] ** 2 * x[1])([3.0, 2.0], [1.0, 10.0])
    [64.0, 6.0]
    """

    def derived(*args: Any, **more: Any) -> Any:
        trace, tangents = _along(f, wrt, args, more, precise=precise)
        _check_scalar(trace, "hvp")
        if trace.recording is not None:
            found = trace.second_derivatives([tangents])
            return derived_precisely(*args, **more) if found is None else trace.arguments(found[0])
        replay = Replay(trace, tangents)
        return trace.arguments([replay.coefficient(adjoint, 1) for adjoint in replay.adjoints()])

    derived_precisely = derived if precise else hvp(f, wrt, precise=True)
    return derived


@public()
@_derived
def hessp(f: Callable[..., Any], wrt: Wrt = 0, *, precise: bool = False) -> Callable[..., Any]:
    """The product of the Hessian and a vector in SciPy's order of arguments: the vector comes second.

    Parameters
    ----------
    f, wrt, precise
        As for ``grad``.

    Returns
    -------
    callable
        A function of the first argument, the direction, and the other arguments. It returns the product in the
        structure of the chosen argument: what ``scipy.optimize.minimize`` takes as ``hessp``.

    Raises
    ------
    InvalidValueError, DataError
        As for ``hvp``.

    Examples
    --------
    >>> from microgrid import hessp
    >>> hessp(lambda x, scale: scale * x[0] ** 2 * x[1])([3.0, 2.0], [1.0, 10.0], 2.0)
    [128.0, 12.0]
    """
    product = hvp(f, wrt, precise=precise)
    return lambda x, direction, *args, **more: product(x, *args, direction, **more)


@public()
@_derived
def hessian(f: Callable[..., Any], wrt: Wrt = 0, *, sparse: bool = False, precise: bool = False) -> Callable[..., Any]:
    """All second derivatives of a function that returns one number, forward over reverse.

    One sweep in all directions at once, in which each node carries only the directions that it depends on. If each of
    n variables interacts with a few others, the work is proportional to n.

    Parameters
    ----------
    f, wrt, precise
        As for ``grad``.
    sparse : bool, default False
        Return only the entries that are not 0 by the structure of the graph: a dict from pairs of indices, which count
        the numbers in the chosen argument.

    Returns
    -------
    callable
        A function of the same arguments. It returns the structure of the chosen argument, in which each number is
        replaced by such a structure: lists of lists, for instance; for an array, one array.

    Raises
    ------
    InvalidValueError, DataError
        As for ``grad``.

    Examples
    --------
    >>> from microgrid import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1] + x[2])([3.0, 2.0, 1.0])
    [[4.0, 6.0, 0.0], [6.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    >>> hessian(lambda x: x[0] ** 2 * x[1] + x[2], sparse=True)([3.0, 2.0, 1.0])
    {(0, 0): 4.0, (0, 1): 6.0, (1, 0): 6.0}
    """

    def derived(*args: Any, **more: Any) -> Any:
        trace = record(f, wrt, args, more, precise=precise)
        _check_scalar(trace, "hessian")
        if trace.recording is not None:
            found = None if sparse else trace.second_derivatives()
            if found is None:
                return derived_precisely(*args, **more)
            return trace.arguments([trace.arguments(row.tolist()) for row in found])
        replay = Replay(trace, all_directions(trace))
        adjoints = replay.adjoints()
        if sparse:
            return _entries(replay, adjoints)
        return trace.arguments([trace.arguments(replay.row(adjoint)) for adjoint in adjoints])

    derived_precisely = derived if precise else hessian(f, wrt, sparse=sparse, precise=True)
    return derived


def _entries(replay: Replay, adjoints: Sequence[Series]) -> dict[tuple[int, int], Any]:
    found = {}
    for row, adjoint in enumerate(adjoints):
        vector = adjoint.coefficient(1)
        for column in sorted(vector.entries) if vector is not None else ():
            found[row, column] = replay.as_result(vector.entries[column])
    return found


# ---- high order -----------------------------------------------------------------------------------------------


@public()
def taylor(f: Callable[..., Any], x: Any, order: int) -> list[Any]:
    """The Taylor coefficients of a function of one number: f(x), f'(x), f''(x)/2, …, each divided by its factorial.

    The graph is recorded once and replayed on power series. The work grows with the square of the order for most
    operations of the table, and with its cube at most.

    Parameters
    ----------
    f : callable
        The function.
    x : float or Value
        The point of expansion.
    order : int
        The highest order, from 0.

    Returns
    -------
    list of float or Value
        The coefficients from order 0 on.

    Raises
    ------
    InvalidValueError
        If the function doesn't return one number.
    DataError
        If the order is not a whole number from 0.

    Examples
    --------
    >>> from microgrid import exp, taylor
    >>> taylor(lambda x: 1 / (1 - x), 0.0, 5)
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise DataError(f"the order is a whole number from 0, not {order!r}")
    replay, output = _expanded(record(f, 0, (x,), {}, precise=True), 1.0)
    return [replay.coefficient(output, k) for k in range(order + 1)]


def _expanded(trace: Trace, tangent: float) -> tuple[Replay, Series]:
    """The output as a series in t, where the variable is x + tangent·t."""
    _check_scalar(trace, "taylor")
    if len(trace.variables) != 1:
        raise InvalidValueError(f"a Taylor series is in one variable, and the argument has {len(trace.variables)}")
    replay = Replay(trace, [tangent])
    return replay, replay.values[trace.output]


@public()
@_derived
def derivative(f: Callable[..., Any], n: int = 1, wrt: int | str = 0) -> Callable[..., Any]:
    """The n-th derivative of a function with respect to one number, by its Taylor series.

    Parameters
    ----------
    f : callable
        The function, which returns one number.
    n : int, default 1
        The order of the derivative, from 0.
    wrt : int or str, default 0
        The position or the name of the argument.

    Returns
    -------
    callable
        A function of the same arguments that returns the derivative.

    Raises
    ------
    InvalidValueError
        When the derivative is called: if the function doesn't return one number, or the argument is not one number.
    DataError
        If n is not a whole number from 0.

    Examples
    --------
    >>> from microgrid import derivative
    >>> derivative(lambda x: x**5, 3)(2.0)
    240.0
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise DataError(f"n is a whole number from 0, not {n!r}")

    def derived(*args: Any, **more: Any) -> Any:
        # The n-th coefficient is f⁽ⁿ⁾/n!, which underflows long before f⁽ⁿ⁾ does. With a tangent near n/e it is near
        # f⁽ⁿ⁾, since n! is near (n/e)ⁿ. A power of two rounds nothing.
        step = 2.0 ** max(0, round(math.log2(n / math.e))) if n else 1.0
        replay, output = _expanded(record(f, wrt, args, more, precise=True), step)
        result = replay.coefficient(output, n)
        for factor in range(1, n + 1):
            result = result if factor == step else result * (factor / step)
        return result

    return derived
