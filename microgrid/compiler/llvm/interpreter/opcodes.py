"""The interpreter's opcodes: a handler for each, which is the rule table run on LLVM registers in a loop over nodes.

A handler does a run of nodes and jumps to the handler of the next run (threaded code). The values of all nodes stand on
one tape, their adjoints on another; a node's place on both follows from the schedule, so that only the places of
operands are read. In the backward pass a handler clears each adjoint that it has read: between two calls that tape is
empty.

In a program with choices the empty sum is -0.0, to which any number is added without a trace; no share is -0.0, so that
a sum which still is has received nothing, and its node hands nothing on. Without choices it is 0.0 and nobody asks.

How a program becomes runs is told in ``schedule``, and how it is called in ``interpreter``.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy

from microgrid.compiler.llvm import builder, instructions, jit, libm
from microgrid.compiler.llvm.builder import Array, Integer, Routine, Variable
from microgrid.compiler.llvm.instructions import ATTRIBUTES, Instr, Instructions, Op, literal, vector_type
from microgrid.compiler.llvm.interpreter import schedule
from microgrid.compiler.llvm.interpreter.schedule import CHAINED, MASKS, SHAPES, WIDE
from microgrid.core import arithmetic, rules, source
from microgrid.core.arithmetic import Arithmetic
from microgrid.core.rule import Rule
from microgrid.core.source import List, Term

__all__ = ["FIELDS", "Form", "Handlers", "calls", "constant_forms", "empty_sum", "handlers_of"]

_SHAPES = ("single", "after_x", "after_y", "wide")  # what handlers of each shape are called
_SINGLE, _NO_GRADIENT = 0, MASKS - 1  # the shape of one node at a time; the mask of a node that needs no gradient

_NOTHING = -(1 << 63)  # the bits of -0.0

# A handler hands over to the next one with all that it knows in registers. The convention that saves none of them takes
# those that a C function leaves alone; where LLVM doesn't have it, C's own will do.
_CONVENTION = "preserve_nonecc" if platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64") else "ccc"
_STATE = {
    "operands": "ptr",
    "run": "ptr",
    "here": "i64",
    "tape": "ptr",
    "adjoints": "ptr",
    "table": "ptr",
    "scratch": "ptr",
    "last": "double",
}
_HANDED_OVER = ", ".join([f"{kind} {{{name}}}" for name, kind in _STATE.items()])

_CHAINS, _BLOCK = 4, 256  # the sums of a list that run side by side, and how many terms are added to them

_EACH = "each"  # a list that a rule goes through more than once

_MANY = 300  # operands: above, LLVM takes too long over the handler of a user's rule to optimise it


# ---- what there are handlers for -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """What the interpreter has handlers for: a rule, or a rule with something more that is known.

    Of a user's rule on lists the number of operands is known too: nothing but the length says what its code does.
    """

    rule: Rule
    constant: float | None = None  # its last operand, if that is the same for all nodes
    count: int | None = None

    @property
    def operands(self) -> int:
        """How many operands; 0 if there are lists of them."""
        return self.count or self.rule.arity or 0

    @property
    def lists(self) -> int:
        """How many lists of any length."""
        return 0 if self.operands else len(self.rule.regions)

    @property
    def regions(self) -> int:
        """How many operands or lists are told apart by a mask; 1 if only all of them."""
        return 1 if self.count else len(self.rule.regions)

    @property
    def masks(self) -> tuple[int, ...]:
        """The masks of nodes with a wanted adjoint."""
        if self.constant is not None:
            return (2,)
        return (0, 1, 2) if self.regions == 2 else (0,)

    @property
    def name(self) -> str:
        """What its handlers are called."""
        parts = [
            "handler",
            self.rule.name,
            *[str(number) for number in (self.constant, self.count) if number is not None],
        ]
        return re.sub(r"[^-\w.]", "_", ".".join(parts), flags=re.ASCII)

    def runs_in(self, m: Any, operands: list[Term]) -> tuple[Callable[[], Any], Callable[[Any], Sequence[Any]]]:
        """Its value and its partials, as functions of nothing and of the output."""
        value, partials = m.bind(self.rule)
        known = [*operands[:-1], self.constant] if self.constant is not None else operands
        return lambda: value(*known), lambda out: partials(out, *known)

    def instructions_in(self, m: Instructions) -> list[Instr]:
        """The instructions of its value and its partials."""
        value, partials = self.runs_in(m, [m.term(f"%x{place}") for place in range(self.operands)])
        value()
        partials(m.term("%out"))
        return m.lines


def _takes_long(lines: list[Instr]) -> bool:
    """Whether there are instructions that take longer than to fetch the operands."""
    return any([line.op.name == "fdiv" or line.op.function not in ("", "abs") for line in lines])


def _calls_one_by_one(lines: list[Instr]) -> bool:
    """Whether there are calls of functions of one number."""
    return any([line.op.calls_library and line.op.of == "double" for line in lines])


def _is_slow(form: Form) -> bool:
    return _takes_long(form.instructions_in(Instructions(contract=True)))


def _pays_in_registers(form: Form) -> bool:
    """Whether whole registers at a time are worth it: what takes long is computed on whole registers."""
    width = jit.vector_width()
    lines = form.instructions_in(Instructions(width, libm.vector_functions(width), contract=True))
    return _takes_long(lines) and not _calls_one_by_one(lines)


@functools.cache
def _shapes(form: Form, *, precise: bool) -> tuple[int, ...]:
    """The shapes of the handlers of a form."""
    if form.lists or form.operands > len(CHAINED):
        return (_SINGLE,)
    if _is_slow(form):
        return (_SINGLE, WIDE) if not precise and _pays_in_registers(form) else (_SINGLE,)
    return (_SINGLE, *CHAINED[: form.operands])


@functools.cache
def constant_forms(rule: Rule) -> list[Form]:
    """The forms of a rule with a constant operand for the constants which make it quick; most rules have none.

    They are not precise: a square is a product, not a power.
    """
    if not rule.regions[-1].constant:
        return []
    forms = [Form(rule, constant) for constant in rule.regions[-1].tails]
    return [form for form in forms if not _calls_one_by_one(form.instructions_in(Instructions(contract=True)))]


def empty_sum(*, choices: bool) -> float:
    """What an adjoint starts from, and is again after it was read, in a program with or without choices."""
    return -0.0 if choices else 0.0


# ---- a handler -------------------------------------------------------------------------------------------------------


class _Handler(Routine):
    """What all handlers have: the loop over a run's nodes, and the jump to the next handler."""

    def __init__(self, name: str, *, reverse: bool, choices: bool, **options: Any) -> None:
        super().__init__(name, _STATE, convention=f"internal {_CONVENTION}", **options)
        self.choices, self.empty = choices, empty_sum(choices=choices)
        self.direction = -1 if reverse else 1
        self.tape, self.adjoints = self.array("double", "tape"), self.array("double", "adjoints")
        self.run, self.table = self.array("i32", "run"), self.array("ptr", "table")
        self.count = self.run[1]
        self.at = Variable(self, self.array("i32", "operands"))
        self.here = Variable(self, Integer(self, "%here"))
        self.last = Variable(self, self.term("%last"))

    @contextmanager
    def each_node(self, operands: int) -> Iterator[tuple[Array, Integer]]:
        """A loop over the run's nodes, a register of them at a time: their operands' places, and their own place."""
        left = Variable(self, self.count)
        step = self.direction * self.width
        with self.loop_until(lambda: left.value.equals(0)):
            yield self.moved(operands * self.width, self.width)
            left.value = left.value - abs(step)

    def moved(self, operands: Integer | int, nodes: Integer | int) -> tuple[Array, Integer]:
        """Where the next operands and nodes begin, and on."""
        at, here = self.at.value, self.here.value
        if self.direction > 0:
            self.at.value, self.here.value = at.at(operands), here + nodes
            return at, here
        zero = Integer(self, "0")
        at, here = at.at(zero - operands), here - nodes
        self.at.value, self.here.value = at, here
        return at, here

    def arrived(self, here: Integer) -> Term:
        """The adjoints that have arrived at the nodes, which are cleared."""
        adjoint: Term = self.adjoints.registers(here)
        self.adjoints.set_registers(here, self.empty)
        return adjoint + self.last.value if self.width == 1 else adjoint

    def shares(self, rule: Rule, slopes: Iterable[Any], adjoint: Term) -> list[Any]:
        """What is handed back along each edge; None for one that is never there."""
        return [self.share(rule, slope, adjoint) for slope in slopes]

    def share(self, rule: Rule, slope: Any, adjoint: Term) -> Any:
        """One of them: the slope times the adjoint, or nothing."""
        if not self.choices:
            return slope * adjoint
        if isinstance(slope, float) and slope == 1.0:
            return adjoint
        if isinstance(slope, float) and slope == 0.0 and rule.choice:
            return None
        plus = Op("fadd", self.type, self.type)  # not fused: the product's own sign is lost here, a rounded -0.0 too
        share = self.define(plus, (self.write(slope * adjoint), self.write(0.0)))
        if rule.choice:
            share = self.where(self.equal(slope, 0.0), self.empty, share)
        return self.where(self._is_nothing(adjoint), self.empty, share)

    def _is_nothing(self, adjoint: Term) -> str:
        """Whether nothing was added to a sum."""
        kind = vector_type("i64", self.width)
        bits = self.define(f"bitcast {self.type} {adjoint.text} to {kind}").text
        nothing = str(_NOTHING) if self.width == 1 else f"splat (i64 {_NOTHING})"
        return self.define(f"icmp eq {kind} {bits}, {nothing}").text

    def accumulate(self, slot: Integer, contribution: Any) -> None:
        """Add to the adjoint of an operand: one double, however many a register holds."""
        before = self.adjoints[slot].text
        add = Op("fadd", "double", "double", contract=self._contract)
        self.adjoints[slot] = self.define(add, (before, contribution.text))

    def go_on(self, last: Any = None) -> None:
        """Jump to the handler of the next run."""
        last = self.empty if last is None else last
        following = self.run.at(2 * self.direction)
        target = self.table[following[0]].text
        state = {name: f"%{name}" for name in _STATE} | {
            "run": following.pointer,
            "operands": self.at.value.pointer,
            "here": self.here.value.text,
            "last": last.text if isinstance(last, Term) else literal(float(last)),
        }
        self.emit(f"musttail call {_CONVENTION} void {target}({_HANDED_OVER.format(**state)})")
        self.returns()


class _Fixed(_Handler):
    """A handler of a form with so many operands."""

    def __init__(
        self, name: str, form: Form, shape: int, mask: int, *, reverse: bool, choices: bool, precise: bool
    ) -> None:
        width = jit.vector_width() if shape == WIDE else 1
        options: dict[str, Any] = {"width": width, "contract": not precise}
        options["vector_functions"] = libm.vector_functions(width) if width > 1 else None
        super().__init__(name, reverse=reverse, choices=choices, **options)
        self.form, self.mask = form, mask
        self.chained = CHAINED.index(shape) if shape in CHAINED else None
        (self._write_reverse if reverse else self._write_forward)()

    def _write_forward(self) -> None:
        with self.each_node(self.form.operands) as (at, here):
            value, _ = self.form.runs_in(self, self._operands(self._slots(at), self.last.value))
            out = value()
            self.tape.set_registers(here, out)
            if self.width == 1:
                self.last.value = out
        self.go_on(self.last.value if self.width == 1 else None)

    def _write_reverse(self) -> None:
        with self.each_node(self.form.operands) as (at, here):
            slots = self._slots(at)
            adjoint, out = self.arrived(here), self.tape.registers(here)
            before = self.tape[here - 1] if self.chained is not None else None
            _, partials = self.form.runs_in(self, self._operands(slots, before))
            shares = self.shares(self.form.rule, partials(out), adjoint)
            if self.width == 1:
                to_last = None if self.chained is None else shares[self.chained]
                self.last.value = self.empty if to_last is None else to_last
            self._accumulate_all(slots, shares)
        self.go_on(self.last.value if self.width == 1 else None)

    def _slots(self, at: Array) -> list[list[Integer]]:
        """The places of the operands, for each the lanes."""
        count = self.form.operands
        return [[at[lane * count + place] for lane in range(self.width)] for place in range(count)]

    def _operands(self, slots: list[list[Integer]], before: Any) -> list[Any]:
        numbers = [self.gathered([self.tape[slot] for slot in lanes]) for lanes in slots]
        if self.chained is not None:
            numbers[self.chained] = before
        return numbers

    def _accumulate_all(self, slots: list[list[Integer]], shares: list[Any]) -> None:
        """The last node first, each to its operands in order. What goes to the node before stays in a register."""
        for lane in reversed(range(self.width)):
            for place, share in enumerate(shares):
                if share is not None and not self.mask >> place & 1 and place != self.chained:
                    self.accumulate(slots[place][lane], self.lane(share, lane))


class _OfLists(_Handler):
    """A handler of a rule on lists: a run is one node, and its count that of a list."""

    def __init__(self, name: str, form: Form, mask: int, *, reverse: bool, choices: bool, precise: bool) -> None:
        super().__init__(name, reverse=reverse, choices=choices, contract=not precise)
        self.rule = form.rule
        self.of_lists, self.precise = True, precise
        self.place = Integer(self, "0")
        self.scratch = self.array("double", "scratch")
        at, here = self.moved(self.count * form.lists, 1)
        self.slots = [at.at(self.count * place) for place in range(form.lists)]
        lists = [List(self, str(place)) for place in range(form.lists)]
        value, partials = form.rule.make(self)
        if not reverse:
            out = value(*lists)
            self.tape[here] = out
            self.go_on(out)
            return
        adjoint = self.arrived(here)
        for place, slopes in enumerate(partials(self.tape[here], *lists)):
            if not mask >> place & 1:
                self.loop(slopes, functools.partial(self._accumulate_element, place, adjoint))
        self.go_on()

    def _accumulate_element(self, place: int, adjoint: Term, slope: Any) -> None:
        self.accumulate(self.slots[place][self.place], self.share(self.rule, slope, adjoint))

    @contextmanager
    def for_each(self) -> Iterator[None]:
        """A loop over the places of the lists, maybe inside another one."""
        outer = self.place
        with self.loop_over(0, self.count) as self.place:
            yield
        self.place = outer

    def element(self, name: str) -> Term:
        """The value at the loop's place of a list."""
        kept = name == _EACH
        number: Term = self.scratch[self.count + self.place] if kept else self.tape[self.slots[int(name)][self.place]]
        return number

    def each(self, numbers: Iterable[Any]) -> Iterable[Any]:
        """A list that is gone through more than once, in the second half of the scratch memory."""
        self.loop(numbers, lambda number: self.scratch.__setitem__(self.count + self.place, number))
        return List(self, _EACH)

    def keep(self, number: Any) -> None:
        """Keep a number for each place of the loop."""
        self.scratch[self.place] = number

    def of_kept(self, function: str) -> Term:
        """The total or the largest of the numbers that were kept."""
        return self._of_kept(function, self.count)

    def _of_kept(self, function: str, count: Integer) -> Term:
        return self.define_anew(f"call double @{function}(ptr %scratch, i64 {count.text})")

    def total(self, terms: Iterable[Any]) -> Any:
        """The sum of a list: in pairs or, where it need not be precise, of blocks that are each added in chains."""
        if self.precise:
            return super().total(terms)
        outer, blocks, start = self.place, Variable(self, 0), Variable(self, 0)
        with self.loop_while(lambda: start.value < self.count):
            limit = start.value + _BLOCK
            stop = self.select(limit < self.count, limit, self.count)
            chains = [Variable(self, 0.0) for _ in range(_CHAINS)]
            with self.loop_over(start.value, stop) as self.place:
                (term,) = terms
                first, *others = [chain.value for chain in chains]
                for chain, number in zip(chains, [*others, first + term], strict=True):
                    chain.value = number  # each takes over from its neighbour, so that no addition waits for the last
            self.scratch[blocks.value] = Arithmetic.total(self, [chain.value for chain in chains])
            blocks.value, start.value = blocks.value + 1, stop
        self.place = outer
        return self._of_kept("total", blocks.value)


def _skip(name: str, form: Form, *, choices: bool) -> _Handler:
    """The backward pass past nodes that need no gradient."""
    handler = _Handler(name, reverse=True, choices=choices)
    if form.lists:
        _, here = handler.moved(handler.count * form.lists, 1)
        handler.adjoints[here] = handler.empty
    else:
        with handler.each_node(form.operands) as (_, here):
            handler.adjoints[here] = handler.empty
    handler.go_on()
    return handler


def _total() -> Routine:
    """The sum in pairs, in the order of ``Arithmetic.total``. It overwrites the terms."""
    routine = Routine("total", {"terms": "ptr", "count": "i64"}, convention="internal", result="double")
    terms, left = routine.array("double", "terms"), Variable(routine, Integer(routine, "%count"))
    with routine.if_true(left.value.equals(0)):
        terms[0] = 0.0
    with routine.loop_while(lambda: left.value > 1):
        half, odd = left.value >> 1, left.value & 1
        with routine.loop_over(0, half) as place:
            terms[place] = terms[place * 2] + terms[place * 2 + 1]
        with routine.if_true(odd.equals(1)):
            terms[half] = terms[left.value - 1]
        left.value = half + odd
    routine.returns(terms[0])
    return routine


def _largest() -> Routine:
    """The largest as ``Arithmetic.largest`` finds it."""
    m = Routine("largest", {"terms": "ptr", "count": "i64"}, convention="internal", result="double")
    terms, peak = m.array("double", "terms"), Variable(m, -m.inf)
    with m.loop_over(0, Integer(m, "%count")) as place:
        old, term = peak.value, terms[place]
        peak.value = m.where(m.less(term, old), old, m.where(m.less_equal(old, term), term, term + old))
    m.returns(peak.value)
    return m


# ---- a call -------------------------------------------------------------------------------------------------------

FIELDS = (
    *("inputs", "seeds", "outputs", "gradient", "tape", "adjoints", "scratch", "forward_table", "reverse_table"),
    *("first_run", "last_run", "operands", "operands_end", "first", "length"),
    *("input_count", "output_count", "output_places", "wrt_count", "wrt"),
)
"""What a call is given, each in eight bytes: addresses of what there is, and how much there is."""


def _call(name: str, *, choices: bool) -> Routine:
    """A call from outside: inputs are read, handlers run, results written."""
    routine, empty = Routine(name, {"state": "ptr"}), empty_sum(choices=choices)
    numbers, pointers = routine.array("i64", "state"), routine.array("ptr", "state")

    def number(field: str) -> Integer:
        found: Integer = numbers[FIELDS.index(field)]
        return found

    def array(field: str, kind: str = "double") -> Array:
        return Array(routine, kind, pointers[FIELDS.index(field)].text)

    def run(table: str, first_run: str, operands: str, here: Integer) -> None:
        state = {field: array(field).pointer for field in ("tape", "adjoints", "scratch")}
        state |= {"run": array(first_run).pointer, "operands": array(operands).pointer, "here": here.text}
        state |= {"table": array(table).pointer, "last": str(empty)}
        handler = array(table, "ptr")[array(first_run, "i32")[0]]
        routine.emit(f"call {_CONVENTION} void {handler.text}({_HANDED_OVER.format(**state)})")

    tape, adjoints = array("tape"), array("adjoints")
    inputs, outputs, output_places = array("inputs"), array("outputs"), array("output_places", "i32")
    with routine.loop_over(0, number("input_count")) as place:
        tape[place] = inputs[place]
    run("forward_table", "first_run", "operands", number("first") + 1)
    with routine.loop_over(0, number("output_count")) as place:
        outputs[place] = tape[output_places[place]]
    if name == "reverse":
        seeds, gradient, wrt = array("seeds"), array("gradient"), array("wrt", "i32")
        with routine.loop_over(0, number("output_count")) as place:
            output = output_places[place]
            adjoints[output] = adjoints[output] + seeds[place] + 0.0
        run("reverse_table", "last_run", "operands_end", number("length"))
        with routine.loop_over(0, number("wrt_count")) as place:
            gradient[place] = adjoints[wrt[place]] + 0.0
        with routine.loop_over(0, number("first") + 1) as place:
            adjoints[place] = empty
    routine.returns()
    return routine


# ---- modules ------------------------------------------------------------------------------------------------------


def _fingerprint() -> str:
    """A digest of what decides the text of the table's handlers."""
    above = (rules, arithmetic, source, instructions, libm, builder, schedule)
    return jit.fingerprint(*above, sys.modules[__name__])


@functools.cache
def calls(*, choices: bool) -> jit.Library:
    """The functions that run handlers.

    ``forward`` and ``reverse`` take the address of the ``FIELDS`` of a call; ``stop`` is the handler that ends one.
    ``choices``: as for ``Handlers``.
    """
    origin = f"calls {_CONVENTION} {choices} {_fingerprint()}"
    return jit.build(lambda: "\n".join([one.text() for one in _outer(choices=choices)]), origin=origin)


def _outer(*, choices: bool) -> list[Routine]:
    stop = Routine("stop", _STATE, convention=_CONVENTION)
    stop.returns()
    return [stop, *[_call(name, choices=choices) for name in ("forward", "reverse")]]


class Handlers:
    """The native code of the handlers of a form.

    ``precise`` ones give the eager engine's bits; those with ``choices`` are for programs that have some. The two
    ``tables``, of uint64 and of shape (SHAPES * MASKS,), have the addresses of the handlers that go forward and of
    those that go back, 0 where there is none; ``shapes`` has, for each mask, the sum of ``1 << shape`` over those that
    there is a handler of.
    """

    def __init__(self, form: Form, *, precise: bool, choices: bool) -> None:
        self.form, self._options = form, {"precise": precise, "choices": choices}
        codegen = 2 if form.operands <= _MANY else 0
        if self._is_of_the_table():
            self.library = jit.build(self._text, codegen, origin=self._origin())
        else:
            self.library = jit.build(self._text(), codegen)
        self.tables = [self._table("forward"), self._table("reverse")]
        there = self.tables[0].reshape(SHAPES, MASKS) != 0
        self.shapes = (there * (1 << numpy.arange(SHAPES))[:, None]).sum(axis=0).tolist()

    def _is_of_the_table(self) -> bool:
        """Whether nothing but the package's sources decides the text."""
        rule = self.form.rule
        return rules.EVERY_RULE.get(rule.name) is rule and rule.make.__module__ == rules.__name__

    def _origin(self) -> str:
        width = jit.vector_width()
        vectors = sorted(libm.vector_functions(width))
        parts = (self.form.name, self._options, _CONVENTION, width, vectors, _fingerprint())
        return "handlers " + " ".join(map(str, parts))

    def _table(self, direction: str) -> Any:
        find = ctypes.CFUNCTYPE(ctypes.c_void_p)(self.library.address(f"{direction}_table"))
        return numpy.ctypeslib.as_array((ctypes.c_uint64 * (SHAPES * MASKS)).from_address(find())).copy()

    def _has(self, shape: int, mask: int) -> bool:
        """Whether there is a handler. That an operand is the node before is of no use if its adjoint is not wanted."""
        if shape in CHAINED and mask >> CHAINED.index(shape) & 1:
            return False
        return shape in _shapes(self.form, precise=self._options["precise"]) and mask in (
            *self.form.masks,
            _NO_GRADIENT,
        )

    def _text(self) -> str:
        handlers: dict[str, Routine] = {}
        lines = []
        for direction in ("forward", "reverse"):
            places = itertools.product(range(SHAPES), range(MASKS))
            entries = [self._entry(handlers, direction == "reverse", shape, mask) for shape, mask in places]
            table = ", ".join([f"ptr {entry}" for entry in entries])
            lines.append(f"@{direction}_handlers = internal constant [{SHAPES * MASKS} x ptr] [{table}]")
            lines.append(f"define ptr @{direction}_table() {{\n  ret ptr @{direction}_handlers\n}}\n")
        routines = [*([_total(), _largest()] if self.form.lists else []), *handlers.values()]
        declarations = sorted({line for routine in routines for line in routine.declarations()})
        return "\n".join([*declarations, *lines, *[routine.text() for routine in routines], ATTRIBUTES, ""])

    def _entry(self, handlers: dict[str, Routine], reverse: bool, shape: int, mask: int) -> str:
        """What stands in a table for a handler, which is written if it is new."""
        if not self._has(shape, mask):
            return "null"
        name = f"{self.form.name}.{_SHAPES[shape]}"
        if reverse:
            name = f"{self.form.name}.skip" if mask == _NO_GRADIENT else f"{name}.back{mask}"
        if name not in handlers:
            handlers[name] = self._handler(name, reverse, shape, mask)
        return f"@{name}"

    def _handler(self, name: str, reverse: bool, shape: int, mask: int) -> Routine:
        if reverse and mask == _NO_GRADIENT:
            return _skip(name, self.form, choices=self._options["choices"])
        if self.form.lists:
            return _OfLists(name, self.form, mask, reverse=reverse, **self._options)
        return _Fixed(name, self.form, shape, mask, reverse=reverse, **self._options)


@functools.lru_cache(maxsize=512)
def handlers_of(form: Form, *, precise: bool, choices: bool) -> Handlers:
    """The handlers of a form, made once and loaded; options as for ``Handlers``."""
    return Handlers(form, precise=precise, choices=choices)
