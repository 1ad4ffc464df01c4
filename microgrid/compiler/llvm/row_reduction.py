"""The functions of a row kernel around its loop: chunks of rows, the epilogue, and the reduction of their sums.

Rows are cut into chunks of a fixed size, each with sums of its own, and these are added in pairs: neither the number
of threads nor chance changes a bit.
"""

from __future__ import annotations

from microgrid.compiler.llvm.builder import Array, Integer, Routine, Variable
from microgrid.compiler.llvm.row_frame import Frame
from microgrid.compiler.llvm.row_loop import Loops
from microgrid.compiler.llvm.row_plan import KernelSpec

__all__ = ["driver"]

_CHUNK_PARAMETERS = {"frame": "ptr", "first": "i64", "last": "i64", "total": "ptr", "memory": "ptr"}


def driver(spec: KernelSpec, loops: Loops) -> list[Routine]:
    """The functions of a module around its loops.

    ``@run(frame)`` does all on one thread. On several, each calls ``@run_chunks(frame, from, to, memory)``, and one of
    them ``@finish(frame)`` in the end. Memory holds what the loops need, and the sums of a run.
    """
    return [
        _chunk(spec, loops),
        _run_chunks(spec, loops.chunk),
        _pad(spec),
        _store_tail(spec),
        _reduce(spec),
        _finish(spec, loops),
        _run(),
    ]


def _chunk(spec: KernelSpec, loops: Loops) -> Routine:
    """The sums of registers ``first`` to ``last``: those of short runs, added up."""
    routine = Routine("chunk", _CHUNK_PARAMETERS, convention="internal", width=spec.width)
    frame, last = Array(routine, "ptr", "%frame"), Integer(routine, "%last")
    memory, total = routine.array("double", "memory"), routine.array("double", "total")
    sums = memory.at(loops.memory_doubles)
    routine.clear(total, spec.sum_doubles)
    with routine.loop_over(Integer(routine, "%first"), last, loops.run) as first:
        count = routine.smaller(last - first, loops.run)
        routine.clear(sums, spec.sum_doubles)
        passes = count >> (loops.unroll.bit_length() - 1)
        routine.call("rows", frame, first * spec.width, passes, sums, memory)
        if loops.unroll > 1:
            done = passes * loops.unroll
            routine.call("rows_single", frame, (first + done) * spec.width, count - done, sums, memory)
        _add(routine, spec, total, sums, total)
    routine.returns()
    return routine


def _add(routine: Routine, spec: KernelSpec, one: Array, other: Array, result: Array) -> None:
    """Add two sets of sums."""
    kind = spec.register
    with routine.loop_over(0, max(spec.sums, 1)) as place:
        result.of(kind)[place] = one.of(kind)[place] + other.of(kind)[place]


def _run_chunks(spec: KernelSpec, size: int) -> Routine:
    """The sums of chunks ``from`` to ``to``."""
    routine = Routine("run_chunks", {"frame": "ptr", "from": "i64", "to": "i64", "memory": "ptr"})
    frame = Frame(routine)
    vectors, sums = frame.integer("vectors"), frame.array("sums")
    with routine.loop_over(Integer(routine, "%from"), Integer(routine, "%to")) as chunk:
        first = chunk * size
        last = routine.smaller(vectors, first + size)
        own = sums.at(chunk * spec.sum_doubles)
        routine.call("chunk", frame.memory, first, last, own, routine.array("ptr", "memory"))
    routine.returns()
    return routine


# ---- the epilogue: the last rows, which fill no register ------------------------------------------------------


def _pad(spec: KernelSpec) -> Routine:
    """Copy the last rows to the epilogue's arrays, and the very last of them as often as lanes are left."""
    routine = Routine("pad", {"frame": "ptr", "epilogue": "ptr"})
    frame, epilogue = Frame(routine), Frame(routine, "%epilogue")
    tail, first = frame.integer("tail"), frame.integer("vectors") * spec.width
    for place, (access, slots) in enumerate(zip(spec.accesses, spec.plan.row_inputs, strict=True)):
        element = "i32" if access.element == "float" else "i64"
        view, copy = frame.view(place), epilogue.view(place)
        with routine.loop_over(0, spec.width) as lane:
            row = first + routine.smaller(lane, tail - 1)
            with routine.loop_over(0, len(slots)) as column:
                copy.element(element, lane, column)[0] = view.element(element, row, column)[0]
    routine.returns()
    return routine


def _store_tail(spec: KernelSpec) -> Routine:
    """Copy what is kept of the last rows behind what is kept of the others."""
    routine = Routine("store_tail", {"frame": "ptr", "epilogue": "ptr"})
    frame, epilogue = Frame(routine), Frame(routine, "%epilogue")
    tail, first = frame.integer("tail"), frame.integer("vectors") * spec.width
    columns = [(one.integer("columns"), one.integer("column_stride")) for one in (frame, epilogue)]
    with routine.loop_over(0, spec.kept) as column:
        target, kept = [routine.pointer("double", start + stride * column) for start, stride in columns]
        with routine.loop_over(0, tail) as row:
            target[first + row] = kept[row]
    routine.returns()
    return routine


def _finish(spec: KernelSpec, loops: Loops) -> Routine:
    """What is left when the chunks are done: the epilogue, and the reduction."""
    routine = Routine("finish", {"frame": "ptr"})
    frame = Frame(routine)
    with routine.if_true(frame.integer("tail") > 0):
        epilogue, memory = frame.array("epilogue"), frame.array("memory")
        routine.call("pad", frame.memory, epilogue)
        sums = Frame(routine, epilogue.pointer).array("sums")
        routine.clear(sums, spec.sum_doubles)
        routine.call(loops.single, epilogue, 0, 1, sums, memory)
        routine.call("store_tail", frame.memory, epilogue)
    if spec.sums:
        routine.call("reduce", frame.memory)
    routine.returns()
    return routine


# ---- the reduction --------------------------------------------------------------------------------------------


def _reduce(spec: KernelSpec) -> Routine:
    """Add the sums of all chunks in pairs where they lie, then the lanes of what remains; of a mean, divide them.

    The last chunk is the epilogue's: its lanes without a row become 0 first.
    """
    routine = Routine("reduce", {"frame": "ptr"}, width=spec.width)
    frame = Frame(routine)
    sums, size = frame.array("sums"), spec.sum_doubles
    chunks = frame.integer("chunks")
    last = sums.at(chunks * size)
    with routine.loop_over(0, spec.sums) as place, routine.loop_over(frame.integer("tail"), spec.width) as lane:
        last[place * spec.width + lane] = routine.term("0.0")
    left = Variable(routine, chunks + 1)
    with routine.loop_while(lambda: left.value > 1):
        count = left.value
        with routine.loop_over(0, count >> 1) as pair:
            first = sums.at(pair * (2 * size))
            _add(routine, spec, first, first.at(size), sums.at(pair * size))
        with routine.if_true((count & 1).equals(1)):
            odd, target = sums.at((count - 1) * size), sums.at((count >> 1) * size)
            with routine.loop_over(0, size) as place:
                target[place] = odd[place]
        left.value = (count + 1) >> 1
    _add_lanes(routine, spec, frame)
    routine.returns()
    return routine


def _add_lanes(routine: Routine, spec: KernelSpec, frame: Frame) -> None:
    """The results: the lanes of each sum, in pairs."""
    sums, out, divisor = frame.array("sums"), frame.array("out"), frame.double("divisor")
    with routine.loop_over(0, spec.sums) as place:
        lanes = [sums[place * spec.width + lane].text for lane in range(spec.width)]
        while len(lanes) > 1:
            half = len(lanes) // 2
            pairs = zip(lanes[:half], lanes[half:], strict=True)
            lanes = [routine.define(f"fadd double {one}, {other}").text for one, other in pairs]
        out[place] = routine.define(f"fdiv double {lanes[0]}, {divisor.text}")


def _run() -> Routine:
    """All on one thread."""
    routine = Routine("run", {"frame": "ptr"})
    frame = Frame(routine)
    routine.call("run_chunks", frame.memory, 0, frame.integer("chunks"), frame.array("memory"))
    routine.call("finish", frame.memory)
    routine.returns()
    return routine
