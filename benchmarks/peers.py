"""Who is compared, and how each is found on a machine; what they make of a work stands with the work."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from benchmarks.registry import PEERS, Peer

__all__ = ["compiler", "missing", "version_of"]

ON_ONE = ", 1 thread"
OURS, OURS_ALONE, OURS_BOUND = "microgrid", f"microgrid{ON_ONE}", "microgrid, bound"
INTERPRETER, FULL = "microgrid, interpreter", "microgrid, full"
NATIVE, PYTHON = "microgrid (native)", "microgrid (Python)"
CEILING, CEILING_ALONE = "C by hand", f"C by hand{ON_ONE}"
NUMBA, NUMBA_ALONE = "numba by hand", f"numba by hand{ON_ONE}"
NUMPY = "NumPy closed form"
JAX, JAX_WRITTEN_OUT = "JAX jit", "JAX jit, sum written out"
TORCH = "PyTorch"
SCIKIT = "scikit-learn"
DDX, DDX_VECTORS, DDX_INTERPRETER = "ddx-ad", "ddx-ad vectors", "ddx-ad interpreter"
DDX_O0, DDX_O1 = "ddx-ad -O0", "ddx-ad -O1"
CASADI, CASADI_O0, CASADI_VM = "casadi C", "casadi C -O0", "casadi VM"
HEYOKA, HEYOKA_COMPACT = "heyoka", "heyoka, compact mode"
SLOTTED, FLOATS = "slotted class", "floats by hand"
MICROGRAD, MINIGRAD, MICROGRAD_RUST, OXIGRAD = "micrograd", "minigrad", "micrograd-rust", "oxigrad"
XAD, AUTOGRAD, MYGRAD = "xad", "autograd", "mygrad"

OUR_ENGINES = {NATIVE: "native", PYTHON: "python"}
"""The engines of microgrid by the names of the peers that they are."""


def _add(names: tuple[str, ...], module: str, distribution: str = "", *, compiler: bool = False) -> None:
    for name in names:
        PEERS[name] = Peer(name, module, distribution, compiler=compiler)


def _add_ours(name: str, needs: Mapping[str, str | None], environment: Mapping[str, str]) -> None:
    PEERS[name] = Peer(name, "microgrid", "microgrid-autodiff", needs, environment=environment)


for _name in (OURS, OURS_ALONE, OURS_BOUND, INTERPRETER, FULL):
    _add_ours(_name, {"compile": None}, {})
for _name, _engine in OUR_ENGINES.items():
    _add_ours(_name, {"engine": _engine}, {"MICROGRID_ENGINE": _engine})
_add((CEILING, CEILING_ALONE), "numpy", compiler=True)
_add((NUMBA, NUMBA_ALONE), "numba", "numba")
_add((NUMPY,), "numpy", "numpy")
for _name in (JAX, JAX_WRITTEN_OUT):
    PEERS[_name] = Peer(_name, "jax", "jax", environment={"JAX_PLATFORMS": "cpu"})
_add((TORCH,), "torch", "torch")
_add((SCIKIT,), "sklearn.linear_model", "scikit-learn")
_add((DDX, DDX_VECTORS, DDX_INTERPRETER, DDX_O0, DDX_O1), "ddx", "ddx-ad")
_add((CASADI, CASADI_O0), "casadi", "casadi", compiler=True)
_add((CASADI_VM,), "casadi", "casadi")
_add((HEYOKA, HEYOKA_COMPACT), "heyoka", "heyoka")
_add((SLOTTED,), "benchmarks.slotted")
_add((MICROGRAD,), "micrograd.engine", "micrograd")
_add((MINIGRAD,), "minigrad.engine", "minigrad")
_add((MICROGRAD_RUST,), "micrograd_rust", "micrograd-rust")
_add((OXIGRAD,), "oxigrad", "oxigrad")
_add((XAD,), "xad", "xad")
_add((AUTOGRAD,), "autograd", "autograd")
_add((MYGRAD,), "mygrad", "mygrad")
_add((FLOATS,), "math")


def compiler() -> str | None:
    """The command of a C compiler that understands gcc's flags, if there is one."""
    return shutil.which("gcc")


def missing(peer: Peer) -> str | None:
    """Import a peer's module; the reason if it is not there, else None."""
    if peer.compiler and compiler() is None:
        return "needs gcc"
    try:
        module = importlib.import_module(peer.module)
    except ModuleNotFoundError as error:
        return "not installed" if error.name and peer.module.startswith(error.name) else f"import failed: {error}"
    except ImportError as error:
        return f"import failed: {error}"
    for name, value in peer.needs.items():
        if not hasattr(module, name):
            return f"this {peer.module} has no {name}"
        if value is not None and getattr(module, name) != value:
            return f"this {peer.module} has no {value} {name}"
    return None


def is_installed(peer: Peer) -> bool:
    """Whether a peer's package is there, and a compiler if it needs one; nothing is imported."""
    package = peer.module.partition(".")[0]
    return importlib.util.find_spec(package) is not None and (not peer.compiler or compiler() is not None)


def version_of(peer: Peer) -> str:
    """The version of the peer's distribution, or the empty string."""
    try:
        return version(peer.distribution) if peer.distribution else ""
    except PackageNotFoundError:
        return ""
