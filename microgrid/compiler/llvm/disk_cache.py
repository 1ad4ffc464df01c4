"""Object code kept on disk between processes: found by what it was made from and for, checked before it is used.

The folder is ``microgrid`` in the user's cache folder (``XDG_CACHE_HOME``, or ``~/.cache``); the environment variable
``MICROGRID_CACHE`` names another one, or, empty or "0" or "off", keeps nothing. Beyond ``MICROGRID_CACHE_MB`` megabytes
(100 unless said), what was not used for longest is deleted. What another user could have written is never loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import stat
import tempfile
import time
from pathlib import Path

from microgrid.errors import DataError

__all__ = ["folder", "limit", "load", "store"]

_MAGIC = b"microgrid machine code 1\n"
_MEGABYTES = 100.0
_NONE = ("", "0", "off", "no", "none", "false")
_KEY = re.compile("[0-9a-f]{64}")
_UNFINISHED = ".unfinished-code-"
_DIGEST = hashlib.sha256().digest_size


def folder() -> Path | None:
    """The folder that code is kept in, which may not be there yet; None if nothing is kept."""
    chosen = os.environ.get("MICROGRID_CACHE")
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        if chosen is not None:
            return None if chosen.strip().lower() in _NONE else Path(chosen).expanduser()
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "microgrid"
    except RuntimeError:  # there is no home
        return None


def limit() -> float:
    """How many bytes of code are kept; DataError if MICROGRID_CACHE_MB is no number from 0."""
    told = os.environ.get("MICROGRID_CACHE_MB") or str(_MEGABYTES)
    try:
        megabytes = float(told)
    except ValueError:
        megabytes = -1.0
    if not megabytes >= 0.0:
        raise DataError(f"the environment variable MICROGRID_CACHE_MB is a number of megabytes, not {told!r}")
    return 1e6 * megabytes


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody else can have written it. Where users have no numbers, the folder's own rights have to do."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def load(key: str) -> bytes | None:
    """Code that was kept, by what it was made from and for; None unless there is some that is whole and ours alone."""
    place = folder()
    if place is None:
        return None
    try:
        if not _is_ours(place.stat()):
            return None
        with open(place / key, "rb", opener=_open_no_link) as file:
            content = file.read() if _is_ours(os.fstat(file.fileno())) else b""
            _touch(file.fileno())
    except OSError:
        return None
    head, code = content[: len(_MAGIC) + _DIGEST], content[len(_MAGIC) + _DIGEST :]
    return code if head == _MAGIC + _digest(key, code) else None


def _touch(descriptor: int) -> None:
    """Note that a file was used, where files are told by their descriptors and their times may be set."""
    if os.utime in os.supports_fd:
        with contextlib.suppress(OSError):
            os.utime(descriptor)


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _digest(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()


def store(key: str, code: bytes) -> None:
    """Keep code, which appears whole or not at all, whoever else is writing.

    A folder that can't be written, or that others can write, keeps nothing.
    """
    place, most = folder(), limit()
    if place is None or not most:
        return
    with contextlib.suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(place.stat()):
            return
        _write(place, key, _MAGIC + _digest(key, code) + code)
        _forget_oldest(place, most)


def _write(place: Path, key: str, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=place, prefix=_UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(place / key)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _forget_oldest(place: Path, most: float) -> None:
    """Delete code beyond so many bytes, the least used first, and unfinished files an hour old; nobody else's files."""
    code, unfinished = list[tuple[float, int, Path]](), list[Path]()
    for path in place.iterdir():
        with contextlib.suppress(OSError):
            status = path.stat(follow_symlinks=False)
            if _KEY.fullmatch(path.name):
                code.append((status.st_mtime, status.st_size, path))
            elif path.name.startswith(_UNFINISHED) and status.st_mtime < time.time() - 3600.0:
                unfinished.append(path)
    code.sort(reverse=True)
    sizes = itertools.accumulate([size for _, size, _ in code])
    for path in [*unfinished, *[path for (_, _, path), size in zip(code, sizes, strict=True) if size > most]]:
        with contextlib.suppress(OSError):
            path.unlink()
