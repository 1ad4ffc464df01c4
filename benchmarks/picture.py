"""The picture of a run: how long each peer takes for an operation; the figures come from ``measure``."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Findings, Row
from benchmarks.peers import FLOATS, OUR_ENGINES

__all__ = ["draw"]

SHOWN = {
    "logistic loss 569": "logistic loss, 569 × 30 real samples",
    "moons step 100": "one step of micrograd's moons demo",
    "GPT step 1": "one training step of a GPT of 4,192 parameters",
}
# Okabe and Ito's colours, which colour-blind readers tell apart; "off" is also hatched.
OURS, OTHERS, LOOP = "#0072B2", "#E69F00", "#999999"
THICKNESS = 0.38


def draw(findings: Findings, path: Path) -> bool:
    """Draw bars on a log axis, one panel for each eager work, both collectors; whether there was anything to draw."""
    panels = _panels(findings.rows)
    if not panels:
        return False
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "microgrid"  # the same ids from run to run
    from matplotlib import pyplot

    heights = [len(bars) for _, bars in panels]
    figure, axes = pyplot.subplots(
        len(panels),
        figsize=(9.0, 1.0 + sum(0.42 * height + 0.9 for height in heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    times = [
        nanoseconds for _, bars in panels for by_collector in bars.values() for nanoseconds in by_collector.values()
    ]
    for axis, (title, bars) in zip(axes[:, 0], panels, strict=True):
        _draw_panel(axis, title, bars)
        axis.set_xscale("log")
        axis.set_xlim(min(times) / 2.0, max(times) * 5.0)  # room for the labels
        axis.xaxis.set_major_formatter("{x:,.0f}")
    axes[-1, 0].set_xlabel("ns per operation, forward and backward; median, log scale; shorter is faster")
    figure.savefig(path, facecolor="white", metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
    return True


Bars = dict[str, dict[str, float]]


def _panels(rows: list[Row]) -> list[tuple[str, Bars]]:
    """For each work its title, and for each peer its nanoseconds per operation by collector, fastest first."""
    timed = [row for row in rows if row.kind == "eager" and row.operations > 1]
    works = list(dict.fromkeys([row.work for row in timed]))
    chosen = [work for work in works if work in SHOWN] or works[:1]
    return [(SHOWN.get(work, work), _bars([row for row in timed if row.work == work])) for work in chosen]


def _bars(rows: list[Row]) -> Bars:
    bars: Bars = {}
    for row in rows:
        bars.setdefault(row.peer, {})[row.collector] = median(row.total) / row.operations * 1e9
    return dict(sorted(bars.items(), key=lambda bar: bar[1]["on"]))


def _draw_panel(axis: Any, title: str, bars: Bars) -> None:
    for place, (peer, by_collector) in enumerate(bars.items()):
        for shift, (collector, nanoseconds) in zip((-THICKNESS / 2, THICKNESS / 2), by_collector.items(), strict=False):
            _draw_bar(axis, place + shift, _colour(peer), collector, nanoseconds)
    axis.set_title(title, loc="left", fontsize=11)
    axis.set_yticks(range(len(bars)), list(bars))
    for label, peer in zip(axis.get_yticklabels(), bars, strict=True):
        label.set_fontweight("bold" if peer in OUR_ENGINES else "normal")
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)


def _draw_bar(axis: Any, height: float, colour: str, collector: str, nanoseconds: float) -> None:
    is_on = collector == "on"
    axis.barh(
        height,
        nanoseconds,
        height=THICKNESS,
        color=colour if is_on else "white",
        edgecolor=colour,
        hatch=None if is_on else "////",
    )
    text = f" {nanoseconds:,.0f}, collector {collector}"
    axis.text(nanoseconds, height, text, va="center", fontsize=7.5, color="#222222")


def _colour(peer: str) -> str:
    if peer in OUR_ENGINES:
        return OURS
    return LOOP if peer == FLOATS else OTHERS
