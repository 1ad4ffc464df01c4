"""Eager works on scalars: a chain, logistic regression on real data, and a step of micrograd's demo.

Every engine runs the same code on the same numbers. Data are prepared once for all of them, and wrapped beforehand for
an engine that needs that, which is to its advantage; leaves that a person would make anew in each step are made anew.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Collection
from functools import partial, reduce
from typing import Any

from benchmarks import peers
from benchmarks.engines import ENGINES, LONGEST, Engine
from benchmarks.registry import ADAPTERS, OFF, ON, Step, Work, adapter, enter

__all__ = ["CHAIN", "LAYERS", "LOGISTIC", "LOGISTIC_FUSED", "MOONS", "MOONS_UNFUSED", "eager", "prepare"]

Samples = list[tuple[list[float], float]]
Prepare = Callable[[Engine, Any], Step]


def eager(name: str, setting: str, sizes: tuple[int, ...], by: Prepare, **more: Any) -> Work:
    """Enter a work for the eager engines, or for those of ``only``; ``by`` is what every engine makes of the data."""
    only: Collection[str] = more.pop("only", ENGINES)
    work = enter(Work(name, sizes=sizes, kind="eager", setting=setting, collectors=(ON, OFF), sent=True, **more))
    for engine in only:
        most = {"most": LONGEST[engine]} if setting == "chain" else {}
        adapter(engine, work, module=by.__module__, **most)(partial(_with_engine, engine, by))
    return work


def _with_engine(engine: str, by: Prepare, data: Any) -> Step:
    return by(ENGINES[engine](), data)


def prepare(work: Work, engine: str, data: Any) -> Step:
    """An engine's step at an eager work, for works of other kinds."""
    step = ADAPTERS[work.name, engine].prepare(data)
    assert isinstance(step, Step)
    return step


def _ending_in_gradients(engine: Engine, leaves: list[Any], forward: Callable[[], Any]) -> Step:
    return Step(forward, engine.backward, lambda: [engine.grad(leaf) for leaf in leaves], engine.data)


def _answer(step: Step) -> list[float]:
    call = step.as_call()
    call.call()
    return call.answer()


# ---- a chain --------------------------------------------------------------------------------------------------

SLOPE, SHIFT = 0.999, 0.001


def _chain(engine: Engine, size: int) -> Step:
    """Products and sums in turn, each of the last one and a leaf: as deep as it is long, and no constants."""
    start, slope, shift = leaves = [engine.Value(number) for number in (0.5, SLOPE, SHIFT)]
    rounds = range(size // 2)

    def forward() -> Any:
        engine.start()
        x = start
        for _ in rounds:
            x = x * slope + shift
        return x

    return _ending_in_gradients(engine, leaves, forward)


def _chain_by_hand(size: int) -> Step:
    """The chain and its derivatives as two loops over floats."""
    rounds = range(size // 2)
    gradients = [0.0, 0.0, 0.0]

    def forward() -> list[float]:
        x, slope, shift = 0.5, SLOPE, SHIFT
        passed = [x]
        for _ in rounds:
            x = x * slope + shift
            passed.append(x)
        return passed

    def backward(passed: list[float]) -> None:
        adjoint, slope = 1.0, SLOPE
        by_slope = by_shift = 0.0
        for x in reversed(passed[:-1]):
            by_shift += adjoint
            by_slope += x * adjoint
            adjoint *= slope
        gradients[:] = adjoint, by_slope, by_shift

    return Step(forward, backward, lambda: gradients, lambda passed: passed[-1])


CHAIN = eager(
    "chain",
    "chain",
    (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    _chain,
    problem=int,
    reference=lambda size: _answer(_chain_by_hand(size)),
    operations=lambda size: size // 2 * 2,
    weighed=True,
)
adapter(peers.FLOATS, CHAIN)(_chain_by_hand)


# ---- logistic regression on real data -------------------------------------------------------------------------


def _cancer(size: int) -> Samples:
    """The breast cancer data, standardised, with labels ±1."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    rows, classes = load_breast_cancer(return_X_y=True)
    rows = StandardScaler().fit_transform(rows)
    return list(zip(rows[:size].tolist(), (2.0 * classes[:size] - 1.0).tolist(), strict=True))


def _weights(count: int) -> list[float]:
    return [0.1 * math.sin(i) for i in range(count)]


def _logistic(engine: Engine, samples: Samples) -> Step:
    """The mean loss from the logit, one operation at a time: 569 samples of 30 features make 36,986 of them."""
    weights = [engine.Value(number) for number in _weights(len(samples[0][0]))]
    bias = engine.Value(0.1)
    exp, log, numbers = engine.exp, engine.log, engine.numbers
    rows = [numbers(row) for row, _ in samples]
    signs = numbers([-sign for _, sign in samples])

    def forward() -> Any:
        engine.start()
        total, one, share = numbers([0.0, 1.0, 1.0 / len(samples)])
        for row, sign in zip(rows, signs, strict=True):
            z = bias
            for w, x in zip(weights, row, strict=True):
                z = z + w * x
            total = total + log(exp(z * sign) + one)
        return total * share

    return _ending_in_gradients(engine, [*weights, bias], forward)


def _logistic_fused(engine: Engine, samples: Samples) -> Step:
    """The same loss as one would rather write it, with a ``dot`` and a ``softplus`` for each sample."""
    weights = [engine.Value(number) for number in _weights(len(samples[0][0]))]
    bias = engine.Value(0.1)
    dot, softplus, share = engine.dot, engine.softplus, 1.0 / len(samples)
    assert dot is not None
    assert softplus is not None

    def forward() -> Any:
        total: Any = 0.0
        for row, sign in samples:
            total = total + softplus((dot(weights, row) + bias) * -sign)
        return total * share

    return _ending_in_gradients(engine, [*weights, bias], forward)


def _logistic_by_hand(samples: Samples) -> Step:
    """The loss and its closed-form gradient as loops over floats."""
    features = len(samples[0][0])
    weights, bias, share = _weights(features), 0.1, 1.0 / len(samples)
    gradients = [0.0] * (features + 1)

    def forward() -> tuple[float, list[float]]:
        total, decays = 0.0, []
        for row, sign in samples:
            z = bias
            for w, x in zip(weights, row, strict=True):
                z += w * x
            decay = math.exp(z * -sign)
            decays.append(decay)
            total += math.log(decay + 1.0)
        return total * share, decays

    def backward(root: tuple[float, list[float]]) -> None:
        sums = [0.0] * (features + 1)
        for (row, sign), decay in zip(samples, root[1], strict=True):
            adjoint = share * -sign * decay / (decay + 1.0)
            for i, x in enumerate(row):
                sums[i] += adjoint * x
            sums[features] += adjoint
        gradients[:] = sums

    return Step(forward, backward, lambda: gradients, lambda root: root[0])


def _logistic_work(name: str, by: Prepare, **more: Any) -> Work:
    return eager(
        name,
        "samples",
        (569,),
        by,
        problem=_cancer,
        reference=lambda samples: _answer(_logistic_by_hand(samples)),
        operations=lambda samples: len(samples) * (2 * len(samples[0][0]) + 5) + 1,
        most=569,
        **more,
    )


LOGISTIC = _logistic_work("logistic loss", _logistic)
LOGISTIC_FUSED = _logistic_work("logistic loss, fused", _logistic_fused, only=peers.OUR_ENGINES)
adapter(peers.FLOATS, LOGISTIC)(_logistic_by_hand)


# ---- micrograd's demo -----------------------------------------------------------------------------------------

LAYERS = [16, 16, 1]


def _moons(size: int) -> Samples:
    from sklearn.datasets import make_moons

    rows, classes = make_moons(n_samples=size, noise=0.1, random_state=1337)
    return list(zip(rows.tolist(), (2.0 * classes - 1.0).tolist(), strict=True))


def _moons_reference(samples: Samples) -> list[float]:
    """As the compiled work has it, in NumPy."""
    from benchmarks.works import moons

    return moons.reference(moons.problem_of(samples))


def _moons_operations(samples: Samples) -> int:
    """A product and a sum per weight, a relu per hidden neuron, then margins, their sum and the penalty."""
    weights = sum(fan_in * neurons for fan_in, neurons in zip([len(samples[0][0]), *LAYERS], LAYERS, strict=False))
    parameters = weights + sum(LAYERS)
    return len(samples) * (2 * weights + sum(LAYERS[:-1]) + 4) + 2 * parameters + 1


class _Perceptron:
    """micrograd's model in any engine's operations, a chain of products and sums for each neuron."""

    def __init__(self, engine: Engine, nin: int, nouts: list[int]) -> None:
        self.engine = engine
        self.layers = [
            [self._neuron(fan_in) for _ in range(nout)] for fan_in, nout in zip([nin, *nouts], nouts, strict=False)
        ]

    def _neuron(self, nin: int) -> tuple[list[Any], Any]:
        return [self.engine.Value(random.uniform(-1, 1)) for _ in range(nin)], self.engine.Value(0.0)

    def __call__(self, x: list[Any]) -> Any:
        for layer in self.layers:
            x = [sum((w * xi for w, xi in zip(weights, x, strict=True)), bias) for weights, bias in layer]
            if layer is not self.layers[-1]:
                x = [self.engine.relu(xi) for xi in x]
        return x[0]

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for weights, bias in layer for p in [*weights, bias]]

    def make_leaves_anew(self) -> None:
        """Leaves that hold the numbers that the last step moved these to."""
        value = self.engine.Value
        self.layers = [
            [([value(w.data) for w in weights], value(bias.data)) for weights, bias in layer] for layer in self.layers
        ]


def _moons_step(engine: Engine, model: Any, samples: Samples) -> Step:
    """One step of the demo: scores, max-margin loss, L2 penalty, accuracy; zero, backward, update."""
    parameters = model.parameters()
    signs = [sign for _, sign in samples]

    def forward() -> Any:
        if engine.fixed_leaves:
            model.make_leaves_anew()
            parameters[:] = model.parameters()
        engine.start()
        one, share, strength = engine.numbers([1.0, 1.0 / len(samples), 1e-4])
        scores = [model(list(map(engine.Value, row))) for row, _ in samples]
        losses = [
            engine.relu(one + opposite * score)
            for opposite, score in zip(engine.numbers([-sign for sign in signs]), scores, strict=True)
        ]
        data_loss = reduce(operator.add, losses) * share
        penalty = strength * reduce(operator.add, [p * p for p in parameters])
        sum((sign > 0.0) == (engine.data(score) > 0.0) for sign, score in zip(signs, scores, strict=True))
        return data_loss + penalty

    def backward(root: Any) -> None:
        for p in parameters:
            engine.zero(p)
        engine.backward(root)
        for p in parameters:
            p.data -= 0.1 * p.grad

    return Step(forward, backward, lambda: [engine.grad(p) for p in parameters], engine.data)


def _moons_as_it_is(engine: Engine, samples: Samples) -> Step:
    """The demo as a user of the engine runs it: with the engine's own model, where it has one."""
    random.seed(1337)
    model = engine.MLP(2, LAYERS) if engine.MLP else _Perceptron(engine, 2, LAYERS)
    return _moons_step(engine, model, samples)


def _moons_unfused(engine: Engine, samples: Samples) -> Step:
    """The same demo with every product and sum a node of its own, whatever the engine offers."""
    random.seed(1337)
    return _moons_step(engine, _Perceptron(engine, 2, LAYERS), samples)


def _moons_work(name: str, by: Prepare) -> Work:
    return eager(
        name,
        "samples",
        (100,),
        by,
        problem=_moons,
        reference=_moons_reference,
        operations=_moons_operations,
        most=100,
    )


MOONS = _moons_work("moons step", _moons_as_it_is)
MOONS_UNFUSED = _moons_work("moons step, unfused", _moons_unfused)
