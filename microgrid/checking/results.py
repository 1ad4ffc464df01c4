"""What f returns: a number, perhaps in an array of one element; a number and its gradient; or several numbers.

A function that returns several numbers is checked output by output, each with its row of the Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from microgrid.checking.structures import is_sequence, the_one

__all__ = ["Output", "Shape", "outputs_of", "shape_of"]

Shape = Literal["number", "pair", "several"]


@dataclass(frozen=True, slots=True)
class Output:
    """One number of what f returns: how its name in the report ends, such as "[2]", and what finds it."""

    suffix: str
    of: Callable[[Any], Any]


def shape_of(result: Any, given: int | None, coordinates: int) -> tuple[Shape, int]:
    """What f returned, and how many numbers that is.

    A tuple of a number and anything else is a "pair", unless a closed form with ``given`` numbers has a row for both.
    """
    if not is_sequence(result) or _is_single(result):
        return "number", 1
    if isinstance(result, tuple) and len(result) == 2 and _is_single(result[0]):
        has_two_rows = _is_single(result[1]) and given == 2 * coordinates
        return ("several", 2) if has_two_rows else ("pair", 1)
    return "several", len(_flat(result))


def _is_single(thing: Any) -> bool:
    thing = the_one(thing)
    return not is_sequence(thing) and not isinstance(thing, dict)


def outputs_of(shape: Shape, count: int) -> list[Output]:
    """The numbers of such a result that are differentiated."""
    if shape == "number":
        return [Output("", lambda result: result)]
    if shape == "pair":
        return [Output("", lambda result: result[0])]
    return [Output(f"[{place}]", partial(_at, place)) for place in range(count)]


def _at(place: int, result: Any) -> Any:
    return _flat(result)[place]


def _flat(result: Any) -> list[Any]:
    """The numbers of nested sequences in a row."""
    if hasattr(result, "ravel"):
        return list(result.ravel())
    if hasattr(result, "to_numpy"):
        return list(result.to_numpy().ravel())
    return [one for part in result for one in (_flat(part) if is_sequence(part) else [part])]
