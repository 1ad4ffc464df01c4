"""What ``help`` says about the functions of the package and the methods of ``Value``, all of it from the rule table.

What has to be worked out for that, the formula, the derivatives and the example, would slow down the import. So it is
written ahead into ``help_texts``, by ``python -m microgrid.core.stubs``; a test holds it to the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from microgrid.core.help_texts import TEXTS
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

__all__ = ["describe", "describe_method", "document", "summary"]

_RETURNS = "A node if an operand is a Value or a comparison; otherwise a float."


def summary(rule: Rule) -> str:
    """What the function of a rule of the table is, in a sentence."""
    return rule.summary or f"The operation {rule.name}."


def describe(rule: Rule) -> str:
    """The docstring of the function of a rule of the table.

    Parameters
    ----------
    rule : Rule
        The rule.

    Returns
    -------
    str
        In NumPy's style.
    """
    equations, example = _written_ahead(rule) or _written_now(rule)
    sections = (_parameters(rule), _returns(rule), _raises(rule), _notes(rule, equations))
    return "\n\n".join([summary(rule), *sections, f"Examples\n--------\n{example}"])


def _written_ahead(rule: Rule) -> tuple[str, str] | None:
    equations, _, example = TEXTS.get(rule.name, "").partition("\n\n")
    return (equations, example) if example else None


def _written_now(rule: Rule) -> tuple[str, str]:
    from microgrid.core import worked

    return worked.equations(rule), worked.example(rule)


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
    _, heading, rest = describe(rule).partition("Notes\n-----\n")
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


def _notes(rule: Rule, equations: str) -> str:
    has_formula = "d/d" not in equations.partition(" = ")[0]
    words = "Formula and derivative" if has_formula else "Derivative"
    indented = "\n".join([f"    {equation}" for equation in equations.splitlines()])
    domain = f"Domain: {rule.domain}." if rule.domain else "Defined for all real numbers."
    kinks = "\n".join([f"At {kink.where}: {kink.convention}." for kink in rule.kinks])
    paragraphs = [f"Notes\n-----\n{words}{'s' * (len(rule.letters) > 1)}::", indented, domain, kinks]
    return "\n\n".join([paragraph for paragraph in paragraphs if paragraph])
