"""From SVG to PNG and PDF, by Typst, which brings its own fonts and finds the machine's."""

from __future__ import annotations

import re
import unicodedata
import warnings
from functools import cache
from html import unescape
from typing import Literal

from microgrid.errors import MissingPackageError, OutputError

__all__ = ["pdf_of", "png_of", "warn_of_missing_letters"]

_DOCUMENT = (
    b'#set page(width: auto, height: auto, margin: 0pt, fill: none)\n#image(bytes(sys.inputs.svg), format: "svg")'
)
_TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")
_NOBODYS = "\U0010fffd"  # a code for private use, which no font is expected to have
_FONTS = (("EMOJI", "Noto Color Emoji"), ("CJK", "Noto Sans CJK"), ("HIRAGANA", "Noto Sans CJK"),
          ("KATAKANA", "Noto Sans CJK"), ("HANGUL", "Noto Sans CJK"))  # fmt: skip


def png_of(svg: str, dpi: float = 192.0) -> bytes:
    """The picture in pixels, of which ``dpi`` stand for 96 of the SVG's, by Typst, which has to be installed."""
    return _compiled(svg, "png", dpi)


def pdf_of(svg: str) -> bytes:
    """The picture as a PDF page of its size, with its texts as text; by Typst too."""
    return _compiled(svg, "pdf", 96.0)


def _compiled(svg: str, kind: Literal["png", "pdf"], dpi: float) -> bytes:
    try:
        import typst
    except ImportError:
        raise MissingPackageError(
            f"a picture is written as {kind.upper()} by Typst: pip install 'microgrid-autodiff[draw]'; "
            "SVG and TikZ need nothing"
        ) from None
    try:
        # SVG's pixels are 96 to the inch, and Typst's points are 72.
        document = typst.compile(_DOCUMENT, format=kind, ppi=dpi, sys_inputs={"svg": svg})
    except typst.TypstError as error:
        raise OutputError(f"Typst can't write the picture as {kind.upper()}: {error}") from error
    if not isinstance(document, bytes):
        raise OutputError(f"Typst wrote {kind.upper()} of several pages")
    return document


def warn_of_missing_letters(svg: str) -> None:
    """Warn of letters in the picture that no font of this machine has, with the font that would."""
    letters = {letter for text in _TEXT.findall(svg) for letter in unescape(text) if ord(letter) > 0x2FF}
    missing = sorted([letter for letter in letters if letter.isprintable() and not _has_font(letter)])
    if missing:
        fonts = dict.fromkeys([_font_for(letter) for letter in missing])
        warnings.warn(
            f"no font on this machine has {' '.join(missing[:10])}{' …' if len(missing) > 10 else ''}: "
            f"the picture shows boxes instead; install {' and '.join(fonts)}",
            stacklevel=4,
        )


@cache
def _has_font(letter: str) -> bool:
    """Whether a letter's picture is another than that of a code which no font has."""
    return _single(letter) != _single(_NOBODYS)


@cache
def _single(letter: str) -> bytes:
    text = f'<text x="2" y="18" font-size="16" font-family="sans-serif">{letter}</text>'
    return png_of(f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="24">{text}</svg>', 96.0)


def _font_for(letter: str) -> str:
    name = unicodedata.name(letter, "")
    if unicodedata.category(letter) == "So" and ord(letter) > 0xFFFF:
        name = "EMOJI"
    return next((font for word, font in _FONTS if word in name), "Noto Sans, or another font that has them")
