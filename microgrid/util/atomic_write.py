"""Atomic writing of a file."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from microgrid.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write"]


def write(path: Path, contents: bytes) -> None:
    """Write to a temporary file in the same folder, then rename it: a failure leaves the old file intact.

    An existing file is replaced, and a link stays a link. Raises an OutputError if the file can't be written.
    """
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        try:
            temporary.write_bytes(contents)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"can't write {str(path)!r}: {error.strerror}; choose a folder that exists and can be written to"
        ) from error
