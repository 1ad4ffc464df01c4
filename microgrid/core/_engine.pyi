# The types of engine.c; native_engine says what each is for.

from collections.abc import Callable
from typing import Any

from microgrid.core.rule import Rule

built_from: str
rule_names: list[str]
Value: Any

def check_interpreter() -> None: ...
def configure(
    callbacks: dict[str, Callable[..., Any]], open_blocks: list[None], rules: list[Rule | None], /
) -> None: ...
def flatten(
    outputs: list[Any], inputs: list[Any], share: bool, /
) -> tuple[bytes, tuple[int, ...], bytes, bytes, bytes, bytes] | None: ...
def function(op: int, general: Callable[..., Any], doc: str, /) -> Callable[..., Any]: ...
def make(
    op: int,
    data: float,
    grad: float,
    name: str | None,
    parents: tuple[Any, ...],
    partials: tuple[float, ...],
    is_constant: bool,
    /,
) -> Any: ...
def record(op: int, /, *operands: Any) -> Any: ...
def set_method_doc(name: str, doc: str, /) -> None: ...
