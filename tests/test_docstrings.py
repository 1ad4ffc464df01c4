"""Every example in the docstring of a public name runs as it stands, by itself.

``--doctest-modules`` finds those of other modules. Public classes say that they are of ``microgrid``, where users
import them from, and it would look for them in the module where they are written.
"""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Iterator

import pytest

import microgrid

ROOMS = ("", ".logistic", ".nn", ".testing", ".learn", ".checking", ".drawing")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documented() -> Iterator[doctest.DocTest]:
    """The docstrings that have examples, of every public name and of the methods of every public class."""
    seen = set()
    yield from doctest.DocTestFinder(recurse=False).find(microgrid, "microgrid", globs={})
    for room in ROOMS:
        module = importlib.import_module(f"microgrid{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            if id(thing) not in seen:
                seen.add(id(thing))
                found = doctest.DocTestFinder().find(thing, f"{module.__name__}.{name}", module=False, globs={})
                yield from [test for test in found if test.examples]


TESTS = {test.name: test for test in documented()}


@pytest.mark.parametrize("name", TESTS)
def test_the_examples_of_a_public_name_run(name: str) -> None:
    test = TESTS[name]
    said: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert results.failed == 0, "".join(said)
    assert results.attempted == len(test.examples)


def test_no_example_is_overlooked() -> None:
    assert sum(len(test.examples) for test in TESTS.values()) >= 222
