"""Blocks merged: owners and netting groups that reach over borders count once, and nothing depends on where a border is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.explain_case import PERPETUAL, Row
from margin.kernels.kernel_case import KernelCase, spot

from stresstest.margin.kernels.totals import TOP, Totals
from stresstest.stress.evaluation import evaluate_block, no_totals
from stresstest.stress.merge import Merger

# Rates, prices and dollars are such that every figure is exact: totals can then be compared bit by bit, whatever the order of sums.
MARGIN: Row = {"margin_schedules": {"flat": {"tiers": [{"from": 0, "maintenance_rate": 0.125, "initial_rate": 0.25}]}}}
SCENARIOS: dict[str, Row] = {"dip": spot(96.0), "crash": spot(32.0), "rally": spot(160.0)}


def book(owners: list[tuple[int, list[tuple[float, float, int]]]]) -> KernelCase:
    """Owners with their accounts: (contracts of X at 100, dollars, netting group or 0)."""
    accounts: dict[str, Row] = {}
    holdings = []
    for owner, held in owners:
        for quantity, dollars, group in held:
            name = f"a{len(accounts):03d}"
            accounts[name] = {"owner_id": f"o{owner:02d}", **({"netting_group": f"o{owner:02d}-{group}"} if group else {})}
            holdings.append((name, quantity, dollars))
    case = KernelCase({"BTC": {"price": 100.0}}, {"X": PERPETUAL}, MARGIN, accounts)
    for name, quantity, dollars in holdings:
        case.hold("X", quantity, account=name).deposit("USD", dollars, account=name)
    return case


def merged(case: KernelCase, borders: list[int]) -> Totals:
    """Totals of the book cut before the accounts `borders`."""
    compiled, holders, block = case.parts(**SCENARIOS)
    count = len(block.accounts.code)
    merger = Merger(compiled.lanes.used, compiled.lanes.width, holders.slots)
    for first, last in pairwise([0, *sorted(set(borders) - {0, count}), count]):
        owners = holders.owner
        begun = first > 0 and owners[first - 1] == owners[first]
        goes_on = last < count and owners[last] == owners[last - 1]
        evaluated = evaluate_block(compiled, holders, block.select(np.arange(first, last)), open_ends=(bool(begun), bool(goes_on)))
        merger.add(evaluated.totals, evaluated.edges, int(owners[first]), int(owners[last - 1]), bool(goes_on))
    return merger.result()


def by_scenario(case: KernelCase, totals: Totals) -> dict[str, Any]:
    """Everything but padding, by scenario."""
    compiled, _, _ = case.parts(**SCENARIOS)
    lanes = compiled.lanes
    return {
        "figures": lanes.unpack(np.moveaxis(totals.figures, 0, -2)).tolist(),
        "statuses": lanes.unpack(np.moveaxis(totals.statuses + (totals.all_ok[:, np.newaxis, np.newaxis] * np.eye(4, 1)), 0, -2)).tolist(),
        "newly": lanes.unpack(totals.newly).tolist(),
        "owners_in_default": lanes.unpack(totals.owners_in_default).tolist(),
        "top_loss": lanes.unpack(np.moveaxis(totals.top_loss, 0, -2)).tolist(),
        "top_owner": lanes.unpack(np.moveaxis(totals.top_owner, 0, -2)).tolist(),
        "largest": lanes.unpack(totals.largest).tolist(),
        "largest_account": lanes.unpack(totals.largest_account).tolist(),
    }


def test_an_owner_over_three_blocks_is_one_owner() -> None:
    # In the crash every contract loses 68: less 25 of initial margin 43, and each account has 8 dollars a contract.
    case = book([(0, [(1.0, 8.0, 0)]), (1, [(2.0, 16.0, 0), (3.0, 24.0, 0), (4.0, 32.0, 0)]), (2, [(5.0, 40.0, 0)])])
    for borders in ([], [2, 3], [1, 2, 3, 4]):
        found = by_scenario(case, merged(case, borders))
        crash = 2
        stress, loss = np.array(found["top_loss"])[:, :, crash]
        assert stress.tolist() == [9 * 43, 5 * 43, 43, 0, 0]
        assert loss.tolist() == [9 * 60, 5 * 60, 60, 0, 0]
        assert np.array(found["top_owner"])[0, :, crash].tolist() == [1, 2, 0, -1, -1]
        assert found["owners_in_default"][crash] == 3


def test_a_netting_group_over_a_border_nets() -> None:
    # Long 4 and short 3 under one group: the loss of the one is covered by the gain of the other, and so are the margins.
    case = book([(0, [(4.0, 32.0, 1), (-3.0, 24.0, 1), (1.0, 8.0, 0)]), (1, [(-1.0, 8.0, 0)])])
    for borders in ([], [1], [2], [1, 2, 3]):
        found = by_scenario(case, merged(case, borders))
        crash, rally = 2, 3
        # Group: loses 68, margin 175; equity 56 - 68 = -12. The third account loses 68 - 25 = 43, and is 60 under water.
        assert np.array(found["top_loss"])[0, :2, crash].tolist() == [43, 0]
        assert np.array(found["top_loss"])[1, :2, crash].tolist() == [72, 0]
        # In the rally the owner gains on balance; the short of the other owner loses 60 - 25.
        assert np.array(found["top_loss"])[0, :2, rally].tolist() == [35, 0]
        assert found["owners_in_default"][crash] == 1


def test_two_netting_groups_of_an_owner_do_not_net_with_each_other() -> None:
    case = book([(0, [(4.0, 32.0, 1), (-4.0, 32.0, 2)])])
    for borders in ([], [1]):
        found = by_scenario(case, merged(case, borders))
        assert np.array(found["top_loss"])[0, 0].tolist() == [0, 0, 4 * 43, 4 * 35]


def test_equal_losses_stand_in_the_order_of_the_book() -> None:
    case = book([(number, [(1.0, 8.0, 0)]) for number in range(8)])
    for borders in ([], [3], list(range(8))):
        found = by_scenario(case, merged(case, borders))
        assert np.array(found["top_owner"])[0, :, 2].tolist() == list(range(TOP))
        assert found["largest_account"][2] == 0


holdings = st.tuples(st.integers(-6, 6).map(float), st.sampled_from([0.0, 8.0, 16.0, 32.0, 128.0]), st.integers(0, 2))
books = st.lists(st.lists(holdings, min_size=1, max_size=5), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(books, st.lists(st.integers(1, 29), max_size=6))
def test_totals_do_not_depend_on_borders(accounts: list[list[tuple[float, float, int]]], borders: list[int]) -> None:
    case = book(list(enumerate(accounts)))
    borders = [border for border in borders if border < len(case.accounts)]
    assert by_scenario(case, merged(case, borders)) == by_scenario(case, merged(case, []))


def test_blocks_out_of_order_are_refused() -> None:
    totals = no_totals(1, 8)
    case = book([(0, [(1.0, 8.0, 0), (1.0, 8.0, 0)]), (1, [(1.0, 8.0, 0)])])
    compiled, holders, block = case.parts()
    first = evaluate_block(compiled, holders, block.select(np.arange(1)), open_ends=(False, True))
    merger = Merger(compiled.lanes.used, compiled.lanes.width, holders.slots)
    merger.add(first.totals, first.edges, 0, 0, True)
    with pytest.raises(AssertionError, match="still open"):
        merger.result()
    with pytest.raises(AssertionError, match="not in order"):
        merger.add(totals, first.edges, 1, 1, False)
