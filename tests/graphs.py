"""Random graphs over the whole rule table, the same in every process; run as a script, a digest of what they become."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import sys
from collections.abc import Iterator
from typing import Any

import microgrid
from microgrid import MicrogridError, Value, strict
from microgrid.graph import topological_order
from microgrid.rules import RULES
from microgrid.value import FUNCTIONS

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
