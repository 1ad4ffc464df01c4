"""``Comparison``, what ``x < y`` gives: a truth that can become a node; and a record of those that chose a branch."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING, Any

from microgrid._public import public
from microgrid.core.arithmetic import PLAIN
from microgrid.core.engine import Value, as_value, recorder
from microgrid.core.operands import Deferred, as_float, is_number
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES
from microgrid.core.value import ValueBase

if TYPE_CHECKING:  # the rule table brings them
    from microgrid.core.table import Operators
else:
    Operators = object

__all__ = ["Comparison", "decisions"]


@public()
class Comparison(Deferred, Operators):
    """The answer to ``x < y``: true or false by the data, and usable as the condition of ``microgrid.where``.

    As a truth (in ``if``, ``sorted``, ``max``) it is decided by the data at the moment of comparing. As a condition,
    or in arithmetic, where it counts as 1 or 0, it is recorded as a node, so that the choice stays in the graph.
    ``(x > 1) & (x < 4)``, ``|`` and ``~`` are comparisons too; each side needs its parentheses.

    Parameters
    ----------
    rule : Rule
        The comparison.
    left, right : Value, Comparison or number
        What is compared.

    Examples
    --------
    >>> from microgrid import Value, where
    >>> x = Value(-2.0, name="x")
    >>> bool(x < 0)
    True
    >>> where(x < 0, -x, x).data
    2.0
    >>> (x < 0) & ~(x < -3)
    <(x < 0.0) & ~(x < -3.0) is True>
    """

    __slots__ = ("_truth", "left", "line", "right", "rule")

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
            self.line = _line_outside()
            watched.append(self)
        return self._truth

    def __repr__(self) -> str:
        return f"<{self._written()} is {self._truth}>"

    def _written(self) -> str:
        if self.rule.name == "equal":  # to 0: see __invert__
            return f"~{_short(self.left)}"
        sign = {"minimum": "&", "maximum": "|"}.get(self.rule.name, self.rule.symbol)
        return f"{_short(self.left)} {sign} {_short(self.right)}"

    def __and__(self, other: Comparison | bool) -> Comparison:
        return self._joined("minimum", other)

    def __or__(self, other: Comparison | bool) -> Comparison:
        return self._joined("maximum", other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Comparison:
        return Comparison(RULES["equal"], self, 0.0)

    def _joined(self, rule: str, other: Comparison | bool) -> Comparison:
        if not isinstance(other, Comparison | bool):
            return NotImplemented
        return Comparison(RULES[rule], self, other)

    def record(self) -> Value:
        """The comparison as a node of the graph: 1.0 if it holds, otherwise 0.0, with derivatives 0."""
        return recorder(self.rule)(as_value(self.left), as_value(self.right))


_watched: ContextVar[list[Comparison] | None] = ContextVar("microgrid_watched", default=None)


@contextlib.contextmanager
def decisions() -> Iterator[list[Comparison]]:
    """Inside this block, every comparison that decides something in Python is noted: what a recorded path depends on.

    Yields the comparisons that were used as a truth so far, in order.

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


def _line_outside() -> str:
    """The line that is being run outside of the package: a file and a number."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the way to the frames that Python documents
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "microgrid":
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _data_of(operand: Any) -> float:
    """The number of an operand; of a comparison, 1.0 or 0.0."""
    if isinstance(operand, Comparison):
        return float(operand._truth)  # noqa: SLF001  # of its own class
    return operand.data if isinstance(operand, Value) else as_float(operand)


def _short(operand: Any) -> str:
    if isinstance(operand, Comparison):
        written = operand._written()  # noqa: SLF001  # of its own class
        return written if written.startswith("~") else f"({written})"
    return (operand.name or repr(operand.data)) if isinstance(operand, Value) else repr(operand)


def _comparison_method(rule: Rule, *, swapped: bool) -> Callable[[Value, Any], Any]:
    def method(self: Value, other: Any) -> Any:
        if not isinstance(other, Value):
            if not is_number(other):
                return NotImplemented
            other = as_float(other)
        return Comparison(rule, other, self) if swapped else Comparison(rule, self, other)

    return method


def _recorded_method(special: str) -> Callable[..., Any]:
    """An operator of Value, for a comparison: it stands for its node."""

    def method(self: Comparison, *other: Any) -> Any:
        return getattr(self.record(), special)(*other)

    return method


def _bind_operators() -> None:
    """Give Value its comparisons, and a comparison the arithmetic operators of the node that it stands for."""
    for rule in RULES.values():
        if rule.operator in ("lt", "le"):
            setattr(ValueBase, f"__{rule.operator}__", _comparison_method(rule, swapped=False))
            setattr(ValueBase, f"__g{rule.operator[1]}__", _comparison_method(rule, swapped=True))
        elif rule.operator is not None:
            for special in (f"__{rule.operator}__", f"__r{rule.operator}__")[: rule.arity]:
                setattr(Comparison, special, _recorded_method(special))


_bind_operators()
