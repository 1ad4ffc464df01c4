"""Routines in LLVM's language: whole numbers, arrays, loops and choices around an arithmetic's instructions.

What a routine computes is written elsewhere, in Python that reads like the routine; no operation is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from microgrid.compiler.llvm.instructions import Instructions
from microgrid.core.source import Term

__all__ = ["Array", "Routine", "Variable", "Whole"]

_SIGNED = {"i32": "sext", "i16": "zext", "i8": "zext"}  # how a whole number of an array becomes one of 64 bits
_ALIGNED = {"double": 8, "ptr": 8, "i64": 8, "i32": 4, "i16": 2, "i8": 1}


class Whole:
    """A whole number of 64 bits in a register of a routine.

    Parameters
    ----------
    routine : Routine
        Where it is.
    text : str
        The register's name, or a literal.
    """

    __slots__ = ("routine", "text")

    def __init__(self, routine: Routine, text: str) -> None:
        self.routine, self.text = routine, text

    def _with(self, operation: str, other: Whole | int) -> Whole:
        return self.routine.whole(f"{operation} i64 {self.text}, {_text(other)}")

    def _compared(self, order: str, other: Whole | int) -> str:
        return self.routine.define_anew(f"icmp {order} i64 {self.text}, {_text(other)}").text

    def __add__(self, other: Whole | int) -> Whole:
        return self._with("add", other)

    def __sub__(self, other: Whole | int) -> Whole:
        return self._with("sub", other)

    def __mul__(self, other: Whole | int) -> Whole:
        return self._with("mul", other)

    def __and__(self, other: Whole | int) -> Whole:
        return self._with("and", other)

    def __or__(self, other: Whole | int) -> Whole:
        return self._with("or", other)

    def __xor__(self, other: Whole | int) -> Whole:
        return self._with("xor", other)

    def __rshift__(self, other: Whole | int) -> Whole:
        return self._with("lshr", other)

    def __lt__(self, other: Whole | int) -> str:
        return self._compared("slt", other)

    def __le__(self, other: Whole | int) -> str:
        return self._compared("sle", other)

    def __gt__(self, other: Whole | int) -> str:
        return self._compared("sgt", other)

    def __ge__(self, other: Whole | int) -> str:
        return self._compared("sge", other)

    def equals(self, other: Whole | int) -> str:
        """Whether the two are equal: a truth, as the comparisons ``<`` and ``<=`` give it."""
        return self._compared("eq", other)

    def differs(self, other: Whole | int) -> str:
        """Whether the two are not equal."""
        return self._compared("ne", other)


def _text(number: Whole | int) -> str:
    return number.text if isinstance(number, Whole) else str(number)


class Array:
    """Numbers in memory that a routine reads and writes.

    Parameters
    ----------
    routine : Routine
        Which.
    kind : str
        What they are: ``double``, ``i64``, ``i32``, or ``i16`` and ``i8`` without a sign; ``ptr`` for addresses.
    pointer : str
        The register that holds the address of the first.
    """

    def __init__(self, routine: Routine, kind: str, pointer: str) -> None:
        self.routine, self.kind, self.pointer = routine, kind, pointer

    def at(self, place: Whole | int) -> Array:
        """The array from a place on.

        Parameters
        ----------
        place : Whole or int
            Which one is the first; it may be negative.

        Returns
        -------
        Array
            Of the same memory.
        """
        address = f"getelementptr {self.kind}, ptr {self.pointer}, i64 {_text(place)}"
        return Array(self.routine, self.kind, self.routine.define_anew(address).text)

    def __getitem__(self, place: Whole | int) -> Any:
        pointer = self.at(place).pointer
        loaded = self.routine.define_anew(f"load {self.kind}, ptr {pointer}, align {_ALIGNED[self.kind]}")
        if self.kind in _SIGNED:
            return self.routine.whole(f"{_SIGNED[self.kind]} {self.kind} {loaded.text} to i64")
        return Whole(self.routine, loaded.text) if self.kind == "i64" else loaded

    def __setitem__(self, place: Whole | int, number: Any) -> None:
        text = self.routine.write(number) if self.kind == "double" else _text(number)
        if self.kind in _SIGNED and isinstance(number, Whole):
            text = self.routine.define_anew(f"trunc i64 {text} to {self.kind}").text
        pointer = self.at(place).pointer
        self.routine.lines.append(f"  store {self.kind} {text}, ptr {pointer}, align {_ALIGNED[self.kind]}")

    def registers(self, place: Whole) -> Term:
        """As many doubles as the routine's arithmetic holds in a register, from a place on."""
        pointer = self.at(place).pointer
        return self.routine.define_anew(f"load {self.routine.type}, ptr {pointer}, align 8")

    def set_registers(self, place: Whole, number: Any) -> None:
        """Write as many doubles from a place on."""
        pointer = self.at(place).pointer
        self.routine.lines.append(f"  store {self.routine.type} {self.routine.write(number)}, ptr {pointer}, align 8")


class Variable:
    """What changes while a routine runs: LLVM keeps it in a register.

    Parameters
    ----------
    routine : Routine
        Whose.
    start : Whole, Term, Array or number
        Its first value. It says what the variable is: a whole number, a double, or the address of numbers.
    """

    def __init__(self, routine: Routine, start: Any) -> None:
        self.routine = routine
        self._elements = start.kind if isinstance(start, Array) else ""
        self._kind = "ptr" if self._elements else "double" if isinstance(start, Term | float) else "i64"
        self._pointer = routine.allocated(self._kind)
        self.value = start

    @property
    def value(self) -> Any:
        """What it is now, as a Whole, a Term or an Array."""
        text = self.routine.define_anew(f"load {self._kind}, ptr {self._pointer}, align 8").text
        if self._kind == "ptr":
            return Array(self.routine, self._elements, text)
        return Whole(self.routine, text) if self._kind == "i64" else self.routine.term(text)

    @value.setter
    def value(self, number: Any) -> None:
        if self._kind == "ptr":
            text = number.pointer
        else:
            text = _text(number) if self._kind == "i64" else self.routine.write(number)
        self.routine.lines.append(f"  store {self._kind} {text}, ptr {self._pointer}, align 8")


class Routine(Instructions):
    r"""A function in LLVM's language that is being written.

    Parameters
    ----------
    name : str
        The function's.
    parameters : dict
        From each parameter's name to its type; its register is the name behind a percent sign.
    convention : str
        How it is called, by default as C calls.
    result : str
        The type of what it returns.
    width, vector_functions, contract
        As for ``Instructions``.

    Examples
    --------
    >>> routine = Routine("sum", {"numbers": "ptr", "count": "i64"}, result="double")
    >>> numbers, total = Array(routine, "double", "%numbers"), Variable(routine, 0.0)
    >>> with routine.each(0, Whole(routine, "%count")) as place:
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
    ) -> None:
        super().__init__(width, vector_functions, contract=contract)
        self.routine_name = name
        self._result = result
        signature = ", ".join([f"{kind} %{parameter}" for parameter, kind in parameters.items()])
        self._head = f"define {convention} {result} @{name}({signature}) {{"
        self._variables: list[str] = []
        self._labels = 0

    def text(self) -> str:
        """The whole function.

        Returns
        -------
        str
            Its lines.
        """
        return "\n".join([self._head, *self._variables, *self.lines, "}", ""])

    def whole(self, text: str) -> Whole:
        """The register that holds an expression which is a whole number."""
        return Whole(self, self.define_anew(text).text)

    def array(self, kind: str, parameter: str) -> Array:
        """The array that a parameter points at."""
        return Array(self, kind, f"%{parameter}")

    def pointer(self, kind: str, address: Whole) -> Array:
        """The array that begins at an address."""
        return Array(self, kind, self.define_anew(f"inttoptr i64 {address.text} to ptr").text)

    def allocated(self, kind: str) -> str:
        """The address of new memory for one number, which LLVM makes a register."""
        name = f"%variable{len(self._variables)}"
        self._variables.append(f"  {name} = alloca {kind}, align 8")
        return name

    def either(self, truth: str, then: Whole | int, otherwise: Whole | int) -> Whole:
        """One of two whole numbers, by a comparison."""
        return self.whole(f"select i1 {truth}, i64 {_text(then)}, i64 {_text(otherwise)}")

    def both(self, one: str, other: str) -> str:
        """Whether two comparisons hold."""
        return self.define_anew(f"and i1 {one}, {other}").text

    def lane(self, number: Term, lane: int) -> Term:
        """One of the doubles of a register."""
        if self.width == 1:
            return number
        return self.define(f"extractelement {self.type} {number.text}, i32 {lane}")

    def gathered(self, numbers: list[Term]) -> Term:
        """A register of single doubles."""
        if self.width == 1:
            return numbers[0]
        register = "poison"
        for lane, number in enumerate(numbers):
            register = self.define_anew(f"insertelement {self.type} {register}, double {number.text}, i32 {lane}").text
        return self.term(register)

    # ---- where it goes on ---------------------------------------------------------------------------------------

    def returns(self, number: Any = None) -> None:
        """End the function."""
        text = {"void": lambda _: "", "double": self.write, "i64": _text}[self._result](number)
        self.lines.append(f"  ret {self._result} {text}")

    def _label(self) -> str:
        self._labels += 1
        return f"l{self._labels}"

    def _start(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def _go(self, label: str) -> None:
        self.lines.append(f"  br label %{label}")

    def _choose(self, truth: str, then: str, otherwise: str) -> None:
        self.lines.append(f"  br i1 {truth}, label %{then}, label %{otherwise}")

    @contextmanager
    def when(self, truth: str) -> Iterator[None]:
        """What is written inside is done if a comparison holds."""
        then, after = self._label(), self._label()
        known = dict(self._known)
        self._choose(truth, then, after)
        self._start(then)
        yield
        self._go(after)
        self._start(after)
        self._known = known  # what was defined inside ends with it

    @contextmanager
    def during(self, condition: Callable[[], str]) -> Iterator[None]:
        """What is written inside is done as long as a condition holds, which is asked before each time."""
        ask, inside, after = self._label(), self._label(), self._label()
        known = dict(self._known)
        self._go(ask)
        self._start(ask)
        self._choose(condition(), inside, after)
        self._start(inside)
        yield
        self._go(ask)
        self._start(after)
        self._known = known

    @contextmanager
    def until(self, condition: Callable[[], str]) -> Iterator[None]:
        """What is written inside is done once, and again as long as a condition does not hold."""
        inside, after = self._label(), self._label()
        known = dict(self._known)
        self._go(inside)
        self._start(inside)
        yield
        self._choose(condition(), after, inside)
        self._start(after)
        self._known = known

    @contextmanager
    def each(self, start: Whole | int, stop: Whole | int) -> Iterator[Whole]:
        """What is written inside is done for each whole number from the first to before the last."""
        place = Variable(self, start)
        with self.during(lambda: place.value < stop):
            here = place.value
            yield here
            place.value = here + 1
