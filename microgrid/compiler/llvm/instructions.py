"""LLVM's language as the numbers: the rules run on registers, scalar or vector, and write its instructions.

What the instructions are put into, a loop over rows or an interpreter's case, is decided in other modules.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from microgrid.core.arithmetic import FLOAT, PLAIN, Ieee
from microgrid.core.source import C, Language, Source, Term

__all__ = ["INTRINSICS", "Instructions", "constant", "literal", "vector_type"]

_OPERATORS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_ORDERED = {"<": "olt", "<=": "ole", "==": "oeq"}

INTRINSICS = {"abs": "llvm.fabs", "sqrt": "llvm.sqrt"}
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

    Parameters
    ----------
    number : float
        Any double.

    Returns
    -------
    str
        Its literal.

    Examples
    --------
    >>> literal(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def constant(number: float) -> float:
    """A constant as the rules take it while they write: a float that may be divided by, 0 or not.

    Parameters
    ----------
    number : float
        Any double.

    Returns
    -------
    float
        The same, whose quotients are those of IEEE 754.

    Examples
    --------
    >>> 1.0 / constant(-0.0)
    -inf
    """
    return Ieee(number)


def vector_type(kind: str, width: int) -> str:
    """The type of so many numbers in one register.

    Parameters
    ----------
    kind : str
        The type of one, such as ``double`` or ``i1``.
    width : int
        How many; 1 for the plain type.

    Returns
    -------
    str
        The type.

    Examples
    --------
    >>> vector_type("double", 4), vector_type("i1", 1)
    ('<4 x double>', 'i1')
    """
    return kind if width == 1 else f"<{width} x {kind}>"


class Instructions(Source):
    r"""An arithmetic whose numbers are LLVM's registers, and the instructions written so far.

    An instruction that was written before is not written again: its register is used.

    Parameters
    ----------
    width : int
        How many doubles a register holds: 1 for scalar code.
    vector_functions : dict, optional
        From a function's name to the symbol that computes it on one of the processor's registers. A function without
        one is called for each lane.
    contract : bool
        Whether a product and a sum may be rounded once, as one fused instruction.
    pieces : int
        How many of the processor's registers hold one of these, each of which a vector function is called for. LLVM
        cuts all else by itself, and the pieces go through a chain of instructions side by side.
    prefix : str
        Of the registers' names.

    Attributes
    ----------
    functions : set of str
        The symbols that were called, for ``declarations``.

    Examples
    --------
    >>> from microgrid.compiler.llvm.instructions import Instructions
    >>> m = Instructions()
    >>> result = m.log(m.term("%x") * 2.0 + 1.0)
    >>> print("\n".join(m.lines))
      %t0 = fmul double %x, 0x4000000000000000
      %t1 = fadd double %t0, 0x3FF0000000000000
      %t2 = call double @libm.log(double %t1)
    """

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
        self._truth_type = vector_type("i1", width)
        self._suffix = "f64" if width == 1 else f"v{width}f64"
        self._vector_functions = vector_functions or {}
        self._flags = " contract" if contract else ""
        self._contract = contract
        super().__init__(_LANGUAGE, prefix)

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
        flags = "" if name == "fsub" else self._flags
        return self.define(f"{name}{flags} {self.type} {self.write(left)}, {self.write(right)}")

    def negative(self, number: Term) -> Term:
        """A number with its sign changed."""
        return self.define(f"fneg {self.type} {number.text}")

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
            return self._call_symbol(f"{INTRINSICS[name]}.{self._suffix}", operands)
        if self.width == 1:
            return self._call_symbol(f"libm.{name}", operands)
        if name in self._vector_functions:
            return self._call_pieces(self._vector_functions[name], operands)
        return self._call_lanes(f"libm.{name}", operands)

    def _call_symbol(self, symbol: str, operands: list[str], kind: str = "") -> Term:
        kind = kind or self.type
        self.functions.add(f"declare {kind} @{symbol}({', '.join([kind] * len(operands))}) #0")
        arguments = ", ".join([f"{kind} {operand}" for operand in operands])
        return self.define(f"call {kind} @{symbol}({arguments})")

    def _call_pieces(self, symbol: str, operands: list[str]) -> Term:
        """A vector function of each piece."""
        kind = vector_type("double", self.width // self.pieces)
        cut = [[piece.text for piece in self.cut(operand)] for operand in operands]
        return self.joined([self._call_symbol(symbol, list(pieces), kind) for pieces in zip(*cut, strict=True)])

    def cut(self, text: str) -> list[Term]:
        """The pieces of a register, each of which one of the processor's holds.

        Parameters
        ----------
        text : str
            The register, or a literal.

        Returns
        -------
        list of Term
            As many as there are pieces.
        """
        if self.pieces == 1:
            return [self.term(text)]
        size = self.width // self.pieces
        starts = range(0, self.width, size)
        return [self.shuffled(self.type, text, "poison", list(range(start, start + size))) for start in starts]

    def joined(self, pieces: list[Term]) -> Term:
        """The register that has these pieces, two by two.

        Parameters
        ----------
        pieces : list of Term
            As many as there are pieces: a power of two.

        Returns
        -------
        Term
            The whole.
        """
        size = self.width // len(pieces)
        while len(pieces) > 1:
            kind, lanes = vector_type("double", size), list(range(2 * size))
            pairs = zip(pieces[::2], pieces[1::2], strict=True)
            pieces = [self.shuffled(kind, first.text, second.text, lanes) for first, second in pairs]
            size *= 2
        return pieces[0]

    def shuffled(self, kind: str, first: str, second: str, lanes: list[int]) -> Term:
        """Chosen lanes of two registers.

        Parameters
        ----------
        kind : str
            The registers' type.
        first, second : str
            Their names.
        lanes : list of int
            Which; those of the second are counted behind those of the first.

        Returns
        -------
        Term
            A register of as many lanes.
        """
        mask = ", ".join([f"i32 {lane}" for lane in lanes])
        return self.define(f"shufflevector {kind} {first}, {kind} {second}, <{len(lanes)} x i32> <{mask}>")

    def _call_lanes(self, symbol: str, operands: list[str]) -> Term:
        """The scalar function of each lane."""
        self.functions.add(f"declare double @{symbol}({', '.join(['double'] * len(operands))}) #0")
        gathered = "poison"
        for lane in range(self.width):
            scalars = [self.define(f"extractelement {self.type} {operand}, i32 {lane}") for operand in operands]
            arguments = ", ".join([f"double {scalar.text}" for scalar in scalars])
            result = self.define(f"call double @{symbol}({arguments})")
            gathered = self.define(f"insertelement {self.type} {gathered}, double {result.text}, i32 {lane}").text
        return self.term(gathered)

    def declarations(self) -> list[str]:
        """The declarations of every function that was called. They read and write no memory: attribute group #0.

        Returns
        -------
        list of str
            One line each, in alphabetical order.
        """
        return sorted(self.functions)

    # ---- comparisons and choices ------------------------------------------------------------------------------

    def _compare(self, name: str, operator: str, x: Any, y: Any) -> str | bool:
        if isinstance(x, Term) or isinstance(y, Term):
            return self.define(f"fcmp {_ORDERED[operator]} {self.type} {self.write(x)}, {self.write(y)}").text
        return bool(getattr(PLAIN, name)(x, y))

    def where(self, truth: str | bool, then: Any, otherwise: Any) -> Any:
        """One of two numbers, by a comparison."""
        if isinstance(truth, bool):
            return then if truth else otherwise
        chosen, other = self.write(then), self.write(otherwise)
        return self.define(f"select {self._truth_type} {truth}, {self.type} {chosen}, {self.type} {other}")
