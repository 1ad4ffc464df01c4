"""The table and the JSON of a run; nothing here measures."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.measure import Row, Settings
from benchmarks.peers import Peer, version_of

__all__ = ["as_json", "machine", "table"]

HEADINGS = ("work", "peer", "collector", "median", "IQR", "ratio", "forward", "backward", "freeing", "bytes")
EXPLANATION = (
    "median and IQR: one run, forward and backward. ratio: to the first peer at the same work and collector.\n"
    "forward, backward, freeing: ns per operation (medians); freeing is 0 where nodes wait for the collector.\n"
    "bytes: resident memory per node, in a process of its own."
)
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


def _ratio(row: Row, rows: list[Row]) -> float:
    """How many times as long as the first peer in the table for the same work and collector."""
    reference = next(other for other in rows if (other.work, other.collector) == (row.work, row.collector))
    return median(row.total) / median(reference.total)


def _seconds(number: float) -> str:
    """With three digits, in the unit that leaves one to three of them before the point."""
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
        _seconds(median(row.total)),
        _seconds(spread(row.total)),
        f"{_ratio(row, rows):.2f}",
        _per_operation(row.forward, row.operations),
        _per_operation(row.backward, row.operations),
        _per_operation(row.free, row.operations),
        NOTHING if row.bytes_per_node is None else f"{row.bytes_per_node:.0f}",
    )


def table(rows: list[Row], peers: list[Peer], missing: dict[str, str]) -> str:
    """Everything that was measured, aligned.

    Parameters
    ----------
    rows : list of Row
        The figures.
    peers : list of Peer
        Who was measured.
    missing : dict
        Who was not, and why.

    Returns
    -------
    str
        Many lines.
    """
    cells = [HEADINGS, *[_cells(row, rows) for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    heading, *lines = [_align(line, widths) for line in cells]
    works = groupby(zip(rows, lines, strict=True), key=lambda pair: pair[0].work)
    first, *others = ["\n".join([line for _, line in pairs]) for _, pairs in works] or [""]
    ruled = "\n".join([heading, "-" * len(heading), first])
    return "\n\n".join([_preamble(peers, missing), ruled, *others, EXPLANATION])


def _preamble(peers: list[Peer], missing: dict[str, str]) -> str:
    """The machine, who was measured, and who was not."""
    versions = ", ".join([f"{peer.name} {version_of(peer)}".strip() for peer in peers])
    absent = [f"{name}: {reason}" for name, reason in missing.items()]
    return "\n".join([", ".join(map(_describe, machine().items())), versions, *absent])


def _describe(fact: tuple[str, Any]) -> str:
    name, value = fact
    return f"{value} {name}" if name == "cores" else str(value)


def _align(line: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [cell.ljust(width) for cell, width in zip(line[:3], widths[:3], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(line[3:], widths[3:], strict=True)]
    return "  ".join(words + numbers).rstrip()


def as_json(rows: list[Row], settings: Settings, peers: list[Peer], missing: dict[str, str]) -> dict[str, Any]:
    """Everything that was measured, with each sample.

    Parameters
    ----------
    rows : list of Row
        The figures.
    settings : Settings
        How much was measured.
    peers : list of Peer
        Who was measured.
    missing : dict
        Who was not, and why.

    Returns
    -------
    dict
        Seconds throughout.
    """
    return {
        "machine": machine(),
        "settings": asdict(settings),
        "peers": {peer.name: version_of(peer) for peer in peers},
        "missing": missing,
        "rows": [
            asdict(row) | {"median": median(row.total), "iqr": spread(row.total), "ratio": _ratio(row, rows)}
            for row in rows
        ],
    }
