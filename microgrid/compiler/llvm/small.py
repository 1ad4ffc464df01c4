"""A small program as one straight piece of machine code, for one point at a time.

Beyond some hundred nodes LLVM takes too long over it; then the code is cut into ``blocks``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.llvm.instructions import Instructions, constant, literal
from microgrid.compiler.llvm.straight_line import check
from microgrid.compiler.llvm.trampoline import Calls, bound_calls
from microgrid.program.program import Program

__all__ = ["ATTRIBUTES", "FusedInstructions", "ScalarCode"]

ATTRIBUTES = "attributes #0 = { nounwind willreturn memory(none) }"
"""What every declared function is: it reads and writes no memory."""

_CHAINS = 4  # sums of a list that run side by side: an addition takes four cycles, and two start in each


class FusedInstructions(Instructions):
    """Instructions that add long lists in a few chains, where a product and its addition are one instruction."""

    def total(self, terms: Iterable[Any]) -> Any:
        """The sum of a list: every fourth term in one chain, and the chains in pairs."""
        terms = list(terms)
        if len(terms) <= 2 * _CHAINS:
            return super().total(terms)
        chains = terms[:_CHAINS]
        for place, term in enumerate(terms[_CHAINS:]):
            chains[place % _CHAINS] = chains[place % _CHAINS] + term
        return super().total(chains)


class ScalarCode:
    """A program as machine code for one point at a time.

    Parameters
    ----------
    program : Program
        At most some hundred nodes.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    precise : bool
        Whether the eager engine's bits are wanted.

    Examples
    --------
    >>> import ctypes
    >>> from microgrid import Program, Value
    >>> x = Value(3.0, name="x")
    >>> code = ScalarCode(Program.record([x * x], [x]), [0], precise=True)
    >>> numbers = [(ctypes.c_double * 1)(number) for number in (5.0, 1.0, 0.0, 0.0)]
    >>> forward, reverse = code.bind(*map(ctypes.addressof, numbers))
    >>> reverse(), numbers[3][0]
    (25.0, 10.0)
    """

    backend = "native"

    def __init__(self, program: Program, wrt: Sequence[int], *, precise: bool) -> None:
        check(program, wrt)
        self._library = machine.build(_module(program, wrt, precise=precise))
        self.compile_seconds = self._library.compile_seconds

    def bind(self, inputs: int, seeds: int, outputs: int, gradient: int, keep: Any = None) -> Calls:
        """The calls that compute, as functions without arguments.

        Parameters
        ----------
        inputs, seeds, outputs, gradient : int
            The addresses of as many doubles as there are inputs, outputs, outputs, and inputs to differentiate by.
        keep : object
            What has to live as long as the calls: whatever these point into.

        Returns
        -------
        tuple of callable
            One computes the outputs; the other one also the gradient of their sum, weighted by the seeds. Both give
            the first output.
        """
        return bound_calls(self._library, (inputs, seeds, outputs, gradient), outputs, keep)

    def ir(self) -> str:
        """The text in LLVM's language."""
        return self._library.ir

    def assembly(self) -> str:
        """The machine code in words."""
        return self._library.assembly()


def _module(program: Program, wrt: Sequence[int], *, precise: bool) -> str:
    functions, declarations = [], set()
    for name in ("forward", "reverse"):
        m = Instructions() if precise else FusedInstructions(contract=True)
        _Writer(m, program, wrt, precise=precise).write(reverse=name == "reverse")
        functions.append("\n".join([f"define void @{name}(ptr noalias %all) {{", *m.lines, "  ret void", "}"]))
        declarations |= set(m.declarations())
    return "\n".join([*sorted(declarations), *functions, ATTRIBUTES, ""])


class _Writer:
    """The instructions of one function."""

    def __init__(self, m: Instructions, program: Program, wrt: Sequence[int], *, precise: bool) -> None:
        self.m, self.program, self.wrt, self.precise = m, program, wrt, precise

    def write(self, *, reverse: bool) -> None:
        """Load, compute, store."""
        m, program = self.m, self.program
        inputs, seeds, outputs, gradient = [self._pointer(place) for place in range(4)]
        values = program.evaluate(m, [self._load(inputs, place) for place in range(len(program.inputs))], constant)
        if reverse:
            weights = [self._load(seeds, place) for place in range(len(program.outputs))]
            adjoints = program.pullback(m, values, weights, zero=0.0 if self.precise else None)
            for place, slot in enumerate(self.wrt):
                self._store(adjoints[slot], gradient, place)
        for place, slot in enumerate(program.outputs):
            self._store(values[slot], outputs, place)

    def _pointer(self, place: int) -> str:
        address = self.m.define_anew(f"getelementptr ptr, ptr %all, i64 {place}")
        return self.m.define_anew(f"load ptr, ptr {address.text}, align 8").text

    def _load(self, pointer: str, place: int) -> Any:
        address = self.m.define_anew(f"getelementptr double, ptr {pointer}, i64 {place}")
        return self.m.define_anew(f"load double, ptr {address.text}, align 8")

    def _store(self, number: Any, pointer: str, place: int) -> None:
        text = literal(0.0) if number is None else self.m.write(number)
        address = self.m.define_anew(f"getelementptr double, ptr {pointer}, i64 {place}")
        self.m.lines.append(f"  store double {text}, ptr {address.text}, align 8")
