"""Small tools that know nothing of graphs: pytrees, tables, labels, words for messages, atomic writing of files."""
