"""The tables and the JSON of a run; nothing here measures."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.measure import Findings, Row
from benchmarks.targets import NO_COLLECTOR, Result, Target, judge

__all__ = ["aligned", "as_json", "machine", "preamble", "ratio", "seconds", "spread", "table"]

HEADINGS = ("work", "peer", "collector", "median", "IQR", "ratio", "forward", "backward", "freeing", "bytes")
EXPLANATION = (
    "median and IQR: one warm run, forward and backward. ratio: to the first peer at the same work and collector.\n"
    "forward, backward, freeing: ns per operation (medians); freeing is 0 where nodes wait for the collector.\n"
    "bytes: resident memory per node, in a process of its own. Every peer has its own process; they take turns."
)
TARGET_HEADINGS = ("what must be reached", "engine", "target", "collector on", "collector off", "")
NOTHING = "–"
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


def machine() -> dict[str, Any]:
    """What the figures were measured on.

    Returns
    -------
    dict
        The processor, its cores, the system and the Python.
    """
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


def spread(samples: list[float]) -> float:
    """The interquartile range.

    Parameters
    ----------
    samples : list of float
        At least one.

    Returns
    -------
    float
        0 for a single sample.
    """
    if len(samples) < 2:
        return 0.0
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return high - low


def ratio(row: Row, rows: list[Row]) -> float:
    """How many times as long as the first peer in the table for the same work and collector.

    Parameters
    ----------
    row : Row
        Whose.
    rows : list of Row
        The table.

    Returns
    -------
    float
        1 for the first peer.
    """
    reference = next(other for other in rows if (other.work, other.collector) == (row.work, row.collector))
    return median(row.total) / median(reference.total)


def seconds(number: float) -> str:
    """With three digits, in the unit that leaves one to three of them before the point.

    Parameters
    ----------
    number : float
        In seconds.

    Returns
    -------
    str
        Such as "1.25 ms".
    """
    unit, size = next((pair for pair in UNITS if number >= pair[1]), UNITS[-1])
    scaled = number / size
    return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f} {unit}"


def _per_operation(samples: list[float], operations: int) -> str:
    return f"{median(samples) / operations * 1e9:.0f}" if samples and operations > 1 else NOTHING


def _cells(row: Row, rows: list[Row]) -> tuple[str, ...]:
    return (
        row.work,
        row.peer,
        row.collector,
        seconds(median(row.total)),
        seconds(spread(row.total)),
        f"{ratio(row, rows):.2f}",
        _per_operation(row.forward, row.operations),
        _per_operation(row.backward, row.operations),
        _per_operation(row.free, row.operations),
        NOTHING if row.bytes_per_node is None else f"{row.bytes_per_node:.0f}",
    )


def table(findings: Findings) -> str:
    """Everything that was measured, aligned, and then what had to be reached.

    Parameters
    ----------
    findings : Findings
        What a run found.

    Returns
    -------
    str
        Many lines.
    """
    rows = findings.rows
    heading, *lines = aligned([HEADINGS, *[_cells(row, rows) for row in rows]], words=3)
    works = groupby(zip(rows, lines, strict=True), key=lambda pair: pair[0].work)
    first, *others = ["\n".join([line for _, line in pairs]) for _, pairs in works] or [""]
    ruled = "\n".join([heading, "-" * len(heading), first])
    return "\n\n".join([preamble(findings), ruled, *others, EXPLANATION, _targets(judge(rows))])


def _targets(results: list[Result]) -> str:
    heading, *lines = aligned([TARGET_HEADINGS, *map(_target_cells, results)], words=3)
    return "\n".join([heading, "-" * len(heading), *lines])


def _target_cells(result: Result) -> tuple[str, ...]:
    target = result.target
    reached = {collector: figure.text for collector, figure in result.reached.items() if figure is not None}
    on = reached.get(NO_COLLECTOR) or reached.get("on", NOTHING)
    return target.work, target.engine, target.demand, on, reached.get("off", NOTHING), result.verdict


def preamble(findings: Findings) -> str:
    """The machine, who was measured, and who was not.

    Parameters
    ----------
    findings : Findings
        What a run found.

    Returns
    -------
    str
        Some lines.
    """
    versions = ", ".join([f"{name} {version}".strip() for name, version in findings.versions.items()])
    absent = [f"{name}: {reason}" for name, reason in findings.missing.items()]
    return "\n".join([", ".join(map(_describe, machine().items())), versions, *absent, *findings.failures])


def _describe(fact: tuple[str, Any]) -> str:
    name, value = fact
    return f"{value} {name}" if name == "cores" else str(value)


def aligned(cells: list[tuple[str, ...]], words: int) -> list[str]:
    """Lines of equal columns: the first few to the left, as words, the others to the right, as numbers.

    Parameters
    ----------
    cells : list of tuple of str
        The lines.
    words : int
        How many columns are words.

    Returns
    -------
    list of str
        A line for each.
    """
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


def as_json(findings: Findings, settings: Any, targets: list[Target] | None = None) -> dict[str, Any]:
    """Everything that was measured, with each sample.

    Parameters
    ----------
    findings : Findings
        What a run found.
    settings : dataclass
        How much was measured.
    targets : list of Target, optional
        What had to be reached; that of the engines unless said.

    Returns
    -------
    dict
        Seconds throughout.
    """
    rows = findings.rows
    return {
        "machine": machine(),
        "settings": asdict(settings),
        "peers": findings.versions,
        "missing": findings.missing,
        "failures": findings.failures,
        "rows": [
            asdict(row) | {"median": median(row.total), "iqr": spread(row.total), "ratio": ratio(row, rows)}
            for row in rows
        ],
        "targets": [_target_as_json(result) for result in judge(rows, targets)],
    }


def _target_as_json(result: Result) -> dict[str, Any]:
    target = result.target
    return {
        "work": target.work,
        "engine": target.engine,
        "demand": target.demand,
        "reached": {
            collector: None if reached is None else reached.number for collector, reached in result.reached.items()
        },
        "verdict": result.verdict,
    }
