"""``TracedArray``: an array that a function computes as a whole while it is recorded.

A ``ValueArray`` of some size becomes one when NumPy calculates with it: an operation then costs one node for the whole
array, and not one for each element. A single number that leaves it, such as a sum, is one Value whose parents are the
Values that went in; its local derivatives come from a sweep over the arrays. Where something asks for an element, the
same operations run on Values one by one, as they would have from the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy

from microgrid.arrays.operations import Join, LogDet, Select, Solve, Tensordot, Total, Where, numbers_of, run, shape_of
from microgrid.arrays.plain import NeedsElements, recording_of_arrays
from microgrid.arrays.traced import Gather, Traced, apply, derivatives
from microgrid.arrays.ufuncs import PREDICATES, formula_of, rule_of
from microgrid.arrays.values import ValueArray
from microgrid.core.engine import Value, as_value, engine
from microgrid.core.graph import pullback
from microgrid.core.operands import Deferred
from microgrid.core.rule import Pair, Rule
from microgrid.core.rules import MANY
from microgrid.core.strictness import open_blocks
from microgrid.errors import OperationError

__all__ = ["Recording", "TracedArray"]

_LEAST = 16  # elements: below, an operation on each of them takes no longer than one on the array


def _unusable(_: Any) -> Pair:
    raise OperationError(
        "this Value came out of an array that was computed as a whole: it has its derivatives, but no graph of single "
        "numbers. Differentiate with precise=True to have one"
    )


_FROM_ARRAY = Rule("array", _unusable, "array", r"\operatorname{array}\left({xs}\right)", (MANY,))


class TracedArray(numpy.lib.mixins.NDArrayOperatorsMixin):
    """An array that is computed as a whole; an element is a Value when it is asked for."""

    def __init__(self, node: Traced, *, is_view: bool = False) -> None:
        self.node, self._is_view = node, is_view
        self.recording = recording_of_arrays.get()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.node.shape

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self.node.ndim

    @property
    def size(self) -> int:
        """How many elements there are."""
        return self.node.size

    @property
    def T(self) -> Any:  # noqa: N802  # NumPy's name
        """The transposed array."""
        return numpy.transpose(self)

    def elements(self) -> Any:
        """The elements as an array of Values; of a single number, the Value."""
        token = recording_of_arrays.set(None)
        try:
            objects = self.node.objects
        finally:
            recording_of_arrays.reset(token)
        return objects.view(ValueArray) if objects.ndim else objects.item()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:  # NumPy's signature
        return numpy.array(self.elements(), dtype=dtype or object)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a single number has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter([self[place] for place in range(len(self))] if self.ndim > 1 else self.elements())

    def __getitem__(self, key: Any) -> Any:
        places = numpy.arange(self.size).reshape(self.shape)[key]
        return self.selected(places) if numpy.ndim(places) else self.elements()[key]

    def selected(self, places: Any) -> TracedArray:
        """Elements by their places, as what NumPy may make a view."""
        self._is_view = True
        return TracedArray(run(Select(places), self.node), is_view=True)

    def __setitem__(self, key: Any, given: Any) -> None:
        (element,) = _operands([given], _LEAST) or (None,)
        if self._is_view or element is None:
            raise NeedsElements
        places = numpy.arange(self.size).reshape(self.shape)
        inside = numpy.arange(self.size, self.size + math.prod(shape_of(element))).reshape(shape_of(element))
        places[key] = inside
        self.node = run(Join(places), self.node, element)

    def become(self, result: Any) -> TracedArray:
        """Take what an operation in place has computed."""
        if self._is_view or not isinstance(result, TracedArray) or result.shape != self.shape:
            raise NeedsElements
        self.node = result.node
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"an array has no {name!r}")
        return getattr(self.elements(), name)

    def __float__(self) -> float:
        return float(self.elements())

    def __repr__(self) -> str:
        return f"TracedArray({self.node.numbers!r})"

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.sum``."""
        return numpy.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.mean``."""
        return numpy.mean(self, axis=axis, keepdims=keepdims)

    def dot(self, other: Any) -> Any:
        """As ``numpy.dot``."""
        return numpy.dot(self, other)

    def reshape(self, *shape: Any) -> Any:
        """As ``numpy.reshape``."""
        return numpy.reshape(self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Any:
        """As ``numpy.ravel``."""
        return numpy.ravel(self)

    def apply_to_whole(self, general: Callable[..., Any], rule: Rule, lists: Sequence[Any]) -> Any:
        """A rule on lists, of this array among others; ``general`` takes the elements."""
        function = _OF_LISTS.get(rule.name)
        result = NotImplemented if function is None or self.ndim != 1 else function(*lists)
        return general(*map(_elements, lists)) if result is NotImplemented else result

    def copy(self) -> Any:
        """A copy, of which elements may be set."""
        return TracedArray(self.node)

    flatten = ravel

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.pop("out", None)
        result = _ufunc(ufunc, method, inputs, options)
        if result is NotImplemented:
            result = getattr(ufunc, method)(*map(_elements, inputs), **options)
        if out is None:
            return result
        if len(out) > 1 or not isinstance(out[0], TracedArray):
            raise NeedsElements
        return out[0].become(result)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        result = _function(function, args, options)
        if result is NotImplemented:
            return function(*_elements(args), **{name: _elements(one) for name, one in options.items()})
        return result


class _TracedNumber(TracedArray, Deferred):
    """A single number that came out of an array. Wherever a Value is needed, it is recorded as one."""

    def record(self) -> Value:
        """The Value, whose parents are the Values that went into the array."""
        node = self.node
        if node.recorded is None:
            slopes = derivatives(node)
            number, parents, partials = float(node.numbers), tuple(slopes), tuple(slopes.values())
            made = engine.make(_FROM_ARRAY, number, 0.0, None, parents, partials, False) if slopes else as_value(number)
            node.recorded = numpy.array(made, dtype=object)
            if self.recording is not None:
                self.recording.arrays[made] = node
        value: Value = node.recorded.item()
        return value

    def elements(self) -> Any:
        """The Value."""
        return self.record()


def _wrapped(node: Any) -> Any:
    if not isinstance(node, Traced):
        return node
    return TracedArray(node) if node.shape else _TracedNumber(node)


def _elements(tree: Any) -> Any:
    """An argument of a NumPy function with every traced array as its elements."""
    if isinstance(tree, TracedArray):
        return tree.elements()
    if type(tree) in (list, tuple):
        return type(tree)([_elements(one) for one in tree])
    return tree


def _numbers(objects: Any) -> Any:
    flat = [one.data if isinstance(one, Value) else float(one) for one in objects.ravel().tolist()]
    return numpy.array(flat, dtype=float).reshape(objects.shape)


class Recording:
    """One call of a function whose arrays may be computed as a whole."""

    def __init__(self, variables: list[Value], outer: Sequence[set[Value]]) -> None:
        self.variables, self._outer = variables, outer
        self.arrays: dict[Value, Traced] = {}  # those that single Values came out of
        self._own_variables = frozenset(variables)
        self._own = set(variables)

    def gathered(self, operand: Any) -> Any:
        """An array of Values as a traced one; None if a Value comes from outside of the call."""
        objects = numpy.asarray(operand, dtype=object)
        if not self.owns([one for one in objects.ravel().tolist() if isinstance(one, Value)]):
            return None
        return Traced(Gather(objects), (), _numbers(objects))

    def owns(self, values: list[Value]) -> bool:
        """Whether Values depend on this call's variables and on constants alone."""
        stack = [one for one in values if one not in self._own]
        while stack:
            node = stack.pop()
            if node in self._own:
                continue
            if not (node.op or node.is_constant) or any([node in known for known in self._outer]):
                return False
            self._own.add(node)
            stack += node.parents
        return True

    def derivatives(self, output: Value) -> list[float]:
        """The derivatives of a Value that came out of an array with respect to the variables."""
        if self._own_variables.issuperset(output.parents):
            slopes: Mapping[Value, float] = dict(zip(output.parents, output.partials, strict=True))
        else:
            slopes = pullback(output, wanted=self.variables)
        return [slopes.get(variable, 0.0) for variable in self.variables]

    def ufunc(self, ufunc: Any, method: str, inputs: Any, options: Any) -> Any:
        """A ufunc of arrays of Values as one of whole arrays; NotImplemented where that doesn't pay."""
        return _ufunc(ufunc, method, inputs, options)

    def function(self, function: Any, args: Any, options: Any) -> Any:
        """A function of arrays of Values, as ``ufunc``."""
        return _function(function, args, options)


def _operands(inputs: Sequence[Any], work: int | None = None) -> list[Any] | None:
    """Operands as traced and plain arrays; None where an operation on whole arrays can't be or doesn't pay."""
    recording = recording_of_arrays.get()
    if recording is None or open_blocks:
        return None
    is_traced = any([isinstance(one, TracedArray) for one in inputs])
    if not is_traced:
        size = max([numpy.size(one) for one in inputs]) if work is None else work
        if size < _LEAST:
            return None
    found = [_operand(one, recording) for one in inputs]
    return None if any([one is None for one in found]) else found


def _operand(one: Any, recording: Recording) -> Any:
    """An operand as a node, a plain array of floats or a float; None if it is something else."""
    if isinstance(one, TracedArray):
        return one.node
    if isinstance(one, Deferred):
        one = one.record()
    if isinstance(one, ValueArray | Value):
        return recording.gathered(one)
    if isinstance(one, list | tuple):
        one = numpy.asarray(one)
    if type(one) is numpy.ndarray:
        if one.dtype == object:
            return recording.gathered(one)
        return one.astype(float, copy=False) if one.dtype.kind in "fiub" else None
    return float(one) if isinstance(one, float | int | numpy.number) else None


# ---- ufuncs ---------------------------------------------------------------------------------------------------


def _ufunc(ufunc: Any, method: str, inputs: Any, options: Any) -> Any:
    name = ufunc.__name__
    if method == "reduce" and name == "add" and set(options) <= {"axis", "keepdims", "dtype", "out"}:
        if options.get("dtype") is None and options.get("out") in (None, (None,)):
            return _sum(inputs[0], options.get("axis", 0), options.get("keepdims", False))
        return NotImplemented
    if method != "__call__" or options:
        return NotImplemented
    if name == "matmul":
        return _dot(*inputs)
    if name in _TRUTHS:
        operands = _operands(inputs)
        return NotImplemented if operands is None else ufunc(*[numbers_of(one) for one in operands])
    rule, formula = rule_of(name), formula_of(name)
    if (rule is None or rule.arity != len(inputs)) and formula is None:
        return NotImplemented
    operands = _operands(inputs)
    if operands is None:
        return NotImplemented
    if formula is not None:
        return formula(*map(_wrapped, operands))
    assert rule is not None  # otherwise there is a formula
    return _wrapped(apply(rule, *operands))


_TRUTHS = ("less", "less_equal", "greater", "greater_equal", *PREDICATES)


def _sum(array: Any, axis: Any, keepdims: Any) -> Any:
    operands = _operands([array])
    if operands is None or not isinstance(operands[0], Traced) or not operands[0].shape:
        return NotImplemented
    (array,) = operands
    axes = tuple(range(array.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted([one % array.ndim for one in axes]))
    total = run(Total(axes), array)
    if keepdims is True:
        shape = tuple([1 if k in axes else size for k, size in enumerate(array.shape)])
        total = run(Select(numpy.arange(math.prod(shape)).reshape(shape)), total)
    return _wrapped(total)


def _dot(x: Any, y: Any) -> Any:
    if numpy.ndim(x) not in (1, 2) or numpy.ndim(y) not in (1, 2):
        return NotImplemented
    work = numpy.size(x) * (numpy.shape(y)[1] if numpy.ndim(y) == 2 else 1)
    operands = _operands([x, y], work)
    if operands is None:
        return NotImplemented
    x, y = operands
    return _wrapped(run(Tensordot(((x.ndim - 1,), (0,))), x, y))


def _outer(a: Any, b: Any) -> Any:
    operands = _operands([a, b], math.prod(shape_of(a)) * math.prod(shape_of(b)))
    if operands is None or len(shape_of(operands[0])) != 1 or len(shape_of(operands[1])) != 1:
        return NotImplemented
    return _wrapped(run(Tensordot(((), ())), *operands))


# ---- NumPy's other functions ----------------------------------------------------------------------------------

_STRUCTURAL = (
    *(numpy.reshape, numpy.ravel, numpy.transpose, numpy.squeeze, numpy.expand_dims, numpy.moveaxis, numpy.swapaxes),
    *(numpy.flip, numpy.fliplr, numpy.flipud, numpy.roll, numpy.rot90, numpy.tile, numpy.repeat, numpy.broadcast_to),
    *(numpy.take, numpy.diagonal, numpy.atleast_1d, numpy.atleast_2d, numpy.delete, numpy.copy),
)  # fmt: skip
_JOINING = (numpy.concatenate, numpy.stack, numpy.vstack, numpy.hstack, numpy.column_stack)


def _function(function: Any, args: Any, options: Any) -> Any:
    if function in _STRUCTURAL and args and isinstance(args[0], TracedArray):
        (array, *others) = args
        if any([isinstance(one, TracedArray) for one in others]):
            return NotImplemented
        return array.selected(function(numpy.arange(array.size).reshape(array.shape), *others, **options))
    if function in _JOINING:
        return _joined(function, *args, **options)
    if function in _WHOLE:
        try:
            return _WHOLE[function](*args, **options)
        except TypeError:  # an option that the general way knows
            return NotImplemented
    return NotImplemented


def _joined(function: Any, arrays: Any, *others: Any, **options: Any) -> Any:
    operands = _operands(list(arrays))
    if operands is None or not any([isinstance(one, Traced) for one in operands]):
        return NotImplemented
    starts = numpy.cumsum([0, *[numpy.size(one) for one in operands]])
    places = [numpy.arange(start, start + numpy.size(one)).reshape(numpy.shape(one)) for start, one in
              zip(starts, operands, strict=False)]  # fmt: skip
    return _wrapped(run(Join(function(places, *others, **options)), *operands))


def _where(condition: Any, then: Any, otherwise: Any) -> Any:
    truth = numpy.asarray(condition)
    if truth.dtype == object:
        return NotImplemented
    operands = _operands([then, otherwise])
    if operands is None or not any([isinstance(one, Traced) for one in operands]):
        return NotImplemented
    return _wrapped(run(Where(truth.astype(bool)), *operands))


def _mean(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    total = _sum(a, axis, keepdims)
    return total if total is NotImplemented else total / (numpy.size(a) / numpy.size(total))


def _whole_sum(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return _sum(a, axis, keepdims)


def _var(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: Any = False) -> Any:
    mean = _mean(a, axis, keepdims=True)
    if mean is NotImplemented:
        return mean
    centred = a - mean
    total = _sum(centred * centred, axis, keepdims)
    return total / (numpy.size(a) / numpy.size(total) - ddof)


def _std(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: Any = False) -> Any:
    var = _var(a, axis, ddof=ddof, keepdims=keepdims)
    return var if var is NotImplemented else numpy.sqrt(var)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:  # noqa: A002  # NumPy's name
    if ord is not None and not (ord == 2 and (numpy.ndim(x) == 1 or isinstance(axis, int))):
        return NotImplemented
    total = _sum(x * x, axis, keepdims)
    return total if total is NotImplemented else numpy.sqrt(total)


def _solve(a: Any, b: Any) -> Any:
    shapes = shape_of(a), shape_of(b)
    operands = _operands([a, b])
    if operands is None or len(shapes[0]) != 2 or len(shapes[1]) not in (1, 2):
        return NotImplemented
    return _wrapped(run(Solve(), *operands))


def _inv(a: Any) -> Any:
    return _solve(a, numpy.eye(shape_of(a)[0])) if len(shape_of(a)) == 2 else NotImplemented


def _slogdet(a: Any) -> Any:
    operands = _operands([a])
    if operands is None or len(shape_of(a)) != 2:
        return NotImplemented
    sign = numpy.linalg.slogdet(numbers_of(operands[0]))[0]
    return (
        type(numpy.linalg.slogdet(numpy.eye(1)))(sign, _wrapped(run(LogDet(), *operands))) if sign else NotImplemented
    )


def _det(a: Any) -> Any:
    found = _slogdet(a)
    return found if found is NotImplemented else found[0] * numpy.exp(found[1])


def _largest(a: Any, axis: Any = None, *, keepdims: Any = False, sign: float = 1.0) -> Any:
    """The largest elements where each is the only one; ties share their slope one by one."""
    operands = _operands([a])
    if operands is None or not isinstance(operands[0], Traced) or isinstance(axis, tuple):
        return NotImplemented
    (array,) = operands
    numbers = sign * array.numbers
    top = numbers.max(axis=axis, keepdims=True)
    if numpy.isnan(top).any() or (numpy.sum(numbers == top, axis=axis) != 1).any():
        return NotImplemented
    places = numpy.expand_dims(numbers.argmax(axis=axis), axis if axis is not None else tuple(range(array.ndim)))
    if axis is not None:
        every = numpy.arange(array.size).reshape(array.shape)
        places = numpy.take_along_axis(every, places, axis)
    if not keepdims:
        places = places.reshape(numpy.max(numbers, axis=axis).shape)
    return _wrapped(run(Select(places), array))


def _smallest(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return _largest(a, axis, keepdims=keepdims, sign=-1.0)


_WHOLE: dict[Any, Callable[..., Any]] = {
    numpy.shape: shape_of, numpy.ndim: lambda a: len(shape_of(a)), numpy.size: lambda a: math.prod(shape_of(a)),
    numpy.sum: _whole_sum, numpy.mean: _mean, numpy.var: _var, numpy.std: _std,
    numpy.outer: _outer, numpy.linalg.norm: _norm,
    numpy.linalg.solve: _solve, numpy.linalg.inv: _inv, numpy.linalg.slogdet: _slogdet, numpy.linalg.det: _det,
    numpy.dot: _dot, numpy.where: _where, numpy.max: _largest, numpy.amax: _largest, numpy.min: _smallest,
    numpy.amin: _smallest,
}  # fmt: skip


def _logsumexp(a: Any) -> Any:
    peak = a.node.numbers.max()
    if not math.isfinite(peak):
        return NotImplemented
    return peak + numpy.log(numpy.sum(numpy.exp(a - peak)))


_OF_LISTS: dict[str, Callable[..., Any]] = {"sum": _whole_sum, "dot": _dot, "logsumexp": _logsumexp}
