"""What a function reads beside its arguments: numbers, flags and data in globals, closures, defaults and attributes.

A trace has them as they were when it was recorded, so that it serves for as long as they are the same. Found are the
names that the code of a function and of the functions that it calls mentions, in modules, objects and their classes;
what is reached by other ways (names that are put together, files, chance) is not seen.
"""

from __future__ import annotations

import functools
import hashlib
import marshal
import operator
import sys
from array import array
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextvars import ContextVar
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

from microgrid.core.custom_operations import Operation
from microgrid.core.value import ValueBase

__all__ = ["Outside"]

_PLAIN = (int, float, complex, str, bytes, type(None))
_FIXED = {bool, FunctionType, BuiltinFunctionType, type, *_PLAIN}
_CONTAINERS = (list, tuple, set, frozenset, deque, Mapping)
_OF_CLASSES = (FunctionType, staticmethod, classmethod, property)
_LONG = 1 << 20  # bytes: what is longer is kept as its digest
_WITHOUT_SETTINGS = ("microgrid", "numpy", "scipy")
_DEEP = 4  # attributes of attributes
_MISSING = object()
# Methods that Python calls where their names aren't written, but for those that don't compute.
_UNCALLED = ("__init__", "__new__", "__repr__", "__str__", "__eq__", "__hash__", "__setattr__", "__init_subclass__")


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

    Of a function, a method, a ``functools.partial`` or an object that is called; anything else reads nothing. Each of
    ``reads`` gives one thing as it is now.

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
        self._seen: dict[int, Any] = {}
        self._names: set[str] = set()
        self._objects: list[tuple[Any, int]] = []
        self._read: set[tuple[int, str]] = set()
        self._called(f)
        while self._attributes():
            pass
        self._seen, self._objects, self._read = {}, [], set()
        self._last = [object() for _ in self.reads], (None,) * len(self.reads)

    def key(self) -> Hashable:
        """Equal for as long as everything is as it was, down to types and the signs of zeros."""
        now = [read() for read in self.reads]
        last, key = self._last
        if all(map(operator.is_, now, last)):
            return key
        key = tuple([part if one is old else _key(one) for one, old, part in zip(now, last, key, strict=True)])
        # What may change in place is never the same again, so that no change is missed.
        pairs = zip(now, key, strict=True)
        kept = [one if type(one) in _FIXED or type(part) is _Same else object() for one, part in pairs]
        self._last = kept, key
        return key

    # ---- what there is ----------------------------------------------------------------------------------------

    def _is_new(self, one: Any) -> bool:
        if id(one) in self._seen:
            return False
        self._seen[id(one)] = one  # which keeps the number from being given to another
        return True

    def _called(self, f: Any) -> None:
        """A function that is called."""
        if not self._is_new(f):
            return
        if isinstance(f, functools.partial):
            self._found((f.args, f.keywords), functools.partial(_itself, (f.args, f.keywords)), 0)
            self._called(f.func)
        elif isinstance(f, MethodType):
            self._inside(f.__self__, 0)
            self._called(f.__func__)
        elif isinstance(f, FunctionType):
            self._read_by(f)
        elif callable(f) and isinstance(type(f).__call__, FunctionType):
            self._of_object(f, 0)
        if hasattr(f, "__wrapped__") and not _is_known(f.__module__):
            self._called(f.__wrapped__)

    def _read_by(self, f: FunctionType) -> None:
        if _is_known(f.__module__):
            return
        names = set(_names(f.__code__))
        self._names |= names
        for name in sorted(names & f.__globals__.keys()):
            self._named(f.__globals__, f.__globals__, name, 0)
        for cell in f.__closure__ or ():
            self._found(_content(cell), functools.partial(_content, cell), 0)
        for default in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            if not isinstance(default, _PLAIN):
                self._found(default, functools.partial(_itself, default), 0)

    def _named(self, owner: Any, names: Mapping[str, Any], name: str, depth: int) -> None:
        """What has a name in a module, an object or a class."""
        if (id(owner), name) not in self._read:
            self._read.add((id(owner), name))
            self._found(names[name], functools.partial(names.get, name, _MISSING), depth)

    def _found(self, one: Any, read: Callable[[], Any], depth: int) -> None:
        """Something that is read."""
        if isinstance(one, ContextVar):
            self._found(one.get(_MISSING), functools.partial(one.get, _MISSING), depth)
        if not isinstance(one, ModuleType | ValueBase | ContextVar):  # a Value is an input
            self.reads.append(read)
        self._inside(one, depth)

    def _inside(self, one: Any, depth: int) -> None:
        """What something that is read has in it, apart from what tells it from another."""
        if isinstance(one, (*_PLAIN, ValueBase)) or depth > _DEEP:
            return
        if isinstance(one, FunctionType | MethodType | functools.partial):
            self._called(one)
        elif isinstance(one, staticmethod | classmethod):
            self._called(one.__func__)
        elif isinstance(one, Operation):
            for function in one.rule.written if one.rule.portable else ():  # others are called anew
                self._called(function)
        elif isinstance(one, property):
            self._called(one.fget)
        elif isinstance(one, ModuleType):
            if not _is_known(one.__name__) and self._is_new(one):
                self._objects.append((one, depth))
        elif not (hasattr(one, "dtype") or isinstance(one, array)) and self._is_new(one):
            if isinstance(one, _CONTAINERS) and _dumped(one) is None:
                for child in list(one.values() if isinstance(one, Mapping) else one):
                    self._inside(child, depth + 1)
            self._of_object(one, depth)
        if hasattr(one, "__wrapped__") and not _is_known(getattr(one, "__module__", None)):
            self._called(one.__wrapped__)

    def _of_object(self, one: Any, depth: int) -> None:
        """An object of a user's class, or such a class: of its attributes those are read whose names are mentioned."""
        kind = one if isinstance(one, type) else type(one)
        if kind.__module__.partition(".")[0] in _WITHOUT_SETTINGS or (kind is one and not _classes(one)):
            return
        self._objects.append((one, depth))
        for owner in _classes(type(one)):
            for name, method in list(vars(owner).items()):
                if isinstance(method, FunctionType) and name.startswith("__") and name not in _UNCALLED:
                    self._called(method)

    def _attributes(self) -> bool:
        """The attributes of objects whose names are known by now; whether there were new ones."""
        before = len(self._read)
        for one, depth in list(self._objects):
            is_class = isinstance(one, type)
            own = {} if is_class else getattr(one, "__dict__", {})
            classes = [] if isinstance(one, ModuleType) else _classes(one if is_class else type(one))
            for name in sorted(self._names & own.keys()):
                self._named(one, own, name, depth + 1)
            for owner in classes:
                for name in sorted(self._names & vars(owner).keys()):
                    self._of_class(one, owner, name, depth + 1)
        return len(self._read) > before

    def _of_class(self, one: Any, owner: type, name: str, depth: int) -> None:
        """An attribute that an object has from a class, or a class from itself or another."""
        raw = vars(owner)[name]
        if isinstance(raw, _OF_CLASSES):
            self._named(owner, vars(owner), name, depth)
        elif (id(one), f".{name}") not in self._read:
            self._read.add((id(one), f".{name}"))
            if isinstance(raw, MemberDescriptorType) or not hasattr(type(raw), "__get__"):  # others compute
                read = functools.partial(getattr, one, name, _MISSING)
                self._found(read(), read, depth)


def _itself(one: Any) -> Any:
    return one


def _names(code: CodeType) -> Iterator[str]:
    """The names that code mentions, in texts too, with the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
        for text in constant if isinstance(constant, tuple | frozenset) else (constant,):
            if isinstance(text, str) and text.isidentifier():
                yield text


def _classes(kind: type) -> list[type]:
    """A class and those that it is made from, but for a library's."""
    return [one for one in kind.__mro__ if not _is_installed(one.__module__)]


@functools.cache
def _is_installed(module: str) -> bool:
    first = module.partition(".")[0]
    return _is_known(module) or "site-packages" in (getattr(sys.modules.get(first), "__file__", None) or "")


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
    is_container = isinstance(one, _CONTAINERS)
    dumped = None if is_container and not one else _dumped(one)
    if dumped is not None:
        return _short(dumped)
    if isinstance(one, Mapping):
        return (dict, *[(_key(name), _key(child)) for name, child in one.items() if not isinstance(child, ValueBase)])
    if is_container:  # what is collected in it while recording, Values, is no input
        return (type(one), *[_key(child) for child in one if not isinstance(child, ValueBase)])
    if isinstance(one, memoryview):
        return one.tobytes()
    if hasattr(one, "to_numpy") and not isinstance(one, type):  # of pandas, with its labels
        return tuple([_key(part.to_numpy()) for part in (one, *getattr(one, "axes", ()))])
    return _Same(one)


def _dumped(one: Any) -> bytes | None:
    """Plain data as bytes; None of anything else."""
    try:
        return marshal.dumps(one, 2)  # the version without references, which depend on who else holds an object
    except ValueError:
        return None


def _short(content: bytes) -> bytes:
    return content if len(content) <= _LONG else hashlib.blake2b(content).digest()
