"""Pickles: what they name, and that those made before the modules had their rooms still load and mean the same."""

from __future__ import annotations

import base64
import io
import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

import microgrid
from microgrid import Value
from microgrid.core.graph import topological_order
from microgrid.core.rules import RULES

OLD = json.loads((Path(__file__).parent / "data" / "pickles.json").read_text(encoding="ascii"))
PUBLIC = ("", ".checking", ".derivations", ".drawing", ".learn", ".logistic", ".nn", ".testing")


class Reader(pickle.Unpickler):
    """Notes the modules of the package that a pickle names."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.modules.add(module)
        return super().find_class(module, name)


# An expression has syntax trees, which Python 3.13 and later pickle by other means.
pytestmark = pytest.mark.filterwarnings("ignore:.*missing 1 required positional argument:DeprecationWarning")


def old(name: str) -> Any:
    for package in {"precise": ["mpmath"], "derivation": ["sympy"], "expression": ["hypothesis"]}.get(name, []):
        pytest.importorskip(package)
    return pickle.loads(base64.b64decode(OLD[name]))


@pytest.mark.parametrize("name", OLD)
def test_what_was_pickled_before_the_rooms_loads_and_is_pickled_again_by_public_names(name: str) -> None:
    thing = old(name)
    data = pickle.dumps(thing)
    reader = Reader(data)
    assert type(reader.load()) is type(thing)
    own = {module for module in reader.modules if module.split(".")[0] == "microgrid"}
    assert own <= {f"microgrid{room}" for room in PUBLIC}


def test_graphs_that_were_pickled_before_the_rooms_have_their_numbers_and_their_rules() -> None:
    leaf, graph, rule = old("leaf"), old("graph"), old("rule")
    assert (leaf.data, leaf.name, leaf.parents) == (2.5, "w", ())
    assert rule is RULES["add"]
    names = [node.op.name if node.op else node.name for node in topological_order(graph)]
    assert names == ["x", "y", "mul", "exp", "less", None, "mul", "where", "add"]
    assert graph.data == math.exp(0.5 * -1.5) + 2.0 * -1.5
    x, y, *_ = topological_order(graph)
    graph.zero_grad()
    graph.backward()
    assert (x.grad, y.grad) == (-1.5 * math.exp(-0.75), 0.5 * math.exp(-0.75) + 2.0)


def test_losses_and_layers_that_were_pickled_before_the_rooms_still_compute() -> None:
    sample, losses, layers = old("sample"), old("dataset"), old("mlp")
    assert sample.loss.data == math.log(2.0)
    assert [w.data for w in losses.w] == [0.5, -0.25]
    assert len(losses.samples) == 2
    sample.loss.backward()
    assert sample.w[0].grad == -0.5
    output = layers([1.0, 2.0])
    output.backward()
    assert any(parameter.grad for parameter in layers.parameters())


def test_results_that_were_pickled_before_the_rooms_say_the_same() -> None:
    assert old("report").judgements[0].verdict.name == "RIGHT"
    assert old("interval") == microgrid.Interval(0.0, 1.0)
    assert "digraph" in old("drawing").dot
    assert old("proof").verdict == "proved"
    assert str(old("nonfinite")) == "log gave -inf"
    assert old("precise").recorded == -0.75
    assert old("derivation").components[0].paths
    assert old("expression")(Value(3.0), Value(2.0)).data == 6.0
