"""A progress bar of a fit on standard error, by tqdm; nothing else is printed here."""

from __future__ import annotations

from typing import Any, Self

from microgrid.errors import MissingPackageError

__all__ = ["Bar"]


class Bar:
    """A bar that counts steps and shows the loss and the gradient norm; none unless it is asked for."""

    def __init__(self, is_shown: bool, unit: str = "step") -> None:
        self._bar: Any = None
        if is_shown:
            try:
                import tqdm  # only who asks for a bar needs it
            except ImportError as error:
                raise MissingPackageError(
                    "a progress bar needs tqdm: pip install 'microgrid-autodiff[learn]', or set verbose=0"
                ) from error
            self._bar = tqdm.tqdm(desc="Fit", unit=unit)

    def show(self, value: float, norm: float) -> None:
        """One step more."""
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{value:.6g}", gradient=f"{norm:.1e}", refresh=False)
            self._bar.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        if self._bar is not None:
            self._bar.close()
