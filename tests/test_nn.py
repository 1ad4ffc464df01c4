"""Promises of the models: their parameters, gradients, texts and errors, and that training works."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_moons

from microgrid import DataError, InvalidValueError, MicrogridError, Value
from microgrid.arithmetics.complex import COMPLEX
from microgrid.core.graph import evaluate, topological_order
from microgrid.nn import MLP, Layer, Module, Neuron

STEP = 1e-200  # of the complex step: so small that its square vanishes, and nothing is ever subtracted


def complex_step(root: Value, leaf: Value) -> float:
    """The derivative of the root with respect to a leaf, by replaying the graph beside the real axis."""
    imaginary: float = evaluate([root], COMPLEX, {leaf: complex(leaf.data, STEP)}, complex)[root].imag
    return imaginary / STEP


@pytest.fixture
def model() -> MLP:
    random.seed(42)
    return MLP(3, [5, 4, 2])


def loss_of(model: MLP, sample: list[Any]) -> Value:
    first, second = model(sample)
    loss: Value = (first - second) ** 2 + 0.5 * first
    return loss


def test_gradients_agree_with_the_complex_step(model: MLP) -> None:
    sample = [Value(0.5), Value(-1.25), Value(2.0)]
    loss = loss_of(model, sample)
    loss.backward()
    leaves = model.parameters() + sample
    assert [leaf.grad for leaf in leaves] == pytest.approx([complex_step(loss, leaf) for leaf in leaves], rel=1e-13)
    assert sum(leaf.grad != 0.0 for leaf in leaves) > 20


def test_gradients_agree_with_differences_of_the_data(model: MLP) -> None:
    sample = [0.5, -1.25, 2.0]
    loss_of(model, sample).backward()
    for parameter in model.parameters():
        kept = parameter.data
        losses = []
        for step in (-1e-6, 1e-6):
            parameter.data = kept + step
            losses.append(loss_of(model, sample).data)
        parameter.data = kept
        assert parameter.grad == pytest.approx((losses[1] - losses[0]) / 2e-6, rel=1e-6, abs=1e-8)


def test_parameters_come_in_order_and_are_the_nodes_themselves() -> None:
    model = MLP(2, [3, 1])
    nodes = [p for layer in model.layers for neuron in layer.neurons for p in [*neuron.w, neuron.b]]
    assert [id(p) for p in model.parameters()] == [id(p) for p in nodes]
    assert len(model.parameters()) == 3 * (2 + 1) + 1 * (3 + 1)
    assert [p.name for p in model.layers[0].neurons[1].parameters()] == [
        "layer 1, neuron 2, w1",
        "layer 1, neuron 2, w2",
        "layer 1, neuron 2, b",
    ]
    assert [p.name for p in model.layers[1].parameters()] == ["layer 2, w1", "layer 2, w2", "layer 2, w3", "layer 2, b"]
    assert [p.name for p in Neuron(1).parameters()] == ["w1", "b"]
    assert Module().parameters() == []


def test_changing_the_list_of_parameters_leaves_the_model_as_it_was() -> None:
    neuron = Neuron(2)
    neuron.parameters().clear()
    assert len(neuron.parameters()) == 3


def test_zero_grad_resets_every_parameter(model: MLP) -> None:
    loss_of(model, [0.5, -1.25, 2.0]).backward()
    once = [p.grad for p in model.parameters()]
    loss_of(model, [0.5, -1.25, 2.0]).backward()
    assert [p.grad for p in model.parameters()] == [2.0 * grad for grad in once]
    model.zero_grad()
    assert all(p.grad == 0.0 for p in model.parameters())


def test_a_seed_fixes_the_weights() -> None:
    def weights() -> list[float]:
        random.seed(3)
        return [p.data for p in MLP(2, [4, 1]).parameters()]

    assert weights() == weights()
    assert all(-1.0 <= weight <= 1.0 for weight in weights())


def test_reprs() -> None:
    assert repr(Neuron(2)) == "ReLUNeuron(2)"
    assert repr(Neuron(2, nonlin=False)) == "LinearNeuron(2)"
    assert repr(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(MLP(2, [1, 1])) == "MLP of [Layer of [ReLUNeuron(2)], Layer of [LinearNeuron(1)]]"


def test_a_neuron_is_one_dot_one_sum_and_one_relu() -> None:
    random.seed(0)
    y = Neuron(20)([1.0] * 20)
    assert [node.op.name for node in topological_order(y) if node.op] == ["dot", "add", "relu"]


def test_plain_numbers_are_wrapped_once_for_all_neurons_and_are_named() -> None:
    outputs = Layer(2, 8)([1.0, np.float64(2.0)])
    inputs = [node for node in topological_order(*outputs) if (node.name or "").startswith("x")]
    assert [(node.name, node.data) for node in inputs] == [("x1", 1.0), ("x2", 2.0)]


def test_values_are_used_as_they_are() -> None:
    x = [Value(1.0, name="age"), Value(2.0)]
    Neuron(2, nonlin=False)(x).backward()
    assert [xi.name for xi in x] == ["age", None]
    assert all(xi.grad != 0.0 for xi in x)


@pytest.mark.parametrize("sample", [(1, 2), np.array([1.0, 2.0]), iter([True, 2.0])])
def test_a_sample_is_any_iterable_of_numbers(sample: Any) -> None:
    neuron = Neuron(2, nonlin=False)
    assert neuron(sample).data == pytest.approx(neuron.w[0].data + 2.0 * neuron.w[1].data, rel=1e-15)


def test_a_hidden_layer_of_one_neuron() -> None:
    """micrograd hands the next layer a bare Value here, and fails."""
    model = MLP(2, [3, 1, 2])
    assert len(model([1.0, 2.0])) == 2


def test_a_layer_of_ones_own_can_stand_in_a_model() -> None:
    model = MLP(2, [3, 1])
    model.layers[0] = lambda inputs: [inputs[0], inputs[1], inputs[0] * inputs[1]]  # type: ignore[call-overload]
    model.layers[1].neurons[0].w = [Value(1.0), Value(10.0), Value(100.0)]
    assert model([2.0, 3.0]).data == 632.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Neuron(0), "the number of inputs is at least 1, not 0"),
        (lambda: Neuron(-2), "the number of inputs is at least 1, not -2"),
        (lambda: Neuron(2.0), "the number of inputs is a whole number, not 2.0"),  # type: ignore[arg-type]
        (lambda: Neuron("two"), "the number of inputs is a whole number, not 'two'"),  # type: ignore[arg-type]
        (lambda: Layer(2, 0), "the number of neurons in a layer is at least 1, not 0"),
        (lambda: Layer(None, 2), "the number of inputs is a whole number, not None"),  # type: ignore[arg-type]
        (lambda: MLP(2, []), "an MLP has at least one layer"),
        (lambda: MLP(2, [3, 0]), "the number of neurons in a layer is at least 1, not 0"),
        (lambda: MLP(2, 3), "an MLP takes a list with the size of each layer, not 3"),  # type: ignore[arg-type]
    ],
)
def test_sizes_that_make_no_sense(make: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()


def test_numpy_integers_are_sizes() -> None:
    assert repr(MLP(np.int64(2), [np.int64(1)])) == "MLP of [Layer of [LinearNeuron(2)]]"  # type: ignore[arg-type, list-item]


@pytest.mark.parametrize("model", [Neuron(2), Layer(2, 3), MLP(2, [3, 1])], ids=["Neuron", "Layer", "MLP"])
@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ([1.0], "has 2 inputs, and the sample has 1"),
        ([1.0, 2.0, 3.0], "has 2 inputs, and the sample has 3"),
        ([], "has 2 inputs, and the sample has 0"),
        (1.0, "takes one sample as a list of 2 inputs, not 1.0"),
        (Value(1.0), "takes one sample as a list of 2 inputs, not Value"),
        ([[1.0, 2.0]] * 2, "a Value holds a real number, not"),
        (np.ones((2, 2)), "a Value holds one number, not an array of shape"),
        (["1", "2"], "a Value holds a real number, not '1'"),
    ],
)
def test_samples_that_do_not_fit(model: Any, sample: Any, message: str) -> None:
    with pytest.raises(MicrogridError, match=message) as caught:
        model(sample)
    assert isinstance(caught.value, DataError | InvalidValueError)


def margin_loss(model: MLP, samples: Any, labels: Any) -> Value:
    scores = [model(sample) for sample in samples]
    losses = [(1 - y * score).relu() for y, score in zip(labels, scores, strict=True)]
    total: Value = sum(losses) / len(losses) + 1e-4 * sum(p * p for p in model.parameters())
    return total


def test_training_on_two_moons_decreases_the_loss() -> None:
    random.seed(1)
    samples, classes = make_moons(n_samples=60, noise=0.1, random_state=1)
    labels = 2 * classes - 1
    model = MLP(2, [16, 1])
    losses = []
    for step in range(40):
        loss = margin_loss(model, samples, labels)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.02 * step) * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.5 * losses[0]
    right = sum((model(sample).data > 0) == (y > 0) for sample, y in zip(samples, labels, strict=True))
    assert right >= 48
