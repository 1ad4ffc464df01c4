"""The colours and shapes of drawings: one for each role, the same for every writer. Nothing is told by colour alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["BACK", "BACKWARD", "DARK", "FORWARD", "INK", "LINE", "ROLES", "SOFT", "UP", "Role", "in_any_theme"]

INK, SOFT, LINE = "#1f2933", "#6b7785", "#8793a1"
FORWARD, BACKWARD = "#0067a8", "#b8440b"  # blue and vermilion, distinguishable with any colour vision; 5:1 on white
BACK, UP = "◄", "▲"
"""The marks of a local derivative, against the direction of its edge: from left to right, from top to bottom."""


@dataclass(frozen=True, slots=True)
class Role:
    """The look of a kind of node."""

    word: str  # its name in the legend
    shape: str  # an attribute of DOT, as the next three
    style: str
    fill: str
    line: str
    pen: float = 1.2  # the width of the outline
    chip: str = 'BORDER="1"'  # attributes of the legend's cell that imitate the shape


ROLES = {
    "operation": Role("operation", "circle", "filled", "#f4f6f8", "#6b7785"),
    "input": Role("input", "polygon", "rounded,filled", "#ffffff", "#6b7785", chip='BORDER="1" STYLE="ROUNDED"'),
    "parameter": Role("parameter", "polygon", "filled", "#fdf0cd", "#a87b12", 2.0, 'BORDER="2"'),
    "data": Role("data: cylinder", "cylinder", "filled", "#dff1ea", "#3b8267"),
    "constant": Role(
        "constant", "polygon", "rounded,dashed,filled", "#ffffff", "#a3adb8", 1.0, 'BORDER="1" STYLE="ROUNDED,DASHED"'
    ),
    "output": Role("output: double outline", "circle", "filled", "#efe4f5", "#7c4a93"),
}

# fmt: off
DARK = {
    "#ffffff": "#14181d", INK: "#e6eaee", SOFT: "#a3adb8", LINE: "#7b8794", FORWARD: "#63b7f2", BACKWARD: "#f29a5f",
    "#f4f6f8": "#252c34", "#fdf0cd": "#4a3b10", "#a87b12": "#d9ad45", "#dff1ea": "#173a2d", "#3b8267": "#5fb491",
    "#efe4f5": "#3a2547", "#7c4a93": "#b98ad0", "#a3adb8": "#7b8794", "#f8fafc": "#1c2229", "#aab6c3": "#5b6672",
    "white": "#14181d",
}
# fmt: on
"""Each colour's counterpart on a dark background."""


def in_any_theme(svg: str) -> str:
    """The picture with a style of its own, by which it is dark in an ``<img>`` on a page of a dark colour scheme."""
    found = sorted(set(re.findall(r'(fill|stroke)="(#?\w+)"', svg)))
    rules = "".join([f'[{kind}="{light}"]{{{kind}:{DARK[light]}}}' for kind, light in found if light in DARK])
    return svg.replace(">", f"><style>@media (prefers-color-scheme:dark){{{rules}}}</style>", 1)
