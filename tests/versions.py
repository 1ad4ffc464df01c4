"""Runs a part of the tests on every other Python from 3.11 on that is found here: ``python tests/versions.py``.

Found are the interpreters of pyenv and those on the path, of each version one; free-threaded builds are versions of
their own. Each has a virtual environment in ``build/versions``, in which the package is installed from here. A version
that couldn't be tested is told at the end with the reason, and is no failure: a Python may be too new for the packages
that the tests need.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = "[compile,draw,symbolic,testing]"
TOOLS = ("pytest-xdist>=3.6", "joblib>=1.4", "mpmath>=1.3", "hypothesis>=6.100")  # for the tests below, bare or not
CORE = ("test_graph.py", "test_value.py", "test_engines.py")
MORE = ("test_compiling.py", "test_formula.py", "test_pickles.py", "test_program.py", "test_robustness.py")
BARE = ("test_graph.py", "test_scale.py")  # what needs no package but these
_ASK = "import sys, sysconfig; print(*sys.version_info[:2], int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))"


def interpreters() -> dict[str, list[Path]]:
    """The interpreters from 3.11 on, by version: "3.13", or "3.13t" for a free-threaded build."""
    found: dict[str, list[Path]] = {}
    for path in _candidates():
        told = re.fullmatch(r"3 (\d+) ([01])\s*", _run([path, "-c", _ASK], 60.0)[1])
        if told and int(told[1]) >= 11:
            found.setdefault(f"3.{told[1]}{'t' * int(told[2])}", []).append(path)
    return dict(sorted(found.items(), key=lambda one: (int(one[0][2:].rstrip("t")), one[0])))


def _candidates() -> Iterator[Path]:
    yield from sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python"))
    for folder in map(Path, filter(None, os.environ.get("PATH", "").split(os.pathsep))):
        if folder.name != "shims":  # pyenv's, which stand for what was found above
            yield from sorted([one for one in folder.glob("python3.*") if re.fullmatch(r"python3\.\d+t?", one.name)])


def _run(command: list[str | Path], seconds: float = 900.0, engine: str | None = None) -> tuple[bool, str]:
    """Whether a command succeeded, and what it printed."""
    environment = os.environ | ({"MICROGRID_ENGINE": engine} if engine else {})
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, done.stdout + done.stderr


def environment(version: str, paths: list[Path]) -> tuple[Path | None, bool, str]:
    """The interpreter of a virtual environment, if there is one; whether it has every package; what went wrong."""
    folder = ROOT / "build" / "versions" / version
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    told = ""
    for path in paths:
        shutil.rmtree(folder, ignore_errors=True)
        made, told = _run([path, "-m", "venv", folder])
        if made:
            break
    else:
        return None, False, told
    whole, told = _run([*pip, *TOOLS, "--editable", f"{ROOT}{PACKAGES}"])
    if whole:
        return python, True, ""
    bare, more = _run([*pip, *TOOLS, "--editable", f"{ROOT}"])
    return python if bare else None, False, told if bare else more


def test(python: Path, *, whole: bool) -> tuple[bool, str]:
    """Whether the tests passed on both engines, and the last lines of each run."""
    passed, told = True, []
    _, chosen_engine = _run([python, "-c", "import microgrid; print(microgrid.engine)"])
    for engine, names in ((None, CORE + MORE), ("python", CORE[:2])):
        chosen = [str(ROOT / "tests" / name) for name in (names if whole else BARE)]
        options = ["--quiet", "-p", "no:cacheprovider", "--numprocesses", "auto", "--dist", "worksteal"]
        fine, printed = _run([python, "-m", "pytest", *options, *chosen], engine=engine)
        passed &= fine
        lines = printed.strip().splitlines()
        told.append(f"{engine or chosen_engine.strip()} engine: " + (lines[-1] if fine else "\n".join(lines[-60:])))
    return passed, "\n".join(told)


def main() -> int:
    """Test every version but the one that runs this; returns how many failed."""
    own = f"3.{sys.version_info[1]}{'t' * bool(sysconfig.get_config_var('Py_GIL_DISABLED'))}"
    found = interpreters()
    print(
        f"tested here: Python {own}, and now {', '.join([one for one in found if one != own]) or 'no other'}",
        flush=True,
    )
    failed, untested = 0, []
    for version, paths in found.items():
        if version == own:
            continue
        start = time.monotonic()
        python, whole, wrong = environment(version, paths)
        reason = "\n".join(wrong.strip().splitlines()[-5:])
        if python is None:
            untested.append(f"Python {version} was NOT TESTED, for it has no environment:\n{reason}")
            continue
        if not whole:
            untested.append(f"Python {version} was tested WITHOUT {PACKAGES}, which are not to be had:\n{reason}")
        passed, told = test(python, whole=whole)
        failed += not passed
        print(f"Python {version}, {time.monotonic() - start:.0f} s, {paths[0]}\n{told}", flush=True)
    for told in untested:
        print(f"WARNING: {told}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
