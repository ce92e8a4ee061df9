"""`explain` against the kernels on the sample: every account in every scenario; and on the recorded accounts where they are at hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from stresstest.config import load_run
from stresstest.margin.explain import explain, holdings_of
from stresstest.results.store import read_table
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.runs.staging import stage
from stresstest.scenarios.resolve import resolve
from stresstest.tables import MEASURES
from stresstest.valuation.value import value_instruments

pytestmark = pytest.mark.usefixtures("staged_once")

ROOT = Path(__file__).parents[2]
BOOKS = {
    "sample": ROOT / "sample_data/run.yaml",
    "hyperliquid": ROOT / "../shared/data/hyperliquid_2026_01_14/run.yaml",
    "mango": ROOT / "../shared/data/mango_2021_10_04/run.yaml",
}
AT_ONCE = 4
"""Scenarios explained together: about 3 kB a position and scenario."""


@pytest.mark.slow
@pytest.mark.parametrize("name", list(BOOKS))
def test_explain_and_kernels_agree(name: str, tmp_path: Path) -> None:
    if not BOOKS[name].exists():
        pytest.skip("the recorded accounts are not part of the repository")
    settings = load_run(BOOKS[name], {"keep": "all", "output.formats": ["json"], "history": None})
    planned = plan(settings, tmp_path / "planned")
    book = stage(settings, planned.rulebook, tmp_path)
    resolved, _ = resolve(planned.scenarios, book.dimensions, planned.rulebook.margin_names())
    marks = value_instruments(book.dimensions, resolved).mark
    holdings = holdings_of(book, range(book.dimensions.accounts.height))
    found = read_table(execute(plan(settings, tmp_path / "out")).folder, "account_scenario")
    ids = list(resolved.ids)
    compared = 0
    for first in range(1, len(ids), AT_ONCE):
        wanted = list(range(first, min(first + AT_ONCE, len(ids))))
        derived = explain(book.dimensions, holdings, resolved, marks, planned.rulebook, wanted).accounts
        joined = derived.join(found, on=["account_id", "scenario_id"], suffix="_kernel")
        compared += joined.filter(pl.col("scenario_id") != "base").height
        for measure in MEASURES:
            one, other = joined[measure.name], joined[f"{measure.name}_kernel"]
            # Sums of entry costs and notionals cancel: their size, not the result's, sets the rounding.
            scale = joined.select(pl.max_horizontal(pl.col(measure.name).abs(), "gross_notional", pl.col("collateral_value").abs(), 1.0)).to_series()
            assert ((one - other).abs() <= 1e-9 * scale).all(), measure.name
        assert (joined["status"] == joined["status_kernel"]).all()
    assert compared == book.dimensions.accounts.height * (len(ids) - 1)
