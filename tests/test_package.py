"""The house: what is public, what imports what, and how little an import costs."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import microgrid
from microgrid.value import FUNCTIONS

PACKAGE = Path(microgrid.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [".".join(("microgrid", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in FILES]
PUBLIC = [name.removesuffix(".__init__") for name in MODULES if not name.endswith("__main__")]

# The design's arrows: what each module of the core may import from the package.
ARROWS = {
    "errors.py": set[str](),
    "rules.py": set[str](),
    "graph.py": set[str](),
    "arithmetic.py": {"microgrid.rules"},
    "arithmetics/source.py": {"microgrid.arithmetic"},
    "engines.py": {"microgrid.errors"},
    "flattening.py": {"microgrid.rules", "microgrid.arithmetic", "microgrid.graph"},
    "engine_python.py": {
        *("microgrid.rules", "microgrid.arithmetic", "microgrid.arithmetics.source", "microgrid.flattening"),
    },
    "engine_native.py": {  # _engine is its own
        *("microgrid", "microgrid.rules", "microgrid.native.write_rules", "microgrid.flattening"),
    },
    "native/write_rules.py": {"microgrid.rules", "microgrid.arithmetics.source"},
    "value.py": {
        *("microgrid.rules", "microgrid.arithmetic", "microgrid.graph", "microgrid.errors", "microgrid.engines"),
    },
    "operations.py": {"microgrid.rules", "microgrid.value", "microgrid.errors"},
    "program.py": {
        *("microgrid", "microgrid.rules", "microgrid.arithmetic", "microgrid.arithmetics.source"),
        *("microgrid.engines", "microgrid.errors", "microgrid.flattening", "microgrid.value"),
    },
}
# What a function imports when it is called, and only then: the package of the arrays it was given, and the diagram
# that a notebook asks for.
WHEN_CALLED = {
    "value.py": {"numpy", "microgrid.drawing"},
    "engines.py": {"microgrid", "microgrid.flattening", "microgrid.rules", "microgrid.value"},
}


def _imports(path: Path, *, at_once: bool) -> set[str]:
    """The modules that a file imports when it is itself imported, or the others: those inside of functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_types(block)
        for node in ast.walk(block)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if (node in inside) == at_once:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
    return names


def _is_for_types(block: ast.AST) -> bool:
    return isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"


def _load(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("file", ARROWS)
def test_the_core_imports_the_standard_library_and_what_its_arrows_allow(file: str) -> None:
    names = _imports(PACKAGE / file, at_once=True)
    assert names
    own = {name for name in names if name.split(".")[0] == "microgrid"}
    assert own <= ARROWS[file]
    assert {name.split(".")[0] for name in names - own} <= sys.stdlib_module_names
    later = _imports(PACKAGE / file, at_once=False)
    assert {name for name in later if name.split(".")[0] not in sys.stdlib_module_names} == WHEN_CALLED.get(file, set())


def test_arithmetics_import_only_rules_and_arithmetic() -> None:
    for path in (PACKAGE / "arithmetics").glob("*.py"):
        own = {name for name in _imports(path, at_once=True) if name.startswith("microgrid")}
        if path.name == "llvm.py":
            own.discard("microgrid.arithmetics.source")  # whose mechanism of writing it shares
        assert own <= {"microgrid.rules", "microgrid.arithmetic", "microgrid.errors"}


def test_importing_the_package_imports_nothing_but_the_standard_library() -> None:
    script = "import sys; before = set(sys.modules); import microgrid; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    tops = {name.split(".")[0] for name in run.stdout.split()}
    assert "microgrid" in tops
    assert tops - {"microgrid"} <= sys.stdlib_module_names


def test_what_is_not_needed_at_once_is_imported_when_it_is_asked_for() -> None:
    script = (
        "import sys, microgrid; later = set(microgrid._LATER); "
        "print(*[name for name in later if f'microgrid.{name}' in sys.modules], sep=''); "
        "print(set(microgrid._HOME) <= set(dir(microgrid)), microgrid.grad.__module__); "
        "print('microgrid.calculus' in sys.modules, 'microgrid.proofs' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["", "True microgrid.calculus", "True False"]
    with pytest.raises(AttributeError, match="module 'microgrid' has no attribute 'gradd'"):
        microgrid.gradd  # noqa: B018


def test_all_of_the_package_is_there_and_is_all_that_is_public() -> None:
    assert len(microgrid.__all__) == len(set(microgrid.__all__))
    assert set(FUNCTIONS) <= set(microgrid.__all__)
    for name in microgrid.__all__:
        assert getattr(microgrid, name) is not None
    public = {
        name
        for name, thing in vars(microgrid).items()
        if not name.startswith("_") and not isinstance(thing, ModuleType)
    }
    leftovers = {"annotations", "Any", "TYPE_CHECKING", "FUNCTIONS"}
    assert public - leftovers == set(microgrid.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_all_of_a_module_names_what_is_defined_in_it(name: str) -> None:
    module = _load(name)
    path = Path(str(module.__file__))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if name == "microgrid":
        return  # see above: its functions come from the table
    exported = set(getattr(module, "__all__", ()))
    for one in exported:
        assert hasattr(module, one)
    if name == "microgrid.rules":
        defined = {"RULES", "Kink", "Region", "Rule", "rule"}  # the decorated functions are rows of the table
    else:
        defined = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        }
    assert defined <= exported


def test_no_module_bears_the_name_of_a_public_function() -> None:
    for name in PUBLIC:
        if name != "microgrid":
            parent, own = name.rsplit(".", 1)
            if parent == "microgrid":
                assert own not in microgrid.__all__
                assert own not in FUNCTIONS


def test_every_public_function_and_class_is_documented() -> None:
    for name in microgrid.__all__:
        assert (getattr(microgrid, name).__doc__ or "").strip()


def test_errors_are_of_the_package_and_of_a_builtin_kind() -> None:
    kinds = [getattr(microgrid, name) for name in microgrid.__all__ if name.endswith("Error")]
    assert len(kinds) >= 7
    for kind in kinds:
        assert issubclass(kind, microgrid.MicrogridError)
        assert kind is microgrid.MicrogridError or len(kind.__mro__) > len(microgrid.MicrogridError.__mro__) + 1
