"""The benchmark runs in one command, refuses wrong answers and judges its goals. What it measures decides nothing."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain as chained
from pathlib import Path
from typing import Any

import pytest

from benchmarks import goals, measure, peers, registry
from benchmarks.__main__ import KINDS, parser, settings_of
from benchmarks.figures import judge
from benchmarks.goals import GOALS
from benchmarks.measure import Findings, Row, Settings, Worker, WorkerDiedError, WrongAnswerError, difference
from benchmarks.peers import FLOATS, NATIVE, OUR_ENGINES, PYTHON, SLOTTED, missing
from benchmarks.picture import draw
from benchmarks.registry import ADAPTERS, NO_COLLECTOR, PEERS, WORKS, Call, Peer, Work
from benchmarks.report import figures, table
from benchmarks.worker import time_calls
from benchmarks.works import graphs, logistic, scalar

HERE = Path(__file__).resolve().parent

# ---- the command ----------------------------------------------------------------------------------------------

CHOSEN = (PYTHON, SLOTTED, FLOATS, peers.INTERPRETER, peers.OXIGRAD)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], Path]:
    """One small run of both kinds of works: what it printed, its JSON and its picture."""
    out = tmp_path_factory.mktemp("bench") / "new" / "bench.json"
    works = [scalar.CHAIN.name, graphs.CHAIN.name, measure.IMPORT]
    line = ["--quick", "--chain", "10", "50", "--repeats", "1", "--works", *works, "--peers", *CHOSEN]
    command = [sys.executable, "-m", "benchmarks", *line, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text()), out.with_suffix(".svg")


def test_the_command_prints_both_tables_and_writes_its_samples(run: tuple[str, dict[str, Any], Path]) -> None:
    printed, written, _ = run
    headings = [line.split()[:3] for line in printed.splitlines() if line.startswith("work ")]
    assert headings == [["work", "peer", "collector"], ["work", "peer", "median"]]
    assert {"processor", "cores", "python"} <= written["machine"].keys()
    works = {"chain 10", "chain 50", "compiled chain 10", "compiled chain 50", "import"}
    assert works == {row["work"] for row in written["rows"]}
    for row in written["rows"]:
        assert any(line.startswith(f"{row['work']} ") and row["peer"] in line for line in printed.splitlines())
        assert row["forward"]
        assert all(sample > 0.0 for sample in row["forward"])
        is_weighed = row["work"].startswith("chain") and row["peer"] != FLOATS
        assert (row["bytes_per_node"] is not None) == is_weighed
        assert all(seconds > 0.0 for seconds in row["first"])
        assert row["figures"]["median"] > 0.0


def test_every_eager_figure_is_taken_with_the_collector_on_and_off(run: tuple[str, dict[str, Any], Path]) -> None:
    _, written, _ = run
    for kind, work, collectors in (("eager", "chain 10", ["on", "off"]), ("compiled", "compiled chain 10", ["–"])):
        rows = [row for row in written["rows"] if row["work"] == work]
        assert {row["kind"] for row in rows} == {kind}
        for name in {row["peer"] for row in rows}:
            assert [row["collector"] for row in rows if row["peer"] == name] == collectors


def test_every_peer_is_measured_or_said_to_be_missing(run: tuple[str, dict[str, Any], Path]) -> None:
    printed, written, _ = run
    assert sorted([*written["peers"], *written["missing"]]) == sorted(CHOSEN)
    for name, reason in written["missing"].items():
        assert f"{name}: {reason}" in printed


def test_every_goal_is_in_the_table_with_its_verdict(run: tuple[str, dict[str, Any], Path]) -> None:
    printed, written, _ = run
    assert len(written["goals"]) == len(GOALS)
    for goal in written["goals"]:
        lines = [line for line in printed.splitlines() if goal["demand"] in line and goal["engine"] in line]
        assert any(line.startswith(goal["work"]) and line.endswith(goal["verdict"]) for line in lines)
    growth = next(g for g in written["goals"] if g["engine"] == PYTHON and g["demand"].startswith("memory"))
    assert growth["reached"]["on"]["number"] >= 1.0


def test_the_picture_names_every_eager_peer(run: tuple[str, dict[str, Any], Path]) -> None:
    _, written, picture = run
    for name in {row["peer"] for row in written["rows"] if row["work"] == "chain 10"}:
        assert f"<!-- {name} -->" in picture.read_text()


@pytest.mark.parametrize("wrong", [["--chain", "1"], ["--samples", "-3"], ["--repeats", "0"], ["--works", "knitting"]])
def test_arguments_that_make_no_sense(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(wrong)
    assert caught.value.code == 2
    assert "usage: python -m benchmarks" in capsys.readouterr().err


def test_the_command_measures_everything_unless_told_otherwise() -> None:
    everything = settings_of(parser().parse_args([]))
    assert sorted(everything.works) == sorted([*WORKS, measure.IMPORT])
    assert everything.peers == tuple(PEERS)
    chosen = settings_of(parser().parse_args(["--works", "compiled", "chain", "--peers", SLOTTED, NATIVE]))
    assert chosen.works == (*KINDS["compiled"], "chain")
    assert chosen.peers == (NATIVE, SLOTTED)  # the first is what the other is compared with


# ---- processes ------------------------------------------------------------------------------------------------


REGISTRIES: tuple[dict[Any, Any], ...] = (registry.PEERS, registry.WORKS, registry.ADAPTERS)


@contextmanager
def tiny_peers() -> Iterator[Any]:
    """The tiny works and peers, in the registries of this process and of those that it starts."""
    before = [dict(entered) for entered in REGISTRIES]
    sys.modules.pop("benchmark_peers", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))
        try:
            yield importlib.import_module("benchmark_peers")
        finally:
            for entered, entries in zip(REGISTRIES, before, strict=True):
                entered.clear()
                entered.update(entries)


@pytest.fixture(scope="module")
def found() -> Findings:
    """What a run of the tiny works found."""
    with tiny_peers() as tiny:
        works = (tiny.SQUARE.name, tiny.STEP.name)
        findings = measure.measure(Settings(repeats=2, works=works, peers=tiny.NAMES), lambda _title: None)
        assert "square of 3" in table(findings)
    return findings


def test_a_wrong_answer_of_a_peer_is_said_and_not_timed(found: Findings) -> None:
    computed = 6.0 * 1.001
    assert f"wrong at square of 3, not timed: wrong computes {computed!r}, and the reference is 6.0" in found.failures
    assert {row.peer for row in found.rows} == {"right"}


def test_a_peer_that_dies_and_one_that_raises_are_said_and_the_others_are_timed(found: Findings) -> None:
    assert "dying at square of 3: SIGKILL" in found.failures
    assert "raising at square of 3: ValueError: no square of 2" in found.failures  # in its rehearsal
    assert len(found.failures) == 3
    assert found.missing == {"absent": "not installed"}


def test_a_first_answer_takes_a_process_of_its_own_where_it_counts(found: Findings) -> None:
    call, *steps = found.rows
    assert len(call.first) == len(call.recording) == 2
    assert len(call.forward) == 2 * 3  # each turn gives three samples
    assert call.total == call.forward
    assert call.peak is not None
    assert [row.collector for row in steps] == ["on", "off"]
    for row in steps:
        assert len(row.first) == 1
        assert len(row.forward) == len(row.backward) == len(row.free) == 2 * 5
        assert row.total[0] == row.forward[0] + row.backward[0]


def test_a_wrong_answer_of_our_own_ends_the_run() -> None:
    with tiny_peers() as tiny, pytest.raises(WrongAnswerError, match="square of 3: our wrong one computes 6"):
        measure.measure(Settings(works=(tiny.SQUARE.name,), peers=(tiny.OUR_WRONG,)), print)


def test_a_worker_that_raises_says_why() -> None:
    order = {"do": "refer", "module": "benchmarks.works.scalar", "work": "no such work", "size": 1}
    with Worker(SLOTTED, **order) as worker, pytest.raises(WorkerDiedError, match="KeyError: 'no such work'"):
        worker.answer()


def test_who_is_missing_is_said_with_the_reason() -> None:
    assert missing(Peer("a", "math")) is None
    assert missing(Peer("a", "no_such_module")) == "not installed"
    assert missing(Peer("a", "math.no_such_part")) == "not installed"
    assert missing(Peer("a", "microgrid", needs={"no_such_name": None})) == "this microgrid has no no_such_name"
    assert missing(Peer("a", "microgrid", needs={"engine": "steam"})) == "this microgrid has no steam engine"


def test_an_engine_of_ours_is_what_its_name_says() -> None:
    for name, engine in OUR_ENGINES.items():
        assert PEERS[name].needs == {"engine": engine}
        assert PEERS[name].environment == {"MICROGRID_ENGINE": engine}


def test_an_answer_is_compared_value_by_value_and_derivatives_by_their_own_scale() -> None:
    right = [1e6, 1e-9, -2e-9]
    assert difference("a", right, right) is None
    assert difference("a", [1e6, 1e-9, -2e-9 * (1.0 + 1e-13)], right) is None
    assert difference("a", [1e6, 1e-9, -2.1e-9], right) == "a computes -2.1e-09, and the reference is -2e-09"
    assert difference("a", [1.001e6, 1e-9, -2e-9], right) == "a computes 1001000.0, and the reference is 1000000.0"
    assert difference("a", right[:2], right) == "a gives 2 numbers, and the reference 3"
    assert difference("a", [math.nan, 1e-9, -2e-9], right) is not None
    assert difference("a", [1e6, math.nan, -2e-9], right) is not None


def test_a_turn_gives_samples_of_one_call() -> None:
    calls: list[int] = []
    times = time_calls(Call(lambda: calls.append(1), list))
    assert len(times) == 3
    assert all(0.0 < seconds < 1e-3 for (seconds,) in times)
    assert len(calls) > 1_000


def asked(work: Work, size: int, *, slow: bool = True) -> list[str]:
    """Who is asked, if everybody is there."""
    return measure.able_peers(work, size, Settings(slow=slow), Findings(versions=dict.fromkeys(PEERS, "")))


def test_slow_peers_are_left_out_of_a_quick_run_and_others_at_sizes_beyond_theirs() -> None:
    quick, full = [{*asked(graphs.RANDOM, 12_700, slow=slow)} for slow in (False, True)]
    assert full - quick == {peers.CASADI, peers.DDX_O1, peers.HEYOKA, peers.HEYOKA_COMPACT}
    largest = asked(logistic.C_ORDER, 10_000_000)
    assert peers.NUMPY in largest
    assert peers.CASADI not in largest
    assert peers.MICROGRAD in asked(scalar.CHAIN, 10_000)
    assert peers.MICROGRAD not in asked(scalar.CHAIN, 100_000)


def test_no_more_peers_work_at_once_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "free_memory", lambda: 24 << 30)
    work = logistic.C_ORDER
    few, many = [[*measure.groups(asked(work, size), work.weight(size))] for size in (1_000, 10_000_000)]
    assert len(few) == 1
    assert {len(group) for group in many[:-1]} == {2}
    assert [*chained(*many)] == [name for name in few[0] if name in {*chained(*many)}]


# ---- figures and goals ----------------------------------------------------------------------------------------


def eager(work: str, peer: str, collector: str, seconds: float, **more: Any) -> Row:
    row = Row(work, peer, collector, 1_000, forward=[seconds], backward=[0.0], free=[seconds / 10.0])
    for name, value in more.items():
        setattr(row, name, value)
    return row


def compiled(work: str, peer: str, seconds: float, operations: int = 1_000_000, **more: float) -> Row:
    """A row with one sample, and one of whatever else is said."""
    extra = {name: [value] for name, value in more.items()}
    return Row(work, peer, NO_COLLECTOR, operations, "compiled", forward=[seconds], peak=4e6, **extra)  # type: ignore[arg-type]


def verdicts(rows: list[Row]) -> dict[tuple[str, str, str], str]:
    return {(r.goal.work, r.goal.engine, r.goal.demand): r.verdict for r in judge(rows, GOALS)}


@pytest.mark.parametrize(
    ("minigrad", "micrograd", "fastest", "times"),
    [
        ((2.0, 1.8), (121.0, 50.0), "met", "met"),  # against micrograd the default collector counts
        ((2.0, 1.7), (119.0, 130.0), "NOT MET", "NOT MET"),
    ],
)
def test_a_goal_is_met_only_if_every_collector_that_counts_reaches_it(
    minigrad: tuple[float, float], micrograd: tuple[float, float], fastest: str, times: str
) -> None:
    rows = [
        eager(goals.LOGISTIC, peer, collector, seconds)
        for peer, by_collector in {NATIVE: (1.0, 1.0), "micrograd": micrograd, "minigrad": minigrad}.items()
        for collector, seconds in zip(("on", "off"), by_collector, strict=True)
    ]
    judged = verdicts(rows)
    assert judged[goals.LOGISTIC, NATIVE, "at least 1.8 times as fast as the fastest peer"] == fastest
    assert judged[goals.LOGISTIC, NATIVE, "at least 120 times as fast as micrograd, collector on"] == times
    assert judged["import", NATIVE, "under 50 ms"] == "not measured"
    assert {verdict for (_, engine, _), verdict in judged.items() if engine == PYTHON} == {"not measured"}


def test_memory_freeing_loop_import_and_growth_are_judged() -> None:
    rows = [
        eager(work, peer, collector, seconds, bytes_per_node=72.0, operations=operations)
        for work, peer, seconds, operations in [
            (goals.CHAIN, NATIVE, 4e-5, 1_000),
            (goals.CHAIN, FLOATS, 1e-5, 1_000),
            (goals.LARGE, NATIVE, 7e-4, 10_000),
        ]
        for collector in ("on", "off")
    ]
    rows.append(Row("import", NATIVE, NO_COLLECTOR, 1, forward=[0.049]))
    judged = verdicts(rows)
    assert judged[goals.CHAIN, NATIVE, "at most 4 times as long as a plain float loop"] == "met"
    assert judged["memory", NATIVE, "at most 88 bytes per node"] == "met"
    assert judged[goals.LARGE, NATIVE, "freed in under 50 ns per node"] == "met"
    assert judged["import", NATIVE, "under 50 ms"] == "met"
    assert judged["growth", NATIVE, "time per node within 1.5 times"] == "NOT MET"
    assert judged["growth", NATIVE, "memory per node within 1.5 times"] == "met"


@pytest.mark.parametrize(
    ("numpy", "torch", "ceiling", "numba", "expected"),
    [
        (5.1, 3.1, 0.8, 1.1, ["met"] * 5),
        (4.9, 2.9, 0.7, 0.9, ["NOT MET"] * 5),
    ],
)
def test_the_kernel_is_judged_against_each_peer_and_the_ceiling(
    numpy: float, torch: float, ceiling: float, numba: float, expected: list[str]
) -> None:
    times = {peers.OURS: 1.0, peers.NUMPY: numpy, peers.TORCH: torch, peers.CEILING: ceiling, peers.NUMBA: numba}
    judged = verdicts([compiled(goals.ROWS, peer, seconds) for peer, seconds in times.items()])
    demands = [
        f"at least 5 times as fast as {peers.NUMPY}",
        f"at least 3 times as fast as {peers.TORCH}",
        "no slower than the fastest peer",  # the ceiling is none
        f"no slower than {peers.NUMBA}",
        "at most 1.3 times as long as the ceiling",
    ]
    assert [judged[goals.ROWS, peers.OURS, demand] for demand in demands] == expected
    assert judged[goals.ROWS, peers.OURS_ALONE, "at most 1.3 times as long as the ceiling"] == "not measured"


def test_the_tiers_are_judged_by_time_each_and_by_the_way_to_the_first_answer() -> None:
    title, ours, theirs = goals.DRAWN, peers.INTERPRETER, peers.DDX_INTERPRETER
    rows = [
        compiled(title, ours, 12_700 * 5.9e-9, 12_700, recording=3e-3, first=9e-3),
        compiled(title, theirs, 12_700 * 5.8e-9, 12_700, recording=9e-3, first=4e-3),
    ]
    judged = verdicts(rows)
    assert judged[title, ours, "first answer: at most 10 ms"] == "met"
    assert judged[title, ours, "an operation: at most 6 ns"] == "met"
    assert judged[title, ours, f"first answer, recording included: no later than {theirs}"] == "met"
    assert judged[title, ours, f"no slower than {theirs}"] == "NOT MET"
    assert judged[title, peers.FULL, "an operation: at most 1.6 ns"] == "not measured"


def test_growth_memory_and_the_better_of_two_are_judged() -> None:
    rows = [
        compiled(goals.SHORT, peers.INTERPRETER, 1e-6, 1_000, recording=1.0, first=2e-4),
        compiled(goals.LONG, peers.INTERPRETER, 1e-3, recording=1.0, first=0.31),
        compiled(goals.CURVATURE, peers.OURS, 1.0),
        compiled(goals.CURVATURE, peers.JAX, 4.0),
        compiled(goals.CURVATURE, peers.NUMPY, 1.1),
    ]
    judged = verdicts(rows)
    growth = "first answer, an operation: at most 1.5 times as long as of 1,000"
    assert judged[goals.LONG, peers.INTERPRETER, growth] == "NOT MET"
    assert judged[goals.LONG, peers.INTERPRETER, "the process's memory: at most 24 GiB"] == "met"
    either = f"at least 5 times as fast as {peers.JAX}, or no slower than {peers.NUMPY}"
    assert judged[goals.CURVATURE, peers.OURS, either] == "met"
    assert verdicts(rows[:-1])[goals.CURVATURE, peers.OURS, either] == "not measured"


def test_every_goal_is_of_a_work_and_peers_that_are_measured() -> None:
    titles = {work.title(size) for work in WORKS.values() for size in work.sizes}
    for goal in GOALS:
        assert goal.work in {*titles, "memory", "growth", "import"}
        assert goal.engine in PEERS


def test_no_goal_can_be_read_in_two_ways() -> None:
    for goal in GOALS:
        assert "×" not in goal.demand
        assert "faster" not in goal.demand


def test_the_ratios_are_to_the_first_peer_at_the_same_work_and_collector() -> None:
    rows = [
        eager("chain 10", peer, collector, seconds)
        for peer, by_collector in {PYTHON: (1.0, 2.0), SLOTTED: (3.0, 3.0)}.items()
        for collector, seconds in zip(("on", "off"), by_collector, strict=True)
    ]
    assert [figures(row, rows)["times_as_long"] for row in rows] == [1.0, 1.0, 3.0, 1.5]
    assert figures(rows[0], rows)["free_per_operation"] == pytest.approx(1e-4)
    assert figures(compiled("a 1", "b", 2.0), [compiled("a 1", "b", 2.0)])["per_operation"] == 2e-6


def test_the_picture_can_be_a_png(tmp_path: Path) -> None:
    findings = Findings([eager("chain 10", PYTHON, "on", 1e-3), eager("chain 10", PYTHON, "off", 2e-3)])
    assert draw(findings, tmp_path / "bars.png")
    assert not draw(Findings([compiled("a 1", PYTHON, 1.0)]), tmp_path / "nothing.png")
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_every_work_has_peers_and_a_way_of_our_own() -> None:
    for work in WORKS:
        here = [PEERS[peer].is_ours for name, peer in ADAPTERS if name == work]
        assert any(here)
        assert not all(here) or work == scalar.LOGISTIC_FUSED.name
    assert {name for _, name in ADAPTERS} == set(PEERS)
