"""A picture of a small graph in the package's own layout: the figure, and how it is to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from microgrid.drawing.figure import Figure
from microgrid.drawing.svg import Moment, svg_text
from microgrid.layout import Layout, lay_out

__all__ = ["LARGEST", "Picture"]

LARGEST = 120
"""The most nodes in the package's own layout; Graphviz, which is quicker, places the nodes of larger drawings."""

_TEXT_SIZE = 12.0
_PHONE = 390.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with the choices of ``draw``; the layout is computed when it is first needed."""

    figure: Figure
    width: float = 900.0
    direction: Literal["right", "down"] | None = None
    font_size: float = _TEXT_SIZE
    transparent: bool = False
    moment: Moment | None = None

    @property
    def scale(self) -> float:
        """The size of the picture in sizes of the layout, whose numbers have 12 pixels."""
        return self.font_size / _TEXT_SIZE

    def layout(self) -> Layout:
        """The places of everything."""
        return _layout(self.figure, self.width / self.scale, self.direction)

    def svg(self) -> str:
        """The picture as one ``<svg>`` element."""
        return svg_text(self.figure, self.layout(), scale=self.scale, transparent=self.transparent, moment=self.moment)

    def svg_for_a_phone(self) -> str:
        """The same from top to bottom."""
        layout = _layout(self.figure, _PHONE, "down")
        return svg_text(self.figure, layout, scale=self.scale, transparent=self.transparent, moment=self.moment)

    def tikz(self) -> str:
        """The picture as a ``tikzpicture``."""
        from microgrid.drawing.tikz import tikz_text

        return tikz_text(self.figure, self.layout(), scale=self.scale, moment=self.moment)


@lru_cache(maxsize=32)
def _layout(figure: Figure, width: float, direction: str | None) -> Layout:
    return lay_out(figure.nodes, width=width, direction=direction, groups=figure.groups)
