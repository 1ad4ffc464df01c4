"""Attacks the package with random inputs, bounded and seeded: ``python tests/fuzz.py [SECONDS] [SEED]``.

Each attacker runs in a process of its own, which may not crash, hang or give a wrong number. What was found is told
with the seed that shows it again.
"""

from __future__ import annotations

import functools
import itertools
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sanitize

ROOT = Path(__file__).parent.parent
UNARY = ("sin", "cos", "exp", "tanh", "sigmoid", "log", "sqrt", "relu", "abs")


def rounds(seconds: float, seed: int) -> Iterator[random.Random]:
    """A generator of random numbers for each round, until the time is over. Its seed is told if a round fails."""
    end = time.monotonic() + seconds
    for place in itertools.count(seed):
        if time.monotonic() > end:
            return
        print(f"seed {place}", file=sys.stderr)
        yield random.Random(place)


def random_function(draw: random.Random, *, branches: bool = False) -> Callable[..., Any]:
    """A function of two numbers or of two lists, the same at each call."""
    import microgrid

    steps = [(draw.choice([*UNARY, *"+-*/"]), draw.random(), draw.random(), draw.uniform(-1.0, 1.0))
             for _ in range(draw.choice([3, 10, 40]))]  # fmt: skip

    def f(x: Any, y: Any) -> Any:
        numbers = [*(x if hasattr(x, "__len__") else [x]), *(y if hasattr(y, "__len__") else [y])]
        for name, first, second, threshold in steps:
            a, b = [numbers[int(place * len(numbers))] for place in (first, second)]
            if branches and a < threshold:
                a = a - b
            one: Any = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: 0.5 * a * b,
                        "/": lambda a, b: a / (1.5 + b * b)}.get(name)  # fmt: skip
            numbers.append(one(a, b) if one else getattr(microgrid, name)(microgrid.tanh(a) + 1.25))
        return microgrid.sum(numbers[-3:])

    return f


def close(found: Any, wanted: Any) -> bool:
    """Whether numbers are near, or both not finite."""
    import numpy as np

    return bool(np.allclose(found, wanted, rtol=1e-7, atol=1e-9, equal_nan=True))


# ---- attackers ------------------------------------------------------------------------------------------------


def guarded(draw: random.Random, shape: tuple[int, ...]) -> Any:
    """An array whose last or first byte touches a page that can't be read, in an odd layout."""
    import ctypes
    import mmap

    import numpy as np

    kind = draw.choice([np.float64, np.float32])
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    page = mmap.PAGESIZE
    room = (size + page - 1) // page * page
    memory = mmap.mmap(-1, room + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None)
    for at in (start, start + page + room):
        assert libc.mprotect(ctypes.c_void_p(at), page, 0) == 0
    offset = page if draw.random() < 0.5 else page + room - size
    array = np.frombuffer(memory, kind, int(np.prod(shape)), offset)
    array[:] = np.random.default_rng(draw.getrandbits(32)).normal(size=array.size)
    array = array.reshape(shape, order=draw.choice(["C", "F"]))
    if draw.random() < 0.3:
        array = array[::-1]
    if len(shape) > 1 and draw.random() < 0.3:
        array = array[:, ::-1]
    if draw.random() < 0.2 and len(array) > 3:
        array = array[::2]
    return array


def backends(seconds: float, seed: int) -> None:
    """Random functions, eager against every backend, on rows with guard pages around them."""
    import numpy as np

    import microgrid

    for draw in rounds(seconds, seed):
        f = random_function(draw)
        count, rows = draw.choice([1, 2, 3, 9]), draw.choice([0, 1, 2, 7, 8, 9, 33, 1030])
        w = [draw.uniform(-1.0, 1.0) for _ in range(count)]
        x = guarded(draw, (rows, draw.choice([1, 2, 8, 17])))
        reduce = draw.choice(["sum", None])
        want = [microgrid.value_and_grad(f)(w, row.tolist()) for row in x[:5]]
        compiled = microgrid.compile(f, rows="y", reduce=None, threads=draw.choice([1, 2]), precise=draw.random() < 0.3)
        values, slopes = compiled.value_and_grad(w, x)
        for place, (value, slope) in enumerate(want):
            assert close(values[place], value), (values[place], value)
            assert close([one[place] for one in slopes], slope)
        whole, slope = microgrid.compile(f, rows="y", reduce=reduce).value_and_grad(w, x)
        assert close(np.sum(whole), np.sum(values))
        assert close([np.sum(one) for one in slope], [np.sum(one) for one in slopes])
        for level in ("interpreter", "full", "auto"):
            for row, (value, slope) in zip(x[:2], want, strict=False):
                found = microgrid.compile(f, optimize=level, precise=draw.random() < 0.5).value_and_grad(
                    w, row.tolist()
                )
                assert close(found[0], value)
                assert close(found[1], slope)


def branches(seconds: float, seed: int) -> None:
    """Random branches: every call takes the path that Python takes, whatever was forgotten."""
    import warnings

    import microgrid

    warnings.simplefilter("ignore")
    for draw in rounds(seconds, seed):
        f = random_function(draw, branches=True)
        compiled = microgrid.compile(f, paths=draw.choice([1, 3, 20]), optimize=draw.choice(["auto", "interpreter"]))
        for _ in range(25):
            x, y = draw.uniform(-3.0, 3.0), draw.uniform(-3.0, 3.0)
            assert close(compiled(x, y), f(x, y))
            assert close(compiled.value_and_grad(x, y), microgrid.value_and_grad(f)(x, y))


def interrupts(seconds: float, seed: int) -> None:
    """KeyboardInterrupts at random moments of recording, compiling and calling: the next call is right."""
    import numpy as np

    import microgrid

    x = np.arange(300_000.0) / 3e5
    for draw in rounds(seconds, seed):
        f = random_function(draw)
        compiled = microgrid.compile(f, rows="y", threads=2) if draw.random() < 0.5 else microgrid.compile(f)
        arguments = (0.5, x if compiled._rows else 0.25)
        for _ in range(6):
            signal.setitimer(signal.ITIMER_REAL, draw.choice([1e-4, 1e-3, 1e-2, 0.1]) * (0.5 + draw.random()))
            try:
                compiled.value_and_grad(*arguments)
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                pass
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        found = compiled.value_and_grad(*arguments)
        fresh = microgrid.compile(f, rows="y", threads=1) if compiled._rows else microgrid.compile(f)
        assert close(found, fresh.value_and_grad(*arguments))


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def kills(seconds: float, seed: int) -> None:
    """Processes killed while they write the cache: whoever comes next reads whole code or none."""
    code = (
        "import microgrid\nfor k in range(200): assert microgrid.compile(lambda x: x * {0} + k)(2.0) == 2.0 * {0} + k"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MICROGRID_CACHE": folder, "MICROGRID_CACHE_MB": "1"}
        code = "from microgrid.compiler.llvm import jit; jit._WORTH_KEEPING = 0.0\n" + code
        for draw in rounds(seconds, seed):
            text = code.format(draw.randrange(3))
            process = subprocess.Popen([sys.executable, "-c", text], env=environment)
            time.sleep(draw.uniform(0.3, 1.5))
            process.kill()
            process.wait()
            for path in Path(folder).iterdir():
                if draw.random() < 0.1:
                    content = bytearray(path.read_bytes())
                    if content:
                        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
                    path.write_bytes(content[: draw.choice([None, len(content) // 2])])
        subprocess.run([sys.executable, "-c", code.format(1)], env=environment, check=True)


def sample(w: Any, x: Any) -> Any:
    """What is pickled."""
    import microgrid

    return microgrid.tanh(w[0] * x + w[1])


def pickles(seconds: float, seed: int) -> None:
    """Mutated pickles of Values, programs and compiled functions: an exception or an object, and no crash."""
    import resource

    import microgrid
    from microgrid.program import Program

    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, -1))  # a mutated size makes pickle ask for all memory
    x = microgrid.Value(0.5, name="x")
    y = microgrid.exp(x * x) + x
    wholes = [pickle.dumps(one, 4) for one in (y, [y, x], Program.record([y], [x]), microgrid.compile(sample))]
    for draw in rounds(seconds, seed):
        for _ in range(200):
            content = bytearray(draw.choice(wholes))
            for _ in range(draw.choice([1, 2, 8])):
                content[draw.randrange(2, len(content))] = draw.randrange(256)
            try:
                found = pickle.loads(bytes(content))
                repr(found)
                if isinstance(found, microgrid.Value):
                    found.backward()
            except (Exception, RecursionError):  # noqa: BLE001  # any exception will do
                pass


def graph_files(seconds: float, seed: int) -> None:
    """Mutated graph files: a graph that differentiates, or an error of the package."""
    import microgrid

    x, y = microgrid.Value(0.5, name="x"), microgrid.Value(-1.5, name="y")
    wholes = [
        microgrid.to_json(one)
        for one in (x * y + microgrid.exp(x), microgrid.where(x < y, x, y), microgrid.sum([x] * 9))
    ]
    for draw in rounds(seconds, seed):
        for _ in range(200):
            text = draw.choice(wholes)
            for _ in range(draw.choice([1, 2, 8])):
                place, other = draw.randrange(len(text)), draw.randrange(len(text))
                piece = draw.choice(
                    [chr(draw.randrange(32, 127)), "", "-1", "1e999", "null", "[]", text[other : other + 9]]
                )
                text = text[:place] + piece + text[place + draw.choice([0, 1, 5]) :]
            try:
                found: Any = microgrid.from_json(text)
            except microgrid.MicrogridError:
                continue
            for one in found.values() if isinstance(found, dict) else found if isinstance(found, list) else [found]:
                one.backward()


def derivations(seconds: float, seed: int) -> None:
    """``explain`` over random graphs and small networks: texts, and the number that backward gives."""
    import microgrid
    from microgrid.nn import MLP

    for draw in rounds(seconds, seed):
        x, w = microgrid.Value(draw.uniform(-1.0, 1.0), name="x"), microgrid.Value(draw.uniform(-1.0, 1.0), name="w")
        kind = draw.choice(["random", "perceptron", "recurrent", "attention"])
        activation = getattr(microgrid, draw.choice(["tanh", "sigmoid", "relu", "softplus"]))
        if kind == "random":
            output = random_function(draw)(w, x)
        elif kind == "perceptron":
            model = MLP(2, [draw.choice([2, 3, 5]) for _ in range(draw.randrange(1, 4))] + [1])
            output = activation(model([w, x])) ** 2
        elif kind == "recurrent":
            output = x
            for _ in range(draw.randrange(1, 40)):
                output = activation(w * output + x)
        else:
            keys = [w * draw.uniform(-1.0, 1.0) + x for _ in range(draw.randrange(2, 6))]
            total = microgrid.logsumexp([w * key for key in keys])
            output = microgrid.sum([microgrid.exp(w * key - total) * key for key in keys])
        start = time.process_time()
        derivation = microgrid.explain(output, wrt=w)
        texts = (derivation.text(), derivation.latex(), derivation.html())
        assert time.process_time() - start < 30.0, kind
        assert all(len(text) < 200_000 for text in texts), kind
        w.grad = 0.0
        output.backward()
        assert close(derivation.value, w.grad), (kind, derivation.value, w.grad)


def hostile(seconds: float, seed: int) -> None:
    """Operations on operands of every kind, on an engine that sanitizers watch: a node, or an exception."""
    import copy
    import gc
    import operator

    import microgrid
    from microgrid import Value

    class Odd:
        def __init__(self, draw: random.Random) -> None:
            self.draw = draw

        def __float__(self) -> float:
            gc.collect()
            return self.draw.choice([0.5, float("nan"), 1.0 / (self.draw.random() < 0.5)])

        def __radd__(self, other: Any) -> Any:
            return other if self.draw.random() < 0.5 else NotImplemented

    names = [*UNARY, "sum", "dot", "logsumexp", "maximum", "where", "pow", "atan2", "clip", "hypot", "mean", "softmax"]
    signs = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt, operator.mod]
    for draw in rounds(seconds, seed):
        nodes: list[Any] = [Value(draw.uniform(-2.0, 2.0), name="x" * draw.choice([1, 3000])) for _ in range(4)]
        for _ in range(100):
            odd: list[Any] = [None, 10**400, True, 1j, "a", b"", [], [nodes[0]] * 3, (1.0,), {}, Odd(draw), -0.0, 3]
            operands = [draw.choice(draw.choice([nodes, nodes, odd])) for _ in range(3)]
            operands[draw.randrange(2)] = draw.choice(nodes)  # numbers alone are Python's, and 3 ** 10**400 is endless
            try:
                if draw.random() < 0.5:
                    made = draw.choice(signs)(operands[0], operands[1])
                else:
                    made = getattr(microgrid, draw.choice(names))(*operands[: draw.randrange(4)])
                if isinstance(made, Value):
                    nodes.append(made)
                    node: Any = made
                    sweeps: Any = [node.backward, node.zero_grad, node.__repr__, functools.partial(copy.deepcopy, node)]
                    draw.choice(sweeps)()
                    node.name = draw.choice(["z", None, "", 3])
            except Exception:  # noqa: BLE001  # any exception will do
                pass
            if draw.random() < 0.02:
                del nodes[draw.randrange(1, len(nodes) + 1) :]


def commands(seconds: float, seed: int) -> None:
    """Random command lines: an answer, or a message and a status; no traceback."""
    import contextlib
    import io

    from microgrid.cli.main import main

    words = (
        *("explain", "compile", "draw", "prove", "check", "--help", "f = x*y", "x=0.5", "y=nan", "x", "=", "--"),
        *("sin(x", "x**2; y", "--show", "assembly", "-o", "/dev/null", "\x00", "é", "1e999", "x=1", "--version"),
    )
    for draw in rounds(seconds, seed):
        line = [draw.choice(words) for _ in range(draw.randrange(1, 5))]
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
            main(line)
        assert "Traceback" not in out.getvalue(), (line, out.getvalue())


_ALL = (backends, branches, interrupts, kills, pickles, graph_files, derivations, commands, hostile)
ATTACKERS = {attacker.__name__: attacker for attacker in _ALL}


def attack(name: str, seconds: float, seed: int) -> None:
    """Be one attacker."""
    if name == "interrupts":
        signal.signal(signal.SIGALRM, _interrupt)
        threading.stack_size(256 * 1024)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # commands write drawings
        ATTACKERS[name](seconds, seed)


def main() -> int:
    """Run every attacker for its part of the time; returns how many found something."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    plain = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    part = seconds / len(ATTACKERS)
    told = {name: _found(name, part, seed, plain) for name in ATTACKERS if name != "hostile"}
    if shutil.which(os.environ.get("CC", "gcc")):
        with sanitize.engine("address,undefined") as watched:
            told["hostile"] = _found("hostile", part, seed, watched)
    else:
        print("hostile      NOT RUN: sanitizers need a C compiler")
    return len([one for one in told.values() if one])


def _found(name: str, seconds: float, seed: int, environment: dict[str, str]) -> str:
    """What an attacker found; it is printed."""
    command = [sys.executable, "-X", "faulthandler", __file__, "--attack", name, str(seconds), str(seed)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds + 120.0, check=False
        )
        told = done.stderr or "it ended without a word" if done.returncode else ""
    except subprocess.TimeoutExpired as error:
        told = f"{(error.stderr or b'').decode()}\nit hangs"
    print(f"{name:12} {'found something' if told else 'held'}", flush=True)
    if told:
        print("\n".join(told.splitlines()[-40:]))
    return told


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        attack(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(main())
