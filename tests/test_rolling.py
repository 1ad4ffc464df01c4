"""A sum over samples is found in a recorded graph, whatever stands around it, and gives the same numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import microgrid
from microgrid import Program, Value, compile, dot, exp, sigmoid, softplus  # noqa: A004  # microgrid's own is meant
from microgrid.compiler.reroll import roll
from microgrid.core.arithmetic import FLOAT

DRAW = random.Random(6)
SAMPLES = [([DRAW.gauss(0.0, 1.0) for _ in range(4)], float(DRAW.random() < 0.5)) for _ in range(120)]


def weights() -> list[Value]:
    return [Value(0.3 * place - 0.5, name=f"w{place}") for place in range(4)]


def losses(w: list[Value], extra: Any = 0.25) -> list[Value]:
    found = []
    for x, y in SAMPLES:
        z = dot(w, x) + extra
        found.append(softplus(z) - y * z)
    return found


COUNTED = [([float(DRAW.randrange(3)) for _ in range(4)], float(DRAW.random() < 0.5)) for _ in range(300)]


def counted_losses(w: list[Value]) -> list[Value]:
    """Those of samples with many numbers in common, and of some samples that stand there several times."""
    found = []
    for x, y in COUNTED:
        z = sum([weight * number for weight, number in zip(w, x, strict=True)], Value(0.25))
        found.append(softplus(z) - y * z)
    return found


FORMS: dict[str, Callable[[list[Value]], Value]] = {
    "one sum": lambda w: microgrid.sum(losses(w)) / len(SAMPLES),
    "a sum alone": lambda w: microgrid.sum(losses(w)),
    "a chain of additions": lambda w: sum(losses(w), Value(0.0)) * 0.01,
    "added in pairs": lambda w: microgrid.sum([a + b for a, b in zip(losses(w)[::2], losses(w)[1::2], strict=True)]),
    "a sum of sums": lambda w: microgrid.sum(losses(w)[:60]) + microgrid.sum(losses(w)[60:]),
    "with a penalty": lambda w: -microgrid.sum(losses(w)) + 0.5 * microgrid.sum([v * v for v in w]),
    "with terms of another kind": lambda w: microgrid.sum([*losses(w), *[exp(v) for v in w], w[0]]),
    "of what samples share": lambda w: microgrid.sum(losses(w, sigmoid(w[0]) * w[1])) * sigmoid(w[0]),
    "inside a function": lambda w: microgrid.log(microgrid.sum(losses(w)) + 1.0) * w[2],
    "of samples with numbers in common": lambda w: microgrid.sum(counted_losses(w)) / len(COUNTED),
    "two sums": lambda w: microgrid.sum(losses(w)) * microgrid.sum([exp(w[0] * x[0]) for x, _ in SAMPLES]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_sum_over_samples_becomes_a_kernel(form: str) -> None:
    w = weights()
    output = FORMS[form](w)
    output.backward()
    compiled = compile(output)
    value, gradient = compiled.value_and_grad(*[leaf.data for leaf in w])
    assert compiled.backend == "rows"
    assert value == pytest.approx(output.data, rel=1e-12)
    assert [gradient[leaf.name or ""] for leaf in w] == pytest.approx([leaf.grad for leaf in w], rel=1e-11)
    numbers = [0.1, -0.2, 0.7, 0.4]
    again = FORMS[form]([Value(number) for number in numbers])
    assert compiled(*numbers) == pytest.approx(again.data, rel=1e-12)
    for leaf, number in zip(w, numbers, strict=True):
        leaf.data = number


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_the_parts_make_the_whole(form: str, share: bool) -> None:
    w = weights()
    program = Program.record([FORMS[form](w)], w, share=share)
    rolled = roll(program)
    assert rolled is not None
    numbers = [leaf.data for leaf in w]
    given = [*numbers, *(_run(rolled.before, numbers) if rolled.before else [])]
    sums = []
    for group in rolled.groups:
        assert len(group.rows[0]) >= 16
        sums.append(sum(_run(group.program, [*given, *row])[0] for row in zip(*group.rows, strict=True)))
    assert _run(rolled.after, [*given, *sums]) == pytest.approx(_run(program, numbers), rel=1e-12)
    assert len(rolled.after.ops) < len(program.ops) / 10


def _run(program: Program, numbers: list[float]) -> list[float]:
    values = program.evaluate(FLOAT, numbers)
    return [values[slot] for slot in program.outputs]


def test_samples_with_numbers_in_common_are_one_kernel() -> None:
    w = weights()
    rolled = roll(Program.record([microgrid.sum(counted_losses(w))], w))
    assert rolled is not None
    assert [len(group.rows[0]) for group in rolled.groups] == [len(COUNTED)]
    assert rolled.before is None
    assert len(rolled.after.ops) == 0


def test_what_is_used_by_some_samples_alone_and_large_is_computed_before() -> None:
    w = weights()
    large = w[0]
    for place in range(100):
        large = microgrid.sin(large + place)
    output = microgrid.sum([exp(w[1] * x[0]) * (large if y else w[2]) for x, y in SAMPLES])
    rolled = roll(Program.record([output], w))
    assert rolled is not None
    assert rolled.before is not None
    assert len(rolled.before.ops) == 200
    assert sorted(len(group.program.ops) for group in rolled.groups) == [3, 3]


def test_zeros_of_both_signs_are_different_constants() -> None:
    w = Value(0.5, name="w")
    loss = microgrid.sum([microgrid.atan(w / (0.0 if k < 300 else -0.0)) * float(k) for k in range(601)])
    compiled = compile(loss)
    assert compiled(0.5) == pytest.approx(loss.data, rel=1e-12)
    assert compiled.backend == "rows"


def test_what_is_not_repeated_is_left_alone() -> None:
    w = weights()
    for output in (w[0] * w[1], microgrid.sum(losses(w)[:5]), microgrid.sum([exp(w[0]) for _ in range(50)])):
        assert roll(Program.record([output], w, share=False)) is None


def test_precise_code_is_not_rolled_up() -> None:
    w = weights()
    output = microgrid.sum(losses(w)[:40])
    output.backward()
    value, gradient = compile(output, w, precise=True, optimize="full").value_and_grad(*[leaf.data for leaf in w])
    assert (value, gradient) == (output.data, [leaf.grad for leaf in w])
