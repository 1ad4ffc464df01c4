"""From DOT text to pictures: which layout engine runs, what it may complain about, and the SVG made fit for a page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from microgrid.drawing.dot import LOCAL
from microgrid.errors import DataError, MissingPackageError, OutputError
from microgrid.util.labels import width

__all__ = ["ENGINES", "check_engine", "find_engine", "render_png", "render_svg"]

ENGINES = ("dot", "graphviz-pure")
"""The commands that can lay a graph out, in the order in which they are looked for."""

TIMEOUT = 120.0
"""After how many seconds an engine is stopped."""

_SVG = "http://www.w3.org/2000/svg"
_FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_TIP = "{http://www.w3.org/1999/xlink}title"
_X = re.compile(r"(-?[\d.]+),-?[\d.]+")
_MANY = 3000  # lines of DOT: one for each node, three for an edge with its local derivative
_NEAR = 18.0  # points that the guessed centre of a centred text may be off
_NOTES = ("no value for width of", "no hard-coded metrics")  # about widths that the labels allow for


def check_engine(engine: str) -> None:
    """See that a layout engine has a name that is known, installed or not.

    Parameters
    ----------
    engine : str
        The name.

    Raises
    ------
    DataError
        If it is none of ``ENGINES``.
    """
    if engine not in ENGINES:
        raise DataError(f"engine is one of {', '.join(ENGINES)}, or None for the first one found, not {engine!r}")


def find_engine(engine: str | None = None) -> str:
    """The path of a layout engine's command.

    Parameters
    ----------
    engine : {"dot", "graphviz-pure"}, optional
        The one to use. By default the system's ``dot`` if there is one, otherwise ``graphviz-pure``.

    Returns
    -------
    str
        A path that can be run. ``graphviz-pure`` is also found beside the running interpreter, for a virtual
        environment need not be activated.

    Raises
    ------
    DataError
        If there is no engine of this name.
    MissingPackageError
        If it is not installed, or none is.
    """
    if engine is not None:
        check_engine(engine)
    for command in [engine] if engine else ENGINES:
        found = shutil.which(command) or (shutil.which(command, path=_scripts()) if command != "dot" else None)
        if found:
            return found
    raise MissingPackageError(
        f"there is no {engine or 'layout engine'} to render the graph with: pip install 'microgrid-autodiff[draw]', "
        "or install Graphviz (https://graphviz.org) and have its command dot on the PATH"
    )


def _scripts() -> str:
    return os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent)])


def render_png(dot: str, engine: str | None = None) -> bytes:
    """The drawing as PNG, at two pixels per point; a drawing of thousands of nodes and edges at one.

    Parameters
    ----------
    dot : str
        The graph.
    engine : str, optional
        Which engine; see ``find_engine``.

    Returns
    -------
    bytes
        The picture.

    Raises
    ------
    DataError, MissingPackageError
        As ``find_engine`` does.
    OutputError
        If the engine fails, or takes more than ``TIMEOUT`` seconds.
    """
    dpi = 144 if dot.count("\n") < _MANY else 72
    return _run(dot, engine, "-Tpng", f"-Gdpi={dpi}")


def render_svg(dot: str, engine: str | None = None, *, description: str = "") -> str:
    """The drawing as SVG that can stand inside a page.

    It has presentation attributes only, a title (the tooltip) in each node and edge, and no ids at all, so that any
    number of drawings can stand on one page, the same one twice included.

    Parameters
    ----------
    dot : str
        The graph.
    engine : str, optional
        Which engine; see ``find_engine``.
    description : str
        What a screen reader says.

    Returns
    -------
    str
        The text of the element, without an XML declaration.

    Raises
    ------
    DataError, MissingPackageError
        As ``find_engine`` does.
    OutputError
        As ``render_png`` does, and if what the engine wrote is no XML.
    """
    source = _run(dot, engine, "-Tsvg")
    try:
        root = ElementTree.fromstring(source)
    except ElementTree.ParseError as error:
        raise OutputError(f"{find_engine(engine)} wrote SVG that can't be read ({error}): reinstall it") from error
    _fit_for_a_page(root, description)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _run(dot: str, engine: str | None, *arguments: str) -> bytes:
    command = find_engine(engine)
    try:
        done = subprocess.run([command, *arguments], input=dot.encode(), capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise OutputError(f"{command} did not finish within {TIMEOUT:g} s: draw fewer nodes (max_nodes)") from None
    except OSError as error:
        raise OutputError(
            f"{command} can't be run: {error.strerror}; reinstall it, or choose another engine"
        ) from error
    if done.returncode or not done.stdout:
        raise OutputError(f"{command} failed with exit status {done.returncode}: {_complaint(done.stderr)}")
    return done.stdout


def _complaint(stderr: bytes) -> str:
    """What an engine said, without its notes."""
    lines = stderr.decode(errors="replace").splitlines()
    said = [line for line in lines if line.strip() and not any([note in line for note in _NOTES])]
    return "\n".join(said[-10:]) or "it said nothing"


# ---- the SVG --------------------------------------------------------------------------------------------------


def _fit_for_a_page(root: ElementTree.Element, description: str) -> None:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop("id", None)
    _, _, wide, tall = root.get("viewBox", "0 0 0 0").split()
    # Without units these are pixels: text of 12 points comes out as 12 pixels, and more of a graph fits the page.
    root.attrib |= {"width": wide, "height": tall, "xmlns": _SVG, "role": "img", "aria-label": description}
    root.attrib["font-family"] = _FONTS
    for text in root.iter("text"):
        text.attrib.pop("font-family", None)
    for graph in root.iter("g"):
        _join_halves(graph)
    for group in list(root.iter("g")):
        kind = group.get("class", "").partition(" ")[0]
        if kind in ("graph", "node", "edge"):
            _simplify(group, kind)


def _join_halves(graph: ElementTree.Element) -> None:
    """Make one group of each edge's two halves and the local derivative between them."""
    locals_ = {part.findtext("title", ""): part for part in graph if LOCAL in part.get("class", "").split()}
    first: dict[str, ElementTree.Element] = {}
    for part in list(graph):
        tail, arrow, head = part.findtext("title", "").partition("->")
        name = head if head in locals_ else tail
        if not arrow or name not in locals_:
            continue
        if name in first:
            first[name].extend([*part, *locals_[name]])
            graph.remove(part)
            graph.remove(locals_[name])
        else:
            first[name] = part


def _simplify(group: ElementTree.Element, kind: str) -> None:
    """Make the tooltip the group's title, which every browser shows, and the parts its plain children."""
    tips = [link.get(_TIP, "") for link in group.iter("a")] if kind != "graph" else []
    parts = list(_unwrapped(group)) if kind != "graph" else list(group)
    group[:] = [part for part in parts if part.tag != "title"]
    if tips:
        title = ElementTree.Element("title")
        title.text = tips[0]
        group.insert(0, title)
    if kind == "node":
        _centre(group)
    elif kind == "edge":
        _widen(group)


def _unwrapped(group: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for part in group:
        if part.tag in ("a", "g"):
            yield from _unwrapped(part)
        else:
            yield part


def _centre(node: ElementTree.Element) -> None:
    """Put text that is centred on the node's shape there whatever font the reader has.

    The engine aligned it by widths that it only guesses for letters outside ASCII.
    """
    middle = _middle(node)
    for text in node.iter("text"):
        size = float(text.get("font-size", "12"))
        if middle is not None and abs(float(text.get("x", "0")) + width(text.text or "", size) / 2 - middle) < _NEAR:
            text.attrib |= {"text-anchor": "middle", "x": f"{middle:g}"}


def _middle(node: ElementTree.Element) -> float | None:
    for part in node:
        if part.tag == "ellipse":
            return float(part.get("cx", "0"))
        if part.tag in ("path", "polygon"):
            xs = [float(x) for x in _X.findall(part.get("d", "") + part.get("points", ""))]
            return (min(xs) + max(xs)) / 2
    return None


def _widen(edge: ElementTree.Element) -> None:
    """Lay an invisible broad line under the thin one, for a pointer to find."""
    for line in edge.findall("path"):
        edge.insert(1, ElementTree.Element("path", line.attrib | {"stroke-width": "14", "stroke-opacity": "0"}))
