"""What holds around compiled functions: re-entry, copies, the end of a process, small stacks, forks, growth.

Each case runs in a process of its own with a time limit, so that a crash or a hang is that case's failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

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
                with jit._LOCK:
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
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
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
                x, w = np.ones((20_000, 3)), [1.0, 2.0, 3.0]
                want = rows.value_and_grad(w, x)
                with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                    assert pool.starmap(rows.value_and_grad, [(w, x)] * 4) == [want] * 4
            """
        ),
        encoding="utf-8",
    )
    subprocess.run([sys.executable, str(script), method], check=True, timeout=60)
