"""The arguments of a call: their structure, where their numbers lie in a call's memory, and which may be rows.

Arguments of one structure share a trace. Each argument is walked once a call, for its structure and its numbers.
"""

from __future__ import annotations

import functools
import itertools
import operator
import struct
import sys
from array import array
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.core.engine import Value
from microgrid.core.operands import as_float
from microgrid.errors import DataError, InvalidValueError, MissingPackageError
from microgrid.util.pytree import Rebuild, check_depth, elements, flatten, is_table

__all__ = [
    "NO_VARIABLES",
    "NUMBER",
    "Arguments",
    "FastLayout",
    "Layout",
    "Part",
    "Place",
    "Variables",
    "check_kind",
    "distinct",
    "one_row",
    "plain",
    "row_arrays",
    "rows_first",
    "variables_of",
    "walk",
]

Place = int | str
Arguments = dict[Place, Any]

NUMBER = "number"
"""The structure of a number."""

_STATIC = (type(None), str, bytes, bool)  # part of the structure: a function branches on them, and computes with none


# ---- structure ------------------------------------------------------------------------------------------------


def walk(argument: Any) -> tuple[Hashable, Any]:
    """The structure of an argument and its numbers.

    The structure is equal for arguments that differ in numbers alone; a bool or a string is part of it. The numbers are
    in order and unconverted; of an array, the array itself.

    >>> walk([1.0, {"b": 2}])[1], walk([1.0, {"b": 2}])[0] == walk([3, {"b": 0.5}])[0]
    ([1.0, 2], True)
    >>> walk(True)
    ((<class 'bool'>, True), [])
    """
    kind = type(argument)
    if kind is float or kind is int:
        return NUMBER, [argument]
    if getattr(argument, "ndim", 0):
        if is_table(argument):
            labels = argument.columns if argument.ndim == 2 else (argument.name,)
            return (type(argument), tuple(argument.index), tuple(labels)), argument.to_numpy()
        return ("array", argument.shape), argument
    numbers: list[Any] = []
    return _walk(argument, numbers), numbers


def _walk(tree: Any, numbers: list[Any], depth: int = 0) -> Hashable:
    kind = type(tree)
    if kind is float or kind is int:
        numbers.append(tree)
        return NUMBER
    if kind in (list, tuple) and {float, int}.issuperset(map(type, tree)):
        numbers += tree
        return kind, len(tree)
    if getattr(tree, "ndim", 0):
        structure, array = walk(tree)
        numbers += elements(array)
        return structure
    if isinstance(tree, Mapping):
        return kind, tuple(tree), _walk_each(tree.values(), numbers, depth + 1)
    if isinstance(tree, list | tuple):
        return kind, _walk_each(tree, numbers, depth + 1)
    if isinstance(tree, _STATIC):
        return kind, tree
    numbers.append(tree)
    return NUMBER


def _walk_each(children: Collection[Any], numbers: list[Any], depth: int) -> tuple[Hashable, ...]:
    if children:
        check_depth(depth)
    return tuple([_walk(child, numbers, depth) for child in children])


def distinct(names: Sequence[str]) -> list[str]:
    """Names made distinct: a repeated one has its place appended.

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


# ---- layout ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One argument in a layout."""

    place: Place  # its position, or its name
    label: str  # its name in messages and listings
    start: int  # its inputs in the program begin here, and end before stop
    stop: int
    at: int  # where its numbers begin in a call's memory; not used for rows, which are read where they are
    is_rows: bool  # whether it has a row for each sample
    is_array: bool
    is_number: bool  # whether it is a single number
    rebuild: Rebuild  # from as many things as it has numbers to its structure, with what is static in it in its place
    shape: tuple[int, ...]  # of an array

    @property
    def room(self) -> slice:
        """Its numbers in a call's memory."""
        return slice(self.at, self.at + self.stop - self.start)


@dataclass(frozen=True, slots=True)
class FastLayout:
    """How so many positional arguments are written without a look into them: by types and the buffer protocol.

    ``shared`` has, for each argument that all rows share, its position, the types that it may have, and where it goes.
    A memoryview takes into a slice what has its format and length, and raises ValueError for anything else.
    """

    count: int
    shared: list[tuple[int, frozenset[type], Any]]
    rows: Callable[[Sequence[Any]], Sequence[Any]]  # from the arguments to those with rows


class Layout:
    """Where the numbers of arguments of one structure lie: in the inputs of a program, and in the memory of a call.

    The memory of a call holds the inputs that all rows share, in the program's order; at a single point, that is every
    input. It is made from the places and labels of the arguments that hold numbers, in order, and an example of each;
    of one that has a row for each sample, a row. The leaves ``outside``, which the function uses without being given
    them, are the first inputs.
    """

    def __init__(
        self,
        places: Sequence[tuple[Place, str]],
        arguments: Mapping[Place, Any],
        rows: Collection[Place] = (),
        outside: Sequence[Value] = (),
    ) -> None:
        self.outside = list(outside)
        self.outside_names = distinct([leaf.name or f"value{place}" for place, leaf in enumerate(self.outside)])
        names = list(self.outside_names)
        self.parts: list[Part] = []
        self.shared = list(range(len(self.outside)))  # the inputs that are the same for all rows
        for place, label in places:
            names += self._add(len(names), place, label, arguments[place], place in rows)
        self.names = distinct(names)
        self.row_parts = [part for part in self.parts if part.is_rows]
        self._at = {part.place: part for part in self.parts}

    def _add(self, start: int, place: Place, label: str, argument: Any, is_rows: bool) -> list[str]:
        """Add an argument, and give the names of its inputs."""
        leaves, rebuild = flatten(argument)
        is_array = bool(getattr(argument, "ndim", 0))
        is_number = not is_array and walk(argument)[0] == NUMBER
        moving = [is_array or not isinstance(leaf, _STATIC) for leaf in leaves]
        count = sum(moving)
        own = [label] if not is_array and len(leaves) == 1 else [f"{label}[{k}]" for k in range(count)]
        whole = rebuild if all(moving) else functools.partial(_rebuild_around, rebuild, leaves, moving)
        shape = argument.shape if is_array and not is_table(argument) else ()
        part = Part(place, label, start, start + count, len(self.shared), is_rows, is_array, is_number, whole, shape)
        self.parts.append(part)
        if not is_rows:
            self.shared += range(part.start, part.stop)
        return own[:count]

    def part(self, place: Place) -> Part | None:
        """The argument at a place, if it is one with numbers."""
        return self._at.get(place)

    def numbers(self, given: Mapping[Place, Any], arrays: Mapping[Place, Any]) -> list[float]:
        """The numbers that the function is recorded at, one for each input; of rows the first row's, or 0.

        Both mappings are by the places of arguments: those that rows share, with their numbers, and those with rows.
        """
        memory = array("d", bytes(8 * len(self.shared)))
        self.write(given, memory)
        found = array("d", bytes(8 * len(self.names)))
        for slot, number in zip(self.shared, memory, strict=True):
            found[slot] = number
        for part in self.row_parts:
            if len(arrays[part.place]):
                found[part.start : part.stop] = array("d", arrays[part.place][0].ravel().tolist())
        return found.tolist()

    def write(self, given: Mapping[Place, Any], memory: Any) -> None:
        """Write the numbers of a call, as ``walk`` gives them, into its memory, which has those that all rows share.

        Raises an InvalidValueError for anything else than real numbers.
        """
        if self.outside:
            self.write_outside(memory)
        for part in self.parts:
            if part.is_rows:
                continue
            if part.is_array:
                _write_array(memory, part, given[part.place])
            else:
                _write(memory, part.at, given[part.place], part.label)

    def write_outside(self, memory: Any) -> None:
        """Write the data of the leaves outside, as ``write`` does."""
        _write(memory, 0, [leaf.data for leaf in self.outside], "an outside Value")

    def fast(self, places: Sequence[Place]) -> FastLayout | None:
        """How the positional arguments at these places are written quickly.

        None if one has another structure than a number or a one-dimensional array, or is static.
        """
        positions = {place: position for position, place in enumerate(places)}
        if positions.keys() != self._at.keys():
            return None
        numpy = sys.modules.get("numpy")
        floats = frozenset([float, int, *([numpy.float64] if numpy else [])])
        shared: list[tuple[int, frozenset[type], Any]] = []
        for part in self.parts:
            if part.is_rows:
                continue
            if part.is_number:
                shared.append((positions[part.place], floats, part.at))
            elif len(part.shape) == 1 and numpy:
                shared.append((positions[part.place], frozenset([numpy.ndarray]), part.room))
            else:
                return None
        rows = [positions[part.place] for part in self.row_parts]
        chosen = rows if len(rows) > 1 else [slice(rows[0], rows[0] + 1) if rows else slice(0)]
        return FastLayout(len(places), shared, operator.itemgetter(*chosen))


def _rebuild_around(rebuild: Rebuild, leaves: Sequence[Any], moving: Sequence[bool], numbers: Sequence[Any]) -> Any:
    """A structure from its numbers, with its static leaves in their places."""
    remaining = iter(numbers)
    return rebuild([next(remaining) if moves else leaf for leaf, moves in zip(leaves, moving, strict=True)])


def _write(memory: Any, start: int, numbers: Sequence[Any], label: str) -> None:
    if {float, int}.issuperset(map(type, numbers)):
        try:
            struct.pack_into(f"{len(numbers)}d", memory, 8 * start, *numbers)
            return
        except (struct.error, OverflowError):  # an integer beyond every float
            pass
    for place, number in enumerate(numbers):
        memory[start + place] = _plain(number, label)


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


def _write_array(memory: Any, part: Part, argument: Any) -> None:
    check_kind(argument, part.label)
    if isinstance(memory, array):
        memory[part.room] = array("d", argument.ravel().tolist())
    else:
        import numpy

        memory[part.room] = numpy.asarray(argument).ravel()


def check_kind(array: Any, label: str) -> None:
    """Raise for an array whose elements are not real numbers: masked, complex, objects, strings and dates."""
    if hasattr(array, "mask") and hasattr(array, "filled"):
        raise InvalidValueError(
            f"the argument {label} of a compiled function is a masked array, and a masked element has no number: fill "
            "it or leave those rows out"
        )
    if array.dtype.kind not in "fiub":
        raise InvalidValueError(
            f"the argument {label} of a compiled function is an array of {array.dtype}, and real numbers are needed: "
            "convert it with .astype(float)"
        )


# ---- what is differentiated with respect to -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variables:
    """The inputs that are differentiated with respect to."""

    slots: list[int]  # their places among the program's inputs
    rebuild: Rebuild  # from one thing for each to the structure of the arguments that they belong to
    # likewise from derivatives; those with a row for each sample come back as arrays with the rows first
    gradient: Rebuild


NO_VARIABLES = Variables([], list, list)
"""Nothing is differentiated."""


def variables_of(parts: Sequence[Part], *, is_tuple: bool, keeps_rows: bool) -> Variables:
    """The inputs of some arguments, at least one, in their order.

    Derivatives come as a tuple, one for each argument, if ``is_tuple``; and if ``keeps_rows``, each has a row for each
    sample, also with respect to what rows share.
    """
    slots = [slot for part in parts for slot in range(part.start, part.stop)]
    stops = list(itertools.accumulate([part.stop - part.start for part in parts]))
    rooms = [slice(start, stop) for start, stop in itertools.pairwise([0, *stops])]
    rebuilds = [part.rebuild if part.is_array else plain(part.rebuild) for part in parts]
    has_columns = keeps_rows or any([part.is_rows for part in parts])
    gradients: list[tuple[slice | int, Rebuild]] = []
    for part, room, rebuild in zip(parts, rooms, rebuilds, strict=True):
        if keeps_rows or part.is_rows:
            gradients.append((room, functools.partial(_rebuild_rows, rebuild)))
        elif part.is_number and is_tuple:
            gradients.append((room.start, float))
        else:
            gradients.append((room, _copied if len(part.shape) == 1 and not has_columns else rebuild))
    if not is_tuple:
        return Variables(slots, rebuilds[0], gradients[0][1])
    return Variables(slots, _tuple_of(list(zip(rooms, rebuilds, strict=True))), _tuple_of(gradients))


def _tuple_of(parts: Sequence[tuple[slice | int, Rebuild]]) -> Rebuild:
    """A tuple of what is rebuilt from the numbers at each place."""

    def rebuild(numbers: Any) -> tuple[Any, ...]:
        built = []
        for place, one in parts:  # twice as fast as a comprehension: every call waits for it
            built.append(one(numbers[place]))
        return tuple(built)

    return rebuild


def _copied(numbers: Any) -> Any:
    """A gradient by one vector, from memory that the next call writes."""
    return numbers.copy()


def plain(rebuild: Rebuild) -> Rebuild:
    """A structure of Python's numbers: what ``rebuild`` makes of a list, also from an array."""
    return functools.partial(_rebuild_plain, rebuild)


def _rebuild_plain(rebuild: Rebuild, numbers: Any) -> Any:
    """Python's structures hold Python's numbers."""
    return rebuild(numbers if isinstance(numbers, list) else numbers.tolist())


def _rebuild_rows(rebuild: Rebuild, numbers: Any) -> Any:
    return rows_first(rebuild(numbers))


# ---- rows -----------------------------------------------------------------------------------------------------


def row_arrays(arguments: Mapping[Place, Any], places: Sequence[Place], label: Callable[[Place], str]) -> Arguments:
    """The arguments that have a row for each sample, by their places, as arrays of float64 or float32.

    Such arrays are the arguments themselves, whatever their strides. ``label`` names the argument at a place. Raises a
    DataError if one has no rows, or if they have different numbers of them.
    """
    if not places:
        return {}
    try:
        import numpy
    except ImportError:
        raise MissingPackageError(
            "rows are NumPy arrays, and NumPy is not installed: pip install 'microgrid-autodiff[compile]'"
        ) from None
    found: Arguments = {}
    for place in places:
        rows = arguments[place]
        if type(rows) is not numpy.ndarray:
            rows = _as_array(rows, label(place))
        if rows.ndim == 0:
            raise DataError(
                f"the argument {label(place)} has one row for each sample, and one {type(arguments[place]).__name__} "
                "was given"
            )
        if rows.dtype not in (numpy.float64, numpy.float32):
            check_kind(rows, label(place))
            rows = rows.astype(numpy.float64)
        found[place] = rows
    if len({len(rows) for rows in found.values()}) > 1:
        told = ", ".join([f"{label(place)} has {len(rows):,}" for place, rows in found.items()])
        raise DataError(f"arguments with rows need as many as each other: {told}")
    return found


def _as_array(rows: Any, label: str) -> Any:
    """Rows that are not a plain array."""
    import numpy

    if hasattr(rows, "dtype"):
        check_kind(rows, label)  # a masked array would lose its mask
    try:
        return numpy.asarray(rows)
    except ValueError as error:
        raise DataError(f"the argument {label} has one row for each sample, and they are no array: {error}") from None


def one_row(rows: Any) -> Any:
    """A row of an array, of zeros if it has none: what a function of one sample is recorded on."""
    import numpy

    if len(rows):
        return rows[0]
    row = numpy.zeros(rows.shape[1:])
    return row if row.ndim else 0.0


def rows_first(tree: Any) -> Any:
    """Move the last axis of every array in a structure to the front: that of the rows, of which each was a column."""
    if isinstance(tree, dict):
        return {name: rows_first(child) for name, child in tree.items()}
    if isinstance(tree, list):
        return [rows_first(child) for child in tree]
    if isinstance(tree, tuple):
        children = [rows_first(child) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    return tree if getattr(tree, "ndim", 0) < 2 else tree.transpose(-1, *range(tree.ndim - 1))
