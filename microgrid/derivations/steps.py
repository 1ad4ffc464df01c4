"""The parts of a derivation: components, their paths and formulas; they are derived and written elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.util.restoring import restorable

__all__ = ["MOST_COUNTED", "Component", "Path", "is_word", "paths_counted", "quotient"]

MOST_COUNTED = 10**300
"""Counts of paths stop here."""


@public("microgrid.derivations")
@dataclass(frozen=True, slots=True)
class Path:
    """One path through a stage, from its upper end back to its lower end.

    Parameters
    ----------
    nodes : tuple of str
        The nodes on it, both ends included.
    partials : tuple of sympy.Expr
        The local derivatives along it.
    numbers : tuple of float
        The recorded local derivatives.
    formula : sympy.Expr
        Their product.
    value : float
        The product of the numbers.
    """

    nodes: tuple[str, ...]
    partials: tuple[Any, ...]
    numbers: tuple[float, ...]
    formula: Any
    value: float


@public("microgrid.derivations")
@restorable
@dataclass(frozen=True, slots=True)
class Component:
    """One line of a derivation: the derivative of a node with respect to another.

    Parameters
    ----------
    of, by : str
        The two nodes.
    path_count : int
        The number of paths from one to the other.
    paths : tuple of Path
        The paths, for a single stage with few of them.
    factors : tuple of str
        The derivatives that are multiplied, for a product over several stages.
    formula : sympy.Expr or None
        The sum over the paths, or the product of the factors; None if the graph is too large.
    closed_form : sympy.Expr or None
        The formula, simplified.
    value : float
        The derivative.
    note : str, default ""
        Why the formula is missing, or not as short as it might be.
    """

    of: str
    by: str
    path_count: int
    paths: tuple[Path, ...]
    factors: tuple[str, ...]
    formula: Any
    closed_form: Any
    value: float
    note: str = ""

    @property
    def name(self) -> str:
        """The derivative, such as ``dL/da``."""
        return quotient(self.of, self.by)


def is_word(name: str | None) -> bool:
    """Whether a name can be a symbol in a formula: letters, digits and _. Python's identifiers allow · as well."""
    return name is not None and re.fullmatch(r"[^\W\d]\w*", name) is not None


def quotient(of: str, by: str) -> str:
    """A derivative in signs, such as ``dL/dw1``."""
    return "/".join([f"d{one}" if is_word(one) else f"d({one})" for one in (of, by)])


def paths_counted(count: int) -> str:
    """A number of paths in words."""
    if count >= MOST_COUNTED:
        return "more than 10^300 paths"
    return f"{count:,} path{'s' * (count != 1)}"
