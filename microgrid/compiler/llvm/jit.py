"""JIT compiler: optimise, emit, load and unload LLVM modules. What a module computes is not known here.

Everything that depends on the processor is here; how object code is cached is in ``disk_cache``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgrid.compiler.llvm import disk_cache, libm
from microgrid.errors import DataError, MissingPackageError
from microgrid.util.locks import Lock

if TYPE_CHECKING:
    from types import ModuleType

    import llvmlite.binding as llvm

__all__ = ["LOCK", "Library", "build", "fingerprint", "is_available", "processor", "vector_width"]

_WORTH_KEEPING = 0.02  # seconds
LOCK = Lock()
"""Held inside LLVM, whose target machines are not for two threads at a time, and while its part of the compiler is
imported. A process forks when no thread is inside, for the child couldn't renew LLVM's locks or the importer's: it
waits for what is being compiled, but not for ever."""


class _Fork:
    """Holds LLVM's locks while the process forks."""

    def __init__(self) -> None:
        self.held: list[Any] = []
        self._patience = 60.0  # seconds
        self.was_torn = False  # this process was forked while another thread was inside LLVM

    def before(self) -> None:
        self.held = []
        if not LOCK.acquire(self._patience):
            return
        self.held.append(LOCK)
        binding = sys.modules.get("llvmlite.binding.ffi")
        inner = getattr(getattr(binding, "lib", None), "_lock", None)  # private: llvmlite offers nothing else
        if inner is not None:
            inner.__enter__()
            self.held.append(inner)

    def after(self) -> None:
        while self.held:
            self.held.pop().__exit__(None, None, None)

    def after_in_child(self) -> None:
        self.was_torn |= not self.held and "llvmlite.binding" in sys.modules
        self.after()


_fork = _Fork()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_fork.before, after_in_parent=_fork.after, after_in_child=_fork.after_in_child)


@functools.cache
def is_available() -> bool:
    """Whether native code can be made: LLVM is installed, and NumPy, whose arrays it runs over."""
    try:
        with LOCK:
            import llvmlite.binding  # noqa: F401  # asked for alone
            import numpy  # noqa: F401  # likewise
    except ImportError:
        return False
    return True


@functools.cache
def _llvm() -> Any:
    """LLVM's binding, ready for this processor."""
    try:
        import llvmlite.binding as llvm
    except ImportError:
        raise MissingPackageError(
            "native code is made by LLVM, which is not installed: pip install 'microgrid-autodiff[compile]'"
        ) from None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def _add_symbols(symbols: tuple[str, ...]) -> None:
    """Tell LLVM where functions are that modules may call: it calls address 0 for one that it doesn't know."""
    for symbol in symbols:
        _llvm().add_symbol(symbol, libm.address_of(symbol))


@functools.cache
def processor() -> tuple[str, str, str]:
    """What native code is made for: the processor's name, its features, and LLVM's version."""
    llvm = _llvm()
    version = ".".join(map(str, llvm.llvm_version_info))
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), version


@functools.cache
def vector_width() -> int:
    """How many doubles the widest registers of this processor hold: 8 with AVX-512, 4 with AVX2, otherwise 2."""
    features = processor()[1].split(",")
    return 8 if "+avx512f" in features else 4 if "+avx2" in features else 2


@functools.cache
def _target_machine(codegen: int) -> llvm.TargetMachine:
    llvm = _llvm()
    name, features, _ = processor()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=name, features=features, opt=codegen, reloc="pic", codemodel="jitdefault")


class Library:
    """Machine code that is loaded for as long as ``loaded`` lives, which whatever calls it keeps.

    The garbage collector doesn't track that object: in a cycle that is collected, machine code is there until the last
    finalizer has run. ``ir`` is the text that the object code was made from, or what writes it; ``codegen``, how hard
    LLVM tried, 0 to 3.
    """

    def __init__(self, object_code: bytes, ir: str | Callable[[], str], codegen: int, compile_seconds: float) -> None:
        import numpy

        self.compile_seconds = compile_seconds
        self._ir, self._codegen = ir, codegen
        llvm = _llvm()
        with LOCK:
            _add_symbols(libm.symbols(vector_width()))
            empty = llvm.parse_assembly("", context=llvm.create_context())
            self._engine = llvm.create_mcjit_compiler(empty, _new_target_machine())
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(object_code))
            self._engine.finalize_object()
        self.loaded: Any = numpy.empty(0)
        # Not at the interpreter's exit: what is called even later still finds its code.
        weakref.finalize(self.loaded, _unload, self._engine).atexit = False

    @property
    def ir(self) -> str:
        """The text that it was made from."""
        return self._ir if isinstance(self._ir, str) else self._ir()

    def address(self, name: str) -> int:
        """Where a function of the library starts, by its name in the text; valid while the library lives."""
        with LOCK:
            address: int = self._engine.get_function_address(name)
        if not address:
            raise KeyError(f"the library has no function {name!r}")
        return address

    def assembly(self) -> str:
        """The assembly code, one instruction a line."""
        text: str = _emit(self.ir, self._codegen, lambda machine, module: machine.emit_assembly(module))
        return text


def _unload(engine: Any) -> None:
    with LOCK:
        engine.close()


def _new_target_machine() -> Any:
    """An engine takes its target machine with it when it is closed."""
    return _llvm().Target.from_default_triple().create_target_machine(codemodel="jitdefault", jit=True)


def _emit(ir: str, codegen: int, emit: Callable[[Any, Any], Any]) -> Any:
    """Parse the text, simplify it and emit it in a context of its own, which is freed afterwards."""
    llvm = _llvm()
    with LOCK:
        context = llvm.create_context()
        module = llvm.parse_assembly(ir, context=context)
        try:
            machine = _target_machine(codegen)
            if codegen:
                passes, builder = _passes(codegen)
                passes.run(module, builder)
            return emit(machine, module)
        finally:
            module.close()
            context.close()


@functools.cache
def _passes(codegen: int) -> tuple[Any, Any]:
    """What simplifies a module, and the builder that it runs with."""
    # A list of our own: LLVM's ready-made pipelines keep 100 KB for each module that goes through them, and what they
    # look for beyond this, the writers of the text have done. And one for all modules: each list keeps 5 KB for good.
    llvm = _llvm()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(_target_machine(codegen), options)
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    return passes, builder


def build(ir: str | Callable[[], str], codegen: int = 2, *, origin: str = "") -> Library:
    """Native code from a module in LLVM's syntax, for which LLVM tries as hard as ``codegen``, 0 to 3.

    For what is used so often that writing it takes too long, ``ir`` may be a function that writes the text; ``origin``
    is then what decides it, by which code that is kept is found.
    """
    if _fork.was_torn:
        raise DataError(
            "nothing can be compiled here: this process was forked while another thread compiled. Compile before "
            "forking, or start processes by spawn or forkserver"
        )
    started = time.perf_counter()
    key = _key(ir if isinstance(ir, str) else origin, codegen)
    code = disk_cache.load(key)
    if code is None:
        text = ir if isinstance(ir, str) else ir()
        made: bytes = _emit(text, codegen, lambda machine, module: machine.emit_object(module))
        code = made
        if time.perf_counter() - started > _WORTH_KEEPING or origin:
            disk_cache.store(key, code)
    return Library(code, ir, codegen, time.perf_counter() - started)


def _key(made_from: str, codegen: int) -> str:
    """What the code is made from, and for: the text or its origin, the processor, the versions."""
    from microgrid._version import __version__

    made_for = "\n".join([__version__, *processor(), str(codegen), made_from])
    return hashlib.sha256(made_for.encode()).hexdigest()


@functools.cache
def fingerprint(*modules: ModuleType) -> str:
    """A digest, in hexadecimal digits, of the source of Python modules, for the origin of a text that they decide."""
    return hashlib.sha256(b"".join([Path(str(module.__file__)).read_bytes() for module in modules])).hexdigest()
