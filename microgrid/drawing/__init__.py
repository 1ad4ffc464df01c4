"""Pictures of recorded graphs: ``draw(value)`` gives a ``Drawing``, which a notebook shows and which can be saved.

The graph becomes DOT text (``dot``), of which a layout engine makes a picture (``render``). Nothing is drawn, and no
engine is needed, before the picture itself is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from microgrid._public import public
from microgrid.core.value import Value, set_notebook_view
from microgrid.errors import DataError, InvalidValueError, MissingPackageError, OutputError
from microgrid.util.atomic_write import write

if TYPE_CHECKING:
    from pathlib import Path

# What drawing needs is imported where it is used, for ``import microgrid`` has to stay quick.

__all__ = ["Drawing", "draw", "draw_dot"]


@public()
@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a graph; a notebook shows it when it is a cell's last line.

    Parameters
    ----------
    dot : str
        The drawing as DOT text.
    engine : {"dot", "graphviz-pure"}, optional
        The command that renders it. By default the system's ``dot`` if there is one, otherwise ``graphviz-pure``,
        which ``pip install 'microgrid-autodiff[draw]'`` brings.
    format : {"svg", "png", "dot"}
        What ``render`` writes, and whether a notebook shows SVG or PNG.
    title : str
        What a screen reader says, and what stands for the drawing in text.

    Examples
    --------
    >>> from microgrid import Value, draw
    >>> x = Value(3.0, name="x")
    >>> drawing = draw(x * x)
    >>> drawing
    <Drawing: the graph of out, 2 nodes>
    >>> drawing.dot.count("◄ 3")  # the local derivative, on each of the two edges
    2
    """

    dot: str
    engine: str | None = None
    format: str = "svg"
    title: str = "a computational graph"

    @property
    def source(self) -> str:
        """The DOT text, by the name that the graphviz package has for it."""
        return self.dot

    def svg(self) -> str:
        """The picture as SVG.

        Hovering over a node or an edge tells more: the sum over paths, and incoming × local = contribution. The text
        has presentation attributes only and no ids, so that it can be put into any page, more than once too.

        Returns
        -------
        str
            One ``<svg>`` element.

        Raises
        ------
        MissingPackageError
            If there is no layout engine; the message says what to install.
        OutputError
            If the engine fails; the message has what it said.
        """
        from microgrid.drawing.render import render_svg

        return render_svg(self.dot, self.engine, description=self.title)

    def png(self) -> bytes:
        """The picture as PNG, at two pixels per point; a drawing of thousands of nodes and edges at one.

        Returns
        -------
        bytes
            The file's contents.

        Raises
        ------
        MissingPackageError, OutputError
            As ``svg`` does.
        """
        from microgrid.drawing.render import render_png

        return render_png(self.dot, self.engine)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file, all of it or nothing.

        Parameters
        ----------
        path : str or path
            Its suffix chooses the format: ``.svg``, ``.png`` or ``.dot``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If the suffix is another, or the file can't be written.
        MissingPackageError, OutputError
            As ``svg`` does; ``.dot`` needs no layout engine.

        Examples
        --------
        >>> import tempfile
        >>> from microgrid import Value, draw
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw(Value(3.0, name="x") * 2).save(f"{folder}/graph.dot").name
        'graph.dot'
        """
        from pathlib import Path

        path = Path(path)
        suffix = path.suffix.lower().removeprefix(".")
        if suffix not in _CONTENTS:
            raise OutputError(f"can't save {str(path)!r}: the name must end in {', '.join('.' + x for x in _CONTENTS)}")
        write(path, _CONTENTS[suffix](self))
        return path

    def render(self, filename: str | os.PathLike[str] = "graph", format: str | None = None) -> str:  # noqa: A002
        """Write the drawing to ``filename`` plus the format's suffix, as micrograd's users write theirs.

        Parameters
        ----------
        filename : str or path
            The file without its suffix.
        format : {"svg", "png", "dot"}, optional
            By default that of the drawing.

        Returns
        -------
        str
            The path of the file.

        Raises
        ------
        DataError
            If ``format`` is none of the above.
        MissingPackageError, OutputError
            As ``save`` does.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from microgrid import Value, draw
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(draw(Value(3.0, name="x") * 2).render(f"{folder}/graph", format="dot")).name
        'graph.dot'
        """
        chosen = self.format if format is None else format
        return str(self.save(f"{os.fspath(filename)}.{_check_choice('format', chosen, _CONTENTS)}"))

    def __repr__(self) -> str:
        return f"<Drawing: {self.title}>"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """What a notebook shows: the picture, or where it can't be made a text that says why and what to install."""
        kind = "image/png" if self.format == "png" else "image/svg+xml"
        if kind in (exclude or ()) or (include and kind not in include):
            return {"text/plain": repr(self)}
        try:
            return {kind: self.png() if self.format == "png" else self.svg(), "text/plain": repr(self)}
        except (MissingPackageError, OutputError) as error:
            return {"text/plain": f"{self!r}\n{error}"}


_CONTENTS: dict[str, Callable[[Drawing], bytes]] = {
    "svg": lambda drawing: drawing.svg().encode(),
    "png": Drawing.png,
    "dot": lambda drawing: drawing.dot.encode(),
}


@public()
def draw(
    value: Value,
    *,
    parameters: Any = (),
    data: Any = (),
    values: bool = True,
    gradients: bool = True,
    partials: bool = True,
    legend: bool = True,
    max_nodes: int = 200,
    rankdir: str = "LR",
    engine: str | None = None,
) -> Drawing:
    """Draw the graph of a value: what it was computed from, and how derivatives flow back through it.

    An operation stands in a circle, its name and value above, in blue. Below, in vermilion and marked by ∂, stands
    the derivative of the drawn value with respect to the node; where two or three paths lead back to a node, their
    sum is written out, and where there are more, their number. Each edge bears its local derivative, marked by ◄, near
    the operation that it is a derivative of. Leaves are told apart by shape: parameters are boxes, data are cylinders,
    constants are dashed, other inputs are rounded; the drawn value has a double outline. In a derivative's signs (…)
    stands for a long name, which the node bears itself, and ∂/∂x for the derivative of a value whose name is long.

    Parameters
    ----------
    value : Value
        The output.
    parameters, data : Value, iterable of Value, or model
        Which leaves are parameters and which are data. A model is anything with a method ``parameters``. Any that are
        not in this graph are ignored.
    values : bool
        Write each node's value.
    gradients : bool
        Write the derivative of ``value`` with respect to each node. It is computed for the drawing alone: ``backward``
        need not have been called, and no ``grad`` is read or changed.
    partials : bool
        Write the local derivative on each edge.
    legend : bool
        Explain the marks below the graph.
    max_nodes : int
        A larger graph is drawn in part, and says so: long lists of operands show their first three and their last,
        and the graph is followed backwards from the output while whole levels fit.
    rankdir : {"LR", "TB"}
        From left to right, or from top to bottom with values on the left of nodes and gradients on the right.
    engine : str, optional
        The layout engine; see ``Drawing``.

    Returns
    -------
    Drawing
        Shown by notebooks; has ``save``, ``svg``, ``png`` and ``dot``.

    Raises
    ------
    InvalidValueError
        If something other than a Value is to be drawn or has a role, or a role is given to what holds no Values.
    DataError
        If ``max_nodes``, ``rankdir`` or ``engine`` is none of the above.

    Examples
    --------
    >>> from microgrid import Value, draw, named, sigmoid
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> draw(named(sigmoid(w * x), "a"), parameters=[w], data=[x])
    <Drawing: the graph of a, 4 nodes>
    """
    from microgrid.drawing.dot import Layers, dot_text

    _check_node(value)
    if not isinstance(max_nodes, int) or max_nodes < 1:
        raise DataError(f"max_nodes is a whole number from 1, not {max_nodes!r}")
    if engine is not None:
        from microgrid.drawing.render import check_engine

        check_engine(engine)
    dot, title = dot_text(
        value,
        layers=Layers(values=values, gradients=gradients, partials=partials, legend=legend),
        parameters=_nodes("parameters", parameters),
        data=_nodes("data", data),
        max_nodes=max_nodes,
        rankdir=_check_choice("rankdir", rankdir, ("LR", "TB")),
    )
    return Drawing(dot, engine, title=title)


@public()
def draw_dot(root: Value, format: str = "svg", rankdir: str = "LR") -> Drawing:  # noqa: A002
    """Draw a graph as ``draw`` does, by the name and with the arguments that micrograd's notebooks use.

    Parameters
    ----------
    root : Value
        The output.
    format : {"svg", "png", "dot"}
        What the drawing's ``render`` writes.
    rankdir : {"LR", "TB"}
        From left to right or from top to bottom.

    Returns
    -------
    Drawing
        Shown by notebooks.

    Examples
    --------
    >>> from microgrid import Value, draw_dot
    >>> draw_dot(Value(1.0) + Value(2.0), format="png").format
    'png'
    """
    drawing = draw(root, rankdir=rankdir)
    return Drawing(drawing.dot, format=_check_choice("format", format, _CONTENTS), title=drawing.title)


_READ = ("op", "parents", "partials", "data", "name", "is_constant")  # of a node, by the text of a drawing


def _is_node(thing: Any) -> bool:
    return all([hasattr(thing, attribute) for attribute in _READ])


def _check_node(thing: Any) -> None:
    if not _is_node(thing):
        raise InvalidValueError(f"only Values can be drawn or have a role in a drawing, not {thing!r}")


def _nodes(role: str, given: Any) -> list[Any]:
    """The nodes that are given a role: one, many, or a model's parameters."""
    if _is_node(given):
        return [given]
    method = getattr(given, "parameters", None)
    try:
        nodes = list(method() if callable(method) else given)
    except TypeError:
        raise InvalidValueError(
            f"{role} is a Value, several of them, or a model with a method parameters, not {given!r}"
        ) from None
    for node in nodes:
        _check_node(node)
    return nodes


def _check_choice(what: str, chosen: str, choices: Iterable[str]) -> str:
    if chosen not in choices:
        raise DataError(f"{what} is one of {', '.join(choices)}, not {chosen!r}")
    return chosen


def _notebook_view(value: Value, include: Any, exclude: Any) -> dict[str, Any]:
    """A Value's diagram; without a layout engine, what to install."""
    bundle = draw(value)._repr_mimebundle_(include, exclude)
    text = repr(value) if len(bundle) > 1 else f"{value!r}\n{bundle['text/plain']}"
    return bundle | {"text/plain": text}


set_notebook_view(_notebook_view)
