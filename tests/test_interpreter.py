"""The interpreter against the program's own evaluation and pullback in floats, over the whole rule table."""

from __future__ import annotations

import ctypes
import gc
import itertools
import math
import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import helpers
import numpy as np
import pytest
import scheduling as reference
from graphs import AWKWARD, random_graph, regular_graphs
from helpers import bits, ulps

import microgrid
from microgrid import OperationError, Program, Value, custom
from microgrid.compiler.llvm import jit as machine
from microgrid.compiler.llvm import libm as functions
from microgrid.compiler.llvm.builder import Array, Integer, Routine, Variable
from microgrid.compiler.llvm.interpreter import interpreter, opcodes
from microgrid.compiler.llvm.interpreter import schedule as scheduling
from microgrid.compiler.llvm.interpreter.interpreter import Interpreted
from microgrid.core.engine import recorder
from microgrid.core.rule import Rule
from microgrid.core.rules import REAL, RULES

every_rule = pytest.mark.parametrize("name", RULES)
either_way = pytest.mark.parametrize("precise", [True, False])

BOUND = 32
"""Where it need not be precise: how many units in the last place a number may differ from the eager one, if one rule
made it. glibc states 4 for its vector functions, and a partial is made of several."""

LENGTHS = (1, 2, 3, 8, 1000)
"""Of the lists that rules on lists are tried with."""


# ---- running and comparing ------------------------------------------------------------------------------------


class Run(helpers.Run):
    """A program in the interpreter, which leaves every adjoint at 0."""

    def __init__(self, program: Program, wrt: Sequence[int] | None = None, *, precise: bool) -> None:
        wrt = list(range(len(program.inputs)) if wrt is None else wrt)
        super().__init__(Interpreted(program, wrt, precise=precise), program, wrt)

    def at(self, numbers: Sequence[float], seeds: Sequence[float] | None = None) -> tuple[list[float], list[float]]:
        found = super().at(numbers, seeds)
        assert not self.code._arrays["adjoints"].any()
        return found


def worst(found: tuple[list[float], list[float]], wanted: tuple[list[float], list[float]]) -> float:
    """The largest distance of all outputs and derivatives."""
    pairs = [pair for one, other in zip(found, wanted, strict=True) for pair in zip(one, other, strict=True)]
    return max([ulps(*pair) for pair in pairs], default=0.0)


def check(run: Run, numbers: Sequence[float], seeds: Sequence[float] | None = None) -> None:
    """Assert the eager bits."""
    found, wanted = run.at(numbers, seeds), run.wanted(numbers, seeds)
    for one, other in zip(found, wanted, strict=True):
        assert bits(one) == bits(other), (numbers, seeds)


# ---- the rule table -------------------------------------------------------------------------------------------


def layouts(rule: Rule) -> Iterator[int]:
    """Numbers of operands for the rule."""
    yield from [rule.arity] if rule.arity else [length * len(rule.regions) for length in LENGTHS]


def apply(rule: Rule, operands: Sequence[Value], exponent: float = 2.5) -> Value:
    """A node of the rule; a constant operand is a constant."""
    if rule.regions[-1].constant:
        operands = [*operands[:-1], Value(exponent)]
    return recorder(rule)(*operands)


def many_nodes(rule: Rule, count: int, times: int, **options: Any) -> tuple[Program, int]:
    """Nodes of a rule on operands of their own, each an output: more than registers are filled with, and a rest."""
    leaves = [Value(1.0, name=f"x{place}") for place in range(count * times)]
    outputs = [apply(rule, leaves[start : start + count], **options) for start in range(0, len(leaves), count)]
    return Program.record(outputs, leaves), count


def everyday(rule: Rule, count: int, draw: random.Random) -> list[float]:
    """Operands at which the rule is regular."""
    length = count // len(rule.regions)
    return [draw.uniform(region.low, region.high) for region in rule.regions for _ in range(length)]


def awkward(rule: Rule, count: int, draw: random.Random) -> list[float]:
    """Operands from the tails, kinks, nan and infinities."""
    length = count // len(rule.regions)
    choices = [
        [*AWKWARD, -math.inf, *region.tails, *[x for kink in rule.kinks for x in kink.at]] for region in rule.regions
    ]
    return [draw.choice(some) for some in choices for _ in range(length)]


@every_rule
@pytest.mark.unmeasured
def test_a_precise_rule_has_the_eager_bits_everywhere(name: str) -> None:
    rule, draw = RULES[name], random.Random(name)
    for count in layouts(rule):
        times = 23 if count < 100 else 2
        program, _ = many_nodes(rule, count, times)
        run = Run(program, precise=True)
        for points in (everyday, awkward, awkward, awkward):
            numbers = [number for _ in range(times) for number in points(rule, count, draw)]
            check(run, numbers, [draw.choice([1.0, -0.75, 0.0, 3.0]) for _ in range(times)])


@every_rule
def test_every_kink_has_its_convention(name: str) -> None:
    for kink in RULES[name].kinks:
        rule = RULES[name]
        leaves = [Value(x) for x in kink.at]
        constant = rule.regions[-1].constant
        program = Program.record([recorder(rule)(*leaves)], leaves[: len(leaves) - constant])
        for precise in (True, False):
            _, gradient = Run(program, precise=precise).at(kink.at[: len(leaves) - constant])
            assert gradient == list(kink.partials[: len(gradient)])


@every_rule
@pytest.mark.unmeasured
def test_a_quick_rule_is_within_the_bound(name: str) -> None:
    rule, draw = RULES[name], random.Random(name)
    seen = 0.0
    for count in layouts(rule):
        times = 23 if count < 100 else 2
        program, _ = many_nodes(rule, count, times)
        run = Run(program, precise=False)
        for _ in range(5):
            numbers = [number for _ in range(times) for number in everyday(rule, count, draw)]
            found, wanted = run.at(numbers), run.wanted(numbers)
            if rule.arity is None:  # a sum's error is relative to its terms
                terms = sum([abs(x) for x in numbers]) ** 2
                assert np.allclose(found[0], wanted[0], rtol=1e-13, atol=terms * 1e-16)
                found, wanted = ([], found[1]), ([], wanted[1])
            seen = max(seen, worst(found, wanted))
    print(f"{name}: {seen:.1f} ulp")
    assert seen <= BOUND


@every_rule
def test_a_quick_rule_is_finite_nan_or_infinite_where_the_eager_one_is(name: str) -> None:
    rule, draw = RULES[name], random.Random(name)
    for count in layouts(rule):
        if count > 100:
            continue
        program, _ = many_nodes(rule, count, 23)
        run = Run(program, precise=False)
        for _ in range(10):
            numbers = [number for _ in range(23) for number in awkward(rule, count, draw)]
            if rule.arity is None:  # the order of a sum decides what is left of large and of tiny terms
                numbers = [
                    number if 1e-8 < abs(number) < 1e8 or not math.isfinite(number) else 0.5 for number in numbers
                ]
            found, wanted = run.at(numbers), run.wanted(numbers)
            for one, other in zip(found, wanted, strict=True):
                for place, (got, expected) in enumerate(zip(one, other, strict=True)):
                    tiny = abs(expected) < 1e-300 and abs(got) < 1e-300  # a register may flush what is nearly 0
                    same = tiny or ulps(got, expected) <= 64 or _is_edge(got, expected)
                    assert same, (name, place, numbers, got, expected)


def _is_edge(got: float, expected: float) -> bool:
    """Whether one is infinite and the other so large that a rounding decides."""
    return math.copysign(1.0, got) == math.copysign(1.0, expected) and min(abs(got), abs(expected)) > 1e308


@every_rule
@either_way
def test_a_rule_may_follow_on_itself(name: str, precise: bool) -> None:
    rule = RULES[name]
    x = Value(0.4, name="x")
    other = Value(0.7, name="y")
    node = x
    for turn in range(7):
        count = rule.arity or 2 * len(rule.regions)
        operands = [other] * count
        operands[turn % count] = node
        node = apply(rule, operands)
    program = Program.record([node], [x, other], share=not precise)
    run = Run(program, precise=precise)
    for numbers in ([0.4, 0.7], [0.3, 0.9], [math.nan, 0.5], [0.0, 0.0]):
        if precise:
            check(run, numbers)
        elif all(map(math.isfinite, [x for part in run.wanted(numbers) for x in part])):
            found, wanted = run.at(numbers), run.wanted(numbers)
            for one, other_one in zip(found, wanted, strict=True):
                assert np.allclose(one, other_one, rtol=1e-11, atol=1e-13)


@either_way
@pytest.mark.parametrize("exponent", [*RULES["power"].regions[-1].tails, 0.0, -0.5, 2.5, 7.0])
def test_constant_exponents(exponent: float, precise: bool) -> None:
    program, _ = many_nodes(RULES["power"], 2, 11, exponent=exponent)
    run = Run(program, precise=precise)
    for base in (0.3, 1.7, -0.6, 3.0, 0.0, -0.0, math.inf, -math.inf, math.nan, 1e-170, -1e200, 1e-154, 1e160):
        numbers = [base, 0.0] * 11
        if precise:
            check(run, numbers)
        else:
            assert worst(run.at(numbers), run.wanted(numbers)) <= BOUND, base


@either_way
def test_different_exponents_in_one_program(precise: bool) -> None:
    x = Value(1.7, name="x")
    outputs = [x**2, x**3.0, (x + 1.0) ** 2, x**0.5, x**-1, (x + 2.0) ** 3, x**1.5, x ** Value(2.0)]
    run = Run(Program.record(outputs, [x]), precise=precise)
    assert ("handler.power.2.0" in run.code.ir()) is not precise
    assert worst(run.at([1.7]), run.wanted([1.7])) <= (0.0 if precise else BOUND)


# ---- graphs ---------------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_precise_random_graphs_have_the_bits_of_backward() -> None:
    for seed in range(400):
        leaves, output = random_graph(seed, operations=12 if seed % 4 else 150)
        output.backward()
        program = Program.record([output], leaves, share=False)
        outputs, gradient = Run(program, precise=True).at([leaf.data for leaf in leaves])
        assert bits(outputs) == bits([output.data]), seed
        assert bits(gradient) == bits([leaf.grad for leaf in leaves]), seed


@pytest.mark.unmeasured
def test_quick_random_graphs_agree_with_eager_ones() -> None:
    for leaves, output in regular_graphs(80):
        output.backward()
        program = Program.record([output], leaves)
        outputs, gradient = Run(program, precise=False).at([leaf.data for leaf in leaves])
        assert outputs[0] == pytest.approx(output.data, rel=1e-10, abs=1e-12)
        assert gradient == pytest.approx([leaf.grad for leaf in leaves], rel=1e-9, abs=1e-11)


def _large(nodes: int, window: int) -> Program:
    """A random graph of everyday numbers in which each node has its operands from a window before it."""
    draw = random.Random(nodes)
    leaves = [Value(0.2 + 0.1 * place, name=f"x{place}") for place in range(20)]
    values = list(leaves)
    formulas: list[Callable[[Value, Value], Value]] = [
        lambda a, b: (a + b) * 0.5,
        lambda a, b: a * b,
        lambda a, _: microgrid.exp(-a),
        lambda a, _: microgrid.log(a + 2.0),
        lambda a, b: a / (b + 2.0),
        lambda a, b: microgrid.sum([a, b, a]) / 3.0,
        lambda a, b: microgrid.where(a < b, a, b**2),
    ]
    while len(values) < nodes:
        recent = values[-window:]
        values.append(draw.choice(formulas)(draw.choice(recent), draw.choice(recent)))
    return Program.record([microgrid.sum(values[-window:])], leaves, share=False)


@pytest.mark.parametrize("window", [30, 3_000])
@pytest.mark.unmeasured
def test_graphs_of_several_blocks(window: int) -> None:
    program = _large(50_000, window)
    assert len(program.ops) > 2 * scheduling._BLOCK
    numbers = [0.2 + 0.1 * place for place in range(20)]
    check(Run(program, precise=True), numbers)
    run = Run(program, precise=False)
    found, wanted = run.at(numbers), run.wanted(numbers)
    assert found[0] == pytest.approx(wanted[0], rel=1e-12)
    assert found[1] == pytest.approx(wanted[1], rel=1e-9, abs=1e-12 * max(map(abs, wanted[1])))


@either_way
@pytest.mark.unmeasured
def test_a_long_chain(precise: bool) -> None:
    x, slope, shift = [Value(number, name=name) for number, name in ((0.5, "x"), (0.999, "a"), (0.001, "b"))]
    node = x
    for _ in range(50_000):
        node = node * slope + shift
    run = Run(Program.record([node], [x, slope, shift]), precise=precise)
    if precise:
        check(run, [0.5, 0.999, 0.001])
    else:
        found, wanted = run.at([0.5, 0.999, 0.001]), run.wanted([0.5, 0.999, 0.001])
        assert found[1] == pytest.approx(wanted[1], rel=1e-12)


@either_way
def test_an_operand_may_come_twice_and_outputs_may_be_anything(precise: bool) -> None:
    x, y, unused = [Value(number, name=name) for number, name in ((0.5, "x"), (2.0, "y"), (3.0, "unused"))]
    square = x * x
    outputs = [square, x, Value(7.0), square * square + x, square, x + Value(math.inf), microgrid.sum([x, x, y])]
    program = Program.record(outputs, [x, y, unused])
    run = Run(program, precise=precise)
    for numbers in ([0.5, 2.0, 3.0], [-1.5, math.nan, 0.0]):
        for seeds in ([1.0] * 7, [0.0, 1.0, 5.0, -2.0, 0.25, 0.0, 3.0], [math.nan, *[0.0] * 6]):
            check(run, numbers, seeds)


def test_contributions_to_an_operand_that_comes_twice_and_just_before_are_added_in_order() -> None:
    x, y = Value(0.3, name="x"), Value(0.7, name="y")
    product = x * y
    program = Program.record([microgrid.sum([product - product, product, product])], [x, y])
    check(Run(program, precise=True), [0.3, 0.7], [0.1])


@either_way
def test_a_program_may_have_no_nodes_or_no_inputs(precise: bool) -> None:
    x = Value(2.0, name="x")
    assert Run(Program.record([x, Value(5.0)], [x]), precise=precise).at([3.0], [2.0, 1.0]) == ([3.0, 5.0], [2.0])
    assert Run(Program.record([Value(5.0) * 2.0], []), precise=precise).at([]) == ([10.0], [])


@either_way
def test_derivatives_by_some_of_the_inputs(precise: bool) -> None:
    leaves = [Value(0.3 + 0.2 * place, name=f"x{place}") for place in range(6)]
    a, b, c, d, e, f = leaves
    mixed = [a * b, c * d, e / f, a / f, f - b, b - f, microgrid.dot([a, b, c], [d, e, f]), microgrid.exp(d)]
    mixed += [microgrid.dot([d, e, f], [a, b, c]), microgrid.where(e, a, f), microgrid.logsumexp([d, e]), d**2.0]
    outputs = [microgrid.sum(mixed), microgrid.tanh(mixed[1] * mixed[2]), d * e]
    program = Program.record(outputs, leaves)
    numbers = [leaf.data for leaf in leaves]
    for count in range(4):
        for wrt in itertools.permutations(range(6), count):
            if sum(wrt) % 3 == 0:
                run = Run(program, wrt, precise=precise)
                found, wanted = run.at(numbers), run.wanted(numbers)
                assert worst(found, wanted) <= (0.0 if precise else 64.0), wrt


@either_way
def test_calls_leave_nothing_behind(precise: bool) -> None:
    leaves, output = random_graph(33, operations=200)
    run = Run(Program.record([output, leaves[0]], leaves), wrt=[0], precise=precise)
    numbers = [leaf.data for leaf in leaves]
    first = [bits(part) for part in run.at(numbers)]
    run.at([math.nan] * len(leaves), [math.inf, math.nan])
    assert [bits(part) for part in run.at(numbers)] == first
    other = Run(run.program, wrt=[0], precise=precise)
    assert [bits(part) for part in other.at(numbers)] == first
    forward, _ = run.code.bind(*[buffer.buffer_info()[0] for buffer in other.buffers])
    forward()
    assert [bits(part) for part in run.at(numbers)] == first


def test_nan_and_zero_travel_as_in_backward() -> None:
    x, y = Value(0.0, name="x"), Value(math.inf, name="y")
    program = Program.record([microgrid.log(x) * 0.0 + x * y], [x, y])
    _, gradient = Run(program, precise=False).at([0.0, math.inf], [0.0])
    assert all(map(math.isnan, gradient[:1]))
    check(Run(program, precise=True), [0.0, math.inf], [0.0])


# ---- operations of a user's own -------------------------------------------------------------------------------


def _one(_x: Any, *, m: Any) -> Any:
    return m.pi / m.pi


def _no_slope(_out: Any, _x: Any, *, m: Any) -> Any:
    return m.less(1.0, 0.0)


def _slope_of_hump(out: Any, x: Any, *, m: Any) -> Any:
    return m.sub(0.0, 2.0 * x * out)


@either_way
def test_a_users_operations_have_handlers_of_their_own(precise: bool) -> None:
    hump = custom(lambda x, *, m: m.exp(-x * x), _slope_of_hump, name="hump")
    three = custom(
        lambda x, y, z, *, m: m.sin(x) * y / z,
        lambda out, x, y, z, *, m: (m.cos(x) * y / z, m.sin(x) / z, -out / z),
        name="three, with a strange name \N{GREEK SMALL LETTER ALPHA}",
    )
    one = custom(_one, _no_slope, name="1")
    leaves = [Value(0.3 + 0.1 * place, name=f"x{place}") for place in range(20)]
    nodes = (
        [hump(leaf) for leaf in leaves]
        + [one(leaves[0]) + leaves[1], -one(one(leaves[2]))]
        + [three(*leaves[place : place + 3]) for place in range(10)]
    )
    program = Program.record([microgrid.sum(nodes), hump(nodes[-1] * nodes[0])], leaves)
    run = Run(program, precise=precise)
    numbers = [leaf.data for leaf in leaves]
    if precise:
        check(run, numbers, [1.0, -2.0])
    else:
        assert worst(run.at(numbers), run.wanted(numbers)) < 64


@either_way
def test_a_users_operation_on_lists_is_written_for_each_length(precise: bool) -> None:
    def slopes(_out: Any, *xs: Any, m: Any) -> list[Any]:
        found = [0.0] * len(xs)
        found[0] = found[0] + xs[-1]
        found[-1] = found[-1] + xs[0]
        found[len(xs) // 2] = found[len(xs) // 2] + m.exp(xs[len(xs) // 2])
        return found

    ends = custom(lambda *xs, m: xs[0] * xs[-1] + m.exp(xs[len(xs) // 2]), slopes, name="ends")
    leaves = [Value(0.01 * place, name=f"x{place}") for place in range(400)]
    program = Program.record([ends(*leaves[:length]) for length in (1, 2, 5, 5, 400)], leaves)
    run = Run(program, precise=precise)
    numbers = [leaf.data for leaf in leaves]
    if precise:
        check(run, numbers)
    else:
        assert worst(run.at(numbers), run.wanted(numbers)) < 64


def test_an_operation_for_floats_alone_is_refused() -> None:
    square = custom(lambda x: x * x, lambda _, x: 2.0 * x, name="square")
    x = Value(2.0, name="x")
    with pytest.raises(OperationError, match=r"square \(test_interpreter.py:\d+\) is written for .* keyword-only m"):
        Interpreted(Program.record([square(x)], [x]), [0], precise=True)


def test_a_rule_that_is_none_of_the_table_is_as_good_as_one() -> None:
    def mean_of_squares(m: Any) -> Any:
        return (
            lambda xs: m.total(x * x for x in xs) / m.total(1.0 for x in xs),
            lambda _, xs: [(2.0 * x / m.total(1.0 for x in xs) for x in xs)],
        )

    table: dict[str, Rule] = {}
    microgrid.core.rule.rule("m", "m", microgrid.core.rules.MANY, table=table)(mean_of_squares)
    leaves = [Value(0.5 * place, name=f"x{place}") for place in range(9)]
    program = Program.record([recorder(table["mean_of_squares"])(*leaves)], leaves)
    check(Run(program, precise=True), [leaf.data for leaf in leaves])


# ---- that the comparison would notice -------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["value", "partial"])
def test_a_planted_fault_is_found(part: str) -> None:
    def faulty(m: Any) -> Any:
        value, partials = RULES["atan"].make(m)
        if part == "value":
            return lambda x: value(x) * (1.0 + 2.0**-50), partials
        return value, lambda out, x: (partials(out, x)[0] * (1.0 + 2.0**-50),)

    wrong = Rule("atan", faulty, "", "{x}", (REAL,))
    x = Value(0.5, name="x")
    right = Program.record([microgrid.atan(x)], [x])
    changed = Program(right.inputs, right.constants, (wrong,), right.ops, right.starts, right.operands, right.outputs)
    run = Run(changed, precise=True)
    run.program = right
    with pytest.raises(AssertionError):
        check(run, [0.5])


# ---- other processors -----------------------------------------------------------------------------------------


@pytest.fixture
def anew() -> Iterator[None]:
    """Handlers are built anew, and again afterwards."""
    for cache in (opcodes.handlers_of, opcodes.calls, opcodes.constant_forms, opcodes._shapes):
        cache.cache_clear()
    yield
    for cache in (opcodes.handlers_of, opcodes.calls, opcodes.constant_forms, opcodes._shapes):
        cache.cache_clear()


def _mixed(precise: bool) -> None:
    leaves, output = random_graph(12, operations=300)
    program = Program.record([output], leaves, share=False)
    numbers = [0.3 + 0.1 * place for place in range(len(leaves))]
    run = Run(program, precise=precise)
    found, wanted = run.at(numbers), run.wanted(numbers)
    if precise:
        assert [bits(part) for part in found] == [bits(part) for part in wanted]
    else:
        for one, other in zip(found, wanted, strict=True):
            assert np.allclose(one, other, rtol=1e-8, equal_nan=True)


@either_way
@pytest.mark.usefixtures("anew")
def test_where_llvm_has_no_convention_that_saves_nothing(monkeypatch: pytest.MonkeyPatch, precise: bool) -> None:
    monkeypatch.setattr(opcodes, "_CONVENTION", "ccc")
    _mixed(precise)


@pytest.mark.usefixtures("anew")
def test_registers_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "vector_width", lambda: 2)
    _mixed(False)
    check_quick()


@pytest.mark.usefixtures("anew")
def test_without_a_vector_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "vector_functions", lambda _: {})
    _mixed(False)
    check_quick()


def check_quick() -> None:
    program, _ = many_nodes(RULES["exp"], 1, 23)
    numbers = [0.1 * place for place in range(23)]
    run = Run(program, precise=False)
    assert worst(run.at(numbers), run.wanted(numbers)) <= BOUND


# ---- order ----------------------------------------------------------------------------------------------------


@either_way
def test_a_schedule_does_each_node_once_behind_its_operands(monkeypatch: pytest.MonkeyPatch, precise: bool) -> None:
    made: list[scheduling.Schedule] = []

    def kept(*arguments: Any, **options: Any) -> scheduling.Schedule:
        made.append(scheduling.schedule(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(interpreter, "schedule", kept)
    for seed in range(20):
        leaves, output = random_graph(seed, operations=400)
        program = Program.record([output], leaves, share=False)
        Interpreted(program, range(len(leaves)), precise=precise)
        plan = made[-1]
        places = plan.places.tolist()
        assert len(set(places)) == len(places)
        assert program.first_node not in places
        assert max(places) < plan.length
        for slot, _, operands in program.nodes():
            assert all(places[operand] < places[slot] for operand in operands)
        if precise:  # those that use a slot keep their order
            users: dict[int, list[int]] = {}
            for slot, _, operands in program.nodes():
                for operand in {*operands}:
                    if not len(leaves) <= operand < program.first_node:
                        users.setdefault(operand, []).append(places[slot])
            assert all(found == sorted(found) for found in users.values())
        assert plan.runs[0].tolist() == plan.runs[-1].tolist() == [0, 0]
        assert (plan.runs[1:-1] > 0).all()


@either_way
@pytest.mark.parametrize("block", [50, 1 << 15])
def test_schedules_are_those_of_plain_python(monkeypatch: pytest.MonkeyPatch, precise: bool, block: int) -> None:
    compared = []

    def classify(forms: Any, starts: Any, operands: Any, lists: Any, active: Any) -> Any:
        plain = reference.classify(*[part.tolist() for part in (forms, starts, operands, lists, active)])
        kinds = scheduling.classify(forms, starts, operands, lists, active)
        assert (kinds.tolist(), active.tolist()) == plain
        return kinds

    def schedule(kinds: Any, starts: Any, operands: Any, active: Any, table: Any, **options: Any) -> Any:
        found = scheduling.schedule(kinds, starts, operands, active, table, **options)
        columns = (kinds.tolist(), starts.tolist(), operands.tolist())
        in_turn = active.tolist() if options["in_turn"] else [0] * len(active)
        order, ends = reference.put_in_order(*columns, table.shapes.tolist(), in_turn, block)
        first = len(active) - len(kinds)
        plain = reference.lay_out(order, ends, *columns, table, first, options["width"])
        assert (found.runs.tolist(), found.operands.tolist(), found.places.tolist(), found.length) == plain
        compared.append(len(order))
        return found

    monkeypatch.setattr(interpreter, "classify", classify)
    monkeypatch.setattr(interpreter, "schedule", schedule)
    monkeypatch.setattr(scheduling, "_BLOCK", block)
    for seed in range(25):
        leaves, output = random_graph(seed, operations=300)
        program = Program.record([output], leaves, share=False)
        Interpreted(program, range(0, len(leaves), 1 + seed % 3), precise=precise)
    Interpreted(_large(2_000, 100), range(20), precise=precise)
    assert sum(compared) > 3_000


def test_runs_are_long() -> None:
    leaves = [Value(0.1 * place, name=f"x{place}") for place in range(100)]
    output = microgrid.sum([microgrid.tanh(leaf * leaf + 1.0) for leaf in leaves])
    program = Program.record([output], leaves)
    numbers = Interpreted(program, range(100), precise=True)._numbers
    assert (numbers["last_run"] - numbers["first_run"]) // 8 + 1 == 4  # mul, add, tanh, sum


# ---- lifetime -------------------------------------------------------------------------------------------------


def test_making_and_dropping_leaves_nothing_behind() -> None:
    resident = _resident_memory()
    leaves, output = random_graph(5, operations=50)
    program = Program.record([output], leaves)

    def turn() -> None:
        for _ in range(400):
            Run(program, precise=False).at([0.5] * len(leaves))
        gc.collect()

    turn()
    before = resident()
    turn()
    turn()
    assert resident() - before < 4 << 20


def _resident_memory() -> Callable[[], int]:
    """How many bytes of the process are in memory; nothing is known of it where there is no /proc."""

    def resident() -> int:
        try:
            with open("/proc/self/statm") as file:  # noqa: PTH123
                return int(file.read().split()[1]) * 4096
        except OSError:
            return 0

    return resident


def test_a_bound_call_outlives_what_made_it() -> None:
    x = Value(3.0, name="x")
    buffers = [array("d", [number]) for number in (5.0, 1.0, 0.0, 0.0)]
    code = Interpreted(Program.record([x * x], [x]), [0], precise=False)
    _, reverse = code.bind(*[buffer.buffer_info()[0] for buffer in buffers])
    assert "fmul" in code.ir()
    assert "mul" in code.assembly()
    assert code.backend == "interpreter"
    assert code.compile_seconds > 0.0
    del code
    gc.collect()
    reverse()
    assert [buffer[0] for buffer in buffers[2:]] == [25.0, 10.0]


# ---- routines -------------------------------------------------------------------------------------------------


def test_arrays_of_integers_read_and_write_every_size() -> None:
    routine = Routine("sizes", {"a": "ptr", "b": "ptr", "c": "ptr", "d": "ptr"}, result="i64")
    kinds = ("i8", "i16", "i32", "i64")
    arrays = [Array(routine, kind, f"%{name}") for kind, name in zip(kinds, "abcd", strict=True)]
    total = Variable(routine, 0)
    for one in arrays:
        one[1] = one[0]
        one[2] = 7
        total.value = total.value + one[0] * 2 - (one[2] >> 1)
    with routine.loop_over(-2, 3) as place, routine.if_true((place & 1).equals(0)):
        total.value = total.value + place
    routine.returns(total.value)
    library = machine.build(routine.text())
    memory = [
        np.array([number, 0, 0], dtype=kind) for number, kind in ((200, "u1"), (60_000, "u2"), (-5, "i4"), (9, "i8"))
    ]
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 4)(library.address("sizes"))
    assert function(*[one.ctypes.data for one in memory]) == 2 * (200 + 60_000 - 5 + 9) - 4 * 3
    assert [one.tolist() for one in memory] == [[200, 200, 7], [60_000, 60_000, 7], [-5, -5, 7], [9, 9, 7]]
    assert isinstance(Integer(routine, "1"), Integer)
