"""The points at which gradients are checked: one point, many points, or points drawn from a region.

A point is a number, a tuple of arguments in order, a dict of arguments by name, or an array, which is one argument. A
list is many points. A point with an ``Interval`` instead of a number is a region, from which points are drawn.
Arguments may be structures of numbers, as ``structures`` has them; anything that is not a number, such as a string, is
passed on unchanged, and so is an argument that is not differentiated with respect to.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from microgrid._public import public
from microgrid.checking.structures import (
    Coordinate,
    as_array,
    as_number,
    check_keys,
    entries,
    is_number,
    is_sequence,
    plan,
    sliced,
    unchanged,
)
from microgrid.errors import DataError
from microgrid.util.interval import Interval
from microgrid.util.labels import shortened
from microgrid.util.restoring import restorable
from microgrid.util.wording import counted, listed

__all__ = [
    "Interval",
    "Point",
    "coordinates",
    "count_of",
    "derivatives",
    "jacobian",
    "sample_points",
    "second_derivatives",
]

Wrt = str | int | Sequence[str | int] | None

_LONGEST = 100  # characters of a point in a line that repeats a check


@public("microgrid.checking")
@restorable
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
        The point as it was given; Intervals that are no coordinates are drawn.
    fixed : tuple, default ()
        The keys or indices of arguments that are passed as they are.
    arguments : tuple of str, default ()
        The names of f's arguments.
    seed : int or None, default None
        For a drawn point, the seed that draws it alone.
    origin : str, default "at"
        The argument of the check that it comes from: "at[2]" for the third of a list.
    region : object, default None
        The point as it was given.
    """

    names: tuple[str, ...]
    numbers: tuple[float, ...]
    template: Any
    fixed: tuple[Any, ...] = ()
    arguments: tuple[str, ...] = ()
    seed: int | None = None
    origin: str = "at"
    region: Any = None

    def row(self) -> Any:
        """The coordinates as a new list, or as an array if there are arrays to be made of them."""
        arrays = [one for _, one in _keyed(self.template) if hasattr(one, "ndim")]
        if not arrays:
            return list(self.numbers)
        import numpy

        return numpy.array(self.numbers)

    def caller(self, function: Callable[..., Any]) -> Callable[[Sequence[Any]], Any]:
        """The function as one of a row of numbers, of any type, instead of this point's."""
        _, build = _planned(self.template, self.arguments, self.fixed)
        if isinstance(self.template, dict):
            return lambda numbers: function(**dict(zip(self.template, build(numbers), strict=True)))
        return lambda numbers: function(*build(numbers))

    def written(self) -> str:
        """The point as Python source, its numbers exact to the last bit."""
        arguments = _planned(self.template, self.arguments, self.fixed)[1](self.numbers)
        if isinstance(self.template, dict):
            return _source(dict(zip(self.template, arguments, strict=True)))
        return _source(tuple(arguments) if isinstance(self.template, tuple) else arguments[0])

    def repeated(self) -> tuple[str, str]:
        """The point in a line that repeats a check, and the options that draw it: exact, or its region, if short."""
        drawn = "" if self.seed is None else f"count=1, seed={self.seed}"
        for text, options in ((self.written, ""), (lambda: _source(self.region), drawn)):
            try:
                if len(text()) <= _LONGEST:
                    return text(), options
            except TypeError:  # an argument that can't be written
                continue
        return self.origin, drawn


Place = Point  # its name in reports that were pickled before it was called so


def _keyed(template: Any) -> list[tuple[Any, Any]]:
    """A point's arguments with their keys: their names, or their positions."""
    if isinstance(template, dict):
        return list(template.items())
    return list(enumerate(template if isinstance(template, tuple) else (template,)))


def _planned(
    template: Any, names: Sequence[str], fixed: Sequence[Any]
) -> tuple[list[Coordinate], Callable[[Sequence[Any]], list[Any]]]:
    """The coordinates of a point, and what puts other numbers in their places: a list of arguments."""
    found: list[Coordinate] = []
    keyed = _keyed(template)
    builds: list[Callable[[Sequence[Any]], Any]] = [
        unchanged(argument) if key in fixed else plan(argument, name, found, _is_coordinate)
        for (key, argument), name in zip(keyed, names or [""] * len(keyed), strict=True)
    ]
    return found, lambda numbers: [build(numbers) for build in builds]


def coordinates(thing: Any, name: str) -> tuple[list[Coordinate], Callable[[Sequence[Any]], Any]]:
    """Every number and Interval in a structure with its name, and what puts numbers in their places."""
    found: list[Coordinate] = []
    return found, plan(thing, name, found, _is_coordinate)


def _is_coordinate(thing: Any) -> bool:
    return isinstance(thing, Interval) or is_number(thing)


def sample_points(function: Callable[..., Any], at: Any, count: int, seed: int, wrt: Wrt = None) -> list[Point]:
    """The points that ``at`` describes, as the module's docstring has it; ``count`` of them from a region.

    DataError if the count is not a whole number from 1, a point has no number in it, f can't be called with it, or it
    has none of the arguments ``wrt``.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DataError(f"count is a whole number from 1, not {count!r}")
    source = random.Random(seed)
    found: list[Point] = []
    for place, template in enumerate(at if isinstance(at, list) else [at]):
        _check_call(function, template)
        names = _top_names(function, template)
        fixed = _fixed(template, names, wrt)
        leaves, _ = _planned(template, names, fixed)
        if not leaves:
            raise DataError(
                f"the point {shortened(repr(template), 200)} holds no number to differentiate with respect to"
            )
        others, build = coordinates([one for key, one in _keyed(template) if key in fixed], "")
        drawn = any([isinstance(leaf, Interval) for _, leaf in (*leaves, *others)])
        for _ in range(count if drawn else 1):
            own = (source.getrandbits(32) if found else seed) if drawn else None
            numbers = random.Random(own)
            point = Point(
                tuple([name for name, _ in leaves]),
                tuple([_number(leaf, numbers) for _, leaf in leaves]),
                template,
                fixed,
                tuple(names),
                own,
                f"at[{place}]" if isinstance(at, list) else "at",
                template,
            )
            if any([isinstance(leaf, Interval) for _, leaf in others]):
                rest = iter(build([_number(leaf, numbers) for _, leaf in others]))
                point = replace(point, template=_with_fixed(template, fixed, rest))
            found.append(point)
    return found


def _number(leaf: Any, source: random.Random) -> float:
    return leaf.draw(source) if isinstance(leaf, Interval) else float(leaf)


def _with_fixed(template: Any, fixed: Sequence[Any], others: Any) -> Any:
    """A point with other arguments in the place of those that are not differentiated with respect to."""
    arguments = {key: next(others) if key in fixed else one for key, one in _keyed(template)}
    if isinstance(template, dict):
        return arguments
    return tuple(arguments.values()) if isinstance(template, tuple) else arguments[0]


def _fixed(template: Any, names: Sequence[str], wrt: Wrt) -> tuple[Any, ...]:
    """The keys of the arguments that ``wrt`` leaves out."""
    if wrt is None:
        return ()
    keys = [key for key, _ in _keyed(template)]
    chosen = []
    for one in [wrt] if isinstance(wrt, str | int) else wrt:
        place = names.index(one) if one in names else one
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(keys):
            raise DataError(f"wrt={one!r} is no argument of f at this point: {listed(names)}")
        chosen.append(keys[place])
    return tuple([key for key in keys if key not in chosen])


# ---- gradients --------------------------------------------------------------------------------------------------


def derivatives(gradient: Any, point: Point, of: str) -> list[float]:
    """A gradient returned by the user's function ``of``, as one number per coordinate.

    It has the structure of the arguments, or all numbers in one row. What belongs to an argument that is not
    differentiated with respect to is left out or ignored. DataError if it does not fit, or if an entry is not a number.
    """
    return _entries(gradient, point, of, as_number)


def _entries(gradient: Any, point: Point, of: str, read: Callable[[Any], Any]) -> list[Any]:
    """What is read from the entry for each coordinate, in the first arrangement of a gradient that fits."""
    if hasattr(gradient, "mask") and hasattr(gradient, "filled"):
        raise DataError(f"the {of} gave a masked array, and a masked element is no derivative")
    fault = ""
    for arranged in _arrangements(gradient, point):
        try:
            found = [read(entry) for entry in arranged()]
            if len(found) == len(point.names):
                return found
        except DataError as error:
            fault = fault or str(error)
        except (TypeError, ValueError):
            fault = fault or f"gave {shortened(repr(gradient), 200)}, which is not made of numbers"
    count = count_of(gradient)
    if count in (None, len(point.names)):
        raise DataError(f"the {of} {fault}")
    raise DataError(
        f"the {of} gave {counted(count or 0, 'derivative')}, and the point has {len(point.names)} coordinates: "
        f"{listed(point.names[:8])}{' …' if len(point.names) > 8 else ''}"
    )


def _arrangements(gradient: Any, point: Point) -> Iterator[Callable[[], list[Any]]]:
    """By the arguments' names; for a single argument, its own structure; by their order; all numbers in one row."""
    every = dict(zip(point.arguments, _keyed(point.template), strict=True))
    moving = {name: one for name, (key, one) in every.items() if key not in point.fixed and coordinates(one, name)[0]}

    def by_name(given: Any) -> list[Any]:
        return [entry for name, one in moving.items() for entry in entries(given[name], one, name)]

    def checked() -> list[Any]:
        check_keys(gradient, {name: moving.get(name) for name in every}, "")
        return by_name(gradient)

    if isinstance(gradient, Mapping) and (len(moving) > 1 or not every.keys().isdisjoint(gradient)):
        yield checked
    if len(moving) == 1:
        ((name, one),) = moving.items()
        yield lambda: entries(gradient, one, name)
    for names in (list(every), list(moving)):
        if is_sequence(gradient) and len(gradient) == len(names):
            yield lambda names=names: by_name(dict(zip(names, gradient, strict=True)))  # type: ignore[misc]
    row = as_array(gradient, "a gradient")
    row = gradient if row is None else row.squeeze() if row.ndim > 1 else row
    if is_sequence(row) and len(row) == len(point.names) and not any([_is_structure(one) for one in row]):
        yield lambda: list(row)


def _is_structure(entry: Any) -> bool:
    return isinstance(entry, Mapping) or is_sequence(entry)


def count_of(gradient: Any) -> int | None:
    """How many numbers there are in nested lists; None if there are keys."""
    if isinstance(gradient, Mapping):
        return None
    if not is_sequence(gradient):
        return int(gradient is not None)
    counts = [count_of(one) for one in gradient]
    return None if None in counts else sum([count for count in counts if count])


def second_derivatives(result: Any, point: Point, of: str) -> list[list[float]]:
    """The rows of a matrix of second derivatives returned by the user's function, as for ``derivatives``.

    It may be a square array or its rows, in which each is a gradient; a gradient of gradients, by the arguments' keys;
    or a number if there is one coordinate.
    """
    count = len(point.names)
    if count == 1 and count_of(result) == 1:
        return [[as_number(result)]]
    array = None if isinstance(result, Mapping) else as_array(result, f"the {of}")
    if array is not None and array.size == count * count:
        return [derivatives(row, point, of) for row in array.reshape(count, count)]
    if not isinstance(result, Mapping) and is_sequence(result) and len(result) == count:
        rows = list(result)
    elif isinstance(result, Mapping):
        rows = _entries(result, point, of, lambda entry: entry)
    else:
        raise DataError(
            f"the {of} of order 2 gave {len(result) if is_sequence(result) else 1} rows, and the point has {count} "
            "coordinates"
        )
    return [derivatives(row, point, of) for row in rows]


def jacobian(result: Any, point: Point, outputs: int, of: str) -> list[list[float]]:
    """The rows of a Jacobian returned by the user's function, one gradient for each output, as for ``derivatives``.

    It may have one row for each output, or the arguments' structure, in which each array has a leading axis for them.
    """
    has_rows = is_sequence(result) and not isinstance(result, Mapping) and len(result) == outputs
    is_one_each = has_rows and isinstance(result, tuple) and len(result) == len(point.arguments) - len(point.fixed) > 1
    if is_one_each and all([hasattr(part, "ndim") for part in result]):
        raise DataError(
            f"the {of} gave a tuple of {outputs} arrays, which may be a row for each output or an array for each "
            "argument: give the rows in a list, or arrays by the arguments' names in a dict"
        )
    try:
        if has_rows:
            return [derivatives(result[place], point, of) for place in range(outputs)]
    except DataError:
        if not isinstance(result, tuple):
            raise
    if isinstance(result, Mapping | tuple):
        return [derivatives(sliced(result, place), point, of) for place in range(outputs)]
    rows = len(result) if is_sequence(result) else 1
    raise DataError(f"the {of} gave {counted(rows, 'row')}, and f has {counted(outputs, 'output')}")


# ---- f's arguments ----------------------------------------------------------------------------------------------


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
            f"f can't be called with the point {shortened(repr(template), 200)}: {error}. A point is a tuple of "
            "arguments, such as (0.5, 2.0), or a dict of them by name; a list is many points"
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


def _source(thing: Any) -> str:
    """A structure as Python source; TypeError if there is something else in it."""
    if isinstance(thing, Interval):
        spacing = "" if thing.spacing == "uniform" else f", {thing.spacing!r}"
        return f"Interval({thing.low!r}, {thing.high!r}{spacing})"
    if isinstance(thing, float):
        return f"float.fromhex({thing.hex()!r})"
    if isinstance(thing, dict):
        return "{" + ", ".join([f"{key!r}: {_source(part)}" for key, part in thing.items()]) + "}"
    if isinstance(thing, list | tuple):
        inside = ", ".join([_source(part) for part in thing])
        if isinstance(thing, list):
            return f"[{inside}]"
        return f"({inside},)" if len(thing) == 1 else f"({inside})"
    if getattr(thing, "ndim", None) == 2 and hasattr(thing, "columns"):
        columns = {column: thing[column].tolist() for column in thing.columns}
        return f"pandas.DataFrame({_source(columns)}, index={thing.index.tolist()!r})"
    if hasattr(thing, "ndim") and hasattr(thing, "index"):
        return f"pandas.Series({_source(thing.tolist())}, index={thing.index.tolist()!r})"
    if hasattr(thing, "ndim"):
        return f"numpy.array({_source(thing.tolist())})"
    if thing is None or isinstance(thing, str | bytes | bool | int):
        return repr(thing)
    raise TypeError(f"{type(thing).__name__} can't be written")
