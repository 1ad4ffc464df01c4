"""``ValueArray``: a NumPy array of Values on which NumPy's own functions work, by NumPy's two protocols.

What a ufunc computes element by element is in ``ufuncs``, what the other functions do in ``functions``; whatever is in
neither runs NumPy's own code on objects, and an error of it is answered by ``advice``.
"""

from __future__ import annotations

import operator
from typing import Any, Self

import numpy

from microgrid._public import public
from microgrid.arrays.advice import answer
from microgrid.arrays.functions import IMPLEMENTED, extreme
from microgrid.arrays.plain import as_objects, recording_of_arrays
from microgrid.arrays.ufuncs import PREDICATES, is_known_ufunc, on_objects
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.errors import DataError, OperationError
from microgrid.util.pytree import set_array_of_objects

__all__ = ["ValueArray", "function_of_values", "is_known", "ufunc_of_values"]


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
    >>> length.data, round(x[0].grad, 12)
    (5.0, 0.6)
    """

    def __new__(cls, elements: Any) -> Self:
        """An array of the elements, which are taken as they are."""
        return numpy.array(elements, dtype=object).view(cls)

    def __getitem__(self, key: Any) -> Any:
        """As of any array; a Value as the key, such as a class label in rows, chooses by its number in each call."""
        return _chosen(self, key) if isinstance(key, Value) else super().__getitem__(key)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """NumPy's protocol for ufuncs: run one on the elements."""
        return ufunc_of_values(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """NumPy's protocol for all other functions."""
        return function_of_values(function, types, args, options)

    def round(self, decimals: Any = 0, out: Any = None) -> Any:
        """As ``numpy.round``."""
        return numpy.round(self, decimals, out)


_SINGLE = (Value, numpy.floating, numpy.integer)
_OPERATORS = {
    numpy.add: operator.add,
    numpy.subtract: operator.sub,
    numpy.multiply: operator.mul,
    numpy.divide: operator.truediv,
    numpy.power: operator.pow,
}
_EXTREMES = {numpy.maximum: "amax", numpy.minimum: "amin"}


def ufunc_of_values(ufunc: Any, method: str, inputs: Any, options: Any) -> Any:
    """A ufunc of Values and of arrays of them; the parameters are those of NumPy's protocol."""
    x, y = inputs[0], inputs[-1]
    if ufunc in _OPERATORS and isinstance(x, _SINGLE) and isinstance(y, _SINGLE) and method == "__call__":
        return _OPERATORS[ufunc](*[float(one) if isinstance(one, numpy.generic) else one for one in inputs])
    if hasattr(x, "apply_to_whole") or hasattr(y, "apply_to_whole"):  # another kind of array, which knows what to do
        return NotImplemented
    recording = recording_of_arrays.get()
    if recording is not None:
        whole = recording.ufunc(ufunc, method, inputs, options)
        if whole is not NotImplemented:
            return whole
    if options.get("out") is not None:
        options = {**options, "out": tuple([as_objects(one) for one in options["out"]])}
    if method == "reduce" and ufunc in _EXTREMES:
        found = extreme(_EXTREMES[ufunc], *map(as_objects, inputs), **options)
        if found is not NotImplemented:
            return _wrapped(found)
    with numpy.errstate(all="ignore"):  # of floats in IEEE 754, on whose way inf and nan are no accidents
        result = _wrapped(getattr(on_objects(ufunc), method)(*map(as_objects, inputs), **options))
    if ufunc.__name__ in PREDICATES and options.get("out") is None:
        result = numpy.asarray(result, dtype=bool) if isinstance(result, numpy.ndarray) else bool(result)
    return result


def function_of_values(function: Any, types: Any, args: Any, options: Any) -> Any:
    """Any other function of Values and of arrays of them; the parameters are those of NumPy's protocol."""
    if any([hasattr(one, "apply_to_whole") for one in types]):
        return NotImplemented
    recording = recording_of_arrays.get()
    if recording is not None:
        whole = recording.function(function, args, options)
        if whole is not NotImplemented:
            return whole
    replaced = _run(function, args, options) if function in IMPLEMENTED else NotImplemented
    if replaced is not NotImplemented:
        return _wrapped(replaced)
    try:
        return _wrapped(function._implementation(*_as_arrays(args), **options))  # noqa: SLF001  # NumPy's own code
    except OperationError:
        raise
    except Exception as error:
        raise answer(function, args, options, error) from error


def _as_arrays(tree: Any) -> Any:
    """Arguments with every Value as an array of no dimensions, for NumPy's own code."""
    if isinstance(tree, Value):
        return as_objects(tree).view(ValueArray)
    if type(tree) in (list, tuple):
        return type(tree)([_as_arrays(one) for one in tree])
    return tree


def _run(function: Any, args: Any, options: Any) -> Any:
    """What takes a function's place, which may have fewer options."""
    try:
        return IMPLEMENTED[function](*args, **options)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise DataError(f"{function.__module__}.{function.__name__} of Values has fewer options: {error}") from error


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
