"""Laws of netting, spooling and cutting: no order of rows changes one bit, and sums are right."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.snapshot.blocks import cut_blocks, read_block, write_block
from stresstest.snapshot.netting import net_balances, net_positions
from stresstest.snapshot.spool import Spool

RANK = np.array([2, 0, 1], np.int32)
number = st.sampled_from([0.1, 0.2, 0.3, -0.7, 1e16, -1e16, 3.3])
lots = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), number, number, number, st.sampled_from([math.inf, 2.0, 5.0])), min_size=1, max_size=40
)
balances = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-1, 1), number), min_size=1, max_size=40)


def columns(rows, kinds):
    return [np.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]


def positions_of(rows):
    pool, instrument, quantity, cost, funding, leverage = columns(rows, ["i4", "i4", "f8", "f8", "f8", "f8"])
    return net_positions(pool, instrument, RANK, quantity, cost, funding, leverage)


@given(lots, st.randoms(use_true_random=False))
def test_lots_in_any_order(rows, random):
    expected = positions_of(rows)
    again = positions_of(random.sample(rows, len(rows)))
    for name in ("pool", "instrument", "quantity", "cost", "funding", "leverage"):
        assert getattr(expected, name).tobytes() == getattr(again, name).tobytes()
    keys = list(zip(expected.pool.tolist(), RANK[expected.instrument].tolist(), strict=True))
    assert keys == sorted({(pool, RANK[instrument]) for pool, instrument, *_ in rows})
    for n, (pool, rank) in enumerate(keys):
        mine = [row for row in rows if (row[0], RANK[row[1]]) == (pool, rank)]
        scale = sum(abs(row[2]) for row in mine)
        assert expected.quantity[n] == pytest.approx(math.fsum(row[2] for row in mine), abs=len(mine) * 3e-16 * scale)
        assert expected.leverage[n] == min(row[5] for row in mine)


@given(balances, st.randoms(use_true_random=False))
def test_collateral_in_any_order(rows, random):
    def net(rows):
        pool, asset, location, amount = columns(rows, ["i4", "i4", "i4", "f8"])
        return net_balances(pool, asset, location, amount, 3, 2)

    expected, again = net(rows), net(random.sample(rows, len(rows)))
    for name in ("pool", "asset", "location", "amount"):
        assert getattr(expected, name).tobytes() == getattr(again, name).tobytes()
    keys = list(zip(expected.pool, expected.asset, expected.location, expected.amount > 0, strict=True))
    assert keys == sorted({(pool, asset, location, amount > 0) for pool, asset, location, amount in rows})


@pytest.mark.parametrize(
    ("quantities", "net"),
    [
        ((0.1, 0.2, -0.3), 0.0),  # 5.6e-17 as it is added up
        ((-0.14120194328464325, 172.0, -172.0, 0.14120194328464325), 0.0),
        ((1.0, -1.0), 0.0),
        ((1e12, -1e12, 0.001), 0.001),  # a thousandth beside 2e12 is more than what rounding leaves
        ((1e-17,), 1e-17),  # one lot is what it says
        ((0.3, -0.2), 0.1),
    ],
)
def test_lots_that_cancel_leave_nothing(quantities, net):
    found = positions_of([(0, 1, quantity, 7.0, 0.0, 2.0) for quantity in quantities])
    assert found.quantity.tolist() == pytest.approx([net], rel=0.03, abs=0.0)
    assert found.cost.tolist() == [7.0 * len(quantities)]


def test_without_funding_and_leverage():
    one, none = np.array([1.0, 2.0]), np.zeros(0, np.int32)
    held = net_positions(np.array([0, 0], np.int32), np.array([1, 1], np.int32), RANK, one, one, None, None)
    assert (held.quantity.tolist(), held.funding.tolist(), held.leverage.tolist()) == ([3.0], [0.0], [math.inf])
    assert len(net_positions(none, none, RANK, np.zeros(0), np.zeros(0), None, None).pool) == 0


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=60))
def test_blocks_are_whole_accounts_and_full(pools):
    edges = cut_blocks(np.array(pools))
    sizes = [sum(pools[first:end]) for first, end in itertools.pairwise(edges)]
    assert (edges[0], edges[-1]) == (0, len(pools))
    assert all(size >= 4096 for size in sizes[:-1])
    assert all(sum(pools[first : end - 1]) < 4096 for first, end in itertools.pairwise(edges)), "no block takes an account too many"


def test_a_block_comes_back_as_it_was(tmp_path):
    codes, floats = np.array([0, 1], np.int32), np.array([1.5, -2.0, math.inf])
    arrays = {
        "position_pool": np.array([0, 0, 1], np.int32), "instrument": np.array([4, 5, 6], np.int32), "quantity": floats, "cost": floats,
        "funding": floats, "leverage": floats, "collateral_pool": codes[:0], "asset": codes[:0], "location": codes[:0], "amount": floats[:0],
    }  # fmt: skip
    write_block(tmp_path / "b.arrow", 3, 77, codes, arrays)
    block = read_block(tmp_path / "b.arrow")
    assert (block.number, block.first_pool, block.pools) == (3, 77, 2)
    for name, values in arrays.items():
        assert getattr(block, name).dtype == values.dtype
        assert getattr(block, name).tolist() == values.tolist()


@pytest.mark.parametrize("on_disk", [False, True])
def test_spool_keeps_ranges_apart(on_disk, tmp_path):
    spool = Spool(np.array([0, 0, 1, 1, 2], np.uint16), tmp_path / "rows" if on_disk else None)
    spool.add({"account": np.array([4, 0, 3, 1], np.int32), "x": np.array([1.0, 2.0, 3.0, 4.0])})
    spool.add({"account": np.array([2, 0], np.int32), "x": np.array([5.0, 6.0])})
    assert [spool.take(n)["x"].tolist() for n in range(3)] == [[2.0, 4.0, 6.0], [3.0, 5.0], [1.0]]
    assert spool.take(0) == {}
