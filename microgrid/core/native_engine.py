"""The native engine as the package sees it; the engine itself is ``engine.c``, compiled to ``_engine``.

Importing this module fails with ImportError where the engine was not built, was built from other sources, or in a
subinterpreter.
"""

from __future__ import annotations

import functools
import itertools
import math
from array import array
from collections.abc import Callable
from typing import Any, cast
from weakref import WeakKeyDictionary

from microgrid.core import _engine
from microgrid.core.arithmetic import FLOAT
from microgrid.core.c_rules import built_from
from microgrid.core.help import describe_method
from microgrid.core.operands import as_float, as_operand
from microgrid.core.rule import Rule
from microgrid.core.rules import EVERY_RULE, RULES
from microgrid.core.strictness import check_adjoints, check_finite, open_blocks
from microgrid.core.value import ValueBase, check_name

__all__ = ["NAME", "Value", "check", "columns", "function", "make", "recorder", "start"]

if _engine.built_from != built_from():
    raise ImportError("the native engine was built from other sources than these: install the package again")

_engine.check_interpreter()

NAME = "native"

Value: Any = _engine.Value
Value.__doc__ = ValueBase.__doc__  # a class's docstring is the one thing that it doesn't inherit

_rules: list[Rule | None] = [None, *EVERY_RULE.values()]
_OF_TABLE = len(_rules)
_places: dict[Rule | None, int] = {rule: place for place, rule in enumerate(_rules)}
_places_while_used: WeakKeyDictionary[Rule, int] = WeakKeyDictionary()
_END = "\n--\n\n"  # of the signature that a builtin's docstring begins with: inspect reads it, and help leaves it out
_MOST_RULES = 1 << 12  # a node keeps its rule's place in 12 bits
_SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 0.5, -3.0)


def _place(rule: Rule | None) -> int:
    """Where the rule stands in the engine's list; one that is not of the table has a place while it has nodes."""
    place = _places.get(rule)
    if place is not None or rule is None:
        return place or 0
    place = _places_while_used.get(rule)
    if place is None or _rules[place] is not rule:
        place = next((free for free in range(_OF_TABLE, len(_rules)) if _rules[free] is None), len(_rules))
        if place == _MOST_RULES:
            raise MemoryError(
                f"there are nodes of {_MOST_RULES:,} operations: make one before a loop, not in it, and give it what "
                "varies as an operand"
            )
        _rules[place : place + 1] = [rule]
        _places_while_used[rule] = place
    return place


def recorder(rule: Rule) -> Callable[..., Any]:
    """A function from operands, all Values, to the node of a rule of the table."""
    return functools.partial(_engine.record, _place(rule))


def make(
    rule: Rule | None,
    data: float,
    grad: float,
    name: str | None,
    parents: tuple[Any, ...],
    partials: tuple[float, ...],
    is_constant: bool,
) -> Any:
    """A node from its parts."""
    return _engine.make(_place(rule), data, grad, name, parents, partials, is_constant)


def function(rule: Rule, general: Callable[..., Any]) -> Callable[..., Any]:
    """The rule's function of the package: natively for Values, the general one for anything else."""
    for method in (rule.name, *rule.aliases) if rule.arity == 1 and rule.name in RULES else ():
        _engine.set_method_doc(method, f"{method}($self, /){_END}{describe_method(rule)}")
    made: Callable[..., Any] = _engine.function(
        _place(rule), general, f"{rule.name}({', '.join(rule.letters)}, /){_END}{general.__doc__}"
    )
    return made


def columns(outputs: list[Any], inputs: list[Any], share: bool) -> tuple[Any, ...] | None:
    """The graph of the outputs as the columns of a ``Program``; None where an operation has to be run in Python."""
    found = _engine.flatten(outputs, inputs, share)
    if found is None:  # a user's own operation on constants has to be evaluated
        return None
    constants, places, ops, starts, operands, slots = found
    rules = cast("tuple[Rule, ...]", tuple([_rules[place] for place in places]))  # no node that is kept is a leaf
    integers = [array("i", column) for column in (starts, operands, slots)]
    return array("d", constants), rules, array("H", ops), *integers


def start() -> None:
    """Be the engine in use: tell C what Python does for it, and document the sweeps."""
    for sweep in (ValueBase.backward, ValueBase.zero_grad):
        _engine.set_method_doc(sweep.__name__, f"{sweep.__name__}($self, /){_END}{sweep.__doc__}")

    _engine.configure(
        {
            "as_float": as_float,
            "check_adjoints": check_adjoints,
            "check_finite": check_finite,
            "check_name": check_name,
            "operand": as_operand,
        },
        open_blocks,
        _rules,
    )


def check() -> None:
    """Raise ArithmeticError unless every rule calculates here as in Python: compilers have faults, and nan finds them.

    Asked when the engine is built.
    """
    for rule in EVERY_RULE.values():
        value, partials = FLOAT.bind(rule)
        for operands in itertools.product(_SPECIAL, repeat=rule.arity or 2 * len(rule.regions)):
            out = value(*operands)
            expected = [out, *partials(out, *operands)]
            node = recorder(rule)(*[Value(number) for number in operands])
            found = [node.data, *node.partials]
            if repr(found) != repr(expected):  # which tells the zeros apart, and no nan from another
                raise ArithmeticError(
                    f"{rule.name}{operands} and its partials are {found} in C, and {expected} in Python"
                )
