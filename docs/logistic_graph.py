"""Writes the README's picture, in two themes: the page of one sample's logistic loss with every derivative."""

from __future__ import annotations

from pathlib import Path

import microgrid
from microgrid import Page, Value, log, named, step_through


def logistic_graph() -> Page:
    """The loss of one sample with two features, by way of the probability a = σ(z).

    Returns
    -------
    Page
        Its ``picture`` and its ``dark_picture`` are the README's.
    """
    w1, w2, b = Value(0.5, "w1"), Value(-0.25, "w2"), Value(0.1, "b")
    x1, x2, y = Value(2.0, "x1"), Value(1.0, "x2"), Value(1.0, "y")
    z = named(microgrid.sum([named(w1 * x1, "w1·x1"), named(w2 * x2, "w2·x2"), b]), "z")
    a = named(microgrid.sigmoid(z), "a")
    of_ones = named(y * named(log(a), "ln a"), "y·ln a")
    of_zeros = named(named(1 - y, "1 - y") * named(log(named(1 - a, "1 - a")), "ln(1 - a)"), "(1 - y)·ln(1 - a)")
    loss = named(-named(of_ones + of_zeros, "-L"), "L")
    return step_through(loss, parameters=(w1, w2, b), data=(x1, x2, y))


if __name__ == "__main__":
    page, path = logistic_graph(), Path(__file__)
    path.with_suffix(".svg").write_text(page.picture, encoding="utf-8")
    path.with_name("logistic_graph_dark.svg").write_text(page.dark_picture, encoding="utf-8")
