"""An interpreter of programs whose opcode handlers are compiled already, so that a program is ready at once.

The handlers are built in ``opcodes``; ``schedule`` puts a program's nodes in order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from microgrid.compiler.llvm import jit
from microgrid.compiler.llvm.interpreter.opcodes import (
    FIELDS,
    Form,
    Handlers,
    calls,
    constant_forms,
    empty_sum,
    handlers_of,
)
from microgrid.compiler.llvm.interpreter.schedule import MASKS, SHAPES, Kinds, classify, schedule
from microgrid.compiler.llvm.trampoline import Calls, bound_calls
from microgrid.core.rule import Rule
from microgrid.program.program import Program

__all__ = ["Interpreted"]

_LONG = 2_000  # nodes: below, a call takes no longer than to give Python's lock away and get it back
_WRITTEN = ("tape", "adjoints", "scratch")  # the arrays that a call writes into


class Interpreted:
    """A program of any size run by the interpreter, for one point at a time; ``wrt`` are inputs.

    Unless ``precise``, nodes are done in another order, which changes the order in which an adjoint's contributions are
    added, and several functions are computed in one register. Raises an OperationError for an operation of a user's own
    that runs on floats alone.

    Examples
    --------
    >>> import ctypes
    >>> from microgrid import Program, Value
    >>> x = Value(3.0, name="x")
    >>> code = Interpreted(Program.record([x * x], [x]), [0], precise=True)
    >>> numbers = [(ctypes.c_double * 1)(number) for number in (5.0, 1.0, 0.0, 0.0)]
    >>> forward, reverse = code.bind(*map(ctypes.addressof, numbers))
    >>> reverse(), numbers[3][0]
    (25.0, 10.0)
    """

    backend = "interpreter"

    def __init__(self, program: Program, wrt: Sequence[int], *, precise: bool) -> None:
        started = time.perf_counter()
        forms, used = _forms(program, precise=precise)
        choices = _has_choices(program)
        handlers = [handlers_of(form, precise=precise, choices=choices) for form in used]
        self._libraries = [calls(choices=choices), *[handler.library for handler in handlers]]
        self._arrays, self._numbers = _laid_out(program, wrt, forms, handlers, precise=precise)
        self.is_long = len(program.ops) > _LONG
        self.compile_seconds = time.perf_counter() - started

    def bind(self, inputs: int, seeds: int, outputs: int, gradient: int, keep: Any = None) -> Calls:
        """The calls that compute, as functions without arguments: those that ``NativeCode.bind`` describes."""
        own = {name: self._arrays[name].copy() for name in _WRITTEN}  # calls of two bindings may overlap
        given = {"inputs": inputs, "seeds": seeds, "outputs": outputs, "gradient": gradient} | self._numbers
        given |= {name: array.ctypes.data for name, array in own.items()}
        words = [given[field] for field in FIELDS]
        kept = (*self._arrays.values(), *own.values(), *[library.loaded for library in self._libraries], keep)
        return bound_calls(self._libraries[0], words, outputs, kept, is_long=self.is_long)

    def ir(self) -> str:
        """The handlers' modules in LLVM's syntax: those of a rule are the same for every program."""
        return "\n".join([library.ir for library in self._libraries])

    def assembly(self) -> str:
        """The handlers' assembly code."""
        return "\n".join([library.assembly() for library in self._libraries])


def _has_choices(program: Program) -> bool:
    return any([rule.choice for rule in program.rules])


# ---- from a program to what the handlers read ------------------------------------------------------------------------


def _forms(program: Program, *, precise: bool) -> tuple[Any, list[Form]]:
    """For each node, the place of its form among those that are used."""
    ops, counts = numpy.asarray(program.ops), numpy.diff(numpy.asarray(program.starts))
    forms = numpy.empty(len(ops), dtype=numpy.int32)
    used: list[Form] = []
    for op, rule in enumerate(program.rules):
        own = numpy.nonzero(ops == op)[0]
        for form, nodes in _forms_of(program, rule, own, counts, precise=precise):
            forms[nodes] = len(used)
            used.append(form)
    return forms, used


def _forms_of(program: Program, rule: Rule, nodes: Any, counts: Any, *, precise: bool) -> Iterator[tuple[Form, Any]]:
    """The forms of a rule, each with its nodes: later ones take nodes from those before."""
    if rule.arity is None and rule.source is not None:  # what a user's rule does with a list may depend on its length
        for count in sorted(set(counts[nodes].tolist())):
            yield Form(rule, count=count), nodes[counts[nodes] == count]
        return
    yield Form(rule), nodes
    if precise or not rule.regions[-1].constant:
        return
    numbers = numpy.full(program.first_node + len(program.ops), numpy.nan)
    numbers[len(program.inputs) : program.first_node] = program.constants
    ends = numpy.asarray(program.starts)[1:]
    last = numbers[numpy.asarray(program.operands)[ends[nodes] - 1]]
    for form in constant_forms(rule):
        if (last == form.constant).any():
            yield form, nodes[last == form.constant]


def _kinds(handlers: Sequence[Handlers]) -> Kinds:
    """The properties of all kinds: the handlers of all forms stand in one table, behind the one that stops."""
    lists = numpy.repeat([handler.form.lists for handler in handlers], MASKS)
    shapes = numpy.ravel([handler.shapes for handler in handlers])
    first = 1 + numpy.arange(len(handlers)) * SHAPES * MASKS
    columns = (lists, shapes, numpy.add.outer(first, numpy.arange(MASKS)).ravel())
    return Kinds(*[numpy.asarray(column, dtype=numpy.int32) for column in columns])


def _laid_out(
    program: Program, wrt: Sequence[int], forms: Any, handlers: Sequence[Handlers], *, precise: bool
) -> tuple[dict[str, Any], dict[str, int]]:
    """The arrays of a call, and its numbers: their addresses and sizes."""
    starts, operands, first = numpy.asarray(program.starts), numpy.asarray(program.operands), program.first_node
    regions = numpy.array([handler.form.regions for handler in handlers], dtype=numpy.int32)
    active = numpy.zeros(first + len(forms), dtype=numpy.uint8)
    active[list(wrt)] = 1
    kinds = classify(forms, starts, operands, regions, active)
    plan = schedule(kinds, starts, operands, active, _kinds(handlers), width=jit.vector_width(), in_turn=precise)
    tape = numpy.zeros(plan.length)
    tape[len(program.inputs) : first], tape[first] = program.constants, 1.0  # 1 is regular for most rules
    choices = _has_choices(program)
    stop = numpy.array([calls(choices=choices).address("stop")], dtype=numpy.uint64)
    tables = [numpy.concatenate([stop, *[handler.tables[way] for handler in handlers]]) for way in (0, 1)]
    longest = int(numpy.diff(starts).max(initial=1))
    arrays = {
        "tape": tape,
        "adjoints": numpy.full(plan.length, empty_sum(choices=choices)),
        "scratch": numpy.empty(2 * longest),
        "forward_table": tables[0],
        "reverse_table": tables[1],
        "runs": plan.runs,
        "operands": plan.operands,
        "output_places": plan.places[numpy.asarray(program.outputs)],
        "wrt": numpy.array(wrt, dtype=numpy.int32),
    }
    at = {name: array.ctypes.data for name, array in arrays.items()}
    run_size = plan.runs.itemsize * 2
    numbers = {
        "first_run": at["runs"] + run_size,
        "last_run": at["runs"] + run_size * (len(plan.runs) - 2),
        "operands_end": at["operands"] + plan.operands.nbytes,
        "first": first,
        "length": plan.length,
        "input_count": len(program.inputs),
        "output_count": len(program.outputs),
        "wrt_count": len(wrt),
    }
    return arrays, at | numbers
