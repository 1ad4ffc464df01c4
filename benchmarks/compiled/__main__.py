"""The command ``python -m benchmarks.compiled``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.__main__ import at_least
from benchmarks.compiled.report import as_json, table
from benchmarks.compiled.rounds import Settings, measure

OUT = Path("build/bench/compiled.json")

USUAL = {"rows": (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)}
QUICK = {"rows": (100, 10_000, 1_000_000), "chain": (1_000, 1_000_000)}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compiled", description="Time microgrid's compiled graphs beside their peers."
    )
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats, and no slow compilers")
    parser.add_argument("--rows", type=at_least(2), nargs="+", metavar="N", help="the rows of the logistic loss")
    parser.add_argument("--chain", type=at_least(2), nargs="+", metavar="N", help="the lengths of the chains")
    parser.add_argument("--repeats", type=at_least(1), metavar="N", help="turns of each peer at each work")
    parser.add_argument("--works", choices=Settings().works, nargs="+", help="all of them unless said")
    parser.add_argument("--peers", choices=Settings().peers, nargs="+", help="all of them unless said")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON file (%(default)s)")
    return parser


def settings_of(arguments: argparse.Namespace) -> Settings:
    """What the command line asks for."""
    asked = {name: tuple(sizes) for name in ("rows", "chain") if (sizes := getattr(arguments, name))}
    usual = Settings()
    return Settings(
        sizes=(QUICK if arguments.quick else USUAL) | asked,
        repeats=arguments.repeats or (3 if arguments.quick else usual.repeats),
        patience=2.0 if arguments.quick else usual.patience,
        slow=not arguments.quick,
        works=tuple(arguments.works or usual.works),
        peers=tuple(arguments.peers or usual.peers),
    )


def main(argv: list[str] | None = None) -> None:
    """Measure, print the tables, write the JSON.

    Parameters
    ----------
    argv : list of str, optional
        The command line's arguments.
    """
    arguments = parser().parse_args(argv)
    settings = settings_of(arguments)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    findings = measure(settings, lambda title: print(f"measuring: {title}", file=sys.stderr))
    print(table(findings))
    arguments.out.write_text(json.dumps(as_json(findings, settings), indent=1) + "\n")
    print(f"\nEvery sample is in {arguments.out}.")


if __name__ == "__main__":
    main()
