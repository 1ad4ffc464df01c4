"""The gradient checker itself on trial: planted faults that it must find and blame, and right gradients it must pass.

``python -m benchmarks.planted_faults`` plants six faults in every rule of the table, at points of the orders of
magnitude 1e-8 to 1e8, and prints how many were found, how many with the right node blamed, and what the checker said of
the same graphs with the rules as they are. ``--checks`` says how many of those right graphs are checked.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgrid import Value
from microgrid.checking import Report, Verdict, check_gradients
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import recorder
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES
from microgrid.util.tables import table

__all__ = ["FAULTS", "SCALES", "Tally", "faulty", "graph_of", "is_visible", "points", "right_checks", "trial", "trials"]

SCALES = tuple([10.0**exponent for exponent in range(-8, 9, 2)])
_LEAST = 5e-4  # a relative change of a derivative that counts as a fault
_LENGTH = 3  # operands of a rule on lists
_EARLIER = 1.0 + 2.0**-6  # where the operands were when a stale derivative was computed


FAULTS: dict[str, Callable[[Any, Any], Any]] = {
    "0.1 %": lambda right, _: right * 1.001,
    "3 %": lambda right, _: right * 1.03,
    "sign": lambda right, _: right * -1.0,
    "factor 2": lambda right, _: right * 2.0,
    "missing path": lambda *_: 0.0,
    "stale value": lambda _, earlier: earlier,
}
"""From a fault's name to what it makes of a partial, and of the same at the operands of an earlier moment."""


def faulty(rule: Rule, fault: str, place: int) -> Rule:
    """A copy of a rule, of the same name and value, with the partial of one operand spoilt in every arithmetic."""

    def make(m: Any) -> Any:
        value, partials = _flat(rule, m)

        def spoilt(out: Any, *operands: Any) -> Any:
            there = [operand * _EARLIER for operand in operands]
            slopes, earlier = list(partials(out, *operands)), list(partials(value(*there), *there))
            slopes[place] = FAULTS[fault](slopes[place], earlier[place])
            return slopes

        if rule.arity is not None:
            return value, spoilt
        size = len(rule.regions)
        return (
            lambda *lists: value(*[x for one in lists for x in one]),
            lambda out, *lists: _in_lists(spoilt(out, *[x for one in lists for x in one]), size),
        )

    return Rule(rule.name, make, rule.symbol, rule.latex, rule.regions, rule.kinks)


def _flat(rule: Rule, m: Any) -> Any:
    """A rule's pair on operands one after the other, also for a rule on lists."""
    value, partials = rule.make(m)
    if rule.arity is not None:
        return value, partials

    def split(operands: Sequence[Any]) -> list[Sequence[Any]]:
        length = len(operands) // len(rule.regions)
        return [operands[start : start + length] for start in range(0, len(operands), length)]

    return (
        lambda *operands: value(*split(operands)),
        lambda out, *operands: [slope for slopes in partials(out, *split(operands)) for slope in slopes],
    )


def _in_lists(slopes: Sequence[Any], size: int) -> list[Sequence[Any]]:
    length = len(slopes) // size
    return [slopes[start : start + length] for start in range(0, len(slopes), length)]


# ---- where ------------------------------------------------------------------------------------------------------


def points(rule: Rule, scale: float, count: int, source: random.Random) -> Iterator[tuple[float, ...]]:
    """Operands of an order of magnitude at which a rule and its partials are finite, of so many that are tried."""
    value, partials = FLOAT.bind(rule)
    regions = [one for one in rule.regions for _ in range(_LENGTH if rule.arity is None else 1)]
    for _ in range(count):
        operands = tuple([_operand(region.constant, scale, source) for region in regions])
        out = value(*operands)
        if all(map(math.isfinite, (out, *partials(out, *operands)))):
            yield operands


def _operand(is_constant: bool, scale: float, source: random.Random) -> float:
    if is_constant:
        return source.choice((2.0, 3.0, -1.0, 0.5))
    return source.choice((1.0, 1.0, -1.0)) * scale * source.uniform(1.0, 2.0)


def graph_of(rule: Rule, operands: Sequence[float]) -> tuple[Callable[..., Any], tuple[float, ...]]:
    """A function in whose graph the rule is one node of several, and the point at which it meets the operands."""
    record = recorder(rule)
    varying = [place for place in range(len(operands)) if rule.arity is None or not rule.regions[place].constant]

    def f(*inputs: Any) -> Any:
        nodes: list[Any] = [Value(x) for x in operands]
        for place, x in zip(varying, inputs, strict=True):
            nodes[place] = x * 0.5
        node = record(*nodes)
        return node * 0.75 + node * 0.5

    return f, tuple([2.0 * operands[place] for place in varying])


# ---- trials -----------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the trials of one kind."""

    planted: int = 0
    found: int = 0
    blamed: int = 0
    missed: list[str] = field(default_factory=list)
    verdicts: Counter[Verdict] = field(default_factory=Counter)


def is_visible(rule: Rule, fault: str, place: int, operands: Sequence[float]) -> bool:
    """Whether a fault changes the derivative at all, and leaves a finite one: twice 0 is 0."""
    value, partials = FLOAT.bind(rule)
    out = value(*operands)
    right, wrong = partials(out, *operands)[place], FLOAT.bind(faulty(rule, fault, place))[1](out, *operands)[place]
    return math.isfinite(wrong) and abs(wrong - right) > _LEAST * max(abs(wrong), abs(right), 1e-300)


def trial(rule: Rule, operands: Sequence[float], order: Any) -> Report:
    """Check one graph: of a rule of the table, or of a spoilt copy."""
    f, at = graph_of(rule, operands)
    return check_gradients(f, at, order=order)


def trials(rule: Rule, fault: str, order: int, count: int, seed: int, tally: Tally) -> None:
    """Plant a fault in a rule, at each operand and so many points of each order of magnitude; count the outcomes."""
    source = random.Random(f"{rule.name} {fault} {seed}")
    length = _LENGTH if rule.arity is None else 1
    places = [place for place, region in enumerate(rule.regions) if not region.constant]
    for place in [place * length for place in places]:
        spoilt = faulty(rule, fault, place)
        for scale in SCALES:
            for operands in points(rule, scale, count, source):
                if not is_visible(rule, fault, place, operands):
                    continue
                report = trial(spoilt, operands, order)
                tally.planted += 1
                tally.verdicts[report.verdict] += 1
                tally.found += report.verdict is Verdict.WRONG
                tally.blamed += report.blame is not None and report.blame.node.op is spoilt
                if report.verdict is not Verdict.WRONG:
                    tally.missed.append(f"{rule.name} {fault} {place} {operands}: {report.verdict}")


def right_checks(checks: int, order: int, seed: int) -> Tally:
    """Check that many derivatives of right rules at least, of rules and orders of magnitude that are drawn at random.

    ``planted`` of the tally is how many were compared.
    """
    tally = Tally()
    source = random.Random(seed)
    everywhere = [(rule, scale) for rule in RULES.values() for scale in SCALES]
    while tally.planted < checks:
        rule, scale = source.choice(everywhere)
        for operands in points(rule, scale, 1, source):
            report = trial(rule, operands, order)
            tally.planted += report.checked
            tally.verdicts.update([one.verdict for one in report.judgements])
            if not report:
                tally.missed.append(f"{rule.name} {operands}: {report.verdict}")
    return tally


def main() -> None:
    """Run the trials and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted_faults", description=main.__doc__)
    parser.add_argument("--checks", type=int, default=100_000, help="derivatives of right graphs (%(default)s)")
    parser.add_argument("--count", type=int, default=2, help="points of each order of magnitude (%(default)s)")
    arguments = parser.parse_args()
    for order in (1, 2):
        rows = []
        for fault in FAULTS:
            tally = Tally()
            for rule in RULES.values():
                trials(rule, fault, order, arguments.count, order, tally)
            rows.append((fault, f"{tally.planted:,}", f"{tally.found:,}", f"{tally.blamed:,}"))
            for line in tally.missed[:20]:
                print(f"  not found: {line}")
        print(f"\nFaults planted in every rule, order {order}")
        print(table(("fault", "planted", "found", "right node blamed"), rows, "<>>>"))
    for order, checks in ((1, arguments.checks), (2, arguments.checks // 10)):
        start = time.perf_counter()
        tally = right_checks(checks, order, seed=order)
        seconds = time.perf_counter() - start
        counts = ", ".join([f"{count:,} {verdict}" for verdict, count in tally.verdicts.most_common()])
        print(f"\nRight rules, order {order}: {tally.planted:,} derivatives in {seconds:.0f} s: {counts}")
        print(f"  false alarms: {tally.verdicts[Verdict.WRONG]}")
        for line in tally.missed[:20]:
            print(f"  not right: {line}")


if __name__ == "__main__":
    main()
