"""The kernel alone: fold the pools of a staged book and walk them over all scenarios, on all cores.

    python -m benchmarks.kernel BOOK...

Prints one JSON object. Reading, resolving, revaluing and writing are not in it; folding, initial and maintenance margin, balances,
statuses, owners, Cover-N and the worst scenario of every account are.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import cores
from stresstest.config import load_run
from stresstest.executors import make_executor
from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.kernels.program import STEPS_AT
from stresstest.runs.planning import plan
from stresstest.runs.staging import stage
from stresstest.scenarios.resolve import resolve
from stresstest.snapshot.stage import load_block
from stresstest.stress.evaluation import evaluate_block, folded
from stresstest.stress.held import held_by_model
from stresstest.stress.holders import BlockHoldings, block_holdings, holders_of
from stresstest.stress.static import headline_flags
from stresstest.valuation.value import value_instruments

REPEATS = 5


def measured(run_file: Path) -> dict[str, float]:
    """Position-scenarios a second (best of several), the share of folding in them, and what was measured."""
    settings = load_run(run_file)
    planned = plan(settings)
    with tempfile.TemporaryDirectory() as work:
        book = stage(settings, planned.rulebook, Path(work))
        resolved, _ = resolve(planned.scenarios, book.dimensions, planned.rulebook.margin_names())
        units = value_instruments(book.dimensions, resolved)
        flags, held = headline_flags(planned.scenarios.scenarios), held_by_model(book, planned.rulebook)
        compiled = compile_tables(book.dimensions, resolved, units, planned.rulebook, flags, held=held)
        holders = holders_of(book.dimensions, compiled.models)
        blocks = [block_holdings(load_block(book, number), holders, compiled) for number in range(book.blocks)]
        evaluate_block(compiled, holders, blocks[0])  # compiled, or read from the cache, before the clock runs
        whole = _best(lambda block: evaluate_block(compiled, holders, block), blocks)
        fold = _best(lambda block: folded(compiled, block), blocks)
        states = book.positions * (len(planned.scenarios) - 1)
        return {
            "rate": states / whole, "seconds": whole, "fold_share": fold / whole, "positions": book.positions,
            "steps_a_position": _steps(compiled, blocks) / book.positions,
        }  # fmt: skip


def _best(work: Callable[[BlockHoldings], object], blocks: list[BlockHoldings]) -> float:
    """Shortest time of several over all blocks."""
    times = []
    with make_executor("threads", cores()) as executor:
        for _ in range(REPEATS):
            started = time.perf_counter()
            for _done in executor.map(lambda block: work(block) is None, blocks):
                pass
            times.append(time.perf_counter() - started)
    return min(times)


def _steps(compiled: Compiled, blocks: list[BlockHoldings]) -> int:
    """Live pieces beyond the first: tier and band edges that some scenario crosses."""
    return sum(int(folded(compiled, block).first[-1, STEPS_AT]) for block in blocks)


def main() -> None:
    """Measure books, a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=Path, nargs="+")
    for book in parser.parse_args().books:
        print(json.dumps(measured(book / "run.yaml")))


if __name__ == "__main__":
    main()
