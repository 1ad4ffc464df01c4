"""Builds the native engine, where a C compiler is at hand; the package works without it. The rest is pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent.absolute()

_CHECK = """
import importlib.util, sys
class Built:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == "microgrid.core._engine":
            return importlib.util.spec_from_file_location(name, sys.argv[1])
sys.meta_path.insert(0, Built)
from microgrid.core.native_engine import check
check()
"""


class BuildEngine(build_ext):
    """Writes the rule table in C before the compiler needs it."""

    def build_extension(self, extension: Extension) -> None:
        sys.path.insert(0, str(ROOT))
        from microgrid.core.c_rules import rules_in_c

        folder = Path(self.build_temp).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules.inc").write_text(rules_in_c(), encoding="utf-8")
        extension.include_dirs.append(str(folder))
        if self.compiler.compiler_type == "unix":
            # The bits of the pure-Python engine: no fused multiply-add. And no errno, so that the compiler may see
            # that two calls of exp on one number are one. And no threaded jumps: in GCC 16 they take two numbers for
            # equal of which neither is less, though one is nan.
            extension.extra_compile_args += ["-O2", "-ffp-contract=off", "-fno-math-errno", "-fno-thread-jumps"]
        super().build_extension(extension)
        self._check(Path(self.get_ext_fullpath(extension.name)).absolute())

    def _check(self, library: Path) -> None:
        """Raise, and leave no engine, if this compiler made one that calculates otherwise than Python."""
        environment = os.environ | {"MICROGRID_ENGINE": "native", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", _CHECK, str(library)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            library.unlink()
            raise CompileError(f"the native engine is not used:\n{done.stderr}")


setup(
    cmdclass={"build_ext": BuildEngine},
    ext_modules=[Extension("microgrid.core._engine", ["microgrid/core/engine.c"], optional=True)],
)
