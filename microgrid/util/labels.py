"""Numbers and names as labels: short, unambiguous, and escaped for DOT, its HTML-like labels and SVG."""

from __future__ import annotations

import math
import unicodedata

__all__ = ["html", "number", "one_line", "quoted", "shortened", "width"]

_NARROW = frozenset(" .,:;'|!()[]{}-/\\fijlrtI")
_BROAD = frozenset("−mwMW@%—…∑◄►")


def number(x: float) -> str:
    """A number with four significant digits, or all digits before the point; "0" only for 0, "-0.0" for -0.0.

    Whole numbers below ten million, and the integer part of others between ten thousand and a million, are written out.
    ``float`` parses every text, to the rounded number.

    >>> [number(x) for x in (0.1 + 0.2, 569.0, 12345.6, 1e-12, -0.0, float("nan"))]
    ['0.3', '569', '12346', '1e-12', '-0.0', 'nan']
    """
    if x == 0.0:
        return "0" if math.copysign(1.0, x) > 0 else "-0.0"
    if (x.is_integer() and abs(x) < 1e7) or 1e4 <= abs(x) < 1e6:
        return f"{x:.0f}"
    mantissa, e, exponent = f"{x:.4g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def one_line(text: str) -> str:
    r"""The text with white space as spaces, and unprintable characters (control characters, surrogates) as �.

    >>> one_line("two\nlines")
    'two lines'
    """
    return "".join([c if c.isprintable() else " " if c.isspace() else "�" for c in text])


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis if it is longer than so many characters, at least 1.

    >>> shortened("log-likelihood", 8), shortened("loss", 8)
    ('log-lik…', 'loss')
    """
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


# A backslash begins an escape sequence, such as \N for a node's id. Graphviz resolves those of a label once, and those
# of a tooltip twice.


def html(text: str) -> str:
    """One line of text escaped for an HTML-like label.

    >>> html("a<b")
    'a&lt;b'
    """
    return _with_entities(text).replace("\\", 2 * "\\")


def quoted(text: str) -> str:
    r"""A text of any number of lines as a quoted string of DOT for a tooltip.

    >>> print(quoted("x\nvalue 3.0"))
    "x\nvalue 3.0"
    """
    return '"' + _with_entities(text).replace("\\", 4 * "\\").replace("\n", "\\n") + '"'


def _with_entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def width(text: str, size: float) -> float:
    """The approximate width of a line, by which shapes are sized, since Graphviz may lack the font's metrics.

    The width, as the font's size, is in points: that of Helvetica and similar fonts, rather too large than too small.

    >>> width("loss", 12) < width("mean loss", 12) < width("mean loss", 14)
    True
    """
    return size * sum([_em(c) for c in text])


def _em(c: str) -> float:
    if c in _NARROW:
        return 0.32
    if c in _BROAD or unicodedata.east_asian_width(c) in "WF":
        return 1.0
    return 0.72 if c.isupper() else 0.57
