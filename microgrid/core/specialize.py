"""The fast pure-Python engine: one generated function per rule records the same nodes as ``python_engine``.

Nothing else is decided here: what a node is, and what a sweep does, is told there.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import partial
from typing import Any

from microgrid.core.arithmetic import FLOAT, PLAIN
from microgrid.core.operands import as_operand
from microgrid.core.python_engine import Value, as_method, columns, constant, make, record
from microgrid.core.rule import Rule
from microgrid.core.rules import EVERY_RULE, RULES
from microgrid.core.source import PYTHON, Source
from microgrid.core.strictness import check_adjoints, check_finite, open_blocks
from microgrid.core.value import ValueBase

__all__ = ["NAME", "Value", "backward", "columns", "function", "make", "recorder", "start", "zero_grad"]

NAME = "python"

# ---- recording ------------------------------------------------------------------------------------------------


def _carefully(rule: Rule, *operands: float) -> tuple[float, ...]:
    """The value and the partials by IEEE 754, where Python's own floats raised."""
    value, partials = FLOAT.bind(rule)
    out = value(*operands)
    return (out, *partials(out, *operands))


_UNARY = """\
def {name}(x):
    x0 = x._data
"""

# A plain number as an operand is kept as it is.
_BINARY = """\
def {name}(x, y):
    x0 = x._data
    if type(y) is Value:
        y0 = y._data
    elif type(y) is float:
        {float}
    else:
        y = as_operand(y)
        if y is NotImplemented:
            return y
        if type(y) is float:
            {float}
        else:
            y0 = y._data
"""

_REFLECTED = """\
def {name}(y, x):
    if type(x) is float:
        x0 = x
    else:
        x = as_operand(x)
        if x is NotImplemented:
            return x
        x0 = x if type(x) is float else x._data
    y0 = y._data
"""

_RECORD = """\
    try:
{arithmetic}
    except (ArithmeticError, ValueError):
        out, {partials} = carefully(rule, {operands})
    node = new(Value)
    node._data = out
    node._first = x
    node._first_partial = x_partial
    node._second = {second}
    node._second_partial = {second_partial}
    node._grad = 0.0
    node._name = None
    node._rule = rule
    if open_blocks:
        check_finite(node)
    return node
"""

_FORMS = {_UNARY: "", _BINARY: "", _REFLECTED: ", reflected"}


def _arithmetic(rule: Rule, letters: str) -> str:
    """The rule's value and partials as statements."""
    source = Source(PYTHON)
    operands = [source.term(f"{letter}0") for letter in letters]
    value, partials = rule.make(source)
    out = value(*operands)
    slopes = partials(out, *operands)
    lines = [*source.lines_for([out, *slopes]), f"out = {source.write(out)}"]
    lines += [f"{letter}_partial = {source.write(slope)}" for letter, slope in zip(letters, slopes, strict=True)]
    return "\n".join([f"        {line}" for line in lines])


def _specialized(rule: Rule, head: str, **more: Any) -> Callable[..., Any]:
    """A function of one or two operands, made of the rule's own text and the frame around it."""
    letters = "xy"[: rule.arity]
    both = len(letters) == 2
    text = (head + _RECORD).format(
        name=rule.name,
        float="return constant_form(x, y)" if rule.constant_form else "y0 = y",
        arithmetic=_arithmetic(rule, letters),
        partials=", ".join([f"{letter}_partial" for letter in letters]),
        operands=", ".join([f"{letter}0" for letter in letters]),
        second="y" if both else "None",
        second_partial="y_partial" if both else "0.0",
    )
    names: dict[str, Any] = {f"m_{name}": getattr(PLAIN, name) for name in PYTHON.calls}
    names |= {"inf": PLAIN.inf, "nan": -PLAIN.inf + PLAIN.inf, "Value": Value, "new": Value.__new__, "rule": rule}
    names |= {"as_operand": as_operand, "carefully": _carefully, "check_finite": check_finite}
    names |= {"open_blocks": open_blocks, "__name__": __name__, **more}
    # The text is the table's own, nobody's input. A file name of its own, under which linecache has the lines, lets
    # tracebacks, debuggers and inspect.getsource show it.
    file = f"<the rule {rule.name}{_FORMS[head]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), names)
    return as_method(names[rule.name], rule)


def recorder(rule: Rule) -> Callable[..., Value]:
    """A function from operands, all Values, to the node of a rule of the table."""
    if rule.arity == 1:
        return _specialized(rule, _UNARY)
    if rule.arity == 2:
        return _specialized(rule, _BINARY, constant_form=_CONSTANT_FORMS.get(rule.constant_form or ""))
    return partial(record, rule)


def function(rule: Rule, general: Callable[..., Any]) -> Callable[..., Any]:
    """The rule's function of the package: straight to recording for Values, the general one for anything else."""
    record = RECORDERS[rule.name]

    def unary(x: Any) -> Any:
        return record(x) if type(x) is Value else general(x)

    def binary(x: Any, y: Any) -> Any:
        return record(x, y) if type(x) is Value and (type(y) is Value or type(y) is float) else general(x, y)

    def lists(*operands: Any) -> Any:
        if len(operands) == len(rule.regions) and {list, tuple}.issuperset(map(type, operands)):
            flat = [value for group in operands for value in group]
            kinds = set(map(type, flat))
            if Value in kinds and kinds <= {Value, float} and len(flat) == len(operands) * len(operands[0]):
                same = all([len(group) == len(operands[0]) for group in operands])
                if same and float in kinds:
                    flat = [value if type(value) is Value else constant(value) for value in flat]
                if same:
                    return record(*flat)
        return general(*operands)

    makers: dict[int | None, Callable[..., Any]] = {1: unary, 2: binary, None: lists}
    made = makers.get(rule.arity, general)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(made, attribute, getattr(general, attribute))
    return made


# ---- sweeps ---------------------------------------------------------------------------------------------------


class _Visited(float):
    """The 0.0 that one sweep leaves as the gradient of each node that it meets, and knows again by its identity.

    It stays where nothing is added to it: at nodes that are reached through branches that weren't taken alone.
    """

    __slots__ = ()


def _interior(root: Value) -> tuple[list[Any], _Visited]:
    """The nodes below the root that have operands, parents before children, and the 0.0 that is their gradient now.

    The order of ``graph.topological_order`` without its leaves. A node followed by None waits for its parents. The
    gradients of constants become 0 too: like those of interior nodes, they are of one sweep.
    """
    visited = _Visited()
    order: list[Any] = []
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            order.append(stack.pop())
            continue
        while node._grad is not visited:
            node._grad = visited
            first, second = node._first, node._second
            if type(first) is tuple:
                stack += (node, None)
                for parent in reversed(first):
                    if parent._rule is not None:
                        stack.append(parent)
                    elif parent._first_partial is None:
                        parent._grad = 0.0
                break
            if type(first) is float:
                first = None
            elif first._rule is None:
                if first._first_partial is None:
                    first._grad = 0.0
                first = None
            if second is not None and (type(second) is float or second._rule is None):
                if type(second) is not float and second._first_partial is None:
                    second._grad = 0.0
                second = None
            if first is None and second is None:
                order.append(node)
                break
            stack += (node, None)
            if first is None:
                node = second
            else:
                if second is not None:
                    stack.append(second)
                node = first
    return order, visited


def backward(self: Value) -> None:
    """``Value.backward``: ``python_engine`` has the same in plain words, and ``ValueBase`` its docstring."""
    if open_blocks:
        check_adjoints(self)
    if self._rule is None:
        self._grad += 1.0
        return
    order, visited = _interior(self)
    self._grad = 1.0
    for node in reversed(order):
        adjoint = node._grad
        if adjoint is visited:
            continue
        first, second = node._first, node._second
        partial = node._first_partial
        if type(first) is tuple:
            for parent, slope in zip(first, partial, strict=True):
                if slope or not node._rule.choice:
                    parent._grad += slope * adjoint
            continue
        if type(first) is not float and (partial or not node._rule.choice):
            first._grad += partial * adjoint
        if second is None or type(second) is float:
            continue
        partial = node._second_partial
        if partial or not node._rule.choice:
            second._grad += partial * adjoint


def _constant(self: Any, number: float, partial: float) -> Value:
    """A plain number among the operands as a leaf, with the gradient that the last sweep would have given it."""
    leaf = constant(number)
    if type(self._grad) is float and (partial or not self.op.choice):
        leaf._grad += partial * self._grad
    return leaf


def zero_grad(self: Value) -> None:
    """``Value.zero_grad``, likewise."""
    self._grad = 0.0
    for node in _interior(self)[0] if self._rule is not None else []:
        for parent in node._first if type(node._first) is tuple else (node._first, node._second):
            if isinstance(parent, Value):
                parent._grad = 0.0


# ---- in the places of the plain methods -----------------------------------------------------------------------

_CONSTANT_FORMS: dict[str, Callable[..., Value]] = {
    rule.constant_form: _specialized(RULES[rule.constant_form], _BINARY)
    for rule in RULES.values()
    if rule.constant_form
}
RECORDERS: dict[str, Callable[..., Value]] = {name: recorder(rule) for name, rule in EVERY_RULE.items()}


def start() -> None:
    """Be the engine in use: give Value this module's methods of rules of one operand, operators and sweeps."""
    for name, rule in RULES.items():
        if rule.arity == 1:
            for method in (name, *rule.aliases):
                setattr(Value, method, RECORDERS[name])
        if rule.operator not in (None, "lt", "le"):
            setattr(Value, f"__{rule.operator}__", RECORDERS[name])
            if rule.arity == 2:
                setattr(Value, f"__r{rule.operator}__", _specialized(rule, _REFLECTED))
    Value._constant = _constant  # type: ignore[method-assign]  # as the sweeps below
    for sweep in (backward, zero_grad):
        sweep.__doc__ = getattr(ValueBase, sweep.__name__).__doc__
        setattr(Value, sweep.__name__, sweep)
