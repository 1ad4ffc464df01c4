"""Compute what a function's help says: its formula and derivatives as text, and an example with numbers.

``help`` makes docstrings of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from microgrid.core.arithmetic import FLOAT
from microgrid.core.plain_text import call, derivatives, formula
from microgrid.core.rule import Rule

__all__ = ["equations", "example"]

_DIGITS = 6  # to which an example rounds what is not short
_POINTS = {"x": (2.0, 0.5, 0.25), "y": (1.5, 0.5, -1.0), "z": (-1.0, 0.5)}
_LISTS = {"xs": (1.0, 2.0), "ys": (0.5, -1.0)}


def equations(rule: Rule) -> str:
    """The formula of a rule's function, unless it is an elementary one, and its derivatives.

    Parameters
    ----------
    rule : Rule
        A rule of the table.

    Returns
    -------
    str
        A line for each.
    """
    definition, slopes = formula(rule), derivatives(rule)
    lines = [f"{call(rule)} = {definition}"] if definition != call(rule) else []
    for letters, slope in zip(rule.letters, slopes, strict=True):
        letter = letters[0] if rule.arity is None else letters
        of_each = f"    for each {letter} in {letters}" if rule.arity is None else ""
        lines.append(f"d/d{letter} {call(rule)} = {slope}{of_each}")
    return "\n".join(lines)


def example(rule: Rule) -> str:
    """A rule's function at a point of its region, and its derivatives by ``backward``.

    Parameters
    ----------
    rule : Rule
        A rule of the table.

    Returns
    -------
    str
        A doctest.
    """
    lines = ["import microgrid", "from microgrid import Value"]
    if rule.arity is None:
        point = tuple([number for letters in rule.letters for number in _LISTS[letters]])
        lists = [f"[{', '.join([f'Value({number})' for number in _LISTS[letters]])}]" for letters in rule.letters]
        lines.append(f"{', '.join(rule.letters)} = {', '.join(lists)}")
    else:
        point = min(_points(rule), key=lambda point: _is_long(rule, point))
        lines.append(f"{', '.join(rule.letters)} = {', '.join([f'Value({number})' for number in point])}")
    lines += [f"out = microgrid.{rule.name}({', '.join(rule.letters)})", "out.backward()"]
    value, slopes = _numbers(rule, point)
    long = _is_long(rule, point)
    slopes_of = [_slopes_of(rule, letters, long) for letters in rule.letters]
    lines.append(f"{_rounded('out.data', long)}, {', '.join(slopes_of)}")
    shown = [_shown(value, long), *_by_letters(rule, [_shown(slope, long) for slope in slopes])]
    return "\n".join([f">>> {line}" for line in lines]) + f"\n({', '.join(shown)})\n"


def _points(rule: Rule) -> Iterator[tuple[float, ...]]:
    """Points of the rule's region, the one that tells most first."""
    choices = []
    for letter, region in zip(rule.letters, rule.regions, strict=True):
        inside = [number for number in _POINTS[letter] if region.low < number < region.high]
        choices.append(inside or [(region.low + region.high) / 2.0])
    yield from product(*choices)


def _numbers(rule: Rule, point: tuple[float, ...]) -> tuple[float, list[float]]:
    value, partials = FLOAT.bind(rule)
    out = value(*point)
    return out, list(partials(out, *point))


def _is_long(rule: Rule, point: tuple[float, ...]) -> bool:
    """Whether a number at this point has more digits than one wants to read."""
    value, slopes = _numbers(rule, point)
    return any([round(number, _DIGITS) != number for number in (value, *slopes)])


def _shown(number: float, long: bool) -> str:
    return repr(round(number, _DIGITS) if long else number)


def _rounded(text: str, long: bool) -> str:
    return f"round({text}, {_DIGITS})" if long else text


def _slopes_of(rule: Rule, letters: str, long: bool) -> str:
    letter = letters[0] if rule.arity is None else letters
    gradient = _rounded(f"{letter}.grad", long)
    return f"[{gradient} for {letter} in {letters}]" if rule.arity is None else gradient


def _by_letters(rule: Rule, slopes: list[str]) -> list[str]:
    """The derivatives as the example shows them: one for each operand, or a list for each list."""
    if rule.arity is not None:
        return slopes
    length = len(slopes) // len(rule.letters)
    return [f"[{', '.join(slopes[start : start + length])}]" for start in range(0, len(slopes), length)]
