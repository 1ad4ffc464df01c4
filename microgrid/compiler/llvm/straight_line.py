"""Lower a program to straight-line code in static single assignment form: emit, eliminate dead code, schedule calls.

The instructions are the same for one point and for a vector of rows; ``blocks`` cuts them into functions. No operation
is known here: a rule has become additions, calls and selects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.compiler.llvm.instructions import Instructions, Op, Register, constant, vector_type
from microgrid.core.adjoints import Adjoints
from microgrid.core.rule import Rule
from microgrid.errors import DataError
from microgrid.program.program import Program

__all__ = ["SOURCES", "Group", "Instruction", "Straight", "emit", "side_by_side"]

_WINDOW = 4000  # instructions: calls further apart are not put together, or little would stay in the caches

Instruction = tuple[Op, tuple[int, ...]]
"""What is done, and the numbers of the instructions whose results are its operands. A literal, an input and a seed
count as instructions."""

SOURCES = ("input", "seed", "literal")
"""Instructions that nothing has to be computed for."""

Group = list[int]
"""Instructions that are computed together: one, or as many calls of one function as a vector register has lanes."""


@dataclass(frozen=True, slots=True)
class Straight:
    """The instructions of a program."""

    type: str  # of the numbers: double, or a vector of them
    instructions: list[Instruction]  # all that were emitted, dead ones too; an instruction's number is its place
    # The live ones that compute the outputs, and the gradient after them; those in SOURCES are there when needed.
    forward: list[int]
    reverse: list[int]
    outputs: list[int]  # the instructions whose results these are
    gradient: list[int]

    def name(self, number: int) -> str:
        """An instruction's result: a register, or a literal."""
        op = self.instructions[number][0]
        return op.symbol if op.name == "literal" else f"%v{number}"

    def text(self, number: int) -> str:
        """An instruction in LLVM's syntax, without its result."""
        op, operands = self.instructions[number]
        return op.text([self.name(operand) for operand in operands])


def emit(
    program: Program,
    wrt: Sequence[int],
    arithmetic: Callable[[], Instructions],
    *,
    precise: bool,
    derivatives: bool = True,
) -> Straight:
    """The instructions of a program and of its pullback, which is left out without ``derivatives``; ``wrt`` are inputs.

    The arithmetic that a rule is run in is made anew for each. An input is the instruction ``input`` with its place as
    index, a seed likewise ``seed``. A rule that is written for floats alone raises an OperationError, and a place in
    ``wrt`` that is no input a DataError.

    Examples
    --------
    >>> from microgrid import Program, Value, exp
    >>> x = Value(3.0, name="x")
    >>> straight = emit(Program.record([exp(x)], [x]), [0], Instructions, precise=True)
    >>> straight.text(straight.outputs[0])
    'call double @libm.exp(double %v0)'
    """
    for slot in wrt:
        if not 0 <= slot < len(program.inputs):
            raise DataError(
                f"slot {slot} is no input of {program!r}, and derivatives are with respect to inputs: give slots from "
                f"0 to {len(program.inputs) - 1}"
            )
    emitter = _Emitter(program, arithmetic, precise=precise)
    values = emitter.values()
    middle = len(emitter.instructions)
    outputs = [values[slot] for slot in program.outputs]
    gradient = emitter.gradient(values, wrt) if derivatives else []
    live = _live(emitter.instructions, [*outputs, *gradient])
    forward, reverse = [n for n in live if n < middle], [n for n in live if n >= middle]
    return Straight(emitter.type, emitter.instructions, forward, reverse, outputs, gradient)


def _dependents(program: Program, wrt: Sequence[int]) -> bytearray:
    """For each slot, whether it depends on what is differentiated with respect to."""
    found = bytearray(program.first_node + len(program.ops))
    for slot in wrt:
        found[slot] = 1
    for slot, _, operands in program.nodes():
        found[slot] = any([found[operand] for operand in operands])
    return found


# ---- emitting -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Template:
    """The instructions of a rule, emitted once for all nodes that have it.

    Each step is what is done, and places in a list of the given numbers, the literals and the steps' own results.
    """

    literals: list[str]
    steps: list[tuple[Op, list[int]]]
    results: list[int]  # places of them


def _template(function: Callable[[Instructions, list[Any]], list[Any]], given: list[Any], m: Instructions) -> _Template:
    """What a function of an arithmetic and of numbers emits; a given None is a number that is not known yet."""
    names = [Register(f"%g{place}") for place in range(len(given))]
    numbers = [m.term(name) if one is None else constant(one) for name, one in zip(names, given, strict=True)]
    results = [m.write(result) for result in function(m, numbers)]
    used = [operand for line in m.lines for operand in line.operands]
    literals = list(dict.fromkeys([text for text in (*used, *results) if not isinstance(text, Register)]))
    place = {name: number for number, name in enumerate([*names, *literals, *[line.result for line in m.lines]])}
    steps = [(line.op, [place[operand] for operand in line.operands]) for line in m.lines]
    return _Template(literals, steps, [place[result] for result in results])


class _Emitter:
    """A list of instructions that grows; one that was emitted before is not emitted again."""

    def __init__(self, program: Program, arithmetic: Callable[[], Instructions], *, precise: bool) -> None:
        self.program, self.arithmetic, self.precise = program, arithmetic, precise
        self.instructions: list[Instruction] = []
        self._known: dict[Instruction, int] = {}
        self._templates: dict[Any, _Template] = {}
        m = arithmetic()
        self._write, self.type = m.write, m.type
        self._fadd, self._fmul = [Op(name, m.type, m.type, contract=not precise) for name in ("fadd", "fmul")]
        truth = vector_type("i1", m.width)
        self._equal, self._select = Op("fcmp", truth, m.type, "oeq"), Op("select", m.type, truth)

    def instruction(self, op: Op, operands: tuple[int, ...] = ()) -> int:
        """The number of an instruction."""
        key = (op, operands)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.instructions)
            self.instructions.append(key)
        return number

    def literal(self, text: str) -> int:
        """The number of a literal."""
        return self.instruction(Op("literal", self.type, "", text))

    # What ``Adjoints`` makes of numbers. A literal partial is known now: of a sum it is 1, of a condition 0.

    def _known_as(self, number: int) -> str:
        op = self.instructions[number][0]
        return op.symbol if op.name == "literal" else ""

    def equal(self, number: int, zero: float) -> bool | int:
        """Whether a number is 0."""
        if self._known_as(number):
            return self._known_as(number) in (self._write(0.0), self._write(-0.0))
        return self.instruction(self._equal, (number, self.literal(self._write(zero))))

    def where(self, truth: int, then: float, otherwise: int) -> int:
        """One of two instructions; the first may be a plain number."""
        chosen = self.literal(self._write(then)) if isinstance(then, float) else then
        return self.instruction(self._select, (truth, chosen, otherwise))

    def _plus(self, one: int, other: int) -> int:
        return self.instruction(self._fadd, (one, other))

    def _times(self, partial: int, adjoint: int) -> int:
        return (
            adjoint if self._known_as(partial) == self._write(1.0) else self.instruction(self._fmul, (partial, adjoint))
        )

    def _loads(self, name: str, count: int) -> list[int]:
        return [self.instruction(Op(name, self.type, "", indices=(place,))) for place in range(count)]

    def _copy(self, template: _Template, given: Sequence[int]) -> list[int]:
        """Emit a template's instructions on given numbers."""
        numbers = [*given, *[self.literal(text) for text in template.literals]]
        known, instructions = self._known, self.instructions
        for op, places in template.steps:  # as in ``instruction``, which would take half of all time to call
            key = (op, tuple([numbers[place] for place in places]))
            number = known.get(key)
            if number is None:
                number = known[key] = len(instructions)
                instructions.append(key)
            numbers.append(number)
        return [numbers[place] for place in template.results]

    def _constants(self, operands: Iterable[int]) -> list[float | None]:
        """For each operand its number if it is a constant, for rules have other forms for constants."""
        inputs, first_node, numbers = len(self.program.inputs), self.program.first_node, self.program.constants
        return [numbers[slot - inputs] if inputs <= slot < first_node else None for slot in operands]

    def values(self) -> list[int]:
        """Emit every slot's value."""
        program = self.program
        values = self._loads("input", len(program.inputs))
        values += [self.literal(self._write(number)) for number in program.constants]
        for _, rule, operands in program.nodes():
            template = self._value_template(rule, operands)
            values += self._copy(template, [values[slot] for slot in operands])
        return values

    def gradient(self, values: list[int], wrt: Sequence[int]) -> list[int]:
        """Emit the adjoints of inputs."""
        adjoints = self._adjoints(values, _dependents(self.program, wrt))
        zero = self.literal(self._write(0.0))
        return [adjoints.of(slot) if slot in adjoints.sums else zero for slot in wrt]

    def _adjoints(self, values: list[int], wanted: bytearray) -> Adjoints:
        """Emit the wanted slots' adjoints: ``Program.pullback``, in templates."""
        program = self.program
        start = self.literal(self._write(0.0)) if self.precise else None
        adjoints = Adjoints(self, start=start, times=self._times, add=self._plus)
        for slot, seed in zip(program.outputs, self._loads("seed", len(program.outputs)), strict=True):
            if wanted[slot]:
                adjoints.hand(slot, seed)
        for node in range(len(program.ops) - 1, -1, -1):
            out = program.first_node + node
            if out not in adjoints.sums:
                continue
            rule = program.rules[program.ops[node]]
            operands = program.operands[program.starts[node] : program.starts[node + 1]]
            partials = self._copy(self._partials_template(rule, operands), [values[slot] for slot in (*operands, out)])
            edges = zip(operands, partials, strict=True)
            adjoints.hand_back(out, rule, [pair for pair in edges if wanted[pair[0]]])
        return adjoints

    def _value_template(self, rule: Rule, operands: Sequence[int]) -> _Template:
        constants = self._constants(operands)
        key = (rule, *map(repr, constants))  # repr tells -0.0 from 0.0, and one nan from no other
        if key not in self._templates:

            def function(m: Instructions, numbers: list[Any]) -> list[Any]:
                return [m.bind(rule)[0](*numbers)]

            self._templates[key] = _template(function, constants, self.arithmetic())
        return self._templates[key]

    def _partials_template(self, rule: Rule, operands: Sequence[int]) -> _Template:
        constants = self._constants(operands)
        key = ("partials", rule, *map(repr, constants))
        if key not in self._templates:

            def function(m: Instructions, numbers: list[Any]) -> list[Any]:
                *numbers, out = numbers
                return list(m.bind(rule)[1](out, *numbers))

            self._templates[key] = _template(function, [*constants, None], self.arithmetic())
        return self._templates[key]


def _live(instructions: list[Instruction], results: list[int]) -> list[int]:
    """Dead code elimination: those that the results are made of, in order."""
    live = bytearray(len(instructions))
    for number in results:
        live[number] = 1
    for number in range(len(instructions) - 1, -1, -1):
        if live[number]:
            for operand in instructions[number][1]:
                live[operand] = 1
    return [n for n, (op, _) in enumerate(instructions) if live[n] and op.name not in SOURCES]


# ---- scheduling -----------------------------------------------------------------------------------------------


def side_by_side(
    instructions: list[Instruction], numbers: list[int], vectorised: Iterable[str], lanes: int
) -> list[Group]:
    """Scalar instructions in an order in which calls of one function that don't depend on each other are one group.

    The numbers are of those to be scheduled, operands first; ``vectorised`` functions are computed on a register of so
    many lanes. A group is one instruction, or ``lanes`` calls.
    """
    together = frozenset(vectorised)
    if not together:
        return [[number] for number in numbers]
    groups: list[Group] = []
    for start in range(0, len(numbers), _WINDOW):
        groups += _grouped(instructions, numbers[start : start + _WINDOW], together, lanes)
    return groups


def _grouped(instructions: list[Instruction], window: list[int], together: frozenset[str], lanes: int) -> list[Group]:
    """An instruction's level is the largest number of calls on a path to it: calls on one level depend on no other."""
    levels: dict[int, int] = {}
    calls: dict[int, dict[Op, Group]] = {}
    others: dict[int, Group] = {}
    for number in window:
        op, operands = instructions[number]
        level = 0
        for operand in operands:
            level = max(level, levels.get(operand, 0))
        if op.function in together:
            level += 1
            calls.setdefault(level, {}).setdefault(op, []).append(number)
        else:
            others.setdefault(level, []).append(number)
        levels[number] = level
    groups: list[Group] = []
    for level in range(max(levels.values(), default=0) + 1):
        for same in calls.get(level, {}).values():
            groups += _filled(same, lanes)
        groups += [[number] for number in others.get(level, [])]
    return groups


def _filled(calls: Group, lanes: int) -> list[Group]:
    """As many full groups as there are, and the rest one by one: a register with idle lanes gains nothing."""
    full = len(calls) // lanes * lanes
    groups = [calls[start : start + lanes] for start in range(0, full, lanes)]
    return groups + [[call] for call in calls[full:]]
