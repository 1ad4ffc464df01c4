"""``ValueArray``: a NumPy array of Values on which NumPy's own functions work, by NumPy's two protocols.

What a ufunc computes element by element is in ``ufuncs``, what the other functions do in ``functions``; whatever is in
neither runs NumPy's own code on objects, and an error of it is answered by ``advice``.
"""

from __future__ import annotations

from typing import Any

import numpy

from microgrid._public import public
from microgrid.arrays.advice import answer
from microgrid.arrays.functions import IMPLEMENTED
from microgrid.arrays.plain import as_objects, recording_of_arrays
from microgrid.arrays.ufuncs import PREDICATES, is_known_ufunc, on_objects
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.errors import OperationError
from microgrid.util.pytree import set_array_of_objects

__all__ = ["ValueArray", "is_known"]


@public()
class ValueArray(numpy.ndarray):
    """A NumPy array whose elements are Values or plain numbers.

    It is what a function that is differentiated or compiled finds in the place of an array. NumPy's functions and
    SciPy's ufuncs work on it element by element as they do on Values in general; those that can't name what to use.
    In a plain array of objects, NumPy finds only what is a method of ``Value``.

    Parameters
    ----------
    elements : array or nested list of Value or number
        The elements.

    Examples
    --------
    >>> import numpy as np
    >>> from microgrid import Value, ValueArray
    >>> x = ValueArray([Value(3.0), Value(4.0)])
    >>> length = np.linalg.norm(x)
    >>> length.backward()
    >>> length.data, x[0].grad
    (5.0, 0.6)
    """

    def __new__(cls, elements: Any) -> ValueArray:
        """An array of the elements, which are taken as they are."""
        return numpy.array(elements, dtype=object).view(cls)

    def __getitem__(self, key: Any) -> Any:
        """As of any array; a Value as the key, such as a class label in rows, chooses by its number in each call."""
        return _chosen(self, key) if isinstance(key, Value) else super().__getitem__(key)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """NumPy's protocol for ufuncs: run one on the elements."""
        recording = recording_of_arrays.get()
        if recording is not None:
            whole = recording.ufunc(ufunc, method, inputs, options if out is None else {**options, "out": out})
            if whole is not NotImplemented:
                return whole
        if any([hasattr(one, "node") for one in inputs]):  # a traced array, which knows what to do
            return NotImplemented
        if out is not None:
            options["out"] = tuple([as_objects(one) for one in out])
        operands = [as_objects(one) for one in inputs]
        with numpy.errstate(all="ignore"):  # of floats in IEEE 754, on whose way inf and nan are no accidents
            result = _wrapped(getattr(on_objects(ufunc), method)(*operands, **options))
        if ufunc.__name__ in PREDICATES and out is None:
            result = numpy.asarray(result, dtype=bool) if isinstance(result, numpy.ndarray) else bool(result)
        return result

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """NumPy's protocol for all other functions."""
        recording = recording_of_arrays.get()
        if recording is not None:
            whole = recording.function(function, args, options)
            if whole is not NotImplemented:
                return whole
        if not all([issubclass(one, numpy.ndarray) for one in types]):
            return NotImplemented
        if function in IMPLEMENTED:
            return _wrapped(IMPLEMENTED[function](*args, **options))
        try:
            return _wrapped(super().__array_function__(function, types, args, options))
        except OperationError:
            raise
        except Exception as error:
            raise answer(function, args, options, error) from error

    def round(self, decimals: Any = 0, out: Any = None) -> Any:
        """As ``numpy.round``."""
        return numpy.round(self, decimals, out)


def is_known(name: str) -> bool:
    """Whether a function of this name, NumPy's or SciPy's, calculates with arrays of Values."""
    return is_known_ufunc(name) or any([function.__name__ == name for function in IMPLEMENTED])


def _chosen(array: Any, key: Value) -> Any:
    """The element whose place is the key's number; nan if there is none."""
    equal, where = FUNCTIONS["equal"], FUNCTIONS["where"]
    result = numpy.full(array.shape[1:], numpy.nan, dtype=object)
    for place in reversed(range(len(array))):
        result = where(equal(key, float(place)), as_objects(array[place]), result)
    return result.item() if not array.shape[1:] and isinstance(result, numpy.ndarray) else result


def _wrapped(result: Any) -> Any:
    if type(result) in (tuple, list):
        return type(result)([_wrapped(one) for one in result])
    if type(result) is numpy.ndarray and result.dtype == object:
        return result.view(ValueArray)
    return result


set_array_of_objects(lambda array: array.view(ValueArray))
