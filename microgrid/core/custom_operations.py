"""Operations of a user's own: two functions, a value and its local derivatives, become a rule beside the table's.

What such an operation does from then on (record, draw, differentiate, copy) is what any rule does; here are only how
the two functions are read, how they are run in an arithmetic, and what is said when they are wrong.
"""

from __future__ import annotations

import inspect
import operator as infix
import sys
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakValueDictionary, ref

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.core.functions import elementwise
from microgrid.core.operands import as_float, as_operand
from microgrid.core.rule import Pair, Region, Rule, letters_of
from microgrid.core.rules import MANY, REAL
from microgrid.core.strictness import described
from microgrid.core.value_arithmetic import VALUE
from microgrid.errors import InvalidValueError, OperationError

__all__ = ["CustomRule", "Operation", "custom"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CustomRule(Rule):
    """The rule of a user's own operation."""

    written: Pair = field(kw_only=True)  # ``value`` and ``partials``, as the user wrote them
    numpy: bool = field(kw_only=True)  # whether they take NumPy's arrays as they take floats

    @property
    def portable(self) -> bool:
        """Whether both functions take the arithmetic ``m``, so that they run in every one."""
        return all([_takes_m(function) for function in self.written])

    @property
    def on_arrays(self) -> bool:
        """Whether both functions run on NumPy's arrays: as they are, or in every arithmetic."""
        return self.numpy or self.portable

    @property
    def source(self) -> str:
        """Where the partials are written, as ``"file.py:12"``."""
        return _place(self.written[1])

    @property
    def value_source(self) -> str:
        """Where the value is written."""
        return _place(self.written[0])

    def __repr__(self) -> str:
        return f"<rule {self.name} of {self.value_source}>"

    def __copy__(self) -> CustomRule:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> CustomRule:
        return self

    def __reduce__(self) -> tuple[Callable[..., Rule], tuple[Any, ...]]:
        value, _ = self.written
        if getattr(_imported(value), "rule", None) is self:  # f = custom(f, ...): the name is the operation's now
            return _rule_at, (value.__module__, value.__qualname__)
        for function in self.written:
            if _imported(function) is not function:
                raise OperationError(
                    f"the operation {self.name} can't be pickled, for its function at {_place(function)} can't be "
                    "imported by another process: define it with def, at the top of a module, and keep its name"
                )
        return _rule_of, (*self.written, self.name, self.symbol, self.latex, self.regions, self.numpy)


class Operation:
    """A user's own operation as a function, as ``custom`` returns it: its rule, and the parameters that it takes."""

    __name__: str

    def __init__(self, rule: CustomRule, operands: list[inspect.Parameter]) -> None:
        self.rule = rule
        self.__name__ = self.__qualname__ = rule.name
        self.__doc__ = _describe(rule)
        self.__signature__ = inspect.Signature(operands)
        self.__wrapped__, _ = rule.written
        self._function = elementwise(rule)

    def __call__(self, *operands: Any) -> Any:
        """A node if an operand is a Value, a float of plain numbers, an array of arrays."""
        return self._function(*operands)

    def __repr__(self) -> str:
        operands = ", ".join([str(one) for one in self.__signature__.parameters.values()])
        return f"<operation {self.__name__}({operands}) of {self.rule.value_source}>"

    def __copy__(self) -> Operation:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Operation:
        return self

    def __reduce__(self) -> tuple[Callable[..., Operation], tuple[Any, ...]]:
        return _operation_of, (self.rule,)


# The same functions and words make the same operation while it, or a node of it, is there. The keys are identities of
# what the rule holds.
_OPERATIONS: WeakValueDictionary[Hashable, Operation] = WeakValueDictionary()
_RULES: WeakValueDictionary[Hashable, CustomRule] = WeakValueDictionary()


@public()
def custom(
    value: Callable[..., Any],
    partials: Callable[..., Any],
    *,
    name: str | None = None,
    symbol: str | None = None,
    latex: str | None = None,
    regions: Iterable[Region] | None = None,
    numpy: bool = False,
) -> Operation:
    r"""An operation of one's own, from its value and its local derivatives.

    It records, draws, differentiates and pickles like the operations of the package. How it is differentiated is what
    ``partials`` says: nothing looks into ``value``.

    Parameters
    ----------
    value : callable
        ``value(x, y)`` gives a number. There are as many operands as ``value`` has positional parameters without a
        default; ``value(*xs)`` makes an operation of any number of operands.
    partials : callable
        ``partials(out, x, y)`` gives one local derivative for each operand, given the output, in a tuple or a list.
        For one operand, the bare number will do.
    name : str, optional
        For messages and drawings; by default the name of the function ``value``, or "custom".
    symbol : str, optional
        What stands in the operation's circle in a drawing; by default the name.
    latex : str, optional
        The formula, with ``{x}``, ``{y}``, ``{z}`` for the operands, ``{x1}``, ``{x2}``, ... for more than three, and
        ``{xs}`` for any number; other braces are doubled.
    regions : iterable of Region, optional
        One for each operand: where it is regular, which is where a check draws its points.
    numpy : bool, default False
        Whether both functions take NumPy arrays as they take floats, element by element, as SciPy's do. Then a function
        that is compiled for rows calls them with whole columns; with ``precise=True``, which asks for the bits of
        floats, row by row all the same.

    Returns
    -------
    Operation
        A function such as ``microgrid.exp``: of a Value it records a node, of plain numbers it gives a float, of
        arrays an array. Its ``rule`` is what nodes have as ``op``. The same functions and words give the same one.

    Raises
    ------
    OperationError
        If no operation can be made of that; where it is used, if it is not written for what is asked of it.
    InvalidValueError
        Where it is used, if one of the functions gives what is no number, or too many of them.

    Notes
    -----
    Functions written with operators, ``math`` and the functions of the package run on floats, which follow IEEE 754 as
    far as operators go. ``partials`` runs on Values too if it uses ``microgrid.exp`` instead of ``math.exp``: then the
    derivative can be differentiated again.

    A function with a keyword-only parameter ``m`` is given the arithmetic, as the rules of the package are, and takes
    every function from it: ``m.exp``, ``m.abs``, ``m.where(m.less(x, 0.0), y, z)``. If both are written so, the
    operation runs in every arithmetic: as source text, on complex numbers, in high precision.

    Examples
    --------
    >>> import microgrid
    >>> hump = microgrid.custom(
    ...     lambda x, *, m: m.exp(-x * x), lambda out, x, *, m: -2.0 * x * out, name="hump", latex="e^{{-{x}^2}}"
    ... )
    >>> x = microgrid.Value(0.5)
    >>> y = hump(x)
    >>> y.backward()
    >>> x.grad == -y.data
    True
    >>> hump(0.0)
    1.0
    """
    operands = _operands_of(value)
    _check_partials(partials, operands)
    name = _text("name", name, _name_of(value))
    ranges = _regions(name, operands, regions)
    words = (name, _text("symbol", symbol, name), _text("latex", latex, _default_latex(name, ranges)))
    key = (_identity(value), _identity(partials), *words, ranges, bool(numpy))
    operation = _OPERATIONS.get(key)
    if operation is None:
        rule = _RULES.get(key) or _rule((value, partials), words, ranges, numpy=bool(numpy))
        operation = Operation(_RULES.setdefault(key, rule), operands)
    return _OPERATIONS.setdefault(key, operation)


def _rule(written: Pair, words: tuple[str, str, str], regions: tuple[Region, ...], *, numpy: bool) -> CustomRule:
    name, symbol, latex = words
    made: list[ref[CustomRule]] = []  # the rule, which must not hold itself: it is freed with its last node
    rule = CustomRule(name, lambda m: _pair(made[0], m), symbol, latex, regions, written=written, numpy=numpy)
    made.append(ref(rule))
    try:
        latex.format(**dict.fromkeys(rule.letters, "x"))
    except (LookupError, ValueError, AttributeError) as error:
        letters = " ".join([f"{{{letter}}}" for letter in rule.letters])
        raise OperationError(
            f"the latex of the operation {name} can't be filled in ({type(error).__name__}: {error}): its operands are "
            f"{letters}, and every other brace is doubled"
        ) from None
    return rule


@public()
def _rule_of(
    value: Callable[..., Any],
    partials: Callable[..., Any],
    name: str,
    symbol: str,
    latex: str,
    regions: tuple[Region, ...],
    numpy: bool = False,
) -> Rule:
    return custom(value, partials, name=name, symbol=symbol, latex=latex, regions=regions, numpy=numpy).rule


@public()
def _rule_at(module: str, name: str) -> Rule:
    operation: Operation = infix.attrgetter(name)(import_module(module))
    return operation.rule


@public()
def _operation_of(rule: CustomRule) -> Operation:
    value, partials = rule.written
    words = {"name": rule.name, "symbol": rule.symbol, "latex": rule.latex}
    return custom(value, partials, **words, regions=rule.regions, numpy=rule.numpy)


# ---- reading what was given -----------------------------------------------------------------------------------

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _signature(what: str, function: Any) -> inspect.Signature:
    if not callable(function):
        raise OperationError(f"the {what} of an operation is a function, not {function!r}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        raise OperationError(
            f"what {_place(function)} takes can't be read: wrap it in a function that says so, as in lambda x: f(x)"
        ) from None
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty and parameter.name != "m":
            raise OperationError(
                f"the {what} at {_place(function)} needs {parameter.name!r} as a keyword, and only m, the arithmetic, "
                f"is given as one: give {parameter.name!r} a default"
            )
    return signature


def _operands_of(value: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of ``value`` that are operands; a single one that takes any number, or so many."""
    parameters = _signature("value", value).parameters.values()
    operands = [one for one in parameters if one.kind in _POSITIONAL and one.default is one.empty]
    many = [one for one in parameters if one.kind is one.VAR_POSITIONAL]
    if many and not operands:
        return [many[0].replace(annotation=inspect.Parameter.empty)]
    if not operands or many:
        raise OperationError(
            f"the value at {_place(value)} takes {', '.join(map(str, parameters)) or 'nothing'}: an operation has so "
            "many operands, as in value(x, y), or any number, as in value(*xs)"
        )
    return [inspect.Parameter(one.name, one.POSITIONAL_ONLY) for one in operands]


def _check_partials(partials: Callable[..., Any], operands: list[inspect.Parameter]) -> None:
    signature = _signature("partials", partials)
    takes_any = any([one.kind is one.VAR_POSITIONAL for one in signature.parameters.values()])
    any_number = operands[0].kind is inspect.Parameter.VAR_POSITIONAL
    fits = takes_any or not any_number
    try:
        signature.bind("out", *operands, **({"m": None} if _takes_m(partials) else {}))
    except TypeError:
        fits = False
    if not fits:
        wanted = ", ".join(["out", *[str(one) for one in operands]])
        raise OperationError(
            f"the partials at {_place(partials)} take {signature}, but have to take the output and the operands of "
            f"the value, as in partials({wanted})"
        )


def _takes_m(function: Callable[..., Any]) -> bool:
    parameter = inspect.signature(function).parameters.get("m")
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY


def _regions(name: str, operands: list[inspect.Parameter], regions: Iterable[Region] | None) -> tuple[Region, ...]:
    any_number = operands[0].kind is inspect.Parameter.VAR_POSITIONAL
    if regions is None:
        return (MANY,) if any_number else (REAL,) * len(operands)
    if isinstance(regions, Region):
        raise OperationError(f"the regions of the operation {name} are a list, one for each operand: [{regions!r}]")
    given = tuple(regions)
    if len(given) != len(operands):
        raise OperationError(
            f"the operation {name} has {len(operands)} operands, but {len(given)} regions: give one each"
        )
    for region in given:
        if not isinstance(region, Region) or region.constant:
            raise OperationError(
                f"a region of the operation {name} is a Region of operands that are differentiated, not {region!r}"
            )
        if not all([isinstance(end, int | float) for end in (region.low, region.high)]) or not region.low < region.high:
            raise OperationError(
                f"a region of the operation {name} lies between two numbers, the lower one first, not between "
                f"{region.low!r} and {region.high!r}"
            )
    return tuple([replace(region, repeated=any_number) for region in given])


def _text(what: str, given: str | None, default: str) -> str:
    text = default if given is None else given
    if not isinstance(text, str) or not text:
        raise OperationError(f"the {what} of an operation is a text, not {text!r}")
    return text


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "<lambda>")
    return "custom" if name == "<lambda>" else name


_LATEX = {"\\": r"\backslash ", "~": r"\sim ", "^": r"\wedge ", " ": r"\ "} | {c: f"\\{c}" for c in "{}_#$%&"}


def _default_latex(name: str, regions: tuple[Region, ...]) -> str:
    escaped = "".join([_LATEX.get(letter, letter) for letter in name]).replace("{", "{{").replace("}", "}}")
    operands = ", ".join([f"{{{letter}}}" for letter in letters_of(regions)])
    return f"\\operatorname{{{{{escaped}}}}}\\left({operands}\\right)"


def _identity(function: Callable[..., Any]) -> Hashable:
    """What tells functions apart. Those that a loop makes anew of one text, with one closure, are the same."""
    if isinstance(function, MethodType):
        return id(function.__self__), _identity(function.__func__)
    if not isinstance(function, FunctionType):
        return id(function)
    held = [*(function.__closure__ or ()), *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return (id(function.__code__), id(function.__globals__), *map(id, held))


def _imported(function: Callable[..., Any]) -> Any:
    """What another process would find under the function's name: the function itself, something else, or None."""
    try:
        return infix.attrgetter(function.__qualname__)(sys.modules[function.__module__])
    except (AttributeError, KeyError):
        return None


def _place(function: Callable[..., Any]) -> str:
    """Where the function is written, ``"file.py:12"``; its name where it is not written in Python."""
    inner: Any = inspect.unwrap(function)
    while isinstance(inner, partial):
        inner = inspect.unwrap(inner.func)
    if not inspect.isroutine(inner):
        inner = getattr(inner, "__call__", inner)  # noqa: B004  # where an object that can be called is written
    code = getattr(inner, "__code__", None)
    if code is None:
        return getattr(inner, "__qualname__", repr(inner))
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _describe(rule: CustomRule) -> str:
    value, _ = rule.written
    own = inspect.getdoc(value) if inspect.isroutine(value) else None
    return own or (
        f"``{rule.name}({', '.join(rule.letters)})``: the value of {rule.value_source}, with the partials of "
        f"{rule.source}."
    )


# ---- running it -----------------------------------------------------------------------------------------------


def _pair(known: ref[CustomRule], m: Any) -> Pair:
    """The two functions in an arithmetic, with what they give checked; they don't keep the rule."""
    rule = _held(known)
    if not (rule.portable or m.floats or m is VALUE or (m.arrays and rule.numpy)):
        raise OperationError(
            f"the operation {rule.name} ({rule.value_source}) is written for floats and Values, not for the "
            f"{m.name} arithmetic: let its value and its partials take a keyword-only m, and take every function from "
            "it, as in def value(x, *, m): return m.exp(-x * x)"
        )
    number = as_float if m.floats else _node_or_float if m is VALUE else _anything
    value, partials = [partial(f, m=m) if _takes_m(f) else f for f in rule.written]

    def checked_value(*operands: Any) -> Any:
        if m is VALUE:  # the value is the node itself: what the functions have as derivatives is not what the user says
            return elementwise(_held(known))(*operands)
        rule = _held(known)
        return _number(number, _run(rule, "value", value, operands), rule, "value", operands)

    def checked_partials(out: Any, *operands: Any) -> list[Any]:
        rule = _held(known)
        slopes = _one_each(_run(rule, "partials", partials, operands, out), rule, operands)
        return [_number(number, slope, rule, "partials", operands) for slope in slopes]

    return (checked_value, checked_partials) if rule.arity is not None else _on_a_list(checked_value, checked_partials)


def _held(known: ref[CustomRule]) -> CustomRule:
    """The rule, which whoever uses it holds."""
    rule = known()
    assert rule is not None
    return rule


def _on_a_list(value: Callable[..., Any], partials: Callable[..., Any]) -> Pair:
    """The form of the table's rules on lists."""
    return lambda xs: value(*xs), lambda out, xs: [partials(out, *xs)]


def _run(rule: CustomRule, what: str, function: Callable[..., Any], operands: tuple[Any, ...], *out: Any) -> Any:
    try:
        return function(*out, *operands)
    except Exception as error:
        error.add_note(f"in the {_which(rule, what, operands)}")
        raise


def _one_each(slopes: Any, rule: CustomRule, operands: tuple[Any, ...]) -> Iterable[Any]:
    if not isinstance(slopes, tuple | list):
        slopes = (slopes,) if len(operands) == 1 else slopes
    if not isinstance(slopes, tuple | list) or len(slopes) != len(operands):
        raise InvalidValueError(
            f"the {_which(rule, 'partials', operands)} gave {slopes!r}, not {len(operands)} derivatives: give a tuple "
            "or a list with one for each operand"
        )
    return slopes


def _number(number: Callable[[Any], Any], result: Any, rule: CustomRule, what: str, operands: tuple[Any, ...]) -> Any:
    try:
        return number(result)
    except InvalidValueError as error:
        raise InvalidValueError(f"the {_which(rule, what, operands)} gave a wrong result: {error}") from None


def _node_or_float(result: Any) -> Any:
    lifted = as_operand(result)
    return as_float(result) if lifted is NotImplemented else lifted


def _anything(result: Any) -> Any:
    return as_float(result) if result is None else result


_MOST_TOLD = 8  # operands in a message


def _which(rule: CustomRule, what: str, operands: tuple[Any, ...]) -> str:
    """The function, its operation, its place and the operands, for a message."""
    source = rule.value_source if what == "value" else rule.source
    told = [described(one) if isinstance(one, Value) else repr(one) for one in operands[:_MOST_TOLD]]
    more = f" and {len(operands) - len(told):,} more" if len(operands) > len(told) else ""
    return f"{what} of the operation {rule.name} ({source}) at {', '.join(told)}{more}"
