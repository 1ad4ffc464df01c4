"""From DOT text to pictures: the Graphviz command that renders it, and the SVG adapted for use inside a page."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from microgrid.drawing.dot import LOCAL
from microgrid.errors import DataError, MissingPackageError, OutputError
from microgrid.util.labels import width

__all__ = ["COMMANDS", "ENGINES", "check_command", "find_command", "graphviz_package", "render_svg"]

COMMANDS = ("dot", "graphviz-pure")
"""The commands that can lay a graph out, in order of preference."""

ENGINES = ("graphviz", *COMMANDS)
"""What users give as ``engine``; "graphviz" is the first command that there is."""

TIMEOUT = 120.0
"""The seconds after which a command is stopped."""

_SVG = "http://www.w3.org/2000/svg"
_FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_TIP = "{http://www.w3.org/1999/xlink}title"
_X = re.compile(r"(-?[\d.]+),-?[\d.]+")
_NEAR = 18.0  # most error of the estimated centre of a centred text, in points
_NOT_RUN = 126  # the exit status for a command that can't be run, as in a shell
_PIPE = f"""
import sys
from pathlib import Path
import graphviz
from graphviz.backend import dot_command
dot_command.DOT_BINARY = Path(sys.argv[1])
try:
    picture = graphviz.Source(sys.stdin.buffer.read().decode()).pipe(format="svg", quiet=True)
except graphviz.CalledProcessError as error:
    sys.stderr.buffer.write(error.stderr)
    sys.exit(error.returncode)
except OSError as error:
    sys.stderr.write(str(error.strerror))
    sys.exit({_NOT_RUN})
sys.stdout.buffer.write(picture)
"""
_NOTES = ("no value for width of", "no hard-coded metrics")  # warnings about text widths, which the labels allow for


def check_command(name: str) -> None:
    """Raise a DataError unless the command, which users give as ``engine``, is one of ``ENGINES``."""
    if name not in ENGINES:
        raise DataError(f"engine is one of {', '.join(ENGINES)}, or None for the package's own layout, not {name!r}")


def find_command(name: str | None = None) -> str:
    """The path of a command that lays a graph out: by default the system's ``dot``, otherwise ``graphviz-pure``.

    ``graphviz-pure`` is also searched for next to the running interpreter, since a virtual environment need not be
    activated. A MissingPackageError says that there is none.
    """
    if name is not None:
        check_command(name)
    name = None if name == "graphviz" else name
    for command in [name] if name else COMMANDS:
        found = shutil.which(command) or (shutil.which(command, path=_scripts()) if command != "dot" else None)
        if found:
            return found
    raise MissingPackageError(
        f"there is no {name or 'layout engine'} to render the graph with: pip install 'microgrid-autodiff[draw]', "
        "or install Graphviz (https://graphviz.org) and have its command dot on the PATH"
    )


def graphviz_package() -> Any:
    """The graphviz package; where the system has no ``dot``, told to run the one that there is."""
    try:
        import graphviz
        from graphviz.backend import dot_command
    except ImportError:
        raise MissingPackageError(
            "the graphviz package is not installed: pip install 'microgrid-autodiff[draw]'"
        ) from None
    if shutil.which("dot") is None and str(dot_command.DOT_BINARY) == "dot":
        with contextlib.suppress(MissingPackageError):  # the package then says that there is no Graphviz
            dot_command.DOT_BINARY = Path(find_command("graphviz-pure"))
    return graphviz


def _scripts() -> str:
    return os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent)])


def render_svg(dot: str, command: str | None = None, *, description: str = "") -> str:
    """The drawing as SVG for use inside a page: one ``<svg>`` element, without an XML declaration.

    It has presentation attributes only, a title (the tooltip) in each node and edge, and no ids, so that a page can
    hold any number of drawings, also the same one twice. ``description`` is the text for screen readers. An OutputError
    tells of a command that fails, takes more than ``TIMEOUT`` seconds, or writes no XML.
    """
    source = _run(dot, command)
    try:
        root = ElementTree.fromstring(source)
    except ElementTree.ParseError as error:
        raise OutputError(f"{find_command(command)} wrote SVG that can't be read ({error}): reinstall it") from error
    _fit_for_a_page(root, description)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _run(dot: str, command: str | None) -> bytes:
    """The command's SVG, by the graphviz package where it is: in a process of its own, which can be stopped in time."""
    path = find_command(command)
    by_package = find_spec("graphviz") is not None
    arguments = [sys.executable, "-P", "-c", _PIPE, path] if by_package else [path, "-Tsvg"]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as error:
        raise _not_run(path, str(error.strerror)) from error
    try:
        picture, stderr = process.communicate(dot.encode(), TIMEOUT)
    except subprocess.TimeoutExpired:
        _stop(process)
        raise OutputError(f"{path} did not finish within {TIMEOUT:g} s: draw fewer nodes (max_nodes)") from None
    if by_package and process.returncode == _NOT_RUN:
        raise _not_run(path, _complaint(stderr))
    if process.returncode or not picture:
        raise OutputError(f"{path} failed with exit status {process.returncode}: {_complaint(stderr)}")
    return picture


def _not_run(path: str, why: str) -> OutputError:
    return OutputError(f"{path} can't be run: {why}; reinstall it, or choose another engine")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _complaint(stderr: bytes) -> str:
    """The error output of a command, without warnings about text widths."""
    lines = stderr.decode(errors="replace").splitlines()
    messages = [line for line in lines if line.strip() and not any([note in line for note in _NOTES])]
    return "\n".join(messages[-10:]) or "it gave no reason"


# ---- the SVG --------------------------------------------------------------------------------------------------


def _fit_for_a_page(root: ElementTree.Element, description: str) -> None:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop("id", None)
    _, _, wide, tall = root.get("viewBox", "0 0 0 0").split()
    # Without units these are pixels: text of 12 points becomes 12 pixels, and more of a graph fits the page.
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
    """Join each edge's two halves and the local derivative between them into one group."""
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
    """Make the tooltip the group's title, which browsers show, and its parts the group's direct children."""
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
    """Anchor text that is centred on the node's shape at its middle, so that it stays there in any font.

    Graphviz positions text by its width, which it can only estimate for letters outside ASCII.
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
    """Add an invisible broad line under the thin one, as a larger target for the pointer."""
    for line in edge.findall("path"):
        edge.insert(1, ElementTree.Element("path", line.attrib | {"stroke-width": "14", "stroke-opacity": "0"}))
