"""How Sphinx builds the documentation: ``make docs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import microgrid
from microgrid.core.rules import RULES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "microgrid"
author = "the microgrid authors"
version = release = microgrid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
nitpicky = True

html_theme = "alabaster"
html_title = f"microgrid {version}"
html_theme_options = {
    "description": "A scalar autodiff engine whose graph can be seen",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "show_powered_by": False,
}
html_static_path = ["static"]
html_show_copyright = False
html_copy_source = False

myst_heading_anchors = 3  # links to headings work as they do on GitHub
toc_object_entries = False  # a sidebar of pages and sections, not of every method

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings tell the types
numpydoc_show_class_members = False  # autodoc lists them


def fill_in_functions(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Write an entry for each function of the rule table into its page, so that a new rule needs no other place."""
    names = sorted(name for name in RULES if name in microgrid.__all__)
    source[0] = source[0].replace("EVERY FUNCTION", "\n".join(f".. autofunction:: microgrid.{name}" for name in names))


def setup(app: Sphinx) -> None:
    """Register what this file adds to Sphinx."""
    app.connect("source-read", fill_in_functions)
