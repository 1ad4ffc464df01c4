"""``step_through``: the page of a graph, with its steps, its sliders, training and exercises."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from typing import Any

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.pages.graph import Recorded, nodes_of, read
from microgrid.pages.page import Page, assemble, numbers_table
from microgrid.pages.picture import laid_out, svg
from microgrid.util.labels import shortened
from microgrid.util.wording import counted

__all__ = ["page_of", "step_through"]

_WIDTHS = {"wide": 1128.0, "middle": 760.0, "narrow": 366.0}
_MOST_FOR_EACH_WIDTH = 70
_LARGEST_IN_TABLE = 300


@public()
def step_through(value: Value, *, parameters: Any = (), data: Any = (), title: str | None = None) -> Page:
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
        If a leaf's ``data`` was changed since the graph was recorded.

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
    graph = read(value, nodes_of("parameters", parameters), nodes_of("data", data))
    return page_of(graph, title)


def page_of(graph: Recorded, title: str | None = None) -> Page:
    """The page of a graph that was read."""
    name = shortened(title or graph.names[graph.root], 120)
    heading = f"step through {name}" if title is None else name
    pictures, first = _pictures(graph, heading, ())
    note = "" if graph.runs else _frozen(graph)
    below = numbers_table(graph) if len(graph.order) <= _LARGEST_IN_TABLE else ""
    html = assemble(graph, pictures, heading, data={}, note=note, below=below)
    return Page(html, first, heading)


def _pictures(graph: Recorded, title: str, groups: Sequence[tuple[str, Collection[int]]]) -> tuple[str, str]:
    """The graph laid out for three widths, and the picture for the widest."""
    told = f"the graph of {title}, {counted(len(graph.order), 'node')}"
    widest = laid_out(graph, _WIDTHS["wide"], groups)
    first = svg(graph, widest, told)
    if widest.width > 1.6 * _WIDTHS["wide"] or len(graph.order) > _MOST_FOR_EACH_WIDTH:
        return first.replace('class="g"', 'class="g wide middle narrow right large"', 1), first
    marked = [first.replace('class="g"', f'class="g wide {widest.direction}"', 1)]
    for name in ("middle", "narrow"):
        layout = laid_out(graph, _WIDTHS[name], groups)
        marked.append(svg(graph, layout, told).replace('class="g"', f'class="g {name} {layout.direction}"', 1))
    return "\n".join(marked), first


def _frozen(graph: Recorded) -> str:
    own = sorted({rule.name for rule in graph.rules() if rule.source is not None or not rule.portable})
    return f"The numbers are those that were recorded: {escape(', '.join(own))} can't be computed in a browser."
