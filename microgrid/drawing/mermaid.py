"""A figure as a Mermaid flowchart: the tool that reads it lays it out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from microgrid.drawing.figure import Figure

__all__ = ["mermaid_text"]

# An operation is round, a parameter a box, data a cylinder, an input rounded, the output a double circle.
_SHAPES = {
    "operation": ("((", "))"), "output": ("(((", ")))"), "parameter": ("[", "]"), "data": ("[(", ")]"),
    "input": ("(", ")"), "constant": ("(", ")"), "gap": ("(", ")"),
}  # fmt: skip


def mermaid_text(figure: Figure) -> str:
    """The flowchart, ending in a newline."""
    return "\n".join(_lines(figure)) + "\n"


def _lines(figure: Figure) -> Iterator[str]:
    yield "flowchart LR"
    for index, (node, role) in enumerate(zip(figure.nodes, figure.roles, strict=True)):
        texts = [text for text in (node.name, node.symbol, node.value, node.gradient, *node.terms) if text]
        opening, closing = _SHAPES[role]
        yield f'  n{index}{opening}"{"<br/>".join([_escaped(text) for text in texts])}"{closing}'
    for index, node in enumerate(figure.nodes):
        for parent, partial in zip(node.parents, node.partials, strict=True):
            label = f'|"{_escaped(partial)}"|' if partial else ""
            yield f"  n{parent} -->{label} n{index}"


def _escaped(text: str) -> str:
    """Text in which nothing is markup: all but letters, digits, spaces and points by their numbers."""
    return re.sub(r"[^\w .]", lambda found: f"#{ord(found[0])};", text)
