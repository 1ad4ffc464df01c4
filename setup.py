"""Builds the native engine, where a C compiler is at hand; the package works without it. The rest is pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent


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
            # that two calls of exp on one number are one.
            extension.extra_compile_args += ["-O2", "-ffp-contract=off", "-fno-math-errno"]
        super().build_extension(extension)


setup(
    cmdclass={"build_ext": BuildEngine},
    ext_modules=[Extension("microgrid.core._engine", ["microgrid/core/engine.c"], optional=True)],
)
