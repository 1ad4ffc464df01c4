"""Numbers and names as a drawing shows them: short, unambiguous, and harmless in DOT, HTML-like labels and SVG."""

from __future__ import annotations

import unicodedata

__all__ = ["html", "number", "one_line", "quoted", "shortened", "width"]

_NARROW = frozenset(" .,:;'|!()[]{}-/\\fijlrtI")
_BROAD = frozenset("mwMW@%—…∂∑◄►")


def number(x: float) -> str:
    """Four significant digits, in a form that Python reads back: never 0 for something that isn't.

    Parameters
    ----------
    x : float
        Any float.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> [number(x) for x in (0.1 + 0.2, 569.0, 12345.6, 1e-12, -0.0, float("nan"))]
    ['0.3', '569', '12346', '1e-12', '0', 'nan']
    """
    if x == 0.0:
        return "0"  # of either sign
    if (x.is_integer() and abs(x) < 1e7) or 1e4 <= abs(x) < 1e6:
        return f"{x:.0f}"
    mantissa, e, exponent = f"{x:.4g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def one_line(text: str) -> str:
    """The text with white space as spaces, and what can't be printed (control characters, surrogates) as �."""
    return "".join([c if c.isprintable() else " " if c.isspace() else "�" for c in text])


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning with an ellipsis, in at most ``longest`` characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


# A backslash begins an escape, such as that for the node's own id. Engines read the escapes of a label once, and those
# of a tooltip twice.


def html(text: str) -> str:
    """The text inside an HTML-like label."""
    return _with_entities(text).replace("\\", 2 * "\\")


def quoted(text: str) -> str:
    """The text as a quoted string of DOT, fit for a tooltip."""
    return '"' + _with_entities(text).replace("\\", 4 * "\\").replace("\n", "\\n") + '"'


def _with_entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def width(text: str, size: float) -> float:
    """About how wide the text is in points: shapes are sized by it, for layout engines may lack the font's metrics."""
    return size * sum([_em(c) for c in text])


def _em(c: str) -> float:
    if c in _NARROW:
        return 0.32
    if c in _BROAD or unicodedata.east_asian_width(c) in "WF":
        return 1.0
    return 0.72 if c.isupper() else 0.57
