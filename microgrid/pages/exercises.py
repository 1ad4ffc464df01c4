"""``exercise``: a page and a printed sheet with hidden numbers, and what is wrong with a wrong answer."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from microgrid._public import public
from microgrid.calculus.reverse import gradients
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import Value
from microgrid.core.graph import evaluate, local_partials, pullback, topological_order
from microgrid.core.value_arithmetic import VALUE
from microgrid.derivations.proof import prove
from microgrid.errors import DataError, FormulaError, MissingPackageError
from microgrid.formulas.parse import recorded_on
from microgrid.pages.answers import as_number, in_notation
from microgrid.pages.graph import Recorded, nodes_of, read
from microgrid.pages.page import Page, asset, in_words
from microgrid.pages.picture import laid_out, shown_number, svg
from microgrid.pages.stepping import page_of
from microgrid.pages.tasks import described, hidden_by, parts_of, proposed
from microgrid.util.labels import number

__all__ = ["Exercise", "Marked", "exercise"]

_NUMBER_TOLERANCE, _FORMULA_TOLERANCE = 2e-3, 1e-9
_POINTS, _ATTEMPTS = 8, 200
_MOST_CANCELLED = 1e6  # of a sum's terms to itself, beyond which its digits tell nothing


@public()
@dataclass(frozen=True, slots=True)
class Marked:
    """Whether an answer is right, and why.

    Parameters
    ----------
    right : bool
        Also the truth of the verdict itself.
    reason : str
        How that is known; of a mistake, which one it is: a lost path, a sign, a factor, a stale value.
    """

    right: bool
    reason: str

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return f"{'right' if self.right else 'not right'}: {self.reason}"


@public()
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exercise(Page):
    """A page that hides numbers of a graph and judges what is typed; see ``exercise``.

    Parameters
    ----------
    html, picture, title : str
        As for ``Page``.
    graph : Recorded
        The graph.
    tasks : tuple of str
        What is hidden, as the page calls it; ``asked`` has it in words.
    """

    graph: Recorded
    tasks: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """What is hidden: ∂L/∂w1 for a gradient, ∂z/∂w1 for a local derivative, a node's name for its value."""
        return tuple([_symbol(self.graph, task) for task in self.tasks])

    def judge(self, which: Value | str, answer: float | str | Value) -> Marked:
        """Judge an answer: a number, or a formula in the names of the graph's nodes, in any equivalent form.

        A number, also one such as ``1/3``, is compared to three digits. A formula may be written as on paper, such as
        ``2σ(z)(1 − σ(z))·x²``, and is proved equal (``prove``) or compared at random points where
        SymPy is not installed. An autograder's test is ``assert task.judge("w1", answer)``.

        Parameters
        ----------
        which : Value or str
            What is answered: one of ``asked``, or a node or its name for its gradient.
        answer : float, str or Value
            The answer; a Value is a formula that was computed from the graph's nodes.

        Returns
        -------
        Marked
            True if it is right.

        Raises
        ------
        DataError
            If ``which`` is not asked for, or is the name of several nodes.
        FormulaError
            If the answer can't be read, or can be read in two ways.

        Examples
        --------
        >>> from microgrid import Value, exercise, named
        >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
        >>> task = exercise(named((w * x - 3.0) ** 2, "L"), hide=[w])
        >>> print(task.judge(w, "2*(w*x - 3)"))
        not right: that is what arrives at w × x: the local derivative is missing
        >>> bool(task.judge("w", -8))
        True
        """
        return _judge(self.graph, self._task(which), answer)

    def _task(self, which: Value | str) -> str:
        found = [task for symbol, task in zip(self.asked, self.tasks, strict=True) if which == symbol]
        if not found:
            asked = [(task, parts_of(task)[0]) for task in self.tasks if task[0] != "d"]
            found = [task for task, node in asked if which is self.graph.order[node] or which == self.graph.names[node]]
        if not found:
            raise DataError(f"{which!r} is not asked for: {', '.join(self.asked)}")
        if len({parts_of(task) for task in found}) > 1:
            raise DataError(f"several nodes are called {which!r}: give the Value itself")
        return found[0]

    def sheet(self, *, solutions: bool = False) -> Page:
        """The exercise on paper: the picture with its blanks, and a line for each answer.

        Parameters
        ----------
        solutions : bool, default False
            Whether a second page has the answers.

        Returns
        -------
        Page
            To be printed from a browser, in landscape.
        """
        hidden = hidden_by(self.graph, self.tasks)
        blank = [f"<li>{escape(symbol)} = <span class='blank'>&nbsp;</span></li>" for symbol in self.asked]
        placed, told = laid_out(self.graph, 1000.0), in_words(self.graph, self.title, hidden)
        picture = svg(self.graph, placed, told, hidden)
        asked = "<p>Fill in what is marked ?.</p>" if hidden else ""
        parts = [_sheet(self.title, asked + picture, blank)]
        if solutions:
            recorded = _State(self.graph, {})
            answers = [
                f"<li>{escape(symbol)} = {shown_number(_truth(self.graph, task, recorded))}</li>"
                for symbol, task in zip(self.asked, self.tasks, strict=True)
            ]
            heading = f"{self.title}: answers"
            parts.append(_sheet(heading, svg(self.graph, placed, in_words(self.graph, heading)), answers))
        body = "<div style='break-before:page'></div>".join(parts)
        html = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(self.title)}</title><style>{asset('sheet.css')}</style></head><body>{body}</body></html>"
        )
        return Page(html, picture, f"{self.title}, to print", told)


def _sheet(title: str, picture: str, lines: Sequence[str]) -> str:
    return f"<h1>{escape(title)}</h1>{picture}<ol>{''.join(lines)}</ol>"


@public()
def exercise(
    value: Value,
    hide: str | Iterable[Value | str] | None = None,
    *,
    parameters: Any = (),
    data: Any = (),
    title: str | None = None,
) -> Exercise:
    """Hide numbers of a graph, and judge the answers that are typed for them.

    On the page an answer is compared at random points, and the answers are in its source: it is for learning, not for
    marks. ``judge`` proves.

    Parameters
    ----------
    value : Value
        The output.
    hide : {"gradients", "partials", "steps"} or iterable of Value or str, optional
        All gradients, all local derivatives, or all values and gradients of operations; or the gradients of these
        nodes, or of the nodes with these names. By default those of the parameters, or of the first leaves, and of the
        nodes at which paths meet.
    parameters, data
        As for ``step_through``.
    title : str, optional
        By default "exercise on" and the output's name.

    Returns
    -------
    Exercise
        A page, with ``judge`` and with ``sheet`` for paper.

    Raises
    ------
    InvalidValueError, DataError
        As ``step_through`` does; also if a node to hide is not in the graph, or nothing is left to ask.

    Examples
    --------
    >>> from microgrid import Value, exercise, named
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> task = exercise(named((w * x - 3.0) ** 2, "L"), hide=[w])
    >>> task.asked
    ('∂L/∂w',)
    """
    graph = read(value, nodes_of("parameters", parameters), nodes_of("data", data))
    tasks = _chosen(graph, hide)
    if not tasks:
        raise DataError("nothing of this graph is left to ask for: it is a single leaf, or hide is empty")
    heading = f"exercise on {graph.names[graph.root]}" if title is None else title
    page = page_of(graph, heading, {"exercise": described(graph, tasks), "mode": "exercise", "only": "exercise"})
    return Exercise(page.html, page.picture, page.title, page.description, graph, tuple(tasks))


# ---- what is asked --------------------------------------------------------------------------------------------


def _chosen(graph: Recorded, hide: str | Iterable[Value | str] | None) -> list[str]:
    everything = [index for index in range(graph.root) if graph.kinds[index] != "constant"]
    if hide is None:
        return proposed(graph)
    if hide == "gradients":
        return [f"g{index}" for index in reversed(everything)]
    if hide == "partials":
        return [
            f"d{index}.{edge}"
            for index in range(len(graph.order))
            for edge in graph.shown[index]
            if graph.kinds[graph.parents[index][edge]] != "constant"
        ]
    if hide == "steps":
        made = [index for index in range(len(graph.order)) if graph.parents[index]]
        return [*[f"v{index}" for index in made], *[f"g{index}" for index in reversed(everything)]]
    if isinstance(hide, str):
        raise DataError(f"hide is 'gradients', 'partials', 'steps' or a list of nodes, not {hide!r}")
    return [f"g{_place(graph, node)}" for node in hide]


def _place(graph: Recorded, wanted: Value | str) -> int:
    for index, node in enumerate(graph.order):
        if (wanted is node or wanted == graph.names[index]) and graph.kinds[index] != "constant":
            return index
    raise DataError(f"{wanted!r}, which is to be hidden, is not in the graph of {graph.names[graph.root]}")


def _symbol(graph: Recorded, task: str) -> str:
    node, edge = parts_of(task)
    if task[0] == "v":
        return graph.names[node]
    if task[0] == "g":
        return f"∂{graph.names[graph.root]}/∂{graph.names[node]}"
    return f"∂{graph.names[node]}/∂{graph.names[graph.parents[node][edge]]}"


# ---- judging --------------------------------------------------------------------------------------------------


class _State:
    """All numbers of the graph at some leaves, and of further formulas on its nodes."""

    def __init__(self, graph: Recorded, leaves: Mapping[Value, float], formula: Value | None = None) -> None:
        root, self._order = graph.order[-1], graph.order
        known = evaluate([root] if formula is None else [root, formula], FLOAT, leaves)
        partials = local_partials(FLOAT, known)
        adjoints = pullback(root, partials, order=graph.order)
        self.partials = {index: partials(node) for index, node in enumerate(graph.order) if node.op is not None}
        self.gradients = [adjoints[node] for node in graph.order]
        self.values = [known[node] for node in graph.order]
        # A formula's value, and the largest number on the way to it.
        self.answer = math.nan if formula is None else known[formula]
        on_the_way = () if formula is None else topological_order(formula)
        self.size = max([abs(known[node]) for node in on_the_way], default=0.0)

    def share(self, path: tuple[int, int]) -> float:
        child, edge = path
        partial, rule = self.partials[child][edge], self._order[child].op
        is_there = partial != 0.0 or not (rule and rule.choice)  # nothing goes to what wasn't chosen
        return float(partial * self.gradients[child]) if is_there else 0.0


def _truth(graph: Recorded, task: str, state: _State) -> float:
    return next(_candidates(graph, task, state))[1]


def _candidates(graph: Recorded, task: str, state: _State) -> Iterator[tuple[str, float]]:
    """What an answer may be: first the right one, then the mistakes that have a name."""
    node, edge = parts_of(task)
    if task[0] == "v":
        yield "right", state.values[node]
    elif task[0] == "d":
        slopes = state.partials[node]
        yield "right", float(slopes[edge])
        for other, parent in enumerate(graph.parents[node]):
            if other != edge and graph.kinds[parent] != "constant":
                yield f"that is the derivative by the other operand, {graph.names[parent]}", float(slopes[other])
        yield "that is the value, not its derivative", state.values[node]
        output = state.gradients[graph.parents[node][edge]]
        yield "that is the gradient of the output: only the local derivative is asked for", output
    else:
        yield "right", state.gradients[node]
        yield from _mistakes_on_paths(graph, node, state)


def _mistakes_on_paths(graph: Recorded, node: int, state: _State) -> Iterator[tuple[str, float]]:
    paths, gradient = graph.children[node], state.gradients[node]
    for path in paths if len(paths) > 1 else ():
        name, share = graph.names[path[0]], state.share(path)
        yield f"a path is missing: the one through {name}", gradient - share
        if len(paths) > 2:
            yield f"that is the path through {name} alone: the others are missing", share
    for child in dict.fromkeys([child for child, _ in paths]):
        own, name = [path for path in paths if path[0] == child], graph.names[child]
        if 1 < len(own) < len(paths):
            shares = sum([state.share(path) for path in own])
            yield f"paths are missing: those through {name}", gradient - shares
            yield f"those are the paths through {name} alone: the others are missing", shares
    for child, edge in paths:
        name, slope = graph.names[child], float(state.partials[child][edge])
        alone = f"that is the local derivative of {name} alone: it still has to be multiplied by what arrives there"
        yield alone, slope
        yield f"that is what arrives at {name}: the local derivative is missing", state.gradients[child]
        for other, parent in enumerate(graph.parents[child]):
            if other != edge and parent != node and graph.kinds[parent] != "constant":
                told = f"that takes the derivative by {graph.names[parent]}, the other operand"
                yield told, state.share((child, other))


def _judge(graph: Recorded, task: str, answer: float | str | Value) -> Marked:
    recorded = _State(graph, {})
    if isinstance(answer, Value):
        formula = answer
    elif (number := as_number(answer)) is not None:
        return _of_a_number(graph, task, recorded, number)
    else:
        names = _names(graph)
        formula = recorded_on(in_notation(str(answer), names), names)
    used = {*topological_order(formula)}
    if task[0] == "v" and graph.order[parts_of(task)[0]] in used:
        raise FormulaError(f"{answer!r} tells the number by itself: say what it is computed from")
    if used.isdisjoint(graph.order):  # such as 2*0.5
        return _of_a_number(graph, task, recorded, evaluate([formula], FLOAT, {})[formula])
    points = list(_nearby(graph, task, formula))
    if len(points) < _POINTS:
        raise FormulaError(f"{answer!r} is not finite near these numbers, or cancels: give a number")
    verdict = _compared(graph, task, points, _FORMULA_TOLERANCE, f"equal at {_POINTS} random points")
    here, truth = _State(graph, {}, formula).answer, _truth(graph, task, recorded)
    if verdict.reason == "not equal" and _near(here, truth, _NUMBER_TOLERANCE):
        reason = "right at these numbers only, not at others (a stale value, where a number stands for a name)"
        return Marked(False, reason)
    if not verdict:
        return verdict
    try:
        proof = prove(_truth_as_graph(graph, task), formula)
    except MissingPackageError:
        return verdict
    if proof.verdict == "refuted":
        return Marked(False, f"not equal everywhere: {proof.reason}")
    return Marked(True, "proved equal") if proof else verdict


def _of_a_number(graph: Recorded, task: str, recorded: _State, number: float) -> Marked:
    point = _Point(recorded, number, _size_of_terms(graph, task, recorded))
    return _compared(graph, task, [point], _NUMBER_TOLERANCE, "to three digits")


def _names(graph: Recorded) -> dict[str, Value]:
    named = [
        (name, node)
        for name, node, kind in zip(graph.names, graph.order, graph.kinds, strict=True)
        if kind != "constant"
    ]
    count = Counter([name for name, _ in named])
    return {name: node for name, node in named if count[name] == 1}


class _Point(NamedTuple):
    """Where an answer is compared: its value there, and how large the numbers are that it or the truth is made of."""

    state: _State
    answer: float
    size: float


def _nearby(graph: Recorded, task: str, formula: Value) -> Iterator[_Point]:
    """Points in turn near the recorded one and anywhere, at which all is finite and no sum cancels."""
    draw = random.Random(7)
    leaves = [
        node for node, kind in zip(graph.order, graph.kinds, strict=True) if not node.parents and kind != "constant"
    ]
    found = 0
    for attempt in range(_ATTEMPTS):
        is_near = attempt % 2 == 0
        at = {
            leaf: leaf.data * (1.0 + 0.6 * draw.uniform(-1, 1)) if is_near and leaf.data else 1.5 * draw.uniform(-1, 1)
            for leaf in leaves
        }
        state = _State(graph, at, formula)
        if not all([math.isfinite(number) for number in (*state.values, *state.gradients, state.size)]):
            continue
        size, wanted = max(state.size, _size_of_terms(graph, task, state)), _truth(graph, task, state)
        if wanted == 0.0 or size < _MOST_CANCELLED * abs(wanted):
            found += 1
            yield _Point(state, state.answer, size)
        if found == _POINTS:
            return


def _size_of_terms(graph: Recorded, task: str, state: _State) -> float:
    """The largest term of the sum that the truth is: what is far smaller may be its rounding."""
    node, _ = parts_of(task)
    rule = graph.order[node].op
    terms: list[float] = []
    if task[0] == "g":
        terms = [state.share(path) for path in graph.children[node]]
    elif task[0] == "v" and rule is not None and rule.name in ("add", "sub", "sum"):
        terms = [state.values[parent] for parent in graph.parents[node]]
    return max(map(abs, terms), default=0.0)


def _truth_as_graph(graph: Recorded, task: str) -> Value:
    node, edge = parts_of(task)
    value = graph.order[node]
    if task[0] == "v":
        return value
    if task[0] == "g":
        found: Value = gradients(graph.order[-1], value)
        return found
    assert value.op is not None
    slope: Value = VALUE.bind(value.op)[1](value, *value.parents)[edge]
    return slope


def _near(x: float, y: float, tolerance: float, size: float = 0.0) -> bool:
    if x == y or (math.isnan(x) and math.isnan(y)):
        return True
    return math.isfinite(x - y) and abs(x - y) <= max(tolerance * max(abs(x), abs(y)), 1e-14 * size)


def _compared(graph: Recorded, task: str, points: Sequence[_Point], tolerance: float, how: str) -> Marked:
    def equal(wanted: Sequence[float], factor: float = 1.0) -> bool:
        pairs = zip(points, wanted, strict=True)
        return all([_near(answer, factor * number, tolerance, size) for (_, answer, size), number in pairs])

    found = [[*_candidates(graph, task, state)] for state, _, _ in points]
    (_, truth), *mistakes = [(each[0][0], [number for _, number in each]) for each in zip(*found, strict=True)]
    if equal(truth):
        return Marked(True, how)
    if any(truth) and equal(truth, -1.0):  # at 0, signs and factors say nothing
        return Marked(False, "the sign is turned round")
    for name, wanted in mistakes:
        if any(wanted) and equal(wanted):
            return Marked(False, name)
    for factor in _factors(points, truth):
        if equal(truth, factor):
            return Marked(False, _by_factor(factor))
    if any(truth) and equal([FLOAT.div(1.0, number) for number in truth]):
        return Marked(False, "that is one over the right one")
    for name, wanted in mistakes if len(points) > 1 else ():
        for factor in (-1.0, 2.0, 0.5):
            if any(wanted) and equal(wanted, factor):
                return Marked(False, f"{name}; and {_by_factor(factor)}")
    return Marked(False, "not equal")


def _factors(points: Sequence[_Point], truth: Sequence[float]) -> list[float]:
    """Of a single number only the factors 2 and 1/2 are told: any two numbers have some factor."""
    if truth[0] == 0.0:
        return []
    factor = points[0].answer / truth[0]
    return [2.0, 0.5] if len(points) == 1 else [factor] if factor else []


def _by_factor(factor: float) -> str:
    if factor == -1.0:
        return "the sign is turned round"
    missing = abs(factor) < 1.0
    return f"a factor of {number(1 / factor)} is missing" if missing else f"a factor of {number(factor)} too much"
