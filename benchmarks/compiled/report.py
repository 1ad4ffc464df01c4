"""The tables of a run; the JSON is the other benchmarks', and nothing here measures."""

from __future__ import annotations

from itertools import groupby
from statistics import median
from typing import Any

from benchmarks.compiled.goals import GOALS
from benchmarks.compiled.rounds import FIRST, RECORDING, Settings
from benchmarks.measure import Findings, Row
from benchmarks.report import NOTHING, aligned, preamble, ratio, seconds, spread
from benchmarks.report import as_json as others_as_json
from benchmarks.targets import NO_COLLECTOR, Result, find, judge

__all__ = ["as_json", "table"]

HEADINGS = ("work", "peer", "median", "IQR", "best", "ratio", "each", "recording", "first answer", "memory")
EXPLANATION = (
    "median, IQR, best: one warm call for value and gradient. ratio: of medians, to the first peer at the same work.\n"
    "each: ns for a row, an operation, or an operation at a point. recording: making the peer's own arrays or graph.\n"
    "first answer: from there, with compiling. memory: the most that the process held by then, with its libraries.\n"
    "Every peer has its own process; they take turns, and each answer was compared with the closed form."
)
GOAL_HEADINGS = ("what must be reached", "by", "goal", "found", "")


def _cells(row: Row, rows: list[Row]) -> tuple[str, ...]:
    recording, first = [find(rows, row.work + part, row.peer, NO_COLLECTOR) for part in (RECORDING, FIRST)]
    held = first.bytes_per_node * first.operations if first and first.bytes_per_node else None
    return (
        row.work,
        row.peer,
        seconds(median(row.total)),
        seconds(spread(row.total)),
        seconds(min(row.total)),
        f"{ratio(row, rows):.2f}",
        f"{median(row.total) / row.operations * 1e9:.3g}",
        seconds(median(recording.total)) if recording else NOTHING,
        seconds(median(first.total)) if first else NOTHING,
        NOTHING if held is None else f"{held / 2**20:,.0f} MiB",
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
    calls = [row for row in rows if not row.work.endswith((FIRST, RECORDING))]
    heading, *lines = aligned([HEADINGS, *[_cells(row, rows) for row in calls]], words=2)
    works = groupby(zip(calls, lines, strict=True), key=lambda pair: pair[0].work)
    first, *others = ["\n".join([line for _, line in pairs]) for _, pairs in works] or [""]
    ruled = "\n".join([heading, "-" * len(heading), first])
    return "\n\n".join([preamble(findings), ruled, *others, EXPLANATION, _goals(judge(rows, GOALS))])


def _goals(results: list[Result]) -> str:
    heading, *lines = aligned([GOAL_HEADINGS, *map(_goal_cells, results)], words=3)
    return "\n".join([heading, "-" * len(heading), *lines])


def _goal_cells(result: Result) -> tuple[str, ...]:
    goal, reached = result.target, result.reached[NO_COLLECTOR]
    return goal.work, goal.engine, goal.demand, reached.text if reached else NOTHING, result.verdict


def as_json(findings: Findings, settings: Settings) -> dict[str, Any]:
    """Everything that was measured, with each sample.

    Parameters
    ----------
    findings : Findings
        What a run found.
    settings : Settings
        How much was measured.

    Returns
    -------
    dict
        Seconds throughout.
    """
    return others_as_json(findings, settings, GOALS)
