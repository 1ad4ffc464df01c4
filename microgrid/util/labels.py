"""Numbers and names as a drawing shows them: short, unambiguous, and harmless in DOT, HTML-like labels and SVG."""

from __future__ import annotations

import unicodedata

__all__ = ["html", "number", "one_line", "quoted", "shortened", "width"]

_NARROW = frozenset(" .,:;'|!()[]{}-/\\fijlrtI")
_BROAD = frozenset("mwMW@%—…∑◄►")


def number(x: float) -> str:
    """Four significant digits, or all of those before the point: never 0 for something that isn't.

    Whole numbers below ten million, and the whole part of others between ten thousand and a million, are written out.
    ``float`` reads every text; rounding is all that it has lost.

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
    r"""The text with white space as spaces, and what can't be printed (control characters, surrogates) as �.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        As many characters.

    Examples
    --------
    >>> one_line("two\nlines")
    'two lines'
    """
    return "".join([c if c.isprintable() else " " if c.isspace() else "�" for c in text])


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning with an ellipsis.

    Parameters
    ----------
    text : str
        Any text.
    longest : int
        The most characters that are wanted, at least 1.

    Returns
    -------
    str
        At most that many.

    Examples
    --------
    >>> shortened("log-likelihood", 8), shortened("loss", 8)
    ('log-lik…', 'loss')
    """
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


# A backslash begins an escape, such as that for the node's own id. Engines read the escapes of a label once, and those
# of a tooltip twice.


def html(text: str) -> str:
    """The text inside an HTML-like label.

    Parameters
    ----------
    text : str
        One line.

    Returns
    -------
    str
        What a label has to hold for the picture to show that line.

    Examples
    --------
    >>> html("a<b")
    'a&lt;b'
    """
    return _with_entities(text).replace("\\", 2 * "\\")


def quoted(text: str) -> str:
    r"""The text as a quoted string of DOT, fit for a tooltip.

    Parameters
    ----------
    text : str
        Any number of lines.

    Returns
    -------
    str
        The string with its quotation marks.

    Examples
    --------
    >>> print(quoted("x\nvalue 3.0"))
    "x\nvalue 3.0"
    """
    return '"' + _with_entities(text).replace("\\", 4 * "\\").replace("\n", "\\n") + '"'


def _with_entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def width(text: str, size: float) -> float:
    """About how wide the text is: shapes are sized by it, for layout engines may lack the font's metrics.

    Parameters
    ----------
    text : str
        One line.
    size : float
        The size of the font in points.

    Returns
    -------
    float
        Points, for Helvetica and its like; a little too many rather than too few.

    Examples
    --------
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
