"""``Program``: what recording keeps and leaves out, the eager bits, other arithmetics, words and copies."""

from __future__ import annotations

import copy
import hashlib
import math
import pickle
import random
import struct
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import graphs
import mpmath
import pytest
from helpers import bits
from test_engines import ENGINES, _resident, is_built, run

import microgrid
from microgrid import (
    DataError,
    InvalidValueError,
    Program,
    Value,
)
from microgrid.arithmetics.complex import COMPLEX
from microgrid.arithmetics.mpmath import MPMATH
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import recorder
from microgrid.core.graph import dependents, evaluate, local_partials, pullback, topological_order
from microgrid.core.rule import Rule, rule
from microgrid.core.rules import REAL, RULES
from microgrid.core.value_arithmetic import VALUE
from microgrid.program import lowering

MILLION = 1_000_000
GRAPHS = 3000


def columns(program: Program) -> tuple[Any, ...]:
    """All that a program is made of, comparable."""
    parts = (program.constants, program.ops, program.starts, program.operands, program.outputs)
    return (program.inputs, program.rules, *[(part.typecode, part.tobytes()) for part in parts])


def random_case(seed: int) -> tuple[list[Value], list[Value]]:
    """Outputs and inputs of a random graph: often several outputs, leaves among them, and leaves that are constants."""
    draw = random.Random(-seed)
    leaves, output = graphs.random_graph(seed, 16)
    if draw.random() < 0.3:  # after recording: what is folded counts with the data of now
        draw.choice(leaves).data = draw.choice(graphs.AWKWARD)
    nodes = topological_order(output)
    outputs = [output, *[draw.choice(nodes) for _ in range(draw.randint(0, 3))]]
    draw.shuffle(outputs)
    return outputs, draw.sample(leaves, draw.randint(0, len(leaves)))


def square(x: Any) -> Any:
    return x * x


def square_slope(out: Any, x: Any) -> Any:
    return 2.0 * x


def bump(x: Any, y: Any, *, m: Any) -> Any:
    return m.exp(-x * y)


def bump_slopes(out: Any, x: Any, y: Any, *, m: Any) -> Any:
    return -y * out, -x * out


def length(*xs: Any, m: Any) -> Any:
    return m.sqrt(m.total(x * x for x in xs))


def length_slopes(out: Any, *xs: Any, m: Any) -> Any:
    return [x / out for x in xs]


SQUARE = microgrid.custom(square, square_slope, name="square_of_floats")
BUMP = microgrid.custom(bump, bump_slopes)
LENGTH = microgrid.custom(length, length_slopes)


# ---- what is recorded -----------------------------------------------------------------------------------------


def test_slots_are_inputs_then_constants_then_nodes_in_topological_order() -> None:
    x, y = Value(0.5, name="x"), Value(2.0, name="y")
    program = Program.record([microgrid.dot([x, 3.0], [y, y]) - x**2.0], [x, y])
    names = {rule.name: place for place, rule in enumerate(program.rules)}
    assert program.inputs == ("x", "y")
    assert program.constants == array("d", [3.0, 2.0])
    assert program.first_node == 4
    assert list(names) == ["dot", "power", "sub"]
    assert (program.ops, program.starts) == (array("H", [0, 1, 2]), array("i", [0, 4, 6, 8]))
    assert program.operands == array("i", [0, 2, 1, 1, 0, 3, 4, 5])
    assert program.outputs == array("i", [6])
    assert [(slot, rule.name, list(operands)) for slot, rule, operands in program.nodes()] == [
        (4, "dot", [0, 2, 1, 1]),
        (5, "power", [0, 3]),
        (6, "sub", [4, 5]),
    ]
    assert repr(program) == "<program of 2 inputs, 2 constants, 3 nodes and 1 output>"


def test_the_order_of_nodes_is_the_topological_order_of_all_outputs_together() -> None:
    for seed in range(200):
        outputs, _ = random_case(seed)
        leaves = [node for node in topological_order(*outputs) if node.op is None and not node.is_constant]
        program = Program.record(outputs, leaves, share=False)
        needed = dependents(outputs, leaves)
        expected = [node.op for node in topological_order(*outputs) if node in needed and node.op is not None]
        assert [program.rules[op] for op in program.ops] == expected
        assert list(program.rules) == list(dict.fromkeys(expected))


def test_an_operand_that_occurs_twice_is_there_twice() -> None:
    x = Value(3.0)
    assert Program.record([x * x], [x]).operands == array("i", [0, 0])


def test_what_no_output_needs_is_left_out_and_unused_inputs_stay() -> None:
    x, unused = Value(3.0, name="x"), Value(4.0, name="unused")
    dead = (x + 17.0).exp()
    program = Program.record([x * 2.0], [unused, x])
    assert dead.data > 0
    assert program.inputs == ("unused", "x")
    assert program.constants == array("d", [2.0])
    assert [rule.name for rule in program.rules] == ["mul"]


def test_nodes_without_inputs_become_constants_at_the_data_of_now() -> None:
    x, a, b = Value(3.0), Value(1.0), Value(2.0)
    y = (a + b).exp() * x
    a.data = -2.0  # after recording
    program = Program.record([y], [x])
    assert program.constants == array("d", [1.0])
    assert len(program.ops) == 1
    assert Program.record([a + b], []).constants == array("d", [0.0])


def test_equal_constants_are_one_by_their_bits() -> None:
    x = Value(3.0)
    numbers = [2.0, 0.0, -0.0, math.nan, -math.nan, 2.0, math.inf, 5e-324, 0.0]
    negative_nan = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000123))[0]
    program = Program.record([x + number for number in [*numbers, negative_nan]], [x])
    expected = [2.0, 0.0, -0.0, math.nan, math.inf, 5e-324]
    assert program.constants.tobytes() == array("d", expected).tobytes()
    assert len(program.ops) == 6


def test_thousands_of_constants_of_every_kind_are_told_apart() -> None:
    x = Value(3.0)
    draw = random.Random(0)
    numbers = [float(k) for k in range(3000)] + [2.0**k for k in range(-1074, 1024)]
    numbers += [draw.uniform(-1.0, 1.0) for _ in range(3000)]
    draw.shuffle(numbers)
    program = Program.record([microgrid.sum([x * number for number in numbers + numbers[::-1]])], [x])
    assert list(program.constants) == list(dict.fromkeys(numbers))
    assert len(program.ops) == len(program.constants) + 1


def test_common_subexpressions_are_one_unless_that_is_switched_off() -> None:
    x, y = Value(3.0), Value(4.0)
    z = (x * y).exp() + (x * y).exp() + (y * x).exp()
    assert len(Program.record([z], [x, y]).ops) == 6
    assert len(Program.record([z], [x, y], share=False).ops) == 8
    many = [microgrid.sum([x, y]), microgrid.sum([x, y, y]), microgrid.sum([x, y]), microgrid.logsumexp([x, y])]
    assert Program.record(many, [x, y]).outputs == array("i", [2, 3, 2, 4])


def test_a_thousand_nodes_on_the_same_operand_are_told_apart() -> None:
    x = Value(0.5)
    ys = [x * float(k) for k in range(1000)]
    program = Program.record([x + y for y in ys + ys], [x])
    assert len(program.ops) == 2000
    assert program.outputs[:1000] == program.outputs[1000:]


def test_outputs_may_be_inputs_constants_and_each_other() -> None:
    x, c = Value(3.0), Value(7.0)
    y = x + 1.0
    program = Program.record([x, c, y, y, Value(1.0)], [x])
    assert program.constants == array("d", [1.0, 7.0])
    assert program.outputs == array("i", [0, 2, 3, 3, 1])
    only_constants = Program.record([c + c], [])
    assert (only_constants.inputs, len(only_constants.ops)) == ((), 0)
    values = only_constants.evaluate(FLOAT, [])
    assert values == [14.0]
    assert only_constants.pullback(FLOAT, values, [1.0]) == [None]


def test_recording_changes_no_number_and_no_later_sweep() -> None:
    for seed in range(100):
        outputs, inputs = random_case(seed)
        nodes = topological_order(*outputs)
        outputs[0].backward()
        before = [bits([node.data, node.grad, *node.partials]) for node in nodes]
        first = Program.record(outputs, inputs)
        assert [bits([node.data, node.grad, *node.partials]) for node in nodes] == before
        outputs[0].zero_grad()
        outputs[0].backward()
        assert columns(Program.record(outputs, inputs)) == columns(first)
        outputs[0].zero_grad()
        outputs[0].backward()
        assert [bits([node.data, *node.partials]) for node in nodes] == [one[:1] + one[2:] for one in before]


@pytest.mark.unmeasured
def test_what_is_recorded_is_what_the_plain_version_records() -> None:
    operations: set[Rule] = set()
    for seed in range(GRAPHS):
        outputs, inputs = random_case(seed)
        for share in (True, False):
            plain = lowering.flatten(outputs, inputs, share)
            here = lowering.lower(outputs, inputs, share)
            assert columns(Program((), *here)) == columns(Program((), *plain)), f"seed {seed}"
            operations.update(plain.rules)
    assert operations == set(RULES.values())


def digest(program: Program) -> str:
    """What the program is made of, in a few letters."""
    return hashlib.sha256(repr(columns(program)).encode()).hexdigest()


def test_programs_are_the_same_in_every_process_and_on_every_engine() -> None:
    script = "import test_program as t; print(*[t.digest(t.Program.record(*t.random_case(k))) for k in range(200)])"
    here = [digest(Program.record(*random_case(seed))) for seed in range(200)]
    assert len(set(here)) > 170  # some have no input, and one output that is nan
    for name in ENGINES if is_built() else ["python"]:
        done = run(name, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {script}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == here


# ---- what is refused ------------------------------------------------------------------------------------------


def test_outputs_and_inputs_that_are_no_values_are_refused() -> None:
    x = Value(1.0)
    with pytest.raises(InvalidValueError, match=r"outputs\[1\] is 2.0 of type float: give a Value"):
        Program.record([x, 2.0], [x])  # type: ignore[list-item]
    with pytest.raises(InvalidValueError, match=r"inputs\[0\] is 'x' of type str"):
        Program.record([x], ["x"])  # type: ignore[list-item]
    with pytest.raises(InvalidValueError, match=r"outputs are a list of Values, not one Value: write \[value\]"):
        Program.record(x, [x])  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="inputs are a list"):
        Program.record([x], x)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least one output"):
        Program.record([], [x])


def test_inputs_that_are_no_leaves_or_not_distinct_are_refused() -> None:
    x = Value(1.0)
    with pytest.raises(DataError, match=r"inputs\[1\] is the result of mul, and an input is a leaf"):
        Program.record([x], [x, x * x])
    with pytest.raises(DataError, match=r"inputs\[2\] is inputs\[0\] once more"):
        Program.record([x], [x, Value(2.0), x])


def test_names_are_given_or_the_leaves_own_or_made_from_places() -> None:
    xs = [Value(1.0, name="w"), Value(2.0), Value(3.0)]
    assert Program.record(xs, xs).inputs == ("w", "x1", "x2")
    assert Program.record(xs, xs, names=("a", "b c", "ü")).inputs == ("a", "b c", "ü")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a"], "inputs 0 and 1 are both named 'a': give distinct ones"),
        (["a"], "got 1 names for 2 inputs"),
        (["a", ""], "the name of input 1 is ''"),
        (["a", 3], "the name of input 1 is 3"),
        ("ab", r"names is a list of names, not the text 'ab': write \['ab'\]"),
    ],
)
def test_names_that_are_not_distinct_names_are_refused(names: Any, message: str) -> None:
    xs = [Value(1.0), Value(2.0)]
    with pytest.raises(DataError, match=message):
        Program.record(xs, xs, names=names)


def test_leaves_of_one_name_need_names() -> None:
    xs = [Value(1.0, name="x"), Value(2.0, name="x")]
    with pytest.raises(DataError, match=r"inputs 0 and 1 are both named 'x': give distinct ones as names="):
        Program.record(xs, xs)
    assert Program.record(xs, xs, names=["p", "q"]).inputs == ("p", "q")


# ---- evaluation and pullback ----------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_values_and_adjoints_have_the_eager_bits() -> None:
    operations: set[Rule] = set()
    finite = 0
    for seed in range(GRAPHS):
        leaves, output = graphs.random_graph(seed)
        output.backward()
        program = Program.record([output], leaves, share=False)
        values = program.evaluate(FLOAT, [leaf.data for leaf in leaves])
        adjoints = program.pullback(FLOAT, values, [1.0], zero=0.0)
        kept = dependents([output], leaves)
        nodes = [node for node in topological_order(output) if node.op is not None and node in kept]
        assert bits(values[program.first_node :]) == bits([node.data for node in nodes])
        assert bits([x or 0.0 for x in adjoints[program.first_node :]]) == bits([node.grad for node in nodes])
        assert bits([x or 0.0 for x in adjoints[: len(leaves)]]) == bits([leaf.grad for leaf in leaves])
        assert adjoints[len(leaves) : program.first_node] == [None] * len(program.constants)
        operations.update(program.rules)
        finite += all(map(math.isfinite, values))
    assert operations == set(RULES.values())
    assert GRAPHS // 3 < finite < GRAPHS


def test_new_numbers_give_what_recording_anew_gives() -> None:
    for seed in range(300):
        leaves, output = graphs.random_graph(seed)
        draw = random.Random(seed)
        numbers = [draw.choice([*graphs.AWKWARD, 0.7, -1.3]) for _ in leaves]
        fresh = [Value(number) for number in numbers]
        again = graphs.as_function(leaves, output)(fresh)
        again.backward()
        program = Program.record([output], leaves, share=False)
        values = program.evaluate(FLOAT, numbers)
        adjoints = program.pullback(FLOAT, values, [1.0], zero=0.0)
        assert bits([values[slot] for slot in program.outputs]) == bits([again.data])
        assert bits([x or 0.0 for x in adjoints[: len(leaves)]]) == bits([leaf.grad for leaf in fresh])


def test_sharing_changes_no_value_and_no_derivative() -> None:
    shared = 0
    for leaves, output in graphs.regular_graphs(60):
        outputs = [output, graphs.as_function(leaves, output)(leaves) * 3.0]  # the same graph a second time
        whole, small = Program.record(outputs, leaves, share=False), Program.record(outputs, leaves)
        shared += len(whole.ops) - len(small.ops)
        numbers = [leaf.data for leaf in leaves]
        results = []
        with mpmath.workdps(40):
            for program in (whole, small):
                floats = program.evaluate(FLOAT, numbers)
                values = program.evaluate(MPMATH, [mpmath.mpf(x) for x in numbers], mpmath.mpf)
                adjoints = program.pullback(MPMATH, values, [mpmath.mpf(1), mpmath.mpf(2)])
                results.append(([floats[slot] for slot in program.outputs], adjoints[: len(leaves)]))
            (left, left_adjoints), (right, right_adjoints) = results
            assert bits(left) == bits(right)
            assert all(map(math.isfinite, left))
            for x, y in zip(left_adjoints, right_adjoints, strict=True):
                assert (x is None) == (y is None)
                assert x is None or abs(x - y) <= 1e-30 * max(1, abs(x))
    assert shared > 300


def test_several_outputs_are_pulled_back_with_their_own_seeds() -> None:
    x, y = Value(3.0), Value(4.0)
    product = x * y
    program = Program.record([product, x, product + x, product, y], [x, y])
    values = program.evaluate(FLOAT, [3.0, 4.0])
    seeds = [2.0, 5.0, 7.0, 11.0, None]
    adjoints = program.pullback(FLOAT, values, seeds)
    assert adjoints == [5.0 + 7.0 + 20.0 * 4.0, 20.0 * 3.0, 2.0 + 11.0 + 7.0, 7.0]
    assert program.pullback(FLOAT, values, [None] * 5) == [None] * 4
    assert program.pullback(FLOAT, values, [None, None, None, None, -0.0], zero=0.0)[:2] == [None, 0.0]


def test_nothing_arrives_through_a_branch_that_was_not_taken_and_a_0_that_is_a_number_is_multiplied() -> None:
    x, y, z = Value(2.0), Value(0.0), Value(0.0)
    output = microgrid.where(x < 3.0, x, 1.0 / y) + 0.0 * microgrid.sqrt(z)
    program = Program.record([output], [x, y, z], share=False)
    output.backward()
    values = program.evaluate(FLOAT, [2.0, 0.0, 0.0])
    adjoints = program.pullback(FLOAT, values, [1.0], zero=0.0)
    assert adjoints[0] == x.grad == 1.0
    assert adjoints[1] is None
    assert y.grad == 0.0
    assert math.isnan(z.grad)
    assert math.isnan(adjoints[2])


def test_in_values_the_pullback_is_a_graph_that_can_be_differentiated_again() -> None:
    checked = 0
    for leaves, output in graphs.regular_graphs(80, 6):
        program = Program.record([output], leaves)
        xs = [Value(leaf.data) for leaf in leaves]
        values = program.evaluate(VALUE, xs)
        adjoints = program.pullback(VALUE, values, [1.0])
        hessian = microgrid.hessian(graphs.as_function(leaves, output))([leaf.data for leaf in leaves])
        for row, adjoint in zip(hessian, adjoints[: len(xs)], strict=True):
            if not isinstance(adjoint, Value):
                assert all(entry == 0.0 for entry in row)  # constant, or not there
                continue
            for x in xs:
                x.grad = 0.0
            adjoint.backward()
            for x, entry in zip(xs, row, strict=True):
                assert math.isfinite(entry)
                assert x.grad == pytest.approx(entry, rel=1e-9, abs=1e-9)
                checked += entry != 0.0
    assert checked > 60


def test_in_high_precision_it_is_the_graph_replayed_there() -> None:
    with mpmath.workdps(50):
        for leaves, output in graphs.regular_graphs(40):
            program = Program.record([output], leaves, share=False)
            numbers = {leaf: mpmath.mpf(leaf.data) + mpmath.mpf(1) / 3**40 for leaf in leaves}
            replayed = evaluate([output], MPMATH, numbers, mpmath.mpf)
            adjoints = pullback(output, local_partials(MPMATH, replayed), mpmath.mpf(1))
            values = program.evaluate(MPMATH, list(numbers.values()), mpmath.mpf)
            found = program.pullback(MPMATH, values, [mpmath.mpf(1)])
            # What is folded is folded in floats, so that a graph with constants alone somewhere agrees to 16 digits.
            assert values[program.outputs[0]] == pytest.approx(replayed[output], rel=1e-12, abs=1e-12)
            for leaf, adjoint in zip(leaves, found, strict=False):
                expected = adjoints.get(leaf, 0)
                assert (adjoint or 0) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_in_complex_numbers_the_imaginary_part_is_the_derivative() -> None:
    x = Value(0.7)
    program = Program.record([(x * x).sin() / x.exp()], [x])
    step = program.evaluate(COMPLEX, [complex(0.7, 1e-200)])[-1]
    assert step.imag / 1e-200 == pytest.approx(
        2 * 0.7 * math.cos(0.49) / math.exp(0.7) - math.sin(0.49) / math.exp(0.7), rel=1e-14
    )


def test_wrong_counts_are_refused() -> None:
    x = Value(3.0)
    program = Program.record([x * x], [x])
    with pytest.raises(DataError, match="got 2 numbers for 1 inputs: give one for each"):
        program.evaluate(FLOAT, [1.0, 2.0])
    with pytest.raises(DataError, match="got 1 values for 2 slots"):
        program.pullback(FLOAT, [1.0], [1.0])
    with pytest.raises(DataError, match="got 0 seeds for 1 outputs"):
        program.pullback(FLOAT, [1.0, 1.0], [])


# ---- a user's own operations, and a rule that is added to the table --------------------------------------------


def test_operations_of_a_users_own_are_rules_like_others() -> None:
    x, y = Value(0.5), Value(2.0)
    output = SQUARE(x) * BUMP(x, y) + LENGTH(x, y)
    output.backward()
    program = Program.record([output], [x, y], share=False)
    assert {SQUARE.rule, BUMP.rule, LENGTH.rule} < set(program.rules)
    values = program.evaluate(FLOAT, [0.5, 2.0])
    assert bits(values[-1:]) == bits([output.data])
    assert bits(program.pullback(FLOAT, values, [1.0], zero=0.0)[:2]) == bits([x.grad, y.grad])
    assert "square_of_floats(x0)" in program.listing()


def test_operations_of_a_users_own_are_shared_and_folded() -> None:
    x, c = Value(0.5), Value(3.0)
    outputs = [SQUARE(x) + SQUARE(x), SQUARE(c) * 2.0 * x + LENGTH(c, 4.0)]
    for flatten in (lowering.lower, lowering.flatten):
        program = Program(("x0",), *flatten(outputs, [x], True))
        assert program.constants == array("d", [18.0, 5.0])
        assert [rule.name for rule in program.rules] == ["square_of_floats", "add", "mul"]
        assert len(program.ops) == 4
    assert columns(Program.record(outputs, [x])) == columns(program)


def test_an_operation_that_raises_when_it_is_folded_raises_its_own_error() -> None:
    allowed = [True]

    def moody(x: Any) -> Any:
        if not allowed:
            raise ZeroDivisionError("not today")
        return x

    node = microgrid.custom(moody, square_slope)(Value(2.0))
    x = Value(1.0)
    allowed.clear()
    with pytest.raises(ZeroDivisionError, match="not today"):
        Program.record([node * x], [x])
    assert len(Program.record([x * x], [x]).ops) == 1  # the engine is as it was


def test_a_rule_that_stands_in_no_table_is_recorded_too() -> None:
    table: dict[str, Rule] = {}

    @rule("c", "{x}^3", REAL, table=table)
    def cubed(m: Any) -> Any:
        return lambda x: x * x * x, lambda out, x: (3.0 * out / x,)

    x = Value(2.0)
    program = Program.record([recorder(table["cubed"])(x) + recorder(table["cubed"])(Value(3.0))], [x])
    assert program.constants == array("d", [27.0])
    values = program.evaluate(FLOAT, [2.0])
    assert program.pullback(FLOAT, values, [1.0])[0] == 12.0


# ---- size -----------------------------------------------------------------------------------------------------


def chain(length: int) -> tuple[Value, Value]:
    x = Value(0.5, name="x")
    y = x
    for _ in range(length // 2):
        y = y * 0.999 + x
    return x, y


@pytest.mark.unmeasured
@pytest.mark.parametrize("count", [MILLION // 5, pytest.param(MILLION, marks=pytest.mark.trials)])
def test_a_long_chain_is_recorded_and_pickled(count: int) -> None:
    x, y = chain(count)
    program = Program.record([y], [x])
    assert (len(program.ops), len(program.constants)) == (count, 1)
    assert columns(pickle.loads(pickle.dumps(program))) == columns(program)


def test_long_chains_are_evaluated_pulled_back_and_listed_without_recursion() -> None:
    x, y = chain(20 * sys.getrecursionlimit())
    y.backward()
    program = Program.record([y], [x], share=False)
    values = program.evaluate(FLOAT, [0.5])
    assert values[-1] == y.data
    assert program.pullback(FLOAT, values, [1.0], zero=0.0)[0] == x.grad
    assert program.listing().count("\n") == len(program.ops) + 1


def test_a_ladder_of_shared_nodes_takes_no_more_nodes_than_it_has() -> None:
    x = Value(1.0)
    y = x
    for _ in range(200):
        y = y + y
    program = Program.record([y], [x])
    assert len(program.ops) == 200
    assert program.pullback(FLOAT, program.evaluate(FLOAT, [1.0]), [1.0])[0] == 2.0**200


def test_recording_millions_of_nodes_graph_by_graph_takes_no_memory(no_collector: None) -> None:
    x, y = chain(2000)
    outputs, inputs = [y, microgrid.sum([y, x])], [x]

    def repeat(times: int) -> None:
        for _ in range(times):
            Program.record(outputs, inputs)

    repeat(20)
    before, count = _resident(), sys.getrefcount(x)
    repeat(30 if microgrid.engine == "python" else 2000)
    assert _resident() - before < 4 * 2**20
    assert sys.getrefcount(x) == count


# ---- words ----------------------------------------------------------------------------------------------------


def test_the_listing_names_every_slot_once() -> None:
    x, t1, c0, odd = Value(0.5, name="x"), Value(2.0, name="t1"), Value(1.0, name="c0"), Value(1.0, name="a b\n# c")
    y = microgrid.dot([x, t1], [odd, odd]) * 2.5
    program = Program.record([y, x, y], [x, t1, c0, odd])
    assert program.listing().splitlines() == [
        "x = input 0  # output 1",
        "t1 = input 1",
        "c0 = input 2  # not used",
        r'"a b\n# c" = input 3',
        "c_0 = 2.5",
        r't_0 = dot([x, t1], ["a b\n# c", "a b\n# c"])',
        "t_1 = mul(t_0, c_0)  # output 0, output 2",
    ]


# ---- copies --------------------------------------------------------------------------------------------------


@pytest.fixture
def program() -> Program:
    x, y = Value(0.5, name="x"), Value(2.0, name="ý \ud800")
    return Program.record([microgrid.dot([x, y], [y, 3.0]) + x.exp() ** 2.0, x, x - math.nan], [x, y])


def test_copies_and_pickles_are_the_same_program(program: Program) -> None:
    for twin in (pickle.loads(pickle.dumps(program)), copy.copy(program), copy.deepcopy(program)):
        assert columns(twin) == columns(program)
    x = Value(0.5)
    own = Program.record([SQUARE(x)], [x])
    assert columns(pickle.loads(pickle.dumps(own))) == columns(own)


def test_program_is_public_and_imported_when_it_is_asked_for() -> None:
    script = "import sys, microgrid; print('microgrid.program' in sys.modules, microgrid.Program.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "Program"]
