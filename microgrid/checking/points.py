"""The points at which gradients are checked: one point, many points, or points drawn from a region.

A point is a number, a tuple of arguments in order, a dict of arguments by name, or an array, which is one argument. A
list is many points. A point with an ``Interval`` instead of a number is a region, from which points are drawn.
Arguments may be lists, tuples, dicts and arrays of numbers, nested in any way; anything that is not a number, such as a
string, is passed on unchanged.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.errors import DataError

__all__ = ["Interval", "Point", "derivatives", "filled", "numbers_of", "sample_points"]

Spacing = Literal["uniform", "log"]


@public()
@dataclass(frozen=True, slots=True)
class Interval:
    """A range from which points are drawn, given instead of a number.

    Parameters
    ----------
    low, high : float
        Its finite ends.
    spacing : {"uniform", "log"}, default "uniform"
        Uniform in the number, or in its logarithm; for "log", both ends have the same sign and are not 0.

    Raises
    ------
    DataError
        If the ends are not finite, not in order or invalid for the spacing.

    Examples
    --------
    >>> from microgrid import Interval, check_gradients, exp
    >>> report = check_gradients(lambda w, x: exp(-w * x), (Interval(-2, 2), Interval(0.1, 4)), count=50)
    >>> bool(report), report.checked
    (True, 100)
    """

    low: float
    high: float
    spacing: Spacing = "uniform"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise DataError(
                f"an interval needs two finite ends, the lower one first, not {self.low!r} and {self.high!r}"
            )
        if self.spacing not in get_args(Spacing):
            raise DataError(f"spacing is 'uniform' or 'log', not {self.spacing!r}")
        if self.spacing == "log" and self.low <= 0.0 <= self.high:
            raise DataError(
                f"orders of magnitude between {self.low!r} and {self.high!r} have no end at 0: give both ends one sign"
            )

    def draw(self, source: random.Random) -> float:
        """A random number of the interval.

        Parameters
        ----------
        source : random.Random
            The source of randomness.

        Returns
        -------
        float
            From ``low`` to ``high``.
        """
        if self.spacing == "uniform":
            return source.uniform(self.low, self.high)
        sign = math.copysign(1.0, self.low)
        size = math.exp(source.uniform(math.log(abs(self.low)), math.log(abs(self.high))))
        return min(max(sign * size, self.low), self.high)


@public("microgrid.checking")
@dataclass(frozen=True, slots=True)
class Point:
    """One point: its coordinates in a row, their names, and their arrangement in f's arguments.

    Parameters
    ----------
    names : tuple of str
        The coordinates' names in the report: ``w``, ``w[2]``, ``X[0, 1]``.
    numbers : tuple of float
        The coordinates.
    template : object
        The point as it was given.
    """

    names: tuple[str, ...]
    numbers: tuple[float, ...]
    template: Any

    def call(self, function: Callable[..., Any], numbers: Sequence[Any]) -> Any:
        """The function's result with other numbers, of any type, instead of this point's."""
        arguments = filled(self.template, iter(numbers))
        if isinstance(arguments, tuple):
            return function(*arguments)
        return function(**arguments) if isinstance(arguments, dict) else function(arguments)

    def written(self) -> str:
        """The point as Python source, its numbers exact to the last bit."""
        return _source(filled(self.template, iter(self.numbers)))


Place = Point  # its name in reports that were pickled before it was called so


def sample_points(function: Callable[..., Any], at: Any, count: int, seed: int) -> list[Point]:
    """The points that ``at`` describes.

    Parameters
    ----------
    function : callable
        f, whose parameters name the coordinates.
    at : point, list of points, or region
        As the module's docstring describes.
    count : int
        The number of points drawn from a region.
    seed : int
        The seed of the drawn points.

    Returns
    -------
    list of Point
        The points in order.

    Raises
    ------
    DataError
        If the count is not a whole number from 1, a point has no number in it, or f can't be called with it.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DataError(f"count is a whole number from 1, not {count!r}")
    source = random.Random(seed)
    found = []
    for template in at if isinstance(at, list) else [at]:
        _check_call(function, template)
        leaves = list(_leaves(template, _top_names(function, template)))
        if not leaves:
            raise DataError(f"the point {template!r} holds no number to differentiate with respect to")
        names = tuple([name for name, _ in leaves])
        drawn = any([isinstance(leaf, Interval) for _, leaf in leaves])
        found += [
            Point(names, tuple([_number(leaf, source) for _, leaf in leaves]), template)
            for _ in range(count if drawn else 1)
        ]
    return found


def derivatives(gradient: Any, point: Point, of: str) -> list[float]:
    """A gradient returned by the user's function, as one number per coordinate.

    Parameters
    ----------
    gradient : number, sequence, array or dict
        In the structure of the arguments; entries that are None are left out.
    point : Point
        The point.
    of : str
        The name of the function in messages.

    Returns
    -------
    list of float
        In the order of the coordinates.

    Raises
    ------
    DataError
        If there are more or fewer numbers than coordinates, or an entry is not a number.
    """
    if isinstance(gradient, dict) and isinstance(point.template, dict):
        missing = [name for name in point.template if name not in gradient]
        gradient = [gradient[name] for name in point.template if name not in missing]
    try:
        numbers = [float(number) for number in _flat(gradient)]
    except (TypeError, ValueError) as error:
        raise DataError(f"the {of} gave {gradient!r}, which is not made of numbers") from error
    if len(numbers) != len(point.names):
        raise DataError(
            f"the {of} gave {len(numbers)} derivatives, and the point has {len(point.names)} coordinates: "
            f"{', '.join(point.names[:8])}{' …' if len(point.names) > 8 else ''}"
        )
    return numbers


def _flat(thing: Any) -> Iterator[Any]:
    if hasattr(thing, "tolist"):  # an array of NumPy, JAX or torch
        thing = thing.tolist()
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list | tuple):
        for part in thing:
            yield from _flat(part)
    elif isinstance(thing, Value):
        yield thing.data
    elif thing is not None:
        yield thing


def _check_call(function: Callable[..., Any], template: Any) -> None:
    """Raise if f can't be called with the point: often, one point was written as a list, which is many points."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some built-in functions have no signature
    arguments = template if isinstance(template, tuple) else () if isinstance(template, dict) else (template,)
    try:
        signature.bind(*arguments, **(template if isinstance(template, dict) else {}))
    except TypeError as error:
        raise DataError(
            f"f can't be called with the point {template!r}: {error}. A point is a tuple of arguments, such as "
            "(0.5, 2.0), or a dict of them by name; a list is many points"
        ) from None


def _top_names(function: Callable[..., Any], template: Any) -> list[str]:
    """The names of f's arguments; x1, x2, … where they are unknown."""
    if isinstance(template, dict):
        return [str(name) for name in template]
    count = len(template) if isinstance(template, tuple) else 1
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [*named[:count], *[f"x{index + 1}" for index in range(len(named), count)]]


def _leaves(template: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    arguments = list(template.values()) if isinstance(template, dict) else template
    arguments = arguments if isinstance(template, tuple | dict) else (template,)
    for name, argument in zip(names, arguments, strict=True):
        yield from numbers_of(argument, name)


def numbers_of(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every number in an argument, and its name."""
    if isinstance(thing, Value):
        yield thing.name or name, thing.data
    elif _is_coordinate(thing):
        yield name, thing
    elif isinstance(thing, dict):
        for key, part in thing.items():
            yield from numbers_of(part, f"{name}[{key}]")
    elif isinstance(thing, list | tuple):
        for index, part in enumerate(thing):
            yield from numbers_of(part, f"{name}[{index}]")
    elif hasattr(thing, "ndim"):
        import numpy

        for corner in numpy.ndindex(thing.shape):
            yield from numbers_of(thing[corner], f"{name}[{', '.join(map(str, corner))}]")


def _is_coordinate(thing: Any) -> bool:
    return isinstance(thing, Interval) or (isinstance(thing, Real) and not isinstance(thing, bool))


def _number(leaf: Any, source: random.Random) -> float:
    return leaf.draw(source) if isinstance(leaf, Interval) else float(leaf)


def filled(thing: Any, numbers: Iterator[Any]) -> Any:
    """A copy of a structure with other numbers in it."""
    if isinstance(thing, Value) or _is_coordinate(thing):
        return next(numbers)
    if isinstance(thing, dict):
        return {key: filled(part, numbers) for key, part in thing.items()}
    if isinstance(thing, list | tuple):
        return type(thing)([filled(part, numbers) for part in thing])
    if hasattr(thing, "ndim"):
        import numpy

        parts = [filled(thing[index], numbers) for index in numpy.ndindex(thing.shape)]
        kind = object if any([isinstance(part, Value) for part in parts]) else None
        return numpy.array(parts, dtype=kind).reshape(thing.shape)
    return thing


def _source(thing: Any) -> str:
    if isinstance(thing, float):
        return f"float.fromhex({thing.hex()!r})"
    if isinstance(thing, dict):
        return "{" + ", ".join([f"{key!r}: {_source(part)}" for key, part in thing.items()]) + "}"
    if isinstance(thing, list | tuple):
        inside = ", ".join([_source(part) for part in thing])
        if isinstance(thing, list):
            return f"[{inside}]"
        return f"({inside},)" if len(thing) == 1 else f"({inside})"
    if hasattr(thing, "ndim"):
        return f"numpy.array({_source(thing.tolist())})"
    return repr(thing)
