"""Every peer of the benchmarks that is installed gives the right answer at every work, each in a process of its own."""

from __future__ import annotations

import functools
from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.measure import Worker, difference
from benchmarks.peers import is_installed
from benchmarks.registry import ADAPTERS, PEERS, WORKS
from benchmarks.works.graphs import CHAIN, POINTS, RANDOM
from benchmarks.works.hessian import HESSIAN
from benchmarks.works.logistic import C_ORDER, FORTRAN_ORDER

SMALL = {
    C_ORDER.name: (100, 5_003),
    FORTRAN_ORDER.name: (100, 5_003),
    RANDOM.name: (300,),
    POINTS.name: (300,),
    CHAIN.name: (100,),
    HESSIAN.name: (300,),
    "chain": (50,),
}


def sizes(work: str) -> tuple[int, ...]:
    return SMALL.get(work, (4,) if WORKS[work].setting in ("samples", "rows") else WORKS[work].sizes)


@functools.cache
def reference(work: str, size: int) -> Any:
    module = next(adapter.module for (name, _), adapter in ADAPTERS.items() if name == work)
    with Worker(None, do="refer", module=module, work=work, size=size) as worker:
        return worker.answer()


@pytest.mark.parametrize(("work", "peer"), [pair for pair in ADAPTERS if is_installed(PEERS[pair[1]])])
def test_every_answer_is_the_reference(work: str, peer: str) -> None:
    with Worker(peer, do="introduce", peer=asdict(PEERS[peer])) as worker:
        assert worker.answer().get("missing") is None
    for size in sizes(work):
        right = reference(work, size)
        order = {"work": work, "size": size, "problem": right["problem"], "operations": right["operations"]}
        with Worker(peer, do="time", module=ADAPTERS[work, peer].module, **order) as worker:
            assert difference(peer, worker.answer()["answer"], right["reference"]) is None
            worker.tell("on")
            assert all(seconds > 0.0 for sample in worker.answer() for seconds in sample[:1])
