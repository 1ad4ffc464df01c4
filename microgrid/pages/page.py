"""``Page``: a graph as one HTML file that needs nothing else, and the bundle that a notebook shows."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import os
import re
import tempfile
import webbrowser
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from microgrid._public import public
from microgrid.arithmetics.javascript import javascript_words, rules_in_javascript
from microgrid.drawing.contents import in_parentheses
from microgrid.drawing.look import in_any_theme
from microgrid.drawing.notebook import wanted
from microgrid.drawing.raster import png_of
from microgrid.errors import MissingPackageError, OutputError
from microgrid.pages.graph import Recorded
from microgrid.pages.mathml import rule_in_mathml
from microgrid.pages.picture import in_the_dark, shown_number, size_of
from microgrid.util.atomic_write import write
from microgrid.util.labels import shortened
from microgrid.util.wording import counted

__all__ = ["Page", "assemble", "asset", "embedded", "in_words", "numbers_table", "sent"]

_LEAVES_TOLD, _LONGEST_TOLD = 12, 60
_LARGEST_PNG = 4000  # pixels of a picture's side, beyond which a notebook is not given pixels

_SCRIPTS = ("graph.js", "text.js", "picture.js", "steps.js", "sliders.js", "training.js", "exercises.js", "main.js")


@public()
@dataclass(frozen=True, slots=True)
class Page:
    """One HTML file without anything outside of it; a notebook shows it as a cell's last line.

    Parameters
    ----------
    html : str
        The whole file.
    picture : str
        Its picture alone, as SVG: what stands where no script runs.
    title : str
        What it shows.
    description : str
        The text for screen readers.

    Examples
    --------
    >>> from microgrid import Value, step_through
    >>> step_through(Value(3.0, name="x") * 2.0)
    <Page: step through x × 2>
    """

    html: str
    picture: str
    title: str
    description: str

    @property
    def dark_picture(self) -> str:
        """The picture in the colours of the page's dark theme."""
        return in_the_dark(self.picture)

    def __repr__(self) -> str:
        return f"<Page: {self.title}>"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file, atomically.

        Parameters
        ----------
        path : str or path
            Where; the name ends in ``.html``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If the name doesn't end in ``.html`` or the file can't be written.
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise OutputError(f"can't save {str(path)!r}: a page's name ends in .html")
        write(path, self.html.encode("utf-8", "replace"))
        return path

    def open(self) -> Path:
        """Write the page to a temporary file and open it in the browser.

        Returns
        -------
        Path
            The file, which stays.
        """
        path = self.save(Path(tempfile.mkdtemp(prefix="microgrid-")) / "page.html")
        webbrowser.open(path.as_uri())
        return path

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """The picture, which a script replaces by the page in a frame of its own wherever scripts run; and its text."""
        kinds = wanted(include, exclude)
        found: dict[str, Any] = {"text/plain": "\n".join([repr(self), *self.description.split("; ")[1:]])}
        if "text/html" in kinds:
            found["text/html"] = _in_a_notebook(self)
        if "image/png" in kinds and max(size_of(self.picture)) <= _LARGEST_PNG:
            with contextlib.suppress(MissingPackageError):  # the HTML has the picture
                found["image/png"] = png_of(self.picture, 144.0)
        return found


def _in_a_notebook(page: Page) -> str:
    picture = base64.b64encode(in_any_theme(page.picture).encode()).decode()
    key = hashlib.sha256(page.html.encode("utf-8", "replace")).hexdigest()[:16]
    script = asset("notebook.js").replace("KEY", key).replace('"PAGE"', embedded(page.html))
    image = (
        f'<img data-microgrid="{key}" alt="{escape(page.description or page.title)}" style="max-width:100%;height:auto"'
    )
    return f'{image} src="data:image/svg+xml;base64,{picture}">\n<script>{script}</script>'


def asset(name: str) -> str:
    """One of the page's own files."""
    return files("microgrid.pages").joinpath("assets", name).read_text(encoding="utf-8")


def embedded(thing: Any) -> str:
    """JSON that may stand inside of a script: no < in it begins a tag or a comment."""
    text = json.dumps(thing, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def sent(x: float) -> float | str:
    """A number for the page's JSON, which has no inf, nan or -0."""
    if math.isfinite(x) and (x != 0.0 or math.copysign(1.0, x) > 0.0):
        return int(x) if x.is_integer() and abs(x) < 1e15 else x
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(x), "-0")


def assemble(
    graph: Recorded, pictures: str, title: str, *, data: Mapping[str, Any], note: str = "", below: str = ""
) -> str:
    """The page of a graph: ``data`` is what its script needs besides the nodes."""
    rules = graph.rules() if graph.runs else []
    script = "\n".join(
        [
            '"use strict";',
            "(() => {",
            javascript_words() if rules else "",
            f"const R = {rules_in_javascript(rules)};",
            *[re.sub(r"^ *//.*\n", "", asset(name), flags=re.MULTILINE) for name in _SCRIPTS],  # without comments
            "})();",
        ]
    )
    contents = {
        "title": escape(title),
        "note": note,
        "style": asset("page.css"),
        "pictures": pictures,
        "below": below,
        "data": embedded(_described(graph) | dict(data)),
        "script": script,
    }
    return re.sub(r"\{(\w+)\}", lambda found: contents[found[1]], asset("page.html"))


def _described(graph: Recorded) -> dict[str, Any]:
    runs = graph.runs
    nodes = []
    for index, value in enumerate(graph.order):
        node: dict[str, Any] = {"n": graph.names[index], "k": graph.kinds[index]}
        if value.op is None or not runs:
            node["v"] = sent(value.data)
        if value.op is None:
            node |= {"c": 1} if graph.kinds[index] == "constant" else {}
        else:
            node |= {"o": value.op.name, "s": graph.symbols[index], "p": graph.parents[index]}
            if not runs:
                node["d"] = [sent(partial) for partial in graph.partials[index]]
        if graph.left_out:
            node["g"] = sent(graph.adjoints[index])
        nodes.append(node)
    rules = graph.rules()
    return {
        "nodes": nodes,
        "runs": runs,
        "choices": [rule.name for rule in rules if rule.choice],
        "formulas": {rule.name: texts for rule in rules if (texts := rule_in_mathml(rule))},
    }


def in_words(graph: Recorded, title: str, hidden: Collection[str] = ()) -> str:
    """The page for somebody who can't see it: the output, and the leaves with their gradients."""

    def shown(key: str, number: float) -> str:
        return "?" if key in hidden else shown_number(number)

    names = [shortened(name, _LONGEST_TOLD) for name in graph.names]
    root = names[graph.root]
    told = [f"{title}, {counted(graph.total, 'node')}"]
    told.append(f"{root} = {shown(f'v{graph.root}', graph.order[graph.root].data)}")
    leaves = [index for index, node in enumerate(graph.order) if node.op is None and graph.kinds[index] != "constant"]
    for leaf in leaves[:_LEAVES_TOLD]:
        value, slope = shown(f"v{leaf}", graph.order[leaf].data), shown(f"g{leaf}", graph.adjoints[leaf])
        of, by = in_parentheses(root), in_parentheses(names[leaf])
        told.append(f"{names[leaf]} = {value}, ∂{of}/∂{by} = {slope}")
    more = len(leaves) - _LEAVES_TOLD
    return "; ".join([*told, *[f"and {counted(more, 'more input')}"] * (more > 0)])


def numbers_table(graph: Recorded) -> str:
    """All numbers as a table, for a reader without scripts or without eyes for the picture."""
    rows = []
    for index in range(len(graph.order)):
        if graph.kinds[index] == "constant":
            continue
        value = graph.order[index]
        operands = ", ".join([graph.names[parent] for parent in graph.parents[index]])
        made = f"{value.op.name}({operands})" if value.op else graph.kinds[index]
        rows.append(
            f"<tr><th scope='row'>{escape(graph.names[index])}</th><td>{escape(made)}</td>"
            f"<td class='F' data-v='{index}'>{shown_number(value.data)}</td>"
            f"<td class='B' data-g='{index}'>{shown_number(graph.adjoints[index])}</td>"
            f"<td data-s='{index}'>{escape(_sum_over_paths(graph, index))}</td></tr>"
        )
    root = escape(graph.names[graph.root])
    return (
        "<details><summary>all numbers as a table</summary><table id='numbers'><thead><tr><th scope='col'>number</th>"
        f"<th scope='col'>made by</th><th scope='col'>value</th><th scope='col'>gradient of {root}</th>"
        "<th scope='col'>incoming × local, summed over paths</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></details>"
    )


def _sum_over_paths(graph: Recorded, index: int) -> str:
    terms = []
    for child, edge in reversed(graph.children[index]):
        local = graph.partials[child][edge]
        rule = graph.order[child].op
        if local or not (rule and rule.choice):
            terms.append(f"{shown_number(graph.adjoints[child])} × {shown_number(local)}")
    return " + ".join(terms[:8]) + (f" + … ({len(terms)} paths)" if len(terms) > 8 else "")
