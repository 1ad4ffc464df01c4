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


def alone(code: str, *, seconds: float = 60.0, cache: Path | str | None = None) -> str:
    """What a process of its own prints that runs this code."""
    environment = dict(os.environ)
    if cache is not None:
        environment["MICROGRID_CACHE"] = str(cache)
    before = (
        "import gc, sys, threading, time\nimport numpy as np\nimport microgrid\nfrom microgrid import compile, exp\n"
    )
    command = [sys.executable, "-X", "faulthandler", "-W", "error", "-c", before + textwrap.dedent(code)]
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
