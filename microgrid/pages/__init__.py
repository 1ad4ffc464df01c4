"""Pages that show backpropagation: ``step_through(value)`` gives one HTML file, for any recorded graph.

``stepping`` has that function. ``graph`` reads what was recorded, with ``samples`` and ``layers`` to collapse,
``picture`` writes it as SVG in the places that ``layout`` or, for large graphs, ``quick`` found, in ``tiles``;
``mathml`` writes the equations, and ``page`` puts the file together. ``training`` and ``exercises``, with their
``tasks`` and the ``answers`` that are typed, are what a page can do beyond steps. Its numbers are computed in the
browser by the rule table written in JavaScript; the page's own script and style are in ``assets``.
"""

from __future__ import annotations

from microgrid.pages.exercises import Exercise, Marked, exercise
from microgrid.pages.page import Page
from microgrid.pages.stepping import animate, step_through

__all__ = ["Exercise", "Marked", "Page", "animate", "exercise", "step_through"]
