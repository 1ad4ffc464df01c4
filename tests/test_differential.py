"""The same programs on every backend: the eager bits where they are promised, and few ulp where they are not."""

from __future__ import annotations

import ctypes
import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from graphs import random_graph, regular_graphs
from helpers import COMPILED, everyday, few_or_all, jax_arithmetic, record, tails, ulp

import microgrid
from microgrid import Program, Value, compile  # noqa: A004  # microgrid's own is meant
from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.llvm.interpreter.interpreter import Interpreted
from microgrid.compiler.llvm.native import NativeCode
from microgrid.compiler.llvm.row_kernel import Rows
from microgrid.compiler.python_backend import NumpyRows
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES

TOGETHER = 60  # programs that are compiled as one, side by side

SCALAR: dict[str, Callable[..., Any]] = {
    "interpreter": Interpreted,
    "native": NativeCode,
}
EVERY = {"interpreter": 2, "native": 10, "rows": 20}
"""How many programs there are for one that runs on a backend whose compiler takes longer."""


def forests(every: int, everything: bool) -> Iterator[tuple[list[Value], list[Value]]]:
    """Random graphs of the whole table side by side: the leaves of all, and an output of each."""
    together, last = (TOGETHER, 10_000) if everything else (TOGETHER // 2, 600)
    for start in range(0, last, together * every):
        graphs = [random_graph(seed) for seed in range(start, start + together)]
        leaves = [leaf for own, _ in graphs for leaf in own]
        yield leaves, [output for _, output in graphs]


def eager(leaves: Sequence[Value], outputs: Sequence[Value]) -> list[float]:
    """The outputs, and every leaf's derivative of its own graph's."""
    for output in outputs:
        output.backward()
    return [*[output.data for output in outputs], *[leaf.grad for leaf in leaves]]


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ["lgamma", "digamma", "trigamma", "gamma", "polygamma"])
def test_a_special_function_on_rows_is_the_same_in_every_region_and_across_them(name: str) -> None:
    ends = [0.5, 4.5, 5.0, math.nextafter(4.5, 0.0), math.nextafter(5.0, 0.0), 1.0, 2.0]
    regions = [np.linspace(0.1, 4.4, 64), np.linspace(5.0, 40.0, 64), np.linspace(0.1, 40.0, 64)]
    odd = [0.0, -0.0, -1.0, -2.5, -171.25, 5e-324, 1e-8, 180.0, 1e3, 1e200, math.inf, -math.inf, math.nan]
    rows = np.concatenate([*regions, np.linspace(-6.3, 6.1, 200), np.array(ends + odd)])

    def of(x: Any) -> Any:
        return microgrid.polygamma(2.0, x) if name == "polygamma" else getattr(microgrid, name)(x)

    wanted = np.array([of(x) for x in rows])
    found = compile(of, rows="x", reduce=None)(rows)
    assert found.shape == wanted.shape
    is_root = np.abs(wanted) < 0.1  # where an ulp of x makes many of the result
    close = np.isclose(found, wanted, rtol=4e-14, atol=1e-300, equal_nan=True)
    assert rows[~close & ~is_root].tolist() == []
    assert np.abs(found[is_root] - wanted[is_root]).max(initial=0.0) < 1e-14


def assert_same_bits(found: Sequence[float], wanted: Sequence[float]) -> None:
    """Bit for bit, except that a nan's sign and payload mean nothing."""
    got, reference = np.array(found, dtype=float), np.array(wanted, dtype=float)
    both_nan = np.isnan(got) & np.isnan(reference)
    differing = np.flatnonzero((got.view(np.int64) != reference.view(np.int64)) & ~both_nan)
    assert len(got) == len(reference) > 0
    assert differing.size == 0, f"{got[differing[:3]]} instead of {reference[differing[:3]]} at {differing[:3]}"


@few_or_all
@pytest.mark.parametrize("backend", SCALAR)
@pytest.mark.unmeasured
def test_precise_code_has_the_eager_bits_for_random_programs(backend: str, everything: bool) -> None:
    programs = 0
    for leaves, outputs in forests(EVERY[backend], everything):
        wanted = eager(leaves, outputs)
        names = [f"x{place}" for place in range(len(leaves))]
        program = Program.record(outputs, leaves, names=names, share=False)
        code = SCALAR[backend](program, range(len(leaves)), precise=True)
        buffers = [np.array([leaf.data for leaf in leaves]), np.ones(len(outputs))]
        buffers += [np.zeros(len(outputs)), np.zeros(len(leaves))]
        forward, reverse = code.bind(*[buffer.ctypes.data for buffer in buffers])
        forward()
        assert_same_bits(buffers[2].tolist(), wanted[: len(outputs)])
        buffers[2][:] = 0.0
        reverse()
        assert_same_bits([*buffers[2], *buffers[3]], wanted)
        programs += len(outputs)
    print(f"\n{programs:,} programs on {backend}: the eager bits")
    assert programs >= TOGETHER


def on_rows(kernel: Any, rows: Any) -> tuple[Any, Any]:
    """A kernel's outputs, and their derivatives with respect to the inputs from rows."""
    frame = kernel.frame(derivatives=True, threads=1)
    frame.take([rows])
    frame.run()
    return frame.outputs, frame.by_rows


@few_or_all
@pytest.mark.unmeasured
def test_precise_rows_have_the_eager_bits_for_random_programs(everything: bool) -> None:
    for leaves, outputs in forests(EVERY["rows"], everything):
        wanted = eager(leaves, outputs)
        names = [f"x{place}" for place in range(len(leaves))]
        program = Program.record(outputs, leaves, names=names, share=False)
        slots = list(range(len(leaves)))
        rows = np.array([[leaf.data for leaf in leaves]] * 6)
        for kernel in (Rows, NumpyRows):
            found = kernel(program, [slots], slots, reduce=None, precise=True)
            values, slopes = on_rows(found, rows)
            for row in (0, 5):
                assert_same_bits([*values[row], *slopes[row]], wanted)


# ---- each rule by itself --------------------------------------------------------------------------------------

BOUND = 10.0
"""What an operation may be off by where it need not be precise: mixed ulp, glibc's vector library 4 of them."""


def errors_of(rule: Rule, kernel: Any) -> dict[str, float]:
    """The worst value and the worst partial of one rule on rows, in mixed ulp of mpmath's."""
    worst = {"value": 0.0, "partials": 0.0}
    by_count: dict[int, list[Any]] = {}
    for operands in [*everyday(rule, 12), *tails(rule, 30)]:
        if rule.arity is None and max(map(abs, operands)) > 1e100:
            continue  # whether a list's sum overflows on the way depends on its order
        by_count.setdefault(len(operands), []).append(operands)
    checked = 0
    for count, points in by_count.items():
        constant = [place for place in range(count) if rule.arity and rule.regions[place].constant]
        moving = [place for place in range(count) if place not in constant]
        program = Program.record([record(rule, leaves := [Value(x) for x in points[0]])], leaves)
        runs = kernel(program, [list(range(count))], moving, reduce=None)
        values, slopes = on_rows(runs, np.array(points))
        for place, operands in enumerate(points):
            checked += _see(rule, operands, values[place][0], dict(zip(moving, slopes[place], strict=True)), worst)
    assert checked > 20
    return worst


def _see(rule: Rule, operands: Sequence[float], value: float, slopes: dict[int, float], worst: dict[str, float]) -> int:
    """Compare one point's results that are finite and everywhere representable with the exact ones."""
    node = record(rule, operands)
    with mpmath.workdps(50):
        exact = [mpmath.mpf(x) for x in operands]
        scale = [abs(d) * ulp(x) for d, x in zip(node.partials, exact, strict=True) if math.isfinite(d)]
        checks = [("value", value, node.data, mpmath.fsum(scale))]
        checks += [("partials", slope, node.partials[place], mpmath.mpf(0)) for place, slope in slopes.items()]
        counted = 0
        for what, got, reference, movement in checks:
            if not math.isfinite(reference) or not math.isfinite(got):
                same = (math.isnan(got) and math.isnan(reference)) or got == reference
                worst[what] = worst[what] if same else math.inf
                continue
            error = abs(mpmath.mpf(float(got)) - mpmath.mpf(reference)) / (ulp(mpmath.mpf(reference)) + movement)
            worst[what] = max(worst[what], float(error))
            counted += 1
    return counted


@pytest.mark.parametrize("name", RULES)
@pytest.mark.unmeasured
def test_each_rule_is_within_few_ulp_on_rows(name: str) -> None:
    for kernel in (Rows, NumpyRows):
        worst = errors_of(RULES[name], kernel)
        COMPILED.setdefault(name, {})[kernel.backend] = worst
        assert max(worst.values()) <= BOUND, (name, kernel, worst)


def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import microgrid.compiler.llvm.libm as found

    width = machine.vector_width()
    right = found.vector_functions(width)
    wrong = dict(right, exp=right["expm1"])
    monkeypatch.setattr("microgrid.compiler.llvm.libm.vector_functions", lambda _: wrong)
    assert max(errors_of(RULES["exp"], Rows).values()) > BOUND


# ---- other references -----------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_random_programs_agree_with_jax() -> None:
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    m = jax_arithmetic(jax)
    worst = 0.0
    for leaves, output in regular_graphs(8):
        program = Program.record([output], leaves)

        def peer(numbers: Any, program: Program = program) -> Any:
            return program.evaluate(m, list(numbers))[program.outputs[0]] + 0.0 * numbers[0]

        numbers = [leaf.data for leaf in leaves]
        value, slopes = compile(program).value_and_grad(*numbers)
        wanted = [float(peer(numbers)), *map(float, jax.grad(peer)(jax.numpy.array(numbers)))]
        for got, reference in zip([value, *slopes.values()], wanted, strict=True):
            worst = max(worst, abs(got - reference) / max(1.0, abs(reference)))
    print(f"\nagainst JAX, worst relative error: {worst:.3g}")
    assert worst < 1e-11


def test_the_compiled_logistic_gradient_is_exact_to_few_ulp_saturation_included() -> None:
    logits = [-1e308, -1e3, -745.0, -710.0, -37.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 19.0, 37.0, 710.0, 745.0, 1e3, 1e308]
    worst = 0.0
    for y in (0.0, 1.0):

        def loss(w: Any, x: Any, y: float = y) -> Any:
            return microgrid.softplus(w * x) - y * (w * x)

        value, slopes = compile(loss, rows="x", reduce=None).value_and_grad(1.0, np.array(logits))
        for place, logit in enumerate(logits):
            with mpmath.workdps(60):
                a = 1 / (1 + mpmath.exp(-mpmath.mpf(logit)))
                exact = (a - y) * mpmath.mpf(logit)
                assert math.isfinite(value[place])
                rounded = ulp(a) + y * ulp(mpmath.mpf(1))  # a, a subnormal one too, and a − y where a is near y
                error = abs(mpmath.mpf(float(slopes[place])) - exact) / (ulp(exact) + abs(mpmath.mpf(logit)) * rounded)
                worst = max(worst, float(error))
    print(f"\nthe compiled gradient against (a - y)·x: {worst:.3g} mixed ulp")
    assert worst <= 4.0


# ---- a day's worth of calls -----------------------------------------------------------------------------------


@few_or_all
def test_many_calls_of_machine_code_take_no_memory(everything: bool) -> None:
    x = Value(0.5, name="x")
    code = NativeCode(Program.record([microgrid.exp(x) * x], [x]), [0], precise=False)
    numbers = [(ctypes.c_double * 1)(number) for number in (0.5, 1.0, 0.0, 0.0)]
    _, reverse = code.bind(*map(ctypes.addressof, numbers))
    calls = 10_000_000 if everything else 200_000
    reverse()
    before = _resident()
    for _ in range(calls):
        reverse()
    assert _resident() - before < 1e6
    assert numbers[3][0] == pytest.approx(1.5 * math.exp(0.5), rel=1e-15)


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # the system's own file
        return int(file.read().split()[1]) * 4096
