"""Arrays of Values as plain arrays, of objects or of their numbers; what is decided by comparisons of elements."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy

from microgrid.core.comparison import Comparison
from microgrid.core.engine import Value

__all__ = ["NeedsElements", "as_numbers", "as_objects", "decided", "objects_of", "recording_of_arrays"]

recording_of_arrays: ContextVar[Any] = ContextVar("microgrid_recording_of_arrays", default=None)
"""The ``Recording`` of the call whose arrays may be computed as a whole; None where each element is a node."""


class NeedsElements(BaseException):
    """A function does with an array what can't be recorded as a whole: it is called again, with Values in its place.

    No ``except Exception`` of the function itself may catch it.
    """


def as_objects(array: Any) -> Any:
    """A Value, or an array of Values, as a plain array of the same objects; anything else as it is."""
    if isinstance(array, Value):
        objects = numpy.empty((), dtype=object)
        objects[()] = array
        return objects
    return array.view(numpy.ndarray) if type(array).__name__ == "ValueArray" else array


def objects_of(array: Any) -> Any:
    """An array of objects, whatever it is given as."""
    return as_objects(array) if isinstance(array, numpy.ndarray) else numpy.array(array, dtype=object)


def as_numbers(tree: Any) -> Any:
    """An argument of a NumPy function with every Value replaced by its number."""
    if isinstance(tree, Value):
        return tree.data
    if isinstance(tree, Comparison):
        return tree.record().data
    if isinstance(tree, list | tuple):
        return type(tree)([as_numbers(one) for one in tree])
    if isinstance(tree, numpy.ndarray) and tree.dtype == object:
        return numpy.array([as_numbers(one) for one in tree.ravel().tolist()], dtype=float).reshape(tree.shape)
    return tree


def decided(x: Any) -> str:
    """What kind of number it is, decided by comparisons: "nan", "-inf", "inf" or "finite"."""
    if bool(x < numpy.inf):
        return "finite" if bool(x > -numpy.inf) else "-inf"
    return "inf" if bool(x > 0) else "nan"
