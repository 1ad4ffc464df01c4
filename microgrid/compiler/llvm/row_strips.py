"""A large sample's program on rows, in functions of bounded size: each goes through a strip of vectors before the next.

What crosses from one function to another lies in memory, place by place with the strip's vectors side by side. A place
is used again when its number is no longer needed. Going through several vectors shares the cost of fetching code;
going through few keeps the numbers in the caches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from microgrid.compiler.llvm.instructions import Instructions, constant
from microgrid.program.program import Program

__all__ = ["STRIP", "RowBlocks"]

STRIP = 4
"""Vectors in a strip."""

_SIZE = 150  # instructions in a function: LLVM's time grows faster than the function
_REGISTER = re.compile(r"%[gt]\d+")


class RowBlocks:
    """The functions of a program on a strip of rows.

    Parameters
    ----------
    m : Instructions
        A fresh arithmetic of the width of a register.
    program : Program
        One sample's.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    derivatives, precise : bool
        Whether derivatives are wanted, and whether with the eager bits.

    Attributes
    ----------
    places : int
        How many numbers lie in memory at a time, each for every vector of a strip. Inputs are the first, then seeds.
    results : list of int or str
        Where the outputs and then the derivatives lie in the end, or literals.
    functions : list of str
        The text of the functions ``@block0``, ``@block1``, ... of the memory and the number of vectors.
    """

    def __init__(
        self, m: Instructions, program: Program, wrt: Sequence[int], *, derivatives: bool, precise: bool
    ) -> None:
        self.m = m
        count = len(program.inputs) + (len(program.outputs) if derivatives else 0)
        given = [m.term(f"%g{place}") for place in range(count)]
        values = program.evaluate(m, given[: len(program.inputs)], constant)
        found = [values[slot] for slot in program.outputs]
        if derivatives:
            seeds = given[len(program.inputs) :]
            adjoints = program.pullback(m, values, seeds, zero=0.0 if precise else None)
            found += [0.0 if adjoints[slot] is None else adjoints[slot] for slot in wrt]
        texts = [m.write(number) for number in found]
        lines = _needed(m.lines, texts)
        self._staying = {_REGISTER.findall(line)[0]: line for line in lines if _stays(line)}
        blocks = [lines[start : start + _SIZE] for start in range(0, len(lines), _SIZE)]
        self._assign([term.text for term in given], blocks, texts)
        self.functions = [self._function(number, block) for number, block in enumerate(blocks)]
        self.results = [self._last_places.get(text, text) for text in texts]

    # ---- memory -----------------------------------------------------------------------------------------------

    def _assign(self, given: list[str], blocks: list[list[str]], results: list[str]) -> None:
        """A place for each register that crosses, from where it is made until its last use."""
        made = dict.fromkeys(given, -1)
        last: dict[str, int] = {}
        for number, block in enumerate(blocks):
            for line in block:
                name, *operands = _REGISTER.findall(line)
                made[name] = number
                for operand in self._vectors(operands):
                    last[operand] = number
        for result in results:
            last[result] = len(blocks)
        self._places = dict(zip(given, range(len(given)), strict=True))
        free: list[int] = []
        self.places = len(given)
        ending: dict[int, list[str]] = {}
        kept = set(given) | set(results)
        for name, number in last.items():
            if name in made and name not in kept and number > made[name]:
                ending.setdefault(number, []).append(name)
        crossing: dict[int, list[str]] = {}
        for name, number in made.items():
            if number >= 0 and last.get(name, number) > number:
                crossing.setdefault(number, []).append(name)
        for number in range(len(blocks)):
            for name in crossing.get(number, []):  # a place that is freed in this block is not yet free in it
                if free:
                    self._places[name] = free.pop()
                else:
                    self._places[name] = self.places
                    self.places += 1
            free += [self._places[name] for name in ending.get(number, [])]
        self._last_places: dict[str, Any] = {name: self._places[name] for name in kept if name in self._places}

    # ---- text -------------------------------------------------------------------------------------------------

    def _function(self, number: int, block: list[str]) -> str:
        kind = self.m.type
        lines, present = list[str](), set[str]()
        for line in block:
            name, *operands = _REGISTER.findall(line)
            lines += self._fetched(operands, present)
            if name in present:  # it was made anew for an earlier one
                continue
            lines.append(line)
            present.add(name)
            if name in self._places:
                lines.append(f"  {name}.at = getelementptr {kind}, ptr %base, i64 {self._places[name] * STRIP}")
                lines.append(f"  store {kind} {name}, ptr {name}.at, align 32")
        return "\n".join(
            [
                f"define internal void @block{number}(ptr noalias %memory, i64 %count) noinline {{",
                "entry:",
                "  br label %loop",
                "loop:",
                "  %k = phi i64 [0, %entry], [%more, %loop]",
                f"  %base = getelementptr {kind}, ptr %memory, i64 %k",
                *lines,
                "  %more = add i64 %k, 1",
                "  %again = icmp slt i64 %more, %count",
                "  br i1 %again, label %loop, label %end",
                "end:",
                "  ret void",
                "}",
            ]
        )

    def _vectors(self, names: Iterable[str]) -> list[str]:
        """The registers that cross for the sake of some: what stays in its function is made anew in the next."""
        found = []
        for name in names:
            found += self._vectors(_REGISTER.findall(self._staying[name])[1:]) if name in self._staying else [name]
        return found

    def _fetched(self, names: Iterable[str], present: set[str]) -> list[str]:
        lines = []
        for name in names:
            if name in self._staying and name not in present:
                present.add(name)
                lines += [*self._fetched(_REGISTER.findall(self._staying[name])[1:], present), self._staying[name]]
            elif name not in present:
                present.add(name)
                lines.append(f"  {name}.at = getelementptr {self.m.type}, ptr %base, i64 {self._places[name] * STRIP}")
                lines.append(f"  {name} = load {self.m.type}, ptr {name}.at, align 32")
        return lines


def _stays(line: str) -> bool:
    """Whether its result is no whole register of doubles, so that it can't cross: a truth, or one lane's number."""
    return " = fcmp " in line or " = extractelement " in line or " = call double " in line


def _needed(lines: list[str], results: Iterable[str]) -> list[str]:
    """The instructions that the results are made of."""
    needed, kept = set(results), []
    for line in reversed(lines):
        name, *operands = _REGISTER.findall(line)
        if name in needed:
            needed.update(operands)
            kept.append(line)
    kept.reverse()
    return kept
