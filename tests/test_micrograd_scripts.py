"""Scripts written for micrograd run here with only their import lines changed, and give the same numbers.

Each script is one text that says ``from PACKAGE import ...``. It is run once with each package, and every number it
leaves behind is compared. The order of summation may differ (a neuron is one ``dot`` here), so numbers agree to a
relative 1e-12 and not to the bit; one that almost cancels, to a few ulp of the largest beside it.
"""

from __future__ import annotations

from typing import Any

import pytest

RELATIVE = 1e-12
CANCELLED = 1e-15

IMPORTS = {
    "micrograd": "from micrograd.engine import Value\nfrom micrograd.nn import MLP, Layer, Module, Neuron\n",
    "microgrid": "from microgrid import Value\nfrom microgrid.nn import MLP, Layer, Module, Neuron\n",
}


def run(script: str, package: str) -> dict[str, Any]:
    """What the script's names stand for at its end."""
    names: dict[str, Any] = {}
    exec(IMPORTS[package] + script, names)
    return names


def close_to(expected: Any) -> Any:
    """What compares equal to the same numbers (or the same text) but for the order of summation."""
    if isinstance(expected, str):
        return expected
    largest = max(map(abs, expected)) if isinstance(expected, list) else abs(expected)
    return pytest.approx(expected, rel=RELATIVE, abs=CANCELLED * largest)


def assert_same(script: str, *results: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the script with both packages and compare the named results, which hold plain numbers and texts."""
    theirs, ours = run(script, "micrograd"), run(script, "microgrid")
    for result in results:
        assert ours[result] == close_to(theirs[result]), result
    return theirs, ours


README = """
a = Value(-4.0)
b = Value(2.0)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + (b + a).relu()
d += 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
forward = f"{g.data:.4f}"
g.backward()
gradients = f"{a.grad:.4f} {b.grad:.4f}"
numbers = [v.data for v in (a, b, c, d, e, f, g)] + [v.grad for v in (a, b, c, d, e, f, g)]
"""


def test_the_readme_example() -> None:
    _, ours = assert_same(README, "forward", "gradients", "numbers")
    assert ours["forward"] == "24.7041"
    assert ours["gradients"] == "138.8338 645.5773"


EXPRESSIONS = {
    "a polynomial and its kink": """
x = Value(-4.0)
z = 2 * x + 2 + x
q = z.relu() + z * x
h = (z * z).relu()
y = h + q + q * x
y.backward()
numbers = [y.data, x.grad, z.grad, q.grad, h.grad]
""",
    "every operator": """
a, b = Value(-4.0), Value(2.0)
total = a + b + 1.5 + (2 + a) + (a - b) + (3 - a) + (b - 0.5)
product = a * b * 3 * (0.5 * b) / a / 4 * (7 / b)
power = (b ** 3 + b ** -1 + b ** 0.5 + a ** 2 + a ** -3) * -b
y = total * product - power / (1 + b)
y.backward()
numbers = [y.data, a.grad, b.grad, total.grad, product.grad, power.grad]
""",
    "in-place operators and shared nodes": """
a, b = Value(1.25), Value(-0.75)
c = a
for _ in range(4):
    c += c * b
    c -= 2
    c *= a
    c /= b + 3
c += c
y = c * c + c
y.backward()
numbers = [y.data, c.grad, a.grad, b.grad]
""",
    "Python's sum and a loss over samples": """
weights = [Value(0.5), Value(-1.5), Value(2.0)]
samples = [([1.0, 2.0, 3.0], 1), ([-1.0, 0.5, 0.0], -1), ([0.25, -2.0, 1.0], 1)]
scores = [sum(w * x for w, x in zip(weights, xs)) for xs, _ in samples]
loss = sum((1 + -y * s).relu() for s, (_, y) in zip(scores, samples)) / len(samples)
loss.backward()
numbers = [loss.data] + [w.grad for w in weights] + [s.grad for s in scores]
""",
    "NumPy scalars on the left": """
import numpy as np
w = Value(0.75)
y = np.float64(2.0) * w + np.int64(3) - np.float64(1.5) * (w * w) / np.float64(4.0)
y.backward()
numbers = [y.data, w.grad]
""",
    "descent by hand": """
w, b = Value(0.0), Value(0.0)
data = [(-1.0, -3.0), (0.0, -1.0), (1.0, 1.0), (2.0, 3.5)]
numbers = []
for step in range(20):
    loss = sum((w * x + b - y) ** 2 for x, y in data)
    w.grad = b.grad = 0
    loss.backward()
    w.data -= 0.05 * w.grad
    b.data += -0.05 * b.grad
    numbers += [loss.data, w.data, b.data]
""",
}


@pytest.mark.parametrize("script", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_expressions(script: str) -> None:
    assert_same(script, "numbers")


MOONS = """
import random

import numpy as np
from sklearn.datasets import make_moons

np.random.seed(1337)
random.seed(1337)
X, y = make_moons(n_samples=100, noise=0.1)
y = y * 2 - 1

model = MLP(2, [16, 16, 1])
described = str(model)
count = len(model.parameters())


def loss(batch_size=None):
    if batch_size is None:
        Xb, yb = X, y
    else:
        chosen = np.random.permutation(X.shape[0])[:batch_size]
        Xb, yb = X[chosen], y[chosen]
    inputs = [list(map(Value, row)) for row in Xb]
    scores = list(map(model, inputs))
    losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(yb, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    reg_loss = alpha * sum((p * p for p in model.parameters()))
    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(yb, scores)]
    return data_loss + reg_loss, sum(accuracy) / len(accuracy)


losses, accuracies, gradients = [], [], []
for k in range(STEPS):
    total_loss, acc = loss(BATCH)
    model.zero_grad()
    total_loss.backward()
    gradients += [p.grad for p in model.parameters()]
    learning_rate = 1.0 - 0.9 * k / 100
    for p in model.parameters():
        p.data -= learning_rate * p.grad
    losses.append(total_loss.data)
    accuracies.append(float(acc))

weights = [p.data for p in model.parameters()]
mesh = [(a, b) for a in np.arange(-2.0, 3.0, 0.75) for b in np.arange(-1.5, 2.0, 0.75)]
boundary = [model(list(map(Value, row))).data for row in mesh]
"""


@pytest.mark.parametrize(("batch", "steps"), [(None, 1), (25, 3)], ids=["all samples", "batches"])
@pytest.mark.unmeasured
def test_the_moons_demo(batch: int | None, steps: int) -> None:
    script = MOONS.replace("STEPS", str(steps)).replace("BATCH", str(batch))
    results = ("described", "count", "losses", "accuracies", "gradients", "weights", "boundary")
    _, ours = assert_same(script, *results)
    assert ours["count"] == 337
    assert len(ours["losses"]) == steps


DRAWING = """
from graphviz import Digraph


def trace(root):
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def draw_dot(root, format="svg", rankdir="LR"):
    assert rankdir in ["LR", "TB"]
    nodes, edges = trace(root)
    dot = Digraph(format=format, graph_attr={"rankdir": rankdir})
    for n in nodes:
        uid = str(id(n))
        text = "{ %s | data %.4f | grad %.4f }" % (getattr(n, "label", ""), n.data, n.grad)
        dot.node(name=uid, label=text, shape="record")
        if n._op:
            dot.node(name=uid + n._op, label=n._op)
            dot.edge(uid + n._op, uid)
    for n1, n2 in edges:
        dot.edge(str(id(n1)), str(id(n2)) + n2._op)
    return dot


def describe(root):
    nodes, edges = trace(root)
    say = lambda n: "%s %.4f %.4f" % (getattr(n, "label", ""), n.data, n.grad)
    return "\\n".join(sorted(map(say, nodes)) + sorted(say(a) + " -> " + say(b) for a, b in edges))


GRAPH
root.backward()
dot = draw_dot(root)
described = describe(root)
sizes = [len(dot.body), dot.source.count("->"), dot.source.count("shape=record")]
"""

GRAPHS = {
    "the lecture's neuron": """
x1 = Value(2.0); x1.label = "x1"
w1 = Value(-3.0); w1.label = "w1"
x2 = Value(0.5); x2.label = "x2"
w2 = Value(1.0); w2.label = "w2"
b = Value(6.8813735870195432); b.label = "b"
x1w1 = x1 * w1; x1w1.label = "x1*w1"
x2w2 = x2 * w2; x2w2.label = "x2*w2"
total = x1w1 + x2w2; total.label = "x1*w1 + x2*w2"
n = total + b; n.label = "n"
root = n.relu(); root.label = "o"
""",
    "shared nodes and constants": """
a = Value(3.0); a.label = "a"
b = a * a; b.label = "b"
c = b + b * 2.0; c.label = "c"
root = (c + a).relu() * b; root.label = "d"
""",
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
def test_the_drawing_notebook(graph: str) -> None:
    """Graphs of +, × and relu have the same nodes, edges and labels in both packages."""
    assert_same(DRAWING.replace("GRAPH", graph), "described", "sizes")


NEURON_DRAWING = DRAWING.replace(
    "GRAPH",
    """
import random

random.seed(1337)
n = Neuron(2)
n.b.data = 3.0
x = [Value(1.0), Value(-2.0)]
root = n(x)
numbers = [p.data for p in n.parameters()]
""",
)


def test_the_drawing_of_a_neuron() -> None:
    """The weighted sum is one node here and a chain in micrograd; what goes in and what comes out is the same."""
    script = NEURON_DRAWING + "\nnumbers += [root.data] + [p.grad for p in n.parameters()] + [xi.grad for xi in x]\n"
    _, ours = assert_same(script, "numbers")
    source = ours["dot"].source
    assert source.count("shape=record") == len(ours["trace"](ours["root"])[0]) == 8
    for name in ("w1", "w2", "b"):
        assert f"{{ {name} | data" in source


MODULES = """
import random

random.seed(7)
modules = [Neuron(3), Neuron(3, nonlin=False), Neuron(2, False), Layer(2, 3), Layer(2, 1, nonlin=False)]
modules += [MLP(3, [4, 4, 1]), MLP(1, [2]), Module()]
texts = " ".join(str(m) for m in modules[:-1])
numbers = [p.data for m in modules for p in m.parameters()]
kinds = [isinstance(m, Module) for m in modules]
attributes = [len(modules[0].w), modules[0].b.data, modules[0].nonlin, modules[1].nonlin]
attributes += [len(modules[3].neurons), len(modules[5].layers), len(modules[5].layers[0].neurons)]
shapes = [isinstance(modules[3]([1.0, 2.0]), list), isinstance(modules[4]([1.0, 2.0]), Value)]
outputs = [modules[0]([1, 2, 3]).data, modules[5]([0.5, -1.5, 2.0]).data, modules[6]([2.0])[1].data]
"""


def test_models_have_the_same_parameters_texts_and_attributes() -> None:
    assert_same(MODULES, "texts", "numbers", "kinds", "attributes", "shapes", "outputs")


def test_only_the_import_lines_differ() -> None:
    """The promise of this file: a script names no package."""
    for script in (README, MOONS, DRAWING, NEURON_DRAWING, MODULES, *EXPRESSIONS.values(), *GRAPHS.values()):
        assert "micrograd" not in script
        assert "microgrid" not in script
