"""``step_through``: the page of a graph, with its steps, its sliders, training and exercises."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.errors import DataError
from microgrid.layout import Layout
from microgrid.pages.graph import Recorded, nodes_of, read
from microgrid.pages.layers import layers_of
from microgrid.pages.page import Page, assemble, in_words, numbers_table
from microgrid.pages.picture import laid_out, svg, svg_in_tiles
from microgrid.pages.samples import Samples, samples_of
from microgrid.pages.tasks import described, hidden_by, proposed
from microgrid.pages.training import plate, run_of, training_data
from microgrid.util.labels import shortened
from microgrid.util.wording import counted

__all__ = ["animate", "page_of", "step_through"]

_WIDTHS = {"wide": 1128.0, "middle": 760.0, "narrow": 366.0}
_COLOURS = re.compile(r' (?:fill|stroke)="#\w+"')  # which the page's style sheet has, for both themes
_AT_EVERY_WIDTH = 'class="g wide middle narrow right large"'
_MOST_FOR_EACH_WIDTH, _MOST_WITH_OPEN_LAYERS = 120, 70
_LARGEST_IN_TABLE = 300


@public()
def step_through(
    value: Value,
    *,
    parameters: Any = (),
    data: Any = (),
    samples: Iterable[Any] | None = None,
    rate: float = 1.0,
    title: str | None = None,
) -> Page:
    """Step through a graph, forward and backward, on a page of its own.

    The page opens with all numbers shown. ``next`` and ``back``, the arrow keys or a click on a node go through the
    steps: the values from the leaves on, then the gradients from the output on. Sliders move the leaves, and a button
    checks the gradients by finite differences. All numbers are computed in the page, by JavaScript that the rule table
    writes; a graph with an operation of one's own keeps its recorded numbers.

    Parameters
    ----------
    value : Value
        The output.
    parameters, data : Value, iterable of Value, or model, default ()
        The leaves that are parameters or data. A model is an object with a method ``parameters``.
    samples : iterable of rows, optional
        With samples the page trains: ``value`` is the loss of one sample, and gradient descent moves the parameters
        against the mean gradient over the samples. A row has a number for each of ``data``, in their order, or is a
        mapping from their names.
    rate : float, default 1.0
        The learning rate that training begins with.
    title : str, optional
        By default the output's name.

    Returns
    -------
    Page
        A page with ``save`` and ``open``; notebooks show it.

    Raises
    ------
    InvalidValueError
        If ``value`` is not a Value, or ``parameters`` or ``data`` holds anything but Values.
    DataError
        If a leaf's ``data`` was changed since the graph was recorded, or the samples don't fit ``data``.

    Examples
    --------
    >>> from microgrid import Value, named, sigmoid, step_through
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> page = step_through(named(sigmoid(w * x), "a"), parameters=[w], data=[x])
    >>> page
    <Page: step through a>
    >>> "https:" in page.html
    False
    """
    leaves, moved = nodes_of("data", data), nodes_of("parameters", parameters)
    many = samples_of(value) if samples is None and isinstance(value, Value) else None
    if many is not None:
        return _page_of_samples(value, many, moved, rate, title)
    graph = read(value, moved, leaves)
    heading = f"step through {graph.names[graph.root]}" if title is None else title
    tasks = proposed(graph) if graph.runs else []
    more: dict[str, Any] = {"exercise": described(graph, tasks)} if tasks else {}
    if samples is not None:
        more["training"] = training_data(graph, _of_the_graph(graph, leaves), samples, rate)
    return page_of(graph, heading, more)


def _page_of_samples(value: Value, many: Samples, moved: Sequence[Value], rate: float, title: str | None) -> Page:
    """The page of one sample of a sum over samples, which trains on all of them."""
    parameters = [leaf for leaf in moved if leaf in set(many.shared)] or many.shared
    name = shortened(value.name or "the output", 60)
    note = f"One of {len(many.rows):,} equal samples, whose losses {name} is made of."
    heading = f"step through one sample of {name}" if title is None else title
    if not parameters:
        return page_of(read(many.first, (), many.own), heading, note=note)
    graph = read(many.first, parameters, many.own)
    more: dict[str, Any] = {"exercise": described(graph, tasks)} if (tasks := proposed(graph)) else {}
    if graph.runs:
        more["training"] = training_data(graph, many.own, many.rows, rate)
    return page_of(graph, heading, more, note=note)


@public()
def animate(
    value: Value, run: Iterable[Any], *, parameters: Any, data: Any, samples: Iterable[Any], title: str | None = None
) -> Page:
    """Show a training run that was recorded in Python, step by step, on the page of ``step_through``.

    Parameters
    ----------
    value : Value
        The loss of one sample.
    run : iterable
        The parameters' numbers at each step: in the order of ``parameters``, or as a mapping from their names.
    parameters, data, samples, title
        As for ``step_through``.

    Returns
    -------
    Page
        It opens at the first step of the run.

    Raises
    ------
    InvalidValueError, DataError
        As ``step_through`` does; also if a step doesn't fit ``parameters``.

    Examples
    --------
    >>> from microgrid import Value, animate
    >>> w, x, y = Value(0.0, "w"), Value(1.0, "x"), Value(2.0, "y")
    >>> loss = (w * x - y) ** 2
    >>> animate(loss, [[0.0], [1.0], [1.5]], parameters=[w], data=[x, y], samples=[(1.0, 2.0), (2.0, 3.0)])
    <Page: a run of 3 steps>
    """
    moved, leaves = nodes_of("parameters", parameters), nodes_of("data", data)
    graph = read(value, moved, leaves)
    steps = run_of(graph, _of_the_graph(graph, moved), run)
    training = training_data(graph, _of_the_graph(graph, leaves), samples, 1.0, steps)
    heading = f"a run of {counted(len(steps), 'step')}" if title is None else title
    return page_of(graph, heading, {"training": training, "mode": "train"})


def _of_the_graph(graph: Recorded, leaves: Sequence[Value]) -> Sequence[Value]:
    there = set(graph.order)
    for leaf in leaves:
        if leaf not in there:
            raise DataError(f"{leaf!r} is not in the graph of {graph.names[graph.root]}: leave it out")
    return leaves


def page_of(graph: Recorded, title: str, data: Mapping[str, Any] = MappingProxyType({}), *, note: str = "") -> Page:
    """The page of a graph that was read; ``data`` is what its script needs besides."""
    heading = shortened(title, 120)
    training = data.get("training")
    groups = [plate(graph, len(training["samples"]))] if training else []
    only = data.get("mode") == "exercise"
    hidden = hidden_by(graph, data["exercise"]["asked"]) if only else set()
    pictures, first = _pictures(graph, heading, groups, hidden)
    told = escape(note) if graph.runs else _frozen(graph)
    below = numbers_table(graph) if len(graph.order) <= _LARGEST_IN_TABLE and not only else ""
    html = assemble(graph, pictures, heading, data=data, note=told, below=below)
    return Page(html, first, heading, in_words(graph, heading, hidden))


def _pictures(
    graph: Recorded, title: str, groups: Sequence[tuple[str, Collection[int]]], hidden: Collection[str]
) -> tuple[str, str]:
    """The graph laid out for three widths, and the picture for a notebook's column."""
    told = in_words(graph, title, hidden)
    closed = layers_of(graph) if len(graph.order) > _MOST_WITH_OPEN_LAYERS else []
    placed = laid_out(graph, _WIDTHS["wide"], groups, closed=closed)
    first = svg(graph, placed, told, hidden)
    if placed.is_large:
        marked = [svg_in_tiles(graph, placed, hidden)]
    elif len(placed.items) > _MOST_FOR_EACH_WIDTH:
        marked = [first.replace('class="g"', _AT_EVERY_WIDTH, 1)]
    else:
        marked = [_marked(first, placed.layout, "wide")]
        for name in ("narrow", "middle"):
            placed = laid_out(graph, _WIDTHS[name], groups, closed=closed)
            first = svg(graph, placed, told, hidden)
            marked.append(_marked(first, placed.layout, name))
    for layer in closed:
        placed = laid_out(graph, _WIDTHS["wide"], inside=layer)
        if placed.is_large:
            within = svg_in_tiles(graph, placed, hidden)
        else:
            within = svg(graph, placed, layer.name, hidden).replace('class="g"', _AT_EVERY_WIDTH, 1)
        heading = f"<section data-inside='{escape(layer.name)}' hidden><h2>{escape(layer.name)}</h2>"
        marked.append(f"{heading}{within}</section>")
    return _COLOURS.sub("", "\n".join(marked)), first


def _marked(picture: str, layout: Layout, name: str) -> str:
    """The picture for a width, by which the page's style shows it; much wider ones scroll instead of shrinking."""
    large = " large" if layout.width > 1.6 * _WIDTHS[name] else ""
    return picture.replace('class="g"', f'class="g {name} {layout.direction}{large}"', 1)


def _frozen(graph: Recorded) -> str:
    if graph.left_out:
        return (
            f"{len(graph.order):,} of {graph.total:,} nodes are shown, those near the output, with the numbers that "
            "were recorded; … says what is left out."
        )
    own = sorted({rule.name for rule in graph.rules() if rule.source is not None or not rule.portable})
    return f"The numbers are those that were recorded: {escape(', '.join(own))} can't be computed in a browser."
