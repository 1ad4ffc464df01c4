"""What a function reads beside its arguments: numbers, flags and data in globals, closures, defaults and attributes.

A trace has them as they were when it was recorded, so that it serves for as long as they are the same. Found are the
names that the code of a function and of the functions that it calls mentions; what is reached by other ways
(``getattr``, files, chance) is not seen.
"""

from __future__ import annotations

import functools
import hashlib
import marshal
import operator
import sys
from array import array
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from microgrid.core.value import ValueBase

__all__ = ["Outside"]

_PLAIN = (int, float, complex, str, bytes, type(None))
_FIXED = {bool, FunctionType, *_PLAIN}
_LONG = 1 << 20  # bytes: what is longer is kept as its digest
_WITHOUT_SETTINGS = ("microgrid", "numpy", "scipy")
_DEEP = 4  # attributes of attributes
_MISSING = object()


class _Same:
    """What is compared by identity."""

    __slots__ = ("one",)

    def __init__(self, one: Any) -> None:
        self.one = one

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.one is self.one

    def __hash__(self) -> int:
        return id(self.one)


class Outside:
    """What a function reads from outside, and a key that changes when it does.

    Parameters
    ----------
    f : callable or None
        A function, a method, a ``functools.partial`` or an object that is called; anything else reads nothing.

    Attributes
    ----------
    reads : list of callable
        Each gives one thing as it is now.

    Examples
    --------
    >>> weights = [0.5, 2.0]
    >>> outside = Outside(functools.partial(sum, weights))
    >>> before = outside.key()
    >>> weights[0] = 0.25
    >>> outside.key() == before
    False
    """

    def __init__(self, f: Callable[..., Any] | None) -> None:
        self.reads: list[Callable[[], Any]] = []
        self._last: tuple[list[Any], tuple[Hashable, ...]] = [], ()
        self._seen: set[int] = set()
        self._names: set[str] = set()
        self._objects: list[tuple[Mapping[str, Any], int]] = []
        self._called(f)
        self._attributes()
        self._last = [object() for _ in self.reads], ()

    def key(self) -> Hashable:
        """Equal for as long as everything is as it was, down to types and the signs of zeros."""
        now = [read() for read in self.reads]
        last, key = self._last
        if all(map(operator.is_, now, last)):
            return key
        key = tuple(map(_key, now))
        # What may change in place is never the same again, so that no change is missed.
        self._last = [one if type(one) in _FIXED else object() for one in now], key
        return key

    # ---- what there is ----------------------------------------------------------------------------------------

    def _is_new(self, one: Any) -> bool:
        if id(one) in self._seen:
            return False
        self._seen.add(id(one))
        return True

    def _called(self, f: Any) -> None:
        """A function that is called."""
        if not self._is_new(f):
            return
        if isinstance(f, functools.partial):
            self._found((*f.args, *f.keywords.values()), functools.partial(_itself, (f.args, f.keywords)), 0)
            self._called(f.func)
        elif isinstance(f, MethodType):
            self._found(f.__self__, functools.partial(_itself, f.__self__), 0)
            self._called(f.__func__)
        elif isinstance(f, FunctionType):
            self._read_by(f)
        elif callable(f) and isinstance(type(f).__call__, FunctionType):
            self._objects.append((getattr(f, "__dict__", {}), 0))
            self._called(type(f).__call__)

    def _read_by(self, f: FunctionType) -> None:
        if _is_known(f.__module__):
            return
        names = set(_names(f.__code__))
        self._names |= names
        for name in sorted(names & f.__globals__.keys()):
            self._found(f.__globals__[name], functools.partial(f.__globals__.get, name, _MISSING), 0)
        for cell in f.__closure__ or ():
            self._found(_content(cell), functools.partial(_content, cell), 0)
        for default in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            if not isinstance(default, _PLAIN):
                self._found(default, functools.partial(_itself, default), 0)

    def _found(self, one: Any, read: Callable[[], Any], depth: int) -> None:
        """Something that is read."""
        kind = type(one)
        if isinstance(one, type | ValueBase):
            return
        if isinstance(one, ModuleType):
            if not _is_known(one.__name__) and self._is_new(one):
                self._objects.append((vars(one), depth))
        elif isinstance(one, FunctionType):
            if not _is_known(one.__module__):
                self.reads.append(read)
                self._called(one)
        elif isinstance(one, MethodType | functools.partial):
            self._called(one)
        elif isinstance(one, _PLAIN) or hasattr(one, "dtype") or isinstance(one, array):
            self.reads.append(read)
        elif isinstance(one, list | tuple | dict | set | frozenset):
            if self._is_new(one):
                self._container(one, read, depth)
        elif hasattr(one, "__dict__") and not kind.__module__.startswith(_WITHOUT_SETTINGS) and self._is_new(one):
            self._objects.append((vars(one), depth))
            self._methods(kind)

    def _container(self, one: Any, read: Callable[[], Any], depth: int) -> None:
        """A container: with plain things in it, or with others that are looked into."""
        if _dumped(one) is not None:
            self.reads.append(read)
            return
        children = list(one.values() if isinstance(one, dict) else one)
        if any([isinstance(child, _PLAIN) for child in children]):
            self.reads.append(read)
        for child in children:
            if not isinstance(child, _PLAIN) and depth < _DEEP:
                self._found(child, functools.partial(_itself, child), depth + 1)

    def _methods(self, kind: type) -> None:
        """The methods of an object whose names are mentioned."""
        for name in sorted(self._names):
            method = getattr(kind, name, None)
            if isinstance(method, FunctionType):
                self._called(method)

    def _attributes(self) -> None:
        """The attributes of objects that are mentioned somewhere, when all names are known."""
        while self._objects:
            attributes, depth = self._objects.pop()
            for name in sorted(self._names & attributes.keys()):
                if depth < _DEEP:
                    self._found(attributes[name], functools.partial(attributes.get, name, _MISSING), depth + 1)


def _itself(one: Any) -> Any:
    return one


def _names(code: CodeType) -> Iterator[str]:
    """The names that code mentions, with the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@functools.cache
def _is_known(module: str | None) -> bool:
    """Whether it is the package itself, Python's own library, or NumPy: none keeps a user's settings."""
    first = (module or "").partition(".")[0]
    return first in _WITHOUT_SETTINGS or (first in sys.stdlib_module_names and first != "__main__")


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet given
        return _MISSING


def _key(one: Any) -> Hashable:
    if type(one).__module__ == "numpy":
        return (one.dtype.str, one.shape, _short(one.tobytes())) if hasattr(one, "tobytes") else _Same(one)
    dumped = _dumped(one)
    if dumped is not None:
        return _short(dumped)
    if isinstance(one, dict):
        return tuple([(_key(name), _key(child)) for name, child in one.items()])
    if isinstance(one, list | tuple | set | frozenset):
        return (type(one), *map(_key, one))
    return _Same(one)


def _dumped(one: Any) -> bytes | None:
    """Plain data as bytes; None of anything else."""
    try:
        return marshal.dumps(one, 2)  # the version without references, which depend on who else holds an object
    except ValueError:
        return None


def _short(content: bytes) -> bytes:
    return content if len(content) <= _LONG else hashlib.blake2b(content).digest()
