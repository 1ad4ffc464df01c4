"""Pictures of recorded graphs."""

from typing import Any


def draw(value: Any) -> Any:
    raise NotImplementedError


draw_dot = draw
