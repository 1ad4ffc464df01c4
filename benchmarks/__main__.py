"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import IMPORT, Settings, measure
from benchmarks.picture import draw
from benchmarks.registry import PEERS, WORKS
from benchmarks.report import as_json, table

OUT = Path("build/bench/benchmarks.json")
SIZES = {
    "chain": (2, "the lengths of the chains"),
    "samples": (2, "how many samples the eager models see"),
    "words": (1, "how many words the GPT reads a step"),
    "rows": (2, "the rows of the compiled logistic loss"),
}
"""For each setting that works have sizes by: the least that makes sense, and what it is."""

QUICK = {"chain": (1_000, 10_000, 100_000, 1_000_000), "rows": (100, 10_000, 1_000_000)}
KINDS = {
    "eager": [*[name for name, work in WORKS.items() if work.kind == "eager"], IMPORT],
    "compiled": [name for name, work in WORKS.items() if work.kind == "compiled"],
}


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
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats, and no slow compilers")
    for setting, (least, meaning) in SIZES.items():
        parser.add_argument(f"--{setting}", type=at_least(least), nargs="+", metavar="N", help=meaning)
    parser.add_argument("--repeats", type=at_least(1), metavar="N", help="turns of each peer at each work")
    works = [*KINDS, *WORKS, IMPORT]
    parser.add_argument("--works", choices=works, nargs="+", help="all of them unless said", metavar="WORK")
    parser.add_argument("--peers", choices=[*PEERS], nargs="+", help="all of them unless said", metavar="PEER")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON file (%(default)s)")
    parser.add_argument(
        "--picture", type=Path, help="the picture's file, SVG or PNG (beside the JSON file unless said)"
    )
    return parser


def settings_of(arguments: argparse.Namespace) -> Settings:
    """What the command line asks for."""
    usual = Settings(sizes=QUICK, repeats=3, patience=1.0, slow=False) if arguments.quick else Settings()
    asked = {setting: tuple(sizes) for setting in SIZES if (sizes := getattr(arguments, setting))}
    works = [name for asked in arguments.works or KINDS for name in KINDS.get(asked, [asked])]
    return Settings(
        sizes=usual.sizes | asked,
        repeats=arguments.repeats or usual.repeats,
        patience=usual.patience,
        slow=usual.slow,
        works=tuple(dict.fromkeys(works)),
        peers=tuple([name for name in PEERS if name in (arguments.peers or PEERS)]),
    )


def main(argv: list[str] | None = None) -> None:
    """Measure, print the tables, write the JSON and the picture."""
    arguments = parser().parse_args(argv)
    settings = settings_of(arguments)
    picture = arguments.picture or arguments.out.with_suffix(".svg")
    for path in (arguments.out, picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    findings = measure(settings, lambda title: print(f"measuring: {title}", file=sys.stderr))
    print(table(findings))
    arguments.out.write_text(json.dumps(as_json(findings, settings), indent=1) + "\n")
    drawn = f", the picture in {picture}" if draw(findings, picture) else ""
    print(f"\nEvery sample is in {arguments.out}{drawn}.")


if __name__ == "__main__":
    main()
