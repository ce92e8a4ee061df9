from __future__ import annotations

from pathlib import Path

import numba
import pytest
from generated.books import write_book
from margin.explain_case import PERPETUAL, Row
from margin.kernels.kernel_case import KernelCase, spot

from stresstest.config import load_run
from stresstest.margin.kernels import fold, reduce
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_the_large_kernels_are_compiled_once(tmp_path: Path) -> None:
    # An array of another order of memory, or one that may not be written, would mean another half minute on a user's first run.
    margin: Row = {"margin_schedules": {name: {"tiers": [{"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}]} for name in "ab"}}
    book = KernelCase({"BTC": {"price": 100.0}}, {"X": {**PERPETUAL, "margin_schedule": "a"}, "Y": {**PERPETUAL, "margin_schedule": "b"}}, margin)
    book.hold("X", 1.0).hold("Y", -1.0)
    book.run()
    book.run(one=spot(50.0), two={"margin_rate": {"a": 2.0}}, three={"margin_rate": {"b": 2.0}, "haircut": {"BTC": 0.1}})
    generated = write_book(tmp_path / "book", 1)
    for keep in ("all", "breaches", "worst"):
        execute(plan(load_run(generated.run_file, {"keep": keep}), tmp_path / keep))
    for kernel in (fold._fold_all, reduce._evaluate):
        assert len(kernel.signatures) == 1, kernel.__name__
