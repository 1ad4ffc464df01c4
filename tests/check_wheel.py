"""Builds wheel and source distribution, and installs each as a user would: ``python tests/check_wheel.py dist``.

The wheel has to bring the native engine to a machine without a compiler; the source distribution has to build it where
there is a compiler, and to install without it where there is none.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
USE = (
    "import microgrid; x = microgrid.Value(3.0); (x * x).step_through(); (x * x).backward(); "
    "print(microgrid.engine, x.grad)"
)


def main(folder: Path) -> None:
    """Build into the folder and check what was built."""
    before = set(folder.glob("*"))
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], check=True, capture_output=True)
    built = set(folder.glob("*")) - before or set(folder.glob("*"))
    (wheel,) = [path for path in built if path.suffix == ".whl"]
    (source,) = [path for path in built if path.name.endswith(".tar.gz")]
    _check("the wheel, without a compiler", wheel, "native", CC="no-such-compiler")
    _check("the source, with a compiler", source, "native")
    _check("the source, without a compiler", source, "python", CC="no-such-compiler")
    print(f"built {wheel} and {source}")


def _check(what: str, package: Path, engine: str, **variables: str) -> None:
    """Install into a virtual environment of its own and use it there."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, "-m", "venv", name], check=True)
        python = str(Path(name) / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(package)]
        subprocess.run(install, check=True, env=os.environ | variables)
        done = subprocess.run([python, "-c", USE], cwd=name, capture_output=True, text=True, check=True)
    assert done.stdout == f"{engine} 6.0\n", f"{what}: {done.stdout}"
    print(f"{what}: the {engine} engine")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
