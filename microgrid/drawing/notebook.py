"""What a notebook is given: one bundle that reaches the reader in trusted and untrusted notebooks of any front end.

Untrusted front ends strip scripts and inline SVG from HTML, and show it even so before any picture beside it. So the
HTML begins with an ``<img>`` that holds the picture; where scripts run, one puts inline SVG with tooltips in its place,
from top to bottom in a narrow column.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Collection
from html import escape
from typing import Any

from microgrid.errors import MissingPackageError, OutputError

__all__ = ["bundle", "is_terminal", "wanted"]

_KINDS = ("text/html", "image/png")
_SCRIPT = """<script>
for (const image of document.querySelectorAll("img.microgrid-drawing")) {
  const room = image.parentElement.clientWidth, wide = image.src.split(",")[1];
  const data = room && room < 640 && image.dataset.narrow || wide;
  const text = new TextDecoder().decode(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)));
  const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  svg.style.cssText = "max-width:100%;height:auto";
  image.replaceWith(svg);
}
</script>"""


def is_terminal() -> bool:
    """Whether what is shown goes to a terminal, which would throw a picture away."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    formatter = getattr(shell, "display_formatter", None)
    active = getattr(formatter, "active_types", None)
    return active is not None and "text/html" not in active and "image/png" not in active


def wanted(include: Collection[str] | None, exclude: Collection[str] | None) -> list[str]:
    """The kinds of picture that the caller of ``_repr_mimebundle_`` can show."""
    if not include and is_terminal():
        return []
    return [kind for kind in _KINDS if (not include or kind in include) and kind not in (exclude or ())]


def bundle(
    text: str, kinds: Collection[str], svg: Callable[[], str], narrow: Callable[[], str] | None,
    png: Callable[[], bytes], description: str, heading: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The MIME bundle of a picture: its text, and of the kinds those that can be made.

    ``narrow`` is the picture for a narrow column, if there is another; ``heading`` is a line of text above it.
    """
    found: dict[str, Any] = {"text/plain": text}
    if not kinds:
        return found
    try:
        if "text/html" in kinds:
            found["text/html"] = _html(svg(), narrow() if narrow else "", description, heading)
    except (MissingPackageError, OutputError) as error:
        return {"text/plain": f"{text}\n{error}"}
    try:
        if "image/png" in kinds:
            found["image/png"] = png()
    except MissingPackageError:
        pass  # the HTML has the picture
    return found


def _html(svg: str, narrow: str, description: str, heading: str) -> str:
    above = f"<pre>{escape(heading)}</pre>\n" if heading else ""
    other = f' data-narrow="{_encoded(narrow)}"' if narrow else ""
    return (
        f'{above}<img class="microgrid-drawing" style="max-width:100%;height:auto" alt="{escape(description)}" '
        f'src="data:image/svg+xml;base64,{_encoded(svg)}"{other}>\n{_SCRIPT}'
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
