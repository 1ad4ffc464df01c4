"""C into a library that this process can load; who writes the C stands elsewhere."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

from benchmarks.peers import compiler

__all__ = ["FAST", "shared_library", "workshop"]

FAST = ("-O3", "-march=native", "-ffast-math")
"""The flags of whoever asks for speed."""

_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def workshop() -> Path:
    """A folder that is there until this process ends."""
    _FOLDERS.append(tempfile.TemporaryDirectory(prefix="microgrid-bench-"))
    return Path(_FOLDERS[-1].name)


@functools.cache
def shared_library(source: Path, flags: tuple[str, ...], libraries: tuple[str, ...] = ("-lm",)) -> Path:
    """Compile a C file, once in a process.

    It is linked in a command of its own, without the flags: what links a library with -ffast-math adds a start-up
    function that makes the whole process take subnormal numbers for zero, microgrid's and every other peer's.
    """
    command = compiler()
    assert command is not None, "a peer that takes a C compiler is not asked where there is none"
    library = workshop() / f"{source.stem}.so"
    compiled = library.with_suffix(".o")
    for line in (
        [command, *flags, "-fPIC", "-c", str(source), "-o", str(compiled)],
        [command, "-shared", str(compiled), "-o", str(library), *libraries],
    ):
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"gcc failed on {source.name}: {done.stderr.strip()}")
    return library
