"""Answers as they are typed: the notation of paper and word processors as formulas that ``formulas.parse`` reads.

The page's own reader, ``readFormula`` in exercises.js, knows the same notation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from itertools import pairwise

from microgrid.errors import DataError, FormulaError
from microgrid.formulas.parse import plain
from microgrid.util.labels import shortened

__all__ = ["as_number", "in_notation"]

_POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_LETTER = r"(?:[^\W\d⁰¹²³⁴-⁹]|_)"
_SIGNS: tuple[tuple[str, str], ...] = (  # beside those of every formula
    ("[\u200b-\u200f\u202a-\u202e\u2060\u2061\u2066-\u2069\ufeff]", ""),
    (r"[—‐‑‒﹣－]", "-"),
    ("[∙•✕＊\u2062]", "*"),
    (r"[∕⁄／]", "/"),
    (r"\^", "**"),
    (r"[\[{（]", "("),
    (r"[\]}）]", ")"),
    (r"½", "(1/2)"),
    (r"¼", "(1/4)"),
    (r"¾", "(3/4)"),
    (r"\|([^|]*)\|", r"(abs(\1))"),
    (rf"√\s*(\d+\.?\d*|{_LETTER}\w*)(?!\w|\s*\()", r"(sqrt(\1))"),
    (r"√", "sqrt"),
    (r"^(?:\s*∂[^=]*)?\s*=(?!=)", ""),
)
_POWER = re.compile("[⁻⁰¹²³⁴-⁹]+")
_TOKEN = re.compile(rf"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|{_LETTER}\w*|\*\*|<=|>=|==|\S")
_CALLED = {"sigma": "sigmoid", "expit": "sigmoid", "logistic": "sigmoid"}
_WORDS = {"inf": math.inf, "infinity": math.inf, "∞": math.inf, "nan": math.nan}


def as_number(answer: float | str) -> float | None:
    """An answer that is one number, or None. A DataError refuses what is neither a number nor a text.

    >>> as_number("−0.5"), as_number("∞"), as_number("a - y")
    (-0.5, inf, None)
    """
    if not isinstance(answer, str):
        try:
            return float(answer)
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"an answer is a number, a formula or a Value, not {shortened(repr(answer), 80)}") from None
    text = _with_plain_signs(answer).strip()
    sign, size = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    if size.strip().lower() in _WORDS:
        return sign * _WORDS[size.strip().lower()]
    try:
        return float(text)
    except ValueError:
        return None


def in_notation(text: str, names: Collection[str]) -> str:
    """The answer with every product written out; ``names`` are those of the graph, which go before functions'.

    A FormulaError refuses what can be read in two ways, such as ``1/2a``, and a decimal comma.

    >>> in_notation("2σ(z)(1 − σ(z))·x²", ["z", "x"])
    '2*σ(z)*(1-σ(z))*x**(2)'
    """
    written = ""
    for token in _written(_TOKEN.findall(_with_plain_signs(text)), names):
        written += " " * (written[-1:].isalnum() and token[0].isalnum()) + token
    return written


def _with_plain_signs(text: str) -> str:
    for sign, key in _SIGNS:
        text = re.sub(sign, key, text)
    return _POWER.sub(lambda found: f"**({found[0].translate(_POWERS)})", plain(text))


def _written(tokens: list[str], names: Collection[str]) -> Iterator[str]:
    is_call, divides = [False], [False]  # of each open parenthesis: whether it holds operands; after a /, to its end
    before = ""
    for token, follows in pairwise([*tokens, ""]):
        has_operand = before == ")" or _is_name(before) or _is_number(before)
        calls = token == "(" and _is_name(before) and before not in names
        begins = token == "(" or (_is_name(token) and not _is_name(before))
        if has_operand and begins and not calls:
            if divides[-1]:
                raise FormulaError(
                    "a division is followed by a product without a sign: write 1/(2*a) or (1/2)*a, not 1/2a"
                )
            yield "*"
        if token == "(":
            is_call.append(calls)
            divides.append(False)
        elif token == ")" and len(is_call) > 1:
            is_call.pop()
            divides.pop()
        elif token == "," and not is_call[-1]:
            raise FormulaError("a comma has no meaning here; a decimal point is written as .")
        elif has_operand and not (_is_name(token) or _is_number(token) or token == "**"):
            divides[-1] = token == "/"
        is_function = follows == "(" and token not in names
        yield _CALLED.get(token, token) if is_function else token
        before = token


def _is_name(token: str) -> bool:
    return token[:1].isidentifier()


def _is_number(token: str) -> bool:
    return token[:1].isdecimal() or (token[:1] == "." and len(token) > 1)
