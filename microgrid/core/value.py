"""What a Value is, whichever engine stores it: ``ValueBase``, which the engines' nodes derive from.

An engine's class, ``python_engine.Value`` or the native one, adds where the numbers are kept, how an operation is
recorded, and the sweeps; ``engine`` chooses it. What an operand may be besides a Value is in ``operands``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, SupportsFloat

from microgrid._public import public
from microgrid.core.graph import topological_order
from microgrid.core.rule import Rule
from microgrid.errors import InvalidValueError

if TYPE_CHECKING:  # the engines bring them
    from microgrid.core.table import Methods
else:
    Methods = object

__all__ = ["ValueBase", "check_name", "named", "set_above"]


class ValueBase(Methods):
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

    # ---- what an engine brings: the numbers, how they are stored, and the sweeps ------------------------------

    if TYPE_CHECKING:
        data: float
        grad: float
        name: str | None

        def __init__(self, data: SupportsFloat, name: str | None = None, *, label: str | None = None) -> None: ...
        @property
        def op(self) -> Rule | None: ...
        @property
        def parents(self) -> tuple[ValueBase, ...]: ...
        @property
        def partials(self) -> tuple[float, ...]: ...
        @property
        def is_constant(self) -> bool: ...

    else:  # for the type checker, slots would be the only attributes
        __slots__ = ()

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
        raise NotImplementedError  # an engine's: the one to read is python_engine.Value.backward

    def zero_grad(self) -> None:
        """Set the ``grad`` of this node and of every node that it depends on to 0."""
        raise NotImplementedError

    def _twin(self, parents: tuple[ValueBase, ...]) -> ValueBase:
        """A copy of this node with other parents."""
        raise NotImplementedError

    # ---- what is the same whichever engine stores the node ----------------------------------------------------

    @property
    def label(self) -> str:
        """The name, or the empty string: micrograd's word for it."""
        return self.name or ""

    @label.setter
    def label(self, label: str) -> None:
        self.name = check_name(label)

    @property
    def _prev(self) -> tuple[ValueBase, ...]:
        """The distinct parents, as micrograd's notebooks walk them."""
        return tuple(dict.fromkeys(self.parents))

    @property
    def _op(self) -> str:
        """The operation's symbol, empty for a leaf, as micrograd's notebooks print it."""
        return self.op.symbol if self.op else ""

    def _backward(self) -> None:
        """Add this node's shares to its parents' gradients: one step of ``backward``, as in micrograd's lecture."""
        for parent, partial in zip(self.parents, self.partials, strict=True):
            parent.grad += partial * self.grad if partial or not (self.op and self.op.choice) else 0.0

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

        def __index__(self) -> int:
            raise InvalidValueError(
                "a Value is no index by itself, for its number may change from call to call: index an array of Values "
                "with it, microgrid.ValueArray(z)[y], or take int(y.data) for a fixed place"
            )

    def step_through(self, **options: Any) -> Any:
        """The page that steps through this graph: ``microgrid.step_through(self, **options)``."""
        return _above["pages"]().step_through(self, **options)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook shows for a Value as a cell's last line: its drawing."""
        bundle: dict[str, Any] = _above["view"](self, include, exclude)
        return bundle

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return _above["numpy"]().ufunc_of_values(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return _above["numpy"]().function_of_values(function, types, args, options)

    def __pos__(self) -> ValueBase:
        return self

    def conjugate(self) -> ValueBase:
        """The node itself, which is real: NumPy asks for it in ``var``, ``vdot`` and norms."""
        return self

    def __copy__(self) -> ValueBase:
        return self._twin(self.parents)

    def __deepcopy__(self, memo: dict[int, Any]) -> ValueBase:
        for node in topological_order(self):
            if id(node) not in memo:
                operands = tuple([memo[id(parent)] for parent in node.parents])
                memo[id(node)] = node._twin(operands)  # noqa: SLF001  # of its own class
        copied: ValueBase = memo[id(self)]
        return copied


_above: dict[str, Callable[..., Any]] = {}


def set_above(**functions: Callable[..., Any]) -> None:
    """Register what rooms above do for a Value, since nothing here knows them; they do so once, on import.

    ``view`` gives what a notebook shows, from a Value and what ``_repr_mimebundle_`` takes; ``pages`` imports the
    module with ``step_through``, and ``numpy`` the one with what NumPy's functions do with Values.
    """
    _above.update(functions)


def check_name(name: str | None) -> str | None:
    """The name, None for an empty one, or an error that says what a name is."""
    if name is not None and not isinstance(name, str):
        raise InvalidValueError(f"a name is a string, not {name!r}; only the first argument of Value is its data")
    return str.__str__(name) or None if name else None  # a subclass of str could refer back to the node


@public()
def named(value: ValueBase, name: str) -> ValueBase:
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
    if not isinstance(value, ValueBase):
        raise InvalidValueError(f"only a Value can be named, not {value!r}")
    value.name = check_name(name)
    return value
