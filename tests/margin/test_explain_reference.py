"""`explain` and the reference calculation in plain Python agree on every figure of generated books, from the mark on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from generated.assignments import with_assignments
from generated.books import BookSpec, make_book
from generated.market import AS_OF
from generated.orders import with_orders
from generated.scalings import with_scalings
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.reference_book import reference_book
from oracle.comparing import compare
from oracle.reading import snapshot_of
from oracle.totals import run_snapshot

from stresstest.margin.explain import explain
from stresstest.margin.rulebook import Rulebook


def differences(seed: int, settings: Callable[[BookSpec], BookSpec] = lambda book: book) -> list[str]:
    """What the two sides say differently about the book of a seed, with other settings than its own if any are given."""
    spec = settings(make_book(Path(), seed))
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
    assert differences(seed, with_assignments) == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_rates_and_weights_that_follow_something(seed: int) -> None:
    assert differences(seed, with_scalings) == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_open_orders(seed: int) -> None:
    assert differences(seed, with_orders) == []


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_many_generated_books(seed: int) -> None:
    assert differences(seed) == []
