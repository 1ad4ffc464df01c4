"""What ``help`` says about the functions of the package and the methods of ``Value``, all of it from the rule table.

Writing the texts takes longer than importing the rest of the package, so the table's are written ahead, into
``help_texts``, by ``python -m microgrid.core.stubs``; a test holds them to the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from types import FunctionType
from typing import Any

from microgrid.core.arithmetic import FLOAT
from microgrid.core.help_texts import HELP
from microgrid.core.rules import RULES, Rule

__all__ = ["describe", "describe_method", "document", "help_of", "summary"]

_RETURNS = "A node if an operand is a Value or a comparison; otherwise a float."
_DIGITS = 6  # to which an example rounds what is not short


def summary(rule: Rule) -> str:
    """What the function of a rule of the table is, in a sentence."""
    return rule.summary or f"The operation {rule.name}."


def help_of(rule: Rule) -> str:
    """The docstring of the function of a rule of the table: as it was written ahead, or written now."""
    return HELP.get(rule.name) or describe(rule)


def describe(rule: Rule) -> str:
    """Write the docstring of the function of a rule of the table.

    Parameters
    ----------
    rule : Rule
        The rule.

    Returns
    -------
    str
        In NumPy's style.
    """
    sections = (_parameters(rule), _returns(rule), _raises(rule), _notes(rule), _example(rule))
    return "\n\n".join([summary(rule), *sections]) + "\n"


def describe_method(rule: Rule) -> str:
    """Write the docstring of a method of ``Value``.

    Parameters
    ----------
    rule : Rule
        A rule of the table.

    Returns
    -------
    str
        The summary, how the method is called, and the notes of the rule's function.
    """
    first, *others = rule.letters
    calls = " or ".join([f"``{first}.{name}({', '.join(others)})``" for name in (rule.name, *rule.aliases)])
    called = f"{calls} is ``microgrid.{rule.name}({', '.join(rule.letters)})``."
    _, heading, rest = help_of(rule).partition("Notes\n-----\n")
    notes, _, _ = rest.partition("\n\nExamples\n")
    return f"{summary(rule)}\n\n{called}\n\n{heading}{notes}\n"


def document(value: type, functions: dict[str, Callable[..., Any]]) -> None:
    """Give the functions and the methods that were made of rules their names, docstrings and signatures.

    Parameters
    ----------
    value : type
        ``Value``, complete.
    functions : dict
        The functions of the package by name. Builtins, as their methods, got theirs when they were made.
    """
    for name, function in functions.items():
        rule = RULES[name]
        _set_help(function, name, help_of(rule), rule.letters)
        for method in (*rule.aliases, name) if rule.arity else ():
            operands = ("self", *rule.letters[1:])
            _set_help(getattr(value, method), f"Value.{method}", describe_method(rule), operands)


def _set_help(function: Any, name: str, doc: str, operands: tuple[str, ...]) -> None:
    if isinstance(function, FunctionType):
        function.__qualname__, function.__name__ = name, name.rpartition(".")[2]
        function.__module__, function.__doc__ = "microgrid", doc
        function.__signature__ = _signature(operands)  # type: ignore[attr-defined]  # inspect reads it


@cache
def _signature(operands: tuple[str, ...]) -> inspect.Signature:
    return inspect.Signature([inspect.Parameter(operand, inspect.Parameter.POSITIONAL_ONLY) for operand in operands])


# ---- the sections ---------------------------------------------------------------------------------------------


def _parameters(rule: Rule) -> str:
    letters = rule.letters
    many = len(letters) > 1
    if rule.arity is None:
        kind, text = "iterable of Value or float", f"The operands{', as many in each' if many else ''}."
    else:
        kind, text = "Value, float or array", f"The operand{'s' if many else ''}."
    return f"Parameters\n----------\n{', '.join(letters)} : {kind}\n    {text}"


def _returns(rule: Rule) -> str:
    if rule.arity is None:
        return f"Returns\n-------\nValue or float\n    {_RETURNS}"
    together = ", broadcast together" if len(rule.letters) > 1 else ""
    return f"Returns\n-------\nValue, float or array\n    {_RETURNS} Of arrays, an array{together}."


def _raises(rule: Rule) -> str:
    lengths = ", or if the lists differ in length" if rule.arity is None and len(rule.letters) > 1 else ""
    return f"Raises\n------\nInvalidValueError\n    If an operand is neither a Value nor a real number{lengths}."


def _notes(rule: Rule) -> str:
    from microgrid.core.plain_text import call, derivatives, formula  # needed only where no text was written ahead

    definition, slopes = formula(rule), derivatives(rule)
    equations = [f"{call(rule)} = {definition}"] if definition != call(rule) else []
    for letters, slope in zip(rule.letters, slopes, strict=True):
        each = f"d/d{letters[0]}" if rule.arity is None else f"d/d{letters}"
        of_each = f"    for each {letters[0]} in {letters}" if rule.arity is None else ""
        equations.append(f"{each} {call(rule)} = {slope}{of_each}")
    words = "Formula and derivative" if len(equations) > len(slopes) else "Derivative"
    lines = [f"{words}{'s' * (len(slopes) > 1)}::", "", *[f"    {equation}" for equation in equations], ""]
    lines.append(f"Domain: {rule.domain}." if rule.domain else "Defined for all real numbers.")
    notes = "\n".join(lines)
    if rule.kinks:
        notes += "\n\n" + "\n".join([f"At {kink.where}: {kink.convention}." for kink in rule.kinks])
    return f"Notes\n-----\n{notes}"


# ---- the example ----------------------------------------------------------------------------------------------

_POINTS = {"x": (2.0, 0.5, 0.25), "y": (1.5, 0.5, -1.0), "z": (-1.0, 0.5)}
_LISTS = {"xs": (1.0, 2.0), "ys": (0.5, -1.0)}


def _example(rule: Rule) -> str:
    """The function at a point of its region, and its derivatives by ``backward``, as a doctest."""
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
    return "Examples\n--------\n" + "\n".join([f">>> {line}" for line in lines]) + f"\n({', '.join(shown)})"


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
