"""Checkpoints of a fit: the minimiser's state as arrays in a file, for the same data and options only."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from microgrid.errors import DataError
from microgrid.util.atomic_write import write

__all__ = ["Checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """A file with the state after the last step, which is replaced as a whole."""

    path: Path
    digest: str  # of the data and the options of the fit

    def load(self) -> dict[str, Any] | None:
        """The arrays of the state; None if there is no file, and a DataError if it is of another fit or of none."""
        if not self.path.exists():
            return None
        try:
            with self.path.open("rb") as file, numpy.load(file, allow_pickle=False) as arrays:
                found = dict(arrays)
            digest = str(found.pop("digest"))
            if found.pop("names").tolist() != sorted(found):
                raise ValueError("some arrays are missing")
        except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
            raise DataError(f"{self.path} is no checkpoint of a fit: remove it or name another file") from error
        if digest != self.digest:
            raise DataError(
                f"{self.path} is a checkpoint of other data or options, or of another version: remove it or name "
                "another file"
            )
        return found

    def save(self, state: dict[str, Any]) -> None:
        """Write the state; an OutputError, such as of a full disk, leaves the last one."""
        file = io.BytesIO()
        numpy.savez(file, digest=numpy.array(self.digest), names=numpy.array(sorted(state)), **state)
        write(self.path, file.getvalue())

    def remove(self) -> None:
        """The fit is done."""
        self.path.unlink(missing_ok=True)
