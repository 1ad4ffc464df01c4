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
    """One number of what f returns.

    Parameters
    ----------
    suffix : str
        What its name in the report ends with: "[2]" for the third of several.
    of : callable
        From what f returned to this number.
    """

    suffix: str
    of: Callable[[Any], Any]


def shape_of(result: Any, *, has_closed_form: bool) -> tuple[Shape, int]:
    """What f returned, and how many numbers that is.

    Parameters
    ----------
    result : object
        What f returned.
    has_closed_form : bool
        Whether there is a closed form besides: then two numbers are two outputs.

    Returns
    -------
    tuple
        "pair" for a tuple of a number and a gradient; "several" for another sequence of numbers.
    """
    if not is_sequence(result) or _is_single(result):
        return "number", 1
    if isinstance(result, tuple) and len(result) == 2 and _is_single(result[0]):
        second_is_structure = not _is_single(result[1]) or isinstance(result[1], dict | list | tuple)
        if second_is_structure or not has_closed_form:
            return "pair", 1
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
