"""NumPy's functions on arrays of Values where NumPy's own code can't be run on objects; linear algebra is elsewhere."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

import numpy

from microgrid.arrays import linear
from microgrid.arrays.plain import as_objects, decided, objects_of
from microgrid.arrays.ufuncs import call, is_true
from microgrid.core.comparison import Comparison
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.errors import DataError

__all__ = ["IMPLEMENTED", "extreme"]

IMPLEMENTED: dict[Any, Callable[..., Any]] = {
    numpy.linalg.det: linear.stacked(linear.det),
    numpy.linalg.slogdet: linear.slogdet,
    numpy.linalg.inv: linear.stacked(linear.inv),
    numpy.linalg.solve: linear.solve,
    numpy.linalg.cholesky: linear.cholesky,
    numpy.linalg.eigvalsh: linear.eigvalsh,
    numpy.linalg.eigh: linear.eigh,
    numpy.linalg.qr: linear.qr,
    numpy.linalg.pinv: linear.pinv,
    numpy.polyfit: linear.polyfit,
}
"""From NumPy's functions to those that take their place."""


def _replaces(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        IMPLEMENTED.update(dict.fromkeys(functions, function))
        return function

    return register


def _along(function: Callable[[Any], Any], array: Any, axis: Any, *, keepdims: Any = False) -> Any:
    """A function of a one-dimensional array, along an axis; of all elements for None."""
    array = objects_of(array)
    if axis is None:
        result = numpy.array(function(array.ravel()), dtype=object)
        return _unpacked(result.reshape((1,) * array.ndim) if keepdims is True else result)
    axes = axis if isinstance(axis, tuple) else (axis,)
    moved = numpy.moveaxis(array, axes, range(-len(axes), 0))
    flat = numpy.empty(moved.shape[: array.ndim - len(axes)], dtype=object)
    for place in numpy.ndindex(flat.shape):
        flat[place] = function(moved[place].ravel())
    return _unpacked(numpy.expand_dims(flat, axes) if keepdims is True else flat)


def extreme(
    name: str,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = numpy._NoValue,  # noqa: SLF001  # by which NumPy tells that there is none
    where: Any = True,
) -> Any:
    """The largest or the smallest elements along an axis, by a rule on lists; NotImplemented with options it hasn't.

    A ufunc's own reduction goes through pairs, by which the first of n equal elements would have a share of 2**(1 - n).
    """
    first = [] if initial is numpy._NoValue else [initial]  # noqa: SLF001
    if dtype is not None or out not in (None, (None,)) or not (first or numpy.size(array)):
        return NotImplemented
    if where is not True:
        array = numpy.where(where, array, -numpy.inf if name == "amax" else numpy.inf)
    return _along(lambda line: FUNCTIONS[name]([*first, *line]), array, axis, keepdims=keepdims)


def _unpacked(array: Any) -> Any:
    return array.item() if array.ndim == 0 else array


@_replaces(numpy.where)
def _where(condition: Any, *sides: Any) -> Any:
    if not sides:
        return numpy.nonzero(_truths(as_objects(condition)))
    return numpy.where(_truths(as_objects(condition)), *[as_objects(side) for side in sides])


def _truths(condition: Any) -> Any:
    """A condition as truths: of numbers, whether they are other than 0."""
    if isinstance(condition, numpy.ndarray) and condition.dtype == object:
        return numpy.frompyfunc(is_true, 1, 1)(condition).astype(bool)
    return is_true(condition) if isinstance(condition, Comparison | Value) else condition


IMPLEMENTED[numpy.nonzero] = lambda a: numpy.nonzero(_truths(as_objects(a)))
IMPLEMENTED[numpy.flatnonzero] = lambda a: numpy.flatnonzero(_truths(as_objects(a)))
IMPLEMENTED[numpy.argwhere] = lambda a: numpy.argwhere(_truths(as_objects(a)))
IMPLEMENTED[numpy.count_nonzero] = lambda a, axis=None: numpy.count_nonzero(_truths(as_objects(a)), axis=axis)


# ---- sums that leave nan out, and what is built on an order -----------------------------------------------------


def _numbers_of(line: Any) -> list[Any]:
    return [one for one in line if decided(one) != "nan"]


def _mean_of(line: Any, ddof: float = 0) -> Any:
    return builtins.sum(line[1:], line[0]) / (len(line) - ddof) if len(line) else numpy.nan


def _var_of(line: Any, ddof: float = 0) -> Any:
    mean = _mean_of(line)
    return _mean_of([(one - mean) * (one - mean) for one in line], ddof)


def _nan_function(reduce: Callable[..., Any]) -> Callable[..., Any]:
    def function(a: Any, axis: Any = None, *, keepdims: Any = False, ddof: float = 0) -> Any:
        given = functools.partial(reduce, ddof=ddof) if ddof else reduce
        return _along(lambda line: given(_numbers_of(line)), a, axis, keepdims=keepdims)

    return function


def _std_of(line: Any, ddof: float = 0) -> Any:
    return FUNCTIONS["sqrt"](_var_of(line, ddof))


def _product_of(line: Any) -> Any:
    return functools.reduce(lambda x, y: x * y, line, 1.0)


@_replaces(numpy.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:  # noqa: A002  # NumPy's name
    """The norms for which NumPy's own code, which the others run, compares elements or takes their roots."""
    x = objects_of(x)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    is_end, is_of_sums = ord in (numpy.inf, -numpy.inf), len(axes) == 2 and ord in (1, -1)
    sizes = numpy.frompyfunc(FUNCTIONS["abs"], 1, 1)(x)
    if len(axes) == 2 and (is_end or is_of_sums):
        sizes = numpy.add.reduce(sizes, axis=axes[0 if is_of_sums else 1], keepdims=True)
    if is_end or is_of_sums:  # where equal ones share alike
        return extreme("amax" if ord > 0 else "amin", sizes, axes, keepdims=keepdims)
    if len(axes) == 1 and isinstance(ord, float | int) and ord not in (0, 1, 2):
        return numpy.add.reduce(sizes**ord, axis=axes, keepdims=keepdims) ** (1.0 / ord)
    return NotImplemented


for _numpy_function, _reduce in (
    (numpy.nansum, lambda line: builtins.sum(line, 0.0)),
    (numpy.nanprod, _product_of),
    (numpy.nanmean, _mean_of),
    (numpy.nanvar, _var_of),
    (numpy.nanstd, _std_of),
    (numpy.nanmax, lambda line: FUNCTIONS["amax"](line or [numpy.nan])),
    (numpy.nanmin, lambda line: FUNCTIONS["amin"](line or [numpy.nan])),
    (numpy.nanmedian, lambda line: _quantile_of(0.5, line)),
):
    IMPLEMENTED[_numpy_function] = _nan_function(_reduce)


def _quantile_of(q: float, line: Any) -> Any:
    """The quantile by linear interpolation between the two elements beside it."""
    if any([decided(one) == "nan" for one in line]):
        return numpy.nan
    ordered = sorted(line)
    place = q * (len(ordered) - 1)
    below = builtins.min(int(place), len(ordered) - 2) if len(ordered) > 1 else 0
    part = place - below
    if part == 0:
        return ordered[below]
    step = ordered[below + 1] - ordered[below]
    return ordered[below] + step * part if part < 0.5 else ordered[below + 1] - step * (1.0 - part)


def _quantile(a: Any, q: Any, axis: Any = None, *, keepdims: bool = False, method: str = "linear") -> Any:
    if method != "linear":
        raise DataError(f"quantiles of Values are by method='linear', not {method!r}")
    if numpy.ndim(q):
        return numpy.stack([numpy.asarray(_quantile(a, one, axis, keepdims=keepdims)) for one in q])
    return _along(functools.partial(_quantile_of, float(q)), a, axis, keepdims=keepdims)


IMPLEMENTED[numpy.quantile] = _quantile
IMPLEMENTED[numpy.percentile] = lambda a, q, *args, **more: _quantile(a, numpy.asarray(q) / 100, *args, **more)
IMPLEMENTED[numpy.median] = lambda a, axis=None, **more: _quantile(a, 0.5, axis, **more)


@_replaces(numpy.cov)
def _cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    rows = numpy.atleast_2d(objects_of(m))
    rows = rows if rowvar or rows.shape[0] == 1 else rows.T
    if y is not None:
        other = numpy.atleast_2d(objects_of(y))
        rows = numpy.concatenate([rows, other if rowvar or other.shape[0] == 1 else other.T])
    count = rows.shape[1]
    centred = rows - numpy.add.reduce(rows, axis=1, keepdims=True) / count
    result = centred @ centred.T / (count - ((0 if bias else 1) if ddof is None else ddof))
    return _unpacked(result.squeeze())


@_replaces(numpy.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    matrix = _cov(x, y, rowvar)
    if not isinstance(matrix, numpy.ndarray):
        return 1.0
    deviation = numpy.frompyfunc(FUNCTIONS["sqrt"], 1, 1)(numpy.diag(matrix))
    return matrix / deviation[:, None] / deviation[None, :]


# ---- element by element ---------------------------------------------------------------------------------------


def _elementwise(function: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
    ufunc = numpy.frompyfunc(function, count, 1)
    return lambda *operands: ufunc(*map(as_objects, operands))


IMPLEMENTED[numpy.sinc] = _elementwise(functools.partial(call, "sinc"))
IMPLEMENTED[numpy.fix] = _elementwise(functools.partial(call, "trunc"))
IMPLEMENTED[numpy.isneginf] = lambda x: numpy.isinf(x) & numpy.asarray(x < 0)
IMPLEMENTED[numpy.isposinf] = lambda x: numpy.isinf(x) & numpy.asarray(x > 0)
IMPLEMENTED[numpy.real_if_close] = lambda a, tol=100: a  # noqa: ARG005
IMPLEMENTED[numpy.iscomplexobj] = lambda x: False  # noqa: ARG005
IMPLEMENTED[numpy.isrealobj] = lambda x: True  # noqa: ARG005
IMPLEMENTED[numpy.real] = lambda val: val
IMPLEMENTED[numpy.imag] = lambda val: numpy.zeros(numpy.shape(val))


@_replaces(numpy.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    half_turn = 180.0 if deg else numpy.pi
    return numpy.where(numpy.asarray(objects_of(z) < 0.0, dtype=bool), half_turn, 0.0)


@_replaces(numpy.round, numpy.around)
def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    scale = 10.0**decimals
    if out is not None:
        raise DataError("numpy.round of Values returns a new array: leave out= away")
    return numpy.rint(a * scale) / scale if decimals else numpy.rint(a)


@_replaces(numpy.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:  # noqa: ARG001
    largest = numpy.finfo(float).max
    instead = {
        "nan": nan,
        "inf": largest if posinf is None else posinf,
        "-inf": -largest if neginf is None else neginf,
    }
    return _elementwise(lambda one: instead.get(decided(one), one))(objects_of(x))


@_replaces(numpy.isclose)
def _isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    def are_close(x: Any, y: Any) -> bool:
        kinds = decided(x), decided(y)
        if kinds != ("finite", "finite"):
            return kinds[0] == kinds[1] and (kinds[0] != "nan" or equal_nan)
        return bool(abs(x - y) <= atol + rtol * abs(y))

    found = numpy.frompyfunc(are_close, 2, 1)(objects_of(a), objects_of(b))
    return found.astype(bool) if isinstance(found, numpy.ndarray) else found


@_replaces(numpy.allclose)
def _allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    return bool(numpy.all(_isclose(a, b, rtol, atol, equal_nan)))


# ---- on a grid ------------------------------------------------------------------------------------------------


@_replaces(numpy.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    if period is not None:
        raise DataError("numpy.interp of Values takes no period: reduce x by numpy.mod and extend xp and fp")
    grid, values = [objects_of(one).tolist() for one in (xp, fp)]
    left = values[0] if left is None else left
    right = values[-1] if right is None else right

    def at(one: Any) -> Any:
        if decided(one) == "nan":
            return one
        if bool(grid[0] > one):
            return left
        if bool(grid[-1] < one):
            return right
        cell = builtins.max(sum(1 for edge in grid if bool(edge <= one)) - 1, 0)
        if cell == len(grid) - 1:
            return values[-1] + 0.0 * one
        slope = (values[cell + 1] - values[cell]) / (grid[cell + 1] - grid[cell])
        return values[cell] + slope * (one - grid[cell])

    return _elementwise(at)(objects_of(x)) if numpy.ndim(x) else at(x)


@_replaces(numpy.gradient)
def _gradient(f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = objects_of(f)
    axes = range(f.ndim) if axis is None else [one % f.ndim for one in (axis if numpy.ndim(axis) else (axis,))]
    if len(spacing) not in (0, 1, len(axes)):
        raise DataError(f"numpy.gradient takes one spacing, or one for each of {len(axes)} axes, not {len(spacing)}")
    if edge_order != 1:
        raise DataError(f"numpy.gradient of Values has edge_order=1, not {edge_order!r}")
    steps = spacing * len(axes) if len(spacing) == 1 else spacing or (1.0,) * len(axes)
    found = [_slopes(f, step, one) for step, one in zip(steps, axes, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slopes(f: Any, step: Any, axis: int) -> Any:
    """Central differences along an axis, one-sided ones at its ends, on a grid that may be uneven."""
    y = numpy.moveaxis(f, axis, 0)
    count = len(y)
    if count < 2:
        raise DataError("numpy.gradient needs at least two elements along an axis")
    x = objects_of(step).ravel() if numpy.ndim(step) else None
    h = [x[k + 1] - x[k] for k in range(count - 1)] if x is not None else [step] * (count - 1)
    inner = []
    for k in range(1, count - 1):
        if x is None:
            inner.append((y[k + 1] - y[k - 1]) / (2.0 * step))
        else:
            a, b = h[k - 1], h[k]
            inner.append(y[k - 1] * (-b / (a * (a + b))) + y[k] * ((b - a) / (a * b)) + y[k + 1] * (a / (b * (a + b))))
    ends = (y[1] - y[0]) / h[0], (y[-1] - y[-2]) / h[-1]
    return numpy.moveaxis(numpy.array([ends[0], *inner, ends[1]], dtype=object), 0, axis)
