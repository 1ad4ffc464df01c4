"""The pure-Python engine: nodes, recording and ``backward``, as fast as the interpreter goes.

No operation is written here: each rule of the table is run once on source text and becomes a flat function with its
arithmetic in place. What a Value is besides, and what needs no speed, is in ``value``. ``engine_native`` offers the
same names with the same results, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microgrid.core.arithmetic import FLOAT, PLAIN
from microgrid.core.rules import RULES, Rule
from microgrid.core.source import PYTHON, Source

__all__ = [
    "NAME",
    "Value",
    "add_strict_block",
    "backward",
    "columns",
    "configure",
    "function",
    "make",
    "recorder",
    "zero_grad",
]

NAME = "python"

_callbacks: dict[str, Callable[..., Any]] = {}
_strict_blocks: list[None] = []  # one entry for each open block; a list, because threads append and pop at once


class Value:
    """A node as this engine stores it. Everything else that ``microgrid.Value`` has is added by ``value``."""

    # Operands stand in two slots, because nearly every node has one or two and a tuple would double its size. A plain
    # number in an expression stays a float there until somebody looks at the parents. A node with more operands keeps
    # a tuple of them in the first slot, and one of partials beside it.
    __slots__ = ("_data", "_first", "_first_partial", "_grad", "_name", "_rule", "_second", "_second_partial")

    _data: Any
    _first: Any
    _first_partial: Any
    _grad: Any
    _name: Any
    _second: Any
    _second_partial: Any
    _rule: Rule | None

    def __init__(self, data: Any, name: str | None = None, *, label: str | None = None) -> None:
        self._data = _callbacks["as_float"](data)
        self._first = self._second = self._rule = None
        self._first_partial = self._second_partial = self._grad = 0.0
        self._name = _callbacks["check_name"](label if name is None else name)
        if _strict_blocks:
            _callbacks["check_finite"](self)

    @property
    def data(self) -> float:
        """The number itself, a float. Setting a leaf's changes nothing that was recorded."""
        number: float = self._data
        return number

    @data.setter
    def data(self, number: Any) -> None:
        self._data = _callbacks["as_float"](number)

    @property
    def grad(self) -> float:
        """The derivative of what backward was called on with respect to this node; a leaf's adds up."""
        return float(self._grad)

    @grad.setter
    def grad(self, number: Any) -> None:
        self._grad = _callbacks["as_float"](number)

    @property
    def name(self) -> str | None:
        """The name in drawings and messages, or None."""
        name: str | None = self._name
        return name

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = _callbacks["check_name"](name)

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, in order and with repeats; empty for a leaf."""
        first, second = self._first, self._second
        if type(first) is tuple:
            return first
        if type(first) is float:
            self._first = first = _constant(first, self._first_partial * self._grad)
        if type(second) is float:
            self._second = second = _constant(second, self._second_partial * self._grad)
        if second is not None:
            return (first, second)
        return () if first is None else (first,)

    @property
    def partials(self) -> tuple[float, ...]:
        """The local derivatives, one for each parent, fixed when the node was recorded."""
        if self._second is not None:
            return (self._first_partial, self._second_partial)
        if self._first is None:
            return ()
        return self._first_partial if type(self._first) is tuple else (self._first_partial,)

    @property
    def op(self) -> Rule | None:
        """The rule that made this node; None for a leaf."""
        return self._rule

    @property
    def is_constant(self) -> bool:
        """Whether this leaf was a plain number in an expression."""
        return False


class _Constant(Value):
    """A leaf that was a plain number in an expression."""

    __slots__ = ()

    @property
    def is_constant(self) -> bool:
        """Whether this leaf was a plain number in an expression."""
        return True


def _refuse_subclass(cls: type) -> None:  # noqa: ARG001  # the hook's signature
    raise TypeError("type 'microgrid.Value' is not an acceptable base type")


Value.__init_subclass__ = classmethod(_refuse_subclass)  # type: ignore[assignment]  # from here on, as natively
Value.__module__ = _Constant.__module__ = "microgrid"
_Constant.__qualname__ = _Constant.__name__ = "Value"
_new = Value.__new__


def _constant(number: float, grad: float) -> Value:
    leaf = _new(_Constant)
    leaf._data, leaf._grad = number, grad
    leaf._first = leaf._second = leaf._name = leaf._rule = None
    leaf._first_partial = leaf._second_partial = 0.0
    return leaf


# ---- sweeps ---------------------------------------------------------------------------------------------------


class _Visited(float):
    """The 0.0 that one sweep leaves as the gradient of each node that it meets, and knows again by its identity."""

    __slots__ = ()


def _interior(root: Value) -> list[Value]:
    """The nodes below the root that have operands, parents before children, with gradients of 0.

    The order of ``graph.topological_order`` without its leaves. A node followed by None waits for its parents. The
    gradients of constants become 0 too: like those of interior nodes, they are of one sweep.
    """
    visited = _Visited()
    order: list[Value] = []
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
                    elif type(parent) is _Constant:
                        parent._grad = 0.0
                break
            if type(first) is float:
                first = None
            elif first._rule is None:
                if type(first) is _Constant:
                    first._grad = 0.0
                first = None
            if second is not None and (type(second) is float or second._rule is None):
                if type(second) is _Constant:
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
    return order


def backward(root: Value) -> None:
    """The sweep of ``Value.backward``; ``graph.pullback`` is the same in plain words."""
    if _strict_blocks:
        _callbacks["check_adjoints"](root)
    if root._rule is None:
        root._grad += 1.0
        return
    order = _interior(root)
    root._grad = 1.0
    for node in reversed(order):
        adjoint = node._grad
        first = node._first
        if type(first) is tuple:
            for parent, partial in zip(first, node._first_partial, strict=True):
                parent._grad += partial * adjoint
            continue
        if type(first) is not float:
            first._grad += node._first_partial * adjoint
        second = node._second
        if second is not None and type(second) is not float:
            second._grad += node._second_partial * adjoint


def zero_grad(root: Value) -> None:
    """The sweep of ``Value.zero_grad``."""
    root._grad = 0.0
    for node in _interior(root) if root._rule is not None else []:
        for parent in node._first if type(node._first) is tuple else (node._first, node._second):
            if isinstance(parent, Value):
                parent._grad = 0.0


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
        y = callbacks["operand"](y)
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
        x = callbacks["operand"](x)
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
    if strict_blocks:
        callbacks["check_finite"](node)
    return node
"""


def _arithmetic(rule: Rule, letters: str) -> str:
    """The rule's value and partials as statements."""
    source = Source(PYTHON)
    operands = [source.term(f"{letter}0") for letter in letters]
    value, partials = rule.make(source)
    out = value(*operands)
    slopes = partials(out, *operands)
    lines = [*source.lines, f"out = {source.write(out)}"]
    lines += [f"{letter}_partial = {source.write(slope)}" for letter, slope in zip(letters, slopes, strict=True)]
    return "\n".join([f"        {line}" for line in lines])


def _compiled(rule: Rule, head: str, **more: Any) -> Callable[..., Any]:
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
    names |= {
        "inf": PLAIN.inf,
        "nan": -PLAIN.inf + PLAIN.inf,
        "new": _new,
        "Value": Value,
        "rule": rule,
        "carefully": _carefully,
    }
    names |= {"callbacks": _callbacks, "strict_blocks": _strict_blocks, **more}
    exec(compile(text, f"<the rule {rule.name}>", "exec"), names)  # the text is the table's own, nobody's input
    made: Callable[..., Any] = names[rule.name]
    made.__module__, made.__qualname__ = "microgrid", f"Value.{rule.name}"
    return made


def _many_recorder(rule: Rule) -> Callable[..., Value]:
    value, partials = PLAIN.bind(rule)

    def record(*operands: Value) -> Value:
        data = [operand._data for operand in operands]
        try:
            out = value(*data)
            slopes = partials(out, *data)
        except (ArithmeticError, ValueError):
            out, *rest = _carefully(rule, *data)
            slopes = tuple(rest)
        return make(rule, out, 0.0, None, operands, slopes, False)

    return record


def recorder(rule: Rule) -> Callable[..., Value]:
    """A function from operands, all Values, to the node of a rule of the table."""
    if rule.arity == 1:
        return _compiled(rule, _UNARY)
    if rule.arity == 2:
        return _compiled(rule, _BINARY, constant_form=_constant_forms.get(rule.constant_form or ""))
    return _many_recorder(rule)


def make(
    rule: Rule | None,
    data: float,
    grad: float,
    name: str | None,
    parents: tuple[Value, ...],
    partials: tuple[float, ...],
    is_constant: bool,
) -> Value:
    """A node from its parts; they are not checked."""
    node = _new(_Constant if is_constant else Value)
    node._second, node._second_partial = None, 0.0
    arity = None if rule is None else rule.arity
    if arity == 2:
        (node._first, node._second), (node._first_partial, node._second_partial) = parents, partials
    elif arity == 1:
        (node._first,), (node._first_partial,) = parents, partials
    elif rule is not None:
        node._first, node._first_partial = parents, partials
    else:
        node._first, node._first_partial = None, 0.0
    node._data, node._grad, node._name, node._rule = data, grad, name, rule
    if _strict_blocks:
        _callbacks["check_finite"](node)
    return node


def function(rule: Rule, general: Callable[..., Any], doc: str) -> Callable[..., Any]:
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
                    flat = [value if type(value) is Value else _constant(value, 0.0) for value in flat]
                if same:
                    return record(*flat)
        return general(*operands)

    makers: dict[int | None, Callable[..., Any]] = {1: unary, 2: binary, None: lists}
    made = makers.get(rule.arity, general)
    made.__name__ = made.__qualname__ = rule.name
    made.__module__, made.__doc__ = "microgrid", doc
    return made


def columns(outputs: list[Value], inputs: list[Value], share: bool) -> None:  # as natively
    """None: ``program.lowering`` makes a program's columns, in plain Python."""


def configure(callbacks: dict[str, Callable[..., Any]]) -> None:
    """Take what ``value`` does for an engine: reading operands and names, and the checks of ``strict``."""
    _callbacks.update(callbacks)


def add_strict_block(change: int) -> None:
    """Note that a ``strict`` block was entered, 1, or left, -1."""
    if change > 0:
        _strict_blocks.append(None)
    else:
        _strict_blocks.pop()


_constant_forms: dict[str, Callable[..., Value]] = {
    rule.constant_form: _compiled(RULES[rule.constant_form], _BINARY) for rule in RULES.values() if rule.constant_form
}
RECORDERS: dict[str, Callable[..., Value]] = {name: recorder(rule) for name, rule in RULES.items()}


def _bind_operators() -> None:
    """Give Value the methods of rules of one operand, and Python's arithmetic operators."""
    for name, rule in RULES.items():
        if rule.arity == 1:
            for method in (name, *rule.aliases):
                setattr(Value, method, RECORDERS[name])
        if rule.operator in (None, "lt", "le"):
            continue
        setattr(Value, f"__{rule.operator}__", RECORDERS[name])
        if rule.arity == 2:
            setattr(Value, f"__r{rule.operator}__", _compiled(rule, _REFLECTED))


_bind_operators()
