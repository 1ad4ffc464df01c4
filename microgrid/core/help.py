"""What ``help`` says about the functions of the package and the methods of ``Value``, all of it from the rule table.

What has to be worked out for that, the formula, the derivatives and a point with its numbers, would slow down the
import. So it is written ahead into ``help_texts``, by ``python -m microgrid.core.stubs``; a test holds it to the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from microgrid.core.help_texts import TEXTS, Facts
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

__all__ = ["describe", "describe_method", "document", "summary"]

_RETURNS = "A node if an operand is a Value or a comparison; otherwise a float."


def summary(rule: Rule) -> str:
    """What the function of a rule of the table is, in a sentence."""
    return rule.summary or f"The operation {rule.name}."


def describe(rule: Rule) -> str:
    """The docstring of the function of a rule, in NumPy's style."""
    is_known = rule.name in TEXTS and RULES[rule.name] is rule
    facts = TEXTS[rule.name] if is_known else _worked_out(rule)
    sections = (_parameters(rule), _returns(rule), _raises(rule), _notes(rule, facts), _examples(rule, facts))
    return "\n\n".join([summary(rule), *sections])


def _worked_out(rule: Rule) -> Facts:
    from microgrid.core import worked

    return worked.facts(rule)


def describe_method(rule: Rule) -> str:
    """The docstring of a method of ``Value``: how it is called, and the notes of the rule's function."""
    first, *others = rule.letters
    calls = " or ".join([f"``{first}.{name}({', '.join(others)})``" for name in (rule.name, *rule.aliases)])
    called = f"{calls} is ``microgrid.{rule.call}``."
    _, heading, rest = describe(rule).partition("Notes\n-----\n")
    notes, _, _ = rest.partition("\n\nExamples\n")
    return f"{summary(rule)}\n\n{called}\n\n{heading}{notes}\n"


def document(value: type, functions: dict[str, Callable[..., Any]]) -> None:
    """Give the functions, and the methods of ``Value``, that were made of rules their names, docstrings and signatures.

    Builtins got theirs when they were made.
    """
    for name, function in functions.items():
        rule = RULES[name]
        _set_help(function, name, describe(rule), rule.letters)
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


def _notes(rule: Rule, facts: Facts) -> str:
    definition, slopes, *_ = facts
    equations = [f"{rule.call} = {definition}"] if definition != rule.call else []  # an elementary function has none
    words = "Formula and derivative" if equations else "Derivative"
    for letters, slope in zip(rule.letters, slopes, strict=True):
        of_each = f"    for each {letters[0]} in {letters}" if rule.arity is None else ""
        equations.append(f"d/d{_element(rule, letters)} {rule.call} = {slope}{of_each}")
    indented = "\n".join([f"    {equation}" for equation in equations])
    domain = f"Domain: {rule.domain}." if rule.domain else "Defined for all real numbers."
    kinks = "\n".join([f"At {kink.where}: {kink.convention}." for kink in rule.kinks])
    paragraphs = [f"Notes\n-----\n{words}{'s' * (len(rule.letters) > 1)}::", indented, domain, kinks]
    return "\n\n".join([paragraph for paragraph in paragraphs if paragraph])


def _element(rule: Rule, letters: str) -> str:
    """What an operand is called, or each element of a list of operands."""
    return letters[0] if rule.arity is None else letters


def _examples(rule: Rule, facts: Facts) -> str:
    """A doctest of the function at a point of its region, and of its derivatives by ``backward``."""
    _, _, point, numbers, digits = facts
    shown = ["out.data", *[f"{_element(rule, letters)}.grad" for letters in rule.letters]]
    if digits is not None:
        shown = [f"round({text}, {digits})" for text in shown]
    if rule.arity is None:
        lists = zip(shown[1:], rule.letters, strict=True)
        shown[1:] = [f"[{text} for {letters[0]} in {letters}]" for text, letters in lists]
    lines = [
        "import microgrid",
        "from microgrid import Value",
        f"{', '.join(rule.letters)} = {', '.join(map(_as_values, point))}",
        f"out = microgrid.{rule.call}",
        "out.backward()",
        ", ".join(shown),
    ]
    return "\n".join(["Examples\n--------", *[f">>> {line}" for line in lines], f"{numbers}\n"])


def _as_values(operand: float | list[float]) -> str:
    return f"[{', '.join(map(_as_values, operand))}]" if isinstance(operand, list) else f"Value({operand})"
