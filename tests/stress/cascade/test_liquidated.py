"""Pools taken out of the book: what they hold in a scenario, and that sorting and selecting lose nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from stress.cascade.liquidated_case import LiquidatedCase, Pool

from stresstest.margin.kernels.program import COLLATERAL_ROW, ORDER, POSITION, Holdings
from stresstest.margin.kernels.totals import Accounts
from stresstest.stress.cascade.liquidated import Layout, Pairs, joined, select, touch
from stresstest.stress.holders import BlockHoldings

# Assets: 0 BTC, 1 EUR, 2 USD. Instruments: 0 settles in USD, 1 in BTC. A second view of both codes them three and two higher.
LAYOUT = Layout(2, 3, np.array([2, 0, 5, 3], dtype=np.int32), 2, np.array([0, 1], dtype=np.int32), np.zeros(2, dtype=np.bool_))


def block() -> BlockHoldings:
    """Three pools, the first two under the first model, the last, number 12 of the book, under the other."""
    positions = np.array(
        [(0, 0, 5.0, 500.0, -1.0, 10.0), (1, 0, -2.0, -0.1, 0.0, 0.0), (0, 1, 0.0, 0.0, 0.0, 0.0), (2, 0, 0.0, 7.0, 0.0, 0.0)], dtype=POSITION
    )
    collateral = np.array([(0, 0, 1.0), (0, 1, 4.0), (0, -1, -2.0), (2, -1, 100.0), (1, -1, 50.0), (3, 0, 8.0), (4, -1, 9.0)], dtype=COLLATERAL_ROW)
    return BlockHoldings(
        Holdings(
            np.array([0, 2, 3, 4]), positions, np.array([0, 4, 5, 7]), collateral,
            np.array([0, 0, 1], dtype=np.int32), np.ones(3), np.ones(1, dtype=ORDER),
        ),
        Accounts(
            np.arange(4), np.arange(3, dtype=np.int32), np.arange(3, dtype=np.int32), np.zeros(3, dtype=np.int32), np.zeros(3, dtype=np.bool_),
            np.full(3, 0.01), np.zeros(3, dtype=np.bool_),
        ),
        np.zeros(3),
        np.array([10, 11, 12], dtype=np.int32),
    )  # fmt: skip


def listed(pairs: Pairs) -> list[tuple[int, int, list[tuple[float, ...]], list[tuple[int, float]]]]:
    """Each pair with its positions and tokens as tuples."""
    found = []
    for n, (pool, scenario) in enumerate(zip(pairs.pool.tolist(), pairs.scenario.tolist(), strict=True)):
        positions, tokens = slice(*pairs.position_first[n : n + 2]), slice(*pairs.token_first[n : n + 2])
        columns = (pairs.instrument, pairs.quantity, pairs.cost, pairs.funding, pairs.leverage, pairs.credited)
        rows = list(zip(*(column[positions].tolist() for column in columns), strict=True))
        found.append((pool, scenario, rows, list(zip(pairs.asset[tokens].tolist(), pairs.amount[tokens].tolist(), strict=True))))
    return found


FIRST = [(0, 5.0, 500.0, -1.0, 10.0, 1), (1, -2.0, -0.1, 0.0, 0.0, 0)]


def test_pools_hold_what_the_book_says():
    pool, scenario = np.array([0, 0, 1, 2]), np.array([0, 3, 1, 0])
    assert listed(touch(block(), pool, scenario, LAYOUT, {})) == [
        (10, 0, FIRST, [(0, 3.0), (2, 100.0)]),
        (10, 3, FIRST, [(0, 3.0), (2, 100.0)]),
        # A position that was there for an order is gone with it; there is a row for dollars all the same.
        (11, 1, [], [(1, 50.0), (2, 0.0)]),
        # Lots that cancel keep what they have cost; the second model codes dollars as 5.
        (12, 0, [(2, 0.0, 7.0, 0.0, 0.0, 2)], [(3, 8.0), (4, 9.0), (5, 0.0)]),
    ]


def test_deposits_are_what_is_recovered_of_them_row_by_row_before_they_net():
    # In scenario 1 nothing is recovered of BTC in place 1, half of it in place 0, and of what lies nowhere a tenth, which spares the debt.
    shares = {(0, 1): np.array([1.0, 0.0]), (0, 0): np.array([1.0, 0.5]), (0, -1): np.array([1.0, 0.1])}
    found = listed(touch(block(), np.array([0, 0, 2]), np.array([0, 1, 1]), LAYOUT, shares))
    assert [tokens for *_, tokens in found] == [[(0, 3.0), (2, 100.0)], [(0, 0.5 - 2.0), (2, 100.0)], [(3, 4.0), (4, 9.0), (5, 0.0)]]


def test_shares_of_places_that_nobody_of_these_uses():
    shares = {(1, 7): np.array([0.5]), (0, 0): np.array([0.25])}
    (found,) = listed(touch(block(), np.array([0]), np.array([0]), LAYOUT, shares))
    assert found[3] == [(0, 0.25 + 4.0 - 2.0), (2, 100.0)]


CASE = LiquidatedCase(
    {"BTC": {"price": 100.0}},
    {"INV": {"kind": "perpetual", "underlying": "BTC", "payoff": "inverse", "settle": "BTC", "mark_price": 100.0},
     "LIN": {"kind": "perpetual", "underlying": "BTC", "mark_price": 100.0}},
)  # fmt: skip
SIZE = st.floats(-10.0, 10.0).map(lambda size: size + 0.0)
POOLS = st.lists(
    st.builds(
        Pool,
        st.dictionaries(st.sampled_from(["USD", "BTC"]), SIZE),
        st.lists(st.tuples(st.sampled_from(["INV", "LIN"]), SIZE, st.none()), max_size=3),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
)


@given(pools=POOLS, data=st.data())
def test_parts_come_together_again(pools, data):
    pairs = CASE.pairs(*pools)
    one = np.array(data.draw(st.lists(st.booleans(), min_size=len(pools), max_size=len(pools))))
    parts = [select(pairs, np.flatnonzero(chosen)) for chosen in (one, ~one)]
    assert sorted(listed(parts[0]) + listed(parts[1])) == sorted(listed(pairs))
    assert listed(joined(parts)) == listed(parts[0]) + listed(parts[1])
