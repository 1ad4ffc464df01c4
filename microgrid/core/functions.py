"""The functions of the package, one for each rule: of Values, of plain numbers, and of arrays of either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import Value, as_value, engine, recorder
from microgrid.core.help import describe, document
from microgrid.core.operands import Deferred, as_float, is_number
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES
from microgrid.core.value import ValueBase
from microgrid.errors import InvalidValueError

__all__ = ["FUNCTIONS", "elementwise"]


def _apply(rule: Rule, operands: tuple[Any, ...]) -> Any:
    """A node if an operand is one; otherwise a plain float."""
    if any([isinstance(operand, Value | Deferred) for operand in operands]):
        if rule.constant_form and not isinstance(operands[-1], Value | Deferred):
            rule = RULES[rule.constant_form]
        return recorder(rule)(*[as_value(operand) for operand in operands])
    return FLOAT.bind(rule)[0](*[as_float(operand) for operand in operands])


def elementwise(rule: Rule) -> Callable[..., Any]:
    """The function that applies a rule to its operands, and to arrays of them element by element.

    A rule on a list takes the list's elements, one after the other.
    """

    def function(*operands: Any) -> Any:
        if rule.arity not in (None, len(operands)):
            raise TypeError(f"{rule.name} takes {rule.arity} operands, not {len(operands)}")
        if any([hasattr(operand, "ndim") and not is_number(operand) for operand in operands]):
            import numpy

            return numpy.frompyfunc(elementwise(rule), len(operands), 1)(*operands)  # not itself: that is a cycle
        return _apply(rule, operands)

    return function


def _list_function(rule: Rule) -> Callable[..., Any]:
    def function(*lists: Iterable[Any]) -> Any:
        if len(lists) != len(rule.regions):
            raise TypeError(f"{rule.name} takes {len(rule.regions)} lists of operands, not {len(lists)}")
        for one in lists:
            if hasattr(one, "apply_to_whole"):  # an array that is not computed element by element
                return one.apply_to_whole(general, rule, lists)
        return general(*lists)

    def general(*lists: Iterable[Any]) -> Any:
        groups = [tuple(operands) for operands in lists]
        lengths = [len(group) for group in groups]
        if len(set(lengths)) > 1:
            raise InvalidValueError(f"{rule.name} needs lists of one length, not of {' and '.join(map(str, lengths))}")
        return _apply(rule, sum(groups, ()))

    return function


def _function(rule: Rule) -> Callable[..., Any]:
    general = _list_function(rule) if rule.arity is None else elementwise(rule)
    general.__name__ = general.__qualname__ = rule.name
    general.__module__, general.__doc__ = "microgrid", describe(rule)
    return engine.function(rule, general)


# A rule with a constant operand is no function of its own: with a Value there, its derivative would be silently 0.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: _function(rule) for name, rule in RULES.items() if not any([region.constant for region in rule.regions])
}
"""The functions of the package by name, one for each rule; the general rule's function records a constant form."""


def _bind_methods() -> None:
    """Give Value a method for each rule of two or three operands; the engine has those of one, and the operators."""
    for name, function in FUNCTIONS.items():
        rule = RULES[name]
        if rule.arity in (2, 3):
            for alias in (name, *rule.aliases):
                setattr(ValueBase, alias, _function_as_method(function))


def _function_as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Value, *operands: Any) -> Any:
        return function(self, *operands)

    return method


_bind_methods()
document(Value, FUNCTIONS)
