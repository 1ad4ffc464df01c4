"""The trace of one call of a function, from which every transform computes its derivatives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from microgrid.arrays.calls import recorded_call, recording_of_call, second_derivatives_of
from microgrid.calculus.reverse import recorded_gradient
from microgrid.core.engine import Value, as_value
from microgrid.core.graph import pullback, topological_order
from microgrid.errors import DataError, InvalidValueError
from microgrid.util.pytree import Rebuild, flatten
from microgrid.util.wording import listed

__all__ = ["Trace", "Wrt", "record"]

Wrt = int | str | tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """One call of a function, recorded on variables of its own.

    Variables are new nodes in each call, which keeps nested derivatives apart: an inner call never differentiates with
    respect to the outer call's variable itself, even if that is its argument.
    """

    variables: list[Value]
    arguments: Rebuild  # from one number per variable to the structure of the chosen argument
    outputs: list[Value]
    order: list[Value]  # the outputs' graph, parents before children, if it is one of single numbers
    results: Rebuild  # from one number per output to the structure of the function's result
    plain: bool  # whether the transform returns plain numbers
    recording: Any = None  # of arrays that were computed as a whole, if there are any; then the result is plain

    def as_result(self, value: Value) -> Any:
        """A node as the transform returns it."""
        return value.data if self.plain else value

    def gradient(self, output: Value) -> list[Any]:
        """The derivatives of an output with respect to the variables, by reverse mode."""
        if not self.plain:
            return recorded_gradient(output, self.variables)
        if self.recording is not None and output in self.recording.arrays:
            return list(self.recording.derivatives(output))
        return list(pullback(output, wanted=self.variables).values())

    def second_derivatives(self, directions: Sequence[Sequence[float]] | None = None) -> Any:
        """The Hessian's products with directions, or its rows, of a function whose arrays were computed as a whole.

        None if most of its graph is single numbers all the same.
        """
        return second_derivatives_of(self.recording, self.output, directions)

    @property
    def output(self) -> Value:
        """The output of a function that returns one number."""
        return self.outputs[0]


def record(
    f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], more: Mapping[str, Any], *, precise: bool = False
) -> Trace:
    """Call a function with new variables in the argument that ``wrt`` chooses, and keep the trace.

    Operations on arrays are recorded as a whole where that pays; with ``precise``, always element by element.
    """
    chosen, call = _choose_arguments(f, wrt, args, dict(more))
    numbers, rebuild = flatten(chosen)
    variables = [_variable(number) for number in numbers]
    outer = _outer.get()
    plain = not any([isinstance(number, Value) for number in numbers])
    recording = recording_of_call(variables, outer) if plain and not precise else None
    token = _outer.set((*outer, set(variables)))
    try:
        results, rebuild_results = flatten(recorded_call(lambda: call(rebuild(variables)), recording))
    finally:
        _outer.reset(token)
    outputs = [_output(result) for result in results]
    if recording is not None and recording.arrays:
        if recording.owns(outputs):
            return Trace(variables, rebuild, outputs, [], rebuild_results, plain, recording)
        # Values from outside have a part in the result, which has to be a graph of single numbers.
        return record(f, wrt, args, more, precise=True)
    order = topological_order(*outputs)
    return Trace(variables, rebuild, outputs, order, rebuild_results, plain and _is_closed(order, outer))


def _choose_arguments(
    f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], more: dict[str, Any]
) -> tuple[Any, Callable[[Any], Any]]:
    """The arguments to differentiate with respect to, and the function of these alone."""
    keys = [_key(f, one, args, more) for one in (wrt if isinstance(wrt, tuple) else (wrt,))]
    chosen = tuple([more[key] if isinstance(key, str) else args[key] for key in keys])

    def call(given: Any) -> Any:
        positional, by_name = list(args), dict(more)
        for key, argument in zip(keys, given if isinstance(wrt, tuple) else (given,), strict=True):
            if isinstance(key, str):
                by_name[key] = argument
            else:
                positional[key] = argument
        return f(*positional, **by_name)

    return (chosen if isinstance(wrt, tuple) else chosen[0]), call


def _key(f: Callable[..., Any], one: int | str, args: tuple[Any, ...], more: Mapping[str, Any]) -> int | str:
    """How an argument is passed in this call: its position, or its name."""
    if isinstance(one, str):
        if one in more:
            return one
        names = list(inspect.signature(f).parameters)
        if one in names[: len(args)]:
            return names.index(one)
        raise DataError(f"wrt is {one!r}, and the call gives no argument of that name; there are {listed(names)}")
    if isinstance(one, bool) or not isinstance(one, int):
        raise DataError(f"wrt is an argument's position or name, or a tuple of those, not {one!r}")
    if one >= len(args) and more:
        names = list(inspect.signature(f).parameters)
        if one < len(names) and names[one] in more:
            return names[one]
    if not -len(args) <= one < len(args):
        raise DataError(f"wrt is {one}, and the call has {len(args)} positional arguments")
    return one % len(args)


def _variable(number: Any) -> Value:
    """A new node: the number times 1, which changes no bit."""
    return as_value(number) * 1.0


def _output(result: Any) -> Value:
    try:
        return as_value(result)
    except InvalidValueError as error:
        raise InvalidValueError(f"a function that is differentiated returns numbers: {error}") from None


# The variables of the calls being recorded in this context, outermost first.
_outer: ContextVar[tuple[set[Value], ...]] = ContextVar("microgrid_outer", default=())


def _is_closed(order: Sequence[Value], outer: Sequence[set[Value]]) -> bool:
    """Whether a graph has no variable of an outer call, and no leaf but constants."""
    return all([node.op or node.is_constant for node in order]) and all([known.isdisjoint(order) for known in outer])
