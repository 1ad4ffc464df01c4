"""Builds the native engine with sanitizers and runs the tests of the core on it: ``python tests/sanitize.py``.

AddressSanitizer watches every access, UndefinedBehaviorSanitizer every operation; a finding ends the run with an error.
With the first, Python's allocator and the engine's slabs are left out, so that each object is an allocation of its own;
a second run, with the second alone, has the slabs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLAGS = ["-g", "-O1", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"]
RUNS = {"address,undefined": ["libasan.so", "libubsan.so"], "undefined": ["libubsan.so"]}
TESTS = ["test_value.py", "test_engines.py", "test_graph.py", "test_logistic.py", "test_nn.py", "test_program.py"]
SLOW = "random_graphs_have_the_same_bits or engine or million"  # other processes, and memory that a sanitizer keeps


def main() -> int:
    """Build and test with each set of sanitizers; returns the first exit status of pytest that is not 0."""
    status = 0
    for sanitizers in RUNS:
        with engine(sanitizers) as environment:
            tests = [str(ROOT / "tests" / name) for name in TESTS]
            options = ["-q", "-p", "no:cacheprovider", "-k", f"not ({SLOW})"]
            command = [sys.executable, "-m", "pytest", *options, *tests]
            status = status or subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    return status


@contextlib.contextmanager
def engine(sanitizers: str) -> Iterator[dict[str, str]]:
    """Build the engine with sanitizers: the environment of processes that have it."""
    compiler = os.environ.get("CC", "gcc")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(ROOT / "microgrid", folder / "microgrid", ignore=ignored)
        _build(compiler, folder, sanitizers)
        environment = os.environ | {
            "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter keeps memory to its end; the tests count references
            "LD_PRELOAD": " ".join([_library(compiler, library) for library in RUNS[sanitizers]]),
            "MICROGRID_ENGINE": "native",
            "PYTHONMALLOC": "malloc" if "address" in sanitizers else "default",
            "PYTHONPATH": str(folder),
        }
        show = "import microgrid; print(microgrid.engine, microgrid.__file__)"
        done = subprocess.run(
            [sys.executable, "-c", show], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(f"native {folder}"), done.stdout
        yield environment


def _build(compiler: str, folder: Path, sanitizers: str) -> None:
    write = "from microgrid.core.c_rules import rules_in_c; print(rules_in_c())"
    environment = os.environ | {"MICROGRID_ENGINE": "python"}
    done = subprocess.run(
        [sys.executable, "-c", write], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    (folder / "rules.inc").write_text(done.stdout, encoding="utf-8")
    library = folder / "microgrid" / "core" / f"_engine{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = [f"-I{sysconfig.get_path('include')}", f"-I{folder}"]
    source = str(folder / "microgrid" / "core" / "engine.c")
    floats = ["-ffp-contract=off", "-fno-math-errno", "-fno-thread-jumps"]
    command = [
        compiler,
        *FLAGS,
        f"-fsanitize={sanitizers}",
        *floats,
        "-shared",
        "-fPIC",
        *include,
        source,
        "-o",
        str(library),
        "-lm",
    ]
    subprocess.run(command, check=True)


def _library(compiler: str, name: str) -> str:
    """Where the compiler keeps a sanitizer's library, which has to be there before the interpreter starts."""
    command = [compiler, f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
