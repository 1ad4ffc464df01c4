"""Native scalar code against the program's own evaluation and pullback in floats, over the whole rule table."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from graphs import AWKWARD, random_graph, regular_graphs
from helpers import Run, bits

import microgrid
from microgrid import Program, Value
from microgrid.compiler.llvm import native
from microgrid.compiler.llvm.native import NativeCode
from microgrid.core.engine import recorder
from microgrid.core.graph import topological_order
from microgrid.core.rules import RULES
from microgrid.errors import DataError, OperationError

Make = Callable[..., Any]


def in_small_blocks(program: Program, wrt: Sequence[int], *, precise: bool) -> NativeCode:
    """Native code of a small program, cut as a large one is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_SIZE", 7)
        return NativeCode(program, wrt, precise=precise)


KINDS: dict[str, Make] = {"whole": NativeCode, "cut": in_small_blocks}
"""How programs are compiled here: as large blocks allow, and cut where they don't need to be."""


@pytest.fixture(params=sorted(KINDS))
def make(request: pytest.FixtureRequest) -> Make:
    """Each kind of code in turn."""
    return KINDS[request.param]


def assert_eager(
    make: Make, program: Program, wrt: Sequence[int], numbers: Sequence[float], seeds: Sequence[float]
) -> None:
    """Assert that precise code has the bits of the program's run in floats."""
    run = Run(make(program, wrt, precise=True), program, wrt)
    outputs, gradient = run.at(numbers, seeds)
    of_outputs, of_gradient = run.wanted(numbers, seeds)
    assert bits(outputs) == bits(of_outputs)
    assert bits(gradient) == bits(of_gradient)


def close(found: Sequence[float], wanted: Sequence[float], scale: float) -> bool:
    """Whether two lists differ by no more than rounding: relative to themselves, or to what they were added from."""
    return all(
        [
            a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-11, abs_tol=1e-13 * scale)
            for a, b in zip(found, wanted, strict=True)
        ]
    )


# ---- the rule table -------------------------------------------------------------------------------------------

VARIED = sorted(name for name, rule in RULES.items() if not rule.regions[-1].constant)
EXPONENTS = (0.0, 1.0, -1.0, 2.0, 3.0, 0.5, -2.5, math.inf, math.nan)


def one_node(name: str, length: int = 3) -> Program:
    """A program of one node of a rule, on inputs alone."""
    rule = RULES[name]
    leaves = [Value(1.0, name=f"x{place}") for place in range(rule.arity or length * len(rule.regions))]
    return Program.record([recorder(rule)(*leaves)], leaves)


def points(name: str, count: int) -> list[list[float]]:
    """Everyday and awkward operands of a rule, its tails, and its kinks."""
    rule, draw = RULES[name], random.Random(name)
    awkward = [*AWKWARD, -math.inf, *[tail for region in rule.regions for tail in region.tails]]
    kinks = [list(kink.at) for kink in rule.kinks if len(kink.at) == count]
    drawn = [[draw.choice(awkward) if k % 3 else draw.uniform(-2.0, 2.0) for _ in range(count)] for k in range(120)]
    return kinks + drawn


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.unmeasured
def test_a_rule_has_the_eager_bits_at_everyday_points_in_the_tails_and_on_kinks(make: Make, name: str) -> None:
    program = one_node(name)
    wrt = range(len(program.inputs))
    run = Run(make(program, wrt, precise=True), program, wrt)
    for numbers in points(name, len(wrt)):
        for seed in (-0.75, 0.0):
            outputs, gradient = run.at(numbers, [seed])
            of_outputs, of_gradient = run.wanted(numbers, [seed])
            assert bits(outputs) == bits(of_outputs), numbers
            assert bits(gradient) == bits(of_gradient), numbers


@pytest.mark.parametrize("precise", [True, False])
def test_powers_with_constant_exponents_are_those_of_floats(make: Make, precise: bool) -> None:
    leaf = Value(1.0, name="x")
    program = Program.record([leaf**exponent for exponent in EXPONENTS], [leaf])
    run = Run(make(program, [0], precise=precise), program, [0])
    for number in (1.5, 0.0, -0.0, -2.0, 1e200, math.inf, math.nan, 5e-324):
        for place in range(len(EXPONENTS)):
            seeds = [float(place == other) for other in range(len(EXPONENTS))]
            outputs, _ = run.at([number], seeds)
            of_outputs, _ = run.wanted([number], seeds)
            assert close(outputs, of_outputs, 0.0), number


# ---- random graphs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [0, 1, *[pytest.param(block, marks=pytest.mark.trials) for block in range(2, 6)]])
@pytest.mark.unmeasured
def test_a_random_graph_has_the_eager_bits(make: Make, block: int) -> None:
    for seed in range(block * 5, block * 5 + 5):
        leaves, output = random_graph(seed, 60)
        nodes = topological_order(output)
        numbers, draw = [leaf.data for leaf in leaves], random.Random(seed)
        outputs = [output, *draw.sample(nodes, 3)]
        program = Program.record(outputs, leaves, share=False)
        seeds = [1.0, *[draw.uniform(-2.0, 2.0) for _ in range(3)]]
        assert_eager(make, program, range(len(leaves)), numbers, seeds)


@pytest.mark.unmeasured
def test_one_output_has_the_bits_of_backward(make: Make) -> None:
    for seed in range(40, 50):
        leaves, output = random_graph(seed, 30)
        program = Program.record([output], leaves, share=False)
        output.backward()
        wrt = range(len(leaves))
        outputs, gradient = Run(make(program, wrt, precise=True), program, wrt).at([x.data for x in leaves], [1.0])
        assert bits(outputs) == bits([output.data])
        assert bits(gradient) == bits([leaf.grad for leaf in leaves])


@pytest.mark.unmeasured
def test_code_that_is_not_precise_differs_by_rounding_alone(make: Make) -> None:
    for leaves, output in regular_graphs(12, 40):
        program = Program.record([output], leaves)
        wrt, numbers = range(len(leaves)), [leaf.data for leaf in leaves]
        run = Run(make(program, wrt, precise=False), program, wrt)
        outputs, gradient = run.at(numbers, [1.0])
        of_outputs, of_gradient = run.wanted(numbers, [1.0])
        assert close(outputs, of_outputs, 1e3)
        assert close(gradient, of_gradient, 1e3)


def chained(count: int, seed: int) -> tuple[list[Value], Value]:
    """A graph of so many nodes in which every number stays near 1, and each node is of one of the two hundred last."""
    draw = random.Random(seed)
    leaves = [Value(draw.uniform(0.5, 1.5), name=f"x{place}") for place in range(20)]
    nodes = list(leaves)
    makers: list[Callable[[Value, Value], Value]] = [
        lambda x, y: (x + y) * 0.5,
        lambda x, y: microgrid.exp(-x * 0.25) + y * 0.5,
        lambda x, y: microgrid.log(x + 2.0) * y,
        lambda x, y: 2.0 * x / (y + 1.0),
        lambda x, y: microgrid.sigmoid(x) + microgrid.tanh(y),
        lambda x, y: microgrid.maximum(x, microgrid.sqrt(y)),
        lambda x, y: microgrid.pow(x, microgrid.sin(y)),
    ]
    while len(nodes) < count:
        x, y = draw.choice(nodes[-200:]), draw.choice(nodes[-200:])
        nodes.append(draw.choice(makers)(x, y))
    return leaves, microgrid.sum(nodes[-200:])


@pytest.mark.parametrize("precise", [True, False])
@pytest.mark.unmeasured
def test_a_large_graph_is_computed_as_a_small_one(precise: bool) -> None:
    leaves, output = chained(500, 1)
    program = Program.record([output], leaves, share=not precise)
    assert len(program.ops) > 1_000
    wrt, numbers = range(20), [leaf.data for leaf in leaves]
    run = Run(NativeCode(program, wrt, precise=precise), program, wrt)
    of_outputs, of_gradient = run.wanted(numbers, [1.0])
    for _ in range(2):  # nothing is left over from the first call
        outputs, gradient = run.at(numbers, [1.0])
        if precise:
            assert bits(outputs + gradient) == bits(of_outputs + of_gradient)
        else:
            assert close(outputs + gradient, of_outputs + of_gradient, max(map(abs, of_gradient)))


@pytest.mark.parametrize("precise", [True, False])
def test_calls_of_one_function_on_many_numbers_go_lane_by_lane(make: Make, precise: bool) -> None:
    leaves = [Value(0.1 * place, name=f"x{place}") for place in range(23)]
    outputs = [f(x) for f in (microgrid.exp, microgrid.sin, microgrid.tanh) for x in leaves]
    outputs += [microgrid.pow(1.0 + x, y) for x, y in zip(leaves, reversed(leaves), strict=True)]
    program = Program.record(outputs, leaves)
    numbers, seeds = [leaf.data for leaf in leaves], [1.0 + 0.01 * place for place in range(len(outputs))]
    run = Run(make(program, range(23), precise=precise), program, range(23))
    for found, wanted in zip(run.at(numbers, seeds), run.wanted(numbers, seeds), strict=True):
        for a, b in zip(found, wanted, strict=True):
            assert abs(a - b) <= 16 * math.ulp(max(abs(b), 1.0))


# ---- shapes of programs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 150, pytest.param(1000, marks=pytest.mark.trials)])
@pytest.mark.unmeasured
def test_lists_of_any_length_have_the_eager_bits(make: Make, length: int) -> None:
    draw = random.Random(length)
    for name in ("sum", "dot", "logsumexp"):
        program = one_node(name, length)
        numbers = [draw.uniform(-3.0, 3.0) for _ in program.inputs]
        assert_eager(make, program, range(0, len(numbers), max(1, length // 100)), numbers, [1.5])


def test_outputs_may_be_inputs_constants_and_each_other(make: Make) -> None:
    x, y = Value(3.0, name="x"), Value(-2.0, name="y")
    square = x * x
    program = Program.record([square, x, Value(7.0), square, square * y, Value(2.0) * 3.0], [x, y])
    seeds = [1.0, 10.0, 100.0, 0.5, -1.0, 1000.0]
    assert_eager(make, program, [0, 1], [3.0, -2.0], seeds)
    assert Run(make(program, [0], precise=True), program, [0]).at([3.0, -2.0], seeds)[1] == [31.0]


def test_only_what_is_asked_for_is_differentiated(make: Make) -> None:
    x, y, unused = [Value(1.0, name=name) for name in ("x", "y", "unused")]
    program = Program.record([x * microgrid.exp(y), x + 1.0], [x, y, unused])
    for wrt in ([1], [2, 0], [], [1, 1]):
        assert_eager(make, program, wrt, [2.0, 0.5, 9.0], [1.0, -3.0])


def test_adjoints_that_are_infinite_or_nan_travel_as_in_backward(make: Make) -> None:
    x, y = Value(0.0, name="x"), Value(1.0, name="y")
    program = Program.record(
        [microgrid.log(x) * 0.0 + microgrid.sqrt(x) * y, microgrid.maximum(x, y)], [x, y], share=False
    )
    for numbers in ([0.0, 1.0], [-1.0, 1.0], [math.inf, 1.0], [math.nan, 0.0], [-0.0, 0.0]):
        for seeds in ([1.0, 1.0], [0.0, 0.0], [math.inf, -1.0], [math.nan, 0.0], [-0.0, -0.0]):
            assert_eager(make, program, [0, 1], numbers, seeds)


def test_constants_that_are_divided_by_may_be_0(make: Make) -> None:
    x = Value(1.0, name="x")
    for number in (0.0, -0.0, math.inf, math.nan, 1.0):
        program = Program.record([x / number, x**number, number / x, microgrid.hypot(x, number)], [x], share=False)
        assert_eager(make, program, [0], [2.0], [1.0, 2.0, 3.0, 4.0])


# ---- refusals, memory, words ----------------------------------------------------------------------------------


def test_what_is_no_input_is_refused(make: Make) -> None:
    x = Value(1.0, name="x")
    program = Program.record([x * 2.0], [x])
    for slot in (1, 2, -1):
        with pytest.raises(DataError, match=f"slot {slot} is no input"):
            make(program, [slot], precise=True)


def test_an_operation_written_for_floats_alone_is_refused(make: Make) -> None:
    cube = microgrid.custom(lambda x: float(x) ** 3, lambda out, x: 3.0 * out / x, name="cube")
    x = Value(2.0, name="x")
    program = Program.record([cube(x)], [x])
    with pytest.raises(OperationError, match=r"cube .*written for floats and Values"):
        make(program, [0], precise=True)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.unmeasured
def test_code_made_and_dropped_leaves_no_memory(make: Make) -> None:
    leaves, output = random_graph(3, 10)
    program = Program.record([output], leaves)
    wrt = range(len(leaves))
    before = 0
    for number in range(50):
        run = Run(make(program, wrt, precise=number % 2 == 0), program, wrt)
        run.at([leaf.data for leaf in leaves], [1.0])
        del run
        if number == 20:
            gc.collect()
            before = resident()
    gc.collect()
    assert (resident() - before) * 4096 < 30 * 20_000


def test_code_says_what_it_is(make: Make) -> None:
    x = Value(1.0, name="x")
    code = make(Program.record([microgrid.exp(x) + x], [x]), [0], precise=True)
    assert code.backend == "native"
    assert code.compile_seconds > 0.0
    assert "call double @libm.exp(double %v" in code.ir()
    assert "addsd" in code.assembly() or "fadd" in code.assembly()


def test_calls_keep_the_code_alive(make: Make) -> None:
    x = Value(1.0, name="x")
    program = Program.record([microgrid.exp(x)], [x])
    run = Run(make(program, [0], precise=True), program, [0])
    gc.collect()
    assert run.at([0.0], [2.0]) == ([1.0], [2.0])
