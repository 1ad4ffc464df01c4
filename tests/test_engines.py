"""The two engines: the same bits, errors and drawings; and what each promises of its own."""

from __future__ import annotations

import gc
import io
import json
import math
import operator as infix
import os
import random
import re
import resource
import subprocess
import sys
import sysconfig
import tokenize
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import graphs
import pytest
from helpers import few_or_all

import microgrid
from microgrid import MicrogridError, Value
from microgrid.core import engine as engines
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import topological_order

MILLION = 1_000_000
ENGINES = ["native", "python", "plain"]
READING = ("rule", "ieee", "arithmetic", "graph", "value", "python_engine")  # in this order, with the table beside


def run(engine: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Another process on the engine that is asked for."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=os.environ | {"MICROGRID_ENGINE": engine}, capture_output=True, text=True, check=False
    )


def is_built() -> bool:
    return run("native", "-c", "import microgrid").returncode == 0


@few_or_all
@pytest.mark.unmeasured
def test_random_graphs_have_the_same_bits_errors_and_drawings_on_every_engine(everything: bool) -> None:
    count = 20_000 if everything else 1_000
    here = graphs.digests(0, count)
    assert len(set(here)) == count  # the graphs really differ
    for engine in ENGINES if is_built() else ENGINES[1:]:
        done = run(engine, str(Path(graphs.__file__)), "0", str(count))
        assert done.returncode == 0, done.stderr
        there = json.loads(done.stdout)
        assert there["engine"] == engine
        different = [seed for seed, pair in enumerate(zip(here, there["digests"], strict=True)) if len(set(pair)) > 1]
        assert different == [], f"{engine} and {microgrid.engine} differ at these seeds of tests/graphs.py"


def test_random_graphs_meet_every_operation_and_every_kind_of_number() -> None:
    operations: set[Any] = set()
    finite = 0
    for seed in range(300):
        _, output = graphs.random_graph(seed)
        operations |= {node.op for node in topological_order(output)}
        finite += abs(output.data) < float("inf")
    assert operations >= {None, *[rule for rule in microgrid.core.rules.RULES.values() if rule.name != "power"]}
    assert 100 < finite < 300


def test_the_environment_chooses_the_engine_and_says_which_it_is() -> None:
    show = ["-c", "import microgrid; print(microgrid.engine)"]
    assert run("python", *show).stdout == "python\n"
    assert run("plain", *show).stdout == "plain\n"
    if is_built():
        assert run("native", *show).stdout == run("", *show).stdout == "native\n"
    else:
        assert run("", *show).stdout == "python\n"
    refused = run("rust", *show)
    assert refused.returncode == 1
    assert "MICROGRID_ENGINE is 'native', 'python' or 'plain', not 'rust'" in refused.stderr


def test_an_engine_that_is_missing_is_an_error_only_if_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "microgrid.core._engine", None)
    monkeypatch.delattr(microgrid.core, "_engine", raising=False)
    monkeypatch.delitem(sys.modules, "microgrid.core.native_engine", raising=False)
    monkeypatch.setenv("MICROGRID_ENGINE", "")
    assert engines._choose().NAME == "python"
    monkeypatch.setenv("MICROGRID_ENGINE", "native")
    with pytest.raises(MicrogridError, match=r"native engine.*C compiler"):
        engines._choose()


# ---- the engine that is read ----------------------------------------------------------------------------------


def lines_of_code(path: Path) -> int:
    """Lines that hold something else than a comment or a docstring."""
    text = path.read_text(encoding="utf-8")
    lines: set[int] = set()
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    at_start = True  # of a statement: a string that stands there alone is a docstring
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        is_docstring = at_start and token.type == tokenize.STRING and after.type == tokenize.NEWLINE
        if token.type not in blank and not is_docstring:
            lines.update(range(token.start[0], token.end[0] + 1))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            at_start = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return len(lines)


def test_the_engine_is_read_in_one_sitting() -> None:
    core = Path(microgrid.core.rule.__file__).parent
    assert sum(lines_of_code(core / f"{name}.py") for name in READING) <= 600


SHOW_SOURCES = """
import inspect, linecache, sys
from microgrid import Value, exp
assert "def " in inspect.getsource(Value.__mul__) and "return" in inspect.getsource(Value.__rsub__)
seen = []
def trace(frame, event, argument):
    if event == "line":
        seen.append(linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip())
    return trace
a, b = Value(2.0), Value(0.5)
sys.settrace(trace)
node = a * b
power = a ** 3
below = exp(-a)
difference = 1 - b
node.backward()
sys.settrace(None)
assert all(seen), "a step has no source"
assert "return node" in seen
try:
    a * "text"
    Value.exp("text")
except (TypeError, AttributeError) as error:
    pass
print(len(seen))
"""


@pytest.mark.parametrize("engine", ["python", "plain"])
def test_every_step_from_an_operator_to_the_node_has_source_that_a_debugger_shows(engine: str) -> None:
    done = run(engine, "-c", SHOW_SOURCES)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


def test_a_traceback_through_a_specialized_recorder_shows_its_line() -> None:
    script = (
        "import traceback\nfrom microgrid import Value\ntry: Value.exp(1.0)\nexcept Exception: traceback.print_exc()"
    )
    done = run("python", "-c", script)
    assert 'File "<the rule exp>"' in done.stderr
    assert "x0 = x._data" in done.stderr


COMPARE_RECORDERS = """
import itertools, math, struct
import graphs
from microgrid import Value
from microgrid.core import python_engine, specialize
from microgrid.core.rules import RULES

def bits(node):
    numbers = [node.data, *node.partials]
    return struct.pack(f"{len(numbers)}d", *[math.nan if number != number else number for number in numbers])

checks = 0
for rule in RULES.values():
    plain, fast = python_engine.recorder(rule), specialize.recorder(rule)
    for numbers in itertools.product(graphs.AWKWARD, repeat=min(rule.arity or 2, 2)):
        operands = [Value(number) for number in (*numbers, *numbers)[: rule.arity or 4]]
        assert bits(plain(*operands)) == bits(fast(*operands)), (rule, numbers)
        checks += 1
print(checks)
"""


def test_the_plain_recorder_and_the_specialized_one_have_the_same_bits_at_awkward_numbers() -> None:
    done = run(
        "python", "-c", f"import sys; sys.path.insert(0, {str(Path(graphs.__file__).parent)!r}){COMPARE_RECORDERS}"
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 2000


# ---- what could go wrong in C ---------------------------------------------------------------------------------


class Hostile(float):
    """A float whose conversion raises, changes its mind or destroys what it was given."""

    def __float__(self) -> float:
        raise ZeroDivisionError("no")


class Unhelpful:
    """Nothing that a Value knows, with operators that raise."""

    def __radd__(self, other: Any) -> Any:
        raise KeyError("radd")

    def __repr__(self) -> str:
        return "unhelpful"  # the test's id, without an address


@pytest.mark.parametrize(
    ("operand", "error"),
    [
        (Hostile(2.0), ZeroDivisionError),
        (10**400, MicrogridError),
        (-(10**400), MicrogridError),
        (1 + 2j, MicrogridError),
        ("a", TypeError),
        (None, TypeError),
        (Unhelpful(), (KeyError, TypeError)),
        ([1.0], TypeError),
    ],
    ids=repr,
)
def test_hostile_operands_raise_and_leave_no_reference_behind(operand: Any, error: Any) -> None:
    x = Value(2.0)
    before = sys.getrefcount(x), sys.getrefcount(operand)
    for _ in range(50):
        for operate in (infix.add, infix.sub, infix.pow, microgrid.maximum):
            with pytest.raises(error):
                operate(x, operand)
    after = sys.getrefcount(x), sys.getrefcount(operand)
    assert max(abs(now - then) for now, then in zip(after, before, strict=True)) < 20  # of 200 attempts


def test_operations_leave_the_reference_counts_that_they_should() -> None:
    x, y, c = Value(2.0), Value(3.0), 1e300
    counts = [sys.getrefcount(thing) for thing in (x, y, c, None)]
    for _ in range(1000):
        z = (x * y + c - x / 2.0 + 1.0 / y) ** 2.0 + abs(-x).exp() + microgrid.dot([x, y], [y, x])
        z.backward()
        assert z.parents[0].partials
        z = microgrid.where(x < y, x, 0.0) + x.maximum(y)
        assert z.op
        del z
    after = [sys.getrefcount(thing) for thing in (x, y, c, None)]
    assert after[:3] == counts[:3]
    assert abs(after[3] - counts[3]) < 100


def test_the_garbage_collector_leaves_native_nodes_alone() -> None:
    nodes = [microgrid.where(Value(1.0), Value(2.0), 3.0) for _ in range(1000)]
    rule, digits = nodes[0].op, {node.data for node in nodes}
    for _ in range(5):
        gc.collect()
    assert {node.op for node in nodes} == {rule}
    assert {node.data for node in nodes} == digits == {2.0}
    if microgrid.engine == "native":
        assert not any(map(gc.is_tracked, nodes))
        assert not Value.__flags__ & 1 << 14  # Py_TPFLAGS_HAVE_GC


@pytest.mark.unmeasured
def test_a_million_graphs_built_and_dropped_take_no_memory() -> None:
    def build(times: int) -> None:
        x = Value(0.5, name="x")
        for _ in range(times):
            y = microgrid.sum([x * 2.0, x.exp(), 3.0 - x])
            y.backward()
            assert y.parents

    build(20_000)
    before = _resident()
    build(MILLION // 5)
    assert _resident() - before < 4 * 2**20


def _resident() -> int:
    """Bytes of memory that the process has in use."""
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_two_threads_on_their_own_graphs_get_right_answers() -> None:
    def work(seed: int) -> bool:
        x = Value(1.0 + seed / 100.0)
        for _ in range(300):
            y = x
            for _ in range(50):
                y = y * x
            y.zero_grad()
            y.backward()
            if abs(x.grad - 51.0 * x.data**50) > 1e-12 * x.grad:
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


def test_random_hostile_programs_never_crash() -> None:
    draw = random.Random(0)
    pool: list[Any] = [Value(1.0), 2.0, 3, True, None, "x", math.nan, 10**400, Hostile(1.0), Unhelpful(), [], (), b""]
    raised = 0
    for _ in range(20_000):
        name = draw.choice([*FUNCTIONS, "backward", "zero_grad", "parents", "partials", "name", "data", "grad", "del"])
        target = draw.choice([thing for thing in pool if isinstance(thing, Value)])
        try:
            if name in FUNCTIONS:
                pool.append(FUNCTIONS[name](*[draw.choice(pool) for _ in range(draw.randint(0, 3))]))
            elif name in ("backward", "zero_grad"):
                getattr(target, name)()
            elif name in ("name", "data", "grad"):
                setattr(target, name, draw.choice(pool))
            elif name == "del":
                delattr(target, draw.choice(["data", "grad", "name", "op"]))
            else:
                assert isinstance(getattr(target, name), tuple)
        except (TypeError, ValueError, KeyError, ArithmeticError, AttributeError):
            raised += 1
        del pool[60:]
    assert 1000 < raised < 20_000


if sysconfig.get_config_var("Py_GIL_DISABLED"):  # a free-threaded Python

    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_native_engine_turns_the_lock_of_a_free_threaded_python_on(engine: str) -> None:
        environment = os.environ | {"MICROGRID_ENGINE": engine}
        code = "import sys, microgrid; print(sys._is_gil_enabled())"
        command = [sys.executable, "-W", "ignore::RuntimeWarning", "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(engine == "native")


def test_an_engine_that_calculates_otherwise_is_not_kept() -> None:
    code = """
from microgrid.core import native_engine
from microgrid.core.rules import RULES
native_engine.check()
recorder, wrong = native_engine.recorder, {RULES["maximum"]: RULES["minimum"]}
native_engine.recorder = lambda rule: recorder(wrong.get(rule, rule))
try:
    native_engine.check()
except ArithmeticError as error:
    print(error)
"""
    done = run("native", "-c", code)
    if "the native engine is not there" in done.stderr:
        pytest.skip("the native engine is not built")
    assert re.match(r"maximum\(inf, .*\) and its partials are .* in C, and .* in Python", done.stdout), done
