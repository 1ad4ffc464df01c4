"""Gather the rows of an array into registers: contiguous columns, transposed tiles, or one lane after the other."""

from __future__ import annotations

import itertools
from typing import Any

from microgrid.compiler.llvm.builder import Integer, Routine
from microgrid.compiler.llvm.instructions import Instr, vector_type
from microgrid.compiler.llvm.row_frame import View
from microgrid.compiler.llvm.row_plan import Access

__all__ = ["Gather", "spread"]

_CACHE_LINE = 64  # bytes
_AHEAD = 96  # rows that are asked of memory before they are needed
_CALL = 25  # instructions that a vector function takes as long as


class Gather:
    """The columns of arrays, for the rows of one register of a routine.

    ``requests`` are lines that ask for memory which will be read later, to be put among the others by ``spread``.
    """

    def __init__(self, routine: Routine) -> None:
        self.routine = routine
        self.requests: list[list[Any]] = []

    def columns(self, access: Access, view: View, row: Integer, count: int) -> list[Any]:
        """A register of doubles for each of an array's columns, from a row on."""
        if access.kind == "tiled":
            return self._tiles(access, view, row, count)
        if access.kind == "contiguous":
            self._prefetch_columns(view, row, count)
            return [self._load(access, view, row, column, self.routine.width) for column in range(count)]
        return [self._strided(access, view, row, column) for column in range(count)]

    def _load(self, access: Access, view: View, row: Integer, column: int, width: int) -> Any:
        """Neighbours in memory, as doubles."""
        return view.element(access.element, row, column).doubles(width)

    def _strided(self, access: Access, view: View, row: Integer, column: int) -> Any:
        """One lane after the other."""
        rows = [row, *[row + lane for lane in range(1, self.routine.width)]]
        return self.routine.gathered([self._load(access, view, one, column, 1) for one in rows])

    # ---- tiles ------------------------------------------------------------------------------------------------

    def _tiles(self, access: Access, view: View, row: Integer, count: int) -> list[Any]:
        """Columns of rows that lie one behind the other: squares are read and transposed. The last may overlap."""
        m = self.routine
        width = m.width // m.pieces
        found: list[list[Any]] = [[] for _ in range(count)]
        self._prefetch_rows(access, view, row, count)
        for piece in range(m.pieces):
            rows = [row + (piece * width + lane) for lane in range(width)]
            for start in range(0, count, width):
                first = min(start, count - width)
                square = self._square(access, view, rows, first)
                for column in range(start, min(start + width, count)):
                    found[column].append(square[column - first])
        return [m.joined(pieces) for pieces in found]

    def _square(self, access: Access, view: View, rows: list[Integer], first: int) -> list[Any]:
        """As many columns as rows, from a first one on. Reading halves saves a step of the transposition."""
        width, half = len(rows), len(rows) // 2
        if half < 2:
            return self._transposed([self._load(access, view, row, first, width) for row in rows], width)
        kind, lanes, read = vector_type("double", half), list(range(width)), []
        for column in (first, first + half):
            halves = [self._load(access, view, row, column, half).text for row in rows]
            read += [self.routine.shuffled(kind, halves[place], halves[place + half], lanes) for place in range(half)]
        return self._transposed(read, half)

    def _transposed(self, rows: list[Any], size: int) -> list[Any]:
        """A square of registers with the squares of a size in it transposed, in as many steps as 2 is a factor."""
        width, step = len(rows), 1
        kind = vector_type("double", width)
        while step < size:
            low = [lane if not lane & step else width + lane - step for lane in range(width)]
            high = [lane + step if not lane & step else width + lane for lane in range(width)]
            for place in [place for place in range(width) if not place & step]:
                first, second = rows[place].text, rows[place + step].text
                rows[place] = self.routine.shuffled(kind, first, second, low)
                rows[place + step] = self.routine.shuffled(kind, first, second, high)
            step *= 2
        return rows

    # ---- prefetching: the processor foresees neither so many columns at once, nor rows so far --------------------

    def _prefetch_columns(self, view: View, row: Integer, count: int) -> None:
        for later in range(_AHEAD, _AHEAD + self.routine.width, _CACHE_LINE // 8):
            for column in range(count):
                self._prefetch(view, row, later, column)

    def _prefetch_rows(self, access: Access, view: View, row: Integer, count: int) -> None:
        for later in range(_AHEAD, _AHEAD + self.routine.width):
            for column in range(0, count, _CACHE_LINE // access.itemsize):
                self._prefetch(view, row, later, column)

    def _prefetch(self, view: View, row: Integer, later: int, column: int) -> None:
        with self.routine.aside() as request:
            self.routine.prefetch(view.element("i8", row + later, column))
        self.requests.append(request)


def spread(requests: list[list[Any]], lines: list[Any]) -> list[Any]:
    """Lines with requests of memory among them, as evenly as they take time: memory answers few at once.

    The lines of a request stay together, and either sort stays in its order.
    """
    ends = list(itertools.accumulate([_CALL if _is_call(line) else 1 for line in lines]))
    found, asked = [], 0
    for line, end in zip(lines, ends, strict=True):
        found.append(line)
        due = len(requests) * end // ends[-1]
        found += [part for request in requests[asked:due] for part in request]
        asked = due
    return found


def _is_call(line: Any) -> bool:
    return isinstance(line, Instr) and line.op.calls_library
