"""Choose what runs a program: Python, the interpreter or native code for one point; a kernel for rows.

A runner owns the code and makes frames; a frame is the memory of one call. Arguments of functions are unknown here.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from array import array
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from microgrid.compiler.llvm import jit
from microgrid.compiler.reroll import Group, Rolled, roll
from microgrid.core.arithmetic import FLOAT
from microgrid.core.rule import Rule
from microgrid.errors import DataError, PerformanceWarning
from microgrid.program.program import Program
from microgrid.util.locks import Lock

__all__ = [
    "LEVELS",
    "Buffers",
    "Code",
    "PointFrame",
    "PointRunner",
    "PythonCode",
    "RolledFrame",
    "RolledRunner",
    "buffer_of",
    "point_runner",
    "processors",
    "row_kernel",
]

LEVELS = ("auto", "interpreter", "full")
"""Optimisation levels; "auto" chooses by the size of the program and the number of calls."""

_SMALL = 400  # nodes: up to here native code is ready within tens of milliseconds
# What compiling costs and gains a call over the interpreter, in seconds per node, as the benchmarks found it: native
# code takes over when the calls so far would have saved its cost.
_COST = 170e-6
_GAIN = 1e-9


def buffer_of(count: int) -> Any:
    """So many zeros that can be written into: a NumPy array where there is NumPy."""
    try:
        import numpy
    except ImportError:
        return array("d", bytes(8 * count))
    return numpy.zeros(count)


def _address(buffer: Any) -> int:
    return buffer.buffer_info()[0] if isinstance(buffer, array) else int(buffer.ctypes.data)


class Code(Protocol):
    """A program made ready to run."""

    @property
    def backend(self) -> str:
        """What runs it."""

    @property
    def compile_seconds(self) -> float:
        """How long making it took."""

    def ir(self) -> str:
        """Its module in LLVM's syntax; DataError if LLVM did not make it."""

    def assembly(self) -> str:
        """Its assembly code; DataError if there is none."""


class Buffers(NamedTuple):
    """The arrays of one call: one element for each input, output, output, and input to differentiate by."""

    inputs: Any
    seeds: Any
    outputs: Any
    gradient: Any

    @classmethod
    def of(cls, program: Program, wrt: Sequence[int], inputs: Any = None) -> Buffers:
        """Those of a program, with seeds of 1; the inputs may lie in an array that is there already."""
        outputs = len(program.outputs)
        seeds = buffer_of(outputs)
        for place in range(outputs):
            seeds[place] = 1.0
        own = buffer_of(len(program.inputs)) if inputs is None else inputs
        return cls(own, seeds, buffer_of(outputs), buffer_of(len(wrt)))


class PythonCode:
    """A program run by Python's floats: the eager engine's bits, without a package."""

    backend = "python"
    compile_seconds = 0.0

    def __init__(self, program: Program, wrt: Sequence[int]) -> None:
        self.program, self.wrt = program, list(wrt)

    def forward_on(self, buffers: Buffers) -> float:
        """Compute the outputs, and give the first."""
        return self._evaluated(buffers)[self.program.outputs[0]]

    def _evaluated(self, buffers: Buffers) -> list[float]:
        """Compute the outputs, and give every slot's value."""
        numbers = [float(number) for number in buffers.inputs[: len(self.program.inputs)]]
        values = self.program.evaluate(FLOAT, numbers)
        for place, slot in enumerate(self.program.outputs):
            buffers.outputs[place] = values[slot]
        return values

    def reverse_on(self, buffers: Buffers) -> float:
        """Compute the outputs and the derivatives, and give the first output."""
        values = self._evaluated(buffers)
        adjoints = self.program.pullback(FLOAT, values, list(map(float, buffers.seeds)), zero=0.0)
        for place, slot in enumerate(self.wrt):
            adjoint = adjoints[slot]
            buffers.gradient[place] = 0.0 if adjoint is None else adjoint
        return values[self.program.outputs[0]]

    def ir(self) -> str:
        """There is none."""
        return _nothing("LLVM's text")

    def assembly(self) -> str:
        """There is none."""
        return _nothing("machine code")


def _nothing(what: str) -> str:
    raise DataError(f"there is no {what} of a program that Python runs: install llvmlite, the extra 'compile'")


def _bound(code: Any, buffers: Buffers, *, derivatives: bool) -> Callable[[], float]:
    """Code as a call without arguments on the arrays of a call."""
    if isinstance(code, PythonCode):
        return functools.partial(code.reverse_on if derivatives else code.forward_on, buffers)
    forward, reverse = code.bind(*map(_address, buffers), keep=buffers)
    chosen: Callable[[], float] = reverse if derivatives else forward
    return chosen


def _is_atomic(code: Any) -> bool:
    """Whether nothing else of Python runs while it does."""
    return not isinstance(code, PythonCode) and not code.is_long


class PointRunner:
    """A program run at one point at a time, on the code that the level and the calls so far make the best.

    The last of the ``codes`` that were made so far runs; if ``may_tier_up``, better code may take its place.
    """

    def __init__(self, program: Program, wrt: Sequence[int], *, precise: bool, optimize: str) -> None:
        self.program, self.wrt, self._precise = program, list(wrt), precise
        self._calls = 0
        self._lock = Lock()
        level = self._first(optimize)
        self.may_tier_up = level == "interpreter" and optimize == "auto"
        self.codes: list[Any] = [self._made(level)]

    def _first(self, optimize: str) -> str:
        if not jit.is_available() or not all([rule.portable for rule in self.program.rules]):
            _warn_of_floats([rule for rule in self.program.rules if not rule.portable])
            return "python"
        if optimize != "auto":
            return optimize
        return "full" if len(self.program.ops) <= _SMALL else "interpreter"

    def _made(self, level: str) -> Any:
        return _make(level, self.program, self.wrt, precise=self._precise)

    def frame(self, *, derivatives: bool, inputs: Any = None) -> PointFrame:
        """The memory of a call; calls that may overlap need one each.

        The inputs lie in an array of the frame's own unless one is given. The frame's ``run`` is the code itself unless
        better code may take its place.
        """
        buffers = Buffers.of(self.program, self.wrt, inputs)
        if self.may_tier_up:
            return PointFrame(buffers, _Counted(self, buffers, derivatives=derivatives), is_atomic=False)
        code = self.codes[-1]
        return PointFrame(buffers, _bound(code, buffers, derivatives=derivatives), is_atomic=_is_atomic(code))

    def count_call(self) -> None:
        """Count a call, and make better code if the calls so far would have saved its cost."""
        self._calls += 1
        if self.may_tier_up and self._calls * _GAIN >= _COST:
            with self._lock:
                if self.may_tier_up:
                    self.codes.append(self._made("full"))
                    self.may_tier_up = False


class _Counted:
    """A frame's code, replaced by better code when its runner has some."""

    def __init__(self, runner: PointRunner, buffers: Buffers, *, derivatives: bool) -> None:
        self._runner, self._buffers, self._derivatives = runner, buffers, derivatives
        self._code: Any = None

    def __call__(self) -> float:
        code = self._runner.codes[-1]
        if code is not self._code:
            self._code, self._run = code, _bound(code, self._buffers, derivatives=self._derivatives)
        first = self._run()
        self._runner.count_call()
        return first


class PointFrame:
    """The memory of one call at one point; while an ``is_atomic`` one runs, nothing else of Python does."""

    def __init__(self, buffers: Buffers, run: Callable[[], float], *, is_atomic: bool) -> None:
        self.inputs, self.seeds, self.outputs, self.gradient = buffers
        self.run, self.is_atomic = run, is_atomic

    def take(self, arrays: Sequence[Any]) -> None:
        """There are no rows."""

    def bound(self) -> Callable[[], float]:
        """``run``, as a call that is made often."""
        return self.run


# ---- a sum over samples that was recorded as one graph --------------------------------------------------------


class RolledRunner:
    """A program whose samples were found again, run at one point: its groups of terms as row kernels."""

    def __init__(self, program: Program, wrt: Sequence[int], rolled: Rolled, threads: int | None = None) -> None:
        import numpy

        self.program, self.wrt, self.threads = program, list(wrt), threads or processors()
        self.before = self._point_runner(rolled.before) if rolled.before else None
        self.after = self._point_runner(rolled.after)
        self.given = len(rolled.after.inputs) - len(rolled.groups)
        self.kernels = [self._kernel(group) for group in rolled.groups]
        self.rows = [numpy.array(group.rows).T for group in rolled.groups]

    @property
    def codes(self) -> list[Any]:
        """All that was made. The last one is the first group's kernel."""
        return [*(self.before.codes if self.before else []), *self.after.codes, *reversed(self.kernels)]

    @staticmethod
    def _point_runner(program: Program) -> PointRunner:
        return PointRunner(program, range(len(program.inputs)), precise=False, optimize="auto")

    def _kernel(self, group: Group) -> Any:
        rows = range(self.given, len(group.program.inputs))
        return row_kernel(group.program)(group.program, [list(rows)], list(range(self.given)), reduce="sum")

    def frame(self, *, derivatives: bool) -> RolledFrame:
        """The memory of a call, as ``PointRunner.frame``."""
        return RolledFrame(self, derivatives=derivatives)


class RolledFrame:
    """The memory of one call of a program whose samples were found again, as ``PointFrame``."""

    is_atomic = False

    def __init__(self, runner: RolledRunner, *, derivatives: bool) -> None:
        self.inputs, self.seeds, self.outputs, self.gradient = Buffers.of(runner.program, runner.wrt)
        self._derivatives, self._given, self._wrt = derivatives, runner.given, runner.wrt
        before = runner.before
        self._before = before.frame(derivatives=False, inputs=self.inputs) if before else None
        self._before_reverse = before.frame(derivatives=True, inputs=self.inputs) if before and derivatives else None
        self._after = runner.after.frame(derivatives=derivatives)
        self._samples = [kernel.frame(derivatives=derivatives, threads=runner.threads) for kernel in runner.kernels]
        self._rows = runner.rows

    def take(self, arrays: Sequence[Any]) -> None:
        """There are no rows."""

    def bound(self) -> Callable[[], float]:
        """``run``, as a call that is made often."""
        return self.run

    def run(self) -> float:
        """Compute the outputs from the inputs, and the derivatives from the seeds if wanted; give the first output."""
        after, count = self._after, len(self.inputs)
        after.inputs[:count] = self.inputs
        if self._before:
            self._before.run()
            after.inputs[count : self._given] = self._before.outputs
        for place, (sample, rows) in enumerate(zip(self._samples, self._rows, strict=True), self._given):
            sample.inputs[:] = after.inputs[: self._given]
            sample.take([rows])
            after.inputs[place] = sample.run()
        after.seeds[:] = self.seeds
        after.run()
        self.outputs[:] = after.outputs
        if self._derivatives:
            self._pull_back()
        return float(self.outputs[0])

    def _pull_back(self) -> None:
        """The chain rule through the three parts."""
        outer, count = self._after.gradient, len(self.inputs)
        total = outer[: self._given].copy()
        for weight, sample in zip(outer[self._given :], self._samples, strict=True):
            total += weight * sample.gradient
        if self._before_reverse:
            self._before_reverse.seeds[:] = total[count:]
            self._before_reverse.run()
            total[:count] += self._before_reverse.gradient
        self.gradient[:] = total[self._wrt]


def point_runner(
    program: Program, wrt: Sequence[int], *, precise: bool, optimize: str, threads: int | None = None
) -> PointRunner | RolledRunner:
    """What runs a program at one point; its parameters are those of ``PointRunner`` and ``RolledRunner``.

    At the level "auto" repeated samples are looked for: the latter is for one structure that is repeated in a large
    program.
    """
    if optimize == "auto" and not precise and len(program.ops) > _SMALL and _has_numpy():
        rolled = roll(program)
        if rolled is not None:
            return RolledRunner(program, wrt, rolled, threads)
    return PointRunner(program, wrt, precise=precise, optimize=optimize)


def _has_numpy() -> bool:
    return not isinstance(buffer_of(0), array)


def row_kernel(program: Program, optimize: str = "auto") -> Any:
    """What runs one sample's program on rows: machine code, NumPy, or Python for operations written for floats alone.

    Machine code, unless "interpreter" asks for what is ready at once.

    It is to be called with the program, the inputs from rows, those to differentiate by, and options.
    """
    with jit.LOCK:
        is_compiled = optimize != "interpreter" and jit.is_available()
        if is_compiled and all([rule.portable for rule in program.rules]):
            from microgrid.compiler.llvm.row_kernel import Rows

            return Rows
        from microgrid.compiler.python_backend import NumpyRows, PythonRows

    for_floats = [rule for rule in program.rules if not rule.on_arrays]
    _warn_of_floats(for_floats, "row by row", "if they take NumPy arrays, say custom(..., numpy=True); ")
    return PythonRows if for_floats else NumpyRows


def _warn_of_floats(rules: Sequence[Rule], how: str = "", remedy: str = "") -> None:
    """Tell the user whose function is compiled that it will run in Python, for the first of these operations."""
    if not rules:
        return
    level, frame = 1, sys._getframe(0)  # noqa: SLF001  # warnings.warn wants the level as a number
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("microgrid."):
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"the operation {rules[0].name} ({rules[0].value_source}) is written for floats alone, so that the compiled "
        f"function runs in Python{', ' * bool(how)}{how}: {remedy}for machine code, let its value and its partials "
        "take a keyword-only m, and take every function from it",
        PerformanceWarning,
        stacklevel=level,
    )


def processors() -> int:
    """How many processors this process may use, at least 1; no more than OMP_NUM_THREADS, as in other numeric code."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return max(1, min(there, int(allowed))) if allowed.isdecimal() else there


def _make(level: str, program: Program, wrt: Sequence[int], *, precise: bool) -> Any:
    if level == "python":
        return PythonCode(program, wrt)
    with jit.LOCK:
        from microgrid.compiler.llvm.interpreter.interpreter import Interpreted
        from microgrid.compiler.llvm.native import NativeCode

    return (Interpreted if level == "interpreter" else NativeCode)(program, wrt, precise=precise)
