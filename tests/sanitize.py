"""Builds the native engine with sanitizers and runs the tests of the core on it: ``python tests/sanitize.py``.

AddressSanitizer watches every access, UndefinedBehaviorSanitizer every operation; a finding ends the run with an error.
Python's own allocator is left out, so that each object is an allocation of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLAGS = ["-g", "-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
TESTS = ["test_value.py", "test_engines.py", "test_graph.py", "test_logistic.py", "test_nn.py"]
SLOW = "random_graphs_have_the_same_bits or engine or million"  # other processes, and memory that a sanitizer keeps


def main() -> int:
    """Build and test; returns pytest's exit status."""
    compiler = os.environ.get("CC", "gcc")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "microgrid", folder / "microgrid", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        _build(compiler, folder)
        return _test(compiler, folder)


def _build(compiler: str, folder: Path) -> None:
    write = "from microgrid.native.write_rules import rules_in_c; print(rules_in_c())"
    environment = os.environ | {"MICROGRID_ENGINE": "python"}
    done = subprocess.run(
        [sys.executable, "-c", write], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    (folder / "rules.inc").write_text(done.stdout, encoding="utf-8")
    library = folder / "microgrid" / f"_engine{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = [f"-I{sysconfig.get_path('include')}", f"-I{folder}"]
    source = str(folder / "microgrid" / "native" / "engine.c")
    floats = ["-ffp-contract=off", "-fno-math-errno"]
    command = [compiler, *FLAGS, *floats, "-shared", "-fPIC", *include, source, "-o", str(library), "-lm"]
    subprocess.run(command, check=True)


def _test(compiler: str, folder: Path) -> int:
    libraries = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    environment = os.environ | {
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter keeps memory to its end; the tests count references instead
        "LD_PRELOAD": " ".join(libraries),
        "MICROGRID_ENGINE": "native",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(folder),
    }
    show = "import microgrid; print(microgrid.engine, microgrid.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", show], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"native {folder}"), done.stdout
    tests = [str(ROOT / "tests" / name) for name in TESTS]
    options = ["-q", "-p", "no:cacheprovider", "-k", f"not ({SLOW})"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
