"""What is compiled: a function, or a graph that was recorded before. Both list their arguments and produce a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from microgrid.compiler.arguments import Arguments, Layout, Place, distinct
from microgrid.compiler.trace import Trace, trace
from microgrid.core.engine import Value
from microgrid.core.graph import topological_order
from microgrid.errors import DataError, InvalidValueError
from microgrid.program.program import Program
from microgrid.util.pytree import Rebuild, flatten, only
from microgrid.util.wording import listed

__all__ = ["FunctionTarget", "GraphTarget", "target_of"]


class FunctionTarget:
    """A function: its arguments by position or name, and how a call of it is recorded."""

    def __init__(self, f: Callable[..., Any], outside: Sequence[Value], static: Sequence[Place]) -> None:
        self.f = self.reading = f
        self.outside, self.static = list(outside), static
        self.__name__ = getattr(f, "__name__", "function")
        self.names, self.keywords, self._has_more, self._has_more_named = _parameters(f)

    def check(self, one: Place, option: str) -> None:
        """DataError if an option names an argument that no call of the function can have."""
        if isinstance(one, str):
            fits = self._has_more_named or one in (*self.names, *self.keywords)
        else:
            fits = self._has_more or -len(self.names) <= one < len(self.names)
        if not fits:
            told = listed([*self.names, *self.keywords]) or "no arguments"
            raise DataError(f"{option} has {one!r}, and {self.__name__} takes no such argument; it takes {told}")

    def positions(self, count: int) -> list[Place]:
        """The places of so many positional arguments."""
        return list(range(count))

    def arguments(self, args: Sequence[Any], more: Mapping[str, Any]) -> Arguments:
        """The arguments of a call by their places."""
        arguments: Arguments = dict(enumerate(args))
        arguments.update(more)
        return arguments

    def place(self, one: Place, arguments: Arguments) -> Place:
        """The key in a call's arguments of one that is given by position or name."""
        if one in arguments:
            return one
        if isinstance(one, str) and one in self.names and self.names.index(one) in arguments:
            return self.names.index(one)
        if isinstance(one, int) and 0 <= one < len(self.names) and self.names[one] in arguments:
            return self.names[one]
        positions = [place for place in arguments if isinstance(place, int)]
        if isinstance(one, int) and -len(positions) <= one < 0:
            return positions[one]
        told = listed([self.label(place) for place in arguments])
        raise DataError(f"there is no argument {one!r} in the call of {self.__name__}; it gives {told}")

    def label(self, place: Place) -> str:
        """The name of the argument at a place, for messages."""
        if isinstance(place, str):
            return place
        return self.names[place] if place < len(self.names) else f"argument{place}"

    def record(self, layout: Layout, numbers: Sequence[float], fixed: Arguments, *, share: bool) -> Trace:
        """One call on Values."""

        def call(moving: Mapping[Place, Any]) -> Any:
            arguments = {**fixed, **moving}
            positional = [arguments[place] for place in sorted(p for p in arguments if isinstance(p, int))]
            return self.f(*positional, **{place: one for place, one in arguments.items() if isinstance(place, str)})

        return trace(call, layout, numbers, share=share)


def _parameters(f: Callable[..., Any]) -> tuple[list[str], list[str], bool, bool]:
    """The names of the positional parameters and of the keyword-only ones; whether there may be more of each."""
    import inspect

    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return [], [], True, True
    kinds = [one.kind for one in parameters]
    placed = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    named = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
    return placed, named, inspect.Parameter.VAR_POSITIONAL in kinds, inspect.Parameter.VAR_KEYWORD in kinds


class GraphTarget:
    """A graph that was recorded before: its inputs by name."""

    reading = None
    outside: Sequence[Value] = ()
    static: Sequence[Place] = ()
    keywords: Sequence[str] = ()
    __name__ = "the recorded graph"

    def __init__(self, make: Callable[[bool], Program], names: Sequence[str], results: Rebuild) -> None:
        self._make, self.names, self._results = make, list(names), results
        self._known = frozenset(names)

    def positions(self, count: int) -> list[Place]:
        """The places of so many positional arguments."""
        return list(self.names[:count])

    def check(self, one: Place, option: str) -> None:  # as a function's
        """DataError if an option names an input that the graph doesn't have."""
        self.place(one, {})

    def arguments(self, args: Sequence[Any], more: Mapping[str, Any]) -> Arguments:
        """The numbers of a call by the inputs' names."""
        if len(args) > len(self.names):
            raise DataError(f"the recorded graph has {len(self.names)} inputs, and the call gives {len(args)} numbers")
        given = {**dict(zip(self.names, args, strict=False)), **more}
        if given.keys() != self._known or len(given) < len(args) + len(more):
            raise DataError(
                f"the recorded graph has the inputs {listed(self.names)}: give each once, in this order or by its name"
            )
        return {name: given[name] for name in self.names}

    def place(self, one: Place, arguments: Arguments) -> Place:
        """The name of an input that is given by name or position."""
        if one in self._known:
            return one
        if isinstance(one, int) and -len(self.names) <= one < len(self.names):
            return self.names[one]
        raise DataError(f"the recorded graph has no input {one!r}; there are {listed(self.names)}")

    def label(self, place: Place) -> str:
        """The name itself."""
        return str(place)

    def record(self, layout: Layout, numbers: Sequence[float], fixed: Arguments, *, share: bool) -> Trace:
        """The graph, which was recorded before; InvalidValueError for an argument that is not one number."""
        for part in layout.parts:
            if not part.is_number:
                given = part.rebuild(list(numbers[part.start : part.stop]))
                raise InvalidValueError(f"the input {part.label} of the recorded graph is one number, not {given!r}")
        return Trace(self._make(share), self._results)


def target_of(target: Any, inputs: Any, static: Sequence[Place]) -> tuple[FunctionTarget | GraphTarget, Rebuild | None]:
    """What ``compile`` was given, as something that gives traces.

    With it, how derivatives with respect to all inputs are put together, if it has inputs of its own. Raises an
    InvalidValueError for what is neither a function nor a recorded graph, and for an input that is no leaf, and a
    DataError if a graph has no inputs.
    """
    if isinstance(target, Program):
        names = target.inputs
        made = GraphTarget(lambda _: target, names, _one_or_list(len(target.outputs)))
        return made, lambda numbers: dict(zip(names, numbers, strict=True))
    leaves, gradient = ([], None) if inputs is None else flatten(inputs)
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not None:
            raise InvalidValueError(f"inputs are leaves, Values that were made from a number, not {leaf!r}")
    if callable(target):
        return FunctionTarget(target, leaves, static), gradient
    return _recorded_source(target, leaves, gradient, inputs)


def _one_or_list(count: int) -> Rebuild:
    return only if count == 1 else list


def _input_names(inputs: Any, leaves: Sequence[Value]) -> list[str]:
    """What the inputs are called by: a dict's keys, or the leaves' own names, made distinct."""
    if isinstance(inputs, Mapping) and len(inputs) == len(leaves):
        return list(inputs)
    return distinct([leaf.name or f"x{place}" for place, leaf in enumerate(leaves)])


def _recorded_source(
    target: Any, leaves: list[Value], gradient: Rebuild | None, inputs: Any
) -> tuple[GraphTarget, Rebuild]:
    outputs, results = flatten(target)
    for output in outputs:
        if not isinstance(output, Value):
            raise InvalidValueError(f"compile takes a function, recorded Values or a Program, and not {output!r}")
    names = None if gradient is None else _input_names(inputs, leaves)
    if gradient is None:
        leaves = [node for node in topological_order(*outputs) if node.op is None and node.name]
        if not leaves:
            raise DataError("the recorded graph has no named leaf: name its inputs, or give them as inputs=[...]")
    program = Program.record(outputs, leaves, names=names)
    by_name = gradient or (lambda numbers: dict(zip(program.inputs, numbers, strict=True)))

    def make(share: bool) -> Program:
        return program if share else Program.record(outputs, leaves, names=names, share=False)

    return GraphTarget(make, program.inputs, results), by_name
