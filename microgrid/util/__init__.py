"""Small tools that know nothing of graphs: nested structures, text tables, labels, wording, writing files."""
