"""What a program is run on: the choice among native code, the interpreter and Python, and when to choose anew.

Nothing here knows what an argument of a function is: numbers go in and out through flat buffers.
"""

from __future__ import annotations

import functools
import os
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.reroll import Group, Rolled, roll
from microgrid.core.arithmetic import FLOAT
from microgrid.errors import DataError
from microgrid.program.program import Program

__all__ = [
    "LEVELS",
    "Buffers",
    "PythonCode",
    "RolledRunner",
    "ScalarRunner",
    "buffer_of",
    "processors",
    "row_kernel",
    "runner_of",
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


class Buffers:
    """Where the numbers of one call lie.

    Parameters
    ----------
    program : Program
        What is run.
    wrt : sequence of int
        The inputs that are differentiated with respect to.
    """

    def __init__(self, program: Program, wrt: Sequence[int]) -> None:
        self.inputs = buffer_of(len(program.inputs))
        self.seeds = buffer_of(len(program.outputs))
        self.outputs = buffer_of(len(program.outputs))
        self.gradient = buffer_of(len(wrt))


class PythonCode:
    """A program run by Python's floats: the eager engine's bits, without a package.

    Parameters
    ----------
    program, wrt
        As for ``Buffers``.
    """

    backend = "python"
    compile_seconds = 0.0

    def __init__(self, program: Program, wrt: Sequence[int]) -> None:
        self.program, self.wrt = program, list(wrt)

    def forward_on(self, buffers: Buffers) -> float:
        """Compute the outputs, and give the first."""
        return self._evaluated(buffers)[self.program.outputs[0]]

    def _evaluated(self, buffers: Buffers) -> list[float]:
        """Compute the outputs, and give every slot's value."""
        values = self.program.evaluate(FLOAT, list(map(float, buffers.inputs)))
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


class ScalarRunner:
    """A program run at one point at a time, on what the choice of a level and the calls so far make the best code.

    Parameters
    ----------
    program, wrt
        As for ``Buffers``.
    precise : bool
        Whether the eager engine's bits are wanted.
    optimize : str
        One of ``LEVELS``.
    """

    def __init__(self, program: Program, wrt: Sequence[int], *, precise: bool, optimize: str) -> None:
        self.program, self.wrt, self.precise = program, list(wrt), precise
        self.buffers = Buffers(program, wrt)
        self._size = len(program.ops)
        self._calls = 0
        self.compile_seconds = 0.0
        self.code: Any = None
        level = self._first(optimize)
        self._may_tier_up = level == "interpreter" and optimize == "auto"
        self._enter(level)

    def _first(self, optimize: str) -> str:
        if not machine.is_available() or not all([rule.portable for rule in self.program.rules]):
            return "python"
        if optimize != "auto":
            return optimize
        return "full" if self._size <= _SMALL else "interpreter"

    def _enter(self, level: str) -> None:
        self.code = _make(level, self.program, self.wrt, precise=self.precise)
        self.compile_seconds += self.code.compile_seconds
        buffers = self.buffers
        if isinstance(self.code, PythonCode):
            self._forward: Callable[[], float] = functools.partial(self.code.forward_on, buffers)
            self._reverse: Callable[[], float] = functools.partial(self.code.reverse_on, buffers)
            return
        addresses = [_address(buffer) for buffer in (buffers.inputs, buffers.seeds, buffers.outputs, buffers.gradient)]
        self._forward, self._reverse = self.code.bind(*addresses, keep=buffers)

    @property
    def reverse(self) -> Callable[[], float]:
        """``run`` with derivatives, without arguments: the code itself, unless better code may take its place."""
        return functools.partial(self.run, derivatives=True) if self._may_tier_up else self._reverse

    @property
    def backend(self) -> str:
        """What the program runs on now."""
        name: str = self.code.backend
        return name

    def ir(self) -> str:
        """LLVM's text."""
        text: str = self.code.ir()
        return text

    def assembly(self) -> str:
        """The machine code in words."""
        text: str = self.code.assembly()
        return text

    def run(self, *, derivatives: bool) -> float:
        """Compute the outputs from the inputs, and the derivatives from the seeds if wanted; give the first output."""
        first = (self._reverse if derivatives else self._forward)()
        if self._may_tier_up:
            self._calls += 1
            if self._calls * _GAIN >= _COST:
                self._may_tier_up = False
                self._enter("full")
        return first


# ---- a sum over samples that was recorded as one graph --------------------------------------------------------


class RolledRunner:
    """A program whose samples were found again, run at one point: its groups of terms as row kernels.

    Parameters
    ----------
    program, wrt
        As for ``Buffers``.
    rolled : Rolled
        The program, cut in three.
    threads : int, optional
        How many share the samples; as many as there are processors unless said.
    """

    def __init__(self, program: Program, wrt: Sequence[int], rolled: Rolled, threads: int | None = None) -> None:
        import numpy

        self._numpy, self._threads = numpy, threads or processors()
        self._wrt = list(wrt)
        self.buffers = Buffers(program, wrt)
        self._before = self._scalar(rolled.before) if rolled.before else None
        self._after = self._scalar(rolled.after)
        self._given = len(rolled.after.inputs) - len(rolled.groups)
        self._kernels = [self._kernel(group) for group in rolled.groups]
        self._rows = [numpy.array(group.rows).T for group in rolled.groups]
        self._seed = numpy.ones(1)

    @staticmethod
    def _scalar(program: Program) -> ScalarRunner:
        return ScalarRunner(program, range(len(program.inputs)), precise=False, optimize="auto")

    def _kernel(self, group: Group) -> Any:
        rows = range(self._given, len(group.program.inputs))
        return row_kernel(group.program)(group.program, [list(rows)], list(range(self._given)), reduce="sum")

    def run(self, *, derivatives: bool) -> float:
        """Compute the outputs from the inputs, and the derivatives from the seeds if wanted; give the first output."""
        numpy, buffers, after = self._numpy, self.buffers, self._after
        given = buffers.inputs
        if self._before:
            self._before.buffers.inputs[:] = buffers.inputs
            self._before.run(derivatives=False)
            given = numpy.concatenate([buffers.inputs, self._before.buffers.outputs])
        samples = list(zip(self._kernels, self._rows, strict=True))
        slopes: list[Any] = []
        if derivatives:
            both = [kernel.value_and_pullback(given, [rows], self._seed, self._threads) for kernel, rows in samples]
            sums, slopes = [found[0] for found in both], [found[1] for found in both]
        else:
            sums = [kernel.value(given, [rows], self._threads) for kernel, rows in samples]
        after.buffers.inputs[:] = numpy.concatenate([given, *sums])
        after.buffers.seeds[:] = buffers.seeds
        after.run(derivatives=derivatives)
        buffers.outputs[:] = after.buffers.outputs
        if derivatives:
            self._pull_back(after.buffers.gradient, slopes)
        return float(buffers.outputs[0])

    def _pull_back(self, outer: Any, slopes: list[Any]) -> None:
        """The chain rule through the three parts."""
        total = outer[: self._given].copy()
        for weight, own in zip(outer[self._given :], slopes, strict=True):
            total += weight * own
        count = len(self.buffers.inputs)
        if self._before:
            self._before.buffers.seeds[:] = total[count:]
            self._before.run(derivatives=True)
            total[:count] += self._before.buffers.gradient
        self.buffers.gradient[:] = total[self._wrt]

    @property
    def reverse(self) -> Callable[[], float]:
        """``run`` with derivatives, without arguments."""
        return functools.partial(self.run, derivatives=True)

    @property
    def backend(self) -> str:
        """What the samples run on."""
        name: str = self._kernels[0].backend
        return name

    @property
    def compile_seconds(self) -> float:
        """How long making all the code took."""
        parts = [self._after, *self._kernels, *([self._before] if self._before else [])]
        seconds: float = sum([part.compile_seconds for part in parts])
        return seconds

    def ir(self) -> str:
        """LLVM's text of the first group of samples."""
        text: str = self._kernels[0].ir()
        return text

    def assembly(self) -> str:
        """Its machine code in words."""
        text: str = self._kernels[0].assembly()
        return text


def runner_of(
    program: Program, wrt: Sequence[int], *, precise: bool, optimize: str, threads: int | None = None
) -> ScalarRunner | RolledRunner:
    """What runs a program at one point.

    Parameters
    ----------
    program, wrt, precise, optimize
        As for ``ScalarRunner``. Samples are looked for where the caller lets the code be chosen.
    threads : int, optional
        As for ``RolledRunner``.

    Returns
    -------
    ScalarRunner or RolledRunner
        The latter where one structure is repeated in a large program.
    """
    if optimize == "auto" and not precise and len(program.ops) > _SMALL and _has_numpy():
        rolled = roll(program)
        if rolled is not None:
            return RolledRunner(program, wrt, rolled, threads)
    return ScalarRunner(program, wrt, precise=precise, optimize=optimize)


def _has_numpy() -> bool:
    return not isinstance(buffer_of(0), array)


def row_kernel(program: Program) -> Any:
    """What runs a program on rows: machine code, NumPy, or Python for operations that are written for floats alone.

    Parameters
    ----------
    program : Program
        One sample's.

    Returns
    -------
    type
        To be called with the program, the inputs from rows, those to differentiate by, and options.
    """
    portable = all([rule.portable for rule in program.rules])
    if machine.is_available() and portable:
        from microgrid.compiler.llvm.row_kernel import Rows

        return Rows
    from microgrid.compiler.python_backend import NumpyRows, PythonRows

    return NumpyRows if portable else PythonRows


def processors() -> int:
    """How many processors this process may use.

    Returns
    -------
    int
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _make(level: str, program: Program, wrt: Sequence[int], *, precise: bool) -> Any:
    if level == "python":
        return PythonCode(program, wrt)
    if level == "interpreter":
        from microgrid.compiler.llvm.interpreter.interpreter import Interpreted

        return Interpreted(program, wrt, precise=precise)
    from microgrid.compiler.llvm.native import NativeCode

    return NativeCode(program, wrt, precise=precise)
