"""Graphs as JSON and for networkx: read back equal, and refused with a sentence when anything is wrong."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest

import microgrid
from microgrid import DataError, Value, custom, draw, exp, from_json, logistic, named, nn, to_json, to_networkx, where
from microgrid.core.graph import topological_order


def graphs() -> dict[str, Value]:
    x, y = Value(0.5, "x"), Value(-1.5, 'a "name" <b>, 名 😀 \ud800')
    squared = x * x
    squared.backward()
    everything = microgrid.dot([x, y], [y, 2.0]) + where(x < y, x, exp(y)) + squared**2
    return {
        "leaf": Value(3.0),
        "shared": named(squared + squared, "s"),
        "unusual": Value(math.inf, "i") * Value(math.nan, "n") + Value(-0.0) * 5e-324,
        "many rules": everything,
        "textbook": logistic.sample_loss([1.0, 2.0], 1, [0.5, -0.25], 0.1, form="textbook").loss,
        "perceptron": (nn.MLP(2, [3, 1])([1.0, -1.0]) - 1.0) ** 2,
        "second order": microgrid.gradients(x * x * x, [x])[0],
    }


def bits(value: Value) -> list[Any]:
    order = topological_order(value)
    place = {node: index for index, node in enumerate(order)}
    return [
        (
            node.name,
            node.op,
            node.is_constant,
            [place[parent] for parent in node.parents],
            struct.pack(f"{2 + len(node.partials)}d", node.data, node.grad, *node.partials),
        )
        for node in order
    ]


@pytest.mark.parametrize("which", graphs())
def test_a_graph_is_read_back_equal(which: str) -> None:
    value = graphs()[which]
    again = from_json(to_json(value))
    assert bits(again) == bits(value)
    assert to_json(again) == to_json(value)
    assert again.op is None or draw(again).svg() == draw(value).svg()


def test_what_was_read_back_differentiates_and_leaves_are_leaves() -> None:
    x = Value(3.0, "x")
    again = from_json(to_json(x * x))
    again.backward()
    assert again.parents[0] is again.parents[1]
    assert again.parents[0].grad == 6.0


def test_the_schema() -> None:
    x = Value(3.0, "x")
    assert json.loads(to_json(named(x * 2.0, "y"))) == {
        "format": "microgrid graph",
        "version": 1,
        "nodes": [
            {"name": "x", "value": 3.0, "grad": 0.0, "constant": False},
            {"name": None, "value": 2.0, "grad": 0.0, "constant": True},
            {"name": "y", "value": 6.0, "grad": 0.0, "rule": "mul", "parents": [0, 1], "partials": [2.0, 3.0]},
        ],
    }


def test_numbers_of_another_machine_are_kept_and_wrong_ones_refused() -> None:
    text = to_json(Value(1.5, "x").exp())
    document = json.loads(text)
    document["nodes"][1]["value"] = math.nextafter(document["nodes"][1]["value"], 9.0)
    assert from_json(json.dumps(document)).data == document["nodes"][1]["value"]
    document["nodes"][1]["value"] *= 1 + 1e-6
    with pytest.raises(
        DataError, match=r"node 1 of the graph: the value of exp\(1\.5\) is 4\.48\d+, and 4\.48\d+ is written"
    ):
        from_json(json.dumps(document))


def edited(edit: Callable[[dict[str, Any]], Any]) -> str:
    document = json.loads(to_json(Value(3.0, "x") * 2.0))
    edit(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "isn't the JSON of a graph"),
        (to_json(Value(3.0, "x") * 2.0)[:-20], "isn't the JSON of a graph"),
        ("[" * 100_000, "isn't the JSON of a graph"),
        ("[]", '"format" must be "microgrid graph"'),
        ('{"format": "microgrid graph", "format": "x"}', "a key twice"),
        ('{"format": "microgrid graph", "version": 1, "nodes": [NaN]}', 'NaN is not JSON: write "nan"'),
        (edited(lambda d: d.update(version=2)), "version 2, and this is a reader of version 1"),
        (edited(lambda d: d.update(version=True)), "version True"),
        (edited(lambda d: d.update(more=1)), "should have"),
        (edited(lambda d: d.update(nodes=[])), "at least one node"),
        (edited(lambda d: d["nodes"][0].pop("grad")), "node 0 of the graph: it has"),
        (edited(lambda d: d["nodes"][0].update(value="3")), "a number is written as one"),
        (edited(lambda d: d["nodes"][0].update(value=10**400)), "too large for a float"),
        (edited(lambda d: d["nodes"][0].update(value=True)), "a number is written as one"),
        (edited(lambda d: d["nodes"][0].update(name=3)), "a name is a text or null"),
        (edited(lambda d: d["nodes"][0].update(constant=1)), '"constant" is true or false'),
        (edited(lambda d: d["nodes"][2].update(rule="__import__")), "there is no rule '__import__'"),
        (edited(lambda d: d["nodes"][2].update(rule=["mul"])), "there is no rule"),
        (edited(lambda d: d["nodes"][2].update(parents=[0, 2])), "index of an earlier node, not 2"),
        (edited(lambda d: d["nodes"][2].update(parents=[0, -1])), "index of an earlier node, not -1"),
        (edited(lambda d: d["nodes"][2].update(parents=[0], partials=[2.0])), "mul takes 2 operands, not 1"),
        (edited(lambda d: d["nodes"][2].update(partials=[2.0])), "lists of equal length"),
        (edited(lambda d: d["nodes"][2].update(partials=[2.0, -3.0])), "with respect to operand 2 of mul"),
        (edited(lambda d: d["nodes"][2].update(value=7)), "the value of mul"),
        (edited(lambda d: d["nodes"].pop(2)), "isn't made from node 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_a_sentence(text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        from_json(text)
    assert message in str(caught.value)


def test_bytes_are_read_and_other_things_refused() -> None:
    assert from_json(to_json(Value(3.0)).encode()).data == 3.0  # type: ignore[arg-type]  # as read from a file
    with pytest.raises(DataError, match="not from dict"):
        from_json({})  # type: ignore[arg-type]  # on purpose


def test_what_can_not_be_written_is_told() -> None:
    double = custom(lambda x: 2.0 * x, partials=lambda *_: (2.0,), name="double")
    with pytest.raises(DataError, match="'double' is an operation of your own"):
        to_json(double(Value(3.0)))
    x = Value(3.0, "x")
    y = x * x
    x.data = 4.0
    with pytest.raises(DataError, match="the data of a leaf was changed"):
        to_json(y)


def test_networkx_gets_every_number() -> None:
    pytest.importorskip("networkx")
    x = Value(3.0, "x")
    graph = to_networkx(named(x * x, "y"))
    assert graph.nodes[1] == {"name": "y", "value": 9.0, "grad": 0.0, "rule": "mul", "constant": False}
    assert [data["partial"] for *_, data in graph.edges(data=True)] == [3.0, 3.0]
