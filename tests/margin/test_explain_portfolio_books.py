"""`explain` and the reference calculation agree on generated books whose accounts are under portfolio models.

Snapshot, factor values and prices are those of a run; all from the grid on is the business of the two sides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pytest
from generated.books import make_book, write
from generated.portfolios import with_portfolio_models
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.comparing import compare
from oracle.reading import read_question
from oracle.totals import run_question

from stresstest.config import load_run
from stresstest.margin.explain import explain, holdings_of
from stresstest.margin.rulebook import load_rulebook
from stresstest.runs.planning import load_scenarios_of
from stresstest.runs.staging import stage
from stresstest.scenarios.resolve import resolve
from stresstest.valuation.value import value_instruments


def differences(seed: int, folder: Path) -> list[str]:
    """What the two sides say differently about the book of a seed."""
    spec = with_portfolio_models(make_book(folder / "book", seed))
    write(spec)
    run = load_run(spec.run_file)
    rulebook = load_rulebook(run.margin)
    (folder / "staged").mkdir()
    book = stage(run, rulebook, folder / "staged")
    resolved, _ = resolve(load_scenarios_of(run), book.dimensions, rulebook.margin_names())
    units = value_instruments(book.dimensions, resolved)
    everyone = holdings_of(book, range(book.dimensions.accounts.height))
    found = explain(book.dimensions, everyone, resolved, units.mark, rulebook, range(resolved.scenarios), units)
    isolated = found.pools.filter(pl.col("pool_id") != "cross")["account_id"].unique()
    pools = found.pools.filter(pl.col("account_id").is_in(isolated.implode()))
    tables = {"account_scenario": found.accounts.to_dicts(), "pool_scenario": pools.to_dicts()}
    return compare(tables, run_question(read_question(spec.folder)))


@pytest.mark.usefixtures("staged_once")
@pytest.mark.parametrize(
    "seed",
    [
        3,  # scans of 27 pools, add-ons line by line
        4,  # offsets, hedges with groups of their own, expiries discounted
        7,  # a hedge whose group has no instrument, and a scan range that names it
        11,
        46,
    ],
)
def test_generated_books(seed: int, tmp_path: Path) -> None:
    assert differences(seed, tmp_path) == []


@pytest.mark.slow
@pytest.mark.usefixtures("staged_once")
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_many_generated_books(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert differences(seed, Path(folder)) == []
