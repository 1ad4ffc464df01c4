"""``exercise``: a page and a printed sheet with hidden numbers, and what is wrong with a wrong answer."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from microgrid._public import public
from microgrid.calculus.reverse import gradients
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import Value
from microgrid.core.graph import evaluate, local_partials, pullback
from microgrid.core.value_arithmetic import VALUE
from microgrid.derivations.proof import prove
from microgrid.errors import DataError, FormulaError, MissingPackageError
from microgrid.formulas.parse import recorded_on
from microgrid.pages.graph import Recorded, nodes_of, read
from microgrid.pages.page import Page, asset, in_words
from microgrid.pages.picture import laid_out, shown_number, svg
from microgrid.pages.stepping import page_of
from microgrid.pages.tasks import described, hidden_by, parts_of, proposed

__all__ = ["Exercise", "Marked", "exercise"]

_NUMBER_TOLERANCE, _FORMULA_TOLERANCE = 2e-3, 1e-9
_POINTS = 5


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

    def judge(self, which: Value | str, answer: float | str) -> Marked:
        """Judge an answer: a number, or a formula in the names of the graph's nodes, in any equivalent form.

        A number is compared to three digits. A formula is proved equal (``prove``) or compared at random points where
        SymPy is not installed. An autograder's test is ``assert task.judge("w1", answer)``.

        Parameters
        ----------
        which : Value or str
            What is answered: one of ``asked``, or a node or its name for its gradient.
        answer : float or str
            The answer.

        Returns
        -------
        Marked
            True if it is right.

        Raises
        ------
        DataError
            If ``which`` is not asked for.
        FormulaError
            If the answer can't be read.

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
        names = dict(zip(self.asked, self.tasks, strict=True))
        if isinstance(which, str) and which in names:
            return names[which]
        for task in self.tasks:
            node, _ = parts_of(task)
            value = self.graph.order[node]
            if task[0] != "d" and (which is value or which == self.graph.names[node]):
                return task
        raise DataError(f"{which!r} is not asked for: {', '.join(self.asked)}")

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
            answers = [
                f"<li>{escape(symbol)} = {shown_number(_truth(self.graph, task))}</li>"
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

    def __init__(self, graph: Recorded, leaves: Mapping[Value, float], more: Sequence[Value] = ()) -> None:
        root = graph.order[-1]
        self._values = evaluate([root, *more], FLOAT, leaves)
        partials = local_partials(FLOAT, self._values)
        adjoints = pullback(root, partials, order=graph.order)
        self.partials = {index: partials(node) for index, node in enumerate(graph.order) if node.op is not None}
        self.gradients = [adjoints[node] for node in graph.order]
        self.values = [self._values[node] for node in graph.order]
        self.extra = [self._values[node] for node in more]

    def share(self, path: tuple[int, int]) -> float:
        child, edge = path
        return float(self.partials[child][edge] * self.gradients[child])


_Wanted = Callable[[_State], float]


def _truth(graph: Recorded, task: str) -> float:
    return next(_candidates(graph, task))[1](_State(graph, {}))


def _slope(node: int, edge: int) -> _Wanted:
    return lambda state: float(state.partials[node][edge])


def _gradient(node: int) -> _Wanted:
    return lambda state: state.gradients[node]


def _share(path: tuple[int, int]) -> _Wanted:
    return lambda state: state.share(path)


def _without(node: int, path: tuple[int, int]) -> _Wanted:
    return lambda state: state.gradients[node] - state.share(path)


def _candidates(graph: Recorded, task: str) -> Iterator[tuple[str, _Wanted]]:
    """What an answer may be: first the right one, then the mistakes that have a name."""
    node, edge = parts_of(task)
    if task[0] == "v":
        yield "right", lambda state: state.values[node]
    elif task[0] == "d":
        yield "right", _slope(node, edge)
        for other, parent in enumerate(graph.parents[node]):
            if other != edge:
                yield f"that is the derivative by the other operand, {graph.names[parent]}", _slope(node, other)
        yield "that is the value, not its derivative", lambda state: state.values[node]
    else:
        yield "right", _gradient(node)
        yield from _mistakes_on_paths(graph, node)


def _mistakes_on_paths(graph: Recorded, node: int) -> Iterator[tuple[str, _Wanted]]:
    paths = graph.children[node]
    for path in paths if len(paths) > 1 else ():
        name = graph.names[path[0]]
        yield f"a path is missing: the one through {name}", _without(node, path)
        if len(paths) > 2:
            yield f"that is the path through {name} alone: the others are missing", _share(path)
    for child, edge in paths:
        name = graph.names[child]
        alone = f"that is the local derivative of {name} alone: it still has to be multiplied by what arrives there"
        yield alone, _slope(child, edge)
        yield f"that is what arrives at {name}: the local derivative is missing", _gradient(child)
        for other, parent in enumerate(graph.parents[child]):
            if other != edge and parent != node and graph.kinds[parent] != "constant":
                told = f"that takes the derivative by {graph.names[parent]}, the other operand"
                yield told, _share((child, other))


def _judge(graph: Recorded, task: str, answer: float | str) -> Marked:
    number = _as_number(answer)
    if number is not None:
        recorded = _State(graph, {})
        return _compared(graph, task, [(recorded, number)], _NUMBER_TOLERANCE, "to three digits")
    formula = recorded_on(str(answer), _names(graph))
    states = list(_nearby(graph, formula))
    if len(states) < _POINTS:
        raise FormulaError(f"{answer!r} has no finite value near these numbers: give a number")
    points = [(state, state.extra[0]) for state in states]
    verdict = _compared(graph, task, points, _FORMULA_TOLERANCE, f"equal at {_POINTS} random points")
    if not verdict:
        here = _State(graph, {}, [formula])
        if _near(here.extra[0], next(_candidates(graph, task))[1](here), _NUMBER_TOLERANCE):
            reason = "right at these numbers only, not at others (a stale value, where a number stands for a name)"
            return Marked(False, reason) if verdict.reason == "not equal" else verdict
        return verdict
    try:
        proof = prove(_truth_as_graph(graph, task), formula)
    except MissingPackageError:
        return verdict
    if proof.verdict == "refuted":
        return Marked(False, f"not equal everywhere: {proof.reason}")
    return Marked(True, "proved equal") if proof else verdict


def _as_number(answer: float | str) -> float | None:
    try:
        return float(answer.replace("−", "-") if isinstance(answer, str) else answer)
    except ValueError:
        return None


def _names(graph: Recorded) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for node, name, kind in zip(graph.order, graph.names, graph.kinds, strict=True):
        if kind != "constant":
            found.setdefault(name, node)
    return found


def _nearby(graph: Recorded, formula: Value) -> Iterator[_State]:
    """Points near the recorded one at which everything is finite."""
    draw = random.Random(7)
    leaves = [
        node for node, kind in zip(graph.order, graph.kinds, strict=True) if not node.parents and kind != "constant"
    ]
    found = 0
    for _ in range(200):
        at = {
            leaf: 1.5 * draw.uniform(-1, 1) if leaf.data == 0.0 else leaf.data * (1.0 + 0.6 * draw.uniform(-1, 1))
            for leaf in leaves
        }
        state = _State(graph, at, [formula])
        if all([math.isfinite(number) for number in (*state.values, *state.gradients, *state.extra)]):
            found += 1
            yield state
        if found == _POINTS:
            return


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


def _near(x: float, y: float, tolerance: float) -> bool:
    return abs(x - y) <= tolerance * max(abs(x), abs(y), 1e-9 if tolerance > 1e-6 else 1e-12)


def _compared(graph: Recorded, task: str, points: Sequence[tuple[_State, float]], tolerance: float, how: str) -> Marked:
    def equal(wanted: _Wanted, factor: float = 1.0) -> bool:
        return all([_near(answer, factor * wanted(state), tolerance) for state, answer in points])

    def tells(wanted: _Wanted) -> bool:  # at 0, signs and factors say nothing
        return any([abs(wanted(state)) > 1e-12 for state, _ in points])

    (_, truth), *mistakes = _candidates(graph, task)
    if equal(truth):
        return Marked(True, how)
    if tells(truth) and equal(truth, -1.0):
        return Marked(False, "the sign is turned round")
    for name, wanted in mistakes:
        if tells(wanted) and equal(wanted):
            return Marked(False, name)
    # Of a single number only the factors 2 and 1/2 are told: any two numbers have some factor.
    factors = [answer / truth(state) for state, answer in points if truth(state) != 0.0]
    is_known = len(factors) > 1 or any([_near(factors[0], known, tolerance) for known in (2.0, 0.5)] if factors else [])
    if is_known and len(factors) == len(points) and all([_near(factor, factors[0], tolerance) for factor in factors]):
        return Marked(False, f"a factor of {factors[0]:.4g} too much")
    for name, wanted in mistakes:
        for factor, more in ((-1.0, "the sign is turned round"), (2.0, "a factor of 2 too much")):
            if tells(wanted) and equal(wanted, factor):
                return Marked(False, f"{name}; and {more}")
    return Marked(False, "not equal")
