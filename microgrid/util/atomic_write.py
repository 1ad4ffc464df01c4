"""Atomic writing of a file."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

from microgrid.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write"]


def write(path: Path, contents: bytes) -> None:
    """Write to a temporary file in the same folder, then rename it: a failure leaves the old file intact.

    An existing file is replaced by one of the same mode, and a link stays a link. Raises an OutputError if the file
    can't be written.
    """
    if "\0" in str(path):
        raise OutputError(f"can't write {str(path)!r}: no path has a null byte in it; choose another name")
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        try:
            temporary.write_bytes(contents)
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"can't write {str(path)!r}: {error.strerror}; choose a folder that exists and can be written to"
        ) from error
