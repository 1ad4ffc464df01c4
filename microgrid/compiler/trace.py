"""A function of numbers as a ``Program``: how its arguments lie in memory, and one recorded call for each path in it.

What a program is run on is ``backends``' to choose; who calls it when is ``compiling``'s.
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.calculus.forward import recorded_hessian, recorded_hvp, recorded_jvp
from microgrid.core.graph import dependents, topological_order
from microgrid.core.value import Value, as_float, as_value, decisions
from microgrid.errors import DataError, InvalidValueError, OperationError
from microgrid.program.program import Program
from microgrid.util.pytree import Rebuild, flatten

__all__ = ["Layout", "Part", "Trace", "check_kind", "check_places", "derived", "distinct", "structure_of", "trace"]

_NUMBER = "number"
_STATIC = (type(None), str, bytes, bool)  # what a function chooses its way by, and never calculates with


def structure_of(tree: Any) -> Hashable:
    """What two arguments have in common if one recorded call serves for both.

    Parameters
    ----------
    tree : number, list, tuple, dict, array, None, bool or text
        An argument.

    Returns
    -------
    hashable
        Equal for arguments that differ in numbers alone. A bool or a text is no number: it is part of the structure.

    Examples
    --------
    >>> structure_of([1.0, {"b": 2}]) == structure_of([3, {"b": 0.5}])
    True
    >>> structure_of(True) == structure_of(False)
    False
    """
    kind = type(tree)
    if kind is float or kind is int:
        return _NUMBER
    if kind in (list, tuple) and {float, int}.issuperset(map(type, tree)):
        return kind, len(tree)
    if getattr(tree, "ndim", 0):
        return "array", tree.shape
    if isinstance(tree, Mapping):
        return kind, tuple(tree), tuple([structure_of(child) for child in tree.values()])
    if isinstance(tree, list | tuple):
        return kind, tuple([structure_of(child) for child in tree])
    return (kind, tree) if isinstance(tree, _STATIC) else _NUMBER


def distinct(names: Sequence[str]) -> list[str]:
    """Names that tell inputs apart: one that was there before has its place behind it.

    Parameters
    ----------
    names : sequence of str
        As they are.

    Returns
    -------
    list of str
        As many.

    Examples
    --------
    >>> distinct(["w", "b", "w"])
    ['w', 'b', 'w_2']
    """
    taken: dict[str, None] = {}
    for place, name in enumerate(names):
        free = name
        while free in taken:
            free = f"{free}_{place}"
        taken[free] = None
    return list(taken)


@dataclass(frozen=True, slots=True)
class Part:
    """One argument: where its numbers lie among the inputs, and how it is put together from them.

    Parameters
    ----------
    place : int or str
        Its position, or its name.
    label : str
        What it is called in messages and listings.
    start, stop : int
        Its inputs.
    is_rows : bool
        Whether it has one row for each sample.
    is_array : bool
        Whether it is an array, whose numbers are copied at once.
    is_whole : bool
        Whether every leaf of its structure is a number.
    moving : tuple of bool
        For each leaf of its structure, whether it is a number; the others are fixed.
    rebuild : callable
        From as many things as there are numbers to a structure of the same shape.
    """

    place: int | str
    label: str
    start: int
    stop: int
    is_rows: bool
    is_array: bool
    is_whole: bool
    moving: tuple[bool, ...]
    rebuild: Rebuild


class Layout:
    """How the arguments of calls with one structure lie in the inputs of a program.

    Parameters
    ----------
    places : sequence of (place, label)
        The arguments that hold numbers, in order.
    arguments : mapping
        An example of each, by its place. Of an argument with rows: one row.
    rows : collection of places
        Which have a row for each sample.
    outside : sequence of Value
        Leaves that the function uses without being given them. They are the first inputs.
    """

    def __init__(
        self,
        places: Sequence[tuple[int | str, str]],
        arguments: Mapping[int | str, Any],
        rows: Iterable[int | str] = (),
        outside: Sequence[Value] = (),
    ) -> None:
        self.outside = list(outside)
        self.outside_names = distinct([leaf.name or f"value{place}" for place, leaf in enumerate(self.outside)])
        self.names = list(self.outside_names)
        rows = set(rows)
        self.parts: list[Part] = []
        for place, label in places:
            self._add(place, label, arguments[place], place in rows)

    def _add(self, place: int | str, label: str, argument: Any, is_rows: bool) -> None:
        leaves, rebuild = flatten(argument)
        moving = tuple([not isinstance(leaf, _STATIC) for leaf in leaves])
        fixed = list(leaves)

        def rebuild_around(numbers: Sequence[Any]) -> Any:
            remaining = iter(numbers)
            return rebuild([next(remaining) if moves else leaf for leaf, moves in zip(fixed, moving, strict=True)])

        start, count = len(self.names), sum(moving)
        is_array = bool(getattr(argument, "ndim", 0))
        own = [label] if not is_array and len(leaves) == 1 else [f"{label}[{k}]" for k in range(count)]
        self.names = distinct([*self.names, *own[:count]])
        whole = rebuild if all(moving) else rebuild_around
        self.parts.append(Part(place, label, start, start + count, is_rows, is_array, all(moving), moving, whole))

    @functools.cached_property
    def shared(self) -> list[int]:
        """The inputs that are the same for all rows."""
        by_rows = {slot for part in self.parts if part.is_rows for slot in range(part.start, part.stop)}
        return [slot for slot in range(len(self.names)) if slot not in by_rows]

    def part(self, place: int | str) -> Part | None:
        """The argument at a place, if it has numbers that move."""
        return next((part for part in self.parts if part.place == place), None)

    def numbers(self, arguments: Mapping[int | str, Any], arrays: Mapping[int | str, Any]) -> list[float]:
        """The numbers of a call; of arguments with rows, those of the first one, and 0 where there is none."""
        view = array("d", bytes(8 * len(self.names)))
        self.pack(arguments, view)
        for part in self.parts:
            if part.is_rows and len(arrays[part.place]):
                view[part.start : part.stop] = array("d", arrays[part.place][0].ravel().tolist())
        return view.tolist()

    def pack(self, arguments: Mapping[int | str, Any], view: Any) -> None:
        """Write the numbers of a call into the inputs.

        Parameters
        ----------
        arguments : mapping
            From places to arguments of this structure. Those with rows are passed over.
        view : array of float64
            The inputs, one element each.
        """
        if self.outside:
            _write(view, 0, [leaf.data for leaf in self.outside], "an outside Value")
        for part in self.parts:
            if part.is_rows:
                continue
            argument = arguments[part.place]
            if part.is_array:
                _write_array(view, part, argument)
            elif part.moving == (True,):
                _write(view, part.start, [argument if type(argument) is float else flatten(argument)[0][0]], part.label)
            else:
                numbers = flatten(argument)[0]
                if not part.is_whole:
                    numbers = [leaf for leaf, moves in zip(numbers, part.moving, strict=True) if moves]
                _write(view, part.start, numbers, part.label)


def _write(view: Any, start: int, numbers: Sequence[Any], label: str) -> None:
    if {float, int}.issuperset(map(type, numbers)):
        try:
            struct.pack_into(f"{len(numbers)}d", view, 8 * start, *numbers)
            return
        except struct.error:  # an integer beyond every float
            pass
    for place, number in enumerate(numbers):
        view[start + place] = _plain(number, label)


def _plain(number: Any, label: str) -> float:
    if isinstance(number, Value):
        raise InvalidValueError(
            f"the argument {label} of a compiled function is a Value: it takes numbers and records nothing. Call the "
            "function itself, or give the Value's .data"
        )
    try:
        return as_float(number)
    except InvalidValueError as error:
        raise InvalidValueError(f"the argument {label} of a compiled function: {error}") from None


def _write_array(view: Any, part: Part, argument: Any) -> None:
    check_kind(argument, part.label)
    if isinstance(view, array):
        view[part.start : part.stop] = array("d", argument.ravel().tolist())
    else:
        import numpy

        view[part.start : part.stop] = numpy.asarray(argument).ravel()


def check_kind(array: Any, label: str) -> None:
    """Raise for an array whose elements are no real numbers.

    Parameters
    ----------
    array : array
        Of any type.
    label : str
        What it is called.

    Raises
    ------
    InvalidValueError
        For complex numbers, objects, texts and dates.
    """
    if hasattr(array, "mask") and hasattr(array, "filled"):
        raise InvalidValueError(
            f"the argument {label} of a compiled function is a masked array, and what is masked has no number: fill it "
            "or leave those rows out"
        )
    if array.dtype.kind not in "fiub":
        raise InvalidValueError(
            f"the argument {label} of a compiled function is an array of {array.dtype}, and real numbers are needed: "
            "convert it with .astype(float)"
        )


# ---- recording ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trace:
    """One recorded call: the program of what the function returned, and that of what its branches were decided by.

    Parameters
    ----------
    program : Program
        Its outputs are the function's results.
    results : callable
        From as many things to the structure that the function returned.
    guards : Program or None
        Its outputs are the comparisons that branches were decided by, 1 or 0, from the same inputs. It is a program of
        its own, so that nothing of it is differentiated.
    truths : tuple of float
        What the guards' outputs are if this trace is the path that the function takes.
    differentiated : bool
        Whether the program's derivatives are wanted, beside its outputs.
    """

    program: Program
    results: Rebuild
    guards: Program | None = None
    truths: tuple[float, ...] = ()
    differentiated: bool = False

    @property
    def count(self) -> int:
        """How many results there are."""
        return len(self.program.outputs)


def trace(
    function: Callable[[Mapping[int | str, Any]], Any], layout: Layout, numbers: Sequence[float], *, share: bool
) -> Trace:
    """Record one call of a function on Values, and which way its branches went.

    Parameters
    ----------
    function : callable
        Takes the arguments by their places.
    layout : Layout
        How the arguments lie in the inputs.
    numbers : sequence of float
        One for each input: where the branches are decided.
    share : bool
        Whether common subexpressions become one.

    Returns
    -------
    Trace
        The recorded call.

    Raises
    ------
    InvalidValueError
        If the function returns anything else than numbers, or calculates with a Value that it was not given.
    OperationError
        If a branch depends on numbers that differ from row to row.
    """
    first = len(layout.outside)
    inputs = [*layout.outside, *[Value(number) for number in numbers[first:]]]
    arguments = {part.place: part.rebuild(inputs[part.start : part.stop]) for part in layout.parts}
    with decisions() as decided:
        returned = function(arguments)
    results, rebuild = flatten(returned)
    outputs = [_output(result) for result in results]
    guards = [comparison.record() for comparison in decided]
    _check_leaves([*outputs, *guards], inputs)
    _check_branches(guards, inputs, layout)
    if not outputs:
        raise InvalidValueError("a function that is compiled returns at least one number")
    program = Program.record(outputs, inputs, names=layout.names, share=share)
    return Trace(program, rebuild, *_guarded(guards, inputs, layout.names))


def _guarded(
    guards: Sequence[Value], inputs: Sequence[Value], names: Sequence[str]
) -> tuple[Program | None, tuple[float, ...]]:
    if not guards:
        return None, ()
    return Program.record(guards, inputs, names=names), tuple([guard.data for guard in guards])


def _output(result: Any) -> Value:
    try:
        return as_value(result)
    except InvalidValueError as error:
        raise InvalidValueError(f"a function that is compiled returns numbers: {error}") from None


def _check_leaves(outputs: Sequence[Value], inputs: Sequence[Value]) -> None:
    known = set(inputs)
    for node in topological_order(*outputs):
        if node.op is None and not node.is_constant and node not in known:
            raise InvalidValueError(
                f"the function that is compiled uses {node!r}, which it was not given: its number would be frozen. "
                "Pass it as an argument, or name such Values in inputs=, or use its .data if it never changes"
            )


def _check_branches(guards: Sequence[Value], inputs: Sequence[Value], layout: Layout) -> None:
    by_rows = [slot for part in layout.parts if part.is_rows for slot in range(part.start, part.stop)]
    moving = dependents(guards, [inputs[slot] for slot in by_rows]) if by_rows and guards else set()
    for guard in guards:
        if guard in moving:
            raise OperationError(
                f"a branch is decided by {guard.op.symbol if guard.op else 'a number'} of numbers that differ from row "
                "to row, so that one recorded sample can't stand for all: use microgrid.where instead of if"
            )


def check_places(names: Iterable[int | str], what: str) -> None:
    """Raise for places of arguments that are none.

    Parameters
    ----------
    names : iterable of int or str
        What was given.
    what : str
        The option's name.

    Raises
    ------
    DataError
        If one is neither a position nor a name.
    """
    for one in names:
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise DataError(f"{what} holds the places or names of arguments, not {one!r}")


# ---- derivatives as programs ----------------------------------------------------------------------------------


def derived(
    what: str, of: Trace, wrt: Sequence[int], numbers: Sequence[float], rebuild: Rebuild, *, share: bool
) -> Trace:
    """What ``calculus`` makes of a recorded call, recorded in its turn.

    Parameters
    ----------
    what : "jvp", "hvp" or "hessian"
        The derivative. The first two have a direction, whose inputs are added behind the others.
    of : Trace
        The call.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    numbers : sequence of float
        One for each input.
    rebuild : callable
        From as many things as there are in ``wrt`` to the structure of the argument.
    share : bool
        Whether common subexpressions become one.

    Returns
    -------
    Trace
        Its results are the derivatives.
    """
    leaves = [Value(number) for number in numbers]
    tangents = [Value(1.0) for _ in wrt] if what in ("jvp", "hvp") else []
    values = of.program.replay(leaves)
    outputs = [values[slot] for slot in of.program.outputs]
    variables = [leaves[slot] for slot in wrt]
    with decisions() as decided:
        results, structure = _derivatives(what, variables, of, outputs, tangents, rebuild)
    earlier = of.guards.replay(leaves) if of.guards else []
    guards = [earlier[slot] for slot in of.guards.outputs] if of.guards else []
    guards += [comparison.record() for comparison in decided]
    inputs = [*leaves, *tangents]
    names = [*of.program.inputs, *[f"direction[{place}]" for place in range(len(tangents))]]
    program = Program.record(results, inputs, names=names, share=share)
    return Trace(program, structure, *_guarded(guards, inputs, names))


def _derivatives(
    what: str, variables: list[Value], of: Trace, outputs: list[Value], tangents: list[Value], rebuild: Rebuild
) -> tuple[list[Value], Rebuild]:
    """The recorded derivatives, and how they are put together."""
    if what == "jvp":
        return recorded_jvp(variables, outputs, tangents), of.results
    if what == "hvp":
        return recorded_hvp(variables, outputs[0], tangents), rebuild
    count = len(variables)
    rows = recorded_hessian(variables, outputs[0])
    upper = [rows[place][column] for place in range(count) for column in range(place, count)]

    def whole(numbers: Sequence[Any]) -> Any:
        """The matrix from its upper triangle: mixed derivatives don't depend on their order."""
        remaining = iter(numbers)
        full: list[list[Any]] = [[None] * count for _ in range(count)]
        for place in range(count):
            for column in range(place, count):
                full[place][column] = full[column][place] = next(remaining)
        return rebuild([rebuild(row) for row in full])

    return upper, whole
