"""Straight-line code cut into blocks of bounded size: what crosses from one block to another goes through memory.

LLVM's time for one function grows faster than the function, so that a large program in one would take minutes. A
number that crosses has a place in memory from the block that makes it to the last one that reads it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from microgrid.compiler.llvm import libm
from microgrid.compiler.llvm.instructions import vector_type
from microgrid.compiler.llvm.straight_line import SOURCES, Group, Straight

__all__ = ["Block", "BlockEmitter", "cut", "places"]

Block = list[Group]
"""Groups of instructions that become one function."""


def cut(groups: Iterable[Group], size: int) -> list[Block]:
    """Blocks that are full with so many instructions; the last group of one may go beyond."""
    blocks: list[Block] = []
    room = 0
    for group in groups:
        if room <= 0:
            blocks.append([])
            room = size
        blocks[-1].append(group)
        room -= len(group)
    return blocks


def _is_recomputed(straight: Straight, number: int) -> bool:
    """Whether a block that needs the number computes it anew: it is cheap, or of a type that no place holds."""
    op = straight.instructions[number][0]
    return op.name in SOURCES or op.type != straight.type


def _crossing(straight: Straight, numbers: Iterable[int]) -> list[int]:
    """What has to be in memory so that a block can read some numbers: themselves, or what they are recomputed from."""
    found: list[int] = []
    for number in numbers:
        if _is_recomputed(straight, number):
            found += _crossing(straight, straight.instructions[number][1])
        else:
            found.append(number)
    return found


def places(straight: Straight, blocks: Sequence[Block], kept: Iterable[int], first: int = 0) -> dict[int, int]:
    """A place in memory for each number that crosses; it is used again when its number is no longer needed.

    Blocks are in the order in which they run; the numbers ``kept`` are read after the last one; ``first`` is the first
    place that is free.
    """
    made: dict[int, int] = {}
    last: dict[int, int] = {}
    for place, block in enumerate(blocks):
        for number in [number for group in block for number in group]:
            made[number] = place
            last.update(dict.fromkeys(_crossing(straight, straight.instructions[number][1]), place))
    last.update(dict.fromkeys(_crossing(straight, kept), len(blocks)))
    starting: list[list[int]] = [[] for _ in blocks]
    ending: list[list[int]] = [[] for _ in range(len(blocks) + 1)]
    for number, end in last.items():
        if end > made[number]:
            starting[made[number]].append(number)
            ending[end].append(number)
    found: dict[int, int] = {}
    free: list[int] = []
    following = itertools.count(first)
    for starts, ends in zip(starting, ending, strict=False):
        for number in sorted(starts):  # a place that is freed in this block is not yet free in it
            found[number] = free.pop() if free else next(following)
        free += [found[number] for number in ends]
    return found


class BlockEmitter:
    """The lines of one block, and the declarations of the functions that it calls.

    ``places`` are those in memory of the numbers that cross; how memory is addressed is decided by those that inherit.
    """

    kind = "double"  # of the numbers

    def __init__(self, straight: Straight, places: dict[int, int]) -> None:
        self.straight, self.places = straight, places
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self._present: set[int] = set()

    def emit(self, block: Block) -> None:
        """Emit a block: load what is not there yet, compute, store what crosses."""
        for group in block:
            for number in group:
                self.fetch(self.straight.instructions[number][1])
            if len(group) > 1:
                self._call_together(group)
            elif group[0] not in self._present:  # or it was recomputed for an earlier one
                self._compute(group[0])
            for number in group:
                self._present.add(number)
                if number in self.places:
                    self.store(number)

    def fetch(self, numbers: Iterable[int]) -> None:
        """Load the results that are not there yet, or recompute them."""
        for number in numbers:
            op, operands = self.straight.instructions[number]
            if number in self._present or op.name == "literal":
                continue
            self._present.add(number)
            if _is_recomputed(self.straight, number):
                self.fetch(operands)
                self._compute(number)
            else:
                self.load(number)

    def load(self, number: int) -> None:
        """Load a number from its place."""
        self._locate(number, *self.home(number))
        self.lines.append(f"  %v{number} = load {self.kind}, ptr %v{number}.at, align 8")

    def store(self, number: int) -> None:
        """Store a number in its place."""
        self.write(number, f"%v{number}", *self.home(number))

    def write(self, number: int, text: str, pointer: str, place: int) -> None:
        """Store a register or a literal at a place behind a pointer."""
        self._locate(number, pointer, place)
        self.lines.append(f"  store {self.kind} {text}, ptr %v{number}.at, align 8")

    def _locate(self, number: int, pointer: str, place: int) -> None:
        self.lines.append(f"  %v{number}.at = getelementptr {self.kind}, ptr {pointer}, i64 {place}")

    def home(self, number: int) -> tuple[str, int]:
        """Where a number lies that crosses, an input or a seed: at a place behind a pointer."""
        raise NotImplementedError

    def result(self, number: int) -> None:
        """Put a result away: an instruction without a type."""
        raise NotImplementedError

    def _compute(self, number: int) -> None:
        op, operands = self.straight.instructions[number]
        if op.name in SOURCES:
            self.load(number)
            return
        if not op.type:
            self.result(number)
            return
        self.lines.append(f"  %v{number} = {self.straight.text(number)}")
        if op.name == "call":
            self.declarations.add(f"declare {op.type} @{op.symbol}({', '.join([op.of] * len(operands))}) #0")

    def _call_together(self, group: Group) -> None:
        """Gather the lanes, call once, and take the lanes apart."""
        lanes, first = len(group), f"%v{group[0]}"
        kind = vector_type("double", lanes)
        called = [self.straight.instructions[number] for number in group]
        symbol = libm.vector_functions(lanes)[called[0][0].function]
        gathered = []
        for place, column in enumerate(zip(*[operands for _, operands in called], strict=True)):
            vector = "poison"
            for lane, number in enumerate(column):
                name, scalar = f"{first}.{place}.{lane}", self.straight.name(number)
                self.lines.append(f"  {name} = insertelement {kind} {vector}, double {scalar}, i32 {lane}")
                vector = name
            gathered.append(f"{kind} {vector}")
        self.lines.append(f"  {first}.all = call {kind} @{symbol}({', '.join(gathered)})")
        for lane, number in enumerate(group):
            self.lines.append(f"  %v{number} = extractelement {kind} {first}.all, i32 {lane}")
        self.declarations.add(f"declare {kind} @{symbol}({', '.join([kind] * len(gathered))}) #0")
