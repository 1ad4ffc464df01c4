"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Settings, measure_all
from benchmarks.picture import draw
from benchmarks.report import as_json, table

OUT = Path("build/bench/benchmarks.json")


QUICK = Settings(chain=(1_000, 10_000, 100_000, 1_000_000), repeats=3, patience=1.0)


def at_least(least: int) -> Callable[[str], int]:
    """The type of an argument that is a count."""

    def count(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return count


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time microgrid beside its peers.")
    parser.add_argument("--quick", action="store_true", help="shorter chains and fewer repeats")
    parser.add_argument("--chain", type=at_least(2), nargs="+", metavar="N", help="the lengths of the chains")
    parser.add_argument("--samples", type=at_least(2), nargs="+", metavar="N", help="how many samples the models see")
    parser.add_argument("--words", type=at_least(1), nargs="+", metavar="N", help="how many words the GPT reads a step")
    parser.add_argument("--repeats", type=at_least(1), metavar="N", help="runs per figure; small works run more often")
    parser.add_argument("--works", choices=Settings().works, nargs="+", help="all of them unless said")
    parser.add_argument("--peers", choices=Settings().peers, nargs="+", help="all of them unless said")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON file (%(default)s)")
    parser.add_argument(
        "--picture", type=Path, help="the picture's file, SVG or PNG (beside the JSON file unless said)"
    )
    return parser


def settings_of(arguments: argparse.Namespace) -> Settings:
    """What the command line asks for."""
    usual = QUICK if arguments.quick else Settings()
    return Settings(
        chain=tuple(arguments.chain or usual.chain),
        samples=tuple(arguments.samples or usual.samples),
        words=tuple(arguments.words or usual.words),
        repeats=arguments.repeats or usual.repeats,
        patience=usual.patience,
        works=tuple(arguments.works or usual.works),
        peers=tuple(arguments.peers or usual.peers),
    )


def main(argv: list[str] | None = None) -> None:
    """Measure, print the tables, write the JSON and the picture.

    Parameters
    ----------
    argv : list of str, optional
        The command line's arguments.
    """
    arguments = parser().parse_args(argv)
    settings = settings_of(arguments)
    picture = arguments.picture or arguments.out.with_suffix(".svg")
    for path in (arguments.out, picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    findings = measure_all(settings, lambda title: print(f"measuring: {title}", file=sys.stderr))
    print(table(findings))
    arguments.out.write_text(json.dumps(as_json(findings, settings), indent=1) + "\n")
    print(f"\nEvery sample is in {arguments.out}, the picture in {picture}.")
    draw(findings, picture)


if __name__ == "__main__":
    main()
