"""The house: rooms on floors. A module imports from its own room and from lower floors, and from nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import microgrid

PACKAGE = Path(microgrid.__file__).parent

# Rooms on one floor don't know each other. A module beside the rooms is a room of its own.
FLOORS = (
    ("_public", "_version"),
    ("errors",),
    ("core", "util"),
    ("arithmetics", "program", "nn", "layout"),
    ("arrays",),
    ("calculus", "formulas", "drawing"),
    ("compiler", "derivations"),
    ("checking",),
    ("logistic", "pages"),
    ("the face", "testing", "learn"),
    ("cli",),  # and __main__, by which python -m runs it
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room_of(module: str) -> str:
    _, *inside = module.split(".")
    if inside == ["__main__"]:
        return "cli"
    return inside[0] if inside else "the face"


@cache
def imports(path: Path) -> list[tuple[str, str]]:
    """Each module of the package that a file imports, and the name taken from it: at once, in functions, for types."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from [(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "microgrid"]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            if node.module and node.module.split(".")[0] == "microgrid":
                for alias in node.names:
                    inside = f"{node.module}.{alias.name}"
                    yield (inside, "") if inside in MODULES else (node.module, alias.name)


def test_every_room_has_a_floor_and_every_floor_its_rooms() -> None:
    assert {room_of(module) for module in MODULES} | {"core"} == set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_room_and_from_lower_floors(module: str) -> None:
    room = room_of(module)
    for imported, _ in imports(MODULES[module]):
        other = room_of(imported)
        assert other == room or FLOOR[other] < FLOOR[room], f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_no_private_name_is_imported_from_another_room(module: str) -> None:
    for imported, name in imports(MODULES[module]):
        if room_of(imported) != room_of(module):
            taken = name or imported.rpartition(".")[2]
            assert not taken.startswith("_") or taken.startswith("__") or room_of(imported) in FLOORS[0]


@pytest.mark.unmeasured
def test_no_modules_import_each_other_in_a_circle() -> None:
    arrows = {module: {imported for imported, _ in imports(path)} - {module} for module, path in MODULES.items()}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as circle:
        pytest.fail(f"a circle of imports: {' <- '.join(circle.args[1])}")


@pytest.mark.parametrize(
    "sign", [path for path in MODULES.values() if path.name == "__init__.py" and path.parent != PACKAGE]
)
def test_the_sign_of_a_room_names_everything_in_it(sign: Path) -> None:
    text = ast.get_docstring(ast.parse(sign.read_text(encoding="utf-8"))) or ""
    inside = [path.stem for path in sign.parent.glob("*.py") if path != sign]
    inside += [path.parent.name for path in sign.parent.glob("*/__init__.py")]
    assert [name for name in inside if not re.search(rf"``(\w+\.)?{name}``", text)] == []
