"""`explain` and the reference calculation in plain Python agree on every figure of generated books, from the mark on."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from generated.assignments import with_assignments
from generated.books import make_book
from generated.market import AS_OF
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.reference_book import reference_book
from oracle.comparing import compare
from oracle.reading import snapshot_of
from oracle.totals import run_snapshot

from stresstest.margin.explain import explain
from stresstest.margin.rulebook import Rulebook


def differences(seed: int, *, assigned: bool = False) -> list[str]:
    """What the two sides say differently about the book of a seed, whose models give schedules of their own if `assigned`."""
    spec = with_assignments(make_book(Path(), seed)) if assigned else make_book(Path(), seed)
    snapshot = snapshot_of(spec.tables, AS_OF, spec.reporting)
    book = reference_book(snapshot, spec.margin, spec.scenarios)
    rulebook = Rulebook.model_validate(spec.margin)
    found = explain(book.dimensions, book.holdings, book.resolved, book.marks, rulebook, range(book.resolved.scenarios))
    # The table of pools is about accounts with isolated ones; of the others the pool is the account.
    isolated = found.pools.filter(pl.col("pool_id") != "cross")["account_id"].unique()
    pools = found.pools.filter(pl.col("account_id").is_in(isolated.implode()))
    tables = {"account_scenario": found.accounts.to_dicts(), "pool_scenario": pools.to_dicts()}
    return compare(tables, run_snapshot(snapshot, spec.margin, spec.scenarios))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_generated_books(seed: int) -> None:
    assert differences(seed) == []


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_models_with_schedules_of_their_own(seed: int) -> None:
    assert differences(seed, assigned=True) == []


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_many_generated_books(seed: int) -> None:
    assert differences(seed) == []
