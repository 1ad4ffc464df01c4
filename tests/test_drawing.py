"""Drawings: what they say, that they fit any page, and what happens without a layout engine.

Pictures are read back with an XML parser. Engines that fail, hang or are missing are played by small scripts on a PATH
of their own, so that nothing here depends on what the machine has.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import stat
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import graphviz
import pytest

import microgrid
import microgrid.nn
from microgrid import (
    DataError,
    InvalidValueError,
    MissingPackageError,
    OutputError,
    Value,
    draw_dot,
    exp,
    logistic,
    named,
    sigmoid,
)
from microgrid.core.engine import recorder
from microgrid.drawing import Drawing, dot, excerpt, render
from microgrid.util import labels


def draw(value: Value, **options: Any) -> Drawing:
    """By Graphviz, which is tested here; the package's own layout of small graphs is in test_pictures."""
    drawing: Drawing = microgrid.draw(value, **({"engine": "graphviz"} | options))  # type: ignore[assignment]  # no steps
    return drawing


SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    'a{b|c}<d>"e"&amp;',
    "</title></svg><script>alert(1)</script>",
    "\\N \\G \\L \\n \\",
    'quote " and \\"',
    "]]> --> <!--",
    "名前のとても長い変数",
    "😀 σ ∂ ×",
    "%s {0} $x",
]


def square() -> tuple[Value, Value]:
    x = Value(3.0, name="x")
    return x, named(x * x, "y")


def parsed(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.svg())


def groups(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [group for group in root.iter(f"{SVG}g") if kind in group.get("class", "").split()]


def gap_nodes(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [group for group in groups(root, "node") if "mg-gap" in group.get("class", "")]


def words(element: ElementTree.Element) -> list[str]:
    return [part.text or "" for part in element.iter(f"{SVG}text")]


def tip(group: ElementTree.Element) -> str:
    return group.findtext(f"{SVG}title") or ""


def node_saying(root: ElementTree.Element, word: str) -> ElementTree.Element:
    (found,) = [group for group in groups(root, "node") if word in words(group)]
    return found


def fill(group: ElementTree.Element, word: str) -> str | None:
    (colour,) = {part.get("fill") for part in group.iter(f"{SVG}text") if part.text == word}
    return colour


# ---- what a drawing says --------------------------------------------------------------------------------------


def test_a_repeated_operand_has_one_edge_for_each_use_with_its_own_partial() -> None:
    x, y = Value(3.0, name="x"), Value(5.0, name="y")
    edges = groups(parsed(draw(named(x * x, "z") + y)), "edge")
    assert [words(edge) for edge in edges] == [["◄ 3"], ["◄ 3"], ["◄ 1"], ["◄ 1"]]


def test_a_node_shows_symbol_name_value_and_gradient() -> None:
    w, x = Value(0.5, name="w"), Value(2.0, name="x")
    root = parsed(draw(named(named(w * x, "z").exp(), "y")))
    assert words(node_saying(root, "z")) == ["z", "1", "×", "∂y/∂z", "2.718"]
    assert words(node_saying(root, "∂y/∂w")) == ["0.5", "w", "∂y/∂w", "5.437"]


def test_forward_stands_above_and_backward_below_in_another_colour() -> None:
    _, y = square()
    node = node_saying(parsed(draw(y)), "x")
    heights = {part.text: float(part.get("y", "nan")) for part in node.iter(f"{SVG}text")}
    assert heights["3"] < heights["x"] < heights["∂y/∂x"] < heights["6"]
    assert fill(node, "3") != fill(node, "6") == fill(node, "∂y/∂x")


def test_from_top_to_bottom_forward_stands_on_the_left_and_backward_on_the_right() -> None:
    x, z = Value(3.0, name="x"), Value(2.0, name="z")
    root = parsed(draw(named(x * z, "y"), rankdir="TB"))
    node = node_saying(root, "x")
    across = {part.text: float(part.get("x", "nan")) for part in node.iter(f"{SVG}text")}
    assert across["3"] < across["x"] < across["∂y/∂x"]
    assert "on the left of a node: its value" in words(root)


def test_layers_can_be_left_out() -> None:
    _, y = square()
    bare = parsed(draw(y, values=False, gradients=False, partials=False, legend=False))
    assert sorted(words(bare)) == ["x", "y", "×"]
    assert not re.search(r"[369]", "".join([tip(group) for group in groups(bare, "node")]))
    assert words(node_saying(parsed(draw(y, gradients=False)), "x")) == ["3", "x"]
    assert words(node_saying(parsed(draw(y, values=False)), "x")) == ["x", "∂y/∂x", "6", "= 3 + 3"]
    assert "∂" not in "".join(words(parsed(draw(y, gradients=False))))
    assert "above a node: its value" not in words(parsed(draw(y, values=False)))
    assert "◄" not in "".join(words(parsed(draw(y, partials=False))))


def test_an_edge_tells_incoming_times_local_is_the_contribution() -> None:
    w, x = Value(0.5, name="w"), Value(2.0, name="x")
    root = parsed(draw(named(named(w * x, "z") * -4.0, "L")))
    (edge,) = [group for group in groups(root, "edge") if tip(group).startswith("w → z")]
    assert tip(edge).splitlines() == [
        "w → z: operand 1 of 2",
        "incoming × local = contribution",
        "∂L/∂z × ∂z/∂w",
        "-4 × 2 = -8",
    ]


def test_an_edge_tells_its_local_derivative_alone_without_gradients() -> None:
    _, y = square()
    (tips,) = {tip(edge).partition("\n")[2] for edge in groups(parsed(draw(y, gradients=False)), "edge")}
    assert tips == "∂y/∂x = 3.0"


def test_a_node_with_several_children_shows_the_sum_over_paths() -> None:
    x = Value(3.0, name="x")
    y = named(named(x * x, "q") - x, "y")
    node = node_saying(parsed(draw(y)), "x")
    assert words(node)[-2:] == ["5", "= -1 + 3 + 3"]
    assert "the sum over 3 paths:" in tip(node)
    assert sorted(tip(node).splitlines()[-3:]) == ["1 × -1 = -1 from y", "1 × 3 = 3 from q", "1 × 3 = 3 from q"]


def test_a_sum_over_many_paths_is_told_in_the_tooltip_and_cut_short() -> None:
    x = Value(1.0, name="x")
    total = microgrid.sum([x] * 20)
    node = node_saying(parsed(draw(total)), "x")
    assert words(node)[-1] == "sum of 20 paths"
    assert "the sum over 20 paths:" in tip(node)
    assert tip(node).endswith("… and 12 more")


def test_the_shown_terms_add_up_with_their_signs() -> None:
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    y = -0.5 * a + a * b
    assert words(node_saying(parsed(draw(y)), "a"))[-1] == "= 3 - 0.5"


def test_a_long_sum_has_rows() -> None:
    a = Value(2.0, name="a")
    node = node_saying(parsed(draw(named(0.12345 * a + 0.23456 * a - 0.34567 * a, "y"))), "a")
    assert words(node)[-3:] == ["= -0.3457", "+ 0.2346", "+ 0.1235"]


@pytest.mark.parametrize(
    ("name", "of", "shown"),
    [
        ("w1", "L", "∂L/∂w1"),
        ("w[1]", "L", "∂L/∂w[1]"),
        ("h.w1", "L", "∂L/∂h.w1"),
        ("log a", "L", "∂L/∂(log a)"),
        ("log(a)", "L", "∂L/∂(log(a))"),
        ("-z", "L", "∂L/∂(-z)"),
        ("1 + exp(-z)", "L", "∂L/∂(…)"),
        ("w1", "log-likelihood", "∂/∂w1"),
        ("1 + exp(-z)", "log-likelihood", "∂/∂(…)"),
    ],
)
def test_a_ratio_has_parentheses_around_all_but_names_and_dots_for_long_ones(name: str, of: str, shown: str) -> None:
    leaf = groups(parsed(draw(named(Value(1.0, name=name) * 2.0, of))), "mg-input")[0]
    assert shown in words(leaf)
    assert f"/∂{name}" in tip(leaf) or f"/∂({name})" in tip(leaf)


def test_drawing_neither_needs_backward_nor_touches_grad() -> None:
    x, y = square()
    before = draw(y).dot
    y.backward()
    y.backward()
    assert draw(y).dot == before
    assert x.grad == 12.0


def test_names_that_are_missing_are_formulas_or_numbered_apart_from_those_in_use() -> None:
    x = Value(1.0, name="v1")
    names = words(parsed(draw(exp(exp(exp(x)) + Value(2.0)))))
    assert {"v1", "v2", "exp(v1)", "exp(exp(v1))", "… + v2", "out"} <= set(names)
    assert names.count("v1") == 1


def test_a_constant_is_its_number_and_has_no_gradient() -> None:
    x = Value(3.0, name="x")
    constant = groups(parsed(draw(x * 2.5)), "mg-constant")
    assert [words(group) for group in constant] == [["2.5"]]
    assert [tip(group) for group in constant] == ["2.5\nvalue 2.5"]


def test_a_constant_exponent_shows_no_derivative_that_it_does_not_have() -> None:
    edges = groups(parsed(draw(Value(3.0, name="x") ** 2)), "edge")
    assert [words(edge) for edge in edges] == [["◄ 6"], []]
    assert "never differentiated" in tip(edges[1])


def test_roles_differ_in_shape_and_fill() -> None:
    graph = logistic.sample_loss([1.0, 2.0], 1, [0.5, -0.25], 0.1)
    root = parsed(draw(graph.loss + Value(1.0, name="other"), parameters=[*graph.w, graph.b], data=[*graph.x, graph.y]))
    looks = set()
    for role in ("parameter", "data", "constant", "input", "operation", "output"):
        members = groups(root, f"mg-{role}")
        assert members
        shapes = [part for part in members[0] if part.tag in (f"{SVG}ellipse", f"{SVG}path", f"{SVG}polygon")]
        outline = "".join(re.findall("[A-Z]", shapes[0].get("d", "")))
        look = (len(shapes), shapes[0].tag, outline, shapes[0].get("stroke-dasharray"), shapes[0].get("stroke-width"))
        looks.add(look)
    assert len(looks) == 6
    chips = {"operation", "input", "parameter", "data: cylinder", "constant", "output: double outline"}
    assert chips <= set(words(root))


def test_a_role_is_given_to_one_value_to_several_or_to_a_models_parameters() -> None:
    model = microgrid.nn.Neuron(1)
    x = Value(2.0, name="x")
    y = model([x])
    for parameters in (model, model.parameters(), (p for p in model.parameters()), dict.fromkeys(model.parameters())):
        root = parsed(draw(y, parameters=parameters, data=x))
        assert len(groups(root, "mg-parameter")) == 2
        assert len(groups(root, "mg-data")) == 1


def test_the_legend_names_only_what_is_there() -> None:
    _, y = square()
    assert "parameter" not in words(parsed(draw(y)))
    assert not [word for word in words(parsed(draw(y, legend=False))) if "derivative" in word]


def test_a_leaf_can_be_drawn_alone() -> None:
    root = parsed(draw(Value(2.5, name="alone")))
    assert words(groups(root, "node")[0]) == ["2.5", "alone", "∂alone/∂(…)", "1"]
    assert repr(draw(Value(2.5))) == "<Drawing: the graph of out, 1 node>"


def test_long_symbols_and_names_are_shortened_and_full_in_the_tooltip() -> None:
    name = "an extremely long name " * 20
    root = parsed(draw(named(sigmoid(Value(1.0, name=name)), "y")))
    leaf = groups(root, "mg-input")[0]
    assert max([len(word) for word in words(leaf)]) < 40
    assert name in tip(leaf)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_hostile_names_come_out_as_they_are(name: str, rankdir: str) -> None:
    root = parsed(draw(named(Value(1.0, name=name) * 2.0, name), rankdir=rankdir))
    assert tip(groups(root, "mg-input")[0]).splitlines()[0] == name
    assert labels.shortened(name, 18) in words(groups(root, "mg-input")[0])
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("name", [" ", "\n", "\u3000", "\u200b", "&#92;", "&lt;b&gt;", "-->", "1"])
def test_names_that_look_like_nothing_or_like_markup_are_drawn(name: str) -> None:
    for rankdir in ("LR", "TB"):
        root = parsed(draw(named(Value(1.0, name=name) * Value(2.0, name="w"), name), rankdir=rankdir))
        assert tip(groups(root, "mg-input")[0]).splitlines()[0] == labels.one_line(name)


def test_an_operation_without_a_symbol_is_drawn() -> None:
    nameless = dataclasses.replace(microgrid.core.rules.RULES["mul"], symbol="")
    y = recorder(nameless)(Value(2.0, name="x"), Value(3.0, name="w"))
    assert words(groups(parsed(draw(y)), "mg-output")[0])[:3] == ["out", "6", "mul"]


def test_what_can_not_be_printed_is_replaced() -> None:
    root = parsed(draw(named(Value(1.0, name="a\x00\x1b\ud800b") + 1.0, "one\ntwo\rthree\tfour")))
    assert "a���b" in words(root)
    assert "one two three four" in words(root)


# ---- nothing overlaps -----------------------------------------------------------------------------------------

Box = tuple[float, float, float, float]
Point = tuple[float, float]


def numbers(attribute: str | None) -> list[Point]:
    found = [float(x) for x in re.findall(r"-?[\d.]+", attribute or "")]
    return list(zip(found[::2], found[1::2], strict=True))


def text_box(part: ElementTree.Element) -> Box:
    """Where the letters are: from the top of a capital to the base line, as wide as drawings take text to be."""
    size, x, y = (float(part.get(name, "nan")) for name in ("font-size", "x", "y"))
    wide = labels.width(part.text or "", size)
    left = x - wide / 2 if part.get("text-anchor") == "middle" else x
    return left, y - 0.7 * size, left + wide, y


def shape_box(group: ElementTree.Element) -> list[Box]:
    for part in group:
        if part.tag == f"{SVG}ellipse":
            cx, cy, rx, ry = (float(part.get(name, "nan")) for name in ("cx", "cy", "rx", "ry"))
            return [(cx - rx, cy - ry, cx + rx, cy + ry)]
        if part.tag in (f"{SVG}path", f"{SVG}polygon"):
            xs, ys = zip(*numbers(part.get("d", "") + part.get("points", "")), strict=True)
            return [(min(xs), min(ys), max(xs), max(ys))]
    return []


def curve(path: ElementTree.Element) -> list[Point]:
    """Points along a chain of Bézier curves, some of them in each 2 pt of the way."""
    points = numbers(path.get("d"))
    along = []
    for a, b, c, d in zip(points[:-1:3], points[1::3], points[2::3], points[3::3], strict=True):
        steps = 1 + int(math.dist(a, b) + math.dist(b, c) + math.dist(c, d))
        for t in [step / steps for step in range(steps + 1)]:
            s = 1 - t
            weights = (s**3, 3 * s * s * t, 3 * s * t * t, t**3)
            x, y = (sum([w * v for w, v in zip(weights, axis, strict=True)]) for axis in zip(a, b, c, d, strict=True))
            along.append((x, y))
    return along


def overlaps(drawing: Drawing) -> list[str]:
    """What covers what, by more than a point: words and words, words and shapes, edges and either."""
    root = parsed(drawing)
    nodes, edges = groups(root, "node"), groups(root, "edge")
    texts = [(group, part.text, text_box(part)) for group in nodes + edges for part in group.iter(f"{SVG}text")]
    shapes = [(group, words(group)[0], box) for group in nodes for box in shape_box(group)]
    found = []
    for index, (group, word, (left, top, right, bottom)) in enumerate(texts):
        for other, said, (west, north, east, south) in texts[index + 1 :] + shapes:
            if other is not group and min(right, east) - max(left, west) > 1 < min(bottom, south) - max(top, north):
                found.append(f"{word} and {said}")
    lines = [path for edge in edges for path in edge.iter(f"{SVG}path") if path.get("stroke-opacity") != "0"]
    assert lines
    for path in lines:
        along = curve(path)
        for boxes, rim in ((texts, 1), (shapes, 8)):  # a shape covers the end of an edge that reaches into it
            for _, word, (left, top, right, bottom) in boxes:
                if any([left + rim < x < right - rim and top + rim < y < bottom - rim for x, y in along]):
                    found.append(f"{word} and an edge")
    return found


def perceptron_loss() -> Drawing:
    model = microgrid.nn.MLP(2, [3, 1])
    for index, parameter in enumerate(model.parameters()):
        parameter.data = math.sin(1.0 + 7 * index)
    x = [Value(1.0, name="x1"), Value(-2.0, name="x2")]
    return draw(named((model(x) - 1.0) ** 2, "L"), parameters=model, data=x)


def samples_loss(count: int) -> Drawing:
    X, y = [[0.1 * i - 3.0, 1.0 - i % 3] for i in range(count)], [i % 2 for i in range(count)]
    graph = logistic.dataset_loss(X, y, [0.1, 0.2], 0.3)
    return draw(graph.loss, parameters=[*graph.w, graph.b], data=[sample.y for sample in graph.samples])


def sample_loss(form: logistic.Form, rankdir: str = "LR") -> Drawing:
    graph = logistic.sample_loss([1.097, -2.073], 1, [0.5, -0.25], 0.1, form=form)
    return draw(graph.loss, parameters=[*graph.w, graph.b], data=[*graph.x, graph.y], rankdir=rankdir)


def fan_out(rankdir: str = "LR") -> Drawing:
    x = Value(0.5, name="x")
    return draw(microgrid.maximum(x * x, x.exp()) - microgrid.where(x < 1.0, x * 3.0, x + x), rankdir=rankdir)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: sample_loss("textbook"), id="textbook"),
        pytest.param(lambda: sample_loss("textbook", "TB"), id="textbook, downwards"),
        pytest.param(lambda: sample_loss("logit"), id="logit"),
        pytest.param(perceptron_loss, id="perceptron"),
        pytest.param(lambda: samples_loss(3), id="3 samples"),
        pytest.param(lambda: samples_loss(60), id="60 samples"),
        pytest.param(fan_out, id="fan-out"),
    ],
)
@pytest.mark.unmeasured
def test_nothing_overlaps(make: Callable[[], Drawing]) -> None:
    assert overlaps(dataclasses.replace(make(), engine="graphviz-pure")) == []


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ('<g class="node"><text x="9" y="9" font-size="10">a</text></g>', ["a and an edge"]),
        ('<g class="node"><ellipse cx="10" cy="10" rx="20" ry="20"/><text>a</text></g>', ["a and an edge"]),
        (
            (
                '<g class="node"><text x="50" y="9" font-size="10">a</text></g>'
                '<g class="edge"><text x="53" y="12" font-size="10">b</text></g>'
            ),
            ["a and b"],
        ),
        ('<g class="node"><text x="50" y="9" font-size="10">a</text></g>', []),
    ],
)
def test_overlaps_would_be_seen(fake: FakeEngine, parts: str, found: list[str]) -> None:
    line = '<g class="edge"><path d="M0,6C5,6 10,6 20,6"/></g>'
    fake("dot", f"echo '<svg viewBox=\"0 0 1 1\">{line}{parts}</svg>'")
    assert overlaps(draw(square()[1])) == found


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_a_local_derivative_stands_on_its_edge(rankdir: str) -> None:
    edges = groups(parsed(fan_out(rankdir)), "edge")
    assert len(edges) == 16
    for edge in edges:
        first, second = [curve(path) for path in edge.iter(f"{SVG}path") if path.get("stroke-opacity") != "0"]
        (label,) = edge.iter(f"{SVG}text")
        left, top, right, bottom = text_box(label)
        for x, y in (first[-1], second[0]):
            assert max(left - x, x - right, top - y, y - bottom) < 6
        assert f" × {(label.text or '').removeprefix('◄ ')} = " in tip(edge)


# ---- numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (0.1 + 0.2, "0.3"),
        (1e-12, "1e-12"),
        (-1.23456e-12, "-1.235e-12"),
        (5e-324, "4.941e-324"),
        (1.0, "1"),
        (-569.0, "-569"),
        (1234567.0, "1234567"),
        (12345.678, "12346"),
        (1e7, "1e7"),
        (1.5e300, "1.5e300"),
        (-0.0, "-0.0"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_numbers_have_four_digits_and_are_read_back(x: float, shown: str) -> None:
    assert labels.number(x) == shown
    assert math.isnan(x) or math.isclose(float(shown), x, rel_tol=1e-3)


def test_a_tiny_gradient_is_not_drawn_as_zero() -> None:
    x = Value(3.0, name="x")
    assert {"1e-12", "◄ 1e-12"} <= set(words(parsed(draw(x * 1e-12))))


def test_saturated_graphs_are_drawn_with_nan_and_inf() -> None:
    graph = logistic.sample_loss([800.0], 0, [1.0], 0.0)
    shown = set(words(parsed(draw(graph.loss))))
    assert {"inf", "nan"} <= shown


# ---- large graphs ---------------------------------------------------------------------------------------------


def chain(length: int) -> Value:
    node = Value(0.0, name="start")
    for _ in range(length):
        node = -node
    return node


def test_a_sum_over_samples_shows_the_first_the_last_and_how_many_more() -> None:
    samples = [Value(float(i), name=f"l{i}") for i in range(569)]
    root = parsed(draw(named(microgrid.sum(samples), "L")))
    drawn = [word for group in groups(root, "mg-input") for word in words(group) if word.startswith("l")]
    assert drawn == ["l0", "l1", "l2", "l568"]
    assert words(gap_nodes(root)[0]) == ["…", "565 operands", "565 more nodes"]
    assert "5 of 570 nodes and" in words(root)
    assert "4 of 569 edges are drawn;" in words(root)


def test_both_lists_of_a_dot_product_are_collapsed_alike() -> None:
    xs, ws = [[Value(1.0, name=f"{letter}{i}") for i in range(300)] for letter in "xw"]
    root = parsed(draw(microgrid.dot(xs, ws)))
    drawn = {word for group in groups(root, "mg-input") for word in words(group)}
    assert {"x0", "x1", "x2", "x299", "w0", "w1", "w2", "w299"} <= drawn
    assert "x298" not in drawn


def test_one_leaf_a_thousand_times_is_collapsed_too() -> None:
    x = Value(1.0, name="x")
    root = parsed(draw(microgrid.sum([x] * 1000)))
    assert len([edge for edge in groups(root, "edge") if words(edge)]) == 4
    assert words(gap_nodes(root)[0]) == ["…", "996 operands", "drawn or counted elsewhere"]
    assert "1000" in words(node_saying(root, "x"))


@pytest.mark.unmeasured
def test_a_long_chain_is_summarised_in_linear_time_with_the_true_total() -> None:
    node = chain(100_000)
    start = time.perf_counter()
    root = parsed(draw(node))
    assert time.perf_counter() - start < 20.0
    assert "26 of 100,001 nodes and" in words(root)
    assert "99,975 more nodes" in words(root)


def test_every_hidden_node_is_counted_once() -> None:
    graph = logistic.dataset_loss([[0.1 * i, 1.0] for i in range(100)], [i % 2 for i in range(100)], [0.1, 0.2], 0.3)
    shown = excerpt.excerpt(graph.loss, 60)
    assert len(shown.nodes) <= 60
    assert shown.total - len(shown.nodes) == sum([gap.nodes for gap in shown.gaps.values()])
    drawn = sum([len(places) for places in shown.nodes.values()])
    assert shown.edges - drawn >= sum([gap.operands for gap in shown.gaps.values()])


@pytest.mark.parametrize("most", [1, 2, 7, 200])
def test_never_more_nodes_than_asked_for(most: int) -> None:
    root = parsed(draw(chain(300) + chain(300), max_nodes=most))
    assert len(groups(root, "node")) - len(gap_nodes(root)) <= most
    assert node_saying(root, "out") is not None


def test_a_graph_that_fits_is_drawn_whole() -> None:
    root = parsed(draw(chain(199)))
    assert not groups(root, "mg-gap")
    assert len(groups(root, "node")) == 200
    assert not [word for word in words(root) if "are drawn" in word]


def test_thousands_of_nodes_can_be_asked_for() -> None:
    drawing = draw(chain(4_999), max_nodes=5_000)
    assert drawing.dot.count("◄ -1") == 4_999


def test_hidden_children_are_named_in_the_sum_over_paths() -> None:
    w = Value(2.0, name="w")
    node = node_saying(parsed(draw(microgrid.sum([named(w * float(i), f"p{i}") for i in range(300)]))), "w")
    assert "the sum over 300 paths:" in tip(node)
    assert "from p298" in tip(node)


# ---- the same bytes, and a page's needs -----------------------------------------------------------------------


def test_the_text_is_the_same_in_every_process_and_under_every_hash_seed() -> None:
    script = (
        "from microgrid import logistic, draw\n"
        "g = logistic.dataset_loss([[i, 1.0] for i in range(50)], [i % 2 for i in range(50)], [0.1, 0.2], 0.3)\n"
        "print(draw(g.loss, parameters=g.w, data=[s.y for s in g.samples]).dot)"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(texts) == 1


def test_svg_has_no_ids_styles_or_scripts_and_an_opaque_background() -> None:
    _, y = square()
    drawing = draw(y)
    root = parsed(drawing)
    for element in root.iter():
        assert element.tag.startswith(SVG)
        assert element.tag not in (f"{SVG}style", f"{SVG}script", f"{SVG}a")
        assert not {"id", "style", "href", "onclick"} & set(element.attrib)
    background = root.find(f"{SVG}g/{SVG}polygon")
    assert background is not None
    assert background.get("fill") in ("#ffffff", "white")
    assert drawing.svg() == drawing.svg()
    assert drawing.svg().startswith("<svg ")
    assert root.get("aria-label") == "the graph of y, 2 nodes; y = 9; x = 3, ∂y/∂x = 6"


def test_text_is_centred_on_its_node_whatever_the_font() -> None:
    _, y = square()
    circle = node_saying(parsed(draw(y)), "y")
    ellipse = circle.find(f"{SVG}ellipse")
    assert ellipse is not None
    for part in circle.iter(f"{SVG}text"):
        assert part.get("text-anchor") == "middle"
        assert float(part.get("x", "nan")) == float(ellipse.get("cx", "nan"))


def test_png_is_a_png() -> None:
    _, y = square()
    assert draw(y).png().startswith(b"\x89PNG\r\n")


# ---- saving ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("dot", b"digraph"), ("SVG", b"<svg")]
)
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = draw(square()[1]).save(tmp_path / f"graph.{suffix}")
    assert path == tmp_path / f"graph.{suffix}"
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["graph.jpg", "graph", "svg"])
def test_another_suffix_is_refused_with_those_that_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"\.svg, \.png, \.dot"):
        draw(square()[1]).save(tmp_path / name)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"(?s)missing.*choose a folder"):
        draw(square()[1]).save(tmp_path / "missing" / "graph.dot")


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "graph.dot"
    path.write_text("old", encoding="utf-8")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        draw(square()[1]).save(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_saving_onto_a_folder_fails_cleanly(tmp_path: Path) -> None:
    (tmp_path / "graph.dot").mkdir()
    with pytest.raises(OutputError, match=re.escape("graph.dot")):
        draw(square()[1]).save(tmp_path / "graph.dot")
    assert [path.name for path in tmp_path.iterdir()] == ["graph.dot"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.dot").write_text("old", encoding="utf-8")
    (tmp_path / "link.dot").symlink_to(tmp_path / "real.dot")
    draw(square()[1]).save(tmp_path / "link.dot")
    assert (tmp_path / "link.dot").is_symlink()
    assert (tmp_path / "real.dot").read_text(encoding="utf-8").startswith("digraph")


def test_draw_dot_gives_what_micrograds_gives(tmp_path: Path) -> None:
    drawing = draw_dot(square()[1], format="png", rankdir="TB")
    assert isinstance(drawing, graphviz.Digraph)
    assert "rankdir=TB" in drawing.source
    assert drawing.render(str(tmp_path / "gout")) == str(tmp_path / "gout.png")
    assert (tmp_path / "gout.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in drawing.pipe(format="svg")
    drawing.node("more")
    assert "more" in drawing.source


# ---- wrong arguments ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda _: draw(3.0), InvalidValueError, "not 3.0"),  # type: ignore[arg-type]  # on purpose
        (lambda v: draw(v, parameters=["w"]), InvalidValueError, "not 'w'"),
        (lambda v: draw(v, parameters=3.0), InvalidValueError, "parameters is a Value, several .* not 3.0"),
        (lambda v: draw(v, data=len), InvalidValueError, "data is a Value, several"),
        (lambda v: draw(v, parameters=[[v]]), InvalidValueError, "only Values"),
        (lambda v: draw(v, max_nodes=0), DataError, "whole number from 1"),
        (lambda v: draw(v, max_nodes="many"), DataError, "whole number from 1"),
        (lambda v: draw(v, rankdir="diagonal"), DataError, "LR, TB"),
        (lambda v: draw(v, engine="neato"), DataError, "dot, graphviz-pure"),
        (lambda v: draw_dot(v, format="gif"), DataError, "svg, png, pdf, dot"),
        (lambda v: draw(v).render("x", format="gif"), DataError, "svg, png, dot"),
        (lambda _: Drawing("digraph {}", engine="neato").svg(), DataError, "dot, graphviz-pure"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[Value], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(Value(1.0))


# ---- engines --------------------------------------------------------------------------------------------------

FakeEngine = Callable[[str, str], Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Puts a shell script of that name on a PATH that has nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(render, "_scripts", lambda: str(tmp_path / "nowhere"))

    def make(name: str, body: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n/bin/cat > /dev/null\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return make


PICTURE = "echo '<svg viewBox=\"0 0 1 1\"/>'"


def test_the_systems_dot_comes_first(fake: FakeEngine) -> None:
    pure, system = fake("graphviz-pure", PICTURE), fake("dot", PICTURE)
    assert render.find_command() == str(system)
    assert render.find_command("graphviz-pure") == str(pure)


def test_without_dot_graphviz_pure_is_found(fake: FakeEngine) -> None:
    pure = fake("graphviz-pure", PICTURE)
    assert render.find_command() == str(pure)
    with pytest.raises(MissingPackageError, match="there is no dot"):
        render.find_command("dot")


def test_graphviz_pure_is_found_beside_the_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(render.find_command()).name.startswith("graphviz-pure")
    assert parsed(draw(square()[1])).tag == f"{SVG}svg"


@pytest.mark.usefixtures("fake")
def test_without_an_engine_the_error_says_what_to_install(tmp_path: Path) -> None:
    drawing = draw(square()[1])
    for attempt in (drawing.svg, drawing.png, lambda: drawing.save(tmp_path / "graph.svg")):
        with pytest.raises(MissingPackageError, match=r"pip install 'microgrid-autodiff\[draw\]'"):
            attempt()
    assert not (tmp_path / "graph.svg").exists()
    assert drawing.save(tmp_path / "graph.dot").exists()


@pytest.mark.usefixtures("fake")
def test_a_notebook_without_an_engine_shows_what_to_install() -> None:
    bundle = draw(square()[1])._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "microgrid-autodiff[draw]" in bundle["text/plain"]


def test_notes_about_widths_are_kept_from_the_user(fake: FakeEngine, capfd: pytest.CaptureFixture[str]) -> None:
    fake("dot", f"echo 'Warning: no value for width of non-ASCII character 226' >&2; {PICTURE}")
    assert draw(square()[1]).svg().startswith("<svg")
    assert capfd.readouterr() == ("", "")


def test_a_failure_shows_what_the_engine_said_without_its_notes(fake: FakeEngine) -> None:
    fake("dot", "echo 'no value for width of x' >&2; echo 'syntax error near {' >&2; exit 3")
    with pytest.raises(OutputError, match=r"exit status 3: syntax error near \{$"):
        draw(square()[1]).svg()


def test_an_engine_that_dies_silently_is_an_error(fake: FakeEngine) -> None:
    fake("dot", "exit 0")
    with pytest.raises(OutputError, match="it gave no reason"):
        draw(square()[1]).png()


def test_an_engine_that_hangs_is_stopped(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = fake("dot", 'echo $$ > "$0.pid"; exec /bin/sleep 60')
    monkeypatch.setattr(render, "TIMEOUT", 0.5)
    with pytest.raises(OutputError, match=r"did not finish within 0\.5 s: draw fewer nodes"):
        draw(square()[1]).svg()
    started = engine.with_name("dot.pid")
    for _ in range(100):
        if not started.exists() or not is_running(int(started.read_text())):
            return
        time.sleep(0.05)
    raise AssertionError("the engine is still running")


def is_running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]
    except FileNotFoundError:
        return False


def test_the_graphviz_package_renders_and_where_it_is_missing_the_command_itself(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("dot", f'echo "$@" > "$0.said"; {PICTURE}')
    said = Path(render.find_command()).with_name("dot.said")
    draw(square()[1]).svg()
    assert said.read_text() == "-Kdot -Tsvg\n"
    monkeypatch.setattr(render, "find_spec", lambda _: None)
    draw(square()[1]).svg()
    assert said.read_text() == "-Tsvg\n"
    fake("dot", "").write_bytes(b"\x7fELF broken")
    with pytest.raises(OutputError, match="can't be run"):
        draw(square()[1]).svg()


def test_an_engine_that_can_not_be_run_is_an_error(fake: FakeEngine) -> None:
    fake("dot", "").write_bytes(b"\x7fELF broken")
    with pytest.raises(OutputError, match="can't be run"):
        draw(square()[1]).svg()


def test_a_broken_picture_is_an_error(fake: FakeEngine) -> None:
    fake("dot", "echo '<svg'")
    with pytest.raises(OutputError, match="can't be read"):
        draw(square()[1]).svg()


def test_unfamiliar_svg_passes_through(fake: FakeEngine) -> None:
    body = '<g class="graph"><title>t</title><g class="node"><text x="1">a</text></g><g class="edge"/></g>'
    fake("dot", f"echo '<svg viewBox=\"0 0 1 1\">{body}</svg>'")
    assert words(parsed(draw(square()[1]))) == ["a"]


# ---- notebooks ------------------------------------------------------------------------------------------------


def test_importing_draws_on_nothing_heavy() -> None:
    script = "import sys, microgrid; print(sorted({'graphviz', 'subprocess', 'xml', 'numpy'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_public_names_are_listed() -> None:
    assert microgrid.drawing.__all__ == ["Drawing", "Series", "draw", "draw_dot"]
    assert dot.__all__


def test_a_file_that_is_replaced_keeps_its_mode_and_a_null_byte_in_a_path_is_told(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.write_text("")
    path.chmod(0o640)
    draw(Value(2.0) * 3.0).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(OutputError, match="null byte"):
        draw(Value(2.0) * 3.0).save("graph\0.dot")
