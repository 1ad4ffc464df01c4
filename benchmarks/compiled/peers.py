"""Who is compared, and how each is found on a machine; what they make of a work stands with the work."""

from __future__ import annotations

import importlib
import shutil
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from benchmarks.compiled.registry import PEERS, Peer

__all__ = ["compiler", "missing", "ours", "version_of"]

ON_ONE = ", 1 thread"
OURS, OURS_ALONE, OURS_BOUND = "microgrid", f"microgrid{ON_ONE}", "microgrid, bound"
INTERPRETER, FULL = "microgrid, interpreter", "microgrid, full"
CEILING, CEILING_ALONE = "C by hand", f"C by hand{ON_ONE}"
NUMBA, NUMBA_ALONE = "numba by hand", f"numba by hand{ON_ONE}"
NUMPY = "NumPy closed form"
JAX, JAX_WRITTEN_OUT = "JAX jit", "JAX jit, sum written out"
TORCH = "PyTorch"
SCIKIT = "scikit-learn"
DDX, DDX_VECTORS, DDX_INTERPRETER = "ddx-ad", "ddx-ad vectors", "ddx-ad interpreter"
DDX_O0, DDX_O1 = "ddx-ad -O0", "ddx-ad -O1"
CASADI, CASADI_O0, CASADI_VM = "casadi C", "casadi C -O0", "casadi VM"
AUTOGRAD = "autograd"
SLOTTED, MICROGRAD = "slotted class", "micrograd"

_ON_CPU = MappingProxyType({"JAX_PLATFORMS": "cpu"})


def _ours(name: str) -> Peer:
    return Peer(name, "microgrid", "microgrid-autodiff", needs="compile")


def _ddx(name: str) -> Peer:
    return Peer(name, "ddx", "ddx-ad")


PEERS.update(
    {
        peer.name: peer
        for peer in [
            *map(_ours, (OURS, OURS_ALONE, OURS_BOUND, INTERPRETER, FULL)),
            *[Peer(name, "numpy", compiler=True) for name in (CEILING, CEILING_ALONE)],
            *[Peer(name, "numba", "numba") for name in (NUMBA, NUMBA_ALONE)],
            Peer(NUMPY, "numpy", "numpy"),
            *[Peer(name, "jax", "jax", environment=_ON_CPU) for name in (JAX, JAX_WRITTEN_OUT)],
            Peer(TORCH, "torch", "torch"),
            Peer(SCIKIT, "sklearn.linear_model", "scikit-learn"),
            *map(_ddx, (DDX, DDX_VECTORS, DDX_INTERPRETER, DDX_O0, DDX_O1)),
            *[Peer(name, "casadi", "casadi", compiler=True) for name in (CASADI, CASADI_O0)],
            Peer(CASADI_VM, "casadi", "casadi"),
            Peer(AUTOGRAD, "autograd", "autograd"),
            Peer(SLOTTED, "benchmarks.slotted"),
            Peer(MICROGRAD, "micrograd.engine", "micrograd"),
        ]
    }
)


def ours(name: str) -> bool:
    """Whether a peer is microgrid itself, in one of its ways."""
    return PEERS[name].module == "microgrid"


def compiler() -> str | None:
    """The command of a C compiler that understands gcc's flags, if there is one."""
    return shutil.which("gcc")


def missing(peer: Peer) -> str | None:
    """Import a peer's module.

    Parameters
    ----------
    peer : Peer
        Who is looked for.

    Returns
    -------
    str or None
        Why it is not there; None if it is.
    """
    if peer.compiler and compiler() is None:
        return "needs gcc"
    try:
        module = importlib.import_module(peer.module)
    except ModuleNotFoundError as error:
        return "not installed" if error.name and peer.module.startswith(error.name) else f"import failed: {error}"
    except ImportError as error:
        return f"import failed: {error}"
    if peer.needs and not hasattr(module, peer.needs):
        return f"this {peer.module} has no {peer.needs}"
    return None


def version_of(peer: Peer) -> str:
    """The version of the peer's distribution, or the empty string."""
    try:
        return version(peer.distribution) if peer.distribution else ""
    except PackageNotFoundError:
        return ""
