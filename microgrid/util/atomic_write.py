"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from microgrid.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write"]


def write(path: Path, contents: bytes) -> None:
    """Write beside the file first, so that a failure leaves neither half a file nor the old one damaged.

    Parameters
    ----------
    path : Path
        The file; one that is there is replaced, and a link stays a link.
    contents : bytes
        All of it.

    Raises
    ------
    OutputError
        If the file can't be written.
    """
    target = path.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        try:
            part.write_bytes(contents)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"can't write {str(path)!r}: {error.strerror}; choose a folder that exists and can be written to"
        ) from error
