"""Operations on whole arrays and their pullbacks: a rule of the table on every element, and the linear ones.

Each computes its value from plain arrays. Its pullback is written once, for plain arrays and for ``TracedArray``: given
traced ones it records, so that a derivative can be differentiated again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from microgrid.arithmetics.numpy import NUMPY
from microgrid.arrays import linear
from microgrid.core.rule import Rule

__all__ = [
    "Apply",
    "Join",
    "LogDet",
    "Operation",
    "Scatter",
    "Select",
    "Solve",
    "Spread",
    "Tensordot",
    "Total",
    "Where",
    "arithmetic_of",
    "numbers_of",
    "run",
    "shape_of",
    "summed_to",
]


class Operation:
    """What computes an array from others, and how a cotangent is pulled back to them."""

    __slots__ = ()

    def value(self, *operands: Any) -> Any:
        """The result, from plain arrays."""
        raise NotImplementedError

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        """The cotangent of the operand at a place; all arrays are plain, or they are traced."""
        raise NotImplementedError

    def pulls(self, cotangent: Any, out: Any, operands: tuple[Any, ...], places: list[int]) -> list[Any]:
        """The cotangents of the operands at some places; None where there is none."""
        return [self.pull(cotangent, out, operands, place) for place in places]

    def reached(self, live: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        """Which elements of an operand the cotangent reaches: truths in its shape, or None for all.

        The elements of the result that aren't ``live`` have structural zeros as their cotangents: they belong to a
        branch that wasn't taken. ``out`` and ``operands`` are plain arrays.
        """
        return None

    def of_objects(self, *operands: Any) -> Any:
        """The result, from plain arrays of Values."""
        return self.value(*operands)


class Apply(Operation):
    """A rule of the table, element by element, with NumPy's broadcasting."""

    __slots__ = ("rule",)

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def value(self, *operands: Any) -> Any:
        return NUMPY.bind(self.rule)[0](*operands)

    def pulls(self, cotangent: Any, out: Any, operands: tuple[Any, ...], places: list[int]) -> list[Any]:
        partials = arithmetic_of(out).bind(self.rule)[1](out, *operands)
        found = []
        for place in places:
            partial = partials[place]
            product = _times(partial, cotangent)
            found.append(None if product is None else summed_to(product, shape_of(operands[place])))
        return found

    def reached(self, live: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        if self.rule.choice:
            chosen = numpy.not_equal(NUMPY.bind(self.rule)[1](out, *operands)[place], 0.0)
            live = chosen if live is None else chosen & live
        return _in_shape(live, shape_of(operands[place]))


def _times(partial: Any, cotangent: Any) -> Any:
    """A product; None, which contributes nothing, for a plain 0."""
    if type(partial) is not float or partial not in (0.0, 1.0, -1.0):
        return partial * cotangent
    return None if partial == 0.0 else cotangent if partial == 1.0 else -cotangent


def _in_shape(live: Any, shape: tuple[int, ...]) -> Any:
    """Truths for an operand that may have been repeated: all, unless none of them is true."""
    return live if live is None or shape_of(live) == shape or not live.any() else None


class Where(Operation):
    """One of two arrays by truths that are known; what isn't chosen gets nothing, whatever the cotangent is."""

    __slots__ = ("truth",)

    def __init__(self, truth: Any) -> None:
        self.truth = truth

    def value(self, *operands: Any) -> Any:
        return numpy.where(self.truth, *operands)

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        sides = (cotangent, 0.0) if place == 0 else (0.0, cotangent)
        return summed_to(run(self, *sides), shape_of(operands[place]))

    def reached(self, live: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        chosen = numpy.broadcast_to(self.truth if place == 0 else numpy.logical_not(self.truth), shape_of(out))
        return _in_shape(chosen if live is None else chosen & live, shape_of(operands[place]))


class Select(Operation):
    """Elements by their places in an array: reshaping, transposing, indexing, repeating."""

    __slots__ = ("places",)

    def __init__(self, places: Any) -> None:
        self.places = places

    def value(self, *operands: Any) -> Any:
        return operands[0].ravel()[self.places]

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        return run(Scatter(self.places, shape_of(operands[place])), cotangent)

    def reached(self, live: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        return None if live is None else Scatter(self.places, shape_of(operands[place])).value(live) > 0


class Scatter(Operation):
    """The pullback of ``Select``: elements added up at their places in an array of zeros."""

    __slots__ = ("places", "shape")

    def __init__(self, places: Any, shape: tuple[int, ...]) -> None:
        self.places, self.shape = places, shape

    def value(self, *operands: Any) -> Any:
        count = math.prod(self.shape)
        return numpy.bincount(numpy.ravel(self.places), numpy.ravel(operands[0]), count).reshape(self.shape)

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        return run(Select(self.places), cotangent)


class Join(Operation):
    """Elements by their places in several arrays, one after the other: concatenating, stacking."""

    __slots__ = ("places",)

    def __init__(self, places: Any) -> None:
        self.places = places

    def value(self, *operands: Any) -> Any:
        return numpy.concatenate([numpy.ravel(one) for one in operands])[self.places]

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        sizes = [math.prod(shape_of(one)) for one in operands]
        start = sum(sizes[:place])
        everything = run(Scatter(self.places, (sum(sizes),)), cotangent)
        shape = shape_of(operands[place])
        return run(Select(numpy.arange(start, start + sizes[place]).reshape(shape)), everything)


class Total(Operation):
    """The sum over axes, which go."""

    __slots__ = ("axes",)

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def value(self, *operands: Any) -> Any:
        return operands[0].sum(axis=self.axes)

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        return run(Spread(self.axes, shape_of(operands[place])), cotangent)

    def reached(self, live: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        return None if live is None else Spread(self.axes, shape_of(operands[place])).value(live)


class Spread(Operation):
    """The pullback of ``Total``: an array repeated along new axes."""

    __slots__ = ("axes", "shape")

    def __init__(self, axes: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.axes, self.shape = axes, shape

    def value(self, *operands: Any) -> Any:
        return numpy.broadcast_to(numpy.expand_dims(operands[0], self.axes), self.shape)

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        return run(Total(self.axes), cotangent)


class Tensordot(Operation):
    """Products summed over pairs of axes: of vectors and matrices in every order."""

    __slots__ = ("axes",)

    def __init__(self, axes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        self.axes = axes

    def value(self, *operands: Any) -> Any:
        x, y = operands
        if self.axes == ((x.ndim - 1,), (0,)) and x.ndim <= 2 and y.ndim <= 2:
            return x @ y
        return numpy.tensordot(x, y, self.axes)

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        x, y = operands
        free = [
            [axis for axis in range(one.ndim) if axis not in used]
            for one, used in zip(operands, self.axes, strict=True)
        ]
        count = len(free[0])
        if place == 0:
            others = tuple(range(count, count + len(free[1]))), tuple(free[1])
            product = run(Tensordot(others), cotangent, y)
            # The axes of the product: those of x that are free, then y's summed ones in y's order.
            order = free[0] + [self.axes[0][k] for k in numpy.argsort(self.axes[1])]
        else:
            product = run(Tensordot((tuple(free[0]), tuple(range(count)))), x, cotangent)
            order = [self.axes[1][k] for k in numpy.argsort(self.axes[0])] + free[1]
        return product if order == sorted(order) else _transposed(product, numpy.argsort(order).tolist())


class Solve(Operation):
    """The solution of a linear system, of one matrix and one right side or several in columns."""

    __slots__ = ()

    def value(self, *operands: Any) -> Any:
        return numpy.linalg.solve(*operands)

    def of_objects(self, *operands: Any) -> Any:
        return linear.solve(*operands)

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        right = run(self, _transposed(operands[0], [1, 0]), cotangent)
        if place == 1:
            return right
        axes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ()) if out.ndim == 1 else ((1,), (1,))
        return -run(Tensordot(axes), right, out)


class LogDet(Operation):
    """The logarithm of the absolute value of a determinant."""

    __slots__ = ()

    def value(self, *operands: Any) -> Any:
        return numpy.linalg.slogdet(operands[0])[1]

    def of_objects(self, *operands: Any) -> Any:
        return linear.slogdet(operands[0])[1]

    def pull(self, cotangent: Any, out: Any, operands: tuple[Any, ...], place: int) -> Any:
        inverse = run(Solve(), operands[0], numpy.eye(operands[0].shape[0]))
        return _transposed(inverse, [1, 0]) * cotangent


def _transposed(array: Any, order: list[int]) -> Any:
    places = numpy.arange(math.prod(array.shape)).reshape(array.shape).transpose(order)
    return run(Select(places), array)


def summed_to(array: Any, shape: tuple[int, ...]) -> Any:
    """The pullback of broadcasting: the sum over the axes along which an array of this shape was repeated."""
    have = shape_of(array)
    if have == shape:
        return array
    if len(have) < len(shape) or have == ():  # a single number for every element
        return run(Spread(tuple(range(len(shape))), shape), array)
    extra = len(have) - len(shape)
    axes = tuple(range(extra)) + tuple(
        [extra + k for k, size in enumerate(shape) if size == 1 and have[extra + k] != 1]
    )
    total = run(Total(axes), array)
    kept = tuple([size for k, size in enumerate(shape) if extra + k not in axes])
    if kept == shape:
        return total
    return run(Select(numpy.arange(math.prod(shape)).reshape(shape)), total)


# ---- plain or traced: what is registered for TracedArray ------------------------------------------------------------


def run(operation: Operation, *operands: Any) -> Any:
    """An operation on plain arrays, or recorded if one is traced."""
    for one in operands:
        if hasattr(one, "record_operation"):
            return one.record_operation(operation, *operands)
    return operation.value(*operands)


def shape_of(array: Any) -> tuple[int, ...]:
    """The shape of a plain or traced array; of a single number, no axes."""
    shape: tuple[int, ...] = getattr(array, "shape", ())
    return shape


def arithmetic_of(array: Any) -> Any:
    """The arithmetic that an array's numbers belong to."""
    return getattr(array, "arithmetic", NUMPY)


def numbers_of(array: Any) -> Any:
    """The numbers of a traced array; a plain one as it is."""
    return getattr(array, "numbers", array)
