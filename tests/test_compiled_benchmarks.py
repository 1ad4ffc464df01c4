"""The benchmark of compiled graphs: graphs are what they are said to be, answers are right, goals are judged."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import chain as chained
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from benchmarks.compiled import goals, peers, rounds, works
from benchmarks.compiled.ceiling import loss_and_gradient
from benchmarks.compiled.goals import GOALS
from benchmarks.compiled.graphs import (
    CHAIN,
    DRAWS,
    INPUTS,
    POINTS,
    RANDOM,
    REACH,
    Graph,
    chain,
    differentiate,
    random_graph,
)
from benchmarks.compiled.hessian import HESSIAN
from benchmarks.compiled.logistic import C_ORDER, FEATURES, FORTRAN_ORDER
from benchmarks.compiled.moons import MOONS
from benchmarks.compiled.peers import compiler, missing, ours
from benchmarks.compiled.registry import ADAPTERS, PEERS, WORKS, Adapter, Peer, Task, Work
from benchmarks.compiled.report import table
from benchmarks.compiled.rounds import FIRST, RECORDING, Settings, measure
from benchmarks.compiled.worker import difference, prepared, samples
from benchmarks.measure import Findings, Row, Worker, WorkerDiedError, WrongAnswerError
from benchmarks.targets import NO_COLLECTOR, judge

ROOT = Path(__file__).resolve().parent.parent
assert works.__all__  # every work is entered


# ---- the graphs -----------------------------------------------------------------------------------------------


def test_the_random_graph_has_as_many_operations_as_its_name_says() -> None:
    (size,) = RANDOM.sizes
    graph = RANDOM.problem(size)
    assert graph.operations == size == 12_700
    assert graph.steps == random_graph(DRAWS[size]).steps  # from run to run


def test_the_value_of_a_random_graph_depends_on_every_step() -> None:
    steps = random_graph(500).steps
    used = {operand for _, *operands in steps for operand in operands}
    assert used >= set(range(INPUTS, INPUTS + len(steps) - 1))
    for place, (_, *operands) in enumerate(steps, INPUTS):
        assert all(max(0, place - REACH) <= operand < place for operand in operands)


@pytest.mark.parametrize("length", [2, 100, 1_000])
def test_a_chain_is_as_deep_as_it_is_long(length: int) -> None:
    graph = chain(length)
    assert graph.operations == len(graph.steps) == length
    assert [a for _, a, _ in graph.steps] == [0, *range(3, length + 2)]
    x, slope, shift = graph.point
    expected = x
    for _ in range(length // 2):
        expected = expected * slope + shift
    assert differentiate(graph)[0] == pytest.approx(expected, rel=1e-13)
    assert differentiate(graph)[1] == pytest.approx(slope ** (length // 2), rel=1e-12)


def test_many_points_are_that_many_graphs() -> None:
    graph = random_graph(200)
    points = graph.point[:, None] * np.array([0.5, 1.0, 1.25])
    together = np.array(differentiate(Graph(graph.steps, points))).reshape(INPUTS + 1, 3)
    assert Graph(graph.steps, points).operations == 3 * graph.operations
    for column, one in zip(together.T, points.T, strict=True):
        assert column == pytest.approx(differentiate(Graph(graph.steps, one)), rel=1e-12)


# ---- answers --------------------------------------------------------------------------------------------------

ALONE = {peers.JAX, peers.JAX_WRITTEN_OUT, peers.MICROGRAD, peers.TORCH}
"""Who changes the process that it works in: it gets one of its own."""

SMALL = {
    C_ORDER.name: (100, 5_003),
    FORTRAN_ORDER.name: (100, 5_003),
    RANDOM.name: (300,),
    POINTS.name: (300,),
    CHAIN.name: (100,),
    MOONS.name: (10,),
    HESSIAN.name: (300,),
}
PAIRS = sorted(pair for pair in ADAPTERS if missing(PEERS[pair[1]]) is None)


def sizes(work: str) -> tuple[int, ...]:
    return SMALL.get(work, WORKS[work].sizes)


@pytest.mark.parametrize(("work", "peer"), [pair for pair in PAIRS if pair[1] not in ALONE])
def test_every_answer_is_the_closed_form(work: str, peer: str) -> None:
    for size in sizes(work):
        _, facts = prepared(WORKS[work], ADAPTERS[work, peer], size, peer)
        assert facts["difference"] is None
        assert facts["operations"] > 0
        assert facts["first"] > 0.0


@pytest.mark.parametrize(("work", "peer"), [pair for pair in PAIRS if pair[1] in ALONE])
def test_every_answer_of_a_peer_by_itself_is_the_closed_form(work: str, peer: str) -> None:
    order = {"work": work, "size": sizes(work)[0]}
    with Worker(
        peer, module="benchmarks.compiled.worker", environment=PEERS[peer].environment, do="time", **order
    ) as w:
        assert w.answer()["difference"] is None
        w.tell("")
        assert all(seconds > 0.0 for seconds in w.answer())


def test_a_peer_in_c_leaves_subnormal_numbers_as_they_are() -> None:
    # In a process of its own: what this test guards against can't be undone in the process that it happens in.
    program = (
        "import numpy as np\n"
        "from benchmarks.compiled.ceiling import loss_and_gradient\n"
        "loss_and_gradient(np.zeros((1, 30)), np.zeros(1), np.zeros(31), 1)[0]()\n"
        "print(2.2250738585072014e-308 * float('0.5'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.1125369292536007e-308"


def test_every_work_has_peers_and_a_way_of_our_own() -> None:
    for work in WORKS:
        here = [peer for name, peer in ADAPTERS if name == work]
        assert any(map(ours, here))
        assert not all(map(ours, here))
    assert {name for _, name in ADAPTERS} == set(PEERS)


def test_an_answer_is_compared_value_by_value_and_derivatives_by_their_own_scale() -> None:
    right = [1e6, 1e-9, -2e-9]
    assert difference("a", right, right) is None
    assert difference("a", [1e6, 1e-9, -2.1e-9], right) == "a computes -2.1e-09, and the closed form -2e-09"
    assert difference("a", [1.001e6, 1e-9, -2e-9], right) == "a computes 1001000.0, and the closed form 1000000.0"
    assert difference("a", right[:2], right) == "a gives 2 numbers, and the closed form 3"
    assert difference(peers.SLOTTED, [math.nan, 1e-9, -2e-9], right) is not None


def test_a_wrong_gradient_is_found_before_it_is_timed() -> None:
    work, right = WORKS[CHAIN.name], ADAPTERS[CHAIN.name, peers.SLOTTED]

    def wrong(problem: Any) -> Task:
        task = right.prepare(problem)
        return Task(task.call, lambda: [number * 1.001 for number in task.answer()])

    _, facts = prepared(work, Adapter(wrong), 100, "wrong")
    assert facts["difference"].startswith("wrong computes 0.5")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make every worker answer what it is told to."""

    class Told:
        def __init__(self, answers: dict[str, Any], peer: str) -> None:
            self.answers, self.peer, self.asked = answers, peer, False

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def close(self) -> None: ...

        def tell(self, _line: str) -> None:
            self.asked = True

        def answer(self) -> Any:
            answer = self.answers[self.peer]
            if self.asked and answer.get("dies"):
                raise WorkerDiedError("SIGKILL")
            return [0.25, 0.75] if self.asked else answer

    def tell(answers: dict[str, Any]) -> None:
        monkeypatch.setattr(
            rounds,
            "_worker",
            lambda peer, **order: (
                Told(answers, peer) if order["do"] == "time" else Told({peer: {"version": "1"}}, peer)
            ),
        )

    return tell


def facts(difference: str | None = None, **more: Any) -> dict[str, Any]:
    return {"recording": 1.0, "first": 2.0, "operations": 10, "peak": 1_000, "difference": difference} | more


def settings(*names: str) -> Settings:
    return Settings(sizes={"chain": (100,)}, repeats=2, works=(CHAIN.name,), peers=names)


def test_a_wrong_peer_and_one_that_dies_are_said_and_the_others_are_timed(told: Any) -> None:
    told({peers.SLOTTED: facts(), peers.DDX_INTERPRETER: facts("it is wrong"), peers.CASADI_VM: facts(dies=True)})
    findings = measure(settings(peers.SLOTTED, peers.DDX_INTERPRETER, peers.CASADI_VM), print)
    assert findings.failures == [
        f"{peers.DDX_INTERPRETER} at chain 100, not timed: it is wrong",
        f"{peers.CASADI_VM} at chain 100: SIGKILL",
    ]
    timed = {row.work: row for row in findings.rows if row.peer == peers.SLOTTED}
    assert timed["chain 100"].forward == [0.25, 0.75] * 2
    assert timed["chain 100" + RECORDING].forward == [1.0, 1.0]  # each from a process of its own
    assert timed["chain 100" + FIRST].bytes_per_node == 100.0
    assert "chain 100" in table(findings)


def test_a_wrong_answer_of_our_own_ends_the_run(told: Any) -> None:
    told({peers.INTERPRETER: facts("it is wrong")})
    with pytest.raises(WrongAnswerError, match="chain 100: it is wrong"):
        measure(settings(peers.INTERPRETER), print)


def test_who_is_missing_is_said_with_the_reason() -> None:
    assert missing(Peer("a", "numpy")) is None
    assert missing(Peer("a", "no_such_module")) == "not installed"
    assert missing(Peer("a", "numpy.no_such_part")) == "not installed"
    assert missing(Peer("a", "microgrid", needs="no_such_name")) == "this microgrid has no no_such_name"


def test_a_turn_gives_samples_of_one_call() -> None:
    calls: list[int] = []
    times = samples(Task(lambda: calls.append(1), list))
    assert len(times) == 3
    assert all(0.0 < seconds < 1e-3 for seconds in times)
    assert len(calls) > 1_000


# ---- the ceiling ----------------------------------------------------------------------------------------------


def exact(X: Any, y: Any, parameters: Any) -> list[float]:
    """The loss and its gradient, row by row, with sums that do not round."""
    losses, missed = [], []
    for row, label in zip(X, y, strict=True):
        z = math.fsum([*(parameters[:-1] * row).tolist(), parameters[-1]])
        decay = math.exp(-abs(z))
        losses.append(max(z, 0.0) + math.log1p(decay) - label * z)
        missed.append((1.0 if z >= 0.0 else decay) / (1.0 + decay) - label)
    gradient = [math.fsum(column * missed) for column in X.T]
    return [math.fsum(losses), *gradient, math.fsum(missed)]


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_ceiling_computes_the_loss_and_its_gradient(order: Any, threads: int) -> None:
    if compiler() is None:
        assert missing(PEERS[peers.CEILING]) == "needs gcc"
        return
    chance = np.random.default_rng(7)
    for rows in (1, 3, 15, 16, 17, 1_023, 1_025, 4_099):
        X = np.array(chance.standard_normal((rows, FEATURES)), order=order)
        X[::5] *= 300.0  # logits beyond ±745 too
        y = (chance.random(rows) < 0.5).astype(float)
        parameters = chance.standard_normal(FEATURES + 1)
        call, found = loss_and_gradient(X, y, parameters, threads)
        call()
        expected = np.array(exact(X, y, parameters))
        assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


# ---- goals ----------------------------------------------------------------------------------------------------


def row(work: str, peer: str, seconds: float, operations: int = 1_000_000) -> Row:
    return Row(work, peer, NO_COLLECTOR, operations, [seconds], bytes_per_node=4.0)


def verdicts(rows: list[Row]) -> dict[tuple[str, str, str], str]:
    return {(r.target.work, r.target.engine, r.target.demand): r.verdict for r in judge(rows, GOALS)}


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
    judged = verdicts([row(goals.C_ROWS, peer, seconds) for peer, seconds in times.items()])
    demands = [
        f"at least 5 × {peers.NUMPY}",
        f"at least 3 × {peers.TORCH}",
        "no slower than the fastest peer",  # the ceiling is none
        f"no slower than {peers.NUMBA}",
        "at most 1.3 × the ceiling",
    ]
    assert [judged[goals.C_ROWS, peers.OURS, demand] for demand in demands] == expected
    assert judged[goals.C_ROWS, peers.OURS_ALONE, "at most 1.3 × the ceiling"] == "not measured"


def test_the_tiers_are_judged_by_time_each_and_by_the_way_to_the_first_answer() -> None:
    title, ours, theirs = goals.DRAWN, peers.INTERPRETER, peers.DDX_INTERPRETER
    rows = [
        row(title, ours, 12_700 * 5.9e-9, 12_700),
        row(title, theirs, 12_700 * 5.8e-9, 12_700),
        row(title + RECORDING, ours, 3e-3),
        row(title + RECORDING, theirs, 9e-3),
        row(title + FIRST, ours, 9e-3),
        row(title + FIRST, theirs, 4e-3),
    ]
    judged = verdicts(rows)
    assert judged[title + FIRST, ours, "at most 10 ms"] == "met"
    assert judged[title, ours, "at most 6 ns an operation"] == "met"
    assert judged[title, ours, f"first answer, recording included: no later than {theirs}"] == "met"
    assert judged[title, ours, f"no slower than {theirs}"] == "NOT MET"
    assert judged[title, peers.FULL, "at most 1.6 ns an operation"] == "not measured"


def test_growth_memory_and_the_better_of_two_are_judged() -> None:
    rows = [
        row(goals.SHORT + FIRST, peers.INTERPRETER, 2e-4, 1_000),
        row(goals.LONG + FIRST, peers.INTERPRETER, 0.31),
        row(goals.CURVATURE, peers.OURS, 1.0),
        row(goals.CURVATURE, peers.JAX, 4.0),
        row(goals.CURVATURE, peers.NUMPY, 1.1),
    ]
    judged = verdicts(rows)
    growth = "first answer: an operation takes 1.5 × as long as of 1,000"
    assert judged[goals.LONG, peers.INTERPRETER, growth] == "NOT MET"
    assert judged[goals.LONG, peers.INTERPRETER, "within 24 GiB"] == "met"
    either = f"at least 5 × {peers.JAX}, or no slower than {peers.NUMPY}"
    assert judged[goals.CURVATURE, peers.OURS, either] == "met"
    assert verdicts(rows[:-1])[goals.CURVATURE, peers.OURS, either] == "not measured"


def test_every_goal_is_of_a_work_and_peers_that_are_measured() -> None:
    titles = {rounds.title_of(work, size) for work in WORKS.values() for size in (*work.sizes, 100, 10_000_000)}
    for goal in GOALS:
        assert goal.work.removesuffix(FIRST) in titles
        assert goal.engine in PEERS


# ---- the command ----------------------------------------------------------------------------------------------


def test_the_command_prints_both_tables_and_writes_its_samples(tmp_path: Path) -> None:
    out = tmp_path / "new" / "compiled.json"
    chosen = [peers.OURS_ALONE, peers.NUMPY, peers.SLOTTED]
    sizes = ["--rows", "100", "--chain", "100", "--repeats", "1"]
    line = ["--quick", *sizes, "--works", C_ORDER.name, CHAIN.name, "--peers", *chosen, "--out", str(out)]
    command = [sys.executable, "-m", "benchmarks.compiled", *line]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text())
    assert sorted([*written["peers"], *written["missing"]]) == sorted(chosen)
    assert {"logistic, C order, 100", "chain 100", "chain 100" + FIRST} <= {row["work"] for row in written["rows"]}
    assert all(sample > 0.0 for row in written["rows"] for sample in row["forward"])
    assert len(written["targets"]) == len(GOALS)
    for goal in written["targets"]:
        lines = [line for line in done.stdout.splitlines() if line.startswith(goal["work"])]
        assert any(goal["demand"] in line and line.endswith(goal["verdict"]) for line in lines)


def asked(work: Work, size: int, **more: Any) -> list[list[str]]:
    """Who is asked, in which groups, if everybody is there."""
    return list(rounds._groups(work, size, Settings(**more), Findings(versions=dict.fromkeys(PEERS, ""))))


def test_slow_peers_are_left_out_of_a_quick_run_and_others_at_sizes_beyond_theirs() -> None:
    quick, full = [{*chained(*asked(RANDOM, 12_700, slow=slow))} for slow in (False, True)]
    assert full - quick == {peers.CASADI, peers.DDX_O1}
    largest = {*chained(*asked(C_ORDER, 10_000_000))}
    assert peers.NUMPY in largest
    assert peers.CASADI not in largest


def test_no_more_peers_work_at_once_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_memory", lambda: 24 << 30)
    few, many = asked(C_ORDER, 1_000), asked(C_ORDER, 10_000_000)
    assert len(few) == 1
    assert {len(group) for group in many[:-1]} == {2}
    assert [*chained(*many)] == [name for name in few[0] if name in {*chained(*many)}]
