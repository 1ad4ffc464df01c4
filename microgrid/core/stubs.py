"""Write the type stubs and ``help_texts`` from the rule table: ``python -m microgrid.core.stubs``.

Type checkers and completion read text, and nowhere does text say ``def exp``. So the stubs are written from the table,
as ``c_rules`` writes its C, and committed; a test holds them to the table. ``core/table.pyi`` has the operators and the
methods of ``Value``; ``microgrid/__init__.pyi`` has the public names, with types for the function of every rule. What
the functions' docstrings say of formulas and numbers is in ``core/help_texts.py``, so that an import stays quick.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from microgrid.core.help import summary
from microgrid.core.rule import Rule
from microgrid.core.rules import RULES
from microgrid.core.worked import facts

__all__ = ["face_stub", "help_module", "table_stub", "written"]

PACKAGE = Path(__file__).parent.parent

_WRITTEN = "# Written from the rule table by `python -m microgrid.core.stubs`; not to be edited.\n"

_TABLE_HEAD = '''
from typing import Any, Protocol, TypeAlias, overload

from microgrid.core.comparison import Comparison
from microgrid.core.engine import Value

class Number(Protocol):
    """A plain real number: int, bool, float, Fraction, a NumPy scalar. An array has no hash, a Value no __float__."""

    def __float__(self) -> float: ...
    def __hash__(self) -> int: ...

class Array(Protocol):
    """An array of numbers or of Values: NumPy's, or a pandas column."""

    @property
    def ndim(self) -> int: ...
    def __setitem__(self, key: Any, value: Any, /) -> None: ...

class Unordered(Protocol):
    """Nothing is of this type; see Methods."""

    def _never(self) -> None: ...

Node: TypeAlias = Value | Comparison
Operand: TypeAlias = Node | Number
'''

_OPERATORS_HEAD = '''
class Operators:
    """What a Value and a Comparison do in arithmetic."""

'''

_METHODS_HEAD = '''
# max, min and sorted ask for an order whose answer is a bool. The second form of each comparison tells them that there
# is one; nothing that is compared has its type, so that a comparison that is written gives a Comparison.
class Methods(Operators):
    """What a Value has from the rule table."""

'''

_FACE_HEAD = """
from collections.abc import Iterable
from typing import Any, overload

"""

_FACE_TYPES = "from microgrid.core.table import Array, Node, Number, Operand\n"

_HELP_HEAD = f'''"""Generated from the rule table: each function's equations and example, for its help."""

{_WRITTEN}# ruff: noqa: E501  # a line for each function
from __future__ import annotations

from typing import Any

__all__ = ["TEXTS", "Facts"]

Facts = tuple[str, tuple[str, ...], tuple[Any, ...], tuple[Any, ...], int | None]
"""The formula, the derivatives, a point, the numbers there, the digits that they are rounded to: see ``worked``."""

'''


def _public_rules() -> list[Rule]:
    """The rules that have a function and methods: those whose operands are all differentiated."""
    return [rule for rule in RULES.values() if not any([region.constant for region in rule.regions])]


# ---- the methods of Value -------------------------------------------------------------------------------------


def table_stub() -> str:
    """The text of ``core/table.pyi``: the operators and methods that the table gives to ``Value``."""
    rules = _public_rules()
    operators = [line for rule in rules if rule.operator not in (None, "lt", "le") for line in _operator(rule)]
    comparisons = [line for rule in rules if rule.operator in ("lt", "le") for line in _comparison(rule)]
    methods = [line for rule in rules if rule.arity for line in _methods(rule)]
    return "".join([_WRITTEN, _TABLE_HEAD, _OPERATORS_HEAD, *operators, _METHODS_HEAD, *comparisons, *methods])


def _operator(rule: Rule) -> Iterator[str]:
    if rule.arity == 1:
        yield f"    def __{rule.operator}__(self) -> Value: ...\n"
        return
    for special in (f"__{rule.operator}__", f"__r{rule.operator}__"):
        yield f"    def {special}(self, other: Operand, /) -> Value: ...\n"


def _comparison(rule: Rule) -> Iterator[str]:
    for special in (f"__{rule.operator}__", f"__g{(rule.operator or '')[1]}__"):
        yield f"    @overload\n    def {special}(self, other: Operand, /) -> Comparison: ...\n"
        yield f"    @overload\n    def {special}(self, other: Unordered, /) -> bool: ...\n"


def _methods(rule: Rule) -> Iterator[str]:
    others = "".join([f", {letter}: Operand" for letter in rule.letters[1:]])
    for name in (rule.name, *rule.aliases):
        yield f"    def {name}(self{others}, /) -> Value: ...\n"


# ---- the face -------------------------------------------------------------------------------------------------


def face_stub() -> str:
    """The text of ``microgrid/__init__.pyi``: every public name, and the functions of the table with their types."""
    homes = _homes(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
    rules = _public_rules()
    names = sorted([*homes, "engine", *[rule.name for rule in rules]], key=_sorted_as)
    exported = "__all__ = [\n" + "".join([f'    "{name}",\n' for name in names]) + "]\n"
    functions = "".join([text for rule in rules for text in _function(rule)])
    return f"{_WRITTEN}{_FACE_HEAD}{_imports(homes)}\n{exported}\nengine: str\n\n{functions}"


def _homes(face: ast.Module) -> dict[str, str]:
    """From each public name to the module that it is imported from, at once or when it is first asked for."""
    homes: dict[str, str] = {}
    for statement in face.body:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("microgrid."):
            homes |= {alias.asname or alias.name: f"{statement.module}" for alias in statement.names}
        elif isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "_LATER":
            assert isinstance(statement.value, ast.Dict)
            for module, names in zip(statement.value.keys, statement.value.values, strict=True):
                homes |= dict.fromkeys(_texts(names), f"microgrid.{''.join(_texts(module))}")
    return {name: home for name, home in homes.items() if not name.startswith("_") and name != "FUNCTIONS"}


def _texts(expression: ast.AST | None) -> list[str]:
    """The strings in an expression, in order."""
    nodes = ast.walk(expression) if expression else ()
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _imports(homes: dict[str, str]) -> str:
    """The public names that are defined in modules, each from its own, and marked as public by an ``as``."""
    named = [(home, name) for name, home in homes.items()] + [("microgrid._version", "__version__")]
    lines = [(home, _sorted_as(name), f"from {home} import {name} as {name}\n") for home, name in named]
    lines.append(("microgrid.core.table", _sorted_as(""), _FACE_TYPES))
    return "".join([line for _, _, line in sorted(lines)])


def _sorted_as(name: str) -> tuple[bool, list[str | int]]:
    """Classes first, and log2 before log10, as the linter has them."""
    pieces = re.split(r"(\d+)", name)
    return (not name[:1].isupper(), [int(piece) if piece.isdigit() else piece for piece in pieces])


def _function(rule: Rule) -> Iterator[str]:
    """The function's overloads: a Value among the operands makes a Value, plain numbers a float, an array an array."""
    doc = f'    """{summary(rule)}"""\n\n'
    for place, (types, result) in enumerate(_overloads(rule)):
        operands = ", ".join([f"{letter}: {kind}" for letter, kind in zip(rule.letters, types, strict=True)])
        body = f"\n{doc}" if place == 0 else " ...\n"
        yield f"@overload\ndef {rule.name}({operands}, /) -> {result}:{body}"


def _overloads(rule: Rule) -> Iterator[tuple[list[str], str]]:
    """The types of the operands and of the result, form by form; a checker takes the first that fits."""
    count = len(rule.letters)
    nodes = [["Operand"] * place + ["Node"] + ["Operand"] * (count - place - 1) for place in range(count)]
    if rule.arity is None:
        for types in nodes:  # first, for this is what a list is taken for whose elements are of no known type
            yield [f"Iterable[{kind}]" for kind in types], "Value"
        yield ["Iterable[Number]"] * count, "float"
        yield ["Iterable[Operand]"] * count, "Any"  # of both: a Value if there is one
        return
    for types in nodes:
        yield types, "Value"
    yield ["Number"] * count, "float"
    yield ["Array" if count == 1 else "Operand | Array"] * count, "Any"


# ---- help -----------------------------------------------------------------------------------------------------


def help_module() -> str:
    """The text of ``core/help_texts.py``: what is worked out for the functions' docstrings."""
    entries = "".join([f"    {json.dumps(rule.name)}: {_literal(facts(rule))},\n" for rule in _public_rules()])
    return f"{_HELP_HEAD}# fmt: off\nTEXTS: dict[str, Facts] = {{\n{entries}}}\n"


def _literals(things: Iterable[Any]) -> list[str]:
    return [_literal(thing) for thing in things]


def _literal(thing: Any) -> str:
    """A text, a number or a tuple or list of them, as Python reads it."""
    if isinstance(thing, tuple):
        return f"({', '.join(_literals(thing))}{',' * (len(thing) == 1)})"
    return json.dumps(thing) if isinstance(thing, str) else repr(thing)


# ---- writing them ---------------------------------------------------------------------------------------------


def written() -> dict[Path, str]:
    """From every file that is written from the table to its text."""
    core = PACKAGE / "core"
    return {
        core / "help_texts.py": help_module(),
        core / "table.pyi": table_stub(),
        PACKAGE / "__init__.pyi": face_stub(),
    }


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
