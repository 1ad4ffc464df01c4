"""LLVM instructions as data, and the arithmetic that emits them: the rules run on registers, scalar or vector.

What the instructions are put into, a loop over rows or an interpreter's opcode, is decided in other modules. An
``Instr`` becomes text only when a module is written out; nothing reads that text again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from microgrid.core.arithmetic import FLOAT, PLAIN
from microgrid.core.ieee import Ieee
from microgrid.core.rule import EVERY_RULE, Pair, Rule
from microgrid.core.source import C, Language, Source, Term

__all__ = [
    "ATTRIBUTES",
    "INTRINSICS",
    "Instr",
    "Instructions",
    "Op",
    "Register",
    "constant",
    "literal",
    "vector_type",
    "written",
]

_OPERATORS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_ORDERED = {"<": "olt", "<=": "ole", "==": "oeq"}
_CHAINS = 4  # sums of a list that run side by side: an addition takes four cycles, and two start in each

ATTRIBUTES = "attributes #0 = { nounwind willreturn memory(none) }"
"""Of every declared function: it reads and writes no memory."""

INTRINSICS = {
    "abs": "llvm.fabs",
    "sqrt": "llvm.sqrt",
    "floor": "llvm.floor",
    "copysign": "llvm.copysign",
    "fma": "llvm.fma",
}
"""The functions that are instructions of the processor, exactly rounded at every width."""

_LANGUAGE = Language(
    name="LLVM",
    calls={name: name for name in C.calls},  # by name: how one is called depends on the width
    choice="",  # written by Instructions.where, which has types to add
    assignment="  {name} = {text}",
    infinity="0x7FF0000000000000",
    nan="0x7FF8000000000000",
)


def literal(number: float) -> str:
    """A double as LLVM writes it without rounding: the 16 hexadecimal digits of its bits.

    >>> literal(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def constant(number: float) -> float:
    """A constant as the rules take it while they write: a float that may be divided by, 0 or not, as in IEEE 754.

    >>> 1.0 / constant(-0.0)
    -inf
    """
    return Ieee(number)


def vector_type(kind: str, width: int) -> str:
    """The type of so many numbers of a kind in one register; of one, the plain type.

    >>> vector_type("double", 4), vector_type("i1", 1)
    ('<4 x double>', 'i1')
    """
    return kind if width == 1 else f"<{width} x {kind}>"


class Register(str):
    """The name of a register, which its type tells apart from a literal."""

    __slots__ = ()


class Op(NamedTuple):
    """An instruction without its operands."""

    name: str  # LLVM's opcode, such as fadd or call
    type: str  # of the result
    of: str  # the type of the operands
    symbol: str = ""  # what a call calls; the predicate of a comparison; of a constant, its literal
    function: str = ""  # the name of the called function in an arithmetic
    # the lanes that an instruction on vectors takes, or the place of what is read or written
    indices: tuple[int, ...] = ()
    contract: bool = False  # whether it may be fused with another one

    @property
    def calls_library(self) -> bool:
        """Whether it calls a function that is no instruction of the processor."""
        return self.name == "call" and self.function not in INTRINSICS

    def text(self, operands: Sequence[str]) -> str:
        """The instruction in LLVM's syntax, without its result; operands are registers and literals."""
        name, of = self.name, self.of
        if name == "call":
            return f"call {self.type} @{self.symbol}({', '.join([f'{of} {operand}' for operand in operands])})"
        if name == "fcmp":
            return f"fcmp {self.symbol} {of} {', '.join(operands)}"
        if name == "select":
            condition, then, otherwise = operands
            return f"select {of} {condition}, {self.type} {then}, {self.type} {otherwise}"
        if name == "extractelement":
            return f"extractelement {of} {operands[0]}, i32 {self.indices[0]}"
        if name == "insertelement":
            return f"insertelement {of} {operands[0]}, double {operands[1]}, i32 {self.indices[0]}"
        if name == "shufflevector":
            mask = ", ".join([f"i32 {lane}" for lane in self.indices])
            return f"shufflevector {of} {operands[0]}, {of} {operands[1]}, <{len(self.indices)} x i32> <{mask}>"
        return f"{name}{' contract' * self.contract} {of} {', '.join(operands)}"


class Instr(NamedTuple):
    """An instruction: the register that it alone defines, what it does, and with what registers and literals."""

    result: Register
    op: Op
    operands: tuple[str, ...]

    def text(self) -> str:
        """One line of a function in LLVM's syntax."""
        return f"  {self.result} = {self.op.text(self.operands)}"


def written(lines: Iterable[Instr | str]) -> list[str]:
    """The lines of a function in LLVM's syntax; what is text already, such as a label, stays as it is."""
    return [line if isinstance(line, str) else line.text() for line in lines]


class Instructions(Source):
    r"""An arithmetic whose numbers are LLVM's registers, and the instructions emitted so far.

    An instruction that was emitted before is not emitted again: its register is used.

    A register holds ``width`` doubles, in so many ``pieces`` of the processor's registers, for each of which a vector
    function is called: ``vector_functions`` has the symbols by the functions' names, and one without is called for each
    lane. LLVM cuts all else by itself, and the pieces go through a chain of instructions side by side. To ``contract``
    is to round a product and a sum once, and to add long lists in a few chains. In ``lines``, text is what no algorithm
    looks into: labels, branches, addresses; ``functions`` declares what was called.

    Examples
    --------
    >>> from microgrid.compiler.llvm.instructions import Instructions, written
    >>> m = Instructions()
    >>> result = m.log(m.term("%x") * 2.0 + 1.0)
    >>> print("\n".join(written(m.lines)))
      %t0 = fmul double %x, 0x4000000000000000
      %t1 = fadd double %t0, 0x3FF0000000000000
      %t2 = call double @libm.log(double %t1)
    """

    lines: list[Any]

    def __init__(
        self,
        width: int = 1,
        vector_functions: dict[str, str] | None = None,
        *,
        contract: bool = False,
        pieces: int = 1,
        prefix: str = "%t",
    ) -> None:
        self.width, self.pieces = width, pieces
        self.type = vector_type("double", width)
        self.functions: set[str] = set()
        self._condition_type = vector_type("i1", width)
        self._suffix = "f64" if width == 1 else f"v{width}f64"
        self._vector_functions = vector_functions or {}
        self._contract = contract
        super().__init__(_LANGUAGE, prefix)
        for name in self._vector_functions.keys() - _LANGUAGE.calls.keys():
            setattr(self, name, self._function(name, name))

    def bind(self, rule: Rule) -> Pair:
        """The rule's value and partials; of a rule with a vector function of its own, that and the partials."""
        value, partials = super().bind(rule)
        if rule.name in self._vector_functions and EVERY_RULE.get(rule.name) is rule:
            value = getattr(self, rule.name)
        return value, partials

    def term(self, text: str) -> Term:
        """A register that exists already, as a number."""
        return Term(self, Register(text))

    def define(self, op: Op | str, operands: tuple[str, ...] = ()) -> Term:
        """The register of an instruction's result, which is emitted unless it was before.

        What no algorithm looks into may be given as the whole text. Operands are registers and literals.
        """
        key: Any = (op, operands)
        if key not in self._known:
            self._known[key] = self.define_anew(op, operands)
        return self._known[key]

    def define_anew(self, op: Op | str, operands: tuple[str, ...] = ()) -> Term:
        """A new register for a result that depends on when it is computed; as ``define``."""
        name = Register(f"{self._prefix}{self._count}")
        self._count += 1
        self.lines.append(f"  {name} = {op}" if isinstance(op, str) else Instr(name, op, operands))
        return Term(self, name)

    def emit(self, text: str) -> None:
        """Append a line without a result."""
        self.lines.append(f"  {text}")

    def write(self, number: Any) -> str:
        """A register's name, or a literal for every lane."""
        if isinstance(number, Term):
            return number.text
        return literal(float(number)) if self.width == 1 else f"splat (double {literal(float(number))})"

    def infix(self, operator: str, left: Any, right: Any) -> Term:
        """Two numbers with an operator between them. A factor of 1, which changes no bit, is left out."""
        if operator == "*" and isinstance(left, float) and left == 1.0:
            return right  # type: ignore[no-any-return]  # an infix of two plain numbers is computed, not written
        if operator == "*" and isinstance(right, float) and right == 1.0:
            return left  # type: ignore[no-any-return]  # likewise
        name = _OPERATORS[operator]
        # A difference is never fused: a·b - c·d would not be 0 where the products are equal, and its root a nan.
        op = Op(name, self.type, self.type, contract=self._contract and name != "fsub")
        return self.define(op, (self.write(left), self.write(right)))

    def negative(self, number: Term) -> Term:
        """A number with its sign changed."""
        return self.define(Op("fneg", self.type, self.type), (number.text,))

    def total(self, terms: Iterable[Any]) -> Any:
        """The sum of a list: in pairs, or of every fourth term in one chain where products may be fused with it."""
        if self.of_lists or not self._contract:
            return super().total(terms)
        terms = list(terms)
        if len(terms) <= 2 * _CHAINS:
            return super().total(terms)
        chains = terms[:_CHAINS]
        for place, term in enumerate(terms[_CHAINS:]):
            chains[place % _CHAINS] = chains[place % _CHAINS] + term
        return super().total(chains)

    # ---- functions --------------------------------------------------------------------------------------------

    def _function(self, name: str, call: str) -> Callable[..., Any]:
        def function(*operands: Any) -> Any:
            if not any([isinstance(operand, Term) for operand in operands]):
                return constant(getattr(FLOAT, name)(*operands))
            if name == "pow" and self._contract and isinstance(operands[1], float):
                product = self._small_power(operands[0], operands[1])
                if product is not None:
                    return product
            return self._call(call, [self.write(operand) for operand in operands])

        return function

    def _small_power(self, base: Term, exponent: float) -> Any:
        """A power that is a product or a quotient of one or two roundings; None if it is another."""
        if exponent == 2.0:
            return base * base
        if exponent == 3.0:
            return base * base * base
        if exponent == -1.0:
            return 1.0 / base
        if exponent == -2.0:
            inverse = 1.0 / base  # and not 1/x²: x² overflows where the result is still a number
            return inverse * inverse
        return {1.0: base, 0.0: 1.0}.get(exponent)

    def _call(self, name: str, operands: list[str]) -> Term:
        if name in INTRINSICS:
            return self._call_symbol(name, f"{INTRINSICS[name]}.{self._suffix}", operands, self.type)
        if self.width == 1:
            return self._call_symbol(name, f"libm.{name}", operands, self.type)
        if name in self._vector_functions:
            return self._call_pieces(name, operands)
        return self._call_lanes(name, operands)

    def _call_symbol(self, function: str, symbol: str, operands: Sequence[str], kind: str) -> Term:
        self.functions.add(f"declare {kind} @{symbol}({', '.join([kind] * len(operands))}) #0")
        return self.define(Op("call", kind, kind, symbol, function), tuple(operands))

    def _call_pieces(self, name: str, operands: list[str]) -> Term:
        """A vector function of each piece."""
        kind = vector_type("double", self.width // self.pieces)
        cut = [self.cut(operand) for operand in operands]
        symbol = self._vector_functions[name]
        return self.joined([self._call_symbol(name, symbol, pieces, kind) for pieces in zip(*cut, strict=True)])

    def cut(self, text: str) -> list[str]:
        """The pieces of a register, or of a literal, each of which one of the processor's registers holds."""
        if self.pieces == 1:
            return [text]
        size = self.width // self.pieces
        starts = range(0, self.width, size)
        return [self.shuffled(self.type, text, "poison", list(range(start, start + size))).text for start in starts]

    def joined(self, pieces: list[Term]) -> Term:
        """The register that has these pieces, a power of two of them, two by two."""
        size = self.width // len(pieces)
        while len(pieces) > 1:
            kind, lanes = vector_type("double", size), list(range(2 * size))
            pairs = zip(pieces[::2], pieces[1::2], strict=True)
            pieces = [self.shuffled(kind, first.text, second.text, lanes) for first, second in pairs]
            size *= 2
        return pieces[0]

    def shuffled(self, kind: str, first: str, second: str, lanes: list[int]) -> Term:
        """Chosen lanes of two registers of one type: those of the second are counted behind those of the first."""
        op = Op("shufflevector", vector_type("double", len(lanes)), kind, indices=tuple(lanes))
        return self.define(op, (first, second))

    def broadcast(self, number: Term) -> Term:
        """A single double in every lane."""
        if self.width == 1:
            return number
        first = self.inserted("poison", number, 0)
        return self.shuffled(self.type, first.text, "poison", [0] * self.width)

    def lane(self, number: Term, lane: int) -> Term:
        """One of the doubles of a register."""
        if self.width == 1:
            return number
        return self.define(Op("extractelement", "double", self.type, indices=(lane,)), (number.text,))

    def inserted(self, register: str, number: Term, lane: int) -> Term:
        """A register with one of its doubles replaced."""
        return self.define(Op("insertelement", self.type, self.type, indices=(lane,)), (register, number.text))

    def gathered(self, numbers: Sequence[Term]) -> Term:
        """A register of single doubles."""
        if self.width == 1:
            return numbers[0]
        register = "poison"
        for lane, number in enumerate(numbers):
            register = self.inserted(register, number, lane).text
        return self.term(register)

    def _call_lanes(self, name: str, operands: list[str]) -> Term:
        """The scalar function of each lane."""
        results = []
        for lane in range(self.width):
            take = Op("extractelement", "double", self.type, indices=(lane,))
            scalars = [self.define(take, (operand,)).text for operand in operands]
            results.append(self._call_symbol(name, f"libm.{name}", scalars, "double"))
        return self.gathered(results)

    def declarations(self) -> list[str]:
        """The declarations of every function that was called, sorted. They touch no memory: attribute group #0."""
        return sorted(self.functions)

    # ---- comparisons and choices ------------------------------------------------------------------------------

    def _compare(self, name: str, operator: str, x: Any, y: Any) -> str | bool:
        if isinstance(x, Term) or isinstance(y, Term):
            op = Op("fcmp", self._condition_type, self.type, _ORDERED[operator])
            return self.define(op, (self.write(x), self.write(y))).text
        return bool(getattr(PLAIN, name)(x, y))

    def where(self, condition: str | bool, then: Any, otherwise: Any) -> Any:
        """One of two numbers, by a comparison."""
        if isinstance(condition, bool):
            return then if condition else otherwise
        op = Op("select", self.type, self._condition_type)
        return self.define(op, (condition, self.write(then), self.write(otherwise)))
