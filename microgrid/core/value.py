"""``Value``: a number that records what is done to it, and hands derivatives back.

How a node is stored, recorded and swept is an engine's: ``engine_native`` in C or ``engine_python``, of which
``engines`` chooses one. Here is everything that both share: what a Value is to its users, functions of Values, numbers
and arrays, comparisons, copies and ``strict``. The operations stand in ``rules``, sweeps in plain words in ``graph``.
"""

from __future__ import annotations

import contextlib
import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from numbers import Complex, Number, Real
from typing import TYPE_CHECKING, Any, SupportsFloat

from microgrid._public import public
from microgrid.core.arithmetic import FLOAT, PLAIN, Arithmetic
from microgrid.core.engine import engine
from microgrid.core.graph import pullback, topological_order
from microgrid.core.help import describe, document
from microgrid.core.rules import RULES, Rule
from microgrid.errors import InvalidValueError, NonFiniteError

if TYPE_CHECKING:
    from microgrid.core.table import Methods, Operators
else:  # the engine's node has them, and _bind_methods gives them to a comparison
    Methods = Operators = object

__all__ = [
    "FUNCTIONS",
    "VALUE",
    "Comparison",
    "Value",
    "as_float",
    "as_operand",
    "as_value",
    "decisions",
    "described",
    "elementwise",
    "flatten_graph",
    "named",
    "operands_described",
    "recorder",
    "restore_graph",
    "set_notebook_view",
    "strict",
]


def as_float(number: Any) -> float:
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


class Value(Methods):
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
    data : float
        The number itself. Setting a leaf's leaves what was recorded from the old number as it was.
    grad : float
        The derivative of the output that ``backward`` was called on with respect to this node. A leaf's adds up
        from call to call until ``zero_grad``; an interior node's, and a constant's, is that of the last call.
    name : str or None
        Its name.
    op : Rule or None
        The rule that made the node; None for a leaf.
    parents : tuple of Value
        The operands, in order and with repeats: ``x * x`` has two. Empty for a leaf.
    partials : tuple of float
        The local derivatives, one per parent, as they were when the node was recorded.
    is_constant : bool
        Whether this leaf was a plain number in an expression: the 2 of ``2 * x``.

    Raises
    ------
    InvalidValueError
        If ``data`` is not a real number.

    Notes
    -----
    ``==`` compares identity, so that nodes can be keys of sets and dicts; ``<``, ``<=``, ``>`` and ``>=`` compare data.

    Values can't be subclassed, and a graph belongs to one thread at a time.

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

    data: float
    grad: float
    name: str | None

    if TYPE_CHECKING:  # what the engine brings

        def __init__(self, data: SupportsFloat, name: str | None = None, *, label: str | None = None) -> None: ...
        @property
        def op(self) -> Rule | None: ...
        @property
        def parents(self) -> tuple[Value, ...]: ...
        @property
        def partials(self) -> tuple[float, ...]: ...
        @property
        def is_constant(self) -> bool: ...

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
        return f"Value(data={self.data!r}, grad={self.grad!r}{name})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    if not TYPE_CHECKING:  # for a type checker there is none, so that it finds math.exp(x) too

        def __float__(self) -> float:
            raise InvalidValueError(
                "a Value does not turn into a float by itself, for its gradient would be lost on the way: "
                "use microgrid.exp, microgrid.log and so on instead of math's functions, or .data for the plain number"
            )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook shows for a Value as a cell's last line: its view, if a room above brought one."""
        return {"text/plain": repr(self)} if _view is None else _view(self, include, exclude)

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
        engine.backward(self)

    def zero_grad(self) -> None:
        """Set the ``grad`` of this node and of every node that it depends on to 0."""
        engine.zero_grad(self)

    # ---- copies -----------------------------------------------------------------------------------------------

    def __copy__(self) -> Value:
        return _twin(self, self.parents)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) not in memo:
                memo[id(node)] = _twin(node, tuple([memo[id(parent)] for parent in node.parents]))
        copied: Value = memo[id(self)]
        return copied

    def __reduce__(self) -> tuple[Callable[..., Value], tuple[Any, ...]]:
        if self.op is None and not self.is_constant:
            return _restore_leaf, (self.data, self.grad, self.name)
        return _restore_root, flatten_graph(self)

    def __pos__(self) -> Value:
        return self


def _complete(stored: type, documented: type) -> type:
    """The engine's type with everything that the documented class above defines."""
    for name, member in vars(documented).items():
        if name not in ("__dict__", "__weakref__", "__module__", "__annotations__"):
            setattr(stored, name, member)
    return stored


if not TYPE_CHECKING:
    Value = _complete(engine.Value, Value)


_view: Callable[[Value, Any, Any], dict[str, Any]] | None = None


def set_notebook_view(view: Callable[[Value, Any, Any], dict[str, Any]]) -> None:
    """Register what a notebook shows for a Value; the drawing room does, since nothing here knows how to draw.

    Parameters
    ----------
    view : callable
        From a Value, and the ``include`` and ``exclude`` of ``_repr_mimebundle_``, to the MIME bundle.
    """
    global _view  # registered once, on import
    _view = view


def _check_name(name: str | None) -> str | None:
    if name is not None and not isinstance(name, str):
        raise InvalidValueError(f"a name is a string, not {name!r}; only the first argument of Value is its data")
    return name or None


@public()
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


# ---- recording ------------------------------------------------------------------------------------------------


def _constant(number: float) -> Value:
    leaf: Value = engine.make(None, number, 0.0, None, (), (), True)
    return leaf


def _is_number(operand: Any) -> bool:
    return isinstance(operand, Number)  # a complex one too, so that the error can say what to do


def as_operand(operand: Any) -> Any:
    """The other side of an operator as a Value or a float; NotImplemented leaves the question to its own type."""
    # These two are asked for by name, and first, because asking an abstract class is slow.
    if type(operand) is int or type(operand) is float:
        return as_float(operand)
    if isinstance(operand, Value):
        return operand
    if isinstance(operand, Comparison):
        return operand.record()
    return as_float(operand) if _is_number(operand) else NotImplemented


# By rule, not by name: a user's own operation may bear the name of another.
_RECORD: dict[Rule, Callable[..., Value]] = {rule: engine.recorder(rule) for rule in RULES.values()}


def recorder(rule: Rule) -> Callable[..., Value]:
    """How a rule is recorded: by the engine if it is of the table, otherwise by running it on floats here.

    Parameters
    ----------
    rule : Rule
        Any rule.

    Returns
    -------
    callable
        From operands, all Values, to the node. For a rule on lists they stand one list after the other.
    """
    if rule not in _RECORD:
        _RECORD[rule] = _recorder_on_floats(rule)
    return _RECORD[rule]


def _recorder_on_floats(rule: Rule) -> Callable[..., Value]:
    value, partials = FLOAT.bind(rule)

    def record(*operands: Value) -> Value:
        data = [operand.data for operand in operands]
        out = value(*data)
        node: Value = engine.make(rule, out, 0.0, None, operands, partials(out, *data), False)
        return node

    return record


@public()
class Comparison(Operators):
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
        return self._decide()

    def __eq__(self, other: object) -> bool:
        return self._decide() == (other._decide() if isinstance(other, Comparison) else other)

    def __hash__(self) -> int:
        return hash(self._decide())

    def _decide(self) -> bool:
        watched = _watched.get()
        if watched is not None:
            watched.append(self)
        return self._truth

    def __repr__(self) -> str:
        return f"<{_short(self.left)} {self.rule.symbol} {_short(self.right)} is {self._truth}>"

    def record(self) -> Value:
        """The comparison as a node of the graph: 1.0 if it holds, otherwise 0.0, with derivatives 0."""
        return _RECORD[self.rule](as_value(self.left), as_value(self.right))


_watched: ContextVar[list[Comparison] | None] = ContextVar("microgrid_watched", default=None)


@contextlib.contextmanager
def decisions() -> Iterator[list[Comparison]]:
    """Inside this block, every comparison that decides something in Python is noted: what a recorded path depends on.

    Yields
    ------
    list of Comparison
        Those that were used as a truth so far, in order.

    Examples
    --------
    >>> from microgrid import Value
    >>> with decisions() as decided:
    ...     y = max(Value(1.0, name="a"), Value(2.0, name="b"))
    >>> decided
    [<a < b is True>]
    """
    token = _watched.set([])
    try:
        watched = _watched.get()
        assert watched is not None  # set above
        yield watched
    finally:
        _watched.reset(token)


def _data_of(operand: Any) -> float:
    return operand.data if isinstance(operand, Value) else as_float(operand)


def _short(operand: Any) -> str:
    return (operand.name or repr(operand.data)) if isinstance(operand, Value) else repr(operand)


def _comparison_method(rule: Rule, *, swapped: bool) -> Callable[[Value, Any], Any]:
    def method(self: Value, other: Any) -> Any:
        if not isinstance(other, Value):
            if not _is_number(other):
                return NotImplemented
            other = as_float(other)
        return Comparison(rule, other, self) if swapped else Comparison(rule, self, other)

    return method


def _recorded_method(special: str) -> Callable[..., Any]:
    """An operator of Value, for a comparison: it stands for its node."""

    def method(self: Comparison, *other: Any) -> Any:
        return getattr(self.record(), special)(*other)

    return method


# ---- functions that take Values, plain numbers and arrays of either -------------------------------------------


def as_value(operand: Any) -> Value:
    """The operand as a node: a Value as it is, a comparison as its node, a plain number as a constant."""
    lifted = as_operand(operand)
    return lifted if isinstance(lifted, Value) else _constant(as_float(operand))


def _apply(rule: Rule, operands: tuple[Any, ...]) -> Any:
    """A node if an operand is one; otherwise a plain float."""
    if any([isinstance(operand, Value | Comparison) for operand in operands]):
        if rule.constant_form and not isinstance(operands[-1], Value | Comparison):
            rule = RULES[rule.constant_form]
        return recorder(rule)(*[as_value(operand) for operand in operands])
    return FLOAT.bind(rule)[0](*[as_float(operand) for operand in operands])


def elementwise(rule: Rule) -> Callable[..., Any]:
    """The function that applies a rule to its operands, and to arrays of them element by element.

    Parameters
    ----------
    rule : Rule
        Any rule; one on a list takes the list's elements, one after the other.

    Returns
    -------
    callable
        From Values, plain numbers or arrays to a node, a float or an array.
    """

    def function(*operands: Any) -> Any:
        if rule.arity not in (None, len(operands)):
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
    general = _list_function(rule) if rule.arity is None else elementwise(rule)
    return engine.function(rule, general, describe(rule))


# A rule with a constant operand is no function of its own: with a Value there, its derivative would be silently 0.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: _function(rule) for name, rule in RULES.items() if not any([region.constant for region in rule.regions])
}
"""The functions of the package by name, one for each rule; the general rule's function records a constant form."""


def _bind_methods() -> None:
    """Give Value a method for each rule of two or three operands, and its comparisons; the engine has the others."""
    for name, function in FUNCTIONS.items():
        rule = RULES[name]
        if rule.arity in (2, 3):
            for alias in (name, *rule.aliases):
                setattr(Value, alias, _function_as_method(function))
        if rule.operator in ("lt", "le"):
            setattr(Value, f"__{rule.operator}__", _comparison_method(rule, swapped=False))
            setattr(Value, f"__g{rule.operator[1]}__", _comparison_method(rule, swapped=True))
        elif rule.operator is not None:
            for special in (f"__{rule.operator}__", f"__r{rule.operator}__")[: rule.arity]:
                setattr(Comparison, special, _recorded_method(special))


def _function_as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Value, *operands: Any) -> Any:
        return function(self, *operands)

    return method


_bind_methods()
document(Value, FUNCTIONS)


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


def _twin(node: Value, parents: tuple[Value, ...]) -> Value:
    """A copy of a node with other parents."""
    twin: Value = engine.make(node.op, node.data, node.grad, node.name, parents, node.partials, node.is_constant)
    return twin


def _restore_leaf(data: float, grad: float, name: str | None) -> Value:
    leaf = Value(data, name)
    leaf.grad = grad
    return leaf


def flatten_graph(*roots: Value) -> tuple[Any, ...]:
    """A graph as flat columns: leaves as they are, so that they stay shared, and everything else as arrays."""
    order = topological_order(*roots)
    leaves = [node for node in order if node.op is None and not node.is_constant]
    rest = [node for node in order if node.op is not None or node.is_constant]
    place = {node: index for index, node in enumerate(leaves + rest)}
    rules = list(dict.fromkeys([node.op for node in rest]))
    number = {rule: index for index, rule in enumerate(rules)}
    return (
        leaves,
        rules,
        array("q", [number[node.op] for node in rest]),
        array("d", [node.data for node in rest]),
        array("d", [node.grad for node in rest]),
        array("q", [len(node.parents) for node in rest]),
        array("q", [place[parent] for node in rest for parent in node.parents]),
        array("d", [partial for node in rest for partial in node.partials]),
        {index: node.name for index, node in enumerate(rest) if node.name},
        array("q", [place[root] for root in roots]),
    )


def restore_graph(
    leaves: list[Value],
    rules: list[Rule | None],
    ops: array[int],
    data: array[float],
    grads: array[float],
    counts: array[int],
    parents: array[int],
    partials: array[float],
    names: dict[int, str],
    roots: array[int],
) -> list[Value]:
    """The roots of a graph that was flattened, with everything that they share."""
    nodes = list(leaves)
    start = 0
    for index, (op, number, grad, count) in enumerate(zip(ops, data, grads, counts, strict=True)):
        stop = start + count
        operands = tuple([nodes[place] for place in parents[start:stop]])
        rule = rules[op]
        slopes = tuple(partials[start:stop])
        nodes.append(engine.make(rule, number, grad, names.get(index), operands, slopes, rule is None))
        start = stop
    return [nodes[place] for place in roots]


def _restore_root(*columns: Any) -> Value:
    (root,) = restore_graph(*columns)
    return root


# ---- strictness -----------------------------------------------------------------------------------------------

# The engine counts the blocks that are open in any thread, and asks this slower context only if there is one.
_strict: ContextVar[bool] = ContextVar("microgrid_strict", default=False)


@public()
@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Inside this block, the first infinite or nan value or derivative raises, and names its node.

    Outside of it, numbers follow IEEE 754: log 0 is -inf, 0·inf is nan, and nothing raises. What is checked is what is
    recorded and swept in the block: plain floats are not, nor is ``data`` that somebody sets. A thread started in the
    block has a context of its own, in which strict is off.

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
    microgrid.NonFiniteError: log gave -inf, from p = 0.0
    """
    token = _strict.set(True)
    engine.add_strict_block(1)
    try:
        yield
    finally:
        engine.add_strict_block(-1)
        _strict.reset(token)


_MOST_TOLD = 8  # operands in a message


def described(node: Value) -> str:
    """A node in a message: its name, if it has one, and its number."""
    return f"{node.name} = {node.data!r}" if node.name else repr(node.data)


def operands_described(node: Value) -> str:
    """A node's operands in a message, the first few of them."""
    told = [described(parent) for parent in node.parents[:_MOST_TOLD]]
    more = len(node.parents) - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def _check_finite(node: Value) -> None:
    """Raise if strict is on in this context and the node's value or a local derivative is not finite."""
    if not _strict.get():
        return
    if not math.isfinite(node.data):
        if node.op is None:
            raise NonFiniteError(f"the leaf {described(node)} is not finite")
        raise NonFiniteError(f"{node.op.name} gave {node.data!r}, from {operands_described(node)}")
    for parent, partial in zip(node.parents, node.partials, strict=True):
        if not math.isfinite(partial):
            assert node.op is not None  # only a node with a rule has parents
            raise NonFiniteError(
                f"the derivative of {node.op.name} with respect to {described(parent)} is {partial!r}, "
                f"from {operands_described(node)}"
            )


def _check_adjoints(root: Value) -> None:
    """Raise if strict is on here and a derivative of the root is not finite, before any ``grad`` is touched."""
    if not _strict.get():
        return
    adjoints = pullback(root)
    for node in reversed(topological_order(root)):
        if not math.isfinite(adjoints[node]):
            made = f"the {node.op.name} node" if node.op else "the leaf"
            raise NonFiniteError(f"the derivative with respect to {made} {described(node)} is {adjoints[node]!r}")


engine.configure(
    {
        "as_float": as_float,
        "check_adjoints": _check_adjoints,
        "check_finite": _check_finite,
        "check_name": _check_name,
        "operand": as_operand,
    }
)
