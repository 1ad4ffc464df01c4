"""Where the nodes, edges and labels of a small graph stand on a page of a given width: pure geometry.

``lay_out`` is what the other rooms use: ``shapes`` has what it takes and returns. ``layout`` ranks the nodes from the
output (``ranks``), places them and what stands around them (``vertices``) so that edges are short and chains straight
(``stretch`` by ``blocks``; in small graphs the best there is, ``simplex``), and leads edges and labels around each
other (``routes``). What the numbers mean, colours, and the writing of pictures are not here.
"""

from microgrid.layout.layout import NARROW, lay_out
from microgrid.layout.shapes import Box, Edge, Frame, Group, Label, Layout, Node

__all__ = ["NARROW", "Box", "Edge", "Frame", "Group", "Label", "Layout", "Node", "lay_out"]
