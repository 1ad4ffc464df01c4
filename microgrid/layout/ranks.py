"""Ranks and orders: in which column each thing stands, and in which order within it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from microgrid.layout.vertices import Vertex, bend

__all__ = ["Link", "Ranked", "common", "ranked"]

_SWEEPS, _IN_VAIN = 12, 3  # at most, and of them without fewer crossings one after the other


@dataclass(slots=True, eq=False)
class Link:
    """An edge from one vertex to another; the other fields are as ``Edge`` has them."""

    tail: int
    head: int
    node: int
    edge: int
    text: str = ""
    listed: tuple[int, ...] = ()
    chain: list[int] = field(default_factory=list)  # both vertices, and those of the bends between them


class Ranked:
    """Vertices in their ranks, each rank in its order. Every piece of an edge leads from one rank to the next."""

    def __init__(self, vertices: list[Vertex], links: list[Link], rank: list[int], direction: str) -> None:
        self.vertices, self.links, self.rank, self.direction = vertices, links, rank, direction
        self.ranks: list[list[int]] = [[] for _ in range(max(rank, default=0) + 1)]

    def pieces(self) -> list[tuple[int, int]]:
        """The pieces of all edges between adjacent ranks."""
        return [pair for link in self.links for pair in pairwise(link.chain)]


def ranked(vertices: list[Vertex], links: list[Link], direction: str) -> Ranked:
    """Rank vertices by their longest way to the output, so that a leaf stands right before its use, and order them.

    ``vertices`` are given with parents before children, the output last; bends are appended.
    """
    distance = [0] * len(vertices)
    into: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        into[link.head].append(link)
    for head in range(len(vertices) - 1, -1, -1):
        for link in into[head]:
            distance[link.tail] = max(distance[link.tail], distance[head] + 1)
    last = max(distance, default=0)
    graph = Ranked(vertices, links, [last - far for far in distance], direction)
    for link in links:
        _add_bends(graph, link)
    spacers = _add_spacers(graph)
    _first_order(graph, into, spacers)
    _improve(graph)
    return graph


def _add_bends(graph: Ranked, link: Link) -> None:
    group = common(graph.vertices[link.tail].group, graph.vertices[link.head].group)
    link.chain.append(link.tail)
    for rank in range(graph.rank[link.tail] + 1, graph.rank[link.head]):
        link.chain.append(len(graph.vertices))
        graph.vertices.append(bend(group, graph.direction))
        graph.rank.append(rank)
    link.chain.append(link.head)


def _add_spacers(graph: Ranked) -> list[int]:
    """An empty member of a group in each rank that its frame spans without one, so that others stay outside."""
    members: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for vertex, rank in zip(graph.vertices, graph.rank, strict=True):
        for depth in range(1, len(vertex.group) + 1):
            members[vertex.group[:depth]].add(rank)
    added = []
    for group in sorted(members, key=len, reverse=True):
        for rank in range(min(members[group]), max(members[group])):
            if rank not in members[group]:
                added.append(len(graph.vertices))
                graph.vertices.append(bend(group, graph.direction))
                graph.rank.append(rank)
                for depth in range(1, len(group)):
                    members[group[:depth]].add(rank)
    return added


def common(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The groups around both of two vertices."""
    depth = 0
    while depth < min(len(first), len(second)) and first[depth] == second[depth]:
        depth += 1
    return first[:depth]


def _first_order(graph: Ranked, into: dict[int, list[Link]], spacers: list[int]) -> None:
    """The order in which a walk from the output meets the vertices: operands from top to bottom."""
    seen: set[int] = set()
    for root in range(len(graph.vertices) - 1, -1, -1):
        stack = [] if graph.vertices[root].is_bend else [root]
        while stack:
            vertex = stack.pop()
            if vertex in seen:
                continue
            seen.add(vertex)
            graph.ranks[graph.rank[vertex]].append(vertex)
            behind = []
            for link in into[vertex]:
                for passed in reversed(link.chain[1:-1]):
                    graph.ranks[graph.rank[passed]].append(passed)
                behind.append(link.tail)
            stack += reversed(behind)
    for vertex in spacers:
        graph.ranks[graph.rank[vertex]].append(vertex)


def _improve(graph: Ranked) -> None:
    """Sweep to and fro, each rank by the middle of its neighbours, and keep the order with the fewest crossings."""
    before: dict[int, list[int]] = defaultdict(list)
    after: dict[int, list[int]] = defaultdict(list)
    for tail, head in graph.pieces():
        before[head].append(tail)
        after[tail].append(head)
    groups: dict[tuple[int, ...], int] = {}
    for rank in graph.ranks:
        for vertex in rank:
            for depth in range(1, len(graph.vertices[vertex].group) + 1):
                groups.setdefault(graph.vertices[vertex].group[:depth], len(groups))
    graph.ranks = [_by_group(graph, rank, list(range(len(rank))), groups) for rank in graph.ranks]
    place = [0] * len(graph.vertices)
    for rank in graph.ranks:
        _number(rank, place)
    best, fewest, vain = [rank.copy() for rank in graph.ranks], _crossings(graph, after, place), 0
    for sweep in range(_SWEEPS):
        if not fewest or vain == _IN_VAIN:
            break
        backwards = sweep % 2 == 0
        others = after if backwards else before
        for at in reversed(range(len(graph.ranks))) if backwards else range(len(graph.ranks)):
            row = graph.ranks[at]
            keys = [_middle([place[other] for other in others[vertex]], place[vertex]) for vertex in row]
            graph.ranks[at] = _by_group(graph, row, keys, groups)
            _number(graph.ranks[at], place)
        _swap_neighbours(graph, before, after, place)
        count = _crossings(graph, after, place)
        vain += 1
        if count < fewest:
            best, fewest, vain = [rank.copy() for rank in graph.ranks], count, 0
    graph.ranks = best


def _number(row: Sequence[int], place: list[int]) -> None:
    for at, vertex in enumerate(row):
        place[vertex] = at


def _middle(places: list[int], otherwise: int) -> float:
    places.sort()
    half = len(places) // 2
    if not places:
        return otherwise
    return places[half] if len(places) % 2 else (places[half - 1] + places[half]) / 2


def _by_group(
    graph: Ranked, row: list[int], keys: Sequence[float], groups: dict[tuple[int, ...], int], depth: int = 0
) -> list[int]:
    """A rank sorted by keys, in which the members of a group stand together, and groups in the same order everywhere.

    The order of the groups at one depth is that of their numbers; what is in no group stands where its key says.
    """
    blocks: dict[tuple[int, ...], list[tuple[float, int]]] = {}
    free: list[tuple[float, int]] = []
    for key, vertex in zip(keys, row, strict=True):
        group = graph.vertices[vertex].group
        if len(group) > depth:
            blocks.setdefault(group[: depth + 1], []).append((key, vertex))
        else:
            free.append((key, vertex))
    parts = [(key, 0, [vertex]) for key, vertex in free]
    latest = -inf
    for group in sorted(blocks, key=groups.__getitem__):
        inside = blocks[group]
        latest = max(latest, sum([key for key, _ in inside]) / len(inside))
        parts.append((latest, 1, _by_group(graph, [v for _, v in inside], [k for k, _ in inside], groups, depth + 1)))
    parts.sort(key=lambda part: part[:2])
    return [vertex for *_, part in parts for vertex in part]


def _swap_neighbours(
    graph: Ranked, before: dict[int, list[int]], after: dict[int, list[int]], place: list[int]
) -> None:
    for row in graph.ranks:
        sides = [[sorted([place[other] for other in side[vertex]]) for vertex in row] for side in (before, after)]
        for at in range(len(row) - 1):
            first, second = row[at], row[at + 1]
            if graph.vertices[first].group != graph.vertices[second].group:
                continue
            gained = sum([_inversions(side[at], side[at + 1]) - _inversions(side[at + 1], side[at]) for side in sides])
            if gained > 0:
                row[at], row[at + 1] = second, first
                place[first], place[second] = at + 1, at
                for side in sides:
                    side[at], side[at + 1] = side[at + 1], side[at]


def _inversions(first: list[int], second: list[int]) -> int:
    """The pairs of which the one from the first of two sorted lists is larger."""
    if not first or not second or first[-1] <= second[0]:
        return 0
    return sum([bisect_left(second, place) for place in first])


def _crossings(graph: Ranked, after: dict[int, list[int]], place: list[int]) -> int:
    total = 0
    for row in graph.ranks:
        seen: list[int] = []  # the ends of the edges so far, sorted
        for vertex in row:
            ends = sorted([place[head] for head in after[vertex]])
            total += sum([len(seen) - bisect_right(seen, end) for end in ends])
            for end in ends:
                insort(seen, end)
    return total
