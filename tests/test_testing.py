"""The Hypothesis strategies, and what random expressions show of the engine and of its gradient checker."""

from __future__ import annotations

import copy
import math
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st

import microgrid
from benchmarks.planted_faults import FAULTS, faulty, is_visible
from microgrid import DataError, FormulaError, Interval, MissingPackageError, Value, check_gradients
from microgrid.calculus.forward import pushforward
from microgrid.checking import Verdict
from microgrid.core.engine import recorder
from microgrid.core.graph import pullback, topological_order
from microgrid.core.rules import RULES
from microgrid.formulas.parse import parse
from microgrid.testing import Expression, Graph, expressions, graphs, points

pytest_plugins = ["pytester"]

# Where the variable CI is set, Hypothesis takes its chance from elsewhere, unless it is told not to.
QUICK = settings(
    max_examples=30, database=None, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck)
)
SMALLEST = settings(max_examples=4000, database=None, deadline=None, derandomize=False)
EVERYDAY, SMOOTH, AWKWARD = expressions(), expressions(smooth=True), expressions(awkward=True)
KINKED = {"abs", "relu", "hypot", "maximum", "minimum", "clip", "less", "less_equal", "equal", "where", "cbrt"}
KINKED |= {"amax", "amin", "sign", "copysign", "floor", "ceil", "trunc", "rint", "fmod", "mod", "floordiv", "polygamma"}


@cache
def drawn(strategy: st.SearchStrategy[Any], count: int = 200, chance: int = 1) -> list[Any]:
    """What a strategy gives, in every run the same."""
    found: list[Any] = []

    @seed(chance)
    @settings(QUICK, max_examples=count, phases=[Phase.generate])
    @given(strategy)
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    return found


def smallest(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool], chance: int = 1) -> Any:
    return find(strategy, condition, settings=SMALLEST, random=random.Random(chance))


# ---- expressions ------------------------------------------------------------------------------------------------


def test_an_expression_is_called_with_values_floats_and_arrays() -> None:
    expression = Expression("t1 = exp(x); t1 * y + t1", x=0.0, y=2.0)
    assert expression.inputs == ("x", "y")
    assert expression.point == {"x": 0.0, "y": 2.0}
    assert expression(0.0, 2.0) == expression(**expression.point) == expression(0.0, y=2.0) == 3.0
    x, y = Value(0.0), Value(2.0)
    expression(x, y).backward()
    assert (x.grad, y.grad) == (3.0, 1.0)
    assert isinstance(expression(0.0, Value(2.0)), Value)
    numbers = expression(numpy.zeros((2, 1)), numpy.array([1.0, 2.0, 3.0]))
    assert numbers.dtype == float
    assert numbers.tolist() == [[2.0, 3.0, 4.0]] * 2
    values = expression(numpy.array([x, Value(1.0)]), 2.0)
    assert values.dtype == object
    assert values[0].data == 3.0
    assert expression(numpy.float64(0.0), numpy.array(2.0)) == 3.0


def test_an_expression_refuses_other_arguments() -> None:
    expression = Expression("x * y", x=1.0, y=2.0)
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        expression(1.0)
    with pytest.raises(TypeError, match="multiple values for argument 'x'"):
        expression(1.0, x=2.0)
    with pytest.raises(FormulaError, match="no number is given for y"):
        Expression("x * y", x=1.0)
    with pytest.raises(FormulaError, match="does not occur in the formula"):
        Expression("x", x=1.0, y=2.0)


def test_an_expression_is_its_formula_and_its_point() -> None:
    expression = Expression("x * y", x=1, y=-0.0)
    assert str(expression) == expression.formula == "x * y"
    assert repr(expression) == "Expression('x * y', x=1.0, y=-0.0)"
    same = Expression("x * y", y=-0.0, x=1)
    assert (expression == same, hash(expression) == hash(same)) == (True, True)
    assert expression != Expression("x * y", x=1.0, y=0.0)  # another zero
    assert expression != "x * y"
    assert repr(Expression("x", x=math.nan)) == "Expression('x', x=float('nan'))"
    for twin in (pickle.loads(pickle.dumps(expression)), copy.deepcopy(expression)):
        assert twin == expression
        assert twin(2.0, 3.0) == 6.0


def test_a_check_names_an_expressions_derivatives() -> None:
    expression = Expression("x * y", x=1.0, y=2.0)
    for at in (expression.point, (1.0, 2.0)):
        report = check_gradients(expression, at)
        assert {judgement.name for judgement in report.judgements} == {"df/dx", "df/dy"}


def test_what_is_shown_can_be_pasted() -> None:
    for expression in drawn(AWKWARD):
        assert eval(repr(expression)) == expression
        assert eval(repr(expression.record())).expression == expression
        assert parse(str(expression)).inputs == expression.inputs


@given(expressions(awkward=True))
@settings(QUICK)
def test_floats_arrays_and_values_have_the_same_bits(expression: Expression) -> None:
    numbers = list(expression.point.values())
    plain = expression(*numbers)
    recorded = expression(*map(Value, numbers)).data
    listed = expression(*[numpy.array([number, number]) for number in numbers])[1]
    graph = expression.record()
    for other in (recorded, listed, graph.output.data):
        assert plain == other or (math.isnan(plain) and math.isnan(other))


# ---- what is drawn ------------------------------------------------------------------------------------------------


def _operands_lie_inside(output: Value) -> bool:
    for node in topological_order(output):
        if node.op is None:
            continue
        length = len(node.parents) // len(node.op.regions)
        regions = [region for region in node.op.regions for _ in range(length)]
        if not all(
            region.low < parent.data < region.high for region, parent in zip(regions, node.parents, strict=True)
        ):
            return False
    return True


@pytest.mark.unmeasured
def test_every_operation_is_drawn_and_every_operand_lies_inside_its_region() -> None:
    found, missing = list[Expression](), set(RULES)
    for chance in range(1, 31):  # a draw resembles those before it, so that some operations are rare after one seed
        latest = drawn(EVERYDAY, 100, chance)
        found += latest
        missing -= {name for expression in latest for name in expression.operations}
        if not missing:
            break
    assert not missing
    sizes = Counter([len(expression.operations) for expression in found])
    assert set(sizes) >= set(range(1, 7))
    assert sum([count for size, count in sizes.items() if size >= 3]) > len(found) // 3
    assert {len(expression.inputs) for expression in found} == {1, 2, 3, 4}
    for expression in found:
        assert _operands_lie_inside(expression.record().output)
        assert math.isfinite(expression(**expression.point))


@pytest.mark.unmeasured
def test_awkward_numbers_are_drawn_if_they_are_asked_for() -> None:
    kinds: list[Callable[[float], bool]] = [
        math.isinf,
        math.isnan,
        lambda x: math.isfinite(x) and abs(x) >= 1e200,
        lambda x: 0.0 < abs(x) < 1e-300,
        lambda x: x == 0.0 and math.copysign(1.0, x) < 0.0,
    ]
    for kind in kinds:

        def has_one(expression: Expression, kind: Callable[[float], bool] = kind) -> bool:
            return any(map(kind, expression.point.values()))

        assert has_one(smallest(expressions(operations=["add", "exp"], awkward=True), has_one))
    assert not all([_operands_lie_inside(expression.record().output) for expression in drawn(AWKWARD)])


@pytest.mark.unmeasured
def test_smooth_expressions_have_no_kinks() -> None:
    assert not {name for expression in drawn(SMOOTH) for name in expression.operations} & KINKED
    for name in RULES:
        if name in KINKED:
            with pytest.raises(DataError, match="none of those named is smooth"):
                expressions(operations=[name], smooth=True)
        else:
            assert drawn(expressions(operations=[name], smooth=True), 1)


@pytest.mark.unmeasured
def test_the_options_are_kept() -> None:
    for expression in drawn(expressions(operations=["mul", "sin", "power"], max_operations=3, max_inputs=1), 60):
        assert set(expression.operations) <= {"mul", "sin", "power"}
        assert len(expression.operations) <= 3
        assert expression.inputs == ("x",)
    for expression in drawn(expressions(operations=["neg", "log"], max_inputs=1), 60):  # a negative x doesn't fit log
        assert expression.inputs == ("x",)
    many = drawn(expressions(operations=["dot"], max_inputs=9))
    assert any([expression.inputs == ("x", "y", "z", "u", "v", "w", "x7") for expression in many])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_operations": 0}, "max_operations is a whole number from 1, not 0"),
        ({"max_inputs": True}, "max_inputs is a whole number from 1, not True"),
        ({"operations": ["expp"]}, r"there is no rule 'expp' in the table \(did you mean 'exp'\?\); there are add, "),
        ({"operations": ["zzz"]}, "there is no rule 'zzz' in the table; there are add, "),
        ({"operations": []}, "no operation is left to draw from$"),
        ({"operations": ["abs"], "smooth": True}, "no operation is left to draw from: none of those named is smooth"),
    ],
)
def test_options_without_a_meaning_are_told(options: Any, message: str) -> None:
    for strategy in (expressions, graphs):
        with pytest.raises(DataError, match=message):
            strategy(**options)


def test_graphs_are_recorded_expressions() -> None:
    for graph in drawn(graphs(), 50):
        assert isinstance(graph, Graph)
        assert isinstance(graph.output, Value)
        assert tuple(graph.leaves) == graph.expression.inputs
        order = topological_order(graph.output)
        assert all([leaf in order and leaf.name == name for name, leaf in graph.leaves.items()])
        assert graph.output.data == graph.expression(**graph.expression.point)
        assert repr(graph) == f"{graph.expression!r}.record()"


# ---- shrinking --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("exp", "Expression('exp(x)', x=0.0)"),
        ("power", "Expression('x ** 0.0', x=1.0)"),
        ("less", "Expression('x < x', x=0.0)"),
    ],
)
def test_the_smallest_expression_with_an_operation_has_only_that(name: str, found: str) -> None:
    def has(expression: Expression) -> bool:
        return name in expression.operations

    # What Hypothesis finds depends on chance and on its version, and once in a while it misses the smallest.
    small = expressions(max_operations=4)
    assert any(repr(smallest(small, has, chance)) == found for chance in range(2))


def test_other_examples_shrink_as_well() -> None:
    both = smallest(expressions(operations=["exp", "sin", "mul"]), lambda e: {"exp", "sin"} <= set(e.operations))
    assert len(both.operations) <= 3
    shared = smallest(expressions(operations=["mul", "tanh"]), lambda e: ";" in e.formula)
    assert len(shared.operations) <= 3
    graph = smallest(graphs(operations=["mul", "add"]), lambda graph: len(graph.leaves) == 2)
    assert len(graph.expression.operations) == 1


def test_a_failing_test_shows_what_can_be_pasted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from hypothesis import given, seed, settings
        from microgrid.testing import expressions, graphs

        @seed(1)
        @settings(database=None)
        @given(expressions(operations=["exp", "mul"]))
        def test_expression(expression):
            assert "exp" not in expression.operations

        @seed(1)
        @settings(database=None)
        @given(graphs(operations=["exp"]))
        def test_graph(graph):
            assert not graph.leaves
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*expression=Expression('exp(x)', x=0.0)*", "*graph=Expression('exp(x)', x=0.0).record()*"]
    )


# ---- points -----------------------------------------------------------------------------------------------------


def test_points_are_arranged_as_they_are_asked_for() -> None:
    one, unit = Interval(-1, 1), Interval(0.5, 1)
    for number in drawn(points(unit), 20):
        assert 0.5 <= number <= 1
    for x, (y, z), fixed in drawn(points((unit, [one, unit], 3)), 20):
        assert 0.5 <= x <= 1
        assert -1 <= y <= 1
        assert 0.5 <= z <= 1
        assert fixed == 3.0
    for point in drawn(points({"w": numpy.array([unit, unit]), "name": "linear"}), 20):
        assert point["w"].shape == (2,)
        assert point["w"].min() >= 0.5
        assert point["name"] == "linear"
    for point in drawn(points(x=one, y=2.0), 20):
        assert list(point) == ["x", "y"]
        assert point["y"] == 2.0


def test_points_keep_to_their_interval() -> None:
    numbers = drawn(points(Interval(-2, 3)))
    assert len(set(numbers)) > 50
    assert min(numbers) >= -2
    assert max(numbers) <= 3
    assert 0.0 in numbers
    assert min([abs(number) for number in numbers if number]) >= 3e-6  # smaller ones are drawn as 0
    for low, high in ((1e-9, 1e9), (-1e9, -1e-9)):
        sizes = sorted([abs(number) for number in drawn(points(Interval(low, high, "log")))])
        assert 1e-9 <= sizes[0] < 1e-6
        assert 1e6 < sizes[-1] <= 1e9
    assert min(drawn(points(Interval(0, 1)))) == 0.0
    assert smallest(points(x=Interval(-3, 3)), lambda point: "x" in point) == {"x": 0.0}


def test_points_of_a_rule_lie_inside_its_regions_or_in_their_tails() -> None:
    for x, y in drawn(points("atan2"), 100):
        assert -3 < x < 3
        assert 0.1 < y < 4
    for operands in drawn(points(RULES["dot"]), 100):
        assert len(operands) % 2 == 0
        assert all([-3 < x < 3 for x in operands])
    (region,) = RULES["log"].regions
    extreme = {x for (x,) in drawn(points("log", tails=True)) if not region.low < x < region.high}
    assert extreme
    assert extreme <= set(region.tails)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: points(), r"from one argument or from named ones, such as points\(x=Interval\(-1, 1\)\)"),
        (lambda: points(Interval(0, 1), x=Interval(0, 1)), "from one argument or from named ones"),
        (lambda: points((1.0, 2.0)), r"there is no Interval in \(1.0, 2.0\) to draw from"),
        (lambda: points(Interval(0, 1), tails=True), "tails=True is for a rule of the table"),
        (lambda: points("sine"), "there is no rule 'sine' in the table"),
    ],
)
def test_points_of_nothing_are_told(make: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()


def test_without_hypothesis_an_expression_can_be_pasted_and_a_strategy_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert Expression("exp(x)", x=0.0).record().output.data == 1.0
    for make in (lambda: points(Interval(0, 1)), expressions, graphs):
        with pytest.raises(MissingPackageError, match=r"pip install 'microgrid-autodiff\[testing\]'"):
            make()


# ---- what they show -----------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_random_smooth_expressions_are_never_called_wrong() -> None:
    verdicts = Counter[Verdict]()
    orders: dict[int, Any] = {1: drawn(SMOOTH)[::2], 2: drawn(SMOOTH)[::16]}
    for order, found in orders.items():
        for expression in found:
            report = check_gradients(expression, expression.point, order=order)  # type: ignore[arg-type]
            # A second derivative that is 0, such as that of log1p(expm1(x)), is only rounding in every reference.
            is_0 = order == 2 and report.worst is not None and abs(report.worst.got) + report.worst.bound < 1e-13
            expected = (Verdict.RIGHT, Verdict.ROUNDED, *[Verdict.NOISY] * is_0)
            assert report.verdict in expected, f"{expression!r}\n{report}"
            verdicts[report.verdict] += 1
    print(dict(verdicts))
    assert verdicts[Verdict.RIGHT] > 0.95 * verdicts.total()


@pytest.mark.unmeasured
def test_random_expressions_with_kinks_and_awkward_numbers_are_never_called_wrong() -> None:
    verdicts = Counter[Verdict]()
    kinked = expressions(operations=["abs", "floor", "maximum"], awkward=True)
    for expression in drawn(EVERYDAY, 100)[::3] + drawn(AWKWARD, 100)[::3] + drawn(kinked, 30):
        report = check_gradients(expression, expression.point)
        assert report.verdict is not Verdict.WRONG, f"{expression!r}\n{report}"
        verdicts[report.verdict] += 1
    print(dict(verdicts))
    assert {Verdict.RIGHT, Verdict.KINK, Verdict.NON_FINITE} <= set(verdicts)


@given(graphs())
@settings(QUICK)
def test_forward_mode_is_reverse_mode(graph: Graph) -> None:
    graph.output.backward()
    sizes = pullback(graph.output, lambda node: [abs(partial) for partial in node.partials])
    for leaf in graph.leaves.values():
        tangent = pushforward(graph.output, {leaf: 1.0})[graph.output]
        assert abs(tangent - leaf.grad) <= 1e-13 * sizes[leaf]


@given(graphs(awkward=True))
@settings(QUICK)
def test_a_pickled_graph_has_the_same_gradient(graph: Graph) -> None:
    output, leaves = pickle.loads(pickle.dumps((graph.output, graph.leaves)))
    graph.output.backward()
    output.backward()
    for name, leaf in graph.leaves.items():
        assert leaves[name].grad == leaf.grad or math.isnan(leaf.grad)


def _with_fault(expression: Expression, name: str, spoilt: Any) -> Callable[..., Value]:
    """The expression recorded with a spoilt rule in place of one of the table."""

    def f(**leaves: Value) -> Value:
        made: dict[Value, Value] = {}
        output = expression(**leaves)
        for node in topological_order(output):
            if node.op is None:
                made[node] = node
            else:
                rule = spoilt if node.op.name == name else node.op
                made[node] = recorder(rule)(*[made[parent] for parent in node.parents])
        return made[output]

    return f


@given(expressions(smooth=True, max_operations=6), st.sampled_from(sorted(FAULTS)), st.data())
@settings(QUICK)
@pytest.mark.unmeasured
def test_a_wrong_rule_inside_of_a_random_expression_is_found_and_blamed(
    expression: Expression, fault: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(expression.operations))
    spoilt = faulty(RULES[name], fault, 0)
    nodes = [node for node in topological_order(expression.record().output) if node.op is RULES[name]]
    visible = any([is_visible(RULES[name], fault, 0, [parent.data for parent in node.parents]) for node in nodes])
    report = check_gradients(_with_fault(expression, name, spoilt), expression.point)
    if not visible:
        return
    assert report.verdict is Verdict.WRONG, f"{fault} in {name} of {expression!r}\n{report}"
    assert report.blame is not None
    assert report.blame.kind == "local derivative"
    assert report.blame.node.op is spoilt


def test_an_operation_added_to_the_table_is_drawn(tmp_path: Path) -> None:
    package = Path(microgrid.__file__).parent
    shutil.copytree(package, tmp_path / "microgrid", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "microgrid" / "core" / "rules.py").open("a", encoding="utf-8") as table:
        table.write(
            '\n\n@rule("hump", "e^{{-{x}^2}}", REAL)\ndef hump(m: Any) -> Pair:\n'
            "    return lambda x: m.exp(-x * x), lambda out, x: (x * out * -2.0,)\n"
        )
    script = (
        "import random; from hypothesis import find, settings; from microgrid.testing import expressions; "
        "options = settings(max_examples=4000, database=None, deadline=None, derandomize=False); "
        "found = find(expressions(), lambda e: 'hump' in e.operations, settings=options, random=random.Random(1)); "
        "print(repr(found))"
    )
    environment = os.environ | {"MICROGRID_ENGINE": "python"}  # the native engine is built from the table
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "Expression('hump(x)', x=0.0)\n"
