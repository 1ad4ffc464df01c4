"""How Sphinx builds the documentation: ``make docs``."""

from __future__ import annotations

import microgrid
from microgrid.core.rules import RULES

project = "microgrid"
author = "the microgrid authors"
version = release = microgrid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["README.md"]
nitpicky = True

html_theme = "alabaster"
html_title = f"microgrid {version}"
html_theme_options = {
    "description": microgrid.__doc__.partition("\n")[0].removeprefix("microgrid: ").rstrip("."),
    "fixed_sidebar": True,
    "page_width": "1080px",
    "show_powered_by": False,
}
html_show_copyright = False
html_copy_source = False

myst_heading_anchors = 3  # links to headings work as they do on GitHub

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings tell the types
numpydoc_show_class_members = False  # autodoc lists them
