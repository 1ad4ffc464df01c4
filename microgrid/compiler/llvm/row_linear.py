"""The loop of a row kernel whose program reads an array through dot products with numbers that all rows share.

Everywhere else a lane is a row. Here, for the products and what the derivatives hand back to them, a lane is a column:
rows are read as they lie, and as often for many products as for one. Rows go by in blocks that stay in the second-level
cache, through three phases: the products; the rest of the program, in which they are inputs; and the sums of each row
times the adjoints of its products.
"""

from __future__ import annotations

import itertools
from array import array
from dataclasses import dataclass
from typing import Any

from microgrid.compiler.llvm.builder import Array, Integer, Routine, Variable
from microgrid.compiler.llvm.instructions import constant
from microgrid.compiler.llvm.row_frame import Frame
from microgrid.compiler.llvm.row_loop import PARAMETERS, Body, Loops, Prologue
from microgrid.compiler.llvm.row_plan import KernelSpec, runs
from microgrid.program.program import Program

__all__ = ["Products", "linear_loops", "products_of"]

_WORTH = 80  # columns in all products from which this pays
_BLOCK = 1 << 18  # bytes of rows in a block: a quarter of a second-level cache
_AHEAD = 1 << 16  # bytes of rows that are asked of memory before they are needed
_LONGEST = 16  # registers of rows in a block
_CHUNK = 128  # registers of rows that have sums of their own, for each
_SUMS = 1024  # so many sums
_NODES = 100  # of the rest of the program, which LLVM gets in one piece


@dataclass(frozen=True)
class Products:
    """Dot products of neighbouring columns of an array with inputs that rows share."""

    place: int  # the array's
    first: int  # of its columns
    columns: int  # how many there are
    weights: list[list[int]]  # for each product, the inputs
    rest: Program  # the program with the products as inputs behind its own


def products_of(spec: KernelSpec) -> Products | None:
    """The products that a program reads an array through, if they are worth a loop of their own."""
    plan, program = spec.plan, spec.plan.program
    if plan.precise or not plan.reduce or plan.row_wrt:
        return None
    column_of = {slot: (place, k) for place, slots in enumerate(plan.row_inputs) for k, slot in enumerate(slots)}
    shared = set(plan.shared)
    found: dict[tuple[int, int, int], list[tuple[int, list[int]]]] = {}
    for slot, rule, operands in program.nodes():
        if rule.name != "dot":
            continue
        half = len(operands) // 2
        for rows, weights in itertools.permutations((operands[:half].tolist(), operands[half:].tolist())):
            place, first = column_of.get(rows[0], (-1, 0)) if rows else (-1, 0)
            is_row = place >= 0 and [column_of.get(one) for one in rows] == [(place, first + k) for k in range(half)]
            if is_row and shared.issuperset(weights):
                found.setdefault((place, first, half), []).append((slot, weights))
    found = {key: one for key, one in found.items() if spec.accesses[key[0]].kind == "tiled"}
    if not found:
        return None
    key = max(found, key=lambda key: key[2] * len(found[key]))
    rest = _without(program, [slot for slot, _ in found[key]])
    products = Products(*key, [weights for _, weights in found[key]], rest)
    total = products.columns * len(products.weights)
    is_small = len(rest.ops) <= _NODES and len(rest.operands) <= total
    return products if total >= _WORTH and is_small else None


def _without(program: Program, nodes: list[int]) -> Program:
    """A program in which the results of some nodes are inputs, behind the others."""
    inputs = len(program.inputs)
    slots = {slot: inputs + k for k, slot in enumerate(nodes)} | {slot: slot for slot in range(inputs)}
    slots |= {inputs + k: inputs + len(nodes) + k for k in range(len(program.constants))}
    ops, starts, operands = array("H"), array("i", [0]), array("i")
    for (slot, _, given), op in zip(program.nodes(), program.ops, strict=True):
        if slot not in slots:
            slots[slot] = program.first_node + len(nodes) + len(ops)
            ops.append(op)
            operands.extend([slots[one] for one in given])
            starts.append(len(operands))
    names = (*program.inputs, *[f"product {k}" for k in range(len(nodes))])
    outputs = array("i", [slots[slot] for slot in program.outputs])
    return Program(names, program.constants, program.rules, ops, starts, operands, outputs)


def linear_loops(spec: KernelSpec, products: Products) -> Loops:
    """The loop: ``@rows`` alone; its memory holds the weights, the sums of a run, and a block's products."""
    return _Linear(spec, products).loops()


class _Linear:
    """The functions of the phases, and where their numbers lie.

    In memory are, product by product, the weights and the sums, in groups of as many columns as there are lanes, the
    last of which may have fewer; then the products, or their adjoints, in registers of rows.
    """

    def __init__(self, spec: KernelSpec, products: Products) -> None:
        self.spec, self.products = spec, products
        self.width, self.count, self.columns = spec.width, len(products.weights), products.columns
        self.access = spec.accesses[products.place]
        self.whole = self.columns // self.width * self.width
        self.padded = -(-self.columns // self.width) * self.width
        bytes_of_register = self.width * self.columns * self.access.itemsize
        self.block = max(1, min(_LONGEST, _BLOCK // bytes_of_register))
        self.sums_at = self.count * self.padded
        self.products_at = 2 * self.sums_at
        self.registers = 32 if self.width == 8 else 16  # of the processor

    def loops(self) -> Loops:
        phases = [self.multiplied(), self.linked(), *([self.handed_back()] if self.spec.derivatives else [])]
        routines = [*phases, self.rows([phase.routine_name for phase in phases])]
        declarations = {line for routine in routines for line in routine.declarations()}
        memory = self.products_at + self.count * self.block * self.width
        texts = [routine.text() for routine in routines]
        chunk = _CHUNK * -(-self.spec.sums // _SUMS)
        return Loops(texts, declarations, unroll=1, memory_doubles=memory, run=chunk, chunk=chunk)

    def rows(self, phases: list[str]) -> Routine:
        """Block after block through the phases; then the sums, as the reduction has them."""
        routine = Routine("rows", PARAMETERS, convention="internal")
        start, count = Integer(routine, "%start"), Integer(routine, "%count")
        frame, sums, memory = [Array(routine, "double", f"%{name}") for name in ("frame", "sums", "memory")]
        routine.clear(memory, self.products_at)
        shared = Frame(routine).array("shared")
        where = {slot: place for place, slot in enumerate(self.spec.plan.shared)}
        for number, slots in enumerate(self.products.weights):
            for first, column, length in runs([where[slot] for slot in slots]):
                with routine.loop_over(0, length) as k:
                    memory[k + (number * self.padded + column)] = shared[k + first]
        with routine.loop_over(0, count, self.block) as done:
            row, vectors = start + done * self.width, routine.smaller(count - done, self.block)
            for phase in phases:
                routine.call(phase, frame, row, vectors, sums, memory)
        results = {slot: len(self.spec.plan.program.outputs) + k for k, slot in enumerate(self.spec.plan.shared_wrt)}
        for number, slots in enumerate(self.products.weights if self.spec.derivatives else ()):
            for first, column, length in runs([results.get(slot, -1) for slot in slots]):
                if first >= 0:
                    with routine.loop_over(0, length) as k:
                        target = sums.at((k + first) * self.width)
                        target[0] = target[0] + memory[k + (self.sums_at + number * self.padded + column)]
        routine.returns()
        return routine

    # ---- the phases -------------------------------------------------------------------------------------------

    def multiplied(self) -> Routine:
        """The products of a block's rows: a register's rows side by side, and some products at once."""
        routine = self.spec.routine("multiplied", PARAMETERS)
        memory, bases = Array(routine, "double", "%memory"), self._base(routine)
        most = max(1, (self.registers - 6) // self.width)
        later = max(self.width, _AHEAD // (self.columns * self.access.itemsize))
        ahead = Frame(routine).view(self.products.place).row_stride * later
        with routine.loop_over(0, Integer(routine, "%count")) as vector:
            rows = [bases(vector * self.width + lane) for lane in range(self.width)]
            for numbers in _tiles(self.count, most):
                sums = [[Variable(routine, 0.0, routine.type) for _ in rows] for _ in numbers]
                for start, stop, is_last in ((0, self.whole, False), (self.whole, self.padded, True)):
                    with routine.loop_over(start, stop, self.width) as column:
                        offset = column * self.access.itemsize
                        weights = [memory.registers(column + number * self.padded) for number in numbers]
                        for lane, row in enumerate(rows):
                            x = self._loaded(routine, row + offset, is_last=is_last)
                            if numbers[0] == 0:
                                routine.prefetch(routine.pointer("i8", row + offset + ahead))
                            for weight, totals in zip(weights, sums, strict=True):
                                totals[lane].value = totals[lane].value + x * weight
                for number, totals in zip(numbers, sums, strict=True):
                    self._products(memory, number)[vector] = _added(routine, [total.value for total in totals])
        routine.returns()
        return routine

    def linked(self) -> Routine:
        """The rest of the program, from the products to the sums and to the products' adjoints."""
        spec, rest = self.spec, self.products.rest
        routine = spec.routine("linked", PARAMETERS)
        memory, used = Array(routine, "double", "%memory"), {*rest.operands, *rest.outputs}
        prologue = Prologue(spec, routine, used=used)
        first = len(spec.plan.program.inputs)
        with routine.loop_over(0, Integer(routine, "%count")) as vector:
            body = Body(spec, routine, prologue, Integer(routine, "%start") + vector * self.width)
            numbers = dict(prologue.shared) | self._gathered(body, used)
            products = [self._products(memory, number)[vector] for number in range(self.count)]
            values = rest.evaluate(routine, [*[numbers.get(slot) for slot in range(first)], *products], constant)
            found = [values[slot] for slot in rest.outputs]
            if spec.derivatives:
                adjoints = rest.pullback(routine, values, prologue.seeds)
                found += [0.0 if adjoints[slot] is None else adjoints[slot] for slot in spec.wrt]
                for number in range(self.count):
                    adjoint = adjoints[first + number]
                    self._products(memory, number)[vector] = 0.0 if adjoint is None else adjoint
            body.accumulate(found)
        routine.returns()
        return routine

    def _gathered(self, body: Body, used: set[int]) -> dict[int, Any]:
        """The columns that the rest of the program needs."""
        numbers: dict[int, Any] = {}
        for place, slots in enumerate(self.spec.plan.row_inputs):
            if used.issuperset(slots):
                numbers.update(zip(slots, body.columns(place, 0, len(slots)), strict=True))
                continue
            for column, slot in enumerate(slots):
                if slot in used:
                    (numbers[slot],) = body.columns(place, column, 1)
        return numbers

    def handed_back(self) -> Routine:
        """To the sums: of the block's rows, each times the adjoints of its products."""
        routine = self.spec.routine("handed_back", PARAMETERS)
        memory, bases = Array(routine, "double", "%memory"), self._base(routine)
        for numbers in _tiles(self.count, 10):
            together = max(1, (self.registers - 10) // len(numbers))  # groups of columns
            step = together * self.width
            last = max(self.padded - 1, 0) // step * step  # so that the last group is among the last ones
            with routine.loop_over(0, last, step) as column:
                columns = [column + group for group in range(0, step, self.width)]
                self._hand_back(routine, memory, bases, numbers, columns)
            columns = [Integer(routine, str(column)) for column in range(last, self.padded, self.width)]
            self._hand_back(routine, memory, bases, numbers, columns)
        routine.returns()
        return routine

    def _hand_back(
        self, routine: Routine, memory: Array, bases: Any, numbers: list[int], columns: list[Integer]
    ) -> None:
        kept = memory.at(self.sums_at)
        at = [[column + number * self.padded for column in columns] for number in numbers]
        sums = [[Variable(routine, kept.registers(place), routine.type) for place in places] for places in at]
        rows = (Integer(routine, "%count") - 1) * self.width + Frame(routine).integer("lanes")
        with routine.loop_over(0, rows) as row:
            base = bases(row)
            adjoints = [routine.broadcast(self._products(memory, number).of("double")[row]) for number in numbers]
            for group, column in enumerate(columns):
                is_last = column.text == str(self.whole)
                x = self._loaded(routine, base + column * self.access.itemsize, is_last=is_last)
                for adjoint, totals in zip(adjoints, sums, strict=True):
                    totals[group].value = totals[group].value + x * adjoint
        for places, totals in zip(at, sums, strict=True):
            for place, total in zip(places, totals, strict=True):
                kept.set_registers(place, total.value)

    # ---- addresses --------------------------------------------------------------------------------------------

    def _products(self, memory: Array, number: int) -> Array:
        """The registers of a product, or of its adjoint."""
        return memory.at(self.products_at + number * self.block * self.width).of(self.spec.register)

    def _base(self, routine: Routine) -> Any:
        """From a row of the block to the address of its first column."""
        view = Frame(routine).view(self.products.place)
        start = view.start + self.products.first * self.access.itemsize + Integer(routine, "%start") * view.row_stride
        return lambda row: start + row * view.row_stride

    def _loaded(self, routine: Routine, address: Integer, *, is_last: bool) -> Any:
        """As many columns as there are lanes, as doubles; of the last group those that there are."""
        there = self.columns - self.whole if is_last else self.width
        return routine.pointer(self.access.element, address).doubles(self.width, there)


def _tiles(count: int, most: int) -> list[list[int]]:
    """The numbers up to a count in as few groups as hold so many, of about the same size."""
    groups = -(-count // most)
    ends = [count * group // groups for group in range(groups + 1)]
    return [list(range(*pair)) for pair in itertools.pairwise(ends)]


def _added(routine: Routine, registers: list[Any]) -> Any:
    """The sum of each register's lanes, in the lane that is the register's place."""
    width, half = len(registers), 1
    while len(registers) > 1:
        places = [(lane // (2 * half) * 2 * half + lane % half, lane // half % 2) for lane in range(width)]
        low = [lane + width * which for lane, which in places]
        high = [lane + half for lane in low]
        pairs = [(one.text, other.text) for one, other in zip(registers[::2], registers[1::2], strict=True)]
        kind = routine.type
        registers = [routine.shuffled(kind, *pair, low) + routine.shuffled(kind, *pair, high) for pair in pairs]
        half *= 2
    return registers[0]
