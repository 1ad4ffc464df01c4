"""The house: what is public, what imports what, and how little an import costs."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import versions

import microgrid
from microgrid.core.functions import FUNCTIONS

PACKAGE = Path(microgrid.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [".".join(("microgrid", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in FILES]
PUBLIC = [name.removesuffix(".__init__") for name in MODULES if not name.endswith("__main__")]


def _load(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_the_core_imports_the_standard_library_alone_but_for_the_arrays_that_it_is_given() -> None:
    for path in (PACKAGE / "core").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "microgrid", "numpy"}


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
        "print(set(microgrid._HOME) <= set(dir(microgrid)), microgrid.grad.__globals__['__name__']); "
        "print('microgrid.calculus.transforms' in sys.modules, 'microgrid.derivations.proof' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["", "True microgrid.calculus.transforms", "True False"]
    with pytest.raises(AttributeError, match="module 'microgrid' has no attribute 'gradd'"):
        microgrid.gradd  # type: ignore[attr-defined]  # noqa: B018


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
    if name == "microgrid.core.rules":
        defined = {"RULES"}  # the decorated functions are rows of the table
    else:
        defined = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        }
    assert defined <= exported


def test_no_module_bears_a_name_that_its_package_exports() -> None:
    for name in PUBLIC:
        if name != "microgrid":
            package, _, own = name.rpartition(".")
            assert own not in getattr(_load(package), "__all__", ())


def test_every_public_name_says_where_users_import_it_from() -> None:
    for room in ("", ".checking", ".learn", ".logistic", ".nn", ".testing"):
        module = _load(f"microgrid{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            if name not in ("engine", "Form"):  # a string and a Literal
                is_of_face = name in microgrid.__all__ and thing is getattr(microgrid, name)
                assert thing.__module__ == ("microgrid" if is_of_face else module.__name__), name


def test_every_public_function_and_class_is_documented() -> None:
    for name in microgrid.__all__:
        assert (getattr(microgrid, name).__doc__ or "").strip()


def test_errors_are_of_the_package_and_of_a_builtin_kind() -> None:
    kinds = [getattr(microgrid, name) for name in microgrid.__all__ if name.endswith("Error")]
    assert len(kinds) >= 7
    for kind in kinds:
        assert issubclass(kind, microgrid.MicrogridError)
        assert kind is microgrid.MicrogridError or len(kind.__mro__) > len(microgrid.MicrogridError.__mro__) + 1


# ---- what is tested on other Pythons --------------------------------------------------------------------------

TESTS = Path(__file__).parent
IMPORT = re.compile(r"^\s*(?:import ([\w., ]+)|from (\w+)[\w.]* import )", re.MULTILINE)  # also in scripts within texts


def _imported(files: set[str]) -> set[str]:
    """The packages that test files name in imports, and the files of tests that those lead to."""
    found: set[str] = set()
    waiting, seen = [*files, "conftest.py"], set()
    while waiting:
        seen.add(name := waiting.pop())
        for several, one in IMPORT.findall((TESTS / name).read_text(encoding="utf-8")):
            found |= {each.split(".")[0].split()[0] for each in several.split(",")} if several else {one}
        local = {f"{each}.py" for each in found if (TESTS / f"{each}.py").exists()}
        waiting += local - seen - set(waiting)
    return {one for one in found if not (TESTS / f"{one}.py").exists() and not one.startswith("_")}


def _installed(requirements: list[str]) -> set[str]:
    """The distributions that these requirements bring, with what each needs in turn."""
    extras = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        name, options = re.findall(r"^([\w.-]+)(?:\[([\w,]+)\])?", waiting.pop())[0]
        if name == "microgrid-autodiff":
            waiting += [each for option in options.split(",") for each in extras["optional-dependencies"][option]]
        elif (key := name.lower().replace("_", "-")) not in found:
            found.add(key)
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # needed on other systems alone
                waiting += [each for each in importlib.metadata.requires(name) or [] if "extra ==" not in each]
    return found


@pytest.mark.parametrize(
    ("files", "packages"),
    [
        ({*versions.CORE, *versions.MORE, *versions.OLD}, [f"microgrid-autodiff{versions.PACKAGES}"]),
        ({*versions.BARE}, []),
    ],
)
def test_other_pythons_get_every_package_that_their_tests_import(files: set[str], packages: list[str]) -> None:
    installed = _installed([*packages, *versions.TOOLS])
    named = importlib.metadata.packages_distributions()
    needed = _imported(files) - {*sys.stdlib_module_names, "benchmarks", "microgrid"}
    assert "pytest" in needed
    missing = {one for one in needed if not installed & {each.lower().replace("_", "-") for each in named[one]}}
    assert missing == set()
