"""The layout of small graphs: nothing on top of anything, chains straight, rows where a single value crosses."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from microgrid.layout import Box, Edge, Frame, Group, Label, Layout, Node, lay_out
from microgrid.layout.blocks import Pull, settled
from microgrid.layout.simplex import Constraint, positions

pytestmark = pytest.mark.any_engine

Rectangle = tuple[float, float, float, float]

NUMBER = "-0.001234"


def leaf(name: str, *, listed: bool = False) -> Node:
    return Node(name, shape="box", value=NUMBER, gradient=f"∂ {NUMBER}", listed=listed)


def operation(symbol: str, *parents: int, name: str = "") -> Node:
    partials = ("◂ -0.123",) * len(parents)
    return Node(symbol, parents, name=name, value=NUMBER, gradient=f"∂ {NUMBER}", partials=partials)


def chain(length: int) -> list[Node]:
    return [leaf("x"), *[operation("sin", index) for index in range(length)]]


def random_graph(seed: int, count: int) -> list[Node]:
    source = random.Random(seed)
    nodes = [leaf(f"x{index}") for index in range(source.randint(1, 5))]
    for index in range(len(nodes), count):
        arity = source.choice([1, 2, 2, 2, 3])
        nodes.append(
            operation("×", *[source.randrange(max(0, index - 6), index) for _ in range(arity)], name=f"v{index}")
        )
    return nodes


def neuron_layers() -> tuple[list[Node], list[Group]]:
    """Two inputs, three neurons of a hidden layer, one output."""
    nodes = [leaf("x1"), leaf("x2")]
    groups = []
    outputs = []
    for _ in range(3):
        first = len(nodes)
        nodes += [leaf("w1", listed=True), leaf("w2", listed=True), leaf("b")]
        nodes += [operation("dot", first, first + 1, 0, 1), operation("+", first + 3, first + 2)]
        nodes.append(operation("relu", first + 4))
        outputs.append(first + 5)
        groups.append(Group(f"neuron {len(outputs)}", frozenset(range(first, first + 6))))
    groups.append(Group("layer 1", frozenset().union(*[group.members for group in groups])))
    nodes.append(operation("Σ", *outputs))
    return nodes, groups


def around(thing: Box | Label | Frame) -> Rectangle:
    if isinstance(thing, Label):
        half = thing.height / 2
        return thing.left, thing.y - half, thing.left + thing.width, thing.y + half
    if isinstance(thing, Box):
        wide, tall = thing.width / 2, thing.height / 2
        return thing.x - wide, thing.y - tall, thing.x + wide, thing.y + tall
    return thing.x, thing.y, thing.x + thing.width, thing.y + thing.height


def overlap(one: Rectangle, two: Rectangle) -> bool:
    wide = min(one[2], two[2]) - max(one[0], two[0])
    tall = min(one[3], two[3]) - max(one[1], two[1])
    return wide > 0.5 and tall > 0.5


def texts(layout: Layout) -> list[Label]:
    """The labels that belong to nodes and stand beside them."""
    return [label for label in layout.labels if label.kind in ("name", "value", "gradient", "terms")]


def crossed(layout: Layout) -> Iterator[tuple[Edge, Label]]:
    for edge in layout.edges:
        for label in texts(layout):
            left, top, right, bottom = around(label)
            if any([left + 1 < x < right - 1 and top + 1 < y < bottom - 1 for x, y in edge.points()]):
                yield edge, label


def assert_sound(layout: Layout) -> None:
    rows = {box.node for box in layout.boxes if box.shape == "row"}
    places = [around(label) for label in texts(layout) if label.node not in rows]
    places += [around(box) for box in layout.boxes]
    for at, place in enumerate(places):
        assert place[0] >= 0
        assert place[1] >= 0
        assert place[2] <= layout.width
        assert place[3] <= layout.height
        assert not [other for other in places[:at] if overlap(place, other)]
    assert not list(crossed(layout))


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("seed", range(12))
def test_no_text_or_shape_is_on_another_and_no_edge_crosses_a_text(seed: int, direction: str) -> None:
    nodes = random_graph(seed, 6 + 2 * seed)
    layout = lay_out(nodes, direction=direction)
    assert {box.node for box in layout.boxes} == set(range(len(nodes)))
    assert {(edge.node, edge.edge) for edge in layout.edges} == {
        (index, edge) for index, node in enumerate(nodes) for edge in range(len(node.parents))
    }
    assert_sound(layout)


@pytest.mark.parametrize("direction", ["right", "down"])
def test_a_chain_is_straight(direction: str) -> None:
    layout = lay_out(chain(8), direction=direction, width=2000)
    places = [box.y if direction == "right" else box.x for box in layout.boxes]
    assert len(set(places)) == 1
    for edge in layout.edges:
        assert len({round(y if direction == "right" else x, 6) for x, y in edge.points()}) == 1


def test_a_leaf_stands_right_before_its_use() -> None:
    nodes = [*chain(5), leaf("y"), operation("+", 5, 6)]
    layout = lay_out(nodes, width=2000)
    places = {box.node: box.x for box in layout.boxes}
    assert places[4] < places[6] == places[5] < places[7]


def test_a_wide_graph_is_cut_where_a_single_value_crosses_and_the_value_stands_again() -> None:
    nodes = [*chain(10), leaf("y"), operation("×", 10, 11)]
    wide, narrow = lay_out(nodes, width=2000), lay_out(nodes, width=650)
    assert (wide.rows, narrow.rows) == (1, 2)
    again = [box for box in narrow.boxes if box.again]
    assert len(again) == 1
    assert narrow.width < 0.7 * wide.width
    assert_sound(narrow)
    below = [box.node for box in narrow.boxes if box.y > again[0].y - 60 and not box.again]
    assert 11 in below
    assert all([node > again[0].node for node in below])


def test_a_value_that_crossed_before_is_still_there_for_a_branch_that_needs_it_later() -> None:
    nodes = chain(10)
    nodes += [operation("cos", index) for index in range(10, 21)]
    nodes += [leaf("y"), *[operation("exp", index) for index in range(22, 33)]]
    nodes.append(operation("×", 21, 33))
    layout = lay_out(nodes, width=650)
    assert sorted([box.node for box in layout.boxes if not box.again]) == list(range(len(nodes)))
    assert_sound(layout)


def test_what_crosses_in_several_values_is_not_cut() -> None:
    nodes = [leaf("x"), *[operation("×", index, 0) for index in range(15)]]
    assert lay_out(nodes, width=650).rows == 1


def test_a_narrow_page_is_read_from_top_to_bottom() -> None:
    layout = lay_out([leaf("w"), leaf("x"), operation("×", 0, 1), leaf("b"), operation("+", 2, 3)], width=390)
    assert layout.direction == "down"
    assert layout.width <= 390
    y = {box.node: box.y for box in layout.boxes}
    assert y[0] == y[1] < y[2] < y[4]


def test_leaves_of_one_child_stand_in_a_list_with_one_line_to_it() -> None:
    nodes, _ = neuron_layers()
    layout = lay_out(nodes)
    rows = [box for box in layout.boxes if box.shape == "row"]
    assert [box.node for box in rows] == [2, 3, 8, 9, 14, 15]
    line = next(edge for edge in layout.edges if edge.listed)
    assert (line.node, line.listed) == (5, (0, 1))
    partials = [label for label in layout.labels if label.kind == "partial" and label.node == 5]
    assert sorted([label.edge for label in partials if label.edge is not None]) == [0, 1, 2, 3]
    assert_sound(layout)


@pytest.mark.parametrize("direction", ["right", "down"])
def test_a_frame_holds_its_members_and_nothing_else(direction: str) -> None:
    nodes, groups = neuron_layers()
    layout = lay_out(nodes, direction=direction, groups=groups)
    assert_sound(layout)
    assert [frame.name for frame in layout.frames] == ["layer 1", "neuron 1", "neuron 2", "neuron 3"]
    for frame in layout.frames:
        left, top, right, bottom = around(frame)
        things: list[Box | Label] = [*layout.boxes, *texts(layout)]
        for thing in things:
            place = around(thing)
            if thing.node in groups[frame.group].members:
                assert left <= place[0] <= place[2] <= right
                assert top <= place[1] <= place[3] <= bottom
            else:
                assert not overlap(place, (left, top, right, bottom))


@pytest.mark.unmeasured
def test_a_large_graph_has_nothing_on_top_of_anything_and_long_edges_are_straight() -> None:
    nodes = random_graph(0, 50)
    layout = lay_out(nodes, width=900)
    assert {box.node for box in layout.boxes} == set(range(50))
    assert_sound(layout)
    nodes, groups = neuron_layers()
    for _ in range(30):  # beyond the size for which the least stretch is searched
        nodes += [leaf("w"), operation("×", len(nodes) - 1, len(nodes))]
    layout = lay_out(nodes, width=1e5, groups=groups)
    assert_sound(layout)
    spine = {box.y for box in layout.boxes if box.node >= len(nodes) - 40 and nodes[box.node].parents}
    assert len(spine) == 1
    frames = [around(frame) for frame in layout.frames if frame.name != "layer 1"]
    assert not [1 for at, one in enumerate(frames) for two in frames[:at] if overlap(one, two)]


def test_the_same_graph_has_the_same_layout() -> None:
    assert lay_out(random_graph(3, 30)) == lay_out(random_graph(3, 30))


@pytest.mark.parametrize("seed", range(20))
def test_positions_are_the_least(seed: int) -> None:
    scipy_optimize = pytest.importorskip("scipy.optimize")
    source = random.Random(seed)
    count = source.randint(2, 20)
    pairs = [(source.randrange(head), head) for head in range(1, count)]
    for _ in range(source.randint(0, 25)):
        low, high = sorted(source.sample(range(count), 2))
        pairs.append((low, high))
    constraints = [Constraint(tail, head, source.randint(0, 20), source.randint(0, 5)) for tail, head in pairs]
    found = positions(constraints, settled(count, constraints, [], []))
    assert min(found) == 0
    assert all([found[c.head] - found[c.tail] >= c.length for c in constraints])
    cost = [0] * count
    rows = []
    for c in constraints:
        cost[c.head] += c.weight
        cost[c.tail] -= c.weight
        row = [0] * count
        row[c.head] -= 1
        row[c.tail] += 1
        rows.append(row)
    best = scipy_optimize.linprog(cost, rows, [-c.length for c in constraints], bounds=[(0, None)] * count)
    assert sum([a * b for a, b in zip(cost, found, strict=True)]) == pytest.approx(best.fun)


def test_constraints_in_a_cycle_are_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        settled(2, [Constraint(0, 1, 1), Constraint(1, 0, 1)], [], [])


@pytest.mark.parametrize("seed", range(10))
def test_without_a_search_positions_keep_their_distances_and_hardly_stretch_more(seed: int) -> None:
    source = random.Random(seed)
    rows = [[10 * rank + at for at in range(10)] for rank in range(6)]
    apart = [Constraint(a, b, source.randint(5, 20)) for row in rows for a, b in pairwise(row)]
    pulls = [Pull(a, source.choice(after), source.choice((2, 8))) for row, after in pairwise(rows) for a in row]
    straight = [Pull(row[0], after[0], 16) for row, after in pairwise(rows)]

    def stretch(at: list[int]) -> int:
        return sum([weight * abs(at[one] - at[other]) for one, other, weight in pulls])

    found = settled(60, apart, pulls, straight)
    assert all([found[c.head] - found[c.tail] >= c.length for c in apart])
    assert len({found[row[0]] for row in rows}) == 1
    ends = [Constraint(60 + at, end, 0, pull.weight) for at, pull in enumerate(pulls) for end in pull[:2]]
    start = found + [min(found[pull.one], found[pull.other]) for pull in pulls]
    assert stretch(found) <= 1.5 * stretch(positions([*apart, *ends], start)[:60])


def test_what_cannot_be_straight_bends() -> None:
    assert settled(2, [Constraint(0, 1, 5)], [Pull(0, 1, 1)], [Pull(0, 1, 1)]) == [0, 5]


def test_an_edge_is_a_path_and_points() -> None:
    layout = lay_out(chain(1))
    edge = layout.edges[0]
    assert edge.path.startswith("M")
    assert edge.points()[0] == edge.start
    assert all([a[0] <= b[0] for a, b in pairwise(edge.points())])
