"""A large picture in tiles, each an SVG of its own, so that a browser draws only those that are in view.

All lines of a tile are one path; the keys of its edges, in the order of its subpaths, are in ``data-of``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from microgrid.layout import Edge
from microgrid.pages.quick import COLUMN, LEFT

__all__ = ["Tile", "Tiles"]

_WIDE, _TALL = 12 * COLUMN, 1200.0
_REACH = 50.0  # of a node's texts above and below it


@dataclass(slots=True)
class Tile:
    """What is in a tile."""

    keys: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # a subpath for each key
    passing: set[str] = field(default_factory=set)  # subpaths of edges that only pass through, many of them the same
    heads: list[str] = field(default_factory=list)
    things: list[str] = field(default_factory=list)  # nodes and labels


class Tiles:
    """The tiles of a layout from ``lay_out_quickly``."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.at: dict[tuple[int, int], Tile] = defaultdict(Tile)

    def add_edge(self, key: str, edge: Edge, head: str) -> None:
        """Put each piece of an edge into the tiles that it touches."""
        here = edge.start
        for first, second, end in edge.curves:
            xs, ys = (here[0], first[0], second[0], end[0]), (here[1], first[1], second[1], end[1])
            for tile, low, high in self._touched(min(xs), max(xs), min(ys), max(ys)):
                if min(xs) == max(xs):
                    tile.passing.add(f"M{here[0]:g},{low:g}V{high:g}")
                else:
                    tile.keys.append(key)
                    curve = f"C{first[0]:g},{first[1]:g} {second[0]:g},{second[1]:g} {end[0]:g},{end[1]:g}"
                    tile.lines.append(f"M{here[0]:g},{here[1]:g}{curve}")
            here = end
        for tile, _, _ in self._touched(here[0], here[0], here[1], here[1]):
            tile.heads.append(head)

    def add(self, x: float, y: float, text: str) -> None:
        """Put a node or a label into its tile, and where it reaches over a border, without a role into the next."""
        own = self.at[self._column(x), int(y // _TALL)]
        for tile, _, _ in self._touched(x, x, y - _REACH, y + _REACH):
            tile.things.append(
                text if tile is own else text.replace(' role="button" tabindex="-1"', ' aria-hidden="true"')
            )

    def _column(self, x: float) -> int:
        return max(0, int((x - LEFT) // _WIDE))

    def _touched(self, left: float, right: float, top: float, bottom: float) -> Iterator[tuple[Tile, float, float]]:
        """The tiles that a rectangle touches, each with the part of its height that is inside."""
        for row in range(max(0, int(top // _TALL)), min(int(bottom // _TALL), int(self.height // _TALL)) + 1):
            low, high = max(top, row * _TALL), min(bottom, (row + 1) * _TALL)
            for column in range(self._column(left), self._column(right) + 1):
                yield self.at[column, row], low, high

    def html(self) -> str:
        """The tiles at their places."""
        found = [f'<div class="tiles" style="width:{self.width:g}px;height:{self.height:g}px">']
        for (column, row), tile in sorted(self.at.items(), key=lambda item: (item[0][1], item[0][0])):
            x, y = (LEFT + column * _WIDE if column else 0.0), row * _TALL
            wide = LEFT + (column + 1) * _WIDE - x
            found.append(
                f'<div class="tile" style="left:{x:g}px;top:{y:g}px;width:{wide:g}px;height:{_TALL:g}px">'
                f'<svg class="g large right" viewBox="{x:g} {y:g} {wide:g} {_TALL:g}">'
                f'<path class="far" d="{"".join(sorted(tile.passing))}"/>'
                f'<path class="near" data-of="{" ".join(tile.keys)}" d="{"".join(tile.lines)}"/>'
                f'<path class="heads" d="{"".join(tile.heads)}"/>{"".join(tile.things)}</svg></div>'
            )
        return "\n".join([*found, "</div>"])
