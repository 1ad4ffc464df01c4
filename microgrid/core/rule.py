"""A rule: one operation's value and partial derivatives, how it is written and drawn, and where it is regular.

The table of all rules is ``rules``, whose docstring says how a rule is written.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from microgrid._public import public

__all__ = ["AUXILIARY", "EVERY_RULE", "RULES", "Kink", "Pair", "Region", "Rule", "letters_of", "rule"]

Pair = tuple[Callable[..., Any], Callable[..., Any]]
Make = Callable[[Any], Pair]


@public()
@dataclass(frozen=True, slots=True)
class Region:
    """Where one operand of a rule is regular: an interval for everyday points, and the tails beyond it.

    Parameters
    ----------
    low, high : float
        Everyday operands are drawn from the open interval between them. No kink or pole lies inside.
    tails : tuple of float
        Extreme operands at which the rule still has to be accurate wherever its result is finite.
    repeated : bool
        The operand stands for a whole list of operands (the n-ary rules).
    constant : bool
        The operand is a plain number that is never differentiated.
    """

    low: float
    high: float
    tails: tuple[float, ...] = ()
    repeated: bool = False
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Kink:
    """A place where a derivative jumps or has no limit, and the convention recorded there."""

    where: str  # the place, as an equation in the operands x, y, ...
    convention: str  # what is recorded there, in words
    at: tuple[float, ...]  # one point on the kink
    partials: tuple[float, ...]  # what is recorded at that point


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, repr=False)
class Rule:
    """One operation: how it is computed, differentiated, written and drawn."""

    name: str  # of the method and of the function of the package
    make: Make  # ``make(m)`` gives ``(value, partials)`` in the arithmetic ``m``
    symbol: str  # what stands in the operation's circle in a drawing
    latex: str  # the formula, with the ``letters`` in braces for the operands, or for lists of them
    regions: tuple[Region, ...]  # one per operand: where it is regular
    kinks: tuple[Kink, ...] = ()  # where it is not, and what is recorded there
    operator: str | None = None  # Python's special method, without its underscores
    aliases: tuple[str, ...] = ()  # further names of the method: NumPy calls them on arrays of objects
    constant_form: str | None = None  # the rule that is recorded instead when the last operand is a plain number
    summary: str = ""  # what the function is, in a sentence that ``help`` begins with
    domain: str = ""  # where the function is defined, as a condition on the operands; empty if everywhere
    # Whether the rule chooses among its operands or among constants, so that a partial of exactly 0 says "not taken":
    # what wasn't taken contributes nothing, not 0 times whatever lies behind it. Any other rule's 0 is a number.
    choice: bool = False

    @property
    def arity(self) -> int | None:
        """The number of operands, or None where it varies."""
        return None if self.regions[0].repeated else len(self.regions)

    @property
    def letters(self) -> tuple[str, ...]:
        """What the operands are called in formulas, one letter for each region."""
        return letters_of(self.regions)

    @property
    def call(self) -> str:
        """A call of the rule's function on its letters, such as ``atan2(x, y)``."""
        return f"{self.name}({', '.join(self.letters)})"

    @property
    def portable(self) -> bool:
        """Whether the rule runs in every arithmetic, and not on floats and Values alone."""
        return True

    @property
    def on_arrays(self) -> bool:
        """Whether the rule runs on NumPy's arrays."""
        return True

    @property
    def source(self) -> str | None:
        """Where a user's own operation has its partials, as ``"file.py:12"``; None for a rule of the table."""
        return None

    @property
    def value_source(self) -> str | None:
        """Where a user's own operation has its value; None for a rule of the table."""
        return None

    def __repr__(self) -> str:
        return f"<rule {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Rule], tuple[str]]:
        return _rule_named, (self.name,)


def letters_of(regions: tuple[Region, ...]) -> tuple[str, ...]:
    """What operands with these regions are called in formulas: one name for each operand, or for each list of them.

    >>> from microgrid.core.rules import MANY, REAL
    >>> letters_of((REAL, REAL)), letters_of((MANY,)), letters_of((REAL,) * 4)
    (('x', 'y'), ('xs',), ('x1', 'x2', 'x3', 'x4'))
    """
    count = len(regions)
    if count > 3:
        return tuple([f"x{place}" for place in range(1, count + 1)])
    return tuple([letter + "s" * regions[0].repeated for letter in "xyz"[:count]])


RULES: dict[str, Rule] = {}
"""Every rule by its name, in the order of the table; ``rules`` fills it."""

AUXILIARY: dict[str, Rule] = {}
"""Rules that are for the partials of others: nodes of derivatives, without a function or a method of their names."""

EVERY_RULE: Mapping[str, Rule] = ChainMap(AUXILIARY, RULES)
"""Both: first the table's rules, then the auxiliary ones."""


@public()
def _rule_named(name: str) -> Rule:
    return EVERY_RULE[name]


def rule(
    symbol: str, latex: str, *regions: Region, table: dict[str, Rule] = RULES, **more: Any
) -> Callable[[Make], Make]:
    """Enter the decorated function into the table, under its own name."""

    def register(make: Make) -> Make:
        if make.__name__ in table:
            raise ValueError(f"the table already has a rule named {make.__name__!r}")
        table[make.__name__] = Rule(make.__name__, make, symbol, latex, regions, **more)
        return make

    return register
