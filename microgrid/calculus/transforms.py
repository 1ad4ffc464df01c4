"""Derivatives of functions and of recorded graphs, of any order, from the rules alone.

``gradients`` differentiates a recorded graph and gives graphs again. The other functions take a function of numbers and
give a function of the same arguments. What is differentiated with respect to is chosen by ``wrt``, an argument's place,
its name, or a tuple of those; an argument may be a number, or a list, a tuple, a dict or a NumPy array of numbers, or
several of these in each other.

Reverse mode is the pullback of ``graph``. Forward mode is the same graph on power series. A Hessian is forward over
reverse: the pullback on series whose first coefficients are sparse vectors, so that what doesn't interact is free.

Plain numbers come back where the result depends on the arguments alone and these are plain. Otherwise, for arguments
that are Values or a function that uses Values from outside, Values come back, so that no derivative is lost: calls may
be nested in any way.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.arithmetics.series import REAL, Series, SeriesArithmetic, SparseVector
from microgrid.core.arithmetic import FLOAT
from microgrid.core.graph import dependents, evaluate, local_partials, pullback, topological_order
from microgrid.core.rules import Rule
from microgrid.core.value import FUNCTIONS, VALUE, Value, as_float, as_value, recorder
from microgrid.errors import DataError, InvalidValueError
from microgrid.util.pytree import Rebuild, flatten, flatten_like
from microgrid.util.wording import listed

__all__ = [
    "derivative",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "recorded_hessian",
    "recorded_hvp",
    "recorded_jvp",
    "taylor",
    "value_and_grad",
    "vjp",
]

Wrt = int | str | tuple[int | str, ...]


# ---- recorded graphs ------------------------------------------------------------------------------------------


def _value_partials(node: Value) -> Sequence[Any]:
    """The node's local derivatives, recorded. What its rule never differentiates stays a plain number."""
    rule = node.op
    assert rule is not None  # only a node with a rule is asked
    operands: Sequence[Any] = node.parents
    if rule.arity is not None:
        operands = [x.data if region.constant else x for x, region in zip(operands, rule.regions, strict=True)]
    slopes: Sequence[Any] = VALUE.bind(rule)[1](node, *operands)
    return slopes


def _times(partial: Any, adjoint: Any) -> Any:
    """The product without needless nodes: a plain 1 or -1 is at most a sign, and a plain 0 contributes nothing."""
    if type(partial) is float:
        if partial == 0.0:
            return None
        if partial in (1.0, -1.0):
            return adjoint if partial == 1.0 else -adjoint
    if type(adjoint) is float and adjoint == 1.0:
        return partial
    return partial * adjoint


@public()
def gradients(output: Value, wrt: Any) -> Any:
    """Differentiate a recorded graph; the derivatives are graphs on the same leaves.

    They can be differentiated again, drawn and written as source text. No node's ``grad`` is read or changed.

    Parameters
    ----------
    output : Value
        What is differentiated.
    wrt : Value, or list, tuple, dict or NumPy array of Values
        With respect to what: leaves or interior nodes.

    Returns
    -------
    Value or structure of Values
        The derivatives, in the structure of ``wrt``. Where the output does not depend on one, a constant 0.

    Raises
    ------
    InvalidValueError
        If ``output`` is no Value, or ``wrt`` holds anything else than Values.

    Examples
    --------
    >>> from microgrid import Value, gradients
    >>> x, y = Value(3.0, name="x"), Value(2.0, name="y")
    >>> slopes = gradients(x**3 * y, {"x": x, "y": y})
    >>> slopes["x"].data, slopes["y"].data
    (54.0, 27.0)
    >>> gradients(slopes["x"], x).data  # the second derivative, 6xy
    36.0
    """
    if not isinstance(output, Value):
        raise InvalidValueError(f"only a Value can be differentiated, not {output!r}")
    nodes, rebuild = flatten(wrt)
    for node in nodes:
        if not isinstance(node, Value):
            raise InvalidValueError(f"a graph is differentiated with respect to Values of it, not {node!r}")
    return rebuild(_value_gradient(output, nodes))


def _value_gradient(output: Value, nodes: Sequence[Value]) -> list[Value]:
    between = dependents([output], nodes)
    adjoints = pullback(output, _value_partials, through=between, times=_times) if output in between else {}
    return [as_value(adjoints.get(node, 0.0)) for node in nodes]


# ---- functions, recorded --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trace:
    """One call of a function, recorded on variables of its own.

    That a variable is a new node in each call keeps nested derivatives apart: what an inner call differentiates with
    respect to is never the outer call's variable, even where it is given that as its argument.
    """

    variables: list[Value]
    arguments: Rebuild  # a structure of as many numbers as there are variables
    outputs: list[Value]
    results: Rebuild  # likewise of the outputs
    plain: bool  # whether plain numbers come back

    def number(self, value: Value) -> Any:
        """A node as it is given back."""
        return value.data if self.plain else value

    def gradient(self, output: Value) -> list[Any]:
        """The derivatives of an output with respect to the variables, by reverse mode."""
        if not self.plain:
            return _value_gradient(output, self.variables)
        adjoints = pullback(output)
        return [adjoints.get(variable, 0.0) for variable in self.variables]

    @property
    def output(self) -> Value:
        """The only output, of a function that returns one number."""
        return self.outputs[0]


def _record(f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], more: Mapping[str, Any]) -> _Trace:
    chosen, call = _choose_arguments(f, wrt, args, dict(more))
    numbers, rebuild = flatten(chosen)
    variables = [_variable(number) for number in numbers]
    outer = _outer.get()
    token = _outer.set((*outer, set(variables)))
    try:
        results, rebuild_results = flatten(call(rebuild(variables)))
    finally:
        _outer.reset(token)
    outputs = [_output(result) for result in results]
    plain = not any([isinstance(number, Value) for number in numbers])
    return _Trace(variables, rebuild, outputs, rebuild_results, plain and _is_closed(outputs, outer))


def _choose_arguments(
    f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], more: dict[str, Any]
) -> tuple[Any, Callable[[Any], Any]]:
    """The arguments that are differentiated with respect to, and the function of only these."""
    places = [_place(f, one, args, more) for one in (wrt if isinstance(wrt, tuple) else (wrt,))]
    chosen = tuple([more[place] if isinstance(place, str) else args[place] for place in places])

    def call(given: Any) -> Any:
        positional, by_name = list(args), dict(more)
        for place, argument in zip(places, given if isinstance(wrt, tuple) else (given,), strict=True):
            if isinstance(place, str):
                by_name[place] = argument
            else:
                positional[place] = argument
        return f(*positional, **by_name)

    return (chosen if isinstance(wrt, tuple) else chosen[0]), call


def _place(f: Callable[..., Any], one: int | str, args: tuple[Any, ...], more: Mapping[str, Any]) -> int | str:
    """Where an argument stands in this call: its place among the positional ones, or its name."""
    if isinstance(one, str):
        if one in more:
            return one
        names = list(inspect.signature(f).parameters)
        if one in names[: len(args)]:
            return names.index(one)
        raise DataError(f"wrt is {one!r}, and the call gives no argument of that name; there are {listed(names)}")
    if isinstance(one, bool) or not isinstance(one, int):
        raise DataError(f"wrt is an argument's place or name, or a tuple of those, not {one!r}")
    if one >= len(args) and more:
        names = list(inspect.signature(f).parameters)
        if one < len(names) and names[one] in more:
            return names[one]
    if not -len(args) <= one < len(args):
        raise DataError(f"wrt is {one}, and the call has {len(args)} arguments that are given by their place")
    return one % len(args)


def _variable(number: Any) -> Value:
    """A node of the call's own: the number's product with 1, which changes no bit."""
    return as_value(number) * 1.0


def _output(result: Any) -> Value:
    try:
        return as_value(result)
    except InvalidValueError as error:
        raise InvalidValueError(f"a function that is differentiated returns numbers: {error}") from None


# The variables of the calls that are being recorded in this context, from the outermost on.
_outer: ContextVar[tuple[set[Value], ...]] = ContextVar("microgrid_outer", default=())


def _is_closed(outputs: Iterable[Value], outer: Sequence[set[Value]]) -> bool:
    """Whether no variable of an outer call takes part, nor a leaf that is no constant."""
    order = topological_order(*outputs)
    return all([node.op or node.is_constant for node in order]) and all([known.isdisjoint(order) for known in outer])


def _check_scalar(trace: _Trace, what: str) -> None:
    if len(trace.outputs) != 1:
        raise InvalidValueError(
            f"{what} needs a function that returns one number, not {len(trace.outputs)}; "
            "jacobian, jvp and vjp take functions that return many"
        )


def _derived(make: Callable[..., Any]) -> Callable[..., Any]:
    """Let the function that is made bear the name and the documentation of the one that it is made from."""

    def maker(f: Callable[..., Any], *args: Any, **more: Any) -> Callable[..., Any]:
        if not callable(f):
            raise InvalidValueError(f"{make.__name__} takes a function, not {f!r}; gradients takes a recorded Value")
        return functools.wraps(f, assigned=("__name__", "__doc__"), updated=())(make(f, *args, **more))

    return functools.wraps(make)(maker)


# ---- reverse mode ---------------------------------------------------------------------------------------------


@public()
@_derived
def grad(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The gradient of a function that returns one number.

    Parameters
    ----------
    f : callable
        The function.
    wrt : int, str or tuple of those
        The place or the name of the argument to differentiate with respect to; of several, in a tuple.

    Returns
    -------
    callable
        A function of the same arguments that returns the derivatives, in the structure of the chosen argument; for a
        tuple of arguments, a tuple.

    Raises
    ------
    InvalidValueError
        When it is called: if the function returns other than one number, or the argument holds something else.
    DataError
        When it is called: if there is no such argument.

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
    both = value_and_grad(f, wrt)
    return lambda *args, **more: both(*args, **more)[1]


@public()
@_derived
def value_and_grad(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """A function's value beside its gradient, by one call.

    Parameters
    ----------
    f, wrt
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
        trace = _record(f, wrt, args, more)
        _check_scalar(trace, "grad")
        return trace.number(trace.output), trace.arguments(trace.gradient(trace.output))

    return derived


@public()
@_derived
def vjp(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The product of a vector and the Jacobian, by one sweep of reverse mode.

    Parameters
    ----------
    f : callable
        The function; it may return a structure of numbers.
    wrt
        As for ``grad``.

    Returns
    -------
    callable
        A function of the same arguments and, last, the vector, in the structure of what the function returns. It
        returns the product in the structure of the chosen argument.

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
        trace = _record(f, wrt, tuple(args_of_f), more)
        weights = flatten_like(vector, trace.results, len(trace.outputs), "result")
        product = as_value(FUNCTIONS["dot"](trace.outputs, weights))
        if trace.plain and not any([isinstance(weight, Value) for weight in weights]):
            return trace.arguments(trace.gradient(product))
        return trace.arguments(_value_gradient(product, trace.variables))

    return derived


@public()
@_derived
def jacobian(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """Every derivative of every number that a function returns.

    By reverse mode, one sweep for each output, or by forward mode in all directions at once where there are more
    outputs than variables; what an output does not depend on costs nothing in either.

    Parameters
    ----------
    f, wrt
        As for ``vjp``.

    Returns
    -------
    callable
        A function of the same arguments. It returns the structure of the function's result, with a structure of
        derivatives like the chosen argument in each place; for arrays, one array.

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
        trace = _record(f, wrt, args, more)
        if len(trace.outputs) <= len(trace.variables):
            rows = [trace.gradient(output) for output in trace.outputs]
        else:
            moving = _Moving(trace, _every_direction(trace))
            rows = [moving.row(moving.values[output]) for output in trace.outputs]
        return trace.results([trace.arguments(row) for row in rows])

    return derived


# ---- forward mode: the graph on series ------------------------------------------------------------------------


def _apply(rule: Rule, *operands: Any) -> Any:
    """A rule's value on Values and plain numbers."""
    if any([isinstance(operand, Value) for operand in operands]):
        return recorder(rule)(*[as_value(operand) for operand in operands])
    return FLOAT.bind(rule)[0](*operands)


class _Moving:
    """A recorded call on series: its variables move along t, and every node's coefficients tell how it follows."""

    def __init__(self, trace: _Trace, tangents: Sequence[Any]) -> None:
        self.trace = trace
        self.arithmetic = SeriesArithmetic(REAL) if trace.plain else SeriesArithmetic(VALUE, _apply)
        self.between = dependents(trace.outputs, trace.variables)
        values: dict[Value, Series] = {
            node: self.arithmetic.lift(node.data if trace.plain or node.is_constant else node)
            for node in topological_order(*trace.outputs)
            if node not in self.between
        }
        for variable, tangent in zip(trace.variables, tangents, strict=True):
            values[variable] = self.arithmetic.variable(trace.number(variable), tangent)
        self.values = evaluate(trace.outputs, self.arithmetic, values)

    def adjoints(self) -> list[Series]:
        """The derivatives of the only output with respect to the variables, as series."""
        output, variables = self.trace.output, self.trace.variables
        partials = local_partials(self.arithmetic, self.values)
        found = pullback(output, partials, through=self.between, times=_times) if output in self.between else {}
        return [self.arithmetic.lift(found.get(variable, 0.0)) for variable in variables]

    def coefficient(self, series: Series, order: int) -> Any:
        """A coefficient as it is given back."""
        return self.given_back(series.coefficient(order))

    def row(self, series: Series) -> list[Any]:
        """The first coefficient in each direction, 0 in those that it is not moved by."""
        vector = series.coefficient(1)
        entries = vector.entries if vector is not None else {}
        return [self.given_back(entries.get(place)) for place in range(len(self.trace.variables))]

    def given_back(self, coefficient: Any) -> Any:
        """A coefficient as a float or a Value; None is 0."""
        number = 0.0 if coefficient is None else coefficient
        return float(number) if self.trace.plain else as_value(number)


def _every_direction(trace: _Trace) -> list[SparseVector]:
    return [SparseVector({place: 1.0}) for place in range(len(trace.variables))]


def _along(f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], more: Mapping[str, Any]) -> tuple[_Trace, list[Any]]:
    """The recorded call, and the direction, which is the last argument. Values in it make the result Values."""
    *args_of_f, direction = args
    trace = _record(f, wrt, tuple(args_of_f), more)
    entries = flatten_like(direction, trace.arguments, len(trace.variables), "argument")
    plain = trace.plain and not any([isinstance(entry, Value) for entry in entries])
    tangents = [entry if isinstance(entry, Value) else as_float(entry) for entry in entries]
    return _Trace(trace.variables, trace.arguments, trace.outputs, trace.results, plain), tangents


def recorded_jvp(variables: list[Value], outputs: list[Value], tangents: Sequence[Any]) -> list[Value]:
    """The derivatives of recorded outputs along a direction, recorded.

    Parameters
    ----------
    variables : list of Value
        What moves.
    outputs : list of Value
        What follows.
    tangents : sequence of Value or float
        How fast each variable moves.

    Returns
    -------
    list of Value
        How fast each output follows.
    """
    moving = _Moving(_recorded_trace(variables, outputs), tangents)
    return [moving.coefficient(moving.values[output], 1) for output in outputs]


def recorded_hvp(variables: list[Value], output: Value, tangents: Sequence[Any]) -> list[Value]:
    """The product of a recorded output's Hessian and a direction, recorded; as ``recorded_jvp``."""
    moving = _Moving(_recorded_trace(variables, [output]), tangents)
    return [moving.coefficient(adjoint, 1) for adjoint in moving.adjoints()]


def recorded_hessian(variables: list[Value], output: Value) -> list[list[Value]]:
    """The rows of a recorded output's Hessian, recorded; as ``recorded_jvp``."""
    trace = _recorded_trace(variables, [output])
    moving = _Moving(trace, _every_direction(trace))
    return [moving.row(adjoint) for adjoint in moving.adjoints()]


def _recorded_trace(variables: list[Value], outputs: list[Value]) -> _Trace:
    return _Trace(variables, list, outputs, list, plain=False)


@public()
@_derived
def jvp(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The product of the Jacobian and a vector, the derivative along a direction, by forward mode.

    Parameters
    ----------
    f, wrt
        As for ``vjp``.

    Returns
    -------
    callable
        A function of the same arguments and, last, the direction, in the structure of the chosen argument. It returns
        the product in the structure of the function's result.

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
        trace, tangents = _along(f, wrt, args, more)
        moving = _Moving(trace, tangents)
        return trace.results([moving.coefficient(moving.values[output], 1) for output in trace.outputs])

    return derived


@public()
@_derived
def hvp(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The product of the Hessian and a vector, forward over reverse: the cost is that of a few gradients.

    Parameters
    ----------
    f, wrt
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
        trace, tangents = _along(f, wrt, args, more)
        _check_scalar(trace, "hvp")
        moving = _Moving(trace, tangents)
        return trace.arguments([moving.coefficient(adjoint, 1) for adjoint in moving.adjoints()])

    return derived


@public()
@_derived
def hessian(f: Callable[..., Any], wrt: Wrt = 0, *, sparse: bool = False) -> Callable[..., Any]:
    """All second derivatives of a function that returns one number, forward over reverse.

    One sweep in all directions at once, in which every node carries only the directions that move it and matter. Where
    each of n variables interacts with a few others, that is work proportional to n.

    Parameters
    ----------
    f, wrt
        As for ``grad``.
    sparse : bool
        Give the entries that are not 0 by the structure of the graph, and no others: a dict from pairs of places, in
        the order of the numbers in the chosen argument.

    Returns
    -------
    callable
        A function of the same arguments. It returns the structure of the chosen argument with another one in each
        place, lists of lists for instance; for an array, one array.

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
        trace = _record(f, wrt, args, more)
        _check_scalar(trace, "hessian")
        moving = _Moving(trace, _every_direction(trace))
        adjoints = moving.adjoints()
        if sparse:
            return _entries(moving, adjoints)
        return trace.arguments([trace.arguments(moving.row(adjoint)) for adjoint in adjoints])

    return derived


def _entries(moving: _Moving, adjoints: Sequence[Series]) -> dict[tuple[int, int], Any]:
    found = {}
    for row, adjoint in enumerate(adjoints):
        vector = adjoint.coefficient(1)
        for column in sorted(vector.entries) if vector is not None else ():
            found[row, column] = moving.given_back(vector.entries[column])
    return found


# ---- high order -----------------------------------------------------------------------------------------------


@public()
def taylor(f: Callable[..., Any], x: Any, order: int) -> list[Any]:
    """The Taylor coefficients of a function of one number: f(x), f'(x), f''(x)/2, …, each divided by its factorial.

    The graph is recorded once and run on power series; the work grows with the square of the order for most operations,
    and never faster than with its cube for the rules of the table.

    Parameters
    ----------
    f : callable
        The function.
    x : float or Value
        Where it is expanded.
    order : int
        The highest order.

    Returns
    -------
    list of float or Value
        The coefficients from order 0 on.

    Raises
    ------
    InvalidValueError
        If the function returns other than one number.
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
    moving, output = _expanded(_record(f, 0, (x,), {}), 1.0)
    return [moving.coefficient(output, k) for k in range(order + 1)]


def _expanded(trace: _Trace, tangent: float) -> tuple[_Moving, Series]:
    """The output as a series in t, where the variable is x + tangent·t."""
    _check_scalar(trace, "taylor")
    if len(trace.variables) != 1:
        raise InvalidValueError(f"a Taylor series is in one variable, and the argument has {len(trace.variables)}")
    moving = _Moving(trace, [tangent])
    return moving, moving.values[trace.output]


@public()
@_derived
def derivative(f: Callable[..., Any], n: int = 1, wrt: int | str = 0) -> Callable[..., Any]:
    """The n-th derivative of a function with respect to one number, by its Taylor series.

    Parameters
    ----------
    f : callable
        The function, which returns one number.
    n : int
        How many times to differentiate, from 0.
    wrt : int or str
        The place or the name of the argument.

    Returns
    -------
    callable
        A function of the same arguments that returns the derivative.

    Raises
    ------
    InvalidValueError
        When it is called: if the function returns other than one number, or the argument is not one number.
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
        # The n-th coefficient is f⁽ⁿ⁾/n!, which underflows where f⁽ⁿ⁾ is far from it. So t is counted in steps of about
        # n/e, and n! is near (n/e)ⁿ. A power of two rounds nothing.
        step = 2.0 ** max(0, round(math.log2(n / math.e))) if n else 1.0
        moving, output = _expanded(_record(f, wrt, args, more), step)
        result = moving.coefficient(output, n)
        for factor in range(1, n + 1):
            result = result if factor == step else result * (factor / step)
        return result

    return derived
