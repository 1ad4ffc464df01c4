"""Pictures of recorded graphs: ``draw(value)`` returns a ``Drawing``, which a notebook shows and which can be saved.

``excerpt`` chooses the part of the graph to draw, ``dot`` writes it as DOT text, and ``render`` runs Graphviz on the
text, not before the picture is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.core.value import set_notebook_view
from microgrid.errors import DataError, InvalidValueError, MissingPackageError, OutputError
from microgrid.util.atomic_write import write

if TYPE_CHECKING:
    from pathlib import Path

# The modules of this room are imported inside functions, to keep ``import microgrid`` quick.

__all__ = ["Drawing", "draw", "draw_dot"]


@public()
@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a graph; a notebook shows it as the last line of a cell.

    Parameters
    ----------
    dot : str
        The drawing as DOT text.
    engine : {"dot", "graphviz-pure"}, optional
        The Graphviz command that renders it. By default the system's ``dot`` if there is one, otherwise
        ``graphviz-pure``, which ``pip install 'microgrid-autodiff[draw]'`` installs.
    format : {"svg", "png", "dot"}, default "svg"
        The format that ``render`` writes, and that a notebook shows.
    title : str, default "a computational graph"
        The text for screen readers, and the drawing's representation as text.

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
        """The DOT text, by its name in the graphviz package."""
        return self.dot

    def svg(self) -> str:
        """The picture as SVG.

        The tooltip of a node shows the sum over paths, and that of an edge incoming × local = contribution. The SVG has
        presentation attributes only and no ids, so that it can be put into any page, also several times.

        Returns
        -------
        str
            One ``<svg>`` element.

        Raises
        ------
        MissingPackageError
            If there is no layout engine; the message says what to install.
        OutputError
            If the layout engine fails; the message has its error output.
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
        """Write the drawing to a file, atomically.

        Parameters
        ----------
        path : str or path
            The path, whose suffix chooses the format: ``.svg``, ``.png`` or ``.dot``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If the suffix is unknown, or the file can't be written.
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
        """Write the drawing to ``filename`` plus the format's suffix, as in micrograd's notebooks.

        Parameters
        ----------
        filename : str or path, default "graph"
            The file without its suffix.
        format : {"svg", "png", "dot"}, optional
            By default the drawing's own.

        Returns
        -------
        str
            The path of the file.

        Raises
        ------
        DataError
            If ``format`` is invalid.
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
        """The picture for a notebook or, if it can't be rendered, text that says why and what to install."""
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

    An operation is a circle, with its name and value above, in blue. Below, in vermilion and marked by ∂, is the
    derivative of the drawn value with respect to the node; the sum over two or three paths is written out, and of more
    paths the number is shown. Each edge has its local derivative, marked by ◄, near the operation that it is a
    derivative of. The shape of a leaf shows its role: parameters are boxes, data are cylinders, constants are dashed,
    other inputs are rounded. The drawn value has a double outline. In the signs for a derivative, (…) replaces a long
    name of the node, and ∂/∂x is the derivative of a value with a long name.

    Parameters
    ----------
    value : Value
        The output.
    parameters, data : Value, iterable of Value, or model, default ()
        The leaves that are parameters or data. A model is an object with a method ``parameters``. Nodes outside of this
        graph are ignored.
    values : bool, default True
        Show each node's value.
    gradients : bool, default True
        Show the derivative of ``value`` with respect to each node. It is computed for the drawing: ``backward`` need
        not have been called, and no ``grad`` is read or changed.
    partials : bool, default True
        Show the local derivative on each edge.
    legend : bool, default True
        Explain the marks below the graph.
    max_nodes : int, default 200
        The most nodes to draw. A larger graph is drawn in part, with a note: long lists of operands show their first
        three and their last, and the graph is followed backwards from the output as long as whole levels fit.
    rankdir : {"LR", "TB"}, default "LR"
        From left to right, or from top to bottom with values on the left of nodes and gradients on the right.
    engine : str, optional
        The Graphviz command; see ``Drawing``.

    Returns
    -------
    Drawing
        A drawing with ``save``, ``svg``, ``png`` and ``dot``; notebooks show it.

    Raises
    ------
    InvalidValueError
        If ``value`` is not a Value, or ``parameters`` or ``data`` holds anything but Values.
    DataError
        If ``max_nodes``, ``rankdir`` or ``engine`` is invalid.

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
        from microgrid.drawing.render import check_command

        check_command(engine)
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
    """Draw a graph as ``draw`` does, with the name and the arguments of micrograd's notebooks.

    Parameters
    ----------
    root : Value
        The output.
    format : {"svg", "png", "dot"}, default "svg"
        The format that the drawing's ``render`` writes.
    rankdir : {"LR", "TB"}, default "LR"
        From left to right or from top to bottom.

    Returns
    -------
    Drawing
        A drawing; notebooks show it.

    Examples
    --------
    >>> from microgrid import Value, draw_dot
    >>> draw_dot(Value(1.0) + Value(2.0), format="png").format
    'png'
    """
    drawing = draw(root, rankdir=rankdir)
    return Drawing(drawing.dot, format=_check_choice("format", format, _CONTENTS), title=drawing.title)


_READ = ("op", "parents", "partials", "data", "name", "is_constant")  # the attributes that a drawing reads


def _is_node(thing: Any) -> bool:
    return all([hasattr(thing, attribute) for attribute in _READ])


def _check_node(thing: Any) -> None:
    if not _is_node(thing):
        raise InvalidValueError(f"only Values can be drawn or have a role in a drawing, not {thing!r}")


def _nodes(role: str, given: Any) -> list[Any]:
    """The nodes of a role: one, several, or a model's parameters."""
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
