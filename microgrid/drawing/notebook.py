"""What a notebook is given: one bundle that reaches the reader in trusted and untrusted notebooks of any front end.

Untrusted front ends strip scripts and inline SVG from HTML, and show it even so before any picture beside it. So the
HTML begins with an ``<img>`` that holds the picture, and that follows the colour scheme of the page; where scripts run,
one puts inline SVG with tooltips in its place, in the layout that fits the column, and in the colours of a dark theme.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
from collections.abc import Callable, Collection
from html import escape
from typing import Any

from microgrid.drawing.look import DARK, in_any_theme
from microgrid.errors import MissingPackageError, OutputError

__all__ = ["bundle", "is_terminal", "wanted"]

_KINDS = ("text/html", "image/png")
_SCRIPT = """<script>
for (const image of document.querySelectorAll("img.microgrid-drawing")) {
  const room = image.parentElement.clientWidth;
  const read = (data) => new DOMParser().parseFromString(
    new TextDecoder().decode(Uint8Array.from(atob(data), (c) => c.charCodeAt(0))), "image/svg+xml").documentElement;
  const all = [image.src.split(",")[1], ...(image.dataset.others || "").split(" ").filter(Boolean)].map(read);
  const wide = (svg) => +svg.getAttribute("width");
  // The widest that fits, or else the narrowest.
  const svg = all.sort((a, b) => wide(b) - wide(a)).find((one) => wide(one) <= room * 1.12) || all.at(-1);
  svg.querySelector("style")?.remove();
  svg.style.cssText = "max-width:100%;height:auto";
  let around = image, colour = [255, 255, 255];
  for (; around; around = around.parentElement) {
    const found = (getComputedStyle(around).backgroundColor.match(/[\\d.]+/g) || []).map(Number);
    if (found.length && (found[3] ?? 1) > 0.5) { colour = found; break; }
  }
  const dark = colour[0] * 0.3 + colour[1] * 0.6 + colour[2] * 0.1 < 128 ? DARK : {};
  for (const part of svg.querySelectorAll("[fill], [stroke]"))
    for (const kind of ["fill", "stroke"])
      if (Object.hasOwn(dark, part.getAttribute(kind))) part.setAttribute(kind, dark[part.getAttribute(kind)]);
  image.replaceWith(document.importNode(svg, true));
}
</script>""".replace("DARK", json.dumps(DARK))


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
    text: str,
    kinds: Collection[str],
    svgs: Callable[[], list[str]],
    png: Callable[[str], bytes],
    description: str,
    heading: str = "",
) -> dict[str, Any]:
    """The MIME bundle of a picture: its text, and of the kinds those that can be made.

    ``svgs`` gives the picture, and after it others for columns of other widths; ``png`` makes pixels of the first;
    ``heading`` is a line of text above.
    """
    found: dict[str, Any] = {"text/plain": text}
    if not kinds:
        return found
    try:
        pictures = svgs()
    except (MissingPackageError, OutputError) as error:
        return {"text/plain": f"{text}\n{error}"}
    if "text/html" in kinds:
        found["text/html"] = _html(pictures, description, heading)
    if "image/png" in kinds:
        with contextlib.suppress(MissingPackageError):  # the HTML has the picture
            found["image/png"] = png(pictures[0])
    return found


def _html(svgs: list[str], description: str, heading: str) -> str:
    above = f"<pre>{escape(heading)}</pre>\n" if heading else ""
    first, *others = [base64.b64encode(svg.encode()).decode() for svg in [in_any_theme(svgs[0]), *svgs[1:]]]
    more = f' data-others="{" ".join(others)}"' if others else ""
    return (
        f'{above}<img class="microgrid-drawing" style="max-width:100%;height:auto" alt="{escape(description)}" '
        f'src="data:image/svg+xml;base64,{first}"{more}>\n{_SCRIPT}'
    )
