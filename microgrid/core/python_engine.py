"""The pure-Python engine, plain: how a node is stored and recorded, and the sweep of ``backward``.

No operation is written here: ``record`` runs any rule of the table on floats. This is the engine to read and to step
through, by ``MICROGRID_ENGINE=plain``. ``specialize`` makes the same nodes faster, and ``engine.c`` in C, with the same
results, bit for bit. The rest of a Value's interface is in ``value``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from microgrid._public import public
from microgrid.core.arithmetic import FLOAT, PLAIN
from microgrid.core.graph import topological_order
from microgrid.core.operands import as_float, as_operand
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES
from microgrid.core.strictness import check_adjoints, check_finite, open_blocks
from microgrid.core.value import ValueBase, check_name

__all__ = ["NAME", "Value", "as_method", "columns", "constant", "function", "make", "record", "recorder", "start"]

NAME = "plain"


@public()
class Value(ValueBase):
    __doc__ = ValueBase.__doc__  # a docstring is the one thing that a class doesn't inherit

    # Operands stand in two slots, because nearly every node has one or two and a tuple would double its size. A plain
    # number in an expression stays a float there until somebody looks at the parents. A node with more operands keeps
    # a tuple of them in the first slot, and one of partials beside it. A leaf has no operands, and its first partial
    # is None if it is a constant, which is to say that it was a plain number in an expression.
    __slots__ = ("_data", "_first", "_first_partial", "_grad", "_name", "_rule", "_second", "_second_partial")

    _data: float
    _first: Any
    _first_partial: Any
    _grad: float
    _name: str | None
    _second: Any
    _second_partial: Any
    _rule: Rule | None

    def __init__(self, data: Any, name: str | None = None, *, label: str | None = None) -> None:
        self._data = as_float(data)
        self._first = self._second = self._rule = None
        self._first_partial = self._second_partial = self._grad = 0.0
        self._name = check_name(label if name is None else name)
        if open_blocks:
            check_finite(self)

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'microgrid.Value' is not an acceptable base type")  # as natively

    @property
    def data(self) -> float:
        """The number itself, a float. Setting a leaf's changes nothing that was recorded."""
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        self._data = as_float(number)

    @property
    def grad(self) -> float:
        """The derivative of what backward was called on with respect to this node; a leaf's adds up."""
        return float(self._grad)  # the fast sweep of ``specialize`` leaves a mark, which is a kind of float

    @grad.setter
    def grad(self, number: Any) -> None:
        self._grad = as_float(number)

    @property
    def name(self) -> str | None:
        """The name in drawings and messages, or None."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = check_name(name)

    @property
    def op(self) -> Rule | None:
        """The rule that made this node; None for a leaf."""
        return self._rule

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, in order and with repeats; empty for a leaf."""
        first, second = self._first, self._second
        if type(first) is tuple:
            return first
        if type(first) is float:
            self._first = first = self._constant(first, self._first_partial)
        if type(second) is float:
            self._second = second = self._constant(second, self._second_partial)
        if second is not None:
            return (first, second)
        return () if first is None else (first,)

    def _constant(self, number: float, partial: float) -> Value:  # noqa: ARG002  # ``specialize`` uses it
        """The leaf for a plain number among the operands. No sweep has passed here: each looks at the parents first."""
        return constant(number)

    @property
    def partials(self) -> tuple[float, ...]:
        """The local derivatives, one for each parent, fixed when the node was recorded."""
        if self._second is not None:
            return (self._first_partial, self._second_partial)
        if self._first is None:
            return ()
        return self._first_partial if type(self._first) is tuple else (self._first_partial,)

    @property
    def is_constant(self) -> bool:
        """Whether this leaf was a plain number in an expression."""
        return self._rule is None and self._first_partial is None

    def backward(self) -> None:
        if open_blocks:
            check_adjoints(self)
        if self.op is None:
            self._grad += 1.0
            return
        order = topological_order(self)
        for node in order:
            if node.op is not None or node.is_constant:  # the gradients of other leaves add up from sweep to sweep
                node._grad = 0.0
        self._grad, reached = 1.0, {self}
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.partials, strict=True):
                if node in reached and (slope or not node.op.choice):  # what wasn't taken hands nothing on
                    parent._grad += slope * node._grad
                    reached.add(parent)

    def zero_grad(self) -> None:
        for node in topological_order(self):
            node._grad = 0.0

    def _twin(self, parents: tuple[ValueBase, ...]) -> Value:
        return make(self._rule, self._data, self.grad, self._name, parents, self.partials, self.is_constant)


# ---- making nodes ---------------------------------------------------------------------------------------------


def make(
    rule: Rule | None,
    data: float,
    grad: float,
    name: str | None,
    parents: tuple[Any, ...],
    partials: tuple[float, ...],
    is_constant: bool,
) -> Value:
    """A node from its parts; they are not checked. Of two parents, one may be a plain number."""
    node = Value.__new__(Value)
    node._data, node._grad, node._name, node._rule = data, grad, name, rule
    node._second, node._second_partial = None, 0.0
    arity = None if rule is None else rule.arity
    if rule is None:
        node._first, node._first_partial = None, None if is_constant else 0.0
    elif arity == 1:
        (node._first,), (node._first_partial,) = parents, partials
    elif arity == 2:
        (node._first, node._second), (node._first_partial, node._second_partial) = parents, partials
    else:
        node._first, node._first_partial = parents, partials
    if open_blocks and not is_constant:  # what is computed with a plain number is checked, not the number
        check_finite(node)
    return node


def constant(number: float) -> Value:
    """A leaf for a plain number in an expression."""
    leaf = Value.__new__(Value)
    leaf._data, leaf._grad = number, 0.0
    leaf._first = leaf._second = leaf._name = leaf._rule = leaf._first_partial = None
    leaf._second_partial = 0.0
    return leaf


def record(rule: Rule, *operands: Any) -> Value:
    """The node of a rule with these operands: its value, and its local derivatives at this point.

    A plain number may be one of two operands.
    """
    data = [operand if type(operand) is float else operand._data for operand in operands]
    try:
        value, partials = PLAIN.bind(rule)
        out = value(*data)
        slopes = partials(out, *data)
    except (ArithmeticError, ValueError):  # Python's floats raise where IEEE 754 has inf or nan
        value, partials = FLOAT.bind(rule)
        out = value(*data)
        slopes = partials(out, *data)
    return make(rule, out, 0.0, None, operands, slopes, False)


# ---- what the rest of the package uses ------------------------------------------------------------------------


def recorder(rule: Rule) -> Callable[..., Value]:
    """A function from operands, all Values, to the node of a rule of the table."""
    return partial(record, rule)


def function(rule: Rule, general: Callable[..., Any]) -> Callable[..., Any]:  # as ``specialize`` has it
    """The rule's function of the package: here the general one."""
    return general


def columns(outputs: list[Value], inputs: list[Value], share: bool) -> None:  # as natively
    """None: ``program.lowering`` makes a program's columns, in plain Python."""


# ---- operators ------------------------------------------------------------------------------------------------


def _unary(rule: Rule) -> Callable[..., Any]:
    def operator(x: Value) -> Value:
        return record(rule, x)

    return operator


def _binary(rule: Rule) -> Callable[..., Any]:
    with_number = RULES[rule.constant_form or rule.name]

    def operator(x: Value, y: Any) -> Any:
        y = as_operand(y)
        if y is NotImplemented:
            return y
        return record(with_number if type(y) is float else rule, x, y)

    return operator


def _reflected(rule: Rule) -> Callable[..., Any]:
    def operator(y: Value, x: Any) -> Any:
        x = as_operand(x)
        return x if x is NotImplemented else record(rule, x, y)

    return operator


def as_method(method: Callable[..., Any], rule: Rule) -> Callable[..., Any]:
    """The function with the name of a Value's method for a rule; ``help`` gives it a docstring."""
    method.__name__, method.__qualname__, method.__module__ = rule.name, f"Value.{rule.name}", "microgrid"
    return method


def start() -> None:
    """Be the engine in use: give Value the methods of rules of one operand, and Python's arithmetic operators."""
    for name, rule in RULES.items():
        method = as_method(_unary(rule) if rule.arity == 1 else _binary(rule), rule)
        for alias in (name, *rule.aliases) if rule.arity == 1 else ():
            setattr(Value, alias, method)
        if rule.operator not in (None, "lt", "le"):
            setattr(Value, f"__{rule.operator}__", method)
            if rule.arity == 2:
                setattr(Value, f"__r{rule.operator}__", as_method(_reflected(rule), rule))
