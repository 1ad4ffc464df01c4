"""The structures of points and gradients: numbers in lists, tuples, dicts, arrays and tables, nested in any way.

``plan`` finds the numbers in a structure, and puts others in their places. ``entries`` finds in a gradient what belongs
to each of them, by key where there are keys. Arrays of other libraries are NumPy's arrays from here on; pandas' Series
and DataFrames stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from microgrid.core.engine import Value
from microgrid.errors import DataError
from microgrid.util.labels import shortened
from microgrid.util.wording import listed

__all__ = [
    "Coordinate",
    "as_array",
    "as_number",
    "check_keys",
    "entries",
    "is_number",
    "is_sequence",
    "plan",
    "sliced",
    "the_one",
    "unchanged",
]

Coordinate = tuple[str, Any]
Build = Callable[[Sequence[Any]], Any]

_NUMERIC = "iuf"  # kinds of NumPy's types whose elements are coordinates


def is_number(thing: Any) -> bool:
    """Whether a thing is a real number; a truth is none."""
    return isinstance(thing, Real) and not isinstance(thing, bool)


def is_sequence(thing: Any) -> bool:
    """Whether a thing has elements in order: a list, a tuple, an array or a Series."""
    return isinstance(thing, list | tuple) or bool(getattr(thing, "ndim", 0))


def the_one(thing: Any) -> Any:
    """The element of an array, list or tuple of one element, however it is nested; any other thing itself."""
    if isinstance(thing, list | tuple) and len(thing) == 1:
        return the_one(thing[0])
    if not hasattr(thing, "ndim") or not hasattr(thing, "item"):
        return thing
    size = thing.numel() if hasattr(thing, "numel") else thing.size
    return thing.item() if size == 1 else thing


def as_number(thing: Any) -> float:
    """A number as a float, also from an array of one element or a Value; TypeError or ValueError if it is none."""
    if type(thing) is float:
        return thing
    number = the_one(thing)
    return number.data if isinstance(number, Value) else float(number)


def as_array(thing: Any, name: str) -> Any:
    """An array of any library as NumPy's; None if a thing is no array. DataError for masked or complex ones."""
    if not hasattr(thing, "ndim") or not hasattr(thing, "shape") or _is_table(thing):
        return None
    if hasattr(thing, "mask") and hasattr(thing, "filled"):
        raise DataError(f"{name} is a masked array, and a masked element has no derivative: fill it or leave it out")
    if not hasattr(thing, "__array__"):
        return None
    import numpy

    array = numpy.asarray(thing.detach().cpu() if hasattr(thing, "detach") else thing)
    if array.dtype.kind == "V" and array.dtype.itemsize == 2:  # bfloat16 and its like are unknown to NumPy
        array = array.astype(float)
    if array.dtype.kind == "c":
        raise DataError(f"{name} holds complex numbers: give their real and imaginary parts as two arguments")
    return array


def _is_table(thing: Any) -> bool:
    """Whether a thing is one of pandas' Series or DataFrames."""
    return hasattr(thing, "index") and hasattr(thing, "to_numpy") and getattr(thing, "ndim", 0) in (1, 2)


# ---- the numbers of a point -------------------------------------------------------------------------------------


def plan(thing: Any, name: str, found: list[Coordinate], is_coordinate: Callable[[Any], bool] = is_number) -> Build:
    """Append each number of a structure, with its name, to a list; what is no number is passed on unchanged.

    The result leads from other numbers, in the order of the list, to a structure of the same kind with these in it: a
    new one at each call, so that a function may change it.
    """

    def inside(part: Any, label: str) -> Build:
        return plan(part, label, found, is_coordinate)

    if isinstance(thing, Value) or is_coordinate(thing):
        place = len(found)
        found.append((thing.name or name, thing.data) if isinstance(thing, Value) else (name, thing))
        return lambda numbers: _python(numbers[place])
    if isinstance(thing, complex):
        raise DataError(f"{name} is the complex number {thing!r}: give its real and imaginary parts as two arguments")
    if isinstance(thing, Mapping):
        builds = {key: inside(part, f"{name}[{key}]") for key, part in thing.items()}
        return lambda numbers: {key: build(numbers) for key, build in builds.items()}
    if isinstance(thing, list | tuple):
        return _plan_of_sequence(thing, name, found, inside)
    if _is_table(thing):
        return _plan_of_table(thing, name, found, is_coordinate)
    array = as_array(thing, name)
    return unchanged(thing) if array is None else _plan_of_array(array, name, found, inside, thing)


def unchanged(thing: Any) -> Build:
    """What passes a thing on, whatever the numbers are."""

    def build(_: Sequence[Any]) -> Any:
        return thing

    return build


def _python(number: Any) -> Any:
    """A number as Python's float if it is NumPy's."""
    return number if isinstance(number, Value) else float(number)


def _plan_of_sequence(thing: Any, name: str, found: list[Coordinate], inside: Callable[[Any, str], Build]) -> Build:
    start = len(found)
    builds = [inside(part, f"{name}[{place}]") for place, part in enumerate(thing)]
    stop = len(found)
    kind: Any = getattr(type(thing), "_make", type(thing))  # of a namedtuple
    if len(thing) > 1 and all([is_number(part) for part in thing]):  # quickly: there may be thousands
        return lambda numbers: kind(part.tolist() if hasattr(part := numbers[start:stop], "tolist") else part)
    return lambda numbers: kind([build(numbers) for build in builds])


def _plan_of_array(
    array: Any, name: str, found: list[Coordinate], inside: Callable[[Any, str], Build], thing: Any
) -> Build:
    import numpy

    shape, start = array.shape, len(found)
    labels = [f"{name}[{', '.join(map(str, corner))}]" if corner else name for corner in numpy.ndindex(shape)]
    if array.dtype.kind in _NUMERIC:
        found += zip(labels, array.ravel().tolist(), strict=True)
        stop = len(found)
        return lambda numbers: _array(numbers[start:stop], shape)
    if array.dtype.kind != "O" or not shape:
        return unchanged(thing)
    builds = [inside(part, label) for part, label in zip(array.ravel(), labels, strict=True)]
    if len(found) == start:  # such as texts
        return unchanged(thing)
    return lambda numbers: _array([build(numbers) for build in builds], shape)


def _array(numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    import numpy

    if isinstance(numbers, list | tuple) and any([isinstance(number, Value) for number in numbers]):
        array = numpy.empty(len(numbers), dtype=object)
        array[:] = numbers
        return array.reshape(shape)
    return numpy.array(numbers).reshape(shape)


def _plan_of_table(thing: Any, name: str, found: list[Coordinate], is_coordinate: Callable[[Any], bool]) -> Build:
    """Of a Series, by its labels, or of the columns of a DataFrame that hold numbers."""
    if thing.ndim == 1:
        start, labels = len(found), thing.index.tolist()
        array = thing.to_numpy()
        numbers = array.astype(float).tolist() if array.dtype.kind in _NUMERIC else array.tolist()
        if not all([isinstance(number, Value) or is_coordinate(number) for number in numbers]):
            return unchanged(thing)
        found += [(f"{name}[{label}]", number) for label, number in zip(labels, numbers, strict=True)]
        stop = len(found)
        kind, index, title = type(thing), thing.index, thing.name
        return lambda numbers: kind(_array(numbers[start:stop], (stop - start,)), index=index, name=title)
    builds = [
        (column, plan(thing.iloc[:, place], f"{name}[{column}]", found, is_coordinate))
        for place, column in enumerate(thing.columns)
    ]
    return lambda numbers: _with_columns(thing, builds, numbers)


def _with_columns(thing: Any, builds: list[tuple[Any, Build]], numbers: Sequence[Any]) -> Any:
    table = thing.copy()
    for column, build in builds:
        table[column] = build(numbers)
    return table


# ---- the entries of a gradient ----------------------------------------------------------------------------------


def entries(given: Any, thing: Any, name: str) -> list[Any]:
    """The entry of a gradient for each number of a structure, in the order of ``plan``.

    Dicts and tables are followed by key, lists and arrays in order. DataError if keys are missing or unknown, lengths
    or shapes differ, or there is nothing for a number.
    """
    found: list[Coordinate] = []
    plan(thing, name, found, _may_be_drawn)
    if not found:
        return []  # nothing is differentiated with respect to it
    if given is None:
        raise DataError(f"gave None for {name}, which is a coordinate")
    if isinstance(thing, Value) or _may_be_drawn(thing):
        return [given]
    if isinstance(thing, Mapping) or _is_table(thing):
        return _entries_by_key(given, thing, name)
    if isinstance(thing, list | tuple):
        fields = getattr(thing, "_fields", None)  # of a namedtuple
        if fields and isinstance(given, Mapping):
            return _entries_by_key(given, dict(zip(fields, thing, strict=True)), name)
        return _entries_in_order(given, list(thing), name)
    return _entries_of_array(given, thing.shape, name)


def _may_be_drawn(thing: Any) -> bool:
    """Whether a thing is a number or stands for one, as an Interval does."""
    return is_number(thing) or hasattr(thing, "draw")


def _entries_by_key(given: Any, thing: Any, name: str) -> list[Any]:
    is_frame = getattr(thing, "ndim", 0) == 2
    keys = list(thing.columns) if is_frame else list(thing.keys())
    if len(set(keys)) < len(keys):  # a table with a label twice
        return _entries_of_array(given, thing.shape, name)
    parts = {key: thing[key] for key in keys}
    if not (isinstance(given, Mapping) or _is_table(given)):
        if is_frame and is_sequence(given):  # an array of its shape
            given = as_array(given, name)
            given = given.T if given is not None else given
        return _entries_in_order(given, list(parts.values()), name)
    has = list(given.columns) if getattr(given, "ndim", 0) == 2 else list(given.keys())
    check_keys(has, parts, name)
    return [entry for key in keys if key in has for entry in entries(given[key], parts[key], f"{name}[{key}]")]


def check_keys(has: Iterable[Any], parts: Mapping[Any, Any], name: str) -> None:
    """Raise for keys that a structure doesn't have, and for missing ones that hold coordinates."""
    has = list(has)
    of = f" of {name}" if name else ""
    unknown = [key for key in has if key not in parts]
    if unknown:
        known = f"the keys are {_keys(parts)}"
        raise DataError(f"gave derivatives for {_keys(unknown)}{of}, and there is no such coordinate: {known}")
    for key in [key for key in parts if key not in has]:
        found: list[Coordinate] = []
        plan(parts[key], f"{name}[{key}]" if name else str(key), found, _may_be_drawn)
        if found:
            raise DataError(f"gave no derivative for {key!r}{of}: there are {_keys(has)}")


def _keys(keys: Iterable[Any]) -> str:
    return shortened(listed([repr(key) for key in keys]) or "none", 120)


def _entries_in_order(given: Any, parts: list[Any], name: str) -> list[Any]:
    if len(parts) == 1 and not is_sequence(given):
        given = [given]
    if not is_sequence(given) or isinstance(given, Mapping):
        raise DataError(f"gave {_told(given)} for {name}, which has {len(parts)} elements")
    given = list(as_array(given, name)) if hasattr(given, "ndim") and not _is_table(given) else list(given)
    if len(given) != len(parts):
        raise DataError(f"gave {len(given)} entries for {name}, which has {len(parts)} elements")
    return [
        entry
        for place, (one, part) in enumerate(zip(given, parts, strict=True))
        for entry in entries(one, part, f"{name}[{place}]")
    ]


def _entries_of_array(given: Any, shape: tuple[int, ...], name: str) -> list[Any]:
    """For an array: an array or lists of its shape, or of its length in one row; more axes behind are the entries'."""
    import numpy

    if isinstance(given, Mapping):
        raise DataError(f"gave a dict for {name}, which is an array of shape {shape}")
    array = as_array(given.to_numpy() if _is_table(given) else given, name)
    try:
        array = numpy.array(given) if array is None else array
    except ValueError as error:  # rows of different lengths
        raise DataError(f"gave {_told(given)} for {name}, which is an array of shape {shape}") from error
    size = numpy.prod(shape, dtype=int).item()
    squeezed = tuple([one for one in shape if one != 1])
    if array.shape[: len(shape)] == shape:
        rest = array.shape[len(shape) :]
    elif array.shape[:1] == (size,) or tuple([one for one in array.shape if one != 1]) == squeezed:
        rest = array.shape[1:] if array.shape[:1] == (size,) else ()
    else:
        gave = f"an array of shape {array.shape}" if array.shape else "one number"
        raise DataError(f"gave {gave} for {name}, which is an array of shape {shape}")
    rows = array.reshape((size, *rest))
    return rows.tolist() if array.dtype.kind in _NUMERIC and not rest else list(rows)


def _told(given: Any) -> str:
    return shortened(repr(given), 60)


def sliced(tree: Any, place: int) -> Any:
    """A structure whose arrays have a leading axis, at one place of that axis."""
    if isinstance(tree, Mapping):
        return {key: sliced(part, place) for key, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple([sliced(part, place) for part in tree])
    return tree[place] if is_sequence(tree) else tree
