"""Random graphs over the whole rule table, the same in every process; run as a script, a digest of what they become."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import microgrid
from microgrid import MicrogridError, Value, strict
from microgrid.core.engine import recorder
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import topological_order
from microgrid.core.rules import RULES

AWKWARD = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 37.0, -745.0, 1e308, -1e-308, 5e-324, float("inf"), float("nan"))


def random_graph(seed: int, operations: int = 12) -> tuple[list[Value], Value]:
    """Leaves and the output of a graph of mixed operations, on everyday and on awkward numbers.

    Parameters
    ----------
    seed : int
        Which graph.
    operations : int
        How many nodes it has besides leaves.

    Returns
    -------
    tuple
        The leaves and the output, which depends on the last operation.
    """
    draw = random.Random(seed)
    awkward = draw.random() < 0.25
    leaves = [Value(_number(draw, awkward=awkward), name=f"x{index}") for index in range(draw.randint(1, 4))]
    nodes = list(leaves)
    for _ in range(operations):
        nodes.append(_operation(draw, nodes, awkward=awkward))
    return leaves, microgrid.sum([*draw.sample(nodes, min(3, len(nodes))), nodes[-1]])


def _number(draw: random.Random, *, awkward: bool) -> float:
    return draw.choice(AWKWARD) if awkward and draw.random() < 0.4 else draw.uniform(-2.0, 2.0)


def _operation(draw: random.Random, nodes: list[Value], *, awkward: bool) -> Value:
    rule = RULES[draw.choice(list(FUNCTIONS))]
    function = FUNCTIONS[rule.name]

    def operand() -> Any:
        return draw.choice(nodes) if draw.random() < 0.8 else _number(draw, awkward=awkward)

    if rule.arity is None:
        length = draw.randint(1, 5)
        result = function(*[[operand() for _ in range(length)] for _ in rule.regions])
    else:
        result = function(*[operand() for _ in range(rule.arity)])
    return result if isinstance(result, Value) else draw.choice(nodes) * result


def regular_graphs(count: int, operations: int = 8) -> Iterator[tuple[list[Value], Value]]:
    """Random graphs at regular points: every number is finite and of everyday size, and none sits beside a kink.

    Parameters
    ----------
    count : int
        How many.
    operations : int
        How many nodes each has besides leaves.

    Yields
    ------
    tuple
        The leaves and the output.
    """
    found = 0
    for seed in range(30_000, 40_000):
        leaves, output = random_graph(seed, operations)
        order = topological_order(output)
        numbers = [x for node in order for x in (node.data, *node.partials)]
        is_tiny = any(0.0 < abs(leaf.data) <= 1e-9 for leaf in leaves)
        if not is_tiny and all(abs(x) < 1e3 for x in numbers) and not any(beside_kink(node) for node in order):
            yield leaves, output
            found += 1
            if found == count:
                return


def every_operation(cases: Iterable[tuple[list[Value], Value]]) -> list[tuple[list[Value], Value]]:
    """Few of the graphs that have, together, every operation that any of them has.

    Parameters
    ----------
    cases : iterable of tuple
        Leaves and output of each graph.

    Returns
    -------
    list of tuple
        Each time the one that has most operations which those before it have not.
    """
    rest = [(case, {node.op for node in topological_order(case[1])}) for case in cases]
    chosen, seen = [], set[Any]()
    while rest:
        case, operations = max(rest, key=lambda pair: len(pair[1] - seen))
        chosen.append(case)
        seen |= operations
        rest = [pair for pair in rest if pair[1] - seen]
    return chosen


def beside_kink(node: Value) -> bool:
    """Whether the node's operands lie on a kink of its rule or a jump's, or near one."""
    if node.op is None:
        return False
    if node.op.name == "hypot":  # its kink is where both operands are 0
        return max(abs(parent.data) for parent in node.parents) < 1e-3
    gaps = {abs(x.data - y.data) for x, y in itertools.pairwise(node.parents)} | {abs(x.data) for x in node.parents}
    return bool(node.op.kinks) and any(gap < 1e-3 for gap in gaps if node.op.name not in ("pow", "power"))


def as_function(leaves: Sequence[Value], output: Value) -> Callable[[Sequence[Any]], Any]:
    """A recorded graph as a function of a list of numbers, which records it anew.

    Parameters
    ----------
    leaves : sequence of Value
        What becomes the arguments.
    output : Value
        What the function returns.
    """

    def function(numbers: Sequence[Any]) -> Any:
        values: dict[Value, Any] = dict(zip(leaves, numbers, strict=True))
        for node in topological_order(output):
            if node not in values:
                operands = [values[parent] for parent in node.parents]
                values[node] = node if node.op is None else recorder(node.op)(*operands)
        return values[output]

    return function


def facts(seed: int) -> Iterator[str]:
    """What a graph becomes: every number of it bit for bit, what strict says of it, and sometimes its drawing."""
    leaves, output = random_graph(seed)
    output.backward()
    for node in topological_order(output):
        numbers = (node.data, node.grad, *node.partials)
        yield f"{node.op} {struct.pack(f'{len(numbers)}d', *[_canonical(number) for number in numbers]).hex()}"
    yield repr(leaves)
    try:
        with strict():
            random_graph(seed)[1].backward()
    except MicrogridError as error:
        yield f"{type(error).__name__}: {error}"
    if seed % 40 == 0:
        yield microgrid.draw(output).dot


def _canonical(number: float) -> float:
    """A nan's sign and payload mean nothing and depend on the compiler."""
    return number if number == number else float("nan")


def digests(start: int, stop: int) -> list[str]:
    """One digest per graph.

    Parameters
    ----------
    start, stop : int
        The seeds.

    Returns
    -------
    list of str
        Hexadecimal.
    """
    return [hashlib.sha256("\n".join(facts(seed)).encode()).hexdigest()[:16] for seed in range(start, stop)]


if __name__ == "__main__":
    print(json.dumps({"engine": microgrid.engine, "digests": digests(int(sys.argv[1]), int(sys.argv[2]))}))
