"""Schedule a program's nodes for the interpreter, so that nodes with the same opcode are adjacent.

A *kind* is a rule and a mask of the operands that need no gradient. A *batch* is a stretch of nodes of one kind; a
*run* is what one opcode does in one loop. List scheduling: the next batch is of the kind of which most nodes are
ready, their operands being done, and takes all that are ready.

The routines below are built as native code, for a program may have millions of nodes and the interpreter is to be
ready within milliseconds; in Python they would take a hundred times as long, and in C they would need a C compiler
where LLVM is there already. A debugger can't enter them. It can enter ``tests/scheduling.py``, where the same
algorithms stand in plain Python: a test holds both to the same schedules on random programs, in blocks of every size.
Nothing here knows what a node computes.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass
from typing import Any

import numpy

from microgrid.compiler.llvm import builder, instructions, jit
from microgrid.compiler.llvm.builder import Array, Integer, Routine, Variable

__all__ = ["CHAINED", "MASKS", "SHAPES", "WIDE", "Kinds", "Schedule", "classify", "schedule"]

MASKS = 4
"""A kind's two low bits: whether the first operand needs no gradient, and whether the second needs none. Nodes that
need no gradient themselves have both."""

SHAPES = 4
"""How an opcode does its nodes: one at a time; likewise, with the first or the second operand being the node before;
whole registers at a time."""

CHAINED, WIDE = (1, 2), 3  # the shapes with an operand that is the node before, and the one of whole registers

_BLOCK = 1 << 15  # nodes that are put in order together: what they read and write stays in the processor's cache


@dataclass(frozen=True)
class Kinds:
    """The properties of each kind of node: arrays of int32 with one entry for each."""

    lists: Any  # how many lists a rule has, each of any length; 0 for a rule of so many operands
    shapes: Any  # the sum of 1 << shape over the shapes that there is a handler of
    handlers: Any  # which does it in the first shape; the others follow in steps of MASKS


@dataclass(frozen=True)
class Schedule:
    """A program's nodes in the order in which they are done; the arrays are of int32.

    ``runs`` has a row for each run, between two of zeros: its handler and its count: of nodes, or of the operands of
    one list of its node.
    """

    runs: Any
    operands: Any  # the places of the operands on the tape, run after run
    places: Any  # where each slot of the program is on the tape
    length: int  # of the tape


def _addresses(*arrays: Any) -> list[int]:
    return [array.ctypes.data for array in arrays]


def classify(forms: Any, starts: Any, operands: Any, lists: Any, active: Any) -> Any:
    """Each node's kind: the place of its rule times ``MASKS``, plus the mask.

    Of each node, ``forms`` has the place of its rule, and of each rule ``lists`` how many operands or lists it has; a
    program's ``starts`` and ``operands`` are given as arrays. All are of int32, but ``active`` of uint8: 1 for each
    input or constant that needs a gradient; nodes follow, and are filled in.
    """
    kinds = numpy.empty(len(forms), dtype=numpy.int32)
    first = len(active) - len(forms)
    arrays = _addresses(forms, starts, operands, lists, active, kinds)
    _call("classify")(*arrays, len(forms), first)
    return kinds


def schedule(
    kinds: Any, starts: Any, operands: Any, active: Any, table: Kinds, *, width: int, in_turn: bool
) -> Schedule:
    """Put a program's nodes into an order and lay out what an interpreter reads.

    Slots before the first node keep their places; the place behind them belongs to no slot, and is the operand of what
    fills up registers.

    The ``table`` has the properties of the kinds; the other arrays are those of ``classify``. In whole registers,
    ``width`` nodes are done at a time. If ``in_turn``, an adjoint's contributions are added in their own order, so that
    the sums have the same bits.
    """
    nodes = len(kinds)
    first = len(active) - nodes
    order, ends = _ordered(kinds, starts, operands, active, table, in_turn=in_turn)
    runs = numpy.empty((nodes + 2, 2), dtype=numpy.int32)
    laid = numpy.empty(2 * len(operands), dtype=numpy.int32)  # at most half of a register is filled up
    places = numpy.empty(first + nodes, dtype=numpy.int32)
    places[:first] = numpy.arange(first)
    counts = numpy.zeros(3, dtype=numpy.int64)
    arrays = _addresses(order, ends, kinds, starts, operands, table.lists, table.shapes, table.handlers)
    _call("lay_out")(*arrays, *_addresses(runs, laid, places, counts), len(ends), first, width)
    ran, used, length = counts.tolist()
    return Schedule(runs[:ran], laid[:used], places, length)


def _ordered(kinds: Any, starts: Any, operands: Any, active: Any, table: Kinds, *, in_turn: bool) -> tuple[Any, Any]:
    """The nodes in the order of their batches, and where each batch ends."""
    nodes = len(kinds)
    used = numpy.flatnonzero(numpy.bincount(kinds)).astype(numpy.int32)
    order, ends, missing, following = numpy.empty((4, nodes), dtype=numpy.int32)
    heads = numpy.full(len(active), -1, dtype=numpy.int32)
    links, owners = numpy.empty((2, len(operands)), dtype=numpy.int32)
    queues = numpy.zeros((3, len(table.lists)), dtype=numpy.int32)
    in_turns = active if in_turn else numpy.zeros_like(active)
    arrays = _addresses(kinds, starts, operands, table.shapes, used, order, ends)
    scratch = _addresses(heads, missing, following, links, owners, *queues, in_turns)
    batches = _call("put_in_order")(*arrays, *scratch, nodes, len(used), len(active) - nodes, _BLOCK)
    return order, ends[:batches]


# ---- the routines -------------------------------------------------------------------------------------------------


@functools.cache
def _library() -> jit.Library:
    origin = f"schedule {jit.fingerprint(instructions, builder, sys.modules[__name__])}"
    routines = (_classify, _put_in_order, _lay_out)
    return jit.build(lambda: "\n".join([write().text() for write in routines]), origin=origin)


@functools.cache
def _call(name: str) -> Any:
    counts = {"classify": (6, 2), "put_in_order": (16, 4), "lay_out": (12, 3)}
    arrays, numbers = counts[name]
    kinds = [*[ctypes.c_void_p] * arrays, *[ctypes.c_int64] * numbers]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(_library().address(name))


def _routine(name: str, arrays: dict[str, str], numbers: tuple[str, ...]) -> tuple[Routine, list[Array], list[Integer]]:
    """A routine, the arrays that it is given, and the numbers."""
    parameters = dict.fromkeys(arrays, "ptr") | dict.fromkeys(numbers, "i64")
    routine = Routine(name, parameters, result="i64")
    given = [Array(routine, kind, f"%{parameter}") for parameter, kind in arrays.items()]
    return routine, given, [Integer(routine, f"%{number}") for number in numbers]


def _classify() -> Routine:
    arrays = {"forms": "i32", "starts": "i32", "operands": "i32", "lists": "i32", "active": "i8", "kinds": "i32"}
    routine, given, (nodes, first) = _routine("classify", arrays, ("nodes", "first"))
    forms, starts, operands, lists, active, kinds = given
    with routine.loop_over(0, nodes) as node:
        form, start, stop = forms[node], starts[node], starts[node + 1]
        halves = lists[form].equals(2)
        middle = routine.select(halves, start + ((stop - start) >> 1), stop)
        wanted = []
        for begin, end in ((start, middle), (middle, stop)):
            found = Variable(routine, 0)
            with routine.loop_over(begin, end) as place:
                found.value = found.value | active[operands[place]]
            wanted.append(found.value)
        one, other = wanted
        active[first + node] = one | other
        mask = (one ^ 1) + (routine.select(halves, other, one) ^ 1) * 2
        kinds[node] = form * MASKS + mask
    routine.returns(0)
    return routine


def _put_in_order() -> Routine:
    """Nodes wait for their operands in lists; those that wait no more stand in a queue for each kind.

    Where the order of contributions matters, a node waits for an operand and for all that use it before: of those in
    the operand's list, only the first one is told that the operand is done, and each tells the next one.
    """
    arrays = dict.fromkeys(("kinds", "starts", "operands", "shapes", "used", "order", "ends"), "i32")
    scratch = dict.fromkeys(("heads", "missing", "following", "links", "owners", "fronts", "backs", "sizes"), "i32")
    routine, given, (nodes, used_count, first, block) = _routine(
        "put_in_order", {**arrays, **scratch, "in_turns": "i8"}, ("nodes", "used_count", "first", "block")
    )
    kinds, starts, operands, shapes, used, order, ends = given[:7]
    heads, missing, following, links, owners, fronts, backs, sizes, in_turns = given[7:]
    batches, done, begin = Variable(routine, 0), Variable(routine, 0), Variable(routine, 0)

    def stand(node: Integer) -> None:
        """Put a node at the back of its kind's queue."""
        kind = kinds[node]
        size = sizes[kind]
        with routine.if_true(size.equals(0)):
            fronts[kind] = node
        with routine.if_true(size.differs(0)):
            following[backs[kind]] = node
        backs[kind] = node
        sizes[kind] = size + 1

    def wait_one_more(place: Integer) -> None:
        """The node of an operand waits for one thing more, if there is such a node."""
        with routine.if_true(place >= 0):
            missing[owners[place]] = missing[owners[place]] + 1

    def wait(node: Integer) -> None:
        """Enter a node into the lists of its operands. Later nodes are there already."""
        missing[node] = 0
        start = starts[node] - 1
        with routine.loop_over(0, starts[node + 1] - start - 1) as place:
            here = starts[node + 1] - 1 - place
            operand = operands[here]
            after, turn = heads[operand], in_turns[operand].differs(0)
            heads[operand], links[here], owners[here] = here, after, node
            with routine.if_true(turn):
                other = routine.both(after >= 0, owners[routine.select(after >= 0, after, here)].differs(node))
                wait_one_more(routine.select(other, after, -1))
            with routine.if_true(routine.both(operand >= first + begin.value, in_turns[operand].equals(0))):
                wait_one_more(here)

    def enter_block(end: Integer) -> None:
        """Let all nodes of a block wait, and those stand that wait for nothing."""
        with routine.loop_over(1, end - begin.value + 1) as back:
            wait(end - back)
        with routine.loop_over(begin.value, end) as node, routine.if_true(in_turns[first + node].differs(0)):
            wait_one_more(heads[first + node])
        with routine.loop_over(begin.value, end) as node, routine.if_true(missing[node].equals(0)):
            stand(node)

    def leave_block(end: Integer) -> None:
        """Forget who waits for what was done before the block."""
        with routine.loop_over(starts[begin.value], starts[end]) as place:
            heads[operands[place]] = -1

    def tell(node: Integer) -> None:
        """Tell a node that one of the things that it waits for is done."""
        left = missing[node] - 1
        missing[node] = left
        with routine.if_true(left.equals(0)):
            stand(node)

    def release(node: Integer) -> None:
        """Tell those that wait for a node, or the first of them, that it is done; and who is next with its operands."""
        slot = first + node
        place, last = Variable(routine, heads[slot]), in_turns[slot].differs(0)
        with routine.loop_while(lambda: place.value >= 0):
            waiting = place.value
            place.value = routine.select(last, -1, links[waiting])
            tell(owners[waiting])
        with routine.loop_over(starts[node], starts[node + 1]) as at:
            following_place = links[at]
            turn = routine.both(following_place >= 0, in_turns[operands[at]].differs(0))
            other = owners[routine.select(turn, following_place, at)].differs(node)
            with routine.if_true(routine.both(turn, other)):
                tell(owners[following_place])

    def most_ready() -> Integer:
        """The kind with the longest queue."""
        best, size = Variable(routine, 0), Variable(routine, 0)
        with routine.loop_over(0, used_count) as place, routine.if_true(size.value < sizes[used[place]]):
            best.value, size.value = used[place], sizes[used[place]]
        kind: Integer = best.value
        return kind

    def take(kind: Integer) -> None:
        """Do all that stand in a queue. What is done one at a time may follow on what is done just before it."""
        wide = (shapes[kind] & (1 << WIDE)).differs(0)
        left = Variable(routine, routine.select(wide, sizes[kind], nodes))
        with routine.loop_while(lambda: routine.both(sizes[kind] > 0, left.value > 0)):
            node = fronts[kind]
            fronts[kind] = following[node]
            sizes[kind] = sizes[kind] - 1
            left.value = left.value - 1
            order[done.value] = node
            done.value = done.value + 1
            release(node)

    with routine.loop_while(lambda: done.value < nodes):
        end = routine.smaller(begin.value + block, nodes)
        enter_block(end)
        with routine.loop_while(lambda: done.value < end):
            take(most_ready())
            ends[batches.value] = done.value
            batches.value = batches.value + 1
        leave_block(end)
        begin.value = end
    routine.returns(batches.value)
    return routine


def _lay_out() -> Routine:
    names = ("order", "ends", "kinds", "starts", "operands", "lists", "shapes", "handlers", "runs", "laid", "places")
    arrays = dict.fromkeys(names, "i32") | {"counts": "i64"}
    routine, given, (batches, first, width) = _routine("lay_out", arrays, ("batches", "first", "width"))
    order, ends, kinds, starts, operands, lists, shapes, handlers, runs, laid, places, counts = given
    at, run, used, here = [Variable(routine, start) for start in (0, 0, 0, first + 1)]
    before = Variable(routine, -1)  # the place of the last node, if it was done one at a time

    def new_run(handler: Integer, count: Integer | int) -> None:
        run.value = run.value + 1
        runs[run.value * 2] = handler
        runs[run.value * 2 + 1] = count

    def same_kind(place: Integer, end: Integer, kind: Integer) -> str:
        """Whether the batch has a node of the kind at a place: one beyond its end is not looked at."""
        inside = place < end
        return routine.both(inside, kinds[order[routine.select(inside, place, at.value)]].equals(kind))

    def put(node: Integer) -> None:
        """A node's operands, and its place."""
        with routine.loop_over(starts[node], starts[node + 1]) as place:
            laid[used.value] = places[operands[place]]
            used.value = used.value + 1
        places[first + node] = here.value
        here.value = here.value + 1

    def put_filling(node: Integer) -> None:
        """A node that only fills up a register: its operands are the place that belongs to no slot."""
        with routine.loop_over(starts[node], starts[node + 1]):
            laid[used.value] = first
            used.value = used.value + 1
        here.value = here.value + 1

    def put_wide(kind: Integer, count: Integer) -> Integer:
        """The nodes of a batch that fill registers, the last one at least by half; how many these are."""
        rest = Variable(routine, count)
        with routine.loop_while(lambda: width <= rest.value):
            rest.value = rest.value - width
        filled = routine.select(width <= rest.value * 2, rest.value, 0)
        done: Integer = count - rest.value + filled
        with routine.if_true(done.differs(0)):
            total = routine.select(filled.differs(0), done - filled + width, done)
            new_run(handlers[kind] + WIDE * MASKS, total)
            last = order[at.value]
            with routine.loop_over(0, done) as place:
                put(order[at.value + place])
            with routine.loop_over(done, total):
                put_filling(last)
            before.value = -1
        return done

    def shape_of(kind: Integer, node: Integer) -> Integer:
        """Whether the node before is one of two operands, and which."""
        start, shape = starts[node], Variable(routine, 0)
        for place, of in enumerate(CHAINED):
            with routine.if_true((shapes[kind] & (1 << of)).differs(0)):
                is_it = places[operands[start + place]].equals(before.value)
                shape.value = routine.select(is_it, shape.value + of, shape.value)
        return routine.select(shape.value.equals(sum(CHAINED)), 0, shape.value)

    def put_single(kind: Integer, node: Integer, last_handler: Variable) -> None:
        """A node that is done by itself, in the run of the one before if that has the same handler."""
        handler = handlers[kind] + shape_of(kind, node) * MASKS
        with routine.if_true(handler.equals(last_handler.value)):
            runs[run.value * 2 + 1] = runs[run.value * 2 + 1] + 1
        with routine.if_true(handler.differs(last_handler.value)):
            new_run(handler, 1)
        last_handler.value = handler
        before.value = here.value
        put(node)

    def put_list(kind: Integer, node: Integer) -> None:
        """A node of a rule on lists, which is a run of its own."""
        length = starts[node + 1] - starts[node]
        new_run(handlers[kind], routine.select(lists[kind].equals(2), length >> 1, length))
        before.value = here.value
        put(node)

    runs[0] = runs[1] = 0
    with routine.loop_over(0, batches) as batch, routine.loop_while(lambda: at.value < ends[batch]):
        kind, stop = kinds[order[at.value]], Variable(routine, at.value + 1)
        with routine.loop_while(lambda: same_kind(stop.value, ends[batch], kind)):
            stop.value = stop.value + 1
        with routine.if_true((shapes[kind] & (1 << WIDE)).differs(0)):
            at.value = at.value + put_wide(kind, stop.value - at.value)
        last_handler = Variable(routine, -1)
        with routine.loop_while(lambda: at.value < stop.value):
            node = order[at.value]
            with routine.if_true(lists[kind].equals(0)):
                put_single(kind, node, last_handler)
            with routine.if_true(lists[kind].differs(0)):
                put_list(kind, node)
            at.value = at.value + 1
    new_run(Integer(routine, "0"), 0)
    counts[0], counts[1], counts[2] = run.value + 1, used.value, here.value
    routine.returns(0)
    return routine
