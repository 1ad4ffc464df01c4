"""Aligned tables of text for terminals."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["table"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """Aligned columns of text under a header and a rule, indented by two; ``<`` or ``>`` for each column says its side.

    >>> print(table(("name", "value"), [("x", "0.5"), ("loss", "12.25")], "<>"))
      name  value
      ----  -----
      x       0.5
      loss  12.25
    """
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  "
        + "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, align, widths, strict=True)).rstrip()
        for line in lines
    )
