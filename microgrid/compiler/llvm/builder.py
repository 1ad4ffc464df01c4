"""Write LLVM functions: integers, arrays, loops and branches around an arithmetic's instructions.

What a function computes is written elsewhere, in Python that reads like the function; no operation is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from microgrid.compiler.llvm.instructions import Instructions, vector_type, written
from microgrid.core.source import Term

__all__ = ["Array", "Integer", "Routine", "Variable"]

_EXTENDED = {"i32": "sext", "i16": "zext", "i8": "zext"}  # how an integer of an array becomes one of 64 bits
_ALIGNED = {"float": 4, "i32": 4, "i16": 2, "i8": 1}  # of all else: 8
_INTEGERS = ("i64", *_EXTENDED)


class Integer:
    """An integer of 64 bits in a routine: the name of its register, or a literal."""

    __slots__ = ("routine", "text")

    def __init__(self, routine: Routine, text: str) -> None:
        self.routine, self.text = routine, text

    def _with(self, operation: str, other: Integer | int) -> Integer:
        return self.routine.integer(f"{operation} i64 {self.text}, {_text(other)}")

    def _compared(self, order: str, other: Integer | int) -> str:
        return self.routine.define(f"icmp {order} i64 {self.text}, {_text(other)}").text

    def __add__(self, other: Integer | int) -> Integer:
        return self._with("add", other)

    def __sub__(self, other: Integer | int) -> Integer:
        return self._with("sub", other)

    def __mul__(self, other: Integer | int) -> Integer:
        return self._with("mul", other)

    def __and__(self, other: Integer | int) -> Integer:
        return self._with("and", other)

    def __or__(self, other: Integer | int) -> Integer:
        return self._with("or", other)

    def __xor__(self, other: Integer | int) -> Integer:
        return self._with("xor", other)

    def __rshift__(self, other: Integer | int) -> Integer:
        return self._with("lshr", other)

    def __lt__(self, other: Integer | int) -> str:
        return self._compared("slt", other)

    def __le__(self, other: Integer | int) -> str:
        return self._compared("sle", other)

    def __gt__(self, other: Integer | int) -> str:
        return self._compared("sgt", other)

    def __ge__(self, other: Integer | int) -> str:
        return self._compared("sge", other)

    def equals(self, other: Integer | int) -> str:
        """Whether the two are equal: a condition, as ``<`` and ``<=`` give it."""
        return self._compared("eq", other)

    def differs(self, other: Integer | int) -> str:
        """Whether the two are not equal."""
        return self._compared("ne", other)


def _text(number: Integer | int) -> str:
    return number.text if isinstance(number, Integer) else str(number)


class Array:
    """Numbers in memory that a routine reads and writes, from the address in a register on.

    The ``kind`` of the elements is ``double``, ``float``, a vector of doubles, ``i64``, ``i32``, or ``i16`` and ``i8``
    without a sign; ``ptr`` for addresses.
    """

    def __init__(self, routine: Routine, kind: str, pointer: str) -> None:
        self.routine, self.kind, self.pointer = routine, kind, pointer

    def at(self, place: Integer | int) -> Array:
        """The array from a place on, which may be negative."""
        address = f"getelementptr {self.kind}, ptr {self.pointer}, i64 {_text(place)}"
        return Array(self.routine, self.kind, self.routine.define(address).text)

    def of(self, kind: str) -> Array:
        """The same memory as elements of another type."""
        return Array(self.routine, kind, self.pointer)

    def __getitem__(self, place: Integer | int) -> Any:
        pointer = self.at(place).pointer
        loaded = self.routine.define_anew(f"load {self.kind}, ptr {pointer}, align {_ALIGNED.get(self.kind, 8)}")
        if self.kind in _EXTENDED:
            return self.routine.integer(f"{_EXTENDED[self.kind]} {self.kind} {loaded.text} to i64")
        return Integer(self.routine, loaded.text) if self.kind == "i64" else loaded

    def __setitem__(self, place: Integer | int, number: Any) -> None:
        text = _text(number) if self.kind in _INTEGERS else self.routine.write(number)
        if self.kind in _EXTENDED and isinstance(number, Integer):
            text = self.routine.define(f"trunc i64 {text} to {self.kind}").text
        pointer = self.at(place).pointer
        self.routine.emit(f"store {self.kind} {text}, ptr {pointer}, align {_ALIGNED.get(self.kind, 8)}")

    def doubles(self, count: int, there: int = 0) -> Term:
        """So many neighbours from the first on, floats or doubles, as doubles in a register.

        If only some of them are ``there``, the others are 0 and not read.
        """
        kind, size = vector_type(self.kind, count), _ALIGNED.get(self.kind, 8)
        read = f"load {kind}, ptr {self.pointer}, align {size}"
        if there not in (0, count):
            mask = ", ".join([f"i1 {lane < there}".lower() for lane in range(count)])
            name = f"@llvm.masked.load.v{count}{'f64' if self.kind == 'double' else 'f32'}.p0"
            self.routine.functions.add(f"declare {kind} {name}(ptr, i32, <{count} x i1>, {kind})")
            given = f"ptr {self.pointer}, i32 {size}, <{count} x i1> <{mask}>, {kind} zeroinitializer"
            read = f"call {kind} {name}({given})"
        loaded = self.routine.define_anew(read)
        if self.kind == "double":
            return loaded
        return self.routine.define(f"fpext {kind} {loaded.text} to {vector_type('double', count)}")

    def registers(self, place: Integer) -> Term:
        """As many doubles as the routine's arithmetic holds in a register, from a place on."""
        number: Term = self.at(place).of(self.routine.type)[0]
        return number

    def set_registers(self, place: Integer, number: Any) -> None:
        """Write as many doubles from a place on."""
        self.at(place).of(self.routine.type)[0] = number


class Variable:
    """What changes while a routine runs: LLVM keeps it in a register.

    Its first value says what it is: an integer, a double, or the address of numbers; or ``kind`` does.
    """

    def __init__(self, routine: Routine, start: Any, kind: str = "") -> None:
        self.routine = routine
        self._elements = start.kind if isinstance(start, Array) else ""
        self._kind = kind or ("ptr" if self._elements else "double" if isinstance(start, Term | float) else "i64")
        self._pointer = routine.allocated(self._kind)
        self.value = start

    @property
    def value(self) -> Any:
        """What it is now, as an Integer, a Term or an Array."""
        text = self.routine.define_anew(f"load {self._kind}, ptr {self._pointer}, align 8").text
        if self._kind == "ptr":
            return Array(self.routine, self._elements, text)
        return Integer(self.routine, text) if self._kind == "i64" else self.routine.term(text)

    @value.setter
    def value(self, number: Any) -> None:
        if self._kind == "ptr":
            text = number.pointer
        else:
            text = _text(number) if self._kind == "i64" else self.routine.write(number)
        self.routine.emit(f"store {self._kind} {text}, ptr {self._pointer}, align 8")


class Routine(Instructions):
    r"""An LLVM function that is being built.

    The register of a parameter, whose type ``parameters`` gives, is its name behind a percent sign. Without a
    ``convention`` it is called as C calls. The other options are those of ``Instructions``.

    Examples
    --------
    >>> routine = Routine("sum", {"numbers": "ptr", "count": "i64"}, result="double")
    >>> numbers, total = Array(routine, "double", "%numbers"), Variable(routine, 0.0)
    >>> with routine.loop_over(0, Integer(routine, "%count")) as place:
    ...     total.value = total.value + numbers[place]
    >>> routine.returns(total.value)
    >>> text = routine.text()
    """

    def __init__(
        self,
        name: str,
        parameters: dict[str, str],
        *,
        convention: str = "",
        result: str = "void",
        width: int = 1,
        vector_functions: dict[str, str] | None = None,
        contract: bool = False,
        pieces: int = 1,
    ) -> None:
        super().__init__(width, vector_functions, contract=contract, pieces=pieces)
        self.routine_name = name
        self._result = result
        signature = ", ".join([f"{kind} %{parameter}" for parameter, kind in parameters.items()])
        self._head = f"define {convention} {result} @{name}({signature}) {{"
        self._variables: list[str] = []
        self._labels = 0

    def text(self) -> str:
        """The lines of the whole function."""
        return "\n".join([self._head, *self._variables, *written(self.lines), "}", ""])

    def integer(self, text: str) -> Integer:
        """The register that holds an integer expression."""
        return Integer(self, self.define(text).text)

    def array(self, kind: str, parameter: str) -> Array:
        """The array that a parameter points at."""
        return Array(self, kind, f"%{parameter}")

    def pointer(self, kind: str, address: Integer) -> Array:
        """The array that begins at an address."""
        return Array(self, kind, self.define(f"inttoptr i64 {address.text} to ptr").text)

    def allocated(self, kind: str) -> str:
        """The address of new memory for one number, which LLVM makes a register."""
        name = f"%variable{len(self._variables)}"
        self._variables.append(f"  {name} = alloca {kind}, align 8")
        return name

    def select(self, condition: str, then: Integer | int, otherwise: Integer | int) -> Integer:
        """One of two integers, by a comparison."""
        return self.integer(f"select i1 {condition}, i64 {_text(then)}, i64 {_text(otherwise)}")

    def smaller(self, one: Integer, other: Integer | int) -> Integer:
        """The smaller of two integers."""
        return self.select(one < other, one, other)

    def both(self, one: str, other: str) -> str:
        """Whether two comparisons hold."""
        return self.define(f"and i1 {one}, {other}").text

    # ---- calls ------------------------------------------------------------------------------------------------

    def call(self, name: str, *arguments: Array | Integer | int) -> None:
        """Call a function of the module that returns nothing."""
        given = [
            f"ptr {argument.pointer}" if isinstance(argument, Array) else f"i64 {_text(argument)}"
            for argument in arguments
        ]
        self.emit(f"call void @{name}({', '.join(given)})")

    def clear(self, doubles: Array, count: int) -> None:
        """Set so many doubles to 0."""
        self.functions.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.emit(f"call void @llvm.memset.p0.i64(ptr align 8 {doubles.pointer}, i8 0, i64 {8 * count}, i1 false)")

    def prefetch(self, place: Array) -> None:
        """Ask for memory that will be read later, into the second level of caches."""
        self.functions.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.emit(f"call void @llvm.prefetch.p0(ptr {place.pointer}, i32 0, i32 2, i32 1)")

    @contextmanager
    def aside(self) -> Iterator[list[Any]]:
        """Lines that are built now and put where the caller wants them; what they define is used by no others."""
        lines, known = self.lines, self._known
        self.lines, self._known = [], {}
        yield self.lines
        self.lines, self._known = lines, known

    # ---- control flow -----------------------------------------------------------------------------------------

    def returns(self, number: Any = None) -> None:
        """End the function."""
        text = {"void": lambda _: "", "double": self.write, "i64": _text}[self._result](number)
        self.emit(f"ret {self._result} {text}")

    def _label(self) -> str:
        self._labels += 1
        return f"l{self._labels}"

    def _start(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def _go(self, label: str) -> None:
        self.emit(f"br label %{label}")

    def _branch(self, condition: str, then: str, otherwise: str) -> None:
        self.emit(f"br i1 {condition}, label %{then}, label %{otherwise}")

    @contextmanager
    def if_true(self, condition: str) -> Iterator[None]:
        """A branch: what is built inside runs if a condition holds."""
        then, after = self._label(), self._label()
        known = dict(self._known)
        self._branch(condition, then, after)
        self._start(then)
        yield
        self._go(after)
        self._start(after)
        self._known = known  # what was defined inside ends with it

    @contextmanager
    def loop_while(self, condition: Callable[[], str]) -> Iterator[None]:
        """A loop that is tested before each pass."""
        ask, inside, after = self._label(), self._label(), self._label()
        known = dict(self._known)
        self._go(ask)
        self._start(ask)
        self._branch(condition(), inside, after)
        self._start(inside)
        yield
        self._go(ask)
        self._start(after)
        self._known = known

    @contextmanager
    def loop_until(self, condition: Callable[[], str]) -> Iterator[None]:
        """A loop that is tested after each pass: it ends when a condition holds."""
        inside, after = self._label(), self._label()
        known = dict(self._known)
        self._go(inside)
        self._start(inside)
        yield
        self._branch(condition(), after, inside)
        self._start(after)
        self._known = known

    @contextmanager
    def loop_over(self, start: Integer | int, stop: Integer | int, step: int = 1) -> Iterator[Integer]:
        """A loop over the integers from the first to before the last, in steps; tested after each pass."""
        with self.if_true(self.define(f"icmp slt i64 {_text(start)}, {_text(stop)}").text):
            place = Variable(self, start)
            with self.loop_until(lambda: place.value >= stop):
                here = place.value
                yield here
                place.value = here + step
