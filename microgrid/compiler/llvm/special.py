"""Special functions of the rule table as functions of a row kernel's module, on one register of rows.

A rule's stable form chooses among formulas lane by lane, so all of them are computed: for lgamma, two logarithms, a
sine and two series. Where every lane of a register lies in one region, a function here runs the formulas of that region
alone; elsewhere, the whole rule. The formulas are the rule's own, with comparisons decided by the region.
"""

from __future__ import annotations

import math
from typing import Any

from microgrid.compiler.llvm import libm
from microgrid.compiler.llvm.instructions import Instructions, vector_type, written
from microgrid.core.rule import RULES, Rule
from microgrid.core.source import Term

__all__ = ["defined", "symbols"]

_REGIONS = {
    "lgamma": ((4.5, math.inf), (0.0, 4.5), (0.0, math.inf)),
    "digamma": ((5.0, math.inf), (0.0, 5.0), (0.0, math.inf)),
    "trigamma": ((5.0, math.inf), (0.0, math.inf)),
    "polygamma": ((0.0, math.inf),),
    "gamma": ((4.5, math.inf), (0.5, 4.5), (0.0, math.inf)),
}
"""The regions of each function's last operand, in the order of the tests: from the first number on, and, unless that is
infinite, below the second."""

_PREFIX = "special."


def symbols() -> dict[str, str]:
    """From the name of each function to the symbol that computes it on one register."""
    return {name: _PREFIX + name for name in _REGIONS}


def defined(declarations: set[str], width: int) -> tuple[set[str], list[str]]:
    """A module's declarations without those of functions that are here, with what these call; and their texts."""
    used = [name for name, symbol in symbols().items() if any([f"@{symbol}(" in line for line in declarations])]
    own = {line for line in declarations if f"@{_PREFIX}" in line}
    made = [_definition(RULES[name], width) for name in used]
    return (declarations - own).union(*[calls for calls, _ in made]), [text for _, text in made]


def _definition(rule: Rule, width: int) -> tuple[set[str], str]:
    """What a function calls, as declarations, and its text; it takes and returns registers of so many doubles."""
    kind, operands = vector_type("double", width), [f"%x{place}" for place in range(len(rule.regions))]
    parameters = ", ".join([f"{kind} {operand}" for operand in operands])
    # An aligned stack: registers that lie across two lines of the cache while log is called cost more than log.
    lines = [f"define internal {kind} @{_PREFIX}{rule.name}({parameters}) alignstack(64) {{"]
    calls: set[str] = set()
    for place, (low, high) in enumerate([*_REGIONS[rule.name], (-math.inf, math.inf)]):
        region = _Region(width, operands[-1], low, high, prefix=f"%r{place}.")
        if low > -math.inf:
            _branch(region, place)
        result = region.bind(rule)[0](*map(region.term, operands))
        region.emit(f"ret {kind} {region.write(result)}")
        lines += written(region.lines)
        if low > -math.inf:
            lines.append(f"outside{place}:")
        calls |= region.functions
    return calls, "\n".join([*lines, "}", ""])


def _branch(region: _Region, place: int) -> None:
    """Go on where every lane lies in the region; elsewhere, go to the label of what is outside."""
    kind, lanes, x = region.type, region.width, region.operand
    inside = region.define(f"fcmp oge {kind} {x}, {region.write(region.low)}").text
    if region.high < math.inf:
        below = region.define(f"fcmp olt {kind} {x}, {region.write(region.high)}").text
        inside = region.define(f"and <{lanes} x i1> {inside}, {below}").text
    bits = region.define(f"bitcast <{lanes} x i1> {inside} to i{lanes}").text
    condition = region.define(f"icmp eq i{lanes} {bits}, -1").text
    region.emit(f"br i1 {condition}, label %inside{place}, label %outside{place}")
    region.lines.append(f"inside{place}:")


class _Region(Instructions):
    """The arithmetic on registers, one of which has its lanes between two numbers, the first of them included."""

    def __init__(self, width: int, operand: str, low: float, high: float, prefix: str) -> None:
        super().__init__(width, libm.vector_functions(width), contract=True, prefix=prefix)
        self.operand, self.low, self.high = operand, low, high
        if low >= 0.0:
            of_any = vars(self)["abs"]
            self.abs = lambda x: x if self._is_operand(x) else of_any(x)

    def _is_operand(self, number: Any) -> bool:
        return isinstance(number, Term) and number.text == self.operand

    def _compare(self, name: str, operator: str, x: Any, y: Any) -> str | bool:
        if operator != "==" and self._is_operand(x) and isinstance(y, float):
            if self.high <= y < math.inf:
                return True
            if y < self.low or (y == self.low and operator == "<"):
                return False
        if operator != "==" and self._is_operand(y) and isinstance(x, float):
            if x < self.low or (x == self.low and operator == "<="):
                return True
            if self.high <= x < math.inf:
                return False
        return super()._compare(name, operator, x, y)
