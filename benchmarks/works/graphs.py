"""Large scalar graphs: a random one, the same at many points, and chains; what every peer makes of them.

A graph is a list of steps, so that every peer records the same one. The time to the first answer starts at the peer's
own recorded graph and ends with the value and the gradient by all inputs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.registry import Call, Work, adapter, as_it_is, enter
from benchmarks.slotted import Slotted
from benchmarks.works.arrays import bound_casadi, floats, generated_casadi
from benchmarks.works.logistic import ddx_vectors

__all__ = ["CHAIN", "OPERATIONS", "POINTS", "RANDOM", "Graph", "chain", "differentiate", "random_graph", "trace"]

Step = tuple[str, int, int]
"""A rule and the places of its two operands: the inputs come first, then the steps in order."""

Function = Callable[[Any], Any]

FORMULAS: dict[str, Callable[[Function, Function, Any, Any], Any]] = {
    "add": lambda _exp, _log, a, b: a + b,
    "mean": lambda _exp, _log, a, b: (a + b) * 0.5,
    "mul": lambda _exp, _log, a, b: a * b,
    "div": lambda _exp, _log, a, b: a / (b + 2.0),
    "exp": lambda exp, _log, a, _b: exp(-a),
    "log": lambda _exp, log, a, _b: log(a + 2.0),
}
"""What the rules compute, in any peer's numbers."""

OPERATIONS = {"add": 1, "mean": 2, "mul": 1, "div": 2, "exp": 2, "log": 2}
"""How many operations each formula takes."""

UNARY = ("exp", "log")
DRAWN = ("mean", "mul", "mean", "mul", "exp", "log", "div")
INPUTS, REACH = 20, 200
DRAWS = {12_700: 11_072}
"""How many steps are drawn for so many operations that the last one depends on."""

POINT_COUNT = 1_024
SLOPE, SHIFT = 0.999, 0.001


@dataclass(frozen=True)
class Graph:
    """A graph and where it is evaluated."""

    steps: list[Step]  # in order; the last one is the value
    point: Any  # a number for each input; or for each input its numbers at many points

    @property
    def operations(self) -> int:
        """The operations of all steps at all points."""
        points = int(self.point.size) // len(self.point)
        return points * sum(OPERATIONS[rule] for rule, _, _ in self.steps)


def random_graph(draws: int) -> Graph:
    """A random graph of 20 inputs, whose steps take their operands from the last 200 places before them."""
    chance = random.Random(0)
    steps: list[Step] = []
    for here in range(INPUTS, INPUTS + draws):
        rule, first = chance.choice(DRAWN), max(0, here - REACH)
        steps.append((rule, chance.randrange(first, here), chance.randrange(first, here)))
    return Graph(_needed(steps), 0.1 * np.arange(INPUTS) + 0.2)


def _operands(step: Step) -> tuple[int, ...]:
    rule, a, b = step
    return (a,) if rule in UNARY else (a, b)


def _needed(steps: list[Step]) -> list[Step]:
    """The steps that the last one depends on, in new places."""
    needed = {INPUTS + len(steps) - 1}
    for place in range(INPUTS + len(steps) - 1, INPUTS - 1, -1):
        if place in needed:
            needed.update(_operands(steps[place - INPUTS]))
    places = {place: place for place in range(INPUTS)}
    kept: list[Step] = []
    for place, step in enumerate(steps, INPUTS):
        if place in needed:
            places[place] = INPUTS + len(kept)
            operands = [places[operand] for operand in _operands(step)]
            kept.append((step[0], operands[0], operands[-1]))
    return kept


def chain(operations: int) -> Graph:
    """Products and sums in turn, each of the last one and an input: as deep as it is long."""
    steps: list[Step] = []
    for last in range(2, operations + 2, 2):
        steps += [("mul", last if steps else 0, 1), ("add", last + 1, 2)]
    return Graph(steps, np.array([0.5, SLOPE, SHIFT]))


def trace(graph: Graph, inputs: Sequence[Any], exp: Function, log: Function) -> Any:
    """Compute the graph's value in a peer's numbers."""
    return _numbers(graph, inputs, exp, log)[-1]


def _numbers(graph: Graph, inputs: Sequence[Any], exp: Function, log: Function) -> list[Any]:
    numbers = list(inputs)
    for rule, a, b in graph.steps:
        numbers.append(FORMULAS[rule](exp, log, numbers[a], numbers[b]))
    return numbers


def differentiate(graph: Graph) -> list[float]:
    """The value and the derivatives by each input, by loops over floats, or over arrays where there are many points."""
    on_arrays = graph.point.ndim > 1
    inputs = list(graph.point) if on_arrays else graph.point.tolist()
    numbers = _numbers(graph, inputs, *((np.exp, np.log) if on_arrays else (math.exp, math.log)))
    adjoints: list[Any] = [0.0] * len(numbers)
    adjoints[-1] = 1.0
    for place in range(len(numbers) - 1, len(inputs) - 1, -1):
        rule, a, b = graph.steps[place - len(inputs)]
        by_a, by_b = _partials(rule, numbers[a], numbers[b], numbers[place])
        adjoints[a] = adjoints[a] + by_a * adjoints[place]
        if rule not in UNARY:
            adjoints[b] = adjoints[b] + by_b * adjoints[place]
    unused = np.zeros(graph.point.shape[1:])  # for an input that nothing depends on
    return floats(numbers[-1], *[unused + adjoint for adjoint in adjoints[: len(inputs)]])


def _partials(rule: str, a: Any, b: Any, out: Any) -> tuple[Any, Any]:
    """The derivatives of a rule's formula."""
    match rule:
        case "add":
            return 1.0, 1.0
        case "mean":
            return 0.5, 0.5
        case "mul":
            return b, a
        case "div":
            return 1.0 / (b + 2.0), -out / (b + 2.0)
        case "exp":
            return -out, 0.0
    return 1.0 / (a + 2.0), 0.0


def _drawn(operations: int) -> Graph:
    return random_graph(DRAWS.get(operations, operations))


def _at_many_points(operations: int) -> Graph:
    graph = _drawn(operations)
    return Graph(graph.steps, graph.point[:, None] * np.linspace(0.5, 1.5, POINT_COUNT))


RANDOM = enter(
    Work(
        "random graph",
        problem=_drawn,
        reference=differentiate,
        operations=lambda graph: graph.operations,
        sizes=(12_700,),
        rehearsal=1_000,
    )
)
POINTS = enter(
    Work(
        f"at {POINT_COUNT:,} points, graph",
        problem=_at_many_points,
        reference=differentiate,
        operations=lambda graph: graph.operations,
        sizes=(12_700,),
        rehearsal=1_000,
    )
)
CHAIN = enter(
    Work(
        "compiled chain",
        problem=chain,
        reference=differentiate,
        operations=lambda graph: graph.operations,
        sizes=(1_000, 10_000, 100_000, 1_000_000),
        rehearsal=1_000,
        setting="chain",
    )
)


# ---- peers ----------------------------------------------------------------------------------------------------


@adapter(peers.SLOTTED, RANDOM, CHAIN)
def _slotted(graph: Graph) -> Call:
    """Recorded anew at each call: it has nothing else."""
    leaves: list[Slotted] = []
    values: list[float] = []

    def call() -> None:
        leaves[:] = map(Slotted, graph.point.tolist())
        root = trace(graph, leaves, Slotted.exp, Slotted.log)
        root.backward()
        values[:] = [root.data]

    return Call(call, lambda: [*values, *[leaf.grad for leaf in leaves]])


@dataclass(frozen=True)
class Recorded:
    """A peer's own graph."""

    graph: Graph
    inputs: Any
    value: Any


def _ddx_record(graph: Graph) -> Recorded:
    import ddx

    @ddx.equation  # type: ignore[untyped-decorator, unused-ignore]
    def value() -> Any:
        inputs = [ddx.var(f"x{place}") for place in range(len(graph.point))]
        return trace(graph, inputs, ddx.exp, ddx.log)

    return Recorded(graph, None, value)


def _ddx(recorded: Recorded, **options: Any) -> Call:
    """With its interpreter, unless there are options for its compiler."""
    equation = recorded.value.compile(**options) if options else recorded.value
    bound = equation.buffer(recorded.graph.point.copy())
    return Call(bound, lambda: floats(bound.value, bound.jacobian))


@adapter(peers.DDX_INTERPRETER, RANDOM, CHAIN, record=_ddx_record)
def _ddx_interpreter(recorded: Recorded) -> Call:
    return _ddx(recorded)


def _ddx_compiled(level: str, recorded: Recorded) -> Call:
    import ddx

    chosen = getattr(ddx.OptLevel, level)
    return _ddx(recorded, opt_level=chosen, codegen_level=chosen)


for _name, _level, _slow in ((peers.DDX_O0, "O0", False), (peers.DDX_O1, "O1", True)):
    adapter(_name, RANDOM, record=_ddx_record, slow=_slow)(partial(_ddx_compiled, _level))


@adapter(peers.DDX, POINTS, record=_ddx_record)
def _ddx_at_points(recorded: Recorded) -> Call:
    """As its documentation has it, with a vector library where there is one."""
    return _ddx(recorded, points=POINT_COUNT, veclib=ddx_vectors())


def _casadi_record(graph: Graph) -> Recorded:
    import casadi

    x = casadi.SX.sym("x", len(graph.point))
    inputs = [x[place] for place in range(len(graph.point))]
    return Recorded(graph, x, trace(graph, inputs, casadi.exp, casadi.log))


def _casadi(finish: Callable[[Any], Any], recorded: Recorded) -> Call:
    import casadi

    gradient = casadi.gradient(recorded.value, recorded.inputs)
    function = finish(casadi.Function("graph", [recorded.inputs], [recorded.value, gradient]))
    results = [np.empty(1), np.empty(len(recorded.graph.point))]
    return Call(bound_casadi(function, [recorded.graph.point.copy()], results), lambda: floats(*results))


adapter(peers.CASADI_VM, RANDOM, CHAIN, record=_casadi_record)(partial(_casadi, as_it_is))
for _name, _flag, _slow in ((peers.CASADI_O0, "-O0", False), (peers.CASADI, "-O3", True)):
    _finish = partial(generated_casadi, flags=(_flag,))
    adapter(_name, RANDOM, record=_casadi_record, slow=_slow)(partial(_casadi, _finish))


def _heyoka_record(graph: Graph) -> Recorded:
    import heyoka

    inputs = heyoka.make_vars(*[f"x{place:02}" for place in range(len(graph.point))])
    return Recorded(graph, inputs, trace(graph, inputs, heyoka.exp, heyoka.log))


def _heyoka(compact: bool, recorded: Recorded) -> Call:
    """At one point, or at as many as there are: its code takes them in batches, here on one thread.

    The compact mode is what its documentation advises for large expressions: a function for each kind of operation.
    """
    import heyoka

    heyoka.set_nthreads(1)
    gradient = heyoka.diff_tensors([recorded.value], diff_args=recorded.inputs).gradient
    function = heyoka.cfunc([recorded.value, *gradient], vars=recorded.inputs, compact_mode=compact)
    points = np.ascontiguousarray(recorded.graph.point)
    results = np.empty((len(points) + 1, *points.shape[1:]))
    return Call(lambda: function(points, outputs=results), lambda: floats(results))


for _name, _compact in ((peers.HEYOKA, False), (peers.HEYOKA_COMPACT, True)):
    adapter(_name, RANDOM, POINTS, record=_heyoka_record, slow=True)(partial(_heyoka, _compact))
