"""The choice of an engine, ``Value`` as the chosen engine stores it, and how a rule is recorded with it.

The environment variable ``MICROGRID_ENGINE`` forces one: ``native``, in C; ``python``, generated Python; or
``plain``, the Python engine to read and to step through: ``MICROGRID_ENGINE=plain python -m pdb script.py``. Without it
the native engine is used where it was built, otherwise ``python``. The results are the same, bit for bit.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from microgrid.core.arithmetic import FLOAT
from microgrid.core.operands import as_float, as_operand
from microgrid.core.rule import Rule
from microgrid.core.rules import EVERY_RULE
from microgrid.errors import MicrogridError

__all__ = ["Engine", "Value", "as_value", "engine", "recorder"]

Node = Any


class Engine(Protocol):
    """What an engine's module offers: how nodes are stored, recorded and swept."""

    @property
    def NAME(self) -> str:  # noqa: N802  # a module's constant
        """The engine's name: "native", "python" or "plain"."""

    @property
    def Value(self) -> Any:  # noqa: N802  # a class
        """The node, a subclass of ``ValueBase``, with the methods of the rules of one operand and the operators."""

    def start(self) -> None:
        """Be the engine in use; called once."""

    def columns(self, outputs: list[Node], inputs: list[Node], share: bool) -> tuple[Any, ...] | None:
        """The graph of the outputs as the columns of a ``Program``, or None where plain Python has to make them."""
        ...

    def recorder(self, rule: Rule) -> Callable[..., Node]:
        """A function from operands, all Values, to the node of a rule of the table."""
        ...

    def function(self, rule: Rule, general: Callable[..., Any]) -> Callable[..., Any]:
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


_MODULES = {"native": "native_engine", "python": "specialize", "plain": "python_engine"}


def _choose() -> Engine:
    wanted = os.environ.get("MICROGRID_ENGINE", "")
    if wanted not in ("", *_MODULES):
        raise MicrogridError(f"MICROGRID_ENGINE is 'native', 'python' or 'plain', not {wanted!r}")
    try:
        return _load(wanted or "native")
    except ImportError as error:
        if wanted:
            raise MicrogridError(
                f"the native engine is not there ({error}): install microgrid-autodiff again where there is a C "
                "compiler, or leave MICROGRID_ENGINE unset"
            ) from error
        return _load("python")


def _load(name: str) -> Engine:
    return cast("Engine", import_module(f"microgrid.core.{_MODULES[name]}"))


engine: Engine = _choose()
"""The module of the engine in use."""
engine.start()

if TYPE_CHECKING:
    from microgrid.core.value import ValueBase as Value
else:
    Value = engine.Value


def as_value(operand: Any) -> Value:
    """The operand as a node: a Value as it is, a comparison as its node, a plain number as a constant."""
    lifted = as_operand(operand)
    if isinstance(lifted, Value):
        return lifted
    leaf: Value = engine.make(None, as_float(operand), 0.0, None, (), (), True)
    return leaf


# By rule, not by name: a user's own operation may bear the name of another.
_RECORDERS: dict[Rule, Callable[..., Value]] = {rule: engine.recorder(rule) for rule in EVERY_RULE.values()}
_RECORDERS_WHILE_USED: weakref.WeakKeyDictionary[Rule, Callable[..., Value]] = weakref.WeakKeyDictionary()


def recorder(rule: Rule) -> Callable[..., Value]:
    """How a rule is recorded: by the engine if it is of the table, otherwise by running it on floats here.

    The function takes operands that are all Values, those of a rule on lists one list after the other.
    """
    found = _RECORDERS.get(rule) or _RECORDERS_WHILE_USED.get(rule)
    if found is None:
        found = _RECORDERS_WHILE_USED[rule] = _recorder_on_floats(rule)
    return found


def _recorder_on_floats(rule: Rule) -> Callable[..., Value]:
    value, partials = FLOAT.bind(rule)
    rule_now = weakref.ref(rule)  # the recorder is kept as long as the rule, and so may not keep it

    def record(*operands: Value) -> Value:
        data = [operand.data for operand in operands]
        out = value(*data)
        node: Value = engine.make(rule_now(), out, 0.0, None, operands, partials(out, *data), False)
        return node

    return record
