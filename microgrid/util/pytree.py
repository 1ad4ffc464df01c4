"""Pytrees: lists, tuples, dicts and NumPy arrays, nested in each other, as the flat list of their leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from microgrid.errors import InvalidValueError

__all__ = ["flatten", "flatten_like", "only"]

Rebuild = Callable[[Any], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The numbers of a structure in order, and how others are put in their places.

    Lists, tuples and dicts may hold one another; anything else is a number. The function takes as many things and gives
    a structure of the same shape: arrays of plain numbers come back as arrays of floats, and arrays in the places of an
    array's elements are joined to it.

    >>> numbers, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> numbers, rebuild("xyz")
    ([1.0, 2.0, 3.0], {'w': ['x', 'y'], 'b': 'z'})
    """
    if isinstance(tree, Mapping):
        return _join(list(tree.values()), lambda parts: dict(zip(tree, parts, strict=True)))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return _join(list(tree), lambda parts: type(tree)(*parts))
    if type(tree) in (list, tuple) and {float, int}.issuperset(map(type, tree)):
        return list(tree), type(tree)  # what most structures are, without asking each number
    if isinstance(tree, list | tuple):
        return _join(list(tree), type(tree))
    if getattr(tree, "ndim", 0):
        shape = tree.shape  # and not the array itself: the function may live long
        return list(tree.ravel()), lambda parts: _array(parts, shape)
    return [tree], only


def only(parts: Sequence[Any]) -> Any:
    """The one thing that a number is put together from: what ``flatten`` gives for a number."""
    return parts[0]


def flatten_like(tree: Any, rebuild: Rebuild, count: int, what: str) -> list[Any]:
    """The numbers of one structure in the order of another: those of dicts by their keys.

    Parameters
    ----------
    tree : number, list, tuple, dict or array
        The structure. For an array, lists of its shape will do.
    rebuild, count : callable, int
        What ``flatten`` gave for the other one, and how many numbers that has.
    what : str
        What the other one is called in messages.

    Raises
    ------
    InvalidValueError
        If the structures differ.

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


def _join(children: list[Any], gather: Callable[[list[Any]], Any]) -> tuple[list[Any], Rebuild]:
    pairs = [flatten(child) for child in children]
    numbers = [number for part, _ in pairs for number in part]

    def rebuild(parts: Sequence[Any]) -> Any:
        gathered, start = [], 0
        for part, rebuild_child in pairs:
            gathered.append(rebuild_child(parts[start : start + len(part)]))
            start += len(part)
        return gather(gathered)

    return numbers, rebuild


def _array(parts: Any, shape: tuple[int, ...]) -> Any:
    if len(shape) == 1 and getattr(parts, "ndim", 0) == 1 and parts.dtype.char == "d":
        return parts.copy()  # a gradient, at each call of compiled code

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
    return whole.reshape(shape)
