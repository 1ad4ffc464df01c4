"""The choice of an engine: the native one where it was built, otherwise the pure-Python one; the same results.

The environment variable ``MICROGRID_ENGINE`` forces ``native`` or ``python``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from microgrid.errors import MicrogridError

if TYPE_CHECKING:
    from microgrid.core.rules import Rule

__all__ = ["Engine", "engine"]

Node = Any


class Engine(Protocol):
    """What ``value`` needs of an engine: how nodes are stored, recorded and swept.

    Attributes
    ----------
    NAME : str
        "native" or "python".
    Value : type
        The node: ``data``, ``grad`` and ``name``, which may be set, ``op``, ``parents``, ``partials``,
        ``is_constant``, the methods of the rules of one operand, and the arithmetic operators.
    """

    @property
    def NAME(self) -> str:  # noqa: N802  # a module's constant
        """The engine's name."""

    @property
    def Value(self) -> Any:  # noqa: N802  # a class
        """The node."""

    def configure(self, callbacks: dict[str, Callable[..., Any]]) -> None:
        """Take what ``value`` does for an engine: reading operands and names, and the checks of ``strict``."""

    def add_strict_block(self, change: int) -> None:
        """Note that a ``strict`` block was entered, 1, or left, -1, in some thread."""

    def backward(self, root: Node) -> None:
        """Set the gradients of everything that the root depends on."""

    def zero_grad(self, root: Node) -> None:
        """Set them to 0."""

    def columns(self, outputs: list[Node], inputs: list[Node], share: bool) -> tuple[Any, ...] | None:
        """The graph of the outputs as the columns of a ``Program``, or None where plain Python has to make them."""
        ...

    def recorder(self, rule: Rule) -> Callable[..., Node]:
        """A function from operands, all Values, to the node of a rule of the table."""
        ...

    def function(self, rule: Rule, general: Callable[..., Any], doc: str) -> Callable[..., Any]:
        """The rule's function of the package: at once for Values, the general one for anything else."""
        ...

    def make(
        self,
        rule: Rule | None,
        data: float,
        grad: float,
        name: str | None,
        parents: tuple[Node, ...],
        partials: tuple[float, ...],
        is_constant: bool,
    ) -> Node:
        """A node from its parts; the rule may be any."""
        ...


def _choose() -> Any:
    wanted = os.environ.get("MICROGRID_ENGINE", "")
    if wanted not in ("", "native", "python"):
        raise MicrogridError(f"MICROGRID_ENGINE is 'native' or 'python', not {wanted!r}")
    if wanted != "python":
        try:
            from microgrid.core import native_engine as engine_native

            return engine_native
        except ImportError as error:
            if wanted:
                raise MicrogridError(
                    f"the native engine is not there ({error}): install microgrid-autodiff again where there is a C "
                    "compiler, or leave MICROGRID_ENGINE unset"
                ) from error
    from microgrid.core import python_engine as engine_python

    return engine_python


engine: Engine = _choose()
"""The module of the engine in use."""
