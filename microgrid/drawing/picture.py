"""A picture of a small graph in the package's own layout: the figure, and how it is to be shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from microgrid.drawing.figure import Figure
from microgrid.drawing.svg import Moment, svg_text
from microgrid.layout import NARROW, Layout, lay_out

__all__ = ["LARGEST", "PAGE", "Picture"]

LARGEST = 300
"""The most nodes in the package's own layout: half a second. Graphviz places the nodes of larger drawings."""

PAGE, COLUMN, PHONE = 900.0, 740.0, 390.0
"""The widths of a page, of a notebook's column beside a side bar, and of a phone, in pixels."""

_TEXT_SIZE = 12.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with the choices of ``draw``; the layout is computed when it is first needed."""

    figure: Figure
    width: float | None = None  # by default a page's, in a notebook a column's
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
        width = self.width or PAGE
        direction = self.direction or ("down" if width < NARROW else "right")  # large text doesn't turn it
        return _layout(self.figure, width / self.scale, direction)

    def svg(self) -> str:
        """The picture as one ``<svg>`` element."""
        return svg_text(self.figure, self.layout(), scale=self.scale, transparent=self.transparent, moment=self.moment)

    def for_a_notebook(self) -> list[Picture]:
        """The picture for a notebook's column, and others for the widths at which there are better ones."""
        if self.width is not None:
            return [self]
        column = replace(self, width=COLUMN)
        others = [replace(self, width=PAGE), replace(self, width=PHONE)]
        return [column] + [other for other in others if other.layout() != column.layout()]

    def tikz(self) -> str:
        """The picture as a ``tikzpicture``."""
        from microgrid.drawing.tikz import tikz_text

        return tikz_text(self.figure, self.layout(), scale=self.scale, moment=self.moment)


@lru_cache(maxsize=32)
def _layout(figure: Figure, width: float, direction: str | None) -> Layout:
    return lay_out(figure.nodes, width=width, direction=direction, groups=figure.groups)
