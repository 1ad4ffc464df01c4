"""Pytrees: lists, tuples, dicts, arrays and pandas' tables, nested in each other, as the flat list of their leaves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from microgrid._public import public
from microgrid.errors import InvalidValueError

__all__ = [
    "added",
    "check_depth",
    "elements",
    "flatten",
    "flatten_like",
    "is_table",
    "only",
    "ravel",
    "set_array_of_objects",
]

_DEEPEST = 100  # levels of structures: far fewer than Python's recursion allows

Rebuild = Callable[[Any], Any]


def flatten(tree: Any, depth: int = 0) -> tuple[list[Any], Rebuild]:
    """The numbers of a structure in order, and how others are put in their places.

    Lists, tuples, dicts and pandas' tables may hold one another; anything else is a number. The function takes as many
    things and gives a structure of the same shape: arrays of plain numbers come back as arrays of floats, and arrays in
    the places of an array's elements are joined to it. ``depth`` says how many structures this one is inside of; an
    InvalidValueError, that there are too many.

    >>> numbers, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> numbers, rebuild("xyz")
    ([1.0, 2.0, 3.0], {'w': ['x', 'y'], 'b': 'z'})
    """
    if isinstance(tree, Mapping):
        return _join(list(tree.values()), lambda parts: dict(zip(tree, parts, strict=True)), depth)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return _join(list(tree), lambda parts: type(tree)(*parts), depth)
    if type(tree) in (list, tuple) and {float, int}.issuperset(map(type, tree)):
        return list(tree), type(tree)  # what most structures are, without asking each number
    if isinstance(tree, list | tuple):
        return _join(list(tree), type(tree), depth)
    if not hasattr(tree, "ndim"):
        return [tree], only
    if is_table(tree):
        return list(tree.to_numpy().ravel()), _table_of(tree)
    if not tree.ndim:
        return [tree.item() if hasattr(tree, "item") else tree], only
    shape = tree.shape  # and not the array itself: the function may live long
    return elements(tree), lambda parts: _array(parts, shape)


def check_depth(depth: int) -> None:
    """Raise an InvalidValueError if structures hold one another so deeply that nobody means it."""
    if depth > _DEEPEST:
        raise InvalidValueError(
            f"lists, tuples and dicts hold one another more than {_DEEPEST} deep here, or one holds itself: give fewer "
            "levels"
        )


@public()
def ravel(tree: Any) -> tuple[Any, Rebuild]:
    """A structure of numbers as one vector, and the way back: what an optimizer of vectors takes.

    Parameters
    ----------
    tree : number, list, tuple, dict, array, Series or DataFrame
        The structure; lists, tuples and dicts may hold one another.

    Returns
    -------
    tuple
        An array of one dimension, and a function from a vector of as many numbers or Values to the structure.

    Raises
    ------
    InvalidValueError
        When the function is called, if the vector has another length.

    Examples
    --------
    >>> from microgrid import ravel
    >>> vector, unravel = ravel({"w": [1.0, 2.0], "b": 3.0})
    >>> vector.tolist(), unravel(2.0 * vector)
    ([1.0, 2.0, 3.0], {'w': [2.0, 4.0], 'b': 6.0})
    """
    numbers, rebuild = flatten(tree)

    def unravel(vector: Any) -> Any:
        parts = vector.tolist() if hasattr(vector, "tolist") else list(vector)
        if len(parts) != len(numbers):
            raise InvalidValueError(f"the structure has {len(numbers)} numbers, and the vector {len(parts)}")
        return rebuild(parts)

    own = [float(one) if hasattr(one, "dtype") or isinstance(one, int) else one for one in numbers]
    return _array(own, (len(own),)), unravel


def is_table(tree: Any) -> bool:
    """Whether it is a pandas Series or DataFrame."""
    return hasattr(tree, "iloc") and hasattr(tree, "to_numpy")


def _table_of(like: Any) -> Rebuild:
    """From numbers to a table with the labels of this one; from the rows of a Series's Hessian to a DataFrame."""
    shape, index = like.shape, like.index
    labels = {"columns": like.columns} if len(shape) == 2 else {"name": like.name}
    kind: Callable[..., Any] = like.__class__
    table = functools.partial(kind, index=index, **labels)
    frame = (like if len(shape) == 2 else like.iloc[:0].to_frame()).__class__

    def rebuild(parts: Any) -> Any:
        array = _array([part.to_numpy() if is_table(part) else part for part in parts], shape)
        if array.ndim == len(shape):
            return table(array)
        return frame(array, index=index, columns=index) if array.shape == shape * 2 and len(shape) == 1 else array

    return rebuild


def only(parts: Sequence[Any]) -> Any:
    """The one thing that a number is put together from: what ``flatten`` gives for a number."""
    return parts[0]


def added(one: Any, other: Any) -> Any:
    """The sum of two structures that are alike, number by number."""
    numbers, rebuild = flatten(one)
    if rebuild is only or getattr(getattr(one, "dtype", None), "kind", "O") != "O":
        return one + other
    return rebuild([added(x, y) for x, y in zip(numbers, flatten(other)[0], strict=True)])


def flatten_like(tree: Any, rebuild: Rebuild, count: int, what: str) -> list[Any]:
    """The numbers of one structure in the order of another: those of dicts by their keys.

    Examples
    --------
    >>> flatten_like({"b": 3.0, "w": [1.0, 2.0]}, flatten({"w": [0.0, 0.0], "b": 0.0})[1], 3, "argument")
    [1.0, 2.0, 3.0]
    """
    found: list[Any] = []
    if not _follow(tree, rebuild([float(place) for place in range(count)]), found):
        given = len(flatten(tree)[0])
        told = f"with one entry for each number of the {what}: {count}, not {given}"
        if given == count:
            told = f"in the structure of the {what}, and {tree!r} has another one"
        raise InvalidValueError(f"the vector comes last, {told}")
    return found


def _follow(tree: Any, like: Any, found: list[Any]) -> bool:
    """Append a structure's numbers in the order of another one; False if they differ."""
    tree, like = [one.to_numpy() if is_table(one) else one for one in (tree, like)]
    if isinstance(like, Mapping):
        is_like = isinstance(tree, Mapping) and tree.keys() == like.keys()
        return is_like and all([_follow(tree[key], child, found) for key, child in like.items()])
    if _is_sequence(like):
        is_like = _is_sequence(tree) and len(tree) == len(like)
        return is_like and all([_follow(entry, child, found) for entry, child in zip(tree, like, strict=True)])
    if isinstance(like, float):  # and not what is no number, and only fixed
        found.append(tree)
    return not isinstance(tree, Mapping) and not _is_sequence(tree)


def _is_sequence(tree: Any) -> bool:
    return isinstance(tree, list | tuple) or bool(getattr(tree, "ndim", 0))


def elements(array: Any) -> list[Any]:
    """The elements of an array, as Python's numbers where that loses nothing."""
    flat = array.ravel()
    is_plain = type(array).__name__ == "ndarray" and array.dtype.kind in "fiu" and array.dtype.itemsize <= 8
    found: list[Any] = flat.tolist() if is_plain else list(flat)
    return found


def _join(children: list[Any], gather: Callable[[list[Any]], Any], depth: int) -> tuple[list[Any], Rebuild]:
    if children:
        check_depth(depth + 1)
    pairs = [flatten(child, depth + 1) for child in children]
    numbers = [number for part, _ in pairs for number in part]

    def rebuild(parts: Sequence[Any]) -> Any:
        gathered, start = [], 0
        for part, rebuild_child in pairs:
            gathered.append(rebuild_child(parts[start : start + len(part)]))
            start += len(part)
        return gather(gathered)

    return numbers, rebuild


def _array(parts: Any, shape: tuple[int, ...]) -> Any:
    import numpy

    if isinstance(parts, numpy.ndarray) and parts.ndim == 1:
        return parts.astype(float).reshape(shape)
    if parts and all([isinstance(part, numpy.ndarray) for part in parts]):
        return numpy.stack(parts).reshape(shape + parts[0].shape)
    if all([isinstance(part, float) for part in parts]):
        return numpy.array(parts, dtype=float).reshape(shape)
    whole = numpy.empty(len(parts), dtype=object)
    for place, part in enumerate(parts):
        whole[place] = part
    whole = whole.reshape(shape)
    return whole if any([isinstance(part, Mapping | list | tuple) for part in parts]) else _of_objects(whole)


def _itself(array: Any) -> Any:
    return array


_of_objects: Callable[[Any], Any] = _itself


def set_array_of_objects(make: Callable[[Any], Any]) -> None:
    """Register what an array of Values is; the room that knows NumPy's functions on it does."""
    global _of_objects  # registered once, on import
    _of_objects = make
