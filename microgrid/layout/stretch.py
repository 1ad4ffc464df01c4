"""Coordinates: across the ranks by least stretch, with frames around groups, and along them by what has to fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil

from microgrid.layout.blocks import Pull, settled
from microgrid.layout.ranks import Link, Ranked, common
from microgrid.layout.simplex import Constraint, positions
from microgrid.layout.vertices import LABEL, LINE
from microgrid.util.labels import width

__all__ = ["Bounds", "place_across", "place_along"]

Bounds = dict[int, tuple[float, float]]
"""For each group, where its frame begins and ends across the ranks."""

_GAP = 8  # between neighbours in a rank
_PADDING = 8  # between a frame and its members
_CHANNEL = 20.0  # between two ranks, for edges that change their height
_ARROW = 8.0
_BESIDE = 24.0  # for edges between the same two to come apart before their labels
_STEEP, _WIDEST = 12, 160.0  # how many times as far across as along an edge may go, in a channel of up to this width
_IN_A_CHAIN, _BETWEEN_BENDS = 8, 16  # weights of pieces of edges, others are 2 and 4
_EXACT = 200  # vertices, with bends, up to which the least stretch is searched for: a tenth of a second


def place_across(graph: Ranked) -> Bounds:
    """Set the coordinate of each vertex across the ranks; the frames' are returned."""
    groups = sorted({group for vertex in graph.vertices for group in vertex.group})
    count = len(graph.vertices)
    begins = {group: count + 2 * at for at, group in enumerate(groups)}
    apart = _separations(graph, begins)
    pieces = _pulls(graph)
    pulls = pieces + [Pull(begin, begin + 1, 1) for begin in begins.values()]  # a frame is drawn together
    variables = count + 2 * len(groups)
    at = settled(variables, apart, pulls, list(_straight(graph, pieces)))
    if count <= _EXACT:
        at = _least(at, apart, pulls)
    used = min([at[v] - ceil(graph.vertices[v].before) for v in range(count)] + [at[v] for v in begins.values()])
    for vertex, place in zip(graph.vertices, at, strict=False):
        vertex.across = place - used
    return {group: (at[begin] - used, at[begin + 1] - used) for group, begin in begins.items()}


def _least(start: Sequence[int], apart: Sequence[Constraint], pulls: Sequence[Pull]) -> list[int]:
    """The positions of least stretch: each pull has a variable of its own that is before both of its ends."""
    count = len(start)
    stretches = [
        Constraint(count + at, end, 0, pull.weight) for at, pull in enumerate(pulls) for end in (pull.one, pull.other)
    ]
    firsts = [min(start[pull.one], start[pull.other]) for pull in pulls]
    return positions([*apart, *stretches], [*start, *firsts])[:count]  # connected: by ranks, and by edges between them


def _separations(graph: Ranked, begins: dict[int, int]) -> list[Constraint]:
    """What keeps neighbours apart, members inside their frames, and all others outside."""
    found = []
    inner: dict[int, set[int]] = defaultdict(set)  # the frames directly inside a frame
    title = ceil(LINE) if graph.direction == "right" else 0
    for row in graph.ranks:
        for first, second in pairwise(row):
            found += _between(graph, first, second, begins)
        for vertex in row:
            thing, group = graph.vertices[vertex], graph.vertices[vertex].group
            if group:
                found.append(Constraint(begins[group[-1]], vertex, ceil(thing.before) + _PADDING + title))
                found.append(Constraint(vertex, begins[group[-1]] + 1, ceil(thing.after) + _PADDING))
            for outer, within in pairwise(group):
                inner[outer].add(within)
    for outer, frames in inner.items():
        for frame in sorted(frames):
            found.append(Constraint(begins[outer], begins[frame], _PADDING + title))
            found.append(Constraint(begins[frame] + 1, begins[outer] + 1, _PADDING))
    return found


def _between(graph: Ranked, first: int, second: int, begins: dict[int, int]) -> list[Constraint]:
    one, two = graph.vertices[first].group, graph.vertices[second].group
    depth = len(common(one, two))
    # Between vertices, or between the frames that hold only one of them.
    tail = begins[one[depth]] + 1 if len(one) > depth else first
    head = begins[two[depth]] if len(two) > depth else second
    length = _GAP + (0 if tail != first else ceil(graph.vertices[first].after))
    return [Constraint(tail, head, length + (0 if head != second else ceil(graph.vertices[second].before)))]


def _pulls(graph: Ranked) -> list[Pull]:
    """The pieces of edges, which are to be short: most of all between bends, and in chains."""
    uses = Counter([link.tail for link in graph.links])
    inner = {link.head for link in graph.links}
    operands = Counter([link.head for link in graph.links if link.tail in inner])
    found = []
    for link in graph.links:
        is_chain = link.tail in inner and uses[link.tail] == operands[link.head] == 1
        for tail, head in pairwise(link.chain):
            bends = graph.vertices[tail].is_bend + graph.vertices[head].is_bend
            found.append(Pull(tail, head, (_IN_A_CHAIN if is_chain else 2, 4, _BETWEEN_BENDS)[bends]))
    return found


def _straight(graph: Ranked, pulls: Sequence[Pull]) -> Iterator[Pull]:
    """The pieces of chains and between bends of which no two cross."""
    place = {vertex: at for row in graph.ranks for at, vertex in enumerate(row)}
    last: dict[int, int] = {}
    for pull in sorted(pulls, key=lambda pull: (place[pull.one], place[pull.other])):
        one, other = graph.vertices[pull.one], graph.vertices[pull.other]
        rank = graph.rank[pull.one]
        if pull.weight >= _IN_A_CHAIN and one.group == other.group and place[pull.other] > last.get(rank, -1):
            last[rank] = place[pull.other]
            yield pull


def place_along(graph: Ranked) -> None:
    """Set the coordinate of each vertex along the ranks."""
    back = [max([graph.vertices[vertex].back for vertex in row], default=0.0) for row in graph.ranks]
    ahead = [max([graph.vertices[vertex].ahead for vertex in row], default=0.0) for row in graph.ranks]
    edges, between = _frame_edges(graph), _channels(graph)
    at = back[0] + edges[0]
    for rank, row in enumerate(graph.ranks):
        if rank:
            channel, needed = between[rank]
            at += max(ahead[rank - 1] + back[rank] + channel, needed) + edges[rank]
        for vertex in row:
            graph.vertices[vertex].along = at


def _frame_edges(graph: Ranked) -> list[float]:
    """The room before each rank for the sides of frames that begin there, or ended before."""
    spans: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for vertex, rank in zip(graph.vertices, graph.rank, strict=True):
        for depth in range(1, len(vertex.group) + 1):
            spans[vertex.group[:depth]].append(rank)
    room = [0.0] * (len(graph.ranks) + 1)
    begin, end = Counter[int](), Counter[int]()
    for group, ranks in spans.items():
        begin[min(ranks)] = max(begin[min(ranks)], len(group))
        end[max(ranks) + 1] = max(end[max(ranks) + 1], len(group))
    for rank in range(len(room)):
        room[rank] = 10.0 * (begin[rank] + end[rank]) + (begin[rank] * LINE if graph.direction == "down" else 0.0)
    return room


def _channels(graph: Ranked) -> list[tuple[float, float]]:
    """For each rank the room that edges need before it, and the least distance from the rank before it."""
    bent, steepest, needed = ([0] * len(graph.ranks), [0.0] * len(graph.ranks), [0.0] * len(graph.ranks))
    times = Counter([(link.tail, link.head) for link in graph.links])
    for link in graph.links:
        for tail, head in pairwise(link.chain):
            rank, one, two = graph.rank[head], graph.vertices[tail], graph.vertices[head]
            aside = abs(one.across - two.across)
            bent[rank] += aside > 0
            steepest[rank] = max(steepest[rank], aside)
            if not two.is_bend:
                beside = _BESIDE if times[link.tail, link.head] > 1 else 0.0
                needed[rank] = max(needed[rank], _needed(graph, link, tail, head) + beside)
    return [
        (max(_CHANNEL + min(1.5 * many, 24), min(far / _STEEP, _WIDEST)) if many else 6.0, least)
        for many, far, least in zip(bent, steepest, needed, strict=True)
    ]


def _needed(graph: Ranked, link: Link, tail: int, head: int) -> float:
    halves = graph.vertices[tail].half[0] + graph.vertices[head].half[0]
    if graph.direction == "down":
        return halves + LINE + 2 * _ARROW
    return halves + (width(link.text, LABEL) + 10 if link.text else 14) + _ARROW
