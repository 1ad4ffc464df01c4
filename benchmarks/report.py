"""The tables and the JSON of a run; nothing here measures."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.figures import Result, judge
from benchmarks.goals import GOALS
from benchmarks.measure import Findings, Row, Settings
from benchmarks.registry import NO_COLLECTOR, OFF, ON, PEERS

__all__ = ["as_json", "figures", "machine", "seconds", "spread", "table"]

NOTHING = "–"
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
EAGER = """\
median and IQR: one warm run, forward and backward. times as long: as the first peer at the same work and collector.
forward, backward, freeing: ns per operation (medians); freeing is 0 where nodes wait for the collector.
bytes: resident memory per node, in a process of its own. Every peer has its own process; they take turns, and each
answer was compared with a reference."""
COMPILED = """\
median, IQR, best: one warm call for value and gradient. times as long: as the first peer at the same work (medians).
each: ns for a row, an operation, or an operation at a point. recording: making the peer's own arrays or graph.
first answer: from there, with compiling. memory: the most that the process held by then, with its libraries.
Every peer has its own process; they take turns, and each answer was compared with a reference."""
GOAL_HEADINGS = ("what must be reached", "by", "goal", "found, collector on", "collector off", "")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


# ---- figures --------------------------------------------------------------------------------------------------


def spread(samples: list[float]) -> float:
    """The interquartile range; 0 for a single sample."""
    if len(samples) < 2:
        return 0.0
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return high - low


def figures(row: Row, rows: list[Row]) -> dict[str, float | None]:
    """What the tables show of a row among all rows, in seconds and bytes; None for what was not measured.

    ``times_as_long`` is the ratio of the median to that of the first peer at the same work with the same setting of the
    collector.
    """
    first = next(other for other in rows if (other.work, other.collector) == (row.work, row.collector))
    each = {
        f"{part}_per_operation": median(samples) / row.operations if samples and row.operations > 1 else None
        for part, samples in (("forward", row.forward), ("backward", row.backward), ("free", row.free))
    }
    return {
        "median": median(row.total),
        "iqr": spread(row.total),
        "best": min(row.total),
        "times_as_long": median(row.total) / median(first.total),
        "per_operation": median(row.total) / row.operations,
        **each,
        "recording_median": median(row.recording) if row.recording else None,
        "first_median": median(row.first) if row.first else None,
        "peak": row.peak,
        "bytes_per_node": row.bytes_per_node,
    }


def seconds(number: float | None) -> str:
    """With three digits, in the unit that leaves one to three of them before the point; a dash for None."""
    if number is None:
        return NOTHING
    unit, size = next((pair for pair in UNITS if number >= pair[1]), UNITS[-1])
    scaled = number / size
    return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f} {unit}"


def _plain(form: str, scale: float = 1.0) -> Callable[[float | None], str]:
    return lambda number: NOTHING if number is None else format(number * scale, form)


Columns = dict[str, tuple[str, Callable[["float | None"], str]]]

EAGER_COLUMNS: Columns = {
    "median": ("median", seconds),
    "IQR": ("iqr", seconds),
    "times as long": ("times_as_long", _plain(".2f")),
    "forward": ("forward_per_operation", _plain(".0f", 1e9)),
    "backward": ("backward_per_operation", _plain(".0f", 1e9)),
    "freeing": ("free_per_operation", _plain(".0f", 1e9)),
    "bytes": ("bytes_per_node", _plain(".0f")),
}
COMPILED_COLUMNS: Columns = {
    "median": ("median", seconds),
    "IQR": ("iqr", seconds),
    "best": ("best", seconds),
    "times as long": ("times_as_long", _plain(".2f")),
    "each": ("per_operation", _plain(".3g", 1e9)),
    "recording": ("recording_median", seconds),
    "first answer": ("first_median", seconds),
    "memory, MiB": ("peak", _plain(",.0f", 2.0**-20)),
}

# ---- tables ---------------------------------------------------------------------------------------------------


def table(findings: Findings) -> str:
    """Everything that was measured, aligned, and then what had to be reached."""
    parts = [_preamble(findings)]
    for kind, columns, explanation in (("eager", EAGER_COLUMNS, EAGER), ("compiled", COMPILED_COLUMNS, COMPILED)):
        rows = [row for row in findings.rows if row.kind == kind]
        if rows:
            parts += [_rows(rows, columns), explanation]
    return "\n\n".join([*parts, _goals(judge(findings.rows, GOALS))])


def _preamble(findings: Findings) -> str:
    """The machine, who was measured, and who was not."""
    found = dict.fromkeys(
        [f"{PEERS[name].distribution or name} {version}".strip() for name, version in findings.versions.items()]
    )
    absent = [f"{name}: {reason}" for name, reason in findings.missing.items()]
    facts = machine()
    told = [facts["processor"], f"{facts['cores']} cores", facts["system"], facts["python"]]
    return "\n".join([", ".join(told), ", ".join(found), *absent, *findings.failures])


def _rows(rows: list[Row], columns: Columns) -> str:
    """A table with a gap after each work; the collector has a column where it plays a part."""
    words = 3 if any(row.collector != NO_COLLECTOR for row in rows) else 2
    cells = []
    for row in rows:
        found = figures(row, rows)
        numbers = [show(found[name]) for name, show in columns.values()]
        cells.append((*(row.work, row.peer, row.collector)[:words], *numbers))
    heading, *lines = _aligned([(*("work", "peer", "collector")[:words], *columns), *cells], words)
    works = groupby(zip(rows, lines, strict=True), key=lambda pair: pair[0].work)
    first, *others = ["\n".join([line for _, line in pairs]) for _, pairs in works]
    return "\n\n".join(["\n".join([heading, "-" * len(heading), first]), *others])


def _goals(results: list[Result]) -> str:
    heading, *lines = _aligned([GOAL_HEADINGS, *map(_goal_cells, results)], words=3)
    return "\n".join([heading, "-" * len(heading), *lines])


def _goal_cells(result: Result) -> tuple[str, ...]:
    goal = result.goal
    reached = {collector: figure.text for collector, figure in result.reached.items() if figure is not None}
    on = reached.get(NO_COLLECTOR) or reached.get(ON, NOTHING)
    return goal.work, goal.engine, goal.demand, on, reached.get(OFF, NOTHING), result.verdict


def _aligned(cells: list[tuple[str, ...]], words: int) -> list[str]:
    """Lines of equal columns: the first few to the left, as words, the others to the right, as numbers."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            [
                cell.ljust(width) if place < words else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
        ).rstrip()
        for line in cells
    ]


# ---- JSON -----------------------------------------------------------------------------------------------------


def as_json(findings: Findings, settings: Settings) -> dict[str, Any]:
    """Everything that was measured, in seconds and bytes: each row's samples and, under "figures", what tables show."""
    rows = findings.rows
    return {
        "machine": machine(),
        "settings": asdict(settings),
        "peers": findings.versions,
        "missing": findings.missing,
        "failures": findings.failures,
        "rows": [asdict(row) | {"figures": figures(row, rows)} for row in rows],
        "goals": [_goal_as_json(result) for result in judge(rows, GOALS)],
    }


def _goal_as_json(result: Result) -> dict[str, Any]:
    goal = result.goal
    return {
        "work": goal.work,
        "engine": goal.engine,
        "demand": goal.demand,
        "least": goal.least,
        "most": goal.most,
        "reached": {
            collector: None if reached is None else {"number": reached.number, "text": reached.text}
            for collector, reached in result.reached.items()
        },
        "verdict": result.verdict,
    }
