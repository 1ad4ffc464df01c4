"""A report in a notebook: one table that reads the same on dark and light pages, and without its colours."""

from __future__ import annotations

import html
import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

__all__ = ["Link", "link_to", "rendered"]

# A tint over whatever background there is; what it says is said by words too.
_TINTS = {"right": "rgba(46,160,67,.18)", "wrong gradient": "rgba(218,54,51,.22)"}
_OTHER_TINT = "rgba(210,153,34,.2)"
_CELL = "text-align:left;vertical-align:top;padding:.1em .8em .1em 0"
_LINE = "border-bottom:1px solid rgba(127,127,127,.5)"


class Link(NamedTuple):
    """Where something is written: in words, and as an address; empty if there is none."""

    words: str
    address: str


def link_to(function: Callable[..., Any]) -> Link | None:
    """The file and line, or the cell and line, where a function is written; None if that is not in Python.

    The running cell has an address, as JupyterLab and VS Code have them; an earlier one is told by its number. A file
    below the working folder has a relative address, which JupyterLab opens.
    """
    inner: Any = inspect.unwrap(function)
    while isinstance(inner, partial):
        inner = inspect.unwrap(inner.func)
    code = getattr(inner, "__code__", None)
    if code is None:
        return None
    path, line = Path(code.co_filename), code.co_firstlineno
    cell = _cell(code.co_filename)
    if cell is not None:
        return Link(f"cell {cell[0]}, line {line}", cell[1])
    if not path.is_file():
        return Link(f"{path.name}:{line}", "")
    here = Path.cwd()
    address = quote(path.relative_to(here).as_posix()) if path.is_relative_to(here) else path.as_uri()
    return Link(f"{path.name}:{line}", f"{address}#L{line}")


def _cell(filename: str) -> tuple[str, str] | None:
    """The name of the cell that was compiled under a file's name, such as "In[3]", and the address of a running one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return None
    kind, name = shell.compile.format_code_name(filename) or ("", "")
    if kind != "Cell":
        return None
    parent = getattr(shell, "parent_header", None) or {}
    identity = parent.get("metadata", {}).get("cellId", "")
    if not identity or name != f"In[{shell.execution_count}]":
        return name, ""
    return name, identity if identity.startswith("vscode-") else f"#cell-id={identity}"


def rendered(
    headline: str,
    verdict: str,
    paragraphs: Sequence[tuple[str, str, Link | None]],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    rest: str,
) -> str:
    """A report as HTML, without scripts and style sheets.

    A paragraph is a word, the text to it, and where that is written. The last cell of a row is its verdict.
    """
    parts = [f'<p style="{_tint(verdict)};padding:.3em .6em;margin:0"><b>{html.escape(headline)}</b></p>']
    lines = [
        f'<tr><th style="{_CELL}">{word}</th><td style="{_CELL};white-space:pre-wrap">{_linked(text, link)}</td></tr>'
        for word, text, link in paragraphs
    ]
    parts.append(f"<table>{''.join(lines)}</table>")
    if rows:
        titles = "".join([f'<th style="{_CELL};{_LINE}">{html.escape(title)}</th>' for title in header])
        body = "".join([_row(row) for row in rows])
        parts.append(f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>")
    parts += [f"<p>{html.escape(rest)}</p>"] if rest else []
    return f"<div>{''.join(parts)}</div>"


def _row(row: Sequence[str]) -> str:
    cells = "".join([f'<td style="{_CELL}">{html.escape(cell)}</td>' for cell in row])
    return f'<tr style="{_tint(row[-1])}">{cells}</tr>'


def _tint(verdict: str) -> str:
    return f"background:{_TINTS.get(verdict, _OTHER_TINT)};color:inherit"


def _linked(text: str, link: Link | None) -> str:
    if link is None:
        return html.escape(text)
    words = html.escape(link.words)
    linked = f'<a href="{html.escape(link.address)}">{words}</a>' if link.address else words
    return f"{html.escape(text)}\nwritten at {linked}"
