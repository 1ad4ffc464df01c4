"""Works a function's help out of its rule: the formula and the derivatives in plain text, and a point with the numbers.

How docstrings are made of that is in ``help``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from microgrid.core.arithmetic import FLOAT
from microgrid.core.help_texts import Facts
from microgrid.core.plain_text import derivatives, formula
from microgrid.core.rule import Rule

__all__ = ["facts"]

_DIGITS = 6  # to which an example rounds what is not short
_POINTS = {"x": (2.0, 0.5, 0.25), "y": (1.5, 0.5, -1.0), "z": (-1.0, 0.5)}
_LISTS = {"xs": [1.0, 2.0], "ys": [0.5, -1.0]}


def facts(rule: Rule) -> Facts:
    """The formula and the derivatives of a rule's function, a point of its region, and the numbers there.

    The numbers are the value and the derivative by each operand, or by the elements of each list; if one has more
    digits than one wants to read, all are rounded.
    """
    if rule.arity is None:
        point: tuple[Any, ...] = tuple([_LISTS[letters] for letters in rule.letters])
    else:
        point = min(_points(rule), key=lambda point: _is_long(_numbers(rule, point)))
    numbers = _numbers(rule, _flat(point))
    is_long = _is_long(numbers)
    value, *slopes = [round(number, _DIGITS) for number in numbers] if is_long else numbers
    shown: list[Any] = slopes
    if rule.arity is None:
        length = len(slopes) // len(rule.letters)
        shown = [slopes[start : start + length] for start in range(0, len(slopes), length)]
    return formula(rule), tuple(derivatives(rule)), point, (value, *shown), _DIGITS if is_long else None


def _points(rule: Rule) -> Iterator[tuple[float, ...]]:
    """Points of the rule's region, the one that tells most first."""
    choices = []
    for letter, region in zip(rule.letters, rule.regions, strict=True):
        inside = [number for number in _POINTS[letter] if region.low < number < region.high]
        choices.append(inside or [(region.low + region.high) / 2.0])
    yield from product(*choices)


def _flat(point: tuple[Any, ...]) -> list[float]:
    return [number for part in point for number in (part if isinstance(part, list) else [part])]


def _numbers(rule: Rule, operands: Iterable[float]) -> list[float]:
    value, partials = FLOAT.bind(rule)
    out = value(*operands)
    return [out, *partials(out, *operands)]


def _is_long(numbers: list[float]) -> bool:
    return any([round(number, _DIGITS) != number for number in numbers])
