"""A program as one list of instructions: written by the rules, freed of what nothing needs, put in order.

The list is cut into functions in ``chunked``. No operation is known here: a rule has become additions, calls and
choices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid.compiler.llvm import libm as functions
from microgrid.compiler.llvm.instructions import Instructions, constant, literal
from microgrid.core.rules import Rule
from microgrid.errors import DataError, OperationError
from microgrid.program.program import Program

__all__ = ["Group", "Instruction", "Straight", "check", "is_made_anew", "symbol_of", "write"]

_NUMBER = re.compile(r"%\w+|0x[0-9A-F]{16}")
_CALL = "call double @libm."
_WINDOW = 4000  # instructions: so far apart may be what is computed together, or little would stay in the caches

Instruction = tuple[str, tuple[int, ...]]
"""LLVM's text with ``{}`` for its operands, and the numbers of the instructions that these are the results of. A
literal counts as an instruction: its text is the literal."""

Group = list[int]
"""Instructions that are computed at once: one, or as many calls of one function as a vector register has lanes."""


@dataclass(frozen=True, slots=True)
class Straight:
    """The instructions of a program.

    Parameters
    ----------
    instructions : list of Instruction
        All that were written; what nothing needs is in no group.
    forward, reverse : list of Group
        What computes the outputs, and what computes the gradient after it; literals are in neither.
    outputs, gradient : list of int
        The instructions whose results are the results.
    """

    instructions: list[Instruction]
    forward: list[Group]
    reverse: list[Group]
    outputs: list[int]
    gradient: list[int]

    def name(self, number: int) -> str:
        """An instruction's result in LLVM's language: a register or a literal."""
        text = self.instructions[number][0]
        return text if text.startswith("0x") else f"%t{number}"

    def text(self, number: int) -> str:
        """An instruction in LLVM's language, without its result's name."""
        text, operands = self.instructions[number]
        return text.format(*[self.name(operand) for operand in operands])


def is_made_anew(text: str) -> bool:
    """Whether an instruction is written wherever it is used: a comparison, whose result is no double, or a load."""
    return text.startswith(("fcmp", "load"))


def symbol_of(text: str) -> str:
    """The function that a call is of."""
    return text.partition("@")[2].partition("(")[0]


def write(program: Program, wrt: Sequence[int], *, precise: bool, lanes: int = 1) -> Straight:
    """The instructions of a program and of its pullback.

    Parameters
    ----------
    program : Program
        Of rules that run in every arithmetic.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    precise : bool
        Whether the eager engine's bits are wanted: every product and sum rounded, scalar functions.
    lanes : int
        How many calls of one function may be computed at once; without effect where ``precise``.

    Returns
    -------
    Straight
        An input is ``load double, ptr getelementptr (double, ptr @inputs, i64 place)``, a seed the same of ``@seeds``.

    Raises
    ------
    OperationError
        If a rule is written for floats alone.
    DataError
        If a place in ``wrt`` is no input.

    Examples
    --------
    >>> from microgrid import Program, Value, exp
    >>> x = Value(3.0, name="x")
    >>> straight = write(Program.record([exp(x)], [x]), [0], precise=True)
    >>> straight.text(straight.outputs[0])
    'call double @libm.exp(double %t0)'
    """
    check(program, wrt)
    writer = _Writer(program, precise=precise)
    values = writer.values()
    middle = len(writer.instructions)
    adjoints = writer.adjoints(values, _dependents(program, wrt))
    outputs = [values[slot] for slot in program.outputs]
    zero = writer.literal(literal(0.0))
    gradient = [zero if adjoint is None else adjoint for adjoint in [adjoints[slot] for slot in wrt]]
    together = {} if precise or lanes == 1 else functions.vector_functions(lanes)
    needed = _needed(writer.instructions, [*outputs, *gradient])
    forward, reverse = [n for n in needed if n < middle], [n for n in needed if n >= middle]
    return Straight(
        writer.instructions,
        _in_order(writer.instructions, forward, together, lanes),
        _in_order(writer.instructions, reverse, together, lanes),
        outputs,
        gradient,
    )


def check(program: Program, wrt: Sequence[int]) -> None:
    """Refuse a program that can't become machine code, and what is no input; as ``write``."""
    for rule in program.rules:
        if not rule.portable:
            raise OperationError(
                f"the operation {rule.name} ({rule.value_source}) is written for floats alone and can't become "
                "machine code: let its value and its partials take a keyword-only m, and take every function from it"
            )
    for slot in wrt:
        if not 0 <= slot < len(program.inputs):
            raise DataError(
                f"slot {slot} is no input of {program!r}, and derivatives are with respect to inputs: give slots from "
                f"0 to {len(program.inputs) - 1}"
            )


def _dependents(program: Program, wrt: Sequence[int]) -> bytearray:
    """For each slot, whether it depends on what is differentiated with respect to."""
    found = bytearray(program.first_node + len(program.ops))
    for slot in wrt:
        found[slot] = 1
    for slot, _, operands in program.nodes():
        found[slot] = any([found[operand] for operand in operands])
    return found


# ---- writing --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Template:
    """The instructions of a rule, written once for all nodes that have it.

    Parameters
    ----------
    literals : list of str
        That occur in it.
    steps : list of (str, list of int)
        Texts with ``{}``, and places in a list of the given numbers, the literals and the steps' own results.
    results : list of int
        Places of the results.
    """

    literals: list[str]
    steps: list[tuple[str, list[int]]]
    results: list[int]


def _template(
    function: Callable[[Instructions, list[Any]], list[Any]], given: list[Any], *, precise: bool
) -> _Template:
    """What a function of an arithmetic and of numbers writes; a given None is a number that is not known yet."""
    m = Instructions(contract=not precise)
    names = [f"%g{place}" for place in range(len(given))]
    numbers = [m.term(name) if one is None else constant(one) for name, one in zip(names, given, strict=True)]
    results = [m.write(result) for result in function(m, numbers)]
    lines = [line.strip().partition(" = ") for line in m.lines]
    used = [name for _, _, text in lines for name in _NUMBER.findall(text)]
    literals = list(dict.fromkeys([name for name in (*used, *results) if name.startswith("0x")]))
    place = {name: number for number, name in enumerate([*names, *literals, *[name for name, _, _ in lines]])}
    steps = [(_NUMBER.sub("{}", text), [place[name] for name in _NUMBER.findall(text)]) for _, _, text in lines]
    return _Template(literals, steps, [place[result] for result in results])


class _Writer:
    """A list of instructions that grows; one that was written before is not written again."""

    def __init__(self, program: Program, *, precise: bool) -> None:
        self.program, self.precise = program, precise
        self.instructions: list[Instruction] = []
        self._known: dict[Instruction, int] = {}
        self._templates: dict[Any, _Template] = {}

    def instruction(self, text: str, operands: tuple[int, ...] = ()) -> int:
        """The number of an instruction."""
        key = (text, operands)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.instructions)
            self.instructions.append(key)
        return number

    def literal(self, text: str) -> int:
        """The number of a literal."""
        return self.instruction(text)

    def _loads(self, array: str, count: int) -> list[int]:
        text = "load double, ptr getelementptr (double, ptr @{}, i64 {})"
        return [self.instruction(text.format(array, place)) for place in range(count)]

    def _copy(self, template: _Template, given: Sequence[int]) -> list[int]:
        """Write a template's instructions on given numbers."""
        numbers = [*given, *[self.literal(text) for text in template.literals]]
        known, instructions = self._known, self.instructions
        for text, places in template.steps:  # as in ``instruction``, which would take half of all time to call
            key = (text, tuple([numbers[place] for place in places]))
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
        """Write every slot's value."""
        program = self.program
        values = self._loads("inputs", len(program.inputs))
        values += [self.literal(literal(number)) for number in program.constants]
        for _, rule, operands in program.nodes():
            template = self._value_template(rule, operands)
            values += self._copy(template, [values[slot] for slot in operands])
        return values

    def adjoints(self, values: list[int], wanted: bytearray) -> list[int | None]:
        """Write the wanted slots' adjoints: ``Program.pullback``, in templates."""
        program = self.program
        adjoints: list[int | None] = [None] * len(values)
        add = "fadd double {}, {}" if self.precise else "fadd contract double {}, {}"
        zero = self.literal(literal(0.0)) if self.precise else None

        def hand(slot: int, share: int) -> None:
            before = zero if adjoints[slot] is None else adjoints[slot]
            adjoints[slot] = share if before is None else self.instruction(add, (before, share))

        for slot, seed in zip(program.outputs, self._loads("seeds", len(program.outputs)), strict=True):
            if wanted[slot]:
                hand(slot, seed)
        for node in range(len(program.ops) - 1, -1, -1):
            out = program.first_node + node
            adjoint = adjoints[out]
            if adjoint is None:
                continue
            operands = program.operands[program.starts[node] : program.starts[node + 1]]
            template = self._pullback_template(program.rules[program.ops[node]], operands)
            shares = self._copy(template, [*[values[slot] for slot in operands], values[out], adjoint])
            for slot, share in zip(operands, shares, strict=True):
                if wanted[slot]:
                    hand(slot, share)
        return adjoints

    def _value_template(self, rule: Rule, operands: Sequence[int]) -> _Template:
        constants = self._constants(operands)
        key = (rule, *map(repr, constants))  # repr tells -0.0 from 0.0, and one nan from no other
        if key not in self._templates:

            def function(m: Instructions, numbers: list[Any]) -> list[Any]:
                return [m.bind(rule)[0](*numbers)]

            self._templates[key] = _template(function, constants, precise=self.precise)
        return self._templates[key]

    def _pullback_template(self, rule: Rule, operands: Sequence[int]) -> _Template:
        constants = self._constants(operands)
        key = ("pullback", rule, *map(repr, constants))
        if key not in self._templates:

            def function(m: Instructions, numbers: list[Any]) -> list[Any]:
                *numbers, out, adjoint = numbers
                return [partial * adjoint for partial in m.bind(rule)[1](out, *numbers)]

            self._templates[key] = _template(function, [*constants, None, None], precise=self.precise)
        return self._templates[key]


def _needed(instructions: list[Instruction], results: list[int]) -> list[int]:
    """Those that the results are made of, in order, without literals."""
    needed = bytearray(len(instructions))
    for number in results:
        needed[number] = 1
    for number in range(len(instructions) - 1, -1, -1):
        if needed[number]:
            for operand in instructions[number][1]:
                needed[operand] = 1
    return [n for n, (text, _) in enumerate(instructions) if needed[n] and not text.startswith("0x")]


# ---- order ----------------------------------------------------------------------------------------------------


def _in_order(instructions: list[Instruction], numbers: list[int], together: dict[str, str], lanes: int) -> list[Group]:
    """The instructions with the calls that can be computed at once side by side."""
    if not together:
        return [[number] for number in numbers]
    groups: list[Group] = []
    for start in range(0, len(numbers), _WINDOW):
        groups += _grouped(instructions, numbers[start : start + _WINDOW], together, lanes)
    return groups


def _grouped(instructions: list[Instruction], window: list[int], together: dict[str, str], lanes: int) -> list[Group]:
    """An instruction's level is the largest number of calls on a path to it: calls on one level depend on no other."""
    levels: dict[int, int] = {}
    calls: dict[int, dict[str, Group]] = {}
    others: dict[int, Group] = {}
    for number in window:
        text, operands = instructions[number]
        level = 0
        for operand in operands:
            level = max(level, levels.get(operand, 0))
        if text.startswith(_CALL) and symbol_of(text).removeprefix("libm.") in together:
            level += 1
            calls.setdefault(level, {}).setdefault(text, []).append(number)
        else:
            others.setdefault(level, []).append(number)
        levels[number] = level
    groups: list[Group] = []
    for level in range(max(levels.values(), default=0) + 1):
        for same in calls.get(level, {}).values():
            groups += _cut(same, lanes)
        groups += [[number] for number in others.get(level, [])]
    return groups


def _cut(calls: Group, lanes: int) -> list[Group]:
    """As many full groups as there are, and the rest one by one: a register with idle lanes gains nothing."""
    full = len(calls) // lanes * lanes
    groups = [calls[start : start + lanes] for start in range(0, full, lanes)]
    return groups + [[call] for call in calls[full:]]
