"""``Value``: a number that records what is done to it, and hands derivatives back.

The operations themselves stand in ``rules``; this module binds each of them, as a method, an operator and a function,
to nodes that remember their operands and local derivatives. Sweeps other than ``backward`` live in ``graph``.
"""

from __future__ import annotations

import contextlib
import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from numbers import Complex, Number, Real
from typing import TYPE_CHECKING, Any, SupportsFloat

from microgrid.arithmetic import FLOAT, PLAIN, Arithmetic
from microgrid.errors import InvalidValueError, NonFiniteError
from microgrid.graph import pullback, topological_order
from microgrid.rules import RULES, Rule

__all__ = ["FUNCTIONS", "VALUE", "Comparison", "Value", "named", "strict"]


def _as_float(number: Any) -> float:
    """The number as a Python float, or an error that says what else it is."""
    if type(number) is float:
        return number
    if type(number) is not int:  # asked first, because asking abstract classes is slow
        _check_real(number)
    try:
        return float(number)
    except OverflowError:
        raise InvalidValueError("this integer is too large for a float (about 1.8e308): scale it first") from None
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidValueError):  # a Value inside an array of no dimensions
            raise
        raise _not_real(number) from error


def _check_real(number: Any) -> None:
    if isinstance(number, Value):
        raise InvalidValueError("got a Value where a plain number is needed: use its .data, or the Value itself")
    if isinstance(number, Complex) and not isinstance(number, Real):
        raise InvalidValueError(f"a Value holds a real number, not the complex {number!r}: take .real or .imag")
    if getattr(number, "ndim", 0):
        raise InvalidValueError(
            f"a Value holds one number, not an array of shape {number.shape}: make one Value per element"
        )
    if isinstance(number, str | bytes) or not hasattr(number, "__float__"):
        raise _not_real(number)


def _not_real(number: Any) -> InvalidValueError:
    return InvalidValueError(f"a Value holds a real number, not {number!r} of type {type(number).__name__}")


class Value:
    """One number in a graph: what it is, what it was made from, and how fast it changes with that.

    Arithmetic on Values, by operators or by the functions of the package, records a node: its ``data``, its
    ``parents`` and one local derivative per parent, fixed at that moment. ``backward`` then multiplies the local
    derivatives along every path and sums over the paths.

    Parameters
    ----------
    data : float
        Any real number: an int, a bool, a fraction or a NumPy scalar is converted.
    name : str, optional
        Shown in drawings and messages.
    label : str, optional
        The same as ``name``, as micrograd's notebooks call it.

    Attributes
    ----------
    grad : float
        The derivative of the output that ``backward`` was called on with respect to this node. A leaf's adds up
        from call to call until ``zero_grad``; an interior node's is that of the last call.
    op : Rule or None
        The rule that made the node; None for a leaf.
    name : str or None
        Its name.

    Raises
    ------
    InvalidValueError
        If ``data`` is not a real number.

    Notes
    -----
    ``==`` compares identity, so that nodes can be keys of sets and dicts; ``<``, ``<=``, ``>`` and ``>=`` compare data.

    Pickled, copied and freed without recursion. Values pickled together keep the leaves that they share; interior
    nodes that two pickled outputs share come back as one copy for each. ``copy.deepcopy`` keeps all sharing.

    Examples
    --------
    >>> from microgrid import Value, exp
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> y = exp(w * x)
    >>> y.backward()
    >>> w.grad == 2.0 * y.data
    True
    >>> (w * x).partials
    (2.0, 0.5)
    """

    # Operands stand in two slots, because nearly every node has one or two and a tuple would double its size. A node
    # with more keeps a tuple of operands in the first slot and one of partials beside it; a constant, a leaf that was
    # a plain number in somebody's expression, keeps the empty tuple. None in the first slot marks any other leaf.
    __slots__ = ("_data", "_first", "_first_partial", "_second", "_second_partial", "grad", "name", "op")

    _data: float
    _first: Value | tuple[Value, ...] | None
    _second: Value | None
    _first_partial: float | tuple[float, ...]
    _second_partial: float
    grad: float
    name: str | None
    op: Rule | None

    def __init__(self, data: SupportsFloat, name: str | None = None, *, label: str | None = None) -> None:
        self._data = _as_float(data)
        self._first = self._second = None
        self._first_partial = ()
        self._second_partial = self.grad = 0.0
        self.name = _check_name(label if name is None else name)
        self.op = None
        if _strict_blocks:
            _check_finite(self)

    # ---- what a node is ---------------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number itself. Setting a leaf's leaves what was recorded from the old number as it was."""
        return self._data

    @data.setter
    def data(self, number: SupportsFloat) -> None:
        self._data = _as_float(number)

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, in order and with repeats: ``x * x`` has two. Empty for a leaf."""
        first, second = self._first, self._second
        if second is not None:
            return (first, second)  # type: ignore[return-value]  # two slots in use: neither holds a tuple
        if type(first) is tuple:
            return first
        return () if first is None else (first,)  # type: ignore[return-value]  # one slot in use: no tuple in it

    @property
    def partials(self) -> tuple[float, ...]:
        """The local derivatives, one per parent, as they were when the node was recorded."""
        if self._second is not None:
            return (self._first_partial, self._second_partial)  # type: ignore[return-value]  # as for parents
        if type(self._first_partial) is tuple:
            return self._first_partial
        return (self._first_partial,)  # type: ignore[return-value]  # as for parents

    @property
    def is_constant(self) -> bool:
        """Whether this leaf was a plain number in an expression: the 2 of ``2 * x``."""
        return self.op is None and self._first == ()

    @property
    def label(self) -> str:
        """The name, or the empty string: micrograd's word for it."""
        return self.name or ""

    @label.setter
    def label(self, label: str) -> None:
        self.name = _check_name(label)

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The distinct parents, as micrograd's notebooks walk them."""
        return tuple(dict.fromkeys(self.parents))

    @property
    def _op(self) -> str:
        """The operation's symbol, empty for a leaf, as micrograd's notebooks print it."""
        return self.op.symbol if self.op else ""

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Value(data={self._data!r}, grad={self.grad!r}{name})"

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    def __float__(self) -> float:
        raise InvalidValueError(
            "a Value does not turn into a float by itself, for its gradient would be lost on the way: "
            "use microgrid.exp, microgrid.log and so on instead of math's functions, or .data for the plain number"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """In a notebook, a Value as a cell's last line shows its diagram; without a layout engine, what to install."""
        from microgrid.drawing import draw

        bundle = draw(self)._repr_mimebundle_(include, exclude)
        text = repr(self) if len(bundle) > 1 else f"{self!r}\n{bundle['text/plain']}"
        return bundle | {"text/plain": text}

    # ---- derivatives ------------------------------------------------------------------------------------------

    def backward(self) -> None:
        """Set ``grad`` on every node that this one depends on to the derivative of this one with respect to it.

        Reverse mode by the local derivatives on the edges, each node once, without recursion. The gradients of
        leaves are added to what is there (``zero_grad`` resets them); those of interior nodes are replaced.

        Raises
        ------
        NonFiniteError
            Inside ``strict()``, if a derivative is infinite or nan; then no ``grad`` was changed.

        Examples
        --------
        >>> from microgrid import Value
        >>> x = Value(3.0)
        >>> (x * x + x).backward()
        >>> x.grad
        7.0
        """
        if _strict_blocks and _strict.get():
            _check_adjoints(self)
        if self.op is None:
            self.grad += 1.0
            return
        order = _interior(self)
        self.grad = 1.0
        # The storage is unpacked by hand, for this is the hot loop; ``graph.pullback`` is the same in plain words.
        for node in reversed(order):
            adjoint = node.grad
            first: Any = node._first
            second = node._second
            if second is not None:
                first.grad += node._first_partial * adjoint  # type: ignore[operator]  # two operands: floats
                second.grad += node._second_partial * adjoint
            elif type(first) is tuple:
                for parent, partial in zip(first, node._first_partial, strict=True):  # type: ignore[arg-type]
                    parent.grad += partial * adjoint
            else:
                first.grad += node._first_partial * adjoint  # type: ignore[operator]  # one operand: a float

    def zero_grad(self) -> None:
        """Set the ``grad`` of this node and of every node that it depends on to 0."""
        for node in topological_order(self):
            node.grad = 0.0

    # ---- copies -----------------------------------------------------------------------------------------------

    def __copy__(self) -> Value:
        return _twin(self, self._first, self._second)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) in memo:
                continue
            first, second = node._first, node._second
            if type(first) is tuple:
                first = tuple([memo[id(parent)] for parent in first])
            elif first is not None:
                first = memo[id(first)]
            if second is not None:
                second = memo[id(second)]
            memo[id(node)] = _twin(node, first, second)
        copied: Value = memo[id(self)]
        return copied

    def __reduce__(self) -> tuple[Callable[..., Value], tuple[Any, ...]]:
        if self.op is None and not self.is_constant:
            return _restore_leaf, (self._data, self.grad, self.name)
        return _restore_graph, _flatten(self)

    if TYPE_CHECKING:  # bound from the rule table at the end of this module

        def __getattr__(self, name: str) -> Callable[..., Value]: ...
        def __add__(self, other: Any) -> Value: ...
        def __radd__(self, other: Any) -> Value: ...
        def __sub__(self, other: Any) -> Value: ...
        def __rsub__(self, other: Any) -> Value: ...
        def __mul__(self, other: Any) -> Value: ...
        def __rmul__(self, other: Any) -> Value: ...
        def __truediv__(self, other: Any) -> Value: ...
        def __rtruediv__(self, other: Any) -> Value: ...
        def __pow__(self, other: Any) -> Value: ...
        def __rpow__(self, other: Any) -> Value: ...
        def __neg__(self) -> Value: ...
        def __abs__(self) -> Value: ...
        def __lt__(self, other: Any) -> Comparison: ...
        def __le__(self, other: Any) -> Comparison: ...
        def __gt__(self, other: Any) -> Comparison: ...
        def __ge__(self, other: Any) -> Comparison: ...

    def __pos__(self) -> Value:
        return self


_new = Value.__new__


def _check_name(name: str | None) -> str | None:
    if name is not None and not isinstance(name, str):
        raise InvalidValueError(f"a name is a string, not {name!r}; only the first argument of Value is its data")
    return name or None


def named(value: Value, name: str) -> Value:
    """Give a node a name, for drawings and messages, and return it.

    Parameters
    ----------
    value : Value
        Any node; an interior one is named where it is made.
    name : str
        The name.

    Returns
    -------
    Value
        The same node.

    Examples
    --------
    >>> from microgrid import Value, named
    >>> w, x = Value(2.0, name="w"), Value(3.0, name="x")
    >>> named(w * x, "z")
    Value(data=6.0, grad=0.0, name='z')
    """
    if not isinstance(value, Value):
        raise InvalidValueError(f"only a Value can be named, not {value!r}")
    value.name = _check_name(name)
    return value


def _interior(root: Value) -> list[Value]:
    """The nodes below the root that have operands, parents before children, their ``grad`` set to 0.

    The order of ``graph.topological_order`` without its leaves, by the storage instead of by ``parents``.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            order.append(stack.pop())
            continue
        first = node._first
        if first is None or node in seen:
            continue
        seen.add(node)
        if type(first) is tuple:
            if not first:  # a constant
                continue
            stack += (node, None)
            stack += first[::-1]
        else:
            second = node._second
            stack += (node, None, first) if second is None else (node, None, second, first)
        node.grad = 0.0
    return order


# ---- recording ------------------------------------------------------------------------------------------------


def _constant(number: float) -> Value:
    leaf = _new(Value)
    leaf._data = number
    leaf._first = leaf._first_partial = ()
    leaf._second = leaf.name = leaf.op = None
    leaf._second_partial = leaf.grad = 0.0
    if _strict_blocks:
        _check_finite(leaf)
    return leaf


def _is_number(operand: Any) -> bool:
    return isinstance(operand, Number)  # a complex one too, so that the error can say what to do


def _operand(operand: Any) -> Any:
    """The other side of an operator as a Value; NotImplemented leaves the question to its own type."""
    if isinstance(operand, Value):
        return operand
    if isinstance(operand, Comparison):
        return operand.record()
    # The first two are numbers as well: they are asked for by name because asking an abstract class is slow.
    if type(operand) is float or type(operand) is int or _is_number(operand):
        return _constant(_as_float(operand))
    return NotImplemented


def _unary_recorder(rule: Rule) -> Callable[[Value], Value]:
    value, partials = PLAIN.bind(rule)
    ieee_value, ieee_partials = FLOAT.bind(rule)

    def record(x: Value) -> Value:
        x_data = x._data
        try:
            out = value(x_data)
            (partial,) = partials(out, x_data)
        except (ArithmeticError, ValueError):
            out = ieee_value(x_data)
            (partial,) = ieee_partials(out, x_data)
        node = _new(Value)
        node._data = out
        node._first = x
        node._second = None
        node._first_partial = partial
        node._second_partial = node.grad = 0.0
        node.name = None
        node.op = rule
        if _strict_blocks:
            _check_finite(node)
        return node

    return record


def _binary_recorder(rule: Rule) -> Callable[[Value, Value], Value]:
    value, partials = PLAIN.bind(rule)
    ieee_value, ieee_partials = FLOAT.bind(rule)

    def record(x: Value, y: Value) -> Value:
        x_data = x._data
        y_data = y._data
        try:
            out = value(x_data, y_data)
            x_partial, y_partial = partials(out, x_data, y_data)
        except (ArithmeticError, ValueError):
            out = ieee_value(x_data, y_data)
            x_partial, y_partial = ieee_partials(out, x_data, y_data)
        node = _new(Value)
        node._data = out
        node._first = x
        node._second = y
        node._first_partial = x_partial
        node._second_partial = y_partial
        node.grad = 0.0
        node.name = None
        node.op = rule
        if _strict_blocks:
            _check_finite(node)
        return node

    return record


def _many_recorder(rule: Rule) -> Callable[..., Value]:
    value, partials = PLAIN.bind(rule)
    ieee_value, ieee_partials = FLOAT.bind(rule)

    def record(*operands: Value) -> Value:
        data = [operand._data for operand in operands]
        try:
            out = value(*data)
            slopes = partials(out, *data)
        except (ArithmeticError, ValueError):
            out = ieee_value(*data)
            slopes = ieee_partials(out, *data)
        node = _new(Value)
        node._data = out
        node._first = operands
        node._second = None
        node._first_partial = slopes
        node._second_partial = node.grad = 0.0
        node.name = None
        node.op = rule
        if _strict_blocks:
            _check_finite(node)
        return node

    return record


def _recorder(rule: Rule) -> Callable[..., Value]:
    makers: dict[int | None, Callable[[Rule], Callable[..., Value]]] = {1: _unary_recorder, 2: _binary_recorder}
    return makers.get(rule.arity, _many_recorder)(rule)


_RECORD: dict[str, Callable[..., Value]] = {name: _recorder(rule) for name, rule in RULES.items()}


def _binary_method(rule: Rule) -> Callable[[Value, Any], Any]:
    record = _RECORD[rule.name]
    with_constant = _RECORD[rule.constant_form or rule.name]

    def method(self: Value, other: Any) -> Any:
        if type(other) is Value:
            return record(self, other)
        if type(other) is float:
            return with_constant(self, _constant(other))
        operand = _operand(other)
        if operand is NotImplemented:
            return NotImplemented
        return (record if isinstance(other, Value | Comparison) else with_constant)(self, operand)

    return method


def _reflected_method(rule: Rule) -> Callable[[Value, Any], Any]:
    record = _RECORD[rule.name]

    def method(self: Value, other: Any) -> Any:
        operand = _operand(other)
        return NotImplemented if operand is NotImplemented else record(operand, self)

    return method


class Comparison:
    """The answer to ``x < y``: true or false by the data, and usable as the condition of ``microgrid.where``.

    As a truth (in ``if``, ``sorted``, ``max``) it is decided by the data at the moment of comparing. As a condition,
    or in arithmetic, where it counts as 1 or 0, it is recorded as a node, so that the choice stays in the graph.

    Parameters
    ----------
    rule : Rule
        The comparison.
    left, right : Value or number
        What is compared.

    Examples
    --------
    >>> from microgrid import Value, where
    >>> x = Value(-2.0)
    >>> bool(x < 0)
    True
    >>> where(x < 0, -x, x).data
    2.0
    """

    __slots__ = ("_truth", "left", "right", "rule")

    def __init__(self, rule: Rule, left: Any, right: Any) -> None:
        self.rule, self.left, self.right = rule, left, right
        self._truth = bool(getattr(PLAIN, rule.name)(_data_of(left), _data_of(right)))

    def __bool__(self) -> bool:
        return self._truth

    def __eq__(self, other: object) -> bool:
        return self._truth == (other._truth if isinstance(other, Comparison) else other)

    def __hash__(self) -> int:
        return hash(self._truth)

    def __repr__(self) -> str:
        return f"<{_short(self.left)} {self.rule.symbol} {_short(self.right)} is {self._truth}>"

    if TYPE_CHECKING:  # bound from the rule table, as Value's operators are

        def __add__(self, other: Any) -> Value: ...
        def __radd__(self, other: Any) -> Value: ...
        def __sub__(self, other: Any) -> Value: ...
        def __rsub__(self, other: Any) -> Value: ...
        def __mul__(self, other: Any) -> Value: ...
        def __rmul__(self, other: Any) -> Value: ...
        def __truediv__(self, other: Any) -> Value: ...
        def __rtruediv__(self, other: Any) -> Value: ...
        def __pow__(self, other: Any) -> Value: ...
        def __rpow__(self, other: Any) -> Value: ...
        def __neg__(self) -> Value: ...
        def __abs__(self) -> Value: ...

    def record(self) -> Value:
        """The comparison as a node of the graph: 1.0 if it holds, otherwise 0.0, with derivatives 0."""
        return _RECORD[self.rule.name](_lift(self.left), _lift(self.right))


def _data_of(operand: Any) -> float:
    return operand._data if isinstance(operand, Value) else _as_float(operand)


def _short(operand: Any) -> str:
    return (operand.name or repr(operand._data)) if isinstance(operand, Value) else repr(operand)


def _comparison_method(rule: Rule, *, swapped: bool) -> Callable[[Value, Any], Any]:
    def method(self: Value, other: Any) -> Any:
        if not isinstance(other, Value):
            if not _is_number(other):
                return NotImplemented
            other = _as_float(other)
        return Comparison(rule, other, self) if swapped else Comparison(rule, self, other)

    return method


def _recorded_method(special: str) -> Callable[..., Any]:
    """An operator of Value, for a comparison: it stands for its node."""

    def method(self: Comparison, *other: Any) -> Any:
        return getattr(self.record(), special)(*other)

    return method


# ---- functions that take Values, plain numbers and arrays of either -------------------------------------------


def _lift(operand: Any) -> Value:
    lifted = _operand(operand)
    return _constant(_as_float(operand)) if lifted is NotImplemented else lifted


def _apply(rule: Rule, operands: tuple[Any, ...]) -> Any:
    """A node if an operand is one; otherwise a plain float."""
    if any([isinstance(operand, Value | Comparison) for operand in operands]):
        name = rule.name if isinstance(operands[-1], Value | Comparison) else rule.constant_form or rule.name
        return _RECORD[name](*[_lift(operand) for operand in operands])
    return FLOAT.bind(rule)[0](*[_as_float(operand) for operand in operands])


def _elementwise_function(rule: Rule) -> Callable[..., Any]:
    def function(*operands: Any) -> Any:
        if len(operands) != rule.arity:
            raise TypeError(f"{rule.name} takes {rule.arity} operands, not {len(operands)}")
        if any([hasattr(operand, "ndim") and not _is_number(operand) for operand in operands]):
            import numpy

            return numpy.frompyfunc(function, len(operands), 1)(*operands)
        return _apply(rule, operands)

    return function


def _list_function(rule: Rule) -> Callable[..., Any]:
    def function(*lists: Iterable[Any]) -> Any:
        if len(lists) != len(rule.regions):
            raise TypeError(f"{rule.name} takes {len(rule.regions)} lists of operands, not {len(lists)}")
        groups = [tuple(operands) for operands in lists]
        lengths = [len(group) for group in groups]
        if len(set(lengths)) > 1:
            raise InvalidValueError(f"{rule.name} needs lists of one length, not of {' and '.join(map(str, lengths))}")
        return _apply(rule, sum(groups, ()))

    return function


def _function(rule: Rule) -> Callable[..., Any]:
    function = _list_function(rule) if rule.arity is None else _elementwise_function(rule)
    function.__name__ = function.__qualname__ = rule.name
    function.__module__ = "microgrid"
    function.__doc__ = _describe(rule)
    return function


def _describe(rule: Rule) -> str:
    letters = ("x", "y", "z")[: len(rule.regions)]
    call = f"{rule.name}({', '.join(letter + 's' * (rule.arity is None) for letter in letters)})"
    takes = "lists of Values or numbers" if rule.arity is None else "Values, plain numbers or NumPy arrays of them"
    kinks = "".join(f"\n    At {kink.where}: {kink.convention}." for kink in rule.kinks)
    return f"""``{call}``, in LaTeX {rule.latex.format(x="x", y="y", z="z", xs="x_i", ys="y_i")}

    Takes {takes}; a node if one of them is a Value, otherwise a float.{kinks}
    """


# A rule with a constant operand is no function of its own: with a Value there, its derivative would be silently 0.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: _function(rule) for name, rule in RULES.items() if not any([region.constant for region in rule.regions])
}
"""The functions of the package by name, one for each rule; the general rule's function records a constant form."""


def _bind_methods() -> None:
    """Give Value a method, and where Python has one an operator, for each rule."""
    for name in FUNCTIONS:
        rule = RULES[name]
        if rule.arity is None:
            continue
        method = _RECORD[name] if rule.arity == 1 else FUNCTIONS[name]
        for alias in (name, *rule.aliases):
            setattr(Value, alias, method)
        if rule.operator in ("lt", "le"):
            setattr(Value, f"__{rule.operator}__", _comparison_method(rule, swapped=False))
            setattr(Value, f"__g{rule.operator[1]}__", _comparison_method(rule, swapped=True))
        elif rule.operator is not None:
            special = f"__{rule.operator}__"
            setattr(Value, special, _binary_method(rule) if rule.arity == 2 else method)
            setattr(Comparison, special, _recorded_method(special))
            if rule.arity == 2:
                reflected = f"__r{rule.operator}__"
                setattr(Value, reflected, _reflected_method(rule))
                setattr(Comparison, reflected, _recorded_method(reflected))


_bind_methods()


# ---- graphs as numbers: the rules run on Values give derivatives that are graphs again ------------------------


def _compare_values(name: str) -> Callable[[Any, Any], Any]:
    def compare(x: Any, y: Any) -> Any:
        if isinstance(x, Value) or isinstance(y, Value):
            return Comparison(RULES[name], x, y)
        return getattr(PLAIN, name)(x, y)

    return compare


def _choose_value(truth: Any, then: Any, otherwise: Any) -> Any:
    return (
        FUNCTIONS["where"](truth, then, otherwise) if isinstance(truth, Comparison) else (then if truth else otherwise)
    )


VALUE = Arithmetic(
    "Value",
    pi=math.pi,
    inf=math.inf,
    **FUNCTIONS | {name: _compare_values(name) for name in ("less", "less_equal", "equal")} | {"where": _choose_value},
)
"""Values as the numbers: what the rules compute is recorded, so that a gradient is a graph with a gradient."""


# ---- copying and pickling without recursion -------------------------------------------------------------------


def _twin(node: Value, first: Value | tuple[Value, ...] | None, second: Value | None) -> Value:
    """A copy of a node with other operands."""
    twin = _new(type(node))
    twin._first, twin._second = first, second
    twin._data, twin.grad, twin.name, twin.op = node._data, node.grad, node.name, node.op
    twin._first_partial, twin._second_partial = node._first_partial, node._second_partial
    return twin


def _restore_leaf(data: float, grad: float, name: str | None) -> Value:
    leaf = Value(data, name)
    leaf.grad = grad
    return leaf


def _flatten(root: Value) -> tuple[Any, ...]:
    """A graph as flat columns: leaves as they are, so that they stay shared, and everything else as arrays."""
    order = topological_order(root)
    leaves = [node for node in order if node._first is None]
    rest = [node for node in order if node._first is not None]
    place = {node: index for index, node in enumerate(leaves + rest)}
    rules = list(dict.fromkeys([node.op for node in rest]))
    number = {rule: index for index, rule in enumerate(rules)}
    return (
        leaves,
        rules,
        array("q", [number[node.op] for node in rest]),
        array("d", [node._data for node in rest]),
        array("d", [node.grad for node in rest]),
        array("q", [len(node.parents) for node in rest]),
        array("q", [place[parent] for node in rest for parent in node.parents]),
        array("d", [partial for node in rest for partial in node.partials]),
        {index: node.name for index, node in enumerate(rest) if node.name},
    )


def _restore_graph(
    leaves: list[Value],
    rules: list[Rule | None],
    ops: array[int],
    data: array[float],
    grads: array[float],
    counts: array[int],
    parents: array[int],
    partials: array[float],
    names: dict[int, str],
) -> Value:
    nodes = list(leaves)
    start = 0
    for index, (op, number, grad, count) in enumerate(zip(ops, data, grads, counts, strict=True)):
        node = _new(Value)
        stop = start + count
        operands = tuple([nodes[place] for place in parents[start:stop]])
        slopes = tuple(partials[start:stop])
        rule = rules[op]
        node._second, node._second_partial = None, 0.0
        if rule is not None and rule.arity == 2:
            (node._first, node._second), (node._first_partial, node._second_partial) = operands, slopes
        elif rule is not None and rule.arity == 1:
            (node._first,), (node._first_partial,) = operands, slopes
        else:
            node._first, node._first_partial = operands, slopes
        node._data, node.grad, node.name, node.op = number, grad, names.get(index), rule
        nodes.append(node)
        start = stop
    return nodes[-1]


# ---- strictness -----------------------------------------------------------------------------------------------

_strict: ContextVar[bool] = ContextVar("microgrid_strict", default=False)
# One entry for each block that is open in any thread: recording asks the slower context only if there is one. A list,
# because threads can append and pop at the same time.
_strict_blocks: list[None] = []


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Inside this block, the first infinite or nan value or derivative raises, and names its node.

    Outside of it, numbers follow IEEE 754: log 0 is -inf, 0·inf is nan, and nothing raises.

    Raises
    ------
    NonFiniteError
        Naming the node, its operation and its operands.

    Examples
    --------
    >>> import microgrid
    >>> with microgrid.strict():
    ...     microgrid.log(microgrid.Value(0.0, name="p"))
    Traceback (most recent call last):
    microgrid.errors.NonFiniteError: log gave -inf, from p = 0.0
    """
    token = _strict.set(True)
    _strict_blocks.append(None)
    try:
        yield
    finally:
        _strict_blocks.pop()
        _strict.reset(token)


def _say(node: Value) -> str:
    return f"{node.name} = {node._data!r}" if node.name else repr(node._data)


def _origin(node: Value) -> str:
    return ", ".join([_say(parent) for parent in node.parents])


def _check_finite(node: Value) -> None:
    """Raise if strict is on in this context and the node's value or a local derivative is not finite."""
    if not _strict.get():
        return
    if not math.isfinite(node._data):
        if node.op is None:
            raise NonFiniteError(f"the leaf {_say(node)} is not finite")
        raise NonFiniteError(f"{node.op.name} gave {node._data!r}, from {_origin(node)}")
    for parent, partial in zip(node.parents, node.partials, strict=True):
        if not math.isfinite(partial):
            assert node.op is not None  # only a node with a rule has parents
            raise NonFiniteError(
                f"the derivative of {node.op.name} with respect to {_say(parent)} is {partial!r}, from {_origin(node)}"
            )


def _check_adjoints(root: Value) -> None:
    """Raise if a derivative of the root is not finite, before any ``grad`` is touched."""
    adjoints = pullback(root)
    for node in reversed(topological_order(root)):
        if not math.isfinite(adjoints[node]):
            made = f"the {node.op.name} node" if node.op else "the leaf"
            raise NonFiniteError(f"the derivative with respect to {made} {_say(node)} is {adjoints[node]!r}")
