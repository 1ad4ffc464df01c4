"""Pictures of recorded graphs: ``draw(value)`` returns a ``Drawing``, which a notebook shows and which can be saved.

``excerpt`` chooses the part of the graph to draw, ``contents`` has what is said about it, and ``figure`` makes of it
the nodes that the room ``layout`` places. ``picture`` holds a figure and its ``look``, ``svg``, ``tikz`` and
``mermaid`` write it, and ``raster`` makes pixels of it. ``dot`` writes DOT text, by which Graphviz (``render``) draws
what is large. ``notebook`` has what notebooks are given, ``series`` the steps of a backward pass. Nothing is laid out
before a picture is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, overload

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.core.graph import topological_order
from microgrid.core.value import set_above
from microgrid.errors import DataError, InvalidValueError, OutputError
from microgrid.util.atomic_write import write
from microgrid.util.labels import one_line
from microgrid.util.restoring import restorable
from microgrid.util.roles import listed

if TYPE_CHECKING:
    from pathlib import Path

    import graphviz

    from microgrid.drawing.figure import Drawn
    from microgrid.drawing.picture import Picture
    from microgrid.layout import Group

# The modules of this room are imported inside functions, to keep ``import microgrid`` quick.

__all__ = ["Drawing", "Series", "draw", "draw_dot"]


@public()
@restorable
@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a graph; a notebook shows it as the last line of a cell.

    Parameters
    ----------
    dot : str
        The drawing as DOT text.
    engine : {"graphviz", "dot", "graphviz-pure"}, optional
        The Graphviz command that renders it: "graphviz" is the system's ``dot`` if there is one, otherwise
        ``graphviz-pure``. By default small graphs have a layout of the package's own, and large ones Graphviz's.
    format : {"svg", "png", "pdf", "tikz", "dot"}, default "svg"
        The format that ``render`` writes.
    title : str, default "a computational graph"
        The drawing's representation as text.
    description : str, optional
        The text for screen readers.
    dpi : float, default 192
        The pixels per inch of a PNG; 96 is the size of the SVG on a screen.
    picture : Picture, optional
        What the package's own layout is made from.

    Examples
    --------
    >>> from microgrid import Value, draw
    >>> x = Value(3.0, name="x")
    >>> drawing = draw(x * x)
    >>> drawing
    <Drawing: the graph of out, 2 nodes>
    >>> drawing.svg().count("◄ 3")  # the local derivative, on each of the two edges
    2
    """

    dot: str
    engine: str | None = None
    format: str = "svg"
    title: str = "a computational graph"
    description: str = ""
    dpi: float = 192.0
    picture: Picture | None = None

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
            If the drawing is large and there is no Graphviz; the message says what to install.
        OutputError
            If Graphviz fails; the message has its error output.
        """
        if self.picture is not None and self.engine is None:
            return self.picture.svg()
        from microgrid.drawing.render import render_svg

        return render_svg(self.dot, self.engine, description=self.description or self.title)

    def png(self) -> bytes:
        """The picture as PNG, at ``dpi``. A warning tells of letters that no font of the machine has.

        Returns
        -------
        bytes
            The file's contents.

        Raises
        ------
        MissingPackageError, OutputError
            As ``svg`` does, and if there is no Typst.
        """
        from microgrid.drawing.raster import png_of, warn_of_missing_letters

        svg = self.svg()
        warn_of_missing_letters(svg)
        return png_of(svg, self.dpi)

    def pdf(self) -> bytes:
        """The picture as PDF, of its own size, with text as text.

        Returns
        -------
        bytes
            The file's contents.

        Raises
        ------
        MissingPackageError, OutputError
            As ``png`` does.
        """
        from microgrid.drawing.raster import pdf_of, warn_of_missing_letters

        svg = self.svg()
        warn_of_missing_letters(svg)
        return pdf_of(svg)

    def tikz(self) -> str:
        r"""The picture as a ``tikzpicture`` for a LaTeX document, which its first line tells the packages of.

        Returns
        -------
        str
            LaTeX; ``\input`` it.

        Raises
        ------
        DataError
            If Graphviz draws it, since it is large or an engine was given.
        """
        return self._own("TikZ").tikz()

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart, which GitHub and many documentation tools draw.

        Returns
        -------
        str
            Every node with its name and numbers, and every edge with its local derivative.

        Raises
        ------
        DataError
            As ``tikz`` does.
        """
        from microgrid.drawing.mermaid import mermaid_text

        return mermaid_text(self._own("Mermaid").figure)

    def _own(self, what: str) -> Picture:
        if self.picture is None or self.engine is not None:
            raise DataError(
                f"{what} is written from the package's own figure: give no engine, and fewer nodes (max_nodes)"
            )
        return self.picture

    def to_graphviz(self) -> graphviz.Source:
        """The drawing as an object of the graphviz package, with its ``render``, ``view`` and ``pipe``.

        Where the system has no ``dot``, the package is told to run ``graphviz-pure``.

        Returns
        -------
        graphviz.Source
            The DOT text.

        Raises
        ------
        MissingPackageError
            If the package is not installed.
        """
        from microgrid.drawing.render import graphviz_package

        return graphviz_package().Source(self.dot, format=self.format if self.format in ("svg", "png", "pdf") else None)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file, atomically.

        Parameters
        ----------
        path : str or path
            The path, whose suffix chooses the format: ``.svg``, ``.png``, ``.pdf``, ``.tikz``, ``.tex``, ``.mmd``
            (Mermaid) or ``.dot``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If the suffix is unknown, or the file can't be written.
        MissingPackageError, OutputError
            As ``svg`` and ``png`` do; ``.dot`` needs no layout.

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
        """Write the drawing to ``filename`` plus the format's suffix, as the graphviz package does.

        Parameters
        ----------
        filename : str or path, default "graph"
            The file without its suffix.
        format : {"svg", "png", "pdf", "tikz", "tex", "mmd", "dot"}, optional
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
        return self._bundle(repr(self), "", include, exclude)

    def _bundle(self, text: str, heading: str, include: Any, exclude: Any) -> dict[str, Any]:
        from functools import partial

        from microgrid.drawing.notebook import bundle, wanted
        from microgrid.drawing.raster import png_of

        pictures = [self]
        if self.picture is not None and self.engine is None:
            pictures = [replace(self, picture=picture) for picture in self.picture.for_a_notebook()]
        described, png = self.description or self.title, partial(png_of, dpi=144.0)
        return bundle(text, wanted(include, exclude), lambda: [one.svg() for one in pictures], png, described, heading)


_CONTENTS: dict[str, Callable[[Drawing], bytes]] = {
    "svg": lambda drawing: drawing.svg().encode(),
    "png": Drawing.png,
    "dot": lambda drawing: drawing.dot.encode(),
    "pdf": Drawing.pdf,
    "tikz": lambda drawing: drawing.tikz().encode(),
    "tex": lambda drawing: drawing.tikz().encode(),
    "mmd": lambda drawing: drawing.mermaid().encode(),
}


@public("microgrid.drawing")
class Series(tuple[Drawing, ...]):
    """The drawings of the steps of a backward pass, in order; a notebook shows them below each other.

    Examples
    --------
    >>> from microgrid import Value, draw
    >>> steps = draw(Value(3.0, name="x") * 2, steps=True)
    >>> for drawing in steps:
    ...     print(drawing.title)
    the values, before the backward pass
    the pass begins with ∂out/∂out = 1
    out hands incoming × local to its operands
    """

    __slots__ = ()

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write each drawing to a file of its own: for steps.svg these are steps_00.svg, steps_01.svg and so on.

        Parameters
        ----------
        path : str or path
            A path, whose suffix chooses the format as in ``Drawing.save``.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        MissingPackageError, OutputError
            As ``Drawing.save`` does.
        """
        from pathlib import Path

        path, digits = Path(path), max(2, len(str(len(self) - 1)))
        return [one.save(path.with_stem(f"{path.stem}_{at:0{digits}d}")) for at, one in enumerate(self)]

    def __repr__(self) -> str:
        return f"<Series of {len(self)} drawings: {self[0].description.partition(';')[0]}>"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        parts = [one._bundle(one.title, one.title, include, exclude) for one in self]  # noqa: SLF001  # its own drawings
        found = {"text/plain": "\n".join([part["text/plain"] for part in parts])}
        if all(["text/html" in part for part in parts]):
            found["text/html"] = "\n".join([part["text/html"] for part in parts])
        return found


@overload
def draw(
    value: Value,
    *,
    parameters: Any = (),
    data: Any = (),
    values: bool = True,
    gradients: bool | Literal["grad"] = True,
    partials: bool = True,
    legend: bool = True,
    blanks: str | Collection[str] = (),
    highlight: Any = (),
    groups: Mapping[str, Iterable[Value]] | None = None,
    max_nodes: int = 200,
    width: float | None = None,
    rankdir: str | None = None,
    engine: str | None = None,
    font_size: float = 12.0,
    dpi: float = 192.0,
    transparent: bool = False,
    steps: Literal[True],
) -> Series: ...
@overload
def draw(
    value: Value,
    *,
    parameters: Any = (),
    data: Any = (),
    values: bool = True,
    gradients: bool | Literal["grad"] = True,
    partials: bool = True,
    legend: bool = True,
    blanks: str | Collection[str] = (),
    highlight: Any = (),
    groups: Mapping[str, Iterable[Value]] | None = None,
    max_nodes: int = 200,
    width: float | None = None,
    rankdir: str | None = None,
    engine: str | None = None,
    font_size: float = 12.0,
    dpi: float = 192.0,
    transparent: bool = False,
    steps: Literal[False] = False,
) -> Drawing: ...
@public()
def draw(
    value: Value,
    *,
    parameters: Any = (),
    data: Any = (),
    values: bool = True,
    gradients: bool | Literal["grad"] = True,
    partials: bool = True,
    legend: bool = True,
    blanks: str | Collection[str] = (),
    highlight: Any = (),
    groups: Mapping[str, Iterable[Value]] | None = None,
    max_nodes: int = 200,
    width: float | None = None,
    rankdir: str | None = None,
    engine: str | None = None,
    font_size: float = 12.0,
    dpi: float = 192.0,
    transparent: bool = False,
    steps: bool = False,
) -> Drawing | Series:
    """Draw the graph of a value: what it was computed from, and how derivatives flow back through it.

    An operation is a circle, with its name and value above, in blue. Below, in vermilion and marked by ∂, is the
    derivative of the drawn value with respect to the node; the sum over two or three paths is written out, and of more
    paths the number is shown. Each edge has its local derivative, marked by ◄, near the operation that it is a
    derivative of. The shape of a leaf shows its role: parameters are boxes, data are cylinders, other inputs are
    rounded; a constant stands in the circle that uses it. The drawn value has a double outline. A node without a name
    shows a short formula.

    Parameters
    ----------
    value : Value
        The output.
    parameters, data : Value, iterable of Value, or model, default ()
        The leaves that are parameters or data. A model is an object with a method ``parameters``. Nodes outside of this
        graph are ignored.
    values : bool, default True
        Show each node's value.
    gradients : bool or "grad", default True
        Show the derivative of ``value`` with respect to each node. It is computed for the drawing: ``backward`` need
        not have been called, and no ``grad`` is read or changed. ``"grad"`` shows each node's own ``grad``.
    partials : bool, default True
        Show the local derivative on each edge.
    legend : bool, default True
        Explain the marks below the graph.
    blanks : {"values", "gradients", "partials"} or several of them, default ()
        Show "?" in place of these numbers, for a handout. Leaves keep their values, and tooltips don't tell either.
    highlight : Value or several, default ()
        Stress a path: these nodes and the edges between them; of one node every path to the output.
    groups : mapping of str to iterable of Value, optional
        Frames around nodes, by their names: a neuron, a layer, a sample. They are disjoint or inside each other.
    max_nodes : int, default 200
        The most nodes to draw. A larger graph is drawn in part, with a note: long lists of operands show their first
        three and their last, and the graph is followed backwards from the output as long as whole levels fit.
    width : float, optional
        The width of the page in pixels: by default 900, and in a notebook that of its column. A graph that is too wide
        is cut into rows where a single value crosses, and below 640 it is drawn from top to bottom. Graphviz, which
        draws large graphs, does not heed it.
    rankdir : {"LR", "TB"}, optional
        From left to right, or from top to bottom; by default as the width has it.
    engine : {"graphviz", "dot", "graphviz-pure"}, optional
        Lay out by Graphviz; see ``Drawing``. By default graphs of up to 300 drawn nodes have a layout of their own.
    font_size : float, default 12
        The size of numbers in pixels; everything grows with it.
    dpi : float, default 192
        The pixels per inch of a PNG.
    transparent : bool, default False
        Leave the background out.
    steps : bool, default False
        Draw the backward pass step by step: the values, the output's 1, and what each operation hands to its operands.

    Returns
    -------
    Drawing or Series
        A drawing with ``save``, ``svg``, ``png``, ``pdf``, ``tikz``, ``to_graphviz`` and ``dot``, or one for each step;
        notebooks show it.

    Raises
    ------
    InvalidValueError
        If ``value`` is not a Value, or ``parameters``, ``data``, ``highlight`` or ``groups`` holds anything but Values.
    DataError
        If another argument is invalid, groups overlap, or a node of ``highlight`` is not in the graph. The layout by
        Graphviz has no frames, steps, stress, font size or transparent background, and says so.

    Examples
    --------
    >>> from microgrid import Value, draw, named, sigmoid
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> draw(named(sigmoid(w * x), "a"), parameters=[w], data=[x])
    <Drawing: the graph of a, 4 nodes>
    """
    from microgrid.drawing.contents import Contents, Layers
    from microgrid.drawing.dot import dot_text
    from microgrid.drawing.figure import drawn, figure
    from microgrid.drawing.picture import LARGEST, PAGE, Picture
    from microgrid.drawing.series import backward_steps, path_of, with_room

    _check_node(value)
    if not isinstance(max_nodes, int) or max_nodes < 1:
        raise DataError(f"max_nodes is a whole number from 1, not {max_nodes!r}")
    for name, size in (("width", PAGE if width is None else width), ("font_size", font_size), ("dpi", dpi)):
        if not isinstance(size, int | float) or isinstance(size, bool) or not 0 < size < 1e5:
            raise DataError(f"{name} is a positive number, not {size!r}")
    if engine is not None:
        from microgrid.drawing.render import check_command

        check_command(engine)
    if rankdir is not None:
        _check_choice("rankdir", rankdir, ("LR", "TB"))
    if gradients not in (True, False, "grad"):
        raise DataError(f'gradients is True, False or "grad", not {gradients!r}')
    contents = Contents(
        value,
        Layers(values, bool(gradients), partials, legend, gradients == "grad", _blanks(blanks)),
        _nodes("parameters", parameters),
        _nodes("data", data),
        max_nodes,
    )
    stressed = _nodes("highlight", highlight)
    drawing = Drawing(
        dot_text(contents, rankdir or "LR"), engine, title=contents.title(), description=contents.description(), dpi=dpi
    )
    things = drawn(contents)
    if engine is not None or len(things) > LARGEST:
        given = {"highlight": stressed, "groups": groups, "steps": steps, "transparent": transparent}
        given["font_size"] = font_size != 12.0
        if options := [name for name, is_given in given.items() if is_given]:
            why = "choose no engine" if engine else "draw fewer nodes (max_nodes)"
            raise DataError(f"Graphviz lays this drawing out, and it has no {', '.join(options)}: {why}")
        return drawing
    shown = figure(contents, things, _groups(things, groups or {}))
    direction: Any = {"LR": "right", "TB": "down", None: None}[rankdir]
    picture = Picture(shown, width, direction, font_size, transparent)
    if steps:
        moments = list(backward_steps(contents, things))
        roomy = replace(picture, figure=with_room(shown, [moment for _, moment in moments]))
        return Series([replace(drawing, title=title, picture=replace(roomy, moment=one)) for title, one in moments])
    moment = path_of(contents, things, stressed) if stressed else None
    return replace(drawing, picture=replace(picture, moment=moment))


@public()
def draw_dot(root: Value, format: str = "svg", rankdir: str = "LR") -> graphviz.Digraph:  # noqa: A002
    """Draw a graph with the graphviz package, with the name, the arguments and the result of micrograd's notebooks.

    Parameters
    ----------
    root : Value
        The output.
    format : {"svg", "png", "pdf", "dot"}, default "svg"
        The format that the result's ``render`` and ``pipe`` write.
    rankdir : {"LR", "TB"}, default "LR"
        From left to right or from top to bottom.

    Returns
    -------
    graphviz.Digraph
        With ``render``, ``view``, ``pipe`` and ``source``; notebooks show it. Where the system has no ``dot``, the
        package is told to run ``graphviz-pure``.

    Raises
    ------
    MissingPackageError
        If the graphviz package is not installed.
    DataError
        If an argument is invalid.

    Examples
    --------
    >>> from microgrid import Value, draw_dot
    >>> draw_dot(Value(1.0) + Value(2.0), format="png").format
    'png'
    """
    from microgrid.drawing.render import graphviz_package

    _check_choice("format", format, ("svg", "png", "pdf", "dot"))
    lines = draw(root, rankdir=_check_choice("rankdir", rankdir, ("LR", "TB"))).dot.splitlines(keepends=True)
    package = graphviz_package()
    return package.Digraph(format=format, graph_attr={"rankdir": rankdir}, body=lines[1:-1])


def _blanks(given: str | Collection[str]) -> frozenset[str]:
    names = [given] if isinstance(given, str) else list(given)
    return frozenset([_check_choice("blanks", name, ("values", "gradients", "partials")) for name in names])


def _groups(things: Sequence[Drawn], given: Mapping[str, Iterable[Value]]) -> tuple[Group, ...]:
    """The frames as the layout takes them; nodes that aren't drawn are left out of them."""
    from microgrid.layout import Group

    at = {thing.node: index for index, thing in enumerate(things)}
    groups: list[Group] = []
    for name, members in given.items():
        inside = frozenset([at[node] for node in _nodes("groups", members) if node in at])
        for other in groups:
            if inside & other.members and not (inside <= other.members or other.members <= inside):
                raise DataError(f"groups {other.name!r} and {name!r} overlap: put one inside the other")
        if inside:
            groups.append(Group(one_line(name), inside))
    return tuple(groups)


_READ = ("op", "parents", "partials", "data", "name", "is_constant")  # the attributes that a drawing reads


def _is_node(thing: Any) -> bool:
    return all([hasattr(thing, attribute) for attribute in _READ])


def _check_node(thing: Any) -> None:
    if not _is_node(thing):
        raise InvalidValueError(f"only Values can be drawn or have a role in a drawing, not {thing!r}")


def _nodes(role: str, given: Any) -> list[Any]:
    """The nodes of a role: one, several, or a model's parameters."""
    nodes = listed(role, given, _is_node)
    for node in nodes:
        _check_node(node)
    return nodes


def _check_choice(what: str, chosen: str, choices: Iterable[str]) -> str:
    if chosen not in choices:
        raise DataError(f"{what} is one of {', '.join(choices)}, not {chosen!r}")
    return chosen


_SHOWN_WHOLE = 60  # nodes of a Value's picture in a notebook


def _notebook_view(value: Value, include: Any, exclude: Any) -> dict[str, Any]:
    """A Value as its text above its picture, a leaf as its text; after ``backward`` gradients are the nodes' own."""
    from microgrid.drawing.notebook import wanted

    if value.op is None or not wanted(include, exclude):
        return {"text/plain": repr(value)}
    own = any([node.grad != 0.0 for node in topological_order(value)])
    drawing = draw(value, gradients="grad" if own else True, max_nodes=_SHOWN_WHOLE)
    return drawing._bundle(repr(value), repr(value), include, exclude)  # noqa: SLF001  # its own class


set_above(view=_notebook_view)
