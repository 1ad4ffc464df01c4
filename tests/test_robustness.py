"""What holds around compiled functions: re-entry, copies, the end of a process, small stacks, forks, growth.

Each case runs in a process of its own with a time limit, so that a crash or a hang is that case's failure.
"""

from __future__ import annotations

import argparse
import copy
import functools
import inspect
import itertools
import math
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import types
import warnings
from collections import ChainMap, deque
from collections.abc import Callable
from contextvars import ContextVar
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import microgrid
from microgrid import InvalidValueError, compile, exp  # noqa: A004  # as everywhere
from microgrid.compiler.request import VALUE

pytest.importorskip("llvmlite")


IMPORTS = """
import gc, os, signal, sys, threading, time
import numpy as np
import microgrid
from microgrid import compile, exp
"""


def alone(code: str, *, seconds: float = 40.0, cache: Path | str | None = None) -> str:
    """What a process of its own prints that runs this code."""
    environment = dict(os.environ)
    if cache is not None:
        environment["MICROGRID_CACHE"] = str(cache)
    command = [sys.executable, "-X", "faulthandler", "-W", "error", "-c", IMPORTS + textwrap.dedent(code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


# ---- the C stack ----------------------------------------------------------------------------------------------


def test_rows_with_many_shared_numbers_fit_on_a_small_stack() -> None:
    alone(
        """
        threading.stack_size(256 * 1024)
        f = compile(lambda w, x: w[0] * x + w[1], rows="x")
        found = []
        worker = threading.Thread(target=lambda: found.append(f.value_and_grad(np.ones(20_000), np.arange(5000.0))))
        worker.start(); worker.join()
        ((value, gradient),) = found
        assert value == 12_502_500.0 and gradient[:2].tolist() == [12_497_500.0, 5000.0] and not gradient[2:].any()
        """,
        cache="",
    )


def test_one_operation_of_many_operands_on_rows_fits_on_a_small_stack() -> None:
    alone(
        """
        threading.stack_size(256 * 1024)
        count, found = 1001, []
        x, w = np.random.default_rng(0).normal(size=(37, count)), np.linspace(-1.0, 1.0, count)
        f = compile(lambda w, x: microgrid.dot(w, x) ** 2, rows="x", wrt=("w", "x"))
        worker = threading.Thread(target=lambda: found.append(f.value_and_grad(w, x)))
        worker.start(); worker.join()
        ((value, (dw, dx)),) = found
        z = x @ w
        assert abs(value / (z**2).sum() - 1.0) < 1e-13
        assert np.allclose(dw, 2.0 * z @ x, rtol=1e-12, atol=1e-12)
        assert np.allclose(dx, 2.0 * z[:, None] * w, rtol=1e-12, atol=1e-12)
        """,
        cache="",
    )


# ---- finalizers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["call", "bound", "branch", "interpreter", "rows", "generator"])
def test_a_finalizer_in_a_cycle_calls_compiled_functions(kind: str) -> None:
    found = alone(
        f"""
        kind, x = {kind!r}, np.arange(4000.0)

        def made():
            f = compile(lambda x: exp(-x) * x)
            if kind == "bound":
                return f.bind(0.5)
            if kind == "branch":
                f = compile(lambda x: exp(-x) * x if x < 1 else x)
            if kind == "interpreter":
                f = compile(lambda x: exp(-x) * x, optimize="interpreter")
            if kind == "rows":
                f = compile(lambda w, x: exp(w * x), rows="x", threads=2)
                return lambda: f.value_and_grad(0.0, x)[0]
            return lambda: f.value_and_grad(0.5)[0]

        class Trainer:
            def __init__(self):
                self.step, self.me = made(), self
            def __del__(self):
                print(self.step())

        def training(step):
            try:
                while True:
                    yield step()
            finally:
                print(step())

        class Session:
            pass

        if kind == "generator":
            one = Session()
            one.run, one.me = training(made()), one
            print(next(one.run))
        else:
            one = Trainer()
            print(one.step())
        del one
        gc.collect()
        """
    ).split()
    assert len(found) == 2
    assert found[0] == found[1]


def test_finalizers_run_while_machine_code_is_collected() -> None:
    alone(
        """
        class Loop:
            def __init__(self, k):
                f = compile(lambda x: exp(-x) * (x + k))
                self.step, self.me = f.bind(0.5), self
                self.step()
            def __del__(self):
                assert self.step() > 0.0
        for k in range(60):
            Loop(float(k))
        gc.collect()
        """
    )


# ---- fork -----------------------------------------------------------------------------------------------------

CHILD = """
def child(what):
    process = os.fork()
    if process == 0:
        signal.alarm(20)
        try:
            os._exit(0 if what() else 3)
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(4)
    return os.waitpid(process, 0)[1]
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


@needs_fork
@pytest.mark.parametrize("what", ["calls", "compiles", "records", "tiers up"])
def test_a_child_forked_while_another_thread_works_goes_on(what: str) -> None:
    alone(
        CHILD
        + textwrap.dedent(
            f"""
            x, w = np.ones((100_000, 3)), [1.0, 2.0, 3.0]
            rows = compile(lambda w, x: microgrid.tanh(microgrid.dot(w, x)), rows="x", threads=2)
            want = rows.value_and_grad(w, x)
            slow = compile(lambda a: (time.sleep(0.2), a * 3.0)[1])
            large = compile(lambda a: microgrid.sum([exp(b) * k for k, b in enumerate(a)]))
            done = False

            def work():
                k = 0
                while not done:
                    k += 1
                    if {what!r} == "calls":
                        rows.value_and_grad(w, x)
                    elif {what!r} == "compiles":
                        compile(lambda a: exp(a) * float(k))(1.0)
                    elif {what!r} == "records":
                        slow._forget()
                        slow(1.0)
                    else:
                        large._forget()
                        for _ in range(3):
                            large([0.0] * 300)

            worker = threading.Thread(target=work, daemon=True)
            worker.start()
            for k in range(3):
                time.sleep(0.05)
                assert child(lambda: rows.value_and_grad(w, x) == want and slow(2.0) == 6.0
                             and compile(lambda a: a * a * (3.5 + k))(2.0) == 4.0 * (3.5 + k)
                             and large([0.0] * 300) == 300.0 * 299.0 / 2.0) == 0
            done = True
            worker.join()
            """
        ),
        cache="",
    )


@needs_fork
def test_a_child_forked_inside_llvm_is_told_what_to_do() -> None:
    found = alone(
        CHILD
        + textwrap.dedent(
            """
            from microgrid.compiler.llvm import jit
            f = compile(lambda x: x * 2.0)
            f(1.0)
            jit._fork._patience = 0.05
            held, done = threading.Event(), threading.Event()
            def compiling():
                with jit.LOCK:
                    held.set(); done.wait()
            worker = threading.Thread(target=compiling, daemon=True)
            worker.start(); held.wait()
            assert child(lambda: f(3.0) == 6.0) == 0
            child(lambda: compile(lambda x: x * 3.0)(1.0))
            done.set(); worker.join()
            assert compile(lambda x: x * 3.0)(1.0) == 3.0
            """
        ),
    )
    assert "forked while another thread compiled" in found


@needs_fork
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "joblib"])
def test_worker_processes_call_compiled_functions(method: str, tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys
            import numpy as np
            import microgrid
            from microgrid import compile

            def sample(w, x):
                return microgrid.tanh(microgrid.dot(w, x))

            rows = compile(sample, rows="x", threads=2)

            if __name__ == "__main__":
                x, w = np.ones((200_000, 3)), [1.0, 2.0, 3.0]  # enough for two threads
                want = rows.value_and_grad(w, x)
                if sys.argv[1] == "joblib":
                    import joblib
                    calls = [joblib.delayed(rows.value_and_grad)(w, x) for _ in range(4)]
                    assert joblib.Parallel(n_jobs=2)(calls) == [want] * 4
                else:
                    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                        assert pool.starmap(rows.value_and_grad, [(w, x)] * 4) == [want] * 4
            """
        ),
        encoding="utf-8",
    )
    subprocess.run([sys.executable, str(script), method], check=True, timeout=60)


# ---- numbers of another call ----------------------------------------------------------------------------------


class Lazy(float):
    """A number that evaluates the same compiled function when it is read."""

    f: Callable[..., Any]

    def __float__(self) -> float:
        return float(self.f(7.0, 0.5))


def test_an_operand_may_evaluate_the_same_function() -> None:
    f = compile(lambda x, y: 10.0 * x + y)
    f(1.0, 2.0)
    lazy = Lazy(1.0)
    lazy.f = f
    assert f(1.0, lazy) == 80.5
    assert f.value_and_grad(1.0, lazy) == (80.5, 10.0)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_bound_call_has_memory_of_its_own(copied: Callable[[Any], Any]) -> None:
    x = np.arange(4.0)
    for f, others, scale in (
        (compile(lambda w: w * w), (), 1.0),
        (compile(lambda w: w * w if w > 1.0 else w), (), 1.0),
        (compile(lambda w: w * w, optimize="interpreter"), (), 1.0),
        (compile(lambda w, x: w * w * x, rows="x"), (x,), 6.0),
        (compile(lambda w, x: w * w * x, rows="x", penalty=lambda w: w * w), (x,), 7.0),
    ):
        bound = f.bind(3.0, *others)
        assert bound() == 9.0 * scale
        other = copied(bound)
        other.arguments["w"][:] = 5.0
        assert (other(), other.gradient.tolist()) == (25.0 * scale, [10.0 * scale])
        assert (bound(), bound.gradient.tolist()) == (9.0 * scale, [6.0 * scale])


def test_rows_are_copied_by_a_deep_copy_alone() -> None:
    x = np.arange(4.0)
    bound = compile(lambda w, x: w * x, rows="x").bind(2.0, x)
    shallow, deep = copy.copy(bound), copy.deepcopy(bound)
    x += 1.0
    assert (bound(), shallow(), deep()) == (20.0, 20.0, 12.0)


def test_a_bound_call_is_not_pickled() -> None:
    with pytest.raises(InvalidValueError, match="pickle the compiled function instead"):
        pickle.dumps(compile(lambda x: x).bind(1.0))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("reduce", ["sum", None])
def test_a_bound_call_reads_arrays_of_more_dimensions_anew(order: Literal["C", "F"], reduce: str | None) -> None:
    x = np.asarray(np.random.default_rng(0).normal(size=(40, 2, 3)), order=order)
    f = compile(lambda w, x: microgrid.sum([w * a for row in x for a in row]), rows="x", reduce=reduce)
    for given in (x, x.transpose(0, 2, 1), x[::2]):
        bound = f.bind(2.0, given)
        for _ in range(2):
            want = 2.0 * given.sum(axis=(1, 2))
            assert np.allclose(bound(), want if reduce is None else want.sum(), rtol=1e-13)
            assert np.allclose(f(2.0, given), want if reduce is None else want.sum(), rtol=1e-13)
            x += 1.0


def test_a_bound_call_that_is_under_way_says_so() -> None:
    x, found = np.ones(3_000_000), []
    bound = compile(lambda w, x: exp(w * x), rows="x", threads=1).bind(0.0, x)
    workers = [threading.Thread(target=lambda: found.append(_called(bound))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(found) <= {3e6, "under way already"}
    assert 3e6 in found
    assert bound() == 3e6


def _called(bound: Callable[[], float]) -> float | str:
    try:
        return bound()
    except InvalidValueError as error:
        return "under way already" if "under way already" in str(error) else str(error)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
@pytest.mark.parametrize("kind", ["native", "interpreter", "python", "rows", "rolled"])
def test_a_signal_handler_may_call_the_same_function(kind: str) -> None:
    found = alone(
        f"""
        kind = {kind!r}
        if kind == "rows":
            f = compile(lambda w, x: exp(-w * x), rows="x", threads=2)
            one, other = (1.0, np.arange(300_000.0)), (2.0, np.arange(300_000.0))
        elif kind == "rolled":
            rows = np.random.default_rng(0).normal(size=(200, 3)).tolist()
            f = compile(lambda w: microgrid.sum([microgrid.tanh(microgrid.dot(w, x)) for x in rows]))
            one, other = ([1.0, 2.0, 3.0],), ([0.5, 0.25, 0.0],)
        else:
            if kind == "python":
                from microgrid.compiler.llvm import jit
                jit.is_available = lambda: False
            level = "interpreter" if kind == "interpreter" else "auto"
            f = compile(lambda x: exp(-x) * x if x < 9.0 else x, optimize=level)
            one, other = (1.0,), (12.0,)
        want = f.value_and_grad(*one)
        f.value_and_grad(*other)
        inner, wrong, end = [], [], time.perf_counter() + 0.4
        def handler(*_):
            inner.append(f.value_and_grad(*other))
            signal.setitimer(signal.ITIMER_REAL, 0.002)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        while time.perf_counter() < end:
            got = f.value_and_grad(*one)
            if got != want:
                wrong.append(got)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        assert inner and not wrong, (len(inner), wrong[:3], want)
        print(f.backend)
        """
    )
    assert found.strip() == {"rolled": "rows", "rows": "rows"}.get(kind, kind)


# ---- growth ---------------------------------------------------------------------------------------------------


def test_paths_are_found_by_the_outcome_of_their_guards() -> None:
    recorded: list[int] = []

    def middle(x: Any) -> Any:
        recorded.append(1)
        return sorted(x)[1]

    f = compile(middle)
    orders = list(itertools.permutations([1.0, 2.0, 3.0, 4.0]))
    for _ in range(2):
        for numbers in orders:
            assert f.value_and_grad(list(numbers)) == (2.0, [float(x == 2.0) for x in numbers])
            assert f.hvp(list(numbers), [1.0] * 4) == [0.0] * 4
    assert len(recorded) == 24
    tried = itertools.count()
    (structure,) = f._structures.values()
    for trace in structure.traces:
        guards = trace.guards
        assert guards is not None
        held = guards.fails
        guards.fails = lambda frame, held=held: (next(tried), held(frame))[1]  # type: ignore[method-assign,misc]
    for numbers in orders:
        assert structure.traces.find(lambda one, given=list(numbers): one.fails_at(given)) is not None  # type: ignore[misc]
    assert next(tried) < 6 * 24  # and not half of all 24 each


def test_the_paths_that_were_used_last_are_kept_and_a_warning_names_the_line() -> None:
    recorded: list[int] = []

    def steps(x: Any) -> Any:
        recorded.append(1)
        k = 0
        while x > k:  # the line that branches
            k += 1
        return x * k

    f = compile(steps, paths=4)
    with pytest.warns(RuntimeWarning, match="more than 4 paths") as caught:
        assert [(f(k - 0.5), f(0.5)) for k in range(1, 9)] == [((k - 0.5) * k, 0.5) for k in range(1, 9)]
    assert len(caught) == 1
    line = inspect.getsourcelines(steps)[1] + 3
    assert f"{__file__}:{line}" in str(caught[0].message)
    assert "microgrid.where" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert len(recorded) == 8
    (structure,) = f._structures.values()
    assert len(list(structure.traces)) == len(list(structure.specializations[VALUE])) == 4
    for k in range(1, 9):  # whatever was forgotten is recorded again, and right
        assert f.value_and_grad(k - 0.5) == ((k - 0.5) * k, float(k))


@pytest.mark.parametrize("seed", range(3))
def test_random_branches_are_those_of_python_whatever_is_forgotten(seed: int) -> None:
    draw = random.Random(seed)

    def f(x: Any, y: Any) -> Any:
        for threshold in (0.25, 0.5, 0.75):
            x, y = (y * 2.0, x + threshold) if x * y < threshold else (x - y, y)
            if x > 1.0:
                return x
        return x * y

    compiled = compile(f, paths=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(60):
            x, y = draw.uniform(-2.0, 2.0), draw.uniform(-2.0, 2.0)
            assert compiled(x, y) == pytest.approx(f(x, y), rel=1e-14)
            assert compiled.grad(x, y) == pytest.approx(microgrid.grad(f)(x, y), rel=1e-14)


def test_structures_of_arguments_that_were_used_last_are_kept() -> None:
    recorded = itertools.count()  # nothing from outside that the function is seen to change

    def total(x: Any) -> Any:
        next(recorded)
        return microgrid.sum(x)

    f = compile(total, paths=3)
    with pytest.warns(RuntimeWarning, match="more than 3 structures"):
        assert [f([1.0] * count) + f([1.0]) for count in range(2, 8)] == [*range(3, 9)]
    assert len(f._structures) == 3
    assert [f([1.0] * count) for count in (6, 7, 1)] == [6.0, 7.0, 1.0]
    assert next(recorded) == 7


def test_memory_of_paths_is_bounded() -> None:
    alone(
        """
        import random, resource, warnings
        warnings.simplefilter("ignore")
        def rss():
            return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
        f, draw = compile(lambda x: microgrid.sum([k * v for k, v in enumerate(sorted(x))]), paths=8), random.Random(0)
        def calls(count):
            for _ in range(count):
                f([draw.random() for _ in range(6)])
        calls(60)
        before = rss()
        calls(120)
        assert rss() - before < 6.0, rss() - before
        """
        if sys.platform == "linux"
        else ""
    )


# ---- numbers from outside -------------------------------------------------------------------------------------

RATE: Any = 0.5


def helper(x: Any) -> Any:
    return x * RATE


class Model:
    def __init__(self) -> None:
        self.scale, self.inner = 3.0, argparse.Namespace(shift=1.0)

    def loss(self, x: Any) -> Any:
        return self.scale * x + self.inner.shift


def test_numbers_and_flags_from_outside_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    model, settings, data, flag = Model(), {"a": [1.0, {"b": 2.0}]}, np.ones(3), True

    def f(x: Any, *, bias: list[float] = [1.0]) -> Any:  # noqa: B006  # that it changes is the point
        y = helper(x) + settings["a"][1]["b"] * x + float(data.sum()) + model.loss(x) + bias[0]  # type: ignore[index]
        return y if flag else -y

    compiled = compile(f)
    reached = set()

    def check() -> None:
        for _ in range(2):
            assert compiled.value_and_grad(1.25) == (f(1.25), microgrid.grad(f)(1.25))
        reached.add(compiled(1.25))

    check()
    monkeypatch.setitem(globals(), "RATE", 0.25)
    check()
    settings["a"][1]["b"] = 5.0  # type: ignore[index]
    check()
    data[1] = 7.0
    check()
    model.scale = 9.0
    check()
    model.inner.shift = 4.0
    check()
    flag = False
    check()
    assert len(reached) == 7


@pytest.mark.parametrize("way", ["method", "partial", "callable"])
def test_what_a_callable_holds_is_from_outside(way: str) -> None:
    model, numbers = Model(), [2.0]
    targets: dict[str, Callable[[Any], Any]] = {
        "method": model.loss,
        "partial": functools.partial(lambda c, x: c[0] * x, numbers),
        "callable": Scaled(numbers),
    }
    f, target = compile(targets[way]), targets[way]
    before = f(2.0)
    assert before == target(2.0)
    numbers[0] = model.scale = 5.0
    assert f(2.0) == target(2.0) != before


class Scaled:
    def __init__(self, numbers: list[float]) -> None:
        self.numbers = numbers

    def __call__(self, x: Any) -> Any:
        return self.numbers[0] * x


class Layer:
    offset = 0.5

    def __init__(self, weight: float) -> None:
        self.weight = weight

    @property
    def doubled(self) -> float:
        return 2.0 * self.weight

    @classmethod
    def shifted(cls, x: Any) -> Any:
        return x + cls.offset

    def __call__(self, x: Any) -> Any:
        return self.shifted(x) * self.doubled


class Wider(Layer):
    __slots__ = ("extra",)
    extra: float

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) * self.extra


def _held() -> dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]]:
    """Functions that read something in one of the ways there are, and a change of what they read."""
    layer, other, wider = Layer(2.0), types.SimpleNamespace(layer=Layer(2.0), k=Fraction(1, 2)), Wider(3.0)
    wider.extra = 2.0
    layers, functions, queue = [Layer(2.0), Layer(3.0)], [lambda x: x * 2.0], deque([1.0, 2.0])
    chain, view = ChainMap({"k": 2.0}), memoryview(bytearray(b"ab"))
    setting: ContextVar[float] = ContextVar("setting", default=2.0)
    scaled = microgrid.custom(
        lambda x, *, m: m.sin(x) * layer.weight, lambda _, x, *, m: (m.cos(x) * layer.weight,), name="scaled"
    )
    return {
        "a custom operation": (lambda x: scaled(x), lambda: setattr(layer, "weight", 5.0)),
        "an object's property": (lambda x: x * layer.doubled, lambda: setattr(layer, "weight", 5.0)),
        "an object that is called": (lambda x: other.layer(x), lambda: setattr(other.layer, "weight", 5.0)),
        "an object that is replaced": (lambda x: other.layer(x), lambda: setattr(other, "layer", Layer(7.0))),
        "an attribute over the class's": (lambda x: x + layer.offset, lambda: setattr(layer, "offset", 1.5)),
        "a class's attribute": (lambda x: Layer.shifted(x), lambda: setattr(Layer, "offset", 0.25)),
        "a base class's method": (lambda x: wider(x), lambda: setattr(wider, "weight", 5.0)),
        "a slot": (lambda x: wider(x), lambda: setattr(wider, "extra", 5.0)),
        "a list of objects": (lambda x: sum([one(x) for one in layers]), lambda: layers.append(Layer(1.0))),
        "an object in a list": (lambda x: layers[1](x), lambda: setattr(layers[1], "weight", 9.0)),
        "a function in a list": (lambda x: functions[0](x), lambda: functions.__setitem__(0, lambda x: x * x)),
        "a deque": (lambda x: x * queue[0], lambda: queue.appendleft(7.0)),
        "a mapping": (lambda x: x * chain["k"], lambda: chain.maps[0].update(k=3.0)),
        "bytes in place": (lambda x: x * float(view[1]), lambda: view.__setitem__(1, 5)),
        "a fraction": (lambda x: x * float(other.k), lambda: setattr(other, "k", Fraction(1, 3))),
        "a name in a text": (lambda x: getattr(other, "layer")(x), lambda: setattr(other, "layer", Layer(1.0))),  # noqa: B009
        "a context variable": (lambda x: x * setting.get(), lambda: setting.set(3.0)),
        "the package's functions": (lambda x: ACTIVATION(x), lambda: globals().update(ACTIVATION=microgrid.cos)),
    }


ACTIVATION = microgrid.sin


@pytest.mark.parametrize("way", list(_held()))
def test_whatever_way_something_is_read_a_change_of_it_is_seen(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Layer, "offset", 0.5)
    monkeypatch.setitem(globals(), "ACTIVATION", microgrid.sin)
    f, change = _held()[way]
    compiled = compile(f)
    before = compiled(1.25)
    assert before == f(1.25)
    change()
    assert compiled(1.25) == f(1.25) != before


def test_zeros_of_either_sign_and_types_from_outside_are_told_apart() -> None:
    zero: Any = 0.0
    f = compile(lambda x: 1.0 / (x * 0.0 + zero) if type(zero) is float else x)
    assert f(1.0) == math.inf
    zero = -0.0
    assert f(-1.0) == -math.inf
    zero = 0
    assert f(1.0) == 1.0


def test_what_recording_changes_outside_is_no_reason_to_record_again() -> None:
    log: list[float] = []
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        log.append(count)
        return x * 2.0

    compiled = compile(f)
    for x in range(5):
        assert compiled.value_and_grad(float(x)) == (2.0 * x, 2.0)
    assert count == 1


def test_an_argument_that_is_no_number_is_named() -> None:
    with pytest.raises(InvalidValueError, match=r"an argument holds none: x is 'a'$"):
        compile(lambda x: x)("a")


@pytest.mark.parametrize("call", [microgrid.grad, compile, lambda f: compile(f).value_and_grad, microgrid.hessian])
def test_structures_that_are_nested_too_deeply_or_hold_themselves_get_a_sentence(call: Callable[[Any], Any]) -> None:
    deep, cycle, allowed = [1.0], dict[str, Any](), [2.0]
    for _ in range(3_000):
        deep = [deep]  # type: ignore[list-item]
    for _ in range(90):
        allowed = [allowed]  # type: ignore[list-item]
    cycle["a"] = [cycle]

    def f(x: Any) -> Any:
        while not isinstance(x, float | microgrid.Value):
            x = x[0]
        return x * x

    call(f)(allowed)
    for given in (deep, cycle):
        with pytest.raises(InvalidValueError, match="more than 100 deep here, or one holds itself"):
            call(f)(given)


# ---- times ----------------------------------------------------------------------------------------------------


def test_many_inputs_take_linear_time() -> None:
    alone(
        """
        count = 30_000
        numbers = [microgrid.Value(1.0) for _ in range(count)]
        graph = compile(microgrid.sum([x * x for x in numbers]), numbers)
        value, slopes = graph.value_and_grad(*[2.0] * count)
        assert value == 4.0 * count and list(slopes) == [4.0] * count
        f = compile(lambda *xs: microgrid.sum([x * x for x in xs]))
        assert f(*[2.0] * count) == 4.0 * count
        assert microgrid.to_python(microgrid.sum(numbers), numbers).count("x[") == count
        """
    )


def test_a_hint_on_a_long_number_takes_linear_time() -> None:
    alone(
        """
        from microgrid.formulas.parse import parse
        try:
            parse("1" * 19_990 + " x y")
        except microgrid.FormulaError as error:
            assert "a product is written with *" in str(error)
        """
    )


# ---- the page that says what holds ----------------------------------------------------------------------------


def test_every_test_that_the_page_names_is_there() -> None:
    folder = Path(__file__).parent
    page = (folder.parent / "docs" / "what_holds.md").read_text(encoding="utf-8")
    there = "".join([path.read_text(encoding="utf-8") for path in folder.glob("test_*.py")])
    named = re.findall(r"`(test_\w+)`", page)
    assert len(named) > 25
    assert [name for name in named if f"def {name}(" not in there] == []
    fuzz = (folder / "fuzz.py").read_text(encoding="utf-8")
    assert all([f"def {name}(" in fuzz for name in re.findall(r"`(\w+)` of `make fuzz`", page)])
